//! Drawing trials.

use super::{Dimension, Parameters};
use recoil_stage::Seed;
use std::collections::HashSet;

/// Draws of one trial that are refused before the search gives up.
const TRIES: u64 = 1000;

/// The trials that could be drawn.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Drawn {
    /// The trials.
    pub trials: Vec<Parameters>,
    /// Why there are no more: the last refusal, or nothing if all combinations are taken.
    pub missing: Option<Option<String>>,
}

/// Draws trials that differ from each other. A trial depends on the seed, its number and the names of its parameters, not
/// on how many others there are. Combinations that `fits` refuses are drawn again.
pub fn draw(
    seed: Seed,
    space: &[(String, Dimension)],
    samples: usize,
    mut fits: impl FnMut(&Parameters) -> Result<(), String>,
) -> Drawn {
    let mut drawn = Drawn::default();
    let mut seen: HashSet<String> = HashSet::new();
    for number in 0..samples {
        let mut refusal = None;
        let found = (0..TRIES).find_map(|attempt| {
            let own = seed.indexed(number as u64).indexed(attempt);
            let one = |(key, dimension): &(String, Dimension)| {
                let place = (own.named(key).value() >> 11) as f64 / (1_u64 << 53) as f64;
                (key.clone(), dimension.at(place))
            };
            let parameters: Parameters = space.iter().map(one).collect();
            let text = serde_json::to_string(&parameters).unwrap_or_default();
            // what was refused once is refused again
            if !seen.insert(text) {
                return None;
            }
            match fits(&parameters) {
                Ok(()) => Some(parameters),
                Err(reason) => {
                    refusal = Some(reason);
                    None
                }
            }
        });
        match found {
            Some(parameters) => drawn.trials.push(parameters),
            None => {
                drawn.missing = Some(refusal);
                break;
            }
        }
    }
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn space() -> Vec<(String, Dimension)> {
        vec![
            ("layers".into(), Dimension::Choice(vec![json!(1), json!(2), json!(3)])),
            ("rate".into(), Dimension::Log(1e-4, 1e-2)),
        ]
    }

    fn drawn(seed: u64, space: &[(String, Dimension)], samples: usize) -> Drawn {
        draw(Seed::new(seed), space, samples, |_| Ok(()))
    }

    #[test]
    fn a_trial_depends_on_its_number_and_the_seed_alone() {
        let all = drawn(1, &space(), 40);
        assert_eq!(all.missing, None);
        assert_eq!(drawn(1, &space(), 10).trials, all.trials[..10]);
        assert_ne!(drawn(2, &space(), 10).trials, all.trials[..10]);
        // a further parameter changes none of the others
        let mut more = space();
        more.push(("batch".into(), Dimension::Integer(8, 32)));
        for (wide, narrow) in drawn(1, &more, 10).trials.iter().zip(&all.trials) {
            assert_eq!((&wide["layers"], &wide["rate"]), (&narrow["layers"], &narrow["rate"]));
        }
        let rates: Vec<f64> = all.trials.iter().filter_map(|trial| trial["rate"].as_f64()).collect();
        assert!(rates.iter().all(|rate| (1e-4..=1e-2).contains(rate)));
        let low = rates.iter().filter(|rate| **rate < 1e-3).count();
        assert!((10..=30).contains(&low), "{low}");
    }

    #[test]
    fn no_combination_comes_twice_and_small_spaces_end() {
        let small = vec![("a".into(), Dimension::Integer(1, 2)), ("b".into(), Dimension::Choice(vec![json!("x")]))];
        let found = drawn(1, &small, 3);
        assert_eq!((found.trials.len(), found.missing), (2, Some(None)));
        assert_ne!(found.trials[0], found.trials[1]);
    }

    #[test]
    fn what_does_not_fit_is_drawn_again() {
        let fits = |trial: &Parameters| match trial["layers"] == 2 {
            true => Ok(()),
            false => Err("two layers".to_owned()),
        };
        let found = draw(Seed::new(1), &space(), 5, fits);
        assert_eq!(found.trials.len(), 5);
        assert!(found.trials.iter().all(|trial| trial["layers"] == 2));
        let none = draw(Seed::new(1), &space(), 5, |_| Err("never".into()));
        assert_eq!((none.trials.len(), none.missing), (0, Some(Some("never".into()))));
    }
}
