//! A seeded generator of realistic wafers.
//!
//! Deposits of exponential energy fall on random trigger cells and spread as a Gaussian over their neighbours; a few
//! wafers see the core of a shower. The charges pass through the read-out chip's number format and the calibration to
//! transverse charge, as in data. The numbers are tuned to wafers of top-quark pairs with 200 pile-up collisions.

use rand::RngExt as _;
use rand_distr::{Distribution as _, Exp1, Gamma, LogNormal, Normal, Poisson};
use recoil_stage::Seed;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::data::Wafer;
use crate::emulator::float::{CompressedFloat, Fraction};
use crate::error::{EcontError, Result};
use crate::wafer::{CELLS, POSITIONS};

/// Keys of the generator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WaferConfig {
    /// Smallest pseudorapidity.
    pub eta_min: f64,
    /// Largest pseudorapidity.
    pub eta_max: f64,
    /// Mean number of deposits on a wafer at |eta| = 1.55.
    pub deposits: f64,
    /// Growth of the mean number of deposits per unit of pseudorapidity, as an exponent.
    pub growth: f64,
    /// Mean transverse charge of a deposit [counts].
    pub charge: f64,
    /// Share of the wafers that see the core of a shower.
    pub cores: f64,
    /// Median transverse charge of such a core [counts].
    pub core_charge: f64,
}

impl Default for WaferConfig {
    fn default() -> Self {
        Self { eta_min: 1.55, eta_max: 2.95, deposits: 3.7, growth: 1.5, charge: 58.0, cores: 0.06, core_charge: 450.0 }
    }
}

impl WaferConfig {
    /// Checks the values.
    ///
    /// # Errors
    /// A value that no wafer can be made with.
    pub fn check(&self) -> Result<()> {
        let fault = |key, reason: &str| Err(EcontError::Config { key, reason: reason.to_owned() });
        if !(0.5..4.0).contains(&self.eta_min) || !(0.5..4.0).contains(&self.eta_max) || self.eta_min >= self.eta_max {
            return fault("eta_min", "and `eta_max` must be between 0.5 and 4, the first below the second");
        }
        if !(self.deposits > 0.0 && self.deposits < 1e3) {
            return fault("deposits", "must be positive and below 1000");
        }
        if !(-3.0..=3.0).contains(&self.growth) {
            return fault("growth", "must be between -3 and 3");
        }
        if !(self.charge > 0.0 && self.charge < 1e4 && self.core_charge > 0.0 && self.core_charge < 1e5) {
            return fault("charge", "and `core_charge` must be positive, below 10^4 and 10^5");
        }
        if !(0.0..=1.0).contains(&self.cores) {
            return fault("cores", "must be between 0 and 1");
        }
        Ok(())
    }
}

/// A wafer and where it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SimulatedWafer {
    /// Charges by trigger-cell number.
    pub charges: Wafer,
    /// Pseudorapidity of the wafer's centre.
    pub eta: f32,
}

/// The wafer of number `index`, which is never empty. The same seed and number give the same wafer.
pub fn wafer(config: &WaferConfig, seed: Seed, index: u64) -> SimulatedWafer {
    let mut rng = seed.named("wafer").indexed(index).rng();
    // an empty wafer is not read out: the next try takes its place
    let mut tries = 0;
    loop {
        let made = attempt(config, &mut rng);
        tries += 1;
        if tries == 10_000 || made.charges.iter().any(|&charge| charge > 0) {
            return made;
        }
    }
}

/// The number format of the read-out chip of a low-density module.
const READ_OUT: CompressedFloat = CompressedFloat::new(1, 4, 3);

fn attempt(config: &WaferConfig, rng: &mut recoil_stage::seed::Rng) -> SimulatedWafer {
    let eta = rng.random_range(config.eta_min..config.eta_max);
    let to_transverse = 1.0 / eta.cosh();
    let mut energies = [0.0f64; CELLS];
    // three degrees of freedom make the number of collisions fluctuate as pile-up does
    let activity = Gamma::new(3.0, 1.0 / 3.0).map_or(1.0, |d| d.sample(rng));
    let mean = config.deposits * (config.growth * (eta - 1.55)).exp() * activity;
    let count = Poisson::new(mean.clamp(1e-6, 1e5)).map_or(0.0, |d| d.sample(rng)) as usize;
    for _ in 0..count {
        let charge = config.charge * exponential(rng) * log_normal(rng, 0.6) / to_transverse;
        let width = normal(rng, 0.6, 0.3).abs() + 0.12;
        let centre = place(rng);
        spread(&mut energies, centre, width, charge);
    }
    if rng.random::<f64>() < config.cores {
        let charge = config.core_charge * log_normal(rng, 0.8) / to_transverse;
        let centre = place(rng);
        spread(&mut energies, centre, 0.9, 0.7 * charge);
        spread(&mut energies, centre, 2.2, 0.3 * charge);
    }
    let calibration = crate::emulator::calibration::calibration_value(eta);
    let charges = energies.map(|energy| {
        let measured = energy * log_normal(rng, 0.1);
        let raw = if measured < 6.0 { 0 } else { measured.min(f64::from(crate::data::LARGEST_CHARGE)) as u32 };
        let sent = if raw == 0 { 0 } else { READ_OUT.decode(READ_OUT.encode(raw), Fraction::Middle) };
        let charge = ((sent * u64::from(calibration)) >> 11) as u32;
        if charge < 3 { 0 } else { charge }
    });
    SimulatedWafer { charges, eta: eta as f32 }
}

/// A random trigger cell's centre with an offset.
fn place(rng: &mut recoil_stage::seed::Rng) -> [f64; 2] {
    let [x, y] = POSITIONS.get(rng.random_range(0..CELLS)).copied().unwrap_or_default();
    [x + normal(rng, 0.0, 0.6), y + normal(rng, 0.0, 0.6)]
}

/// Shares `energy` among the cells as a Gaussian of `width` small cells does.
fn spread(energies: &mut [f64; CELLS], centre: [f64; 2], width: f64, energy: f64) {
    let weights = POSITIONS.map(|[x, y]| {
        let squared = (x - centre[0]).powi(2) + (y - centre[1]).powi(2);
        (-squared / (2.0 * width * width)).exp()
    });
    let sum: f64 = weights.iter().sum();
    if sum > 0.0 {
        energies.iter_mut().zip(weights).for_each(|(total, weight)| *total += energy * weight / sum);
    }
}

fn exponential(rng: &mut recoil_stage::seed::Rng) -> f64 {
    Exp1.sample(rng)
}

fn normal(rng: &mut recoil_stage::seed::Rng, mean: f64, sigma: f64) -> f64 {
    Normal::new(mean, sigma).map_or(mean, |d| d.sample(rng))
}

fn log_normal(rng: &mut recoil_stage::seed::Rng, sigma: f64) -> f64 {
    LogNormal::new(0.0, sigma).map_or(1.0, |d| d.sample(rng))
}
