//! The stages on files: what they declare, that the steps make up the whole, and that all layouts give the same.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, Float32Array, Int32Array, Int64Array, ListArray, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use recoil_hgcal::skim::SkimConfig;
use recoil_hgcal::stages;
use recoil_stage::config::Given;
use recoil_stage::{Outcome, Registry, Request, RunOptions, StageError};
use recoil_table::{Address, Batch, ReadOptions};

fn golden(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../testdata/golden/hgcal").join(name);
    path.to_str().unwrap().to_owned()
}

fn run(name: &str, inputs: &[&str], words: &[&str], output: Option<&Path>) -> Result<Outcome, StageError> {
    let registry = Registry::new(stages::all());
    let stage = registry.find(name)?;
    let request = Request {
        given: words.iter().map(|w| Given::Word((*w).to_owned())).collect(),
        inputs: inputs.iter().map(|i| (*i).to_owned()).collect(),
        output: output.map(Path::to_path_buf),
        seed: None,
    };
    stage.execute(&stage.prepare(&request)?, &RunOptions::default())
}

fn table(path: &Path) -> RecordBatch {
    let mut reader = recoil_table::open(path.to_str().unwrap(), &ReadOptions::default()).unwrap();
    reader.read_all().unwrap().into_records()
}

fn assert_same_columns(a: &Path, b: &Path) {
    let (a, b) = (table(a), table(b));
    assert!(a.num_rows() > 0);
    for (field, column) in b.schema().fields().iter().zip(b.columns()) {
        assert_eq!(a.column_by_name(field.name()), Some(column), "column {}", field.name());
    }
}

#[test]
fn every_stage_is_well_defined() {
    for stage in stages::all() {
        assert_eq!(recoil_stage::verify(stage.as_ref()), Vec::<String>::new());
    }
}

#[test]
fn the_steps_make_up_the_whole() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let text = |name: &str| at(name).to_str().unwrap().to_owned();
    let cells = golden("tcs.parquet");
    for kernel in ["default", "flat_top"] {
        let smooth = format!("smooth.kernel={kernel}");
        let whole = at(&format!("run_{kernel}"));
        let outcome = run("hgcal run", &[&cells], &[&smooth], Some(&whole)).unwrap();
        println!("{}", outcome.report.to_text());
        let [hist, bins, seeds, parts] = ["hist", "smooth", "seeds", "parts"].map(|n| format!("{n}_{kernel}.parquet"));
        run("hgcal fill", &[&cells], &[], Some(&at(&hist))).unwrap();
        run("hgcal smooth", &[&text(&hist)], &[&smooth], Some(&at(&bins))).unwrap();
        let histogram = format!("histogram={}", text(&hist));
        run("hgcal seed", &[&format!("smoothed={}", text(&bins)), &histogram], &[], Some(&at(&seeds))).unwrap();
        let of_seeds = format!("seeds={}", text(&seeds));
        let parts = at(parts.trim_end_matches(".parquet"));
        run("hgcal cluster", &[&format!("cells={cells}"), &of_seeds], &[], Some(&parts)).unwrap();
        assert_same_columns(&whole.join("seeds.parquet"), &at(&seeds));
        assert_same_columns(&whole.join("clusters.parquet"), &parts.join("clusters.parquet"));
        assert_same_columns(&whole.join("assignment.parquet"), &parts.join("assignment.parquet"));
    }
}

#[test]
fn one_row_per_event_gives_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let cells = golden("tcs.parquet");
    let flat = recoil_table::open(&cells, &ReadOptions::default()).unwrap().read_all().unwrap();
    let listed = recoil_table::implode(&flat, "event", None, &["sample"]).unwrap();
    // with the names of the CMSSW ntuple
    let rename = |name: &str| match name {
        "tc_wu" => "tc_waferu".to_owned(),
        "tc_wv" => "tc_waferv".to_owned(),
        "tc_cu" => "tc_cellu".to_owned(),
        "tc_cv" => "tc_cellv".to_owned(),
        other => other.to_owned(),
    };
    let records = listed.records();
    let fields: Vec<Field> =
        records.schema().fields().iter().map(|f| f.as_ref().clone().with_name(rename(f.name()))).collect();
    let schema = Arc::new(Schema::new(fields));
    let whole = dir.path().join("whole");
    run("hgcal run", &[&cells], &[], Some(&whole)).unwrap();
    for file in ["ntuple.parquet", "ntuple.root:hgcalTriggerNtuplizer/HGCalTriggerNtuple"] {
        let file = dir.path().join(file).to_str().unwrap().to_owned();
        let mut writer = recoil_table::create(&Address::parse(&file).unwrap(), &schema).unwrap();
        writer.write(&RecordBatch::try_new(schema.clone(), records.columns().to_vec()).unwrap()).unwrap();
        writer.finish(None).unwrap();
        let name = file.split(':').next().unwrap();
        let out = PathBuf::from(format!("{name}.out"));
        run("hgcal run", &[name], &[], Some(&out)).unwrap();
        for name in ["seeds.parquet", "clusters.parquet", "assignment.parquet"] {
            assert_same_columns(&whole.join(name), &out.join(name));
        }
    }
}

#[test]
fn radius_is_a_number_or_a_table_on_the_command_line() {
    let dir = tempfile::tempdir().unwrap();
    let cells = golden("tcs.parquet");
    let table = (1..=52).map(|_| "0.02").collect::<Vec<_>>().join(", ");
    let (a, b) = (dir.path().join("a"), dir.path().join("b"));
    run("hgcal run", &[&cells], &["cluster.radius=0.02"], Some(&a)).unwrap();
    run("hgcal run", &[&cells], &[&format!("cluster.radius=[{table}]")], Some(&b)).unwrap();
    assert_same_columns(&a.join("clusters.parquet"), &b.join("clusters.parquet"));
    for wrong in ["cluster.radius=wide", "cluster.radius=-1", "cluster.radius=[]", "seed.window=0", "seed.windw=1"] {
        let error = run("hgcal run", &[&cells], &[wrong], Some(&dir.path().join("c"))).err().unwrap();
        println!("{wrong}: {error}");
        assert_eq!(error.kind(), recoil_stage::ErrorKind::Usage, "{wrong}");
    }
    let error = run("hgcal run", &[&cells], &["cluster.radius=[0.1]"], Some(&dir.path().join("c"))).err().unwrap();
    println!("{error}");
    assert_eq!(error.kind(), recoil_stage::ErrorKind::Input);
    assert!(error.to_string().contains("outside the radius table"));
}

#[test]
fn validation_and_scan_of_the_golden_events() {
    let dir = tempfile::tempdir().unwrap();
    let (cells, particles) = (golden("tcs.parquet"), golden("gen.parquet"));
    let whole = dir.path().join("run");
    run("hgcal run", &[&cells], &[], Some(&whole)).unwrap();
    let clusters = format!("clusters={}", whole.join("clusters.parquet").to_str().unwrap());
    let (cells, particles) = (format!("cells={cells}"), format!("gen={particles}"));
    let mine = dir.path().join("validation.parquet");
    run("hgcal validate", &[&clusters, &particles, &cells], &["reference=leading"], Some(&mine)).unwrap();
    let (mine, theirs) = (table(&mine), golden("validation_default.parquet"));
    assert_eq!(mine.num_rows(), table(Path::new(&theirs)).num_rows());
    let matched = dir.path().join("matched.parquet");
    let outcome = run("hgcal validate", &[&clusters, &particles, &cells], &[], Some(&matched)).unwrap();
    println!("{}", outcome.report.to_text());
    assert_eq!(table(&matched).num_rows(), 52);
    let scan = dir.path().join("scan");
    let outcome = run("hgcal scan-radius", &[&cells, &particles], &["scan.steps=6"], Some(&scan)).unwrap();
    println!("{}", outcome.report.to_text());
    assert_eq!(table(&scan.join("summary.parquet")).num_rows(), 6);
    let coarse = dir.path().join("coarse");
    let outcome = run("hgcal coarse-seed", &[&cells], &[], Some(&coarse)).unwrap();
    println!("{}", outcome.report.to_text());
    assert_eq!(table(&coarse.join("modules.parquet")).num_rows(), 60);
    for inputs in [vec![cells.as_str()], vec![]] {
        let outcome = run("hgcal bench", &inputs, &["repeats=1"], None).unwrap();
        println!("{}", outcome.report.to_text());
        assert_eq!(outcome.report.tables[0].rows.len(), 2);
    }
}

/// A list column from the elements of each event.
fn lists<T: Clone>(events: &[&[T]], values: impl Fn(Vec<T>) -> ArrayRef) -> ArrayRef {
    let flat = values(events.iter().flat_map(|e| e.iter().cloned()).collect());
    let offsets = arrow_buffer::OffsetBuffer::from_lengths(events.iter().map(|e| e.len()));
    Arc::new(ListArray::new(Arc::new(Field::new("item", flat.data_type().clone(), false)), offsets, flat, None))
}

#[test]
fn the_skim_keeps_what_it_should() {
    let int = |events: &[&[i32]]| lists(events, |v| Arc::new(Int32Array::from(v)) as ArrayRef);
    let uint = |events: &[&[u32]]| lists(events, |v| Arc::new(arrow_array::UInt32Array::from(v)) as ArrayRef);
    let float = |events: &[&[f32]]| lists(events, |v| Arc::new(Float32Array::from(v)) as ArrayRef);
    // event 1: one good photon, event 2: only a converted one, event 3: good photon but no cluster
    let mut columns: Vec<(&str, ArrayRef)> = vec![
        ("event", Arc::new(Int64Array::from(vec![1, 2, 3]))),
        ("genpart_pid", int(&[&[22, 22], &[22], &[22]])),
        ("genpart_gen", int(&[&[1, -1], &[1], &[1]])),
        ("genpart_reachedEE", int(&[&[2, 2], &[0], &[2]])),
        ("genpart_exeta", float(&[&[2.0, 2.0], &[2.0], &[2.0]])),
        ("genpart_exphi", float(&[&[3.1, 0.0], &[1.0], &[1.0]])),
        ("genpart_energy", float(&[&[50.0, 1.0], &[50.0], &[50.0]])),
        ("genpart_pt", float(&[&[13.0, 1.0], &[13.0], &[13.0]])),
        ("tc_zside", int(&[&[1, 1, -1, 1], &[1], &[1]])),
        ("cl3d_eta", float(&[&[2.0, -2.0, 2.2], &[2.0], &[]])),
        ("cl3d_phi", float(&[&[-3.15, 3.1, 1.0], &[1.0], &[]])),
        ("cl3d_energy", float(&[&[49.0, 5.0, 6.0], &[45.0], &[]])),
        ("cl3d_pt", float(&[&[12.0, 1.0, 2.0], &[11.0], &[]])),
        ("cl3d_id", uint(&[&[7, 8, 9], &[1], &[]])),
        ("tc_mipPt", float(&[&[2.0, 0.4, 2.0, 3.0], &[1.0], &[1.0]])),
        ("tc_layer", int(&[&[1, 1, 1, 30], &[1], &[1]])),
    ];
    for name in ["tc_waferu", "tc_waferv", "tc_cellu", "tc_cellv"] {
        columns.push((name, int(&[&[1, 2, 3, 4], &[5], &[6]])));
    }
    for name in ["tc_pt", "tc_energy", "tc_x", "tc_y", "tc_z", "tc_eta", "tc_phi"] {
        columns.push((name, float(&[&[1.0, 2.0, 3.0, 4.0], &[5.0], &[6.0]])));
    }
    let batch = Batch::from(RecordBatch::try_from_iter(columns).unwrap());
    let skimmed = Batch::from(stages::skim::skim(&SkimConfig::default(), &batch).unwrap());
    assert_eq!(skimmed.rows(), 1);
    assert_eq!(skimmed.scalar::<i64>("event").unwrap(), [1]);
    assert_eq!(skimmed.list::<i32>("good_genpart_pid").unwrap().row(0), [22]);
    assert_eq!(skimmed.list::<u32>("good_cl3d_id").unwrap().row(0), [7, 9]);
    assert_eq!(skimmed.list::<i32>("good_tc_waferu").unwrap().row(0), [1]);
    let distances = skimmed.list::<f32>("deltaR").unwrap().row(0).to_vec();
    assert!((distances[0] - (6.25 - 2.0 * std::f32::consts::PI).abs()).abs() < 1e-6, "{distances:?}");
    assert_eq!(
        skimmed.schema().field_with_name("matches").unwrap().data_type(),
        &recoil_table::list_of(DataType::Boolean)
    );
    let both = SkimConfig { both_endcaps: true, last_layer: 52, ..SkimConfig::default() };
    let skimmed = Batch::from(stages::skim::skim(&both, &batch).unwrap());
    assert_eq!(skimmed.list::<i32>("good_tc_waferu").unwrap().row(0), [1, 3, 4]);
}
