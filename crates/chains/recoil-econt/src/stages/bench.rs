//! `econt bench`: wafers per second of every algorithm and metric.

use std::hint::black_box;
use std::time::{Duration, Instant};

use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, InputRole, OutputKind, Problem, Report, Run, Stage, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::TABLES;
use super::chip_config::ChipConfig;
use crate::autoencoder::integer::IntegerEncoder;
use crate::autoencoder::trained::Start;
use crate::autoencoder::{Arithmetic, Autoencoder, LossConfig, ModelConfig};
use crate::data::{Wafer, read_wafers};
use crate::emulator::autoencoder::{LATENTS, convert};
use crate::emulator::best_choice::{BestChoice, best_choice, best_choices};
use crate::emulator::formatter::Algorithm;
use crate::emulator::repeater::repeater;
use crate::emulator::super_cells::super_trigger_cells;
use crate::emulator::threshold::threshold_sum;
use crate::metrics::{WaferEmd, telescope};
use crate::simulate::{WaferConfig, wafer};
use crate::transmission::largest;
use crate::wafer::CELLS;

/// Keys of `econt bench`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BenchConfig {
    /// Number of times that the wafers are gone through; the fastest counts.
    pub repeats: u32,
    /// Most wafers to take of the input, or to simulate.
    pub max_wafers: usize,
}

impl Default for BenchConfig {
    fn default() -> Self {
        Self { repeats: 7, max_wafers: 10_000 }
    }
}

impl Config for BenchConfig {
    fn check(&self) -> Vec<Problem> {
        let fits = self.repeats > 0 && self.max_wafers > 1;
        if fits { Vec::new() } else { vec![Problem::new("repeats", "must be at least 1, and `max_wafers` at least 2")] }
    }
}

/// Times the chain.
pub struct Bench;

const CALQ: InputRole = InputRole::optional("calq", "calibrated charges, one row per wafer", TABLES);

impl Stage for Bench {
    type Config = BenchConfig;

    fn description(&self) -> Description {
        Description {
            name: "econt bench",
            about: "Time the algorithms and metrics on one thread",
            long: "Takes wafers into memory and runs every algorithm of the chip, whole crossings up to the frame, and the \
                   metrics on them, several times on one thread; prints the fastest. Without an input it simulates wafers.",
            inputs: &[CALQ],
            output: OutputKind::Nothing,
            flags: &[],
        }
    }

    fn run(&self, config: &BenchConfig, run: &Run) -> Result<Report, StageError> {
        let mut wafers = match run.inputs().optional(CALQ.role) {
            Some(file) => read_wafers(&file.spec()).input_error(format!("cannot read {}", file.spec()))?,
            None => {
                let simulation = WaferConfig::default();
                (0..config.max_wafers as u64).map(|i| wafer(&simulation, run.seed(), i).charges).collect()
            }
        };
        wafers.truncate(config.max_wafers);
        let mut rows = Vec::new();
        for (name, pass) in passes(&wafers)? {
            let mut best = Duration::MAX;
            let mut pass = pass;
            for _ in 0..config.repeats {
                run.check()?;
                let start = Instant::now();
                pass();
                best = best.min(start.elapsed());
            }
            let each = best.as_secs_f64() / wafers.len().max(1) as f64;
            rows.push(vec![name.into(), (1e9 * each).round().into(), (1e-6 / each).into()]);
        }
        let report = Report::new().value("wafers", wafers.len());
        Ok(report.table("time on one thread", &["what", "time [ns/wafer]", "rate [M wafers/s]"], rows))
    }
}

/// Bits that charges of a low-density module lose.
const DROP: u32 = 1;

type Pass<'a> = (&'static str, Box<dyn FnMut() + 'a>);

/// What is timed: each goes once through all wafers.
fn passes(wafers: &[Wafer]) -> Result<Vec<Pass<'_>>, StageError> {
    let floats: Vec<[f64; CELLS]> = wafers.iter().map(|wafer| wafer.map(f64::from)).collect();
    let chosen: Vec<[f64; CELLS]> = wafers.iter().map(|wafer| largest(wafer, 14).map(f64::from)).collect();
    let each = |work: fn(&Wafer)| -> Box<dyn FnMut() + '_> { Box::new(move || wafers.iter().for_each(work)) };
    let frames = |algorithm: Algorithm| -> Box<dyn FnMut() + '_> {
        let chip = ChipConfig::default().chip(algorithm, 5);
        Box::new(move || {
            for (crossing, wafer) in (0..).zip(wafers) {
                black_box(chip.frame(&chip.block(black_box(wafer)), crossing, None));
            }
        })
    };
    let encoder = |arithmetic| -> Result<Box<dyn FnMut() + '_>, StageError> {
        let doing = "an encoder of random weights";
        let network = ModelConfig { arithmetic, links: 5, ..ModelConfig::default() };
        let model =
            Autoencoder::new("bench", &network, &LossConfig::telescope(), Start::Seed(1)).internal_error(doing)?;
        let encoder = IntegerEncoder::new(&model).internal_error(doing)?;
        let mut latents = vec![[0; LATENTS]; wafers.len()];
        Ok(Box::new(move || {
            encoder.encode_into(black_box(wafers), &mut latents);
            black_box(&latents);
        }))
    };
    let mut sorted = vec![BestChoice { charges: [0; CELLS], cells: [0; CELLS] }; wafers.len()];
    let emd = WaferEmd::new().internal_error("the distances of the cells")?;
    let (mut to_next, mut to_chosen) = (emd.clone(), emd);
    let next = floats.clone();
    Ok(vec![
        (
            "threshold",
            each(|wafer| {
                black_box(threshold_sum(black_box(wafer), &[47; CELLS], DROP));
            }),
        ),
        (
            "super trigger cells",
            each(|wafer| {
                let cells = super_trigger_cells(black_box(wafer));
                black_box((cells.codes_4_of_9(), cells.codes_4_of_7(DROP), cells.codes_16_of_9(), cells));
            }),
        ),
        (
            "best choice",
            Box::new(move || {
                best_choices(black_box(wafers), DROP, &mut sorted);
                black_box(&sorted);
            }),
        ),
        (
            "best choice, one by one",
            each(|wafer| {
                black_box(best_choice(black_box(wafer), DROP));
            }),
        ),
        (
            "repeater",
            each(|wafer| {
                black_box(repeater(black_box(wafer), DROP));
            }),
        ),
        (
            "autoencoder's converter",
            each(|wafer| {
                black_box(convert(black_box(wafer)));
            }),
        ),
        ("autoencoder's encoder, chip", encoder(Arithmetic::Asic)?),
        ("autoencoder's encoder, training", encoder(Arithmetic::Seed)?),
        ("threshold to frame", frames(Algorithm::Threshold)),
        ("super trigger cells to frame", frames(Algorithm::SuperTriggerCell)),
        ("best choice to frame", frames(Algorithm::BestChoice)),
        (
            "telescope loss, next wafer",
            Box::new(move || {
                next.windows(2).for_each(|pair| {
                    if let [a, b] = pair {
                        black_box(telescope(a, b));
                    }
                });
            }),
        ),
        (
            "distance, next wafer",
            Box::new(move || {
                floats.windows(2).for_each(|pair| {
                    if let [a, b] = pair {
                        let _ = black_box(to_next.outcome(a, b));
                    }
                });
            }),
        ),
        (
            "distance, best choice of 14",
            Box::new(move || {
                for (wafer, kept) in wafers.iter().zip(&chosen) {
                    let _ = black_box(to_chosen.outcome(&wafer.map(f64::from), kept));
                }
            }),
        ),
    ])
}
