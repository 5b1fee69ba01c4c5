//! From particles to elements with their truth.

use recoil_stage::seed::Seed;

use super::calorimeter::{Cluster, Deposit};
use super::collision::{Collisions, Flying};
use super::detector::{ECAL, FIELD, HCAL, INNERMOST, Track, shower, track};
use crate::data::kinematics::transverse_energy_at_eta;
use crate::data::{Event, Generated, Simulated, SimulationLink};
use crate::truth::assignment::{Assignment, Links, Objects, assign};
use crate::truth::visible::{Seen, Thresholds, is_visible};
use crate::truth::{Link, TrueParticle, targets};

/// Event `number` of the family of `seed`, and what became of its particles.
///
/// Elements are tracks in the order of the particles, then clusters of the electromagnetic, then of the hadronic
/// calorimeter. The true particles are those that left enough (see [`crate::truth::visible`]).
pub fn simulate(collisions: &Collisions, seed: Seed, number: u64) -> (Event, Assignment) {
    let mut rng = seed.indexed(number).rng();
    let flying = collisions.draw(&mut rng);
    let mut tracks = Vec::new();
    let (mut ecal, mut hcal) = (Vec::new(), Vec::new());
    let mut muons = Vec::new();
    for (index, particle) in (0u32..).zip(&flying) {
        tracks.extend(track(&mut rng, index, particle));
        let in_chambers = shower(&mut rng, index, particle, &mut ecal, &mut hcal);
        muons.extend(in_chambers.map(|energy| (index, energy)));
    }
    let clusters = [(ECAL.cluster(&ecal), true), (HCAL.cluster(&hcal), false)];
    let others = other_energies(&clusters[1].0, &muons);

    let mut features = Vec::new();
    tracks.iter().for_each(|track| features.extend(track_features(track)));
    for (list, is_ecal) in &clusters {
        for (index, cluster) in list.iter().enumerate() {
            let other = if *is_ecal { 0.0 } else { others.get(index).copied().unwrap_or(0.0) };
            features.extend(cluster_features(cluster, *is_ecal, other));
        }
    }
    let seen = seen(flying.len(), &tracks, &muons, [&ecal, &hcal]);
    let (to_track, to_cluster) = links(&tracks, &clusters);
    let simulated = flying.iter().zip(&seen).map(|(flying, seen)| simulated(&flying.particle, seen.hit_energy));
    let link = |first: usize| {
        move |link: &Link| SimulationLink {
            particle: link.particle as i32,
            element: (first + link.object as usize) as i32,
            weight: link.weight as f32,
        }
    };
    let all_links = to_track.iter().map(link(0)).chain(to_cluster.iter().map(link(tracks.len())));
    let objects = Objects { tracks: tracks.len(), clusters: clusters.iter().map(|c| c.0.len()).sum(), hits: 0 };
    let mut event = Event {
        number: number as i64,
        features,
        generated: flying.iter().map(|f| generated(&f.particle)).collect(),
        simulated: simulated.collect(),
        links: all_links.collect(),
        ..Event::default()
    };
    let (particles, assignment) = truth(&flying, &seen, to_track, to_cluster, objects);
    event.targets = targets(&particles, &assignment, objects);
    (event, assignment)
}

/// Which particles left how much in tracks and in clusters.
fn links(tracks: &[Track], clusters: &[(Vec<Cluster>, bool); 2]) -> (Vec<Link>, Vec<Link>) {
    let to_track: Vec<Link> =
        tracks.iter().enumerate().map(|(index, track)| Link::new(track.particle as usize, index, 1.0)).collect();
    let mut to_cluster: Vec<Link> = Vec::new();
    for (index, cluster) in clusters.iter().flat_map(|(list, _)| list).enumerate() {
        to_cluster
            .extend(cluster.shares.iter().map(|(particle, energy)| Link::new(*particle as usize, index, *energy)));
    }
    (to_track, to_cluster)
}

/// What each of `count` particles left.
fn seen(count: usize, tracks: &[Track], muons: &[(u32, f64)], deposits: [&[Deposit]; 2]) -> Vec<Seen> {
    let mut seen = vec![Seen::default(); count];
    let energies = deposits.into_iter().flatten().map(|deposit| (deposit.particle, deposit.energy));
    for (particle, energy) in energies.chain(muons.iter().copied()) {
        if let Some(seen) = seen.get_mut(particle as usize) {
            seen.hit_energy += energy;
        }
    }
    for track in tracks {
        if let Some(seen) = seen.get_mut(track.particle as usize) {
            seen.track_weight = 1.0;
        }
    }
    seen
}

/// The visible particles and what became of them: what nobody could see takes no part.
fn truth(
    flying: &[Flying],
    seen: &[Seen],
    to_track: Vec<Link>,
    to_cluster: Vec<Link>,
    objects: Objects,
) -> (Vec<TrueParticle>, Assignment) {
    let thresholds = Thresholds::default();
    let mut place = vec![None; flying.len()];
    let mut particles = Vec::new();
    for ((slot, flying), seen) in place.iter_mut().zip(flying).zip(seen) {
        if is_visible(&flying.particle, *seen, &thresholds) {
            *slot = Some(particles.len() as u32);
            particles.push(flying.particle);
        }
    }
    let visible = |links: Vec<Link>| -> Vec<Link> {
        let renumbered = links.into_iter().filter_map(|link| {
            let particle = place.get(link.particle as usize).copied().flatten()?;
            Some(Link { particle, ..link })
        });
        renumbered.collect()
    };
    let (to_track, to_cluster) = (visible(to_track), visible(to_cluster));
    let assignment = assign(&particles, Links { to_track: &to_track, to_cluster: &to_cluster, to_hit: &[] }, objects);
    (particles, assignment)
}

/// Energy in the muon chambers of each hadronic cluster: that of muons which left most of theirs in it.
fn other_energies(clusters: &[Cluster], muons: &[(u32, f64)]) -> Vec<f64> {
    let mut energies = vec![0.0; clusters.len()];
    for (muon, energy) in muons {
        let share = |cluster: &Cluster| cluster.shares.iter().find(|(particle, _)| particle == muon).map(|(_, e)| *e);
        let shares = clusters.iter().enumerate().filter_map(|(index, cluster)| Some((index, share(cluster)?)));
        let main = shares.max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
        if let Some(sum) = main.and_then(|(index, _)| energies.get_mut(index)) {
            *sum += energy;
        }
    }
    energies
}

fn track_features(track: &Track) -> [f32; 17] {
    let omega = track.charge * 3e-4 * FIELD / track.pt;
    let values = [
        1.0,
        track.pt,
        track.eta,
        track.phi.sin(),
        track.phi.cos(),
        track.pt * track.eta.cosh(),
        track.chi2,
        track.ndf,
        0.0,
        0.0,
        INNERMOST,
        track.eta.sinh(),
        0.0,
        omega,
        track.z0,
        0.0,
        0.0,
    ];
    values.map(|value| value as f32)
}

fn cluster_features(cluster: &Cluster, is_ecal: bool, other: f64) -> [f32; 17] {
    let radius = if is_ecal { ECAL.radius } else { HCAL.radius };
    let (ecal, hcal) = if is_ecal { (cluster.energy, 0.0) } else { (0.0, cluster.energy) };
    let values = [
        2.0,
        transverse_energy_at_eta(cluster.energy, cluster.eta),
        cluster.eta,
        cluster.phi.sin(),
        cluster.phi.cos(),
        cluster.energy,
        radius * cluster.phi.cos(),
        radius * cluster.phi.sin(),
        radius * cluster.eta.sinh(),
        recoil_physics::angle::theta_from_eta(cluster.eta),
        ecal,
        hcal,
        other,
        cluster.cells as f64,
        radius * cluster.sigma_phi,
        radius * cluster.sigma_phi,
        radius * cluster.sigma_eta,
    ];
    values.map(|value| value as f32)
}

fn simulated(particle: &TrueParticle, hit_energy: f64) -> Simulated {
    let p = &particle.momentum;
    Simulated {
        pdg: particle.pdg,
        charge: particle.charge as f32,
        px: p.px as f32,
        py: p.py as f32,
        pz: p.pz as f32,
        energy: p.energy as f32,
        generator_status: particle.generator_status,
        simulator_status: particle.simulator_status,
        pileup: particle.pileup as f32,
        hit_energy: hit_energy as f32,
        ..Simulated::default()
    }
}

fn generated(particle: &TrueParticle) -> Generated {
    let p = &particle.momentum;
    Generated {
        pdg: particle.pdg,
        charge: particle.charge as f32,
        pt: p.pt() as f32,
        eta: p.eta() as f32,
        phi: p.phi() as f32,
        energy: p.energy as f32,
        pileup: particle.pileup as f32,
    }
}
