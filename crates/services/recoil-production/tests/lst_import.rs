//! Production files from before lstmcpipe 0.8.
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use recoil_production::lstmcpipe::old::{Imported, Naming, convert};
use recoil_production::plan::Plan;
use recoil_production::read::{has_errors, read};
use recoil_production::yaml::Node;
use recoil_stage::Registry;
use std::fs;
use std::path::{Path, PathBuf};

const OLD: &str = "## THE TITLE ##
#
#   $BASE_PATH/$STAGE/$OBS_DATE

workflow_kind: lstchain  # Not expected to be changed
prod_id: tail_8_4        # ex: local

base_path: /fefs/aswg/data/mc  # Default user path
  # lstanalyzer user : the same

prod_type: prod5
  # Choose between {prod5, prod3}
obs_date: 20200629_prod5_trans_80
zenith: zenith_40deg  # Taken into account for prod5
pointing: south_pointing
particles:
  - electron
  - gamma
  - gamma-diffuse
  - proton
offset_gammas:
  - off0.0deg
  - off0.4deg

# Where it runs
source_environment:
  source_file: /fefs/aswg/software/conda/etc/profile.d/conda.sh
  # the one of the day
  conda_env: lstchain-v0.9.3

stages_to_be_run:
  - r0_to_dl1
  - merge_and_copy_dl1
  - train_pipe
  - dl1_to_dl2
  - dl2_to_irfs
  - dl2_to_sensitivity

merging_options:
  no_image: True

slurm_config:
  user_account: dpps
";

fn write(folder: &str, text: &str) -> (tempfile::TempDir, PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join(folder);
    fs::create_dir(&directory).unwrap();
    let file = directory.join("lstmcpipe_config.yml");
    fs::write(&file, text).unwrap();
    (home, file)
}

fn naming() -> Naming {
    Naming { prod_id: None, date: "20220301".into() }
}

/// The new file is valid, and its stages have so many steps.
fn check(imported: &Imported, home: &Path) -> Vec<(String, usize)> {
    let file = home.join("new.yml");
    fs::write(&file, &imported.yaml).unwrap();
    let (production, found) = read(&file, &Registry::new(Vec::new()));
    assert!(!has_errors(&found), "{found:?}\n{}", imported.yaml);
    assert!(found.iter().all(|f| ["missing-input", "missing-config"].contains(&f.code)), "{found:?}");
    let mut counts: Vec<(String, usize)> = Vec::new();
    for step in &Plan::new(production.unwrap()).production.steps {
        match counts.last_mut().filter(|(stage, _)| *stage == step.stage) {
            Some((_, count)) => *count += 1,
            None => counts.push((step.stage.clone(), 1)),
        }
    }
    counts
}

#[test]
fn a_converted_file_is_valid_and_keeps_its_remarks() {
    let (home, file) = write("somewhere", OLD);
    let imported = convert(&file, &naming()).unwrap();
    assert_eq!(imported.prod_id, "20220301_v0.9.3_prod5_trans_80_tail_8_4");
    let counts = check(&imported, home.path());
    let counts: Vec<(&str, usize)> = counts.iter().map(|(stage, count)| (stage.as_str(), *count)).collect();
    assert_eq!(
        counts,
        [
            ("r0_to_dl1", 5),
            ("train_test_split", 5),
            ("merge_dl1", 7),
            ("train_pipe", 1),
            ("plot_rf_features", 1),
            ("dl1_to_dl2", 5),
            ("dl2_to_irfs", 2),
            ("dl2_to_sensitivity", 2)
        ]
    );
    let text = &imported.yaml;
    for part in [
        "## THE TITLE ##\n",
        "workflow_kind: lstchain  # Not expected to be changed\n",
        "prod_id: 20220301_v0.9.3_prod5_trans_80_tail_8_4  # ex: local\n",
        "# Where it runs\nsource_environment:\n",
        "  # the one of the day\n",
        "#   zenith: zenith_40deg  # Taken into account for prod5\n",
        "#     # lstanalyzer user : the same\n",
        "options: --no-image\n",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let id = &imported.prod_id;
    for path in [
        "/fefs/aswg/data/mc/DL0/20200629_prod5_trans_80/gamma/zenith_40deg/south_pointing/off0.4deg\n".to_string(),
        format!("/fefs/aswg/data/mc/DL1/20200629_prod5_trans_80/electron/zenith_40deg/south_pointing/{id}\n"),
        format!("/fefs/aswg/data/models/20200629_prod5_trans_80/zenith_40deg/south_pointing/{id}\n"),
        format!(
            "/fefs/aswg/data/mc/IRF/20200629_prod5_trans_80/zenith_40deg/south_pointing/{id}/off0.0deg/irf_{id}_off0.0deg.fits.gz\n"
        ),
    ] {
        assert!(text.contains(&path), "{path}\n{text}");
    }
}

#[test]
fn variants_of_the_old_form_are_valid_too() {
    let of = |folder: &str, text: &str| {
        let (home, file) = write(folder, text);
        let imported = convert(&file, &naming()).unwrap_or_else(|found| panic!("{found:?}"));
        let counts = check(&imported, home.path());
        (imported, counts)
    };
    // the directory tells the full name
    let long = "20210416_v0.7.3_prod5_trans_80_tail_8_4";
    assert_eq!(of(long, OLD).0.prod_id, long);
    // only the day
    assert_eq!(of("20220303_tuned", OLD).0.prod_id, "20220303_v0.9.3_prod5_trans_80_tail_8_4");
    // no name at all, no version in the environment
    let bare = OLD.replace("prod_id: tail_8_4 ", "#prod_id: ").replace("lstchain-v0.9.3", "cta");
    assert_eq!(of("x", &bare).0.prod_id, "20220301_prod5_trans_80_v00");
    // the base path under its first name, one response
    let first = OLD.replace("base_path:", "base_path_dl0:").replace("  - dl2_to_sensitivity\n", "")
        + "irf_config:\n  point_like: true\n  gamma_offset: 0.0deg\n";
    let (imported, counts) = of("x", &first);
    assert!(counts.contains(&("dl2_to_irfs".into(), 1)) && imported.yaml.contains("options: --point-like"));
    // from the DL1 files of another production
    let again = OLD.replace("  - r0_to_dl1", "  - dl1ab") + "\ndl1_reference_id: 20220215_v0.9.1_prod5_trans_80_ref\n";
    let (imported, counts) = of("x", &again);
    assert_eq!(counts[0], ("dl1ab".into(), 5));
    assert!(imported.yaml.contains("zenith_40deg/south_pointing/20220215_v0.9.1_prod5_trans_80_ref/off0.0deg\n"));
    // prod3: no zenith, no offsets
    let third = OLD
        .replace("prod_type: prod5", "prod_type: prod3")
        .replace("20200629_prod5_trans_80", "20190415")
        .replace("offset_gammas:\n  - off0.0deg\n  - off0.4deg\n", "");
    let (imported, counts) = of("x", &third);
    assert_eq!((counts[0].1, imported.prod_id.as_str()), (4, "20220301_v0.9.3_tail_8_4"));
    assert!(imported.yaml.contains("/DL0/20190415/gamma/south_pointing\n"));
}

#[test]
fn what_cannot_be_converted_is_said_all_at_once() {
    let broken = OLD
        .replace("workflow_kind: lstchain", "workflow_kind: magic")
        .replace("  - train_pipe", "  - train_pip")
        .replace("obs_date: 20200629_prod5_trans_80\n", "")
        .replace("  - proton\n", "");
    let (_home, file) = write("x", &broken);
    let found = convert(&file, &naming()).unwrap_err();
    let codes: Vec<&str> = found.iter().map(|f| f.code).collect();
    assert!(["bad-value", "unknown-stage", "missing-key"].iter().all(|code| codes.contains(code)), "{found:?}");
    let (_home, file) = write("x", "stages_to_run: [merge_dl1]\nstages: {}\n");
    assert_eq!(convert(&file, &naming()).unwrap_err()[0].code, "not-old-form");
    // and reading one says what to do
    let (_home, file) = write("x", OLD);
    let found = read(&file, &Registry::new(Vec::new())).1;
    assert_eq!((found.len(), found[0].code), (1, "old-form"));
    assert!(found[0].hint.as_ref().unwrap().contains("recoil production import"));
}

#[test]
fn real_files_are_converted() {
    let Some(root) = std::env::var_os("RECOIL_REALDATA") else {
        eprintln!("SKIPPED: RECOIL_REALDATA is not set");
        return;
    };
    let folder = PathBuf::from(root).join("production/configs");
    let mut converted = 0;
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let files = fs::read_dir(entry.path()).unwrap().flatten().map(|entry| entry.path());
        for file in files.filter(|path| path.extension().is_some_and(|end| end == "yml" || end == "yaml")) {
            let is_old =
                recoil_production::yaml::read(&file).is_ok_and(|root: Node| root.get("stages_to_be_run").is_some());
            if is_old {
                let home = tempfile::tempdir().unwrap();
                check(&convert(&file, &naming()).unwrap(), home.path());
                converted += 1;
            }
        }
    }
    assert_eq!(converted, 2);
}
