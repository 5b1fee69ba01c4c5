//! Files of pyeventio's collection against what pyeventio reads in them. The folder comes from `RECOIL_REALDATA`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, missing_docs)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use recoil_eventio::photons::{PhotoElectrons, Photons};
use recoil_eventio::samples::{AdcSamples, AdcSums};
use recoil_eventio::{Object, Reader, Tree, kind};

fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("RECOIL_REALDATA").map(|root| Path::new(&root).join("iact"));
    let found = folder.filter(|folder| folder.is_dir());
    if found.is_none() {
        eprintln!("SKIPPED: RECOIL_REALDATA does not name a folder with iact/");
    }
    found
}

fn golden(name: &str) -> Vec<Vec<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../testdata/golden/iact").join(name);
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

#[test]
fn every_object_of_every_file_is_found() {
    let Some(folder) = folder() else { return };
    let mut expected: BTreeMap<String, BTreeMap<(u16, u16), u64>> = BTreeMap::new();
    for row in golden("eventio_objects.csv") {
        let [file, kind, version, count] = row.as_slice() else { panic!("{row:?}") };
        let kind = (kind.parse().unwrap(), version.parse().unwrap());
        expected.entry(file.clone()).or_default().insert(kind, count.parse().unwrap());
    }
    assert_eq!(expected.len(), 24);
    let mut wrong = 0;
    for (file, expected) in &expected {
        let mut counts: BTreeMap<(u16, u16), u64> = BTreeMap::new();
        let mut tree = Tree::open(&folder.join(file)).unwrap();
        let mut error = None;
        for entry in tree.by_ref() {
            match entry {
                Ok(entry) => *counts.entry((entry.header.kind, entry.header.version)).or_default() += 1,
                Err(found) => error = Some(found),
            }
        }
        if counts != *expected {
            eprintln!("{file}: {counts:?}\n  expected {expected:?}");
            wrong += 1;
        }
        if file.starts_with("test_lasercal") {
            let error = error.expect("the file was cut off").to_string();
            assert!(error.ends_with("the file ends inside ADCSamples[2013v3]"), "{error}");
            assert_eq!(tree.incomplete().len(), 3);
        } else {
            assert!(error.is_none(), "{file}: {error:?}");
        }
    }
    assert_eq!(wrong, 0, "files with other counts");
}

fn crc32(parts: &[&[u8]]) -> u32 {
    let mut crc = u32::MAX;
    for byte in parts.iter().copied().flatten() {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = crc >> 1 ^ (crc & 1).wrapping_neg() & 0xedb8_8320;
        }
    }
    !crc
}

fn bytes<T: Copy, const N: usize>(values: &[T], of: impl Fn(T) -> [u8; N]) -> Vec<u8> {
    values.iter().flat_map(|value| of(*value)).collect()
}

/// The row of the golden table that an object gives.
fn content(object: &Object<'_>) -> Option<String> {
    let (at, number) = (object.at, object.header.kind);
    Some(match number {
        kind::ADC_SAMPLES => {
            let found = AdcSamples::parse(object).unwrap();
            let sum: u64 = found.samples.iter().map(|count| u64::from(*count)).sum();
            let crc = crc32(&[&bytes(&found.samples, u16::to_le_bytes)]);
            format!("{at},{number},{},{},{},{sum},{crc}", found.n_gains, found.n_pixels, found.n_samples)
        }
        kind::ADC_SUMS => {
            let found = AdcSums::parse(object).unwrap();
            let sum: u64 = found.sums.iter().map(|count| u64::from(*count)).sum();
            let crc = crc32(&[&bytes(&found.sums, u32::to_le_bytes)]);
            format!("{at},{number},{},{},1,{sum},{crc}", found.n_gains, found.n_pixels)
        }
        kind::PHOTO_ELECTRONS => {
            let found = PhotoElectrons::parse(object).unwrap();
            let sum: i64 = found.counts.iter().map(|count| i64::from(*count)).sum();
            let (counts, pixels) = (bytes(&found.counts, i32::to_le_bytes), bytes(&found.pixels, u32::to_le_bytes));
            let crc = crc32(&[&counts, &pixels, &bytes(&found.times, f32::to_le_bytes)]);
            format!("{at},{number},1,{},{},{sum},{crc}", found.counts.len(), found.times.len())
        }
        kind::PHOTONS => {
            let found = Photons::parse(object).unwrap();
            let sum: f64 = found.bunches.iter().map(|bunch| f64::from(bunch.photons)).sum();
            format!("{at},{number},1,1,{},{sum:.3e},0", found.bunches.len())
        }
        _ => return None,
    })
}

fn collect(object: &Object<'_>, rows: &mut Vec<String>) {
    rows.extend(content(object));
    if object.header.only_objects {
        for inner in object.objects() {
            collect(&inner.unwrap(), rows);
        }
    }
}

#[test]
fn samples_sums_and_light_are_equal() {
    let Some(folder) = folder() else { return };
    let mut expected: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for mut row in golden("eventio_content.csv") {
        let file = row.remove(0);
        if row[1] == "1205" {
            row[5] = format!("{:.3e}", row[5].parse::<f64>().unwrap());
        }
        expected.entry(file).or_default().push(row.join(","));
    }
    let (mut wrong, mut compared) = (0, 0);
    for (file, expected) in &expected {
        let mut reader = Reader::open(&folder.join(file)).unwrap();
        let mut rows = Vec::new();
        let mut end = 0;
        while let Ok(Some(object)) = reader.next_object() {
            collect(&object, &mut rows);
            end = object.at + object.data.len() as u64;
        }
        // the last object of a file that was cut off is not whole
        let whole = |row: &&String| row.split(',').next().unwrap().parse::<u64>().unwrap() < end;
        let expected: Vec<&String> = expected.iter().filter(whole).collect();
        assert!(!expected.is_empty(), "{file}");
        wrong +=
            expected.iter().zip(&rows).filter(|(a, b)| **a != *b).inspect(|pair| eprintln!("{file}: {pair:?}")).count();
        wrong += expected.len().abs_diff(rows.len());
        compared += rows.len();
    }
    assert!(compared > 200, "{compared} objects compared");
    assert_eq!(wrong, 0, "objects with other content");
}
