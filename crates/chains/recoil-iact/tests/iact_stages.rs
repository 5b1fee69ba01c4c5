//! The stages on real files and on files of the generator.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, missing_docs)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float32Type, Float64Type, Int32Type, Int64Type};
use recoil_eventio::simtel::{Recorded, SimtelReader, Wanted};
use recoil_iact::stages;
use recoil_stage::config::Given;
use recoil_stage::{AnyStage, Outcome, Registry, Request, RunOptions, StageError, verify};

fn run(name: &str, inputs: &[String], output: &Path, words: &[&str]) -> Result<Outcome, StageError> {
    let registry = Registry::new(stages::all());
    let stage: &dyn AnyStage = registry.find(name)?;
    let request = Request {
        given: words.iter().map(|word| Given::Word((*word).to_owned())).collect(),
        inputs: inputs.to_vec(),
        output: Some(output.to_path_buf()),
        seed: Some(7),
    };
    stage.execute(&stage.prepare(&request)?, &RunOptions::default())
}

fn real(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("RECOIL_REALDATA").map(|root| Path::new(&root).join("iact").join(name));
    let found = path.filter(|path| path.is_file());
    if found.is_none() {
        eprintln!("SKIPPED: RECOIL_REALDATA does not name a folder with iact/{name}");
    }
    found
}

/// The numbers of a golden table by column.
fn golden(name: &str) -> BTreeMap<String, Vec<f64>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../testdata/golden/iact").join(name);
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    let names: Vec<String> = lines.next().unwrap().split(',').map(str::to_owned).collect();
    let mut columns: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for line in lines {
        for (name, value) in names.iter().zip(line.split(',')) {
            columns.entry(name.clone()).or_default().push(value.parse().unwrap_or(f64::NAN));
        }
    }
    columns
}

fn column(path: &Path, name: &str) -> Vec<f64> {
    let batch = recoil_table::open(&path.display().to_string(), &Default::default()).unwrap().read_all().unwrap();
    let array = batch.records().column_by_name(name).unwrap().clone();
    if let Some(values) = array.as_primitive_opt::<Float64Type>() {
        return values.values().to_vec();
    }
    if let Some(values) = array.as_primitive_opt::<Float32Type>() {
        return values.values().iter().map(|value| f64::from(*value)).collect();
    }
    if let Some(values) = array.as_primitive_opt::<Int64Type>() {
        return values.values().iter().map(|value| *value as f64).collect();
    }
    array.as_primitive::<Int32Type>().values().iter().map(|value| f64::from(*value)).collect()
}

#[test]
fn the_definitions_of_the_stages_are_sound() {
    for stage in stages::all() {
        assert_eq!(verify(stage.as_ref()), Vec::<String>::new());
    }
}

#[test]
fn parameters_of_real_files_are_those_of_lstchain() {
    for (file, table, words) in [
        ("prod4_pixelsettings_v3.gz", "dl1_lst1_prod4_mc_params.csv", &[][..]),
        ("history_meta_75.simtel.zst", "dl1_hm75_mc_params.csv", &[]),
        (
            "prod4_pixelsettings_v3.gz",
            "dl1_lst1_prod4_params.csv",
            &["LocalPeakWindowSum.apply_integration_correction=false"],
        ),
    ] {
        let Some(path) = real(file) else { return };
        let dir = tempfile::tempdir().unwrap();
        let words: Vec<&str> = words.iter().copied().chain(["format=parquet"]).collect();
        run("iact r0-to-dl1", &[path.display().to_string()], dir.path(), &words).unwrap();
        let base = recoil_iact::stages::r0_to_dl1::base_name(&path);
        let made = dir.path().join(format!("{base}.parquet"));
        let expected = golden(table);
        assert_eq!(expected.len(), 57);
        let mut wrong = 0;
        for (name, wanted) in &expected {
            // single precision in the reference's file
            let tolerance = if name.starts_with("disp") || name.starts_with("src") { 2e-5 } else { 1e-5 };
            let found = column(&made, name);
            assert_eq!(found.len(), wanted.len(), "{name}");
            for (row, (found, wanted)) in found.iter().zip(wanted).enumerate() {
                let close = (found - wanted).abs() <= tolerance * wanted.abs().max(0.01);
                if !(close || found.is_nan() && wanted.is_nan()) {
                    eprintln!("{table}: row {row}: {name} {found}, expected {wanted}");
                    wrong += 1;
                }
            }
        }
        assert_eq!(wrong, 0, "{table}: values that differ");
    }
}

#[test]
fn files_of_the_generator_are_read_back_and_reduced() {
    let dir = tempfile::tempdir().unwrap();
    let raw = dir.path().join("raw");
    let words = ["showers=30", "uses=3"];
    run("iact simulate", &[], &raw, &words).unwrap();
    let again = dir.path().join("again");
    run("iact simulate", &[], &again, &words).unwrap();
    let names = ["gamma_run1", "gamma-diffuse_run2", "proton_run3", "electron_run4"];
    let mut inputs = Vec::new();
    for name in names {
        let file = format!("{name}.simtel.zst");
        assert_eq!(std::fs::read(raw.join(&file)).unwrap(), std::fs::read(again.join(&file)).unwrap(), "{name}");
        let wanted = Wanted { telescopes: vec![1], photo_electrons: true };
        let mut reader = SimtelReader::open(&raw.join(&file), wanted).unwrap();
        let mut events = 0;
        while let Some(event) = reader.next_event().unwrap() {
            let Recorded::Samples(samples) = &event.telescopes[0].recorded else { panic!("no samples") };
            assert_eq!((samples.n_gains, samples.n_pixels, samples.n_samples), (2, 1855, 40));
            assert_eq!(event.mc.unwrap().event, event.id);
            assert!(event.photo_electrons[0].times.len() >= 40);
            events += 1;
        }
        assert!(events > 0, "{name}: nothing triggered");
        assert_eq!(reader.simulated(), (30, 90));
        assert_eq!(reader.histograms().iter().find(|histogram| histogram.id == 6).unwrap().entries, 90);
        inputs.push(raw.join(file).display().to_string());
    }
    let dl1 = dir.path().join("dl1");
    run("iact r0-to-dl1", &inputs, &dl1, &["format=parquet"]).unwrap();
    for name in names {
        let table = dl1.join(format!("dl1_{name}.parquet"));
        let (intensity, length) = (column(&table, "intensity"), column(&table, "length"));
        let seen = intensity.iter().filter(|intensity| **intensity > 50.0).count();
        assert!(seen > 0 && length.iter().all(|length| length.is_nan() || *length < 2.0), "{name}");
    }
    // gamma rays point to their source
    let table = dl1.join("dl1_gamma_run1.parquet");
    let (norm, miss): (Vec<f64>, Vec<f64>) = {
        let (dx, dy, psi) = (column(&table, "disp_dx"), column(&table, "disp_dy"), column(&table, "psi"));
        let along = |at: usize| (dx[at] * psi[at].cos() + dy[at] * psi[at].sin()).abs();
        let across = |at: usize| (dy[at] * psi[at].cos() - dx[at] * psi[at].sin()).abs();
        (0..dx.len()).map(|at| (along(at), across(at))).filter(|(a, _)| a.is_finite()).unzip()
    };
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    assert!(mean(&miss) < 0.4 * mean(&norm), "{} {}", mean(&miss), mean(&norm));
}

#[test]
fn added_light_is_seeded() {
    let dir = tempfile::tempdir().unwrap();
    let raw = dir.path().join("raw");
    run("iact simulate", &[], &raw, &["showers=60", "uses=2"]).unwrap();
    let input = raw.join("gamma_run1.simtel.zst").display().to_string();
    let reduce = |name: &str, words: &[&str]| {
        let out = dir.path().join(name);
        let words: Vec<&str> = words.iter().copied().chain(["format=parquet"]).collect();
        run("iact r0-to-dl1", std::slice::from_ref(&input), &out, &words).unwrap();
        column(&out.join("dl1_gamma_run1.parquet"), "intensity")
    };
    let tuning = ["waveform_nsb_tuning.nsb_tuning=true", "waveform_nsb_tuning.nsb_tuning_rate_GHz=0.5"];
    let (plain, noisy, again) = (reduce("a", &[]), reduce("b", &tuning), reduce("c", &tuning));
    let same = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits());
    assert!(plain.len() > 2 && same(&noisy, &again) && !same(&plain, &noisy), "{plain:?} {noisy:?} {again:?}");
}

#[test]
fn configurations_of_real_productions_are_understood() {
    let root = std::env::var_os("RECOIL_REALDATA").map(|root| Path::new(&root).join("production"));
    let Some(root) = root.filter(|root| root.is_dir()) else {
        eprintln!("SKIPPED: RECOIL_REALDATA does not name a folder with production/");
        return;
    };
    let mut folders = vec![root];
    let (mut read, mut wrong) = (0, 0);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "json")
                && std::fs::read_to_string(&path).is_ok_and(|text| text.contains("\"tailcut\""))
            {
                for (stage, inputs, output) in [
                    ("iact r0-to-dl1", &["a.simtel.gz"][..], "out"),
                    ("iact dl1ab", &["a.h5"], "out.h5"),
                    ("iact train", &["input-file-gamma=a.h5", "input-file-proton=b.h5"], "out"),
                    ("iact dl1-to-dl2", &["input-file=a.h5", "path-models=m"], "out"),
                    ("iact irfs", &["input-gamma-dl2=a.h5"], "out.fits.gz"),
                    ("iact sensitivity", &["input-gamma-dl2=a.h5", "input-proton-dl2=b.h5"], "out"),
                ] {
                    let registry = Registry::new(stages::all());
                    let request = Request {
                        given: vec![Given::File(path.clone())],
                        inputs: inputs.iter().map(|input| (*input).to_owned()).collect(),
                        output: Some(output.into()),
                        seed: None,
                    };
                    if let Err(error) = registry.find(stage).unwrap().prepare(&request) {
                        eprintln!("{stage}: {error}");
                        wrong += 1;
                    }
                    read += 1;
                }
            }
        }
    }
    assert!(read > 20, "{read}");
    assert_eq!(wrong, 0, "of {read} configurations are not understood");
}
