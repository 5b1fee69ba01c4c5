//! The stages around the chain, on files: simulated events through Stage 1, the chain, shapes, towers and the phi optimisation.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float32Type, Float64Type, Int32Type};
use recoil_hgcal::stages;
use recoil_stage::config::Given;
use recoil_stage::{Outcome, Registry, Request, RunOptions, StageError};
use recoil_table::{Address, ReadOptions};
use std::path::Path;

fn run(name: &str, inputs: &[String], words: &[&str], output: &Path) -> Result<Outcome, StageError> {
    let registry = Registry::new(stages::all());
    let stage = registry.find(name)?;
    let request = Request {
        given: words.iter().map(|w| Given::Word((*w).to_owned())).collect(),
        inputs: inputs.to_vec(),
        output: Some(output.to_path_buf()),
        seed: Some(7),
    };
    stage.execute(&stage.prepare(&request)?, &RunOptions::default())
}

fn table(path: &Path) -> RecordBatch {
    let mut reader = recoil_table::open(path.to_str().unwrap(), &ReadOptions::default()).unwrap();
    reader.read_all().unwrap().into_records()
}

fn floats(table: &RecordBatch, name: &str) -> Vec<f64> {
    table.column_by_name(name).unwrap().as_primitive::<Float64Type>().values().to_vec()
}

fn ints(table: &RecordBatch, name: &str) -> Vec<i32> {
    table.column_by_name(name).unwrap().as_primitive::<Int32Type>().values().to_vec()
}

#[test]
fn simulated_events_go_through_every_stage() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let file = |name: &str| at(name).to_str().unwrap().to_owned();
    run("hgcal simulate", &[], &["events=40", "simulation.endcaps=both", "simulation.pileup=10"], &at("sim")).unwrap();
    let (cells, particles) = (file("sim/tcs.parquet"), file("sim/gen.parquet"));
    let n = table(&at("sim/tcs.parquet")).num_rows();
    assert_eq!((table(&at("sim/gen.parquet")).num_rows(), table(&at("sim/cl3d.parquet")).num_rows()), (80, 80));

    run("hgcal stage-one", std::slice::from_ref(&cells), &[], &at("one")).unwrap();
    let kept = table(&at("one/tcs.parquet")).num_rows();
    println!("Stage 1 keeps {kept} of {n} cells");
    assert!(kept > n / 2 && kept < n);
    let occupancy = table(&at("one/occupancy.parquet"));
    let (all, passed) = (floats(&occupancy, "cells"), floats(&occupancy, "kept"));
    assert_eq!(all.len(), 42);
    // 40 events, two endcaps, three sectors, two regions
    assert!((all.iter().sum::<f64>() * 480.0 - n as f64).abs() < 1e-6 * n as f64);
    assert!((passed.iter().sum::<f64>() * 480.0 - kept as f64).abs() < 1e-6 * n as f64);

    run("hgcal run", std::slice::from_ref(&cells), &[], &at("run")).unwrap();
    let inputs = [
        cells.clone(),
        format!("clusters={}", file("run/clusters.parquet")),
        format!("assignment={}", file("run/assignment.parquet")),
    ];
    run("hgcal shapes", &inputs, &[], &at("shapes.parquet")).unwrap();
    let shapes = table(&at("shapes.parquet"));
    assert_eq!(shapes.num_rows(), table(&at("run/clusters.parquet")).num_rows());
    assert!(ints(&shapes, "showerlength").iter().all(|&length| (1..=27).contains(&length)));
    assert!(floats(&shapes, "srrtot").iter().all(|&srr| (0.0..0.1).contains(&srr)));

    for words in [&["source=cells"][..], &["source=modules", "sharing=eighths"][..]] {
        let out = at(&format!("towers_{}.parquet", words.len()));
        run("hgcal towers", std::slice::from_ref(&cells), words, &out).unwrap();
        let total: f64 = floats(&table(&out), "total").iter().sum();
        let tcs = table(&at("sim/tcs.parquet"));
        let pt: f64 = tcs
            .column_by_name("tc_pt")
            .unwrap()
            .as_primitive::<arrow_array::types::Float32Type>()
            .values()
            .iter()
            .map(|&pt| f64::from(pt))
            .sum();
        assert!((total / pt - 1.0).abs() < 1e-9, "{total} {pt}");
    }

    let inputs = [cells, format!("particles={particles}")];
    run("hgcal optimize-phi", &inputs, &["ipar=[0,1]"], &at("phi")).unwrap();
    let scan = table(&at("phi/scan.parquet"));
    let moved = floats(&scan, "moved_fraction");
    println!("moved {moved:?}, roughness {:?}", floats(&scan, "roughness_after"));
    assert!(moved[0] > 0.05 && moved[1] == 0.0);
    assert!(floats(&scan, "response").iter().all(|&r| (0.8..1.3).contains(&r)));
    assert!(table(&at("phi/moved.parquet")).num_rows() > 1000);
}

#[test]
fn the_root_ntuple_holds_the_same_events_as_the_tables() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let input = |name: &str| vec![at(name).to_str().unwrap().to_owned()];
    run("hgcal simulate", &[], &["events=30"], &at("tables")).unwrap();
    run("hgcal simulate", &[], &["events=30", "form=ntuple"], &at("ntuple")).unwrap();
    run("hgcal run", &input("tables/tcs.parquet"), &[], &at("a")).unwrap();
    run("hgcal run", &input("ntuple/ntuple.root"), &[], &at("b")).unwrap();
    for name in ["seeds.parquet", "clusters.parquet", "assignment.parquet"] {
        let (a, b) = (table(&at("a").join(name)), table(&at("b").join(name)));
        assert!(a.num_rows() > 0);
        assert_eq!(a.columns(), b.columns(), "{name}");
    }
}

#[test]
fn geometry_is_written_for_both_endcaps() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("geometry.parquet");
    run("hgcal geometry", &[], &["depth=all"], &out).unwrap();
    let geometry = table(&out);
    let sides = ints(&geometry, "zside");
    assert_eq!(sides.iter().sum::<i32>(), 0);
    assert!(ints(&geometry, "subdet").contains(&10));
}

/// The columns of `table` that newer testers call otherwise, under those names; without what older ones do not write.
fn as_another_tester_writes(table: &RecordBatch) -> RecordBatch {
    let renamed = [
        ("waferu", "waferU"),
        ("waferv", "waferV"),
        ("triggercellu", "u"),
        ("triggercellv", "v"),
        ("triggercellieta", "ieta"),
        ("triggercelliphi", "iphi"),
    ];
    let schema = table.schema();
    let columns = schema.fields().iter().zip(table.columns()).filter_map(|(field, column)| {
        let name = renamed.iter().find(|(ours, _)| ours == field.name()).map_or(field.name().as_str(), |(_, new)| new);
        (!["eta", "phi", "waferorient", "waferpart"].contains(&name)).then(|| (name.to_owned(), column.clone()))
    });
    RecordBatch::try_from_iter(columns.collect::<Vec<_>>()).unwrap()
}

#[test]
fn the_tree_of_a_geometry_tester_is_read_under_old_and_new_names() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let spec = |name: &str| at(name).to_str().unwrap().to_owned();
    run("hgcal geometry", &[], &["depth=all"], &at("model.parquet")).unwrap();
    let model = table(&at("model.parquet"));
    let other = as_another_tester_writes(&model);
    let tree = Address::parse(&spec("tester.root:TreeTriggerCells")).unwrap();
    let mut writer = recoil_table::create(&tree, &other.schema()).unwrap();
    writer.write(&other).unwrap();
    writer.finish(None).unwrap();

    run("hgcal geometry", &[spec("tester.root")], &[], &at("read.parquet")).unwrap();
    let read = table(&at("read.parquet"));
    for name in model.schema().fields().iter().map(|field| field.name()) {
        let (a, b) = (model.column_by_name(name).unwrap(), read.column_by_name(name).unwrap());
        if let (Some(a), Some(b)) = (a.as_primitive_opt::<Float32Type>(), b.as_primitive_opt::<Float32Type>()) {
            assert!(a.values().iter().zip(b.values()).all(|(a, b)| (a - b).abs() < 2e-6 * a.abs().max(1.0)), "{name}");
        } else {
            assert_eq!(a, b, "{name}");
        }
    }

    let words = &["geometry.depth=all", "ipar=[0]", "optimization.region=All"];
    run("hgcal optimize-phi", &[], words, &at("of_model")).unwrap();
    run("hgcal optimize-phi", &[format!("geometry={}", spec("tester.root"))], words, &at("of_tester")).unwrap();
    let [a, b] = ["of_model", "of_tester"].map(|name| table(&at(name).join("scan.parquet")));
    assert_eq!(a.column_by_name("cells").unwrap(), b.column_by_name("cells").unwrap());
    assert!(floats(&b, "moved_fraction")[0] > 0.0);
}

#[test]
fn a_geometry_without_a_column_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    run("hgcal geometry", &[], &[], &dir.path().join("model.parquet")).unwrap();
    let model = table(&dir.path().join("model.parquet"));
    let without: Vec<usize> = (0..model.num_columns()).filter(|&i| model.schema().field(i).name() != "layer").collect();
    let model = model.project(&without).unwrap();
    let path = dir.path().join("tester.parquet");
    let mut writer = recoil_table::create(&Address::of_path(&path).unwrap(), &model.schema()).unwrap();
    writer.write(&model).unwrap();
    writer.finish(None).unwrap();
    let input = path.to_str().unwrap().to_owned();
    let error = run("hgcal geometry", &[input], &[], &dir.path().join("out.parquet")).unwrap_err();
    let text = whole_text(&error);
    assert!(text.contains("tester.parquet") && text.contains("layer"), "{text}");
}

fn whole_text(error: &StageError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

#[test]
fn one_seed_gives_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let read = |name: &str| table(&dir.path().join(name).join("tcs.parquet"));
    run("hgcal simulate", &[], &["events=20"], &dir.path().join("a")).unwrap();
    run("hgcal simulate", &[], &["events=20"], &dir.path().join("b")).unwrap();
    assert_eq!(read("a"), read("b"));
}

#[test]
fn unusable_values_are_named_with_their_path() {
    let dir = tempfile::tempdir().unwrap();
    let error = run("hgcal simulate", &[], &["simulation.mip_threshold=-1"], &dir.path().join("a")).unwrap_err();
    let text = format!("{error} {:?}", error.config_error());
    assert!(text.contains("simulation.mip_threshold"), "{text}");
}
