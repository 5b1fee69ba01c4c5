//! The front end inside the chain: what passes, what is kept, what is told.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::path::{Path, PathBuf};

use recoil_hgcal::data::{EventBatch, TriggerCell};
use recoil_hgcal::front_end::{Compression, FrontEnd, FrontEndConfig};
use recoil_hgcal::simulate::{SimulationConfig, Simulator};
use recoil_hgcal::stages;
use recoil_hgcal::stages::cells::CellReader;
use recoil_stage::config::Given;
use recoil_stage::provenance::Record;
use recoil_stage::{ErrorKind, Outcome, Registry, Request, RunOptions, Seed, StageError};
use recoil_table::{Address, Batch, ReadOptions};

fn golden(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../testdata/golden/hgcal").join(name);
    path.to_str().unwrap().to_owned()
}

fn run(
    name: &str,
    inputs: &[&str],
    words: &[&str],
    output: &Path,
    threads: Option<usize>,
) -> Result<Outcome, StageError> {
    let registry = Registry::new(stages::all().into_iter().chain(recoil_econt::stages::all()).collect());
    let stage = registry.find(name)?;
    let request = Request {
        given: words.iter().map(|word| Given::Word((*word).to_owned())).collect(),
        inputs: inputs.iter().map(|input| (*input).to_owned()).collect(),
        output: Some(output.to_path_buf()),
        seed: None,
    };
    stage.execute(&stage.prepare(&request)?, &RunOptions { threads, ..RunOptions::default() })
}

/// An error with its causes.
fn full_message(error: &StageError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}

fn table(path: &Path) -> Batch {
    recoil_table::open(path.to_str().unwrap(), &ReadOptions::default()).unwrap().read_all().unwrap()
}

fn simulated(config: SimulationConfig, events: u64) -> EventBatch {
    Simulator::new(&config).unwrap().batch(Seed::new(5), 0..events).cells
}

fn pions() -> EventBatch {
    let depth = recoil_hgcal::geometry::cell_map::Depth::All;
    let geometry = recoil_hgcal::geometry::GeometryConfig { depth, ..Default::default() };
    let particle = recoil_hgcal::simulate::Particle::Pion;
    simulated(SimulationConfig { particle, geometry, ..SimulationConfig::default() }, 20)
}

fn config(algorithm: Compression, links: usize) -> FrontEndConfig {
    FrontEndConfig { algorithm, links, ..FrontEndConfig::default() }
}

const CHIPS: [Compression; 4] =
    [Compression::Threshold, Compression::SuperTriggerCell, Compression::BestChoice, Compression::Repeater];

fn rows(events: &EventBatch, i: usize) -> Vec<TriggerCell> {
    let cells = events.event_cells(i);
    (0..cells.len()).map(|row| cells.get(row).unwrap()).collect()
}

#[test]
fn without_an_algorithm_cells_are_the_same() {
    let mut reader = CellReader::open(&golden("tcs.parquet")).unwrap();
    let front_end = FrontEnd::new(&FrontEndConfig::default()).unwrap();
    while let Some(events) = reader.next_events().unwrap() {
        let (arrived, traffic) = front_end.send(&events).unwrap();
        assert_eq!(arrived.cells, events.cells);
        assert_eq!((&arrived.event, &arrived.sample), (&events.event, &events.sample));
        assert_eq!((traffic.bits, traffic.cells_passed), (0, events.cells.len()));
    }
    let dir = tempfile::tempdir().unwrap();
    let [plain, none] = ["plain", "none"].map(|name| dir.path().join(name));
    run("hgcal run", &[&golden("tcs.parquet")], &[], &plain, None).unwrap();
    let words = ["frontend.algorithm=none", "frontend.links=5"];
    run("hgcal run", &[&golden("tcs.parquet")], &words, &none, None).unwrap();
    for name in ["seeds.parquet", "clusters.parquet", "assignment.parquet"] {
        assert_eq!(table(&plain.join(name)).records(), table(&none.join(name)).records());
    }
    assert!(!none.join("tcs.parquet").exists());
}

#[test]
fn scintillator_cells_pass_untouched() {
    let events = pions();
    for algorithm in CHIPS {
        let (arrived, traffic) = FrontEnd::new(&config(algorithm, 3)).unwrap().send(&events).unwrap();
        let mut passed = 0;
        for i in 0..events.len() {
            let tiles = |events: &EventBatch| -> Vec<TriggerCell> {
                rows(events, i).into_iter().filter(|cell| cell.wu == -999).collect()
            };
            assert_eq!(tiles(&events), tiles(&arrived));
            passed += tiles(&events).len();
        }
        println!("{algorithm:?}: {traffic:?}");
        assert!(passed > 20 && traffic.cells_passed == passed);
        assert_eq!(traffic.cells + passed, events.cells.len());
        assert_eq!(traffic.all_arrived(), arrived.cells.len());
    }
}

#[test]
fn energy_is_kept_where_it_is_promised() {
    let events = simulated(SimulationConfig::default(), 40);
    let kept = |algorithm, links, decoded| {
        let config = FrontEndConfig { decoded, ..config(algorithm, links) };
        let (arrived, traffic) = FrontEnd::new(&config).unwrap().send(&events).unwrap();
        let pt: f64 = arrived.cells.pt.iter().map(|&pt| f64::from(pt)).sum();
        assert!((pt - traffic.pt_arrived).abs() < 1e-6 * pt);
        traffic.pt_kept()
    };
    for links in [2, 3, 4, 5] {
        // sums hold everything, but charges are whole counts, 35 of which are a MIP
        assert!((kept(Compression::SuperTriggerCell, links, false) - 1.0).abs() < 2e-3, "{links}");
        assert!((kept(Compression::SuperTriggerCell, links, true) - 1.0).abs() < 0.03, "{links}");
        assert!(kept(Compression::BestChoice, links, false) <= kept(Compression::BestChoice, links + 1, false));
    }
    assert!((kept(Compression::Repeater, 11, false) - 1.0).abs() < 2e-3);
    let threshold = kept(Compression::Threshold, 2, false);
    assert!((0.8..0.999).contains(&threshold), "{threshold}");
    // the cells above threshold, in their order, with the energies they had
    let config = FrontEndConfig { decoded: false, ..config(Compression::Threshold, 2) };
    let (arrived, _) = FrontEnd::new(&config).unwrap().send(&events).unwrap();
    for i in 0..events.len() {
        let above = |cell: &TriggerCell| (f64::from(cell.mip_pt) * 35.0).round() >= 47.0;
        let expected: Vec<TriggerCell> = rows(&events, i).into_iter().filter(above).collect();
        let arrived = rows(&arrived, i);
        assert_eq!(arrived.len(), expected.len());
        for (a, b) in arrived.iter().zip(&expected) {
            assert_eq!((a.wu, a.wv, a.cu, a.cv, a.layer, a.x, a.y), (b.wu, b.wv, b.cu, b.cv, b.layer, b.x, b.y));
            assert!((a.mip_pt - b.mip_pt).abs() <= 0.5 / 35.0 + 1e-5);
            assert!(
                (a.pt / b.pt - a.mip_pt / b.mip_pt).abs() < 1e-5 && (a.energy / b.energy - a.pt / b.pt).abs() < 1e-5
            );
        }
    }
}

#[test]
fn cells_are_made_where_energy_arrives() {
    // coarse cells spread a sum evenly over four cells
    let events = simulated(SimulationConfig::default(), 10);
    let front_end = FrontEnd::new(&config(Compression::SuperTriggerCell, 3)).unwrap();
    let (arrived, traffic) = front_end.send(&events).unwrap();
    assert!(traffic.cells_made > traffic.cells);
    assert_eq!(traffic.cells_arrived, arrived.cells.len());
    for i in 0..events.len() {
        let mut seen: Vec<_> = rows(&arrived, i).iter().map(|c| (c.layer, c.wu, c.wv, c.cu, c.cv)).collect();
        seen.sort_unstable();
        let all = seen.len();
        seen.dedup();
        assert_eq!(seen.len(), all);
        for cell in rows(&arrived, i) {
            // they lie where cells of the model detector lie
            let (x, y, z) = (f64::from(cell.x), f64::from(cell.y), f64::from(cell.z));
            let origin = recoil_hgcal::geometry::silicon::wafer_origin(cell.wu, cell.wv, cell.layer, 1);
            let offset = recoil_hgcal::geometry::silicon::cell_offset(cell.cu, cell.cv);
            assert!((origin.x + offset.x - x).abs() < 2e-3 && (origin.y + offset.y - y).abs() < 2e-3, "{cell:?}");
            assert!((f64::from(cell.eta) - (z / x.hypot(y)).asinh()).abs() < 1e-5);
            assert!((f64::from(cell.phi) - y.atan2(x)).abs() < 1e-5);
            assert!((f64::from(cell.energy / cell.pt) / f64::from(cell.eta).cosh() - 1.0).abs() < 1e-4);
        }
    }
}

#[test]
fn parquet_ntuple_and_threads_give_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let text = |name: &str| at(name).to_str().unwrap().to_owned();
    for (name, form) in [("tables", "tables"), ("ntuple", "ntuple")] {
        let words = ["events=40", "simulation.pileup=20", "simulation.endcaps=both", &format!("form={form}")];
        run("hgcal simulate", &[], &words, &at(name), None).unwrap();
    }
    run("econt produce", &[&text("tables/tcs.parquet")], &[], &at("calq.parquet"), None).unwrap();
    let words = ["model=8x8_c8_S2_asic", "links=3", "training.epochs=2"];
    run("econt train", &[&text("calq.parquet")], &words, &at("models/links3"), None).unwrap();
    let model = format!("frontend.model={}", text("models"));
    for algorithm in ["threshold", "super_trigger_cell", "best_choice", "repeater", "autoencoder"] {
        let algorithm_word = format!("frontend.algorithm={algorithm}");
        let words = [&algorithm_word, "frontend.links=3", &model];
        let out = |name: &str| at(&format!("{algorithm}_{name}"));
        run("hgcal run", &[&text("tables/tcs.parquet")], &words, &out("one"), Some(1)).unwrap();
        run("hgcal run", &[&text("tables/tcs.parquet")], &words, &out("three"), Some(3)).unwrap();
        let outcome = run("hgcal run", &[&text("ntuple/ntuple.root")], &words, &out("ntuple"), None).unwrap();
        println!("{algorithm}\n{}", outcome.report.to_text());
        for name in ["seeds.parquet", "clusters.parquet", "assignment.parquet", "tcs.parquet"] {
            let bytes = |folder: &str| std::fs::read(out(folder).join(name)).unwrap();
            assert!(bytes("one") == bytes("three"), "{algorithm} {name}");
            assert_eq!(table(&out("one").join(name)).records(), table(&out("ntuple").join(name)).records());
        }
        assert!(table(&out("one").join("clusters.parquet")).rows() > 40);
        // the step by itself, and the chain on what it writes, are the same once more
        run("hgcal front-end", &[&text("tables/tcs.parquet")], &words, &at(&format!("{algorithm}.parquet")), None)
            .unwrap();
        let sent = text(&format!("{algorithm}.parquet"));
        assert_eq!(table(Path::new(&sent)).records(), table(&out("one").join("tcs.parquet")).records());
        run("hgcal run", &[&sent], &[], &out("again"), None).unwrap();
        assert_eq!(
            table(&out("again").join("clusters.parquet")).records(),
            table(&out("one").join("clusters.parquet")).records()
        );
        let record = Record::of_output(&out("one").join("clusters.parquet")).unwrap();
        let model = record.key.inputs.iter().find(|input| input.role == "frontend.model");
        match algorithm {
            "autoencoder" => assert_eq!((model.unwrap().name.as_str(), model.unwrap().sha256.len()), ("links3", 64)),
            _ => assert_eq!(model, None),
        }
    }
}

#[test]
fn a_scan_compares_front_ends_on_the_same_events() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let text = |name: &str| at(name).to_str().unwrap().to_owned();
    run("hgcal simulate", &[], &["events=60"], &at("sim"), None).unwrap();
    run("econt produce", &[&text("sim/tcs.parquet")], &[], &at("calq.parquet"), None).unwrap();
    for links in [2, 3] {
        let words = ["model=8x8_c8_S2_asic", &format!("links={links}"), "training.epochs=2"];
        run("econt train", &[&text("calq.parquet")], &words, &at(&format!("models/links{links}")), None).unwrap();
    }
    let inputs = [text("sim/tcs.parquet"), format!("gen={}", text("sim/gen.parquet"))];
    let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
    let words = [
        "frontend.algorithm=none,threshold,super_trigger_cell,best_choice,autoencoder",
        "frontend.links=2,3",
        &format!("frontend.model={}", text("models")),
        "scan.cluster.radius=0.015,0.03",
    ];
    let outcome = run("hgcal scan", &inputs, &words, &at("scan"), None).unwrap();
    println!("{}", outcome.report.to_text());
    let points = table(&at("scan/scan.parquet"));
    assert_eq!(points.rows(), 20);
    assert_eq!(table(&at("scan/scan.csv")).rows(), 20);
    let numbers = |name: &str| points.scalar_as::<f64>(name).unwrap().into_owned();
    let algorithms = points.strings("frontend.algorithm").unwrap();
    let (links, radii) = (numbers("frontend.links"), numbers("cluster.radius"));
    let (bits, kept, resolution) = (numbers("bits_per_wafer"), numbers("energy_kept"), numbers("en_resolution"));
    for row in 0..points.rows() {
        assert!(
            numbers("link_bits_per_wafer")[row].is_nan() || numbers("link_bits_per_wafer")[row] == 32.0 * links[row]
        );
        assert!((numbers("splitting_low")[row]..=numbers("splitting_high")[row]).contains(&numbers("splitting")[row]));
        assert!(resolution[row] > 0.0);
        match algorithms.value(row) {
            "none" => assert!(bits[row].is_nan() && kept[row] == 1.0),
            "threshold" => assert!(kept[row] < 1.0 && bits[row] > 16.0),
            _ => assert!(bits[row] <= 32.0 * links[row] && kept[row] > 0.5),
        }
        // a point is a run
        let algorithm = format!("frontend.algorithm={}", algorithms.value(row));
        let words = [
            &algorithm,
            &format!("frontend.links={}", links[row]),
            &format!("frontend.model={}", text("models")),
            &format!("cluster.radius={}", radii[row]),
        ];
        let words: Vec<&str> = words.iter().map(|word| word.as_str()).collect();
        let output = at(&format!("run{row}"));
        run("hgcal run", &inputs[..1], &words, &output, None).unwrap();
        let clusters = table(&output.join("clusters.parquet")).rows();
        assert_eq!(clusters as f64 / 60.0, numbers("clusters_per_event")[row]);
    }
    // what differs in the clustering only shares the front end; no cells pass twice where there is none
    let values = &outcome.report.to_json()["values"];
    assert_eq!(values["front_end_runs"].as_u64(), Some(8 * 60));
    assert_eq!(values["fill_runs"].as_u64(), Some(9 * 60));
    for name in ["response_median", "resolution", "splitting", "bits", "energy_kept"] {
        assert!(at(&format!("scan/scan_{name}.png")).exists(), "{name}");
    }
    let record = Record::of_output(&at("scan/scan.parquet")).unwrap();
    let models = record.key.inputs.iter().filter(|input| input.role == "frontend.model");
    assert_eq!(models.map(|input| input.name.as_str()).collect::<Vec<_>>(), ["links2", "links3"]);
}

#[test]
fn mistakes_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let input = golden("tcs.parquet");
    let fails = |stage: &str, words: &[&str], kind: ErrorKind| {
        let error = run(stage, &[&input], words, &out, None).err().unwrap();
        let message = full_message(&error);
        println!("{stage} {words:?}: {message}");
        assert_eq!(error.kind(), kind, "{words:?}: {message}");
        message
    };
    let usage = |stage: &str, words: &[&str]| fails(stage, words, ErrorKind::Usage);
    assert!(usage("hgcal run", &["frontend.algorithm=treshold"]).contains("threshold"));
    assert!(usage("hgcal run", &["frontend.algorithm=threshold", "frontend.links=14"]).contains("1 to 13"));
    assert!(usage("hgcal run", &["frontend.links=0"]).contains("1 to 13"));
    assert!(usage("hgcal run", &["frontend.linx=3"]).contains("links"));
    assert!(usage("hgcal scan", &["frontend.algorithm=none,best"]).contains("best"));
    assert!(usage("hgcal scan", &["frontend.algorithm=threshold", "frontend.links=2,99"]).contains("1 to 13"));
    assert!(usage("hgcal scan", &["frontend.algorithm=[]"]).contains("no values"));
    let twice = ["frontend.algorithm=threshold", "frontend.links=2,3", "scan.frontend.links=4,5"];
    assert!(usage("hgcal scan", &twice).contains("elsewhere"));
    let nowhere = format!("frontend.model={}", dir.path().join("nowhere").display());
    for (stage, algorithm) in
        [("hgcal run", "frontend.algorithm=autoencoder"), ("hgcal scan", "frontend.algorithm=none,autoencoder")]
    {
        let error = fails(stage, &[algorithm, "frontend.links=3", &nowhere], ErrorKind::Input);
        assert!(error.contains("nowhere/links3") && error.contains("recoil econt train"), "{error}");
    }
    // a table without the wafers of its cells
    let cells = table(Path::new(&input));
    let keep: Vec<usize> = cells
        .schema()
        .fields()
        .iter()
        .enumerate()
        .filter(|(_, field)| field.name() != "tc_wu")
        .map(|(i, _)| i)
        .collect();
    let without = cells.records().project(&keep).unwrap();
    let path = dir.path().join("without.parquet");
    let mut writer = recoil_table::create(&Address::of_path(&path).unwrap(), &without.schema()).unwrap();
    writer.write(&without).unwrap();
    writer.finish(None).unwrap();
    let error =
        run("hgcal run", &[path.to_str().unwrap()], &["frontend.algorithm=threshold"], &out, None).err().unwrap();
    let message = full_message(&error);
    println!("{message}");
    assert_eq!(error.kind(), ErrorKind::Input);
    assert!(message.contains("tc_wu") && message.contains("without.parquet"), "{message}");
    assert!(!out.exists());
}

#[test]
fn bad_cells_are_named() {
    let cell =
        TriggerCell { layer: 9, cu: 1, cv: 0, z: 330.0, x: 90.0, mip_pt: 2.0, pt: 1.0, ..TriggerCell::default() };
    let fault = |cells: &[TriggerCell]| {
        let mut events = EventBatch::default();
        cells.iter().for_each(|cell| events.cells.push(*cell));
        events.finish_event(17);
        FrontEnd::new(&config(Compression::BestChoice, 2)).unwrap().send(&events).err().unwrap().to_string()
    };
    for (cells, part) in [
        (vec![cell, cell], "cell 1 of its event: the trigger cell (1, 0) of its wafer is there twice"),
        (vec![TriggerCell { cu: 7, cv: 0, ..cell }], "no wafer has a trigger cell (7, 0)"),
        (vec![TriggerCell { mip_pt: -1.0, ..cell }], "negative"),
        (vec![TriggerCell { mip_pt: f32::NAN, ..cell }], "not finite"),
    ] {
        let error = fault(&cells);
        assert!(error.contains(part) && error.contains("event 17"), "{error}");
    }
}
