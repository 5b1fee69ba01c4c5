//! Results against those of the programs that the field uses today.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod grid;
mod scaling;
mod shuffle;
mod spectrum;
mod validation;
mod weights;

use std::path::PathBuf;

use serde_json::Value as Json;

fn golden(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../testdata/golden/tau")).join(name)
}

fn json(name: &str) -> Json {
    serde_json::from_str(&std::fs::read_to_string(golden(name)).unwrap()).unwrap()
}

/// Fails with the number of mismatches and the first few.
fn none(what: &str, compared: usize, mismatches: &[String]) {
    println!("{what}: {compared} compared, {} mismatches", mismatches.len());
    let first: Vec<&String> = mismatches.iter().take(10).collect();
    assert!(mismatches.is_empty(), "{what}: {} of {compared} differ: {first:#?}", mismatches.len());
    assert!(compared > 0, "{what}: nothing was compared");
}
