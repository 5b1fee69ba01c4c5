//! The frame of a panel: box, ticks on all four sides, titles, colour bar.

use crate::Color;
use crate::font::{CAP_HEIGHT, Cut};
use crate::markup::Label;
use crate::panel::{AxisSpec, Panel};
use crate::scale::{Scale, Ticks, ticks};
use crate::scene::{Anchor, Point, Rect, Scene, Shape, Stroke};

/// Sizes in pixels of everything that is not data, for one figure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    /// 1 in a figure of standard size
    pub(crate) unit: f64,
}

impl Sizes {
    pub(crate) fn tick_text(self) -> f64 {
        22.0 * self.unit
    }

    pub(crate) fn title_text(self) -> f64 {
        25.0 * self.unit
    }

    pub(crate) fn head_text(self) -> f64 {
        29.0 * self.unit
    }

    pub(crate) fn legend_text(self) -> f64 {
        20.0 * self.unit
    }

    fn major_tick(self) -> f64 {
        12.0 * self.unit
    }

    fn minor_tick(self) -> f64 {
        6.0 * self.unit
    }

    fn line(self) -> f64 {
        1.6 * self.unit.max(0.7)
    }
}

/// A panel with its place on the page and its limits.
pub(crate) struct Frame<'a> {
    pub(crate) panel: &'a Panel,
    pub(crate) area: Rect,
    pub(crate) x: Scale,
    pub(crate) y: Scale,
    pub(crate) sizes: Sizes,
    /// labels and title of x are drawn (only at the lowest panel of a column)
    pub(crate) shows_x: bool,
    /// title and names of x come from here: the panel itself or the first one of its column
    pub(crate) x_axis: &'a AxisSpec,
}

impl<'a> Frame<'a> {
    pub(crate) fn new(
        panel: &'a Panel,
        x_axis: &'a AxisSpec,
        area: Rect,
        x: (f64, f64),
        y: (f64, f64),
        sizes: Sizes,
    ) -> Self {
        let x = Scale { log: x_axis.log, lo: x.0, hi: x.1, start: area.x, end: area.right() };
        let y = Scale { log: panel.y.log, lo: y.0, hi: y.1, start: area.bottom(), end: area.y };
        Self { panel, area, x, y, sizes, shows_x: true, x_axis }
    }

    /// Pixel of a data point; `None` when a coordinate is NaN.
    pub(crate) fn at(&self, x: f64, y: f64) -> Option<Point> {
        Some((self.x.at(x)?, self.y.at(y)?))
    }

    pub(crate) fn y_ticks(&self) -> Ticks {
        if let Some(names) = names(&self.panel.y) {
            return names;
        }
        let target = (self.area.h / (52.0 * self.sizes.unit)).round().clamp(3.0, 10.0) as usize;
        ticks(self.y.lo, self.y.hi, self.y.log, target)
    }

    /// Number of labels shrinks until they do not touch.
    fn x_ticks(&self) -> Ticks {
        if let Some(names) = names(self.x_axis) {
            return names;
        }
        let size = self.sizes.tick_text();
        let fits = |ticks: &Ticks| {
            let mut last_end = f64::NEG_INFINITY;
            ticks.major.iter().all(|(v, label)| {
                let half = 0.5 * Label::new(label, Cut::Regular).width * size;
                let at = self.x.at(*v).unwrap_or(0.0);
                let free = at - half > last_end + 0.55 * size;
                last_end = at + half;
                free
            })
        };
        let most = (self.area.w / (70.0 * self.sizes.unit)).round().clamp(2.0, 10.0) as usize;
        let some = |target| ticks(self.x.lo, self.x.hi, self.x.log, target);
        (2..=most).rev().map(some).find(fits).unwrap_or_else(|| some(2))
    }

    /// Width that the labels of the y axis take.
    pub(crate) fn y_label_width(&self) -> f64 {
        let ticks = self.y_ticks();
        let widths = ticks.major.iter().map(|(_, label)| Label::new(label, Cut::Regular).width);
        widths.fold(0.0, f64::max) * self.sizes.tick_text()
    }

    /// Box, ticks, labels and titles. `title_x` is the baseline start of the vertical title.
    pub(crate) fn draw(&self, scene: &mut Scene, title_x: f64) {
        let (x_ticks, y_ticks) = (self.x_ticks(), self.y_ticks());
        let s = self.sizes;
        let a = self.area;
        let mut marks = Vec::new();
        let lengths = |major: bool| if major { s.major_tick() } else { s.minor_tick() };
        let all = |ticks: &Ticks| -> Vec<(f64, bool)> {
            let major = ticks.major.iter().map(|(v, _)| (*v, true));
            major.chain(ticks.minor.iter().map(|v| (*v, false))).collect()
        };
        for (v, major) in all(&x_ticks) {
            if let Some(px) = self.x.at(v).filter(|_| self.x.contains(v)) {
                marks.push(vec![(px, a.bottom()), (px, a.bottom() - lengths(major))]);
                marks.push(vec![(px, a.y), (px, a.y + lengths(major))]);
            }
        }
        for (v, major) in all(&y_ticks) {
            if let Some(py) = self.y.at(v).filter(|_| self.y.contains(v)) {
                marks.push(vec![(a.x, py), (a.x + lengths(major), py)]);
                marks.push(vec![(a.right(), py), (a.right() - lengths(major), py)]);
            }
        }
        scene.lines(marks, Stroke::solid(Color::BLACK, s.line()));
        scene.area(vec![a.corners()], None, Some(Stroke::solid(Color::BLACK, s.line())));
        self.y_labels(&y_ticks, scene);
        if self.shows_x {
            self.x_labels(&x_ticks, scene);
        }
        if !self.panel.y.title.is_empty() {
            let label = Label::new(&self.panel.y.title, Cut::Regular);
            let size = fitted(&label, s.title_text(), a.h);
            let at = (title_x, a.y);
            scene.shapes.push(Shape::Text {
                label,
                at,
                size,
                anchor: Anchor::End,
                color: Color::BLACK,
                vertical: true,
            });
        }
    }

    fn y_labels(&self, ticks: &Ticks, scene: &mut Scene) {
        let size = self.sizes.tick_text();
        let half = 0.5 * CAP_HEIGHT * size;
        let end = self.area.x - 0.4 * size;
        for (v, text) in &ticks.major {
            let Some(py) = self.y.at(*v).filter(|_| self.y.contains(*v)) else { continue };
            scene.text(Label::new(text, Cut::Regular), (end, py + half), size, Anchor::End);
        }
        if let Some(exponent) = ticks.exponent {
            let label = Label::new(&format!("\\times10^{{{exponent}}}"), Cut::Regular);
            scene.text(label, (end, self.area.y - 0.5 * size), 0.9 * size, Anchor::End);
        }
    }

    fn x_labels(&self, ticks: &Ticks, scene: &mut Scene) {
        let size = self.sizes.tick_text();
        let base = self.area.bottom() + 0.45 * size + CAP_HEIGHT * size;
        for (v, text) in &ticks.major {
            if let Some(px) = self.x.at(*v).filter(|_| self.x.contains(*v)) {
                scene.text(Label::new(text, Cut::Regular), (px, base), size, Anchor::Middle);
            }
        }
        let title_size = self.sizes.title_text();
        let title_base = base + 0.55 * size + title_size * 0.9;
        let mut end = self.area.right();
        if let Some(exponent) = ticks.exponent {
            let label = Label::new(&format!("[\\times10^{{{exponent}}}]"), Cut::Regular);
            let width = label.width * title_size * 0.9;
            scene.text(label, (end, title_base), title_size * 0.9, Anchor::End);
            end -= width + 0.5 * title_size;
        }
        let label = Label::new(&self.x_axis.title, Cut::Regular);
        let size = fitted(&label, title_size, end - self.area.x);
        scene.text(label, (end, title_base), size, Anchor::End);
    }

    /// The colour bar right of the frame; returns nothing when no series is coloured by value.
    pub(crate) fn color_bar(&self, scene: &mut Scene) {
        let Some((spec, lo, hi)) = self.panel.color_scale() else { return };
        let (s, a) = (self.sizes, self.area);
        let bar = Rect { x: a.right() + 14.0 * s.unit, y: a.y, w: 20.0 * s.unit, h: a.h };
        scene.shapes.push(Shape::ColorBar(bar));
        scene.area(vec![bar.corners()], None, Some(Stroke::solid(Color::BLACK, s.line())));
        let scale = Scale { log: spec.log, lo, hi, start: bar.bottom(), end: bar.y };
        let ticks = self.bar_ticks(lo, hi, spec.log);
        let size = s.tick_text();
        let mut marks = Vec::new();
        let mut widest = 0.0f64;
        for (v, text) in ticks.major.iter().filter(|(v, _)| scale.contains(*v)) {
            let Some(py) = scale.at(*v) else { continue };
            marks.push(vec![(bar.right(), py), (bar.right() - 7.0 * s.unit, py)]);
            let label = Label::new(text, Cut::Regular);
            widest = widest.max(label.width * size);
            scene.text(label, (bar.right() + 0.35 * size, py + 0.5 * CAP_HEIGHT * size), size, Anchor::Start);
        }
        scene.lines(marks, Stroke::solid(Color::BLACK, s.line()));
        let mut title = spec.title.clone();
        if let Some(exponent) = ticks.exponent {
            title += &format!(" [\\times10^{{{exponent}}}]");
        }
        let label = Label::new(&title, Cut::Regular);
        let size_title = fitted(&label, s.title_text(), a.h);
        let x = bar.right() + 0.35 * size + widest + 0.35 * size + size_title * label.ascent();
        scene.shapes.push(Shape::Text {
            label,
            at: (x, a.y),
            size: size_title,
            anchor: Anchor::End,
            color: Color::BLACK,
            vertical: true,
        });
    }

    fn bar_ticks(&self, lo: f64, hi: f64, log: bool) -> Ticks {
        let target = (self.area.h / (56.0 * self.sizes.unit)).round().clamp(2.0, 8.0) as usize;
        ticks(lo, hi, log, target)
    }

    /// Width that the colour bar with its labels takes; 0 without one.
    pub(crate) fn color_bar_width(&self) -> f64 {
        let Some((spec, lo, hi)) = self.panel.color_scale() else { return 0.0 };
        let ticks = self.bar_ticks(lo, hi, spec.log);
        let size = self.sizes.tick_text();
        let shown = ticks.major.iter().filter(|(v, _)| *v >= lo && *v <= hi);
        let widest = shown.map(|(_, text)| Label::new(text, Cut::Regular).width * size).fold(0.0, f64::max);
        let title =
            if spec.title.is_empty() && ticks.exponent.is_none() { 0.0 } else { 1.35 * self.sizes.title_text() };
        34.0 * self.sizes.unit + 0.7 * size + widest + title
    }
}

/// The names of an axis that has names instead of numbers.
fn names(axis: &AxisSpec) -> Option<Ticks> {
    let major = axis.categories.iter().enumerate().map(|(i, name)| (i as f64 + 0.5, name.clone())).collect();
    (!axis.categories.is_empty()).then_some(Ticks { major, minor: Vec::new(), exponent: None })
}

/// The size at which a label is no longer than `room`.
pub(crate) fn fitted(label: &Label, size: f64, room: f64) -> f64 {
    if label.width * size > room { (room / label.width).max(1.0) } else { size }
}
