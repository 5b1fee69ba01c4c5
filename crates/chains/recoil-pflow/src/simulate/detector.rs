//! Tracks and showers of particles.

use rand_distr::{Beta, ChiSquared, Distribution as _};
use recoil_physics::angle::wrap;
use recoil_stage::seed::Rng;

use super::calorimeter::{Calorimeter, Deposit};
use super::collision::{Flying, exponential, gauss, uniform};
use crate::data::kinematics::turn;

/// Field of the solenoid \[T\].
pub const FIELD: f64 = 3.8;
/// Outer radius of the tracker \[m\].
pub const TRACKER_RADIUS: f64 = 1.29;
/// Greatest pseudorapidity of tracks.
pub const TRACKER_ETA: f64 = 2.5;
/// Least transverse momentum of tracks \[GeV\].
pub const TRACK_PT: f64 = 0.3;
/// Efficiency for hadrons below and above 1 GeV, electrons, muons.
pub const EFFICIENCY: (f64, f64, f64, f64) = (0.88, 0.95, 0.93, 0.99);
/// Relative error of the transverse momentum: constant, and per GeV; twice that beyond the pseudorapidity 1.5.
pub const PT_ERROR: (f64, f64, f64) = (0.01, 2e-4, 1.5);
/// Error of directions \[rad\].
pub const ANGLE_ERROR: f64 = 1e-3;
/// Error of the longitudinal impact parameter \[mm\].
pub const Z0_ERROR: f64 = 0.1;
/// Transverse distance of the innermost hit \[mm\].
pub const INNERMOST: f64 = 31.0;
/// Electromagnetic calorimeter.
pub const ECAL: Calorimeter =
    Calorimeter { cell: 0.0435, around: 144, eta: 3.0, threshold: 0.08, seed: 0.25, radius: 1290.0 };
/// Hadronic calorimeter.
pub const HCAL: Calorimeter =
    Calorimeter { cell: 0.087, around: 72, eta: 3.0, threshold: 0.25, seed: 0.80, radius: 1800.0 };
/// Resolution for electrons and photons: per square root of the energy, constant.
pub const EM_RESOLUTION: (f64, f64) = (0.03, 0.005);
/// Spots of electromagnetic showers: number, width.
pub const EM_SPOTS: (usize, f64) = (12, 0.012);
/// Response to hadrons, and its resolution: per square root of the energy, constant.
pub const HADRON_RESPONSE: (f64, f64, f64) = (0.95, 1.0, 0.05);
/// Share of hadrons that do not shower in the electromagnetic calorimeter, and what they leave there \[GeV\].
pub const PUNCH_THROUGH: (f64, f64) = (0.35, 0.3);
/// Beta distribution of the share that others leave there.
pub const ECAL_SHARE: (f64, f64) = (1.6, 2.4);
/// Spots of hadronic showers: number, width; in the electromagnetic and in the hadronic calorimeter.
pub const HADRON_SPOTS: [(usize, f64); 2] = [(16, 0.03), (20, 0.06)];
/// What muons leave in both calorimeters \[GeV\].
pub const MUON_ENERGY: [f64; 2] = [0.3, 2.0];
/// Spots of muons: number, width.
pub const MUON_SPOTS: (usize, f64) = (8, 0.02);
/// Muons above this momentum \[GeV\] reach the chambers.
pub const MUON_MOMENTUM: f64 = 3.0;
/// Least and greatest number of hits there, and the energy of a hit \[GeV\].
pub const MUON_HITS: (u32, u32, f64) = (4, 11, 0.05);

/// A measured track.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Track {
    /// number of the particle
    pub particle: u32,
    /// charge
    pub charge: f64,
    /// transverse momentum \[GeV\]
    pub pt: f64,
    /// pseudorapidity
    pub eta: f64,
    /// azimuth at the beam
    pub phi: f64,
    /// chi square of the fit
    pub chi2: f64,
    /// degrees of freedom of the fit
    pub ndf: f64,
    /// longitudinal impact parameter \[mm\]
    pub z0: f64,
}

/// The track of a particle, if it leaves one that is found.
pub fn track(rng: &mut Rng, number: u32, flying: &Flying) -> Option<Track> {
    let particle = &flying.particle;
    let (pt, eta) = (particle.momentum.pt(), particle.momentum.eta());
    if particle.charge == 0.0 || eta.abs() >= TRACKER_ETA || pt <= TRACK_PT {
        return None;
    }
    let efficiency = match particle.pdg.abs() {
        11 => EFFICIENCY.2,
        13 => EFFICIENCY.3,
        _ if pt < 1.0 => EFFICIENCY.0,
        _ => EFFICIENCY.1,
    };
    if uniform(rng, 0.0, 1.0) >= efficiency {
        return None;
    }
    let (constant, slope, forward) = PT_ERROR;
    let factor = if eta.abs() > forward { 2.0 } else { 1.0 };
    let relative = factor * constant.hypot(slope * pt);
    let ndf = uniform(rng, 3.0, 10.0).floor();
    let chi2 = ChiSquared::new(ndf).map_or(ndf, |distribution| distribution.sample(rng));
    let z0 = if flying.vertex == 0.0 { 0.0 } else { flying.vertex + gauss(rng, Z0_ERROR) };
    Some(Track {
        particle: number,
        charge: particle.charge,
        pt: pt * (1.0 + gauss(rng, relative)).max(0.05),
        eta: eta + gauss(rng, ANGLE_ERROR),
        phi: wrap(particle.momentum.phi() + gauss(rng, ANGLE_ERROR)),
        chi2,
        ndf,
        z0,
    })
}

/// What a particle leaves in both calorimeters; nothing if it curls up before. Returns the energy of its hits in the muon
/// chambers \[GeV\], if there are any.
pub fn shower(
    rng: &mut Rng,
    number: u32,
    flying: &Flying,
    ecal: &mut Vec<Deposit>,
    hcal: &mut Vec<Deposit>,
) -> Option<f64> {
    let particle = &flying.particle;
    let momentum = &particle.momentum;
    let eta = momentum.eta();
    let phi = match particle.charge {
        0.0 => momentum.phi(),
        charge => momentum.phi() - charge * turn(momentum.pt(), FIELD, TRACKER_RADIUS)?,
    };
    let spots = |rng: &mut Rng,
                 calorimeter: &Calorimeter,
                 into: &mut Vec<Deposit>,
                 energy: f64,
                 (count, width): (usize, f64)| {
        let weights: Vec<f64> = (0..count).map(|_| exponential(rng, 1.0)).collect();
        let total: f64 = weights.iter().sum();
        for weight in weights {
            let (eta, phi) = (eta + gauss(rng, width), phi + gauss(rng, width));
            if let (Some(cell), true) = (calorimeter.cell_at(eta, phi), energy > 0.0) {
                into.push(Deposit { cell, particle: number, energy: energy * weight / total });
            }
        }
    };
    let energy = momentum.energy;
    match particle.pdg.abs() {
        11 | 22 => {
            let (stochastic, constant) = EM_RESOLUTION;
            let sigma = (stochastic * energy.sqrt()).hypot(constant * energy);
            let measured = (energy + gauss(rng, sigma)).max(0.0);
            spots(rng, &ECAL, ecal, measured, EM_SPOTS);
            None
        }
        13 => {
            spots(rng, &ECAL, ecal, MUON_ENERGY[0], MUON_SPOTS);
            spots(rng, &HCAL, hcal, MUON_ENERGY[1], MUON_SPOTS);
            let (least, greatest, each) = MUON_HITS;
            let hits = uniform(rng, f64::from(least), f64::from(greatest) + 1.0).floor();
            (momentum.p() > MUON_MOMENTUM).then_some(hits * each)
        }
        _ => {
            let (response, stochastic, constant) = HADRON_RESPONSE;
            let sigma = (stochastic * energy.sqrt()).hypot(constant * energy);
            let measured = (response * energy + gauss(rng, sigma)).max(0.0);
            let (share, minimum) = PUNCH_THROUGH;
            let in_ecal = if uniform(rng, 0.0, 1.0) < share {
                minimum.min(measured)
            } else {
                measured * Beta::new(ECAL_SHARE.0, ECAL_SHARE.1).map_or(0.4, |beta| beta.sample(rng))
            };
            spots(rng, &ECAL, ecal, in_ecal, HADRON_SPOTS[0]);
            spots(rng, &HCAL, hcal, measured - in_ecal, HADRON_SPOTS[1]);
            None
        }
    }
}
