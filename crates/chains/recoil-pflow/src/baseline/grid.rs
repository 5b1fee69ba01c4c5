//! Which points are near a direction: a grid in pseudorapidity and azimuth.

use recoil_physics::angle::{delta_phi, wrap};
use std::f64::consts::{PI, TAU};

/// Points in pseudorapidity and azimuth, sorted into squares at least as wide as the largest distance that is asked for.
#[derive(Clone, Debug)]
pub struct Grid {
    reach: f64,
    around: usize,
    rows: usize,
    low: f64,
    starts: Vec<u32>,
    /// place of the point, pseudorapidity, azimuth, by square
    points: Vec<(u32, f64, f64)>,
}

impl Grid {
    /// Sorts `points` (pseudorapidity, azimuth) for distances up to `reach`. Points that are not finite are left out.
    pub fn new(points: &[(f64, f64)], reach: f64) -> Self {
        let reach = reach.max(1e-3);
        let finite = |(eta, phi): &&(f64, f64)| eta.is_finite() && phi.is_finite();
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for (eta, _) in points.iter().filter(finite) {
            (low, high) = (low.min(*eta), high.max(*eta));
        }
        let around = ((TAU / reach).floor() as usize).clamp(1, 4096);
        let rows = if low <= high { (((high - low) / reach) as usize + 1).min(4096) } else { 1 };
        let mut grid = Self { reach, around, rows, low, starts: vec![0; rows * around + 1], points: Vec::new() };
        let mut placed: Vec<(usize, (u32, f64, f64))> = Vec::with_capacity(points.len());
        for (place, point) in (0u32..).zip(points) {
            if finite(&point) {
                placed.push((grid.square(point.0, point.1), (place, point.0, wrap(point.1))));
            }
        }
        placed.sort_by_key(|(square, point)| (*square, point.0));
        for (square, _) in &placed {
            if let Some(count) = grid.starts.get_mut(square + 1) {
                *count += 1;
            }
        }
        let mut end = 0;
        for start in &mut grid.starts {
            end += *start;
            *start = end;
        }
        grid.points = placed.into_iter().map(|(_, point)| point).collect();
        grid
    }

    fn row(&self, eta: f64) -> usize {
        (((eta - self.low) / self.reach).max(0.0) as usize).min(self.rows - 1)
    }

    fn column(&self, phi: f64) -> usize {
        (((wrap(phi) + PI) / TAU * self.around as f64) as usize).min(self.around - 1)
    }

    fn square(&self, eta: f64, phi: f64) -> usize {
        self.row(eta) * self.around + self.column(phi)
    }

    /// Calls `found` with the place and the distance of each point nearer than `distance`, which is at most the reach.
    pub fn within(&self, eta: f64, phi: f64, distance: f64, mut found: impl FnMut(u32, f64)) {
        let distance = distance.min(self.reach);
        if !eta.is_finite() || !phi.is_finite() {
            return;
        }
        let column = self.column(phi);
        // with fewer than three columns the neighbours on both sides are the same
        let steps = self.around.min(3);
        for row in self.row(eta - distance)..=self.row(eta + distance) {
            for step in 0..steps {
                let square = row * self.around + (column + self.around - 1 + step) % self.around;
                let range = self.starts.get(square).zip(self.starts.get(square + 1));
                let Some((start, end)) = range.map(|(a, b)| (*a as usize, *b as usize)) else { continue };
                for &(place, other_eta, other_phi) in self.points.get(start..end).unwrap_or_default() {
                    let apart = (eta - other_eta).hypot(delta_phi(phi, other_phi));
                    if apart < distance {
                        found(place, apart);
                    }
                }
            }
        }
    }

    /// The nearest point that is nearer than `distance`; of equally near ones the one with the lower place.
    pub fn nearest(&self, eta: f64, phi: f64, distance: f64) -> Option<(u32, f64)> {
        let mut best: Option<(u32, f64)> = None;
        self.within(eta, phi, distance, |place, apart| {
            if best.is_none_or(|(other, least)| apart < least || apart == least && place < other) {
                best = Some((place, apart));
            }
        });
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_grid_finds_what_a_search_of_all_points_finds(
            points in prop::collection::vec((-3.0f64..3.0, -3.2f64..3.2), 0..60),
            at in (-3.5f64..3.5, -4.0f64..4.0),
            reach in 0.01f64..4.0,
            share in 0.1f64..1.0,
        ) {
            let grid = Grid::new(&points, reach);
            let distance = reach * share;
            let mut found = Vec::new();
            grid.within(at.0, at.1, distance, |place, _| found.push(place));
            found.sort_unstable();
            let apart = |p: &(f64, f64)| (at.0 - p.0).hypot(delta_phi(at.1, p.1));
            let expected: Vec<u32> =
                (0u32..).zip(&points).filter(|(_, p)| apart(p) < distance).map(|(place, _)| place).collect();
            prop_assert_eq!(&found, &expected);
            let nearest = expected.iter().copied().min_by(|a, b| {
                let of = |place: &u32| points.get(*place as usize).map_or(f64::MAX, apart);
                of(a).total_cmp(&of(b))
            });
            prop_assert_eq!(grid.nearest(at.0, at.1, distance).map(|(place, _)| place), nearest);
        }
    }

    #[test]
    fn no_points_are_no_neighbours() {
        assert_eq!(Grid::new(&[], 0.1).nearest(0.0, 0.0, 0.1), None);
        assert_eq!(Grid::new(&[(f64::NAN, 0.0)], 0.1).nearest(0.0, 0.0, 0.1), None);
    }
}
