//! Every option of shuffle-merge against a second, plain computation from the files themselves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::needless_range_loop)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use recoil_stage::config::Given;
use recoil_stage::{Outcome, Registry, Request, RunOptions, StageError};
use recoil_table::{Batch, ReadOptions};
use recoil_tau::stages;
use serde_json::Value as Json;

const PT: [f64; 5] = [20.0, 30.0, 45.0, 80.0, 1000.0];
const ETA: [f64; 3] = [0.0, 1.2, 2.3];
const CLASSES: [&str; 4] = ["e", "mu", "tau", "jet"];

fn run(
    name: &str,
    inputs: &[String],
    words: &[String],
    output: &Path,
    seed: Option<&str>,
) -> Result<Outcome, StageError> {
    let registry = Registry::new(stages::all());
    let stage = registry.find(name)?;
    let mut given: Vec<Given> = words.iter().map(|word| Given::Word(word.clone())).collect();
    given.extend(seed.map(|seed| Given::Word(format!("seed={seed}"))));
    let request = Request { given, inputs: inputs.to_vec(), output: Some(output.to_path_buf()), seed: None };
    stage.execute(&stage.prepare(&request)?, &RunOptions::default())
}

/// A row of the samples: group, class, |eta|, pt, event.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Row {
    group: usize,
    class: Option<usize>,
    eta: f64,
    pt: f64,
    event: u64,
}

struct Samples {
    folder: tempfile::TempDir,
    rows: Vec<Row>,
}

fn numbers(batch: &Batch, name: &str) -> Vec<f64> {
    batch.scalar_as::<f64>(name).unwrap().to_vec()
}

/// The generator match of the field, written anew: visible momentum, distance, kind.
fn class(lepton: [f64; 5], jet: f64, eta: f64, phi: f64, tau: f64) -> Option<usize> {
    let [index, kind, pt, gen_eta, gen_phi] = lepton;
    if tau < 0.0 {
        return None;
    }
    if index >= 0.0 {
        let mut turn = (phi - gen_phi).abs() % std::f64::consts::TAU;
        if turn > std::f64::consts::PI {
            turn = std::f64::consts::TAU - turn;
        }
        if (eta - gen_eta).hypot(turn) > 0.2 {
            return None;
        }
        return match kind as i32 {
            1 | 3 if pt >= 8.0 => Some(0),
            2 | 4 if pt >= 8.0 => Some(1),
            5 if pt >= 15.0 => Some(2),
            _ => None,
        };
    }
    (jet >= 0.0).then_some(3)
}

static SAMPLES: LazyLock<Samples> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let sim = folder.path().join("sim");
    let datasets = "datasets=[{name: DY, sample: DY, files: 2}, {name: TT, sample: TT, files: 1}]";
    let words = [datasets, "candidates=2500", "format=parquet"].map(str::to_owned);
    run("tau simulate", &[], &words, &sim, None).unwrap();
    let words = [format!("files.input_dir=[{}]", sim.display())];
    run("tau spectrum", &[], &words, &folder.path().join("spectra"), None).unwrap();
    std::fs::write(folder.path().join("groups.cfg"), "A: dir=DY file=.* types=e,mu,tau,jet\nB: dir=T+ types=jet,tau\n")
        .unwrap();
    let mut rows = Vec::new();
    for (group, file) in [(0, "DY/eventTuple_0"), (0, "DY/eventTuple_1"), (1, "TT/eventTuple_0")] {
        let path = sim.join(format!("{file}.parquet"));
        let names = [
            "genLepton_index",
            "genLepton_kind",
            "genLepton_vis_pt",
            "genLepton_vis_eta",
            "genLepton_vis_phi",
            "genJet_index",
            "tau_eta",
            "tau_phi",
            "tau_index",
            "tau_pt",
            "evt",
        ];
        let batch = recoil_table::open(path.to_str().unwrap(), &ReadOptions::default().columns(names))
            .unwrap()
            .read_all()
            .unwrap();
        let columns: Vec<Vec<f64>> = names.iter().map(|name| numbers(&batch, name)).collect();
        for i in 0..batch.rows() {
            let at = |column: usize| columns[column][i];
            let class = class([at(0), at(1), at(2), at(3), at(4)], at(5), at(6), at(7), at(8));
            rows.push(Row { group, class, eta: at(6).abs(), pt: at(9), event: at(10) as u64 });
        }
    }
    Samples { folder, rows }
});

fn merge(name: &str, words: &[&str]) -> Result<(PathBuf, Json), StageError> {
    let folder = SAMPLES.folder.path();
    let shown = |name: &str| folder.join(name).display().to_string();
    let inputs = [format!("list={}", shown("spectra/entries.txt")), format!("cfg={}", shown("groups.cfg"))];
    let mut all = vec![
        format!("prefix={}", shown("sim")),
        format!("input_spec={}", shown("spectra")),
        format!("pt_bins={PT:?}"),
        format!("eta_bins={ETA:?}"),
        "format=parquet".to_owned(),
    ];
    all.extend(words.iter().map(|word| (*word).to_owned()));
    let output = folder.join(name);
    run("tau shuffle-merge", &inputs, &all, &output, None)?;
    let text = std::fs::read_to_string(output.join("acceptance.json")).unwrap();
    Ok((output, serde_json::from_str(&text).unwrap()))
}

fn read(folder: &Path, job: usize) -> Batch {
    let path = folder.join(format!("merged_{job}.parquet"));
    recoil_table::open(path.to_str().unwrap(), &ReadOptions::default()).unwrap().read_all().unwrap()
}

fn bin(row: &Row) -> Option<(usize, usize)> {
    let find = |edges: &[f64], value: f64| (0..edges.len() - 1).find(|&i| value >= edges[i] && value < edges[i + 1]);
    Some((find(&ETA, row.eta)?, find(&PT, row.pt)?))
}

/// Which classes a group takes.
fn taken(group: usize) -> &'static [usize] {
    if group == 0 { &[0, 1, 2, 3] } else { &[2, 3] }
}

type Grid = Vec<Vec<f64>>;

fn counts(rows: &[Row]) -> BTreeMap<(usize, usize), Grid> {
    let mut found = BTreeMap::new();
    for row in rows {
        let Some(class) = row.class.filter(|class| taken(row.group).contains(class)) else { continue };
        let grid: &mut Grid = found.entry((row.group, class)).or_insert_with(|| vec![vec![0.0; 4]; 2]);
        if let Some((i, k)) = bin(row) {
            grid[i][k] += 1.0;
        }
    }
    found
}

struct Options {
    take_all: bool,
    disbalance: f64,
    last_two: bool,
    ratio: [f64; 4],
}

const PLAIN: Options = Options { take_all: false, disbalance: 1.0, last_two: false, ratio: [1.0; 4] };

/// Probabilities of bins by group and class, and of classes, by the formulas of the field.
fn probabilities(
    counts: &BTreeMap<(usize, usize), Grid>,
    options: &Options,
) -> (BTreeMap<(usize, usize), Grid>, [f64; 4]) {
    let flat = if options.take_all { 3 } else { 4 };
    let mut all = BTreeMap::new();
    let mut accepted = [0.0; 4];
    for (key, entries) in counts {
        let mut p: Grid = entries
            .iter()
            .map(|line| {
                line.iter().take(flat).map(|e| if *e == 0.0 { 0.0 } else { 1.0 / (2.0 * flat as f64) / e }).collect()
            })
            .collect();
        let most = p.iter().flatten().copied().fold(0.0, f64::max);
        let factor = if options.take_all {
            let high = |k: usize| entries.iter().map(|line| line[k]).sum::<f64>();
            let high = if options.last_two { high(2) + high(3) } else { high(3) };
            (options.disbalance * high * most).min(1.0) / most
        } else {
            1.0 / most
        };
        p.iter_mut().flatten().for_each(|p| *p *= factor);
        let of = |i: usize, k: usize| p[i].get(k).copied().unwrap_or(1.0);
        accepted[key.1] +=
            (0..2).flat_map(|i| (0..4).map(move |k| (i, k))).map(|(i, k)| entries[i][k] * of(i, k)).sum::<f64>();
        all.insert(*key, p);
    }
    let raw: Vec<f64> = (0..4).map(|class| options.ratio[class] / accepted[class]).collect();
    let most = raw.iter().copied().filter(|q| *q > 0.0).fold(0.0, f64::max);
    let q = [0, 1, 2, 3].map(|class| if options.ratio[class] < 0.0 { 1.0 } else { raw[class] / most });
    (all, q)
}

fn number(json: &Json) -> f64 {
    json.as_f64().unwrap()
}

/// Compares the probabilities that a job used, and the number of rows that it kept, with the formulas.
fn check(what: &str, (folder, json): &(PathBuf, Json), rows: &[Row], options: &Options, parity: Option<u64>) {
    let entries = counts(rows);
    let (p, q) = probabilities(&entries, options);
    let names = ["A", "B"];
    for ((group, class), grid) in &entries {
        let key = format!("{}/{}", names[*group], CLASSES[*class]);
        for (i, k) in (0..2).flat_map(|i| (0..4).map(move |k| (i, k))) {
            assert_eq!(number(&json["entries"][&key][i][k]), grid[i][k], "{what}: entries of {key} in {i} {k}");
            if let Some(expected) = p[&(*group, *class)][i].get(k) {
                let found = number(&json["acceptance"][&key][i][k]);
                assert!((found - expected).abs() < 1e-12, "{what}: {key} in {i} {k}: {found}, {expected}");
            }
        }
    }
    for (class, expected) in CLASSES.iter().zip(q) {
        let found = number(&json["tau_type_probability"][class]);
        assert!((found - expected).abs() < 1e-12, "{what}: {class}: {found}, {expected}");
    }
    let batch = read(folder, 0);
    let (pt, eta, event) = (numbers(&batch, "tau_pt"), numbers(&batch, "tau_eta"), numbers(&batch, "evt"));
    let codes = numbers(&batch, "tauType");
    let mut kept = [[[0.0; 4]; 2]; 4];
    for row in 0..batch.rows() {
        let here = Row { group: 0, class: None, eta: eta[row].abs(), pt: pt[row], event: event[row] as u64 };
        let (i, k) = bin(&here).unwrap_or_else(|| panic!("{what}: a row outside of the bins: {here:?}"));
        kept[codes[row] as usize][i][k] += 1.0;
        assert!(parity.is_none_or(|parity| here.event % 2 == parity), "{what}: event {}", here.event);
    }
    let half = if parity.is_some() { 0.5 } else { 1.0 };
    for class in 0..4 {
        for (i, k) in (0..2).flat_map(|i| (0..4).map(move |k| (i, k))) {
            let (mut expected, mut variance) = (0.0, 0.0);
            for ((_, own), grid) in &entries {
                if *own == class {
                    let p = entries
                        .iter()
                        .find(|(key, other)| key.1 == class && std::ptr::eq(*other, grid))
                        .map_or(0.0, |(key, _)| p[key][i].get(k).copied().unwrap_or(1.0));
                    let keep = p * q[class] * half;
                    expected += grid[i][k] * keep;
                    variance += grid[i][k] * keep * (1.0 - keep);
                }
            }
            let found = kept[class][i][k];
            // few rows scatter as Poisson numbers do
            let allowed = 4.5 * variance.sqrt() + if variance > 0.0 { 3.0 } else { 1e-9 };
            assert!((found - expected).abs() <= allowed, "{what}: {class} {i} {k}: {found} rows, {expected} expected");
        }
    }
}

#[test]
fn flat_spectra_and_shares() {
    let rows = &SAMPLES.rows;
    check("plain", &merge("plain", &[]).unwrap(), rows, &PLAIN, None);
    let shares = Options { ratio: [1.0, 0.5, -1.0, 2.0], ..PLAIN };
    check("ratio", &merge("ratio", &["tau_ratio='e:1, mu:0.5, tau:-1, jet:2'"]).unwrap(), rows, &shares, None);
    let refilled = merge("refill", &["refill_spectrum=true"]).unwrap();
    check("refill", &refilled, rows, &PLAIN, None);
}

#[test]
fn the_last_bin_whole() {
    let rows = &SAMPLES.rows;
    for (disbalance, last_two) in [(1.0, false), (0.02, false), (3.0, true)] {
        let options = Options { take_all: true, disbalance, last_two, ratio: [1.0; 4] };
        let name = format!("all_{disbalance}_{last_two}");
        let words = [
            "lastbin_takeall=true".to_owned(),
            format!("lastbin_disbalance={disbalance}"),
            format!("imbalance_bins={}", if last_two { "last_two" } else { "last" }),
        ];
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        check(&name, &merge(&name, &words).unwrap(), rows, &options, None);
    }
}

#[test]
fn parities_share_the_events() {
    let rows = &SAMPLES.rows;
    for parity in [0, 1] {
        let name = format!("parity_{parity}");
        let word = format!("parity={parity}");
        check(&name, &merge(&name, &[&word]).unwrap(), rows, &PLAIN, Some(parity));
    }
    assert!(merge("parity_2", &["parity=2"]).is_err());
}

#[test]
fn columns_that_are_left_out() {
    let (folder, _) = merge("disabled", &["disabled_branches=[pfCand_pt, rho]"]).unwrap();
    let batch = read(&folder, 0);
    let names: Vec<String> = batch.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert!(!names.iter().any(|name| name == "pfCand_pt" || name == "rho"));
    assert_eq!(names.len(), 711 - 2);
    assert!(["tauType", "dataset_id", "dataset_group_id"].iter().all(|name| names.iter().any(|own| own == name)));
    let error = merge("unknown", &["disabled_branches=[pfCand_ptt]"]).err().map(|error| error.to_string());
    assert!(error.is_none_or(|error| error.contains("pfCand_ptt")));
}

#[test]
fn jobs_read_every_row_once() {
    let all: BTreeSet<(u64, u64)> = SAMPLES.rows.iter().map(|row| (row.event, row.pt.to_bits())).collect();
    let read_of = |overflow: bool| {
        let mut read_rows = 0;
        let mut seen = BTreeSet::new();
        for job in 0..7 {
            let name = format!("job_{job}_{overflow}");
            let words = [
                format!("job_idx={job}"),
                "n_jobs=7".to_owned(),
                format!("overflow_job={overflow}"),
                "tau_ratio='e:-1,mu:-1,tau:-1,jet:-1'".to_owned(),
            ];
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let (folder, _) = merge(&name, &words).unwrap();
            let batch = read(&folder, job);
            let (event, pt) = (numbers(&batch, "evt"), numbers(&batch, "tau_pt"));
            read_rows += batch.rows();
            seen.extend(event.iter().zip(&pt).map(|(event, pt)| (*event as u64, pt.to_bits())));
        }
        assert_eq!(seen.len(), read_rows, "a row came twice");
        assert!(seen.is_subset(&all));
        read_rows
    };
    // rows are kept at random in each job, so that only their being apart can be compared
    assert!(read_of(true) > 0 && read_of(false) > 0);
}

#[test]
fn empty_bins_are_an_error_or_allowed() {
    let wide = ["pt_bins=[20, 30, 45, 80, 4000, 4990]"];
    let error = merge("empty", &wide).err().unwrap().to_string();
    assert!(error.contains("there is no candidate with") && error.contains("--enable-emptybin"), "{error}");
    let (_, json) = merge("empty_allowed", &[wide[0], "enable_emptybin=true"]).unwrap();
    assert_eq!(number(&json["acceptance"]["A/tau"][0][4]), 0.0);
    for (words, part) in [
        (vec!["tau_ratio='e:1, mu:1, tau:1'"], "class jet, which has no share"),
        (vec!["tau_ratio='e:1, mu:1, tau:0, jet:1'"], "neither positive nor -1"),
        (vec!["tau_ratio='e:1, mu:1, tau:1, jet:1, emb_e:1'"], "no group has candidates of class emb_e"),
        (vec!["pt_bins=[20, 33.3, 1000]", "input_spec=nowhere"], "nowhere"),
    ] {
        let error = merge("refused", &words).err().unwrap().to_string();
        assert!(error.contains(part), "{words:?}: {error}");
    }
}
