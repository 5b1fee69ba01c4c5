//! Clusters: the trigger cells around the seeds, summed.
//!
//! A cell may join a seed when its distance in the plane (x/|z|, y/|z|) is below the radius of its layer. Of several
//! seeds in reach it joins the nearest, the one of highest energy, or all of them in proportion to their energies. Density
//! clustering ([`density`]) needs neither seeds nor radii.

pub mod associate;
pub mod density;
pub mod properties;
pub mod radius;
pub mod truncate;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use associate::{ClusterBuffers, Clusterer};
pub use density::{DensityClusterer, DensityConfig, DensityWeight};
pub use radius::Radius;

use crate::error::{HgcalError, Result};

/// Which of the seeds in reach takes a cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClusterAlgorithm {
    /// The nearest seed; of equal distances the first seed (CMSSW `NearestNeighbour`).
    #[default]
    #[serde(alias = "nearest_neighbour")]
    MinDistance,
    /// The seed of highest energy; of equal energies the first seed.
    MaxEnergy,
    /// All of them, in proportion to the seeds' energies (CMSSW `EnergySplit`).
    EnergySplit,
    /// None: cells cluster by density, in the plane (x/|z|, y/|z|), without a histogram (CLUE). `cluster.clue` has its
    /// parameters; those of the radius play no role.
    Clue,
}

/// What weighs the cells in a cluster's position.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PositionWeight {
    /// mipT.
    #[default]
    MipPt,
    /// Energy.
    Energy,
}

/// Clustering parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ClusterConfig {
    /// Which of the seeds in reach takes a cell.
    pub algorithm: ClusterAlgorithm,
    /// Radius in the plane (x/|z|, y/|z|): one number for all layers, or a list with one number per layer.
    pub radius: Radius,
    /// Change of the radius per unit of |eta| below `mid_radius`.
    pub coeff_b: f64,
    /// |eta| at which the radius is the one of the table.
    pub mid_radius: f64,
    /// Clusters need more transverse momentum than this [GeV].
    pub min_pt: f64,
    /// Most clusters that leave a 120-degree sector of an endcap, those of largest transverse momentum; 0: all. CMSSW
    /// keeps 80.
    pub max_per_sector: usize,
    /// What weighs the cells in a cluster's position.
    pub position_weight: PositionWeight,
    /// Density clustering; only for the algorithm `clue`.
    pub clue: DensityConfig,
}

impl Default for ClusterConfig {
    fn default() -> Self {
        Self {
            algorithm: ClusterAlgorithm::MinDistance,
            radius: Radius::default(),
            coeff_b: 0.0,
            mid_radius: 2.3,
            min_pt: 0.5,
            max_per_sector: 0,
            position_weight: PositionWeight::MipPt,
            clue: DensityConfig::default(),
        }
    }
}

impl ClusterConfig {
    /// Checks the parameters.
    ///
    /// # Errors
    /// [`HgcalError::Config`] for numbers that are not finite or negative radii.
    pub fn check(&self) -> Result<()> {
        if self.radius.table().is_empty() || self.radius.table().iter().any(|r| !r.is_finite() || *r < 0.0) {
            let reason = "needs numbers from 0, one for all layers or one per layer".to_owned();
            return Err(HgcalError::Config { key: "cluster.radius", reason });
        }
        for (key, value) in [
            ("cluster.coeff_b", self.coeff_b),
            ("cluster.mid_radius", self.mid_radius),
            ("cluster.min_pt", self.min_pt),
        ] {
            if !value.is_finite() {
                return Err(HgcalError::Config { key, reason: "needs a number".to_owned() });
            }
        }
        Ok(())
    }
}

/// The clusters of one event: one entry per cluster in every column, in the order of their seeds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Clusters {
    /// Index of the seed.
    pub seed: Vec<u32>,
    /// Energy, pt cosh(eta) \[GeV\].
    pub energy: Vec<f64>,
    /// Scalar sum of the cells' transverse momenta \[GeV\].
    pub pt: Vec<f64>,
    /// Weighted mean position \[cm\].
    pub x: Vec<f64>,
    /// Weighted mean position \[cm\].
    pub y: Vec<f64>,
    /// Weighted mean position \[cm\].
    pub z: Vec<f64>,
    /// R/|z| of eta.
    pub rz: Vec<f64>,
    /// Pseudorapidity of (x, y, z).
    pub eta: Vec<f64>,
    /// Azimuth of (x, y) \[rad\].
    pub phi: Vec<f64>,
}

impl Clusters {
    /// Number of clusters.
    pub fn len(&self) -> usize {
        self.seed.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.seed.is_empty()
    }

    /// Removes all clusters and keeps the memory.
    pub fn clear(&mut self) {
        self.seed.clear();
        for column in self.columns_mut() {
            column.clear();
        }
    }

    /// Appends a cluster; `values` are energy, pt, x, y, z, R/z, eta and phi.
    pub fn push(&mut self, seed: u32, values: impl IntoIterator<Item = f64>) {
        self.seed.push(seed);
        for (column, value) in self.columns_mut().into_iter().zip(values) {
            column.push(value);
        }
    }

    /// Keeps the clusters whose place in `keep` is true, in their order.
    pub fn retain(&mut self, keep: &[bool]) {
        fn cut<T>(column: &mut Vec<T>, keep: &[bool]) {
            let mut places = keep.iter().copied();
            column.retain(|_| places.next().unwrap_or(false));
        }
        cut(&mut self.seed, keep);
        for column in self.columns_mut() {
            cut(column, keep);
        }
    }

    /// Appends the clusters of `other`.
    pub fn extend(&mut self, other: &Clusters) {
        self.seed.extend_from_slice(&other.seed);
        let columns = [&other.energy, &other.pt, &other.x, &other.y, &other.z, &other.rz, &other.eta, &other.phi];
        for (mine, theirs) in self.columns_mut().into_iter().zip(columns) {
            mine.extend_from_slice(theirs);
        }
    }

    fn columns_mut(&mut self) -> [&mut Vec<f64>; 8] {
        [
            &mut self.energy,
            &mut self.pt,
            &mut self.x,
            &mut self.y,
            &mut self.z,
            &mut self.rz,
            &mut self.eta,
            &mut self.phi,
        ]
    }
}

/// Which cell went to which seed, in the order of the cells. Cells that are absent were rejected.
///
/// Cells of clusters that were cut, by their pT or because their sector had too many, are listed too.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Assignment {
    /// Row of the cell in its event.
    pub cell: Vec<u32>,
    /// Index of the seed.
    pub seed: Vec<u32>,
    /// Part of the cell that the seed gets; empty unless energy is split.
    pub fraction: Vec<f64>,
}

impl Assignment {
    /// Number of (cell, seed) pairs.
    pub fn len(&self) -> usize {
        self.cell.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.cell.is_empty()
    }

    /// Appends a pair.
    pub fn push(&mut self, cell: u32, seed: u32) {
        self.cell.push(cell);
        self.seed.push(seed);
    }

    /// Appends the pairs of `other`.
    pub fn extend(&mut self, other: &Assignment) {
        self.cell.extend_from_slice(&other.cell);
        self.seed.extend_from_slice(&other.seed);
        self.fraction.extend_from_slice(&other.fraction);
    }

    /// Removes all pairs and keeps the memory.
    pub fn clear(&mut self) {
        self.cell.clear();
        self.seed.clear();
        self.fraction.clear();
    }

    /// The cells that no seed took, of an event with `cells` cells, increasing.
    pub fn rejected(&self, cells: usize) -> Vec<u32> {
        let mut taken = vec![false; cells];
        for &cell in &self.cell {
            if let Some(slot) = taken.get_mut(cell as usize) {
                *slot = true;
            }
        }
        (0..cells as u32).filter(|&c| !taken[c as usize]).collect()
    }
}
