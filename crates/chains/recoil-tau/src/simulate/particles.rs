//! Reconstructed particles.

use rand::RngExt as _;
use recoil_stage::seed::Rng;

use super::sample::{exponential, normal, poisson};

/// Kinds of particles, with the codes of the tuple.
pub const CHARGED: u8 = 1;
/// Electrons.
pub const ELECTRON: u8 = 2;
/// Muons.
pub const MUON: u8 = 3;
/// Photons.
pub const PHOTON: u8 = 4;
/// Neutral hadrons.
pub const NEUTRAL: u8 = 5;

/// A reconstructed particle.
#[derive(Clone, Copy, Debug)]
pub struct Particle {
    /// Kind.
    pub kind: u8,
    /// Transverse momentum [GeV].
    pub pt: f64,
    /// Pseudorapidity.
    pub eta: f64,
    /// Azimuth [rad].
    pub phi: f64,
    /// Charge.
    pub charge: i32,
    /// Distance of the track from the beam line, and from the primary vertex along it [cm].
    pub dxy: f64,
    /// As `dxy`.
    pub dz: f64,
    /// Whether it belongs to the candidate's decay.
    pub signal: bool,
    /// Whether it is of another collision.
    pub pile_up: bool,
}

impl Particle {
    /// A particle of the primary collision near (eta, phi), at a distance with this mean.
    pub fn near(kind: u8, pt: f64, (eta, phi): (f64, f64), spread: f64, rng: &mut Rng) -> Self {
        let (radius, angle) = (exponential(spread, rng), rng.random_range(0.0..std::f64::consts::TAU));
        let is_charged = matches!(kind, CHARGED | ELECTRON | MUON);
        let charge = if !is_charged {
            0
        } else if rng.random_bool(0.5) {
            1
        } else {
            -1
        };
        Self {
            kind,
            pt,
            eta: eta + radius * angle.cos(),
            phi: wrapped(phi + radius * angle.sin()),
            charge,
            dxy: if is_charged { normal(0.0, 0.003, rng) } else { 0.0 },
            dz: if is_charged { normal(0.0, 0.005, rng) } else { 0.0 },
            signal: false,
            pile_up: false,
        }
    }

    /// Whether its track is good enough for details.
    pub fn has_track(&self) -> bool {
        self.charge != 0 && self.pt > 0.95
    }
}

/// An azimuth in [-π, π].
pub fn wrapped(phi: f64) -> f64 {
    crate::data::truth::delta_phi(phi, 0.0)
}

/// Particles of other collisions around a direction, for an energy density `rho` [GeV].
pub fn pile_up(rho: f64, centre: (f64, f64), rng: &mut Rng) -> Vec<Particle> {
    let mut all = Vec::new();
    let (charged, neutral) = (poisson(0.6 * rho, rng), poisson(0.4 * rho, rng));
    for index in 0..charged + neutral {
        let kind = if index < charged {
            CHARGED
        } else if rng.random_bool(0.6) {
            PHOTON
        } else {
            NEUTRAL
        };
        let pt = 0.5 + exponential(0.45, rng);
        let mut particle = Particle::near(kind, pt, centre, 1e-9, rng);
        // evenly over a disc of radius 0.6
        let (radius, angle) = (0.6 * rng.random::<f64>().sqrt(), rng.random_range(0.0..std::f64::consts::TAU));
        particle.eta = centre.0 + radius * angle.cos();
        particle.phi = wrapped(centre.1 + radius * angle.sin());
        if kind == CHARGED {
            particle.dz = normal(0.0, 3.0, rng);
            particle.dxy = normal(0.0, 0.02, rng);
        }
        particle.pile_up = true;
        all.push(particle);
    }
    all
}
