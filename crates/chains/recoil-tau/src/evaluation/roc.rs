//! Receiver operating characteristics.

/// A curve from (0, 0) to (1, 1): with a falling threshold more taus and more fakes pass `score >= threshold`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Roc {
    /// Fakes that pass, as a share.
    pub false_positive_rate: Vec<f64>,
    /// Taus that pass, as a share.
    pub true_positive_rate: Vec<f64>,
    /// Thresholds; the first is infinite.
    pub thresholds: Vec<f64>,
}

/// The curve through all distinct scores, points inside of straight pieces left out. `None` if the weights of the taus or
/// of the fakes add up to nothing.
///
/// `entries` are (score, weight, is tau); weights must not be negative.
pub fn roc(entries: &[(f64, f64, bool)]) -> Option<Roc> {
    let mut order: Vec<&(f64, f64, bool)> = entries.iter().collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut points: Vec<(f64, f64, f64)> = Vec::new();
    let (mut taus, mut fakes) = (0.0, 0.0);
    for (place, &&(score, weight, is_tau)) in order.iter().enumerate() {
        *(if is_tau { &mut taus } else { &mut fakes }) += weight;
        if order.get(place + 1).is_none_or(|next| next.0 != score) {
            points.push((fakes, taus, score));
        }
    }
    if !(taus > 0.0 && fakes > 0.0) {
        return None;
    }
    let mut roc =
        Roc { false_positive_rate: vec![0.0], true_positive_rate: vec![0.0], thresholds: vec![f64::INFINITY] };
    for (place, &(x, y, threshold)) in points.iter().enumerate() {
        let around = (place.checked_sub(1).and_then(|before| points.get(before)), points.get(place + 1));
        if let (Some(before), Some(after)) = around {
            let bends = |at: f64, before: f64, after: f64| after - at != at - before;
            if !bends(x, before.0, after.0) && !bends(y, before.1, after.1) {
                continue;
            }
        }
        roc.false_positive_rate.push(x / fakes);
        roc.true_positive_rate.push(y / taus);
        roc.thresholds.push(threshold);
    }
    Some(roc)
}

impl Roc {
    /// Area under the curve.
    pub fn area(&self) -> f64 {
        let (x, y) = (&self.false_positive_rate, &self.true_positive_rate);
        let pieces = x.windows(2).zip(y.windows(2));
        pieces.map(|(x, y)| (x[1] - x[0]) * (y[0] + y[1]) / 2.0).sum()
    }

    /// The first point of each efficiency of taus, rounded to so many decimals.
    #[must_use]
    pub fn pruned(&self, decimals: i32) -> Self {
        let scale = 10f64.powi(decimals);
        let mut pruned = Self::default();
        let mut last = None;
        for (place, &y) in self.true_positive_rate.iter().enumerate() {
            let rounded = (y * scale).round_ties_even();
            if last != Some(rounded) {
                last = Some(rounded);
                pruned.true_positive_rate.push(y);
                pruned.false_positive_rate.extend(self.false_positive_rate.get(place));
                pruned.thresholds.extend(self.thresholds.get(place));
            }
        }
        pruned
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_curve_by_hand() {
        // scores 0.9 tau, 0.8 fake, 0.8 tau, 0.4 tau, 0.3 fake
        let entries = [(0.8, 1.0, false), (0.9, 1.0, true), (0.4, 1.0, true), (0.3, 1.0, false), (0.8, 1.0, true)];
        let curve = roc(&entries).unwrap();
        assert_eq!(curve.thresholds, [f64::INFINITY, 0.9, 0.8, 0.4, 0.3]);
        assert_eq!(curve.false_positive_rate, [0.0, 0.0, 0.5, 0.5, 1.0]);
        assert_eq!(curve.true_positive_rate, [0.0, 1.0 / 3.0, 2.0 / 3.0, 1.0, 1.0]);
        assert!((curve.area() - 0.75).abs() < 1e-15);
        assert_eq!(curve.pruned(0).thresholds, [f64::INFINITY, 0.8], "one third rounds to 0, two thirds to 1");
        assert!(roc(&[(0.5, 1.0, true)]).is_none() && roc(&[]).is_none());
        assert!(roc(&[(0.5, 0.0, true), (0.5, 1.0, false)]).is_none());
    }

    proptest! {
        #[test]
        fn the_area_is_the_share_of_pairs_in_order(
            entries in prop::collection::vec((0..20i32, 1..4i32, any::<bool>()), 2..60)
        ) {
            let entries: Vec<_> = entries.iter().map(|&(s, w, t)| (f64::from(s), f64::from(w), t)).collect();
            let Some(curve) = roc(&entries) else { return Ok(()) };
            let (mut right, mut all) = (0.0, 0.0);
            for a in entries.iter().filter(|entry| entry.2) {
                for b in entries.iter().filter(|entry| !entry.2) {
                    all += a.1 * b.1;
                    right += a.1 * b.1 * if a.0 > b.0 { 1.0 } else if a.0 == b.0 { 0.5 } else { 0.0 };
                }
            }
            prop_assert!((curve.area() - right / all).abs() < 1e-12);
            prop_assert!(curve.true_positive_rate.is_sorted() && curve.false_positive_rate.is_sorted());
        }
    }
}
