//! Typed configuration: shipped defaults < YAML files < `key.path=value` words.
//!
//! A configuration is a plain struct with defaults. Every mistake in it (an unknown key, a wrong type, a value out of
//! range) is reported with file, line and column, or with the word and the column in it.
//!
//! ```
//! use recoil_stage::config::{self, Config, Given};
//! use schemars::JsonSchema;
//! use serde::{Deserialize, Serialize};
//!
//! /// How to cluster.
//! #[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
//! #[serde(default)]
//! struct Cluster {
//!     /// Radius in the (x/z, y/z) plane.
//!     #[schemars(range(min = 0.0, max = 1.0))]
//!     radius: f64,
//!     /// Number of threads that may share an event.
//!     window: u32,
//! }
//! impl Default for Cluster {
//!     fn default() -> Self {
//!         Self { radius: 0.03, window: 1 }
//!     }
//! }
//! impl Config for Cluster {}
//!
//! let read = config::resolve::<Cluster>(&[Given::Word("radius=0.02".into())]).unwrap();
//! assert_eq!(read.config.radius, 0.02);
//! let error = config::resolve::<Cluster>(&[Given::Word("radus=0.02".into())]).err().unwrap();
//! assert_eq!(error.to_string(), "argument 'radus=0.02', column 1: unknown key 'radus' (did you mean 'radius'?)");
//! ```

mod fault;
pub mod keys;
mod limits;
mod read;
mod source;
mod suggest;
mod tree;
mod words;
mod yaml;

pub use fault::{ConfigError, Fault};
pub use source::{Origin, Place, Source};
pub use suggest::{did_you_mean, nearest};
pub use tree::Node;
pub use yaml::{commented_yaml, flow, plain_yaml};

pub(crate) use read::Reader;
pub(crate) use tree::{Value, read_file};

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::PathBuf;
use tree::Step;

/// The configuration of a stage: a plain struct with `#[serde(default)]`, doc comments on every key, and limits as
/// `#[schemars(range(min = .., max = ..))]` (these are enforced). Enums are written with the default (external) tag;
/// `flatten` and `untagged` would lose the places of mistakes and are not used.
pub trait Config: Serialize + DeserializeOwned + JsonSchema + Default + Clone + Send + Sync + 'static {
    /// What is wrong with the values beyond type and range, such as two keys that contradict each other.
    fn check(&self) -> Vec<Problem> {
        Vec::new()
    }

    /// Paths of keys that a file may hold for other programs or stages, such as those of later stages in a file that a whole
    /// chain shares. Those that this configuration does not have are passed over in files, and unknown elsewhere.
    fn foreign() -> &'static [&'static str] {
        &[]
    }

    /// Files and folders that values name, such as a trained model, with the path of the key. They are inputs: what is in
    /// them is part of the provenance, and a production waits for them.
    fn files(&self) -> Vec<(String, PathBuf)> {
        Vec::new()
    }
}

/// A configuration without keys.
#[derive(Serialize, serde::Deserialize, JsonSchema, Default, Clone, Debug, PartialEq, Eq)]
pub struct NoConfig {}

impl Config for NoConfig {}

/// A wrong value, found by [`Config::check`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Path of the key, such as `seed.window` or `layers[2].radius`.
    pub key: String,
    /// A lower-case fragment such as `is odd, but windows are symmetric`, to follow the key's name.
    pub message: String,
}

impl Problem {
    /// A problem with `key`.
    pub fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self { key: key.into(), message: message.into() }
    }
}

/// One given piece of configuration; later pieces win.
#[derive(Clone, Debug)]
pub enum Given {
    /// A YAML file.
    File(PathBuf),
    /// YAML text, with the name to print in messages.
    Text(PathBuf, String),
    /// A mapping that was part of a larger file.
    Tree(Node),
    /// A word `key.path=value`.
    Word(String),
    /// An option such as `--columns x0,x1` that stands for a key.
    Flag(FlagValue),
}

/// The value of an option that stands for a configuration key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlagValue {
    /// The option as typed, such as `--columns`.
    pub flag: String,
    /// The key that it stands for.
    pub key: String,
    /// What was typed after it.
    pub value: String,
    /// Whether commas separate items of a list.
    pub list: bool,
}

/// A configuration that has been read.
#[derive(Clone, Debug)]
pub struct Resolved<C> {
    /// The typed values.
    pub config: C,
    /// The same as JSON, with every key; this is what provenance records.
    pub value: serde_json::Value,
}

/// The configuration as JSON, with every key.
///
/// # Errors
/// When the struct cannot be written as JSON, which is a mistake in the program.
pub fn to_json<C: Serialize>(config: &C) -> Result<serde_json::Value, ConfigError> {
    // by way of text, so that an f32 of 0.1 is recorded as 0.1
    serde_json::to_string(config)
        .and_then(|text| serde_json::from_str(&text))
        .map_err(|error| Fault::new(format!("the configuration cannot be recorded: {error}")).into())
}

/// Reads a configuration from all its sources.
///
/// # Errors
/// Every fault found, each with its place.
pub fn resolve<C: Config>(given: &[Given]) -> Result<Resolved<C>, ConfigError> {
    let defaults = to_json(&C::default())?;
    let mut tree = Node::from_json(&defaults, &Source::new(Origin::Default, ""));
    let own = |path: &&str| path.split('.').try_fold(&defaults, |tree, key| tree.get(key)).is_some();
    let foreign: Vec<&str> = C::foreign().iter().copied().filter(|path| !own(path)).collect();
    for (layer, piece) in given.iter().enumerate() {
        lay(&mut tree, piece, layer + 1, &foreign)?;
    }
    let config = C::deserialize(Reader::new(&tree)).map_err(|fault| elsewhere(fault, &defaults))?;
    let value = to_json(&config)?;
    let mut problems = limits::check(&keys::schema::<C>(), &value);
    problems.extend(config.check());
    let faults = problems.into_iter().map(|problem| place_problem(&tree, &problem)).collect();
    ConfigError::unless_empty(faults)?;
    Ok(Resolved { config, value })
}

/// Reads a recorded configuration back.
///
/// # Errors
/// Faults as of [`resolve`], without places.
pub fn from_json<C: Config>(value: &serde_json::Value) -> Result<C, ConfigError> {
    Ok(resolve::<C>(&[Given::Tree(Node::from_json(value, &Source::new(Origin::Default, "")))])?.config)
}

fn lay(tree: &mut Node, piece: &Given, layer: usize, foreign: &[&str]) -> Result<(), Fault> {
    let mut over = match piece {
        Given::File(path) => read_file(path)?,
        Given::Text(name, text) => Node::from_yaml(&Source::new(Origin::File(name.clone()), text.clone()))?,
        Given::Tree(node) => node.clone(),
        Given::Word(word) => {
            let word = words::parse(word)?;
            return words::apply(tree, &word.path, word.value, layer);
        }
        Given::Flag(flag) => return lay_flag(tree, flag, layer),
    };
    for path in foreign {
        over.remove(path);
    }
    match over.value {
        Value::Map(_) => {
            tree.merge(over, layer);
            Ok(())
        }
        _ => Err(Fault::new("expected a mapping of keys").at(&over.place)),
    }
}

fn lay_flag(tree: &mut Node, flag: &FlagValue, layer: usize) -> Result<(), Fault> {
    let source = Source::new(Origin::Flag(flag.flag.clone()), flag.value.clone());
    let path = words::parse_path(&flag.key, &source)?;
    let value = if flag.list {
        let mut at = 0;
        let mut items = Vec::new();
        for part in flag.value.split(',') {
            let item = Source::new(Origin::Flag(flag.flag.clone()), part);
            let mut node = words::scalar_or_flow(&item, 0)?;
            node.place = Place::new(&source, at, part.len());
            items.push(node);
            at += part.len() + 1;
        }
        Node { value: Value::List(items), place: Place::new(&source, 0, flag.value.len()) }
    } else {
        words::scalar_or_flow(&source, 0)?
    };
    words::apply(tree, &path, value, layer)
}

/// Adds the advice that an unknown key is known at another level.
fn elsewhere(fault: Fault, defaults: &serde_json::Value) -> Fault {
    let Some(name) = fault.message.strip_prefix("unknown key '").and_then(|rest| rest.strip_suffix('\'')) else {
        return fault;
    };
    if fault.help.as_ref().is_some_and(|help| help.starts_with("did you mean")) {
        return fault;
    }
    let paths = keys::paths(defaults);
    let same = paths.iter().find(|path| path.rsplit('.').next() == Some(name));
    let help = same.map(|path| format!("did you mean '{path}'?"));
    fault.help(help)
}

fn place_problem(tree: &Node, problem: &Problem) -> Fault {
    let source = Source::new(Origin::Default, "");
    let path: Vec<Step> =
        words::parse_path(&problem.key, &source).unwrap_or_default().into_iter().map(|(step, _)| step).collect();
    Fault::new(format!("{} {}", problem.key, problem.message)).at(&tree.deepest(&path).place)
}
