//! `hgcal display`: one event as a figure.

use recoil_plot::Figure;
use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, InputRole, OutputKind, Problem, Report, Run, Stage, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cells::CellReader;
use super::particles::{key, read_particles};
use super::report::FIGURES;
use super::run::CELLS;
use super::{TABLES, problems};
use crate::chain::{Chain, ChainConfig};
use crate::cluster::ClusterConfig;
use crate::data::GenColumns;
use crate::figures::{display, occupancy};
use crate::fill::FillConfig;
use crate::report::Example;
use crate::seed::SeedConfig;
use crate::smooth::SmoothConfig;

const PARTICLES: InputRole = InputRole::optional("gen", "the generated particles, to mark them", TABLES);

/// What is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum View {
    /// The trigger cells of one layer in (x, y), by transverse energy and by cluster.
    #[default]
    Layer,
    /// The (R/z, phi) histogram before and after smoothing, with seeds.
    Histogram,
}

/// Keys of `hgcal display`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DisplayConfig {
    /// Event number; absent, the first event.
    pub event: Option<i64>,
    /// Sample of the event, in files with sample labels.
    pub sample: Option<String>,
    /// What is drawn: `layer` or `histogram`.
    pub view: View,
    /// Layer of the view `layer`.
    pub layer: i32,
    /// Half of the side of the view about the first particle (or the hottest cell) \[cm\]; 0 shows everything.
    pub half_width_cm: f64,
    /// Text above the frame on the right.
    pub title: String,
    /// The (R/z, phi) histogram.
    pub fill: FillConfig,
    /// Its smoothing.
    pub smooth: SmoothConfig,
    /// The seeds.
    pub seed: SeedConfig,
    /// The clusters.
    pub cluster: ClusterConfig,
}

impl Default for DisplayConfig {
    fn default() -> Self {
        let ChainConfig { fill, smooth, seed, cluster } = ChainConfig::default();
        Self {
            event: None,
            sample: None,
            view: View::Layer,
            layer: 9,
            half_width_cm: 16.0,
            title: String::new(),
            fill,
            smooth,
            seed,
            cluster,
        }
    }
}

impl DisplayConfig {
    fn chain(&self) -> ChainConfig {
        ChainConfig {
            fill: self.fill.clone(),
            smooth: self.smooth.clone(),
            seed: self.seed.clone(),
            cluster: self.cluster.clone(),
        }
    }
}

impl Config for DisplayConfig {
    fn check(&self) -> Vec<Problem> {
        let mut found = problems(Chain::new(&self.chain()));
        if !(self.half_width_cm >= 0.0 && self.half_width_cm.is_finite()) {
            found.push(Problem::new("half_width_cm", "needs a number from 0"));
        }
        found
    }
}

/// Draws one event.
pub struct Display;

impl Stage for Display {
    type Config = DisplayConfig;

    fn description(&self) -> Description {
        Description {
            name: "hgcal display",
            about: "Draw one event: its trigger cells and clusters, or its histogram and seeds",
            long: "Runs the chain on the event and draws the cells of one layer with their outlines, coloured by transverse \
                   energy and by cluster; or the (R/z, phi) histogram before and after smoothing with its seeds.",
            inputs: &[CELLS, PARTICLES],
            output: OutputKind::File { doc: "the figure", formats: FIGURES },
            flags: &[],
        }
    }

    fn run(&self, config: &DisplayConfig, run: &Run) -> Result<Report, StageError> {
        let chain = Chain::new(&config.chain()).usage_error("the configuration cannot work")?;
        let mut example = find(config, run)?;
        example.run("", &chain).input_error("cannot run the chain on the event")?;
        let view = example.views.first().ok_or_else(|| StageError::input("the event has no cells"))?;
        let note = format!("event {}", example.event);
        let figure: Figure = match config.view {
            View::Layer => {
                let reach = if config.half_width_cm > 0.0 { config.half_width_cm } else { f64::INFINITY };
                display::layer(&config.title, &note, &example.display(view), config.layer, reach)
            }
            View::Histogram => {
                let window = if config.half_width_cm > 0.0 { example.window() } else { None };
                occupancy::maps(&config.title, &note, &view.occupancy, window)
            }
        };
        let path = run.output_file()?;
        let ending = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_owned();
        let bytes =
            figure.provenance(run.embedded_provenance()).render(&ending).internal_error("cannot draw the event")?;
        std::fs::write(&path, bytes).output_error("cannot write the figure")?;
        Ok(Report::new()
            .value("event", example.event)
            .value("trigger_cells", example.cells.cells.len())
            .value("seeds", view.occupancy.seeds.len())
            .value("clusters", view.energies.len()))
    }
}

fn find(config: &DisplayConfig, run: &Run) -> Result<Example, StageError> {
    let input = run.inputs().one(CELLS.role)?.spec();
    let all = match run.inputs().optional(PARTICLES.role) {
        Some(file) => read_particles(&file.spec()).input_error(format!("cannot read {}", file.spec()))?,
        None => Default::default(),
    };
    let mut reader = CellReader::open(&input).input_error(format!("cannot read {input}"))?;
    while let Some(batch) = reader.next_events().input_error(format!("cannot read {input}"))? {
        run.check()?;
        let wanted = |i: &usize| {
            let (sample, event) = key(&batch, *i);
            config.event.is_none_or(|e| e == event) && config.sample.as_ref().is_none_or(|s| *s == sample)
        };
        if let Some(i) = (0..batch.len()).find(wanted) {
            let none = GenColumns::default();
            let own = all.get(&key(&batch, i)).unwrap_or(&none);
            return Ok(Example::new(&batch, i, &own.slice(0..own.len()), config.layer, String::new()));
        }
    }
    let which = config.event.map_or_else(|| "an event".to_owned(), |e| format!("event {e}"));
    Err(StageError::input(format!("{input} does not hold {which}")))
}
