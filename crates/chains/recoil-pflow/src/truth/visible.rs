//! Which particles the detector could have seen.

use super::Link;
use super::TrueParticle;

/// Thresholds of visibility.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    /// least share of the energy that is in hits
    pub energy_share: f64,
    /// least energy in hits of a charged particle \[GeV\]
    pub charged_energy_gev: f64,
    /// least weight of a link to a track
    pub track_weight: f64,
    /// how many generations up a replacement is looked for
    pub generations: usize,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { energy_share: 0.10, charged_energy_gev: 0.5, track_weight: 0.2, generations: 8 }
    }
}

/// What a particle left, that of its descendants included.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Seen {
    /// energy in hits \[GeV\]
    pub hit_energy: f64,
    /// weight of the strongest link to a track
    pub track_weight: f64,
}

/// Whether a stable particle with this left enough.
pub fn is_visible(particle: &TrueParticle, seen: Seen, thresholds: &Thresholds) -> bool {
    let energy = particle.momentum.energy;
    energy > 0.0 && seen.hit_energy / energy > thresholds.energy_share
        || seen.hit_energy > thresholds.charged_energy_gev && particle.charge != 0.0
        || seen.track_weight >= thresholds.track_weight
}

/// Whether this is a neutrino.
pub fn is_neutrino(pdg: i32) -> bool {
    matches!(pdg.abs(), 12 | 14 | 16)
}

/// The particles of a decay tree with what they left.
#[derive(Clone, Copy, Debug)]
pub struct Tree<'a> {
    /// all particles
    pub particles: &'a [TrueParticle],
    /// daughters of each particle
    pub daughters: &'a [Vec<usize>],
    /// links to tracks
    pub to_track: &'a [Link],
    /// links to hits or clusters, energies
    pub to_hit: &'a [Link],
}

/// Particles that are to be assigned: visible stable particles and replacements of invisible ones.
///
/// A stable particle without hits is replaced by its nearest ancestor that is not stable and has hits, unless another
/// stable descendant of that ancestor has hits; of nested replacements the deepest is kept. Returns places of particles,
/// ascending, each with the particles whose links it takes over (itself and all its descendants).
pub fn select(tree: Tree<'_>, thresholds: &Thresholds) -> Vec<(usize, Vec<usize>)> {
    let count = tree.particles.len();
    let mut own = vec![Seen::default(); count];
    for link in tree.to_hit {
        if let Some(seen) = own.get_mut(link.particle as usize) {
            seen.hit_energy += link.weight;
        }
    }
    for link in tree.to_track {
        if let Some(seen) = own.get_mut(link.particle as usize) {
            seen.track_weight = seen.track_weight.max(link.weight);
        }
    }
    let family = |index: usize| descendants(tree.daughters, index);
    let total = |members: &[usize]| {
        members.iter().filter_map(|index| own.get(*index)).fold(Seen::default(), |sum, seen| Seen {
            hit_energy: sum.hit_energy + seen.hit_energy,
            track_weight: sum.track_weight.max(seen.track_weight),
        })
    };
    let is_stable =
        |index: usize| tree.particles.get(index).is_some_and(|p| p.generator_status == 1 && !is_neutrino(p.pdg));
    let mut chosen: Vec<(usize, Vec<usize>)> = Vec::new();
    let mut parents = vec![None; count];
    for (parent, daughters) in tree.daughters.iter().enumerate() {
        for &daughter in daughters {
            if let Some(slot) = parents.get_mut(daughter) {
                slot.get_or_insert(parent);
            }
        }
    }
    let mut replacements = Vec::new();
    for (index, particle) in tree.particles.iter().enumerate().filter(|(index, _)| is_stable(*index)) {
        let members = family(index);
        let seen = total(&members);
        if is_visible(particle, seen, thresholds) {
            chosen.push((index, members));
        } else if seen.hit_energy == 0.0 {
            replacements.extend(replacement(index, &parents, thresholds.generations, &|ancestor| {
                let has_hits = own.get(ancestor).is_some_and(|seen| seen.hit_energy > 0.0);
                let other = |i: &usize| *i != ancestor && is_stable(*i) && total(&family(*i)).hit_energy > 0.0;
                has_hits && !is_stable(ancestor) && !family(ancestor).iter().any(other)
            }));
        }
    }
    replacements.sort_unstable();
    replacements.dedup();
    let all = replacements.clone();
    replacements.retain(|index| !all.iter().any(|other| other != index && family(*index).contains(other)));
    chosen.extend(replacements.into_iter().map(|index| (index, family(index))));
    chosen.sort_unstable_by_key(|(index, _)| *index);
    chosen
}

fn replacement(
    index: usize,
    parents: &[Option<usize>],
    generations: usize,
    fits: &dyn Fn(usize) -> bool,
) -> Option<usize> {
    let up = |index: &usize| parents.get(*index).copied().flatten();
    std::iter::successors(up(&index), up).take(generations).find(|ancestor| fits(*ancestor))
}

/// A particle and all below it, ascending. Loops in broken records end.
fn descendants(daughters: &[Vec<usize>], index: usize) -> Vec<usize> {
    let mut found = std::collections::BTreeSet::from([index]);
    let mut open = vec![index];
    while let Some(next) = open.pop() {
        for &daughter in daughters.get(next).into_iter().flatten() {
            if found.insert(daughter) {
                open.push(daughter);
            }
        }
    }
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use recoil_physics::momentum::FourMomentum;

    fn particle(pdg: i32, status: i32, energy: f64) -> TrueParticle {
        let momentum = FourMomentum { px: energy, energy, ..FourMomentum::default() };
        let charge = if matches!(pdg.abs(), 211 | 11 | 13) { 1.0 } else { 0.0 };
        TrueParticle { pdg, charge, momentum, generator_status: status, ..TrueParticle::default() }
    }

    fn chosen(particles: &[TrueParticle], daughters: &[Vec<usize>], hits: &[Link]) -> Vec<usize> {
        let tree = Tree { particles, daughters, to_track: &[], to_hit: hits };
        select(tree, &Thresholds::default()).into_iter().map(|(index, _)| index).collect()
    }

    #[test]
    fn a_share_of_the_energy_or_half_a_gev_of_a_charged_particle() {
        let particles = [particle(22, 1, 10.0), particle(211, 1, 10.0), particle(22, 1, 10.0), particle(12, 1, 10.0)];
        let hits = [Link::new(0, 0, 0.9), Link::new(1, 0, 0.6), Link::new(2, 1, 1.1), Link::new(3, 1, 5.0)];
        assert_eq!(chosen(&particles, &[vec![], vec![], vec![], vec![]], &hits), [1, 2]);
    }

    #[test]
    fn hits_of_daughters_count_and_an_ancestor_stands_in() {
        // 0 stable -> 1 (a shower particle with the hits); 2 decayed, has hits -> 3 stable without
        let particles = [particle(22, 1, 5.0), particle(11, 0, 3.0), particle(310, 2, 4.0), particle(22, 1, 2.0)];
        let daughters = [vec![1], vec![], vec![3], vec![]];
        let hits = [Link::new(1, 0, 2.0), Link::new(2, 1, 3.0)];
        assert_eq!(chosen(&particles, &daughters, &hits), [0, 2]);
    }

    #[test]
    fn a_loop_of_daughters_ends() {
        assert_eq!(descendants(&[vec![1], vec![0]], 0), [0, 1]);
    }
}
