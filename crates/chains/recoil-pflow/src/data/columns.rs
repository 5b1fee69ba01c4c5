//! Columns of the tables: names, types, units, meanings.

use arrow_schema::{DataType, Field, Schema, SchemaRef};
use recoil_table::{field, list_of};
use std::sync::Arc;

use super::event::{Generated, Particle, Simulated, SimulationLink, Target};
use super::layout::Layout;

/// Column with the number of the event.
pub const EVENT: &str = "event";

/// Column with weights of candidates against pile-up.
pub const PUPPI: &str = "cand_puppi_weight";

/// A column of particles: name behind the prefix, unit, meaning, and how to get the value.
pub struct ParticleColumn<T> {
    /// name behind the prefix
    pub name: &'static str,
    /// unit, empty for none
    pub unit: &'static str,
    /// meaning
    pub doc: &'static str,
    /// the value of a particle; whole numbers are exact
    pub get: fn(&T) -> f32,
    /// sets the value of a particle
    pub set: fn(&mut T, f32),
    /// whether the column holds whole numbers
    pub is_whole: bool,
}

impl<T> ParticleColumn<T> {
    fn field(&self, prefix: &str) -> Field {
        let kind = if self.is_whole { DataType::Int32 } else { DataType::Float32 };
        field(&format!("{prefix}{}", self.name), list_of(kind), self.unit, self.doc)
    }
}

macro_rules! columns {
    ($($name:literal, $unit:literal, $doc:literal, $kind:ident $($place:ident).+;)*) => {
        &[$(ParticleColumn {
            name: $name,
            unit: $unit,
            doc: $doc,
            get: |p| p.$($place).+ as f32,
            set: columns!(@set $kind $($place).+),
            is_whole: columns!(@is_whole $kind),
        },)*]
    };
    (@set whole $($place:ident).+) => { |p, value| p.$($place).+ = value as i32 };
    (@is_whole whole) => { true };
    (@is_whole real) => { false };
    (@set real $($place:ident).+) => { |p, value| p.$($place).+ = value };
}

/// Columns of candidates, behind `cand_`.
pub const CANDIDATE: &[ParticleColumn<Particle>] = columns! {
    "pdg", "", "class as PDG number, 0 for no particle", whole pdg;
    "charge", "e", "charge", real charge;
    "pt", "GeV", "transverse momentum", real pt;
    "eta", "", "pseudorapidity", real eta;
    "sin_phi", "", "sine of the azimuth", real sin_phi;
    "cos_phi", "", "cosine of the azimuth", real cos_phi;
    "energy", "GeV", "energy", real energy;
};

/// Columns of targets, behind `target_`.
pub const TARGET: &[ParticleColumn<Target>] = columns! {
    "pdg", "", "class as PDG number, 0 for no particle", whole particle.pdg;
    "charge", "e", "charge", real particle.charge;
    "pt", "GeV", "transverse momentum", real particle.pt;
    "eta", "", "pseudorapidity", real particle.eta;
    "sin_phi", "", "sine of the azimuth", real particle.sin_phi;
    "cos_phi", "", "cosine of the azimuth", real particle.cos_phi;
    "energy", "GeV", "energy", real particle.energy;
    "ispu", "", "share of the energy that is from pile-up", real pileup;
    "generator_status", "", "status in the event generator", real generator_status;
    "simulator_status", "", "status in the detector simulation", real simulator_status;
    "gp_to_track", "", "weight of the particle's link to the track", real to_track;
    "gp_to_cluster", "", "weight of the particle's link to the cluster", real to_cluster;
    "jet_idx", "", "jet of true particles that it is in, -1 for none", real jet;
    "particle_number", "", "number of the particle that left this element, from 1; 0 for none", real number;
};

/// Columns of generated particles, behind `gen_`.
pub const GENERATED: &[ParticleColumn<Generated>] = columns! {
    "pdg", "", "PDG number", whole pdg;
    "charge", "e", "charge", real charge;
    "pt", "GeV", "transverse momentum", real pt;
    "eta", "", "pseudorapidity", real eta;
    "phi", "rad", "azimuth", real phi;
    "energy", "GeV", "energy", real energy;
    "ispu", "", "1 for particles of another collision", real pileup;
};

/// Columns of simulated particles, behind `sim_`.
pub const SIMULATED: &[ParticleColumn<Simulated>] = columns! {
    "kind", "", "0 particle, 1 tracking particle, 2 calorimeter particle, 3 simulated cluster", whole kind;
    "pdg", "", "PDG number", whole pdg;
    "charge", "e", "charge", real charge;
    "px", "GeV", "momentum along x", real px;
    "py", "GeV", "momentum along y", real py;
    "pz", "GeV", "momentum along z", real pz;
    "energy", "GeV", "energy", real energy;
    "generator_status", "", "status in the event generator", whole generator_status;
    "simulator_status", "", "status in the detector simulation", whole simulator_status;
    "ispu", "", "1 for particles of another collision", real pileup;
    "mother", "", "place of the mother, -1 for none", whole mother;
    "tracking", "", "place among the tracking particles, -1 for none", whole tracking;
    "calo", "", "place among the calorimeter particles, -1 for none", whole calo;
    "hit_energy", "GeV", "energy in all hits of calorimeters, clustered or not; -1 where only links tell", real hit_energy;
};

/// Columns of links between simulated particles and elements, behind `link_`.
pub const LINK: &[ParticleColumn<SimulationLink>] = columns! {
    "particle", "", "place of the simulated particle", whole particle;
    "element", "", "place of the element", whole element;
    "weight", "", "quality for tracks, energy in GeV for clusters", real weight;
};

/// Prefix of columns of simulated particles.
pub const SIMULATED_PREFIX: &str = "sim_";
/// Prefix of columns of links.
pub const LINK_PREFIX: &str = "link_";
/// Prefix of target columns.
pub const TARGET_PREFIX: &str = "target_";
/// Prefix of candidate columns.
pub const CANDIDATE_PREFIX: &str = "cand_";
/// Prefix of columns of generated particles.
pub const GENERATED_PREFIX: &str = "gen_";

/// What a table of events holds beside the elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Parts {
    /// targets
    pub targets: bool,
    /// candidates
    pub candidates: bool,
    /// weights of candidates against pile-up
    pub puppi: bool,
    /// generated particles
    pub generated: bool,
    /// simulated particles and their links to elements
    pub simulation: bool,
}

/// The columns of a table of events.
pub fn schema(layout: Layout, parts: Parts) -> SchemaRef {
    let mut fields = vec![field(EVENT, DataType::Int64, "", "number of the event")];
    let elements = layout.features().iter();
    fields.extend(elements.map(|f| field(&f.column(), list_of(DataType::Float32), f.unit, f.doc)));
    if parts.targets {
        fields.extend(TARGET.iter().map(|column| column.field(TARGET_PREFIX)));
    }
    if parts.candidates {
        fields.extend(CANDIDATE.iter().map(|column| column.field(CANDIDATE_PREFIX)));
    }
    if parts.puppi {
        let doc = "probability of the candidate to be from the collision of interest";
        fields.push(field(PUPPI, list_of(DataType::Float32), "", doc));
    }
    if parts.generated {
        fields.extend(GENERATED.iter().map(|column| column.field(GENERATED_PREFIX)));
    }
    if parts.simulation {
        fields.extend(SIMULATED.iter().map(|column| column.field(SIMULATED_PREFIX)));
        fields.extend(LINK.iter().map(|column| column.field(LINK_PREFIX)));
    }
    Arc::new(Schema::new(fields))
}
