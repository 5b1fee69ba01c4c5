//! The golden files.

use recoil_iact::coordinates::Direction;
use recoil_iact::irf::events::{Directions, Events};
use recoil_iact::irf::{SimulatedEvents, spectra::Spectrum};
use serde_json::Value;
use std::path::PathBuf;

pub fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../testdata/golden/irf").join(name)
}

/// The numbers of a `.npy` file of doubles, row after row, and its shape.
pub fn array(name: &str) -> (Vec<usize>, Vec<f64>) {
    let bytes = std::fs::read(path(name)).unwrap();
    let length = u16::from_le_bytes([bytes[8], bytes[9]]) as usize;
    let header = std::str::from_utf8(&bytes[10..10 + length]).unwrap();
    assert!(header.contains("'<f8'"), "{header}");
    let shape = header.split("'shape': (").nth(1).unwrap().split(')').next().unwrap();
    let shape: Vec<usize> = shape.split(',').filter_map(|word| word.trim().parse().ok()).collect();
    let values: Vec<f64> =
        bytes[10 + length..].as_chunks::<8>().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect();
    assert_eq!(shape.iter().product::<usize>(), values.len());
    if !header.contains("'fortran_order': True") {
        return (shape, values);
    }
    let [rows, columns] = shape[..] else { panic!("{header}") };
    let values = (0..rows * columns).map(|place| values[place % columns * rows + place / columns]).collect();
    (shape, values)
}

/// The rows of a CSV file of numbers, without its header.
pub fn csv(name: &str) -> Vec<Vec<f64>> {
    let text = std::fs::read_to_string(path(name)).unwrap();
    text.lines().skip(1).map(|line| line.split(',').map(|word| word.parse().unwrap()).collect()).collect()
}

pub fn json() -> Value {
    let text = std::fs::read_to_string(path("irf_golden.json")).unwrap();
    // Python writes infinite numbers as words
    let text = text.replace("-Infinity", "\"-inf\"").replace("Infinity", "\"inf\"").replace("NaN", "\"nan\"");
    serde_json::from_str(&text).unwrap()
}

/// A number, also one that JSON does not know.
pub fn number(value: &Value) -> f64 {
    match value {
        Value::String(word) => word.parse().unwrap(),
        Value::Null => f64::NAN,
        value => value.as_f64().unwrap(),
    }
}

pub fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(number).collect()
}

pub const KINDS: [(&str, Spectrum); 3] =
    [("gamma", Spectrum::CrabHegra), ("proton", Spectrum::Proton), ("electron", Spectrum::Electron)];

pub const SECONDS: f64 = 50.0 * 3600.0;

pub fn simulated(golden: &Value, kind: &str) -> SimulatedEvents {
    let own = &golden["sim"][kind];
    let pair = |key: &str| (own[key][0].as_f64().unwrap(), own[key][1].as_f64().unwrap());
    SimulatedEvents {
        showers: own["n"].as_f64().unwrap(),
        energy: pair("e"),
        index: own["idx"].as_f64().unwrap(),
        max_impact: own["r"].as_f64().unwrap(),
        cone: pair("cone"),
    }
}

/// Events with their weights.
pub fn events(golden: &Value, kind: &str, spectrum: Spectrum) -> Events {
    let (shape, values) = array(&format!("irf_events_{kind}.npy"));
    let columns: Vec<&str> = golden["columns"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    let place = |name: &str| columns.iter().position(|column| *column == name).unwrap();
    let mut events = Events::default();
    for row in values.chunks_exact(shape[1]) {
        let of = |name: &str| row[place(name)];
        let directions = Directions {
            source: Direction { alt: of("true_alt"), az: of("true_az") },
            reconstructed: Direction { alt: of("reco_alt"), az: of("reco_az") },
            pointing: Direction { alt: of("pointing_alt"), az: of("pointing_az") },
        };
        events.push(of("true_energy"), of("reco_energy"), &directions, of("gh_score"), true);
    }
    let thrown = simulated(golden, kind);
    events.weight = events.true_energy.iter().map(|energy| thrown.weight(spectrum, SECONDS, *energy)).collect();
    events
}

/// Fails with the number of mismatches and the first few.
pub fn compare(what: &str, found: &[f64], expected: &[f64], relative: f64) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let same = |a: f64, b: f64| a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= relative * b.abs();
    let wrong: Vec<String> = found
        .iter()
        .zip(expected)
        .enumerate()
        .filter(|(_, (a, b))| !same(**a, **b))
        .map(|(place, (a, b))| format!("{what}[{place}] is {a:e}, expected {b:e}"))
        .collect();
    let first: Vec<String> = wrong.iter().take(5).cloned().collect();
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), found.len(), first.join("\n"));
}
