//! Layers: which ones feed the trigger, how they are numbered, and where they stand along the beam.
//!
//! The numbering is that of the V11 geometry: CE-E layers 1 to 28, of which only the odd ones feed the trigger, then CE-H
//! layers 29 to 50, all of which do. The positions are those that the Stage-2 firmware emulator lists for the V16
//! geometry (34 trigger layers); the last layer of each part, which V16 no longer has, is extrapolated with the last step.

use crate::data::{LAST_CEE_LAYER, subdet};

/// Last CE-H layer in the V11 numbering.
pub const LAST_LAYER: i32 = 50;
/// First CE-H layer that has scintillator tiles at large radius.
pub const FIRST_MIXED_LAYER: i32 = 37;
/// Number of layers that feed the trigger: 14 of CE-E and 22 of CE-H.
pub const N_TRIGGER_LAYERS: usize = 36;

/// |z| of the CE-E layers 1, 3, .. 27 \[cm\].
pub const CEE_Z_CM: [f64; 14] = [
    322.155, 325.212, 328.269, 331.326, 334.383, 337.440, 340.497, 343.554, 346.611, 349.993, 353.375, 356.757,
    360.139, 363.521,
];

/// |z| of the CE-H layers 29, 30, .. 50 \[cm\].
pub const CEH_Z_CM: [f64; 22] = [
    367.976, 374.0, 380.586, 386.891, 393.196, 399.501, 405.806, 412.111, 418.416, 424.721, 431.026, 439.251, 447.476,
    455.701, 463.926, 472.151, 480.376, 488.406, 496.826, 505.051, 513.276, 521.501,
];

/// Whether `layer` feeds the trigger.
pub fn is_trigger_layer(layer: i32) -> bool {
    trigger_index(layer).is_some()
}

/// Position of `layer` among the trigger layers, 0 to 35; `None` for even CE-E layers and layers that do not exist.
///
/// ```
/// use recoil_hgcal::geometry::layers::trigger_index;
/// assert_eq!([trigger_index(1), trigger_index(2), trigger_index(27)], [Some(0), None, Some(13)]);
/// assert_eq!([trigger_index(29), trigger_index(50), trigger_index(51)], [Some(14), Some(35), None]);
/// ```
pub fn trigger_index(layer: i32) -> Option<usize> {
    match layer {
        1..=LAST_CEE_LAYER if layer % 2 == 1 => usize::try_from(layer / 2).ok(),
        29..=LAST_LAYER => usize::try_from(layer - 29 + 14).ok(),
        _ => None,
    }
}

/// The 36 layers that feed the trigger, in order.
pub fn trigger_layers() -> impl Iterator<Item = i32> {
    (1..=LAST_LAYER).filter(|&layer| is_trigger_layer(layer))
}

/// |z| of a trigger layer \[cm\]; `None` for layers that do not feed the trigger.
pub fn z_cm(layer: i32) -> Option<f64> {
    let index = trigger_index(layer)?;
    CEE_Z_CM.iter().chain(&CEH_Z_CM).nth(index).copied()
}

/// Layer in the numbering of the chain from the number that the geometry tester writes, which restarts in CE-H.
pub fn layer_from_tester(tester_layer: i32, subdetector: i32) -> i32 {
    if subdetector == subdet::CEE { tester_layer } else { tester_layer + LAST_CEE_LAYER }
}

/// The number that the geometry tester writes for `layer`; inverse of [`layer_from_tester`].
pub fn tester_from_layer(layer: i32, subdetector: i32) -> i32 {
    if subdetector == subdet::CEE { layer } else { layer - LAST_CEE_LAYER }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn there_are_fourteen_and_twenty_two_trigger_layers() {
        let layers: Vec<i32> = trigger_layers().collect();
        assert_eq!(layers.len(), N_TRIGGER_LAYERS);
        assert_eq!(layers.iter().filter(|&&l| l <= LAST_CEE_LAYER).count(), 14);
        for (i, &layer) in layers.iter().enumerate() {
            assert_eq!(trigger_index(layer), Some(i));
        }
    }

    #[test]
    fn layers_are_ordered_along_the_beam() {
        let z: Vec<f64> = trigger_layers().map(|l| z_cm(l).unwrap()).collect();
        assert!(z.windows(2).all(|w| w[0] < w[1]), "{z:?}");
        assert_eq!(z_cm(9), Some(334.383));
        assert_eq!(z_cm(29), Some(367.976));
        assert_eq!(z_cm(28), None);
    }

    #[test]
    fn tester_numbers_restart_in_ce_h() {
        assert_eq!(layer_from_tester(9, subdet::CEE), 9);
        assert_eq!(layer_from_tester(9, subdet::CEH_SCINTILLATOR), 37);
        assert_eq!(tester_from_layer(37, subdet::CEH_SILICON), 9);
    }
}
