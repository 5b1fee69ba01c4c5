//! Weighted histograms, profiles, quantiles, efficiencies and their intervals.
//!
//! Conventions, the same everywhere in this crate:
//!
//! * A bin `i` of an axis covers `[edge[i], edge[i+1])`; what lies outside is counted in the
//!   underflow and overflow bins, never dropped.
//! * A NaN value (or weight) enters no bin and no moment; it is counted (`nan()`).
//! * A histogram keeps the sum of weights and the sum of squared weights of each bin, and the
//!   running moments of what was filled inside the axis range (as ROOT does), so that `mean` and
//!   `rms` do not depend on the binning.
//! * Partial results merge: filling two halves and adding them is the same as filling the whole.
//!
//! ```
//! use recoil_stats::{Axis, Efficiency1, Hist1, quantile};
//!
//! let mut pt = Hist1::new(Axis::uniform(10, 0.0, 100.0)?);
//! pt.fill_slice(&[5.0, 15.0, 15.5, 250.0]);
//! assert_eq!(pt.values(), &[1.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
//! assert_eq!(pt.overflow(), 1.0);
//!
//! let mut matched = Efficiency1::new(Axis::uniform(2, 0.0, 10.0)?);
//! for (pt, pass) in [(1.0, true), (2.0, false), (7.0, true)] {
//!     matched.fill(pt, pass);
//! }
//! let first_bin = matched.intervals(0.683)?[0];
//! assert_eq!(first_bin.value, 0.5);
//! assert!((quantile::median(&[3.0, 1.0, 2.0]).unwrap() - 2.0).abs() < 1e-15);
//! # Ok::<(), recoil_stats::StatsError>(())
//! ```

pub mod agreement;
mod axis;
mod efficiency;
mod error;
mod hist1;
mod hist2;
pub mod interval;
mod moments;
mod profile;
pub mod quantile;

pub use axis::{Axis, Bin};
pub use efficiency::Efficiency1;
pub use error::{Result, StatsError};
pub use hist1::Hist1;
pub use hist2::Hist2;
pub use interval::Interval;
pub use moments::Moments;
pub use profile::{MedianPoint, MedianProfile1, Profile1, ProfilePoint};
