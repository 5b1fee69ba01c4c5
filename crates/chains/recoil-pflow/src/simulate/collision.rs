//! Particles of a collision.

use rand_distr::{Distribution as _, Exp, Gamma, Normal, Poisson};
use recoil_physics::angle::wrap;
use recoil_physics::momentum::FourMomentum;
use recoil_stage::seed::Rng;
use std::f64::consts::PI;

use crate::truth::TrueParticle;

/// Species: PDG number, share, mass \[GeV\].
pub const SPECIES: [(i32, f64, f64); 5] = [
    (211, 0.58, 0.139_570),
    (130, 0.13, 0.497_611),
    (22, 0.265, 0.0),
    (11, 0.0125, 0.000_511),
    (13, 0.0125, 0.105_658),
];
/// Least number of jets.
pub const LEAST_JETS: u32 = 2;
/// Jets: least, mean excess and greatest transverse momentum \[GeV\].
pub const JET_PT: (f64, f64, f64) = (20.0, 35.0, 400.0);
/// Greatest pseudorapidity of jets.
pub const JET_ETA: f64 = 2.4;
/// Mean number of constituents of a jet of 10 GeV, and its growth with the logarithm of the momentum.
pub const CONSTITUENTS: (f64, f64) = (4.0, 5.0);
/// Concentration of the Dirichlet distribution that shares the momentum of a jet.
pub const CONCENTRATION: f64 = 0.7;
/// Least transverse momentum of a constituent \[GeV\].
pub const CONSTITUENT_PT: f64 = 0.15;
/// Soft particles: least and mean excess of the transverse momentum \[GeV\], greatest pseudorapidity.
pub const SOFT: (f64, f64, f64) = (0.2, 0.8, 2.9);
/// Spread of the collisions along the beam where there is pile-up \[mm\].
pub const BEAM_SPOT: f64 = 45.0;

/// Mean numbers of what is in an event.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Collisions {
    /// jets beyond the first two
    pub jets: f64,
    /// soft particles of the collision itself
    pub soft: f64,
    /// other collisions of the same bunch crossing
    pub pileup: f64,
    /// soft particles of each of those
    pub soft_per_pileup: f64,
}

/// A particle and the place along the beam that it comes from \[mm\].
#[derive(Clone, Copy, Debug)]
pub struct Flying {
    /// the particle
    pub particle: TrueParticle,
    /// z of its vertex \[mm\]
    pub vertex: f64,
}

impl Collisions {
    /// The stable particles of an event.
    pub fn draw(&self, rng: &mut Rng) -> Vec<Flying> {
        let mut particles = Vec::new();
        for _ in 0..LEAST_JETS + count(rng, self.jets) {
            jet(rng, &mut particles);
        }
        for _ in 0..count(rng, self.soft) {
            particles.push(soft(rng, false, 0.0));
        }
        for _ in 0..count(rng, self.pileup) {
            let vertex = gauss(rng, BEAM_SPOT);
            for _ in 0..count(rng, self.soft_per_pileup) {
                particles.push(soft(rng, true, vertex));
            }
        }
        particles
    }
}

pub(super) fn uniform(rng: &mut Rng, low: f64, high: f64) -> f64 {
    low + (high - low) * rand::RngExt::random::<f64>(rng)
}

/// A number of a normal distribution around 0.
pub(super) fn gauss(rng: &mut Rng, sigma: f64) -> f64 {
    Normal::new(0.0, sigma).map_or(0.0, |normal| normal.sample(rng))
}

pub(super) fn exponential(rng: &mut Rng, mean: f64) -> f64 {
    Exp::new(1.0 / mean).map_or(mean, |exp| exp.sample(rng))
}

fn count(rng: &mut Rng, mean: f64) -> u32 {
    if mean > 0.0 { Poisson::new(mean).map_or(0.0, |poisson| poisson.sample(rng)) as u32 } else { 0 }
}

fn jet(rng: &mut Rng, particles: &mut Vec<Flying>) {
    let (least, excess, greatest) = JET_PT;
    let pt = (least + exponential(rng, excess)).min(greatest);
    let (eta, phi) = (uniform(rng, -JET_ETA, JET_ETA), uniform(rng, -PI, PI));
    let constituents = count(rng, CONSTITUENTS.0 + CONSTITUENTS.1 * (pt / 10.0).ln()).max(2);
    // a Dirichlet distribution is a set of gamma-distributed numbers over their sum
    let gamma = Gamma::new(CONCENTRATION, 1.0);
    let mut draw = || gamma.as_ref().map_or(1.0, |gamma| gamma.sample(rng)).max(1e-12);
    let shares: Vec<f64> = (0..constituents).map(|_| draw()).collect();
    let total: f64 = shares.iter().sum();
    for share in shares {
        let own = (share / total * pt).max(CONSTITUENT_PT);
        let width = 0.10 / (1.0 + 0.1 * own) + 0.015;
        let (eta, phi) = (eta + gauss(rng, width), phi + gauss(rng, width));
        particles.push(particle(rng, (own, eta, phi), false, 0.0));
    }
}

fn soft(rng: &mut Rng, pileup: bool, vertex: f64) -> Flying {
    let (least, excess, eta) = SOFT;
    let pt = least + exponential(rng, excess);
    let direction = (pt, uniform(rng, -eta, eta), uniform(rng, -PI, PI));
    particle(rng, direction, pileup, vertex)
}

fn particle(rng: &mut Rng, (pt, eta, phi): (f64, f64, f64), pileup: bool, vertex: f64) -> Flying {
    let mut draw = uniform(rng, 0.0, 1.0);
    let species = SPECIES.iter().find(|(_, share, _)| {
        draw -= share;
        draw < 0.0
    });
    let &(class, _, mass) = species.unwrap_or(&SPECIES[0]);
    let positive = uniform(rng, 0.0, 1.0) < 0.5;
    // the negative electron and muon have positive numbers
    let (charge, pdg) = match (class, positive) {
        (211, true) => (1.0, 211),
        (211, false) => (-1.0, -211),
        (11 | 13, true) => (1.0, -class),
        (11 | 13, false) => (-1.0, class),
        _ => (0.0, class),
    };
    let momentum = FourMomentum::from_pt_eta_phi_mass(pt, eta, wrap(phi), mass);
    let particle = TrueParticle {
        pdg,
        charge,
        momentum,
        pileup: f64::from(u8::from(pileup)),
        generator_status: 1,
        simulator_status: 0,
    };
    Flying { particle, vertex }
}
