//! Experiment records: what was trained with which settings, how it went, and what came out.
//!
//! Records are those of MLflow, so that its programs read them: a *store* is a directory in the layout of MLflow's file
//! stores ([`store`]) or a tracking server reached through its REST interface ([`server`]). A [`Recording`] writes a run
//! while it happens, and a [`Recorder`] does so without ever
//! ending the work; [`Store`] lists, searches ([`search`]) and shows them; [`store::merge`] makes one store of several.
//!
//! ```
//! use recoil_track::store::{FileStore, Query, Wanted};
//! use recoil_track::{Recording, Status, TrackConfig};
//!
//! let folder = tempfile::tempdir()?;
//! let config = TrackConfig { store: folder.path().display().to_string(), ..TrackConfig::default() };
//! let mut run = Recording::start(&config, "econt train")?;
//! run.metrics(1, &[("loss", 0.5)])?;
//! run.finish(Status::Finished)?;
//!
//! let store = FileStore::open(folder.path())?;
//! let listing = store.runs(&Query { wanted: Wanted::all(), ..Query::default() })?;
//! assert_eq!(listing.records[0].metrics["loss"].value, 0.5);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod git;
mod name;
mod record;
mod recorder;
pub mod search;
pub mod server;
mod session;
pub mod store;

pub use error::{Result, TrackError};
pub use record::{Experiment, Point, Record, RunInfo, Status, number};
pub use recorder::{Beginning, Recorder};
pub use session::{EXPERIMENT_NAME, NewRun, Recording, Store, TRACKING_URI, TrackConfig};
