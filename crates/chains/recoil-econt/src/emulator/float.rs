//! The compressed floating-point numbers of the front end.

/// An unsigned number format: a few exponent bits, a few mantissa bits, and low bits that are dropped first.
///
/// ```
/// use recoil_econt::emulator::float::{CompressedFloat, Fraction};
/// let roc = CompressedFloat::new(1, 4, 3);
/// assert_eq!(roc.encode(124), 0b0011_111);
/// assert_eq!(roc.decode(0b0011_111, Fraction::Middle), 124);
/// // an empty cell comes back with half of the dropped bit
/// assert_eq!(roc.decode(0, Fraction::Middle), 1);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompressedFloat {
    drop: u32,
    exponent_bits: u32,
    mantissa_bits: u32,
}

/// What stands for the bits that encoding has cut off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fraction {
    /// Half of the last kept bit: what the chip adds.
    #[default]
    Middle,
    /// Nothing.
    Edge,
    /// A quarter of the last kept bit.
    Quarter,
}

/// Charges that threshold sum, best choice and repeater send.
pub const CHARGE: CompressedFloat = CompressedFloat::new(0, 4, 3);
/// Module sums of threshold sum and best choice.
pub const MODULE_SUM: CompressedFloat = CompressedFloat::new(0, 5, 3);
/// Sums of super trigger cells with nine bits, and the module sum of the autoencoder.
pub const NINE_BITS: CompressedFloat = CompressedFloat::new(0, 5, 4);

impl CompressedFloat {
    /// The format that drops `drop` bits and keeps `exponent_bits` and `mantissa_bits`; at most 8, 5 and 8.
    pub const fn new(drop: u32, exponent_bits: u32, mantissa_bits: u32) -> Self {
        Self {
            drop: at_most(drop, 8),
            exponent_bits: at_most(exponent_bits, 5),
            mantissa_bits: at_most(mantissa_bits, 8),
        }
    }

    /// Number of bits of a code.
    pub const fn bits(self) -> u32 {
        self.exponent_bits + self.mantissa_bits
    }

    /// The largest code, which stands for everything above the range.
    pub const fn largest(self) -> u32 {
        (1 << self.bits()) - 1
    }

    /// The code of `value`, cut off below: what the chip does.
    #[inline]
    pub const fn encode(self, value: u32) -> u32 {
        let reduced = value >> self.drop;
        let length = 32 - reduced.leading_zeros();
        if length <= self.mantissa_bits {
            return reduced;
        }
        // of the first binade with a leading one the exponent is 1
        let exponent = length - self.mantissa_bits;
        if exponent >> self.exponent_bits != 0 {
            return self.largest();
        }
        let mantissa = (reduced >> (exponent - 1)) & ((1 << self.mantissa_bits) - 1);
        (exponent << self.mantissa_bits) | mantissa
    }

    /// The code of `value`, rounded. As in the reference, a carry out of the first binade is lost.
    pub const fn encode_rounded(self, value: u32) -> u32 {
        let (mut value, below) = (value as u64, self.mantissa_bits + self.drop);
        let half = if self.drop > 0 { 1 << (self.drop - 1) } else { 0 };
        let mask = (1 << self.mantissa_bits) - 1;
        let bits = length(value);
        if bits <= below {
            return ((value + half) >> self.drop) as u32;
        }
        if bits == below + 1 {
            let mantissa = ((value + half) >> self.drop) & mask;
            return (1 << self.mantissa_bits) | mantissa as u32;
        }
        value += 1 << (bits - 2 - self.mantissa_bits);
        let exponent = length(value) - below;
        if exponent >> self.exponent_bits != 0 {
            return self.largest();
        }
        (exponent << self.mantissa_bits) | ((value >> (self.drop + exponent - 1)) & mask) as u32
    }

    /// The value of `code`; bits above the format are ignored.
    #[inline]
    pub const fn decode(self, code: u32, fraction: Fraction) -> u64 {
        let code = code & self.largest();
        let (exponent, mantissa) = (code >> self.mantissa_bits, (code & ((1 << self.mantissa_bits) - 1)) as u64);
        let shift = exponent.saturating_sub(1);
        let kept = if exponent > 0 { mantissa + (1 << self.mantissa_bits) } else { mantissa };
        let lost = self.drop + shift;
        let rest = match fraction {
            Fraction::Middle if lost > 0 => 1 << (lost - 1),
            Fraction::Quarter if lost > 1 => 1 << (lost - 2),
            _ => 0,
        };
        (kept << lost) + rest
    }
}

/// The charge that a code stands for when `drop` bits were lost before encoding, with half of what was lost. A zero code is
/// a cell without charge, not half of the lost bits.
pub fn restored(format: CompressedFloat, code: u32, drop: u32) -> u32 {
    if code == 0 {
        return 0;
    }
    let dropped = CompressedFloat { drop: format.drop + drop, ..format };
    u32::try_from(dropped.decode(code, Fraction::Middle)).unwrap_or(u32::MAX)
}

const fn at_most(value: u32, limit: u32) -> u32 {
    if value < limit { value } else { limit }
}

/// Bits up to the leading one; 1 for zero.
const fn length(value: u64) -> u32 {
    if value == 0 { 1 } else { 64 - value.leading_zeros() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn codes_rise_with_values_and_survive_a_round_trip(
            a in 0u32..1 << 27, b in 0u32..1 << 27, drop in 0u32..4, exponent in 4u32..6, mantissa in 3u32..6
        ) {
            let format = CompressedFloat::new(drop, exponent, mantissa);
            let (low, high) = (a.min(b), a.max(b));
            prop_assert!(format.encode(low) <= format.encode(high));
            let code = format.encode(a);
            prop_assert!(format.decode(code, Fraction::Edge) <= u64::from(a));
            let back = u32::try_from(format.decode(code, Fraction::Middle)).unwrap_or(u32::MAX);
            prop_assert_eq!(format.encode(back), code);
        }
    }

    #[test]
    fn a_carry_out_of_the_first_binade_is_lost_when_rounding() {
        assert_eq!(CompressedFloat::new(1, 4, 3).encode_rounded(31), 8);
    }
}
