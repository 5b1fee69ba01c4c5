//! `tau simulate`: candidates of the generator.

use std::fmt::Write as _;

use recoil_root::write::Compression;
use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, Flag, Inputs, OutputKind, Problem, Report, Run, Stage, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::shuffle_merge::FileFormat;
use crate::shuffle::write::CandidateWriter;
use crate::simulate::{Sample, candidates, columns, tuple_columns};

/// A data set to be made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dataset {
    /// Name of its folder.
    pub name: String,
    /// Kind of collisions.
    pub sample: Sample,
    /// Number of its files.
    pub files: u32,
}

/// Keys of `tau simulate`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SimulateConfig {
    /// The data sets.
    pub datasets: Vec<Dataset>,
    /// Candidates in each file.
    pub candidates: u64,
    /// Format of the files: `root` or `parquet`.
    pub format: FileFormat,
    /// Most candidates that are made at a time.
    pub batch: usize,
}

impl Default for SimulateConfig {
    fn default() -> Self {
        let dataset = |name: &str, sample, files| Dataset { name: name.to_owned(), sample, files };
        Self {
            datasets: vec![
                dataset("DYJetsToLL", Sample::DY, 4),
                dataset("TTJets", Sample::TT, 5),
                dataset("WJetsToLNu", Sample::W, 4),
                dataset("QCD", Sample::QCD, 3),
                dataset("VBFHToTauTau", Sample::VBFH, 1),
                dataset("TauGun", Sample::TauGun, 2),
                dataset("ZprimeToEE", Sample::ZprimeEE, 1),
            ],
            candidates: 1000,
            format: FileFormat::Root,
            batch: 2000,
        }
    }
}

impl Config for SimulateConfig {
    fn check(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        for (index, dataset) in self.datasets.iter().enumerate() {
            let key = format!("datasets[{index}].name");
            let plain = |letter: char| letter.is_ascii_alphanumeric() || "_-.".contains(letter);
            if dataset.name.is_empty() || dataset.name.starts_with('.') || !dataset.name.chars().all(plain) {
                found.push(Problem::new(key.clone(), "must be a plain name"));
            }
            if self.datasets.iter().take(index).any(|other| other.name == dataset.name) {
                found.push(Problem::new(key, "is there twice"));
            }
        }
        if self.candidates == 0 || self.batch == 0 {
            found.push(Problem::new("candidates", "must be at least 1, and `batch` too"));
        }
        found
    }
}

impl SimulateConfig {
    fn files(&self) -> Vec<(&Dataset, u32, String)> {
        let extension = if self.format == FileFormat::Root { "root" } else { "parquet" };
        let of = |dataset| (0..).zip(std::iter::repeat(dataset)).map(move |(i, d): (u32, &Dataset)| (d, i));
        let all = self.datasets.iter().flat_map(|dataset| of(dataset).take(dataset.files as usize));
        all.map(|(dataset, i)| (dataset, i, format!("{}/eventTuple_{i}.{extension}", dataset.name))).collect()
    }

    /// Groups of data sets for shuffle-merge: one per kind of collision.
    fn groups(&self) -> String {
        let mut text = String::new();
        for sample in Sample::ALL {
            let names: Vec<&str> =
                self.datasets.iter().filter(|dataset| dataset.sample == sample).map(|d| d.name.as_str()).collect();
            let (group, classes) = match sample {
                Sample::DY => ("DY", "e,mu,tau,jet"),
                Sample::TT => ("TT", "e,mu,tau,jet"),
                Sample::W => ("W", "e,mu,tau,jet"),
                Sample::QCD => ("QCD", "jet"),
                Sample::VBFH => ("Higgs", "tau"),
                Sample::TauGun => ("TauGun", "tau"),
                Sample::ZprimeEE => ("Zprime_e", "e"),
            };
            if !names.is_empty() {
                let _ = writeln!(text, "{group}: dir=({}) file=eventTuple.* types={classes}", names.join("|"));
            }
        }
        text
    }
}

/// Numbers of events that each file has for itself.
const EVENTS_PER_FILE: u64 = 100_000_000;

/// Makes candidates.
pub struct Simulate;

impl Stage for Simulate {
    type Config = SimulateConfig;

    fn description(&self) -> Description {
        Description {
            name: "tau simulate",
            about: "Simulate samples of candidates in the schema of candidate tuples",
            long: "A parametrised generator: taus, electrons, muons and jets of seven kinds of collisions, with the particles \
                   of other collisions around them. Writes one folder per data set, the list of files for shuffle-merge, \
                   and its groups. The same seed gives the same candidates with any number of threads.",
            inputs: &[],
            output: OutputKind::Directory { doc: "DATASET/eventTuple_N.root or .parquet, entries.txt, groups.cfg" },
            flags: &[
                Flag { name: "candidates", key: "candidates", list: false },
                Flag { name: "format", key: "format", list: false },
            ],
        }
    }

    fn outputs(&self, config: &SimulateConfig, _inputs: &Inputs) -> Vec<String> {
        let files = config.files().into_iter().map(|(.., name)| name);
        files.chain(["entries.txt", "groups.cfg"].map(str::to_owned)).collect()
    }

    fn run(&self, config: &SimulateConfig, run: &Run) -> Result<Report, StageError> {
        let files = config.files();
        let total = config.candidates * files.len() as u64;
        let progress = run.progress("simulating", "candidates", Some(total));
        let definitions = tuple_columns();
        let mut entries = String::new();
        for (number, (dataset, index, name)) in (0_u64..).zip(&files) {
            let writing = || format!("cannot write {name}");
            let path = run.output(name)?;
            let mut writer = CandidateWriter::create(&path, &definitions, Compression::Lz4).output_error(writing())?;
            let seed = run.seed().named("tau simulate").named(&dataset.name).indexed(u64::from(*index));
            // numbers of events differ between files
            let (mut left, mut collision) = (config.candidates, number * EVENTS_PER_FILE);
            while left > 0 {
                run.check()?;
                let count = usize::try_from(left).unwrap_or(usize::MAX).min(config.batch);
                let (rows, next) = candidates(dataset.sample, seed, collision, count);
                writer.write(columns(&rows)).output_error(writing())?;
                progress.add(count as u64);
                (left, collision) = (left - count as u64, next);
            }
            writer.finish(&run.embedded_provenance()).output_error(writing())?;
            let _ = writeln!(entries, "{name} {}", config.candidates);
        }
        recoil_outputs::text(run, "entries.txt", &entries)?;
        recoil_outputs::text(run, "groups.cfg", &config.groups())?;
        Ok(Report::new().value("files", files.len()).value("candidates", total))
    }
}
