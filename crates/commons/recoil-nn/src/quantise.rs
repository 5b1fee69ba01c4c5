//! Fixed-point quantisers with the arithmetic of QKeras 0.9, and straight-through gradients.

use crate::error::{NnError, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A fixed-point number format, written as in QKeras.
///
/// * `quantized_bits(bits, integer, keep_negative)`: with u = bits - keep_negative, the value
///   2^integer clip(rne(x 2^(u - integer)), lowest, 2^u - 1) / 2^u, lowest = -2^u with a sign and 0 without; rne rounds
///   half to even. The gradient is 1 everywhere, also outside of the range.
/// * `quantized_relu(bits, integer)`: 2^integer clip(rne(x 2^(bits - integer)) / 2^bits, 0, 1 - 2^-bits). The gradient
///   is 1 inside of (0, 2^integer - 2^(integer - bits)], otherwise 0.
/// * `truncated_relu(bits, integer)`: as `quantized_relu`, but cut instead of rounded, which is what dropping the low
///   bits of a number on a link does.
///
/// ```
/// use recoil_nn::Quantiser;
/// let latent: Quantiser = "quantized_relu(9, 1)".parse()?;
/// assert_eq!(latent.value(0.123), 0.12109375);
/// assert_eq!(latent.value(7.0), 2.0 - 1.0 / 256.0);
/// # Ok::<(), recoil_nn::NnError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Quantiser {
    kind: Kind,
    bits: u8,
    integer: i8,
    signed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Bits,
    Relu,
    TruncatedRelu,
}

impl Quantiser {
    /// `quantized_bits` of `bits` bits, `integer` of them before the point; one bit is the sign if `keep_negative`.
    pub const fn bits(bits: u8, integer: i8, keep_negative: bool) -> Self {
        Self { kind: Kind::Bits, bits, integer, signed: keep_negative }
    }

    /// `quantized_relu` of `bits` bits, `integer` of them before the point.
    pub const fn relu(bits: u8, integer: i8) -> Self {
        Self { kind: Kind::Relu, bits, integer, signed: false }
    }

    /// `truncated_relu` of `bits` bits, `integer` of them before the point.
    pub const fn truncated_relu(bits: u8, integer: i8) -> Self {
        Self { kind: Kind::TruncatedRelu, bits, integer, signed: false }
    }

    /// Bits of a number, the sign included.
    pub fn width(self) -> u8 {
        self.bits
    }

    /// Bits before the binary point, the sign not included.
    pub fn integer_bits(self) -> i8 {
        self.integer
    }

    /// Whether numbers can be negative.
    pub fn signed(self) -> bool {
        self.signed
    }

    /// Whether numbers are cut instead of rounded.
    pub fn truncates(self) -> bool {
        self.kind == Kind::TruncatedRelu
    }

    /// Distance of neighbouring values.
    pub fn step(self) -> f32 {
        let magnitude = i32::from(self.bits) - i32::from(self.signed);
        f32::from_bits(((127 + i32::from(self.integer) - magnitude) as u32) << 23)
    }

    /// Smallest and largest value in units of the step.
    pub fn range(self) -> (f32, f32) {
        let magnitude = i32::from(self.bits) - i32::from(self.signed);
        let full = f32::from_bits(((127 + magnitude) as u32) << 23);
        (if self.signed { -full } else { 0.0 }, full - 1.0)
    }

    /// The value that stands for `x`.
    #[inline(always)]
    pub fn value(self, x: f32) -> f32 {
        let step = self.step();
        let (low, high) = self.range();
        let scaled = x / step;
        let whole = if self.kind == Kind::TruncatedRelu { scaled.floor() } else { scaled.round_ties_even() };
        whole.clamp(low, high) * step
    }

    /// The value that stands for `x`, in units of the step.
    pub fn integer(self, x: f32) -> i32 {
        (self.value(x) / self.step()) as i32
    }

    /// The derivative that training takes at `x`.
    #[inline(always)]
    pub fn gradient(self, x: f32) -> f32 {
        match self.kind {
            Kind::Bits => 1.0,
            Kind::Relu | Kind::TruncatedRelu => {
                let largest = self.range().1 * self.step();
                if x > 0.0 && x <= largest { 1.0 } else { 0.0 }
            }
        }
    }

    /// Where gradients pass: from 0 to this, or everywhere.
    pub(crate) fn transparent_to(self) -> Option<f32> {
        (self.kind != Kind::Bits).then(|| self.range().1 * self.step())
    }

    /// Largest magnitude that a weight may have between updates: max(1, 2^integer).
    pub fn weight_limit(self) -> f32 {
        f32::from(self.integer.max(0)).exp2()
    }
}

impl fmt::Display for Quantiser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bits, integer, .. } = self;
        match self.kind {
            Kind::Bits => write!(f, "quantized_bits({bits}, {integer}, {})", u8::from(self.signed)),
            Kind::Relu => write!(f, "quantized_relu({bits}, {integer})"),
            Kind::TruncatedRelu => write!(f, "truncated_relu({bits}, {integer})"),
        }
    }
}

impl std::str::FromStr for Quantiser {
    type Err = NnError;

    fn from_str(text: &str) -> Result<Self> {
        let refuse = |message: &str| NnError::Quantiser { text: text.to_owned(), message: message.to_owned() };
        let (name, rest) = text.trim().split_once('(').ok_or_else(|| {
            refuse(
                "expected quantized_bits(bits, integer, keep_negative), quantized_relu(bits, integer) or \
                    truncated_relu(bits, integer)",
            )
        })?;
        let inside = rest.strip_suffix(')').ok_or_else(|| refuse("the closing parenthesis is missing"))?;
        let numbers: Vec<i8> = inside
            .split(',')
            .map(|word| word.trim().parse())
            .collect::<std::result::Result<_, _>>()
            .map_err(|_| refuse("the arguments must be whole numbers"))?;
        let quantiser = match (name.trim(), numbers.as_slice()) {
            ("quantized_bits", &[bits, integer]) => Self::bits(bits.max(0) as u8, integer, true),
            ("quantized_bits", &[bits, integer, sign @ (0 | 1)]) => Self::bits(bits.max(0) as u8, integer, sign == 1),
            ("quantized_relu", &[bits, integer]) => Self::relu(bits.max(0) as u8, integer),
            ("truncated_relu", &[bits, integer]) => Self::truncated_relu(bits.max(0) as u8, integer),
            ("quantized_bits" | "quantized_relu" | "truncated_relu", _) => {
                return Err(refuse("wrong number of arguments"));
            }
            _ => return Err(refuse("known are quantized_bits, quantized_relu and truncated_relu")),
        };
        // rounding is exact up to 22 bits in single precision
        if !(1..=22).contains(&(quantiser.bits - u8::from(quantiser.signed).min(quantiser.bits))) {
            return Err(refuse("between 1 and 22 bits are possible, not counting the sign"));
        }
        if !(-32..=32).contains(&quantiser.integer) {
            return Err(refuse("between -32 and 32 integer bits are possible"));
        }
        Ok(quantiser)
    }
}

impl TryFrom<String> for Quantiser {
    type Error = NnError;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Quantiser> for String {
    fn from(quantiser: Quantiser) -> Self {
        quantiser.to_string()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn worked_by_hand() {
        let weight: Quantiser = "quantized_bits(5,1,1)".parse().unwrap();
        assert_eq!(weight.step(), 0.125);
        // halves go to the even neighbour, the range ends at 15 steps
        assert_eq!([0.0625, 0.1875, -9.0, 9.0].map(|x| weight.value(x)), [0.0, 0.25, -2.0, 1.875]);
        assert_eq!(weight.gradient(9.0), 1.0);
        let latent = Quantiser::relu(3, 1);
        assert_eq!([-1.0, 0.1, 0.2, 1.75, 2.0].map(|x| latent.value(x)), [0.0, 0.0, 0.25, 1.75, 1.75]);
        assert_eq!([-1.0, 0.0, 0.1, 1.75, 1.76].map(|x| latent.gradient(x)), [0.0, 0.0, 1.0, 1.0, 0.0]);
        assert_eq!(Quantiser::truncated_relu(3, 1).value(0.49), 0.25);
        assert_eq!(weight.weight_limit(), 2.0);
    }

    #[test]
    fn text_and_back() {
        for text in ["quantized_bits(5, 1, 1)", "quantized_relu(9, 1)", "truncated_relu(3, 1)"] {
            assert_eq!(text.parse::<Quantiser>().unwrap().to_string(), text);
        }
        for wrong in ["", "relu", "quantized_bits(5", "quantized_bits(0,1,1)", "quantized_relu(9)", "binary(1,1)"] {
            assert!(wrong.parse::<Quantiser>().is_err(), "{wrong}");
        }
    }
}
