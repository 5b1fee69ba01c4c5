//! What the default chain finds in simulated photons: the splitting of showers that the chain is studied for, and the response.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use recoil_hgcal::chain::{Chain, ChainConfig};
use recoil_hgcal::energy::calibration::{fit_layer_weights, layer_mips};
use recoil_hgcal::geometry::layers::{self, N_TRIGGER_LAYERS};
use recoil_hgcal::simulate::{BackgroundConfig, Interval, SimulationConfig, Simulator};
use recoil_stage::seed::Seed;

#[test]
fn about_one_photon_in_a_hundred_is_split_and_only_at_high_eta() {
    let n = 4000_u32;
    let batch = Simulator::new(&SimulationConfig::default()).unwrap().batch(Seed::new(3), 0..u64::from(n));
    let chain = Chain::new(&ChainConfig::default()).unwrap();
    let mut workspace = chain.workspace();
    let (mut seeded, mut split, mut split_low_eta, mut seedless_pt) = (0_u32, 0_u32, 0_u32, 0.0_f64);
    let (mut response, mut split_response) = (vec![], vec![]);
    for i in 0..batch.cells.len() {
        let gen_particles = batch.event_particles(i);
        chain.event(i as i64, &batch.cells.event_cells(i), &mut workspace).unwrap();
        let clusters = &workspace.clusters.energy;
        if workspace.seeds.is_empty() {
            seedless_pt = seedless_pt.max(gen_particles.pt[0]);
            continue;
        }
        seeded += 1;
        let leading = clusters.iter().copied().fold(0.0, f64::max) / gen_particles.energy[0];
        if workspace.seeds.len() > 1 {
            split += 1;
            split_low_eta += u32::from(gen_particles.eta[0] < 2.2);
            split_response.push(leading);
        } else if gen_particles.pt[0] > 5.0 {
            response.push(leading);
        }
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let fraction = f64::from(split) / f64::from(seeded);
    println!(
        "{n} photons: {seeded} seeded, {split} split ({:.2} %), {split_low_eta} of these below eta 2.2; leading response \
         {:.3}, {:.3} in split events; largest pT without a seed {seedless_pt:.2} GeV",
        100.0 * fraction,
        mean(&response),
        mean(&split_response)
    );
    // the reference found 22 of 1,990, all above eta 2.4, response 0.98 and 0.55; four binomial standard deviations
    assert!((fraction - 0.011).abs() < 4.0 * (0.011 / f64::from(seeded)).sqrt());
    assert!(f64::from(split_low_eta) <= 0.1 * f64::from(split));
    assert!((mean(&response) - 0.98).abs() < 0.01);
    assert!((mean(&split_response) - 0.55).abs() < 0.12);
    assert!(seeded > n - 60 && seedless_pt < 4.0);
}

#[test]
fn layer_weights_fitted_to_simulated_photons_bring_the_response_to_one() {
    let config = SimulationConfig {
        pt_gev: Interval { min: 20.0, max: 100.0 },
        background: BackgroundConfig { noise_cells: 0.0, ..BackgroundConfig::default() },
        ..SimulationConfig::default()
    };
    let batch = Simulator::new(&config).unwrap().batch(Seed::new(4), 0..1200);
    let profiles: Vec<[f64; N_TRIGGER_LAYERS]> = (0..1200).map(|i| layer_mips(batch.cells.event_cells(i))).collect();
    let energies = batch.particles.particles.energy.clone();
    let mut table = [0.0; N_TRIGGER_LAYERS];
    for (weight, layer) in table.iter_mut().zip(layers::trigger_layers()) {
        *weight = recoil_hgcal::energy::calibration::gev_per_mipt(layer).unwrap();
    }
    let moments = |weights: &[f64]| {
        let response = |i: usize| profiles[i].iter().zip(weights).map(|(m, w)| m * w).sum::<f64>() / energies[i];
        let values: Vec<f64> = (600..1200).map(response).collect();
        let mean = values.iter().sum::<f64>() / 600.0;
        (mean, (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 599.0).sqrt())
    };
    // fitted to the first half, judged on the second
    let fit = fit_layer_weights(&profiles[..600], &energies[..600], &table, 1e-3).unwrap();
    let (before, after) = (moments(&table), moments(&fit.weights));
    println!(
        "response {:.4} +- {:.4} with the table, {:.4} +- {:.4} with fitted weights",
        before.0, before.1, after.0, after.1
    );
    assert!((after.0 - 1.0).abs() < 0.002, "{after:?}");
    assert!(after.1 < before.1 * 1.05 && (before.0 - 1.0).abs() > 0.005);
}
