//! Which seed takes a cell.
//!
//! The decision is `sqrt(dx² + dy²) < radius` in double precision, and the nearest seed is the smallest such square
//! root, the first one on a tie. Most cells are far from most seeds, so a grid over the seeds' surroundings tells first
//! which seeds a cell could reach at all; the squared distance then discards the rest, with a margin of 1e-12 so that no
//! rounding can change a decision, and only for the seeds that remain is the square root taken.

use std::ops::Range;

use super::properties::ClusterSums;
use super::truncate::truncate;
use super::{Assignment, ClusterAlgorithm, ClusterConfig, Clusters};
use crate::data::TriggerCells;
use crate::error::{HgcalError, Result};
use crate::fill::Endcap;
use crate::seed::Seeds;

/// Side of a grid cell in the plane (x/|z|, y/|z|).
const GRID_STEP: f64 = 0.02;
/// Grid cells per axis are limited to this many; the step grows beyond.
const GRID_LIMIT: usize = 128;
/// At most so many grids, one per radius.
const GRIDS: usize = 8;
/// With fewer seeds than this the grid does not pay.
const GRID_SEEDS: usize = 4;
/// Relative margin of the comparison of squares.
const MARGIN: f64 = 1e-12;

/// A clustering configuration with its tables worked out.
#[derive(Clone, Debug)]
pub struct Clusterer {
    config: ClusterConfig,
    /// Per layer: the radius, and which of `reaches` covers it.
    layers: Vec<(f64, usize)>,
    /// Reaches of the grids: the different radii, or the largest one if there are too many.
    reaches: Vec<f64>,
}

/// Memory that is reused from event to event.
#[derive(Clone, Debug, Default)]
pub struct ClusterBuffers {
    sums: Vec<ClusterSums>,
    in_reach: Vec<(u32, f64)>,
    grids: Vec<Grid>,
}

/// Seeds within reach of each cell of a regular grid, as bit masks.
#[derive(Clone, Debug, Default)]
struct Grid {
    x0: f64,
    y0: f64,
    x1: f64,
    y1: f64,
    per_step_x: f64,
    per_step_y: f64,
    nx: usize,
    ny: usize,
    words: usize,
    masks: Vec<u64>,
}

impl Grid {
    fn build(&mut self, x: &[f64], y: &[f64], reach: f64) {
        // the slack makes sure that a cell within reach is inside the box in spite of roundings
        let reach = reach * (1.0 + 1e-9) + 1e-12;
        let low = |v: &[f64]| v.iter().fold(f64::INFINITY, |a, &b| a.min(b)) - reach;
        let high = |v: &[f64]| v.iter().fold(f64::NEG_INFINITY, |a, &b| a.max(b)) + reach;
        (self.x0, self.y0, self.x1, self.y1) = (low(x), low(y), high(x), high(y));
        let bins = |extent: f64| ((extent / GRID_STEP) as usize + 1).min(GRID_LIMIT);
        let (nx, ny) = (bins(self.x1 - self.x0), bins(self.y1 - self.y0));
        self.per_step_x = nx as f64 / (self.x1 - self.x0);
        self.per_step_y = ny as f64 / (self.y1 - self.y0);
        (self.nx, self.ny) = (nx, ny);
        self.words = x.len().div_ceil(64);
        self.masks.clear();
        self.masks.resize(nx * ny * self.words, 0);
        for (i, (&sx, &sy)) in x.iter().zip(y).enumerate() {
            let at = |v: f64, v0: f64, per_step: f64, n: usize| (((v - v0) * per_step) as usize).min(n - 1);
            let (x_low, x_high) =
                (at(sx - reach, self.x0, self.per_step_x, nx), at(sx + reach, self.x0, self.per_step_x, nx));
            let (y_low, y_high) =
                (at(sy - reach, self.y0, self.per_step_y, ny), at(sy + reach, self.y0, self.per_step_y, ny));
            for ix in x_low..=x_high {
                for iy in y_low..=y_high {
                    self.masks[(ix * ny + iy) * self.words + i / 64] |= 1 << (i % 64);
                }
            }
        }
    }

    /// The masks of the grid cell that holds (x, y); empty outside.
    #[inline]
    fn masks(&self, x: f64, y: f64) -> &[u64] {
        if !(x >= self.x0 && x <= self.x1 && y >= self.y0 && y <= self.y1) {
            return &[];
        }
        let ix = (((x - self.x0) * self.per_step_x) as usize).min(self.nx - 1);
        let iy = (((y - self.y0) * self.per_step_y) as usize).min(self.ny - 1);
        let at = (ix * self.ny + iy) * self.words;
        &self.masks[at..at + self.words]
    }
}

/// One seed that a cell may join.
#[derive(Clone, Copy)]
struct Choice {
    seed: usize,
    /// Smaller is better: the distance, or minus the energy.
    rank: f64,
}

impl Clusterer {
    /// Works out the tables of a configuration.
    ///
    /// # Errors
    /// See [`ClusterConfig::check`]; and density clustering, which has no use for seeds.
    pub fn new(config: &ClusterConfig) -> Result<Self> {
        config.check()?;
        if config.algorithm == ClusterAlgorithm::Clue {
            let reason = "`clue` finds its own seeds, so it only works as a part of the whole chain".to_owned();
            return Err(HgcalError::Config { key: "cluster.algorithm", reason });
        }
        let radii = config.radius.table();
        let mut reaches = radii.to_vec();
        reaches.sort_unstable_by(f64::total_cmp);
        reaches.dedup();
        if reaches.len() > GRIDS {
            reaches.drain(..reaches.len() - 1);
        }
        let grid = |radius: f64| reaches.iter().position(|&reach| radius <= reach).unwrap_or(0);
        let layers = radii.iter().map(|&radius| (radius, grid(radius))).collect();
        Ok(Self { config: config.clone(), layers, reaches })
    }

    /// Clusters the cells of one endcap around the seeds `range`, appending to `clusters` and `assignment`.
    ///
    /// `excluded` lists cells (increasing) that do not take part. `event` only serves messages.
    ///
    /// # Errors
    /// [`HgcalError::Layer`] for a cell whose layer the radius table does not have.
    #[allow(clippy::too_many_arguments)]
    pub fn cluster(
        &self,
        event: i64,
        cells: &TriggerCells<'_>,
        endcap: Endcap,
        excluded: &[u32],
        seeds: &Seeds,
        range: Range<usize>,
        buffers: &mut ClusterBuffers,
        clusters: &mut Clusters,
        assignment: &mut Assignment,
    ) -> Result<()> {
        let first = range.start;
        let (x, y, energy) = (&seeds.x[range.clone()], &seeds.y[range.clone()], &seeds.energy[range]);
        if x.is_empty() {
            return Ok(());
        }
        buffers.sums.clear();
        buffers.sums.resize(x.len(), ClusterSums::default());
        // a radius that depends on eta has no bound that a grid could use
        let use_grid = x.len() >= GRID_SEEDS && self.config.coeff_b == 0.0;
        let Clusterer { config, .. } = self;
        let ClusterBuffers { sums, in_reach, grids } = buffers;
        if use_grid {
            grids.resize_with(self.reaches.len(), Grid::default);
            for (grid, &reach) in grids.iter_mut().zip(&self.reaches) {
                grid.build(x, y, reach);
            }
        }
        let mut excluded = excluded.iter().copied().peekable();
        for i in 0..cells.len() {
            if excluded.next_if_eq(&(i as u32)).is_some() || !endcap.holds(cells.z[i]) {
                continue;
            }
            let at = self.project(event, cells, i)?;
            let distance = |s: usize| at.distance(x[s], y[s]);
            let masks = if use_grid { grids[at.grid].masks(at.x, at.y) } else { &[] };
            match config.algorithm {
                ClusterAlgorithm::EnergySplit => {
                    in_reach.clear();
                    let mut consider = |s: usize| {
                        if distance(s).is_some() {
                            in_reach.push((s as u32, energy[s]));
                        }
                    };
                    if use_grid {
                        each(masks, &mut consider)
                    } else {
                        (0..x.len()).for_each(&mut consider)
                    }
                    let total: f64 = in_reach.iter().map(|&(_, e)| e).sum();
                    for &(seed, seed_energy) in in_reach.iter() {
                        let fraction = seed_energy / total;
                        sums[seed as usize].add(cells, i, fraction, config.position_weight);
                        assignment.push(i as u32, first as u32 + seed);
                        assignment.fraction.push(fraction);
                    }
                }
                // `Clusterer::new` refuses the last of them
                ClusterAlgorithm::MinDistance | ClusterAlgorithm::MaxEnergy | ClusterAlgorithm::Clue => {
                    let by_energy = config.algorithm == ClusterAlgorithm::MaxEnergy;
                    let mut best: Option<Choice> = None;
                    let mut consider = |s: usize| {
                        if let Some(d) = distance(s) {
                            let rank = if by_energy { -energy[s] } else { d };
                            if best.is_none_or(|b| rank < b.rank) {
                                best = Some(Choice { seed: s, rank });
                            }
                        }
                    };
                    if use_grid {
                        each(masks, &mut consider)
                    } else {
                        (0..x.len()).for_each(&mut consider)
                    }
                    if let Some(Choice { seed, .. }) = best {
                        sums[seed].add(cells, i, 1.0, config.position_weight);
                        assignment.push(i as u32, (first + seed) as u32);
                    }
                }
            }
        }
        for (seed, sums) in sums.iter().enumerate() {
            sums.finish((first + seed) as u32, config.min_pt, clusters);
        }
        truncate(clusters, config.max_per_sector);
        Ok(())
    }

    #[inline(always)]
    fn project(&self, event: i64, cells: &TriggerCells<'_>, i: usize) -> Result<Projected> {
        let layer = cells.layer[i];
        let found = usize::try_from(layer).ok().and_then(|l| l.checked_sub(1)).and_then(|l| self.layers.get(l));
        let Some(&(base, grid)) = found else {
            return Err(HgcalError::Layer { event, cell: i, layer, layers: self.layers.len() });
        };
        let radius = base + self.config.coeff_b * (self.config.mid_radius - f64::from(cells.eta[i]).abs());
        let depth = f64::from(cells.z[i]).abs();
        let (x, y) = (f64::from(cells.x[i]) / depth, f64::from(cells.y[i]) / depth);
        Ok(Projected { x, y, grid, radius, square: radius * radius * (1.0 + MARGIN) })
    }
}

/// A cell in the plane (x/|z|, y/|z|), with the radius of its layer.
struct Projected {
    x: f64,
    y: f64,
    grid: usize,
    radius: f64,
    square: f64,
}

impl Projected {
    /// Distance to a seed, if it is within the radius.
    #[inline]
    fn distance(&self, x: f64, y: f64) -> Option<f64> {
        let (dx, dy) = (self.x - x, self.y - y);
        let square = dx * dx + dy * dy;
        if square > self.square {
            return None;
        }
        Some(square.sqrt()).filter(|&d| d < self.radius)
    }
}

/// Calls `f` with the index of every set bit, increasing.
#[inline]
fn each(masks: &[u64], f: &mut impl FnMut(usize)) {
    for (word, &mask) in masks.iter().enumerate() {
        let mut mask = mask;
        while mask != 0 {
            f(word * 64 + mask.trailing_zeros() as usize);
            mask &= mask - 1;
        }
    }
}
