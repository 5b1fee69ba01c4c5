//! Trigger cells as columns.

use super::Point;
use super::tester::{GeometryTable, trigger_layer};
use crate::data::subdet;

/// Trigger cells of one endcap, one entry per cell in every column; positions are those of the endcap at positive z.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cells {
    /// Layer, CE-H after CE-E.
    pub layer: Vec<i32>,
    /// Sub-detector code (see [`subdet`]).
    pub subdet: Vec<i32>,
    /// Wafer u; [`SCINTILLATOR_WAFER`](crate::data::SCINTILLATOR_WAFER) for scintillator.
    pub wu: Vec<i32>,
    /// Wafer v; likewise.
    pub wv: Vec<i32>,
    /// Cell u, or ieta.
    pub cu: Vec<i32>,
    /// Cell v, or iphi.
    pub cv: Vec<i32>,
    /// \[cm\]
    pub x: Vec<f64>,
    /// \[cm\]
    pub y: Vec<f64>,
    /// \[cm\]
    pub z: Vec<f64>,
    /// Pseudorapidity.
    pub eta: Vec<f64>,
    /// Azimuth \[rad\].
    pub phi: Vec<f64>,
}

impl Cells {
    /// The cells of a tester's table that feed the trigger from the endcap at positive z, in the table's order.
    pub fn from_table(table: &GeometryTable) -> Self {
        let mut cells = Self::default();
        for i in 0..table.len() {
            let subdetector = table.subdet[i];
            let Some(layer) = trigger_layer(subdetector, table.layer[i], table.zside[i], 1) else { continue };
            let (cu, cv) = match subdetector {
                subdet::CEH_SCINTILLATOR => (table.triggercellieta[i], table.triggercelliphi[i]),
                _ => (table.triggercellu[i], table.triggercellv[i]),
            };
            let point = Point { x: f64::from(table.x[i]), y: f64::from(table.y[i]) };
            cells.push(layer, subdetector, [table.waferu[i], table.waferv[i], cu, cv], point, f64::from(table.z[i]));
        }
        cells
    }

    /// Appends a cell with its address (wafer u, v, cell u, v); returns its row.
    pub fn push(&mut self, layer: i32, subdetector: i32, [wu, wv, cu, cv]: [i32; 4], point: Point, z: f64) -> u32 {
        let row = self.x.len() as u32;
        self.layer.push(layer);
        self.subdet.push(subdetector);
        self.wu.push(wu);
        self.wv.push(wv);
        self.cu.push(cu);
        self.cv.push(cv);
        self.x.push(point.x);
        self.y.push(point.y);
        self.z.push(z);
        self.eta.push((z / point.x.hypot(point.y)).asinh());
        self.phi.push(point.y.atan2(point.x));
        row
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
