//! Writing objects.

use std::io::Write;
use std::path::Path;

use crate::error::{Error, Result};
use crate::header::{Header, SYNC};

/// Level of compression of zstd files.
const ZSTD_LEVEL: i32 = 3;

/// The content of an object in the making.
#[derive(Clone, Debug, Default)]
pub struct Content {
    bytes: Vec<u8>,
}

macro_rules! plain {
    ($($name:ident: $type:ty),*) => {
        $(
            #[doc = concat!("Appends one `", stringify!($type), "`.")]
            pub fn $name(&mut self, value: $type) -> &mut Self {
                self.bytes.extend(value.to_le_bytes());
                self
            }
        )*
    };
}

impl Content {
    /// No content.
    pub fn new() -> Self {
        Self::default()
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    plain!(u8: u8, i16: i16, u16: u16, i32: i32, f32: f32, f64: f64);

    /// Appends numbers of single precision.
    pub fn f32s(&mut self, values: &[f32]) -> &mut Self {
        for value in values {
            self.f32(*value);
        }
        self
    }

    /// Appends whole numbers of 32 bits.
    pub fn i32s(&mut self, values: &[i32]) -> &mut Self {
        for value in values {
            self.i32(*value);
        }
        self
    }

    /// Appends a number in half precision: rounded to nearest, too large ones become infinite.
    pub fn f16(&mut self, value: f32) -> &mut Self {
        self.u16(half_of_single(value))
    }

    /// Appends an unsigned number of variable length.
    pub fn varuint(&mut self, value: u64) -> &mut Self {
        let bits = 64 - value.leading_zeros();
        // n extra bytes leave 7 - n bits of the first
        let more = (0..8u32).find(|more| bits <= 7 * (more + 1)).unwrap_or(8);
        let ones = if more == 0 { 0 } else { !(0xffu8.checked_shr(more).unwrap_or(0)) };
        let bytes = value.to_be_bytes();
        let (_, low) = bytes.split_at(8 - more as usize);
        let head = if more < 7 { (value >> (8 * more)) as u8 } else { 0 };
        self.bytes.push(ones | head);
        self.bytes.extend(low);
        self
    }

    /// Appends a signed number of variable length.
    pub fn varint(&mut self, value: i64) -> &mut Self {
        let unsigned = if value < 0 { (-(value + 1)).cast_unsigned() << 1 | 1 } else { value.cast_unsigned() << 1 };
        self.varuint(unsigned)
    }

    /// Appends rows of `length` values as differences, each row from 0.
    pub fn differences(&mut self, length: usize, values: &[u16]) -> &mut Self {
        for row in values.chunks(length.max(1)) {
            let mut last = 0;
            for value in row {
                self.varint(i64::from(*value) - last);
                last = i64::from(*value);
            }
        }
        self
    }

    /// Appends a text with its length in 16 bits, cut to what that can tell.
    pub fn string(&mut self, text: &str) -> &mut Self {
        let bytes = text.as_bytes().get(..text.len().min(i16::MAX as usize)).unwrap_or_default();
        self.i16(bytes.len() as i16).bytes.extend(bytes);
        self
    }

    /// Appends a text with its length as a number of variable length.
    pub fn var_string(&mut self, text: &str) -> &mut Self {
        self.varuint(text.len() as u64).bytes.extend(text.as_bytes());
        self
    }

    /// Appends a time: seconds and nanoseconds.
    pub fn time(&mut self, (seconds, nanoseconds): (i32, i32)) -> &mut Self {
        self.i32(seconds).i32(nanoseconds)
    }

    /// Appends bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend(bytes);
        self
    }

    /// Appends an object with a content of values.
    pub fn object(&mut self, kind: u16, version: u16, id: i32, content: &Content) -> &mut Self {
        let header = Header::new(kind, version, id, content.bytes.len() as u64);
        self.raw(&header.to_bytes()).raw(&content.bytes)
    }

    /// Appends an object that consists of objects.
    pub fn container(&mut self, kind: u16, version: u16, id: i32, content: &Content) -> &mut Self {
        let header = Header::new(kind, version, id, content.bytes.len() as u64);
        let header = Header { only_objects: true, ..header };
        self.raw(&header.to_bytes()).raw(&content.bytes)
    }
}

/// Where a [`Writer`]'s bytes go.
enum Sink {
    Plain(std::io::BufWriter<std::fs::File>),
    Gzip(flate2::write::GzEncoder<std::io::BufWriter<std::fs::File>>),
    Zstd(zstd::stream::write::Encoder<'static, std::io::BufWriter<std::fs::File>>),
}

/// Writes top-level objects to a file.
pub struct Writer {
    name: String,
    sink: Sink,
}

impl Writer {
    /// Creates a file; names that end in `.gz` or `.zst` are compressed.
    ///
    /// # Errors
    /// A file that cannot be created.
    pub fn create(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let io = |source| Error::Io { file: name.clone(), source };
        let file = std::io::BufWriter::with_capacity(1 << 17, std::fs::File::create(path).map_err(io)?);
        let sink = match path.extension().and_then(|extension| extension.to_str()) {
            Some("gz") => Sink::Gzip(flate2::GzBuilder::new().mtime(0).write(file, flate2::Compression::new(6))),
            Some("zst") => Sink::Zstd(zstd::stream::write::Encoder::new(file, ZSTD_LEVEL).map_err(io)?),
            _ => Sink::Plain(file),
        };
        Ok(Self { name, sink })
    }

    /// Writes an object with a content of values.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn object(&mut self, kind: u16, version: u16, id: i32, content: &Content) -> Result<()> {
        self.write(Header::new(kind, version, id, content.bytes.len() as u64), content)
    }

    /// Writes an object that consists of objects.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn container(&mut self, kind: u16, version: u16, id: i32, content: &Content) -> Result<()> {
        let header = Header::new(kind, version, id, content.bytes.len() as u64);
        self.write(Header { only_objects: true, ..header }, content)
    }

    fn write(&mut self, header: Header, content: &Content) -> Result<()> {
        let sink: &mut dyn Write = match &mut self.sink {
            Sink::Plain(sink) => sink,
            Sink::Gzip(sink) => sink,
            Sink::Zstd(sink) => sink,
        };
        let written = sink
            .write_all(&SYNC)
            .and_then(|()| sink.write_all(&header.to_bytes()))
            .and_then(|()| sink.write_all(&content.bytes));
        written.map_err(|source| Error::Io { file: self.name.clone(), source })
    }

    /// Completes the file.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn finish(self) -> Result<()> {
        let done = match self.sink {
            Sink::Plain(mut sink) => sink.flush(),
            Sink::Gzip(sink) => sink.finish().and_then(|mut sink| sink.flush()),
            Sink::Zstd(sink) => sink.finish().and_then(|mut sink| sink.flush()),
        };
        done.map_err(|source| Error::Io { file: self.name, source })
    }
}

fn half_of_single(value: f32) -> u16 {
    let sign = if value.is_sign_negative() { 0x8000 } else { 0 };
    let size = value.abs();
    if size.is_nan() {
        return 0x7e00;
    }
    if size >= 65520.0 {
        return sign | 0x7c00;
    }
    // the exponent of the last bit; numbers below the normal range share the smallest
    let exponent = if size < 2f32.powi(-14) { -24 } else { size.log2().floor() as i32 - 10 };
    let steps = (f64::from(size) * 2f64.powi(-exponent)).round_ties_even() as u16;
    if exponent == -24 && steps < 1024 {
        return sign | steps;
    }
    // a step more than the largest fraction is the next exponent, which the sum below gives by itself
    sign | (((exponent + 25) as u16) << 10).wrapping_add(steps.wrapping_sub(1024))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::bytes::Bytes;

    #[test]
    fn half_precision_round_trips() {
        for bits in (0u16..0x7c00).chain(0x8000..0xfc00) {
            let mut content = Content::new();
            content.u16(bits);
            let value = Bytes::new(content.as_bytes(), 0).f16s(1).unwrap();
            assert_eq!(half_of_single(value[0]), bits, "{value:?}");
        }
        assert_eq!(half_of_single(1e6), 0x7c00);
        assert_eq!(half_of_single(2047.9 * 2f32.powi(-10)), 0x4000);
    }

    #[test]
    fn numbers_of_variable_length_take_the_fewest_bytes() {
        for (value, length) in [(0, 1), (127, 1), (128, 2), (16383, 2), (16384, 3), (u64::MAX >> 8, 8), (u64::MAX, 9)] {
            let mut content = Content::new();
            content.varuint(value);
            assert_eq!(content.as_bytes().len(), length, "{value}");
            assert_eq!(Bytes::new(content.as_bytes(), 0).varuint(), Ok(value));
        }
    }
}
