//! Figures of merit against numbers of the reference.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use recoil_pflow::evaluation::{Confusion, JetMeasures, Spread};
use recoil_pflow::particles::{ParticleList, ParticleReader};
use recoil_physics::angle::delta_phi;
use recoil_physics::jets::{Algorithm, Definition};
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

#[test]
fn targets_make_the_jets_of_the_generator() {
    let particles = |name: &str, prefix: &str| -> Vec<ParticleList> {
        let path = format!("{}/../../../testdata/golden/pflow/{name}", env!("CARGO_MANIFEST_DIR"));
        let mut reader = ParticleReader::open(&path, prefix, "event").unwrap();
        std::iter::from_fn(|| reader.next_events().unwrap()).flatten().collect()
    };
    let generated = particles("toypf_test20_gen.parquet", "");
    assert_eq!(generated.iter().map(|list| list.momenta.len()).sum::<usize>(), 1832);
    let definition = Definition::new(Algorithm::AntiKt, 0.4).unwrap();
    // medians, widths and shares of the reference for 1,000 events of which these are the first 20
    for (prefix, median, width, matched) in [("t_", 0.996, 0.013, 0.978), ("c_", 1.006, 0.111, 0.936)] {
        let mut measures = JetMeasures::default();
        for (generated, found) in generated.iter().zip(particles("toypf_test20_elements.parquet", prefix)) {
            assert_eq!(generated.event, found.event);
            measures.add(&definition.cluster(&generated.momenta, 5.0), &definition.cluster(&found.momenta, 5.0));
        }
        let ratios: Vec<f64> = measures.ratios.iter().map(|ratio| ratio.ratio).collect();
        let spread = Spread::of(&ratios);
        let (found, relative, share) =
            (spread.median.unwrap(), spread.relative().unwrap(), measures.matched().unwrap());
        assert!((found - median).abs() < 2.0 * width / (ratios.len() as f64).sqrt(), "{prefix}: {found} {median}");
        assert!(relative < 1.5 * width && relative > 0.5 * width, "{prefix}: {relative} {width}");
        let error = (matched * (1.0 - matched) / measures.references as f64).sqrt();
        assert!((share - matched).abs() < 3.0 * error, "{prefix}: {share} {matched}");
    }
}
