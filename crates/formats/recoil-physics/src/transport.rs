//! Optimal transport: the cheapest way to turn one distribution into another.
//!
//! [`Transport`] solves the transportation problem exactly with the network simplex method and returns flows and dual
//! potentials. [`EarthMover`] is the earth mover's distance between two distributions over the same places, whose distances
//! are a metric: mass that both have stays where it is, which makes the problem several times smaller. [`sinkhorn`] is the
//! entropic approximation.
//!
//! ```
//! use recoil_physics::transport::EarthMover;
//!
//! // three places on a line
//! let mut emd = EarthMover::new(3, &[0.0, 1.0, 2.0, 1.0, 0.0, 1.0, 2.0, 1.0, 0.0])?;
//! assert_eq!(emd.distance(&[1.0, 0.0, 0.0], &[0.0, 0.0, 5.0])?, 2.0);
//! # Ok::<(), recoil_physics::Error>(())
//! ```

mod earth_mover;
mod simplex;
mod sinkhorn;
mod tree;

pub use earth_mover::EarthMover;
pub use simplex::{Flow, Transport};
pub use sinkhorn::{Sinkhorn, SinkhornResult, sinkhorn};
