//! Putting the steps of a workflow in order and running those that need it.

use super::file::{Step, Workflow};
use crate::config::{Fault, Given, did_you_mean};
use crate::error::{ErrorKind, StageError};
use crate::execute::RunOptions;
use crate::prepared::{Prepared, Request, is_inside};
use crate::progress::Level;
use crate::provenance::{Freshness, Record, up_to_date};
use crate::report::Report;
use crate::stage::{AnyStage, OutputKind, Registry};
use crate::staging::recover;
use std::path::{Path, PathBuf};

/// A workflow with all its steps prepared, in the order in which they run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The steps.
    pub steps: Vec<Planned>,
}

/// A prepared step.
#[derive(Clone, Debug)]
pub struct Planned {
    /// Its id.
    pub id: String,
    /// What runs.
    pub prepared: Prepared,
    /// Positions in the plan of the steps whose outputs it reads.
    pub after: Vec<usize>,
}

/// What became of a step.
#[derive(Clone, Debug)]
pub struct StepResult {
    /// Its id.
    pub id: String,
    /// Its stage.
    pub stage: &'static str,
    /// Why it ran; empty if its outputs were up to date.
    pub reasons: Vec<String>,
    /// What it printed; empty if it did not run.
    pub report: Report,
    /// How long it ran.
    pub seconds: f64,
}

impl Workflow {
    /// Prepares all steps with outputs in `directory`. `words` such as `clusters.seed.window=2` change the configuration
    /// of single steps.
    ///
    /// # Errors
    /// Any mistake in any step, before anything has run.
    pub fn plan(&self, registry: &Registry, directory: &Path, words: &[String]) -> Result<Plan, StageError> {
        for word in words {
            let id = word.split('.').next().unwrap_or_default();
            if !self.step_ids().any(|known| known == id) {
                let ids: Vec<&str> = self.step_ids().collect();
                let help = did_you_mean(id, &ids).unwrap_or_else(|| format!("steps: {}", ids.join(", ")));
                return Err(StageError::usage(format!("'{word}' does not begin with the id of a step ({help})")));
            }
        }
        let mut plan = Plan { steps: Vec::new() };
        let mut left: Vec<&Step> = self.steps.iter().collect();
        while !left.is_empty() {
            let ready = left.iter().position(|step| {
                let needed = step.inputs.iter().filter_map(|(_, file)| self.step_in(file));
                needed.into_iter().all(|id| plan.steps.iter().any(|planned| planned.id == id))
            });
            let step = match (ready, left.first()) {
                (Some(ready), _) => left.remove(ready),
                (None, Some(first)) => {
                    let ids: Vec<&str> = left.iter().map(|step| step.id.as_str()).collect();
                    let message = format!("these steps wait for each other: {}", ids.join(", "));
                    return Err(Fault::new(message).at(&first.place).into());
                }
                (None, None) => break,
            };
            let planned =
                self.prepare(step, &plan, registry, directory, words).map_err(|error| in_step(&step.id, error))?;
            plan.steps.push(planned);
        }
        Ok(plan)
    }

    /// The id of the step whose output `file` names, if it names one.
    fn step_in(&self, file: &str) -> Option<&str> {
        let head = file.split(['/', ':']).next().unwrap_or_default();
        self.step_ids().find(|id| *id == head)
    }

    fn prepare(
        &self,
        step: &Step,
        plan: &Plan,
        registry: &Registry,
        directory: &Path,
        words: &[String],
    ) -> Result<Planned, StageError> {
        let stage = registry.find(&step.stage).map_err(|error| Fault::new(error.to_string()).at(&step.place))?;
        let description = stage.describe();
        let mut inputs = Vec::new();
        let mut after = Vec::new();
        for (role, file) in &step.inputs {
            let role = match role.as_str() {
                "" => description.inputs.first().map(|role| role.role),
                name => description.inputs.iter().map(|role| role.role).find(|known| *known == name),
            };
            let role = role.ok_or_else(|| {
                let known: Vec<&str> = description.inputs.iter().map(|role| role.role).collect();
                let message = format!("{} has no such input; its inputs are: {}", description.name, known.join(", "));
                Fault::new(message).at(&step.place)
            })?;
            let path = match self.step_in(file) {
                None => self.base.join(file).display().to_string(),
                Some(id) => {
                    let position = plan.steps.iter().position(|planned| planned.id == id);
                    let (index, planned) = position
                        .and_then(|index| Some((index, plan.steps.get(index)?)))
                        .ok_or_else(|| StageError::internal("a step was prepared too early"))?;
                    after.push(index);
                    planned.output_called(file).map_err(|fault| fault.at(&step.place))?
                }
            };
            inputs.push(format!("{role}={path}"));
        }
        let mut given: Vec<Given> = step.config.iter().map(|config| Given::Tree(config.clone())).collect();
        let own = words.iter().filter_map(|word| word.strip_prefix(&step.id)?.strip_prefix('.'));
        given.extend(own.map(|word| Given::Word(word.into())));
        let output = output_of(step, stage, directory)?;
        let request = Request { given, inputs, output, seed: step.seed.or(self.seed) };
        Ok(Planned { id: step.id.clone(), prepared: stage.prepare(&request)?, after })
    }
}

fn output_of(step: &Step, stage: &dyn AnyStage, directory: &Path) -> Result<Option<PathBuf>, StageError> {
    if let Some(output) = step.output.as_ref().filter(|output| !is_inside(output)) {
        let message = format!("the output '{output}' does not lie in the output directory");
        return Err(Fault::new(message).at(&step.place).into());
    }
    let name = match (stage.describe().output, &step.output) {
        (OutputKind::Nothing, None) => return Ok(None),
        (_, Some(output)) => output.clone(),
        (OutputKind::Directory { .. }, None) => step.id.clone(),
        (OutputKind::File { formats, .. }, None) => match formats.first() {
            Some(format) => format!("{}.{format}", step.id),
            None => step.id.clone(),
        },
    };
    Ok(Some(directory.join(name)))
}

impl Planned {
    /// The path that `step`, `step/name` or `step/name:tree` means.
    fn output_called(&self, reference: &str) -> Result<String, Fault> {
        let rest = reference.strip_prefix(self.id.as_str()).unwrap_or_default();
        let prepared = &self.prepared;
        let output =
            prepared.output.as_ref().ok_or_else(|| Fault::new(format!("step '{}' writes no files", self.id)))?;
        let Some(name) = rest.strip_prefix('/') else {
            return Ok(format!("{}{rest}", output.display()));
        };
        let (file, part) = match name.split_once(':') {
            Some((file, part)) => (file, format!(":{part}")),
            None => (name, String::new()),
        };
        if prepared.outputs.iter().any(|known| known == file) {
            return Ok(format!("{}{part}", prepared.directory.join(file).display()));
        }
        let help = did_you_mean(file, &prepared.outputs);
        let known = || format!("it writes {}", prepared.outputs.join(", "));
        let fault = Fault::new(format!("step '{}' does not write '{file}'", self.id));
        Err(fault.help(help.or_else(|| Some(known()))))
    }
}

impl Plan {
    /// For each step, why it would run; nothing if it would be skipped.
    ///
    /// # Errors
    /// An input that cannot be read.
    pub fn reasons(&self) -> Result<Vec<Vec<String>>, StageError> {
        let mut all: Vec<Vec<String>> = Vec::new();
        for step in &self.steps {
            let runs_before = |&&index: &&usize| all.get(index).is_some_and(|reasons| !reasons.is_empty());
            let reasons = match step.after.iter().find(runs_before).and_then(|index| self.steps.get(*index)) {
                Some(before) => vec![format!("step {} runs before it", before.id)],
                None => match up_to_date(&step.prepared).map_err(|error| in_step(&step.id, error))? {
                    Freshness::UpToDate(_) => Vec::new(),
                    Freshness::Stale(reasons) => reasons,
                },
            };
            all.push(reasons);
        }
        Ok(all)
    }

    /// Runs the steps whose outputs are not up to date, one after the other.
    ///
    /// # Errors
    /// The error of the first step that fails; what the steps before it made stays.
    pub fn run(&self, registry: &Registry, options: &RunOptions) -> Result<Vec<StepResult>, StageError> {
        let mut results = Vec::new();
        for step in &self.steps {
            options.cancel.check()?;
            results.push(run_step(step, registry, options).map_err(|error| in_step(&step.id, error))?);
        }
        Ok(results)
    }
}

fn run_step(step: &Planned, registry: &Registry, options: &RunOptions) -> Result<StepResult, StageError> {
    let prepared = &step.prepared;
    let tell = |text: String| options.observer.message(Level::Info, &text);
    recover(&prepared.directory)?;
    let mut result = StepResult {
        id: step.id.clone(),
        stage: prepared.stage,
        reasons: Vec::new(),
        report: Report::new(),
        seconds: 0.0,
    };
    result.reasons = match up_to_date(prepared)? {
        Freshness::UpToDate(_) => {
            tell(format!("{}: up to date", step.id));
            return Ok(result);
        }
        Freshness::Stale(reasons) => reasons,
    };
    tell(format!("{}: {} ({})", step.id, prepared.stage, result.reasons.join(", ")));
    // outputs with a record were made by an earlier run of this step; others are not ours to replace
    let records = prepared.records();
    let ours = records.first().is_some_and(|name| Record::read(&prepared.directory.join(name)).is_ok());
    let options = RunOptions { overwrite: options.overwrite || ours, ..options.clone() };
    let outcome = registry.find(prepared.stage)?.execute(prepared, &options)?;
    result.seconds = outcome.record.seconds;
    result.report = outcome.report;
    Ok(result)
}

fn in_step(id: &str, error: StageError) -> StageError {
    let kind: ErrorKind = error.kind();
    StageError::caused(kind, format!("step {id}"), error)
}
