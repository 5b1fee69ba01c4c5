//! `pflow blocks`: groups of elements.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int32Array, Int64Array, ListArray};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{DataType, Field};
use rayon::prelude::*;
use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, Flag, InputRole, OutputKind, Problem, Report, Run, Stage, StageError};
use recoil_table::{field, list_of};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::baseline::blocks::{Agreement, ClueRules, Distances, agreement, clue, components, links};
use crate::baseline::edges::EdgeClassifier;
use crate::baseline::view::{Geometry, View};
use crate::data::columns::Parts;
use crate::data::{Event, EventReader, Layout};
use crate::error::Result;
use recoil_outputs::Table;

/// How elements are grouped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Connected components of all links.
    #[default]
    Components,
    /// CLUE in each calorimeter, joined through tracks.
    Clue,
    /// Connected components of the links that a trained network believes in.
    Edges,
}

/// Keys of `pflow blocks`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BlocksConfig {
    /// `components`, `clue`, or `edges`.
    pub method: Method,
    /// Least probability of a link for `edges`.
    pub threshold: f32,
    /// Distances of links.
    pub distances: Distances,
    /// Parameters of CLUE.
    pub clue: ClueRules,
    /// The solenoid.
    pub geometry: Geometry,
}

impl Default for BlocksConfig {
    fn default() -> Self {
        Self {
            method: Method::Components,
            threshold: 0.9,
            distances: Distances::default(),
            clue: ClueRules::default(),
            geometry: Geometry::default(),
        }
    }
}

impl Config for BlocksConfig {
    fn check(&self) -> Vec<Problem> {
        let mut found = self.distances.problems();
        if !(0.0..=1.0).contains(&self.threshold) {
            found.push(Problem::new("threshold", "must be between 0 and 1"));
        }
        if !(self.clue.delta > 0.0 && self.clue.delta < 3.0) {
            found.push(Problem::new("clue.delta", "must be positive and below 3"));
        }
        if self.clue.rho.is_nan() || self.clue.rho < 0.0 {
            found.push(Problem::new("clue.rho", "must not be negative"));
        }
        found
    }
}

/// Groups elements.
pub struct Blocks;

const EVENTS: InputRole = InputRole::required("events", "events with elements", super::EVENTS);
const MODEL: InputRole = InputRole::optional("model", "the network of `pflow train-edges`", &["safetensors"]);

impl Stage for Blocks {
    type Config = BlocksConfig;

    fn description(&self) -> Description {
        Description {
            name: "pflow blocks",
            about: "Group elements into blocks that share particles",
            long: "Finds pairs of elements that are near each other where they meet, and groups elements: connected components \
                   of all pairs, or of those that a network of `recoil pflow train-edges` believes in, or CLUE in each \
                   calorimeter, joined through tracks. Writes the block of each element, and compares with the truth where the \
                   table has it.",
            inputs: &[EVENTS, MODEL],
            output: OutputKind::File { doc: "the number of the block of each element", formats: super::EVENTS },
            flags: &[
                Flag { name: "method", key: "method", list: false },
                Flag { name: "threshold", key: "threshold", list: false },
                Flag { name: "rho", key: "clue.rho", list: false },
                Flag { name: "delta", key: "clue.delta", list: false },
            ],
        }
    }

    fn run(&self, config: &BlocksConfig, run: &Run) -> std::result::Result<Report, StageError> {
        let input = run.inputs().one(EVENTS.role)?.spec();
        let wanted = Parts { targets: true, ..Parts::default() };
        let mut reader = EventReader::open(&input, wanted).input_error("cannot read the events")?;
        let layout = reader.layout();
        let has_truth = reader.parts().targets;
        let model = match (config.method, run.inputs().optional(MODEL.role)) {
            (Method::Edges, Some(file)) => {
                Some(EdgeClassifier::read(&file.path, layout).input_error("cannot use the network")?)
            }
            (Method::Edges, None) => {
                let message = "`edges` needs a network: give --input model=FILE (`recoil pflow train-edges` makes one)";
                return Err(StageError::usage(message));
            }
            _ => None,
        };
        let doc = "number of the block that the element is in";
        let fields = [
            field("event", DataType::Int64, "", "number of the event"),
            field("block", list_of(DataType::Int32), "", doc),
        ];
        let mut table = Table::create(&run.output_file()?, "the blocks", fields)?;
        let progress = run.progress("grouping", "events", reader.total());
        let mut found: Vec<Agreement> = Vec::new();
        while let Some(events) = reader.next_events().input_error("cannot read the events")? {
            run.check()?;
            let grouped: Vec<(Vec<i32>, Agreement)> = events
                .par_iter()
                .map(|event| group(event, layout, config, model.as_ref()))
                .collect::<Result<_>>()
                .map_err(|error| StageError::usage(error.to_string()))?;
            let numbers = Int64Array::from_iter_values(events.iter().map(|event| event.number));
            let blocks = ListArray::try_new(
                Arc::new(Field::new("item", DataType::Int32, false)),
                OffsetBuffer::from_lengths(grouped.iter().map(|(blocks, _)| blocks.len())),
                Arc::new(Int32Array::from_iter_values(grouped.iter().flat_map(|(blocks, _)| blocks.iter().copied()))),
                None,
            );
            let blocks: ArrayRef = Arc::new(blocks.internal_error("cannot make the table")?);
            table.write(vec![Arc::new(numbers), blocks])?;
            found.extend(grouped.into_iter().map(|(_, agreement)| agreement));
            progress.add(events.len() as u64);
        }
        table.finish(&run.embedded_provenance())?;
        Ok(report(&found, has_truth))
    }
}

fn group(
    event: &Event,
    layout: Layout,
    config: &BlocksConfig,
    model: Option<&EdgeClassifier>,
) -> Result<(Vec<i32>, Agreement)> {
    let view = View::of(event, layout, &config.geometry);
    let links = links(&view, &config.distances);
    let count = event.elements(layout);
    let blocks = match (config.method, model) {
        (Method::Clue, _) => clue(count, &view, &config.clue)?,
        (Method::Edges, Some(model)) => {
            let found = model.probabilities(event, layout, &links)?;
            let believed = links.iter().zip(found).filter(|(_, probability)| *probability >= config.threshold);
            components(count, &believed.map(|(link, _)| *link).collect::<Vec<_>>())
        }
        _ => components(count, &links),
    };
    let particles: Vec<f32> = event.targets.iter().map(|target| target.number).collect();
    let agreement = agreement(&blocks, &particles, &links);
    Ok((blocks, agreement))
}

fn report(found: &[Agreement], has_truth: bool) -> Report {
    let mean = |of: &dyn Fn(&Agreement) -> f64| found.iter().map(of).sum::<f64>() / found.len().max(1) as f64;
    let sum = |of: &dyn Fn(&Agreement) -> usize| found.iter().map(of).sum::<usize>() as f64;
    let report = Report::new()
        .value("events", found.len())
        .value("blocks_per_event", mean(&|a| a.blocks as f64))
        .value("largest_block", mean(&|a| a.largest as f64));
    if !has_truth {
        return report;
    }
    let ratio = |a: f64, b: f64| if b > 0.0 { a / b } else { 0.0 };
    report
        .value("adjusted_rand", mean(&|a| a.adjusted_rand))
        .value("precision", ratio(sum(&|a| a.both), sum(&|a| a.joined)))
        .value("recall", ratio(sum(&|a| a.both), sum(&|a| a.same)))
}
