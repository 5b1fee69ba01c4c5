//! Responses and sensitivity against numbers of an independent implementation.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod golden;
mod responses;
mod scalars;
mod sensitivity;
