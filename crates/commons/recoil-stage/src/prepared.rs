//! A run that is ready to go: everything resolved, nothing read or written yet.

use crate::config::{Given, did_you_mean, flow};
use crate::error::StageError;
use crate::input::{InputFile, Inputs};
use crate::stage::{Description, OutputKind};
use serde_json::Value as Json;
use std::path::{Component, Path, PathBuf};

/// What a user asks a stage to do.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Configuration, in the order in which later pieces win.
    pub given: Vec<Given>,
    /// Words after `--input`.
    pub inputs: Vec<String>,
    /// What follows `-o`.
    pub output: Option<PathBuf>,
    /// What follows `--seed`.
    pub seed: Option<u64>,
}

/// The seed of a run that was given none.
pub const DEFAULT_SEED: u64 = 1;

/// A run with its configuration resolved and its outputs named.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// Name of the stage.
    pub stage: &'static str,
    /// The resolved configuration with every key.
    pub config: Json,
    /// The inputs by role.
    pub inputs: Inputs,
    /// Further files that the configuration names; their roles are the keys.
    pub named: Vec<InputFile>,
    /// The seed.
    pub seed: u64,
    /// What `-o` names; `None` for a stage that writes nothing.
    pub output: Option<PathBuf>,
    /// The directory that the outputs lie in.
    pub directory: PathBuf,
    /// Names of the outputs in that directory.
    pub outputs: Vec<String>,
    /// The words of the command that does the same again.
    pub words: Vec<String>,
    /// The same command as a line for a shell.
    pub command_line: String,
}

impl Prepared {
    /// Checks the wanted output against the kind of output that the stage makes.
    pub(crate) fn new(
        description: &Description,
        defaults: &Json,
        config: Json,
        named: Vec<(String, PathBuf)>,
        inputs: Inputs,
        names: Vec<String>,
        request: &Request,
    ) -> Result<Self, StageError> {
        let (directory, outputs) = place_outputs(description, names, request.output.as_deref())?;
        let seed = request.seed.unwrap_or(DEFAULT_SEED);
        let mut words = vec!["recoil".to_string()];
        words.extend(description.name.split(' ').map(Into::into));
        for file in inputs.files() {
            words.extend(["--input".into(), format!("{}={}", file.role, file.spec())]);
        }
        if let Some(output) = &request.output {
            words.extend(["-o".into(), output.display().to_string()]);
        }
        words.extend(["--seed".into(), seed.to_string()]);
        differing(defaults, &config, "", &mut words);
        let command_line = words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ");
        let output = request.output.clone();
        let named = named.into_iter().map(|(role, path)| InputFile { role, path, part: None }).collect();
        Ok(Self {
            stage: description.name,
            config,
            inputs,
            named,
            seed,
            output,
            directory,
            outputs,
            words,
            command_line,
        })
    }

    /// All files that the run reads: its inputs, then those that the configuration names.
    pub fn files(&self) -> impl Iterator<Item = &InputFile> {
        self.inputs.files().iter().chain(&self.named)
    }

    /// The outputs with their directory.
    pub fn output_paths(&self) -> impl Iterator<Item = PathBuf> {
        self.outputs.iter().map(|name| self.directory.join(name))
    }

    /// Where the record of an output lies: beside it, with `.prov.json` appended to its name.
    ///
    /// Every output has one but the figures of a run that also writes other files: figures carry their provenance
    /// inside and are listed in the records of the run's other outputs.
    pub fn records(&self) -> Vec<String> {
        let figure = |name: &&String| ["svg", "png", "pdf"].iter().any(|format| has_extension(name, format));
        let all_figures = self.outputs.iter().all(|name| figure(&name));
        self.outputs
            .iter()
            .filter(|name| all_figures || !figure(name))
            .map(|name| format!("{name}.prov.json"))
            .collect()
    }
}

fn has_extension(name: &str, extension: &str) -> bool {
    Path::new(name).extension().is_some_and(|own| own.eq_ignore_ascii_case(extension))
}

fn place_outputs(
    description: &Description,
    names: Vec<String>,
    output: Option<&Path>,
) -> Result<(PathBuf, Vec<String>), StageError> {
    let stage = description.name;
    match (description.output, output) {
        (OutputKind::Nothing, None) => Ok((PathBuf::new(), Vec::new())),
        (OutputKind::Nothing, Some(_)) => Err(StageError::usage(format!("{stage} writes no files, but -o is given"))),
        (OutputKind::File { doc, .. } | OutputKind::Directory { doc }, None) => {
            Err(StageError::usage(format!("missing output: -o ({doc})")))
        }
        (OutputKind::Directory { .. }, Some(directory)) => {
            if let Some(name) = names.iter().find(|name| !is_inside(name)) {
                return Err(StageError::internal(format!("{stage} names an output outside its directory: '{name}'")));
            }
            Ok((directory.to_path_buf(), names))
        }
        (OutputKind::File { formats, .. }, Some(file)) => {
            let name = file.file_name().and_then(|name| name.to_str()).filter(|_| !ends_with_slash(file));
            let name = name.ok_or_else(|| StageError::usage(format!("{stage} writes one file, but -o names none")))?;
            if !formats.is_empty() && !formats.iter().any(|format| has_extension(name, format)) {
                let extension = Path::new(name).extension().map(|own| own.to_string_lossy()).unwrap_or_default();
                let help = did_you_mean(&extension, formats).map(|help| format!(" ({help})")).unwrap_or_default();
                let known = formats.join(", ");
                return Err(StageError::usage(format!("cannot write '{name}': formats are {known}{help}")));
            }
            let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
            Ok((directory.to_path_buf(), vec![name.to_string()]))
        }
    }
}

fn ends_with_slash(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().ends_with(b"/")
}

/// Whether a name stays inside the directory that it is relative to.
pub(crate) fn is_inside(name: &str) -> bool {
    !name.is_empty() && Path::new(name).components().all(|component| matches!(component, Component::Normal(_)))
}

/// Words for all keys whose value is not the shipped one.
fn differing(default: &Json, value: &Json, path: &str, words: &mut Vec<String>) {
    match (default, value) {
        (Json::Object(default), Json::Object(value)) => {
            for (key, value) in value {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                differing(default.get(key).unwrap_or(&Json::Null), value, &path, words);
            }
        }
        _ if default == value => {}
        _ => words.push(format!("{path}={}", flow(value))),
    }
}

/// A word as a shell takes it.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.into() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}
