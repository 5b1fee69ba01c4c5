//! `for` and `batch`: which tasks a step has.

use super::fields::Fields;
use super::{Variables, absolute, glob};
use crate::yaml::Node;
use std::path::Path;

/// More tasks than this are a mistake in a range.
const TASKS: usize = 1_000_000;

/// The variables of each task; one task without variables if there is no `for`.
pub(super) fn tasks(fields: &mut Fields<'_>, base: &Path) -> Vec<Variables> {
    let batch = fields.parsed("batch", "a number above 0", |text| text.parse::<usize>().ok().filter(|n| *n > 0));
    let Some(node) = fields.node("for") else {
        if let (Some(_), Some(node)) = (batch, fields.node("batch")) {
            fields.wrong(node, "unused-option", "'batch' divides the values of 'for', which is missing");
        }
        return vec![Variables::new()];
    };
    let Some(entries) = node.map().filter(|entries| !entries.is_empty()) else {
        fields.wrong(node, "wrong-type", format!("'for' is {}, expected a mapping of variables", node.kind()));
        return Vec::new();
    };
    let mut tasks = vec![Variables::new()];
    for (index, (key, value)) in entries.iter().enumerate() {
        let name = key.text().unwrap_or_default();
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if name.is_empty() || !name.chars().all(legal) || super::words::BUILT_IN.contains(&name) {
            fields.wrong(key, "bad-name", format!("'{name}' is no name for a variable"));
        }
        let values = values(fields, name, value, base);
        let per_task = if index + 1 == entries.len() { batch.unwrap_or(1) } else { 1 };
        let chunks: Vec<&[String]> = values.chunks(per_task).collect();
        if tasks.len().saturating_mul(chunks.len()) > TASKS {
            fields.wrong(value, "too-many-tasks", format!("'for' makes more than {TASKS} tasks"));
            return Vec::new();
        }
        let with = |task: &Variables| {
            let one = |chunk: &&[String]| {
                let mut task = task.clone();
                task.insert(name.to_string(), chunk.to_vec());
                task
            };
            chunks.iter().map(one).collect::<Vec<_>>()
        };
        tasks = tasks.iter().flat_map(with).collect();
    }
    tasks
}

fn values(fields: &mut Fields<'_>, name: &str, node: &Node, base: &Path) -> Vec<String> {
    if let Some(text) = node.text() {
        if let Some(range) = range(text) {
            return range;
        }
        if glob::is_glob(text) {
            let found = glob::files(&absolute(base, text));
            if found.is_empty() {
                fields.wrong(node, "no-match", format!("no file matches '{text}' (variable {name})"));
            }
            return found.iter().map(|path| path.to_string_lossy().into_owned()).collect();
        }
    }
    let values = fields.words_of(name, node).unwrap_or_default();
    if values.is_empty() {
        fields.wrong(node, "no-values", format!("the variable {name} has no values"));
    }
    values
}

/// The numbers of `3..12`, both ends included; leading zeros give all of them the same width.
fn range(text: &str) -> Option<Vec<String>> {
    let (first, last) = text.split_once("..")?;
    let digits = |part: &str| !part.is_empty() && part.len() < 10 && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(first) || !digits(last) {
        return None;
    }
    let (from, to): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
    let width = if first.starts_with('0') && first.len() > 1 { first.len() } else { 0 };
    (from <= to && to - from < TASKS).then(|| (from..=to).map(|n| format!("{n:0width$}")).collect())
}

#[cfg(test)]
mod tests {
    use super::range;

    #[test]
    fn ranges_count_both_ends() {
        assert_eq!(range("9..11"), Some(vec!["9".into(), "10".into(), "11".into()]));
        assert_eq!(range("008..009"), Some(vec!["008".into(), "009".into()]));
        for text in ["3..1", "a..b", "1..", "..", "../x", "0..99999999"] {
            assert_eq!(range(text), None, "{text}");
        }
    }
}
