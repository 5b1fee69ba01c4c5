//! Metrics of position, width and shape.

use crate::wafer::{CELLS, POSITIONS};

/// Spread of the trigger cells along x and y \[small sensor cells\], which widths are divided by.
const SPREAD: [f64; 2] = [3.611322377341547, 3.6113223434807287];

/// All of the simple metrics of one pair of wafers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ShapeMetrics {
    /// Distance between the centres of charge \[small sensor cells\].
    pub mean_shift: f64,
    /// Width of the truth minus width of the prediction.
    pub width_change: f64,
    /// Pearson's correlation of the charges; NaN if a wafer's charges are all equal.
    pub correlation: f64,
    /// Sum of squared differences over the geometric mean of the sums of squares; NaN for an empty wafer.
    pub ssd: f64,
    /// Whether nothing is left of a wafer that had charge.
    pub lost: bool,
}

/// Compares two wafers. Means and widths are of charges normalised to unit sum, and NaN for an empty wafer.
pub fn shape_metrics(truth: &[f64; CELLS], predicted: &[f64; CELLS]) -> ShapeMetrics {
    let (a, b) = (normalised(truth), normalised(predicted));
    let (from, to) = (centre(&a), centre(&b));
    let square = |values: &[f64; CELLS]| values.iter().map(|value| value * value).sum::<f64>();
    let difference: f64 = truth.iter().zip(predicted).map(|(a, b)| (a - b).powi(2)).sum();
    let is_empty = |values: &[f64; CELLS]| values.iter().all(|&value| value == 0.0);
    ShapeMetrics {
        mean_shift: (from[0] - to[0]).hypot(from[1] - to[1]),
        width_change: width(&a, from) - width(&b, to),
        correlation: correlation(truth, predicted),
        ssd: difference / (square(truth) * square(predicted)).sqrt(),
        lost: is_empty(predicted) && !is_empty(truth),
    }
}

fn normalised(values: &[f64; CELLS]) -> [f64; CELLS] {
    let sum: f64 = values.iter().sum();
    values.map(|value| value / sum)
}

fn centre(shares: &[f64; CELLS]) -> [f64; 2] {
    shares.iter().zip(&POSITIONS).fold([0.0; 2], |at, (share, [x, y])| [at[0] + share * x, at[1] + share * y])
}

/// Root of the summed squared distances from the centre; shares enter squared, as in the reference.
fn width(shares: &[f64; CELLS], centre: [f64; 2]) -> f64 {
    let squared = shares.iter().zip(&POSITIONS).map(|(share, [x, y])| {
        let (x, y) = ((x - centre[0]) / SPREAD[0], (y - centre[1]) / SPREAD[1]);
        (x * x + y * y) * share * share
    });
    squared.sum::<f64>().sqrt()
}

fn correlation(a: &[f64; CELLS], b: &[f64; CELLS]) -> f64 {
    let mean = |values: &[f64; CELLS]| values.iter().sum::<f64>() / CELLS as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let pairs = a.iter().zip(b).map(|(a, b)| (a - mean_a, b - mean_b));
    let (ab, aa, bb) = pairs.fold((0.0, 0.0, 0.0), |s, (a, b)| (s.0 + a * b, s.1 + a * a, s.2 + b * b));
    ab / (aa * bb).sqrt()
}
