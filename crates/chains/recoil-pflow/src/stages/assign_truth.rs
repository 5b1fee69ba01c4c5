//! `pflow assign-truth`: simulated particles to elements.

use rayon::prelude::*;
use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, Flag, InputRole, OutputKind, Problem, Report, Run, Stage, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::data::columns::Parts;
use crate::data::transform::correct;
use crate::data::{Event, EventReader, EventWriter, Layout};
use crate::truth::assignment::Assignment;
use crate::truth::event::{self, Rules};
use crate::truth::visible::Thresholds;

/// Keys of `pflow assign-truth`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AssignConfig {
    /// Rules: `auto` (those of the layout), `edm4hep`, `cms`, `cms_2020` or `delphes`.
    pub rules: Rules,
    /// Least share of a particle's energy in hits.
    pub energy_share: f64,
    /// Least energy of a charged particle in hits \[GeV\].
    pub charged_energy_gev: f64,
    /// Least weight of a link to a track.
    pub track_weight: f64,
    /// How many generations up a replacement of an invisible particle is looked for.
    pub generations: usize,
    /// Whether classes of CMS targets are corrected for the type of the element.
    pub correct_classes: bool,
}

impl Default for AssignConfig {
    fn default() -> Self {
        let Thresholds { energy_share, charged_energy_gev, track_weight, generations } = Thresholds::default();
        Self { rules: Rules::Auto, energy_share, charged_energy_gev, track_weight, generations, correct_classes: false }
    }
}

impl AssignConfig {
    fn thresholds(&self) -> Thresholds {
        let Self { energy_share, charged_energy_gev, track_weight, generations, .. } = *self;
        Thresholds { energy_share, charged_energy_gev, track_weight, generations }
    }
}

impl Config for AssignConfig {
    fn check(&self) -> Vec<Problem> {
        let keys = [
            ("energy_share", self.energy_share),
            ("charged_energy_gev", self.charged_energy_gev),
            ("track_weight", self.track_weight),
        ];
        let wrong = keys.into_iter().filter(|(_, value)| !(*value >= 0.0 && value.is_finite()));
        wrong.map(|(key, _)| Problem::new(key, "must not be negative")).collect()
    }
}

/// Assigns truth.
pub struct AssignTruth;

const EVENTS: InputRole = InputRole::required("events", "events with simulated particles and links", super::EVENTS);

impl Stage for AssignTruth {
    type Config = AssignConfig;

    fn description(&self) -> Description {
        Description {
            name: "pflow assign-truth",
            about: "Assign every visible particle to one element",
            long: "Gives each particle that the detector could have seen to the free element of its strongest link, hardest first; \
                   a particle that finds none is merged into the owner of its main cluster, or dropped and reported. Checks in \
                   each event that no energy appears or vanishes. Events without visible particles are left out.",
            inputs: &[EVENTS],
            output: OutputKind::File { doc: "the events with targets", formats: super::EVENTS },
            flags: &[Flag { name: "rules", key: "rules", list: false }],
        }
    }

    fn run(&self, config: &AssignConfig, run: &Run) -> Result<Report, StageError> {
        let input = run.inputs().one(EVENTS.role)?.spec();
        let wanted = Parts { candidates: true, puppi: true, generated: true, simulation: true, targets: false };
        let mut reader = EventReader::open(&input, wanted).input_error("cannot read the events")?;
        if !reader.parts().simulation {
            let message = "has no simulated particles (columns sim_* and link_*): `recoil pflow import` writes those of files \
                           that have links to particles, which NanoAOD has not";
            return Err(StageError::input(format!("{}: {message}", reader.file())));
        }
        let layout = reader.layout();
        let parts = Parts { targets: true, simulation: false, ..reader.parts() };
        let mut writer = EventWriter::create(&run.output_file()?, layout, parts).output_error("cannot write")?;
        let thresholds = config.thresholds();
        let progress = run.progress("assigning", "events", reader.total());
        let mut losses = super::losses::Losses::default();
        let (mut total, mut skipped) = (0u64, 0u64);
        while let Some(events) = reader.next_events().input_error("cannot read the events")? {
            run.check()?;
            progress.add(events.len() as u64);
            total += events.len() as u64;
            let file = reader.file().clone();
            let first = total - events.len() as u64;
            let assigned: Vec<(Event, Assignment)> = events
                .into_par_iter()
                .enumerate()
                .map(|(index, mut event)| {
                    let assigned = event::assign_event(&file, &mut event, layout, config.rules, &thresholds);
                    let assignment = assigned.map_err(|error| error.at_row(first + index as u64))?;
                    if config.correct_classes {
                        correct(&mut event, layout);
                    }
                    Ok((event, assignment))
                })
                .collect::<crate::Result<_>>()
                .input_error("cannot assign")?;
            let mut kept = Vec::with_capacity(assigned.len());
            for (event, assignment) in assigned {
                losses.add(event.number, &assignment);
                if event.targets.iter().any(|target| target.particle.is_present()) {
                    kept.push(event);
                } else {
                    skipped += 1;
                }
            }
            writer.write(&kept).output_error("cannot write the events")?;
        }
        writer.finish(&run.embedded_provenance()).output_error("cannot write the events")?;
        if skipped > 0 {
            run.warn("no_visible_particle", format!("{skipped} events without visible particles were left out"));
        }
        let report = Report::new().value("events", total - skipped).value("events_left_out", skipped);
        Ok(losses.report(report))
    }
}

/// Layouts and their usual rules, for the documentation.
impl Rules {
    /// The rules that are meant for this layout.
    pub fn of(self, layout: Layout) -> Self {
        match (self, layout) {
            (Self::Auto, Layout::Clic | Layout::Hits) => Self::Edm4hep,
            (Self::Auto, Layout::Cms) => Self::Cms,
            (Self::Auto, Layout::Delphes) => Self::Delphes,
            (rules, _) => rules,
        }
    }
}
