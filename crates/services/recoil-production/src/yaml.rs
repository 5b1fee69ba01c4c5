//! YAML with the line and column of every value, made for files of many megabytes.
//!
//! Values stay as written: `Node::text` of `0.5` is `0.5`, and what a plain word means is decided by who asks.

use crate::finding::{Finding, Location, Severity};
use granit_parser::{Event, Parser, ScalarStyle};
use std::collections::HashMap;
use std::path::Path;

/// A value and where it begins.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What it is.
    pub value: Value,
    /// Line, from one.
    pub line: u32,
    /// Column in characters, from one.
    pub column: u32,
}

/// What a node holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A word; `plain` if it was written without quotes.
    Scalar {
        /// The word.
        text: String,
        /// Whether it was written without quotes, so that it may stand for a number, a truth value or nothing.
        plain: bool,
    },
    /// A list.
    List(Vec<Node>),
    /// A mapping in the order of the file.
    Map(Vec<(Node, Node)>),
}

impl Node {
    /// The word, unless the node is a list, a mapping or nothing.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } if !self.is_null() => Some(text),
            _ => None,
        }
    }

    /// Whether nothing stands there: an empty place, `~` or `null`.
    pub fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, plain: true } if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// The entries of a mapping.
    pub fn map(&self) -> Option<&[(Node, Node)]> {
        match &self.value {
            Value::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The items of a list.
    pub fn list(&self) -> Option<&[Node]> {
        match &self.value {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    /// The value of a key of a mapping.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.map()?.iter().find(|(name, _)| name.text() == Some(key)).map(|(_, value)| value)
    }

    /// The truth value that a plain word stands for.
    pub fn boolean(&self) -> Option<bool> {
        match &self.value {
            Value::Scalar { text, plain: true } => match text.as_str() {
                "true" | "True" | "TRUE" => Some(true),
                "false" | "False" | "FALSE" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }

    /// What it is, for messages.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            _ if self.is_null() => "nothing",
            Value::Scalar { .. } => "a word",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }

    /// Where it stands in `file`.
    pub fn location(&self, file: &Path) -> Location {
        Location { file: file.into(), line: self.line as usize, column: self.column as usize }
    }

    /// The value as JSON; plain words become numbers and truth values where they look like them.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match &self.value {
            _ if self.is_null() => Json::Null,
            Value::Scalar { text, plain } => match self.boolean() {
                Some(value) => Json::Bool(value),
                None if *plain => number(text).unwrap_or_else(|| Json::String(text.clone())),
                None => Json::String(text.clone()),
            },
            Value::List(items) => Json::Array(items.iter().map(Self::to_json).collect()),
            Value::Map(entries) => Json::Object(
                entries
                    .iter()
                    .map(|(key, value)| (key.text().unwrap_or_default().to_string(), value.to_json()))
                    .collect(),
            ),
        }
    }
}

fn number(text: &str) -> Option<serde_json::Value> {
    let first = text.trim_start_matches(['+', '-', '.']).chars().next()?;
    if !first.is_ascii_digit() {
        return None;
    }
    let digits = text.strip_prefix('+').unwrap_or(text);
    if let Ok(value) = digits.parse::<i64>() {
        return Some(value.into());
    }
    digits.parse::<f64>().ok().filter(|value| value.is_finite()).map(Into::into)
}

/// Largest file that is read.
const BYTES: u64 = 256 << 20;
/// Most values that all aliases together may stand for.
const REPLAYED: usize = 1_000_000;

/// Reads a file.
///
/// # Errors
/// What is wrong with it: a file that cannot be read, too large, not UTF-8, not YAML; keys that stand twice (all of
/// them), aliases that multiply without bound.
pub fn read(path: &Path) -> Result<Node, Vec<Finding>> {
    let fail = |message: String| vec![finding(path, 1, 1, "unreadable", message)];
    let size = std::fs::metadata(path).map_err(|error| fail(format!("cannot be read: {error}")))?;
    if !size.is_file() {
        return Err(fail("is not a file".into()));
    }
    if size.len() > BYTES {
        return Err(fail(format!("has {} bytes, more than a production may have ({BYTES})", size.len())));
    }
    let bytes = std::fs::read(path).map_err(|error| fail(format!("cannot be read: {error}")))?;
    let text = String::from_utf8(bytes)
        .map_err(|error| fail(format!("is not UTF-8 text (byte {})", error.utf8_error().valid_up_to())))?;
    parse(path, &text)
}

/// Reads a text; `path` is named in findings.
///
/// # Errors
/// As [`read`].
pub fn parse(path: &Path, text: &str) -> Result<Node, Vec<Finding>> {
    let mut builder =
        Builder { path, stack: Vec::new(), anchors: HashMap::new(), replayed: 0, root: None, found: Vec::new() };
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| {
            let place = error.marker();
            vec![finding(path, place.line(), place.col() + 1, "yaml-syntax", error.info())]
        })?;
        builder.event(event, span.start.line() as u32, span.start.col() as u32 + 1)?;
    }
    if !builder.found.is_empty() {
        return Err(builder.found);
    }
    Ok(builder.root.unwrap_or(Node { value: Value::Scalar { text: String::new(), plain: true }, line: 1, column: 1 }))
}

fn finding(path: &Path, line: usize, column: usize, code: &'static str, message: String) -> Finding {
    let location = Location { file: path.into(), line: line.max(1), column: column.max(1) };
    Finding { severity: Severity::Error, code, message, hint: None, location }
}

/// A list or mapping that is not closed yet.
struct Open {
    node: Node,
    anchor: usize,
    /// The key that waits for its value.
    key: Option<Node>,
}

struct Builder<'a> {
    path: &'a Path,
    stack: Vec<Open>,
    anchors: HashMap<usize, Node>,
    replayed: usize,
    root: Option<Node>,
    found: Vec<Finding>,
}

impl Builder<'_> {
    fn event(&mut self, event: Event<'_>, line: u32, column: u32) -> Result<(), Vec<Finding>> {
        let fail = |code, message: String| vec![finding(self.path, line as usize, column as usize, code, message)];
        match event {
            Event::Scalar(text, style, anchor, _) => {
                let value = Value::Scalar { text: text.into_owned(), plain: style == ScalarStyle::Plain };
                self.add(Node { value, line, column }, anchor);
            }
            Event::SequenceStart(_, anchor, _) => {
                let node = Node { value: Value::List(Vec::new()), line, column };
                self.stack.push(Open { node, anchor, key: None });
            }
            Event::MappingStart(_, anchor, _) => {
                let node = Node { value: Value::Map(Vec::new()), line, column };
                self.stack.push(Open { node, anchor, key: None });
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(open) = self.stack.pop() {
                    if let Value::Map(entries) = &open.node.value {
                        repeated(self.path, entries, &mut self.found);
                    }
                    self.add(open.node, open.anchor);
                }
            }
            Event::Alias(id) => {
                let Some(node) = self.anchors.get(&id) else {
                    return Err(fail("yaml-syntax", "an alias stands for a value that holds it".into()));
                };
                self.replayed += size(node);
                if self.replayed > REPLAYED {
                    return Err(fail("yaml-bomb", format!("aliases stand for more than {REPLAYED} values")));
                }
                let mut node = node.clone();
                (node.line, node.column) = (line, column);
                self.add(node, 0);
            }
            Event::DocumentStart(..) if self.root.is_some() => {
                return Err(fail("yaml-syntax", "a second document begins; a production is one document".into()));
            }
            _ => {}
        }
        Ok(())
    }

    fn add(&mut self, node: Node, anchor: usize) {
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let Some(open) = self.stack.last_mut() else {
            self.root = Some(node);
            return;
        };
        match (&mut open.node.value, open.key.take()) {
            (Value::Map(entries), Some(key)) => entries.push((key, node)),
            (Value::Map(_), None) => open.key = Some(node),
            (Value::List(items), _) => items.push(node),
            (Value::Scalar { .. }, _) => {}
        }
    }
}

/// Values in a tree.
fn size(node: &Node) -> usize {
    1 + match &node.value {
        Value::Scalar { .. } => 0,
        Value::List(items) => items.iter().map(size).sum(),
        Value::Map(entries) => entries.iter().map(|(key, value)| size(key) + size(value)).sum(),
    }
}

fn repeated(path: &Path, entries: &[(Node, Node)], found: &mut Vec<Finding>) {
    let mut first: HashMap<&str, u32> = HashMap::with_capacity(entries.len());
    for (key, _) in entries {
        let Value::Scalar { text, .. } = &key.value else {
            found.push(finding(path, key.line as usize, key.column as usize, "yaml-syntax", "a key is no word".into()));
            continue;
        };
        if let Some(line) = first.insert(text, key.line) {
            let message = format!("the key '{text}' stands twice, first in line {line}");
            found.push(finding(path, key.line as usize, key.column as usize, "duplicate-key", message));
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_their_places_and_spelling() {
        let node = parse(Path::new("a.yaml"), "a: 1\nb:\n  - x y\n  - '1'\nc: {d: null, é: [~, 2.50]}\n").unwrap();
        let list = node.get("b").unwrap().list().unwrap();
        assert_eq!((list[1].line, list[1].column, list[1].text()), (4, 5, Some("1")));
        let inner = node.get("c").unwrap();
        assert!(inner.get("d").unwrap().is_null());
        assert_eq!(inner.get("é").unwrap().list().unwrap()[1].text(), Some("2.50"));
        assert_eq!(node.to_json().to_string(), r#"{"a":1,"b":["x y","1"],"c":{"d":null,"é":[null,2.5]}}"#);
    }

    #[test]
    fn all_repeated_keys_are_found() {
        let found = parse(Path::new("a.yaml"), "a: 1\nb: {c: 1, c: 2}\na: 2\n").unwrap_err();
        let places: Vec<_> = found.iter().map(|f| (f.code, f.location.line, f.location.column)).collect();
        assert_eq!(places, [("duplicate-key", 2, 11), ("duplicate-key", 3, 1)]);
    }

    #[test]
    fn bombs_and_broken_texts_are_errors_with_a_place() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_string();
        for i in 1..12 {
            let list = vec![format!("*a{}", i - 1); 10].join(", ");
            bomb.push_str(&format!("a{i}: &a{i} [{list}]\n"));
        }
        assert_eq!(parse(Path::new("a"), &bomb).unwrap_err()[0].code, "yaml-bomb");
        let found = parse(Path::new("a"), "a: 1\nb: [1, 2\nc: 3\n").unwrap_err();
        assert!(found[0].location.line >= 2, "{found:?}");
        assert_eq!(parse(Path::new("a"), "a: &x [*x]\n").unwrap_err()[0].code, "yaml-syntax");
        assert!(parse(Path::new("a"), "").unwrap().is_null());
        assert!(parse(Path::new("a"), &"[".repeat(100_000)).is_err());
        assert!(parse(Path::new("a"), "a: 1\n---\nb: 2\n").is_err());
    }
}
