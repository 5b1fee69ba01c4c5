//! `econt emulate`: charges through the chip.

use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, Flag, InputRole, OutputKind, Problem, Report, Run, Stage, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::TABLES;
use super::chip_config::{ChipConfig, links_problem};
use super::emulated::{Crossing, columns, fields};
use super::output::Table;
use crate::data::calq::files;
use crate::data::{CalqReader, WaferBatch};
use crate::emulator::autoencoder::{KeepMask, LATENTS, bits_per_latent};
use crate::emulator::buffer::Buffer;
use crate::emulator::chip::{Block, Chip, header_of};
use crate::emulator::formatter::Algorithm;
use crate::error::{EcontError, Result};
use crate::transmission::Preset;
use crate::wafer::{CELLS, FROM_POST_MUX, POST_MUX, reordered};

/// The order of the 48 charges in a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CellOrder {
    /// `mux` with the preset `asic`, `tc` with the preset `seed`.
    #[default]
    Preset,
    /// By trigger-cell number, as files for training are.
    Tc,
    /// As behind the multiplexer, as the chip's own blocks are.
    Mux,
}

impl CellOrder {
    /// Whether charges stand by trigger-cell number.
    pub fn is_by_number(self, preset: Preset) -> bool {
        matches!((self, preset), (Self::Tc, _) | (Self::Preset, Preset::Seed))
    }
}

/// Keys of `econt emulate`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EmulateConfig {
    /// What the chip runs: `threshold`, `super_trigger_cell`, `best_choice`, `repeater` or `autoencoder`.
    pub algorithm: Algorithm,
    /// Output links, 1 to 13.
    pub links: usize,
    /// Whose conventions hold where training program (`seed`) and chip (`asic`) differ.
    pub preset: Preset,
    /// Order of the charges in the table: `tc`, `mux` or that of the `preset`.
    pub order: CellOrder,
    /// Whether the charges that arrive are `decoded` from the codes that are sent, or exact.
    pub decoded: bool,
    /// Whether frames and the words on the output links are written.
    pub frames: bool,
    /// Number of the first bunch crossing, where the table has no column `BX_CNT`.
    pub first_crossing: i64,
    /// Registers.
    pub chip: ChipConfig,
}

impl Default for EmulateConfig {
    fn default() -> Self {
        Self {
            algorithm: Algorithm::Threshold,
            links: 2,
            preset: Preset::Asic,
            order: CellOrder::Preset,
            decoded: false,
            frames: true,
            first_crossing: 0,
            chip: ChipConfig::default(),
        }
    }
}

impl Config for EmulateConfig {
    fn check(&self) -> Vec<Problem> {
        let mut found = self.chip.problems("chip.");
        found.extend(links_problem("links", self.links));
        found
    }
}

/// Runs the chip.
pub struct Emulate;

const CALQ: InputRole =
    InputRole::required("calq", "calibrated charges, one row per wafer, or a folder of such tables", TABLES);
const LATENTS_IN: InputRole = InputRole::optional(
    "latents",
    "for the frames of the autoencoder: latent numbers OUT_0 to OUT_15 of the same wafers, of nine bits",
    TABLES,
);

impl Stage for Emulate {
    type Config = EmulateConfig;

    fn description(&self) -> Description {
        Description {
            name: "econt emulate",
            about: "Send charges through the emulated chip",
            long: "Runs one algorithm of the chip bit for bit. Writes what its block hands to the formatter, the frame, with \
                   the threshold algorithm the words on the output links behind the buffer, and the charges that reach the \
                   back end (CALQ_0 to CALQ_47, in the order of the input). Rows are consecutive bunch crossings. Columns \
                   of the chip's blocks are in the order behind the multiplexer.",
            inputs: &[CALQ, LATENTS_IN],
            output: OutputKind::File { doc: "one row per wafer", formats: &["parquet", "csv"] },
            flags: &[
                Flag { name: "algorithm", key: "algorithm", list: false },
                Flag { name: "links", key: "links", list: false },
                Flag { name: "preset", key: "preset", list: false },
                Flag { name: "order", key: "order", list: false },
            ],
        }
    }

    fn run(&self, config: &EmulateConfig, run: &Run) -> std::result::Result<Report, StageError> {
        let input = run.inputs().one(CALQ.role)?.spec();
        let reading = || format!("cannot read {input}");
        let chip = config.chip.chip(config.algorithm, config.links);
        let mut latents = match run.inputs().optional(LATENTS_IN.role) {
            Some(file) => {
                Some(read_latents(&file.spec()).input_error(format!("cannot read {}", file.spec()))?.into_iter())
            }
            None => None,
        };
        let with_frames = config.frames && (config.algorithm != Algorithm::Autoencoder || latents.is_some());
        let all = fields(config.algorithm, with_frames);
        let mut table = Table::create(&run.output_file()?, "the emulated crossings", all)?;
        let mut buffer = Buffer::new(config.links, config.chip.limits(config.links));
        let keep = KeepMask::leading(bits_per_latent(config.links));
        let by_number = config.order.is_by_number(config.preset);
        let mut crossing = config.first_crossing;
        let mut totals = Totals::default();
        for file in files(&input).input_error(reading())? {
            let mut reader = CalqReader::open(&file).input_error(reading())?;
            let progress = run.progress("emulating", "wafers", reader.total_rows());
            while let Some(WaferBatch { charges, batch }) = reader.next_batch().input_error(reading())? {
                run.check()?;
                let headers = headers(&batch).input_error(reading())?;
                let mut rows: Vec<Crossing> = Vec::with_capacity(charges.len());
                for (i, wafer) in charges.iter().enumerate() {
                    let given = headers.as_ref().and_then(|headers| headers.get(i).copied());
                    let mut row = emulate(config, &chip, wafer, by_number, crossing, given);
                    if let (Some(latents), Block::Autoencoder(converted)) = (&mut latents, &row.block) {
                        let missing =
                            || StageError::input("the table of latent numbers has fewer rows than the charges");
                        let latents = latents.next().ok_or_else(missing)?;
                        let header = row.header;
                        row.frame = Some(chip.formatter.autoencoder(header, &latents, converted.sum_code, &keep));
                    }
                    if config.algorithm == Algorithm::Threshold && with_frames {
                        row.sent = row.frame.as_ref().map(|frame| buffer.push(frame));
                    }
                    totals.add(&row);
                    rows.push(row);
                    crossing += 1;
                }
                progress.add(rows.len() as u64);
                table.write(columns(&rows, config.algorithm, chip.registers.drop_lsb, with_frames))?;
            }
        }
        if latents.is_some_and(|mut rest| rest.next().is_some()) {
            return Err(StageError::input("the table of latent numbers has more rows than the charges"));
        }
        let rows = table.finish(&run.embedded_provenance())?;
        if rows == 0 {
            return Err(StageError::input(EcontError::Empty { file: input }.to_string()));
        }
        Ok(totals.report(rows))
    }
}

/// One wafer through the chip.
fn emulate(
    config: &EmulateConfig,
    chip: &Chip,
    wafer: &[u32; CELLS],
    by_number: bool,
    crossing: i64,
    header: Option<u8>,
) -> Crossing {
    let charges = if by_number { reordered(wafer, &FROM_POST_MUX) } else { *wafer };
    let block = chip.block(&charges);
    let received = chip.received(&charges, &block, config.preset, config.decoded);
    let received = if by_number { received.map(|kept| reordered(&kept, &POST_MUX)) } else { received };
    let header = header.unwrap_or_else(|| header_of(crossing));
    Crossing { header, block, frame: chip.frame(&block, crossing, Some(header)), sent: None, received }
}

/// Headers of the crossings, where the table has them.
fn headers(batch: &recoil_table::Batch) -> Result<Option<Vec<u8>>> {
    if !batch.has("BX_CNT") {
        return Ok(None);
    }
    let values = batch.scalar_as::<i64>("BX_CNT")?;
    let fits = |(row, &value): (usize, &i64)| {
        u8::try_from(value).ok().filter(|value| *value < 32).ok_or_else(|| EcontError::Value {
            file: batch.file().to_string(),
            column: "BX_CNT".into(),
            row: batch.first_row() + row as u64,
            value: value.to_string(),
            reason: "is no header of five bits".into(),
        })
    };
    values.iter().enumerate().map(fits).collect::<Result<Vec<u8>>>().map(Some)
}

fn read_latents(address: &str) -> Result<Vec<[u16; LATENTS]>> {
    let names: Vec<String> = (0..LATENTS).map(|i| format!("OUT_{i}")).collect();
    let mut reader = recoil_table::open(address, &recoil_table::ReadOptions::default().columns(names.iter()))?;
    let mut all = Vec::new();
    while let Some(batch) = reader.next_batch()? {
        let mut rows = vec![[0; LATENTS]; batch.rows()];
        for (latent, name) in names.iter().enumerate() {
            for (row, (into, &value)) in rows.iter_mut().zip(batch.scalar_as::<i64>(name)?.iter()).enumerate() {
                let value =
                    u16::try_from(value).ok().filter(|value| *value < 512).ok_or_else(|| EcontError::Value {
                        file: batch.file().to_string(),
                        column: name.clone(),
                        row: batch.first_row() + row as u64,
                        value: value.to_string(),
                        reason: "is no latent number of nine bits".into(),
                    })?;
                if let Some(place) = into.get_mut(latent) {
                    *place = value;
                }
            }
        }
        all.extend(rows);
    }
    Ok(all)
}

/// What the report tells.
#[derive(Default)]
struct Totals {
    words: u64,
    truncated: u64,
    with_buffer: bool,
}

impl Totals {
    fn add(&mut self, row: &Crossing) {
        self.words += row.frame.as_ref().map_or(0, |frame| u64::from(frame.sent));
        self.truncated += u64::from(row.sent.as_ref().is_some_and(|sent| sent.truncated()));
        self.with_buffer |= row.sent.is_some();
    }

    fn report(&self, rows: u64) -> Report {
        let report = Report::new().value("wafers", rows).quantity(
            "mean_frame",
            16.0 * self.words as f64 / rows.max(1) as f64,
            "bits",
        );
        if self.with_buffer { report.value("truncated", self.truncated) } else { report }
    }
}
