//! Values made by independent programs (see testdata/golden/*/README.md).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::fs;
use std::path::Path;

use recoil_stats::{interval, quantile};

/// A missing value is an empty cell in quotes.
fn number(cell: &str) -> f64 {
    if cell == "\"\"" { f64::NAN } else { cell.parse().unwrap_or_else(|e| panic!("{cell}: {e}")) }
}

fn rows(path: &str) -> Vec<Vec<f64>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../testdata/golden").join(path);
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.lines().skip(1).map(|line| line.split(',').map(number).collect()).collect()
}

#[test]
fn effective_sigma_as_the_python_chain() {
    let values: Vec<f64> = rows("hgcal/std_eff_input.csv").into_iter().flatten().collect();
    assert_eq!(values.len(), 333);
    assert_eq!(values.iter().filter(|x| x.is_nan()).count(), 3, "events without a cluster");
    let sigma = quantile::effective_sigma(&values).unwrap();
    assert!((sigma - 0.022186930720383566).abs() < 1e-16, "effective sigma {sigma}");
}

#[test]
fn clopper_pearson_table() {
    let rows = rows("tau/clopper_pearson.csv");
    let mut mismatches = 0;
    for row in &rows {
        let &[pass, total, alpha, low, high] = row.as_slice() else { panic!("row {row:?}") };
        let got = interval::clopper_pearson(pass, total, 1.0 - alpha).unwrap();
        // the table has 12 digits
        if (got.low - low).abs() > 2e-12 + 1e-11 * low || (got.high - high).abs() > 2e-12 + 1e-11 * high {
            mismatches += 1;
            println!("{pass}/{total} alpha {alpha}: {} {} expected {low} {high}", got.low, got.high);
        }
    }
    println!("clopper-pearson: {} rows, {mismatches} mismatches", rows.len());
    assert!(rows.len() == 132 && mismatches == 0, "{mismatches} of {} rows differ", rows.len());
}
