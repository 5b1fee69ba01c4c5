//! Charged-pion showers.
//!
//! The first interaction happens after an exponentially distributed number of interaction lengths; before it the pion is a
//! minimum-ionising particle, far below the trigger threshold. From there the longitudinal profile is the sum of an
//! electromagnetic and a hadronic part, both gamma distributions in depth, with the parameters of R. K. Bock,
//! T. Hansl-Kozanecka and T. P. Shah, Nucl. Instrum. Meth. 186 (1981) 533: shape a = 0.6165 + 0.3193 ln E for both, slope
//! 0.2198 per radiation length and 0.9099 - 0.0237 ln E per interaction length. The electromagnetic fraction is
//! 1 - (E / GeV)^(k - 1) with k = 0.82 (T. A. Gabriel et al., Nucl. Instrum. Meth. A338 (1994) 336), with a Gaussian spread
//! from shower to shower. Radii are exponentially distributed: as in electromagnetic showers of the same depth for that part,
//! with a mean of 0.06 + 0.05 per interaction length of depth, in units of the interaction length of steel, for the hadronic
//! part. Energy behind the last layer is lost.

use super::Detector;
use super::config::ShowerConfig;
use super::deposits::Deposits;
use super::electromagnetic::mean_radius_cm;
use super::spots::Axis;
use crate::data::LAST_CEE_LAYER;
use crate::geometry::layers;
use rand::RngExt as _;
use rand_distr::{Exp1, Gamma, Poisson, StandardNormal};
use recoil_stage::seed::Rng;

/// Interaction length of steel \[cm\].
const INTERACTION_LENGTH_CM: f64 = 16.77;
/// Interaction lengths per radiation length in CE-E: 1.3 in 25.8.
const CEE_LAMBDA_PER_X0: f64 = 1.3 / 25.8;
/// The same for the steel of CE-H: 1.757 cm / 16.77 cm.
const CEH_LAMBDA_PER_X0: f64 = 1.757 / INTERACTION_LENGTH_CM;
/// Radiation lengths per CE-E layer in the electromagnetic depth scale.
const X0_PER_LAYER: f64 = 25.8 / 28.0;
/// Deepest layer of the electromagnetic radius parametrisation.
const LAST_RADIUS_LAYER: f64 = 28.0;

/// Depth at the back of every trigger layer: radiation lengths and interaction lengths from the front face.
#[derive(Clone, Debug)]
pub(super) struct DepthScale {
    x0: Vec<f64>,
    lambda: Vec<f64>,
}

impl DepthScale {
    /// The absorber thickness in front of each layer is that of the public HGCAL fast shower model.
    pub fn new() -> Self {
        let (mut x0, mut lambda) = (0.0, 0.0);
        let mut scale = Self { x0: vec![], lambda: vec![] };
        for layer in 1..=layers::LAST_LAYER {
            let thickness = match layer {
                1..=10 => 0.6586,
                11..=20 => 0.8895,
                21..=LAST_CEE_LAYER => 1.2845,
                29 => 3.303,
                30..=40 => 2.812,
                41 => 5.648,
                _ => 5.228,
            };
            x0 += thickness;
            lambda += thickness * if layer <= LAST_CEE_LAYER { CEE_LAMBDA_PER_X0 } else { CEH_LAMBDA_PER_X0 };
            if layer <= LAST_CEE_LAYER && layer % 2 == 0 {
                // an odd CE-E layer also stands for the even one behind it
                if let (Some(x), Some(l)) = (scale.x0.last_mut(), scale.lambda.last_mut()) {
                    (*x, *l) = (x0, lambda);
                }
            } else {
                scale.x0.push(x0);
                scale.lambda.push(lambda);
            }
        }
        scale
    }

    /// Radiation lengths from the front face at `lambda` interaction lengths, and index of the trigger layer there.
    fn locate_lambda(&self, lambda: f64) -> Option<(f64, usize)> {
        Self::locate(&self.lambda, &self.x0, lambda)
    }

    /// Interaction lengths at `x0` radiation lengths, and index of the trigger layer there.
    fn locate_x0(&self, x0: f64) -> Option<(f64, usize)> {
        Self::locate(&self.x0, &self.lambda, x0)
    }

    /// `None` behind the last layer.
    fn locate(scale: &[f64], other: &[f64], depth: f64) -> Option<(f64, usize)> {
        let index = scale.partition_point(|&back| back < depth);
        let (back, other_back) = (*scale.get(index)?, *other.get(index)?);
        let (front, other_front) = match index.checked_sub(1) {
            Some(previous) => (*scale.get(previous)?, *other.get(previous)?),
            None => (0.0, 0.0),
        };
        Some((other_front + (depth - front) / (back - front) * (other_back - other_front), index))
    }
}

/// Mean electromagnetic fraction of a pion shower.
fn em_fraction(energy_gev: f64) -> f64 {
    if energy_gev > 1.0 { 1.0 - energy_gev.powf(0.82 - 1.0) } else { 0.0 }
}

/// Adds a pion shower of energy `energy_gev` along `axis`.
pub(super) fn shower(
    detector: &Detector,
    deposits: &mut Deposits,
    rng: &mut Rng,
    energy_gev: f64,
    axis: Axis,
    config: &ShowerConfig,
) {
    let scale = &detector.depth;
    let start_lambda: f64 = rng.sample::<f64, _>(Exp1);
    let spread: f64 = rng.sample::<f64, _>(StandardNormal);
    let fraction = (em_fraction(energy_gev) + config.em_fraction_spread * spread).clamp(0.0, 1.0);
    let Some((start_x0, _)) = scale.locate_lambda(start_lambda) else { return };
    let log_energy = energy_gev.max(0.5).ln();
    let shape = 0.6165 + 0.3193 * log_energy;
    let (Ok(em_depth), Ok(hadronic_depth)) =
        (Gamma::new(shape, 1.0 / 0.2198), Gamma::new(shape, 1.0 / (0.9099 - 0.0237 * log_energy)))
    else {
        return;
    };
    let em_spot = config.em_stochastic.powi(2);
    let hadronic_spot = config.hadronic_stochastic.powi(2);
    for _ in 0..poisson(rng, energy_gev * fraction / em_spot) {
        let depth: f64 = rng.sample(em_depth);
        if let Some((_, index)) = scale.locate_x0(start_x0 + depth) {
            let radius = mean_radius_cm((depth / X0_PER_LAYER).min(LAST_RADIUS_LAYER));
            add(detector, deposits, rng, (index, axis, radius), em_spot);
        }
    }
    let hadronic_gev = energy_gev * (1.0 - fraction);
    for _ in 0..poisson(rng, hadronic_gev / hadronic_spot) {
        let depth: f64 = rng.sample(hadronic_depth);
        if let Some((_, index)) = scale.locate_lambda(start_lambda + depth) {
            let radius = INTERACTION_LENGTH_CM * (0.06 + 0.05 * depth);
            add(detector, deposits, rng, (index, axis, radius), hadronic_spot * config.h_over_e);
        }
    }
}

fn poisson(rng: &mut Rng, mean: f64) -> u64 {
    Poisson::new(mean).map_or(0, |distribution| rng.sample::<f64, _>(distribution) as u64)
}

fn add(
    detector: &Detector,
    deposits: &mut Deposits,
    rng: &mut Rng,
    (index, axis, radius): (usize, Axis, f64),
    energy: f64,
) {
    let (dx, dy) = detector.scatter.sample(rng, radius);
    let Some(finder) = detector.map.finder_at(index) else { return };
    let centre = axis.at(finder.z_cm());
    if let Some(cell) = finder.cell_at(centre.x + dx, centre.y + dy) {
        deposits.add_spot(cell, energy as f32);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn the_depth_scale_covers_the_calorimeter() {
        let scale = DepthScale::new();
        assert_eq!((scale.x0.len(), scale.lambda.len()), (layers::N_TRIGGER_LAYERS, layers::N_TRIGGER_LAYERS));
        assert!(scale.x0.windows(2).all(|w| w[0] < w[1]));
        // CE-E: 25.8 radiation lengths and 1.3 interaction lengths; with CE-H about 10 interaction lengths
        assert!((scale.x0[13] - 25.8).abs() < 0.1 && (scale.lambda[13] - 1.3).abs() < 0.01, "{scale:?}");
        assert!((10.0..11.0).contains(&scale.lambda[35]), "{}", scale.lambda[35]);
        let (x0, index) = scale.locate_lambda(scale.lambda[13]).unwrap();
        assert!((x0 - scale.x0[13]).abs() < 1e-12 && index == 13);
        assert_eq!(scale.locate_lambda(100.0), None);
        assert_eq!(scale.locate_x0(0.1).unwrap().1, 0);
    }

    #[test]
    fn the_electromagnetic_fraction_grows_with_energy() {
        // 100 GeV: 1 - 100^-0.18 = 0.5635
        assert!((em_fraction(100.0) - 0.563_5).abs() < 1e-4);
        assert_eq!(em_fraction(0.5), 0.0);
    }
}
