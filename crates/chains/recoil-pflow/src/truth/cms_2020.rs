//! Truth of CMS elements, by the rules of the first data sets.

use recoil_physics::momentum::FourMomentum;

use super::cms::Element;
use super::{Link, TrueParticle};
use crate::data::Particle;
use crate::data::classes::of_particle_2020;

/// Weight of links of tracking particles, which go before all others.
pub const TRACKING_WEIGHT: f64 = 99_999.0;
/// Weight of links to superclusters, which say nothing of energies.
const SUPERCLUSTER_WEIGHT: f64 = 1.0;
/// Least energy of a link \[GeV\].
const LINK_ENERGY: f64 = 0.01;
/// Least energy of a particle \[GeV\].
const PARTICLE_ENERGY: f64 = 0.2;
/// Least weight of a link relative to the strongest one of the element.
const LINK_SHARE: f64 = 0.05;
/// Types of elements that represent no particle.
const NO_TARGET: [i32; 4] = [2, 3, 7, 10];
/// Supercluster.
const SUPERCLUSTER: i32 = 10;

/// Links that are left after clean-up: no weak links, no soft particles, no links that are weak beside the strongest one of
/// their element.
pub fn clean(elements: &[Element], particles: &[TrueParticle], links: &[Link]) -> Vec<Link> {
    let kind = |link: &Link| elements.get(link.object as usize).map_or(0, |element| element.kind);
    let energy = |link: &Link| particles.get(link.particle as usize).map_or(0.0, |p| p.momentum.energy);
    let strong = links.iter().filter(|link| link.weight >= LINK_ENERGY && energy(link) >= PARTICLE_ENERGY);
    let kept: Vec<Link> = strong
        .map(|link| match kind(link) {
            SUPERCLUSTER => Link { weight: SUPERCLUSTER_WEIGHT, ..*link },
            _ => *link,
        })
        .collect();
    let mut strongest = vec![0.0f64; elements.len()];
    for link in &kept {
        if let Some(best) = strongest.get_mut(link.object as usize) {
            *best = best.max(link.weight);
        }
    }
    let limit = |link: &Link| strongest.get(link.object as usize).map_or(0.0, |best| LINK_SHARE * best);
    let is_kept = |link: &&Link| link.weight == SUPERCLUSTER_WEIGHT || link.weight >= limit(link);
    kept.iter().filter(is_kept).copied().collect()
}

/// The true particle of each element: signed PDG number of [`crate::data::classes::CMS_2020`], and four-momentum.
///
/// Particles choose in the order of descending transverse momentum the free element of their strongest link; those that
/// find none are added to the element of their strongest link.
pub fn targets(elements: &[Element], particles: &[TrueParticle], links: &[Link]) -> Vec<Option<(i32, FourMomentum)>> {
    let links = clean(elements, particles, links);
    let can_represent =
        |link: &&Link| elements.get(link.object as usize).is_some_and(|element| !NO_TARGET.contains(&element.kind));
    let mut owners: Vec<Vec<usize>> = vec![Vec::new(); elements.len()];
    let mut order: Vec<usize> = (0..particles.len()).collect();
    let pt = |index: &usize| particles.get(*index).map_or(0.0, |particle| particle.momentum.pt());
    order.sort_by(|a, b| pt(b).total_cmp(&pt(a)));
    let mut left = Vec::new();
    for index in order {
        let own = || links.iter().filter(move |link| link.particle as usize == index).filter(can_represent);
        let free = own().filter(|link| owners.get(link.object as usize).is_some_and(Vec::is_empty)).reduce(heavier);
        match (free.map(|link| link.object), own().reduce(heavier)) {
            (Some(object), _) => {
                if let Some(owners) = owners.get_mut(object as usize) {
                    owners.push(index);
                }
            }
            (None, Some(heaviest)) => left.push((index, heaviest.object)),
            (None, None) => {}
        }
    }
    for (index, object) in left {
        if let Some(owners) = owners.get_mut(object as usize) {
            owners.push(index);
        }
    }
    let target = |(element, owners): (&Element, &Vec<usize>)| {
        let members: Vec<&TrueParticle> = owners.iter().filter_map(|index| particles.get(*index)).collect();
        let energetic = members.iter().reduce(|a, b| if b.momentum.energy > a.momentum.energy { b } else { a })?;
        let momentum: FourMomentum = members.iter().map(|particle| particle.momentum).sum();
        Some((class_on(element, of_particle_2020(energetic.pdg)), momentum))
    };
    elements.iter().zip(&owners).map(target).collect()
}

fn heavier<'a>(a: &'a Link, b: &'a Link) -> &'a Link {
    if b.weight > a.weight { b } else { a }
}

/// The class that an element allows.
fn class_on(element: &Element, class: i32) -> i32 {
    let is_electromagnetic = matches!(class.abs(), 11 | 22);
    match element.kind {
        9 if element.eta.abs() > 3.0 => 1,
        8 if element.eta.abs() > 3.0 => 1 + i32::from(is_electromagnetic),
        5 if is_electromagnetic => 130,
        _ => class,
    }
}

/// Charge of a signed class number: that of pions for 211, opposite to the sign for 11 and 13, 0 for all others.
pub fn charge(class: i32) -> f64 {
    match class {
        211 | -11 | -13 => 1.0,
        -211 | 11 | 13 => -1.0,
        _ => 0.0,
    }
}

/// The candidate of each element, by place: hardest first, charged hadrons and muons to their first free track, all others
/// to the free calorimeter element with the largest energy. `links` lead from candidates to elements.
pub fn attach(elements: &[Element], candidates: &[Particle], links: &[Link]) -> Vec<Option<usize>> {
    let mut attached: Vec<Option<usize>> = vec![None; elements.len()];
    let mut order: Vec<usize> = (0..candidates.len()).collect();
    let pt = |index: &usize| candidates.get(*index).map_or(0.0, |candidate| candidate.pt);
    order.sort_by(|a, b| pt(b).total_cmp(&pt(a)));
    for index in order {
        let is_charged = candidates.get(index).is_some_and(|candidate| matches!(candidate.pdg.abs(), 211 | 13));
        let fits = |link: &&Link| {
            let place = link.object as usize;
            let kind = elements.get(place).map_or(0, |element| element.kind);
            let is_right = if is_charged { kind == 1 } else { matches!(kind, 4 | 5 | 8..=10) };
            link.particle as usize == index && is_right && attached.get(place) == Some(&None)
        };
        let mut free: Vec<usize> = links.iter().filter(fits).map(|link| link.object as usize).collect();
        free.sort_unstable();
        let energy = |place: &usize| elements.get(*place).map_or(0.0, |element| element.energy);
        let chosen = match is_charged {
            true => free.first().copied(),
            false => free.into_iter().reduce(|a, b| if energy(&b) > energy(&a) { b } else { a }),
        };
        if let Some(slot) = chosen.and_then(|place| attached.get_mut(place)) {
            *slot = Some(index);
        }
    }
    attached
}

/// Pairs of elements that share a particle or a candidate, each pair once, sorted. `links` lead to elements.
pub fn sharing(links: &[Link]) -> Vec<(u32, u32)> {
    let mut pairs = std::collections::BTreeSet::new();
    for (place, a) in links.iter().enumerate() {
        for b in links.iter().skip(place + 1).filter(|b| b.particle == a.particle && b.object != a.object) {
            pairs.insert((a.object.min(b.object), a.object.max(b.object)));
        }
    }
    pairs.into_iter().collect()
}
