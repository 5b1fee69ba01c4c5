//! Where a cell of a wafer is that the event does not have.
//!
//! The cells of a wafer form a lattice. Its place comes from the cells that the wafer has; its orientation too, if there are
//! enough of them, else from the other wafers of the layer, else it is that of the V11 geometry.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use recoil_econt::front_end::EventWafer;
use recoil_econt::wafer::{CELLS, UV};

use crate::data::{TriggerCell, TriggerCells};
use crate::geometry::Point;
use crate::geometry::silicon::cell_offset;

/// Rotations by 60 degrees, each also of the mirrored lattice.
const CANDIDATES: usize = 12;
/// Squared distance per cell by which the best orientation must beat the others \[cm2\].
const CLEAR: f64 = 0.1;

/// How the lattice of a wafer lies: turned by so many times 60 degrees, from six on mirrored before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Orientation(usize);

impl Orientation {
    /// That of the V11 geometry; the negative endcap is seen from behind.
    fn usual(zside: i32) -> Self {
        Self(if zside < 0 { 6 } else { 0 })
    }

    fn turned(self, point: Point) -> Point {
        let x = if self.0 >= 6 { -point.x } else { point.x };
        let (sin, cos) = (std::f64::consts::FRAC_PI_3 * (self.0 % 6) as f64).sin_cos();
        Point { x: cos * x - sin * point.y, y: sin * x + cos * point.y }
    }

    /// Places of the cells in the lattice, by trigger-cell number.
    fn lattice(self) -> &'static [Point; CELLS] {
        static TURNED: LazyLock<[[Point; CELLS]; CANDIDATES]> = LazyLock::new(|| {
            let turned = |i: usize| UV.map(|(cu, cv)| Orientation(i).turned(cell_offset(cu.into(), cv.into())));
            std::array::from_fn(turned)
        });
        &TURNED[self.0 % CANDIDATES]
    }

    /// Place of a wafer: what is added to its lattice so that its cells are where they are, on average.
    fn place(self, known: &[(usize, Point)]) -> Point {
        let lattice = self.lattice();
        let (x, y) = known.iter().fold((0.0, 0.0), |(x, y), &(number, cell)| {
            let own = lattice.get(number).copied().unwrap_or_default();
            (x + cell.x - own.x, y + cell.y - own.y)
        });
        Point { x: x / known.len() as f64, y: y / known.len() as f64 }
    }

    /// Sum of the squared distances of the cells from where the lattice has them \[cm2\].
    fn distance(self, known: &[(usize, Point)]) -> f64 {
        let (lattice, place) = (self.lattice(), self.place(known));
        let squares = known.iter().map(|&(number, cell)| {
            let own = lattice.get(number).copied().unwrap_or_default();
            (own.x + place.x - cell.x).powi(2) + (own.y + place.y - cell.y).powi(2)
        });
        squares.sum()
    }

    /// The orientation that a wafer's cells tell, if they do.
    fn of(known: &[(usize, Point)]) -> Option<Self> {
        if known.len() < 3 {
            return None;
        }
        let (mut best, mut second) = ((f64::INFINITY, 0), f64::INFINITY);
        for candidate in 0..CANDIDATES {
            let distance = Self(candidate).distance(known);
            if distance < best.0 {
                (best, second) = ((distance, candidate), best.0);
            } else {
                second = second.min(distance);
            }
        }
        (best.0 + CLEAR * (known.len() as f64) < second).then_some(Self(best.1))
    }
}

/// The cells that a wafer has: trigger-cell numbers and places.
fn known(cells: &TriggerCells<'_>, wafer: &EventWafer) -> Vec<(usize, Point)> {
    let place = |(number, row): (usize, &Option<u32>)| {
        let row = (*row)? as usize;
        Some((number, Point { x: f64::from(*cells.x.get(row)?), y: f64::from(*cells.y.get(row)?) }))
    };
    wafer.rows.iter().enumerate().filter_map(place).collect()
}

/// The orientations of the layers of an event, as far as its cells tell them.
#[derive(Debug, Default)]
pub struct Orientations(BTreeMap<(i32, i32), Orientation>);

impl Orientations {
    /// From the first wafer of each layer that tells it.
    pub fn of(cells: &TriggerCells<'_>, wafers: &[EventWafer]) -> Self {
        let mut layers = BTreeMap::new();
        for wafer in wafers {
            let layer = (wafer.place.zside, wafer.place.layer);
            if !layers.contains_key(&layer)
                && let Some(orientation) = Orientation::of(&known(cells, wafer))
            {
                layers.insert(layer, orientation);
            }
        }
        Self(layers)
    }
}

/// A wafer in the detector.
#[derive(Clone, Copy, Debug)]
pub struct WaferFrame {
    orientation: Orientation,
    place: Point,
    /// What the cells of the wafer share.
    like: TriggerCell,
    /// Transverse momentum of one transverse MIP \[GeV\].
    pt_per_mip: f64,
}

impl WaferFrame {
    /// The frame of a wafer; nothing if its cells have no energy.
    pub fn of(cells: &TriggerCells<'_>, wafer: &EventWafer, layers: &Orientations) -> Option<Self> {
        let known = known(cells, wafer);
        let (mut pt, mut mip_pt) = (0.0, 0.0);
        for &row in wafer.rows.iter().flatten() {
            let row = row as usize;
            pt += cells.pt.get(row).copied().map_or(0.0, f64::from);
            mip_pt += cells.mip_pt.get(row).copied().map_or(0.0, f64::from);
        }
        let layer = layers.0.get(&(wafer.place.zside, wafer.place.layer)).copied();
        let orientation = Orientation::of(&known).or(layer).unwrap_or(Orientation::usual(wafer.place.zside));
        let like = cells.get(*wafer.rows.iter().flatten().next()? as usize)?;
        let frame = Self { orientation, place: orientation.place(&known), like, pt_per_mip: pt / mip_pt };
        (mip_pt > 0.0).then_some(frame)
    }

    /// The cell of this trigger-cell number with this transverse energy \[MIP\].
    pub fn cell(&self, number: usize, mip_pt: f64) -> Option<TriggerCell> {
        let (offset, &(cu, cv)) = (self.orientation.lattice().get(number)?, UV.get(number)?);
        let (x, y, z) = (self.place.x + offset.x, self.place.y + offset.y, f64::from(self.like.z));
        let (pt, slope) = (mip_pt * self.pt_per_mip, z / x.hypot(y));
        Some(TriggerCell {
            cu: cu.into(),
            cv: cv.into(),
            mip_pt: mip_pt as f32,
            pt: pt as f32,
            // cosh(eta) of eta = asinh(z/R)
            energy: (pt * (1.0 + slope * slope).sqrt()) as f32,
            x: x as f32,
            y: y as f32,
            eta: slope.asinh() as f32,
            phi: y.atan2(x) as f32,
            ..self.like
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use recoil_econt::front_end::wafers_of;
    use recoil_stage::Seed;

    use super::*;
    use crate::front_end::on_wafers;
    use crate::simulate::{Endcaps, SimulationConfig, Simulator};

    /// Whatever cell of an event is taken away, its wafer tells where it was.
    #[test]
    fn a_cell_that_was_taken_away_is_found_again() {
        let config = SimulationConfig { endcaps: Endcaps::Both, ..SimulationConfig::default() };
        let batch = Simulator::new(&config).unwrap().batch(Seed::new(3), 0..4);
        for turned in [false, true] {
            let (mut checked, mut endcaps) = (0, [0, 0]);
            for i in 0..4 {
                let mut event = batch.cells.event_cells(i);
                // another geometry: every layer turned by 120 degrees and mirrored
                let turn = |x: f32, y: f32| Orientation(8).turned(Point { x: x.into(), y: y.into() });
                let all: Vec<Point> = event.x.iter().zip(event.y).map(|(&x, &y)| turn(x, y)).collect();
                let (x, y): (Vec<f32>, Vec<f32>) = all.iter().map(|p| (p.x as f32, p.y as f32)).unzip();
                if turned {
                    (event.x, event.y) = (&x, &y);
                }
                let wafers = wafers_of(&on_wafers(&event)).unwrap();
                let layers = Orientations::of(&event, &wafers);
                // a layer of few cells does not tell how it lies; then it is taken to lie as usual
                let told = |wafer: &EventWafer| layers.0.contains_key(&(wafer.place.zside, wafer.place.layer));
                let cells = |wafer: &EventWafer| wafer.rows.iter().flatten().count();
                for wafer in wafers.iter().filter(|wafer| cells(wafer) > 1 && (told(wafer) || !turned)) {
                    let missing = wafer.rows.iter().position(Option::is_some).unwrap();
                    let truth = event.get(wafer.rows[missing].unwrap() as usize).unwrap();
                    let mut without = *wafer;
                    without.rows[missing] = None;
                    let found = WaferFrame::of(&event, &without, &layers).unwrap();
                    let found = found.cell(missing, truth.mip_pt.into()).unwrap();
                    for (a, b) in [
                        (found.x, truth.x),
                        (found.y, truth.y),
                        (found.z, truth.z),
                        (found.pt, truth.pt),
                        (found.energy / truth.energy, 1.0),
                    ] {
                        assert!((a - b).abs() < 2e-3, "{found:?} is not {truth:?}");
                    }
                    checked += 1;
                    endcaps[usize::from(truth.z < 0.0)] += 1;
                }
            }
            assert!(checked > 100 && endcaps.iter().all(|&n| n > 20), "{checked} {endcaps:?}");
        }
    }
}
