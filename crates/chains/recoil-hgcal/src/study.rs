//! The cluster-size study: what the clustering radius does to energy, efficiency and resolution.
//!
//! Seeds do not depend on the radius, so each event is seeded once and clustered once per radius.

use rayon::prelude::*;
use recoil_stats::Moments;
use recoil_stats::interval::{Interval, clopper_pearson};
use recoil_stats::quantile::effective_sigma;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::chain::{Chain, ChainConfig};
use crate::cluster::{Clusterer, Radius};
use crate::data::{EventBatch, GenBatch};
use crate::error::{HgcalError, Result};
use crate::matching::{MatchConfig, match_clusters};

/// Radii to try, and which particles count.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RadiusScanConfig {
    /// First radius.
    pub first: f64,
    /// Last radius.
    pub last: f64,
    /// Number of radii, equally spaced, both ends included.
    pub steps: usize,
    /// Smallest |eta| of the particles.
    pub eta_min: f64,
    /// Largest |eta| of the particles.
    pub eta_max: f64,
    /// Matching of clusters and particles.
    pub matching: MatchConfig,
}

impl Default for RadiusScanConfig {
    fn default() -> Self {
        Self { first: 0.0, last: 0.05, steps: 50, eta_min: 1.6, eta_max: 2.7, matching: MatchConfig::default() }
    }
}

impl RadiusScanConfig {
    /// The radii.
    ///
    /// # Errors
    /// [`HgcalError::Config`] for no steps or ends that are not numbers from 0.
    pub fn radii(&self) -> Result<Vec<f64>> {
        let good = |r: f64| r.is_finite() && r >= 0.0;
        if self.steps == 0 || self.steps > 10_000 {
            return Err(HgcalError::Config { key: "scan.steps", reason: "must be between 1 and 10000".to_owned() });
        }
        if !good(self.first) || !good(self.last) {
            return Err(HgcalError::Config { key: "scan.last", reason: "radii are numbers from 0".to_owned() });
        }
        let last = self.steps - 1;
        let step = if last == 0 { 0.0 } else { (self.last - self.first) / last as f64 };
        Ok((0..self.steps).map(|i| if i > 0 && i == last { self.last } else { i as f64 * step + self.first }).collect())
    }
}

/// The leading cluster of one particle at one radius.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScanRow {
    /// Row of the event in its batch.
    pub entry: usize,
    /// Event number.
    pub event: i64,
    /// Index of the radius.
    pub radius: usize,
    /// Row of the particle in its event.
    pub particle: usize,
    /// Energy of the particle \[GeV\].
    pub gen_energy: f64,
    /// eta of the particle.
    pub gen_eta: f64,
    /// phi of the particle \[rad\].
    pub gen_phi: f64,
    /// Energy of the leading cluster \[GeV\]; NaN without one.
    pub energy: f64,
    /// eta of the leading cluster; NaN without one.
    pub eta: f64,
    /// phi of the leading cluster \[rad\]; NaN without one.
    pub phi: f64,
    /// Number of clusters of the particle.
    pub clusters: usize,
    /// Clusters of the event that belong to no particle: pile-up.
    pub other_clusters: usize,
}

impl ScanRow {
    /// Cluster energy over particle energy.
    pub fn energy_ratio(&self) -> f64 {
        self.energy / self.gen_energy
    }

    /// Transverse momentum of the cluster over that of the particle, both as energy / cosh(eta).
    pub fn pt_ratio(&self) -> f64 {
        (self.energy / self.eta.cosh()) / (self.gen_energy / self.gen_eta.cosh())
    }
}

/// Distribution of a ratio to the truth.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Resolution {
    /// Mean.
    pub mean: f64,
    /// Standard deviation over mean.
    pub rms: f64,
    /// Half of the shortest interval with 68 % of the values, over mean.
    pub effective_rms: f64,
    /// |rms - effective rms| / rms: 0 for a Gaussian.
    pub gaussianity: f64,
}

impl Resolution {
    /// Of finite values; fields that need more of them are NaN.
    pub fn of(values: &[f64]) -> Self {
        let finite: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
        let moments = Moments::of(&finite);
        let mean = moments.mean().unwrap_or(f64::NAN);
        let rms = moments.rms().unwrap_or(f64::NAN) / mean;
        let effective_rms = effective_sigma(&finite).unwrap_or(f64::NAN) / mean;
        Self { mean, rms, effective_rms, gaussianity: (rms - effective_rms).abs() / rms }
    }
}

/// One radius of the scan in numbers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScanPoint {
    /// The radius.
    pub radius: f64,
    /// Number of particles.
    pub particles: usize,
    /// Particles with a cluster, with its 95 % Clopper-Pearson interval.
    pub efficiency: Interval,
    /// Cluster energy over particle energy.
    pub energy: Resolution,
    /// Cluster transverse momentum over the particle's.
    pub pt: Resolution,
    /// Mean number of clusters per event that belong to no particle.
    pub other_clusters: f64,
}

/// Clusters all events once per radius. Rows come radius by radius inside each event, in the order of the events,
/// whatever the number of threads; particles outside the eta range have no rows.
///
/// # Errors
/// A bad configuration, or that of the first event that has one.
pub fn scan_radius(
    config: &RadiusScanConfig,
    chain: &ChainConfig,
    events: &EventBatch,
    particles: &GenBatch,
) -> Result<Vec<ScanRow>> {
    let seeding = Chain::new(chain)?;
    let clusterers = config
        .radii()?
        .into_iter()
        .map(|radius| {
            let cluster = crate::cluster::ClusterConfig { radius: Radius::All(radius), ..chain.cluster.clone() };
            Clusterer::new(&cluster)
        })
        .collect::<Result<Vec<_>>>()?;
    let per_event: Vec<Result<Vec<ScanRow>>> = (0..events.len())
        .into_par_iter()
        .map_init(
            || seeding.workspace(),
            |workspace, i| {
                let (event, cells) = (events.event[i], events.event_cells(i));
                let particles = particles.event_particles(i);
                let mut rows = Vec::new();
                seeding.seeds(&cells, workspace)?;
                for (radius, clusterer) in clusterers.iter().enumerate() {
                    Chain::recluster(clusterer, event, &cells, workspace)?;
                    let c = &workspace.clusters;
                    let matched = match_clusters(&config.matching, &particles, &c.eta, &c.phi, &c.energy);
                    let own: usize = matched.iter().map(|m| m.clusters.len()).sum();
                    for (particle, m) in matched.iter().enumerate() {
                        let abs_eta = particles.eta[particle].abs();
                        if abs_eta < config.eta_min || abs_eta > config.eta_max {
                            continue;
                        }
                        let leading = |column: &[f64]| m.leading.map_or(f64::NAN, |l| column[l]);
                        rows.push(ScanRow {
                            entry: i,
                            event,
                            radius,
                            particle,
                            gen_energy: particles.energy[particle],
                            gen_eta: particles.eta[particle],
                            gen_phi: particles.phi[particle],
                            energy: leading(&c.energy),
                            eta: leading(&c.eta),
                            phi: leading(&c.phi),
                            clusters: m.clusters.len(),
                            other_clusters: c.len() - own,
                        });
                    }
                }
                Ok(rows)
            },
        )
        .collect();
    let mut rows = Vec::new();
    for part in per_event {
        rows.extend(part?);
    }
    Ok(rows)
}

/// Sums up the rows of a scan, one point per radius.
///
/// # Errors
/// A bad configuration.
pub fn summarise(config: &RadiusScanConfig, rows: &[ScanRow]) -> Result<Vec<ScanPoint>> {
    let radii = config.radii()?;
    let mut by_radius: Vec<Vec<&ScanRow>> = vec![Vec::new(); radii.len()];
    for row in rows {
        if let Some(list) = by_radius.get_mut(row.radius) {
            list.push(row);
        }
    }
    let points = radii.into_iter().zip(by_radius);
    points
        .map(|(radius, rows)| {
            let values = |f: fn(&ScanRow) -> f64| rows.iter().map(|r| f(r)).collect::<Vec<_>>();
            let seen = rows.iter().filter(|r| r.clusters > 0).count() as f64;
            // an event counts once, however many particles it has
            let mut first: Vec<&&ScanRow> = rows.iter().collect();
            first.dedup_by_key(|r| (r.entry, r.event));
            let others: usize = first.iter().map(|r| r.other_clusters).sum();
            Ok(ScanPoint {
                radius,
                particles: rows.len(),
                efficiency: clopper_pearson(seen, rows.len() as f64, 0.95)?,
                energy: Resolution::of(&values(ScanRow::energy_ratio)),
                pt: Resolution::of(&values(ScanRow::pt_ratio)),
                other_clusters: others as f64 / first.len() as f64,
            })
        })
        .collect()
}
