//! The telescope of the generator: 1855 pixels in 265 modules of seven, pulses, electronics.

use recoil_eventio::camera::CameraSettings;

/// Distance of neighbouring pixels \[m\].
const PITCH: f32 = 0.05;
/// Area of a pixel \[m2\].
const AREA: f32 = 0.002_079_327;
/// Rings of modules around the central one; the six corners are missing.
const RINGS: i32 = 9;
/// Angle by which the camera is rotated \[rad\].
const ROTATION: f32 = 0.190_118_72;

/// Samples of a waveform.
pub const SAMPLES: usize = 40;
/// Pedestal of a sample \[counts\].
pub const PEDESTAL: f32 = 300.0;
/// Counts of a photo-electron's pulse summed over all samples, at high and low gain.
pub const COUNTS_PER_PE: [f32; 2] = [62.0, 3.4];
/// Electronic noise of a sample \[counts\], at high and low gain.
pub const NOISE: [f32; 2] = [4.0, 1.8];
/// Largest count.
pub const SATURATION: u16 = 4095;
/// Values of the reference pulse per nanosecond.
pub const FINE: usize = 40;
/// Length of the reference pulse \[ns\].
pub const PULSE_NS: usize = 25;
/// Time of the reference pulse's largest value \[ns\].
pub const PULSE_PEAK_NS: f32 = 6.0;

/// Positions of the pixels as files store them \[m\].
pub fn pixels() -> Vec<(f32, f32)> {
    // pixels at i a + j b of a hexagonal lattice; modules at steps of (2, 1) and (-1, 3)
    let place = |i: i32, j: i32| {
        let (i, j) = (i as f32, j as f32);
        (PITCH * (i + 0.5 * j), PITCH * j * 3f32.sqrt() / 2.0)
    };
    let around = [(0, 0), (1, 0), (0, 1), (-1, 1), (-1, 0), (0, -1), (1, -1)];
    let mut found = Vec::with_capacity(1855);
    let mut modules: Vec<(i32, i32)> = Vec::new();
    for m in -RINGS..=RINGS {
        for n in -RINGS..=RINGS {
            let ring = m.abs().max(n.abs()).max((m + n).abs());
            let corner = ring == RINGS && (m == 0 || n == 0 || m + n == 0);
            if ring <= RINGS && !corner {
                modules.push((m, n));
            }
        }
    }
    modules.sort_by_key(|(m, n)| m.abs().max(n.abs()).max((m + n).abs()));
    for (m, n) in modules {
        let (i, j) = (2 * m - n, m + 3 * n);
        found.extend(around.iter().map(|(di, dj)| place(i + di, j + dj)));
    }
    found
}

/// The camera as files describe it.
pub fn camera(telescope: i32) -> CameraSettings {
    let (pixel_x, pixel_y): (Vec<f32>, Vec<f32>) = pixels().into_iter().unzip();
    let count = pixel_x.len();
    CameraSettings {
        telescope,
        focal_length: 28.0,
        effective_focal_length: Some(29.305_65),
        pixel_x,
        pixel_y,
        shape: vec![3; count],
        area: vec![AREA; count],
        size: vec![0.049; count],
        n_mirrors: 198,
        mirror_area: 386.733_25,
        rotation: ROTATION,
        ..CameraSettings::default()
    }
}

/// The reference pulse: a value every 1/[`FINE`] ns.
pub fn pulse() -> Vec<f32> {
    let shape = |at: usize| {
        let t = at as f32 / FINE as f32 - PULSE_PEAK_NS;
        // faster up than down
        let width = if t < 0.0 { 1.15 } else { 1.55 };
        (-0.5 * (t / width).powi(2)).exp()
    };
    (0..PULSE_NS * FINE).map(shape).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::camera::Camera;

    #[test]
    fn the_camera_is_complete() {
        let camera = Camera::new(&camera(1), "x").unwrap();
        assert!(camera.is_lst());
        let inner = (0..1855).filter(|pixel| camera.neighbors(*pixel).len() == 6).count();
        assert!(inner > 1650, "{inner}");
        assert!((0..1855).all(|pixel| camera.neighbors(pixel).len() >= 2));
        let radius = camera.x.iter().zip(&camera.y).map(|(x, y)| x.hypot(*y)).fold(0.0, f64::max);
        assert!((1.1..1.3).contains(&radius), "{radius}");
    }
}
