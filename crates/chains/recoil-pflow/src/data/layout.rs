//! Features of elements: their order, names, units and meanings.

/// One feature of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feature {
    /// name; the table's column is `elem_` and this
    pub name: &'static str,
    /// unit, empty for numbers without one
    pub unit: &'static str,
    /// meaning
    pub doc: &'static str,
}

impl Feature {
    const fn new(name: &'static str, unit: &'static str, doc: &'static str) -> Self {
        Self { name, unit, doc }
    }

    /// Name of the column of a table.
    pub fn column(&self) -> String {
        format!("elem_{}", self.name)
    }
}

/// Index of the type of the element, in every layout.
pub const TYPE: usize = 0;
/// Index of the transverse momentum, in every layout.
pub const PT: usize = 1;
/// Index of the pseudorapidity, in every layout.
pub const ETA: usize = 2;
/// Index of the sine of the azimuth, in every layout.
pub const SIN_PHI: usize = 3;
/// Index of the cosine of the azimuth, in every layout.
pub const COS_PHI: usize = 4;
/// Index of the energy, in every layout.
pub const ENERGY: usize = 5;

/// Indices of features in [`Layout::Clic`] beyond the common ones; tracks and clusters share them.
pub mod clic {
    /// Type of a track.
    pub const TRACK: i32 = 1;
    /// Type of a cluster.
    pub const CLUSTER: i32 = 2;
    /// Of a cluster: energy in the electromagnetic calorimeter.
    pub const ECAL: usize = 10;
    /// Of a cluster: energy in the hadronic calorimeter.
    pub const HCAL: usize = 11;
    /// Of a cluster: energy in other detectors, such as muon chambers.
    pub const OTHER: usize = 12;
    /// Of a track: signed curvature [1/mm].
    pub const OMEGA: usize = 13;
    /// Of a track: longitudinal impact parameter \[mm\].
    pub const Z0: usize = 14;
}

/// Indices of features in [`Layout::Cms`] beyond the common ones.
pub mod cms {
    /// Types of elements with a track: track and GSF track.
    pub const TRACKS: [i32; 2] = [1, 6];
    /// Layer.
    pub const LAYER: usize = 6;
    /// Charge.
    pub const CHARGE: usize = 8;
    /// Pseudorapidity at the ECAL.
    pub const ETA_ECAL: usize = 10;
    /// Azimuth at the ECAL.
    pub const PHI_ECAL: usize = 11;
    /// Pseudorapidity at the HCAL.
    pub const ETA_HCAL: usize = 12;
    /// Azimuth at the HCAL.
    pub const PHI_HCAL: usize = 13;
    /// Hits in drift tubes.
    pub const MUON_DT_HITS: usize = 14;
    /// Hits in cathode strip chambers.
    pub const MUON_CSC_HITS: usize = 15;
    /// Vertex along the beam \[cm\].
    pub const VZ: usize = 34;
}

/// Indices of features in [`Layout::Hits`] beyond the common ones.
pub mod hits {
    /// Type of a hit of a tracker.
    pub const TRACKER: i32 = 1;
    /// Type of a hit of a calorimeter or a muon chamber.
    pub const CALORIMETER: i32 = 2;
    /// Detector: 0 electromagnetic, 1 hadronic calorimeter, 2 other, 3 tracker.
    pub const DETECTOR: usize = 10;
}

/// Indices of features in [`Layout::Delphes`] beyond the common ones; towers and tracks share them.
pub mod delphes {
    /// Type of a tower.
    pub const TOWER: i32 = 1;
    /// Type of a track.
    pub const TRACK: i32 = 2;
    /// Of a tower: energy in the electromagnetic calorimeter. Of a track: pseudorapidity where it leaves the tracker.
    pub const EM_OR_ETA: usize = 6;
    /// Of a tower: energy in the hadronic calorimeter. Of a track: sine of the azimuth where it leaves the tracker.
    pub const HAD_OR_SIN_PHI: usize = 7;
    /// Of a track: cosine of that azimuth.
    pub const COS_PHI: usize = 8;
    /// Of a track: charge.
    pub const CHARGE: usize = 9;
}

/// Which features elements have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Tracks and clusters of e+e- detectors: 17 features, most of them shared by both.
    Clic,
    /// Elements of CMS: 55 features.
    Cms,
    /// Single hits of e+e- detectors: 12 features.
    Hits,
    /// Towers and tracks of Delphes: 12 features.
    Delphes,
}

impl Layout {
    /// All layouts.
    pub const ALL: [Self; 4] = [Self::Clic, Self::Cms, Self::Hits, Self::Delphes];

    /// Name, for messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Clic => "tracks and clusters",
            Self::Cms => "elements of CMS",
            Self::Hits => "hits",
            Self::Delphes => "towers and tracks of Delphes",
        }
    }

    /// The features in the order of networks.
    pub fn features(self) -> &'static [Feature] {
        match self {
            Self::Clic => CLIC,
            Self::Cms => CMS,
            Self::Hits => HITS,
            Self::Delphes => DELPHES,
        }
    }

    /// The classes of particles, in the order of their index.
    pub fn classes(self) -> &'static [i32] {
        match self {
            Self::Clic | Self::Hits | Self::Delphes => super::classes::CLIC,
            Self::Cms => super::classes::CMS,
        }
    }

    /// Types of elements, padding left out.
    pub fn types(self) -> &'static [i32] {
        match self {
            Self::Clic | Self::Hits | Self::Delphes => &[1, 2],
            Self::Cms => &[1, 4, 5, 6, 8, 9, 10, 11],
        }
    }

    /// Whether elements of this type have a track.
    pub fn is_track(self, kind: i32) -> bool {
        match self {
            Self::Clic => kind == clic::TRACK,
            Self::Cms => cms::TRACKS.contains(&kind),
            Self::Hits => false,
            Self::Delphes => kind == delphes::TRACK,
        }
    }
}

const CLIC: &[Feature] = &[
    Feature::new("type", "", "1 track, 2 cluster; 0 padding"),
    Feature::new("pt", "GeV", "transverse momentum of a track, transverse energy of a cluster"),
    Feature::new("eta", "", "pseudorapidity"),
    Feature::new("sin_phi", "", "sine of the azimuth"),
    Feature::new("cos_phi", "", "cosine of the azimuth"),
    Feature::new("energy", "GeV", "momentum of a track, energy of a cluster"),
    Feature::new("chi2_or_x", "1 or mm", "track: chi square of the fit; cluster: x"),
    Feature::new("ndf_or_y", "1 or mm", "track: degrees of freedom of the fit; cluster: y"),
    Feature::new("dedx_or_z", "GeV/mm or mm", "track: energy loss; cluster: z"),
    Feature::new("dedx_error_or_theta", "GeV/mm or rad", "track: error of the energy loss; cluster: polar angle"),
    Feature::new(
        "radius_or_ecal",
        "mm or GeV",
        "track: transverse distance of the innermost hit; cluster: energy in the electromagnetic calorimeter",
    ),
    Feature::new(
        "tan_lambda_or_hcal",
        "1 or GeV",
        "track: tangent of the dip angle; cluster: energy in the hadronic calorimeter",
    ),
    Feature::new(
        "d0_or_other",
        "mm or GeV",
        "track: transverse impact parameter; cluster: energy in muon chambers and other detectors",
    ),
    Feature::new("omega_or_hits", "1/mm or 1", "track: signed curvature; cluster: number of hits"),
    Feature::new("z0_or_sigma_x", "mm", "track: longitudinal impact parameter; cluster: spread in x"),
    Feature::new("time_or_sigma_y", "ns or mm", "track: time; cluster: spread in y"),
    Feature::new("sigma_z", "mm", "cluster: spread in z"),
];

const HITS: &[Feature] = &[
    Feature::new("type", "", "1 hit of a tracker, 2 hit of a calorimeter or a muon chamber; 0 padding"),
    Feature::new("pt", "GeV", "transverse energy, as seen from the origin"),
    Feature::new("eta", "", "pseudorapidity"),
    Feature::new("sin_phi", "", "sine of the azimuth"),
    Feature::new("cos_phi", "", "cosine of the azimuth"),
    Feature::new("energy", "GeV", "energy"),
    Feature::new("hit_x", "mm", "position, x"),
    Feature::new("hit_y", "mm", "position, y"),
    Feature::new("hit_z", "mm", "position, z"),
    Feature::new("hit_time", "ns", "time"),
    Feature::new("detector", "", "0 electromagnetic calorimeter, 1 hadronic calorimeter, 2 other, 3 tracker"),
    Feature::new("hit_type", "", "type of the hit in its file"),
];

const DELPHES: &[Feature] = &[
    Feature::new("type", "", "1 tower, 2 track; 0 padding"),
    Feature::new("pt", "GeV", "transverse energy of a tower, transverse momentum of a track"),
    Feature::new("eta", "", "pseudorapidity"),
    Feature::new("sin_phi", "", "sine of the azimuth"),
    Feature::new("cos_phi", "", "cosine of the azimuth"),
    Feature::new("energy", "GeV", "energy of a tower, momentum of a track"),
    Feature::new(
        "em_or_eta_outer",
        "GeV or 1",
        "tower: energy in the electromagnetic calorimeter; track: pseudorapidity at the end of the tracker",
    ),
    Feature::new(
        "had_or_sin_phi_outer",
        "GeV or 1",
        "tower: energy in the hadronic calorimeter; track: sine of the azimuth at the end of the tracker",
    ),
    Feature::new("cos_phi_outer", "", "track: cosine of the azimuth at the end of the tracker"),
    Feature::new("charge", "e", "track: charge"),
    Feature::new("is_gen_muon", "", "track: 1 if a generated muon left it"),
    Feature::new("is_gen_electron", "", "track: 1 if a generated electron left it"),
];

const CMS: &[Feature] = &[
    Feature::new(
        "type",
        "",
        "1 track, 4 ECAL, 5 HCAL, 6 GSF track, 8 forward electromagnetic, 9 forward hadronic, 10 supercluster, 11 outer hadronic; 0 padding",
    ),
    Feature::new("pt", "GeV", "transverse momentum"),
    Feature::new("eta", "", "pseudorapidity"),
    Feature::new("sin_phi", "", "sine of the azimuth"),
    Feature::new("cos_phi", "", "cosine of the azimuth"),
    Feature::new("energy", "GeV", "energy"),
    Feature::new("layer", "", "layer of the calorimeter"),
    Feature::new("depth", "", "depth in the calorimeter"),
    Feature::new("charge", "e", "charge"),
    Feature::new("trajpoint", "", "point of the trajectory"),
    Feature::new("eta_ecal", "", "pseudorapidity at the ECAL"),
    Feature::new("phi_ecal", "rad", "azimuth at the ECAL"),
    Feature::new("eta_hcal", "", "pseudorapidity at the HCAL"),
    Feature::new("phi_hcal", "rad", "azimuth at the HCAL"),
    Feature::new("muon_dt_hits", "", "hits in drift tubes"),
    Feature::new("muon_csc_hits", "", "hits in cathode strip chambers"),
    Feature::new("muon_type", "", "kind of muon"),
    Feature::new("px", "GeV", "momentum along x"),
    Feature::new("py", "GeV", "momentum along y"),
    Feature::new("pz", "GeV", "momentum along z"),
    Feature::new("deltap", "GeV", "change of the momentum"),
    Feature::new("sigmadeltap", "GeV", "error of that change"),
    Feature::new("gsf_electronseed_trkorecal", "", "seed of the electron: track or ECAL"),
    Feature::new("gsf_electronseed_dnn1", "", "output 1 of the network for electron seeds"),
    Feature::new("gsf_electronseed_dnn2", "", "output 2 of the network for electron seeds"),
    Feature::new("gsf_electronseed_dnn3", "", "output 3 of the network for electron seeds"),
    Feature::new("gsf_electronseed_dnn4", "", "output 4 of the network for electron seeds"),
    Feature::new("gsf_electronseed_dnn5", "", "output 5 of the network for electron seeds"),
    Feature::new("num_hits", "", "number of hits"),
    Feature::new("cluster_flags", "", "flags of the cluster"),
    Feature::new("corr_energy", "GeV", "corrected energy"),
    Feature::new("corr_energy_err", "GeV", "error of the corrected energy"),
    Feature::new("vx", "cm", "vertex, x"),
    Feature::new("vy", "cm", "vertex, y"),
    Feature::new("vz", "cm", "vertex, z"),
    Feature::new("pterror", "GeV", "error of the transverse momentum"),
    Feature::new("etaerror", "", "error of the pseudorapidity"),
    Feature::new("phierror", "rad", "error of the azimuth"),
    Feature::new("lambda", "rad", "dip angle"),
    Feature::new("lambdaerror", "rad", "error of the dip angle"),
    Feature::new("theta", "rad", "polar angle"),
    Feature::new("thetaerror", "rad", "error of the polar angle"),
    Feature::new("time", "ns", "time"),
    Feature::new("timeerror", "ns", "error of the time"),
    Feature::new("etaerror1", "", "error of the pseudorapidity at point 1"),
    Feature::new("etaerror2", "", "error of the pseudorapidity at point 2"),
    Feature::new("etaerror3", "", "error of the pseudorapidity at point 3"),
    Feature::new("etaerror4", "", "error of the pseudorapidity at point 4"),
    Feature::new("phierror1", "rad", "error of the azimuth at point 1"),
    Feature::new("phierror2", "rad", "error of the azimuth at point 2"),
    Feature::new("phierror3", "rad", "error of the azimuth at point 3"),
    Feature::new("phierror4", "rad", "error of the azimuth at point 4"),
    Feature::new("sigma_x", "cm", "spread in x"),
    Feature::new("sigma_y", "cm", "spread in y"),
    Feature::new("sigma_z", "cm", "spread in z"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_one_to_five_are_the_same_everywhere() {
        for layout in Layout::ALL {
            let names: Vec<&str> = layout.features().iter().take(6).map(|feature| feature.name).collect();
            assert_eq!(names, ["type", "pt", "eta", "sin_phi", "cos_phi", "energy"]);
            let mut all: Vec<&str> = layout.features().iter().map(|feature| feature.name).collect();
            all.sort_unstable();
            all.dedup();
            assert_eq!(all.len(), layout.features().len());
        }
        assert_eq!(Layout::ALL.map(|layout| layout.features().len()), [17, 55, 12, 12]);
    }
}
