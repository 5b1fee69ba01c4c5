//! `iact bench`: how fast files are read and events reduced.

use std::hint::black_box;
use std::time::Instant;

use recoil_eventio::simtel::{SimtelReader, Wanted};
use recoil_stage::{Config, Description, Flag, InputRole, OutputKind, Problem, Report, Run, Stage, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::blame;
use super::r0_to_dl1::R0ToDl1Config;
use crate::clean::{Cleaned, Cleaner};
use crate::dl1::reduce::{Models, Reducer, Reduction, Work, work};
use crate::dl1::row::Parametrizer;
use crate::error::{IactError, Result};
use crate::parameters::timing::TimingFit;
use crate::waveform::integrate::Image;

/// Keys of `iact bench`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BenchConfig {
    /// How often everything is done; the fastest counts.
    #[schemars(range(min = 1, max = 10_000))]
    pub repeats: u32,
    /// Most events that are kept for the steps behind the reading.
    #[schemars(range(min = 1, max = 10_000))]
    pub events: usize,
}

impl Default for BenchConfig {
    fn default() -> Self {
        Self { repeats: 5, events: 200 }
    }
}

impl Config for BenchConfig {
    fn check(&self) -> Vec<Problem> {
        Vec::new()
    }
}

/// Times the reduction.
pub struct Bench;

const RAW: InputRole =
    InputRole::required("input-file", "a file of sim_telarray", &["simtel", "gz", "zst"]).short('f').plain();

impl Stage for Bench {
    type Config = BenchConfig;

    fn description(&self) -> Description {
        Description {
            name: "iact bench",
            about: "Time the reading of a file and the reduction of its events on one thread",
            long: "Reads the file as often as asked for with all samples and true photo-electrons decoded, then reduces the \
                   events step by step, all in one thread. The fastest of the repetitions counts.",
            inputs: &[RAW],
            output: OutputKind::Nothing,
            flags: &[Flag { name: "repeats", key: "repeats", list: false }],
        }
    }

    fn run(&self, config: &BenchConfig, run: &Run) -> Result<Report, StageError> {
        let path = &run.inputs().one(RAW.role)?.path;
        let doing = format!("cannot read {}", path.display());
        let failed = |error: recoil_eventio::Error| blame(doing.clone())(error.into());
        let mut best = f64::INFINITY;
        let (mut events, mut bytes) = (0u64, 0u64);
        for _ in 0..config.repeats {
            run.check()?;
            let start = Instant::now();
            let wanted = Wanted { telescopes: Vec::new(), photo_electrons: true };
            let mut reader = SimtelReader::open(path, wanted).map_err(failed)?;
            events = 0;
            while let Some(event) = reader.next_event().map_err(failed)? {
                black_box(&event);
                events += 1;
            }
            bytes = reader.bytes();
            best = best.min(start.elapsed().as_secs_f64());
        }
        let how = R0ToDl1Config::default().reduction(run)?;
        let kept = keep(path, config.events, &how).map_err(blame(doing))?;
        let steps = time_steps(&kept, &how, config.repeats, run)?;
        let per_image = |seconds: f64| 1e3 * seconds / kept.len().max(1) as f64;
        let rows =
            steps.iter().map(|(name, seconds)| -> Vec<Json> { vec![(*name).into(), per_image(*seconds).into()] });
        Ok(Report::new()
            .value("events", events)
            .quantity("content", bytes as f64 / 1e6, "MB")
            .quantity("reading", events as f64 / best, "events/s")
            .quantity("reading_content", bytes as f64 / 1e6 / best, "MB/s")
            .value("images", kept.len())
            .table("steps", &["step", "time per image [ms]"], rows.collect()))
    }
}

fn keep(path: &std::path::Path, most: usize, how: &Reduction) -> Result<Vec<Work>> {
    let mut reader = SimtelReader::open(path, Wanted { telescopes: vec![1], photo_electrons: false })?;
    let mut models = Models::default();
    let mut kept = Vec::new();
    while kept.len() < most {
        match reader.next_event()? {
            Some(event) if event.calibration.is_some() => {}
            Some(event) => kept.extend(work(event, &reader, &mut models, how)?.1),
            None => break,
        }
    }
    if kept.is_empty() {
        return Err(IactError::content(path.display(), "telescope 1 has no events with samples"));
    }
    Ok(kept)
}

fn time_steps(
    kept: &[Work],
    how: &Reduction,
    repeats: u32,
    run: &Run,
) -> std::result::Result<[(&'static str, f64); 4], StageError> {
    let mut steps = [
        ("samples to charges", f64::INFINITY),
        ("cleaning", f64::INFINITY),
        ("parameters", f64::INFINITY),
        ("all", f64::INFINITY),
    ];
    let wrong = |reason: String| StageError::input(reason);
    for _ in 0..repeats {
        run.check()?;
        let mut reducer = Reducer::new(how);
        let mut images = vec![Image::default(); kept.len()];
        let start = Instant::now();
        for (work, image) in kept.iter().zip(&mut images) {
            reducer.image(work, image).map_err(wrong)?;
        }
        let charges = start.elapsed().as_secs_f64();
        let mut cleaner = Cleaner::new(how.tailcut, how.dynamic);
        let mut cleaned = vec![Cleaned::default(); kept.len()];
        let start = Instant::now();
        for ((work, image), cleaned) in kept.iter().zip(&images).zip(&mut cleaned) {
            cleaner.clean(&work.model.camera, image, cleaned);
        }
        let cleaning = start.elapsed().as_secs_f64();
        let mut parametrizer = Parametrizer::new(TimingFit::new(how.starts));
        let start = Instant::now();
        for ((work, image), cleaned) in kept.iter().zip(&images).zip(&cleaned) {
            black_box(parametrizer.parametrize(&work.model.camera, image, cleaned));
        }
        let parameters = start.elapsed().as_secs_f64();
        let start = Instant::now();
        for work in kept {
            black_box(reducer.reduce(work).map_err(wrong)?);
        }
        let all = start.elapsed().as_secs_f64();
        for ((_, best), time) in steps.iter_mut().zip([charges, cleaning, parameters, all]) {
            *best = best.min(time);
        }
    }
    Ok(steps)
}
