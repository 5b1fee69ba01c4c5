//! Networks over sets of points: gradients against differences, permutations, trainings that go on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use recoil_nn::lane::Lane;
use recoil_nn::loss::{Loss, LossBlock};
use recoil_nn::optimise::{Moments, Optimiser};
use recoil_nn::sets::{
    Function, Pooling, SetBatch, SetInput, SetLayer, SetNetwork, SetNode, SetPredictor, SetRows, SetSpec, SetTrainer,
};
use recoil_nn::train::TrainConfig;

fn random(seed: &mut u64) -> f32 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
}

fn numbers(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed;
    (0..count).map(|_| random(&mut state)).collect()
}

fn input(name: &str, columns: usize, rows: SetRows) -> SetInput {
    SetInput { name: name.into(), columns, rows }
}

fn points(set: &str) -> SetRows {
    SetRows::Points(set.into())
}

fn node(name: &str, from: &[&str], layer: SetLayer) -> SetNode {
    SetNode { name: name.into(), from: from.iter().map(|&name| name.to_owned()).collect(), layer }
}

fn dense(units: usize, activation: Function) -> SetLayer {
    SetLayer::Dense { units, activation }
}

/// A sum of squares: smooth, and sensitive to every output.
struct Squares;

impl Loss for Squares {
    fn evaluate(&self, block: &LossBlock<'_>, gradient: &mut [Lane]) -> Lane {
        let mut loss = Lane::ZERO;
        for ((y, t), g) in block.output.iter().zip(block.target).zip(gradient) {
            for s in 0..32 {
                let d = y.0[s] - t.0[s];
                loss.0[s] += d * d;
                g.0[s] = 2.0 * d;
            }
        }
        loss
    }
}

/// Edge convolutions over two joined sets with tags, normalisations, all pools and a shortcut.
fn edge_network() -> SetSpec {
    let norm = || SetLayer::BatchNorm { epsilon: 1e-3, momentum: 0.9 };
    SetSpec {
        inputs: vec![
            input("a", 3, points("a")),
            input("a_place", 2, points("a")),
            input("b", 4, points("b")),
            input("b_place", 2, points("b")),
            input("all", 5, SetRows::Samples),
        ],
        layers: vec![
            node("a_tag", &["a"], SetLayer::Tag { columns: 2 }),
            node("a_embed", &["a_tag"], dense(6, Function::Gelu)),
            node("b_embed", &["b"], dense(6, Function::Tanh)),
            node("points", &["a_embed", "b_embed"], SetLayer::Join),
            node("places", &["a_place", "b_place"], SetLayer::Join),
            node("norm", &["points"], norm()),
            node("edges", &["norm", "places"], SetLayer::Edges { neighbours: 3 }),
            node("edge_dense", &[], dense(7, Function::Linear)),
            node("edge_norm", &[], norm()),
            node("edge_function", &[], SetLayer::Activation(Function::Sigmoid)),
            node("mean", &[], SetLayer::MeanEdges),
            node("shortcut", &["norm"], dense(7, Function::Linear)),
            node("sum", &["mean", "shortcut"], SetLayer::Add),
            node("edges_2", &["sum", "places"], SetLayer::Edges { neighbours: 2 }),
            node("mean_2", &[], SetLayer::MeanEdges),
            node("pool_mean", &["mean_2"], SetLayer::Pool(Pooling::Mean)),
            node("pool_max", &["sum"], SetLayer::Pool(Pooling::Max)),
            node("pool_sum", &["sum"], SetLayer::Pool(Pooling::Sum)),
            node("joined", &["pool_mean", "pool_max", "pool_sum", "all"], SetLayer::Concat),
            node("hidden", &[], dense(8, Function::Tanh)),
            node("out", &[], dense(4, Function::Linear)),
            node("softmax", &[], SetLayer::Softmax),
        ],
    }
}

/// Attention over points and a token of the whole, with residual sums and normalised rows.
fn attention_network(rate: f32) -> SetSpec {
    SetSpec {
        inputs: vec![input("a", 3, points("a")), input("b", 4, points("b")), input("all", 5, SetRows::Samples)],
        layers: vec![
            node("a_embed", &["a"], dense(8, Function::Gelu)),
            node("b_embed", &["b"], dense(8, Function::Gelu)),
            node("all_embed", &["all"], dense(8, Function::Gelu)),
            node("tokens", &["a_embed", "b_embed", "all_embed"], SetLayer::Join),
            node("query", &["tokens"], dense(8, Function::Linear)),
            node("key", &["tokens"], dense(8, Function::Linear)),
            node("value", &["tokens"], dense(8, Function::Linear)),
            node("attention", &["query", "key", "value"], SetLayer::Attention { heads: 2 }),
            node("drop", &[], SetLayer::Dropout { rate }),
            node("sum", &["tokens", "drop"], SetLayer::Add),
            node("norm", &[], SetLayer::LayerNorm { epsilon: 1e-6 }),
            // the whole asks the points of one kind
            node("cross", &["query", "a_embed", "a_embed"], SetLayer::Attention { heads: 4 }),
            node("both", &["norm", "cross"], SetLayer::Concat),
            node("pool", &["both"], SetLayer::Pool(Pooling::Sum)),
            node("out", &[], dense(4, Function::Linear)),
            node("softmax", &[], SetLayer::Softmax),
        ],
    }
}

const A: [u32; 6] = [0, 5, 5, 6, 9, 15];
const B: [u32; 6] = [0, 1, 3, 3, 7, 9];

struct Data {
    a: Vec<f32>,
    a_place: Vec<f32>,
    b: Vec<f32>,
    b_place: Vec<f32>,
    all: Vec<f32>,
}

impl Data {
    fn new() -> Self {
        Self {
            a: numbers(45, 1),
            a_place: numbers(30, 2),
            b: numbers(36, 3),
            b_place: numbers(18, 4),
            all: numbers(25, 5),
        }
    }

    fn batch(&self, edges: bool) -> SetBatch<'_> {
        let inputs: Vec<&[f32]> = match edges {
            true => vec![&self.a, &self.a_place, &self.b, &self.b_place, &self.all],
            false => vec![&self.a, &self.b, &self.all],
        };
        SetBatch { samples: 5, offsets: vec![&A, &B], inputs }
    }
}

fn config() -> TrainConfig {
    let optimiser = Optimiser::Adam(Moments { rate: 1e-2, ..Moments::default() });
    TrainConfig { epochs: 100, optimiser, ..TrainConfig::default() }
}

#[test]
fn gradients_are_those_of_differences() {
    let data = Data::new();
    let target = numbers(20, 9);
    let weights = [1.0, 0.5, 2.0, 1.5, 0.7];
    for (what, spec) in [("edges", edge_network()), ("attention", attention_network(0.0))] {
        let network = SetNetwork::new(&spec).unwrap();
        let batch = data.batch(what == "edges");
        let parameters = network.start(3);
        let loss_at = |tensors: &[recoil_nn::Tensor]| {
            let mut parameters = network.start(3);
            parameters.take(tensors).unwrap();
            let mut trainer = SetTrainer::new(&network, &Squares, &config(), parameters, 7).unwrap();
            trainer.compute(&batch, &target, Some(&weights)).unwrap()
        };
        let mut trainer = SetTrainer::new(&network, &Squares, &config(), parameters.clone(), 7).unwrap();
        trainer.compute(&batch, &target, Some(&weights)).unwrap();
        let gradient = trainer.gradient().to_vec();
        let largest = gradient.iter().fold(0.0_f32, |largest, g| largest.max(g.abs()));
        let mut at = 0;
        for (index, spec) in network.tensors().iter().enumerate() {
            let count: usize = spec.shape.iter().product();
            for element in (0..count).step_by(count.div_ceil(7)) {
                let step = 4e-3_f32;
                let moved = |by: f32| {
                    let mut tensors = parameters.to_tensors();
                    tensors[index].values[element] += by;
                    loss_at(&tensors)
                };
                let difference = (moved(step) - moved(-step)) / (2.0 * f64::from(step));
                let found = f64::from(gradient[at + element]);
                let allowed = 0.01 * difference.abs() + 3e-3 * f64::from(largest);
                let close = (difference - found).abs() < allowed;
                assert!(close || !spec.trainable, "{what} {}[{element}]: {found}, {difference}", spec.name);
            }
            at += count;
        }
        assert!(largest > 1e-3, "{what}: a gradient that vanishes tells nothing");
    }
}

#[test]
fn the_order_of_points_does_not_matter() {
    let data = Data::new();
    for edges in [true, false] {
        let network = SetNetwork::new(&if edges { edge_network() } else { attention_network(0.1) }).unwrap();
        let predictor = SetPredictor::new(&network, &network.start(1));
        let expected = predictor.predict(&data.batch(edges)).unwrap();
        let mut turned = Data::new();
        // the points of each sample the other way round
        for (values, columns, offsets) in
            [(&mut turned.a, 3, A), (&mut turned.a_place, 2, A), (&mut turned.b, 4, B), (&mut turned.b_place, 2, B)]
        {
            for ends in offsets.windows(2) {
                let own = &mut values[ends[0] as usize * columns..ends[1] as usize * columns];
                let rows: Vec<Vec<f32>> = own.chunks(columns).rev().map(<[f32]>::to_vec).collect();
                own.copy_from_slice(&rows.concat());
            }
        }
        let found = predictor.predict(&turned.batch(edges)).unwrap();
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() < 1e-5, "{found} {expected}");
        }
        for (row, sample) in expected.chunks(4).enumerate() {
            assert!((sample.iter().sum::<f32>() - 1.0).abs() < 1e-5, "{row}");
        }
    }
}

#[test]
fn samples_of_a_batch_do_not_see_each_other() {
    let data = Data::new();
    let network = SetNetwork::new(&attention_network(0.0)).unwrap();
    let predictor = SetPredictor::new(&network, &network.start(1));
    let together = predictor.predict(&data.batch(false)).unwrap();
    for sample in 0..5 {
        let (a, b) = (A[sample] as usize..A[sample + 1] as usize, B[sample] as usize..B[sample + 1] as usize);
        let (own_a, own_b) = ([0, a.len() as u32], [0, b.len() as u32]);
        let inputs =
            vec![&data.a[a.start * 3..a.end * 3], &data.b[b.start * 4..b.end * 4], &data.all[sample * 5..][..5]];
        let alone = predictor.predict(&SetBatch { samples: 1, offsets: vec![&own_a, &own_b], inputs }).unwrap();
        for (alone, together) in alone.iter().zip(&together[sample * 4..]) {
            assert!((alone - together).abs() < 1e-6, "{sample}");
        }
    }
}

#[test]
fn a_training_goes_on_bit_for_bit_with_any_number_of_threads() {
    let data = Data::new();
    let target: Vec<f32> = (0..20).map(|i| f32::from(u8::from(i % 4 == i / 4 % 4))).collect();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.safetensors");
    for (edges, spec) in [(true, edge_network()), (false, attention_network(0.2))] {
        let network = SetNetwork::new(&spec).unwrap();
        let run = |threads: usize, interrupted: bool| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let new = || SetTrainer::new(&network, &Squares, &config(), network.start(5), 11).unwrap();
                let mut trainer = new();
                let mut losses = Vec::new();
                for epoch in 0..30 {
                    if interrupted && epoch == 12 {
                        trainer.checkpoint(&path).unwrap();
                        trainer = new();
                        trainer.resume(&path).unwrap();
                    }
                    let loss = trainer.step(&data.batch(edges), &target, None, 0.0).unwrap();
                    trainer.end_epoch(loss, None, 0.0);
                    losses.push(loss);
                }
                (losses, trainer.result())
            })
        };
        let (losses, parameters) = run(1, false);
        assert!(losses[29] < 0.6 * losses[0], "{losses:?}");
        assert_eq!(run(3, true), (losses, parameters));
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let data = Data::new();
    let refused = |layers: Vec<SetNode>, message: &str| {
        let spec = SetSpec { inputs: edge_network().inputs, layers };
        let error = SetNetwork::new(&spec).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    };
    refused(vec![node("x", &["a"], dense(3, Function::Linear))], "the last layer must have a row per sample");
    refused(vec![node("x", &["c"], dense(3, Function::Linear))], "there is no 'c' before it");
    refused(vec![node("x", &["a", "b"], SetLayer::Concat)], "its inputs have different rows");
    refused(vec![node("x", &["a", "b_place"], SetLayer::Edges { neighbours: 2 })], "coordinates of the same points");
    refused(vec![node("x", &["a", "a", "a"], SetLayer::Attention { heads: 2 })], "columns for all heads");
    let network = SetNetwork::new(&edge_network()).unwrap();
    let predictor = SetPredictor::new(&network, &network.start(1));
    let mut batch = data.batch(true);
    let falling = [0_u32, 5, 4, 6, 9, 15];
    batch.offsets[0] = &falling;
    assert!(predictor.predict(&batch).unwrap_err().to_string().contains("offsets of 'a' do not rise"));
    let mut batch = data.batch(true);
    let mut broken = data.a.clone();
    broken[7] = f32::NAN;
    batch.inputs[0] = &broken;
    let error = predictor.predict(&batch).unwrap_err().to_string();
    assert!(error.contains("input 'a', row 2, column 1: NaN"), "{error}");
}
