//! Searches for the configuration of a stage, through the command line.

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

const HEAD: &str = "
name: searched
seed: 5
steps:
  - id: events
    stage: pflow simulate
    config: {events: 40}
";

/// Budgets fall on validations: then a training that pauses has the history of one that does not.
const HALVING: &str = "
  - id: model
    stage: pflow train
    inputs: {events: events}
    config:
      architecture: {layers: 1, heads: 2, head_width: 4}
      training: {steps: 36, validations: 9, averaging: 0.1}
    search:
      samples: 6
      space:
        training.rate: {log: [1e-4, 1e-1]}
        training.batch: {integer: [2, 8]}
        architecture.activation: {choice: [elu, relu]}
      objective: {file: history.csv, column: total}
      halving: {rungs: 3, factor: 3, budget: training.pause, first: 4, checkpoint: checkpoint}
  - id: found
    stage: pflow predict
    inputs: {events: events}
    config: {model: model}
";

fn recoil(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_recoil"));
    command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), output.stderr.as_slice()].concat()).into_owned()
}

fn written(steps: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("p.yaml"), format!("{HEAD}{steps}")).unwrap();
    folder
}

fn manager(folder: &Path) -> Command {
    let mut command = recoil(folder);
    command.args(["production", "run", "p.yaml", "--no-progress", "--cpus", "2", "-y"]);
    command
}

fn run(folder: &Path) -> String {
    let output = manager(folder).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    text(&output)
}

/// All files but records of when and where a task ran, and what the manager keeps.
fn outputs(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut left = vec![folder.to_path_buf()];
    while let Some(directory) = left.pop() {
        for entry in std::fs::read_dir(directory).unwrap().flatten() {
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            let is_checkpoint = name.starts_with("checkpoint");
            if path.is_dir() && name != ".recoil" {
                left.push(path);
            } else if path.is_file() && !name.ends_with(".prov.json") && !is_checkpoint {
                let name = path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
                found.insert(name, std::fs::read(path).unwrap());
            }
        }
    }
    found
}

/// Rows of the table of trials: cells by the names of their columns.
fn table(folder: &Path) -> Vec<BTreeMap<String, String>> {
    let text = std::fs::read_to_string(folder.join("model-trials/trials.csv")).unwrap();
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    let row =
        |line: &str| names.iter().map(|name| (*name).to_owned()).zip(line.split(',').map(str::to_owned)).collect();
    lines.map(row).collect()
}

#[test]
fn the_best_third_goes_on_and_ends_like_an_ordinary_training() {
    let folder = written(HALVING);
    run(folder.path());
    let rows = table(folder.path());
    let count = |rung: &str| rows.iter().filter(|row| row["rung"] == rung).count();
    assert_eq!([count("0"), count("1"), count("2")], [6, 2, 1], "{rows:?}");
    let value = |row: &BTreeMap<String, String>| row["total"].parse::<f64>().unwrap();
    // those that went on are the best of their rung, and the best of all has rank 1 in all rungs
    for (rung, kept) in [("0", 2), ("1", 1)] {
        let mut own: Vec<_> = rows.iter().filter(|row| row["rung"] == rung).collect();
        own.sort_by(|a, b| value(a).total_cmp(&value(b)));
        for (place, row) in own.iter().enumerate() {
            assert_eq!(row["rung_rank"], (place + 1).to_string());
            let next = (rung.parse::<u32>().unwrap() + 1).to_string();
            let goes_on = rows.iter().any(|other| other["trial"] == row["trial"] && other["rung"] == next);
            assert_eq!(goes_on, place < kept, "{row:?}");
        }
    }
    let best = rows.iter().find(|row| row["rung"] == "2").unwrap();
    assert_eq!((best["rank"].as_str(), best["budget"].as_str()), ("1", "36"));
    for name in ["model/model.safetensors", "model-trials/parameters.svg", "model-trials/curves.svg", "found.parquet"] {
        assert!(folder.path().join(name).exists(), "{name}");
    }
    assert!(!folder.path().join("model/trial.json").exists());

    let words: Vec<String> = ["training.rate", "training.batch", "architecture.activation"]
        .iter()
        .map(|key| format!("{key}={}", best[*key]))
        .collect();
    let plain = ["pflow", "train", "--input", "events.parquet", "-o", "plain", "--seed", "5", "-q"];
    let keys = ["architecture.layers=1", "architecture.heads=2", "architecture.head_width=4"];
    let training = ["training.steps=36", "training.validations=9", "training.averaging=0.1"];
    let output = recoil(folder.path()).args(plain).args(keys).args(training).args(&words).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    let history = |name: &str| std::fs::read_to_string(folder.path().join(name).join("history.csv")).unwrap();
    assert_eq!(history("model"), history("plain"));

    // nothing is left to do; more trials leave those that are there alone
    let again = run(folder.path());
    assert!(again.starts_with("0 tasks done"), "{again}");
    let more = HALVING.replace("samples: 6", "samples: 7");
    std::fs::write(folder.path().join("p.yaml"), format!("{HEAD}{more}")).unwrap();
    let output = recoil(folder.path()).args(["production", "plan", "p.yaml", "--json"]).output().unwrap();
    let plan: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let step = plan["steps"].as_array().unwrap().iter().find(|step| step["id"] == "model.rung-0").unwrap();
    assert_eq!(step["reasons"][0], "1 of 7 tasks", "{step}");
}

#[test]
fn a_search_survives_its_managers() {
    let calm = written(HALVING);
    run(calm.path());
    let expected = outputs(calm.path());
    assert!(expected.len() > 30, "{:?}", expected.keys());

    let wild = written(HALVING);
    let mut killed = 0;
    for kill in 0..6_u64 {
        let mut child = manager(wild.path()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(250 + kill * 170));
        if child.try_wait().unwrap().is_none() {
            killed += 1;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // with it, all that it began: trainings in the middle, too
        let name = wild.path().to_string_lossy().into_owned();
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            if String::from_utf8_lossy(&line).contains(&name) {
                let _ = Command::new("kill").args(["-9", &entry.file_name().to_string_lossy()]).status();
            }
        }
    }
    run(wild.path());
    let found = outputs(wild.path());
    let names: Vec<&String> = expected.keys().chain(found.keys()).collect();
    let differing: Vec<_> = names.into_iter().filter(|name| found.get(*name) != expected.get(*name)).collect();
    assert_eq!(differing, Vec::<&String>::new());
    println!("{killed} managers were killed with their trainings");
}

#[test]
fn trainings_that_diverge_rank_last() {
    let diverging = HALVING
        .replace("training.rate: {log: [1e-4, 1e-1]}", "training.rate: {choice: [0.001, 0.002, 1e30]}")
        .replace("training.batch: {integer: [2, 8]}", "training.batch: {choice: [4]}")
        .replace("{choice: [elu, relu]}", "{choice: [elu]}")
        .replace("samples: 6", "samples: 3");
    let folder = written(&diverging);
    run(folder.path());
    let rows = table(folder.path());
    let last = rows.last().unwrap();
    assert_eq!((last["rank"].as_str(), last["training.rate"].as_str()), ("3", "1.0e+30"), "{rows:?}");
    assert!(last["failure"].contains("finite"), "{last:?}");
    assert!(rows[0]["failure"].is_empty() && rows[0]["training.rate"] != "1.0e+30");

    // where nothing ends well there is no result, and the reason is told
    let hopeless = diverging.replace("[0.001, 0.002, 1e30]", "[1e30, 1e31]").replace("samples: 3", "samples: 2");
    let folder = written(&hopeless);
    let output = manager(folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(5), "{}", text(&output));
    let logs = recoil(folder.path()).args(["production", "logs", "model.ranking-0", "p.yaml"]).output().unwrap();
    assert!(text(&logs).contains("no trial") && text(&logs).contains("finite"), "{}", text(&logs));
    assert!(!folder.path().join("model").exists());
}

#[test]
fn random_search_of_a_stage_that_writes_a_file() {
    let folder = written(
        "
  - id: edges
    stage: pflow train-edges
    inputs: {events: events}
    search:
      samples: 3
      seed: 8
      space: {training.batch_size: {integer: [50, 200]}, training.epochs: {choice: [1, 2]}}
      objective: {value: precision, goal: max}
  - id: blocks
    stage: pflow blocks
    inputs: {events: events, model: edges}
    config: {method: edges}
",
    );
    run(folder.path());
    let table = std::fs::read_to_string(folder.path().join("edges-trials/trials.csv")).unwrap();
    assert!(table.starts_with("rank,trial,rung,rung_rank,budget,precision,"), "{table}");
    let values: Vec<f64> = table.lines().skip(1).map(|line| line.split(',').nth(5).unwrap().parse().unwrap()).collect();
    assert!(values.len() == 3 && values.is_sorted_by(|a, b| a >= b), "{values:?}");
    let best: usize = table.lines().nth(1).unwrap().split(',').nth(1).unwrap().parse().unwrap();
    let same = |a: &str, b: &str| {
        std::fs::read(folder.path().join(a)).unwrap() == std::fs::read(folder.path().join(b)).unwrap()
    };
    assert!(same("edges.safetensors", &format!("edges-trials/rung-0/{best}/edges.safetensors")));
    assert!(folder.path().join("edges.safetensors.prov.json").exists());
    assert!(
        folder.path().join("edges-trials/parameters.svg").exists() && folder.path().join("blocks.parquet").exists()
    );
}

#[test]
fn what_is_wrong_with_a_search_is_told_with_its_place() {
    let folder = written("");
    let wrong = |from: &str, to: &str| -> String {
        let steps = HALVING.replace(from, to);
        assert_ne!(steps, HALVING, "{from}");
        std::fs::write(folder.path().join("p.yaml"), format!("{HEAD}{steps}")).unwrap();
        let output = recoil(folder.path()).args(["production", "validate", "p.yaml"]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{to}: {}", text(&output));
        text(&output)
    };
    for (from, to, place, message) in [
        ("training.rate:", "training.rte:", "p.yaml:18:9", "did you mean 'rate'"),
        ("{log: [1e-4, 1e-1]}", "{log: [0, 1]}", "p.yaml:18:30", "two positive numbers"),
        ("{log: [1e-4, 1e-1]}", "{lag: [0, 1]}", "p.yaml:18:25", "did you mean 'log'"),
        ("{integer: [2, 8]}", "{uniform: [2, 8]}", "p.yaml:19:9", "training.batch"),
        ("samples: 6", "samples: none", "p.yaml:16:16", "number of trials"),
        ("column: total", "colum: total", "p.yaml:21:38", "did you mean 'column'"),
        ("history.csv", "histry.csv", "p.yaml:21:18", "did you mean 'history.csv'"),
        ("goal: min", "goal: less", "p.yaml:21:60", "min or max"),
        ("budget: training.pause", "budget: training.puase", "p.yaml:22:16", "did you mean 'pause'"),
        ("first: 4, ", "", "p.yaml:22:16", "no 'first'"),
        ("budget: training.pause", "budget: training.rate", "p.yaml:22:16", "at once"),
        ("    search:", "    for: {i: 1..2}\n    output: m{i}/\n    search:", "p.yaml:15:10", "cannot have 'for'"),
        ("samples: 6", "samples: 6\n      sampels: 7", "p.yaml:17:7", "did you mean 'samples'"),
    ] {
        // the goal is not written where it is that of the default
        let said = match from {
            "goal: min" => wrong("column: total}", "column: total, goal: less}"),
            from => wrong(from, to),
        };
        assert!(said.contains(message), "{to}: {said}");
        assert!(said.contains(place) || from == "goal: min", "{to}: {said}");
    }
    let said = wrong(
        "        training.rate: {log: [1e-4, 1e-1]}\n        training.batch: {integer: [2, 8]}\n",
        "        training.batch: {integer: [2, 3]}\n",
    );
    assert!(said.contains("only 4 of 6 trials") && said.contains("no more combinations"), "{said}");
    std::fs::write(
        folder.path().join("p.yaml"),
        "steps: [{id: a, command: [touch, '{output}'], output: o, search: {samples: 2}}]",
    )
    .unwrap();
    let output = recoil(folder.path()).args(["production", "validate", "p.yaml"]).output().unwrap();
    assert!(text(&output).contains("only with 'stage'"), "{}", text(&output));
}
