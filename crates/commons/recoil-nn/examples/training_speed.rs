//! Speed of the kernels: steps of training and inference of a small autoencoder on invented wafers, and what part of
//! the arithmetic peak that is.
//!
//! `cargo run --release -p recoil-nn --example training_speed -- [THREADS]`
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use recoil_nn::loss::Regression;
use recoil_nn::train::{Samples, TrainConfig, Trainer};
use recoil_nn::{Network, NetworkSpec, Parameters};
use std::time::Instant;

const YAML: &str = "
inputs: [{name: image, shape: [8, 8, 1]}]
layers:
  - {name: conv, layer: {conv2d: {filters: 8, kernel: [3, 3], stride: 2, activation: relu}}}
  - {name: flat, layer: flatten}
  - {name: latent, layer: {dense: {units: 16, activation: relu}}}
  - {name: wide, layer: {dense: {units: 128, activation: relu}}}
  - {name: image2, layer: {reshape: {shape: [4, 4, 8]}}}
  - {name: up, layer: {conv2d_transpose: {filters: 8, kernel: [3, 3], stride: 2, activation: relu}}}
  - {name: out, layer: {conv2d_transpose: {filters: 1, kernel: [3, 3], activation: sigmoid}}}";

fn main() {
    let threads = std::env::args().nth(1).and_then(|word| word.parse().ok()).unwrap_or(2);
    let rows = 40_000;
    let network = Network::new(&NetworkSpec::from_yaml("autoencoder", YAML).unwrap()).unwrap();
    let x: Vec<f32> = (0..rows * 64).map(|i| ((i * 7919) as f32 * 0.61).sin().max(0.0)).collect();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| {
        let start = Parameters::new(&network, 1);
        let mut trainer = Trainer::new(&network, &Regression::MeanSquared, &TrainConfig::default(), start, 1).unwrap();
        let samples = Samples { inputs: vec![&x], target: &x, weights: None };
        let mut epochs: Vec<f64> = (0..15).map(|_| trainer.epoch(&samples, None).unwrap().seconds).collect();
        epochs.sort_by(f64::total_cmp);
        let operations = 3.0 * network.cost().operations as f64 * rows as f64;
        println!("{threads} threads, {rows} samples, {} operations forward", network.cost().operations);
        println!("epoch: min {:.4} s, median {:.4} s", epochs[0], epochs[7]);
        println!("training: {:.1} Gflop/s", operations / epochs[0] * 1e-9);
        let mut runs: Vec<f64> = (0..15)
            .map(|_| {
                let start = Instant::now();
                network.predict(trainer.parameters(), &[&x]).unwrap();
                start.elapsed().as_secs_f64()
            })
            .collect();
        runs.sort_by(f64::total_cmp);
        println!("inference: {:.2} M samples/s", rows as f64 / runs[0] * 1e-6);
    });
}
