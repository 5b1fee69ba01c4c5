//! Order statistics: quantiles, median, interquartile range, effective sigma.
//!
//! NaN values are left out. Functions that take raw values sort a copy; the `sorted_*` forms take
//! increasing values without NaN and allocate nothing.

use crate::{Result, StatsError};

/// The values without NaN, in increasing order.
pub fn sorted(values: &[f64]) -> Vec<f64> {
    let mut kept: Vec<f64> = values.iter().copied().filter(|x| !x.is_nan()).collect();
    kept.sort_unstable_by(f64::total_cmp);
    kept
}

/// Quantile at probability `p` with linear interpolation between order statistics: position
/// `p (n - 1)`, definition 7 of Hyndman and Fan (1996), the default of NumPy and R.
/// `None` without values or for `p` outside [0, 1].
pub fn quantile(values: &[f64], p: f64) -> Option<f64> {
    sorted_quantile(&sorted(values), p)
}

/// [`quantile`] of values that are already in increasing order.
pub fn sorted_quantile(sorted: &[f64], p: f64) -> Option<f64> {
    if !(0.0..=1.0).contains(&p) {
        return None;
    }
    let position = p * sorted.len().checked_sub(1)? as f64;
    let below = position.floor();
    let low = *sorted.get(below as usize)?;
    let high = sorted.get(below as usize + 1).copied().unwrap_or(low);
    let fraction = position - below;
    // equal neighbours (also infinite ones) need no interpolation
    Some(if fraction == 0.0 || low == high { low } else { low + fraction * (high - low) })
}

/// Median: the quantile at 1/2.
pub fn median(values: &[f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// Interquartile range: quantile(3/4) - quantile(1/4).
pub fn iqr(values: &[f64]) -> Option<f64> {
    let sorted = sorted(values);
    Some(sorted_quantile(&sorted, 0.75)? - sorted_quantile(&sorted, 0.25)?)
}

/// Quantile of weighted values. Equal values are merged; with cumulative weights `s_k` and target
/// `t = p W` the result is the first value with `s_k >= t`, or the mean of it and the next one when
/// `s_k = t` (within 1e-10). With equal weights and `p = 1/2` this is the ordinary median.
/// Entries with NaN or with a weight that is not positive are left out; `None` when none is left.
///
/// # Errors
/// Slices of different length, or `p` outside [0, 1].
pub fn weighted_quantile(values: &[f64], weights: &[f64], p: f64) -> Result<Option<f64>> {
    if values.len() != weights.len() {
        return Err(StatsError::Length { what: "values and weights", left: values.len(), right: weights.len() });
    }
    if !(0.0..=1.0).contains(&p) {
        return Err(StatsError::Probability { what: "quantile probability", value: p });
    }
    let mut pairs: Vec<(f64, f64)> = values
        .iter()
        .copied()
        .zip(weights.iter().copied())
        .filter(|(x, w)| !x.is_nan() && w.is_finite() && *w > 0.0)
        .collect();
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    pairs.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        if same {
            kept.1 += next.1;
        }
        same
    });
    let target = p * pairs.iter().map(|(_, w)| w).sum::<f64>();
    let mut cumulative = 0.0;
    for (k, &(x, w)) in pairs.iter().enumerate() {
        cumulative += w;
        if (cumulative - target).abs() < 1e-10 {
            return Ok(Some(pairs.get(k + 1).map_or(x, |next| 0.5 * (x + next.0))));
        }
        if cumulative > target {
            return Ok(Some(x));
        }
    }
    // rounding may leave the last cumulative weight just below the target
    Ok(pairs.last().map(|(x, _)| *x))
}

/// Effective sigma at 68 %: [`shortest_half_width`] with fraction 0.68.
pub fn effective_sigma(values: &[f64]) -> Option<f64> {
    shortest_half_width(values, 0.68)
}

/// Half of the shortest interval between order statistics that are `m = int(fraction n) + 1`
/// places apart: `min(x[m:] - x[:-m]) / 2` of the `n` sorted values. `None` when `m >= n` (fewer
/// than 4 values at 68 %) or for a fraction outside [0, 1].
pub fn shortest_half_width(values: &[f64], fraction: f64) -> Option<f64> {
    sorted_shortest_half_width(&sorted(values), fraction)
}

/// [`shortest_half_width`] of values that are already in increasing order.
pub fn sorted_shortest_half_width(sorted: &[f64], fraction: f64) -> Option<f64> {
    if !(0.0..=1.0).contains(&fraction) {
        return None;
    }
    let steps = (fraction * sorted.len() as f64) as usize + 1;
    let upper = sorted.get(steps..)?;
    upper.iter().zip(sorted).map(|(high, low)| 0.5 * (high - low)).min_by(f64::total_cmp)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quantiles_by_hand() {
        // numpy.quantile([4, 1, 3, 2], [0, .1, .25, .5, .75, 1]) = 1, 1.3, 1.75, 2.5, 3.25, 4
        let values = [4.0, 1.0, f64::NAN, 3.0, 2.0];
        for (p, expected) in [(0.0, 1.0), (0.1, 1.3), (0.25, 1.75), (0.5, 2.5), (0.75, 3.25), (1.0, 4.0)] {
            assert!((quantile(&values, p).unwrap() - expected).abs() < 1e-15, "p = {p}");
        }
        assert_eq!(iqr(&values), Some(1.5));
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(quantile(&values, 1.5), None);
        assert_eq!(quantile(&values, f64::NAN), None);
        assert_eq!(median(&[f64::INFINITY, f64::INFINITY]), Some(f64::INFINITY));
    }

    #[test]
    fn weighted_quantiles_by_hand() {
        // cumulative weights of 1, 2, 3: 1, 3, 4
        let (x, w) = ([3.0, 1.0, 2.0, 9.0], [1.0, 1.0, 2.0, 0.0]);
        let at = |p| weighted_quantile(&x, &w, p).unwrap();
        assert_eq!(at(0.0), Some(1.0));
        assert_eq!(at(0.25), Some(1.5)); // exactly on the boundary: mean of 1 and 2
        assert_eq!(at(0.5), Some(2.0));
        assert_eq!(at(0.75), Some(2.5));
        assert_eq!(at(0.9), Some(3.0));
        assert_eq!(at(1.0), Some(3.0));
        assert_eq!(weighted_quantile(&[], &[], 0.5), Ok(None));
        assert!(weighted_quantile(&x, &w[1..], 0.5).is_err());
        assert!(weighted_quantile(&x, &w, 2.0).is_err());
        // ties are merged first
        assert_eq!(weighted_quantile(&[5.0, 5.0, 7.0], &[1.0, 1.0, 1.0], 0.5), Ok(Some(5.0)));
    }

    #[test]
    fn effective_sigma_by_hand() {
        // n = 5: m = int(3.4) + 1 = 4, one interval: (10 - 0) / 2
        assert_eq!(effective_sigma(&[0.0, 1.0, 2.0, 3.0, 10.0]), Some(5.0));
        // n = 10: m = 7, intervals 0..7, 1..8, 2..20
        let values = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 7.5, 20.0];
        assert_eq!(effective_sigma(&values), Some(3.25));
        assert_eq!(effective_sigma(&[1.0, 2.0, 3.0]), None);
        assert_eq!(effective_sigma(&[]), None);
    }

    proptest! {
        #[test]
        fn quantiles_are_monotone(
            data in prop::collection::vec((-1e6..1e6f64, 1..50u8), 1..60), p in 0.0..1.0f64, q in 0.0..1.0f64
        ) {
            let (values, weights): (Vec<f64>, Vec<f64>) = data.iter().map(|&(x, w)| (x, f64::from(w))).unzip();
            let (p, q) = (p.min(q), p.max(q));
            prop_assert!(quantile(&values, p).unwrap() <= quantile(&values, q).unwrap());
            let (low, high) = (
                weighted_quantile(&values, &weights, p).unwrap().unwrap(),
                weighted_quantile(&values, &weights, q).unwrap().unwrap(),
            );
            prop_assert!(low <= high);
        }

        #[test]
        fn effective_sigma_ignores_order_and_shift(values in prop::collection::vec(-1e3..1e3f64, 4..60)) {
            let shifted: Vec<f64> = values.iter().rev().map(|x| x + 8.0).collect();
            let difference = effective_sigma(&values).unwrap() - effective_sigma(&shifted).unwrap();
            prop_assert!(difference.abs() < 1e-9);
        }
    }
}
