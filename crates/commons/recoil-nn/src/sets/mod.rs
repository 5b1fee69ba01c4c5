//! Networks over sets of points: particles of a jet, hits of an event.
//!
//! Every sample has a number of points of its own. Points of all samples stand one behind the other in the rows of one
//! matrix, and offsets tell where a sample begins: nothing is padded, so nothing needs a mask. A value has a row per
//! point of a set, per edge between neighbouring points, or per sample; layers that see one row are the same for all.
//!
//! * [`SetSpec`] says which inputs there are and what follows; [`SetNetwork`] checks it.
//! * Edge convolutions (Wang et al., arXiv 1801.07829, as in ParticleNet, arXiv 1902.08570): [`SetLayer::Edges`] joins
//!   each point with its nearest neighbours, [`SetLayer::MeanEdges`] takes the mean over them. A sample with fewer points
//!   than neighbours uses all that there are.
//! * Attention (Vaswani et al., arXiv 1706.03762): [`SetLayer::Attention`] sees the points of the own sample. Its softmax
//!   streams over blocks of keys: no matrix of all pairs is kept, the way back computes it again.
//! * [`SetTrainer`] makes steps, [`SetPredictor`] gives outputs, [`export`] writes ONNX.
//!
//! Sums are taken in an order that the data alone decide: the number of threads changes no bit.

mod attention;
mod backward;
mod edges;
mod export;
mod forward;
mod linear;
mod network;
mod rows;
mod spec;
mod train;

pub use export::export;
pub use network::SetNetwork;
pub use spec::{Function, Pooling, SetInput, SetLayer, SetNode, SetRows, SetSpec};
pub use train::{SetPredictor, SetTrainer};

use crate::error::{NnError, Result};

/// Inputs of some samples.
#[derive(Clone, Debug, Default)]
pub struct SetBatch<'a> {
    /// Number of samples.
    pub samples: usize,
    /// For each set of points of the network, in the order of [`SetNetwork::sets`]: where the samples begin, and the end.
    pub offsets: Vec<&'a [u32]>,
    /// Row-major inputs in the order of the description.
    pub inputs: Vec<&'a [f32]>,
}

impl SetBatch<'_> {
    fn check(&self, network: &SetNetwork) -> Result<()> {
        let wrong = |what: String, found, expected| match found == expected {
            true => Ok(()),
            false => Err(NnError::Length { what, found, expected }),
        };
        wrong("sets of points".into(), self.offsets.len(), network.sets().len())?;
        wrong("inputs".into(), self.inputs.len(), network.spec().inputs.len())?;
        for (name, offsets) in network.sets().iter().zip(&self.offsets) {
            wrong(format!("offsets of '{name}'"), offsets.len(), self.samples + 1)?;
            let rises = offsets.first() == Some(&0) && offsets.is_sorted();
            if !rises {
                return Err(NnError::Network(format!("offsets of '{name}' do not rise from 0")));
            }
        }
        for (input, values) in network.spec().inputs.iter().zip(&self.inputs) {
            let rows = match &input.rows {
                SetRows::Samples => self.samples,
                SetRows::Points(set) => {
                    let set = network.sets().iter().position(|name| name == set);
                    let last = set.and_then(|set| self.offsets.get(set)).and_then(|offsets| offsets.last());
                    last.map_or(0, |last| *last as usize)
                }
            };
            wrong(format!("input '{}'", input.name), values.len(), rows * input.columns)?;
            if let Some(at) = values.iter().position(|value| !value.is_finite()) {
                let (row, column) = (at / input.columns.max(1), at % input.columns.max(1));
                let what = format!("input '{}'", input.name);
                return Err(NnError::NotFinite { what, row, column, value: values[at] });
            }
        }
        Ok(())
    }
}
