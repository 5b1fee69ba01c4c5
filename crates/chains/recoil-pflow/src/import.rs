//! Foreign files to tables of events.
//!
//! * EDM4hep in ROOT, both namings of podio's relations (`X#n` and `_X_member`), of fast and of full simulations;
//! * the flat CMS ntuple with elements, simulated particles and their links;
//! * NanoAOD with particle-flow candidates;
//! * Delphes with tracks, towers and particles;
//! * Parquet with a matrix of features per event.

pub mod branches;
pub mod cms;
pub mod delphes;
pub mod edm4hep;
pub mod matrices;
pub mod nanoaod;
mod row;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::data::columns::Parts;
use crate::data::{Event, Layout};
use crate::error::Result;

/// What becomes an element.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Elements {
    /// Tracks and clusters.
    #[default]
    Objects,
    /// Single hits.
    Hits,
}

/// A file that is read event by event.
pub trait Source: Send {
    /// Features of the elements.
    fn layout(&self) -> Layout;

    /// What the events have.
    fn parts(&self) -> Parts;

    /// Number of events.
    fn total(&self) -> Option<u64>;

    /// The next events; `None` behind the last ones.
    ///
    /// # Errors
    /// Rows that cannot be read, links that lead nowhere.
    fn next_events(&mut self) -> Result<Option<Vec<Event>>>;

    /// How many numbers that are not finite became 0.
    fn mended(&self) -> u64;
}
