//! The top of a production file: who runs it, where, and which stages.

use super::notes::{Notes, kind};
use super::stage::{Kind, Stage};
use crate::model::Environment;
use crate::yaml::Node;
use recoil_stage::config::did_you_mean;
use std::path::PathBuf;

/// Keys of the top that something reads, or that are known to be remarks.
const TOP: &[&str] = &[
    "workflow_kind",
    "prod_id",
    "prod_type",
    "lstmcpipe_version",
    "source_environment",
    "slurm_config",
    "stages_to_run",
    "stages",
    "dl1_noise_tune_data_run",
    "dl1_noise_tune_mc_run",
    "lstchain_config",
    "ctapipe_config",
    "hiperta_config",
];

/// The top of a file as far as it could be read.
pub(super) struct Header<'n> {
    pub kind: Option<Kind>,
    pub prod_id: Option<String>,
    pub environment: Environment,
    pub account: Option<String>,
    /// The stages to run with their steps, in the order in which they run.
    pub stages: Vec<(Stage, &'n Node)>,
    pub tuning: Option<Tuning<'n>>,
    /// Configurations of the analysis programs that the file names itself.
    pub configs: Configs<'n>,
}

/// The runs that the noise is tuned to.
pub(super) struct Tuning<'n> {
    pub data: &'n Node,
    pub simulation: &'n Node,
}

/// Configurations of the analysis programs.
#[derive(Default)]
pub(super) struct Configs<'n> {
    pub lstchain: Option<&'n Node>,
    pub ctapipe: Option<&'n Node>,
    pub hiperta: Option<&'n Node>,
}

impl<'n> Header<'n> {
    pub fn read(notes: &mut Notes<'_>, root: &'n Node) -> Self {
        let what = "the file";
        if root.map().is_none() {
            notes.error(root, "wrong-type", format!("the file is {}, expected a mapping", root.kind()));
        }
        notes.unknown_keys(root, what, TOP);
        let kind = workflow(notes, root);
        let prod_id = prod_id(notes, root);
        let environment = environment(notes, root, kind);
        let account = account(notes, root);
        let tuning = tuning(notes, root, kind);
        let stages = stages(notes, root);
        let mut path = |key: &str| {
            let node = root.get(key).filter(|node| !node.is_null())?;
            if node.text().is_none_or(str::is_empty) {
                notes.error(node, "wrong-type", format!("'{key}' is {}, expected a path", super::notes::kind(node)));
                return None;
            }
            Some(node)
        };
        let configs = Configs {
            lstchain: path("lstchain_config"),
            ctapipe: path("ctapipe_config"),
            hiperta: path("hiperta_config"),
        };
        Self { kind, prod_id, environment, account, stages, tuning, configs }
    }
}

fn workflow(notes: &mut Notes<'_>, root: &Node) -> Option<Kind> {
    let node = notes.needed(root, "the file", "workflow_kind", TOP)?;
    let name = node.text().unwrap_or_default();
    let kind = Kind::of(name);
    if kind.is_none() {
        let message = format!("'workflow_kind' is '{name}', expected one of {}", Kind::NAMES.join(", "));
        notes.error(node, "bad-value", message).hint(did_you_mean(name, &Kind::NAMES));
    }
    kind
}

fn prod_id(notes: &mut Notes<'_>, root: &Node) -> Option<String> {
    match root.get("prod_id") {
        Some(node) if node.map().is_some() || node.list().is_some() => {
            notes.error(node, "wrong-type", format!("'prod_id' is {}, expected a word", node.kind()));
            None
        }
        Some(node) if node.text().is_some_and(|text| !text.is_empty()) => node.text().map(Into::into),
        place => {
            let message = "there is no 'prod_id'; the production is named after the file";
            notes.warning(place.unwrap_or(root), "missing-prod-id", message);
            None
        }
    }
}

fn environment(notes: &mut Notes<'_>, root: &Node, kind: Option<Kind>) -> Environment {
    // recoil needs no environment to run its own stages
    if kind == Some(Kind::Recoil) && root.get("source_environment").is_none() {
        return Environment::default();
    }
    let Some(node) = notes.needed(root, "the file", "source_environment", TOP) else { return Environment::default() };
    let known = ["source_file", "conda_env"];
    if node.map().is_none() {
        let message = format!("'source_environment' is {}, expected 'source_file' and 'conda_env'", kind_of(node));
        notes.error(node, "wrong-type", message);
        return Environment::default();
    }
    notes.unknown_keys(node, "source_environment", &known);
    let mut word = |key: &str| {
        let value = notes.word(node, "source_environment", key, &known);
        value.and_then(Node::text).map(Into::into)
    };
    let source: Option<String> = word("source_file");
    let conda_env = word("conda_env");
    Environment { source_file: source.map(PathBuf::from), conda_env, ..Environment::default() }
}

fn kind_of(node: &Node) -> &'static str {
    kind(node)
}

fn account(notes: &mut Notes<'_>, root: &Node) -> Option<String> {
    let node = root.get("slurm_config").filter(|node| !node.is_null())?;
    if node.map().is_none() {
        notes.error(node, "wrong-type", format!("'slurm_config' is {}, expected 'user_account'", kind(node)));
        return None;
    }
    notes.unknown_keys(node, "slurm_config", &["user_account"]);
    node.get("user_account").and_then(Node::text).filter(|text| !text.is_empty()).map(Into::into)
}

fn tuning<'n>(notes: &mut Notes<'_>, root: &'n Node, kind: Option<Kind>) -> Option<Tuning<'n>> {
    const KEYS: [&str; 2] = ["dl1_noise_tune_data_run", "dl1_noise_tune_mc_run"];
    let given = KEYS.map(|key| root.get(key).filter(|node| !node.is_null()));
    match given {
        [None, None] => None,
        [Some(data), Some(simulation)] => {
            for (node, key) in [(data, KEYS[0]), (simulation, KEYS[1])] {
                if node.text().is_none() {
                    notes.error(node, "wrong-type", format!("'{key}' is {}, expected a path", node.kind()));
                    return None;
                }
            }
            if !matches!(kind, Some(Kind::Lstchain | Kind::Recoil) | None) {
                notes.warning(data, "unread-option", "the noise is tuned for workflow_kind lstchain only");
                return None;
            }
            Some(Tuning { data, simulation })
        }
        [only, other] => {
            let (have, lacks) = if only.is_some() { (KEYS[0], KEYS[1]) } else { (KEYS[1], KEYS[0]) };
            let message = format!("there is '{have}' but no '{lacks}'; the noise is tuned with both");
            notes.error(only.or(other).unwrap_or(root), "missing-key", message);
            None
        }
    }
}

fn stages<'n>(notes: &mut Notes<'_>, root: &'n Node) -> Vec<(Stage, &'n Node)> {
    let listed = notes.needed(root, "the file", "stages_to_run", TOP);
    let defined = notes.needed(root, "the file", "stages", TOP);
    let mut wanted: Vec<(Stage, &Node)> = Vec::new();
    let mut unknown: Vec<&str> = Vec::new();
    match listed.map(|node| (node, node.list())) {
        Some((node, Some([]) | None)) => {
            let what = if node.list().is_some() { "an empty list" } else { kind(node) };
            notes.error(node, "no-stages", format!("'stages_to_run' is {what}, expected a list of stages"));
        }
        Some((_, Some(names))) => {
            for node in names {
                let name = node.text().unwrap_or_default();
                match Stage::of(name) {
                    None => {
                        let message = format!("'{name}' is no stage; stages are: {}", Stage::NAMES.join(", "));
                        notes.error(node, "unknown-stage", message).hint(did_you_mean(name, &Stage::NAMES));
                        unknown.push(name);
                    }
                    Some(stage) if wanted.iter().any(|(known, _)| *known == stage) => {
                        notes.warning(node, "repeated-stage", format!("'{name}' stands twice in 'stages_to_run'"));
                    }
                    Some(stage) => wanted.push((stage, node)),
                }
            }
        }
        None => {}
    }
    let has = |stage: Stage| wanted.iter().find(|(known, _)| *known == stage).map(|(_, node)| *node);
    if let (Some(_), Some(second)) = (has(Stage::R0ToDl1), has(Stage::Dl1ab)) {
        notes.error(second, "conflict", "'stages_to_run' has both r0_to_dl1 and dl1ab; a production has one of them");
    }
    let Some(defined) = defined else { return Vec::new() };
    let Some(entries) = defined.map() else {
        let message = format!("'stages' is {}, expected a mapping of stages to lists of steps", kind(defined));
        notes.error(defined, "wrong-type", message);
        return Vec::new();
    };
    for (key, _) in entries {
        let name = key.text().unwrap_or_default();
        if unknown.contains(&name) || listed.is_none() {
            continue;
        }
        match Stage::of(name) {
            None => {
                let message = format!("'{name}' is defined, but is no stage");
                notes.warning(key, "unknown-stage", message).hint(did_you_mean(name, &Stage::NAMES));
            }
            Some(stage) if has(stage).is_none() => {
                let message = format!("the stage {name} is defined but not in 'stages_to_run'; its steps are not run");
                notes.warning(key, "stage-not-run", message);
            }
            Some(_) => {}
        }
    }
    let mut stages = Vec::new();
    for (stage, node) in &wanted {
        match defined.get(stage.name()) {
            Some(steps) => stages.push((*stage, steps)),
            None => {
                let names: Vec<&str> = entries.iter().filter_map(|(key, _)| key.text()).collect();
                let message = format!("the stage {} is to be run, but is not defined in 'stages'", stage.name());
                notes.error(node, "undefined-stage", message).hint(did_you_mean(stage.name(), &names));
            }
        }
    }
    stages.sort_by_key(|(stage, _)| *stage);
    stages
}
