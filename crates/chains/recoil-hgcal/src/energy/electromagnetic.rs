//! Electromagnetic interpretation of a cluster: corrected CE-E energy near the axis plus a term linear in |eta|.

use crate::data::{LAST_CEE_LAYER, TriggerCells};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Corrections of the electromagnetic interpretation (defaults: CMSSW, geometry V11).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EmInterpretationConfig {
    /// Factor of the energy in each CE-E trigger layer (layers 1, 3, .. 27).
    pub layer_correction: [f64; 14],
    /// Constant term \[GeV\].
    pub offset_gev: f64,
    /// Term linear in |eta| \[GeV\].
    pub slope_gev: f64,
    /// Cells count within this distance of the axis in the (x/z, y/z) plane.
    pub radius: f64,
}

impl Default for EmInterpretationConfig {
    fn default() -> Self {
        Self {
            layer_correction: [0.0, 1.28, 1.09, 1.0, 1.07, 1.09, 1.04, 1.0, 1.09, 1.07, 1.03, 0.93, 1.4, 1.89],
            offset_gev: 52.99,
            slope_gev: -24.96,
            radius: 0.015,
        }
    }
}

/// Axis of a cluster.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClusterAxis {
    /// Pseudorapidity.
    pub eta: f64,
    /// Azimuth \[rad\].
    pub phi: f64,
}

impl ClusterAxis {
    /// (x/|z|, y/|z|) of the axis.
    fn projected(self) -> (f64, f64) {
        let tangent = 1.0 / self.eta.abs().sinh();
        (tangent * self.phi.cos(), tangent * self.phi.sin())
    }
}

/// Electromagnetic energy \[GeV\] of the cluster with the constituents `cells`:
/// max(0, sum over CE-E cells near the axis of correction(layer) x energy + offset + slope |eta|).
pub fn em_energy(cells: TriggerCells<'_>, axis: ClusterAxis, config: &EmInterpretationConfig) -> f64 {
    let (ax, ay) = axis.projected();
    let mut sum = 0.0;
    for i in 0..cells.len() {
        let Some(cell) = cells.get(i) else { break };
        let z = f64::from(cell.z).abs();
        let same_side = (cell.z > 0.0) == (axis.eta > 0.0);
        let distance = (f64::from(cell.x) / z - ax).hypot(f64::from(cell.y) / z - ay);
        if same_side && (1..=LAST_CEE_LAYER).contains(&cell.layer) && cell.layer % 2 == 1 && distance < config.radius {
            let index = usize::try_from(cell.layer / 2).unwrap_or_default();
            sum += config.layer_correction.get(index).copied().unwrap_or(0.0) * f64::from(cell.energy);
        }
    }
    (sum + config.offset_gev + config.slope_gev * axis.eta.abs()).max(0.0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::data::{TriggerCell, TriggerCellColumns};

    fn cell(layer: i32, energy: f32, x_over_z: f32, z: f32) -> TriggerCell {
        TriggerCell { layer, energy, x: x_over_z * z.abs(), y: 0.0, z, ..TriggerCell::default() }
    }

    #[test]
    fn an_energy_worked_out_by_hand() {
        // x/z = 0.2 is eta = asinh(5) = 2.3124; 1.28 * 10 + 1.89 * 2 + 52.99 - 24.96 * 2.3124 = 11.852
        let mut cells = TriggerCellColumns::default();
        for c in [
            cell(3, 10.0, 0.2, 325.0),
            cell(27, 2.0, 0.2, 363.0),
            cell(1, 50.0, 0.2, 322.0),
            cell(29, 50.0, 0.2, 368.0),
            cell(4, 50.0, 0.2, 326.0),
            cell(5, 50.0, 0.216, 328.0),
            cell(5, 50.0, 0.2, -328.0),
        ] {
            cells.push(c);
        }
        let axis = ClusterAxis { eta: 5.0_f64.asinh(), phi: 0.0 };
        let config = EmInterpretationConfig::default();
        let expected = 1.28 * 10.0 + 1.89 * 2.0 + 52.99 - 24.96 * 5.0_f64.asinh();
        assert!((em_energy(cells.view(), axis, &config) - expected).abs() < 1e-9);
        assert!((expected - 11.852).abs() < 1e-3);
    }

    #[test]
    fn the_energy_is_never_negative() {
        let axis = ClusterAxis { eta: 2.9, phi: 0.3 };
        assert_eq!(em_energy(TriggerCells::default(), axis, &EmInterpretationConfig::default()), 0.0);
    }
}
