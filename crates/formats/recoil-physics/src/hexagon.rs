//! Distances on a hexagonal grid in axial coordinates (u, v), as of HGCAL wafers and cells.

/// Steps between two hexagons whose neighbours differ by (1, 0), (0, 1), (1, 1) or their opposites.
///
/// ```
/// assert_eq!(recoil_physics::hexagon::distance((0, 0), (2, 2)), 2);
/// assert_eq!(recoil_physics::hexagon::distance((0, 0), (2, -2)), 4);
/// ```
pub fn distance(a: (i32, i32), b: (i32, i32)) -> u32 {
    let (du, dv) = (i64::from(a.0) - i64::from(b.0), i64::from(a.1) - i64::from(b.1));
    let steps = du.unsigned_abs().max(dv.unsigned_abs()).max((du - dv).unsigned_abs());
    u32::try_from(steps).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_neighbours_at_one_step() {
        let near = |u, v| distance((5, -3), (5 + u, -3 + v)) == 1;
        let neighbours: Vec<_> =
            (-1..=1).flat_map(|u| (-1..=1).map(move |v| (u, v))).filter(|&(u, v)| near(u, v)).collect();
        assert_eq!(neighbours, [(-1, -1), (-1, 0), (0, -1), (0, 1), (1, 0), (1, 1)]);
    }

    #[test]
    fn extremes_do_not_overflow() {
        assert_eq!(distance((i32::MIN, i32::MAX), (i32::MAX, i32::MIN)), u32::MAX);
        assert_eq!(distance((i32::MIN, 0), (i32::MAX, 0)), u32::MAX);
    }
}
