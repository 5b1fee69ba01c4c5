//! Clusters by density: CLUE in the plane (x/|z|, y/|z|), all layers of an endcap together.
//!
//! There is no histogram behind these clusters: the seeds are trigger cells themselves, those whose density is at least
//! critical and that have no denser cell within the seeding distance.

use recoil_physics::clue::{Clue, Points};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::properties::ClusterSums;
use super::truncate::truncate;
use super::{Assignment, ClusterConfig, Clusters, PositionWeight};
use crate::data::TriggerCells;
use crate::error::{HgcalError, Result};
use crate::fill::Endcap;
use crate::seed::Seeds;

/// What the density is a sum of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DensityWeight {
    /// mipT.
    #[default]
    MipPt,
    /// Transverse momentum \[GeV\].
    Pt,
}

/// Parameters of density clustering. Distances are in the plane (x/|z|, y/|z|).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DensityConfig {
    /// Radius of the local density.
    pub dc: f32,
    /// Critical density, in units of the weight: denser cells can be seeds.
    pub rhoc: f32,
    /// How far a cell below the critical density looks for a denser one; without one it joins no cluster.
    pub outlier_distance: f32,
    /// How far a cell of critical density looks for a denser one; without one it is a seed.
    pub seeding_distance: f32,
    /// What the density is a sum of: a cell counts for itself fully, its neighbours by half.
    pub weight: DensityWeight,
}

impl Default for DensityConfig {
    fn default() -> Self {
        Self { dc: 0.01, rhoc: 20.0, outlier_distance: 0.03, seeding_distance: 0.03, weight: DensityWeight::MipPt }
    }
}

/// Density clustering, checked.
#[derive(Clone, Debug)]
pub struct DensityClusterer {
    clue: Clue,
    weight: DensityWeight,
    position_weight: PositionWeight,
    min_pt: f64,
    max_per_sector: usize,
}

impl DensityClusterer {
    /// Checks the parameters.
    ///
    /// # Errors
    /// [`HgcalError::Config`] naming the key.
    pub fn new(config: &ClusterConfig) -> Result<Self> {
        config.check()?;
        let own = &config.clue;
        let clue =
            Clue::new(own.dc, own.rhoc).outlier_distance(own.outlier_distance).seeding_distance(own.seeding_distance);
        // without points, only the parameters can be wrong
        Points::new(&[&[], &[]]).and_then(|points| clue.run(&points)).map_err(|error| {
            let key = match &error {
                recoil_physics::Error::Parameter { name, .. } => match name.as_str() {
                    "dc" => "cluster.clue.dc",
                    "rhoc" => "cluster.clue.rhoc",
                    "outlier distance" => "cluster.clue.outlier_distance",
                    _ => "cluster.clue.seeding_distance",
                },
                _ => "cluster.clue",
            };
            HgcalError::Config { key, reason: error.to_string() }
        })?;
        Ok(Self {
            clue,
            weight: own.weight,
            position_weight: config.position_weight,
            min_pt: config.min_pt,
            max_per_sector: config.max_per_sector,
        })
    }

    /// Clusters the cells of one endcap, appending to all of `seeds`, `clusters` and `assignment`.
    ///
    /// `excluded` lists cells (increasing) that do not take part. Seeds come in the order of their cells; their energy
    /// is the mipT of the cell. `event` only serves messages.
    ///
    /// # Errors
    /// [`HgcalError::Density`] for a position or weight that is not finite.
    #[allow(clippy::too_many_arguments)]
    pub fn cluster(
        &self,
        event: i64,
        cells: &TriggerCells<'_>,
        endcap: Endcap,
        excluded: &[u32],
        seeds: &mut Seeds,
        clusters: &mut Clusters,
        assignment: &mut Assignment,
    ) -> Result<()> {
        let mut excluded = excluded.iter().copied().peekable();
        let own: Vec<usize> = (0..cells.len())
            .filter(|&i| excluded.next_if_eq(&(i as u32)).is_none() && endcap.holds(cells.z[i]))
            .collect();
        let project = |i: usize, value: f32| f64::from(value) / f64::from(cells.z[i]).abs();
        let x: Vec<f32> = own.iter().map(|&i| project(i, cells.x[i]) as f32).collect();
        let y: Vec<f32> = own.iter().map(|&i| project(i, cells.y[i]) as f32).collect();
        let weights = match self.weight {
            DensityWeight::MipPt => cells.mip_pt,
            DensityWeight::Pt => cells.pt,
        };
        let weights: Vec<f32> = own.iter().map(|&i| weights[i]).collect();
        let found = Points::new(&[&x, &y])
            .and_then(|points| points.weights(&weights))
            .and_then(|points| self.clue.run(&points))
            .map_err(|source| HgcalError::Density { event, source })?;
        let first = seeds.len();
        for (&i, _) in own.iter().zip(&found.is_seed).filter(|&(_, &seed)| seed) {
            seeds.push(f64::from(cells.mip_pt[i]), project(i, cells.x[i]), project(i, cells.y[i]), endcap);
        }
        let mut sums = vec![ClusterSums::default(); found.clusters];
        for (&i, &cluster) in own.iter().zip(&found.cluster) {
            let Ok(cluster) = usize::try_from(cluster) else { continue };
            sums[cluster].add(cells, i, 1.0, self.position_weight);
            assignment.push(i as u32, (first + cluster) as u32);
        }
        for (cluster, sums) in sums.iter().enumerate() {
            sums.finish((first + cluster) as u32, self.min_pt, clusters);
        }
        truncate(clusters, self.max_per_sector);
        Ok(())
    }
}
