//! What a run tells while it works: progress and messages, to a terminal or to anyone else.

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How serious a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something the user should know about the data or the result.
    Warning,
    /// What is being done.
    Info,
    /// Detail for a curious user.
    Detail,
}

/// Receives what a run tells: the terminal, the web server or a test.
pub trait Observer: Send + Sync {
    /// A piece of work begins; `total` is its size in `unit`s if known.
    fn started(&self, _work: u64, _label: &str, _unit: &str, _total: Option<u64>) {}
    /// `done` units of the work are done.
    fn advanced(&self, _work: u64, _done: u64) {}
    /// The work is over.
    fn finished(&self, _work: u64) {}
    /// A message.
    fn message(&self, _level: Level, _text: &str) {}
}

/// An observer that listens to nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {}

/// A counter of one piece of work, to be shared by threads. The work is over when it is dropped.
pub struct Progress {
    observer: Arc<dyn Observer>,
    work: u64,
    done: AtomicU64,
}

impl Progress {
    /// Begins a piece of work of `total` `unit`s.
    pub fn new(observer: &Arc<dyn Observer>, label: &str, unit: &str, total: Option<u64>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let work = NEXT.fetch_add(1, Ordering::Relaxed);
        observer.started(work, label, unit, total);
        Self { observer: Arc::clone(observer), work, done: AtomicU64::new(0) }
    }

    /// `count` more units are done.
    pub fn add(&self, count: u64) {
        let done = self.done.fetch_add(count, Ordering::Relaxed) + count;
        self.observer.advanced(self.work, done);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.observer.finished(self.work);
    }
}

/// Progress bars with rate and remaining time, and messages, on standard error.
pub struct Terminal {
    bars: MultiProgress,
    open: Mutex<BTreeMap<u64, ProgressBar>>,
    verbosity: Option<Level>,
}

impl Terminal {
    /// Shows messages up to `verbosity` (`None`: no messages). Bars are drawn only if `bars` is true and standard error
    /// is a terminal.
    pub fn new(verbosity: Option<Level>, bars: bool) -> Self {
        let draw = bars && std::io::stderr().is_terminal();
        let target = if draw { ProgressDrawTarget::stderr_with_hz(8) } else { ProgressDrawTarget::hidden() };
        Self { bars: MultiProgress::with_draw_target(target), open: Mutex::default(), verbosity }
    }

    fn bar(&self, work: u64) -> Option<ProgressBar> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).get(&work).cloned()
    }
}

impl Observer for Terminal {
    fn started(&self, work: u64, label: &str, unit: &str, total: Option<u64>) {
        if self.bars.is_hidden() {
            return;
        }
        let template = match total {
            Some(_) => "{prefix:24} {bar:30} {human_pos}/{human_len} {msg}  {per_sec}  {eta} left",
            None => "{prefix:24} {spinner} {human_pos} {msg}  {per_sec}  {elapsed}",
        };
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = total.map_or_else(ProgressBar::no_length, ProgressBar::new);
        let bar = self.bars.add(bar.with_style(style).with_prefix(label.to_string()).with_message(unit.to_string()));
        bar.enable_steady_tick(Duration::from_millis(250));
        self.open.lock().unwrap_or_else(PoisonError::into_inner).insert(work, bar);
    }

    fn advanced(&self, work: u64, done: u64) {
        if let Some(bar) = self.bar(work) {
            // threads may report out of order
            bar.set_position(done.max(bar.position()));
        }
    }

    fn finished(&self, work: u64) {
        let bar = self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&work);
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
    }

    fn message(&self, level: Level, text: &str) {
        if self.verbosity.is_some_and(|verbosity| level <= verbosity) {
            let prefix = if level == Level::Warning { "warning: " } else { "" };
            self.bars.suspend(|| {
                // nothing sensible is left to do when standard error is closed
                let _ = writeln!(std::io::stderr(), "{prefix}{text}");
            });
        }
    }
}
