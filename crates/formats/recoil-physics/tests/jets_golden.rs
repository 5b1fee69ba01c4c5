//! Jets against fastjet.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use recoil_physics::jets::{Algorithm, Definition, Jet, nearest_within};
use recoil_physics::momentum::FourMomentum;
use serde_json::Value;

fn golden(name: &str) -> Value {
    let path = format!("{}/../../../testdata/golden/pflow/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

fn momentum(value: &Value) -> FourMomentum {
    let n = numbers(value);
    FourMomentum { px: n[0], py: n[1], pz: n[2], energy: n[3] }
}

fn components(p: &FourMomentum) -> [f64; 4] {
    [p.px, p.py, p.pz, p.energy]
}

/// Compares without regard to the order of the jets; returns how many there were.
fn compare(found: &[Jet], expected: &Value) -> usize {
    let jets = expected["jets"].as_array().unwrap();
    let constituents = expected["constituents"].as_array().unwrap();
    assert_eq!(found.len(), jets.len());
    let mut wrong = 0;
    for (jet, members) in jets.iter().zip(constituents) {
        let mut members: Vec<u32> = members.as_array().unwrap().iter().map(|v| v.as_u64().unwrap() as u32).collect();
        members.sort_unstable();
        let same = found.iter().find(|jet| jet.constituents == members);
        let is_near = |jet: &Jet, expected: &FourMomentum| {
            components(&jet.momentum).iter().zip(components(expected)).all(|(a, b)| (a - b).abs() < 1e-9)
        };
        wrong += usize::from(!same.is_some_and(|found| is_near(found, &momentum(jet))));
    }
    assert_eq!(wrong, 0, "{wrong} of {} jets differ", jets.len());
    jets.len()
}

#[test]
fn jets_of_fastjet() {
    let antikt = Definition::new(Algorithm::AntiKt, 0.4).unwrap();
    let genkt = Definition::new(Algorithm::GeneralisedKtEe { power: -1.0 }, 0.4).unwrap();
    let (mut events, mut jets) = (0, 0);
    for event in golden("jets.json").as_array().unwrap() {
        let particles: Vec<FourMomentum> = event["particles"].as_array().unwrap().iter().map(momentum).collect();
        jets += compare(&antikt.cluster(&particles, 3.0), &event["antikt04"]);
        jets += compare(&genkt.cluster(&particles, 5.0), &event["ee_genkt_pm1_04"]);
        events += 1;
    }
    assert_eq!(events, 4);
    assert!(jets > 40, "only {jets} jets were compared");
}

#[test]
fn pairs_of_jets() {
    let mut pairs = 0;
    for event in golden("jet_matching.json").as_array().unwrap() {
        let directions = |eta: &str, phi: &str| -> Vec<(f64, f64)> {
            numbers(&event[eta]).into_iter().zip(numbers(&event[phi])).collect()
        };
        let cut = event["dr_cut"].as_f64().unwrap();
        let found = nearest_within(&directions("eta1", "phi1"), &directions("eta2", "phi2"), cut);
        let first: Vec<f64> = found.iter().map(|pair| pair.first as f64).collect();
        let second: Vec<f64> = found.iter().map(|pair| pair.second as f64).collect();
        assert_eq!((first, second), (numbers(&event["idx1"]), numbers(&event["idx2"])));
        pairs += found.len();
    }
    assert!(pairs > 15);
}
