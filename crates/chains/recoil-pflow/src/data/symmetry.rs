//! Events that are as likely as the ones that were measured: turned about the beam, and mirrored.

use std::f64::consts::PI;

use recoil_physics::angle::wrap;

use super::event::Event;
use super::layout::{COS_PHI, ETA, Layout, SIN_PHI, TYPE, clic, cms, delphes};

/// How an event is turned.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Symmetry {
    /// angle about the beam, added to azimuths behind the mirrors \[rad\]
    pub angle: f64,
    /// whether the direction along the beam is mirrored
    pub flip_z: bool,
    /// whether azimuths, and with them charges, are mirrored
    pub flip_phi: bool,
}

/// What features are under these operations.
#[derive(Default)]
struct Parts {
    /// places of x and y, or cosine and sine, of a vector across the beam
    vectors: &'static [(usize, usize)],
    /// azimuths
    azimuths: &'static [usize],
    /// numbers that change sign with z
    odd_in_z: &'static [usize],
    /// polar angles
    polar: &'static [usize],
    /// numbers that change sign with azimuths, such as charges
    odd_in_phi: &'static [usize],
}

fn parts(layout: Layout, kind: i32) -> Parts {
    match (layout, kind) {
        (Layout::Clic, clic::TRACK) => Parts {
            vectors: &[(COS_PHI, SIN_PHI)],
            odd_in_z: &[ETA, 11, clic::Z0],
            odd_in_phi: &[12, clic::OMEGA],
            ..Parts::default()
        },
        (Layout::Clic, _) => {
            Parts { vectors: &[(COS_PHI, SIN_PHI), (6, 7)], odd_in_z: &[ETA, 8], polar: &[9], ..Parts::default() }
        }
        (Layout::Cms, _) => Parts {
            vectors: &[(COS_PHI, SIN_PHI), (17, 18), (32, 33)],
            azimuths: &[cms::PHI_ECAL, cms::PHI_HCAL],
            odd_in_z: &[ETA, cms::ETA_ECAL, cms::ETA_HCAL, 19, cms::VZ, 38],
            polar: &[40],
            odd_in_phi: &[cms::CHARGE],
        },
        (Layout::Hits, _) => Parts { vectors: &[(COS_PHI, SIN_PHI), (6, 7)], odd_in_z: &[ETA, 8], ..Parts::default() },
        (Layout::Delphes, delphes::TRACK) => Parts {
            vectors: &[(COS_PHI, SIN_PHI), (delphes::COS_PHI, delphes::HAD_OR_SIN_PHI)],
            odd_in_z: &[ETA, delphes::EM_OR_ETA],
            odd_in_phi: &[delphes::CHARGE],
            ..Parts::default()
        },
        (Layout::Delphes, _) => Parts { vectors: &[(COS_PHI, SIN_PHI)], odd_in_z: &[ETA], ..Parts::default() },
    }
}

impl Symmetry {
    fn vector(&self, x: f32, y: f32) -> (f32, f32) {
        let (sine, cosine) = self.angle.sin_cos();
        let (x, y) = (f64::from(x), if self.flip_phi { -f64::from(y) } else { f64::from(y) });
        ((x * cosine - y * sine) as f32, (x * sine + y * cosine) as f32)
    }

    /// The event behind the operation: features and targets. Features that are absent (0) stay so.
    pub fn apply(&self, event: &Event, layout: Layout) -> Event {
        let mut turned = Event {
            number: event.number,
            features: event.features.clone(),
            targets: event.targets.clone(),
            ..Event::default()
        };
        for row in turned.features.chunks_exact_mut(layout.features().len()) {
            let parts = parts(layout, row[TYPE] as i32);
            for (x, y) in parts.vectors {
                (row[*x], row[*y]) = self.vector(row[*x], row[*y]);
            }
            for at in parts.azimuths.iter().filter(|at| row[**at] != 0.0).copied().collect::<Vec<_>>() {
                let phi = f64::from(row[at]);
                row[at] = wrap(self.angle + if self.flip_phi { -phi } else { phi }) as f32;
            }
            if self.flip_z {
                parts.odd_in_z.iter().for_each(|at| row[*at] = -row[*at]);
                for at in parts.polar {
                    row[*at] = if row[*at] == 0.0 { 0.0 } else { (PI - f64::from(row[*at])) as f32 };
                }
            }
            if self.flip_phi {
                parts.odd_in_phi.iter().for_each(|at| row[*at] = -row[*at]);
            }
        }
        for target in turned.targets.iter_mut().filter(|target| target.particle.is_present()) {
            let particle = &mut target.particle;
            (particle.cos_phi, particle.sin_phi) = self.vector(particle.cos_phi, particle.sin_phi);
            if self.flip_z {
                particle.eta = -particle.eta;
            }
            if self.flip_phi {
                particle.charge = -particle.charge;
            }
        }
        turned
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::baseline::flow::{FlowRules, reconstruct};
    use crate::simulate::Collisions;
    use recoil_stage::seed::Seed;

    #[test]
    fn rules_reconstruct_the_same_of_a_turned_event() {
        let collisions = Collisions { jets: 1.0, soft: 60.0, pileup: 0.0, soft_per_pileup: 0.0 };
        let (event, _) = crate::simulate::simulate(&collisions, Seed::new(3), 1);
        let symmetry = Symmetry { angle: 1.0, flip_z: true, flip_phi: true };
        let turned = symmetry.apply(&event, Layout::Clic);
        let rules = FlowRules::default();
        let (one, other) = (reconstruct(&event, Layout::Clic, &rules), reconstruct(&turned, Layout::Clic, &rules));
        assert!(one.len() > 50);
        for (one, other) in one.iter().zip(&other) {
            assert_eq!(one.pdg, other.pdg);
            assert!((one.pt - other.pt).abs() < 1e-4 * one.pt.max(1.0));
            assert!((one.eta + other.eta).abs() < 1e-5 && (one.charge + other.charge).abs() < 1e-5);
        }
        let target = turned.targets.iter().zip(&event.targets).find(|(_, one)| one.particle.is_present());
        let (turned, one) = target.unwrap();
        let expected = wrap(1.0 - one.particle.phi());
        assert!((wrap(turned.particle.phi() - expected)).abs() < 1e-5);
    }
}
