//! Pairs of nearest directions.

use crate::angle::delta_r;

/// An object of the first set and the nearest one of the second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair {
    /// position in the first set
    pub first: usize,
    /// position in the second set
    pub second: usize,
    /// their distance in eta and phi
    pub delta_r: f64,
}

/// For each of the directions (eta, phi) in `first` the nearest one of `second`, if it is nearer than `cut`.
///
/// One object of `second` can be in several pairs. Of equally near ones the first counts.
///
/// ```
/// use recoil_physics::jets::nearest_within;
/// let pairs = nearest_within(&[(0.0, 3.1), (2.0, 0.0)], &[(0.05, -3.14), (0.3, 3.1)], 0.1);
/// assert_eq!(pairs.len(), 1);
/// assert_eq!((pairs[0].first, pairs[0].second), (0, 0));
/// ```
pub fn nearest_within(first: &[(f64, f64)], second: &[(f64, f64)], cut: f64) -> Vec<Pair> {
    let nearest = |&(eta, phi): &(f64, f64)| {
        let distances = second.iter().map(|&(other_eta, other_phi)| delta_r(eta, phi, other_eta, other_phi));
        distances.enumerate().min_by(|a, b| a.1.total_cmp(&b.1))
    };
    let pairs = first.iter().enumerate().filter_map(|(index, direction)| {
        let (second, delta_r) = nearest(direction)?;
        Some(Pair { first: index, second, delta_r })
    });
    pairs.filter(|pair| pair.delta_r < cut).collect()
}
