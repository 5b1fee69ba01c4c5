//! Four-momenta: between (pt, eta, phi, mass or energy) and (px, py, pz, energy). Energies in GeV.

use crate::angle;

/// A four-momentum in GeV.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct FourMomentum {
    /// along x
    pub px: f64,
    /// along y
    pub py: f64,
    /// along the beam
    pub pz: f64,
    /// energy
    pub energy: f64,
}

impl FourMomentum {
    /// From transverse momentum, pseudorapidity, azimuth and mass.
    pub fn from_pt_eta_phi_mass(pt: f64, eta: f64, phi: f64, mass: f64) -> Self {
        let (px, py, pz) = (pt * phi.cos(), pt * phi.sin(), pt * eta.sinh());
        Self { px, py, pz, energy: (pt * eta.cosh()).hypot(mass) }
    }

    /// From transverse momentum, pseudorapidity, azimuth and energy, which fixes the mass.
    pub fn from_pt_eta_phi_energy(pt: f64, eta: f64, phi: f64, energy: f64) -> Self {
        Self { px: pt * phi.cos(), py: pt * phi.sin(), pz: pt * eta.sinh(), energy }
    }

    /// Transverse momentum.
    pub fn pt(&self) -> f64 {
        self.px.hypot(self.py)
    }

    /// Magnitude of the momentum.
    pub fn p(&self) -> f64 {
        self.pt().hypot(self.pz)
    }

    /// Pseudorapidity; infinite along the beam.
    pub fn eta(&self) -> f64 {
        angle::eta_from_xyz(self.px, self.py, self.pz)
    }

    /// Azimuth in (-pi, pi].
    pub fn phi(&self) -> f64 {
        angle::wrap(self.py.atan2(self.px))
    }

    /// Rapidity, `atanh(pz / E)`.
    pub fn rapidity(&self) -> f64 {
        (self.pz / self.energy).atanh()
    }

    /// Invariant mass, negative where `E^2 < p^2` (rounding, or a measured energy that is too small).
    pub fn mass(&self) -> f64 {
        let p = self.p();
        let square = (self.energy - p) * (self.energy + p);
        square.signum() * square.abs().sqrt()
    }
}

impl std::ops::Add for FourMomentum {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            px: self.px + other.px,
            py: self.py + other.py,
            pz: self.pz + other.pz,
            energy: self.energy + other.energy,
        }
    }
}

impl std::iter::Sum for FourMomentum {
    fn sum<I: Iterator<Item = Self>>(terms: I) -> Self {
        terms.fold(Self::default(), std::ops::Add::add)
    }
}

/// Transverse momentum of a massless particle with this energy: `E / cosh eta`.
pub fn pt_from_energy(energy: f64, eta: f64) -> f64 {
    energy / eta.cosh()
}

/// Energy of a massless particle with this transverse momentum: `pt cosh eta`.
pub fn energy_from_pt(pt: f64, eta: f64) -> f64 {
    pt * eta.cosh()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-12 * b.abs().max(1.0)
    }

    #[test]
    fn by_hand() {
        // pt 3 along x with sinh eta = 4/3: pz 4, p 5; mass 12 makes E 13
        let eta = (4.0_f64 / 3.0).asinh();
        let p = FourMomentum::from_pt_eta_phi_mass(3.0, eta, 0.0, 12.0);
        assert!(close(p.pz, 4.0) && close(p.p(), 5.0) && close(p.energy, 13.0) && close(p.mass(), 12.0));
        assert!(close(p.eta(), eta) && close(p.rapidity(), (4.0_f64 / 13.0).atanh()));
        assert!(close(pt_from_energy(5.0, eta), 3.0) && close(energy_from_pt(3.0, eta), 5.0));
        assert!(close(FourMomentum::from_pt_eta_phi_energy(3.0, eta, 0.0, 13.0).mass(), 12.0));
    }

    #[test]
    fn round_trip_and_sum() {
        let a = FourMomentum::from_pt_eta_phi_mass(40.0, -1.7, 3.0, 0.105);
        assert!(close(a.pt(), 40.0) && close(a.eta(), -1.7) && close(a.phi(), 3.0));
        assert!((a.mass() - 0.105).abs() < 1e-9);
        // two photons of 45.6 GeV back to back make 91.2 GeV
        let photon = |phi| FourMomentum::from_pt_eta_phi_mass(45.6, 0.0, phi, 0.0);
        let pair: FourMomentum = [photon(0.5), photon(0.5 + std::f64::consts::PI)].into_iter().sum();
        assert!(close(pair.mass(), 91.2));
    }
}
