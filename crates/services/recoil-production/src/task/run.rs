//! Running a task.

use super::outputs::Staged;
use super::supervise::{Limits, Supervisor, Verdict};
use super::{Key, Outcome, TaskResult, TaskSpec, WrittenFile};
use crate::error::{ProductionError, Result};
use crate::key::key;
use crate::model::{Argument, Command, Environment};
use crate::state::{StateDir, write_atomic};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use std::ffi::{OsStr, OsString};
use std::fs::{self, OpenOptions};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use wait4::Wait4 as _;

/// Seconds since 1970.
pub fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// A task whose commands have run; its outputs are not in place yet.
pub struct Ran<'a> {
    spec: &'a TaskSpec,
    state: &'a StateDir,
    result: TaskResult,
    staged: Option<Staged<'a>>,
}

/// A number for the supervisor, different for all tasks of this process.
pub(super) fn new_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Runs the commands of a task. What goes wrong is part of the result.
pub fn execute<'a>(
    state: &'a StateDir,
    spec: &'a TaskSpec,
    attempt: u32,
    limits: Limits,
    supervisor: &Supervisor,
    id: u64,
) -> Ran<'a> {
    let mut result = TaskResult {
        step: spec.step.clone(),
        task: spec.task,
        attempt,
        outcome: Outcome::Failed,
        exit_code: None,
        signal: None,
        message: String::new(),
        started: now(),
        finished: 0.0,
        cpu_seconds: 0.0,
        max_rss_bytes: 0,
        host: host(),
        key: Key::default(),
        outputs: Vec::new(),
    };
    let staged = prepare(state, spec, attempt, &mut result)
        .and_then(|staged| commands(state, spec, limits, supervisor, id, &staged, &mut result).map(|()| staged));
    let staged = match staged {
        Ok(staged) if result.outcome == Outcome::Done => Some(staged),
        Ok(_) => None,
        Err(error) => {
            result.outcome = Outcome::Failed;
            result.message = error.to_string();
            None
        }
    };
    Ran { spec, state, result, staged }
}

fn prepare<'a>(state: &StateDir, spec: &'a TaskSpec, attempt: u32, result: &mut TaskResult) -> Result<Staged<'a>> {
    let run = state.running(&spec.step, spec.task, attempt);
    fs::write(&run, b"").map_err(ProductionError::file("write", &run))?;
    // inputs as they are before the commands read them
    result.key = key(spec)?;
    Staged::open(spec, attempt)
}

fn commands(
    state: &StateDir,
    spec: &TaskSpec,
    limits: Limits,
    supervisor: &Supervisor,
    id: u64,
    staged: &Staged<'_>,
    result: &mut TaskResult,
) -> Result<()> {
    let path = state.log(&spec.step, spec.task, result.attempt);
    let log =
        OpenOptions::new().create(true).append(true).open(&path).map_err(ProductionError::file("write", &path))?;
    let deadline = limits.time.map(|time| Instant::now() + time);
    for command in &spec.work.commands {
        if supervisor.stopping() {
            (result.outcome, result.message) = (Outcome::Cancelled, "stopped before a command began".into());
            return Ok(());
        }
        let words = words(command, &spec.environment, staged);
        let Some((program, arguments)) = words.split_first() else { continue };
        let output = || log.try_clone().map_err(ProductionError::file("write", &path));
        let mut process = std::process::Command::new(program);
        process
            .args(arguments)
            .envs(&command.variables)
            .envs([("RECOIL_STEP", spec.step.as_str()), ("RECOIL_TASK", &spec.task.to_string())])
            .current_dir(&spec.directory)
            .stdin(Stdio::null())
            .stdout(output()?)
            .stderr(output()?)
            .process_group(0);
        let child = process.spawn().map_err(ProductionError::file("start", program.as_ref()))?;
        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let verdict = match group {
            None => None,
            Some(group) => {
                let run = state.running(&spec.step, spec.task, result.attempt);
                // who looks for orphans finds them by this; without it they only run on in vain
                let _ = fs::write(
                    &run,
                    format!("{} {} {}\n", group, start_time(group.as_raw_nonzero().get()).unwrap_or(0), host()),
                );
                supervisor.watch(id, group, deadline, limits.memory_bytes);
                // not reaped yet, so that the number cannot belong to anyone else while the rest of the group is stopped
                while let Err(rustix::io::Errno::INTR) =
                    waitid(WaitId::Pid(group), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)
                {}
                let verdict = supervisor.release(id);
                let _ = kill_process_group(group, Signal::KILL);
                verdict
            }
        };
        let used = child.wait4().map_err(ProductionError::file("wait for", program.as_ref()))?;
        let usage = used.rusage;
        result.cpu_seconds += (usage.utime + usage.stime).as_secs_f64();
        result.max_rss_bytes = result.max_rss_bytes.max(usage.maxrss);
        (result.exit_code, result.signal) = (used.status.code(), used.status.signal());
        if judge(verdict, limits, &program.to_string_lossy(), result) != Outcome::Done {
            return Ok(());
        }
    }
    result.outcome = Outcome::Done;
    Ok(())
}

/// What the end of a command means.
fn judge(verdict: Option<Verdict>, limits: Limits, program: &str, result: &mut TaskResult) -> Outcome {
    let (outcome, message) = match (verdict, result.exit_code, result.signal) {
        (Some(Verdict::Time), ..) => {
            let limit = limits.time.unwrap_or_default().as_secs_f64();
            (Outcome::TimedOut, format!("stopped at its time limit ({})", crate::units::time_text(limit)))
        }
        (Some(Verdict::Memory), ..) => {
            let limit = limits.memory_bytes.unwrap_or_default();
            (Outcome::OutOfMemory, format!("used more than its {} of memory", crate::units::memory_text(limit)))
        }
        (Some(Verdict::Stop), ..) => (Outcome::Cancelled, "stopped on request".into()),
        (None, Some(0), _) => (Outcome::Done, String::new()),
        // a kill that was not ours is the kernel's when memory runs out; shells pass it on as 128 + 9
        (None, _, Some(9)) | (None, Some(137), _) => (Outcome::OutOfMemory, format!("{program} was killed (signal 9)")),
        (None, Some(code), _) => (Outcome::Failed, format!("{program} ended with exit code {code}")),
        (None, None, signal) => (Outcome::Failed, format!("{program} was ended by signal {}", signal.unwrap_or(0))),
    };
    (result.outcome, result.message) = (outcome, message);
    outcome
}

/// Program and arguments, with what surrounds them. A shell is involved only for files to be sourced, and gets every
/// name as an argument of its own: it never reads them as a program.
fn words(command: &Command, environment: &Environment, staged: &Staged<'_>) -> Vec<OsString> {
    let mut words: Vec<OsString> = Vec::new();
    let mut script = String::new();
    let mut positions: Vec<&OsStr> = Vec::new();
    if let Some(file) = &environment.source_file {
        positions.push(file.as_os_str());
        script.push_str("source \"$1\" || exit; ");
    }
    let venv = environment.venv.as_ref().map(|venv| venv.join("bin/activate"));
    if let Some(file) = &venv {
        positions.push(file.as_os_str());
        script.push_str(&format!("source \"${{{}}}\" || exit; ", positions.len()));
    }
    if let Some(name) = &environment.conda_env {
        positions.push(name.as_ref());
        script.push_str(&format!("conda activate \"${{{}}}\" || exit; ", positions.len()));
    }
    if !script.is_empty() {
        script.push_str(&format!("shift {}; exec \"$@\"", positions.len()));
        words.extend(["bash".into(), "-c".into(), script.into(), "bash".into()]);
        words.extend(positions.into_iter().map(Into::into));
    }
    words.extend(environment.container.iter().map(Into::into));
    for argument in &command.argv {
        words.push(match argument {
            Argument::Text(text) => text.into(),
            Argument::Output { output, prefix, suffix } => {
                let mut word = OsString::from(prefix);
                word.push(staged.path(*output));
                word.push(suffix);
                word
            }
        });
    }
    words
}

impl Ran<'_> {
    /// How the commands ended.
    pub fn outcome(&self) -> Outcome {
        self.result.outcome
    }

    /// Puts the outputs in place and leaves the result file.
    pub fn finish(mut self) -> TaskResult {
        if let Some(staged) = self.staged.take() {
            match staged.commit() {
                Ok(files) => self.result.outputs = files,
                Err(error) => {
                    self.result.outcome = Outcome::Failed;
                    self.result.message = error.to_string();
                }
            }
        }
        self.result.finished = now();
        let result = self.result;
        let path = self.state.result(&self.spec.step, self.spec.task, result.attempt);
        let written = serde_json::to_vec(&result).map_err(|error| ProductionError::Usage(error.to_string()));
        // a result that cannot be written leaves the task unfinished: it runs again
        if written.and_then(|text| write_atomic(&path, &text, false)).is_ok() {
            let _ = fs::remove_file(self.state.running(&self.spec.step, self.spec.task, result.attempt));
        }
        result
    }
}

/// When a process started, in the kernel's clock ticks; tells apart processes that had the same number.
pub(crate) fn start_time(process: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}

/// Stops the commands that a dead task runner left behind.
pub fn stop_orphans(state: &StateDir, step: &str, task: usize, attempt: u32) {
    let path = state.running(step, task, attempt);
    let Ok(text) = fs::read_to_string(&path) else { return };
    let parts: Vec<&str> = text.split_whitespace().collect();
    if let [group, started, machine] = parts[..]
        && let (Ok(group), Ok(started)) = (group.parse::<i32>(), started.parse::<u64>())
        && machine == host()
        && start_time(group) == Some(started)
        && let Some(pid) = Pid::from_raw(group)
    {
        let _ = kill_process_group(pid, Signal::KILL);
    }
    let _ = fs::remove_file(path);
}

/// Reads a result file; `None` if there is none or it is not whole.
pub fn read_result(state: &StateDir, step: &str, task: usize, attempt: u32) -> Option<TaskResult> {
    serde_json::from_slice(&fs::read(state.result(step, task, attempt)).ok()?).ok()
}

/// This machine's name.
pub fn host() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname").map(|name| name.trim().to_string()).unwrap_or_default()
}

/// Runs the task `task` of `steps/STEP.jsonl` in this process: what a batch system starts. SIGTERM and SIGINT stop it, and
/// so does a file of the name `stop_file`, before it begins or while it runs.
///
/// # Errors
/// When the description cannot be read. A task that fails is no error.
pub fn run_one(
    state: &StateDir,
    step: &str,
    task: usize,
    attempt: u32,
    limits: Limits,
    stop_file: Option<PathBuf>,
) -> Result<TaskResult> {
    let path = state.step(step);
    let wrong = |message: String| ProductionError::State { path: path.clone(), message };
    let text = fs::read_to_string(&path).map_err(ProductionError::file("read", &path))?;
    let line = text.lines().nth(task).ok_or_else(|| wrong(format!("there is no task {task}")))?;
    let spec: TaskSpec = serde_json::from_str(line).map_err(|error| wrong(error.to_string()))?;
    if let Some(done) = read_result(state, step, task, attempt).filter(|result| result.outcome == Outcome::Done) {
        // a batch system may start a job twice
        return Ok(done);
    }
    let stop: Arc<AtomicBool> = Arc::default();
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
        signal_hook::flag::register(signal, Arc::clone(&stop))
            .map_err(ProductionError::file("listen to signals for", &path))?;
    }
    if let Some(file) = stop_file {
        stop.store(file.exists(), Ordering::Relaxed);
        let flag = Arc::clone(&stop);
        let look = move || {
            loop {
                std::thread::sleep(Duration::from_secs(1));
                if file.exists() {
                    flag.store(true, Ordering::Relaxed);
                }
            }
        };
        let thread = std::thread::Builder::new().name("stop file".into()).stack_size(64 << 10).spawn(look);
        thread.map_err(ProductionError::file("start a thread for", &path))?;
    }
    let supervisor = Supervisor::start(stop).map_err(ProductionError::file("start a thread for", &path))?;
    Ok(execute(state, &spec, attempt, limits, &supervisor, new_id()).finish())
}

/// Unused fields of results that came from elsewhere.
impl TaskResult {
    /// The result of an attempt that left none.
    pub fn without_file(step: &str, task: usize, attempt: u32, outcome: Outcome, message: String) -> Self {
        let (step, at) = (step.to_string(), now());
        let (outputs, host): (Vec<WrittenFile>, String) = Default::default();
        Self {
            step,
            task,
            attempt,
            outcome,
            exit_code: None,
            signal: None,
            message,
            started: at,
            finished: at,
            cpu_seconds: 0.0,
            max_rss_bytes: 0,
            host,
            key: Key::default(),
            outputs,
        }
    }

    /// Wall-clock time.
    pub fn duration(&self) -> Duration {
        Duration::from_secs_f64((self.finished - self.started).clamp(0.0, 1e9))
    }
}
