//! Which files a stage reads, and what it does with bad ones.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use recoil_stage::error::Blame as _;
use recoil_stage::{InputRole, Inputs, Problem, Report, Run, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::data::file::CandidateFile;
use crate::data::input_list;
use crate::error::{Result, TauError};
use crate::shuffle::decide::BadFile;

/// Formats of files of candidates.
pub const FORMATS: &[&str] = &["root", "parquet"];

/// The role of files of candidates.
pub const CANDIDATES: InputRole =
    InputRole::optional("candidates", "files of candidates, or folders of such files", FORMATS).many();

/// Where files of candidates are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FilesConfig {
    /// Folders that are searched for files, with all folders below. Unlike files given with --input, these are not
    /// hashed for the record.
    pub input_dir: Vec<String>,
    /// Regular expression that the whole path of a file in a folder has to match.
    pub file_name_pattern: String,
    /// Names of files that are left out; those that shuffle-merge writes beside its sample unless said otherwise.
    pub exclude_list: Vec<String>,
    /// Names of folders that are left out.
    pub exclude_dir_list: Vec<String>,
    /// Tree of ROOT files that holds the candidates.
    pub tree: String,
}

impl Default for FilesConfig {
    fn default() -> Self {
        Self {
            input_dir: Vec::new(),
            file_name_pattern: r"^.*\.(root|parquet)$".into(),
            exclude_list: vec![super::shuffle_merge::ACCEPTANCE_FILE.to_owned()],
            exclude_dir_list: Vec::new(),
            tree: crate::data::columns::TREE.into(),
        }
    }
}

impl FilesConfig {
    /// What cannot be, with keys that begin with `prefix`.
    pub fn problems(&self, prefix: &str) -> Vec<Problem> {
        match input_list::whole("file_name_pattern", &self.file_name_pattern) {
            Err(error) => vec![Problem::new(format!("{prefix}file_name_pattern"), error.to_string())],
            Ok(_) => Vec::new(),
        }
    }

    /// All files: those that were given, then those in the folders.
    ///
    /// # Errors
    /// Folders that cannot be listed.
    pub fn list(&self, inputs: &Inputs) -> Result<Vec<PathBuf>> {
        let given = inputs.all(CANDIDATES.role).map(|file| match &file.part {
            Some(part) => PathBuf::from(format!("{}:{part}", file.path.display())),
            None => file.path.clone(),
        });
        let paths: Vec<PathBuf> = given.chain(self.input_dir.iter().map(PathBuf::from)).collect();
        input_list::files(&paths, &self.file_name_pattern, &self.exclude_list, &self.exclude_dir_list)
    }

    /// All files, of which there must be one.
    ///
    /// # Errors
    /// Folders that cannot be listed, and no file at all.
    pub fn some(&self, inputs: &Inputs) -> Result<Vec<PathBuf>, StageError> {
        let files = self.list(inputs).input_error("cannot list the files")?;
        if files.is_empty() {
            return Err(StageError::usage("there is no file of candidates: give --input FILE or --input-dir FOLDER"));
        }
        Ok(files)
    }

    /// Opens a file of the list.
    ///
    /// # Errors
    /// Files that cannot be read.
    pub fn open(&self, path: &std::path::Path) -> Result<CandidateFile> {
        let shown = path.display().to_string();
        let of_tree = shown.ends_with(".root") && self.tree != crate::data::columns::TREE;
        CandidateFile::open(&if of_tree { format!("{shown}:{}", self.tree) } else { shown })
    }
}

/// What happens with a file that cannot be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnBadFile {
    /// The stage fails.
    #[default]
    Stop,
    /// It is left out and reported.
    Skip,
}

/// Files that could not be used.
pub struct BadFiles<'a> {
    policy: OnBadFile,
    run: Option<&'a Run<'a>>,
    found: Mutex<Vec<(String, u64)>>,
}

impl<'a> BadFiles<'a> {
    /// None yet.
    pub fn new(policy: OnBadFile, run: Option<&'a Run<'a>>) -> Self {
        Self { policy, run, found: Mutex::default() }
    }

    /// The value of `result`, or `None` for a file that is left out.
    ///
    /// # Errors
    /// The fault, if bad files stop the stage.
    pub fn unless_bad<T>(&self, result: Result<T>) -> Result<Option<T>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) => self.bad(error, 0).map(|()| None),
        }
    }

    /// Number of faults.
    pub fn count(&self) -> usize {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Adds the bad files to a report.
    pub fn report(&self, report: Report) -> Report {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner).clone();
        found.sort();
        let report = report.value("bad_files", found.len());
        if found.is_empty() {
            return report;
        }
        let rows = found.into_iter().map(|(why, rows)| vec![why.into(), rows.into()]).collect();
        report.table("files left out", &["why", "rows lost"], rows)
    }
}

impl BadFile for BadFiles<'_> {
    fn bad(&self, error: TauError, rows: u64) -> Result<()> {
        if self.policy == OnBadFile::Stop {
            return Err(error);
        }
        let why = error.to_string();
        if let Some(run) = self.run {
            run.warn("bad_file", format!("left out: {why}"));
        }
        self.found.lock().unwrap_or_else(PoisonError::into_inner).push((why, rows));
        Ok(())
    }
}
