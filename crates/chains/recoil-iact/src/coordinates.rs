//! Directions in the sky and places in the camera.
//!
//! The camera's mapping is equidistant: x = f * latitude, y = f * longitude of the direction relative to the pointing.

use std::f64::consts::FRAC_PI_2;

/// A direction.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Direction {
    /// Altitude \[rad\].
    pub alt: f64,
    /// Azimuth \[rad\].
    pub az: f64,
}

impl Direction {
    /// A direction; altitudes above the zenith, as rounding makes them, are the zenith.
    pub fn new(alt: f64, az: f64) -> Self {
        Self { alt: alt.min(FRAC_PI_2), az }
    }

    /// Angle to another direction \[rad\].
    pub fn separation(self, other: Self) -> f64 {
        let (sin_a, cos_a) = self.alt.sin_cos();
        let (sin_b, cos_b) = other.alt.sin_cos();
        let (sin_d, cos_d) = (other.az - self.az).sin_cos();
        let across = (cos_b * sin_d).hypot(cos_a * sin_b - sin_a * cos_b * cos_d);
        across.atan2(sin_a * sin_b + cos_a * cos_b * cos_d)
    }
}

/// Place in the camera \[m\] of a direction in the sky, for a telescope that points to `pointing`.
pub fn camera_from_sky(direction: Direction, pointing: Direction, focal_length: f64) -> (f64, f64) {
    let (sin0, cos0) = pointing.alt.sin_cos();
    let (sin, cos) = direction.alt.sin_cos();
    let (sin_d, cos_d) = (direction.az - pointing.az).sin_cos();
    let (vx, vy, vz) = (cos * cos_d, cos * sin_d, sin);
    let (x, z) = (cos0 * vx + sin0 * vz, cos0 * vz - sin0 * vx);
    (focal_length * z.clamp(-1.0, 1.0).asin(), focal_length * vy.atan2(x))
}

/// Direction in the sky of a place in the camera \[m\]; azimuths are in 0 to 2 pi.
pub fn sky_from_camera(x: f64, y: f64, pointing: Direction, focal_length: f64) -> Direction {
    let (sin_lat, cos_lat) = (x / focal_length).sin_cos();
    let (sin_lon, cos_lon) = (y / focal_length).sin_cos();
    let (sin0, cos0) = pointing.alt.sin_cos();
    let (cx, cy, cz) = (cos_lat * cos_lon, cos_lat * sin_lon, sin_lat);
    let (vx, vz) = (cos0 * cx - sin0 * cz, sin0 * cx + cos0 * cz);
    let az = pointing.az + cy.atan2(vx);
    Direction { alt: vz.clamp(-1.0, 1.0).asin(), az: az.rem_euclid(std::f64::consts::TAU) }
}

/// Where the source is as seen from an image.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Disp {
    /// From the centroid to the source \[m\].
    pub dx: f64,
    /// From the centroid to the source \[m\].
    pub dy: f64,
    /// Distance along the long axis \[m\].
    pub norm: f64,
    /// Direction from the centroid to the source \[rad\], in -pi/2 to pi/2.
    pub angle: f64,
    /// Side of the source along the long axis: 1 or -1; 0 if it lies at the centroid.
    pub sign: f64,
}

/// The disp of an image with its centroid at (x, y) and its long axis along `psi` \[rad\].
pub fn disp(source: (f64, f64), centroid: (f64, f64), psi: f64) -> Disp {
    let (dx, dy) = (source.0 - centroid.0, source.1 - centroid.1);
    let along = dx * psi.cos() + dy * psi.sin();
    let angle = if dx == 0.0 { FRAC_PI_2.copysign(dy) } else { (dy / dx).atan() };
    let sign = if along == 0.0 { 0.0 } else { along.signum() };
    Disp { dx, dy, norm: along.abs(), angle, sign }
}

/// Angle between the pointing and the magnetic field \[rad\]; the field's inclination and declination in \[rad\].
pub fn geomagnetic_delta(pointing: Direction, inclination: f64, declination: f64) -> f64 {
    let (sin_i, cos_i) = inclination.sin_cos();
    let (cos_z, sin_z) = pointing.alt.sin_cos();
    let cos_z_part = sin_i * cos_z - cos_i * sin_z * (pointing.az - declination).cos();
    cos_z_part.clamp(-1.0, 1.0).acos()
}
