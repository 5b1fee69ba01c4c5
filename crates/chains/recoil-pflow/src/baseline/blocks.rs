//! Blocks: groups of elements that share particles.
//!
//! Either the connected components of all links (track and cluster, or two clusters, nearer than a distance), or CLUE in
//! each calorimeter, joined through tracks that are points of both.

use recoil_physics::clue::{Clue, Metric, Norm, Points};
use recoil_stage::Problem;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::grid::Grid;
use super::view::{Cluster, View};
use crate::error::Result;

/// Where two elements meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Calorimeter {
    /// Electromagnetic calorimeter.
    Electromagnetic,
    /// Hadronic calorimeter.
    Hadronic,
}

/// A pair of elements that may share a particle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ElementLink {
    /// place of the first element
    pub first: u32,
    /// place of the second
    pub second: u32,
    /// calorimeter of the second
    pub calorimeter: Calorimeter,
    /// distance in pseudorapidity and azimuth, at the calorimeter where they meet
    pub distance: f64,
}

/// Distances up to which elements are linked, in pseudorapidity and azimuth.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Distances {
    /// Track and cluster of the electromagnetic calorimeter.
    pub track_ecal: f64,
    /// Track and cluster of the hadronic calorimeter.
    pub track_hcal: f64,
    /// Clusters of both calorimeters.
    pub ecal_hcal: f64,
}

impl Default for Distances {
    fn default() -> Self {
        Self { track_ecal: 0.04, track_hcal: 0.1, ecal_hcal: 0.06 }
    }
}

impl Distances {
    /// What is wrong with them.
    pub fn problems(&self) -> Vec<Problem> {
        let Self { track_ecal, track_hcal, ecal_hcal } = *self;
        let distances = [("track_ecal", track_ecal), ("track_hcal", track_hcal), ("ecal_hcal", ecal_hcal)];
        let wrong = distances.into_iter().filter(|(_, distance)| !(*distance >= 0.0 && *distance < 3.0));
        wrong.map(|(name, _)| Problem::new(format!("distances.{name}"), "must be between 0 and 3")).collect()
    }
}

/// Parameters of CLUE.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ClueRules {
    /// Least density of a seed.
    pub rho: f32,
    /// Distance within which points add to the density; seeds are farther than this from denser points, outliers twice
    /// as far.
    pub delta: f32,
    /// Weight of a track.
    pub track_weight: f32,
    /// Weight of a cluster.
    pub cluster_weight: f32,
}

impl Default for ClueRules {
    fn default() -> Self {
        Self { rho: 0.5, delta: 0.05, track_weight: 0.1, cluster_weight: 1.0 }
    }
}

/// All links of an event that are shorter than their distance, sorted by element.
pub fn links(view: &View, distances: &Distances) -> Vec<ElementLink> {
    let mut links = Vec::new();
    let grid = |clusters: &[Cluster], reach: f64| {
        Grid::new(&clusters.iter().map(|cluster| (cluster.eta, cluster.phi)).collect::<Vec<_>>(), reach)
    };
    let near_ecal = grid(&view.ecal, distances.track_ecal);
    let near_hcal = grid(&view.hcal, distances.track_hcal.max(distances.ecal_hcal));
    let ecal = (Calorimeter::Electromagnetic, &near_ecal, &view.ecal);
    let hcal = (Calorimeter::Hadronic, &near_hcal, &view.hcal);
    let mut link = |from: usize,
                    at: Option<(f64, f64)>,
                    (calorimeter, grid, clusters): (Calorimeter, &Grid, &Vec<Cluster>),
                    distance: f64| {
        let Some((eta, phi)) = at else { return };
        grid.within(eta, phi, distance, |place, apart| {
            if let Some(cluster) = clusters.get(place as usize) {
                let (first, second) = (from as u32, cluster.element as u32);
                links.push(ElementLink { first, second, calorimeter, distance: apart });
            }
        });
    };
    for track in &view.tracks {
        link(track.element, track.at_ecal, ecal, distances.track_ecal);
        link(track.element, track.at_hcal, hcal, distances.track_hcal);
    }
    for cluster in &view.ecal {
        link(cluster.element, Some((cluster.eta, cluster.phi)), hcal, distances.ecal_hcal);
    }
    links.sort_by_key(|link| (link.first, link.second));
    links
}

/// Number of the block of each of `count` elements: connected components of the links, numbered by their first element.
pub fn components(count: usize, links: &[ElementLink]) -> Vec<i32> {
    let mut sets = Sets::new(count);
    for link in links {
        sets.join(link.first, link.second);
    }
    sets.numbers()
}

/// Blocks by CLUE: each calorimeter by itself, then joined through tracks.
///
/// A track is a point of both calorimeters, at the places where it arrives. Every outlier is a block of its own.
///
/// # Errors
/// Parameters that CLUE cannot work with.
pub fn clue(count: usize, view: &View, rules: &ClueRules) -> Result<Vec<i32>> {
    let mut sets = Sets::new(count);
    let algorithm = Clue::new(rules.delta, rules.rho)
        .outlier_distance(2.0 * rules.delta)
        .metric(Metric::new(Norm::Euclidean).periods(&[0.0, std::f32::consts::TAU]));
    let layers = [(&view.ecal, true), (&view.hcal, false)];
    for (clusters, is_ecal) in layers {
        let mut points: Vec<(usize, f64, f64, f32)> = Vec::new();
        for track in &view.tracks {
            if let Some((eta, phi)) = if is_ecal { track.at_ecal } else { track.at_hcal } {
                points.push((track.element, eta, phi, rules.track_weight));
            }
        }
        points.extend(clusters.iter().map(|c| (c.element, c.eta, c.phi, rules.cluster_weight)));
        let eta: Vec<f32> = points.iter().map(|point| point.1 as f32).collect();
        let phi: Vec<f32> = points.iter().map(|point| recoil_physics::angle::wrap(point.2) as f32).collect();
        let weights: Vec<f32> = points.iter().map(|point| point.3).collect();
        if points.is_empty() {
            continue;
        }
        let found = algorithm.run(&Points::new(&[&eta, &phi])?.weights(&weights)?)?;
        let mut first_of_cluster = vec![None; found.clusters];
        for (point, cluster) in points.iter().zip(&found.cluster) {
            let Some(slot) = usize::try_from(*cluster).ok().and_then(|c| first_of_cluster.get_mut(c)) else { continue };
            let first = *slot.get_or_insert(point.0);
            sets.join(first as u32, point.0 as u32);
        }
    }
    Ok(sets.numbers())
}

/// Sets of elements that can be joined.
struct Sets {
    parent: Vec<u32>,
}

impl Sets {
    fn new(count: usize) -> Self {
        Self { parent: (0..count as u32).collect() }
    }

    fn root(&mut self, mut element: u32) -> u32 {
        loop {
            let Some(&parent) = self.parent.get(element as usize) else { return element };
            if parent == element {
                return element;
            }
            let above = self.parent.get(parent as usize).copied().unwrap_or(parent);
            if let Some(slot) = self.parent.get_mut(element as usize) {
                *slot = above;
            }
            element = above;
        }
    }

    fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.root(a), self.root(b));
        if let Some(slot) = self.parent.get_mut(a.max(b) as usize) {
            *slot = a.min(b);
        }
    }

    /// The lowest element of a set is its root, so that sets are numbered in the order of the elements.
    fn numbers(mut self) -> Vec<i32> {
        let mut numbers: Vec<i32> = Vec::with_capacity(self.parent.len());
        let mut next = 0;
        for element in 0..self.parent.len() as u32 {
            let root = self.root(element);
            let known = if root == element { None } else { numbers.get(root as usize).copied() };
            numbers.push(known.unwrap_or_else(|| {
                next += 1;
                next - 1
            }));
        }
        numbers
    }
}

/// How well blocks follow the particles.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Agreement {
    /// number of blocks
    pub blocks: usize,
    /// elements of the largest block
    pub largest: usize,
    /// adjusted Rand index of blocks and particles, over elements that a particle left; 1 is agreement, 0 is chance
    pub adjusted_rand: f64,
    /// pairs of linked elements that are of one particle
    pub same: usize,
    /// pairs of linked elements in one block
    pub joined: usize,
    /// pairs of both kinds
    pub both: usize,
}

/// Compares blocks with the numbers of the particles that left the elements (0: none known), over all elements and over
/// `links`.
pub fn agreement(blocks: &[i32], particles: &[f32], links: &[ElementLink]) -> Agreement {
    let mut sizes = std::collections::BTreeMap::new();
    for block in blocks {
        *sizes.entry(*block).or_insert(0usize) += 1;
    }
    let number = |element: u32| particles.get(element as usize).copied().unwrap_or(0.0);
    let mut result = Agreement {
        blocks: sizes.len(),
        largest: sizes.values().copied().max().unwrap_or(0),
        adjusted_rand: adjusted_rand(blocks, particles),
        ..Agreement::default()
    };
    for link in links {
        let is_same = number(link.first) == number(link.second) && number(link.first) != 0.0;
        let is_joined = blocks.get(link.first as usize) == blocks.get(link.second as usize);
        result.same += usize::from(is_same);
        result.joined += usize::from(is_joined);
        result.both += usize::from(is_same && is_joined);
    }
    result
}

/// Adjusted Rand index (Hubert and Arabie, J. Classification 2 (1985) 193) over elements with a particle.
pub fn adjusted_rand(blocks: &[i32], particles: &[f32]) -> f64 {
    let pairs = |count: usize| (count * count.saturating_sub(1) / 2) as f64;
    let mut cells = std::collections::BTreeMap::new();
    let mut rows = std::collections::BTreeMap::new();
    let mut columns = std::collections::BTreeMap::new();
    let mut total = 0usize;
    for (block, particle) in blocks.iter().zip(particles).filter(|(_, particle)| **particle != 0.0) {
        let particle = *particle as i64;
        *cells.entry((*block, particle)).or_insert(0usize) += 1;
        *rows.entry(*block).or_insert(0usize) += 1;
        *columns.entry(particle).or_insert(0usize) += 1;
        total += 1;
    }
    let index: f64 = cells.values().map(|count| pairs(*count)).sum();
    let row: f64 = rows.values().map(|count| pairs(*count)).sum();
    let column: f64 = columns.values().map(|count| pairs(*count)).sum();
    let expected = if total > 1 { row * column / pairs(total) } else { 0.0 };
    let most = 0.5 * (row + column);
    if most == expected { 1.0 } else { (index - expected) / (most - expected) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(first: u32, second: u32) -> ElementLink {
        ElementLink { first, second, calorimeter: Calorimeter::Hadronic, distance: 0.0 }
    }

    #[test]
    fn components_are_numbered_by_their_first_element() {
        assert_eq!(components(7, &[link(5, 2), link(2, 6), link(1, 3)]), [0, 1, 2, 1, 3, 2, 2]);
        assert_eq!(components(0, &[]), Vec::<i32>::new());
    }

    #[test]
    fn adjusted_rand_by_hand() {
        // scikit-learn: adjusted_rand_score([0, 0, 1, 2], [0, 0, 1, 1]) = 0.5714285714285715
        assert!((adjusted_rand(&[0, 0, 1, 2], &[1.0, 1.0, 2.0, 2.0]) - 0.571_428_571_428_571_5).abs() < 1e-12);
        assert_eq!(adjusted_rand(&[3, 3, 1], &[1.0, 1.0, 2.0]), 1.0);
        let found = agreement(&[0, 0, 1], &[1.0, 2.0, 2.0], &[link(0, 1), link(1, 2)]);
        assert_eq!((found.same, found.joined, found.both, found.blocks, found.largest), (1, 1, 0, 2, 2));
    }
}
