//! Series as shapes in the pixels of a frame.

use std::collections::BTreeMap;

use super::frame::Frame;
use super::range::cumulated;
use crate::Color;
use crate::font::Cut;
use crate::markup::Label;
use crate::scene::{Anchor, Dash, Fill, Point, Scene, Shape, Stroke};
use crate::series::{
    Annotations, Band, ColorScale, Course, HeatMap, Hist, Line, Marker, Patches, Points, Scatter, Series, Stack,
};

/// Opacity of the area of a filled histogram: histograms behind it stay visible.
pub(crate) const FILL_OPACITY: f64 = 0.3;
/// Colour steps of a map: below what the eye tells apart.
const LEVELS: f64 = 127.0;

/// The colour of every series of a panel (one per layer for a stack).
pub(crate) fn colors(series: &[Series]) -> Vec<Vec<Color>> {
    let wishes: Vec<Vec<Option<Color>>> = series.iter().map(wishes).collect();
    let count = wishes.iter().flatten().filter(|wish| wish.is_none()).count();
    let mut next = 0;
    let mut resolve = |wish: &Option<Color>| {
        wish.unwrap_or_else(|| {
            next += 1;
            Color::cycle(next - 1, count)
        })
    };
    wishes.iter().map(|wish| wish.iter().map(&mut resolve).collect()).collect()
}

fn wishes(series: &Series) -> Vec<Option<Color>> {
    match series {
        Series::Hist(s) => vec![s.color],
        Series::Stack(s) => s.layers.iter().map(|(_, _, color)| *color).collect(),
        Series::Points(s) => vec![s.color],
        Series::Band(s) => vec![s.color],
        Series::Line(s) => vec![s.color],
        Series::Scatter(s) => vec![s.color],
        Series::HeatMap(_) => Vec::new(),
        Series::Patches(s) => s.fill.map(Some).into_iter().collect(),
        Series::Annotations(s) => vec![s.color],
    }
}

/// Draws one series with its colours.
pub(crate) fn draw(series: &Series, colors: &[Color], frame: &Frame<'_>, scene: &mut Scene) {
    let color = colors.first().copied().unwrap_or(Color::BLACK);
    match series {
        Series::Hist(s) => hist(s, color, frame, scene),
        Series::Stack(s) => stack(s, colors, frame, scene),
        Series::Points(s) => points(s, color, frame, scene),
        Series::Band(s) => band(s, color, frame, scene),
        Series::Line(s) => line(s, color, frame, scene),
        Series::Scatter(s) => scatter(s, color, frame, scene),
        Series::HeatMap(s) => heat_map(s, frame, scene),
        Series::Patches(s) => patches(s, frame, scene),
        Series::Annotations(s) => annotations(s, color, frame, scene),
    }
}

/// The steps of a histogram, from the baseline and back to it; NaN bins split it into parts.
fn steps(edges: &[f64], values: &[f64], frame: &Frame<'_>) -> Vec<Vec<Point>> {
    let Some(base) = frame.y.at(0.0) else { return Vec::new() };
    let mut parts: Vec<Vec<Point>> = Vec::new();
    let mut part: Vec<Point> = Vec::new();
    let bins = edges.iter().zip(edges.iter().skip(1)).zip(values);
    for ((&low, &high), &v) in bins {
        let corners = frame.at(low, v).zip(frame.at(high, v));
        match corners {
            Some((left, right)) => {
                if part.is_empty() {
                    part.push((left.0, base));
                }
                part.extend([left, right]);
            }
            None => close_part(&mut part, base, &mut parts),
        }
    }
    close_part(&mut part, base, &mut parts);
    parts
}

fn close_part(part: &mut Vec<Point>, base: f64, parts: &mut Vec<Vec<Point>>) {
    if let Some((x, _)) = part.last().copied() {
        part.push((x, base));
        parts.push(std::mem::take(part));
    }
}

fn hist(s: &Hist, color: Color, frame: &Frame<'_>, scene: &mut Scene) {
    let parts = steps(&s.edges, &s.values, frame);
    if s.filled {
        scene.area(parts.clone(), Some(Fill { color, opacity: FILL_OPACITY }), None);
    }
    scene.lines(parts, Stroke { color, width: s.width, dash: s.dash });
    let bars = s.edges.iter().zip(s.edges.iter().skip(1)).zip(s.values.iter().zip(&s.errors));
    let bar = |((low, high), (v, e)): ((&f64, &f64), (&f64, &f64))| {
        let x = frame.x.at(if frame.x.log && *low > 0.0 { (low * high).sqrt() } else { 0.5 * (low + high) })?;
        (*e > 0.0).then_some(())?;
        Some(vec![(x, frame.y.at(v - e)?), (x, frame.y.at(v + e)?)])
    };
    let bars: Vec<_> = bars.filter_map(bar).collect();
    if !bars.is_empty() {
        scene.lines(bars, Stroke::solid(color, 1.6));
    }
}

fn stack(s: &Stack, colors: &[Color], frame: &Frame<'_>, scene: &mut Scene) {
    let bins = s.edges.len().saturating_sub(1);
    let sums = cumulated(bins, &s.layers);
    // from the top down, so that each lower layer covers what belongs to it
    for (sum, &color) in sums.iter().zip(colors).rev() {
        let edge = Stroke::solid(color.mix(Color::BLACK, 0.25), 1.0);
        scene.area(steps(&s.edges, sum, frame), Some(Fill::solid(color)), Some(edge));
    }
    if let Some(total) = sums.last().filter(|_| !s.errors.is_empty()) {
        let low: Vec<f64> = total.iter().zip(&s.errors).map(|(v, e)| v - e).collect();
        let high: Vec<f64> = total.iter().zip(&s.errors).map(|(v, e)| v + e).collect();
        band(&Band::in_bins(&s.edges, &low, &high).opacity(0.45), Color::hex(0x3c3c46), frame, scene);
    }
}

fn band(s: &Band, color: Color, frame: &Frame<'_>, scene: &mut Scene) {
    let mut parts: Vec<Vec<Point>> = Vec::new();
    let (mut upper, mut lower): (Vec<Point>, Vec<Point>) = (Vec::new(), Vec::new());
    let mut finish = |upper: &mut Vec<Point>, lower: &mut Vec<Point>| {
        if !upper.is_empty() {
            let mut outline = std::mem::take(upper);
            outline.extend(std::mem::take(lower).into_iter().rev());
            parts.push(outline);
        }
    };
    let limits = s.low.iter().zip(&s.high);
    if s.stepped {
        for ((left, right), (low, high)) in s.x.iter().zip(s.x.iter().skip(1)).zip(limits) {
            let corners =
                [frame.at(*left, *high), frame.at(*right, *high), frame.at(*left, *low), frame.at(*right, *low)];
            if let [Some(a), Some(b), Some(c), Some(d)] = corners {
                upper.extend([a, b]);
                lower.extend([c, d]);
            } else {
                finish(&mut upper, &mut lower);
            }
        }
    } else {
        for (x, (low, high)) in s.x.iter().zip(limits) {
            if let (Some(a), Some(b)) = (frame.at(*x, *high), frame.at(*x, *low)) {
                upper.push(a);
                lower.push(b);
            } else {
                finish(&mut upper, &mut lower);
            }
        }
    }
    finish(&mut upper, &mut lower);
    scene.area(parts, Some(Fill { color, opacity: s.opacity }), None);
}

fn line(s: &Line, color: Color, frame: &Frame<'_>, scene: &mut Scene) {
    let a = frame.area;
    let parts = match &s.course {
        Course::Horizontal(y) => match frame.y.at(*y).filter(|_| frame.y.contains(*y)) {
            Some(py) => vec![vec![(a.x, py), (a.right(), py)]],
            None => return,
        },
        Course::Vertical(x) => match frame.x.at(*x).filter(|_| frame.x.contains(*x)) {
            Some(px) => vec![vec![(px, a.bottom()), (px, a.y)]],
            None => return,
        },
        Course::Curve(x, y) => {
            let pixels: Vec<Option<Point>> = x.iter().zip(y).map(|(x, y)| frame.at(*x, *y)).collect();
            pixels.split(Option::is_none).map(|part| part.iter().flatten().copied().collect()).collect()
        }
    };
    scene.lines(parts, Stroke { color, width: s.width, dash: s.dash });
}

fn points(s: &Points, color: Color, frame: &Frame<'_>, scene: &mut Scene) {
    let shown: Vec<Option<Point>> = s.x.iter().zip(&s.y).map(|(x, y)| frame.at(*x, *y)).collect();
    let mut bars: Vec<Vec<Point>> = Vec::new();
    for (i, ((x, y), at)) in s.x.iter().zip(&s.y).zip(&shown).enumerate() {
        let Some((px, py)) = at else { continue };
        let error = |errors: &Option<(Vec<f64>, Vec<f64>)>| {
            let (down, up) = errors.as_ref()?;
            Some((*down.get(i)?, *up.get(i)?)).filter(|(d, u)| *d >= 0.0 && *u >= 0.0 && d + u > 0.0)
        };
        if let Some((down, up)) = error(&s.y_errors)
            && let (Some(low), Some(high)) = (frame.y.at(y - down), frame.y.at(y + up))
        {
            bars.push(vec![(*px, low), (*px, high)]);
        }
        if let Some((left, right)) = error(&s.x_errors)
            && let (Some(low), Some(high)) = (frame.x.at(x - left), frame.x.at(x + right))
        {
            bars.push(vec![(low, *py), (high, *py)]);
        }
    }
    if s.joined {
        let parts = shown.split(Option::is_none).map(|part| part.iter().flatten().copied().collect()).collect();
        scene.lines(parts, Stroke::solid(color, 2.0));
    }
    if !bars.is_empty() {
        scene.lines(bars, Stroke::solid(color, 2.0));
    }
    let inside = |(x, y): &Point| {
        let a = frame.area;
        *x >= a.x - 0.5 && *x <= a.right() + 0.5 && *y >= a.y - 0.5 && *y <= a.bottom() + 0.5
    };
    markers(shown.into_iter().flatten().filter(inside).collect(), s.marker, s.size, color, scene);
}

/// Marker symbols at pixels.
pub(crate) fn markers(at: Vec<Point>, marker: Marker, size: f64, color: Color, scene: &mut Scene) {
    let polygons = |corners: &[(f64, f64)], scale: f64| -> Vec<Vec<Point>> {
        let shifted = |(x, y): &Point| corners.iter().map(|(dx, dy)| (x + dx * scale, y + dy * scale)).collect();
        at.iter().map(shifted).collect()
    };
    let square = [(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)];
    match marker {
        Marker::None => {}
        Marker::Circle => scene.shapes.push(Shape::Dots { centres: at, radius: size, color }),
        Marker::OpenCircle => {
            scene.shapes.push(Shape::Dots { centres: at.clone(), radius: size + 0.5, color });
            scene.shapes.push(Shape::Dots { centres: at, radius: (size - 1.7).max(0.5), color: Color::WHITE });
        }
        Marker::Square => scene.area(polygons(&square, size), Some(Fill::solid(color)), None),
        Marker::OpenSquare => {
            let outline = Some(Stroke::solid(color, 2.0));
            scene.area(polygons(&square, size), Some(Fill::solid(Color::WHITE)), outline);
        }
        Marker::Triangle => {
            let corners = [(0.0, -1.2), (1.1, 0.8), (-1.1, 0.8)];
            scene.area(polygons(&corners, size), Some(Fill::solid(color)), None);
        }
        Marker::Diamond => {
            let corners = [(0.0, -1.35), (1.05, 0.0), (0.0, 1.35), (-1.05, 0.0)];
            scene.area(polygons(&corners, size), Some(Fill::solid(color)), None);
        }
    }
}

fn scatter(s: &Scatter, color: Color, frame: &Frame<'_>, scene: &mut Scene) {
    let on_axes = |(x, y): &(&f64, &f64)| frame.x.contains(**x) && frame.y.contains(**y);
    let centres = s.x.iter().zip(&s.y).filter(on_axes).filter_map(|(x, y)| frame.at(*x, *y)).collect();
    scene.shapes.push(Shape::Dots { centres, radius: s.radius, color });
}

/// Colour step of a value; `None` for what stays white.
fn level(v: f64, scale: &ColorScale, lo: f64, hi: f64) -> Option<u8> {
    let t = match scale.log {
        _ if v.is_nan() => return None,
        true if v <= 0.0 => return None,
        true => (v / lo).ln() / (hi / lo).ln(),
        false => (v - lo) / (hi - lo),
    };
    Some((t.clamp(0.0, 1.0) * LEVELS).round() as u8)
}

fn color_of(level: u8) -> Color {
    Color::viridis(f64::from(level) / LEVELS)
}

fn heat_map(s: &HeatMap, frame: &Frame<'_>, scene: &mut Scene) {
    let Some((_, lo, hi)) = frame.panel.color_scale() else { return };
    let columns = s.x_edges.len().saturating_sub(1);
    if columns == 0 {
        return;
    }
    let shown = |v: f64| if s.zero_is_empty && v == 0.0 { None } else { level(v, &s.scale, lo, hi) };
    let mut cells: BTreeMap<u8, Vec<Vec<Point>>> = BTreeMap::new();
    let rows = s.y_edges.iter().zip(s.y_edges.iter().skip(1)).zip(s.values.chunks(columns));
    for ((&low, &high), row) in rows {
        let levels: Vec<Option<u8>> = row.iter().map(|v| shown(*v)).collect();
        let mut start = 0;
        // neighbours of one colour become one rectangle
        for run in levels.chunk_by(|a, b| a == b) {
            let end = start + run.len();
            let edges = s.x_edges.get(start).copied().zip(s.x_edges.get(end).copied());
            start = end;
            let Some(level) = run.first().copied().flatten() else { continue };
            let corners = edges.and_then(|(left, right)| frame.at(left, low).zip(frame.at(right, high)));
            if let Some(((x0, y0), (x1, y1))) = corners {
                cells.entry(level).or_default().push(vec![(x0, y0), (x1, y0), (x1, y1), (x0, y1)]);
            }
        }
    }
    for (level, parts) in cells {
        scene.cells(parts, color_of(level));
    }
}

fn patches(s: &Patches, frame: &Frame<'_>, scene: &mut Scene) {
    let pixels =
        |polygon: &Vec<[f64; 2]>| -> Option<Vec<Point>> { polygon.iter().map(|[x, y]| frame.at(*x, *y)).collect() };
    let outline = s.outline.map(|color| Stroke::solid(color, 0.8));
    let limits = frame.panel.color_scale();
    let mut groups: BTreeMap<Option<u8>, Vec<Vec<Point>>> = BTreeMap::new();
    for (i, polygon) in s.polygons.iter().enumerate() {
        let value = s.values.as_ref().and_then(|values| values.get(i));
        let level = value.zip(limits).and_then(|(v, (_, lo, hi))| level(*v, &s.scale, lo, hi));
        if let Some(corners) = pixels(polygon) {
            groups.entry(level).or_default().push(corners);
        }
    }
    for (level, parts) in groups {
        let fill = level.map(color_of).or(s.fill).map(Fill::solid);
        scene.area(parts, fill, outline);
    }
}

fn annotations(s: &Annotations, color: Color, frame: &Frame<'_>, scene: &mut Scene) {
    let unit = frame.sizes.unit;
    for [x0, y0, x1, y1] in &s.arrows {
        let Some((from, to)) = frame.at(*x0, *y0).zip(frame.at(*x1, *y1)) else { continue };
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let length = dx.hypot(dy);
        if length == 0.0 {
            continue;
        }
        let (ux, uy) = (dx / length, dy / length);
        let head = (11.0 * unit).min(length);
        let back = (to.0 - ux * head, to.1 - uy * head);
        let side = 0.4 * head;
        scene.line(vec![from, back], Stroke { color, width: 1.8, dash: Dash::Solid });
        let corners = vec![to, (back.0 - uy * side, back.1 + ux * side), (back.0 + uy * side, back.1 - ux * side)];
        scene.area(vec![corners], Some(Fill::solid(color)), None);
    }
    for (x, y, text) in &s.texts {
        let Some((px, py)) = frame.at(*x, *y) else { continue };
        let size = frame.sizes.tick_text() * s.size;
        let label = Label::new(text, Cut::Regular);
        let at = (px, py + 0.35 * size);
        scene.shapes.push(Shape::Text { label, at, size, anchor: Anchor::Middle, color, vertical: false });
    }
}

/// All series of a frame, cut off at its edges.
pub(crate) fn all(frame: &Frame<'_>) -> Shape {
    let mut scene = Scene::default();
    for (series, colors) in frame.panel.series.iter().zip(colors(&frame.panel.series)) {
        draw(series, &colors, frame, &mut scene);
    }
    Shape::Clipped(frame.area, scene.shapes)
}
