//! The steps that a search stands for.

use super::super::step::{Draft, Surroundings};
use super::Search;
use crate::finding::Finding;
use crate::model::{Argument, Command, Output, OutputKind, Resources, Step, Task};
use crate::search::{Drawn, OUTCOME_FILE, Parameters, Rung, Source, budget_value, draw, word};
use crate::yaml::Node;
use recoil_stage::config::{Given, did_you_mean};
use recoil_stage::{DEFAULT_SEED, OutputKind as StageOutput, Request, Seed};
use serde_json::Value as Json;
use std::path::{Path, PathBuf};

/// The name of the trials' directory is that of the result with this behind it.
const TRIALS: &str = "-trials";
/// However few trials end well, the ranking has the word.
const ACCEPTANCE: f64 = 1e-9;

impl Search<'_> {
    /// The trials, and what is wrong with the space.
    fn trials(&self, context: &Surroundings<'_>, draft: &Draft<'_>, found: &mut Vec<Finding>) -> Vec<Parameters> {
        let before = found.len();
        let mut wrong = |node: &Node, code, message: String| {
            found.push(Finding::error(node.location(context.file), code, message));
        };
        for ((key, dimension), node) in self.space.iter().zip(&self.places) {
            // a key that does not exist or values of another kind; what does not fit together is another matter
            let ends = dimension.ends();
            let refusals: Vec<String> =
                ends.iter().filter_map(|value| prepared(context, draft, &[word(key, value)]).err()).collect();
            if let Some(refusal) = refusals.first().filter(|_| refusals.len() == ends.len()) {
                wrong(node, "bad-space", format!("'{key}' of the space of step {}: {refusal}", draft.id));
            }
        }
        let outputs = prepared(context, draft, &[]).unwrap_or_default();
        if let Source::Column { file, .. } = &self.objective.source
            && !outputs.is_empty()
            && !outputs.contains(file)
        {
            let help = did_you_mean(file, &outputs).unwrap_or_else(|| format!("it writes {}", outputs.join(", ")));
            let message = format!("the stage of step {} does not write '{file}' ({help})", draft.id);
            wrong(self.objective_node, "bad-objective", message);
        }
        if let Some((halving, node)) = &self.halving {
            let checkpoint = halving.checkpoint.iter().map(|key| (key, Json::from("x")));
            let budgets = self.rungs().into_iter().map(|(rung, _)| (&halving.budget, budget_value(rung.budget)));
            for (key, value) in checkpoint.chain(budgets) {
                if let Err(refusal) = prepared(context, draft, &[word(key, &value)]) {
                    wrong(node, "bad-budget", format!("'halving' of step {}: {refusal}", draft.id));
                    break;
                }
                if self.space.iter().any(|(other, _)| other == key) {
                    wrong(node, "conflict", format!("'{key}' cannot be of the space and of 'halving' at once"));
                }
            }
        }
        if found.len() > before {
            return Vec::new();
        }
        let seed = Seed::new(self.seed.or(draft.seed).unwrap_or(DEFAULT_SEED)).named(&draft.id).named("search");
        let fits = |parameters: &Parameters| {
            let words: Vec<String> = parameters.iter().map(|(key, value)| word(key, value)).collect();
            prepared(context, draft, &words).map(|_| ())
        };
        let Drawn { trials, missing } = draw(seed, &self.space, self.samples, fits);
        if let Some(reason) = missing {
            let reason = reason.unwrap_or_else(|| "the space has no more combinations".into());
            let message = format!("step {}: only {} of {} trials: {reason}", draft.id, trials.len(), self.samples);
            found.push(Finding::error(self.node.location(context.file), "small-space", message));
            return Vec::new();
        }
        trials
    }

    /// The rungs with the key of their budget.
    fn rungs(&self) -> Vec<(Rung, Option<&str>)> {
        match &self.halving {
            Some((halving, _)) => {
                halving.rungs(self.samples).into_iter().map(|rung| (rung, Some(halving.budget.as_str()))).collect()
            }
            None => vec![(Rung { places: self.samples, budget: 0.0 }, None)],
        }
    }

    /// The steps of the search in place of one that runs the stage once.
    pub(in crate::native) fn steps(
        &self,
        context: &Surroundings<'_>,
        draft: &Draft<'_>,
        base: Step,
        acceptance: Option<f64>,
        found: &mut Vec<Finding>,
    ) -> Vec<Step> {
        let trials = self.trials(context, draft, found);
        let parts = base.tasks.first().and_then(|task| Some((task, task.commands.first()?, task.outputs.first()?)));
        let Some((task, command, output)) = parts.filter(|_| !trials.is_empty()) else {
            return vec![base];
        };
        let home = home(&output.path);
        let name = match output.kind {
            OutputKind::File => output.path.file_name().map(|name| name.to_string_lossy().into_owned()),
            OutputKind::Directory => None,
        };
        let objective = serde_json::to_string(&self.objective).unwrap_or_default();
        let mut steps = Vec::new();
        let mut rankings: Vec<PathBuf> = Vec::new();
        for (number, (rung, budget)) in self.rungs().into_iter().enumerate() {
            let directory = home.join(format!("rung-{number}"));
            let directories: Vec<PathBuf> = (0..rung.places).map(|place| directory.join(place.to_string())).collect();
            let one = |(place, directory): (usize, &PathBuf)| {
                let mut words = vec!["--place".into(), place.to_string(), "--objective".into(), objective.clone()];
                match rankings.last() {
                    Some(path) => words.extend(["--ranking".into(), path.to_string_lossy().into_owned()]),
                    None => {
                        let own = trials.get(place).cloned().unwrap_or_default();
                        let own = serde_json::to_string(&own).unwrap_or_default();
                        words.extend(["--parameters".into(), own]);
                    }
                }
                if let Some(key) = budget {
                    words.extend(["--budget".into(), word(key, &Json::from(rung.budget))]);
                }
                if let Some(key) = self.halving.as_ref().and_then(|(halving, _)| halving.checkpoint.as_ref()) {
                    words.extend(["--checkpoint".into(), key.clone()]);
                }
                words.extend(["--directory".into(), directory.to_string_lossy().into_owned()]);
                for path in &task.inputs {
                    words.extend(["--reads".into(), path.to_string_lossy().into_owned()]);
                }
                words.push("--".into());
                words.extend(stage_words(command, directory, name.as_deref()));
                let outcome = Output { path: directory.join(OUTCOME_FILE), kind: OutputKind::File };
                let whole = Output { path: directory.clone(), kind: OutputKind::Directory };
                Task {
                    commands: vec![own_command("trial", words, command)],
                    inputs: task.inputs.iter().chain(rankings.last()).cloned().collect(),
                    outputs: vec![whole, outcome],
                    apart: Vec::new(),
                }
            };
            let tasks = directories.iter().enumerate().map(one).collect();
            let id = format!("{}.rung-{number}", base.id);
            let acceptance = acceptance.unwrap_or(ACCEPTANCE);
            steps.push(Step { id, tasks, acceptance, ..base.clone() });

            let outcomes: Vec<PathBuf> = directories.iter().map(|directory| directory.join(OUTCOME_FILE)).collect();
            let path = home.join(format!("rung-{number}.json"));
            let mut words = vec!["--rung".into(), number.to_string(), "--objective".into(), objective.clone()];
            words.extend(["--places".into(), rung.places.to_string()]);
            words.extend(["--directory".into(), directory.to_string_lossy().into_owned()]);
            let mut command = own_command("rank", words, command);
            command.argv.extend([text("--output"), placeholder(0)]);
            // those of trials that did not end are left out
            command.argv.extend(outcomes.iter().map(|path| text(&path.to_string_lossy())));
            let task = Task {
                commands: vec![command],
                inputs: outcomes,
                outputs: vec![Output { path: path.clone(), kind: OutputKind::File }],
                apart: Vec::new(),
            };
            steps.push(small(&base, format!("{}.ranking-{number}", base.id), task));
            rankings.push(path);
        }
        steps.push(self.last(&base, command, output, name, &home, rankings));
        steps
    }

    /// The step that gives the result its name.
    fn last(
        &self,
        base: &Step,
        command: &Command,
        output: &Output,
        name: Option<String>,
        home: &Path,
        rankings: Vec<PathBuf>,
    ) -> Step {
        let mut words = Vec::new();
        rankings.iter().for_each(|path| words.extend(["--ranking".into(), path.to_string_lossy().into_owned()]));
        name.into_iter().for_each(|name| words.extend(["--file".into(), name]));
        for (key, _) in self.space.iter().filter(|(_, dimension)| dimension.is_logarithmic()) {
            words.extend(["--logarithmic".into(), key.clone()]);
        }
        let mut command = own_command("conclude", words, command);
        let mut outputs = vec![output.clone()];
        let mut names =
            vec![("--output", None), ("--table", Some("trials.csv")), ("--parameters", Some("parameters.svg"))];
        if matches!(self.objective.source, Source::Column { .. }) {
            names.push(("--curves", Some("curves.svg")));
        }
        for (index, (option, name)) in names.into_iter().enumerate() {
            outputs.extend(name.map(|name| Output { path: home.join(name), kind: OutputKind::File }));
            command.argv.extend([text(option), placeholder(index)]);
        }
        let task = Task { commands: vec![command], inputs: rankings, outputs, apart: Vec::new() };
        small(base, base.id.clone(), task)
    }
}

/// A step that only looks at files.
fn small(base: &Step, id: String, task: Task) -> Step {
    let (stage, resources) = ("search".to_owned(), Resources::default());
    Step { id, stage, resources, tasks: vec![task], acceptance: 1.0, ..base.clone() }
}

/// Where the trials of a search lie.
fn home(output: &Path) -> PathBuf {
    let mut name = output.file_stem().unwrap_or_default().to_os_string();
    name.push(TRIALS);
    output.with_file_name(name)
}

fn text(word: &str) -> Argument {
    Argument::Text(word.into())
}

fn placeholder(output: usize) -> Argument {
    Argument::Output { output, prefix: String::new(), suffix: String::new() }
}

/// A command of this program that belongs to searches.
fn own_command(name: &str, words: Vec<String>, like: &Command) -> Command {
    let mut argv = vec![text(crate::program::path()), text("production"), text(name)];
    argv.extend(words.into_iter().map(Argument::Text));
    Command { argv, variables: like.variables.clone() }
}

/// The words of the stage, written for another directory.
fn stage_words(command: &Command, directory: &Path, name: Option<&str>) -> Vec<String> {
    let mut words = Vec::new();
    let mut is_output = false;
    for argument in command.argv.iter().skip(1) {
        let Argument::Text(word) = argument else { continue };
        // what the trial adds by itself
        if ["--overwrite", "--no-progress"].contains(&word.as_str()) {
            continue;
        }
        words.push(match std::mem::replace(&mut is_output, word == "-o") {
            true => name.map_or_else(|| directory.into(), |name| directory.join(name)).to_string_lossy().into_owned(),
            false => word.clone(),
        });
    }
    words
}

/// Whether the stage takes the configuration with these words behind it; the names of its outputs.
fn prepared(context: &Surroundings<'_>, draft: &Draft<'_>, words: &[String]) -> Result<Vec<String>, String> {
    let name = draft.node.get("stage").and_then(Node::text).unwrap_or_default();
    let stage = context.registry.find(name).map_err(|error| error.to_string())?;
    let description = stage.describe();
    let config = draft.node.get("config").filter(|node| node.map().is_some());
    let mut given: Vec<Given> =
        config.map(|node| Given::Text(context.file.into(), node.to_json().to_string())).into_iter().collect();
    given.extend(words.iter().cloned().map(Given::Word));
    let inputs = description.inputs.iter().filter(|role| role.required);
    let output = match description.output {
        StageOutput::File { formats, .. } => Some(format!("x.{}", formats.first().unwrap_or(&"x"))),
        StageOutput::Directory { .. } => Some("x".into()),
        StageOutput::Nothing => None,
    };
    let request = Request {
        given,
        inputs: inputs.map(|role| format!("{}=x", role.role)).collect(),
        output: output.map(Into::into),
        seed: None,
    };
    let prepared = stage.prepare(&request).map_err(|error| error.to_string())?;
    Ok(match description.output {
        StageOutput::Directory { .. } => prepared.outputs,
        _ => Vec::new(),
    })
}
