//! `recoil tau` through the command line: from generated samples to network inputs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value as Json;

fn recoil(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_recoil")).args(words).output().unwrap()
}

fn works(words: &[&str]) -> Json {
    let output = recoil(&[words, &["--json", "-q"]].concat());
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn fails(words: &[&str], code: i32) -> String {
    let output = recoil(words);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{words:?}: {text}");
    text
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    /// Generated samples and their spectra.
    fn with_samples(candidates: &str) -> Self {
        let folder = Self::new();
        works(&["tau", "simulate", "-o", &folder.file("sim"), "--candidates", candidates]);
        works(&["tau", "spectrum", "--input-dir", &folder.file("sim"), "-o", &folder.file("spectra")]);
        folder
    }

    fn merge(&self, name: &str, words: &[&str]) -> Json {
        let (list, cfg) = (self.file("spectra/entries.txt"), self.file("sim/groups.cfg"));
        let (prefix, spectra) = (self.file("sim"), self.file("spectra"));
        let all = ["tau", "shuffle-merge", "--input", &list, "--cfg", &cfg, "--prefix", &prefix];
        let bins = ["--pt-bins", "20,30,40,60,1000", "--eta-bins", "0,1.2,2.4", "--enable-emptybin", "true"];
        works(&[&all[..], &bins, &["--input-spec", &spectra, "-o", &self.file(name)], words].concat())
    }
}

fn same(a: &str, b: &str) -> bool {
    std::fs::read(a).unwrap() == std::fs::read(b).unwrap()
}

#[test]
fn from_samples_to_network_inputs() {
    let folder = Folder::with_samples("400");
    let predicted = folder.merge("planned", &["--dry-run"]);
    assert!(!Path::new(&folder.file("planned")).exists());
    let expected = predicted["prediction"]["values"]["rows_expected"].as_f64().unwrap();
    let merged = folder.merge("merged", &[]);
    let (read, written) = (&merged["values"]["rows_read"], merged["values"]["rows_written"].as_f64().unwrap());
    assert_eq!(read, 8000);
    // every kept row is a draw of its own
    assert!((written - expected).abs() < 5.0 * expected.sqrt(), "{written} instead of {expected}");
    let unread: i64 =
        merged["tables"]["groups"].as_array().unwrap().iter().map(|g| g["rows not read"].as_i64().unwrap()).sum();
    assert_eq!(unread, 0);

    let sample = folder.file("merged/merged_0.root");
    let hashes = folder.file("merged/datagroup_hash.json");
    let report = works(&[
        "tau",
        "validate",
        "--candidates",
        &sample,
        "--group_id_json",
        &hashes,
        "--nsplit",
        "10",
        "-o",
        &folder.file("validated"),
    ]);
    assert!(report["values"]["global_p_value"].as_f64().unwrap() > 1e-3);
    assert!(std::fs::read_to_string(folder.file("validated/report.html")).unwrap().contains("All parts"));

    let scaled = works(&["tau", "scale", "--input", &sample, "-o", &folder.file("scaled")]);
    assert_eq!(scaled["values"]["bad_files"], 0);
    let scaling = folder.file("scaled/scaling_params_v1.json");
    for (name, threads) in [("a", "1"), ("b", "2")] {
        let out = folder.file(&format!("{name}.parquet"));
        let words = ["tau", "batches", "--input", &sample, "--scaling", &scaling, "-o", &out, "--threads", threads];
        let made = works(&words);
        assert_eq!(made["values"]["candidates"].as_f64().unwrap(), written);
        assert!(made["values"]["outer_cells_per_candidate"].as_f64().unwrap() > 5.0);
    }
    assert!(same(&folder.file("a.parquet"), &folder.file("b.parquet")));
}

#[test]
fn jobs_differ_and_are_the_same_again() {
    let folder = Folder::with_samples("300");
    let refill = ["--refill-spectrum", "true", "--n-jobs", "2", "--format", "parquet"];
    for (name, job, threads) in [("one", "0", "1"), ("again", "0", "2"), ("two", "1", "1")] {
        folder.merge(name, &[&refill[..], &["--job-idx", job, "--threads", threads]].concat());
    }
    assert!(same(&folder.file("one/merged_0.parquet"), &folder.file("again/merged_0.parquet")));
    let (one, two) = (folder.file("one/merged_0.parquet"), folder.file("two/merged_1.parquet"));
    let rows = |file: &str| {
        let batch = recoil_table::open(file, &recoil_table::ReadOptions::default().columns(["evt", "tau_pt"]));
        let batch = batch.unwrap().read_all().unwrap();
        let (events, pt) = (batch.scalar_as::<u64>("evt").unwrap(), batch.scalar_as::<f32>("tau_pt").unwrap());
        events
            .iter()
            .zip(pt.iter())
            .map(|(event, pt)| (*event, pt.to_bits()))
            .collect::<std::collections::BTreeSet<_>>()
    };
    assert!(rows(&one).is_disjoint(&rows(&two)));
    // a fixed order ends with the first group, and says so
    let ended = folder.merge("fixed", &["order=fixed_shares"]);
    assert!(ended["values"]["exhausted_group"].is_string());
    assert!(ended["warnings"][0]["message"].as_str().unwrap().contains("has no rows left"));
}

#[test]
fn bad_files_stop_or_are_left_out() {
    let folder = Folder::new();
    works(&["tau", "simulate", "-o", &folder.file("sim"), "--candidates", "50"]);
    let good = folder.file("sim/TTJets/eventTuple_0.root");
    let bad = folder.file("sim/TTJets/eventTuple_1.root");
    let whole = std::fs::read(&bad).unwrap();
    std::fs::write(&bad, &whole[..whole.len() / 3]).unwrap();
    let words = ["tau", "spectrum", "--input", &good, "--input", &bad, "-o", &folder.file("spectra")];
    assert!(fails(&words, 3).contains("eventTuple_1.root"));
    let skipped = works(&[&words[..], &["--on-bad-file", "skip"]].concat());
    assert_eq!(skipped["values"]["bad_files"], 1);
    assert_eq!(skipped["values"]["rows"], 50);

    let poor = folder.file("poor.root");
    works(&["tau", "import", "--input", &good, "--disabled-branches", "pfCand_dxy", "-o", &poor]);
    let error = fails(&["tau", "scale", "--input", &poor, "-o", &folder.file("scaled")], 3);
    assert!(error.contains("pfCand_dxy") && error.contains("poor.root"), "{error}");
}

#[test]
fn the_twin_in_parquet_is_the_same() {
    let folder = Folder::new();
    works(&["tau", "simulate", "-o", &folder.file("sim"), "--candidates", "60"]);
    let root = folder.file("sim/DYJetsToLL/eventTuple_0.root");
    let twin = folder.file("twin.parquet");
    let imported = works(&["tau", "import", "--input", &root, "-o", &twin]);
    assert_eq!(imported["values"]["candidates"], 60);
    for (input, out) in [(&root, "a"), (&twin, "b")] {
        works(&["tau", "scale", "--input", input, "-o", &folder.file(out), "figures=false"]);
    }
    assert!(same(&folder.file("a/scaling_params_v1.json"), &folder.file("b/scaling_params_v1.json")));
}

#[test]
fn real_nanoaod_becomes_candidates() {
    let Ok(real) = std::env::var("RECOIL_REALDATA") else {
        println!("SKIPPED: set RECOIL_REALDATA to the folder with the real files");
        return;
    };
    let folder = Folder::new();
    let files = [
        ("nanoAOD_2015_CMS_Open_Data_ttbar.root", Some(81)),
        ("cmsopendata2015_ttbar_19980_NANOAOD_RNTupleImporter_rntuple_v1-0-0-1.root", None),
    ];
    for (name, taus) in files {
        let file = Path::new(&real).join("tau").join(name);
        let out = folder.file(&format!("{name}.parquet"));
        let imported = works(&["tau", "import", "--input", file.to_str().unwrap(), "-o", &out]);
        if let Some(taus) = taus {
            assert_eq!(imported["values"]["candidates"], taus);
            let classes = &imported["tables"]["classes"];
            let count = |class: &str| {
                let row = classes.as_array().unwrap().iter().find(|row| row["class"] == class);
                row.map_or(0, |row| row["candidates"].as_i64().unwrap())
            };
            // Tau_genPartFlav: 7 x 0, 27 x 1, 32 x 2, 3 x 3, 2 x 4, 10 x 5
            assert_eq!(["jet", "e", "mu", "tau"].map(count), [7, 30, 34, 10]);
        }
        works(&["tau", "spectrum", "--input", &out, "-o", &folder.file(&format!("spectra of {name}"))]);
    }

    // the discriminators that the file holds; what is expected was counted with uproot
    let taus = folder.file(&format!("{}.parquet", files[0].0));
    let evaluated = |kind: &str, bits: &str, more: &[&str]| {
        let kinds = format!("vs_types=[{kind}]");
        let bits = format!("columns.bits.{kind}={bits}");
        let all = ["selection=\"\"", "pt_bins=[[15, 1000]]", "dm_bins=[[]]", "columns.truth=tauType"];
        let out = folder.file(&format!("against {kind}"));
        let report = works(
            &[&["tau", "evaluate", "--input", &taus, "-o", &out], &all[..], &[&kinds, &bits, "alias=tt"], more]
                .concat(),
        );
        let text = std::fs::read_to_string(format!("{out}/performance.json")).unwrap();
        let figure = std::fs::read_to_string(format!("{out}/roc_vs_{kind}_0.svg")).unwrap();
        assert!(figure.contains("<svg") && report["values"]["candidates"] == 81);
        serde_json::from_str::<Json>(&text).unwrap()["metrics"].clone()
    };
    let rates = |found: &Json, name: &str| -> Vec<f64> {
        found["roc_wp"][0][name].as_array().unwrap().iter().rev().map(|rate| rate.as_f64().unwrap()).collect()
    };
    let near = |found: &[f64], expected: &[f64]| {
        assert_eq!(found.len(), expected.len());
        // four decimals are written
        let alike = found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-4);
        assert!(alike, "{found:?} instead of {expected:?}");
    };
    let raw = "columns.raw.jet=tau_byIsolationMVArun2017v2DBoldDMwLT2017raw";
    let jets = evaluated("jet", "Tau_idMVAoldDM", &[raw, "bit_names=[VLoose, Loose, Medium, Tight, VTight, VVTight]"]);
    near(&rates(&jets, "true_positive_rate"), &[0.6, 0.5, 0.5, 0.5, 0.5, 0.5]);
    near(&rates(&jets, "false_positive_rate"), &[1.0 / 7.0, 1.0 / 7.0, 1.0 / 7.0, 1.0 / 7.0, 1.0 / 7.0, 0.0]);
    assert!((jets["roc_curve"][0]["auc_score"].as_f64().unwrap() - 0.692_857).abs() < 1e-4);
    // masks without a score have points and no curve
    let electrons = evaluated("e", "Tau_idAntiEle", &["bit_names=[VLoose, Loose, Medium, Tight, VTight]"]);
    near(&rates(&electrons, "true_positive_rate"), &[1.0, 1.0, 0.9, 0.9, 0.8]);
    near(&rates(&electrons, "false_positive_rate"), &[1.0 / 30.0, 1.0 / 30.0, 1.0 / 30.0, 0.0, 0.0]);
    assert_eq!(electrons["roc_curve"].as_array().map(Vec::len), Some(0));
    let muons = evaluated("mu", "Tau_idAntiMu", &["bit_names=[Loose, Tight]"]);
    near(&rates(&muons, "true_positive_rate"), &[1.0, 1.0]);
    near(&rates(&muons, "false_positive_rate"), &[0.0, 0.0]);
    let error = fails(&["tau", "evaluate", "--input", &taus, "-o", &folder.file("x"), "columns.truth=tauType"], 3);
    assert!(error.contains("no column 'node_e'"), "{error}");
}

/// The shipped production, made small.
#[test]
fn the_chain_is_a_production() {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../workflows/tau.yaml");
    let text = std::fs::read_to_string(shipped).unwrap();
    let mut small = text.clone();
    for (from, to) in [
        ("candidates: 10000", "candidates: 250"),
        ("candidates: 2000", "candidates: 150"),
        ("n_tau: 64", "n_tau: 30"),
        ("epochs: 2", "epochs: 1"),
    ] {
        assert!(small.contains(from), "{from}");
        small = small.replace(from, to);
    }
    let folder = Folder::new();
    let file = folder.file("tau.yaml");
    std::fs::write(&file, small).unwrap();
    let output = recoil(&["production", "run", &file, "--no-progress", "--json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for name in ["report.html", "roc_vs_jet.pdf", "validated/report.html", "model/weights.safetensors"] {
        assert!(Path::new(&folder.file(name)).exists(), "{name}");
    }
    let page = std::fs::read_to_string(folder.file("report.html")).unwrap();
    assert!(page.matches("<figure>").count() >= 6 && page.contains("Working points against jets"));
    // each job has its own seed, and rows of its own
    let seed = |job: &str| {
        let record = std::fs::read_to_string(folder.file(&format!("merged/{job}/acceptance.json.prov.json"))).unwrap();
        serde_json::from_str::<Json>(&record).unwrap()["key"]["seed"].clone()
    };
    assert!(seed("0") != seed("1") && seed("0").is_u64(), "{} {}", seed("0"), seed("1"));
    // everything waits for what it reads, and nothing runs twice
    let again = recoil(&["production", "run", &file, "--no-progress", "--json"]);
    let again: Json = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!((&again["done"], &again["left"]), (&0.into(), &0.into()), "{again}");
}
