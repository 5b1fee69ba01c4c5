//! Baskets: the records that hold the entries of a branch.

use crate::{
    bytes::{Cursor, Read},
    codec,
    error::Fault,
    kept::Size,
    key::Key,
    tree::decode::in_wide_vectors,
};

/// Fields of a basket that stand after its key's strings and still belong to the key: sizes, counts and a flag.
const TAIL: usize = 13;
/// Flags of a basket whose entry offsets are not stored.
const GENERATED_OFFSETS: u8 = 80;
/// Bits that old files set in stored offsets.
const DISPLACEMENT: u32 = 0xff00_0000;

/// Bytes of the entries of one basket.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    pub data: &'a [u8],
    /// Where each entry begins, and the end: `entries + 1` rising positions within `data`.
    pub offsets: Option<&'a [u32]>,
    pub entries: usize,
}

/// A basket kept within the object of its tree.
#[derive(Debug)]
pub(crate) struct Embedded {
    data: Vec<u8>,
    offsets: Option<Vec<u32>>,
    entries: usize,
}

impl Embedded {
    pub fn read(cursor: &mut Cursor<'_>) -> Read<Self> {
        let at = cursor.pos();
        let key = Key::read(cursor)?;
        let _version = cursor.i16()?;
        if cursor.i32()? < 0 {
            // a negative buffer size announces one byte of feature bits
            cursor.skip(1)?;
        }
        let _entry_size = cursor.i32()?;
        let entries = cursor.i32()?;
        let entries = usize::try_from(entries).map_err(|_| Fault::bad(at, "a negative number of entries"))?;
        let last = cursor.i32()?;
        let last = usize::try_from(last).map_err(|_| Fault::bad(at, "a negative basket size"))?;
        let mut flag = cursor.u8()?;
        let mut stored = None;
        if flag >= GENERATED_OFFSETS {
            flag -= GENERATED_OFFSETS;
        } else if flag != 0 && flag % 10 != 2 && entries > 0 {
            let n = cursor.count(4)?;
            stored = Some(cursor.take(4 * n)?);
            if flag > 40 {
                let n = cursor.count(4)?;
                cursor.skip(4 * n)?;
            }
        }
        let mut basket = Self { data: Vec::new(), offsets: None, entries };
        if flag == 1 || flag > 10 {
            let bytes = cursor.take(last)?;
            let data = bytes.get(key.keylen..).ok_or_else(|| Fault::bad(at, "a basket shorter than its key"))?;
            basket.data = data.to_vec();
        }
        if let Some(stored) = stored {
            let mut offsets = Vec::new();
            let mask = if (21..40).contains(&flag) { !DISPLACEMENT } else { u32::MAX };
            rising_offsets(stored, entries, key.keylen, basket.data.len(), mask, &mut offsets)?;
            basket.offsets = Some(offsets);
        }
        Ok(basket)
    }

    pub fn entries(&self) -> usize {
        self.entries
    }

    pub fn view(&self) -> View<'_> {
        View { data: &self.data, offsets: self.offsets.as_deref(), entries: self.entries }
    }
}

/// Turns stored offsets into positions in the data, and checks them.
fn rising_offsets(stored: &[u8], entries: usize, keylen: usize, len: usize, mask: u32, out: &mut Vec<u32>) -> Read<()> {
    let (words, _) = stored.as_chunks::<4>();
    let words = words
        .get(..entries)
        .ok_or_else(|| Fault::bad(len, format!("{} entry offsets for {entries} entries", words.len())))?;
    let (keylen, end) = (keylen as u32, u32::try_from(len).map_err(|_| Fault::bad(len, "a basket above 4 GB"))?);
    out.clear();
    out.reserve(entries + 1);
    if matches!(words, [[0, 0, 0, 0], _, ..]) {
        // sizes of the entries before, instead of offsets (which begin behind the key)
        let mut position = 0_u32;
        out.extend(words.iter().map(|word| {
            position = position.wrapping_add(u32::from_be_bytes(*word));
            position
        }));
    } else {
        in_wide_vectors(stored.len(), || {
            out.extend(words.iter().map(|word| (u32::from_be_bytes(*word) & mask).wrapping_sub(keylen)));
        });
    }
    out.push(end);
    let falls = |(a, b): (&u32, &u32)| a > b;
    let pairs = || out.iter().zip(out.iter().skip(1));
    if in_wide_vectors(stored.len(), || pairs().fold(false, |any, pair| any | falls(pair))) {
        let entry = pairs().position(falls).unwrap_or(0);
        return Err(Fault::bad(len, format!("offset of entry {entry} of the basket points outside it")));
    }
    Ok(())
}

/// A stored basket that was read and decompressed; its buffers serve for one basket after another.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// The record as it is stored.
    pub raw: Vec<u8>,
    unpacked: Vec<u8>,
    offsets: Vec<u32>,
    loaded: Loaded,
}

/// What [`Scratch::load`] found.
#[derive(Debug, Default)]
struct Loaded {
    packed: bool,
    keylen: usize,
    border: usize,
    entries: usize,
    has_offsets: bool,
}

/// Numbers in the key of a stored basket.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BasketHeader {
    pub objlen: usize,
    pub keylen: usize,
    pub nbytes: usize,
    pub entries: usize,
    /// Bytes of entries when decompressed; offsets follow.
    pub border: usize,
}

impl BasketHeader {
    pub fn read(record: &[u8]) -> Read<Self> {
        let mut cursor = Cursor::new(record);
        let nbytes = cursor.i32()?;
        let _version = cursor.i16()?;
        let objlen = cursor.i32()?;
        let _date = cursor.u32()?;
        let keylen = usize::try_from(cursor.i16()?).unwrap_or(0);
        let tail = keylen.checked_sub(TAIL).filter(|tail| *tail >= 18);
        cursor.seek(tail.ok_or_else(|| Fault::bad(0, format!("a basket with a key of {keylen} bytes")))?)?;
        let _entry_size = cursor.i32()?;
        let entries = cursor.i32()?;
        let last = cursor.i32()?;
        let bad = |what: &str, n: i32| Fault::bad(keylen - TAIL, format!("a basket with {what} {n}"));
        let size = |what, n: i32| usize::try_from(n).map_err(|_| bad(what, n));
        let header = Self {
            objlen: size("the payload size", objlen)?,
            keylen,
            nbytes: size("the size", nbytes)?,
            entries: size("the number of entries", entries)?,
            border: size("the last position", last)?
                .checked_sub(keylen)
                .ok_or_else(|| bad("the last position", last))?,
        };
        if header.border > header.objlen || header.nbytes < header.keylen {
            return Err(bad("the last position", last));
        }
        Ok(header)
    }
}

impl Scratch {
    /// Decompresses the basket whose record is in `self.raw`.
    pub fn load(&mut self) -> Read<()> {
        let header = BasketHeader::read(&self.raw)?;
        let BasketHeader { objlen, keylen, nbytes, entries, border } = header;
        let payload = self.raw.get(keylen..nbytes.min(self.raw.len())).ok_or(Fault::Short {
            at: keylen,
            need: 0,
            len: self.raw.len(),
        })?;
        let packed = nbytes - keylen != objlen;
        let bytes = if packed {
            codec::decompress(payload, objlen, &mut self.unpacked)?;
            &self.unpacked
        } else {
            payload
        };
        if bytes.len() < border {
            return Err(Fault::Short { at: keylen, need: border, len: bytes.len() });
        }
        let stored = bytes.get(border..).unwrap_or(&[]).split_first_chunk::<4>();
        if let Some((_count, stored)) = stored {
            rising_offsets(stored, entries, keylen, border, u32::MAX, &mut self.offsets)?;
        }
        self.loaded = Loaded { packed, keylen, border, entries, has_offsets: stored.is_some() };
        Ok(())
    }

    /// The basket that was loaded.
    pub fn view(&self) -> View<'_> {
        let Loaded { packed, keylen, border, entries, has_offsets } = self.loaded;
        let data = if packed { self.unpacked.get(..border) } else { self.raw.get(keylen..keylen + border) };
        View { data: data.unwrap_or(&[]), offsets: has_offsets.then_some(self.offsets.as_slice()), entries }
    }

    /// Gives up what the view does not need.
    pub fn shrink(&mut self) {
        if self.loaded.packed {
            self.raw = Vec::new();
        } else {
            self.unpacked = Vec::new();
        }
    }
}

impl Size for Scratch {
    fn size(&self) -> usize {
        self.raw.capacity() + self.unpacked.capacity() + self.offsets.capacity() * size_of::<u32>()
    }
}
