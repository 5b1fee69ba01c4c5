//! From the steps of the file to commands, files and resources.

use super::batches::{self, Found};
use super::notes::Notes;
use super::stage::{Kind, Stage};
use super::steps::{Entry, Work};
use crate::graph::normal;
use crate::model::{Argument, Command, Environment, Output, OutputKind, Resources, Step, Task};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What all steps share.
pub(super) struct Shared {
    pub kind: Kind,
    /// Directory of the file; relative paths begin there.
    pub base: PathBuf,
    pub environment: Environment,
    pub account: Option<String>,
    /// Configuration of lstchain, or of recoil's stages.
    pub analysis: PathBuf,
    /// Configuration of the DL1 stage.
    pub dl1: PathBuf,
    /// This program.
    pub recoil: String,
}

/// Tasks of an array that run at the same time.
const CONCURRENT: usize = 100;

/// What `lstmcpipe_plot_models_importance` puts beside the forests.
const PICTURE: &str = "features_importance.png";

fn text(word: impl Into<String>) -> Argument {
    Argument::Text(word.into())
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// The word of an output as the command takes it.
fn out(output: usize, prefix: &str, suffix: &str) -> Argument {
    Argument::Output { output, prefix: prefix.into(), suffix: suffix.into() }
}

fn command(argv: Vec<Argument>) -> Command {
    Command { argv, variables: BTreeMap::new() }
}

/// A command that draws without a screen.
fn drawing(argv: Vec<Argument>) -> Command {
    Command { argv, variables: BTreeMap::from([("MPLBACKEND".into(), "Agg".into())]) }
}

/// The command of `recoil iact` that carries out a stage.
pub(super) fn own_stage(stage: Stage) -> &'static str {
    match stage {
        Stage::R0ToDl1 => "r0-to-dl1",
        Stage::Dl1ab => "dl1ab",
        Stage::TrainTestSplit => "split",
        Stage::MergeDl1 => "merge",
        Stage::TrainPipe => "train",
        Stage::Dl1ToDl2 => "dl1-to-dl2",
        Stage::Dl2ToIrfs => "irfs",
        Stage::Dl2ToSensitivity => "sensitivity",
    }
}

/// One task with its files in the making.
struct Draft<'s> {
    shared: &'s Shared,
    task: Task,
}

impl<'s> Draft<'s> {
    fn new(shared: &'s Shared) -> Self {
        Self { shared, task: Task { commands: Vec::new(), inputs: Vec::new(), outputs: Vec::new(), apart: Vec::new() } }
    }

    /// Notes an input; its word as the command gets it.
    fn reads(&mut self, path: &str) -> String {
        self.task.inputs.push(normal(&self.shared.base, Path::new(path)));
        self.shared.word(path)
    }

    /// Notes an output; its word is found by its number.
    fn writes(&mut self, path: &str, kind: OutputKind) -> usize {
        self.task.outputs.push(Output { path: normal(&self.shared.base, Path::new(path)), kind });
        self.task.outputs.len() - 1
    }

    fn runs(&mut self, command: Command) {
        self.task.commands.push(command);
    }
}

/// A path without the endings of its file: those of FITS files, else the last one; with `_files` if there is none.
fn without_endings(path: &str) -> String {
    let plain = path.strip_suffix(".gz").unwrap_or(path);
    match plain.rsplit_once('.').filter(|(stem, ending)| !ending.contains('/') && !stem.is_empty()) {
        Some((stem, _)) => stem.into(),
        None => format!("{path}_files"),
    }
}

/// A slash at the end of a word stays there.
fn slash(path: &str) -> &'static str {
    if path.ends_with('/') && path.len() > 1 { "/" } else { "" }
}

impl Shared {
    /// A path as commands get it: as written if it is absolute.
    fn word(&self, path: &str) -> String {
        match Path::new(path).is_absolute() {
            true => path.into(),
            false => shown(&normal(&self.base, Path::new(path))) + slash(path),
        }
    }

    /// The beginning of a command of recoil's own Cherenkov chain.
    fn iact(&self, stage: Stage) -> Vec<Argument> {
        vec![text(&self.recoil), text("iact"), text(own_stage(stage))]
    }

    /// The words of an own stage: its inputs by their options, where it writes, and the configuration of the analysis.
    fn iact_with<'w>(
        &self,
        stage: Stage,
        inputs: impl IntoIterator<Item = (&'w str, &'w str)>,
        output: Argument,
        config: &str,
    ) -> Vec<Argument> {
        let mut words = self.iact(stage);
        words.extend(inputs.into_iter().flat_map(|(option, path)| [text(option), text(path)]));
        words.extend([text("-o"), output, text("-c"), text(config)]);
        words
    }

    /// The step of an entry, and the drawing of forests that goes with training.
    pub fn steps(&self, notes: &mut Notes<'_>, entry: &Entry<'_>, steps: &mut Vec<Step>) {
        let stage = entry.stage;
        let tasks = match &entry.work {
            Work::Dl1 { input, output } => self.dl1(notes, entry, input, output),
            Work::Split { input, train, test, ratio } => vec![self.split(input, train, test, *ratio)],
            Work::Merge { input, output } => vec![self.merge(entry, input, output)],
            Work::Train { gamma, proton, models } => vec![self.train(gamma, proton, models)],
            Work::Dl2 { input, models, output } => vec![self.dl2(input, models, output)],
            Work::Irfs { gamma, proton, electron, output } => {
                vec![self.irfs(&entry.options, [Some(*gamma), *proton, *electron], output)]
            }
            Work::Sensitivity { gamma, proton, electron, output } => {
                vec![self.sensitivity([gamma, proton, electron], output)]
            }
        };
        let (partition, defaults) = stage.defaults();
        let own = &entry.slurm.resources;
        let resources = Resources {
            cpus: own.cpus.or(defaults.cpus),
            memory_bytes: own.memory_bytes.or(defaults.memory_bytes),
            time_seconds: own.time_seconds,
        };
        let mut scheduler = self.scheduler(partition);
        scheduler.extend(entry.slurm.other.clone());
        let location = Some(entry.node.location(notes.file));
        steps.push(Step {
            id: format!("{}-{}", stage.name(), entry.number),
            stage: stage.name().into(),
            tasks,
            resources,
            scheduler,
            environment: self.environment.clone(),
            concurrent: stage.is_dl1().then_some(CONCURRENT),
            retries: u32::from(stage.is_dl1()),
            acceptance: 1.0,
            after: Vec::new(),
            phase: Some(stage.phase()),
            location: location.clone(),
        });
        if let (Work::Train { models, .. }, true) = (&entry.work, self.kind != Kind::Recoil) {
            let mut draft = Draft::new(self);
            let models = draft.reads(models);
            draft.task.apart.extend(draft.task.inputs.first().map(|models| models.join(PICTURE)));
            let words = ["lstmcpipe_plot_models_importance", &models, "-cf", &shown(&self.analysis)];
            draft.runs(drawing(words.into_iter().map(text).collect()));
            steps.push(Step {
                id: format!("plot_rf_features-{}", entry.number),
                stage: "plot_rf_features".into(),
                tasks: vec![draft.task],
                resources: Resources { memory_bytes: Some(16 << 30), ..Resources::default() },
                scheduler: self.scheduler("short"),
                environment: self.environment.clone(),
                concurrent: None,
                retries: 0,
                acceptance: 1.0,
                after: Vec::new(),
                phase: Some(stage.phase() + 1),
                location,
            });
        }
    }

    pub fn scheduler(&self, partition: &str) -> BTreeMap<String, String> {
        let account = self.account.iter().map(|account| ("account".to_string(), account.clone()));
        account.chain([("partition".to_string(), partition.to_string())]).collect()
    }

    /// The array of a DL1 stage: batches of files, one command for each file.
    fn dl1(&self, notes: &mut Notes<'_>, entry: &Entry<'_>, input: &str, output: &str) -> Vec<Task> {
        let stage = entry.stage;
        let directory = normal(&self.base, Path::new(input));
        let mut problem = |code, message: String| {
            notes.error(entry.node.get("input").unwrap_or(entry.node), code, message);
        };
        let step = format!("step {} of {}", entry.number, stage.name());
        let files = match batches::files(self.kind, stage, &directory) {
            Found::Files(files) => files,
            Found::Missing => Vec::new(),
            Found::Empty => {
                let ending = if stage == Stage::R0ToDl1 { "*.simtel.gz" } else { "*.h5" };
                problem("empty-input", format!("{step} reads {input}, which has no file {ending}"));
                Vec::new()
            }
            Found::Unreadable(error) => {
                problem("unreadable-input", format!("{step} reads {input}, which cannot be read: {error}"));
                Vec::new()
            }
        };
        if files.is_empty() {
            // the files are not here to be counted: the plan shows one task for the directory
            return vec![self.dl1_task(stage, &[], &directory, output)];
        }
        let size = batches::size(stage, files.len());
        files.chunks(size).map(|batch| self.dl1_task(stage, batch, &directory, output)).collect()
    }

    /// A task of a DL1 stage; without files one for the directory.
    pub fn dl1_task(&self, stage: Stage, batch: &[PathBuf], directory: &Path, output: &str) -> Task {
        let mut draft = Draft::new(self);
        let index = draft.writes(output, OutputKind::Directory);
        draft.task.inputs.push(self.dl1.clone());
        draft.task.inputs.extend_from_slice(batch);
        let pattern;
        let batch = match batch {
            [] => {
                draft.task.inputs.push(directory.into());
                let is_file = directory.extension().is_some();
                let all = if stage == Stage::R0ToDl1 { "*.simtel.gz" } else { "*.h5" };
                pattern = [if is_file { directory.to_path_buf() } else { directory.join(all) }];
                &pattern
            }
            batch => batch,
        };
        for file in batch {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            draft.runs(command(self.dl1_command(stage, file, &name, index, slash(output))));
        }
        draft.task
    }

    fn dl1_command(&self, stage: Stage, file: &Path, name: &str, output: usize, slash: &str) -> Vec<Argument> {
        let input = text(format!("--input-file={}", shown(file)));
        let config = text(format!("--config={}", shown(&self.dl1)));
        let plain = |program: &str| vec![text(program)];
        match (self.kind, stage) {
            (Kind::Recoil, _) => {
                let inputs = [("-f", &*shown(file))];
                let (one, own) = (stage == Stage::Dl1ab, format!("/{name}"));
                let output = out(output, "", if one { &own } else { slash });
                let mut words = self.iact_with(stage, inputs, output, &shown(&self.dl1));
                words.extend(one.then(|| text("--no-image")));
                words
            }
            (Kind::Ctapipe, _) => {
                let stem = name.strip_suffix(".simtel.gz").or_else(|| name.strip_suffix(".h5")).unwrap_or(name);
                let mut words = plain("ctapipe-stage1");
                words.extend([input, out(output, "--output=", &format!("/{stem}.dl1.h5")), config]);
                words
            }
            (Kind::Hiperta, Stage::R0ToDl1) => {
                let mut words = plain("lstmcpipe_hiperta_r0_to_dl1lstchain");
                words.extend([text("-i"), text(shown(file)), text("-o"), out(output, "", slash)]);
                words.extend([text("-c"), text(shown(&self.dl1))]);
                words
            }
            (Kind::Lstchain, Stage::R0ToDl1) => {
                let mut words = plain("lstchain_mc_r0_to_dl1");
                words.extend([input, out(output, "--output-dir=", slash), config]);
                words
            }
            (Kind::Lstchain | Kind::Hiperta, _) => {
                let mut words = plain("lstchain_dl1ab");
                words.push(text("--no-image"));
                words.extend([input, out(output, "--output-file=", &format!("/{name}")), config]);
                words
            }
        }
    }

    /// Sharing out is done by recoil for every kind: the files are linked, so that the DL1 stage keeps its outputs.
    fn split(&self, input: &str, train: &str, test: &str, ratio: f64) -> Task {
        let mut draft = Draft::new(self);
        let input = draft.reads(input);
        let (test, train) = (draft.writes(test, OutputKind::Directory), draft.writes(train, OutputKind::Directory));
        draft.runs(command(vec![
            text(&self.recoil),
            text("production"),
            text("train_test_split"),
            text("-i"),
            text(input),
            text("--otest"),
            out(test, "", ""),
            text("--otrain"),
            out(train, "", ""),
            text("-r"),
            text(ratio.to_string()),
        ]));
        draft.task
    }

    fn merge(&self, entry: &Entry<'_>, input: &str, output: &str) -> Task {
        let mut draft = Draft::new(self);
        let input = draft.reads(input);
        let output = draft.writes(output, OutputKind::File);
        let mut words = match self.kind {
            Kind::Recoil => {
                let mut words = self.iact(entry.stage);
                words.extend([text("-d"), text(input), text("-o"), out(output, "", "")]);
                words
            }
            Kind::Ctapipe => {
                let mut words = vec![text("ctapipe-merge"), text("--input-dir"), text(input), text("--output")];
                words.push(out(output, "", ""));
                words
            }
            Kind::Lstchain | Kind::Hiperta => {
                let mut words = vec![text("lstchain_merge_hdf5_files"), text("-d"), text(input), text("-o")];
                words.push(out(output, "", ""));
                words
            }
        };
        words.extend(entry.options.iter().map(text));
        draft.runs(command(words));
        draft.task
    }

    fn train(&self, gamma: &str, proton: &str, models: &str) -> Task {
        let mut draft = Draft::new(self);
        let (gamma, proton) = (draft.reads(gamma), draft.reads(proton));
        let output = draft.writes(models, OutputKind::Directory);
        let config = self.reads_analysis(&mut draft);
        let words = match self.kind {
            Kind::Recoil => {
                let inputs = [("-g", &*gamma), ("-p", &*proton)];
                self.iact_with(Stage::TrainPipe, inputs, out(output, "", slash(models)), &config)
            }
            _ => {
                let first = ["lstchain_mc_trainpipe", "--fg", &gamma, "--fp", &proton, "-o"];
                let mut words: Vec<Argument> = first.into_iter().map(text).collect();
                words.extend([out(output, "", slash(models)), text("-c"), text(config)]);
                words
            }
        };
        draft.runs(command(words));
        draft.task
    }

    fn dl2(&self, input: &str, models: &str, output: &str) -> Task {
        let mut draft = Draft::new(self);
        let end = slash(output);
        let (input, models) = (draft.reads(input), draft.reads(models));
        let output = draft.writes(output, OutputKind::Directory);
        let config = self.reads_analysis(&mut draft);
        // the picture that plot_rf_features puts beside the forests is no part of them
        draft.task.apart.extend(draft.task.inputs.get(1).map(|models| models.join(PICTURE)));
        let words = match self.kind {
            Kind::Recoil => {
                let inputs = [("-f", &*input), ("-p", &*models)];
                self.iact_with(Stage::Dl1ToDl2, inputs, out(output, "", end), &config)
            }
            _ => {
                let first = ["lstchain_dl1_to_dl2", "-f", &input, "-p", &models, "-o"];
                let mut words: Vec<Argument> = first.into_iter().map(text).collect();
                words.extend([out(output, "", end), text("-c"), text(config)]);
                words
            }
        };
        draft.runs(command(words));
        draft.task
    }

    fn irfs(&self, options: &[String], files: [Option<&str>; 3], output: &str) -> Task {
        let mut draft = Draft::new(self);
        let files = files.map(|file| file.map(|file| draft.reads(file)));
        let output = draft.writes(output, OutputKind::File);
        let config = self.reads_analysis(&mut draft);
        let [gamma, proton, electron] = files;
        let words = match self.kind {
            Kind::Recoil => {
                let files = ["-g", "-p", "-e"].into_iter().zip([&gamma, &proton, &electron]);
                let inputs = files.filter_map(|(option, file)| Some((option, file.as_deref()?)));
                let mut words = self.iact_with(Stage::Dl2ToIrfs, inputs, out(output, "", ""), &config);
                words.extend(options.iter().map(text));
                words
            }
            _ => {
                let mut words = vec![text("lstchain_create_irf_files")];
                words.extend(options.iter().map(text));
                let word = |flag, file: Option<String>| file.map(|file| [text(flag), text(file)]).into_iter().flatten();
                words.extend(word("-g", gamma));
                words.extend([text("-o"), out(output, "", "")]);
                words.extend(word("-p", proton));
                words.extend(word("-e", electron));
                words.push(text(format!("--config={config}")));
                words
            }
        };
        draft.runs(command(words));
        draft.task
    }

    fn sensitivity(&self, files: [&str; 3], path: &str) -> Task {
        let mut draft = Draft::new(self);
        let [gamma, proton, electron] = files.map(|file| draft.reads(file));
        let picture = format!("{path}.png");
        let output = draft.writes(path, OutputKind::File);
        if self.kind == Kind::Recoil {
            // the files of lstmcpipe have their names, everything else lies in a directory beside them
            let config = self.reads_analysis(&mut draft);
            let picture = draft.writes(&picture, OutputKind::File);
            let folder = draft.writes(&without_endings(path), OutputKind::Directory);
            let inputs = [("-g", &*gamma), ("-p", &*proton), ("-e", &*electron)];
            draft.runs(command(self.iact_with(Stage::Dl2ToSensitivity, inputs, out(folder, "", ""), &config)));
            for (name, target) in [("sensitivity.fits.gz", output), ("sensitivity.png", picture)] {
                let from = out(folder, "", &format!("/{name}"));
                draft.runs(command(vec![text("cp"), from, out(target, "", "")]));
            }
            return draft.task;
        }
        let first = ["lstmcpipe_dl2_to_sensitivity", "-g", &gamma, "-p", &proton, "-e", &electron, "-o"];
        let mut words: Vec<Argument> = first.into_iter().map(text).collect();
        words.push(out(output, "", ""));
        draft.runs(command(words));
        let picture = draft.writes(&picture, OutputKind::File);
        let words =
            vec![text("lstmcpipe_plot_irfs"), text("-f"), out(output, "", ""), text("-o"), out(picture, "", "")];
        draft.runs(drawing(words));
        draft.task
    }

    /// Notes the configuration as an input, so that a change of it is seen.
    fn reads_analysis(&self, draft: &mut Draft<'_>) -> String {
        draft.task.inputs.push(self.analysis.clone());
        shown(&self.analysis)
    }

    /// The step that tunes the noise, and the configuration that it writes.
    pub fn tune(&self, data: &str, simulation: &str, tuned: &Path, location: crate::finding::Location) -> Step {
        let mut draft = Draft::new(self);
        let config = self.reads_analysis(&mut draft);
        let (data, simulation) = (draft.reads(data), draft.reads(simulation));
        let output = draft.writes(&shown(tuned), OutputKind::File);
        let first = ["production", "tune_nsb", "--config", &config, "--input-mc", &simulation, "--input-data", &data];
        let mut words = vec![text(&self.recoil)];
        words.extend(first.into_iter().map(text));
        words.extend([text("-o"), out(output, "", "")]);
        draft.runs(command(words));
        Step {
            id: "tune_nsb-1".into(),
            stage: "tune_nsb".into(),
            tasks: vec![draft.task],
            resources: Resources::default(),
            scheduler: self.scheduler("short"),
            environment: self.environment.clone(),
            concurrent: None,
            retries: 0,
            acceptance: 1.0,
            after: Vec::new(),
            phase: Some(0),
            location: Some(location),
        }
    }
}
