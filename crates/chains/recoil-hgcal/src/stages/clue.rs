//! `hgcal clue`: density clustering of the points of any table.

use std::borrow::Cow;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float32Type, Float64Type};
use recoil_physics::clue::{Clue, Clustering, Kernel, Metric, Norm, Points};
use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, Flag, InputRole, OutputKind, Problem, Report, Run, Stage, StageError};
use recoil_table::{Address, Batch, ReadOptions};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::labels::{Labels, with_labels};

mod labels;

/// Formats of the points.
const FORMATS: &[&str] = &["parquet", "csv", "npy", "npz", "root"];
/// The role of the points.
const POINTS: InputRole = InputRole::required("points", "the points, one row per point", FORMATS);

/// Weight of a neighbour at distance d. A point counts for itself with 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum KernelConfig {
    /// The same for every neighbour.
    Flat {
        /// The weight.
        #[serde(default = "half")]
        value: f32,
    },
    /// amplitude exp(-(d - mean)^2 / (2 sigma^2)).
    Gaussian {
        /// Distance of the maximum.
        #[serde(default)]
        mean: f32,
        /// Width.
        #[serde(default = "one")]
        sigma: f32,
        /// Height.
        #[serde(default = "one")]
        amplitude: f32,
    },
    /// amplitude exp(-slope d).
    Exponential {
        /// Inverse length.
        #[serde(default = "one")]
        slope: f32,
        /// Height.
        #[serde(default = "one")]
        amplitude: f32,
    },
}

fn half() -> f32 {
    0.5
}

fn one() -> f32 {
    1.0
}

/// How the differences along the axes combine to a distance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MetricName {
    /// Square root of the sum of squares.
    #[default]
    Euclidean,
    /// Sum of absolute differences.
    Manhattan,
    /// Largest absolute difference.
    Chebyshev,
}

/// Keys of `hgcal clue`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ClueConfig {
    /// Columns with the coordinates, one per axis; `name[i]` is element i of an array column.
    #[schemars(length(min = 1))]
    pub columns: Vec<String>,
    /// Column with the weights; empty, every point weighs 1.
    pub weight: String,
    /// Column with the event: points of different events never meet; empty, all points belong together.
    pub event: String,
    /// Radius of the local density.
    pub dc: f32,
    /// Critical density: denser points can be seeds, thinner ones outliers.
    pub rhoc: f32,
    /// How far a thin point looks for a denser one before it is an outlier; 0 or absent, as dc.
    pub dm: Option<f32>,
    /// How far a dense point looks for a denser one before it is a seed; 0 or absent, as dc.
    pub seed_dc: Option<f32>,
    /// Weight of the neighbours: flat with `value`, gaussian with `mean`, `sigma`, `amplitude`, or exponential with
    /// `slope`, `amplitude`.
    pub kernel: KernelConfig,
    /// How the differences along the axes combine to a distance.
    pub metric: MetricName,
    /// Factors on the axes in the distance, one per axis (under the root for `euclidean`); empty, all 1.
    pub axis_weights: Vec<f32>,
    /// Periods of the axes, one per axis, 0 for an open one; empty, all open.
    pub periods: Vec<f32>,
}

impl Default for ClueConfig {
    fn default() -> Self {
        Self {
            columns: vec!["x".to_owned(), "y".to_owned()],
            weight: String::new(),
            event: String::new(),
            dc: 1.0,
            rhoc: 1.0,
            dm: None,
            seed_dc: None,
            kernel: KernelConfig::Flat { value: half() },
            metric: MetricName::Euclidean,
            axis_weights: Vec::new(),
            periods: Vec::new(),
        }
    }
}

impl ClueConfig {
    fn algorithm(&self) -> Clue {
        let given = |distance: Option<f32>| distance.filter(|&d| d != 0.0).unwrap_or(self.dc);
        let kernel = match self.kernel {
            KernelConfig::Flat { value } => Kernel::Flat { value },
            KernelConfig::Gaussian { mean, sigma, amplitude } => Kernel::Gaussian { mean, sigma, amplitude },
            KernelConfig::Exponential { slope, amplitude } => Kernel::Exponential { slope, amplitude },
        };
        let mut metric = Metric::new(match self.metric {
            MetricName::Euclidean => Norm::Euclidean,
            MetricName::Manhattan => Norm::Manhattan,
            MetricName::Chebyshev => Norm::Chebyshev,
        });
        if !self.axis_weights.is_empty() {
            metric = metric.weights(&self.axis_weights);
        }
        if !self.periods.is_empty() {
            metric = metric.periods(&self.periods);
        }
        Clue::new(self.dc, self.rhoc)
            .outlier_distance(given(self.dm))
            .seeding_distance(given(self.seed_dc))
            .kernel(kernel)
            .metric(metric)
    }
}

impl Config for ClueConfig {
    fn check(&self) -> Vec<Problem> {
        use recoil_physics::Error;
        // without points, only the parameters can be wrong
        let none = vec![&[] as &[f32]; self.columns.len()];
        let Err(error) = Points::new(&none).and_then(|points| self.algorithm().run(&points)) else {
            return Vec::new();
        };
        let key = match &error {
            Error::NoAxes => "columns",
            Error::Axes { name: "weights", .. } => "axis_weights",
            Error::Axes { .. } => "periods",
            Error::Parameter { name, .. } => match name.as_str() {
                "dc" => "dc",
                "rhoc" => "rhoc",
                "outlier distance" => "dm",
                "seeding distance" => "seed_dc",
                name if name.contains("kernel") => "kernel",
                name if name.contains("weights") => "axis_weights",
                _ => "periods",
            },
            _ => "",
        };
        vec![Problem::new(key, format!("cannot work: {error}"))]
    }
}

/// Density clustering.
pub struct ClueStage;

impl Stage for ClueStage {
    type Config = ClueConfig;

    fn description(&self) -> Description {
        Description {
            name: "hgcal clue",
            about: "Cluster the points of a table by density (CLUE)",
            long: "Every point gets a local density, the weighted number of neighbours within dc, and looks for its \
                   nearest neighbour of higher density. Dense points without one are seeds, thin ones outliers, all \
                   others join the cluster of that neighbour. Works in any dimension. Writes the columns of the input \
                   and rho, nearest_higher, is_seed and cluster_id; columns of these names in the input are replaced. \
                   With a column of events, clusters are numbered within each event.",
            inputs: &[POINTS],
            output: OutputKind::File {
                doc: "the points with their labels",
                formats: &["parquet", "csv", "npz", "root"],
            },
            flags: &[
                Flag { name: "columns", key: "columns", list: true },
                Flag { name: "weight", key: "weight", list: false },
                Flag { name: "batch", key: "event", list: false },
            ],
        }
    }

    fn run(&self, config: &ClueConfig, run: &Run) -> Result<Report, StageError> {
        let input = run.inputs().one(POINTS.role)?.spec();
        let reading = || format!("cannot read {input}");
        let batch = recoil_table::open(&input, &ReadOptions::default())
            .and_then(|mut reader| reader.read_all())
            .input_error(reading())?;
        run.check()?;
        let labels = cluster(config, &batch).map_err(|error| match error {
            ClueError::Table(error) => StageError::caused(recoil_stage::ErrorKind::Input, reading(), error),
            ClueError::Points(error) => StageError::caused(recoil_stage::ErrorKind::Input, input.clone(), error),
            ClueError::Column(message) => StageError::input(message),
        })?;
        let records = with_labels(batch.records(), &labels).internal_error("cannot attach the labels")?;
        let writing = "cannot write the points";
        let address = Address::of_path(&run.output_file()?).output_error(writing)?;
        let mut writer = recoil_table::create(&address, &records.schema()).output_error(writing)?;
        writer.write(&records).output_error(writing)?;
        writer.finish(Some(&run.embedded_provenance())).output_error(writing)?;
        let report = Report::new().value("points", batch.rows());
        let report = if config.event.is_empty() { report } else { report.value("events", labels.groups) };
        let outliers = labels.cluster.iter().filter(|&&cluster| cluster < 0).count();
        Ok(report.value("clusters", labels.clusters).value("outliers", outliers))
    }
}

/// Why the points of a table cannot be clustered.
#[derive(Debug)]
enum ClueError {
    Table(recoil_table::Error),
    Points(recoil_physics::Error),
    Column(String),
}

impl From<recoil_table::Error> for ClueError {
    fn from(error: recoil_table::Error) -> Self {
        Self::Table(error)
    }
}

impl From<recoil_physics::Error> for ClueError {
    fn from(error: recoil_physics::Error) -> Self {
        Self::Points(error)
    }
}

fn cluster(config: &ClueConfig, batch: &Batch) -> Result<Labels, ClueError> {
    let mut columns: Vec<Cow<'_, [f32]>> =
        config.columns.iter().map(|name| numbers(batch, name)).collect::<Result<_, _>>()?;
    let mut weights = if config.weight.is_empty() { None } else { Some(numbers(batch, &config.weight)?) };
    let clue = config.algorithm();
    if config.event.is_empty() {
        let found = clue.run(&points(&columns, weights.as_deref())?)?;
        return Ok(Labels::of_all(found));
    }
    let events = batch.scalar_as::<i64>(&config.event)?;
    // points of one event together, in the order of the file
    let mut order: Vec<usize> = (0..events.len()).collect();
    order.sort_by_key(|&row| events[row]);
    for column in columns.iter_mut().chain(&mut weights) {
        *column = Cow::Owned(order.iter().map(|&row| column[row]).collect());
    }
    let mut offsets = vec![0];
    offsets.extend((1..order.len()).filter(|&i| events[order[i]] != events[order[i - 1]]));
    if !order.is_empty() {
        offsets.push(order.len());
    }
    let found: Vec<Clustering> = clue.run_batches(&points(&columns, weights.as_deref())?, &offsets)?;
    Ok(Labels::of_groups(found, &order))
}

fn points<'a>(columns: &'a [Cow<'_, [f32]>], weights: Option<&'a [f32]>) -> Result<Points<'a>, recoil_physics::Error> {
    let points = Points::new(&columns.iter().map(AsRef::as_ref).collect::<Vec<_>>())?;
    weights.map_or(Ok(points.clone()), |weights| points.weights(weights))
}

/// The column `name`, or with `name[i]` element i of an array column, in single precision.
fn numbers<'a>(batch: &'a Batch, name: &str) -> Result<Cow<'a, [f32]>, ClueError> {
    let element = name.strip_suffix(']').and_then(|rest| rest.rsplit_once('['));
    let element = element.and_then(|(array, index)| Some((array, index.parse::<usize>().ok()?)));
    let single = match element {
        Some((array, index)) if !batch.has(name) => Cow::Owned(element_of(batch, array, index, name)?),
        _ if batch.column(name)?.as_primitive_opt::<Float32Type>().is_some() => {
            Cow::Borrowed(batch.scalar::<f32>(name)?)
        }
        _ => Cow::Owned(batch.scalar_as::<f64>(name)?.iter().map(|&value| value as f32).collect()),
    };
    match single.iter().position(|value| !value.is_finite()) {
        Some(row) => Err(ClueError::Column(format!(
            "{}: column '{name}', row {}: {} is not a finite number in single precision",
            batch.file(),
            batch.first_row() + row as u64,
            single[row]
        ))),
        None => Ok(single),
    }
}

fn element_of(batch: &Batch, array: &str, index: usize, name: &str) -> Result<Vec<f32>, ClueError> {
    let column = batch.column(array)?;
    let double =
        column.as_fixed_size_list_opt().is_some_and(|l| l.values().as_primitive_opt::<Float64Type>().is_some());
    let (size, values): (usize, Cow<'_, [f32]>) = if double {
        let (size, values) = batch.fixed::<f64>(array)?;
        (size, values.iter().map(|&value| value as f32).collect())
    } else {
        let (size, values) = batch.fixed::<f32>(array)?;
        (size, values.into())
    };
    if index >= size {
        let message = format!("{}: there is no {name}: '{array}' has {size} elements, counted from 0", batch.file());
        return Err(ClueError::Column(message));
    }
    Ok(values.iter().skip(index).step_by(size).copied().collect())
}
