//! The ellipse of an image: moments of the charge distribution (Hillas parameters) and their uncertainties.
//!
//! The uncertainties follow from the variance of each pixel's charge, taken to be the charge itself.

use crate::camera::Camera;

/// The ellipse of an image.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Hillas {
    /// Charge \[p.e.\].
    pub intensity: f64,
    /// Centroid \[m\].
    pub x: f64,
    /// Centroid \[m\].
    pub y: f64,
    /// Distance of the centroid from the centre \[m\].
    pub r: f64,
    /// Direction of the centroid \[rad\].
    pub phi: f64,
    /// Larger standard deviation \[m\].
    pub length: f64,
    /// Its uncertainty \[m\].
    pub length_uncertainty: f64,
    /// Smaller standard deviation \[m\].
    pub width: f64,
    /// Its uncertainty \[m\].
    pub width_uncertainty: f64,
    /// Direction of the long axis \[rad\].
    pub psi: f64,
    /// Third moment along the long axis.
    pub skewness: f64,
    /// Fourth moment along the long axis.
    pub kurtosis: f64,
}

/// Moments of the kept pixels; `None` if their charge is zero.
pub fn hillas(camera: &Camera, charge: &[f32], kept: &[u16]) -> Option<Hillas> {
    let pixels = || {
        kept.iter().map(|pixel| {
            let at = usize::from(*pixel);
            let of = |values: &[f64]| values.get(at).copied().unwrap_or(0.0);
            (of(&camera.x), of(&camera.y), f64::from(charge.get(at).copied().unwrap_or(0.0)))
        })
    };
    let mut intensity = 0.0;
    let (mut sum_x, mut sum_y) = (0.0, 0.0);
    for (x, y, q) in pixels() {
        intensity += q;
        sum_x += q * x;
        sum_y += q * y;
    }
    if intensity == 0.0 || kept.is_empty() {
        return None;
    }
    let (x, y) = (sum_x / intensity, sum_y / intensity);
    let (mut cxx, mut cyy, mut cxy) = (0.0, 0.0, 0.0);
    for (px, py, q) in pixels() {
        let (dx, dy) = (px - x, py - y);
        cxx += q * dx * dx;
        cyy += q * dy * dy;
        cxy += q * dx * dy;
    }
    let (cxx, cyy, cxy) = (cxx / intensity, cyy / intensity, cxy / intensity);
    let found = Hillas { intensity, x, y, r: x.hypot(y), phi: y.atan2(x), ..Hillas::default() };
    let (large, small, psi) = axes(cxx, cyy, cxy);
    let (length, width) = (large.sqrt(), small.sqrt());
    if length == 0.0 {
        let nan = f64::NAN;
        let none = Hillas { length, width, psi: nan, skewness: nan, kurtosis: nan, ..found };
        return Some(Hillas { length_uncertainty: nan, width_uncertainty: nan, ..none });
    }
    let (sin, cos) = psi.sin_cos();
    let (cos2, sin2) = ((2.0 * psi).cos(), (2.0 * psi).sin());
    let (a, b) = ((1.0 + cos2) / 2.0, (1.0 - cos2) / 2.0);
    let (mut third, mut fourth, mut var_length, mut var_width) = (0.0, 0.0, 0.0, 0.0);
    for (px, py, q) in pixels() {
        let (dx, dy) = (px - x, py - y);
        let l = dx * cos + dy * sin;
        let square = l * l;
        third += q * square * l;
        fourth += q * square * square;
        let (ax, ay, axy) = (dx * dx - cxx, dy * dy - cyy, dx * dy - cxy);
        let along = a * ax + b * ay + sin2 * axy;
        let across = b * ax + a * ay - sin2 * axy;
        var_length += q * along * along;
        var_width += q * across * across;
    }
    let moment = |sum: f64, power: i32| sum / intensity / length.powi(power);
    Some(Hillas {
        length,
        width,
        psi,
        skewness: moment(third, 3),
        kurtosis: moment(fourth, 4),
        length_uncertainty: var_length.sqrt() / (2.0 * length) / intensity,
        width_uncertainty: var_width.sqrt() / (2.0 * width) / intensity,
        ..found
    })
}

/// Eigenvalues of a symmetric matrix, larger first, and the direction of the larger one's vector in (-pi/2, pi/2].
fn axes(xx: f64, yy: f64, xy: f64) -> (f64, f64, f64) {
    let psi = 0.5 * (2.0 * xy).atan2(xx - yy);
    let psi = if psi <= -std::f64::consts::FRAC_PI_2 { std::f64::consts::FRAC_PI_2 } else { psi };
    let mean = 0.5 * (xx + yy);
    let half = (0.5 * (xx - yy)).hypot(xy);
    let clean = |value: f64| if value.abs() <= f64::EPSILON { 0.0 } else { value };
    let large = mean + half;
    // the product of both is the determinant: no cancellation for narrow images
    let small = if large > 0.0 { (xx * yy - xy * xy) / large } else { 0.0 };
    (clean(large), clean(small).max(0.0), psi)
}

/// An angle in the camera \[deg\] of a distance \[m\], by the tangent.
pub fn degrees(distance: f64, focal_length: f64) -> f64 {
    (distance / focal_length).atan().to_degrees()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-12, "{a} {b}");
    }

    #[test]
    fn axes_by_hand() {
        for (psi, large, small) in [(0.3, 4.0, 1.0), (-1.2, 2.0, 0.5), (std::f64::consts::FRAC_PI_2, 3.0, 1e-3)] {
            let (sin, cos) = f64::sin_cos(psi);
            let (xx, yy) = (large * cos * cos + small * sin * sin, large * sin * sin + small * cos * cos);
            let (l, s, angle) = axes(xx, yy, (large - small) * sin * cos);
            close(l, large);
            close(s, small);
            close(angle, psi);
        }
        assert_eq!(axes(1.0, 2.0, -0.0), (2.0, 1.0, std::f64::consts::FRAC_PI_2));
        assert_eq!(axes(1.0, 0.0, 0.0), (1.0, 0.0, 0.0));
    }
}
