//! Places in the calorimeter and links to neighbours, as further numbers of elements.
//!
//! Tracks and clusters of one particle meet where the bent track enters the calorimeter. There azimuth and
//! pseudorapidity are given as sines and cosines of their multiples too, so that products of two elements' numbers, as
//! attention forms them, know small distances. Links are the nearest elements of each kind there: distance, energies.

use recoil_physics::angle::delta_phi;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::baseline::grid::Grid;
use crate::baseline::view::{Geometry, View};
use crate::data::{Event, Layout};

/// Which numbers elements get beside their features.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LinkConfig {
    /// Whether there are any.
    pub enabled: bool,
    /// Neighbours of each kind (tracks, electromagnetic, hadronic clusters).
    pub neighbours: usize,
    /// Greatest distance of a neighbour, in pseudorapidity and azimuth.
    pub reach: f64,
    /// Doublings of the multiples of angles.
    pub multiples: usize,
    /// The solenoid and the radius of the calorimeter.
    pub geometry: Geometry,
}

impl Default for LinkConfig {
    fn default() -> Self {
        Self { enabled: false, neighbours: 3, reach: 0.3, multiples: 6, geometry: Geometry::default() }
    }
}

/// Kinds of elements that are told apart: tracks, electromagnetic, hadronic, forward clusters and all others.
const KINDS: usize = 4;
/// Kinds that are neighbours.
const LINKED: usize = 3;
/// Numbers per neighbour.
const PER_NEIGHBOUR: usize = 7;
/// Distances within which energies are summed.
const CONES: [f64; 3] = [0.04, 0.1, 0.2];
/// Numbers of the element itself and of its claims.
const OWN: usize = 8;
/// Distances within which a track claims the nearest cluster, of each kind.
const CLAIM: [f64; 2] = [0.06, 0.15];

impl LinkConfig {
    /// Numbers per element.
    pub fn columns(&self) -> usize {
        match self.enabled {
            true => KINDS + 4 * self.multiples + OWN + LINKED * (PER_NEIGHBOUR * self.neighbours + CONES.len()),
            false => 0,
        }
    }
}

/// An element at the calorimeter.
#[derive(Clone, Copy, Default)]
struct Point {
    kind: usize,
    eta: f64,
    phi: f64,
    energy: f64,
    /// charge of a track, energy in the muon chambers of a cluster
    extra: f64,
    /// whether it reaches the calorimeter
    arrives: bool,
    /// what tracks claim of it, and how many; of a track, what is left of it behind the electromagnetic calorimeter
    claimed: f64,
    claims: f64,
}

/// (x - y) / (x + y)
fn asymmetry(x: f64, y: f64) -> f64 {
    (x - y) / (x + y).max(1e-6)
}

/// The numbers of all elements of an event, [`LinkConfig::columns`] each.
pub fn links(event: &Event, layout: Layout, config: &LinkConfig) -> Vec<f32> {
    let columns = config.columns();
    let mut out = Vec::with_capacity(columns * event.elements(layout));
    if columns == 0 {
        return out;
    }
    let mut points = points(event, layout, &config.geometry);
    let reach = config.reach.max(CLAIM[1]).max(CONES[2]);
    let mut of_kind: [Vec<usize>; LINKED] = Default::default();
    for (place, point) in points.iter().enumerate() {
        if let (Some(list), true) = (of_kind.get_mut(point.kind), point.arrives) {
            list.push(place);
        }
    }
    let grids: Vec<Grid> = of_kind
        .iter()
        .map(|list| {
            let directions: Vec<(f64, f64)> =
                list.iter().map(|place| (points[*place].eta, points[*place].phi)).collect();
            Grid::new(&directions, reach)
        })
        .collect();
    claim(&mut points, &of_kind, &grids);
    let mut near: Vec<(f64, usize)> = Vec::new();
    for (place, point) in points.iter().enumerate() {
        let start = out.len();
        out.resize(start + columns, 0.0);
        let mut values = out[start..].iter_mut();
        let mut push = |value: f64| {
            if let Some(slot) = values.next() {
                *slot = value as f32;
            }
        };
        (0..KINDS).for_each(|kind| push(f64::from(u8::from(point.kind == kind))));
        let mut factor = 1.0;
        for _ in 0..config.multiples {
            for angle in [point.phi, point.eta] {
                push((factor * angle).sin());
                push((factor * angle).cos());
            }
            factor *= 2.0;
        }
        push(f64::from(u8::from(point.arrives)));
        push(point.extra.signum() * point.extra.abs().sqrt());
        push(point.energy.max(1e-3).ln());
        push(point.claims.min(5.0));
        push(asymmetry(point.energy, point.claimed));
        push(((point.energy - point.claimed) / point.energy.max(1e-3).sqrt()).clamp(-5.0, 5.0));
        push((point.claimed + 0.05).ln());
        push(point.energy.max(0.0).sqrt().min(10.0));
        for (list, grid) in of_kind.iter().zip(&grids) {
            near.clear();
            grid.within(point.eta, point.phi, reach, |found, distance| {
                let other = list.get(found as usize).copied().unwrap_or(place);
                if other != place {
                    near.push((distance, other));
                }
            });
            near.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            for index in 0..config.neighbours {
                match near.get(index).filter(|(distance, _)| *distance < config.reach) {
                    Some(&(distance, other)) => {
                        let other = &points[other];
                        push(1.0);
                        push((distance + 0.003).ln() + 3.0);
                        push(((other.eta - point.eta) / 0.05).tanh());
                        push((delta_phi(other.phi, point.phi) / 0.05).tanh());
                        push(asymmetry(other.energy, point.energy));
                        push(asymmetry(other.energy, other.claimed));
                        push(other.extra.signum() * other.extra.abs().sqrt());
                    }
                    None => (0..PER_NEIGHBOUR).for_each(|_| push(0.0)),
                }
            }
            for cone in CONES {
                let sum: f64 = near
                    .iter()
                    .take_while(|(distance, _)| *distance < cone)
                    .map(|(_, other)| points[*other].energy)
                    .sum();
                push(asymmetry(sum, point.energy));
            }
        }
    }
    out
}

/// Each track claims its momentum of the nearest electromagnetic cluster, and what that does not have of the nearest
/// hadronic one.
fn claim(points: &mut [Point], of_kind: &[Vec<usize>; LINKED], grids: &[Grid]) {
    let mut tracks = of_kind[0].clone();
    tracks.sort_by(|a, b| points[*b].energy.total_cmp(&points[*a].energy).then(a.cmp(b)));
    for track in tracks {
        let own = points[track];
        let mut left = own.energy;
        for (kind, ((list, grid), reach)) in of_kind.iter().zip(grids).skip(1).zip(CLAIM).enumerate() {
            let mut nearest: Option<(f64, usize)> = None;
            grid.within(own.eta, own.phi, reach, |found, distance| {
                let place = list.get(found as usize).copied().unwrap_or(track);
                if nearest.is_none_or(|(best, other)| (distance, place) < (best, other)) {
                    nearest = Some((distance, place));
                }
            });
            let Some((_, cluster)) = nearest else { continue };
            let cluster = &mut points[cluster];
            let taken = left.min((cluster.energy - cluster.claimed).max(0.0));
            // the last one answers for all
            cluster.claimed += if kind + 1 == CLAIM.len() { left } else { taken };
            cluster.claims += 1.0;
            left -= taken;
        }
        points[track].claimed = left.max(0.0);
    }
}

fn points(event: &Event, layout: Layout, geometry: &Geometry) -> Vec<Point> {
    let view = View::of(event, layout, geometry);
    let mut points: Vec<Point> = event
        .rows(layout)
        .map(|row| Point { kind: KINDS - 1, eta: row.eta(), phi: row.phi(), energy: row.energy(), ..Point::default() })
        .collect();
    for track in &view.tracks {
        let Some(point) = points.get_mut(track.element) else { continue };
        (point.kind, point.extra) = (0, track.charge);
        if let Some((eta, phi)) = track.at_ecal {
            (point.eta, point.phi, point.arrives) = (eta, phi, true);
        }
    }
    for (kind, list) in [(1, &view.ecal), (2, &view.hcal)] {
        for cluster in list {
            let Some(point) = points.get_mut(cluster.element) else { continue };
            (point.kind, point.extra, point.arrives) = (kind, cluster.muon_energy, true);
        }
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_track_claims_what_its_clusters_have() {
        let point = |kind, phi, energy| Point { kind, phi, energy, arrives: true, ..Point::default() };
        let mut points = vec![point(0, 0.0, 5.0), point(1, 0.01, 2.0), point(2, 0.02, 10.0), point(1, 1.0, 3.0)];
        let of_kind = [vec![0], vec![1, 3], vec![2]];
        let grids: Vec<Grid> = of_kind
            .iter()
            .map(|list: &Vec<usize>| Grid::new(&list.iter().map(|p| (0.0, points[*p].phi)).collect::<Vec<_>>(), 0.3))
            .collect();
        claim(&mut points, &of_kind, &grids);
        assert_eq!(points.iter().map(|p| p.claimed).collect::<Vec<_>>(), [0.0, 2.0, 3.0, 0.0]);
    }
}
