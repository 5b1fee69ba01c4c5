//! Compressed payloads: chains of blocks, each with a nine-byte header.
//!
//! A header is two letters for the algorithm, one byte for the method, and two 24-bit little-endian sizes: compressed
//! and raw. The sizes are checked against each other before anything is allocated.

use std::cell::RefCell;

use libdeflater::{DecompressionError, Decompressor};

use crate::{bytes::Read, error::Fault};

const BLOCK_HEADER: usize = 9;
const LZ4_CHECKSUM: usize = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Codec {
    Zlib,
    /// Deflate without the zlib frame, in files from before 2005.
    OldDeflate,
    Lzma,
    Lz4,
    Zstd,
}

impl Codec {
    fn of(letters: [u8; 2]) -> Option<Self> {
        Some(match &letters {
            b"ZL" => Self::Zlib,
            b"CS" => Self::OldDeflate,
            b"XZ" => Self::Lzma,
            b"L4" => Self::Lz4,
            b"ZS" => Self::Zstd,
            _ => return None,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Zlib => "zlib",
            Self::OldDeflate => "deflate",
            Self::Lzma => "lzma",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// Most raw bytes that `body` can hold: from the format's greatest ratio, or from the frame itself.
    fn capacity(self, body: &[u8]) -> usize {
        match self {
            Self::Zlib | Self::OldDeflate => body.len().saturating_mul(1032),
            Self::Lz4 => body.len().saturating_mul(255),
            Self::Zstd => match zstd::zstd_safe::get_frame_content_size(body) {
                // a block of four bytes gives at most 128 KiB, whatever the frame says
                Ok(size) => {
                    let most = body.len().saturating_mul(32 * 1024);
                    size.map_or(most, |size| usize::try_from(size).unwrap_or(usize::MAX).min(most))
                }
                Err(_) => 0,
            },
            Self::Lzma => xz_raw_size(body).unwrap_or(body.len().saturating_mul(7000)),
        }
    }
}

struct Block<'a> {
    codec: Codec,
    at: usize,
    body: &'a [u8],
    raw: usize,
}

/// Blocks of a payload, checked to hold `raw_len` bytes in all.
fn blocks(src: &[u8], raw_len: usize) -> Read<Vec<Block<'_>>> {
    let mut found = Vec::new();
    let (mut at, mut total) = (0, 0);
    while total < raw_len {
        let rest = src.get(at..).unwrap_or(&[]);
        let Some((&[a, b, _method, c0, c1, c2, r0, r1, r2], rest)) = rest.split_first_chunk::<BLOCK_HEADER>() else {
            return Err(Fault::bad(at, format!("compressed blocks end after {total} of {raw_len} bytes")));
        };
        let codec = Codec::of([a, b])
            .ok_or_else(|| Fault::bad(at, format!("unknown compression {:?}", String::from_utf8_lossy(&[a, b]))))?;
        let packed = u32::from_le_bytes([c0, c1, c2, 0]) as usize;
        let raw = u32::from_le_bytes([r0, r1, r2, 0]) as usize;
        let wrong = |what: String| Fault::Codec { at, codec: codec.name(), what: what.into() };
        let body = rest
            .get(..packed)
            .ok_or_else(|| wrong(format!("has {} bytes where its header says {packed}", rest.len())))?;
        if raw == 0 || raw > raw_len - total || raw > codec.capacity(body) {
            return Err(wrong(format!("{packed} bytes cannot hold the {raw} of its header")));
        }
        found.push(Block { codec, at, body, raw });
        total += raw;
        at += BLOCK_HEADER + packed;
    }
    Ok(found)
}

/// Decompresses the blocks of `src` to exactly `raw_len` bytes into `dst`, whose allocation is reused.
pub(crate) fn decompress(src: &[u8], raw_len: usize, dst: &mut Vec<u8>) -> Read<()> {
    let blocks = blocks(src, raw_len)?;
    if dst.len() < raw_len {
        dst.resize(raw_len, 0);
    }
    dst.truncate(raw_len);
    let mut rest = dst.as_mut_slice();
    for block in blocks {
        let (out, after) = rest.split_at_mut_checked(block.raw).ok_or_else(|| Fault::bad(block.at, "sizes"))?;
        let written = unpack(block.codec, block.body, out).map_err(|what| Fault::Codec {
            at: block.at,
            codec: block.codec.name(),
            what: what.into(),
        })?;
        if written != block.raw {
            return Err(Fault::Codec {
                at: block.at,
                codec: block.codec.name(),
                what: format!("gave {written} bytes where its header says {}", block.raw).into(),
            });
        }
        rest = after;
    }
    Ok(())
}

thread_local! {
    // Decoder states are large and costly to make: one of each per thread.
    static DEFLATE: RefCell<Decompressor> = RefCell::new(Decompressor::new());
    static ZSTD: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
}

fn unpack(codec: Codec, body: &[u8], out: &mut [u8]) -> Result<usize, String> {
    match codec {
        Codec::Zlib => DEFLATE.with_borrow_mut(|state| state.zlib_decompress(body, out)).map_err(inflate_error),
        Codec::OldDeflate => {
            DEFLATE.with_borrow_mut(|state| state.deflate_decompress(body, out)).map_err(inflate_error)
        }
        Codec::Lzma => unpack_xz(body, out),
        Codec::Lz4 => {
            let (sum, body) = body.split_first_chunk::<LZ4_CHECKSUM>().ok_or("no room for the checksum")?;
            if u64::from_be_bytes(*sum) != twox_hash::XxHash64::oneshot(0, body) {
                return Err("checksum does not match".into());
            }
            lz4_flex::block::decompress_into(body, out).map_err(|e| e.to_string())
        }
        Codec::Zstd => ZSTD.with_borrow_mut(|slot| {
            let state = match slot {
                Some(state) => state,
                None => slot.insert(zstd::bulk::Decompressor::new().map_err(|e| e.to_string())?),
            };
            state.decompress_to_buffer(body, out).map_err(|e| e.to_string())
        }),
    }
}

fn inflate_error(error: DecompressionError) -> String {
    match error {
        DecompressionError::BadData => "damaged or cut short",
        DecompressionError::InsufficientSpace => "gives more bytes than its header says",
    }
    .into()
}

fn unpack_xz(body: &[u8], out: &mut [u8]) -> Result<usize, String> {
    // The decoder may not take more memory than a dictionary for one 16 MiB block and its tables.
    let mut stream = liblzma::stream::Stream::new_stream_decoder(96 << 20, 0).map_err(|e| e.to_string())?;
    stream.process(body, out, liblzma::stream::Action::Finish).map_err(|e| e.to_string())?;
    Ok(stream.total_out() as usize)
}

/// Raw size from the index at the end of an xz stream with one or more blocks.
fn xz_raw_size(stream: &[u8]) -> Option<usize> {
    let footer = stream.last_chunk::<12>()?;
    let (_, [b0, b1, b2, b3, .., b'Y', b'Z']) = footer.split_first_chunk::<4>()? else { return None };
    let index_len = (u32::from_le_bytes([*b0, *b1, *b2, *b3]) as usize).checked_add(1)?.checked_mul(4)?;
    let index_end = stream.len().checked_sub(12)?;
    let mut index = stream.get(index_end.checked_sub(index_len)?..index_end)?;
    let (&0, rest) = index.split_first()? else { return None };
    index = rest;
    let records = varint(&mut index)?;
    let mut total = 0_usize;
    for _ in 0..records.min(index_len as u64) {
        varint(&mut index)?;
        total = total.checked_add(usize::try_from(varint(&mut index)?).ok()?)?;
    }
    Some(total)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..63).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Write;

    use super::*;

    fn block(letters: &[u8; 2], body: &[u8], raw: usize) -> Vec<u8> {
        let mut out = letters.to_vec();
        out.push(1);
        out.extend(&(body.len() as u32).to_le_bytes()[..3]);
        out.extend(&(raw as u32).to_le_bytes()[..3]);
        out.extend(body);
        out
    }

    fn packed(letters: &[u8; 2], raw: &[u8]) -> Vec<u8> {
        let body = match letters {
            b"ZL" | b"CS" => {
                let mut packer = libdeflater::Compressor::new(libdeflater::CompressionLvl::fastest());
                let mut out = vec![0; packer.zlib_compress_bound(raw.len())];
                let n = match letters {
                    b"ZL" => packer.zlib_compress(raw, &mut out),
                    _ => packer.deflate_compress(raw, &mut out),
                };
                out.truncate(n.unwrap());
                out
            }
            b"XZ" => {
                let mut e = liblzma::write::XzEncoder::new(Vec::new(), 1);
                e.write_all(raw).unwrap();
                e.finish().unwrap()
            }
            b"L4" => {
                let body = lz4_flex::block::compress(raw);
                let mut out = twox_hash::XxHash64::oneshot(0, &body).to_be_bytes().to_vec();
                out.extend(body);
                out
            }
            _ => zstd::bulk::compress(raw, 1).unwrap(),
        };
        block(letters, &body, raw.len())
    }

    #[test]
    fn every_codec_in_two_blocks() {
        let (one, two) = (vec![7_u8; 5000], (0..3000_u32).flat_map(u32::to_le_bytes).collect::<Vec<u8>>());
        for letters in [b"ZL", b"CS", b"XZ", b"L4", b"ZS"] {
            let mut src = packed(letters, &one);
            src.extend(packed(letters, &two));
            let mut out = Vec::new();
            decompress(&src, one.len() + two.len(), &mut out).unwrap();
            assert_eq!(out, [one.clone(), two.clone()].concat(), "{letters:?}");
        }
    }

    #[test]
    fn claims_beyond_the_content_are_refused_before_allocation() {
        for letters in [b"ZL", b"XZ", b"L4", b"ZS"] {
            let mut src = packed(letters, &[7; 100]);
            src.splice(6..9, [0xff, 0xff, 0xff]);
            let mut out = Vec::new();
            assert!(decompress(&src, 0x00ff_ffff, &mut out).is_err());
            assert_eq!(out.capacity(), 0, "{letters:?}");
        }
    }

    #[test]
    fn flipped_lz4_body_fails_its_checksum() {
        let mut src = packed(b"L4", &[7; 100]);
        let last = src.len() - 1;
        src[last] ^= 1;
        let fault = decompress(&src, 100, &mut Vec::new()).unwrap_err();
        assert_eq!(fault.to_string(), "lz4 block at 0 of the record: checksum does not match");
    }
}
