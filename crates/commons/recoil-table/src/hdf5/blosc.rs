//! Chunks packed by Blosc 1, the packer of PyTables.
//!
//! A header of 16 bytes, the places of the blocks, and the blocks: one stream each, or one per byte of an element. Bytes
//! of equal significance stand together if the data were shuffled.

/// The filter's number in HDF5 files.
pub(super) const FILTER: u16 = 32001;

const HEADER: usize = 16;
const SHUFFLED: u8 = 1;
const COPIED: u8 = 2;
const BIT_SHUFFLED: u8 = 4;
const NOT_SPLIT: u8 = 16;
/// Elements of more bytes are never split.
const MOST_SPLITS: usize = 16;
/// Streams of fewer bytes are never split off.
const SHORTEST_STREAM: usize = 128;
/// Distance from which BloscLZ writes distances in 16 more bits.
const FAR: usize = 8191;

/// Unpacks a chunk that must give at most `limit` bytes.
pub(super) fn unpack(packed: &[u8], limit: usize) -> Result<Vec<u8>, String> {
    let Some(header) = packed.first_chunk::<HEADER>() else { return Err("a Blosc header is cut off".into()) };
    let word =
        |at: usize| header.get(at..at + 4).and_then(|w| w.try_into().ok()).map_or(0, u32::from_le_bytes) as usize;
    let [_, _, flags, element, ..] = *header;
    let (bytes, block, own) = (word(4), word(8), word(12));
    if bytes > limit || own != packed.len() || (block == 0 && bytes > 0) {
        return Err(format!("a Blosc chunk of {bytes} bytes in blocks of {block}, packed to {own}"));
    }
    if flags & COPIED != 0 {
        return match packed.get(HEADER..HEADER + bytes) {
            Some(plain) => Ok(plain.to_vec()),
            None => Err("a Blosc chunk is cut off".into()),
        };
    }
    if flags & BIT_SHUFFLED != 0 {
        return Err("Blosc chunks with shuffled bits are not read".into());
    }
    let element = usize::from(element).max(1);
    let mut found = Vec::with_capacity(bytes);
    for number in 0..bytes.div_ceil(block.max(1)) {
        let length = block.min(bytes - number * block);
        let start = packed.get(HEADER + 4 * number..).and_then(<[u8]>::first_chunk::<4>);
        let start = start.map(|word| u32::from_le_bytes(*word) as usize).ok_or("a Blosc chunk is cut off")?;
        let whole = length == block;
        let split = flags & NOT_SPLIT == 0 && element <= MOST_SPLITS && block / element >= SHORTEST_STREAM && whole;
        let streams = if split { element } else { 1 };
        let mut rest = packed.get(start..).ok_or("a Blosc block lies outside of its chunk")?;
        let before = found.len();
        for _ in 0..streams {
            let (size, after) = rest.split_first_chunk::<4>().ok_or("a Blosc stream is cut off")?;
            let size = u32::from_le_bytes(*size) as usize;
            let stream = after.get(..size).ok_or("a Blosc stream is cut off")?;
            rest = after.get(size..).unwrap_or_default();
            let wanted = length / streams;
            if size == wanted {
                found.extend_from_slice(stream);
            } else {
                decode(flags >> 5, stream, wanted, &mut found)?;
            }
        }
        if flags & SHUFFLED != 0 && element > 1 {
            let shuffled = found.split_off(before);
            unshuffle(&shuffled, element, &mut found);
        }
    }
    if found.len() != bytes {
        return Err(format!("a Blosc chunk gives {} bytes, {bytes} promised", found.len()));
    }
    Ok(found)
}

fn decode(codec: u8, stream: &[u8], wanted: usize, found: &mut Vec<u8>) -> Result<(), String> {
    let before = found.len();
    match codec {
        0 => blosclz(stream, wanted, found)?,
        1 => found.extend(lz4_flex::block::decompress(stream, wanted).map_err(|error| error.to_string())?),
        3 => {
            use std::io::Read as _;
            let decoder = flate2::read::ZlibDecoder::new(stream);
            decoder.take(wanted as u64).read_to_end(found).map_err(|error| error.to_string())?;
        }
        4 => found.extend(zstd::bulk::decompress(stream, wanted).map_err(|error| error.to_string())?),
        other => return Err(format!("Blosc's codec {other} is not read")),
    }
    match found.len() - before {
        count if count == wanted => Ok(()),
        count => Err(format!("a Blosc stream gives {count} bytes, {wanted} promised")),
    }
}

/// Puts the bytes of each element together again; bytes behind the last whole element stay where they are.
pub(super) fn unshuffle(shuffled: &[u8], element: usize, found: &mut Vec<u8>) {
    let count = shuffled.len() / element;
    let start = found.len();
    found.resize(start + shuffled.len(), 0);
    let Some(target) = found.get_mut(start..) else { return };
    for byte in 0..element {
        let source = shuffled.get(byte * count..(byte + 1) * count).unwrap_or_default();
        for (place, value) in target.iter_mut().skip(byte).step_by(element).zip(source) {
            *place = *value;
        }
    }
    let whole = element * count;
    if let (Some(target), Some(tail)) = (target.get_mut(whole..), shuffled.get(whole..)) {
        target.copy_from_slice(tail);
    }
}

/// BloscLZ, a relative of FastLZ: literals and copies of what came before.
fn blosclz(stream: &[u8], wanted: usize, found: &mut Vec<u8>) -> Result<(), String> {
    let cut = || "a BloscLZ stream is cut off".to_owned();
    let start = found.len();
    let mut rest = stream;
    let next = |rest: &mut &[u8]| -> Result<usize, String> {
        let (first, after) = rest.split_first().ok_or_else(cut)?;
        *rest = after;
        Ok(usize::from(*first))
    };
    let mut control = next(&mut rest)? & 31;
    loop {
        if control >= 32 {
            let mut length = (control >> 5) - 1;
            let high = (control & 31) << 8;
            if length == 6 {
                loop {
                    let more = next(&mut rest)?;
                    length += more;
                    if more != 255 {
                        break;
                    }
                }
            }
            let low = next(&mut rest)?;
            length += 3;
            let distance = if low == 255 && high == 31 << 8 {
                (next(&mut rest)? << 8) + next(&mut rest)? + FAR + 1
            } else {
                high + low + 1
            };
            let from = found.len().checked_sub(distance).filter(|from| *from >= start);
            let from = from.ok_or("a BloscLZ copy reaches before its stream")?;
            if found.len() - start + length > wanted {
                return Err("a BloscLZ stream gives more than promised".into());
            }
            for at in from..from + length {
                let byte = found.get(at).copied().unwrap_or(0);
                found.push(byte);
            }
        } else {
            let literal = rest.get(..control + 1).ok_or_else(cut)?;
            if found.len() - start + literal.len() > wanted {
                return Err("a BloscLZ stream gives more than promised".into());
            }
            found.extend_from_slice(literal);
            rest = rest.get(control + 1..).unwrap_or_default();
        }
        match rest.split_first() {
            Some((first, after)) => {
                control = usize::from(*first);
                rest = after;
            }
            None => return Ok(()),
        }
    }
}
