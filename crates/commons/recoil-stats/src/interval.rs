//! Confidence intervals of counts and efficiencies.
//!
//! Every confidence level is the central probability content: 0.683 leaves 0.1585 on each side.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal};
use statrs::function::{beta, gamma};

use crate::{Result, StatsError};

/// Central content of one standard deviation of a normal distribution.
pub const ONE_SIGMA: f64 = 0.682_689_492_137_085_9;

/// A value with its lower and upper limit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// best value
    pub value: f64,
    /// lower limit (not a distance)
    pub low: f64,
    /// upper limit (not a distance)
    pub high: f64,
}

impl Interval {
    /// Distances from the value to the limits, `(down, up)`, both >= 0: what error bars want.
    pub fn errors(&self) -> (f64, f64) {
        (self.value - self.low, self.high - self.value)
    }
}

/// Clopper-Pearson ("exact") interval of an efficiency, `value = pass / total`.
///
/// With `a = (1 - level)/2`: low = Beta quantile(a; k, n-k+1), exactly 0 for k = 0; high = Beta
/// quantile(1-a; k+1, n-k), exactly 1 for k = n. Counts may be fractional (sums of weights). With
/// `total = 0` nothing is known: value NaN, limits 0 and 1.
///
/// # Errors
/// A level outside (0, 1), or counts that are not `0 <= pass <= total`.
pub fn clopper_pearson(pass: f64, total: f64, level: f64) -> Result<Interval> {
    let tail = tail(level)?;
    check_counts(pass, total)?;
    if total == 0.0 {
        return Ok(Interval { value: f64::NAN, low: 0.0, high: 1.0 });
    }
    let fail = total - pass;
    let low = if pass == 0.0 { 0.0 } else { beta_quantile(tail, pass, fail + 1.0) };
    // the upper limit is one minus the lower limit of the failures: keeps accuracy close to 1
    let high = if fail == 0.0 { 1.0 } else { 1.0 - beta_quantile(tail, fail, pass + 1.0) };
    Ok(Interval { value: pass / total, low, high })
}

/// Wilson score interval of an efficiency (Wilson 1927), with `z` the normal quantile of the level:
/// centre `(p + z²/2n) / (1 + z²/n)`, half width `z √(p(1-p)/n + z²/4n²) / (1 + z²/n)`.
/// With `total = 0`: value NaN, limits 0 and 1.
///
/// # Errors
/// As [`clopper_pearson`].
pub fn wilson(pass: f64, total: f64, level: f64) -> Result<Interval> {
    let z = normal_quantile(1.0 - tail(level)?);
    check_counts(pass, total)?;
    if total == 0.0 {
        return Ok(Interval { value: f64::NAN, low: 0.0, high: 1.0 });
    }
    let p = pass / total;
    let shrink = 1.0 + z * z / total;
    let centre = (p + z * z / (2.0 * total)) / shrink;
    let half = z * (p * (1.0 - p) / total + z * z / (4.0 * total * total)).sqrt() / shrink;
    // the exact limits at the ends are the value itself; rounding would miss them by an ulp
    let low = if pass == 0.0 { 0.0 } else { (centre - half).clamp(0.0, p) };
    let high = if pass == total { 1.0 } else { (centre + half).clamp(p, 1.0) };
    Ok(Interval { value: p, low, high })
}

/// Interval of an efficiency from weighted events: [`clopper_pearson`] on the effective counts.
///
/// `p = Σw_pass / Σw_total`, `n_eff = (Σw_total)² / Σw²_total`; the interval is that of
/// `p n_eff` passes in `n_eff` trials. It is exact for equal weights and needs weights whose
/// sums obey `0 <= Σw_pass <= Σw_total`.
///
/// # Errors
/// As [`clopper_pearson`].
pub fn weighted_efficiency(pass_w: f64, total_w: f64, total_w2: f64, level: f64) -> Result<Interval> {
    check_counts(pass_w, total_w)?;
    if total_w == 0.0 {
        return clopper_pearson(0.0, 0.0, level);
    }
    if !(total_w2.is_finite() && total_w2 > 0.0) {
        return Err(StatsError::Count { pass: pass_w, total: total_w2 });
    }
    let trials = total_w * total_w / total_w2;
    let efficiency = pass_w / total_w;
    let interval = clopper_pearson((efficiency * trials).min(trials), trials, level)?;
    Ok(Interval { value: efficiency, ..interval })
}

/// Central interval of a Poisson mean from an observed count (Garwood 1936):
/// low = Gamma quantile(a; n), 0 for n = 0; high = Gamma quantile(1-a; n + 1).
///
/// # Errors
/// A level outside (0, 1), or a count that is negative or not finite.
pub fn poisson(count: f64, level: f64) -> Result<Interval> {
    let tail = tail(level)?;
    if !(count.is_finite() && count >= 0.0) {
        return Err(StatsError::Count { pass: count, total: count });
    }
    let low = if count == 0.0 { 0.0 } else { gamma_quantile(tail, count) };
    Ok(Interval { value: count, low, high: gamma_quantile(1.0 - tail, count + 1.0) })
}

/// Probability on each side of a central interval.
fn tail(level: f64) -> Result<f64> {
    if level > 0.0 && level < 1.0 {
        Ok(0.5 * (1.0 - level))
    } else {
        Err(StatsError::Probability { what: "confidence level", value: level })
    }
}

fn check_counts(pass: f64, total: f64) -> Result<()> {
    if total.is_finite() && 0.0 <= pass && pass <= total { Ok(()) } else { Err(StatsError::Count { pass, total }) }
}

fn normal_quantile(p: f64) -> f64 {
    Normal::standard().inverse_cdf(p)
}

/// Smallest `x` in [0, 1] whose regularised incomplete beta function reaches `p`.
fn beta_quantile(p: f64, a: f64, b: f64) -> f64 {
    bisect(0.0, 1.0, |x| beta::beta_reg(a, b, x) < p)
}

/// Smallest `x` whose regularised lower incomplete gamma function reaches `p`.
fn gamma_quantile(p: f64, shape: f64) -> f64 {
    let mut high = shape + 1.0;
    while gamma::gamma_lr(shape, high) < p && high < f64::MAX / 4.0 {
        high *= 2.0;
    }
    bisect(0.0, high, |x| x == 0.0 || gamma::gamma_lr(shape, x) < p)
}

/// The point between `low` and `high` where `below` turns false, to the last float. Bisection is
/// slower than a Newton step and cannot fail for the extreme shapes that small counts in large
/// totals bring.
fn bisect(mut low: f64, mut high: f64, below: impl Fn(f64) -> bool) -> f64 {
    loop {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            return high;
        }
        if below(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn close(interval: Interval, low: f64, high: f64) {
        assert!((interval.low - low).abs() < 1e-10, "low {} expected {low}", interval.low);
        assert!((interval.high - high).abs() < 1e-10, "high {} expected {high}", interval.high);
    }

    #[test]
    fn clopper_pearson_as_scipy() {
        // scipy.stats.beta.ppf, SciPy 1.17
        for (k, n, level, low, high) in [
            (0.0, 10.0, 0.95, 0.0, 0.3084971078187607),
            (10.0, 10.0, 0.95, 0.6915028921812392, 1.0),
            (3.0, 10.0, 0.683, 0.14160928581092622, 0.5083620764870675),
            (3.0, 10.0, 0.95, 0.0667395111777345, 0.6524528500599973),
            (7.5, 12.25, 0.683, 0.42985979762370763, 0.7722747316936693),
            (500.0, 1000.0, 0.9, 0.47351773123569124, 0.5264822687643087),
            (99990.0, 100000.0, 0.683, 0.9998573082138386, 0.9999311020318222),
        ] {
            close(clopper_pearson(k, n, level).unwrap(), low, high);
        }
        // k = 0: high = 1 - (a)^(1/n), by hand: n = 1, level 0.95 gives 0.975
        close(clopper_pearson(0.0, 1.0, 0.95).unwrap(), 0.0, 0.975);
        assert_eq!(clopper_pearson(0.0, 7.0, 0.9).unwrap().low, 0.0);
        assert_eq!(clopper_pearson(7.0, 7.0, 0.9).unwrap().high, 1.0);
    }

    #[test]
    fn wilson_by_formula() {
        close(wilson(3.0, 10.0, 0.95).unwrap(), 0.10779126740630099, 0.6032218525388546);
        close(wilson(0.0, 10.0, 0.95).unwrap(), 0.0, 0.2775327998628892);
        close(wilson(10.0, 10.0, 0.683).unwrap(), 0.9089848000336761, 1.0);
    }

    #[test]
    fn weighted_interval_by_hand_and_scipy() {
        // weights 1 and 2 pass, 3 fails: p = 1/2, n_eff = 36/14, beta quantiles from SciPy
        let interval = weighted_efficiency(3.0, 6.0, 14.0, 0.683).unwrap();
        close(interval, 0.11844382773274545, 0.8815561722672546);
        assert_eq!(interval.value, 0.5);
        let unweighted = clopper_pearson(3.0, 10.0, 0.683).unwrap();
        close(weighted_efficiency(6.0, 20.0, 40.0, 0.683).unwrap(), unweighted.low, unweighted.high);
    }

    #[test]
    fn garwood_as_scipy() {
        for (n, low, high) in [
            (0.0, 0.0, 1.8410216450092634),
            (1.0, 0.17275377902344996, 3.299526559115855),
            (5.0, 2.8403088555932205, 8.382472652146888),
            (100.0, 90.0167451771134, 111.03336094114967),
        ] {
            close(poisson(n, ONE_SIGMA).unwrap(), low, high);
        }
    }

    #[test]
    fn empty_and_impossible_counts() {
        let nothing = clopper_pearson(0.0, 0.0, 0.683).unwrap();
        assert!(nothing.value.is_nan() && nothing.low == 0.0 && nothing.high == 1.0);
        assert!(weighted_efficiency(0.0, 0.0, 0.0, 0.683).unwrap().value.is_nan());
        assert!(clopper_pearson(2.0, 1.0, 0.683).is_err());
        assert!(clopper_pearson(-1.0, 1.0, 0.683).is_err());
        assert!(wilson(f64::NAN, 1.0, 0.683).is_err());
        assert!(clopper_pearson(1.0, 2.0, 1.0).is_err());
        assert!(clopper_pearson(1.0, 2.0, f64::NAN).is_err());
        assert!(poisson(-1.0, 0.9).is_err());
    }

    proptest! {
        #[test]
        fn intervals_hold_the_value_and_grow_with_the_level(
            total in 1u32..400, part in 0.0..=1.0f64, level in 0.05..0.95f64
        ) {
            let (n, k) = (f64::from(total), (part * f64::from(total)).round());
            let narrow = clopper_pearson(k, n, level).unwrap();
            let wide = clopper_pearson(k, n, level + 0.04).unwrap();
            let score = wilson(k, n, level).unwrap();
            for interval in [narrow, wide, score] {
                prop_assert!(0.0 <= interval.low && interval.low <= interval.value);
                prop_assert!(interval.value <= interval.high && interval.high <= 1.0);
            }
            prop_assert!(wide.low <= narrow.low && wide.high >= narrow.high);
            let mirrored = clopper_pearson(n - k, n, level).unwrap();
            prop_assert!((mirrored.high - (1.0 - narrow.low)).abs() < 1e-12);
        }
    }
}
