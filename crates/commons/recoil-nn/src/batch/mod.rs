//! Whole batches as matrices: for networks whose layers are wide, whose images are mostly empty, or whose batch
//! normalisations must see the whole batch.
//!
//! A value of the network, say an image after some layer, is a [matrix](Matrix) with one row per *distinct* position and
//! one column per channel; a map says which row each position of each sample has. The cells of an image that
//! hold nothing are all alike, and stay so through convolutions until a window reaches an occupied cell. They share one
//! row: one for all samples at inference, one per sample in training, where rows carry the number of positions that they
//! stand for. So sums over positions (moments of batch normalisations, gradients) are those of the dense computation.
//!
//! Only features that are dropped at random make a difference: the empty positions of a sample are dropped together.
//!
//! Layers run as one plan: a linear layer with the normalisation, the activation and the dropping behind it is one
//! block, its products are computed in registers. Work is split into parts by the number of samples alone and
//! sums are taken in the order of the parts: the number of threads changes no bit.

mod backward;
mod block;
mod feed;
mod forward;
pub(crate) mod map;
pub(crate) mod matrix;
pub(crate) mod noise;
mod plan;
mod predict;
pub(crate) mod product;
mod train;
mod weights;

pub use feed::{Batch, Feed};
pub use matrix::Matrix;
pub use predict::Predictor;
pub(crate) use product::WIDEST;
pub use train::BatchTrainer;
pub(crate) use train::losses;
