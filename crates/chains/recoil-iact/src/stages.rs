//! The chain's steps bound to files and configuration.

pub mod bench;
pub mod dl1_to_dl2;
pub mod dl1ab;
pub mod irf_keys;
pub mod irfs;
pub mod ls;
pub mod merge;
pub mod plot;
pub mod r0_to_dl1;
pub mod report;
pub mod sensitivity;
pub mod simulate;
pub mod split;
pub mod train;

mod dl1_input;
mod dl2_input;
mod dl2_output;
mod images;
mod pictures;

use recoil_stage::{AnyStage, ErrorKind, StageError};

use crate::error::IactError;

/// All stages of this file's folder, in the order of the chain.
pub fn all() -> Vec<Box<dyn AnyStage>> {
    vec![
        Box::new(ls::Ls),
        Box::new(simulate::Simulate),
        Box::new(r0_to_dl1::R0ToDl1),
        Box::new(dl1ab::Dl1ab),
        Box::new(merge::Merge),
        Box::new(split::Split),
        Box::new(bench::Bench),
        Box::new(train::Train),
        Box::new(dl1_to_dl2::Dl1ToDl2),
        Box::new(irfs::Irfs),
        Box::new(sensitivity::Sensitivity),
        Box::new(plot::Plot),
        Box::new(report::Summary),
    ]
}

/// Whose fault an error is: a wrong key is the user's, everything else is in the input.
pub(crate) fn blame(doing: impl Into<String>) -> impl FnOnce(IactError) -> StageError {
    let doing = doing.into();
    move |error| {
        let kind = match &error {
            IactError::Config { .. } => ErrorKind::Usage,
            _ => ErrorKind::Input,
        };
        StageError::caused(kind, doing, error)
    }
}
