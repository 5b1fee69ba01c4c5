//! The commands for Cherenkov telescopes through the command line.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::path::Path;
use std::process::{Command, Output};

fn recoil(folder: &Path, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_recoil")).args(words).current_dir(folder).output().unwrap()
}

fn done(folder: &Path, words: &[&str]) -> String {
    let output = recoil(folder, words);
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn from_the_generator_to_merged_files() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    done(dir, &["iact", "simulate", "-o", "raw", "--showers", "40", "-q"]);
    let file = "raw/gamma_run1.simtel.zst";
    let listed: serde_json::Value = serde_json::from_str(&done(dir, &["iact", "ls", file, "--json"])).unwrap();
    assert_eq!(listed["values"]["whole"], true);
    let count = |name: &str| {
        let counts = listed["tables"]["counts"].as_array().unwrap();
        counts.iter().find(|row| row["name"] == name).map(|row| row["count"].as_u64().unwrap()).unwrap()
    };
    assert_eq!((count("MCShower"), count("MCEvent")), (40, 200));
    assert_eq!(count("ArrayEvent"), count("ADCSamples"));

    // a file of lstchain's form: keys of other steps are passed over, a word of the command line wins
    std::fs::write(
        dir.join("config.json"),
        r#"{"tailcut": {"picture_thresh": 6, "boundary_thresh": 3}, "events_filters": {"r": [0, Infinity]}}"#,
    )
    .unwrap();
    let words = ["iact", "r0-to-dl1", "-f", file, "--input-file", "raw/proton_run3.simtel.zst", "-q"];
    done(dir, &[&words[..], &["--output-dir", "dl1", "-c", "config.json", "tailcut.boundary_thresh=4"]].concat());
    let wrong = recoil(dir, &["iact", "r0-to-dl1", "-f", file, "-o", "x", "tailcut.picture_tresh=4"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("did you mean"), "{wrong:?}");

    done(dir, &["iact", "dl1ab", "-f", "dl1/dl1_gamma_run1.h5", "-o", "ab.h5", "--no-image", "-q"]);
    let words = ["iact", "merge", "-f", "dl1/dl1_gamma_run1.h5", "-f", "ab.h5", "-o", "merged.h5", "--no-image"];
    let merged: serde_json::Value =
        serde_json::from_str(&done(dir, &[&words[..], &["--json", "-q"]].concat())).unwrap();
    assert_eq!(merged["values"]["events"].as_u64().unwrap(), 2 * count("ArrayEvent"));
    let early = recoil(dir, &["iact", "irfs", "-g", "ab.h5", "-o", "irf.fits"]);
    assert_eq!(early.status.code(), Some(3));
    let told = String::from_utf8_lossy(&early.stderr).into_owned();
    assert!(told.contains("ab.h5") && told.contains("'reco_energy'") && told.contains("dl1-to-dl2"), "{told}");
    done(dir, &["iact", "split", "-d", "dl1", "-o", "split", "-q"]);
    assert!(dir.join("split/training.list").is_file());
}

#[test]
fn a_file_that_was_cut_off_gives_what_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    done(dir, &["iact", "simulate", "-o", "raw", "--showers", "40", "ending=simtel", "-q"]);
    let whole = std::fs::read(dir.join("raw/gamma_run1.simtel")).unwrap();
    std::fs::write(dir.join("cut.simtel"), &whole[..whole.len() * 2 / 3]).unwrap();
    for words in [&["iact", "ls", "cut.simtel"][..], &["iact", "r0-to-dl1", "-f", "cut.simtel", "-o", "dl1", "-q"]] {
        let output = recoil(dir, words);
        assert_eq!(output.status.code(), Some(5), "{output:?}");
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(told.contains("cut.simtel: byte ") && told.contains("the file ends inside"), "{told}");
    }
    assert!(dir.join("dl1/dl1_cut.h5").is_file());
    std::fs::write(dir.join("text.simtel"), "no events").unwrap();
    let output = recoil(dir, &["iact", "ls", "text.simtel"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("not an EventIO file"), "{output:?}");
}
