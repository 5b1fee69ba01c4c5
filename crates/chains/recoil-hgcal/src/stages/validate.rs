//! `hgcal validate`: clusters against generated particles.

use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, InputRole, OutputKind, Problem, Report, Run, Stage, StageError};

use super::TABLES;
use super::cells::CellReader;
use super::output::{Table, floats, ints, longs};
use super::particles::{EventKey, key, read_clusters, read_particles};
use crate::cluster::Clusters;
use crate::data::columns::VALIDATION;
use crate::data::{EventBatch, GenColumns, TriggerCells};
use crate::validate::{Comparison, Kinematics, Spread, ValidateConfig, compare, summarise};

impl Config for ValidateConfig {
    fn check(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        if !(self.matching.delta_r > 0.0 && self.matching.delta_r.is_finite()) {
            found.push(Problem::new("matching.delta_r", "needs a positive number"));
        }
        found
    }
}

/// Compares clusters with particles.
pub struct Validate;

const CLUSTERS: InputRole = InputRole::required("clusters", "the clusters, as `hgcal run` writes them", TABLES);
/// The role of generated particles.
pub const PARTICLES: InputRole = InputRole::required("gen", "the generated particles", TABLES);
const CELLS: InputRole = InputRole::optional("cells", "the trigger cells, for their sums", TABLES);

impl Stage for Validate {
    type Config = ValidateConfig;

    fn description(&self) -> Description {
        Description {
            name: "hgcal validate",
            about: "Compare clusters with generated particles",
            long: "Matches clusters and particles, and writes one row per particle: the particle, the sum of the cells \
                   if they are given, the leading cluster, and the responses. Prints efficiency, splitting fraction \
                   (95 % Clopper-Pearson intervals) and resolutions.",
            inputs: &[CLUSTERS, PARTICLES, CELLS],
            output: OutputKind::File { doc: "one row per particle", formats: &["parquet", "csv"] },
            flags: &[],
        }
    }

    fn run(&self, config: &ValidateConfig, run: &Run) -> Result<Report, StageError> {
        let (clusters, truth) = (run.inputs().one(CLUSTERS.role)?.spec(), run.inputs().one(PARTICLES.role)?.spec());
        let all_clusters = read_clusters(&clusters).input_error(format!("cannot read {clusters}"))?;
        let particles = read_particles(&truth).input_error(format!("cannot read {truth}"))?;
        let none = Clusters::default();
        let mut rows: Vec<(EventKey, Vec<Comparison>)> = Vec::new();
        let mut add = |key: EventKey, particles: &GenColumns, cells: &TriggerCells<'_>| {
            let own = all_clusters.get(&key).unwrap_or(&none);
            rows.push((key, compare(config, &particles.slice(0..particles.len()), cells, own)));
        };
        if let Some(file) = run.inputs().optional(CELLS.role) {
            let input = file.spec();
            let mut reader = CellReader::open(&input).input_error(format!("cannot read {input}"))?;
            let mut left = particles;
            while let Some(batch) = reader.next_events().input_error(format!("cannot read {input}"))? {
                run.check()?;
                for i in 0..batch.len() {
                    let key = key(&batch, i);
                    if let Some(own) = left.remove(&key) {
                        add(key, &own, &batch.event_cells(i));
                    }
                }
            }
            for (key, own) in left {
                add(key, &own, &TriggerCells::default());
            }
        } else {
            for (key, own) in particles {
                add(key, &own, &TriggerCells::default());
            }
        }
        write(run, &rows)?;
        let flat: Vec<Comparison> = rows.into_iter().flat_map(|(_, rows)| rows).collect();
        let summary = summarise(&flat).internal_error("cannot sum up")?;
        let spread = |name: &str, s: &Spread| {
            vec![name.into(), s.mean.into(), s.median.into(), s.rms.into(), s.effective.into()]
        };
        Ok(Report::new()
            .value("particles", summary.particles)
            .value("efficiency", summary.efficiency.value)
            .value("efficiency_low", summary.efficiency.low)
            .value("efficiency_high", summary.efficiency.high)
            .value("splitting", summary.splitting.value)
            .value("splitting_low", summary.splitting.low)
            .value("splitting_high", summary.splitting.high)
            .table(
                "responses",
                &["quantity", "mean", "median", "rms", "effective"],
                vec![
                    spread("energy", &summary.energy),
                    spread("pt", &summary.pt),
                    spread("eta", &summary.eta),
                    spread("phi", &summary.phi),
                ],
            ))
    }
}

fn write(run: &Run, rows: &[(EventKey, Vec<Comparison>)]) -> Result<(), StageError> {
    let samples = rows.iter().any(|((sample, _), _)| !sample.is_empty());
    let (mut events, mut offsets) = (EventBatch::default(), vec![0]);
    let mut flat: Vec<&Comparison> = Vec::new();
    for ((sample, event), own) in rows {
        if samples {
            events.sample.push(sample.clone());
        }
        events.finish_event(*event);
        flat.extend(own);
        offsets.push(flat.len());
    }
    let mut table = Table::create(&run.output_file()?, "the comparisons", VALIDATION.iter().copied(), samples)?;
    let mut columns = vec![ints(flat.iter().map(|c| c.particle as i32))];
    let groups: [fn(&Comparison) -> Kinematics; 5] =
        [|c| c.truth, |c| c.cells, |c| c.cells_response, |c| c.cluster, |c| c.cluster_response];
    for group in groups {
        let values: [fn(&Kinematics) -> f64; 4] = [|k| k.energy, |k| k.eta, |k| k.phi, |k| k.pt];
        for value in values {
            columns.push(floats(&flat.iter().map(|c| value(&group(c))).collect::<Vec<_>>()));
        }
    }
    columns.push(longs(flat.iter().map(|c| c.clusters as i64)));
    table.write(&events, &offsets, columns)?;
    table.finish(&run.embedded_provenance())?;
    Ok(())
}
