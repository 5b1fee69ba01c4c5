//! Energies: from MIPs to GeV, layer weights, and the interpretation of a cluster as an electromagnetic shower.
//!
//! * [`calibration`]: the GeV per MIP of every layer, and a least-squares fit of layer weights;
//! * [`electromagnetic`]: the electromagnetic energy of a cluster, with layer corrections and a term linear in eta.

pub mod calibration;
pub mod electromagnetic;
