//! Elements as tracks and clusters, whatever the detector.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::data::kinematics::turn;
use crate::data::layout::{clic, cms, delphes, hits};
use crate::data::{Event, Layout};

/// The solenoid and the places where tracks meet calorimeters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Geometry {
    /// Field of the solenoid \[T\].
    pub field_tesla: f64,
    /// Radius at which the azimuth of tracks is compared with clusters \[m\].
    pub radius_m: f64,
}

impl Default for Geometry {
    fn default() -> Self {
        use crate::simulate::detector;
        Self { field_tesla: detector::FIELD, radius_m: detector::TRACKER_RADIUS }
    }
}

/// A track.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Track {
    /// place among the elements
    pub element: usize,
    /// transverse momentum \[GeV\]
    pub pt: f64,
    /// momentum \[GeV\]
    pub p: f64,
    /// direction at the beam
    pub eta: f64,
    /// sine and cosine of the azimuth at the beam, as measured
    pub sin_cos_phi: (f32, f32),
    /// charge
    pub charge: f64,
    /// direction at the electromagnetic calorimeter, if it reaches it
    pub at_ecal: Option<(f64, f64)>,
    /// direction at the hadronic calorimeter
    pub at_hcal: Option<(f64, f64)>,
    /// whether it has hits in muon chambers of its own
    pub muon_hits: bool,
    /// whether an electron fit made it
    pub is_gsf: bool,
    /// distance along the beam to the collision \[mm\]
    pub z0: f64,
}

/// A cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cluster {
    /// place among the elements
    pub element: usize,
    /// energy \[GeV\]
    pub energy: f64,
    /// pseudorapidity
    pub eta: f64,
    /// azimuth
    pub phi: f64,
    /// energy in muon chambers behind it \[GeV\]
    pub muon_energy: f64,
    /// class of the candidate that it gives
    pub class: i32,
}

/// The elements of an event by what they are.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    /// tracks
    pub tracks: Vec<Track>,
    /// clusters of the electromagnetic calorimeter
    pub ecal: Vec<Cluster>,
    /// clusters of the hadronic calorimeter
    pub hcal: Vec<Cluster>,
    /// clusters of forward calorimeters, where there are no tracks
    pub forward: Vec<Cluster>,
}

impl View {
    /// Sorts the elements. A cluster or tower with energy in both calorimeters belongs where it has more. Superclusters and
    /// outer hadronic clusters of CMS repeat the energy of others and are left out, as are hits of trackers.
    pub fn of(event: &Event, layout: Layout, geometry: &Geometry) -> Self {
        let mut view = Self::default();
        for (element, row) in event.rows(layout).enumerate() {
            let (eta, phi) = (row.eta(), row.phi());
            let sin_cos_phi =
                (row.at(crate::data::layout::SIN_PHI) as f32, row.at(crate::data::layout::COS_PHI) as f32);
            let track = Track { element, pt: row.pt(), p: row.energy(), eta, sin_cos_phi, ..Track::default() };
            let cluster = Cluster { element, energy: row.energy(), eta, phi, ..Cluster::default() };
            match (layout, row.kind()) {
                (Layout::Clic, clic::TRACK) => {
                    let charge = row.at(clic::OMEGA).signum();
                    let turn = turn(row.pt(), geometry.field_tesla, geometry.radius_m);
                    let at = turn.map(|turn| (eta, phi - charge * turn));
                    view.tracks.push(Track { charge, at_ecal: at, at_hcal: at, z0: row.at(clic::Z0), ..track });
                }
                (Layout::Clic, clic::CLUSTER) => {
                    let (ecal, hcal, other) = (row.at(clic::ECAL), row.at(clic::HCAL), row.at(clic::OTHER));
                    if ecal > 0.0 && ecal >= hcal {
                        view.ecal.push(Cluster { class: 22, ..cluster });
                    } else {
                        view.hcal.push(Cluster { muon_energy: other, class: 130, ..cluster });
                    }
                }
                (Layout::Cms, kind @ (1 | 6)) => {
                    let at = |eta: usize, phi: usize| {
                        Some((row.at(eta), row.at(phi))).filter(|(eta, phi)| *eta != 0.0 || *phi != 0.0)
                    };
                    view.tracks.push(Track {
                        charge: row.at(cms::CHARGE),
                        at_ecal: at(cms::ETA_ECAL, cms::PHI_ECAL),
                        at_hcal: at(cms::ETA_HCAL, cms::PHI_HCAL),
                        muon_hits: row.at(cms::MUON_DT_HITS) + row.at(cms::MUON_CSC_HITS) > 0.0,
                        is_gsf: kind == 6,
                        z0: row.at(cms::VZ) * 10.0,
                        ..track
                    });
                }
                (Layout::Cms, 4) => view.ecal.push(Cluster { class: 22, ..cluster }),
                (Layout::Cms, 5) => view.hcal.push(Cluster { class: 130, ..cluster }),
                (Layout::Cms, 8) => view.forward.push(Cluster { class: 2, ..cluster }),
                (Layout::Cms, 9) => view.forward.push(Cluster { class: 1, ..cluster }),
                (Layout::Delphes, delphes::TRACK) => {
                    let (sine, cosine) = (row.at(delphes::HAD_OR_SIN_PHI), row.at(delphes::COS_PHI));
                    let at = Some((row.at(delphes::EM_OR_ETA), sine.atan2(cosine)));
                    view.tracks.push(Track { charge: row.at(delphes::CHARGE), at_ecal: at, at_hcal: at, ..track });
                }
                (Layout::Delphes, delphes::TOWER) => {
                    if row.at(delphes::EM_OR_ETA) >= row.at(delphes::HAD_OR_SIN_PHI) {
                        view.ecal.push(Cluster { class: 22, ..cluster });
                    } else {
                        view.hcal.push(Cluster { class: 130, ..cluster });
                    }
                }
                (Layout::Hits, hits::CALORIMETER) => match row.at(hits::DETECTOR) as i32 {
                    0 => view.ecal.push(Cluster { class: 22, ..cluster }),
                    _ => view.hcal.push(Cluster { class: 130, ..cluster }),
                },
                _ => {}
            }
        }
        view
    }
}
