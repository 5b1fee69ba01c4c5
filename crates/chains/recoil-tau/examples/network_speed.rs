//! Speed of the default network on invented candidates with the usual occupancy: inference and steps of training.
//!
//! `cargo run --release -p recoil-tau --example network_speed -- [THREADS] [REDUCED]`
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::indexing_slicing)]

use recoil_nn::batch::{BatchTrainer, Predictor};
use recoil_nn::optimise::{Nesterov, Optimiser};
use recoil_nn::train::TrainConfig;
use recoil_nn::{Network, Parameters};
use recoil_tau::network::batch::{Candidates, CellImages};
use recoil_tau::network::{CnnConfig, InputShape, LossName, TauLoss};
use std::time::Instant;

fn noise(count: usize, seed: usize) -> Vec<f32> {
    (0..count).map(|i| (((i + seed) * 7919) as f32 * 0.61).sin()).collect()
}

/// Seconds that the processors spent on this process.
fn processor_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = text.rsplit_once(')').unwrap().1.split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

fn images(count: usize, side: usize, cells: usize) -> CellImages {
    let mut images = CellImages { offsets: vec![0], ..CellImages::default() };
    for candidate in 0..count {
        // one cell in the middle, the others spread out
        let mut own: Vec<u32> = (0..cells)
            .map(|cell| ((cell * 7919 + candidate * 104_729 + side * side / 2) % (side * side)) as u32)
            .collect();
        own.sort_unstable();
        own.dedup();
        images.positions.extend(own);
        images.offsets.push(images.positions.len() as u32);
    }
    let cells = images.positions.len();
    images.components = [86, 64, 38].map(|width| noise(cells * width, width)).to_vec();
    images
}

fn main() {
    let mut words = std::env::args().skip(1);
    let threads = words.next().and_then(|word| word.parse().ok()).unwrap_or(1);
    let reduced = words.next().is_some();
    let config = if reduced { CnnConfig::reduced() } else { CnnConfig::default() };
    let network = Network::new(&config.spec(&InputShape::default()).unwrap()).unwrap();
    let count = 250;
    // measured: 3.0 of 121 and 18.4 of 441 cells are occupied
    let candidates =
        Candidates { count, flat: noise(count * 43, 1), grids: vec![images(count, 11, 3), images(count, 21, 18)] };
    let target: Vec<f32> = (0..count * 4).map(|i| if i % 4 == (i / 4) % 4 { 1.0 } else { 0.0 }).collect();
    let loss = TauLoss::new(LossName::TauCrossentropyV2, [1.0, 2.5, 5.0, 1.5]);
    let optimiser = Optimiser::Nadam(Nesterov::default());
    let settings = TrainConfig { optimiser, ..TrainConfig::default() };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| {
        let start = Parameters::new(&network, 1);
        let predictor = Predictor::new(&network, &start).unwrap();
        let mut trainer = BatchTrainer::new(&network, &loss, &settings, start.clone(), 1).unwrap();
        println!("{threads} threads, {} parameters", network.cost().parameters);
        let time = |name: &str, work: &mut dyn FnMut()| {
            work();
            let (wall, processor) = (Instant::now(), processor_seconds());
            let mut rounds = 0;
            while wall.elapsed().as_secs_f64() < 6.0 {
                work();
                rounds += 1;
            }
            let all = f64::from(rounds * count as u32);
            let (wall, processor) = (wall.elapsed().as_secs_f64(), processor_seconds() - processor);
            println!("{name}: {:.0} candidates/s, {:.0} per second of processor time", all / wall, all / processor);
        };
        time("inference", &mut || {
            predictor.predict(&candidates.batch()).unwrap();
        });
        time("training", &mut || {
            trainer.step(&candidates.batch(), &target, None, 0.0).unwrap();
        });
    });
}
