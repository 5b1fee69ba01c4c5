//! Keys of the reference's configuration that training and application use.

use recoil_forest::{Amount, ClassWeight, Criterion, Growth, MaxFeatures, Parameters};
use recoil_stage::Problem;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error as _, SeqAccess, Unexpected, Visitor};
use serde::ser::SerializeTuple as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// A range of values, both ends included. Ends may be `Infinity` or `-Infinity`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// Least value.
    pub low: f64,
    /// Greatest value.
    pub high: f64,
}

impl Range {
    /// Everything from 0 on.
    pub const POSITIVE: Self = Self { low: 0.0, high: f64::INFINITY };

    /// Whether a value is in the range; one that is no number is not.
    pub fn holds(&self, value: f64) -> bool {
        value >= self.low && value <= self.high
    }
}

/// An end of a range: JSON has no infinite numbers, so they are words.
struct End(f64);

impl Serialize for End {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_finite() {
            serializer.serialize_f64(self.0)
        } else {
            serializer.serialize_str(if self.0 > 0.0 { "Infinity" } else { "-Infinity" })
        }
    }
}

impl<'de> Deserialize<'de> for End {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = End;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, Infinity or -Infinity")
            }

            fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<End, E> {
                Ok(End(value))
            }

            fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<End, E> {
                Ok(End(value as f64))
            }

            fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<End, E> {
                Ok(End(value as f64))
            }

            fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<End, E> {
                match value.trim_start_matches('+') {
                    "Infinity" | "inf" | ".inf" => Ok(End(f64::INFINITY)),
                    "-Infinity" | "-inf" | "-.inf" => Ok(End(f64::NEG_INFINITY)),
                    _ => Err(E::invalid_value(Unexpected::Str(value), &self)),
                }
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

impl Serialize for Range {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut pair = serializer.serialize_tuple(2)?;
        pair.serialize_element(&End(self.low))?;
        pair.serialize_element(&End(self.high))?;
        pair.end()
    }
}

impl<'de> Deserialize<'de> for Range {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Range;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of two numbers")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Range, A::Error> {
                let mut next =
                    |place| items.next_element::<End>()?.ok_or_else(|| A::Error::invalid_length(place, &self));
                Ok(Range { low: next(0)?.0, high: next(1)?.0 })
            }
        }
        deserializer.deserialize_tuple(2, Reader)
    }
}

impl JsonSchema for Range {
    fn schema_name() -> Cow<'static, str> {
        "Range".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "array", "items": {"type": ["number", "string"]}, "minItems": 2, "maxItems": 2})
    }
}

/// Filters of events: ranges of columns by name.
pub type Filters = BTreeMap<String, Range>;

/// Parameters of a forest by scikit-learn's names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ForestArgs {
    /// Number of trees.
    pub n_estimators: usize,
    /// What a split shall reduce; the usual one of the task if it is null.
    pub criterion: Option<Criterion>,
    /// Splits between the root and a leaf at most.
    pub max_depth: Option<usize>,
    /// Events that a node needs to be split: a number, or a fraction of all.
    pub min_samples_split: Amount,
    /// Distinct events that each side of a split keeps: a number, or a fraction of all.
    pub min_samples_leaf: Amount,
    /// Share of the whole weight that each side of a split keeps.
    pub min_weight_fraction_leaf: f64,
    /// Features that are tried at a split: a number, a fraction, `sqrt`, `log2`, `auto`, or all of them if it is null.
    pub max_features: MaxFeatures,
    /// Leaves of a tree at most.
    pub max_leaf_nodes: Option<usize>,
    /// Decrease of the impurity that a split needs.
    pub min_impurity_decrease: f64,
    /// Whether each tree sees its own draw of the events.
    pub bootstrap: bool,
    /// Events that are drawn for a tree: a number, or a fraction of all.
    pub max_samples: Option<Amount>,
    /// Weights of classes.
    pub class_weight: Option<ClassWeight>,
    /// Whether the forest is tried on the events that its trees did not see.
    pub oob_score: bool,
    /// Seed of what is drawn; the seed of the run if it is null.
    pub random_state: Option<u32>,
    /// Read and not used: `--threads` tells.
    pub n_jobs: Option<i64>,
    /// Must be false.
    pub warm_start: bool,
    /// Read and not used.
    pub verbose: f64,
    /// How splits are searched.
    pub growth: Growth,
}

impl ForestArgs {
    fn standard(trees: usize) -> Self {
        Self { n_estimators: trees, ..Self::default() }
    }

    /// The forest's parameters; `seed` stands for a missing `random_state`.
    pub fn parameters(&self, seed: u32) -> Parameters {
        Parameters {
            n_estimators: self.n_estimators,
            criterion: self.criterion,
            max_depth: self.max_depth,
            min_samples_split: self.min_samples_split,
            min_samples_leaf: self.min_samples_leaf,
            min_weight_fraction_leaf: self.min_weight_fraction_leaf,
            max_features: self.max_features,
            max_leaf_nodes: self.max_leaf_nodes,
            min_impurity_decrease: self.min_impurity_decrease,
            bootstrap: self.bootstrap,
            max_samples: self.max_samples,
            class_weight: self.class_weight.unwrap_or_default(),
            oob_score: self.oob_score,
            random_state: self.random_state.unwrap_or(seed),
            growth: self.growth,
        }
    }

    fn problems(&self, key: &str) -> Vec<Problem> {
        let mut found = Vec::new();
        if let Err(error) = self.parameters(0).check() {
            found.push(Problem::new(key, error.to_string()));
        }
        if self.warm_start {
            found.push(Problem::new(format!("{key}.warm_start"), "must be false: forests are grown anew"));
        }
        found
    }
}

impl Default for ForestArgs {
    fn default() -> Self {
        Self {
            n_estimators: 50,
            criterion: None,
            max_depth: Some(30),
            min_samples_split: Amount::Number(10),
            min_samples_leaf: Amount::Number(10),
            min_weight_fraction_leaf: 0.0,
            max_features: MaxFeatures::Fraction(1.0),
            max_leaf_nodes: None,
            min_impurity_decrease: 0.0,
            bootstrap: true,
            max_samples: None,
            class_weight: None,
            oob_score: false,
            random_state: Some(42),
            n_jobs: Some(-1),
            warm_start: false,
            verbose: 0.0,
            growth: Growth::Histogram,
        }
    }
}

/// Events that the forests are trained on: a share of all if it is at most 1 and has a point, else a number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TrainingEvents {
    /// Gammas for the regressor of the energy.
    pub gamma_regressors: Option<Amount>,
    /// Gammas for the regressors that prepare the training of the classifier.
    pub gamma_tmp_regressors: Option<Amount>,
    /// Other gammas for the classifier.
    pub gamma_classifier: Option<Amount>,
    /// Protons for the classifier.
    pub proton_classifier: Option<Amount>,
}

impl Default for TrainingEvents {
    fn default() -> Self {
        Self {
            gamma_regressors: Some(Amount::Fraction(1.0)),
            gamma_tmp_regressors: Some(Amount::Fraction(0.8)),
            gamma_classifier: Some(Amount::Fraction(0.2)),
            proton_classifier: Some(Amount::Fraction(1.0)),
        }
    }
}

/// Weights of events in the training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WeightSettings {
    /// Whether all pointings get the same sum of weights.
    pub pointing_wise_weights: bool,
}

impl Default for WeightSettings {
    fn default() -> Self {
        Self { pointing_wise_weights: true }
    }
}

/// What is interpolated between the pointings of the training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ZenithSettings {
    /// Energies.
    pub interpolate_energy: bool,
    /// Gammaness.
    pub interpolate_gammaness: bool,
    /// Directions.
    pub interpolate_direction: bool,
}

impl Default for ZenithSettings {
    fn default() -> Self {
        Self { interpolate_energy: true, interpolate_gammaness: true, interpolate_direction: true }
    }
}

/// How the direction is learned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DispMethod {
    /// The distance to the source by a regressor, its side by a classifier.
    #[default]
    DispNormSign,
    /// The vector to the source by one regressor with two outputs.
    DispVector,
}

/// Features, filters and forests: what training and application share.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Ranges of columns that an event must keep.
    pub events_filters: Filters,
    /// Features of the energy.
    pub energy_regression_features: Vec<String>,
    /// Features of the distance to the source, or of the vector.
    pub disp_regression_features: Vec<String>,
    /// Features of the side of the source.
    pub disp_classification_features: Vec<String>,
    /// Features of gammaness.
    pub particle_classification_features: Vec<String>,
    /// How the direction is learned.
    pub disp_method: DispMethod,
    /// Whether the source's position is known.
    pub source_dependent: bool,
    /// Assumed position of the source for protons \[deg\].
    pub nominal_source: (f64, f64),
    /// Focal length \[m\] that stands for aberrations of the mirror.
    pub effective_focal_length: f64,
}

/// Effective focal length of the large telescope \[m\].
pub const EFFECTIVE_FOCAL_LENGTH: f64 = 29.305_65;

impl Settings {
    /// All features, each once.
    pub fn features(&self) -> Vec<&str> {
        let mut all: Vec<&str> = [
            &self.energy_regression_features,
            &self.disp_regression_features,
            &self.disp_classification_features,
            &self.particle_classification_features,
        ]
        .into_iter()
        .flatten()
        .map(String::as_str)
        .collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Columns of images that training and application look at, if they are there.
    pub fn columns(&self) -> Vec<&str> {
        const ALWAYS: &[&str] = &[
            "x",
            "y",
            "psi",
            "skewness",
            "time_gradient",
            "alt_tel",
            "az_tel",
            "sin_az_tel",
            "mc_type",
            "mc_alt",
            "mc_az",
            "mc_alt_tel",
            "mc_az_tel",
            "mc_energy",
            "log_mc_energy",
            "tel_id",
            "expected_src_x",
            "expected_src_y",
            "dist",
            "alpha",
            "skewness_from_source",
            "time_gradient_from_source",
        ];
        let filters = self.events_filters.keys().map(String::as_str);
        let mut all: Vec<&str> = self.features().into_iter().chain(ALWAYS.iter().copied()).chain(filters).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// Names as owned text.
fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// The keys themselves. Parts of the configuration that belong to other steps may stand beside them: one file serves all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LearningKeys {
    /// Ranges of columns that an event must keep, both ends included.
    pub events_filters: Filters,
    /// Events that the forests are trained on.
    pub n_training_events: TrainingEvents,
    /// Weights of events in the training.
    pub random_forest_weight_settings: WeightSettings,
    /// What is interpolated between the pointings of the training.
    pub random_forest_zd_interpolation: ZenithSettings,
    /// The forest that learns energies.
    pub random_forest_energy_regressor_args: ForestArgs,
    /// The forest that learns the distance to the source, or the vector.
    pub random_forest_disp_regressor_args: ForestArgs,
    /// The forest that learns the side of the source.
    pub random_forest_disp_classifier_args: ForestArgs,
    /// The forest that tells gammas from protons.
    pub random_forest_particle_classifier_args: ForestArgs,
    /// Features of the energy.
    pub energy_regression_features: Vec<String>,
    /// Features of the distance to the source, or of the vector.
    pub disp_regression_features: Vec<String>,
    /// Features of the side of the source.
    pub disp_classification_features: Vec<String>,
    /// Features of gammaness.
    pub particle_classification_features: Vec<String>,
    /// How the direction is learned.
    pub disp_method: DispMethod,
    /// Distance of the source of training gammas from the camera's centre \[deg\].
    pub train_gamma_src_r_deg: Range,
    /// Whether the source's position is known.
    pub source_dependent: bool,
    /// Assumed position of the source for protons \[deg\].
    pub mc_nominal_source_x_deg: f64,
    /// Assumed position of the source for protons \[deg\].
    pub mc_nominal_source_y_deg: f64,
    /// Focal length \[m\] that stands for aberrations of the mirror.
    pub effective_focal_length: f64,
}

impl Default for LearningKeys {
    fn default() -> Self {
        let ellipse = ["log_intensity", "width", "length"];
        let shape = ["wl", "skewness", "kurtosis", "time_gradient", "leakage_intensity_width_2"];
        let signed = ["wl", "signed_skewness", "kurtosis", "signed_time_gradient", "leakage_intensity_width_2"];
        let (place, pointing) = (["x", "y"], ["sin_az_tel", "alt_tel"]);
        let disp = names(&[&ellipse[..], &shape, &pointing].concat());
        Self {
            events_filters: ["intensity", "width", "length", "wl", "r", "leakage_intensity_width_2"]
                .into_iter()
                .map(|name| (name.to_owned(), Range::POSITIVE))
                .collect(),
            n_training_events: TrainingEvents::default(),
            random_forest_weight_settings: WeightSettings::default(),
            random_forest_zd_interpolation: ZenithSettings::default(),
            random_forest_energy_regressor_args: ForestArgs::standard(50),
            random_forest_disp_regressor_args: ForestArgs::standard(50),
            random_forest_disp_classifier_args: ForestArgs::standard(100),
            random_forest_particle_classifier_args: ForestArgs::standard(100),
            energy_regression_features: names(&[&ellipse[..], &place, &shape, &pointing].concat()),
            disp_regression_features: disp.clone(),
            disp_classification_features: disp,
            particle_classification_features: names(
                &[&ellipse[..], &place, &signed, &["log_reco_energy", "reco_disp_norm", "reco_disp_sign"], &pointing]
                    .concat(),
            ),
            disp_method: DispMethod::DispNormSign,
            train_gamma_src_r_deg: Range::POSITIVE,
            source_dependent: false,
            mc_nominal_source_x_deg: 0.4,
            mc_nominal_source_y_deg: 0.0,
            effective_focal_length: EFFECTIVE_FOCAL_LENGTH,
        }
    }
}

impl LearningKeys {
    /// What training and application share.
    pub fn settings(&self) -> Settings {
        Settings {
            events_filters: self.events_filters.clone(),
            energy_regression_features: self.energy_regression_features.clone(),
            disp_regression_features: self.disp_regression_features.clone(),
            disp_classification_features: self.disp_classification_features.clone(),
            particle_classification_features: self.particle_classification_features.clone(),
            disp_method: self.disp_method,
            source_dependent: self.source_dependent,
            nominal_source: (self.mc_nominal_source_x_deg, self.mc_nominal_source_y_deg),
            effective_focal_length: self.effective_focal_length,
        }
    }

    /// Keys that contradict each other or cannot be used.
    pub fn problems(&self) -> Vec<Problem> {
        let mut found = self.random_forest_energy_regressor_args.problems("random_forest_energy_regressor_args");
        found.extend(self.random_forest_disp_regressor_args.problems("random_forest_disp_regressor_args"));
        found.extend(self.random_forest_disp_classifier_args.problems("random_forest_disp_classifier_args"));
        found.extend(self.random_forest_particle_classifier_args.problems("random_forest_particle_classifier_args"));
        for (key, features) in [
            ("energy_regression_features", &self.energy_regression_features),
            ("disp_regression_features", &self.disp_regression_features),
            ("disp_classification_features", &self.disp_classification_features),
            ("particle_classification_features", &self.particle_classification_features),
        ] {
            if features.is_empty() {
                found.push(Problem::new(key, "must name at least one feature"));
            }
        }
        if !(self.effective_focal_length.is_finite() && self.effective_focal_length > 0.0) {
            found.push(Problem::new("effective_focal_length", "must be above 0"));
        }
        found
    }
}
