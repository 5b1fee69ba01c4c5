//! Elements into bins of similar ones: locality-sensitive hashing.

use recoil_nn::tape::NO_ROW;

/// Bucket of each point, from its projections on random directions: `projections` holds for each point `codes` groups of
/// `directions` numbers. In each group the largest of the first `used` numbers and their negatives wins; the number of the
/// winner, negatives counted behind all directions, is a digit to the base `2 directions`, the first group the lowest.
///
/// Published as angular hashing (Andoni et al., arXiv 1509.02897).
pub fn buckets(projections: &[f32], codes: usize, directions: usize, used: usize) -> Vec<u64> {
    let bucket = |point: &[f32]| {
        let digit = |group: &[f32]| {
            let mut best = (0, f32::NEG_INFINITY);
            let own = group.iter().take(used).copied().enumerate();
            let negative = group.iter().take(used).enumerate().map(|(at, value)| (directions + at, -value));
            for (at, value) in own.chain(negative) {
                if value > best.1 {
                    best = (at, value);
                }
            }
            best.0 as u64
        };
        let base = 2 * directions as u64;
        point
            .chunks_exact(directions.max(1))
            .rev()
            .fold(0u64, |sum, group| sum.wrapping_mul(base).wrapping_add(digit(group)))
    };
    projections.chunks_exact((codes * directions).max(1)).map(bucket).collect()
}

/// Largest projection of each point, signs left out: it orders the points of a bucket whatever their order.
pub fn strengths(projections: &[f32], per_point: usize) -> Vec<f32> {
    let largest = |point: &[f32]| point.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
    projections.chunks_exact(per_point.max(1)).map(largest).collect()
}

/// Rows from `first` on in bins of `size`, sorted by bucket, in a bucket by `ties` and then by place; those that are not
/// `real` last. The last bin is filled up with [`NO_ROW`].
pub fn bins(first: usize, buckets: &[u64], ties: &[f32], real: impl Fn(usize) -> bool, size: usize) -> Vec<u32> {
    let mut order: Vec<usize> = (0..buckets.len()).collect();
    let tie = |place: usize| ties.get(place).copied().unwrap_or(0.0);
    order.sort_by(|a, b| {
        let key = |place: usize| (!real(first + place), buckets.get(place).copied());
        key(*a).cmp(&key(*b)).then(tie(*a).total_cmp(&tie(*b))).then(a.cmp(b))
    });
    let mut rows: Vec<u32> = order.into_iter().map(|place| (first + place) as u32).collect();
    rows.resize(buckets.len().next_multiple_of(size.max(1)), NO_ROW);
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opposite_directions_are_different_buckets() {
        // the third direction is not used
        let points = [1.0, 0.5, 9.0, -2.0, 0.5, 9.0, 0.1, 3.0, 0.0, 0.1, -3.0, -9.0];
        assert_eq!(buckets(&points, 1, 3, 2), [0, 3, 1, 4]);
        // two groups of one direction: digits to the base 2
        assert_eq!(buckets(&[1.0, 1.0, -1.0, 1.0, 1.0, -1.0], 2, 1, 1), [0, 1, 2]);
        assert_eq!(buckets(&[], 1, 3, 2), Vec::<u64>::new());
    }

    #[test]
    fn bins_hold_neighbours_and_are_filled_up() {
        let found = bins(10, &[5, 1, 5, 1, 0], &[], |row| row != 14, 2);
        assert_eq!(found, [11, 13, 10, 12, 14, NO_ROW]);
        let found = bins(10, &[5, 1, 5, 1, 0], &strengths(&[1.0, -3.0, 0.5, 2.0, 0.0], 1), |_| true, 2);
        assert_eq!(found, [14, 13, 11, 12, 10, NO_ROW]);
    }
}
