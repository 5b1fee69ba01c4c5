//! `pflow simulate`: events of the embedded detector.

use rayon::prelude::*;
use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, Flag, OutputKind, Problem, Report, Run, Stage, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::data::columns::Parts;
use crate::data::{EventWriter, Layout};
use crate::simulate::{Collisions, simulate};

/// How many elements an event has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// About 100 elements.
    #[default]
    Small,
    /// 256 elements on average, within 3 %.
    E256,
    /// 1,024 elements on average, within 3 %.
    E1024,
    /// 4,096 elements on average, within 3 %.
    E4096,
    /// 8,000 elements on average, within 3 %, most of them from 200 other collisions.
    E8000,
    /// A collision as in `small` with 40 others around it: about 1,000 elements.
    Pu40,
}

impl Preset {
    /// Mean numbers of what is in an event.
    pub fn collisions(self) -> Collisions {
        let (jets, soft, pileup) = match self {
            Self::Small => (1.0, 60.0, 0.0),
            Self::E256 => (2.0, 205.0, 0.0),
            Self::E1024 => (6.0, 950.0, 0.0),
            Self::E4096 => (20.0, 5400.0, 0.0),
            Self::E8000 => (6.0, 205.0, 200.0),
            Self::Pu40 => (1.0, 60.0, 40.0),
        };
        let soft_per_pileup = if self == Self::E8000 { 68.5 } else { 24.0 };
        Collisions { jets, soft, pileup, soft_per_pileup }
    }
}

/// What is written of the truth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Truth {
    /// The target of each element.
    #[default]
    Targets,
    /// Simulated particles and their links to elements.
    Links,
}

/// Keys of `pflow simulate`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SimulateConfig {
    /// Number of events.
    pub events: u64,
    /// Size of the events: `small`, `e256`, `e1024`, `e4096`, `e8000` or `pu40`.
    pub preset: Preset,
    /// Mean number of other collisions in place of the preset's; negative: that of the preset.
    pub pileup: f64,
    /// Number of the first event; events of the same number and seed are the same.
    pub first_event: u64,
    /// Whether the stable particles of the generator are written too.
    pub generated: bool,
    /// What is written of the truth: `targets`, or `links` between particles and elements, of which
    /// `recoil pflow assign-truth` makes targets.
    pub truth: Truth,
}

impl Default for SimulateConfig {
    fn default() -> Self {
        Self {
            events: 1000,
            preset: Preset::Small,
            pileup: -1.0,
            first_event: 0,
            generated: true,
            truth: Truth::Targets,
        }
    }
}

impl Config for SimulateConfig {
    fn check(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        if self.events == 0 {
            found.push(Problem::new("events", "must be at least 1"));
        }
        if self.pileup.is_nan() || self.pileup > 1000.0 {
            found.push(Problem::new("pileup", "must be at most 1000"));
        }
        found
    }
}

/// Makes events.
pub struct Simulate;

/// Elements that are kept in memory at a time, about.
const ELEMENTS: f64 = 200_000.0;

impl Stage for Simulate {
    type Config = SimulateConfig;

    fn description(&self) -> Description {
        Description {
            name: "pflow simulate",
            about: "Simulate events of tracks and calorimeter clusters with their truth",
            long: "A small detector in a solenoid: jets and soft particles leave tracks and showers in cells of two \
                   calorimeters, cells are clustered, and every particle that could be seen is assigned to one element. \
                   Writes one row per event: elements, targets and generated particles. An event depends on the seed and on \
                   its number alone, not on the number of threads or of events.",
            inputs: &[],
            output: OutputKind::File { doc: "the events", formats: super::EVENTS },
            flags: &[
                Flag { name: "events", key: "events", list: false },
                Flag { name: "preset", key: "preset", list: false },
                Flag { name: "pileup", key: "pileup", list: false },
                Flag { name: "first-event", key: "first_event", list: false },
                Flag { name: "truth", key: "truth", list: false },
            ],
        }
    }

    fn run(&self, config: &SimulateConfig, run: &Run) -> Result<Report, StageError> {
        let mut collisions = config.preset.collisions();
        if config.pileup >= 0.0 {
            collisions.pileup = config.pileup;
        }
        let with_links = config.truth == Truth::Links;
        let parts =
            Parts { targets: !with_links, simulation: with_links, generated: config.generated, ..Parts::default() };
        let mut writer = EventWriter::create(&run.output_file()?, Layout::Clic, parts).output_error("cannot write")?;
        let per_event =
            12.0 * collisions.jets + 36.0 + collisions.soft + collisions.pileup * collisions.soft_per_pileup;
        let chunk = (ELEMENTS / per_event).clamp(1.0, 2048.0) as u64;
        let seed = run.seed().named("pflow simulate");
        let progress = run.progress("simulating", "events", Some(config.events));
        let mut losses = super::losses::Losses::default();
        let (mut elements, mut particles) = (0, 0);
        let end = config.first_event.saturating_add(config.events);
        let mut start = config.first_event;
        while start < end {
            run.check()?;
            let stop = end.min(start.saturating_add(chunk));
            let made: Vec<_> = (start..stop).into_par_iter().map(|n| simulate(&collisions, seed, n)).collect();
            let (events, assignments): (Vec<_>, Vec<_>) = made.into_iter().unzip();
            for (event, assignment) in events.iter().zip(&assignments) {
                elements += event.elements(Layout::Clic);
                particles += event.generated.len();
                losses.add(event.number, assignment);
            }
            writer.write(&events).output_error("cannot write the events")?;
            progress.add(stop - start);
            start = stop;
        }
        writer.finish(&run.embedded_provenance()).output_error("cannot write the events")?;
        let mean = |sum: usize| sum as f64 / config.events as f64;
        let report = Report::new()
            .value("events", config.events)
            .value("elements_per_event", mean(elements))
            .value("particles_per_event", mean(particles));
        Ok(losses.report(report))
    }
}
