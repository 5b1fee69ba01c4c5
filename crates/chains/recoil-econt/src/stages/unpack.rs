//! `econt unpack`: words of the input links to calibrated charges.

use arrow_array::ArrayRef;
use recoil_outputs::Table;
use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, InputRole, OutputKind, Problem, Report, Run, Stage, StageError};
use recoil_table::ReadOptions;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::TABLES;
use super::families::transposed;
use crate::data::columns::{CALQ, ColumnType, FamilyDef};
use crate::emulator::calibration::{calibrate, calibration_value, to_fixed};
use crate::emulator::link::{LINKS_IN, Packing, multiplex, unpack};
use crate::emulator::registers::{Density, MUX_SELECT};
use crate::wafer::CELLS;

/// Keys of `econt unpack`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct UnpackConfig {
    /// How the cells of a link stand in its word: `chip`, or mirrored as `ntuple`.
    pub packing: Packing,
    /// Density of the module's cells.
    pub density: Density,
    /// Input of every output of the multiplexer. Empty: the chip's default.
    pub mux_select: Vec<usize>,
    /// Calibration of the 48 cells behind the multiplexer, 12 bits. Empty: by `eta`.
    pub calibration: Vec<u32>,
    /// Pseudorapidity of the module, from which the calibration follows.
    pub eta: f64,
}

impl Default for UnpackConfig {
    fn default() -> Self {
        Self { packing: Packing::Chip, density: Density::Ld, mux_select: vec![], calibration: vec![], eta: 2.0 }
    }
}

impl Config for UnpackConfig {
    fn check(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        for (key, length) in [("mux_select", self.mux_select.len()), ("calibration", self.calibration.len())] {
            if !matches!(length, 0 | CELLS) {
                found.push(Problem::new(key, format!("needs 48 numbers or none, not {length}")));
            }
        }
        if self.mux_select.iter().any(|&input| input >= CELLS) {
            found.push(Problem::new("mux_select", "names inputs 0 to 47"));
        }
        if self.calibration.iter().any(|&value| value >= 1 << 12) {
            found.push(Problem::new("calibration", "needs 12 bits at most"));
        }
        if !self.eta.is_finite() {
            found.push(Problem::new("eta", "must be finite"));
        }
        found
    }
}

/// Reads links.
pub struct Unpack;

const WORDS: InputRole =
    InputRole::required("links", "words ePortRxDataGroup_0 to _11, one row per bunch crossing", TABLES);

const fn family(prefix: &'static str, doc: &'static str) -> FamilyDef {
    FamilyDef { prefix, count: CELLS, ty: ColumnType::U32, unit: "", doc }
}

const STEPS: [FamilyDef; 3] = [
    family("Mux_in", "code of cell {} in the order of the links"),
    family("Mux_out", "code of cell {} behind the multiplexer"),
    family("F2F", "charge of cell {} before calibration"),
];

impl Stage for Unpack {
    type Config = UnpackConfig;

    fn description(&self) -> Description {
        Description {
            name: "econt unpack",
            about: "Turn the words of the input links into calibrated charges",
            long: "The chip's first blocks: unpacking, multiplexer, floating to fixed point, calibration. Writes the output \
                   of each; the charges are in the order behind the multiplexer.",
            inputs: &[WORDS],
            output: OutputKind::File { doc: "one row per bunch crossing", formats: &["parquet", "csv"] },
            flags: &[],
        }
    }

    fn run(&self, config: &UnpackConfig, run: &Run) -> Result<Report, StageError> {
        let input = run.inputs().one(WORDS.role)?.spec();
        let reading = || format!("cannot read {input}");
        let names: Vec<String> = (0..LINKS_IN).map(|i| format!("ePortRxDataGroup_{i}")).collect();
        let mut reader =
            recoil_table::open(&input, &ReadOptions::default().columns(names.iter())).input_error(reading())?;
        let mut select = MUX_SELECT;
        select.iter_mut().zip(&config.mux_select).for_each(|(place, input)| *place = *input);
        let mut values = [calibration_value(config.eta); CELLS];
        values.iter_mut().zip(&config.calibration).for_each(|(place, value)| *place = *value);
        let fields = STEPS.iter().flat_map(|step| step.fields().collect::<Vec<_>>()).chain(CALQ.fields());
        let mut table = Table::create(&run.output_file()?, "the charges", fields)?;
        while let Some(batch) = reader.next_batch().input_error(reading())? {
            run.check()?;
            let mut words = vec![[0u32; LINKS_IN]; batch.rows()];
            for (link, name) in names.iter().enumerate() {
                let column = batch.scalar_as::<u32>(name).input_error(reading())?;
                for (row, word) in words.iter_mut().zip(column.iter()) {
                    row[link] = *word;
                }
            }
            let codes: Vec<[u8; CELLS]> = words.iter().map(|words| unpack(words, config.packing)).collect();
            let routed: Vec<[u8; CELLS]> = codes.iter().map(|codes| multiplex(codes, &select)).collect();
            let fixed: Vec<[u32; CELLS]> = routed.iter().map(|c| to_fixed(c, config.density.drop_lsb())).collect();
            let charges: Vec<[u32; CELLS]> = fixed.iter().map(|charges| calibrate(charges, &values)).collect();
            let whole = |codes: &[[u8; CELLS]]| codes.iter().map(|row| row.map(u32::from)).collect::<Vec<_>>();
            let steps = [whole(&codes), whole(&routed), fixed, charges];
            let columns: Vec<ArrayRef> = steps.iter().flat_map(|step| transposed(step)).collect();
            table.write(columns)?;
        }
        let rows = table.finish(&run.embedded_provenance())?;
        Ok(Report::new().value("crossings", rows))
    }
}
