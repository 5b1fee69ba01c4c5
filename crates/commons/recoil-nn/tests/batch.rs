//! Whole batches: sums over distinct rows are those over all positions, gradients are differences, trainings resume.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::indexing_slicing)]

use recoil_nn::batch::{Batch, BatchTrainer, Feed, Predictor};
use recoil_nn::loss::Regression;
use recoil_nn::optimise::{Nesterov, Optimiser};
use recoil_nn::train::TrainConfig;
use recoil_nn::{Network, NetworkSpec, NnError, Parameters};

const SAMPLES: usize = 11;
const SIDE: usize = 7;

fn yaml(dropout: f32) -> String {
    format!(
        "
inputs: [{{name: flat, shape: [5]}}, {{name: a, shape: [7, 7, 3]}}, {{name: b, shape: [7, 7, 2]}}]
layers:
  - {{name: flat_1, from: [flat], layer: {{dense: {{units: 6}}}}}}
  - {{name: flat_act, layer: {{activation: tanh}}}}
  - {{name: a_1, from: [a], layer: {{conv2d: {{filters: 18, kernel: [1, 1], weights: {{start: he_uniform}}}}}}}}
  - {{name: a_norm, layer: {{batch_norm: {{}}}}}}
  - {{name: a_act, layer: prelu}}
  - {{name: a_drop, layer: {{dropout: {{rate: {dropout}}}}}}}
  - {{name: b_1, from: [b], layer: {{conv2d: {{filters: 4, kernel: [1, 1]}}}}}}
  - {{name: b_act, layer: {{activation: selu}}}}
  - {{name: both, from: [a_drop, b_act], layer: concat}}
  - {{name: wide, layer: {{conv2d: {{filters: 5, kernel: [3, 3], padding: valid}}}}}}
  - {{name: wide_norm, layer: {{batch_norm: {{}}}}}}
  - {{name: wide_act, layer: prelu}}
  - {{name: same, layer: {{conv2d: {{filters: 4, kernel: [3, 3]}}}}}}
  - {{name: same_act, layer: {{activation: sigmoid}}}}
  - {{name: pool, layer: {{max_pool: {{size: 2}}}}}}
  - {{name: cells, layer: flatten}}
  - {{name: joined, from: [flat_act, cells], layer: concat}}
  - {{name: last, layer: {{dense: {{units: 4}}}}}}
  - {{name: last_norm, layer: {{batch_norm: {{}}}}}}
  - {{name: out, layer: softmax}}"
    )
}

struct Data {
    flat: Vec<f32>,
    offsets: Vec<u32>,
    positions: Vec<u32>,
    a: Vec<f32>,
    b: Vec<f32>,
    dense: [Vec<f32>; 2],
    target: Vec<f32>,
    weights: Vec<f32>,
}

fn numbers(count: usize, seed: usize) -> Vec<f32> {
    (0..count).map(|i| (((i + seed) * 7919) as f32 * 0.61).sin()).collect()
}

fn data() -> Data {
    let (mut offsets, mut positions) = (vec![0], Vec::new());
    for sample in 0..SAMPLES {
        // the first sample has no cell at all, the last all of them
        let own: Vec<u32> = match sample {
            0 => Vec::new(),
            10 => (0..49).collect(),
            _ => (0..49).filter(|cell| (cell * 7 + sample as u32 * 13).is_multiple_of(11)).collect(),
        };
        positions.extend(own);
        offsets.push(positions.len() as u32);
    }
    let (a, b) = (numbers(positions.len() * 3, 1), numbers(positions.len() * 2, 2));
    let spread = |values: &[f32], channels: usize| {
        let mut dense = vec![0.0; SAMPLES * SIDE * SIDE * channels];
        for sample in 0..SAMPLES {
            for cell in offsets[sample] as usize..offsets[sample + 1] as usize {
                let at = (sample * SIDE * SIDE + positions[cell] as usize) * channels;
                dense[at..at + channels].copy_from_slice(&values[cell * channels..(cell + 1) * channels]);
            }
        }
        dense
    };
    let dense = [spread(&a, 3), spread(&b, 2)];
    let target = (0..SAMPLES * 4).map(|i| if i % 4 == (i / 4) % 4 { 1.0 } else { 0.0 }).collect();
    let weights = numbers(SAMPLES, 3).iter().map(|w| w.abs()).collect();
    Data { flat: numbers(SAMPLES * 5, 4), offsets, positions, a, b, dense, target, weights }
}

impl Data {
    fn sparse(&self) -> Batch<'_> {
        let cells = |values| Feed::Cells { offsets: &self.offsets, positions: &self.positions, values };
        Batch { samples: SAMPLES, inputs: vec![Feed::Table(&self.flat), cells(&self.a), cells(&self.b)] }
    }

    fn dense(&self) -> Batch<'_> {
        let [a, b] = &self.dense;
        Batch { samples: SAMPLES, inputs: vec![Feed::Table(&self.flat), Feed::Table(a), Feed::Table(b)] }
    }
}

fn network(dropout: f32) -> Network {
    Network::new(&NetworkSpec::from_yaml("test", &yaml(dropout)).unwrap()).unwrap()
}

/// Parameters that are nowhere zero.
fn parameters(network: &Network) -> Parameters {
    let mut parameters = Parameters::new(network, 3);
    for tensor in parameters.to_tensors() {
        let mut tensor = tensor;
        for (index, value) in tensor.values.iter_mut().enumerate() {
            *value += 0.3 * ((index * 31 + tensor.name.len()) as f32).sin().abs();
        }
        parameters.set(&tensor).unwrap();
    }
    parameters
}

fn config() -> TrainConfig {
    TrainConfig { epochs: 4, optimiser: Optimiser::Nadam(Nesterov::default()), ..TrainConfig::default() }
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn inference_is_that_of_the_other_engine() {
    let (network, data) = (network(0.2), data());
    let parameters = parameters(&network);
    let predictor = Predictor::new(&network, &parameters).unwrap();
    let sparse = predictor.predict(&data.sparse()).unwrap();
    let dense = predictor.predict(&data.dense()).unwrap();
    let other = network.predict(&parameters, &[&data.flat, &data.dense[0], &data.dense[1]]).unwrap();
    assert!(largest_difference(&sparse, &dense) < 1e-6);
    assert!(largest_difference(&sparse, &other) < 2e-6);
}

#[test]
fn training_on_occupied_cells_is_training_on_all() {
    let (network, data) = (network(0.0), data());
    let start = parameters(&network);
    let mut results = Vec::new();
    for batch in [data.sparse(), data.dense()] {
        let mut trainer = BatchTrainer::new(&network, &Regression::MeanSquared, &config(), start.clone(), 3).unwrap();
        let loss = trainer.compute(&batch, &data.target, Some(&data.weights)).unwrap();
        let gradient = trainer.gradient().to_vec();
        trainer.step(&batch, &data.target, Some(&data.weights), 0.0).unwrap();
        let averages: Vec<f32> = ["a_norm", "wide_norm", "last_norm"]
            .iter()
            .flat_map(|name| {
                let tensor = |word: &str| trainer.parameters().tensor(&format!("{name}/{word}")).unwrap().to_vec();
                [tensor("moving_mean"), tensor("moving_variance")].concat()
            })
            .collect();
        results.push((loss, gradient, averages));
    }
    let [(loss, gradient, averages), (dense_loss, dense_gradient, dense_averages)] = results.try_into().unwrap();
    println!(
        "gradient {} averages {}",
        largest_difference(&gradient, &dense_gradient),
        largest_difference(&averages, &dense_averages)
    );
    assert!((loss - dense_loss).abs() < 1e-7);
    assert!(largest_difference(&gradient, &dense_gradient) < 1e-6);
    assert!(largest_difference(&averages, &dense_averages) < 1e-6);
    assert!(gradient.iter().filter(|g| **g != 0.0).count() > gradient.len() * 3 / 4);
}

#[test]
fn gradients_are_differences() {
    for dropout in [0.0, 0.25] {
        let (network, data) = (network(dropout), data());
        let start = parameters(&network);
        let loss_at = |parameters: &Parameters| {
            let mut trainer =
                BatchTrainer::new(&network, &Regression::MeanSquared, &config(), parameters.clone(), 3).unwrap();
            let loss = trainer.compute(&data.sparse(), &data.target, Some(&data.weights)).unwrap();
            (loss, trainer.gradient().to_vec())
        };
        let (_, gradient) = loss_at(&start);
        let largest = gradient.iter().fold(0.0_f32, |a, b| a.max(b.abs()));
        let (mut at, mut compared) = (0, 0);
        for tensor in start.to_tensors() {
            for index in (0..tensor.values.len()).step_by(5) {
                if tensor.name.contains("moving") {
                    continue;
                }
                let step = 4e-3;
                let moved = |sign: f32| {
                    let (mut parameters, mut tensor) = (start.clone(), tensor.clone());
                    tensor.values[index] += sign * step;
                    parameters.set(&tensor).unwrap();
                    loss_at(&parameters).0
                };
                let expected = (moved(1.0) - moved(-1.0)) / f64::from(2.0 * step);
                let found = f64::from(gradient[at + index]);
                compared += 1;
                assert!(
                    (found - expected).abs() < 0.01 * expected.abs() + 0.004 * f64::from(largest),
                    "{} [{index}]: {found}, expected {expected}",
                    tensor.name
                );
            }
            at += tensor.values.len();
        }
        println!("{compared} gradients, the largest {largest}");
        assert!(compared > 150);
    }
}

#[test]
fn threads_and_interruptions_change_nothing() {
    let (network, data) = (network(0.2), data());
    let run = |threads: usize, interrupt: bool| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let start = Parameters::new(&network, 3);
            let mut trainer = BatchTrainer::new(&network, &Regression::MeanSquared, &config(), start, 3).unwrap();
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("state.safetensors");
            while !trainer.finished() {
                let mut total = 0.0;
                for step in 0..3 {
                    total += trainer.step(&data.sparse(), &data.target, None, f64::from(step) / 3.0).unwrap();
                }
                let (validation, _) = trainer.evaluate(&data.sparse(), &data.target, None).unwrap();
                trainer.end_epoch(total / 3.0, Some(validation), 0.0);
                if interrupt {
                    trainer.checkpoint(&path).unwrap();
                    let start = Parameters::new(&network, 8);
                    trainer = BatchTrainer::new(&network, &Regression::MeanSquared, &config(), start, 3).unwrap();
                    trainer.resume(&path).unwrap();
                }
            }
            assert_eq!(trainer.history().len(), 4);
            trainer.parameters().clone()
        })
    };
    let whole = run(1, false);
    assert_eq!(whole, run(3, false));
    assert_eq!(whole, run(2, true));
}

#[test]
fn frozen_layers_stay() {
    let (network, data) = (network(0.2), data());
    let start = parameters(&network);
    let mut frozen = start.clone();
    frozen.freeze(|layer| layer.starts_with("a_"));
    let mut trainer = BatchTrainer::new(&network, &Regression::MeanSquared, &config(), frozen, 3).unwrap();
    for _ in 0..3 {
        trainer.step(&data.sparse(), &data.target, None, 0.0).unwrap();
    }
    for (before, after) in start.to_tensors().iter().zip(trainer.parameters().to_tensors()) {
        let is_frozen = before.name.starts_with("a_");
        // biases before a normalisation by the batch have no gradient
        let is_still = is_frozen || before.name == "wide/bias" || before.name == "last/bias";
        assert_eq!(before.values == after.values, is_still, "{}", before.name);
    }
}

#[test]
fn nadam_takes_the_steps_of_keras() {
    // tf.keras.optimizers.legacy.Nadam(0.1, schedule_decay=0.004) on constant gradients 1, 2, -1, worked in double precision
    let yaml = "{inputs: [{name: x, shape: [1]}], layers: [{name: d, layer: {dense: {units: 1}}}]}";
    let network = Network::new(&NetworkSpec::from_yaml("test", yaml).unwrap()).unwrap();
    let optimiser = Optimiser::Nadam(Nesterov { rate: 0.1, ..Nesterov::default() });
    let config = TrainConfig { optimiser, ..TrainConfig::default() };
    let mut start = Parameters::new(&network, 1);
    let zero = |name: &str, shape: Vec<usize>| recoil_nn::Tensor { name: name.into(), shape, values: vec![0.0] };
    start.set(&zero("d/kernel", vec![1, 1])).unwrap();
    start.set(&zero("d/bias", vec![1])).unwrap();
    let mut trainer = BatchTrainer::new(&network, &Regression::MeanSquared, &config, start, 1).unwrap();
    let (mut m, mut v, mut product, mut value) = (0.0, 0.0, 1.0, 0.0_f64);
    for (step, target) in [(1, 3.0_f32), (2, -2.0), (3, 5.0)] {
        let batch = Batch { samples: 1, inputs: vec![Feed::Table(&[1.0])] };
        trainer.compute(&batch, &[target], None).unwrap();
        let g = f64::from(trainer.gradient()[1]);
        let u = |t: i32| 0.9 * (1.0 - 0.5 * 0.96_f64.powf(0.004 * f64::from(t)));
        product *= u(step);
        m = 0.9 * m + 0.1 * g;
        v = 0.999 * v + 0.001 * g * g;
        let ahead = (1.0 - u(step)) * g / (1.0 - product) + u(step + 1) * m / (1.0 - product * u(step + 1));
        value -= 0.1 * ahead / ((v / (1.0 - 0.999_f64.powi(step))).sqrt() + 1e-7);
        trainer.step(&batch, &[target], None, 0.0).unwrap();
        let found = f64::from(trainer.parameters().values()[1]);
        assert!((found - value).abs() < 1e-5, "step {step}: {found}, expected {value}");
    }
}

#[test]
fn mistakes_are_told() {
    let (network, data) = (network(0.2), data());
    let predictor = Predictor::new(&network, &Parameters::new(&network, 1)).unwrap();
    let mut short = data.sparse();
    short.inputs[0] = Feed::Table(&data.flat[1..]);
    assert!(matches!(predictor.predict(&short), Err(NnError::Length { .. })));
    let mut order = data.positions.clone();
    order.swap(0, 1);
    let mut wrong = data.sparse();
    wrong.inputs[1] = Feed::Cells { offsets: &data.offsets, positions: &order, values: &data.a };
    assert!(predictor.predict(&wrong).unwrap_err().to_string().contains("ascending"));
    order[0] = 49;
    let mut outside = data.sparse();
    outside.inputs[1] = Feed::Cells { offsets: &data.offsets, positions: &order, values: &data.a };
    assert!(predictor.predict(&outside).is_err());
    let quantised =
        "{inputs: [{name: x, shape: [4]}], layers: [{name: q, layer: {quantise: 'quantized_bits(6, 1, 1)'}}]}";
    let network = Network::new(&NetworkSpec::from_yaml("test", quantised).unwrap()).unwrap();
    let error = Predictor::new(&network, &Parameters::new(&network, 1)).err().unwrap().to_string();
    assert!(error.contains("'q'") && error.contains("number format"), "{error}");
}
