//! Removing what a production left behind.

use crate::error::{ProductionError, Result};
use crate::journal::{Memory, TaskStatus};
use crate::plan::Plan;
use crate::state::StateDir;
use crate::status::is_running;
use std::fs;
use std::path::{Path, PathBuf};

/// What to remove.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct What {
    /// Outputs that the production made.
    pub outputs: bool,
    /// The whole state directory; the production is forgotten.
    pub state: bool,
}

/// Names that would be removed: always temporary outputs of tasks that died, and logs, results and scripts of tasks that
/// ended; outputs and the state if asked for. Only files that the journal lists as made by the production count as its
/// outputs.
///
/// # Errors
/// When a manager runs the production or the journal cannot be read.
pub fn list(plan: &Plan, state: &StateDir, what: What) -> Result<Vec<PathBuf>> {
    if is_running(state) {
        return Err(ProductionError::Usage("a manager runs this production; cancel it first".into()));
    }
    let memory = Memory::read(state)?;
    let mut found: Vec<PathBuf> = Vec::new();
    let mut places: Vec<PathBuf> = Vec::new();
    for output in plan.production.steps.iter().flat_map(|step| &step.tasks).flat_map(|task| &task.outputs) {
        places.extend(output.path.parent().map(Path::to_path_buf));
        places.push(output.path.clone());
    }
    places.sort();
    places.dedup();
    let ids: std::collections::HashSet<&str> = plan.production.steps.iter().map(|step| step.id.as_str()).collect();
    for place in places {
        for entry in fs::read_dir(&place).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let inner = name.strip_prefix(".recoil-").and_then(|rest| rest.strip_suffix(".tmp"));
            // .recoil-STEP.TASK.ATTEMPT.tmp
            if inner.and_then(|inner| inner.rsplitn(3, '.').nth(2)).is_some_and(|id| ids.contains(id)) {
                found.push(entry.path());
            }
        }
    }
    if what.outputs {
        let done = memory.steps.values().flat_map(|tasks| tasks.values()).filter(|own| own.status == TaskStatus::Done);
        found.extend(done.flat_map(|own| &own.outputs).map(|(path, _)| path.clone()).filter(|path| path.exists()));
    }
    match what.state {
        true => found.push(state.path().into()),
        false => {
            for name in ["results", "logs", "scripts", "steps"] {
                let entries = fs::read_dir(state.path().join(name)).into_iter().flatten().flatten();
                found.extend(entries.map(|entry| entry.path()));
            }
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// Removes the listed names; directories with all that is in them.
///
/// # Errors
/// The first that cannot be removed.
pub fn remove(names: &[PathBuf]) -> Result<()> {
    for path in names {
        let Ok(meta) = fs::symlink_metadata(path) else { continue };
        let removed = if meta.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
        removed.map_err(ProductionError::file("remove", path))?;
    }
    Ok(())
}
