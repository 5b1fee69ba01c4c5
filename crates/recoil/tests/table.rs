//! `recoil table` through the command line.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn recoil(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_recoil")).args(words).output().unwrap()
}

fn out(words: &[&str]) -> String {
    let output = recoil(words);
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn parsed(words: &[&str]) -> Value {
    serde_json::from_str(&out(words)).unwrap()
}

fn fails(words: &[&str], code: i32) -> String {
    let output = recoil(words);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{words:?}: {text}");
    text
}

fn sample(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/table");
    folder.join(name).to_str().unwrap().to_owned()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn schema_and_ls_tell_what_is_there() {
    let schema = parsed(&["table", "schema", &sample("zstd.parquet"), "--json"]);
    assert_eq!(schema["rows"], 60);
    assert_eq!(schema["columns"][7]["type"], "list<float32>");
    assert_eq!(schema["columns"][12]["unit"], "us since 1970-01-01");
    let shown = out(&["table", "schema", &sample("zstd.parquet")]);
    assert!(shown.contains("event") && shown.contains("list<list<int32>>"), "{shown}");
    let objects = parsed(&["table", "ls", &sample("jagged.npz"), "--json"]);
    assert_eq!(objects["objects"][2]["name"], "hits_offsets");
    assert_eq!(objects["objects"][2]["rows"], 11);
}

#[test]
fn an_rntuple_is_read_as_a_tree_is() {
    let root = |name: &str| Path::new(&sample("")).join("../root").join(name).to_str().unwrap().to_owned();
    let file = root("ntuple_projected.root");
    let objects = parsed(&["table", "ls", &file, "--json"]);
    assert_eq!(objects["objects"][0]["class"], "ROOT::RNTuple");
    assert_eq!((&objects["objects"][0]["name"], &objects["objects"][0]["rows"]), (&json!("Events"), &json!(120)));
    let schema = parsed(&["table", "schema", &file, "--json"]);
    let column =
        |name: &str| schema["columns"].as_array().unwrap().iter().find(|c| c["name"] == name).cloned().unwrap();
    assert_eq!(column("Muon.pt")["type"], "list<float32>");
    assert_eq!(column("Muon.pt")["doc"], "transverse momentum");
    assert_eq!(column("Muon.ids")["type"], "list<list<uint8>>");
    let words =
        ["--columns", "run,nMuon,Muon.charge", "--where", "max(Muon_pt) > 21.4 and run < 60", "-n", "20", "--json"];
    let rows = parsed(&[&["table", "show", &file], &words[..]].concat());
    assert_eq!(rows["rows"][0], json!({"run": 39, "nMuon": 3, "Muon.charge": [1, -1, 1]}));
    assert_eq!(rows["rows"].as_array().unwrap().len(), 15);

    let folder = tempfile::tempdir().unwrap();
    let table = folder.path().join("nested.parquet");
    let done = recoil(&["table", "convert", &root("ntuple_nested.root"), text(&table)]);
    let told = String::from_utf8(done.stderr).unwrap();
    assert!(done.status.success() && told.contains("variant") && !told.contains("group of fields"), "{told}");
    let direct =
        out(&["table", "show", &root("ntuple_nested.root:dir/n"), "-n", "60", "--columns", "vvs,events.label,opt"]);
    assert_eq!(out(&["table", "show", text(&table), "-n", "60", "--columns", "vvs,events.label,opt"]), direct);
}

#[test]
fn rows_are_shown_as_text_and_as_json() {
    let file = sample("zstd.parquet");
    let shown = out(&["table", "show", &file, "-n", "3", "--columns", "event,pt,jets"]);
    let expected = "           event    pt  jets\n9007199254740993     0  []\n9007199254741000  0.25  [1]\n\
                    9007199254741007   0.5  [2, 2.25]\n";
    assert_eq!(shown, expected);
    let rows =
        parsed(&["table", "show", &file, "--columns", "gap,names", "--where", "pt > 0.4 and len(jets) == 2", "--json"]);
    assert_eq!(rows["columns"], json!(["gap", "names"]));
    assert_eq!(rows["rows"][0], json!({"gap": null, "names": "row 2"}));
    assert_eq!(rows["rows"].as_array().unwrap().len(), 10);
    let elements = parsed(&["table", "show", &file, "-n", "4", "--columns", "jets", "--where", "jets > 2.1", "--json"]);
    assert_eq!(elements["rows"][2], json!({"jets": [2.25]}));
    assert_eq!(elements["rows"][3], json!({"jets": [3.0, 3.25, 3.5]}));
}

#[test]
fn mistakes_are_told_with_their_place() {
    let file = sample("zstd.parquet");
    let error = fails(&["table", "show", &file, "--where", "pt > 2 and abs(jetz[0]) < 2"], 2);
    assert!(error.contains("unknown column 'jetz' at column 16, did you mean 'jets'?"), "{error}");
    assert!(error.contains("\n  pt > 2 and abs(jetz[0]) < 2\n                 ^^^^\n"), "{error}");
    fails(&["table", "show", &file, "--columns", "nope"], 2);
    fails(&["table", "show", "/no/such.parquet"], 3);
    fails(&["table", "show", "/no/such.docx"], 2);
    fails(&["table", "show", &sample("decimal.parquet")], 3);
    let damaged = tempfile::tempdir().unwrap().keep().join("d.parquet");
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() - 3000;
    bytes[middle..middle + 2500].fill(0x5a);
    std::fs::write(&damaged, bytes).unwrap();
    let error = fails(&["table", "show", text(&damaged)], 3);
    assert!(error.contains("damaged or not Parquet") && !error.contains("internal"), "{error}");
}

#[test]
fn tables_go_from_format_to_format_and_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let source = sample("zstd.parquet");
    let root = path("t.root");
    let tree = format!("{}:sub/events", text(&root));
    out(&["table", "convert", &source, &tree, "-q"]);
    let listed = parsed(&["table", "ls", text(&root), "--json"]);
    assert!(listed["objects"].as_array().unwrap().iter().any(|o| o["name"] == "sub/events" && o["rows"] == 60));
    let again = path("again.parquet");
    let report = parsed(&["table", "convert", text(&root), text(&again), "--where", "pt < 5", "-q", "--json"]);
    assert_eq!((&report["values"]["rows"], &report["values"]["columns"]), (&json!(20), &json!(13)));
    let show = |file: &str, columns: &str| {
        let rows = parsed(&["table", "show", file, "-n", "20", "--columns", columns, "--json"]);
        rows["rows"].clone()
    };
    let columns = "event,id,pt,good,sample,jets,large,names,nested,pos,gap";
    assert_eq!(show(text(&again), columns), show(&source, columns));

    let record: Value = serde_json::from_slice(&std::fs::read(path("again.parquet.prov.json")).unwrap()).unwrap();
    assert!(record["reproduce"].as_str().unwrap().contains("--where 'pt < 5'"), "{record}");
    let schema = parsed(&["table", "schema", text(&again), "--json"]);
    assert!(schema["provenance"].is_object());

    let (csv, npz) = (path("t.csv.gz"), path("t.npz"));
    out(&["table", "convert", text(&again), text(&csv), "--columns", "event,pt,names,jets", "-q"]);
    out(&["table", "convert", text(&csv), text(&npz), "-q"]);
    assert_eq!(show(text(&npz), "event,names,jets"), show(&source, "event,names,jets"));
    let two = path("two.parquet");
    out(&["table", "convert", text(&npz), text(&npz), text(&two), "-q"]);
    assert_eq!(parsed(&["table", "schema", text(&two), "--json"])["rows"], 40);
}

#[test]
fn outputs_are_whole_or_absent() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("t.npy");
    let source = sample("zstd.parquet");
    let error = fails(&["table", "convert", &source, text(&target), "-q"], 2);
    assert!(error.contains("t.npy: column 'sample' of type string does not fit into one array"), "{error}");
    let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    let target = dir.path().join("t.csv");
    out(&["table", "convert", &source, text(&target), "--columns", "event", "-q"]);
    let error = fails(&["table", "convert", &source, text(&target), "--columns", "pt", "-q"], 4);
    assert!(error.contains("exists already"), "{error}");
    out(&["table", "convert", &source, text(&target), "--columns", "pt", "--overwrite", "-q"]);
    assert!(std::fs::read_to_string(&target).unwrap().starts_with("pt\n0.0\n0.25\n"));
}

#[test]
fn a_reader_that_has_seen_enough_ends_the_show() {
    let dir = tempfile::tempdir().unwrap();
    let csv = dir.path().join("long.csv");
    let rows: String = (0..300_000).map(|i| format!("{i},{}\n", i * 2)).collect();
    std::fs::write(&csv, format!("a,b\n{rows}")).unwrap();
    let words = ["table", "show", text(&csv), "-n", "1000000"];
    let mut child = Command::new(env!("CARGO_BIN_EXE_recoil"))
        .args(words)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}
