//! The event that a report looks at.

use crate::chain::{Chain, endcaps};
use crate::data::{EventBatch, GenParticles};
use crate::error::Result;
use crate::figures::display::Event;
use crate::figures::occupancy::{Occupancy, Window};

/// One event, run through several configurations of the chain.
#[derive(Clone, Debug, Default)]
pub struct Example {
    /// Event number.
    pub event: i64,
    /// Layer that is displayed.
    pub layer: i32,
    /// Why this one, as a fragment.
    pub why: String,
    /// Its cells.
    pub cells: EventBatch,
    /// Generated particles as (eta, phi).
    pub particles: Vec<(f64, f64)>,
    /// Configuration label, its histogram, and the clusters of the cells with their energies.
    pub views: Vec<View>,
}

/// What one configuration made of the event.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// Configuration.
    pub label: String,
    /// Histogram before and after smoothing, with the seeds.
    pub occupancy: Occupancy,
    /// Cluster of every cell, 0 is the most energetic.
    pub cluster: Vec<Option<usize>>,
    /// Energies of the clusters \[GeV\], decreasing.
    pub energies: Vec<f64>,
}

/// Half width of the window about the particle: 10 phi bins and 5 R/z rows.
const HALF_PHI: f64 = 0.29;
const HALF_RZ: f64 = 0.06;

impl Example {
    /// Takes event `i` of a batch.
    pub fn new(events: &EventBatch, i: usize, particles: &GenParticles<'_>, layer: i32, why: String) -> Self {
        let mut own = EventBatch::default();
        let cells = events.event_cells(i);
        for cell in (0..cells.len()).filter_map(|c| cells.get(c)) {
            own.cells.push(cell);
        }
        let number = events.event.get(i).copied().unwrap_or_default();
        own.finish_event(number);
        let particles = particles.eta.iter().copied().zip(particles.phi.iter().copied()).collect();
        Self { event: number, layer, why, cells: own, particles, views: Vec::new() }
    }

    /// Runs the chain on the event and keeps what is drawn of it: that of the first endcap with cells.
    ///
    /// # Errors
    /// Those of the chain.
    pub fn run(&mut self, label: &str, chain: &Chain) -> Result<()> {
        let cells = self.cells.event_cells(0);
        let Some(endcap) = endcaps(&cells).last() else { return Ok(()) };
        let mut workspace = chain.workspace();
        chain.event(self.event, &cells, &mut workspace)?;
        let binning = chain.binning();
        let mut filled = vec![0.0; binning.rows() * binning.columns()];
        for bin in workspace.histogram().iter() {
            if let Some(value) = filled.get_mut(bin.rz * binning.columns() + bin.phi) {
                *value = bin.mip_pt;
            }
        }
        let on_side = |z: i32| z == endcap.zside();
        let seeds = &workspace.seeds;
        let positions = seeds.x.iter().zip(&seeds.y).zip(&seeds.zside).filter(|(_, z)| on_side(**z));
        let particles = self.particles.iter().filter(|(eta, _)| (*eta > 0.0) == (endcap.zside() > 0));
        let occupancy = Occupancy {
            rz_edges: binning.rz.edges().to_vec(),
            phi_edges: binning.phi.edges().to_vec(),
            filled,
            smoothed: workspace.smoothed().energies().to_vec(),
            seeds: positions.map(|((x, y), _)| (y.atan2(*x), x.hypot(*y))).collect(),
            particles: particles.map(|(eta, phi)| (*phi, 1.0 / eta.abs().sinh())).collect(),
        };
        let clusters = &workspace.clusters;
        let mut order: Vec<usize> = (0..clusters.len()).collect();
        order.sort_by(|&a, &b| clusters.energy[b].total_cmp(&clusters.energy[a]));
        let rank = |seed: u32| order.iter().position(|&c| clusters.seed[c] == seed);
        let mut cluster = vec![None; cells.len()];
        let given = workspace.assignment.cell.iter().zip(&workspace.assignment.seed);
        for (&cell, &seed) in given {
            if let Some(slot) = cluster.get_mut(cell as usize) {
                *slot = rank(seed);
            }
        }
        let energies = order.iter().map(|&c| clusters.energy[c]).collect();
        self.views.push(View { label: label.to_owned(), occupancy, cluster, energies });
        Ok(())
    }

    /// The event as the display takes it.
    pub fn display<'a>(&'a self, view: &View) -> Event<'a> {
        let direction = |&(eta, phi): &(f64, f64)| {
            let r = 1.0 / eta.abs().sinh();
            (r * phi.cos(), r * phi.sin())
        };
        Event {
            cells: self.cells.event_cells(0),
            cluster: view.cluster.clone(),
            energies: view.energies.clone(),
            particles: self.particles.iter().map(direction).collect(),
        }
    }

    /// The surroundings of the first particle.
    pub fn window(&self) -> Option<Window> {
        let &(eta, phi) = self.particles.first()?;
        Some(Window { phi, rz: 1.0 / eta.abs().sinh(), half_phi: HALF_PHI, half_rz: HALF_RZ })
    }
}
