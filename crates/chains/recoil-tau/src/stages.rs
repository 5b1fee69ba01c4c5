//! The chain's steps bound to files and configuration.

pub mod apply;
pub mod batches;
pub mod bench;
pub mod export;
pub mod features;
pub mod files;
pub mod import;
pub mod output;
pub mod scale;
pub mod scale_merge;
pub mod shuffle_merge;
pub mod simulate;
pub mod spectrum;
pub mod train;
pub mod validate;

use recoil_stage::AnyStage;

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
        Box::new(bench::Bench),
    ]
}
