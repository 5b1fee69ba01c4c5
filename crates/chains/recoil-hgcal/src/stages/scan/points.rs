//! The points of a scan, from the values of its keys.

use std::borrow::Cow;

use recoil_stage::Problem;
use recoil_stage::config::{self, Given, Node, Origin, Source};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::{PointConfig, ScanConfig};
use crate::front_end::Compression;
use crate::scan::Point;

/// A scan may have this many points.
const MOST_POINTS: usize = 10_000;

/// The values of each key, as they were written: mappings of keys down to a list, a range or one value.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Axes(Map<String, Json>);

impl JsonSchema for Axes {
    fn schema_name() -> Cow<'static, str> {
        "Axes".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "additionalProperties": true })
    }
}

/// All combinations of the values.
pub(super) struct Grid {
    /// The keys, in the order in which they were given.
    pub keys: Vec<String>,
    /// The values of the keys at each point; the last key changes fastest.
    pub values: Vec<Vec<Json>>,
    /// The configurations.
    pub points: Vec<Point>,
}

impl Grid {
    /// Works out the points.
    ///
    /// # Errors
    /// An unknown key, a wrong value, a key without values, too many points.
    pub fn new(config: &ScanConfig) -> Result<Self, Problem> {
        let mut axes = config.frontend.axes();
        for (name, value) in &config.scan.0 {
            collect(name, value, &mut axes)?;
        }
        if let Some((key, _)) = axes.iter().find(|(_, values)| values.is_empty()) {
            return Err(Problem::new(key.clone(), "has no values"));
        }
        let twice = axes.iter().enumerate().find(|(i, (key, _))| axes.iter().take(*i).any(|(other, _)| other == key));
        if let Some((_, (key, _))) = twice {
            return Err(Problem::new(format!("scan.{key}"), "has values elsewhere too"));
        }
        let count = axes.iter().try_fold(1_usize, |n, (_, values)| n.checked_mul(values.len()));
        if count.is_none_or(|n| n > MOST_POINTS) {
            return Err(Problem::new("scan", format!("has more than {MOST_POINTS} points")));
        }
        let mut values: Vec<Vec<Json>> = vec![Vec::new()];
        for (_, own) in &axes {
            let with = |start: &Vec<Json>| {
                let start = start.clone();
                own.iter().map(move |value| start.iter().cloned().chain([value.clone()]).collect()).collect::<Vec<_>>()
            };
            values = values.iter().flat_map(with).collect();
        }
        let keys: Vec<String> = axes.into_iter().map(|(key, _)| key).collect();
        let base = config::to_json(&config.base()).map_err(|error| Problem::new("scan", error.to_string()))?;
        let point = |values: &Vec<Json>| {
            let tree = Node::from_json(&base, &Source::new(Origin::Default, ""));
            let words = keys.iter().zip(values).map(|(key, v)| Given::Word(format!("{key}={}", config::flow(v))));
            let given: Vec<Given> = std::iter::once(Given::Tree(tree)).chain(words).collect();
            let read = config::resolve::<PointConfig>(&given);
            let point =
                read.map_err(|error| Problem::new("scan", format!("has a point that cannot work: {error}")))?.config;
            Ok(Point { frontend: point.frontend.clone(), chain: point.chain(), validate: point.validate })
        };
        let points = values.iter().map(point).collect::<Result<_, Problem>>()?;
        Ok(Self { keys, values, points })
    }
}

impl Grid {
    /// Whether cells are compressed at any point.
    pub fn has_front_end(&self) -> bool {
        self.points.iter().any(|point| point.frontend.algorithm != Compression::None)
    }
}

/// Descends to the values of each key.
fn collect(key: &str, value: &Json, axes: &mut Vec<(String, Vec<Json>)>) -> Result<(), Problem> {
    let problem = |message: &str| Err(Problem::new(format!("scan.{key}"), message));
    let values = match value {
        Json::Object(map) if map.contains_key("from") || map.contains_key("to") || map.contains_key("steps") => {
            let (Some(from), Some(to), Some(steps), 3) = (map.get("from"), map.get("to"), map.get("steps"), map.len())
            else {
                return problem("needs `from`, `to` and `steps` and nothing else");
            };
            match (from.as_f64(), to.as_f64(), steps.as_u64()) {
                (Some(from), Some(to), Some(steps)) => range(key, from, to, steps)?,
                _ => return problem("needs numbers in `from` and `to` and a whole number in `steps`"),
            }
        }
        Json::Object(map) => {
            return map.iter().try_for_each(|(name, value)| collect(&format!("{key}.{name}"), value, axes));
        }
        Json::Array(values) => values.clone(),
        Json::String(text) => written(key, text)?,
        Json::Null => Vec::new(),
        one => vec![one.clone()],
    };
    if values.is_empty() {
        return problem("has no values: give a list such as 1,2,3 or a range such as 1:3:3");
    }
    axes.push((key.to_owned(), values));
    Ok(())
}

/// The values of `1,2,3` or `0.01:0.05:5`.
fn written(key: &str, text: &str) -> Result<Vec<Json>, Problem> {
    let parts: Vec<&str> = text.split(':').map(str::trim).collect();
    if let [from, to, steps] = parts.as_slice()
        && let (Ok(from), Ok(to)) = (from.parse(), to.parse())
    {
        let steps = steps.parse().map_err(|_| {
            Problem::new(format!("scan.{key}"), format!("has '{steps}' for the number of values in '{text}'"))
        })?;
        return range(key, from, to, steps);
    }
    let one = |word: &str| serde_json::from_str(word).unwrap_or_else(|_| Json::from(word));
    Ok(text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(one).collect())
}

/// `steps` values from `from` to `to`, both included; whole numbers stay whole.
fn range(key: &str, from: f64, to: f64, steps: u64) -> Result<Vec<Json>, Problem> {
    let problem = |message: String| Err(Problem::new(format!("scan.{key}"), message));
    if !(1..=MOST_POINTS as u64).contains(&steps) {
        return problem(format!("has {steps} values, but must have 1 to {MOST_POINTS}"));
    }
    if !from.is_finite() || !to.is_finite() {
        return problem("needs ends that are numbers".to_owned());
    }
    let last = steps.saturating_sub(1);
    let value = |i: u64| match i {
        0 => from,
        i if i == last => to,
        i => from + (to - from) * (i as f64 / last as f64),
    };
    let values: Vec<f64> = (0..steps).map(value).collect();
    let whole = values.iter().all(|v| v.fract() == 0.0 && v.abs() < 9.0e15);
    Ok(values.into_iter().map(|v| if whole { Json::from(v as i64) } else { Json::from(v) }).collect())
}
