//! Particles to representative elements: unique, heaviest link first, nothing lost.

use recoil_physics::momentum::FourMomentum;

use super::{Link, TrueParticle};

/// How many objects of each kind there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Objects {
    /// tracks
    pub tracks: usize,
    /// clusters
    pub clusters: usize,
    /// hits
    pub hits: usize,
}

/// A particle that has an element, with all that was merged into it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Owner {
    /// place among all particles
    pub particle: usize,
    /// four-momentum, that of merged particles included \[GeV\]
    pub momentum: FourMomentum,
    /// share of its energy that is from pile-up
    pub pileup: f64,
    /// its track
    pub track: Option<u32>,
    /// its cluster, if it has no track
    pub cluster: Option<u32>,
    /// its hit, which is found apart from track and cluster
    pub hit: Option<u32>,
    /// weight of its strongest link to a track
    pub to_track: f64,
    /// sum of its weights to clusters \[GeV\]
    pub to_cluster: f64,
}

/// What became of the particles of an event.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Assignment {
    /// particles with an element, in the order of the particles
    pub owners: Vec<Owner>,
    /// particles without one that were merged: (particle, the owner's place among `owners`)
    pub merged: Vec<(usize, usize)>,
    /// particles that have no element and share no cluster with one that has
    pub dropped: Vec<usize>,
    /// for each track the place among `owners` of the one with the strongest link
    pub largest_of_track: Vec<Option<usize>>,
    /// the same for each cluster
    pub largest_of_cluster: Vec<Option<usize>>,
    /// the same for each hit
    pub largest_of_hit: Vec<Option<usize>>,
    /// energy of all particles that were given \[GeV\]
    pub energy_before: f64,
    /// energy of the owners \[GeV\]
    pub energy_after: f64,
    /// energy of dropped particles \[GeV\]
    pub energy_dropped: f64,
    /// transverse momentum of dropped particles, summed as numbers \[GeV\]
    pub pt_dropped: f64,
}

impl Assignment {
    /// Energy that appeared or vanished, which has to be rounding only \[GeV\].
    pub fn imbalance(&self) -> f64 {
        self.energy_after + self.energy_dropped - self.energy_before
    }

    /// Whether no energy was made or lost: within 1e-6 of it, or of 1 GeV.
    pub fn is_balanced(&self) -> bool {
        self.imbalance().abs() < 1e-6 * self.energy_before.max(1.0)
    }
}

/// The links of an event.
#[derive(Clone, Copy, Debug, Default)]
pub struct Links<'a> {
    /// particles to tracks
    pub to_track: &'a [Link],
    /// particles to clusters, energies
    pub to_cluster: &'a [Link],
    /// particles to hits, energies
    pub to_hit: &'a [Link],
}

/// Links of each particle, strongest first; of equal weights the object with the lower number.
struct ByParticle {
    links: Vec<Link>,
    starts: Vec<usize>,
}

impl ByParticle {
    fn new(links: &[Link], particles: usize, objects: usize) -> Self {
        let is_known = |link: &&Link| (link.particle as usize) < particles && (link.object as usize) < objects;
        let mut links: Vec<Link> = links.iter().filter(is_known).copied().collect();
        links.sort_by(|a, b| {
            a.particle.cmp(&b.particle).then(b.weight.total_cmp(&a.weight)).then(a.object.cmp(&b.object))
        });
        let starts = (0..=particles).map(|p| links.partition_point(|link| (link.particle as usize) < p)).collect();
        Self { links, starts }
    }

    fn of(&self, particle: usize) -> &[Link] {
        let (start, end) = (self.starts.get(particle), self.starts.get(particle + 1));
        start.zip(end).and_then(|(start, end)| self.links.get(*start..*end)).unwrap_or_default()
    }
}

/// Gives each particle an element of its own.
///
/// Particles choose in the order of descending energy: the free track of the strongest link, else the free cluster of
/// the strongest link; a hit is chosen apart from that. A particle that finds neither is merged into the owner of the
/// cluster that it is linked to most, or dropped if that has none.
pub fn assign(particles: &[TrueParticle], links: Links<'_>, objects: Objects) -> Assignment {
    let count = particles.len();
    let to_track = ByParticle::new(links.to_track, count, objects.tracks);
    let to_cluster = ByParticle::new(links.to_cluster, count, objects.clusters);
    let to_hit = ByParticle::new(links.to_hit, count, objects.hits);
    let energy = |index: &usize| particles.get(*index).map_or(0.0, |particle| particle.momentum.energy);
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by(|a, b| energy(b).total_cmp(&energy(a)));

    let mut taken = (vec![false; objects.tracks], vec![None; objects.clusters], vec![false; objects.hits]);
    let mut owners: Vec<Option<Owner>> = vec![None; count];
    for &index in &order {
        let (Some(particle), Some(owner)) = (particles.get(index), owners.get_mut(index)) else { continue };
        let track = take(to_track.of(index), &mut taken.0);
        let free = |link: &&Link| taken.1.get(link.object as usize).is_some_and(Option::is_none);
        let cluster = if track.is_none() { to_cluster.of(index).iter().find(free).map(|l| l.object) } else { None };
        if let Some(slot) = cluster.and_then(|cluster| taken.1.get_mut(cluster as usize)) {
            *slot = Some(index);
        }
        let hit = take(to_hit.of(index), &mut taken.2);
        if track.is_some() || cluster.is_some() {
            *owner = Some(Owner {
                particle: index,
                momentum: particle.momentum,
                pileup: particle.pileup,
                track,
                cluster,
                hit,
                to_track: to_track.of(index).first().map_or(0.0, |link| link.weight),
                to_cluster: to_cluster.of(index).iter().map(|link| link.weight).sum(),
            });
        }
    }
    merge(particles, owners, &to_cluster, &taken.1, links, objects)
}

fn take(links: &[Link], taken: &mut [bool]) -> Option<u32> {
    let found = links.iter().find(|link| taken.get(link.object as usize).is_some_and(|taken| !taken))?;
    if let Some(slot) = taken.get_mut(found.object as usize) {
        *slot = true;
    }
    Some(found.object)
}

fn merge(
    particles: &[TrueParticle],
    mut owners: Vec<Option<Owner>>,
    to_cluster: &ByParticle,
    owner_of_cluster: &[Option<usize>],
    links: Links<'_>,
    objects: Objects,
) -> Assignment {
    let mut result = Assignment {
        energy_before: particles.iter().map(|particle| particle.momentum.energy).sum(),
        ..Assignment::default()
    };
    let mut merged = Vec::new();
    for (index, particle) in particles.iter().enumerate() {
        if owners.get(index).is_some_and(Option::is_some) {
            continue;
        }
        let heaviest = to_cluster.of(index).first();
        let host = heaviest.and_then(|link| owner_of_cluster.get(link.object as usize).copied().flatten());
        match host.and_then(|host| owners.get_mut(host).and_then(Option::as_mut)) {
            Some(owner) => {
                let (own, added) = (owner.momentum.energy, particle.momentum.energy);
                if own + added > 0.0 {
                    owner.pileup = (owner.pileup * own + particle.pileup * added) / (own + added);
                }
                owner.momentum = owner.momentum + particle.momentum;
                merged.push((index, owner.particle));
            }
            None => {
                result.dropped.push(index);
                result.energy_dropped += particle.momentum.energy;
                result.pt_dropped += particle.momentum.pt();
            }
        }
    }
    let mut place = vec![None; particles.len()];
    for owner in owners.into_iter().flatten() {
        if let Some(slot) = place.get_mut(owner.particle) {
            *slot = Some(result.owners.len());
        }
        result.energy_after += owner.momentum.energy;
        result.owners.push(owner);
    }
    let place_of = |particle: usize| place.get(particle).copied().flatten();
    result.merged = merged.into_iter().filter_map(|(index, host)| Some((index, place_of(host)?))).collect();
    result.largest_of_track = largest(links.to_track, objects.tracks, &place_of);
    result.largest_of_cluster = largest(links.to_cluster, objects.clusters, &place_of);
    result.largest_of_hit = largest(links.to_hit, objects.hits, &place_of);
    result
}

/// For each object the owner with the largest weight; of equal ones the first.
fn largest(links: &[Link], objects: usize, place_of: &dyn Fn(usize) -> Option<usize>) -> Vec<Option<usize>> {
    let mut best: Vec<Option<(f64, usize)>> = vec![None; objects];
    for link in links {
        let (Some(place), Some(slot)) = (place_of(link.particle as usize), best.get_mut(link.object as usize)) else {
            continue;
        };
        let is_better = |(weight, owner): (f64, usize)| link.weight > weight || link.weight == weight && place < owner;
        if slot.is_none_or(is_better) {
            *slot = Some((link.weight, place));
        }
    }
    best.into_iter().map(|best| best.map(|(_, place)| place)).collect()
}
