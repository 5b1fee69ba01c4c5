//! CLUE against a direct transcription that compares every point with every other, and against
//! itself on rearranged input.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;
use recoil_physics::clue::{Clue, Clustering, Kernel, Metric, Norm, Points};

/// One random problem. Coordinates lie on a coarse lattice, so that equal distances, distances of
/// exactly dc, coinciding points and equal densities abound.
#[derive(Debug, Clone)]
struct Problem {
    columns: Vec<Vec<f32>>,
    weights: Vec<f32>,
    noise: Vec<f32>,
    norm: Norm,
    axis_weights: Option<Vec<f32>>,
    periods: Option<Vec<f32>>,
    kernel: Kernel,
    dc: f32,
    rhoc: f32,
    outlier: f32,
    seeding: f32,
}

impl Problem {
    fn run(&self) -> Clustering {
        let columns: Vec<&[f32]> = self.columns.iter().map(Vec::as_slice).collect();
        let points = Points::new(&columns).unwrap().weights(&self.weights).unwrap();
        self.clue().run(&points.density_uncertainty(&self.noise).unwrap()).unwrap()
    }

    fn is_radial(&self) -> bool {
        !matches!(self.kernel, Kernel::Flat { .. })
    }

    /// All lattice points lie in [-3, 3], less than any period apart after one turn.
    fn distance(&self, i: usize, j: usize) -> f32 {
        let deltas = self.columns.iter().enumerate().map(|(axis, column)| {
            let period = self.periods.as_ref().map_or(0.0, |periods| periods[axis]);
            let weight = self.axis_weights.as_ref().map_or(1.0, |weights| weights[axis]);
            let direct = (column[i] - column[j]).abs();
            let delta = if period > 0.0 { (direct % period).min(period - direct % period) } else { direct };
            (weight, delta)
        });
        match self.norm {
            Norm::Euclidean => deltas.map(|(weight, delta)| weight * delta * delta).sum::<f32>().sqrt(),
            Norm::Manhattan => deltas.map(|(weight, delta)| weight * delta).sum(),
            Norm::Chebyshev => deltas.map(|(weight, delta)| weight * delta).fold(0.0, f32::max),
        }
    }

    fn clue(&self) -> Clue {
        let metric = Metric::new(self.norm);
        let metric = self.axis_weights.iter().fold(metric, |metric, weights| metric.weights(weights));
        let metric = self.periods.iter().fold(metric, |metric, periods| metric.periods(periods));
        Clue::new(self.dc, self.rhoc)
            .outlier_distance(self.outlier)
            .seeding_distance(self.seeding)
            .metric(metric)
            .kernel(self.kernel)
    }

    /// The definition, point by point.
    fn reference(&self) -> Clustering {
        let count = self.weights.len();
        let distance = |i: usize, j: usize| self.distance(i, j);
        let mut found = Clustering { cluster: vec![-1; count], ..Clustering::default() };
        for i in 0..count {
            let term = |j: usize| {
                let value = if i == j { 1.0 } else { self.kernel.value(distance(i, j)) };
                value * f64::from(self.weights[j])
            };
            found.density.push((0..count).filter(|&j| distance(i, j) <= self.dc).map(term).sum::<f64>() as f32);
        }
        let dense = |i: usize| found.density[i] >= self.rhoc * self.noise[i];
        for i in 0..count {
            let radius = if dense(i) { self.seeding } else { self.outlier };
            let own = found.density[i];
            let is_higher = |&j: &usize| found.density[j] > own || (found.density[j] == own && own > 0.0 && j > i);
            let order = |&a: &usize, &b: &usize| {
                let near = distance(i, a).total_cmp(&distance(i, b));
                near.then(found.density[b].total_cmp(&found.density[a])).then(b.cmp(&a))
            };
            let nearest = (0..count).filter(is_higher).filter(|&j| distance(i, j) <= radius).min_by(order);
            found.nearest_higher.push(nearest.map_or(-1, |j| j as i32));
            found.is_seed.push(nearest.is_none() && dense(i));
        }
        for i in 0..count {
            if found.is_seed[i] {
                found.cluster[i] = found.clusters as i32;
                found.clusters += 1;
            }
        }
        for i in 0..count {
            let mut root = i;
            while found.nearest_higher[root] >= 0 {
                root = found.nearest_higher[root] as usize;
            }
            found.cluster[i] = found.cluster[root];
        }
        found
    }
}

type PerAxis = Option<Vec<f32>>;

fn metric(dimension: usize) -> impl Strategy<Value = (Norm, PerAxis, PerAxis)> {
    let norm = prop_oneof![3 => Just(Norm::Euclidean), 1 => Just(Norm::Manhattan), 1 => Just(Norm::Chebyshev)];
    let list = |values| prop::collection::vec(prop::sample::select(values), dimension);
    let weights = prop::option::weighted(0.3, list(vec![0.5, 1.0, 3.0]));
    let periods = prop::option::weighted(0.4, list(vec![0.0, 4.0, 6.5]));
    (norm, weights, periods)
}

fn problem() -> impl Strategy<Value = Problem> {
    let kernel = prop_oneof![
        4 => Just(Kernel::default()),
        1 => Just(Kernel::Flat { value: 0.25 }),
        1 => Just(Kernel::Gaussian { mean: 0.5, sigma: 0.7, amplitude: 1.5 }),
        1 => Just(Kernel::Exponential { slope: 1.5, amplitude: 0.75 }),
    ];
    let distance = || prop::sample::select(vec![0.5_f32, 1.0, 1.25, 2.0, 3.6]);
    let rhoc = prop::sample::select(vec![0.0_f32, 1.5, 2.5, 6.0]);
    let shape = (1_usize..=5, 1_usize..120);
    (shape, kernel, distance(), distance(), distance(), rhoc, any::<bool>(), any::<bool>()).prop_flat_map(
        |((dimension, count), kernel, dc, outlier, seeding, rhoc, uniform, noisy)| {
            let coordinate = (-12_i32..=12).prop_map(|step| step as f32 * 0.25);
            let columns = prop::collection::vec(prop::collection::vec(coordinate, count), dimension);
            let weights = vec![0.0_f32, 0.5, 1.0, 1.0, 2.25, -1.0];
            let weights = prop::sample::select(if uniform { vec![1.0] } else { weights });
            let noise = prop::sample::select(if noisy { vec![0.0_f32, 0.5, 2.0] } else { vec![1.0] });
            let rows = (prop::collection::vec(weights, count), prop::collection::vec(noise, count));
            (columns, rows, metric(dimension)).prop_map(
                move |(columns, (weights, noise), (norm, axis_weights, periods))| Problem {
                    columns,
                    weights,
                    noise,
                    norm,
                    axis_weights,
                    periods,
                    kernel,
                    dc,
                    rhoc,
                    outlier,
                    seeding,
                },
            )
        },
    )
}

/// Densities of a distance-dependent kernel are sums in another order, so their last bit may differ;
/// the labels are compared only where no density does.
fn agree(found: &Clustering, expected: &Clustering) -> Result<(), TestCaseError> {
    let near = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-5 * b.abs().max(1.0);
    prop_assert!(found.density.iter().zip(&expected.density).all(near));
    if found.density == expected.density {
        prop_assert_eq!(found, expected);
    }
    Ok(())
}

fn shuffled<T: Copy>(values: &[T], order: &[usize]) -> Vec<T> {
    order.iter().map(|&row| values[row]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn is_the_definition(problem in problem()) {
        let (found, expected) = (problem.run(), problem.reference());
        if !problem.is_radial() {
            prop_assert_eq!(&found.density, &expected.density);
        }
        agree(&found, &expected)?;
    }

    #[test]
    fn order_of_points_does_not_matter_with_tags(problem in problem(), seed in any::<u64>()) {
        let count = problem.weights.len();
        let mut order: Vec<usize> = (0..count).collect();
        order.sort_by_key(|&row| (row as u64 + 1).wrapping_mul(seed | 1).rotate_left(17));
        let tags: Vec<u32> = (0..count as u32).map(|row| row * 7 + 3).collect();
        let run = |order: &[usize]| {
            let columns: Vec<Vec<f32>> = problem.columns.iter().map(|column| shuffled(column, order)).collect();
            let columns: Vec<&[f32]> = columns.iter().map(Vec::as_slice).collect();
            let (weights, noise) = (shuffled(&problem.weights, order), shuffled(&problem.noise, order));
            let tags = shuffled(&tags, order);
            let points = Points::new(&columns).unwrap().weights(&weights).unwrap();
            problem.clue().run(&points.density_uncertainty(&noise).unwrap().tags(&tags).unwrap()).unwrap()
        };
        let (plain, mixed) = (run(&(0..count).collect::<Vec<_>>()), run(&order));
        prop_assert_eq!(&plain, &problem.run());
        if shuffled(&plain.density, &order) == mixed.density {
            prop_assert_eq!(&shuffled(&plain.is_seed, &order), &mixed.is_seed[..]);
            // rows and cluster numbers are named anew by the order, so translate both
            let seed_of = |found: &Clustering| -> Vec<usize> { (0..count).filter(|&row| found.is_seed[row]).collect() };
            let (plain_seeds, mixed_seeds) = (seed_of(&plain), seed_of(&mixed));
            for (row, &old) in order.iter().enumerate() {
                let higher = usize::try_from(mixed.nearest_higher[row]).ok().map(|higher| order[higher]);
                prop_assert_eq!(usize::try_from(plain.nearest_higher[old]).ok(), higher);
                let root = usize::try_from(mixed.cluster[row]).ok().map(|cluster| order[mixed_seeds[cluster]]);
                prop_assert_eq!(usize::try_from(plain.cluster[old]).ok().map(|cluster| plain_seeds[cluster]), root);
            }
        } else {
            prop_assert!(problem.is_radial());
        }
    }

    #[test]
    fn batches_are_separate_runs(problem in problem(), cut in 0.0..1.0_f64) {
        let count = problem.weights.len();
        let cut = (cut * count as f64) as usize;
        let columns: Vec<&[f32]> = problem.columns.iter().map(Vec::as_slice).collect();
        let points = Points::new(&columns).unwrap().weights(&problem.weights).unwrap();
        let found = problem.clue().run_batches(&points, &[0, cut, cut, count]).unwrap();
        prop_assert_eq!(found.len(), 3);
        for (found, rows) in found.iter().zip([0..cut, cut..cut, cut..count]) {
            let columns: Vec<&[f32]> = problem.columns.iter().map(|column| &column[rows.clone()]).collect();
            let alone = Points::new(&columns).unwrap().weights(&problem.weights[rows]).unwrap();
            prop_assert_eq!(found, &problem.clue().run(&alone).unwrap());
        }
    }

    #[test]
    fn threads_do_not_matter(problem in problem()) {
        let with = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| problem.run());
        let one = with(1);
        prop_assert_eq!(&one, &with(2));
        prop_assert_eq!(&one, &with(3));
    }
}

/// Enough points for the tree itself to be built by several threads, and weights whose sums are not
/// exact in single precision.
#[test]
fn threads_do_not_matter_to_many_points() {
    let column = |step: f32| (0..60_000).map(|row| (row as f32 * step).sin() * 30.0).collect::<Vec<f32>>();
    let (x, y, weights) = (column(0.733), column(1.317), column(0.051));
    let points = Points::new(&[&x, &y]).unwrap().weights(&weights).unwrap();
    for kernel in [Kernel::default(), Kernel::Gaussian { mean: 0.0, sigma: 0.2, amplitude: 0.5 }] {
        let clue = Clue::new(0.4, 20.0).outlier_distance(1.0).kernel(kernel);
        let with = |threads| {
            rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| clue.run(&points))
        };
        let one = with(1).unwrap();
        assert!(one.clusters > 10);
        assert_eq!(one, with(2).unwrap());
        assert_eq!(one, with(3).unwrap());
    }
}
