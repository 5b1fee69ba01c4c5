//! `iact dl1ab`: images changed, cleaned and described again.

use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, Flag, InputRole, OutputKind, Problem, Report, Run, Stage, StageError};
use recoil_table::hdf5::{Attribute, StoredTable, TableFile};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::blame;
use crate::clean::{DynamicCleaning, Tailcut};
use crate::config::{ImageModifier, LSTCHAIN_KEYS};
use crate::dl1::again::{Again, Change};
use crate::dl1::stored::{Dl1Tables, IMAGES, PARAMETERS};
use crate::parameters::timing::Starts;

/// Rows that are read at a time.
const BATCH: u64 = 256;

/// Keys of `iact dl1ab`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Dl1abConfig {
    /// Changes of the images, before they are cleaned.
    pub image_modifier: ImageModifier,
    /// Thresholds of the cleaning.
    pub tailcut: Tailcut,
    /// The threshold that follows bright images.
    pub dynamic_cleaning: DynamicCleaning,
    /// Starts of the fit of times: `reference` for those of the field's programs, `thorough` for more.
    pub timing_starts: Starts,
    /// Whether the images are left out of the output.
    pub no_image: bool,
    /// Whether thresholds come from pedestals; of no effect on simulations.
    pub no_pedestal_cleaning: bool,
}

impl Config for Dl1abConfig {
    fn check(&self) -> Vec<Problem> {
        self.image_modifier.problems("image_modifier.")
    }

    fn foreign() -> &'static [&'static str] {
        LSTCHAIN_KEYS
    }
}

/// Describes images again.
pub struct Dl1ab;

const DL1: InputRole = InputRole::required("input-file", "a DL1 file with images", &["h5"]).short('f');

impl Stage for Dl1ab {
    type Config = Dl1abConfig;

    fn description(&self) -> Description {
        Description {
            name: "iact dl1ab",
            about: "Change the images of a DL1 file, clean them again and recompute their parameters",
            long: "Adds noise and smears light as lstchain's image_modifier asks for, cleans with the configured thresholds \
                   and recomputes the parameters of the images; all other tables are copied. Files of lstchain are read \
                   too. Images that were modified once are not modified again.",
            inputs: &[DL1],
            output: OutputKind::File { doc: "the DL1 file", formats: &["h5"] },
            flags: &[
                Flag { name: "no-image", key: "no_image", list: false },
                Flag { name: "no-pedestal-cleaning", key: "no_pedestal_cleaning", list: false },
            ],
        }
    }

    fn run(&self, config: &Dl1abConfig, run: &Run) -> Result<Report, StageError> {
        let input = &run.inputs().one(DL1.role)?.path;
        let doing = || format!("cannot process {}", input.display());
        let mut tables = Dl1Tables::open(input).map_err(blame(doing()))?;
        let change = Change {
            modifier: config.image_modifier.clone(),
            tailcut: config.tailcut,
            dynamic: config.dynamic_cleaning,
            starts: config.timing_starts,
            seed: run.seed(),
        };
        if change.modifier.active() && tables.already_modified() {
            let told = format!("the images of {} were modified before: begin with unmodified ones", input.display());
            return Err(StageError::input(told));
        }
        let json = serde_json::to_string(config).internal_error("cannot record the configuration")?;
        let mut file = TableFile::create(&run.output_file()?).output_error(doing())?;
        super::merge::attributes(&tables, &mut file, run).output_error(doing())?;
        for mut table in tables.take_others() {
            super::merge::copy(&mut table, &mut file, run)?.finish().output_error(doing())?;
        }
        file.texts("source_filenames/filenames", &[input.display().to_string()]).output_error(doing())?;
        let mut images = 0;
        let mut with_light = 0;
        for kind in tables.kinds() {
            let camera = tables.camera(&kind).map_err(blame(doing()))?;
            let Some((mut parameters, mut stored)) = tables.take(&kind).map_err(blame(doing()))? else { continue };
            let recorded = |table: &StoredTable| -> Vec<(String, Attribute)> {
                let kept = table.attributes.iter().filter(|(name, _)| name != "config").cloned();
                kept.chain([("config".to_owned(), Attribute::String(json.clone()))]).collect()
            };
            let path = format!("{PARAMETERS}/{kind}");
            let mut rows = file.table(&path, &parameters.members, &recorded(&parameters)).output_error(doing())?;
            let mut image_rows = match config.no_image {
                true => None,
                false => {
                    let path = format!("{IMAGES}/{kind}");
                    Some(file.table(&path, &stored.members, &recorded(&stored)).output_error(doing())?)
                }
            };
            let again = Again::new(&camera, &parameters, &stored, &change).map_err(blame(doing()))?;
            let total = stored.rows();
            let progress = run.progress("processing", "images", Some(total));
            let mut start = 0;
            while start < total {
                run.check()?;
                let count = BATCH.min(total - start);
                let mut values = parameters.read(start, count).input_error(doing())?;
                let mut pixels = stored.read(start, count).input_error(doing())?;
                with_light += again.process(&mut values, &mut pixels).map_err(blame(doing()))?;
                rows.push(&values).output_error(doing())?;
                if let Some(rows) = &mut image_rows {
                    rows.push(&pixels).output_error(doing())?;
                }
                start += count;
                images += count;
                progress.add(count);
            }
            rows.finish().output_error(doing())?;
            if let Some(rows) = image_rows {
                rows.finish().output_error(doing())?;
            }
        }
        file.close().output_error(doing())?;
        Ok(Report::new().value("images", images).value("with_light", with_light))
    }
}
