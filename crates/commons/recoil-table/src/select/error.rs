//! Errors of the selection language, pointing into its text.

use std::fmt;

/// A range of characters of the selection's text, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Span {
    pub start: usize,
    pub end: usize,
}

impl Span {
    pub fn to(self, other: Span) -> Span {
        Span { start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

/// What is wrong with a selection and where.
///
/// Shown as the message with the column, followed by the selection and a line of carets below the place:
///
/// ```text
/// unknown column 'tau_etaa' at column 21, did you mean 'tau_eta'?
///   tau_pt > 20 and abs(tau_etaa) < 2.3
///                       ^^^^^^^^
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectError {
    message: String,
    advice: String,
    span: Span,
    text: String,
}

impl SelectError {
    pub(crate) fn new(text: &str, span: Span, message: impl Into<String>) -> Self {
        Self { message: message.into(), advice: String::new(), span, text: text.to_owned() }
    }

    /// Adds what to do about it, which stands behind the column.
    pub(crate) fn advise(mut self, advice: impl fmt::Display) -> Self {
        self.advice = advice.to_string();
        self
    }

    /// Position in the selection's text, in characters from 1.
    pub fn column(&self) -> usize {
        self.span.start + 1
    }

    /// What is wrong, without the position.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for SelectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.span.end.saturating_sub(self.span.start).max(1);
        let line: String = self.text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        writeln!(f, "{} at column {}{}", self.message, self.column(), self.advice)?;
        writeln!(f, "  {line}")?;
        write!(f, "  {:indent$}{:^^width$}", "", "", indent = self.span.start)
    }
}

impl std::error::Error for SelectError {}
