//! The formatter: frames of every algorithm, for any number of output links.

use super::autoencoder::{KeepMask, LATENT_BITS, LATENTS};
use super::best_choice::BestChoice;
use super::float::CHARGE;
use super::frame::{Bits, Frame, WORDS};
use super::super_cells::{SuperCell, SuperTriggerCells};
use super::threshold::ThresholdSum;
use crate::wafer::CELLS;

/// Most output links of a chip.
pub const LINKS_OUT: usize = 13;

/// Cells that best choice sends, by number of output links from 0 on.
pub const BEST_CHOICE_CELLS: [usize; LINKS_OUT + 1] = [0, 1, 4, 6, 9, 14, 18, 23, 28, 32, 37, 41, 46, 48];

/// Crossings that the links stay idle after a reset of the output links.
pub const RESET_CROSSINGS: i64 = 256;

/// Makes frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Formatter {
    /// Output links, 1 to 13.
    pub links: usize,
    /// Whether the module sum counts all cells, or only those that are not sent.
    pub use_sum: bool,
    /// Synchronisation pattern of idle words, 11 bits.
    pub sync_word: u16,
}

/// Algorithms, in the order of their register values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Algorithm {
    /// All cells above threshold, and the sum of the module (0).
    Threshold,
    /// Sums of neighbours (1).
    SuperTriggerCell,
    /// The largest cells (2).
    BestChoice,
    /// All cells (3).
    Repeater,
    /// Latent numbers of a neural network (4).
    Autoencoder,
}

/// Header of five bits without its second bit.
const fn short_header(header: u8) -> u64 {
    ((header >> 1 & 8) | (header & 7)) as u64
}

impl Formatter {
    /// Words that leave in one crossing.
    const fn words_out(&self) -> u8 {
        (2 * self.links) as u8
    }

    fn padded(bits: &Bits, sent: u8) -> Frame {
        Frame { words: bits.words(), sent, ..Frame::default() }
    }

    /// Frame of the threshold algorithm.
    pub fn threshold(&self, header: u8, from: &ThresholdSum) -> Frame {
        let mut bits = Bits::default();
        let sum = if self.use_sum { from.sum } else { from.sum_not_transmitted };
        let kind = match from.count {
            0 => 0b000,
            1..=7 => 0b010,
            _ => 0b100,
        };
        bits.push(u64::from(header), 5);
        bits.push(kind, 3);
        bits.push(u64::from(sum), 8);
        match from.count {
            0 => {}
            count @ 1..=7 => {
                bits.push(count as u64, 3);
                (0..CELLS).filter(|&cell| from.passes(cell)).for_each(|cell| bits.push(cell as u64, 6));
            }
            _ => (0..CELLS).for_each(|cell| bits.push(u64::from(from.passes(cell)), 1)),
        }
        from.charges.iter().take(from.count).for_each(|code| bits.push(u64::from(*code), 7));
        let sent = bits.whole_words();
        let idle = self.idle(header);
        let mut words = bits.words();
        words.iter_mut().skip(sent).for_each(|word| *word = idle);
        let first = u16::from(header) << 11 | 0b110 << 8 | u16::from(from.sum);
        Frame { words, sent: sent as u8, truncated: [first, idle], idle, in_reset: false }
    }

    /// Frame of best choice.
    pub fn best_choice(&self, header: u8, from: &BestChoice) -> Frame {
        let count = BEST_CHOICE_CELLS.get(self.links).copied().unwrap_or(CELLS);
        // cells without charge are addressed, but nothing is sent for them
        let chosen = from.chosen(count);
        let mut by_cell = [0u8; CELLS];
        for (&cell, &charge) in from.cells.iter().zip(&from.charges).take(count) {
            if let Some(place) = by_cell.get_mut(usize::from(cell)) {
                *place = CHARGE.encode(charge) as u8;
            }
        }
        let mut bits = Bits::default();
        bits.push(short_header(header), 4);
        bits.push(u64::from(from.sum_after(if self.use_sum { 0 } else { count })), 8);
        // the chosen cells in rising order
        let cells = || std::iter::successors(Some(chosen), |rest| Some(rest & rest.wrapping_sub(1)));
        let cells = || cells().take_while(|rest| *rest != 0).map(|rest| rest.trailing_zeros() as usize);
        if count < 8 {
            cells().for_each(|cell| bits.push(cell as u64, 6));
        } else {
            // cell 0 first
            bits.push(chosen.reverse_bits() >> (64 - CELLS), CELLS as u32);
        }
        let codes = cells().filter_map(|cell| by_cell.get(cell)).filter(|code| **code > 0);
        codes.for_each(|code| bits.push(u64::from(*code), 7));
        Self::padded(&bits, self.words_out().min(25))
    }

    /// Frame of super trigger cells of `kind`, whose seven-bit sums lose `drop` bits; empty if `kind` has no layout for
    /// this number of links.
    pub fn super_cells(&self, header: u8, from: &SuperTriggerCells, kind: SuperCell, drop: u32) -> Frame {
        let count = kind.sums_sent(self.links);
        if count == 0 {
            return Frame { sent: 2, ..Frame::default() };
        }
        let mut bits = Bits::default();
        bits.push(short_header(header), 4);
        from.of_kind(kind).take(count).for_each(|(_, place)| bits.push(u64::from(place), kind.address_bits()));
        let (format, drop) = kind.format(drop);
        let codes = from.of_kind(kind).take(count).map(|(sum, _)| format.encode(sum >> drop.min(31)));
        codes.for_each(|code| bits.push(u64::from(code), kind.sum_bits()));
        let sent = 2 * bits.len().div_ceil(32);
        Self::padded(&bits, sent as u8)
    }

    /// Frame of the repeater.
    pub fn repeater(&self, header: u8, codes: &[u8; CELLS]) -> Frame {
        let mut bits = Bits::default();
        bits.push(u64::from(header), 5);
        codes.iter().for_each(|code| bits.push(u64::from(*code), 7));
        Self::padded(&bits, self.words_out())
    }

    /// Cells of the repeater that the links take, in the order behind the multiplexer; all 48 need 11 links.
    pub const fn repeated_cells(&self) -> usize {
        let room = (32 * self.links).saturating_sub(5) / 7;
        if room < CELLS { room } else { CELLS }
    }

    /// Frame of the autoencoder: the latent numbers' kept bits, the last latent first, behind the sum.
    pub fn autoencoder(&self, header: u8, latents: &[u16; LATENTS], sum_code: u16, keep: &KeepMask) -> Frame {
        let room = (18 + 32 * self.links.saturating_sub(1)).min(146);
        let mut bits = Bits::default();
        bits.push(u64::from(header), 5);
        bits.push(u64::from(sum_code), 9);
        // right-aligned in the room there is
        (keep.bits() as usize..room).for_each(|_| bits.push(0, 1));
        let skipped = (keep.bits() as usize).saturating_sub(room);
        let mut seen = 0;
        for (latent, mask) in latents.iter().zip(keep.masks()).rev() {
            for place in (0..LATENT_BITS).rev().filter(|place| mask >> place & 1 == 1) {
                if seen >= skipped {
                    bits.push(u64::from(latent >> place & 1), 1);
                }
                seen += 1;
            }
        }
        Self::padded(&bits, bits.whole_words() as u8)
    }

    /// Idle word of the threshold algorithm.
    pub const fn idle(&self, header: u8) -> u16 {
        (header as u16) << 11 | (self.sync_word & 0x7ff)
    }

    /// The frame that stands for any other while the output links are being reset.
    pub fn in_reset(&self, algorithm: Algorithm, header: u8) -> Frame {
        let idle = if algorithm == Algorithm::Threshold { self.idle(header) } else { 0 };
        Frame { words: [idle; WORDS], sent: self.words_out(), truncated: [idle; 2], idle, in_reset: true }
    }
}

impl Algorithm {
    /// Whether a reset of the output links at crossing `reset` makes crossing `crossing` idle.
    pub const fn resets(self, reset: i64, crossing: i64) -> bool {
        let first = match self {
            Self::BestChoice => reset - 1,
            Self::Autoencoder => reset,
            Self::Threshold | Self::SuperTriggerCell | Self::Repeater => reset + 1,
        };
        first <= crossing && crossing < first + RESET_CROSSINGS
    }
}
