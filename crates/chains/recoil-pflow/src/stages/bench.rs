//! `pflow bench`: time and memory of networks on events of some sizes.

use std::time::Instant;

use recoil_nn::tape::{Memory, Mode, Optimiser, Pool, Tape};
use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, Flag, OutputKind, Problem, Report, Run, Stage, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::data::Layout;
use crate::error::Result;
use crate::network::loss::{LossConfig, Step, Truth, loss};
use crate::network::train::CpuClock;
use crate::network::{Architecture, Model, Rows, forward};

/// Keys of `pflow bench`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BenchConfig {
    /// The network.
    pub architecture: Architecture,
    /// Elements of an event.
    pub sizes: Vec<usize>,
    /// Seconds of measuring per size.
    pub seconds: f64,
    /// Whether a step of a training is timed, instead of a prediction.
    pub train: bool,
    /// Events at a time.
    pub batch: usize,
}

impl Default for BenchConfig {
    fn default() -> Self {
        Self {
            architecture: Architecture::default(),
            sizes: vec![256, 1024, 4096],
            seconds: 2.0,
            train: false,
            batch: 1,
        }
    }
}

impl Config for BenchConfig {
    fn check(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        if self.sizes.is_empty() || self.sizes.contains(&0) {
            found.push(Problem::new("sizes", "must be positive numbers"));
        }
        if self.batch == 0 {
            found.push(Problem::new("batch", "must be positive"));
        }
        if let Err(error) = self.architecture.check() {
            found.push(Problem::new("architecture", error.to_string()));
        }
        found
    }
}

/// Times networks.
pub struct Bench;

impl Stage for Bench {
    type Config = BenchConfig;

    fn description(&self) -> Description {
        Description {
            name: "pflow bench",
            about: "Time networks on events of some sizes",
            long: "Runs a network with random weights over random elements in the layout of e+e- detectors, one thread, and \
                   writes for each number of elements the least and the median time of an event, processor time, and how much \
                   memory the work took. The default is the network of the reference implementation (2,719,506 parameters) at \
                   256, 1,024 and 4,096 elements.",
            inputs: &[],
            output: OutputKind::File { doc: "times and memory", formats: &["json"] },
            flags: &[
                Flag { name: "sizes", key: "sizes", list: true },
                Flag { name: "train", key: "train", list: false },
                Flag { name: "batch", key: "batch", list: false },
                Flag { name: "seconds", key: "seconds", list: false },
            ],
        }
    }

    fn run(&self, config: &BenchConfig, run: &Run) -> std::result::Result<Report, StageError> {
        let inputs = crate::network::inputs::InputConfig::default();
        let mut model = Model::new(Layout::Clic, &config.architecture, inputs, run.seed().value())
            .usage_error("cannot build the network")?;
        let base = memory_mb();
        let mut lines = Vec::new();
        for elements in &config.sizes {
            run.check()?;
            let rows = random(&model, *elements, config.batch, run.seed().value());
            let pool = Pool::default();
            let mut times = Vec::new();
            let mut memory = Memory::new(&model.weights);
            let mut gradient = Vec::new();
            let (start, mut cpu) = (Instant::now(), CpuClock::now());
            // the first call gets its memory and packs the weights
            for call in 0.. {
                let began = Instant::now();
                match config.train {
                    true => learn(&mut model, &rows, &pool, &mut memory, &mut gradient),
                    false => infer(&model, &rows, &pool),
                }
                .internal_error("cannot compute")?;
                match call {
                    0 => cpu = CpuClock::now(),
                    _ => times.push(1e3 * began.elapsed().as_secs_f64() / config.batch as f64),
                }
                if call >= 3 && start.elapsed().as_secs_f64() > config.seconds {
                    break;
                }
            }
            let processor = 1e3 * cpu.seconds() / (times.len() * config.batch) as f64;
            times.sort_by(f64::total_cmp);
            let (least, median) =
                (times.first().copied().unwrap_or(0.0), times.get(times.len() / 2).copied().unwrap_or(0.0));
            lines.push((*elements, [least, median, processor, memory_mb() - base], times.len()));
        }
        let of = |(elements, [least, median, processor, memory], calls): &(usize, [f64; 4], usize)| {
            json!({
                "elements": elements, "least_ms": least, "median_ms": median, "cpu_ms": processor,
                "memory_mb": memory, "calls": calls,
            })
        };
        let document = json!({
            "parameters": model.weights.len(),
            "training": config.train,
            "batch": config.batch,
            "sizes": lines.iter().map(of).collect::<Vec<_>>(),
        });
        let text = serde_json::to_string_pretty(&document).internal_error("cannot write the times")?;
        std::fs::write(run.output_file()?, text).output_error("cannot write the times")?;
        let rows = lines.iter().map(|(elements, [least, median, processor, memory], _)| {
            let shown = |value: &f64| serde_json::Value::from(format!("{value:.2}"));
            vec![(*elements).into(), shown(least), shown(median), shown(processor), shown(memory)]
        });
        let columns = ["elements", "least ms", "median ms", "cpu ms", "memory MB"];
        Ok(Report::new().value("parameters", model.weights.len()).table("times per event", &columns, rows.collect()))
    }
}

/// Elements of random numbers.
fn random(model: &Model, elements: usize, events: usize, seed: u64) -> Rows {
    let mut state = seed | 1;
    let mut unit = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 40) as f32) / (1 << 24) as f32
    };
    let mut rows = Rows { offsets: vec![0], ..Rows::default() };
    for _ in 0..events {
        for element in 0..elements {
            rows.features.extend((0..model.shape.features).map(|_| 2.0 * unit() - 1.0));
            rows.elements.push([1.0 + unit(), 4.0 * unit() - 2.0, 0.6, 0.8, 4.0 + unit()]);
            rows.types.push((element % model.shape.types.len().max(1)) as u32);
        }
        rows.offsets.push(rows.types.len() as u32);
    }
    rows
}

fn infer(model: &Model, rows: &Rows, pool: &Pool) -> Result<()> {
    let tape = Tape::new(&model.weights, pool, Mode::Inference);
    let outputs = forward(&tape, &model.architecture, &model.shape, rows, false)?;
    std::hint::black_box(outputs.momentum[4].values());
    Ok(())
}

fn learn(model: &mut Model, rows: &Rows, pool: &Pool, memory: &mut Memory, gradient: &mut Vec<f32>) -> Result<()> {
    gradient.clear();
    gradient.resize(model.weights.len(), 0.0);
    let tape = Tape::new(&model.weights, pool, Mode::Training { seed: 1 });
    let outputs = forward(&tape, &model.architecture, &model.shape, rows, false)?;
    let ones = vec![1.0; rows.len()];
    let classes = (0..rows.len() as u32).map(|row| row % model.shape.classes.len() as u32).collect();
    let truth = Truth { classes, momentum: std::array::from_fn(|_| ones.clone()), pt: ones, jets: Vec::new() };
    let count = rows.len() as f64;
    let step = Step { elements: count, particles: count, ..Step::default() };
    let (total, _) = loss(&tape, &outputs, rows, &truth, &model.shape.classes, &LossConfig::default(), step)?;
    drop(outputs);
    tape.backward(&total, gradient)?;
    drop(tape);
    Optimiser::default().step(&mut model.weights, gradient, memory, 1e-6);
    Ok(())
}

/// Largest memory of the program so far \[MB\]; 0 where the system does not tell.
fn memory_mb() -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kilobytes.unwrap_or(0.0) / 1024.0
}
