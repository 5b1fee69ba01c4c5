//! Directions against events that the reference reconstructed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use recoil_iact::reconstruct::Columns;
use recoil_iact::reconstruct::apply::{add_direction, add_sky};
use recoil_iact::reconstruct::settings::EFFECTIVE_FOCAL_LENGTH;
use recoil_iact::reconstruct::source::update_disp;
use std::path::Path;

fn golden() -> (Vec<String>, Vec<Vec<f64>>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../testdata/golden/irf/dl2_gamma_head400.csv");
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    let names: Vec<String> = lines.next().unwrap().split(',').map(str::to_owned).collect();
    let rows: Vec<Vec<f64>> = lines.map(|line| line.split(',').map(|word| word.parse().unwrap()).collect()).collect();
    let columns = (0..names.len()).map(|place| rows.iter().map(|row| row[place]).collect()).collect();
    (names, columns)
}

/// Fails with the number of rows that differ by more than `tolerance`.
fn compare(table: &Columns, names: &[String], columns: &[Vec<f64>], wanted: &[&str], tolerance: f64) {
    for name in wanted {
        let expected = &columns[names.iter().position(|known| known == name).unwrap()];
        let found = table.get(name).unwrap();
        let wrong: Vec<(usize, f64, f64)> = found
            .iter()
            .zip(expected)
            .enumerate()
            .filter(|(_, (found, expected))| {
                let distance = (*found - *expected).abs();
                distance.is_nan() || distance > tolerance * (1.0 + expected.abs())
            })
            .map(|(row, (found, expected))| (row, *found, *expected))
            .collect();
        assert!(wrong.is_empty(), "{name}: {} of {} rows differ, such as {:?}", wrong.len(), found.len(), wrong[0]);
    }
}

#[test]
fn directions_of_the_reference() {
    let (names, columns) = golden();
    let column = |name: &str| columns[names.iter().position(|known| known == name).unwrap()].clone();
    let given = ["x", "y", "psi", "skewness", "time_gradient", "mc_alt", "mc_az", "mc_alt_tel", "mc_az_tel"]
        .map(|name| (name, column(name)));
    let mut table = Columns::new("golden", given[0].1.len());
    assert_eq!(table.rows(), 400);
    for (name, values) in given {
        table.set(name, values);
    }
    update_disp(&mut table, EFFECTIVE_FOCAL_LENGTH).unwrap();
    // the file has twelve digits; columns of the source came through single precision
    compare(&table, &names, &columns, &["src_x", "disp_norm", "disp_dx", "disp_dy", "disp_sign"], 6e-8);
    let vector = |along: fn(f64) -> f64| -> Vec<f64> {
        let length = column("reco_disp_norm").into_iter().zip(column("reco_disp_sign"));
        length.zip(column("psi")).map(|((norm, sign), psi)| norm * sign * along(psi)).collect()
    };
    add_direction(&mut table, vector(f64::cos), vector(f64::sin)).unwrap();
    let camera =
        ["reco_disp_dx", "reco_disp_dy", "reco_src_x", "reco_src_y", "signed_skewness", "signed_time_gradient"];
    compare(&table, &names, &columns, &camera, 1e-9);
    add_sky(&mut table, EFFECTIVE_FOCAL_LENGTH).unwrap();
    compare(&table, &names, &columns, &["reco_alt", "reco_az"], 1e-9);
}
