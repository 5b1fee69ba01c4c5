//! Histograms, points, bands, lines and dots.

use super::Marker;
use crate::color::Color;
use crate::scene::Dash;

/// A stepped histogram: `values[i]` between `edges[i]` and `edges[i + 1]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Hist {
    pub(crate) edges: Vec<f64>,
    pub(crate) values: Vec<f64>,
    pub(crate) errors: Vec<f64>,
    pub(crate) label: String,
    pub(crate) color: Option<Color>,
    pub(crate) filled: bool,
    pub(crate) dash: Dash,
    pub(crate) width: f64,
}

impl Hist {
    /// A histogram drawn as a line.
    pub fn new(edges: &[f64], values: &[f64]) -> Self {
        Self {
            edges: edges.to_vec(),
            values: values.to_vec(),
            errors: Vec::new(),
            label: String::new(),
            color: None,
            filled: false,
            dash: Dash::Solid,
            width: 2.5,
        }
    }

    /// Legend entry (label markup).
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Colour instead of the next of the cycle.
    pub fn color(mut self, color: Color) -> Self {
        self.color = Some(color);
        self
    }

    /// Fills the area under the steps.
    pub fn filled(mut self) -> Self {
        self.filled = true;
        self
    }

    /// Symmetric errors, drawn as vertical bars at the bin centres.
    pub fn errors(mut self, errors: &[f64]) -> Self {
        self.errors = errors.to_vec();
        self
    }

    /// Line style.
    pub fn dash(mut self, dash: Dash) -> Self {
        self.dash = dash;
        self
    }

    /// Line width in pixels (2.5).
    pub fn width(mut self, width: f64) -> Self {
        self.width = width;
        self
    }
}

/// Filled histograms with common edges, each standing on the sum of those before it.
#[derive(Debug, Clone, PartialEq)]
pub struct Stack {
    pub(crate) edges: Vec<f64>,
    pub(crate) layers: Vec<(String, Vec<f64>, Option<Color>)>,
    pub(crate) errors: Vec<f64>,
    pub(crate) error_label: String,
}

impl Stack {
    /// A stack without layers.
    pub fn new(edges: &[f64]) -> Self {
        Self { edges: edges.to_vec(), layers: Vec::new(), errors: Vec::new(), error_label: String::new() }
    }

    /// Puts a layer on top.
    pub fn layer(mut self, label: impl Into<String>, values: &[f64]) -> Self {
        self.layers.push((label.into(), values.to_vec(), None));
        self
    }

    /// Puts a layer of a given colour on top.
    pub fn layer_in(mut self, label: impl Into<String>, values: &[f64], color: Color) -> Self {
        self.layers.push((label.into(), values.to_vec(), Some(color)));
        self
    }

    /// Symmetric uncertainty of the total, drawn as a grey band with its own legend entry.
    pub fn total_errors(mut self, label: impl Into<String>, errors: &[f64]) -> Self {
        self.error_label = label.into();
        self.errors = errors.to_vec();
        self
    }
}

/// Points with optional errors in both directions.
#[derive(Debug, Clone, PartialEq)]
pub struct Points {
    pub(crate) x: Vec<f64>,
    pub(crate) y: Vec<f64>,
    pub(crate) x_errors: Option<(Vec<f64>, Vec<f64>)>,
    pub(crate) y_errors: Option<(Vec<f64>, Vec<f64>)>,
    pub(crate) label: String,
    pub(crate) color: Option<Color>,
    pub(crate) marker: Marker,
    pub(crate) size: f64,
    pub(crate) joined: bool,
}

impl Points {
    /// Points at (x, y).
    pub fn new(x: &[f64], y: &[f64]) -> Self {
        Self {
            x: x.to_vec(),
            y: y.to_vec(),
            x_errors: None,
            y_errors: None,
            label: String::new(),
            color: None,
            marker: Marker::Circle,
            size: 5.0,
            joined: false,
        }
    }

    /// Points at the bin centres, with the bin widths as horizontal bars.
    pub fn in_bins(edges: &[f64], y: &[f64]) -> Self {
        let centres: Vec<f64> = edges.windows(2).map(|w| 0.5 * (w.iter().sum::<f64>())).collect();
        let halves: Vec<f64> = edges.iter().zip(edges.iter().skip(1)).map(|(low, high)| 0.5 * (high - low)).collect();
        Self { x_errors: Some((halves.clone(), halves)), ..Self::new(&centres, y) }
    }

    /// Efficiencies per bin with the *limits* of their intervals; bins with a NaN efficiency (no
    /// entries) are left out.
    pub fn efficiency(edges: &[f64], efficiency: &[f64], low: &[f64], high: &[f64]) -> Self {
        let down: Vec<f64> = efficiency.iter().zip(low).map(|(e, l)| e - l).collect();
        let up: Vec<f64> = efficiency.iter().zip(high).map(|(e, h)| h - e).collect();
        Self::in_bins(edges, efficiency).y_errors_asym(&down, &up)
    }

    /// A profile: mean per bin with its error; bins with a NaN mean are left out.
    pub fn profile(edges: &[f64], mean: &[f64], error: &[f64]) -> Self {
        Self::in_bins(edges, mean).y_errors(error)
    }

    /// Symmetric vertical errors.
    pub fn y_errors(self, errors: &[f64]) -> Self {
        self.y_errors_asym(errors, errors)
    }

    /// Vertical errors as distances downwards and upwards, both positive.
    pub fn y_errors_asym(mut self, down: &[f64], up: &[f64]) -> Self {
        self.y_errors = Some((down.to_vec(), up.to_vec()));
        self
    }

    /// Horizontal errors as distances to the left and right, both positive.
    pub fn x_errors_asym(mut self, left: &[f64], right: &[f64]) -> Self {
        self.x_errors = Some((left.to_vec(), right.to_vec()));
        self
    }

    /// Without horizontal bars.
    pub fn no_x_errors(mut self) -> Self {
        self.x_errors = None;
        self
    }

    /// Legend entry (label markup).
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Colour instead of the next of the cycle; measured data are black by convention.
    pub fn color(mut self, color: Color) -> Self {
        self.color = Some(color);
        self
    }

    /// Shape of the points.
    pub fn marker(mut self, marker: Marker) -> Self {
        self.marker = marker;
        self
    }

    /// Radius of the points in pixels (5).
    pub fn size(mut self, radius: f64) -> Self {
        self.size = radius;
        self
    }

    /// Joins the points by straight lines.
    pub fn joined(mut self) -> Self {
        self.joined = true;
        self
    }
}

/// The area between two curves.
#[derive(Debug, Clone, PartialEq)]
pub struct Band {
    pub(crate) x: Vec<f64>,
    pub(crate) low: Vec<f64>,
    pub(crate) high: Vec<f64>,
    pub(crate) stepped: bool,
    pub(crate) label: String,
    pub(crate) color: Option<Color>,
    pub(crate) opacity: f64,
}

impl Band {
    /// A band through points (x, low) and (x, high).
    pub fn new(x: &[f64], low: &[f64], high: &[f64]) -> Self {
        Self {
            x: x.to_vec(),
            low: low.to_vec(),
            high: high.to_vec(),
            stepped: false,
            label: String::new(),
            color: None,
            opacity: 0.35,
        }
    }

    /// A band with one height per bin; `edges` has one element more than the limits.
    pub fn in_bins(edges: &[f64], low: &[f64], high: &[f64]) -> Self {
        Self { stepped: true, ..Self::new(edges, low, high) }
    }

    /// Legend entry (label markup).
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Colour instead of the next of the cycle.
    pub fn color(mut self, color: Color) -> Self {
        self.color = Some(color);
        self
    }

    /// Opacity from 0 to 1 (0.35).
    pub fn opacity(mut self, opacity: f64) -> Self {
        self.opacity = opacity.clamp(0.0, 1.0);
        self
    }
}

/// Course of a [`Line`].
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Course {
    Curve(Vec<f64>, Vec<f64>),
    Horizontal(f64),
    Vertical(f64),
}

/// A curve through points, or a straight line across the panel.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    pub(crate) course: Course,
    pub(crate) label: String,
    pub(crate) color: Option<Color>,
    pub(crate) dash: Dash,
    pub(crate) width: f64,
}

impl Line {
    /// A curve through points in the given order; NaN interrupts it.
    pub fn new(x: &[f64], y: &[f64]) -> Self {
        Self::of(Course::Curve(x.to_vec(), y.to_vec()), None, Dash::Solid)
    }

    /// A dashed grey reference line at y across the panel.
    pub fn horizontal(y: f64) -> Self {
        Self::of(Course::Horizontal(y), Some(Color::GREY), Dash::Dashed)
    }

    /// A dashed grey reference line at x across the panel.
    pub fn vertical(x: f64) -> Self {
        Self::of(Course::Vertical(x), Some(Color::GREY), Dash::Dashed)
    }

    fn of(course: Course, color: Option<Color>, dash: Dash) -> Self {
        Self { course, label: String::new(), color, dash, width: if color.is_some() { 1.8 } else { 2.5 } }
    }

    /// Legend entry (label markup).
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Colour instead of the next of the cycle.
    pub fn color(mut self, color: Color) -> Self {
        self.color = Some(color);
        self
    }

    /// Line style.
    pub fn dash(mut self, dash: Dash) -> Self {
        self.dash = dash;
        self
    }

    /// Line width in pixels.
    pub fn width(mut self, width: f64) -> Self {
        self.width = width;
        self
    }
}

/// Many small dots of one colour.
#[derive(Debug, Clone, PartialEq)]
pub struct Scatter {
    pub(crate) x: Vec<f64>,
    pub(crate) y: Vec<f64>,
    pub(crate) label: String,
    pub(crate) color: Option<Color>,
    pub(crate) radius: f64,
}

impl Scatter {
    /// Dots at (x, y).
    pub fn new(x: &[f64], y: &[f64]) -> Self {
        Self { x: x.to_vec(), y: y.to_vec(), label: String::new(), color: None, radius: 2.0 }
    }

    /// Legend entry (label markup).
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Colour instead of the next of the cycle.
    pub fn color(mut self, color: Color) -> Self {
        self.color = Some(color);
        self
    }

    /// Radius in pixels (2).
    pub fn radius(mut self, radius: f64) -> Self {
        self.radius = radius;
        self
    }
}
