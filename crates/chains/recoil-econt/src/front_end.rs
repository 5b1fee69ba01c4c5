//! Whole events through the front end: the trigger cells of every wafer into its chip, over the links, and out of the
//! decoder behind them.
//!
//! [`wafers_of`] sorts the cells of an event into wafers; a [`FrontEnd`] sends them. The chip is that of [`crate::emulator`],
//! so what arrives here is what `econt emulate` tells for the same charges.

mod autoencoder;
mod config;
mod send;
mod wafers;

pub use config::{Compression, FrontEndConfig};
pub use send::{FrontEnd, Received};
pub use wafers::{EventCells, EventWafer, WaferPlace, cell_number, wafers_of};
