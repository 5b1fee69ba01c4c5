//! Data to standard output, errors to standard error.

use recoil_stage::{Blame as _, StageError};
use std::io::{self, Write as _};

/// Writes text to standard output. A reader that has seen enough (`| head`) is no error.
pub(crate) fn data(text: &str) -> Result<(), StageError> {
    let mut out = io::stdout().lock();
    done(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// Writes a piece of text to standard output; `false` when the reader has seen enough.
pub(crate) fn more(text: &str) -> Result<bool, StageError> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        other => done(other).map(|()| true),
    }
}

/// Writes JSON to standard output, on one line.
pub(crate) fn json(value: &serde_json::Value) -> Result<(), StageError> {
    data(&format!("{value}\n"))
}

/// The result of writing to standard output, with a closed pipe as success.
pub(crate) fn done(result: io::Result<()>) -> Result<(), StageError> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.output_error("cannot write to standard output"),
    }
}

/// Writes an error to standard error.
pub(crate) fn error(text: &str) {
    // nothing sensible is left to do when standard error is closed
    let _ = writeln!(io::stderr(), "{}", text.trim_end());
}
