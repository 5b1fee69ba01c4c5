//! A step of the file.

use super::fields::Fields;
use super::files::Outputs;
use super::search::Search;
use super::words::{Meaning, placeholders};
use super::{Variables, absolute, arrays};
use crate::finding::{Finding, Location};
use crate::model::{Argument, Command, Environment, Output, OutputKind, Resources, Step, Task};
use crate::units;
use crate::yaml::Node;
use recoil_stage::config::Given;
use recoil_stage::{OutputKind as StageOutput, Registry, Request};
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

/// What every step needs to know.
pub(super) struct Surroundings<'a> {
    pub file: &'a Path,
    pub base: &'a Path,
    pub registry: &'a Registry,
    pub defaults: &'a Common,
    pub seed: Option<u64>,
}

/// Keys that a step and `defaults` share.
#[derive(Clone, Debug, Default)]
pub(super) struct Common {
    resources: Resources,
    environment: Option<Environment>,
    scheduler: BTreeMap<String, String>,
    variables: BTreeMap<String, String>,
    retries: Option<u32>,
    acceptance: Option<f64>,
    concurrent: Option<usize>,
}

const COMMON: &[&str] = &["resources", "environment", "scheduler", "variables", "retries", "acceptance", "concurrent"];
const STEP: &[&str] = &[
    "id",
    "stage",
    "command",
    "commands",
    "config",
    "seed",
    "input",
    "inputs",
    "output",
    "outputs",
    "for",
    "batch",
    "overrides",
    "search",
    "after",
];

impl Common {
    pub fn read(file: &Path, node: &Node, found: &mut Vec<Finding>) -> Self {
        let mut fields = Fields::new(file, node, "'defaults'");
        fields.known(COMMON);
        let common = Self::of(file, &mut fields);
        found.append(&mut fields.found);
        common
    }

    fn of(file: &Path, fields: &mut Fields<'_>) -> Self {
        let positive = |text: &str| text.parse::<usize>().ok().filter(|n| *n > 0);
        let fraction = |text: &str| {
            let value = match text.strip_suffix('%') {
                Some(percent) => percent.trim().parse::<f64>().ok()? / 100.0,
                None => text.parse().ok()?,
            };
            (value > 0.0 && value <= 1.0).then_some(value)
        };
        let mut common = Self {
            scheduler: fields.table("scheduler").unwrap_or_default(),
            variables: fields.table("variables").unwrap_or_default(),
            retries: fields.parsed("retries", "a number up to 1000", |text| text.parse().ok().filter(|n| *n <= 1000)),
            acceptance: fields.parsed("acceptance", "a fraction above 0, up to 1 or 100%", fraction),
            concurrent: fields.parsed("concurrent", "a number above 0", positive),
            ..Self::default()
        };
        if let Some(node) = fields.node("resources") {
            let mut own = Fields::new(file, node, "'resources'");
            own.known(&["cpus", "memory", "time"]);
            let cpus = |text: &str| text.parse::<u32>().ok().filter(|n| *n > 0);
            common.resources = Resources {
                cpus: own.parsed("cpus", "a number of cores", cpus),
                memory_bytes: own.parsed("memory", "an amount such as 4G or 4GB", units::memory_bytes),
                time_seconds: own.parsed("time", "a time such as 04:00:00, 2-00:00:00 or 90min", units::seconds),
            };
            fields.found.append(&mut own.found);
        }
        if let Some(node) = fields.node("environment") {
            let mut own = Fields::new(file, node, "'environment'");
            own.known(&["source", "conda", "venv", "container"]);
            common.environment = Some(Environment {
                source_file: own.word("source").map(Into::into),
                conda_env: own.word("conda"),
                venv: own.word("venv").map(Into::into),
                container: own.words("container").unwrap_or_default(),
            });
            fields.found.append(&mut own.found);
        }
        common
    }
}

/// A step whose outputs are known.
pub(super) struct Draft<'a> {
    pub id: String,
    pub node: &'a Node,
    location: Location,
    common: Common,
    pub seed: Option<u64>,
    after: Vec<String>,
    pub tasks: Vec<DraftTask>,
    search: Option<Search<'a>>,
    found: Vec<Finding>,
}

/// A task whose outputs are known.
pub(super) struct DraftTask {
    variables: Variables,
    /// Place of its variables in `for`: tasks that differ by their overrides alone have the same seed.
    place: usize,
    /// Words behind the configuration of the stage.
    overrides: Vec<String>,
    pub outputs: Vec<(String, Output)>,
}

impl<'a> Draft<'a> {
    pub fn read(context: &Surroundings<'_>, id: &str, node: &'a Node) -> Self {
        let mut fields = Fields::new(context.file, node, format!("step {id}"));
        fields.known(&[STEP, COMMON].concat());
        let common = Common::of(context.file, &mut fields);
        let seed = fields.number("seed").or(context.seed);
        let after = fields.words("after").unwrap_or_default();
        let variables = arrays::tasks(&mut fields, context.base);
        let overrides = overrides(&mut fields);
        let search = Search::read(context.file, node, &mut fields);
        let mut declared = named(&mut fields, "output", "outputs");
        if declared.is_empty() && variables.len() == 1 && overrides.len() == 1 {
            declared.extend(default_output(context.registry, id, &mut fields).map(|word| (String::new(), word)));
        }
        let mut tasks = Vec::with_capacity(variables.len() * overrides.len());
        let each = variables.into_iter().enumerate();
        let each =
            each.flat_map(|(place, variables)| overrides.iter().map(move |words| (place, variables.clone(), words)));
        for (index, (place, variables, words)) in each.enumerate() {
            let meaning =
                Meaning { variables: &variables, step: id, task: index, seed, cpus: 1, inputs: &[], outputs: &[] };
            let mut outputs = Vec::new();
            for (name, word) in &declared {
                match meaning.texts(word).as_deref() {
                    Ok([text]) => outputs.push((name.clone(), output(context.base, text))),
                    Ok(_) if index == 0 => {
                        let message =
                            format!("the output '{word}' of step {id} would be several files in a batch; use {{task}}");
                        fields.found.push(Finding::error(node.location(context.file), "batched-output", message));
                    }
                    Err(error) if index == 0 => {
                        let message = format!("output of step {id}: {error}");
                        fields.found.push(Finding::error(node.location(context.file), "bad-placeholder", message));
                    }
                    _ => {}
                }
            }
            tasks.push(DraftTask { variables, place, overrides: words.clone(), outputs });
        }
        let location = node.get("id").unwrap_or(node).location(context.file);
        Self { id: id.into(), node, location, common, seed, after, tasks, search, found: fields.found }
    }

    /// The steps that this one of the file stands for.
    pub fn steps(&self, context: &Surroundings<'_>, outputs: &Outputs<'_>, found: &mut Vec<Finding>) -> Vec<Step> {
        let before = found.len();
        let step = self.finish(context, outputs, found);
        match &self.search {
            Some(search) if found.len() == before => {
                let acceptance = self.common.acceptance.or(context.defaults.acceptance);
                search.steps(context, self, step, acceptance, found)
            }
            _ => vec![step],
        }
    }

    /// The step, with its inputs looked up and its commands made.
    fn finish(&self, context: &Surroundings<'_>, outputs: &Outputs<'_>, found: &mut Vec<Finding>) -> Step {
        let mut fields = Fields::new(context.file, self.node, format!("step {}", self.id));
        let defaults = context.defaults;
        let inherited = &defaults.resources;
        let resources = Resources {
            cpus: self.common.resources.cpus.or(inherited.cpus),
            memory_bytes: self.common.resources.memory_bytes.or(inherited.memory_bytes),
            time_seconds: self.common.resources.time_seconds.or(inherited.time_seconds),
        };
        let declared = named(&mut fields, "input", "inputs");
        let work = self.work(&mut fields);
        let mut variables = defaults.variables.clone();
        variables.extend(self.common.variables.clone());
        // the same mistake in all tasks of an array is said once
        let mut said: HashSet<String> = HashSet::new();
        let mut errors: Vec<(&'static str, String)> = Vec::new();
        let mut say = |code, message: String| {
            if said.insert(message.clone()) && said.len() <= 20 {
                errors.push((code, message));
            }
        };
        let mut used: HashSet<&str> = HashSet::new();
        let mut tasks = Vec::with_capacity(self.tasks.len());
        for (index, draft) in self.tasks.iter().enumerate() {
            let mut meaning = Meaning {
                variables: &draft.variables,
                step: &self.id,
                task: index,
                seed: self.seed,
                cpus: resources.cpus.unwrap_or(1),
                inputs: &[],
                outputs: &draft.outputs,
            };
            let mut inputs: Vec<(String, PathBuf)> = Vec::new();
            for (name, word) in &declared {
                let found = meaning.texts(word).and_then(|texts| {
                    let lists = texts.iter().map(|text| outputs.find(context.base, text));
                    Ok(lists.collect::<Result<Vec<_>, _>>()?.concat())
                });
                match found {
                    Ok(paths) => inputs.extend(paths.into_iter().map(|path| (name.clone(), path))),
                    Err(error) => say("bad-input", format!("input of step {}: {error}", self.id)),
                }
            }
            meaning.inputs = &inputs;
            let mut files = Vec::new();
            let commands = match &work {
                Work::Commands(commands) => {
                    if index == 0 {
                        used = commands.iter().flatten().flat_map(|word| placeholders(word)).collect();
                    }
                    let one = |words: &Vec<String>| {
                        let mut argv = Vec::with_capacity(words.len());
                        for word in words {
                            match meaning.arguments(word) {
                                Ok(arguments) => argv.extend(arguments),
                                Err(error) => say("bad-placeholder", format!("command of step {}: {error}", self.id)),
                            }
                        }
                        Command { argv, variables: variables.clone() }
                    };
                    commands.iter().map(one).collect()
                }
                Work::Stage(name) => match self.stage(context, name, index, &inputs, &draft.outputs) {
                    Ok(StageWork { argv, read, written }) => {
                        inputs.extend(read.into_iter().map(|path| (String::new(), path)));
                        files = written;
                        vec![Command { argv, variables: variables.clone() }]
                    }
                    Err(error) => {
                        say("bad-stage", error);
                        Vec::new()
                    }
                },
                Work::Nothing => Vec::new(),
            };
            let mut outputs: Vec<Output> = draft.outputs.iter().map(|(_, output)| output.clone()).collect();
            // what lies in the directory of a stage is known, so that a file that went missing is noticed
            let within = files.into_iter().filter(|file| outputs.iter().all(|output| output.path != *file));
            let within: Vec<Output> = within.map(|path| Output { path, kind: OutputKind::File }).collect();
            outputs.extend(within);
            let inputs = inputs.into_iter().map(|(_, path)| path).collect();
            tasks.push(Task { commands, inputs, outputs, apart: Vec::new() });
        }
        if matches!(work, Work::Commands(_)) && errors.is_empty() {
            self.unused(&used, &mut errors);
        }
        say_location(&mut fields, &self.location, errors);
        found.extend(self.found.iter().cloned());
        found.append(&mut fields.found);
        let stage = match work {
            Work::Stage(name) => name.replace('.', " "),
            _ => self.id.clone(),
        };
        let mut scheduler = defaults.scheduler.clone();
        scheduler.extend(self.common.scheduler.clone());
        Step {
            id: self.id.clone(),
            stage,
            tasks,
            resources,
            scheduler,
            environment: self.common.environment.clone().or_else(|| defaults.environment.clone()).unwrap_or_default(),
            concurrent: self.common.concurrent.or(defaults.concurrent),
            retries: self.common.retries.or(defaults.retries).unwrap_or(0),
            acceptance: self.common.acceptance.or(defaults.acceptance).unwrap_or(1.0),
            after: self.after.clone(),
            phase: None,
            location: Some(self.location.clone()),
        }
    }

    fn work(&self, fields: &mut Fields<'_>) -> Work {
        let kinds: Vec<&str> =
            ["stage", "command", "commands"].into_iter().filter(|key| fields.node(key).is_some()).collect();
        match kinds.as_slice() {
            [] => {
                let message = format!("step {} has neither 'stage' nor 'command'", self.id);
                fields.wrong(self.node, "missing-key", message);
            }
            [_] => {}
            [first, second, ..] => {
                let node = fields.node(second).unwrap_or(self.node);
                fields.wrong(node, "conflict", format!("step {} has both '{first}' and '{second}'", self.id));
            }
        }
        for key in ["config", "overrides", "search"] {
            if let Some(node) = fields.node(key).filter(|_| kinds.first() != Some(&"stage")) {
                fields.wrong(node, "unused-option", format!("'{key}' is read only with 'stage'"));
            }
        }
        match kinds.first() {
            Some(&"stage") => fields.word("stage").map_or(Work::Nothing, Work::Stage),
            Some(&"command") => {
                let node = fields.node("command");
                if let Some(node) = node.filter(|node| node.list().is_none()) {
                    let message =
                        "'command' is a list of words, such as [python, script.py, \"{output}\"]; no shell splits it";
                    fields.wrong(node, "wrong-type", message);
                }
                fields.words("command").map_or(Work::Nothing, |words| Work::Commands(vec![words]))
            }
            Some(&"commands") => {
                let node = fields.node("commands");
                let Some(items) = node.and_then(Node::list) else {
                    let node = node.unwrap_or(self.node);
                    fields.wrong(node, "wrong-type", "'commands' is a list of lists of words");
                    return Work::Nothing;
                };
                Work::Commands(items.iter().filter_map(|item| fields.words_of("commands", item)).collect())
            }
            _ => Work::Nothing,
        }
    }

    /// Inputs, outputs and variables that no word of the commands names.
    fn unused(&self, used: &HashSet<&str>, errors: &mut Vec<(&'static str, String)>) {
        let Some(task) = self.tasks.first() else { return };
        for (name, output) in &task.outputs {
            if !used.contains("output")
                && !used.contains("outputs")
                && !used.contains(format!("outputs.{name}").as_str())
            {
                let path = output.path.display();
                let what = format!(
                    "no word of the command names the output {path}; write {{output}} so that it gets a temporary name first"
                );
                errors.push(("unnamed-output", what));
            }
        }
    }

    /// What a step of a stage does.
    fn stage(
        &self,
        context: &Surroundings<'_>,
        name: &str,
        index: usize,
        inputs: &[(String, PathBuf)],
        outputs: &[(String, Output)],
    ) -> Result<StageWork, String> {
        let stage = context.registry.find(name).map_err(|error| error.to_string())?;
        let description = stage.describe();
        let mut words = Vec::new();
        for (role, path) in inputs {
            let role = match role.as_str() {
                "" => description.inputs.first().map(|role| role.role).unwrap_or_default(),
                role => role,
            };
            words.push(format!("{role}={}", path.display()));
        }
        let mut given = Vec::new();
        let config = self.node.get("config").filter(|node| !node.is_null());
        if let Some(config) = config {
            if config.map().is_none() {
                return Err(format!("'config' of step {} is {}, expected a mapping", self.id, config.kind()));
            }
            let mut json = config.to_json();
            let task = self.tasks.get(index).map(|task| &task.variables);
            substitute(&mut json, task, &self.id)?;
            given.push(Given::Text(context.file.into(), json.to_string()));
        }
        let task = self.tasks.get(index);
        given.extend(task.into_iter().flat_map(|task| &task.overrides).map(|word| Given::Word(word.clone())));
        let output = match outputs {
            [] => None,
            [(_, only)] => Some(only.path.clone()),
            _ => return Err(format!("step {}: a stage has one output", self.id)),
        };
        let place = |task: &DraftTask| task.place;
        let several = self.tasks.last().map_or(0, place) > 0;
        let seed = self.seed.map(|seed| match (several, task.map_or(index, place)) {
            (false, _) => seed,
            // every task its own, and never more than what YAML and JSON keep exactly
            (true, place) => recoil_stage::Seed::new(seed).named(&self.id).indexed(place as u64).value() >> 11,
        });
        let request = Request { given, inputs: words, output, seed };
        let prepared = stage.prepare(&request).map_err(|error| format!("step {}: {error}", self.id))?;
        let mut argv = vec![crate::program::path().to_owned()];
        argv.extend(prepared.words.iter().skip(1).cloned());
        argv.extend(["--overwrite".into(), "--no-progress".into()]);
        let argv = argv.into_iter().map(Argument::Text).collect();
        let named = prepared.named.iter().map(|file| absolute(context.base, &file.path.to_string_lossy()));
        Ok(StageWork { argv, read: named.collect(), written: prepared.output_paths().collect() })
    }
}

/// What a step of a stage does.
struct StageWork {
    /// The words that run it.
    argv: Vec<Argument>,
    /// Files and folders that its configuration names.
    read: Vec<PathBuf>,
    /// The files that it writes.
    written: Vec<PathBuf>,
}

/// Where the stage of a step writes that says nothing of outputs: a directory or a file called like the step.
fn default_output(registry: &Registry, id: &str, fields: &mut Fields<'_>) -> Option<String> {
    let stage = registry.find(&fields.word("stage")?).ok()?;
    Some(match stage.describe().output {
        StageOutput::Directory { .. } => format!("{id}/"),
        StageOutput::File { formats, .. } => format!("{id}.{}", formats.first()?),
        StageOutput::Nothing => return None,
    })
}

/// What a step runs.
enum Work {
    Stage(String),
    Commands(Vec<Vec<String>>),
    Nothing,
}

fn say_location(fields: &mut Fields<'_>, location: &Location, errors: Vec<(&'static str, String)>) {
    for (code, message) in errors {
        fields.found.push(match code {
            "unnamed-output" => Finding::warning(location.clone(), code, message),
            _ => Finding::error(location.clone(), code, message),
        });
    }
}

/// Lists of words that change the configuration, one list for each task; one empty list if there are none.
fn overrides(fields: &mut Fields<'_>) -> Vec<Vec<String>> {
    let Some(node) = fields.node("overrides") else { return vec![Vec::new()] };
    let lists: Vec<Vec<String>> = match node.list() {
        Some(items) => items.iter().filter_map(|item| fields.words_of("overrides", item)).collect(),
        None => Vec::new(),
    };
    if lists.is_empty() {
        let message =
            "'overrides' is a list with a list of words for each task, such as [[rate=0.1], [rate=0.2, depth=3]]";
        fields.wrong(node, "wrong-type", message);
        return vec![Vec::new()];
    }
    lists
}

/// The words of `one` without a name and those of `many` with theirs (a list has none).
fn named(fields: &mut Fields<'_>, one: &str, many: &str) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    let unnamed = |words: Vec<String>| words.into_iter().map(|word| (String::new(), word));
    all.extend(unnamed(fields.words(one).unwrap_or_default()));
    let Some(node) = fields.node(many) else { return all };
    match node.map() {
        Some(entries) => {
            for (key, value) in entries {
                let name = key.text().unwrap_or_default();
                let words = fields.words_of(&format!("{many}.{name}"), value).unwrap_or_default();
                all.extend(words.into_iter().map(|word| (name.to_string(), word)));
            }
        }
        None => all.extend(unnamed(fields.words(many).unwrap_or_default())),
    }
    all
}

fn output(base: &Path, text: &str) -> Output {
    let kind = if text.ends_with('/') { OutputKind::Directory } else { OutputKind::File };
    Output { path: absolute(base, text), kind }
}

/// Replaces variables in the words of a configuration.
fn substitute(json: &mut serde_json::Value, variables: Option<&Variables>, id: &str) -> Result<(), String> {
    use serde_json::Value as Json;
    match json {
        Json::String(text) if text.contains('{') => {
            let Some(variables) = variables else { return Ok(()) };
            let meaning = Meaning { variables, step: id, task: 0, seed: None, cpus: 1, inputs: &[], outputs: &[] };
            let texts = meaning.texts(text).map_err(|error| format!("config of step {id}: {error}"))?;
            if let [only] = texts.as_slice() {
                // a number stays a number
                let exact = only.parse::<i64>().ok().filter(|number| number.to_string() == *only);
                *json = exact.map_or_else(|| Json::String(only.clone()), Into::into);
            }
        }
        Json::Array(items) => items.iter_mut().try_for_each(|item| substitute(item, variables, id))?,
        Json::Object(entries) => entries.values_mut().try_for_each(|value| substitute(value, variables, id))?,
        _ => {}
    }
    Ok(())
}
