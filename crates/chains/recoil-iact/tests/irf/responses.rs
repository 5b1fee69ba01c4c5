//! Effective area, energy dispersion, point-spread function, background, resolutions, cuts.

use crate::golden::{KINDS, SECONDS, array, compare, events, json, number, numbers, path, simulated};
use recoil_iact::irf::binning::{linear, logarithmic};
use recoil_iact::irf::cuts::PercentileCut;
use recoil_iact::irf::gadf::{self, Common};
use recoil_iact::irf::resolution::{ONE_SIGMA, angular_resolution, energy_resolution};
use recoil_iact::irf::response::{background, effective_area, effective_area_by_offset, energy_dispersion, psf_table};
use recoil_iact::irf::spectra::Spectrum;
use recoil_iact::irf::{CutTable, Events};
use serde_json::Value;

fn energy_edges() -> Vec<f64> {
    logarithmic(0.005, 500.0, 26)
}

fn cuts(golden: &Value, key: &str) -> CutTable {
    let edges = numbers(&golden["bins_TeV"]);
    let cut = numbers(&golden[key]);
    CutTable { n_events: vec![0; cut.len()], edges, cut }
}

/// Gammas that pass the best cuts on gammaness, and of these those within the cuts on theta.
fn selected(golden: &Value) -> (Events, Events) {
    let gammas = events(golden, "gamma", Spectrum::CrabHegra);
    let gammaness = cuts(golden, "gh_cuts");
    let recognised = gammas.filter(|event| gammaness.passes_above(gammas.gammaness[event], gammas.reco_energy[event]));
    let theta = cuts(golden, "theta_cuts_opt_deg");
    let within = recognised.filter(|event| theta.passes_below(recognised.theta[event], recognised.reco_energy[event]));
    (recognised, within)
}

#[test]
fn normalisations_and_weights() {
    let golden = json();
    for (kind, spectrum) in KINDS {
        let thrown = simulated(&golden, kind);
        compare("norm", &[thrown.normalisation(SECONDS)], &[golden["norm"][kind][0].as_f64().unwrap()], 1e-9);
        let sum: f64 = events(&golden, kind, spectrum).weight.iter().sum();
        compare("weights", &[sum], &[golden["weight_sum"][kind].as_f64().unwrap()], 1e-9);
    }
    let gammas = events(&golden, "gamma", Spectrum::CrabHegra);
    let mean = gammas.theta.iter().sum::<f64>() / gammas.len() as f64;
    compare("theta", &[mean], &[golden["theta_mean_deg"]["gamma"].as_f64().unwrap()], 1e-9);
}

#[test]
fn effective_areas() {
    let golden = json();
    let (recognised, within) = selected(&golden);
    assert_eq!([within.len(), recognised.len()], [1222, 1792]);
    let thrown = simulated(&golden, "gamma");
    let showers = thrown.per_energy(&energy_edges());
    let expected = numbers(&golden["n_showers_per_bin"]);
    // beyond the thrown range the reference keeps a rounding error of 1e-14 showers
    for (found, expected) in showers.iter().zip(&expected) {
        assert!((found - expected).abs() <= 1e-9 * expected.abs() + 1e-10, "{found} {expected}");
    }
    compare("area", &effective_area(&within, &thrown, &energy_edges()), &numbers(&golden["aeff_m2"]), 1e-9);
}

#[test]
fn effective_area_in_the_field_of_view() {
    let golden = json();
    let protons = events(&golden, "proton", Spectrum::Proton);
    let (shape, expected) = array("irf_aeff_fov_proton_m2.npy");
    let offsets = linear(0.1, 1.1, 9);
    assert_eq!(shape, [25, 8]);
    let thrown = simulated(&golden, "proton");
    let found = effective_area_by_offset(&protons, &thrown, &energy_edges(), &offsets);
    compare("area", &found.values, &expected, 1e-9);
}

#[test]
fn dispersion_and_point_spread() {
    let golden = json();
    let (recognised, within) = selected(&golden);
    let offsets = [0.3, 0.5];
    let (shape, expected) = array("irf_edisp.npy");
    let found = energy_dispersion(&within, &energy_edges(), &logarithmic(0.2, 5.0, 31), &offsets);
    assert_eq!(shape, found.shape);
    compare("dispersion", &found.values, &expected, 1e-9);
    let (shape, expected) = array("irf_psf_per_sr.npy");
    let found = psf_table(&recognised, &energy_edges(), &linear(0.0, 1.0, 101), &offsets);
    assert_eq!(shape, found.shape);
    compare("point spread", &found.values, &expected, 1e-9);
}

#[test]
fn background_rate() {
    let golden = json();
    let gammaness = cuts(&golden, "gh_cuts");
    let mut all = events(&golden, "proton", Spectrum::Proton);
    all.append(&events(&golden, "electron", Spectrum::Electron));
    let kept = all.filter(|event| gammaness.passes_above(all.gammaness[event], all.reco_energy[event]));
    assert_eq!(kept.len(), 717);
    let found = background(&kept, &energy_edges(), &linear(0.0, 10.0, 21), SECONDS);
    let (shape, expected) = array("irf_bkg2d.npy");
    assert_eq!(shape, [25, 20]);
    // the reference's array is per TeV
    let per_tev: Vec<f64> = found.values.iter().map(|value| value * 1e6).collect();
    compare("background", &per_tev, &expected, 1e-9);
}

#[test]
fn resolutions() {
    let golden = json();
    let (recognised, within) = selected(&golden);
    let found = angular_resolution(&recognised, &energy_edges(), ONE_SIGMA);
    compare("angle", &found, &numbers(&golden["angular_resolution_deg"]), 1e-9);
    // energies are judged after the cuts on gammaness, or after all cuts
    let try_with = |events: &Events| {
        let found = energy_resolution(events, &energy_edges());
        let bias: Vec<f64> = found.iter().map(|bin| bin.bias).collect();
        (found, bias)
    };
    let expected = numbers(&golden["energy_bias"]);
    let near =
        |bias: &[f64]| bias.iter().zip(&expected).all(|(a, b)| a.is_nan() && b.is_nan() || (a - b).abs() <= 1e-9);
    let (found, bias) = [try_with(&recognised), try_with(&within)].into_iter().find(|(_, bias)| near(bias)).unwrap();
    compare("bias", &bias, &expected, 1e-9);
    let widths: Vec<f64> = found.iter().map(|bin| bin.half_width).collect();
    compare("width", &widths, &numbers(&golden["energy_resolution_interquantile"]), 1e-9);
    let absolute: Vec<f64> = found.iter().map(|bin| bin.absolute).collect();
    compare("absolute", &absolute, &numbers(&golden["energy_resolution_abs68"]), 1e-9);
}

#[test]
fn cuts_of_the_data_level_three() {
    let golden = json();
    let gammas = events(&golden, "gamma", Spectrum::CrabHegra);
    let greatest = gammas.gammaness.iter().copied().fold(f64::MIN, f64::max);
    let cut = PercentileCut {
        min_value: Some(0.1),
        max_value: Some(0.95),
        min_events: 100,
        ..PercentileCut::new(100.0 * (1.0 - 0.7), greatest)
    };
    let mut gammaness = cut.table(&gammas.gammaness, &gammas.reco_energy, &energy_edges());
    gammaness.fill_from_neighbours(100);
    let expected = &golden["dl3_gh_cuts_eff0.7"];
    compare("gammaness", &gammaness.cut, &numbers(&expected["cut"]), 1e-9);
    let counts: Vec<f64> = gammaness.n_events.iter().map(|count| *count as f64).collect();
    compare("events", &counts, &numbers(&expected["n"]), 0.0);

    let kept = gammas.filter(|event| gammaness.passes_above(gammas.gammaness[event], gammas.reco_energy[event]));
    let cut = PercentileCut {
        min_value: Some(0.1),
        max_value: Some(0.32),
        min_events: 100,
        ..PercentileCut::new(70.0, 0.32)
    };
    let mut theta = cut.table(&kept.theta, &kept.reco_energy, &energy_edges());
    theta.fill_from_neighbours(100);
    let expected = &golden["dl3_theta_cuts_cont0.7_deg"];
    compare("theta", &theta.cut, &numbers(&expected["cut"]), 1e-9);
    assert_eq!(theta.n_events[3] as f64, number(&expected["n"][3]));
}

#[test]
fn tables_have_the_layout_of_the_reference() {
    let reference = recoil_fits::Fits::read(&path("irf_full.fits.gz")).unwrap();
    let point = recoil_fits::Fits::read(&path("irf_point.fits.gz")).unwrap();
    let golden = json();
    let (recognised, _) = selected(&golden);
    let (energy, offsets, source) = (energy_edges(), [0.3, 0.5], linear(0.0, 1.0, 101));
    let migration = logarithmic(0.2, 5.0, 31);
    let common = Common::default();
    let thrown = simulated(&golden, "gamma");
    let area = effective_area_by_offset(&recognised, &simulated(&golden, "proton"), &energy, &offsets);
    let cube = energy_dispersion(&recognised, &energy, &migration, &offsets);
    let spread = psf_table(&recognised, &energy, &source, &offsets);
    let cut = CutTable { edges: energy.clone(), n_events: vec![1; 25], cut: vec![0.2; 25] };
    assert_eq!(thrown.per_energy(&energy).len(), 25);
    let own = [
        (gadf::effective_area(&area, &energy, &offsets, &common).unwrap(), &reference),
        (gadf::energy_dispersion(&cube, &energy, &migration, &offsets, &common).unwrap(), &reference),
        (gadf::psf(&spread, &energy, &source, &offsets, &common).unwrap(), &reference),
        (gadf::rad_max(&cut, &offsets, &common).unwrap(), &point),
        (gadf::cuts("GH_CUTS", &cut, "", &common).unwrap(), &point),
    ];
    for (table, reference) in &own {
        let expected = reference.table(&table.name).unwrap();
        assert_eq!(table.rows, expected.rows, "{}", table.name);
        let layout = |table: &recoil_fits::Table| -> Vec<(String, String, Vec<usize>)> {
            table
                .columns
                .iter()
                .map(|column| (column.name.clone(), column.unit.clone(), column.shape.clone()))
                .collect()
        };
        assert_eq!(layout(table), layout(expected), "{}", table.name);
        for key in ["HDUCLASS", "HDUCLAS1", "HDUCLAS2", "HDUCLAS4", "HDUVERS", "HDUDOC"] {
            assert_eq!(
                table.find(key).map(|card| &card.value),
                expected.find(key).map(|card| &card.value),
                "{} {key}",
                table.name
            );
        }
    }
    // the densities of the file are those of the array
    let (shape, expected) = array("irf_psf_per_sr.npy");
    let stored = own[2].0.doubles("RPSF").unwrap();
    for energy in 0..shape[0] {
        for ring in 0..shape[2] {
            let (found, expected) = (stored[ring * shape[0] + energy], expected[energy * shape[2] + ring]);
            assert!((found - expected).abs() <= 1e-9 * expected.abs());
        }
    }
    // energy is the fastest index of the background, unlike in the reference's file
    let rate = background(&recognised, &energy, &linear(0.0, 10.0, 21), SECONDS);
    let table = gadf::background(&rate, &energy, &linear(0.0, 10.0, 21), &common).unwrap();
    assert_eq!(table.column("BKG").unwrap().shape, [25, 20]);
    assert_eq!(table.doubles("BKG").unwrap()[5 + 25], rate.at(5, 1, 0));
}
