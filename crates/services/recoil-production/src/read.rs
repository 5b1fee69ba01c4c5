//! Reading a production of any form, told by its content.

use crate::finding::{Finding, Severity};
use crate::model::Production;
use crate::{lstmcpipe, native, yaml};
use recoil_stage::Registry;
use std::path::Path;

/// Reads a production. The findings are all that validation has to say; the production is there if the file could be
/// read far enough to have steps, and must not be run if there are errors.
pub fn read(path: &Path, registry: &Registry) -> (Option<Production>, Vec<Finding>) {
    let root = match yaml::read(path) {
        Ok(root) => root,
        Err(found) => return (None, found),
    };
    if native::is_native(&root) {
        return native::read(path, &root, registry);
    }
    if lstmcpipe::is_lstmcpipe(&root) {
        return lstmcpipe::read(path, &root, registry);
    }
    let message = "is no production: there is neither 'steps' nor 'stages_to_run'";
    (None, vec![Finding::error(root.location(path), "unknown-form", message)])
}

/// Whether there are errors among the findings.
pub fn has_errors(found: &[Finding]) -> bool {
    found.iter().any(|finding| finding.severity == Severity::Error)
}
