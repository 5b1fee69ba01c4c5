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

/// Columns of a CSV file by name.
fn columns(path: &Path) -> std::collections::BTreeMap<String, Vec<String>> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    let column = |i: usize| rows.iter().map(|row| row[i].to_owned()).collect();
    names.iter().enumerate().map(|(i, name)| ((*name).to_owned(), column(i))).collect()
}

#[test]
fn the_chip_encodes_what_the_model_encodes() {
    let folder = Folder::new();
    let input = folder.file("calq.parquet");
    let cases = [
        ("asic", "8x8_c8_S2_asic", "5", 9),
        ("asic", "8x8_c8_S2_asic", "2", 3),
        ("seed", "8x8_c8_S2_qK_RTL_tele", "4", 7),
        // a model in single precision is rounded to the formats of the chip
        ("asic", "8x8_c8_S2_tele", "5", 9),
    ];
    for (preset, name, links, bits) in cases {
        let model = format!("{name}{links}");
        let float = name == "8x8_c8_S2_tele";
        folder.train(
            &model,
            if float { vec!["--model", name] } else { vec!["--model", name, "--links", links] }.as_slice(),
        );
        let model = folder.file(&model);
        let (sent, latents) =
            (folder.path(&format!("{name}{links}.csv")), folder.path(&format!("{name}{links}_l.csv")));
        let emulate = ["econt", "emulate", "--algorithm", "autoencoder", "--links", links, "--preset", preset];
        let files = ["--order", "tc", "--model", &model, "--input", &input, "-o", sent.to_str().unwrap()];
        works(&[&emulate[..], &files[..]].concat());
        let sent = columns(&sent);
        // charges that arrive add up to the true sum, to the rounding of numbers in a file
        let number = |name: &str, row: usize| sent[name][row].parse::<f64>().unwrap();
        let received: f64 = (0..48).map(|cell| number(&format!("CALQ_{cell}"), 7)).sum();
        assert!((received - number("SUM", 7)).abs() < 1e-6 * received.max(1.0), "{received}");
        if float {
            continue;
        }
        works(&["econt", "encode", "--model", &model, "--input", &input, "-o", latents.to_str().unwrap()]);
        let encoded = columns(&latents);
        let mut wrong = 0;
        for latent in 0..16 {
            let pairs = sent[&format!("OUT_{latent}")].iter().zip(&encoded[&format!("code_{latent}")]);
            let leading = |word: &String| word.parse::<u32>().unwrap() >> (9 - bits);
            wrong += pairs.filter(|(out, code)| leading(out) != code.parse().unwrap()).count();
        }
        assert_eq!(wrong, 0, "{name} on {links} links");
        assert_eq!(sent["sum_code"], encoded["sum_code"]);
        // header, sum, then the kept bits of latent 15 first
        let word = |name: &str| sent[name][3].parse::<u32>().unwrap();
        assert_eq!(word("FRAMEQ_0") >> 11, word("BX_CNT"));
        assert_eq!(word("FRAMEQ_0") >> 2 & 511, word("sum_code"));
    }
    // without any model it is one that comes with the program
    for (preset, links) in [("asic", "3"), ("seed", "1")] {
        let sent = folder.path(&format!("shipped_{preset}.csv"));
        let words = ["econt", "emulate", "--algorithm", "autoencoder", "--links", links, "--preset", preset];
        works(&[&words[..], &["--order", "tc", "--input", &input, "-o", sent.to_str().unwrap()]].concat());
        let sent = columns(&sent);
        assert!(sent.contains_key("OUT_15") && sent.contains_key("FRAMEQ_25") && sent.contains_key("CALQ_47"));
    }
    // the weight registers alone do the same
    let (model, image) = (folder.file("8x8_c8_S2_asic5"), folder.file("weights.txt"));
    works(&["econt", "export", "--model", &model, "--format", "i2c", "-o", &image]);
    let by_registers = folder.path("registers.csv");
    let words =
        ["econt", "emulate", "--algorithm", "autoencoder", "--links", "5", "--order", "tc", "--weights", &image];
    works(&[&words[..], &["--input", &input, "-o", by_registers.to_str().unwrap()]].concat());
    let (by_model, by_registers) = (columns(&folder.path("8x8_c8_S2_asic5.csv")), columns(&by_registers));
    assert_eq!(by_model["hex"], by_registers["hex"]);
    assert_eq!(by_model["FRAMEQ_9"], by_registers["FRAMEQ_9"]);
    // formats of the reference training are not those of the chip
    let seed = folder.file("8x8_c8_S2_qK_RTL_tele4");
    let words = ["econt", "emulate", "--algorithm", "autoencoder", "--preset", "asic", "--model", &seed];
    let error = fails(&[&words[..], &["--input", &input, "-o", &folder.file("out.csv")]].concat(), 3);
    assert!(error.contains("preset seed"), "{error}");
}

#[test]
fn a_model_for_every_number_of_links() {
    let folder = Folder::new();
    let refine = ["refine.loss={emd: 1, telescope: 1}", "refine.training.epochs=1"];
    let words = ["--model", "8x8_c8_S2_asic", "--links", "2,3"];
    let report = folder.train("models", &[&words[..], &refine[..]].concat());
    assert!(report.contains("best choice"), "{report}");
    let table = columns(&folder.path("models/links.csv"));
    assert_eq!(table["payload_bits"], ["62", "64", "43", "94", "90", "88", ""]);
    let history = columns(&folder.path("models/links3/history.csv"));
    assert_eq!(
        (&history["epoch"], &history["phase"]),
        (&vec!["1".into(), "2".into(), "3".into()], &vec!["1".into(), "1".into(), "2".into()])
    );
    // one alone is the same model
    folder.train("three", &[&["--model", "8x8_c8_S2_asic", "links=3"], &refine[..]].concat());
    assert!(same(&folder.path("three/weights.safetensors"), &folder.path("models/links3/weights.safetensors")));
    let (models, input) = (folder.file("models"), folder.file("calq.parquet"));
    let evaluate =
        ["econt", "evaluate", "--model", &models, "--input", &input, "figures.displays=2", "figures.full=true"];
    let report = works(&[&evaluate[..], &["-o", &folder.file("evaluation")]].concat());
    assert!(report.contains("links2") && report.contains("links3"), "{report}");
    for name in
        ["models.csv", "links2/wafers.parquet", "display_links3.png", "profile_eta_EMD.txt", "hist_iszero_SSD.svg"]
    {
        assert!(folder.path("evaluation").join(name).exists(), "{name}");
    }
    // tables of test benches: pixels and cells, latent numbers
    for (name, width) in [("verify_input_ae", 64), ("verify_output", 16), ("verify_decoded_calQ", 48)] {
        let text = std::fs::read_to_string(folder.path(&format!("evaluation/links2/{name}.csv"))).unwrap();
        assert!(text.lines().count() == 50 && text.lines().all(|line| line.split(',').count() == width), "{name}");
    }
    let error = fails(&["econt", "train", "--links", "2,14", "--input", &input, "-o", &folder.file("out")], 2);
    assert!(error.contains("14"), "{error}");
}

#[test]
fn estimates_of_the_distance_are_learned_and_used() {
    let folder = Folder::new();
    let input = folder.file("calq.parquet");
    folder.train("model", &[]);
    let surrogate = ["econt", "surrogate", "--input", &input, "wafers=60", "training.epochs=2"];
    let small = "networks=[{filters: 4, kernel: 3, convolutions: 1, units: 8, dense: 1}]";
    for mode in ["ae", "pair", "app"] {
        let (out, model) = (folder.file(mode), folder.file("model"));
        let report = works(&[&surrogate[..], &["--mode", mode, "--model", &model, small, "-o", &out]].concat());
        let pairs = match mode {
            "ae" => 42,
            "pair" => 36 * 35,
            _ => 36 * 35 + 36,
        };
        assert!(report.contains("training_pairs") && report.contains(&pairs.to_string()), "{report}");
        assert_eq!(columns(&folder.path(mode).join("trials.csv"))["epochs"], ["2"]);
    }
    let loss = format!("loss={{surrogate: 1, surrogate_model: {}}}", folder.file("pair"));
    folder.train("by_estimate", &[&loss]);
    let error = fails(&[&surrogate[..], &["--mode", "ae", "-o", &folder.file("out")]].concat(), 2);
    assert!(error.contains("--model"), "{error}");
}

#[test]
fn number_formats_are_scanned() {
    let folder = Folder::new();
    let words = ["inputs=['quantized_relu(4, 2)']", "weights=['quantized_bits(3, 1, 1)', 'quantized_bits(9, 4, 1)']"];
    let rest = ["activations=[]", "outputs=['quantized_relu(16, 8)']", "training.epochs=1"];
    let input = folder.file("calq.parquet");
    let scan = ["econt", "precision", "--input", &input, "-o", &folder.file("scan")];
    works(&[&scan[..], &words[..], &rest[..]].concat());
    let text = std::fs::read_to_string(folder.path("scan/precision.csv")).unwrap();
    assert_eq!(text.lines().count(), 5);
    // 64 bits hold four numbers of sixteen
    assert!(text.contains("outputs,\"quantized_relu(16, 8)\",16,4,"), "{text}");
    assert!(folder.path("scan/precision_emd.png").exists());
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
