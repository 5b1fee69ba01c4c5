//! What the algorithms differ in: the weight of an object and how far apart two of them are.

use super::Algorithm;
use crate::angle::delta_phi;
use crate::momentum::FourMomentum;

/// Rapidity of objects along the beam, beyond that of any other.
const BEAM_RAPIDITY: f64 = 1e5;

/// An object as distances see it: weight of the momentum, and a place on the cylinder or on the sphere.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub weight: f64,
    at: [f64; 3],
}

impl Algorithm {
    pub(super) fn place(self, momentum: &FourMomentum) -> Place {
        let FourMomentum { px, py, pz, energy } = *momentum;
        let kt2 = px * px + py * py;
        if let Self::GeneralisedKtEe { power } = self {
            let p = (kt2 + pz * pz).sqrt();
            // an object at rest has no direction; along the beam it meets nothing but the beam
            let at = if p > 0.0 { [px / p, py / p, pz / p] } else { [0.0, 0.0, 1.0] };
            return Place { weight: powered(energy * energy, power), at };
        }
        let weight = match self {
            Self::AntiKt => powered(kt2, -1.0),
            Self::Kt => kt2,
            _ => 1.0,
        };
        let phi = if kt2 == 0.0 { 0.0 } else { py.atan2(px) };
        Place { weight, at: [rapidity(kt2, pz, energy), phi, 0.0] }
    }

    /// Squared distance on the cylinder, `1 - cos theta` on the sphere.
    pub(super) fn separation(self, a: &Place, b: &Place) -> f64 {
        match self {
            Self::GeneralisedKtEe { .. } => one_minus_cosine(&a.at, &b.at),
            _ => {
                let (rapidity, phi) = (a.at[0] - b.at[0], delta_phi(a.at[1], b.at[1]));
                rapidity * rapidity + phi * phi
            }
        }
    }

    /// The separation that counts as the distance to the beam.
    pub(super) fn reach(self, radius: f64) -> f64 {
        match self {
            Self::GeneralisedKtEe { .. } if radius > std::f64::consts::PI => 3.0 + radius.cos(),
            Self::GeneralisedKtEe { .. } => 1.0 - radius.cos(),
            _ => radius * radius,
        }
    }
}

/// `square^power`, kept finite so that products with distances have an order.
fn powered(square: f64, power: f64) -> f64 {
    let value = if power == -1.0 { 1.0 / square } else { square.powf(power) };
    value.min(1e300)
}

/// Rapidity with the mass of a measured object, which rounding may have made imaginary, at least 0.
fn rapidity(kt2: f64, pz: f64, energy: f64) -> f64 {
    let magnitude = if kt2 == 0.0 && energy <= pz.abs() {
        BEAM_RAPIDITY + pz.abs()
    } else {
        let mass2 = ((energy + pz) * (energy - pz) - kt2).max(0.0);
        let sum = energy + pz.abs();
        0.5 * ((sum * sum) / (kt2 + mass2)).ln()
    };
    if pz < 0.0 { -magnitude } else { magnitude }
}

/// `1 - cos theta` of two directions, exact for small angles too.
fn one_minus_cosine(a: &[f64; 3], b: &[f64; 3]) -> f64 {
    let dot = a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
    if dot < 0.99 {
        return 1.0 - dot;
    }
    let cross = [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
    let sine2 = cross.iter().map(|c| c * c).sum::<f64>();
    sine2 / (1.0 + (1.0 - sine2).max(0.0).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rapidities_of_slow_and_of_collinear_objects() {
        let massive = FourMomentum::from_pt_eta_phi_mass(3.0, 0.7, 0.0, 2.0);
        let found = rapidity(9.0, massive.pz, massive.energy);
        assert!((found - massive.rapidity()).abs() < 1e-12);
        assert_eq!(rapidity(0.0, -5.0, 5.0), -(BEAM_RAPIDITY + 5.0));
        // an energy below the momentum counts as massless
        assert!((rapidity(9.0, 4.0, 4.9) - (4.9_f64 + 4.0).powi(2).ln() * 0.5 + 9.0_f64.ln() * 0.5).abs() < 1e-12);
    }

    #[test]
    fn small_angles_keep_their_digits() {
        let direction = |angle: f64| [angle.sin(), 0.0, angle.cos()];
        for angle in [1e-9_f64, 1e-4, 0.1, 1.0, 3.0] {
            let expected = 2.0 * (0.5 * angle).sin().powi(2);
            let found = one_minus_cosine(&direction(0.0), &direction(angle));
            assert!((found / expected - 1.0).abs() < 1e-12, "{angle}: {found} for {expected}");
        }
    }
}
