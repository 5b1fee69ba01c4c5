//! Rows of a data set as the bytes that are stored, also of data sets packed by Blosc.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use hdf5_pure::{Chunk, Dataset};

use super::{blosc, failed, malformed};
use crate::error::{Error, Result};

const SHUFFLE: u16 = 2;
const FLETCHER32: u16 = 3;
const DEFLATE: u16 = 1;
/// Longest chunk that is believed.
const LONGEST_CHUNK: u64 = 1 << 30;

/// Reads rows (values of the first axis) of a data set as bytes.
pub struct RowReader {
    place: String,
    dataset: Dataset,
    row_bytes: usize,
    rows: u64,
    packed: Option<Packed>,
}

/// A data set of which the library cannot undo the packing.
pub(super) struct Packed {
    file: File,
    chunks: Vec<Chunk>,
    filters: Vec<(u16, Vec<u32>)>,
    chunk_rows: u64,
    last: Option<(u64, Vec<u8>)>,
}

impl RowReader {
    /// Rows of `dataset`, which belongs to the file at `path`; `place` is what errors name.
    pub fn new(path: &Path, place: &str, dataset: Dataset) -> Result<Self> {
        let wrong = |error| failed(place, &error);
        let shape = dataset.shape().map_err(wrong)?;
        let size = dataset.element_size().map_err(wrong)?;
        let inner = shape.iter().skip(1).try_fold(size, |bytes: u64, axis| bytes.checked_mul(*axis));
        let row_bytes = inner.and_then(|bytes| usize::try_from(bytes).ok()).filter(|bytes| *bytes < 1 << 40);
        let row_bytes = row_bytes.ok_or_else(|| malformed(place, "a row beyond all memory"))?;
        let rows = shape.first().copied().unwrap_or(1);
        let packed = Packed::of(path, place, &dataset, row_bytes)?;
        Ok(Self { place: place.to_owned(), dataset, row_bytes, rows, packed })
    }

    /// Number of rows.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Bytes of a row.
    pub fn row_bytes(&self) -> usize {
        self.row_bytes
    }

    /// The bytes of `count` rows from row `start` on.
    pub fn read(&mut self, start: u64, count: u64) -> Result<Vec<u8>> {
        let wanted = usize::try_from(count).unwrap_or(usize::MAX).saturating_mul(self.row_bytes);
        let bytes = match &mut self.packed {
            Some(packed) => packed.read(&self.place, start, count, self.row_bytes)?,
            None => self.dataset.read_raw_rows(start, count).map_err(|error| failed(&self.place, &error))?,
        };
        if bytes.len() != wanted {
            let message =
                format!("{} bytes of {count} rows are there, {} per row promised", bytes.len(), self.row_bytes);
            return Err(malformed(&self.place, message));
        }
        Ok(bytes)
    }
}

impl Packed {
    /// A data set packed by Blosc; `None` for all others.
    pub fn of(path: &Path, place: &str, dataset: &Dataset, row_bytes: usize) -> Result<Option<Self>> {
        if !dataset.filters().contains(&blosc::FILTER) {
            return Ok(None);
        }
        let wrong = |error| failed(place, &error);
        let shape = dataset.shape().map_err(wrong)?;
        let chunk = dataset.chunk_shape().map_err(wrong)?.unwrap_or_default();
        let chunk_rows = chunk.first().copied().unwrap_or(0);
        let whole = chunk.get(1..) == shape.get(1..) && chunk_rows > 0;
        if !whole || chunk_rows.saturating_mul(row_bytes as u64) > LONGEST_CHUNK {
            let message = format!("chunks of shape {chunk:?} packed by Blosc are not read");
            return Err(Error::Unsupported { file: place.to_owned(), message });
        }
        let filters = dataset.filter_pipeline().into_iter().map(|filter| (filter.id, filter.client_data)).collect();
        let mut chunks = dataset.chunks().map_err(wrong)?;
        chunks.sort_by(|a, b| a.offset.cmp(&b.offset));
        let file = File::open(path).map_err(|error| Error::io(place, error))?;
        Ok(Some(Self { file, chunks, filters, chunk_rows, last: None }))
    }

    /// The bytes of `count` rows from row `start` on.
    pub fn read(&mut self, place: &str, start: u64, count: u64, row_bytes: usize) -> Result<Vec<u8>> {
        let mut found = Vec::new();
        let (mut row, end) = (start, start.saturating_add(count));
        while row < end {
            let number = row / self.chunk_rows;
            let first = number * self.chunk_rows;
            let until = end.min(first + self.chunk_rows);
            if self.last.as_ref().is_none_or(|(known, _)| *known != number) {
                self.last = Some((number, self.chunk(place, first, row_bytes)?));
            }
            let chunk = self.last.as_ref().map(|(_, chunk)| chunk.as_slice()).unwrap_or_default();
            let range = (row - first) as usize * row_bytes..(until - first) as usize * row_bytes;
            found.extend_from_slice(chunk.get(range).unwrap_or_default());
            row = until;
        }
        Ok(found)
    }

    /// The chunk that begins at row `first`.
    fn chunk(&mut self, place: &str, first: u64, row_bytes: usize) -> Result<Vec<u8>> {
        let wanted = self.chunk_rows as usize * row_bytes;
        let at = self.chunks.binary_search_by_key(&first, |chunk| chunk.offset.first().copied().unwrap_or(0));
        let Some(chunk) = at.ok().and_then(|at| self.chunks.get(at)) else {
            // a chunk that was never written holds zeros
            return Ok(vec![0; wanted]);
        };
        let io = |error| Error::io(place, error);
        self.file.seek(SeekFrom::Start(chunk.address)).map_err(io)?;
        let mut bytes = Vec::new();
        (&mut self.file).take(chunk.storage_size.min(LONGEST_CHUNK)).read_to_end(&mut bytes).map_err(io)?;
        for (number, (filter, data)) in self.filters.iter().enumerate().rev() {
            if chunk.filter_mask >> number & 1 == 1 {
                continue;
            }
            let undone = undo(*filter, data, bytes, wanted);
            bytes = undone.map_err(|why| malformed(place, format!("byte {}: {why}", chunk.address)))?;
        }
        Ok(bytes)
    }
}

fn undo(filter: u16, data: &[u32], bytes: Vec<u8>, wanted: usize) -> std::result::Result<Vec<u8>, String> {
    match filter {
        FLETCHER32 => {
            let (values, stored) = bytes.split_last_chunk::<4>().ok_or("a checksum is cut off")?;
            // a sum of 65535 may be written as 0, and old libraries turned the bytes around
            let same = |stored: u32| {
                [(16, 0), (0, 1)].iter().all(|(shift, part)| {
                    (stored >> shift & 0xffff) % 65535 == *fletcher32(values).get(*part).unwrap_or(&0)
                })
            };
            let stored = u32::from_le_bytes(*stored);
            let turned = (stored & 0x00ff_00ff) << 8 | (stored & 0xff00_ff00) >> 8;
            match same(stored) || same(turned) {
                true => Ok(values.to_vec()),
                false => Err("the checksum of a chunk is wrong".into()),
            }
        }
        blosc::FILTER => blosc::unpack(&bytes, wanted),
        SHUFFLE => {
            let mut found = Vec::with_capacity(bytes.len());
            blosc::unshuffle(&bytes, data.first().copied().unwrap_or(1).max(1) as usize, &mut found);
            Ok(found)
        }
        DEFLATE => {
            let mut found = Vec::new();
            let decoder = flate2::read::ZlibDecoder::new(bytes.as_slice());
            decoder.take(wanted as u64).read_to_end(&mut found).map_err(|error| error.to_string())?;
            Ok(found)
        }
        other => Err(format!("the HDF5 filter {other} together with Blosc is not read")),
    }
}

/// HDF5's checksum: Fletcher's with 32 bits over big-endian words; the upper and the lower half.
fn fletcher32(bytes: &[u8]) -> [u32; 2] {
    let (mut a, mut b) = (0u32, 0u32);
    let mut add = |word: u32| {
        a = (a + word) % 65535;
        b = (b + a) % 65535;
    };
    let (words, rest) = bytes.as_chunks::<2>();
    for [high, low] in words {
        add(u32::from(*high) << 8 | u32::from(*low));
    }
    if let [last] = rest {
        add(u32::from(*last) << 8);
    }
    [b, a]
}
