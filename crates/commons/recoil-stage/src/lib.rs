//! What a step of an analysis is: configuration, provenance, outputs, seeds, progress.
//!
//! Everything that a user can run is a [`Stage`]: it has a typed [`config::Config`], declares what it reads and writes,
//! and does its work through a [`Run`]. The command line, the production engine and the web server handle all
//! stages alike through [`AnyStage`].
//!
//! * `prepare` resolves the configuration (defaults < files < words), sorts the inputs into roles and names the outputs,
//!   without reading any data: that is what `--dry-run` shows.
//! * `execute` runs it in a thread pool. Outputs appear under their final names only when all of them are complete; each
//!   has a [`provenance::Record`] beside it.
//! * [`provenance::up_to_date`] tells whether a run needs to be done again, and why.

pub mod cancel;
mod clock;
pub mod config;
pub mod error;
mod execute;
pub mod input;
mod prepared;
pub mod progress;
pub mod provenance;
mod report;
mod run;
pub mod seed;
mod stage;
mod staging;

pub use cancel::Cancel;
pub use clock::utc;
pub use config::{Config, Problem};
pub use error::{Blame, ErrorKind, StageError};
pub use execute::{Outcome, RunOptions};
pub use input::{InputFile, Inputs};
pub use prepared::{DEFAULT_SEED, Prepared, Request};
pub use progress::Progress;
pub use report::{Named, Report, ReportTable};
pub use run::{Run, Warning};
pub use seed::Seed;
pub use stage::{AnyStage, Description, Flag, InputRole, OutputKind, Registry, Stage, verify};
