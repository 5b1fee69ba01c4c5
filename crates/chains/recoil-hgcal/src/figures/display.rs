//! Event displays: the trigger cells of one layer in (x, y), with their outlines.

use recoil_plot::{Color, Figure, LegendAt, Panel, Patches, Scatter};

use super::labelled;
use crate::data::{TriggerCell, TriggerCells, subdet};
use crate::geometry::{Point, scintillator, silicon};

/// Outline of a trigger cell \[cm\]: a rhombus in silicon, a wedge in scintillator.
pub fn outline(cell: &TriggerCell) -> Vec<[f64; 2]> {
    let centre = Point { x: f64::from(cell.x), y: f64::from(cell.y) };
    if cell.wu == crate::data::SCINTILLATOR_WAFER || cell.subdet == subdet::CEH_SCINTILLATOR {
        let wedge = scintillator::wedge(centre, cell.layer, scintillator::RingEdge::Between);
        return Patches::wedge(wedge.r_min, wedge.r_max, wedge.phi_min, wedge.phi_max);
    }
    let block = silicon::rhombus(silicon::ORIENTATION_V11, cell.cu, cell.cv).unwrap_or(silicon::Rhombus::Bottom);
    silicon::rhombus_corners(block, centre).map(|p| [p.x, p.y]).to_vec()
}

/// One event and what the chain made of it.
#[derive(Clone, Debug, Default)]
pub struct Event<'a> {
    /// All cells.
    pub cells: TriggerCells<'a>,
    /// Cluster of every cell, counted from 0 in the order of energy; `None` if unclustered.
    pub cluster: Vec<Option<usize>>,
    /// Energies of the clusters \[GeV\], decreasing.
    pub energies: Vec<f64>,
    /// Directions of the generated particles as (x/z, y/z) on the side of the cells.
    pub particles: Vec<(f64, f64)>,
}

/// Clusters that get a colour of their own.
const COLOURED: usize = 5;

/// Cells of `layer` coloured by transverse energy (left) and by cluster (right), within `half_width` cm about the particle
/// or, without one, about the hottest cell; all of the layer for an infinite `half_width`.
pub fn layer(sample: &str, note: &str, event: &Event<'_>, layer: i32, half_width: f64) -> Figure {
    let rows: Vec<(usize, TriggerCell)> = (0..event.cells.len())
        .filter_map(|i| Some((i, event.cells.get(i)?)))
        .filter(|(_, c)| c.layer == layer)
        .collect();
    let depth = rows.first().map_or(0.0, |(_, cell)| f64::from(cell.z).abs());
    let hottest = rows.iter().max_by(|a, b| a.1.mip_pt.total_cmp(&b.1.mip_pt));
    let marks: Vec<(f64, f64)> = event.particles.iter().map(|(x, y)| (x * depth, y * depth)).collect();
    let centre = match (marks.first(), hottest) {
        (Some(&mark), _) => mark,
        (None, Some((_, cell))) => (f64::from(cell.x), f64::from(cell.y)),
        (None, None) => (0.0, 0.0),
    };
    let seen = |cell: &TriggerCell| {
        let (dx, dy) = (f64::from(cell.x) - centre.0, f64::from(cell.y) - centre.1);
        dx.abs() < half_width + 3.0 && dy.abs() < half_width + 3.0
    };
    let near: Vec<&(usize, TriggerCell)> = rows.iter().filter(|(_, cell)| seen(cell)).collect();
    let frame = |panel: Panel| {
        let panel = panel.equal_aspect();
        match half_width.is_finite() {
            true => panel
                .x_range(centre.0 - half_width, centre.0 + half_width)
                .y_range(centre.1 - half_width, centre.1 + half_width),
            false => panel.x_range(-200.0, 200.0).y_range(-200.0, 200.0),
        }
    };
    let (x, y): (Vec<f64>, Vec<f64>) = marks.into_iter().unzip();
    let particle = || Scatter::new(&x, &y).color(Color::BLACK).radius(4.0).label("particle");

    let values: Vec<f64> = near.iter().map(|(_, cell)| f64::from(cell.mip_pt)).collect();
    let shapes = near.iter().map(|(_, cell)| outline(cell)).collect();
    let mut energy = Panel::new("\\it{x} [cm]", "\\it{y} [cm]").note(note).legend(LegendAt::TopLeft);
    energy = energy.add(Patches::new(shapes).values(&values).color_title(r"mip_{T}").log_color());

    let mut clusters =
        Panel::new("\\it{x} [cm]", "\\it{y} [cm]").note(format!("layer {layer}")).legend(LegendAt::TopLeft);
    let groups = (0..COLOURED).map(Some).chain([None]);
    for group in groups {
        let rank = |i: usize| event.cluster.get(i).copied().flatten().map(|c| (c < COLOURED).then_some(c));
        let own: Vec<Vec<[f64; 2]>> = near
            .iter()
            .filter(|(i, _)| match (group, rank(*i)) {
                (Some(g), Some(Some(c))) => g == c,
                (None, None) => true,
                _ => false,
            })
            .map(|(_, cell)| outline(cell))
            .collect();
        if own.is_empty() {
            continue;
        }
        let label = match group {
            Some(g) => format!("cluster {}: {:.1} GeV", g + 1, event.energies.get(g).copied().unwrap_or(0.0)),
            None => "not clustered".to_owned(),
        };
        let fill = group.map_or(Color::hex(0xe4e4e8), |g| Color::cycle(g, COLOURED));
        clusters = clusters.add(Patches::new(own).fill(fill).label(label));
    }
    let other: Vec<Vec<[f64; 2]>> = near
        .iter()
        .filter(|(i, _)| event.cluster.get(*i).copied().flatten().is_some_and(|c| c >= COLOURED))
        .map(|(_, cell)| outline(cell))
        .collect();
    if !other.is_empty() {
        clusters = clusters.add(Patches::new(other).fill(Color::hex(0x9c9ca1)).label("other clusters"));
    }
    if !x.is_empty() {
        (energy, clusters) = (energy.add(particle()), clusters.add(particle()));
    }
    labelled(Figure::grid(2, vec![frame(energy), frame(clusters)]).size(1300.0, 660.0), sample)
}
