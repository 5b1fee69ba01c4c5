//! The stages on files: what they declare, that they reproduce golden tables, and what they say about bad input.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::path::{Path, PathBuf};

use recoil_econt::stages;
use recoil_stage::config::Given;
use recoil_stage::{Outcome, Registry, Request, RunOptions, StageError};
use recoil_table::{Batch, ReadOptions};

fn golden(name: &str) -> String {
    format!("{}/../../../testdata/golden/econt/{name}", env!("CARGO_MANIFEST_DIR"))
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

fn table(path: &str) -> Batch {
    recoil_table::open(path, &ReadOptions::default()).unwrap().read_all().unwrap()
}

/// Counts the values in which the columns of the golden table differ from those of the output.
fn differences(output: &Path, golden_name: &str) -> usize {
    let (got, expected) = (table(output.to_str().unwrap()), table(&golden(golden_name)));
    let mut wrong = 0;
    for field in expected.schema().fields() {
        let (a, b) = (got.scalar_as::<f64>(field.name()).unwrap(), expected.scalar_as::<f64>(field.name()).unwrap());
        assert_eq!(a.len(), b.len(), "{golden_name}, column {}", field.name());
        wrong += a.iter().zip(b.iter()).filter(|(a, b)| a != b).count();
    }
    println!("{golden_name}: {wrong} differ");
    wrong
}

#[test]
fn every_stage_is_well_defined() {
    for stage in stages::all() {
        assert_eq!(recoil_stage::verify(stage.as_ref()), Vec::<String>::new());
    }
}

#[test]
fn the_command_reproduces_the_emulator() {
    let dir = tempfile::tempdir().unwrap();
    let calq = golden("emulator/calq.csv.gz");
    let cases = [
        ("threshold", "threshold_sum", "ts", "chip.use_sum=true", "_usesum1"),
        ("threshold", "threshold_sum", "bufts", "chip.use_sum=true", "_usesum1"),
        ("best_choice", "best_choice", "bc", "chip.use_sum=false", "_usesum0"),
        ("super_trigger_cell", "super_trigger_cell", "stc0", "chip.super_cell=stc4_9", ""),
        ("super_trigger_cell", "super_trigger_cell", "stc3", "chip.super_cell=stc4_7", ""),
        ("repeater", "repeater", "rpt", "chip.use_sum=true", ""),
    ];
    for links in [2, 4] {
        for (algorithm, block, frame, word, suffix) in cases {
            let output = dir.path().join(format!("{frame}{links}.parquet"));
            let words = [format!("algorithm={algorithm}"), format!("links={links}"), word.to_owned()];
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            run("econt emulate", &[&calq], &words, Some(&output)).unwrap();
            assert_eq!(differences(&output, &format!("emulator/{block}.csv.gz")), 0);
            assert_eq!(differences(&output, &format!("emulator/frame_{frame}_l{links}{suffix}.csv.gz")), 0);
        }
    }
}

#[test]
fn trigger_cell_order_and_the_preset_of_training() {
    let dir = tempfile::tempdir().unwrap();
    let calq = golden("calq_first2000.csv.gz");
    let cases = [
        ("thr47", "algorithm=threshold", "links=2"),
        ("bc6", "algorithm=best_choice", "links=3"),
        ("stc16", "algorithm=super_trigger_cell", "links=2"),
        ("stc4", "algorithm=super_trigger_cell", "links=5"),
    ];
    for (name, algorithm, links) in cases {
        let output = dir.path().join(format!("{name}.parquet"));
        run("econt emulate", &[&calq], &[algorithm, links, "preset=seed"], Some(&output)).unwrap();
        let got = table(output.to_str().unwrap());
        let expected = table(&golden(&format!("unit/alg_{name}.csv.gz")));
        let mut wrong = 0;
        for cell in 0..48 {
            let a = got.scalar_as::<f64>(&format!("CALQ_{cell}")).unwrap();
            let b = expected.scalar_as::<f64>(&format!("c{cell}")).unwrap();
            wrong += a.iter().zip(b.iter()).filter(|(a, b)| a != b).count();
        }
        println!("{name}: {wrong} differ");
        assert_eq!(wrong, 0);
        // the distances of the command
        let distances = dir.path().join(format!("{name}.csv"));
        let (truth, predicted) = (format!("truth={calq}"), format!("predicted={}", output.display()));
        run("econt emd", &[&truth, &predicted], &[], Some(&distances)).unwrap();
        let got = table(distances.to_str().unwrap());
        let (got, expected) = (got.scalar_as::<f64>("emd").unwrap(), table(&golden("unit/alg_emd.csv.gz")));
        let expected = expected.scalar_as::<f64>(name).unwrap();
        let worst = got.iter().zip(expected.iter()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        println!("{name}: worst distance {worst:e}");
        assert!(worst < 1e-9);
    }
}

#[test]
fn bad_tables_are_named_with_their_place() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| -> PathBuf {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let header = (0..48).map(|i| format!("CALQ_{i}")).collect::<Vec<_>>().join(",");
    let row = |changed: &str| (0..48).map(|i| if i == 5 { changed } else { "3" }).collect::<Vec<_>>().join(",");
    let with = |changed: &str| format!("{header}\n{}\n{}\n", row("3"), row(changed));
    let short = (0..47).map(|i| format!("CALQ_{i}")).collect::<Vec<_>>().join(",");
    let cases = [
        (write("short.csv", &format!("{short}\n{}\n", "1,".repeat(46) + "1")), "CALQ_47 is missing"),
        (write("few.csv", "1,2,3\n4,5,6\n"), "3 columns, a wafer needs 48 charges"),
        (write("negative.csv", &with("-1")), "column 'CALQ_5', row 1: the charge -1 is negative"),
        (write("nan.csv", &with("nan")), "column 'CALQ_5', row 1: the charge NaN is not a finite number"),
        (write("gap.csv", &with("")), "column 'CALQ_5' is null at row 1"),
        (write("text.csv", &with("many")), "column 'CALQ_5' is string"),
        (write("half.csv", &with("1.5")), "the charge 1.5 is not a whole number"),
        (write("large.csv", &with("4194304")), "the charge 4194304 needs more than the 22 bits"),
        (write("empty.csv", ""), "empty.csv"),
        (write("header.csv", &format!("{header}\n")), "no wafer"),
    ];
    for (path, expected) in &cases {
        let output = dir.path().join("out.parquet");
        let error = run("econt emulate", &[path.to_str().unwrap()], &[], Some(&output)).unwrap_err();
        let all = full_message(&error);
        println!("{all}");
        assert!(all.contains(expected), "{all}");
        assert!(all.contains(path.file_name().unwrap().to_str().unwrap()), "{all}");
        assert_eq!(error.kind(), recoil_stage::ErrorKind::Input);
        assert!(!output.exists());
    }
    let good = dir.path().join("good.parquet");
    run("econt simulate", &[], &["wafers=100"], Some(&good)).unwrap();
    let bytes = std::fs::read(&good).unwrap();
    let cut = dir.path().join("cut.parquet");
    std::fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    let output = dir.path().join("out.parquet");
    let error = run("econt emulate", &[cut.to_str().unwrap()], &[], Some(&output)).unwrap_err();
    assert!(full_message(&error).contains("cut.parquet"), "{}", full_message(&error));
}

fn full_message(error: &StageError) -> String {
    let mut text = error.to_string();
    let mut below = std::error::Error::source(error);
    while let Some(cause) = below {
        text += &format!(": {cause}");
        below = cause.source();
    }
    text
}

#[test]
fn tables_of_every_form_give_the_same_wafers() {
    let dir = tempfile::tempdir().unwrap();
    let rows: Vec<Vec<String>> =
        (0..6u32).map(|r| (0..48).map(|i| (r * 100 + 100 + i).to_string()).collect()).collect();
    let lines = |prefix: &dyn Fn(usize) -> String| -> String {
        rows.iter().enumerate().map(|(r, row)| format!("{}{}\n", prefix(r), row.join(","))).collect()
    };
    let names = |prefix: &str| (0..48).map(|i| format!("{prefix}{i}")).collect::<Vec<_>>().join(",");
    let cases = [
        ("named", format!("{}\n{}", names("CALQ_"), lines(&|_| String::new()))),
        ("entry", format!("entry,{}\n{}", names("CALQ_"), lines(&|r| format!("{r},")))),
        ("plain", lines(&|_| String::new())),
        ("index", lines(&|r| format!("{r},"))),
        ("unnamed", format!(",{}\n{}", names(""), lines(&|r| format!("{r},")))),
        ("numbers", format!("{}\n{}", names(""), lines(&|_| String::new()))),
        ("family", format!("{}\n{}", names("decoded_"), lines(&|_| String::new()))),
    ];
    for (name, text) in cases {
        let path = dir.path().join(format!("{name}.csv"));
        std::fs::write(&path, text).unwrap();
        let wafers = recoil_econt::data::read_wafers(path.to_str().unwrap()).unwrap();
        let expected: Vec<[u32; 48]> = (0..6u32).map(|r| std::array::from_fn(|i| r * 100 + 100 + i as u32)).collect();
        assert_eq!(wafers, expected, "{name}");
    }
    // a folder holds all of them
    assert_eq!(recoil_econt::data::read_wafers(dir.path().to_str().unwrap()).unwrap().len(), 42);
}

#[test]
fn links_become_charges() {
    let dir = tempfile::tempdir().unwrap();
    let registers = std::fs::read_to_string(golden("emulator/registers.json")).unwrap();
    let registers: serde_json::Value = serde_json::from_str(&registers).unwrap();
    let output = dir.path().join("unpacked.parquet");
    let words = [format!("mux_select={}", registers["mux_select"]), format!("calibration={}", registers["calvalue"])];
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    run("econt unpack", &[&golden("emulator/eportrx.csv.gz")], &words, Some(&output)).unwrap();
    for name in ["mux_in", "mux_out", "f2f", "calq"] {
        assert_eq!(differences(&output, &format!("emulator/{name}.csv.gz")), 0);
    }
}

#[test]
fn wafers_are_sorted_by_links_and_shuffled() {
    let dir = tempfile::tempdir().unwrap();
    let charges = (0..48).map(|i| format!("CALQ_{i}")).collect::<Vec<_>>().join(",");
    let mut text = format!("entry,{charges},layer,waferu,waferv,SimEnergyTotal\n");
    for row in 0..300u32 {
        let values = (0..48).map(|i| (row * 48 + i).to_string()).collect::<Vec<_>>().join(",");
        let values = if row % 10 == 9 { "0,".repeat(47) + "0" } else { values };
        text += &format!("{row},{values},{},3,2,{}\n", [9, 7, 13, 2, 35][row as usize % 5], row % 2);
    }
    let path = dir.path().join("calq.csv");
    std::fs::write(&path, text).unwrap();
    let sorted = dir.path().join("sorted");
    let input = path.to_str().unwrap();
    run("econt prepare", &[input], &["allocation=signal"], Some(&sorted)).unwrap();
    for (links, layer, rows) in [(2, 35, 30), (3, 13, 60), (4, 7, 60), (5, 9, 60)] {
        let table = table(sorted.join(format!("nElinks_{links}/wafers.parquet")).to_str().unwrap());
        assert_eq!(table.rows(), rows, "{links} links");
        assert!(table.scalar_as::<i32>("layer").unwrap().iter().all(|&l| l == layer));
        let entries = table.scalar_as::<i64>("entry").unwrap().into_owned();
        assert!(!entries.is_sorted());
        // rows stay together
        let first = table.scalar_as::<i64>("CALQ_0").unwrap();
        assert!(entries.iter().zip(first.iter()).all(|(entry, charge)| *charge == entry * 48));
    }
    let kept = dir.path().join("kept");
    run("econt prepare", &[input], &["with_sim_energy=true", "shuffle=false"], Some(&kept)).unwrap();
    let entries = table(kept.join("wafers.parquet").to_str().unwrap());
    let entries = entries.scalar_as::<i64>("entry").unwrap().into_owned();
    assert!(entries.is_sorted() && entries.len() == 120 && entries.iter().all(|entry| entry % 2 == 1));
    let doubled = dir.path().join("doubled");
    run("econt prepare", &[input], &["overlay=true", "shuffle=false"], Some(&doubled)).unwrap();
    let doubled = table(doubled.join("wafers.parquet").to_str().unwrap());
    assert_eq!((doubled.rows(), doubled.scalar_as::<i64>("CALQ_1").unwrap()[0]), (135, 50));
}

#[test]
fn cells_of_events_become_wafers() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cells.csv");
    let header = "event,tc_layer,tc_wu,tc_wv,tc_cu,tc_cv,tc_z,tc_mipPt,tc_eta";
    let rows = ["1,9,3,2,7,4,330,2,1.8", "1,9,3,2,6,4,330,1,1.9", "1,9,3,2,7,4,-330,4,-1.8", "2,11,1,1,0,0,340,3,2.1"];
    std::fs::write(&path, format!("{header}\n{}\n", rows.join("\n"))).unwrap();
    let output = dir.path().join("calq.parquet");
    run("econt produce", &[path.to_str().unwrap()], &["negative_z_offset=5000"], Some(&output)).unwrap();
    let got = table(output.to_str().unwrap());
    assert_eq!(got.scalar_as::<i64>("entry").unwrap().into_owned(), [5001, 1, 2]);
    assert_eq!(got.scalar_as::<i64>("CALQ_0").unwrap().into_owned(), [140, 70, 0]);
    assert_eq!(got.scalar_as::<i64>("CALQ_1").unwrap().into_owned(), [0, 35, 0]);
    assert_eq!(got.scalar_as::<i64>("CALQ_47").unwrap().into_owned(), [0, 0, 105]);
    assert_eq!(got.scalar_as::<i32>("layer").unwrap().into_owned(), [9, 9, 11]);
}

#[test]
fn algorithms_side_by_side() {
    let dir = tempfile::tempdir().unwrap();
    let (calq, output) = (golden("calq_first2000.csv.gz"), dir.path().join("compared"));
    let words = ["links=[2,5]", "displays=2", "csv_wafers=3"];
    let outcome = run("econt compare", &[&calq], &words, Some(&output)).unwrap();
    println!("{}", outcome.report.to_text());
    let table = table(output.join("comparison.parquet").to_str().unwrap());
    let names = table.strings("algorithm").unwrap();
    let emd = table.scalar_as::<f64>("emd_mean").unwrap();
    let of = |name: &str| (0..table.rows()).find(|&row| names.value(row) == name).map(|row| emd[row]).unwrap();
    // means of the reference over 10,000 wafers of the same kind
    for (name, expected) in [
        ("threshold 47", 1.386),
        ("best choice, 2 links", 1.388),
        ("best choice, 5 links", 0.244),
        ("super cells, 2 links", 1.766),
        ("super cells, 5 links", 0.570),
    ] {
        assert!((of(name) / expected - 1.0).abs() < 0.06, "{name}: {} {expected}", of(name));
    }
    assert_eq!(of("repeater"), 0.0);
    let text = std::fs::read_to_string(output.join("verify_input_calQ.csv")).unwrap();
    assert_eq!(text.lines().count(), 3);
    assert!(text.starts_with("2.628571428571,1.457142857143,0.000000000000"));
    for figure in ["hist_EMD.svg", "profile_occ_EMD.png", "display_best_choice_2_links.svg", "occ_1MT.svg"] {
        assert!(output.join(figure).exists(), "{figure}");
    }
}
