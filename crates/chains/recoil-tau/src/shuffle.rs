//! Shuffle and merge: many samples become one, flat in pseudorapidity and momentum, balanced between classes.
//!
//! Candidates of every group of samples are read in order; which group comes next is drawn. A candidate is kept with a
//! probability that flattens the spectrum of its group and class ([`acceptance`]) and balances the classes. Only the
//! columns that decide are read of all candidates ([`decide`]); the rest is read of the kept ones ([`write`]).

pub mod acceptance;
pub mod decide;
pub mod draw;
pub mod groups;
pub mod plan;
pub mod write;

pub use acceptance::{Acceptance, Bins, Counts, Flattening};
pub use groups::Group;
pub use plan::{ListedFile, Plan};
