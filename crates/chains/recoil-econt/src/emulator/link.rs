//! Input links: words of the read-out chips, and the multiplexer behind them.

use crate::wafer::CELLS;

/// Input links of the chip; each carries four trigger cells.
pub const LINKS_IN: usize = 12;

/// Bunch crossings of an orbit.
pub const CROSSINGS_PER_ORBIT: u32 = 3564;

/// Crossings without data after a reset of the read-out chips' links.
pub const ALIGNMENT_CROSSINGS: u32 = 324;

/// How the four trigger cells of a link stand in its word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Packing {
    /// The first cell in the lowest seven bits: what the chip reads.
    #[default]
    Chip,
    /// The first cell in bits 27 to 21: what the converter of simulated events wrote. Read as `chip`, the four cells of
    /// every link come out mirrored.
    Ntuple,
}

impl Packing {
    const fn shift(self, spot: usize) -> u32 {
        match self {
            Self::Chip => 7 * spot as u32,
            Self::Ntuple => 21 - 7 * spot as u32,
        }
    }
}

/// Seven-bit codes of the 48 cells in the order of links and spots.
pub fn unpack(words: &[u32; LINKS_IN], packing: Packing) -> [u8; CELLS] {
    let mut codes = [0; CELLS];
    for (four, word) in codes.chunks_exact_mut(4).zip(words) {
        for (spot, code) in four.iter_mut().enumerate() {
            *code = ((word >> packing.shift(spot)) & 0x7f) as u8;
        }
    }
    codes
}

/// Words of the links with a header in their highest four bits.
pub fn pack(codes: &[u8; CELLS], header: u8, packing: Packing) -> [u32; LINKS_IN] {
    let mut words = [u32::from(header & 0xf) << 28; LINKS_IN];
    for (word, four) in words.iter_mut().zip(codes.chunks_exact(4)) {
        for (spot, code) in four.iter().enumerate() {
            *word |= u32::from(code & 0x7f) << packing.shift(spot);
        }
    }
    words
}

/// Number of a bunch crossing as frames carry it: modulo 16, and 31 at the start of an orbit.
pub const fn crossing_header(crossing: u32) -> u8 {
    let within = crossing % CROSSINGS_PER_ORBIT;
    if within == 0 { 31 } else { (within % 16) as u8 }
}

/// Output of the multiplexer: place `p` gets input `select[p]`; inputs that do not exist count as empty.
pub fn multiplex(codes: &[u8; CELLS], select: &[usize; CELLS]) -> [u8; CELLS] {
    crate::wafer::reordered(codes, select)
}

/// Whether the links deliver nothing `since` crossings after a reset of the read-out chips' links.
pub const fn is_aligning(since: u32) -> bool {
    since < ALIGNMENT_CROSSINGS
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn words_survive_a_round_trip(codes in proptest::collection::vec(0u8..128, CELLS), header in 0u8..16) {
            let mut array = [0; CELLS];
            array.copy_from_slice(&codes);
            for packing in [Packing::Chip, Packing::Ntuple] {
                prop_assert_eq!(unpack(&pack(&array, header, packing), packing), array);
            }
            let mut mirrored = unpack(&pack(&array, header, Packing::Ntuple), Packing::Chip);
            mirrored.chunks_exact_mut(4).for_each(<[u8]>::reverse);
            prop_assert_eq!(mirrored, array);
        }
    }

    #[test]
    fn crossings_count_modulo_16_within_an_orbit() {
        assert_eq!([0, 1, 16, 17, 3564, 3565].map(crossing_header), [31, 1, 0, 1, 31, 1]);
    }
}
