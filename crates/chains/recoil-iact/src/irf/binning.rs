//! Edges of bins, and the bin that a value belongs to.

/// Edges that are equally spaced in the logarithm, `per_decade` of them per factor of ten from `lowest` on, up to `highest`.
pub fn bins_per_decade(lowest: f64, highest: f64, per_decade: usize) -> Vec<f64> {
    let step = 1.0 / per_decade as f64;
    let (start, end) = (lowest.log10(), highest.log10() + step / 10_000.0);
    let number = ((end - start) / step).ceil().max(0.0) as usize;
    // as it comes out of adding the step once: edges agree with NumPy's to the last digit
    let step = (start + step) - start;
    (0..number).map(|index| 10_f64.powf(start + index as f64 * step)).collect()
}

/// Edges with 0 before and infinity after them.
pub fn with_overflow(mut edges: Vec<f64>) -> Vec<f64> {
    if edges.first().is_some_and(|first| *first > 0.0) {
        edges.insert(0, 0.0);
    }
    if edges.last().is_some_and(|last| last.is_finite()) {
        edges.push(f64::INFINITY);
    }
    edges
}

/// `number` values from `first` to `last` at equal distances.
pub fn linear(first: f64, last: f64, number: usize) -> Vec<f64> {
    let step = (last - first) / number.saturating_sub(1).max(1) as f64;
    let mut values: Vec<f64> = (0..number).map(|index| index as f64 * step + first).collect();
    if let Some(end) = values.last_mut().filter(|_| number > 1) {
        *end = last;
    }
    values
}

/// `number` values from `first` to `last` at equal ratios.
pub fn logarithmic(first: f64, last: f64, number: usize) -> Vec<f64> {
    let mut values: Vec<f64> =
        linear(first.log10(), last.log10(), number).into_iter().map(|power| 10_f64.powf(power)).collect();
    if let [start, .., end] = values.as_mut_slice() {
        (*start, *end) = (first, last);
    }
    values
}

/// Middles of bins.
pub fn centers(edges: &[f64]) -> Vec<f64> {
    edges.windows(2).map(|pair| 0.5 * (pair[0] + pair[1])).collect()
}

/// Differences between neighbouring edges.
pub fn widths(edges: &[f64]) -> Vec<f64> {
    edges.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

/// The bin of a value; its lower edge belongs to a bin, its upper edge to the next.
pub fn bin_of(edges: &[f64], value: f64) -> Option<usize> {
    let above = edges.partition_point(|edge| *edge <= value);
    (!value.is_nan() && above > 0 && above < edges.len()).then(|| above - 1)
}

/// As [`bin_of`], but the last edge belongs to the last bin, as in histograms.
pub fn histogram_bin(edges: &[f64], value: f64) -> Option<usize> {
    match edges {
        [.., last] if *last == value && edges.len() > 1 => Some(edges.len() - 2),
        _ => bin_of(edges, value),
    }
}

/// Sums of weights per bin, the last edge included.
///
/// They are differences of a running sum over the sorted values, as NumPy's `histogram` takes them: where several cuts keep
/// the same signal, their last digits decide which of them is the best.
pub fn histogram(edges: &[f64], values: impl Iterator<Item = (f64, f64)>) -> Vec<f64> {
    let mut sorted: Vec<(f64, f64)> = values.filter(|(value, _)| !value.is_nan()).collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut sums = vec![0.0; edges.len()];
    let mut running = Vec::with_capacity(sorted.len() + 1);
    running.push(0.0);
    let mut sum = 0.0;
    for (_, weight) in &sorted {
        sum += weight;
        running.push(sum);
    }
    for (place, (edge, below)) in edges.iter().zip(&mut sums).enumerate() {
        let is_last = place + 1 == edges.len();
        let count = sorted.partition_point(|(value, _)| value < edge || is_last && value <= edge);
        *below = running.get(count).copied().unwrap_or(0.0);
    }
    widths(&sums)
}

/// Linear interpolation between points with ascending `x`; constant outside.
pub fn interpolate(x: &[f64], y: &[f64], at: f64) -> f64 {
    let above = x.partition_point(|x| *x <= at);
    let (Some(low), high) = (above.checked_sub(1), above) else { return y.first().copied().unwrap_or(f64::NAN) };
    match (x.get(low), x.get(high), y.get(low), y.get(high)) {
        (Some(x0), Some(x1), Some(y0), Some(y1)) if *x0 != at => (y1 - y0) / (x1 - x0) * (at - x0) + y0,
        (_, _, Some(y0), _) => *y0,
        _ => f64::NAN,
    }
}

/// Quantile of sorted values, linear between neighbours; not a number if there are none.
pub fn quantile(sorted: &[f64], quantile: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = last as f64 * quantile;
    let below = (place.floor().max(0.0) as usize).min(last);
    let (low, high) = (sorted[below], sorted[(below + 1).min(last)]);
    let part = place - below as f64;
    // from the nearer side, as NumPy does it
    if part >= 0.5 { high - (high - low) * (1.0 - part) } else { low + (high - low) * part }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_belong_to_the_bin_above() {
        let edges = [0.0, 1.0, 2.0];
        let found: Vec<Option<usize>> =
            [-1.0, 0.0, 1.0, 1.5, 2.0, 3.0, f64::NAN].iter().map(|value| bin_of(&edges, *value)).collect();
        assert_eq!(found, [None, Some(0), Some(1), Some(1), None, None, None]);
        assert_eq!(histogram_bin(&edges, 2.0), Some(1));
        assert_eq!(histogram(&edges, [(0.5, 2.0), (2.0, 1.0), (7.0, 9.0)].into_iter()), [2.0, 1.0]);
    }

    #[test]
    fn decades_and_ranges() {
        let edges = bins_per_decade(0.1, 10.0, 2);
        assert_eq!(edges.len(), 5);
        assert!((edges[1] - 0.1 * 10_f64.sqrt()).abs() < 1e-12);
        assert_eq!(with_overflow(edges).len(), 7);
        assert_eq!(linear(0.0, 1.0, 5), [0.0, 0.25, 0.5, 0.75, 1.0]);
        let values = logarithmic(0.005, 500.0, 26);
        assert_eq!((values[0], values[25], values.len()), (0.005, 500.0, 26));
        assert!((values[10] - 0.5).abs() < 1e-14);
    }

    #[test]
    fn interpolation_and_quantiles() {
        assert_eq!(interpolate(&[1.0, 2.0], &[10.0, 20.0], 1.5), 15.0);
        assert_eq!(interpolate(&[1.0, 2.0], &[10.0, 20.0], 0.0), 10.0);
        assert_eq!(interpolate(&[1.0, f64::INFINITY], &[10.0, 20.0], f64::INFINITY), 20.0);
        assert_eq!(quantile(&[1.0, 2.0, 4.0], 0.5), 2.0);
        assert_eq!(quantile(&[1.0, 2.0, 4.0], 0.75), 3.0);
        assert!(quantile(&[], 0.5).is_nan());
    }
}
