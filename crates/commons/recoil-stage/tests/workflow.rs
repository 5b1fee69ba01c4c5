//! Workflows: order, resume, mistakes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod toy;

use recoil_stage::RunOptions;
use recoil_stage::workflow::Workflow;
use std::path::Path;
use toy::{files, registry};

const TEXT: &str = "\
name: sums
steps:
  - id: total
    stage: toy sum
    inputs:
      numbers: [few/numbers.txt, few/more/squares.txt]
  - id: few
    stage: toy.numbers
    config: {count: 4}
";

fn run(directory: &Path, words: &[&str]) -> Vec<(String, Vec<String>)> {
    let words: Vec<String> = words.iter().map(ToString::to_string).collect();
    let plan = Workflow::parse(Path::new("sums.yaml"), TEXT).unwrap().plan(&registry(), directory, &words).unwrap();
    let foreseen = plan.reasons().unwrap();
    let results = plan.run(&registry(), &RunOptions::default()).unwrap();
    for (foreseen, result) in foreseen.iter().zip(&results) {
        assert_eq!(foreseen.is_empty(), result.reasons.is_empty(), "{}: {foreseen:?} {:?}", result.id, result.reasons);
    }
    results.into_iter().map(|result| (result.id, result.reasons)).collect()
}

#[test]
fn steps_run_in_order_and_only_when_needed() {
    let dir = tempfile::tempdir().unwrap();
    let ran = |reasons: &[(String, Vec<String>)]| -> Vec<String> {
        reasons.iter().filter(|(_, reasons)| !reasons.is_empty()).map(|(id, _)| id.clone()).collect()
    };
    assert_eq!(ran(&run(dir.path(), &[])), ["few", "total"]);
    assert_eq!(std::fs::read_to_string(dir.path().join("total.txt")).unwrap(), "20");
    assert_eq!(ran(&run(dir.path(), &[])), [""; 0]);
    let changed = run(dir.path(), &["few.count=5"]);
    assert_eq!(changed[0].1, ["config key count was 4, is 5"]);
    assert_eq!(std::fs::read_to_string(dir.path().join("total.txt")).unwrap(), "40");
    std::fs::remove_file(dir.path().join("total.txt")).unwrap();
    assert_eq!(ran(&run(dir.path(), &["few.count=5"])), ["total"]);
    assert!(files(dir.path()).iter().all(|name| !name.starts_with('.')));
}

#[test]
fn files_of_others_are_not_replaced() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("total.txt"), "mine").unwrap();
    let plan = Workflow::parse(Path::new("sums.yaml"), TEXT).unwrap().plan(&registry(), dir.path(), &[]).unwrap();
    let error = plan.run(&registry(), &RunOptions::default()).unwrap_err();
    assert_eq!(error.kind().exit_code(), 4);
    assert!(error.to_string().starts_with("step total: "), "{error}");
    assert_eq!(std::fs::read_to_string(dir.path().join("total.txt")).unwrap(), "mine");
}

#[test]
fn mistakes_are_found_before_anything_runs() {
    let replaced = |from: &str, to: &str, words: &[&str]| {
        let words: Vec<String> = words.iter().map(ToString::to_string).collect();
        let text = TEXT.replace(from, to);
        assert!(text != TEXT || !words.is_empty(), "{from}");
        let read = Workflow::parse(Path::new("w.yaml"), &text).map_err(|error| error.to_string());
        read.and_then(|w| w.plan(&registry(), Path::new("out"), &words).map_err(|error| error.to_string())).unwrap_err()
    };
    for (from, to, expected) in [
        (
            "toy.numbers",
            "toy.number",
            "step few: w.yaml:7:9: there is no stage 'toy.number' (did you mean 'toy numbers'?)",
        ),
        ("count: 4", "cuont: 4", "step few: w.yaml:9:14: unknown key 'cuont' (did you mean 'count'?)"),
        ("count: 4", "count: x", "step few: w.yaml:9:21: expected a whole number"),
        (
            "few/numbers.txt",
            "few/number.txt",
            "step total: w.yaml:3:9: step 'few' does not write 'number.txt' (did you mean 'numbers.txt'?)",
        ),
        ("numbers: [", "number: [", "step total: w.yaml:3:9: toy sum has no such input; its inputs are: numbers"),
        ("id: few", "id: total", "w.yaml:7:9: two steps are called 'total'"),
        ("id: few", "id: f/w", "w.yaml:7:9: a step's id is made of"),
        ("config:", "confg:", "w.yaml:9:5: unknown key 'confg'"),
        ("few/numbers.txt", "total", "w.yaml:3:9: these steps wait for each other: total"),
        ("steps:", "stepps:", "w.yaml:1:1: missing key 'steps'"),
        (
            "stage: toy sum",
            "stage: toy sum\n    output: ../x.txt",
            "step total: w.yaml:3:9: the output '../x.txt' does not lie in",
        ),
    ] {
        let error = replaced(from, to, &[]);
        assert!(error.starts_with(expected), "{to:?}\n  gave     {error}\n  expected {expected}");
    }
    assert!(replaced("", "", &["fwe.count=3"]).contains("did you mean 'few'?"));
    assert!(!Path::new("out").exists());
}
