//! Generated production files against those of lstmcpipe.
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use recoil_production::lstmcpipe::generate::{self, Class, Request, nsb};
use recoil_production::lstmcpipe::{Stage, analysis};
use recoil_production::read::{has_errors, read};
use recoil_stage::Registry;
use std::fs;
use std::path::{Path, PathBuf};

/// The tree of simulation that the golden files were made for.
fn tree(root: &Path) {
    let base = root.join("fefs/aswg/data/mc/DL0/LSTProd2");
    let file = |path: String| {
        let directory = base.join(path).join("output_v1.4");
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("a.simtel.gz"), "").unwrap();
    };
    for dec in ["dec_2276", "dec_931"] {
        for (zenith, azimuth) in [("10.0", "102.199"), ("23.161", "99.261")] {
            let particles = [("GammaDiffuse", "node_corsika_theta"), ("Protons", "node_theta")];
            for (particle, name) in particles {
                file(format!("TrainingDataset/{particle}/{dec}/sim_telarray/{name}_{zenith}_az_{azimuth}_"));
            }
        }
        // gammas only: no common node
        file(format!("TrainingDataset/GammaDiffuse/{dec}/sim_telarray/node_corsika_theta_32.059_az_355.158_"));
        // no simulation in it
        let empty = format!("TrainingDataset/Protons/{dec}/sim_telarray/node_theta_43.197_az_87.604_/output_v1.4");
        fs::create_dir_all(base.join(empty)).unwrap();
    }
    for (zenith, azimuth) in [("14.984", "175.158"), ("32.059", "248.117")] {
        file(format!("TestDataset/sim_telarray/node_theta_{zenith}_az_{azimuth}_"));
    }
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../testdata/golden/production/generated")
}

fn without_first_line(text: &str) -> &str {
    text.split_once('\n').map_or("", |(_, rest)| rest)
}

/// The request that a golden file answers.
fn request(name: &str, root: &Path) -> Request {
    let plain = name.trim_end_matches("_checker").trim_end_matches("_zen40");
    let class = Class::of(plain).unwrap();
    let mut request = Request::new(class, "PRODID");
    request.root = root.into();
    request.run_checker = name.ends_with("_checker");
    if class.has_source() {
        request.source_prod_id = Some("SRC".into());
    }
    if name.ends_with("_zen40") {
        request.zenith = "zenith_40deg".into();
    }
    let decs: &[&str] = match name {
        "Prod5Trans80" | "Prod5Trans80_zen40" | "Prod5Trans80DL1ab" => &[],
        "AllSkyFull" | "AllSkyFullDL1ab" => &["dec_2276", "dec_931"],
        "AllSkyFullSplitDiffuse" | "AllSkyTestingGammaDiffuse" | "AllSkyTrainingWithSplit" => &["dec_931"],
        _ => &["dec_2276"],
    };
    request.decs = decs.iter().map(|dec| (*dec).into()).collect();
    request
}

#[test]
fn files_are_those_of_lstmcpipe() {
    let home = tempfile::tempdir().unwrap();
    tree(home.path());
    let mut names: Vec<String> = fs::read_dir(golden())
        .unwrap()
        .flatten()
        .map(|entry| entry.path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert_eq!(names.len(), 14);
    // the classes whose paths lstmcpipe mixes up
    let repaired = ["AllSkyFullDL1ab_checker", "Prod5Trans80", "Prod5Trans80DL1ab", "Prod5Trans80_zen40"];
    let (mut equal, mut different) = (0, Vec::new());
    for name in &names {
        let theirs = fs::read_to_string(golden().join(format!("{name}.yaml"))).unwrap();
        let mut request = request(name, home.path());
        for as_lstmcpipe in [true, false] {
            request.as_lstmcpipe = as_lstmcpipe;
            let ours = generate::generate(&request).unwrap();
            assert!(
                ours.yaml.starts_with(&format!("# lstmcpipe generated config from PathConfig{}", request.class.name()))
            );
            // lstmcpipe goes through the particles of prod5 in the order of a Python set, which changes from run to run
            let comparable = |text: &str| {
                let mut lines: Vec<String> = without_first_line(text).lines().map(Into::into).collect();
                if name.ends_with("_zen40") {
                    lines.sort();
                }
                lines
            };
            let same = comparable(&ours.yaml) == comparable(&theirs);
            if same != (as_lstmcpipe || !repaired.contains(&name.as_str())) {
                let lines = ours.yaml.lines().zip(theirs.lines()).enumerate().skip(1);
                let first = lines.into_iter().find(|(_, (a, b))| a != b);
                different.push(format!("{name} ({as_lstmcpipe}): {first:?}"));
            }
            equal += usize::from(same);
            let counts: usize = ours.counts.iter().map(|(_, count)| count).sum();
            assert_eq!(counts, ours.yaml.matches("\n  - ").count(), "{name}");
        }
    }
    println!("{equal} of {} files are equal, {} are not as expected", 2 * names.len(), different.len());
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn offsets_of_prod5_keep_their_own_files() {
    let made = generate::generate(&request("Prod5Trans80", Path::new("/nowhere"))).unwrap().yaml;
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("p.yaml");
    for (as_lstmcpipe, shared) in [(false, 0), (true, 2)] {
        let mut request = request("Prod5Trans80", Path::new("/nowhere"));
        request.as_lstmcpipe = as_lstmcpipe;
        fs::write(&file, generate::generate(&request).unwrap().yaml).unwrap();
        let found = read(&file, &Registry::new(Vec::new())).1;
        assert!(!has_errors(&found), "{found:?}");
        assert_eq!(found.iter().filter(|f| f.code == "shared-output").count(), shared, "{found:?}");
    }
    let at = |text: &str| made.matches(text).count();
    assert_eq!(at("off0.0deg/dl2_gamma_PRODID_test.h5"), at("off0.4deg/dl2_gamma_PRODID_test.h5"));
    assert_eq!(at("off0.0deg/test\n"), at("off0.4deg/test\n"));
}

#[test]
fn the_checker_leaves_out_the_nodes_that_are_missing() {
    let home = tempfile::tempdir().unwrap();
    tree(home.path());
    let mut request = request("AllSkyTrainingDL1ab", home.path());
    request.run_checker = true;
    let count = |request: &Request| {
        let made = generate::generate(request).unwrap();
        let dl1 = made.counts.iter().find(|(stage, _)| *stage == Stage::Dl1ab).unwrap().1;
        (dl1, made.warnings.len(), made.yaml)
    };
    assert_eq!((count(&request).0, count(&request).1), (0, 4));
    // the first of the two nodes is missing: it goes, and the last one stays
    let source = home.path().join("fefs/aswg/data/mc/DL1/AllSky/SRC/TrainingDataset");
    for name in
        ["GammaDiffuse/dec_2276/node_corsika_theta_10.0_az_102.199_", "Protons/dec_2276/node_theta_10.0_az_102.199_"]
    {
        fs::create_dir_all(source.join(name)).unwrap();
    }
    let (dl1, warnings, yaml) = count(&request);
    assert_eq!((dl1, warnings), (2, 2));
    assert!(yaml.contains("theta_10.0_az") && !yaml.contains("theta_23.161"));
    request.as_lstmcpipe = true;
    assert!(count(&request).2.contains("theta_23.161"), "lstmcpipe drops the last node");
}

#[test]
fn every_generated_file_is_valid() {
    let home = tempfile::tempdir().unwrap();
    tree(home.path());
    let file = home.path().join("p.yaml");
    for (class, name) in Class::ALL {
        fs::write(&file, generate::generate(&request(name, home.path())).unwrap().yaml).unwrap();
        let (production, found) = read(&file, &Registry::new(Vec::new()));
        assert!(production.is_some() && !has_errors(&found), "{name}: {found:?}");
        assert_eq!(Class::of(&format!("PathConfig{name}")).unwrap(), class);
    }
}

#[test]
fn options_that_do_not_fit_are_errors() {
    let fail = |change: &dyn Fn(&mut Request)| {
        let mut request = Request::new(Class::AllSkyTraining, "P");
        request.decs = vec!["dec_2276".into()];
        request.root = "/nowhere".into();
        change(&mut request);
        generate::generate(&request).unwrap_err().to_string()
    };
    assert!(fail(&|_| ()).contains("/nowhere/fefs/aswg/data/mc/DL0/LSTProd2/TrainingDataset/GammaDiffuse/dec_2276"));
    assert!(fail(&|r| r.decs.clear()).contains("--dec_list"));
    assert!(fail(&|r| r.decs.push("dec_931".into())).contains("one declination"));
    assert!(fail(&|r| r.decs[0] = "../x".into()).contains("is no declination"));
    assert!(fail(&|r| r.prod_id = "a b".into()).contains("is no prod id"));
    assert!(fail(&|r| r.source_prod_id = Some("S".into())).contains("takes no --source_prod_id"));
    assert!(fail(&|r| r.class = Class::AllSkyTrainingDL1ab).contains("needs --source_prod_id"));
    assert!(Class::of("AllSkyFul").unwrap_err().to_string().contains("did you mean 'AllSkyFull'"));
}

#[test]
fn options_for_the_batch_system_reach_all_steps_or_those_of_a_stage() {
    let home = tempfile::tempdir().unwrap();
    tree(home.path());
    let mut request = request("AllSkyFull", home.path());
    request.slurm = vec![(None, "nice".into(), "10".into()), (Some(Stage::Dl2ToIrfs), "mem".into(), "4GB".into())];
    let made = generate::generate(&request).unwrap();
    let steps: usize = made.counts.iter().map(|(_, count)| count).sum();
    assert_eq!(made.yaml.matches("      nice: 10\n").count(), steps);
    assert_eq!((made.yaml.matches("mem: 4GB").count(), made.yaml.matches("mem: 6GB").count()), (4, 0));
}

#[test]
fn noise_grids_have_a_directory_for_each_level() {
    let home = tempfile::tempdir().unwrap();
    tree(home.path());
    let base = home.path().join("standard.json");
    let config = "{\n    \"r\": [0, Infinity],\n    \"energy_regression_features\": [\"width\", \"alt_tel\"],\n    \"waveform_nsb_tuning\": {\n        \"nsb_tuning\": false,\n        \"nsb_tuning_ratio\": 0.5\n    }\n}";
    fs::write(&base, config).unwrap();
    let mut request = request("AllSkyFullSplitDiffuse", home.path());
    let (files, _) = nsb::grid(&request, &[0.0, 0.38], Some("20240918_v0.10.12"), &base).unwrap();
    let names: Vec<String> = files.iter().map(|file| file.path.display().to_string()).collect();
    assert_eq!(
        names,
        [
            "NSB-0.00/lstchain_config_nsb0.00.json",
            "NSB-0.00/lstmcpipe_config_nsb0.00.yml",
            "NSB-0.38/lstchain_config_nsb0.38.json",
            "NSB-0.38/lstmcpipe_config_nsb0.38.yml",
        ]
    );
    assert!(files[0].text.contains("\"nsb_tuning\": false") && files[0].text.contains("\"nsb_tuning_ratio\": 0.5"));
    assert!(files[2].text.contains("\"nsb_tuning\": true") && files[2].text.contains("\"nsb_tuning_ratio\": 0.38"));
    assert!(files[2].text.contains("Infinity"));
    assert!(files[3].text.contains("prod_id: 20240918_v0.10.12_allsky_nsb_tuning_0.38\n"));
    // newer versions of lstchain have a rate
    fs::write(&base, config.replace("nsb_tuning_ratio", "nsb_tuning_rate_GHz")).unwrap();
    request.decs = vec!["dec_2276".into(), "dec_931".into()];
    let (files, _) = nsb::grid(&request, &[1.5], None, &base).unwrap();
    assert!(
        files[0].text.contains("\"nsb_tuning_rate_GHz\": 1.5")
            && files[1].text.contains("prod_id: allsky_nsb_tuning_1.50\n")
    );
    // without a variation of the pointing, forests do not learn from it
    let kept = generate::analysis_for(Class::AllSkyFull, &base).unwrap();
    let removed = generate::analysis_for(Class::Prod5Trans80, &base).unwrap();
    assert!(kept.contains("alt_tel") && !removed.contains("alt_tel") && removed.contains("width"));
    assert!(analysis::check(Path::new("/nowhere.json"))[0].code == "unreadable");
}
