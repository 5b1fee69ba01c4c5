//! Scans: each point is what a run at that point gives, and steps that do not change are not repeated.
#![allow(clippy::needless_range_loop, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::path::{Path, PathBuf};

use recoil_hgcal::stages;
use recoil_stage::config::Given;
use recoil_stage::{ErrorKind, Outcome, Registry, Request, RunOptions, StageError};
use recoil_table::{Batch, ReadOptions};

fn golden(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../testdata/golden/hgcal").join(name);
    path.to_str().unwrap().to_owned()
}

fn run(name: &str, inputs: &[&str], given: Vec<Given>, output: &Path) -> Result<Outcome, StageError> {
    let registry = Registry::new(stages::all());
    let stage = registry.find(name)?;
    let inputs = inputs.iter().map(|i| (*i).to_owned()).collect();
    let request = Request { given, inputs, output: Some(output.to_path_buf()), seed: None };
    stage.execute(&stage.prepare(&request)?, &RunOptions::default())
}

fn words(words: &[&str]) -> Vec<Given> {
    words.iter().map(|word| Given::Word((*word).to_owned())).collect()
}

fn scan(given: Vec<Given>, output: &Path) -> Result<(Outcome, Batch), StageError> {
    let (cells, particles) = (golden("tcs.parquet"), format!("gen={}", golden("gen.parquet")));
    let outcome = run("hgcal scan", &[&cells, &particles], given, output)?;
    let path = output.join("scan.parquet");
    let table = recoil_table::open(path.to_str().unwrap(), &ReadOptions::default()).unwrap().read_all().unwrap();
    Ok((outcome, table))
}

fn values(outcome: &Outcome, names: &[&str]) -> Vec<u64> {
    let report = outcome.report.to_json();
    names.iter().map(|name| report["values"][name].as_u64().unwrap()).collect()
}

#[test]
fn a_point_is_a_run_and_its_validation() {
    let dir = tempfile::tempdir().unwrap();
    let given = [
        "scan.smooth.kernel=default,flat_top",
        "scan.cluster.radius=0.01:0.03:3",
        "scan.cluster.algorithm=min_distance,clue",
    ];
    let (outcome, table) = scan(words(&given), &dir.path().join("scan")).unwrap();
    println!("{}", outcome.report.to_text());
    assert_eq!(table.rows(), 12);
    let (kernels, algorithms) = (table.strings("smooth.kernel").unwrap(), table.strings("cluster.algorithm").unwrap());
    let radii = table.scalar::<f64>("cluster.radius").unwrap();
    let number = |name: &str, row: usize| table.scalar::<f64>(name).unwrap()[row];
    for row in 0..table.rows() {
        let point = [
            format!("smooth.kernel={}", kernels.value(row)),
            format!("cluster.radius={}", radii[row]),
            format!("cluster.algorithm={}", algorithms.value(row)),
        ];
        let point: Vec<&str> = point.iter().map(String::as_str).collect();
        let output = dir.path().join(format!("run{row}"));
        let single = run("hgcal run", &[&golden("tcs.parquet")], words(&point), &output).unwrap();
        let inputs = [
            format!("clusters={}", output.join("clusters.parquet").display()),
            format!("gen={}", golden("gen.parquet")),
        ];
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let checked = run("hgcal validate", &inputs, Vec::new(), &dir.path().join(format!("v{row}.parquet"))).unwrap();
        let events = values(&single, &["events", "seeds", "clusters"]);
        assert_eq!(number("seeds_per_event", row), events[1] as f64 / events[0] as f64);
        assert_eq!(number("clusters_per_event", row), events[2] as f64 / events[0] as f64);
        let report = checked.report.to_json();
        for name in ["efficiency", "splitting"] {
            assert_eq!(number(name, row), report["values"][name].as_f64().unwrap(), "{name} of {point:?}");
        }
        for (i, quantity) in [(0, "en"), (1, "pt")] {
            for name in ["mean", "median", "rms", "effective"] {
                let expected = report["tables"]["responses"][i][name].as_f64().unwrap();
                let found = number(&format!("{quantity}_response_{name}"), row);
                assert!((found - expected).abs() < 1e-12, "{quantity} {name} of {point:?}: {found}, {expected}");
            }
        }
    }
}

#[test]
fn only_the_steps_that_change_are_repeated() {
    let dir = tempfile::tempdir().unwrap();
    let counts = |name: &str, given: &[&str]| {
        let (outcome, _) = scan(words(given), &dir.path().join(name)).unwrap();
        values(&outcome, &["events", "fill_runs", "smooth_runs", "seed_runs", "cluster_runs"])
    };
    let n = counts("a", &["scan.cluster.radius=0.01:0.05:5"])[0];
    assert!(n > 0);
    assert_eq!(counts("b", &["scan.cluster.radius=0.01:0.05:5"]), [n, n, n, n, 5 * n]);
    assert_eq!(counts("c", &["scan.seed.window=1,2,3"]), [n, n, n, 3 * n, 3 * n]);
    let all = ["scan.smooth.kernel=default,flat_top", "scan.seed.window=1:3:3", "scan.cluster.radius=0.01,0.02"];
    assert_eq!(counts("d", &all), [n, n, 2 * n, 6 * n, 12 * n]);
    // the order of the keys does not matter, nor do comparisons repeat a step
    let all = [
        "scan.validate.matching.delta_r=0.1,0.2",
        "scan.cluster.radius=0.01,0.02",
        "scan.seed.window=1:3:3",
        "scan.smooth.kernel=default,flat_top",
    ];
    assert_eq!(counts("e", &all), [n, n, 2 * n, 6 * n, 12 * n]);
    // density clustering needs neither smoothing nor seeds
    assert_eq!(counts("f", &["scan.seed.window=1,2,3", "cluster.algorithm=clue"]), [n, n, 0, 0, n]);
}

#[test]
fn files_and_words_say_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let text = |text: &str| vec![Given::Text("scan.yaml".into(), text.to_owned())];
    let flat = "scan:\n  seed.window: [1, 2, 3]\n  cluster.radius: {from: 0.01, to: 0.03, steps: 2}\n";
    let deep = "scan: {seed: {window: {from: 1, to: 3, steps: 3}}, cluster: {radius: [0.01, 0.03]}}\n";
    let typed = words(&["scan.seed.window=1:3:3", "scan.cluster.radius=0.01,0.03"]);
    let (_, a) = scan(typed, &dir.path().join("a")).unwrap();
    let (_, b) = scan(text(flat), &dir.path().join("b")).unwrap();
    let (_, c) = scan(text(deep), &dir.path().join("c")).unwrap();
    assert_eq!(a.records(), b.records());
    assert_eq!(a.records(), c.records());
    for name in ["seeds", "clusters", "splitting", "efficiency", "response", "response_median", "resolution", "rms"] {
        for extension in ["svg", "png"] {
            let path = dir.path().join(format!("a/scan_{name}.{extension}"));
            assert!(path.metadata().unwrap().len() > 1000, "{}", path.display());
        }
    }
}

#[test]
fn without_particles_only_counts_are_drawn() {
    let dir = tempfile::tempdir().unwrap();
    let output = dir.path().join("scan");
    let outcome =
        run("hgcal scan", &[&golden("tcs.parquet")], words(&["scan.smooth.kernel=flat_top,default"]), &output);
    println!("{}", outcome.unwrap().report.to_text());
    assert!(output.join("scan_seeds.svg").exists());
    assert!(!output.join("scan_efficiency.svg").exists());
}

#[test]
fn mistakes_are_named() {
    let dir = tempfile::tempdir().unwrap();
    for (word, part) in [
        ("scan.seed.windw=1,2", "did you mean 'window'?"),
        ("scan.sed.window=1,2", "did you mean 'seed'?"),
        ("scan.seed.window=[]", "scan.seed.window has no values"),
        ("scan.seed.window=", "scan.seed.window has no values"),
        ("scan.seed.window=0,1", "seed.window"),
        ("scan.seed.window=1,wide", "wide"),
        ("scan.seed.window=1:3:0", "has 0 values"),
        ("scan.seed.window=1:3:x", "number of values"),
        ("scan.seed.window={from: 1}", "`from`, `to` and `steps`"),
        ("scan.cluster.radius=0:1:99999", "10000"),
        ("seed.window=2", "nothing to scan"),
    ] {
        let error = scan(words(&[word]), &dir.path().join("scan")).err().unwrap();
        println!("{word}: {error}");
        assert_eq!(error.kind(), ErrorKind::Usage, "{word}");
        assert!(error.to_string().contains(part), "{word}: {error}");
    }
}
