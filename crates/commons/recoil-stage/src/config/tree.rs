//! The tree of values that configuration texts are read into, each value with its place.

use super::fault::Fault;
use super::source::{Origin, Place, Source};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;
use std::fmt;
use std::sync::Arc;

/// A value and where it was written.
#[derive(Clone, Debug)]
pub struct Node {
    pub(crate) value: Value,
    pub(crate) place: Place,
}

/// What a node holds.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// One key of a mapping with its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub key: String,
    pub key_place: Place,
    /// Number of the source that wrote the key last; a later source has a higher number.
    pub layer: usize,
    pub node: Node,
}

impl Node {
    /// An empty mapping.
    pub(crate) fn empty(place: Place) -> Self {
        Self { value: Value::Map(Vec::new()), place }
    }

    /// The tree of a JSON value, for the shipped defaults and for recorded configurations.
    pub fn from_json(value: &serde_json::Value, source: &Arc<Source>) -> Self {
        use serde_json::Value as Json;
        let place = Place::new(source, 0, 0);
        let value = match value {
            Json::Null => Value::Null,
            Json::Bool(value) => Value::Bool(*value),
            Json::Number(number) => match (number.as_i128(), number.as_f64()) {
                (Some(value), _) => Value::Int(value),
                (None, Some(value)) => Value::Float(value),
                (None, None) => Value::Null,
            },
            Json::String(text) => Value::Text(text.clone()),
            Json::Array(items) => Value::List(items.iter().map(|item| Self::from_json(item, source)).collect()),
            Json::Object(entries) => Value::Map(
                entries
                    .iter()
                    .map(|(key, value)| Entry {
                        key: key.clone(),
                        key_place: place.clone(),
                        layer: 0,
                        node: Self::from_json(value, source),
                    })
                    .collect(),
            ),
        };
        Self { value, place }
    }

    /// Reads a YAML text; an empty text is an empty mapping.
    ///
    /// # Errors
    /// A fault with line and column on bad syntax, a repeated key, an alias bomb or a value that is not finite.
    pub fn from_yaml(source: &Arc<Source>) -> Result<Self, Fault> {
        let node = Self::from_yaml_part(source, 0)?;
        match node.value {
            Value::Null => Ok(Self::empty(node.place)),
            _ => Ok(node),
        }
    }

    /// Reads the YAML text that begins at byte `start` of the source.
    pub(crate) fn from_yaml_part(source: &Arc<Source>, start: usize) -> Result<Self, Fault> {
        let text = source.text.get(start..).unwrap_or_default();
        let parsed: Spanned<Raw> = serde_saphyr::from_str_with_options(text, limits()).map_err(|error| {
            let fault = Fault::new(plain_message(&error));
            match error.location() {
                Some(location) => fault.at(&place_of(source, start, location.span())),
                None => fault.at(&Place::new(source, start, 0)),
            }
        })?;
        Ok(convert(parsed, source, start))
    }

    /// The value of `key`, if the node is a mapping that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node),
            _ => None,
        }
    }

    /// Removes the key at a dotted path, if it is there.
    pub(crate) fn remove(&mut self, path: &str) {
        let Value::Map(entries) = &mut self.value else { return };
        match path.split_once('.') {
            Some((key, rest)) => {
                if let Some(entry) = entries.iter_mut().find(|entry| entry.key == key) {
                    entry.node.remove(rest);
                }
            }
            None => entries.retain(|entry| entry.key != path),
        }
    }

    /// Lays `over` on top of this tree: mappings merge key by key, everything else is replaced.
    pub(crate) fn merge(&mut self, over: Node, layer: usize) {
        match (&mut self.value, over.value) {
            (Value::Map(entries), Value::Map(new)) => {
                for mut entry in new {
                    match entries.iter_mut().find(|old| old.key == entry.key) {
                        Some(old) => {
                            old.key_place = entry.key_place;
                            old.layer = layer;
                            old.node.merge(entry.node, layer);
                        }
                        None => {
                            entry.layer = layer;
                            entry.node.set_layer(layer);
                            entries.push(entry);
                        }
                    }
                }
                self.place = over.place;
            }
            (_, value) => {
                *self = Node { value, place: over.place };
                self.set_layer(layer);
            }
        }
    }

    fn set_layer(&mut self, layer: usize) {
        match &mut self.value {
            Value::Map(entries) => {
                for entry in entries {
                    entry.layer = layer;
                    entry.node.set_layer(layer);
                }
            }
            Value::List(items) => items.iter_mut().for_each(|item| item.set_layer(layer)),
            _ => {}
        }
    }

    /// The node at a path of keys and list positions, or the deepest one above it that exists.
    pub(crate) fn deepest(&self, path: &[Step]) -> &Node {
        let Some((step, rest)) = path.split_first() else { return self };
        let next = match (step, &self.value) {
            (Step::Key(key), Value::Map(_)) => self.get(key),
            (Step::Index(index), Value::List(items)) => items.get(*index),
            _ => None,
        };
        next.map_or(self, |node| node.deepest(rest))
    }
}

/// One step on the way to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Key(String),
    Index(usize),
}

/// Limits that no honest configuration reaches and that keep a hostile one cheap.
fn limits() -> serde_saphyr::Options {
    serde_saphyr::options! {
        with_snippet: false,
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: 100_000, max_replay_stack_depth: 16 },
        budget: serde_saphyr::budget! { max_depth: 64, max_nodes: 250_000, max_documents: 1 },
    }
}

fn plain_message(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().to_string();
    // the place is reported by us, in one form for all faults
    let cut = text.find(" at line ").or_else(|| text.find("\n")).unwrap_or(text.len());
    text.get(..cut).unwrap_or(&text).trim_start_matches("YAML parse error: ").to_string()
}

fn place_of(source: &Arc<Source>, start: usize, span: serde_saphyr::Span) -> Place {
    let text = source.text.get(start..).unwrap_or_default();
    let at = |chars: u64| {
        let chars = usize::try_from(chars).unwrap_or(usize::MAX);
        text.char_indices().nth(chars).map_or(text.len(), |(byte, _)| byte)
    };
    let first = span.byte_offset().and_then(|byte| usize::try_from(byte).ok()).unwrap_or_else(|| at(span.offset()));
    let len = span
        .byte_len()
        .and_then(|byte| usize::try_from(byte).ok())
        .unwrap_or_else(|| at(span.offset() + span.len()).saturating_sub(first));
    Place::new(source, start + first, len)
}

fn convert(raw: Spanned<Raw>, source: &Arc<Source>, start: usize) -> Node {
    let place = place_of(source, start, raw.referenced.span());
    let value = match raw.value {
        Raw::Null => Value::Null,
        Raw::Bool(value) => Value::Bool(value),
        Raw::Int(value) => Value::Int(value),
        Raw::Float(value) => Value::Float(value),
        Raw::Text(value) => Value::Text(value),
        Raw::List(items) => Value::List(items.into_iter().map(|item| convert(item, source, start)).collect()),
        Raw::Map(entries) => Value::Map(
            entries
                .into_iter()
                .map(|(key, value)| Entry {
                    key_place: place_of(source, start, key.referenced.span()),
                    key: key.value,
                    layer: 0,
                    node: convert(value, source, start),
                })
                .collect(),
        ),
    };
    Node { value, place }
}

/// What the YAML reader delivers before places are attached to a source.
enum Raw {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }
    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }
    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        Raw::deserialize(deserializer)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Int(value.into()))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Int(value.into()))
    }
    fn visit_i128<E>(self, value: i128) -> Result<Raw, E> {
        Ok(Raw::Int(value))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Float(value))
    }
    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.into()))
    }
    fn visit_string<E>(self, value: String) -> Result<Raw, E> {
        Ok(Raw::Text(value))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Raw::List(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Raw, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Raw::Map(map))
    }
}

/// Reads a configuration file.
///
/// # Errors
/// A fault that names the file when it is missing, a directory, larger than 16 MiB, not UTF-8 or not YAML.
pub(crate) fn read_file(path: &std::path::Path) -> Result<Node, Fault> {
    const LIMIT: u64 = 16 << 20;
    let name = path.display();
    let size = std::fs::metadata(path).map_err(|error| Fault::new(format!("cannot read {name}: {error}")))?;
    if size.is_dir() {
        return Err(Fault::new(format!("{name} is a directory, expected a YAML file")));
    }
    if size.len() > LIMIT {
        return Err(Fault::new(format!(
            "{name} has {} bytes, more than a configuration may have ({LIMIT})",
            size.len()
        )));
    }
    let bytes = std::fs::read(path).map_err(|error| Fault::new(format!("cannot read {name}: {error}")))?;
    let text = String::from_utf8(bytes)
        .map_err(|error| Fault::new(format!("{name} is not UTF-8 text (byte {})", error.utf8_error().valid_up_to())))?;
    Node::from_yaml(&Source::new(Origin::File(path.into()), text))
}
