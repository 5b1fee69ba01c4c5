//! Displays of wafers.

use recoil_plot::{Color, Figure, Hist, LegendAt, Panel, Patches};

use super::labelled;
use crate::data::Wafer;
use crate::wafer::{CELLS, COUNTS_PER_MIP, outline};

/// A wafer, what arrived of it, and the latent numbers that it travelled as (empty for other algorithms).
pub type Displayed = (Wafer, [f64; CELLS], Vec<f32>);

/// Wafers above what arrived of them: charges in transverse MIP, the same colours in both rows; below them the latent
/// numbers, if there are any.
pub fn display(label: &str, sample: &str, wafers: &[Displayed]) -> Figure {
    let largest = wafers.iter().flat_map(|(wafer, ..)| wafer.iter().copied()).max().unwrap_or(1);
    let top = (f64::from(largest) / COUNTS_PER_MIP).max(1.0);
    let mut panels: Vec<Panel> =
        wafers.iter().map(|(wafer, ..)| cells(wafer.map(f64::from), "truth".to_owned(), top)).collect();
    panels.extend(wafers.iter().map(|(_, received, _)| cells(*received, label.to_owned(), top)));
    let mut height = 720.0;
    if wafers.iter().any(|(.., latents)| !latents.is_empty()) {
        panels.extend(wafers.iter().map(|(.., latents)| strip(latents)));
        height = 1080.0;
    }
    let columns = wafers.len().max(1);
    labelled(Figure::grid(columns, panels).size(330.0 * columns as f64, height), sample)
}

fn cells(charges: [f64; CELLS], note: String, top: f64) -> Panel {
    let seen: Vec<(usize, f64)> = charges.iter().map(|q| q / COUNTS_PER_MIP).enumerate().collect();
    let shapes = |cells: &[(usize, f64)]| cells.iter().map(|(cell, _)| outline(*cell).to_vec()).collect::<Vec<_>>();
    let (full, empty): (Vec<_>, Vec<_>) = seen.into_iter().partition(|(_, charge)| *charge > 0.0);
    let values: Vec<f64> = full.iter().map(|(_, charge)| *charge).collect();
    let mut panel = Panel::new("", "").equal_aspect().legend(LegendAt::Hidden).note(note);
    panel = panel.x_range(-9.5, 7.5).y_range(-15.5, 3.5);
    panel = panel.add(Patches::new(shapes(&empty)).fill(Color::hex(0xf4f4f6)));
    let charged = Patches::new(shapes(&full)).values(&values).color_title(r"MIP_{T}").log_color();
    if full.is_empty() { panel } else { panel.add(charged.color_range(0.05, top)) }
}

fn strip(latents: &[f32]) -> Panel {
    let edges: Vec<f64> = (0..=latents.len()).map(|i| i as f64 - 0.5).collect();
    let values: Vec<f64> = latents.iter().map(|&value| f64::from(value)).collect();
    Panel::new("Latent number", "Value").y_from(0.0).legend(LegendAt::Hidden).add(Hist::new(&edges, &values).filled())
}
