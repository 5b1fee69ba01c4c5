//! Evaluation against files of another program.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::path::{Path, PathBuf};

use recoil_stage::config::Given;
use recoil_stage::{ErrorKind, Report, Request, RunOptions, StageError};
use recoil_tau::stages;
use serde_json::Value as Json;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../testdata/golden/tau").join(name)
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

fn json(path: &Path) -> Json {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn run(name: &str, inputs: &[(&str, &Path)], output: &Path, words: &[&str]) -> Result<Report, StageError> {
    let all = stages::all();
    let stage = all.iter().find(|stage| stage.describe().name == name).unwrap();
    let request = Request {
        given: words.iter().map(|word| Given::Word((*word).to_owned())).collect(),
        inputs: inputs.iter().map(|(role, path)| format!("{role}={}", text(path))).collect(),
        output: Some(output.to_path_buf()),
        seed: None,
    };
    let prepared = stage.prepare(&request)?;
    stage.execute(&prepared, &RunOptions::default()).map(|outcome| outcome.report)
}

fn scores() -> PathBuf {
    golden("eval_scores.parquet")
}

/// Compares trees of numbers; counts those that differ by more than `tolerance`.
fn differing(found: &Json, expected: &Json, tolerance: f64, path: &str, wrong: &mut Vec<String>) -> usize {
    match (found, expected) {
        (Json::Number(found), Json::Number(expected)) => {
            let (found, expected) = (found.as_f64().unwrap(), expected.as_f64().unwrap());
            if (found - expected).abs() > tolerance {
                wrong.push(format!("{path}: {found} instead of {expected}"));
            }
            1
        }
        (Json::Array(found), Json::Array(expected)) => {
            if found.len() != expected.len() {
                wrong.push(format!("{path}: {} entries instead of {}", found.len(), expected.len()));
            }
            let pairs = found.iter().zip(expected).enumerate();
            pairs.map(|(i, (a, b))| differing(a, b, tolerance, &format!("{path}[{i}]"), wrong)).sum()
        }
        (Json::Object(found), Json::Object(expected)) => expected
            .iter()
            .map(|(key, value)| differing(&found[key], value, tolerance, &format!("{path}.{key}"), wrong))
            .sum(),
        _ => {
            if found != expected {
                wrong.push(format!("{path}: {found} instead of {expected}"));
            }
            1
        }
    }
}

fn same(found: &Json, expected: &Json, tolerance: f64) {
    let mut wrong = Vec::new();
    let compared = differing(found, expected, tolerance, "", &mut wrong);
    println!("{compared} values compared, {} differ", wrong.len());
    assert!(
        wrong.is_empty() && compared > 10,
        "{} of {compared}: {:?}",
        wrong.len(),
        wrong.iter().take(5).collect::<Vec<_>>()
    );
}

#[test]
fn definitions_are_right() {
    for stage in stages::all() {
        assert_eq!(recoil_stage::verify(stage.as_ref()), Vec::<String>::new());
    }
}

#[test]
fn working_points_of_all_turns() {
    let folder = tempfile::tempdir().unwrap();
    for (file, words) in [
        ("wp_derived.json", vec!["layout=details"]),
        ("wp_derived_independent.json", vec!["layout=details", "derivation.require_others=false"]),
    ] {
        let output = folder.path().join(file);
        run("tau working-points", &[("scores", &scores())], &output, &words).unwrap();
        let (found, expected) = (json(&output), json(&golden(file)));
        assert_eq!(found["n_taus"], expected["n_taus"]);
        assert_eq!(found["converged"], expected["converged"]);
        same(&found["thresholds_by_iteration"], &expected["thresholds_by_iteration"], 1e-9);
        for (kind, points) in found["uncertainties"].as_object().unwrap() {
            for (name, point) in points.as_object().unwrap() {
                let at = |key: &str| point[key].as_f64().unwrap();
                assert!(at("threshold_low") <= at("threshold") && at("threshold") <= at("threshold_high"));
                let wanted = expected["thresholds_by_iteration"][kind][name]["eff"].as_f64().unwrap();
                assert!((at("efficiency") - wanted).abs() < 2e-4, "{kind} {name}: {}", at("efficiency"));
            }
        }
    }
    let output = folder.path().join("working_points.json");
    run("tau working-points", &[("scores", &scores())], &output, &[]).unwrap();
    same(&json(&output), &json(&golden("working_points.json")), 0.0);
    let names = |file: &Path| json(file)["jet"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&output), names(&golden("working_points.json")), "loosest first");
}

#[test]
fn performance_of_a_network() {
    let folder = tempfile::tempdir().unwrap();
    let expected = json(&golden("performance.json"));
    let thresholds = golden("working_points.json");
    let inputs: [(&str, &Path); 2] = [("scores", &scores()), ("thresholds", &thresholds)];
    let words = ["name=synthetic CNN", "alias=synth", "vs_types=[jet, e, mu]"];
    let plain = folder.path().join("plain");
    run("tau evaluate", &inputs, &plain, &words).unwrap();
    let found = json(&plain.join("performance.json"));
    same(&found["metrics"]["roc_curve"], &expected["metrics"]["roc_curve"], 1e-9);

    // the file of the other program has the ends of the intervals under each other's names
    let swapped = folder.path().join("swapped");
    let words: Vec<&str> = words.into_iter().chain(["swapped_errors=true"]).collect();
    run("tau evaluate", &inputs, &swapped, &words).unwrap();
    same(&json(&swapped.join("performance.json")), &expected, 1e-9);
    let (right, wrong) = (&found["metrics"]["roc_wp"][0], &expected["metrics"]["roc_wp"][0]);
    assert_eq!(
        right["true_positive_rate_up"][0],
        json(&swapped.join("performance.json"))["metrics"]["roc_wp"][0]["true_positive_rate_down"][0]
    );
    assert_ne!(right["true_positive_rate_up"][0], wrong["true_positive_rate_up"][0]);

    // compared in one figure and on one page
    let both: [(&str, &Path); 2] =
        [("performance", &plain.join("performance.json")), ("performance", &swapped.join("performance.json"))];
    let figure = folder.path().join("roc.svg");
    run("tau roc", &both, &figure, &["vs_type=e", "labels=[one, two]"]).unwrap();
    assert!(std::fs::read_to_string(&figure).unwrap().contains("<svg"));
    let page = folder.path().join("report.html");
    run("tau report", &both, &page, &[]).unwrap();
    assert!(std::fs::read_to_string(&page).unwrap().contains("Against muons"));
    let error = run("tau roc", &both, &folder.path().join("none.svg"), &["region=7"]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Input);
}

#[test]
fn stored_identification_bits() {
    let folder = tempfile::tempdir().unwrap();
    let words = ["columns.bits.jet=tau_byDeepTau2017v2p1VSjet", "vs_types=[jet]", "required.jet=VVVLoose"];
    run("tau evaluate", &[("scores", &scores())], folder.path(), &words).unwrap();
    let found = json(&folder.path().join("performance.json"));
    let points = &found["metrics"]["roc_wp"][0];
    assert_eq!(points["wp_names"][8], "VVVLoose");
    assert_eq!(points["true_positive_rate"][8], 1.0, "everything that is left passes the required point");
    let rates: Vec<f64> =
        points["true_positive_rate"].as_array().unwrap().iter().map(|r| r.as_f64().unwrap()).collect();
    assert!(rates.is_sorted() && rates[0] < 1.0, "tightest first: {rates:?}");
}

#[test]
fn efficiencies_in_bins() {
    let folder = tempfile::tempdir().unwrap();
    let thresholds = golden("working_points.json");
    let inputs: [(&str, &Path); 2] = [("scores", &scores()), ("thresholds", &thresholds)];
    run("tau efficiency", &inputs, folder.path(), &[]).unwrap();
    let read = |path: &Path| -> Vec<Vec<String>> {
        let text = std::fs::read_to_string(path).unwrap();
        text.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect()
    };
    let found = read(&folder.path().join("efficiency.csv"));
    let expected = read(&golden("wp_efficiency.csv"));
    let number = |text: &str| text.parse::<f64>().unwrap();
    let mut wrong = Vec::new();
    let mut compared = 0;
    for row in &expected {
        let same_bin = |own: &&Vec<String>| {
            own[0] == row[0]
                && own[1] == row[1]
                && own[4..6] == row[4..6]
                && (number(&own[2]) - number(&row[2])).abs() < 1e-6
        };
        let own = found.iter().find(same_bin).unwrap_or_else(|| panic!("no row for {row:?}"));
        for column in [6, 7, 8] {
            if row[column].is_empty() || own[column].is_empty() {
                // the other program writes nothing, or what its formula gives, where there are no candidates
                assert_eq!(number(&own[10]), 0.0, "{own:?} {row:?}");
                continue;
            }
            compared += 1;
            // eight digits are given
            let (a, b) = (number(&own[column]), number(&row[column]));
            if (a - b).abs() > 1e-9 + 6e-8 * b.abs() {
                wrong.push(format!("{row:?}: {a} instead of {b}"));
            }
        }
    }
    println!("{compared} values compared, {} differ", wrong.len());
    assert!(wrong.is_empty() && compared > 3000, "{compared}: {:?}", wrong.iter().take(5).collect::<Vec<_>>());
}

#[test]
fn intervals_of_the_table() {
    let mut compared = 0;
    for line in std::fs::read_to_string(golden("clopper_pearson.csv")).unwrap().lines().skip(1) {
        let numbers: Vec<f64> = line.split(',').map(|word| word.parse().unwrap()).collect();
        let [pass, total, alpha, low, high] = numbers.as_slice() else { panic!("{line}") };
        let found = recoil_stats::interval::clopper_pearson(*pass, *total, 1.0 - alpha).unwrap();
        assert!((found.low - low).abs() < 1e-9 && (found.high - high).abs() < 1e-9, "{line}: {found:?}");
        compared += 1;
    }
    println!("{compared} intervals compared");
    assert!(compared > 50);
}

#[test]
fn bad_input_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let table = folder.path().join("scores.csv");
    let head = "node_e,node_mu,node_tau,node_jet,gen_type,tau_pt,tau_eta,tau_decayMode,tau_dz\n";
    let fails = |rows: &str, stage: &str, words: &[&str]| {
        std::fs::write(&table, format!("{head}{rows}")).unwrap();
        let output = folder.path().join("out.json");
        let output = if stage.ends_with("points") { output } else { folder.path().join("out") };
        let error = run(stage, &[("scores", &table)], &output, words).unwrap_err();
        (error.kind(), error.to_string())
    };
    let good = "0.1,0.1,0.7,0.1,2,40.0,0.1,1,0.01\n";
    let cases = [
        ("0.1,0.1,nan,0.1,2,40.0,0.1,1,0.01\n", "tau working-points", ErrorKind::Input, "node_tau"),
        ("0.1,0.1,1.5,0.1,2,40.0,0.1,1,0.01\n", "tau evaluate", ErrorKind::Input, "from 0 to 1"),
        ("0.1,0.1,0.7,0.1,3,40.0,0.1,1,0.01\n", "tau working-points", ErrorKind::Input, "is a tau"),
        ("0.1,0.1,0.7,0.1,2,10.0,0.1,1,0.01\n", "tau working-points", ErrorKind::Input, "no candidate passes"),
    ];
    for (rows, stage, kind, part) in cases {
        let (found, message) = fails(rows, stage, &[]);
        assert!(found == kind && message.contains(part), "{message}");
    }
    let (kind, message) = fails(good, "tau working-points", &["columns.truth=nothing"]);
    assert!(kind == ErrorKind::Input && message.contains("nothing"), "{message}");
    let (kind, message) = fails(good, "tau working-points", &["derivation.required.e=Best"]);
    assert!(kind == ErrorKind::Usage && message.contains("Best"), "{message}");
    let (kind, message) = fails(good, "tau efficiency", &[]);
    assert!(kind == ErrorKind::Usage && message.contains("thresholds"), "{message}");
}

#[test]
fn luminosities_weigh_samples() {
    let folder = tempfile::tempdir().unwrap();
    let table = folder.path().join("scores.csv");
    let mut rows =
        String::from("sample,node_e,node_mu,node_tau,node_jet,gen_type,tau_pt,tau_eta,tau_decayMode,tau_dz\n");
    for i in 0..100 {
        // sample b counts three times as much as a, which has twice as many rows
        let name = if i % 3 == 2 { "b" } else { "a" };
        rows += &format!("{name},0.1,0.1,{},0.5,2,40.0,0.1,1,0.01\n", 0.01 * f64::from(i % 97) + 0.001);
    }
    std::fs::write(&table, rows).unwrap();
    let output = folder.path().join("wp.json");
    let weighted = ["luminosity.column=sample", "luminosity.samples={a: 10, b: 15}"];
    run("tau working-points", &[("scores", &table)], &output, &weighted).unwrap();
    let error = run(
        "tau working-points",
        &[("scores", &table)],
        &folder.path().join("x.json"),
        &["luminosity.column=sample", "luminosity.samples={a: 10}"],
    )
    .unwrap_err();
    assert!(error.to_string().contains("'b'"), "{error}");
}
