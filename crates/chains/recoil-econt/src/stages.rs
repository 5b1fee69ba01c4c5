//! The chain's steps bound to files and configuration.

pub mod bench;
pub mod chip_config;
pub mod compare;
pub mod drawing;
pub mod emd;
pub mod emulate;
pub mod emulated;
pub mod encode;
pub mod evaluate;
pub mod export;
pub mod families;
pub mod link_list;
pub mod precision;
pub mod prepare;
pub mod produce;
pub mod simulate;
pub mod surrogate;
pub mod train;
mod train_links;
pub mod unpack;

use recoil_stage::AnyStage;

use crate::error::EcontError;

/// File formats that tables are read from.
pub const TABLES: &[&str] = &["parquet", "csv", "csv.gz", "root", "npy", "npz"];

/// All stages of this file's folder, in the order of the chain.
pub fn all() -> Vec<Box<dyn AnyStage>> {
    vec![
        Box::new(simulate::Simulate),
        Box::new(produce::Produce),
        Box::new(unpack::Unpack),
        Box::new(prepare::Prepare),
        Box::new(emulate::Emulate),
        Box::new(emd::Emd),
        Box::new(compare::Compare),
        Box::new(bench::Bench),
        Box::new(train::Train),
        Box::new(surrogate::TrainSurrogate),
        Box::new(precision::Precision),
        Box::new(evaluate::Evaluate),
        Box::new(encode::Encode),
        Box::new(export::Export),
    ]
}

/// What the check of a configuration found, as the configuration reader wants it, its keys being part `prefix` of the
/// stage's.
pub(crate) fn problems_in<T>(prefix: &str, checked: Result<T, EcontError>) -> Vec<recoil_stage::Problem> {
    match checked {
        Ok(_) => Vec::new(),
        Err(EcontError::Config { key, reason }) if prefix.is_empty() => vec![recoil_stage::Problem::new(key, reason)],
        Err(EcontError::Config { key, reason }) => vec![recoil_stage::Problem::new(format!("{prefix}.{key}"), reason)],
        Err(other) => vec![recoil_stage::Problem::new(prefix, other.to_string())],
    }
}
