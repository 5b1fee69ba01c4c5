//! One row of azimuthal bins: moving cells between neighbours.
//!
//! A sweep visits the bins in order. Bin b with the left neighbour a and the right neighbour d is left alone when
//! |c\[b\] - c\[a\]| + |c\[d\] - c\[b\]| is at most its stop value, max(1, ipar x the same sum at the start). Otherwise one of the
//! two differences is drawn with a probability proportional to its size, and one cell crosses that border from the fuller
//! to the emptier bin. Cells stay in cyclic order: the last cell of a bin becomes the first of the next one, or the other way
//! round.
//!
//! **Why it ends.** A border with equal counts has probability zero, so a cell always goes from a count c to a count
//! c' < c, and the sum of squared counts changes by 2 (c' - c) + 2 <= 0: it never grows. It is a whole number that
//! cannot become negative, so it falls only finitely often. Moves that leave it unchanged (c - c' = 1) could go on forever
//! (a single surplus cell walks around the ring); after a given number of sweeps in a row without a fall the row is left as
//! it is, and reported as not settled.

use rand::RngExt as _;
use recoil_stage::seed::Rng;
use std::collections::VecDeque;

/// A cyclic row of bins with cells in order of azimuth.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    bins: Vec<VecDeque<usize>>,
}

impl Row {
    /// `bins` empty bins.
    pub fn new(bins: usize) -> Self {
        Self { bins: vec![VecDeque::new(); bins] }
    }

    /// Appends a cell to a bin; cells of one bin come in order of azimuth.
    pub fn push(&mut self, bin: usize, cell: usize) {
        if let Some(cells) = self.bins.get_mut(bin) {
            cells.push_back(cell);
        }
    }

    /// Number of cells per bin.
    pub fn counts(&self) -> Vec<usize> {
        self.bins.iter().map(VecDeque::len).collect()
    }

    /// All cells with their bin, in order.
    pub fn cells(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.bins.iter().enumerate().flat_map(|(bin, cells)| cells.iter().map(move |&cell| (bin, cell)))
    }

    fn count(&self, bin: usize) -> i64 {
        self.bins.get(bin).map_or(0, |cells| cells.len() as i64)
    }

    fn difference(&self, left: usize, right: usize) -> i64 {
        self.count(right) - self.count(left)
    }

    /// Moves one cell over the border between `left` and its right neighbour `right`, from the fuller to the emptier bin.
    /// Returns whether the sum of squared counts fell.
    fn balance(&mut self, left: usize, right: usize) -> bool {
        let difference = self.difference(left, right);
        if difference > 0 {
            let cell = self.bins.get_mut(right).and_then(VecDeque::pop_front);
            if let (Some(cell), Some(to)) = (cell, self.bins.get_mut(left)) {
                to.push_back(cell);
            }
        } else if difference < 0 {
            let cell = self.bins.get_mut(left).and_then(VecDeque::pop_back);
            if let (Some(cell), Some(to)) = (cell, self.bins.get_mut(right)) {
                to.push_front(cell);
            }
        }
        difference.abs() > 1
    }
}

/// How a rearrangement ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Sweeps over all bins, the last one included.
    pub sweeps: usize,
    /// Whether the last sweep moved nothing; otherwise the row was left after `idle_sweeps` sweeps without gain.
    pub settled: bool,
}

/// Moves cells until a sweep changes nothing, or until `idle_sweeps` sweeps in a row brought no gain.
pub fn rearrange(row: &mut Row, ipar: f64, idle_sweeps: u32, rng: &mut Rng) -> Outcome {
    let n = row.bins.len();
    let gap = |row: &Row, b: usize| {
        let (a, d) = ((b + n - 1) % n, (b + 1) % n);
        (a, d, row.difference(a, b).abs(), row.difference(b, d).abs())
    };
    let stop: Vec<f64> = (0..n)
        .map(|b| {
            let (_, _, left, right) = gap(row, b);
            (ipar * (left + right) as f64).max(1.0)
        })
        .collect();
    let (mut sweeps, mut idle) = (0, 0);
    loop {
        let (mut moved, mut fell) = (false, false);
        for (b, &stop) in stop.iter().enumerate() {
            let (a, d, left, right) = gap(row, b);
            if (left + right) as f64 <= stop {
                continue;
            }
            let goes_left = rng.random_range(0..left + right) < left;
            fell |= if goes_left { row.balance(a, b) } else { row.balance(b, d) };
            moved = true;
        }
        sweeps += 1;
        idle = if fell { 0 } else { idle + 1 };
        if !moved || idle > idle_sweeps {
            return Outcome { sweeps, settled: !moved };
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use recoil_stage::seed::Seed;

    fn row(counts: &[usize]) -> Row {
        let mut row = Row::new(counts.len());
        let mut cell = 0;
        for (bin, &n) in counts.iter().enumerate() {
            for _ in 0..n {
                row.push(bin, cell);
                cell += 1;
            }
        }
        row
    }

    #[test]
    fn one_move_worked_out_by_hand() {
        // a mountain: cells 0 | 1 2 3 4 | 5; over the left border goes cell 1, over the right border cell 4
        let mut left = row(&[1, 4, 1]);
        assert!(left.balance(0, 1));
        assert_eq!(left.cells().collect::<Vec<_>>(), [(0, 0), (0, 1), (1, 2), (1, 3), (1, 4), (2, 5)]);
        let mut right = row(&[1, 4, 1]);
        assert!(right.balance(1, 2));
        assert_eq!(right.cells().collect::<Vec<_>>(), [(0, 0), (1, 1), (1, 2), (1, 3), (2, 4), (2, 5)]);
        let mut neutral = row(&[1, 2, 1]);
        assert!(!neutral.balance(0, 1));
    }

    #[test]
    fn a_single_surplus_cell_does_not_walk_forever() {
        let mut surplus = row(&[3, 3, 4, 3, 3, 3, 3, 3]);
        let outcome = rearrange(&mut surplus, 0.0, 20, &mut Seed::new(1).rng());
        assert_eq!((outcome.settled, outcome.sweeps), (false, 21));
        assert_eq!(surplus.counts().iter().sum::<usize>(), 25);
    }

    #[test]
    fn a_flat_row_is_settled_at_once() {
        let mut flat = row(&[3, 3, 3, 3]);
        assert_eq!(rearrange(&mut flat, 0.0, 20, &mut Seed::new(1).rng()), Outcome { sweeps: 1, settled: true });
    }

    proptest! {
        #[test]
        fn cells_are_kept_in_cyclic_order_and_the_row_gets_smoother(
            counts in prop::collection::vec(0_usize..12, 3..40),
            ipar in 0.0_f64..1.2,
            seed in 0_u64..1000,
        ) {
            let before = row(&counts);
            let mut after = before.clone();
            rearrange(&mut after, ipar, 30, &mut Seed::new(seed).rng());
            let squares = |r: &Row| r.counts().iter().map(|c| c * c).sum::<usize>();
            prop_assert!(squares(&after) <= squares(&before));
            let order: Vec<usize> = after.cells().map(|(_, cell)| cell).collect();
            let n = order.len();
            prop_assert_eq!(n, counts.iter().sum::<usize>());
            // one descent at most: the sequence is a rotation of 0, 1, .. n - 1
            let descents = (0..n).filter(|&i| order[(i + 1) % n] != (order[i] + 1) % n.max(1)).count();
            prop_assert_eq!(descents, 0);
            if ipar >= 1.0 {
                prop_assert_eq!(after, before);
            }
        }
    }
}
