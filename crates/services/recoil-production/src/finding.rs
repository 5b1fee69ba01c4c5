//! What validation has to say about a file.

use serde::Serialize;
use std::fmt;
use std::path::PathBuf;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The production cannot run as written.
    Error,
    /// It can run, but probably does not do what the author meant.
    Warning,
}

/// Where in a file something stands. Lines and columns count from one; columns count characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Location {
    /// The file.
    pub file: PathBuf,
    /// Line, from one.
    pub line: usize,
    /// Column, from one.
    pub column: usize,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file.display(), self.line, self.column)
    }
}

/// One thing that validation found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Error or warning.
    pub severity: Severity,
    /// Stable short name, such as `unknown-key` or `duplicate-output`.
    pub code: &'static str,
    /// A lower-case fragment that names the stage and step.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
    /// Where.
    #[serde(flatten)]
    pub location: Location,
}
