//! Tables of records beyond 65535 bytes.
//!
//! The third version of a record's description gives the places of its members in as few bytes as hold the record's size;
//! the library writes four where the format wants three (records of 64 KiB to 16 MiB), which other programs cannot read. In
//! the second version places always have four bytes. It differs in nothing else but its number and the names, which are
//! filled with zeros to multiples of eight bytes. So such tables are written with filled names, and turned into the second
//! version when the file is complete. The sizes of chunks have the same mistake without such a remedy (and new versions of
//! HDF5's own library look at it), so the rows are not in chunks but in one piece.

use std::fs::OpenOptions;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use super::file::{Member, Value};
use super::malformed;
use crate::error::{Error, Result};

/// Stands for a zero behind a name until the file is complete; no name holds it.
const FILLER: char = '\u{1}';
const PIECE: usize = 4 << 20;
/// Longest header of a data set that is looked for.
const LONGEST_HEADER: usize = 1 << 20;

/// Whether records of so many bytes need the second version.
pub(super) fn is_large(row_bytes: usize) -> bool {
    (1 << 16..1 << 24).contains(&row_bytes)
}

/// A name with what fills it, so that it takes a multiple of eight bytes with the zero at its end.
pub(super) fn filled(name: &str) -> String {
    let fill = (8 - (name.len() + 1) % 8) % 8;
    let mut name = name.to_owned();
    name.extend(std::iter::repeat_n(FILLER, fill));
    name
}

/// The description of a record, as it was written and as it shall be.
pub(super) struct Description {
    start: Vec<u8>,
    members: Vec<(String, usize)>,
}

impl Description {
    pub(super) fn new(members: &[Member], row_bytes: usize) -> Self {
        let count = u16::try_from(members.len()).unwrap_or(u16::MAX).to_le_bytes();
        let mut start = vec![0x36, count[0], count[1], 0];
        start.extend(u32::try_from(row_bytes).unwrap_or(u32::MAX).to_le_bytes());
        let first = members.first().map(|member| filled(&member.name)).unwrap_or_default();
        start.extend(first.as_bytes());
        let members = members.iter().map(|member| (filled(&member.name), type_bytes(member))).collect();
        Self { start, members }
    }

    /// Changes the description at the beginning of `bytes`; whether it is there.
    fn change(&self, bytes: &mut [u8]) -> bool {
        let mut at = 8;
        let mut fillers = Vec::new();
        for (name, size) in &self.members {
            if bytes.get(at..at + name.len()) != Some(name.as_bytes()) || bytes.get(at + name.len()) != Some(&0) {
                return false;
            }
            fillers.extend((at..at + name.len()).filter(|place| bytes.get(*place) == Some(&(FILLER as u8))));
            at += name.len() + 1 + 4 + size;
        }
        for place in fillers {
            if let Some(byte) = bytes.get_mut(place) {
                *byte = 0;
            }
        }
        if let Some(version) = bytes.first_mut() {
            *version = 0x26;
        }
        true
    }
}

/// Bytes of the description of a member's type.
fn type_bytes(member: &Member) -> usize {
    let scalar = match member.value {
        Value::F32 | Value::F64 => 20,
        Value::Text(_) => 8,
        _ => 12,
    };
    if member.shape.is_empty() { scalar } else { scalar + 9 + 4 * member.shape.len() }
}

/// Turns the descriptions in a complete file into the second version.
pub(super) fn repair(path: &Path, descriptions: &[Description]) -> Result<()> {
    let name = path.display().to_string();
    let io = |error| Error::io(&name, error);
    for description in descriptions {
        let mut file = OpenOptions::new().read(true).write(true).open(path).map_err(io)?;
        let mut found = 0;
        for place in places(&mut file, &description.start).map_err(io)? {
            // the header begins before its description
            let from = place.saturating_sub(LONGEST_HEADER as u64);
            let mut bytes = vec![0; LONGEST_HEADER * 2];
            file.seek(SeekFrom::Start(from)).map_err(io)?;
            let count = read_full(&mut file, &mut bytes).map_err(io)?;
            bytes.truncate(count);
            let at = (place - from) as usize;
            let Some((start, end)) = header_around(&bytes, at) else { continue };
            let Some(target) = bytes.get_mut(at..end) else { continue };
            if !description.change(target) {
                continue;
            }
            let sum = lookup3(bytes.get(start..end).unwrap_or_default()).to_le_bytes();
            file.seek(SeekFrom::Start(from + start as u64)).map_err(io)?;
            file.write_all(bytes.get(start..end).unwrap_or_default()).map_err(io)?;
            file.write_all(&sum).map_err(io)?;
            found += 1;
        }
        if found == 0 {
            return Err(malformed(&name, "the description of a table with large records is not where it should be"));
        }
        file.sync_all().map_err(io)?;
    }
    Ok(())
}

/// The header of a data set around a place: its first byte and that of its checksum, if the checksum is right.
fn header_around(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let mut end = at;
    loop {
        let start = bytes.get(..end)?.windows(4).rposition(|word| word == b"OHDR")?;
        let flags = *bytes.get(start + 5)?;
        let size_at = start + 6 + if flags & 0x20 == 0 { 0 } else { 16 } + if flags & 0x10 == 0 { 0 } else { 4 };
        let width = 1 << (flags & 3);
        let size =
            bytes.get(size_at..size_at + width)?.iter().rev().fold(0usize, |sum, byte| sum << 8 | usize::from(*byte));
        let sum_at = size_at.checked_add(width)?.checked_add(size)?;
        let stored = bytes.get(sum_at..).and_then(<[u8]>::first_chunk::<4>).map(|word| u32::from_le_bytes(*word));
        if sum_at > at && stored == bytes.get(start..sum_at).map(lookup3) {
            return Some((start, sum_at));
        }
        end = start;
    }
}

/// Places of a pattern in a file.
fn places(file: &mut std::fs::File, pattern: &[u8]) -> std::io::Result<Vec<u64>> {
    let mut found = Vec::new();
    let mut piece = vec![0; PIECE + pattern.len()];
    let mut start = 0;
    loop {
        file.seek(SeekFrom::Start(start))?;
        let count = read_full(file, &mut piece)?;
        let bytes = piece.get(..count).unwrap_or_default();
        let here = bytes.windows(pattern.len().max(1)).enumerate().filter(|(_, window)| *window == pattern);
        found.extend(here.map(|(at, _)| start + at as u64).filter(|at| *at < start + PIECE as u64));
        if count < piece.len() {
            return Ok(found);
        }
        start += PIECE as u64;
    }
}

fn read_full(file: &mut std::fs::File, bytes: &mut [u8]) -> std::io::Result<usize> {
    let mut count = 0;
    while let Some(rest) = bytes.get_mut(count..).filter(|rest| !rest.is_empty()) {
        match file.read(rest)? {
            0 => break,
            more => count += more,
        }
    }
    Ok(count)
}

/// The checksum of HDF5's headers: `hashlittle` of Bob Jenkins' lookup3.c with the initial value 0.
fn lookup3(bytes: &[u8]) -> u32 {
    let begin = 0xdead_beef_u32.wrapping_add(bytes.len() as u32);
    let [mut a, mut b, mut c] = [begin; 3];
    let word = |bytes: &[u8], at: usize| {
        (0..4).map(|k| u32::from(bytes.get(at + k).copied().unwrap_or(0)) << (8 * k)).fold(0, |sum, part| sum | part)
    };
    let mut rest = bytes;
    while rest.len() > 12 {
        a = a.wrapping_add(word(rest, 0));
        b = b.wrapping_add(word(rest, 4));
        c = c.wrapping_add(word(rest, 8));
        for (x, turn) in [4, 6, 8, 16, 19, 4].into_iter().enumerate() {
            let (one, two, three) = match x % 3 {
                0 => (&mut a, &mut c, &mut b),
                1 => (&mut b, &mut a, &mut c),
                _ => (&mut c, &mut b, &mut a),
            };
            *one = one.wrapping_sub(*two) ^ two.rotate_left(turn);
            *two = two.wrapping_add(*three);
        }
        rest = rest.get(12..).unwrap_or_default();
    }
    if rest.is_empty() {
        return c;
    }
    a = a.wrapping_add(word(rest, 0));
    b = b.wrapping_add(word(rest, 4));
    c = c.wrapping_add(word(rest, 8));
    for (x, turn) in [14, 11, 25, 16, 4, 14, 24].into_iter().enumerate() {
        let (one, two) = match x % 3 {
            0 => (&mut c, &b),
            1 => (&mut a, &c),
            _ => (&mut b, &a),
        };
        *one = (*one ^ *two).wrapping_sub(two.rotate_left(turn));
    }
    c
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_lookup3() {
        // values of the program itself
        assert_eq!(lookup3(b""), 0xdead_beef);
        assert_eq!(lookup3(b"Four score and seven years ago"), 0x1777_0551);
    }

    #[test]
    fn names_take_multiples_of_eight_bytes() {
        for (name, length) in [("obs_id", 8), ("hist_id", 8), ("histogram", 16), ("bins_core_dist", 16)] {
            assert_eq!(filled(name).len() + 1, length, "{name}");
        }
    }
}
