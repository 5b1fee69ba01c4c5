//! Forests in files: flat arrays in the safetensors format, what they mean as JSON in its header.

use crate::error::{ForestError, Result};
use crate::forest::{Forest, Task};
use crate::out_of_bag::OutOfBag;
use crate::parameters::Parameters;
use crate::safetensors::{Reader, Writer};
use crate::tree::Tree;
use serde::{Deserialize, Serialize};
use std::io::Write as _;
use std::path::Path;

/// Number of this layout; readers refuse others.
const FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
struct About {
    format: u32,
    task: Task,
    features: Vec<String>,
    parameters: Option<Parameters>,
    out_of_bag: Option<OutOfBag>,
}

impl Forest {
    /// The bytes of a file. Arrays hold the nodes of all trees one after the other: `start` is the first node of every
    /// tree, children count from it. `about` in the header tells task, features and parameters; `provenance` is free.
    pub fn to_bytes(&self, provenance: Option<&str>) -> Vec<u8> {
        let about = About {
            format: FORMAT,
            task: self.task.clone(),
            features: self.features.clone(),
            parameters: self.parameters.clone(),
            out_of_bag: self.out_of_bag,
        };
        let mut writer = Writer::default();
        writer.text("about", &serde_json::json!(about).to_string());
        if let Some(provenance) = provenance {
            writer.text("provenance", provenance);
        }
        let mut start = 0_u64;
        let starts: Vec<u64> = self
            .trees
            .iter()
            .map(|tree| {
                start += tree.len() as u64;
                start - tree.len() as u64
            })
            .collect();
        writer.array("start", starts.into_iter());
        writer.array("feature", self.trees.iter().flat_map(|tree| &tree.feature).copied());
        writer.array("threshold", self.trees.iter().flat_map(|tree| &tree.threshold).copied());
        writer.array("left", self.trees.iter().flat_map(|tree| &tree.left).copied());
        writer.array("right", self.trees.iter().flat_map(|tree| &tree.right).copied());
        writer.array("value", self.trees.iter().flat_map(|tree| &tree.value).copied());
        writer.array("impurity", self.trees.iter().flat_map(|tree| &tree.impurity).copied());
        writer.array("weight", self.trees.iter().flat_map(|tree| &tree.weight).copied());
        writer.array("count", self.trees.iter().flat_map(|tree| &tree.count).copied());
        writer.finish()
    }

    /// Writes a file: under a temporary name beside it, which is then renamed.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path, provenance: Option<&str>) -> Result<()> {
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(format!(".{}.part", std::process::id()));
        let temporary = Path::new(&temporary);
        let write = || -> std::io::Result<()> {
            let mut file = std::fs::File::create(temporary)?;
            file.write_all(&self.to_bytes(provenance))?;
            file.sync_all()?;
            std::fs::rename(temporary, path)
        };
        write().map_err(|source| {
            // whatever stands there is of no use
            let _ = std::fs::remove_file(temporary);
            ForestError::File { path: path.to_owned(), source }
        })
    }

    /// Reads a file.
    ///
    /// # Errors
    /// A file that is damaged or no forest.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(|source| ForestError::File { path: path.to_owned(), source })?;
        Self::from_bytes(path, &bytes)
    }

    /// Takes the bytes of a file apart; `path` is what errors call it.
    ///
    /// # Errors
    /// As [`Forest::read`].
    pub fn from_bytes(path: &Path, bytes: &[u8]) -> Result<Self> {
        let forest = parse(bytes).map_err(|message| ForestError::format(path, message))?;
        forest.check().map_err(|error| ForestError::format(path, error.to_string()))?;
        Ok(forest)
    }

    /// The provenance that stands in a file, if any.
    ///
    /// # Errors
    /// A file that is damaged.
    pub fn provenance(path: &Path) -> Result<Option<String>> {
        let bytes = std::fs::read(path).map_err(|source| ForestError::File { path: path.to_owned(), source })?;
        let reader = Reader::new(&bytes).map_err(|message| ForestError::format(path, message))?;
        Ok(reader.text("provenance").ok().map(str::to_owned))
    }
}

fn parse(bytes: &[u8]) -> std::result::Result<Forest, String> {
    let reader = Reader::new(bytes)?;
    let about: About =
        serde_json::from_str(reader.text("about")?).map_err(|error| format!("'about' in the header: {error}"))?;
    if about.format != FORMAT {
        return Err(format!("the file has layout {}, this program reads {FORMAT}", about.format));
    }
    let nodes = Nodes {
        feature: reader.array("feature")?,
        threshold: reader.array("threshold")?,
        left: reader.array("left")?,
        right: reader.array("right")?,
        value: reader.array("value")?,
        impurity: reader.array("impurity")?,
        weight: reader.array("weight")?,
        count: reader.array("count")?,
    };
    let mut starts = reader.array::<u64>("start")?;
    let all = nodes.feature.len();
    starts.push(all as u64);
    let width = about.task.width();
    let mut trees = Vec::with_capacity(starts.len());
    for (index, pair) in starts.windows(2).enumerate() {
        let [start, end] = [pair[0], pair[1]].map(|place| usize::try_from(place).unwrap_or(usize::MAX));
        let tree = (start < end).then(|| nodes.tree(start, end, width)).flatten();
        trees.push(tree.ok_or_else(|| format!("tree {index} should be the nodes {start} to {end} of {all}"))?);
    }
    Ok(Forest {
        task: about.task,
        features: about.features,
        trees,
        parameters: about.parameters,
        out_of_bag: about.out_of_bag,
    })
}

/// The nodes of all trees.
struct Nodes {
    feature: Vec<u16>,
    threshold: Vec<f32>,
    left: Vec<u32>,
    right: Vec<u32>,
    value: Vec<f64>,
    impurity: Vec<f64>,
    weight: Vec<f64>,
    count: Vec<u32>,
}

impl Nodes {
    fn tree(&self, start: usize, end: usize, width: usize) -> Option<Tree> {
        let values = start.checked_mul(width)?..end.checked_mul(width)?;
        Some(Tree {
            feature: self.feature.get(start..end)?.to_vec(),
            threshold: self.threshold.get(start..end)?.to_vec(),
            left: self.left.get(start..end)?.to_vec(),
            right: self.right.get(start..end)?.to_vec(),
            value: self.value.get(values)?.to_vec(),
            impurity: self.impurity.get(start..end)?.to_vec(),
            weight: self.weight.get(start..end)?.to_vec(),
            count: self.count.get(start..end)?.to_vec(),
        })
    }
}
