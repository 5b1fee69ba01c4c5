//! Where this program lies.

use std::sync::LazyLock;

static PATH: LazyLock<String> =
    LazyLock::new(|| std::env::current_exe().map_or_else(|_| "recoil".into(), |path| path.display().to_string()));

/// Path of this program, as it stands in the commands of its own stages; `recoil` where the system does not tell.
pub fn path() -> &'static str {
    &PATH
}
