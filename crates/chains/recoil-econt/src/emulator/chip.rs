//! A whole chip: one algorithm with its registers, from calibrated charges to frames and to what the back end gets.

use super::autoencoder::{Converted, convert};
use super::best_choice::{BestChoice, best_choice};
use super::formatter::{Algorithm, BEST_CHOICE_CELLS, Formatter};
use super::frame::Frame;
use super::link::crossing_header;
use super::registers::Registers;
use super::repeater::repeater;
use super::super_cells::{SuperCell, SuperTriggerCells, super_trigger_cells};
use super::threshold::{ThresholdSum, threshold_sum};
use crate::transmission::{
    Preset, above_threshold, largest, largest_of, received_sums, sums_of_4, sums_of_16, through_codes,
};
use crate::wafer::{CELLS, FROM_POST_MUX, POST_MUX, reordered};

/// A chip as it is set up.
#[derive(Clone, Debug)]
pub struct Chip {
    /// What it runs.
    pub algorithm: Algorithm,
    /// Its registers.
    pub registers: Registers,
    /// Its formatter, which knows the number of output links.
    pub formatter: Formatter,
    /// What super trigger cells sum.
    pub super_cell: SuperCell,
    /// Crossings at which the output links are reset.
    pub resets: Vec<i64>,
}

/// What the block of the algorithm hands to the formatter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Block {
    /// Of the threshold algorithm.
    Threshold(ThresholdSum),
    /// Of super trigger cells.
    SuperCells(SuperTriggerCells),
    /// Of best choice.
    BestChoice(BestChoice),
    /// Of the repeater.
    Repeater([u8; CELLS]),
    /// Of the autoencoder: what its encoder is fed with.
    Autoencoder(Converted),
}

impl Chip {
    /// Runs the block of the algorithm on charges in the order behind the multiplexer.
    pub fn block(&self, charges: &[u32; CELLS]) -> Block {
        let drop = self.registers.drop_lsb;
        match self.algorithm {
            Algorithm::Threshold => Block::Threshold(threshold_sum(charges, &self.registers.threshold, drop)),
            Algorithm::SuperTriggerCell => Block::SuperCells(super_trigger_cells(charges)),
            Algorithm::BestChoice => Block::BestChoice(best_choice(charges, drop)),
            Algorithm::Repeater => Block::Repeater(repeater(charges, drop)),
            Algorithm::Autoencoder => Block::Autoencoder(convert(charges)),
        }
    }

    /// The frame of a bunch crossing whose header is `header` (by default that of its number); `None` for the autoencoder,
    /// whose latent numbers are made elsewhere.
    pub fn frame(&self, block: &Block, crossing: i64, header: Option<u8>) -> Option<Frame> {
        let header = header.unwrap_or_else(|| header_of(crossing));
        if let Some(idle) = self.in_reset(crossing, header) {
            return Some(idle);
        }
        match block {
            Block::Threshold(block) => Some(self.formatter.threshold(header, block)),
            Block::SuperCells(block) => {
                Some(self.formatter.super_cells(header, block, self.super_cell, self.registers.drop_lsb))
            }
            Block::BestChoice(block) => Some(self.formatter.best_choice(header, block)),
            Block::Repeater(block) => Some(self.formatter.repeater(header, block)),
            Block::Autoencoder(_) => None,
        }
    }

    /// The frame of a crossing at which the output links are being reset.
    pub fn in_reset(&self, crossing: i64, header: u8) -> Option<Frame> {
        let resets = self.resets.iter().any(|&reset| self.algorithm.resets(reset, crossing));
        resets.then(|| self.formatter.in_reset(self.algorithm, header))
    }

    /// Cells that best choice sends.
    pub fn best_choice_cells(&self) -> usize {
        BEST_CHOICE_CELLS.get(self.formatter.links).copied().unwrap_or(CELLS)
    }

    /// What the back end gets of charges in the order behind the multiplexer, in the same order: exactly, or `decoded` from
    /// the codes that are sent. `None` for the autoencoder.
    pub fn received(
        &self,
        charges: &[u32; CELLS],
        block: &Block,
        preset: Preset,
        decoded: bool,
    ) -> Option<[f64; CELLS]> {
        let drop = self.registers.drop_lsb;
        if let (Preset::Asic, Block::SuperCells(_)) = (preset, block) {
            let drop = decoded.then_some(drop);
            return Some(received_sums(charges, self.super_cell, self.formatter.links, drop));
        }
        let by_number = |algorithm: &dyn Fn(&[u32; CELLS]) -> [u32; CELLS]| {
            reordered(&algorithm(&reordered(charges, &POST_MUX)), &FROM_POST_MUX)
        };
        let kept = match (preset, block) {
            (_, Block::Threshold(_)) => above_threshold(charges, &self.registers.threshold),
            (Preset::Seed, Block::BestChoice(_)) => by_number(&|wafer| largest(wafer, self.best_choice_cells())),
            (Preset::Asic, Block::BestChoice(sorted)) => largest_of(charges, sorted, self.best_choice_cells()),
            (_, Block::SuperCells(_)) if self.super_cell.cells() == 16 => by_number(&sums_of_16),
            (_, Block::SuperCells(_)) => by_number(&sums_of_4),
            (Preset::Seed, Block::Repeater(_)) => *charges,
            (Preset::Asic, Block::Repeater(_)) => {
                let mut kept = *charges;
                kept.iter_mut().skip(self.formatter.repeated_cells()).for_each(|charge| *charge = 0);
                kept
            }
            (_, Block::Autoencoder(_)) => return None,
        };
        Some(if decoded { kept.map(|charge| f64::from(through_codes(charge, drop))) } else { kept.map(f64::from) })
    }
}

/// Header of a crossing by its number, which counts through orbits.
pub fn header_of(crossing: i64) -> u8 {
    let orbit = i64::from(super::link::CROSSINGS_PER_ORBIT);
    crossing_header(crossing.rem_euclid(orbit) as u32)
}
