//! What reaches the back end: the charges of a wafer behind an algorithm.
//!
//! Wafers are in the order of trigger-cell numbers here; `emulator` works in the order behind the multiplexer.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::data::Wafer;
use crate::emulator::best_choice::BestChoice;
use crate::emulator::float::{CHARGE, restored};
use crate::emulator::super_cells::SuperCell;
use crate::wafer::{CELLS, GROUPS_2X2, GROUPS_4X4};

/// Whose conventions hold where the programs of training and the chip differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// The program that trains and compares: cells by trigger-cell number, the last cells of equal charges, the first of
    /// equal maxima.
    Seed,
    /// The chip: cells in the order behind the multiplexer, equal charges as the sorting network leaves them, the last of
    /// equal maxima.
    #[default]
    Asic,
}

/// Charges of at least their threshold.
pub fn above_threshold(wafer: &Wafer, thresholds: &[u32; CELLS]) -> Wafer {
    let mut kept = *wafer;
    for (charge, threshold) in kept.iter_mut().zip(thresholds) {
        if *charge < *threshold {
            *charge = 0;
        }
    }
    kept
}

/// The `count` largest charges; of equal ones the last cells.
pub fn largest(wafer: &Wafer, count: usize) -> Wafer {
    let mut order: [usize; CELLS] = std::array::from_fn(|i| i);
    order.sort_by_key(|&cell| wafer.get(cell).copied().unwrap_or_default());
    keep(wafer, order.iter().rev().take(count).copied())
}

/// The `count` largest charges as the chip's network has sorted them.
pub fn largest_of(wafer: &Wafer, sorted: &BestChoice, count: usize) -> Wafer {
    keep(wafer, sorted.cells.iter().take(count).map(|&cell| usize::from(cell)))
}

fn keep(wafer: &Wafer, cells: impl Iterator<Item = usize>) -> Wafer {
    let mut kept = [0; CELLS];
    for cell in cells {
        if let (Some(place), Some(&charge)) = (kept.get_mut(cell), wafer.get(cell)) {
            *place = charge;
        }
    }
    kept
}

/// Sums of 2x2 cells, each at the first of its largest cells.
pub fn sums_of_4(wafer: &Wafer) -> Wafer {
    sums(wafer, &GROUPS_2X2)
}

/// Sums of 4x4 cells, each at the first of its largest cells.
pub fn sums_of_16(wafer: &Wafer) -> Wafer {
    sums(wafer, &GROUPS_4X4)
}

fn sums<const N: usize>(wafer: &Wafer, groups: &[[usize; N]]) -> Wafer {
    let mut kept = [0; CELLS];
    let charge = |cell: usize| wafer.get(cell).copied().unwrap_or_default();
    for group in groups {
        let sum = group.iter().fold(0u32, |sum, &cell| sum.saturating_add(charge(cell)));
        let mut at = group[0];
        for &cell in group {
            if charge(cell) > charge(at) {
                at = cell;
            }
        }
        if let Some(place) = kept.get_mut(at) {
            *place = sum;
        }
    }
    kept
}

/// What arrives of sums of `kind` over so many links, in the order behind the multiplexer: each sum at its largest cell, or
/// spread evenly where no address is sent. Sums that do not fit into the frame are lost; more links than a kind can use are
/// as good as the most it can. With `codes`, sums pass through their number format, seven-bit ones having lost so many bits.
pub fn received_sums(charges: &Wafer, kind: SuperCell, links: usize, codes: Option<u32>) -> [f64; CELLS] {
    let sent = (0..=links).map(|l| kind.sums_sent(l)).max().unwrap_or(0);
    let cells = crate::emulator::super_cells::super_trigger_cells(charges);
    let through = |sum: u32| match codes {
        Some(drop) => {
            let (format, drop) = kind.format(drop);
            restored(format, format.encode(sum >> drop.min(31)), drop)
        }
        None => sum,
    };
    let mut kept = [0.0; CELLS];
    for ((sum, place), into) in cells.of_kind(kind).zip(kept.chunks_exact_mut(kind.cells())).take(sent) {
        let sum = f64::from(through(sum));
        if kind.address_bits() == 0 {
            into.fill(sum / into.len() as f64);
        } else if let Some(cell) = into.get_mut(usize::from(place)) {
            *cell = sum;
        }
    }
    kept
}

/// The kind of sums that loses least over so many links: 4x4 cells on one or two, coarse cells on three, 2x2 cells with
/// seven bits on four and with nine bits from five on.
pub const fn usual_sums(links: usize) -> SuperCell {
    match links {
        0..=2 => SuperCell::Stc16Of9,
        3 => SuperCell::Ctc4Of7,
        4 => SuperCell::Stc4Of7,
        _ => SuperCell::Stc4Of9,
    }
}

/// A charge through the seven-bit format and back, having lost `drop` bits.
pub fn through_codes(charge: u32, drop: u32) -> u32 {
    restored(CHARGE, CHARGE.encode(charge >> drop.min(31)), drop)
}
