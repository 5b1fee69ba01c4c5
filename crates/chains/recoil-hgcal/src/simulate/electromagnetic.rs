//! Photon and electron showers.
//!
//! Mean longitudinal profiles are those of the public HGCAL fast shower model (LLRCMS/HGCAL-FastShower): energy per layer of
//! 35 GeV photons and electrons in full simulation, here shifted by ln(E / 35 GeV) / 0.9 layers. The odd layers, which
//! feed the trigger, carry all the energy. A layer receives a Poisson number of spots of equal energy, thrown around the
//! axis with an exponential distribution of the radius.

use super::Detector;
use super::deposits::Deposits;
use super::spots::Axis;
use crate::geometry::layers;
use rand::RngExt as _;
use rand_distr::Poisson;
use recoil_stage::seed::Rng;

const PHOTON_PROFILE: [f64; 28] = [
    2.466, 7.143, 16.566, 34.336, 53.577, 85.543, 110.062, 149.944, 182.26, 260.408, 260.97, 281.75, 248.81, 253.78,
    209.76, 202.41, 157.208, 148.61, 128.18, 126.56, 82.233, 67.392, 40.648, 31.169, 18.823, 16.165, 14.016, 3.811,
];
const ELECTRON_PROFILE: [f64; 28] = [
    1.5874, 3.3291, 6.1224, 10.6888, 14.4497, 20.3249, 22.7999, 28.3454, 31.4394, 40.9882, 36.8994, 37.8882, 31.1828,
    30.3768, 23.5351, 22.3839, 16.3414, 15.1179, 12.3962, 12.1699, 7.4253, 5.9549, 3.7008, 2.9236, 1.6568, 1.4056,
    1.2952, 0.8951,
];
/// Energy of the tabulated profiles \[GeV\].
const PROFILE_ENERGY_GEV: f64 = 35.0;
/// Number of layers by which the shower moves when its energy grows by e, inverted.
const LAYERS_PER_LOG: f64 = 0.9;
const MOLIERE_RADIUS_CM: f64 = 2.8;

/// Whether the shower starts with a photon or an electron.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Primary {
    Photon,
    Electron,
}

/// Mean fraction of the energy in each of the 14 trigger layers of CE-E; they add up to one.
pub(super) fn layer_fractions(primary: Primary, energy_gev: f64) -> [f64; 14] {
    let profile = match primary {
        Primary::Photon => &PHOTON_PROFILE,
        Primary::Electron => &ELECTRON_PROFILE,
    };
    let shift = (energy_gev / PROFILE_ENERGY_GEV).ln() / LAYERS_PER_LOG;
    let mut fractions = [0.0; 14];
    for (k, fraction) in fractions.iter_mut().enumerate() {
        *fraction = interpolate(profile, (2 * k + 1) as f64 - shift);
    }
    let sum: f64 = fractions.iter().sum();
    if sum > 0.0 { fractions.map(|f| f / sum) } else { fractions }
}

/// Profile at a fractional layer (first entry = layer 1), linear between layers, zero one layer outside.
fn interpolate(profile: &[f64], layer: f64) -> f64 {
    let below = layer.floor();
    let at = |l: f64| if l >= 1.0 { profile.get(l as usize - 1).copied().unwrap_or(0.0) } else { 0.0 };
    at(below) + (layer - below) * (at(below + 1.0) - at(below))
}

/// Relative mean energy of 35 GeV photons in an odd CE-E layer, used for the depth profile of pile-up.
pub(super) fn photon_profile(layer: i32) -> f64 {
    interpolate(&PHOTON_PROFILE, f64::from(layer))
}

/// Mean distance of a spot from the axis \[cm\] at CE-E layer `layer`: 90 % lie within
/// (8.93 + 0.046 l + 0.081 l^2) / 28 Moliere radii.
pub(super) fn mean_radius_cm(layer: f64) -> f64 {
    (8.93 + 0.046 * layer + 0.081 * layer * layer) / 28.0 * MOLIERE_RADIUS_CM / std::f64::consts::LN_10
}

/// Adds a shower of energy `energy_gev` along `axis`, in spots of `spot_gev`.
pub(super) fn shower(
    detector: &Detector,
    deposits: &mut Deposits,
    rng: &mut Rng,
    (primary, energy_gev): (Primary, f64),
    axis: Axis,
    spot_gev: f64,
) {
    for (k, fraction) in layer_fractions(primary, energy_gev).into_iter().enumerate() {
        let layer = 2 * k as i32 + 1;
        // a mean of zero is no distribution: the layer stays empty
        let Ok(distribution) = Poisson::new(energy_gev * fraction / spot_gev) else { continue };
        let spots: f64 = rng.sample(distribution);
        let (Some(finder), Some(z)) = (detector.map.finder(layer), layers::z_cm(layer)) else { continue };
        let (centre, slope) = (axis.at(z), mean_radius_cm(f64::from(layer)));
        for _ in 0..spots as u64 {
            let (dx, dy) = detector.scatter.sample(rng, slope);
            if let Some(cell) = finder.cell_at(centre.x + dx, centre.y + dy) {
                deposits.add_spot(cell, spot_gev as f32);
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn at_the_energy_of_the_table_the_profile_is_the_table() {
        let odd: f64 = PHOTON_PROFILE.iter().step_by(2).sum();
        let fractions = layer_fractions(Primary::Photon, 35.0);
        assert!((fractions[5] - 260.97 / odd).abs() < 1e-12);
        assert!((fractions.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn showers_move_inwards_with_energy() {
        let mean = |primary, energy: f64| -> f64 {
            layer_fractions(primary, energy).iter().enumerate().map(|(k, f)| (2 * k + 1) as f64 * f).sum()
        };
        // exp(0.9) times the energy is one layer deeper
        let step = mean(Primary::Photon, 35.0 * 0.9_f64.exp()) - mean(Primary::Photon, 35.0);
        assert!((step - 1.0).abs() < 0.15, "{step}");
        assert!(mean(Primary::Electron, 35.0) < mean(Primary::Photon, 35.0));
    }

    #[test]
    fn the_radius_worked_out_by_hand() {
        // layer 11: 8.93 + 0.506 + 9.801 = 19.237 -> 19.237 / 28 * 2.8 / 2.302585 = 0.83545 cm
        assert!((mean_radius_cm(11.0) - 0.835_45).abs() < 1e-5);
    }

    #[test]
    fn the_profile_ends_one_layer_outside() {
        assert_eq!(interpolate(&PHOTON_PROFILE, -0.5), 0.0);
        assert_eq!(interpolate(&PHOTON_PROFILE, 0.5), 2.466 / 2.0);
        assert_eq!(interpolate(&PHOTON_PROFILE, 28.5), 3.811 / 2.0);
        assert_eq!(interpolate(&PHOTON_PROFILE, 29.5), 0.0);
    }
}
