//! Modes, bins and lists of `tau spectrum` against counts made anew from the files.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::needless_range_loop)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, Int32Array, RecordBatch};
use recoil_root::RootFile;
use recoil_stage::config::Given;
use recoil_stage::{Outcome, Registry, Request, RunOptions, StageError};
use recoil_table::{Address, Batch, ReadOptions, create};
use recoil_tau::stages;

fn run(name: &str, words: &[String], output: &Path) -> Result<Outcome, StageError> {
    let registry = Registry::new(stages::all());
    let stage = registry.find(name)?;
    let request = Request {
        given: words.iter().map(|word| Given::Word(word.clone())).collect(),
        inputs: Vec::new(),
        output: Some(output.to_path_buf()),
        seed: None,
    };
    stage.execute(&stage.prepare(&request)?, &RunOptions::default())
}

struct Samples {
    folder: tempfile::TempDir,
    batches: Vec<Batch>,
}

impl Samples {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let datasets = "datasets=[{name: TT, sample: TT, files: 2}, {name: DY, sample: DY, files: 1}]";
        let words = [datasets, "candidates=700", "format=parquet"].map(str::to_owned);
        run("tau simulate", &words, &folder.path().join("sim")).unwrap();
        let files = ["TT/eventTuple_0", "TT/eventTuple_1", "DY/eventTuple_0"];
        let batches = files.map(|file| {
            let path = folder.path().join("sim").join(format!("{file}.parquet"));
            boost(&path);
            recoil_table::open(path.to_str().unwrap(), &ReadOptions::default()).unwrap().read_all().unwrap()
        });
        Self { folder, batches: batches.to_vec() }
    }

    fn spectrum(&self, name: &str, words: &[&str]) -> PathBuf {
        let output = self.folder.path().join(name);
        let mut all = vec![format!("files.input_dir=[{}]", self.folder.path().join("sim").display())];
        all.extend(words.iter().map(|word| (*word).to_owned()));
        run("tau spectrum", &all, &output).unwrap();
        output
    }
}

/// Gives two of three candidates of a file a boosted tau, with the direction and momentum of the jet.
fn boost(path: &Path) {
    let address = path.to_str().unwrap();
    let batch = recoil_table::open(address, &ReadOptions::default()).unwrap().read_all().unwrap();
    let records = batch.records();
    let schema = records.schema();
    let columns = schema.fields().iter().zip(records.columns()).map(|(field, column)| -> ArrayRef {
        let of = |name: &str| records.column_by_name(name).unwrap().clone();
        match field.name().as_str() {
            "boostedTau_pt" => of("jet_pt"),
            "boostedTau_eta" => of("jet_eta"),
            "boostedTau_index" => Arc::new(Int32Array::from_iter_values(
                (0..batch.rows() as i32).map(|row| if row % 3 == 2 { -1 } else { row }),
            )),
            _ => column.clone(),
        }
    });
    let changed = RecordBatch::try_new(schema.clone(), columns.collect()).unwrap();
    let mut writer = create(&Address::of_path(path).unwrap(), &changed.schema()).unwrap();
    writer.write(&changed).unwrap();
    writer.finish(None).unwrap();
}

fn at(batch: &Batch, name: &str, row: usize) -> f64 {
    batch.scalar_as::<f64>(name).unwrap()[row]
}

/// Number of the bin with flow bins, as ROOT finds it.
fn bin(value: f64, bins: usize, low: f64, high: f64) -> usize {
    if value < low {
        0
    } else if value >= high {
        bins + 1
    } else {
        1 + ((value - low) / (high - low) * bins as f64) as usize
    }
}

fn distance(a: [f64; 2], b: [f64; 2]) -> f64 {
    let turn = (a[1] - b[1]).rem_euclid(std::f64::consts::TAU);
    (a[0] - b[0]).hypot(turn.min(std::f64::consts::TAU - turn))
}

/// Class of the candidate by the rules of the field.
fn tau_class(batch: &Batch, row: usize) -> Option<&'static str> {
    let get = |name: &str| at(batch, name, row);
    if get("tau_index") < 0.0 {
        return None;
    }
    if get("genLepton_index") >= 0.0 {
        let apart = distance([get("tau_eta"), get("tau_phi")], [get("genLepton_vis_eta"), get("genLepton_vis_phi")]);
        let (kind, pt) = (get("genLepton_kind") as i32, get("genLepton_vis_pt"));
        return match kind {
            _ if apart > 0.2 => None,
            1 | 3 if pt >= 8.0 => Some("e"),
            2 | 4 if pt >= 8.0 => Some("mu"),
            5 if pt >= 15.0 => Some("tau"),
            _ => None,
        };
    }
    (get("genJet_index") >= 0.0).then_some("jet")
}

/// Class of the jet; the vertex is that of the first tau of the decay chain.
fn jet_class(batch: &Batch, row: usize) -> Option<&'static str> {
    let get = |name: &str| at(batch, name, row);
    if get("jet_index") < 0.0 || get("jet_pt") <= 20.0 || get("jet_eta").abs() >= 2.4 {
        return None;
    }
    if get("genLepton_index") < 0.0 {
        let good = get("genJet_index") >= 0.0 && get("genJet_pt") > 20.0 && get("genJet_eta").abs() < 2.4;
        return good.then_some("jet");
    }
    let list =
        |name: &str| -> Vec<f64> { batch.list_as::<f64>(&format!("genParticle_{name}")).unwrap().row(row).to_vec() };
    let (id, last) = (list("pdgId"), list("isLastCopy"));
    let vertex = (0..id.len())
        .find(|i| id[*i].abs() == 15.0 && last[*i] != 0.0)
        .map(|i| ["x", "y", "z"].map(|axis| list(&format!("vtx_{axis}"))[i]));
    let inside = vertex.is_none_or(|[x, y, z]| z.abs() < 100.0 && x.hypot(y) < 50.0);
    let apart = distance([get("jet_eta"), get("jet_phi")], [get("genLepton_vis_eta"), get("genLepton_vis_phi")]);
    (get("genLepton_kind") == 5.0 && get("genLepton_vis_pt") > 10.0 && inside && apart < 0.4).then_some("tau")
}

type Counts = BTreeMap<&'static str, BTreeMap<(usize, usize), f64>>;

/// Compares the histograms of a data set with `expected` and the number of rows without a class.
fn compare(what: &str, file: &Path, prefix: &str, expected: &Counts, not_valid: f64, shape: [usize; 2]) {
    let file = RootFile::open(file).unwrap();
    for class in ["e", "mu", "tau", "jet"] {
        let name = format!("{prefix}{class}");
        let Some(counts) = expected.get(class) else {
            assert!(file.hist2(&name).map_or(true, |hist| hist.entries == 0.0), "{what}: {name}");
            continue;
        };
        let hist = file.hist2(&name).unwrap();
        assert_eq!(hist.contents.len(), (shape[0] + 2) * (shape[1] + 2), "{what}: {name}");
        for (index, found) in hist.contents.iter().enumerate() {
            let place = (index % (shape[0] + 2), index / (shape[0] + 2));
            assert_eq!(*found, counts.get(&place).copied().unwrap_or(0.0), "{what}: {name} in {place:?}");
        }
        assert_eq!(hist.entries, counts.values().sum::<f64>(), "{what}: {name}");
    }
    assert_eq!(file.hist1("not_valid").unwrap().entries, not_valid, "{what}");
}

#[test]
fn spectra_of_every_mode_and_binning() {
    let samples = Samples::new();
    let finer = ["pt_hist=[37, 20, 420]", "eta_hist=[11, 0, 2.2]"];
    for (mode, prefix, kinematics) in [
        ("tau", "eta_pt_hist_", ["tau_eta", "tau_pt"]),
        ("boostedTau", "boostedTau_eta_pt_hist_", ["boostedTau_eta", "boostedTau_pt"]),
        ("jet", "jet_eta_pt_hist_", ["jet_eta", "jet_pt"]),
    ] {
        let word = format!("mode={mode}");
        let folder = samples.spectrum(mode, &[&word, finer[0], finer[1]]);
        for (dataset, batches) in [("TT", &samples.batches[..2]), ("DY", &samples.batches[2..])] {
            let (mut expected, mut not_valid) = (Counts::new(), 0.0);
            for batch in batches {
                for row in 0..batch.rows() {
                    let class = match mode {
                        "jet" => jet_class(batch, row),
                        "boostedTau" => tau_class(batch, row).filter(|_| at(batch, "boostedTau_index", row) >= 0.0),
                        _ => tau_class(batch, row),
                    };
                    let Some(class) = class else {
                        not_valid += 1.0;
                        continue;
                    };
                    let (eta, pt) = (at(batch, kinematics[0], row).abs(), at(batch, kinematics[1], row));
                    let place = (bin(eta, 11, 0.0, 2.2), bin(pt, 37, 20.0, 420.0));
                    *expected.entry(class).or_default().entry(place).or_default() += 1.0;
                }
            }
            compare(mode, &folder.join(format!("{dataset}.root")), prefix, &expected, not_valid, [11, 37]);
        }
    }
}

#[test]
fn files_and_folders_are_left_out_by_name() {
    let samples = Samples::new();
    let entries = |name: &str, words: &[&str]| -> Vec<String> {
        let text = std::fs::read_to_string(samples.spectrum(name, words).join("entries.txt")).unwrap();
        let mut lines: Vec<String> = text.lines().map(|line| line.rsplit("sim/").next().unwrap().to_owned()).collect();
        lines.sort();
        lines
    };
    let all = ["DY/eventTuple_0.parquet 700", "TT/eventTuple_0.parquet 700", "TT/eventTuple_1.parquet 700"];
    assert_eq!(entries("all", &[]), all);
    assert_eq!(entries("files", &["files.exclude_list=[eventTuple_0.parquet]"]), all[2..]);
    assert_eq!(entries("folders", &["files.exclude_dir_list=[TT]"]), all[..1]);
    assert_eq!(entries("pattern", &["files.file_name_pattern='.*TT/.*_0.parquet'"]), all[1..2]);
}
