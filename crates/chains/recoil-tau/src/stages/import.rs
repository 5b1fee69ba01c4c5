//! `tau import`: candidate tuples and NanoAOD as columnar tables.

use recoil_root::write::Compression;
use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, Flag, OutputKind, Problem, Report, Run, Stage, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::files::{BadFiles, CANDIDATES, FilesConfig, OnBadFile};
use crate::data::columns::TREE;
use crate::data::file::CandidateFile;
use crate::data::labels::{LABEL_COLUMNS, classes};
use crate::data::nanoaod::{EVENTS, NanoImport};
use crate::error::{Result, TauError};
use crate::shuffle::write::CandidateWriter;

/// What an input is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// What it looks like.
    #[default]
    Auto,
    /// A candidate tuple, one row per candidate.
    Tuple,
    /// Central NanoAOD, one row per event.
    Nanoaod,
}

/// Keys of `tau import`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ImportConfig {
    /// The files.
    pub files: FilesConfig,
    /// What they are: `tuple`, `nanoaod`, or `auto` to look at them.
    pub kind: Kind,
    /// Columns that are left out.
    pub disabled_branches: Vec<String>,
    /// What happens with files that cannot be used: `stop` or `skip`.
    pub on_bad_file: OnBadFile,
}

impl Config for ImportConfig {
    fn check(&self) -> Vec<Problem> {
        self.files.problems("files.")
    }
}

/// Imports files.
pub struct Import;

/// Rows that are copied at once.
const ROWS: u64 = 2000;

impl Stage for Import {
    type Config = ImportConfig;

    fn description(&self) -> Description {
        Description {
            name: "tau import",
            about: "Copy candidate tuples or NanoAOD to Parquet or ROOT",
            long: "Candidate tuples keep all columns with their names. Of NanoAOD (trees and RNTuples) every tau becomes a \
                   candidate with the names of the tuple; the truth follows from Tau_genPartFlav, and columns that the \
                   tuple does not have keep their names. Several inputs of the same columns become one output.",
            inputs: &[CANDIDATES],
            output: OutputKind::File { doc: "the candidates", formats: &["parquet", "root"] },
            flags: &[
                Flag { name: "input-dir", key: "files.input_dir", list: true },
                Flag { name: "kind", key: "kind", list: false },
                Flag { name: "disabled-branches", key: "disabled_branches", list: true },
                Flag { name: "on-bad-file", key: "on_bad_file", list: false },
            ],
        }
    }

    fn run(&self, config: &ImportConfig, run: &Run) -> std::result::Result<Report, StageError> {
        let files = config.files.some(run.inputs())?;
        let bad = BadFiles::new(config.on_bad_file, Some(run));
        let mut out: Option<Output> = None;
        let path = run.output_file()?;
        let progress = run.progress("importing", "rows", None);
        let (mut rows, mut count) = (0, 0);
        let mut by_class = std::collections::BTreeMap::new();
        for input in &files {
            let mut import = || -> Result<u64> {
                let (file, is_nano) = open(config, input)?;
                let source = Source::new(&file, is_nano, &config.disabled_branches)?;
                let output = match &mut out {
                    Some(output) => output,
                    None => out.insert(Output {
                        columns: source.columns.clone(),
                        writer: CandidateWriter::create(&path, &source.columns, Compression::Zstd(5))?,
                    }),
                };
                if output.columns != source.columns {
                    let reason = "has other columns than the files before; import it on its own";
                    return Err(TauError::content(file.name(), reason));
                }
                let (mut start, mut written) = (0, 0);
                while start < file.rows() {
                    let end = file.rows().min(start + ROWS);
                    let columns = source.read(start..end)?;
                    source.count(file.name(), start, &columns, &mut by_class)?;
                    written += columns.first().map_or(0, |column| column.len()) as u64;
                    output.writer.write(columns)?;
                    progress.add(end - start);
                    start = end;
                }
                Ok(written)
            };
            run.check()?;
            if let Some(written) = bad.unless_bad(import()).input_error("cannot import")? {
                rows += written;
                count += 1;
            }
        }
        match out {
            Some(output) => output.writer.finish(&run.embedded_provenance()).output_error("cannot write")?,
            None => return Err(StageError::input("none of the files can be imported")),
        }
        let table = by_class.into_iter().map(|(class, count): (&str, u64)| vec![class.into(), count.into()]).collect();
        let report = Report::new().value("files", count).value("candidates", rows);
        Ok(bad.report(report.table("classes", &["class", "candidates"], table)))
    }
}

struct Output {
    columns: Vec<(String, recoil_root::Type)>,
    writer: CandidateWriter,
}

/// Opens a file and tells whether it is NanoAOD.
fn open(config: &ImportConfig, path: &std::path::Path) -> Result<(CandidateFile, bool)> {
    let shown = path.display().to_string();
    let nano = |address: String| CandidateFile::open(&address).map(|file| (file, true));
    let events = format!("{shown}:{EVENTS}");
    match config.kind {
        Kind::Tuple => config.files.open(path).map(|file| (file, false)),
        Kind::Nanoaod => nano(events),
        Kind::Auto => match config.files.open(path) {
            Ok(file) => Ok((file, false)),
            Err(error) if shown.ends_with(".root") && config.files.tree == TREE => nano(events).map_err(|_| error),
            Err(error) => Err(error),
        },
    }
}

/// A file as candidates.
struct Source<'a> {
    file: &'a CandidateFile,
    nano: Option<NanoImport<'a>>,
    columns: Vec<(String, recoil_root::Type)>,
    /// Which of the columns that the source gives are kept.
    kept: Vec<bool>,
}

impl<'a> Source<'a> {
    fn new(file: &'a CandidateFile, is_nano: bool, disabled: &[String]) -> Result<Self> {
        let nano = is_nano.then(|| NanoImport::new(file)).transpose()?;
        let all = nano.as_ref().map_or_else(|| file.columns().0, NanoImport::columns);
        let kept: Vec<bool> = all.iter().map(|(name, _)| !disabled.contains(name)).collect();
        let columns = all.into_iter().zip(&kept).filter(|(_, kept)| **kept).map(|(column, _)| column).collect();
        Ok(Self { file, nano, columns, kept })
    }

    fn read(&self, rows: std::ops::Range<u64>) -> Result<Vec<recoil_root::Column>> {
        let Some(nano) = &self.nano else {
            let names: Vec<&str> = self.columns.iter().map(|(name, _)| name.as_str()).collect();
            return self.file.read(&names, rows);
        };
        let columns = nano.read(rows)?.into_iter().zip(&self.kept);
        Ok(columns.filter(|(_, kept)| **kept).map(|(column, _)| column).collect())
    }

    /// Counts candidates by class, where the columns of the truth are there.
    fn count(
        &self,
        file: &str,
        first: u64,
        columns: &[recoil_root::Column],
        into: &mut std::collections::BTreeMap<&'static str, u64>,
    ) -> Result<()> {
        let place = |name: &&str| self.columns.iter().position(|(known, _)| known == *name);
        let found: Option<Vec<_>> = LABEL_COLUMNS.iter().map(|name| columns.get(place(name)?).cloned()).collect();
        let Some(found) = found else { return Ok(()) };
        for class in classes(file, first, found)? {
            *into.entry(class.map_or("none", |class| class.name())).or_default() += 1;
        }
        Ok(())
    }
}
