//! Productions through the command line: a production that survives the death of its manager and of its workers.

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// What every task runs: notes its beginning and end in side files, and misbehaves as its kind says.
const WORK: &str = r#"
kind=$1; name=$2; out=$3; shift 3
echo x >> "counts/$name.begin"
case $kind in
  flaky) if [ ! -e "counts/$name.tried" ]; then touch "counts/$name.tried"; exit 7; fi ;;
  memory) head -c 40000000 /dev/zero | tail -c 40000000 | (sleep 0.3; wc -c > /dev/null) || exit 137 ;;
  slow) if [ ! -e "counts/$name.tried" ]; then touch "counts/$name.tried"; sleep 60; fi ;;
  bad) exit 5 ;;
esac
echo "half" > "$out"
sleep 0.01
{ echo "$name"; [ $# -eq 0 ] || cat "$@"; } > "$out"
echo x >> "counts/$name.end"
"#;

const PRODUCTION: &str = r#"
name: chaos
defaults: {retries: 1}
steps:
  - {id: gen, for: {i: 001..130}, command: [sh, work.sh, plain, "gen{i}", "{output}"], output: "out/gen{i}.txt"}
  - {id: flaky, for: {i: 01..20}, command: [sh, work.sh, flaky, "flaky{i}", "{output}"], output: "out/flaky{i}.txt"}
  - {id: memory, for: {i: 1..5}, resources: {memory: 30M}, output: "out/memory{i}.txt",
     command: [sh, work.sh, memory, "memory{i}", "{output}"]}
  - {id: slow, for: {i: 1..4}, resources: {time: 1s}, command: [sh, work.sh, slow, "slow{i}", "{output}"], output: "out/slow{i}.txt"}
  - {id: bad, for: {i: 1..10}, acceptance: 0.4, retries: 0, output: "out/bad{i}.txt",
     command: [sh, -c, "if [ $1 -le 5 ]; then exec sh work.sh bad bad$1 \"$2\"; else exec sh work.sh plain bad$1 \"$2\"; fi", sh, "{i}", "{output}"]}
  - {id: next, for: {i: 001..130}, input: "out/gen{i}.txt", output: "out/next{i}.txt",
     command: [sh, work.sh, plain, "next{i}", "{output}", "{input}"]}
  - {id: merge, inputs: [next, flaky, memory, slow, bad], output: out/merged.txt,
     command: [sh, work.sh, plain, merge, "{output}", "{inputs}"]}
"#;

fn recoil() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_recoil"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn world() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("counts")).unwrap();
    std::fs::write(folder.path().join("work.sh"), WORK).unwrap();
    std::fs::write(folder.path().join("p.yaml"), PRODUCTION).unwrap();
    folder
}

fn run_arguments(folder: &Path) -> Vec<PathBuf> {
    let words = ["production", "run", "--executor", "local", "--cpus", "4", "-k", "-y", "--no-progress"];
    words.iter().map(PathBuf::from).chain([folder.join("p.yaml")]).collect()
}

fn outputs(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder.join("out")).unwrap().flatten();
    entries
        .map(|entry| {
            (entry.file_name().to_string_lossy().into_owned(), std::fs::read(entry.path()).unwrap_or_default())
        })
        .collect()
}

/// How often tasks were noted as done, from the journal.
fn done_counts(folder: &Path) -> BTreeMap<String, usize> {
    let text = std::fs::read_to_string(folder.join(".recoil/chaos/journal.jsonl")).unwrap();
    let mut counts = BTreeMap::new();
    for line in text.lines() {
        let Ok(event) = serde_json::from_str::<serde_json::Value>(line) else { continue };
        if event["event"] == "end" && event["result"]["outcome"] == "done" {
            let name = format!("{}.{}", event["result"]["step"].as_str().unwrap(), event["result"]["task"]);
            *counts.entry(name).or_insert(0) += 1;
        }
    }
    counts
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), output.stderr.as_slice()].concat()).into_owned()
}

/// Processes whose command line holds the folder's name.
fn processes(folder: &Path, word: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.bytes().all(|byte| byte.is_ascii_digit()) {
            let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            if line.contains(word) && line.contains(&*folder.to_string_lossy()) {
                found.push(name);
            }
        }
    }
    found
}

fn spawn(folder: &Path) -> std::process::Child {
    recoil().args(run_arguments(folder)).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// All outputs are there, nothing else is, and each task was done once.
fn assert_same(expected: &BTreeMap<String, Vec<u8>>, folder: &Path) {
    let found = outputs(folder);
    let names: Vec<&String> = expected.keys().chain(found.keys()).collect();
    let differing: Vec<_> = names.into_iter().filter(|name| found.get(*name) != expected.get(*name)).collect();
    assert_eq!(differing, Vec::<&String>::new());
    let counts = done_counts(folder);
    let repeated: Vec<_> = counts.iter().filter(|(_, count)| **count != 1).collect();
    assert_eq!(repeated, [], "finished tasks ran again");
    assert_eq!(counts.len(), 295);
}

#[test]
fn managers_and_workers_may_die_at_any_moment() {
    let calm = world();
    let output = recoil().args(run_arguments(calm.path())).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let expected = outputs(calm.path());
    assert_eq!(expected.len(), 295);

    let kills: u64 = std::env::var("RECOIL_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(12);
    let mut wild = world();
    let (mut killed, mut runs) = (0, 0);
    loop {
        let mut manager = spawn(wild.path());
        // spread over the run without a clock or a random generator
        let until = Instant::now() + Duration::from_millis(15 + (runs * 137) % 450);
        runs += 1;
        let ended = loop {
            match manager.try_wait().unwrap() {
                None if Instant::now() < until => std::thread::sleep(Duration::from_millis(1)),
                ended => break ended,
            }
        };
        if let Some(status) = ended {
            assert_eq!(status.code(), Some(0));
            assert_same(&expected, wild.path());
            if killed >= kills {
                break;
            }
            wild = world();
            continue;
        }
        if killed >= kills {
            // enough: this one may end
            assert_eq!(manager.wait().unwrap().code(), Some(0));
            assert_same(&expected, wild.path());
            break;
        }
        manager.kill().unwrap();
        manager.wait().unwrap();
        killed += 1;
        if killed % 4 == 3 {
            for worker in processes(wild.path(), "--worker") {
                let _ = Command::new("kill").args(["-9", &worker]).status();
            }
        }
    }
    println!("{killed} managers were killed while they ran");

    let output = recoil().args(["production", "status", "--json"]).arg(wild.path()).output().unwrap();
    let status: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((status["state"].as_str(), status["tasks"]["done"].as_u64()), (Some("done"), Some(295)), "{status}");
}

#[test]
fn a_task_runs_once_however_often_the_manager_dies() {
    let wild = world();
    for kill in 0..8_u64 {
        let mut manager = spawn(wild.path());
        std::thread::sleep(Duration::from_millis(80 + kill * 61));
        manager.kill().unwrap();
        manager.wait().unwrap();
    }
    let output = recoil().args(run_arguments(wild.path())).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    // only managers died: what they had begun went on and counts
    for entry in std::fs::read_dir(wild.path().join("counts")).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".end") {
            assert_eq!(std::fs::read_to_string(entry.path()).unwrap(), "x\n", "{name}");
        }
    }
}

#[test]
fn commands_for_people() {
    let folder = world();
    let file = folder.path().join("p.yaml");
    let say = |words: &[&str]| recoil().arg("production").args(words).arg(&file).output().unwrap();

    let output = say(&["validate"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let output = say(&["plan", "--json"]);
    let plan: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(plan["steps"].as_array().unwrap().len(), 7);
    assert_eq!(plan["edges"], 6);
    for key in ["id", "stage", "inputs", "outputs", "command", "resources", "depends_on"] {
        assert!(!plan["steps"][5][key].is_null(), "{key}");
    }
    for format in ["graphviz", "mermaid", "text"] {
        assert!(text(&say(&["plan", "--format", format])).contains("merge"), "{format}");
    }
    let output = recoil().args(run_arguments(folder.path())).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let shown = text(&say(&["status", "--depth", "3"]));
    assert!(shown.contains("task 4, 1 tries: sh ended with exit code 5"), "{shown}");
    assert!(text(&say(&["explain", "merge"])).contains("up to date"), "{}", text(&say(&["explain", "merge"])));
    assert!(text(&say(&["explain", "mrege"])).contains("did you mean 'merge'"));
    assert_eq!(say(&["explain", "mrege"]).status.code(), Some(2));
    std::fs::write(folder.path().join("out/gen007.txt"), "something else").unwrap();
    assert!(text(&say(&["explain", "gen.6"])).contains("another size"));
    assert!(say(&["logs", "slow.0"]).status.success());
    let output = say(&["report"]);
    let page = std::fs::read_to_string(text(&output).trim()).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.contains("Timeline") && page.contains("exit code 5"));
    assert_eq!(say(&["clean"]).status.code(), Some(2), "nothing is removed unasked");
    assert!(say(&["clean", "-y", "--outputs"]).status.success());
    assert_eq!(outputs(folder.path()).len(), 0);

    std::fs::write(&file, "steps: [{id: a, comand: [x]}]").unwrap();
    let output = say(&["validate", "--json"]);
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(2));
    for key in ["severity", "code", "message", "file", "line", "column"] {
        assert!(!found[0][key].is_null(), "{key}: {found}");
    }
}

#[test]
fn an_interrupted_manager_leaves_its_tasks_and_takes_them_up_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("p.yaml");
    std::fs::write(
        &file,
        "steps: [{id: a, for: {i: 1..2}, command: [sh, -c, 'echo x >> \"ran$2\"; sleep 1; echo ok > \"$1\"', sh, '{output}', '{i}'], output: 'o{i}'}]",
    )
    .unwrap();
    let words = ["production", "run", "--cpus", "2", "--no-progress"];
    let manager = recoil().args(words).arg(&file).spawn().unwrap();
    while !folder.path().join("ran2").exists() {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(Command::new("kill").args(["-INT", &manager.id().to_string()]).status().unwrap().success());
    let output = manager.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", text(&output));
    let output = recoil().args(words).arg(&file).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert_eq!(std::fs::read_to_string(folder.path().join("ran1")).unwrap(), "x\n");
    assert_eq!(std::fs::read_to_string(folder.path().join("o2")).unwrap(), "ok\n");
}

#[test]
fn two_managers_do_not_run_the_same_production() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("p.yaml");
    std::fs::write(
        &file,
        "steps: [{id: a, command: [sh, -c, 'touch began; sleep 3; touch \"$1\"', sh, '{output}'], output: o}]",
    )
    .unwrap();
    let mut first = recoil().args(["production", "run", "--no-progress"]).arg(&file).spawn().unwrap();
    while !folder.path().join("began").exists() {
        std::thread::sleep(Duration::from_millis(10));
    }
    let second = recoil().args(["production", "run"]).arg(&file).output().unwrap();
    assert_eq!(second.status.code(), Some(2));
    assert!(text(&second).contains("another manager runs this production"), "{}", text(&second));
    let cancelled = recoil().args(["production", "cancel"]).arg(&file).output().unwrap();
    assert!(cancelled.status.success() && text(&cancelled).contains("1 tasks cancelled"), "{}", text(&cancelled));
    first.wait().unwrap();
    assert!(!folder.path().join("o").exists());
}

/// Trainings that differ by a list of words each: one task per list, all with the seed of the step.
#[test]
fn lists_of_overrides_are_tasks() {
    let folder = tempfile::tempdir().unwrap();
    let text = "
name: lists
seed: 5
steps:
  - id: made
    stage: econt simulate
    config: {wafers: 3}
    overrides: [[], [wafers=4], [wafers=5]]
    output: made{task}.parquet
";
    std::fs::write(folder.path().join("lists.yaml"), text).unwrap();
    let run = |words: &[&str]| recoil().current_dir(&folder).args(words).output().unwrap();
    let output = run(&["production", "run", "lists.yaml", "--no-progress"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for (task, wafers) in [(0, 3), (1, 4), (2, 5)] {
        let record = folder.path().join(format!("made{task}.parquet.prov.json"));
        let record: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(record).unwrap()).unwrap();
        assert_eq!((&record["key"]["seed"], &record["key"]["config"]["wafers"]), (&5.into(), &wafers.into()));
    }
    for (from, to, message) in [
        ("[[], [wafers=4], [wafers=5]]", "wafers=4", "list with a list of words"),
        ("[wafers=4]", "[wafrs=4]", "did you mean 'wafers'"),
        ("stage: econt simulate\n    config: {wafers: 3}", "command: [touch, '{output}']", "only with 'stage'"),
    ] {
        std::fs::write(folder.path().join("wrong.yaml"), text.replace(from, to)).unwrap();
        let output = run(&["production", "validate", "wrong.yaml"]);
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(!output.status.success() && said.contains(message), "{said}");
    }
}
