//! `pflow baseline`: candidates by rules.

use rayon::prelude::*;
use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, Flag, InputRole, OutputKind, Problem, Report, Run, Stage, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::baseline::flow::{FlowRules, NeutralRules, reconstruct};
use crate::baseline::puppi::{PuppiRules, of_candidates};
use crate::data::columns::Parts;
use crate::data::{EventReader, EventWriter, classes};

/// Keys of `pflow baseline`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BaselineConfig {
    /// Rules of the reconstruction.
    pub rules: FlowRules,
    /// Whether candidates get weights against pile-up (PUPPI).
    pub puppi: bool,
    /// Parameters of these weights.
    pub puppi_rules: PuppiRules,
}

impl Config for BaselineConfig {
    fn check(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        let mut positive = |key: &str, value: f64| {
            if !(value > 0.0 && value.is_finite()) {
                found.push(Problem::new(key, "must be positive"));
            }
        };
        positive("rules.links.track_ecal", self.rules.links.track_ecal);
        positive("rules.links.track_hcal", self.rules.links.track_hcal);
        positive("rules.geometry.radius_m", self.rules.geometry.radius_m);
        positive("puppi_rules.radius", self.puppi_rules.radius);
        for (name, rules) in [("photon", &self.rules.photon), ("neutral_hadron", &self.rules.neutral_hadron)] {
            let NeutralRules { threshold, sigmas, stochastic, constant } = *rules;
            if [threshold, sigmas, stochastic, constant].iter().any(|value| !(*value >= 0.0 && value.is_finite())) {
                found.push(Problem::new(format!("rules.{name}"), "must not have negative numbers"));
            }
        }
        found
    }
}

/// Reconstructs by rules.
pub struct Baseline;

const EVENTS: InputRole = InputRole::required("events", "events with elements", super::EVENTS);

impl Stage for Baseline {
    type Config = BaselineConfig;

    fn description(&self) -> Description {
        Description {
            name: "pflow baseline",
            about: "Reconstruct particles by rules",
            long: "Links each track to the nearest clusters around the place where it arrives, tells muons and electrons, \
                   subtracts the momenta of tracks from clusters, and turns what is left into photons and neutral hadrons. \
                   Every threshold is a key. Writes the events with one candidate per element, as networks do.",
            inputs: &[EVENTS],
            output: OutputKind::File { doc: "the events with candidates", formats: super::EVENTS },
            flags: &[
                Flag { name: "puppi", key: "puppi", list: false },
                Flag { name: "field", key: "rules.geometry.field_tesla", list: false },
                Flag { name: "subtraction", key: "rules.subtraction", list: false },
            ],
        }
    }

    fn run(&self, config: &BaselineConfig, run: &Run) -> Result<Report, StageError> {
        let input = run.inputs().one(EVENTS.role)?.spec();
        let wanted = Parts { targets: true, generated: true, ..Parts::default() };
        let mut reader = EventReader::open(&input, wanted).input_error("cannot read the events")?;
        let layout = reader.layout();
        let parts = Parts { candidates: true, puppi: config.puppi, ..reader.parts() };
        let mut writer = EventWriter::create(&run.output_file()?, layout, parts).output_error("cannot write")?;
        let progress = run.progress("reconstructing", "events", reader.total());
        let mut counts = std::collections::BTreeMap::new();
        let mut total = 0u64;
        while let Some(mut events) = reader.next_events().input_error("cannot read the events")? {
            run.check()?;
            events.par_iter_mut().for_each(|event| {
                event.candidates = reconstruct(event, layout, &config.rules);
                if config.puppi {
                    event.puppi = of_candidates(event, layout, &config.rules.geometry, &config.puppi_rules);
                }
            });
            for candidate in events.iter().flat_map(|event| &event.candidates) {
                *counts.entry(candidate.pdg).or_insert(0u64) += 1;
            }
            writer.write(&events).output_error("cannot write the events")?;
            total += events.len() as u64;
            progress.add(events.len() as u64);
        }
        writer.finish(&run.embedded_provenance()).output_error("cannot write the events")?;
        let rows = layout.classes().iter().filter_map(|class| {
            let count = counts.get(class)?;
            Some(vec![classes::name(*class).into(), (*count).into()])
        });
        Ok(Report::new().value("events", total).table("candidates", &["class", "candidates"], rows.collect()))
    }
}
