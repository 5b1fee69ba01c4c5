//! `iact dl1-to-dl2`: energy, direction and type of showers by trained forests.

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, UInt32Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, InputRole, Inputs, OutputKind, Problem, Report, Run, Stage, StageError};
use recoil_table::{Batch, field};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;

use super::blame;
use super::dl1_input::{open, parameters};
use super::dl2_output::Dl2Table;
use super::r0_to_dl1::TableFormat;
use crate::config::LSTCHAIN_KEYS;
use crate::data::DL1_PARAMETERS;
use crate::production::{RunConfig, SIMULATION, is_hdf5};
use crate::reconstruct::apply::{DL2_COLUMNS, apply};
use crate::reconstruct::columns::Columns;
use crate::reconstruct::models::{Disp, Models};
use crate::reconstruct::select::usable;
use crate::reconstruct::settings::{
    DispMethod, EFFECTIVE_FOCAL_LENGTH, Filters, LearningKeys, Settings, ZenithSettings,
};

/// Keys of `iact dl1-to-dl2`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ApplyKeys {
    /// Ranges of columns that an event must keep, both ends included.
    pub events_filters: Filters,
    /// What is interpolated between the pointings of the training.
    pub random_forest_zd_interpolation: ZenithSettings,
    /// How the direction was learned.
    pub disp_method: DispMethod,
    /// Whether the source's position is known.
    pub source_dependent: bool,
    /// Assumed position of the source for protons \[deg\].
    pub mc_nominal_source_x_deg: f64,
    /// Assumed position of the source for protons \[deg\].
    pub mc_nominal_source_y_deg: f64,
    /// Focal length \[m\] that stands for aberrations of the mirror.
    pub effective_focal_length: f64,
    /// Format of the tables; none for HDF5 from HDF5, and else Parquet.
    pub format: Option<TableFormat>,
}

impl Default for ApplyKeys {
    fn default() -> Self {
        let keys = LearningKeys::default();
        Self {
            events_filters: keys.events_filters,
            random_forest_zd_interpolation: keys.random_forest_zd_interpolation,
            disp_method: keys.disp_method,
            source_dependent: false,
            mc_nominal_source_x_deg: keys.mc_nominal_source_x_deg,
            mc_nominal_source_y_deg: keys.mc_nominal_source_y_deg,
            effective_focal_length: EFFECTIVE_FOCAL_LENGTH,
            format: None,
        }
    }
}

impl Config for ApplyKeys {
    fn check(&self) -> Vec<Problem> {
        if self.effective_focal_length.is_finite() && self.effective_focal_length > 0.0 {
            Vec::new()
        } else {
            vec![Problem::new("effective_focal_length", "must be above 0")]
        }
    }

    fn foreign() -> &'static [&'static str] {
        LSTCHAIN_KEYS
    }
}

impl ApplyKeys {
    /// Filters and switches; the features are those of the forests.
    fn settings(&self, models: &Models) -> Settings {
        let disp = |place: usize| match (&models.disp, place) {
            (Disp::NormSign(norm, _), 0) => norm.features.clone(),
            (Disp::NormSign(_, sign), _) => sign.features.clone(),
            (Disp::Vector(vector), _) => vector.features.clone(),
        };
        Settings {
            events_filters: self.events_filters.clone(),
            energy_regression_features: models.energy.features.clone(),
            disp_regression_features: disp(0),
            disp_classification_features: disp(1),
            particle_classification_features: models.gammaness.features.clone(),
            disp_method: self.disp_method,
            source_dependent: self.source_dependent,
            nominal_source: (self.mc_nominal_source_x_deg, self.mc_nominal_source_y_deg),
            effective_focal_length: self.effective_focal_length,
        }
    }
}

/// Applies trained forests.
pub struct Dl1ToDl2;

const IMAGES: InputRole = InputRole::required("input-file", "tables of image parameters", &["parquet", "h5"])
    .short('f')
    .alias("input-files")
    .many()
    .plain();
const MODELS: InputRole = InputRole::required("path-models", "folder of the trained forests", &[]).short('p');

impl ApplyKeys {
    fn is_h5(&self, input: &Path) -> bool {
        self.format.map_or_else(|| is_hdf5(input), |format| format == TableFormat::H5)
    }

    /// Name of the table that a file gives: its own, with the first `dl1` replaced.
    fn output_name(&self, file: &Path) -> String {
        let name = file.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let name = if name.contains("dl1") { name.replacen("dl1", "dl2", 1) } else { format!("dl2_{name}") };
        format!("{name}.{}", if self.is_h5(file) { "h5" } else { "parquet" })
    }
}

impl Stage for Dl1ToDl2 {
    type Config = ApplyKeys;

    fn description(&self) -> Description {
        Description {
            name: "iact dl1-to-dl2",
            about: "Reconstruct energy, direction and type of showers with trained forests",
            long: "Streams tables of image parameters through the forests of a folder and writes, for every dl1 table, a dl2 \
                   table: the events that pass the filters with their columns, then what was reconstructed. A dl2 file in \
                   HDF5 also has everything of the dl1 file but images and parameters, as lstchain's. Between the \
                   pointings of the training the answers are interpolated in the cosine of the zenith angle. A table in \
                   which no event survives is written without rows, with a warning. The configuration may be a file of \
                   lstchain.",
            inputs: &[IMAGES, MODELS],
            output: OutputKind::Directory { doc: "the reconstructed tables" },
            flags: &[],
        }
    }

    fn outputs(&self, config: &ApplyKeys, inputs: &Inputs) -> Vec<String> {
        inputs.all(IMAGES.role).map(|file| config.output_name(&file.path)).collect()
    }

    fn run(&self, config: &ApplyKeys, run: &Run) -> Result<Report, StageError> {
        let folder = &run.inputs().one(MODELS.role)?.path;
        let models = Models::read(folder, config.disp_method).map_err(blame("cannot read the models"))?;
        let settings = config.settings(&models);
        let wants = &config.random_forest_zd_interpolation;
        let any = wants.interpolate_energy || wants.interpolate_direction || wants.interpolate_gammaness;
        let several = models.pointings.as_ref().is_some_and(|pointings| pointings.nodes.len() > 1);
        if any && !several {
            run.warn("no_interpolation", "the training had one pointing: answers are not interpolated in zenith angle");
        }
        let json = serde_json::to_string(config).internal_error("cannot record the configuration")?;
        let (mut read, mut kept) = (0_u64, 0_u64);
        let progress = run.progress("reconstructing", "events", None);
        for file in run.inputs().all(IMAGES.role) {
            let spec = parameters(file)?;
            let doing = || format!("cannot reconstruct {spec}");
            let reader = open(&spec, None)?;
            let path = run.output(&config.output_name(&file.path))?;
            let given = described(&reader.schema(), &file.path).map_err(blame(doing()))?;
            let schema = schema_of(&given, &settings, any && several);
            let mut table = match config.is_h5(&file.path) {
                true => Dl2Table::h5(&path, &file.path, &spec, &schema, &json, run)?,
                false => Dl2Table::plain(&path, &schema)?,
            };
            let before = kept;
            for batch in reader {
                run.check()?;
                let batch = batch.input_error(format!("cannot read {spec}"))?;
                read += batch.rows() as u64;
                let found = reconstruct(&batch, &schema, &models, &settings, wants).map_err(blame(doing()))?;
                progress.add(batch.rows() as u64);
                if let Some(records) = found {
                    kept += records.num_rows() as u64;
                    table.write(&records)?;
                }
            }
            if kept == before {
                run.warn("no_events", format!("{spec}: no event passes the filters"));
            }
            table.finish(&run.embedded_provenance())?;
        }
        Ok(Report::new().value("events", read).value("reconstructed", kept))
    }
}

/// The columns of a table, with the run headers of its file in the metadata.
fn described(schema: &Schema, path: &Path) -> crate::error::Result<SchemaRef> {
    let mut metadata = schema.metadata().clone();
    let runs = RunConfig::of_file(path)?;
    if !runs.is_empty() {
        metadata.insert(SIMULATION.to_owned(), json!(runs).to_string());
    }
    Ok(Arc::new(Schema::new_with_metadata(schema.fields().clone(), metadata)))
}

/// Columns that are new or replaced, in their order.
fn new_columns(settings: &Settings, interpolated: bool) -> Vec<&'static str> {
    let mut names = Vec::new();
    if settings.source_dependent {
        names.extend([
            "expected_src_x",
            "expected_src_y",
            "time_gradient_from_source",
            "skewness_from_source",
            "dist",
            "alpha",
        ]);
    }
    if interpolated {
        names.extend(["alt0", "alt1", "w0", "w1"]);
    }
    names.extend(DL2_COLUMNS);
    if settings.source_dependent {
        names.extend(["reco_disp_sign_correctness", "reco_disp_norm_diff"]);
    }
    names
}

fn new_field(name: &str) -> Field {
    let (unit, doc) = match name {
        "expected_src_x" | "expected_src_y" => ("m", "assumed position of the source in the camera"),
        "time_gradient_from_source" => {
            ("ns/m", "time gradient, positive if times grow with the distance to the source")
        }
        "skewness_from_source" => ("", "skewness with its sign relative to the assumed source"),
        "dist" => ("m", "distance of the centroid from the assumed source"),
        "alpha" => ("deg", "angle between the long axis and the direction to the assumed source"),
        "alt0" => ("rad", "altitude of the nearest pointing of the training"),
        "alt1" => ("rad", "altitude of the second nearest pointing of the training"),
        "w0" => ("", "weight of the answer at the nearest pointing"),
        "w1" => ("", "weight of the answer at the second nearest pointing"),
        "log_reco_energy" => ("", "decimal logarithm of the reconstructed energy in TeV"),
        "reco_energy" => ("TeV", "reconstructed energy"),
        "reco_disp_norm" => ("m", "reconstructed distance from the centroid to the source"),
        "reco_disp_sign" => ("", "reconstructed side of the source along the long axis"),
        "reco_disp_sign_proba" => ("", "probability of the negative side"),
        "reco_disp_dx" | "reco_disp_dy" => ("m", "reconstructed vector from the centroid to the source"),
        "reco_src_x" | "reco_src_y" => ("m", "reconstructed position of the source in the camera"),
        "signed_time_gradient" => ("ns/m", "time gradient, positive if times grow with the distance to the source"),
        "signed_skewness" => ("", "skewness with its sign relative to the reconstructed source"),
        "reco_alt" => ("rad", "reconstructed altitude"),
        "reco_az" => ("rad", "reconstructed azimuth"),
        "gammaness" => ("", "probability of a gamma"),
        "reco_type" => ("", "reconstructed type: 0 gamma, 101 proton"),
        "reco_disp_sign_correctness" => ("", "probability that the reconstructed side is that of the assumed source"),
        _ => ("m", "reconstructed distance to the source, minus that to the assumed source"),
    };
    let kind = if is_whole(name) { DataType::Int64 } else { DataType::Float64 };
    field(name, kind, unit, doc)
}

fn is_whole(name: &str) -> bool {
    matches!(name, "reco_disp_sign" | "reco_type")
}

/// Columns of DL1 that hold the source for the nominal focal length and are replaced by those for the effective one.
const REPLACED: [&str; 7] = ["disp_dx", "disp_dy", "disp_norm", "disp_angle", "disp_sign", "src_x", "src_y"];

/// The columns of the output: those of the input, of the true source if it is simulated, and what is reconstructed.
fn schema_of(given: &Schema, settings: &Settings, interpolated: bool) -> SchemaRef {
    let new = new_columns(settings, interpolated);
    let old = given.fields().iter().filter(|field| !new.contains(&field.name().as_str()));
    let mut fields: Vec<Arc<Field>> = old.cloned().collect();
    let has = |name: &str| given.column_with_name(name).is_some();
    if has("mc_alt") && has("mc_alt_tel") {
        let of_source = DL1_PARAMETERS.iter().filter(|column| REPLACED.contains(&column.name) && !has(column.name));
        fields.extend(of_source.map(|column| Arc::new(column.field())));
    }
    fields.extend(new.into_iter().map(|name| Arc::new(new_field(name))));
    Arc::new(Schema::new_with_metadata(fields, given.metadata().clone()))
}

/// The events of a batch that pass the filters, with everything that is reconstructed.
fn reconstruct(
    batch: &Batch,
    schema: &SchemaRef,
    models: &Models,
    settings: &Settings,
    interpolate: &ZenithSettings,
) -> crate::error::Result<Option<RecordBatch>> {
    let all = Columns::of_batch(batch, settings.columns())?;
    let rows = usable(&all, &settings.events_filters, &settings.features())?;
    if rows.is_empty() {
        return Ok(None);
    }
    let mut table = all.pick(&rows);
    apply(&mut table, models, settings, interpolate)?;
    let rows = UInt32Array::from_iter_values(rows.into_iter().map(|row| row as u32));
    let new = new_columns(settings, table.has("w0"));
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        let name = field.name().as_str();
        let column: ArrayRef = if REPLACED.contains(&name) && table.has(name) {
            let values: ArrayRef = Arc::new(Float64Array::from(table.get(name)?.to_vec()));
            arrow_cast::cast(&values, field.data_type())?
        } else if !batch.has(name) || new.contains(&name) {
            // the vector method has no side and distance of its own
            let values = if table.has(name) { table.get(name)?.to_vec() } else { derived(&table, name)? };
            if is_whole(name) {
                Arc::new(Int64Array::from_iter_values(values.into_iter().map(|value| value as i64)))
            } else {
                Arc::new(Float64Array::from(values))
            }
        } else {
            arrow_select::take::take(batch.column(name)?, &rows, None)?
        };
        columns.push(column);
    }
    Ok(Some(RecordBatch::try_new(schema.clone(), columns)?))
}

/// Distance and side of the source from the vector to it.
fn derived(table: &Columns, name: &str) -> crate::error::Result<Vec<f64>> {
    let [dx, dy, psi] = [table.get("reco_disp_dx")?, table.get("reco_disp_dy")?, table.get("psi")?];
    let along = |row: usize| dx[row] * psi[row].cos() + dy[row] * psi[row].sin();
    Ok((0..table.rows())
        .map(|row| match name {
            "reco_disp_norm" => along(row).abs(),
            "reco_disp_sign" => along(row).signum(),
            _ => f64::from(u8::from(along(row) < 0.0)),
        })
        .collect())
}
