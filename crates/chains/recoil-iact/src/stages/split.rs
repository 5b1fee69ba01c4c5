//! `iact split`: files for training and files for testing.

use std::path::{Path, PathBuf};

use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, Flag, InputRole, Inputs, OutputKind, Problem, Report, Run, Stage, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::twister::permutation;

/// Seed of the order in which files are drawn: that of lstmcpipe.
const SEED: u32 = 42;

/// Keys of `iact split`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SplitConfig {
    /// Share of the files that is for testing.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub ratio: f64,
    /// Ending of the files in a folder.
    pub ending: String,
}

impl Default for SplitConfig {
    fn default() -> Self {
        Self { ratio: 0.5, ending: ".h5".into() }
    }
}

impl Config for SplitConfig {
    fn check(&self) -> Vec<Problem> {
        Vec::new()
    }
}

const FOLDER: InputRole = InputRole::optional("input-dir", "folders of files", &[]).short('d').many();
const FILES: InputRole = InputRole::optional("input-file", "files to be split", &[]).short('f').many();

impl SplitConfig {
    fn files(&self, inputs: &Inputs) -> Vec<PathBuf> {
        let mut found: Vec<PathBuf> = inputs.all(FILES.role).map(|file| file.path.clone()).collect();
        let listed = inputs.all(FOLDER.role).filter_map(|folder| std::fs::read_dir(&folder.path).ok());
        let inside = listed.flatten().filter_map(|entry| Some(entry.ok()?.path()));
        found.extend(inside.filter(|path| path.is_file() && path.to_string_lossy().ends_with(&self.ending)));
        found.sort();
        found
    }

    /// Files for testing and for training.
    fn split(&self, files: &[PathBuf]) -> (Vec<PathBuf>, Vec<PathBuf>) {
        let tests = (files.len() as f64 * self.ratio).ceil() as usize;
        let order = permutation(SEED, files.len());
        let pick = |order: &[usize]| {
            let mut picked: Vec<PathBuf> = order.iter().filter_map(|at| files.get(*at).cloned()).collect();
            picked.sort();
            picked
        };
        let (testing, training) = order.split_at(tests.min(order.len()));
        (pick(testing), pick(training))
    }

    fn names(&self, inputs: &Inputs) -> Vec<(PathBuf, String)> {
        let (testing, training) = self.split(&self.files(inputs));
        let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let of = |folder: &'static str, files: Vec<PathBuf>| {
            files.into_iter().map(move |path| (path.clone(), format!("{folder}/{}", name(&path))))
        };
        of("test", testing).chain(of("train", training)).collect()
    }
}

/// Splits files.
pub struct Split;

impl Stage for Split {
    type Config = SplitConfig;

    fn description(&self) -> Description {
        Description {
            name: "iact split",
            about: "Split files into some for training and some for testing",
            long: "Draws the files for testing as lstmcpipe does: in the order of NumPy's generator with the seed 42, from \
                   the files sorted by name. The files appear in the folders train and test as links to the same content \
                   where the disk allows it, else as copies; the inputs stay.",
            inputs: &[FOLDER, FILES],
            output: OutputKind::Directory { doc: "folders train and test, and the lists of their files" },
            flags: &[Flag { name: "ratio", key: "ratio", list: false }],
        }
    }

    fn outputs(&self, config: &SplitConfig, inputs: &Inputs) -> Vec<String> {
        let names = config.names(inputs).into_iter().map(|(_, name)| name);
        names.chain(["training.list", "testing.list"].map(str::to_owned)).collect()
    }

    fn run(&self, config: &SplitConfig, run: &Run) -> Result<Report, StageError> {
        let names = config.names(run.inputs());
        if names.is_empty() {
            return Err(StageError::usage("there is no file to split: give --input-dir FOLDER or --input-file FILE"));
        }
        let mut own: Vec<&String> = names.iter().map(|(_, name)| name).collect();
        own.sort();
        if let Some(pair) = own.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(StageError::usage(format!("two files of the inputs would both be {}", pair[0])));
        }
        for (path, name) in &names {
            run.check()?;
            let target = run.output(name)?;
            if std::fs::hard_link(path, &target).is_err() {
                std::fs::copy(path, &target).output_error(format!("cannot copy {}", path.display()))?;
            }
        }
        let mut report = Report::new();
        for (list, folder) in [("training.list", "train/"), ("testing.list", "test/")] {
            let listed: Vec<&str> = names.iter().filter_map(|(_, name)| name.strip_prefix(folder)).collect();
            let text: String = listed.iter().map(|name| format!("{name}\n")).collect();
            recoil_outputs::text(run, list, &text)?;
            report = report.value(folder.trim_end_matches('/'), listed.len());
        }
        Ok(report)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_an_odd_number_is_rounded_up_for_testing() {
        let files: Vec<PathBuf> = (0..5).map(|k| PathBuf::from(format!("{k}.h5"))).collect();
        let (testing, training) = SplitConfig::default().split(&files);
        // scikit-learn: train_test_split(range(5), test_size=0.5, random_state=42)
        assert_eq!(testing, ["1.h5", "2.h5", "4.h5"].map(PathBuf::from));
        assert_eq!(training, ["0.h5", "3.h5"].map(PathBuf::from));
    }
}
