//! The program through its command line: help, exit codes, generated texts.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn recoil(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_recoil")).args(words).output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn version_and_help_are_data() {
    let version = recoil(&["--version"]);
    assert_eq!((version.status.code(), out(&version)), (Some(0), format!("recoil {}\n", env!("CARGO_PKG_VERSION"))));
    for words in [&["--help"][..], &["help"], &["hgcal", "--help"], &["production", "run", "--help"], &["demo", "-h"]] {
        let help = recoil(words);
        assert_eq!(help.status.code(), Some(0), "{words:?}");
        assert!(out(&help).contains("Usage: recoil"), "{words:?}: {}", out(&help));
        assert_eq!(err(&help), "");
    }
}

#[test]
fn wrong_words_exit_with_two() {
    for (words, message) in [
        (&["hgcla"][..], "similar subcommand exists: 'hgcal'"),
        (&[], "Usage: recoil"),
        (&["demo"], "--output <DIR>"),
        (&["demo", "-o", "x", "--cpu", "2"], "'--cpus'"),
        (&["config", "hgcal.rnu"], "there is no stage 'hgcal.rnu'"),
        (&["production", "run", "/no/such.yaml"], "/no/such.yaml"),
    ] {
        let output = recoil(words);
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert!(err(&output).contains(message), "{words:?}: {}", err(&output));
        assert_eq!(out(&output), "", "{words:?}");
    }
    assert!(!Path::new("x").exists());
}

#[test]
fn completions_and_manual_pages_are_made() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(out(&recoil(&["completions", shell])).contains("hgcal"), "{shell}");
    }
    let dir = tempfile::tempdir().unwrap();
    let pages = dir.path().join("man");
    assert!(recoil(&["man", "-o", pages.to_str().unwrap()]).status.success());
    for page in ["recoil.1", "recoil-hgcal.1", "recoil-production-run.1"] {
        assert!(std::fs::read_to_string(pages.join(page)).unwrap().contains(".TH"), "{page}");
    }
}

#[test]
fn a_closed_pipe_is_quiet_success() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_recoil"))
        .args(["completions", "zsh"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut complaint = String::new();
    child.stderr.take().unwrap().read_to_string(&mut complaint).unwrap();
    assert_eq!((child.wait().unwrap().code(), complaint.as_str()), (Some(0), ""));
}

#[test]
fn the_reference_pages_are_those_of_this_program() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference");
    for (name, text) in recoil::reference_pages().unwrap() {
        let kept = std::fs::read_to_string(folder.join(&name)).unwrap_or_default();
        assert!(kept == text, "docs/reference/{name} is out of date: run `recoil reference -o docs/reference`");
    }
}
