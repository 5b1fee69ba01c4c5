//! Laws that hold for every forest.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;
use recoil_forest::{
    Amount, Criterion, FeatureTable, Forest, ForestError, Growth, LEAF, MaxFeatures, Parameters, Predictor, Target,
};
use std::path::Path;

/// Numbers that look random, from 0 to below 1.
fn noise(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 53) as f64
    }
}

fn sample(rows: usize, features: usize, seed: u64) -> (FeatureTable, Vec<f64>) {
    let mut unit = noise(seed);
    let columns: Vec<Vec<f32>> = (0..features).map(|_| (0..rows).map(|_| unit() as f32).collect()).collect();
    let truth =
        (0..rows).map(|row| f64::from(columns[0][row] * 3.0 + columns[1][row].powi(2)) + 0.1 * unit()).collect();
    let names = (0..features).map(|feature| format!("x{feature}")).collect();
    (FeatureTable::new(names, columns).unwrap(), truth)
}

fn with_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let (table, truth) = sample(3000, 5, 1);
    let target = Target::values(1, truth).unwrap();
    for growth in [Growth::Histogram, Growth::Exact] {
        let parameters = Parameters {
            n_estimators: 7,
            max_features: MaxFeatures::Sqrt,
            min_samples_leaf: Amount::Number(3),
            oob_score: true,
            growth,
            ..Parameters::default()
        };
        let all: Vec<(Vec<u8>, Vec<f64>)> = [1, 2, 5]
            .into_iter()
            .map(|threads| {
                with_threads(threads, || {
                    let forest = Forest::fit(&table, &target, None, &parameters).unwrap();
                    let answer = Predictor::new(&forest).unwrap().predict(&table.row_major()).unwrap();
                    (forest.to_bytes(None), answer)
                })
            })
            .collect();
        assert!(all[0] == all[1] && all[1] == all[2], "{growth:?}");
    }
}

#[test]
fn a_smooth_function_is_learnt() {
    let (table, truth) = sample(20_000, 6, 2);
    let (test, expected) = sample(4000, 6, 3);
    let target = Target::values(1, truth).unwrap();
    let mean = expected.iter().sum::<f64>() / expected.len() as f64;
    let spread: f64 = expected.iter().map(|value| (value - mean).powi(2)).sum();
    for growth in [Growth::Histogram, Growth::Exact] {
        let parameters = Parameters {
            n_estimators: 12,
            min_samples_leaf: Amount::Number(10),
            oob_score: true,
            growth,
            ..Parameters::default()
        };
        let forest = Forest::fit(&table, &target, None, &parameters).unwrap();
        let answer = Predictor::new(&forest).unwrap().predict(&test.row_major()).unwrap();
        let rest: f64 = answer.iter().zip(&expected).map(|(a, b)| (a - b).powi(2)).sum();
        let determination = 1.0 - rest / spread;
        let out_of_bag = forest.out_of_bag().unwrap();
        assert!(determination > 0.995, "{growth:?}: {determination}");
        assert!((out_of_bag.score - determination).abs() < 0.01, "{growth:?}: {out_of_bag:?}");
        let importances = forest.importances();
        assert!(importances[0] > 0.8 && importances[1] > 0.05, "{importances:?}");
        assert!((importances.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!(importances[2..].iter().all(|value| *value < 0.01), "{importances:?}");
    }
}

#[test]
fn many_features_outputs_and_classes() {
    let mut unit = noise(5);
    for (features, outputs) in [(3, 2), (20, 3), (40, 16)] {
        let rows = 900;
        let columns: Vec<Vec<f32>> = (0..features).map(|_| (0..rows).map(|_| unit() as f32).collect()).collect();
        let values: Vec<f64> =
            (0..rows * outputs).map(|place| f64::from(columns[place % outputs % features][place / outputs])).collect();
        let labels: Vec<i64> = columns[1].iter().map(|value| (value * outputs as f32) as i64 * 7).collect();
        let table = FeatureTable::new((0..features).map(|f| f.to_string()).collect(), columns).unwrap();
        for criterion in [None, Some(Criterion::Gini), Some(Criterion::Entropy)] {
            let target = match criterion {
                None => Target::values(outputs, values.clone()).unwrap(),
                Some(_) => Target::classes(&labels).unwrap(),
            };
            let parameters = Parameters { n_estimators: 8, criterion, ..Parameters::default() };
            let forest = Forest::fit(&table, &target, None, &parameters).unwrap();
            let answer = Predictor::new(&forest).unwrap().predict(&table.row_major()).unwrap();
            let right = match criterion {
                None => {
                    answer.iter().zip(&values).filter(|(a, b)| (**a - **b).abs() < 0.35).count() as f64 / outputs as f64
                }
                Some(_) => {
                    let likely = |row: &[f64]| (0..outputs).max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap() as i64;
                    answer.chunks_exact(outputs).zip(&labels).filter(|(row, label)| likely(row) * 7 == **label).count()
                        as f64
                }
            };
            assert!(right > 0.9 * rows as f64, "{features} features, {outputs} outputs, {criterion:?}: {right} right");
        }
    }
}

#[test]
fn limits_hold_in_every_node() {
    let (table, truth) = sample(2500, 4, 9);
    let target = Target::values(1, truth).unwrap();
    for growth in [Growth::Histogram, Growth::Exact] {
        for max_leaf_nodes in [None, Some(20)] {
            let parameters = Parameters {
                n_estimators: 3,
                max_depth: Some(6),
                min_samples_leaf: Amount::Number(25),
                min_weight_fraction_leaf: 0.012,
                max_leaf_nodes,
                growth,
                ..Parameters::default()
            };
            let forest = Forest::fit(&table, &target, None, &parameters).unwrap();
            for tree in forest.trees() {
                assert!(tree.depth() <= 6 && tree.leaves() > 5);
                assert!(tree.leaves() <= max_leaf_nodes.unwrap_or(64), "{}", tree.leaves());
                assert_eq!(tree.weight[0], 2500.0);
                for node in 0..tree.len() {
                    assert!(tree.count[node] >= 25 && tree.weight[node] >= 30.0, "{growth:?}");
                    if tree.feature[node] != LEAF {
                        let (left, right) = (tree.left[node] as usize, tree.right[node] as usize);
                        assert_eq!(tree.count[node], tree.count[left] + tree.count[right]);
                        assert_eq!(tree.weight[node], tree.weight[left] + tree.weight[right]);
                    }
                }
            }
        }
    }
}

#[test]
fn weights_count_like_repeated_rows() {
    // so few that every value has a bin, with and without the rows of weight zero
    let (table, truth) = sample(240, 3, 4);
    let weights: Vec<f64> = (0..240).map(|row| f64::from(row % 3)).collect();
    let mut columns = vec![Vec::new(); 3];
    let mut repeated = Vec::new();
    for row in 0..240 {
        for _ in 0..row % 3 {
            for (column, own) in columns.iter_mut().zip(table.columns()) {
                column.push(own[row]);
            }
            repeated.push(truth[row]);
        }
    }
    let twice = FeatureTable::new(table.names().to_vec(), columns).unwrap();
    for growth in [Growth::Histogram, Growth::Exact] {
        let parameters =
            Parameters { n_estimators: 1, bootstrap: false, max_depth: Some(4), growth, ..Parameters::default() };
        let target = Target::values(1, truth.clone()).unwrap();
        let weighted = Forest::fit(&table, &target, Some(&weights), &parameters).unwrap();
        let target = Target::values(1, repeated.clone()).unwrap();
        let copied = Forest::fit(&twice, &target, None, &parameters).unwrap();
        let (a, b) = (&weighted.trees()[0], &copied.trees()[0]);
        assert_eq!(a.weight, b.weight, "{growth:?}");
        for (a, b) in a.value.iter().zip(&b.value) {
            assert!((a - b).abs() < 1e-12, "{growth:?}: {a} {b}");
        }
    }
}

#[test]
fn a_file_comes_back_and_damage_is_named() {
    let (table, truth) = sample(300, 3, 6);
    let labels: Vec<i64> = truth.iter().map(|value| (*value * 2.0) as i64).collect();
    let parameters = Parameters { n_estimators: 3, oob_score: true, ..Parameters::default() };
    let forest = Forest::fit(&table, &Target::classes(&labels).unwrap(), None, &parameters).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("forest.safetensors");
    forest.write(&path, Some("made by a test")).unwrap();
    assert_eq!(Forest::read(&path).unwrap(), forest);
    assert_eq!(Forest::provenance(&path).unwrap().as_deref(), Some("made by a test"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    assert!(matches!(forest.write(Path::new("/nowhere/x"), None), Err(ForestError::File { .. })));

    let bytes = forest.to_bytes(None);
    for cut in (0..bytes.len()).step_by(97) {
        let error = Forest::from_bytes(&path, &bytes[..cut]).unwrap_err().to_string();
        assert!(error.contains("forest.safetensors"), "{error}");
    }
    let mut unit = noise(11);
    for _ in 0..1000 {
        let mut damaged = bytes.clone();
        for _ in 0..1 + (unit() * 4.0) as usize {
            let place = (unit() * damaged.len() as f64) as usize;
            damaged[place] = (unit() * 256.0) as u8;
        }
        if let Ok(forest) = Forest::from_bytes(&path, &damaged) {
            Predictor::new(&forest).unwrap().predict(&vec![0.5; 7 * forest.features().len()]).unwrap();
            forest.importances();
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let (table, truth) = sample(50, 3, 7);
    let target = Target::values(1, truth.clone()).unwrap();
    let parameters = Parameters { n_estimators: 2, ..Parameters::default() };
    let forest = Forest::fit(&table, &target, None, &parameters).unwrap();
    let predictor = Predictor::new(&forest).unwrap();
    let message = predictor.predict(&[0.0, f32::NAN, 0.0]).unwrap_err().to_string();
    assert_eq!(message, "feature 'x1', row 0: NaN is not a finite number");
    assert!(predictor.predict(&[0.0]).is_err());
    assert!(predictor.predict(&[]).unwrap().is_empty());

    let names = || vec!["a".to_owned(), "b".to_owned()];
    assert!(FeatureTable::new(names(), vec![vec![1.0], vec![1.0, 2.0]]).is_err());
    assert!(FeatureTable::new(names(), vec![vec![1.0], vec![f32::INFINITY]]).is_err());
    assert!(FeatureTable::new(vec!["a".into(), "a".into()], vec![vec![1.0], vec![1.0]]).is_err());
    assert!(FeatureTable::new(names(), vec![vec![], vec![]]).is_err());
    assert!(Target::values(2, truth[..49].to_vec()).is_err());
    let wrong_weights = [vec![1.0; 49], vec![0.0; 50], vec![-1.0; 50], vec![f64::NAN; 50]];
    for weights in wrong_weights {
        assert!(Forest::fit(&table, &target, Some(&weights), &parameters).is_err());
    }
    let gini = Parameters { criterion: Some(Criterion::Gini), ..parameters.clone() };
    assert!(Forest::fit(&table, &target, None, &gini).unwrap_err().to_string().contains("squared_error"));
    let stopped = Forest::fit_watched(&table, &target, None, &parameters, &|trees| trees < 2);
    assert!(matches!(stopped, Err(ForestError::Stopped { trees: 2 })));
    let single = Forest::fit(&table, &Target::values(1, vec![4.0; 50]).unwrap(), None, &parameters).unwrap();
    assert_eq!(single.importances(), [0.0; 3]);
    assert!(single.trees().iter().all(|tree| tree.len() == 1 && tree.value == [4.0]));
    let one_class = Forest::fit(&table, &Target::classes(&[5; 50]).unwrap(), None, &parameters).unwrap();
    assert_eq!(Predictor::new(&one_class).unwrap().predict(&[0.1, 0.2, 0.3]).unwrap(), [1.0]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn answers_lie_between_the_values_and_fast_descent_ends_in_the_right_leaf(
        rows in 1_usize..700, seed in 0_u64..1000, leaf in 1_usize..20, exact: bool
    ) {
        let (table, truth) = sample(rows, 3, seed);
        // few thresholds and many
        let growth = if exact { Growth::Exact } else { Growth::Histogram };
        let parameters =
            Parameters { n_estimators: 3, min_samples_leaf: Amount::Number(leaf), growth, ..Parameters::default() };
        let forest = Forest::fit(&table, &Target::values(1, truth.clone()).unwrap(), None, &parameters).unwrap();
        let values = table.row_major();
        let answers = Predictor::new(&forest).unwrap().predict(&values).unwrap();
        let (low, high) = truth.iter().fold((f64::MAX, f64::MIN), |(a, b), v| (a.min(*v), b.max(*v)));
        for (row, answer) in answers.iter().enumerate() {
            prop_assert!(*answer >= low - 1e-9 && *answer <= high + 1e-9);
            let slow = forest.trees().iter().map(|tree| tree.value[tree.leaf(&values[3 * row..][..3])]).sum::<f64>();
            // the sums are taken in the same order
            prop_assert_eq!(slow / 3.0, *answer);
        }
    }
}

#[test]
fn rows_of_any_width_end_in_the_right_leaf() {
    for features in [2, 16, 17, 64, 65, 128, 256, 300] {
        let (table, truth) = sample(203, features, features as u64);
        let growth = if features > 128 { Growth::Exact } else { Growth::Histogram };
        let parameters = Parameters { n_estimators: 3, growth, ..Parameters::default() };
        let forest = Forest::fit(&table, &Target::values(1, truth).unwrap(), None, &parameters).unwrap();
        let values = table.row_major();
        let answers = Predictor::new(&forest).unwrap().predict(&values).unwrap();
        for (row, answer) in values.chunks_exact(features).zip(answers) {
            let slow = forest.trees().iter().map(|tree| tree.value[tree.leaf(row)]).sum::<f64>() / 3.0;
            assert_eq!(slow, answer, "{features} features");
        }
    }
}
