//! A production of lstmcpipe's form with recoil's own stages, through the command line.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn recoil(folder: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_recoil"));
    command.current_dir(folder).args(words).stdin(Stdio::null()).output().unwrap()
}

fn done(folder: &Path, words: &[&str]) -> String {
    let output = recoil(folder, words);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{words:?}: {}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// A folder with the productions and three raw files of each particle.
fn world(showers: u32) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let given = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/lst");
    for name in ["lstmcpipe_config.yml", "dl1ab_config.yml", "lstchain_config.json", "noisier_lstchain_config.json"] {
        fs::copy(given.join(name), home.path().join(name)).unwrap();
    }
    done(
        home.path(),
        &[
            "iact",
            "simulate",
            "-o",
            "raw",
            "-q",
            "--showers",
            &showers.to_string(),
            "ending=simtel.gz",
            "samples[0].files=3",
            "samples[1].files=3",
            "samples[2].files=3",
            "samples[3].files=3",
        ],
    );
    for entry in fs::read_dir(home.path().join("raw")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let Some((particle, _)) = name.split_once("_run").filter(|_| name.ends_with(".simtel.gz")) else { continue };
        let folder = home.path().join("DL0").join(particle);
        fs::create_dir_all(&folder).unwrap();
        fs::rename(&path, folder.join(&name)).unwrap();
    }
    home
}

fn run(folder: &Path, file: &str) -> String {
    done(folder, &["production", "run", file, "--executor", "local", "-y", "--no-progress"])
}

/// All files but records of when and where something ran, by their names.
fn files(folder: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if !path.ends_with(".recoil") {
                files(&path, found);
            }
        } else if !path.to_string_lossy().ends_with(".prov.json") {
            found.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
}

#[test]
fn all_stages_run_and_nothing_runs_twice() {
    let home = world(150);
    let root = home.path();
    let valid = done(root, &["production", "validate", "lstmcpipe_config.yml"]);
    assert!(!valid.contains("error") && !valid.contains("missing-stage"), "{valid}");
    let said = run(root, "lstmcpipe_config.yml");
    // 4 particles, 2 splits, 5 merged files, forests, 3 DL2 files, responses, sensitivity
    assert!(said.contains("17 tasks done"), "{said}");
    for name in ["IRF/irf.fits.gz", "IRF/sensitivity.fits.gz", "IRF/sensitivity.fits.gz.png", "DL2/gamma/dl2_gamma.h5"]
    {
        assert!(root.join(name).is_file(), "{name}");
    }
    for name in ["sensitivity.parquet", "roc.svg"] {
        assert!(root.join("IRF/sensitivity").join(name).is_file(), "{name}");
    }
    let said = run(root, "lstmcpipe_config.yml");
    assert!(said.contains("0 tasks done, 17 up to date"), "{said}");
    let said = run(root, "dl1ab_config.yml");
    assert!(said.contains("4 tasks done") && root.join("IRF/irf_noisier.fits.gz").is_file(), "{said}");

    // everything again gives the same bytes
    let mut first = BTreeMap::new();
    files(root, &mut first);
    for name in ["DL1", "DL2", "models", "IRF", "DL1_noisier", "DL2_noisier", ".recoil"] {
        fs::remove_dir_all(root.join(name)).unwrap();
    }
    run(root, "lstmcpipe_config.yml");
    run(root, "dl1ab_config.yml");
    let mut second = BTreeMap::new();
    files(root, &mut second);
    let names = |files: &BTreeMap<PathBuf, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&first), names(&second));
    let differing: Vec<&PathBuf> =
        first.iter().filter(|(name, bytes)| second[*name] != **bytes).map(|(n, _)| n).collect();
    assert!(differing.is_empty(), "{differing:?}");
}

#[test]
fn real_productions_are_planned_with_own_stages() {
    let Some(root) = std::env::var_os("RECOIL_REALDATA").map(|root| Path::new(&root).join("production/configs")) else {
        eprintln!("SKIPPED: RECOIL_REALDATA does not name a folder with production/configs");
        return;
    };
    let mut folders = vec![root];
    let mut planned = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let text = fs::read_to_string(&path).unwrap_or_default();
            if path.is_dir() {
                folders.push(path);
            } else if text.contains("workflow_kind: lstchain") && text.contains("stages_to_run") {
                let home = tempfile::tempdir().unwrap();
                let own = text.replace("workflow_kind: lstchain", "workflow_kind: recoil");
                fs::write(home.path().join("p.yml"), own).unwrap();
                fs::write(home.path().join("lstchain.json"), "{}").unwrap();
                let output = recoil(home.path(), &["production", "plan", "p.yml", "--json"]);
                let told = String::from_utf8_lossy(&output.stdout).into_owned();
                assert!(!told.contains("missing-stage"), "{}", path.display());
                planned += usize::from(told.contains("recoil") && told.contains("iact"));
            }
        }
    }
    assert!(planned >= 10, "{planned}");
}
