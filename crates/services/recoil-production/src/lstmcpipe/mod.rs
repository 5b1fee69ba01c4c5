//! The production files of lstmcpipe, as they are.
//!
//! A file names stages and, for each, steps with an input and an output; `workflow_kind` says whose commands carry them
//! out. The order of the stages is fixed, so a step waits only for steps of earlier stages whose files it reads.
//!
//! The configuration of the analysis is the one that the file names with `lstchain_config` (or `ctapipe_config`,
//! `hiperta_config`), else the file beside it whose name has `lstchain` and ends in `.json`.

pub mod analysis;
mod batches;
mod commands;
pub mod generate;
mod header;
mod missing;
mod notes;
pub mod old;
pub mod register;
mod slurm;
pub mod split;
mod stage;
mod steps;
pub mod trial;
pub mod tune;
mod words;

pub use stage::{Kind, Stage};

use crate::check;
use crate::finding::{Finding, Severity};
use crate::graph::{Graph, normal};
use crate::model::Production;
use crate::yaml::Node;
use analysis::Beside;
use commands::Shared;
use header::Header;
use notes::Notes;
use recoil_stage::Registry;
use std::path::{Path, PathBuf};

/// Keys of the form that was given up in 2022.
const OLD: &[&str] = &["stages_to_be_run", "base_path_dl0", "base_path", "offset_gammas", "obs_date"];

/// Whether a file looks like one of lstmcpipe, of either form.
pub fn is_lstmcpipe(root: &Node) -> bool {
    let keys = ["workflow_kind", "stages_to_run", "stages", "prod_id", "source_environment"];
    is_old(root) || keys.iter().any(|key| root.get(key).is_some())
}

/// Whether a file has the form that was given up in 2022.
pub fn is_old(root: &Node) -> bool {
    root.get("stages_to_run").is_none() && root.get("stages").is_none() && OLD.iter().any(|key| root.get(key).is_some())
}

/// Reads a production. Findings are all that can be said in one pass; the production is there if there is a step that
/// could be read.
pub fn read(file: &Path, root: &Node, registry: &Registry) -> (Option<Production>, Vec<Finding>) {
    let mut notes = Notes::new(file);
    if is_old(root) {
        let place = root.get("stages_to_be_run").unwrap_or(root);
        let message = "has the form from before lstmcpipe 0.8: there is no 'stages_to_run'";
        let hint = format!("convert it: recoil production import {} -o NEW.yml", file.display());
        notes.error(place, "old-form", message).hint(Some(hint));
        return (None, notes.found);
    }
    let header = Header::read(&mut notes, root);
    let mut entries = Vec::new();
    for (stage, node) in &header.stages {
        steps::read(&mut notes, *stage, node, &mut entries);
    }
    let whole = std::path::absolute(file).unwrap_or_else(|_| file.into());
    let base = whole.parent().map(Path::to_path_buf).unwrap_or_default();
    let shared = shared(&mut notes, root, &header, base);
    if shared.kind == Kind::Recoil {
        missing_stages(&mut notes, &header, registry);
    }
    if shared.kind == Kind::Hiperta {
        for (_, node) in header.stages.iter().filter(|(stage, _)| *stage == Stage::Dl1ab) {
            notes.error(node, "unsupported-stage", "workflow_kind hiperta has no stage dl1ab");
        }
    }
    let mut made = Vec::new();
    if let Some(tuning) = header.tuning.as_ref().filter(|_| header.stages.iter().any(|(stage, _)| stage.is_dl1())) {
        let word = |node: &Node| node.text().unwrap_or_default().to_string();
        let place = tuning.data.location(file);
        made.push(shared.tune(&word(tuning.data), &word(tuning.simulation), &shared.dl1, place));
    }
    for entry in &entries {
        shared.steps(&mut notes, entry, &mut made);
    }
    let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let mut production = Production { name: header.prod_id.clone().unwrap_or(stem), source: file.into(), steps: made };
    set_apart(&mut production);
    let mut found = notes.found;
    if !production.steps.is_empty() {
        let graph = Graph::new(&production);
        found.extend(check::structure(&production, &graph));
        found.extend(missing::check_names(&production));
        found.extend(missing::check(&production, &graph, [&shared.analysis, &shared.dl1]));
    } else if !found.iter().any(|finding| finding.severity == Severity::Error) {
        found.push(Finding::error(root.location(file), "no-steps", "the production has no steps to run"));
    }
    found.sort_by(|a, b| {
        (&a.location, a.severity, a.code, &a.message).cmp(&(&b.location, b.severity, b.code, &b.message))
    });
    found.dedup();
    ((!production.steps.is_empty()).then_some(production), found)
}

/// What all steps share: kind, environment, and where the configurations are.
fn shared(notes: &mut Notes<'_>, root: &Node, header: &Header<'_>, base: PathBuf) -> Shared {
    let kind = header.kind.unwrap_or(Kind::Lstchain);
    let place = root.get("workflow_kind").unwrap_or(root);
    let mut config = |given: Option<&Node>, parts: &[&str], endings: &[&str], key: &str, is_json: bool| {
        if let Some(node) = given {
            let path = normal(&base, Path::new(node.text().unwrap_or_default()));
            if !path.is_file() {
                let message = format!("'{key}' is {}, which is no file", path.display());
                notes.error(node, "missing-config", message);
            } else if is_json {
                notes.found.extend(analysis::check(&path));
            }
            return path;
        }
        let found = analysis::beside(&base, parts, endings);
        match found {
            Beside::Nothing => {
                let path = base.join(format!("{key}{}", endings.first().unwrap_or(&"")));
                let message = format!("there is no configuration for {} beside the file", parts.join(" or "));
                let hint =
                    format!("put it there, or name it with '{key}: PATH'; commands will read {}", path.display());
                notes.warning(place, "missing-config", message).hint(Some(hint));
                path
            }
            Beside::Several(path) => {
                let message = format!(
                    "there are several configurations for {} beside the file; {} is taken",
                    parts.join(" or "),
                    path.display()
                );
                notes.warning(place, "several-configs", message).hint(Some(format!("name it with '{key}: PATH'")));
                path
            }
            Beside::One(path) => {
                if is_json {
                    // it was found, not given: what is wrong with it is said, but it may not be the one that is meant
                    let found = analysis::check(&path);
                    notes.found.extend(found.into_iter().map(|f| Finding { severity: Severity::Warning, ..f }));
                }
                path
            }
        }
    };
    let runs = |wanted: fn(Stage) -> bool| header.stages.iter().any(|(stage, _)| wanted(*stage));
    let json = [".json"];
    let any = [".json", ".yaml", ".yml", ".toml"];
    let configs = &header.configs;
    let needs_dl1 = runs(Stage::is_dl1);
    let foreign_dl1 = match kind {
        Kind::Ctapipe if needs_dl1 => Some(config(configs.ctapipe, &["ctapipe"], &any, "ctapipe_config", false)),
        Kind::Hiperta if needs_dl1 => Some(config(configs.hiperta, &["hiperta", "rta"], &any, "hiperta_config", false)),
        _ => None,
    };
    let later = runs(|stage| !matches!(stage, Stage::TrainTestSplit | Stage::MergeDl1) && !stage.is_dl1());
    let analysis = match later || (needs_dl1 && foreign_dl1.is_none()) {
        true => config(configs.lstchain, &["lstchain"], &json, "lstchain_config", true),
        false => base.join("lstchain_config.json"),
    };
    let dl1 = match (foreign_dl1, &header.tuning) {
        (Some(path), _) => path,
        (None, Some(_)) => tuned(&analysis),
        (None, None) => analysis.clone(),
    };
    let recoil = crate::program::path().to_owned();
    let (environment, account) = (header.environment.clone(), header.account.clone());
    Shared { kind, base, environment, account, analysis, dl1, recoil }
}

/// Warns of stages that this build of recoil does not have.
fn missing_stages(notes: &mut Notes<'_>, header: &Header<'_>, registry: &Registry) {
    let own = header.stages.iter().filter(|(stage, _)| *stage != Stage::TrainTestSplit);
    for (stage, node) in own {
        let name = commands::own_stage(*stage);
        if registry.find(&format!("iact {name}")).is_err() {
            let message = format!("this build of recoil has no stage 'iact {name}': its steps will fail when they run");
            notes.warning(node, "missing-stage", message);
        }
    }
}

/// The name of the configuration with the noise tuned.
fn tuned(config: &Path) -> PathBuf {
    let stem = config.file_stem().unwrap_or_default().to_string_lossy();
    config.with_file_name(format!("{stem}_tuning.json"))
}

/// Tells every task which names inside its input directories are written by steps of its own or later stages: these are
/// no part of its input, and their appearance does not make it stale.
fn set_apart(production: &mut Production) {
    let mut written: Vec<(PathBuf, u32)> = Vec::new();
    for step in &production.steps {
        // the tasks of an array share their output
        for output in step.tasks.first().into_iter().flat_map(|task| &task.outputs) {
            written.push((output.path.clone(), step.phase.unwrap_or_default()));
        }
    }
    written.sort();
    for step in &mut production.steps {
        let own = step.phase.unwrap_or_default();
        for task in &mut step.tasks {
            for input in &task.inputs {
                let first = written.partition_point(|(path, _)| path <= input);
                let inside = written.get(first..).unwrap_or_default();
                let inside = inside.iter().take_while(|(path, _)| path.starts_with(input));
                task.apart.extend(inside.filter(|(_, phase)| *phase >= own).map(|(path, _)| path.clone()));
            }
        }
    }
}
