//! Clusters against generated particles: responses, efficiency, splitting.

use recoil_stats::Moments;
use recoil_stats::interval::{Interval, clopper_pearson};
use recoil_stats::quantile::{effective_sigma, median};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cluster::Clusters;
use crate::data::{GenParticles, TriggerCells};
use crate::error::Result;
use crate::matching::{MatchConfig, delta_phi, delta_r, match_clusters};

/// How a particle finds its cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reference {
    /// The leading one of the clusters that match the particle; phi wraps; any number of particles.
    #[default]
    Matched,
    /// The leading cluster of the event for its first particle, without a look at the distance and without wrapping phi,
    /// as the Python chain does it; events without clusters have no row.
    Leading,
}

/// Validation parameters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ValidateConfig {
    /// How a particle finds its cluster.
    pub reference: Reference,
    /// Matching of clusters and particles.
    pub matching: MatchConfig,
    /// Sum only cells within this distance of the particle; absent, all cells.
    pub cells_delta_r: Option<f64>,
}

/// Energy, direction and transverse momentum of something.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Kinematics {
    /// Energy \[GeV\].
    pub energy: f64,
    /// Pseudorapidity.
    pub eta: f64,
    /// Azimuth \[rad\].
    pub phi: f64,
    /// Transverse momentum \[GeV\].
    pub pt: f64,
}

impl Kinematics {
    /// Nothing there.
    pub const NONE: Self = Self { energy: f64::NAN, eta: f64::NAN, phi: f64::NAN, pt: f64::NAN };

    /// Relative to `truth`: energy and pt as ratios minus 1, eta and phi as differences; phi wraps if `wrap`.
    pub fn response(&self, truth: &Self, wrap: bool) -> Self {
        Self {
            energy: self.energy / truth.energy - 1.0,
            eta: self.eta - truth.eta,
            phi: if wrap { delta_phi(self.phi, truth.phi) } else { self.phi - truth.phi },
            pt: self.pt / truth.pt - 1.0,
        }
    }
}

/// One particle and what was made of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// Row of the particle in its event.
    pub particle: usize,
    /// The particle.
    pub truth: Kinematics,
    /// The sum of the cells.
    pub cells: Kinematics,
    /// Response of the cells.
    pub cells_response: Kinematics,
    /// The leading cluster; [`Kinematics::NONE`] when there is none.
    pub cluster: Kinematics,
    /// Response of the cluster.
    pub cluster_response: Kinematics,
    /// Number of clusters of the particle.
    pub clusters: usize,
}

/// Compares one event's clusters with its particles. One entry per particle, in their order.
pub fn compare(
    config: &ValidateConfig,
    particles: &GenParticles<'_>,
    cells: &TriggerCells<'_>,
    clusters: &Clusters,
) -> Vec<Comparison> {
    let wrap = config.reference == Reference::Matched;
    let row = |particle: usize, cluster: Kinematics, count: usize| {
        let (energy, eta, phi) = (particles.energy[particle], particles.eta[particle], particles.phi[particle]);
        let truth = Kinematics { energy, eta, phi, pt: energy / eta.cosh() };
        let cells = sum_cells(cells, &truth, config.cells_delta_r, wrap);
        Comparison {
            particle,
            truth,
            cells,
            cells_response: cells.response(&truth, wrap),
            cluster,
            cluster_response: cluster.response(&truth, wrap),
            clusters: count,
        }
    };
    match config.reference {
        Reference::Leading if particles.is_empty() || clusters.is_empty() => Vec::new(),
        Reference::Leading => {
            let all: Vec<usize> = (0..clusters.len()).collect();
            vec![row(0, leading(clusters, &all), clusters.len())]
        }
        Reference::Matched => {
            let matched = match_clusters(&config.matching, particles, &clusters.eta, &clusters.phi, &clusters.energy);
            let rows = matched.iter().enumerate();
            rows.map(|(g, own)| row(g, leading(clusters, &own.clusters), own.clusters.len())).collect()
        }
    }
}

/// The cluster of highest energy among `rows`, with the highest transverse momentum among them.
fn leading(clusters: &Clusters, rows: &[usize]) -> Kinematics {
    let highest = |column: &[f64]| {
        rows.iter().copied().fold(None, |best: Option<usize>, c| match best {
            Some(b) if column[b] >= column[c] => best,
            _ => Some(c),
        })
    };
    match (highest(&clusters.energy), highest(&clusters.pt)) {
        (Some(e), Some(p)) => {
            Kinematics { energy: clusters.energy[e], eta: clusters.eta[e], phi: clusters.phi[e], pt: clusters.pt[p] }
        }
        _ => Kinematics::NONE,
    }
}

/// Sums of energy and pt, and pt-weighted means of eta and phi; with `wrap`, phi is averaged around the particle's.
fn sum_cells(cells: &TriggerCells<'_>, truth: &Kinematics, within: Option<f64>, wrap: bool) -> Kinematics {
    let (mut energy, mut pt, mut eta_pt, mut phi_pt) = (0.0, 0.0, 0.0, 0.0);
    for i in 0..cells.len() {
        let (eta, phi) = (f64::from(cells.eta[i]), f64::from(cells.phi[i]));
        let near = |limit: f64| delta_r(eta, phi, truth.eta, truth.phi) < limit;
        // the other endcap never belongs to the particle when one looks for what matches it
        if (wrap && (eta < 0.0) != (truth.eta < 0.0)) || !within.is_none_or(near) {
            continue;
        }
        let cell_pt = f64::from(cells.pt[i]);
        energy += f64::from(cells.energy[i]);
        pt += cell_pt;
        eta_pt += eta * cell_pt;
        phi_pt += cell_pt * if wrap { delta_phi(phi, truth.phi) } else { phi };
    }
    let phi = phi_pt / pt;
    Kinematics { energy, eta: eta_pt / pt, phi: if wrap { delta_phi(phi + truth.phi, 0.0) } else { phi }, pt }
}

/// Width and position of a set of responses.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// Mean.
    pub mean: f64,
    /// Median.
    pub median: f64,
    /// Standard deviation.
    pub rms: f64,
    /// Half of the shortest interval with 68 % of the values.
    pub effective: f64,
}

impl Spread {
    /// Effective width of a response over its median, where the values are ratios minus 1: the resolution, whatever the
    /// scale of the energy.
    pub fn resolution(&self) -> f64 {
        self.effective / (1.0 + self.median)
    }

    /// Of finite values; all fields are NaN when there are too few.
    pub fn of(values: &[f64]) -> Self {
        let finite: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
        let moments = Moments::of(&finite);
        Self {
            mean: moments.mean().unwrap_or(f64::NAN),
            median: median(&finite).unwrap_or(f64::NAN),
            rms: moments.rms().unwrap_or(f64::NAN),
            effective: effective_sigma(&finite).unwrap_or(f64::NAN),
        }
    }
}

/// The comparisons of a sample in numbers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Number of particles.
    pub particles: usize,
    /// Particles with a cluster, over all.
    pub efficiency: Interval,
    /// Particles with more than one cluster, over those with one or more.
    pub splitting: Interval,
    /// Energy response of the leading clusters.
    pub energy: Spread,
    /// Transverse-momentum response of the leading clusters.
    pub pt: Spread,
    /// eta residual of the leading clusters.
    pub eta: Spread,
    /// phi residual of the leading clusters \[rad\].
    pub phi: Spread,
}

/// Central content of the intervals of [`Summary`].
const LEVEL: f64 = 0.95;

/// Sums up comparisons; efficiencies have 95 % Clopper-Pearson intervals.
///
/// # Errors
/// None for counts that come from comparisons.
pub fn summarise(rows: &[Comparison]) -> Result<Summary> {
    let seen = rows.iter().filter(|r| r.clusters > 0).count() as f64;
    let split = rows.iter().filter(|r| r.clusters > 1).count() as f64;
    let spread =
        |f: fn(&Kinematics) -> f64| Spread::of(&rows.iter().map(|r| f(&r.cluster_response)).collect::<Vec<_>>());
    Ok(Summary {
        particles: rows.len(),
        efficiency: clopper_pearson(seen, rows.len() as f64, LEVEL)?,
        splitting: clopper_pearson(split, seen, LEVEL)?,
        energy: spread(|k| k.energy),
        pt: spread(|k| k.pt),
        eta: spread(|k| k.eta),
        phi: spread(|k| k.phi),
    })
}
