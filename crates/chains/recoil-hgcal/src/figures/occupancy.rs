//! The (R/z, phi) histogram of an event before and after smoothing, with its seeds.

use recoil_plot::{Color, Figure, HeatMap, Marker, Panel, Points};

use super::labelled;

/// The histogram of one endcap of one event.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Occupancy {
    /// R/z edges.
    pub rz_edges: Vec<f64>,
    /// phi edges \[rad\].
    pub phi_edges: Vec<f64>,
    /// mipT per bin, row-major (phi runs fastest).
    pub filled: Vec<f64>,
    /// Smoothed mipT per bin.
    pub smoothed: Vec<f64>,
    /// Seeds as (phi, R/z).
    pub seeds: Vec<(f64, f64)>,
    /// Generated particles as (phi, R/z).
    pub particles: Vec<(f64, f64)>,
}

/// Part of the histogram that is shown: half widths in phi and R/z about a point (phi, R/z).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// Centre in phi \[rad\].
    pub phi: f64,
    /// Centre in R/z.
    pub rz: f64,
    /// Half width in phi \[rad\].
    pub half_phi: f64,
    /// Half width in R/z.
    pub half_rz: f64,
}

/// Before (left) and after smoothing (right); all of the endcap, or a window of it.
pub fn maps(sample: &str, note: &str, occupancy: &Occupancy, window: Option<Window>) -> Figure {
    let panel = |values: &[f64], title: &str, what: &str| {
        let map = HeatMap::new(&occupancy.phi_edges, &occupancy.rz_edges, values).color_title(title);
        let wide = window.is_none();
        let mut panel = Panel::new(r"\phi [rad]", r"\it{R}/\it{z}").add(if wide { map.log_color() } else { map });
        panel = panel.note(what).note(note);
        let (phi, rz): (Vec<f64>, Vec<f64>) = occupancy.particles.iter().copied().unzip();
        if !phi.is_empty() {
            let points = Points::new(&phi, &rz).marker(Marker::OpenSquare).size(9.0);
            panel = panel.add(points.color(Color::BLACK).label("particle"));
        }
        let (phi, rz): (Vec<f64>, Vec<f64>) = occupancy.seeds.iter().copied().unzip();
        if !phi.is_empty() {
            let size = if wide { 4.0 } else { 6.0 };
            panel = panel.add(Points::new(&phi, &rz).color(Color::RED).size(size).label("seed"));
        }
        match window {
            // room for the legend above
            Some(w) => {
                panel.x_range(w.phi - w.half_phi, w.phi + w.half_phi).y_range(w.rz - w.half_rz, w.rz + 1.6 * w.half_rz)
            }
            None => panel.x_range(-std::f64::consts::PI, std::f64::consts::PI).y_range(0.07, 0.75),
        }
    };
    let before = panel(&occupancy.filled, r"mip_{T} in the bin", "filled");
    let after = panel(&occupancy.smoothed, r"Smoothed mip_{T}", "smoothed");
    labelled(Figure::grid(2, vec![before, after]).size(1300.0, 560.0), sample)
}
