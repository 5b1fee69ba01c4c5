//! What is said about production files of lstmcpipe, one kind of mistake at a time.
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use recoil_production::finding::{Finding, Severity};
use recoil_production::lstmcpipe::Stage;
use recoil_production::model::{OutputKind, Production};
use recoil_production::plan::{Plan, command_lines};
use recoil_production::read::read;
use recoil_stage::Registry;
use std::fs;
use std::path::Path;

const HEAD: &str = "workflow_kind: lstchain\nprod_id: P\nsource_environment:\n  source_file: /sw/conda.sh\n  conda_env: lst\nslurm_config:\n  user_account: dpps\n";

/// A whole production below `@`, with the input of its first stage there.
const FULL: &str = "stages_to_run: [r0_to_dl1, train_test_split, merge_dl1, train_pipe, dl1_to_dl2, dl2_to_irfs, dl2_to_sensitivity]
stages:
  r0_to_dl1:
  - {input: @/dl0/g, output: @/dl1/g}
  - {input: @/dl0/p, output: @/dl1/p}
  train_test_split:
  - {input: @/dl1/g, output: {train: @/dl1/g/train, test: @/dl1/g/test}}
  merge_dl1:
  - {input: @/dl1/g/train, output: @/dl1/g/dl1_g_train.h5, options: --no-image}
  - {input: @/dl1/g/test, output: @/dl1/g/dl1_g_test.h5, options: --no-image}
  - {input: @/dl1/p, output: @/dl1/p/dl1_p.h5, options: --pattern '*.h5' --no-image}
  train_pipe:
  - {input: {gamma: @/dl1/g/dl1_g_train.h5, proton: @/dl1/p/dl1_p.h5}, output: @/models}
  dl1_to_dl2:
  - {input: @/dl1/g/dl1_g_test.h5, path_model: @/models, output: @/dl2/g, extra_slurm_options: {mem: 60GB, time: 02-00:00:00, nice: 10}}
  - {input: @/dl1/p/dl1_p.h5, path_model: @/models, output: @/dl2/p, extra_slurm_options: {mem: 100G, time: '04:00:00', partition: xxl}}
  dl2_to_irfs:
  - {input: {gamma_file: @/dl2/g/dl2_g_test.h5, proton_file: , electron_file: ''}, output: @/irf/irf.fits.gz, options: --point-like}
  dl2_to_sensitivity:
  - {input: {gamma_file: @/dl2/g/dl2_g_test.h5, proton_file: @/dl2/p/dl2_p.h5, electron_file: @/dl2/p/dl2_p.h5}, output: @/irf/s.fits.gz}
";

struct Case {
    home: tempfile::TempDir,
}

impl Case {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        for particle in ["g", "p"] {
            let directory = home.path().join("dl0").join(particle);
            fs::create_dir_all(&directory).unwrap();
            for run in 0..3 {
                fs::write(directory.join(format!("run{run}.simtel.gz")), "").unwrap();
            }
        }
        let config = r#"{"image_extractor": "S", "S": {"apply_integration_correction": true}}"#;
        fs::write(home.path().join("lstchain.json"), config).unwrap();
        Self { home }
    }

    fn path(&self) -> &Path {
        self.home.path()
    }

    fn read(&self, text: &str) -> (Option<Production>, Vec<Finding>) {
        let file = self.path().join("p.yml");
        fs::write(&file, text.replace('@', &self.path().to_string_lossy())).unwrap();
        read(&file, &Registry::new(Vec::new()))
    }

    /// Errors and warnings as `CODE LINE`.
    fn said(&self, text: &str) -> Vec<String> {
        let found = self.read(text).1;
        let mut said: Vec<String> = found
            .iter()
            .map(|f| {
                let mark = if f.severity == Severity::Error { "!" } else { "" };
                format!("{mark}{} {}", f.code, f.location.line)
            })
            .collect();
        said.dedup();
        said
    }
}

fn full() -> String {
    format!("{HEAD}{FULL}")
}

#[test]
fn a_sound_file_has_no_findings_and_every_stage_its_command() {
    let case = Case::new();
    let (production, found) = case.read(&full());
    assert_eq!(found, []);
    let plan = Plan::new(production.unwrap());
    let lines: Vec<String> = plan
        .production
        .steps
        .iter()
        .map(|step| {
            let line = command_lines(&step.tasks[0]).join(" && ");
            let line = line.replace(&*case.path().to_string_lossy(), "@");
            let recoil = std::env::current_exe().unwrap();
            format!("{}: {}", step.id, line.replace(&*recoil.to_string_lossy(), "recoil"))
        })
        .collect();
    let expected = [
        "r0_to_dl1-1: lstchain_mc_r0_to_dl1 --input-file=@/dl0/g/run0.simtel.gz --output-dir=@/dl1/g --config=@/lstchain.json && lstchain_mc_r0_to_dl1 --input-file=@/dl0/g/run1.simtel.gz --output-dir=@/dl1/g --config=@/lstchain.json && lstchain_mc_r0_to_dl1 --input-file=@/dl0/g/run2.simtel.gz --output-dir=@/dl1/g --config=@/lstchain.json",
        "r0_to_dl1-2: lstchain_mc_r0_to_dl1 --input-file=@/dl0/p/run0.simtel.gz --output-dir=@/dl1/p --config=@/lstchain.json && lstchain_mc_r0_to_dl1 --input-file=@/dl0/p/run1.simtel.gz --output-dir=@/dl1/p --config=@/lstchain.json && lstchain_mc_r0_to_dl1 --input-file=@/dl0/p/run2.simtel.gz --output-dir=@/dl1/p --config=@/lstchain.json",
        "train_test_split-1: recoil production train_test_split -i @/dl1/g --otest @/dl1/g/test --otrain @/dl1/g/train -r 0.5",
        "merge_dl1-1: lstchain_merge_hdf5_files -d @/dl1/g/train -o @/dl1/g/dl1_g_train.h5 --no-image",
        "merge_dl1-2: lstchain_merge_hdf5_files -d @/dl1/g/test -o @/dl1/g/dl1_g_test.h5 --no-image",
        "merge_dl1-3: lstchain_merge_hdf5_files -d @/dl1/p -o @/dl1/p/dl1_p.h5 --pattern '*.h5' --no-image",
        "train_pipe-1: lstchain_mc_trainpipe --fg @/dl1/g/dl1_g_train.h5 --fp @/dl1/p/dl1_p.h5 -o @/models -c @/lstchain.json",
        "plot_rf_features-1: lstmcpipe_plot_models_importance @/models -cf @/lstchain.json",
        "dl1_to_dl2-1: lstchain_dl1_to_dl2 -f @/dl1/g/dl1_g_test.h5 -p @/models -o @/dl2/g -c @/lstchain.json",
        "dl1_to_dl2-2: lstchain_dl1_to_dl2 -f @/dl1/p/dl1_p.h5 -p @/models -o @/dl2/p -c @/lstchain.json",
        "dl2_to_irfs-1: lstchain_create_irf_files --point-like -g @/dl2/g/dl2_g_test.h5 -o @/irf/irf.fits.gz --config=@/lstchain.json",
        "dl2_to_sensitivity-1: lstmcpipe_dl2_to_sensitivity -g @/dl2/g/dl2_g_test.h5 -p @/dl2/p/dl2_p.h5 -e @/dl2/p/dl2_p.h5 -o @/irf/s.fits.gz && lstmcpipe_plot_irfs -f @/irf/s.fits.gz -o @/irf/s.fits.gz.png",
    ];
    assert_eq!(lines, expected);
    let before: Vec<Vec<usize>> = plan.graph.depends_on.clone();
    let expected: Vec<Vec<usize>> = vec![
        vec![],
        vec![],
        vec![0],
        vec![0, 2],
        vec![0, 2],
        vec![1],
        vec![3, 5],
        vec![6],
        vec![4, 6],
        vec![5, 6],
        vec![8],
        vec![8, 9],
    ];
    // a half lies inside the directory that the DL1 stage fills, so the merge waits for both
    assert_eq!(before, expected);
    let dl2 = &plan.production.steps[8];
    assert_eq!((dl2.resources.memory_bytes, dl2.resources.time_seconds), (Some(60 << 30), Some(172_800)));
    assert_eq!(dl2.scheduler.get("nice").map(String::as_str), Some("10"));
    assert_eq!(dl2.scheduler.get("partition").map(String::as_str), Some("short"));
    assert_eq!(dl2.scheduler.get("account").map(String::as_str), Some("dpps"));
    let other = &plan.production.steps[9];
    assert_eq!((other.resources.memory_bytes, other.resources.time_seconds), (Some(100 << 30), Some(14_400)));
    assert_eq!(other.scheduler.get("partition").map(String::as_str), Some("xxl"));
}

#[test]
fn all_mistakes_of_the_top_are_found_in_one_run() {
    let case = Case::new();
    let said =
        case.said("workflow_kid: lstchain\nprod_idd: x\nsource_environment: {source_file: a}\nstages_to_run: []\n");
    assert_eq!(
        said,
        ["!missing-key 1", "missing-prod-id 1", "unknown-key 1", "unknown-key 2", "!missing-key 3", "!no-stages 4"]
    );
    let found = case.read("workflow_kid: lstchain\nstages: {}\nstages_to_run: [merge]\n").1;
    let hints: Vec<&str> = found.iter().filter_map(|f| f.hint.as_deref()).collect();
    assert!(hints.contains(&"'workflow_kid' is probably meant to be 'workflow_kind'"), "{hints:?}");
    let with = |from: &str, to: &str| case.said(&full().replace(from, to));
    assert_eq!(with("workflow_kind: lstchain", "workflow_kind: lstchian"), ["!bad-value 1"]);
    assert_eq!(
        with("stages_to_run: [r0_to_dl1,", "stages_to_run: [r0_to_dl1, dl1ab,"),
        ["!conflict 8", "!undefined-stage 8"]
    );
    assert_eq!(with("stages_to_run: [r0_to_dl1,", "stages_to_run: [r0_to_dl1, r0_to_dl1,"), ["repeated-stage 8"]);
    assert_eq!(with(", dl2_to_sensitivity]", "]"), ["stage-not-run 26"]);
    assert_eq!(with(", dl2_to_sensitivity]", ", dl2_to_sensitivty]"), ["!unknown-stage 8", "stage-not-run 26"]);
    assert_eq!(with("  conda_env: lst\n", ""), ["!missing-key 4"]);
    assert_eq!(with("slurm_config:\n  user_account: dpps\n", "slurm_config: dpps\n"), ["!wrong-type 6"]);
    assert_eq!(with("prod_id: P\n", "prod_id: P\ndl1_noise_tune_data_run: /d.h5\n"), ["!missing-key 3"]);
}

#[test]
fn all_mistakes_of_the_steps_are_found_in_one_run() {
    let case = Case::new();
    let text = format!(
        "{HEAD}stages_to_run: [r0_to_dl1, merge_dl1, train_pipe, dl1_to_dl2, dl2_to_irfs]
stages:
  r0_to_dl1:
  - {{input: , ouput: /b}}
  - word
  merge_dl1:
    input: /a
    output: /b
  train_pipe:
  - {{input: /a.h5, output: /m}}
  - {{input: {{gamma: /g.h5, protons: /p.h5}}, output: /m2}}
  dl1_to_dl2:
  - {{input: /a.h5, output: /c, options: --x, extra_slurm_options: {{mem: lots, time: soon, cpus-per-task: 0}}}}
  dl2_to_irfs:
  - {{input: {{gamma_file: }}, output: [/x], options: \"it's\"}}
"
    );
    assert_eq!(
        case.said(&text),
        [
            "!missing-path 11",
            "!missing-key 11",
            "unknown-key 11",
            "!wrong-type 12",
            "!wrong-type 14",
            "!wrong-type 17",
            "!missing-key 18",
            "unknown-key 18",
            "!missing-key 20",
            "unread-option 20",
            "!bad-value 20",
            "!missing-path 22",
            "!bad-value 22",
        ]
    );
    let found = case.read(&text).1;
    let hint = found.iter().find(|f| f.code == "unknown-key" && f.location.line == 11).unwrap().hint.clone();
    assert_eq!(hint.as_deref(), Some("did you mean 'output'?"));
}

#[test]
fn leftovers_of_older_versions_are_named_with_what_to_write() {
    let case = Case::new();
    let old = full()
        .replace("extra_slurm_options: {mem: 60GB, time: 02-00:00:00, nice: 10}", "slurm_options: '-p xxl --mem=100G'");
    let (production, found) = case.read(&old);
    let hints: Vec<Option<&str>> = found.iter().map(|f| f.hint.as_deref()).collect();
    assert_eq!(hints, [Some("write 'extra_slurm_options: {partition: xxl, mem: 100G}'")]);
    assert_eq!((found[0].code, found[0].severity), ("slurm-options", Severity::Warning));
    // it runs with the defaults of its stage, as lstmcpipe does
    let dl2 = production.unwrap().steps.into_iter().find(|step| step.id == "dl1_to_dl2-1").unwrap();
    assert_eq!(dl2.resources.memory_bytes, Some(32 << 30));
}

#[test]
fn the_test_size_is_read_where_it_is_written() {
    let case = Case::new();
    let ratio = |text: &str| {
        let (production, found) = case.read(&full().replace("test: @/dl1/g/test}}", text));
        let codes: Vec<&str> = found.iter().map(|f| f.code).collect();
        let line = production.map(|p| command_lines(&p.steps[2].tasks[0])[0].clone()).unwrap_or_default();
        (line.rsplit(' ').next().unwrap_or_default().to_string(), codes)
    };
    assert_eq!(ratio("test: @/dl1/g/test}, options: {test_size: 0.25}}"), ("0.25".into(), vec!["unread-option"]));
    assert_eq!(ratio("test: @/dl1/g/test, ratio: 0.3}}"), ("0.3".into(), vec![]));
    assert_eq!(ratio("test: @/dl1/g/test, ratio: 0.3}, options: {test_size: 0.4}}").0, "0.3");
    assert_eq!(ratio("test: @/dl1/g/test, ratio: 2}}").1, ["bad-value"]);
}

#[test]
fn stages_that_miss_each_other_are_errors() {
    let case = Case::new();
    let text = format!(
        "{HEAD}stages_to_run: [r0_to_dl1, merge_dl1]
stages:
  r0_to_dl1:
  - {{input: @/dl0/g, output: @/dl1/node_corsika_theta_52.374_az_240.004_}}
  merge_dl1:
  - {{input: @/dl1/node_theta_52.374_az_240.004_, output: @/dl1/merged.h5}}
"
    );
    let found = case.read(&text).1;
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].code, found[0].severity, found[0].location.line), ("missed-output", Severity::Error, 13));
    assert!(found[0].hint.as_ref().unwrap().contains("node_corsika_theta_52.374"), "{found:?}");
    // another pointing may come from another production
    assert_eq!(case.said(&text.replace("node_theta_52.374_az", "node_corsika_theta_52.375_az")), ["missed-output 13"]);
    assert_eq!(case.said(&text.replace("node_theta_52.374_az_240.004_", "of_another")), ["missing-input 13"]);
    // what is there is no mistake
    fs::create_dir_all(case.path().join("dl1/node_theta_52.374_az_240.004_")).unwrap();
    assert_eq!(case.said(&text), [""; 0]);
}

#[test]
fn names_that_a_stage_does_not_write_are_named() {
    let case = Case::new();
    let wrong = full().replace(
        "{gamma_file: @/dl2/g/dl2_g_test.h5, proton_file: , ",
        "{gamma_file: @/dl2/g/dl2_test.h5, proton_file: , ",
    );
    let found = case.read(&wrong).1;
    assert_eq!((found.len(), found[0].code, found[0].severity), (1, "missed-output", Severity::Warning));
    assert_eq!(found[0].hint.as_deref(), Some("dl1_to_dl2-1 writes dl2_g_test.h5"));
    // a directory of DL2 files that is spelled in two ways
    let text = format!(
        "{HEAD}stages_to_run: [dl1_to_dl2, dl2_to_irfs]
stages:
  dl1_to_dl2:
  - {{input: @/a.h5, path_model: @/m, output: @/dl2/node_corsika_theta_10.0_az_102.199_}}
  dl2_to_irfs:
  - {{input: {{gamma_file: @/dl2/node_theta_10.0_az_102.199_/a.h5}}, output: @/i.fits.gz}}
"
    );
    assert_eq!(case.said(&text), ["missing-input 11", "!missed-output 13"]);
}

#[test]
fn steps_that_wait_for_each_other_or_for_later_ones_are_errors() {
    let case = Case::new();
    let circle = full().replace("input: @/dl1/g, output", "input: @/dl2/g, output");
    assert_eq!(case.said(&circle), ["!cycle 14"]);
    let found = case.read(&circle).1;
    assert!(found[0].message.contains("train_test_split-1") && found[0].message.contains("dl1_to_dl2-1"), "{found:?}");
    let late =
        full().replace("path_model: @/models, output: @/dl2/p", "path_model: @/irf/irf.fits.gz, output: @/dl2/p");
    assert_eq!(case.said(&late), ["!wrong-order 23"]);
    // what is there may be read, whoever writes it again
    fs::create_dir_all(case.path().join("dl2/g")).unwrap();
    assert_eq!(case.said(&circle), [""; 0]);
}

#[test]
fn a_trial_that_fails_is_an_error() {
    let case = Case::new();
    let root = case.path();
    let text = full().replace("/sw/conda.sh", "@/conda.sh").replace('@', &root.to_string_lossy());
    let file = root.join("p.yml");
    fs::write(&file, &text).unwrap();
    let node = recoil_production::yaml::parse(&file, &text).unwrap();
    let simulation = root.join("dl0/g/run0.simtel.gz");
    let with = |program: &str| {
        let conda = "conda() { [ \"$1 $2\" = 'activate lst' ]; }\n";
        fs::write(root.join("conda.sh"), format!("{conda}PATH={}:$PATH\n", root.display())).unwrap();
        let path = root.join("lstchain_mc_r0_to_dl1");
        fs::write(&path, format!("#!/bin/bash\n{program}\n")).unwrap();
        let mode: fs::Permissions = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(&path, mode).unwrap();
        recoil_production::lstmcpipe::trial::trial(&file, &node, &simulation)
    };
    assert_eq!(with("echo > \"${2#*=}/dl1.h5\""), []);
    let failed = with("echo 'no telescope 1' >&2; exit 3");
    assert_eq!((failed[0].code, failed[0].severity, failed[0].location.line), ("trial-failed", Severity::Error, 11));
    assert!(failed[0].message.contains("no telescope 1") && failed[0].message.contains("exit status: 3"), "{failed:?}");
    assert!(with("true")[0].message.contains("wrote nothing"));
}

#[test]
fn files_that_are_replaced_by_their_reader_are_named() {
    let case = Case::new();
    let text = format!(
        "{HEAD}stages_to_run: [dl1ab, merge_dl1]
stages:
  dl1ab:
  - {{input: @/dl1/n, output: @/dl1/n}}
  merge_dl1:
  - {{input: @/dl1/n, output: @/dl1/n.h5}}
"
    );
    fs::create_dir_all(case.path().join("dl1/n")).unwrap();
    fs::write(case.path().join("dl1/n/a.h5"), "").unwrap();
    let (production, found) = case.read(&text);
    assert_eq!(found.iter().map(|f| f.code).collect::<Vec<_>>(), ["in-place"]);
    let plan = Plan::new(production.unwrap());
    assert_eq!(plan.graph.depends_on, [vec![], vec![0]]);
}

#[test]
fn files_written_twice_are_errors_and_shared_halves_are_named() {
    let case = Case::new();
    let twice = full().replace("@/dl1/g/dl1_g_test.h5, options", "@/dl1/g/dl1_g_train.h5, options");
    assert!(case.said(&twice).iter().any(|said| said.starts_with("!duplicate-output")), "{:?}", case.said(&twice));
    // both offsets share out into one place, as in generated prod5 files of lstmcpipe
    let shared = full().replace(
        "  merge_dl1:\n",
        "  - {input: @/dl1/p, output: {train: @/dl1/g/train, test: @/dl1/g/test}}\n  merge_dl1:\n",
    );
    assert_eq!(case.said(&shared), ["shared-output 15"]);
}

#[test]
fn what_later_stages_write_makes_no_circle_and_no_stale_input() {
    let case = Case::new();
    let (production, _) = case.read(&full());
    let production = production.unwrap();
    // merged files lie in the directory that was shared out
    let split = &production.steps[2].tasks[0];
    let names: Vec<String> =
        split.apart.iter().map(|path| path.strip_prefix(case.path()).unwrap().display().to_string()).collect();
    assert_eq!(names, ["dl1/g/dl1_g_test.h5", "dl1/g/dl1_g_train.h5", "dl1/g/test", "dl1/g/train"]);
    assert!(Plan::new(production).graph.cycles.is_empty());
}

#[test]
fn an_input_without_files_is_an_error_and_one_that_is_not_here_a_warning() {
    let case = Case::new();
    fs::create_dir_all(case.path().join("dl0/empty")).unwrap();
    assert_eq!(case.said(&full().replace("@/dl0/g", "@/dl0/empty")), ["!empty-input 11"]);
    let (production, found) = case.read(&full().replace("@/dl0/g", "/nowhere/dl0/g"));
    let said: Vec<(&str, Severity)> = found.iter().map(|f| (f.code, f.severity)).collect();
    assert_eq!(said, [("missing-input", Severity::Warning)]);
    // the plan names the directory, and the merge still waits for the stage
    let plan = Plan::new(production.unwrap());
    let line = &command_lines(&plan.production.steps[0].tasks[0])[0];
    assert!(line.contains("--input-file=/nowhere/dl0/g/*.simtel.gz"), "{line}");
    assert_eq!(plan.graph.depends_on[3], [0, 2]);
}

#[test]
fn files_come_from_the_directory_as_it_is_now() {
    let case = Case::new();
    // lists of files that an earlier run left behind
    let logs = case.path().join("dl1/g/job_logs_r0dl1");
    fs::create_dir_all(&logs).unwrap();
    fs::write(logs.join("r0_to_dl1_7.sublist"), "/old/run9.simtel.gz\n").unwrap();
    let (production, _) = case.read(&full());
    let tasks = &production.unwrap().steps[0].tasks;
    assert_eq!((tasks.len(), tasks[0].commands.len()), (1, 3));
    assert!(tasks[0].commands.iter().all(|command| !format!("{command:?}").contains("/old/")));
}

#[test]
fn outputs_get_temporary_names_and_nothing_is_removed_when_reading() {
    let case = Case::new();
    fs::create_dir_all(case.path().join("dl2/g")).unwrap();
    fs::write(case.path().join("dl2/g/old.h5"), "kept").unwrap();
    let (production, _) = case.read(&full());
    assert_eq!(fs::read_to_string(case.path().join("dl2/g/old.h5")).unwrap(), "kept");
    for step in production.unwrap().steps.iter().filter(|step| !step.stage.starts_with("plot")) {
        for task in &step.tasks {
            let named = |index: usize| {
                let is = |argument: &recoil_production::model::Argument| matches!(argument, recoil_production::model::Argument::Output { output, .. } if *output == index);
                task.commands.iter().any(|command| command.argv.iter().any(is))
            };
            assert!((0..task.outputs.len()).all(named), "{} writes under a final name", step.id);
            assert!(!task.outputs.is_empty());
            let kind = task.outputs[0].kind;
            let is_file = ["merge_dl1", "dl2_to_irfs", "dl2_to_sensitivity"].contains(&step.stage.as_str());
            assert_eq!(kind == OutputKind::File, is_file, "{}", step.id);
        }
    }
}

#[test]
fn both_sensitivities_are_planned_and_no_job_stands_for_all_others() {
    let case = Case::new();
    let second = "  - {input: {gamma_file: @/dl2/g/dl2_g_test.h5, proton_file: @/dl2/p/dl2_p.h5, electron_file: @/dl2/p/dl2_p.h5}, output: @/irf/s2.fits.gz}\n";
    let (production, found) = case.read(&format!("{}{second}", full()));
    assert_eq!(found, []);
    let production = production.unwrap();
    let count = production.steps.iter().filter(|step| step.stage == "dl2_to_sensitivity").count();
    assert_eq!(count, 2);
    // each step has its own id, so that its logs have their own place
    let mut ids: Vec<&str> = production.steps.iter().map(|step| step.id.as_str()).collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all);
}

#[test]
fn kinds_change_the_commands_up_to_dl1() {
    let case = Case::new();
    fs::write(case.path().join("ctapipe.yaml"), "x: 1\n").unwrap();
    fs::write(case.path().join("hiperta.txt.json"), "{}").unwrap();
    let first = |kind: &str| {
        let (production, found) =
            case.read(&full().replace("workflow_kind: lstchain", &format!("workflow_kind: {kind}")));
        let production = production.unwrap();
        let line = |id: &str| {
            let step = production.steps.iter().find(|step| step.id == id).unwrap();
            let line = command_lines(&step.tasks[0])[0].replace(&*case.path().to_string_lossy(), "@");
            line.replace(&*std::env::current_exe().unwrap().to_string_lossy(), "recoil")
        };
        let codes: Vec<&str> = found.iter().map(|f| f.code).collect();
        (line("r0_to_dl1-1"), line("merge_dl1-1"), line("train_pipe-1"), codes.len())
    };
    let (dl1, merge, train, _) = first("ctapipe");
    assert_eq!(
        dl1,
        "ctapipe-stage1 --input-file=@/dl0/g/run0.simtel.gz --output=@/dl1/g/run0.dl1.h5 --config=@/ctapipe.yaml"
    );
    assert_eq!(merge, "ctapipe-merge --input-dir @/dl1/g/train --output @/dl1/g/dl1_g_train.h5 --no-image");
    assert!(train.starts_with("lstchain_mc_trainpipe"));
    let (dl1, merge, ..) = first("hiperta");
    assert_eq!(dl1, "lstmcpipe_hiperta_r0_to_dl1lstchain -i @/dl0/g/run0.simtel.gz -o @/dl1/g -c @/hiperta.txt.json");
    assert!(merge.starts_with("lstchain_merge_hdf5_files"));
    let ab = full().replace("workflow_kind: lstchain", "workflow_kind: hiperta").replace("r0_to_dl1", "dl1ab");
    assert!(case.said(&ab).contains(&"!unsupported-stage 11".to_string()), "{:?}", case.said(&ab));
    let (dl1, merge, train, warnings) = first("recoil");
    assert_eq!(dl1, "recoil iact r0-to-dl1 -f @/dl0/g/run0.simtel.gz -o @/dl1/g -c @/lstchain.json");
    assert_eq!(merge, "recoil iact merge -d @/dl1/g/train -o @/dl1/g/dl1_g_train.h5 --no-image");
    assert!(train.starts_with("recoil iact train -g @/dl1/") && train.ends_with("-c @/lstchain.json"), "{train}");
    // one for each stage that this build does not have
    assert_eq!(warnings, 6);
}

#[test]
fn the_configuration_of_the_analysis_is_checked_where_it_lies() {
    let case = Case::new();
    let config = case.path().join("lstchain.json");
    fs::write(&config, "{\"image_extractor\": \"S\",\n \"S\": {\"apply_integration_correction\": false}}").unwrap();
    let found = case.read(&full()).1;
    assert_eq!((found[0].code, found[0].severity), ("integration-correction", Severity::Warning));
    assert_eq!((found[0].location.file.clone(), found[0].location.line), (config.clone(), 2));
    // named in the file, it is the one that is meant
    let named = full().replace("prod_id: P\n", "prod_id: P\nlstchain_config: lstchain.json\n");
    assert!(case.said(&named).contains(&"!integration-correction 2".to_string()));
    assert_eq!(
        case.said(&full().replace("prod_id: P\n", "prod_id: P\nlstchain_config: no.json\n")),
        ["!missing-config 3"]
    );
    fs::write(case.path().join("other_lstchain.json"), "{}").unwrap();
    assert!(case.said(&full()).contains(&"several-configs 1".to_string()));
    fs::remove_file(&config).unwrap();
    fs::remove_file(case.path().join("other_lstchain.json")).unwrap();
    assert_eq!(case.said(&full())[0], "missing-config 1");
}

#[test]
fn the_noise_is_tuned_before_the_dl1_stage_and_for_it_alone() {
    let case = Case::new();
    fs::write(case.path().join("data.h5"), "").unwrap();
    fs::write(case.path().join("mc.simtel.gz"), "").unwrap();
    let keys = "prod_id: P\ndl1_noise_tune_data_run: @/data.h5\ndl1_noise_tune_mc_run: @/mc.simtel.gz\n";
    let (production, found) = case.read(&full().replace("prod_id: P\n", keys));
    assert_eq!(found, []);
    let plan = Plan::new(production.unwrap());
    assert_eq!(plan.production.steps[0].id, "tune_nsb-1");
    assert_eq!((plan.graph.depends_on[1].clone(), plan.graph.depends_on[2].clone()), (vec![0], vec![0]));
    let users =
        plan.production.steps.iter().filter(|step| format!("{:?}", step.tasks[0].commands).contains("_tuning.json"));
    let users: Vec<&str> = users.map(|step| step.stage.as_str()).collect();
    assert_eq!(users, ["r0_to_dl1", "r0_to_dl1"]);
}

#[test]
fn hostile_names_stay_one_word_each() {
    let case = Case::new();
    let name = "a b'\"$(touch x);\\n`y`";
    let quoted = serde_json::Value::String(format!("/x/{name}")).to_string();
    let text = full().replace("@/dl2/g, extra", &format!("{quoted}, extra"));
    let (production, _) = case.read(&text);
    let step = production.unwrap().steps.into_iter().find(|step| step.id == "dl1_to_dl2-1").unwrap();
    assert_eq!(step.tasks[0].outputs[0].path, Path::new(&format!("/x/{name}")));
    let argv = &step.tasks[0].commands[0].argv;
    assert_eq!(argv.len(), 9);
}

#[test]
fn stages_are_all_known() {
    for (stage, name) in Stage::ALL.iter().zip(Stage::NAMES) {
        assert_eq!((Stage::of(name), stage.name()), (Some(*stage), name));
    }
}

#[test]
fn large_files_are_read_in_linear_time() {
    // 3,000 steps as in the largest files of the register
    let mut text = format!("{HEAD}stages_to_run: [dl1_to_dl2, dl2_to_irfs]\nstages:\n  dl1_to_dl2:\n");
    for node in 0..1500 {
        text.push_str(&format!("  - {{input: /d/dl1_{node}.h5, path_model: /m/dec, output: /dl2/n{node}}}\n"));
    }
    text.push_str("  dl2_to_irfs:\n");
    for node in 0..1500 {
        text.push_str(&format!(
            "  - {{input: {{gamma_file: /dl2/n{node}/dl2_{node}.h5}}, output: /irf/{node}.fits.gz, options: --point-like}}\n"
        ));
    }
    let (production, found) = Case::new().read(&text);
    let plan = Plan::new(production.unwrap());
    assert_eq!((plan.production.steps.len(), plan.graph.edges()), (3000, 1500));
    // what is not here is said once for each stage, not for each step
    assert!(found.len() <= 3, "{found:?}");
}
