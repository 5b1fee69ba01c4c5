//! The chain against tables that the Python chain made from the same events.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod baseline;
mod chain;
mod coarse;
mod frame;
mod studies;
