//! Cameras: where the pixels are and which are neighbours.
//!
//! Positions are those of the simulation rotated by its camera rotation, as ctapipe does it. Two pixels are neighbours if
//! they are among each other's nearest and not farther than 1.4 times the smallest distance (hexagons) away.

mod nearest;

use recoil_eventio::camera::CameraSettings;

use crate::error::{IactError, Result};
use nearest::Points;

/// Neighbours of a hexagonal pixel, and how far they may be in units of the nearest one's distance.
const HEXAGON: (usize, f64) = (6, 1.4);
/// The same of a square pixel; distances are sums of the differences in x and y.
const SQUARE: (usize, f64) = (4, 1.5);
/// Most pixels of a camera.
const MOST_PIXELS: usize = 1 << 16;

/// A camera.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Camera {
    /// Positions \[m\].
    pub x: Vec<f64>,
    /// Positions \[m\].
    pub y: Vec<f64>,
    /// Areas \[m2\].
    pub area: Vec<f64>,
    /// Width of a pixel \[m\].
    pub pixel_width: f64,
    /// Ring of each pixel: 1 outermost, 2 next to it, 0 all others.
    pub ring: Vec<u8>,
    /// Focal length \[m\].
    pub equivalent_focal_length: f64,
    /// Effective focal length \[m\], which takes the optics' aberrations into account.
    pub effective_focal_length: Option<f64>,
    neighbors: Vec<u16>,
    starts: Vec<u32>,
}

impl Camera {
    /// The camera of a telescope; `file` is what errors name.
    ///
    /// # Errors
    /// As [`Camera::of_pixels`].
    pub fn new(settings: &CameraSettings, file: &str) -> Result<Self> {
        let (sin, cos) = f64::from(settings.rotation).sin_cos();
        let stored = settings.pixel_x.iter().zip(&settings.pixel_y).map(|(x, y)| (f64::from(*x), f64::from(*y)));
        let (x, y) = stored.map(|(x, y)| (x * cos - y * sin, x * sin + y * cos)).unzip();
        let area = settings.area.iter().map(|area| f64::from(*area)).collect();
        let square = settings.shape.first() == Some(&2);
        let camera = Self::of_pixels(x, y, area, square, f64::from(settings.focal_length));
        let camera = camera.map_err(|reason| {
            IactError::content(file, format!("camera of telescope {} {reason}", settings.telescope))
        })?;
        let effective = settings.effective_focal_length.map(f64::from);
        let effective_focal_length = effective.filter(|length| length.is_finite() && *length > 0.0);
        Ok(Self { effective_focal_length, ..camera })
    }

    /// A camera of pixels at these places \[m\] with these areas \[m2\]: squares or hexagons.
    ///
    /// # Errors
    /// Cameras without pixels, with too many, or with positions that are not finite; as a reason.
    pub fn of_pixels(
        x: Vec<f64>,
        y: Vec<f64>,
        area: Vec<f64>,
        square: bool,
        equivalent_focal_length: f64,
    ) -> std::result::Result<Self, String> {
        let pixels = x.len();
        if pixels == 0 || pixels > MOST_PIXELS || y.len() != pixels {
            return Err(format!("has {pixels} pixels"));
        }
        if x.iter().chain(&y).any(|position| !position.is_finite()) {
            return Err("has pixels at positions that are not finite".into());
        }
        let first = area.first().copied().unwrap_or(0.0);
        let pixel_width = if square { first.sqrt() } else { 2.0 * (first / (2.0 * 3f64.sqrt())).sqrt() };
        let lists = neighbors(&x, &y, square);
        let ring = rings(&lists);
        let mut starts = vec![0];
        let mut neighbors = Vec::new();
        for list in &lists {
            neighbors.extend(list.iter().map(|pixel| *pixel as u16));
            starts.push(neighbors.len() as u32);
        }
        let effective_focal_length = None;
        Ok(Self { x, y, area, pixel_width, ring, equivalent_focal_length, effective_focal_length, neighbors, starts })
    }

    /// Number of pixels.
    pub fn len(&self) -> usize {
        self.x.len()
    }

    /// Whether there are no pixels.
    pub fn is_empty(&self) -> bool {
        self.x.is_empty()
    }

    /// The neighbours of a pixel, in rising order.
    #[inline]
    pub fn neighbors(&self, pixel: usize) -> &[u16] {
        match (self.starts.get(pixel), self.starts.get(pixel + 1)) {
            (Some(&first), Some(&end)) => self.neighbors.get(first as usize..end as usize).unwrap_or_default(),
            _ => &[],
        }
    }

    /// Whether a camera is the LST's.
    pub fn is_lst(&self) -> bool {
        self.len() == 1855 && self.equivalent_focal_length == 28.0
    }
}

/// The ring of each pixel: 1 with fewer neighbours than others, 2 beside such a pixel, 0 all others.
fn rings(lists: &[Vec<usize>]) -> Vec<u8> {
    let most = lists.iter().map(Vec::len).max().unwrap_or(0);
    let outer: Vec<bool> = lists.iter().map(|list| list.len() < most).collect();
    let is_outer = |pixel: &usize| outer.get(*pixel) == Some(&true);
    let ring = |(pixel, list): (usize, &Vec<usize>)| match (is_outer(&pixel), list.iter().any(is_outer)) {
        (true, _) => 1,
        (false, true) => 2,
        (false, false) => 0,
    };
    lists.iter().enumerate().map(ring).collect()
}

/// Neighbours of all pixels.
fn neighbors(x: &[f64], y: &[f64], square: bool) -> Vec<Vec<usize>> {
    let (most, reach) = if square { SQUARE } else { HEXAGON };
    let points = Points::new(x, y, square);
    let around = |pixel: usize| -> Vec<usize> {
        let found = points.nearest(pixel, most);
        let limit = found.first().map_or(0.0, |(nearest, _)| reach * nearest);
        let mut list: Vec<usize> =
            found.into_iter().filter(|(distance, _)| *distance < limit).map(|(_, other)| other).collect();
        list.sort_unstable();
        list
    };
    (0..x.len()).map(around).collect()
}
