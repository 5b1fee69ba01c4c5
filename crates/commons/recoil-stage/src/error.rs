//! The error of a stage and the table of exit codes.

use crate::config::ConfigError;
use std::error::Error;
use std::fmt;

/// What kind of thing went wrong; decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErrorKind {
    /// The command line or the configuration.
    Usage,
    /// The input data.
    Input,
    /// An output exists already or cannot be written.
    Output,
    /// A part of the work failed; the rest is done.
    Partial,
    /// A mistake in the program.
    Internal,
    /// The user stopped the run.
    Interrupted,
}

impl ErrorKind {
    /// All kinds, for the reference pages.
    pub const ALL: [Self; 6] =
        [Self::Usage, Self::Input, Self::Output, Self::Partial, Self::Internal, Self::Interrupted];

    /// The exit code of the program. Zero is success.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Usage => 2,
            Self::Input => 3,
            Self::Output => 4,
            Self::Partial => 5,
            Self::Internal => 70,
            Self::Interrupted => 130,
        }
    }

    /// What the exit code means, for the reference pages.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Usage => "wrong usage or configuration",
            Self::Input => "bad or missing input data",
            Self::Output => "the output exists already or cannot be written",
            Self::Partial => "a part of the work failed",
            Self::Internal => "internal error: a mistake in the program",
            Self::Interrupted => "interrupted by the user",
        }
    }

    /// One word, as recorded in `status` fields.
    pub fn name(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::Input => "input",
            Self::Output => "output",
            Self::Partial => "partial",
            Self::Internal => "internal",
            Self::Interrupted => "interrupted",
        }
    }
}

/// Why a stage could not do its work: a kind, a lower-case fragment and the error below it.
///
/// The errors of a crate become a `StageError` through [`Blame`], which says whose fault it is:
///
/// ```
/// use recoil_stage::error::{Blame, ErrorKind, StageError};
/// fn read(path: &str) -> Result<String, StageError> {
///     std::fs::read_to_string(path).input_error(format!("cannot read {path}"))
/// }
/// let error = read("/no/such/file").unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Input);
/// assert!(error.to_string().starts_with("cannot read /no/such/file"));
/// ```
#[derive(Debug)]
pub struct StageError {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl StageError {
    /// An error with nothing below it.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// An error caused by another one.
    pub fn caused(kind: ErrorKind, message: impl Into<String>, source: impl Error + Send + Sync + 'static) -> Self {
        Self { kind, message: message.into(), source: Some(Box::new(source)) }
    }

    /// Wrong usage or configuration.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, message)
    }

    /// Bad input data.
    pub fn input(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Input, message)
    }

    /// An output that cannot be written.
    pub fn output(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Output, message)
    }

    /// A mistake in the program.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// The kind.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The message without the errors below it.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The configuration error at the bottom, if that is the cause.
    pub fn config_error(&self) -> Option<&ConfigError> {
        let mut below = Error::source(self);
        while let Some(error) = below {
            if let Some(found) = error.downcast_ref() {
                return Some(found);
            }
            below = error.source();
        }
        None
    }
}

/// The message and those of all errors below it, as one line.
impl fmt::Display for StageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        let mut below: Option<&(dyn Error + 'static)> = self.source.as_deref().map(|error| error as _);
        let mut last = self.message.clone();
        while let Some(error) = below {
            let text = error.to_string();
            // errors that repeat their source in their own message would say it twice
            if !last.contains(&text) {
                if !last.is_empty() {
                    f.write_str(": ")?;
                }
                f.write_str(&text)?;
                last = text;
            }
            below = error.source();
        }
        Ok(())
    }
}

impl Error for StageError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|error| error as _)
    }
}

impl From<ConfigError> for StageError {
    fn from(error: ConfigError) -> Self {
        Self { kind: ErrorKind::Usage, message: String::new(), source: Some(Box::new(error)) }
    }
}

impl From<crate::config::Fault> for StageError {
    fn from(fault: crate::config::Fault) -> Self {
        ConfigError::from(fault).into()
    }
}

/// The user asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted;

impl From<Interrupted> for StageError {
    fn from(_: Interrupted) -> Self {
        Self::new(ErrorKind::Interrupted, "interrupted")
    }
}

/// Says whose fault an error is, and what was being done.
pub trait Blame<T> {
    /// The user's words or configuration are wrong.
    ///
    /// # Errors
    /// The error, as one of usage.
    fn usage_error(self, doing: impl Into<String>) -> Result<T, StageError>;
    /// The input data are bad.
    ///
    /// # Errors
    /// The error, as one of the input.
    fn input_error(self, doing: impl Into<String>) -> Result<T, StageError>;
    /// The output cannot be written.
    ///
    /// # Errors
    /// The error, as one of the output.
    fn output_error(self, doing: impl Into<String>) -> Result<T, StageError>;
    /// The program is wrong.
    ///
    /// # Errors
    /// The error, as an internal one.
    fn internal_error(self, doing: impl Into<String>) -> Result<T, StageError>;
}

impl<T, E: Error + Send + Sync + 'static> Blame<T> for Result<T, E> {
    fn usage_error(self, doing: impl Into<String>) -> Result<T, StageError> {
        self.map_err(|error| StageError::caused(ErrorKind::Usage, doing, error))
    }
    fn input_error(self, doing: impl Into<String>) -> Result<T, StageError> {
        self.map_err(|error| StageError::caused(ErrorKind::Input, doing, error))
    }
    fn output_error(self, doing: impl Into<String>) -> Result<T, StageError> {
        self.map_err(|error| StageError::caused(ErrorKind::Output, doing, error))
    }
    fn internal_error(self, doing: impl Into<String>) -> Result<T, StageError> {
        self.map_err(|error| StageError::caused(ErrorKind::Internal, doing, error))
    }
}
