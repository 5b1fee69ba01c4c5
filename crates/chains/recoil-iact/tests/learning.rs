//! From image parameters to sensitivity, through files.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch};
use arrow_schema::Schema;
use recoil_fits::Fits;
use recoil_forest::Forest;
use recoil_iact::production::{RunConfig, SIMULATION};
use recoil_stage::config::Given;
use recoil_stage::{Outcome, Registry, Request, RunOptions, StageError};
use recoil_table::{Address, ReadOptions, field};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Numbers that look random, from 0 to below 1.
struct Noise(u64);

impl Noise {
    fn unit(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }
}

const FOCAL: f64 = 29.305_65;
const ALT: f64 = 1.221_730_476;

/// Images whose light grows with energy and whose axis points to the source.
fn images(path: &Path, kind: i64, events: usize, point: bool, seed: u64) {
    let mut noise = Noise(seed * 7919 + 1);
    let mut columns: Vec<(&str, Vec<f64>)> = [
        "intensity",
        "log_intensity",
        "x",
        "y",
        "r",
        "length",
        "width",
        "wl",
        "psi",
        "skewness",
        "kurtosis",
        "time_gradient",
        "leakage_intensity_width_2",
        "alt_tel",
        "az_tel",
        "sin_az_tel",
        "mc_energy",
        "log_mc_energy",
        "mc_alt",
        "mc_az",
        "mc_alt_tel",
        "mc_az_tel",
    ]
    .map(|name| (name, Vec::new()))
    .to_vec();
    for event in 0..events {
        let gamma = kind == 0;
        let energy = 0.05 / (1.0 - 0.999 * noise.unit());
        let log_intensity = 3.0 + energy.log10() + 0.15 * noise.normal();
        let angle = std::f64::consts::TAU * noise.unit();
        let offset = if point { 0.4_f64 } else { 2.0 * noise.unit().sqrt() }.to_radians();
        let (src_x, src_y) = (FOCAL * offset * angle.cos(), FOCAL * offset * angle.sin());
        let (src_x, src_y) = if point { (FOCAL * offset, 0.0) } else { (src_x, src_y) };
        let length = 0.15 + 0.1 * noise.unit() + if gamma { 0.0 } else { 0.08 * noise.unit() };
        let disp = (3.0 * length + 0.1 * noise.normal()).max(0.05).to_radians() * FOCAL;
        let direction = std::f64::consts::TAU * noise.unit() + if gamma { 0.0 } else { noise.normal() };
        let (x, y) = (src_x - disp * direction.cos(), src_y - disp * direction.sin());
        let psi = (direction + 0.03 * noise.normal() + std::f64::consts::FRAC_PI_2).rem_euclid(std::f64::consts::PI)
            - std::f64::consts::FRAC_PI_2;
        let side = if (direction - psi).cos() > 0.0 { 1.0 } else { -1.0 };
        let width = length * (if gamma { 0.35 } else { 0.5 } + 0.07 * noise.normal()).clamp(0.1, 0.9);
        let az_tel = if event % 2 == 0 { 3.0 } else { 3.2 };
        // small offsets: the mapping of the camera is nearly flat
        let (mc_alt, mc_az) = (ALT + src_x / FOCAL, az_tel + src_y / FOCAL / (ALT + src_x / FOCAL).cos());
        let row = [
            10_f64.powf(log_intensity),
            log_intensity,
            x,
            y,
            x.hypot(y),
            length,
            width,
            width / length,
            psi,
            -side * 0.4 + 0.3 * noise.normal(),
            2.5 + 0.2 * noise.normal(),
            -side * 5.0 + 3.0 * noise.normal(),
            0.0,
            ALT,
            az_tel,
            az_tel.sin(),
            energy,
            energy.log10(),
            mc_alt,
            mc_az,
            ALT,
            az_tel,
        ];
        for ((_, column), value) in columns.iter_mut().zip(row) {
            column.push(value);
        }
    }
    let whole = |value: i64| -> ArrayRef { Arc::new(Int64Array::from(vec![value; events])) };
    let mut fields: Vec<_> =
        columns.iter().map(|(name, _)| field(name, arrow_schema::DataType::Float64, "", "made up")).collect();
    let mut arrays: Vec<ArrayRef> =
        columns.into_iter().map(|(_, values)| Arc::new(Float64Array::from(values)) as ArrayRef).collect();
    for (name, values) in [
        ("event_id", Arc::new(Int64Array::from_iter_values(0..events as i64)) as ArrayRef),
        ("tel_id", whole(1)),
        ("event_type", whole(32)),
        ("mc_type", whole(kind)),
    ] {
        fields.push(field(name, arrow_schema::DataType::Int64, "", "made up"));
        arrays.push(values);
    }
    let cone = if point { 0.0 } else { 2.0 };
    let run = RunConfig {
        n_showers: 20.0 * events as f64,
        energy_range_min: 0.05,
        energy_range_max: 50.0,
        max_viewcone_radius: cone,
        ..RunConfig::default()
    };
    let metadata = HashMap::from([(SIMULATION.to_owned(), serde_json::to_string(&[run]).unwrap())]);
    let schema = Arc::new(Schema::new_with_metadata(fields, metadata));
    let mut writer = recoil_table::create(&Address::of_path(path).unwrap(), &schema).unwrap();
    writer.write(&RecordBatch::try_new(schema, arrays).unwrap()).unwrap();
    writer.finish(None).unwrap();
}

struct Bench {
    folder: tempfile::TempDir,
    stages: Registry,
}

impl Bench {
    fn new() -> Self {
        let bench = Self { folder: tempfile::tempdir().unwrap(), stages: Registry::new(recoil_iact::stages::all()) };
        images(&bench.path("dl1_gamma.parquet"), 0, 4000, false, 1);
        images(&bench.path("dl1_proton.parquet"), 101, 4000, false, 2);
        images(&bench.path("dl1_gamma_test.parquet"), 0, 3000, true, 3);
        images(&bench.path("dl1_proton_test.parquet"), 101, 3000, false, 4);
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(
        &self,
        stage: &str,
        inputs: &[(&str, &str)],
        output: &str,
        words: &[&str],
        threads: usize,
    ) -> Result<Outcome, StageError> {
        let stage = self.stages.find(stage).unwrap();
        let request = Request {
            given: words.iter().map(|word| Given::Word((*word).to_owned())).collect(),
            inputs: inputs.iter().map(|(role, name)| format!("{role}={}", self.path(name).display())).collect(),
            output: Some(self.path(output)),
            seed: Some(5),
        };
        let prepared = stage.prepare(&request)?;
        stage.execute(&prepared, &RunOptions { threads: Some(threads), ..RunOptions::default() })
    }

    fn train(&self, output: &str, words: &[&str], threads: usize) -> Result<Outcome, StageError> {
        let mut small = vec![
            "random_forest_energy_regressor_args.n_estimators=10",
            "random_forest_disp_regressor_args.n_estimators=10",
            "random_forest_disp_classifier_args.n_estimators=10",
            "random_forest_particle_classifier_args.n_estimators=10",
        ];
        small.extend(words);
        let inputs = [("input-file-gamma", "dl1_gamma.parquet"), ("input-file-proton", "dl1_proton.parquet")];
        self.run("iact train", &inputs, output, &small, threads)
    }

    fn column(&self, file: &str, name: &str) -> Vec<f64> {
        let address = self.path(file).display().to_string();
        let batch = recoil_table::open(&address, &ReadOptions::default()).unwrap().read_all().unwrap();
        batch.scalar_as::<f64>(name).unwrap().into_owned()
    }
}

#[test]
fn the_whole_way() {
    let bench = Bench::new();
    bench.train("models", &[], 2).unwrap();
    bench.train("again", &[], 1).unwrap();
    for name in ["reg_energy", "reg_disp_norm", "cls_disp_sign", "cls_gh"] {
        let file = format!("{name}.safetensors");
        let [one, two] = ["models", "again"].map(|folder| std::fs::read(bench.path(folder).join(&file)).unwrap());
        assert!(one == two, "{name} depends on the number of threads");
    }
    let energy = Forest::read(&bench.path("models/reg_energy.safetensors")).unwrap();
    assert!(energy.importances()[0] > 0.9, "light tells energy: {:?}", energy.importances());

    let files = [
        ("input-file", "dl1_gamma_test.parquet"),
        ("input-file", "dl1_proton_test.parquet"),
        ("path-models", "models"),
    ];
    bench.run("iact dl1-to-dl2", &files, "dl2", &[], 2).unwrap();
    let gammaness = bench.column("dl2/dl2_gamma_test.parquet", "gammaness");
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let protons = bench.column("dl2/dl2_proton_test.parquet", "gammaness");
    assert_eq!((gammaness.len(), protons.len()), (3000, 3000));
    assert!(mean(&gammaness) > mean(&protons) + 0.2, "{} {}", mean(&gammaness), mean(&protons));
    let right = bench
        .column("dl2/dl2_gamma_test.parquet", "reco_disp_sign")
        .iter()
        .zip(bench.column("dl2/dl2_gamma_test.parquet", "disp_sign"))
        .filter(|(a, b)| **a == *b)
        .count();
    assert!(right > 2600, "{right} of 3000 sides");

    let inputs = [
        ("input-gamma-dl2", "dl2/dl2_gamma_test.parquet"),
        ("input-proton-dl2", "dl2/dl2_proton_test.parquet"),
        ("input-electron-dl2", "dl2/dl2_proton_test.parquet"),
    ];
    let words = [
        "energy_dependent_gh=true",
        "energy_dependent_theta=true",
        "point_like=true",
        "EventSelector.filters.r=[0, Infinity]",
    ];
    bench.run("iact irfs", &inputs, "irf.fits.gz", &words, 2).unwrap();
    let fits = Fits::read(&bench.path("irf.fits.gz")).unwrap();
    let names: Vec<&str> = fits.tables.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(names, ["EFFECTIVE AREA", "ENERGY DISPERSION", "BACKGROUND", "GH_CUTS", "RAD_MAX"]);
    let area = fits.table("EFFECTIVE AREA").unwrap().doubles("EFFAREA").unwrap();
    assert!(area.iter().any(|area| *area > 1e4), "{area:?}");
    bench.run("iact irfs", &inputs[..1], "full.fits", &["EventSelector.filters.r=[0, Infinity]"], 2).unwrap();
    let full = Fits::read(&bench.path("full.fits")).unwrap();
    assert!(full.table("PSF").is_ok() && full.table("BACKGROUND").is_err());

    let words = ["EventSelector.filters.r=[0, Infinity]"];
    bench.run("iact sensitivity", &inputs, "performance", &words, 2).unwrap();
    let relative = bench.column("performance/sensitivity.parquet", "relative_sensitivity");
    assert!(relative.iter().any(|value| value.is_finite() && *value < 10.0), "{relative:?}");
    let plots = [
        ("irf", "irf.fits.gz"),
        ("irf", "full.fits"),
        ("sensitivity", "performance/sensitivity.parquet"),
        ("performance", "performance/performance.parquet"),
        ("forest", "models/reg_energy.safetensors"),
    ];
    bench.run("iact plot", &plots, "plots", &[], 1).unwrap();
    assert!(bench.path("plots/irf_energy_dispersion.svg").exists());
}

#[test]
fn vectors_and_known_sources() {
    let bench = Bench::new();
    bench
        .train(
            "vector",
            &[
                "disp_method=disp_vector",
                "particle_classification_features=[log_intensity, width, length, wl, log_reco_energy, signed_skewness]",
            ],
            2,
        )
        .unwrap();
    let files = |models| [("input-file", "dl1_gamma_test.parquet"), ("path-models", models)];
    bench.run("iact dl1-to-dl2", &files("vector"), "dl2v", &["disp_method=disp_vector"], 2).unwrap();
    assert!(bench.column("dl2v/dl2_gamma_test.parquet", "reco_disp_dx").iter().all(|dx| dx.is_finite()));

    let known = [
        "source_dependent=true",
        "train_gamma_src_r_deg=[0, 1]",
        "energy_regression_features=[log_intensity, width, length, dist, wl, skewness_from_source, time_gradient_from_source]",
        "particle_classification_features=[log_intensity, width, length, dist, wl, skewness_from_source, \
         time_gradient_from_source, log_reco_energy, reco_disp_norm_diff, reco_disp_sign_correctness]",
    ];
    bench.train("known", &known, 2).unwrap();
    bench.run("iact dl1-to-dl2", &files("known"), "dl2s", &["source_dependent=true"], 2).unwrap();
    let alpha = bench.column("dl2s/dl2_gamma_test.parquet", "alpha");
    assert!(alpha.iter().filter(|alpha| **alpha < 10.0).count() > 2500);
}

#[test]
fn what_is_wrong_is_told() {
    let bench = Bench::new();
    let message = |result: Result<Outcome, StageError>| {
        let error = result.err().unwrap();
        std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source())
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(": ")
    };
    let none = message(bench.train("m", &["events_filters.intensity=[1e9, Infinity]"], 1));
    assert!(none.contains("no event passes the filters"), "{none}");
    let feature = message(bench.train("m", &["energy_regression_features=[log_intensity, wisth]"], 1));
    assert!(feature.contains("'wisth'"), "{feature}");
    let key = message(bench.train("m", &["random_forest_energy_regressor_args.n_estimators=0"], 1));
    assert!(key.contains("n_estimators"), "{key}");
    let files = [("input-file", "dl1_gamma_test.parquet"), ("path-models", ".")];
    let models = message(bench.run("iact dl1-to-dl2", &files, "dl2", &[], 1));
    assert!(models.contains("reg_disp_norm.safetensors"), "{models}");
    let inputs = [("input-gamma-dl2", "dl1_gamma_test.parquet")];
    let column = message(bench.run("iact irfs", &inputs, "irf.fits", &[], 1));
    assert!(column.contains("reco_energy"), "{column}");
}
