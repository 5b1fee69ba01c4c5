//! Collecting findings about places of a file.

use crate::finding::Finding;
use crate::yaml::Node;
use recoil_stage::config::did_you_mean;
use std::path::Path;

/// The findings about one file.
pub(super) struct Notes<'a> {
    pub file: &'a Path,
    pub found: Vec<Finding>,
}

impl<'a> Notes<'a> {
    pub fn new(file: &'a Path) -> Self {
        Self { file, found: Vec::new() }
    }

    pub fn error(&mut self, node: &Node, code: &'static str, message: impl Into<String>) -> &mut Self {
        self.found.push(Finding::error(node.location(self.file), code, message));
        self
    }

    pub fn warning(&mut self, node: &Node, code: &'static str, message: impl Into<String>) -> &mut Self {
        self.found.push(Finding::warning(node.location(self.file), code, message));
        self
    }

    /// Advice to the last finding.
    pub fn hint(&mut self, hint: Option<impl Into<String>>) {
        if let Some(last) = self.found.last_mut() {
            last.hint = hint.map(Into::into);
        }
    }

    /// Warns of keys that nothing reads. `missing` are keys that should be there: an unknown key that looks like one of
    /// them is probably meant so.
    pub fn unknown_keys(&mut self, node: &Node, what: &str, known: &[&str]) {
        for (key, _) in node.map().unwrap_or_default() {
            let name = key.text().unwrap_or_default();
            if !known.contains(&name) {
                self.warning(key, "unknown-key", format!("nothing reads the key '{name}' of {what}"))
                    .hint(did_you_mean(name, known));
            }
        }
    }

    /// The value of a key that must be there; the error says which key is probably a misspelling of it.
    pub fn needed<'n>(&mut self, node: &'n Node, what: &str, key: &str, known: &[&str]) -> Option<&'n Node> {
        let value = node.get(key);
        if value.is_none() {
            let others: Vec<(&Node, &str)> = node
                .map()
                .unwrap_or_default()
                .iter()
                .filter_map(|(name, _)| Some((name, name.text()?)))
                .filter(|(_, name)| !known.contains(name))
                .collect();
            let names: Vec<&str> = others.iter().map(|(_, name)| *name).collect();
            let near = recoil_stage::config::nearest(key, &names);
            let place =
                near.and_then(|near| others.iter().find(|(_, name)| *name == near)).map_or(node, |(key, _)| key);
            let hint = near.map(|near| format!("'{near}' is probably meant to be '{key}'"));
            self.error(place, "missing-key", format!("{what} has no key '{key}'")).hint(hint);
        }
        value
    }

    /// A word that must be there and not be empty.
    pub fn word<'n>(&mut self, node: &'n Node, what: &str, key: &str, known: &[&str]) -> Option<&'n Node> {
        let value = self.needed(node, what, key, known)?;
        match value.text() {
            Some("") | None => {
                self.error(value, "wrong-type", format!("'{key}' of {what} is {}, expected a word", kind(value)));
                None
            }
            Some(_) => Some(value),
        }
    }
}

/// What a value is, for messages.
pub(super) fn kind(node: &Node) -> &'static str {
    match node.text() {
        Some("") => "empty",
        _ => node.kind(),
    }
}
