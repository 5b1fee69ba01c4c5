//! recoil's own form of a production.
//!
//! ```yaml
//! name: example
//! seed: 1
//! defaults: {retries: 1, resources: {memory: 2GB, time: 01:00:00}}
//! steps:
//!   - id: simulate
//!     for: {run: 1..20}
//!     stage: hgcal simulate
//!     config: {events: 100}
//!     output: out/sim_{run}.parquet
//!   - id: merge
//!     command: [merge-tables, -o, "{output}", "{inputs}"]
//!     inputs: [simulate]
//!     output: out/merged.parquet
//! ```
//!
//! A step of a stage may have `search`: it then stands for the steps of a [search](crate::search) of its configuration.
//!
//! A step has `stage` (a stage of recoil, with `config` and `seed`), `command` (words; no shell reads them) or
//! `commands` (several, run in order). `for` makes an array: one task for each value (or each combination of values) of
//! lists, ranges `1..20` and globs. `batch: N` gives N values of the last variable to each task. Inputs are files,
//! globs, ids of steps (all their outputs) or `ID/NAME` below a step's output directory. An output that ends in `/` is a
//! directory. In words, `{input}`, `{inputs}`, `{inputs.NAME}`, `{output}`, `{outputs.NAME}`, variables of `for`,
//! `{step}`, `{task}`, `{seed}` and `{cpus}` are replaced; `{{` and `}}` stand for braces.

mod arrays;
mod fields;
mod files;
mod glob;
mod search;
mod step;
mod words;

use crate::check;
use crate::finding::Finding;
use crate::graph::Graph;
use crate::model::Production;
use crate::yaml::Node;
use fields::Fields;
use recoil_stage::Registry;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// What is read of the top of a file.
const TOP: &[&str] = &["name", "seed", "defaults", "steps"];

/// Whether a file looks like this form: it has `steps`.
pub fn is_native(root: &Node) -> bool {
    root.get("steps").is_some()
}

/// Reads a production. Findings are all that can be said in one pass; the production is there unless the file has no
/// steps that could be read.
pub fn read(file: &Path, root: &Node, registry: &Registry) -> (Option<Production>, Vec<Finding>) {
    let mut top = Fields::new(file, root, "the production");
    top.known(TOP);
    let whole = std::path::absolute(file).unwrap_or_else(|_| file.into());
    let base = whole.parent().map(Path::to_path_buf).unwrap_or_default();
    let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let name = top.word("name").unwrap_or(stem);
    let seed = top.number::<u64>("seed");
    let defaults = top.node("defaults").map(|node| step::Common::read(file, node, &mut top.found)).unwrap_or_default();
    let mut found = std::mem::take(&mut top.found);
    let mut written: Vec<(String, &Node)> = Vec::new();
    match top.node("steps") {
        Some(node) if node.map().is_some() => {
            for (key, value) in node.map().unwrap_or_default() {
                written.push((key.text().unwrap_or_default().to_string(), value));
            }
        }
        Some(node) if node.list().is_some() => {
            for (index, item) in node.list().unwrap_or_default().iter().enumerate() {
                let id = item.get("id").and_then(Node::text).map_or_else(|| format!("step-{}", index + 1), Into::into);
                written.push((id, item));
            }
        }
        Some(node) => {
            let message = format!("'steps' is {}, expected a list of steps", node.kind());
            found.push(Finding::error(node.location(file), "wrong-type", message));
        }
        None => found.push(Finding::error(root.location(file), "missing-key", "missing key 'steps'")),
    }
    if written.is_empty() {
        if found.is_empty() {
            found.push(Finding::error(root.location(file), "no-steps", "the production has no steps"));
        }
        return (None, found);
    }
    let context = step::Surroundings { file, base: &base, registry, defaults: &defaults, seed };
    // outputs first: inputs may name steps that come later in the file
    let drafts: Vec<step::Draft> = written.iter().map(|(id, node)| step::Draft::read(&context, id, node)).collect();
    let outputs = files::Outputs::of(&drafts);
    let steps = drafts.iter().flat_map(|draft| draft.steps(&context, &outputs, &mut found)).collect();
    let production = Production { name, source: file.into(), steps };
    let graph = Graph::new(&production);
    found.extend(check::structure(&production, &graph));
    found.extend(check::missing(&production, &graph));
    tidy(&mut found);
    (Some(production), found)
}

/// Findings in the order of the file, errors before warnings of the same place, each once.
fn tidy(found: &mut Vec<Finding>) {
    found.sort_by(|a, b| {
        (&a.location, a.severity, a.code, &a.message).cmp(&(&b.location, b.severity, b.code, &b.message))
    });
    found.dedup();
}

/// Values of the variables of a task: one, or several in a batch.
type Variables = HashMap<String, Vec<String>>;

/// A path of the file, relative to its directory.
fn absolute(base: &Path, text: &str) -> PathBuf {
    crate::graph::normal(base, Path::new(text))
}
