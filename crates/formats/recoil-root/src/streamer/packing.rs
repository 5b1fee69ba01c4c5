//! `Float16_t` and `Double32_t`: reals stored in fewer bits.
//!
//! A range `[low, high, bits]` in the comment of the member or the title of the leaf selects the packing, as ROOT's
//! `TBuffer::ReadFloat16` documents: an integer scaled to the range, a truncated float (8-bit exponent, `bits` bits of
//! mantissa), or, for `Double32_t` without a range, a plain float.

use crate::column::Prim;

/// How a packed real lies in the file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Packing {
    /// A big-endian float.
    Float,
    /// One byte of exponent, two of mantissa and sign.
    Truncated {
        /// Bits of mantissa.
        bits: u32,
    },
    /// A big-endian 32-bit integer times `step` plus `low`.
    Scaled { low: f64, step: f64 },
}

/// Packed real type of the file and of memory.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Packed {
    pub packing: Packing,
    pub double: bool,
}

impl Packed {
    /// Packing that the title `title` asks of a `Float16_t` (or `Double32_t` where `double`).
    pub fn of(title: &str, double: bool) -> Self {
        let packing = match range(title) {
            None if double => Packing::Float,
            None => Packing::Truncated { bits: 12 },
            Some((low, high, bits)) => {
                let bits = if (2..=32).contains(&bits) { bits } else { 32 };
                if low == 0.0 && high == 0.0 {
                    Packing::Truncated { bits }
                } else {
                    Packing::Scaled { low, step: (high - low) / (1_u64 << bits) as f64 }
                }
            }
        };
        Self { packing, double }
    }

    /// Bytes of one value in the file.
    pub fn size(self) -> usize {
        if matches!(self.packing, Packing::Truncated { .. }) { 3 } else { 4 }
    }

    /// Type in memory.
    pub fn prim(self) -> Prim {
        if self.double { Prim::F64 } else { Prim::F32 }
    }
}

impl Packing {
    /// The value of [`Packed::size`] bytes.
    pub fn value(self, bytes: &[u8]) -> f64 {
        match (self, bytes) {
            (Self::Float, &[a, b, c, d, ..]) => f64::from(f32::from_be_bytes([a, b, c, d])),
            (Self::Scaled { low, step }, &[a, b, c, d, ..]) => f64::from(u32::from_be_bytes([a, b, c, d])) * step + low,
            (Self::Truncated { bits }, &[exponent, high, low, ..]) => {
                let stored = u32::from(u16::from_be_bytes([high, low]));
                let mantissa = stored & ((1_u32 << (bits + 1).min(31)) - 1);
                let word = (u32::from(exponent) << 23) | mantissa.checked_shl(23_u32.saturating_sub(bits)).unwrap_or(0);
                let size = f64::from(f32::from_bits(word));
                if stored & (1_u32 << (bits + 1).min(31)) != 0 { -size } else { size }
            }
            _ => 0.0,
        }
    }
}

/// `low`, `high` and bits of the first bracket in a title that is such a range (others are array sizes).
///
/// With two numbers there are 32 bits. Numbers may be products and sums of numbers, `pi` and `twopi`.
fn range(title: &str) -> Option<(f64, f64, u32)> {
    title.split('[').skip(1).filter_map(|rest| rest.split_once(']')).find_map(|(inside, _)| {
        let parts: Vec<&str> = inside.split(',').collect();
        match parts.as_slice() {
            [low, high] => Some((sum(low)?, sum(high)?, 32)),
            [low, high, bits] => Some((sum(low)?, sum(high)?, bits.trim().parse().ok()?)),
            _ => None,
        }
    })
}

fn sum(text: &str) -> Option<f64> {
    let mut total = 0.0;
    let mut start = 0;
    let bytes = text.as_bytes();
    for at in 1..=text.len() {
        let sign = bytes.get(at).is_none_or(|b| matches!(b, b'+' | b'-'));
        let exponent = at >= 2
            && bytes.get(at - 1).is_some_and(|b| matches!(b, b'e' | b'E'))
            && bytes.get(at - 2).is_some_and(|b| b.is_ascii_digit() || *b == b'.');
        let leading = text.get(start..at).is_some_and(|part| part.trim().is_empty());
        if sign && !exponent && !leading {
            total += product(text.get(start..at)?)?;
            start = at;
        }
    }
    (start == text.len() && start > 0).then_some(total)
}

fn product(text: &str) -> Option<f64> {
    let mut value = 1.0;
    let mut divide = false;
    for (i, part) in text.split_inclusive(['*', '/']).enumerate() {
        let (number, operator) = match part.strip_suffix(['*', '/']) {
            Some(number) => (number, part.as_bytes().last().copied()),
            None => (part, None),
        };
        let number = factor(number.trim())?;
        value = if i == 0 {
            number
        } else if divide {
            value / number
        } else {
            value * number
        };
        divide = operator == Some(b'/');
    }
    Some(value)
}

fn factor(text: &str) -> Option<f64> {
    if let Some(rest) = text.strip_prefix('-') {
        return factor(rest.trim()).map(|x| -x);
    }
    let text = text.strip_prefix('+').unwrap_or(text).trim();
    match text.to_ascii_lowercase().as_str() {
        "pi" => Some(std::f64::consts::PI),
        "twopi" => Some(std::f64::consts::TAU),
        _ => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_titles() {
        assert_eq!(range("energy [0,0,10]"), Some((0.0, 0.0, 10)));
        assert_eq!(range("phi [-pi, pi/2, 16] angle"), Some((-std::f64::consts::PI, std::f64::consts::FRAC_PI_2, 16)));
        assert_eq!(range("x [-1e2, 2*3+1]"), Some((-100.0, 7.0, 32)));
        assert_eq!(range("[fN]"), None);
        assert_eq!(range("x [n][3]"), None);
        assert_eq!(range("x[n]/d[0,1,12]"), Some((0.0, 1.0, 12)));
    }

    #[test]
    fn values_by_hand() {
        let truncated = Packed::of("", false);
        assert_eq!(truncated.size(), 3);
        // exponent 127, mantissa 0x800 of 12 bits: 1.5; with the sign bit 13: -1.5
        assert_eq!(truncated.packing.value(&[127, 0x08, 0]), 1.5);
        assert_eq!(truncated.packing.value(&[127, 0x28, 0]), -1.5);
        let scaled = Packed::of("[0,16,4]", true);
        assert_eq!(scaled.packing.value(&[0, 0, 0, 5]), 5.0);
        assert_eq!(Packed::of("", true).packing, Packing::Float);
    }
}
