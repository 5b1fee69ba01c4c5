//! Entropic optimal transport by Sinkhorn's iteration.

use crate::error::{Error, Result};

/// Settings of the iteration.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sinkhorn {
    /// Weight of the entropy, in the units of the cost.
    pub regularisation: f64,
    /// Most iterations.
    pub iterations: usize,
    /// Iterations between two checks.
    pub check_every: usize,
    /// The iteration stops when the summed difference of the second marginal, squared, is below this.
    pub tolerance: f64,
}

impl Default for Sinkhorn {
    fn default() -> Self {
        Self { regularisation: 0.5, iterations: 1000, check_every: 10, tolerance: 1e-9 }
    }
}

/// What the iteration found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SinkhornResult {
    /// Cost of the plan.
    pub cost: f64,
    /// Iterations done.
    pub iterations: usize,
    /// Whether the tolerance was reached.
    pub converged: bool,
}

/// Cost of the entropic plan between two distributions; `cost` has one row per place of `a`.
///
/// # Errors
/// Columns of different lengths, masses that are not positive and finite, a regularisation that is not positive.
pub fn sinkhorn(a: &[f64], b: &[f64], cost: &[f64], settings: &Sinkhorn) -> Result<SinkhornResult> {
    if cost.len() != a.len() * b.len() {
        return Err(Error::Length { column: "cost".into(), expected: a.len() * b.len(), found: cost.len() });
    }
    for (column, values) in [("first distribution", a), ("second distribution", b)] {
        if let Some(row) = values.iter().position(|value| !(value.is_finite() && *value > 0.0)) {
            let value = values.get(row).copied().unwrap_or_default() as f32;
            return Err(Error::Value { column: column.into(), row, value, wanted: "positive and finite" });
        }
    }
    if !(settings.regularisation > 0.0 && settings.regularisation.is_finite()) {
        let (name, value) = ("regularisation".to_owned(), settings.regularisation);
        return Err(Error::Parameter { name, value, wanted: "positive and finite" });
    }
    let kernel: Vec<f64> = cost.iter().map(|cost| (-cost / settings.regularisation).exp()).collect();
    let columns = b.len().max(1);
    let mut left = vec![1.0 / a.len().max(1) as f64; a.len()];
    let mut right = vec![1.0 / columns as f64; b.len()];
    let mut reached = vec![0.0; b.len()];
    let (mut done, mut converged) = (0, false);
    while done < settings.iterations && !converged {
        spread(&kernel, columns, &left, &mut reached);
        right.iter_mut().zip(b).zip(&reached).for_each(|((right, b), sum)| *right = b / sum);
        for ((left, a), row) in left.iter_mut().zip(a).zip(kernel.chunks_exact(columns)) {
            let sum: f64 = row.iter().zip(&right).map(|(kernel, right)| kernel * right).sum();
            *left = a / sum;
        }
        if done % settings.check_every.max(1) == 0 {
            spread(&kernel, columns, &left, &mut reached);
            let off: f64 = reached.iter().zip(&right).zip(b).map(|((sum, right), b)| (sum * right - b).abs()).sum();
            converged = off * off < settings.tolerance;
        }
        done += 1;
    }
    let rows = kernel.chunks_exact(columns).zip(cost.chunks_exact(columns)).zip(&left);
    let total = rows.map(|((kernel, cost), left)| {
        let row = kernel.iter().zip(cost).zip(&right).map(|((kernel, cost), right)| kernel * cost * right);
        left * row.sum::<f64>()
    });
    Ok(SinkhornResult { cost: total.sum(), iterations: done, converged })
}

/// Sums of the kernel's rows, weighted by `left`.
fn spread(kernel: &[f64], columns: usize, left: &[f64], sums: &mut [f64]) {
    sums.fill(0.0);
    for (row, left) in kernel.chunks_exact(columns).zip(left) {
        sums.iter_mut().zip(row).for_each(|(sum, kernel)| *sum += kernel * left);
    }
}
