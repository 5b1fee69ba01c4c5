//! The ranges that a schema declares, checked on a configuration.

use super::Problem;
use serde_json::Value as Json;

/// The values of `value` that lie outside the limits of `schema`.
pub(crate) fn check(schema: &Json, value: &Json) -> Vec<Problem> {
    let mut problems = Vec::new();
    walk(schema, value, "", &mut problems);
    problems
}

fn walk(schema: &Json, value: &Json, path: &str, problems: &mut Vec<Problem>) {
    match value {
        Json::Number(number) => {
            if let Some(value) = number.as_f64() {
                problems
                    .extend(outside(schema, value).map(|limit| Problem::new(path, format!("is {number}, {limit}"))));
            }
        }
        Json::String(text) => {
            let count = text.chars().count();
            problems.extend(
                wrong_size(schema, count, "minLength", "maxLength", "characters").map(|m| Problem::new(path, m)),
            );
        }
        Json::Array(items) => {
            problems.extend(
                wrong_size(schema, items.len(), "minItems", "maxItems", "items").map(|m| Problem::new(path, m)),
            );
            if let Some(inner) = schema.get("items") {
                for (index, item) in items.iter().enumerate() {
                    walk(inner, item, &format!("{path}[{index}]"), problems);
                }
            }
        }
        Json::Object(entries) => {
            for (key, value) in entries {
                let inner = schema.get("properties").and_then(|properties| properties.get(key));
                if let Some(inner) = inner.or_else(|| schema.get("additionalProperties")) {
                    let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                    walk(inner, value, &path, problems);
                }
            }
            // the content of an externally tagged choice
            for variant in ["oneOf", "anyOf"].iter().filter_map(|name| schema.get(name)?.as_array()).flatten() {
                let properties = variant.get("properties").and_then(Json::as_object);
                if properties.is_some_and(|known| entries.keys().all(|key| known.contains_key(key))) {
                    walk(variant, value, path, problems);
                }
            }
        }
        Json::Null | Json::Bool(_) => {}
    }
}

fn outside(schema: &Json, value: f64) -> Option<String> {
    let limit = |name: &str| schema.get(name).and_then(Json::as_f64);
    if let Some(low) = limit("minimum").filter(|&low| value < low) {
        return Some(format!("but must be at least {low}"));
    }
    if let Some(low) = limit("exclusiveMinimum").filter(|&low| value <= low) {
        return Some(format!("but must be greater than {low}"));
    }
    if let Some(high) = limit("maximum").filter(|&high| value > high) {
        return Some(format!("but must be at most {high}"));
    }
    limit("exclusiveMaximum").filter(|&high| value >= high).map(|high| format!("but must be less than {high}"))
}

fn wrong_size(schema: &Json, count: usize, low: &str, high: &str, things: &str) -> Option<String> {
    let limit = |name: &str| schema.get(name).and_then(Json::as_u64).and_then(|limit| usize::try_from(limit).ok());
    match (limit(low), limit(high)) {
        (Some(low), _) if count < low => Some(format!("has {count} {things}, but needs at least {low}")),
        (_, Some(high)) if count > high => Some(format!("has {count} {things}, but may have at most {high}")),
        _ => None,
    }
}
