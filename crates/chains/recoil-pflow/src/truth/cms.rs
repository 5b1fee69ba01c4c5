//! Truth of CMS elements, by the present rules.
//!
//! Three kinds of simulated particles are linked to elements: tracking particles (to tracks), calorimeter particles and
//! the simulated clusters that belong to them. Links are handed down to the calorimeter particles, which are assigned.

use recoil_physics::angle::delta_r;
use recoil_physics::momentum::FourMomentum;
use std::collections::BTreeMap;

use super::{Link, TrueParticle};
use crate::data::classes;
use crate::data::{Particle, Target};

/// Types of elements in the order in which they choose their particle.
const ORDER: [i32; 8] = [6, 1, 4, 5, 8, 9, 10, 11];
/// Types of elements that take no part: both layers of the preshower, and bremsstrahlung.
pub const IGNORED: [i32; 3] = [2, 3, 7];
/// Tracks without a parent above this transverse momentum \[GeV\] ...
const LOST_TRACK_PT: f64 = 1.0;
/// ... are linked to simulated clusters nearer than this in pseudorapidity, sine and cosine of the azimuth.
const LOST_TRACK_DISTANCE: f64 = 0.05;
/// Distance within which several tracks of a particle are taken for several particles.
const SPLIT_DISTANCE: f64 = 0.4;
/// Status in the detector simulation of targets.
const SIMULATOR_STATUS: f32 = 2.0;

/// An element as truth sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Element {
    /// type
    pub kind: i32,
    /// transverse momentum \[GeV\]
    pub pt: f64,
    /// pseudorapidity
    pub eta: f64,
    /// azimuth
    pub phi: f64,
    /// energy \[GeV\]
    pub energy: f64,
}

/// A simulated cluster, or a calorimeter particle, and what it belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Simulated {
    /// the particle; `pileup` is 1 if it is of another collision
    pub particle: TrueParticle,
    /// its tracking particle
    pub tracking: Option<u32>,
    /// of a simulated cluster: its calorimeter particle
    pub calo: Option<u32>,
}

/// An event. Links lead from particles to elements.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CmsEvent {
    /// elements
    pub elements: Vec<Element>,
    /// calorimeter particles
    pub calo: Vec<Simulated>,
    /// simulated clusters
    pub simulated: Vec<Simulated>,
    /// tracking particles to elements: quality
    pub tracking_links: Vec<Link>,
    /// calorimeter particles to elements: energy \[GeV\]
    pub calo_links: Vec<Link>,
    /// simulated clusters to elements: energy \[GeV\]
    pub simulated_links: Vec<Link>,
}

/// Links by particle and element.
type Edges = BTreeMap<(u32, u32), f64>;

/// Links of calorimeter particles to elements after all others were handed down, sorted.
pub fn calo_edges(event: &CmsEvent) -> Vec<Link> {
    let element = |link: &Link| event.elements.get(link.object as usize);
    let takes_part = |link: &&Link| element(link).is_some_and(|e| !IGNORED.contains(&e.kind));
    let edges = |links: &[Link]| -> Edges {
        links.iter().filter(takes_part).map(|link| ((link.particle, link.object), link.weight)).collect()
    };
    let mut by_tracking: BTreeMap<u32, Vec<(u32, f64)>> = BTreeMap::new();
    for link in event.tracking_links.iter().filter(takes_part) {
        let weight = link.weight * element(link).map_or(0.0, |element| element.energy);
        by_tracking.entry(link.particle).or_default().push((link.object, weight));
    }
    // a link that is there already keeps the larger weight
    let hand_down = |edges: &mut Edges, particles: &[Simulated]| {
        for (index, simulated) in (0u32..).zip(particles) {
            for (object, weight) in simulated.tracking.and_then(|tp| by_tracking.get(&tp)).into_iter().flatten() {
                let edge = edges.entry((index, *object)).or_insert(0.0);
                *edge = edge.max(*weight);
            }
        }
    };
    let mut calo = edges(&event.calo_links);
    let mut simulated = edges(&event.simulated_links);
    hand_down(&mut calo, &event.calo);
    hand_down(&mut simulated, &event.simulated);
    let has_parent: std::collections::BTreeSet<u32> =
        calo.keys().chain(simulated.keys()).map(|(_, object)| *object).collect();
    for (object, element) in (0u32..).zip(&event.elements) {
        if element.kind == 1 && element.pt > LOST_TRACK_PT && !has_parent.contains(&object) {
            for (index, cluster) in (0u32..).zip(&event.simulated) {
                if direction_distance(element, &cluster.particle.momentum) < LOST_TRACK_DISTANCE {
                    simulated.insert((index, object), element.energy);
                }
            }
        }
    }
    for ((index, object), weight) in simulated {
        if let Some(owner) = event.simulated.get(index as usize).and_then(|cluster| cluster.calo) {
            let edge = calo.entry((owner, object)).or_insert(0.0);
            *edge = edge.max(weight);
        }
    }
    let is_allowed = |(index, object): &(u32, u32)| {
        let is_gsf = event.elements.get(*object as usize).is_some_and(|element| element.kind == 6);
        let is_electron = event.calo.get(*index as usize).is_some_and(|calo| calo.particle.pdg.abs() == 11);
        (*index as usize) < event.calo.len() && (!is_gsf || is_electron)
    };
    let kept = calo.into_iter().filter(|(key, _)| is_allowed(key));
    kept.map(|((particle, object), weight)| Link { particle, object, weight }).collect()
}

fn direction_distance(element: &Element, momentum: &FourMomentum) -> f64 {
    let phi = momentum.phi();
    let parts = [element.eta - momentum.eta(), element.phi.sin() - phi.sin(), element.phi.cos() - phi.cos()];
    parts.iter().map(|part| part * part).sum::<f64>().sqrt()
}

/// Particles that several tracks of their own make several of: each track gets a copy with its share of the momentum, and
/// links to clusters are lost. Electrons stay whole. The number of the original particle is kept.
fn split(event: &CmsEvent, edges: &[Link]) -> (Vec<(u32, TrueParticle)>, Vec<Link>) {
    let mut particles = Vec::new();
    let mut links = Vec::new();
    for (index, calo) in (0u32..).zip(&event.calo) {
        let own: Vec<&Link> = edges.iter().filter(|link| link.particle == index).collect();
        let is_near_track = |link: &&&Link| {
            event.elements.get(link.object as usize).is_some_and(|element| {
                let p = &calo.particle.momentum;
                element.kind == 1 && delta_r(element.eta, element.phi, p.eta(), p.phi()) < SPLIT_DISTANCE
            })
        };
        let tracks: Vec<&Link> = own.iter().filter(is_near_track).copied().collect();
        let total: f64 = tracks.iter().map(|link| link.weight).sum();
        if tracks.len() > 1 && calo.particle.pdg.abs() != 11 && total > 0.0 {
            for track in tracks {
                let share = track.weight / total;
                let p = calo.particle.momentum;
                let momentum =
                    FourMomentum { px: p.px * share, py: p.py * share, pz: p.pz * share, energy: p.energy * share };
                links.push(Link { particle: particles.len() as u32, ..*track });
                particles.push((index, TrueParticle { momentum, ..calo.particle }));
            }
        } else {
            links.extend(own.into_iter().map(|link| Link { particle: particles.len() as u32, ..*link }));
            particles.push((index, calo.particle));
        }
    }
    (particles, links)
}

/// The targets of all elements; those of types that take no part have none.
pub fn targets(event: &CmsEvent) -> Vec<Target> {
    let (particles, links) = split(event, &calo_edges(event));
    let owners = representatives(event, &particles, &links);
    let mut targets = vec![Target::default(); event.elements.len()];
    for (element, (target, owners)) in (0u32..).zip(targets.iter_mut().zip(&owners)) {
        let weight = |owner: &usize| {
            let of_pair = |link: &&Link| link.particle as usize == *owner && link.object == element;
            links.iter().find(of_pair).map_or(0.0, |link| link.weight)
        };
        let heaviest = owners.iter().copied().reduce(|a, b| if weight(&b) > weight(&a) { b } else { a });
        let members: Vec<&TrueParticle> = owners.iter().filter_map(|o| particles.get(*o)).map(|(_, p)| p).collect();
        let energetic = members.iter().reduce(|a, b| if b.momentum.energy > a.momentum.energy { b } else { a });
        let (Some(heaviest), Some(energetic)) = (heaviest.and_then(|h| particles.get(h).map(|p| (h, p))), energetic)
        else {
            continue;
        };
        let momentum: FourMomentum = members.iter().map(|particle| particle.momentum).sum();
        let pileup: f64 = members.iter().map(|particle| particle.pileup * particle.momentum.energy).sum();
        let linked = |is_track: bool| -> f64 {
            let kind = |link: &&Link| event.elements.get(link.object as usize).map_or(0, |e| e.kind);
            let of = |link: &&Link| link.particle as usize == heaviest.0 && matches!(kind(link), 1 | 6) == is_track;
            links.iter().filter(of).map(|link| link.weight).sum()
        };
        let class = classes::of_particle(energetic.pdg, energetic.charge);
        *target = Target {
            particle: Particle::of(class, heaviest.1.1.charge, &momentum),
            pileup: if momentum.energy > 0.0 { (pileup / momentum.energy) as f32 } else { 0.0 },
            generator_status: 0.0,
            simulator_status: SIMULATOR_STATUS,
            to_track: linked(true) as f32,
            to_cluster: linked(false) as f32,
            jet: -1.0,
            number: (heaviest.1.0 + 1) as f32,
        };
    }
    targets
}

/// The particles of each element: its representative, then those that found no element of their own.
fn representatives(event: &CmsEvent, particles: &[(u32, TrueParticle)], links: &[Link]) -> Vec<Vec<usize>> {
    let mut owners: Vec<Vec<usize>> = vec![Vec::new(); event.elements.len()];
    let mut is_free = vec![true; particles.len()];
    for kind in ORDER {
        let mut elements: Vec<usize> = (0..event.elements.len()).collect();
        elements.retain(|index| event.elements.get(*index).is_some_and(|element| element.kind == kind));
        let pt = |index: &usize| event.elements.get(*index).map_or(0.0, |element| element.pt);
        elements.sort_by(|a, b| pt(b).total_cmp(&pt(a)));
        for index in elements {
            let of_element = |link: &&Link| {
                link.object as usize == index && is_free.get(link.particle as usize).copied().unwrap_or(false)
            };
            let parent = links.iter().filter(of_element).reduce(heavier).map(|link| link.particle as usize);
            if let (Some(parent), Some(owners)) = (parent, owners.get_mut(index)) {
                owners.push(parent);
                if let Some(free) = is_free.get_mut(parent) {
                    *free = false;
                }
            }
        }
    }
    let mut left: Vec<usize> = (0..particles.len()).filter(|index| is_free.get(*index) == Some(&true)).collect();
    let pt = |index: &usize| particles.get(*index).map_or(0.0, |(_, particle)| particle.momentum.pt());
    left.sort_by(|a, b| pt(b).total_cmp(&pt(a)));
    for index in left {
        let heaviest = links.iter().filter(|link| link.particle as usize == index).reduce(heavier);
        if let Some(owners) = heaviest.and_then(|link| owners.get_mut(link.object as usize)) {
            owners.push(index);
        }
    }
    owners
}

/// The heavier of two links, the first of equal ones.
fn heavier<'a>(a: &'a Link, b: &'a Link) -> &'a Link {
    if b.weight > a.weight { b } else { a }
}

/// Candidates of an existing algorithm to elements: hardest first, charged ones to their first free track, others to the
/// free element with the strongest link. `links` lead from candidates to elements.
pub fn attach(elements: &[Element], candidates: &[Particle], links: &[Link]) -> Vec<Particle> {
    let mut attached = vec![Particle::default(); elements.len()];
    let mut order: Vec<usize> = (0..candidates.len()).collect();
    let pt = |index: &usize| candidates.get(*index).map_or(0.0, |candidate| candidate.pt);
    order.sort_by(|a, b| pt(b).total_cmp(&pt(a)));
    for index in order {
        let Some(candidate) = candidates.get(index) else { continue };
        let is_free = |link: &&Link| {
            let place = link.object as usize;
            let kind = elements.get(place).map_or(0, |element| element.kind);
            let fits = !matches!(candidate.pdg, 211 | 11 | 13) || matches!(kind, 1 | 6);
            link.particle as usize == index
                && fits
                && !IGNORED.contains(&kind)
                && attached.get(place).is_some_and(|other| !other.is_present())
        };
        let mut free: Vec<&Link> = links.iter().filter(is_free).collect();
        free.sort_by_key(|link| link.object);
        let chosen = if matches!(candidate.pdg, 211 | 11 | 13) {
            free.first().copied()
        } else {
            free.into_iter().reduce(heavier)
        };
        if let Some(slot) = chosen.and_then(|link| attached.get_mut(link.object as usize)) {
            *slot = *candidate;
        }
    }
    attached
}
