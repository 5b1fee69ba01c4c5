//! The executor of Slurm against programs that behave as badly as those of Slurm.

#![allow(clippy::unwrap_used, clippy::panic)]

use recoil_production::ProductionError;
use recoil_production::executors::slurm::Slurm;
use recoil_production::executors::{Ending, Executor, JobId, StepSubmission, TaskState, Watched};
use recoil_production::model::{Environment, Resources};
use recoil_production::state::StateDir;
use recoil_production::task::{Outcome, TaskResult};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Every program: notes its arguments, prints what the test has prepared for it, and ends as prepared.
const PROGRAM: &str = r#"#!/bin/sh
home=$(dirname "$0")
name=$(basename "$0")
[ "$1" = --version ] && exit 0
printf '%s\n' "$name" "$@" >> "$home/calls"
case "$*" in *%j*) name=names ;; esac
cat "$home/$name.out" 2>/dev/null
cat "$home/$name.err" >&2 2>/dev/null
[ ! -e "$home/$name.err" ]
"#;
const TIMED_OUT: &str = "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation\n";

struct World {
    folder: tempfile::TempDir,
    state: StateDir,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::new(folder.path().join("state"));
        state.create().unwrap();
        let own = Self { folder, state };
        for name in ["sbatch", "squeue", "scancel", "scontrol", "sacct"] {
            let path = own.path(name);
            fs::write(&path, PROGRAM).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        own.err("sacct", "Slurm accounting storage is disabled\n");
        own.out("sbatch", "42;cluster\n");
        own
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn out(&self, name: &str, text: &str) {
        let _ = fs::remove_file(self.path(&format!("{name}.err")));
        fs::write(self.path(&format!("{name}.out")), text).unwrap();
    }

    /// The program fails with these words.
    fn err(&self, name: &str, text: &str) {
        fs::write(self.path(&format!("{name}.err")), text).unwrap();
    }

    fn slurm(&self) -> Slurm {
        Slurm::with_programs(&self.state, self.folder.path()).unwrap()
    }

    fn calls(&self) -> Vec<String> {
        fs::read_to_string(self.path("calls")).unwrap_or_default().lines().map(str::to_string).collect()
    }

    fn submission(&self, tasks: &[usize]) -> StepSubmission {
        StepSubmission {
            production: "p".into(),
            step: "s".into(),
            tasks: tasks.to_vec(),
            attempt: 1,
            token: "s.1.7".into(),
            runner: vec!["/bin/recoil".into()],
            resources: Resources { memory_bytes: Some(1 << 30), ..Resources::default() },
            concurrent: None,
            scheduler: BTreeMap::new(),
            environment: Environment::default(),
            scripts: self.state.scripts(),
            directory: "/".into(),
            specs: Vec::new(),
        }
    }
}

fn watched(tasks: &[usize]) -> Vec<Watched> {
    let (job, token) = (JobId("42".into()), "s.1.7".into());
    vec![Watched { job, token, step: "s".into(), attempt: 1, tasks: tasks.to_vec() }]
}

/// News of the tasks, by their numbers.
fn news(slurm: &mut Slurm, tasks: &[usize]) -> BTreeMap<usize, TaskState> {
    let news = slurm.poll(&watched(tasks), Duration::from_millis(200)).unwrap();
    news.into_iter().map(|report| (report.task, report.state)).collect()
}

fn stop_file(world: &World) -> bool {
    Path::new(&world.state.scripts().join("s.1.7.stop")).exists()
}

#[test]
fn a_lost_reply_is_found_by_the_name_of_the_job() {
    let world = World::new();
    world.err("sbatch", TIMED_OUT);
    world.out("names", "41|other|\n42|s.1.7|\n");
    assert_eq!(world.slurm().submit(&world.submission(&[0, 1])).unwrap(), JobId("42".into()));
    assert!(!stop_file(&world));
    world.out("names", "41|of the user|s.1.7\n");
    assert_eq!(world.slurm().find("s.1.7").unwrap(), Some(JobId("41".into())), "by its comment");
}

#[test]
fn a_submission_that_cannot_be_found_is_made_void() {
    let world = World::new();
    world.out("names", "41|other|\n");
    for words in [TIMED_OUT, "sbatch: error: Unable to contact slurm controller (connect failure)"] {
        world.err("sbatch", words);
        let error = world.slurm().submit(&world.submission(&[0])).unwrap_err();
        assert!(matches!(&error, ProductionError::Busy { message, .. } if message == words.trim()), "{error}");
        assert!(stop_file(&world));
    }
    // a reply that is no number
    world.out("sbatch", "");
    assert!(matches!(world.slurm().submit(&world.submission(&[0])), Err(ProductionError::Busy { .. })));
}

#[test]
fn a_refusal_is_final() {
    let world = World::new();
    world.err("sbatch", "sbatch: error: invalid partition specified: nope\n");
    let error = world.slurm().submit(&world.submission(&[0])).unwrap_err();
    assert!(matches!(error, ProductionError::Refused { .. }));
    assert_eq!(error.to_string(), "slurm refuses: sbatch: error: invalid partition specified: nope");
}

#[test]
fn a_controller_that_does_not_answer_is_asked_again() {
    let world = World::new();
    world.err("squeue", "slurm_load_jobs error: Unable to contact slurm controller (connect failure)\n");
    let mut slurm = world.slurm();
    assert_eq!(news(&mut slurm, &[0]), BTreeMap::new());
    let warnings = slurm.warnings();
    assert!(warnings.len() == 1 && warnings[0].contains("Unable to contact slurm controller"), "{warnings:?}");
    // meanwhile results count all the same
    let result = TaskResult::without_file("s", 1, 1, Outcome::Done, String::new());
    fs::write(world.state.result("s", 1, 1), serde_json::to_vec(&result).unwrap()).unwrap();
    assert_eq!(news(&mut slurm, &[0, 1]), BTreeMap::from([(1, TaskState::Ended(Ending::Exited))]));
    assert_eq!(slurm.results(), [result]);
    world.out("squeue", "42|0|RUNNING|n7\n");
    let found = (0..100).map(|_| news(&mut slurm, &[0])).find(|news| !news.is_empty()).unwrap();
    assert_eq!(found, BTreeMap::from([(0, TaskState::Running(Some("n7".into())))]));
    assert_eq!(slurm.warnings(), ["slurm: it answers again"]);
}

#[test]
fn jobs_that_are_forgotten_have_vanished_unless_accounting_knows_them() {
    let world = World::new();
    world.err("squeue", "slurm_load_jobs error: Invalid job id specified\n");
    let vanished = TaskState::Ended(Ending::Vanished);
    assert_eq!(news(&mut world.slurm(), &[0, 1]), BTreeMap::from([(0, vanished.clone()), (1, vanished.clone())]));
    // without a data base it is asked once
    let mut slurm = world.slurm();
    news(&mut slurm, &[0]);
    let asked = || world.calls().iter().filter(|line| *line == "sacct").count();
    let before = asked();
    (0..100).find(|_| !news(&mut slurm, &[0]).is_empty()).unwrap();
    assert_eq!(asked(), before);

    world.out("squeue", "42|0|PENDING|\n");
    world.out("sacct", "42_1|OUT_OF_MEMORY|n1\n42_2|CANCELLED by 0|None assigned\n");
    let expected = [
        (0, TaskState::Waiting),
        (1, TaskState::Ended(Ending::OutOfMemory)),
        (2, TaskState::Ended(Ending::Cancelled)),
        (3, vanished),
    ];
    assert_eq!(news(&mut world.slurm(), &[0, 1, 2, 3]), BTreeMap::from(expected));
}

#[test]
fn element_numbers_stay_below_the_limit_of_arrays() {
    let world = World::new();
    world.out("scontrol", "MaxArraySize            = 1000\n  ConstrainRAMSpace       = yes\n");
    let mut slurm = world.slurm();
    assert_eq!(slurm.capabilities().array_limit, Some(1000));
    slurm.submit(&world.submission(&[2000, 2001, 2005])).unwrap();
    let calls = world.calls();
    assert!(calls.contains(&"--array=0-1,5".into()), "{calls:#?}");
    let at = calls.iter().position(|word| word == "--first").unwrap();
    assert_eq!(calls[at + 1], "2000");
    assert!(!calls.contains(&"--memory".into()), "Slurm watches over memory itself");
    world.out("squeue", "42|1|COMPLETED|n1\n42|5|TIMEOUT|n1\n");
    let expected = [(2001, TaskState::Ended(Ending::Succeeded)), (2005, TaskState::Ended(Ending::TimeLimit))];
    assert_eq!(news(&mut slurm, &[2001, 2005]), BTreeMap::from(expected));
    slurm.cancel(&watched(&[2000, 2005])).unwrap();
    assert_eq!(world.calls().last().unwrap(), "42_[0,5]");
}

#[test]
fn a_machine_without_slurm_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let error = Slurm::with_programs(&StateDir::new(folder.path()), folder.path()).err().unwrap().to_string();
    assert!(error.starts_with("slurm: cannot start ") && error.contains("sbatch"), "{error}");
}
