//! Jets of the particles that elements should become.

use recoil_physics::jets::{Algorithm, Definition};
use recoil_physics::momentum::FourMomentum;

use super::{NO_JET, Truth};
use crate::error::Result;
use crate::network::forward::Rows;

/// Radius of the jets.
const RADIUS: f64 = 0.4;
/// Least transverse momentum of a jet \[GeV\].
const MIN_PT: f64 = 5.0;

impl Truth {
    /// Clusters the particles of each event (anti-kT) and notes the jet of each element.
    ///
    /// # Errors
    /// None with the radius that is used.
    pub fn find_jets(&mut self, rows: &Rows) -> Result<()> {
        let definition = Definition::new(Algorithm::AntiKt, RADIUS)?;
        self.jets.clear();
        self.jets.resize(rows.len(), NO_JET);
        for pair in rows.offsets.windows(2) {
            let event = pair[0] as usize..pair[1] as usize;
            let first = event.start;
            let particles: Vec<FourMomentum> = event.map(|row| self.particle(rows, row)).collect();
            for (number, jet) in (0..).zip(definition.cluster(&particles, MIN_PT)) {
                for place in jet.constituents {
                    self.jets[first + place as usize] = number;
                }
            }
        }
        Ok(())
    }

    /// Number of jets of an event with these rows.
    pub fn jets_of(&self, rows: std::ops::Range<usize>) -> usize {
        let own = self.jets.get(rows).unwrap_or_default();
        own.iter().filter(|jet| **jet != NO_JET).max().map_or(0, |last| *last as usize + 1)
    }

    /// The particle of a row; nothing where there is none.
    fn particle(&self, rows: &Rows, row: usize) -> FourMomentum {
        if self.classes[row] == 0 {
            return FourMomentum::default();
        }
        let [_, eta, sine, cosine, energy] = self.momentum.each_ref().map(|list| f64::from(list[row]));
        let energy = energy.exp() * f64::from(rows.elements[row][4]);
        FourMomentum::from_pt_eta_phi_energy(f64::from(self.pt[row]), eta, sine.atan2(cosine), energy)
    }
}
