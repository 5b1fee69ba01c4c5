//! Trainings: they learn, they resume, and the number of threads changes nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use recoil_nn::loss::Regression;
use recoil_nn::optimise::{Moments, Momentum, Optimiser};
use recoil_nn::train::{EarlyStopping, Samples, Schedule, TrainConfig, Trainer};
use recoil_nn::{Network, NetworkSpec, NnError, Parameters};
use std::ops::ControlFlow;

const YAML: &str = "
inputs: [{name: x, shape: [4, 4, 1]}]
layers:
  - {name: conv, layer: {conv2d: {filters: 4, kernel: [3, 3], stride: 2, weights: {quantiser: 'quantized_bits(6, 1, 1)'}}}}
  - {name: norm, layer: {batch_norm: {momentum: 0.5}}}
  - {name: act, layer: {activation: relu}}
  - {name: flat, layer: flatten}
  - {name: out, layer: {dense: {units: 2}}}";

fn network() -> Network {
    Network::new(&NetworkSpec::from_yaml("test", YAML).unwrap()).unwrap()
}

fn samples(rows: usize) -> (Vec<f32>, Vec<f32>) {
    let x: Vec<f32> = (0..rows * 16).map(|i| ((i * 7919) as f32 * 0.61).sin()).collect();
    let y = x.chunks(16).flat_map(|x| [x[0] + 0.5 * x[5], (x[3] * x[10]).max(0.0)]).collect();
    (x, y)
}

fn config() -> TrainConfig {
    TrainConfig {
        epochs: 6,
        batch_size: 100,
        schedule: Schedule::Cosine { warm_up: 1, last: 0.1 },
        ..TrainConfig::default()
    }
}

fn train(
    threads: usize,
    config: &TrainConfig,
    epochs: usize,
    resume: Option<&std::path::Path>,
) -> (Parameters, f64, Vec<u8>) {
    let network = network();
    let (x, y) = samples(730);
    let training = Samples { inputs: vec![&x[..640 * 16]], target: &y[..640 * 2], weights: None };
    let validation = Samples { inputs: vec![&x[640 * 16..]], target: &y[640 * 2..], weights: None };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| {
        let start = Parameters::new(&network, 3);
        let mut trainer = Trainer::new(&network, &Regression::MeanSquared, config, start, 3).unwrap();
        if let Some(path) = resume {
            trainer.resume(path).unwrap();
        }
        let observer = |_: &Trainer<'_>, record: &recoil_nn::train::EpochRecord| {
            if record.epoch == epochs { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        trainer.run(&training, Some(&validation), observer).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("checkpoint.safetensors");
        trainer.checkpoint(&path).unwrap();
        let last = trainer.history().last().unwrap().judged();
        (trainer.parameters().clone(), last, std::fs::read(&path).unwrap())
    })
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let one = train(1, &config(), 6, None);
    for threads in [2, 3, 7] {
        let more = train(threads, &config(), 6, None);
        assert_eq!(one.0, more.0, "{threads} threads");
        assert_eq!(one.1.to_bits(), more.1.to_bits());
    }
}

#[test]
fn a_resumed_training_is_the_same_training() {
    let whole = train(2, &config(), 6, None);
    let half = train(2, &config(), 3, None);
    assert_ne!(whole.0, half.0);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("checkpoint.safetensors");
    std::fs::write(&path, &half.2).unwrap();
    let resumed = train(1, &config(), 6, Some(&path));
    assert_eq!(whole.0, resumed.0);
    assert_eq!(whole.1.to_bits(), resumed.1.to_bits());

    // a pause stops in the middle of the same schedule
    let paused = train(2, &TrainConfig { pause: 3, ..config() }, 6, None);
    assert_eq!(half.0, paused.0);
    std::fs::write(&path, &paused.2).unwrap();
    assert_eq!(whole.0, train(1, &TrainConfig { pause: 6, ..config() }, 6, Some(&path)).0);

    let network = network();
    let other = TrainConfig { batch_size: 50, ..config() };
    let mut trainer =
        Trainer::new(&network, &Regression::MeanSquared, &other, Parameters::new(&network, 3), 3).unwrap();
    assert!(trainer.resume(&path).unwrap_err().to_string().contains("other settings"));
    std::fs::write(&path, &half.2[..half.2.len() / 2]).unwrap();
    assert!(matches!(trainer.resume(&path), Err(NnError::Format { .. })));
}

#[test]
fn every_optimiser_learns() {
    for optimiser in [
        Optimiser::Adam(Moments { rate: 0.01, ..Moments::default() }),
        Optimiser::AdamW(Moments { rate: 0.01, decay: 0.01, ..Moments::default() }),
        Optimiser::Lamb(Moments { rate: 0.02, decay: 0.001, ..Moments::default() }),
        Optimiser::Sgd(Momentum { rate: 0.05, momentum: 0.9, nesterov: true }),
    ] {
        let config = TrainConfig { epochs: 40, optimiser, ..config() };
        let first = train(2, &config, 1, None).1;
        let last = train(2, &config, 40, None).1;
        println!("{optimiser:?}: {first} -> {last}");
        assert!(last < 0.3 * first, "{optimiser:?}: {first} -> {last}");
    }
}

#[test]
fn adam_takes_the_steps_of_keras() {
    // worked by hand: with a gradient that keeps its sign the first steps are the learning rate
    let network = Network::new(
        &NetworkSpec::from_yaml(
            "test",
            "{inputs: [{name: x, shape: [1]}], layers: [{name: d, layer: {dense: {units: 1}}}]}",
        )
        .unwrap(),
    )
    .unwrap();
    let config = TrainConfig { epochs: 1, batch_size: 1, shuffle: false, ..TrainConfig::default() };
    let mut trainer =
        Trainer::new(&network, &Regression::MeanSquared, &config, Parameters::new(&network, 1), 1).unwrap();
    let start = trainer.parameters().values().to_vec();
    trainer.epoch(&Samples { inputs: vec![&[1.0]], target: &[100.0], weights: None }, None).unwrap();
    for (before, after) in start.iter().zip(trainer.parameters().values()) {
        assert!((after - before - 1e-3).abs() < 1e-6);
    }
}

#[test]
fn weights_count() {
    let network = network();
    let (x, y) = samples(64);
    let config = TrainConfig { batch_size: 64, ..config() };
    let loss_of = |weights: &[f32]| {
        let start = Parameters::new(&network, 3);
        let mut trainer = Trainer::new(&network, &Regression::MeanSquared, &config, start, 3).unwrap();
        trainer.evaluate(&Samples { inputs: vec![&x], target: &y, weights: Some(weights) }).unwrap()
    };
    assert!((loss_of(&[2.0; 64]) - 2.0 * loss_of(&[1.0; 64])).abs() < 1e-6);
    assert_eq!(loss_of(&[0.0; 64]), 0.0);
}

#[test]
fn mistakes_are_told() {
    let network = network();
    let (x, y) = samples(64);
    let start = || Parameters::new(&network, 3);
    let bad = TrainConfig { batch_size: 0, ..config() };
    assert!(Trainer::new(&network, &Regression::MeanSquared, &bad, start(), 3).is_err());
    let mut trainer = Trainer::new(&network, &Regression::MeanSquared, &config(), start(), 3).unwrap();
    let short = Samples { inputs: vec![&x[1..]], target: &y, weights: None };
    assert!(matches!(trainer.epoch(&short, None), Err(NnError::Length { .. })));
    let mut broken = y.clone();
    broken[5] = f32::NAN;
    let wrong = Samples { inputs: vec![&x], target: &broken, weights: None };
    assert!(matches!(trainer.epoch(&wrong, None), Err(NnError::Diverged { epoch: 1, step: 1 })));
    for (yaml, message) in [
        (
            "{inputs: [{name: x, shape: [4]}], layers: [{name: a, layer: {conv2d: {filters: 1, kernel: [3, 3]}}}]}",
            "image",
        ),
        ("{inputs: [{name: x, shape: [4, 4, 1]}], layers: [{name: a, layer: {dense: {units: 1}}}]}", "flatten"),
        ("{inputs: [{name: x, shape: [4]}], layers: [{name: x, layer: flatten}]}", "twice"),
        ("{inputs: [{name: x, shape: [4]}], layers: [{name: a, from: [b], layer: flatten}]}", "'b'"),
        ("{inputs: [{name: x, shape: [4]}], layers: [{name: a, layer: {reshape: {shape: [3]}}}]}", "fill"),
        ("{inputs: [{name: x, shape: [99999999999]}], layers: [{name: a, layer: flatten}]}", "shape"),
        ("{inputs: [{name: x, shape: [4]}], layers: []}", "layer"),
        (
            "{inputs: [{name: x, shape: [4]}], layers: [{name: a, layer: {dense: {units: 1}}}, \
             {name: b, from: [x], layer: {dense: {units: 1}}}]}",
            "used by no other",
        ),
    ] {
        let error = Network::new(&NetworkSpec::from_yaml("test", yaml).unwrap()).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
    let error = NetworkSpec::from_yaml("net.yaml", "layers: [{name: a, layer: dens}]").unwrap_err().to_string();
    assert!(error.starts_with("net.yaml: ") && error.contains('1'), "{error}");
}

#[test]
fn patience_ends_a_training() {
    let stop = EarlyStopping { patience: 1, min_delta: 1e9, restore_best: true };
    let config = TrainConfig { early_stopping: stop, ..config() };
    let network = network();
    let (x, y) = samples(64);
    let all = Samples { inputs: vec![&x], target: &y, weights: None };
    let mut trainer =
        Trainer::new(&network, &Regression::MeanSquared, &config, Parameters::new(&network, 3), 3).unwrap();
    trainer.run(&all, None, |_, _| ControlFlow::Continue(())).unwrap();
    assert_eq!(trainer.history().len(), 2);
    assert_ne!(trainer.result(), *trainer.parameters());
}
