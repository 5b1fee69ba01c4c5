//! Recombination with one nearest neighbour kept per object.

use super::Algorithm;
use super::distance::Place;
use crate::error::{Error, Result};
use crate::momentum::FourMomentum;

/// A jet and what it is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Jet {
    /// sum of the four-momenta of the constituents \[GeV\]
    pub momentum: FourMomentum,
    /// positions of the constituents among the particles, ascending
    pub constituents: Vec<u32>,
}

/// An algorithm and its radius.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Definition {
    algorithm: Algorithm,
    radius: f64,
}

/// An object that is still there.
struct Object {
    momentum: FourMomentum,
    place: Place,
    /// the node of the history that holds its constituents
    node: u32,
    /// nearest other object, if any is nearer than the beam, and the separation
    nearest: Option<usize>,
    separation: f64,
}

impl Definition {
    /// An algorithm with a radius: in rapidity and azimuth, or an angle for e+e- collisions.
    ///
    /// # Errors
    /// A radius that is not positive, or a power that is not finite.
    pub fn new(algorithm: Algorithm, radius: f64) -> Result<Self> {
        if !(radius > 0.0 && radius.is_finite()) {
            return Err(Error::Parameter { name: "radius".into(), value: radius, wanted: "positive" });
        }
        if let Algorithm::GeneralisedKtEe { power } = algorithm
            && !power.is_finite()
        {
            return Err(Error::Parameter { name: "power".into(), value: power, wanted: "finite" });
        }
        Ok(Self { algorithm, radius })
    }

    /// All jets with at least the transverse momentum `min_pt` \[GeV\], hardest first.
    ///
    /// Depends on the particles and their order alone. Equal distances are settled by the order of the particles.
    /// Particles with a number that is not finite, and particles without any momentum, are in no jet.
    pub fn cluster(&self, particles: &[FourMomentum], min_pt: f64) -> Vec<Jet> {
        let usable = |p: &FourMomentum| {
            [p.px, p.py, p.pz, p.energy].iter().all(|v| v.is_finite())
                && (p.px != 0.0 || p.py != 0.0 || p.pz != 0.0 || p.energy != 0.0)
        };
        let objects =
            (0u32..).zip(particles).filter(|(_, particle)| usable(particle)).map(|(index, particle)| Object {
                momentum: *particle,
                place: self.algorithm.place(particle),
                node: index,
                nearest: None,
                separation: 0.0,
            });
        let mut work = Work {
            algorithm: self.algorithm,
            reach: self.algorithm.reach(self.radius),
            objects: objects.collect(),
            distance: Vec::new(),
            merged: Vec::new(),
            particles: particles.len(),
        };
        let mut jets = work.run(min_pt);
        jets.sort_by(|a, b| {
            b.momentum.pt().total_cmp(&a.momentum.pt()).then_with(|| a.constituents.cmp(&b.constituents))
        });
        jets
    }
}

struct Work {
    algorithm: Algorithm,
    reach: f64,
    objects: Vec<Object>,
    /// distance of each object to its nearest neighbour or to the beam, in units without the radius
    distance: Vec<f64>,
    /// the two parents of each node behind the particles
    merged: Vec<[u32; 2]>,
    particles: usize,
}

impl Work {
    fn run(&mut self, min_pt: f64) -> Vec<Jet> {
        for index in 0..self.objects.len() {
            self.objects[index].separation = self.reach;
            for other in 0..index {
                let separation = self.separation(index, other);
                self.offer(index, other, separation);
                self.offer(other, index, separation);
            }
        }
        self.distance = (0..self.objects.len()).map(|index| self.distance_of(index)).collect();
        let mut jets = Vec::new();
        while let Some(first) = self.smallest() {
            match self.objects[first].nearest {
                Some(second) => self.merge(first, second),
                None => {
                    let object = &self.objects[first];
                    if object.momentum.pt() >= min_pt {
                        jets.push(Jet { momentum: object.momentum, constituents: self.constituents(object.node) });
                    }
                    self.remove(first, None);
                }
            }
        }
        jets
    }

    fn separation(&self, a: usize, b: usize) -> f64 {
        self.algorithm.separation(&self.objects[a].place, &self.objects[b].place)
    }

    /// Makes `other` the nearest of `index` if it is.
    fn offer(&mut self, index: usize, other: usize, separation: f64) -> bool {
        let object = &mut self.objects[index];
        let is_nearer = separation < object.separation;
        if is_nearer {
            (object.nearest, object.separation) = (Some(other), separation);
        }
        is_nearer
    }

    fn distance_of(&self, index: usize) -> f64 {
        let object = &self.objects[index];
        let weight = object.nearest.map_or(f64::INFINITY, |other| self.objects[other].place.weight);
        object.separation * object.place.weight.min(weight)
    }

    fn smallest(&self) -> Option<usize> {
        let mut smallest: Option<(usize, f64)> = None;
        for (index, &distance) in self.distance.iter().enumerate() {
            if smallest.is_none_or(|(_, least)| distance < least) {
                smallest = Some((index, distance));
            }
        }
        smallest.map(|(index, _)| index)
    }

    fn merge(&mut self, first: usize, second: usize) {
        let (kept, gone) = (first.min(second), first.max(second));
        let (a, b) = (&self.objects[kept], &self.objects[gone]);
        let momentum = a.momentum + b.momentum;
        self.merged.push([a.node, b.node]);
        let node = (self.particles + self.merged.len() - 1) as u32;
        let place = self.algorithm.place(&momentum);
        self.objects[kept] = Object { momentum, place, node, nearest: None, separation: self.reach };
        self.remove(gone, Some(kept));
    }

    /// Takes the object `gone` out; its place is taken by the last one. Objects whose nearest neighbour is gone or has
    /// `changed` look for another.
    fn remove(&mut self, gone: usize, changed: Option<usize>) {
        let last = self.objects.len() - 1;
        self.objects.swap_remove(gone);
        self.distance.swap_remove(gone);
        for index in 0..self.objects.len() {
            let nearest = self.objects[index].nearest;
            if Some(index) == changed || nearest.is_some_and(|other| other == gone || Some(other) == changed) {
                self.look_around(index);
            } else {
                if nearest == Some(last) {
                    self.objects[index].nearest = Some(gone);
                }
                if let Some(changed) = changed {
                    let separation = self.separation(index, changed);
                    if self.offer(index, changed, separation) {
                        self.distance[index] = self.distance_of(index);
                    }
                }
            }
        }
    }

    fn look_around(&mut self, index: usize) {
        (self.objects[index].nearest, self.objects[index].separation) = (None, self.reach);
        for other in (0..self.objects.len()).filter(|other| *other != index) {
            let separation = self.separation(index, other);
            self.offer(index, other, separation);
        }
        self.distance[index] = self.distance_of(index);
    }

    fn constituents(&self, node: u32) -> Vec<u32> {
        let mut found = Vec::new();
        let mut open = vec![node];
        while let Some(node) = open.pop() {
            match (node as usize).checked_sub(self.particles).and_then(|index| self.merged.get(index)) {
                Some(parents) => open.extend(parents),
                None => found.push(node),
            }
        }
        found.sort_unstable();
        found
    }
}
