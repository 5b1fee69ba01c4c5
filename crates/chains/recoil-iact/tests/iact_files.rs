//! DL1 files in HDF5: ours and lstchain's, read, changed, merged.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, missing_docs)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use recoil_iact::dl1::stored::{IMAGES, PARAMETERS, Place};
use recoil_iact::stages;
use recoil_stage::config::Given;
use recoil_stage::{AnyStage, Outcome, Registry, Request, RunOptions, StageError};
use recoil_table::hdf5::{Member, StoredTable};

fn run(name: &str, inputs: &[String], output: &Path, words: &[&str]) -> Result<Outcome, StageError> {
    let registry = Registry::new(stages::all());
    let stage: &dyn AnyStage = registry.find(name)?;
    let request = Request {
        given: words.iter().map(|word| Given::Word((*word).to_owned())).collect(),
        inputs: inputs.to_vec(),
        output: Some(output.to_path_buf()),
        seed: Some(7),
    };
    stage.execute(&stage.prepare(&request)?, &RunOptions::default())
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../testdata/golden/iact").join(name)
}

fn real(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("RECOIL_REALDATA").map(|root| Path::new(&root).join("iact").join(name));
    let found = path.filter(|path| path.is_file());
    if found.is_none() {
        eprintln!("SKIPPED: RECOIL_REALDATA does not name a folder with iact/{name}");
    }
    found
}

/// The scalar columns of a table.
fn columns(path: &Path, table: &str) -> BTreeMap<String, Vec<f64>> {
    let mut table = StoredTable::open(path, table).unwrap();
    let bytes = table.read(0, table.rows()).unwrap();
    let scalar = |member: &&Member| member.shape.is_empty();
    let of = |member: &Member| {
        let place = Place::find(&table.members, &member.name).unwrap();
        let values = bytes.chunks_exact(table.row_bytes()).map(|row| place.get(row)).collect();
        (member.name.clone(), values)
    };
    table.members.iter().filter(scalar).map(of).collect()
}

fn count_differences(found: &Path, expected: &Path, table: &str, skip: &[&str], tolerance: f64) -> usize {
    let (found, expected) = (columns(found, table), columns(expected, table));
    let names = |columns: &BTreeMap<String, Vec<f64>>| columns.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&found), names(&expected), "{table}");
    let mut wrong = 0;
    for (name, expected) in expected.iter().filter(|(name, _)| !skip.contains(&name.as_str())) {
        assert_eq!(found[name].len(), expected.len(), "{table} {name}");
        for (row, (found, wanted)) in found[name].iter().zip(expected).enumerate() {
            let loose = if name.starts_with("disp") || name.starts_with("src") { 2.0 } else { 1.0 };
            let close = (found - wanted).abs() <= loose * tolerance * wanted.abs().max(0.01);
            if !(close || found.is_nan() && wanted.is_nan()) {
                eprintln!("{table}: row {row}: {name} {found}, expected {wanted}");
                wrong += 1;
            }
        }
    }
    wrong
}

#[test]
fn whole_files_are_those_of_lstchain() {
    for (raw, expected) in
        [("prod4_pixelsettings_v3.gz", "dl1_lst1_prod4_mc.h5"), ("history_meta_75.simtel.zst", "dl1_hm75_mc.h5")]
    {
        let Some(raw) = real(raw) else { return };
        let dir = tempfile::tempdir().unwrap();
        run("iact r0-to-dl1", &[raw.display().to_string()], dir.path(), &[]).unwrap();
        let made = dir.path().join(format!("{}.h5", stages::r0_to_dl1::base_name(&raw)));
        let expected = golden(expected);
        let paths = |path: &Path| -> Vec<(String, Vec<Member>, u64)> {
            let tables = StoredTable::all(path).unwrap();
            tables.into_iter().map(|table| (table.path.clone(), table.members.clone(), table.rows())).collect()
        };
        assert_eq!(paths(&made), paths(&expected));
        let mut wrong = 0;
        for (table, ..) in paths(&expected) {
            wrong += count_differences(&made, &expected, &table, &[], 1e-5);
            let (mut ours, mut theirs) =
                (StoredTable::open(&made, &table).unwrap(), StoredTable::open(&expected, &table).unwrap());
            if table.starts_with(IMAGES) {
                let (ours, theirs) = (ours.read(0, ours.rows()).unwrap(), theirs.read(0, theirs.rows()).unwrap());
                let (stride, image) = (StoredTable::open(&made, &table).unwrap().row_bytes(), 12);
                for (a, b) in ours.chunks(stride).zip(theirs.chunks(stride)) {
                    let floats = |row: &[u8]| -> Vec<f32> {
                        let list = row[image..image + 8 * 1855].as_chunks::<4>().0;
                        list.iter().map(|word| f32::from_le_bytes(*word)).collect()
                    };
                    let far = |(a, b): &(f32, f32)| (a - b).abs() > 1e-5 * b.abs().max(1.0);
                    wrong += floats(a).into_iter().zip(floats(b)).filter(far).count();
                    // masks and gains are exact
                    wrong += usize::from(a[image + 8 * 1855..] != b[image + 8 * 1855..]);
                }
            } else if table.ends_with("trigger") {
                wrong += usize::from(ours.read(0, ours.rows()).unwrap() != theirs.read(0, theirs.rows()).unwrap());
            }
            for name in
                ["CAM_ID", "PIX_TYPE", "TAB_TYPE", "TAB_VER", "CTAFIELD_4_UNIT", "CTAFIELD_1_DESC", "LSTCHAIN_VERSION"]
            {
                let texts = (ours.text(name), theirs.text(name));
                // descriptions of images are in our words
                if texts.0 != texts.1 {
                    eprintln!("{table}: {name} {texts:?}");
                    wrong += 1;
                }
            }
        }
        assert_eq!(wrong, 0, "{}: what differs", expected.display());
    }
}

#[test]
fn images_of_lstchain_give_its_parameters_again() {
    for file in ["dl1_lst1_prod4_mc.h5", "dl1_hm75_mc.h5"] {
        let dir = tempfile::tempdir().unwrap();
        let made = dir.path().join("again.h5");
        run("iact dl1ab", &[golden(file).display().to_string()], &made, &[]).unwrap();
        let table = format!("{PARAMETERS}/LST_LSTCam");
        assert_eq!(count_differences(&made, &golden(file), &table, &[], 1e-6), 0);
        // all other tables are there, and the images as they were
        let read = |path: &Path, table: &str| {
            let mut table = StoredTable::open(path, table).unwrap();
            table.read(0, table.rows()).unwrap()
        };
        for table in StoredTable::all(&golden(file)).unwrap() {
            if !table.path.starts_with(PARAMETERS) {
                assert_eq!(read(&made, &table.path), read(&golden(file), &table.path), "{}", table.path);
            }
        }
        let again = dir.path().join("twice.h5");
        // pixels that the cleaning keeps are above the transition charge of 0
        let noise = ["image_modifier.increase_nsb=true", "image_modifier.extra_noise_in_bright_pixels=2.0"];
        run("iact dl1ab", &[made.display().to_string()], &again, &noise).unwrap();
        assert!(count_differences(&again, &made, &table, &[], 1e-6) > 0);
        let refused = run("iact dl1ab", &[again.display().to_string()], &dir.path().join("no.h5"), &noise);
        assert!(refused.unwrap_err().to_string().contains("were modified before"));
        run("iact dl1ab", &[again.display().to_string()], &dir.path().join("yes.h5"), &["no_image=true"]).unwrap();
    }
}

#[test]
fn files_that_do_not_fit_are_not_merged() {
    let dir = tempfile::tempdir().unwrap();
    let (one, other) = (golden("dl1_lst1_prod4_mc.h5"), golden("dl1_hm75_mc.h5"));
    let inputs = [one.display().to_string(), one.display().to_string(), other.display().to_string()];
    let out = dir.path().join("merged.h5");
    let inputs: Vec<String> = inputs.iter().map(|file| format!("input-file={file}")).collect();
    let error = run("iact merge", &inputs, &out, &[]).unwrap_err().to_string();
    assert!(error.contains("dl1_hm75_mc.h5") && error.contains("another instrument"), "{error}");
    let outcome = run("iact merge", &inputs, &out, &["skip_bad=true"]).unwrap();
    let value = |name: &str| outcome.report.values.iter().find(|named| named.name == name).unwrap().value.clone();
    assert_eq!((value("files"), value("bad_files"), value("events")), (2.into(), 1.into(), 20.into()));
    let table = format!("{PARAMETERS}/LST_LSTCam");
    let (merged, single) = (columns(&out, &table), columns(&one, &table));
    assert_eq!(merged["intensity"][10..], single["intensity"][..]);
    assert_eq!(StoredTable::open(&out, "simulation/run_config").unwrap().rows(), 2);
    assert_eq!(StoredTable::open(&out, "configuration/instrument/subarray/layout").unwrap().rows(), 1);
}

#[test]
fn files_are_split_once_and_for_all() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("in");
    std::fs::create_dir(&folder).unwrap();
    for number in 0..7 {
        std::fs::write(folder.join(format!("dl1_{number}.h5")), [number]).unwrap();
    }
    let out = dir.path().join("out");
    run("iact split", &[format!("input-dir={}", folder.display())], &out, &["ratio=0.4"]).unwrap();
    let list = |name: &str| std::fs::read_to_string(out.join(name)).unwrap().lines().count();
    assert_eq!((list("testing.list"), list("training.list")), (3, 4));
    let count = |name: &str| {
        let files = std::fs::read_dir(out.join(name)).unwrap();
        files.filter(|file| file.as_ref().unwrap().path().extension().is_some_and(|ending| ending == "h5")).count()
    };
    assert_eq!((count("test"), count("train")), (3, 4));
}

#[test]
fn damaged_files_are_errors() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("damaged.h5");
    let whole = std::fs::read(golden("dl1_hm75_mc.h5")).unwrap();
    let mut errors = 0;
    for step in 0..150usize {
        let mut bytes = whole.clone();
        match step % 3 {
            0 => bytes.truncate(step * 1171 % whole.len()),
            1 => (0..8).for_each(|k| bytes[(step * 7919 + k * 104_729) % whole.len()] ^= 0xff),
            _ => bytes[step * 997 % 60_000..][..64].fill(0),
        }
        std::fs::write(&path, &bytes).unwrap();
        let out = dir.path().join(format!("out{step}.h5"));
        errors += usize::from(run("iact dl1ab", &[path.display().to_string()], &out, &[]).is_err());
    }
    assert!(errors > 30, "{errors}");
}

#[test]
fn every_real_file_is_reduced_or_refused_with_a_reason() {
    let Some(one) = real("prod4_pixelsettings_v3.gz") else { return };
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(one.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let dir = tempfile::tempdir().unwrap();
    let (mut images, mut refused) = (0, Vec::new());
    for (number, file) in files.iter().enumerate() {
        let out = dir.path().join(number.to_string());
        let words = [
            "source_config.EventSource.allowed_tels=null",
            "source_config.SimTelEventSource.skip_calibration_events=false",
        ];
        match run("iact r0-to-dl1", &[file.display().to_string()], &out, &words) {
            Ok(outcome) => {
                let value = outcome.report.values.iter().find(|named| named.name == "images").unwrap();
                images += value.value.as_u64().unwrap();
            }
            Err(error) => refused.push(format!("{}: {error}", file.file_name().unwrap().display())),
        }
    }
    for reason in &refused {
        eprintln!("{reason}");
    }
    // 10 + 15 + 9 + 7 + 3 + 14 of the large ones at least
    assert!(images > 55 && refused.len() < 15, "{images} images, {} files refused", refused.len());
}
