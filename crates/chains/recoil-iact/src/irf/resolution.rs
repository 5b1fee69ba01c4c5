//! How near reconstructed energies and directions are to the true ones.

use super::binning::{bin_of, quantile};
use super::events::Events;

/// Share of a normal distribution within one standard deviation.
pub const ONE_SIGMA: f64 = 0.682_689_492_137_085_9;
/// Share of a normal distribution below minus one standard deviation.
const LOWER: f64 = 0.158_655_253_931_457_05;
/// Share of a normal distribution below one standard deviation.
const UPPER: f64 = 0.841_344_746_068_542_9;

/// Sorted values per bin of true energy.
fn grouped(energy: &[f64], values: impl Iterator<Item = f64>, edges: &[f64]) -> Vec<Vec<f64>> {
    let mut groups: Vec<Vec<f64>> = vec![Vec::new(); edges.len().saturating_sub(1)];
    for (energy, value) in energy.iter().zip(values) {
        if let Some(group) = bin_of(edges, *energy).and_then(|bin| groups.get_mut(bin)) {
            group.push(value);
        }
    }
    for group in &mut groups {
        group.sort_unstable_by(f64::total_cmp);
    }
    groups
}

/// Angle \[deg\] around the true direction that holds this share of the reconstructed ones, per bin of true energy; not a
/// number in empty bins.
pub fn angular_resolution(events: &Events, edges: &[f64], share: f64) -> Vec<f64> {
    let groups = grouped(&events.true_energy, events.theta.iter().copied(), edges);
    groups.iter().map(|group| quantile(group, share)).collect()
}

/// Bias and resolution of the energy in a bin; not numbers in an empty one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EnergyResolution {
    /// Median of reconstructed over true energy, minus one.
    pub bias: f64,
    /// Half the distance between the quantiles at minus and plus one standard deviation.
    pub half_width: f64,
    /// Deviation from the true energy that 68.27 % of the events do not exceed.
    pub absolute: f64,
    /// Number of events.
    pub events: usize,
}

/// Bias and resolution of the energy per bin of true energy.
pub fn energy_resolution(events: &Events, edges: &[f64]) -> Vec<EnergyResolution> {
    let errors = || events.reco_energy.iter().zip(&events.true_energy).map(|(reco, truth)| reco / truth - 1.0);
    let signed = grouped(&events.true_energy, errors(), edges);
    let absolute = grouped(&events.true_energy, errors().map(f64::abs), edges);
    let of = |(signed, absolute): (&Vec<f64>, &Vec<f64>)| EnergyResolution {
        bias: quantile(signed, 0.5),
        half_width: 0.5 * (quantile(signed, UPPER) - quantile(signed, LOWER)),
        absolute: quantile(absolute, ONE_SIGMA),
        events: signed.len(),
    };
    signed.iter().zip(&absolute).map(of).collect()
}
