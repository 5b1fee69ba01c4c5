//! Areas of overlap in the transverse plane.

use crate::geometry::Point;

/// Signed area: positive for counter-clockwise corners.
fn signed_area(corners: &[Point]) -> f64 {
    let next = corners.iter().cycle().skip(1);
    corners.iter().zip(next).map(|(a, b)| a.x * b.y - b.x * a.y).sum::<f64>() / 2.0
}

/// Area of a polygon \[cm2\].
pub(super) fn area(corners: &[Point]) -> f64 {
    signed_area(corners).abs()
}

/// Centre of mass of a polygon; its first corner when it has no area.
pub(super) fn centroid(corners: &[Point]) -> Point {
    let area = signed_area(corners);
    let Some(&first) = corners.first() else { return Point::default() };
    if area == 0.0 {
        return first;
    }
    let (mut x, mut y) = (0.0, 0.0);
    for (a, b) in corners.iter().zip(corners.iter().cycle().skip(1)) {
        let cross = a.x * b.y - b.x * a.y;
        x += (a.x + b.x) * cross;
        y += (a.y + b.y) * cross;
    }
    Point { x: x / (6.0 * area), y: y / (6.0 * area) }
}

/// Area that a polygon shares with a convex window whose corners run counter-clockwise (Sutherland-Hodgman clipping).
pub(super) fn overlap(polygon: &[Point], window: &[Point]) -> f64 {
    let mut corners = polygon.to_vec();
    for (a, b) in window.iter().zip(window.iter().cycle().skip(1)) {
        let side = |p: &Point| (b.x - a.x) * (p.y - a.y) - (b.y - a.y) * (p.x - a.x);
        let mut clipped = Vec::with_capacity(corners.len() + 2);
        for (p, q) in corners.iter().zip(corners.iter().cycle().skip(1)) {
            let (sp, sq) = (side(p), side(q));
            if sp >= 0.0 {
                clipped.push(*p);
            }
            if (sp > 0.0 && sq < 0.0) || (sp < 0.0 && sq > 0.0) {
                let t = sp / (sp - sq);
                clipped.push(Point { x: p.x + t * (q.x - p.x), y: p.y + t * (q.y - p.y) });
            }
        }
        corners = clipped;
    }
    area(&corners)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    fn square(x: f64, y: f64, side: f64) -> Vec<Point> {
        [(0.0, 0.0), (side, 0.0), (side, side), (0.0, side)].map(|(a, b)| Point { x: x + a, y: y + b }).to_vec()
    }

    #[test]
    fn squares_overlap_as_worked_out_by_hand() {
        let a = square(0.0, 0.0, 2.0);
        assert_eq!(area(&a), 4.0);
        assert_eq!(overlap(&square(1.0, 1.5, 2.0), &a), 0.5);
        assert_eq!(overlap(&square(5.0, 5.0, 1.0), &a), 0.0);
        assert_eq!(overlap(&square(0.5, 0.5, 1.0), &a), 1.0);
        assert_eq!(overlap(&square(-1.0, -1.0, 9.0), &a), 4.0);
        assert_eq!(centroid(&square(1.0, 2.0, 2.0)), Point { x: 2.0, y: 3.0 });
        assert_eq!((area(&[]), overlap(&[], &a)), (0.0, 0.0));
    }
}
