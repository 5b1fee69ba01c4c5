//! A stream of bytes from a plain, gzip or zstd file.

use std::fs::File;
use std::io::{BufReader, Read, Seek as _, SeekFrom};
use std::path::Path;

use crate::error::{Error, Result};

const BUFFER: usize = 1 << 17;

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip.
    Gzip,
    /// Zstandard.
    Zstd,
}

impl Compression {
    /// What a file's first bytes tell.
    pub fn of_magic(first: &[u8]) -> Self {
        match first {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            _ => Self::None,
        }
    }
}

/// Bytes of a file, decompressed, in order.
pub(crate) struct Source {
    name: String,
    reader: Box<dyn Read + Send>,
    compression: Compression,
    at: u64,
}

impl Source {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let io = |source| Error::Io { file: name.clone(), source };
        let mut file = File::open(path).map_err(io)?;
        let mut first = [0; 4];
        let mut filled = 0;
        while let Some(rest) = first.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match file.read(rest).map_err(io)? {
                0 => break,
                count => filled += count,
            }
        }
        file.seek(SeekFrom::Start(0)).map_err(io)?;
        let compression = Compression::of_magic(first.get(..filled).unwrap_or_default());
        let file = BufReader::with_capacity(BUFFER, file);
        let reader: Box<dyn Read + Send> = match compression {
            Compression::None => Box::new(file),
            Compression::Gzip => Box::new(BufReader::with_capacity(BUFFER, flate2::bufread::MultiGzDecoder::new(file))),
            Compression::Zstd => {
                let decoder = zstd::stream::read::Decoder::with_buffer(file).map_err(io)?;
                Box::new(BufReader::with_capacity(BUFFER, decoder))
            }
        };
        Ok(Self { name, reader, compression, at: 0 })
    }

    /// A stream of bytes in memory.
    pub(crate) fn of_bytes(name: &str, bytes: Vec<u8>) -> Self {
        let reader = Box::new(std::io::Cursor::new(bytes));
        Self { name: name.to_owned(), reader, compression: Compression::None, at: 0 }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Number of bytes that were read.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    /// Fills `buffer` as far as the stream goes.
    pub(crate) fn fill(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.reader.read(rest) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return self.broken(error, filled as u64).map(|()| filled),
            }
        }
        self.at += filled as u64;
        Ok(filled)
    }

    /// Appends `length` bytes to `buffer`, or as many as there are. The buffer grows with the bytes that come, whatever
    /// `length` says.
    pub(crate) fn append(&mut self, length: u64, buffer: &mut Vec<u8>) -> Result<u64> {
        let before = buffer.len();
        buffer.reserve(usize::try_from(length).unwrap_or(usize::MAX).min(8 * BUFFER));
        let result = (&mut self.reader).take(length).read_to_end(buffer);
        let count = (buffer.len() - before) as u64;
        match result {
            Ok(_) => self.at += count,
            Err(error) => self.broken(error, count)?,
        }
        Ok(count)
    }

    /// Passes over `length` bytes; returns how many there were.
    pub(crate) fn skip(&mut self, length: u64) -> Result<u64> {
        let count = std::io::copy(&mut (&mut self.reader).take(length), &mut std::io::sink());
        match count {
            Ok(count) => {
                self.at += count;
                Ok(count)
            }
            Err(error) => self.broken(error, 0).map(|()| 0),
        }
    }

    /// What a failed read means after `count` more bytes: a compressed file that was cut off simply ends.
    fn broken(&mut self, source: std::io::Error, count: u64) -> Result<()> {
        self.at += count;
        match self.compression {
            Compression::None => Err(Error::Io { file: self.name.clone(), source }),
            _ if source.kind() == std::io::ErrorKind::UnexpectedEof => Ok(()),
            _ => Err(Error::Compression { file: self.name.clone(), byte: self.at, reason: source.to_string() }),
        }
    }
}
