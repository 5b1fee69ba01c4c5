//! Rule-based particle flow: link, tell electrons and muons, subtract tracks, turn the excess into neutral particles.

use recoil_physics::momentum::FourMomentum;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::grid::Grid;
use super::view::{Cluster, Geometry, Track, View};
use crate::data::{Event, Layout, Particle};

/// Distances up to which a track and a cluster belong together, in pseudorapidity and azimuth.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LinkRules {
    /// Track and cluster of the electromagnetic calorimeter.
    pub track_ecal: f64,
    /// Track and cluster of the hadronic calorimeter.
    pub track_hcal: f64,
}

/// When a track is a muon.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MuonRules {
    /// Least momentum \[GeV\].
    pub min_p: f64,
    /// Most energy of the hadronic cluster: constant part \[GeV\].
    pub hcal_constant: f64,
    /// Most energy of the hadronic cluster: part of the momentum.
    pub hcal_share: f64,
    /// Energy that a muon leaves in the electromagnetic cluster \[GeV\].
    pub ecal_deposit: f64,
    /// Energy that a muon leaves in the hadronic cluster \[GeV\].
    pub hcal_deposit: f64,
}

/// When a track is an electron.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ElectronRules {
    /// Least momentum \[GeV\].
    pub min_p: f64,
    /// Least ratio of the electromagnetic energy to the momentum.
    pub min_ratio: f64,
    /// Greatest ratio of the electromagnetic energy to the momentum.
    pub max_ratio: f64,
    /// Greatest ratio of the hadronic energy to the momentum.
    pub max_hcal: f64,
}

/// When what is left of a cluster is a neutral particle.
///
/// The remainder has to exceed the threshold, and, if tracks were subtracted, `sigmas` times the resolution
/// `sqrt(stochastic^2 E + constant^2 E^2)` for the energy E of the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NeutralRules {
    /// Least energy \[GeV\].
    pub threshold: f64,
    /// How many resolutions the excess has to be.
    pub sigmas: f64,
    /// Resolution: part per square root of the energy [sqrt(GeV)].
    pub stochastic: f64,
    /// Resolution: constant part.
    pub constant: f64,
}

/// All rules of the rule-based particle flow.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FlowRules {
    /// The solenoid.
    pub geometry: Geometry,
    /// Distances of links.
    pub links: LinkRules,
    /// Muons.
    pub muon: MuonRules,
    /// Electrons.
    pub electron: ElectronRules,
    /// Photons, from the electromagnetic calorimeter.
    pub photon: NeutralRules,
    /// Neutral hadrons, from the hadronic calorimeter.
    pub neutral_hadron: NeutralRules,
    /// Momenta of tracks.
    pub subtraction: Subtraction,
}

/// What happens with the energy of charged particles in clusters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Subtraction {
    /// The momentum of the tracks is subtracted.
    #[default]
    Tracks,
    /// The clusters have been cleared of it already.
    Done,
}

impl Default for LinkRules {
    fn default() -> Self {
        Self { track_ecal: 0.06, track_hcal: 0.15 }
    }
}

impl Default for MuonRules {
    fn default() -> Self {
        Self { min_p: 2.5, hcal_constant: 5.0, hcal_share: 0.3, ecal_deposit: 0.4, hcal_deposit: 2.0 }
    }
}

impl Default for ElectronRules {
    fn default() -> Self {
        Self { min_p: 1.0, min_ratio: 0.85, max_ratio: 1.15, max_hcal: 0.1 }
    }
}

impl Default for FlowRules {
    fn default() -> Self {
        Self {
            geometry: Geometry::default(),
            links: LinkRules::default(),
            muon: MuonRules::default(),
            electron: ElectronRules::default(),
            photon: NeutralRules { threshold: 0.4, sigmas: 1.0, stochastic: 0.5, constant: 0.0 },
            neutral_hadron: NeutralRules { threshold: 1.0, sigmas: 0.95, stochastic: 1.0, constant: 0.05 },
            subtraction: Subtraction::Tracks,
        }
    }
}

impl NeutralRules {
    /// Whether what is left of a cluster of this energy is a particle.
    fn accepts(&self, left: f64, energy: f64, is_shared: bool) -> bool {
        let resolution = (self.stochastic * energy.sqrt()).hypot(self.constant * energy);
        let least = if is_shared { self.threshold.max(self.sigmas * resolution) } else { self.threshold };
        left > least
    }
}

/// What tracks took of a cluster.
#[derive(Clone, Copy, Debug, Default)]
struct Taken {
    energy: f64,
    is_shared: bool,
}

/// The candidates of an event, one per element.
///
/// Each track is linked to the nearest cluster of either calorimeter around the place where it arrives. Its momentum is
/// subtracted from the electromagnetic cluster; what exceeds the energy of that cluster, from the hadronic one.
pub fn reconstruct(event: &Event, layout: Layout, rules: &FlowRules) -> Vec<Particle> {
    let view = View::of(event, layout, &rules.geometry);
    let mut candidates = vec![Particle::default(); event.elements(layout)];
    let grid = |clusters: &[Cluster], reach: f64| {
        Grid::new(&clusters.iter().map(|cluster| (cluster.eta, cluster.phi)).collect::<Vec<_>>(), reach)
    };
    let ecal = grid(&view.ecal, rules.links.track_ecal);
    let hcal = grid(&view.hcal, rules.links.track_hcal);
    let mut taken = (vec![Taken::default(); view.ecal.len()], vec![Taken::default(); view.hcal.len()]);
    for track in &view.tracks {
        let near = |grid: &Grid, at: Option<(f64, f64)>, distance: f64| {
            at.and_then(|(eta, phi)| grid.nearest(eta, phi, distance)).map(|(place, _)| place as usize)
        };
        let in_ecal = near(&ecal, track.at_ecal, rules.links.track_ecal);
        let in_hcal = near(&hcal, track.at_hcal, rules.links.track_hcal);
        let of = |clusters: &[Cluster], place: Option<usize>| place.and_then(|p| clusters.get(p).copied());
        let (ecal, hcal) = (of(&view.ecal, in_ecal), of(&view.hcal, in_hcal));
        let class = rules.class_of_track(track, ecal, hcal);
        let (from_ecal, from_hcal) = match class {
            13 => (rules.muon.ecal_deposit, rules.muon.hcal_deposit),
            11 => (track.p, 0.0),
            _ => (track.p, (track.p - ecal.map_or(0.0, |cluster| cluster.energy)).max(0.0)),
        };
        if rules.subtraction == Subtraction::Tracks {
            for (list, place, energy) in [(&mut taken.0, in_ecal, from_ecal), (&mut taken.1, in_hcal, from_hcal)] {
                if let Some(taken) = place.and_then(|place| list.get_mut(place)) {
                    taken.energy += energy;
                    taken.is_shared |= class != 13 && energy > 0.0;
                }
            }
        }
        if let Some(candidate) = candidates.get_mut(track.element) {
            *candidate = charged(track, class);
        }
    }
    let neutral = |clusters: &[Cluster], taken: &[Taken], rules: &NeutralRules, candidates: &mut [Particle]| {
        for (cluster, taken) in clusters.iter().zip(taken) {
            let left = cluster.energy - taken.energy;
            if let Some(candidate) = candidates.get_mut(cluster.element)
                && rules.accepts(left, cluster.energy, taken.is_shared)
            {
                *candidate = of_cluster(cluster, left);
            }
        }
    };
    neutral(&view.ecal, &taken.0, &rules.photon, &mut candidates);
    neutral(&view.hcal, &taken.1, &rules.neutral_hadron, &mut candidates);
    for cluster in &view.forward {
        let rules = if cluster.class == 2 { &rules.photon } else { &rules.neutral_hadron };
        if let Some(candidate) = candidates.get_mut(cluster.element)
            && rules.accepts(cluster.energy, cluster.energy, false)
        {
            *candidate = of_cluster(cluster, cluster.energy);
        }
    }
    candidates
}

impl FlowRules {
    fn class_of_track(&self, track: &Track, ecal: Option<Cluster>, hcal: Option<Cluster>) -> i32 {
        let (ecal_energy, hcal_energy) = (ecal.map_or(0.0, |c| c.energy), hcal.map_or(0.0, |c| c.energy));
        let p = track.p;
        let in_chambers = track.muon_hits || hcal.is_some_and(|cluster| cluster.muon_energy > 0.0);
        if in_chambers && p > self.muon.min_p && hcal_energy < self.muon.hcal_constant + self.muon.hcal_share * p {
            return 13;
        }
        let ratio = ecal_energy / p;
        let is_electromagnetic = ecal.is_some()
            && (self.electron.min_ratio..self.electron.max_ratio).contains(&ratio)
            && ratio != self.electron.min_ratio
            && hcal_energy < self.electron.max_hcal * p
            && p > self.electron.min_p;
        if track.is_gsf || is_electromagnetic { 11 } else { 211 }
    }
}

/// Mass of a charged particle of this class \[GeV\].
pub(crate) fn charged_mass(class: i32) -> f64 {
    match class {
        11 => 0.000_511,
        13 => 0.105_658,
        _ => 0.139_57,
    }
}

fn charged(track: &Track, class: i32) -> Particle {
    let mass = charged_mass(class);
    let (sin_phi, cos_phi) = track.sin_cos_phi;
    Particle {
        pdg: class,
        charge: track.charge as f32,
        pt: track.pt as f32,
        eta: track.eta as f32,
        sin_phi,
        cos_phi,
        energy: track.p.hypot(mass) as f32,
    }
}

fn of_cluster(cluster: &Cluster, energy: f64) -> Particle {
    let pt = energy / cluster.eta.cosh();
    let momentum = FourMomentum::from_pt_eta_phi_energy(pt, cluster.eta, cluster.phi, energy);
    Particle::of(cluster.class, 0.0, &momentum)
}
