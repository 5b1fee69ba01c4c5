//! Equality with independent implementations.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod blocks;
mod frames;
mod numbers;
mod table;
