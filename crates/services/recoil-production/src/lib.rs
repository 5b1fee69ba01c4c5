//! Turns a YAML file into a graph of steps and runs it: on this machine, on Slurm, on HyperQueue.
//!
//! A file (recoil's own form, or a production file of lstmcpipe) is read into a [`model::Production`]: steps, each with
//! tasks, each with commands, inputs and outputs. Everything after that (graph, plan, executors, journal, status) sees
//! only the production.

pub mod check;
pub mod clean;
mod cycles;
pub mod engine;
pub mod error;
pub mod executors;
pub mod explain;
pub mod finding;
pub mod graph;
pub mod journal;
pub mod key;
pub mod lstmcpipe;
pub mod model;
pub mod native;
pub mod plan;
mod program;
pub mod read;
pub mod report;
pub mod search;
pub mod state;
pub mod status;
pub mod task;
pub mod units;
pub mod yaml;

pub use error::ProductionError;
