//! Particles as losses of events see them: each element is one with the probability of its presence.

use recoil_nn::tape::{Tape, Value};
use recoil_nn::{NnError, Result};

use crate::network::forward::{Outputs, Rows};

/// Largest logarithm of a ratio of momenta: beyond it nothing changes, so that a start without any knowledge stays finite.
const LARGEST: f64 = 10.0;

/// Probability of presence of each row, 0 for padding.
pub(super) fn presence(outputs: &Outputs, rows: &Rows) -> Result<Vec<f64>> {
    if outputs.binary.columns() != 2 {
        return Err(NnError::Length {
            what: "logits of presence".into(),
            found: outputs.binary.columns(),
            expected: 2,
        });
    }
    let of_row = |row: usize| match rows.real.get(row) {
        Some(false) => 0.0,
        _ => {
            let [absent, present] = [0, 1].map(|column| f64::from(outputs.binary.row(row)[column]));
            1.0 / (1.0 + (absent - present).exp())
        }
    };
    Ok((0..rows.len()).map(of_row).collect())
}

/// Transverse momenta of the elements with the probabilities of their presence, and how they depend on the outputs.
pub(super) struct Transverse {
    presence: Vec<f64>,
    /// \[GeV\] as if the particle were there
    pt: Vec<f64>,
    /// whether the transverse momentum still depends on its output
    moves: Vec<bool>,
    sine_cosine: Vec<[f64; 2]>,
}

impl Transverse {
    pub(super) fn new(outputs: &Outputs, rows: &Rows) -> Result<Self> {
        let [ratio, _, sine, cosine, _] = outputs.momentum.each_ref().map(|value| value.values());
        let exponent = |row: usize| f64::from(ratio[row]);
        let pt = |row: usize| exponent(row).min(LARGEST).exp() * f64::from(rows.elements[row][0]);
        let count = rows.len();
        Ok(Self {
            presence: presence(outputs, rows)?,
            pt: (0..count).map(pt).collect(),
            moves: (0..count).map(|row| exponent(row) < LARGEST).collect(),
            sine_cosine: sine.iter().zip(cosine).map(|(s, c)| [f64::from(*s), f64::from(*c)]).collect(),
        })
    }

    /// Cosine and sine of the azimuth, and the length of what they were made of.
    fn direction(&self, row: usize) -> ([f64; 2], f64) {
        let [sine, cosine] = self.sine_cosine[row];
        let length = sine.hypot(cosine);
        if length > 1e-6 { ([cosine / length, sine / length], length) } else { ([1.0, 0.0], f64::INFINITY) }
    }

    /// Components of the transverse momentum of a row, times its presence \[GeV\].
    pub(super) fn of(&self, row: usize) -> [f64; 2] {
        let (direction, _) = self.direction(row);
        direction.map(|part| self.presence[row] * self.pt[row] * part)
    }

    /// A loss as a value, from its derivatives by the components of each row.
    pub(super) fn loss(&self, tape: &Tape<'_>, outputs: &Outputs, loss: f64, slopes: &[[f64; 2]]) -> Result<Value> {
        let count = self.pt.len();
        let mut to_binary = tape.pool().zeros(2 * count);
        let mut to_momentum = [0; 3].map(|_| tape.pool().zeros(count));
        for (row, [by_x, by_y]) in slopes.iter().enumerate() {
            let ([cosine, sine], length) = self.direction(row);
            let (p, pt) = (self.presence[row], self.pt[row]);
            let along = by_x * cosine + by_y * sine;
            let across = by_y * cosine - by_x * sine;
            let by_logit = along * pt * p * (1.0 - p);
            to_binary[2 * row] = -by_logit as f32;
            to_binary[2 * row + 1] = by_logit as f32;
            let [to_ratio, to_sine, to_cosine] = &mut to_momentum;
            to_ratio[row] = if self.moves[row] { (along * pt * p) as f32 } else { 0.0 };
            // the azimuth turns by cosine / length for each unit of the sine
            to_sine[row] = (across * pt * p * cosine / length) as f32;
            to_cosine[row] = (-across * pt * p * sine / length) as f32;
        }
        let [ratio, _, sine, cosine, _] = &outputs.momentum;
        let [to_ratio, to_sine, to_cosine] = to_momentum;
        joined(tape, loss, vec![(&outputs.binary, to_binary), (ratio, to_ratio), (sine, to_sine), (cosine, to_cosine)])
    }
}

/// A loss of several values with its derivatives by each.
pub(super) fn joined(tape: &Tape<'_>, loss: f64, slopes: Vec<(&Value, recoil_nn::tape::Buffer)>) -> Result<Value> {
    let mut y = tape.pool().take(1);
    y[0] = loss as f32;
    let origins: Vec<&Value> = slopes.iter().map(|(value, _)| *value).collect();
    let own: Vec<_> = slopes.iter().map(|(value, _)| (*value).clone()).collect();
    let slopes: Vec<_> = slopes.into_iter().map(|(_, slopes)| slopes).collect();
    tape.record([1, 1], y, &origins, false, move |g, sink| {
        for (value, mut slopes) in own.iter().zip(slopes) {
            slopes.iter_mut().for_each(|slope| *slope *= g[0]);
            sink.give(value, slopes);
        }
    })
}

/// Huber's function of width 1 of a number, and its derivative.
pub(super) fn huber(d: f64) -> (f64, f64) {
    if d.abs() <= 1.0 { (0.5 * d * d, d) } else { (d.abs() - 0.5, d.signum()) }
}
