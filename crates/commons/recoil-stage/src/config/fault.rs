//! What is wrong with a configuration, and where.

use super::source::{Origin, Place};
use std::fmt;

/// One mistake in a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// A lower-case fragment that says what is wrong.
    pub message: String,
    /// Where it stands; `None` when it concerns no text (a missing file).
    pub place: Option<Place>,
    /// What to do about it.
    pub help: Option<String>,
}

impl Fault {
    /// A fault without a place yet.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), place: None, help: None }
    }

    /// The fault at `place`, unless it already has one (the innermost place is the precise one).
    #[must_use]
    pub fn at(mut self, place: &Place) -> Self {
        self.place.get_or_insert_with(|| place.clone());
        self
    }

    /// The fault with advice.
    #[must_use]
    pub fn help(mut self, help: Option<String>) -> Self {
        self.help = help.or(self.help);
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) if place.source().origin != Origin::Default => write!(f, "{place}: {}", self.message)?,
            _ => write!(f, "{}", self.message)?,
        }
        match &self.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}

/// Everything that is wrong with a configuration; at least one fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    faults: Vec<Fault>,
}

impl ConfigError {
    /// The faults, in the order of their discovery.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// `Err` if there is a fault in the list.
    ///
    /// # Errors
    /// All the faults.
    pub fn unless_empty(faults: Vec<Fault>) -> Result<(), Self> {
        if faults.is_empty() { Ok(()) } else { Err(Self { faults }) }
    }
}

impl From<Fault> for ConfigError {
    fn from(fault: Fault) -> Self {
        Self { faults: vec![fault] }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.iter().enumerate() {
            if index > 0 {
                write!(f, "; ")?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

impl std::error::Error for Fault {}

/// Formats serde's expectations in words that a user of YAML knows.
fn in_words(expected: &str) -> String {
    match expected {
        "f32" | "f64" => "a number".into(),
        "bool" | "a boolean" => "true or false".into(),
        "a string" | "string" => "text".into(),
        "u8" | "u16" | "u32" | "u64" | "usize" => format!("a whole number that is not negative ({expected})"),
        "i8" | "i16" | "i32" | "i64" | "isize" => format!("a whole number ({expected})"),
        "a sequence" => "a list".into(),
        other if other.starts_with("struct ") => "a mapping of keys".into(),
        other => other.into(),
    }
}

fn found_in_words(found: serde::de::Unexpected<'_>) -> String {
    use serde::de::Unexpected;
    match found {
        Unexpected::Str(text) => format!("the text '{text}'"),
        Unexpected::Unit | Unexpected::Option => "nothing (null)".into(),
        Unexpected::Map => "a mapping of keys".into(),
        Unexpected::Seq => "a list".into(),
        Unexpected::Bool(value) => value.to_string(),
        Unexpected::Signed(value) => value.to_string(),
        Unexpected::Unsigned(value) => value.to_string(),
        Unexpected::Float(value) => value.to_string(),
        other => other.to_string(),
    }
}

impl serde::de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }

    fn invalid_type(found: serde::de::Unexpected<'_>, expected: &dyn serde::de::Expected) -> Self {
        Self::new(format!("expected {}, found {}", in_words(&expected.to_string()), found_in_words(found)))
    }

    fn invalid_value(found: serde::de::Unexpected<'_>, expected: &dyn serde::de::Expected) -> Self {
        Self::new(format!("{} is out of range: expected {}", found_in_words(found), in_words(&expected.to_string())))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::new(format!("unknown choice '{variant}', expected one of {}", expected.join(", ")))
            .help(super::suggest::did_you_mean(variant, expected))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::new(format!("unknown key '{field}'")).help(super::suggest::did_you_mean(field, expected))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(format!("missing key '{field}'"))
    }
}
