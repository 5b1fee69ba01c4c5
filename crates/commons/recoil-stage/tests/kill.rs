//! A process that is killed at any moment leaves nothing half-written under a final name, and the next run completes.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod toy;

use recoil_stage::provenance::{Freshness, Record, up_to_date};
use recoil_stage::{AnyStage, Cancel, RunOptions};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use toy::{Numbers, files, prepare};

const WORDS: [&str; 1] = ["count=200"];
const DIRECTORY: &str = "RECOIL_TEST_CHILD_DIRECTORY";
const COUNT: &str = "RECOIL_TEST_CHILD_COUNT";

/// Not a test by itself: the process that the tests below start and stop.
#[test]
fn child() {
    let (Ok(directory), Ok(count)) = (std::env::var(DIRECTORY), std::env::var(COUNT)) else { return };
    let cancel = Cancel::on_signals().unwrap();
    let options = RunOptions { cancel, overwrite: true, ..RunOptions::default() };
    let error = Numbers.execute(&prepare(Path::new(&directory), &[&count]), &options).err();
    std::process::exit(error.map_or(0, |error| error.kind().exit_code().into()));
}

fn start(directory: &Path, count: &str) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child", "--nocapture"]).env(DIRECTORY, directory).env(COUNT, count);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Every file under a final name is complete: it has all its lines, and records agree with what lies beside them.
fn assert_nothing_half_written(out: &Path) {
    for name in files(out).iter().filter(|name| !name.starts_with(".recoil-")) {
        match name.strip_suffix(".prov.json") {
            Some(output) => {
                let record = Record::of_output(&out.join(output)).unwrap();
                assert_eq!(record.status, "ok");
            }
            None => {
                let lines = std::fs::read_to_string(out.join(name)).unwrap().lines().count();
                assert_eq!(lines, 201, "{name} is incomplete");
            }
        }
    }
}

#[test]
fn killed_at_random_moments() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let clock = std::time::Instant::now();
    assert!(start(&out, WORDS[0]).wait().unwrap().success());
    let whole = clock.elapsed();
    std::fs::remove_dir_all(&out).unwrap();
    let mut interrupted = 0;
    for round in 0..60u32 {
        let mut child = start(&out, WORDS[0]);
        // a spread of moments from the start of the process to beyond its end
        std::thread::sleep(whole * (round * 23 % 60) / 25);
        child.kill().unwrap();
        interrupted += u32::from(child.wait().unwrap().code() != Some(0));
        assert_nothing_half_written(&out);
        if round % 10 == 9 {
            let options = RunOptions { overwrite: true, ..RunOptions::default() };
            Numbers.execute(&prepare(&out, &WORDS), &options).unwrap();
            let names = ["more/squares.txt", "more/squares.txt.prov.json", "numbers.txt", "numbers.txt.prov.json"];
            assert_eq!(files(&out), names, "left-overs of killed runs");
            assert!(matches!(up_to_date(&prepare(&out, &WORDS)).unwrap(), Freshness::UpToDate(_)));
            std::fs::remove_dir_all(&out).unwrap();
        }
    }
    println!("{interrupted} of 60 runs were killed before they ended");
    assert!(interrupted > 0);
}

#[test]
fn a_death_between_two_renames_is_completed_by_the_next_run() {
    let dir = tempfile::tempdir().unwrap();
    let (made, out) = (dir.path().join("made"), dir.path().join("out"));
    Numbers.execute(&prepare(&made, &WORDS), &RunOptions::default()).unwrap();
    // what lies there when a process dies after the first of its renames
    let own = out.join(".recoil-somewhere-4194999-0.tmp");
    std::fs::create_dir_all(own.join("files/more")).unwrap();
    std::fs::write(own.join("lock"), "").unwrap();
    let names = ["numbers.txt", "more/squares.txt", "numbers.txt.prov.json", "more/squares.txt.prov.json", "../evil"];
    std::fs::write(own.join("complete.json"), serde_json::to_string(&names).unwrap()).unwrap();
    std::fs::copy(made.join("numbers.txt"), out.join("numbers.txt")).unwrap();
    for name in &names[1..4] {
        std::fs::copy(made.join(name), own.join("files").join(name)).unwrap();
    }
    std::fs::write(dir.path().join("out/.recoil-somewhere-4194999-0.tmp/evil"), "").unwrap();
    let error = Numbers.execute(&prepare(&out, &WORDS), &RunOptions::default()).unwrap_err();
    assert_eq!(error.kind().exit_code(), 4, "{error}");
    assert_nothing_half_written(&out);
    assert!(matches!(up_to_date(&prepare(&out, &WORDS)).unwrap(), Freshness::UpToDate(_)));
    assert!(!dir.path().join("evil").exists());
}

#[test]
fn an_interrupted_run_cleans_up_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let mut codes = Vec::new();
    for signal in ["-INT", "-TERM"] {
        let mut child = start(&out, "count=100000000");
        while !out.exists() {
            std::thread::sleep(Duration::from_millis(1));
        }
        Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        codes.push(child.wait().unwrap().code());
        assert_eq!(files(&out), [""; 0]);
    }
    assert_eq!(codes, [Some(130), Some(130)]);
    assert!(!out.exists());
}
