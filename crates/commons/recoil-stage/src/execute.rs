//! Running a prepared stage: threads, temporary outputs, provenance.

use crate::cancel::Cancel;
use crate::clock::utc;
use crate::error::{Blame, ErrorKind, StageError};
use crate::input::Content;
use crate::prepared::Prepared;
use crate::progress::{Level, Observer, Silent};
use crate::provenance::{Key, Machine, Record, RecordOutput};
use crate::report::Report;
use crate::run::Run;
use crate::staging::{Staging, recover};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Instant, SystemTime};

/// How to run; nothing here changes the result.
#[derive(Clone)]
pub struct RunOptions {
    /// Threads of the pool; `None` uses all processors.
    pub threads: Option<usize>,
    /// Whether existing outputs may be replaced.
    pub overwrite: bool,
    /// The wish to stop.
    pub cancel: Cancel,
    /// Who is told about the progress.
    pub observer: Arc<dyn Observer>,
    /// The words of the command line, for the record.
    pub argv: Vec<String>,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            threads: None,
            overwrite: false,
            cancel: Cancel::default(),
            observer: Arc::new(Silent),
            argv: Vec::new(),
        }
    }
}

/// What a run left behind.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Numbers and tables to print.
    pub report: Report,
    /// The record of the run.
    pub record: Record,
}

impl Outcome {
    /// The exit code: 0, or 5 if parts of the work failed.
    pub fn exit_code(&self) -> u8 {
        if self.report.failed.is_empty() { 0 } else { ErrorKind::Partial.exit_code() }
    }
}

/// Runs `work` with outputs under temporary names, which become final only if everything went well.
pub(crate) fn execute(
    prepared: &Prepared,
    options: &RunOptions,
    work: impl FnOnce(&Run) -> Result<Report, StageError> + Send,
) -> Result<Outcome, StageError> {
    let (start, clock) = (SystemTime::now(), Instant::now());
    let staging = match prepared.outputs.is_empty() && prepared.output.is_none() {
        true => None,
        false => {
            // this may complete the outputs of a run that died, so it comes before the question whether they exist
            recover(&prepared.directory)?;
            refuse_existing(prepared, options)?;
            Some(Staging::open(&prepared.directory)?)
        }
    };
    let key = Key::of(prepared)?;
    options.cancel.check()?;
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(options.threads.unwrap_or(0))
        .build()
        .internal_error("cannot start threads")?;
    let threads = pool.current_num_threads();
    let run = Run {
        prepared,
        staging: staging.as_ref(),
        key: &key,
        threads,
        cancel: &options.cancel,
        observer: &options.observer,
        warnings: Mutex::default(),
    };
    let report = pool.install(|| work(&run))?;
    let warnings = run.into_warnings();
    for warning in warnings.iter().filter(|warning| warning.count > 1) {
        options.observer.message(Level::Warning, &format!("{} times: {}", warning.count, warning.message));
    }
    options.cancel.check()?;
    let mut record = Record {
        status: if report.failed.is_empty() { "ok" } else { "partial" }.into(),
        started: utc(start),
        finished: String::new(),
        seconds: 0.0,
        threads,
        argv: options.argv.clone(),
        reproduce: prepared.command_line.clone(),
        directory: std::env::current_dir().unwrap_or_default(),
        input_paths: prepared.files().map(|file| absolute(&file.path)).collect(),
        outputs: Vec::new(),
        machine: Machine::this(),
        warnings,
        failed: report.failed.clone(),
        key,
    };
    if let Some(staging) = &staging {
        record.outputs = written(prepared, staging)?;
    }
    record.finished = utc(SystemTime::now());
    record.seconds = clock.elapsed().as_secs_f64();
    if let Some(staging) = staging {
        refuse_existing(prepared, options)?;
        commit(prepared, staging, &record)?;
    }
    Ok(Outcome { report, record })
}

fn refuse_existing(prepared: &Prepared, options: &RunOptions) -> Result<(), StageError> {
    for path in prepared.output_paths() {
        let shown = path.display();
        match std::fs::symlink_metadata(&path) {
            Ok(meta) if meta.is_dir() => {
                return Err(StageError::output(format!("{shown} is a directory, but a file is to be written there")));
            }
            Ok(_) if !options.overwrite => {
                return Err(StageError::output(format!("{shown} exists already (replace it with --overwrite)")));
            }
            _ => {}
        }
    }
    Ok(())
}

fn written(prepared: &Prepared, staging: &Staging) -> Result<Vec<RecordOutput>, StageError> {
    let one = |name: &String| {
        let path = staging.path(name)?;
        if !path.is_file() {
            return Err(StageError::internal(format!("{} did not write the output '{name}'", prepared.stage)));
        }
        let Content { sha256, bytes } = Content::of(&path)?;
        Ok(RecordOutput { name: name.clone(), path: absolute(&prepared.directory.join(name)), sha256, bytes })
    };
    prepared.outputs.iter().map(one).collect()
}

fn commit(prepared: &Prepared, staging: Staging, record: &Record) -> Result<(), StageError> {
    let mut text = serde_json::to_string_pretty(record).internal_error("cannot write the provenance record")?;
    text.push('\n');
    let mut names = prepared.outputs.clone();
    for name in prepared.records() {
        let path = staging.path(&name)?;
        std::fs::write(&path, &text).output_error(format!("cannot write {}", path.display()))?;
        names.push(name);
    }
    staging.commit(&names)
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.into())
}
