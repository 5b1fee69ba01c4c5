//! `hgcal shapes`: shapes and electromagnetic energies of clusters.

use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, InputRole, OutputKind, Report, Run, Stage, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::TABLES;
use super::cells::CellReader;
use super::grouped::Grouped;
use super::output::{Table, floats, ints};
use super::particles::{key, read_clusters};
use super::run::CELLS;
use crate::data::TriggerCellColumns;
use crate::data::columns::{ASSIGNMENT, ASSIGNMENT_FRACTION, TC_INDEX};
use crate::data::primitives::SHAPES;
use crate::energy::electromagnetic::{ClusterAxis, EmInterpretationConfig, em_energy};
use crate::shapes::{Shapes, ShapesConfig, shapes};

/// Keys of `hgcal shapes`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ShapesStageConfig {
    /// The shapes.
    pub shapes: ShapesConfig,
    /// The electromagnetic interpretation.
    pub em: EmInterpretationConfig,
}

impl Config for ShapesStageConfig {}

const CLUSTERS_ROLE: InputRole = InputRole::required("clusters", "the clusters, as `hgcal run` writes them", TABLES);
const ASSIGNMENT_ROLE: InputRole =
    InputRole::required("assignment", "the cells of the clusters, as `hgcal run` writes them", TABLES);

/// Computes shapes.
pub struct ShapesStage;

impl Stage for ShapesStage {
    type Config = ShapesStageConfig;

    fn description(&self) -> Description {
        Description {
            name: "hgcal shapes",
            about: "Compute widths, lengths and electromagnetic energies of clusters",
            long: "Reads the trigger cells and what `hgcal run` made of them. Writes one row per cluster: the inputs of \
                   identification, named as in the CMSSW ntuple, and the electromagnetic interpretation of the energy.",
            inputs: &[CELLS, CLUSTERS_ROLE, ASSIGNMENT_ROLE],
            output: OutputKind::File { doc: "the shapes", formats: &["parquet"] },
            flags: &[],
        }
    }

    fn run(&self, config: &ShapesStageConfig, run: &Run) -> Result<Report, StageError> {
        let address = |role: &InputRole| run.inputs().one(role.role).map(|input| input.spec());
        let (input, clusters, assignment) = (address(&CELLS)?, address(&CLUSTERS_ROLE)?, address(&ASSIGNMENT_ROLE)?);
        let clusters = read_clusters(&clusters).input_error(format!("cannot read {clusters}"))?;
        let needed: Vec<_> = ASSIGNMENT.iter().copied().chain([TC_INDEX]).collect();
        let assignment = Grouped::read(&assignment, &needed, &[ASSIGNMENT_FRACTION])
            .input_error(format!("cannot read {assignment}"))?;
        let seed_column = needed.get(1).copied().unwrap_or(TC_INDEX);
        let columns = (assignment.column(&seed_column), assignment.column(&TC_INDEX));
        let (seed_of, cell_of) = (columns.0.unwrap_or_default(), columns.1.unwrap_or_default());
        let fraction_of = assignment.column(&ASSIGNMENT_FRACTION);
        let mut reader = CellReader::open(&input).input_error(format!("cannot read {input}"))?;
        let mut table = Table::create(&run.output_file()?, "the shapes", SHAPES.iter().copied(), reader.has_samples())?;
        let mut events = 0;
        while let Some(batch) = reader.next_events().input_error(format!("cannot read {input}"))? {
            run.check()?;
            let (mut seeds, mut found, mut em, mut offsets) = (vec![], vec![], vec![], vec![0]);
            for i in 0..batch.len() {
                let (event, cells) = (key(&batch, i), batch.event_cells(i));
                let rows = assignment.rows(&event);
                if let Some(own) = clusters.get(&event) {
                    for (c, &seed) in own.seed.iter().enumerate() {
                        let (mut members, mut fractions) = (vec![], vec![]);
                        let mut constituents = TriggerCellColumns::default();
                        for &row in rows {
                            if seed_of.get(row) != Some(&f64::from(seed)) {
                                continue;
                            }
                            let index = cell_of.get(row).map_or(usize::MAX, |&index| index as usize);
                            members.push(index as u32);
                            fractions.push(fraction_of.and_then(|f| f.get(row)).copied().unwrap_or(1.0));
                            cells.get(index).into_iter().for_each(|cell| constituents.push(cell));
                        }
                        let (Some(&eta), Some(&phi)) = (own.eta.get(c), own.phi.get(c)) else { continue };
                        let axis = ClusterAxis { eta, phi };
                        seeds.push(seed as i32);
                        found.push(shapes(&cells, &members, &fractions, axis, &config.shapes));
                        em.push(em_energy(constituents.view(), axis, &config.em));
                    }
                }
                offsets.push(found.len());
            }
            events += batch.len();
            let whole = |f: fn(&Shapes) -> i32| ints(found.iter().map(f).collect::<Vec<_>>());
            let real = |f: fn(&Shapes) -> f64| floats(&found.iter().map(f).collect::<Vec<_>>());
            let columns = [
                ints(seeds),
                whole(|s| s.showerlength),
                whole(|s| s.coreshowerlength),
                whole(|s| s.firstlayer),
                whole(|s| s.maxlayer),
                whole(|s| s.layer10),
                whole(|s| s.layer50),
                whole(|s| s.layer90),
                whole(|s| s.ntc67),
                whole(|s| s.ntc90),
                real(|s| s.seetot),
                real(|s| s.seemax),
                real(|s| s.spptot),
                real(|s| s.sppmax),
                real(|s| s.szz),
                real(|s| s.srrtot),
                real(|s| s.srrmax),
                real(|s| s.srrmean),
                real(|s| s.emaxe),
                real(|s| s.hoe),
                real(|s| s.meanz),
                floats(&em),
            ];
            table.write(&batch, &offsets, columns)?;
        }
        let rows = table.finish(&run.embedded_provenance())?;
        Ok(Report::new().value("events", events).value("clusters", rows))
    }
}
