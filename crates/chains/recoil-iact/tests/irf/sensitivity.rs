//! The whole optimisation.

use crate::golden::{compare, events, json, numbers};
use recoil_iact::irf::sensitivity::{Optimisation, Sensitivity};
use recoil_iact::irf::spectra::Spectrum;

#[test]
fn best_cuts_and_fluxes() {
    let golden = json();
    let gammas = events(&golden, "gamma", Spectrum::CrabHegra);
    let mut background = events(&golden, "proton", Spectrum::Proton);
    background.append(&events(&golden, "electron", Spectrum::Electron));
    let optimisation = Optimisation::default();
    compare("edges", &optimisation.edges, &numbers(&golden["bins_TeV"]), 1e-12);
    let found = optimisation.run(&gammas, &background);
    compare("first cut", &[found.initial_cut], &[golden["initial_gh_cut"].as_f64().unwrap()], 1e-9);
    compare("theta", &found.initial_theta.cut, &numbers(&golden["theta_cuts_initial"]["cut_deg"]), 1e-9);
    let counts: Vec<f64> = found.initial_theta.n_events.iter().map(|count| *count as f64).collect();
    compare("events", &counts, &numbers(&golden["theta_cuts_initial"]["n"]), 0.0);
    compare("gammaness", &found.gammaness.cut, &numbers(&golden["gh_cuts"]), 1e-9);
    let relative = |bins: &[Sensitivity]| bins.iter().map(|bin| bin.relative).collect::<Vec<_>>();
    compare("first", &relative(&found.first), &numbers(&golden["sens_step2_relative"]), 1e-9);
    compare("theta", &found.theta.cut, &numbers(&golden["theta_cuts_opt_deg"]), 1e-9);
    let last = &golden["sensitivity"];
    compare("relative", &relative(&found.sensitivity), &numbers(&last["relative"]), 1e-9);
    let off: Vec<f64> = found.sensitivity.iter().map(|bin| bin.background).collect();
    compare("background", &off, &numbers(&last["n_background_weighted"]), 1e-9);
    let signal: Vec<f64> = found.sensitivity.iter().map(|bin| bin.signal).collect();
    compare("signal", &signal, &numbers(&last["n_signal_weighted_hist"]), 1e-9);
    let significance: Vec<f64> = found.sensitivity.iter().map(|bin| bin.significance).collect();
    compare("significance", &significance, &numbers(&last["significance"]), 1e-9);
    compare("flux", &found.flux, &numbers(&last["flux_per_TeV_cm2_s"]), 1e-9);
}
