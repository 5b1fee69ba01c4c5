//! Results of several jobs as one.

use std::collections::BTreeMap;

use super::parameters::{Key, Parameters, ScalingTable};
use super::sums::{Sums, four_digits};
use crate::error::{Result, TauError};

/// Adds the moments of jobs.
pub fn add(total: &mut BTreeMap<Key, Sums>, job: &BTreeMap<Key, Sums>) {
    for (key, sums) in job {
        total.entry(key.clone()).or_default().merge(sums);
    }
}

/// Merges tables of jobs of which only the rounded numbers are left: `mean = Σ n mean / Σ n`, the mean square likewise.
/// The width is only as good as those digits. Features that no job has values of stay without numbers.
///
/// # Errors
/// Tables whose features or limits differ.
pub fn tables(jobs: &[(String, ScalingTable)]) -> Result<ScalingTable> {
    let Some((first_name, first)) = jobs.first() else { return Ok(ScalingTable::default()) };
    let mut merged = first.clone();
    for (place, (key, into)) in merged.entries.iter_mut().enumerate() {
        let (block, feature, cone) = &*key;
        let mut totals: Option<[f64; 3]> = None;
        let mut num = None;
        for (name, job) in jobs {
            let differ =
                |what: &str| TauError::content(name, format!("`{block}.{feature}.{cone}` {what} {first_name}"));
            let entry = match job.entries.get(place) {
                Some((known, entry)) if known == key => Some(entry),
                _ => job.entries.iter().find(|(known, _)| known == key).map(|(_, entry)| entry),
            };
            let entry = entry.ok_or_else(|| differ("is missing, but is in"))?;
            if (entry.lim_min, entry.lim_max) != (into.lim_min, into.lim_max) {
                return Err(differ("has other limits than in"));
            }
            let Some(count) = entry.num else {
                if (entry.mean, entry.std) != (into.mean, into.std) {
                    return Err(differ("has another range than in"));
                }
                continue;
            };
            num = Some(num.unwrap_or(0) + count);
            if let (Some(mean), Some(sqmean)) = (entry.mean, entry.sqmean) {
                let [n, sum, sum2] = totals.unwrap_or_default();
                let count = count as f64;
                totals = Some([n + count, sum + count * mean, sum2 + count * sqmean]);
            }
        }
        if let Some(num) = num {
            *into = of_totals(into, totals, num);
        }
    }
    Ok(merged)
}

fn of_totals(limits: &Parameters, totals: Option<[f64; 3]>, num: u64) -> Parameters {
    let moments = totals.map(|[n, sum, sum2]| {
        let (mean, sqmean) = (sum / n, sum2 / n);
        [mean, (sqmean - mean * mean).max(0.0).sqrt(), sqmean].map(four_digits)
    });
    let at = |index: usize| moments.and_then(|moments| moments.get(index).copied());
    Parameters { mean: at(0), std: at(1), sqmean: at(2), num: Some(num), ..*limits }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn job(num: u64, mean: f64, sqmean: f64) -> ScalingTable {
        let entry = if num > 1 {
            Parameters {
                mean: Some(mean),
                std: Some(1.0),
                lim_min: -5.0,
                lim_max: 5.0,
                sqmean: Some(sqmean),
                num: Some(num),
            }
        } else {
            Parameters { mean: None, std: None, lim_min: -5.0, lim_max: 5.0, sqmean: None, num: Some(num) }
        };
        ScalingTable { entries: vec![(("B".into(), "f".into(), "inner".into()), entry)] }
    }

    #[test]
    fn jobs_count_by_their_values_and_empty_ones_do_not_abort() {
        let jobs =
            [("a".to_owned(), job(10, 1.0, 2.0)), ("b".into(), job(30, 2.0, 6.0)), ("c".into(), job(0, 0.0, 0.0))];
        let merged = tables(&jobs).unwrap();
        let found = merged.entries.first().unwrap().1;
        assert_eq!((found.mean, found.sqmean, found.num), (Some(1.75), Some(5.0), Some(40)));
        // sqrt(5 - 1.75^2) = 1.39194
        assert_eq!(found.std, Some(1.392));
        assert_eq!(tables(&jobs[2..]).unwrap().entries.first().unwrap().1.mean, None);
    }

    #[test]
    fn other_limits_are_refused() {
        let mut other = job(10, 1.0, 2.0);
        other.entries.first_mut().unwrap().1.lim_max = 4.0;
        let error = tables(&[("a".to_owned(), job(10, 1.0, 2.0)), ("b".into(), other)]).unwrap_err().to_string();
        assert_eq!(error, "b: `B.f.inner` has other limits than in a");
    }
}
