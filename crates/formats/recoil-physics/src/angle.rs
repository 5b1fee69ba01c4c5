//! Angles and directions in collider coordinates: phi around the beam, theta from it, eta for theta.

use std::f64::consts::{PI, TAU};

/// An angle brought into (-pi, pi].
///
/// ```
/// assert_eq!(recoil_physics::angle::wrap(3.0 * std::f64::consts::PI), std::f64::consts::PI);
/// ```
pub fn wrap(phi: f64) -> f64 {
    if phi > -PI && phi <= PI {
        return phi;
    }
    let wrapped = PI - (PI - phi).rem_euclid(TAU);
    // the remainder may round up to the full turn
    if wrapped <= -PI { PI } else { wrapped }
}

/// `a - b` the shorter way round, in (-pi, pi].
pub fn delta_phi(a: f64, b: f64) -> f64 {
    wrap(a - b)
}

/// Distance in the plane of eta and phi, `sqrt(delta eta^2 + delta phi^2)`.
pub fn delta_r(eta_a: f64, phi_a: f64, eta_b: f64, phi_b: f64) -> f64 {
    (eta_a - eta_b).hypot(delta_phi(phi_a, phi_b))
}

/// Pseudorapidity of a polar angle in radians, `-ln tan(theta / 2)`; infinite along the beam.
pub fn eta_from_theta(theta: f64) -> f64 {
    if theta > PI / 2.0 { (0.5 * (PI - theta)).tan().ln() } else { -(0.5 * theta).tan().ln() }
}

/// Polar angle of a pseudorapidity, `2 atan exp(-eta)`.
pub fn theta_from_eta(eta: f64) -> f64 {
    2.0 * (-eta).exp().atan()
}

/// R/z of the straight line from the origin with this pseudorapidity: `tan theta = 1 / sinh eta`,
/// negative on the negative side.
pub fn r_over_z(eta: f64) -> f64 {
    1.0 / eta.sinh()
}

/// Pseudorapidity of a line from the origin with this R/z, `asinh(z / R)`.
pub fn eta_from_r_over_z(r_over_z: f64) -> f64 {
    (1.0 / r_over_z).asinh()
}

/// Pseudorapidity of a point; 0 at the origin, infinite on the beam line.
pub fn eta_from_xyz(x: f64, y: f64, z: f64) -> f64 {
    let r = x.hypot(y);
    if r == 0.0 && z == 0.0 { 0.0 } else { (z / r).asinh() }
}

/// Mean direction of weighted angles, in (-pi, pi]; `None` when they cancel or there are none.
///
/// The angle of the sum of `weight (cos phi, sin phi)`: unlike the mean of the numbers it does not
/// tear a group that lies across the seam.
pub fn circular_mean(angles: impl IntoIterator<Item = (f64, f64)>) -> Option<f64> {
    let (mut x, mut y, mut total) = (0.0, 0.0, 0.0);
    for (phi, weight) in angles {
        x += weight * phi.cos();
        y += weight * phi.sin();
        total += f64::abs(weight);
    }
    // what is left of opposite directions after rounding is no direction
    (f64::hypot(x, y) > 1e-12 * total).then(|| wrap(y.atan2(x)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-12 * b.abs().max(1.0)
    }

    #[test]
    fn the_seam_belongs_to_plus_pi() {
        assert_eq!(wrap(PI), PI);
        assert_eq!(wrap(-PI), PI);
        assert!(close(wrap(PI + 0.1), -PI + 0.1));
        assert!(close(wrap(-7.0), -7.0 + TAU));
        assert!(close(wrap(100.0), 100.0 - 16.0 * TAU));
        for phi in [1e-17, -1e-17, TAU, -TAU, 1e6, f64::from_bits(PI.to_bits() + 1), -PI - 1e-15] {
            assert!(wrap(phi) > -PI && wrap(phi) <= PI, "{phi}");
        }
        assert!(wrap(f64::NAN).is_nan());
    }

    #[test]
    fn differences_go_the_shorter_way() {
        assert!(close(delta_phi(3.0, -3.0), 6.0 - TAU));
        assert!(close(delta_phi(-3.0, 3.0), TAU - 6.0));
        assert!(close(delta_r(1.0, 3.1, 1.0, -3.1), TAU - 6.2));
        assert!(close(delta_r(0.0, 0.0, 3.0, 4.0 - TAU), 3.0_f64.hypot(4.0 - TAU)));
    }

    #[test]
    fn eta_and_theta_are_inverse() {
        assert!(eta_from_theta(PI / 2.0).abs() < 1e-15);
        assert!(close(theta_from_eta(0.0), PI / 2.0));
        for eta in [-8.0, -3.0, -0.5, 0.0, 1.5, 3.0, 8.0] {
            assert!((eta_from_theta(theta_from_eta(eta)) - eta).abs() < 1e-11, "{eta}");
            assert!(eta == 0.0 || close(theta_from_eta(eta).tan(), r_over_z(eta)), "{eta}");
        }
        assert_eq!(eta_from_theta(0.0), f64::INFINITY);
        assert_eq!(eta_from_theta(PI), f64::NEG_INFINITY);
    }

    #[test]
    fn points_have_the_eta_of_their_line() {
        assert!(close(eta_from_xyz(0.0, r_over_z(2.0) * 320.0, 320.0), 2.0));
        assert!(close(eta_from_r_over_z(r_over_z(-2.5)), -2.5));
        assert_eq!(eta_from_xyz(0.0, 0.0, 0.0), 0.0);
        assert_eq!(eta_from_xyz(0.0, 0.0, -1.0), f64::NEG_INFINITY);
    }

    #[test]
    fn mean_across_the_seam() {
        assert!(close(circular_mean([(3.0, 1.0), (-3.0, 1.0)]).unwrap(), PI));
        assert!(close(circular_mean([(0.1, 1.0), (0.4, 2.0), (0.7, 1.0)]).unwrap(), 0.4));
        assert_eq!(circular_mean([(0.0, 1.0), (PI, 1.0)]), None);
        assert_eq!(circular_mean([]), None);
    }
}
