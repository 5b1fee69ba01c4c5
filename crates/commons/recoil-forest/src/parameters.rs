//! How a forest is grown: scikit-learn's parameters by their names.

use crate::error::{ForestError, Result};
use crate::forest::Task;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error as _, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

/// Parameters of a forest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Parameters {
    /// Number of trees.
    pub n_estimators: usize,
    /// What a split shall reduce: `squared_error`, `gini` or `entropy`; the usual one of the task if it is null.
    pub criterion: Option<Criterion>,
    /// Splits between the root and a leaf at most.
    pub max_depth: Option<usize>,
    /// Rows that a node needs to be split: a number, or a fraction of all rows.
    pub min_samples_split: Amount,
    /// Distinct rows that each side of a split keeps: a number, or a fraction of all rows.
    pub min_samples_leaf: Amount,
    /// Share of the whole weight that each side of a split keeps.
    pub min_weight_fraction_leaf: f64,
    /// Features that are tried at a split: a number, a fraction, `sqrt`, `log2`, `auto`, or all of them if it is null.
    pub max_features: MaxFeatures,
    /// Leaves of a tree at most; such trees grow where the impurity falls most.
    pub max_leaf_nodes: Option<usize>,
    /// Decrease of the impurity, weighted with the node's share, that a split needs.
    pub min_impurity_decrease: f64,
    /// Whether each tree sees its own draw of the rows instead of all of them.
    pub bootstrap: bool,
    /// Rows that are drawn for a tree: a number, or a fraction of all; as many as there are if it is null.
    pub max_samples: Option<Amount>,
    /// Weights of classes.
    pub class_weight: ClassWeight,
    /// Whether the forest is tried on the rows that its trees did not see.
    pub oob_score: bool,
    /// Seed of everything that is drawn.
    pub random_state: u32,
    /// How splits are searched: `histogram` or `exact`.
    pub growth: Growth,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            n_estimators: 100,
            criterion: None,
            max_depth: None,
            min_samples_split: Amount::Number(2),
            min_samples_leaf: Amount::Number(1),
            min_weight_fraction_leaf: 0.0,
            max_features: MaxFeatures::All,
            max_leaf_nodes: None,
            min_impurity_decrease: 0.0,
            bootstrap: true,
            max_samples: None,
            class_weight: ClassWeight::Even,
            oob_score: false,
            random_state: 0,
            growth: Growth::Histogram,
        }
    }
}

/// How splits are searched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Growth {
    /// Between at most 256 bins of equal population per feature.
    #[default]
    Histogram,
    /// At the middle between any two values, as scikit-learn does it.
    Exact,
}

/// What a split shall reduce.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Criterion {
    /// Variance of the target.
    SquaredError,
    /// Chance that two rows of a node are of different classes.
    Gini,
    /// Information that a row's class gives, in bits.
    Entropy,
}

/// Weights of classes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClassWeight {
    /// All classes alike.
    #[default]
    Even,
    /// Every class gets the same sum of weights.
    Balanced,
    /// Every class gets the same sum of weights in each tree's draw.
    BalancedSubsample,
}

/// A number of rows, or a fraction of all of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Amount {
    /// So many.
    Number(usize),
    /// So large a part, above 0 and at most 1.
    Fraction(f64),
}

impl Amount {
    /// As a number out of `rows`, rounded up.
    fn of(self, rows: usize) -> usize {
        match self {
            Self::Number(number) => number,
            Self::Fraction(fraction) => (fraction * rows as f64).ceil() as usize,
        }
    }

    fn check(self, key: &'static str, least: usize) -> Result<()> {
        match self {
            Self::Number(number) if number < least => {
                Err(ForestError::parameter(key, number, format!("must be at least {least}")))
            }
            Self::Fraction(part) if !(part > 0.0 && part <= 1.0) => {
                Err(ForestError::parameter(key, part, "a fraction must be above 0 and at most 1"))
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Fraction(fraction) => write!(f, "{fraction:?}"),
        }
    }
}

/// Features that are tried at a split.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MaxFeatures {
    /// Every one.
    All,
    /// So many.
    Number(usize),
    /// So large a part, rounded down.
    Fraction(f64),
    /// The square root of their number, rounded down.
    Sqrt,
    /// The binary logarithm of their number, rounded down.
    Log2,
    /// All for regressors, the square root for classifiers: what `auto` meant before scikit-learn 1.3.
    Auto,
}

impl MaxFeatures {
    fn of(self, features: usize, classifies: bool) -> usize {
        let number = match self {
            Self::Auto if classifies => features.isqrt(),
            Self::All | Self::Auto => features,
            Self::Number(number) => number,
            Self::Fraction(fraction) => (fraction * features as f64) as usize,
            Self::Sqrt => features.isqrt(),
            Self::Log2 => features.ilog2() as usize,
        };
        number.clamp(1, features)
    }
}

/// Parameters as numbers, for a table of a certain size.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) max_depth: usize,
    pub(crate) min_samples_split: usize,
    pub(crate) min_samples_leaf: usize,
    pub(crate) min_weight_leaf: f64,
    pub(crate) max_features: usize,
    pub(crate) max_leaf_nodes: Option<usize>,
    pub(crate) min_impurity_decrease: f64,
}

impl Parameters {
    /// Tells a parameter outside its domain.
    ///
    /// # Errors
    /// Names the parameter and what would be fine.
    pub fn check(&self) -> Result<()> {
        if self.n_estimators == 0 {
            return Err(ForestError::parameter("n_estimators", 0, "must be at least 1"));
        }
        if self.max_depth == Some(0) {
            return Err(ForestError::parameter("max_depth", 0, "must be at least 1"));
        }
        self.min_samples_split.check("min_samples_split", 2)?;
        self.min_samples_leaf.check("min_samples_leaf", 1)?;
        if let Some(drawn) = self.max_samples {
            drawn.check("max_samples", 1)?;
            if !self.bootstrap {
                return Err(ForestError::parameter("max_samples", drawn, "needs bootstrap: true"));
            }
        }
        if !(0.0..=0.5).contains(&self.min_weight_fraction_leaf) {
            let value = self.min_weight_fraction_leaf;
            return Err(ForestError::parameter("min_weight_fraction_leaf", value, "must be from 0 to 0.5"));
        }
        match self.max_features {
            MaxFeatures::Number(0) => return Err(ForestError::parameter("max_features", 0, "must be at least 1")),
            MaxFeatures::Fraction(part) if !(part > 0.0 && part <= 1.0) => {
                return Err(ForestError::parameter("max_features", part, "a fraction must be above 0 and at most 1"));
            }
            _ => {}
        }
        if let Some(leaves @ 0..2) = self.max_leaf_nodes {
            return Err(ForestError::parameter("max_leaf_nodes", leaves, "must be at least 2"));
        }
        if self.min_impurity_decrease.is_nan() || self.min_impurity_decrease < 0.0 {
            let value = self.min_impurity_decrease;
            return Err(ForestError::parameter("min_impurity_decrease", value, "must be at least 0"));
        }
        if self.oob_score && !self.bootstrap {
            return Err(ForestError::parameter("oob_score", true, "needs bootstrap: true"));
        }
        Ok(())
    }

    /// The criterion for this task.
    pub(crate) fn criterion_of(&self, task: &Task) -> Result<Criterion> {
        let usual = match task {
            Task::Regression { .. } => Criterion::SquaredError,
            Task::Classification { .. } => Criterion::Gini,
        };
        let criterion = self.criterion.unwrap_or(usual);
        if (criterion == Criterion::SquaredError) != (usual == Criterion::SquaredError) {
            let message = match task {
                Task::Regression { .. } => "numbers are learnt with squared_error",
                Task::Classification { .. } => "classes are learnt with gini or entropy",
            };
            return Err(ForestError::parameter("criterion", format!("{criterion:?}").to_lowercase(), message));
        }
        Ok(criterion)
    }

    pub(crate) fn limits(&self, rows: usize, weight: f64, features: usize, classifies: bool) -> Limits {
        let min_samples_leaf = self.min_samples_leaf.of(rows).max(1);
        Limits {
            max_depth: self.max_depth.unwrap_or(usize::MAX),
            min_samples_split: self.min_samples_split.of(rows).max(2),
            min_samples_leaf,
            min_weight_leaf: self.min_weight_fraction_leaf * weight,
            max_features: self.max_features.of(features, classifies),
            max_leaf_nodes: self.max_leaf_nodes,
            min_impurity_decrease: self.min_impurity_decrease,
        }
    }

    /// Rows that are drawn for a tree out of `rows` with the sum of weights `weight`.
    pub(crate) fn drawn(&self, rows: usize, weight: f64) -> usize {
        match self.max_samples {
            None => rows,
            Some(Amount::Number(number)) => number,
            Some(Amount::Fraction(part)) => ((part * weight) as usize).max(1),
        }
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match *self {
            Self::Number(number) => serializer.serialize_u64(number as u64),
            Self::Fraction(fraction) => serializer.serialize_f64(fraction),
        }
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = Amount;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of rows or a fraction")
            }

            fn visit_u64<E: serde::de::Error>(self, value: u64) -> std::result::Result<Amount, E> {
                usize::try_from(value).map(Amount::Number).map_err(E::custom)
            }

            fn visit_i64<E: serde::de::Error>(self, value: i64) -> std::result::Result<Amount, E> {
                usize::try_from(value)
                    .map(Amount::Number)
                    .map_err(|_| E::invalid_value(Unexpected::Signed(value), &self))
            }

            fn visit_f64<E: serde::de::Error>(self, value: f64) -> std::result::Result<Amount, E> {
                Ok(Amount::Fraction(value))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

impl Serialize for MaxFeatures {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match *self {
            Self::All => serializer.serialize_none(),
            Self::Number(number) => serializer.serialize_u64(number as u64),
            Self::Fraction(fraction) => serializer.serialize_f64(fraction),
            Self::Sqrt => serializer.serialize_str("sqrt"),
            Self::Log2 => serializer.serialize_str("log2"),
            Self::Auto => serializer.serialize_str("auto"),
        }
    }
}

impl<'de> Deserialize<'de> for MaxFeatures {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = MaxFeatures;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of features, a fraction, 'sqrt', 'log2', 'auto' or null")
            }

            fn visit_u64<E: serde::de::Error>(self, value: u64) -> std::result::Result<MaxFeatures, E> {
                usize::try_from(value).map(MaxFeatures::Number).map_err(E::custom)
            }

            fn visit_i64<E: serde::de::Error>(self, value: i64) -> std::result::Result<MaxFeatures, E> {
                let number = usize::try_from(value);
                number.map(MaxFeatures::Number).map_err(|_| E::invalid_value(Unexpected::Signed(value), &self))
            }

            fn visit_f64<E: serde::de::Error>(self, value: f64) -> std::result::Result<MaxFeatures, E> {
                Ok(MaxFeatures::Fraction(value))
            }

            fn visit_str<E: serde::de::Error>(self, value: &str) -> std::result::Result<MaxFeatures, E> {
                match value {
                    "sqrt" => Ok(MaxFeatures::Sqrt),
                    "log2" => Ok(MaxFeatures::Log2),
                    "auto" => Ok(MaxFeatures::Auto),
                    _ => Err(E::invalid_value(Unexpected::Str(value), &self)),
                }
            }

            fn visit_unit<E: serde::de::Error>(self) -> std::result::Result<MaxFeatures, E> {
                Ok(MaxFeatures::All)
            }

            fn visit_none<E: serde::de::Error>(self) -> std::result::Result<MaxFeatures, E> {
                Ok(MaxFeatures::All)
            }
        }
        deserializer.deserialize_any(Reader).map_err(D::Error::custom)
    }
}

impl JsonSchema for Amount {
    fn schema_name() -> Cow<'static, str> {
        "Amount".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "number"})
    }
}

impl JsonSchema for MaxFeatures {
    fn schema_name() -> Cow<'static, str> {
        "MaxFeatures".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": ["number", "string", "null"]})
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_fractions_differ_by_their_point() {
        let text = r#"{"max_features": 1.0, "min_samples_leaf": 10, "min_samples_split": 0.25, "max_depth": 30}"#;
        let parameters: Parameters = serde_json::from_str(text).unwrap();
        assert_eq!(parameters.max_features, MaxFeatures::Fraction(1.0));
        let limits = parameters.limits(1001, 1001.0, 12, false);
        assert_eq!((limits.max_features, limits.min_samples_leaf, limits.min_samples_split), (12, 10, 251));
        let back: Parameters = serde_json::from_str(&serde_json::to_string(&parameters).unwrap()).unwrap();
        assert_eq!(back, parameters);
        for (text, features) in [("1", 1), ("\"sqrt\"", 3), ("\"log2\"", 3), ("null", 12), ("0.3", 3), ("0.01", 1)] {
            assert_eq!(serde_json::from_str::<MaxFeatures>(text).unwrap().of(12, true), features, "{text}");
        }
        let auto: MaxFeatures = serde_json::from_str("\"auto\"").unwrap();
        assert_eq!((auto.of(12, true), auto.of(12, false)), (3, 12));
    }

    #[test]
    fn values_outside_their_domain_are_named() {
        let wrong = [
            Parameters { n_estimators: 0, ..Parameters::default() },
            Parameters { max_depth: Some(0), ..Parameters::default() },
            Parameters { min_samples_leaf: Amount::Number(0), ..Parameters::default() },
            Parameters { min_samples_split: Amount::Fraction(1.5), ..Parameters::default() },
            Parameters { max_features: MaxFeatures::Fraction(0.0), ..Parameters::default() },
            Parameters { max_leaf_nodes: Some(1), ..Parameters::default() },
            Parameters { min_weight_fraction_leaf: 0.6, ..Parameters::default() },
            Parameters { min_impurity_decrease: f64::NAN, ..Parameters::default() },
            Parameters { oob_score: true, bootstrap: false, ..Parameters::default() },
        ];
        let keys = wrong.map(|parameters| parameters.check().unwrap_err().to_string());
        for (text, key) in keys.iter().zip([
            "n_estimators",
            "max_depth",
            "min_samples_leaf",
            "min_samples_split",
            "max_features",
            "max_leaf_nodes",
            "min_weight_fraction_leaf",
            "min_impurity_decrease",
            "oob_score",
        ]) {
            assert!(text.starts_with(key), "{text}");
        }
        assert!(Parameters::default().check().is_ok());
    }
}
