//! `tau features`: the table of network inputs.

use recoil_stage::error::Blame as _;
use recoil_stage::{Description, InputRole, OutputKind, Report, Run, Stage, StageError, config::NoConfig};

use crate::features::FeatureTable;
use crate::features::table::DEFAULT;

/// Tables of features.
pub const FEATURES: InputRole = InputRole::optional("features", "table of network inputs", &["yml", "yaml", "json"]);

/// The table of a run: the one given, or the default.
///
/// # Errors
/// Tables that cannot be read.
pub fn table_of(run: &Run) -> Result<FeatureTable, StageError> {
    match run.inputs().optional(FEATURES.role) {
        Some(file) => FeatureTable::read(&file.path).usage_error("cannot read the feature table"),
        None => FeatureTable::shipped().internal_error("the default feature table"),
    }
}

/// Writes the table.
pub struct Features;

impl Stage for Features {
    type Config = NoConfig;

    fn description(&self) -> Description {
        Description {
            name: "tau features",
            about: "Write the table of network inputs, or check one",
            long: "Without an input it writes the default table, to be edited and given to scale, batches and train. A \
                   table that is given is checked and written as it is.",
            inputs: &[FEATURES],
            output: OutputKind::File { doc: "the table", formats: &["yml", "yaml"] },
            flags: &[],
        }
    }

    fn run(&self, _config: &NoConfig, run: &Run) -> Result<Report, StageError> {
        let table = table_of(run)?;
        let text = match run.inputs().optional(FEATURES.role) {
            Some(file) => std::fs::read_to_string(&file.path).input_error(file.spec())?,
            None => DEFAULT.to_owned(),
        };
        std::fs::write(run.output_file()?, text).output_error("cannot write the table")?;
        let rows = table.blocks.iter().map(|block| {
            let enabled = block.enabled().count();
            vec![block.name.clone().into(), block.features.len().into(), enabled.into()]
        });
        let all: usize = table.blocks.iter().map(|block| block.features.len()).sum();
        Ok(Report::new().value("features", all).table(
            "blocks",
            &["block", "features", "network inputs"],
            rows.collect(),
        ))
    }
}
