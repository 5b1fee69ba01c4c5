//! How significant an excess is.

/// Significance of `n_on` events in the on region against `n_off` in the off region, which is 1/`alpha` times as large:
/// equation 17 of Li and Ma, ApJ 272, 317. Zero if there is no excess.
pub fn li_ma(n_on: f64, n_off: f64, alpha: f64) -> f64 {
    if n_on < alpha * n_off {
        return 0.0;
    }
    let term = |count: f64, factor: f64| {
        if count == 0.0 { 0.0 } else { count * (factor * (count / (n_on + n_off))).ln() }
    };
    let statistic = term(n_on, (1.0 + alpha) / alpha) + term(n_off, 1.0 + alpha);
    // an excess of zero can come out a rounding error below zero
    (if statistic < 0.0 { 0.0 } else { statistic } * 2.0).sqrt()
}
