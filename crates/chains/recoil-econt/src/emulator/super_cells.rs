//! Super trigger cells: sums of neighbours with the place of the largest.

use super::float::{CHARGE, CompressedFloat, NINE_BITS};
use crate::wafer::CELLS;

/// What is summed, and in how many bits it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SuperCell {
    /// Sums of 2x2 cells in nine bits, with the place of the largest (type 0).
    #[serde(rename = "stc4_9")]
    Stc4Of9,
    /// Sums of 4x4 cells in nine bits, with the place of the largest (type 1).
    #[serde(rename = "stc16_9")]
    Stc16Of9,
    /// Coarse cells: sums of 2x2 cells in seven bits, without a place (type 2).
    #[serde(rename = "ctc4_7")]
    Ctc4Of7,
    /// Sums of 2x2 cells in seven bits, with the place of the largest (type 3).
    #[serde(rename = "stc4_7")]
    Stc4Of7,
}

impl SuperCell {
    /// All kinds in the order of their register values.
    pub const ALL: [Self; 4] = [Self::Stc4Of9, Self::Stc16Of9, Self::Ctc4Of7, Self::Stc4Of7];

    /// Sums that fit into the frame of so many output links; none if the frame stays empty.
    pub const fn sums_sent(self, links: usize) -> usize {
        let by_links: &[usize] = match self {
            Self::Stc4Of9 => &[0, 2, 5, 8, 11, 12],
            Self::Stc16Of9 => &[0, 2, 3],
            Self::Ctc4Of7 => &[0, 4, 8, 12],
            Self::Stc4Of7 => &[0, 3, 6, 10, 12],
        };
        if links < by_links.len() { by_links[links] } else { 0 }
    }

    /// Cells of one sum.
    pub const fn cells(self) -> usize {
        if matches!(self, Self::Stc16Of9) { 16 } else { 4 }
    }

    /// Bits of an address; 0 if none is sent.
    pub const fn address_bits(self) -> u32 {
        match self {
            Self::Stc4Of9 | Self::Stc4Of7 => 2,
            Self::Stc16Of9 => 4,
            Self::Ctc4Of7 => 0,
        }
    }

    /// Bits of a sum.
    pub const fn sum_bits(self) -> u32 {
        match self {
            Self::Stc4Of9 | Self::Stc16Of9 => 9,
            Self::Ctc4Of7 | Self::Stc4Of7 => 7,
        }
    }

    /// Format of a sum and the bits that it loses before.
    pub const fn format(self, drop: u32) -> (CompressedFloat, u32) {
        match self {
            Self::Stc4Of9 | Self::Stc16Of9 => (NINE_BITS, 0),
            Self::Ctc4Of7 | Self::Stc4Of7 => (CHARGE, drop),
        }
    }
}

/// Sums of a module and the places of the largest charges. Cells are in the order behind the multiplexer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SuperTriggerCells {
    /// Sums of 2x2 cells \[counts\].
    pub sums_4: [u32; 12],
    /// Place of the largest of the four; the last of equal ones.
    pub max_4: [u8; 12],
    /// Sums of 4x4 cells \[counts\].
    pub sums_16: [u32; 3],
    /// Place of the largest of the sixteen; the last of equal ones.
    pub max_16: [u8; 3],
}

/// Sums neighbours.
pub fn super_trigger_cells(charges: &[u32; CELLS]) -> SuperTriggerCells {
    let mut out = SuperTriggerCells::default();
    let largest = |cells: &[u32]| {
        let last = cells.iter().enumerate().fold((0, 0), |best, (i, &c)| if c >= best.1 { (i, c) } else { best });
        last.0 as u8
    };
    let sum = |cells: &[u32]| cells.iter().fold(0u32, |sum, charge| sum.saturating_add(*charge));
    for ((total, place), four) in out.sums_4.iter_mut().zip(&mut out.max_4).zip(charges.chunks_exact(4)) {
        (*total, *place) = (sum(four), largest(four));
    }
    for ((total, place), sixteen) in out.sums_16.iter_mut().zip(&mut out.max_16).zip(charges.chunks_exact(16)) {
        (*total, *place) = (sum(sixteen), largest(sixteen));
    }
    out
}

impl SuperTriggerCells {
    /// Codes of the sums of 2x2 cells in nine bits.
    pub fn codes_4_of_9(&self) -> [u16; 12] {
        self.sums_4.map(|sum| NINE_BITS.encode(sum) as u16)
    }

    /// Codes of the sums of 2x2 cells in seven bits, of which the sums first lose `drop` bits.
    pub fn codes_4_of_7(&self, drop: u32) -> [u16; 12] {
        self.sums_4.map(|sum| CHARGE.encode(sum >> drop.min(31)) as u16)
    }

    /// Codes of the sums of 4x4 cells in nine bits.
    pub fn codes_16_of_9(&self) -> [u16; 3] {
        self.sums_16.map(|sum| NINE_BITS.encode(sum) as u16)
    }

    /// Sum \[counts\] and place of the largest of every cell of `kind`.
    pub fn of_kind(&self, kind: SuperCell) -> impl Iterator<Item = (u32, u8)> + '_ {
        let (sums, places): (&[u32], &[u8]) = match kind {
            SuperCell::Stc16Of9 => (&self.sums_16, &self.max_16),
            _ => (&self.sums_4, &self.max_4),
        };
        sums.iter().copied().zip(places.iter().copied())
    }
}
