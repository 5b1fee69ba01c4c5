//! Figures of merit, the same for networks, rules and any other algorithm.

pub mod confusion;
pub mod jets;
pub mod matching;
pub mod performance;
pub mod spread;
pub mod summary;

pub use confusion::Confusion;
pub use jets::{JetMeasures, Response};
pub use performance::Performance;
pub use spread::Spread;
