//! Random forests: many trees, each grown on its own bootstrap sample, whose answers are averaged.
//!
//! * [`FeatureTable`] holds the columns that a forest may split on, [`Target`] what it shall learn: numbers (one or
//!   several per row) or classes.
//! * [`Parameters`] are scikit-learn's, with scikit-learn's names and meanings. [`Growth`] chooses how splits are searched:
//!   by histograms of at most 256 bins per feature, or exactly at every midpoint, as scikit-learn does it.
//! * [`Forest::fit`] grows the trees in parallel. Every tree has its own random numbers, those that scikit-learn would
//!   draw from the same `random_state`: the same parameters give the same bytes with any number of threads, and exact
//!   growth gives scikit-learn's trees.
//! * [`Predictor`] sends blocks of rows through the trees; [`Forest::importances`] tells which features matter.
//! * [`Forest::write`] and [`Forest::read`] keep a forest in a safetensors file; [`ForeignTrees`] takes over forests that
//!   scikit-learn grew.
//!
//! Histogram growth keeps its own copy of the rows that a tree sees, in the order of the tree's nodes, so that sums run
//! over consecutive memory; a large node's histogram is its parent's minus its sibling's.
//!
//! ```
//! use recoil_forest::{FeatureTable, Forest, Parameters, Predictor, Target};
//!
//! let x: Vec<f32> = (0..200).map(|i| i as f32).collect();
//! let y: Vec<f64> = x.iter().map(|x| if *x < 100.0 { 1.0 } else { 3.0 }).collect();
//! let table = FeatureTable::new(vec!["x".into()], vec![x])?;
//! let parameters = Parameters { n_estimators: 10, ..Parameters::default() };
//! let forest = Forest::fit(&table, &Target::values(1, y)?, None, &parameters)?;
//! let answer = Predictor::new(&forest)?.predict(&[20.0, 170.0])?;
//! assert!((answer[0] - 1.0).abs() < 1e-12 && (answer[1] - 3.0).abs() < 1e-12);
//! # Ok::<(), recoil_forest::ForestError>(())
//! ```

mod bins;
mod bootstrap;
mod error;
mod file;
mod foreign;
mod forest;
mod grow;
mod out_of_bag;
mod parameters;
mod predict;
mod random;
mod safetensors;
mod table;
mod target;
mod tree;

pub use error::{ForestError, Result};
pub use foreign::ForeignTrees;
pub use forest::{Forest, Task};
pub use out_of_bag::OutOfBag;
pub use parameters::{Amount, ClassWeight, Criterion, Growth, MaxFeatures, Parameters};
pub use predict::Predictor;
pub use table::FeatureTable;
pub use target::Target;
pub use tree::{LEAF, Tree};
