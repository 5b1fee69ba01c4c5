//! Feature scaling: means, widths and quantiles of every network input, in one pass over the files.

pub mod cones;
pub mod convergence;
pub mod merge;
pub mod parameters;
pub mod pass;
pub mod quantiles;
pub mod sums;

pub use parameters::{Parameters, ScalingTable};
pub use pass::{Population, ScalingPass};
pub use quantiles::Quantiles;
pub use sums::Sums;
