//! The entropic distance (Sinkhorn) as a loss: cost of the plan, and its exact slope by the second distribution.

use crate::wafer::{CELLS, distances};

type Row = [f64; CELLS];

/// Most iterations, and iterations between two checks.
const ITERATIONS: usize = 1000;
const CHECK_EVERY: usize = 10;
/// The iteration stops when the summed difference of the marginal, squared, is below this.
const TOLERANCE: f64 = 1e-9;

/// Cost of the entropic plan between two distributions, and its slopes by `b` (up to a constant that no distribution sees).
///
/// The scalings of the plan follow from Sinkhorn's iteration. The slopes follow from the equations that its marginals obey
/// when `b` changes: with the plan P, its cost per row r and per column c, (B - P^T A^-1 P) y = c - P^T A^-1 r, where A and B
/// have the distributions on their diagonals.
pub(super) fn cost_and_slopes(a: &Row, b: &Row, regularisation: f64) -> (f64, Row) {
    let costs = distances();
    let kernel: [Row; CELLS] = costs.map(|row| row.map(|cost| (-cost / regularisation).exp()));
    let (mut left, mut right) = ([1.0 / CELLS as f64; CELLS], [1.0 / CELLS as f64; CELLS]);
    let columns = |left: &Row| {
        let mut sums = [0.0; CELLS];
        for (row, left) in kernel.iter().zip(left) {
            sums.iter_mut().zip(row).for_each(|(sum, kernel)| *sum += kernel * left);
        }
        sums
    };
    for iteration in 0..ITERATIONS {
        let sums = columns(&left);
        right.iter_mut().zip(b).zip(sums).for_each(|((right, b), sum)| *right = b / sum);
        for ((left, a), row) in left.iter_mut().zip(a).zip(&kernel) {
            *left = a / row.iter().zip(&right).map(|(kernel, right)| kernel * right).sum::<f64>();
        }
        if iteration % CHECK_EVERY == 0 {
            let sums = columns(&left);
            let off: f64 = sums.iter().zip(&right).zip(b).map(|((sum, right), b)| (sum * right - b).abs()).sum();
            if off * off < TOLERANCE {
                break;
            }
        }
    }
    let mut plan = kernel;
    for (row, left) in plan.iter_mut().zip(left) {
        row.iter_mut().zip(&right).for_each(|(entry, right)| *entry *= left * right);
    }
    let (mut by_row, mut by_column) = ([0.0; CELLS], [0.0; CELLS]);
    for ((plan, costs), by_row) in plan.iter().zip(costs).zip(&mut by_row) {
        for ((entry, cost), by_column) in plan.iter().zip(costs).zip(&mut by_column) {
            *by_row += entry * cost;
            *by_column += entry * cost;
        }
    }
    (by_row.iter().sum(), slopes(a, b, &plan, &by_row, &by_column))
}

fn slopes(a: &Row, b: &Row, plan: &[Row; CELLS], by_row: &Row, by_column: &Row) -> Row {
    let (mut matrix, mut y) = ([[0.0; CELLS]; CELLS], *by_column);
    for ((row, a), cost) in plan.iter().zip(a).zip(by_row) {
        for ((place, &entry), own) in y.iter_mut().zip(row).zip(&mut matrix) {
            *place -= entry * cost / a;
            own.iter_mut().zip(row).for_each(|(value, other)| *value -= entry * other / a);
        }
    }
    // constants are in the kernel of the matrix: this term fixes them without changing the rest
    let scale = 1.0 / (CELLS * CELLS) as f64;
    for (i, (row, b)) in matrix.iter_mut().zip(b).enumerate() {
        row.iter_mut().for_each(|value| *value += scale);
        row[i] += b;
    }
    solve(&mut matrix, &mut y);
    y
}

/// Solves a symmetric positive definite system in place, by Cholesky's decomposition.
fn solve(matrix: &mut [Row; CELLS], y: &mut Row) {
    for i in 0..CELLS {
        for j in 0..=i {
            let known: f64 = (0..j).map(|k| matrix[i][k] * matrix[j][k]).sum();
            let rest = matrix[i][j] - known;
            matrix[i][j] = if i == j { rest.max(1e-300).sqrt() } else { rest / matrix[j][j] };
        }
    }
    for i in 0..CELLS {
        let known: f64 = (0..i).map(|k| matrix[i][k] * y[k]).sum();
        y[i] = (y[i] - known) / matrix[i][i];
    }
    for i in (0..CELLS).rev() {
        let known: f64 = (i + 1..CELLS).map(|k| matrix[k][i] * y[k]).sum();
        y[i] = (y[i] - known) / matrix[i][i];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use recoil_physics::transport::{Sinkhorn, sinkhorn};

    fn shares(values: Row) -> Row {
        let sum: f64 = values.iter().sum();
        values.map(|value| value / sum)
    }

    #[test]
    fn cost_and_slopes_of_a_pair() {
        let a = shares(std::array::from_fn(|i| ((i * 37 + 11) % 101) as f64 + 0.5));
        let b = std::array::from_fn(|i| ((i * 53 + 29) % 97) as f64 + 0.5);
        let cost = |b: &Row| cost_and_slopes(&a, &shares(*b), 0.4);
        let (found, slopes) = cost(&b);
        let settings = Sinkhorn { regularisation: 0.4, ..Sinkhorn::default() };
        let expected = sinkhorn(&a, &shares(b), distances().as_flattened(), &settings);
        assert!(expected.is_ok_and(|expected| (expected.cost - found).abs() < 1e-9));
        let sum: f64 = b.iter().sum();
        let mean: f64 = slopes.iter().zip(shares(b)).map(|(slope, share)| slope * share).sum();
        let mut worst = 0.0_f64;
        for cell in 0..CELLS {
            let at = |step: f64| {
                let mut moved = b;
                moved[cell] += step;
                cost(&moved).0
            };
            let difference = (at(1e-2) - at(-1e-2)) / 2e-2;
            worst = worst.max((difference - (slopes[cell] - mean) / sum).abs() * sum);
        }
        // the iteration stops short of the exact plan
        assert!(worst < 0.02, "{worst}");
    }
}
