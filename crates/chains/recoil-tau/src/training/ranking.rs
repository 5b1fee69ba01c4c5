//! How well scores tell two classes apart.

/// Probability that a candidate of the first class has the higher score than one of the second, by weight; equal scores
/// count half. `None` if a class is empty. This is the area under the ROC curve.
pub fn area_under_roc(scores: &[(f64, bool, f64)]) -> Option<f64> {
    let mut sorted: Vec<&(f64, bool, f64)> = scores.iter().collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut below, mut area, mut signal) = (0.0, 0.0, 0.0);
    for group in sorted.chunk_by(|a, b| a.0 == b.0) {
        let of = |wanted: bool| -> f64 { group.iter().filter(|(_, own, _)| *own == wanted).map(|(.., w)| w).sum() };
        let (own_signal, own_background) = (of(true), of(false));
        area += own_signal * (below + 0.5 * own_background);
        below += own_background;
        signal += own_signal;
    }
    (below > 0.0 && signal > 0.0).then(|| area / (below * signal))
}

/// Score of tau against another class: tau over the sum; 0 where both vanish.
pub fn tau_against(tau: f32, other: f32) -> f64 {
    let (tau, other) = (f64::from(tau), f64::from(other));
    if tau == 0.0 { 0.0 } else { tau / (tau + other) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_worked_by_hand() {
        let scores = [(0.9, true, 1.0), (0.8, false, 1.0), (0.7, true, 1.0), (0.1, false, 1.0)];
        assert_eq!(area_under_roc(&scores), Some(0.75));
        assert_eq!(area_under_roc(&[(0.5, true, 2.0), (0.5, false, 3.0)]), Some(0.5));
        assert_eq!(area_under_roc(&[(0.5, true, 2.0)]), None);
        assert_eq!(tau_against(0.0, 0.0), 0.0);
        assert_eq!(tau_against(0.25, 0.75), 0.25);
    }
}
