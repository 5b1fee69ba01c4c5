//! The scaling parameters as JSON, in the layout of the field.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value as Json, json};

use super::sums::{Sums, four_digits};
use crate::error::{Result, TauError};
use crate::features::{Block, Cone, Feature, Scaling};

/// How one feature is scaled in one cone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parameters {
    /// Mean, or centre of the range; `None` where the sample had too few values.
    pub mean: Option<f64>,
    /// Standard deviation, or half the range.
    pub std: Option<f64>,
    /// Least value after scaling.
    pub lim_min: f64,
    /// Greatest value after scaling.
    pub lim_max: f64,
    /// Mean square, where it was measured.
    pub sqmean: Option<f64>,
    /// Number of values, where it was measured.
    pub num: Option<u64>,
}

impl Parameters {
    /// No scaling.
    pub const NONE: Self = Self {
        mean: Some(0.0),
        std: Some(1.0),
        lim_min: f64::NEG_INFINITY,
        lim_max: f64::INFINITY,
        sqmean: None,
        num: None,
    };

    /// Scaling of a range to [-1, 1].
    pub fn linear([low, high]: [f64; 2]) -> Self {
        let (mean, std) = (0.5 * (low + high), 0.5 * (high - low));
        Self { mean: Some(mean), std: Some(std), lim_min: -1.0, lim_max: 1.0, sqmean: None, num: None }
    }

    /// Scaling by measured moments, with four significant digits.
    pub fn normal([lim_min, lim_max]: [f64; 2], sums: &Sums) -> Self {
        let [mean, std, sqmean] = match sums.moments() {
            None => [None; 3],
            Some(moments) => moments.map(|moment| Some(four_digits(moment))),
        };
        Self { mean, std, lim_min, lim_max, sqmean, num: Some(sums.num) }
    }

    /// The range of values that is not cut.
    pub fn range(&self) -> Option<[f64; 2]> {
        let (mean, std) = self.mean.zip(self.std)?;
        Some([mean + self.lim_min * std, mean + self.lim_max * std])
    }

    fn to_json(self) -> Json {
        let limit = |value: f64| match value {
            f64::NEG_INFINITY => json!("-inf"),
            f64::INFINITY => json!("inf"),
            value => json!(value),
        };
        json!({
            "mean": self.mean, "std": self.std,
            "lim_min": limit(self.lim_min), "lim_max": limit(self.lim_max),
            "sqmean": self.sqmean, "num": self.num,
        })
    }

    fn of_json(value: &Json) -> Result<Self, String> {
        let entries = value.as_object().ok_or("is no object")?;
        let number = |key: &str| match entries.get(key) {
            None | Some(Json::Null) => Ok(None),
            Some(Json::String(text)) if text == "-inf" => Ok(Some(f64::NEG_INFINITY)),
            Some(Json::String(text)) if text == "inf" => Ok(Some(f64::INFINITY)),
            Some(value) => value.as_f64().map(Some).ok_or(format!("`{key}` is no number")),
        };
        let finite = |key: &str| match number(key)? {
            Some(value) if !value.is_finite() => Err(format!("`{key}` is not finite")),
            other => Ok(other),
        };
        if !entries.contains_key("mean") || !entries.contains_key("std") {
            return Err("`mean` or `std` is missing".into());
        }
        Ok(Self {
            mean: finite("mean")?,
            std: finite("std")?,
            lim_min: number("lim_min")?.unwrap_or(f64::NEG_INFINITY),
            lim_max: number("lim_max")?.unwrap_or(f64::INFINITY),
            sqmean: finite("sqmean")?,
            num: entries.get("num").and_then(Json::as_u64),
        })
    }
}

/// Keys of a value in the three-level layout: block, feature, cone.
pub type Key = (String, String, String);

/// A value for every block, feature and cone, in their order.
pub type ByFeature<T> = Vec<(Key, T)>;

/// Writes values as `{block: {feature: {cone: value}}}`.
pub fn nested<T>(values: &ByFeature<T>, to_json: impl Fn(&T) -> Json) -> Json {
    let mut root = Map::new();
    for ((block, feature, cone), value) in values {
        let features = root.entry(block.clone()).or_insert_with(|| json!({}));
        let Some(features) = features.as_object_mut() else { continue };
        let cones = features.entry(feature.clone()).or_insert_with(|| json!({}));
        if let Some(cones) = cones.as_object_mut() {
            cones.insert(cone.clone(), to_json(value));
        }
    }
    Json::Object(root)
}

/// Reads values written by [`nested`].
///
/// # Errors
/// Another layout, or a value that `of_json` does not understand.
pub fn flattened<T>(file: &str, root: &Json, of_json: impl Fn(&Json) -> Result<T, String>) -> Result<ByFeature<T>> {
    let object = |value: &Json, what: &str| {
        value.as_object().cloned().ok_or_else(|| TauError::content(file, format!("{what} is no JSON object")))
    };
    let mut values = Vec::new();
    for (block, features) in object(root, "the file")? {
        for (feature, cones) in object(&features, &format!("`{block}`"))? {
            for (cone, value) in object(&cones, &format!("`{block}.{feature}`"))? {
                let place = format!("`{block}.{feature}.{cone}`");
                let value = of_json(&value).map_err(|why| TauError::content(file, format!("{place}: {why}")))?;
                values.push(((block.clone(), feature.clone(), cone), value));
            }
        }
    }
    Ok(values)
}

/// Reads a JSON file.
///
/// # Errors
/// Files that cannot be read or are no JSON.
pub fn read_json(path: &Path) -> Result<Json> {
    let text = std::fs::read_to_string(path).map_err(|error| TauError::io(path, error))?;
    serde_json::from_str(&text).map_err(|source| TauError::Json { file: path.display().to_string(), source })
}

/// Scaling parameters of all features.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ScalingTable {
    /// Parameters in the order of the file.
    pub entries: ByFeature<Parameters>,
}

impl ScalingTable {
    /// Reads `FILE.json`.
    ///
    /// # Errors
    /// Files that cannot be read or have another layout.
    pub fn read(path: &Path) -> Result<Self> {
        let entries = flattened(&path.display().to_string(), &read_json(path)?, Parameters::of_json)?;
        Ok(Self { entries })
    }

    /// The JSON document.
    pub fn to_json(&self) -> Json {
        nested(&self.entries, |parameters| parameters.to_json())
    }

    /// Parameters of a feature in a cone, or those for all cones.
    pub fn find(&self, block: &str, feature: &str, cone: Cone) -> Option<&Parameters> {
        let with = |cone: &str| {
            let found = self.entries.iter().find(|((b, f, c), _)| b == block && f == feature && c == cone);
            found.map(|(_, parameters)| parameters)
        };
        with(cone.name()).or_else(|| with(Cone::Global.name()))
    }

    /// What scales the enabled features of a block in a cone, in their order.
    ///
    /// # Errors
    /// Features that the table does not have, or whose width is below 0.
    pub fn of_block(&self, block: &Block, cone: Cone) -> Result<Vec<Scaler>> {
        block.enabled().map(|feature| self.scaler(block, feature, cone)).collect()
    }

    fn scaler(&self, block: &Block, feature: &Feature, cone: Cone) -> Result<Scaler> {
        let place = || format!("{}.{}", block.name, feature.name);
        let found = self.find(&block.name, &feature.name, cone).copied();
        let parameters = match (found, &feature.scaling) {
            (Some(parameters), _) => parameters,
            (None, Scaling::None | Scaling::Categorical) => Parameters::NONE,
            (None, _) => return Err(TauError::config(place(), "the scaling file does not have this feature")),
        };
        // a feature that the sample for scaling never had is not scaled
        let (mean, std) = parameters.mean.zip(parameters.std).unwrap_or((0.0, 1.0));
        if std < 0.0 {
            return Err(TauError::config(place(), format!("cannot be scaled with the width {std}")));
        }
        // a feature that was always the same is only centred
        let std = if std == 0.0 { 1.0 } else { std };
        Ok(Scaler {
            mean: mean as f32,
            std: std as f32,
            low: parameters.lim_min as f32,
            high: parameters.lim_max as f32,
        })
    }
}

/// Scaling in single precision.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scaler {
    /// Mean.
    pub mean: f32,
    /// Width.
    pub std: f32,
    /// Least value after scaling.
    pub low: f32,
    /// Greatest value after scaling.
    pub high: f32,
}

impl Scaler {
    /// The scaled value.
    pub fn apply(self, value: f32) -> f32 {
        ((value - self.mean) / self.std).clamp(self.low, self.high)
    }
}

/// Cones in which a feature of a block is scaled.
pub fn cones_of(block: &Block, feature: &Feature) -> Vec<Cone> {
    match &feature.scaling {
        Scaling::None | Scaling::Categorical => vec![Cone::Global],
        Scaling::Linear(limits) if block.collection().is_some() => limits.keys().copied().collect(),
        Scaling::Linear(_) => vec![Cone::Global],
        Scaling::Normal(_) => block.cones().to_vec(),
    }
}

/// Parameters of all features, the measured ones from `sums`.
pub fn parameters(blocks: &[Block], sums: &BTreeMap<Key, Sums>) -> ScalingTable {
    let mut entries = Vec::new();
    for block in blocks {
        for feature in &block.features {
            for cone in cones_of(block, feature) {
                let key = (block.name.clone(), feature.name.clone(), cone.name().to_owned());
                let parameters = match &feature.scaling {
                    Scaling::None | Scaling::Categorical => Parameters::NONE,
                    Scaling::Linear(limits) => {
                        let limits = limits.get(&cone).or_else(|| limits.get(&Cone::Inner));
                        Parameters::linear(limits.copied().unwrap_or([-1.0, 1.0]))
                    }
                    Scaling::Normal(limits) => {
                        Parameters::normal(*limits, &sums.get(&key).copied().unwrap_or_default())
                    }
                };
                entries.push((key, parameters));
            }
        }
    }
    ScalingTable { entries }
}
