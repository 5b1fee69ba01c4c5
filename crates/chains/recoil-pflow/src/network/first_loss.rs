//! The loss of the first network of 2020 in TensorFlow.

use recoil_nn::Result;
use recoil_nn::tape::{Tape, Value};
use recoil_physics::angle::delta_phi;

/// Factor of everything.
const TOTAL: f32 = 1e3;
/// Factor of the cross-entropy.
const CLASSES: f32 = 1e3;
/// Factors of the squares of pseudorapidity, azimuth, energy and charge.
const MOMENTUM: [f32; 4] = [10.0, 10.0, 10.0, 1.0];

/// Sum over elements with these weights of
/// `1000 (1000 cross-entropy + 10 (eta - eta')^2 + 10 (phi - phi')^2 + 10 (E - E')^2 + (q - q')^2)`, the azimuths apart by at
/// most pi. `found` and `truth` are pseudorapidities, azimuths, energies and charges.
///
/// # Errors
/// Numbers of elements that do not fit.
pub fn loss(
    tape: &Tape<'_>,
    logits: &Value,
    found: [&Value; 4],
    classes: &[u32],
    truth: [&[f32]; 4],
    weights: &[f32],
) -> Result<Value> {
    let mut sum = tape.scale(&tape.focal(logits, classes, weights, 0.0)?, TOTAL * CLASSES)?;
    for (index, ((found, truth), factor)) in found.into_iter().zip(truth).zip(MOMENTUM).enumerate() {
        let error = match index {
            1 => tape.error_of(found, truth, weights, |difference| {
                let turn = delta_phi(f64::from(difference), 0.0) as f32;
                (turn * turn, 2.0 * turn)
            })?,
            _ => tape.squared_error(found, truth, weights)?,
        };
        sum = tape.add(&sum, &tape.scale(&error, TOTAL * factor)?)?;
    }
    Ok(sum)
}
