//! Weights that give all classes the spectrum of taus.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Result, TauError};
use crate::network::loss::TAU;

/// How candidates are weighted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WeightConfig {
    /// Whether candidates have weights at all.
    pub use_weights: bool,
    /// Edges of bins in transverse momentum [GeV].
    pub pt_edges: Vec<f64>,
    /// Edges of bins in absolute pseudorapidity.
    pub eta_edges: Vec<f64>,
    /// Largest ratio of two weights.
    pub weight_thr: f64,
}

impl Default for WeightConfig {
    fn default() -> Self {
        Self {
            use_weights: true,
            pt_edges: vec![20.0, 30.0, 40.0, 60.0, 100.0, 1000.0],
            eta_edges: vec![0.0, 0.5, 1.0, 1.5, 2.5],
            weight_thr: 1e5,
        }
    }
}

/// Numbers of candidates of each class, bin by bin.
#[derive(Clone, Debug, PartialEq)]
pub struct Spectra {
    pt_edges: Vec<f64>,
    eta_edges: Vec<f64>,
    /// Per class `[pt][eta]`.
    counts: [Vec<f64>; 4],
}

/// Weight of each class, bin by bin.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassWeights {
    spectra: Spectra,
    weights: [Vec<f32>; 4],
}

fn bin(edges: &[f64], value: f64) -> Option<usize> {
    let above = edges.partition_point(|edge| *edge <= value);
    (above > 0 && above < edges.len()).then(|| above - 1)
}

impl Spectra {
    /// Empty spectra.
    ///
    /// # Errors
    /// Edges that do not rise.
    pub fn new(config: &WeightConfig) -> Result<Self> {
        for (key, edges) in [("pt_edges", &config.pt_edges), ("eta_edges", &config.eta_edges)] {
            if edges.len() < 2 || !edges.windows(2).all(|pair| pair[0] < pair[1]) {
                return Err(TauError::config(key, "two or more rising edges are needed"));
            }
        }
        let bins = (config.pt_edges.len() - 1) * (config.eta_edges.len() - 1);
        let counts = std::array::from_fn(|_| vec![0.0; bins]);
        Ok(Self { pt_edges: config.pt_edges.clone(), eta_edges: config.eta_edges.clone(), counts })
    }

    fn place(&self, pt: f64, eta: f64) -> Option<usize> {
        Some(bin(&self.pt_edges, pt)? * (self.eta_edges.len() - 1) + bin(&self.eta_edges, eta.abs())?)
    }

    /// Counts a candidate of a class at this momentum and pseudorapidity.
    pub fn count(&mut self, class: usize, pt: f64, eta: f64) {
        let place = self.place(pt, eta);
        let own = self.counts.get_mut(class).and_then(|counts| counts.get_mut(place?));
        if let Some(own) = own {
            *own += 1.0;
        }
    }

    /// Number of candidates of each class.
    pub fn totals(&self) -> [f64; 4] {
        self.counts.each_ref().map(|counts| counts.iter().sum())
    }

    /// Weights that give each class the spectrum of taus: taus over candidates of the class, bin by bin.
    ///
    /// # Errors
    /// A class without candidates; weights that differ by more than the limit.
    pub fn weights(self, limit: f64) -> Result<ClassWeights> {
        let names = ["e", "mu", "tau", "jet"];
        if let Some((name, _)) = names.iter().zip(self.totals()).find(|(_, total)| *total == 0.0) {
            return Err(TauError::config("files", format!("there is no candidate of class {name} within the bins")));
        }
        let taus = self.counts[TAU].clone();
        let weights = self.counts.each_ref().map(|counts| {
            let weight = |(own, taus): (&f64, &f64)| if *own > 0.0 { (taus / own) as f32 } else { 0.0 };
            counts.iter().zip(&taus).map(weight).collect::<Vec<f32>>()
        });
        let known = weights.iter().flatten().filter(|weight| **weight > 0.0);
        let (low, high) = known.fold((f32::INFINITY, 0.0_f32), |(low, high), w| (low.min(*w), high.max(*w)));
        if f64::from(high / low) > limit {
            let message = format!("weights lie between {low} and {high}; choose wider bins or a larger limit");
            return Err(TauError::config("weights.weight_thr", message));
        }
        Ok(ClassWeights { spectra: self, weights })
    }
}

impl ClassWeights {
    /// Weight of a candidate; 0 outside of the bins.
    pub fn weight(&self, class: usize, pt: f64, eta: f64) -> f32 {
        let place = self.spectra.place(pt, eta);
        self.weights.get(class).and_then(|weights| weights.get(place?)).copied().unwrap_or(0.0)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_ratios_to_taus() {
        let config =
            WeightConfig { pt_edges: vec![20.0, 30.0, 50.0], eta_edges: vec![0.0, 2.5], ..WeightConfig::default() };
        let mut spectra = Spectra::new(&config).unwrap();
        for (class, pt, count) in [(0, 25.0, 2), (0, 30.0, 1), (1, 25.0, 1), (2, 25.0, 6), (2, 45.0, 3), (3, 49.9, 4)] {
            (0..count).for_each(|_| spectra.count(class, pt, -1.0));
        }
        spectra.count(2, 50.0, 0.0);
        assert_eq!(spectra.totals(), [3.0, 1.0, 9.0, 4.0]);
        let weights = spectra.clone().weights(1e5).unwrap();
        assert_eq!([weights.weight(0, 25.0, 0.1), weights.weight(0, 30.0, -0.1)], [3.0, 3.0]);
        assert_eq!([weights.weight(3, 40.0, 0.1), weights.weight(3, 25.0, 0.1)], [0.75, 0.0]);
        assert_eq!([weights.weight(2, 25.0, 0.1), weights.weight(2, 19.0, 0.1)], [1.0, 0.0]);
        assert!(spectra.weights(5.0).unwrap_err().to_string().contains("between 0.75 and 6"));
        assert!(Spectra::new(&config).unwrap().weights(1.0).unwrap_err().to_string().contains("class e"));
    }
}
