//! Writing production files: all paths of a standard production from its name and the simulation that is there.
//!
//! The classes, paths and resources are those of lstmcpipe, with two repairs that [`Request::as_lstmcpipe`] undoes: in
//! prod5 productions both offsets of point-like gammas keep their own files, and the check of a source production leaves
//! out the nodes that are missing instead of the last one.

mod allsky;
pub(super) mod emit;
pub mod nsb;
mod prod5;
mod tree;

use super::analysis;
use super::stage::Stage;
use crate::error::{ProductionError, Result};
use crate::yaml::{Node, Value};
use std::path::{Path, PathBuf};

/// A class of productions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// One pointing, two offsets, all particles.
    Prod5Trans80,
    /// The same from the DL1 files of another production.
    Prod5Trans80DL1ab,
    /// Training nodes of one declination.
    AllSkyTraining,
    /// The same with diffuse gammas shared out.
    AllSkyTrainingWithSplit,
    /// Test nodes.
    AllSkyTesting,
    /// The half of the diffuse gammas that was kept for testing.
    AllSkyTestingGammaDiffuse,
    /// Training and test nodes of several declinations.
    AllSkyFull,
    /// The same with diffuse gammas shared out.
    AllSkyFullSplitDiffuse,
    /// As [`Self::AllSkyTraining`], from DL1 files of another production.
    AllSkyTrainingDL1ab,
    /// As [`Self::AllSkyTesting`], from DL1 files of another production.
    AllSkyTestingDL1ab,
    /// As [`Self::AllSkyFull`], from DL1 files of another production.
    AllSkyFullDL1ab,
    /// New forests for merged DL1 files of another production.
    AllTrainTestDL1b,
}

impl Class {
    /// All of them with their names.
    pub const ALL: [(Self, &'static str); 12] = [
        (Self::Prod5Trans80, "Prod5Trans80"),
        (Self::Prod5Trans80DL1ab, "Prod5Trans80DL1ab"),
        (Self::AllSkyTraining, "AllSkyTraining"),
        (Self::AllSkyTrainingWithSplit, "AllSkyTrainingWithSplit"),
        (Self::AllSkyTesting, "AllSkyTesting"),
        (Self::AllSkyTestingGammaDiffuse, "AllSkyTestingGammaDiffuse"),
        (Self::AllSkyFull, "AllSkyFull"),
        (Self::AllSkyFullSplitDiffuse, "AllSkyFullSplitDiffuse"),
        (Self::AllSkyTrainingDL1ab, "AllSkyTrainingDL1ab"),
        (Self::AllSkyTestingDL1ab, "AllSkyTestingDL1ab"),
        (Self::AllSkyFullDL1ab, "AllSkyFullDL1ab"),
        (Self::AllTrainTestDL1b, "AllTrainTestDL1b"),
    ];

    /// The class of a name, with or without `PathConfig` before it.
    ///
    /// # Errors
    /// When there is none.
    pub fn of(name: &str) -> Result<Self> {
        let plain = name.strip_prefix("PathConfig").unwrap_or(name);
        Self::ALL.iter().find(|(_, known)| *known == plain).map(|(class, _)| *class).ok_or_else(|| {
            let names = Self::ALL.map(|(_, known)| known);
            let help = recoil_stage::config::did_you_mean(plain, &names)
                .unwrap_or_else(|| format!("kinds are: {}", names.join(", ")));
            ProductionError::Usage(format!("there is no kind of production '{name}' ({help})"))
        })
    }

    /// Its name without `PathConfig`.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(class, _)| *class == self).map_or("", |(_, name)| name)
    }

    /// Whether it begins with files of another production.
    pub fn has_source(self) -> bool {
        use Class::*;
        matches!(
            self,
            Prod5Trans80DL1ab | AllSkyTrainingDL1ab | AllSkyTestingDL1ab | AllSkyFullDL1ab | AllTrainTestDL1b
        )
    }

    fn is_prod5(self) -> bool {
        matches!(self, Self::Prod5Trans80 | Self::Prod5Trans80DL1ab)
    }

    /// Whether it takes several declinations.
    fn has_decs(self) -> bool {
        use Class::*;
        matches!(self, AllSkyFull | AllSkyFullSplitDiffuse | AllSkyFullDL1ab | AllTrainTestDL1b)
    }
}

/// What is to be generated.
#[derive(Clone, Debug)]
pub struct Request {
    /// The class.
    pub class: Class,
    /// Name of the production.
    pub prod_id: String,
    /// Name of the production that DL1 files are taken from.
    pub source_prod_id: Option<String>,
    /// Declinations, such as `dec_2276`.
    pub decs: Vec<String>,
    /// Zenith directory of prod5, such as `zenith_20deg`.
    pub zenith: String,
    /// Whether nodes without files in the source production are left out.
    pub run_checker: bool,
    /// Directory below which the paths of the cluster are looked up; they are written without it.
    pub root: PathBuf,
    /// Day that stands in the first line, such as `2026-11-22`.
    pub date: String,
    /// `workflow_kind` of the file.
    pub workflow_kind: String,
    /// Conda environment.
    pub conda_env: String,
    /// Options for the batch system that are added to steps: stage (nothing for all), key, value.
    pub slurm: Vec<(Option<Stage>, String, String)>,
    /// Exactly what lstmcpipe writes, with its mistakes.
    pub as_lstmcpipe: bool,
}

impl Request {
    /// A request with the defaults of lstmcpipe.
    pub fn new(class: Class, prod_id: impl Into<String>) -> Self {
        Self {
            class,
            prod_id: prod_id.into(),
            source_prod_id: None,
            decs: Vec::new(),
            zenith: "zenith_20deg".into(),
            run_checker: false,
            root: "/".into(),
            date: recoil_stage::utc(std::time::SystemTime::now()).chars().take(10).collect(),
            workflow_kind: "lstchain".into(),
            conda_env: "lstchain-v0.10.7".into(),
            slurm: Vec::new(),
            as_lstmcpipe: false,
        }
    }
}

/// A value of the file that is written.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Item {
    Word(String),
    Nothing,
    Map(Vec<(String, Item)>),
}

/// A step that is written.
pub(super) type StepItem = Vec<(String, Item)>;

fn word(text: impl Into<String>) -> Item {
    Item::Word(text.into())
}

/// A step with input and output.
fn step(input: Item, output: Item) -> StepItem {
    vec![("input".into(), input), ("output".into(), output)]
}

fn map(entries: &[(&str, Item)]) -> Item {
    Item::Map(entries.iter().map(|(key, value)| ((*key).into(), value.clone())).collect())
}

/// A step with more keys.
fn with(mut step: StepItem, entries: &[(&str, Item)]) -> StepItem {
    step.extend(entries.iter().map(|(key, value)| ((*key).to_string(), value.clone())));
    step
}

/// What the stages of a class write, in the order of the file.
pub(super) type Stages = Vec<(Stage, Vec<StepItem>)>;

/// What was generated.
#[derive(Clone, Debug)]
pub struct Generated {
    /// The file.
    pub yaml: String,
    /// Nodes that were left out, and why.
    pub warnings: Vec<String>,
    /// Stages with their numbers of steps.
    pub counts: Vec<(Stage, usize)>,
}

/// The production file of a request.
///
/// # Errors
/// Options that are missing or that the class does not take; simulation that is not there.
pub fn generate(request: &Request) -> Result<Generated> {
    check(request)?;
    let mut warnings = Vec::new();
    let mut stages = match request.class.is_prod5() {
        true => prod5::stages(request, &mut warnings),
        false => allsky::stages(request, &mut warnings)?,
    };
    add_slurm(request, &mut stages);
    let counts = stages.iter().map(|(stage, steps)| (*stage, steps.len())).collect();
    Ok(Generated { yaml: emit::file(request, &stages), warnings, counts })
}

fn check(request: &Request) -> Result<()> {
    let class = request.class;
    let name = class.name();
    let fail = |message: String| Err(ProductionError::Usage(message));
    let plain = |text: &str| {
        !text.is_empty()
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-.+".contains(c))
            && !text.starts_with('-')
    };
    for (what, text) in
        [Some(("prod id", &request.prod_id)), request.source_prod_id.as_ref().map(|id| ("source prod id", id))]
            .into_iter()
            .flatten()
            .chain(request.decs.iter().map(|dec| ("declination", dec)))
            .chain([("zenith", &request.zenith), ("Conda environment", &request.conda_env)])
    {
        if !plain(text) {
            return fail(format!("'{}' is no {what}: letters, digits, '_', '-', '.' and '+'", text.escape_debug()));
        }
    }
    match (class.has_source(), &request.source_prod_id) {
        (true, None) => {
            return fail(format!("{name} needs --source_prod_id, the production that DL1 files are taken from"));
        }
        (false, Some(_)) => return fail(format!("{name} takes no --source_prod_id")),
        _ => {}
    }
    match (class.is_prod5(), class.has_decs(), request.decs.len()) {
        (true, _, 0) => {}
        (true, ..) => return fail(format!("{name} takes no --dec_list")),
        (false, _, 0) => return fail(format!("{name} needs --dec_list, such as --dec_list dec_2276")),
        (false, true, _) | (false, false, 1) => {}
        (false, false, _) => return fail(format!("{name} takes one declination, not {}", request.decs.len())),
    }
    let mut seen = std::collections::HashSet::new();
    if let Some(twice) = request.decs.iter().find(|dec| !seen.insert(*dec)) {
        return fail(format!("the declination {twice} is given twice"));
    }
    Ok(())
}

/// Puts the options of the request over those of the class.
fn add_slurm(request: &Request, stages: &mut Stages) {
    for (only, key, value) in &request.slurm {
        for (_, steps) in stages.iter_mut().filter(|(stage, _)| only.is_none_or(|only| only == *stage)) {
            for step in steps {
                let at = step.iter().position(|(name, _)| name == "extra_slurm_options");
                let at = at.unwrap_or_else(|| {
                    step.push(("extra_slurm_options".into(), Item::Map(Vec::new())));
                    step.len() - 1
                });
                let Some((_, Item::Map(entries))) = step.get_mut(at) else { continue };
                match entries.iter_mut().find(|(name, _)| name == key) {
                    Some((_, old)) => *old = word(value),
                    None => entries.push((key.clone(), word(value))),
                }
            }
        }
    }
}

/// The configuration of the analysis for a class, from a standard one: where the pointing does not vary, forests do not
/// learn from it.
///
/// # Errors
/// A file that cannot be read as JSON.
pub fn analysis_for(class: Class, base: &Path) -> Result<String> {
    let mut root = read_analysis(base)?;
    if !class.name().contains("AllSky") {
        for key in [
            "energy_regression_features",
            "disp_regression_features",
            "disp_classification_features",
            "particle_classification_features",
        ] {
            remove_pointing(&mut root, key);
        }
    }
    Ok(analysis::json(&root) + "\n")
}

fn read_analysis(base: &Path) -> Result<Node> {
    analysis::read(base).map_err(|found| {
        let all: Vec<String> = found.iter().map(ToString::to_string).collect();
        ProductionError::Usage(all.join("\n"))
    })
}

fn remove_pointing(root: &mut Node, key: &str) {
    let Value::Map(entries) = &mut root.value else { return };
    let Some((_, list)) = entries.iter_mut().find(|(name, _)| name.text() == Some(key)) else { return };
    if let Value::List(items) = &mut list.value {
        items.retain(|item| !matches!(item.text(), Some("alt_tel" | "az_tel" | "sin_az_tel")));
    }
}
