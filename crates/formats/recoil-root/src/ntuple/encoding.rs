//! How a column packs its elements into the bytes of a page.

use super::convert::append_as;
use crate::{
    bytes::Read,
    column::{Prim, Values},
    error::Fault,
};

/// Elements are laid out as this says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Encoding {
    /// Little-endian values, end to end.
    Plain(Prim),
    /// First bytes of all elements, then second bytes, and so on; signed integers are zigzag-encoded too.
    Split(Prim),
    /// Truth values, eight per byte, lowest bit first.
    Bits,
    /// Half-precision floats.
    Half { split: bool },
    /// Ends of collections, counted from the begin of the cluster; `delta` against the element before.
    Index { wide: bool, delta: bool },
    /// The most significant bits of single-precision floats.
    Truncated { bits: u32 },
    /// Integers of some bits that divide the range `min..=max`.
    Quantised { bits: u32, min: f64, max: f64 },
}

impl Encoding {
    /// From the numbers in the description of a column; the error tells what is not known.
    pub fn of(kind: u16, bits: u16, range: Option<(f64, f64)>) -> Result<Self, String> {
        use Prim::{F32, F64, I8, I16, I32, I64, U8, U16, U32, U64};
        let encoding = match kind {
            0x00 => Self::Bits,
            0x01 | 0x02 | 0x04 => Self::Plain(U8),
            0x03 => Self::Plain(I8),
            0x05 => Self::Plain(I16),
            0x06 => Self::Plain(U16),
            0x07 => Self::Plain(I32),
            0x08 => Self::Plain(U32),
            0x09 => Self::Plain(I64),
            0x0a => Self::Plain(U64),
            0x0b => Self::Half { split: false },
            0x0c => Self::Plain(F32),
            0x0d => Self::Plain(F64),
            0x0e => Self::Index { wide: false, delta: false },
            0x0f => Self::Index { wide: true, delta: false },
            0x10 => return Err("a switch between alternatives".into()),
            0x11 => Self::Split(I16),
            0x12 => Self::Split(U16),
            0x13 => Self::Split(I32),
            0x14 => Self::Split(U32),
            0x15 => Self::Split(I64),
            0x16 => Self::Split(U64),
            0x17 => Self::Half { split: true },
            0x18 => Self::Split(F32),
            0x19 => Self::Split(F64),
            0x1a => Self::Index { wide: false, delta: true },
            0x1b => Self::Index { wide: true, delta: true },
            0x1c if (10..=31).contains(&bits) => Self::Truncated { bits: bits.into() },
            0x1d if (1..=32).contains(&bits) => {
                let (min, max) = range.ok_or("quantised numbers without a range")?;
                Self::Quantised { bits: bits.into(), min, max }
            }
            _ => return Err(format!("a column of type {kind:#04x} with {bits} bits")),
        };
        if encoding.bits() == u32::from(bits) {
            Ok(encoding)
        } else {
            Err(format!("a column of type {kind:#04x} with {bits} bits"))
        }
    }

    /// Bits of one element in a page.
    fn bits(self) -> u32 {
        match self {
            Self::Plain(prim) | Self::Split(prim) => prim.size() as u32 * 8,
            Self::Bits => 1,
            Self::Half { .. } => 16,
            Self::Index { wide, .. } => {
                if wide {
                    64
                } else {
                    32
                }
            }
            Self::Truncated { bits } | Self::Quantised { bits, .. } => bits,
        }
    }

    /// Type of the elements as they are stored.
    pub fn prim(self) -> Prim {
        match self {
            Self::Plain(prim) | Self::Split(prim) => prim,
            Self::Bits => Prim::Bool,
            Self::Half { .. } | Self::Truncated { .. } | Self::Quantised { .. } => Prim::F32,
            Self::Index { .. } => Prim::U64,
        }
    }

    /// Whether the elements are ends of collections.
    pub fn is_index(self) -> bool {
        matches!(self, Self::Index { .. })
    }

    /// Puts the elements `from..to` of a page of `elements` behind `out`, converted to its type.
    pub fn decode(self, page: &[u8], elements: usize, from: usize, to: usize, out: &mut Values) -> Read<()> {
        let wanted = out.prim();
        let exact = match self {
            // computed in double precision, then rounded once
            Self::Quantised { .. } => matches!(wanted, Prim::F32 | Prim::F64),
            _ => self.prim() == wanted,
        };
        let span = Span { page, elements, from, to };
        if exact {
            return self.append(&span, out);
        }
        let mut stored = Values::with_capacity(self.prim(), to.saturating_sub(from));
        self.append(&span, &mut stored)?;
        if append_as(&stored, out) {
            Ok(())
        } else {
            Err(Fault::bad(0, format!("{} cannot be read as {wanted}", self.prim())))
        }
    }

    fn append(self, span: &Span<'_>, out: &mut Values) -> Read<()> {
        match (self, out) {
            (Self::Bits, Values::Bool(out)) => span.bits(out),
            (Self::Half { split }, Values::F32(out)) => span.words(split, u16::from_le_bytes, half, out),
            (Self::Index { wide: true, delta: false }, Values::U64(out)) => {
                span.words(false, u64::from_le_bytes, |x| x, out)
            }
            (Self::Index { wide: false, delta: false }, Values::U64(out)) => {
                span.words(false, u32::from_le_bytes, u64::from, out)
            }
            (Self::Index { wide, delta: true }, Values::U64(out)) => {
                let begin = out.len();
                let whole = Span { from: 0, ..*span };
                if wide {
                    whole.words(true, u64::from_le_bytes, |x| x, out)?;
                } else {
                    whole.words(true, u32::from_le_bytes, u64::from, out)?;
                }
                let mut end = 0_u64;
                for value in out.iter_mut().skip(begin) {
                    end = end.wrapping_add(*value);
                    *value = end;
                }
                out.drain(begin..begin + span.from);
                Ok(())
            }
            (Self::Truncated { bits }, Values::F32(out)) => {
                span.packed(bits, |word| f32::from_bits(word << (32 - bits)), out)
            }
            (Self::Quantised { bits, min, max }, out) => {
                let step = (max - min) / ((1_u64 << bits) - 1) as f64;
                let value = |word: u32| f64::from(word) * step + min;
                match out {
                    Values::F32(out) => span.packed(bits, |word| value(word) as f32, out),
                    Values::F64(out) => span.packed(bits, value, out),
                    _ => Ok(()),
                }
            }
            (Self::Plain(_), Values::Bool(_)) | (Self::Split(_), Values::Bool(_)) => Ok(()),
            (Self::Plain(_) | Self::Split(_), out) => {
                let split = matches!(self, Self::Split(_));
                match out {
                    Values::I8(out) => span.words(false, i8::from_le_bytes, |x| x, out),
                    Values::U8(out) => span.words(false, u8::from_le_bytes, |x| x, out),
                    Values::I16(out) if split => span.words(true, u16::from_le_bytes, zigzag16, out),
                    Values::I32(out) if split => span.words(true, u32::from_le_bytes, zigzag32, out),
                    Values::I64(out) if split => span.words(true, u64::from_le_bytes, zigzag64, out),
                    Values::I16(out) => span.words(false, i16::from_le_bytes, |x| x, out),
                    Values::I32(out) => span.words(false, i32::from_le_bytes, |x| x, out),
                    Values::I64(out) => span.words(false, i64::from_le_bytes, |x| x, out),
                    Values::U16(out) => span.words(split, u16::from_le_bytes, |x| x, out),
                    Values::U32(out) => span.words(split, u32::from_le_bytes, |x| x, out),
                    Values::U64(out) => span.words(split, u64::from_le_bytes, |x| x, out),
                    Values::F32(out) => span.words(split, u32::from_le_bytes, f32::from_bits, out),
                    Values::F64(out) => span.words(split, u64::from_le_bytes, f64::from_bits, out),
                    Values::Bool(_) => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }
}

fn zigzag16(x: u16) -> i16 {
    ((x >> 1) ^ (x & 1).wrapping_neg()).cast_signed()
}

fn zigzag32(x: u32) -> i32 {
    ((x >> 1) ^ (x & 1).wrapping_neg()).cast_signed()
}

fn zigzag64(x: u64) -> i64 {
    ((x >> 1) ^ (x & 1).wrapping_neg()).cast_signed()
}

/// The single-precision value of a half-precision float (IEEE 754 binary16).
fn half(bits: u16) -> f32 {
    let sign = u32::from(bits >> 15) << 31;
    let (exponent, mantissa) = (u32::from(bits >> 10 & 0x1f), u32::from(bits & 0x3ff));
    let magnitude = match exponent {
        // a multiple of the smallest half, 2^-24
        0 => (mantissa as f32 * f32::from_bits(0x3380_0000)).to_bits(),
        0x1f => 0x7f80_0000 | mantissa << 13,
        _ => (exponent + 112) << 23 | mantissa << 13,
    };
    f32::from_bits(sign | magnitude)
}

/// Elements `from..to` of a page of `elements`.
#[derive(Debug, Clone, Copy)]
struct Span<'a> {
    page: &'a [u8],
    elements: usize,
    from: usize,
    to: usize,
}

impl<'a> Span<'a> {
    /// Bytes `from..to` of the page.
    fn bytes(&self, from: usize, to: usize) -> Read<&'a [u8]> {
        let short = Fault::Short { at: from, need: to.saturating_sub(from), len: self.page.len() };
        self.page.get(from..to).ok_or(short)
    }

    /// Elements of `W` bytes, one after another or split by bytes.
    fn words<const W: usize, R: Copy, T>(
        &self,
        split: bool,
        join: impl Fn([u8; W]) -> R,
        value: impl Fn(R) -> T,
        out: &mut Vec<T>,
    ) -> Read<()> {
        if !split {
            let (words, _) = self.bytes(self.from * W, self.to * W)?.as_chunks::<W>();
            out.extend(words.iter().map(|word| value(join(*word))));
            return Ok(());
        }
        // gathered block by block, so that the planes are read in order and the words stay in the nearest cache
        const BLOCK: usize = 256;
        let mut block = [[0_u8; W]; BLOCK];
        let mut from = self.from;
        while from < self.to {
            let to = self.to.min(from + BLOCK);
            for plane in 0..W {
                let bytes = self.bytes(plane * self.elements + from, plane * self.elements + to)?;
                for (word, byte) in block.iter_mut().zip(bytes) {
                    if let Some(place) = word.get_mut(plane) {
                        *place = *byte;
                    }
                }
            }
            out.extend(block.iter().take(to - from).map(|word| value(join(*word))));
            from = to;
        }
        Ok(())
    }

    fn bits(&self, out: &mut Vec<bool>) -> Read<()> {
        let bytes = self.bytes(self.from / 8, self.to.div_ceil(8))?;
        let first = self.from % 8;
        let bits = bytes.iter().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1 == 1));
        out.extend(bits.skip(first).take(self.to - self.from));
        Ok(())
    }

    /// Elements of `bits` bits (up to 32), lowest bits first, without gaps.
    fn packed<T>(&self, bits: u32, value: impl Fn(u32) -> T, out: &mut Vec<T>) -> Read<()> {
        let width = bits as usize;
        self.bytes(0, (self.to * width).div_ceil(8))?;
        let mask = (1_u64 << bits) - 1;
        out.extend((self.from..self.to).map(|i| {
            let bit = i * width;
            let bytes = self.page.get(bit / 8..).unwrap_or(&[]);
            let word = match bytes.first_chunk::<8>() {
                Some(eight) => u64::from_le_bytes(*eight),
                None => bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
            };
            value((word >> (bit % 8) & mask) as u32)
        }));
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn decoded(encoding: Encoding, prim: Prim, page: &[u8], n: usize, from: usize, to: usize) -> Values {
        let mut out = Values::with_capacity(prim, 0);
        encoding.decode(page, n, from, to, &mut out).unwrap();
        out
    }

    #[test]
    fn split_bytes_and_zigzag() {
        // 0, -1, 1, -2 become 0, 1, 2, 3; low bytes first
        let page = [0, 1, 2, 3, 0, 0, 0, 0];
        assert_eq!(decoded(Encoding::Split(Prim::I16), Prim::I16, &page, 4, 0, 4), vec![0_i16, -1, 1, -2].into());
        assert_eq!(decoded(Encoding::Split(Prim::I16), Prim::I64, &page, 4, 1, 3), vec![-1_i64, 1].into());
        let values: Vec<f64> = (0..1000).map(|i| f64::from(i) * 0.1 - 3.0).collect();
        let page: Vec<u8> = (0..8).flat_map(|plane| values.iter().map(move |v| v.to_le_bytes()[plane])).collect();
        assert_eq!(decoded(Encoding::Split(Prim::F64), Prim::F64, &page, 1000, 0, 1000), values.clone().into());
        assert_eq!(
            decoded(Encoding::Split(Prim::F64), Prim::F64, &page, 1000, 300, 901),
            values[300..901].to_vec().into()
        );
    }

    #[test]
    fn ends_are_sums_from_the_begin_of_the_page() {
        let page = [3, 0, 2, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let index = Encoding::Index { wide: false, delta: true };
        assert_eq!(decoded(index, Prim::U64, &page, 4, 0, 4), vec![3_u64, 3, 5, 12].into());
        assert_eq!(decoded(index, Prim::U64, &page, 4, 2, 3), vec![5_u64].into());
    }

    #[test]
    fn bits_of_truth_and_packed_floats() {
        assert_eq!(decoded(Encoding::Bits, Prim::Bool, &[0b1010_0101, 0b1], 9, 6, 9), vec![false, true, true].into());
        // 1.5 and -2 with 12 bits: 0x3fc and 0xc00
        let page = [0xfc, 0x03, 0xc0];
        let truncated = Encoding::Truncated { bits: 12 };
        assert_eq!(decoded(truncated, Prim::F32, &page, 2, 0, 2), vec![1.5_f32, -2.0].into());
        assert_eq!(decoded(truncated, Prim::F64, &page, 2, 1, 2), vec![-2.0_f64].into());
        let quantised = Encoding::Quantised { bits: 2, min: -1.0, max: 2.0 };
        assert_eq!(decoded(quantised, Prim::F64, &[0b1110_0100], 4, 0, 4), vec![-1.0, 0.0, 1.0, 2.0].into());
        let wide = Encoding::Quantised { bits: 32, min: 0.0, max: f64::from(u32::MAX) };
        assert_eq!(
            decoded(wide, Prim::F64, &[1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff], 2, 0, 2),
            vec![1.0, 4_294_967_295.0].into()
        );
    }

    #[test]
    fn halves() {
        for (bits, value) in [(0, 0.0), (0x3c00, 1.0), (0xc000, -2.0), (0x7bff, 65504.0), (1, 5.960_464_5e-8)] {
            assert_eq!(half(bits), value);
        }
        assert!(half(0x7e00).is_nan() && half(0xfc00) == f32::NEG_INFINITY);
    }

    #[test]
    fn a_page_that_is_too_short_is_refused() {
        let mut out = Values::with_capacity(Prim::F32, 0);
        for encoding in [Encoding::Plain(Prim::F32), Encoding::Split(Prim::F32), Encoding::Truncated { bits: 31 }] {
            assert!(encoding.decode(&[0; 11], 3, 0, 3, &mut out).is_err());
        }
    }
}
