//! The chain's steps bound to files and configuration.

pub mod assign_truth;
pub mod baseline;
pub mod bench;
pub mod blocks;
pub mod evaluate;
pub mod export;
pub mod forward;
pub mod import;
pub mod jets;
pub mod losses;
mod model;
pub mod predict;
pub mod simulate;
pub mod split;
pub mod train;
pub mod train_edges;

use recoil_stage::AnyStage;

/// All stages of this file's folder, in the order of the chain.
pub fn all() -> Vec<Box<dyn AnyStage>> {
    vec![
        Box::new(simulate::Simulate),
        Box::new(import::Import),
        Box::new(assign_truth::AssignTruth),
        Box::new(split::Split),
        Box::new(train_edges::TrainEdges),
        Box::new(blocks::Blocks),
        Box::new(baseline::Baseline),
        Box::new(train::Train),
        Box::new(predict::Predict),
        Box::new(forward::Forward),
        Box::new(evaluate::Evaluate),
        Box::new(jets::Jets),
        Box::new(export::Export),
        Box::new(bench::Bench),
    ]
}

/// Formats of tables.
pub const TABLES: &[&str] = &["parquet", "root", "csv", "npz"];

/// Formats of tables of events.
pub const EVENTS: &[&str] = &["parquet", "root"];
