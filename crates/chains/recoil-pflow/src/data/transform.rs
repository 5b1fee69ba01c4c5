//! What loaders of training data do with elements and targets.

use super::classes::relabelled_index;
use super::event::{Event, Particle};
use super::kinematics::transverse_energy_at_eta;
use super::layout::{ENERGY, ETA, Layout, PT, TYPE};

/// Supercluster of CMS: its transverse momentum is not stored.
const SUPERCLUSTER: f32 = 10.0;

/// Makes the elements and targets of an event consistent: transverse momenta of CMS superclusters from their energy, and
/// the classes of CMS targets that the type of the element allows.
pub fn correct(event: &mut Event, layout: Layout) {
    if layout != Layout::Cms {
        return;
    }
    let classes = layout.classes();
    let mut targets = event.targets.iter_mut();
    for row in event.features.chunks_exact_mut(layout.features().len()) {
        let at = |index: usize| row.get(index).copied().unwrap_or(0.0);
        let (kind, eta, energy) = (at(TYPE), at(ETA), at(ENERGY));
        if let (Some(pt), true) = (row.get_mut(PT), kind == SUPERCLUSTER) {
            *pt = transverse_energy_at_eta(energy.into(), eta.into()) as f32;
        }
        if let Some(Particle { pdg, .. }) = targets.next().map(|target| &mut target.particle) {
            let index = classes.iter().position(|class| class == pdg).unwrap_or(0) as i32;
            let index = relabelled_index(kind as i32, index);
            *pdg = classes.get(usize::try_from(index).unwrap_or(0)).copied().unwrap_or(0);
        }
    }
}

/// Natural logarithm of the target over the element, for transverse momenta and energies; 0 where it is not finite.
pub fn log_ratio(target: f32, element: f32) -> f32 {
    let ratio = (target / element).ln();
    if ratio.is_finite() { ratio } else { 0.0 }
}
