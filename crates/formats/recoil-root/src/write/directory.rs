//! Directories of a file that is being written, and their records.

use super::buffer::Buffer;
use super::key::{Key, position};

/// Bytes of a directory's record, the same for small and big files.
pub(super) const RECORD_BYTES: usize = 60;

/// A directory and what it holds.
pub(super) struct Directory {
    /// Name of the whole path, empty for the root.
    pub path: String,
    pub name: String,
    pub title: String,
    /// Position of the directory's key.
    pub seek: u64,
    /// Position of the parent's key, 0 for the root.
    pub parent: u64,
    /// Position of the directory's record.
    pub record: u64,
    /// Bytes from the key to the record.
    pub name_bytes: u64,
    pub keys: Vec<Key>,
}

/// Where the list of a directory's keys ended up.
pub(super) struct KeyList {
    pub seek: u64,
    pub bytes: u64,
}

impl Directory {
    /// The record, [`RECORD_BYTES`] long.
    pub fn record_bytes(&self, list: &KeyList, date: u32, uuid: [u8; 16], big: bool) -> Vec<u8> {
        let mut out = Buffer::new(0);
        out.i16(if big { 1005 } else { 5 });
        out.u32(date);
        out.u32(date);
        out.u32(u32::try_from(list.bytes).unwrap_or(u32::MAX));
        out.u32(u32::try_from(self.name_bytes).unwrap_or(u32::MAX));
        position(&mut out, self.seek, big);
        position(&mut out, self.parent, big);
        position(&mut out, list.seek, big);
        out.i16(1);
        out.raw(&uuid);
        let mut bytes = out.into_bytes();
        bytes.resize(RECORD_BYTES, 0);
        bytes
    }

    /// The payload of the list of keys.
    pub fn key_list(&self) -> Vec<u8> {
        let mut out = Buffer::new(0);
        out.count(self.keys.len());
        for key in &self.keys {
            key.write(&mut out);
        }
        out.into_bytes()
    }
}
