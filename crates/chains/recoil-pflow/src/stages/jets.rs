//! `pflow jets`: jets of the particles of any table.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int32Array, Int64Array, ListArray, UInt64Array};
use arrow_buffer::{OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, Field};
use rayon::prelude::*;
use recoil_physics::jets::{Algorithm, Definition, Jet};
use recoil_physics::momentum::FourMomentum;
use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, Flag, InputRole, OutputKind, Problem, Report, Run, Stage, StageError};
use recoil_table::{field, list_of};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::particles::{ParticleList, ParticleReader};
use recoil_outputs::Table;

/// How particles are recombined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlgorithmName {
    /// anti-kT.
    #[default]
    Antikt,
    /// Inclusive kT.
    Kt,
    /// Cambridge/Aachen.
    Cambridge,
    /// Generalised kT of e+e- collisions.
    EeGenkt,
}

/// What the rows of the output are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rows {
    /// Jets, with their constituents.
    #[default]
    Jets,
    /// Particles, with the jet that they are in.
    Particles,
}

/// Keys of `pflow jets`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct JetsConfig {
    /// Algorithm: `antikt`, `kt`, `cambridge` or `ee_genkt`.
    pub algorithm: AlgorithmName,
    /// Radius: in rapidity and azimuth, for `ee_genkt` an angle \[rad\].
    pub radius: f64,
    /// Exponent p of `ee_genkt`.
    pub power: f64,
    /// Least transverse momentum of a jet \[GeV\].
    pub min_pt: f64,
    /// What stands before the names of the particles' columns, such as `cand_`; empty: it is looked for.
    pub prefix: String,
    /// Column with the number of the event.
    pub event: String,
    /// Rows of the output: `jets`, or `particles` with the jet that each is in.
    pub rows: Rows,
}

impl Default for JetsConfig {
    fn default() -> Self {
        Self {
            algorithm: AlgorithmName::Antikt,
            radius: 0.4,
            power: -1.0,
            min_pt: 3.0,
            prefix: String::new(),
            event: crate::data::columns::EVENT.into(),
            rows: Rows::Jets,
        }
    }
}

impl JetsConfig {
    /// The algorithm with its radius.
    ///
    /// # Errors
    /// A radius or power that cannot be.
    pub fn definition(&self) -> recoil_physics::Result<Definition> {
        let algorithm = match self.algorithm {
            AlgorithmName::Antikt => Algorithm::AntiKt,
            AlgorithmName::Kt => Algorithm::Kt,
            AlgorithmName::Cambridge => Algorithm::CambridgeAachen,
            AlgorithmName::EeGenkt => Algorithm::GeneralisedKtEe { power: self.power },
        };
        Definition::new(algorithm, self.radius)
    }
}

impl Config for JetsConfig {
    fn check(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        if let Err(error) = self.definition() {
            found.push(Problem::new("radius", error.to_string()));
        }
        if !(self.min_pt >= 0.0 && self.min_pt.is_finite()) {
            found.push(Problem::new("min_pt", "must not be negative"));
        }
        found
    }
}

/// Clusters jets.
pub struct Jets;

const PARTICLES: InputRole = InputRole::required("particles", "a table of particles", super::TABLES);

impl Stage for Jets {
    type Config = JetsConfig;

    fn description(&self) -> Description {
        Description {
            name: "pflow jets",
            about: "Cluster particles into jets",
            long: "Reads four-momenta of a table with one row per particle (and the number of the event) or one row per event \
                   with lists: px, py, pz or pt, eta, phi (also sin_phi, cos_phi) with energy or mass, behind any prefix. \
                   Jets are those of fastjet: four-momenta are added, ties go by the order of the particles, and the result \
                   does not depend on the number of threads.",
            inputs: &[PARTICLES],
            output: OutputKind::File { doc: "the jets, hardest first in each event", formats: super::TABLES },
            flags: &[
                Flag { name: "algorithm", key: "algorithm", list: false },
                Flag { name: "radius", key: "radius", list: false },
                Flag { name: "power", key: "power", list: false },
                Flag { name: "min-pt", key: "min_pt", list: false },
                Flag { name: "prefix", key: "prefix", list: false },
                Flag { name: "rows", key: "rows", list: false },
            ],
        }
    }

    fn run(&self, config: &JetsConfig, run: &Run) -> Result<Report, StageError> {
        let definition = config.definition().usage_error("cannot define jets")?;
        let input = run.inputs().one(PARTICLES.role)?.spec();
        let reading = || "cannot read the particles";
        let mut reader = ParticleReader::open(&input, &config.prefix, &config.event).input_error(reading())?;
        let fields = match config.rows {
            Rows::Jets => jet_fields(),
            Rows::Particles => particle_fields(reader.is_flat()),
        };
        let mut table = Table::create(&run.output_file()?, "the jets", fields)?;
        let progress = run.progress("clustering", "rows", reader.rows());
        let (mut events, mut particles, mut jets) = (0u64, 0u64, 0u64);
        while let Some(batch) = reader.next_events().input_error(reading())? {
            run.check()?;
            let cluster = |list: &ParticleList| definition.cluster(&list.momenta, config.min_pt);
            let found: Vec<Vec<Jet>> = batch.par_iter().map(cluster).collect();
            events += batch.len() as u64;
            particles += batch.iter().map(|list| list.momenta.len() as u64).sum::<u64>();
            jets += found.iter().map(|jets| jets.len() as u64).sum::<u64>();
            table.write(match config.rows {
                Rows::Jets => jet_columns(&batch, &found).internal_error("cannot make the table")?,
                Rows::Particles => particle_columns(&batch, &found, reader.is_flat()),
            })?;
            progress.add(batch.len() as u64);
        }
        table.finish(&run.embedded_provenance())?;
        let columns = reader.columns().join(", ");
        Ok(Report::new()
            .value("events", events)
            .value("particles", particles)
            .value("jets", jets)
            .value("columns", columns))
    }
}

fn event_field() -> Field {
    field("event", DataType::Int64, "", "number of the event")
}

fn jet_fields() -> Vec<Field> {
    let number = |name, unit, doc| field(name, DataType::Float64, unit, doc);
    vec![
        event_field(),
        field("jet", DataType::Int32, "", "number of the jet in its event, hardest first"),
        number("px", "GeV", "momentum along x"),
        number("py", "GeV", "momentum along y"),
        number("pz", "GeV", "momentum along z"),
        number("energy", "GeV", "energy"),
        number("pt", "GeV", "transverse momentum"),
        number("eta", "", "pseudorapidity"),
        number("phi", "rad", "azimuth"),
        number("mass", "GeV", "mass"),
        field(
            "constituents",
            list_of(DataType::Int32),
            "",
            "places of the constituents among the particles of the event",
        ),
    ]
}

fn jet_columns(
    batch: &[ParticleList],
    found: &[Vec<Jet>],
) -> std::result::Result<Vec<ArrayRef>, arrow_schema::ArrowError> {
    let with_event = || batch.iter().zip(found).flat_map(|(list, jets)| jets.iter().map(move |jet| (list.event, jet)));
    let numbers = |of: fn(&FourMomentum) -> f64| -> ArrayRef {
        Arc::new(Float64Array::from_iter_values(with_event().map(|(_, jet)| of(&jet.momentum))))
    };
    let places = found.iter().flat_map(|jets| (0i32..).take(jets.len()));
    let lengths = with_event().map(|(_, jet)| jet.constituents.len());
    let constituents = with_event().flat_map(|(_, jet)| jet.constituents.iter().map(|index| *index as i32));
    let constituents = ListArray::try_new(
        Arc::new(Field::new("item", DataType::Int32, false)),
        OffsetBuffer::from_lengths(lengths),
        Arc::new(Int32Array::from_iter_values(constituents)),
        None,
    )?;
    Ok(vec![
        Arc::new(Int64Array::from_iter_values(with_event().map(|(event, _)| event))),
        Arc::new(Int32Array::from_iter_values(places)),
        numbers(|p| p.px),
        numbers(|p| p.py),
        numbers(|p| p.pz),
        numbers(|p| p.energy),
        numbers(FourMomentum::pt),
        numbers(FourMomentum::eta),
        numbers(FourMomentum::phi),
        numbers(FourMomentum::mass),
        Arc::new(constituents),
    ])
}

/// The table of particles has the form of the input: one row per particle, or lists.
fn particle_fields(is_flat: bool) -> Vec<Field> {
    let doc = "number of the jet that the particle is in, -1 for none";
    let jet = if is_flat { DataType::Int32 } else { list_of(DataType::Int32) };
    let mut fields = vec![event_field(), field("jet", jet, "", doc)];
    if is_flat {
        fields.push(field("row", DataType::UInt64, "", "row of the particle in the input"));
    }
    fields
}

fn particle_columns(batch: &[ParticleList], found: &[Vec<Jet>], is_flat: bool) -> Vec<ArrayRef> {
    let jet_of = |(list, jets): (&ParticleList, &Vec<Jet>)| {
        let mut jet_of = vec![-1i32; list.momenta.len()];
        for (number, jet) in (0..).zip(jets) {
            for &index in &jet.constituents {
                if let Some(slot) = jet_of.get_mut(index as usize) {
                    *slot = number;
                }
            }
        }
        jet_of
    };
    let numbers: Vec<i32> = batch.iter().zip(found).flat_map(jet_of).collect();
    let numbers: ArrayRef = Arc::new(Int32Array::from(numbers));
    if is_flat {
        let events = batch.iter().flat_map(|list| std::iter::repeat_n(list.event, list.momenta.len()));
        let rows = batch.iter().flat_map(|list| list.rows.iter().copied());
        return vec![
            Arc::new(Int64Array::from_iter_values(events)),
            numbers,
            Arc::new(UInt64Array::from_iter_values(rows)),
        ];
    }
    let offsets = std::iter::once(0).chain(batch.iter().scan(0i32, |end, list| {
        *end += list.momenta.len() as i32;
        Some(*end)
    }));
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets.collect::<Vec<i32>>()));
    let item = Arc::new(Field::new("item", DataType::Int32, false));
    vec![
        Arc::new(Int64Array::from_iter_values(batch.iter().map(|list| list.event))),
        Arc::new(ListArray::new(item, offsets, numbers, None)),
    ]
}
