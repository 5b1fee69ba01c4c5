//! Where a result came from: the key that determines it and the record of the run that made it.

use crate::error::{Blame, StageError};
use crate::input::{Content, InputFile};
use crate::prepared::Prepared;
use crate::run::Warning;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::path::{Path, PathBuf};

/// Number of the record's layout; raised when a reader must change.
pub const FORMAT: u32 = 1;

/// Version of the program that makes the records.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Everything that determines the bytes of a result, and nothing else: no paths, hosts or times.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Key {
    /// [`FORMAT`].
    pub provenance: u32,
    /// `recoil`.
    pub program: String,
    /// Version of the program.
    pub version: String,
    /// Name of the stage.
    pub stage: String,
    /// Resolved configuration with every key.
    pub config: Json,
    /// The inputs in order.
    pub inputs: Vec<KeyInput>,
    /// The seed.
    pub seed: u64,
}

/// An input as part of a [`Key`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyInput {
    /// Its role.
    pub role: String,
    /// File name without directories.
    pub name: String,
    /// The tree in it, if named.
    pub part: Option<String>,
    /// SHA-256 of the content.
    pub sha256: String,
    /// Size.
    pub bytes: u64,
}

impl Key {
    /// The key of a prepared run; reads all inputs. A file that the configuration names and that is not there is left to
    /// the stage, which knows where such files come from.
    ///
    /// # Errors
    /// An input that cannot be read.
    pub fn of(prepared: &Prepared) -> Result<Self, StageError> {
        let one = |file: &InputFile| -> Result<KeyInput, StageError> {
            let Content { sha256, bytes } = Content::of(&file.path)?;
            Ok(KeyInput { role: file.role.clone(), name: file.file_name(), part: file.part.clone(), sha256, bytes })
        };
        let named = prepared.named.iter().filter(|file| file.path.exists());
        Ok(Self {
            provenance: FORMAT,
            program: "recoil".into(),
            version: VERSION.into(),
            stage: prepared.stage.into(),
            config: prepared.config.clone(),
            inputs: prepared.inputs.files().iter().chain(named).map(one).collect::<Result<_, _>>()?,
            seed: prepared.seed,
        })
    }

    /// What differs from `new`, each as a fragment such as `config key seed.window was 1, is 2`. Equal keys differ in
    /// nothing; the name of an input file does not count.
    pub fn differences(&self, new: &Self) -> Vec<String> {
        let mut found = Vec::new();
        let mut compare = |what: &str, old: &str, new: &str| {
            if old != new {
                found.push(format!("{what} was {old}, is {new}"));
            }
        };
        compare("program", &self.program, &new.program);
        compare("program version", &self.version, &new.version);
        compare("stage", &self.stage, &new.stage);
        compare("seed", &self.seed.to_string(), &new.seed.to_string());
        differing_config(&self.config, &new.config, "", &mut found);
        for input in &new.inputs {
            let mut same_role = self.inputs.iter().filter(|old| old.role == input.role);
            if !same_role.any(|old| old.sha256 == input.sha256 && old.part == input.part) {
                found.push(format!("input {} ({}) has other content", input.role, input.name));
            }
        }
        if self.inputs.len() != new.inputs.len() {
            found.push(format!("there were {} inputs, there are {}", self.inputs.len(), new.inputs.len()));
        } else if found.is_empty()
            && self
                .inputs
                .iter()
                .map(|input| (&input.role, &input.sha256))
                .ne(new.inputs.iter().map(|input| (&input.role, &input.sha256)))
        {
            found.push("the inputs come in another order".into());
        }
        found
    }

    /// One line of JSON to be embedded in outputs.
    pub fn to_line(&self) -> String {
        // a tree of strings and numbers always has a JSON form
        serde_json::to_string(self).unwrap_or_default()
    }
}

fn differing_config(old: &Json, new: &Json, path: &str, found: &mut Vec<String>) {
    match (old, new) {
        (Json::Object(old), Json::Object(new)) => {
            let gone = old.keys().filter(|key| !new.contains_key(*key));
            for key in new.keys().chain(gone) {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                let (old, new) = (old.get(key).unwrap_or(&Json::Null), new.get(key).unwrap_or(&Json::Null));
                differing_config(old, new, &path, found);
            }
        }
        _ if old == new => {}
        _ => found.push(format!("config key {path} was {old}, is {new}")),
    }
}

/// The record of a run, kept beside each output as `<output>.prov.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// What determines the result.
    pub key: Key,
    /// `ok`, or `partial` if parts of the work failed.
    pub status: String,
    /// Start, UTC.
    pub started: String,
    /// End, UTC.
    pub finished: String,
    /// Duration in seconds.
    pub seconds: f64,
    /// Threads of the pool.
    pub threads: usize,
    /// The words of the command line as typed.
    pub argv: Vec<String>,
    /// A command that does the same again.
    pub reproduce: String,
    /// Directory in which the command was given.
    pub directory: PathBuf,
    /// Absolute paths of the inputs, in the order of the key's.
    pub input_paths: Vec<PathBuf>,
    /// The outputs.
    pub outputs: Vec<RecordOutput>,
    /// The machine.
    pub machine: Machine,
    /// Warnings with their counts.
    pub warnings: Vec<Warning>,
    /// Parts of the work that failed.
    pub failed: Vec<String>,
}

/// An output as part of a [`Record`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordOutput {
    /// Name relative to the output directory.
    pub name: String,
    /// Absolute path.
    pub path: PathBuf,
    /// SHA-256 of the content.
    pub sha256: String,
    /// Size.
    pub bytes: u64,
}

/// The machine that a run was made on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Host name.
    pub host: String,
    /// Operating system.
    pub os: String,
    /// Processor architecture.
    pub arch: String,
    /// Number of logical processors that the process may use.
    pub cpus: usize,
}

impl Machine {
    /// This machine.
    pub fn this() -> Self {
        let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
        let pretty = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
        Self {
            host: host_name(),
            os: pretty.map_or_else(|| std::env::consts::OS.into(), |name| name.trim_matches('"').into()),
            arch: std::env::consts::ARCH.into(),
            cpus: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}

pub(crate) fn host_name() -> String {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    kernel.map(|name| name.trim().to_string()).or_else(|| std::env::var("HOSTNAME").ok()).unwrap_or_default()
}

impl Record {
    /// Reads a record.
    ///
    /// # Errors
    /// A file that cannot be read, is no record, or is one of a newer layout.
    pub fn read(path: &Path) -> Result<Self, StageError> {
        let shown = path.display();
        let bytes = std::fs::read(path).input_error(format!("cannot read {shown}"))?;
        let record: Self = serde_json::from_slice(&bytes).input_error(format!("{shown} is not a provenance record"))?;
        if record.key.provenance > FORMAT {
            let layout = record.key.provenance;
            return Err(StageError::input(format!("{shown} has layout {layout}, newer than this program's {FORMAT}")));
        }
        Ok(record)
    }

    /// Reads the record beside an output.
    ///
    /// # Errors
    /// As [`Record::read`].
    pub fn of_output(output: &Path) -> Result<Self, StageError> {
        let mut name = output.as_os_str().to_owned();
        name.push(".prov.json");
        Self::read(Path::new(&name))
    }
}

/// Whether a prepared run needs to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Freshness {
    /// The outputs are those that the run would make.
    UpToDate(Box<Record>),
    /// They are not; the reasons as fragments.
    Stale(Vec<String>),
}

/// Compares the outputs that exist with what the prepared run would make: same key, all outputs there, same content.
///
/// # Errors
/// An input that cannot be read.
pub fn up_to_date(prepared: &Prepared) -> Result<Freshness, StageError> {
    let stale = |reason: String| Ok(Freshness::Stale(vec![reason]));
    let Some(first) = prepared.records().into_iter().next() else {
        return stale("the stage writes no files".into());
    };
    let path = prepared.directory.join(&first);
    if !path.exists() {
        return stale("it was not run before".into());
    }
    let record = match Record::read(&path) {
        Ok(record) => record,
        Err(error) => return stale(error.to_string()),
    };
    if record.status != "ok" {
        return stale(format!("it ended as '{}'", record.status));
    }
    let names: Vec<&str> = record.outputs.iter().map(|output| output.name.as_str()).collect();
    if names != prepared.outputs {
        return stale("it writes other files now".into());
    }
    let mut reasons = record.key.differences(&Key::of(prepared)?);
    for output in &record.outputs {
        let path = prepared.directory.join(&output.name);
        match std::fs::metadata(&path) {
            Err(_) => reasons.push(format!("output {} is missing", output.name)),
            Ok(meta) if meta.len() != output.bytes => reasons.push(format!("output {} has another size", output.name)),
            // the hash is the slow part: not needed if the run is to be repeated anyway
            Ok(_) if reasons.is_empty() => {
                if Content::of(&path).is_ok_and(|content| content.sha256 != output.sha256) {
                    reasons.push(format!("output {} has other content", output.name));
                }
            }
            Ok(_) => {}
        }
    }
    Ok(if reasons.is_empty() { Freshness::UpToDate(Box::new(record)) } else { Freshness::Stale(reasons) })
}
