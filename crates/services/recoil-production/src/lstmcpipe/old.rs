//! Production files from before lstmcpipe 0.8, converted to the present form.
//!
//! The old form named particles, offsets and one pointing; all paths followed from
//! `BASE/LEVEL/OBS_DATE/PARTICLE/ZENITH/POINTING/PROD_ID`, with the date and the version of lstchain before the name in
//! `prod_id`. Its DL1 stages shared the files out for training and testing, which is a stage of its own now.

use super::generate::{Item, Stages, StepItem, emit};
use super::notes::Notes;
use super::stage::{Kind, Stage};
use crate::finding::Finding;
use crate::yaml::{self, Node};
use recoil_stage::config::did_you_mean;
use std::path::Path;

const TOP: &[&str] = &[
    "workflow_kind",
    "prod_id",
    "base_path",
    "base_path_dl0",
    "base_path_dl1",
    "dl1_reference_id",
    "prod_type",
    "obs_date",
    "zenith",
    "pointing",
    "particles",
    "offset_gammas",
    "source_environment",
    "irf_config",
    "merging_options",
    "slurm_config",
    "stages_to_be_run",
    "dl1_noise_tune_data_run",
    "dl1_noise_tune_mc_run",
];

/// Keys that the new form has too, with all that is below them.
const KEPT: &[&str] =
    &["workflow_kind", "source_environment", "slurm_config", "dl1_noise_tune_data_run", "dl1_noise_tune_mc_run"];

/// How names that the file does not hold are made up.
#[derive(Clone, Debug, Default)]
pub struct Naming {
    /// Full name of the production; nothing to make it up from the rest.
    pub prod_id: Option<String>,
    /// Day of the production, `YYYYMMDD`, if neither the name of the file's directory nor that of the file begins with one.
    pub date: String,
}

/// A converted file.
#[derive(Clone, Debug)]
pub struct Imported {
    /// Its text.
    pub yaml: String,
    /// The full name of the production.
    pub prod_id: String,
    /// What is worth knowing.
    pub warnings: Vec<Finding>,
}

/// Converts a file.
///
/// # Errors
/// Everything that stands in the way.
pub fn convert(path: &Path, naming: &Naming) -> Result<Imported, Vec<Finding>> {
    let root = yaml::read(path)?;
    let mut notes = Notes::new(path);
    if !super::is_old(&root) {
        notes.error(
            &root,
            "not-old-form",
            "has nothing of the form from before lstmcpipe 0.8; there is nothing to convert",
        );
        return Err(notes.found);
    }
    let old = Old::read(&mut notes, &root, path, naming);
    let stages = old.as_ref().map(|old| old.stages(&mut notes, &root)).unwrap_or_default();
    let errors = super::super::read::has_errors(&notes.found);
    let (Some(old), false) = (old, errors) else { return Err(notes.found) };
    let text = std::fs::read_to_string(path).unwrap_or_default();
    Ok(Imported { yaml: write(&text, &old.prod_id, &stages), prod_id: old.prod_id, warnings: notes.found })
}

/// What an old file says.
struct Old {
    prod_id: String,
    base: String,
    observation: String,
    zenith: Option<String>,
    pointing: String,
    particles: Vec<String>,
    offsets: Vec<String>,
    reference: Option<String>,
    no_image: bool,
    /// Whether the response is for point-like sources, and the offset: if the file says so.
    irf: Option<(bool, String)>,
    wanted: Vec<Stage>,
}

impl Old {
    fn read(notes: &mut Notes<'_>, root: &Node, path: &Path, naming: &Naming) -> Option<Self> {
        let what = "the file";
        notes.unknown_keys(root, what, TOP);
        let word =
            |notes: &mut Notes<'_>, key: &str| notes.word(root, what, key, TOP).and_then(Node::text).map(String::from);
        if let Some(name) = word(notes, "workflow_kind").filter(|name| Kind::of(name).is_none()) {
            let place = root.get("workflow_kind").unwrap_or(root);
            let message = format!("'workflow_kind' is '{name}', expected one of {}", Kind::NAMES.join(", "));
            notes.error(place, "bad-value", message).hint(did_you_mean(&name, &Kind::NAMES));
        }
        if let Some(environment) = notes.needed(root, what, "source_environment", TOP) {
            let known = ["source_file", "conda_env"];
            for key in known {
                let _ = notes.word(environment, "source_environment", key, &known);
            }
        }
        let prod_type = word(notes, "prod_type");
        let observation = word(notes, "obs_date");
        let pointing = word(notes, "pointing");
        let is_prod3 = prod_type.as_deref() == Some("prod3");
        let zenith = if is_prod3 { Some(None) } else { word(notes, "zenith").map(Some) };
        let base = ["base_path", "base_path_dl0", "base_path_dl1"].iter().find_map(|key| root.get(key)?.text());
        if base.is_none() {
            notes.error(root, "missing-key", "there is neither 'base_path' nor 'base_path_dl0'");
        }
        let particles = list(notes, root, "particles", true);
        let offsets = if is_prod3 { Vec::new() } else { list(notes, root, "offset_gammas", false) };
        let wanted = wanted(notes, root);
        let reference = root.get("dl1_reference_id").and_then(Node::text).filter(|text| !text.is_empty());
        if wanted.contains(&Stage::Dl1ab) && reference.is_none() {
            notes.error(
                root,
                "missing-key",
                "the stage dl1ab needs 'dl1_reference_id', the production that it begins with",
            );
        }
        let truth = |node: Option<&Node>| {
            let word = node.and_then(Node::text).map(str::to_ascii_lowercase);
            matches!(word.as_deref(), Some("true" | "yes" | "on"))
        };
        let no_image = truth(root.get("merging_options").and_then(|node| node.get("no_image")));
        let irf = root.get("irf_config").filter(|node| node.map().is_some()).map(|node| {
            let offset = node.get("gamma_offset").and_then(Node::text).unwrap_or("0.4deg");
            let offset = if offset.starts_with("off") { offset.to_string() } else { format!("off{offset}") };
            (truth(node.get("point_like")), offset)
        });
        let observation = observation?;
        let name = root.get("prod_id").and_then(Node::text).filter(|text| !text.is_empty()).unwrap_or("v00");
        let prod_id = naming.prod_id.clone().unwrap_or_else(|| full_name(root, path, &observation, name, &naming.date));
        Some(Self {
            prod_id,
            base: base?.trim_end_matches('/').into(),
            observation,
            zenith: zenith?,
            pointing: pointing?,
            particles,
            offsets,
            reference: reference.map(Into::into),
            no_image,
            irf,
            wanted,
        })
    }

    /// `BASE/LEVEL/OBS_DATE/PARTICLE/ZENITH/POINTING/PROD/OFFSET`, without what is empty.
    fn path(&self, level: &str, particle: &str, prod: &str, offset: &str) -> String {
        let base = match (level, self.base.strip_suffix("/mc")) {
            ("models", Some(above)) => above,
            _ => &self.base,
        };
        let zenith = self.zenith.as_deref().unwrap_or_default();
        let offset = if particle == "gamma" || particle.is_empty() { offset } else { "" };
        let parts = [base, level, &self.observation, particle, zenith, &self.pointing, prod, offset];
        parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join("/")
    }

    /// Particles with the offsets of their files.
    fn sets(&self) -> Vec<(&str, &str)> {
        let of = |particle: &'_ str| particle == "gamma" && !self.offsets.is_empty();
        let mut sets = Vec::new();
        for particle in &self.particles {
            match of(particle) {
                true => sets.extend(self.offsets.iter().map(|offset| (particle.as_str(), offset.as_str()))),
                false => sets.push((particle.as_str(), "")),
            }
        }
        sets
    }

    fn merged(&self, particle: &str, offset: &str, half: &str) -> String {
        format!("{}/dl1_{particle}_{}_{half}.h5", self.path("DL1", particle, &self.prod_id, offset), self.prod_id)
    }

    fn dl2(&self, particle: &str, offset: &str) -> Option<String> {
        let is_there = self.particles.iter().any(|known| known == particle);
        let directory = self.path("DL2", particle, &self.prod_id, offset);
        is_there.then(|| format!("{directory}/dl2_{particle}_{}_test.h5", self.prod_id))
    }

    fn stages(&self, notes: &mut Notes<'_>, root: &Node) -> Stages {
        let id = &self.prod_id;
        let word = |text: String| Item::Word(text);
        let step = |input: Item, output: Item| vec![("input".to_string(), input), ("output".to_string(), output)];
        let has = |particle: &str| self.particles.iter().any(|known| known == particle);
        let mut lacks = |stage: Stage, particle: &str| {
            if !has(particle) {
                let place = root.get("particles").unwrap_or(root);
                notes.error(place, "missing-particle", format!("{} needs '{particle}' in 'particles'", stage.name()));
            }
        };
        let mut stages: Stages = Vec::new();
        for &stage in &self.wanted {
            let steps: Vec<StepItem> = match stage {
                Stage::R0ToDl1 | Stage::Dl1ab => {
                    let (level, prod) = match stage {
                        Stage::R0ToDl1 => ("DL0", ""),
                        _ => ("DL1", self.reference.as_deref().unwrap_or_default()),
                    };
                    let one = |&(particle, offset): &(&str, &str)| {
                        let input = self.path(level, particle, prod, offset);
                        step(word(input), word(self.path("DL1", particle, id, offset)))
                    };
                    self.sets().iter().map(one).collect()
                }
                Stage::TrainTestSplit => {
                    let one = |&(particle, offset): &(&str, &str)| {
                        let input = self.path("DL1", particle, id, offset);
                        let half = |half: &str| (half.to_string(), word(format!("{input}/{half}")));
                        step(word(input.clone()), Item::Map(vec![half("train"), half("test")]))
                    };
                    self.sets().iter().map(one).collect()
                }
                Stage::MergeDl1 => {
                    let one = |particle: &str, offset: &str, half: &str| {
                        let input = format!("{}/{half}", self.path("DL1", particle, id, offset));
                        let mut own = step(word(input), word(self.merged(particle, offset, half)));
                        if self.no_image {
                            own.push(("options".into(), word("--no-image".into())));
                        }
                        own
                    };
                    let training = ["gamma-diffuse", "proton"].into_iter().filter(|particle| has(particle));
                    let mut steps: Vec<StepItem> = training.map(|particle| one(particle, "", "train")).collect();
                    steps.extend(self.sets().iter().map(|(particle, offset)| one(particle, offset, "test")));
                    steps
                }
                Stage::TrainPipe => {
                    lacks(stage, "gamma-diffuse");
                    lacks(stage, "proton");
                    let file =
                        |name: &str, particle: &str| (name.to_string(), word(self.merged(particle, "", "train")));
                    let input = Item::Map(vec![file("gamma", "gamma-diffuse"), file("proton", "proton")]);
                    vec![step(input, word(self.path("models", "", id, "")))]
                }
                Stage::Dl1ToDl2 => {
                    let one = |&(particle, offset): &(&str, &str)| {
                        vec![
                            ("input".to_string(), word(self.merged(particle, offset, "test"))),
                            ("path_model".to_string(), word(self.path("models", "", id, ""))),
                            ("output".to_string(), word(self.path("DL2", particle, id, offset))),
                        ]
                    };
                    self.sets().iter().map(one).collect()
                }
                Stage::Dl2ToIrfs => {
                    lacks(stage, "gamma");
                    self.irfs()
                }
                Stage::Dl2ToSensitivity => {
                    ["gamma", "proton", "electron"].iter().for_each(|particle| lacks(stage, particle));
                    let one = |offset: &String| step(self.files(offset), word(self.result("sensitivity", offset)));
                    self.gamma_offsets().iter().map(one).collect()
                }
            };
            stages.push((stage, steps));
        }
        stages
    }

    /// The offsets of gammas; one empty one if there are none.
    fn gamma_offsets(&self) -> Vec<String> {
        if self.offsets.is_empty() { vec![String::new()] } else { self.offsets.clone() }
    }

    fn irfs(&self) -> Vec<StepItem> {
        let responses = match &self.irf {
            Some((point_like, offset)) if self.offsets.contains(offset) || self.offsets.is_empty() => {
                let offset = if self.offsets.is_empty() { String::new() } else { offset.clone() };
                vec![(*point_like, offset)]
            }
            Some((point_like, _)) => self.gamma_offsets().into_iter().map(|offset| (*point_like, offset)).collect(),
            None => self.gamma_offsets().into_iter().map(|offset| (true, offset)).collect(),
        };
        let one = |(point_like, offset): (bool, String)| {
            let mut own = vec![
                ("input".to_string(), self.files(&offset)),
                ("output".to_string(), Item::Word(self.result("irf", &offset))),
            ];
            if point_like {
                own.push(("options".into(), Item::Word("--point-like".into())));
            }
            own
        };
        responses.into_iter().map(one).collect()
    }

    /// The DL2 files of gammas of an offset, protons and electrons.
    fn files(&self, offset: &str) -> Item {
        let file = |particle: &str| {
            let path = self.dl2(particle, offset).map_or(Item::Nothing, Item::Word);
            (format!("{particle}_file"), path)
        };
        Item::Map(vec![file("gamma"), file("proton"), file("electron")])
    }

    fn result(&self, what: &str, offset: &str) -> String {
        let end = if offset.is_empty() { String::new() } else { format!("_{offset}") };
        format!("{}/{what}_{}{end}.fits.gz", self.path("IRF", "", &self.prod_id, offset), self.prod_id)
    }
}

fn list(notes: &mut Notes<'_>, root: &Node, key: &str, is_needed: bool) -> Vec<String> {
    let node = match is_needed {
        true => notes.needed(root, "the file", key, TOP),
        false => root.get(key).filter(|node| !node.is_null()),
    };
    let Some(node) = node else { return Vec::new() };
    let words: Vec<String> = match node.list() {
        Some(items) => items.iter().filter_map(Node::text).map(Into::into).collect(),
        None => node.text().map(Into::into).into_iter().collect(),
    };
    if words.is_empty() && is_needed {
        notes.error(node, "wrong-type", format!("'{key}' is {}, expected a list of words", node.kind()));
    }
    words
}

/// The stages to run under their present names, with the one that became a stage of its own.
fn wanted(notes: &mut Notes<'_>, root: &Node) -> Vec<Stage> {
    const NAMES: [(&str, Stage); 7] = [
        ("r0_to_dl1", Stage::R0ToDl1),
        ("dl1ab", Stage::Dl1ab),
        ("merge_and_copy_dl1", Stage::MergeDl1),
        ("train_pipe", Stage::TrainPipe),
        ("dl1_to_dl2", Stage::Dl1ToDl2),
        ("dl2_to_irfs", Stage::Dl2ToIrfs),
        ("dl2_to_sensitivity", Stage::Dl2ToSensitivity),
    ];
    let mut stages = Vec::new();
    let Some(node) = notes.needed(root, "the file", "stages_to_be_run", TOP) else { return stages };
    let items = node.list().unwrap_or_default();
    if items.is_empty() {
        notes.error(node, "no-stages", format!("'stages_to_be_run' is {}, expected a list of stages", node.kind()));
    }
    for item in items {
        let name = item.text().unwrap_or_default();
        match NAMES.iter().find(|(known, _)| *known == name) {
            Some((_, stage)) if !stages.contains(stage) => stages.push(*stage),
            Some(_) => {}
            None => {
                let known = NAMES.map(|(name, _)| name);
                notes
                    .error(item, "unknown-stage", format!("'{name}' is no stage of the old form"))
                    .hint(did_you_mean(name, &known));
            }
        }
    }
    if stages.contains(&Stage::R0ToDl1) && stages.contains(&Stage::Dl1ab) {
        notes.error(node, "conflict", "'stages_to_be_run' has both r0_to_dl1 and dl1ab");
    }
    if stages.iter().any(|stage| stage.is_dl1()) {
        stages.push(Stage::TrainTestSplit);
    }
    stages.sort();
    stages
}

/// The name with the date and the version of lstchain before it, as the directories of the production have it: that of
/// the file's own directory if it ends in the name.
fn full_name(root: &Node, path: &Path, observation: &str, name: &str, date: &str) -> String {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.into());
    let directory = whole.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned();
    let day = |text: &str| -> Option<String> {
        let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
        (digits.len() == 8 && text.get(8..9) == Some("_")).then_some(digits)
    };
    // the long form: day, version, simulation, name
    if day(&directory).is_some() && directory.ends_with(name) && directory.contains("_v") && name != directory {
        return directory;
    }
    if day(name).is_some() {
        return name.into();
    }
    let environment = root.get("source_environment").and_then(|node| node.get("conda_env")).and_then(Node::text);
    let version = environment.and_then(|text| text.rsplit_once("-v")).map(|(_, version)| format!("v{version}"));
    let simulation = observation.split_once('_').map(|(_, rest)| rest.to_string());
    let date = day(&directory).unwrap_or_else(|| date.into());
    [Some(date), version, simulation, Some(name.into())].into_iter().flatten().collect::<Vec<_>>().join("_")
}

/// A top-level key of a text with the lines that belong to it.
struct Block<'t> {
    key: &'t str,
    /// Empty lines and remarks before it.
    before: Vec<&'t str>,
    lines: Vec<&'t str>,
}

/// The new text: the remarks of the old one, the keys that both forms have, the stages.
fn write(text: &str, prod_id: &str, stages: &Stages) -> String {
    let (blocks, rest) = blocks(text);
    let mut out = String::new();
    let mut dropped: Vec<&str> = Vec::new();
    for (index, block) in blocks.iter().enumerate() {
        let is_kept = KEPT.contains(&block.key) || block.key == "prod_id";
        if is_kept || index == 0 {
            block.before.iter().for_each(|line| push(&mut out, line));
        } else {
            dropped.extend(block.before.iter().filter(|line| !line.trim().is_empty()));
        }
        match is_kept {
            true if block.key == "prod_id" => {
                let remark =
                    block.lines.first().and_then(|line| line.split_once(" #")).map(|(_, remark)| remark.trim());
                let remark = remark.map(|remark| format!("  # {remark}")).unwrap_or_default();
                push(&mut out, &format!("prod_id: {}{remark}", emit::scalar(prod_id)));
                block.lines.iter().skip(1).for_each(|line| push(&mut out, line));
            }
            true => block.lines.iter().for_each(|line| push(&mut out, line)),
            false => dropped.extend(block.lines.iter().filter(|line| !line.trim().is_empty())),
        }
    }
    rest.iter().for_each(|line| push(&mut out, line));
    if !blocks.iter().any(|block| block.key == "prod_id") {
        push(&mut out, &format!("prod_id: {}", emit::scalar(prod_id)));
    }
    out.truncate(out.trim_end().len());
    out.push_str("\n\n# What the old form said about the paths below:\n");
    for line in dropped {
        let line = line.trim_end();
        let shown = line.strip_prefix("# ").or_else(|| line.strip_prefix('#')).unwrap_or(line);
        push(&mut out, &format!("#   {shown}"));
    }
    out.push('\n');
    emit::body(stages, &mut out);
    out
}

fn push(out: &mut String, line: &str) {
    out.push_str(line.trim_end());
    out.push('\n');
}

/// The text by its top-level keys, and the remarks after the last one.
fn blocks(text: &str) -> (Vec<Block<'_>>, Vec<&str>) {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    let mut waiting: Vec<&str> = Vec::new();
    for line in text.lines() {
        let is_remark = line.trim().is_empty() || line.starts_with('#') || line == "---";
        let begins = !is_remark && !line.starts_with([' ', '\t', '-']);
        if begins {
            let key = line.split(':').next().unwrap_or_default().trim().trim_matches(['"', '\'']);
            let before = waiting.drain(..).filter(|line| *line != "---").collect();
            blocks.push(Block { key, before, lines: vec![line] });
        } else if is_remark {
            waiting.push(line);
        } else if let Some(last) = blocks.last_mut() {
            // remarks between the lines of a block belong to it
            last.lines.append(&mut waiting);
            last.lines.push(line);
        }
    }
    (blocks, waiting)
}
