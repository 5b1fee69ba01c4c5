//! The steps of a stage: which keys they have and what these mean.

use super::notes::{Notes, kind};
use super::slurm::{self, Slurm};
use super::stage::Stage;
use super::words;
use crate::yaml::Node;
use recoil_stage::config::did_you_mean;

/// A step as it stands in the file.
pub(super) struct Entry<'n> {
    pub stage: Stage,
    /// Its number in its stage, from 1.
    pub number: usize,
    pub node: &'n Node,
    pub work: Work<'n>,
    /// The words of `options`.
    pub options: Vec<String>,
    pub slurm: Slurm,
}

/// The paths of a step.
pub(super) enum Work<'n> {
    /// A directory, file by file, into another.
    Dl1 { input: &'n str, output: &'n str },
    /// A directory shared out.
    Split { input: &'n str, train: &'n str, test: &'n str, ratio: f64 },
    /// A directory into a file.
    Merge { input: &'n str, output: &'n str },
    /// Two files into a directory of forests.
    Train { gamma: &'n str, proton: &'n str, models: &'n str },
    /// A file into a directory.
    Dl2 { input: &'n str, models: &'n str, output: &'n str },
    /// Up to three files into one.
    Irfs { gamma: &'n str, proton: Option<&'n str>, electron: Option<&'n str>, output: &'n str },
    /// Three files into one.
    Sensitivity { gamma: &'n str, proton: &'n str, electron: &'n str, output: &'n str },
}

const STEP: &[&str] = &["input", "output", "options", "extra_slurm_options"];
const DL2_STEP: &[&str] = &["input", "path_model", "output", "options", "extra_slurm_options"];

/// Reads the steps of a stage; those with errors are left out.
pub(super) fn read<'n>(notes: &mut Notes<'_>, stage: Stage, node: &'n Node, entries: &mut Vec<Entry<'n>>) {
    let name = stage.name();
    let Some(items) = node.list() else {
        let message = format!("the stage {name} is {}, expected a list of steps", kind(node));
        let hint = node.map().map(|_| "put '- ' before the first key of the step");
        notes.error(node, "wrong-type", message).hint(hint);
        return;
    };
    if items.is_empty() {
        notes.warning(node, "no-steps", format!("the stage {name} is to be run, but has no steps"));
    }
    for (index, item) in items.iter().enumerate() {
        let what = format!("step {} of {name}", index + 1);
        if item.map().is_none() {
            let message = format!("{what} is {}, expected a mapping with 'input' and 'output'", kind(item));
            notes.error(item, "wrong-type", message);
            continue;
        }
        let known = if stage == Stage::Dl1ToDl2 { DL2_STEP } else { STEP };
        unread_keys(notes, item, &what, known);
        let options = options(notes, stage, item, &what);
        let slurm = Slurm::read(notes, item.get("extra_slurm_options"), &what);
        if let Some(work) = work(notes, stage, item, &what, known) {
            entries.push(Entry { stage, number: index + 1, node: item, work, options, slurm });
        }
    }
}

fn unread_keys(notes: &mut Notes<'_>, item: &Node, what: &str, known: &[&str]) {
    for (key, value) in item.map().unwrap_or_default() {
        let name = key.text().unwrap_or_default();
        match name {
            _ if known.contains(&name) => {}
            "slurm_options" => {
                let message =
                    format!("nothing reads 'slurm_options' of {what}: it runs with the defaults of its stage");
                let hint = value.text().and_then(slurm::replacement);
                let hint = hint.unwrap_or_else(|| "the key is now called 'extra_slurm_options'".into());
                notes.warning(key, "slurm-options", message).hint(Some(hint));
            }
            _ => {
                let message = format!("nothing reads the key '{name}' of {what}");
                notes.warning(key, "unknown-key", message).hint(did_you_mean(name, known));
            }
        }
    }
}

fn options(notes: &mut Notes<'_>, stage: Stage, item: &Node, what: &str) -> Vec<String> {
    let Some(node) = item.get("options").filter(|node| !node.is_null()) else { return Vec::new() };
    if stage == Stage::TrainTestSplit {
        // read with the paths
        return Vec::new();
    }
    let Some(text) = node.text() else {
        let message = format!("'options' of {what} is {}, expected words as on a command line", kind(node));
        notes.error(node, "wrong-type", message);
        return Vec::new();
    };
    if !stage.reads_options() {
        if !text.trim().is_empty() {
            let message = format!("nothing reads 'options' of {what}: its command takes none");
            notes.warning(node, "unread-option", message);
        }
        return Vec::new();
    }
    match words::split(text) {
        Ok(words) => words,
        Err(error) => {
            notes.error(node, "bad-value", format!("'options' of {what}: {error}"));
            Vec::new()
        }
    }
}

fn work<'n>(notes: &mut Notes<'_>, stage: Stage, item: &'n Node, what: &str, known: &[&str]) -> Option<Work<'n>> {
    let input = notes.needed(item, what, "input", known);
    let output = notes.needed(item, what, "output", known);
    let mut paths = Paths { notes, what };
    Some(match stage {
        Stage::R0ToDl1 | Stage::Dl1ab => {
            let (input, output) = (paths.of("input", input), paths.of("output", output));
            Work::Dl1 { input: input?, output: output? }
        }
        Stage::TrainTestSplit => {
            let input = paths.of("input", input);
            let parts = output.filter(|node| paths.is_map("output", node, "'train' and 'test'"));
            let (train, test) = (paths.inner(parts, "output", "train"), paths.inner(parts, "output", "test"));
            let ratio = paths.ratio(item, parts);
            Work::Split { input: input?, train: train?, test: test?, ratio: ratio? }
        }
        Stage::MergeDl1 => {
            let (input, output) = (paths.of("input", input), paths.of("output", output));
            Work::Merge { input: input?, output: output? }
        }
        Stage::TrainPipe => {
            let parts = input.filter(|node| paths.is_map("input", node, "'gamma' and 'proton'"));
            if let Some(parts) = parts {
                paths.notes.unknown_keys(parts, &format!("'input' of {what}"), &["gamma", "proton"]);
            }
            let (gamma, proton) = (paths.inner(parts, "input", "gamma"), paths.inner(parts, "input", "proton"));
            let models = paths.of("output", output);
            Work::Train { gamma: gamma?, proton: proton?, models: models? }
        }
        Stage::Dl1ToDl2 => {
            let models = paths.notes.needed(item, what, "path_model", known);
            let (input, output) = (paths.of("input", input), paths.of("output", output));
            let models = paths.of("path_model", models);
            Work::Dl2 { input: input?, models: models?, output: output? }
        }
        Stage::Dl2ToIrfs => {
            let parts = paths.files(input);
            let gamma = paths.inner(parts, "input", "gamma_file");
            let proton = paths.optional(parts, "proton_file");
            let electron = paths.optional(parts, "electron_file");
            let output = paths.of("output", output);
            Work::Irfs { gamma: gamma?, proton, electron, output: output? }
        }
        Stage::Dl2ToSensitivity => {
            let parts = paths.files(input);
            let mut one = |key| paths.inner(parts, "input", key);
            let (gamma, proton, electron) = (one("gamma_file"), one("proton_file"), one("electron_file"));
            let output = paths.of("output", output);
            Work::Sensitivity { gamma: gamma?, proton: proton?, electron: electron?, output: output? }
        }
    })
}

/// Reading the paths of one step.
struct Paths<'p, 'f> {
    notes: &'p mut Notes<'f>,
    what: &'p str,
}

impl Paths<'_, '_> {
    fn of<'n>(&mut self, key: &str, node: Option<&'n Node>) -> Option<&'n str> {
        let node = node?;
        match node.text() {
            Some(text) if !text.trim().is_empty() => {
                if text.trim() != text {
                    let message = format!("'{key}' of {} begins or ends with blanks", self.what);
                    self.notes.warning(node, "blank-in-path", message);
                }
                Some(text)
            }
            _ => {
                let message = format!("'{key}' of {} is {}, expected a path", self.what, kind(node));
                self.notes.error(node, "missing-path", message);
                None
            }
        }
    }

    fn is_map(&mut self, key: &str, node: &Node, expected: &str) -> bool {
        if node.map().is_none() {
            let message = format!("'{key}' of {} is {}, expected a mapping with {expected}", self.what, kind(node));
            self.notes.error(node, "wrong-type", message);
        }
        node.map().is_some()
    }

    fn inner<'n>(&mut self, node: Option<&'n Node>, outer: &str, key: &str) -> Option<&'n str> {
        let known = ["train", "test", "ratio", "gamma", "proton", "gamma_file", "proton_file", "electron_file"];
        let value = self.notes.needed(node?, &format!("'{outer}' of {}", self.what), key, &known);
        self.of(&format!("{outer}.{key}"), value)
    }

    fn optional<'n>(&mut self, node: Option<&'n Node>, key: &str) -> Option<&'n str> {
        let value = node?.get(key).filter(|value| !value.is_null())?;
        // an empty word is the same as nothing
        if value.text() == Some("") { None } else { self.of(&format!("input.{key}"), Some(value)) }
    }

    fn files<'n>(&mut self, input: Option<&'n Node>) -> Option<&'n Node> {
        let parts = input.filter(|node| self.is_map("input", node, "'gamma_file'"))?;
        let known = ["gamma_file", "proton_file", "electron_file"];
        self.notes.unknown_keys(parts, &format!("'input' of {}", self.what), &known);
        Some(parts)
    }

    /// The fraction of files for testing: of `output.ratio`, else of `options.test_size`, else a half. `None` if it was
    /// wrong.
    fn ratio(&mut self, item: &Node, output: Option<&Node>) -> Option<f64> {
        let what = self.what;
        if let Some(output) = output {
            self.notes.unknown_keys(output, &format!("'output' of {what}"), &["train", "test", "ratio"]);
        }
        let first = output.and_then(|node| node.get("ratio")).filter(|node| !node.is_null());
        let options = item.get("options").filter(|node| !node.is_null());
        if let Some(options) = options {
            let (message, hint) = match (options.get("test_size"), first) {
                (Some(_), None) => (
                    format!("lstmcpipe never reads 'options' of {what}; recoil takes 'test_size' as the ratio"),
                    Some("write the ratio into 'output', where both read it"),
                ),
                _ => (format!("nothing reads 'options' of {what}"), None),
            };
            self.notes.warning(options, "unread-option", message).hint(hint);
        }
        let Some(node) = first.or_else(|| options?.get("test_size")).filter(|node| !node.is_null()) else {
            return Some(0.5);
        };
        let ratio =
            node.text().and_then(|text| text.trim().parse().ok()).filter(|ratio: &f64| *ratio > 0.0 && *ratio < 1.0);
        if ratio.is_none() {
            let shown = node.text().unwrap_or(node.kind());
            let message = format!("the ratio of {what} is '{shown}', expected a fraction above 0 and below 1");
            self.notes.error(node, "bad-value", message);
        }
        ratio
    }
}
