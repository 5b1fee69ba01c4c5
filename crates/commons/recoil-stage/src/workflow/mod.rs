//! Several stages in a row, described in one YAML file, with resume.
//!
//! ```yaml
//! name: photons
//! seed: 1
//! steps:
//!   - id: events
//!     stage: hgcal simulate
//!     output: events.parquet
//!     config: {events: 100}
//!   - id: clusters
//!     stage: hgcal run
//!     inputs: {cells: events}          # the output of the step above
//!     config: {smooth: {kernel: flat_top}}
//!   - id: check
//!     stage: hgcal validate
//!     inputs:
//!       clusters: clusters/clusters.parquet   # one file of a directory
//!       truth: more/truth.parquet             # a file beside this one
//! ```
//!
//! Steps may be written in any order; each runs after the steps whose outputs it reads. A step whose outputs are up to
//! date is skipped.

mod file;
mod plan;

pub use file::Workflow;
pub use plan::{Plan, Planned, StepResult};
