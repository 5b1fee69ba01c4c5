//! Compression of a record's payload into ROOT's chain of blocks.

use std::io::Write as _;

use libdeflater::{CompressionLvl, Compressor};
use twox_hash::XxHash64;

/// Largest number of bytes, raw or compressed, that one block's 3-byte length can tell.
const BLOCK: usize = 0xff_ffff;
/// Bytes in front of each block: two letters, a method byte, two 3-byte lengths.
const HEADER: usize = 9;
/// Records of fewer bytes stay as they are: the block header would eat the gain.
const SMALLEST: usize = 256;

/// How the payloads of a file are compressed.
///
/// Levels beyond what an algorithm knows are lowered to its highest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Stored as they are.
    None,
    /// zlib, level 1 to 9.
    Zlib(u8),
    /// LZMA (the `.xz` container), level 1 to 9.
    Lzma(u8),
    /// LZ4's fast mode.
    Lz4,
    /// Zstandard, level 1 to 19.
    Zstd(u8),
}

impl Default for Compression {
    /// Zstandard at level 5, which is also what ROOT recommends for analysis data.
    fn default() -> Self {
        Self::Zstd(5)
    }
}

impl Compression {
    /// ROOT's compression setting: 100 times the algorithm plus the level.
    #[must_use]
    pub fn setting(self) -> i32 {
        match self.clamped() {
            Self::None => 0,
            Self::Zlib(level) => 100 + i32::from(level),
            Self::Lzma(level) => 200 + i32::from(level),
            Self::Lz4 => 401,
            Self::Zstd(level) => 500 + i32::from(level),
        }
    }

    fn clamped(self) -> Self {
        match self {
            Self::Zlib(level) => Self::Zlib(level.clamp(1, 9)),
            Self::Lzma(level) => Self::Lzma(level.clamp(1, 9)),
            Self::Zstd(level) => Self::Zstd(level.clamp(1, 19)),
            other => other,
        }
    }

    /// The stored form of `raw`, or nothing where storing it unchanged is shorter.
    ///
    /// # Errors
    /// What the compression library reports, which in practice is only a lack of memory.
    pub(super) fn compress(self, raw: &[u8]) -> std::io::Result<Option<Vec<u8>>> {
        if self == Self::None || raw.len() < SMALLEST {
            return Ok(None);
        }
        let mut stored = Vec::with_capacity(raw.len() / 2);
        for block in raw.chunks(BLOCK) {
            let start = stored.len();
            stored.extend_from_slice(&[0; HEADER]);
            let (letters, method) = self.clamped().block_into(block, &mut stored)?;
            let packed = stored.len() - start - HEADER;
            if packed > BLOCK {
                return Ok(None);
            }
            if let Some(header) = stored.get_mut(start..start + HEADER) {
                header.copy_from_slice(&header_bytes(letters, method, packed, block.len()));
            }
            // a reader takes a payload of the raw length for an uncompressed one
            if stored.len() >= raw.len() {
                return Ok(None);
            }
        }
        Ok(Some(stored))
    }

    /// Appends one compressed block and tells its two letters and method byte.
    fn block_into(self, block: &[u8], out: &mut Vec<u8>) -> std::io::Result<([u8; 2], u8)> {
        match self {
            Self::None => {
                out.extend_from_slice(block);
                Ok((*b"CS", 0))
            }
            Self::Zlib(level) => {
                let level = CompressionLvl::new(i32::from(level)).unwrap_or_default();
                let mut packer = Compressor::new(level);
                let start = out.len();
                out.resize(start + packer.zlib_compress_bound(block.len()), 0);
                let room = out.get_mut(start..).unwrap_or(&mut []);
                let packed = packer.zlib_compress(block, room).map_err(std::io::Error::other)?;
                out.truncate(start + packed);
                Ok((*b"ZL", 8))
            }
            Self::Lzma(level) => {
                let mut encoder = liblzma::write::XzEncoder::new(out, u32::from(level));
                encoder.write_all(block)?;
                encoder.finish()?;
                Ok((*b"XZ", 0))
            }
            Self::Lz4 => {
                let packed = lz4_flex::block::compress(block);
                out.extend_from_slice(&XxHash64::oneshot(0, &packed).to_be_bytes());
                out.extend_from_slice(&packed);
                Ok((*b"L4", 1))
            }
            Self::Zstd(level) => {
                out.append(&mut zstd::bulk::compress(block, i32::from(level))?);
                Ok((*b"ZS", 1))
            }
        }
    }
}

/// The nine bytes in front of a block; both lengths are little-endian, unlike the rest of the file.
fn header_bytes(letters: [u8; 2], method: u8, packed: usize, raw: usize) -> [u8; HEADER] {
    let [p0, p1, p2, ..] = packed.to_le_bytes();
    let [r0, r1, r2, ..] = raw.to_le_bytes();
    let [first, second] = letters;
    [first, second, method, p0, p1, p2, r0, r1, r2]
}
