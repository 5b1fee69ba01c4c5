//! The chain's steps bound to files and configuration.

use recoil_stage::AnyStage;

/// All stages of this file's folder, in the order of the chain.
pub fn all() -> Vec<Box<dyn AnyStage>> {
    Vec::new()
}
