//! The legend: what it says, how large it is, and where it fits.

use super::frame::Frame;
use super::occupancy::Occupancy;
use super::series::{FILL_OPACITY, colors, markers};
use crate::Color;
use crate::font::{CAP_HEIGHT, Cut};
use crate::markup::Label;
use crate::panel::{LegendAt, Panel};
use crate::scene::{Anchor, Dash, Fill, Rect, Scene, Shape, Stroke};
use crate::series::{Marker, Series};

/// How an entry looks left of its text.
enum Symbol {
    Box { fill: Fill, outline: Option<Stroke> },
    Stroke(Stroke),
    Points { color: Color, marker: Marker, size: f64, bars: bool, joined: bool },
    Dot { color: Color, radius: f64 },
}

/// Where to look for room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Places {
    /// along the upper edge
    Top,
    /// along the upper edge and in the lower corners
    Edges,
    /// everywhere
    Anywhere,
}

/// The legend of a panel: notes first, then one line per labelled series.
pub(crate) struct Legend {
    notes: Vec<Label>,
    entries: Vec<(Symbol, Label)>,
    columns: usize,
    text: f64,
    row: f64,
}

impl Legend {
    /// `None` when there is nothing to say or the legend is hidden.
    pub(crate) fn new(panel: &Panel, text: f64, room: f64) -> Option<Self> {
        let entries: Vec<(Symbol, Label)> = if panel.legend == LegendAt::Hidden { Vec::new() } else { entries(panel) };
        let notes: Vec<Label> = panel.notes.iter().map(|note| Label::new(note, Cut::Regular)).collect();
        if entries.is_empty() && notes.is_empty() {
            return None;
        }
        let mut legend = Self { notes, entries, columns: 1, text, row: 1.36 * text };
        if legend.entries.len() > 4 {
            legend.columns = 2;
            if legend.size().0 > 0.85 * room {
                legend.columns = 1;
            }
        }
        Some(legend)
    }

    fn symbol_width(&self) -> f64 {
        1.7 * self.text
    }

    fn column_width(&self) -> f64 {
        let widest = self.entries.iter().map(|(_, label)| label.width).fold(0.0, f64::max);
        if self.entries.is_empty() { 0.0 } else { self.symbol_width() + (0.45 + widest) * self.text }
    }

    /// Width and height in pixels.
    pub(crate) fn size(&self) -> (f64, f64) {
        let notes = self.notes.iter().map(|label| label.width * self.text).fold(0.0, f64::max);
        let gaps = (self.columns - 1) as f64 * self.text;
        let entries = self.column_width() * self.columns as f64 + gaps;
        let rows = self.notes.len() + self.entries.len().div_ceil(self.columns);
        (notes.max(entries), rows as f64 * self.row)
    }

    /// The best of some places for the legend in a frame with `data` drawn, and whether it covers
    /// nothing there.
    pub(crate) fn place(&self, frame: &Frame<'_>, data: &Shape, places: Places) -> (Rect, bool) {
        let (w, h) = self.size();
        let pad = self.text;
        let a = frame.area;
        let (free_w, free_h) = ((a.w - 2.0 * pad - w).max(0.0), (a.h - 2.0 * pad - h).max(0.0));
        let at = |fx: f64, fy: f64| Rect { x: a.x + pad + fx * free_w, y: a.y + pad + fy * free_h, w, h };
        let fixed = match frame.panel.legend {
            LegendAt::Auto | LegendAt::Hidden => None,
            LegendAt::TopRight => Some(at(1.0, 0.0)),
            LegendAt::TopLeft => Some(at(0.0, 0.0)),
            LegendAt::BottomRight => Some(at(1.0, 1.0)),
            LegendAt::BottomLeft => Some(at(0.0, 1.0)),
        };
        let occupancy = Occupancy::new(a, std::slice::from_ref(data));
        let margin = 0.4 * self.text;
        let overlap = |r: &Rect| {
            let around = Rect { x: r.x - margin, y: r.y - margin, w: r.w + 2.0 * margin, h: r.h + 2.0 * margin };
            occupancy.overlap(&around)
        };
        if let Some(rect) = fixed {
            return (rect, overlap(&rect) == 0);
        }
        let grid = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0];
        let mut candidates = vec![(1.0, 0.0), (0.0, 0.0)];
        candidates.extend(grid.iter().rev().map(|fx| (*fx, 0.0)));
        if places != Places::Top {
            candidates.extend([(1.0, 1.0), (0.0, 1.0)]);
        }
        if places == Places::Anywhere {
            candidates.extend(grid.iter().flat_map(|fy| [(1.0, *fy), (0.0, *fy)]));
            candidates.extend(grid.iter().flat_map(|fy| grid.iter().rev().map(move |fx| (*fx, *fy))));
        }
        let rated = candidates.into_iter().map(|(fx, fy)| at(fx, fy)).map(|rect| (overlap(&rect), rect));
        // the first of the least covered places
        let best = rated.reduce(|best, next| if next.0 < best.0 { next } else { best });
        best.map_or((at(1.0, 0.0), false), |(covered, rect)| (rect, covered == 0))
    }

    /// Draws the legend; on a pale ground where it had to cover something.
    pub(crate) fn draw(&self, at: Rect, free: bool, scene: &mut Scene) {
        if !free {
            let m = 0.35 * self.text;
            let ground = Rect { x: at.x - m, y: at.y - m, w: at.w + 2.0 * m, h: at.h + 2.0 * m };
            scene.area(vec![ground.corners()], Some(Fill { color: Color::WHITE, opacity: 0.85 }), None);
        }
        let baseline = |row: usize| at.y + (row as f64 + 0.5) * self.row + 0.5 * CAP_HEIGHT * self.text;
        for (row, label) in self.notes.iter().enumerate() {
            scene.text(label.clone(), (at.x, baseline(row)), self.text, Anchor::Start);
        }
        let rows = self.entries.len().div_ceil(self.columns).max(1);
        for (i, (symbol, label)) in self.entries.iter().enumerate() {
            let x = at.x + (i / rows) as f64 * (self.column_width() + self.text);
            let base = baseline(self.notes.len() + i % rows);
            self.symbol(symbol, x, base - 0.5 * CAP_HEIGHT * self.text, scene);
            let text_x = x + self.symbol_width() + 0.45 * self.text;
            scene.text(label.clone(), (text_x, base), self.text, Anchor::Start);
        }
    }

    fn symbol(&self, symbol: &Symbol, x: f64, y: f64, scene: &mut Scene) {
        let w = self.symbol_width();
        let middle = x + 0.5 * w;
        match symbol {
            Symbol::Box { fill, outline } => {
                let half = 0.36 * self.text;
                let rect = Rect { x, y: y - half, w, h: 2.0 * half };
                scene.area(vec![rect.corners()], Some(*fill), *outline);
            }
            Symbol::Stroke(stroke) => scene.line(vec![(x, y), (x + w, y)], *stroke),
            Symbol::Points { color, marker, size, bars, joined } => {
                if *bars {
                    scene.line(
                        vec![(middle, y - 0.45 * self.text), (middle, y + 0.45 * self.text)],
                        Stroke::solid(*color, 2.0),
                    );
                }
                if *bars || *joined {
                    scene.line(vec![(x, y), (x + w, y)], Stroke::solid(*color, 2.0));
                }
                markers(vec![(middle, y)], *marker, *size, *color, scene);
            }
            Symbol::Dot { color, radius } => {
                scene.shapes.push(Shape::Dots { centres: vec![(middle, y)], radius: radius.max(3.0), color: *color });
            }
        }
    }
}

fn entries(panel: &Panel) -> Vec<(Symbol, Label)> {
    let mut entries: Vec<(Symbol, &str)> = Vec::new();
    for (series, colors) in panel.series.iter().zip(colors(&panel.series)) {
        let color = colors.first().copied().unwrap_or(Color::BLACK);
        match series {
            Series::Hist(s) if s.filled => {
                let outline = Some(Stroke { color, width: s.width, dash: s.dash });
                entries.push((Symbol::Box { fill: Fill { color, opacity: FILL_OPACITY }, outline }, &s.label));
            }
            Series::Hist(s) => entries.push((Symbol::Stroke(Stroke { color, width: s.width, dash: s.dash }), &s.label)),
            Series::Stack(s) => {
                // the top layer first, as they stand in the drawing
                for ((label, _, _), color) in s.layers.iter().zip(&colors).rev() {
                    entries.push((Symbol::Box { fill: Fill::solid(*color), outline: None }, label));
                }
                if !s.errors.is_empty() {
                    let fill = Fill { color: Color::hex(0x3c3c46), opacity: 0.45 };
                    entries.push((Symbol::Box { fill, outline: None }, &s.error_label));
                }
            }
            Series::Points(s) => {
                let bars = s.y_errors.is_some() || s.x_errors.is_some();
                let symbol = Symbol::Points { color, marker: s.marker, size: s.size, bars, joined: s.joined };
                entries.push((symbol, &s.label));
            }
            Series::Band(s) => {
                entries.push((Symbol::Box { fill: Fill { color, opacity: s.opacity }, outline: None }, &s.label));
            }
            Series::Line(s) => entries.push((Symbol::Stroke(Stroke { color, width: s.width, dash: s.dash }), &s.label)),
            Series::Scatter(s) => entries.push((Symbol::Dot { color, radius: s.radius }, &s.label)),
            Series::Patches(s) if s.values.is_none() => {
                let fill = Fill::solid(s.fill.unwrap_or(Color::WHITE));
                let outline = s.outline.map(|color| Stroke { color, width: 1.0, dash: Dash::Solid });
                entries.push((Symbol::Box { fill, outline }, &s.label));
            }
            Series::HeatMap(_) | Series::Patches(_) | Series::Annotations(_) => {}
        }
    }
    let labelled = entries.into_iter().filter(|(_, label)| !label.is_empty());
    labelled.map(|(symbol, label)| (symbol, Label::new(label, Cut::Regular))).collect()
}
