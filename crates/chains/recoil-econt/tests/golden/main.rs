//! Equality with independent implementations.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod blocks;
mod frames;
mod images;
mod metrics;
mod numbers;
mod table;
mod transmission;
