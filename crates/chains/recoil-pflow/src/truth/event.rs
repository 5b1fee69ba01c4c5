//! Truth of whole events of a table.

use recoil_physics::momentum::FourMomentum;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::assignment::{Assignment, Links, Objects, Owner, assign};
use super::cms::{self, CmsEvent, Element};
use super::visible::{Thresholds, Tree, select};
use super::{Link, TrueParticle, cms_2020, delphes, targets};
use crate::data::{Event, Layout, Particle, Simulated, Target, classes};
use crate::error::{PflowError, Result};

/// Rules of truth assignment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rules {
    /// Those of the layout.
    #[default]
    Auto,
    /// Unique assignment by hits and tracks.
    Edm4hep,
    /// The present rules of CMS.
    Cms,
    /// The first rules of CMS.
    #[serde(rename = "cms_2020")]
    Cms2020,
    /// Tracks take their particle, towers what has no track.
    Delphes,
}

/// Sets the targets of an event from its simulated particles and links; returns what became of the particles.
///
/// # Errors
/// Links to particles or elements that are not there, or that lead between different kinds.
pub fn assign_event(
    file: &str,
    event: &mut Event,
    layout: Layout,
    rules: Rules,
    thresholds: &Thresholds,
) -> Result<Assignment> {
    let (particles, elements) = (event.simulated.len(), event.elements(layout));
    for link in &event.links {
        let is_known = |value: i32, count: usize| usize::try_from(value).is_ok_and(|value| value < count);
        if !is_known(link.particle, particles) || !is_known(link.element, elements) {
            let reason = format!(
                "a link leads from particle {} of {particles} to element {} of {elements}",
                link.particle, link.element
            );
            return Err(PflowError::Event { file: file.to_owned(), event: event.number, row: 0, reason });
        }
    }
    match rules.of(layout) {
        Rules::Cms => Ok(by_cms(event, layout)),
        Rules::Cms2020 => Ok(by_cms_2020(event, layout)),
        Rules::Delphes => Ok(by_delphes(event, layout)),
        Rules::Edm4hep | Rules::Auto => Ok(by_edm4hep(event, layout, thresholds)),
    }
}

fn particle(simulated: &Simulated) -> TrueParticle {
    let [px, py, pz, energy] = [simulated.px, simulated.py, simulated.pz, simulated.energy].map(f64::from);
    TrueParticle {
        pdg: simulated.pdg,
        charge: simulated.charge.into(),
        momentum: FourMomentum { px, py, pz, energy },
        pileup: simulated.pileup.into(),
        generator_status: simulated.generator_status,
        simulator_status: simulated.simulator_status,
    }
}

fn elements(event: &Event, layout: Layout) -> Vec<Element> {
    let element = |row: crate::data::event::Element<'_>| Element {
        kind: row.kind(),
        pt: row.pt(),
        eta: row.eta(),
        phi: row.phi(),
        energy: row.energy(),
    };
    event.rows(layout).map(element).collect()
}

fn by_edm4hep(event: &mut Event, layout: Layout, thresholds: &Thresholds) -> Assignment {
    let particles: Vec<TrueParticle> = event.simulated.iter().map(particle).collect();
    let mut daughters = vec![Vec::new(); particles.len()];
    for (index, simulated) in event.simulated.iter().enumerate() {
        let mother = usize::try_from(simulated.mother).ok();
        if let Some(list) = mother.and_then(|mother| daughters.get_mut(mother)) {
            list.push(index);
        }
    }
    // tracks and clusters are numbered apart
    let is_track: Vec<bool> = event.rows(layout).map(|row| layout.is_track(row.kind())).collect();
    let mut number = (0u32, 0u32);
    let numbers: Vec<u32> = is_track
        .iter()
        .map(|is_track| {
            let next = if *is_track { &mut number.0 } else { &mut number.1 };
            *next += 1;
            *next - 1
        })
        .collect();
    let (mut to_track, mut to_cluster) = (Vec::new(), Vec::new());
    for link in &event.links {
        let element = link.element as usize;
        let (Some(is_track), Some(object)) = (is_track.get(element), numbers.get(element)) else { continue };
        let list = if *is_track { &mut to_track } else { &mut to_cluster };
        list.push(Link { particle: link.particle as u32, object: *object, weight: link.weight.into() });
    }
    // what is in hits of no cluster counts too, where it is known
    let in_hits: Vec<Link> = if event.simulated.iter().any(|simulated| simulated.hit_energy >= 0.0) {
        let energies = event.simulated.iter().enumerate();
        energies.map(|(place, simulated)| Link::new(place, 0, simulated.hit_energy.max(0.0).into())).collect()
    } else {
        to_cluster.clone()
    };
    let tree = Tree { particles: &particles, daughters: &daughters, to_track: &to_track, to_hit: &in_hits };
    let chosen = select(tree, thresholds);
    let mut place = vec![None; particles.len()];
    for (number, (_, members)) in (0u32..).zip(&chosen) {
        for member in members {
            if let Some(slot) = place.get_mut(*member) {
                *slot = Some(number);
            }
        }
    }
    let renumbered = |links: &[Link]| -> Vec<Link> {
        let mut sums = std::collections::BTreeMap::new();
        for link in links {
            if let Some(particle) = place.get(link.particle as usize).copied().flatten() {
                *sums.entry((particle, link.object)).or_insert(0.0) += link.weight;
            }
        }
        sums.into_iter().map(|((particle, object), weight)| Link { particle, object, weight }).collect()
    };
    let (to_track, to_cluster) = (renumbered(&to_track), renumbered(&to_cluster));
    let visible: Vec<TrueParticle> = chosen.iter().filter_map(|(index, _)| particles.get(*index).copied()).collect();
    let objects = Objects { tracks: number.0 as usize, clusters: number.1 as usize, hits: 0 };
    let links = Links { to_track: &to_track, to_cluster: &to_cluster, to_hit: &[] };
    let assignment = assign(&visible, links, objects);
    let mut targets = targets(&visible, &assignment, objects);
    if layout == Layout::Hits {
        keep_classes(&mut targets, &visible, &assignment);
    }
    let of_element = |(is_track, number): (&bool, &u32)| {
        let place = if *is_track { *number as usize } else { objects.tracks + *number as usize };
        targets.get(place).copied().unwrap_or_default()
    };
    event.targets = is_track.iter().zip(&numbers).map(of_element).collect();
    assignment
}

/// A hit, unlike a cluster, tells nothing of the charge: its target keeps class and charge of the particle.
fn keep_classes(targets: &mut [Target], visible: &[TrueParticle], assignment: &Assignment) {
    for owner in &assignment.owners {
        let target = owner.cluster.and_then(|hit| targets.get_mut(hit as usize));
        if let (Some(target), Some(particle)) = (target, visible.get(owner.particle)) {
            let class = classes::of_particle(particle.pdg, particle.charge);
            target.particle = Particle::of(class, particle.charge, &owner.momentum);
        }
    }
}

/// A summary for rules that assign in their own way: energies of particles with an element.
fn summary(particles: &[TrueParticle], targets: &[Target]) -> Assignment {
    let energy_after: f64 = targets.iter().map(|target| f64::from(target.particle.energy)).sum();
    let energy_before: f64 = particles.iter().map(|particle| particle.momentum.energy).sum();
    let present = targets.iter().filter(|target| target.particle.is_present());
    let owner = |target: &Target| Owner { momentum: target.particle.momentum(), ..Owner::default() };
    Assignment {
        owners: present.map(owner).collect(),
        energy_before,
        energy_after,
        energy_dropped: energy_before - energy_after,
        ..Assignment::default()
    }
}

fn by_cms(event: &mut Event, layout: Layout) -> Assignment {
    let of_kind = |kind: i32| event.simulated.iter().enumerate().filter(move |(_, s)| s.kind == kind);
    let index = |value: i32| u32::try_from(value).ok();
    let list = |kind: i32| -> Vec<cms::Simulated> {
        let simulated = |(_, s): (usize, &Simulated)| cms::Simulated {
            particle: particle(s),
            tracking: index(s.tracking),
            calo: index(s.calo),
        };
        of_kind(kind).map(simulated).collect()
    };
    let links = |kind: i32| -> Vec<Link> {
        let places: std::collections::BTreeMap<usize, u32> =
            of_kind(kind).map(|(place, _)| place).zip(0u32..).collect();
        let link = |link: &crate::data::SimulationLink| {
            let particle = *places.get(&usize::try_from(link.particle).ok()?)?;
            Some(Link { particle, object: link.element as u32, weight: link.weight.into() })
        };
        event.links.iter().filter_map(link).collect()
    };
    let cms = CmsEvent {
        elements: elements(event, layout),
        calo: list(2),
        simulated: list(3),
        tracking_links: links(1),
        calo_links: links(2),
        simulated_links: links(3),
    };
    let targets = cms::targets(&cms);
    let particles: Vec<TrueParticle> = cms.calo.iter().map(|calo| calo.particle).collect();
    event.targets = targets;
    summary(&particles, &event.targets)
}

fn by_cms_2020(event: &mut Event, layout: Layout) -> Assignment {
    let elements = elements(event, layout);
    let particles: Vec<TrueParticle> = event.simulated.iter().map(particle).collect();
    // a simulated cluster that has a tracking particle is part of it
    let tracking: Vec<usize> =
        event.simulated.iter().enumerate().filter(|(_, s)| s.kind == 1).map(|(place, _)| place).collect();
    let stands_for = |place: usize| {
        let simulated = event.simulated.get(place);
        let own = simulated.filter(|s| s.kind == 3).and_then(|s| usize::try_from(s.tracking).ok());
        own.and_then(|tp| tracking.get(tp).copied()).unwrap_or(place)
    };
    let mut sums = std::collections::BTreeMap::new();
    for link in &event.links {
        let key = (stands_for(link.particle as usize) as u32, link.element as u32);
        let weight = sums.entry(key).or_insert(0.0f64);
        *weight = weight.max(link.weight.into());
    }
    let links: Vec<Link> =
        sums.into_iter().map(|((particle, object), weight)| Link { particle, object, weight }).collect();
    let found = cms_2020::targets(&elements, &particles, &links);
    let target = |(place, found): (usize, &Option<(i32, FourMomentum)>)| match found {
        Some((class, momentum)) => Target {
            particle: Particle::of(class.abs(), cms_2020::charge(*class), momentum),
            jet: -1.0,
            number: (place + 1) as f32,
            ..Target::default()
        },
        None => Target::default(),
    };
    event.targets = found.iter().enumerate().map(target).collect();
    summary(&particles, &event.targets)
}

fn by_delphes(event: &mut Event, layout: Layout) -> Assignment {
    let particles: Vec<TrueParticle> = event.simulated.iter().map(particle).collect();
    let is_track: Vec<bool> = event.rows(layout).map(|row| layout.is_track(row.kind())).collect();
    let of_element = |element: usize| {
        let own = event.links.iter().filter(move |link| link.element as usize == element);
        own.filter_map(|link| Some((link.particle as usize, *particles.get(link.particle as usize)?)))
    };
    let mut has_track = vec![false; particles.len()];
    for (element, _) in is_track.iter().enumerate().filter(|(_, is_track)| **is_track) {
        for (place, _) in of_element(element) {
            if let Some(slot) = has_track.get_mut(place) {
                *slot = true;
            }
        }
    }
    let mut made = Vec::with_capacity(is_track.len());
    for (element, is_track) in is_track.iter().enumerate() {
        let found = if *is_track {
            of_element(element).next().map(|(_, particle)| delphes::of_track(&particle))
        } else {
            let free = of_element(element).filter(|(place, _)| has_track.get(*place) != Some(&true));
            delphes::of_tower(&free.map(|(_, particle)| particle).collect::<Vec<_>>())
        };
        made.push(found.map_or_else(Target::default, |(class, charge, momentum)| Target {
            particle: Particle::of(class, charge, &momentum),
            jet: -1.0,
            number: (element + 1) as f32,
            ..Target::default()
        }));
    }
    event.targets = made;
    summary(&particles, &event.targets)
}
