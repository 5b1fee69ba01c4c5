//! A seeded generator of trigger cells: showers of photons, electrons and pions, electronic noise, and pile-up.
//!
//! It is a parametrised model, not a detector simulation: mean longitudinal profiles of full simulation, Poisson-distributed
//! energy spots, exponential radii (see the modules). Its purpose is to give every algorithm of the chain input whose truth
//! is known, with the number of cells per event and the granularity of the real detector; at high |eta| it shows the same
//! splitting of showers.
//!
//! Every event depends on the seed and on its own number only, so that any number of threads gives the same events.
//!
//! ```
//! use recoil_hgcal::simulate::{SimulationConfig, Simulator};
//! use recoil_stage::seed::Seed;
//! let simulator = Simulator::new(&SimulationConfig::default())?;
//! let batch = simulator.batch(Seed::new(1), 0..3);
//! assert_eq!((batch.cells.len(), batch.particles.particles.len()), (3, 3));
//! assert!(batch.cells.event_cells(0).len() > 50);
//! # Ok::<(), recoil_hgcal::error::HgcalError>(())
//! ```

mod background;
mod config;
mod deposits;
mod electromagnetic;
mod hadronic;
mod spots;

pub use config::{BackgroundConfig, Endcaps, Interval, Particle, ShowerConfig, SimulationConfig};

use crate::data::{EventBatch, GenBatch, GenParticles, TriggerCell};
use crate::energy::calibration;
use crate::error::Result;
use crate::geometry::{CellMap, Cells};
use background::LayerSampler;
use deposits::Deposits;
use electromagnetic::Primary;
use hadronic::DepthScale;
use rand::RngExt as _;
use rand_distr::{Exp1, Poisson, StandardNormal};
use rayon::prelude::*;
use recoil_stage::seed::{Rng, Seed};
use spots::{Axis, Scatter};
use std::ops::Range;

/// Energy response of the stand-ins for the clusters that CMSSW would have written.
const STAND_IN_RESPONSE: f64 = 0.95;
/// Standard deviation of their eta and phi.
const STAND_IN_SMEARING: f64 = 0.002;
/// Events that one task makes: enough to share the cost of a workspace.
const EVENTS_PER_TASK: u64 = 8;

/// Clusters of the CMSSW chain that travel with an event, one entry per cluster.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FileClusters {
    /// Pseudorapidity.
    pub eta: Vec<f64>,
    /// Azimuth \[rad\].
    pub phi: Vec<f64>,
    /// Energy \[GeV\].
    pub energy: Vec<f64>,
    /// Transverse momentum \[GeV\].
    pub pt: Vec<f64>,
    /// Identifier, counting from 1 inside an event.
    pub id: Vec<u32>,
}

/// Simulated events.
#[derive(Clone, Debug, Default)]
pub struct SimulatedBatch {
    /// Trigger cells, with sub-detector.
    pub cells: EventBatch,
    /// Energy that the generated particles left in each trigger cell \[GeV\] (ntuple branch `tc_simenergy`).
    pub cell_sim_energy: Vec<f32>,
    /// Index of the generated particle that left most energy in each trigger cell; -1 for pile-up and noise (ntuple branch
    /// `tc_genparticle_index`).
    pub cell_particle: Vec<i32>,
    /// Generated particles.
    pub particles: GenBatch,
    /// Stand-ins for CMSSW clusters: one per generated particle, in the same order, with 0.95 of its energy and directions
    /// smeared by 0.002.
    pub clusters: FileClusters,
}

impl SimulatedBatch {
    /// Generated particles of event `i`; none past the end.
    pub fn event_particles(&self, i: usize) -> GenParticles<'_> {
        self.particles.event_particles(i)
    }

    fn append(&mut self, other: Self) {
        let (cells, particles) = (self.cells.cells.len(), self.particles.particles.len());
        self.cells.event.extend(other.cells.event);
        self.cells.offsets.extend(other.cells.offsets.iter().skip(1).map(|offset| offset + cells));
        self.cells.cells.append(&other.cells.cells);
        self.cell_sim_energy.extend(other.cell_sim_energy);
        self.cell_particle.extend(other.cell_particle);
        self.particles.event.extend(other.particles.event);
        self.particles.offsets.extend(other.particles.offsets.iter().skip(1).map(|offset| offset + particles));
        let (to, from) = (&mut self.particles.particles, other.particles.particles);
        to.pid.extend(from.pid);
        to.eta.extend(from.eta);
        to.phi.extend(from.phi);
        to.energy.extend(from.energy);
        to.pt.extend(from.pt);
        self.clusters.eta.extend(other.clusters.eta);
        self.clusters.phi.extend(other.clusters.phi);
        self.clusters.energy.extend(other.clusters.energy);
        self.clusters.pt.extend(other.clusters.pt);
        self.clusters.id.extend(other.clusters.id);
    }
}

/// The model detector: one endcap.
#[derive(Debug)]
struct Detector {
    map: CellMap,
    readout: Vec<Readout>,
    depth: DepthScale,
    scatter: Scatter,
    cee: Option<LayerSampler>,
    ceh: Option<LayerSampler>,
}

/// What the read-out of a cell needs, side by side in memory.
#[derive(Clone, Copy, Debug)]
struct Readout {
    /// Address and position in the endcap at positive z; no signal.
    cell: TriggerCell,
    /// Energy that gives one transverse MIP \[GeV\].
    gev_per_mipt: f32,
    /// 1 / cosh(eta).
    sin_theta: f32,
}

impl Readout {
    fn all(cells: &Cells) -> Vec<Self> {
        let one = |i: usize| {
            let eta = cells.eta[i];
            let cell = TriggerCell {
                wu: cells.wu[i],
                wv: cells.wv[i],
                cu: cells.cu[i],
                cv: cells.cv[i],
                layer: cells.layer[i],
                subdet: cells.subdet[i],
                x: cells.x[i] as f32,
                y: cells.y[i] as f32,
                z: cells.z[i] as f32,
                eta: eta as f32,
                phi: cells.phi[i] as f32,
                ..TriggerCell::default()
            };
            let weight = calibration::gev_per_mipt(cell.layer).unwrap_or(0.0);
            Self { cell, gev_per_mipt: (weight * eta.cosh()) as f32, sin_theta: (1.0 / eta.cosh()) as f32 }
        };
        (0..cells.len()).map(one).collect()
    }
}

impl Detector {
    fn gev_per_mipt(&self, cell: usize) -> f32 {
        self.readout.get(cell).map_or(0.0, |readout| readout.gev_per_mipt)
    }
}

/// The generator: a checked configuration and the model detector.
#[derive(Debug)]
pub struct Simulator {
    config: SimulationConfig,
    detector: Detector,
}

impl Simulator {
    /// Builds the detector.
    ///
    /// # Errors
    /// When a value of the configuration is not usable.
    pub fn new(config: &SimulationConfig) -> Result<Self> {
        config.check()?;
        let map = CellMap::new(&config.geometry);
        let (cee, ceh) = (LayerSampler::new(&map, true), LayerSampler::new(&map, false));
        let readout = Readout::all(&map.cells);
        let detector = Detector { map, readout, depth: DepthScale::new(), scatter: Scatter::new(), cee, ceh };
        Ok(Self { config: config.clone(), detector })
    }

    /// The cells of the model detector (endcap at positive z).
    pub fn cell_map(&self) -> &CellMap {
        &self.detector.map
    }

    /// The events with the numbers `events`, made on the current thread pool. The result does not depend on the number of
    /// threads, nor on how a range is cut into batches.
    pub fn batch(&self, seed: Seed, events: Range<u64>) -> SimulatedBatch {
        let seed = seed.named("hgcal events");
        let tasks = events.end.saturating_sub(events.start).div_ceil(EVENTS_PER_TASK);
        let parts: Vec<SimulatedBatch> = (0..tasks)
            .into_par_iter()
            .map_init(
                || Deposits::new(self.detector.map.len()),
                |deposits, task| {
                    let mut part = SimulatedBatch::default();
                    let start = events.start + task * EVENTS_PER_TASK;
                    for event in start..events.end.min(start + EVENTS_PER_TASK) {
                        self.event(seed.indexed(event), event, deposits, &mut part);
                    }
                    part
                },
            )
            .collect();
        let mut batch = SimulatedBatch::default();
        for part in parts {
            batch.append(part);
        }
        batch
    }

    fn event(&self, seed: Seed, event: u64, deposits: &mut Deposits, batch: &mut SimulatedBatch) {
        let mut particle = 0;
        for &zside in self.config.endcaps.signs() {
            let seed = seed.named(if zside > 0 { "positive endcap" } else { "negative endcap" });
            let mut rng = seed.named("particles").rng();
            for _ in 0..self.config.particles_per_endcap {
                self.gun(zside, &mut rng, deposits, batch);
                deposits.finish_shower(Some(particle));
                particle += 1;
            }
            let mut rng = seed.named("background").rng();
            self.soft_photons(&mut rng, deposits);
            background::fire_cells(&self.detector, deposits, &mut rng, &self.config);
            self.read_out(f64::from(zside), deposits, batch);
        }
        let number = i64::try_from(event).unwrap_or(i64::MAX);
        batch.cells.finish_event(number);
        batch.particles.finish_event(number);
    }

    /// One generated particle, its shower, and its stand-in cluster.
    fn gun(&self, zside: i32, rng: &mut Rng, deposits: &mut Deposits, batch: &mut SimulatedBatch) {
        let config = &self.config;
        let pt = uniform(rng, config.pt_gev.min, config.pt_gev.max);
        let eta = uniform(rng, config.eta.min, config.eta.max);
        let phi = uniform(rng, -std::f64::consts::PI, std::f64::consts::PI);
        let energy = pt * eta.cosh();
        self.shower(config.particle, energy, eta, phi, rng, deposits);

        let sign = f64::from(zside);
        let phi = if zside > 0 { phi } else { wrap(std::f64::consts::PI - phi) };
        batch.particles.particles.push(config.particle.pdg(), sign * eta, phi, energy, pt);
        let [smear_eta, smear_phi] = [0; 2].map(|_| STAND_IN_SMEARING * rng.sample::<f64, _>(StandardNormal));
        let first = batch.particles.offsets.last().copied().unwrap_or(0);
        let clusters = &mut batch.clusters;
        clusters.eta.push(sign * eta + smear_eta);
        clusters.phi.push(wrap(phi + smear_phi));
        clusters.energy.push(STAND_IN_RESPONSE * energy);
        clusters.pt.push(STAND_IN_RESPONSE * pt);
        clusters.id.push((batch.particles.particles.len() - first) as u32);
    }

    fn shower(&self, particle: Particle, energy: f64, eta: f64, phi: f64, rng: &mut Rng, deposits: &mut Deposits) {
        let (axis, shower, detector) = (Axis::new(eta, phi), &self.config.shower, &self.detector);
        let spot = shower.em_stochastic.powi(2);
        match particle {
            Particle::Photon => electromagnetic::shower(detector, deposits, rng, (Primary::Photon, energy), axis, spot),
            Particle::Electron => {
                electromagnetic::shower(detector, deposits, rng, (Primary::Electron, energy), axis, spot)
            }
            Particle::Pion => hadronic::shower(detector, deposits, rng, energy, axis, shower),
        }
    }

    /// Soft photons of pile-up, flat in eta over the whole detector.
    fn soft_photons(&self, rng: &mut Rng, deposits: &mut Deposits) {
        let (background, geometry) = (&self.config.background, &self.config.geometry);
        let mean = background.photons_at_200 * f64::from(self.config.pileup) / 200.0;
        let Ok(distribution) = Poisson::new(mean) else { return };
        for _ in 0..rng.sample::<f64, _>(distribution) as u64 {
            let pt = background.photon_min_pt_gev + background.photon_mean_pt_gev * rng.sample::<f64, _>(Exp1);
            let eta = uniform(rng, geometry.eta_min, geometry.eta_max);
            let phi = uniform(rng, -std::f64::consts::PI, std::f64::consts::PI);
            self.shower(Particle::Photon, pt * eta.cosh(), eta, phi, rng, deposits);
            deposits.finish_shower(None);
        }
    }

    /// Writes the cells above threshold of the endcap on the side `sign` of the interaction point.
    fn read_out(&self, sign: f64, deposits: &mut Deposits, batch: &mut SimulatedBatch) {
        let (readout, threshold) = (&self.detector.readout, self.config.mip_threshold as f32);
        deposits.drain_event(|i, sums| {
            let Readout { mut cell, gev_per_mipt, sin_theta } = readout[i];
            cell.energy = sums.signal + sums.background;
            cell.mip_pt = cell.energy / gev_per_mipt;
            if cell.mip_pt <= threshold {
                return;
            }
            cell.pt = cell.energy * sin_theta;
            if sign < 0.0 {
                (cell.x, cell.z, cell.eta) = (-cell.x, -cell.z, -cell.eta);
                cell.phi = wrap(std::f64::consts::PI - f64::from(cell.phi)) as f32;
            }
            batch.cells.cells.push(cell);
            batch.cell_sim_energy.push(sums.signal);
            batch.cell_particle.push(sums.particle);
        });
    }
}

fn uniform(rng: &mut Rng, low: f64, high: f64) -> f64 {
    low + (high - low) * rng.random::<f64>()
}

/// Azimuth in (-pi, pi], from an angle at most one turn outside.
fn wrap(phi: f64) -> f64 {
    use std::f64::consts::{PI, TAU};
    if phi > PI {
        phi - TAU
    } else if phi <= -PI {
        phi + TAU
    } else {
        phi
    }
}
