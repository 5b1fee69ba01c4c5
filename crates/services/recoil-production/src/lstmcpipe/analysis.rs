//! The configuration of the analysis that goes with a production: finding it, and what can be said about it.
//!
//! It is JSON as Python writes it, with `Infinity` and `NaN`. It is read as YAML, which JSON is a part of, so that every
//! finding has its place.

use crate::finding::{Finding, Location};
use crate::yaml::{self, Node, Value};
use std::path::{Path, PathBuf};

/// A configuration that lies beside a production.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Beside {
    /// The only one.
    One(PathBuf),
    /// Several; the first by name.
    Several(PathBuf),
    /// None.
    Nothing,
}

/// The configuration in a directory whose name has `part` (such as `lstchain`) and one of the endings.
pub fn beside(directory: &Path, parts: &[&str], endings: &[&str]) -> Beside {
    let name = |path: &PathBuf| path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let fits = |path: &PathBuf| {
        let name = name(path);
        parts.iter().any(|part| name.contains(part)) && endings.iter().any(|end| name.ends_with(end))
    };
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut found: Vec<PathBuf> = entries.filter(|path| fits(path) && !name(path).ends_with("_tuning.json")).collect();
    found.sort();
    let several = found.len() > 1;
    match found.into_iter().next() {
        None => Beside::Nothing,
        Some(path) if several => Beside::Several(path),
        Some(path) => Beside::One(path),
    }
}

/// Everything that is wrong with a configuration of lstchain.
pub fn check(path: &Path) -> Vec<Finding> {
    match read(path) {
        Ok(root) => check_root(path, &root),
        Err(found) => found,
    }
}

/// Reads a configuration.
///
/// # Errors
/// What is wrong with it as JSON.
pub fn read(path: &Path) -> Result<Node, Vec<Finding>> {
    let whole = |message: String| {
        let location = Location { file: path.into(), line: 1, column: 1 };
        vec![Finding::error(location, "unreadable", message)]
    };
    let text = std::fs::read_to_string(path).map_err(|error| whole(format!("cannot be read: {error}")))?;
    strict(path, &text)?;
    yaml::parse(path, &text)
}

/// The text as JSON proper.
fn strict(path: &Path, text: &str) -> Result<(), Vec<Finding>> {
    let plain = without_infinities(text);
    serde_json::from_str::<serde::de::IgnoredAny>(&plain).map(|_| ()).map_err(|error| {
        let location = Location { file: path.into(), line: error.line().max(1), column: error.column().max(1) };
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or(&message);
        vec![Finding::error(location, "json-syntax", format!("is no JSON: {message}"))]
    })
}

/// The text with zeros of the same length for the numbers that only Python knows.
fn without_infinities(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['"', 'I', 'N']) {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        if after.starts_with('"') {
            let end = end_of_string(after);
            let (string, next) = after.split_at(end);
            out.push_str(string);
            rest = next;
        } else if let Some((word, next)) =
            ["Infinity", "NaN"].into_iter().find_map(|word| Some((word, after.strip_prefix(word)?)))
        {
            out.push('0');
            out.push_str(&" ".repeat(word.len() - 1));
            rest = next;
        } else {
            let (one, next) = after.split_at(1);
            out.push_str(one);
            rest = next;
        }
    }
    out.push_str(rest);
    out
}

/// Where a string that begins with a quote ends.
fn end_of_string(text: &str) -> usize {
    let mut escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn check_root(path: &Path, root: &Node) -> Vec<Finding> {
    let mut found = Vec::new();
    let error = |node: &Node, code, message: String| Finding::error(node.location(path), code, message);
    if root.map().is_none() {
        return vec![error(root, "wrong-type", format!("is {}, expected a mapping", root.kind()))];
    }
    match root.get("image_extractor") {
        None => found.push(error(root, "missing-key", "there is no 'image_extractor'".into())),
        Some(node) => match node.text() {
            None => found.push(error(node, "wrong-type", format!("'image_extractor' is {}", node.kind()))),
            Some(extractor) => match root.get(extractor) {
                None => {
                    let names: Vec<&str> =
                        root.map().unwrap_or_default().iter().filter_map(|(k, _)| k.text()).collect();
                    let message = format!("'image_extractor' is '{extractor}', which is not configured");
                    found.push(
                        error(node, "missing-key", message).hint(recoil_stage::config::did_you_mean(extractor, &names)),
                    );
                }
                Some(own) if own.get("apply_integration_correction").and_then(Node::boolean) != Some(true) => {
                    let place = own.get("apply_integration_correction").unwrap_or(own);
                    let message =
                        format!("'{extractor}.apply_integration_correction' must be true for simulation to be reduced");
                    found.push(error(place, "integration-correction", message));
                }
                Some(_) => {}
            },
        },
    }
    if let Some(tuning) = root.get("waveform_nsb_tuning") {
        let on = tuning.get("nsb_tuning").and_then(Node::boolean) == Some(true);
        let amount = ["nsb_tuning_rate_GHz", "nsb_tuning_ratio"].into_iter().find_map(|key| tuning.get(key));
        let number = amount.and_then(Node::text).and_then(|text| text.parse::<f64>().ok());
        if on && number.is_none_or(|value| !value.is_finite() || value <= 0.0) {
            let message = "'waveform_nsb_tuning.nsb_tuning' is true, but its rate or ratio is no number above 0";
            found.push(error(amount.unwrap_or(tuning), "nsb-tuning", message.into()));
        }
    }
    for key in ["energy_regression_features", "disp_regression_features", "particle_classification_features"] {
        if let Some(node) = root.get(key).filter(|node| node.list().is_none_or(<[Node]>::is_empty)) {
            found.push(error(node, "wrong-type", format!("'{key}' is no list of features")));
        }
    }
    found
}

/// A configuration as JSON text with an indent of four, in the order and spelling that it was read in.
pub fn json(node: &Node) -> String {
    let mut out = String::new();
    write(node, 0, &mut out);
    out
}

fn write(node: &Node, depth: usize, out: &mut String) {
    let quoted = |text: &str| serde_json::Value::String(text.into()).to_string();
    let (inner, outer) = ("    ".repeat(depth + 1), "    ".repeat(depth));
    match &node.value {
        Value::Scalar { text, plain: true } => out.push_str(text),
        Value::Scalar { text, plain: false } => out.push_str(&quoted(text)),
        Value::List(items) if items.is_empty() => out.push_str("[]"),
        Value::Map(entries) if entries.is_empty() => out.push_str("{}"),
        Value::List(items) => {
            out.push_str("[\n");
            for (index, item) in items.iter().enumerate() {
                out.push_str(&inner);
                write(item, depth + 1, out);
                out.push_str(if index + 1 < items.len() { ",\n" } else { "\n" });
            }
            out.push_str(&outer);
            out.push(']');
        }
        Value::Map(entries) => {
            out.push_str("{\n");
            for (index, (key, value)) in entries.iter().enumerate() {
                out.push_str(&format!("{inner}{}: ", quoted(key.text().unwrap_or_default())));
                write(value, depth + 1, out);
                out.push_str(if index + 1 < entries.len() { ",\n" } else { "\n" });
            }
            out.push_str(&outer);
            out.push('}');
        }
    }
}

/// Sets a value below the top, making the mappings that are missing. `value` is JSON text.
pub fn set(root: &mut Node, keys: &[&str], value: Node) {
    let Some((first, rest)) = keys.split_first() else {
        *root = value;
        return;
    };
    if root.map().is_none() {
        root.value = Value::Map(Vec::new());
    }
    let Value::Map(entries) = &mut root.value else { return };
    match entries.iter_mut().find(|(key, _)| key.text() == Some(first)) {
        Some((_, old)) => set(old, rest, value),
        None => {
            let mut new = word(first, false);
            new.value = Value::Scalar { text: (*first).into(), plain: false };
            let mut inner = Node { value: Value::Map(Vec::new()), line: 1, column: 1 };
            set(&mut inner, rest, value);
            entries.push((new, inner));
        }
    }
}

/// A word of its own; `plain` for numbers and truth values.
pub fn word(text: &str, plain: bool) -> Node {
    Node { value: Value::Scalar { text: text.into(), plain }, line: 1, column: 1 }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn codes(text: &str) -> Vec<(&'static str, usize, usize)> {
        let path = Path::new("lst.json");
        let found = match strict(path, text).and_then(|()| yaml::parse(path, text)) {
            Ok(root) => check_root(path, &root),
            Err(found) => found,
        };
        found.iter().map(|f| (f.code, f.location.line, f.location.column)).collect()
    }

    #[test]
    fn the_extractor_must_correct_for_integration() {
        let good = r#"{"image_extractor": "Sum", "Sum": {"apply_integration_correction": true}, "r": [0, Infinity]}"#;
        assert_eq!(codes(good), []);
        assert_eq!(codes(&good.replace("true", "false")), [("integration-correction", 1, 68)]);
        assert_eq!(codes(&good.replace("\"Sum\": ", "\"Summ\": ")), [("missing-key", 1, 21)]);
        assert_eq!(codes("{}"), [("missing-key", 1, 1)]);
        assert_eq!(codes("[]"), [("wrong-type", 1, 1)]);
    }

    #[test]
    fn texts_that_are_no_json_have_a_place() {
        assert_eq!(codes("{\"a\": Infinity,\n \"b\": [1, 2,]}"), [("json-syntax", 2, 13)]);
        assert_eq!(codes("{\"a\": 1, \"a\": 2}"), [("duplicate-key", 1, 10)]);
        assert_eq!(codes("{\"a\": Inf}")[0].0, "json-syntax");
        assert!(codes(r#"{"image_extractor": "NaN \" Infinity"}"#).iter().all(|(code, ..)| *code == "missing-key"));
    }

    #[test]
    fn values_keep_their_spelling() {
        let text = "{\n    \"a\": [\n        1.0,\n        -Infinity\n    ],\n    \"b\": {},\n    \"c\": \"x\\\"y\"\n}";
        let mut root = yaml::parse(Path::new("a"), text).unwrap();
        assert_eq!(json(&root), text);
        set(&mut root, &["n", "m"], word("0.38", true));
        assert!(json(&root).ends_with("\"n\": {\n        \"m\": 0.38\n    }\n}"));
    }
}
