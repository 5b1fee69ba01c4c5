//! The smallest flux that a telescope detects.

use super::binning::{bin_of, centers, histogram, interpolate};
use super::cuts::{CutTable, PercentileCut};
use super::events::Events;
use super::significance::li_ma;
use super::simulated::cone_solid_angle;
use super::spectra::Spectrum;
use rayon::prelude::*;

/// What counts as a detection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Detection {
    /// Size of the on region over that of the off region.
    pub alpha: f64,
    /// Significance in standard deviations.
    pub significance: f64,
    /// Events of signal at least.
    pub signal_events: f64,
    /// Signal over background at least.
    pub excess_over_background: f64,
}

impl Default for Detection {
    fn default() -> Self {
        Self { alpha: 0.1, significance: 5.0, signal_events: 10.0, excess_over_background: 0.05 }
    }
}

impl Detection {
    /// The part of the flux behind `n_on` that is just detected; infinite without an excess, not a number where the
    /// significance is not reached in a wide range around the estimate.
    pub fn relative_flux(&self, n_on: f64, n_off: f64) -> f64 {
        if n_on.is_nan() || n_off.is_nan() {
            return f64::NAN;
        }
        let background = n_off * self.alpha;
        let signal = n_on - background;
        if signal <= 0.0 {
            return f64::INFINITY;
        }
        let estimate = self.significance * background.sqrt() / signal;
        let (low, high) = if n_off > 1.0 { (0.01 * estimate, 10.0 * estimate) } else { (1e-4, 100.0) };
        let excess = |part: f64| li_ma(signal * part + background, n_off, self.alpha) - self.significance;
        let Some(part) = brent(excess, low, high) else { return f64::NAN };
        let needed = self.signal_events.max(self.excess_over_background * background);
        let found = signal * part;
        if found < needed { part * (needed / found) } else { part }
    }
}

/// A root between two places where the function has different signs (Brent, Algorithms for Minimization Without
/// Derivatives, chapter 4).
fn brent(function: impl Fn(f64) -> f64, low: f64, high: f64) -> Option<f64> {
    const ABSOLUTE: f64 = 2e-12;
    const RELATIVE: f64 = 4.0 * f64::EPSILON;
    let (mut before, mut now) = (low, high);
    let (mut value_before, mut value_now) = (function(before), function(now));
    if value_before == 0.0 {
        return Some(before);
    }
    if value_now == 0.0 {
        return Some(now);
    }
    let product = value_before * value_now;
    if product >= 0.0 || product.is_nan() {
        return None;
    }
    let (mut block, mut value_block, mut step, mut last_step) = (before, value_before, 0.0, 0.0);
    for _ in 0..100 {
        if value_before * value_now < 0.0 {
            (block, value_block) = (before, value_before);
            step = now - before;
            last_step = step;
        }
        if value_block.abs() < value_now.abs() {
            (before, now, block) = (now, block, now);
            (value_before, value_now, value_block) = (value_now, value_block, value_now);
        }
        let tolerance = (ABSOLUTE + RELATIVE * now.abs()) / 2.0;
        let half = (block - now) / 2.0;
        if value_now == 0.0 || half.abs() < tolerance {
            return Some(now);
        }
        if last_step.abs() > tolerance && value_now.abs() < value_before.abs() {
            let trial = if before == block {
                // a straight line through two points
                -value_now * (now - before) / (value_now - value_before)
            } else {
                // an inverse parabola through three
                let one = (value_before - value_now) / (before - now);
                let two = (value_block - value_now) / (block - now);
                -value_now * (value_block * two - value_before * one) / (two * one * (value_block - value_before))
            };
            if 2.0 * trial.abs() < last_step.abs().min(3.0 * half.abs() - tolerance) {
                (last_step, step) = (step, trial);
            } else {
                (last_step, step) = (half, half);
            }
        } else {
            (last_step, step) = (half, half);
        }
        (before, value_before) = (now, value_now);
        now += if step.abs() > tolerance { step } else { tolerance.copysign(half) };
        value_now = function(now);
    }
    None
}

/// Background in the off region per bin of reconstructed energy, from all events between two offsets \[deg\] from the
/// camera's centre: their number is scaled to the size of the off region, which is 1/`alpha` on regions.
pub fn estimate_background(
    events: &Events,
    edges: &[f64],
    theta_cuts: &CutTable,
    alpha: f64,
    offsets: (f64, f64),
) -> Vec<f64> {
    let inside = (0..events.len()).filter(|event| {
        let offset = events.reco_offset[*event];
        offset >= offsets.0 && offset < offsets.1
    });
    let sums = histogram(edges, inside.map(|event| (events.reco_energy[event], events.weight[event])));
    let ring = cone_solid_angle(offsets.1) - cone_solid_angle(offsets.0);
    let known = theta_cuts.centers();
    let scale = |center: &f64| cone_solid_angle(interpolate(&known, &theta_cuts.cut, *center)) / ring / alpha;
    sums.iter().zip(centers(edges).iter().map(scale)).map(|(sum, scale)| sum * scale).collect()
}

/// Sensitivity in a bin of reconstructed energy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sensitivity {
    /// Just detected part of the flux that the signal stands for.
    pub relative: f64,
    /// Events of the whole signal.
    pub signal: f64,
    /// Events in the off region.
    pub background: f64,
    /// Significance of the just detected part.
    pub significance: f64,
}

/// Sensitivity per bin from the signal's and the off region's events.
pub fn sensitivity(signal: &[f64], background: &[f64], detection: &Detection) -> Vec<Sensitivity> {
    let of = |(signal, background): (&f64, &f64)| {
        let relative = detection.relative_flux(signal + detection.alpha * background, *background);
        let reached = signal * relative + detection.alpha * background;
        let significance = if reached.is_nan() { f64::NAN } else { li_ma(reached, *background, detection.alpha) };
        Sensitivity { relative, signal: *signal, background: *background, significance }
    };
    signal.iter().zip(background).map(of).collect()
}

/// How the sensitivity is found.
#[derive(Clone, Debug, PartialEq)]
pub struct Optimisation {
    /// Edges of bins of reconstructed energy \[TeV\].
    pub edges: Vec<f64>,
    /// What counts as a detection.
    pub detection: Detection,
    /// Share of the gammas that the first cut on gammaness keeps, for the first cuts on theta.
    pub initial_efficiency: f64,
    /// Shares of the gammas that are tried.
    pub efficiencies: Vec<f64>,
    /// Share of the gammas within the cut on theta.
    pub containment: f64,
    /// Least and greatest cut on theta \[deg\].
    pub theta_limits: (f64, f64),
    /// Offsets \[deg\] between which background is counted.
    pub background_offsets: (f64, f64),
    /// Flux of the source that the weights of the gammas stand for.
    pub source: Spectrum,
}

impl Default for Optimisation {
    fn default() -> Self {
        use super::binning::{bins_per_decade, with_overflow};
        Self {
            edges: with_overflow(bins_per_decade(0.02, 20.05, 5)),
            detection: Detection::default(),
            initial_efficiency: 0.4,
            efficiencies: (1..=90).map(|percent| f64::from(percent) / 100.0).collect(),
            containment: 0.68,
            theta_limits: (0.1, 0.5),
            background_offsets: (0.0, 1.0),
            source: Spectrum::CrabHegra,
        }
    }
}

/// Sensitivity with the cuts that give it.
#[derive(Clone, Debug, PartialEq)]
pub struct Optimised {
    /// Cut on gammaness of the first step, the same at all energies.
    pub initial_cut: f64,
    /// Cuts on theta \[deg\] of the first step.
    pub initial_theta: CutTable,
    /// Best cuts on gammaness.
    pub gammaness: CutTable,
    /// Share of the gammas that the best cuts keep.
    pub efficiency: Vec<f64>,
    /// Sensitivities with the best cuts on gammaness and the first ones on theta.
    pub first: Vec<Sensitivity>,
    /// Cuts on theta \[deg\] for the best cuts on gammaness.
    pub theta: CutTable,
    /// Sensitivities with all cuts.
    pub sensitivity: Vec<Sensitivity>,
    /// Just detected flux at the bins' middles \[1/(TeV s cm²)\].
    pub flux: Vec<f64>,
}

impl Optimisation {
    /// Finds cuts that give the best sensitivity in each bin: a cut on theta from well recognised gammas, the best cut on
    /// gammaness with it, then both once more. Signal and background need weights.
    pub fn run(&self, signal: &Events, background: &Events) -> Optimised {
        let edges = &self.edges;
        let mut sorted = signal.gammaness.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let initial_cut = super::binning::quantile(&sorted, 1.0 - self.initial_efficiency);
        let initial_theta = self.theta_cuts(&signal.filter(|event| signal.gammaness[event] >= initial_cut));

        let within = signal.filter(|event| initial_theta.passes_below(signal.theta[event], signal.reco_energy[event]));
        let greatest = sorted.last().copied().unwrap_or(f64::NAN);
        let tried: Vec<(CutTable, Vec<Sensitivity>)> = self
            .efficiencies
            .par_iter()
            .map(|efficiency| {
                let cut = PercentileCut::new(100.0 * (1.0 - efficiency), greatest);
                let cuts = cut.table(&signal.gammaness, &signal.reco_energy, edges);
                let found = self.evaluate(&within, background, &cuts, &initial_theta);
                (cuts, found)
            })
            .collect();
        let bins = edges.len().saturating_sub(1);
        let mut gammaness = CutTable { edges: edges.clone(), n_events: vec![0; bins], cut: vec![f64::NAN; bins] };
        let (mut efficiency, mut first) = (Vec::with_capacity(bins), Vec::with_capacity(bins));
        for bin in 0..bins {
            let mut best = 0;
            for (index, (_, found)) in tried.iter().enumerate() {
                let (relative, least) = (found[bin].relative, tried[best].1[bin].relative);
                if relative < least || (least.is_nan() && !relative.is_nan()) {
                    best = index;
                }
            }
            if let Some((cuts, found)) = tried.get(best) {
                gammaness.cut[bin] = cuts.cut[bin];
                gammaness.n_events[bin] = cuts.n_events[bin];
                first.push(found[bin]);
                efficiency.push(self.efficiencies[best]);
            }
        }

        let passing = |event: usize| gammaness.passes_above(signal.gammaness[event], signal.reco_energy[event]);
        let recognised = signal.filter(passing);
        let theta = self.theta_cuts(&recognised);
        let kept =
            recognised.filter(|event| theta.passes_below(recognised.theta[event], recognised.reco_energy[event]));
        let sensitivity = self.evaluate(&kept, background, &gammaness, &theta);
        let flux =
            sensitivity.iter().zip(centers(edges)).map(|(found, at)| found.relative * self.source.at(at)).collect();
        Optimised { initial_cut, initial_theta, gammaness, efficiency, first, theta, sensitivity, flux }
    }

    fn theta_cuts(&self, gammas: &Events) -> CutTable {
        let (least, most) = self.theta_limits;
        let cut = PercentileCut {
            min_value: Some(least),
            max_value: Some(most),
            ..PercentileCut::new(100.0 * self.containment, most)
        };
        cut.table(&gammas.theta, &gammas.reco_energy, &self.edges)
    }

    /// Sensitivities with cuts on gammaness; `signal` has passed those on theta.
    fn evaluate(
        &self,
        signal: &Events,
        background: &Events,
        gammaness: &CutTable,
        theta: &CutTable,
    ) -> Vec<Sensitivity> {
        let passes = |events: &Events, event: usize| {
            bin_of(&gammaness.edges, events.reco_energy[event])
                .is_some_and(|bin| events.gammaness[event] >= gammaness.cut[bin])
        };
        let kept = (0..signal.len()).filter(|event| passes(signal, *event));
        let signal = histogram(&self.edges, kept.map(|event| (signal.reco_energy[event], signal.weight[event])));
        let left = background.filter(|event| passes(background, event));
        let (alpha, offsets) = (self.detection.alpha, self.background_offsets);
        let background = estimate_background(&left, &self.edges, theta, alpha, offsets);
        sensitivity(&signal, &background, &self.detection)
    }
}
