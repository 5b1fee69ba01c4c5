//! Moving trigger cells to neighbouring azimuthal bins until the number of cells per bin is smooth.
//!
//! At high |eta| an azimuthal bin is about as wide as a trigger cell, so that the number of cells per bin jumps from bin to
//! bin and a shower may leave a hole between two maxima. The iterative algorithm looks at every row of R/z bins and moves
//! single cells over bin borders, always from the fuller to the emptier bin, until no bin differs much from its neighbours.
//! The parameter `ipar` says what "much" means: 0 flattens completely, 1 moves nothing.
//!
//! * [`rearrange`](rearrange::rearrange): one row of bins;
//! * [`optimize`] : all rows of a geometry, giving each cell a new azimuth;
//! * [`scan`]: several values of `ipar` in parallel;
//! * [`PhiTable`]: the new azimuths by address, to be put into events.

pub mod rearrange;

use crate::data::{LAST_CEE_LAYER, SCINTILLATOR_WAFER, TriggerCellColumns};
use crate::error::{HgcalError, Result};
use crate::geometry::Cells;
use rayon::prelude::*;
use rearrange::{Row, rearrange};
use recoil_stage::seed::Seed;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::f64::consts::{PI, TAU};

/// Cells that may move.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Region {
    /// All silicon.
    #[default]
    Si,
    /// CE-E.
    #[serde(rename = "ECAL")]
    Ecal,
    /// CE-H.
    #[serde(rename = "HCAL")]
    Hcal,
    /// CE-E layers 8 to 15, where showers are largest.
    MaxShower,
    /// CE-E without layers 8 to 15.
    ExcludeMaxShower,
    /// All cells.
    All,
}

impl Region {
    /// Whether cells of `layer` belong to the region.
    pub fn holds(self, layer: i32, is_scintillator: bool) -> bool {
        let (cee, maximum) = (layer <= LAST_CEE_LAYER, (8..=15).contains(&layer));
        match self {
            Self::Si => !is_scintillator,
            Self::Ecal => cee,
            Self::Hcal => !cee,
            Self::MaxShower => cee && maximum,
            Self::ExcludeMaxShower => cee && !maximum,
            Self::All => true,
        }
    }
}

/// Configuration of the phi optimisation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PhiOptimizationConfig {
    /// Cells that may move: `Si`, `ECAL`, `HCAL`, `MaxShower`, `ExcludeMaxShower` or `All`.
    pub region: Region,
    /// Number of bins in R/z.
    pub rz_bins: u32,
    /// Lower end of R/z; cells outside the range do not move.
    pub rz_min: f64,
    /// Upper end of R/z.
    pub rz_max: f64,
    /// Number of bins in azimuth, from -pi to pi.
    pub phi_bins: u32,
    /// Distance from the bin edge at which a moved cell is put \[rad\].
    pub edge_distance_rad: f64,
    /// Number of sweeps in a row that may shuffle cells without making the row smoother, before it is left as it is.
    pub idle_sweeps: u32,
}

impl Default for PhiOptimizationConfig {
    fn default() -> Self {
        Self {
            region: Region::Si,
            rz_bins: 42,
            rz_min: 0.076,
            rz_max: 0.58,
            phi_bins: 216,
            edge_distance_rad: 1e-4,
            idle_sweeps: 50,
        }
    }
}

impl PhiOptimizationConfig {
    /// Checks every value.
    ///
    /// # Errors
    /// [`HgcalError::Config`] names the first value that is not usable.
    pub fn check(&self) -> Result<()> {
        let fail = |key, reason: String| Err(HgcalError::Config { key, reason });
        if !(self.rz_min >= 0.0 && self.rz_max > self.rz_min && self.rz_max < 100.0) {
            return fail("rz_max", format!("{} is not above rz_min = {}", self.rz_max, self.rz_min));
        }
        if !(1..=10_000).contains(&self.rz_bins) {
            return fail("rz_bins", format!("{} is not between 1 and 10000", self.rz_bins));
        }
        if !(3..=100_000).contains(&self.phi_bins) {
            return fail("phi_bins", format!("{} is not between 3 and 100000", self.phi_bins));
        }
        if !(self.edge_distance_rad >= 0.0 && self.edge_distance_rad < TAU / f64::from(self.phi_bins)) {
            return fail("edge_distance_rad", format!("{} is not inside a bin", self.edge_distance_rad));
        }
        Ok(())
    }

    /// Azimuth of a bin's lower edge \[rad\].
    fn edge(&self, bin: usize) -> f64 {
        -PI + TAU / f64::from(self.phi_bins) * bin as f64
    }
}

/// Result of an optimisation.
#[derive(Clone, Debug, PartialEq)]
pub struct PhiOptimization {
    /// Parameter that was used.
    pub ipar: f64,
    /// New azimuth of each cell \[rad\]; the old one for cells that did not move.
    pub phi: Vec<f64>,
    /// Rows of the moved cells, ascending.
    pub moved: Vec<usize>,
    /// What was moved, and how far.
    pub statistics: MoveStatistics,
}

/// How much an optimisation changed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MoveStatistics {
    /// Cells of the region inside the R/z range.
    pub cells: usize,
    /// Cells that moved.
    pub moved: usize,
    /// Mean arc that the moved cells travelled, radius x change of azimuth \[cm\].
    pub mean_arc_cm: f64,
    /// Largest arc \[cm\].
    pub max_arc_cm: f64,
    /// Mean straight distance \[cm\].
    pub mean_distance_cm: f64,
    /// Root mean square of the difference between neighbouring bins before.
    pub roughness_before: f64,
    /// The same after.
    pub roughness_after: f64,
    /// Sweeps, summed over rows.
    pub sweeps: usize,
    /// Rows that were left while cells were still being shuffled without gain.
    pub rows_not_settled: usize,
}

impl MoveStatistics {
    /// Fraction of the cells that moved.
    pub fn moved_fraction(&self) -> f64 {
        if self.cells == 0 { 0.0 } else { self.moved as f64 / self.cells as f64 }
    }
}

fn wrap(phi: f64) -> f64 {
    (phi + PI).rem_euclid(TAU) - PI
}

/// Optimises the azimuths of cells. Rows of R/z bins are independent and run in parallel; each has its own
/// random stream, so that the result does not depend on the number of threads. `ipar` is the smoothness at which a bin is
/// left alone, relative to its start: 0 flattens completely, 1 moves nothing.
///
/// # Errors
/// When a value of the configuration is not usable.
pub fn optimize(cells: &Cells, config: &PhiOptimizationConfig, ipar: f64, seed: Seed) -> Result<PhiOptimization> {
    config.check()?;
    check_ipar(ipar)?;
    let seed = seed.named("phi optimisation");
    let rz_step = (config.rz_max - config.rz_min) / f64::from(config.rz_bins);
    let mut rows: Vec<Vec<(f64, usize)>> = vec![Vec::new(); config.rz_bins as usize];
    for i in 0..cells.len() {
        let rz = cells.x[i].hypot(cells.y[i]) / cells.z[i];
        let bin = ((rz - config.rz_min) / rz_step).floor();
        let inside = bin >= 0.0 && config.region.holds(cells.layer[i], cells.wu[i] == SCINTILLATOR_WAFER);
        if let Some(row) = rows.get_mut(bin.max(0.0) as usize).filter(|_| inside) {
            row.push((wrap(cells.phi[i]), i));
        }
    }
    let results: Vec<(Vec<(usize, f64)>, MoveStatistics)> = rows
        .into_par_iter()
        .enumerate()
        .map(|(r, row)| optimize_row(cells, (config, ipar), row, seed.indexed(r as u64)))
        .collect();
    let mut out =
        PhiOptimization { ipar, phi: cells.phi.clone(), moved: vec![], statistics: MoveStatistics::default() };
    let total = &mut out.statistics;
    for (moves, row) in results {
        total.cells += row.cells;
        total.sweeps += row.sweeps;
        total.rows_not_settled += row.rows_not_settled;
        total.roughness_before += row.roughness_before;
        total.roughness_after += row.roughness_after;
        for (cell, phi) in moves {
            let (Some(entry), Some(x), Some(y)) = (out.phi.get_mut(cell), cells.x.get(cell), cells.y.get(cell)) else {
                continue;
            };
            let (radius, turn) = (x.hypot(*y), wrap(phi - *entry).abs());
            total.mean_arc_cm += radius * turn;
            total.max_arc_cm = total.max_arc_cm.max(radius * turn);
            total.mean_distance_cm += 2.0 * radius * (turn / 2.0).sin();
            *entry = phi;
            out.moved.push(cell);
        }
    }
    total.moved = out.moved.len();
    let bins = f64::from(config.rz_bins) * f64::from(config.phi_bins);
    total.roughness_before = (total.roughness_before / bins).sqrt();
    total.roughness_after = (total.roughness_after / bins).sqrt();
    if total.moved > 0 {
        total.mean_arc_cm /= total.moved as f64;
        total.mean_distance_cm /= total.moved as f64;
    }
    out.moved.sort_unstable();
    Ok(out)
}

/// One row: new azimuths of the moved cells, and its share of the statistics (roughness as sums of squares).
fn optimize_row(
    detector: &Cells,
    (config, ipar): (&PhiOptimizationConfig, f64),
    mut cells: Vec<(f64, usize)>,
    seed: Seed,
) -> (Vec<(usize, f64)>, MoveStatistics) {
    let n = config.phi_bins as usize;
    cells.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let bin_of = |phi: f64| (((phi + PI) / TAU * n as f64) as usize).min(n - 1);
    let mut row = Row::new(n);
    for &(phi, cell) in &cells {
        row.push(bin_of(phi), cell);
    }
    let before = row.counts();
    let outcome = rearrange(&mut row, ipar, config.idle_sweeps, &mut seed.rng());
    let mut moves = Vec::new();
    for (bin, cell) in row.cells() {
        let Some(&old) = detector.phi.get(cell) else { continue };
        let old_bin = bin_of(wrap(old));
        if bin == old_bin {
            continue;
        }
        // shorter way round: up to the lower edge of the new bin, or down to its upper edge
        let upwards = (bin + n - old_bin) % n <= n / 2;
        let phi = if upwards {
            config.edge(bin) + config.edge_distance_rad
        } else {
            config.edge(bin + 1) - config.edge_distance_rad
        };
        moves.push((cell, phi));
    }
    let statistics = MoveStatistics {
        cells: cells.len(),
        sweeps: outcome.sweeps,
        rows_not_settled: usize::from(!outcome.settled),
        roughness_before: square_differences(&before),
        roughness_after: square_differences(&row.counts()),
        ..MoveStatistics::default()
    };
    (moves, statistics)
}

/// Sum over cyclic neighbours of the squared difference.
fn square_differences(counts: &[usize]) -> f64 {
    counts.iter().zip(counts.iter().cycle().skip(1)).map(|(&a, &b)| (b as f64 - a as f64).powi(2)).sum()
}

/// Optimises with each value of `ipar`, in parallel. Every value has the same random streams.
///
/// # Errors
/// When a value is not usable.
pub fn scan(cells: &Cells, config: &PhiOptimizationConfig, ipar: &[f64], seed: Seed) -> Result<Vec<PhiOptimization>> {
    ipar.par_iter().map(|&ipar| optimize(cells, config, ipar, seed)).collect()
}

/// Checks a value of `ipar`.
///
/// # Errors
/// When it is negative or not a number.
pub fn check_ipar(ipar: f64) -> Result<()> {
    if ipar >= 0.0 && ipar.is_finite() {
        return Ok(());
    }
    Err(HgcalError::Config { key: "ipar", reason: format!("{ipar} is not a number from 0 upwards") })
}

/// New azimuths by the address of the cell.
#[derive(Clone, Debug, Default)]
pub struct PhiTable {
    phi: HashMap<[i32; 5], f64>,
}

impl PhiTable {
    /// The moved cells of an optimisation of `cells`.
    pub fn new(cells: &Cells, result: &PhiOptimization) -> Self {
        let address = |i: usize| [cells.layer[i], cells.wu[i], cells.wv[i], cells.cu[i], cells.cv[i]];
        Self { phi: result.moved.iter().map(|&i| (address(i), result.phi[i])).collect() }
    }

    /// Number of moved cells.
    pub fn len(&self) -> usize {
        self.phi.len()
    }

    /// Whether no cell moved.
    pub fn is_empty(&self) -> bool {
        self.phi.is_empty()
    }

    /// Puts the new azimuths into the `phi` column (mirrored at negative z); positions stay. Returns the number of cells
    /// changed.
    pub fn apply(&self, cells: &mut TriggerCellColumns) -> usize {
        let mut changed = 0;
        for i in 0..cells.len() {
            let address = [cells.layer[i], cells.wu[i], cells.wv[i], cells.cu[i], cells.cv[i]];
            if let Some(&phi) = self.phi.get(&address) {
                cells.phi[i] = if cells.z[i] > 0.0 { phi } else { wrap(PI - phi) } as f32;
                changed += 1;
            }
        }
        changed
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::geometry::{CellMap, GeometryConfig};

    fn ring() -> Cells {
        CellMap::new(&GeometryConfig::default()).cells
    }

    #[test]
    fn regions_select_layers() {
        assert!(Region::Si.holds(40, false) && !Region::Si.holds(40, true));
        assert!(Region::Ecal.holds(28, false) && !Region::Ecal.holds(29, false));
        assert!(Region::Hcal.holds(29, true) && !Region::Hcal.holds(27, false));
        assert!(Region::MaxShower.holds(15, false) && !Region::MaxShower.holds(17, false));
        assert!(Region::ExcludeMaxShower.holds(17, false) && !Region::ExcludeMaxShower.holds(9, false));
        assert!(!Region::ExcludeMaxShower.holds(30, false) && Region::All.holds(30, true));
    }

    #[test]
    fn flattening_smooths_and_one_moves_nothing() {
        let map = ring();
        let config = PhiOptimizationConfig::default();
        let results = scan(&map, &config, &[0.0, 0.5, 1.0], Seed::new(10)).unwrap();
        let [flat, half, none] = [0, 1, 2].map(|i| results[i].statistics);
        assert_eq!((none.moved, none.roughness_before), (0, none.roughness_after));
        assert!(flat.moved > half.moved && half.moved > 0, "{flat:?} {half:?}");
        assert!(flat.roughness_after < half.roughness_after && half.roughness_after < none.roughness_after);
        assert!(flat.roughness_after < 1.0, "{flat:?}");
        assert_eq!(flat.cells, none.cells);
        assert!(flat.mean_distance_cm <= flat.mean_arc_cm && flat.mean_arc_cm <= flat.max_arc_cm);
    }

    #[test]
    fn moved_cells_lie_in_their_new_bin_and_others_stay() {
        let map = ring();
        let config = PhiOptimizationConfig { region: Region::MaxShower, ..PhiOptimizationConfig::default() };
        let result = optimize(&map, &config, 0.0, Seed::new(1)).unwrap();
        let moved: std::collections::BTreeSet<usize> = result.moved.iter().copied().collect();
        assert_eq!(moved.len(), result.moved.len());
        let step = TAU / 216.0;
        for i in 0..map.len() {
            if moved.contains(&i) {
                assert!((9..=15).contains(&map.layer[i]));
                let inside = (result.phi[i] + PI).rem_euclid(step);
                assert!((inside - 1e-4).abs() < 1e-9 || (inside - step + 1e-4).abs() < 1e-9);
            } else {
                assert_eq!(result.phi[i], map.phi[i]);
            }
        }
    }

    #[test]
    fn one_seed_gives_one_result_with_any_number_of_threads() {
        let map = ring();
        let run = |threads, seed| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| optimize(&map, &PhiOptimizationConfig::default(), 0.0, Seed::new(seed)).unwrap())
        };
        let one = run(1, 4);
        assert_eq!(one, run(3, 4));
        assert_ne!(one.phi, run(1, 5).phi);
    }

    #[test]
    fn a_table_changes_the_azimuth_of_events_in_both_endcaps() {
        let map = ring();
        let result = optimize(&map, &PhiOptimizationConfig::default(), 0.0, Seed::new(1)).unwrap();
        let table = PhiTable::new(&map, &result);
        let i = result.moved[0];
        let mut cells = TriggerCellColumns::default();
        for sign in [1.0_f64, -1.0] {
            cells.push(crate::data::TriggerCell {
                layer: map.layer[i],
                wu: map.wu[i],
                wv: map.wv[i],
                cu: map.cu[i],
                cv: map.cv[i],
                z: (sign * map.z[i]) as f32,
                ..Default::default()
            });
        }
        cells.push(crate::data::TriggerCell { layer: 2, phi: 0.5, ..Default::default() });
        assert_eq!((table.apply(&mut cells), table.len()), (2, result.moved.len()));
        assert_eq!(cells.phi[0], result.phi[i] as f32);
        assert!((wrap(f64::from(cells.phi[0] + cells.phi[1])).abs() - PI).abs() < 1e-5);
        assert_eq!(cells.phi[2], 0.5);
    }

    #[test]
    fn unusable_values_are_named() {
        let map = Cells::default();
        let config = PhiOptimizationConfig::default();
        assert!(optimize(&map, &config, -1.0, Seed::new(1)).unwrap_err().to_string().contains("ipar"));
        let config = PhiOptimizationConfig { phi_bins: 0, ..PhiOptimizationConfig::default() };
        assert!(optimize(&map, &config, 0.0, Seed::new(1)).is_err());
    }
}
