//! `pflow evaluate`: figures of merit of one or more algorithms.

mod report;

use std::path::Path;

use rayon::prelude::*;
use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, Flag, InputRole, Inputs, OutputKind, Problem, Report, Run, Stage, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::jets::{AlgorithmName, JetsConfig};
use crate::data::columns::Parts;
use crate::data::{Event, EventReader, Layout, Particle};
use crate::error::{PflowError, Result};
use crate::evaluation::matching::Cuts;
use crate::evaluation::performance::{Performance, Settings};

/// Keys of `pflow evaluate`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EvaluateConfig {
    /// Name of the candidates that stand in the table of events itself.
    pub name: String,
    /// Algorithm of jets: `antikt`, `kt`, `cambridge` or `ee_genkt`.
    pub algorithm: AlgorithmName,
    /// Radius of jets.
    pub radius: f64,
    /// Exponent of `ee_genkt`.
    pub power: f64,
    /// Least transverse momentum of jets \[GeV\].
    pub min_pt: f64,
    /// Greatest distance of matched particles, in pseudorapidity and azimuth.
    pub match_delta_r: f64,
    /// Least transverse momentum of matched particles \[GeV\].
    pub match_min_pt: f64,
    /// Greatest pseudorapidity of matched particles.
    pub match_max_eta: f64,
    /// Whether matched particles have to be of the same class.
    pub match_same_class: bool,
    /// Bins of efficiencies with fewer entries are left blank.
    pub min_entries: u32,
    /// Most events that are read; 0 for all.
    pub max_events: u64,
}

impl Default for EvaluateConfig {
    fn default() -> Self {
        let cuts = Cuts::default();
        Self {
            name: "candidates".into(),
            algorithm: AlgorithmName::Antikt,
            radius: 0.4,
            power: -1.0,
            min_pt: 5.0,
            match_delta_r: cuts.delta_r,
            match_min_pt: cuts.min_pt,
            match_max_eta: cuts.max_eta,
            match_same_class: cuts.same_class,
            min_entries: 50,
            max_events: 0,
        }
    }
}

impl EvaluateConfig {
    fn jets(&self) -> JetsConfig {
        let Self { algorithm, radius, power, min_pt, .. } = *self;
        JetsConfig { algorithm, radius, power, min_pt, ..JetsConfig::default() }
    }

    fn settings(&self, layout: Layout) -> std::result::Result<Settings, StageError> {
        Ok(Settings {
            layout,
            jets: self.jets().definition().usage_error("cannot define jets")?,
            jet_min_pt: self.min_pt,
            cuts: Cuts {
                delta_r: self.match_delta_r,
                min_pt: self.match_min_pt,
                max_eta: self.match_max_eta,
                same_class: self.match_same_class,
            },
        })
    }
}

impl Config for EvaluateConfig {
    fn check(&self) -> Vec<Problem> {
        let mut found = self.jets().check();
        if !(self.match_delta_r > 0.0 && self.match_delta_r.is_finite()) {
            found.push(Problem::new("match_delta_r", "must be positive"));
        }
        found
    }
}

/// Evaluates candidates.
pub struct Evaluate;

const EVENTS: InputRole =
    InputRole::required("events", "events with targets, generated particles and perhaps candidates", super::EVENTS);
const CANDIDATES: InputRole =
    InputRole::optional("candidates", "the same events with candidates of an algorithm", super::EVENTS).many();

const FILES: [&str; 9] = [
    "metrics.json",
    "report.html",
    "jet_response.svg",
    "jet_eta.svg",
    "jet_target.svg",
    "met_response.svg",
    "efficiency.svg",
    "multiplicity.svg",
    "confusion.svg",
];

impl Stage for Evaluate {
    type Config = EvaluateConfig;

    fn description(&self) -> Description {
        Description {
            name: "pflow evaluate",
            about: "Measure particles, jets and missing momentum of one or more algorithms",
            long: "Compares candidates with targets, element by element and by direction, and jets and missing transverse momentum \
                   with those of generated particles and of targets: confusion, efficiencies and fakes with intervals, errors \
                   of energies and directions, numbers of particles, responses (median and interquartile range). Candidates \
                   stand in the table of events or in tables of the same events, each named after its file. Writes metrics.json, \
                   figures and a report.",
            inputs: &[EVENTS, CANDIDATES],
            output: OutputKind::Directory { doc: "metrics.json, report.html and figures" },
            flags: &[
                Flag { name: "name", key: "name", list: false },
                Flag { name: "algorithm", key: "algorithm", list: false },
                Flag { name: "radius", key: "radius", list: false },
                Flag { name: "min-pt", key: "min_pt", list: false },
                Flag { name: "max-events", key: "max_events", list: false },
            ],
        }
    }

    fn outputs(&self, _config: &EvaluateConfig, _inputs: &Inputs) -> Vec<String> {
        FILES.map(str::to_owned).to_vec()
    }

    fn run(&self, config: &EvaluateConfig, run: &Run) -> std::result::Result<Report, StageError> {
        let input = run.inputs().one(EVENTS.role)?;
        let wanted = Parts { targets: true, candidates: true, generated: true, ..Parts::default() };
        let reading = "cannot read the events";
        let mut reader = EventReader::open(&input.spec(), wanted).input_error(reading)?;
        if !reader.parts().targets {
            return Err(StageError::input(format!("{}: has no targets to compare with", reader.file())));
        }
        let settings = config.settings(reader.layout())?;
        let mut others = Vec::new();
        for file in run.inputs().all(CANDIDATES.role) {
            let wanted = Parts { candidates: true, ..Parts::default() };
            let other = EventReader::open(&file.spec(), wanted).input_error("cannot read the candidates")?;
            if !other.parts().candidates {
                return Err(StageError::input(format!("{}: has no candidates", other.file())));
            }
            let name = Path::new(&file.file_name()).file_stem().map(|s| s.to_string_lossy().into_owned());
            others.push((name.unwrap_or_default(), Events { reader: other, open: Vec::new() }));
        }
        let own = reader.parts().candidates && others.is_empty();
        if !own && others.is_empty() {
            let message = "has no candidates: give --input candidates=FILE, or make some with `recoil pflow baseline`";
            return Err(StageError::input(format!("{}: {message}", reader.file())));
        }
        let mut names: Vec<String> = others.iter().map(|(name, _)| name.clone()).collect();
        names.extend(own.then(|| config.name.clone()));
        let empty = || Performance::new(settings).internal_error("cannot prepare the measurement");
        let mut measured: Vec<Performance> = names.iter().map(|_| empty()).collect::<std::result::Result<_, _>>()?;
        // targets as if they were an algorithm: the best that any can do
        let mut ceiling = empty()?;
        let progress = run.progress("evaluating", "events", reader.total());
        let mut total = 0u64;
        while let Some(mut events) = reader.next_events().input_error(reading)? {
            run.check()?;
            if config.max_events > 0 {
                events.truncate(usize::try_from(config.max_events - total).unwrap_or(usize::MAX));
            }
            let targets: Vec<Vec<Particle>> = events.iter().map(Event::target_particles).collect();
            measure(&mut ceiling, &events, &targets).internal_error("cannot measure")?;
            let mut lists = Vec::new();
            for (_, other) in &mut others {
                lists.push(other.of(&events, settings.layout).input_error("cannot compare")?);
            }
            if own {
                lists.push(events.iter_mut().map(|event| std::mem::take(&mut event.candidates)).collect());
            }
            for (performance, candidates) in measured.iter_mut().zip(&lists) {
                measure(performance, &events, candidates).internal_error("cannot measure")?;
            }
            total += events.len() as u64;
            progress.add(events.len() as u64);
            if config.max_events > 0 && total >= config.max_events {
                break;
            }
        }
        if total == 0 {
            return Err(StageError::input(format!("{}: has no events", reader.file())));
        }
        let all: Vec<(&str, &Performance)> = names.iter().map(String::as_str).zip(&measured).collect();
        report::write(config, run, &all, &ceiling, total)
    }
}

/// Candidates of other tables, event by event.
struct Events {
    reader: EventReader,
    open: Vec<Event>,
}

impl Events {
    /// The candidates of `events`, which must be the next ones.
    fn of(&mut self, events: &[Event], layout: Layout) -> Result<Vec<Vec<Particle>>> {
        while self.open.len() < events.len() {
            match self.reader.next_events()? {
                Some(more) => self.open.extend(more),
                None => {
                    return Err(PflowError::content(self.reader.file(), "has fewer events than the table of events"));
                }
            }
        }
        let mut lists = Vec::with_capacity(events.len());
        for (event, other) in events.iter().zip(self.open.drain(..events.len())) {
            let same = event.number == other.number && event.elements(layout) == other.candidates.len();
            if !same {
                let reason = format!(
                    "event {} with {} elements stands where the table of events has event {} with {}",
                    other.number,
                    other.candidates.len(),
                    event.number,
                    event.elements(layout)
                );
                return Err(PflowError::content(self.reader.file(), reason));
            }
            lists.push(other.candidates);
        }
        Ok(lists)
    }
}

/// Adds events in parallel pieces; the order of values does not depend on the threads.
fn measure(performance: &mut Performance, events: &[Event], candidates: &[Vec<Particle>]) -> Result<()> {
    let empty = performance.empty()?;
    let pieces: Vec<Performance> = events
        .par_chunks(16)
        .zip(candidates.par_chunks(16))
        .map(|(events, candidates)| {
            let mut piece = empty.clone();
            for (event, candidates) in events.iter().zip(candidates) {
                piece.add(event, candidates);
            }
            piece
        })
        .collect();
    pieces.into_iter().try_for_each(|piece| performance.merge(piece))
}
