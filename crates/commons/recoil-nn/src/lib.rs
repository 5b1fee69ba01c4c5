//! Small static neural networks: described in YAML, trained and run by fused kernels on the CPU, quantised, exported.
//!
//! The way of the data:
//!
//! * A [`NetworkSpec`] says in words what goes in and which layers follow; [`Network::new`] checks every shape and lays the
//!   activations out in one arena.
//! * [`Parameters`] hold the named tensors; they start from a seed, or come from a safetensors file.
//! * [`Network::predict`] runs a table of samples through the network, block by block.
//! * A [`Loss`](loss::Loss) compares outputs with targets; [`train::Trainer`] goes through the samples epoch by epoch with an
//!   [`Optimiser`](optimise::Optimiser), a schedule and early stopping, and can stop and resume without changing a bit.
//! * [`sets`] has networks over sets of points, such as the particles of a jet: edge convolutions and attention.
//! * [`tape`] has networks that are programs, with gradients, over events of any size.
//! * [`onnx`] writes networks for other programs, reads such files and evaluates them.
//!
//! A block is a group of 32 samples whose features are vectors over samples ([`lane`]), so that every layer is arithmetic
//! on whole vectors in the widest instruction set of the machine. Work is split into blocks and parts by the number of
//! samples alone, and sums are taken in the order of the parts: the same seed gives the same bits with any number of
//! threads on the same kind of processor.

pub mod batch;
mod description;
mod error;
pub mod kernel;
pub mod lane;
pub mod loss;
mod network;
pub mod onnx;
pub mod optimise;
mod parameters;
pub mod pass;
pub mod predict;
mod quantise;
pub mod safetensors;
pub mod sets;
pub mod tape;
pub mod train;

pub use description::{
    Activation, ConvSpec, DenseSpec, InputSpec, KernelStart, LayerSpec, NetworkSpec, NodeSpec, Padding, Penalty,
    WeightSpec,
};
pub use error::{NnError, Result};
pub use network::{Cost, LayerCost, Network, TensorSpec};
pub use parameters::Parameters;
pub use quantise::Quantiser;
pub use safetensors::Tensor;
