//! Options for the batch system, in both spellings of memory and time.

use super::notes::{Notes, kind};
use super::words;
use crate::model::Resources;
use crate::units;
use crate::yaml::Node;
use std::collections::BTreeMap;

/// What a step asks of the batch system beyond the defaults of its stage.
#[derive(Clone, Debug, Default)]
pub(super) struct Slurm {
    pub resources: Resources,
    /// Everything else, by long names without dashes.
    pub other: BTreeMap<String, String>,
}

impl Slurm {
    /// Reads `extra_slurm_options`.
    pub fn read(notes: &mut Notes<'_>, node: Option<&Node>, what: &str) -> Self {
        let mut own = Self::default();
        let Some(node) = node.filter(|node| !node.is_null()) else { return own };
        let Some(entries) = node.map() else {
            let message = format!("'extra_slurm_options' of {what} is {}, expected a mapping", kind(node));
            notes.error(node, "wrong-type", message).hint(node.text().and_then(replacement));
            return own;
        };
        for (key, value) in entries {
            let name = key.text().unwrap_or_default().trim_start_matches('-');
            let text = match (value.text(), value.is_null()) {
                (Some(text), _) => text.trim(),
                (None, true) => "",
                (None, false) => {
                    let message = format!("'{name}' of {what} is {}, expected a word", kind(value));
                    notes.error(value, "wrong-type", message);
                    continue;
                }
            };
            let mut bad = |expected: &str| {
                notes.error(value, "bad-value", format!("'{name}' of {what} is '{text}', expected {expected}"));
            };
            match name {
                "mem" => match units::memory_bytes(text) {
                    Some(bytes) => own.resources.memory_bytes = Some(bytes),
                    None => bad("an amount of memory such as 80GB or 100G"),
                },
                "time" | "t" => match units::seconds(text) {
                    Some(seconds) => own.resources.time_seconds = Some(seconds),
                    None => bad("a time such as 06:00:00 or 03-00:00:00"),
                },
                "cpus-per-task" | "cpus_per_task" | "c" => match text.parse().ok().filter(|cpus| *cpus > 0) {
                    Some(cpus) => own.resources.cpus = Some(cpus),
                    None => bad("a number of cores"),
                },
                "array" | "dependency" | "wrap" | "parsable" | "output" | "error" => {
                    let message = format!("'{name}' of {what} is set by recoil itself; it is left out");
                    notes.warning(key, "unread-option", message);
                }
                _ => {
                    own.other.insert(long(name).into(), text.into());
                }
            }
        }
        own
    }
}

/// The long name of an option of sbatch.
fn long(name: &str) -> &str {
    match name {
        "p" => "partition",
        "A" => "account",
        "J" => "job-name",
        "q" => "qos",
        other => other,
    }
}

/// What to write instead of options for sbatch as they stand on a command line (`-p xxl --mem=100G`).
pub(super) fn replacement(text: &str) -> Option<String> {
    let words = words::split(text).ok()?;
    let mut words = words.iter().peekable();
    let mut entries = Vec::new();
    while let Some(word) = words.next() {
        let name = word.strip_prefix("--").or_else(|| word.strip_prefix('-'))?;
        let (name, value) = match name.split_once('=') {
            Some((name, value)) => (name, value.to_string()),
            None => match words.next_if(|next| !next.starts_with('-')) {
                Some(value) => (name, value.clone()),
                None => return None,
            },
        };
        let name = match name {
            "t" => "time",
            "c" => "cpus-per-task",
            other => long(other),
        };
        entries.push(format!("{name}: {value}"));
    }
    (!entries.is_empty()).then(|| format!("write 'extra_slurm_options: {{{}}}'", entries.join(", ")))
}
