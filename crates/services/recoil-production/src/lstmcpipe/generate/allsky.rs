//! Productions over the whole sky: nodes of training along declinations, nodes of testing everywhere.

use super::tree::{DL0, SkyNode, joined, local, nodes};
use super::{Class, Item, Request, Stages, StepItem, map, step, with, word};
use crate::error::Result;
use crate::lstmcpipe::stage::Stage;

/// Merging of many files.
const LONG: [(&str, &str); 2] = [("partition", "long"), ("time", "06:00:00")];
const IRF_OPTIONS: &str = "--gh-efficiency 0.7 --theta-containment 0.7 --energy-dependent-gh --energy-dependent-theta ";

/// The particles of testing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Test {
    /// Point-like gammas, the same files for every declination.
    Gamma,
    /// The half of the diffuse gammas of a declination that was kept.
    GammaDiffuse,
}

/// What a class is made of.
struct Parts {
    train: bool,
    split: bool,
    /// `r0_to_dl1` or `dl1ab`; nothing if the DL1 files are there.
    dl1: Option<Stage>,
    tests: Vec<Test>,
    irfs: bool,
}

impl Parts {
    fn of(class: Class) -> Self {
        use Class::*;
        let gamma = vec![Test::Gamma];
        let (r0, ab) = (Some(Stage::R0ToDl1), Some(Stage::Dl1ab));
        let (train, split, dl1, tests, irfs) = match class {
            AllSkyTraining => (true, false, r0, vec![], false),
            AllSkyTrainingWithSplit => (true, true, r0, vec![], false),
            AllSkyTesting => (false, false, r0, gamma, true),
            AllSkyTestingGammaDiffuse => (false, false, None, vec![Test::GammaDiffuse], true),
            AllSkyFullSplitDiffuse => (true, true, r0, vec![Test::Gamma, Test::GammaDiffuse], true),
            AllSkyTrainingDL1ab => (true, false, ab, vec![], false),
            AllSkyTestingDL1ab => (false, false, ab, gamma, true),
            AllSkyFullDL1ab => (true, false, ab, gamma, true),
            AllTrainTestDL1b => (true, false, None, gamma, false),
            AllSkyFull | Prod5Trans80 | Prod5Trans80DL1ab => (true, false, r0, gamma, true),
        };
        Self { train, split, dl1, tests, irfs }
    }
}

/// The nodes of a declination.
struct Grid {
    dec: String,
    gammas: Vec<SkyNode>,
    protons: Vec<SkyNode>,
    /// All joined diffuse gammas, for testing.
    diffuse: Vec<SkyNode>,
}

pub(super) fn stages(request: &Request, warnings: &mut Vec<String>) -> Result<Stages> {
    let parts = Parts::of(request.class);
    let sky = Sky { request, parts };
    let mut grids = Vec::new();
    for dec in &request.decs {
        grids.push(sky.grid(dec, warnings)?);
    }
    let tests = match sky.parts.tests.contains(&Test::Gamma) {
        true => sky.checked(nodes(request, &format!("{DL0}/TestDataset/sim_telarray"))?, warnings),
        false => Vec::new(),
    };
    Ok(sky.stages(&grids, &tests))
}

struct Sky<'a> {
    request: &'a Request,
    parts: Parts,
}

impl Sky<'_> {
    fn grid(&self, dec: &str, warnings: &mut Vec<String>) -> Result<Grid> {
        let needs_diffuse = self.parts.tests.contains(&Test::GammaDiffuse);
        let needs_training = self.parts.train && self.parts.dl1.is_some();
        let mut grid = Grid { dec: dec.into(), gammas: Vec::new(), protons: Vec::new(), diffuse: Vec::new() };
        if !needs_diffuse && !needs_training {
            return Ok(grid);
        }
        let of = |particle: &str| nodes(self.request, &format!("{DL0}/TrainingDataset/{particle}/{dec}/sim_telarray"));
        let pairs = joined(&of("GammaDiffuse")?, &of("Protons")?);
        if pairs.is_empty() {
            warnings.push(format!("{dec} has no node with simulation of both diffuse gammas and protons"));
        }
        let (gammas, protons): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        grid.diffuse = gammas.clone();
        grid.gammas = self.checked_training(gammas, "GammaDiffuse", dec, warnings);
        grid.protons = self.checked_training(protons, "Protons", dec, warnings);
        Ok(grid)
    }

    /// Leaves out nodes of training that the source production does not have.
    fn checked_training(
        &self,
        mut nodes: Vec<SkyNode>,
        particle: &str,
        dec: &str,
        warnings: &mut Vec<String>,
    ) -> Vec<SkyNode> {
        if !self.checks() {
            return nodes;
        }
        let source = |node: &SkyNode| format!("{}/{}", self.train_dir(&self.source(), particle, dec), node.name);
        let before = nodes.clone();
        nodes.retain(|node| self.exists(&source(node), warnings));
        if self.request.as_lstmcpipe && nodes.len() < before.len() {
            // whichever nodes are missing, it is the last one that goes
            nodes = before;
            nodes.pop();
        }
        nodes
    }

    /// Leaves out nodes of testing that the source production does not have.
    fn checked(&self, mut nodes: Vec<SkyNode>, warnings: &mut Vec<String>) -> Vec<SkyNode> {
        if self.checks() {
            nodes.retain(|node| self.exists(&format!("{}/{}", self.test_dir(&self.source()), node.name), warnings));
        }
        nodes
    }

    fn checks(&self) -> bool {
        self.request.run_checker && self.parts.dl1 == Some(Stage::Dl1ab)
    }

    fn exists(&self, path: &str, warnings: &mut Vec<String>) -> bool {
        let is_there = local(self.request, path).exists();
        if !is_there {
            warnings.push(format!("{path} does not exist; its node is left out"));
        }
        is_there
    }

    fn source(&self) -> String {
        self.request.source_prod_id.clone().unwrap_or_default()
    }

    fn train_dir(&self, prod: &str, particle: &str, dec: &str) -> String {
        format!("/fefs/aswg/data/mc/DL1/AllSky/{prod}/TrainingDataset/{particle}/{dec}")
    }

    fn train_file(&self, prod: &str, particle: &str, dec: &str) -> String {
        format!("{}/dl1_{prod}_train_{dec}_{particle}_merged.h5", self.train_dir(prod, particle, dec))
    }

    fn test_dir(&self, prod: &str) -> String {
        format!("/fefs/aswg/data/mc/DL1/AllSky/{prod}/TestingDataset/Gamma")
    }

    fn diffuse_dir(&self, dec: &str) -> String {
        format!("/fefs/aswg/data/mc/DL1/AllSky/{}/TestingDataset/GammaDiffuse/{dec}", self.request.prod_id)
    }

    /// Directory and name of the merged file of a node of testing.
    fn test_file(&self, test: Test, dec: &str, node: &SkyNode) -> (String, String) {
        let (prod, name) = (&self.request.prod_id, &node.name);
        match test {
            Test::Gamma => {
                let prod = if self.parts.dl1.is_none() { &self.source() } else { prod };
                (self.test_dir(prod), format!("{prod}_Gamma_test_{name}_merged.h5"))
            }
            Test::GammaDiffuse => (self.diffuse_dir(dec), format!("{prod}_GammaDiffuse_test_{dec}_{name}_merged.h5")),
        }
    }

    fn models(&self, dec: &str) -> Item {
        word(format!("/fefs/aswg/data/models/AllSky/{}/{dec}", self.request.prod_id))
    }

    fn dl2_dir(&self, level: &str, test: Test, dec: &str, node: &SkyNode) -> String {
        let particle = if test == Test::Gamma { "Gamma" } else { "GammaDiffuse" };
        let prod = &self.request.prod_id;
        format!("/fefs/aswg/data/mc/{level}/AllSky/{prod}/TestingDataset/{particle}/{dec}/{}", node.name)
    }

    fn stages(&self, grids: &[Grid], tests: &[SkyNode]) -> Stages {
        let mut stages: Stages = Vec::new();
        if let Some(dl1) = self.parts.dl1 {
            let mut steps: Vec<StepItem> = Vec::new();
            for grid in grids.iter().filter(|_| self.parts.train) {
                for (particle, nodes) in [("GammaDiffuse", &grid.gammas), ("Protons", &grid.protons)] {
                    steps.extend(nodes.iter().map(|node| self.dl1_training(dl1, particle, &grid.dec, node)));
                }
            }
            steps.extend(tests.iter().map(|node| self.dl1_testing(dl1, node)));
            stages.push((dl1, steps));
        }
        if self.parts.split {
            let of = |grid: &Grid| grid.gammas.iter().map(|node| self.split(&grid.dec, node)).collect::<Vec<_>>();
            stages.push((Stage::TrainTestSplit, grids.iter().flat_map(of).collect()));
        }
        if self.request.class != Class::AllTrainTestDL1b {
            stages.push((Stage::MergeDl1, self.merges(grids, tests)));
        }
        if self.parts.train {
            stages.push((Stage::TrainPipe, grids.iter().map(|grid| self.train(&grid.dec)).collect()));
        }
        let mut dl2 = Vec::new();
        let mut irfs = Vec::new();
        for &test in &self.parts.tests {
            for grid in grids {
                for node in if test == Test::Gamma { tests } else { &grid.diffuse } {
                    dl2.push(self.dl2(test, &grid.dec, node));
                    irfs.push(self.irf(test, &grid.dec, node));
                }
            }
        }
        if !self.parts.tests.is_empty() {
            stages.push((Stage::Dl1ToDl2, dl2));
        }
        if self.parts.irfs {
            stages.push((Stage::Dl2ToIrfs, irfs));
        }
        stages
    }

    fn dl1_training(&self, dl1: Stage, particle: &str, dec: &str, node: &SkyNode) -> StepItem {
        let name = &node.name;
        let input = match dl1 {
            Stage::R0ToDl1 => format!("{DL0}/TrainingDataset/{particle}/{dec}/sim_telarray/{name}/output_v1.4/"),
            _ => format!("{}/{name}", self.train_dir(&self.source(), particle, dec)),
        };
        step(word(input), word(format!("{}/{name}", self.train_dir(&self.request.prod_id, particle, dec))))
    }

    fn dl1_testing(&self, dl1: Stage, node: &SkyNode) -> StepItem {
        let name = &node.name;
        let input = match dl1 {
            Stage::R0ToDl1 => format!("{DL0}/TestDataset/sim_telarray/{name}/output_v1.4/"),
            _ => format!("{}/{name}", self.test_dir(&self.source())),
        };
        step(word(input), word(format!("{}/{name}", self.test_dir(&self.request.prod_id))))
    }

    fn split(&self, dec: &str, node: &SkyNode) -> StepItem {
        let input = format!("{}/{}", self.train_dir(&self.request.prod_id, "GammaDiffuse", dec), node.name);
        let (train, test) = (format!("{input}/train"), format!("{}/{}/test", self.diffuse_dir(dec), node.name));
        let output = map(&[("train", word(train)), ("test", word(test))]);
        with(step(word(input), output), &[("options", map(&[("test_size", word("0.5"))]))])
    }

    fn merges(&self, grids: &[Grid], tests: &[SkyNode]) -> Vec<StepItem> {
        let prod = &self.request.prod_id;
        let long = || map(&LONG.map(|(key, value)| (key, word(value))));
        let mut steps = Vec::new();
        for grid in grids.iter().filter(|_| self.parts.train) {
            for particle in ["GammaDiffuse", "Protons"] {
                // shared out files lie one directory deeper
                let deep = self.parts.split && particle == "GammaDiffuse";
                let pattern = if deep { "*/*/*.h5" } else { "*/*.h5" };
                let input = word(self.train_dir(prod, particle, &grid.dec));
                let output = word(self.train_file(prod, particle, &grid.dec));
                let options = word(format!("--pattern {pattern} --no-image"));
                steps.push(with(step(input, output), &[("options", options), ("extra_slurm_options", long())]));
            }
        }
        for node in tests {
            let (directory, name) = self.test_file(Test::Gamma, "", node);
            let input = word(format!("{directory}/{}", node.name));
            let output = word(format!("{directory}/dl1_{name}"));
            steps.push(with(step(input, output), &[("options", word("--no-image"))]));
        }
        for grid in grids.iter().filter(|_| self.parts.tests.contains(&Test::GammaDiffuse)) {
            for node in &grid.diffuse {
                let (directory, name) = self.test_file(Test::GammaDiffuse, &grid.dec, node);
                let input = word(format!("{directory}/{}", node.name));
                let output = word(format!("{directory}/dl1_{name}"));
                let options = word("--pattern */*.h5 --no-image");
                steps.push(with(step(input, output), &[("options", options), ("extra_slurm_options", long())]));
            }
        }
        steps
    }

    fn train(&self, dec: &str) -> StepItem {
        let prod = match self.parts.dl1 {
            None => self.source(),
            Some(_) => self.request.prod_id.clone(),
        };
        let file = |particle| word(self.train_file(&prod, particle, dec));
        let input = map(&[("gamma", file("GammaDiffuse")), ("proton", file("Protons"))]);
        let memory = if dec == "dec_2276" { "160G" } else { "100G" };
        let entries = [("partition", "xxl"), ("mem", memory), ("cpus-per-task", "16"), ("time", "03-00:00:00")]
            .map(|(k, v)| (k, word(v)));
        with(step(input, self.models(dec)), &[("extra_slurm_options", map(&entries))])
    }

    fn dl2(&self, test: Test, dec: &str, node: &SkyNode) -> StepItem {
        let (directory, name) = self.test_file(test, dec, node);
        let memory = if dec == "dec_2276" { "80GB" } else { "60GB" };
        vec![
            ("input".into(), word(format!("{directory}/dl1_{name}"))),
            ("path_model".into(), self.models(dec)),
            ("output".into(), word(self.dl2_dir("DL2", test, dec, node))),
            ("extra_slurm_options".into(), map(&[("mem", word(memory))])),
        ]
    }

    fn irf(&self, test: Test, dec: &str, node: &SkyNode) -> StepItem {
        let (_, name) = self.test_file(test, dec, node);
        let (particle, options) = match test {
            Test::Gamma => ("Gamma", format!("{IRF_OPTIONS} --point-like")),
            Test::GammaDiffuse => ("GammaDiffuse", IRF_OPTIONS.to_string()),
        };
        let gamma = format!("{}/dl2_{name}", self.dl2_dir("DL2", test, dec, node));
        let input =
            map(&[("gamma_file", word(gamma)), ("proton_file", Item::Nothing), ("electron_file", Item::Nothing)]);
        let output = format!(
            "{}/irf_{}_{particle}_{dec}_{}.fits.gz",
            self.dl2_dir("IRF", test, dec, node),
            self.request.prod_id,
            node.name
        );
        let slurm = map(&[("mem", word("6GB"))]);
        with(step(input, word(output)), &[("options", word(options)), ("extra_slurm_options", slurm)])
    }
}
