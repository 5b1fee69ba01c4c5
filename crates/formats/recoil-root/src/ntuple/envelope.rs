//! The anchor, and the blocks in a file that its locators point to.

use twox_hash::XxHash3_64;

use super::little::{Link, Little, Locator};
use crate::{
    bytes::{Cursor, Read},
    codec,
    error::{Fault, Place, Result},
    source::Source,
};

const CHECKSUM: usize = 8;
/// Bytes of the anchor's fields, which its checksum covers.
const ANCHOR: usize = 64;

/// The kinds of envelopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Header,
    Footer,
    PageList,
}

impl Kind {
    fn id(self) -> u64 {
        match self {
            Self::Header => 1,
            Self::Footer => 2,
            Self::PageList => 3,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::Footer => "footer",
            Self::PageList => "page list",
        }
    }
}

/// What the key of an RNTuple holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Anchor {
    pub epoch: u16,
    pub header: Link,
    pub footer: Link,
    /// Larger blocks are stored in pieces of this many bytes; 0 when none are.
    pub max_piece: u64,
}

impl Anchor {
    pub fn read(payload: &[u8]) -> Read<Self> {
        let mut cursor = Cursor::new(payload);
        cursor.header()?;
        let at = cursor.pos();
        let mut fields = cursor.clone();
        let covered = cursor.take(ANCHOR)?;
        let stored = cursor.array().map(u64::from_be_bytes)?;
        check(at, covered, stored)?;
        let epoch = fields.array().map(u16::from_be_bytes)?;
        fields.skip(6)?;
        let mut word = || fields.array().map(u64::from_be_bytes);
        let mut link = || {
            let (seek, size, len) = (word()?, word()?, word()?);
            Ok(Link { at: Locator { seek, size }, len })
        };
        Ok(Self { epoch, header: link()?, footer: link()?, max_piece: word()? })
    }
}

fn check(at: usize, covered: &[u8], stored: u64) -> Read<()> {
    let found = XxHash3_64::oneshot(covered);
    if found == stored { Ok(()) } else { Err(Fault::Checksum { at, stored, found }) }
}

/// The file and how it stores blocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Store<'a> {
    pub source: &'a Source,
    pub max_piece: u64,
}

impl Store<'_> {
    /// Puts `n` bytes at `seek` into `buffer`: end to end, also where they were stored in pieces.
    fn block(&self, seek: u64, n: u64, buffer: &mut Vec<u8>) -> Result<()> {
        let size = usize::try_from(n).unwrap_or(usize::MAX);
        if self.max_piece == 0 || n <= self.max_piece {
            return self.source.read_into(seek, size, buffer);
        }
        let place = || Place { byte: Some(seek), ..self.source.place() };
        let wrong = || Fault::bad(0, format!("{n} bytes in pieces of {}", self.max_piece)).at(place());
        if n > self.source.len() {
            return Err(wrong());
        }
        // the first piece ends with the positions of the others
        let mut pieces = n.div_ceil(self.max_piece);
        if (pieces - 1) * 8 > pieces * self.max_piece - n {
            pieces += 1;
        }
        let table = (pieces - 1) * 8;
        let first = self.max_piece.checked_sub(table).ok_or_else(wrong)?;
        let head = self.source.read(seek, self.max_piece as usize)?;
        let (content, table) = head.split_at_checked(first as usize).ok_or_else(wrong)?;
        buffer.clear();
        buffer.extend_from_slice(content);
        for piece in table.chunks_exact(8) {
            let at = piece.first_chunk().copied().map(u64::from_le_bytes).ok_or_else(wrong)?;
            let left = size.saturating_sub(buffer.len());
            buffer.extend(self.source.read(at, left.min(self.max_piece as usize))?);
        }
        if buffer.len() == size { Ok(()) } else { Err(wrong()) }
    }

    /// Puts the block at `at` into `raw`, checks its checksum if there is one behind it, and decompresses it to `len`
    /// bytes; the result lies in `raw` or in `unpacked`.
    pub fn unpack<'b>(
        &self,
        at: Locator,
        len: usize,
        checksum: bool,
        raw: &'b mut Vec<u8>,
        unpacked: &'b mut Vec<u8>,
        place: impl Fn() -> Place,
    ) -> Result<&'b [u8]> {
        let behind = if checksum { CHECKSUM as u64 } else { 0 };
        let fault = |what: String| Fault::bad(0, what).at(place());
        if at.size > len as u64 {
            return Err(fault(format!("{} bytes where {len} fill the block", at.size)));
        }
        self.block(at.seek, at.size.saturating_add(behind), raw).map_err(|error| error.relocate(&place))?;
        let size = at.size as usize;
        let (block, sum) = raw.split_at_checked(size).ok_or_else(|| fault("a block cut short".into()))?;
        if let Some(sum) = sum.first_chunk::<CHECKSUM>() {
            check(0, block, u64::from_le_bytes(*sum)).map_err(|fault| fault.at(place()))?;
        }
        if size == len {
            return Ok(block);
        }
        codec::decompress(block, len, unpacked).map_err(|fault| fault.at(place()))?;
        Ok(unpacked)
    }

    /// The bytes of an envelope without its checksum, which has been checked and is given too.
    pub fn envelope(&self, link: Link, kind: Kind, place: impl Fn() -> Place) -> Result<(Vec<u8>, u64)> {
        let place = || Place { envelope: Some(kind.name()), byte: Some(link.at.seek), ..place() };
        let len = usize::try_from(link.len).unwrap_or(usize::MAX);
        let (mut raw, mut unpacked) = (Vec::new(), Vec::new());
        let plain = self.unpack(link.at, len, false, &mut raw, &mut unpacked, place)?.len();
        let mut bytes = if unpacked.is_empty() { raw } else { unpacked };
        bytes.truncate(plain);
        let sum = checked(&bytes, kind).map_err(|fault| fault.at(place()))?;
        bytes.truncate(plain.saturating_sub(CHECKSUM));
        Ok((bytes, sum))
    }
}

fn checked(bytes: &[u8], kind: Kind) -> Read<u64> {
    let (covered, stored) =
        bytes.split_last_chunk::<CHECKSUM>().ok_or(Fault::Short { at: 0, need: 2 * CHECKSUM, len: bytes.len() })?;
    let stored = u64::from_le_bytes(*stored);
    check(0, covered, stored)?;
    let preamble = Little::new(covered).u64()?;
    if preamble & 0xffff != kind.id() || preamble >> 16 != bytes.len() as u64 {
        return Err(Fault::bad(0, format!("not an envelope of {} bytes with a {}", bytes.len(), kind.name())));
    }
    Ok(stored)
}

/// A cursor behind the preamble of an envelope.
pub(super) fn content(envelope: &[u8]) -> Read<Little<'_>> {
    let mut cursor = Little::new(envelope);
    cursor.u64()?;
    Ok(cursor)
}
