//! The values that a parameter can take.

use recoil_stage::config::flow;
use serde_json::Value as Json;

/// Values of one parameter.
#[derive(Clone, Debug, PartialEq)]
pub enum Dimension {
    /// Any number between two, all equally likely.
    Uniform(f64, f64),
    /// Any number between two positive ones, all orders of magnitude equally likely.
    Log(f64, f64),
    /// A whole number between two, both included.
    Integer(i64, i64),
    /// A whole number between two positive ones, all orders of magnitude equally likely.
    LogInteger(i64, i64),
    /// One of these.
    Choice(Vec<Json>),
}

/// Digits of a drawn number: what is written down is what is used.
const DIGITS: usize = 4;

impl Dimension {
    /// The value at a place of [0, 1).
    pub fn at(&self, place: f64) -> Json {
        let between = |low: f64, high: f64| low + place * (high - low);
        match self {
            Self::Uniform(low, high) => Json::from(rounded(between(*low, *high)).clamp(*low, *high)),
            Self::Log(low, high) => Json::from(rounded(between(low.ln(), high.ln()).exp()).clamp(*low, *high)),
            Self::Integer(low, high) => Json::from(whole(between(*low as f64, *high as f64 + 1.0), *low, *high)),
            Self::LogInteger(low, high) => {
                // each number has the share of the logarithms that round to it
                let (first, last) = (*low as f64 - 0.5, *high as f64 + 0.5);
                Json::from(whole(between(first.ln(), last.ln()).exp() + 0.5, *low, *high))
            }
            Self::Choice(values) => {
                let index = (place * values.len() as f64) as usize;
                values.get(index.min(values.len().saturating_sub(1))).cloned().unwrap_or_default()
            }
        }
    }

    /// Values at both ends, or all of a choice.
    pub fn ends(&self) -> Vec<Json> {
        match self {
            Self::Uniform(low, high) | Self::Log(low, high) => vec![Json::from(*low), Json::from(*high)],
            Self::Integer(low, high) | Self::LogInteger(low, high) => vec![Json::from(*low), Json::from(*high)],
            Self::Choice(values) => values.clone(),
        }
    }

    /// Whether differences of logarithms are what counts.
    pub fn is_logarithmic(&self) -> bool {
        matches!(self, Self::Log(..) | Self::LogInteger(..))
    }
}

fn whole(value: f64, low: i64, high: i64) -> i64 {
    (value.floor() as i64).clamp(low, high)
}

fn rounded(value: f64) -> f64 {
    format!("{value:.*e}", DIGITS - 1).parse().unwrap_or(value)
}

/// The word that sets a key.
pub fn word(key: &str, value: &Json) -> String {
    format!("{key}={}", flow(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn places_become_values() {
        assert_eq!(Dimension::Uniform(0.0, 0.2).at(0.5), json!(0.1));
        assert_eq!(Dimension::Uniform(0.0, 0.2).at(0.123456789), json!(0.02469));
        assert_eq!(Dimension::Log(1e-4, 1e-2).at(0.5), json!(0.001));
        assert_eq!(Dimension::Log(1e-4, 1e-2).at(0.0), json!(0.0001));
        let integers: Vec<Json> = [0.0, 0.3, 0.34, 0.99].map(|place| Dimension::Integer(1, 3).at(place)).into();
        assert_eq!(integers, [1, 1, 2, 3].map(Json::from));
        let choice = Dimension::Choice(vec![json!("a"), json!({"b": 1})]);
        assert_eq!([choice.at(0.49), choice.at(0.5)], [json!("a"), json!({"b": 1})]);
        assert_eq!(word("a.b", &json!({"b": 1})), "a.b={b: 1}");
    }

    #[test]
    fn whole_numbers_of_all_magnitudes_are_equally_likely() {
        let dimension = Dimension::LogInteger(1, 100);
        let mut below = [0; 2];
        for index in 0..10_000 {
            let value = dimension.at(f64::from(index) / 1e4).as_i64().unwrap_or_default();
            assert!((1..=100).contains(&value));
            below[0] += i32::from(value < 10);
            below[1] += i32::from(value == 1);
        }
        // the logarithm of 9.5 / 0.5, and of 1.5 / 0.5, over that of 100.5 / 0.5
        assert!((below[0] - 5552).abs() <= 2 && (below[1] - 2072).abs() <= 2, "{below:?}");
    }
}
