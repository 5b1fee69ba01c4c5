//! Density clustering of tables, and as a part of the trigger chain.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch};
use recoil_hgcal::stages;
use recoil_stage::config::Given;
use recoil_stage::{ErrorKind, Outcome, Registry, Request, RunOptions, StageError};
use recoil_table::{Address, Batch, ReadOptions};

fn golden(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../testdata/golden/hgcal").join(name);
    path.to_str().unwrap().to_owned()
}

fn run_with(
    options: &RunOptions,
    name: &str,
    inputs: &[&str],
    words: &[&str],
    output: &Path,
) -> Result<Outcome, StageError> {
    let registry = Registry::new(stages::all());
    let stage = registry.find(name)?;
    let request = Request {
        given: words.iter().map(|w| Given::Word((*w).to_owned())).collect(),
        inputs: inputs.iter().map(|i| (*i).to_owned()).collect(),
        output: Some(output.to_path_buf()),
        seed: None,
    };
    stage.execute(&stage.prepare(&request)?, options)
}

fn run(name: &str, inputs: &[&str], words: &[&str], output: &Path) -> Result<Outcome, StageError> {
    run_with(&RunOptions::default(), name, inputs, words, output)
}

fn read(path: &Path) -> Batch {
    recoil_table::open(path.to_str().unwrap(), &ReadOptions::default()).unwrap().read_all().unwrap()
}

fn write(path: &Path, columns: Vec<(&str, ArrayRef)>) {
    let records = RecordBatch::try_from_iter(columns).unwrap();
    let mut writer = recoil_table::create(&Address::of_path(path).unwrap(), &records.schema()).unwrap();
    writer.write(&records).unwrap();
    writer.finish(None).unwrap();
}

#[test]
fn labels_are_those_of_the_library() {
    let dir = tempfile::tempdir().unwrap();
    let index = std::fs::read_to_string(golden("clue/index.csv")).unwrap();
    let mut sets = 0;
    for line in index.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let input = golden(&format!("clue/{}", fields[0]));
        let expected = read(Path::new(&input));
        let columns = if expected.has("x2") { "columns=[x0, x1, x2]" } else { "columns=[x0, x1]" };
        let numbers: Vec<String> = ["dc", "rhoc", "dm", "seed_dc"]
            .iter()
            .zip(&fields[2..])
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        let mut words = vec![columns, "weight=weight"];
        words.extend(numbers.iter().map(String::as_str));
        let output = dir.path().join(fields[0]);
        let outcome = run("hgcal clue", &[&input], &words, &output).unwrap();
        let found = read(&output);
        let names: Vec<&str> = found.records().schema_ref().fields().iter().map(|f| f.name().as_str()).collect();
        assert_eq!(names.iter().filter(|name| **name == "cluster_id").count(), 1);
        for name in ["nearest_higher", "is_seed", "cluster_id", "x0", "weight"] {
            assert_eq!(found.column(name).unwrap(), expected.column(name).unwrap(), "{}: {name}", fields[0]);
        }
        let densities = found.scalar::<f32>("rho").unwrap().iter().zip(expected.scalar::<f32>("rho").unwrap());
        assert_eq!(densities.filter(|(a, b)| (**a - **b).abs() > 2e-6 * b.abs()).count(), 0, "{}", fields[0]);
        let report = outcome.report.to_json();
        assert_eq!(report["values"]["points"].to_string(), fields[1]);
        assert_eq!(report["values"]["clusters"].to_string(), fields[6]);
        assert_eq!(report["values"]["outliers"].to_string(), fields[7]);
        sets += 1;
    }
    println!("{sets} sets");
    assert_eq!(sets, 13);
}

#[test]
fn every_format_gives_the_same_labels() {
    let dir = tempfile::tempdir().unwrap();
    let input = golden("clue/sissa_1000_dc20_rhoc10_out20_seed20.parquet");
    let points = read(Path::new(&input));
    let words = ["columns=[x0, x1]", "weight=weight", "dc=20", "rhoc=10"];
    let [a, b] = ["a.parquet", "b.parquet"].map(|name| dir.path().join(name));
    run("hgcal clue", &[&input], &words, &a).unwrap();
    for name in ["p.csv", "p.npz", "p.npy", "p.root"] {
        let path = dir.path().join(name);
        let mut writer = recoil_table::create(&Address::of_path(&path).unwrap(), &points.schema()).unwrap();
        writer.write(points.records()).unwrap();
        writer.finish(None).unwrap();
        run_with(
            &RunOptions { overwrite: true, ..RunOptions::default() },
            "hgcal clue",
            &[path.to_str().unwrap()],
            &words,
            &b,
        )
        .unwrap();
        assert_eq!(read(&a).column("cluster_id").unwrap(), read(&b).column("cluster_id").unwrap(), "{name}");
    }
}

#[test]
fn events_do_not_meet() {
    let dir = tempfile::tempdir().unwrap();
    let (input, output) = (dir.path().join("points.parquet"), dir.path().join("labels.parquet"));
    // two points of event 7 around one of event 8, at the same place
    let x: ArrayRef = Arc::new(Float64Array::from(vec![0.0, 0.1, 0.05, 5.0]));
    let event: ArrayRef = Arc::new(Int64Array::from(vec![7, 8, 7, 7]));
    write(&input, vec![("x", x), ("event", event)]);
    let words = ["columns=[x]", "event=event", "dc=1", "rhoc=1.2"];
    let outcome = run("hgcal clue", &[input.to_str().unwrap()], &words, &output).unwrap();
    let found = read(&output);
    assert_eq!(found.scalar::<i32>("cluster_id").unwrap(), [0, -1, 0, -1]);
    assert_eq!(found.scalar::<i32>("nearest_higher").unwrap(), [2, -1, -1, -1]);
    assert_eq!(outcome.report.to_json()["values"]["events"], 2);
    assert!(recoil_table::doc(found.records().schema_ref().field_with_name("rho").unwrap()).is_some());
}

#[test]
fn bad_points_and_parameters_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let (input, output) = (dir.path().join("points.parquet"), dir.path().join("labels.parquet"));
    let file = input.to_str().unwrap();
    for bad in [f64::NAN, f64::INFINITY, 1e300] {
        let x: ArrayRef = Arc::new(Float64Array::from(vec![0.0, 1.0, bad]));
        let y: ArrayRef = Arc::new(Float64Array::from(vec![0.0, 1.0, 2.0]));
        write(&input, vec![("x", y), ("y", x)]);
        let error = run("hgcal clue", &[file], &[], &output).err().unwrap();
        println!("{error}");
        assert_eq!(error.kind(), ErrorKind::Input);
        let text = error.to_string();
        assert!(text.contains(file) && text.contains("'y'") && text.contains("row 2"), "{text}");
        assert!(!output.exists());
    }
    for (word, key) in [
        ("dc=0", "dc"),
        ("rhoc=-1", "rhoc"),
        ("dm=-1", "dm"),
        ("seed_dc=-2", "seed_dc"),
        ("periods=[1]", "periods"),
        ("kernel.gaussian.sigma=0", "kernel"),
        ("columns=[]", "columns"),
        ("colums=[x]", "columns"),
    ] {
        let error = run("hgcal clue", &[file], &[word], &output).err().unwrap();
        println!("{error}");
        assert_eq!(error.kind(), ErrorKind::Usage, "{word}");
        assert!(error.to_string().contains(key), "{word}: {error}");
    }
}

#[test]
fn the_chain_clusters_by_density() {
    let dir = tempfile::tempdir().unwrap();
    let cells = golden("tcs.parquet");
    let mut kept: Option<Vec<RecordBatch>> = None;
    for threads in [1, 2, 3] {
        let output = dir.path().join(format!("run{threads}"));
        let options = RunOptions { threads: Some(threads), ..RunOptions::default() };
        let outcome = run_with(&options, "hgcal run", &[&cells], &["cluster.algorithm=clue"], &output).unwrap();
        println!("{}", outcome.report.to_text());
        let tables: Vec<RecordBatch> = ["seeds", "clusters", "assignment"]
            .map(|name| read(&output.join(format!("{name}.parquet"))).into_records())
            .to_vec();
        assert!(tables.iter().all(|table| table.num_rows() > 0));
        match &kept {
            Some(kept) => assert_eq!(kept, &tables, "{threads} threads"),
            None => kept = Some(tables),
        }
    }
    // every event has a seed at the start of each of its clusters
    let tables = kept.unwrap();
    let seeds = Batch::from(tables[0].clone());
    let clusters = Batch::from(tables[1].clone());
    let known: std::collections::BTreeSet<(i64, i32)> = seeds
        .scalar::<i64>("event")
        .unwrap()
        .iter()
        .copied()
        .zip(seeds.scalar::<i32>("seed_index").unwrap().iter().copied())
        .collect();
    let rows = clusters.scalar::<i64>("event").unwrap().iter().zip(clusters.scalar::<i32>("seed_idx").unwrap());
    assert!(rows.map(|(&event, &seed)| (event, seed)).all(|row| known.contains(&row)));
    for (stage, inputs) in [
        ("hgcal cluster", vec![format!("cells={cells}"), format!("seeds={}", golden("seeds.parquet"))]),
        ("hgcal scan-radius", vec![format!("cells={cells}"), format!("gen={}", golden("gen.parquet"))]),
    ] {
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let error = run(stage, &inputs, &["cluster.algorithm=clue"], &dir.path().join("no")).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
    }
}
