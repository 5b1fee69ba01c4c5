//! `iact r0-to-dl1`: raw simulation to images and image parameters.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use arrow_schema::SchemaRef;
use rayon::prelude::*;
use recoil_eventio::simtel::{SimtelReader, Wanted};
use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, Flag, InputRole, Inputs, OutputKind, Problem, Report, Run, Stage, StageError};
use recoil_table::{Address, BatchWriter};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::blame;
use crate::clean::{DynamicCleaning, Tailcut};
use crate::config::{FocalLengthChoice, LSTCHAIN_KEYS, NsbTuning, SourceConfig, WindowConfig};
use crate::dl1::columns::{Images, image_schema, parameter_batch, parameter_schema};
use crate::dl1::hdf5::Dl1File;
use crate::dl1::reduce::{Models, Reduced, Reducer, Reduction, Trigger, Work, work};
use crate::error::{IactError, Result};
use crate::parameters::timing::Starts;
use crate::production::{RunConfig, SIMULATION};
use crate::waveform::integrate::Extractor;
use crate::waveform::nsb::SinglePe;

/// Events that are read before they are reduced together.
const BATCH: usize = 64;

/// Keys of `iact r0-to-dl1`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct R0ToDl1Config {
    /// Which events and telescopes are read.
    pub source_config: SourceConfig,
    /// Where the peak of a pulse is looked for: `LocalPeakWindowSum` or `GlobalPeakWindowSum`.
    pub image_extractor: Extractor,
    /// Window around the peak of each pixel.
    #[serde(rename = "LocalPeakWindowSum")]
    pub local: WindowConfig,
    /// Window around the peak of the camera.
    #[serde(rename = "GlobalPeakWindowSum")]
    pub global: WindowConfig,
    /// What all charges are multiplied with.
    #[schemars(range(min = 0.0, max = 1000.0))]
    pub mc_image_scaling_factor: f64,
    /// Thresholds of the cleaning.
    pub tailcut: Tailcut,
    /// The threshold that follows bright images.
    pub dynamic_cleaning: DynamicCleaning,
    /// Light of the night sky that is added.
    pub waveform_nsb_tuning: NsbTuning,
    /// Starts of the fit of times: `reference` for those of the field's programs, `thorough` for more.
    pub timing_starts: Starts,
    /// Whether true photo-electrons are written too, for events that have some.
    pub write_pe_image: bool,
    /// Whether the images are written.
    pub images: bool,
    /// Format of the tables.
    pub format: TableFormat,
}

/// Formats of DL1 tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TableFormat {
    /// HDF5 in the layout of lstchain.
    #[default]
    H5,
    /// Parquet: one file of parameters and one of images.
    Parquet,
}

impl Default for R0ToDl1Config {
    fn default() -> Self {
        Self {
            source_config: SourceConfig::default(),
            image_extractor: Extractor::LocalPeakWindowSum,
            local: WindowConfig::default(),
            global: WindowConfig::default(),
            mc_image_scaling_factor: 1.0,
            tailcut: Tailcut::default(),
            dynamic_cleaning: DynamicCleaning::default(),
            waveform_nsb_tuning: NsbTuning::default(),
            timing_starts: Starts::Reference,
            write_pe_image: false,
            images: true,
            format: TableFormat::default(),
        }
    }
}

impl Config for R0ToDl1Config {
    fn check(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        let window = self.window();
        if window.window_shift >= window.window_width {
            let key = format!("{:?}.window_shift", self.image_extractor);
            found.push(Problem::new(key, "is not inside the window"));
        }
        let tuning = &self.waveform_nsb_tuning;
        if tuning.nsb_tuning && tuning.nsb_tuning_ratio.is_some() {
            let told = "is of no use without the simulated rate: give nsb_tuning_rate_GHz and remove it";
            found.push(Problem::new("waveform_nsb_tuning.nsb_tuning_ratio", told));
        }
        found
    }

    fn foreign() -> &'static [&'static str] {
        LSTCHAIN_KEYS
    }

    fn files(&self) -> Vec<(String, std::path::PathBuf)> {
        let file = self.waveform_nsb_tuning.spe_location.as_ref().filter(|_| self.waveform_nsb_tuning.nsb_tuning);
        file.map(|file| ("waveform_nsb_tuning.spe_location".to_owned(), file.into())).into_iter().collect()
    }
}

impl R0ToDl1Config {
    fn window(&self) -> WindowConfig {
        match self.image_extractor {
            Extractor::LocalPeakWindowSum => self.local,
            Extractor::GlobalPeakWindowSum => self.global,
        }
    }

    fn wanted(&self) -> Wanted {
        let telescopes = self.source_config.event_source.allowed_tels.clone().unwrap_or_default();
        Wanted { telescopes, photo_electrons: self.write_pe_image }
    }

    pub(super) fn reduction(&self, run: &Run) -> Result<Reduction, StageError> {
        let response = match &self.waveform_nsb_tuning.spe_location {
            Some(file) if self.waveform_nsb_tuning.nsb_tuning => {
                let text = std::fs::read_to_string(file).input_error(format!("cannot read {file}"))?;
                SinglePe::parse(file, &text)
            }
            _ => SinglePe::shipped(),
        };
        Ok(Reduction {
            extractor: self.image_extractor,
            window: self.window(),
            scale: self.mc_image_scaling_factor,
            tailcut: self.tailcut,
            dynamic: self.dynamic_cleaning,
            starts: self.timing_starts,
            nsb: self.waveform_nsb_tuning.clone(),
            response: response.map_err(blame("cannot add light"))?,
            seed: run.seed(),
        })
    }
}

/// Reduces raw events.
pub struct R0ToDl1;

const RAW: InputRole =
    InputRole::required("input-file", "files of sim_telarray", &["simtel", "gz", "zst"]).short('f').many();

impl Stage for R0ToDl1 {
    type Config = R0ToDl1Config;

    fn description(&self) -> Description {
        Description {
            name: "iact r0-to-dl1",
            about: "Reduce raw simulated events to images and image parameters",
            long: "Calibrates the samples, chooses the gain of each pixel, integrates the pulses, cleans the images and \
                   computes their parameters; every file gives tables called dl1_ and its name. The configuration may be \
                   a file of lstchain. A file that was cut off gives the events that are whole, and the exit code tells.",
            inputs: &[RAW],
            output: OutputKind::Directory { doc: "tables of parameters and images of each file" },
            flags: &[Flag { name: "max-events", key: "source_config.EventSource.max_events", list: false }],
        }
    }

    fn outputs(&self, config: &R0ToDl1Config, inputs: &Inputs) -> Vec<String> {
        let of = |file: &recoil_stage::InputFile| {
            let base = base_name(&file.path);
            match (config.format, config.images) {
                (TableFormat::H5, _) => vec![format!("{base}.h5")],
                (TableFormat::Parquet, false) => vec![format!("{base}.parquet")],
                (TableFormat::Parquet, true) => vec![format!("{base}.parquet"), format!("{base}_images.parquet")],
            }
        };
        inputs.files().iter().flat_map(of).collect()
    }

    fn run(&self, config: &R0ToDl1Config, run: &Run) -> Result<Report, StageError> {
        let how = config.reduction(run)?;
        let mut total = Report::new();
        let mut counts = Counts::default();
        for file in run.inputs().files() {
            let (found, cut) = reduce_file(config, run, &how, &file.path)?;
            counts.events += found.events;
            counts.images += found.images;
            counts.with_light += found.with_light;
            if let Some(error) = cut {
                total = total.failure(error.to_string());
            }
        }
        Ok(total.value("events", counts.events).value("images", counts.images).value("with_light", counts.with_light))
    }
}

/// Name of the tables of a raw file, without extension: `dl1_` and the name without what follows `.simtel`.
pub fn base_name(path: &Path) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut base = name.as_str();
    for end in [".gz", ".zst", ".simtel"] {
        base = base.strip_suffix(end).unwrap_or(base);
    }
    format!("dl1_{base}")
}

#[derive(Default)]
struct Counts {
    events: u64,
    images: u64,
    with_light: u64,
}

fn reduce_file(
    config: &R0ToDl1Config,
    run: &Run,
    how: &Reduction,
    path: &Path,
) -> Result<(Counts, Option<recoil_eventio::Error>), StageError> {
    let doing = format!("cannot reduce {}", path.display());
    let mut reader = SimtelReader::open(path, config.wanted()).map_err(|error| blame(doing.clone())(error.into()))?;
    let mut models = Models::default();
    let mut tables = None;
    let progress = run.progress("reducing", "events", None);
    let limit = config.source_config.event_source.max_events.unwrap_or(u64::MAX);
    let calibration = !config.source_config.simtel.skip_calibration_events;
    let mut counts = Counts::default();
    let mut cut = None;
    let mut more = true;
    while more {
        run.check()?;
        let mut batch: Vec<Work> = Vec::new();
        let mut triggers: Vec<Trigger> = Vec::new();
        let mut events = 0;
        while events < BATCH as u64 && more {
            if counts.events + events >= limit {
                more = false;
                break;
            }
            match reader.next_event() {
                Ok(Some(event)) if event.calibration.is_some() && !calibration => {}
                Ok(Some(event)) => {
                    let (trigger, parts) = work(event, &reader, &mut models, how).map_err(blame(doing.clone()))?;
                    triggers.push(trigger);
                    batch.extend(parts);
                    events += 1;
                }
                Ok(None) => more = false,
                Err(error) if counts.events + events == 0 => return Err(blame(doing)(error.into())),
                Err(error) => {
                    cut = Some(error);
                    more = false;
                }
            }
        }
        let reduced: Vec<Reduced> = batch
            .par_iter()
            .map_init(
                || Reducer::new(how),
                |reducer, work| {
                    reducer.reduce(work).map_err(|reason| IactError::Event {
                        file: path.display().to_string(),
                        event: work.place.event,
                        telescope: work.place.telescope,
                        reason,
                    })
                },
            )
            .collect::<Result<_>>()
            .map_err(blame(doing.clone()))?;
        counts.events += events;
        counts.images += reduced.len() as u64;
        counts.with_light += reduced.iter().filter(|found| found.mask.contains(&true)).count() as u64;
        progress.add(events);
        // cameras and calibrations stand before the first event
        let tables = match &mut tables {
            Some(tables) => tables,
            none => none.insert(Tables::create(config, run, &base_name(path), &reader)?),
        };
        tables.write(&triggers, reduced)?;
    }
    let source = &config.source_config;
    let wanted = source.event_source.focal_length_choice.unwrap_or(source.simtel.focal_length_choice);
    for (number, telescope) in reader.telescopes() {
        let unknown = telescope.camera.effective_focal_length.is_none_or(|length| length.is_nan() || length <= 0.0);
        if unknown && wanted == FocalLengthChoice::Effective {
            let told = format!("telescope {number} has no effective focal length: the equivalent one stands in");
            run.warn("focal_length", told);
        }
    }
    if let Some(tables) = tables {
        tables.finish(&run.embedded_provenance(), &reader)?;
    }
    Ok((counts, cut))
}

/// The tables of a file.
enum Tables {
    H5(Box<Dl1File>),
    Parquet { parameters: Box<dyn BatchWriter>, schema: SchemaRef, images: Option<ImageTable> },
}

struct ImageTable {
    writer: Box<dyn BatchWriter>,
    with_true: bool,
}

impl Tables {
    fn create(config: &R0ToDl1Config, run: &Run, base: &str, reader: &SimtelReader) -> Result<Self, StageError> {
        if config.format == TableFormat::H5 {
            let name = format!("{base}.h5");
            let json = serde_json::to_string(config).internal_error("cannot record the configuration")?;
            let made = Dl1File::create(&run.output(&name)?, reader, json, config.images);
            return Ok(Self::H5(Box::new(made.map_err(blame(format!("cannot write {name}")))?)));
        }
        let create = |name: String, schema: &SchemaRef| -> Result<Box<dyn BatchWriter>, StageError> {
            let doing = || format!("cannot write {name}");
            let address = Address::of_path(&run.output(&name)?).output_error(doing())?;
            recoil_table::create(&address, schema).output_error(doing())
        };
        let runs: Vec<RunConfig> = reader.mc_runs().iter().map(RunConfig::of_header).collect();
        let metadata = HashMap::from([(SIMULATION.to_owned(), json!(runs).to_string())]);
        let schema = Arc::new(parameter_schema().as_ref().clone().with_metadata(metadata));
        let parameters = create(format!("{base}.parquet"), &schema)?;
        let with_true = config.write_pe_image;
        let images = match config.images {
            true => {
                let writer = create(format!("{base}_images.parquet"), &image_schema(with_true))?;
                Some(ImageTable { writer, with_true })
            }
            false => None,
        };
        Ok(Self::Parquet { parameters, schema, images })
    }

    fn write(&mut self, triggers: &[Trigger], reduced: Vec<Reduced>) -> Result<(), StageError> {
        match self {
            Self::H5(file) => {
                let written = triggers.iter().try_for_each(|trigger| file.trigger(trigger));
                written.and_then(|()| file.events(reduced)).map_err(blame("cannot write DL1"))
            }
            Self::Parquet { parameters, schema, images } => {
                let rows: Vec<_> = reduced.iter().map(|found| found.values).collect();
                let batch = parameter_batch(&rows).map_err(blame("cannot write parameters"))?;
                let batch = batch.with_schema(schema.clone()).internal_error("cannot write parameters")?;
                parameters.write(&batch).output_error("cannot write parameters")?;
                if let Some(ImageTable { writer, with_true }) = images {
                    let mut images = Images::new(*with_true);
                    reduced.into_iter().for_each(|found| images.push(found));
                    let batch = images.batch().map_err(blame("cannot write images"))?;
                    writer.write(&batch).output_error("cannot write images")?;
                }
                Ok(())
            }
        }
    }

    fn finish(self, provenance: &str, reader: &SimtelReader) -> Result<(), StageError> {
        match self {
            Self::H5(file) => {
                file.finish(reader.histograms(), reader.run().run, provenance).map_err(blame("cannot write DL1"))
            }
            Self::Parquet { parameters, images, .. } => {
                parameters.finish(Some(provenance)).output_error("cannot write parameters")?;
                match images {
                    Some(images) => images.writer.finish(Some(provenance)).output_error("cannot write images"),
                    None => Ok(()),
                }
            }
        }
    }
}
