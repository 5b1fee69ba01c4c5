//! recoil's own form of productions: what it means, and everything that can be wrong with it in one pass.

#![allow(clippy::unwrap_used, clippy::panic)]

use recoil_production::finding::{Finding, Severity};
use recoil_production::model::{OutputKind, Production};
use recoil_production::plan::{Plan, command_lines};
use recoil_production::read::read;
use recoil_stage::Registry;
use std::path::Path;

fn parse(folder: &Path, text: &str) -> (Option<Production>, Vec<Finding>) {
    let file = folder.join("p.yaml");
    std::fs::write(&file, text).unwrap();
    read(&file, &Registry::default())
}

#[test]
fn arrays_batches_fan_in_and_resources() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["r1.root", "r2.root", "r3.root", "other.txt"] {
        std::fs::write(folder.path().join(name), "").unwrap();
    }
    let (production, found) = parse(
        folder.path(),
        r#"
name: example
seed: 7
defaults: {retries: 2, resources: {memory: 2GB, time: 01:00:00}, scheduler: {partition: short}}
steps:
  - id: convert
    for: {mode: [fast, slow], file: "r*.root"}
    batch: 2
    command: [convert, "--mode={mode}", -o, "{output}", "{file}"]
    inputs: ["{file}"]
    output: out/{mode}_{task}.h5
    resources: {cpus: 4, memory: 100G, time: 03-00:00:00}
  - id: merge
    command: [merge, "--out={output}/merged", "{inputs}"]
    inputs: convert
    output: merged/
    concurrent: 3
    acceptance: 90%
    scheduler: {nice: 10}
"#,
    );
    assert_eq!(found, []);
    let plan = Plan::new(production.unwrap());
    let [convert, merge] = plan.production.steps.as_slice() else { panic!() };
    assert_eq!(convert.tasks.len(), 4);
    let at = folder.path().display();
    assert_eq!(
        command_lines(&convert.tasks[2]),
        [format!("convert --mode=slow -o {at}/out/slow_2.h5 {at}/r1.root {at}/r2.root")]
    );
    assert_eq!(convert.tasks[1].inputs, [folder.path().join("r3.root")]);
    assert_eq!((convert.resources.memory_bytes, convert.resources.time_seconds), (Some(100 << 30), Some(259_200)));
    assert_eq!((merge.resources.memory_bytes, merge.retries, merge.acceptance), (Some(2 << 30), 2, 0.9));
    assert_eq!(merge.tasks[0].inputs.len(), 4);
    assert_eq!(merge.tasks[0].outputs[0].kind, OutputKind::Directory);
    assert_eq!(merge.scheduler.len(), 2);
    assert_eq!(plan.graph.depends_on, [vec![], vec![0]]);
    assert!(command_lines(&merge.tasks[0])[0].contains(&format!("--out={at}/merged/merged ")));
}

#[test]
fn everything_wrong_is_said_at_once_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let (_, found) = parse(
        folder.path(),
        "\
name: bad
sedd: 3
steps:
  - id: a
    comand: [x]
    output: out/node_corsika_theta_10.txt
  - id: b
    command: [cp, '{inptu}', '{output}']
    inputs: out/node_theta_10.txt
    output: b.txt
    resources: {memory: much, time: soon}
    slurm_options: '-p xxl --mem=100G'
    after: [aa, nothing]
  - id: b
    command: touch x
    inputs: c
    output: b.txt
  - id: c
    command: [cp, '{input}', '{output}']
    input: [d/]
    output: c.txt
    batch: 3
    acceptance: 1.5
  - id: d
    command: [cp, '{input}', '{output}']
    input: c.txt
    output: d/
",
    );
    let list: Vec<(usize, &str)> = found.iter().map(|f| (f.location.line, f.code)).collect();
    for expected in [
        (2, "unknown-key"),
        (4, "missing-key"),
        (5, "unknown-key"),
        (8, "missed-output"),
        (7, "bad-placeholder"),
        (11, "bad-value"),
        (12, "unknown-key"),
        (7, "unknown-step"),
        (14, "duplicate-id"),
        (14, "duplicate-output"),
        (15, "wrong-type"),
        (22, "unused-option"),
        (23, "bad-value"),
        (18, "cycle"),
    ] {
        let near = |(line, code): &&(usize, &str)| *code == expected.1 && line.abs_diff(expected.0) <= 1;
        assert!(list.iter().any(|found| near(&found)), "{expected:?} is not in {list:#?}");
    }
    let hint = |code: &str| found.iter().find(|f| f.code == code).and_then(|f| f.hint.clone()).unwrap_or_default();
    assert_eq!(hint("unknown-key"), "did you mean 'seed'?");
    assert!(hint("missed-output").contains("node_corsika_theta_10.txt, written by step a"), "{found:#?}");
    assert!(found.iter().filter(|f| f.code == "bad-value").count() >= 3);
}

#[test]
fn inputs_that_are_nowhere_are_warnings() {
    let folder = tempfile::tempdir().unwrap();
    let (production, found) =
        parse(folder.path(), "steps: [{id: a, command: [cp, '{input}', '{output}'], input: /nowhere/x, output: y}]");
    assert!(production.is_some());
    assert_eq!(found.iter().map(|f| (f.severity, f.code)).collect::<Vec<_>>(), [(Severity::Warning, "missing-input")]);
}

#[test]
fn files_that_are_no_productions() {
    let folder = tempfile::tempdir().unwrap();
    for (text, code) in [
        ("a: 1", "unknown-form"),
        ("", "unknown-form"),
        ("steps: []", "no-steps"),
        ("steps: 3", "wrong-type"),
        ("steps: [3]", "wrong-type"),
        ("steps: [[]]", "wrong-type"),
        ("steps: {a: ~}", "missing-key"),
        ("steps: [", "yaml-syntax"),
        ("steps: [{for: {i: 1..99999999999}, id: a, command: [x]}]", "no"),
        ("steps: [{for: {i: 1..999999, j: 1..999999}, id: a, command: [x]}]", "too-many-tasks"),
    ] {
        let (_, found) = parse(folder.path(), text);
        assert!(code == "no" || found.iter().any(|f| f.code == code), "{text}: {found:?}");
    }
    let (_, found) = read(&folder.path().join("missing.yaml"), &Registry::default());
    assert_eq!(found[0].code, "unreadable");
    let (_, found) = read(folder.path(), &Registry::default());
    assert_eq!(found[0].code, "unreadable");
}
