//! Files that cannot be used, in every step that reads candidates: told with their names, or left out and counted.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::needless_range_loop)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, Float32Array, Int32Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use recoil_stage::config::Given;
use recoil_stage::{Outcome, Registry, Request, RunOptions, StageError};
use recoil_table::{Address, ReadOptions, create, open};
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
    stage.execute(&stage.prepare(&request)?, &RunOptions { overwrite: true, ..RunOptions::default() })
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn read(path: &Path) -> RecordBatch {
    open(path.to_str().unwrap(), &ReadOptions::default()).unwrap().read_all().unwrap().records().clone()
}

fn write(path: &Path, records: &RecordBatch) {
    let mut writer = create(&Address::of_path(path).unwrap(), &records.schema()).unwrap();
    writer.write(records).unwrap();
    writer.finish(None).unwrap();
}

/// `records` with another column in place of `name`; without it, if there is none.
fn changed(records: &RecordBatch, name: &str, column: Option<ArrayRef>) -> RecordBatch {
    let schema = records.schema();
    let (mut fields, mut columns): (Vec<Field>, Vec<ArrayRef>) = Default::default();
    for (field, old) in schema.fields().iter().zip(records.columns()) {
        let new = if field.name() == name { column.clone() } else { Some(old.clone()) };
        if let Some(new) = new {
            fields.push(Field::new(field.name(), new.data_type().clone(), false));
            columns.push(new);
        }
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
}

struct Files {
    folder: tempfile::TempDir,
    good: PathBuf,
    scaling: String,
}

impl Files {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sim = folder.path().join("sim");
        let datasets = "datasets=[{name: TT, sample: TT, files: 1}, {name: DY, sample: DY, files: 1}]";
        run("tau simulate", &[], &words(&[datasets, "candidates=150", "format=parquet"]), &sim).unwrap();
        let scaled = folder.path().join("scaled");
        run("tau scale", &[], &[format!("files.input_dir=[{}]", sim.display())], &scaled).unwrap();
        let scaling = format!("scaling={}", scaled.join("scaling_params_v1.json").display());
        Self { good: sim.join("DY/eventTuple_0.parquet"), folder, scaling }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs every step that reads candidates on `files`; gives name and result of each.
    fn all(&self, files: &[&Path], more: &[&str]) -> Vec<(&'static str, Result<Outcome, String>)> {
        let model = self.path("model");
        let candidates: Vec<String> = files.iter().map(|file| format!("candidates={}", file.display())).collect();
        let with_scaling: Vec<String> = candidates.iter().cloned().chain([self.scaling.clone()]).collect();
        let train = ["topology=reduced", "n_tau=50", "n_batches=2", "n_batches_val=1", "weights.weight_thr=1e9"];
        if !model.exists() {
            let good = [format!("candidates={}", self.good.display()), self.scaling.clone()];
            run("tau train", &good, &words(&train), &model).unwrap();
        }
        let model = format!("model={}", model.display());
        let steps: Vec<(&str, &[String], Vec<String>, PathBuf)> = vec![
            ("tau spectrum", &candidates, vec![], self.path("out_spectrum")),
            ("tau scale", &candidates, vec!["figures=false".into()], self.path("out_scale")),
            ("tau batches", &with_scaling, vec![], self.path("out.parquet")),
            ("tau batches", &with_scaling, vec!["grid=sequence".into()], self.path("out_sequence.parquet")),
            ("tau train", &with_scaling, words(&train), self.path("out_model")),
            ("tau apply", &candidates, vec![model], self.path("out_scores.parquet")),
        ];
        let done = steps.into_iter().map(|(name, inputs, mut own, output)| {
            own.extend(words(more));
            let result = run(name, inputs, &own, &output);
            (name, result.map_err(|error| error.to_string()))
        });
        done.collect()
    }
}

fn value(outcome: &Outcome, name: &str) -> Option<u64> {
    outcome.report.values.iter().find(|value| value.name == name)?.value.as_u64()
}

fn bad_files(outcome: &Outcome) -> u64 {
    value(outcome, "bad_files").unwrap_or(u64::MAX)
}

#[test]
fn a_bad_file_stops_or_is_left_out() {
    let files = Files::new();
    let whole = read(&files.good);
    let rows = whole.num_rows();
    let cut = files.path("cut.parquet");
    let bytes = std::fs::read(&files.good).unwrap();
    std::fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    let missing = files.path("missing.parquet");
    write(&missing, &changed(&whole, "tau_eta", None));
    let typed = files.path("typed.parquet");
    let names: ArrayRef = Arc::new(StringArray::from(vec!["x"; rows]));
    write(&typed, &changed(&whole, "tau_eta", Some(names)));
    let kind = files.path("kind.parquet");
    let codes: ArrayRef = Arc::new(Int32Array::from(vec![77; rows]));
    write(&kind, &changed(&whole, "sampleType", Some(codes)));
    for (what, bad, part) in [
        ("truncated", &cut, "cut.parquet"),
        ("a column that is missing", &missing, "tau_eta"),
        ("a column of text", &typed, "tau_eta"),
        ("a code that means nothing", &kind, "sample type 77"),
    ] {
        for (step, result) in files.all(&[&files.good, bad], &[]) {
            // truth is not looked at to scale
            if what.starts_with("a code") && step == "tau scale" {
                continue;
            }
            let error = result.err().unwrap_or_else(|| panic!("{step} takes {what}"));
            assert!(error.contains(part), "{step}, {what}: {error}");
        }
        for (step, result) in files.all(&[&files.good, bad], &["on_bad_file=skip"]) {
            if what.starts_with("a code") && step == "tau scale" {
                continue;
            }
            let outcome = result.unwrap_or_else(|error| panic!("{step}, {what}: {error}"));
            assert_eq!(bad_files(&outcome), 1, "{step}, {what}");
        }
    }
}

#[test]
fn values_that_are_no_numbers_are_counted() {
    let files = Files::new();
    let whole = read(&files.good);
    let broken = files.path("broken.parquet");
    let rho = whole.column_by_name("rho").unwrap();
    let rho: Vec<f32> = (0..rho.len()).map(|row| if row % 10 == 3 { f32::NAN } else { 20.0 }).collect();
    write(&broken, &changed(&whole, "rho", Some(Arc::new(Float32Array::from(rho)))));
    for (number, (step, result)) in files.all(&[&broken], &[]).into_iter().enumerate() {
        let outcome = result.unwrap_or_else(|error| panic!("{step}: {error}"));
        // rho is a feature of cells, and of no single particle
        if let Some(count) = value(&outcome, "not_finite").filter(|_| number != 3) {
            assert!(count > 0, "{step}: {count}");
        }
    }
}

#[test]
fn a_class_without_candidates_is_told() {
    let files = Files::new();
    let none = files.path("none.parquet");
    let whole = read(&files.good);
    // no generated lepton: all of them are jets, or nothing
    let index: ArrayRef = Arc::new(Int32Array::from(vec![-1; whole.num_rows()]));
    assert_eq!(whole.schema().field_with_name("genLepton_index").unwrap().data_type(), &DataType::Int32);
    write(&none, &changed(&whole, "genLepton_index", Some(index)));
    let inputs = [format!("candidates={}", none.display()), files.scaling.clone()];
    let train = |more: &[&str]| {
        let mut all = words(&["topology=reduced", "n_tau=50", "n_batches=1", "n_batches_val=1"]);
        all.extend(words(more));
        run("tau train", &inputs, &all, &files.path("model_of_jets")).map_err(|error| error.to_string())
    };
    let error = train(&[]).err().unwrap();
    assert!(error.contains("there is no candidate of class e"), "{error}");
    // without weights nothing is divided by a count
    let outcome = train(&["weights.use_weights=false"]).unwrap();
    assert_eq!(value(&outcome, "candidates_tau"), Some(0));
}
