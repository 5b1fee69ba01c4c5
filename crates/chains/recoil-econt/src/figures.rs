//! Figures of wafers and of the comparison of algorithms.

use recoil_plot::{Band, Color, Figure, Hist, LegendAt, Marker, Panel, Patches, Points};
use recoil_stats::{Axis, Hist1, MedianPoint, MedianProfile1};

use crate::data::Wafer;
use crate::wafer::{CELLS, COUNTS_PER_MIP, outline};

/// A quantity of a wafer on the x axis, with its binning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// Trigger cells with charge.
    Occupancy,
    /// Trigger cells above one transverse MIP.
    OccupancyAboveMip,
    /// Decimal logarithm of the largest charge in transverse MIP.
    LargestCharge,
    /// Decimal logarithm of the summed charge in transverse MIP.
    SummedCharge,
}

impl Quantity {
    /// All of them with the names of their files.
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::Occupancy, "occ_all"),
        (Self::OccupancyAboveMip, "occ_1MT"),
        (Self::LargestCharge, "maxQ_all"),
        (Self::SummedCharge, "sumQ_all"),
    ];

    const fn title(self) -> &'static str {
        match self {
            Self::Occupancy => "Trigger cells with charge",
            Self::OccupancyAboveMip => r"Trigger cells above 1 MIP_{T}",
            Self::LargestCharge => r"log_{10} of the largest charge [MIP_{T}]",
            Self::SummedCharge => r"log_{10} of the summed charge [MIP_{T}]",
        }
    }

    fn axis(self) -> Option<Axis> {
        let (bins, low, high) = match self {
            Self::Occupancy => (49, -0.5, 48.5),
            Self::OccupancyAboveMip => (12, 0.0, 24.0),
            Self::LargestCharge => (20, 0.0, 2.5),
            Self::SummedCharge => (30, -0.5, 3.5),
        };
        Axis::uniform(bins, low, high).ok()
    }

    fn of(self, wafer: &Wafer) -> f64 {
        let mips = |charge: u64| charge as f64 / COUNTS_PER_MIP;
        match self {
            Self::Occupancy => crate::data::prepare::occupancy(wafer, 0) as f64,
            Self::OccupancyAboveMip => crate::data::prepare::occupancy(wafer, COUNTS_PER_MIP as u32) as f64,
            Self::LargestCharge => mips(u64::from(wafer.iter().copied().max().unwrap_or(0))).log10(),
            Self::SummedCharge => mips(wafer.iter().map(|&charge| u64::from(charge)).sum()).log10(),
        }
    }
}

fn labelled(figure: Figure, sample: &str) -> Figure {
    figure.experiment("recoil", "Phase-2 Simulation").sample(sample)
}

fn marker(i: usize) -> Marker {
    [Marker::Circle, Marker::Square, Marker::Triangle, Marker::Diamond, Marker::OpenCircle, Marker::OpenSquare]
        .get(i % 6)
        .copied()
        .unwrap_or_default()
}

/// Spectrum of a quantity of the wafers.
pub fn spectrum(quantity: Quantity, sample: &str, wafers: &[Wafer]) -> Figure {
    let mut panel = Panel::new(quantity.title(), "Wafers").log_y();
    if let Some(axis) = quantity.axis() {
        let mut hist = Hist1::new(axis.clone());
        hist.fill_slice(&wafers.iter().map(|wafer| quantity.of(wafer)).collect::<Vec<_>>());
        panel = panel.add(Hist::new(&axis.edges(), hist.values()).label("wafers").filled());
    }
    labelled(Figure::new(panel.legend(LegendAt::Hidden)), sample)
}

/// One algorithm's values of a metric, one per wafer; NaN where there is none.
pub struct Series<'a> {
    /// Legend entry.
    pub label: &'a str,
    /// Values in the order of the wafers.
    pub values: Vec<f64>,
}

/// Spectra of a metric, normalised, one curve per algorithm.
pub fn histogram(title: &str, range: (f64, f64), sample: &str, series: &[Series<'_>]) -> Figure {
    let mut panel = Panel::new(title, "Share of the wafers").log_y();
    let Ok(axis) = Axis::uniform(50, range.0, range.1) else { return labelled(Figure::new(panel), sample) };
    for (i, one) in series.iter().enumerate() {
        let mut hist = Hist1::new(axis.clone());
        hist.fill_slice(&one.values);
        let total = one.values.iter().filter(|value| value.is_finite()).count().max(1) as f64;
        let shares: Vec<f64> = hist.values().iter().map(|count| count / total).collect();
        panel = panel.add(Hist::new(&axis.edges(), &shares).label(one.label).color(Color::cycle(i, series.len())));
    }
    labelled(Figure::new(panel), sample)
}

/// Medians of a metric in bins of a quantity, one series per algorithm; the first with its central 68 %.
pub fn profile(title: &str, against: Quantity, sample: &str, wafers: &[Wafer], series: &[Series<'_>]) -> Figure {
    let mut panel = Panel::new(against.title(), format!("{title}, median")).y_from(0.0);
    let Some(axis) = against.axis() else { return labelled(Figure::new(panel), sample) };
    let edges = axis.edges();
    for (i, one) in series.iter().enumerate() {
        let mut profile = MedianProfile1::new(axis.clone());
        wafers.iter().zip(&one.values).for_each(|(wafer, &value)| profile.fill(against.of(wafer), value));
        let points = profile.points();
        let enough = |p: &MedianPoint, value: f64| if p.entries >= 5 { value } else { f64::NAN };
        let column = |value: fn(&MedianPoint) -> f64| points.iter().map(|p| enough(p, value(p))).collect::<Vec<_>>();
        let color = Color::cycle(i, series.len());
        if i == 0 {
            let band = Band::in_bins(&edges, &column(|p| p.low), &column(|p| p.high)).color(color).opacity(0.2);
            panel = panel.add(band.label(format!("{}: central 68%", one.label)));
        }
        let medians = Points::in_bins(&edges, &column(|p| p.median)).color(color).marker(marker(i)).no_x_errors();
        panel = panel.add(medians.joined().label(one.label));
    }
    labelled(Figure::new(panel), sample)
}

/// Wafers above what arrived of them: charges in transverse MIP, the same colours in both rows.
pub fn display(label: &str, sample: &str, pairs: &[(Wafer, [f64; CELLS])]) -> Figure {
    let largest = pairs.iter().flat_map(|(wafer, _)| wafer.iter().copied()).max().unwrap_or(1);
    let top = (f64::from(largest) / COUNTS_PER_MIP).max(1.0);
    let panel = |charges: [f64; CELLS], note: String| {
        let seen: Vec<(usize, f64)> = charges.iter().map(|q| q / COUNTS_PER_MIP).enumerate().collect();
        let shapes = |cells: &[(usize, f64)]| cells.iter().map(|(cell, _)| outline(*cell).to_vec()).collect::<Vec<_>>();
        let (full, empty): (Vec<_>, Vec<_>) = seen.into_iter().partition(|(_, charge)| *charge > 0.0);
        let values: Vec<f64> = full.iter().map(|(_, charge)| *charge).collect();
        let mut panel = Panel::new("", "").equal_aspect().legend(LegendAt::Hidden).note(note);
        panel = panel.x_range(-9.5, 7.5).y_range(-15.5, 3.5);
        panel = panel.add(Patches::new(shapes(&empty)).fill(Color::hex(0xf4f4f6)));
        let charged = Patches::new(shapes(&full)).values(&values).color_title(r"MIP_{T}").log_color();
        if full.is_empty() { panel } else { panel.add(charged.color_range(0.05, top)) }
    };
    let truth = pairs.iter().map(|(wafer, _)| panel(wafer.map(f64::from), "truth".to_owned()));
    let arrived = pairs.iter().map(|(_, received)| panel(*received, label.to_owned()));
    let panels: Vec<Panel> = truth.chain(arrived).collect();
    labelled(Figure::grid(pairs.len().max(1), panels).size(330.0 * pairs.len().max(1) as f64, 720.0), sample)
}
