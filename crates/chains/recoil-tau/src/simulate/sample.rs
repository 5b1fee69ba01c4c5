//! What collisions there are, and how often which candidate.

use rand::RngExt as _;
use rand_distr::{Distribution as _, Exp, Normal};
use recoil_stage::seed::Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A kind of collision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum Sample {
    /// Z bosons to leptons.
    DY,
    /// Pairs of top quarks.
    TT,
    /// W bosons and jets.
    W,
    /// Jets.
    QCD,
    /// Higgs bosons to taus.
    VBFH,
    /// Taus of any momentum.
    TauGun,
    /// Heavy Z bosons to electrons.
    ZprimeEE,
}

/// What a candidate is generated as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// Electron.
    Electron,
    /// Muon.
    Muon,
    /// Tau that decays to hadrons.
    Tau,
    /// Jet.
    Jet,
}

impl Sample {
    /// All samples.
    pub const ALL: [Self; 7] = [Self::DY, Self::TT, Self::W, Self::QCD, Self::VBFH, Self::TauGun, Self::ZprimeEE];

    /// Shares of electrons, muons, taus; the rest are jets.
    fn shares(self) -> [f64; 3] {
        match self {
            Self::DY => [0.2, 0.2, 0.25],
            Self::TT => [0.06, 0.06, 0.18],
            Self::W => [0.08, 0.08, 0.06],
            Self::QCD => [0.0, 0.0, 0.0],
            Self::VBFH | Self::TauGun => [0.0, 0.0, 1.0],
            Self::ZprimeEE => [1.0, 0.0, 0.0],
        }
    }

    /// Draws what a candidate is.
    pub fn truth(self, rng: &mut Rng) -> Truth {
        let [e, mu, tau] = self.shares();
        let place: f64 = rng.random();
        if place < e {
            Truth::Electron
        } else if place < e + mu {
            Truth::Muon
        } else if place < e + mu + tau {
            Truth::Tau
        } else {
            Truth::Jet
        }
    }

    /// Draws a transverse momentum [GeV].
    pub fn pt(self, truth: Truth, rng: &mut Rng) -> f64 {
        match (self, truth) {
            (Self::TauGun, _) => rng.random_range(20.0..1000.0),
            (Self::ZprimeEE, _) => 20.0 + exponential(220.0, rng),
            (Self::TT, _) => 20.0 + exponential(38.0, rng),
            (Self::QCD, _) => 20.0 * rng.random_range(1e-6_f64..1.0).powf(-1.0 / 2.2),
            (Self::VBFH, _) => 20.0 + exponential(28.0, rng),
            (_, Truth::Jet) => 20.0 + exponential(12.0, rng),
            _ if rng.random_bool(0.85) => normal(41.0, 7.0, rng).max(20.0),
            _ => 20.0 + exponential(35.0, rng),
        }
        .min(3000.0)
    }
}

/// A number with mean `mean` and an exponential distribution.
pub fn exponential(mean: f64, rng: &mut Rng) -> f64 {
    Exp::new(1.0 / mean).map_or(mean, |distribution| distribution.sample(rng))
}

/// A number with a normal distribution.
pub fn normal(mean: f64, width: f64, rng: &mut Rng) -> f64 {
    Normal::new(mean, width).map_or(mean, |distribution| distribution.sample(rng))
}

/// A whole number with a Poisson distribution of mean `mean`.
pub fn poisson(mean: f64, rng: &mut Rng) -> usize {
    // small means: as many exponential steps as fit
    let (mut count, mut left) = (0, mean);
    loop {
        left -= exponential(1.0, rng);
        if left < 0.0 || count > 1000 {
            return count;
        }
        count += 1;
    }
}
