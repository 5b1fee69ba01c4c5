//! Records of a file: every object, basket and directory has a key before it.

use crate::{
    bytes::{Cursor, Read},
    error::Fault,
};

/// Shortest possible key: the fixed part and three empty strings.
pub(crate) const KEY_MIN: usize = 29;

/// The description of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    /// Bytes of the record in the file, with the key.
    pub nbytes: usize,
    /// Bytes of the payload when decompressed.
    pub objlen: usize,
    /// Bytes of the key.
    pub keylen: usize,
    pub cycle: i16,
    /// Where the record begins.
    pub seek: u64,
    pub class: String,
    pub name: String,
    pub title: String,
}

impl Key {
    pub fn read(cursor: &mut Cursor<'_>) -> Read<Self> {
        let at = cursor.pos();
        let nbytes = cursor.i32()?;
        let version = cursor.i16()?;
        let objlen = cursor.i32()?;
        let _date = cursor.u32()?;
        let keylen = cursor.i16()?;
        let cycle = cursor.i16()?;
        let wide = version > 1000;
        let seek = cursor.seek_pointer(wide)?;
        cursor.seek_pointer(wide)?;
        let (class, name, title) = (cursor.string()?, cursor.string()?, cursor.string()?);
        let size = |what: &str, n: i64| {
            usize::try_from(n).map_err(|_| Fault::bad(at, format!("a key with a negative {what} ({n})")))
        };
        Ok(Self {
            nbytes: size("size", nbytes.into())?,
            objlen: size("payload size", objlen.into())?,
            keylen: size("length", keylen.into())?,
            cycle,
            seek,
            class,
            name,
            title,
        })
    }

    pub fn is_directory(&self) -> bool {
        matches!(self.class.as_str(), "TDirectory" | "TDirectoryFile")
    }
}
