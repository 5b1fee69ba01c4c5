//! `recoil pflow` through the command line.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::process::{Command, Output};

use serde_json::Value as Json;

fn recoil(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_recoil")).args(words).output().unwrap()
}

fn works(words: &[&str]) -> Json {
    let output = recoil(&[words, &["--json", "-q"]].concat());
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
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
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, text: &str) -> String {
        std::fs::write(self.file(name), text).unwrap();
        self.file(name)
    }
}

fn golden(name: &str) -> String {
    format!("{}/../../testdata/golden/pflow/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn same(a: &str, b: &str) -> bool {
    std::fs::read(a).unwrap() == std::fs::read(b).unwrap()
}

/// The particles of the golden jets as a text table.
fn particles(folder: &Folder) -> (String, Json) {
    let golden: Json = serde_json::from_str(&std::fs::read_to_string(golden("jets.json")).unwrap()).unwrap();
    let mut text = "event,px,py,pz,e\n".to_owned();
    for (number, event) in golden.as_array().unwrap().iter().enumerate() {
        for p in event["particles"].as_array().unwrap() {
            text += &format!("{number},{},{},{},{}\n", p[0], p[1], p[2], p[3]);
        }
    }
    (folder.write("particles.csv", &text), golden)
}

#[test]
fn jets_of_any_table_of_particles() {
    let folder = Folder::new();
    let (input, golden) = particles(&folder);
    let count = |algorithm: &str| -> usize {
        golden.as_array().unwrap().iter().map(|event| event[algorithm]["jets"].as_array().unwrap().len()).sum()
    };
    let jets = folder.file("jets.parquet");
    let report = works(&["pflow", "jets", "--input", &input, "--algorithm", "antikt", "--radius", "0.4", "-o", &jets]);
    assert_eq!(report["values"]["jets"], count("antikt04"));
    let genkt = ["--algorithm", "ee_genkt", "--power=-1", "--radius", "0.4", "--min-pt", "5"];
    let ee = folder.file("ee.parquet");
    let report = works(&[&["pflow", "jets", "--input", &input, "-o", &ee], &genkt[..]].concat());
    assert_eq!(report["values"]["jets"], count("ee_genkt_pm1_04"));

    // the same from lists, and with the jet of each particle
    let columnar = folder.file("particles.parquet");
    works(&["table", "convert", &input, &columnar]);
    let again = folder.file("again.parquet");
    works(&["pflow", "jets", "--input", &columnar, "-o", &again, "--threads", "1"]);
    let show = |file: &str| recoil(&["table", "show", file, "-n", "100"]).stdout;
    assert_eq!(show(&jets), show(&again));
    let members = folder.file("members.csv");
    let report = works(&["pflow", "jets", "--input", &columnar, "--rows", "particles", "-o", &members]);
    assert_eq!(report["values"]["particles"], 409);
    let text = std::fs::read_to_string(&members).unwrap();
    assert_eq!(text.lines().count(), 410);
    let in_jets = text.lines().skip(1).filter(|line| !line.contains(",-1,")).count();
    let constituents: usize = golden
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|e| e["antikt04"]["constituents"].as_array())
        .flatten()
        .map(|c| c.as_array().unwrap().len())
        .sum();
    assert_eq!(in_jets, constituents);

    // the candidates of elements, classes and all
    let report = works(&["pflow", "jets", "--input", &golden_table(), "-o", &folder.file("cands.parquet")]);
    assert_eq!(report["values"]["columns"], "c_pt, c_eta, c_sin_phi, c_cos_phi, c_energy, c_cls");
}

fn golden_table() -> String {
    golden("toypf_test20_elements.parquet")
}

#[test]
fn bad_particles_are_refused_with_their_place() {
    let folder = Folder::new();
    let out = folder.file("out.parquet");
    let run = |name: &str, text: &str, more: &[&str]| {
        let input = folder.write(name, text);
        fails(&[&["pflow", "jets", "--input", &input, "-o", &out], more].concat(), 3)
    };
    let text = run("names.csv", "event,pt,eta\n0,1.0,0.5\n", &[]);
    assert!(text.contains("names.csv: column 'pt' is missing") || text.contains("phi"), "{text}");
    let text = run("nan.csv", "event,pt,eta,phi\n0,1.0,0.5,1.0\n0,nan,0.5,1.0\n", &[]);
    assert!(text.contains("nan.csv") && text.contains("'pt'") && text.contains("row 1"), "{text}");
    let text = run("apart.csv", "event,pt,eta,phi\n0,1.0,0.5,1.0\n1,1.0,0.5,1.0\n0,1.0,0.5,1.0\n", &[]);
    assert!(text.contains("event 0 (row 2)"), "{text}");
    let input = folder.write("good.csv", "event,pt,eta,phi\n0,1.0,0.5,1.0\n");
    let text = fails(&["pflow", "jets", "--input", &input, "--radius=-1", "-o", &out], 2);
    assert!(text.contains("radius"), "{text}");
    fails(&["pflow", "jets", "--input", &input, "--algorithm", "cone", "-o", &out], 2);
    assert!(!std::path::Path::new(&out).exists());
}

#[test]
fn events_do_not_depend_on_threads_or_on_how_many_there_are() {
    let folder = Folder::new();
    let make = |name: &str, words: &[&str]| {
        let file = folder.file(name);
        let all = ["pflow", "simulate", "-o", &file, "--seed", "303"];
        (works(&[&all[..], words].concat()), file)
    };
    let (one, a) = make("one.parquet", &["--events", "40", "--threads", "1"]);
    let (_, b) = make("two.parquet", &["--events", "40", "--threads", "2"]);
    assert!(same(&a, &b));
    assert!(one["values"]["worst_relative_imbalance"].as_f64().unwrap() < 1e-6);
    let (_, tail) = make("tail.parquet", &["--events", "1", "--first-event", "39"]);
    let show = |file: &str, words: &[&str]| {
        String::from_utf8(recoil(&[&["table", "show", file], words].concat()).stdout).unwrap()
    };
    let last = |text: &str| text.lines().last().unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(last(&show(&a, &["-n", "40"])), last(&show(&tail, &[])));
    let (pu, _) = make("pu.parquet", &["--events", "3", "--preset", "pu40"]);
    assert!(pu["values"]["elements_per_event"].as_f64().unwrap() > 600.0, "{pu}");
    let text = fails(&["pflow", "simulate", "-o", &folder.file("x.parquet"), "--events", "0"], 2);
    assert!(text.contains("events"), "{text}");
}

#[test]
fn rules_are_measured_and_reported() {
    let folder = Folder::new();
    let (events, rules) = (folder.file("events.parquet"), folder.file("rules.parquet"));
    works(&["pflow", "simulate", "-o", &events, "--events", "150", "--seed", "303"]);
    let counts = works(&["pflow", "baseline", "--input", &events, "-o", &rules, "--puppi", "true"]);
    assert!(counts["tables"]["candidates"].as_array().unwrap().len() >= 4, "{counts}");
    let out = folder.file("quality");
    let evaluate = ["pflow", "evaluate", "--input", &events, "--input", &format!("candidates={rules}"), "-o", &out];
    works(&evaluate);
    let metrics: Json = serde_json::from_str(&std::fs::read_to_string(format!("{out}/metrics.json")).unwrap()).unwrap();
    let rules_metrics = &metrics["algorithms"]["rules"];
    assert!(rules_metrics["accuracy"].as_f64().unwrap() > 0.75, "{rules_metrics}");
    let median = rules_metrics["jets"]["median"].as_f64().unwrap();
    assert!((median - 1.0).abs() < 0.1, "{median}");
    assert!(metrics["targets"]["jets"]["iqr_over_median"].as_f64().unwrap() < 0.08);
    assert!(std::fs::read_to_string(format!("{out}/report.html")).unwrap().contains("jet IQR over median"));
    // the same candidates inside the table of events, with one thread
    let inside = folder.file("inside");
    works(&["pflow", "evaluate", "--input", &rules, "--name", "rules", "-o", &inside, "--threads", "1"]);
    assert!(same(&format!("{out}/metrics.json"), &format!("{inside}/metrics.json")));

    // blocks of both kinds follow the particles better than chance, on any number of threads
    for method in ["components", "clue"] {
        let (a, b) = (folder.file(&format!("{method}1.parquet")), folder.file(&format!("{method}2.parquet")));
        let run = |out: &str, threads: &str| {
            works(&["pflow", "blocks", "--input", &events, "--method", method, "-o", out, "--threads", threads])
        };
        let report = run(&a, "1");
        run(&b, "2");
        assert!(same(&a, &b), "{method}");
        assert!(report["values"]["adjusted_rand"].as_f64().unwrap() > 0.2, "{method}: {report}");
    }
}

#[test]
fn the_reference_candidates_are_measured_too() {
    let folder = Folder::new();
    let out = folder.file("quality");
    works(&["pflow", "evaluate", "--input", &golden_table(), "-o", &out]);
    let metrics: Json = serde_json::from_str(&std::fs::read_to_string(format!("{out}/metrics.json")).unwrap()).unwrap();
    let accuracy = metrics["algorithms"]["candidates"]["accuracy"].as_f64().unwrap();
    assert!((accuracy - 0.846_074_380_165_289_2).abs() < 1e-12, "{accuracy}");
    assert_eq!(metrics["elements"], 1936);
}

#[test]
fn wrong_inputs_are_told() {
    let folder = Folder::new();
    let events = folder.file("events.parquet");
    works(&["pflow", "simulate", "-o", &events, "--events", "3"]);
    let out = folder.file("out");
    let text = fails(&["pflow", "evaluate", "--input", &events, "-o", &out], 3);
    assert!(text.contains("no candidates") && text.contains("baseline"), "{text}");
    let text = fails(&["pflow", "assign-truth", "--input", &events, "-o", &folder.file("t.parquet")], 3);
    assert!(text.contains("sim_*") && text.contains("import"), "{text}");
    let more = folder.file("more.parquet");
    works(&["pflow", "simulate", "-o", &more, "--events", "3", "--seed", "7"]);
    let rules = folder.file("rules.parquet");
    works(&["pflow", "baseline", "--input", &more, "-o", &rules]);
    let text =
        fails(&["pflow", "evaluate", "--input", &events, "--input", &format!("candidates={rules}"), "-o", &out], 3);
    assert!(text.contains("rules.parquet") && text.contains("event 0"), "{text}");
    let table = folder.write("table.csv", "a,b\n1,2\n");
    let converted = folder.file("table.parquet");
    works(&["table", "convert", &table, &converted]);
    let text = fails(&["pflow", "baseline", "--input", &converted, "-o", &folder.file("b.parquet")], 3);
    assert!(text.contains("no table of elements"), "{text}");
    let text = fails(&["pflow", "import", "--input", &converted, "-o", &folder.file("i.parquet")], 3);
    assert!(text.contains("table.parquet"), "{text}");
    let damaged = folder.write("damaged.root", "root and nothing else");
    let text = fails(&["pflow", "import", "--input", &damaged, "-o", &folder.file("i.parquet")], 3);
    assert!(text.contains("damaged.root"), "{text}");
    assert!(!std::path::Path::new(&out).exists());
}

#[test]
fn data_to_learn_from() {
    let folder = Folder::new();
    let (linked, assigned) = (folder.file("linked.parquet"), folder.file("assigned.parquet"));
    works(&["pflow", "simulate", "-o", &linked, "--events", "60", "--seed", "101", "--truth", "links"]);
    let report = works(&["pflow", "assign-truth", "--input", &linked, "-o", &assigned]);
    assert!(report["values"]["worst_relative_imbalance"].as_f64().unwrap() < 1e-6, "{report}");
    // further events, whose targets were made at once
    let more = folder.file("more.parquet");
    works(&["pflow", "simulate", "-o", &more, "--events", "60", "--seed", "101", "--first-event", "60"]);
    let out = folder.file("dataset");
    let both = ["pflow", "split", "--input", &assigned, "--input", &more, "--seed", "7", "-o", &out];
    let report = works(&[&both[..], &["--shares", "0.5,0.25,0.25"]].concat());
    let numbers = |name: &str| -> Vec<String> {
        let text = folder.file(&format!("{name}.csv"));
        works(&["table", "convert", &format!("{out}/{name}.parquet"), &text, "--columns", "event"]);
        std::fs::read_to_string(text).unwrap().lines().skip(1).map(str::to_owned).collect()
    };
    let samples = ["train", "valid", "test"].map(numbers);
    let mut all: Vec<&String> = samples.iter().flatten().collect();
    assert_eq!(report["values"]["train"], samples[0].len());
    assert!(samples.iter().all(|sample| sample.len() > 10), "{report}");
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 120);
    // an event stays in its sample when the others are gone
    let alone = folder.file("alone");
    works(&["pflow", "split", "--input", &more, "--seed", "7", "--shares", "0.5,0.25,0.25", "-o", &alone]);
    let text = folder.file("alone.csv");
    works(&["table", "convert", &format!("{alone}/test.parquet"), &text, "--columns", "event"]);
    let found: Vec<String> = std::fs::read_to_string(text).unwrap().lines().skip(1).map(str::to_owned).collect();
    assert!(!found.is_empty() && found.iter().all(|number| samples[2].contains(number)));
    let text = fails(&["pflow", "split", "--input", &more, "-o", &folder.file("x"), "--shares", "0.9,0.2,0.1"], 2);
    assert!(text.contains("more than 1"), "{text}");
    let text = fails(&["pflow", "split", "--input", &linked, "--input", &more, "-o", &folder.file("x")], 3);
    assert!(text.contains("more.parquet") && text.contains("same columns"), "{text}");
}

#[test]
fn a_network_judges_links() {
    let folder = Folder::new();
    let (events, more) = (folder.file("events.parquet"), folder.file("more.parquet"));
    works(&["pflow", "simulate", "-o", &events, "--events", "300", "--seed", "101"]);
    works(&["pflow", "simulate", "-o", &more, "--events", "60", "--seed", "303"]);
    let (one, two) = (folder.file("one.safetensors"), folder.file("two.safetensors"));
    let train = |out: &str, threads: &str| {
        works(&["pflow", "train-edges", "--input", &events, "-o", out, "--threads", threads, "--epochs", "4"])
    };
    let report = train(&one, "1");
    train(&two, "2");
    assert!(same(&one, &two));
    assert!(report["values"]["precision"].as_f64().unwrap() > 0.85, "{report}");
    assert!(report["values"]["recall"].as_f64().unwrap() > 0.1, "{report}");
    let run = |words: &[&str]| {
        let blocks = folder.file("blocks.parquet");
        works(&[&["pflow", "blocks", "--input", &more, "-o", &blocks, "--overwrite"], words].concat())
    };
    let value = |report: &Json, name: &str| report["values"][name].as_f64().unwrap();
    let components = run(&["--method", "components"]);
    let edges = run(&["--method", "edges", "--model", &one, "--threshold", "0.5"]);
    assert!(value(&edges, "precision") > value(&components, "precision"), "{edges} {components}");
    assert!(value(&edges, "adjusted_rand") > value(&components, "adjusted_rand"), "{edges} {components}");

    let out = folder.file("x.parquet");
    let text = fails(&["pflow", "blocks", "--input", &more, "--method", "edges", "-o", &out], 2);
    assert!(text.contains("train-edges"), "{text}");
    let text = fails(&["pflow", "blocks", "--input", &more, "--method", "edges", "--model", &more, "-o", &out], 3);
    assert!(text.contains("more.parquet"), "{text}");
    // a network for another detector
    if let Ok(real) = std::env::var("RECOIL_REALDATA") {
        let cms = folder.file("cms.parquet");
        works(&["pflow", "import", "--input", &format!("{real}/mlpf/pfnano.root"), "-o", &cms, "--max-events", "1"]);
        let text = fails(&["pflow", "blocks", "--input", &cms, "--method", "edges", "--model", &one, "-o", &out], 3);
        assert!(text.contains("tracks and clusters") && text.contains("elements of CMS"), "{text}");
    }
}

#[test]
fn a_real_file_from_end_to_end() {
    let Ok(real) = std::env::var("RECOIL_REALDATA") else {
        println!("SKIPPED: set RECOIL_REALDATA to the folder with the real files");
        return;
    };
    let folder = Folder::new();
    let (imported, events) = (folder.file("imported.parquet"), folder.file("events.parquet"));
    let file = format!("{real}/mlpf/test_FCC_Winter2023.root");
    let report = works(&["pflow", "import", "--input", &file, "-o", &imported]);
    assert_eq!((&report["values"]["events"], &report["values"]["elements"]), (&100.into(), &5953.into()));
    assert_eq!(report["values"]["tracks"], 2827);
    let report = works(&["pflow", "assign-truth", "--input", &imported, "-o", &events]);
    assert!(report["values"]["worst_relative_imbalance"].as_f64().unwrap() < 1e-6, "{report}");
    let rules = folder.file("rules.parquet");
    let low = ["rules.photon.threshold=0.05", "rules.neutral_hadron.threshold=0.05"];
    let words = [&["--field", "2", "--subtraction", "done"][..], &low].concat();
    works(&[&["pflow", "baseline", "--input", &events, "-o", &rules], &words[..]].concat());
    // the rules beside the candidates of the experiment
    let out = folder.file("quality");
    let both = ["--candidates", &rules, "--candidates", &imported];
    works(&[&["pflow", "evaluate", "--input", &events, "-o", &out], &both[..]].concat());
    let metrics: Json = serde_json::from_str(&std::fs::read_to_string(format!("{out}/metrics.json")).unwrap()).unwrap();
    for name in ["rules", "imported"] {
        let found = &metrics["algorithms"][name];
        assert!(found["accuracy"].as_f64().unwrap() > 0.9, "{name}: {}", found["accuracy"]);
        let median = found["jets"]["median"].as_f64().unwrap();
        assert!((median - 1.0).abs() < 0.05, "{name}: {median}");
    }
    let page = std::fs::read_to_string(format!("{out}/report.html")).unwrap();
    assert!(page.contains("jet IQR over median") && page.contains("imported") && page.matches("<svg").count() > 10);
    let text = fails(&["pflow", "import", "--input", &file, "--elements", "hits", "-o", &folder.file("h.parquet")], 3);
    assert!(text.contains("CalohitMCTruthLink"), "{text}");
    let jets = folder.file("jets.parquet");
    let report =
        works(&["pflow", "jets", "--input", &rules, "--prefix", "cand_", "-o", &jets, "--algorithm", "ee_genkt"]);
    assert!(report["values"]["jets"].as_u64().unwrap() > 100, "{report}");
}

/// The commands of the guide on real files, with a network.
#[test]
fn a_network_learns_a_real_file() {
    let Ok(real) = std::env::var("RECOIL_REALDATA") else {
        println!("SKIPPED: set RECOIL_REALDATA to the folder with the real files");
        return;
    };
    let folder = Folder::new();
    let real = |name: &str| format!("{real}/mlpf/{name}");
    let get = |file: &str, name: &str| {
        let (imported, events) =
            (folder.file(&format!("{name}_imported.parquet")), folder.file(&format!("{name}.parquet")));
        works(&["pflow", "import", "--input", &real(file), "-o", &imported]);
        works(&["pflow", "assign-truth", "--input", &imported, "-o", &events]);
        (imported, events)
    };
    let (imported, events) = get("test_FCC_Winter2023.root", "fcc");
    // the same events of both tables: the number of an event decides
    let split = |input: &str, out: &str| {
        let out = folder.file(out);
        let report =
            works(&["pflow", "split", "--input", input, "--seed", "7", "--shares", "0.6,0.15,0.25", "-o", &out]);
        assert_eq!(report["values"]["test"], 24);
        move |sample: &str| format!("{out}/{sample}.parquet")
    };
    let (dataset, experiment) = (split(&events, "dataset"), split(&imported, "experiment"));
    let model = folder.file("model");
    let keys = [
        "architecture={layers: 2, heads: 4, head_width: 8, dropout: 0.1, eta: element, sin_phi: element, cos_phi: element}",
        "inputs.links={enabled: true, geometry: {field_tesla: 2}}",
        "training={steps: 150, batch: 8, rate: 0.002, averaging: 0.05, clip: 1, loss: {pid: 10, focus: 0, huber: 0.5}}",
    ];
    let validation = format!("validation={}", dataset("valid"));
    let train = ["pflow", "train", "--input", &dataset("train"), "--input", &validation, "-o", &model];
    let report = works(&[&train[..], &keys].concat());
    assert!(report["values"]["best_loss"].as_f64().unwrap() < 2.0, "{report}");
    let reconstruct = |events: &str, name: &str| {
        let (rules, network) =
            (folder.file(&format!("{name}_rules.parquet")), folder.file(&format!("{name}_network.parquet")));
        let low = ["rules.photon.threshold=0.05", "rules.neutral_hadron.threshold=0.05"];
        let words = [&["--field", "2", "--subtraction", "done"][..], &low].concat();
        works(&[&["pflow", "baseline", "--input", events, "-o", &rules], &words[..]].concat());
        works(&["pflow", "predict", "--model", &model, "--input", events, "-o", &network]);
        (rules, network)
    };
    let evaluate = |events: &str, candidates: &[&str], out: &str| -> Json {
        let out = folder.file(out);
        let mut words = vec!["pflow", "evaluate", "--input", events, "-o", &out];
        candidates.iter().for_each(|file| words.extend(["--candidates", *file]));
        works(&words);
        let page = std::fs::read_to_string(format!("{out}/report.html")).unwrap();
        assert!(page.contains("network") && page.matches("<svg").count() > 10);
        serde_json::from_str(&std::fs::read_to_string(format!("{out}/metrics.json")).unwrap()).unwrap()
    };
    let number = |metrics: &Json, name: &str, path: &str| {
        let value = metrics["algorithms"][name].pointer(path).and_then(Json::as_f64);
        value.unwrap_or_else(|| panic!("{name} has no {path}"))
    };

    // events of the same file that it has not seen, beside the rules and the candidates of the experiment
    let (rules, network) = reconstruct(&dataset("test"), "fcc");
    let metrics = evaluate(&dataset("test"), &[&rules, &network, &experiment("test")], "quality");
    let accuracy = |name: &str| number(&metrics, name, "/accuracy");
    assert!(accuracy("fcc_network") > 0.965, "{}", accuracy("fcc_network"));
    assert!(accuracy("fcc_network") >= accuracy("fcc_rules"), "{} {}", accuracy("fcc_network"), accuracy("fcc_rules"));
    assert!(accuracy("fcc_network") >= accuracy("test"), "{} {}", accuracy("fcc_network"), accuracy("test"));
    for (path, bound) in [("/jets/median", 0.02), ("/met/median", 0.1)] {
        let median = number(&metrics, "fcc_network", path);
        assert!((median - 1.0).abs() < bound, "{path}: {median}");
    }
    assert!(number(&metrics, "fcc_network", "/jets/iqr_over_median") < 0.02);
    assert!(number(&metrics, "fcc_network", "/jets/matched") > 0.9);
    let jets = folder.file("jets.parquet");
    let genkt = ["--algorithm", "ee_genkt", "--power=-1", "--min-pt", "5"];
    let report =
        works(&[&["pflow", "jets", "--input", &network, "--prefix", "cand_", "-o", &jets], &genkt[..]].concat());
    assert!(report["values"]["jets"].as_u64().unwrap() > 70, "{report}");
    let table = folder.file("jets.csv");
    works(&["table", "convert", &jets, &table]);
    let text = std::fs::read_to_string(table).unwrap().to_lowercase();
    assert!(!text.contains("nan") && !text.contains("inf"), "{text}");

    // a file of newer podio of the same detector, other collisions
    let (_, ww) = get("p8_ee_WW_ecm240_edm4hep.root", "ww");
    let (rules, network) = reconstruct(&ww, "ww");
    let metrics = evaluate(&ww, &[&rules, &network], "ww");
    let accuracy = |name: &str| number(&metrics, name, "/accuracy");
    assert!(accuracy("ww_network") > 0.95 && accuracy("ww_network") >= accuracy("ww_rules"), "{metrics}");

    // candidates of the experiment without simulated particles: jets can be found, nothing can be learned
    let cms = folder.file("cms.parquet");
    works(&["pflow", "import", "--input", &real("pfnano.root"), "-o", &cms]);
    let report =
        works(&["pflow", "jets", "--input", &cms, "--prefix", "cand_", "-o", &folder.file("cms_jets.parquet")]);
    assert!(report["values"]["jets"].as_u64().unwrap() > 50, "{report}");
    let out = folder.file("none.parquet");
    let told = fails(&["pflow", "assign-truth", "--input", &cms, "-o", &out], 3);
    assert!(told.contains("cms.parquet: has no simulated particles"), "{told}");
    let told = fails(&["pflow", "train", "--input", &cms, "-o", &folder.file("none")], 3);
    assert!(told.contains("cms.parquet: has no targets to learn from"), "{told}");
    let told = fails(&["pflow", "predict", "--model", &model, "--input", &cms, "-o", &out], 3);
    assert!(told.contains("elements of CMS") && told.contains("tracks and clusters"), "{told}");
}

#[test]
fn a_network_is_trained_applied_and_compared() {
    let folder = Folder::new();
    let (events, model, again) = (folder.file("events.parquet"), folder.file("model"), folder.file("again"));
    works(&["pflow", "simulate", "-o", &events, "--events", "60", "--seed", "4"]);
    let small = ["architecture.layers=1", "architecture.heads=2", "inputs.links.enabled=true", "training.steps=40"];
    let train = |out: &str, threads: &str, more: &[&str]| {
        let words = ["pflow", "train", "--input", &events, "-o", out, "--threads", threads];
        works(&[&words[..], &small, more].concat())
    };
    let report = train(&model, "1", &[]);
    assert_eq!(report["values"]["steps"], 40);
    train(&again, "2", &[]);
    let file = |folder: &str| format!("{folder}/history.csv");
    assert!(same(&file(&model), &file(&again)));
    let predicted = folder.file("predicted.parquet");
    works(&["pflow", "predict", "--model", &model, "--input", &events, "-o", &predicted]);
    let quality = folder.file("quality");
    works(&["pflow", "evaluate", "--input", &predicted, "--name", "network", "-o", &quality]);
    let metrics: Json =
        serde_json::from_str(&std::fs::read_to_string(format!("{quality}/metrics.json")).unwrap()).unwrap();
    assert!(metrics["algorithms"]["network"]["accuracy"].as_f64().unwrap() > 0.6);
    let exported = folder.file("model.onnx");
    works(&["pflow", "export", "--model", &model, "-o", &exported]);
    assert!(std::fs::metadata(&exported).unwrap().len() > 10_000);

    let out = folder.file("out.parquet");
    let message = fails(&["pflow", "predict", "--input", &events, "-o", &out], 2);
    assert!(message.contains("no model is given"), "{message}");
    let other = golden("model_attention.safetensors");
    let message = fails(&["pflow", "predict", "--model", &other, "--input", &events, "-o", &out], 3);
    assert!(message.contains("is no model of particle flow"), "{message}");
    let message = fails(&["pflow", "train", "--input", &events, "-o", &out, "training.batch=0"], 2);
    assert!(message.contains("training.batch"), "{message}");
}

#[test]
fn stored_networks_of_the_reference() {
    let folder = Folder::new();
    let index = golden("models_index.json");
    for variant in ["attention", "gnnlsh_gaussian", "heptv2", "regression_modes"] {
        let weights = golden(&format!("model_{variant}.safetensors"));
        let out = folder.file(&format!("{variant}.safetensors"));
        let report = works(&["pflow", "forward", "--weights", &weights, "--config", &index, "-o", &out]);
        assert!(report["values"]["Total"].as_f64().unwrap() > 1.0, "{report}");
        let read = |file: &str| recoil_nn::safetensors::read(std::path::Path::new(file)).unwrap();
        let (found, expected) = (read(&out), read(&weights));
        let mut compared = 0;
        for tensor in &expected.tensors {
            let kind = tensor.name.split('.').next().unwrap();
            if !["act", "out", "pred"].contains(&kind) {
                continue;
            }
            let own = found.tensor(&tensor.name).unwrap_or_else(|| panic!("{variant}: {} is missing", tensor.name));
            assert_eq!(own.shape, tensor.shape, "{variant}: {}", tensor.name);
            let pairs = own.values.iter().zip(&tensor.values);
            let wrong = pairs.filter(|(a, b)| (*a - *b).abs() > 1e-5 * b.abs().max(1.0)).count();
            assert_eq!(wrong, 0, "{variant}: {wrong} of {} numbers of {} differ", tensor.values.len(), tensor.name);
            compared += 1;
        }
        assert!(compared >= 5, "{variant}: {compared}");
        assert_eq!(found.tensor("fixed.out.pid").is_some(), variant.starts_with("gnnlsh"));
    }
    // one description alone, and one that does not fit
    let all: Json = serde_json::from_str(&std::fs::read_to_string(&index).unwrap()).unwrap();
    let one = folder.write("one.json", &all["attention"].to_string());
    let weights = golden("model_attention.safetensors");
    let out = folder.file("out.safetensors");
    works(&["pflow", "forward", "--weights", &weights, "--config", &one, "-o", &out]);
    let other = folder.write("other.json", &all["gnnlsh_gaussian"].to_string());
    let refused = folder.file("x.safetensors");
    let text = fails(&["pflow", "forward", "--weights", &weights, "--config", &other, "-o", &refused], 3);
    assert!(text.contains("layernorm1") && text.contains("missing"), "{text}");
    let unknown = folder.write("unknown.json", r#"{"kind": "litept"}"#);
    let text = fails(&["pflow", "forward", "--weights", &weights, "--config", &unknown, "-o", &refused], 3);
    assert!(text.contains("kind") && text.contains("litept"), "{text}");
    assert!(!std::path::Path::new(&refused).exists());
}
