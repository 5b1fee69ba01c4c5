//! Where a configuration value was written, down to the line and column.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// What kind of text a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The shipped defaults.
    Default,
    /// A YAML file.
    File(PathBuf),
    /// A `key.path=value` word of the command line.
    Word,
    /// The value of an option such as `--columns`.
    Flag(String),
}

/// One text that configuration was read from.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// Where the text came from.
    pub origin: Origin,
    /// The whole text.
    pub text: String,
}

impl Source {
    /// A text with its origin, to be shared by all places in it.
    pub fn new(origin: Origin, text: impl Into<String>) -> Arc<Self> {
        Arc::new(Self { origin, text: text.into() })
    }

    /// The name to print before line and column: the file's path, or the word itself.
    pub fn name(&self) -> String {
        match &self.origin {
            Origin::Default => "defaults".into(),
            Origin::File(path) => path.display().to_string(),
            Origin::Word => format!("argument '{}'", self.text),
            Origin::Flag(flag) => format!("option {flag}"),
        }
    }
}

/// A range of bytes in a [`Source`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    source: Arc<Source>,
    start: usize,
    len: usize,
}

impl Place {
    /// The range `start..start + len`, cut to the text.
    pub fn new(source: &Arc<Source>, start: usize, len: usize) -> Self {
        let start = start.min(source.text.len());
        Self { source: Arc::clone(source), start, len: len.min(source.text.len() - start) }
    }

    /// The text that the place lies in.
    pub fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// First byte.
    pub fn start(&self) -> usize {
        self.start
    }

    /// Number of bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the place is a point between two characters.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The characters at this place; empty if the range does not fall on character boundaries.
    pub fn text(&self) -> &str {
        self.source.text.get(self.start..self.start + self.len).unwrap_or_default()
    }

    /// Line and column, both counted from one; columns count characters.
    pub fn line_column(&self) -> (usize, usize) {
        let before = self.source.text.as_bytes().get(..self.start).unwrap_or_default();
        let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
        let line_start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        let column = String::from_utf8_lossy(before.get(line_start..).unwrap_or_default()).chars().count() + 1;
        (line, column)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = self.line_column();
        match &self.source.origin {
            Origin::Default => write!(f, "defaults"),
            Origin::File(path) => write!(f, "{}:{line}:{column}", path.display()),
            Origin::Word => write!(f, "{}, column {column}", self.source.name()),
            Origin::Flag(_) => write!(f, "{}", self.source.name()),
        }
    }
}
