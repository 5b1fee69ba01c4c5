//! Outputs under temporary names until their task has succeeded.

use crate::error::{ProductionError, Result};
use crate::key::file_hash;
use crate::model::{Output, OutputKind};
use crate::task::{TaskSpec, WrittenFile};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// The temporary homes of a task's outputs: hidden directories in the directories where the outputs will lie.
pub(super) struct Staged<'a> {
    outputs: &'a [Output],
    homes: Vec<PathBuf>,
    /// Whether a command writes the output under its temporary name; if not, it knows the final one.
    named: Vec<bool>,
}

fn home(output: &Output, spec: &TaskSpec, attempt: u32) -> PathBuf {
    let directory = match output.kind {
        OutputKind::File => output.path.parent().unwrap_or(Path::new(".")),
        OutputKind::Directory => &output.path,
    };
    directory.join(format!(".recoil-{}.{}.{attempt}.tmp", spec.step, spec.task))
}

impl<'a> Staged<'a> {
    /// Makes the homes; what earlier attempts left there is removed.
    pub fn open(spec: &'a TaskSpec, attempt: u32) -> Result<Self> {
        let outputs = &spec.work.outputs;
        let mut named = vec![false; outputs.len()];
        for argument in spec.work.commands.iter().flat_map(|command| &command.argv) {
            if let crate::model::Argument::Output { output, .. } = argument {
                named.get_mut(*output).into_iter().for_each(|named| *named = true);
            }
        }
        let mut homes = Vec::with_capacity(outputs.len());
        for (output, named) in outputs.iter().zip(&named) {
            let own = home(output, spec, attempt);
            // an attempt may have ended before it came this far, so a gap does not mean that nothing is behind it
            let is_new = !homes.contains(&own);
            // outputs in one directory share a home
            for old in (1..=attempt).rev().take(20).filter(|_| is_new) {
                // homes that cannot be removed show when the own one cannot be made
                let _ = fs::remove_dir_all(home(output, spec, old));
            }
            let directory = own.parent().unwrap_or(Path::new("."));
            fs::create_dir_all(directory).map_err(ProductionError::file("create the directory", directory))?;
            if *named && !own.is_dir() {
                fs::create_dir(&own).map_err(ProductionError::file("create the directory", &own))?;
            }
            homes.push(own);
        }
        Ok(Self { outputs, homes, named })
    }

    /// Where the output is written: temporary, or final if no command takes a temporary name.
    pub fn path(&self, output: usize) -> PathBuf {
        let (Some(output), Some(home)) = (self.outputs.get(output), self.homes.get(output)) else {
            return PathBuf::new();
        };
        match output.kind {
            OutputKind::File => home.join(output.path.file_name().unwrap_or_default()),
            OutputKind::Directory => home.clone(),
        }
    }

    /// Flushes the files and gives them their final names: files beside the declared ones first.
    pub fn commit(&self) -> Result<Vec<WrittenFile>> {
        // all are looked at before any is moved
        for (index, output) in self.outputs.iter().enumerate() {
            let path = if self.is_named(index) { self.path(index) } else { output.path.clone() };
            let meta = fs::metadata(&path).map_err(|_| not_written(output))?;
            if meta.is_dir() != (output.kind == OutputKind::Directory) {
                return Err(not_written(output));
            }
        }
        let mut files = Vec::new();
        for (index, output) in self.outputs.iter().enumerate() {
            match (self.is_named(index), output.kind) {
                (false, OutputKind::File) => files.push(written(&output.path, &output.path)?),
                (false, OutputKind::Directory) => {}
                (true, _) => {
                    let Some(home) = self.homes.get(index) else { continue };
                    let target = home.parent().unwrap_or(Path::new("."));
                    let last = (output.kind == OutputKind::File).then(|| self.path(index));
                    collect(home, target, last.as_deref(), &mut files)?;
                }
            }
        }
        for file in &files {
            let Some((from, home)) = self.source(&file.path) else { continue };
            if let Some(parent) = file.path.parent().filter(|parent| !home.starts_with(parent)) {
                fs::create_dir_all(parent).map_err(ProductionError::file("create the directory", parent))?;
            }
            fs::rename(&from, &file.path).map_err(ProductionError::file("rename to", &file.path))?;
        }
        Ok(files)
    }

    fn is_named(&self, index: usize) -> bool {
        self.named.get(index).copied().unwrap_or_default()
    }

    /// The temporary name of a final one.
    fn source(&self, path: &Path) -> Option<(PathBuf, &Path)> {
        self.homes.iter().find_map(|home| {
            let from = home.join(path.strip_prefix(home.parent()?).ok()?);
            fs::symlink_metadata(&from).is_ok().then_some((from, home.as_path()))
        })
    }
}

impl Drop for Staged<'_> {
    fn drop(&mut self) {
        for home in &self.homes {
            // what cannot be removed now is removed by the next attempt
            let _ = fs::remove_dir_all(home);
        }
    }
}

fn not_written(output: &Output) -> ProductionError {
    let what = if output.kind == OutputKind::Directory { "directory" } else { "file" };
    ProductionError::Usage(format!("the command ended well but did not write the {what} {}", output.path.display()))
}

/// The files below `home` with the names they will have; `last` comes last.
fn collect(home: &Path, target: &Path, last: Option<&Path>, files: &mut Vec<WrittenFile>) -> Result<()> {
    let mut left = vec![home.to_path_buf()];
    let mut found = Vec::new();
    while let Some(directory) = left.pop() {
        let entries = fs::read_dir(&directory).map_err(ProductionError::file("list", &directory))?;
        for entry in entries {
            let path = entry.map_err(ProductionError::file("list", &directory))?.path();
            match fs::symlink_metadata(&path) {
                Ok(meta) if meta.is_dir() => left.push(path),
                _ => found.push(path),
            }
        }
    }
    found.sort_by(|a, b| (last == Some(a), a).cmp(&(last == Some(b), b)));
    for path in found {
        let end = target.join(path.strip_prefix(home).unwrap_or(&path));
        // two outputs in one directory share a home
        if !files.iter().any(|file: &WrittenFile| file.path == end) {
            files.push(written(&path, &end)?);
        }
    }
    Ok(())
}

/// Flushes a file and tells what it is.
fn written(now: &Path, end: &Path) -> Result<WrittenFile> {
    let file = File::open(now).map_err(ProductionError::file("read the output", now))?;
    file.sync_data().map_err(ProductionError::file("flush the output", now))?;
    let (sha256, bytes) = file_hash(now)?;
    Ok(WrittenFile { path: end.into(), bytes, sha256 })
}
