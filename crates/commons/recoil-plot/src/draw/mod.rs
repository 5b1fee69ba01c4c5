//! From a figure to a list of shapes: margins, frames, series, legends, labels.

mod frame;
mod legend;
mod occupancy;
mod range;
mod series;

use crate::Color;
use crate::figure::{Arrangement, Figure};
use crate::font::Cut;
use crate::markup::Label;
use crate::panel::{LegendAt, Panel};
use crate::scene::{Anchor, Rect, Scene, Shape};
use frame::{Frame, Sizes, fitted};
use legend::{Legend, Places};
use range::Span;

/// Height of the main panel and of each low one, relative to one another.
const MAIN_SHARE: f64 = 2.6;
/// Part of the width that a legend beside its frame may take.
const MOST_BESIDE: f64 = 0.45;

/// The whole figure.
pub(crate) fn figure(figure: &Figure) -> Scene {
    let (width, height) = figure.pixels();
    let mut scene = Scene::default();
    match &figure.arrangement {
        Arrangement::Column(panels) => {
            let page = Rect { x: 0.0, y: 0.0, w: width, h: height };
            let sizes = Sizes { unit: (width / 760.0).min(height / 560.0).max(0.2) };
            if let Some(column) = Column::new(panels, page, sizes) {
                let area = column.draw(column.margins(), &mut scene);
                head(figure, area, sizes, (true, true), &mut scene);
            }
        }
        Arrangement::Grid { columns, panels } => {
            let columns = (*columns).min(panels.len()).max(1);
            let rows = panels.len().div_ceil(columns).max(1);
            let (w, h) = (width / columns as f64, height / rows as f64);
            let sizes = Sizes { unit: (w / 680.0).min(h / 540.0).max(0.2) };
            let page = |i: usize| Rect { x: (i % columns) as f64 * w, y: (i / columns) as f64 * h, w, h };
            let cells: Vec<(usize, Column<'_>)> = panels
                .chunks(1)
                .enumerate()
                .filter_map(|(i, panel)| Some((i, Column::new(panel, page(i), sizes)?)))
                .collect();
            // frames of one grid column are aligned
            let margins: Vec<Margins> = cells.iter().map(|(_, cell)| cell.margins()).collect();
            for (i, cell) in &cells {
                let same = margins.iter().skip(i % columns).step_by(columns);
                let common = same.fold((0.0, 0.0), |a: Margins, b| (a.0.max(b.0), a.1.max(b.1)));
                let area = cell.draw(common, &mut scene);
                head(figure, area, sizes, (*i == 0, i + 1 == columns), &mut scene);
            }
        }
    }
    scene
}

/// Pixels left and right of the frames.
type Margins = (f64, f64);

/// Panels above one another on a part of the page.
struct Column<'a> {
    panels: &'a [Panel],
    first: &'a Panel,
    spans: Vec<(Span, Span)>,
    x_limits: (f64, f64),
    page: Rect,
    sizes: Sizes,
}

impl<'a> Column<'a> {
    /// `None` without panels.
    fn new(panels: &'a [Panel], page: Rect, sizes: Sizes) -> Option<Self> {
        let first = panels.first()?;
        let spans: Vec<_> = panels.iter().map(range::spans).collect();
        // the first panel that has data decides on x, unless limits were given
        let with_data = spans.iter().map(|(x, _)| x).find(|x| !x.is_empty(first.x.log));
        let x_limits = range::limits(&first.x, with_data.or(spans.first().map(|(x, _)| x))?);
        Some(Self { panels, first, spans, x_limits, page, sizes })
    }

    /// Where the frames are.
    fn areas(&self, (left, right): Margins) -> Vec<Rect> {
        let u = self.sizes.unit;
        let (top, bottom, gap) = (52.0 * u, 82.0 * u, 20.0 * u);
        let mut y = self.page.y + top;
        let place = |h: f64| {
            let rect = Rect { x: self.page.x + left, y, w: (self.page.w - left - right).max(20.0), h };
            y += h + gap;
            rect
        };
        shares(self.panels.len(), self.page.h - top - bottom, gap).into_iter().map(place).collect()
    }

    fn frames(&self, margins: Margins) -> Vec<Frame<'a>> {
        let panels = self.panels.iter().zip(self.areas(margins)).zip(&self.spans);
        panels.map(|((panel, area), (_, y_span))| self.frame(panel, area, y_span)).collect()
    }

    /// What the labels need.
    fn margins(&self) -> Margins {
        let (s, u) = (self.sizes, self.sizes.unit);
        let mut margins = (100.0 * u, 30.0 * u);
        // the labels of y decide on the left margin, and the room for the legend on the labels
        for _ in 0..2 {
            let frames = self.frames(margins);
            let labels = frames.iter().map(Frame::y_label_width).fold(0.0, f64::max);
            let bars = frames.iter().map(Frame::color_bar_width).fold(0.0, f64::max);
            let beside = frames.iter().filter_map(|frame| self.beside(frame)).map(|legend| self.strip(&legend));
            // a narrower frame may hold a legend that a wider one did not; the strip stays then
            let beside = beside.fold(if bars > 0.0 { 0.0 } else { margins.1 }, f64::max);
            let right = if bars > 0.0 { bars + 12.0 * u } else { beside };
            margins = (labels + 0.4 * s.tick_text() + 1.85 * s.title_text(), right);
        }
        margins
    }

    /// The legend that would cover data wherever it stood in the frame, if there is room for it on the right of it.
    fn beside(&self, frame: &Frame<'_>) -> Option<Legend> {
        if frame.panel.legend != LegendAt::Auto || frame.panel.color_scale().is_some() {
            return None;
        }
        let legend = |room: f64| Legend::new(frame.panel, self.sizes.legend_text(), room);
        if legend(frame.area.w)?.place(frame, &series::all(frame), Places::Anywhere).1 {
            return None;
        }
        let beside = legend(0.0)?;
        (self.strip(&beside) <= MOST_BESIDE * self.page.w && beside.size().1 <= frame.area.h).then_some(beside)
    }

    /// Width of what a legend takes beside a frame.
    fn strip(&self, legend: &Legend) -> f64 {
        legend.size().0 + 2.0 * self.sizes.legend_text()
    }

    /// Draws all panels; gives the frame of the first one.
    fn draw(&self, margins: Margins, scene: &mut Scene) -> Rect {
        let s = self.sizes;
        let title_x = self.page.x + 1.2 * s.title_text();
        let frames = self.frames(margins);
        let last = frames.len().saturating_sub(1);
        for (i, (mut frame, (x_span, y_span))) in frames.into_iter().zip(&self.spans).enumerate() {
            frame.shows_x = i == last;
            let data = series::all(&frame);
            let legend = Legend::new(frame.panel, s.legend_text(), frame.area.w);
            let place = legend.map(|legend| {
                let edges = legend.place(&frame, &data, Places::Edges);
                let place = if edges.1 { edges } else { legend.place(&frame, &data, Places::Anywhere) };
                match self.beside(&frame) {
                    Some(beside) if margins.1 >= self.strip(&beside) => {
                        let (at, ((w, h), gap)) = (frame.area, (beside.size(), self.sizes.legend_text()));
                        (beside, (Rect { x: at.x + at.w + gap, y: at.y + gap, w, h }, true))
                    }
                    _ => (legend, place),
                }
            });
            scene.shapes.push(data);
            frame.draw(scene, title_x);
            frame.color_bar(scene);
            if let Some((legend, (at, free))) = place {
                legend.draw(at, free, scene);
            }
            if x_span.is_empty(self.first.x.log) || y_span.is_empty(frame.panel.y.log) {
                no_entries(frame.area, s, scene);
            }
        }
        self.areas(margins).first().copied().unwrap_or(self.page)
    }

    /// A frame with limits that leave room for the legend and keep the aspect that was asked for.
    fn frame(&self, panel: &'a Panel, area: Rect, y_span: &Span) -> Frame<'a> {
        let (x, y) = (self.x_limits, range::limits(&panel.y, y_span));
        let own_x = !panel.x.title.is_empty() && panel.x.log == self.first.x.log;
        let x_axis = if own_x { &panel.x } else { &self.first.x };
        let with = |x: (f64, f64), y: (f64, f64)| Frame::new(panel, x_axis, area, x, y, self.sizes);
        let plain = with(x, y);
        if panel.equal && !x_axis.log && !panel.y.log {
            let per_pixel = ((x.1 - x.0) / area.w).max((y.1 - y.0) / area.h);
            let around = |(lo, hi): (f64, f64), pixels: f64| {
                let middle = 0.5 * (lo + hi);
                (middle - 0.5 * per_pixel * pixels, middle + 0.5 * per_pixel * pixels)
            };
            return with(around(x, area.w), around(y, area.h));
        }
        if panel.y.hi.is_some() || panel.color_scale().is_some() {
            return plain;
        }
        let Some(legend) = Legend::new(panel, self.sizes.legend_text(), area.w) else { return plain };
        let is_free = |frame: &Frame<'a>, places| legend.place(frame, &series::all(frame), places).1;
        if is_free(&plain, Places::Edges) {
            return plain;
        }
        let mut hi = plain.y.hi;
        for _ in 0..10 {
            hi = with(x, (y.0, hi)).y.value(1.07);
            if !hi.is_finite() {
                break;
            }
            let frame = with(x, (y.0, hi));
            if is_free(&frame, Places::Top) {
                return frame;
            }
        }
        plain
    }
}

fn no_entries(area: Rect, sizes: Sizes, scene: &mut Scene) {
    scene.shapes.push(Shape::Text {
        label: Label::new("no entries", Cut::Italic),
        at: (area.x + 0.5 * area.w, area.y + 0.55 * area.h),
        size: sizes.title_text(),
        anchor: Anchor::Middle,
        color: Color::GREY,
        vertical: false,
    });
}

/// Heights of the panels of a column.
fn shares(panels: usize, height: f64, gap: f64) -> Vec<f64> {
    let low = panels.saturating_sub(1) as f64;
    let unit = ((height - low * gap) / (MAIN_SHARE + low)).max(10.0);
    (0..panels).map(|i| if i == 0 { MAIN_SHARE * unit } else { unit }).collect()
}

/// Experiment and sample above the frame.
fn head(figure: &Figure, area: Rect, sizes: Sizes, (left, right): (bool, bool), scene: &mut Scene) {
    let size = sizes.head_text();
    let base = area.y - 0.42 * size;
    let mut x = area.x;
    if left {
        for (text, cut, scale) in [(&figure.experiment, Cut::Bold, 1.0), (&figure.status, Cut::Italic, 0.8)] {
            let label = Label::new(text, cut);
            if label.width > 0.0 {
                let width = label.width * size * scale;
                scene.text(label, (x, base), size * scale, Anchor::Start);
                x += width + 0.3 * size;
            }
        }
    }
    if right {
        let label = Label::new(&figure.sample, Cut::Regular);
        let size = fitted(&label, 0.8 * size, area.right() - x);
        scene.text(label, (area.right(), base), size, Anchor::End);
    }
}
