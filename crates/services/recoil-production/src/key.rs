//! What determines the result of a task, and what changed.

use crate::error::{ProductionError, Result};
use crate::model::{Output, OutputKind, Task};
use crate::plan::word;
use crate::task::{Key, TaskSpec};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Program and version, as they stand in keys.
pub const PROGRAM: &str = concat!("recoil-production ", env!("CARGO_PKG_VERSION"));

/// The key of a task with its inputs as they are now.
///
/// # Errors
/// An input that does not exist or cannot be read.
pub fn key(spec: &TaskSpec) -> Result<Key> {
    let mut inputs = BTreeMap::new();
    let apart: HashSet<&Path> = spec
        .work
        .apart
        .iter()
        .chain(spec.work.outputs.iter().map(|output| &output.path))
        .map(PathBuf::as_path)
        .collect();
    for path in &spec.work.inputs {
        inputs.insert(path.to_string_lossy().into_owned(), identity(path, spec.hash_inputs, &apart)?);
    }
    Ok(Key {
        program: PROGRAM.into(),
        commands: commands_hash(&spec.work),
        environment: hash(&serde_json::to_vec(&spec.environment).unwrap_or_default()),
        inputs,
    })
}

/// SHA-256 of all words and variables of the commands and of the names of the outputs. Where this program itself lies does
/// not count.
fn commands_hash(task: &Task) -> String {
    let mut state = Sha256::new();
    let mut add = |text: &str| {
        state.update((text.len() as u64).to_le_bytes());
        state.update(text.as_bytes());
    };
    for command in &task.commands {
        add("command");
        for (index, argument) in command.argv.iter().enumerate() {
            let word = word(argument, task);
            add(if index == 0 && word == crate::program::path() { "recoil" } else { &word });
        }
        for (name, value) in &command.variables {
            add(name);
            add(value);
        }
    }
    // what a task writes inside of a directory follows from its words and inputs, and may be known only when those exist
    let is_within = |path: &Path| {
        let above = |other: &&Output| other.kind == OutputKind::Directory && other.path != path;
        task.outputs.iter().filter(above).any(|other| path.starts_with(&other.path))
    };
    for output in task.outputs.iter().filter(|output| !is_within(&output.path)) {
        add(&output.path.to_string_lossy());
    }
    hex(&state.finalize())
}

/// What tells the content of a file or directory apart: size and time of change, or the hash. In directories, hidden
/// names and those of `apart` do not count.
pub(crate) fn identity(path: &Path, content: bool, apart: &HashSet<&Path>) -> Result<String> {
    let meta = fs::metadata(path).map_err(ProductionError::file("read the input", path))?;
    if !meta.is_dir() {
        return match content {
            true => Ok(format!("sha256:{}", file_hash(path)?.0)),
            false => Ok(format!(
                "{}@{}",
                meta.len(),
                i128::from(meta.mtime()) * 1_000_000_000 + i128::from(meta.mtime_nsec())
            )),
        };
    }
    let mut names: Vec<_> = fs::read_dir(path)
        .map_err(ProductionError::file("list the input", path))?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| !path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".")))
        .filter(|path| !apart.contains(path.as_path()))
        .collect();
    names.sort();
    let mut all = String::new();
    for name in names {
        // a directory tells its own content in turn; what vanishes meanwhile does not belong to it
        if let Ok(own) = identity(&name, content, apart) {
            all.push_str(&format!("{}\0{own}\0", name.to_string_lossy()));
        }
    }
    Ok(format!("directory:{}", hash(all.as_bytes())))
}

/// SHA-256 and size of a file.
///
/// # Errors
/// When it cannot be read.
pub fn file_hash(path: &Path) -> Result<(String, u64)> {
    let mut file = File::open(path).map_err(ProductionError::file("read", path))?;
    let mut state = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    let mut bytes = 0;
    loop {
        let count = file.read(&mut buffer).map_err(ProductionError::file("read", path))?;
        let Some(part) = buffer.get(..count).filter(|part| !part.is_empty()) else { break };
        state.update(part);
        bytes += count as u64;
    }
    Ok((hex(&state.finalize()), bytes))
}

/// SHA-256 of bytes.
pub fn hash(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Key {
    /// What differs from `new`, as fragments such as `input x.root changed`.
    pub fn differences(&self, new: &Self) -> Vec<String> {
        let mut found = Vec::new();
        if self.program != new.program {
            found.push(format!("the program was {}, is {}", self.program, new.program));
        }
        if self.commands != new.commands {
            found.push("the command changed".into());
        }
        if self.environment != new.environment {
            found.push("the environment changed".into());
        }
        for (path, own) in &new.inputs {
            match self.inputs.get(path) {
                None => found.push(format!("input {path} is new")),
                Some(old) if old != own => found.push(format!("input {path} changed")),
                Some(_) => {}
            }
        }
        let gone = self.inputs.keys().filter(|path| !new.inputs.contains_key(*path));
        found.extend(gone.map(|path| format!("input {path} is no longer read")));
        found
    }

    /// A short form for comparisons.
    pub fn digest(&self) -> String {
        hash(&serde_json::to_vec(self).unwrap_or_default())
    }
}
