//! How much of an image lies at the camera's rim, and how concentrated it is.

use super::hillas::Hillas;
use crate::camera::Camera;

/// Shares of an image in the outermost rings of the camera.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Leakage {
    /// Share of the charge in the outermost ring.
    pub intensity_width_1: f32,
    /// Share of the charge in the two outermost rings.
    pub intensity_width_2: f32,
    /// Share of the pixels in the outermost ring.
    pub pixels_width_1: f64,
    /// Share of the pixels in the two outermost rings.
    pub pixels_width_2: f64,
}

/// Leakage of the kept pixels; sums are in single precision.
pub fn leakage(camera: &Camera, charge: &[f32], kept: &[u16]) -> Leakage {
    let (mut all, mut one, mut two) = (0f64, 0f64, 0f64);
    let (mut pixels_one, mut pixels_two) = (0u32, 0u32);
    for pixel in kept {
        let at = usize::from(*pixel);
        let q = f64::from(charge.get(at).copied().unwrap_or(0.0));
        all += q;
        let ring = camera.ring.get(at).copied().unwrap_or(0);
        if ring > 0 {
            two += q;
            pixels_two += 1;
        }
        if ring == 1 {
            one += q;
            pixels_one += 1;
        }
    }
    let pixels = kept.len() as f64;
    Leakage {
        intensity_width_1: one as f32 / all as f32,
        intensity_width_2: two as f32 / all as f32,
        pixels_width_1: f64::from(pixels_one) / pixels,
        pixels_width_2: f64::from(pixels_two) / pixels,
    }
}

/// Shares of an image close to its centre.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Concentration {
    /// Share of the charge within a pixel's width of the centroid.
    pub cog: f64,
    /// Share of the charge inside the ellipse.
    pub core: f64,
    /// Share of the charge in the brightest pixel.
    pub pixel: f64,
}

/// Concentration of the kept pixels.
pub fn concentration(camera: &Camera, charge: &[f32], kept: &[u16], ellipse: &Hillas) -> Concentration {
    let (sin, cos) = ellipse.psi.sin_cos();
    let (mut cog, mut core, mut largest) = (0.0, 0.0, f64::NEG_INFINITY);
    for pixel in kept {
        let at = usize::from(*pixel);
        let of = |values: &[f64]| values.get(at).copied().unwrap_or(0.0);
        let q = f64::from(charge.get(at).copied().unwrap_or(0.0));
        let (dx, dy) = (of(&camera.x) - ellipse.x, of(&camera.y) - ellipse.y);
        if dx * dx + dy * dy <= camera.pixel_width * camera.pixel_width {
            cog += q;
        }
        let (l, t) = (dx * cos + dy * sin, dy * cos - dx * sin);
        if ellipse.width > 0.0 && (l / ellipse.length).powi(2) + (t / ellipse.width).powi(2) <= 1.0 {
            core += q;
        }
        largest = f64::max(largest, q);
    }
    let share = |sum: f64| sum / ellipse.intensity;
    Concentration { cog: share(cog), core: share(core), pixel: share(largest) }
}
