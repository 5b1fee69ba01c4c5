//! Sliced-Wasserstein distance of events: particles are points of a space of presence and momenta; along many directions,
//! the sorted shadows of the points that are found and of the true ones should be the same (Bonneel et al., J. Math.
//! Imaging Vision 51 (2015) 22).

use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution as _, StandardNormal};
use recoil_nn::Result;
use recoil_nn::tape::{Tape, Value};

use super::Truth;
use super::particles::{joined, presence};
use crate::network::forward::{Outputs, Rows};

/// Absence, presence, and presence times the five outputs of the momentum.
const FEATURES: usize = 7;
/// Least deviation of a feature that it is divided by: numbers that are alike in an event are not blown up.
const LEAST: f64 = 0.1;

type Point = [f64; FEATURES];

/// Random directions of length 1.
pub(super) fn directions(seed: u64, count: usize) -> Vec<Point> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let one = |_| {
        let direction: Point = std::array::from_fn(|_| StandardNormal.sample(&mut rng));
        let length = direction.iter().map(|x| x * x).sum::<f64>().sqrt().max(1e-12);
        direction.map(|x| x / length)
    };
    (0..count).map(one).collect()
}

/// Sum over events of the distance between the points that are found and the true ones.
///
/// # Errors
/// Numbers that do not fit.
pub(super) fn distance(
    tape: &Tape<'_>,
    outputs: &Outputs,
    rows: &Rows,
    truth: &Truth,
    directions: &[Point],
) -> Result<Value> {
    let presence = presence(outputs, rows)?;
    let count = rows.len();
    let mut to_binary = tape.pool().zeros(2 * count);
    let mut to_momentum = [0; 5].map(|_| tape.pool().zeros(count));
    let real = |row: &usize| rows.real.get(*row).copied().unwrap_or(true);
    let mut total = 0.0;
    for pair in rows.offsets.windows(2) {
        let own: Vec<usize> = (pair[0] as usize..pair[1] as usize).filter(real).collect();
        let expected: Vec<Point> = own.iter().map(|row| expected(truth, *row)).collect();
        let scales = deviations(&expected);
        let point = |row: &usize| -> Point {
            let p = presence[*row];
            std::array::from_fn(|feature| match feature {
                0 => 1.0 - p,
                1 => p,
                _ => p * f64::from(outputs.momentum[feature - 2].values()[*row]),
            })
        };
        let scaled = |point: Point| -> Point { std::array::from_fn(|feature| point[feature] / scales[feature]) };
        let found: Vec<Point> = own.iter().map(point).map(scaled).collect();
        let expected: Vec<Point> = expected.into_iter().map(scaled).collect();
        let (distance, slopes) = between(&found, &expected, directions);
        total += distance;
        for (row, slope) in own.into_iter().zip(slopes) {
            let slope: Point = std::array::from_fn(|feature| slope[feature] / scales[feature]);
            let p = presence[row];
            let mut by_presence = slope[1] - slope[0];
            for (index, to) in to_momentum.iter_mut().enumerate() {
                by_presence += slope[index + 2] * f64::from(outputs.momentum[index].values()[row]);
                to[row] = (slope[index + 2] * p) as f32;
            }
            let by_logit = by_presence * p * (1.0 - p);
            to_binary[2 * row] = -by_logit as f32;
            to_binary[2 * row + 1] = by_logit as f32;
        }
    }
    let momenta = outputs.momentum.iter().zip(to_momentum);
    joined(tape, total, std::iter::once((&outputs.binary, to_binary)).chain(momenta).collect())
}

fn expected(truth: &Truth, row: usize) -> Point {
    let is_particle = truth.classes[row] != 0;
    std::array::from_fn(|feature| match (feature, is_particle) {
        (0, false) | (1, true) => 1.0,
        (0 | 1, _) | (_, false) => 0.0,
        (feature, true) => f64::from(truth.momentum[feature - 2][row]),
    })
}

/// Standard deviation of each feature, not below [`LEAST`].
fn deviations(points: &[Point]) -> Point {
    let count = points.len().max(1) as f64;
    std::array::from_fn(|feature| {
        let mean = points.iter().map(|point| point[feature]).sum::<f64>() / count;
        let square = points.iter().map(|point| (point[feature] - mean).powi(2)).sum::<f64>() / count;
        square.sqrt().max(LEAST)
    })
}

/// Root of the sum over directions and ranks of the squared differences of sorted shadows, and its derivatives by the
/// features of the points that are found.
fn between(found: &[Point], expected: &[Point], directions: &[Point]) -> (f64, Vec<Point>) {
    let mut slopes = vec![[0.0; FEATURES]; found.len()];
    let mut total = 0.0;
    let mut order: Vec<usize> = (0..found.len()).collect();
    for direction in directions {
        let shadow = |point: &Point| point.iter().zip(direction).map(|(x, along)| x * along).sum::<f64>();
        let of_found: Vec<f64> = found.iter().map(shadow).collect();
        let mut of_expected: Vec<f64> = expected.iter().map(shadow).collect();
        order.sort_unstable_by(|a, b| of_found[*a].total_cmp(&of_found[*b]).then(a.cmp(b)));
        of_expected.sort_unstable_by(f64::total_cmp);
        for (place, expected) in order.iter().zip(&of_expected) {
            let difference = of_found[*place] - expected;
            total += difference * difference;
            slopes[*place].iter_mut().zip(direction).for_each(|(slope, along)| *slope += difference * along);
        }
    }
    let distance = total.sqrt();
    let factor = if distance > 1e-12 { 1.0 / distance } else { 0.0 };
    slopes.iter_mut().flatten().for_each(|slope| *slope *= factor);
    (distance, slopes)
}

#[cfg(test)]
mod tests {
    use super::{FEATURES, between, directions};

    #[test]
    fn distances_of_sorted_shadows() {
        let along = |feature: usize| std::array::from_fn(|other| if other == feature { 1.0 } else { 0.0 });
        let point = |x: f64, y: f64| {
            let mut point = [0.0; FEATURES];
            (point[0], point[3]) = (x, y);
            point
        };
        // along the first feature 1, 4 against 2, 3: 1 and 1 apart; along the fourth 5, 0 against 5, 0
        let found = [point(4.0, 5.0), point(1.0, 0.0)];
        let expected = [point(2.0, 0.0), point(3.0, 5.0)];
        let (distance, slopes) = between(&found, &expected, &[along(0), along(3)]);
        assert!((distance - 2.0_f64.sqrt()).abs() < 1e-12);
        assert!((slopes[0][0] - 0.5_f64.sqrt()).abs() < 1e-12 && (slopes[1][0] + 0.5_f64.sqrt()).abs() < 1e-12);
        assert!(slopes[0][3].abs() < 1e-12);
        // the order of points means nothing
        let turned = [found[1], found[0]];
        assert_eq!(between(&turned, &expected, &directions(1, 50)).0, between(&found, &expected, &directions(1, 50)).0);
        assert_eq!(between(&found, &turned, &directions(1, 50)).0, 0.0);
        assert_ne!(directions(1, 2), directions(2, 2));
    }
}
