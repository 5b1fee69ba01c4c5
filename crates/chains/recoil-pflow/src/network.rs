//! Networks that turn elements into particles.
//!
//! * [`Architecture`] says what a network looks like, [`Shape`] what it reads and tells apart; [`weights`] makes its
//!   tensors, with the names of the reference implementation.
//! * [`inputs`] turns events into rows of numbers: features as they were measured, places in the calorimeter and links to
//!   neighbours; the rows of all events stand one behind the other, so that nothing is padded.
//! * [`mod@forward`] computes, [`loss`] judges, [`train`] learns; [`decode`] makes candidates of outputs.
//! * Beside attention there are backbones that only see neighbours: [`gnn_lsh`], [`hept`], [`graphs`]; [`mod@reference`] runs
//!   networks of the reference implementation as they were stored.
//! * [`mod@device`] computes networks on graphics processors.
//! * [`Model`] is all of it in one safetensors file; [`export`] writes ONNX.

mod architecture;
mod blocks;
pub mod calibrate;
pub mod decode;
pub mod device;
pub mod export;
pub mod first_loss;
pub mod forward;
pub mod gnn_lsh;
pub mod graphs;
pub mod hept;
pub mod inputs;
mod layers;
pub mod links;
pub mod loss;
pub mod lsh;
mod model;
pub mod reference;
mod rounding;
mod starts;
pub mod train;
pub mod weights;

pub use architecture::{Architecture, Backbone, Encoding, RegressionMode, Representation, Shape};
pub use forward::{Outputs, Rows, forward};
pub use model::Model;
pub use starts::is_fixed;
