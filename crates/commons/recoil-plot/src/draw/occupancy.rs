//! Which parts of a frame the data cover, so that the legend can stay away from them.

use crate::scene::{Point, Rect, Shape};

/// Size of a cell in pixels.
const CELL: f64 = 5.0;

/// A coarse picture of a frame: covered or free.
pub(crate) struct Occupancy {
    area: Rect,
    columns: usize,
    rows: usize,
    covered: Vec<bool>,
}

impl Occupancy {
    /// What `shapes` cover inside `area`.
    pub(crate) fn new(area: Rect, shapes: &[Shape]) -> Self {
        let columns = (area.w / CELL).ceil().max(1.0) as usize;
        let rows = (area.h / CELL).ceil().max(1.0) as usize;
        let mut occupancy = Self { area, columns, rows, covered: vec![false; columns * rows] };
        occupancy.shapes(shapes);
        occupancy
    }

    /// Covered cells inside `rect`.
    pub(crate) fn overlap(&self, rect: &Rect) -> usize {
        let (c0, r0) = self.clamped(rect.x, rect.y);
        let (c1, r1) = self.clamped(rect.right(), rect.bottom());
        let row = |r: usize| self.covered.get(r * self.columns + c0..=r * self.columns + c1).unwrap_or_default();
        (r0..=r1).flat_map(row).filter(|covered| **covered).count()
    }

    /// The nearest cell of a pixel.
    fn clamped(&self, x: f64, y: f64) -> (usize, usize) {
        let index = |v: f64, n: usize| (v / CELL).clamp(0.0, n as f64 - 1.0) as usize;
        (index(x - self.area.x, self.columns), index(y - self.area.y, self.rows))
    }

    fn cover(&mut self, x: f64, y: f64) {
        let a = self.area;
        if x >= a.x && x <= a.right() && y >= a.y && y <= a.bottom() {
            let (c, r) = self.clamped(x, y);
            if let Some(cell) = self.covered.get_mut(r * self.columns + c) {
                *cell = true;
            }
        }
    }

    fn shapes(&mut self, shapes: &[Shape]) {
        for shape in shapes {
            match shape {
                Shape::Path { parts, closed, fill, .. } => {
                    for part in parts {
                        self.outline(part, *closed);
                        if fill.is_some() {
                            self.inside(part);
                        }
                    }
                }
                Shape::Dots { centres, radius, .. } => {
                    for (x, y) in centres {
                        for (dx, dy) in [(0.0, 0.0), (-1.0, 0.0), (1.0, 0.0), (0.0, -1.0), (0.0, 1.0)] {
                            self.cover(x + dx * radius, y + dy * radius);
                        }
                    }
                }
                Shape::Text { label, at, size, .. } => {
                    let half = 0.5 * label.width * size;
                    self.outline(&[(at.0 - half, at.1 - 0.35 * size), (at.0 + half, at.1 - 0.35 * size)], false);
                }
                Shape::ColorBar(_) => {}
                Shape::Clipped(_, inner) => self.shapes(inner),
            }
        }
    }

    fn outline(&mut self, part: &[Point], closed: bool) {
        let back = if closed { part.first() } else { None };
        let ends = part.iter().skip(1).chain(back);
        for (from, to) in part.iter().zip(ends) {
            let length = (to.0 - from.0).hypot(to.1 - from.1);
            let steps = (2.0 * length / CELL).ceil().clamp(1.0, 20_000.0);
            for i in 0..=steps as usize {
                let t = i as f64 / steps;
                self.cover(from.0 + t * (to.0 - from.0), from.1 + t * (to.1 - from.1));
            }
        }
    }

    /// Covers the inside of a polygon, row by row (even-odd rule).
    fn inside(&mut self, part: &[Point]) {
        let a = self.area;
        let (low, high) = part.iter().fold((f64::MAX, f64::MIN), |(lo, hi), p| (lo.min(p.1), hi.max(p.1)));
        let (_, first) = self.clamped(a.x, low);
        let (_, last) = self.clamped(a.x, high);
        for row in first..=last {
            let y = a.y + (row as f64 + 0.5) * CELL;
            let ends = part.iter().skip(1).chain(part.first());
            let mut crossings: Vec<f64> = part
                .iter()
                .zip(ends)
                .filter(|(p, q)| (p.1 <= y) != (q.1 <= y))
                .map(|(p, q)| p.0 + (y - p.1) / (q.1 - p.1) * (q.0 - p.0))
                .collect();
            crossings.sort_unstable_by(f64::total_cmp);
            for pair in crossings.chunks_exact(2) {
                let (Some(left), Some(right)) = (pair.first(), pair.last()) else { continue };
                let mut x = left.max(a.x);
                while x <= right.min(a.right()) {
                    self.cover(x, y);
                    x += CELL;
                }
            }
        }
    }
}
