//! One pair of axes and what is drawn between them.

use crate::scale::{distinct, reachable};
use crate::series::{ColorScale, Series};

/// Where the legend goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LegendAt {
    /// Where it covers no data; an automatic y range makes room if there is none, and what does not fit even so stands
    /// beside the frame.
    #[default]
    Auto,
    /// top right corner
    TopRight,
    /// top left corner
    TopLeft,
    /// bottom right corner
    BottomRight,
    /// bottom left corner
    BottomLeft,
    /// not at all
    Hidden,
}

/// Limits, scale and title of one axis.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct AxisSpec {
    pub(crate) title: String,
    pub(crate) log: bool,
    pub(crate) lo: Option<f64>,
    pub(crate) hi: Option<f64>,
    /// labels at given places instead of numbers
    pub(crate) categories: Vec<String>,
}

/// One pair of axes and what is drawn between them, in the order of adding.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Panel {
    pub(crate) x: AxisSpec,
    pub(crate) y: AxisSpec,
    pub(crate) series: Vec<Series>,
    pub(crate) legend: LegendAt,
    pub(crate) notes: Vec<String>,
    pub(crate) equal: bool,
}

impl Panel {
    /// An empty panel with axis titles (label markup, unit in brackets: `p_{T} [GeV]`).
    pub fn new(x_title: impl Into<String>, y_title: impl Into<String>) -> Self {
        Self {
            x: AxisSpec { title: x_title.into(), ..AxisSpec::default() },
            y: AxisSpec { title: y_title.into(), ..AxisSpec::default() },
            ..Self::default()
        }
    }

    /// Adds a series.
    #[allow(clippy::should_implement_trait)]
    pub fn add(mut self, series: impl Into<Series>) -> Self {
        self.series.push(series.into());
        self
    }

    /// Logarithmic x axis. Values that are not positive are off the axis.
    pub fn log_x(mut self) -> Self {
        self.x.log = true;
        self
    }

    /// Logarithmic y axis. Values that are not positive are off the axis.
    pub fn log_y(mut self) -> Self {
        self.y.log = true;
        self
    }

    /// Limits in x; without them the data decide.
    pub fn x_range(mut self, lo: f64, hi: f64) -> Self {
        (self.x.lo, self.x.hi) = (Some(lo), Some(hi));
        self
    }

    /// Limits in y; without them the data decide and leave room for the legend.
    pub fn y_range(mut self, lo: f64, hi: f64) -> Self {
        (self.y.lo, self.y.hi) = (Some(lo), Some(hi));
        self
    }

    /// Lower limit in y only.
    pub fn y_from(mut self, lo: f64) -> Self {
        self.y.lo = Some(lo);
        self
    }

    /// Names instead of numbers on the x axis; name `i` stands at x = i + 1/2.
    pub fn x_categories(mut self, names: &[&str]) -> Self {
        self.x.categories = names.iter().map(|name| (*name).to_owned()).collect();
        self
    }

    /// Names instead of numbers on the y axis; name `i` stands at y = i + 1/2.
    pub fn y_categories(mut self, names: &[&str]) -> Self {
        self.y.categories = names.iter().map(|name| (*name).to_owned()).collect();
        self
    }

    /// The same length of one unit on both axes: event displays and detector maps.
    pub fn equal_aspect(mut self) -> Self {
        self.equal = true;
        self
    }

    /// Place of the legend.
    pub fn legend(mut self, at: LegendAt) -> Self {
        self.legend = at;
        self
    }

    /// A line of text (label markup) above the legend entries: selection, sample, radius.
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// The colour scale of the first series that has one, with the limits of its values.
    pub(crate) fn color_scale(&self) -> Option<(&ColorScale, f64, f64)> {
        self.series.iter().find_map(|series| match series {
            Series::HeatMap(map) => {
                let shown = map.values.iter().copied().filter(|v| !(map.zero_is_empty && *v == 0.0));
                Some(limits(&map.scale, shown))
            }
            Series::Patches(patches) => {
                patches.values.as_ref().map(|values| limits(&patches.scale, values.iter().copied()))
            }
            _ => None,
        })
    }
}

fn limits(scale: &ColorScale, values: impl Iterator<Item = f64>) -> (&ColorScale, f64, f64) {
    let usable = values.filter(|v| reachable(*v) && (!scale.log || *v > 0.0));
    let (lo, hi) = usable.fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), v| (lo.min(v), hi.max(v)));
    let (lo, hi) = match scale.range {
        Some((lo, hi)) if reachable(lo) && reachable(hi) && distinct(lo, hi) && (!scale.log || lo > 0.0) => (lo, hi),
        // counts start at zero, so that colours compare between maps
        _ if lo >= 0.0 && !scale.log && hi > 0.0 => (0.0, hi),
        _ => (lo, hi),
    };
    match (lo.is_finite() && hi.is_finite(), scale.log) {
        (false, _) => (scale, if scale.log { 0.1 } else { 0.0 }, 1.0),
        (true, true) if !distinct(lo, hi) => (scale, lo / 2.0, hi * 2.0),
        (true, false) if !distinct(lo, hi) => (scale, lo - lo.abs().max(0.5), hi + hi.abs().max(0.5)),
        _ => (scale, lo, hi),
    }
}
