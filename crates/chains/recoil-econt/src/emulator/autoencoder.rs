//! The autoencoder's integer ends: the converter in front of the encoder, and the latent numbers behind it.

use super::float::NINE_BITS;
use crate::wafer::CELLS;

/// Latent numbers of the encoder.
pub const LATENTS: usize = 16;
/// Bits of a latent number: one before and eight behind the point.
pub const LATENT_BITS: u32 = 9;
/// Charges and their sum are 22-bit numbers.
const CHARGE_MASK: u32 = (1 << 22) - 1;

/// What the converter hands to the encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Converted {
    /// Charges over the largest power of two in their sum, in units of 1/128, cut off below.
    pub inputs: [u8; CELLS],
    /// The sum \[counts\], in 22 bits.
    pub sum: u32,
    /// Its code in nine bits.
    pub sum_code: u16,
}

/// Normalises charges as the chip does; an empty module gives zeros.
#[inline(always)]
pub fn convert(charges: &[u32; CELLS]) -> Converted {
    let charges = charges.map(|charge| charge & CHARGE_MASK);
    let sum = charges.iter().fold(0u32, |sum, charge| sum.wrapping_add(*charge)) & CHARGE_MASK;
    let inputs = match sum.checked_ilog2() {
        Some(top) => charges.map(|charge| (charge << 7 >> top) as u8),
        None => [0; CELLS],
    };
    Converted { inputs, sum, sum_code: NINE_BITS.encode(sum) as u16 }
}

/// The same as the training program quantises it: in units of 1/64, rounded half to even, without a limit of eight bits.
#[inline(always)]
pub fn convert_as_trained(charges: &[u32; CELLS]) -> [u16; CELLS] {
    let sum: u64 = charges.iter().map(|&charge| u64::from(charge)).sum();
    let Some(top) = sum.checked_ilog2() else { return [0; CELLS] };
    if (1..=24).contains(&top) {
        // no charge is above the sum, so 32 bits are enough
        let below_half = (1u32 << (top - 1)) - 1;
        return charges.map(|charge| {
            let scaled = charge << 6;
            ((scaled + below_half + (scaled >> top & 1)) >> top).min(511) as u16
        });
    }
    let unit = 1u64 << top;
    charges.map(|charge| {
        let scaled = u64::from(charge) << 6;
        let (whole, rest) = (scaled >> top, scaled & (unit - 1));
        let up = 2 * rest > unit || (2 * rest == unit && whole & 1 == 1);
        // ten bits of which one is a sign: the largest is 511
        (whole + u64::from(up)).min(511) as u16
    })
}

/// The bits of every latent number that are sent, as the 144-bit register of 18 bytes holds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepMask([u16; LATENTS]);

impl KeepMask {
    /// Keeps the leading `bits` of every latent number.
    pub const fn leading(bits: u32) -> Self {
        let bits = if bits < LATENT_BITS { bits } else { LATENT_BITS };
        let mask = ((1u16 << bits) - 1) << (LATENT_BITS - bits);
        Self([mask; LATENTS])
    }

    /// From the bytes of the register, byte 0 first; bit 0 of byte 0 is the lowest bit of latent 0.
    pub fn from_bytes(bytes: &[u8; 18]) -> Self {
        let bit = |i: usize| bytes.get(i / 8).is_some_and(|byte| byte >> (i % 8) & 1 == 1);
        let mut masks = [0; LATENTS];
        for (latent, mask) in masks.iter_mut().enumerate() {
            for place in 0..LATENT_BITS as usize {
                *mask |= u16::from(bit(latent * LATENT_BITS as usize + place)) << place;
            }
        }
        Self(masks)
    }

    /// From the register as 36 hexadecimal digits, the highest first.
    pub fn from_hex(text: &str) -> Option<Self> {
        let digits: Option<Vec<u8>> = text.chars().map(|digit| digit.to_digit(16).map(|digit| digit as u8)).collect();
        let bytes: Vec<u8> = digits?.rchunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect();
        (text.len() == 36).then(|| bytes.try_into().ok()).flatten().map(|bytes| Self::from_bytes(&bytes))
    }

    /// What is left of a latent number.
    pub fn kept(&self, latent: usize, value: u16) -> u16 {
        value & self.0.get(latent).copied().unwrap_or_default()
    }

    /// Bits that are sent.
    pub fn bits(&self) -> u32 {
        self.0.iter().map(|mask| mask.count_ones()).sum()
    }

    /// Mask of every latent number, latent 0 first.
    pub fn masks(&self) -> &[u16; LATENTS] {
        &self.0
    }
}

/// The word that the encoder hands to the formatter, as 39 hexadecimal digits: the last latent number first, the code of
/// the sum in the lowest nine bits.
pub fn word(latents: &[u16; LATENTS], sum_code: u16) -> String {
    let numbers = latents.iter().rev().chain(std::iter::once(&sum_code));
    let places = (0..LATENT_BITS).rev();
    let bits: Vec<u32> =
        numbers.flat_map(|&number| places.clone().map(move |place| u32::from(number >> place & 1))).collect();
    let digit = |bits: &[u32]| bits.iter().fold(0, |sum, bit| 2 * sum + bit);
    let mut digits: Vec<char> = bits.rchunks(4).map(|bits| char::from_digit(digit(bits), 16).unwrap_or('0')).collect();
    digits.reverse();
    digits.into_iter().collect()
}

/// Leading bits per latent number that fit into the frame of so many links.
pub const fn bits_per_latent(links: usize) -> u32 {
    match links {
        0 => 0,
        1 => 1,
        2 => 3,
        3 => 5,
        4 => 7,
        _ => 9,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_roundings_differ_as_documented() {
        let mut charges = [0; CELLS];
        charges[..3].copy_from_slice(&[92, 51, 31]);
        let converted = convert(&charges);
        assert_eq!((converted.sum, &converted.inputs[..3]), (174, &[92, 51, 31][..]));
        // 92/128 * 64 = 46, 25.5 to even is 26, 15.5 to even is 16
        assert_eq!(convert_as_trained(&charges)[..3], [46, 26, 16]);
        // sums of one count and of more than 25 bits take the other way
        for scale in [1, 3, 40_000, 4_000_000] {
            let mut charges = [0; CELLS];
            charges[..4].copy_from_slice(&[scale, 0, scale / 3, scale / 7 * 40]);
            let sum: u32 = charges.iter().sum();
            let unit = f64::from(1u32 << sum.ilog2());
            let expected = charges.map(|q| (f64::from(q) / unit * 64.0).round_ties_even().min(511.0) as u16);
            assert_eq!(convert_as_trained(&charges), expected);
        }
        assert_eq!(convert(&[0; CELLS]).inputs, [0; CELLS]);
        assert_eq!(convert_as_trained(&[0; CELLS]), [0; CELLS]);
    }

    #[test]
    fn masks_from_registers_and_from_links_agree() {
        for links in 1..=13 {
            let mask = KeepMask::leading(bits_per_latent(links));
            let mut bytes = [0u8; 18];
            for (latent, bits) in mask.masks().iter().enumerate() {
                for place in (0..9).filter(|place| bits >> place & 1 == 1) {
                    bytes[(latent * 9 + place) / 8] |= 1 << ((latent * 9 + place) % 8);
                }
            }
            assert_eq!(KeepMask::from_bytes(&bytes), mask);
            let hex: String = bytes.iter().rev().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(KeepMask::from_hex(&hex), Some(mask));
            assert_eq!(mask.bits(), 16 * bits_per_latent(links));
        }
    }
}
