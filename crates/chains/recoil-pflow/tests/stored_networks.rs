//! Stored networks of the reference implementation: states, outputs, losses and gradients come out again.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::path::PathBuf;

use recoil_nn::safetensors::{self, Contents};
use recoil_nn::tape::{Mode, Pool, Tape};
use recoil_pflow::network::loss::{LossConfig, loss};
use recoil_pflow::network::reference::Stored;
use recoil_pflow::network::{Backbone, Outputs, forward};
use serde_json::Value as Json;

fn golden(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../testdata/golden/pflow")).join(name)
}

fn stored(variant: &str) -> (Stored, Contents, Json) {
    let text = std::fs::read_to_string(golden("models_index.json")).unwrap();
    let index: Json = serde_json::from_str(&text).unwrap();
    let contents = safetensors::read(&golden(&format!("model_{variant}.safetensors"))).unwrap();
    let stored = Stored::new(variant, &index[variant], &contents).unwrap();
    assert_eq!(index[variant]["params"].as_u64().unwrap() as usize, trainable(&stored), "{variant}");
    (stored, contents, index[variant].clone())
}

/// Number of parameters as the reference counts them: hashes are none.
fn trainable(stored: &Stored) -> usize {
    let fixed = |name: &str| name.contains(".e2lsh") || name.ends_with(".regions");
    stored.weights.tensors().iter().filter(|t| !fixed(&t.name)).map(|t| t.range.len()).sum()
}

/// Largest difference over the scale of the expected numbers, among rows of these events.
fn difference(contents: &Contents, name: &str, found: &[f32], events: std::ops::Range<usize>) -> f32 {
    let expected = contents.tensor(name).unwrap_or_else(|| panic!("{name} is not stored"));
    assert_eq!(found.len(), expected.values.len(), "{name}");
    let per_event = found.len() / expected.shape[0];
    let range = events.start * per_event..events.end * per_event;
    let pairs = found[range.clone()].iter().zip(&expected.values[range]);
    pairs.map(|(a, b)| (a - b).abs() / b.abs().max(1.0)).fold(0.0, f32::max)
}

fn momentum(outputs: &Outputs) -> Vec<f32> {
    let rows = outputs.binary.rows();
    (0..rows).flat_map(|row| outputs.momentum.iter().map(move |value| value.values()[row])).collect()
}

/// Compares everything; gives the largest differences of states and outputs, and of gradients.
fn compare(variant: &str, events: std::ops::Range<usize>) -> (f32, f32) {
    let (stored, contents, description) = stored(variant);
    let pool = Pool::default();
    let tape = Tape::new(&stored.weights, &pool, Mode::Gradients);
    let outputs = forward(&tape, &stored.architecture, &stored.shape, &stored.rows, true).unwrap();
    let mut worst: f32 = 0.0;
    let mut check = |name: &str, values: &[f32]| {
        let found = difference(&contents, name, values, events.clone());
        println!("{variant} {name}: {found:.2e}");
        worst = worst.max(found);
    };
    for (name, state) in outputs.states.iter().filter(|(name, _)| !name.starts_with("buckets")) {
        check(&format!("act.{name}"), state.values());
    }
    check("out.binary", outputs.binary.values());
    check("out.pid", outputs.pid.values());
    check("out.momentum", &momentum(&outputs));

    let truth = stored.truth.as_ref().unwrap();
    let real = stored.rows.real.iter().filter(|real| **real).count();
    let particles = (0..stored.rows.len()).filter(|r| stored.rows.real[*r] && truth.classes[*r] != 0).count();
    let counts = [real as f64, particles as f64];
    let config = LossConfig::default();
    let (total, terms) = loss(&tape, &outputs, &stored.rows, truth, &stored.shape.classes, &config, counts).unwrap();
    for (name, term) in ["Total", "Classification_binary", "Classification", "Regression_pt"].iter().zip(terms) {
        let expected = description["loss"][name].as_f64().unwrap();
        assert!((term - expected).abs() < 1e-4 * expected.abs().max(1.0), "{variant} {name}: {term} for {expected}");
    }
    let mut gradient = vec![0.0; stored.weights.len()];
    tape.backward(&total, &mut gradient).unwrap();
    let mut worst_gradient: f32 = 0.0;
    let mut compared = 0;
    for tensor in stored.weights.with_names(&gradient, "grad.") {
        let Some(expected) = contents.tensor(&tensor.name) else { continue };
        let scale = expected.values.iter().fold(0.0f32, |a, b| a.max(b.abs())).max(1e-3);
        let found = tensor.values.iter().zip(&expected.values).map(|(a, b)| (a - b).abs() / scale).fold(0.0, f32::max);
        if found > 1e-4 {
            println!("{variant} {}: {found:.2e} of {scale:.2e}", tensor.name);
        }
        worst_gradient = worst_gradient.max(found);
        compared += 1;
    }
    assert!(compared > 80, "{variant}: {compared} gradients");
    println!("{variant}: {worst:.2e}, gradients {worst_gradient:.2e}");
    (worst, worst_gradient)
}

#[test]
fn networks_with_attention() {
    for variant in ["attention", "attention_notaskq_concat", "attention_splitbackbone_joint", "regression_modes"] {
        let (outputs, gradients) = compare(variant, 0..2);
        assert!(outputs < 1e-5 && gradients < 1e-4, "{variant}: {outputs:.2e} {gradients:.2e}");
    }
}

#[test]
fn networks_with_hashed_bins() {
    for variant in ["gnnlsh_gaussian", "gnnlsh_attention_interbin"] {
        let (outputs, gradients) = compare(variant, 0..2);
        assert!(outputs < 1e-5 && gradients < 1e-4, "{variant}: {outputs:.2e} {gradients:.2e}");
    }
}

#[test]
fn networks_with_sorted_blocks() {
    let (outputs, gradients) = compare("heptv2", 0..2);
    assert!(outputs < 1e-5 && gradients < 1e-4, "{outputs:.2e} {gradients:.2e}");
    // The first version moves the second event by 100 in its places, whose squares then leave two digits of a difference:
    // its stored numbers are good to 2e-3 only.
    let (outputs, _) = compare("hept", 0..1);
    assert!(outputs < 1e-5, "{outputs:.2e}");
    let (outputs, gradients) = compare("hept", 0..2);
    assert!(outputs < 5e-3 && gradients < 5e-2, "{outputs:.2e} {gradients:.2e}");
}

#[test]
fn hashes_that_spread_elements() {
    let (mut stored, _, _) = stored("gnnlsh_gaussian");
    let Backbone::GnnLsh(config) = &mut stored.architecture.backbone else { panic!("another backbone") };
    config.spread = true;
    let fixed = safetensors::read(&golden("model_gnnlsh_gaussian_fixed.safetensors")).unwrap();
    let buckets: Json = serde_json::from_str(&std::fs::read_to_string(golden("lsh_buckets.json")).unwrap()).unwrap();
    let pool = Pool::default();
    let tape = Tape::new(&stored.weights, &pool, Mode::Inference);
    let outputs = forward(&tape, &stored.architecture, &stored.shape, &stored.rows, true).unwrap();
    for (layer, layers) in buckets.as_array().unwrap().iter().enumerate() {
        let name = format!("buckets_{layer}");
        let found = &outputs.states.iter().find(|(known, _)| *known == name).unwrap().1;
        let expected: Vec<f32> = layers["fixed"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|e| e.as_array().unwrap())
            .map(|b| b.as_f64().unwrap() as f32)
            .collect();
        let wrong = found.values().iter().zip(&expected).filter(|(a, b)| a != b).count();
        assert_eq!(wrong, 0, "layer {layer}: {wrong} of {} buckets differ", expected.len());
        let mut distinct: Vec<u32> = found.values().iter().map(|b| *b as u32).collect();
        distinct.sort_unstable();
        distinct.dedup();
        println!("layer {layer}: buckets {distinct:?}");
        assert!(distinct.len() > 1);
    }
    for (name, values) in [
        ("out.binary", outputs.binary.values().to_vec()),
        ("out.pid", outputs.pid.values().to_vec()),
        ("out.momentum", momentum(&outputs)),
    ] {
        let worst = difference(&fixed, name, &values, 0..2);
        println!("{name}: {worst:.2e}");
        assert!(worst < 1e-5, "{name}: {worst:.2e}");
    }
}
