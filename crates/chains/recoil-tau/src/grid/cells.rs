//! From directions to cells.

use crate::features::Grid;
use crate::features::program::delta_phi;

/// A cell of a grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Along pseudorapidity, from 0.
    pub eta: u16,
    /// Along azimuth, from 0.
    pub phi: u16,
}

/// Finds the cell of an object near a candidate.
#[derive(Clone, Copy, Debug)]
pub struct CellFinder {
    grid: Grid,
    /// Objects nearer than this are left out.
    pub from_radius: f64,
    /// Objects at this distance or beyond are left out.
    pub to_radius: f64,
}

impl CellFinder {
    /// A finder of objects at distances `from_radius..to_radius`.
    pub fn new(grid: Grid, from_radius: f64, to_radius: f64) -> Self {
        Self { grid, from_radius, to_radius }
    }

    /// The cell of an object at (`eta`, `phi`) around a candidate at `centre`; `None` outside of the cone or the grid.
    pub fn find(&self, eta: f32, phi: f32, centre: (f32, f32)) -> Option<Place> {
        let (d_eta, d_phi) = (f64::from(eta - centre.0), f64::from(delta_phi(phi, centre.1)));
        let distance = d_eta.hypot(d_phi);
        if !(distance < self.to_radius && distance >= self.from_radius) {
            return None;
        }
        Some(Place { eta: self.index(d_eta)?, phi: self.index(d_phi)? })
    }

    /// Number of the cell along one direction. The middle cell of an odd number is centred on the candidate.
    fn index(&self, difference: f64) -> Option<u16> {
        let Grid { cells, cell_size } = self.grid;
        if difference.abs() > cell_size * cells as f64 / 2.0 {
            return None;
        }
        let from_centre = if cells % 2 == 1 {
            ((difference.abs() / cell_size + 0.5).floor()).copysign(difference)
        } else {
            (difference / cell_size).floor()
        };
        // the far border belongs to no cell
        let index = from_centre as i64 + (cells / 2) as i64;
        u16::try_from(index).ok().filter(|index| usize::from(*index) < cells)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(cells: usize, cell_size: f64, eta: f32, phi: f32) -> Option<(u16, u16)> {
        let finder = CellFinder::new(Grid { cells, cell_size }, 0.0, 0.5);
        finder.find(eta, phi, (0.0, 0.0)).map(|place| (place.eta, place.phi))
    }

    #[test]
    fn cells_are_centred_on_the_candidate() {
        assert_eq!(cell(11, 0.02, 0.0, 0.0), Some((5, 5)));
        assert_eq!(cell(11, 0.02, 0.009, -0.009), Some((5, 5)));
        assert_eq!(cell(11, 0.02, 0.011, -0.011), Some((6, 4)));
        assert_eq!(cell(11, 0.02, 0.109, 0.0), Some((10, 5)));
        assert_eq!(cell(11, 0.02, 0.111, 0.0), None);
        assert_eq!(cell(21, 0.05, 0.0, -0.49), Some((10, 0)));
    }

    #[test]
    fn cells_of_an_even_grid_meet_at_the_candidate() {
        assert_eq!(cell(4, 0.1, 0.01, -0.01), Some((2, 1)));
        assert_eq!(cell(4, 0.125, -0.25, 0.0), Some((0, 2)));
        // the far border is in no cell
        assert_eq!(cell(4, 0.125, 0.25, 0.0), None);
    }

    #[test]
    fn azimuth_wraps_and_cones_cut() {
        let finder = CellFinder::new(Grid { cells: 21, cell_size: 0.05 }, 0.1, 0.5);
        let place = finder.find(1.0, -3.1, (1.0, 3.1));
        assert_eq!(place, None, "0.083 is nearer than 0.1");
        // 2 (pi - 3.05) = 0.183: cells 0.175 to 0.225 from the centre
        assert_eq!(finder.find(1.0, -3.05, (1.0, 3.05)), Some(Place { eta: 10, phi: 14 }));
        assert_eq!(finder.find(1.4, 3.4, (1.0, 3.0)), None);
    }
}
