//! What a stage is, and the erased form through which all stages are handled alike.

use crate::config::{self, Config, Given, Resolved};
use crate::error::{ErrorKind, StageError};
use crate::execute::{Outcome, RunOptions, execute};
use crate::input::Inputs;
use crate::prepared::{Prepared, Request};
use crate::report::Report;
use crate::run::Run;
use serde_json::Value as Json;

/// What a stage is called, reads and writes: everything that is known without running it.
#[derive(Clone, Copy, Debug)]
pub struct Description {
    /// Words of the command, such as `hgcal run`.
    pub name: &'static str,
    /// One line, without a full stop.
    pub about: &'static str,
    /// Paragraphs for `--help` and the reference pages, after the one line.
    pub long: &'static str,
    /// What it reads. A plain `--input FILE` is of the first role.
    pub inputs: &'static [InputRole],
    /// What it writes.
    pub output: OutputKind,
    /// Options that stand for configuration keys.
    pub flags: &'static [Flag],
}

/// An input by its role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InputRole {
    /// Name of the role, such as `cells`.
    pub role: &'static str,
    /// What it holds, as a fragment.
    pub doc: &'static str,
    /// Whether it must be given.
    pub required: bool,
    /// Whether it may be given more than once.
    pub many: bool,
    /// Formats that can be read, by file extension.
    pub formats: &'static [&'static str],
    /// Letter of a short option, such as `f` for `-f FILE`.
    pub short: Option<char>,
    /// Another name of its option, that of the field's own programs.
    pub alias: Option<&'static str>,
    /// Whether words that are no `KEY=VALUE` are files of this role.
    pub plain: bool,
}

impl InputRole {
    /// One file that must be given.
    pub const fn required(role: &'static str, doc: &'static str, formats: &'static [&'static str]) -> Self {
        Self { role, doc, required: true, many: false, formats, short: None, alias: None, plain: false }
    }

    /// One file that may be given.
    pub const fn optional(role: &'static str, doc: &'static str, formats: &'static [&'static str]) -> Self {
        Self { role, doc, required: false, many: false, formats, short: None, alias: None, plain: false }
    }

    /// The same role for any number of files.
    #[must_use]
    pub const fn many(self) -> Self {
        Self { many: true, ..self }
    }

    /// The same role with a short option.
    #[must_use]
    pub const fn short(self, letter: char) -> Self {
        Self { short: Some(letter), ..self }
    }

    /// The same role with another name of its option.
    #[must_use]
    pub const fn alias(self, name: &'static str) -> Self {
        Self { alias: Some(name), ..self }
    }

    /// The same role for files that stand without an option.
    #[must_use]
    pub const fn plain(self) -> Self {
        Self { plain: true, ..self }
    }
}

/// What `-o` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputKind {
    /// One file in one of some formats, by extension. The first format is the usual one; an empty list allows any.
    File {
        /// What the file holds, as a fragment.
        doc: &'static str,
        /// Formats that can be written.
        formats: &'static [&'static str],
    },
    /// A directory with the files that [`Stage::outputs`] names.
    Directory {
        /// What the files hold, as a fragment.
        doc: &'static str,
    },
    /// No files: the stage only prints its report.
    Nothing,
}

/// An option `--NAME VALUE` that stands for a configuration key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flag {
    /// Name without dashes.
    pub name: &'static str,
    /// Path of the key.
    pub key: &'static str,
    /// Whether commas separate items of a list.
    pub list: bool,
}

/// A step of an analysis: typed configuration and files in, files and a report out.
///
/// ```
/// use recoil_stage::config::NoConfig;
/// use recoil_stage::{Blame as _, Description, InputRole, Inputs, OutputKind, Report, Run, Stage, StageError};
///
/// /// Counts the lines of a text.
/// struct Lines;
///
/// const LINES: Description = Description {
///     name: "text lines",
///     about: "Count the lines of a text",
///     long: "",
///     inputs: &[InputRole::required("text", "the text", &["txt"])],
///     output: OutputKind::File { doc: "the count", formats: &["txt"] },
///     flags: &[],
/// };
///
/// impl Stage for Lines {
///     type Config = NoConfig;
///
///     fn description(&self) -> Description {
///         LINES
///     }
///
///     fn run(&self, _config: &NoConfig, run: &Run) -> Result<Report, StageError> {
///         let text = run.inputs().one("text")?;
///         let lines = std::fs::read_to_string(&text.path).input_error(text.spec())?.lines().count();
///         std::fs::write(run.output_file()?, lines.to_string()).output_error("cannot write the count")?;
///         Ok(Report::new().value("lines", lines))
///     }
/// }
/// ```
pub trait Stage: Send + Sync + 'static {
    /// Its configuration.
    type Config: Config;

    /// Its name, inputs and outputs.
    fn description(&self) -> Description;

    /// Names of the files in the output directory, relative to it and with forward slashes, in a fixed order. Only
    /// asked if the output is a directory. All of them must be there when the run has ended.
    fn outputs(&self, _config: &Self::Config, _inputs: &Inputs) -> Vec<String> {
        Vec::new()
    }

    /// What the result will be, as far as it can be told without doing the work; shown by a dry run. May read inputs.
    ///
    /// # Errors
    /// Whatever would prevent the result.
    fn predict(&self, _config: &Self::Config, _inputs: &Inputs) -> Result<Option<Report>, StageError> {
        Ok(None)
    }

    /// Does the work. Runs inside a thread pool of the wanted size.
    ///
    /// # Errors
    /// Whatever prevents the result; nothing is left behind then.
    fn run(&self, config: &Self::Config, run: &Run) -> Result<Report, StageError>;
}

/// A stage of any configuration, as the command line, the production engine and the web server see it.
pub trait AnyStage: Send + Sync {
    /// Its name, inputs and outputs.
    fn describe(&self) -> Description;
    /// JSON schema of its configuration, definitions written in place.
    fn schema(&self) -> Json;
    /// The shipped configuration.
    ///
    /// # Errors
    /// When it cannot be written as JSON, which is a mistake in the program.
    fn defaults(&self) -> Result<Json, StageError>;
    /// Resolves the configuration, sorts the inputs and names the outputs, without looking at any data file.
    ///
    /// # Errors
    /// Wrong words or configuration.
    fn prepare(&self, request: &Request) -> Result<Prepared, StageError>;
    /// What the result will be; as [`Stage::predict`].
    ///
    /// # Errors
    /// Whatever would prevent the result.
    fn predict(&self, prepared: &Prepared) -> Result<Option<Report>, StageError>;
    /// Runs what was prepared.
    ///
    /// # Errors
    /// Whatever prevents the result; nothing is left under a final name then.
    fn execute(&self, prepared: &Prepared, options: &RunOptions) -> Result<Outcome, StageError>;
}

impl<S: Stage> AnyStage for S {
    fn describe(&self) -> Description {
        self.description()
    }

    fn schema(&self) -> Json {
        config::keys::schema::<S::Config>()
    }

    fn defaults(&self) -> Result<Json, StageError> {
        config::to_json(&S::Config::default()).map_err(|error| StageError::internal(error.to_string()))
    }

    fn prepare(&self, request: &Request) -> Result<Prepared, StageError> {
        let description = self.description();
        let Resolved { config, value } = config::resolve::<S::Config>(&request.given)?;
        let inputs = Inputs::parse(&request.inputs, description.inputs)?;
        let names = match description.output {
            OutputKind::Directory { .. } => self.outputs(&config, &inputs),
            OutputKind::File { .. } | OutputKind::Nothing => Vec::new(),
        };
        Prepared::new(&description, &self.defaults()?, value, config.files(), inputs, names, request)
    }

    fn predict(&self, prepared: &Prepared) -> Result<Option<Report>, StageError> {
        let config = config::from_json::<S::Config>(&prepared.config)
            .map_err(|error| StageError::caused(ErrorKind::Internal, "a prepared configuration is invalid", error))?;
        Stage::predict(self, &config, &prepared.inputs)
    }

    fn execute(&self, prepared: &Prepared, options: &RunOptions) -> Result<Outcome, StageError> {
        let config = config::from_json::<S::Config>(&prepared.config)
            .map_err(|error| StageError::caused(ErrorKind::Internal, "a prepared configuration is invalid", error))?;
        execute(prepared, options, |run| self.run(&config, run))
    }
}

/// The stages that a program knows.
#[derive(Default)]
pub struct Registry(Vec<Box<dyn AnyStage>>);

impl Registry {
    /// A registry of these stages, in this order.
    pub fn new(stages: Vec<Box<dyn AnyStage>>) -> Self {
        Self(stages)
    }

    /// All stages.
    pub fn iter(&self) -> impl Iterator<Item = &dyn AnyStage> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// The stage called `hgcal run`, also spelled `hgcal.run`.
    ///
    /// # Errors
    /// A usage error with the nearest name.
    pub fn find(&self, name: &str) -> Result<&dyn AnyStage, StageError> {
        let plain = name.replace('.', " ");
        self.iter().find(|stage| stage.describe().name == plain).ok_or_else(|| {
            let names: Vec<&str> = self.iter().map(|stage| stage.describe().name).collect();
            let help = config::did_you_mean(&plain, &names).unwrap_or_else(|| format!("known: {}", names.join(", ")));
            StageError::usage(format!("there is no stage '{name}' ({help})"))
        })
    }
}

/// What is wrong with the definition of a stage; for the tests of the crate that defines it.
pub fn verify(stage: &dyn AnyStage) -> Vec<String> {
    let description = stage.describe();
    let mut wrong = Vec::new();
    let mut fail = |message: String| wrong.push(format!("{}: {message}", description.name));
    let word = |text: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c))
    };
    if description.name.split(' ').count() != 2 || !description.name.split(' ').all(word) {
        fail("the name is not two lower-case words".into());
    }
    if description.about.is_empty() || description.about.ends_with('.') {
        fail("the one line is missing or ends with a full stop".into());
    }
    let schema = stage.schema();
    let defaults = match stage.defaults() {
        Ok(defaults) => defaults,
        Err(error) => {
            fail(error.to_string());
            return wrong;
        }
    };
    let keys = config::keys::list(&schema, &defaults);
    for key in &keys {
        if key.doc.is_empty() {
            fail(format!("the key {} has no documentation", key.path));
        }
        if key.default.is_null() && !key.kind.contains("null") {
            fail(format!("the key {} has no finite default", key.path));
        }
    }
    for flag in description.flags {
        if !keys.iter().any(|key| key.path == flag.key) {
            fail(format!("--{} stands for the key {}, which does not exist", flag.name, flag.key));
        }
    }
    let inputs =
        description.inputs.iter().filter(|role| role.required).map(|role| format!("{}=x", role.role)).collect();
    let name = match description.output {
        OutputKind::File { formats, .. } => Some(format!("x.{}", formats.first().unwrap_or(&"x"))),
        OutputKind::Directory { .. } => Some("x".into()),
        OutputKind::Nothing => None,
    };
    let yaml = config::commented_yaml(&schema, &defaults);
    let request = Request {
        given: vec![Given::Text("commented defaults".into(), yaml)],
        inputs,
        output: name.map(Into::into),
        seed: None,
    };
    match stage.prepare(&request) {
        Ok(prepared) if prepared.config != defaults => fail("the commented defaults read back differently".into()),
        Ok(_) => {}
        Err(error) => fail(format!("the defaults do not prepare: {error}")),
    }
    wrong
}
