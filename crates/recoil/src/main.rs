//! The `recoil` program.
fn main() {}
