//! Reading HTCondor's log of a job: one event after the other, each ended by a line of three dots.

use super::super::{Ending, TaskState};
use super::description::{HELD_FOR_MEMORY, HELD_FOR_TIME, NOTES};
use std::collections::HashMap;

/// What a log says about the jobs in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EventLog {
    /// Number of the cluster of jobs.
    pub cluster: Option<u64>,
    /// State of each task.
    pub tasks: HashMap<usize, TaskState>,
}

impl EventLog {
    /// Reads a log. An event that is not whole yet does not count; lines that are none of an event are passed over.
    pub fn read(text: &str) -> Self {
        let mut own = Self::default();
        let mut task_of: HashMap<u64, usize> = HashMap::new();
        let mut limits: HashMap<u64, Ending> = HashMap::new();
        let mut event: Vec<&str> = Vec::new();
        for line in text.lines() {
            if line.trim_end() == "..." {
                own.take(&std::mem::take(&mut event), &mut task_of, &mut limits);
            } else {
                event.push(line);
            }
        }
        own
    }

    fn take(&mut self, event: &[&str], task_of: &mut HashMap<u64, usize>, limits: &mut HashMap<u64, Ending>) {
        let Some((number, cluster, job, words)) = event.iter().find_map(|line| head(line)) else { return };
        self.cluster.get_or_insert(cluster);
        if number == SUBMIT
            && let Some(task) = event.iter().find_map(|line| line.trim().strip_prefix(NOTES)?.parse().ok())
        {
            task_of.insert(job, task);
        }
        let Some(&task) = task_of.get(&job) else { return };
        let old = self.tasks.get(&task);
        let state = match number {
            SUBMIT | EVICTED | RELEASED | SHADOW_FAILED | RECONNECT_FAILED => TaskState::Waiting,
            EXECUTE => TaskState::Running(host(words)),
            TERMINATED => TaskState::Ended(match event.iter().any(|line| line.contains("(return value 0)")) {
                true => Ending::Succeeded,
                false => Ending::Exited,
            }),
            EXECUTABLE_ERROR => TaskState::Ended(Ending::Other("HTCondor cannot run the program".into())),
            ABORTED => TaskState::Ended(limits.remove(&job).unwrap_or(Ending::Cancelled)),
            HELD => match event.iter().find_map(|line| code(line)) {
                Some(HELD_FOR_MEMORY) => {
                    limits.insert(job, Ending::OutOfMemory);
                    TaskState::Ended(Ending::OutOfMemory)
                }
                Some(code) if HELD_FOR_TIME.contains(&code) => {
                    limits.insert(job, Ending::TimeLimit);
                    TaskState::Ended(Ending::TimeLimit)
                }
                _ => TaskState::Waiting,
            },
            _ => return,
        };
        // what has ended is not begun again by what follows
        if !matches!((old, &state), (Some(TaskState::Ended(_)), TaskState::Waiting | TaskState::Running(_))) {
            self.tasks.insert(task, state);
        }
    }
}

const SUBMIT: u32 = 0;
const EXECUTE: u32 = 1;
const EXECUTABLE_ERROR: u32 = 2;
const EVICTED: u32 = 4;
const TERMINATED: u32 = 5;
const SHADOW_FAILED: u32 = 7;
const ABORTED: u32 = 9;
const HELD: u32 = 12;
const RELEASED: u32 = 13;
const RECONNECT_FAILED: u32 = 24;

/// `005 (123.001.000) 2026-11-22 05:00:03 Job terminated.`: number of the event, cluster, number of the job, the rest.
fn head(line: &str) -> Option<(u32, u64, u64, &str)> {
    let (number, rest) = line.split_once(" (")?;
    let (id, words) = rest.split_once(')')?;
    let mut parts = id.split('.');
    let (cluster, job) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let number = (number.len() == 3).then(|| number.parse().ok())??;
    Some((number, cluster, job, words))
}

/// `Code 34 Subcode 102`.
fn code(line: &str) -> Option<u32> {
    line.trim().strip_prefix("Code ")?.split_whitespace().next()?.parse().ok()
}

/// The machine in `Job executing on host: <127.0.0.1:9618?...>`.
fn host(words: &str) -> Option<String> {
    let address = words.rsplit_once("host: ")?.1.trim().trim_matches(['<', '>']);
    address.split(['?', ' ']).next().map(str::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
000 (123.000.000) 2026-11-22 05:00:00 Job submitted from host: <127.0.0.1:9618?addrs=127.0.0.1-9618>
    recoil task 5
...
000 (123.001.000) 2026-11-22 05:00:00 Job submitted from host: <127.0.0.1:9618>
    recoil task 7
...
000 (123.002.000) 2026-11-22 05:00:00 Job submitted from host: <127.0.0.1:9618>
    recoil task 9
...
001 (123.000.000) 2026-11-22 05:00:01 Job executing on host: <10.0.0.7:9618?addrs=x>
...
001 (123.001.000) 2026-11-22 05:00:01 Job executing on host: <10.0.0.8:9618>
...
012 (123.000.000) 2026-11-22 05:00:02 Job was held.
\tError from slot1@vm: memory usage exceeded request_memory
\tCode 34 Subcode 102
...
009 (123.000.000) 2026-11-22 05:00:03 Job was aborted.
\tThe job attribute PeriodicRemove expression evaluated to TRUE
...
005 (123.001.000) 2026-11-22 05:00:03 Job terminated.
\t(1) Normal termination (return value 0)
\t\tUsr 0 00:00:00, Sys 0 00:00:00  -  Run Remote Usage
\t\tUsr 0 00:00:00, Sys 0 00:00:00  -  Run Local Usage
\t\tUsr 0 00:00:00, Sys 0 00:00:00  -  Total Remote Usage
\t\tUsr 0 00:00:00, Sys 0 00:00:00  -  Total Local Usage
\t0  -  Run Bytes Sent By Job
\t0  -  Run Bytes Received By Job
\t0  -  Total Bytes Sent By Job
\t0  -  Total Bytes Received By Job
...
";

    fn states(text: &str) -> Vec<(usize, TaskState)> {
        let mut tasks: Vec<_> = EventLog::read(text).tasks.into_iter().collect();
        tasks.sort_by_key(|(task, _)| *task);
        tasks
    }

    #[test]
    fn states_follow_from_events() {
        assert_eq!(EventLog::read(LOG).cluster, Some(123));
        let ended = |ending| TaskState::Ended(ending);
        let expected = [(5, ended(Ending::OutOfMemory)), (7, ended(Ending::Succeeded)), (9, TaskState::Waiting)];
        assert_eq!(states(LOG), expected);
        let removed = format!("{LOG}009 (123.002.000) 2026-11-22 05:00:04 Job was aborted.\n\tvia condor_rm\n...\n");
        assert_eq!(states(&removed).last(), Some(&(9, ended(Ending::Cancelled))));
        let evicted = format!(
            "{LOG}001 (123.002.000) x Job executing on host: <h>\n...\n004 (123.002.000) x Job was evicted.\n...\n"
        );
        assert_eq!(states(&evicted).last(), Some(&(9, TaskState::Waiting)));
    }

    #[test]
    fn a_log_cut_anywhere_is_read_as_far_as_it_is_whole() {
        let mut known = 0;
        for cut in 0..=LOG.len() {
            let Some(text) = LOG.get(..cut) else { continue };
            let tasks = EventLog::read(text).tasks;
            assert!(tasks.len() >= known, "cut at {cut}");
            known = tasks.len();
        }
        assert_eq!(known, 3);
        assert_eq!(EventLog::read("nonsense\n...\n005 (1\n...\n"), EventLog::default());
    }
}
