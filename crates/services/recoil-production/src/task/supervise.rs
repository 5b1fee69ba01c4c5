//! Watching over running commands: time, memory, and the wish to stop.

use rustix::process::{Pid, Signal, kill_process_group};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What a command is allowed to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Resident memory of all its processes, in bytes.
    pub memory_bytes: Option<u64>,
    /// Wall-clock time of the whole task.
    pub time: Option<Duration>,
}

/// Why a command was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It ran longer than allowed.
    Time,
    /// It used more memory than allowed.
    Memory,
    /// Someone asked.
    Stop,
}

const TICK: Duration = Duration::from_millis(50);
const GRACE: Duration = Duration::from_secs(3);

struct Watched {
    group: Pid,
    deadline: Option<Instant>,
    memory: Option<u64>,
    verdict: Option<Verdict>,
    /// When the polite signal was sent.
    told: Option<Instant>,
}

/// Watches over the commands of a process; clones share it.
#[derive(Clone)]
pub struct Supervisor {
    watched: Arc<Mutex<HashMap<u64, Watched>>>,
    stop: Arc<AtomicBool>,
}

impl Supervisor {
    /// A supervisor with a thread of its own. `stop` is a flag that signal handlers or other threads raise.
    ///
    /// # Errors
    /// When no thread can be made.
    pub fn start(stop: Arc<AtomicBool>) -> std::io::Result<Self> {
        let own = Self { watched: Arc::default(), stop };
        let thread = own.clone();
        std::thread::Builder::new().name("supervisor".into()).spawn(move || {
            loop {
                std::thread::sleep(TICK);
                thread.look();
            }
        })?;
        Ok(own)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Watched>> {
        // a map of plain values is whole even if a thread died beside it
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether everything should stop.
    pub fn stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Begins to watch a process group. `id` is the caller's.
    pub(super) fn watch(&self, id: u64, group: Pid, deadline: Option<Instant>, memory: Option<u64>) {
        self.lock().insert(id, Watched { group, deadline, memory, verdict: None, told: None });
    }

    /// Ends watching; returns why the group was stopped, if it was.
    pub(super) fn release(&self, id: u64) -> Option<Verdict> {
        self.lock().remove(&id).and_then(|watched| watched.verdict)
    }

    /// Asks one command to stop.
    pub fn cancel(&self, id: u64) {
        if let Some(watched) = self.lock().get_mut(&id) {
            watched.judge(Verdict::Stop);
        }
    }

    fn look(&self) {
        let now = Instant::now();
        let stopping = self.stopping();
        let mut all = self.lock();
        let needs_memory = all.values().any(|watched| watched.memory.is_some() && watched.verdict.is_none());
        let memory = if needs_memory { group_memory() } else { HashMap::new() };
        for watched in all.values_mut() {
            let used = memory.get(&watched.group.as_raw_nonzero().get()).copied().unwrap_or_default();
            if watched.memory.is_some_and(|limit| used > limit) {
                watched.judge(Verdict::Memory);
            } else if watched.deadline.is_some_and(|deadline| now >= deadline) {
                watched.judge(Verdict::Time);
            } else if stopping {
                watched.judge(Verdict::Stop);
            }
            if watched.told.is_some_and(|told| now.duration_since(told) > GRACE) {
                // the group may be gone already
                let _ = kill_process_group(watched.group, Signal::KILL);
            }
        }
    }
}

impl Watched {
    fn judge(&mut self, verdict: Verdict) {
        if self.verdict.is_some() {
            return;
        }
        self.verdict = Some(verdict);
        self.told = Some(Instant::now());
        let signal = if verdict == Verdict::Memory { Signal::KILL } else { Signal::TERM };
        // the group may be gone already
        let _ = kill_process_group(self.group, signal);
    }
}

/// Resident bytes of each process group.
fn group_memory() -> HashMap<i32, u64> {
    let mut sums = HashMap::new();
    let page = rustix::param::page_size() as u64;
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        if !entry.file_name().as_encoded_bytes().first().is_some_and(u8::is_ascii_digit) {
            continue;
        }
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        // the name in parentheses may hold anything
        let Some((_, rest)) = stat.rsplit_once(')') else { continue };
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let group = fields.get(2).and_then(|text| text.parse::<i32>().ok());
        let pages = fields.get(21).and_then(|text| text.parse::<u64>().ok());
        if let (Some(group), Some(pages)) = (group, pages) {
            *sums.entry(group).or_insert(0) += pages * page;
        }
    }
    sums
}
