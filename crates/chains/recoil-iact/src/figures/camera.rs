//! An image in the camera.

use recoil_plot::{Color, Figure, Line, Panel, Patches};

use crate::camera::Camera;

/// An image with its ellipse.
pub struct CameraImage {
    /// The camera.
    pub camera: Camera,
    /// Charge of each pixel \[p.e.\].
    pub charge: Vec<f64>,
    /// Pixels that the cleaning kept.
    pub mask: Vec<bool>,
    /// Centroid \[m\], semi-axes along and across \[m\], direction of the long axis \[rad\].
    pub ellipse: Option<([f64; 2], [f64; 2], f64)>,
}

/// Charges of the pixels, with the pixels that were kept and their ellipse at two standard deviations.
pub fn figure(image: &CameraImage, note: &str) -> Figure {
    let camera = &image.camera;
    // the way to a neighbour goes through the middle of a side
    let to_neighbor = (0..camera.len()).find_map(|pixel| {
        let other = usize::from(*camera.neighbors(pixel).first()?);
        Some((camera.x.get(other)? - camera.x.get(pixel)?, camera.y.get(other)? - camera.y.get(pixel)?))
    });
    let (dx, dy) = to_neighbor.unwrap_or((0.05, 0.0));
    let (radius, angle) = (dx.hypot(dy) / 3f64.sqrt(), dy.atan2(dx) + std::f64::consts::FRAC_PI_6);
    let pixel = |(x, y): (&f64, &f64)| Patches::hexagon(*x, *y, radius, angle);
    let all: Vec<Vec<[f64; 2]>> = camera.x.iter().zip(&camera.y).map(pixel).collect();
    let kept: Vec<Vec<[f64; 2]>> =
        all.iter().zip(&image.mask).filter(|(_, kept)| **kept).map(|(corners, _)| corners.clone()).collect();
    let charges: Vec<f64> = image.charge.iter().map(|charge| charge.max(0.0)).collect();
    let light = Patches::new(all).values(&charges).outline(None).color_title("Charge [p.e.]");
    let mut panel = Panel::new("x [m]", "y [m]").equal_aspect().add(light);
    if !kept.is_empty() {
        panel = panel.add(Patches::new(kept).outline(Some(Color::hex(0xf0_f0_f0))));
    }
    if let Some(([x, y], [length, width], psi)) = image.ellipse {
        let (sin, cos) = psi.sin_cos();
        let point = |step: i32| {
            let (across, along) = (f64::from(step) * std::f64::consts::TAU / 90.0).sin_cos();
            let (along, across) = (2.0 * length * along, 2.0 * width * across);
            (x + along * cos - across * sin, y + along * sin + across * cos)
        };
        let (xs, ys): (Vec<f64>, Vec<f64>) = (0..=90).map(point).unzip();
        panel = panel.add(Line::new(&xs, &ys).color(Color::hex(0xc0_1c_28)).width(1.5));
    }
    let panel = if note.is_empty() { panel } else { panel.note(note) };
    Figure::new(panel).experiment("recoil", "Simulation")
}
