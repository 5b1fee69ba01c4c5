//! Configuration through its public face: sources, places of mistakes, limits.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use recoil_stage::config::{self, Config, FlagValue, Given, Problem};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(default)]
struct Chain {
    /// Kernel of the smoothing.
    kernel: Kernel,
    /// How to find seeds.
    seed: Seeding,
    /// Groups of layers.
    layers: Vec<Layer>,
    /// Columns to use.
    columns: Vec<String>,
    /// Label of the figures.
    label: String,
    /// Stop after this many events.
    max_events: Option<u64>,
    /// Shape of the noise.
    noise: Noise,
}

#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Kernel {
    Default,
    FlatTop,
}

#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Noise {
    Gaussian { sigma: f64 },
    Flat { width: f64, offset: f64 },
}

#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(default)]
struct Seeding {
    /// Half width of the window.
    #[schemars(range(min = 1, max = 9))]
    window: u32,
    /// Least energy.
    #[schemars(range(min = 0.0))]
    threshold: f32,
}

#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Default)]
#[serde(default)]
struct Layer {
    /// First layer.
    first: u8,
    /// Radius.
    radius: f64,
}

impl Default for Seeding {
    fn default() -> Self {
        Self { window: 1, threshold: 20.1 }
    }
}

impl Default for Chain {
    fn default() -> Self {
        Self {
            kernel: Kernel::Default,
            // differs from the default of the part: the whole decides
            seed: Seeding { window: 2, ..Seeding::default() },
            layers: vec![Layer { first: 1, radius: 0.015 }, Layer { first: 8, radius: 0.02 }],
            columns: vec!["x".into()],
            label: "CMS".into(),
            max_events: None,
            noise: Noise::Gaussian { sigma: 1.0 },
        }
    }
}

impl Config for Chain {
    fn check(&self) -> Vec<Problem> {
        let wrong = |layer: &Layer| layer.first > 50;
        let found = self.layers.iter().enumerate().filter(|(_, layer)| wrong(layer));
        found.map(|(i, _)| Problem::new(format!("layers[{i}].first"), "lies behind the detector")).collect()
    }
}

fn words(words: &[&str]) -> Result<Chain, String> {
    let given: Vec<Given> = words.iter().map(|word| Given::Word((*word).into())).collect();
    config::resolve::<Chain>(&given).map(|read| read.config).map_err(|error| error.to_string())
}

fn yaml(text: &str) -> Result<Chain, String> {
    let given = [Given::Text("chain.yaml".into(), text.into())];
    config::resolve::<Chain>(&given).map(|read| read.config).map_err(|error| error.to_string())
}

#[test]
fn later_sources_win_key_by_key() {
    let given = [
        Given::Text("a.yaml".into(), "seed: {threshold: 5}\nkernel: flat_top\n".into()),
        Given::Text("b.yaml".into(), "seed: {threshold: 6}\n".into()),
        Given::Word("layers[1].radius=0.05".into()),
        Given::Flag(FlagValue { flag: "--columns".into(), key: "columns".into(), value: "x0,x1".into(), list: true }),
    ];
    let read = config::resolve::<Chain>(&given).unwrap();
    let expected = Chain {
        kernel: Kernel::FlatTop,
        seed: Seeding { window: 2, threshold: 6.0 },
        layers: vec![Layer { first: 1, radius: 0.015 }, Layer { first: 8, radius: 0.05 }],
        columns: vec!["x0".into(), "x1".into()],
        ..Chain::default()
    };
    assert_eq!(read.config, expected);
    assert_eq!(read.value["seed"]["threshold"], 6.0);
    assert_eq!(config::from_json::<Chain>(&read.value).unwrap(), expected);
}

#[test]
fn values_are_read_as_their_type_asks() {
    assert_eq!(words(&["label=007"]).unwrap().label, "007");
    assert_eq!(words(&["label=1.0"]).unwrap().label, "1.0");
    assert_eq!(words(&["max_events=1e4"]).unwrap().max_events, Some(10_000));
    assert_eq!(words(&["max_events=5", "max_events=null"]).unwrap().max_events, None);
    assert_eq!(words(&["noise={flat: {width: 2, offset: 1}}"]).unwrap().noise, Noise::Flat { width: 2.0, offset: 1.0 });
    assert_eq!(words(&["noise.gaussian.sigma=3"]).unwrap().noise, Noise::Gaussian { sigma: 3.0 });
    assert_eq!(yaml("label: yes\n").unwrap().label, "yes");
    assert_eq!(yaml("").unwrap(), Chain::default());
    assert_eq!(yaml("seed: &s {window: 3}\n").unwrap().seed.window, 3);
    // the default that JSON would widen to 20.100000381...
    assert_eq!(config::to_json(&Chain::default()).unwrap()["seed"]["threshold"].to_string(), "20.1");
}

#[test]
fn mistakes_in_files_have_line_and_column() {
    for (text, expected) in [
        ("seed:\n  widnow: 3\n", "chain.yaml:2:3: unknown key 'widnow' (did you mean 'window'?)"),
        ("widnow: 3\n", "chain.yaml:1:1: unknown key 'widnow'"),
        ("window: 3\n", "chain.yaml:1:1: unknown key 'window' (did you mean 'seed.window'?)"),
        (
            "seed:\n  window: abc\n",
            "chain.yaml:2:11: expected a whole number that is not negative (u32), found the text 'abc'",
        ),
        (
            "seed:\n  window: -1\n",
            "chain.yaml:2:11: -1 is out of range: expected a whole number that is not negative (u32)",
        ),
        ("seed:\n  window: 12\n", "chain.yaml:2:11: seed.window is 12, but must be at most 9"),
        ("seed: 3\n", "chain.yaml:1:7: expected a mapping of keys, found 3"),
        ("layers:\n- first: 1\n- first: 300\n", "chain.yaml:3:10: 300 is out of range"),
        ("layers:\n- first: 1\n- first: 60\n", "chain.yaml:3:10: layers[1].first lies behind the detector"),
        (
            "kernel: flat_topp\n",
            "chain.yaml:1:9: unknown choice 'flat_topp', expected one of default, flat_top (did you mean 'flat_top'?)",
        ),
        ("kernel: [1]\n", "chain.yaml:1:9: expected one of default, flat_top, found a list"),
        ("noise: {flat: {width: 1}}\n", "chain.yaml:1:15: missing key 'offset'"),
        ("label: a\nlabel: b\n", "chain.yaml:2:1: "),
        ("label: [a\n", "chain.yaml:"),
        ("label: x\nseed: {threshold: .inf}\n", "chain.yaml:2:19: "),
        ("- 1\n", "chain.yaml:1:1: expected a mapping of keys"),
        ("label: a\n---\nlabel: b\n", "chain.yaml:"),
        ("größe: 1\nlabel: ü\nmax_events: x", "chain.yaml:1:1: unknown key 'größe'"),
        ("label: 'ü'\nmax_events: x", "chain.yaml:2:13: "),
    ] {
        let error = yaml(text).expect_err(text);
        assert!(error.starts_with(expected), "{text:?}\n  gave     {error}\n  expected {expected}");
    }
}

#[test]
fn mistakes_in_words_name_the_word() {
    for (word, expected) in [
        ("seed.widnow=3", "argument 'seed.widnow=3', column 6: unknown key 'widnow' (did you mean 'window'?)"),
        ("seed.window=x", "argument 'seed.window=x', column 13: expected a whole number"),
        (
            "layers[7].first=1",
            "argument 'layers[7].first=1', column 7: no item 7: the list has 2 items, counted from 0",
        ),
        ("layers.first=1", "argument 'layers.first=1', column 8: 'first' lies in a list"),
        ("label.x=1", "argument 'label.x=1', column 7: 'x' lies in a value that has no keys"),
        ("seed.window", "'seed.window' is not of the form key.path=value"),
        ("seed.window=10", "argument 'seed.window=10', column 13: seed.window is 10, but must be at most 9"),
    ] {
        let error = words(&[word]).expect_err(word);
        assert!(error.starts_with(expected), "{word:?}\n  gave     {error}\n  expected {expected}");
    }
}

#[test]
fn files_that_are_no_configuration() {
    let dir = tempfile::tempdir().unwrap();
    let read = |path: &std::path::Path| {
        config::resolve::<Chain>(&[Given::File(path.into())]).err().map(|error| error.to_string()).unwrap_or_default()
    };
    assert!(read(dir.path()).ends_with("is a directory, expected a YAML file"));
    assert!(read(&dir.path().join("none.yaml")).contains("none.yaml: No such file"));
    let latin = dir.path().join("latin.yaml");
    std::fs::write(&latin, b"label: \xfc\n").unwrap();
    assert!(read(&latin).ends_with("latin.yaml is not UTF-8 text (byte 7)"));
    let bomb = dir.path().join("bomb.yaml");
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_string();
    for level in 1..10 {
        let line = vec![format!("*a{}", level - 1); 10].join(", ");
        text += &format!("a{level}: &a{level} [{line}]\n");
    }
    std::fs::write(&bomb, text).unwrap();
    let error = read(&bomb);
    assert!(error.contains("bomb.yaml:"), "{error}");
    let deep = dir.path().join("deep.yaml");
    std::fs::write(&deep, "[".repeat(100_000)).unwrap();
    assert!(read(&deep).contains("deep.yaml:"));
}

#[test]
fn all_values_out_of_range_are_reported_at_once() {
    let error = config::resolve::<Chain>(&[Given::Word("seed={window: 0, threshold: -1}".into())]).unwrap_err();
    assert_eq!(error.faults().len(), 2, "{error}");
}

#[test]
fn commented_defaults_document_every_key_and_read_back() {
    let defaults = config::to_json(&Chain::default()).unwrap();
    let text = config::commented_yaml(&config::keys::schema::<Chain>(), &defaults);
    assert!(text.contains("# Half width of the window. (whole number in [1, 9])\n  window: 2\n"), "{text}");
    assert!(text.contains("# Kernel of the smoothing. (default | flat_top)\nkernel: default\n"), "{text}");
    assert_eq!(yaml(&text).unwrap(), Chain::default());
}
