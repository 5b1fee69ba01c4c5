//! Outputs under temporary names until all of them are complete.
//!
//! A run writes into a hidden directory beside its outputs, on the same file system, under the files' own names (so that
//! writers see the right extension). When everything is written and flushed, a list of the files is written and they are
//! renamed one after the other. A process that dies before the list exists leaves nothing but the hidden directory, which
//! the next run removes; one that dies while renaming is completed by the next run. The directory holds a lock for as
//! long as its process lives, so that runs beside each other leave each other alone.

use crate::error::{Blame, StageError};
use crate::prepared::is_inside;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

const PREFIX: &str = ".recoil-";
const SUFFIX: &str = ".tmp";
const LOCK: &str = "lock";
const LIST: &str = "complete.json";
const DRAFT: &str = "draft";
const FILES: &str = "files";

/// The temporary home of the outputs of one run.
pub(crate) struct Staging {
    /// Where the outputs go in the end.
    target: PathBuf,
    /// The hidden directory.
    own: PathBuf,
    /// Directories that were made for this run, innermost first; removed again if the run fails.
    made: Vec<PathBuf>,
    /// Holds the lock while the process lives.
    _lock: File,
}

impl Staging {
    /// Makes the target directory if needed and opens a temporary home in it.
    pub fn open(target: &Path) -> Result<Self, StageError> {
        let shown = target.display();
        let made = missing_directories(target);
        fs::create_dir_all(target).output_error(format!("cannot create the directory {shown}"))?;
        let doing = || format!("cannot write in the directory {shown}");
        loop {
            let own = target.join(new_name());
            fs::create_dir(&own).output_error(doing())?;
            match claim(&own).output_error(doing())? {
                Some(lock) => {
                    fs::create_dir(own.join(FILES)).output_error(doing())?;
                    return Ok(Self { target: target.into(), own, made, _lock: lock });
                }
                // another run took the directory for a dead one before the lock was held
                None => continue,
            }
        }
    }

    /// The temporary path of an output; directories above it exist.
    pub fn path(&self, name: &str) -> Result<PathBuf, StageError> {
        let path = self.own.join(FILES).join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).output_error(format!("cannot create the directory {}", parent.display()))?;
        }
        Ok(path)
    }

    /// Flushes the named files and gives them their final names, in this order.
    pub fn commit(self, names: &[String]) -> Result<(), StageError> {
        let doing = || format!("cannot finish the outputs in {}", self.target.display());
        for name in names {
            let path = self.own.join(FILES).join(name);
            File::open(&path).and_then(|file| file.sync_all()).output_error(doing())?;
        }
        let list = serde_json::to_vec(names).internal_error("cannot list the outputs")?;
        let draft = self.own.join(DRAFT);
        fs::write(&draft, list).output_error(doing())?;
        File::open(&draft).and_then(|file| file.sync_all()).output_error(doing())?;
        fs::rename(&draft, self.own.join(LIST)).output_error(doing())?;
        sync_directory(&self.own);
        move_into_place(&self.target, &self.own, names).output_error(doing())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // what cannot be removed now is removed by the next run
        let _ = dismantle(&self.own);
        for directory in &self.made {
            // only directories without outputs go
            if fs::remove_dir(directory).is_err() {
                break;
            }
        }
    }
}

/// Completes or removes what dead processes left in `target`.
pub(crate) fn recover(target: &Path) -> Result<(), StageError> {
    let entries = match fs::read_dir(target) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).output_error(format!("cannot list the directory {}", target.display())),
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(PREFIX) && name.ends_with(SUFFIX) && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            recover_one(target, &entry.path())
                .output_error(format!("cannot clear the left-over {}", entry.path().display()))?;
        }
    }
    Ok(())
}

fn recover_one(target: &Path, own: &Path) -> io::Result<()> {
    let lock = match File::options().write(true).open(own.join(LOCK)) {
        Ok(lock) => lock,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // made but not claimed yet: removing it makes a living owner start afresh, a dead one does not mind
            let _ = fs::remove_dir(own);
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(()),
        // a file system without locks: the process number decides
        Err(TryLockError::Error(_)) if !owner_is_dead(own) => return Ok(()),
        Err(TryLockError::Error(_)) => {}
    }
    if let Ok(list) = fs::read(own.join(LIST)) {
        let names: Vec<String> = serde_json::from_slice(&list).map_err(io::Error::other)?;
        let left: Vec<String> = names.into_iter().filter(|name| own.join(FILES).join(name).exists()).collect();
        move_into_place(target, own, &left)?;
    }
    dismantle(own)
}

/// Removes a temporary home. The lock goes last, so that a removal that is cut short can be taken up again.
fn dismantle(own: &Path) -> io::Result<()> {
    for name in [LIST, DRAFT] {
        match fs::remove_file(own.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    match fs::remove_dir_all(own.join(FILES)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs::remove_file(own.join(LOCK))?;
    fs::remove_dir_all(own)
}

fn move_into_place(target: &Path, own: &Path, names: &[String]) -> io::Result<()> {
    for name in names.iter().filter(|name| is_inside(name)) {
        let to = target.join(name);
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::rename(own.join(FILES).join(name), &to)?;
        if let Some(parent) = to.parent() {
            sync_directory(parent);
        }
    }
    Ok(())
}

/// Takes the lock of a fresh directory; `None` if the directory is gone again.
fn claim(own: &Path) -> io::Result<Option<File>> {
    let path = own.join(LOCK);
    let lock = match File::create(&path) {
        Ok(lock) => lock,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    match lock.try_lock() {
        Ok(()) | Err(TryLockError::Error(_)) => Ok(path.exists().then_some(lock)),
        Err(TryLockError::WouldBlock) => Ok(None),
    }
}

fn new_name() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{PREFIX}{}-{}-{number}{SUFFIX}", host(), std::process::id())
}

/// Whether the process that a directory is named after ran on this machine and is gone.
fn owner_is_dead(own: &Path) -> bool {
    let name = own.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut parts = name.trim_start_matches(PREFIX).trim_end_matches(SUFFIX).rsplitn(3, '-');
    let (_, process, machine) = (parts.next(), parts.next(), parts.next());
    match (process, machine) {
        (Some(process), Some(machine)) => {
            machine == host() && Path::new("/proc/self").exists() && !Path::new("/proc").join(process).exists()
        }
        _ => false,
    }
}

fn host() -> String {
    let name = crate::provenance::host_name();
    name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '_' }).collect()
}

fn missing_directories(target: &Path) -> Vec<PathBuf> {
    let above = target.ancestors().filter(|path| !path.as_os_str().is_empty());
    above.take_while(|path| !path.exists()).map(Into::into).collect()
}

/// Makes renames in a directory durable; file systems that cannot do it are safe enough.
fn sync_directory(path: &Path) {
    if let Ok(directory) = File::open(path) {
        let _ = directory.sync_all();
    }
}
