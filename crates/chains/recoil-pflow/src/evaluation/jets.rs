//! Response of jets and of missing transverse momentum.

use recoil_physics::jets::{Jet, nearest_within};
use recoil_physics::momentum::FourMomentum;
use serde::Serialize;

use super::spread::Spread;

/// Edges of bins of jets' transverse momenta \[GeV\]; the lower edge belongs to the bin before.
pub const JET_PT_EDGES: &[f64] = &[10.0, 20.0, 40.0, 60.0, 80.0, 100.0, 200.0];
/// Edges of bins of jets' pseudorapidities.
pub const JET_ETA_EDGES: &[f64] = &[-4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0];
/// Edges of bins of missing transverse momenta \[GeV\].
pub const MET_EDGES: &[f64] = &[10.0, 20.0, 40.0, 60.0, 80.0, 100.0, 200.0];
/// Least true missing transverse momentum \[GeV\].
pub const MET_MIN: f64 = 5.0;
/// Distance within which two jets are the same.
pub const MATCH: f64 = 0.1;

/// A reference value, where it was, and the ratio of the reconstructed to the reference value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    /// reference transverse momentum \[GeV\]
    pub reference: f64,
    /// pseudorapidity of the reference
    pub eta: f64,
    /// reconstructed over reference
    pub ratio: f64,
}

/// Response over all, and in bins.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Response {
    /// all entries
    pub all: Spread,
    /// interquartile range over median of all entries
    pub relative_width: Option<f64>,
    /// in bins of the reference transverse momentum
    pub in_pt: Vec<Spread>,
    /// in bins of the pseudorapidity of the reference
    pub in_eta: Vec<Spread>,
}

impl Response {
    /// Of ratios, with bins of transverse momentum that contain their upper edges.
    pub fn of(ratios: &[Ratio], pt_edges: &[f64], eta_edges: &[f64]) -> Self {
        let select = |inside: &dyn Fn(&Ratio) -> bool| {
            Spread::of(&ratios.iter().filter(|r| inside(r)).map(|r| r.ratio).collect::<Vec<_>>())
        };
        let bins = |edges: &[f64]| edges.windows(2).map(|w| (w[0], w[1])).collect::<Vec<_>>();
        let all = select(&|_| true);
        Self {
            all,
            relative_width: all.relative(),
            in_pt: bins(pt_edges)
                .into_iter()
                .map(|(low, high)| select(&|r| r.reference > low && r.reference <= high))
                .collect(),
            in_eta: bins(eta_edges).into_iter().map(|(low, high)| select(&|r| r.eta > low && r.eta <= high)).collect(),
        }
    }
}

/// Jets of an algorithm against reference jets.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JetMeasures {
    /// matched jets
    pub ratios: Vec<Ratio>,
    /// all reference jets
    pub references: usize,
}

impl JetMeasures {
    /// Adds the jets of an event: for each reference jet the nearest other jet within [`MATCH`], not exclusive.
    pub fn add(&mut self, reference: &[Jet], found: &[Jet]) {
        let directions = |jets: &[Jet]| -> Vec<(f64, f64)> {
            jets.iter().map(|jet| (jet.momentum.eta(), jet.momentum.phi())).collect()
        };
        self.references += reference.len();
        for pair in nearest_within(&directions(reference), &directions(found), MATCH) {
            if let (Some(a), Some(b)) = (reference.get(pair.first), found.get(pair.second)) {
                let pt = a.momentum.pt();
                self.ratios.push(Ratio { reference: pt, eta: a.momentum.eta(), ratio: b.momentum.pt() / pt });
            }
        }
    }

    /// Share of reference jets that were matched.
    pub fn matched(&self) -> Option<f64> {
        (self.references > 0).then(|| self.ratios.len() as f64 / self.references as f64)
    }

    /// Adds another set of jets.
    pub fn merge(&mut self, other: Self) {
        self.ratios.extend(other.ratios);
        self.references += other.references;
    }
}

/// Missing transverse momentum of particles: the absolute value of the vector sum \[GeV\].
pub fn missing_pt<'a>(particles: impl IntoIterator<Item = &'a FourMomentum>) -> f64 {
    let sum: FourMomentum = particles.into_iter().copied().sum();
    sum.pt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_contain_their_upper_edges() {
        let at = |reference: f64, ratio: f64| Ratio { reference, eta: 0.5, ratio };
        let found = Response::of(&[at(10.0, 9.0), at(20.0, 1.0), at(20.1, 2.0)], &[10.0, 20.0, 40.0], &[0.0, 1.0]);
        assert_eq!((found.in_pt[0].entries, found.in_pt[0].median), (1, Some(1.0)));
        assert_eq!((found.in_pt[1].entries, found.all.median, found.in_eta[0].entries), (1, Some(2.0), 3));
    }

    #[test]
    fn two_back_to_back_particles_miss_nothing() {
        let a = FourMomentum::from_pt_eta_phi_mass(10.0, 1.0, 0.0, 0.0);
        let b = FourMomentum::from_pt_eta_phi_mass(7.0, -1.0, std::f64::consts::PI, 0.0);
        assert!((missing_pt([&a, &b]) - 3.0).abs() < 1e-12);
    }
}
