//! The executor of HTCondor against programs and logs like those of HTCondor.

#![allow(clippy::unwrap_used, clippy::panic)]

use recoil_production::ProductionError;
use recoil_production::executors::htcondor::HtCondor;
use recoil_production::executors::{Ending, Executor, JobId, StepSubmission, TaskState, Watched};
use recoil_production::model::{Environment, Resources};
use recoil_production::state::StateDir;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

/// Prints and fails as the test has prepared, and notes its arguments.
const PROGRAM: &str = r#"#!/bin/sh
home=$(dirname "$0")
name=$(basename "$0")
[ "$1" = -version ] && exit 0
printf '%s\n' "$name" "$@" >> "$home/calls"
cat "$home/$name.out" 2>/dev/null
cat "$home/$name.err" >&2 2>/dev/null
[ ! -e "$home/$name.err" ]
"#;
const LOST: &str = "ERROR: Failed to connect to local queue manager";

fn world() -> (tempfile::TempDir, StateDir, HtCondor) {
    let folder = tempfile::tempdir().unwrap();
    for name in ["condor_submit", "condor_rm", "condor_q"] {
        let path = folder.path().join(name);
        fs::write(&path, PROGRAM).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let state = StateDir::new(folder.path().join("state"));
    state.create().unwrap();
    let executor = HtCondor::with_programs(&state, folder.path()).unwrap();
    (folder, state, executor)
}

fn submission(scripts: &Path, tasks: &[usize]) -> StepSubmission {
    StepSubmission {
        production: "p".into(),
        step: "s".into(),
        tasks: tasks.to_vec(),
        attempt: 1,
        token: "s.1.7".into(),
        runner: vec!["/bin/recoil".into()],
        resources: Resources::default(),
        concurrent: None,
        scheduler: BTreeMap::new(),
        environment: Environment::default(),
        scripts: scripts.into(),
        directory: "/".into(),
        specs: Vec::new(),
    }
}

#[test]
fn an_array_is_one_submission_whose_log_brings_the_news() {
    let (folder, state, mut executor) = world();
    fs::write(folder.path().join("condor_submit.out"), "123.0 - 123.1\n").unwrap();
    let job = executor.submit(&submission(&state.scripts(), &[4, 6])).unwrap();
    assert_eq!(job, JobId("123".into()));
    let text = fs::read_to_string(state.scripts().join("s.1.7.sub")).unwrap();
    assert!(text.ends_with("queue task in (4, 6)\n"), "{text}");
    let watched = [Watched { job, token: "s.1.7".into(), step: "s".into(), attempt: 1, tasks: vec![4, 6] }];
    assert_eq!(executor.poll(&watched, Duration::ZERO).unwrap(), []);
    let log = "000 (123.001.000) x Job submitted from host: <h>\n    recoil task 6\n...\n\
               005 (123.001.000) x Job terminated.\n\t(1) Normal termination (return value 5)\n...\n";
    fs::write(state.scripts().join("s.1.7.log"), log).unwrap();
    let news = executor.poll(&watched, Duration::ZERO).unwrap();
    assert_eq!((news.len(), news[0].task, &news[0].state), (1, 6, &TaskState::Ended(Ending::Exited)));
    executor.cancel(&watched).unwrap();
    let calls = fs::read_to_string(folder.path().join("calls")).unwrap();
    assert!(calls.ends_with("condor_rm\n123\n"), "{calls}");
}

#[test]
fn a_lost_reply_is_found_in_the_log_or_the_queue_or_made_void() {
    let (folder, state, mut executor) = world();
    fs::write(folder.path().join("condor_submit.err"), LOST).unwrap();
    let given = submission(&state.scripts(), &[0]);
    assert!(matches!(executor.submit(&given), Err(ProductionError::Busy { .. })));
    assert!(state.scripts().join("s.1.7.stop").exists());
    fs::write(folder.path().join("condor_q.out"), "77\n").unwrap();
    assert_eq!(executor.submit(&given).unwrap(), JobId("77".into()));
    fs::write(state.scripts().join("s.1.7.log"), "000 (78.000.000) x Job submitted from host: <h>\n...\n").unwrap();
    assert_eq!(executor.find("s.1.7").unwrap(), Some(JobId("78".into())));
    fs::write(folder.path().join("condor_submit.err"), "ERROR: Parse error").unwrap();
    assert!(matches!(executor.submit(&given), Err(ProductionError::Refused { .. })));
}
