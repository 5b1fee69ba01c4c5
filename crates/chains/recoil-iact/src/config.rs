//! Configuration that the chain's stages share: the keys of lstchain's JSON files.
//!
//! One file of lstchain configures all steps; each stage takes the keys that are its own and passes over the others.
//! Mappings merge key by key with the shipped values, which are lstchain's for simulations.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Keys of lstchain's files, by path. A stage passes over those that it does not have itself.
pub const LSTCHAIN_KEYS: &[&str] = &[
    "CameraCalibrator",
    "DL3Cuts",
    "DataBinning",
    "EventSelector",
    "GlobalPeakWindowSum",
    "LSTCalibrationCalculator",
    "LocalPeakWindowSum",
    "allowed_tels",
    "calibration_product",
    "classification_features",
    "custom_calibration",
    "disp_classification_features",
    "disp_method",
    "disp_regression_features",
    "dynamic_cleaning",
    "energy_regression_features",
    "events_filters",
    "image_extractor",
    "image_extractor_for_muons",
    "image_modifier",
    "lh_fit_config",
    "mc_image_scaling_factor",
    "mc_nominal_source_x_deg",
    "mc_nominal_source_y_deg",
    "n_off_wobble",
    "n_training_events",
    "observation_mode",
    "particle_classification_features",
    "random_forest_classifier_args",
    "random_forest_disp_classifier_args",
    "random_forest_disp_regressor_args",
    "random_forest_energy_regressor_args",
    "random_forest_particle_classifier_args",
    "random_forest_regressor_args",
    "random_forest_weight_settings",
    "random_forest_zd_interpolation",
    "regression_features",
    "source_config",
    "source_config.LSTEventSource",
    "source_dec",
    "source_dependent",
    "source_name",
    "source_ra",
    "tailcut",
    "tailcuts_clean_with_pedestal_threshold",
    "time_sampling_correction_path",
    "timestamps_pointing",
    "train_gamma_src_r_deg",
    "volume_reducer",
    "waveform_nsb_tuning",
    "waveform_nsb_tuning.target_data",
    "write_interleaved_events",
    "write_pe_image",
];

/// Which events and telescopes are read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SourceConfig {
    /// Events and telescopes.
    #[serde(rename = "EventSource")]
    pub event_source: EventSource,
    /// How simulations are read.
    #[serde(rename = "SimTelEventSource")]
    pub simtel: SimTelEventSource,
}

/// Events and telescopes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EventSource {
    /// Telescopes; all if there are none.
    pub allowed_tels: Option<Vec<i32>>,
    /// Most events that are read; none for all.
    pub max_events: Option<u64>,
    /// The same as `SimTelEventSource.focal_length_choice`.
    pub focal_length_choice: Option<FocalLengthChoice>,
}

impl Default for EventSource {
    fn default() -> Self {
        Self { allowed_tels: Some(vec![1]), max_events: None, focal_length_choice: None }
    }
}

/// Which focal length is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum FocalLengthChoice {
    /// The one with aberrations, where the simulation tells it.
    #[default]
    #[serde(rename = "EFFECTIVE")]
    Effective,
    /// The nominal one.
    #[serde(rename = "EQUIVALENT")]
    Equivalent,
}

/// How simulations are read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SimTelEventSource {
    /// Which focal length the description of the telescope prefers: `EFFECTIVE` or `EQUIVALENT`. Image parameters always
    /// use the equivalent one; without an effective one it stands in for it.
    pub focal_length_choice: FocalLengthChoice,
    /// Whether calibration events are left out.
    pub skip_calibration_events: bool,
}

impl Default for SimTelEventSource {
    fn default() -> Self {
        Self { focal_length_choice: FocalLengthChoice::Effective, skip_calibration_events: true }
    }
}

/// Window of the integration of pulses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WindowConfig {
    /// Samples of the window before the peak.
    pub window_shift: usize,
    /// Samples of the window.
    #[schemars(range(min = 1))]
    pub window_width: usize,
    /// Whether charges are corrected for the part of the pulse outside of the window.
    pub apply_integration_correction: bool,
}

impl Default for WindowConfig {
    fn default() -> Self {
        Self { window_shift: 4, window_width: 8, apply_integration_correction: true }
    }
}

/// Light of the night sky that is added to waveforms.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NsbTuning {
    /// Whether light is added.
    pub nsb_tuning: bool,
    /// Rate that is added \[GHz = p.e./ns\].
    #[schemars(range(min = 0.0, max = 1000.0))]
    #[serde(rename = "nsb_tuning_rate_GHz")]
    pub rate_ghz: f64,
    /// The rate as a share of the simulated one, in files for old versions of lstchain; it cannot be used.
    pub nsb_tuning_ratio: Option<f64>,
    /// File with the response to a single photo-electron: amplitude \[p.e.\] and probability; none for the shipped one.
    pub spe_location: Option<String>,
    /// Waveforms of noise that are made once, in units of the number of pixels, and shuffled for each event; 0 to make new
    /// ones for each event.
    pub pre_computed_multiplicity: u32,
}

impl Default for NsbTuning {
    fn default() -> Self {
        Self {
            nsb_tuning: false,
            rate_ghz: 0.15,
            nsb_tuning_ratio: None,
            spe_location: None,
            pre_computed_multiplicity: 10,
        }
    }
}

/// Changes of images.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ImageModifier {
    /// Whether noise is added.
    pub increase_nsb: bool,
    /// Mean number of photo-electrons that is added to dim pixels.
    pub extra_noise_in_dim_pixels: f64,
    /// Mean change of dim pixels \[p.e.\].
    pub extra_bias_in_dim_pixels: f64,
    /// Charge above which a pixel is bright \[p.e.\].
    pub transition_charge: f64,
    /// Mean number of photo-electrons by which bright pixels are smeared; their mean stays.
    pub extra_noise_in_bright_pixels: f64,
    /// Whether light is smeared over neighbours.
    pub increase_psf: bool,
    /// Share of a pixel's light that falls on its neighbours.
    pub smeared_light_fraction: f64,
}

impl ImageModifier {
    /// Whether images are changed.
    pub fn active(&self) -> bool {
        self.increase_nsb || self.increase_psf
    }

    /// What cannot be, with keys that begin with `prefix`.
    pub fn problems(&self, prefix: &str) -> Vec<recoil_stage::Problem> {
        let positive = [
            ("extra_noise_in_dim_pixels", self.extra_noise_in_dim_pixels),
            ("extra_noise_in_bright_pixels", self.extra_noise_in_bright_pixels),
            ("smeared_light_fraction", self.smeared_light_fraction),
        ];
        let wrong = positive.into_iter().filter(|(_, value)| value.is_nan() || *value < 0.0);
        wrong.map(|(key, _)| recoil_stage::Problem::new(format!("{prefix}{key}"), "must not be negative")).collect()
    }
}
