//! Formulas of tracks and clusters.

/// Transverse momentum \[GeV\] of a track with curvature `omega` [1/mm] in a field of `field_tesla`: `3e-4 |B / omega|`.
///
/// ```
/// assert!((recoil_pflow::data::kinematics::pt_of_curvature(2e-3, 4.0) - 0.6).abs() < 1e-12);
/// ```
pub fn pt_of_curvature(omega: f64, field_tesla: f64) -> f64 {
    3e-4 * (field_tesla / omega).abs()
}

/// Transverse energy \[GeV\] of a cluster at the polar angle `theta`: `sqrt(E^2 - (E cos theta)^2)`.
pub fn transverse_energy(energy: f64, theta: f64) -> f64 {
    let along = energy * theta.cos();
    ((energy - along) * (energy + along)).max(0.0).sqrt()
}

/// Transverse energy \[GeV\] of an energy in the direction `eta`: `sqrt(E^2 - (E tanh eta)^2) = E / cosh eta`.
pub fn transverse_energy_at_eta(energy: f64, eta: f64) -> f64 {
    energy / eta.cosh()
}

/// Turn of a charged particle on its way to the radius `radius_m`, `asin(radius / 2R)` with the bending radius
/// `R = pt / (0.3 B)`; the azimuth there is that at the origin minus charge times this. `None` if it curls up before.
pub fn turn(pt: f64, field_tesla: f64, radius_m: f64) -> Option<f64> {
    let sine = radius_m * 0.3 * field_tesla / (2.0 * pt);
    (sine < 1.0).then(|| sine.asin())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tracks_and_clusters() {
        // curvatures of the reference
        for (omega, field, pt) in [(1e-4, 4.0, 12.0), (-3e-4, 4.0, 4.0), (2e-3, 4.0, 0.6)] {
            assert!((pt_of_curvature(omega, field) - pt).abs() < 1e-12);
        }
        let eta: f64 = 1.3;
        let theta = 2.0 * (-eta).exp().atan();
        assert!((transverse_energy(10.0, theta) - transverse_energy_at_eta(10.0, eta)).abs() < 1e-12);
        // half a circle has no way further
        assert!(turn(0.3 * 3.8 * 1.29 / 2.0, 3.8, 1.29).is_none());
        let straight = turn(1000.0, 3.8, 1.29);
        assert!(straight.is_some_and(|angle| (angle - 0.3 * 3.8 * 1.29 / 2000.0).abs() < 1e-9));
    }
}
