//! Writing configuration as YAML that a person edits.

use super::keys;
use serde_json::Value as Json;
use std::fmt::Write as _;

const WIDTH: usize = 100;

/// The defaults as YAML, each key under its documentation, type and limits.
pub fn commented_yaml(schema: &Json, defaults: &Json) -> String {
    let mut text = String::new();
    mapping(schema, defaults, 0, &mut text);
    if text.is_empty() { "{}\n".into() } else { text }
}

fn mapping(schema: &Json, value: &Json, indent: usize, text: &mut String) {
    let pad = " ".repeat(indent);
    let empty = Json::Null;
    for (name, value) in value.as_object().into_iter().flatten() {
        let property = schema.get("properties").and_then(|all| all.get(name)).unwrap_or(&empty);
        let open = property.get("properties").is_some() && value.as_object().is_some_and(|map| !map.is_empty());
        let kind = if open { String::new() } else { keys::kind(property) };
        let kind = if kind.is_empty() { kind } else { format!(" ({kind})") };
        for line in wrapped(&format!("{}{kind}", keys::doc(property)), WIDTH - indent) {
            let _ = writeln!(text, "{pad}# {line}");
        }
        if open {
            let _ = writeln!(text, "{pad}{}:", scalar(name));
            mapping(property, value, indent + 2, text);
        } else {
            let _ = writeln!(text, "{pad}{}: {}", scalar(name), flow(value));
        }
    }
}

/// A value as YAML in block style without comments.
pub fn plain_yaml(value: &Json) -> String {
    let mut text = String::new();
    block(value, 0, &mut text);
    if text.is_empty() { "{}\n".into() } else { text }
}

fn block(value: &Json, indent: usize, text: &mut String) {
    for (name, value) in value.as_object().into_iter().flatten() {
        let pad = " ".repeat(indent);
        if value.as_object().is_some_and(|map| !map.is_empty()) {
            let _ = writeln!(text, "{pad}{}:", scalar(name));
            block(value, indent + 2, text);
        } else {
            let _ = writeln!(text, "{pad}{}: {}", scalar(name), flow(value));
        }
    }
}

/// A value on one line, in YAML's flow style. It reads back as the same value.
pub fn flow(value: &Json) -> String {
    match value {
        Json::String(text) => scalar(text),
        Json::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Json::Object(entries) => {
            let entries: Vec<String> = entries.iter().map(|(k, v)| format!("{}: {}", scalar(k), flow(v))).collect();
            format!("{{{}}}", entries.join(", "))
        }
        // YAML wants a point in the mantissa of a float
        Json::Number(number) if number.is_f64() => {
            let text = number.to_string();
            match text.split_once('e') {
                Some((mantissa, exponent)) if !mantissa.contains('.') => format!("{mantissa}.0e{exponent}"),
                _ => text,
            }
        }
        other => other.to_string(),
    }
}

/// Text as a plain scalar where that is safe, else in double quotes.
fn scalar(text: &str) -> String {
    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
    let starts_well = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let reserved = ["true", "false", "null", "yes", "no", "on", "off", "y", "n", "inf", "nan"];
    if starts_well && text.chars().all(word) && !reserved.contains(&text.to_ascii_lowercase().as_str()) {
        text.into()
    } else {
        Json::String(text.into()).to_string()
    }
}

fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && line.len() + 1 + word.len() > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}
