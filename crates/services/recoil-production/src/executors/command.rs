//! Calling the programs of a batch system.

use crate::error::{ProductionError, Result};
use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What a program said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Answer {
    /// Whether it ended with exit code 0.
    pub ok: bool,
    /// Standard output.
    pub out: String,
    /// Standard error, or why there is no answer.
    pub err: String,
}

impl Answer {
    /// The words of a failure in one line.
    pub fn words(&self) -> String {
        let text = if self.err.trim().is_empty() { &self.out } else { &self.err };
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        if lines.is_empty() { "it failed without a word".into() } else { lines.join("; ") }
    }
}

/// Variables of the surroundings that would change what the programs do or show: those of a job in which the manager
/// itself runs, and defaults of options.
fn misleads(name: &str) -> bool {
    let prefixes = [
        "SBATCH_",
        "SQUEUE_",
        "SACCT_",
        "SCANCEL_",
        "SLURM_JOB",
        "SLURM_ARRAY",
        "SLURM_MEM",
        "SLURM_CPUS",
        "SLURM_TASK",
        "SLURM_STEP",
        "SLURM_NTASKS",
        "SLURM_NNODES",
        "SLURM_TRES",
    ];
    prefixes.iter().any(|prefix| name.starts_with(prefix))
}

/// Calls a program and waits for its end, at most for `limit`; then it is killed and counts as failed. No shell is
/// involved.
///
/// # Errors
/// When the program cannot be started.
pub(super) fn call(executor: &'static str, program: &OsStr, words: &[OsString], limit: Duration) -> Result<Answer> {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os().filter(|(name, _)| misleads(&name.to_string_lossy())) {
        command.env_remove(name);
    }
    command
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Ctrl-C in a terminal is for the manager; a submission must not be cut in two
        .process_group(0);
    let mut child = command.spawn().map_err(|error| ProductionError::Executor {
        executor,
        message: format!("cannot start {}: {error}", program.to_string_lossy()),
    })?;
    let (out, err) = (reader(child.stdout.take()), reader(child.stderr.take()));
    let since = Instant::now();
    let mut pause = Duration::from_millis(1);
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break Some(status),
            Ok(None) if since.elapsed() < limit => std::thread::sleep(pause),
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                break None;
            }
        }
        pause = (pause * 2).min(Duration::from_millis(20));
    };
    let Some(status) = status else {
        let err = format!("{} did not answer within {} s", program.to_string_lossy(), limit.as_secs());
        return Ok(Answer { ok: false, out: String::new(), err });
    };
    Ok(Answer { ok: status.success(), out: text(out), err: text(err) })
}

fn reader(pipe: Option<impl Read + Send + 'static>) -> Option<JoinHandle<Vec<u8>>> {
    let mut pipe = pipe?;
    let read = move || {
        let mut bytes = Vec::new();
        // what came before an error is all there is
        let _ = pipe.read_to_end(&mut bytes);
        bytes
    };
    std::thread::Builder::new().name("answer".into()).spawn(read).ok()
}

fn text(thread: Option<JoinHandle<Vec<u8>>>) -> String {
    let bytes = thread.and_then(|thread| thread.join().ok()).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Waits that grow from `first` to `last`.
#[derive(Clone, Copy, Debug)]
pub(super) struct BackOff {
    first: Duration,
    last: Duration,
    next: Duration,
}

impl BackOff {
    pub fn new(first: Duration, last: Duration) -> Self {
        Self { first, last, next: first }
    }

    /// The next wait, twice as long as the one before.
    pub fn wait(&mut self) -> Duration {
        let own = self.next;
        self.next = (own * 2).min(self.last);
        own
    }

    /// Begins again.
    pub fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn shell(script: &str, limit: Duration) -> Answer {
        call("test", "sh".as_ref(), &["-c".into(), script.into()], limit).unwrap()
    }

    #[test]
    fn answers_come_whole_and_late_ones_count_as_failures() {
        let long = Duration::from_secs(30);
        let answer = shell("head -c 300000 /dev/zero | tr '\\0' x; echo why >&2; exit 3", long);
        assert_eq!((answer.ok, answer.out.len(), answer.words()), (false, 300_000, "why".into()));
        let answer = shell("exec sleep 30", Duration::from_millis(50));
        assert_eq!((answer.ok, answer.words()), (false, "sh did not answer within 0 s".into()));
        let error = call("test", "/no/such/program".as_ref(), &[], long).unwrap_err();
        assert!(error.to_string().starts_with("test: cannot start /no/such/program: No such file"), "{error}");
    }

    #[test]
    fn waits_grow_up_to_a_limit() {
        let mut waits = BackOff::new(Duration::from_secs(1), Duration::from_secs(5));
        let seconds: Vec<u64> = (0..5).map(|_| waits.wait().as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 5, 5]);
        waits.reset();
        assert_eq!(waits.wait().as_secs(), 1);
    }
}
