//! Functions of numbers.

use crate::golden::{compare, csv};
use recoil_iact::irf::sensitivity::Detection;
use recoil_iact::irf::significance::li_ma;
use recoil_iact::irf::spectra::Spectrum;

#[test]
fn li_and_ma() {
    let rows = csv("lima.csv");
    let found: Vec<f64> = rows.iter().map(|row| li_ma(row[0], row[1], row[2])).collect();
    // without an excess the root's argument is zero, which rounds to below zero here and there: pyirf gives no number then
    let expected: Vec<f64> = rows
        .iter()
        .map(|row| if row[3].is_nan() && row[0] == (row[1] * row[2]).round() { 0.0 } else { row[3] })
        .collect();
    compare("significance", &found, &expected, 1e-12);
    assert!(rows.len() > 300);
}

#[test]
fn spectra() {
    let rows = csv("spectra.csv");
    for (column, spectrum) in
        [Spectrum::CrabHegra, Spectrum::CrabMagic, Spectrum::Proton, Spectrum::Electron].into_iter().enumerate()
    {
        let found: Vec<f64> = rows.iter().map(|row| spectrum.at(row[0])).collect();
        let expected: Vec<f64> = rows.iter().map(|row| row[column + 1]).collect();
        compare(&format!("{spectrum:?}"), &found, &expected, 1e-9);
    }
    assert!((Spectrum::AllParticle.at(1e-3) / 1.8e3 - 1.0).abs() < 1e-12);
}

#[test]
fn relative_sensitivity() {
    let rows = csv("relative_sensitivity.csv");
    let found: Vec<f64> = rows
        .iter()
        .map(|row| Detection { alpha: row[2], ..Detection::default() }.relative_flux(row[0], row[1]))
        .collect();
    let expected: Vec<f64> = rows.iter().map(|row| row[3]).collect();
    compare("relative flux", &found, &expected, 1e-9);
    assert!(Detection::default().relative_flux(f64::NAN, 1.0).is_nan());
}
