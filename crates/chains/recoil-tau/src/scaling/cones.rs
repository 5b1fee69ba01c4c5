//! Which cone an object lies in.

use crate::data::load::Loaded;
use crate::error::{Result, TauError};
use crate::features::FeatureTable;
use crate::features::program::delta_phi;

/// Radius of the signal cone of a candidate with transverse momentum `pt` [GeV].
///
/// ```
/// use recoil_tau::scaling::cones::signal_radius;
/// assert_eq!(signal_radius(20.0), 0.1);
/// assert_eq!(signal_radius(40.0), 0.075);
/// assert_eq!(signal_radius(100.0), 0.05);
/// ```
pub fn signal_radius(pt: f64) -> f64 {
    (3.0 / pt.max(30.0)).max(0.05)
}

/// Objects of a collection by cone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sorted {
    /// Candidate of each object: first those of the signal cone, then those of the isolation cone around it, then the
    /// others.
    pub rows: Vec<u32>,
    /// The objects.
    pub objects: Vec<u32>,
    /// Number of objects in the signal cone.
    pub inner: usize,
    /// Number of objects in either cone.
    pub outer: usize,
}

/// Where the objects of `collection` lie: 0 signal cone, 1 isolation cone, 2 elsewhere. The signal cone includes its
/// border if `closed`. Candidates of which `keep` is false have no objects.
///
/// # Errors
/// Collections without a direction.
pub fn zones(
    table: &FeatureTable,
    loaded: &Loaded,
    collection: &str,
    closed: bool,
    keep: &[bool],
) -> Result<Vec<(u32, u8)>> {
    let column = |name: &str| loaded.column(&format!("{collection}_{name}"));
    let (eta, phi) = (column("eta"), column("phi"));
    let (tau_pt, tau_eta, tau_phi) = (loaded.column("tau_pt"), loaded.column("tau_eta"), loaded.column("tau_phi"));
    let mut zones = Vec::with_capacity(eta.len());
    for row in 0..loaded.len() {
        let (Some(pt), Some(eta0), Some(phi0)) = (tau_pt.get(row), tau_eta.get(row), tau_phi.get(row)) else {
            return Err(TauError::config("candidate", "the direction of the candidates was not read"));
        };
        let radius = signal_radius(f64::from(*pt));
        let kept = keep.get(row).copied().unwrap_or(true);
        for object in loaded.objects(collection, row) {
            let direction = eta.get(object).zip(phi.get(object));
            let distance =
                direction.map_or(f64::NAN, |(eta, phi)| f64::from(eta - eta0).hypot(f64::from(delta_phi(*phi, *phi0))));
            let is_inner = if closed { distance <= radius } else { distance < radius };
            let zone = if is_inner && kept {
                0
            } else if distance < table.isolation_cone && kept {
                1
            } else {
                2 + u8::from(!kept)
            };
            zones.push((u32::try_from(row).unwrap_or(u32::MAX), zone));
        }
    }
    Ok(zones)
}

/// The objects of which `belongs` is true, by zone. Objects of candidates that are not kept are left out.
pub fn sorted(zones: &[(u32, u8)], belongs: Option<&[bool]>) -> Sorted {
    let mut sorted = Sorted::default();
    for zone in 0..3 {
        for (object, (row, here)) in (0_u32..).zip(zones) {
            let is_member = belongs.is_none_or(|belongs| belongs.get(object as usize).copied().unwrap_or(false));
            if *here == zone && is_member {
                sorted.rows.push(*row);
                sorted.objects.push(object);
            }
        }
        match zone {
            0 => sorted.inner = sorted.rows.len(),
            1 => sorted.outer = sorted.rows.len(),
            _ => {}
        }
    }
    sorted
}
