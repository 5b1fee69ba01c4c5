//! Values as colours in two dimensions, and what is written on top of them.

use crate::color::Color;

/// Values shown by colour, with the bar that explains them.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct ColorScale {
    pub(crate) title: String,
    pub(crate) log: bool,
    pub(crate) range: Option<(f64, f64)>,
}

/// A 2D histogram in colours. Empty (zero) and NaN cells stay white.
#[derive(Debug, Clone, PartialEq)]
pub struct HeatMap {
    pub(crate) x_edges: Vec<f64>,
    pub(crate) y_edges: Vec<f64>,
    pub(crate) values: Vec<f64>,
    pub(crate) scale: ColorScale,
    pub(crate) zero_is_empty: bool,
}

impl HeatMap {
    /// Cells between the edges; `values` holds one row of x after the other (x runs fastest).
    pub fn new(x_edges: &[f64], y_edges: &[f64], values: &[f64]) -> Self {
        Self {
            x_edges: x_edges.to_vec(),
            y_edges: y_edges.to_vec(),
            values: values.to_vec(),
            scale: ColorScale::default(),
            zero_is_empty: true,
        }
    }

    /// Title of the colour bar (label markup).
    pub fn color_title(mut self, title: impl Into<String>) -> Self {
        self.scale.title = title.into();
        self
    }

    /// Logarithmic colours.
    pub fn log_color(mut self) -> Self {
        self.scale.log = true;
        self
    }

    /// Limits of the colour scale; values outside take the end colours.
    pub fn color_range(mut self, lo: f64, hi: f64) -> Self {
        self.scale.range = Some((lo, hi));
        self
    }

    /// Gives cells that hold exactly zero their colour too: for means and differences.
    pub fn show_zero(mut self) -> Self {
        self.zero_is_empty = false;
        self
    }
}

/// Polygons in data coordinates, coloured by value: trigger cells, modules, pixels.
#[derive(Debug, Clone, PartialEq)]
pub struct Patches {
    pub(crate) polygons: Vec<Vec<[f64; 2]>>,
    pub(crate) values: Option<Vec<f64>>,
    pub(crate) scale: ColorScale,
    pub(crate) outline: Option<Color>,
    pub(crate) fill: Option<Color>,
    pub(crate) label: String,
}

impl Patches {
    /// Outlined polygons, each a list of corners in order.
    pub fn new(polygons: Vec<Vec<[f64; 2]>>) -> Self {
        Self {
            polygons,
            values: None,
            scale: ColorScale::default(),
            outline: Some(Color::hex(0x9c9ca1)),
            fill: None,
            label: String::new(),
        }
    }

    /// One value per polygon, shown by colour; NaN leaves the polygon white.
    pub fn values(mut self, values: &[f64]) -> Self {
        self.values = Some(values.to_vec());
        self
    }

    /// One colour for all polygons.
    pub fn fill(mut self, color: Color) -> Self {
        self.fill = Some(color);
        self
    }

    /// Legend entry (label markup), for polygons of one colour.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Colour of the outlines, or none.
    pub fn outline(mut self, color: Option<Color>) -> Self {
        self.outline = color;
        self
    }

    /// Title of the colour bar (label markup).
    pub fn color_title(mut self, title: impl Into<String>) -> Self {
        self.scale.title = title.into();
        self
    }

    /// Logarithmic colours.
    pub fn log_color(mut self) -> Self {
        self.scale.log = true;
        self
    }

    /// Limits of the colour scale.
    pub fn color_range(mut self, lo: f64, hi: f64) -> Self {
        self.scale.range = Some((lo, hi));
        self
    }

    /// Corners of a hexagon; `radius` reaches a corner, `angle` (radians) turns the first one away
    /// from the x axis.
    pub fn hexagon(x: f64, y: f64, radius: f64, angle: f64) -> Vec<[f64; 2]> {
        let corner = |i: u32| {
            let phi = angle + f64::from(i) * std::f64::consts::FRAC_PI_3;
            [x + radius * phi.cos(), y + radius * phi.sin()]
        };
        (0..6).map(corner).collect()
    }

    /// Outline of an annular wedge around the origin, from `phi_lo` to `phi_hi` (radians).
    pub fn wedge(r_lo: f64, r_hi: f64, phi_lo: f64, phi_hi: f64) -> Vec<[f64; 2]> {
        let steps = (((phi_hi - phi_lo).abs() / 0.05).ceil().clamp(1.0, 200.0)) as u32;
        let on = move |r: f64, i: u32| {
            let phi = phi_lo + (phi_hi - phi_lo) * f64::from(i) / f64::from(steps);
            [r * phi.cos(), r * phi.sin()]
        };
        let inner = (0..=steps).rev().map(move |i| on(r_lo, i));
        (0..=steps).map(move |i| on(r_hi, i)).chain(inner).collect()
    }
}

/// Text, with or without an arrow, at points in data coordinates.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Annotations {
    pub(crate) texts: Vec<(f64, f64, String)>,
    pub(crate) arrows: Vec<[f64; 4]>,
    pub(crate) color: Option<Color>,
    pub(crate) size: f64,
}

impl Annotations {
    /// No text yet.
    pub fn new() -> Self {
        Self { color: Some(Color::BLACK), size: 0.8, ..Self::default() }
    }

    /// Text (label markup) centred at (x, y).
    pub fn text(mut self, x: f64, y: f64, text: impl Into<String>) -> Self {
        self.texts.push((x, y, text.into()));
        self
    }

    /// An arrow from (x, y) to (x + dx, y + dy).
    pub fn arrow(mut self, x: f64, y: f64, dx: f64, dy: f64) -> Self {
        self.arrows.push([x, y, x + dx, y + dy]);
        self
    }

    /// Colour of text and arrows (black).
    pub fn color(mut self, color: Color) -> Self {
        self.color = Some(color);
        self
    }

    /// Font size in units of the tick labels' (0.8).
    pub fn size(mut self, size: f64) -> Self {
        self.size = size;
        self
    }
}
