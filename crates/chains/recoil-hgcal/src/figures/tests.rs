#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::validate::Kinematics;

/// Photons that split once in ten, at the highest eta.
fn outcome(label: &str, n: usize) -> Outcome {
    let row = |i: usize| {
        let t = i as f64 / n as f64;
        let truth = Kinematics {
            energy: 50.0 + t,
            eta: 1.7 + 1.1 * t,
            phi: 0.1,
            pt: 1.0 + 99.0 * ((7 * i) % n) as f64 / n as f64,
        };
        let r = 0.01 * ((i * 37 % 21) as f64 - 10.0);
        let response = Kinematics { energy: r, eta: 0.01 * r, phi: -0.01 * r, pt: r };
        let clusters = if i.is_multiple_of(10) { 2 } else { 1 };
        Comparison {
            particle: 0,
            truth,
            cells: Kinematics::NONE,
            cells_response: Kinematics::NONE,
            cluster: truth,
            cluster_response: response,
            clusters,
        }
    };
    Outcome { label: label.to_owned(), rows: (0..n).map(row).collect() }
}

#[test]
fn splitting_is_counted_among_the_seen() {
    let mut own = outcome("a", 100);
    own.rows[1].clusters = 0;
    let split = efficiency::splitting(&own).unwrap();
    assert!((split.value - 10.0 / 99.0).abs() < 1e-12);
    assert!(split.low < split.value && split.value < split.high);
    assert!((efficiency::found(&own).unwrap().value - 0.99).abs() < 1e-12);
}

#[test]
fn figures_of_nothing_and_of_one_row_do_not_fail() {
    for n in [0, 1, 300] {
        let outcomes = [outcome("default", n), outcome("flat-top", n)];
        for quantity in response::Quantity::ALL {
            for figure in [
                response::distribution(quantity, "PU 0", &outcomes),
                resolution::against_pt(quantity, "PU 0", &outcomes),
                resolution::against_eta(quantity, "PU 0", &outcomes),
            ] {
                let svg = figure.svg();
                assert!(svg.starts_with("<svg") && !svg.contains("NaN") && !svg.contains("inf"));
            }
        }
        for figure in [
            efficiency::against_pt("PU 0", &outcomes),
            efficiency::against_eta("PU 0", &outcomes),
            efficiency::splitting_against_eta("PU 0", &outcomes),
            counts::per_event("seeds", "PU 0", &[counts::Counts { label: "a".into(), per_event: vec![1; n] }]),
            radius::energy("PU 0", &[radius::Scan::default()]),
            radius::resolution("PU 0", &[radius::Scan::default()]),
            radius::efficiency("PU 0", &[radius::Scan::default()]),
            occupancy::maps("PU 0", "", &occupancy::Occupancy::default(), None),
            display::layer("PU 0", "", &display::Event::default(), 9, 20.0),
            shapes::distributions(
                "PU 0",
                &[shapes::Shape { values: vec![("a".into(), vec![1.0; n])], ..Default::default() }],
            ),
            phi_moves::scan("PU 0", &[], None),
            detector::truncation("PU 0", &[("a".into(), vec![0.5])]),
            detector::towers("PU 0", &detector::TowerEnergies::default()),
            detector::layer_profile("PU 0", &[]),
        ] {
            assert!(figure.svg().starts_with("<svg"));
        }
    }
}

#[test]
fn digits_are_significant() {
    assert_eq!(digits(1.0, 2), "1.0");
    assert_eq!(digits(0.004_04, 2), "0.0040");
    assert_eq!(digits(1234.5, 3), "1234");
    assert_eq!(digits(-0.5, 1), "\u{2212}0.5");
    assert_eq!(digits(f64::NAN, 2), "n/a");
}

#[test]
fn the_same_numbers_give_the_same_bytes() {
    let draw = || efficiency::splitting_against_eta("PU 0", &[outcome("default", 1000)]).svg();
    assert_eq!(draw(), draw());
}

#[test]
fn a_catalog_has_no_two_figures_of_one_name() {
    use crate::report::{Available, ReportConfig, RunLabel, catalog};
    let run = |sample: &str, label: &str| RunLabel { sample: sample.into(), label: label.into() };
    let config = ReportConfig {
        runs: vec![run("PU 0", "a"), run("PU 0", "b"), run("PU 200", "a"), run("PU 200", "b")],
        samples: vec!["PU 0".into(), "PU 200".into()],
        ..ReportConfig::default()
    };
    let all = Available {
        validations: 4,
        seeds: 4,
        clusters: 4,
        scans: 2,
        cells: 2,
        truncations: 2,
        shapes: 2,
        towers: true,
        phi_scan: true,
    };
    let names: Vec<String> = catalog(&config, &all).into_iter().map(|entry| entry.name).collect();
    let unique: std::collections::BTreeSet<&String> = names.iter().collect();
    assert_eq!(unique.len(), names.len(), "{names:?}");
    let few = catalog(&config, &Available { validations: 4, ..Available::default() });
    assert!(few.len() < names.len() && few.iter().all(|entry| entry.name != "towers"));
}
