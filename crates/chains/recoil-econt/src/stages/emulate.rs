//! `econt emulate`: charges through the chip.

use recoil_outputs::Table;
use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, Flag, InputRole, OutputKind, Problem, Report, Run, Stage, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::TABLES;
use super::chip_config::{ChipConfig, links_problem};
use super::emulated::{Columns, Crossing};
use super::encode::model;
use crate::autoencoder::Channel;
use crate::autoencoder::conditions::of_batch;
use crate::autoencoder::export::read_weight_image;
use crate::autoencoder::integer::IntegerEncoder;
use crate::autoencoder::shipped::shipped;
use crate::data::calq::files;
use crate::data::{CalqReader, Wafer, WaferBatch};
use crate::emulator::autoencoder::{LATENTS, convert};
use crate::emulator::buffer::Buffer;
use crate::emulator::chip::{Block, Chip, header_of};
use crate::emulator::formatter::Algorithm;
use crate::error::{EcontError, Result};
use crate::transmission::Preset;
use crate::wafer::{FROM_POST_MUX, POST_MUX, reordered};

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
    /// For the autoencoder: folder of a model, whose encoder is computed in whole numbers and whose decoder makes charges
    /// again. Empty: the model that comes with the program for the preset and the links.
    pub model: String,
    /// For the autoencoder, in place of a model: file with the chip's weight registers.
    pub weights: String,
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
            model: String::new(),
            weights: String::new(),
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
        if !self.model.is_empty() && !self.weights.is_empty() {
            found.push(Problem::new("weights", "cannot be given beside `model`"));
        }
        if !(self.model.is_empty() && self.weights.is_empty()) && self.algorithm != Algorithm::Autoencoder {
            found.push(Problem::new("model", "and `weights` need algorithm=autoencoder"));
        }
        if !self.weights.is_empty() && self.preset != Preset::Asic {
            found.push(Problem::new("weights", "are those of the chip: they need preset=asic"));
        }
        found
    }
}

/// Runs the chip.
pub struct Emulate;

const CALQ: InputRole =
    InputRole::required("calq", "calibrated charges, one row per wafer, or a folder of such tables", TABLES);
const LATENTS_IN: InputRole = InputRole::optional(
    "latents",
    "for the autoencoder without an encoder: latent numbers OUT_0 to OUT_15 of the same wafers, of nine bits",
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
                   of the chip's blocks are in the order behind the multiplexer. The autoencoder takes its encoder from \
                   a model or from weight registers, or the encoder's outputs from a table; each wafer's charges then \
                   add up to the sum that is sent beside the latent numbers.",
            inputs: &[CALQ, LATENTS_IN],
            output: OutputKind::File { doc: "one row per wafer", formats: &["parquet", "csv"] },
            flags: &[
                Flag { name: "algorithm", key: "algorithm", list: false },
                Flag { name: "links", key: "links", list: false },
                Flag { name: "preset", key: "preset", list: false },
                Flag { name: "order", key: "order", list: false },
                Flag { name: "model", key: "model", list: false },
                Flag { name: "weights", key: "weights", list: false },
            ],
        }
    }

    fn run(&self, config: &EmulateConfig, run: &Run) -> std::result::Result<Report, StageError> {
        let input = run.inputs().one(CALQ.role)?.spec();
        let reading = || format!("cannot read {input}");
        let chip = config.chip.chip(config.algorithm, config.links);
        let mut source = Source::open(config, run)?;
        let columns = Columns {
            algorithm: config.algorithm,
            drop: chip.registers.drop_lsb,
            latents: config.algorithm == Algorithm::Autoencoder,
            frames: config.frames,
            received: config.algorithm != Algorithm::Autoencoder || source.decodes(),
        };
        let mut table = Table::create(&run.output_file()?, "the emulated crossings", columns.fields())?;
        let mut buffer = Buffer::new(config.links, config.chip.limits(config.links));
        let mut crossing = config.first_crossing;
        let mut totals = Totals::default();
        for file in files(&input).input_error(reading())? {
            let mut reader = CalqReader::open(&file).input_error(reading())?;
            let progress = run.progress("emulating", "wafers", reader.total_rows());
            while let Some(batch) = reader.next_batch().input_error(reading())? {
                run.check()?;
                let headers = headers(&batch.batch).input_error(reading())?;
                let header = |row: usize| {
                    let given = headers.as_ref().and_then(|headers| headers.get(row).copied());
                    given.unwrap_or_else(|| header_of(crossing + row as i64))
                };
                let mut rows: Vec<Crossing> = if config.algorithm == Algorithm::Autoencoder {
                    source.crossings(config, &chip, &batch, crossing, header)?
                } else {
                    let one = |(i, wafer)| emulate(config, &chip, wafer, crossing + i as i64, header(i));
                    batch.charges.iter().enumerate().map(one).collect()
                };
                crossing += rows.len() as i64;
                for row in &mut rows {
                    if config.algorithm == Algorithm::Threshold && columns.frames {
                        row.sent = row.frame.as_ref().map(|frame| buffer.push(frame));
                    }
                    totals.add(row);
                }
                progress.add(rows.len() as u64);
                table.write(columns.of(&rows))?;
            }
        }
        source.finish()?;
        let rows = table.finish(&run.embedded_provenance())?;
        if rows == 0 {
            return Err(StageError::input(EcontError::Empty { file: input }.to_string()));
        }
        Ok(totals.report(rows))
    }
}

/// One wafer through the chip.
fn emulate(config: &EmulateConfig, chip: &Chip, wafer: &Wafer, crossing: i64, header: u8) -> Crossing {
    let by_number = config.order.is_by_number(config.preset);
    let charges = if by_number { reordered(wafer, &FROM_POST_MUX) } else { *wafer };
    let block = chip.block(&charges);
    let received = chip.received(&charges, &block, config.preset, config.decoded);
    let received = if by_number { received.map(|kept| reordered(&kept, &POST_MUX)) } else { received };
    let frame = chip.frame(&block, crossing, Some(header));
    Crossing { header, block, latents: None, frame, sent: None, received }
}

/// Where the autoencoder's latent numbers come from.
enum Source {
    /// There are none: another algorithm runs.
    None,
    /// A table.
    Table(std::vec::IntoIter<[u16; LATENTS]>),
    /// An encoder.
    Channel(Box<Channel>),
}

impl Source {
    fn open(config: &EmulateConfig, run: &Run) -> std::result::Result<Self, StageError> {
        let keep = config.chip.keep_mask(config.links);
        if config.algorithm != Algorithm::Autoencoder {
            return Ok(Self::None);
        }
        let of = |model, name: &str| Channel::new(model, config.preset, keep).input_error(format!("cannot use {name}"));
        let given = !config.model.is_empty() || !config.weights.is_empty();
        let channel = match run.inputs().optional(LATENTS_IN.role) {
            Some(_) if given => {
                return Err(StageError::usage("latent numbers come from a table or from an encoder, not from both"));
            }
            Some(file) => {
                let latents = read_latents(&file.spec()).input_error(format!("cannot read {}", file.spec()))?;
                return Ok(Self::Table(latents.into_iter()));
            }
            None if !config.model.is_empty() => of(model(&config.model)?, &config.model)?,
            None if !config.weights.is_empty() => {
                let reading = || format!("cannot read {}", config.weights);
                let text = std::fs::read_to_string(&config.weights).input_error(reading())?;
                let weights = read_weight_image(&text).input_error(reading())?;
                Channel::of_encoder(IntegerEncoder::of_chip(&weights).input_error(reading())?, keep)
            }
            None => of(shipped(config.preset, config.links).internal_error("the model")?, "the model of the program")?,
        };
        Ok(Self::Channel(Box::new(channel)))
    }

    /// Whether there are charges at the end.
    fn decodes(&self) -> bool {
        matches!(self, Self::Channel(channel) if channel.has_decoder())
    }

    /// A batch of wafers through the autoencoder.
    fn crossings(
        &mut self,
        config: &EmulateConfig,
        chip: &Chip,
        batch: &WaferBatch,
        first: i64,
        header: impl Fn(usize) -> u8,
    ) -> std::result::Result<Vec<Crossing>, StageError> {
        // networks see cells by their numbers: the chip's multiplexer is set so
        let by_number = config.order.is_by_number(config.preset);
        let wafers: Vec<Wafer> = match by_number {
            true => batch.charges.clone(),
            false => batch.charges.iter().map(|wafer| reordered(wafer, &POST_MUX)).collect(),
        };
        let (latents, received) = match self {
            Self::None => (None, None),
            Self::Table(rest) => {
                let latents: Vec<_> = rest.by_ref().take(wafers.len()).collect();
                if latents.len() < wafers.len() {
                    return Err(StageError::input("the table of latent numbers has fewer rows than the charges"));
                }
                (Some(latents), None)
            }
            Self::Channel(channel) => {
                let latents = channel.encode(&wafers);
                let conditions: Vec<f32> = of_batch(batch).into_iter().flatten().collect();
                let conditions = channel.is_conditional().then_some(conditions.as_slice());
                let received = channel.decode(&wafers, &latents, conditions, config.decoded);
                (Some(latents), received.internal_error("cannot decode")?)
            }
        };
        let keep = config.chip.keep_mask(config.links);
        let one = |(i, wafer): (usize, &Wafer)| {
            let (header, crossing) = (header(i), first + i as i64);
            let converted = convert(wafer);
            let block = Block::Autoencoder(converted);
            let latents = latents.as_ref().and_then(|all| all.get(i).copied());
            let made = |latents| chip.formatter.autoencoder(header, &latents, converted.sum_code, &keep);
            let frame = latents.map(|latents| chip.in_reset(crossing, header).unwrap_or_else(|| made(latents)));
            let charges = received.as_ref().and_then(|all| all.get(i).copied());
            let received = if by_number { charges } else { charges.map(|kept| reordered(&kept, &FROM_POST_MUX)) };
            Crossing { header, block, latents, frame, sent: None, received }
        };
        Ok(batch.charges.iter().enumerate().map(one).collect())
    }

    fn finish(self) -> std::result::Result<(), StageError> {
        match self {
            Self::Table(rest) if rest.len() > 0 => {
                Err(StageError::input("the table of latent numbers has more rows than the charges"))
            }
            _ => Ok(()),
        }
    }
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
