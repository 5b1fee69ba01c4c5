//! Networks over particles through the stages: inputs, trainings that resume, scores, HDF5 files, ONNX.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::needless_range_loop)]

use std::path::{Path, PathBuf};

use recoil_stage::config::Given;
use recoil_stage::{Outcome, Registry, Request, RunOptions, StageError};
use recoil_table::{Batch, ReadOptions, open};
use recoil_tau::stages;

fn run(name: &str, inputs: &[String], words: &[String], output: &Path) -> Result<Outcome, StageError> {
    let registry = Registry::new(stages::all());
    let stage = registry.find(name)?;
    let request = Request {
        given: words.iter().map(|word| Given::Word(word.clone())).collect(),
        inputs: inputs.to_vec(),
        output: Some(output.to_path_buf()),
        seed: None,
    };
    stage.execute(&stage.prepare(&request)?, &RunOptions::default())
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn read(address: &str) -> Batch {
    open(address, &ReadOptions::default()).unwrap().read_all().unwrap()
}

struct Files {
    folder: tempfile::TempDir,
    from: String,
    scaling: String,
}

impl Files {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sim = folder.path().join("sim");
        let datasets = "datasets=[{name: TT, sample: TT, files: 2}, {name: DY, sample: DY, files: 1}]";
        run("tau simulate", &[], &words(&[datasets, "candidates=200", "format=parquet"]), &sim).unwrap();
        let from = format!("files.input_dir=[{}]", sim.display());
        let scaled = folder.path().join("scaled");
        run("tau scale", &[], &[from.clone(), "figures=false".into()], &scaled).unwrap();
        let scaling = format!("scaling={}", scaled.join("scaling_params_v1.json").display());
        Self { folder, from, scaling }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// Candidate, block, particle, place, values.
type Entry = (i64, String, i64, [f32; 2], Vec<f32>);

#[test]
fn particles_are_those_of_highest_momentum_in_the_cone() {
    let files = Files::new();
    let of = |name: &str, more: &[&str]| {
        let output = files.path(name);
        let mut all = words(&["grid=sequence"]);
        all.extend(words(more));
        all.push(files.from.clone());
        run("tau batches", std::slice::from_ref(&files.scaling), &all, &output).unwrap();
        read(output.to_str().unwrap())
    };
    let (few, many) = (of("few.parquet", &["particles=7"]), of("many.parquet", &["particles=1000", "n_tau=13"]));
    let rows = |batch: &Batch| -> Vec<Entry> {
        let (tau, particle) = (batch.scalar::<i64>("tau").unwrap(), batch.scalar::<i64>("particle").unwrap());
        let (d_eta, d_phi) = (batch.scalar::<f32>("d_eta").unwrap(), batch.scalar::<f32>("d_phi").unwrap());
        let blocks = batch.strings("block").unwrap();
        let values = batch.list::<f32>("values").unwrap();
        (0..batch.rows())
            .map(|row| {
                let place = [d_eta[row], d_phi[row]];
                (tau[row], blocks.value(row).to_owned(), particle[row], place, values.row(row).to_vec())
            })
            .collect()
    };
    let (few, many) = (rows(&few), rows(&many));
    assert!(many.iter().all(|(.., place, _)| place[0].hypot(place[1]) < 0.5));
    let mut counts = std::collections::BTreeMap::<i64, usize>::new();
    few.iter().for_each(|(tau, ..)| *counts.entry(*tau).or_default() += 1);
    assert!(counts.values().all(|count| *count <= 7) && counts.values().any(|count| *count == 7));
    // the few are the first of their blocks among the many
    let known: std::collections::BTreeMap<_, _> =
        many.iter().map(|row| ((row.0, row.1.clone(), row.2), (row.3, row.4.clone()))).collect();
    for (tau, block, particle, place, values) in few {
        assert_eq!(known.get(&(tau, block, particle)), Some(&(place, values)));
    }
}

#[test]
fn trainings_resume_and_are_applied() {
    let files = Files::new();
    let small = [
        "particle_net={embedding: {hidden: 16, width: 8, kind: 2}, convolutions: [{neighbours: 4, channels: [12, 8]}], dense: [12]}",
        "transformer={embedding: {hidden: 16, width: 8, kind: 2}, layers: 2, heads: 2, key_width: 4, feed_forward: 16, dense: [12]}",
    ];
    for (topology, layer) in [("particle_net", "edge_1_conv_1/kernel"), ("transformer", "layer_2_query/kernel")] {
        let train = |name: &str, more: &[&str]| {
            let output = files.path(&format!("{topology}_{name}"));
            let topology = format!("topology={topology}");
            let common =
                [&topology, "n_tau=40", "n_batches=4", "n_batches_val=2", "weights.weight_thr=1e9", "particles=12"];
            let mut all = words(&common);
            all.extend(words(&small));
            all.extend(words(more));
            all.push(files.from.clone());
            run("tau train", std::slice::from_ref(&files.scaling), &all, &output).unwrap();
            std::fs::read(output.join("weights.safetensors")).unwrap()
        };
        let state = format!("checkpoint={}", files.path(&format!("{topology}.state")).display());
        let whole = train("whole", &["training.epochs=2"]);
        let half = train("half", &["training.epochs=1", &state]);
        assert_ne!(whole, half);
        assert_eq!(whole, train("resumed", &["training.epochs=2", &state]), "{topology}");
        let start = format!("start={}", files.path(&format!("{topology}_half")).display());
        let frozen = format!("frozen=[{}]", layer.split('/').next().unwrap());
        train("tuned", &["training.epochs=1", &start, &frozen]);
        let tensor = |name: &str| {
            let path = files.path(&format!("{topology}_{name}")).join("weights.safetensors");
            recoil_nn::safetensors::read(&path).unwrap().tensor(layer).unwrap().values.clone()
        };
        assert_eq!(tensor("half"), tensor("tuned"));

        let model = format!("model={}", files.path(&format!("{topology}_whole")).display());
        let scores = files.path(&format!("{topology}.parquet"));
        run("tau apply", &[], &[files.from.clone(), model.clone()], &scores).unwrap();
        let frames = files.path(&format!("{topology}.h5"));
        run("tau apply", &[], &[files.from.clone(), model.clone(), "n_tau=17".into()], &frames).unwrap();
        let (table, h5) = (read(scores.to_str().unwrap()), frames.to_str().unwrap());
        let predictions = read(&format!("{h5}:predictions"));
        let (targets, candidates) = (read(&format!("{h5}:targets")), read(&format!("{h5}:candidates")));
        assert_eq!((predictions.rows(), targets.rows(), candidates.rows()), (600, 600, 600));
        let codes = candidates.scalar::<i64>("gen_type").unwrap();
        let kept: Vec<usize> = (0..600).filter(|row| codes[*row] >= 0).collect();
        assert_eq!(kept.len(), table.rows());
        for (class, name) in ["node_e", "node_mu", "node_tau", "node_jet"].iter().enumerate() {
            let (single, double) = (table.scalar::<f32>(name).unwrap(), predictions.scalar::<f64>(name).unwrap());
            let target = targets.scalar::<i64>(name).unwrap();
            for (row, place) in kept.iter().enumerate() {
                assert!((f64::from(single[row]) - double[*place]).abs() < 1e-6, "{topology} {name} {row}");
            }
            for row in 0..600 {
                assert_eq!(target[row], i64::from(codes[row] == class as i64));
                assert!(codes[row] >= 0 || double[row] == 0.0);
            }
        }
        // the evaluation reads both alike
        let derive = |scores: &Path, name: &str| {
            let inputs = [format!("scores={}", scores.display())];
            let output = files.path(&format!("{topology}_{name}.json"));
            let all = words(&["derivation.require_others=false", "selection='tau_pt > 0'"]);
            run("tau working-points", &inputs, &all, &output).unwrap();
            std::fs::read_to_string(output).unwrap()
        };
        assert_eq!(derive(&scores, "table"), derive(&frames, "frames"));

        let onnx = files.path(&format!("{topology}.onnx"));
        run("tau export", &[], &[model], &onnx).unwrap();
        let model = recoil_nn::onnx::Model::read(&onnx).unwrap();
        assert_eq!(model.outputs[0].0, "main_output");
        assert_eq!(model.inputs.len(), 1 + 3 * 7);
    }
}
