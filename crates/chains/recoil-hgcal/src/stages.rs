//! The stages of the chain, bound to files and configuration.

use recoil_stage::AnyStage;

/// All stages in the order of the help.
pub fn all() -> Vec<Box<dyn AnyStage>> {
    Vec::new()
}
