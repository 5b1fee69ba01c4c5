//! The drawing as a list of shapes.

use crate::color::Color;
use crate::markup::Label;

/// How a line is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dash {
    /// unbroken
    #[default]
    Solid,
    /// long strokes
    Dashed,
    /// dots
    Dotted,
    /// strokes and dots
    DashDot,
}

/// Colour, width in pixels and dashing of an outline.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Stroke {
    pub(crate) color: Color,
    pub(crate) width: f64,
    pub(crate) dash: Dash,
}

impl Stroke {
    pub(crate) fn solid(color: Color, width: f64) -> Self {
        Self { color, width, dash: Dash::Solid }
    }
}

/// Colour and opacity of an area.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Fill {
    pub(crate) color: Color,
    pub(crate) opacity: f64,
}

impl Fill {
    pub(crate) fn solid(color: Color) -> Self {
        Self { color, opacity: 1.0 }
    }
}

pub(crate) type Point = (f64, f64);

/// Where a label is anchored horizontally.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// An axis-aligned box in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rect {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) w: f64,
    pub(crate) h: f64,
}

impl Rect {
    pub(crate) fn right(&self) -> f64 {
        self.x + self.w
    }

    pub(crate) fn bottom(&self) -> f64 {
        self.y + self.h
    }

    pub(crate) fn corners(&self) -> Vec<Point> {
        vec![(self.x, self.y), (self.right(), self.y), (self.right(), self.bottom()), (self.x, self.bottom())]
    }
}

/// One element of a drawing.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Shape {
    /// Lines and areas; `closed` joins the ends of each part. Crisp shapes get no smoothing, which
    /// keeps seams out of neighbouring cells.
    Path { parts: Vec<Vec<Point>>, closed: bool, crisp: bool, fill: Option<Fill>, stroke: Option<Stroke> },
    /// Filled discs.
    Dots { centres: Vec<Point>, radius: f64, color: Color },
    /// Text, turned by a quarter to the left when `vertical`.
    Text { label: Label, at: Point, size: f64, anchor: Anchor, color: Color, vertical: bool },
    /// A bar with the viridis map running upwards.
    ColorBar(Rect),
    /// Shapes that are cut off at the edge of a box.
    Clipped(Rect, Vec<Shape>),
}

/// A list of shapes, first drawn first.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Scene {
    pub(crate) shapes: Vec<Shape>,
}

impl Scene {
    pub(crate) fn line(&mut self, points: Vec<Point>, stroke: Stroke) {
        self.lines(vec![points], stroke);
    }

    pub(crate) fn lines(&mut self, parts: Vec<Vec<Point>>, stroke: Stroke) {
        self.shapes.push(Shape::Path { parts, closed: false, crisp: false, fill: None, stroke: Some(stroke) });
    }

    pub(crate) fn area(&mut self, parts: Vec<Vec<Point>>, fill: Option<Fill>, stroke: Option<Stroke>) {
        self.shapes.push(Shape::Path { parts, closed: true, crisp: false, fill, stroke });
    }

    pub(crate) fn cells(&mut self, parts: Vec<Vec<Point>>, color: Color) {
        self.shapes.push(Shape::Path {
            parts,
            closed: true,
            crisp: true,
            fill: Some(Fill::solid(color)),
            stroke: None,
        });
    }

    pub(crate) fn text(&mut self, label: Label, at: Point, size: f64, anchor: Anchor) {
        self.shapes.push(Shape::Text { label, at, size, anchor, color: Color::BLACK, vertical: false });
    }
}
