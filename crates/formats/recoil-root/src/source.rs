//! Positional reads of a file.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use crate::error::{Error, Fault, Place, Result};

/// An open file that many threads may read at once.
#[derive(Debug)]
pub(crate) struct Source {
    file: File,
    path: PathBuf,
    len: u64,
}

impl Source {
    pub fn open(path: &Path) -> Result<Self> {
        let io = |source| Error::Io { file: path.to_path_buf(), source };
        let file = File::open(path).map_err(io)?;
        let len = file.metadata().map_err(io)?.len();
        Ok(Self { file, path: path.to_path_buf(), len })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn len(&self) -> u64 {
        self.len
    }

    pub fn place(&self) -> Place {
        Place { file: self.path.clone(), ..Place::default() }
    }

    /// Puts the `n` bytes at `at` into `buffer`, whose allocation is reused; fails before allocating when the file is
    /// shorter.
    pub fn read_into(&self, at: u64, n: usize, buffer: &mut Vec<u8>) -> Result<()> {
        if at.checked_add(n as u64).is_none_or(|end| end > self.len) {
            return Err(Fault::CutShort { len: self.len }.at(Place { byte: Some(at), ..self.place() }));
        }
        if buffer.len() < n {
            buffer.resize(n, 0);
        }
        buffer.truncate(n);
        read_exact_at(&self.file, buffer, at).map_err(|source| Error::Io { file: self.path.clone(), source })
    }

    pub fn read(&self, at: u64, n: usize) -> Result<Vec<u8>> {
        let mut buffer = Vec::new();
        self.read_into(at, n, &mut buffer)?;
        Ok(buffer)
    }

    /// Up to `n` bytes at `at`: fewer at the end of the file.
    pub fn read_up_to(&self, at: u64, n: usize) -> Result<Vec<u8>> {
        let n = n.min(usize::try_from(self.len.saturating_sub(at)).unwrap_or(usize::MAX));
        self.read(at, n)
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, buffer: &mut [u8], at: u64) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, at)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut buffer: &mut [u8], mut at: u64) -> std::io::Result<()> {
    while !buffer.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, buffer, at)? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            n => {
                buffer = buffer.get_mut(n..).unwrap_or(&mut []);
                at += n as u64;
            }
        }
    }
    Ok(())
}
