//! What Slurm says about tasks.

use super::super::{Ending, TaskState};
use std::collections::HashMap;

/// What is known of an array element.
pub(super) type States = HashMap<(String, usize), TaskState>;

/// The options with which `squeue` says what [`from_squeue`] reads.
pub(super) const SQUEUE: [&str; 6] = ["--noheader", "--array", "--states=all", "--format", "%F|%K|%T|%N", "--jobs"];
/// The options with which `sacct` says what [`from_sacct`] reads.
pub(super) const SACCT: [&str; 6] =
    ["--noheader", "--parsable2", "--allocations", "--array", "--format=JobID,State,NodeList", "--jobs"];

/// What a state of Slurm means. States that are not known count as running: the task is not over.
pub(super) fn meaning(state: &str, node: &str) -> TaskState {
    // `CANCELLED by 1000`, `CANCELLED+`
    let word = state.split([' ', '+']).next().unwrap_or_default();
    let ending = match word {
        "PENDING" | "CONFIGURING" | "REQUEUED" | "REQUEUE_HOLD" | "REQUEUE_FED" | "SPECIAL_EXIT" | "RESV_DEL_HOLD" => {
            return TaskState::Waiting;
        }
        "COMPLETED" => Ending::Succeeded,
        // the task runner says why, if it still could
        "FAILED" => Ending::Exited,
        "OUT_OF_MEMORY" => Ending::OutOfMemory,
        "TIMEOUT" => Ending::TimeLimit,
        "NODE_FAIL" | "BOOT_FAIL" | "LAUNCH_FAILED" | "RECONFIG_FAIL" | "PREEMPTED" | "REVOKED" => Ending::NodeFailure,
        "CANCELLED" => Ending::Cancelled,
        "DEADLINE" => Ending::Other("Slurm ended it at its deadline".into()),
        _ => return TaskState::Running((!node.is_empty()).then(|| node.to_string())),
    };
    TaskState::Ended(ending)
}

/// Array elements in an answer of `squeue`: `job|elements|state|nodes`, one line for each.
pub(super) fn from_squeue(text: &str) -> States {
    let mut states = States::new();
    for line in text.lines() {
        let mut fields = line.trim().splitn(4, '|');
        let (Some(job), Some(elements), Some(state)) = (fields.next(), fields.next(), fields.next()) else { continue };
        let meaning = meaning(state, fields.next().unwrap_or_default());
        for element in elements_of(elements) {
            states.insert((job.to_string(), element), meaning.clone());
        }
    }
    states
}

/// Array elements in an answer of `sacct`: `job_element|state|nodes`.
pub(super) fn from_sacct(text: &str) -> States {
    let mut states = States::new();
    for line in text.lines() {
        let mut fields = line.trim().splitn(3, '|');
        let (Some(id), Some(state)) = (fields.next(), fields.next()) else { continue };
        let Some((job, elements)) = id.split_once('_') else { continue };
        let meaning = meaning(state, fields.next().unwrap_or_default());
        for element in elements_of(elements) {
            states.insert((job.to_string(), element), meaning.clone());
        }
    }
    states
}

/// `3`, `0-3,7` or `[0-3,7%2]`; nothing if it is something else.
fn elements_of(text: &str) -> Vec<usize> {
    let inner = text.trim_matches(['[', ']']);
    let inner = inner.split('%').next().unwrap_or_default();
    let mut elements = Vec::new();
    for part in inner.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        if let (Ok(first), Ok(last)) = (first.parse::<usize>(), last.parse::<usize>()) {
            elements.extend(first..=last.min(first.saturating_add(10_000_000)));
        }
    }
    elements
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_mean_what_slurm_means_by_them() {
        let ended = |state: &str| meaning(state, "");
        let cases = [
            ("COMPLETED", Ending::Succeeded),
            ("FAILED", Ending::Exited),
            ("OUT_OF_MEMORY", Ending::OutOfMemory),
            ("TIMEOUT", Ending::TimeLimit),
            ("NODE_FAIL", Ending::NodeFailure),
            ("BOOT_FAIL", Ending::NodeFailure),
            ("PREEMPTED", Ending::NodeFailure),
            ("CANCELLED", Ending::Cancelled),
            ("CANCELLED by 1000", Ending::Cancelled),
            ("CANCELLED+", Ending::Cancelled),
        ];
        for (state, ending) in cases {
            assert_eq!(ended(state), TaskState::Ended(ending), "{state}");
        }
        for state in ["PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED"] {
            assert_eq!(meaning(state, ""), TaskState::Waiting, "{state}");
        }
        for state in ["RUNNING", "COMPLETING", "SUSPENDED", "STAGE_OUT", "A_NEW_STATE"] {
            assert_eq!(meaning(state, "n1"), TaskState::Running(Some("n1".into())), "{state}");
        }
    }

    #[test]
    fn elements_in_all_spellings() {
        let states = from_squeue("12|3|RUNNING|n1\n12|[4-6,9%2]|PENDING|\n 13|N/A|PENDING|\nnonsense\n");
        let mut found: Vec<usize> = states.keys().map(|(_, element)| *element).collect();
        found.sort_unstable();
        assert_eq!(found, [3, 4, 5, 6, 9]);
        assert_eq!(states.get(&("12".into(), 3)), Some(&TaskState::Running(Some("n1".into()))));
        let states = from_sacct("12_0|COMPLETED|n1\n12_[4-5]|CANCELLED by 0|None assigned\n12|COMPLETED|\n");
        assert_eq!(states.len(), 3);
        assert_eq!(states.get(&("12".into(), 5)), Some(&TaskState::Ended(Ending::Cancelled)));
    }
}
