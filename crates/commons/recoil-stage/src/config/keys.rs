//! The keys of a configuration, read from its JSON schema: what help, reference pages and commented YAML list.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value as Json;

/// One key of a configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// Path such as `seed.window`.
    pub path: String,
    /// First paragraph of its documentation.
    pub doc: String,
    /// Its type in words: `number`, `whole number`, `true or false`, `text`, `list of number`, or the choices.
    pub kind: String,
    /// Shipped value.
    pub default: Json,
}

/// The JSON schema of a configuration, with definitions written in place.
pub fn schema<C: JsonSchema>() -> Json {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<C>().to_value()
}

/// The keys of a schema in their order, mappings opened, with the defaults of `defaults`.
pub fn list(schema: &Json, defaults: &Json) -> Vec<Key> {
    let mut keys = Vec::new();
    walk(schema, defaults, "", &mut keys);
    keys
}

fn walk(schema: &Json, default: &Json, path: &str, keys: &mut Vec<Key>) {
    let Some(properties) = schema.get("properties").and_then(Json::as_object) else { return };
    for (name, property) in properties {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let default = default.get(name).unwrap_or(&Json::Null);
        if property.get("properties").is_some() && default.is_object() {
            walk(property, default, &path, keys);
        } else {
            keys.push(Key { path, doc: doc(property), kind: kind(property), default: default.clone() });
        }
    }
}

/// First paragraph of a schema's description, on one line.
pub fn doc(schema: &Json) -> String {
    let text = schema.get("description").and_then(Json::as_str).unwrap_or_default();
    text.split("\n\n").next().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The type that a schema asks for, in words.
pub fn kind(schema: &Json) -> String {
    if let Some(choices) = choices(schema) {
        return choices.join(" | ");
    }
    let variants = ["anyOf", "oneOf"].iter().find_map(|name| schema.get(name)).and_then(Json::as_array);
    if let Some(variants) = variants {
        let kinds: Vec<String> = variants.iter().map(kind).filter(|kind| !kind.is_empty()).collect();
        return kinds.join(" | ");
    }
    let one = |name: &str| match name {
        "boolean" => "true or false".to_string(),
        "integer" => "whole number".into(),
        "number" => "number".into(),
        "string" => "text".into(),
        "array" => match schema.get("items").map(kind) {
            Some(items) if !items.is_empty() => format!("list of {items}"),
            _ => "list".into(),
        },
        "object" => match schema.get("properties").and_then(Json::as_object) {
            Some(keys) => format!("{{{}}}", keys.keys().cloned().collect::<Vec<_>>().join(", ")),
            None => "mapping".into(),
        },
        other => other.into(),
    };
    let plain = match schema.get("type") {
        Some(Json::String(name)) => one(name),
        Some(Json::Array(names)) => names.iter().filter_map(Json::as_str).map(one).collect::<Vec<_>>().join(" | "),
        _ => String::new(),
    };
    format!("{plain}{}", limits(schema))
}

fn limits(schema: &Json) -> String {
    let number = |name: &str| schema.get(name).filter(|value| value.is_number());
    let low = number("minimum").map(|v| (v, '[')).or_else(|| number("exclusiveMinimum").map(|v| (v, '(')));
    let high = number("maximum").map(|v| (v, ']')).or_else(|| number("exclusiveMaximum").map(|v| (v, ')')));
    match (low, high) {
        // what the integer type alone says is no news
        (Some((low, _)), None) if low.as_i64() == Some(0) => " >= 0".into(),
        (Some((low, '[')), None) => format!(" >= {low}"),
        (Some((low, _)), None) => format!(" > {low}"),
        (None, Some((high, ']'))) => format!(" <= {high}"),
        (None, Some((high, _))) => format!(" < {high}"),
        (Some((low, open)), Some((high, close))) => format!(" in {open}{low}, {high}{close}"),
        (None, None) => String::new(),
    }
}

/// The words that a schema allows, if it is a list of words.
pub fn choices(schema: &Json) -> Option<Vec<String>> {
    if let Some(words) = schema.get("enum").and_then(Json::as_array) {
        return Some(words.iter().map(|word| word.as_str().unwrap_or("null").to_string()).collect());
    }
    if let Some(word) = schema.get("const").and_then(Json::as_str) {
        return Some(vec![word.to_string()]);
    }
    let variants = schema.get("oneOf").and_then(Json::as_array)?;
    let words: Option<Vec<Vec<String>>> = variants.iter().map(choices).collect();
    words.map(|words| words.concat())
}

/// The paths of all keys of a JSON value, mappings opened.
pub(crate) fn paths(value: &Json) -> Vec<String> {
    let mut found = Vec::new();
    collect(value, "", &mut found);
    found
}

fn collect(value: &Json, path: &str, found: &mut Vec<String>) {
    for (name, value) in value.as_object().into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        collect(value, &path, found);
        found.push(path);
    }
}
