//! `recoil econt train` and what follows it, through the command line.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn recoil(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_recoil")).args(words).output().unwrap()
}

fn works(words: &[&str]) -> String {
    let output = recoil(words);
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn fails(words: &[&str], code: i32) -> String {
    let output = recoil(words);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{words:?}: {text}");
    text
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        works(&["econt", "simulate", "-o", &folder.file("calq.parquet"), "wafers=1500"]);
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn file(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    fn train(&self, name: &str, words: &[&str]) -> String {
        let (input, output) = (self.file("calq.parquet"), self.file(name));
        works(&[&["econt", "train", "--input", &input, "-o", &output, "training.epochs=2"], words].concat())
    }
}

fn same(a: &Path, b: &Path) -> bool {
    std::fs::read(a).unwrap() == std::fs::read(b).unwrap()
}

#[test]
fn from_wafers_to_exported_weights() {
    let folder = Folder::new();
    folder.train("one", &["--model", "8x8_c8_S2_asic", "--links", "3", "--threads", "1"]);
    folder.train("two", &["--model", "8x8_c8_S2_asic", "--links", "3", "--threads", "2"]);
    for name in ["weights.safetensors", "history.csv", "model.json"] {
        assert!(same(&folder.path("one").join(name), &folder.path("two").join(name)), "{name}");
    }
    let (model, input) = (folder.file("one"), folder.file("calq.parquet"));
    let report = works(&["econt", "evaluate", "--model", &model, "--input", &input, "-o", &folder.file("evaluation")]);
    assert!(report.contains("best choice 4") && report.contains("8x8_c8_S2_asic"), "{report}");
    works(&["econt", "encode", "--model", &model, "--input", &input, "-o", &folder.file("latents.parquet")]);
    for (format, file) in [("onnx", "m.onnx"), ("i2c", "m.txt"), ("hls4ml", "m.tar")] {
        works(&["econt", "export", "--model", &model, "--format", format, "-o", &folder.file(file)]);
    }
    let registers = std::fs::read_to_string(folder.path("m.txt")).unwrap();
    assert!(registers.lines().count() == 12 && registers.lines().all(|line| line.len() == 268));
    // from here on with the exact distance
    folder.train("three", &["--model", "8x8_c8_S2_asic", "--links", "2", &format!("start={model}"), "loss={emd: 1}"]);
}

#[test]
fn a_stopped_training_goes_on() {
    let folder = Folder::new();
    folder.train("whole", &["training.epochs=4"]);
    let checkpoint = format!("checkpoint={}", folder.file("state.safetensors"));
    folder.train("half", &["training.epochs=2", &checkpoint]);
    folder.train("rest", &["training.epochs=4", &checkpoint]);
    let weights = |name: &str| folder.path(name).join("weights.safetensors");
    assert!(same(&weights("whole"), &weights("rest")));
    assert!(!same(&weights("whole"), &weights("half")));
}

#[test]
fn mistakes_are_told() {
    let folder = Folder::new();
    let (input, out) = (folder.file("calq.parquet"), folder.file("out"));
    let train = ["econt", "train", "--input", &input, "-o", &out];
    let error = fails(&[&train[..], &["--model", "8x8_c8_S2_telle"]].concat(), 2);
    assert!(error.contains("8x8_c8_S2_tele"), "{error}");
    fails(&[&train[..], &["loss={telescope: -1}"]].concat(), 2);
    fails(&[&train[..], &["training.optimiser={adam: {rate: 0}}"]].concat(), 2);

    folder.train("float", &[]);
    folder.train("other", &["--model", "4x4x3_c8"]);
    let error = fails(&[&train[..], &[&format!("start={}", folder.file("other"))]].concat(), 3);
    assert!(error.contains("shape") || error.contains("missing"), "{error}");
    std::fs::copy(folder.path("other/weights.safetensors"), folder.path("float/weights.safetensors")).unwrap();
    let evaluate = ["econt", "evaluate", "--input", &input, "-o", &out, "--model"];
    let error = fails(&[&evaluate[..], &[&folder.file("float")]].concat(), 3);
    assert!(error.contains("float"), "{error}");
    let error = fails(&[&evaluate[..], &[&folder.file("nowhere")]].concat(), 3);
    assert!(error.contains("nowhere"), "{error}");
    let export = ["econt", "export", "--format", "i2c", "-o", &out, "--model"];
    let error = fails(&[&export[..], &[&folder.file("other")]].concat(), 3);
    assert!(error.contains("chip"), "{error}");

    let header: Vec<String> = (0..48).map(|i| format!("CALQ_{i}")).collect();
    let row = |value: &str| std::iter::once(value).chain(std::iter::repeat_n("1", 47)).collect::<Vec<_>>().join(",");
    for (name, text) in [
        ("nan.csv", format!("{}\n{}\n", header.join(","), row("nan"))),
        ("negative.csv", format!("{}\n{}\n", header.join(","), row("-3"))),
        ("short.csv", format!("{}\n{}\n", header[..47].join(","), vec!["1"; 47].join(","))),
        ("empty.csv", format!("{}\n", header.join(","))),
    ] {
        std::fs::write(folder.path(name), text).unwrap();
        let error = fails(&["econt", "train", "--input", &folder.file(name), "-o", &out], 3);
        assert!(error.contains(name), "{error}");
    }
    assert!(!folder.path("out").exists());
}
