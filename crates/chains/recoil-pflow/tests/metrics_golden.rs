//! Figures of merit against numbers of the reference.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use recoil_pflow::evaluation::{Confusion, Spread};
use recoil_physics::angle::delta_phi;
use serde_json::Value;

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap_or(f64::NAN)).collect()
}

#[test]
fn confusion_efficiencies_fakes_and_spreads() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../testdata/golden/pflow/metrics.json");
    let golden: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut confusion = Confusion::new(6);
    for (truth, found) in numbers(&golden["y"]).iter().zip(numbers(&golden["p"])) {
        confusion.fill(*truth as usize, found as usize);
    }
    for (truth, row) in golden["confusion"].as_array().unwrap().iter().enumerate() {
        let found: Vec<f64> = (0..6).map(|found| confusion.count(truth, found) as f64).collect();
        assert_eq!(found, numbers(row));
    }
    let near = |a: f64, b: f64| (a - b).abs() < 1e-12 || a.is_nan() && b.is_nan();
    for (class, name) in [(1, "chhad"), (2, "nhad"), (3, "gamma"), (4, "ele"), (5, "mu")] {
        let expected = numbers(&golden["eff_fake"][name]);
        let found = [confusion.efficiency(class).unwrap().value, confusion.fake(class).unwrap().value];
        assert!(near(found[0], expected[0]) && near(found[1], expected[1]), "{name}: {found:?} for {expected:?}");
    }
    let presence = numbers(&golden["presence"]);
    assert!(near(confusion.presence_efficiency().unwrap().value, presence[0]));
    assert!(near(confusion.presence_fake().unwrap().value, presence[1]));
    let spread = Spread::of(&numbers(&golden["med_iqr_in"]));
    let expected = numbers(&golden["med_iqr"]);
    assert!(near(spread.median.unwrap(), expected[0]) && near(spread.iqr.unwrap(), expected[1]));
    for row in golden["deltaphi"].as_array().unwrap() {
        let row = numbers(row);
        assert!(near(delta_phi(row[0], row[1]), row[2]), "{row:?}");
    }
}
