//! Running a stage: outputs, records, failures.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod toy;

use recoil_stage::provenance::{Freshness, Record, up_to_date};
use recoil_stage::{AnyStage, ErrorKind, Inputs, Request, RunOptions, verify};
use toy::{Numbers, Sum, files, prepare};

const ALL: [&str; 4] = ["more/squares.txt", "more/squares.txt.prov.json", "numbers.txt", "numbers.txt.prov.json"];

#[test]
fn a_run_leaves_outputs_and_records() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("a/b");
    let prepared = prepare(&out, &["count=5"]);
    let options = RunOptions { threads: Some(2), argv: vec!["recoil".into()], ..RunOptions::default() };
    let outcome = Numbers.execute(&prepared, &options).unwrap();
    assert_eq!(files(&out), ALL);
    let record = Record::of_output(&out.join("numbers.txt")).unwrap();
    assert_eq!(record, outcome.record);
    assert_eq!(record, Record::of_output(&out.join("more/squares.txt")).unwrap());
    assert_eq!((record.threads, record.status.as_str(), record.key.seed), (2, "ok", 1));
    assert_eq!(record.warnings.len(), 1);
    assert_eq!(record.warnings[0].count, 4);
    assert_eq!(record.outputs[1].path, out.join("more/squares.txt"));
    assert_eq!(record.key.config["count"], 5);
    assert!(record.reproduce.ends_with("--seed 1 count=5"), "{}", record.reproduce);
}

#[test]
fn equal_runs_give_equal_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let mut texts = Vec::new();
    for (name, threads) in [("one", 1), ("two", 3)] {
        let out = dir.path().join(name);
        let options = RunOptions { threads: Some(threads), ..RunOptions::default() };
        Numbers.execute(&prepare(&out, &[]), &options).unwrap();
        texts.push(std::fs::read_to_string(out.join("numbers.txt")).unwrap());
    }
    assert_eq!(texts[0], texts[1]);
    assert!(texts[0].starts_with(r#"{"provenance":1,"program":"recoil","version":""#), "{}", texts[0]);
}

#[test]
fn existing_outputs_are_kept_unless_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("numbers.txt"), "mine").unwrap();
    let prepared = prepare(dir.path(), &[]);
    let error = Numbers.execute(&prepared, &RunOptions::default()).unwrap_err();
    assert_eq!((error.kind(), error.kind().exit_code()), (ErrorKind::Output, 4));
    assert!(error.to_string().contains("numbers.txt exists already"), "{error}");
    assert_eq!(files(dir.path()), ["numbers.txt"]);
    Numbers.execute(&prepared, &RunOptions { overwrite: true, ..RunOptions::default() }).unwrap();
    assert_eq!(files(dir.path()), ALL);
}

#[test]
fn a_failed_run_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("new/directory");
    let error = Numbers.execute(&prepare(&out, &["fail_at=7"]), &RunOptions::default()).unwrap_err();
    assert_eq!(error.to_string(), "number 7 is bad");
    assert!(!dir.path().join("new").exists());
    let cancelled = RunOptions::default();
    cancelled.cancel.cancel();
    let error = Numbers.execute(&prepare(&out, &[]), &cancelled).unwrap_err();
    assert_eq!(error.kind().exit_code(), 130);
    assert!(!dir.path().join("new").exists());
    // an output that cannot be written
    std::fs::write(dir.path().join("file"), "").unwrap();
    let error = Numbers.execute(&prepare(&dir.path().join("file/x"), &[]), &RunOptions::default()).unwrap_err();
    assert_eq!(error.kind().exit_code(), 4);
}

#[test]
fn runs_beside_each_other_do_not_disturb() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("shared")).unwrap();
    let request = |name: &str| Request {
        inputs: vec![dir.path().join("n.txt").display().to_string()],
        output: Some(dir.path().join("shared").join(name)),
        ..Request::default()
    };
    std::fs::write(dir.path().join("n.txt"), "1\n2\n").unwrap();
    std::thread::scope(|scope| {
        for index in 0..16 {
            let prepared = Sum.prepare(&request(&format!("{index}.txt"))).unwrap();
            scope.spawn(move || Sum.execute(&prepared, &RunOptions::default()).unwrap());
        }
    });
    assert_eq!(files(&dir.path().join("shared")).len(), 32);
}

#[test]
fn up_to_date_says_what_changed() {
    let dir = tempfile::tempdir().unwrap();
    let (start, out) = (dir.path().join("start.txt"), dir.path().join("out"));
    std::fs::write(&start, "3").unwrap();
    let prepare = |words: &[&str], seed| {
        let given = words.iter().map(|word| recoil_stage::config::Given::Word((*word).into())).collect();
        let inputs = vec![start.display().to_string()];
        Numbers.prepare(&Request { given, inputs, output: Some(out.clone()), seed }).unwrap()
    };
    let reasons = |words: &[&str], seed| match up_to_date(&prepare(words, seed)).unwrap() {
        Freshness::UpToDate(_) => Vec::new(),
        Freshness::Stale(reasons) => reasons,
    };
    assert_eq!(reasons(&[], None), ["it was not run before"]);
    Numbers.execute(&prepare(&[], None), &RunOptions::default()).unwrap();
    assert_eq!(reasons(&[], None), [""; 0]);
    assert_eq!(reasons(&["count=11"], Some(2)), ["seed was 1, is 2", "config key count was 10, is 11"]);
    assert_eq!(reasons(&["squares=false"], None), ["it writes other files now"]);
    std::fs::write(&start, "4").unwrap();
    assert_eq!(reasons(&[], None), ["input start (start.txt) has other content"]);
    std::fs::write(&start, "3").unwrap();
    let numbers = std::fs::read_to_string(out.join("numbers.txt")).unwrap();
    std::fs::write(out.join("numbers.txt"), numbers.replace('5', "6")).unwrap();
    assert_eq!(reasons(&[], None), ["output numbers.txt has other content"]);
    std::fs::write(out.join("numbers.txt"), "").unwrap();
    assert_eq!(reasons(&[], None), ["output numbers.txt has another size"]);
    std::fs::remove_file(out.join("numbers.txt")).unwrap();
    assert_eq!(reasons(&[], None), ["output numbers.txt is missing"]);
}

#[test]
fn files_that_the_configuration_names_are_inputs() {
    let dir = tempfile::tempdir().unwrap();
    let (out, notes) = (dir.path().join("out"), dir.path().join("notes.txt"));
    std::fs::write(&notes, "abc").unwrap();
    let prepared = prepare(&out, &[&format!("notes={}", notes.display())]);
    assert_eq!(prepared.files().map(|file| file.role.as_str()).collect::<Vec<_>>(), ["notes"]);
    let record = Numbers.execute(&prepared, &RunOptions::default()).unwrap().record;
    let [named] = record.key.inputs.as_slice() else { panic!("{:?}", record.key.inputs) };
    assert_eq!((named.role.as_str(), named.name.as_str(), named.bytes), ("notes", "notes.txt", 3));
    assert_eq!(record.input_paths, std::slice::from_ref(&notes));
    // it is a key, not an input, on the command line
    assert!(!record.reproduce.contains("--input") && record.reproduce.contains("notes="), "{}", record.reproduce);
    assert!(matches!(up_to_date(&prepared).unwrap(), Freshness::UpToDate(_)));
    std::fs::write(&notes, "abd").unwrap();
    assert!(matches!(up_to_date(&prepared).unwrap(), Freshness::Stale(_)));
    // one that is missing is the stage's business
    std::fs::remove_file(&notes).unwrap();
    assert!(matches!(up_to_date(&prepared).unwrap(), Freshness::Stale(_)));
    let again = RunOptions { overwrite: true, ..RunOptions::default() };
    assert_eq!(Numbers.execute(&prepared, &again).unwrap().record.key.inputs, []);
}

#[test]
fn the_command_line_of_a_run_reproduces_it() {
    let out = std::path::Path::new("some dir/x");
    let prepared = prepare(out, &["columns=[a, \"b c\", 'true']", "fail_at=99", "squares=false"]);
    let line = &prepared.command_line;
    assert_eq!(
        line,
        r#"recoil toy numbers -o 'some dir/x' --seed 1 fail_at=99 squares=false 'columns=[a, "b c", "true"]'"#
    );
    let again = prepare(out, &["fail_at=99", "squares=false", r#"columns=[a, "b c", "true"]"#]);
    assert_eq!(again.config, prepared.config);
}

#[test]
fn wrong_requests_are_refused_before_anything_is_read() {
    let request = |output: Option<&str>, input: Option<&str>| {
        let inputs = input.map(Into::into).into_iter().collect();
        let request = Request { output: output.map(Into::into), inputs, ..Request::default() };
        Sum.prepare(&request).map_err(|error| (error.kind(), error.to_string()))
    };
    let usage = |message: &str| (ErrorKind::Usage, message.to_string());
    assert_eq!(request(None, Some("a")).unwrap_err(), usage("missing output: -o (the sum)"));
    assert_eq!(
        request(Some("x.tx"), Some("a")).unwrap_err(),
        usage("cannot write 'x.tx': formats are txt (did you mean 'txt'?)")
    );
    assert_eq!(request(Some("dir/"), Some("a")).unwrap_err(), usage("toy sum writes one file, but -o names none"));
    assert_eq!(request(Some("x.txt"), None).unwrap_err(), usage("missing input: --input FILE (numbers, one a line)"));
    let missing = request(Some("x.txt"), Some("none.txt")).unwrap();
    assert_eq!(missing.inputs, Inputs::parse(&["none.txt".into()], Sum.describe().inputs).unwrap());
    let dir = tempfile::tempdir().unwrap();
    let missing = request(dir.path().join("x.txt").to_str(), Some("none.txt")).unwrap();
    let error = Sum.execute(&missing, &RunOptions::default()).unwrap_err();
    assert_eq!(error.to_string(), "cannot read none.txt: No such file or directory (os error 2)");
    assert_eq!(error.kind().exit_code(), 3);
}

#[test]
fn the_definitions_of_the_toy_stages_are_sound() {
    assert_eq!(verify(&Numbers), Vec::<String>::new());
    assert_eq!(verify(&Sum), Vec::<String>::new());
}
