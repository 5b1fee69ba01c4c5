//! Files that appear whole or not at all.

use super::fresh_id;
use crate::error::{At as _, Result};
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

/// What to do if the file is there already.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Replace it.
    Replace,
    /// Leave it.
    Keep,
}

/// Writes a file by way of a temporary one in `scratch`; whether this was done.
pub(super) fn place(scratch: &Path, target: &Path, content: &[u8], mode: Place) -> Result<bool> {
    if mode == Place::Keep && target.exists() {
        return Ok(false);
    }
    if let Some(parent) = target.parent() {
        std::fs::create_dir_all(parent).at("create the directory", parent)?;
    }
    let temporary = scratch.join(format!(".recoil-{}", fresh_id()));
    let written = File::create(&temporary).and_then(|mut file| file.write_all(content)).at("write", &temporary);
    let placed = written.and_then(|()| match mode {
        Place::Replace => std::fs::rename(&temporary, target).map(|()| true).at("write", target),
        Place::Keep => link(&temporary, target, content).at("write", target),
    });
    if mode == Place::Keep || placed.is_err() {
        // the link has taken its place; what is left over would harm nobody
        let _ = std::fs::remove_file(&temporary);
    }
    placed
}

/// Gives a file its final name unless that is taken.
fn link(temporary: &Path, target: &Path, content: &[u8]) -> io::Result<bool> {
    let done = match std::fs::hard_link(temporary, target) {
        // some file systems have no links
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            OpenOptions::new().write(true).create_new(true).open(target).and_then(|mut file| file.write_all(content))
        }
        other => other,
    };
    match done {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        other => other.map(|()| true),
    }
}

/// Appends whole lines in one write.
pub(super) fn append(scratch: &Path, target: &Path, lines: &str) -> Result<()> {
    if place(scratch, target, lines.as_bytes(), Place::Keep)? {
        return Ok(());
    }
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new().read(true).append(true).open(target)?;
        let mut last = [b'\n'];
        if file.seek(SeekFrom::End(-1)).is_ok() {
            file.read_exact(&mut last)?;
        }
        if last != [b'\n'] {
            // a machine that went down has cut the last line
            let whole = std::fs::read(target)?.iter().rposition(|&byte| byte == b'\n').map_or(0, |place| place + 1);
            file.set_len(whole as u64)?;
        }
        file.write_all(lines.as_bytes())
    };
    write().at("append to", target)
}

/// A file as text; bytes that are no UTF-8 become replacement characters.
pub(super) fn text(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).at("read", path)?;
    Ok(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}
