//! `econt encode`: wafers to latent numbers.

use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float32Array, UInt16Array};
use arrow_schema::DataType;
use recoil_outputs::Table;
use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, Flag, OutputKind, Problem, Report, Run, Stage, StageError};
use recoil_table::field;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::families::transposed;
use super::train::WAFERS;
use crate::autoencoder::Autoencoder;
use crate::autoencoder::integer::IntegerEncoder;
use crate::data::read_wafers;
use crate::emulator::autoencoder::convert;

/// Keys of `econt encode`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EncodeKeys {
    /// Folder of the model.
    pub model: String,
}

impl Config for EncodeKeys {
    fn check(&self) -> Vec<Problem> {
        Vec::new()
    }
}

/// The model in the folder that a key names.
pub(super) fn model(folder: &str) -> Result<Autoencoder, StageError> {
    if folder.is_empty() {
        return Err(StageError::usage("no model is given: --model FOLDER"));
    }
    Autoencoder::read(Path::new(folder)).input_error("cannot read the model")
}

/// Encodes wafers.
pub struct Encode;

impl Stage for Encode {
    type Config = EncodeKeys;

    fn description(&self) -> Description {
        Description {
            name: "econt encode",
            about: "Encode wafers with a trained model",
            long: "Writes the latent numbers of every wafer, in the order of the table, and the nine-bit code of its sum of \
                   charges. Where the encoder is that of the chip and quantised, it is computed in whole numbers, and \
                   their codes are written too.",
            inputs: &[WAFERS],
            output: OutputKind::File { doc: "latent numbers, one row per wafer", formats: &["parquet", "csv"] },
            flags: &[Flag { name: "model", key: "model", list: false }],
        }
    }

    fn run(&self, config: &EncodeKeys, run: &Run) -> Result<Report, StageError> {
        let model = model(&config.model)?;
        let input = run.inputs().one(WAFERS.role)?.spec();
        let wafers = read_wafers(&input).input_error(format!("cannot read {input}"))?;
        let latents = model.about().network.latent;
        let integer = IntegerEncoder::new(&model).ok();
        let latent = |i: usize| field(&format!("latent_{i}"), DataType::Float32, "", "latent number");
        let mut fields: Vec<_> = (0..latents).map(latent).collect();
        if integer.is_some() {
            let code = |i| field(&format!("code_{i}"), DataType::UInt32, "", "latent number in units of its step");
            fields.extend((0..latents).map(code));
        }
        fields.push(field("sum_code", DataType::UInt16, "", "nine-bit code of the sum of charges"));
        let mut table = Table::create(&run.output_file()?, "the latent numbers", fields)?;
        let progress = run.progress("encoding", "wafers", Some(wafers.len() as u64));
        for wafers in wafers.chunks(65_536) {
            run.check()?;
            let sums = wafers.iter().map(|wafer| convert(wafer).sum_code);
            let sums: ArrayRef = Arc::new(UInt16Array::from_iter_values(sums));
            let mut columns: Vec<ArrayRef> = Vec::new();
            match &integer {
                Some(integer) => {
                    let codes: Vec<[u32; 16]> =
                        integer.encode_all(wafers).iter().map(|codes| codes.map(i32::unsigned_abs)).collect();
                    let values = (0..latents).map(|i| codes.iter().map(move |row| row[i % 16] as f32 * integer.step()));
                    columns.extend(values.map(|v| Arc::new(Float32Array::from_iter_values(v)) as ArrayRef));
                    columns.extend(transposed(&codes));
                }
                None => {
                    let prepared = model.prepare(wafers);
                    let all = model.encode(&prepared.images).internal_error("cannot encode")?;
                    let column = |i: usize| all.iter().skip(i).step_by(latents).copied();
                    let arrays = (0..latents).map(|i| Arc::new(Float32Array::from_iter_values(column(i))) as ArrayRef);
                    columns.extend(arrays);
                }
            }
            columns.push(sums);
            table.write(columns)?;
            progress.add(wafers.len() as u64);
        }
        let rows = table.finish(&run.embedded_provenance())?;
        let report = Report::new().value("wafers", rows).value("latent_numbers", latents);
        Ok(match &integer {
            Some(integer) => report.value("bits_per_latent", integer.bits()),
            None => report,
        })
    }
}
