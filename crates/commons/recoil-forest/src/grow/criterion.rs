//! Impurities of nodes from sums over their rows, for exact growth.

use crate::parameters::Criterion;

/// Sums over the rows of a node and of the two sides of a split in it.
///
/// For numbers there is a sum of weight times value per output, for classes a sum of weights per class.
pub(crate) struct Sums {
    criterion: Criterion,
    pub(crate) total: Vec<f64>,
    pub(crate) left: Vec<f64>,
    right: Vec<f64>,
    pub(crate) weight: f64,
    pub(crate) weight_left: f64,
    pub(crate) weight_right: f64,
    /// sum of weight times squared value
    pub(crate) squares: f64,
}

impl Sums {
    pub(crate) fn new(criterion: Criterion, width: usize) -> Self {
        Self {
            criterion,
            total: vec![0.0; width],
            left: vec![0.0; width],
            right: vec![0.0; width],
            weight: 0.0,
            weight_left: 0.0,
            weight_right: 0.0,
            squares: 0.0,
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.total.fill(0.0);
        (self.weight, self.squares) = (0.0, 0.0);
    }

    /// All rows to the right side.
    pub(crate) fn all_right(&mut self) {
        self.left.fill(0.0);
        self.weight_left = 0.0;
    }

    /// All rows to the left side.
    pub(crate) fn all_left(&mut self) {
        self.left.copy_from_slice(&self.total);
        self.weight_left = self.weight;
    }

    /// The right side is what the left side leaves.
    pub(crate) fn complete(&mut self) {
        self.weight_right = self.weight - self.weight_left;
        for ((right, total), left) in self.right.iter_mut().zip(&self.total).zip(&self.left) {
            *right = total - left;
        }
    }

    pub(crate) fn impurity(&self) -> f64 {
        self.impurity_of(&self.total, self.weight, self.squares)
    }

    fn impurity_of(&self, sums: &[f64], weight: f64, squares: f64) -> f64 {
        match self.criterion {
            Criterion::SquaredError => {
                let mut impurity = squares / weight;
                for sum in sums {
                    let mean = sum / weight;
                    impurity -= mean * mean;
                }
                impurity / sums.len() as f64
            }
            Criterion::Gini => {
                let mut squared = 0.0;
                for count in sums {
                    squared += count * count;
                }
                1.0 - squared / (weight * weight)
            }
            Criterion::Entropy => {
                let mut entropy = 0.0;
                for count in sums.iter().filter(|count| **count > 0.0) {
                    let part = count / weight;
                    entropy -= part * (part.ln() / std::f64::consts::LN_2);
                }
                entropy
            }
        }
    }

    /// A number that is larger the better the split is.
    pub(crate) fn quality(&self) -> f64 {
        match self.criterion {
            Criterion::SquaredError => {
                let (mut left, mut right) = (0.0, 0.0);
                for (a, b) in self.left.iter().zip(&self.right) {
                    left += a * a;
                    right += b * b;
                }
                left / self.weight_left + right / self.weight_right
            }
            Criterion::Gini | Criterion::Entropy => {
                let (left, right) = self.sides(0.0);
                -self.weight_right * right - self.weight_left * left
            }
        }
    }

    /// Impurities of both sides; `squares` is the left side's sum of weight times squared value.
    pub(crate) fn sides(&self, squares: f64) -> (f64, f64) {
        (
            self.impurity_of(&self.left, self.weight_left, squares),
            self.impurity_of(&self.right, self.weight_right, self.squares - squares),
        )
    }
}
