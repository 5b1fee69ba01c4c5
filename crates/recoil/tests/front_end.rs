//! The front end in the trigger chain, through the command line.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn recoil(folder: &Path, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_recoil")).current_dir(folder).args(words).output().unwrap()
}

fn works(folder: &Path, words: &[&str]) -> String {
    let output = recoil(folder, words);
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn fails(folder: &Path, words: &[&str], code: i32) -> String {
    let output = recoil(folder, words);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{words:?}: {text}");
    text
}

#[test]
fn cells_are_compressed_before_they_are_clustered() {
    let dir = tempfile::tempdir().unwrap();
    let here = dir.path();
    works(here, &["hgcal", "simulate", "-o", "sim", "--events", "30", "form=ntuple"]);
    let run = ["hgcal", "run", "--input", "sim/ntuple.root", "-o"];
    let report = works(here, &[&run[..], &["best", "frontend.algorithm=best_choice", "frontend.links=2"]].concat());
    assert!(report.contains("bits_per_wafer") && report.contains("64"), "{report}");
    let rows = |name: &str| {
        let count = works(here, &["table", "schema", name, "--json"]);
        let json: serde_json::Value = serde_json::from_str(&count).unwrap();
        json["rows"].as_u64().unwrap_or_default()
    };
    assert!(rows("best/tcs.parquet") > 0 && rows("best/clusters.parquet") > 20);
    let again = [&run[..], &["again", "frontend.algorithm=best_choice", "frontend.links=2", "--threads", "1"]].concat();
    works(here, &again);
    for name in ["clusters.parquet", "assignment.parquet", "tcs.parquet"] {
        assert!(
            std::fs::read(here.join("best").join(name)).unwrap()
                == std::fs::read(here.join("again").join(name)).unwrap()
        );
    }
    // the program has an autoencoder of its own
    works(here, &[&run[..], &["own", "frontend.algorithm=autoencoder", "frontend.links=3"]].concat());
    // mistakes name what to do
    let error =
        fails(here, &[&run[..], &["x", "frontend.algorithm=autoencoder", "frontend.model=nowhere"]].concat(), 3);
    assert!(error.contains("nowhere/links2") && error.contains("recoil econt train"), "{error}");
    let error = fails(here, &[&run[..], &["x", "frontend.algorithm=threshold", "frontend.links=20"]].concat(), 2);
    assert!(error.contains("frontend.links must be 1 to 13"), "{error}");
    assert!(!here.join("x").exists());
}

/// The shipped production, made small.
#[test]
fn the_comparison_of_compressions_is_a_production() {
    let shipped = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../workflows/compression.yaml");
    let dir = tempfile::tempdir().unwrap();
    let here = dir.path();
    let text = std::fs::read_to_string(&shipped).unwrap();
    let mut small = String::new();
    for line in text.lines() {
        let few = line.contains("events:").then(|| line.split("events: ").nth(1)).flatten().map(|rest| {
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            line.replacen(&format!("events: {digits}"), "events: 3", 1)
        });
        let line = few.unwrap_or_else(|| line.to_owned());
        let epochs = line.split("epochs: ").nth(1).map(|rest| {
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            line.replacen(&format!("epochs: {digits}"), "epochs: 1", 1)
        });
        small += &epochs.unwrap_or(line);
        small.push('\n');
    }
    assert_ne!(small, text);
    std::fs::write(here.join("compression.yaml"), small).unwrap();
    works(here, &["production", "validate", "compression.yaml"]);
    // a model is named by the configuration; the scan waits for the training all the same
    works(here, &["production", "run", "compression.yaml", "--no-progress"]);
    for links in 2..=5 {
        assert!(here.join(format!("models/links{links}/model.json")).exists());
    }
    let table = std::fs::read_to_string(here.join("pu200/scan.csv")).unwrap();
    let lines: Vec<&str> = table.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(lines[0].starts_with("frontend.algorithm,frontend.links,"), "{}", lines[0]);
    assert_eq!(lines.len(), 1 + 5 * 4);
    let again = works(here, &["production", "plan", "compression.yaml"]);
    assert!(again.contains("0"), "{again}");
}
