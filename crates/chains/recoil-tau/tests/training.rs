//! From tuples to scores through the stages: trainings resume bit for bit, learn, and their models are applied.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::path::{Path, PathBuf};

use recoil_stage::config::Given;
use recoil_stage::{Outcome, Registry, Request, RunOptions, StageError};
use recoil_table::ReadOptions;
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

/// Tuples and their scaling.
fn prepared(folder: &Path) -> (String, String) {
    let tuples = folder.join("tuples");
    run("tau simulate", &[], &words(&["candidates=40"]), &tuples).unwrap();
    let from = format!("files.input_dir=[{}]", tuples.display());
    run("tau scale", &[], std::slice::from_ref(&from), &folder.join("scaling")).unwrap();
    let mut scalings: Vec<PathBuf> = std::fs::read_dir(folder.join("scaling"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("scaling_params"))
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .filter(|path| !path.to_string_lossy().ends_with("prov.json"))
        .collect();
    scalings.sort();
    (from, format!("scaling={}", scalings.last().unwrap().display()))
}

#[test]
fn a_training_resumes_and_is_applied() {
    let dir = tempfile::tempdir().unwrap();
    let (from, scaling) = prepared(dir.path());
    let train = |name: &str, more: &[&str]| {
        let output = dir.path().join(name);
        let mut all =
            words(&["topology=reduced", "n_tau=60", "n_batches=4", "n_batches_val=2", "weights.weight_thr=1e9"]);
        all.push(from.clone());
        all.extend(words(more));
        run("tau train", std::slice::from_ref(&scaling), &all, &output).unwrap();
        std::fs::read(output.join("weights.safetensors")).unwrap()
    };
    let checkpoint = format!("checkpoint={}", dir.path().join("state.safetensors").display());
    let whole = train("whole", &["training.epochs=2", "loss=wp_loss2"]);
    let half = train("half", &["training.epochs=1", "loss=wp_loss2", &checkpoint]);
    let resumed = train("resumed", &["training.epochs=2", "loss=wp_loss2", &checkpoint]);
    assert_ne!(whole, half);
    assert_eq!(whole, resumed, "a resumed training gives other weights");

    let start = format!("start={}", dir.path().join("half").display());
    let tuned = train("tuned", &["training.epochs=1", &start, "frozen=[inner_, outer_]"]);
    assert_ne!(tuned, half);
    let tensor = |folder: &str, name: &str| {
        let path = dir.path().join(folder).join("weights.safetensors");
        recoil_nn::safetensors::read(&path).unwrap().tensor(name).unwrap().values.clone()
    };
    assert_eq!(tensor("half", "outer_muon_conv_1/kernel"), tensor("tuned", "outer_muon_conv_1/kernel"));
    assert_eq!(tensor("half", "inner_all_norm_1/moving_mean"), tensor("tuned", "inner_all_norm_1/moving_mean"));
    assert_ne!(tensor("half", "final_dense_1/kernel"), tensor("tuned", "final_dense_1/kernel"));

    let scores = dir.path().join("scores.parquet");
    let model = format!("model={}", dir.path().join("whole").display());
    run("tau apply", &[], &[from, model.clone()], &scores).unwrap();
    let batch = recoil_table::open(scores.to_str().unwrap(), &ReadOptions::default()).unwrap().read_all().unwrap();
    assert!(batch.rows() > 600, "{} scores", batch.rows());
    let outputs = ["node_e", "node_mu", "node_tau", "node_jet"].map(|name| batch.scalar::<f32>(name).unwrap());
    for row in 0..batch.rows() {
        let sum: f32 = outputs.iter().map(|output| output[row]).sum();
        assert!((sum - 1.0).abs() < 1e-5, "row {row}: {sum}");
    }
    let classes = batch.scalar::<i64>("gen_type").unwrap();
    assert!((0..4).all(|class| classes.contains(&class)));

    let onnx = dir.path().join("model.onnx");
    run("tau export", &[], &[model], &onnx).unwrap();
    let model = recoil_nn::onnx::Model::read(&onnx).unwrap();
    assert_eq!((model.inputs.len(), model.outputs[0].0.as_str()), (7, "main_output"));
}

#[test]
fn a_training_is_recorded() {
    use recoil_track::store::{FileStore, Query, Wanted};
    let dir = tempfile::tempdir().unwrap();
    let (from, scaling) = prepared(dir.path());
    let store = dir.path().join("mlruns");
    let train = |name: &str, epochs: &str, more: &[String]| {
        let all = ["topology=reduced", "n_tau=60", "n_batches=2", "n_batches_val=-1", "weights.weight_thr=1e9", epochs];
        let mut all = words(&all);
        all.extend([from.clone(), format!("track.store={}", store.display()), format!("track.name={name}")]);
        all.extend(more.iter().cloned());
        run("tau train", std::slice::from_ref(&scaling), &all, &dir.path().join(name)).unwrap();
    };
    let checkpoint = [format!("checkpoint={}", dir.path().join("state.safetensors").display())];
    train("first", "training.epochs=1", &checkpoint);
    train("more", "training.epochs=2", &checkpoint);
    let known = FileStore::open(&store).unwrap();
    let listing = known.runs(&Query { wanted: Wanted::all(), ..Query::default() }).unwrap();
    assert_eq!(listing.records.len(), 2);
    let record = listing.records.iter().find(|record| record.info.name == "more").unwrap();
    assert_eq!((record.experiment.as_ref(), record.info.status), ("tau train", recoil_track::Status::Finished));
    for (name, value) in [("topology", "reduced"), ("training.epochs", "2"), ("parameters", "67548"), ("seed", "1")] {
        assert_eq!(record.parameters.get(name).map(String::as_str), Some(value), "{name}");
    }
    assert!(!record.parameters.keys().any(|name| name.starts_with("track")));
    for name in ["loss", "val_loss", "learning_rate", "val_accuracy", "val_auc_e", "val_auc_mu", "val_auc_jet"] {
        assert_eq!(record.metrics.get(name).map(|point| point.step), Some(2), "{name}");
    }
    assert!(record.tags["recoil.provenance"].contains("tau train"));
    // epochs of the first part are told again
    let folder = store.join(&record.info.experiment_id).join(&record.info.id);
    assert_eq!(std::fs::read_to_string(folder.join("metrics/loss")).unwrap().lines().count(), 2);
    for name in ["model/model.json", "model/weights.safetensors", "model/history.csv", "input_cfg/features.yml"] {
        assert!(folder.join("artifacts").join(name).exists(), "{name}");
    }
    let scaling = std::fs::read(folder.join("artifacts/input_cfg/scaling.json")).unwrap();
    assert_eq!(scaling, std::fs::read(dir.path().join("more/scaling.json")).unwrap());
}

#[test]
fn mistakes_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let (from, scaling) = prepared(dir.path());
    let fail = |more: &[&str]| {
        let mut all = words(&["topology=reduced", "n_batches=1"]);
        all.push(from.clone());
        all.extend(words(more));
        run("tau train", std::slice::from_ref(&scaling), &all, &dir.path().join("model")).err().unwrap().to_string()
    };
    assert!(fail(&["frozen=[nothing]"]).contains("no layer begins with 'nothing'"));
    assert!(fail(&["start=nowhere.safetensors"]).contains("nowhere.safetensors"));
    let error = run("tau apply", &[], &words(&["model=nowhere"]), &dir.path().join("out.parquet")).err().unwrap();
    assert!(error.to_string().contains("file"), "{error}");
}
