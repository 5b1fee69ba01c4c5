//! Coarse seeding: find hot modules first, then seed among their cells in hexagonal coordinates.
//!
//! The mipT of a few trigger layers around the shower maximum is summed per module ([`modules`]). A module above the
//! threshold of its eta range is a region; inside it, local maxima over the hexagonal distance are the seeds
//! ([`hexagon`]). Clustering is the same as in the main chain, on all cells or on a cylinder of the regions' modules.

pub mod hexagon;
pub mod modules;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use modules::Module;

use crate::chain::endcaps;
use crate::cluster::{Assignment, ClusterBuffers, Clusterer, Clusters};
use crate::data::{LAST_CEE_LAYER, TriggerCells};
use crate::error::{HgcalError, Result};
use crate::seed::Seeds;

/// Parameters of coarse seeding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CoarseConfig {
    /// First layer of the module sums.
    pub first_layer: i32,
    /// Number of trigger layers in the module sums.
    pub trigger_layers: usize,
    /// Edges of the |eta| ranges, increasing; a range is (low, high].
    pub eta_edges: Vec<f32>,
    /// Smallest module sum [mipT] of each |eta| range, one fewer than edges.
    pub module_thresholds: Vec<f32>,
    /// Make regions of the six neighbours of a hot module too.
    pub nearby: bool,
    /// Look for seeds in the regions only; off, in the whole endcap and all layers.
    pub regions: bool,
    /// Neighbours within this distance must not be higher.
    pub window: i32,
    /// Smallest mipT of a seed.
    pub threshold: f64,
    /// Measure the distance along the hexagonal axes; off, the window is a square in (u, v).
    pub hexagonal_distance: bool,
    /// Cluster only the CE-E cells of the regions' modules.
    pub cylinder: bool,
}

impl Default for CoarseConfig {
    fn default() -> Self {
        Self {
            first_layer: 7,
            trigger_layers: 4,
            eta_edges: vec![1.5, 1.9, 2.3, 3.2],
            module_thresholds: vec![170.0, 180.0, 200.0],
            nearby: false,
            regions: true,
            window: 1,
            threshold: 20.0,
            hexagonal_distance: true,
            cylinder: false,
        }
    }
}

impl CoarseConfig {
    /// Checks the parameters.
    ///
    /// # Errors
    /// [`HgcalError::Config`] naming the key.
    pub fn check(&self) -> Result<()> {
        let bad = |key, reason: &str| Err(HgcalError::Config { key, reason: reason.to_owned() });
        if self.eta_edges.len() != self.module_thresholds.len() + 1 || self.module_thresholds.is_empty() {
            return bad("coarse.eta_edges", "needs one edge more than there are thresholds");
        }
        if self.eta_edges.windows(2).any(|pair| pair[0].is_nan() || pair[1].is_nan() || pair[0] >= pair[1]) {
            return bad("coarse.eta_edges", "must increase");
        }
        if !(1..=64).contains(&self.window) {
            return bad("coarse.window", "must be between 1 and 64");
        }
        if self.trigger_layers == 0 {
            return bad("coarse.trigger_layers", "needs at least 1 layer");
        }
        if !self.threshold.is_finite() {
            return bad("coarse.threshold", "needs a number");
        }
        Ok(())
    }

    /// The layers of the module sums: `trigger_layers` of those that feed the trigger, from `first_layer` on.
    pub fn layers(&self) -> std::ops::Range<i32> {
        let feeds = |layer: &i32| *layer > LAST_CEE_LAYER || layer % 2 != 0;
        let end = (self.first_layer..=crate::data::MAX_LAYER as i32 + 1).filter(feeds).nth(self.trigger_layers);
        self.first_layer..end.unwrap_or(crate::data::MAX_LAYER as i32 + 1)
    }
}

/// What coarse seeding finds in one event.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CoarseOutput {
    /// The regions; their index is the `cs_id`.
    pub modules: Vec<Module>,
    /// Seeds of all regions, region by region.
    pub seeds: Seeds,
    /// Region of each seed; empty when [`CoarseConfig::regions`] is off.
    pub seed_region: Vec<u32>,
    /// The clusters around the seeds.
    pub clusters: Clusters,
    /// Cells of the clusters.
    pub assignment: Assignment,
}

/// Runs coarse seeding and clustering on one event. `event` only serves messages.
///
/// # Errors
/// [`HgcalError::ColumnLengths`], [`HgcalError::Layer`].
pub fn run(
    config: &CoarseConfig,
    clusterer: &Clusterer,
    event: i64,
    cells: &TriggerCells<'_>,
    buffers: &mut ClusterBuffers,
) -> Result<CoarseOutput> {
    if !cells.is_consistent() {
        return Err(HgcalError::ColumnLengths);
    }
    let mut output = CoarseOutput::default();
    for endcap in endcaps(cells) {
        let first = output.seeds.len();
        let mut excluded = Vec::new();
        if config.regions {
            let regions = modules::regions(config, cells, endcap);
            let inside = modules::cells_of(&regions, cells, endcap, &config.layers());
            for module in &regions {
                let found = hexagon::seeds(config, cells, &inside, endcap, Some(module));
                let region = output.modules.len() as u32;
                output.seed_region.extend(std::iter::repeat_n(region, found.len()));
                output.seeds.extend(&found);
                output.modules.push(*module);
            }
            if config.cylinder {
                excluded = outside_cylinder(&regions, cells);
            }
        } else {
            let all: Vec<u32> = (0..cells.len() as u32).filter(|&i| endcap.holds(cells.z[i as usize])).collect();
            output.seeds.extend(&hexagon::seeds(config, cells, &all, endcap, None));
        }
        let range = first..output.seeds.len();
        let CoarseOutput { seeds, clusters, assignment, .. } = &mut output;
        clusterer.cluster(event, cells, endcap, &excluded, seeds, range, buffers, clusters, assignment)?;
    }
    Ok(output)
}

/// The cells that are not in the cylinder of the regions: wafer u and v among those of the modules, CE-E only.
fn outside_cylinder(regions: &[Module], cells: &TriggerCells<'_>) -> Vec<u32> {
    let inside = |i: usize| {
        cells.layer[i] <= LAST_CEE_LAYER
            && regions.iter().any(|m| m.wu == cells.wu[i])
            && regions.iter().any(|m| m.wv == cells.wv[i])
    };
    (0..cells.len()).filter(|&i| !inside(i)).map(|i| i as u32).collect()
}
