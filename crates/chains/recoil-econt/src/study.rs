//! Algorithms side by side on the same wafers.

use rayon::prelude::*;
use recoil_stats::interval::{Interval, clopper_pearson};

use crate::data::Wafer;
use crate::data::prepare::Normalisation;
use crate::emulator::chip::Chip;
use crate::error::Result;
use crate::metrics::shape::{ShapeMetrics, shape_metrics};
use crate::metrics::summary::{Summary, summarise};
use crate::metrics::{EmdOutcome, WaferEmd, telescope};
use crate::transmission::Preset;
use crate::wafer::{CELLS, FROM_POST_MUX, POST_MUX, reordered};

/// What one algorithm made of all wafers.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Name in tables and legends.
    pub label: String,
    /// Bits of the output links per crossing; unknown for charges that were made elsewhere.
    pub link_bits: Option<u32>,
    /// Mean bits of a frame.
    pub frame_bits: Option<f64>,
    /// Charges that arrive, by trigger-cell number.
    pub received: Vec<[f64; CELLS]>,
}

impl Candidate {
    /// Sends wafers (by trigger-cell number) through a chip; `None` if the chip's output cannot be decoded here.
    pub fn of_chip(label: String, chip: &Chip, wafers: &[Wafer], decoded: bool) -> Option<Self> {
        let sent: Option<Vec<([f64; CELLS], u64)>> = wafers
            .par_iter()
            .enumerate()
            .map(|(crossing, wafer)| {
                let charges = reordered(wafer, &FROM_POST_MUX);
                let block = chip.block(&charges);
                let received = chip.received(&charges, &block, Preset::Asic, decoded)?;
                let words = chip.frame(&block, crossing as i64, None).map_or(0, |frame| frame.sent);
                Some((reordered(&received, &POST_MUX), u64::from(words)))
            })
            .collect();
        let sent = sent?;
        let words: u64 = sent.iter().map(|(_, words)| words).sum();
        Some(Self {
            label,
            link_bits: Some(32 * chip.formatter.links as u32),
            frame_bits: Some(16.0 * words as f64 / sent.len().max(1) as f64),
            received: sent.into_iter().map(|(received, _)| received).collect(),
        })
    }
}

/// Metrics of one wafer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// The earth mover's distance.
    pub emd: EmdOutcome,
    /// Position, width and shape.
    pub shape: ShapeMetrics,
    /// Telescope loss of both wafers over the divisor of the true one.
    pub telescope: f64,
}

/// Measures all wafers of a candidate.
///
/// # Errors
/// Charges that are negative or not finite.
pub fn measure(wafers: &[Wafer], received: &[[f64; CELLS]]) -> Result<Vec<Measured>> {
    let parts: Vec<Result<Vec<Measured>>> = wafers
        .par_chunks(1024)
        .zip(received.par_chunks(1024))
        .map(|(wafers, received)| {
            let mut emd = WaferEmd::new()?;
            wafers.iter().zip(received).map(|(wafer, received)| measure_one(&mut emd, wafer, received)).collect()
        })
        .collect();
    let mut all = Vec::with_capacity(wafers.len());
    for part in parts {
        all.extend(part?);
    }
    Ok(all)
}

fn measure_one(emd: &mut WaferEmd, wafer: &Wafer, received: &[f64; CELLS]) -> Result<Measured> {
    let truth = wafer.map(f64::from);
    let divisor = Normalisation::SumLog2.divisor(wafer).max(1.0);
    Ok(Measured {
        emd: emd.outcome(&truth, received)?,
        shape: shape_metrics(&truth, received),
        telescope: telescope(&truth.map(|q| q / divisor), &received.map(|q| q / divisor)).total(),
    })
}

/// One row of the comparison.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Name of the candidate.
    pub label: String,
    /// Bits of the output links per crossing.
    pub link_bits: Option<u32>,
    /// Mean bits of a frame.
    pub frame_bits: Option<f64>,
    /// Distances of the wafers of which something arrived.
    pub emd: Option<Summary>,
    /// Mean distance as the reference quotes it, with -0.5 where nothing arrived and -1 where nothing was.
    pub emd_with_sentinels: f64,
    /// Share of the wafers of which nothing arrived, with its 68.3 % interval.
    pub lost: Interval,
    /// Distance of the centres of charge.
    pub mean_shift: Option<Summary>,
    /// Absolute change of the width.
    pub width_change: Option<Summary>,
    /// Correlation of the charges.
    pub correlation: Option<Summary>,
    /// Sum of squared differences.
    pub ssd: Option<Summary>,
    /// Telescope loss.
    pub telescope: Option<Summary>,
}

/// Sums up what was measured.
///
/// # Errors
/// Never for real measurements.
pub fn outcome(candidate: &Candidate, measured: &[Measured]) -> Result<Outcome> {
    let lost = measured.iter().filter(|m| m.shape.lost).count();
    let of = |value: fn(&Measured) -> f64| {
        let seen = measured.iter().filter(|m| m.emd.distance().is_some());
        summarise(&seen.map(value).collect::<Vec<_>>())
    };
    let with_sentinels: f64 = measured.iter().map(|m| m.emd.with_sentinels()).sum();
    Ok(Outcome {
        label: candidate.label.clone(),
        link_bits: candidate.link_bits,
        frame_bits: candidate.frame_bits,
        emd: of(|m| m.emd.with_sentinels()),
        emd_with_sentinels: with_sentinels / measured.len().max(1) as f64,
        lost: clopper_pearson(lost as f64, measured.len().max(1) as f64, 0.683)?,
        mean_shift: of(|m| m.shape.mean_shift),
        width_change: of(|m| m.shape.width_change.abs()),
        correlation: of(|m| m.shape.correlation),
        ssd: of(|m| m.shape.ssd),
        telescope: summarise(&measured.iter().map(|m| m.telescope).collect::<Vec<_>>()),
    })
}
