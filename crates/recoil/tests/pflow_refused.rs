//! Inputs of particle flow that cannot be used, through the command line: which file, and what in it, is told; nothing is
//! left behind. Inputs that hold nothing, where that may be, give an answer.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod event_tables;

use std::path::Path;
use std::process::{Command, Output};
use std::sync::OnceLock;

use arrow_array::Array as _;
use arrow_array::cast::AsArray as _;
use event_tables::{list, read, rows, write};
use recoil_nn::safetensors::{self, Tensor};
use serde_json::Value as Json;

fn recoil(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_recoil")).args(words).output().unwrap()
}

fn works(words: &[&str]) -> Json {
    let output = recoil(&[words, &["--json", "-q"]].concat());
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What good inputs all tests start from.
struct Good {
    folder: tempfile::TempDir,
}

impl Good {
    fn get() -> &'static Self {
        static GOOD: OnceLock<Good> = OnceLock::new();
        GOOD.get_or_init(|| {
            let good = Self { folder: tempfile::tempdir().unwrap() };
            let (events, rules) = (good.file("events.parquet"), good.file("rules.parquet"));
            works(&["pflow", "simulate", "-o", &events, "--events", "20", "--seed", "11"]);
            let links = good.file("links.parquet");
            works(&["pflow", "simulate", "-o", &links, "--events", "4", "--seed", "11", "--truth", "links"]);
            works(&["pflow", "baseline", "--input", &events, "-o", &rules]);
            let small = ["architecture.layers=1", "architecture.heads=2", "training.steps=2", "training.validations=1"];
            works(&[&["pflow", "train", "--input", &events, "-o", &good.file("model")][..], &small].concat());
            works(&[
                "pflow",
                "train-edges",
                "--input",
                &events,
                "-o",
                &good.file("edges.safetensors"),
                "--epochs",
                "1",
            ]);
            good
        })
    }

    fn file(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }
}

fn golden(name: &str) -> String {
    format!("{}/../../testdata/golden/pflow/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// A change of a table.
enum Change {
    Drop(&'static str),
    /// column, row, place in the list, value
    Set(&'static str, usize, usize, f32),
    /// the last place in the list of a row is taken out
    Shorten(&'static str, usize),
    /// the lists of a row are emptied, of columns that begin so
    Empty(&'static [&'static str], usize),
    /// no row is left
    Nothing,
}

/// The table `from` with changes, as `to`.
fn changed(from: &str, to: &str, changes: &[Change]) {
    let mut columns = read(from);
    let mut edit = |wanted: &dyn Fn(&str) -> bool, change: &dyn Fn(&mut Vec<Vec<f32>>)| {
        let mut found = 0;
        for (_, array) in columns.iter_mut().filter(|(name, _)| wanted(name)) {
            let mut values = rows(array.as_list());
            change(&mut values);
            *array = list(array.as_list(), &values);
            found += 1;
        }
        assert!(found > 0);
    };
    let (mut dropped, mut is_empty) = (Vec::new(), false);
    for change in changes {
        match *change {
            Change::Drop(name) => dropped.push(name),
            Change::Set(name, row, place, value) => edit(&|n| n == name, &|rows| rows[row][place] = value),
            Change::Shorten(name, row) => edit(&|n| n == name, &|rows| _ = rows[row].pop()),
            Change::Empty(prefixes, row) => {
                edit(&|n| prefixes.iter().any(|prefix| n.starts_with(prefix)), &|rows| rows[row].clear());
            }
            Change::Nothing => is_empty = true,
        }
    }
    columns.retain(|(name, _)| !dropped.contains(&name.as_str()));
    if is_empty {
        columns.iter_mut().for_each(|(_, array)| *array = array.slice(0, 0));
    }
    write(to, columns);
}

/// Runs a command that has to refuse `input`: with code 3, without a panic, naming the file and everything in `names`,
/// leaving nothing where its output would be.
fn refused(words: &[&str], input: &str, names: &[&str], out: &str) {
    let output = recoil(&[words, &["-o", out]].concat());
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{words:?}: {text}");
    let file = Path::new(input).file_name().unwrap().to_str().unwrap();
    for name in [&[file][..], names].concat() {
        assert!(text.contains(name), "{words:?} does not name {name}: {text}");
    }
    assert!(!text.contains("panicked"), "{words:?}: {text}");
    assert!(!Path::new(out).exists(), "{words:?} leaves {out}");
    let folder = Path::new(out).parent().unwrap();
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 0, "{words:?} leaves something");
}

/// What a command reads of a table of events.
#[derive(Clone, Copy, PartialEq)]
enum Reads {
    Elements,
    Targets,
    Candidates,
    Links,
}

/// A command, the words behind the name of its input, its output and what it reads.
type Command4 = (&'static str, &'static [&'static str], &'static str, Reads);

/// Every command that reads tables of events; MODEL and EDGES stand for networks.
const COMMANDS: [Command4; 13] = [
    ("import", &[], "out.parquet", Reads::Candidates),
    ("assign-truth", &[], "out.parquet", Reads::Links),
    ("split", &[], "out", Reads::Targets),
    ("blocks", &[], "out.parquet", Reads::Targets),
    ("blocks", &["--method", "clue"], "out.parquet", Reads::Targets),
    ("blocks", &["--method", "edges", "--model", "EDGES"], "out.parquet", Reads::Targets),
    ("baseline", &[], "out.parquet", Reads::Elements),
    ("baseline", &["--puppi", "true"], "out.parquet", Reads::Elements),
    ("train-edges", &["--epochs", "1"], "out.safetensors", Reads::Targets),
    ("train", &["--steps", "2", "architecture.layers=1"], "out", Reads::Targets),
    ("predict", &["--model", "MODEL"], "out.parquet", Reads::Elements),
    ("evaluate", &[], "out", Reads::Candidates),
    ("jets", &["--prefix", "cand_"], "out.parquet", Reads::Candidates),
];

/// Words of a command, its output, its name, and what it reads.
type Use<'a> = dyn FnMut(&[&str], &str, &'static str, Reads) + 'a;

/// Calls `use_it` for every command with the table `input`.
fn every(input: &str, use_it: &mut Use<'_>) {
    let good = Good::get();
    let folder = tempfile::tempdir().unwrap();
    let (model, edges) = (good.file("model"), good.file("edges.safetensors"));
    for (command, more, out, reads) in COMMANDS {
        let out = folder.path().join(out).to_str().unwrap().to_owned();
        let mut words = vec!["pflow", command, "--input", input];
        words.extend(more.iter().map(|word| match *word {
            "MODEL" => model.as_str(),
            "EDGES" => edges.as_str(),
            word => word,
        }));
        use_it(&words, &out, command, reads);
    }
}

/// The good table for a command that reads this.
fn source(reads: Reads) -> String {
    Good::get().file(match reads {
        Reads::Links => "links.parquet",
        Reads::Candidates => "rules.parquet",
        _ => "events.parquet",
    })
}

#[test]
fn files_that_are_no_tables_of_events() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(file("text.csv"), "station,tower\n1,2\n").unwrap();
    works(&["table", "convert", &file("text.csv"), &file("other.parquet")]);
    let whole = std::fs::read(Good::get().file("rules.parquet")).unwrap();
    std::fs::write(file("half.parquet"), &whole[..whole.len() / 2]).unwrap();
    std::fs::write(file("ends.parquet"), &whole[..whole.len() - 3]).unwrap();
    std::fs::write(file("nothing.parquet"), "").unwrap();
    for (name, told) in [("other", "column"), ("half", ""), ("ends", ""), ("nothing", ""), ("absent", "no such file")] {
        let input = file(&format!("{name}.parquet"));
        every(&input, &mut |words, out, _, _| {
            if name == "absent" {
                // a file that is not there is told before anything else is done
                let output = recoil(&[words, &["-o", out]].concat());
                let text = String::from_utf8_lossy(&output.stderr).to_lowercase();
                assert!(
                    matches!(output.status.code(), Some(2 | 3)) && text.contains("absent.parquet"),
                    "{words:?}: {text}"
                );
                assert!(!Path::new(out).exists());
            } else {
                refused(words, &input, &[told], out);
            }
        });
    }
}

/// A change, who reads what is changed, and what has to be told.
type Case<'a> = (Change, &'a [Reads], &'a [&'static str]);

fn case<'a>(change: Change, readers: &'a [Reads], names: &'a [&'static str]) -> Case<'a> {
    (change, readers, names)
}

#[test]
fn columns_and_numbers_that_cannot_be() {
    use Change::{Drop, Set, Shorten};
    use Reads::{Candidates, Elements, Links, Targets};
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("changed.parquet").to_str().unwrap().to_owned();
    let all = [Elements, Targets, Candidates, Links];
    let changes = [
        case(Drop("elem_eta"), &all, &["elem_eta"]),
        case(Drop("event"), &all, &["event"]),
        case(Set("elem_pt", 1, 2, f32::NAN), &all, &["'elem_pt'", "row 1"]),
        case(Set("elem_sin_phi", 3, 0, f32::INFINITY), &all, &["'elem_sin_phi'", "row 3"]),
        case(Set("elem_energy", 2, 1, -4.0), &all, &["'elem_energy'", "event 2", "-4"]),
        case(Set("elem_type", 2, 1, 7.0), &all, &["'elem_type'", "event 2", "7"]),
        case(Shorten("elem_energy", 1), &all, &["elem_energy", "row 1"]),
        case(Set("target_energy", 1, 0, f32::NAN), &[Targets, Candidates], &["'target_energy'", "row 1"]),
        case(Set("target_pdg", 1, 0, 321.0), &[Targets, Candidates], &["'target_pdg'", "event 1", "321"]),
        case(Shorten("target_eta", 1), &[Targets, Candidates], &["target_eta", "row 1"]),
        case(Drop("target_charge"), &[Targets, Candidates], &["target_charge"]),
        case(Set("cand_pt", 1, 0, f32::NEG_INFINITY), &[Candidates], &["'cand_pt'", "row 1"]),
        case(Set("cand_pdg", 1, 0, 999.0), &[Candidates], &["'cand_pdg'", "event 1", "999"]),
        case(Shorten("cand_energy", 0), &[Candidates], &["cand_energy", "row 0"]),
        case(Set("gen_pt", 2, 0, f32::NAN), &[Candidates], &["'gen_pt'", "row 2"]),
        case(Set("link_element", 1, 0, 4000.0), &[Links], &["event 1", "row 1", "element 4000"]),
        case(Set("link_particle", 2, 0, -5.0), &[Links], &["event 2", "particle -5"]),
        case(Set("link_weight", 2, 0, f32::NAN), &[Links], &["'link_weight'", "row 2"]),
        case(Set("sim_energy", 2, 0, f32::NAN), &[Links], &["'sim_energy'", "row 2"]),
        case(Drop("sim_charge"), &[Links], &["sim_charge"]),
    ];
    let (mut runs, mut seen) = (0, std::collections::BTreeMap::new());
    for (change, readers, names) in changes {
        let change = [change];
        for reads in readers {
            changed(&source(*reads), &input, &change);
            every(&input, &mut |words, out, command, own| {
                let column = names[0].trim_matches('\'');
                // jets look at the momenta of candidates only
                let is_blind = command == "jets" && !["cand_pt", "cand_energy"].contains(&column);
                if own == *reads && !is_blind {
                    refused(words, &input, names, out);
                    runs += 1;
                    *seen.entry(command).or_insert(0) += 1;
                }
            });
        }
    }
    assert!(runs > 90 && seen.len() == 10, "{runs}: {seen:?}");
}

#[test]
fn nothing_where_nothing_may_be() {
    use Change::{Empty, Nothing};
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("sparse.parquet").to_str().unwrap().to_owned();
    // one event without elements among others
    for reads in [Reads::Elements, Reads::Targets, Reads::Candidates, Reads::Links] {
        let prefixes: &'static [&'static str] = match reads {
            Reads::Links => &["elem_", "link_"],
            Reads::Candidates => &["elem_", "target_", "cand_"],
            _ => &["elem_", "target_"],
        };
        let total = if reads == Reads::Links { 4 } else { 20 };
        changed(&source(reads), &input, &[Empty(prefixes, 2)]);
        every(&input, &mut |words, out, command, own| {
            if own != reads {
                return;
            }
            let report = works(&[words, &["-o", out, "--overwrite"]].concat());
            let left_out = if command == "assign-truth" { 1 } else { 0 };
            if let Some(events) = report["values"]["events"].as_u64() {
                assert_eq!(events + left_out, total, "{words:?}: {report}");
            }
            if out.ends_with(".parquet") && !["blocks", "jets", "assign-truth"].contains(&command) {
                let table = recoil_table::open(out, &recoil_table::ReadOptions::default()).unwrap().read_all().unwrap();
                assert_eq!(table.rows() as u64, total, "{words:?}");
                assert!(rows(table.column("elem_pt").unwrap().as_list())[2].is_empty());
            }
        });
        // and no event at all
        changed(&source(reads), &input, &[Nothing]);
        every(&input, &mut |words, out, command, own| {
            if own != reads {
                return;
            }
            let _ = std::fs::remove_dir_all(out);
            let _ = std::fs::remove_file(out);
            let output = recoil(&[words, &["-o", out, "--json", "-q"]].concat());
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            let needs_some = ["import", "train", "train-edges", "evaluate"].contains(&command);
            assert_eq!(output.status.code(), Some(if needs_some { 3 } else { 0 }), "{words:?}: {text}");
            assert!(!needs_some || text.contains("sparse.parquet") && !Path::new(out).exists(), "{words:?}: {text}");
        });
    }
}

/// A copy of the good model with other tensors or metadata.
fn model(name: &str, change: &dyn Fn(&mut safetensors::Contents)) -> String {
    let good = Good::get();
    let mut contents = safetensors::read(Path::new(&good.file("model/model.safetensors"))).unwrap();
    change(&mut contents);
    let path = good.file(name);
    let metadata: Vec<(&str, String)> = contents.metadata.iter().map(|(k, v)| (k.as_str(), v.clone())).collect();
    safetensors::write(Path::new(&path), &contents.tensors, &metadata).unwrap();
    path
}

/// The settings in a model with another number at `path`.
fn setting(contents: &mut safetensors::Contents, path: &str, value: Json) {
    let text = contents.metadata.get_mut("recoil.pflow.model").unwrap();
    let mut settings: Json = serde_json::from_str(text).unwrap();
    *settings.pointer_mut(path).unwrap() = value;
    *text = settings.to_string();
}

#[test]
fn models_that_cannot_be_used() {
    let good = Good::get();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join("out").join(name).to_str().unwrap().to_owned();
    std::fs::create_dir(folder.path().join("out")).unwrap();
    let events = good.file("events.parquet");
    let whole = std::fs::read(good.file("model/model.safetensors")).unwrap();
    let cut = good.file("cut.safetensors");
    std::fs::write(&cut, &whole[..whole.len() - 100]).unwrap();
    let text = good.file("text.safetensors");
    std::fs::write(&text, "weights of a network").unwrap();
    let first =
        |contents: &safetensors::Contents| contents.tensors.iter().position(|t| t.name == "nn0.0.weight").unwrap();
    let cases: Vec<(String, Vec<&str>)> = vec![
        (cut, vec![]),
        (text, vec![]),
        (golden("model_attention.safetensors"), vec!["is no model of particle flow"]),
        (
            model("lacks.safetensors", &|c| c.tensors.retain(|t| t.name != "nn_pid.4.bias")),
            vec!["tensor 'nn_pid.4.bias' is missing"],
        ),
        (
            model("narrow.safetensors", &|c| {
                let at = first(c);
                let Tensor { shape, values, .. } = &mut c.tensors[at];
                shape[0] -= 1;
                values.truncate(shape.iter().product());
            }),
            vec!["nn0.0.weight", "shape"],
        ),
        (
            model("nan.safetensors", &|c| {
                let at = first(c);
                c.tensors[at].values[3] = f32::NAN;
            }),
            vec!["nn0.0.weight", "finite"],
        ),
        (model("deep.safetensors", &|c| setting(c, "/architecture/layers", 2.into())), vec!["missing"]),
        (model("wide.safetensors", &|c| setting(c, "/architecture/head_width", 256.into())), vec!["too few"]),
        (model("vast.safetensors", &|c| setting(c, "/architecture/heads", 4_000_000_000_u64.into())), vec!["heads"]),
        (model("classes.safetensors", &|c| setting(c, "/shape/classes/1", 321.into())), vec!["tells apart"]),
        (
            model("gnn.safetensors", &|c| {
                let backbone = serde_json::json!({"gnn_lsh": {"bin_size": 16, "max_bins": 40}});
                setting(c, "/architecture/backbone", backbone);
            }),
            vec!["gnn.safetensors"],
        ),
        (model("alien.safetensors", &|c| setting(c, "/layout", "atlas".into())), vec!["'atlas'"]),
    ];
    for (path, names) in &cases {
        refused(&["pflow", "predict", "--model", path, "--input", &events], path, names, &file("p.parquet"));
        refused(&["pflow", "export", "--model", path], path, names, &file("m.onnx"));
        let train = ["pflow", "train", "--input", &events, "--steps", "2", "architecture.layers=1", "--start", path];
        refused(&train, path, names, &file("t"));
    }
    // a network for the elements of another detector: 12 features, 55 features
    let delphes = good.file("delphes.parquet");
    works(&["pflow", "import", "--input", &golden("delphes.root"), "-o", &delphes]);
    let (fits, links) = (good.file("model"), good.file("edges.safetensors"));
    let both = ["towers and tracks of Delphes", "tracks and clusters"];
    refused(&["pflow", "predict", "--model", &fits, "--input", &delphes], &delphes, &both, &file("p.parquet"));
    let edges = ["pflow", "blocks", "--method", "edges", "--model", &links];
    refused(&[&edges[..], &["--input", &delphes]].concat(), "edges.safetensors", &both, &file("b.parquet"));
    refused(&[&edges[..4], &["--model", &fits, "--input", &events]].concat(), "model", &[], &file("b.parquet"));
    let train = ["pflow", "train", "--steps", "2", "architecture.layers=1", "--input"];
    let assigned = good.file("assigned.parquet");
    works(&["pflow", "assign-truth", "--input", &delphes, "-o", &assigned]);
    let validation = format!("validation={assigned}");
    let own = [assigned.as_str(), "--input", &validation, "--start", &fits];
    refused(&[&train[..], &own].concat(), "model", &both, &file("t"));
    refused(&[&train[..], &[events.as_str(), "--input", &validation]].concat(), "assigned.parquet", &both, &file("t"));
}

#[test]
fn stored_networks_that_cannot_be_run() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::create_dir(folder.path().join("out")).unwrap();
    let out = file("out/o.safetensors");
    let good = golden("model_attention.safetensors");
    let index = golden("models_index.json");
    let whole = safetensors::read(Path::new(&good)).unwrap();
    let path = file("model_attention.safetensors");
    let tensor = |c: &safetensors::Contents, name: &str| c.tensors.iter().position(|t| t.name == name).unwrap();
    let change = |change: &dyn Fn(&mut safetensors::Contents)| {
        let mut contents = whole.clone();
        change(&mut contents);
        safetensors::write(Path::new(&path), &contents.tensors, &[]).unwrap();
    };
    let words = ["pflow", "forward", "--weights", &path, "--config", &index];
    for (name, told) in [("in.X", "finite"), ("in.mask", "finite"), ("in.ytarget", "finite")] {
        change(&|c| {
            let at = tensor(c, name);
            c.tensors[at].values[7] = f32::NAN;
        });
        refused(&words, &path, &[name, told], &out);
        change(&|c| c.tensors.retain(|t| t.name != name));
        if name != "in.ytarget" {
            refused(&words, &path, &[name, "missing"], &out);
        }
    }
    change(&|c| {
        let at = tensor(c, "in.ytarget");
        c.tensors[at].values[0] = 77.0;
    });
    refused(&words, &path, &["in.ytarget", "class 77"], &out);
    change(&|c| {
        let at = tensor(c, "in.X");
        let Tensor { shape, values, .. } = &mut c.tensors[at];
        (shape[0], *values) = (1, values[..values.len() / 2].to_vec());
    });
    refused(&words, &path, &["in.mask", "shape"], &out);
    for lost in ["w.nn_pid.4.weight", "w.nn_pid.4.bias"] {
        change(&|c| c.tensors.retain(|t| t.name != lost));
        refused(&words, &path, &[lost], &out);
    }
    // a description that is damaged, and none
    let text = std::fs::read_to_string(&index).unwrap();
    let half = file("half.json");
    std::fs::write(&half, &text[..text.len() / 2]).unwrap();
    for (config, code) in [(half.as_str(), 2), ("absent.json", 2)] {
        let output = recoil(&["pflow", "forward", "--weights", &good, "--config", config, "-o", &out]);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        let name = Path::new(config).file_name().unwrap().to_str().unwrap();
        assert_eq!(output.status.code(), Some(code), "{told}");
        assert!(told.contains(name) && !Path::new(&out).exists(), "{told}");
    }
}

#[test]
fn root_files_that_lack_something() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::create_dir(folder.path().join("out")).unwrap();
    let out = file("out/o.parquet");
    // trees that have some of the branches of each kind of file
    let some = |name: &str, tree: &str, columns: &[&str]| {
        let header: Vec<String> = (0..columns.len()).map(|index| format!("c{index}")).collect();
        std::fs::write(file("t.csv"), format!("{}\n{}\n", header.join(","), vec!["1"; columns.len()].join(",")))
            .unwrap();
        works(&["table", "convert", &file("t.csv"), &file("t.parquet"), "--overwrite"]);
        let renamed = columns.iter().map(|c| (*c).to_owned()).zip(read(&file("t.parquet")).into_iter().map(|c| c.1));
        let path = file(name);
        write(&format!("{path}:{tree}"), renamed.collect());
        path
    };
    let cases = [
        (some("e.root", "events", &["MCParticles.generatorStatus", "MCParticles.PDG"]), "SiTracks_Refitted"),
        (some("n.root", "Events", &["PFCands_pt"]), "PFCands_eta"),
        (some("d.root", "Delphes", &["Track.PT", "Particle.PID"]), "Tower"),
        (some("f.root", "Delphes", &["Track.PT", "Particle.PID", "Tower.ET"]), "Track.Eta"),
        (some("c.root", "pftree", &["element_type", "element_pt"]), ""),
        (some("x.root", "other", &["a", "b"]), ""),
    ];
    for (path, name) in &cases {
        refused(&["pflow", "import", "--input", path], path, &[*name], &out);
    }
    let whole = std::fs::read(golden("delphes.root")).unwrap();
    for (name, end) in [("half.root", whole.len() / 2), ("few.root", 40), ("ends.root", whole.len() - 10)] {
        std::fs::write(file(name), &whole[..end]).unwrap();
        let out = file("left.parquet");
        let output = recoil(&["pflow", "import", "--input", &file(name), "-o", &out, "--overwrite"]);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        // what is left at the end may be enough to recover the tree
        let is_told = output.status.code() == Some(3) && told.contains(name) && !Path::new(&out).exists();
        assert!(is_told || output.status.success() && end + 10 >= whole.len(), "{name}: {told}");
        let _ = std::fs::remove_file(&out);
    }
    refused(
        &["pflow", "import", "--input", &golden("delphes.root"), "collections.tracks=Trax"],
        "delphes.root",
        &["Trax"],
        &out,
    );
}
