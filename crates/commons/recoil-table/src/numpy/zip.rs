//! The parts of ZIP archives that `.npz` files use: stored and deflated members, sizes of 32 or 64 bits.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use flate2::Crc;
use flate2::read::DeflateDecoder;

use super::malformed;
use crate::error::{Error, Result};

const LOCAL: [u8; 4] = *b"PK\x03\x04";
const CENTRAL: [u8; 4] = *b"PK\x01\x02";
const END: [u8; 4] = *b"PK\x05\x06";
const END64: [u8; 4] = *b"PK\x06\x06";
const LOCATOR64: [u8; 4] = *b"PK\x06\x07";

/// An array in an archive.
#[derive(Debug, Clone)]
pub(super) struct Member {
    /// Name without `.npy`.
    pub name: String,
    deflated: bool,
    stored_size: u64,
    offset: u64,
}

impl Member {
    /// The member's bytes, decompressed as they are read.
    pub fn open(&self, path: &Path) -> Result<BufReader<Box<dyn Read + Send>>> {
        let file = format!("{}:{}", path.display(), self.name);
        let io = |error| Error::io(&file, error);
        let mut opened = File::open(path).map_err(io)?;
        opened.seek(SeekFrom::Start(self.offset)).map_err(io)?;
        let mut local = [0; 30];
        opened.read_exact(&mut local).map_err(|_| malformed(&file, "the member's header is cut off"))?;
        if !local.starts_with(&LOCAL) {
            return Err(malformed(&file, format!("no member at byte {}", self.offset)));
        }
        let skip = u64::from(u16_at(&local, 26)) + u64::from(u16_at(&local, 28));
        opened.seek(SeekFrom::Start(self.offset + 30 + skip)).map_err(io)?;
        let stored = opened.take(self.stored_size);
        let reader: Box<dyn Read + Send> =
            if self.deflated { Box::new(DeflateDecoder::new(BufReader::new(stored))) } else { Box::new(stored) };
        Ok(BufReader::with_capacity(64 << 10, reader))
    }
}

fn bytes_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes.get(at..at + N).and_then(|part| part.try_into().ok()).unwrap_or([0; N])
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(bytes_at(bytes, at))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes_at(bytes, at))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes_at(bytes, at))
}

/// The arrays of an archive, in the order of its directory.
pub(super) fn members(path: &Path) -> Result<Vec<Member>> {
    let file = path.display().to_string();
    let io = |error| Error::io(&file, error);
    let mut opened = File::open(path).map_err(io)?;
    let length = opened.metadata().map_err(io)?.len();
    let tail_length = length.min(22 + 65_535 + 20);
    opened.seek(SeekFrom::Start(length - tail_length)).map_err(io)?;
    let mut tail = Vec::new();
    opened.read_to_end(&mut tail).map_err(io)?;
    let end = (0..tail.len().saturating_sub(21)).rev().find(|at| bytes_at(&tail, *at) == END);
    let end = end.ok_or_else(|| malformed(&file, "not an archive, or cut off"))?;

    let (mut size, mut start) = (u64::from(u32_at(&tail, end + 12)), u64::from(u32_at(&tail, end + 16)));
    if let Some(locator) = end.checked_sub(20).filter(|at| bytes_at(&tail, *at) == LOCATOR64) {
        opened.seek(SeekFrom::Start(u64_at(&tail, locator + 8))).map_err(io)?;
        let mut record = [0; 56];
        let read = opened.read_exact(&mut record);
        if read.is_ok() && record.starts_with(&END64) {
            (size, start) = (u64_at(&record, 40), u64_at(&record, 48));
        }
    }
    if start.checked_add(size).is_none_or(|end| end > length) {
        return Err(malformed(&file, "the archive's directory lies outside of the file"));
    }
    opened.seek(SeekFrom::Start(start)).map_err(io)?;
    let mut directory = Vec::new();
    opened.take(size).read_to_end(&mut directory).map_err(io)?;
    let mut members = Vec::new();
    let mut at = 0;
    while bytes_at(&directory, at) == CENTRAL {
        let entry = directory.get(at..).unwrap_or_default();
        let (name_end, extra) = (46 + usize::from(u16_at(entry, 28)), usize::from(u16_at(entry, 30)));
        let name = String::from_utf8_lossy(entry.get(46..name_end).unwrap_or_default());
        if let Some(name) = name.strip_suffix(".npy") {
            members.push(member(&file, name, entry, entry.get(name_end..name_end + extra).unwrap_or_default())?);
        }
        at += name_end + extra + usize::from(u16_at(entry, 32));
    }
    Ok(members)
}

fn member(file: &str, name: &str, entry: &[u8], extra: &[u8]) -> Result<Member> {
    let method = u16_at(entry, 10);
    if !matches!(method, 0 | 8) || u16_at(entry, 8) & 1 == 1 {
        let message = format!("array '{name}' is packed in a way that is not read (method {method})");
        return Err(Error::Unsupported { file: file.to_owned(), message });
    }
    let raw = u32_at(entry, 24);
    let (mut stored_size, mut offset) = (u64::from(u32_at(entry, 20)), u64::from(u32_at(entry, 42)));
    // the 64-bit extra field holds those of the four values that are all ones in the entry, in this order
    let mut wide = wide_field(extra);
    let mut next = || {
        let value = u64_at(wide, 0);
        wide = wide.get(8..).unwrap_or_default();
        value
    };
    if raw == u32::MAX {
        next();
    }
    if stored_size == u64::from(u32::MAX) {
        stored_size = next();
    }
    if offset == u64::from(u32::MAX) {
        offset = next();
    }
    Ok(Member { name: name.to_owned(), deflated: method == 8, stored_size, offset })
}

fn wide_field(mut extra: &[u8]) -> &[u8] {
    while extra.len() >= 4 {
        let end = 4 + usize::from(u16_at(extra, 2));
        if u16_at(extra, 0) == 1 {
            return extra.get(4..end.min(extra.len())).unwrap_or_default();
        }
        extra = extra.get(end..).unwrap_or_default();
    }
    &[]
}

/// An archive of stored members that is being written. Dates are always the earliest one, so that the same arrays give
/// the same bytes.
pub(super) struct Archive {
    file: String,
    out: BufWriter<File>,
    directory: Vec<u8>,
    count: u64,
}

impl Archive {
    pub fn create(path: &Path) -> Result<Self> {
        let file = path.display().to_string();
        let created = File::create(path).map_err(|error| Error::io(&file, error))?;
        Ok(Self { file, out: BufWriter::new(created), directory: Vec::new(), count: 0 })
    }

    /// Adds the member `name` with the bytes that `fill` writes.
    pub fn add(&mut self, name: &str, fill: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> Result<()> {
        let file = self.file.clone();
        self.add_member(&format!("{name}.npy"), fill).map_err(|error| Error::io(file, error))
    }

    fn add_member(
        &mut self,
        name: &str,
        fill: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
    ) -> std::io::Result<()> {
        let offset = self.out.stream_position()?;
        let name_length = u16::try_from(name.len()).map_err(std::io::Error::other)?;
        self.out.write_all(&local_header(name, name_length, 0, 0))?;
        let mut counted = Counted { out: &mut self.out, crc: Crc::new(), length: 0 };
        fill(&mut counted)?;
        let (crc, length) = (counted.crc.sum(), counted.length);
        self.out.seek(SeekFrom::Start(offset))?;
        self.out.write_all(&local_header(name, name_length, crc, length))?;
        self.out.seek(SeekFrom::End(0))?;

        let d = &mut self.directory;
        d.extend(CENTRAL);
        d.extend([45, 3, 45, 0, 0, 8, 0, 0, 0, 0, 0x21, 0]);
        d.extend(crc.to_le_bytes());
        d.extend([0xff; 8]);
        d.extend(name_length.to_le_bytes());
        d.extend([28, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xa4, 0x81]);
        d.extend([0xff; 4]);
        d.extend(name.as_bytes());
        d.extend([1, 0, 24, 0]);
        d.extend(length.to_le_bytes());
        d.extend(length.to_le_bytes());
        d.extend(offset.to_le_bytes());
        self.count += 1;
        Ok(())
    }

    /// Writes the directory and flushes everything to the disk.
    pub fn finish(self) -> Result<()> {
        let file = self.file.clone();
        self.write_end().map_err(|error| Error::io(file, error))
    }

    fn write_end(mut self) -> std::io::Result<()> {
        let start = self.out.stream_position()?;
        let size = self.directory.len() as u64;
        self.out.write_all(&self.directory)?;
        let mut end = END64.to_vec();
        end.extend(44_u64.to_le_bytes());
        end.extend([45, 3, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        for number in [self.count, self.count, size, start] {
            end.extend(number.to_le_bytes());
        }
        end.extend(LOCATOR64);
        end.extend([0; 4]);
        end.extend((start + size).to_le_bytes());
        end.extend(1_u32.to_le_bytes());
        end.extend(END);
        end.extend([0; 4]);
        end.extend([0xff; 12]);
        end.extend([0, 0]);
        self.out.write_all(&end)?;
        self.out.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()
    }
}

fn local_header(name: &str, name_length: u16, crc: u32, length: u64) -> Vec<u8> {
    let mut header = LOCAL.to_vec();
    header.extend([45, 0, 0, 8, 0, 0, 0, 0, 0x21, 0]);
    header.extend(crc.to_le_bytes());
    header.extend([0xff; 8]);
    header.extend(name_length.to_le_bytes());
    header.extend([20, 0]);
    header.extend(name.as_bytes());
    header.extend([1, 0, 16, 0]);
    header.extend(length.to_le_bytes());
    header.extend(length.to_le_bytes());
    header
}

struct Counted<'w> {
    out: &'w mut BufWriter<File>,
    crc: Crc,
    length: u64,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.out.write_all(bytes)?;
        self.crc.update(bytes);
        self.length += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}
