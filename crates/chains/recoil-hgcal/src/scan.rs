//! Scans: the chain at many points of its configuration, repeating only the steps that differ.
//!
//! The points form a tree: those that share the front end are under one node, those of them that share the histogram under
//! one `fill` node, those of these that share the
//! smoothing under one `smooth` node, and so on for the seeds, the clusters and the comparison with particles. Each event
//! walks the tree once, so a step runs once per event and node, however many points are below it.

use rayon::prelude::*;
use recoil_stats::interval::{Interval, ONE_SIGMA, clopper_pearson};
use serde::Serialize;

use crate::chain::{ChainConfig, endcaps};
use crate::cluster::{
    Assignment, ClusterAlgorithm, ClusterBuffers, ClusterConfig, Clusterer, Clusters, DensityClusterer,
};
use crate::data::{EventBatch, GenBatch, GenParticles, TriggerCellColumns, TriggerCells};
use crate::error::{HgcalError, Result};
use crate::fill::{Binning, Endcap, FillConfig, Histogram};
use crate::front_end::{Compression, EventOnWafers, FrontEnd, FrontEndConfig, Traffic};
use crate::seed::plane::Plane;
use crate::seed::{SeedConfig, SeedingSpace, Seeds, seed};
use crate::smooth::{SmoothBuffers, SmoothConfig, Smoother};
use crate::validate::{Spread, ValidateConfig, compare};

/// Events that one thread takes at a time. Results do not depend on it.
const EVENTS_PER_TASK: usize = 16;

/// One point of a scan.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Point {
    /// The front end.
    pub frontend: FrontEndConfig,
    /// The chain.
    pub chain: ChainConfig,
    /// The comparison with particles.
    pub validate: ValidateConfig,
}

/// How often each step ran: once per event and different configuration of the step and those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub struct StepCounts {
    pub front_end: usize,
    pub fill: usize,
    pub smooth: usize,
    pub seed: usize,
    pub cluster: usize,
}

impl std::ops::AddAssign for StepCounts {
    fn add_assign(&mut self, other: Self) {
        self.front_end += other.front_end;
        self.fill += other.fill;
        self.smooth += other.smooth;
        self.seed += other.seed;
        self.cluster += other.cluster;
    }
}

/// What one point gave, over the events so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    seeds: usize,
    clusters: usize,
    energy: Vec<f64>,
    pt: Vec<f64>,
    found: usize,
    split: usize,
}

impl Tally {
    fn append(&mut self, other: Self) {
        self.seeds += other.seeds;
        self.clusters += other.clusters;
        self.energy.extend(other.energy);
        self.pt.extend(other.pt);
        self.found += other.found;
        self.split += other.split;
    }

    fn compare(&mut self, config: &ValidateConfig, particles: &GenParticles<'_>, clusters: &Clusters) {
        // without cells: their sums do not depend on the point
        for row in compare(config, particles, &TriggerCells::default(), clusters) {
            self.energy.push(row.cluster_response.energy);
            self.pt.push(row.cluster_response.pt);
            self.found += usize::from(row.clusters > 0);
            self.split += usize::from(row.clusters > 1);
        }
    }
}

/// One point in numbers. What needs particles is NaN without any.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ScanResult {
    /// Number of events.
    pub events: usize,
    /// Number of particles.
    pub particles: usize,
    /// Seeds per event.
    pub seeds: f64,
    /// Clusters per event.
    pub clusters: f64,
    /// Particles with a cluster over all, with 68 % Clopper-Pearson interval.
    pub efficiency: Interval,
    /// Particles with more than one cluster over those with any, with 68 % Clopper-Pearson interval.
    pub splitting: Interval,
    /// Energy response of the leading clusters, ratio minus 1.
    pub energy: Spread,
    /// Transverse-momentum response of the leading clusters, ratio minus 1.
    pub pt: Spread,
    /// What went through the front end.
    pub traffic: Traffic,
}

/// A scan: its points as a tree, and what they gave so far.
#[derive(Clone, Debug)]
pub struct Scan {
    front_ends: Vec<FrontNode>,
    /// Number of the front end of each point.
    front_end_of: Vec<usize>,
    validate: Vec<ValidateConfig>,
    done: Done,
    events: usize,
}

/// What some events gave.
#[derive(Clone, Debug)]
struct Done {
    /// By point.
    tallies: Vec<Tally>,
    /// By front end.
    traffic: Vec<Traffic>,
    counts: StepCounts,
}

impl Done {
    fn nothing(points: usize, front_ends: usize) -> Self {
        Self {
            tallies: vec![Tally::default(); points],
            traffic: vec![Traffic::default(); front_ends],
            counts: StepCounts::default(),
        }
    }
}

/// Points that share the cells.
#[derive(Clone, Debug)]
struct FrontNode {
    config: FrontEndConfig,
    front_end: FrontEnd,
    fill: Vec<FillNode>,
}

/// Points that share a histogram.
#[derive(Clone, Debug)]
struct FillNode {
    config: FillConfig,
    binning: Binning,
    smooth: Vec<SmoothNode>,
    density: Vec<ClusterNode<DensityClusterer>>,
}

/// Points that share a smoothed histogram.
#[derive(Clone, Debug)]
struct SmoothNode {
    config: SmoothConfig,
    smoother: Smoother,
    seed: Vec<SeedNode>,
}

/// Points that share seeds.
#[derive(Clone, Debug)]
struct SeedNode {
    config: SeedConfig,
    cluster: Vec<ClusterNode<Clusterer>>,
}

/// Points that share clusters.
#[derive(Clone, Debug)]
struct ClusterNode<C> {
    config: ClusterConfig,
    clusterer: C,
    points: Vec<usize>,
}

/// The node that is `same`, made if there is none.
fn node<N>(nodes: &mut Vec<N>, same: impl Fn(&N) -> bool, make: impl FnOnce() -> Result<N>) -> Result<&mut N> {
    let position = match nodes.iter().position(same) {
        Some(position) => position,
        None => {
            nodes.push(make()?);
            nodes.len() - 1
        }
    };
    Ok(&mut nodes[position])
}

fn add_point<C>(
    nodes: &mut Vec<ClusterNode<C>>,
    config: &ClusterConfig,
    point: usize,
    make: fn(&ClusterConfig) -> Result<C>,
) -> Result<()> {
    let new = || Ok(ClusterNode { config: config.clone(), clusterer: make(config)?, points: Vec::new() });
    node(nodes, |known| known.config == *config, new)?.points.push(point);
    Ok(())
}

impl Scan {
    /// Sorts the points into the tree.
    ///
    /// # Errors
    /// [`HgcalError::Config`] of a point that cannot work; [`HgcalError::FrontEndSetUp`] of one without its model.
    pub fn new(points: &[Point]) -> Result<Self> {
        let mut front_ends: Vec<FrontNode> = Vec::new();
        let mut front_end_of = Vec::with_capacity(points.len());
        for (i, Point { chain, frontend, .. }) in points.iter().enumerate() {
            // without chips their settings make no difference
            let config =
                if frontend.algorithm == Compression::None { FrontEndConfig::default() } else { frontend.clone() };
            let place = match front_ends.iter().position(|known| known.config == config) {
                Some(place) => place,
                None => {
                    let front_end = FrontEnd::new(&config)?;
                    front_ends.push(FrontNode { config, front_end, fill: Vec::new() });
                    front_ends.len() - 1
                }
            };
            front_end_of.push(place);
            let new = || {
                let (config, binning) = (chain.fill.clone(), Binning::new(&chain.fill)?);
                Ok(FillNode { config, binning, smooth: Vec::new(), density: Vec::new() })
            };
            let fill = node(&mut front_ends[place].fill, |known| known.config == chain.fill, new)?;
            if chain.cluster.algorithm == ClusterAlgorithm::Clue {
                add_point(&mut fill.density, &chain.cluster, i, DensityClusterer::new)?;
                continue;
            }
            chain.seed.check(&fill.binning)?;
            let new = || {
                let (config, smoother) = (chain.smooth.clone(), Smoother::new(&chain.smooth, &fill.binning)?);
                Ok(SmoothNode { config, smoother, seed: Vec::new() })
            };
            let smooth = node(&mut fill.smooth, |known| known.config == chain.smooth, new)?;
            let new = || Ok(SeedNode { config: chain.seed.clone(), cluster: Vec::new() });
            let seed = node(&mut smooth.seed, |known| known.config == chain.seed, new)?;
            add_point(&mut seed.cluster, &chain.cluster, i, Clusterer::new)?;
        }
        Ok(Self {
            done: Done::nothing(points.len(), front_ends.len()),
            front_ends,
            front_end_of,
            validate: points.iter().map(|point| point.validate.clone()).collect(),
            events: 0,
        })
    }

    /// Takes in events and their particles, in parallel on the current rayon pool. The result does not depend on the
    /// number of threads.
    ///
    /// # Errors
    /// That of the first event that has one, as of [`crate::chain::Chain::run`].
    pub fn add(&mut self, events: &EventBatch, particles: &GenBatch) -> Result<()> {
        let starts: Vec<usize> = (0..events.len()).step_by(EVENTS_PER_TASK).collect();
        let this = &*self;
        let part = |start: usize| {
            let mut walk = Walk::new(this);
            for i in start..(start + EVENTS_PER_TASK).min(events.len()) {
                let number = events.event.get(i).copied().unwrap_or_default();
                walk.event(number, &events.event_cells(i), &particles.event_particles(i))?;
            }
            Ok(walk.done)
        };
        let parts: Vec<Result<Done>> = starts.into_par_iter().map(part).collect();
        for part in parts {
            let Done { tallies, traffic, counts } = part?;
            self.done.tallies.iter_mut().zip(tallies).for_each(|(sum, tally)| sum.append(tally));
            self.done.traffic.iter_mut().zip(traffic).for_each(|(sum, own)| *sum += own);
            self.done.counts += counts;
        }
        self.events += events.len();
        Ok(())
    }

    /// Takes in the particles of an event without any cells.
    pub fn add_missed(&mut self, particles: &GenParticles<'_>) {
        let none = Clusters::default();
        for (tally, config) in self.done.tallies.iter_mut().zip(&self.validate) {
            tally.compare(config, particles, &none);
        }
    }

    /// What a user should know about the front ends.
    pub fn warnings(&self) -> Vec<String> {
        self.front_ends.iter().filter_map(|node| node.front_end.warning()).collect()
    }

    /// How often each step ran.
    pub fn counts(&self) -> StepCounts {
        self.done.counts
    }

    /// The points in numbers, in their order.
    ///
    /// # Errors
    /// None for what [`Scan::add`] took in.
    pub fn results(&self) -> Result<Vec<ScanResult>> {
        let events = self.events as f64;
        let one = |(tally, &front_end): (&Tally, &usize)| {
            let (found, particles) = (tally.found as f64, tally.energy.len());
            Ok(ScanResult {
                events: self.events,
                particles,
                seeds: tally.seeds as f64 / events,
                clusters: tally.clusters as f64 / events,
                efficiency: clopper_pearson(found, particles as f64, ONE_SIGMA)?,
                splitting: clopper_pearson(tally.split as f64, found, ONE_SIGMA)?,
                energy: Spread::of(&tally.energy),
                pt: Spread::of(&tally.pt),
                traffic: self.done.traffic.get(front_end).copied().unwrap_or_default(),
            })
        };
        self.done.tallies.iter().zip(&self.front_end_of).map(one).collect()
    }
}

/// One thread's way through the tree.
struct Walk<'a> {
    scan: &'a Scan,
    done: Done,
    arrived: TriggerCellColumns,
    buffers: ClusterBuffers,
    plane: Plane,
    seeds: Seeds,
    clusters: Clusters,
    assignment: Assignment,
}

/// One endcap of an event, filled.
struct Filled {
    endcap: Endcap,
    histogram: Histogram,
}

/// The event that walks.
struct Event<'a> {
    number: i64,
    cells: &'a TriggerCells<'a>,
    particles: &'a GenParticles<'a>,
}

impl<'a> Walk<'a> {
    fn new(scan: &'a Scan) -> Self {
        Self {
            scan,
            done: Done::nothing(scan.front_end_of.len(), scan.front_ends.len()),
            arrived: TriggerCellColumns::default(),
            buffers: ClusterBuffers::default(),
            plane: Plane::default(),
            seeds: Seeds::default(),
            clusters: Clusters::default(),
            assignment: Assignment::default(),
        }
    }

    fn event(&mut self, number: i64, cells: &TriggerCells<'_>, particles: &GenParticles<'_>) -> Result<()> {
        if !cells.is_consistent() {
            return Err(HgcalError::ColumnLengths);
        }
        let mut wafers: Option<EventOnWafers<'_>> = None;
        for (place, node) in self.scan.front_ends.iter().enumerate() {
            if node.front_end.is_none() {
                self.done.traffic[place] += Traffic { cells_passed: cells.len(), ..Traffic::default() };
                self.chains(&node.fill, &Event { number, cells, particles })?;
                continue;
            }
            let wafers = match &mut wafers {
                Some(known) => known,
                None => wafers.insert(EventOnWafers::new(number, cells)?),
            };
            let mut arrived = std::mem::take(&mut self.arrived);
            self.done.traffic[place] += node.front_end.sorted_event(wafers, &mut arrived)?;
            self.done.counts.front_end += 1;
            self.chains(&node.fill, &Event { number, cells: &arrived.view(), particles })?;
            self.arrived = arrived;
        }
        Ok(())
    }

    fn chains(&mut self, fills: &[FillNode], event: &Event<'_>) -> Result<()> {
        let cells = event.cells;
        for fill in fills {
            let filled: Vec<Filled> = endcaps(cells)
                .map(|endcap| {
                    let mut histogram = Histogram::new(&fill.binning);
                    histogram.fill(&fill.binning, cells, endcap);
                    Filled { endcap, histogram }
                })
                .collect();
            self.done.counts.fill += 1;
            for node in &fill.density {
                self.density(node, event, &filled)?;
            }
            for smooth in &fill.smooth {
                self.smooth(fill, smooth, event, &filled)?;
            }
        }
        Ok(())
    }

    fn density(&mut self, node: &ClusterNode<DensityClusterer>, event: &Event<'_>, filled: &[Filled]) -> Result<()> {
        self.seeds.clear();
        self.clusters.clear();
        self.assignment.clear();
        for Filled { endcap, histogram } in filled {
            let (seeds, clusters, assignment) = (&mut self.seeds, &mut self.clusters, &mut self.assignment);
            let excluded = histogram.excluded();
            node.clusterer.cluster(event.number, event.cells, *endcap, excluded, seeds, clusters, assignment)?;
        }
        self.done.counts.cluster += 1;
        self.tally(&node.points, event);
        Ok(())
    }

    fn smooth(&mut self, fill: &FillNode, node: &SmoothNode, event: &Event<'_>, filled: &[Filled]) -> Result<()> {
        let smoothed: Vec<SmoothBuffers> = filled
            .iter()
            .map(|Filled { histogram, .. }| {
                let mut buffers = node.smoother.buffers();
                node.smoother.smooth(histogram, &mut buffers);
                buffers
            })
            .collect();
        self.done.counts.smooth += 1;
        let mut bins = Vec::new();
        for SeedNode { config, cluster } in &node.seed {
            self.seeds.clear();
            let mut ends = vec![0];
            for (Filled { endcap, histogram }, smoothed) in filled.iter().zip(&smoothed) {
                match config.space {
                    SeedingSpace::RPhi => {
                        seed(config, &fill.binning, histogram, smoothed, *endcap, &mut bins, &mut self.seeds);
                    }
                    SeedingSpace::Xy => self.plane.seed(config, event.cells, *endcap, &mut bins, &mut self.seeds),
                }
                ends.push(self.seeds.len());
            }
            self.done.counts.seed += 1;
            for node in cluster {
                self.around_seeds(node, event, filled, &ends)?;
            }
        }
        Ok(())
    }

    /// `ends` are where the seeds of each endcap begin and end.
    fn around_seeds(
        &mut self,
        node: &ClusterNode<Clusterer>,
        event: &Event<'_>,
        filled: &[Filled],
        ends: &[usize],
    ) -> Result<()> {
        self.clusters.clear();
        self.assignment.clear();
        for (Filled { endcap, histogram }, range) in filled.iter().zip(ends.windows(2)) {
            node.clusterer.cluster(
                event.number,
                event.cells,
                *endcap,
                histogram.excluded(),
                &self.seeds,
                range[0]..range[1],
                &mut self.buffers,
                &mut self.clusters,
                &mut self.assignment,
            )?;
        }
        self.done.counts.cluster += 1;
        self.tally(&node.points, event);
        Ok(())
    }

    fn tally(&mut self, points: &[usize], event: &Event<'_>) {
        for &point in points {
            let tally = &mut self.done.tallies[point];
            tally.seeds += self.seeds.len();
            tally.clusters += self.clusters.len();
            tally.compare(&self.scan.validate[point], event.particles, &self.clusters);
        }
    }
}
