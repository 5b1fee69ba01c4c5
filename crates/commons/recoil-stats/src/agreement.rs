//! Whether histograms agree: tests of binned samples, and corrections for many of them.

use statrs::function::gamma::checked_gamma_ur;

/// A binned sample: sum of weights and sum of squared weights of each bin.
#[derive(Clone, Copy, Debug)]
pub struct Binned<'a> {
    /// Sums of weights.
    pub sum_w: &'a [f64],
    /// Sums of squared weights; equal to the sums of weights for plain counts.
    pub sum_w2: &'a [f64],
}

impl<'a> Binned<'a> {
    /// Plain counts.
    pub fn counts(counts: &'a [f64]) -> Self {
        Self { sum_w: counts, sum_w2: counts }
    }

    /// Sum of weights.
    pub fn total(&self) -> f64 {
        self.sum_w.iter().sum()
    }

    /// Number of unweighted entries that would be as precise: (Σw)² / Σw².
    pub fn effective_entries(&self) -> f64 {
        let squares: f64 = self.sum_w2.iter().sum();
        if squares > 0.0 { self.total().powi(2) / squares } else { 0.0 }
    }
}

/// Probability that a Kolmogorov distance of `z` (scaled by the square root of the effective size) or more comes from the
/// same distribution. The series and its limits are those of ROOT's `TMath::KolmogorovProb`.
///
/// ```
/// assert!((recoil_stats::agreement::kolmogorov_probability(1.0) - 0.269_999_671_677_35).abs() < 1e-12);
/// ```
pub fn kolmogorov_probability(z: f64) -> f64 {
    let z = z.abs();
    if z < 0.2 {
        return 1.0;
    }
    if z < 0.755 {
        let of = |k: f64| (-(k * std::f64::consts::PI).powi(2) / (8.0 * z * z)).exp();
        return 1.0 - (2.0 * std::f64::consts::PI).sqrt() * (of(1.0) + of(3.0) + of(5.0)) / z;
    }
    if z >= 6.8116 {
        return 0.0;
    }
    // as many terms as matter
    let terms = (3.0 / z).round().max(1.0) as i32;
    let term = |j: i32| {
        let size = (-2.0 * f64::from(j * j) * z * z).exp();
        if j % 2 == 1 { size } else { -size }
    };
    2.0 * (1..=terms).map(term).sum::<f64>()
}

/// Probability of the largest distance between the cumulative distributions of two binned samples, weighted or not.
/// `None` if one of them is empty or the numbers of bins differ.
pub fn kolmogorov(a: Binned<'_>, b: Binned<'_>) -> Option<f64> {
    let (total_a, total_b) = (a.total(), b.total());
    if a.sum_w.len() != b.sum_w.len() || total_a == 0.0 || total_b == 0.0 {
        return None;
    }
    let (mut sum_a, mut sum_b, mut distance) = (0.0, 0.0, 0.0_f64);
    for (x, y) in a.sum_w.iter().zip(b.sum_w) {
        sum_a += x / total_a;
        sum_b += y / total_b;
        distance = distance.max((sum_a - sum_b).abs());
    }
    let (n, m) = (a.effective_entries(), b.effective_entries());
    Some(kolmogorov_probability(distance * (n * m / (n + m)).sqrt()))
}

/// Probability of the χ² between the shapes of two binned samples, weighted or not: the sum over the bins that any of
/// them fills of (a/A - b/B)² / (σ²(a)/A² + σ²(b)/B²), with one degree of freedom less than such bins.
/// `None` if one of them is empty or the numbers of bins differ.
pub fn chi_square(a: Binned<'_>, b: Binned<'_>) -> Option<f64> {
    let (total_a, total_b) = (a.total(), b.total());
    if a.sum_w.len() != b.sum_w.len() || total_a == 0.0 || total_b == 0.0 {
        return None;
    }
    let (mut chi2, mut bins) = (0.0, 0_u32);
    for ((x, xx), (y, yy)) in a.sum_w.iter().zip(a.sum_w2).zip(b.sum_w.iter().zip(b.sum_w2)) {
        let variance = xx / (total_a * total_a) + yy / (total_b * total_b);
        if variance > 0.0 {
            chi2 += (x / total_a - y / total_b).powi(2) / variance;
            bins += 1;
        }
    }
    chi_square_probability(chi2, f64::from(bins.saturating_sub(1)))
}

/// Probability of `chi2` or more with `ndf` degrees of freedom; 1 without any.
pub fn chi_square_probability(chi2: f64, ndf: f64) -> Option<f64> {
    if ndf <= 0.0 || chi2 <= 0.0 {
        return Some(1.0);
    }
    checked_gamma_ur(0.5 * ndf, 0.5 * chi2).ok()
}

/// Probabilities corrected for their number by Holm's method, in the order given: with a threshold of 5 %, the chance of
/// even one false alarm among all tests is below 5 %, however the tests depend on each other.
///
/// ```
/// assert_eq!(recoil_stats::agreement::holm(&[0.01, 0.04, 0.03]), [0.03, 0.06, 0.06]);
/// ```
pub fn holm(probabilities: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..probabilities.len()).collect();
    let at = |i: usize| probabilities.get(i).copied().unwrap_or(1.0);
    order.sort_by(|a, b| at(*a).total_cmp(&at(*b)));
    let mut corrected = vec![1.0; probabilities.len()];
    let mut largest = 0.0_f64;
    for (rank, index) in order.into_iter().enumerate() {
        largest = largest.max(at(index) * (probabilities.len() - rank) as f64).min(1.0);
        if let Some(place) = corrected.get_mut(index) {
            *place = largest;
        }
    }
    corrected
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_series_meet() {
        for z in [0.2, 0.755] {
            let (below, above) = (kolmogorov_probability(z - 1e-9), kolmogorov_probability(z + 1e-9));
            assert!((below - above).abs() < 1e-6, "{z}: {below} {above}");
        }
        assert_eq!(kolmogorov_probability(7.0), 0.0);
    }

    #[test]
    fn equal_samples_agree_and_empty_ones_say_nothing() {
        let counts = [3.0, 5.0, 2.0];
        assert_eq!(kolmogorov(Binned::counts(&counts), Binned::counts(&counts)), Some(1.0));
        assert_eq!(chi_square(Binned::counts(&counts), Binned::counts(&counts)), Some(1.0));
        assert_eq!(kolmogorov(Binned::counts(&counts), Binned::counts(&[0.0; 3])), None);
        assert_eq!(chi_square(Binned::counts(&counts), Binned::counts(&[1.0])), None);
    }

    #[test]
    fn one_degree_of_freedom_by_hand() {
        // (0.2 - 0.4)^2 / (0.002 + 0.004) + (0.8 - 0.6)^2 / (0.008 + 0.006) = 6.6667 + 2.8571
        let p = chi_square(Binned::counts(&[20.0, 80.0]), Binned::counts(&[40.0, 60.0])).unwrap();
        assert!((p - 0.002_029).abs() < 1e-5, "{p}");
    }

    #[test]
    fn weights_count_as_their_precision() {
        let (w, ww) = ([2.0, 4.0], [4.0, 8.0]);
        let weighted = Binned { sum_w: &w, sum_w2: &ww };
        assert_eq!(weighted.effective_entries(), 3.0);
        let plain = Binned::counts(&[1.0, 2.0]);
        let other = Binned::counts(&[5.0, 1.0]);
        assert_eq!(kolmogorov(weighted, other), kolmogorov(plain, other));
        assert!((chi_square(weighted, other).unwrap() - chi_square(plain, other).unwrap()).abs() < 1e-12);
    }
}
