//! Figures of wafers, of the comparison of algorithms, and of trainings.

pub mod training;
pub mod wafers;

pub use wafers::display;

use recoil_plot::{Band, Color, Figure, Hist, LegendAt, Marker, Panel, Points};
use recoil_stats::{Axis, Hist1, MedianPoint, MedianProfile1};

use crate::data::Wafer;
use crate::wafer::COUNTS_PER_MIP;

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

    /// Title of the axis.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Occupancy => "Trigger cells with charge",
            Self::OccupancyAboveMip => r"Trigger cells above 1 MIP_{T}",
            Self::LargestCharge => r"log_{10} of the largest charge [MIP_{T}]",
            Self::SummedCharge => r"log_{10} of the summed charge [MIP_{T}]",
        }
    }

    /// Bins.
    pub fn axis(self) -> Option<Axis> {
        let (bins, low, high) = match self {
            Self::Occupancy => (49, -0.5, 48.5),
            Self::OccupancyAboveMip => (12, 0.0, 24.0),
            Self::LargestCharge => (20, 0.0, 2.5),
            Self::SummedCharge => (30, -0.5, 3.5),
        };
        Axis::uniform(bins, low, high).ok()
    }

    /// The quantity of a wafer.
    pub fn of(self, wafer: &Wafer) -> f64 {
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

impl Series<'_> {
    /// The same without zeros.
    pub fn without_zeros(&self) -> Self {
        let values = self.values.iter().map(|&value| if value == 0.0 { f64::NAN } else { value }).collect();
        Self { label: self.label, values }
    }

    /// Share of the finite values that are zero.
    pub fn zero_share(&self) -> f64 {
        let finite = self.values.iter().filter(|value| value.is_finite()).count().max(1);
        self.values.iter().filter(|value| **value == 0.0).count() as f64 / finite as f64
    }

    /// The values of the wafers for which `keep` holds; NaN for the others.
    pub fn sliced(&self, keep: &[bool]) -> Self {
        let values = self.values.iter().zip(keep).map(|(&value, &keep)| if keep { value } else { f64::NAN }).collect();
        Self { label: self.label, values }
    }
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

/// What profiles are drawn against: a value per wafer.
pub struct Against<'a> {
    /// Title of the axis.
    pub title: &'a str,
    /// Bins.
    pub axis: Axis,
    /// Values in the order of the wafers; NaN leaves a wafer out.
    pub values: &'a [f64],
}

/// A bin of a profile.
pub type ProfileBin = (f64, MedianPoint);

/// Medians with their central 68 % in bins, of one series.
pub fn medians(against: &Against<'_>, series: &Series<'_>) -> Vec<ProfileBin> {
    let mut profile = MedianProfile1::new(against.axis.clone());
    against.values.iter().zip(&series.values).for_each(|(&x, &value)| profile.fill(x, value));
    let edges = against.axis.edges();
    edges.windows(2).map(|bin| 0.5 * (bin[0] + bin[1])).zip(profile.points()).collect()
}

/// Medians of a metric in bins of a quantity, one series per algorithm; the first with its central 68 %, and with its
/// central 95 % where bins have enough wafers.
pub fn profile(title: &str, against: &Against<'_>, sample: &str, series: &[Series<'_>]) -> Figure {
    let mut panel = Panel::new(against.title, format!("{title}, median")).y_from(0.0);
    let edges = against.axis.edges();
    if against.values.iter().all(|value| value.is_nan()) {
        panel = panel.note("the table does not tell");
    }
    for (i, one) in series.iter().enumerate() {
        let points = medians(against, one);
        let enough = |p: &MedianPoint, value: f64| if p.entries >= 5 { value } else { f64::NAN };
        let column =
            |value: fn(&MedianPoint) -> f64| points.iter().map(|(_, p)| enough(p, value(p))).collect::<Vec<_>>();
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

/// Shares of the wafers for which a metric is zero, a point per algorithm.
pub fn zeros(title: &str, sample: &str, series: &[Series<'_>]) -> Figure {
    let names: Vec<&str> = series.iter().map(|one| one.label).collect();
    let mut panel = Panel::new("", format!("Share of the wafers with {title} = 0")).x_categories(&names).y_from(0.0);
    let shares: Vec<f64> = series.iter().map(Series::zero_share).collect();
    let edges: Vec<f64> = (0..=series.len()).map(|i| i as f64).collect();
    panel = panel.add(Hist::new(&edges, &shares).filled()).legend(LegendAt::Hidden);
    // room for the names
    labelled(Figure::new(panel).size(165.0 * series.len().max(4) as f64, 500.0), sample)
}
