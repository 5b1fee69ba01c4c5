//! The table that the CMSSW geometry tester writes (`TreeTriggerCells`), read and written.

use super::{Cells, layers, silicon};
use crate::data::{LAST_CEE_LAYER, SCINTILLATOR_WAFER, subdet};

/// One column of the tester's tree: our name for it and the branches that hold it, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TesterColumn {
    /// Column in recoil's geometry table.
    pub name: &'static str,
    /// Unit; empty for pure numbers.
    pub unit: &'static str,
    /// Branch names, in the order in which a reader should look for them.
    pub branches: &'static [&'static str],
}

const fn col(name: &'static str, unit: &'static str, branches: &'static [&'static str]) -> TesterColumn {
    TesterColumn { name, unit, branches }
}

/// Columns that a reader needs, with the branch names of the newer and of the older testers.
pub const TESTER_COLUMNS: [TesterColumn; 12] = [
    col("zside", "", &["zside"]),
    col("subdet", "", &["subdet"]),
    col("layer", "", &["layer"]),
    col("waferu", "", &["waferu", "waferU"]),
    col("waferv", "", &["waferv", "waferV"]),
    col("triggercellu", "", &["triggercellu", "u"]),
    col("triggercellv", "", &["triggercellv", "v"]),
    col("triggercellieta", "", &["triggercellieta", "ieta"]),
    col("triggercelliphi", "", &["triggercelliphi", "iphi"]),
    col("x", "cm", &["x"]),
    col("y", "cm", &["y"]),
    col("z", "cm", &["z"]),
];

/// Columns that older testers do not write: all wafers then have the orientation of the V11 geometry and are full.
pub const OPTIONAL_COLUMNS: [TesterColumn; 2] =
    [col("waferorient", "", &["waferorient"]), col("waferpart", "", &["waferpart"])];

/// `waferpart` of a wafer that is not cut.
pub const FULL_WAFER: i32 = 0;

/// Directory and name of the tree.
pub const TESTER_TREE: &str = "L1THGCaltriggergeomtester/TreeTriggerCells";

/// Geometry of the trigger cells in the tester's columns, one entry per cell. `layer` is as the tester writes it: it
/// restarts at 1 in CE-H.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)]
pub struct GeometryTable {
    /// +1 or -1.
    pub zside: Vec<i32>,
    pub subdet: Vec<i32>,
    pub layer: Vec<i32>,
    pub waferu: Vec<i32>,
    pub waferv: Vec<i32>,
    pub triggercellu: Vec<i32>,
    pub triggercellv: Vec<i32>,
    pub triggercellieta: Vec<i32>,
    pub triggercelliphi: Vec<i32>,
    /// \[cm\]
    pub x: Vec<f32>,
    /// \[cm\]
    pub y: Vec<f32>,
    /// \[cm\]
    pub z: Vec<f32>,
    pub eta: Vec<f32>,
    /// \[rad\]
    pub phi: Vec<f32>,
    pub waferorient: Vec<i32>,
    pub waferpart: Vec<i32>,
}

impl GeometryTable {
    /// The cells, first at positive, then at negative z (x and z change sign).
    pub fn of_both_endcaps(cells: &Cells) -> Self {
        let mut table = Self::default();
        for zside in [1, -1] {
            let sign = f64::from(zside);
            for i in 0..cells.len() {
                let is_scintillator = cells.subdet[i] == subdet::CEH_SCINTILLATOR;
                let (u, v, ieta, iphi) = if is_scintillator {
                    (SCINTILLATOR_WAFER, SCINTILLATOR_WAFER, cells.cu[i], cells.cv[i])
                } else {
                    (cells.cu[i], cells.cv[i], SCINTILLATOR_WAFER, SCINTILLATOR_WAFER)
                };
                table.zside.push(zside);
                table.subdet.push(cells.subdet[i]);
                table.layer.push(layers::tester_from_layer(cells.layer[i], cells.subdet[i]));
                table.waferu.push(cells.wu[i]);
                table.waferv.push(cells.wv[i]);
                table.triggercellu.push(u);
                table.triggercellv.push(v);
                table.triggercellieta.push(ieta);
                table.triggercelliphi.push(iphi);
                table.x.push((sign * cells.x[i]) as f32);
                table.y.push(cells.y[i] as f32);
                table.z.push((sign * cells.z[i]) as f32);
                table.eta.push((sign * cells.eta[i]) as f32);
                table.phi.push(cells.y[i].atan2(sign * cells.x[i]) as f32);
                table.waferorient.push(silicon::ORIENTATION_V11);
                table.waferpart.push(FULL_WAFER);
            }
        }
        table
    }

    /// Computes the directions from the positions and gives scintillator cells no wafer.
    pub fn complete(&mut self) {
        let radii = self.x.iter().zip(&self.y).map(|(&x, &y)| f64::from(x).hypot(f64::from(y)));
        self.eta = radii.zip(&self.z).map(|(radius, &z)| (f64::from(z) / radius).asinh() as f32).collect();
        self.phi = self.x.iter().zip(&self.y).map(|(&x, &y)| y.atan2(x)).collect();
        for (i, &subdetector) in self.subdet.iter().enumerate() {
            if subdetector == subdet::CEH_SCINTILLATOR {
                (self.waferu[i], self.waferv[i]) = (SCINTILLATOR_WAFER, SCINTILLATOR_WAFER);
            }
        }
    }

    /// Number of cells.
    pub fn len(&self) -> usize {
        self.x.len()
    }

    /// Whether there is no cell.
    pub fn is_empty(&self) -> bool {
        self.x.is_empty()
    }
}

/// Whether a row of the tester's tree belongs to the chain's geometry table: the wanted endcap, and a layer that feeds the
/// trigger (odd in CE-E, any in CE-H). The layer in the chain's numbering, or `None`.
///
/// ```
/// use recoil_hgcal::geometry::tester::trigger_layer;
/// assert_eq!(trigger_layer(1, 9, 1, 1), Some(9));
/// assert_eq!(trigger_layer(1, 8, 1, 1), None);
/// assert_eq!(trigger_layer(10, 10, 1, 1), Some(38));
/// assert_eq!(trigger_layer(10, 10, -1, 1), None);
/// ```
pub fn trigger_layer(subdetector: i32, tester_layer: i32, zside: i32, wanted_zside: i32) -> Option<i32> {
    let layer = layers::layer_from_tester(tester_layer, subdetector);
    (zside == wanted_zside && (layer > LAST_CEE_LAYER || layer % 2 == 1)).then_some(layer)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::geometry::{CellMap, GeometryConfig};

    #[test]
    fn both_endcaps_are_the_same_half_a_turn_apart() {
        let map = CellMap::new(&GeometryConfig::default());
        let table = GeometryTable::of_both_endcaps(&map.cells);
        assert_eq!(table.len(), 2 * map.len());
        for i in (0..map.len()).step_by(1009) {
            let j = i + map.len();
            assert_eq!((table.x[i], table.y[i], table.z[i]), (-table.x[j], table.y[j], -table.z[j]));
            assert_eq!(table.eta[i], -table.eta[j]);
            assert_eq!((table.zside[i], table.zside[j]), (1, -1));
            assert_eq!(trigger_layer(table.subdet[i], table.layer[i], 1, 1), Some(map.cells.layer[i]));
        }
        let again = Cells::from_table(&table);
        assert_eq!((again.layer, again.cv, again.phi.len()), (map.cells.layer, map.cells.cv, table.len() / 2));
    }
}
