//! Configuration of the responses: selection of events, cuts, bins; the sensitivity shares parts of it.

use recoil_stage::{Config, Problem};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::irf::binning::{bins_per_decade, logarithmic};
use crate::production::RunConfig;
use crate::reconstruct::settings::{Filters, Range};

/// Selection of events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EventSelector {
    /// Ranges of columns that an event must keep, both ends included.
    pub filters: Filters,
    /// Columns that must be finite numbers.
    pub finite_params: Vec<String>,
}

impl Default for EventSelector {
    fn default() -> Self {
        let range = |name: &str, low: f64, high: f64| (name.to_owned(), Range { low, high });
        Self {
            filters: Filters::from([
                range("r", 0.0, 1.0),
                range("wl", 0.01, 1.0),
                range("leakage_intensity_width_2", 0.0, 1.0),
                range("event_type", 32.0, 32.0),
            ]),
            finite_params: ["intensity", "length", "width"].map(str::to_owned).to_vec(),
        }
    }
}

/// Cuts on gammaness and on the distance from the source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Dl3Cuts {
    /// Events that a bin needs for a cut of its own.
    pub min_event_p_en_bin: usize,
    /// Cut on gammaness at all energies.
    pub global_gh_cut: f64,
    /// Share of the gammas that cuts on gammaness keep in each bin.
    pub gh_efficiency: f64,
    /// Least cut on gammaness.
    pub min_gh_cut: f64,
    /// Greatest cut on gammaness.
    pub max_gh_cut: f64,
    /// Least cut on theta \[deg\].
    pub min_theta_cut: f64,
    /// Greatest cut on theta \[deg\].
    pub max_theta_cut: f64,
    /// Cut on theta \[deg\] of bins with too few events.
    pub fill_theta_cut: f64,
    /// Share of the gammas that cuts on theta keep in each bin.
    pub theta_containment: f64,
    /// Cut on theta \[deg\] at all energies.
    pub global_theta_cut: f64,
    /// Least cut on alpha \[deg\].
    pub min_alpha_cut: f64,
    /// Greatest cut on alpha \[deg\].
    pub max_alpha_cut: f64,
    /// Cut on alpha \[deg\] of bins with too few events.
    pub fill_alpha_cut: f64,
    /// Share of the gammas that cuts on alpha keep in each bin.
    pub alpha_containment: f64,
    /// Cut on alpha \[deg\] at all energies.
    pub global_alpha_cut: f64,
    /// Telescopes whose events are used.
    pub allowed_tels: Vec<i64>,
}

impl Default for Dl3Cuts {
    fn default() -> Self {
        Self {
            min_event_p_en_bin: 100,
            global_gh_cut: 0.6,
            gh_efficiency: 0.95,
            min_gh_cut: 0.1,
            max_gh_cut: 0.95,
            min_theta_cut: 0.1,
            max_theta_cut: 0.32,
            fill_theta_cut: 0.32,
            theta_containment: 0.68,
            global_theta_cut: 0.2,
            min_alpha_cut: 1.0,
            max_alpha_cut: 20.0,
            fill_alpha_cut: 20.0,
            alpha_containment: 0.68,
            global_alpha_cut: 20.0,
            allowed_tels: vec![1],
        }
    }
}

/// Edges of bins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DataBinning {
    /// Least true energy \[TeV\].
    pub true_energy_min: f64,
    /// Greatest true energy \[TeV\].
    pub true_energy_max: f64,
    /// Bins of true energy, equal in the logarithm.
    pub true_energy_n_bins: usize,
    /// Bins of true energy per factor of ten, in files of old versions of lstchain; wins over their number.
    pub true_energy_n_bins_per_decade: Option<usize>,
    /// Factor on all true energies.
    pub scale_true_energy: f64,
    /// Least reconstructed energy \[TeV\].
    pub reco_energy_min: f64,
    /// Greatest reconstructed energy \[TeV\].
    pub reco_energy_max: f64,
    /// Bins of reconstructed energy, equal in the logarithm.
    pub reco_energy_n_bins: usize,
    /// Bins of reconstructed energy per factor of ten, in files of old versions of lstchain; wins over their number.
    pub reco_energy_n_bins_per_decade: Option<usize>,
    /// Least ratio of reconstructed to true energy.
    pub energy_migration_min: f64,
    /// Greatest ratio of reconstructed to true energy.
    pub energy_migration_max: f64,
    /// Bins of this ratio, equal in the logarithm.
    pub energy_migration_n_bins: usize,
    /// Least offset \[deg\].
    pub fov_offset_min: f64,
    /// Greatest offset \[deg\].
    pub fov_offset_max: f64,
    /// Edges of bins of offset.
    pub fov_offset_n_edges: usize,
    /// Least offset of background \[deg\].
    pub bkg_fov_offset_min: f64,
    /// Greatest offset of background \[deg\].
    pub bkg_fov_offset_max: f64,
    /// Edges of bins of the offset of background.
    pub bkg_fov_offset_n_edges: usize,
    /// Least distance from the source \[deg\].
    pub source_offset_min: f64,
    /// Greatest distance from the source \[deg\].
    pub source_offset_max: f64,
    /// Edges of bins of the distance from the source.
    pub source_offset_n_edges: usize,
}

impl Default for DataBinning {
    fn default() -> Self {
        Self {
            true_energy_min: 0.005,
            true_energy_max: 500.0,
            true_energy_n_bins: 25,
            true_energy_n_bins_per_decade: None,
            scale_true_energy: 1.0,
            reco_energy_min: 0.005,
            reco_energy_max: 500.0,
            reco_energy_n_bins: 25,
            reco_energy_n_bins_per_decade: None,
            energy_migration_min: 0.2,
            energy_migration_max: 5.0,
            energy_migration_n_bins: 30,
            fov_offset_min: 0.1,
            fov_offset_max: 1.1,
            fov_offset_n_edges: 9,
            bkg_fov_offset_min: 0.0,
            bkg_fov_offset_max: 10.0,
            bkg_fov_offset_n_edges: 21,
            source_offset_min: 0.0,
            source_offset_max: 1.0,
            source_offset_n_edges: 101,
        }
    }
}

impl DataBinning {
    pub(super) fn true_energy(&self) -> Vec<f64> {
        let (low, high) = (self.true_energy_min, self.true_energy_max);
        match self.true_energy_n_bins_per_decade {
            Some(number) => bins_per_decade(low, high, number),
            None => logarithmic(low, high, self.true_energy_n_bins + 1),
        }
    }

    pub(super) fn reco_energy(&self) -> Vec<f64> {
        let (low, high) = (self.reco_energy_min, self.reco_energy_max);
        match self.reco_energy_n_bins_per_decade {
            Some(number) => bins_per_decade(low, high, number),
            None => logarithmic(low, high, self.reco_energy_n_bins + 1),
        }
    }

    fn problems(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        for (key, low, high, bins, least) in [
            ("true_energy", self.true_energy_min, self.true_energy_max, self.true_energy_n_bins, 1),
            ("reco_energy", self.reco_energy_min, self.reco_energy_max, self.reco_energy_n_bins, 1),
            ("energy_migration", self.energy_migration_min, self.energy_migration_max, self.energy_migration_n_bins, 1),
            ("fov_offset", self.fov_offset_min, self.fov_offset_max, self.fov_offset_n_edges, 2),
            ("bkg_fov_offset", self.bkg_fov_offset_min, self.bkg_fov_offset_max, self.bkg_fov_offset_n_edges, 2),
            ("source_offset", self.source_offset_min, self.source_offset_max, self.source_offset_n_edges, 2),
        ] {
            let logarithmic = least == 1;
            if low >= high || !(high - low).is_finite() || (logarithmic && low <= 0.0) {
                found.push(Problem::new(
                    format!("DataBinning.{key}_min"),
                    format!("{low} to {high} is no range of bins"),
                ));
            }
            if bins < least || bins > 100_000 {
                let end = if logarithmic { "bins" } else { "edges" };
                let message = format!("must be from {least} to 100000");
                found.push(Problem::new(format!("DataBinning.{key}_n_{end}"), message));
            }
        }
        for (key, number, low, high) in [
            ("true", self.true_energy_n_bins_per_decade, self.true_energy_min, self.true_energy_max),
            ("reco", self.reco_energy_n_bins_per_decade, self.reco_energy_min, self.reco_energy_max),
        ] {
            let Some(number) = number else { continue };
            if !(1..=1000).contains(&number) || number as f64 * (high / low).log10() < 1.0 {
                let key = format!("DataBinning.{key}_energy_n_bins_per_decade");
                found.push(Problem::new(key, "must be from 1 to 1000 and give at least one bin"));
            }
        }
        if self.scale_true_energy <= 0.0 || !self.scale_true_energy.is_finite() {
            found.push(Problem::new("DataBinning.scale_true_energy", "must be above 0"));
        }
        found
    }
}

/// Run headers for tables that have none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GivenRuns {
    /// Of the gammas.
    pub gamma: Option<RunConfig>,
    /// Of the protons.
    pub proton: Option<RunConfig>,
    /// Of the electrons.
    pub electron: Option<RunConfig>,
}

/// Keys of `iact irfs`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct IrfKeys {
    /// Selection of events.
    #[serde(rename = "EventSelector")]
    pub selector: EventSelector,
    /// Cuts on gammaness and on the distance from the source.
    #[serde(rename = "DL3Cuts")]
    pub cuts: Dl3Cuts,
    /// Edges of bins.
    #[serde(rename = "DataBinning")]
    pub binning: DataBinning,
    /// Whether events outside of the cut on theta are dropped.
    pub point_like: bool,
    /// Whether the cut on gammaness depends on energy.
    pub energy_dependent_gh: bool,
    /// Whether the cut on theta depends on energy.
    pub energy_dependent_theta: bool,
    /// Whether the cut on alpha depends on energy.
    pub energy_dependent_alpha: bool,
    /// Whether the source's position is known: the cut is on alpha.
    pub source_dep: bool,
    /// Time \[h\] for which the background is computed.
    pub irf_obs_time: f64,
    /// Run headers for tables that have none.
    pub simulation: GivenRuns,
}

impl Default for IrfKeys {
    fn default() -> Self {
        Self {
            selector: EventSelector::default(),
            cuts: Dl3Cuts::default(),
            binning: DataBinning::default(),
            point_like: false,
            energy_dependent_gh: false,
            energy_dependent_theta: false,
            energy_dependent_alpha: false,
            source_dep: false,
            irf_obs_time: 50.0,
            simulation: GivenRuns::default(),
        }
    }
}

impl Config for IrfKeys {
    fn check(&self) -> Vec<Problem> {
        let mut found = self.binning.problems();
        for (key, share) in [
            ("DL3Cuts.gh_efficiency", self.cuts.gh_efficiency),
            ("DL3Cuts.theta_containment", self.cuts.theta_containment),
            ("DL3Cuts.alpha_containment", self.cuts.alpha_containment),
        ] {
            if !(0.0..=1.0).contains(&share) {
                found.push(Problem::new(key, "must be from 0 to 1"));
            }
        }
        if self.irf_obs_time <= 0.0 || !self.irf_obs_time.is_finite() {
            found.push(Problem::new("irf_obs_time", "must be above 0"));
        }
        found
    }

    fn foreign() -> &'static [&'static str] {
        crate::config::LSTCHAIN_KEYS
    }
}
