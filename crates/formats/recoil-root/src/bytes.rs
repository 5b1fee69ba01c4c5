//! A cursor over the big-endian bytes of one record, which never reads past its end.

use crate::error::Fault;

/// Result of reading inside one record; the caller knows which record and adds its place.
pub(crate) type Read<T> = Result<T, Fault>;

/// Bit that marks a word as a byte count.
const BYTE_COUNT: u32 = 0x4000_0000;

/// Header before an object: its version and where it ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Header {
    pub version: i16,
    /// End of the object, when the header carries a byte count.
    pub end: Option<usize>,
}

#[derive(Debug, Clone)]
pub(crate) struct Cursor<'a> {
    data: &'a [u8],
    pos: usize,
    end: usize,
}

impl<'a> Cursor<'a> {
    pub fn new(data: &'a [u8]) -> Self {
        Self { data, pos: 0, end: data.len() }
    }

    pub fn pos(&self) -> usize {
        self.pos
    }

    pub fn end(&self) -> usize {
        self.end
    }

    pub fn left(&self) -> usize {
        self.end - self.pos
    }

    /// Moves to `pos`, which may not lie beyond the end.
    pub fn seek(&mut self, pos: usize) -> Read<()> {
        if pos > self.end {
            return Err(Fault::Short { at: pos, need: 0, len: self.end });
        }
        self.pos = pos;
        Ok(())
    }

    /// Lets nothing be read from `end` on; gives the old end, for [`Cursor::widen`].
    pub fn narrow(&mut self, end: usize) -> Read<usize> {
        if end < self.pos || end > self.end {
            return Err(Fault::bad(self.pos, format!("a byte count that ends at {end}, outside {}", self.end)));
        }
        Ok(std::mem::replace(&mut self.end, end))
    }

    /// Takes back a [`Cursor::narrow`].
    pub fn widen(&mut self, end: usize) {
        self.end = end.min(self.data.len());
    }

    pub fn take(&mut self, n: usize) -> Read<&'a [u8]> {
        let short = Fault::Short { at: self.pos, need: n, len: self.end };
        if n > self.left() {
            return Err(short);
        }
        let part = self.data.get(self.pos..self.pos + n).ok_or(short)?;
        self.pos += n;
        Ok(part)
    }

    pub fn skip(&mut self, n: usize) -> Read<()> {
        self.take(n).map(|_| ())
    }

    pub fn array<const N: usize>(&mut self) -> Read<[u8; N]> {
        let at = self.pos;
        self.take(N)?.first_chunk::<N>().copied().ok_or(Fault::Short { at, need: N, len: self.end })
    }

    pub fn u8(&mut self) -> Read<u8> {
        self.array::<1>().map(|[b]| b)
    }

    pub fn i16(&mut self) -> Read<i16> {
        self.array().map(i16::from_be_bytes)
    }

    pub fn u32(&mut self) -> Read<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub fn i32(&mut self) -> Read<i32> {
        self.array().map(i32::from_be_bytes)
    }

    pub fn i64(&mut self) -> Read<i64> {
        self.array().map(i64::from_be_bytes)
    }

    pub fn f32(&mut self) -> Read<f32> {
        self.array().map(f32::from_be_bytes)
    }

    pub fn f64(&mut self) -> Read<f64> {
        self.array().map(f64::from_be_bytes)
    }

    /// A seek or size that is 64 bits wide in large files.
    pub fn seek_pointer(&mut self, wide: bool) -> Read<u64> {
        let at = self.pos;
        if wide {
            u64::try_from(self.i64()?).map_err(|_| Fault::bad(at, "a negative file position"))
        } else {
            self.u32().map(u64::from)
        }
    }

    /// A count that may not be negative, of items that take at least `item` bytes each and must fit in what is left.
    pub fn count(&mut self, item: usize) -> Read<usize> {
        let at = self.pos;
        let n = self.i32()?;
        self.checked_count(i64::from(n), item, at)
    }

    /// Checks that `n` items of at least `item` bytes each fit in what is left.
    pub fn checked_count(&self, n: i64, item: usize, at: usize) -> Read<usize> {
        match usize::try_from(n) {
            Ok(n) if n.checked_mul(item).is_some_and(|bytes| bytes <= self.left()) => Ok(n),
            _ => Err(Fault::bad(at, format!("a count of {n} where {} bytes are left", self.left()))),
        }
    }

    /// Bytes of a string whose length stands in one byte, or in four after a 255.
    pub fn string_bytes(&mut self) -> Read<&'a [u8]> {
        let short = self.u8()?;
        let n = if short == 255 { self.u32()? as usize } else { usize::from(short) };
        self.take(n)
    }

    pub fn string(&mut self) -> Read<String> {
        Ok(String::from_utf8_lossy(self.string_bytes()?).into_owned())
    }

    /// Bytes up to a NUL, which is consumed.
    pub fn c_string(&mut self) -> Read<String> {
        let at = self.pos;
        let rest = self.data.get(self.pos..self.end).unwrap_or(&[]);
        let n = rest.iter().position(|b| *b == 0).ok_or_else(|| Fault::bad(at, "a class name without an end"))?;
        let text = self.take(n)?;
        self.skip(1)?;
        Ok(String::from_utf8_lossy(text).into_owned())
    }

    /// Header of an object: `[byte count] version`.
    pub fn header(&mut self) -> Read<Header> {
        let at = self.pos;
        if self.left() >= 4 {
            let word = self.u32()?;
            if word & BYTE_COUNT != 0 && word != u32::MAX {
                let end = at + 4 + (word & !BYTE_COUNT) as usize;
                return Ok(Header { version: self.i16()?, end: Some(end) });
            }
            self.pos = at;
        }
        Ok(Header { version: self.i16()?, end: None })
    }

    /// Header with a byte count that ends within what is left; nothing is consumed when there is none.
    pub fn counted_header(&mut self) -> Read<Option<Header>> {
        let at = self.pos;
        if self.left() >= 6 {
            let header = self.header()?;
            if header.end.is_some_and(|end| end >= at + 6 && end <= self.end) {
                return Ok(Some(header));
            }
        }
        self.pos = at;
        Ok(None)
    }

    /// `(end by byte count, word)` of a pointer's first words; see [`crate::object`].
    pub fn tagged(&mut self) -> Read<(Option<usize>, u32)> {
        let at = self.pos;
        let word = self.u32()?;
        if word & BYTE_COUNT == 0 || word == u32::MAX {
            return Ok((None, word));
        }
        Ok((Some(at + 4 + (word & !BYTE_COUNT) as usize), self.u32()?))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn reads_stop_at_the_end() {
        let mut cursor = Cursor::new(&[0, 0, 0, 2, 9]);
        assert_eq!(cursor.u32().unwrap(), 2);
        assert_eq!(cursor.i16(), Err(Fault::Short { at: 4, need: 2, len: 5 }));
        assert_eq!(cursor.u8().unwrap(), 9);
    }

    #[test]
    fn counts_are_checked_against_what_is_left() {
        assert!(Cursor::new(&[0x7f, 0xff, 0xff, 0xff, 0]).count(4).is_err());
        assert!(Cursor::new(&[0xff, 0xff, 0xff, 0xff, 0]).count(0).is_err());
        assert_eq!(Cursor::new(&[0, 0, 0, 1, 0]).count(1).unwrap(), 1);
    }

    #[test]
    fn header_with_and_without_count() {
        let with = Cursor::new(&[0x40, 0, 0, 2, 0, 7]).header().unwrap();
        assert_eq!((with.version, with.end), (7, Some(6)));
        let without = Cursor::new(&[0, 7, 0, 0, 0, 0]).header().unwrap();
        assert_eq!((without.version, without.end), (7, None));
    }
}
