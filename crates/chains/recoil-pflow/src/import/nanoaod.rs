//! CMS NanoAOD with particle-flow candidates: every candidate stands for the element that it was made of.

use recoil_table::{Batch, BatchReader};

use super::Source;
use super::branches::{Branches, list, mend};
use crate::data::columns::Parts;
use crate::data::{Event, Generated, Layout, Particle, classes};
use crate::error::Result;
use recoil_physics::momentum::FourMomentum;

/// Name of the tree.
pub const TREE: &str = "Events";

const CANDIDATES: [&str; 7] = ["pt", "eta", "phi", "mass", "pdgId", "charge", "dz"];
const GENERATED: [&str; 6] = ["pt", "eta", "phi", "mass", "pdgId", "charge"];

/// A NanoAOD file.
pub struct Nanoaod {
    reader: Box<dyn BatchReader>,
    has_puppi: bool,
    has_generated: bool,
    mended: u64,
}

impl Nanoaod {
    /// Whether the tree holds particle-flow candidates.
    pub fn fits(branches: &Branches) -> bool {
        branches.has("PFCands_pt")
    }

    /// Opens the tree at `address`.
    ///
    /// # Errors
    /// A branch that is missing.
    pub fn open(address: &str, branches: &Branches) -> Result<Self> {
        let (has_puppi, has_generated) = (branches.has("PFCands_puppiWeight"), branches.has("GenCands_pt"));
        let mut names: Vec<String> = CANDIDATES.iter().map(|name| format!("PFCands_{name}")).collect();
        names.extend(has_puppi.then(|| "PFCands_puppiWeight".to_owned()));
        if has_generated {
            names.extend(GENERATED.iter().map(|name| format!("GenCands_{name}")));
        }
        names.extend(branches.first(&["event"]).map(str::to_owned));
        Ok(Self { reader: branches.open(address, &names, 64)?, has_puppi, has_generated, mended: 0 })
    }

    fn events(&mut self, batch: &Batch) -> Result<Vec<Event>> {
        let columns =
            CANDIDATES.iter().map(|name| list(batch, &format!("PFCands_{name}"))).collect::<Result<Vec<_>>>()?;
        let names: Vec<String> = CANDIDATES.iter().map(|name| format!("PFCands_{name}")).collect();
        batch.require_same_lengths(&names.iter().map(String::as_str).collect::<Vec<_>>())?;
        let generated = match self.has_generated {
            true => {
                GENERATED.iter().map(|name| list(batch, &format!("GenCands_{name}"))).collect::<Result<Vec<_>>>()?
            }
            false => Vec::new(),
        };
        let puppi = match self.has_puppi {
            true => Some(list(batch, "PFCands_puppiWeight")?),
            false => None,
        };
        let numbers = if batch.has("event") { Some(batch.scalar_as::<u64>("event")?) } else { None };
        let mut events = Vec::with_capacity(batch.rows());
        for row in 0..batch.rows() {
            let number = numbers.as_ref().and_then(|n| n.get(row)).map(|n| *n as i64);
            let mut event =
                Event { number: number.unwrap_or((batch.first_row() + row as u64) as i64), ..Event::default() };
            let count = columns.first().map_or(0, |column| column.row(row).len());
            for index in 0..count {
                let mut at = |column: usize| {
                    let value = columns.get(column).and_then(|c| c.row(row).get(index)).copied().unwrap_or(0.0);
                    mend(value, &mut self.mended)
                };
                let [pt, eta, phi, mass, pdg, charge, dz] = std::array::from_fn(&mut at);
                let class = class_of(pdg as i32, charge);
                let momentum = FourMomentum::from_pt_eta_phi_mass(pt, eta, phi, mass);
                event.features.extend(element(class, charge, dz, &momentum));
                event.candidates.push(Particle::of(class, charge, &momentum));
            }
            event.puppi = puppi.as_ref().map(|w| w.row(row).iter().map(|w| *w as f32).collect()).unwrap_or_default();
            let count = generated.first().map_or(0, |column| column.row(row).len());
            for index in 0..count {
                let mut at = |column: usize| {
                    let value = generated.get(column).and_then(|c| c.row(row).get(index)).copied().unwrap_or(0.0);
                    mend(value, &mut self.mended)
                };
                let [pt, eta, phi, mass, pdg, charge] = std::array::from_fn(&mut at);
                let energy = FourMomentum::from_pt_eta_phi_mass(pt, eta, phi, mass).energy;
                let [pt, eta, phi, energy, charge] = [pt, eta, phi, energy, charge].map(|value| value as f32);
                event.generated.push(Generated { pdg: pdg as i32, charge, pt, eta, phi, energy, pileup: 0.0 });
            }
            events.push(event);
        }
        Ok(events)
    }
}

/// The class of a candidate: forward candidates keep their numbers 1 and 2.
fn class_of(pdg: i32, charge: f64) -> i32 {
    match pdg.abs() {
        kept @ (1 | 2) => kept,
        _ => classes::of_particle(pdg, charge),
    }
}

/// The element that a candidate of this class is usually made of.
fn element(class: i32, charge: f64, dz_cm: f64, momentum: &FourMomentum) -> Vec<f32> {
    let kind = match class {
        211 | 11 | 13 => 1.0,
        22 => 4.0,
        2 => 8.0,
        1 => 9.0,
        _ => 5.0,
    };
    let phi = momentum.phi();
    let mut features = vec![0.0; Layout::Cms.features().len()];
    let common = [kind, momentum.pt(), momentum.eta(), phi.sin(), phi.cos(), momentum.energy, 0.0, 0.0, charge];
    for (slot, value) in features.iter_mut().zip(common) {
        *slot = value as f32;
    }
    if let (Some(vz), true) = (features.get_mut(crate::data::layout::cms::VZ), charge != 0.0) {
        *vz = dz_cm as f32;
    }
    features
}

impl Source for Nanoaod {
    fn layout(&self) -> Layout {
        Layout::Cms
    }

    fn parts(&self) -> Parts {
        Parts { candidates: true, puppi: self.has_puppi, generated: self.has_generated, ..Parts::default() }
    }

    fn total(&self) -> Option<u64> {
        self.reader.total_rows()
    }

    fn next_events(&mut self) -> Result<Option<Vec<Event>>> {
        match self.reader.next_batch()? {
            Some(batch) => self.events(&batch).map(Some),
            None => Ok(None),
        }
    }

    fn mended(&self) -> u64 {
        self.mended
    }
}
