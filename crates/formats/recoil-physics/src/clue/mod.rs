//! CLUE: clustering by density, in any dimension.
//!
//! Every point gets a local density, the weighted number of neighbours within `dc`. Every point then
//! looks for its nearest neighbour of higher density. A dense point that finds none nearby is the
//! seed of a cluster; a thin one is an outlier; everybody else joins the cluster of its nearest
//! higher neighbour. (Rodriguez and Laio, Science 344 (2014) 1492; Rovere et al., Front. Big Data 3
//! (2020) 591315, from which the names of the parameters come.)
//!
//! ```
//! use recoil_physics::clue::{Clue, Points};
//! let (x, y) = ([0.0, 0.1, 0.2, 9.0, 9.1, 9.2, 50.0], [0.0, 0.1, 0.0, 9.0, 9.1, 9.0, 50.0]);
//! let points = Points::new(&[&x, &y])?;
//! let found = Clue::new(1.0, 2.0).run(&points)?;
//! assert_eq!(found.cluster, [0, 0, 0, 1, 1, 1, -1]);
//! assert_eq!(found.clusters, 2);
//! # Ok::<(), recoil_physics::Error>(())
//! ```
//!
//! Labels depend on the input alone, never on the number of threads. The work runs on the current
//! rayon pool. Memory is linear in the points, whatever their dimension and spread.

mod density;
mod kernel;
mod metric;
mod nearest;
mod points;
mod summary;
mod tree;

use rayon::prelude::*;

pub use kernel::Kernel;
pub use metric::{Metric, Norm};
pub use points::Points;
pub use summary::Summary;

use crate::error::{Error, Result};
use metric::{Chebyshev, Euclidean, Manhattan, Reduced, Scaled};
use nearest::{Ranking, nearest_higher};
use tree::Tree;

/// The parameters of the algorithm, and the algorithm.
#[derive(Debug, Clone, PartialEq)]
pub struct Clue {
    dc: f32,
    rhoc: f32,
    outlier_distance: f32,
    seeding_distance: f32,
    kernel: Kernel,
    metric: Metric,
}

/// Labels of every point, in the order of the points.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Clustering {
    /// local density
    pub density: Vec<f32>,
    /// row of the nearest point of higher density, -1 for none within the distance that counts
    pub nearest_higher: Vec<i32>,
    /// whether the point is the seed of a cluster
    pub is_seed: Vec<bool>,
    /// number of the cluster, -1 for outliers; clusters are numbered in the order of their seeds
    pub cluster: Vec<i32>,
    /// how many clusters there are
    pub clusters: usize,
}

impl Clue {
    /// Clustering with density radius `dc` and critical density `rhoc`; both other distances start
    /// out as `dc`, the metric as Euclidean, the kernel as flat with 0.5 per neighbour.
    pub fn new(dc: f32, rhoc: f32) -> Self {
        Self {
            dc,
            rhoc,
            outlier_distance: dc,
            seeding_distance: dc,
            kernel: Kernel::default(),
            metric: Metric::default(),
        }
    }

    /// How far a point below the critical density looks for a higher one; without one it is an outlier.
    pub fn outlier_distance(mut self, distance: f32) -> Self {
        self.outlier_distance = distance;
        self
    }

    /// How far a point of at least the critical density looks for a higher one; without one it is a seed.
    pub fn seeding_distance(mut self, distance: f32) -> Self {
        self.seeding_distance = distance;
        self
    }

    /// Another weight of neighbours.
    pub fn kernel(mut self, kernel: Kernel) -> Self {
        self.kernel = kernel;
        self
    }

    /// Another distance.
    pub fn metric(mut self, metric: Metric) -> Self {
        self.metric = metric;
        self
    }

    /// Clusters all points together.
    ///
    /// # Errors
    /// A parameter out of range, or a metric that does not fit the points' dimension.
    pub fn run(&self, points: &Points<'_>) -> Result<Clustering> {
        self.check(points)?;
        self.run_checked(points)
    }

    /// Clusters groups of consecutive points by themselves, for example the events of a file: group
    /// i holds the rows from `offsets[i]` up to `offsets[i + 1]`. Rows and cluster numbers of every
    /// result count from 0 within its group.
    ///
    /// # Errors
    /// As [`Clue::run`], and offsets that do not rise from 0 to the number of points.
    pub fn run_batches(&self, points: &Points<'_>, offsets: &[usize]) -> Result<Vec<Clustering>> {
        self.check(points)?;
        let wrong = |position: usize| {
            let value = offsets.get(position).copied().unwrap_or(0);
            Err(Error::Offsets { position, value, points: points.len() })
        };
        if offsets.first() != Some(&0) {
            return wrong(0);
        }
        if let Some(position) = offsets.windows(2).position(|pair| pair[0] > pair[1]) {
            return wrong(position + 1);
        }
        if offsets.last() != Some(&points.len()) {
            return wrong(offsets.len() - 1);
        }
        offsets.par_windows(2).map(|pair| self.run_checked(&points.rows(pair[0]..pair[1]))).collect()
    }

    fn check(&self, points: &Points<'_>) -> Result<()> {
        let radii =
            [("dc", self.dc), ("outlier distance", self.outlier_distance), ("seeding distance", self.seeding_distance)];
        // squares of distances up to a radius must neither overflow nor vanish in single precision
        if let Some((name, radius)) = radii.into_iter().find(|(_, radius)| !(1e-18..=1e18).contains(radius)) {
            return Err(Error::Parameter { name: name.into(), value: radius.into(), wanted: "between 1e-18 and 1e18" });
        }
        if !self.rhoc.is_finite() || self.rhoc < 0.0 {
            let wanted = "finite, zero or above";
            return Err(Error::Parameter { name: "rhoc".into(), value: self.rhoc.into(), wanted });
        }
        self.kernel.check()?;
        self.metric.axes(points.dimension()).map(drop)
    }

    fn run_checked(&self, points: &Points<'_>) -> Result<Clustering> {
        if points.is_empty() {
            return Ok(Clustering::default());
        }
        let axes = self.metric.axes(points.dimension())?;
        let columns = points.columns(axes.iter().map(|axis| axis.period));
        let axes = &axes[..];
        Ok(match (self.metric.norm(), self.metric.is_plain(), columns.len()) {
            (Norm::Euclidean, true, 1) => self.label::<1>(points, &columns, &Euclidean),
            (Norm::Euclidean, true, 2) => self.label::<2>(points, &columns, &Euclidean),
            (Norm::Euclidean, true, 3) => self.label::<3>(points, &columns, &Euclidean),
            (Norm::Euclidean, true, _) => self.label::<0>(points, &columns, &Euclidean),
            (Norm::Euclidean, false, _) => self.label::<0>(points, &columns, &Scaled { norm: Euclidean, axes }),
            (Norm::Manhattan, ..) => self.label::<0>(points, &columns, &Scaled { norm: Manhattan, axes }),
            (Norm::Chebyshev, ..) => self.label::<0>(points, &columns, &Scaled { norm: Chebyshev, axes }),
        })
    }

    /// The algorithm for one dimension and metric.
    fn label<const D: usize>(&self, points: &Points<'_>, columns: &[Vec<f32>], metric: &impl Reduced) -> Clustering {
        let tree = Tree::<D>::new(columns, metric);
        let weights: Vec<f32> = tree.rows.iter().map(|&row| points.weight(row as usize)).collect();
        let by_place = density::densities(&tree, metric, &self.kernel, &weights, self.dc);
        let mut density = vec![0.0; by_place.len()];
        tree.rows.iter().zip(by_place).for_each(|(&row, value)| density[row as usize] = value);

        let is_dense = |row: usize| density[row] >= self.rhoc * points.uncertainty(row);
        let ranking = Ranking::new(&density, points.ties().as_deref());
        let (seeding, outlier) = (metric.reach(self.seeding_distance), metric.reach(self.outlier_distance));
        let reach = |row: usize| if is_dense(row) { seeding } else { outlier };
        let nearest_higher = nearest_higher(&tree, metric, &ranking, reach);

        let is_seed: Vec<bool> = (0..density.len()).map(|row| nearest_higher[row] < 0 && is_dense(row)).collect();
        let (cluster, clusters) = follow(&ranking, &nearest_higher, &is_seed);
        Clustering { density, nearest_higher, is_seed, cluster, clusters }
    }
}

/// Numbers the seeds by row and hands the numbers down, densest points first.
fn follow(ranking: &Ranking, nearest_higher: &[i32], is_seed: &[bool]) -> (Vec<i32>, usize) {
    let mut clusters = 0;
    let mut cluster: Vec<i32> = is_seed
        .iter()
        .map(|&seed| {
            clusters += i32::from(seed);
            if seed { clusters - 1 } else { -1 }
        })
        .collect();
    for &row in ranking.order.iter().rev() {
        if let Ok(higher) = usize::try_from(nearest_higher[row as usize]) {
            cluster[row as usize] = cluster[higher];
        }
    }
    (cluster, clusters as usize)
}
