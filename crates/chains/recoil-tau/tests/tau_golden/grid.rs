use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use recoil_root::write::Compression;
use recoil_root::{Column, Prim, Values};
use recoil_tau::batches::{BatchStream, Pieces, RowSelection};
use recoil_tau::data::columns::column;
use recoil_tau::features::FeatureTable;
use recoil_tau::grid::{Encoder, SparseGrid};
use recoil_tau::scaling::ScalingTable;
use recoil_tau::shuffle::write::CandidateWriter;
use serde_json::Value as Json;

use super::{golden, json, none};

fn values(prim: Prim, numbers: &[f64]) -> Values {
    match prim {
        Prim::F32 => numbers.iter().map(|x| *x as f32).collect::<Vec<f32>>().into(),
        Prim::I32 => numbers.iter().map(|x| *x as i32).collect::<Vec<i32>>().into(),
        Prim::U32 => numbers.iter().map(|x| *x as u32).collect::<Vec<u32>>().into(),
        Prim::U64 => numbers.iter().map(|x| *x as u64).collect::<Vec<u64>>().into(),
        other => panic!("{other}"),
    }
}

/// The candidates as a file of the given format, with the columns that are known of them.
fn write(path: &Path) {
    let document = json("grid_inputs.json");
    let taus = document["taus"].as_array().unwrap();
    let names: BTreeSet<&String> =
        taus.iter().flat_map(|tau| tau.as_object().unwrap().keys()).filter(|name| column(name).is_some()).collect();
    let (mut definitions, mut columns) = (Vec::new(), Vec::new());
    for name in names {
        let definition = column(name).unwrap();
        // JSON has no number that is not finite
        let number = |value: &Json| if value.is_null() { f64::NAN } else { value.as_f64().unwrap() };
        definitions.push((name.clone(), definition.ty()));
        columns.push(if definition.list {
            let (mut offsets, mut all) = (vec![0_i64], Vec::new());
            for tau in taus {
                // candidates without such objects do not have the columns
                all.extend(tau[name].as_array().into_iter().flatten().map(number));
                offsets.push(all.len() as i64);
            }
            Column::List { offsets, inner: Box::new(Column::Prim(values(definition.prim, &all))) }
        } else {
            let all: Vec<f64> = taus.iter().map(|tau| number(&tau[name])).collect();
            Column::Prim(values(definition.prim, &all))
        });
    }
    let mut writer = CandidateWriter::create(path, &definitions, Compression::Lz4).unwrap();
    writer.write(columns).unwrap();
    writer.finish("{}").unwrap();
}

type Entry = (i64, String, String, i64, i64, String, i64);

fn reference() -> BTreeMap<Entry, f32> {
    let path = golden("grid_nonzero.parquet").display().to_string();
    let batch = recoil_table::open(&path, &recoil_table::ReadOptions::default()).unwrap().read_all().unwrap();
    let int = |name: &str| batch.scalar_as::<i64>(name).unwrap().into_owned();
    let text = |name: &str| batch.strings(name).unwrap().clone();
    let (tau, eta, phi, index) = (int("tau"), int("eta_cell"), int("phi_cell"), int("feature_index"));
    let (grid, block, feature) = (text("grid"), text("block"), text("feature"));
    let value = batch.scalar_as::<f32>("value").unwrap();
    (0..batch.rows())
        .map(|i| {
            let word = |column: &arrow_array::StringArray| column.value(i).to_owned();
            ((tau[i], word(&grid), word(&block), eta[i], phi[i], word(&feature), index[i]), value[i])
        })
        .collect()
}

fn entries(table: &FeatureTable, grid: &SparseGrid, name: &str, found: &mut BTreeMap<Entry, f32>) {
    for candidate in 0..grid.candidates() {
        for cell in grid.cells_of(candidate) {
            for (input, (_, blocks)) in table.inputs.iter().enumerate() {
                let mut values = grid.values(input, cell).iter();
                for block in blocks {
                    for (index, feature) in table.block(block).unwrap().enabled().enumerate() {
                        let value = *values.next().unwrap();
                        let place = grid.cells[cell];
                        let key = (
                            candidate as i64,
                            name.to_owned(),
                            block.clone(),
                            i64::from(place.eta),
                            i64::from(place.phi),
                            feature.name.clone(),
                            index as i64,
                        );
                        // features that several inputs have are the same in all of them
                        if value != 0.0 {
                            assert!(found.insert(key, value).is_none_or(|before| before == value));
                        }
                    }
                }
            }
        }
    }
}

fn compare(table: &FeatureTable, extension: &str, batch: usize) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(format!("taus.{extension}"));
    write(&path);
    let scaling = ScalingTable::read(&golden("scaling_params_reference_498.json")).unwrap();
    let encoder = Encoder::new(table, &scaling).unwrap();
    let pieces = Pieces::new(&encoder, RowSelection::default(), vec![path], "taus", 3);
    let mut stream = BatchStream::new(pieces, batch);
    let (mut inner, mut outer, mut flat) = (SparseGrid::default(), SparseGrid::default(), Vec::new());
    let mut sizes = Vec::new();
    while let Some(found) = stream.next_batch().unwrap() {
        sizes.push(found.len());
        flat.extend(found.flat.values);
        for (whole, part) in [(&mut inner, found.inner), (&mut outer, found.outer)] {
            if whole.starts.is_empty() { *whole = part } else { whole.append(part) }
        }
    }
    assert_eq!(sizes.iter().sum::<usize>(), 8);
    assert!(sizes.iter().rev().skip(1).all(|size| *size == batch));

    let theirs = reference();
    assert_eq!(theirs.len(), 3832);
    let mut ours = BTreeMap::new();
    entries(table, &inner, "inner", &mut ours);
    entries(table, &outer, "outer", &mut ours);
    let mut mismatches: Vec<String> =
        ours.keys().filter(|key| !theirs.contains_key(*key)).map(|key| format!("too many: {key:?}")).collect();
    for (key, value) in &theirs {
        match ours.get(key) {
            None => mismatches.push(format!("missing: {key:?}")),
            Some(mine) if (mine - value).abs() > 1e-6 => mismatches.push(format!("{key:?}: {mine} instead of {value}")),
            Some(_) => {}
        }
    }
    none("grid entries", theirs.len(), &mismatches);

    let text = std::fs::read_to_string(golden("grid_tau_flat.csv")).unwrap();
    let numbers: Vec<f32> = text.lines().skip(1).flat_map(|line| line.split(',')).map(|x| x.parse().unwrap()).collect();
    assert_eq!(numbers.len(), flat.len());
    let differ = |(i, (a, b)): (usize, (&f32, &f32))| {
        ((a - b).abs() > 1e-6).then(|| format!("candidate {} feature {}: {b} instead of {a}", i / 43, i % 43))
    };
    let mismatches: Vec<String> = numbers.iter().zip(&flat).enumerate().filter_map(differ).collect();
    none("flat inputs", numbers.len(), &mismatches);
}

#[test]
fn grids_of_the_default_table() {
    compare(&FeatureTable::shipped().unwrap(), "root", 8);
}

#[test]
fn grids_of_a_table_in_the_older_layout_from_parquet() {
    compare(&FeatureTable::read(&golden("feature_config.json")).unwrap(), "parquet", 5);
}
