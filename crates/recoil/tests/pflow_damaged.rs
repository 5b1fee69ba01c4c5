//! Damaged files of particle flow through the command line: what is wrong is told with the file; no command stops without a
//! word, hangs or takes the memory.
//!
//! Few files are tried by default. Many, also made from the files below `RECOIL_REALDATA` if that is set:
//!
//! ```sh
//! RECOIL_MUTATIONS=300 cargo test --release -p recoil --test pflow_damaged -- --nocapture
//! ```

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs)]

mod damage;

use std::fs;
use std::path::{Path, PathBuf};

use damage::{Numbers, Tally, count, damaged, done};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/golden/pflow").join(name)
}

/// Where ROOT files tell their structure: records of trees, branches and descriptions.
fn places(bytes: &[u8]) -> Vec<usize> {
    let marks: [&[u8]; 5] = [b"TTree", b"TBranch", b"TBasket", b"StreamerInfo", b"TRef"];
    (0..bytes.len().saturating_sub(12)).filter(|at| marks.iter().any(|mark| bytes[*at..].starts_with(mark))).collect()
}

/// Takes away what a command has written.
fn clear(folder: &Path, out: &str) {
    let _ = fs::remove_file(folder.join(out));
    let _ = fs::remove_dir_all(folder.join(out));
}

#[test]
fn damaged_root_files() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let mut files = vec![golden("delphes.root"), golden("delphes_plain.root")];
    match std::env::var_os("RECOIL_REALDATA") {
        Some(real) => {
            let of = |name: &str| Path::new(&real).join("mlpf").join(name);
            files.extend(["edm4hep.root", "p8_ee_WW_ecm240_edm4hep.root", "test_FCC_Winter2023.root"].map(of));
        }
        None => println!("files of others are SKIPPED: RECOIL_REALDATA is not set"),
    }
    let originals: Vec<(Vec<u8>, Vec<usize>)> =
        files.iter().map(|path| fs::read(path).unwrap()).map(|bytes| (bytes.clone(), places(&bytes))).collect();
    let (mut numbers, mut tally) = (Numbers(20_263), Tally::default());
    for number in 0..count() {
        let (whole, marks) = &originals[number % originals.len()];
        let (bytes, what) = damaged(&mut numbers, whole, marks);
        let size = bytes.len().max(whole.len());
        fs::write(dir.join("bad.root"), bytes).unwrap();
        clear(dir, "out.parquet");
        let words = ["pflow", "import", "--input", "bad.root", "-o", "out.parquet", "-q", "--field", "2"];
        tally.run(dir, "bad.root", size, &format!("file {number} with {what}"), &words);
    }
    tally.finish("ROOT files");
}

#[test]
fn damaged_tables() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let simulate = ["pflow", "simulate", "--events", "20", "-q"];
    done(dir, &[&simulate[..], &["-o", "links.parquet", "--truth", "links"]].concat());
    done(dir, &[&simulate[..], &["-o", "events.parquet"]].concat());
    done(dir, &["pflow", "baseline", "--input", "events.parquet", "-o", "rules.parquet", "-q"]);
    let small = ["architecture.layers=1", "architecture.heads=2", "--steps", "1", "-q"];
    done(dir, &[&["pflow", "train", "--input", "events.parquet", "-o", "model"], &small[..]].concat());
    let originals = ["links.parquet", "rules.parquet"].map(|name| fs::read(dir.join(name)).unwrap());
    let commands: [&[&str]; 2] = [&["assign-truth"], &["evaluate", "jets", "predict", "blocks", "split", "baseline"]];
    let (mut numbers, mut tally) = (Numbers(20_264), Tally::default());
    for number in 0..count() {
        let (whole, commands) = (&originals[number % 2], commands[number % 2]);
        let (bytes, what) = damaged(&mut numbers, whole, &[whole.len() - 9000, whole.len() - 4000, whole.len() - 100]);
        let size = bytes.len().max(whole.len());
        fs::write(dir.join("bad.parquet"), bytes).unwrap();
        let command = commands[numbers.below(commands.len())];
        let out = if ["evaluate", "split"].contains(&command) { "out" } else { "out.parquet" };
        clear(dir, out);
        let mut words = vec!["pflow", command, "--input", "bad.parquet", "-o", out, "-q"];
        match command {
            "predict" => words.extend(["--model", "model"]),
            "jets" => words.extend(["--prefix", "cand_"]),
            _ => {}
        }
        tally.run(dir, "bad.parquet", size, &format!("table {number} with {what}"), &words);
    }
    tally.finish("tables");
}

#[test]
fn damaged_models() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    done(dir, &["pflow", "simulate", "--events", "20", "-o", "events.parquet", "-q"]);
    let small = ["architecture.layers=1", "architecture.heads=2", "--steps", "1", "-q"];
    done(dir, &[&["pflow", "train", "--input", "events.parquet", "-o", "model"], &small[..]].concat());
    let model = fs::read(dir.join("model/model.safetensors")).unwrap();
    let stored = fs::read(golden("model_attention.safetensors")).unwrap();
    let index = fs::read(golden("models_index.json")).unwrap();
    fs::write(dir.join("model_attention.safetensors"), &stored).unwrap();
    fs::write(dir.join("good.json"), &index).unwrap();
    let head = |bytes: &[u8]| (0..40).map(|at| 8 + at * bytes.len().min(4000) / 40).collect::<Vec<usize>>();
    let (mut numbers, mut tally) = (Numbers(20_265), Tally::default());
    for number in 0..count() {
        let (whole, name) = match number % 3 {
            0 => (&model, "bad.safetensors"),
            1 => (&stored, "model_attention.safetensors"),
            // its name begins as that of the weights, which is told where the description lacks something
            _ => (&index, "model_attention.safetensors.json"),
        };
        let (bytes, what) = damaged(&mut numbers, whole, &head(whole));
        let size = bytes.len().max(whole.len());
        fs::write(dir.join(name), bytes).unwrap();
        clear(dir, "out.parquet");
        clear(dir, "out.safetensors");
        let forward = |config: &'static str| {
            let weights = ["--weights", "model_attention.safetensors", "--config", config];
            [&["pflow", "forward", "-q", "-o", "out.safetensors"], &weights[..]].concat()
        };
        let words = match number % 3 {
            0 => {
                vec!["pflow", "predict", "--model", name, "--input", "events.parquet", "-o", "out.parquet", "-q"]
            }
            1 => forward("good.json"),
            _ => forward("model_attention.safetensors.json"),
        };
        tally.run(dir, name.trim_end_matches(".json"), size, &format!("model {number} with {what}"), &words);
        fs::write(dir.join("model_attention.safetensors"), &stored).unwrap();
    }
    tally.finish("models");
}
