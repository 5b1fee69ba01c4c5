//! Reading values from the content of an object.

use crate::error::{Decoded, Fault};

/// A place in the content of an object. All numbers are little endian.
#[derive(Clone, Debug)]
pub struct Bytes<'a> {
    data: &'a [u8],
    at: usize,
    base: u64,
}

macro_rules! plain {
    ($($name:ident: $type:ty = $size:literal),*) => {
        $(
            #[doc = concat!("Reads one `", stringify!($type), "`.")]
            ///
            /// # Errors
            /// The end of the content.
            pub fn $name(&mut self) -> Decoded<$type> {
                self.array::<$size>().map(<$type>::from_le_bytes)
            }
        )*
    };
}

macro_rules! lists {
    ($($name:ident: $type:ty = $size:literal),*) => {
        $(
            #[doc = concat!("Reads `count` values of type `", stringify!($type), "`.")]
            ///
            /// # Errors
            /// The end of the content.
            pub fn $name(&mut self, count: usize) -> Decoded<Vec<$type>> {
                let bytes = self.take_many(count, $size)?;
                Ok(bytes.as_chunks::<$size>().0.iter().map(|word| <$type>::from_le_bytes(*word)).collect())
            }
        )*
    };
}

impl<'a> Bytes<'a> {
    /// The beginning of `data`, which lies at byte `base` of the file's content.
    pub fn new(data: &'a [u8], base: u64) -> Self {
        Self { data, at: 0, base }
    }

    /// Place in the file's content.
    pub fn position(&self) -> u64 {
        self.base + self.at as u64
    }

    /// What has not been read.
    pub fn rest(&self) -> &'a [u8] {
        self.data.get(self.at..).unwrap_or_default()
    }

    /// Whether everything has been read.
    pub fn is_empty(&self) -> bool {
        self.at >= self.data.len()
    }

    /// A fault at this place.
    pub fn fault(&self, reason: impl Into<String>) -> Fault {
        Fault::new(self.position(), reason)
    }

    /// Reads `count` bytes.
    ///
    /// # Errors
    /// The end of the content.
    pub fn take(&mut self, count: usize) -> Decoded<&'a [u8]> {
        let end = self.at.checked_add(count);
        let Some(bytes) = end.and_then(|end| self.data.get(self.at..end)) else {
            return Err(self.fault(format!("{count} bytes wanted, {} are left", self.rest().len())));
        };
        self.at += count;
        Ok(bytes)
    }

    fn take_many(&mut self, count: usize, size: usize) -> Decoded<&'a [u8]> {
        match count.checked_mul(size) {
            Some(bytes) => self.take(bytes),
            None => Err(self.fault(format!("{count} values wanted, {} bytes are left", self.rest().len()))),
        }
    }

    fn array<const N: usize>(&mut self) -> Decoded<[u8; N]> {
        let found = self.rest().first_chunk::<N>().copied();
        match found {
            Some(bytes) => {
                self.at += N;
                Ok(bytes)
            }
            None => Err(self.fault(format!("{N} bytes wanted, {} are left", self.rest().len()))),
        }
    }

    plain!(u8: u8 = 1, i16: i16 = 2, u16: u16 = 2, i32: i32 = 4, u32: u32 = 4, f32: f32 = 4, f64: f64 = 8);
    lists!(i16s: i16 = 2, u16s: u16 = 2, i32s: i32 = 4, f32s: f32 = 4, f64s: f64 = 8);

    /// Reads numbers of half precision.
    ///
    /// # Errors
    /// The end of the content.
    pub fn f16s(&mut self, count: usize) -> Decoded<Vec<f32>> {
        Ok(self.u16s(count)?.into_iter().map(single_of_half).collect())
    }

    /// Reads a count of things that take at least `size` bytes each.
    ///
    /// # Errors
    /// A negative count, or one that the rest of the content cannot hold.
    pub fn count(&self, count: impl Into<i64>, size: usize) -> Decoded<usize> {
        let count = count.into();
        let held = self.rest().len() / size.max(1);
        match usize::try_from(count) {
            Ok(count) if count <= held => Ok(count),
            _ => Err(self.fault(format!("a count of {count}, but {} bytes are left", self.rest().len()))),
        }
    }

    /// Reads an unsigned number of variable length: the leading ones of the first byte tell how many follow.
    ///
    /// # Errors
    /// The end of the content.
    pub fn varuint(&mut self) -> Decoded<u64> {
        let first = self.u8()?;
        let more = first.leading_ones() as usize;
        let mask = if more >= 7 { 0 } else { 0x7f >> more };
        let mut value = u64::from(first & mask);
        for byte in self.take(more)? {
            value = value << 8 | u64::from(*byte);
        }
        Ok(value)
    }

    /// Reads a signed number of variable length: the lowest bit is the sign.
    ///
    /// # Errors
    /// The end of the content.
    pub fn varint(&mut self) -> Decoded<i64> {
        self.varuint().map(signed)
    }

    /// Reads `count` signed numbers of variable length.
    ///
    /// # Errors
    /// The end of the content.
    pub fn varints(&mut self, count: usize) -> Decoded<Vec<i64>> {
        let count = self.count(count as i64, 1)?;
        (0..count).map(|_| self.varint()).collect()
    }

    /// Reads a text whose length stands in 16 bits.
    ///
    /// # Errors
    /// The end of the content.
    pub fn string(&mut self) -> Decoded<String> {
        let length = self.i16()?;
        let length = self.count(length, 1)?;
        self.take(length).map(text)
    }

    /// Reads a text whose length is a number of variable length.
    ///
    /// # Errors
    /// The end of the content.
    pub fn var_string(&mut self) -> Decoded<String> {
        let length = self.varuint()?;
        let length = self.count(i64::try_from(length).unwrap_or(i64::MAX), 1)?;
        self.take(length).map(text)
    }

    /// Reads a time: seconds and nanoseconds.
    ///
    /// # Errors
    /// The end of the content.
    pub fn time(&mut self) -> Decoded<(i32, i32)> {
        Ok((self.i32()?, self.i32()?))
    }

    /// Moves on to the place that `rest` says is left.
    pub(crate) fn advance_to(&mut self, rest: &[u8]) {
        self.at = self.data.len().saturating_sub(rest.len());
    }
}

/// The signed number in an unsigned one: 0, 1, 2, 3 are 0, -1, 1, -2.
#[inline]
pub fn signed(value: u64) -> i64 {
    let half = (value >> 1).cast_signed();
    if value & 1 == 1 { -half - 1 } else { half }
}

/// Bytes of a text: UTF-8, or Latin-1 if that is what they are not.
fn text(bytes: &[u8]) -> String {
    let trimmed = bytes.strip_suffix(&[0]).unwrap_or(bytes);
    match std::str::from_utf8(trimmed) {
        Ok(text) => text.to_owned(),
        Err(_) => trimmed.iter().map(|byte| char::from(*byte)).collect(),
    }
}

fn single_of_half(bits: u16) -> f32 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let exponent = i32::from(bits >> 10 & 0x1f);
    let fraction = f32::from(bits & 0x3ff);
    match exponent {
        0 => sign * fraction * 2f32.powi(-24),
        31 if fraction == 0.0 => sign * f32::INFINITY,
        31 => f32::NAN,
        _ => sign * (1024.0 + fraction) * 2f32.powi(exponent - 25),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::write::Content;
    use proptest::prelude::*;

    #[test]
    fn numbers_of_variable_length_by_hand() {
        let read = |bytes: &[u8]| Bytes::new(bytes, 0).varuint();
        assert_eq!(read(&[0x7f]), Ok(127));
        assert_eq!(read(&[0x80, 0x80]), Ok(128));
        assert_eq!(read(&[0xbf, 0xff]), Ok(16383));
        assert_eq!(read(&[0xc0, 0x40, 0x00]), Ok(16384));
        assert_eq!(read(&[0xff, 1, 2, 3, 4, 5, 6, 7, 8]), Ok(0x0102_0304_0506_0708));
        assert_eq!(read(&[0xc0, 0x40]).unwrap_err().reason, "2 bytes wanted, 1 are left");
        assert_eq!([0, 1, 2, 3, 4].map(signed), [0, -1, 1, -2, 2]);
    }

    #[test]
    fn half_precision_by_hand() {
        let halves =
            [(0x3c00, 1.0), (0xc000, -2.0), (0x7bff, 65504.0), (0x0001, 5.960_464_5e-8), (0x3555, 0.333_251_95)];
        for (bits, value) in halves {
            assert_eq!(single_of_half(bits), value);
        }
        assert!(single_of_half(0x7e00).is_nan());
    }

    #[test]
    fn counts_are_held_against_the_bytes() {
        let bytes = Bytes::new(&[0; 8], 100);
        assert_eq!(bytes.count(2, 4), Ok(2));
        assert_eq!(bytes.count(3, 4).unwrap_err().to_string(), "byte 100: a count of 3, but 8 bytes are left");
        assert!(bytes.count(-1, 4).is_err());
    }

    proptest! {
        #[test]
        fn numbers_of_variable_length_round_trip(value: i64, shift in 0u32..63) {
            let value = value >> shift;
            // one bit goes to the sign
            let value = value.clamp(i64::MIN / 2, i64::MAX / 2);
            let mut content = Content::new();
            content.varint(value);
            prop_assert_eq!(Bytes::new(content.as_bytes(), 0).varint(), Ok(value));
        }
    }
}
