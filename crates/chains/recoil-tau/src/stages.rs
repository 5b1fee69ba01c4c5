//! The chain's steps bound to files and configuration.

pub mod apply;
pub mod batches;
pub mod bench;
pub mod efficiency;
pub mod evaluate;
pub mod export;
pub mod features;
pub mod files;
pub mod import;
pub mod report;
pub mod roc;
pub mod scale;
pub mod scale_merge;
mod scores;
pub mod shuffle_merge;
pub mod simulate;
pub mod spectrum;
pub mod train;
pub mod validate;
pub mod working_points;

use recoil_stage::{AnyStage, ErrorKind, StageError};

use crate::error::TauError;

/// All stages of this file's folder, in the order of the chain.
pub fn all() -> Vec<Box<dyn AnyStage>> {
    vec![
        Box::new(simulate::Simulate),
        Box::new(import::Import),
        Box::new(spectrum::Spectrum),
        Box::new(shuffle_merge::ShuffleMerge),
        Box::new(validate::Validate),
        Box::new(features::Features),
        Box::new(scale::Scale),
        Box::new(scale_merge::ScaleMerge),
        Box::new(batches::Batches),
        Box::new(train::Train),
        Box::new(apply::Apply),
        Box::new(export::Export),
        Box::new(evaluate::Evaluate),
        Box::new(roc::Roc),
        Box::new(working_points::WorkingPoints),
        Box::new(efficiency::Efficiency),
        Box::new(report::Summary),
        Box::new(bench::Bench),
    ]
}

/// Whose fault an error is: a wrong key or selection is the user's, everything else is in the input.
fn blame(doing: &'static str) -> impl Fn(TauError) -> StageError {
    move |error| {
        let kind = match &error {
            TauError::Config { .. } | TauError::Table(recoil_table::Error::Selection(_)) => ErrorKind::Usage,
            _ => ErrorKind::Input,
        };
        StageError::caused(kind, doing, error)
    }
}
