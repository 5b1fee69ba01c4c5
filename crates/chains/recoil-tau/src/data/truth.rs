//! What a candidate truly is: generator match and class.

use std::f64::consts::PI;

/// Largest distance ΔR between the candidate and the visible generated lepton.
pub const MATCH_RADIUS: f64 = 0.2;
/// Least visible transverse momentum of a generated electron or muon [GeV].
const LEAST_LEPTON_PT: f32 = 8.0;
/// Least visible transverse momentum of a tau that decays to hadrons [GeV].
const LEAST_TAU_PT: f32 = 15.0;

/// What was generated at the place of a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum GenMatch {
    /// An electron that is no tau's daughter.
    Electron = 1,
    /// A muon that is no tau's daughter.
    Muon = 2,
    /// A tau that decays to an electron.
    TauElectron = 3,
    /// A tau that decays to a muon.
    TauMuon = 4,
    /// A tau that decays to hadrons.
    Tau = 5,
    /// A jet.
    NoMatch = 6,
}

/// Where a sample comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SampleType {
    /// Collisions.
    Data,
    /// Simulated collisions.
    Simulation,
    /// Simulated taus in collisions.
    Embedded,
}

impl SampleType {
    /// The type of the code that tuples store.
    ///
    /// ```
    /// use recoil_tau::data::truth::SampleType;
    /// assert_eq!(SampleType::of_code(1), Some(SampleType::Simulation));
    /// assert_eq!(SampleType::of_code(3), None);
    /// ```
    pub fn of_code(code: i32) -> Option<Self> {
        [Self::Data, Self::Simulation, Self::Embedded].get(usize::try_from(code).ok()?).copied()
    }
}

/// Class of a candidate, with the code that tuples store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "each name is its own description")]
pub enum TauType {
    E = 0,
    Mu = 1,
    Tau = 2,
    Jet = 3,
    EmbE = 4,
    EmbMu = 5,
    EmbTau = 6,
    EmbJet = 7,
    Data = 8,
}

/// A generator match that a sample of this type cannot have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a candidate of a {sample:?} sample matched to {gen_match:?} has no class")]
pub struct NoClass {
    /// Type of the sample.
    pub sample: SampleType,
    /// The match.
    pub gen_match: GenMatch,
}

impl TauType {
    /// All classes in the order of their codes.
    pub const ALL: [Self; 9] =
        [Self::E, Self::Mu, Self::Tau, Self::Jet, Self::EmbE, Self::EmbMu, Self::EmbTau, Self::EmbJet, Self::Data];

    /// The class of a candidate of such a sample with such a match.
    ///
    /// # Errors
    /// Pairs that cannot be, such as a prompt electron in an embedded sample.
    pub fn of(sample: SampleType, gen_match: GenMatch) -> Result<Self, NoClass> {
        use GenMatch as G;
        use SampleType as S;
        Ok(match (sample, gen_match) {
            (S::Simulation, G::Electron | G::TauElectron) => Self::E,
            (S::Simulation, G::Muon | G::TauMuon) => Self::Mu,
            (S::Simulation, G::Tau) => Self::Tau,
            (S::Simulation, G::NoMatch) => Self::Jet,
            (S::Embedded, G::TauElectron) => Self::EmbE,
            (S::Embedded, G::TauMuon) => Self::EmbMu,
            (S::Embedded, G::Tau) => Self::EmbTau,
            (S::Embedded, G::NoMatch) => Self::EmbJet,
            (S::Data, G::NoMatch) => Self::Data,
            _ => return Err(NoClass { sample, gen_match }),
        })
    }

    /// The code that tuples store.
    pub fn code(self) -> i32 {
        i32::from(self as u8)
    }

    /// The class of a code.
    pub fn of_code(code: i32) -> Option<Self> {
        Self::ALL.get(usize::try_from(code).ok()?).copied()
    }

    /// Its name in files and options.
    pub fn name(self) -> &'static str {
        match self {
            Self::E => "e",
            Self::Mu => "mu",
            Self::Tau => "tau",
            Self::Jet => "jet",
            Self::EmbE => "emb_e",
            Self::EmbMu => "emb_mu",
            Self::EmbTau => "emb_tau",
            Self::EmbJet => "emb_jet",
            Self::Data => "data",
        }
    }

    /// The class of a name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }
}

/// What the generator match of a candidate depends on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GenCandidate {
    /// Number of the generated lepton, -1 without one.
    pub lepton_index: i32,
    /// Its kind: 1 electron, 2 muon, 3 tau to electron, 4 tau to muon, 5 tau to hadrons.
    pub lepton_kind: i32,
    /// Its visible transverse momentum [GeV].
    pub lepton_pt: f32,
    /// Its visible pseudorapidity.
    pub lepton_eta: f32,
    /// Its visible azimuth [rad].
    pub lepton_phi: f32,
    /// Number of the generated jet, -1 without one.
    pub jet_index: i32,
    /// Pseudorapidity of the reconstructed candidate.
    pub eta: f32,
    /// Azimuth of the reconstructed candidate [rad].
    pub phi: f32,
}

/// A kind of generated lepton that does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no generated lepton of kind {0}")]
pub struct NoKind(pub i32);

impl GenCandidate {
    /// The match of the candidate; `None` without one.
    ///
    /// # Errors
    /// A lepton of an unknown kind.
    pub fn gen_match(&self) -> Result<Option<GenMatch>, NoKind> {
        if self.lepton_index < 0 {
            return Ok((self.jet_index >= 0).then_some(GenMatch::NoMatch));
        }
        let (found, least) = match self.lepton_kind {
            1 => (GenMatch::Electron, LEAST_LEPTON_PT),
            2 => (GenMatch::Muon, LEAST_LEPTON_PT),
            3 => (GenMatch::TauElectron, LEAST_LEPTON_PT),
            4 => (GenMatch::TauMuon, LEAST_LEPTON_PT),
            5 => (GenMatch::Tau, LEAST_TAU_PT),
            other => return Err(NoKind(other)),
        };
        let d_eta = f64::from(self.eta) - f64::from(self.lepton_eta);
        let d_phi = delta_phi(f64::from(self.phi), f64::from(self.lepton_phi));
        let near = d_eta.hypot(d_phi) <= MATCH_RADIUS;
        Ok((near && self.lepton_pt >= least).then_some(found))
    }
}

/// Difference of two azimuths, in (-π, π].
pub fn delta_phi(a: f64, b: f64) -> f64 {
    let difference = (a - b) % (2.0 * PI);
    if difference > PI {
        difference - 2.0 * PI
    } else if difference <= -PI {
        difference + 2.0 * PI
    } else {
        difference
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT_TAU: GenCandidate = GenCandidate {
        lepton_index: 0,
        lepton_kind: 5,
        lepton_pt: 20.0,
        lepton_eta: 1.0,
        lepton_phi: 3.1,
        jet_index: 0,
        eta: 1.0,
        phi: -3.1,
    };

    #[test]
    fn matches_need_momentum_and_nearness() {
        let matched = |candidate: GenCandidate| candidate.gen_match();
        // 2 (π - 3.1) = 0.083 across the seam
        assert_eq!(matched(AT_TAU), Ok(Some(GenMatch::Tau)));
        assert_eq!(matched(GenCandidate { lepton_pt: 14.9, ..AT_TAU }), Ok(None));
        assert_eq!(matched(GenCandidate { eta: 1.3, ..AT_TAU }), Ok(None));
        assert_eq!(matched(GenCandidate { lepton_kind: 3, lepton_pt: 8.0, ..AT_TAU }), Ok(Some(GenMatch::TauElectron)));
        assert_eq!(matched(GenCandidate { lepton_kind: 4, lepton_pt: 7.9, ..AT_TAU }), Ok(None));
        assert_eq!(matched(GenCandidate { lepton_kind: 6, ..AT_TAU }), Err(NoKind(6)));
        assert_eq!(matched(GenCandidate { lepton_index: -1, ..AT_TAU }), Ok(Some(GenMatch::NoMatch)));
        assert_eq!(matched(GenCandidate { lepton_index: -1, jet_index: -1, ..AT_TAU }), Ok(None));
    }

    #[test]
    fn a_lepton_at_the_radius_matches() {
        let at = GenCandidate { lepton_eta: 0.0, lepton_phi: 0.0, eta: 0.125, phi: 0.125, ..AT_TAU };
        assert_eq!(at.gen_match(), Ok(Some(GenMatch::Tau)));
    }

    #[test]
    fn every_pair_has_a_class_or_an_error() {
        use GenMatch as G;
        let matches = [G::Electron, G::Muon, G::TauElectron, G::TauMuon, G::Tau, G::NoMatch];
        let classes = |sample| matches.map(|found| TauType::of(sample, found).ok().map_or("-", TauType::name));
        assert_eq!(classes(SampleType::Simulation), ["e", "mu", "e", "mu", "tau", "jet"]);
        assert_eq!(classes(SampleType::Embedded), ["-", "-", "emb_e", "emb_mu", "emb_tau", "emb_jet"]);
        assert_eq!(classes(SampleType::Data), ["-", "-", "-", "-", "-", "data"]);
    }

    #[test]
    fn azimuths_wrap() {
        assert!((delta_phi(3.0, -3.0) - (6.0 - 2.0 * PI)).abs() < 1e-15);
        assert_eq!(delta_phi(PI, 0.0), PI);
        assert_eq!(delta_phi(-PI, 0.0), PI);
    }
}
