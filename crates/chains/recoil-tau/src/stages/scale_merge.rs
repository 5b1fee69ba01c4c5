//! `tau scale-merge`: scaling parameters of several jobs as one.

use std::collections::BTreeMap;

use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, Flag, InputRole, Inputs, OutputKind, Problem, Report, Run, Stage, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::features::{FEATURES, table_of};
use super::scale::sums_json;
use crate::scaling::parameters::{Key, flattened, parameters, read_json};
use crate::scaling::{ScalingTable, Sums, merge};

/// Keys of `tau scale-merge`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ScaleMergeConfig {
    /// Jobs between snapshots.
    pub step: usize,
    /// Number in the names of the results.
    pub version: String,
}

impl Default for ScaleMergeConfig {
    fn default() -> Self {
        Self { step: 1, version: "1".into() }
    }
}

impl Config for ScaleMergeConfig {
    fn check(&self) -> Vec<Problem> {
        if self.step == 0 { vec![Problem::new("step", "must be at least 1")] } else { Vec::new() }
    }
}

/// Merges jobs.
pub struct ScaleMerge;

const JOBS: InputRole =
    InputRole::required("jobs", "scaling_sums or scaling_params of the jobs, all of one kind", &["json"]).many();

impl Stage for ScaleMerge {
    type Config = ScaleMergeConfig;

    fn description(&self) -> Description {
        Description {
            name: "tau scale-merge",
            about: "Merge the scaling parameters of several jobs",
            long: "Adds the unrounded sums of jobs, so that the result is that of one job over all files. Of jobs of which only \
                   the rounded parameters are left, means are weighted with their numbers; features that a job has no \
                   values of do not count for it.",
            inputs: &[JOBS, FEATURES],
            output: OutputKind::Directory { doc: "scaling_params_vN.json and its snapshots" },
            flags: &[Flag { name: "step", key: "step", list: false }],
        }
    }

    fn outputs(&self, config: &ScaleMergeConfig, inputs: &Inputs) -> Vec<String> {
        let version = &config.version;
        let snapshots = inputs.all(JOBS.role).count() / config.step.max(1);
        let mut names = vec![format!("scaling_params_v{version}.json"), format!("scaling_sums_v{version}.json")];
        names.extend((0..snapshots).map(|number| format!("scaling_params_v{version}_log_{number}.json")));
        names
    }

    fn run(&self, config: &ScaleMergeConfig, run: &Run) -> Result<Report, StageError> {
        let table = table_of(run)?;
        let (mut sums, mut tables): (BTreeMap<Key, Sums>, Vec<(String, ScalingTable)>) = Default::default();
        let paths: Vec<_> = run.inputs().all(JOBS.role).map(|file| file.path.clone()).collect();
        let version = &config.version;
        let mut last = ScalingTable::default();
        for (index, path) in paths.iter().enumerate() {
            run.check()?;
            let shown = path.display().to_string();
            let document = read_json(path).input_error("cannot read a job")?;
            let of_sums = |value: &serde_json::Value| {
                serde_json::from_value::<Sums>(value.clone()).map_err(|error| error.to_string())
            };
            match flattened(&shown, &document, of_sums) {
                Ok(job) => merge::add(&mut sums, &job.into_iter().collect()),
                Err(_) => tables.push((shown.clone(), ScalingTable::read(path).input_error("cannot read a job")?)),
            }
            if !sums.is_empty() && !tables.is_empty() {
                return Err(StageError::input(format!("{shown} is of another kind than the jobs before")));
            }
            last = if tables.is_empty() {
                parameters(&table.blocks, &sums)
            } else {
                merge::tables(&tables).input_error("cannot merge")?
            };
            if (index + 1).is_multiple_of(config.step) {
                let number = index / config.step;
                recoil_outputs::json(run, &format!("scaling_params_v{version}_log_{number}.json"), &last.to_json())?;
            }
        }
        recoil_outputs::json(run, &format!("scaling_params_v{version}.json"), &last.to_json())?;
        recoil_outputs::json(run, &format!("scaling_sums_v{version}.json"), &sums_json(&sums))?;
        Ok(Report::new()
            .value("jobs", paths.len())
            .value("exact", tables.is_empty())
            .value("entries", last.entries.len()))
    }
}
