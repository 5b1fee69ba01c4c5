//! Features as bytes: how many of a feature's thresholds lie below a value. Forests grown on histograms have at most 255.

use super::arrange::{Coded, Node as _};
use crate::tree::{LEAF, Tree};

/// Thresholds of a feature at most.
const LIMIT: usize = u8::MAX as usize;

type Thresholds = [f32; LIMIT + 1];

/// The thresholds of all features.
pub(super) struct Codes {
    /// In ascending order, filled up with infinities.
    thresholds: Vec<Thresholds>,
}

impl Codes {
    /// The thresholds that occur in `trees`; `None` if there are too many.
    pub(super) fn of(trees: &[Tree], features: usize) -> Option<Self> {
        let mut found: Vec<Vec<f32>> = vec![Vec::new(); features];
        for tree in trees {
            for (feature, threshold) in tree.feature.iter().zip(&tree.threshold).filter(|(f, _)| **f != LEAF) {
                let own = &mut found[usize::from(*feature)];
                let place = own.partition_point(|known| known < threshold);
                if own.get(place) != Some(threshold) {
                    if own.len() == LIMIT {
                        return None;
                    }
                    own.insert(place, *threshold);
                }
            }
        }
        let filled = |own: &Vec<f32>| {
            let mut all = [f32::INFINITY; LIMIT + 1];
            all[..own.len()].copy_from_slice(own);
            all
        };
        Some(Self { thresholds: found.iter().map(filled).collect() })
    }

    /// The code of a threshold: values above it have larger ones.
    pub(super) fn of_threshold(&self, feature: u16, threshold: f32) -> u8 {
        self.thresholds[usize::from(feature)].partition_point(|known| *known < threshold) as u8
    }

    /// The codes of a row.
    #[inline]
    pub(super) fn of_row(&self, row: &[f32]) -> [u8; Coded::FEATURES] {
        let mut codes = [0; Coded::FEATURES];
        for ((code, value), thresholds) in codes.iter_mut().zip(row).zip(&self.thresholds) {
            *code = below(thresholds, *value);
        }
        codes
    }
}

/// How many thresholds lie below a value, without a branch that depends on it.
#[inline]
fn below(thresholds: &Thresholds, value: f32) -> u8 {
    let mut count = 0_u8;
    for step in [128, 64, 32, 16, 8, 4, 2, 1] {
        let passed = thresholds[usize::from(count + (step - 1))] < value;
        count += step * u8::from(passed);
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_counts_of_thresholds() {
        let mut thresholds = [f32::INFINITY; LIMIT + 1];
        assert_eq!(below(&thresholds, f32::MAX), 0);
        for (number, threshold) in thresholds.iter_mut().take(LIMIT).enumerate() {
            *threshold = number as f32;
        }
        for value in [-1.0, 0.0, 0.5, 1.0, 100.0, 253.5, 254.0, 254.5, f32::MAX] {
            let expected = thresholds.iter().filter(|threshold| **threshold < value).count();
            assert_eq!(usize::from(below(&thresholds, value)), expected, "{value}");
        }
    }
}
