//! Losses of whole events: cases worked by hand, and gradients that are those of differences.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use recoil_nn::tape::{Mode, Pool, Tape, Value, Weights};
use recoil_pflow::data::{Particle, Target};
use recoil_pflow::network::loss::{LossConfig, NO_JET, Step, TERMS, Terms, Truth, loss};
use recoil_pflow::network::{Outputs, Rows};

const CLASSES: [i32; 6] = [0, 211, 130, 22, 11, 13];

/// Outputs of an element: two logits, five components.
type Row = [f32; 7];

fn particle(pt: f32, eta: f32, phi: f32) -> Particle {
    Particle { pdg: 211, charge: 1.0, pt, eta, sin_phi: phi.sin(), cos_phi: phi.cos(), energy: pt * eta.cosh() }
}

/// Transverse momentum, pseudorapidity and azimuth of an element, and by which factor the momentum of its particle differs.
type Element = (f32, f32, f32, Option<f32>);

/// Events of elements, of which those with a factor are particles.
fn events(events: &[&[Element]]) -> (Rows, Truth) {
    let (mut rows, mut truth) = (Rows { offsets: vec![0], ..Rows::default() }, Truth::default());
    for event in events {
        for (pt, eta, phi, factor) in *event {
            let element = [*pt, *eta, phi.sin(), phi.cos(), pt * eta.cosh()];
            let particle = factor.map_or_else(Particle::default, |factor| particle(factor * pt, *eta, *phi));
            truth.push(&CLASSES, &element, &Target { particle, ..Target::default() });
            rows.elements.push(element);
            rows.types.push(0);
        }
        rows.offsets.push(rows.types.len() as u32);
    }
    truth.find_jets(&rows).unwrap();
    (rows, truth)
}

fn judge(config: &LossConfig, rows: &Rows, truth: &Truth, found: &[Row]) -> (Terms, Vec<f32>) {
    let (weights, pool) = (Weights::new(0), Pool::default());
    let tape = Tape::new(&weights, &pool, Mode::Gradients);
    let of = |columns: std::ops::Range<usize>| -> Vec<f32> {
        found.iter().flat_map(|row| row[columns.clone()].to_vec()).collect()
    };
    let leaves: Vec<Value> = (0..6)
        .map(|index| match index {
            0 => tape.leaf(found.len(), 2, &of(0..2)).unwrap(),
            index => tape.leaf(found.len(), 1, &of(index + 1..index + 2)).unwrap(),
        })
        .collect();
    let outputs = Outputs {
        binary: leaves[0].clone(),
        pid: tape.input(found.len(), 6, &vec![0.0; 6 * found.len()]).unwrap(),
        momentum: std::array::from_fn(|index| leaves[index + 1].clone()),
        states: Vec::new(),
    };
    let events = rows.offsets.len() - 1;
    let jets =
        (0..events).map(|e| truth.jets_of(rows.offsets[e] as usize..rows.offsets[e + 1] as usize)).sum::<usize>();
    let step = Step { elements: 1.0, particles: 1.0, events: events as f64, jets: jets as f64, seed: 7 };
    let (total, terms) = loss(&tape, &outputs, rows, truth, &CLASSES, config, step).unwrap();
    let gradients = tape.backward(&total, &mut []).unwrap();
    let mut all = Vec::new();
    for row in 0..found.len() {
        let of = |leaf: &Value, at: usize| gradients.of(leaf).map_or(0.0, |gradient| gradient[at]);
        all.extend([of(&leaves[0], 2 * row), of(&leaves[0], 2 * row + 1)]);
        all.extend((1..6).map(|index| of(&leaves[index], row)));
    }
    (terms, all)
}

/// Nothing but these terms.
fn only(sliced_wasserstein: f32, met: f32, jets: f32) -> LossConfig {
    let none = LossConfig { binary: 0.0, pid: 0.0, momentum: [0.0; 5], projections: 40, ..LossConfig::default() };
    LossConfig { sliced_wasserstein, met, jets, ..none }
}

/// What is found if all is right and presence is sure.
fn perfect(rows: &Rows, truth: &Truth) -> Vec<Row> {
    let row = |row: usize| {
        let sure = if truth.classes[row] != 0 { 30.0 } else { -30.0 };
        let [ratio, eta, sine, cosine, energy] = truth.momentum.each_ref().map(|list| list[row]);
        [0.0, sure, ratio, eta, sine, cosine, energy]
    };
    (0..rows.len()).map(row).collect()
}

/// Two jets and a few soft particles, and an event without a jet.
fn sample() -> (Rows, Truth) {
    events(&[
        &[
            (20.0, 0.5, 0.1, Some(1.1)),
            (6.0, 0.6, 0.2, Some(0.9)),
            (2.0, 0.4, 0.0, None),
            (15.0, -1.0, 2.9, Some(1.0)),
            (8.0, -1.1, 3.1, Some(1.3)),
            (0.7, 2.0, -1.5, Some(1.0)),
        ],
        &[(1.0, 0.0, 1.0, Some(1.0)), (2.0, 1.0, -2.0, Some(0.8)), (0.5, -0.4, 0.3, None)],
    ])
}

/// Outputs that are wrong in every way.
fn wrong(rows: &Rows, truth: &Truth) -> Vec<Row> {
    let mut found = perfect(rows, truth);
    for (at, row) in found.iter_mut().enumerate() {
        let unit = |index: usize| ((at * 7 + index) * 37 % 101) as f32 / 101.0 - 0.5;
        *row = std::array::from_fn(|index| match index {
            0 | 1 => 3.0 * unit(index),
            index => row[index] + 0.6 * unit(index),
        });
    }
    found
}

#[test]
fn what_is_right_costs_nothing() {
    let (rows, truth) = sample();
    let (terms, _) = judge(&only(1.0, 1.0, 1.0), &rows, &truth, &perfect(&rows, &truth));
    println!("{TERMS:?} {terms:?}");
    assert!(terms[8] < 1e-4 && terms[9] < 1e-9 && terms[10] < 1e-9, "{terms:?}");
    assert_eq!(judge(&LossConfig::default(), &rows, &truth, &wrong(&rows, &truth)).0[8..], [0.0; 3]);
}

#[test]
fn jets_are_those_of_the_targets() {
    let (_, truth) = sample();
    // the hardest first: 22 + 5.4 GeV, 15 + 10.4 GeV
    assert_eq!(truth.jets, [0, 0, NO_JET, 1, 1, NO_JET, NO_JET, NO_JET, NO_JET]);
    assert_eq!([truth.jets_of(0..6), truth.jets_of(6..9)], [2, 0]);
}

#[test]
fn missing_transverse_momentum_by_hand() {
    // an element of 10 GeV along x is a particle of 10 GeV, found with probability 1/2 and a ratio of 2: nothing is missing
    let (rows, truth) = events(&[&[(10.0, 0.0, 0.0, Some(1.0))]]);
    let ln_2 = 2.0_f32.ln();
    let row = |ratio: f32| [[0.3, 0.3, ratio, 0.0, 0.0, 1.0, 0.0]];
    let (terms, _) = judge(&only(0.0, 1.0, 0.0), &rows, &truth, &row(ln_2));
    assert!(terms[9].abs() < 1e-6, "{terms:?}");
    // with a ratio of 1 there are 5 GeV too few: 5 - 1/2; per unit of the logit 10 GeV times 1/4, of the ratio 5 GeV
    let (terms, gradient) = judge(&only(0.0, 2.0, 0.0), &rows, &truth, &row(0.0));
    assert!((terms[9] - 2.0 * 4.5).abs() < 1e-6 && (terms[0] - terms[9]).abs() < 1e-9, "{terms:?}");
    let expected = [5.0, -5.0, -10.0, 0.0, 0.0, 0.0, 0.0];
    assert!(gradient.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5), "{gradient:?}");
    // 0.6 GeV too many: half of the square
    let (terms, _) = judge(&only(0.0, 1.0, 0.0), &rows, &truth, &row((2.0_f32 * 1.06).ln()));
    assert!((terms[9] - 0.18).abs() < 1e-5, "{terms:?}");
}

#[test]
fn jets_by_hand() {
    // a jet of 9.9 GeV of which half is found: ln (5 / 10) with 0.1 GeV on both
    let (rows, truth) = events(&[&[(9.9, 0.0, 0.0, Some(1.0))]]);
    let ratio = (4.9_f32 / 9.9).ln();
    let (terms, gradient) = judge(&only(0.0, 0.0, 1.0), &rows, &truth, &[[0.0, 40.0, ratio, 0.0, 0.0, 1.0, 0.0]]);
    let ln_half = 0.5_f64.ln();
    assert!((terms[10] - 0.5 * ln_half * ln_half).abs() < 1e-6, "{terms:?}");
    // by the ratio: ln (1/2) times 4.9 / 5
    assert!((f64::from(gradient[2]) - ln_half * 0.98).abs() < 1e-5, "{gradient:?}");
}

#[test]
fn gradients_of_events_are_those_of_differences() {
    let (rows, truth) = sample();
    let found = wrong(&rows, &truth);
    for (index, config) in [(8, only(1.0, 0.0, 0.0)), (9, only(0.0, 1.0, 0.0)), (10, only(0.0, 0.0, 1.0))] {
        let (terms, gradient) = judge(&config, &rows, &truth, &found);
        assert!(terms[index] > 0.1, "{terms:?}");
        let scale = gradient.iter().fold(0.0_f32, |a, b| a.max(b.abs()));
        let mut worst = 0.0_f64;
        for at in 0..7 * rows.len() {
            let moved = |step: f32| {
                let mut moved = found.clone();
                moved[at / 7][at % 7] += step;
                judge(&config, &rows, &truth, &moved).0[index]
            };
            let expected = (moved(2e-3) - moved(-2e-3)) / 4e-3;
            worst = worst.max((f64::from(gradient[at]) - expected).abs() / f64::from(scale));
        }
        println!("{}: {worst:.1e} of {scale:.2e}", TERMS[index]);
        assert!(worst < 5e-3, "{}: {worst:.1e}", TERMS[index]);
        assert!(gradient.chunks(7).filter(|row| row.iter().any(|g| *g != 0.0)).count() >= 4);
    }
}

#[test]
fn padding_rows_are_no_part_of_events() {
    let (rows, truth) = sample();
    let found = wrong(&rows, &truth);
    let (expected, _) = judge(&only(1.0, 1.0, 1.0), &rows, &truth, &found);
    // a row of padding at the end of each event
    let (mut padded, mut longer, mut outputs) = (rows.clone(), truth.clone(), found.clone());
    padded.real = vec![true; rows.len()];
    for at in [9, 6] {
        padded.elements.insert(at, [0.0; 5]);
        padded.types.insert(at, u32::MAX);
        padded.real.insert(at, false);
        longer.classes.insert(at, 3);
        longer.pt.insert(at, 50.0);
        longer.jets.insert(at, NO_JET);
        longer.momentum.iter_mut().for_each(|list| list.insert(at, 1.0));
        outputs.insert(at, [0.0, 5.0, 1.0, 1.0, 1.0, 1.0, 1.0]);
    }
    padded.offsets = vec![0, 7, 11];
    let (terms, _) = judge(&only(1.0, 1.0, 1.0), &padded, &longer, &outputs);
    assert_eq!(terms, expected);
}

#[test]
fn losses_of_jets_need_jets() {
    let (rows, mut truth) = sample();
    truth.jets.clear();
    let (weights, pool) = (Weights::new(0), Pool::default());
    let tape = Tape::new(&weights, &pool, Mode::Inference);
    let column = |columns: usize| tape.input(rows.len(), columns, &vec![0.1; columns * rows.len()]).unwrap();
    let outputs =
        Outputs { binary: column(2), pid: column(6), momentum: [0; 5].map(|_| column(1)), states: Vec::new() };
    let error = loss(&tape, &outputs, &rows, &truth, &CLASSES, &only(0.0, 0.0, 1.0), Step::default());
    let message = error.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(message.contains("jets of targets"), "{message}");
}
