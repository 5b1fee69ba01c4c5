//! Reconstructed electrons and muons, as the columns of the tuple have them.

use rand::RngExt as _;
use recoil_stage::seed::Rng;

use super::particles::wrapped;
use super::sample::{exponential, normal, poisson};

/// Values of one object by column, in the order of [`ELECTRON_COLUMNS`] or [`MUON_COLUMNS`].
pub type ObjectRow = Vec<f32>;

/// Columns of electrons that the generator fills.
pub const ELECTRON_COLUMNS: [&str; 40] = [
    "index",
    "pt",
    "eta",
    "phi",
    "mass",
    "cc_ele_energy",
    "cc_gamma_energy",
    "cc_n_gamma",
    "dxy",
    "dxy_error",
    "ip3d",
    "trackMomentumAtVtx",
    "trackMomentumAtCalo",
    "trackMomentumOut",
    "trackMomentumAtEleClus",
    "trackMomentumAtVtxWithConstraint",
    "ecalEnergy",
    "ecalEnergy_error",
    "eSuperClusterOverP",
    "eSeedClusterOverP",
    "eSeedClusterOverPout",
    "eEleClusterOverPout",
    "deltaEtaSuperClusterTrackAtVtx",
    "deltaEtaSeedClusterTrackAtCalo",
    "deltaEtaEleClusterTrackAtCalo",
    "deltaEtaSeedClusterTrackAtVtx",
    "deltaPhiEleClusterTrackAtCalo",
    "deltaPhiSuperClusterTrackAtVtx",
    "deltaPhiSeedClusterTrackAtCalo",
    "mvaInput_earlyBrem",
    "mvaInput_lateBrem",
    "mvaInput_sigmaEtaEta",
    "mvaInput_hadEnergy",
    "mvaInput_deltaEta",
    "gsfTrack_normalizedChi2",
    "gsfTrack_numberOfValidHits",
    "gsfTrack_pt",
    "gsfTrack_pt_error",
    "closestCtfTrack_normalizedChi2",
    "closestCtfTrack_numberOfValidHits",
];

/// An electron; `genuine` ones have narrow showers and matching tracks.
pub fn electron(pt: f64, eta: f64, phi: f64, genuine: bool, rng: &mut Rng) -> ObjectRow {
    let blur = if genuine { 1.0 } else { 2.5 };
    let (eta, phi) = (eta + normal(0.0, 0.002 * blur, rng), wrapped(phi + normal(0.0, 0.002 * blur, rng)));
    let cosh = eta.cosh();
    let mut near = |mean: f64, width: f64| mean * normal(1.0, width * blur, rng).max(0.05);
    let energies = [near(pt, 0.1), near(pt * 0.1, 0.5), near(pt, 0.07), near(pt * 0.88, 0.1)];
    let more = [near(pt * 0.72, 0.15), near(pt * 0.72, 0.15), near(pt, 0.05), near(pt, 0.04)];
    let ratios = [near(1.0, 0.12), near(0.92, 0.12), near(1.05, 0.25), near(1.05, 0.25)];
    let track = [near(pt * 0.92, 0.12), near(pt * 0.05, 0.05)];
    let sigma = near(0.0125, 0.2);
    let gammas = poisson(1.0, rng) as f64;
    let mut angle = |width: f64| normal(0.0, width * blur, rng);
    let angles = [angle(0.0045), angle(0.003), angle(0.003), angle(0.0035), angle(0.005), angle(0.02), angle(0.01)];
    let (dxy, ip3d) = (normal(0.0, 0.003, rng), normal(0.0, 0.0035, rng));
    let has_closest = rng.random_bool(0.85);
    let mut row = vec![0.0, pt, eta, phi, 0.000_511, energies[0], energies[1], gammas, dxy, 0.003, ip3d];
    row.extend([energies[2], energies[3], more[0], more[1], more[2], more[3], 0.02 * pt]);
    row.extend(ratios);
    row.extend(angles);
    row.push(f64::from(rng.random_range(-1_i32..3).min(1)));
    row.push(f64::from(rng.random_range(-1_i32..2)));
    row.extend([sigma, exponential(if genuine { 1.0 } else { 0.3 * pt * cosh }, rng), normal(0.0, 0.003, rng)]);
    row.extend([normal(1.0, 0.4, rng).max(0.1), 12.0 + poisson(3.0, rng) as f64, track[0], track[1]]);
    row.push(if has_closest { normal(1.1, 0.4, rng).max(0.1) } else { -1.0 });
    row.push(12.0 + poisson(2.5, rng) as f64);
    row.into_iter().map(|value| value as f32).collect()
}

/// Columns of muons that the generator fills.
pub const MUON_COLUMNS: [&str; 39] = [
    "index",
    "pt",
    "eta",
    "phi",
    "mass",
    "dxy",
    "dxy_error",
    "normalizedChi2",
    "numberOfValidHits",
    "segmentCompatibility",
    "caloCompatibility",
    "pfEcalEnergy",
    "type",
    "id",
    "pfRelIso04",
    "n_matches_DT_1",
    "n_matches_DT_2",
    "n_matches_DT_3",
    "n_matches_DT_4",
    "n_matches_CSC_1",
    "n_matches_CSC_2",
    "n_matches_CSC_3",
    "n_matches_CSC_4",
    "n_matches_RPC_1",
    "n_matches_RPC_2",
    "n_matches_RPC_3",
    "n_matches_RPC_4",
    "n_hits_DT_1",
    "n_hits_DT_2",
    "n_hits_DT_3",
    "n_hits_DT_4",
    "n_hits_CSC_1",
    "n_hits_CSC_2",
    "n_hits_CSC_3",
    "n_hits_CSC_4",
    "n_hits_RPC_1",
    "n_hits_RPC_2",
    "n_hits_RPC_3",
    "n_hits_RPC_4",
];

/// A muon; others than `genuine` ones leave little in the chambers.
pub fn muon(pt: f64, eta: f64, phi: f64, genuine: bool, rng: &mut Rng) -> ObjectRow {
    let seen = if genuine { 1.0 } else { 0.25 };
    let (eta, phi) = (eta + normal(0.0, 0.002, rng), wrapped(phi + normal(0.0, 0.002, rng)));
    let chi2 = if genuine || rng.random_bool(0.5) { normal(1.0, 0.5, rng).max(0.1) } else { -1.0 };
    let hits = if genuine { 22.0 + poisson(18.0, rng) as f64 } else { 13.0 + poisson(3.0, rng) as f64 };
    let compatible = |mean: f64, rng: &mut Rng| normal(mean, 0.12, rng).clamp(0.0, 1.0);
    let segment = compatible(if genuine { 0.85 } else { 0.2 }, rng);
    let calorimeter = compatible(if genuine { 0.88 } else { 0.5 }, rng);
    let (kind, id) = if genuine { (46.0, 7.0) } else { (36.0, 0.0) };
    let dxy = normal(0.0, 0.003, rng);
    let mut row = vec![0.0, pt, eta, phi, 0.1057, dxy, 0.002, chi2, hits, segment, calorimeter];
    row.extend([exponential(if genuine { 0.35 } else { 3.0 }, rng), kind, id, exponential(0.12, rng)]);
    let in_barrel = eta.abs() < 1.0;
    // stations: matches, then hits, each of drift tubes, cathode strips and resistive plates
    for means in [[1.0, 1.0, 1.0], [6.0, 4.0, 2.0]] {
        for (detector, mean) in means.into_iter().enumerate() {
            let covered = match detector {
                0 => in_barrel,
                1 => !in_barrel,
                _ => true,
            };
            let mean = if covered { mean * seen } else { 0.1 * mean * seen };
            row.extend((0..4).map(|_| poisson(mean, rng) as f64));
        }
    }
    row.into_iter().map(|value| value as f32).collect()
}
