//! Inputs: files, globs, and outputs of other steps.

use super::step::Draft;
use super::{absolute, glob};
use crate::model::OutputKind;
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

/// All outputs of a production, to be found by the id of their step and by their names.
pub(super) struct Outputs<'a> {
    by_step: HashMap<&'a str, Vec<(&'a Path, OutputKind)>>,
    sorted: BTreeSet<&'a Path>,
}

impl<'a> Outputs<'a> {
    pub fn of(drafts: &'a [Draft<'_>]) -> Self {
        let mut by_step: HashMap<&str, Vec<(&Path, OutputKind)>> = HashMap::new();
        let mut sorted = BTreeSet::new();
        for draft in drafts {
            let own = draft.tasks.iter().flat_map(|task| &task.outputs);
            let own: Vec<(&Path, OutputKind)> = own.map(|(_, out)| (out.path.as_path(), out.kind)).collect();
            sorted.extend(own.iter().map(|(path, _)| *path));
            by_step.entry(&draft.id).or_insert(own);
        }
        Self { by_step, sorted }
    }

    /// The files that a word stands for.
    ///
    /// # Errors
    /// A fragment when a step has no such output, or a glob matches nothing.
    pub fn find(&self, base: &Path, word: &str) -> Result<Vec<PathBuf>, String> {
        let (head, rest) = word.split_once('/').map_or((word, None), |(head, rest)| (head, Some(rest)));
        if let Some(outputs) = self.by_step.get(head) {
            let Some(rest) = rest else {
                let all: Vec<PathBuf> = outputs.iter().map(|(path, _)| path.to_path_buf()).collect();
                return if all.is_empty() { Err(format!("step {head} writes nothing")) } else { Ok(all) };
            };
            let inside = |(path, kind): &(&Path, OutputKind)| match kind {
                OutputKind::Directory => Some(path.join(rest)),
                OutputKind::File => path.ends_with(rest).then(|| path.to_path_buf()),
            };
            let mut found: Vec<PathBuf> = outputs.iter().filter_map(inside).collect();
            found.dedup();
            if !found.is_empty() {
                return Ok(found);
            }
            let names: Vec<String> =
                outputs.iter().filter_map(|(path, _)| Some(path.file_name()?.to_string_lossy().into_owned())).collect();
            let help = recoil_stage::config::did_you_mean(rest, &names);
            let help = help.or_else(|| names.first().map(|name| format!("it writes {name}"))).unwrap_or_default();
            return Err(format!("step {head} does not write '{rest}' ({help})"));
        }
        let path = absolute(base, word);
        if !glob::is_glob(word) {
            return Ok(vec![path]);
        }
        // a file may exist whose name holds these characters
        if std::fs::symlink_metadata(&path).is_ok() || self.sorted.contains(path.as_path()) {
            return Ok(vec![path]);
        }
        let mut found: BTreeSet<PathBuf> = glob::files(&path).into_iter().collect();
        found.extend(self.sorted.iter().filter(|out| glob::path_matches(&path, out)).map(|out| out.to_path_buf()));
        if found.is_empty() {
            Err(format!("no file and no output matches '{word}'"))
        } else {
            Ok(found.into_iter().collect())
        }
    }
}
