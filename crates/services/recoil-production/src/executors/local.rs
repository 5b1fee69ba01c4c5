//! This machine: as many tasks at once as processors and memory allow, run by a worker process.

use super::{Capabilities, Ending, Executor, JobId, StepSubmission, TaskReport, TaskState, Watched};
use crate::error::{ProductionError, Result};
use crate::state::StateDir;
use crate::task::worker::{Answer, Attempt, Request, list_path};
use crate::task::{TaskResult, TaskSpec};
use std::collections::{HashMap, VecDeque};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How much of this machine may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Processors.
    pub cpus: u32,
    /// Memory in bytes.
    pub memory_bytes: u64,
}

impl Size {
    /// All of this machine.
    pub fn all() -> Self {
        let cpus = std::thread::available_parallelism().map_or(1, |n| u32::try_from(n.get()).unwrap_or(u32::MAX));
        let info = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let total = info.lines().find_map(|line| line.strip_prefix("MemTotal:"));
        let kilobytes = total.and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok());
        Self { cpus, memory_bytes: kilobytes.map_or(u64::MAX, |kb| kb << 10) }
    }
}

/// What goes to the worker when there is room.
struct Queued {
    id: u64,
    cpus: u32,
    memory: u64,
    request: Request,
}

/// A task with the worker.
struct Running {
    cpus: u32,
    memory: u64,
    /// Whether it still takes processors and memory.
    busy: bool,
}

/// A task that the worker of a dead manager still runs.
struct Adopted {
    step: String,
    task: usize,
    attempt: u32,
    lock: PathBuf,
}

enum Message {
    Answer(Answer),
    WorkerGone,
}

/// The local executor.
pub struct Local {
    state: StateDir,
    size: Size,
    free: Size,
    /// The command that starts a worker.
    command: Vec<OsString>,
    worker: Option<(BufWriter<ChildStdin>, Receiver<Message>)>,
    queue: VecDeque<Queued>,
    running: HashMap<u64, Running>,
    jobs: HashMap<u64, (JobId, usize)>,
    next: u64,
    adopted: Vec<Adopted>,
    results: Vec<TaskResult>,
    /// News of tasks that were cancelled before they began.
    dropped: Vec<TaskReport>,
    /// Whether workers of earlier managers were looked for.
    looked: bool,
}

impl Local {
    /// An executor of this size. `command` starts the program's task runner as a worker.
    pub fn new(state: &StateDir, size: Size, command: Vec<OsString>) -> Self {
        Self {
            state: state.clone(),
            size,
            free: size,
            command,
            worker: None,
            queue: VecDeque::new(),
            running: HashMap::new(),
            jobs: HashMap::new(),
            next: 1,
            adopted: Vec::new(),
            results: Vec::new(),
            dropped: Vec::new(),
            looked: false,
        }
    }

    /// Looks for workers of earlier managers that still end their tasks.
    fn adopt(&mut self) -> Result<()> {
        let directory = self.state.path();
        let entries = fs::read_dir(directory).map_err(ProductionError::file("list", directory))?;
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let number = name.strip_prefix("worker-").and_then(|name| name.strip_suffix(".lock"));
            let Some(process) = number.and_then(|number| number.parse::<u32>().ok()) else { continue };
            let (lock, list) = (entry.path(), list_path(&self.state, process));
            let left: Vec<Attempt> = loop {
                if !is_held(&lock) {
                    let _ = fs::remove_file(&lock);
                    let _ = fs::remove_file(&list);
                    break Vec::new();
                }
                // its input has ended, so the list comes at once
                match fs::read(&list).ok().and_then(|text| serde_json::from_slice(&text).ok()) {
                    Some(left) => break left,
                    None => std::thread::sleep(Duration::from_millis(10)),
                }
            };
            let adopted =
                left.into_iter().map(|(step, task, attempt)| Adopted { step, task, attempt, lock: lock.clone() });
            self.adopted.extend(adopted);
        }
        Ok(())
    }

    fn worker(&mut self) -> Result<&mut (BufWriter<ChildStdin>, Receiver<Message>)> {
        if self.worker.is_none() {
            let started = self.start()?;
            self.worker = Some(started);
        }
        self.worker.as_mut().ok_or_else(|| failed("there is no worker"))
    }

    fn start(&self) -> Result<(BufWriter<ChildStdin>, Receiver<Message>)> {
        let Some((program, arguments)) = self.command.split_first() else {
            return Err(failed("no command for workers"));
        };
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Ctrl-C in a terminal is for the manager
            .process_group(0)
            .spawn()
            .map_err(ProductionError::file("start", program.as_ref()))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(failed("the worker has no pipes"));
        };
        let mut lines = BufReader::new(output);
        let mut first = String::new();
        if lines.read_line(&mut first).is_err() || first.trim() != "ready" {
            let _ = child.wait();
            return Err(failed("the worker did not start"));
        }
        let (sender, receiver) = channel();
        let read = move || {
            for line in lines.lines().map_while(std::result::Result::ok) {
                if let Ok(answer) = serde_json::from_str(&line)
                    && sender.send(Message::Answer(answer)).is_err()
                {
                    return;
                }
            }
            let _ = child.wait();
            let _ = sender.send(Message::WorkerGone);
        };
        std::thread::Builder::new()
            .name("worker".into())
            .spawn(read)
            .map_err(ProductionError::file("start a thread for", program.as_ref()))?;
        Ok((BufWriter::new(input), receiver))
    }

    /// Sends what fits to the worker, in order; a task that needs more than the machine has gets all of it.
    fn feed(&mut self) -> Result<()> {
        let mut sent = false;
        let mut later = VecDeque::new();
        while let Some(queued) = self.queue.pop_front() {
            let alone = self.free == self.size;
            if !(alone || queued.cpus <= self.free.cpus && queued.memory <= self.free.memory_bytes) {
                // smaller tasks may pass a large one, but not many of them
                later.push_back(queued);
                if later.len() >= 4 || self.free.cpus == 0 {
                    break;
                }
                continue;
            }
            let (cpus, memory) = (queued.cpus.min(self.free.cpus), queued.memory.min(self.free.memory_bytes));
            self.free.cpus -= cpus;
            self.free.memory_bytes -= memory;
            self.running.insert(queued.id, Running { cpus, memory, busy: true });
            self.send(&queued.request)?;
            sent = true;
        }
        while let Some(queued) = later.pop_back() {
            self.queue.push_front(queued);
        }
        if let (true, Some((input, _))) = (sent, self.worker.as_mut()) {
            // a worker that is gone is noticed by the end of its answers
            let _ = input.flush();
        }
        Ok(())
    }

    fn send(&mut self, request: &Request) -> Result<()> {
        let line = serde_json::to_string(request).map_err(|error| failed(&error.to_string()))?;
        let (input, _) = self.worker()?;
        let _ = input.write_all(line.as_bytes()).and_then(|()| input.write_all(b"\n"));
        Ok(())
    }

    fn free(&mut self, id: u64) {
        if let Some(running) = self.running.get_mut(&id).filter(|running| running.busy) {
            running.busy = false;
            self.free.cpus += running.cpus;
            self.free.memory_bytes += running.memory;
        }
    }

    fn take(&mut self, message: Message, news: &mut Vec<TaskReport>) {
        match message {
            Message::Answer(Answer::Ran(id)) => self.free(id),
            Message::Answer(Answer::Ended(id, result)) => {
                self.free(id);
                self.running.remove(&id);
                if let Some((job, task)) = self.jobs.remove(&id) {
                    self.results.push(*result);
                    news.push(TaskReport { job, task, state: TaskState::Ended(Ending::Exited) });
                }
            }
            Message::WorkerGone => {
                self.worker = None;
                for id in self.running.keys().copied().collect::<Vec<_>>() {
                    self.free(id);
                    self.running.remove(&id);
                    if let Some((job, task)) = self.jobs.remove(&id) {
                        news.push(TaskReport { job, task, state: TaskState::Ended(Ending::NodeFailure) });
                    }
                }
            }
        }
    }

    fn adopted_news(&mut self, news: &mut Vec<TaskReport>) {
        let state = &self.state;
        self.adopted.retain(|own| {
            let over = state.result(&own.step, own.task, own.attempt).exists() || !is_held(&own.lock);
            if over {
                let job = adopted_job(&own.step, own.task, own.attempt);
                news.push(TaskReport { job, task: own.task, state: TaskState::Ended(Ending::Exited) });
            }
            !over
        });
    }
}

fn adopted_job(step: &str, task: usize, attempt: u32) -> JobId {
    JobId(format!("left.{step}.{task}.{attempt}"))
}

fn failed(message: &str) -> ProductionError {
    ProductionError::Executor { executor: "local", message: message.into() }
}

fn is_held(lock: &std::path::Path) -> bool {
    File::open(lock).is_ok_and(|file| matches!(file.try_lock(), Err(fs::TryLockError::WouldBlock)))
}

impl Executor for Local {
    fn name(&self) -> &'static str {
        "local"
    }

    fn capabilities(&self) -> Capabilities {
        // a few in reserve, so that no processor waits for the manager
        let slots = self.size.cpus as usize * 2 + 2;
        Capabilities {
            arrays: false,
            slots: Some(slots),
            array_limit: None,
            limits: false,
            poll_interval: Duration::from_millis(200),
        }
    }

    fn submit(&mut self, submission: &StepSubmission) -> Result<JobId> {
        let job = JobId(submission.token.clone());
        let resources = &submission.resources;
        for (&task, spec) in submission.tasks.iter().zip(&submission.specs) {
            let id = self.next;
            self.next += 1;
            self.jobs.insert(id, (job.clone(), task));
            let request = Request::Run {
                id,
                spec: Box::new(TaskSpec::clone(spec)),
                attempt: submission.attempt,
                memory_bytes: resources.memory_bytes,
                time_seconds: resources.time_seconds,
            };
            let (cpus, memory) = (resources.cpus.unwrap_or(1), resources.memory_bytes.unwrap_or(0));
            self.queue.push_back(Queued { id, cpus, memory, request });
        }
        self.feed()?;
        Ok(job)
    }

    fn find(&mut self, _token: &str) -> Result<Option<JobId>> {
        Ok(None)
    }

    fn find_task(&mut self, step: &str, task: usize, attempt: u32) -> Result<Option<JobId>> {
        if !self.looked {
            self.adopt()?;
            self.looked = true;
        }
        let same = |own: &Adopted| own.step == step && own.task == task && own.attempt == attempt;
        Ok(self.adopted.iter().any(same).then(|| adopted_job(step, task, attempt)))
    }

    fn poll(&mut self, _jobs: &[Watched], wait: Duration) -> Result<Vec<TaskReport>> {
        let mut news = std::mem::take(&mut self.dropped);
        let until = Instant::now() + wait;
        self.adopted_news(&mut news);
        loop {
            self.feed()?;
            let left = until.saturating_duration_since(Instant::now());
            let left = if news.is_empty() { left } else { Duration::ZERO };
            let left = if self.adopted.is_empty() { left } else { left.min(Duration::from_millis(20)) };
            let message = match &self.worker {
                Some((_, answers)) => answers.recv_timeout(left),
                None => {
                    std::thread::sleep(left);
                    Err(RecvTimeoutError::Timeout)
                }
            };
            match message {
                Ok(message) => self.take(message, &mut news),
                Err(RecvTimeoutError::Disconnected) => self.take(Message::WorkerGone, &mut news),
                Err(RecvTimeoutError::Timeout) => {
                    self.adopted_news(&mut news);
                    if !news.is_empty() || Instant::now() >= until {
                        return Ok(news);
                    }
                }
            }
        }
    }

    fn results(&mut self) -> Vec<TaskResult> {
        std::mem::take(&mut self.results)
    }

    fn cancel(&mut self, jobs: &[Watched]) -> Result<()> {
        let wanted = |job: &JobId, task: usize| jobs.iter().any(|own| own.job == *job && own.tasks.contains(&task));
        let ids: Vec<u64> = self.jobs.iter().filter(|(_, (job, task))| wanted(job, *task)).map(|(id, _)| *id).collect();
        for id in ids {
            match self.queue.iter().position(|queued| queued.id == id) {
                Some(position) => {
                    self.queue.remove(position);
                    if let Some((job, task)) = self.jobs.remove(&id) {
                        self.dropped.push(TaskReport { job, task, state: TaskState::Ended(Ending::Cancelled) });
                    }
                }
                None => self.send(&Request::Cancel(id))?,
            }
        }
        if let Some((input, _)) = self.worker.as_mut() {
            let _ = input.flush();
        }
        Ok(())
    }
}
