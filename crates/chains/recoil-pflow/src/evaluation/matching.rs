//! Particles of the generator and candidates that belong together, by direction.

use recoil_physics::angle::delta_r;

use crate::data::Particle;

/// What counts as matched.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cuts {
    /// greatest distance in pseudorapidity and azimuth
    pub delta_r: f64,
    /// least transverse momentum \[GeV\]
    pub min_pt: f64,
    /// greatest pseudorapidity
    pub max_eta: f64,
    /// whether the classes have to agree
    pub same_class: bool,
}

impl Default for Cuts {
    fn default() -> Self {
        Self { delta_r: 0.15, min_pt: 1.0, max_eta: 2.4, same_class: false }
    }
}

/// For each true particle the place of its candidate. True particles choose in their order; each takes the nearest candidate
/// that is free and nearer than the cut. Particles outside of the cuts take no part.
pub fn matches(truth: &[Particle], found: &[Particle], cuts: &Cuts) -> Vec<Option<usize>> {
    let inside =
        |p: &Particle| p.is_present() && f64::from(p.pt) > cuts.min_pt && f64::from(p.eta).abs() < cuts.max_eta;
    let directions: Vec<Option<(f64, f64)>> =
        found.iter().map(|p| inside(p).then(|| (f64::from(p.eta), p.phi()))).collect();
    let mut used = vec![false; found.len()];
    let choose = |particle: &Particle| {
        if !inside(particle) {
            return None;
        }
        let (eta, phi) = (f64::from(particle.eta), particle.phi());
        let mut best: Option<(usize, f64)> = None;
        for (place, direction) in directions.iter().enumerate() {
            let Some((other_eta, other_phi)) = direction else { continue };
            let is_free = !used.get(place).copied().unwrap_or(true);
            let fits = !cuts.same_class || found.get(place).is_some_and(|p| p.pdg == particle.pdg);
            let apart = delta_r(eta, phi, *other_eta, *other_phi);
            if is_free && fits && apart < cuts.delta_r && best.is_none_or(|(_, least)| apart < least) {
                best = Some((place, apart));
            }
        }
        let (place, _) = best?;
        if let Some(slot) = used.get_mut(place) {
            *slot = true;
        }
        Some(place)
    };
    truth.iter().map(choose).collect()
}

/// Error of a share of `pass` of `total`: square root of the variance of a flat prior's posterior,
/// `(k+1)(k+2)/((n+2)(n+3)) - (k+1)^2/(n+2)^2`.
pub fn bayesian_error(pass: f64, total: f64) -> f64 {
    let second = (pass + 1.0) * (pass + 2.0) / ((total + 2.0) * (total + 3.0));
    (second - ((pass + 1.0) / (total + 2.0)).powi(2)).max(0.0).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(pdg: i32, pt: f32, eta: f32) -> Particle {
        Particle { pdg, pt, eta, cos_phi: 1.0, ..Particle::default() }
    }

    #[test]
    fn each_candidate_is_taken_once() {
        let truth = [at(211, 5.0, 0.0), at(22, 5.0, 0.02), at(22, 0.5, 0.0), at(22, 5.0, 3.0)];
        let found = [at(22, 5.0, 0.01), at(211, 4.0, 0.05), at(22, 5.0, 3.0)];
        assert_eq!(matches(&truth, &found, &Cuts::default()), [Some(0), Some(1), None, None]);
        let strict = Cuts { same_class: true, ..Cuts::default() };
        assert_eq!(matches(&truth, &found, &strict), [Some(1), Some(0), None, None]);
    }

    #[test]
    fn errors_by_hand() {
        // one of two: 2*3/(4*5) - (2/4)^2 = 0.05
        assert!((bayesian_error(1.0, 2.0) - 0.05_f64.sqrt()).abs() < 1e-12);
    }
}
