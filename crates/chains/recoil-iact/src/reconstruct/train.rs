//! Training of all forests from simulated gammas and protons.

use super::apply::add_energy_and_direction;
use super::columns::Columns;
use super::models::{DISP_NORM_FILE, DISP_SIGN_FILE, DISP_VECTOR_FILE, Disp, ENERGY_FILE, GAMMANESS_FILE, Model};
use super::select::{part, pointing_weights, pointings, split, usable};
use super::settings::{DispMethod, LearningKeys, Settings, ZenithSettings};
use super::source::{add_agreement, add_source_dependent, normalise_azimuth, update_disp};
use super::zenith::Pointings;
use crate::error::{IactError, Result};
use recoil_forest::{Forest, ForestError, Parameters, Target};
use recoil_stage::seed::Seed;

/// Forests by the names of their files, and where the telescope pointed.
#[derive(Clone, Debug, PartialEq)]
pub struct Trained {
    /// Name of a file and its forest.
    pub forests: Vec<(&'static str, Forest)>,
    /// Pointings of the gammas.
    pub pointings: Pointings,
    /// Gammas and protons that passed the filters.
    pub events: (usize, usize),
}

/// Told what is grown and how many of its trees there are; growing stops when it says `false`.
pub type Watch<'a> = &'a (dyn Fn(&str, usize) -> bool + Sync);

/// A training.
pub struct Training<'a> {
    /// What is learned and how.
    pub keys: &'a LearningKeys,
    /// Seed of random parts, and of forests without a seed of their own.
    pub seed: Seed,
    /// Follows the growth.
    pub watch: Watch<'a>,
}

impl Training<'_> {
    /// Trains regressors of energy and direction on gammas; then, on gammas that a first version of these did not see and
    /// on protons, the classifier.
    ///
    /// # Errors
    /// Missing columns, too few events, and the wish to stop.
    pub fn run(&self, mut gammas: Columns, mut protons: Columns) -> Result<Trained> {
        let settings = self.keys.settings();
        update_disp(&mut gammas, settings.effective_focal_length)?;
        for table in [&mut gammas, &mut protons] {
            if settings.source_dependent {
                add_source_dependent(table, &settings)?;
            }
            normalise_azimuth(table)?;
        }
        let mut gammas = self.filtered(gammas, &settings, true)?;
        if let Some(weights) = self.weights(&gammas)? {
            // those of all gammas, also where a part is used
            gammas.set("weight", weights);
        }
        let protons = self.filtered(protons, &settings, false)?;
        let pointings = Pointings { nodes: pointings(&gammas)? };
        let events = (gammas.rows(), protons.rows());

        let amounts = &self.keys.n_training_events;
        let all = part(gammas.rows(), amounts.gamma_regressors, self.seed.named("gamma regressors"));
        let mut forests = vec![(ENERGY_FILE, self.energy(&gammas.pick(&all), "energy")?)];
        forests.extend(self.disp(&gammas, "")?);

        let (first, second) = split(
            gammas.rows(),
            amounts.gamma_tmp_regressors,
            amounts.gamma_classifier,
            self.seed.named("gamma classifier"),
        );
        let train = gammas.pick(&first);
        let mut both = gammas.pick(&second);
        let chosen = part(protons.rows(), amounts.proton_classifier, self.seed.named("proton classifier"));
        if first.is_empty() || second.is_empty() || chosen.is_empty() {
            return Err(IactError::content(
                gammas.file(),
                "too few gammas or protons for the training of the classifier",
            ));
        }
        let protons = protons.pick(&chosen);
        // both kinds have weights of their own
        let weights = self.joined_weights(&both, &protons)?;
        both.append(protons);
        if let Some(weights) = weights {
            both.set("weight", weights);
        }
        let energy = Model::new(&self.energy(&train, "energy for the classifier")?)?;
        let mut parts = self.disp(&train, " for the classifier")?.into_iter().map(|(_, forest)| Model::new(&forest));
        let disp = match (parts.next().transpose()?, parts.next().transpose()?) {
            (Some(norm), Some(sign)) => Disp::NormSign(Box::new(norm), Box::new(sign)),
            (Some(vector), None) => Disp::Vector(Box::new(vector)),
            (None, _) => return Err(IactError::config("disp_method", "no forest was trained")),
        };
        let off =
            ZenithSettings { interpolate_energy: false, interpolate_gammaness: false, interpolate_direction: false };
        add_energy_and_direction(&mut both, &energy, &disp, &off)?;
        if settings.source_dependent {
            add_agreement(&mut both)?;
        }
        let features: Vec<&str> = settings.particle_classification_features.iter().map(String::as_str).collect();
        let both = both.pick(&usable(&both, &settings.events_filters, &features)?);
        forests.push((GAMMANESS_FILE, self.gammaness(&both)?));
        Ok(Trained { forests, pointings, events })
    }

    /// Events within the filters; gammas also within the ring of source positions.
    fn filtered(&self, table: Columns, settings: &Settings, gammas: bool) -> Result<Columns> {
        let mut rows = usable(&table, &settings.events_filters, &settings.features())?;
        if gammas {
            // distances are told with the nominal focal length, as the cut is meant
            let scale = 28.0_f64;
            let [x, y] = [table.get("src_x")?, table.get("src_y")?];
            let range = &self.keys.train_gamma_src_r_deg;
            rows.retain(|row| range.holds((x[*row].hypot(y[*row]) / scale).atan().to_degrees()));
        }
        if rows.is_empty() {
            return Err(IactError::content(table.file(), "no event passes the filters"));
        }
        Ok(table.pick(&rows))
    }

    fn weights(&self, table: &Columns) -> Result<Option<Vec<f64>>> {
        if table.has("weight") {
            return Ok(Some(table.get("weight")?.to_vec()));
        }
        match self.keys.random_forest_weight_settings.pointing_wise_weights {
            true => pointing_weights(table),
            false => Ok(None),
        }
    }

    fn joined_weights(&self, gammas: &Columns, protons: &Columns) -> Result<Option<Vec<f64>>> {
        let both = (self.weights(gammas)?, self.weights(protons)?);
        if both == (None, None) {
            return Ok(None);
        }
        let mut all = both.0.unwrap_or_else(|| vec![1.0; gammas.rows()]);
        all.extend(both.1.unwrap_or_else(|| vec![1.0; protons.rows()]));
        Ok(Some(all))
    }

    fn fit(
        &self,
        table: &Columns,
        features: &[String],
        target: &Target,
        parameters: &Parameters,
        name: &str,
    ) -> Result<Forest> {
        let weights = self.weights(table)?;
        let features = table.features(features)?;
        let watch = |trees: usize| (self.watch)(name, trees);
        Forest::fit_watched(&features, target, weights.as_deref(), parameters, &watch).map_err(|error| match error {
            ForestError::Stopped { .. } => IactError::Stopped,
            error => table.wrong(&error),
        })
    }

    fn seed_of(&self, name: &str) -> u32 {
        self.seed.named(name).value() as u32
    }

    fn energy(&self, table: &Columns, name: &str) -> Result<Forest> {
        let parameters = self.keys.random_forest_energy_regressor_args.parameters(self.seed_of("energy"));
        let target = self.numbers(table, &["log_mc_energy"])?;
        self.fit(table, &self.keys.energy_regression_features, &target, &parameters, name)
    }

    fn disp(&self, table: &Columns, what_for: &str) -> Result<Vec<(&'static str, Forest)>> {
        let keys = self.keys;
        let parameters = keys.random_forest_disp_regressor_args.parameters(self.seed_of("disp"));
        match keys.disp_method {
            DispMethod::DispVector => {
                let target = self.numbers(table, &["disp_dx", "disp_dy"])?;
                let name = format!("vector{what_for}");
                let forest = self.fit(table, &keys.disp_regression_features, &target, &parameters, &name)?;
                Ok(vec![(DISP_VECTOR_FILE, forest)])
            }
            DispMethod::DispNormSign => {
                let target = self.numbers(table, &["disp_norm"])?;
                let name = format!("distance{what_for}");
                let norm = self.fit(table, &keys.disp_regression_features, &target, &parameters, &name)?;
                let parameters = keys.random_forest_disp_classifier_args.parameters(self.seed_of("side"));
                let sides: Vec<i64> =
                    table.get("disp_sign")?.iter().map(|sign| if *sign < 0.0 { -1 } else { 1 }).collect();
                let target = Target::classes(&sides).map_err(|error| table.wrong(&error))?;
                let name = format!("side{what_for}");
                let sign = self.fit(table, &keys.disp_classification_features, &target, &parameters, &name)?;
                Ok(vec![(DISP_NORM_FILE, norm), (DISP_SIGN_FILE, sign)])
            }
        }
    }

    fn gammaness(&self, table: &Columns) -> Result<Forest> {
        let parameters = self.keys.random_forest_particle_classifier_args.parameters(self.seed_of("gammaness"));
        let kinds: Vec<i64> = table.get("mc_type")?.iter().map(|kind| *kind as i64).collect();
        let target = Target::classes(&kinds).map_err(|error| table.wrong(&error))?;
        self.fit(table, &self.keys.particle_classification_features, &target, &parameters, "gammaness")
    }

    fn numbers(&self, table: &Columns, names: &[&str]) -> Result<Target> {
        let columns: Result<Vec<&[f64]>> = names.iter().map(|name| table.get(name)).collect();
        let columns = columns?;
        let values = (0..table.rows()).flat_map(|row| columns.iter().map(move |column| column[row])).collect();
        Target::values(names.len(), values).map_err(|error| table.wrong(&error))
    }
}
