//! The pixels that are nearest to each pixel.

/// Points in the plane, arranged so that the nearest ones of a point are found without looking at all: the middle point of a
/// range splits it by one coordinate, its halves are split by the other one, and so on (a k-d tree).
///
/// However the points lie, also on top of each other, a search looks at few of them.
pub(super) struct Points {
    order: Vec<usize>,
    at: Vec<[f64; 2]>,
    /// Whether distances are sums of those along the axes.
    by_axes: bool,
}

/// The nearest points so far, nearer ones first.
struct Found {
    own: usize,
    most: usize,
    points: Vec<(f64, usize)>,
}

impl Found {
    /// Distance from which points are of no interest.
    fn limit(&self) -> f64 {
        match self.points.last() {
            Some((distance, _)) if self.points.len() == self.most => *distance,
            _ => f64::INFINITY,
        }
    }

    fn offer(&mut self, distance: f64, point: usize) {
        if point == self.own || distance >= self.limit() {
            return;
        }
        let place = self.points.partition_point(|(known, _)| *known <= distance);
        self.points.insert(place, (distance, point));
        self.points.truncate(self.most);
    }
}

impl Points {
    /// Arranges the points at `x`, `y`.
    pub(super) fn new(x: &[f64], y: &[f64], by_axes: bool) -> Self {
        let at: Vec<[f64; 2]> = x.iter().zip(y).map(|(x, y)| [*x, *y]).collect();
        let mut order: Vec<usize> = (0..at.len()).collect();
        arrange(&mut order, &at, 0);
        Self { order, at, by_axes }
    }

    /// At most `most` points other than `point` itself with their distances, nearest first.
    pub(super) fn nearest(&self, point: usize, most: usize) -> Vec<(f64, usize)> {
        let mut found = Found { own: point, most, points: Vec::with_capacity(most + 1) };
        if let Some(at) = self.at.get(point) {
            self.search(&self.order, *at, 0, &mut found);
        }
        found.points
    }

    fn search(&self, range: &[usize], [x, y]: [f64; 2], axis: usize, found: &mut Found) {
        let (below, rest) = range.split_at(range.len() / 2);
        let Some((middle, above)) = rest.split_first() else { return };
        let Some([other_x, other_y]) = self.at.get(*middle).copied() else { return };
        let (dx, dy) = (x - other_x, y - other_y);
        found.offer(if self.by_axes { dx.abs() + dy.abs() } else { dx.hypot(dy) }, *middle);
        let apart = if axis == 0 { dx } else { dy };
        let (near, far) = if apart <= 0.0 { (below, above) } else { (above, below) };
        self.search(near, [x, y], 1 - axis, found);
        if apart.abs() < found.limit() {
            self.search(far, [x, y], 1 - axis, found);
        }
    }
}

fn arrange(range: &mut [usize], at: &[[f64; 2]], axis: usize) {
    if range.len() < 2 {
        return;
    }
    let middle = range.len() / 2;
    let along = |point: usize| at.get(point).and_then(|at| at.get(axis)).copied().unwrap_or(0.0);
    range.select_nth_unstable_by(middle, |a, b| along(*a).total_cmp(&along(*b)).then(a.cmp(b)));
    let (below, rest) = range.split_at_mut(middle);
    arrange(below, at, 1 - axis);
    arrange(rest.get_mut(1..).unwrap_or_default(), at, 1 - axis);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn distances_are_those_of_a_look_at_all(
            places in prop::collection::vec((0_u8..20, 0_u8..20), 1..60), by_axes: bool, most in 1_usize..8
        ) {
            let x: Vec<f64> = places.iter().map(|place| f64::from(place.0)).collect();
            let y: Vec<f64> = places.iter().map(|place| f64::from(place.1)).collect();
            let points = Points::new(&x, &y, by_axes);
            for point in 0..x.len() {
                let distance = |other: usize| {
                    let (dx, dy) = (x[point] - x[other], y[point] - y[other]);
                    if by_axes { dx.abs() + dy.abs() } else { dx.hypot(dy) }
                };
                let mut all: Vec<f64> = (0..x.len()).filter(|other| *other != point).map(distance).collect();
                all.sort_by(f64::total_cmp);
                all.truncate(most);
                let found = points.nearest(point, most);
                prop_assert_eq!(found.iter().map(|(distance, _)| *distance).collect::<Vec<_>>(), all);
                prop_assert!(found.iter().all(|(d, other)| *other != point && *d == distance(*other)));
            }
        }
    }

    #[test]
    fn points_on_top_of_each_other_take_no_time() {
        let (x, mut y) = (vec![1.0; 60_000], vec![2.0; 60_000]);
        y[7] = 1e30;
        let points = Points::new(&x, &y, false);
        assert!((0..x.len()).all(|point| points.nearest(point, 6).len() == 6));
    }
}
