//! `hgcal scan-radius`: the cluster-size study.

use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, Inputs, OutputKind, Problem, Report, Run, Stage, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cells::CellReader;
use super::output::{Table, floats, ints, longs};
use super::particles::{particles_of, read_particles};
use super::problems;
use super::run::CELLS;
use super::validate::PARTICLES;
use crate::chain::{Chain, ChainConfig};
use crate::cluster::{ClusterConfig, Clusterer};
use crate::data::EventBatch;
use crate::data::columns::{SCAN_POINTS, SCAN_ROWS};
use crate::fill::FillConfig;
use crate::seed::SeedConfig;
use crate::smooth::SmoothConfig;
use crate::study::{RadiusScanConfig, ScanPoint, ScanRow, scan_radius, summarise};

/// Keys of `hgcal scan-radius`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ScanRadiusConfig {
    /// The radii and the particles.
    pub scan: RadiusScanConfig,
    /// The (R/z, phi) histogram.
    pub fill: FillConfig,
    /// Its smoothing.
    pub smooth: SmoothConfig,
    /// The seeds.
    pub seed: SeedConfig,
    /// The clusters; their radius is the one of the scan.
    pub cluster: ClusterConfig,
}

impl ScanRadiusConfig {
    fn chain(&self) -> ChainConfig {
        ChainConfig {
            fill: self.fill.clone(),
            smooth: self.smooth.clone(),
            seed: self.seed.clone(),
            cluster: self.cluster.clone(),
        }
    }
}

impl Config for ScanRadiusConfig {
    fn check(&self) -> Vec<Problem> {
        let mut found = problems(self.scan.radii());
        found.extend(problems(Chain::new(&self.chain()).and_then(|_| Clusterer::new(&self.cluster))));
        found
    }
}

/// Clusters once per radius.
pub struct ScanRadius;

impl Stage for ScanRadius {
    type Config = ScanRadiusConfig;

    fn description(&self) -> Description {
        Description {
            name: "hgcal scan-radius",
            about: "Study energy, efficiency and resolution against the clustering radius",
            long: "Seeds every event once and clusters it once per radius. Writes the leading cluster of every particle \
                   at every radius, and per radius the efficiency, the mean response, rms, effective rms, gaussianity \
                   and the number of clusters that belong to no particle.",
            inputs: &[CELLS, PARTICLES],
            output: OutputKind::Directory { doc: "clusters per radius and their summary" },
            flags: &[],
        }
    }

    fn outputs(&self, _config: &ScanRadiusConfig, _inputs: &Inputs) -> Vec<String> {
        ["radii.parquet", "summary.parquet"].map(str::to_owned).to_vec()
    }

    fn run(&self, config: &ScanRadiusConfig, run: &Run) -> Result<Report, StageError> {
        let radii = config.scan.radii().usage_error("the configuration cannot work")?;
        let (cells, truth) = (run.inputs().one(CELLS.role)?.spec(), run.inputs().one(PARTICLES.role)?.spec());
        let all = read_particles(&truth).input_error(format!("cannot read {truth}"))?;
        let mut reader = CellReader::open(&cells).input_error(format!("cannot read {cells}"))?;
        let samples = reader.has_samples();
        let path = run.output("radii.parquet")?;
        let mut table = Table::create(&path, "radii.parquet", SCAN_ROWS.iter().copied(), samples)?;
        let unit = if reader.is_flat() { "cells" } else { "events" };
        let progress = run.progress("scanning", unit, reader.total_rows());
        let mut rows: Vec<ScanRow> = Vec::new();
        while let Some(batch) = reader.next_events().input_error(format!("cannot read {cells}"))? {
            run.check()?;
            let particles = particles_of(&all, &batch);
            let found = scan_radius(&config.scan, &config.chain(), &batch, &particles).input_error(cells.clone())?;
            write_rows(&mut table, &batch, &radii, &found)?;
            rows.extend(found);
            progress.add(if reader.is_flat() { batch.cells.len() } else { batch.len() } as u64);
        }
        let points = summarise(&config.scan, &rows).internal_error("cannot sum up")?;
        let provenance = run.embedded_provenance();
        table.finish(&provenance)?;
        write_points(run, &points, &provenance)?;
        let line = |p: &ScanPoint| {
            vec![
                p.radius.into(),
                p.efficiency.value.into(),
                p.energy.mean.into(),
                p.energy.rms.into(),
                p.energy.effective_rms.into(),
                p.energy.gaussianity.into(),
                p.other_clusters.into(),
            ]
        };
        Ok(Report::new().value("particles", points.first().map_or(0, |p| p.particles)).table(
            "radii",
            &["radius", "efficiency", "mean energy response", "rms", "effective rms", "gaussianity", "other clusters"],
            points.iter().map(line).collect(),
        ))
    }
}

fn write_rows(table: &mut Table, events: &EventBatch, radii: &[f64], rows: &[ScanRow]) -> Result<(), StageError> {
    let mut offsets = vec![0];
    let mut end = 0;
    for i in 0..events.len() {
        while rows.get(end).is_some_and(|r| r.entry == i) {
            end += 1;
        }
        offsets.push(end);
    }
    let number = |f: fn(&ScanRow) -> f64| floats(&rows.iter().map(f).collect::<Vec<_>>());
    let radius: Vec<f64> = rows.iter().map(|r| radii.get(r.radius).copied().unwrap_or(f64::NAN)).collect();
    let columns = [
        floats(&radius),
        ints(rows.iter().map(|r| r.particle as i32)),
        number(|r| r.gen_energy),
        number(|r| r.gen_eta),
        number(|r| r.gen_phi),
        number(|r| r.energy),
        number(|r| r.eta),
        number(|r| r.phi),
        number(ScanRow::energy_ratio),
        number(ScanRow::pt_ratio),
        longs(rows.iter().map(|r| r.clusters as i64)),
        longs(rows.iter().map(|r| r.other_clusters as i64)),
    ];
    table.write(events, &offsets, columns)
}

fn write_points(run: &Run, points: &[ScanPoint], provenance: &str) -> Result<(), StageError> {
    let path = run.output("summary.parquet")?;
    let mut table = Table::create_plain(&path, "summary.parquet", SCAN_POINTS.iter().copied())?;
    let number = |f: fn(&ScanPoint) -> f64| floats(&points.iter().map(f).collect::<Vec<_>>());
    table.write_plain([
        number(|p| p.radius),
        longs(points.iter().map(|p| p.particles as i64)),
        number(|p| p.efficiency.value),
        number(|p| p.efficiency.low),
        number(|p| p.efficiency.high),
        number(|p| p.energy.mean),
        number(|p| p.energy.rms),
        number(|p| p.energy.effective_rms),
        number(|p| p.energy.gaussianity),
        number(|p| p.pt.mean),
        number(|p| p.pt.rms),
        number(|p| p.pt.effective_rms),
        number(|p| p.pt.gaussianity),
        number(|p| p.other_clusters),
    ])?;
    table.finish(provenance)?;
    Ok(())
}
