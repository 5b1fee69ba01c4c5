//! Losses of sums of transverse momenta: missing transverse momentum, jets.

use recoil_nn::tape::{Tape, Value};
use recoil_nn::{NnError, Result};

use super::Truth;
use super::particles::{Transverse, huber};
use crate::network::forward::{Outputs, Rows};

/// Added to transverse momenta of jets before logarithms are taken \[GeV\]: a jet of which nothing is found costs much, not
/// all.
const SOFT: f64 = 0.1;

fn events(rows: &Rows) -> impl Iterator<Item = std::ops::Range<usize>> + '_ {
    rows.offsets.windows(2).map(|pair| pair[0] as usize..pair[1] as usize)
}

/// True components of the transverse momentum of an element \[GeV\]; zero where there is no particle.
fn true_momentum(truth: &Truth, rows: &Rows, row: usize) -> [f64; 2] {
    let real = rows.real.get(row).copied().unwrap_or(true);
    if truth.classes[row] == 0 || !real {
        return [0.0; 2];
    }
    let pt = f64::from(truth.pt[row]);
    let [sine, cosine] = [2, 3].map(|index: usize| f64::from(truth.momentum[index][row]));
    let length = sine.hypot(cosine).max(1e-6);
    [pt * cosine / length, pt * sine / length]
}

fn checked(truth: &Truth, rows: &Rows) -> Result<()> {
    let lengths = [truth.classes.len(), truth.pt.len(), truth.momentum[2].len(), truth.momentum[3].len()];
    match lengths.into_iter().find(|length| *length != rows.len()) {
        Some(found) => Err(NnError::Length { what: "targets".into(), found, expected: rows.len() }),
        None => Ok(()),
    }
}

/// Sum over events of Huber's function (1 GeV wide) of the length of the difference between the vector sums of transverse
/// momenta that are found, each with the probability of its presence, and that are true.
///
/// # Errors
/// Numbers that do not fit.
pub(super) fn met(tape: &Tape<'_>, outputs: &Outputs, rows: &Rows, truth: &Truth) -> Result<Value> {
    checked(truth, rows)?;
    let found = Transverse::new(outputs, rows)?;
    let mut slopes = vec![[0.0; 2]; rows.len()];
    let mut total = 0.0;
    for event in events(rows) {
        let [mut x, mut y] = [0.0_f64; 2];
        for row in event.clone() {
            let (found, expected) = (found.of(row), true_momentum(truth, rows, row));
            (x, y) = (x + found[0] - expected[0], y + found[1] - expected[1]);
        }
        let length = x.hypot(y);
        let (loss, slope) = huber(length);
        total += loss;
        if length > 0.0 {
            slopes[event].fill([slope * x / length, slope * y / length]);
        }
    }
    found.loss(tape, outputs, total, &slopes)
}

/// Sum over true jets of Huber's function of the logarithm of the ratio of transverse momenta: the vector sum over the
/// elements of the jet that is found, each with the probability of its presence, to the true one.
///
/// # Errors
/// Numbers that do not fit, or jets that were not looked for.
pub(super) fn jets(tape: &Tape<'_>, outputs: &Outputs, rows: &Rows, truth: &Truth) -> Result<Value> {
    checked(truth, rows)?;
    if truth.jets.len() != rows.len() {
        return Err(NnError::Length { what: "jets of targets".into(), found: truth.jets.len(), expected: rows.len() });
    }
    let found = Transverse::new(outputs, rows)?;
    let mut slopes = vec![[0.0; 2]; rows.len()];
    let mut total = 0.0;
    for event in events(rows) {
        let count = truth.jets_of(event.clone());
        // found and true sums
        let mut sums = vec![[0.0_f64; 4]; count];
        let of_jet = |row: usize| Some(truth.jets[row] as usize).filter(|jet| *jet < count);
        for row in event.clone() {
            if let Some(jet) = of_jet(row) {
                let (found, expected) = (found.of(row), true_momentum(truth, rows, row));
                let [x, y, true_x, true_y] = &mut sums[jet];
                (*x, *y) = (*x + found[0], *y + found[1]);
                (*true_x, *true_y) = (*true_x + expected[0], *true_y + expected[1]);
            }
        }
        let slope_of = |[x, y, true_x, true_y]: [f64; 4]| {
            let pt = x.hypot(y);
            let (loss, slope) = huber(((pt + SOFT) / (true_x.hypot(true_y) + SOFT)).ln());
            let by_pt = slope / (pt + SOFT);
            (loss, if pt > 0.0 { [by_pt * x / pt, by_pt * y / pt] } else { [0.0; 2] })
        };
        let judged: Vec<(f64, [f64; 2])> = sums.into_iter().map(slope_of).collect();
        total += judged.iter().map(|(loss, _)| loss).sum::<f64>();
        for row in event {
            if let Some(jet) = of_jet(row) {
                slopes[row] = judged[jet].1;
            }
        }
    }
    found.loss(tape, outputs, total, &slopes)
}
