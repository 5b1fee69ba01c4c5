//! Layer calibration: GeV per MIP, and layer weights fitted to showers of known energy.

use crate::data::TriggerCells;
use crate::error::{HgcalError, Result};
use crate::geometry::layers;

/// Transverse energy of one transverse MIP \[GeV\] for the layers 1 to 52, zero for the layers that do not feed the trigger
/// (trigger calibration of CMSSW, geometry V8 and later).
const GEV_PER_MIPT: [f64; 52] = [
    0.0183664, 0.0, 0.0305622, 0.0, 0.0162589, 0.0, 0.0143918, 0.0, 0.0134475, 0.0, 0.0185754, 0.0, 0.0204934, 0.0,
    0.016901, 0.0, 0.0207958, 0.0, 0.0167985, 0.0, 0.0238385, 0.0, 0.0301146, 0.0, 0.0274622, 0.0, 0.0468671, 0.0,
    0.078819, 0.0555831, 0.0609312, 0.0610768, 0.0657626, 0.0465653, 0.0629383, 0.0610061, 0.0517326, 0.0492882,
    0.0699336, 0.0673457, 0.119896, 0.125327, 0.143235, 0.153295, 0.104777, 0.109345, 0.161386, 0.174656, 0.108053,
    0.121674, 0.1171, 0.328053,
];

/// Transverse energy of one transverse MIP in `layer` \[GeV\]; `None` for layers that do not feed the trigger.
///
/// ```
/// use recoil_hgcal::energy::calibration::gev_per_mipt;
/// assert_eq!((gev_per_mipt(1), gev_per_mipt(2), gev_per_mipt(29)), (Some(0.0183664), None, Some(0.078819)));
/// ```
pub fn gev_per_mipt(layer: i32) -> Option<f64> {
    let weight = *GEV_PER_MIPT.get(usize::try_from(layer.checked_sub(1)?).ok()?)?;
    (weight > 0.0).then_some(weight)
}

/// Sums of mipT cosh(eta) per trigger layer (36 entries): the longitudinal profile of `cells` in MIPs.
pub fn layer_mips(cells: TriggerCells<'_>) -> [f64; layers::N_TRIGGER_LAYERS] {
    let mut sums = [0.0; layers::N_TRIGGER_LAYERS];
    for i in 0..cells.len() {
        let (Some(&layer), Some(&mip), Some(&eta)) = (cells.layer.get(i), cells.mip_pt.get(i), cells.eta.get(i)) else {
            break;
        };
        if let Some(sum) = layers::trigger_index(layer).and_then(|k| sums.get_mut(k)) {
            *sum += f64::from(mip) * f64::from(eta).cosh();
        }
    }
    sums
}

/// Layer weights from a least-squares fit.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerWeights {
    /// GeV per unit of the profile, one per trigger layer; zero for layers without signal.
    pub weights: Vec<f64>,
    /// Number of showers used.
    pub showers: usize,
    /// Root mean square of (sum w m - E) / E over the showers used.
    pub relative_rms: f64,
}

/// Fits weights w that minimise the sum over showers of ((sum_l w_l m_l - E) / E)^2 + ridge |w - w0|^2 / |w0|^2.
///
/// `profiles` holds one longitudinal profile per shower (see [`layer_mips`]), `energy_gev` the true energies, `start` the
/// weights w0 that weakly constrained layers fall back to. `ridge` is the relative strength of that pull per layer (0 for
/// a plain fit, 1e-3 is a good start). Showers without energy are left out.
///
/// # Errors
/// When the columns differ in length, no shower is left, or the normal equations are singular.
pub fn fit_layer_weights(
    profiles: &[[f64; layers::N_TRIGGER_LAYERS]],
    energy_gev: &[f64],
    start: &[f64; layers::N_TRIGGER_LAYERS],
    ridge: f64,
) -> Result<LayerWeights> {
    if profiles.len() != energy_gev.len() {
        return Err(HgcalError::LayerFit(format!("{} profiles but {} energies", profiles.len(), energy_gev.len())));
    }
    let used: Vec<usize> = (0..layers::N_TRIGGER_LAYERS)
        .filter(|&l| profiles.iter().any(|p| p.get(l).is_some_and(|&m| m > 0.0)))
        .collect();
    let rows: Vec<Vec<f64>> = profiles
        .iter()
        .zip(energy_gev)
        .filter(|&(_, &energy)| energy > 0.0)
        .map(|(profile, &energy)| used.iter().map(|&l| profile.get(l).copied().unwrap_or(0.0) / energy).collect())
        .collect();
    if rows.is_empty() || used.is_empty() {
        return Err(HgcalError::LayerFit("no shower with energy in the trigger layers".into()));
    }
    let n = used.len();
    let mut normal = vec![vec![0.0; n + 1]; n];
    for row in &rows {
        for (i, line) in normal.iter_mut().enumerate() {
            let factor = row.get(i).copied().unwrap_or(0.0);
            for (entry, value) in line.iter_mut().zip(row.iter().chain(std::iter::once(&1.0))) {
                *entry += factor * value;
            }
        }
    }
    for (i, (line, &layer)) in normal.iter_mut().zip(&used).enumerate() {
        let prior = start.get(layer).copied().unwrap_or(0.0);
        if ridge > 0.0 && prior > 0.0 {
            let pull = ridge * rows.len() as f64 / (prior * prior);
            if let Some(diagonal) = line.get_mut(i) {
                *diagonal += pull;
            }
            if let Some(right) = line.last_mut() {
                *right += pull * prior;
            }
        }
    }
    let solution =
        solve(normal).ok_or_else(|| HgcalError::LayerFit("the layers are not independent; raise `ridge`".into()))?;
    let square: f64 =
        rows.iter().map(|row| (row.iter().zip(&solution).map(|(m, w)| m * w).sum::<f64>() - 1.0).powi(2)).sum();
    let mut weights = vec![0.0; layers::N_TRIGGER_LAYERS];
    for (&layer, weight) in used.iter().zip(&solution) {
        if let Some(entry) = weights.get_mut(layer) {
            *entry = *weight;
        }
    }
    Ok(LayerWeights { weights, showers: rows.len(), relative_rms: (square / rows.len() as f64).sqrt() })
}

/// Gaussian elimination with row pivoting of an augmented matrix; `None` when it is singular.
fn solve(mut rows: Vec<Vec<f64>>) -> Option<Vec<f64>> {
    let n = rows.len();
    for column in 0..n {
        let pivot = (column..n).max_by(|&a, &b| magnitude(&rows, a, column).total_cmp(&magnitude(&rows, b, column)))?;
        rows.swap(column, pivot);
        let (done, rest) = rows.split_at_mut(column + 1);
        let top = done.last()?;
        let head = *top.get(column)?;
        if head.abs() < 1e-14 * top.iter().fold(0.0_f64, |m, v| m.max(v.abs())).max(f64::MIN_POSITIVE) {
            return None;
        }
        for line in rest {
            let factor = line.get(column)? / head;
            for (entry, above) in line.iter_mut().zip(top).skip(column) {
                *entry -= factor * above;
            }
        }
    }
    let mut solution = vec![0.0; n];
    for i in (0..n).rev() {
        let line = rows.get(i)?;
        let known: f64 = line.get(i + 1..n)?.iter().zip(solution.get(i + 1..)?).map(|(a, x)| a * x).sum();
        *solution.get_mut(i)? = (line.get(n)? - known) / line.get(i)?;
    }
    Some(solution)
}

fn magnitude(rows: &[Vec<f64>], row: usize, column: usize) -> f64 {
    rows.get(row).and_then(|line| line.get(column)).map_or(0.0, |v| v.abs())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::data::{TriggerCell, TriggerCellColumns};

    #[test]
    fn the_table_covers_the_trigger_layers() {
        for layer in -1..60 {
            let expected = layers::is_trigger_layer(layer) || layer == 51 || layer == 52;
            assert_eq!(gev_per_mipt(layer).is_some(), expected, "{layer}");
        }
        assert_eq!(gev_per_mipt(i32::MIN), None);
    }

    #[test]
    fn a_profile_worked_out_by_hand() {
        let mut cells = TriggerCellColumns::default();
        for (layer, mip_pt, eta) in [(1, 2.0, 2.0), (1, 1.0, -2.0), (29, 3.0, 0.0), (2, 9.0, 2.0)] {
            cells.push(TriggerCell { layer, mip_pt, eta, ..TriggerCell::default() });
        }
        let profile = layer_mips(cells.view());
        assert!((profile[0] - 3.0 * 2.0_f64.cosh()).abs() < 1e-12);
        assert_eq!((profile[14], profile.iter().filter(|&&m| m > 0.0).count()), (3.0, 2));
    }

    #[test]
    fn the_fit_finds_the_weights_that_made_the_energies() {
        let start = [0.5; layers::N_TRIGGER_LAYERS];
        let truth = |l: usize| 1.0 + l as f64 / 10.0;
        let mut profiles = Vec::new();
        let mut energies = Vec::new();
        for shower in 0..50_usize {
            let mut profile = [0.0; layers::N_TRIGGER_LAYERS];
            for (l, m) in profile.iter_mut().take(5).enumerate() {
                *m = 1.0 + ((shower * 7 + l * l * 3) % 11) as f64;
            }
            energies.push(profile.iter().enumerate().map(|(l, m)| truth(l) * m).sum());
            profiles.push(profile);
        }
        let fit = fit_layer_weights(&profiles, &energies, &start, 0.0).unwrap();
        for l in 0..5 {
            assert!((fit.weights[l] - truth(l)).abs() < 1e-8, "{l}: {}", fit.weights[l]);
        }
        assert_eq!((fit.weights[5], fit.showers), (0.0, 50));
        assert!(fit.relative_rms < 1e-9);
        // a layer that is always a copy of another one cannot be told apart, until the pull decides
        for profile in &mut profiles {
            profile[5] = profile[0];
        }
        assert!(fit_layer_weights(&profiles, &energies, &start, 0.0).is_err());
        let pulled = fit_layer_weights(&profiles, &energies, &start, 1e-9).unwrap();
        assert!((pulled.weights[0] + pulled.weights[5] - truth(0)).abs() < 1e-3);
        assert!(fit_layer_weights(&profiles, &energies[1..], &start, 0.0).is_err());
        assert!(fit_layer_weights(&[], &[], &start, 0.0).is_err());
    }
}
