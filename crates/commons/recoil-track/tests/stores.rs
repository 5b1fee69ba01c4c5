//! Stores as several processes and sudden ends leave them, and what becomes of them when they are merged.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use recoil_track::store::{FileStore, OnConflict, Query, Wanted, merge};
use recoil_track::{NewRun, Point, Record, Recording, Status, TrackConfig};
use std::collections::BTreeSet;
use std::path::Path;

fn config(store: &Path, experiment: &str, name: &str) -> TrackConfig {
    TrackConfig {
        store: store.display().to_string(),
        experiment: experiment.into(),
        name: name.into(),
        ..TrackConfig::default()
    }
}

fn record(store: &Path, experiment: &str, name: &str, losses: &[f64]) -> String {
    let mut run = Recording::start(&config(store, experiment, name), "x").unwrap();
    run.parameters(&[("rate".into(), "0.1".into())]).unwrap();
    for (step, &loss) in (1..).zip(losses) {
        run.metrics(step, &[("loss", loss), ("group/time s", 1.0)]).unwrap();
    }
    let id = run.id().unwrap().to_owned();
    run.finish(Status::Finished).unwrap();
    id
}

fn all(store: &Path) -> Vec<Record> {
    let query = Query { wanted: Wanted::all(), ..Query::default() };
    let listing = FileStore::open(store).unwrap().runs(&query).unwrap();
    assert!(listing.damaged.is_empty(), "{:?}", listing.damaged);
    listing.records
}

fn point(value: f64, step: i64) -> Point {
    Point { value, step, time_ms: 1000 + step }
}

#[test]
fn what_is_written_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::create(folder.path()).unwrap();
    let experiment = store.experiment("Übung: 1/2").unwrap();
    let new =
        NewRun { name: "a: 'b' \"c\"\n#".into(), tags: [("a/b c".into(), "".into())].into(), ..NewRun::default() };
    let mut run = store.start(&experiment, &new).unwrap();
    run.parameter("lr/a.b c-d", "1e-3\nsecond").unwrap();
    run.parameter("lr/a.b c-d", "1e-3\nsecond").unwrap();
    assert!(run.parameter("lr/a.b c-d", "2").unwrap_err().to_string().contains("cannot become"));
    run.parameter("long", &"x".repeat(7000)).unwrap();
    run.metric("m", &[point(1.5, 3), point(f64::NAN, 4), point(f64::INFINITY, 5), point(1e-300, -7)]).unwrap();
    run.metric("n", &[point(f64::NAN, 4)]).unwrap();
    for name in ["a=b", "../x", "", "/x", "a/"] {
        assert!(run.metric(name, &[point(1.0, 0)]).is_err() && run.parameter(name, "").is_err(), "{name}");
    }
    assert!(run.metric("m/below", &[point(1.0, 0)]).is_err(), "a metric cannot be a folder too");
    run.finish(Status::Finished).unwrap();
    let runs = all(folder.path());
    let [read] = runs.as_slice() else { panic!("{runs:?}") };
    assert_eq!(read.info.name, new.name);
    assert_eq!((read.info.status, &*read.experiment), (Status::Finished, "Übung: 1/2"));
    assert_eq!(read.parameters["lr/a.b c-d"], "1e-3\nsecond");
    assert_eq!(read.parameters["long"].len(), 6000);
    assert_eq!(read.metrics["m"], point(f64::INFINITY, 5));
    assert!(read.metrics["n"].value.is_nan());
    assert_eq!(read.tags["a/b c"], "");
    let history: Vec<f64> = store.history(read, "m").unwrap().iter().map(|point| point.value).collect();
    assert_eq!((history[0], history[3]), (1.5, 1e-300));
}

#[test]
fn a_run_appears_with_its_description() {
    let folder = tempfile::tempdir().unwrap();
    let id = record(folder.path(), "e", "one", &[0.5]);
    let store = FileStore::open(folder.path()).unwrap();
    let experiment = store.experiment("e").unwrap();
    let run = folder.path().join(&experiment.id).join(&id);
    // as a process leaves it that was killed while it began, or while it wrote
    let begun = folder.path().join(&experiment.id).join("0".repeat(32));
    std::fs::create_dir_all(begun.join("params")).unwrap();
    std::fs::write(run.join(".recoil-1234"), "half").unwrap();
    std::fs::write(run.join("metrics/loss"), "1000 0.5 1\n1001 0.25 2\n1002 0.1 1").unwrap();
    let runs = all(folder.path());
    assert_eq!(runs.len(), 1);
    assert_eq!(runs[0].metrics["loss"].value, 0.25, "the cut line does not count");
    std::fs::write(run.join("metrics/loss"), "what is this\n").unwrap();
    let query = Query { wanted: Wanted::all(), ..Query::default() };
    let listing = store.runs(&query).unwrap();
    assert_eq!((listing.records.len(), listing.damaged.len()), (0, 1));
    assert!(listing.damaged[0].to_string().contains("line 1: 'what is this'"), "{}", listing.damaged[0]);
    assert_eq!(store.runs(&Query::default()).unwrap().records.len(), 1, "not read, no complaint");
}

#[test]
fn a_cut_line_is_removed_before_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::create(folder.path()).unwrap();
    let run = store.start(&store.experiment("e").unwrap(), &NewRun::default()).unwrap();
    run.metric("loss", &[point(0.5, 1)]).unwrap();
    let path = folder.path().join(&run.info().experiment_id).join(&run.info().id).join("metrics/loss");
    std::fs::write(&path, "1001 0.5 1\n1002 0.2").unwrap();
    run.metric("loss", &[point(0.25, 2)]).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "1001 0.5 1\n1002 0.25 2\n");
}

#[test]
fn a_run_that_is_dropped_has_failed() {
    let folder = tempfile::tempdir().unwrap();
    drop(Recording::start(&config(folder.path(), "e", "n"), "x").unwrap());
    assert_eq!(all(folder.path())[0].info.status, Status::Failed);
}

#[test]
fn many_write_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("mlruns");
    let ids: BTreeSet<String> = std::thread::scope(|scope| {
        let write =
            |n: usize| record(&root, if n.is_multiple_of(2) { "even" } else { "odd" }, &format!("r{n}"), &[0.5, 0.25]);
        let threads: Vec<_> = (0..16).map(|n| scope.spawn(move || write(n))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(ids.len(), 16);
    assert_eq!(all(&root).len(), 16);
    let names: Vec<String> =
        FileStore::open(&root).unwrap().experiments().unwrap().into_iter().map(|one| one.name).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{names:?}");
    assert_eq!(names.len(), 3);

    // several processes append to one metric of one run
    let store = FileStore::open(&root).unwrap();
    let run = store.start(&store.experiment("even").unwrap(), &NewRun::default()).unwrap();
    std::thread::scope(|scope| {
        for writer in 0..8 {
            let run = &run;
            scope.spawn(move || (0..50).for_each(|n| run.metric("m", &[point(0.5, writer * 50 + n)]).unwrap()));
        }
    });
    let record = all(&root).into_iter().find(|one| one.info.id == run.info().id).unwrap();
    let steps: BTreeSet<i64> = store.history(&record, "m").unwrap().iter().map(|point| point.step).collect();
    assert_eq!(steps.len(), 400);
}

#[test]
fn nested_runs_share_a_parent_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let with = TrackConfig { parent: "scan of links".into(), ..config(folder.path(), "e", "") };
    for _ in 0..3 {
        Recording::start(&with, "x").unwrap().finish(Status::Finished).unwrap();
    }
    let runs = all(folder.path());
    let parents: BTreeSet<&str> =
        runs.iter().filter_map(|run| run.tags.get("mlflow.parentRunId")).map(String::as_str).collect();
    assert_eq!((runs.len(), parents.len()), (4, 1));
    assert!(runs.iter().any(|run| parents.contains(run.info.id.as_str()) && run.info.name == "scan of links"));
}

#[test]
fn nothing_is_recorded_where_no_store_is_named() {
    let none = TrackConfig { store: "none".into(), ..TrackConfig::default() };
    let mut run = Recording::start(&none, "x").unwrap();
    run.metrics(1, &[("loss", 1.0)]).unwrap();
    assert_eq!(run.id(), None);
    run.finish(Status::Finished).unwrap();
}

#[test]
fn stores_are_merged() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b, c) = (folder.path().join("a"), folder.path().join("b"), folder.path().join("c"));
    let first = record(&a, "econt", "first", &[0.5]);
    let second = record(&b, "econt", "second", &[0.4]);
    record(&b, "only here", "third", &[0.3]);
    let stores = [FileStore::open(&a).unwrap(), FileStore::open(&b).unwrap()];
    let report = merge(&stores, &c, &c, OnConflict::Stop).unwrap();
    assert_eq!((report.experiments, report.runs, report.same), (3, 3, 0));
    let runs = all(&c);
    assert_eq!(runs.iter().filter(|run| &*run.experiment == "econt").count(), 2);
    for run in &runs {
        let place = std::path::absolute(&c).unwrap().display().to_string();
        assert!(run.info.artifact_uri.contains(&place), "{}", run.info.artifact_uri);
    }
    assert!(runs.iter().any(|run| run.info.id == first) && runs.iter().any(|run| run.info.id == second));

    // with itself: nothing new
    let d = folder.path().join("d");
    let stores = [FileStore::open(&c).unwrap(), FileStore::open(&a).unwrap()];
    let report = merge(&stores, &d, &d, OnConflict::Stop).unwrap();
    assert_eq!((report.runs, report.same), (3, 1));

    // the same run went on in one store
    let experiment = FileStore::open(&a).unwrap().experiment("econt").unwrap();
    let metric = a.join(&experiment.id).join(&first).join("metrics/loss");
    std::fs::write(&metric, "1 0.5 1\n2 0.1 2\n").unwrap();
    let stores = [FileStore::open(&c).unwrap(), FileStore::open(&a).unwrap()];
    let e = folder.path().join("e");
    let error = merge(&stores, &e, &e, OnConflict::Stop).unwrap_err().to_string();
    assert!(error.contains(&first), "{error}");
    let loss = |store: &Path| all(store).into_iter().find(|run| run.info.id == first).unwrap().metrics["loss"].value;
    for (name, how, expected, count) in
        [("f", OnConflict::First, 0.5, 3), ("g", OnConflict::Last, 0.1, 3), ("h", OnConflict::Both, 0.5, 4)]
    {
        let to = folder.path().join(name);
        let report = merge(&stores, &to, &to, how).unwrap();
        assert_eq!((report.runs, report.conflicts.as_slice()), (count, [first.clone()].as_slice()), "{name}");
        assert_eq!(loss(&to), expected, "{name}");
    }
    let renamed = all(&folder.path().join("h")).into_iter().find(|run| run.tags.contains_key("recoil.merged_from"));
    assert_eq!(renamed.unwrap().tags["recoil.merged_from"], first);
}

#[test]
fn experiments_of_one_id_and_two_names_stay_two() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b, c) = (folder.path().join("a"), folder.path().join("b"), folder.path().join("c"));
    record(&a, "one", "", &[1.0]);
    record(&b, "one", "", &[1.0]);
    let id = FileStore::open(&b).unwrap().experiment("one").unwrap().id;
    let meta = b.join(&id).join("meta.yaml");
    let text = std::fs::read_to_string(&meta).unwrap().replace("\"one\"", "\"two\"");
    std::fs::write(&meta, text).unwrap();
    let stores = [FileStore::open(&a).unwrap(), FileStore::open(&b).unwrap()];
    merge(&stores, &c, &c, OnConflict::Stop).unwrap();
    let names: BTreeSet<String> = all(&c).iter().map(|run| run.experiment.to_string()).collect();
    assert_eq!(names, ["one".to_owned(), "two".to_owned()].into());
}

#[test]
fn damaged_stores_are_told() {
    let folder = tempfile::tempdir().unwrap();
    assert!(FileStore::open(&folder.path().join("none")).is_err());
    record(folder.path(), "e", "n", &[1.0]);
    let store = FileStore::open(folder.path()).unwrap();
    let missing = Query { experiments: vec!["f".into()], ..Query::default() };
    assert!(store.runs(&missing).unwrap_err().to_string().contains("there is no experiment 'f'"));
    let id = store.experiment("e").unwrap().id;
    std::fs::write(folder.path().join(&id).join("meta.yaml"), "experiment_id: [").unwrap();
    let error = store.runs(&Query::default()).unwrap_err().to_string();
    assert!(error.contains(&id) && error.contains("meta.yaml"), "{error}");
}
