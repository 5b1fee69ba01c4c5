//! One collision and its candidates.

use rand::RngExt as _;
use recoil_stage::Seed;
use recoil_stage::seed::Rng;

use super::lepton::{ObjectRow, electron, muon};
use super::particles::{CHARGED, ELECTRON, MUON, NEUTRAL, PHOTON, Particle, pile_up, wrapped};
use super::sample::{Sample, Truth, exponential, normal, poisson};
use crate::data::truth::delta_phi;
use crate::scaling::cones::signal_radius;

/// A generated candidate.
#[derive(Clone, Debug)]
pub struct Row {
    /// Number of the collision.
    pub collision: u64,
    /// Number of the candidate in it, and how many it has.
    pub entry: [u32; 2],
    /// Energy density [GeV] and position of the primary vertex [cm].
    pub rho: f64,
    /// As `rho`.
    pub vertex: [f64; 3],
    /// What was generated: kind of the lepton (1 to 5), 6 for a jet, 0 for nothing that matches.
    pub kind: i32,
    /// Visible momentum of what was generated: pt, eta, phi, mass.
    pub generated: [f64; 4],
    /// Reconstructed momentum: pt, eta, phi, mass.
    pub momentum: [f64; 4],
    /// Charge.
    pub charge: i32,
    /// Decay mode.
    pub decay_mode: i32,
    /// Where it decays, from the primary vertex [cm].
    pub flight: [f64; 3],
    /// Particles, by falling momentum.
    pub particles: Vec<Particle>,
    /// Electrons.
    pub electrons: Vec<ObjectRow>,
    /// Muons.
    pub muons: Vec<ObjectRow>,
    /// Angle of the decay, -1 if it is not known.
    pub gj_angle: f64,
    /// A number in [0, 1) for the discriminators of the tuple.
    pub noise: [f64; 3],
    /// What it is.
    pub truth: Truth,
}

/// Share of candidates that nothing was generated for.
const UNMATCHED: f64 = 0.02;

/// The candidates of a collision.
pub fn collision(sample: Sample, seed: Seed, number: u64) -> Vec<Row> {
    let mut rng = seed.rng();
    let rng = &mut rng;
    let rho = normal(22.0, 7.0, rng).max(3.0);
    let vertex = [normal(0.1, 0.002, rng), normal(-0.05, 0.002, rng), normal(0.0, 3.6, rng)];
    let count = 1 + u32::try_from(poisson(0.35, rng)).unwrap_or(0).min(3);
    (0..count).map(|entry| candidate(sample, number, [entry, count], rho, vertex, rng)).collect()
}

fn candidate(sample: Sample, collision: u64, entry: [u32; 2], rho: f64, vertex: [f64; 3], rng: &mut Rng) -> Row {
    let truth = sample.truth(rng);
    let pt = sample.pt(truth, rng);
    let eta = loop {
        let eta = normal(0.0, 1.35, rng);
        if eta.abs() < 2.3 {
            break eta;
        }
    };
    let phi = rng.random_range(-std::f64::consts::PI..std::f64::consts::PI);
    let mut row = Row {
        collision,
        entry,
        rho,
        vertex,
        kind: 6,
        generated: [pt * normal(1.0, 0.08, rng).max(0.5), eta, phi, 5.0],
        momentum: [pt, eta, phi, 0.1396],
        charge: if rng.random_bool(0.5) { 1 } else { -1 },
        decay_mode: 0,
        flight: [0.0; 3],
        particles: Vec::new(),
        electrons: Vec::new(),
        muons: Vec::new(),
        gj_angle: -1.0,
        noise: [rng.random(), rng.random(), rng.random()],
        truth,
    };
    match truth {
        Truth::Tau => tau(&mut row, rng),
        Truth::Electron => lepton(&mut row, ELECTRON, rng),
        Truth::Muon => lepton(&mut row, MUON, rng),
        Truth::Jet => jet(&mut row, rng),
    }
    if rng.random_bool(UNMATCHED) {
        row.kind = 0;
    }
    row.particles.extend(pile_up(rho, (eta, phi), rng));
    row.particles.sort_by(|a, b| b.pt.total_cmp(&a.pt));
    row
}

/// One or three charged hadrons and pairs of photons in a narrow cone, displaced by the flight of the tau.
fn tau(row: &mut Row, rng: &mut Rng) {
    let [pt, eta, phi, _] = row.momentum;
    let prongs: usize = if rng.random_bool(0.7) { 1 } else { 3 };
    let pions = if prongs == 1 { [0, 1, 1, 2][rng.random_range(0..4)] } else { rng.random_range(0..2) };
    row.decay_mode = (5 * (prongs - 1) + pions) as i32;
    row.kind = 5;
    row.generated[3] = 0.8;
    let length = exponential(0.0087 * pt / 1.777 * 0.5, rng).min(3.0);
    let theta = 2.0 * (-eta).exp().atan();
    let spread = 0.35 * signal_radius(pt);
    let shares = shares(prongs + 2 * pions, rng);
    let mut mass = 0.1396;
    for (index, share) in shares.into_iter().enumerate() {
        let kind = if index < prongs { CHARGED } else { PHOTON };
        let mut particle = Particle::near(kind, pt * share, (eta, phi), spread * 0.5, rng);
        if kind == CHARGED {
            particle.charge = if prongs == 1 || index != 1 { row.charge } else { -row.charge };
            particle.dxy += length * theta.sin() * normal(0.0, 0.06, rng);
            particle.dz += length * 0.03 * normal(0.0, 1.0, rng);
        }
        particle.signal = true;
        mass += 0.35 * share * f64::from(u8::from(index > 0));
        row.particles.push(particle);
    }
    row.momentum[3] = if prongs + pions > 1 { (mass + normal(0.4, 0.2, rng)).clamp(0.15, 1.7) } else { 0.1396 };
    if prongs == 3 {
        let (sin, cos) = (theta.sin(), theta.cos());
        row.flight = [length * sin * phi.cos(), length * sin * phi.sin(), length * cos];
        row.gj_angle = exponential(0.01, rng);
    }
    if rng.random_bool(0.04) {
        row.muons.push(muon(pt * rng.random_range(0.2..0.9), eta, phi, false, rng));
    }
    if rng.random_bool(0.12) {
        row.electrons.push(electron(pt * rng.random_range(0.3..1.0), eta, phi, false, rng));
    }
}

/// One leading lepton, some radiation, and the lepton's own object.
fn lepton(row: &mut Row, kind: u8, rng: &mut Rng) {
    let [pt, eta, phi, _] = row.momentum;
    let from_tau = rng.random_bool(0.25);
    row.kind = match (kind, from_tau) {
        (ELECTRON, false) => 1,
        (ELECTRON, true) => 3,
        (_, false) => 2,
        (_, true) => 4,
    };
    row.generated[3] = 0.1;
    let found = rng.random_bool(if kind == ELECTRON { 0.85 } else { 0.9 });
    let as_hadron = rng.random_bool(0.15);
    let share = normal(0.93, 0.05, rng).clamp(0.4, 1.0);
    let lead = if as_hadron { CHARGED } else { kind };
    let mut particle = Particle::near(lead, pt * share, (eta, phi), 0.002, rng);
    particle.charge = row.charge;
    particle.signal = true;
    row.particles.push(particle);
    for _ in 0..poisson(if kind == ELECTRON { 0.9 } else { 0.15 }, rng) {
        let mut photon = Particle::near(PHOTON, 0.6 + exponential(0.05 * pt, rng), (eta, phi), 0.03, rng);
        photon.signal = rng.random_bool(0.5);
        row.particles.push(photon);
    }
    row.decay_mode = i32::from(kind == ELECTRON && rng.random_bool(0.3));
    if found {
        let momentum = pt * normal(0.97, 0.03, rng).clamp(0.5, 1.2);
        match kind {
            ELECTRON => row.electrons.push(electron(momentum, eta, phi, true, rng)),
            _ => row.muons.push(muon(momentum, eta, phi, true, rng)),
        }
    }
}

/// Many particles in a wide cone, of which the hardest look like a tau.
fn jet(row: &mut Row, rng: &mut Rng) {
    let [pt, eta, phi, _] = row.momentum;
    let charged = 1 + poisson(4.2, rng);
    let (photons, neutral) = (poisson(4.0, rng), poisson(0.9, rng));
    let mut shares = shares(charged + photons + neutral, rng);
    shares.sort_by(|a, b| b.total_cmp(a));
    // the hardest is a track, or there would be no candidate
    let total_pt = pt * rng.random_range(1.1..2.2);
    let mut prongs = 0;
    let mut pions = 0;
    for (index, share) in shares.into_iter().enumerate() {
        let kind = if index == 0 || (index > photons && index < photons + charged) {
            CHARGED
        } else if index <= photons {
            PHOTON
        } else {
            NEUTRAL
        };
        let spread = 0.15 * (20.0 / (20.0 + share * total_pt)).sqrt();
        let mut particle = Particle::near(kind, (total_pt * share).max(0.5), (eta, phi), spread, rng);
        if kind == CHARGED && rng.random_bool(0.12) {
            particle.dxy += normal(0.0, 0.02, rng);
        }
        let near = (particle.eta - eta).hypot(delta_phi(particle.phi, phi)) < signal_radius(pt);
        particle.signal = near && kind != NEUTRAL && (prongs < 3 || kind == PHOTON);
        prongs += usize::from(particle.signal && kind == CHARGED);
        pions += usize::from(particle.signal && kind == PHOTON);
        row.particles.push(particle);
    }
    let prongs = prongs.clamp(1, 3);
    row.decay_mode = (5 * (prongs - 1) + pions.min(2).min(if prongs == 1 { 2 } else { 1 })) as i32;
    row.momentum[3] = if prongs + pions > 1 { normal(0.9, 0.4, rng).clamp(0.15, 2.4) } else { 0.1396 };
    if prongs == 3 && rng.random_bool(0.5) {
        row.flight = [normal(0.0, 0.02, rng), normal(0.0, 0.02, rng), normal(0.0, 0.03, rng)];
        row.gj_angle = exponential(0.02, rng);
    }
    if rng.random_bool(0.05) {
        row.electrons.push(electron(pt * rng.random_range(0.1..0.5), eta, wrapped(phi + 0.05), false, rng));
    }
    if rng.random_bool(0.04) {
        row.muons.push(muon(pt * rng.random_range(0.1..0.5), eta, wrapped(phi + 0.05), false, rng));
    }
}

/// Random shares that sum to 1.
fn shares(count: usize, rng: &mut Rng) -> Vec<f64> {
    let parts: Vec<f64> = (0..count.max(1)).map(|_| exponential(1.0, rng) + 0.02).collect();
    let total: f64 = parts.iter().sum();
    parts.into_iter().map(|part| part / total).collect()
}
