//! Clusters of calorimeters, with what their hits tell.

use std::collections::BTreeMap;

use recoil_physics::angle::{eta_from_xyz, theta_from_eta};

use super::candidates::Made;
use super::hits::{Found, Hit};
use super::relation::Relation;
use super::row::Row;
use crate::data::kinematics::transverse_energy;
use crate::error::Result;
use crate::import::branches::{Branches, mend};

const CLUSTER: [&str; 6] = ["energy", "position.x", "position.y", "position.z", "hits_begin", "hits_end"];
const ANGLES: [&str; 2] = ["iTheta", "phi"];

/// Where the clusters of a file stand.
pub(super) struct Clusters {
    pub(super) names: Vec<String>,
    /// relations to hits, if hits are read
    to_hits: Vec<Relation>,
}

impl Clusters {
    pub(super) fn find(branches: &Branches, names: Vec<String>, with_hits: bool) -> Result<Self> {
        let relation = |name: &String| Relation::find(branches, name, 1, &["hits"]);
        let to_hits = if with_hits { names.iter().map(relation).collect::<Result<_>>()? } else { Vec::new() };
        Ok(Self { names, to_hits })
    }

    pub(super) fn branches(&self) -> Vec<String> {
        let with_hits = !self.to_hits.is_empty();
        let angles = if with_hits { &ANGLES[..] } else { &[] };
        let mut names = Vec::new();
        for name in &self.names {
            names.extend(CLUSTER.iter().chain(angles).map(|member| format!("{name}.{member}")));
        }
        names.extend(self.to_hits.iter().flat_map(Relation::names));
        names
    }

    /// Number of clusters of each collection.
    pub(super) fn sizes(&self, row: &Row) -> Result<Vec<usize>> {
        self.names.iter().map(|name| Ok(row.column(&format!("{name}.energy"))?.len())).collect()
    }

    /// Appends the features of clusters of a fast simulation. It stores no places: the direction is that of the candidate.
    pub(super) fn fast(
        &self,
        row: &Row,
        made: &Made,
        first: usize,
        mended: &mut u64,
        features: &mut Vec<f32>,
    ) -> Result<()> {
        let mut element = first;
        for (collection, name) in self.names.iter().enumerate() {
            let clusters = row.members(name, &CLUSTER)?;
            for index in 0..clusters.len() {
                let at = |column: usize| clusters.at(column, index);
                let (energy, stored) = (at(0), [at(1), at(2), at(3)]);
                let [x, y, z] = if stored == [0.0; 3] { made.direction(element) } else { stored };
                let (eta, phi) = (eta_from_xyz(x, y, z).clamp(-20.0, 20.0), y.atan2(x));
                let is_ecal =
                    name.contains("Photon") || name.contains("ECAL") || collection == 0 && self.names.len() > 1;
                let (ecal, hcal) = if is_ecal { (energy, 0.0) } else { (0.0, energy) };
                let [x, y, z] = stored;
                let (theta, hits) = (theta_from_eta(eta), at(5) - at(4));
                let transverse = energy / eta.cosh();
                let values =
                    [2.0, transverse, eta, phi.sin(), phi.cos(), energy, x, y, z, theta, ecal, hcal, 0.0, hits];
                features.extend(values.iter().map(|value| mend(*value, mended) as f32));
                features.extend([0.0; 3]);
                element += 1;
            }
        }
        Ok(())
    }

    /// Appends the features of clusters with their hits. Gives the cluster of each hit, counted through all collections.
    pub(super) fn full(
        &self,
        row: &Row,
        found: &Found,
        mended: &mut u64,
        features: &mut Vec<f32>,
    ) -> Result<BTreeMap<usize, usize>> {
        let mut cluster_of = BTreeMap::new();
        let mut number = 0;
        for (name, relation) in self.names.iter().zip(&self.to_hits) {
            let clusters = row.members(name, &CLUSTER)?;
            let angles = row.members(name, &ANGLES)?;
            let ends = relation.of(row)?;
            for index in 0..clusters.len() {
                let at = |column: usize| clusters.at(column, index);
                let mut members = Vec::new();
                for relation in at(4) as usize..at(5) as usize {
                    let hit = found.hit(ends.collection(relation), ends.place(relation, usize::MAX));
                    let hit = hit.ok_or_else(|| {
                        let id = ends.collection(relation);
                        row.fault(format!("{name} {index} has a hit of collection {id} that is not there"))
                    })?;
                    members.extend(found.hits.get(hit));
                    cluster_of.insert(hit, number);
                }
                let energy = at(0);
                let (theta, phi) = (angles.at(0, index), angles.at(1, index));
                let tangent = (theta / 2.0).tan();
                let eta = if tangent > 0.0 { -tangent.ln() } else { 0.0 };
                let (sums, spreads) = summary(&members);
                let values = [
                    2.0,
                    transverse_energy(energy, theta),
                    eta.clamp(-20.0, 20.0),
                    phi.sin(),
                    phi.cos(),
                    energy,
                    at(1),
                    at(2),
                    at(3),
                    theta,
                    sums[0],
                    sums[1],
                    sums[2],
                    members.len() as f64,
                ];
                features.extend(values.iter().chain(&spreads).map(|value| mend(*value, mended) as f32));
                number += 1;
            }
        }
        Ok(cluster_of)
    }
}

/// Energies by detector, and the spread of the hits in x, y and z, weighted by energy.
fn summary(hits: &[&Hit]) -> ([f64; 3], [f64; 3]) {
    let mut sums = [0.0; 3];
    for hit in hits {
        if let Some(sum) = sums.get_mut(usize::from(hit.detector)) {
            *sum += hit.energy;
        }
    }
    let total: f64 = hits.iter().map(|hit| hit.energy).sum();
    if total <= 0.0 {
        return (sums, [0.0; 3]);
    }
    let mean = |of: &dyn Fn(&Hit) -> f64| hits.iter().map(|hit| hit.energy * of(hit)).sum::<f64>() / total;
    let spread = |axis: usize| {
        let centre = mean(&|hit| hit.position[axis]);
        mean(&|hit| (hit.position[axis] - centre).powi(2)).max(0.0).sqrt()
    };
    (sums, [spread(0), spread(1), spread(2)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn energies_by_detector_and_spreads() {
        let hit =
            |energy: f64, x: f64, detector: u8| Hit { energy, position: [x, 0.0, 1.0], detector, ..Hit::default() };
        let hits = [hit(1.0, 0.0, 0), hit(3.0, 4.0, 1), hit(0.5, 2.0, 2)];
        let (sums, spreads) = summary(&hits.iter().collect::<Vec<_>>());
        assert_eq!(sums, [1.0, 3.0, 0.5]);
        // mean 13 / 4.5, mean of squares 50 / 4.5
        let expected = (50.0 / 4.5 - (13.0f64 / 4.5).powi(2)).sqrt();
        assert!((spreads[0] - expected).abs() < 1e-12 && spreads[1] == 0.0 && spreads[2] == 0.0);
        assert_eq!(summary(&[]), ([0.0; 3], [0.0; 3]));
    }
}
