//! The engine on an executor that runs each task at once, in this process.

#![allow(clippy::unwrap_used, clippy::panic)]

use recoil_production::ProductionError;
use recoil_production::engine::{Options, Summary, fresh, run};
use recoil_production::executors::{
    Capabilities, Ending, Executor, JobId, StepSubmission, TaskReport, TaskState, Watched,
};
use recoil_production::journal::{Event, Memory};
use recoil_production::plan::Plan;
use recoil_production::read::read;
use recoil_production::state::StateDir;
use recoil_production::task::run::execute;
use recoil_production::task::supervise::{Limits, Supervisor};
use recoil_production::task::{Outcome, TaskSpec};
use recoil_stage::progress::Silent;
use recoil_stage::{Cancel, Registry};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Runs tasks when they are submitted; like a batch system it takes whole arrays and reads their description.
struct AtOnce {
    state: StateDir,
    supervisor: Supervisor,
    news: Vec<TaskReport>,
    submissions: Vec<(String, Vec<usize>, u32, Option<u64>)>,
    /// Tasks that vanish instead of running.
    vanish: usize,
    /// What the next submissions are answered with.
    answers: Vec<ProductionError>,
}

impl Executor for AtOnce {
    fn name(&self) -> &'static str {
        "at-once"
    }
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            arrays: true,
            slots: None,
            array_limit: None,
            limits: true,
            poll_interval: Duration::from_millis(1),
        }
    }
    fn submit(&mut self, given: &StepSubmission) -> Result<JobId, ProductionError> {
        if let Some(answer) = self.answers.pop() {
            return Err(answer);
        }
        let memory = given.resources.memory_bytes;
        self.submissions.push((given.step.clone(), given.tasks.clone(), given.attempt, memory));
        let lines = std::fs::read_to_string(self.state.step(&given.step)).unwrap();
        let job = JobId(given.token.clone());
        for &task in &given.tasks {
            let mut ending = Ending::Exited;
            if self.vanish > 0 {
                self.vanish -= 1;
                ending = Ending::NodeFailure;
            } else {
                let spec: TaskSpec = serde_json::from_str(lines.lines().nth(task).unwrap()).unwrap();
                let limits =
                    Limits { memory_bytes: memory, time: given.resources.time_seconds.map(Duration::from_secs) };
                execute(&self.state, &spec, given.attempt, limits, &self.supervisor, task as u64).finish();
            }
            self.news.push(TaskReport { job: job.clone(), task, state: TaskState::Ended(ending) });
        }
        Ok(job)
    }
    fn find(&mut self, _token: &str) -> Result<Option<JobId>, ProductionError> {
        Ok(None)
    }
    fn poll(&mut self, _jobs: &[Watched], _wait: Duration) -> Result<Vec<TaskReport>, ProductionError> {
        Ok(std::mem::take(&mut self.news))
    }
    fn cancel(&mut self, _jobs: &[Watched]) -> Result<(), ProductionError> {
        Ok(())
    }
}

struct World {
    folder: tempfile::TempDir,
    executor: AtOnce,
    options: Options,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::new(folder.path().join("state"));
        let supervisor = Supervisor::start(Arc::default()).unwrap();
        let executor =
            AtOnce { state, supervisor, news: Vec::new(), submissions: Vec::new(), vanish: 0, answers: Vec::new() };
        let options = Options {
            keep_going: false,
            jobs: None,
            memory_factor: 2.0,
            memory_cap: None,
            cancel_on_interrupt: false,
            overwrite: false,
            hash_inputs: false,
            runner: Vec::new(),
            argv: Vec::new(),
            observer: Arc::new(Silent),
        };
        Self { folder, executor, options }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn plan(&self, text: &str) -> Plan {
        let file = self.path().join("p.yaml");
        std::fs::write(&file, text).unwrap();
        let (production, found) = read(&file, &Registry::default());
        assert!(!recoil_production::read::has_errors(&found), "{found:#?}");
        Plan::new(production.unwrap())
    }

    fn run(&mut self, text: &str) -> Result<Summary, ProductionError> {
        let plan = self.plan(text);
        let state = self.executor.state.clone();
        run(&plan, &state, &mut self.executor, &self.options, &Cancel::default())
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap_or_else(|_| panic!("{name} is missing"))
    }
}

const CHAIN: &str = r#"
steps:
  - {id: a, for: {i: 1..3}, command: [sh, -c, "echo $1 > $2; echo a$1 >> ran", sh, "{i}", "{output}"], output: "a{i}.txt"}
  - {id: b, command: [sh, -c, "o=$1; shift; cat \"$@\" > $o; echo b >> ran", sh, "{output}", "{inputs}"], inputs: a, output: b.txt}
"#;

#[test]
fn steps_run_once_and_again_when_something_changed() {
    let mut world = World::new();
    let summary = world.run(CHAIN).unwrap();
    assert_eq!((summary.done, summary.up_to_date), (4, 0));
    assert_eq!(world.read("b.txt"), "1\n2\n3\n");
    assert_eq!(world.executor.submissions.len(), 2, "one call per array");
    assert_eq!(world.run(CHAIN).unwrap().up_to_date, 4);
    assert_eq!(world.read("ran"), "a1\na2\na3\nb\n");

    std::fs::remove_file(world.path().join("a2.txt")).unwrap();
    let plan = world.plan(CHAIN);
    let memory = Memory::read(&world.executor.state).unwrap();
    let reasons = fresh::by_step(&plan, &fresh::tasks(&plan, &memory, false));
    let missing = format!("output {} is missing", world.path().join("a2.txt").display());
    assert_eq!(reasons, [vec!["1 of 3 tasks".to_string(), missing], vec!["step a runs before it".to_string()]]);
    assert_eq!(world.run(CHAIN).unwrap().done, 2);

    let changed = CHAIN.replace("echo b >>", "echo B >>");
    assert_eq!(world.run(&changed).unwrap().done, 1);
    assert_eq!(world.read("ran"), "a1\na2\na3\nb\na2\nb\nB\n");
}

#[test]
fn flaky_tasks_succeed_and_failures_stop_what_needs_them() {
    let mut world = World::new();
    let text = r#"
steps:
  - {id: flaky, retries: 1, command: [sh, -c, "if [ -e tried ]; then echo ok > $1; else touch tried; exit 3; fi", sh, "{output}"], output: f.txt}
  - {id: bad, command: [sh, -c, "echo half > $1; exit 4", sh, "{output}"], output: bad.txt}
  - {id: behind, command: [cp, "{input}", "{output}"], inputs: bad, output: behind.txt}
  - {id: beside, command: [cp, "{input}", "{output}"], inputs: flaky, output: beside.txt}
"#;
    world.options.keep_going = true;
    let summary = world.run(text).unwrap();
    assert_eq!((summary.done, summary.left), (2, 1));
    assert_eq!(summary.failed, ["bad: sh ended with exit code 4"]);
    assert_eq!(world.read("beside.txt"), "ok\n");
    assert!(!world.path().join("bad.txt").exists(), "a partial file has its final name");
    let hidden = std::fs::read_dir(world.path()).unwrap().flatten();
    assert!(hidden.into_iter().all(|entry| !entry.file_name().to_string_lossy().starts_with(".recoil-")));
}

#[test]
fn memory_grows_after_a_lack_of_it() {
    let mut world = World::new();
    let text = r#"
steps:
  - {id: big, resources: {memory: 20M}, output: big.txt,
     command: [sh, -c, "head -c 50000000 /dev/zero | tail -c 50000000 | (sleep 0.5; wc -c) > $1", sh, "{output}"]}
"#;
    let summary = world.run(text).unwrap();
    assert_eq!(summary.done, 1, "{summary:?}");
    let memory: Vec<Option<u64>> = world.executor.submissions.iter().map(|(.., memory)| *memory).collect();
    assert_eq!(memory, [Some(20 << 20), Some(40 << 20), Some(80 << 20)]);
    let mut outcomes = Vec::new();
    recoil_production::journal::read(&world.executor.state.journal(), |event| {
        if let Event::End { result } = event {
            outcomes.push(result.outcome);
        }
    })
    .unwrap();
    assert_eq!(outcomes, [Outcome::OutOfMemory, Outcome::OutOfMemory, Outcome::Done]);
}

#[test]
fn time_limits_end_tasks_with_all_their_children() {
    let mut world = World::new();
    let marker = format!("3{:07}", std::process::id());
    let text = format!(
        "steps: [{{id: slow, resources: {{time: 1s}}, output: x, command: [sh, -c, 'sleep {marker} & sleep {marker}; echo > \"$1\"', sh, '{{output}}']}}]"
    );
    let summary = world.run(&text).unwrap();
    assert_eq!(summary.failed, ["slow: stopped at its time limit (1.0 s)"]);
    let left = std::process::Command::new("pgrep").args(["-f", &format!("sleep {marker}")]).output().unwrap();
    assert!(left.stdout.is_empty(), "children of a stopped task run on");
}

#[test]
fn enough_successes_are_accepted() {
    let mut world = World::new();
    let text = r#"
steps:
  - {id: many, for: {i: 1..10}, acceptance: 0.7, output: "m{i}.txt",
     command: [sh, -c, "[ $1 -gt 3 ] && echo $1 > $2", sh, "{i}", "{output}"]}
  - {id: sum, command: [sh, -c, "o=$1; shift; cat \"$@\" > $o", sh, "{output}", "{inputs}"], inputs: many, output: sum.txt}
"#;
    let summary = world.run(text).unwrap();
    assert_eq!((summary.done, summary.accepted, summary.failed.len(), summary.left), (8, 3, 0, 0));
    assert_eq!(world.read("sum.txt"), "4\n5\n6\n7\n8\n9\n10\n");
    let again = world.run(text).unwrap();
    assert_eq!((again.done, again.up_to_date, again.accepted), (0, 8, 3), "accepted failures are settled");
    let strict = text.replace("0.7", "0.8");
    let mut other = World::new();
    let summary = other.run(&strict).unwrap();
    assert_eq!((summary.failed.len(), summary.left), (3, 1));
}

#[test]
fn lost_tasks_are_tried_again_without_being_counted() {
    let mut world = World::new();
    world.executor.vanish = 4;
    assert_eq!(world.run(CHAIN).unwrap().done, 4);
    let ran = world.read("ran");
    let mut ran: Vec<&str> = ran.lines().collect();
    ran.sort_unstable();
    assert_eq!(ran, ["a1", "a2", "a3", "b"]);
}

#[test]
fn files_of_others_are_not_replaced_unasked() {
    let mut world = World::new();
    std::fs::write(world.path().join("b.txt"), "precious").unwrap();
    let error = world.run(CHAIN).unwrap_err();
    assert!(matches!(&error, ProductionError::Exists(what) if what.contains("b.txt")), "{error}");
    assert_eq!((world.read("b.txt").as_str(), world.executor.submissions.len()), ("precious", 0));
    world.options.overwrite = true;
    assert_eq!(world.run(CHAIN).unwrap().done, 4);
    assert_eq!(world.read("b.txt"), "1\n2\n3\n");
}

#[test]
fn missing_inputs_stop_the_run_before_anything_is_submitted() {
    let mut world = World::new();
    let text = "steps: [{id: a, command: [cp, '{input}', '{output}'], input: none.txt, output: x}]";
    let error = world.run(text).unwrap_err().to_string();
    assert!(error.starts_with("1 inputs do not exist: ") && error.ends_with("none.txt"), "{error}");
    assert!(world.executor.submissions.is_empty());
}

#[test]
fn empty_outputs_are_outputs_and_missing_ones_are_failures() {
    let mut world = World::new();
    let summary = world.run("steps: [{id: a, command: [touch, '{output}'], output: empty}]").unwrap();
    assert_eq!((summary.done, world.read("empty").as_str()), (1, ""));
    let mut world = World::new();
    let summary = world.run("steps: [{id: a, command: [echo, '{output}'], output: none}]").unwrap();
    assert!(summary.failed[0].contains("did not write the file"), "{summary:?}");
}

#[test]
fn no_shell_sees_names() {
    let mut world = World::new();
    let nasty = "-x 'y' \"z\" $(touch pwned) `touch pwned`;touch pwned\n&& *";
    std::fs::write(world.path().join("conda.sh' $(touch pwned).sh"), "conda() { echo \"$@\" >> activated; }\n")
        .unwrap();
    let text = serde_json::json!({
        "defaults": {"environment": {"source": world.path().join("conda.sh' $(touch pwned).sh"), "conda": nasty}},
        "steps": [
            {"id": "a", "command": ["sh", "-c", "printf %s \"$1\" > \"$2\"", "sh", nasty, "{output}"],
             "output": format!("{nasty}/{nasty}.txt")},
            {"id": "b", "command": ["cp", "--", "{input}", "{output}"], "input": format!("{nasty}/{nasty}.txt"),
             "output": format!("{nasty}/copy {nasty}/")},
        ],
    });
    let summary = world.run(&text.to_string()).unwrap();
    assert_eq!(summary.done, 2, "{summary:?}");
    assert_eq!(world.read(&format!("{nasty}/{nasty}.txt")), nasty);
    assert_eq!(world.read(&format!("{nasty}/copy {nasty}/{nasty}.txt")), nasty);
    assert_eq!(world.read("activated"), format!("activate {nasty}\nactivate {nasty}\n"));
    assert!(!world.path().join("pwned").exists() && !world.path().join(nasty).join("pwned").exists());
}

#[test]
fn places_that_cannot_be_written_are_failures_that_name_them() {
    let mut world = World::new();
    std::fs::write(world.path().join("file"), "").unwrap();
    let text = "steps: [{id: a, command: [touch, '{output}'], output: file/x}, {id: b, command: [touch, '{output}'], output: ok}]";
    world.options.keep_going = true;
    let summary = world.run(text).unwrap();
    assert_eq!(summary.done, 1);
    assert!(
        summary.failed[0].contains("cannot create the directory") && summary.failed[0].contains("file"),
        "{summary:?}"
    );
    let full =
        "steps: [{id: full, command: [sh, -c, 'echo x > /dev/full && touch \"$1\"', sh, '{output}'], output: y}]";
    let summary = World::new().run(full).unwrap();
    assert!(summary.failed[0].starts_with("full: sh ended with exit code"), "{summary:?}");
}

#[test]
fn a_batch_system_that_takes_nothing_now_is_asked_again_and_one_that_refuses_is_not() {
    let text = "steps: [{id: a, command: [touch, '{output}'], output: 'a{i}', for: {i: 1..3}}]";
    let mut world = World::new();
    world.executor.answers = vec![ProductionError::Busy { executor: "at-once", message: "not now".into() }];
    let summary = world.run(text).unwrap();
    assert_eq!((summary.done, summary.failed.len()), (3, 0));
    assert_eq!(world.executor.submissions, [("a".into(), vec![0, 1, 2], 2, None)]);

    let mut world = World::new();
    world.executor.answers = vec![ProductionError::Refused { executor: "at-once", message: "no such queue".into() }];
    let summary = world.run(text).unwrap();
    assert_eq!(summary.done, 0);
    assert_eq!(summary.failed.first().unwrap(), "a.0: at-once refuses: no such queue");
    let summary = world.run(text).unwrap();
    assert_eq!((summary.done, summary.failed.len()), (3, 0), "a new run tries again");
}
