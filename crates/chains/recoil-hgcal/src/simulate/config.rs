//! What to generate.

use crate::error::{HgcalError, Result};
use crate::geometry::GeometryConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Kind of generated particle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Particle {
    /// Photon (PDG code 22).
    #[default]
    Photon,
    /// Electron (PDG code 11).
    Electron,
    /// Charged pion (PDG code 211). Needs `geometry.depth: all` to be contained.
    Pion,
}

impl Particle {
    /// PDG code.
    pub fn pdg(self) -> i32 {
        match self {
            Self::Photon => 22,
            Self::Electron => 11,
            Self::Pion => 211,
        }
    }
}

/// Which endcaps are filled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Endcaps {
    /// The one at positive z.
    #[default]
    Positive,
    /// The one at negative z.
    Negative,
    /// Both.
    Both,
}

impl Endcaps {
    /// The signs of z, positive first.
    pub fn signs(self) -> &'static [i32] {
        match self {
            Self::Positive => &[1],
            Self::Negative => &[-1],
            Self::Both => &[1, -1],
        }
    }
}

/// Range of a uniform distribution.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// Lower end.
    pub min: f64,
    /// Upper end.
    pub max: f64,
}

/// Configuration of the generator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SimulationConfig {
    /// Kind of the generated particles.
    pub particle: Particle,
    /// Number of generated particles per endcap and event.
    pub particles_per_endcap: u32,
    /// Which endcaps are filled: `positive`, `negative` or `both`.
    pub endcaps: Endcaps,
    /// Transverse momentum of the particles, flat \[GeV\].
    pub pt_gev: Interval,
    /// |eta| of the particles, flat.
    pub eta: Interval,
    /// Mean number of proton-proton interactions per crossing: 0 adds electronic noise only, 200 is the HL-LHC.
    pub pileup: u32,
    /// Cells at or below this transverse energy are not written \[mipT\].
    pub mip_threshold: f64,
    /// Extent of the detector.
    pub geometry: GeometryConfig,
    /// Shower model.
    pub shower: ShowerConfig,
    /// Noise and pile-up model.
    pub background: BackgroundConfig,
}

impl Default for SimulationConfig {
    fn default() -> Self {
        Self {
            particle: Particle::Photon,
            particles_per_endcap: 1,
            endcaps: Endcaps::Positive,
            pt_gev: Interval { min: 1.0, max: 100.0 },
            eta: Interval { min: 1.7, max: 2.8 },
            pileup: 0,
            mip_threshold: 0.5,
            geometry: GeometryConfig::default(),
            shower: ShowerConfig::default(),
            background: BackgroundConfig::default(),
        }
    }
}

/// Parameters of the shower model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ShowerConfig {
    /// Stochastic term of the electromagnetic energy resolution \[sqrt(GeV)\]: a shower is made of spots of its square.
    pub em_stochastic: f64,
    /// Stochastic term of the hadronic part of pion showers \[sqrt(GeV)\].
    pub hadronic_stochastic: f64,
    /// Response to the hadronic part of a shower relative to the electromagnetic part.
    pub h_over_e: f64,
    /// Standard deviation of the electromagnetic fraction of a pion shower about its mean.
    pub em_fraction_spread: f64,
}

impl Default for ShowerConfig {
    fn default() -> Self {
        Self { em_stochastic: 0.214, hadronic_stochastic: 0.6, h_over_e: 0.85, em_fraction_spread: 0.12 }
    }
}

/// Noise and pile-up: cells that fire beside the generated particles. Numbers are per endcap and event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BackgroundConfig {
    /// Mean number of noise cells without pile-up.
    pub noise_cells: f64,
    /// Mean of the exponential above the threshold for noise cells \[mipT\].
    pub noise_mipt: f64,
    /// Mean number of CE-E cells that 200 interactions fire.
    pub cells_at_200: f64,
    /// The same for CE-H, as a fraction of the CE-E number (0.078 in full simulation of top pairs).
    pub ceh_fraction: f64,
    /// Mean of the exponential above the threshold for pile-up cells \[mipT\].
    pub cell_mipt: f64,
    /// Fraction of pile-up cells with a harder tail.
    pub tail_fraction: f64,
    /// Mean of the exponential that is added in the tail \[mipT\].
    pub tail_mipt: f64,
    /// Mean number of soft photons that 200 interactions add.
    pub photons_at_200: f64,
    /// Smallest transverse momentum of a soft photon \[GeV\].
    pub photon_min_pt_gev: f64,
    /// Mean of the exponential that is added to it \[GeV\].
    pub photon_mean_pt_gev: f64,
}

impl Default for BackgroundConfig {
    fn default() -> Self {
        Self {
            noise_cells: 110.0,
            noise_mipt: 0.15,
            cells_at_200: 19_500.0,
            ceh_fraction: 0.078,
            cell_mipt: 0.9,
            tail_fraction: 0.03,
            tail_mipt: 5.0,
            photons_at_200: 20.0,
            photon_min_pt_gev: 1.0,
            photon_mean_pt_gev: 1.5,
        }
    }
}

impl SimulationConfig {
    /// Checks that every value is usable.
    ///
    /// # Errors
    /// [`HgcalError::Config`] names the first value that is not.
    pub fn check(&self) -> Result<()> {
        let (background, shower, geometry) = (&self.background, &self.shower, &self.geometry);
        let ranges = [
            ("pt_gev", self.pt_gev.min, self.pt_gev.max, 0.0, 1e4),
            ("eta", self.eta.min, self.eta.max, 1.0, 4.0),
            ("geometry.eta_min", geometry.eta_min, geometry.eta_max, 1.3, 3.5),
        ];
        for (key, low, high, floor, ceiling) in ranges {
            if !(low >= floor && high <= ceiling && low <= high && high > 0.0) {
                return Err(HgcalError::Config {
                    key,
                    reason: format!("{low}..{high} is not inside {floor}..{ceiling}"),
                });
            }
        }
        let values = [
            ("mip_threshold", self.mip_threshold, 0.0, 1e3),
            ("pileup", f64::from(self.pileup), 0.0, 1000.0),
            ("particles_per_endcap", f64::from(self.particles_per_endcap), 0.0, 1000.0),
            ("geometry.inner_radius_cm", geometry.inner_radius_cm, 1.0, 300.0),
            ("geometry.outer_radius_cm", geometry.outer_radius_cm, 1.0, 300.0),
            ("geometry.max_wafer_index", f64::from(geometry.max_wafer_index), 1.0, 16.0),
            ("shower.em_stochastic", shower.em_stochastic, 0.05, 5.0),
            ("shower.hadronic_stochastic", shower.hadronic_stochastic, 0.05, 5.0),
            ("shower.h_over_e", shower.h_over_e, 0.0, 2.0),
            ("shower.em_fraction_spread", shower.em_fraction_spread, 0.0, 1.0),
            ("background.noise_cells", background.noise_cells, 0.0, 2e4),
            ("background.noise_mipt", background.noise_mipt, 0.0, 1e3),
            ("background.cells_at_200", background.cells_at_200, 0.0, 4e4),
            ("background.ceh_fraction", background.ceh_fraction, 0.0, 1.0),
            ("background.cell_mipt", background.cell_mipt, 0.0, 1e3),
            ("background.tail_fraction", background.tail_fraction, 0.0, 1.0),
            ("background.tail_mipt", background.tail_mipt, 0.0, 1e3),
            ("background.photons_at_200", background.photons_at_200, 0.0, 1e4),
            ("background.photon_min_pt_gev", background.photon_min_pt_gev, 0.0, 1e3),
            ("background.photon_mean_pt_gev", background.photon_mean_pt_gev, 0.0, 1e3),
        ];
        for (key, value, floor, ceiling) in values {
            if !(value >= floor && value <= ceiling) {
                return Err(HgcalError::Config { key, reason: format!("{value} is not inside {floor}..{ceiling}") });
            }
        }
        Ok(())
    }
}
