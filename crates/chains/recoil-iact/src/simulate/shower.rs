//! What showers are drawn: energies, directions, impact points, particles.

use std::f64::consts::TAU;

use rand::RngExt as _;
use rand_distr::{Distribution as _, StandardNormal};
use recoil_stage::seed::Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::coordinates::Direction;

/// Radiation length of air \[g/cm2\].
const RADIATION_LENGTH: f64 = 36.7;
/// Critical energy of electrons in air \[TeV\].
const CRITICAL_ENERGY: f64 = 86e-6;
/// Height over which the density of air falls by e \[m\].
const SCALE_HEIGHT: f64 = 8000.0;
/// Depth of the whole atmosphere \[g/cm2\].
const DEPTH: f64 = 1033.0;

/// Primary particles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Primary {
    /// Gamma rays.
    #[default]
    Gamma,
    /// Protons.
    Proton,
    /// Electrons.
    Electron,
}

impl Primary {
    /// Its number in files.
    pub fn number(self) -> i32 {
        match self {
            Self::Gamma => 0,
            Self::Electron => 1,
            Self::Proton => 101,
        }
    }
}

/// From what showers are drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Beam {
    /// Particle.
    pub primary: Primary,
    /// Range of energies \[TeV\].
    pub energy: [f64; 2],
    /// Exponent of the spectrum.
    pub spectral_index: f64,
    /// Centre of the directions.
    pub direction: Direction,
    /// Inner and outer opening angle of the cone of directions \[rad\].
    pub cone: [f64; 2],
    /// Radius of the impact points \[m\].
    pub radius: f64,
}

/// A shower.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shower {
    /// Particle.
    pub primary: Primary,
    /// Energy \[TeV\].
    pub energy: f64,
    /// Direction.
    pub direction: Direction,
    /// Depth of the maximum along the axis \[g/cm2\].
    pub x_max: f64,
    /// Height of the maximum above the telescope \[m\].
    pub h_max: f64,
    /// Height of the first interaction \[m\].
    pub h_first: f64,
}

impl Beam {
    /// Draws a shower.
    pub fn shower(&self, rng: &mut Rng) -> Shower {
        let energy = power_law(rng.random::<f64>(), self.energy, self.spectral_index);
        let direction = self.around(rng);
        let gauss: f64 = StandardNormal.sample(rng);
        let (start, growth) = match self.primary {
            // a hadron gives a third of its energy to the first photons, and later
            Primary::Proton => (80.0, energy / 6.0),
            Primary::Gamma | Primary::Electron => (48.0, energy),
        };
        let first = -start * rng.random::<f64>().max(1e-9).ln();
        let depth = RADIATION_LENGTH * ((growth / CRITICAL_ENERGY).max(2.0).ln() + 0.3 * gauss);
        let slant = direction.alt.sin().max(0.2);
        let height = |depth: f64| (SCALE_HEIGHT * (DEPTH / (depth * slant).clamp(1.0, DEPTH)).ln()).max(100.0);
        let x_max = (first + depth).clamp(60.0, 900.0);
        let h_max = (height(x_max) - 2200.0).max(800.0);
        Shower { primary: self.primary, energy, direction, x_max, h_max, h_first: height(first.max(1.0)) }
    }

    /// A direction in the cone, uniform in solid angle.
    fn around(&self, rng: &mut Rng) -> Direction {
        let [inner, outer] = self.cone.map(f64::cos);
        let cos = inner + (outer - inner) * rng.random::<f64>();
        let sin = (1.0 - cos * cos).max(0.0).sqrt();
        let (sin_turn, cos_turn) = (TAU * rng.random::<f64>()).sin_cos();
        let (sin0, cos0) = self.direction.alt.sin_cos();
        // tilt the pole to the centre's altitude
        let alt = (sin0 * cos + cos0 * sin * cos_turn).clamp(-1.0, 1.0).asin();
        let az = self.direction.az + (sin * sin_turn).atan2(cos0 * cos - sin0 * sin * cos_turn);
        Direction::new(alt, az.rem_euclid(TAU))
    }

    /// An impact point \[m\], uniform on the disc.
    pub fn core(&self, rng: &mut Rng) -> (f64, f64) {
        let radius = self.radius * rng.random::<f64>().sqrt();
        let (sin, cos) = (TAU * rng.random::<f64>()).sin_cos();
        (radius * cos, radius * sin)
    }
}

/// The value below which the share `u` of a power law lies.
fn power_law(u: f64, [low, high]: [f64; 2], index: f64) -> f64 {
    let power = index + 1.0;
    if power.abs() < 1e-9 || low >= high {
        return low * (high / low).powf(u);
    }
    let (a, b) = (low.powf(power), high.powf(power));
    (a + u * (b - a)).powf(1.0 / power)
}

#[cfg(test)]
mod tests {
    use super::*;
    use recoil_stage::Seed;

    #[test]
    fn a_power_law_by_hand() {
        assert!((power_law(0.0, [0.1, 10.0], -2.0) - 0.1).abs() < 1e-12);
        assert!((power_law(1.0, [0.1, 10.0], -2.0) - 10.0).abs() < 1e-9);
        // half of the showers lie below 2 / (1/0.1 + 1/10)
        assert!((power_law(0.5, [0.1, 10.0], -2.0) - 2.0 / 10.1).abs() < 1e-12);
        assert!((power_law(0.5, [1.0, 100.0], -1.0) - 10.0).abs() < 1e-9);
    }

    #[test]
    fn directions_fill_the_cone() {
        let direction = Direction::new(1.2, 3.0);
        let cone = [0.0, 0.1];
        let beam =
            Beam { primary: Primary::Proton, energy: [0.1, 1.0], spectral_index: -2.0, direction, cone, radius: 100.0 };
        let mut rng = Seed::new(5).rng();
        let angles: Vec<f64> = (0..2000).map(|_| beam.around(&mut rng).separation(direction)).collect();
        assert!(angles.iter().all(|angle| *angle < 0.1 + 1e-9));
        let inside = angles.iter().filter(|angle| **angle < 0.05).count() as f64 / 2000.0;
        assert!((inside - 0.25).abs() < 0.03, "{inside}");
    }
}
