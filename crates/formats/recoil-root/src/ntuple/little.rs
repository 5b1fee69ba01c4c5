//! Little-endian reads and the frames of envelopes.

use crate::{
    bytes::{Cursor, Read},
    error::Fault,
};

/// A cursor over the bytes of an envelope; positions count from the begin of the envelope.
#[derive(Debug, Clone)]
pub(super) struct Little<'a>(Cursor<'a>);

/// Where a block of bytes lies in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Locator {
    pub seek: u64,
    pub size: u64,
}

/// A locator with the size of the block when decompressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Link {
    pub at: Locator,
    pub len: u64,
}

impl<'a> Little<'a> {
    pub fn new(data: &'a [u8]) -> Self {
        Self(Cursor::new(data))
    }

    pub fn pos(&self) -> usize {
        self.0.pos()
    }

    pub fn u16(&mut self) -> Read<u16> {
        self.0.array().map(u16::from_le_bytes)
    }

    pub fn u32(&mut self) -> Read<u32> {
        self.0.array().map(u32::from_le_bytes)
    }

    pub fn i32(&mut self) -> Read<i32> {
        self.0.array().map(i32::from_le_bytes)
    }

    pub fn u64(&mut self) -> Read<u64> {
        self.0.array().map(u64::from_le_bytes)
    }

    pub fn i64(&mut self) -> Read<i64> {
        self.0.array().map(i64::from_le_bytes)
    }

    pub fn f64(&mut self) -> Read<f64> {
        self.0.array().map(f64::from_le_bytes)
    }

    pub fn string(&mut self) -> Read<String> {
        let n = self.u32()? as usize;
        self.0.take(n).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    /// Features that a reader must know; none are defined yet.
    pub fn feature_flags(&mut self) -> Read<()> {
        let at = self.pos();
        match self.u64()? {
            0 => Ok(()),
            flags => Err(Fault::bad(at, format!("feature flags {flags:#x} of a newer format"))),
        }
    }

    /// A cursor over the record frame that begins here; this cursor moves behind it.
    pub fn record(&mut self) -> Read<Self> {
        let at = self.pos();
        let size = self.i64()?;
        self.frame(at, size, 8)
    }

    /// A cursor over the items of the list frame that begins here, and their number; this cursor moves behind it.
    pub fn list(&mut self) -> Read<(Self, usize)> {
        let at = self.pos();
        let size = self.i64()?;
        let mut inside = self.frame(at, size.wrapping_neg(), 12)?;
        let n = inside.u32()? as usize;
        Ok((inside, n))
    }

    fn frame(&mut self, at: usize, size: i64, least: usize) -> Read<Self> {
        let end = usize::try_from(size).ok().filter(|size| *size >= least).and_then(|size| at.checked_add(size));
        let end = end
            .filter(|end| *end <= self.0.end())
            .ok_or_else(|| Fault::bad(at, format!("a frame of {size} bytes in an envelope of {}", self.0.end())))?;
        let mut inside = self.clone();
        inside.0.narrow(end)?;
        self.0.seek(end)?;
        Ok(inside)
    }

    pub fn locator(&mut self) -> Read<Locator> {
        let at = self.pos();
        let size = self.i32()?;
        if let Ok(size) = u64::try_from(size) {
            return Ok(Locator { size, seek: self.u64()? });
        }
        let kind = size.unsigned_abs() >> 24;
        let (own_size, payload) = (size.unsigned_abs() & 0xffff, 20);
        if kind != 1 || own_size != payload {
            return Err(Fault::bad(at, format!("a locator of the unknown type {kind}")));
        }
        Ok(Locator { size: self.u64()?, seek: self.u64()? })
    }

    pub fn link(&mut self) -> Read<Link> {
        let len = self.u64()?;
        Ok(Link { len, at: self.locator()? })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn frames_end_where_they_say() {
        let mut bytes = 13_i64.to_le_bytes().to_vec();
        bytes.extend([1, 2, 3, 4, 5]);
        bytes.extend((-16_i64).to_le_bytes());
        bytes.extend(2_u32.to_le_bytes());
        bytes.extend([7, 0, 8, 0, 99]);
        let mut cursor = Little::new(&bytes);
        let mut record = cursor.record().unwrap();
        assert_eq!(record.u32().unwrap(), 0x0403_0201);
        assert!(record.u16().is_err(), "beyond the frame");
        let (mut list, n) = cursor.list().unwrap();
        assert_eq!((n, list.u16().unwrap(), list.u16().unwrap()), (2, 7, 8));
        assert_eq!(bytes[cursor.pos()], 99);
    }

    #[test]
    fn frames_of_wrong_kind_or_size_are_refused() {
        for size in [0, 7, 1000, i64::MIN, i64::MAX] {
            assert!(Little::new(&size.to_le_bytes()).record().is_err());
            assert!(Little::new(&size.to_le_bytes()).list().is_err());
        }
    }

    #[test]
    fn standard_and_large_locators() {
        let mut bytes = 7_i32.to_le_bytes().to_vec();
        bytes.extend(99_u64.to_le_bytes());
        assert_eq!(Little::new(&bytes).locator().unwrap(), Locator { size: 7, seek: 99 });
        let mut bytes = (-((1 << 24) | 20_i32)).to_le_bytes().to_vec();
        bytes.extend((1_u64 << 33).to_le_bytes());
        bytes.extend(99_u64.to_le_bytes());
        assert_eq!(Little::new(&bytes).locator().unwrap(), Locator { size: 1 << 33, seek: 99 });
        bytes[3] = 0x80;
        assert!(Little::new(&bytes).locator().is_err());
    }
}
