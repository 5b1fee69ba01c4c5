//! The chip in integers: every block from the input links to the output links, bit for bit.
//!
//! Pure functions on arrays of one wafer and bunch crossing, in the order of the chip's data path:
//!
//! ```text
//! link ──► multiplexer ──► float to fixed ──► calibration ─┬─► threshold      ─┐
//! (link)                   (calibration)                   ├─► best_choice     │
//!                                                          ├─► super_cells     ├─► formatter ──► buffer
//!                                                          ├─► repeater        │
//!                                                          └─► autoencoder    ─┘
//! ```
//!
//! [`float`] is the number format of all charges, [`registers`] what can be set, [`allocation`] how many output links a
//! module has.

pub mod allocation;
pub mod autoencoder;
pub mod best_choice;
pub mod buffer;
pub mod calibration;
pub mod chip;
pub mod float;
pub mod formatter;
pub mod frame;
pub mod link;
pub mod registers;
pub mod repeater;
pub mod super_cells;
pub mod threshold;

pub use registers::{Density, Registers};
