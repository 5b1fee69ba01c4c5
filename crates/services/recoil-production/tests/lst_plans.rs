//! Plans of real production files against what lstmcpipe submits for them.
//!
//! The files are not part of this repository: the environment variable RECOIL_REALDATA names the folder that holds
//! `production/configs`.
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use recoil_production::plan::{Plan, command_lines};
use recoil_production::read::{has_errors, read};
use recoil_production::units;
use recoil_stage::Registry;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

fn real() -> Option<PathBuf> {
    let folder = std::env::var_os("RECOIL_REALDATA").map(|root| PathBuf::from(root).join("production/configs"));
    let folder = folder.filter(|folder| folder.is_dir());
    if folder.is_none() {
        eprintln!("SKIPPED: RECOIL_REALDATA does not name a folder with production/configs");
    }
    folder
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|end| end == "yml" || end == "yaml") {
            found.push(path);
        }
    }
    found.sort();
}

#[test]
fn verdicts_are_those_of_the_survey() {
    let Some(folder) = real() else { return };
    let mut all = Vec::new();
    files(&folder, &mut all);
    assert_eq!(all.len(), 15);
    let registry = Registry::new(Vec::new());
    for file in all {
        let (_, found) = read(&file, &registry);
        let errors: Vec<_> = found.iter().filter(|f| has_errors(std::slice::from_ref(*f))).collect();
        let codes: BTreeSet<&str> = errors.iter().map(|f| f.code).collect();
        let name = file.strip_prefix(&folder).unwrap().to_string_lossy().into_owned();
        let expected: &[&str] = match name.split('/').next().unwrap() {
            "20210416_v0.7.3_prod5_trans_80_local_taicut_8_4" | "nsb_psf_tuned_zen40_src2" => &["old-form"],
            // the survey's one certain error
            "20230517_v0.9.13_large_offset_crab_tuned" => &["missed-output"],
            "20230517_v0.9.13_large_offset" => &["wrong-type"],
            "template_prod" => &["missing-key", "missing-path"],
            _ => &[],
        };
        let expected: BTreeSet<&str> = expected.iter().copied().collect();
        assert_eq!(codes, expected, "{name}: {errors:?}");
        let places = found.iter().all(|f| f.location.line > 0 && f.location.column > 0 && f.location.file.is_file());
        assert!(places, "{name}");
    }
}

/// The production file with every absolute path of the cluster below `root`, and its input directories filled.
fn stage(config: &Path, root: &Path, count: usize) -> PathBuf {
    let at = |text: &str| text.replace("/fefs/", &format!("{}/fefs/", root.display()));
    let text = fs::read_to_string(config).unwrap();
    let text = at(&text).replace("/home/", &format!("{}/home/", root.display()));
    let file = root.join("production.yml");
    fs::write(&file, &text).unwrap();
    fs::write(root.join("lstchain.json"), r#"{"image_extractor": "S", "S": {"apply_integration_correction": true}}"#)
        .unwrap();
    let node = recoil_production::yaml::parse(&file, &text).unwrap();
    for (name, end) in [("r0_to_dl1", "simtel.gz"), ("dl1ab", "h5")] {
        for step in node.get("stages").and_then(|s| s.get(name)).and_then(|s| s.list()).unwrap_or_default() {
            let directory = step.get("input").unwrap().text().unwrap();
            fs::create_dir_all(directory).unwrap();
            for number in 0..count {
                fs::write(format!("{directory}/f{number:04}.{end}"), "").unwrap();
            }
        }
    }
    file
}

/// The command of lstmcpipe as recoil forms it.
fn expected(command: &str, root: &Path) -> String {
    let root = root.to_string_lossy();
    let command = command.replace("@ROOT@", &root).replace("@WORK@/lst.json", &format!("{root}/lstchain.json"));
    let command = match command.strip_prefix("lstmcpipe_train_test_split") {
        Some(rest) => format!("RECOIL production train_test_split{}", rest.rsplit_once(" -l ").unwrap().0),
        None => command,
    };
    command.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn plans_have_the_commands_resources_and_order_of_lstmcpipe() {
    let Some(folder) = real() else { return };
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../testdata/golden/production/plans");
    let recoil = std::env::current_exe().unwrap().to_string_lossy().into_owned();
    let (mut compared, mut mismatches) = (0, Vec::new());
    let mut plans: Vec<PathBuf> = fs::read_dir(golden).unwrap().flatten().map(|entry| entry.path()).collect();
    plans.sort();
    for path in &plans {
        let golden: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        let count = golden["files_per_input_dir"].as_u64().unwrap() as usize;
        let name = golden["config"].as_str().unwrap();
        let mut all = Vec::new();
        files(&folder, &mut all);
        let config = all.iter().find(|file| file.ends_with(name)).unwrap_or_else(|| panic!("{name} is not there"));
        let home = tempfile::tempdir().unwrap();
        let root = home.path();
        let (production, found) = read(&stage(config, root, count), &Registry::new(Vec::new()));
        let production = production.unwrap_or_else(|| panic!("{name}: {found:?}"));
        let plan = Plan::new(production);
        let steps = &plan.production.steps;
        // our steps by the commands of lstmcpipe
        let mut step_of: HashMap<u64, usize> = HashMap::new();
        let mut used: HashSet<usize> = HashSet::new();
        for job in golden["jobs"].as_array().unwrap() {
            compared += 1;
            let id = job["id"].as_u64().unwrap();
            let command = expected(job["command"].as_str().unwrap(), root);
            let is_array = job.get("array").is_some();
            let found = (0..steps.len()).filter(|index| !used.contains(index)).find(|&index| {
                let Some(task) = steps[index].tasks.first() else { return false };
                if is_array {
                    let output = command.split("--output_dir ").nth(1).unwrap();
                    let own = steps[index].phase == Some(1);
                    return own && task.outputs[0].path == Path::new(output.trim_end_matches('/'));
                }
                let line = command_lines(task)[0].replace(&recoil, "RECOIL").replace('\'', "");
                line.split_whitespace().collect::<Vec<_>>().join(" ") == command
            });
            let Some(index) = found else {
                mismatches.push(format!("{name}: job {id}: no step runs {command}"));
                continue;
            };
            used.insert(index);
            step_of.insert(id, index);
            let step = &steps[index];
            let word = |key: &str| job.get(key).and_then(Value::as_str);
            let mut same = |what: &str, ours: String, theirs: String| {
                if ours != theirs {
                    mismatches.push(format!("{name}: {}: {what} is {ours}, expected {theirs}", step.id));
                }
            };
            same("environment", format!("{:?}", step.environment.conda_env.as_deref()), format!("{:?}", word("env")));
            for key in ["partition", "account", "nice"] {
                let ours = step.scheduler.get(key).map(String::as_str);
                same(key, format!("{ours:?}"), format!("{:?}", word(key)));
            }
            let needs = &step.resources;
            same(
                "memory",
                format!("{:?}", needs.memory_bytes),
                format!("{:?}", word("mem").and_then(units::memory_bytes)),
            );
            same("time", format!("{:?}", needs.time_seconds), format!("{:?}", word("time").and_then(units::seconds)));
            let cpus = word("cpus-per-task").map(|cpus| cpus.parse::<u32>().unwrap());
            same("cores", format!("{:?}", needs.cpus), format!("{cpus:?}"));
            if let Some(array) = word("array") {
                let last: usize = array.split(['-', '%']).nth(1).unwrap().parse().unwrap();
                // lstmcpipe finds the lists of files of the tasks in any order
                same("tasks", step.tasks.len().to_string(), (last + 1).to_string());
                let files: usize = step.tasks.iter().map(|task| task.commands.len()).sum();
                same("files", files.to_string(), count.to_string());
            }
        }
        let missing: Vec<&str> =
            (0..steps.len()).filter(|index| !used.contains(index)).map(|index| steps[index].id.as_str()).collect();
        // lstmcpipe crashes at the second sensitivity
        let crashed = path.to_string_lossy().contains("crash");
        let expected: &[&str] = if crashed { &["dl2_to_sensitivity-2"] } else { &[] };
        if missing != expected {
            mismatches.push(format!("{name}: additional steps {missing:?}"));
        }
        compare_order(name, &golden, &plan, &step_of, &mut mismatches);
    }
    println!("{} plans, {compared} jobs compared, {} mismatches", plans.len(), mismatches.len());
    assert!(mismatches.is_empty(), "{}", mismatches.join("\n"));
    assert_eq!((plans.len(), compared), (9, 193));
}

/// Our edges are edges of lstmcpipe (or follow from them), and there are fewer.
fn compare_order(name: &str, golden: &Value, plan: &Plan, step_of: &HashMap<u64, usize>, mismatches: &mut Vec<String>) {
    let mut before: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    let mut edges = 0;
    for job in golden["jobs"].as_array().unwrap() {
        let Some(&own) = step_of.get(&job["id"].as_u64().unwrap()) else { continue };
        let mut all = BTreeSet::new();
        for range in job.get("after").and_then(Value::as_array).into_iter().flatten() {
            for id in range[0].as_u64().unwrap()..=range[1].as_u64().unwrap() {
                edges += 1;
                if let Some(&other) = step_of.get(&id) {
                    all.insert(other);
                    all.extend(before.get(&other).cloned().unwrap_or_default());
                }
            }
        }
        before.insert(own, all);
    }
    for (step, own) in plan.graph.depends_on.iter().enumerate() {
        let Some(known) = before.get(&step) else { continue };
        for other in own.iter().filter(|other| !known.contains(other)) {
            let id = |index: usize| &plan.production.steps[index].id;
            mismatches.push(format!("{name}: {} waits for {}, which lstmcpipe does not ask for", id(step), id(*other)));
        }
    }
    let ours = plan.graph.edges();
    println!("{name}: {ours} edges, lstmcpipe {edges}");
    if ours > edges {
        mismatches.push(format!("{name}: {ours} edges, lstmcpipe has {edges}"));
    }
}
