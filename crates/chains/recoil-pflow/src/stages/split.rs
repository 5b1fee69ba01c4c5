//! `pflow split`: events to samples for training, validation and test.

use recoil_stage::error::Blame as _;
use recoil_stage::{
    Config, Description, Flag, InputFile, InputRole, Inputs, OutputKind, Problem, Report, Run, Seed, Stage, StageError,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::data::columns::Parts;
use crate::data::{Event, EventReader, EventWriter};
use rand::RngExt as _;

/// Keys of `pflow split`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SplitConfig {
    /// Shares of training, validation and test; what is left of 1 is left out.
    pub shares: Vec<f64>,
}

impl Default for SplitConfig {
    fn default() -> Self {
        Self { shares: vec![0.8, 0.1, 0.1] }
    }
}

impl Config for SplitConfig {
    fn check(&self) -> Vec<Problem> {
        let is_share = |share: &f64| (0.0..=1.0).contains(share);
        let mut found = Vec::new();
        if self.shares.len() != NAMES.len() || !self.shares.iter().all(is_share) {
            found.push(Problem::new("shares", "must be three numbers between 0 and 1: training, validation, test"));
        } else if self.shares.iter().sum::<f64>() > 1.0 + 1e-9 {
            found.push(Problem::new("shares", "must not be more than 1 together"));
        }
        found
    }
}

/// Splits events.
pub struct Split;

const EVENTS: InputRole = InputRole::required("events", "one or more tables of events", super::EVENTS).many();

/// Names of the samples, in the order of the shares.
const NAMES: [&str; 3] = ["train", "valid", "test"];

impl Stage for Split {
    type Config = SplitConfig;

    fn description(&self) -> Description {
        Description {
            name: "pflow split",
            about: "Split events into disjoint samples for training, validation and test",
            long: "Puts every event into one of three samples by the seed and its number alone: an event is in the same sample \
                   whatever stands beside it, in whichever file. Several tables are joined in their order. Writes \
                   train.parquet, valid.parquet and test.parquet.",
            inputs: &[EVENTS],
            output: OutputKind::Directory { doc: "train.parquet, valid.parquet and test.parquet" },
            flags: &[Flag { name: "shares", key: "shares", list: true }],
        }
    }

    fn outputs(&self, _config: &SplitConfig, _inputs: &Inputs) -> Vec<String> {
        NAMES.map(|name| format!("{name}.parquet")).to_vec()
    }

    fn run(&self, config: &SplitConfig, run: &Run) -> Result<Report, StageError> {
        let files: Vec<&InputFile> = run.inputs().all(EVENTS.role).collect();
        let all = Parts { targets: true, candidates: true, puppi: true, generated: true, simulation: true };
        let open = |file: &InputFile| EventReader::open(&file.spec(), all).input_error("cannot read the events");
        let mut readers = Vec::new();
        for file in files {
            readers.push(open(file)?);
        }
        let Some(first) = readers.first() else { return Err(StageError::input("there are no tables of events")) };
        let (layout, parts, file) = (first.layout(), first.parts(), first.file().clone());
        if let Some(other) = readers.iter().find(|other| (other.layout(), other.parts()) != (layout, parts)) {
            let message = format!("{}: has not the same columns as {file}", other.file());
            return Err(StageError::input(message));
        }
        let total = readers.iter().map(EventReader::total).sum();
        let mut writers = Vec::new();
        for name in NAMES {
            let path = run.output(&format!("{name}.parquet"))?;
            writers.push(EventWriter::create(&path, layout, parts).output_error("cannot write")?);
        }
        let seed = run.seed().named("pflow split");
        let progress = run.progress("splitting", "events", total);
        let mut counts = [0u64; 3];
        for mut reader in readers {
            while let Some(events) = reader.next_events().input_error("cannot read the events")? {
                run.check()?;
                progress.add(events.len() as u64);
                let mut samples: [Vec<Event>; 3] = Default::default();
                for event in events {
                    if let Some(sample) = sample(&config.shares, seed, event.number).and_then(|s| samples.get_mut(s)) {
                        sample.push(event);
                    }
                }
                for ((writer, events), count) in writers.iter_mut().zip(&samples).zip(&mut counts) {
                    writer.write(events).output_error("cannot write the events")?;
                    *count += events.len() as u64;
                }
            }
        }
        let mut report = Report::new();
        for ((name, writer), count) in NAMES.into_iter().zip(writers).zip(counts) {
            writer.finish(&run.embedded_provenance()).output_error("cannot write the events")?;
            report = report.value(name, count);
        }
        Ok(report)
    }
}

/// The sample of an event, or none.
fn sample(shares: &[f64], seed: Seed, number: i64) -> Option<usize> {
    let drawn: f64 = seed.indexed(number as u64).rng().random();
    let mut end = 0.0;
    shares.iter().position(|share| {
        end += share;
        drawn < end
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_kept_and_an_event_stays_where_it_is() {
        let shares = [0.7, 0.2, 0.05];
        let mut counts = [0; 4];
        for number in 0..10_000 {
            let found = sample(&shares, Seed::new(1), number);
            assert_eq!(found, sample(&shares, Seed::new(1), number));
            counts[found.unwrap_or(3)] += 1;
        }
        for (count, share) in counts.iter().zip([0.7, 0.2, 0.05, 0.05]) {
            assert!((f64::from(*count) / 1e4 - share).abs() < 0.015, "{counts:?}");
        }
        let others = (0..1000).filter(|n| sample(&shares, Seed::new(1), *n) != sample(&shares, Seed::new(2), *n));
        assert!(others.count() > 300);
    }
}
