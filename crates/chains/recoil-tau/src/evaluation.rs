//! How well candidates are told apart: ROC curves, working points, efficiencies, and the figures of them.
//!
//! A discriminator against a kind of fake is `tau / (tau + fake)` of a network's four outputs, or a number that a table
//! holds already. Taus are the signal, and each kind of fake (`e`, `mu`, `jet`) is a background by itself.

pub mod candidates;
pub mod efficiency;
pub mod figures;
pub mod performance;
pub mod rates;
pub mod roc;
pub mod working_points;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A kind of fake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Fake {
    /// Electrons.
    E,
    /// Muons.
    Mu,
    /// Quark and gluon jets.
    Jet,
}

impl Fake {
    /// All kinds, in the order of the files.
    pub const ALL: [Self; 3] = [Self::E, Self::Mu, Self::Jet];

    /// Its name in files and configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::E => "e",
            Self::Mu => "mu",
            Self::Jet => "jet",
        }
    }

    /// Its name in figures.
    pub fn title(self) -> &'static str {
        match self {
            Self::E => "electrons",
            Self::Mu => "muons",
            Self::Jet => "jets",
        }
    }

    /// The kind of this name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Its place in [`Fake::ALL`].
    pub fn index(self) -> usize {
        self as usize
    }
}
