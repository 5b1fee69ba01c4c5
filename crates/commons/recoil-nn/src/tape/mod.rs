//! Networks that are programs: operations on matrices, written one after the other, that remember how to go back.
//!
//! A [`Value`] is a matrix of single-precision numbers, rows by columns, row-major. A [`Tape`] computes values from
//! values and from [`Weights`], the named tensors of a model; every operation is a method of the tape, works at once and
//! returns the result. A tape that records can go [back](Tape::backward) from a 1 x 1 value, the loss: then the
//! derivatives by all weights are added to one row of numbers in the layout of the weights. A tape that only
//! infers keeps nothing: a value's memory returns to the [`Pool`] as soon as its last handle is dropped.
//!
//! Events have different numbers of rows. Rows of all events stand one behind the other in one matrix and `offsets`
//! (`[0, n0, n0 + n1, …]`) tell where an event begins: nothing is padded, so nothing needs a mask. Layers that look at
//! one row do not care; [`Tape::attention`], [`Tape::segment_sum`] and their kin take the offsets.
//!
//! ```
//! use recoil_nn::tape::{Activation, Mode, Pool, Start, Tape, Weights};
//! let mut weights = Weights::new(7);
//! weights.linear("first", 2, 8)?;
//! weights.linear("second", 8, 1)?;
//! let pool = Pool::default();
//! let tape = Tape::new(&weights, &pool, Mode::Training { seed: 1 });
//! let x = tape.input(3, 2, &[0.0, 1.0, 1.0, 0.0, 1.0, 1.0])?;
//! let h = tape.activate(&tape.linear(&x, "first")?, Activation::Elu)?;
//! let y = tape.linear(&h, "second")?;
//! let loss = tape.squared_error(&y, &[1.0, 1.0, 0.0], &[1.0 / 3.0; 3])?;
//! let mut gradient = vec![0.0; weights.len()];
//! tape.backward(&loss, &mut gradient)?;
//! assert!(gradient.iter().any(|g| *g != 0.0));
//! # Ok::<(), recoil_nn::NnError>(())
//! ```
//!
//! A new operation is [`Tape::record`]: a result, and a rule that turns the gradient of the result into gradients of
//! what it was made of. Threads: a tape belongs to one thread; a training gives each thread a tape of its own, with
//! other events.

mod arithmetic;
mod attention;
mod attention_backward;
mod batched;
mod functions;
mod linear;
mod loss;
mod norm;
mod optimise;
pub mod product;
mod rows;
mod segments;
mod values;
mod weights;

pub use attention::Heads;
pub use functions::Activation;
pub use optimise::{Memory, Optimiser, Schedule};
pub use rows::NO_ROW;
pub use values::{Buffer, Gradients, Mode, Pool, Sink, Tape, Value};
pub use weights::{Start, WeightTensor, Weights};
