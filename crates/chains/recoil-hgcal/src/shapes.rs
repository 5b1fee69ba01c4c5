//! Shapes of a cluster: widths, lengths and fractions, the inputs of identification.
//!
//! All are weighted by the energy of the cluster's trigger cells, as in the CMSSW simulation of the trigger. Layers are the
//! chain's numbers; lengths in cells count trigger layers, so that the even CE-E layers, which do not feed the trigger, leave
//! no holes.

use crate::data::{LAST_CEE_LAYER, TriggerCells};
use crate::energy::electromagnetic::ClusterAxis;
use crate::geometry::layers;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::f64::consts::{PI, TAU};

/// Configuration of the shapes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ShapesConfig {
    /// Cells count in `srrmean` within this distance of the hottest cell of their layer \[cm\].
    pub core_radius_cm: f64,
}

impl Default for ShapesConfig {
    fn default() -> Self {
        Self { core_radius_cm: 5.0 }
    }
}

/// Shapes of one cluster, named as the branches of the CMSSW ntuple.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Shapes {
    /// Layers from the first to the last, both counted.
    pub showerlength: i32,
    /// Longest run of consecutive trigger layers with signal.
    pub coreshowerlength: i32,
    /// First layer with signal.
    pub firstlayer: i32,
    /// Layer with most energy.
    pub maxlayer: i32,
    /// Width in eta about the cluster's axis.
    pub seetot: f64,
    /// Largest width in eta of a layer, about the direction of the layer's own sum.
    pub seemax: f64,
    /// Width in azimuth about the cluster's axis \[rad\].
    pub spptot: f64,
    /// Largest width in azimuth of a layer, about the direction of the layer's own sum \[rad\].
    pub sppmax: f64,
    /// Width along the beam \[cm\].
    pub szz: f64,
    /// Width in R/z.
    pub srrtot: f64,
    /// Largest width in R/z of a layer.
    pub srrmax: f64,
    /// Root of the energy-weighted mean over layers of the squared width in R/z near the layer's hottest cell.
    pub srrmean: f64,
    /// Energy of the layer with most energy over the energy of the cluster.
    pub emaxe: f64,
    /// Energy in CE-H over energy in CE-E; 0 without energy in CE-E and CE-H, infinite without energy in CE-E alone.
    pub hoe: f64,
    /// Energy-weighted mean of |z| \[cm\].
    pub meanz: f64,
    /// First layer where the summed energy passes 10 %.
    pub layer10: i32,
    /// First layer where the summed energy passes 50 %.
    pub layer50: i32,
    /// First layer where the summed energy passes 90 %.
    pub layer90: i32,
    /// Smallest number of cells with 67 % of the energy.
    pub ntc67: i32,
    /// Smallest number of cells with 90 % of the energy.
    pub ntc90: i32,
}

/// Angle difference a - b in \[-pi, pi).
fn delta_phi(a: f64, b: f64) -> f64 {
    (a - b + PI).rem_euclid(TAU) - PI
}

/// One constituent in double precision.
#[derive(Clone, Copy, Debug)]
struct Hit {
    layer: i32,
    energy: f64,
    pt: f64,
    eta: f64,
    phi: f64,
    x: f64,
    y: f64,
    z: f64,
}

impl Hit {
    fn rz(&self) -> f64 {
        if self.z == 0.0 { 0.0 } else { self.x.hypot(self.y) / self.z.abs() }
    }
}

fn weighted_mean(pairs: impl Iterator<Item = (f64, f64)>) -> f64 {
    let (sum, weight) = pairs.fold((0.0, 0.0), |(s, w), (weight, value)| (s + weight * value, w + weight));
    if weight > 0.0 { sum / weight } else { 0.0 }
}

/// Width of `value` about its own weighted mean.
fn width(hits: &[Hit], value: impl Fn(&Hit) -> f64) -> f64 {
    let mean = weighted_mean(hits.iter().map(|h| (h.energy, value(h))));
    weighted_mean(hits.iter().map(|h| (h.energy, (value(h) - mean).powi(2)))).sqrt()
}

/// Widths in eta and azimuth about a direction.
fn angular_widths(hits: &[Hit], eta: f64, phi: f64) -> (f64, f64) {
    (
        weighted_mean(hits.iter().map(|h| (h.energy, (h.eta - eta).powi(2)))).sqrt(),
        weighted_mean(hits.iter().map(|h| (h.energy, delta_phi(h.phi, phi).powi(2)))).sqrt(),
    )
}

/// Direction of the sum of massless momenta: (eta, phi).
fn direction(hits: &[Hit]) -> (f64, f64) {
    let (px, py, pz) = hits.iter().fold((0.0, 0.0, 0.0), |(x, y, z), h| {
        (x + h.pt * h.phi.cos(), y + h.pt * h.phi.sin(), z + h.pt * h.eta.sinh())
    });
    let pt = px.hypot(py);
    if pt > 0.0 { ((pz / pt).asinh(), py.atan2(px)) } else { (0.0, 0.0) }
}

/// Root of the squared width in R/z of the cells near the hottest one, and their energy.
fn core_width(hits: &[Hit], radius_cm: f64) -> (f64, f64) {
    let Some(hottest) = hits.iter().reduce(|best, h| if h.energy > best.energy { h } else { best }) else {
        return (0.0, 0.0);
    };
    let near: Vec<Hit> =
        hits.iter().filter(|h| (h.x - hottest.x).hypot(h.y - hottest.y) < radius_cm).copied().collect();
    (near.iter().map(|h| h.energy).sum(), width(&near, Hit::rz))
}

/// Smallest number of cells whose energies add up to at least `fraction` of `total`.
fn cells_for(energies: &[f64], total: f64, fraction: f64) -> i32 {
    let mut sum = 0.0;
    for (n, energy) in energies.iter().enumerate() {
        sum += energy;
        if sum >= fraction * total {
            return n as i32 + 1;
        }
    }
    energies.len() as i32
}

/// Shapes of the cluster with axis `axis` and the constituents `rows` of `cells`; all zero without energy.
///
/// Constituents with a weight below one (energy sharing) count with `fraction` of their energy; an empty `fractions` means 1.
pub fn shapes(
    cells: &TriggerCells<'_>,
    rows: &[u32],
    fractions: &[f64],
    axis: ClusterAxis,
    config: &ShapesConfig,
) -> Shapes {
    let mut hits: Vec<Hit> = rows
        .iter()
        .enumerate()
        .filter_map(|(k, &row)| {
            let cell = cells.get(row as usize)?;
            let part = fractions.get(k).copied().unwrap_or(1.0);
            let energy = part * f64::from(cell.energy);
            (energy > 0.0).then(|| Hit {
                layer: cell.layer,
                energy,
                pt: part * f64::from(cell.pt),
                eta: cell.eta.into(),
                phi: cell.phi.into(),
                x: cell.x.into(),
                y: cell.y.into(),
                z: cell.z.into(),
            })
        })
        .collect();
    hits.sort_by_key(|h| h.layer);
    let total: f64 = hits.iter().map(|h| h.energy).sum();
    let (Some(first), Some(last)) = (hits.first(), hits.last()) else { return Shapes::default() };

    let mut out = Shapes {
        firstlayer: first.layer,
        showerlength: last.layer - first.layer + 1,
        meanz: weighted_mean(hits.iter().map(|h| (h.energy, h.z.abs()))),
        szz: width(&hits, |h| h.z),
        srrtot: width(&hits, Hit::rz),
        ..Shapes::default()
    };
    (out.seetot, out.spptot) = angular_widths(&hits, axis.eta, axis.phi);

    let (mut sum, mut largest, mut hadronic) = (0.0, 0.0, 0.0);
    let (mut run, mut previous) = (0, None);
    let mut cores = Vec::new();
    for layer_hits in hits.chunk_by(|a, b| a.layer == b.layer) {
        let layer = layer_hits.first().map_or(0, |h| h.layer);
        let energy: f64 = layer_hits.iter().map(|h| h.energy).sum();
        let before = sum;
        sum += energy;
        for (fraction, entry) in [(0.1, &mut out.layer10), (0.5, &mut out.layer50), (0.9, &mut out.layer90)] {
            if before <= fraction * total && sum > fraction * total {
                *entry = layer;
            }
        }
        if energy > largest {
            (largest, out.maxlayer) = (energy, layer);
        }
        if layer > LAST_CEE_LAYER {
            hadronic += energy;
        }
        let index = layers::trigger_index(layer);
        let follows = matches!((previous, index), (Some(p), Some(i)) if p + 1 == i);
        run = if follows { run + 1 } else { 1 };
        previous = index;
        out.coreshowerlength = out.coreshowerlength.max(run);

        let (eta, phi) = direction(layer_hits);
        let (see, spp) = angular_widths(layer_hits, eta, phi);
        out.seemax = out.seemax.max(see);
        out.sppmax = out.sppmax.max(spp);
        out.srrmax = out.srrmax.max(width(layer_hits, Hit::rz));
        cores.push(core_width(layer_hits, config.core_radius_cm));
    }
    out.srrmean = weighted_mean(cores.into_iter().map(|(energy, srr)| (energy, srr * srr))).sqrt();
    out.emaxe = largest / total;
    out.hoe = if hadronic > 0.0 { hadronic / (total - hadronic) } else { 0.0 };
    let mut energies: Vec<f64> = hits.iter().map(|h| h.energy).collect();
    energies.sort_by(|a, b| b.total_cmp(a));
    out.ntc67 = cells_for(&energies, total, 0.67);
    out.ntc90 = cells_for(&energies, total, 0.90);
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::data::{TriggerCell, TriggerCellColumns};

    fn cell(layer: i32, energy: f32, eta: f32, phi: f32) -> TriggerCell {
        let z = layers::z_cm(layer).unwrap() as f32;
        let r = z / eta.sinh();
        let (x, y, pt) = (r * phi.cos(), r * phi.sin(), energy / eta.cosh());
        TriggerCell { layer, energy, pt, eta, phi, x, y, z, ..TriggerCell::default() }
    }

    fn of(cells: &[TriggerCell], axis: (f64, f64)) -> Shapes {
        let mut columns = TriggerCellColumns::default();
        cells.iter().for_each(|&c| columns.push(c));
        let rows: Vec<u32> = (0..cells.len() as u32).collect();
        let axis = ClusterAxis { eta: axis.0, phi: axis.1 };
        shapes(&columns.view(), &rows, &[], axis, &ShapesConfig::default())
    }

    #[test]
    fn lengths_and_fractions_worked_out_by_hand() {
        // energies 1, 2, 4 in layers 3, 5, 9 of CE-E and 3 in layer 29
        let s = of(
            &[cell(9, 4.0, 2.0, 0.1), cell(3, 1.0, 2.0, 0.1), cell(29, 3.0, 2.0, 0.1), cell(5, 2.0, 2.0, 0.1)],
            (2.0, 0.1),
        );
        assert_eq!((s.firstlayer, s.maxlayer, s.showerlength, s.coreshowerlength), (3, 9, 27, 2));
        // cumulative 0.1, 0.3, 0.7, 1.0; 10 % is passed only in layer 5
        assert_eq!((s.layer10, s.layer50, s.layer90), (5, 9, 29));
        assert!((s.emaxe - 0.4).abs() < 1e-12 && (s.hoe - 3.0 / 7.0).abs() < 1e-12);
        // 4 + 3 = 7 of 10 pass 67 %; 4 + 3 + 2 = 9 are exactly 90 %
        assert_eq!((s.ntc67, s.ntc90), (2, 3));
        let z = [325.212, 328.269, 334.383, 367.976];
        let mean = (z[0] + 2.0 * z[1] + 4.0 * z[2] + 3.0 * z[3]) / 10.0;
        let e = [1.0, 2.0, 4.0, 3.0];
        let szz = (0..4).map(|i| e[i] * (z[i] - mean) * (z[i] - mean)).sum::<f64>() / 10.0;
        assert!((s.meanz - mean).abs() < 1e-4 && (s.szz - szz.sqrt()).abs() < 1e-4);
    }

    #[test]
    fn widths_worked_out_by_hand_across_the_phi_seam() {
        let pi = std::f32::consts::PI;
        // phi = pi - 0.01 and -pi + 0.01 with equal energies: width 0.01 about pi
        let s = of(&[cell(9, 1.0, 2.0, pi - 0.01), cell(9, 1.0, 2.0, 0.01 - pi)], (2.0, std::f64::consts::PI));
        assert!((s.spptot - 0.01).abs() < 1e-6 && (s.sppmax - 0.01).abs() < 1e-6, "{s:?}");
        assert!(s.seetot < 1e-6);
        // eta 2.0 (energy 3) and 2.1 (energy 1) about 2.0: sqrt(0.25 * 0.01) = 0.05
        let s = of(&[cell(9, 3.0, 2.0, 0.0), cell(9, 1.0, 2.1, 0.0)], (2.0, 0.0));
        assert!((s.seetot - 0.05).abs() < 1e-6);
        let (a, b) = (1.0 / 2.0_f64.sinh(), 1.0 / 2.1_f64.sinh());
        let srr = (a - b).abs() * (0.75_f64 * 0.25).sqrt();
        assert!((s.srrtot - srr).abs() < 1e-6 && (s.srrmax - srr).abs() < 1e-6);
    }

    #[test]
    fn the_core_width_leaves_out_far_cells() {
        // the third cell is 0.5 rad = 46 cm away from the hottest
        let near = [cell(9, 3.0, 2.0, 0.0), cell(9, 1.0, 2.02, 0.0)];
        let far = [near[0], near[1], cell(9, 1.0, 2.3, 0.5)];
        let (s, t) = (of(&near, (2.0, 0.0)), of(&far, (2.0, 0.0)));
        assert!((s.srrmean - s.srrtot).abs() < 1e-12 && (t.srrmean - s.srrmean).abs() < 1e-12);
        assert!(t.srrtot > 2.0 * t.srrmean);
    }

    #[test]
    fn shared_cells_count_with_their_fraction() {
        let mut columns = TriggerCellColumns::default();
        [cell(9, 4.0, 2.0, 0.1), cell(11, 1.0, 2.0, 0.1)].into_iter().for_each(|c| columns.push(c));
        let axis = ClusterAxis { eta: 2.0, phi: 0.1 };
        let s = shapes(&columns.view(), &[0, 1], &[0.25, 1.0], axis, &ShapesConfig::default());
        assert!((s.emaxe - 0.5).abs() < 1e-9);
    }

    #[test]
    fn an_empty_cluster_has_no_shape() {
        assert_eq!(of(&[], (2.0, 0.0)), Shapes::default());
    }
}
