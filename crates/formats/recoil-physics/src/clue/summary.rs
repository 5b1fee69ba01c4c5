//! What a clustering says about each of its clusters.

use super::{Clustering, Points};
use crate::error::{Error, Result};

/// Totals per cluster, in the order of the cluster numbers.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Summary {
    /// row of the seed
    pub seed: Vec<usize>,
    /// number of points
    pub size: Vec<usize>,
    /// sum of the weights
    pub weight: Vec<f64>,
    /// per axis the mean coordinate of each cluster, weighted where the weights have a positive sum
    pub centroid: Vec<Vec<f64>>,
    /// number of points in no cluster
    pub outliers: usize,
}

impl Clustering {
    /// Sizes and centroids of the clusters. Coordinates are averaged as they are: an axis that wraps
    /// around wants [`crate::angle::circular_mean`] instead.
    ///
    /// # Errors
    /// When `points` are not as many as were clustered.
    pub fn summary(&self, points: &Points<'_>) -> Result<Summary> {
        if points.len() != self.cluster.len() {
            let (expected, found) = (points.len(), self.cluster.len());
            return Err(Error::Length { column: "cluster labels".into(), expected, found });
        }
        let mut summary = Summary {
            seed: (0..self.is_seed.len()).filter(|&row| self.is_seed[row]).collect(),
            size: vec![0; self.clusters],
            weight: vec![0.0; self.clusters],
            centroid: vec![vec![0.0; self.clusters]; points.dimension()],
            outliers: 0,
        };
        let members = || self.cluster.iter().enumerate().filter_map(|(row, &c)| Some((row, usize::try_from(c).ok()?)));
        for (row, cluster) in members() {
            summary.size[cluster] += 1;
            summary.weight[cluster] += f64::from(points.weight(row));
        }
        summary.outliers = self.cluster.len() - summary.size.iter().sum::<usize>();
        for (axis, centroid) in summary.centroid.iter_mut().enumerate() {
            for (row, cluster) in members() {
                let total = summary.weight[cluster];
                let share = if total > 0.0 {
                    f64::from(points.weight(row)) / total
                } else {
                    1.0 / summary.size[cluster] as f64
                };
                centroid[cluster] += share * f64::from(points.coordinate(axis, row));
            }
        }
        Ok(summary)
    }
}
