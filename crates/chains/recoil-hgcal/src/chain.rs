//! The whole chain for one event or many: fill, smooth, seed, cluster, for each endcap by itself.
//!
//! ```
//! use recoil_hgcal::chain::{Chain, ChainConfig};
//! use recoil_hgcal::data::{EventBatch, TriggerCell};
//!
//! let mut events = EventBatch::default();
//! for layer in [7, 9, 11] {
//!     let cell = TriggerCell { layer, x: 90.0, z: 330.0, phi: 0.0, pt: 4.0, mip_pt: 40.0, ..TriggerCell::default() };
//!     events.cells.push(cell);
//! }
//! events.finish_event(1);
//!
//! let chain = Chain::new(&ChainConfig::default())?;
//! let found = chain.run(&events)?;
//! assert_eq!(found.clusters.len(), 1);
//! assert_eq!(found.clusters.pt, [12.0]);
//! # Ok::<(), recoil_hgcal::HgcalError>(())
//! ```

use std::ops::Range;
use std::time::{Duration, Instant};

use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cluster::{
    Assignment, ClusterAlgorithm, ClusterBuffers, ClusterConfig, Clusterer, Clusters, DensityClusterer,
};
use crate::data::{EventBatch, TriggerCells};
use crate::error::{HgcalError, Result};
use crate::fill::{Binning, Endcap, FillConfig, Histogram};
use crate::seed::plane::Plane;
use crate::seed::{SeedConfig, SeedingSpace, Seeds, seed};
use crate::smooth::{SmoothBuffers, SmoothConfig, Smoother};

/// Events that one thread takes at a time. Results do not depend on it.
const EVENTS_PER_TASK: usize = 16;

/// All parameters of the chain.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ChainConfig {
    /// The (R/z, phi) histogram.
    pub fill: FillConfig,
    /// Its smoothing.
    pub smooth: SmoothConfig,
    /// The seeds.
    pub seed: SeedConfig,
    /// The clusters.
    pub cluster: ClusterConfig,
}

/// The chain of a configuration, checked and with its tables worked out.
#[derive(Clone, Debug)]
pub struct Chain {
    binning: Binning,
    smoother: Smoother,
    seed: SeedConfig,
    clustering: Clustering,
}

/// How cells come together.
#[derive(Clone, Debug)]
enum Clustering {
    AroundSeeds(Clusterer),
    ByDensity(DensityClusterer),
}

/// The memory of one thread; holds the result of the last event.
#[derive(Clone, Debug)]
pub struct Workspace {
    histogram: Histogram,
    smoothed: SmoothBuffers,
    plane: Plane,
    bins: Vec<(u32, u32)>,
    buffers: ClusterBuffers,
    sides: Vec<Side>,
    /// Seeds of the last event.
    pub seeds: Seeds,
    /// Clusters of the last event.
    pub clusters: Clusters,
    /// Cells of the last event's clusters.
    pub assignment: Assignment,
}

/// The seeds of one endcap, and its cells that take no part in clustering.
#[derive(Clone, Debug)]
struct Side {
    endcap: Endcap,
    seeds: Range<usize>,
    excluded: Vec<u32>,
}

impl Workspace {
    /// Histogram of the endcap that came last.
    pub fn histogram(&self) -> &Histogram {
        &self.histogram
    }

    /// Smoothed histogram of the endcap that came last.
    pub fn smoothed(&self) -> &SmoothBuffers {
        &self.smoothed
    }
}

/// The results of many events, back to back: event `i` owns the rows `offsets[i]..offsets[i + 1]` of each table.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct ChainOutput {
    pub seed_offsets: Vec<usize>,
    pub seeds: Seeds,
    pub cluster_offsets: Vec<usize>,
    pub clusters: Clusters,
    pub assignment_offsets: Vec<usize>,
    pub assignment: Assignment,
}

impl Default for ChainOutput {
    fn default() -> Self {
        Self {
            seed_offsets: vec![0],
            seeds: Seeds::default(),
            cluster_offsets: vec![0],
            clusters: Clusters::default(),
            assignment_offsets: vec![0],
            assignment: Assignment::default(),
        }
    }
}

impl ChainOutput {
    /// Number of events.
    pub fn events(&self) -> usize {
        self.seed_offsets.len() - 1
    }

    /// Rows of event `i` in `offsets`; empty past the end.
    pub fn rows(offsets: &[usize], i: usize) -> Range<usize> {
        match (offsets.get(i), offsets.get(i + 1)) {
            (Some(&start), Some(&end)) => start..end,
            _ => 0..0,
        }
    }

    /// Appends the results of one event.
    pub fn push(&mut self, seeds: &Seeds, clusters: &Clusters, assignment: &Assignment) {
        self.seeds.extend(seeds);
        self.seed_offsets.push(self.seeds.len());
        self.clusters.extend(clusters);
        self.cluster_offsets.push(self.clusters.len());
        self.assignment.extend(assignment);
        self.assignment_offsets.push(self.assignment.len());
    }

    fn append(&mut self, other: &ChainOutput) {
        let shift = |mine: &mut Vec<usize>, theirs: &[usize]| {
            let base = mine.last().copied().unwrap_or(0);
            mine.extend(theirs.iter().skip(1).map(|o| o + base));
        };
        shift(&mut self.seed_offsets, &other.seed_offsets);
        shift(&mut self.cluster_offsets, &other.cluster_offsets);
        shift(&mut self.assignment_offsets, &other.assignment_offsets);
        self.seeds.extend(&other.seeds);
        self.clusters.extend(&other.clusters);
        self.assignment.extend(&other.assignment);
    }
}

/// Time spent in each step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct StepTimes {
    pub fill: Duration,
    pub smooth: Duration,
    pub seed: Duration,
    pub cluster: Duration,
}

impl StepTimes {
    /// All steps together.
    pub fn total(&self) -> Duration {
        self.fill + self.smooth + self.seed + self.cluster
    }
}

impl Chain {
    /// Checks a configuration and works out its tables.
    ///
    /// # Errors
    /// [`HgcalError::Config`] naming the key.
    pub fn new(config: &ChainConfig) -> Result<Self> {
        let binning = Binning::new(&config.fill)?;
        config.seed.check(&binning)?;
        Ok(Self {
            smoother: Smoother::new(&config.smooth, &binning)?,
            seed: config.seed.clone(),
            clustering: match config.cluster.algorithm {
                ClusterAlgorithm::Clue => Clustering::ByDensity(DensityClusterer::new(&config.cluster)?),
                _ => Clustering::AroundSeeds(Clusterer::new(&config.cluster)?),
            },
            binning,
        })
    }

    /// The histogram's binning.
    pub fn binning(&self) -> &Binning {
        &self.binning
    }

    /// The smoothing.
    pub fn smoother(&self) -> &Smoother {
        &self.smoother
    }

    /// Memory for one thread.
    pub fn workspace(&self) -> Workspace {
        Workspace {
            histogram: Histogram::new(&self.binning),
            smoothed: self.smoother.buffers(),
            plane: Plane::default(),
            bins: Vec::new(),
            buffers: ClusterBuffers::default(),
            sides: Vec::new(),
            seeds: Seeds::default(),
            clusters: Clusters::default(),
            assignment: Assignment::default(),
        }
    }

    /// Runs the chain on one event; the result stays in `workspace`. `event` only serves messages.
    ///
    /// # Errors
    /// [`HgcalError::ColumnLengths`], [`HgcalError::Layer`], [`HgcalError::Density`].
    pub fn event(&self, event: i64, cells: &TriggerCells<'_>, workspace: &mut Workspace) -> Result<()> {
        self.steps(event, cells, workspace, |_| ())
    }

    /// As [`Chain::event`], adding the time of each step to `times`.
    ///
    /// # Errors
    /// As [`Chain::event`].
    pub fn event_timed(
        &self,
        event: i64,
        cells: &TriggerCells<'_>,
        workspace: &mut Workspace,
        times: &mut StepTimes,
    ) -> Result<()> {
        let mut last = Instant::now();
        self.steps(event, cells, workspace, |step| {
            let now = Instant::now();
            let spent = now - last;
            last = now;
            match step {
                Step::Fill => times.fill += spent,
                Step::Smooth => times.smooth += spent,
                Step::Seed => times.seed += spent,
                Step::Cluster => times.cluster += spent,
            }
        })
    }

    fn steps(
        &self,
        event: i64,
        cells: &TriggerCells<'_>,
        workspace: &mut Workspace,
        mut done: impl FnMut(Step),
    ) -> Result<()> {
        if !cells.is_consistent() {
            return Err(HgcalError::ColumnLengths);
        }
        match &self.clustering {
            Clustering::AroundSeeds(clusterer) => {
                self.find_seeds(cells, workspace, &mut done);
                attach(clusterer, event, cells, workspace)?;
                done(Step::Cluster);
                Ok(())
            }
            Clustering::ByDensity(clusterer) => self.cluster_by_density(clusterer, event, cells, workspace, &mut done),
        }
    }

    /// The histogram only tells which cells take part.
    fn cluster_by_density(
        &self,
        clusterer: &DensityClusterer,
        event: i64,
        cells: &TriggerCells<'_>,
        workspace: &mut Workspace,
        mut done: impl FnMut(Step),
    ) -> Result<()> {
        let Workspace { histogram, seeds, clusters, assignment, .. } = workspace;
        seeds.clear();
        clusters.clear();
        assignment.clear();
        for endcap in endcaps(cells) {
            histogram.fill(&self.binning, cells, endcap);
            done(Step::Fill);
            clusterer.cluster(event, cells, endcap, histogram.excluded(), seeds, clusters, assignment)?;
            done(Step::Cluster);
        }
        Ok(())
    }

    fn find_seeds(&self, cells: &TriggerCells<'_>, workspace: &mut Workspace, mut done: impl FnMut(Step)) {
        let Workspace { histogram, smoothed, plane, bins, seeds, sides, .. } = workspace;
        seeds.clear();
        sides.clear();
        for endcap in endcaps(cells) {
            histogram.fill(&self.binning, cells, endcap);
            done(Step::Fill);
            let first = seeds.len();
            match self.seed.space {
                SeedingSpace::RPhi => {
                    self.smoother.smooth(histogram, smoothed);
                    done(Step::Smooth);
                    seed(&self.seed, &self.binning, histogram, smoothed, endcap, bins, seeds);
                }
                SeedingSpace::Xy => plane.seed(&self.seed, cells, endcap, bins, seeds),
            }
            sides.push(Side { endcap, seeds: first..seeds.len(), excluded: histogram.excluded().to_vec() });
            done(Step::Seed);
        }
    }

    /// Finds the seeds of one event and no clusters; [`Chain::recluster`] makes those.
    ///
    /// # Errors
    /// [`HgcalError::ColumnLengths`].
    pub fn seeds(&self, cells: &TriggerCells<'_>, workspace: &mut Workspace) -> Result<()> {
        if !cells.is_consistent() {
            return Err(HgcalError::ColumnLengths);
        }
        self.find_seeds(cells, workspace, |_| ());
        workspace.clusters.clear();
        workspace.assignment.clear();
        Ok(())
    }

    /// Clusters one event around given seeds, those of the positive endcap first.
    ///
    /// # Errors
    /// [`HgcalError::ColumnLengths`], [`HgcalError::Layer`], and a chain that clusters by density.
    pub fn cluster(
        &self,
        event: i64,
        cells: &TriggerCells<'_>,
        given: &Seeds,
        workspace: &mut Workspace,
    ) -> Result<()> {
        if !cells.is_consistent() {
            return Err(HgcalError::ColumnLengths);
        }
        let Clustering::AroundSeeds(clusterer) = &self.clustering else {
            let reason = "`clue` has no use for given seeds".to_owned();
            return Err(HgcalError::Config { key: "cluster.algorithm", reason });
        };
        let Workspace { histogram, seeds, sides, .. } = workspace;
        seeds.clear();
        seeds.extend(given);
        sides.clear();
        let positive = given.zside.iter().filter(|&&z| z == Endcap::Positive.zside()).count();
        for endcap in endcaps(cells) {
            histogram.fill(&self.binning, cells, endcap);
            let range = if endcap == Endcap::Positive { 0..positive } else { positive..given.len() };
            sides.push(Side { endcap, seeds: range, excluded: histogram.excluded().to_vec() });
        }
        attach(clusterer, event, cells, workspace)
    }

    /// Clusters the event whose seeds are in `workspace` again, with other clustering parameters. `cells` must be those
    /// of that event.
    ///
    /// # Errors
    /// [`HgcalError::ColumnLengths`], [`HgcalError::Layer`].
    pub fn recluster(
        clusterer: &Clusterer,
        event: i64,
        cells: &TriggerCells<'_>,
        workspace: &mut Workspace,
    ) -> Result<()> {
        if !cells.is_consistent() {
            return Err(HgcalError::ColumnLengths);
        }
        attach(clusterer, event, cells, workspace)
    }

    /// Runs the chain on many events, in parallel on the current rayon pool. The result is in the order of the events
    /// and does not depend on the number of threads.
    ///
    /// # Errors
    /// That of the first event that has one.
    pub fn run(&self, events: &EventBatch) -> Result<ChainOutput> {
        let starts: Vec<usize> = (0..events.len()).step_by(EVENTS_PER_TASK).collect();
        let parts: Vec<Result<ChainOutput>> = starts
            .into_par_iter()
            .map_init(
                || self.workspace(),
                |workspace, start| {
                    let mut output = ChainOutput::default();
                    for i in start..(start + EVENTS_PER_TASK).min(events.len()) {
                        let number = events.event.get(i).copied().unwrap_or_default();
                        self.event(number, &events.event_cells(i), workspace)?;
                        output.push(&workspace.seeds, &workspace.clusters, &workspace.assignment);
                    }
                    Ok(output)
                },
            )
            .collect();
        let mut output = ChainOutput::default();
        for part in parts {
            output.append(&part?);
        }
        Ok(output)
    }
}

fn attach(clusterer: &Clusterer, event: i64, cells: &TriggerCells<'_>, workspace: &mut Workspace) -> Result<()> {
    let Workspace { buffers, sides, seeds, clusters, assignment, .. } = workspace;
    clusters.clear();
    assignment.clear();
    for Side { endcap, seeds: range, excluded } in sides.iter() {
        clusterer.cluster(event, cells, *endcap, excluded, seeds, range.clone(), buffers, clusters, assignment)?;
    }
    Ok(())
}

enum Step {
    Fill,
    Smooth,
    Seed,
    Cluster,
}

/// The endcaps that have cells, the positive one first.
pub fn endcaps(cells: &TriggerCells<'_>) -> impl Iterator<Item = Endcap> + use<> {
    let negative = cells.z.iter().any(|&z| Endcap::Negative.holds(z));
    let positive = cells.z.iter().any(|&z| Endcap::Positive.holds(z));
    [(Endcap::Positive, positive), (Endcap::Negative, negative)]
        .into_iter()
        .filter_map(|(endcap, present)| present.then_some(endcap))
}
