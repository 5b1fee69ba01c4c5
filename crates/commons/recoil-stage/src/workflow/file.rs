//! Reading the description of a workflow.

use crate::config::{ConfigError, Fault, Node, Origin, Place, Reader, Source, Value, read_file};
use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// A workflow as written.
#[derive(Clone, Debug)]
pub struct Workflow {
    /// Its name.
    pub name: String,
    /// Seed of the steps that give none.
    pub seed: Option<u64>,
    /// Directory that the names of files are relative to.
    pub base: PathBuf,
    pub(super) steps: Vec<Step>,
}

/// A step as written.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub id: String,
    pub stage: String,
    pub seed: Option<u64>,
    /// Role (empty: the first) and where the file comes from.
    pub inputs: Vec<(String, String)>,
    pub output: Option<String>,
    pub config: Option<Node>,
    pub place: Place,
}

#[derive(Deserialize)]
struct RawWorkflow {
    name: String,
    #[serde(default)]
    seed: Option<u64>,
}

#[derive(Deserialize)]
struct RawStep {
    id: String,
    stage: String,
    #[serde(default)]
    seed: Option<u64>,
    #[serde(default)]
    input: Option<String>,
    #[serde(default)]
    inputs: BTreeMap<String, OneOrMore>,
    #[serde(default)]
    output: Option<String>,
}

/// A word or a list of words.
#[derive(Default)]
struct OneOrMore(Vec<String>);

impl<'de> Deserialize<'de> for OneOrMore {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Words;
        impl<'de> Visitor<'de> for Words {
            type Value = OneOrMore;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a file or a list of files")
            }
            fn visit_str<E>(self, word: &str) -> Result<OneOrMore, E> {
                Ok(OneOrMore(vec![word.into()]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<OneOrMore, A::Error> {
                let mut words = Vec::new();
                while let Some(word) = items.next_element()? {
                    words.push(word);
                }
                Ok(OneOrMore(words))
            }
        }
        deserializer.deserialize_any(Words)
    }
}

impl Workflow {
    /// Reads a file; names of files in it are relative to its directory.
    ///
    /// # Errors
    /// Faults with line and column.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let base = path.parent().map(Into::into).unwrap_or_default();
        Self::from_node(read_file(path)?, base)
    }

    /// Reads a text; `name` is printed in messages, and names of files are relative to the current directory.
    ///
    /// # Errors
    /// Faults with line and column.
    pub fn parse(name: &Path, text: &str) -> Result<Self, ConfigError> {
        Self::from_node(Node::from_yaml(&Source::new(Origin::File(name.into()), text))?, PathBuf::new())
    }

    fn from_node(mut node: Node, base: PathBuf) -> Result<Self, ConfigError> {
        let top = node.place.clone();
        let steps = node.take("steps").ok_or_else(|| Fault::new("missing key 'steps'").at(&top))?;
        let RawWorkflow { name, seed } = RawWorkflow::deserialize(Reader::new(&node))?;
        let Value::List(nodes) = steps.value else {
            return Err(Fault::new("expected a list of steps").at(&steps.place).into());
        };
        if nodes.is_empty() {
            return Err(Fault::new("the workflow has no steps").at(&steps.place).into());
        }
        let mut steps: Vec<Step> = Vec::new();
        for node in nodes {
            let step = Step::from_node(node)?;
            if steps.iter().any(|known| known.id == step.id) {
                return Err(Fault::new(format!("two steps are called '{}'", step.id)).at(&step.place).into());
            }
            steps.push(step);
        }
        Ok(Self { name, seed, base, steps })
    }

    /// The ids of the steps as written.
    pub fn step_ids(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().map(|step| step.id.as_str())
    }
}

impl Step {
    fn from_node(mut node: Node) -> Result<Self, Fault> {
        let config = node.take("config");
        let raw = RawStep::deserialize(Reader::new(&node))?;
        let place = node.get("id").map_or_else(|| node.place.clone(), |id| id.place.clone());
        let legal = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        if raw.id.is_empty() || !raw.id.chars().all(legal) {
            return Err(Fault::new("a step's id is made of letters, digits, '-' and '_'").at(&place));
        }
        let mut inputs: Vec<(String, String)> = raw.input.into_iter().map(|file| (String::new(), file)).collect();
        for (role, OneOrMore(files)) in raw.inputs {
            inputs.extend(files.into_iter().map(|file| (role.clone(), file)));
        }
        Ok(Self { id: raw.id, stage: raw.stage, seed: raw.seed, inputs, output: raw.output, config, place })
    }
}
