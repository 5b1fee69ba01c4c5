//! `iact merge`: DL1 or DL2 files of one kind as one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, Flag, InputRole, Inputs, OutputKind, Problem, Report, Run, Stage, StageError};
use recoil_table::hdf5::{Attribute, Member, StoredTable, TableFile, TableRows, Value, row_bytes};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::blame;
use crate::dl1::stored::{Dl1Tables, Place};
use crate::error::{IactError, Result};

/// Bytes that are copied at a time.
const COPY_BYTES: usize = 4 << 20;
const VERSION: &str = "LSTCHAIN_VERSION";
const INSTRUMENT: &str = "configuration/instrument/";
const RUN_CONFIG: &str = "simulation/run_config";
/// Where the tables of reconstructed events are.
const EVENTS: &str = "dl2/event/telescope/parameters";
const THROWN: &str = "simulation/thrown_event_distribution";
/// Monitoring of parts of runs, which has no place in a merged file.
const MONITORING: &str = "dl1/event/telescope/monitoring/";
/// What may differ between runs of one production.
const OWN_OF_A_RUN: [&str; 7] = [
    "obs_id",
    "run_number",
    "n_showers",
    "shower_reuse",
    "shower_prog_start",
    "detector_prog_start",
    "detector_prog_id",
];

/// Keys of `iact merge`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MergeConfig {
    /// Names of the files that are merged, below a folder: `*` stands for anything in a name, `**` for any folders.
    pub pattern: String,
    /// Only files with this number of a run in their names, as in `Run00123`; none for all.
    pub run_number: Option<u32>,
    /// Whether tables of images are left out.
    pub no_image: bool,
    /// Whether files are merged without asking whether they belong together.
    pub skip_checks: bool,
    /// Whether files that cannot be merged are left out; else the first one ends the merging.
    pub skip_bad: bool,
    /// Tables that are taken from the first file alone.
    pub keys_to_copy: Vec<String>,
}

impl Default for MergeConfig {
    fn default() -> Self {
        Self {
            pattern: "*.h5".into(),
            run_number: None,
            no_image: false,
            skip_checks: false,
            skip_bad: false,
            keys_to_copy: Vec::new(),
        }
    }
}

impl Config for MergeConfig {
    fn check(&self) -> Vec<Problem> {
        let empty = self.pattern.is_empty();
        empty.then(|| Problem::new("pattern", "must not be empty")).into_iter().collect()
    }
}

const FOLDER: InputRole = InputRole::optional("input-dir", "folders of files", &[]).short('d').many();
const FILES: InputRole = InputRole::optional("input-file", "files to be merged", &["h5"]).short('f').many();

/// Whether a name fits a pattern in which `*` stands for anything and `?` for one character.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern.split_first(), name.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => {
            fits(rest, name) || name.split_first().is_some_and(|(_, after)| fits(pattern, after))
        }
        (Some((b'?', rest)), Some((_, after))) => fits(rest, after),
        (Some((wanted, rest)), Some((found, after))) => wanted == found && fits(rest, after),
        _ => false,
    }
}

/// Adds the files below a folder whose path fits the parts of a pattern. Hidden names fit only patterns that begin with a
/// dot, as in a shell.
fn below(folder: &Path, parts: &[&str], found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    let Some((part, rest)) = parts.split_first() else { return Ok(()) };
    if *part == "**" {
        below(folder, rest, found)?;
    }
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        let visible = !name.starts_with(b".") || part.starts_with('.');
        match (*part, rest) {
            _ if !visible => {}
            ("**", _) => {
                // links could lead in circles
                if path.is_dir() && !path.is_symlink() {
                    below(&path, parts, found)?;
                }
            }
            (part, []) => {
                if fits(part.as_bytes(), name) && path.is_file() {
                    found.push(path);
                }
            }
            (part, rest) => {
                if fits(part.as_bytes(), name) && path.is_dir() {
                    below(&path, rest, found)?;
                }
            }
        }
    }
    Ok(())
}

impl MergeConfig {
    fn files(&self, inputs: &Inputs) -> std::result::Result<Vec<PathBuf>, StageError> {
        let mut found: Vec<PathBuf> = inputs.all(FILES.role).map(|file| file.path.clone()).collect();
        for folder in inputs.all(FOLDER.role) {
            let folder = &folder.path;
            let parts: Vec<&str> = self.pattern.split('/').filter(|part| !part.is_empty()).collect();
            let mut inside = Vec::new();
            below(folder, &parts, &mut inside).input_error(format!("cannot list {}", folder.display()))?;
            inside.sort();
            inside.dedup();
            found.extend(inside);
        }
        if let Some(run) = self.run_number {
            let run = format!("Run{run:05}");
            found.retain(|path| path.to_string_lossy().contains(&run));
        }
        if found.is_empty() {
            return Err(StageError::usage("there is no file to merge: give --input-dir FOLDER or --input-file FILE"));
        }
        Ok(found)
    }
}

/// Merges files.
pub struct Merge;

impl Stage for Merge {
    type Config = MergeConfig;

    fn description(&self) -> Description {
        Description {
            name: "iact merge",
            about: "Merge DL1 or DL2 files of one production",
            long: "Appends the tables of all files in the order of their names; the description of the instrument comes \
                   from the first. Versions, instruments, configurations of the simulation and the axes of its histogram \
                   must agree; a file that does not fit ends the merging, or is left out and reported with --skip-bad.",
            inputs: &[FOLDER, FILES],
            output: OutputKind::File { doc: "the merged file", formats: &["h5"] },
            flags: &[
                Flag { name: "pattern", key: "pattern", list: false },
                Flag { name: "run-number", key: "run_number", list: false },
                Flag { name: "no-image", key: "no_image", list: false },
                Flag { name: "skip-checks", key: "skip_checks", list: false },
                Flag { name: "skip-bad", key: "skip_bad", list: false },
                Flag { name: "keys-to-copy", key: "keys_to_copy", list: true },
            ],
        }
    }

    fn run(&self, config: &MergeConfig, run: &Run) -> std::result::Result<Report, StageError> {
        let files = config.files(run.inputs())?;
        let mut bad: Vec<String> = Vec::new();
        let mut good: Vec<&PathBuf> = Vec::new();
        let mut first: Option<Identity> = None;
        for path in &files {
            run.check()?;
            let judged = Identity::of(path).and_then(|own| match (&first, config.skip_checks) {
                (Some(first), false) => first.fits(&own).map(|()| own),
                _ => Ok(own),
            });
            match judged {
                Ok(own) => {
                    first.get_or_insert(own);
                    good.push(path);
                }
                Err(error) if config.skip_bad => {
                    run.warn("bad_file", format!("left out: {error}"));
                    bad.push(error.to_string());
                }
                Err(error) => return Err(blame("cannot merge")(error)),
            }
        }
        let Some(begin) = good.first() else { return Err(StageError::input("no file can be merged")) };
        let doing = "cannot merge";
        let mut out = TableFile::create(&run.output_file()?).output_error(doing)?;
        let mut tables = Dl1Tables::open(begin).map_err(blame(doing))?;
        attributes(&tables, &mut out, run).output_error(doing)?;
        let wanted = |path: &str| !(config.no_image && path.contains("image") || path.starts_with(MONITORING));
        let once = |path: &str| {
            path.starts_with(INSTRUMENT) || config.keys_to_copy.iter().any(|key| key.trim_matches('/') == path)
        };
        let mut growing: BTreeMap<String, (TableRows, Vec<Member>)> = BTreeMap::new();
        let progress = run.progress("merging", "files", Some(good.len() as u64));
        for (number, path) in good.iter().enumerate() {
            if number > 0 {
                tables = Dl1Tables::open(path).map_err(blame(doing))?;
            }
            for (name, table) in tables.tables().iter_mut().filter(|(name, _)| wanted(name)) {
                match growing.get_mut(name) {
                    // a file without events lacks their tables
                    None => {
                        growing.insert(name.clone(), (copy(table, &mut out, run)?, table.members.clone()));
                    }
                    Some(_) if once(name) => {}
                    Some((rows, members)) => {
                        let cast = Cast::new(&table.members, members).ok_or_else(|| {
                            let what = format!("the table {name} has other columns than in the first file");
                            StageError::input(format!("{}: {what}", path.display()))
                        })?;
                        append(table, rows, &cast, run)?;
                    }
                }
            }
            progress.add(1);
        }
        let mut events = 0;
        for (path, (rows, _)) in growing {
            let count = rows.finish().output_error(doing)?;
            if path.starts_with(crate::dl1::stored::PARAMETERS) || path.starts_with(EVENTS) {
                events += count;
            }
        }
        let names: Vec<String> = good.iter().map(|path| path.display().to_string()).collect();
        out.texts("source_filenames/filenames", &names).output_error(doing)?;
        out.close().output_error(doing)?;
        let report = Report::new().value("files", good.len()).value("bad_files", bad.len()).value("events", events);
        if bad.is_empty() {
            return Ok(report);
        }
        Ok(report.table("files left out", &["why"], bad.into_iter().map(|why| vec![why.into()]).collect()))
    }
}

/// Copies a table with its attributes into another file.
pub(super) fn copy(
    table: &mut StoredTable,
    out: &mut TableFile,
    run: &Run,
) -> std::result::Result<TableRows, StageError> {
    let made = out.table(&table.path, &table.members, &table.attributes);
    let mut rows = made.output_error(format!("cannot copy {}", table.path))?;
    append(table, &mut rows, &Cast::Same, run)?;
    Ok(rows)
}

/// Gives a file the attributes of another, and its own provenance.
pub(super) fn attributes(tables: &Dl1Tables, out: &mut TableFile, run: &Run) -> recoil_table::Result<()> {
    for (name, value) in tables.attributes().iter().filter(|(name, _)| name != recoil_table::PROVENANCE) {
        out.attribute(name, Attribute::String(value.clone()))?;
    }
    out.attribute(recoil_table::PROVENANCE, Attribute::VarLenString(run.embedded_provenance()))
}

/// How rows get the types of the first file's columns.
enum Cast {
    Same,
    /// Bytes of a row before and after, and for each value where it comes from and goes to.
    Values(usize, usize, Vec<(Place, Place)>),
}

impl Cast {
    /// None if the columns have other names or shapes.
    fn new(from: &[Member], to: &[Member]) -> Option<Self> {
        if from == to {
            return Some(Self::Same);
        }
        let alike = |(from, to): (&Member, &Member)| {
            let text = |value: Value| matches!(value, Value::Text(_));
            from.name == to.name && from.shape == to.shape && !text(from.value) && !text(to.value)
        };
        if from.len() != to.len() || !from.iter().zip(to).all(alike) {
            return None;
        }
        let places = |members: &[Member]| members.iter().flat_map(|member| Place::all(members, member)).collect();
        let (own, wanted): (Vec<Place>, Vec<Place>) = (places(from), places(to));
        Some(Self::Values(row_bytes(from), row_bytes(to), own.into_iter().zip(wanted).collect()))
    }

    fn apply(&self, rows: Vec<u8>) -> Vec<u8> {
        let Self::Values(before, after, places) = self else { return rows };
        let mut done = vec![0; rows.len() / (*before).max(1) * after];
        for (row, target) in rows.chunks_exact((*before).max(1)).zip(done.chunks_exact_mut((*after).max(1))) {
            places.iter().for_each(|(from, to)| from.copy(row, *to, target));
        }
        done
    }
}

fn append(
    table: &mut StoredTable,
    rows: &mut TableRows,
    cast: &Cast,
    run: &Run,
) -> std::result::Result<(), StageError> {
    let doing = format!("cannot copy {}", table.path);
    let step = (COPY_BYTES / table.row_bytes().max(1)).max(1) as u64;
    let mut start = 0;
    while start < table.rows() {
        run.check()?;
        let count = step.min(table.rows() - start);
        let bytes = table.read(start, count).input_error(doing.clone())?;
        rows.push(&cast.apply(bytes)).output_error(doing.clone())?;
        start += count;
    }
    Ok(())
}

/// What must agree between files.
struct Identity {
    file: String,
    version: String,
    instrument: Vec<(String, Vec<u8>)>,
    simulation: Vec<(String, f64)>,
    axes: Vec<f64>,
}

impl Identity {
    fn of(path: &Path) -> Result<Self> {
        let mut tables = Dl1Tables::open(path)?;
        let version = tables.attributes().iter().find(|(name, _)| name == VERSION).map(|(_, value)| value.clone());
        let mut found = Self {
            file: path.display().to_string(),
            version: version.unwrap_or_default(),
            instrument: Vec::new(),
            simulation: Vec::new(),
            axes: Vec::new(),
        };
        for (name, table) in tables.tables() {
            let rows = table.rows();
            if name.starts_with(INSTRUMENT) {
                found.instrument.push((name.clone(), table.read(0, rows)?));
            } else if name == RUN_CONFIG && rows > 0 {
                let row = table.read(0, 1)?;
                for member in table.members.iter().filter(|member| !OWN_OF_A_RUN.contains(&member.name.as_str())) {
                    let value = Place::find(&table.members, &member.name).map_or(f64::NAN, |place| place.get(&row));
                    found.simulation.push((member.name.clone(), value));
                }
            } else if name == THROWN && rows > 0 {
                let row = table.read(0, 1)?;
                for edges in ["bins_energy", "bins_core_dist"] {
                    let start = recoil_table::hdf5::offset_of(&table.members, edges).unwrap_or(0);
                    let size = table.members.iter().find(|m| m.name == edges).map_or(0, Member::size);
                    let bytes = row.get(start..start + size).unwrap_or_default();
                    found.axes.extend(bytes.as_chunks::<8>().0.iter().map(|word| f64::from_le_bytes(*word)));
                }
            }
        }
        Ok(found)
    }

    fn fits(&self, other: &Self) -> Result<()> {
        let no = |what: String| Err(IactError::content(&other.file, format!("{what} than {}", self.file)));
        if self.version != other.version {
            return no(format!("made by another version ('{}', not '{}')", other.version, self.version));
        }
        if self.instrument != other.instrument {
            let differs = self.instrument.iter().zip(&other.instrument).find(|(a, b)| a != b);
            let name = differs.map_or("a table", |((name, _), _)| name.as_str());
            return no(format!("describes another instrument ({name})"));
        }
        let same = |a: f64, b: f64| a == b || a.is_nan() && b.is_nan();
        for (name, value) in &self.simulation {
            let found = other.simulation.iter().find(|(known, _)| known == name).map(|(_, value)| *value);
            if !found.is_some_and(|found| same(found, *value)) {
                let found = found.map_or("nothing".to_owned(), |found| found.to_string());
                return no(format!("simulated with another {name} ({found}, not {value})"));
            }
        }
        if self.axes != other.axes {
            return no("has other axes of the histogram of thrown showers".into());
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, name, expected) in [
            ("*.h5", "dl1_a.h5", true),
            ("*.h5", "dl1_a.h5.tmp", false),
            ("dl1_*_run?.h5", "dl1_gamma_run7.h5", true),
            ("dl1_*_run?.h5", "dl1_gamma_run71.h5", false),
        ] {
            assert_eq!(fits(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn patterns_reach_into_folders() {
        let home = tempfile::tempdir().unwrap();
        for name in ["a.h5", "one/b.h5", "one/deep/c.h5", "two/d.h5", "two/e.txt", ".hidden/f.h5"] {
            let path = home.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        for (pattern, expected) in [
            ("*.h5", &["a.h5"][..]),
            ("*/*.h5", &["one/b.h5", "two/d.h5"]),
            ("*/*/*.h5", &["one/deep/c.h5"]),
            ("**/*.h5", &["a.h5", "one/b.h5", "one/deep/c.h5", "two/d.h5"]),
            ("one/**/*.h5", &["one/b.h5", "one/deep/c.h5"]),
        ] {
            let mut found = Vec::new();
            below(home.path(), &pattern.split('/').collect::<Vec<_>>(), &mut found).unwrap();
            found.sort();
            let expected: Vec<PathBuf> = expected.iter().map(|name| home.path().join(name)).collect();
            assert_eq!(found, expected, "{pattern}");
        }
    }

    #[test]
    fn other_types_are_cast() {
        let members = |value| [Member::scalar("n", Value::I32), Member::array("counts", value, &[2])];
        let (wide, narrow) = (members(Value::F64), members(Value::F32));
        let mut row = 7i32.to_le_bytes().to_vec();
        [1.5f32, -2.0].iter().for_each(|value| row.extend(value.to_le_bytes()));
        let cast = Cast::new(&narrow, &wide).unwrap();
        let mut expected = 7i32.to_le_bytes().to_vec();
        [1.5f64, -2.0].iter().for_each(|value| expected.extend(value.to_le_bytes()));
        assert_eq!(cast.apply(row), expected);
        assert!(Cast::new(&narrow, &wide[..1]).is_none());
    }
}
