//! A production of the Large-Sized Telescope through the command line, with programs that stand in for lstchain.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// What all programs of the analysis do here: write the outputs that their options name, and note that they ran.
const PROGRAM: &str = r#"#!/bin/bash
name=$(basename "$0"); args=("$@")
for ((i = 0; i < $#; i++)); do
  a="${args[$i]}"; next="${args[$((i + 1))]}"
  case "$a" in
    --output-dir=*) directory="${a#*=}" ;;
    --input-file=*) input="${a#*=}" ;;
    -o) out="$next" ;;
    -f) input="$next" ;;
    -d) from="$next" ;;
    --pattern) pattern="$next" ;;
  esac
done
echo "$name $*" >> "$WORLD/calls.log"
case $name in
  lstchain_mc_r0_to_dl1) run=$(basename "$input" .simtel.gz); echo "dl1 $run" > "$directory/dl1_$run.h5" ;;
  lstchain_merge_hdf5_files) (cd "$from" && cat $(ls ${pattern:-*.h5} | sort)) > "$out" ;;
  lstchain_mc_trainpipe) echo forest > "$out/reg_energy.sav" ;;
  lstmcpipe_plot_models_importance) echo picture > "$1/features_importance.png" ;;
  lstchain_dl1_to_dl2) run=$(basename "$input"); cp "$input" "$out/${run/dl1/dl2}" ;;
  *) echo "$name" > "$out" ;;
esac
"#;

const PROGRAMS: [&str; 8] = [
    "lstchain_mc_r0_to_dl1",
    "lstchain_merge_hdf5_files",
    "lstchain_mc_trainpipe",
    "lstmcpipe_plot_models_importance",
    "lstchain_dl1_to_dl2",
    "lstchain_create_irf_files",
    "lstmcpipe_dl2_to_sensitivity",
    "lstmcpipe_plot_irfs",
];

fn recoil(folder: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_recoil"));
    command.current_dir(folder).args(words).stdin(Stdio::null()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A folder with programs, an environment that finds them, simulation of all particles, and a generated production.
fn world() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let root = home.path();
    let bin = root.join("bin");
    fs::create_dir(&bin).unwrap();
    fs::write(bin.join("program"), PROGRAM).unwrap();
    fs::set_permissions(bin.join("program"), fs::Permissions::from_mode(0o755)).unwrap();
    PROGRAMS.iter().for_each(|name| symlink("program", bin.join(name)).unwrap());
    let shown = root.display();
    let environment = format!("export WORLD='{shown}' PATH=\"{shown}/bin:$PATH\"\nconda() {{ :; }}\n");
    fs::write(root.join("conda.sh"), environment).unwrap();
    let config = r#"{"image_extractor": "S", "S": {"apply_integration_correction": true}}"#;
    fs::write(root.join("lstchain.json"), config).unwrap();
    let made = recoil(root, &["production", "generate", "Prod5Trans80", "--repaired", "--prod_id", "P", "-o", "-"]);
    let yaml = text(&made.stdout)
        .replace("/fefs/aswg/software/conda/etc/profile.d/conda.sh", &format!("{shown}/conda.sh"))
        .replace("/fefs/aswg/data", &format!("{shown}/data"));
    fs::write(root.join("p.yml"), &yaml).unwrap();
    for line in yaml.lines().map(str::trim).filter(|line| line.contains("/mc/DL0/")) {
        fs::create_dir_all(line).unwrap();
        (0..7).for_each(|run| fs::write(format!("{line}/run{run}.simtel.gz"), "").unwrap());
    }
    home
}

fn run(folder: &Path) -> String {
    // pretended, so that the memory of a cluster is there
    let size = ["--cpus", "16", "--memory", "400GB"];
    let words = [&["production", "run", "p.yml", "--executor", "local", "-y", "--no-progress"][..], &size[..]].concat();
    let output = recoil(folder, &words);
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

fn calls(folder: &Path) -> usize {
    fs::read_to_string(folder.join("calls.log")).unwrap().lines().count()
}

#[test]
fn a_generated_production_runs_to_its_end_and_nothing_runs_twice() {
    let home = world();
    let root = home.path();
    let said = run(root);
    assert!(said.contains("29 tasks done"), "{said}");
    let done = calls(root);
    // 35 files, 7 merges, forests with their picture, 5 DL2 files, 3 responses, 2 sensitivities with pictures
    assert_eq!(done, 35 + 7 + 2 + 5 + 3 + 4);
    let said = run(root);
    assert!(said.contains("0 tasks done, 29 up to date"), "{said}");
    assert_eq!(calls(root), done);
    // the DL1 files are still there although they were shared out, and the halves keep to their offsets
    let dl1 = root.join("data/mc/DL1/20200629_prod5_trans_80/gamma/zenith_20deg/south_pointing/P");
    for offset in ["off0.0deg", "off0.4deg"] {
        let count = |name: &str| fs::read_dir(dl1.join(offset).join(name)).unwrap().count();
        assert_eq!((count("test"), count("train")), (4, 3));
        assert!((0..7).all(|run| dl1.join(offset).join(format!("dl1_run{run}.h5")).is_file()));
    }
    let irfs = root.join("data/mc/IRF/20200629_prod5_trans_80/zenith_20deg/south_pointing/P/off0.4deg");
    let mut names: Vec<String> =
        fs::read_dir(irfs).unwrap().flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    let expected =
        ["irf_P_off0.4deg.fits.gz", "sensitivity_P_off0.4deg.fits.gz", "sensitivity_P_off0.4deg.fits.gz.png"];
    assert_eq!(names, expected);
    // a lost file is made again, with what follows from it
    fs::remove_file(dl1.join("off0.4deg/dl1_gamma_P_test.h5")).unwrap();
    let said = run(root);
    assert!(said.contains("4 tasks done") || said.contains("5 tasks done"), "{said}");
}

#[test]
fn files_are_generated_imported_and_registered() {
    let home = world();
    let root = home.path();
    let valid = recoil(root, &["production", "validate", "p.yml", "--lstchain-config", "lstchain.json"]);
    assert!(valid.status.success(), "{}", text(&valid.stdout));
    assert!(text(&valid.stdout).contains("lstchain.json: valid"));
    let exists =
        recoil(root, &["production", "generate", "Prod5Trans80", "--repaired", "--prod_id", "P", "-o", "p.yml"]);
    assert_eq!(exists.status.code(), Some(4));
    let wrong = recoil(root, &["production", "generate", "AllSkyFul", "--prod_id", "P"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(text(&wrong.stderr).contains("did you mean 'AllSkyFull'"));
    let folder = root.join("productions/20220301_old");
    fs::create_dir_all(&folder).unwrap();
    let old = "workflow_kind: lstchain\nprod_id: x\nbase_path: /d/mc\nprod_type: prod5\nobs_date: 20200629_prod5\n\
               zenith: zenith_20deg\npointing: south_pointing\nparticles: [electron, gamma, gamma-diffuse, proton]\n\
               offset_gammas: [off0.0deg]\nsource_environment: {source_file: /c.sh, conda_env: lstchain-v0.9.3}\n\
               stages_to_be_run: [r0_to_dl1, merge_and_copy_dl1, train_pipe]\n";
    fs::write(folder.join("old.yml"), old).unwrap();
    fs::write(folder.join("README.md"), "# Why\n<script>alert(1)</script>\n").unwrap();
    fs::create_dir(root.join("productions/20220302_empty")).unwrap();
    let old = "productions/20220301_old/old.yml";
    assert_eq!(recoil(root, &["production", "validate", old]).status.code(), Some(2));
    let imported = recoil(root, &["production", "import", old, "-o", "productions/20220301_old/new.yml"]);
    assert!(imported.status.success(), "{}", text(&imported.stderr));
    assert!(recoil(root, &["production", "validate", "productions/20220301_old/new.yml"]).status.success());
    let again = recoil(root, &["production", "import", "p.yml", "-o", "x.yml"]);
    assert_eq!(again.status.code(), Some(2));
    let register = recoil(root, &["production", "register", "productions", "-o", "register.html"]);
    assert!(register.status.success() && text(&register.stderr).contains("20220302_empty has no production file"));
    let page = fs::read_to_string(root.join("register.html")).unwrap();
    assert!(page.contains("2022-03-01") && page.contains("&lt;script&gt;alert") && !page.contains("<script>alert"));
}

#[test]
fn texts_that_are_no_productions_are_errors_with_a_place() {
    let home = tempfile::tempdir().unwrap();
    let root = home.path();
    let said = |name: &str, text: &[u8]| {
        fs::write(root.join(name), text).unwrap();
        let output = recoil(root, &["production", "validate", "--json", name]);
        assert_eq!(output.status.code(), Some(2), "{name}");
        let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        (found[0]["code"].as_str().unwrap().to_string(), found[0]["line"].as_u64().unwrap())
    };
    let head = "workflow_kind: lstchain\nprod_id: p\n";
    let mut bomb = format!("{head}a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    (1..12).for_each(|i| bomb.push_str(&format!("a{i}: &a{i} [{}]\n", vec![format!("*a{}", i - 1); 10].join(", "))));
    assert_eq!(said("bomb.yml", bomb.as_bytes()).0, "yaml-bomb");
    assert_eq!(said("twice.yml", format!("{head}prod_id: q\n").as_bytes()), ("duplicate-key".into(), 3));
    assert_eq!(said("open.yml", format!("{head}stages: [a\n").as_bytes()).0, "yaml-syntax");
    assert_eq!(said("bytes.yml", b"workflow_kind: \xff\n").0, "unreadable");
    assert_eq!(said("list.yml", b"- 1\n").0, "unknown-form");
    let missing = recoil(root, &["production", "validate", "no.yml"]);
    assert_eq!(missing.status.code(), Some(2));
    // two megabytes of steps
    let step = "  - {input: /in/node_theta_10.0_az_102.199_, output: /out/node_theta_10.0_az_102.199_/";
    let steps: String = (0..25_000).map(|n| format!("{step}{n}}}\n")).collect();
    let text = format!("{head}stages_to_run: [r0_to_dl1]\nstages:\n  r0_to_dl1:\n{steps}");
    assert!(text.len() > 2_000_000);
    assert_eq!(said("large.yml", text.as_bytes()), ("missing-key".into(), 1));
}
