//! Rows of padding change no candidate, and candidates follow their elements to other places, whatever made them.
//!
//! Padding: candidates stay the same bits, wherever rows of type 0 stand and whatever is in their other columns. Order: the
//! candidates of a permuted event are those of the event, permuted, but for rounding: sums over elements are taken in the
//! order of the elements, so numbers may differ in their last digits, and a decision between two classes whose logits are
//! equal to that rounding may fall the other way. Elements that are equal in all features have equal candidates.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod event_tables;

use std::collections::BTreeMap;
use std::process::Command;

use arrow_array::cast::AsArray as _;
use event_tables::{list, read, rows, write};
use recoil_nn::tape::{Mode, Pool, Tape};
use recoil_pflow::data::{EventReader, Selected};
use recoil_pflow::network::{Model, forward};

const CANDIDATE: [&str; 7] =
    ["cand_pdg", "cand_charge", "cand_pt", "cand_eta", "cand_sin_phi", "cand_cos_phi", "cand_energy"];

fn works(words: &[&str]) {
    let output = Command::new(env!("CARGO_BIN_EXE_recoil")).args(words).arg("-q").output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A network of each kind: name, its settings.
const NETWORKS: [(&str, &[&str]); 7] = [
    ("attention", &[]),
    ("attention with links", &["inputs.links.enabled=true"]),
    ("gnn_lsh", &["architecture.backbone={gnn_lsh: {bin_size: 16, max_bins: 40, distance: 16, distance_width: 16}}"]),
    (
        "hept",
        &["architecture.backbone={hept: {block_size: 16, hashes: 2, regions: 6, distance_weights: 3, width: 24}}"],
    ),
    (
        "hept_v2",
        &["architecture.backbone={hept_v2: {block_size: 16, hashes: 2, regions: 6, distance_weights: 3, width: 24}}"],
    ),
    ("grav_net", &["architecture.backbone={grav_net: {neighbours: 4, space: 3, features: 6}}"]),
    (
        "bin_graph",
        &["architecture.backbone={bin_graph: {bin_size: 16, max_bins: 40, neighbours: 4, space: 6, sharpness: 0.5}}"],
    ),
];

struct Samples {
    folder: tempfile::TempDir,
}

impl Samples {
    fn file(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// Simulated events without candidates, and a table of them with the elements of every event at other places: `order`
    /// gives for each event where its elements go, `None` where a row of padding stands.
    fn rearranged(&self, name: &str, order: &dyn Fn(usize) -> Vec<Option<usize>>) -> String {
        let mut columns = read(&self.file("events.parquet"));
        columns.retain(|(name, _)| name == "event" || name.starts_with("elem_"));
        for (index, (name, array)) in columns.iter_mut().enumerate() {
            if name == "event" {
                continue;
            }
            let padding = if name == "elem_type" { 0.0 } else { (index % 5) as f32 };
            let moved: Vec<Vec<f32>> = rows(array.as_list())
                .into_iter()
                .map(|row| {
                    order(row.len()).into_iter().map(|place| place.map_or(padding, |place| row[place])).collect()
                })
                .collect();
            *array = list(array.as_list(), &moved);
        }
        let path = self.file(name);
        write(&path, columns);
        path
    }

    /// The candidates that `words` make of a table: for each event and element seven numbers.
    fn candidates(&self, words: &[&str], table: &str) -> Vec<Vec<[f32; 7]>> {
        let out = self.file("out.parquet");
        works(&[words, &["--input", table, "-o", &out, "--overwrite"]].concat());
        let columns: BTreeMap<String, Vec<Vec<f32>>> = read(&out)
            .into_iter()
            .filter(|(name, _)| name.starts_with("cand_"))
            .map(|(name, array)| (name, rows(array.as_list())))
            .collect();
        let events = columns["cand_pt"].len();
        let event = |event: usize| {
            let element = |element: usize| CANDIDATE.map(|name| columns[name][event][element]);
            (0..columns["cand_pt"][event].len()).map(element).collect()
        };
        (0..events).map(event).collect()
    }
}

fn samples() -> Samples {
    let samples = Samples { folder: tempfile::tempdir().unwrap() };
    works(&["pflow", "simulate", "-o", &samples.file("events.parquet"), "--events", "12", "--seed", "41"]);
    samples
}

/// Everything that makes candidates: name, words of the command.
fn makers(samples: &Samples) -> Vec<(String, Vec<String>)> {
    let events = samples.file("events.parquet");
    let small = [
        "architecture.layers=2",
        "architecture.heads=2",
        "architecture.head_width=8",
        "--steps",
        "30",
        "calibrate=null",
    ];
    let mut makers = vec![("rules".to_owned(), vec!["pflow".to_owned(), "baseline".to_owned()])];
    for (name, settings) in NETWORKS {
        let model = samples.file(name);
        works(&[&["pflow", "train", "--input", &events, "-o", &model], &small[..], settings].concat());
        makers.push((name.to_owned(), ["pflow", "predict", "--model", &model].map(str::to_owned).to_vec()));
    }
    makers
}

/// `count` elements and so much padding that there are `factor` times as many rows: behind, in front and among them.
fn padded(count: usize, factor: f64) -> Vec<Option<usize>> {
    let padding = (count as f64 * factor).ceil() as usize - count;
    let mut rows: Vec<Option<usize>> = Vec::new();
    for place in 0..count {
        // a third of it among the elements, a third in front
        if place == 0 {
            rows.extend(std::iter::repeat_n(None, padding / 3));
        }
        if place * 2 == count / 2 * 2 {
            rows.extend(std::iter::repeat_n(None, padding / 3));
        }
        rows.push(Some(place));
    }
    rows.resize(count + padding, None);
    rows
}

/// For each event the number of different buckets that its elements are in, the least of all layers.
fn buckets(model: &str, table: &str) -> Vec<usize> {
    let model = Model::read(std::path::Path::new(&format!("{model}/model.safetensors"))).unwrap();
    let events = EventReader::open(table, Selected::default()).unwrap().all().unwrap();
    let (rows, _) = model.rows(&events);
    let pool = Pool::default();
    let tape = Tape::new(&model.weights, &pool, Mode::Inference);
    let outputs = forward(&tape, &model.architecture, &model.shape, &rows, true).unwrap();
    let of_layer = |buckets: &[f32], event: &[u32]| {
        let own: std::collections::BTreeSet<u32> =
            buckets[event[0] as usize..event[1] as usize].iter().map(|bucket| *bucket as u32).collect();
        own.len()
    };
    let layers: Vec<&[f32]> = outputs
        .states
        .iter()
        .filter(|(name, _)| name.starts_with("buckets"))
        .map(|(_, value)| value.values())
        .collect();
    assert_eq!(layers.len(), 2);
    let least = |event: &[u32]| layers.iter().map(|buckets| of_layer(buckets, event)).min().unwrap();
    rows.offsets.windows(2).map(least).collect()
}

#[test]
fn padding_and_order() {
    let samples = samples();
    let straight = samples.rearranged("straight.parquet", &|count| (0..count).map(Some).collect());
    for (name, words) in makers(&samples) {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let expected = samples.candidates(&words, &straight);
        let present = expected.iter().flatten().filter(|candidate| candidate[0] != 0.0).count();
        assert!(present > 200, "{name}: {present} candidates");
        if name == "gnn_lsh" {
            let found = buckets(&samples.file(&name), &straight);
            println!("{name}: buckets of each event {found:?}");
            assert!(found.iter().all(|count| *count > 1), "{found:?}");
        }
        for factor in [1.25, 2.0, 4.0] {
            let table = samples.rearranged("padded.parquet", &|count| padded(count, factor));
            let found = samples.candidates(&words, &table);
            let mut differ = 0;
            for (event, expected) in found.iter().zip(&expected) {
                for (place, candidate) in padded(expected.len(), factor).into_iter().zip(event) {
                    let wanted = place.map_or([0.0; 7], |place| expected[place]);
                    differ += usize::from(candidate.map(f32::to_bits) != wanted.map(f32::to_bits));
                }
            }
            assert_eq!(differ, 0, "{name} with padding by {factor}: {differ} candidates differ");
        }
        // every so many elements, round and round
        let order = |count: usize| {
            let step = [7, 11, 13, 17].into_iter().find(|step| !count.is_multiple_of(*step)).unwrap();
            (0..count).map(|place| Some(place * step % count)).collect::<Vec<_>>()
        };
        let found = samples.candidates(&words, &samples.rearranged("permuted.parquet", &order));
        let (mut worst, mut other, mut all) = (0.0f32, 0, 0);
        for (event, expected) in found.iter().zip(&expected) {
            for (place, candidate) in order(expected.len()).into_iter().zip(event) {
                let wanted = expected[place.unwrap()];
                all += 1;
                if candidate[..2] != wanted[..2] {
                    other += 1;
                    continue;
                }
                let apart = |(a, b): (&f32, &f32)| (a - b).abs() / b.abs().max(1.0);
                worst = candidate.iter().zip(&wanted).map(apart).fold(worst, f32::max);
            }
        }
        println!("{name}: {all} elements, {other} of another class, else {worst:.1e} apart");
        assert!(other * 1000 <= all, "{name}: {other} of {all} candidates are of another class");
        assert!(worst < 1e-4, "{name}: {worst}");
    }
}
