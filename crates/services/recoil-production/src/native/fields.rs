//! Reading the keys of a mapping, with a finding for everything that is not as it should be.

use crate::finding::Finding;
use crate::yaml::Node;
use recoil_stage::config::did_you_mean;
use std::collections::BTreeMap;
use std::path::Path;
use std::str::FromStr;

/// A mapping that is being read.
pub(super) struct Fields<'a> {
    file: &'a Path,
    node: &'a Node,
    /// What it is, for messages, such as `step merge`.
    what: String,
    /// What was wrong.
    pub found: Vec<Finding>,
}

impl<'a> Fields<'a> {
    pub fn new(file: &'a Path, node: &'a Node, what: impl Into<String>) -> Self {
        let mut fields = Self { file, node, what: what.into(), found: Vec::new() };
        if node.map().is_none() && !node.is_null() {
            fields.wrong(node, "wrong-type", format!("{} is {}, expected a mapping", fields.what, node.kind()));
        }
        fields
    }

    /// Reports keys that are not among the known ones.
    pub fn known(&mut self, known: &[&str]) {
        for (key, _) in self.node.map().unwrap_or_default() {
            let name = key.text().unwrap_or_default();
            if !known.contains(&name) {
                let hint = did_you_mean(name, known).unwrap_or_else(|| format!("keys are: {}", known.join(", ")));
                let message = format!("{} has the unknown key '{name}', which nothing reads", self.what);
                self.found.push(Finding::error(key.location(self.file), "unknown-key", message).hint(Some(hint)));
            }
        }
    }

    pub fn wrong(&mut self, node: &Node, code: &'static str, message: impl Into<String>) {
        self.found.push(Finding::error(node.location(self.file), code, message));
    }

    /// The value of a key unless it is empty.
    pub fn node(&self, key: &str) -> Option<&'a Node> {
        self.node.get(key).filter(|node| !node.is_null())
    }

    /// A word.
    pub fn word(&mut self, key: &str) -> Option<String> {
        let node = self.node(key)?;
        if node.text().is_none() {
            let message = format!("'{key}' of {} is {}, expected a word", self.what, node.kind());
            self.wrong(node, "wrong-type", message);
        }
        node.text().map(Into::into)
    }

    /// A number or anything else that is read from a word.
    pub fn number<T: FromStr>(&mut self, key: &str) -> Option<T> {
        self.parsed(key, "a number", |text| text.parse().ok())
    }

    /// A word that has a meaning.
    pub fn parsed<T>(&mut self, key: &str, expected: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let node = self.node(key)?;
        let value = node.text().and_then(parse);
        if value.is_none() {
            let shown = node.text().map_or_else(|| node.kind().to_string(), |text| format!("'{text}'"));
            self.wrong(node, "bad-value", format!("'{key}' of {} is {shown}, expected {expected}", self.what));
        }
        value
    }

    /// A word or a list of words.
    pub fn words(&mut self, key: &str) -> Option<Vec<String>> {
        let node = self.node(key)?;
        self.words_of(key, node)
    }

    /// The words of a value.
    pub fn words_of(&mut self, key: &str, node: &Node) -> Option<Vec<String>> {
        let words: Option<Vec<String>> = match node.list() {
            Some(items) => items.iter().map(word_of).collect(),
            None => node.text().map(|text| vec![text.to_string()]),
        };
        if words.is_none() {
            let message = format!("'{key}' of {} is {}, expected a word or a list of words", self.what, node.kind());
            self.wrong(node, "wrong-type", message);
        }
        words
    }

    /// A mapping of words.
    pub fn table(&mut self, key: &str) -> Option<BTreeMap<String, String>> {
        let node = self.node(key)?;
        let entries = node.map().map(|entries| {
            entries.iter().map(|(key, value)| Some((word_of(key)?, word_of(value)?))).collect::<Option<_>>()
        });
        if !matches!(entries, Some(Some(_))) {
            self.wrong(node, "wrong-type", format!("'{key}' of {} is no mapping of words", self.what));
        }
        entries.flatten()
    }
}

/// The word; an empty one for `''`.
fn word_of(node: &Node) -> Option<String> {
    match &node.value {
        crate::yaml::Value::Scalar { text, .. } => Some(text.clone()),
        _ => None,
    }
}
