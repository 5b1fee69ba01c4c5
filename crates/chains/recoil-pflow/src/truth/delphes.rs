//! Truth of Delphes tracks and towers.

use recoil_physics::momentum::FourMomentum;

use super::TrueParticle;
use crate::data::classes;

/// Greatest pseudorapidity of charged particles.
const CHARGED_ETA: f64 = 2.5;
/// Least energy of a neutral hadron \[GeV\].
const NEUTRAL_HADRON_ENERGY: f64 = 9.0;

/// The target of a track: its particle.
pub fn of_track(particle: &TrueParticle) -> (i32, f64, FourMomentum) {
    (classes::of_particle(particle.pdg, particle.charge), particle.charge, particle.momentum)
}

/// The target of a tower, from its particles that have no track: class, charge and the sum of the momenta \[GeV\].
///
/// The class is the species with the largest sum of energies, in the order neutral hadron, charged hadron, photon,
/// electron; charged ones beyond the tracker become neutral, neutral hadrons below 9 GeV are given up. Muons count as
/// charged hadrons.
pub fn of_tower(particles: &[TrueParticle]) -> Option<(i32, f64, FourMomentum)> {
    const SPECIES: [i32; 4] = [130, 211, 22, 11];
    let class_of = |particle: &TrueParticle| match classes::of_particle(particle.pdg, particle.charge) {
        13 => 211,
        class => class,
    };
    let energy =
        |species: i32| particles.iter().filter(|p| class_of(p) == species).map(|p| p.momentum.energy).sum::<f64>();
    let class = SPECIES.into_iter().reduce(|a, b| if energy(b) > energy(a) { b } else { a })?;
    if particles.is_empty() {
        return None;
    }
    let momentum: FourMomentum = particles.iter().map(|particle| particle.momentum).sum();
    let is_forward = momentum.eta().abs() > CHARGED_ETA;
    let class = if is_forward { classes::charged_to_neutral(class) } else { class };
    if class == 130 && momentum.energy < NEUTRAL_HADRON_ENERGY {
        return None;
    }
    let charge = if classes::is_charged(class) {
        let leading = particles.iter().filter(|p| class_of(p) == class);
        leading.reduce(|a, b| if b.momentum.energy > a.momentum.energy { b } else { a }).map_or(0.0, |p| p.charge)
    } else {
        0.0
    };
    Some((class, charge, momentum))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn particle(pdg: i32, charge: f64, pt: f64, eta: f64) -> TrueParticle {
        let momentum = FourMomentum::from_pt_eta_phi_mass(pt, eta, 0.3, 0.0);
        TrueParticle { pdg, charge, momentum, ..TrueParticle::default() }
    }

    #[test]
    fn the_species_with_most_energy_names_the_tower() {
        let found =
            of_tower(&[particle(22, 0.0, 5.0, 0.1), particle(22, 0.0, 6.0, 0.1), particle(130, 0.0, 10.0, 0.1)]);
        assert!(found.is_some_and(|(class, charge, p)| class == 22 && charge == 0.0 && (p.pt() - 21.0).abs() < 1e-9));
        // a charged hadron beyond the tracker is a neutral one; soft neutral hadrons are given up
        let class = |p: &[TrueParticle]| of_tower(p).map(|(class, ..)| class);
        assert_eq!(class(&[particle(-211, -1.0, 20.0, 2.8)]), Some(130));
        assert_eq!(class(&[particle(-211, -1.0, 20.0, 2.0)]), Some(211));
        assert_eq!(class(&[particle(2112, 0.0, 8.0, 0.0)]), None);
        assert_eq!(class(&[]), None);
    }
}
