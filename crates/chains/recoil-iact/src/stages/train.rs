//! `iact train`: forests from simulated gammas and protons.

use recoil_forest::Forest;
use recoil_outputs::{figures, pictures};
use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, InputRole, Inputs, OutputKind, Problem, Report, Run, Stage, StageError};
use serde_json::json;
use std::path::PathBuf;

use super::blame;
use super::dl1_input::read_columns;
use crate::config::LSTCHAIN_KEYS;
use crate::figures::importances;
use crate::reconstruct::models::{POINTINGS_FILE, file_names, learns};
use crate::reconstruct::settings::LearningKeys;
use crate::reconstruct::train::Training;

impl Config for LearningKeys {
    fn check(&self) -> Vec<Problem> {
        self.problems()
    }

    fn foreign() -> &'static [&'static str] {
        LSTCHAIN_KEYS
    }

    fn files(&self) -> Vec<(String, PathBuf)> {
        Vec::new()
    }
}

/// Trains all forests.
pub struct Train;

/// Name of the figure of the features' importances.
const IMPORTANCES: &str = "importances";

const GAMMAS: InputRole = InputRole::required("input-file-gamma", "parameters of simulated gammas", &["parquet", "h5"])
    .short('g')
    .alias("fg")
    .many();
const PROTONS: InputRole =
    InputRole::required("input-file-proton", "parameters of simulated protons", &["parquet", "h5"])
        .short('p')
        .alias("fp")
        .many();

impl Stage for Train {
    type Config = LearningKeys;

    fn description(&self) -> Description {
        Description {
            name: "iact train",
            about: "Train forests that tell energy, direction and type of showers",
            long: "Trains regressors of the energy and of the direction on diffuse gammas. Then, with first versions of them \
                   that saw only a part of the gammas, it reconstructs the rest of the gammas and the protons and trains the \
                   classifier on those. Writes a folder with a file per forest (safetensors), the pointings of the training \
                   and a figure of the features' importances. The configuration may be a file of lstchain. The same seed \
                   gives the same forests with any number of threads.",
            inputs: &[GAMMAS, PROTONS],
            output: OutputKind::Directory { doc: "the forests" },
            flags: &[],
        }
    }

    fn outputs(&self, config: &LearningKeys, _inputs: &Inputs) -> Vec<String> {
        let mut names: Vec<String> = file_names(config.disp_method).into_iter().map(str::to_owned).collect();
        names.extend(pictures(IMPORTANCES));
        names
    }

    fn run(&self, config: &LearningKeys, run: &Run) -> Result<Report, StageError> {
        let settings = config.settings();
        let mut columns = settings.columns();
        columns.push("weight");
        let read = |role: &'static str| read_columns(run, role, &columns);
        let (gammas, protons) = (read(GAMMAS.role)?, read(PROTONS.role)?);
        let trees: usize = [
            &config.random_forest_energy_regressor_args,
            &config.random_forest_disp_regressor_args,
            &config.random_forest_disp_classifier_args,
        ]
        .into_iter()
        .map(|args| 2 * args.n_estimators)
        .sum::<usize>()
            + config.random_forest_particle_classifier_args.n_estimators;
        let progress = run.progress("growing", "trees", Some(trees as u64));
        let watch = |_: &str, _: usize| {
            progress.add(1);
            run.check().is_ok()
        };
        let training = Training { keys: config, seed: run.seed().named("iact train"), watch: &watch };
        let trained = match training.run(gammas, protons) {
            Ok(trained) => trained,
            Err(error) => {
                run.check()?;
                return Err(blame("cannot train")(error));
            }
        };
        let writing = "cannot write the forests";
        for (name, forest) in &trained.forests {
            forest.write(&run.output(name)?, Some(&run.embedded_provenance())).output_error(writing)?;
        }
        recoil_outputs::text(run, POINTINGS_FILE, &trained.pointings.to_ecsv())?;
        let named: Vec<(&str, &Forest)> =
            trained.forests.iter().map(|(name, forest)| (learns(name).unwrap_or(name), forest)).collect();
        figures(run, pictures(IMPORTANCES), importances::figure(&named))?;
        let rows = trained.forests.iter().map(|(name, forest)| {
            let nodes: usize = forest.trees().iter().map(recoil_forest::Tree::len).sum();
            let seen = forest.trees().first().and_then(|tree| tree.weight.first()).copied().unwrap_or(0.0);
            let score = forest.out_of_bag().map(|found| found.score);
            vec![json!(name), json!(forest.trees().len()), json!(nodes), json!(seen), json!(score)]
        });
        Ok(Report::new()
            .value("gammas", trained.events.0)
            .value("protons", trained.events.1)
            .value("pointings", trained.pointings.nodes.len())
            .table("forests", &["file", "trees", "nodes", "events", "out_of_bag"], rows.collect()))
    }
}
