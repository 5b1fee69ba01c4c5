//! Attention over padded events on a device.

use burn_tensor::activation::softmax;
use burn_tensor::backend::Backend;
use burn_tensor::{Tensor, TensorData};

/// Numbers that no exponential survives: what hidden elements add to their attention.
const HIDDEN: f32 = -1e30;

/// Events of different sizes, padded to the longest: row `e * longest + i` is element i of event e.
pub(super) struct Padding<B: Backend> {
    pub events: usize,
    pub longest: usize,
    /// 0 for elements and [`HIDDEN`] for padding: (events, 1, 1, longest)
    hidden: Tensor<B, 4>,
    /// rows that are elements, in the order of the rows without padding
    pub places: Vec<usize>,
}

impl<B: Backend> Padding<B> {
    pub fn new(offsets: &[u32], device: &B::Device) -> Self {
        let sizes: Vec<usize> = offsets.windows(2).map(|pair| pair[1].saturating_sub(pair[0]) as usize).collect();
        let (events, longest) = (sizes.len(), sizes.iter().copied().max().unwrap_or(0));
        let mut hidden = vec![HIDDEN; events * longest];
        let mut places = Vec::new();
        for (event, size) in sizes.into_iter().enumerate() {
            let first = event * longest;
            hidden[first..first + size].fill(0.0);
            places.extend(first..first + size);
        }
        let hidden = Tensor::from_data(TensorData::new(hidden, [events, 1, 1, longest]), device);
        Self { events, longest, hidden, places }
    }

    /// Rows with padding.
    pub fn rows(&self) -> usize {
        self.events * self.longest
    }

    /// Numbers of rows without padding, so many each, with padding of zeros.
    pub fn spread(&self, values: &[f32], columns: usize) -> Vec<f32> {
        let mut all = vec![0.0; self.rows() * columns];
        for (from, place) in values.chunks_exact(columns.max(1)).zip(&self.places) {
            all[place * columns..(place + 1) * columns].copy_from_slice(from);
        }
        all
    }

    /// The reverse of [`Padding::spread`].
    pub fn gather(&self, values: &[f32], columns: usize) -> Vec<f32> {
        self.places.iter().flat_map(|place| &values[place * columns..(place + 1) * columns]).copied().collect()
    }

    /// Rows of queries (as many per event as `asking`) see the keys and values of their event: (rows, heads x width).
    pub fn attend(&self, [queries, keys, values]: [Tensor<B, 2>; 3], asking: usize, heads: usize) -> Tensor<B, 2> {
        let [_, all] = queries.dims();
        let width = all / heads.max(1);
        let split = |x: Tensor<B, 2>, rows: usize| x.reshape([self.events, rows, heads, width]).swap_dims(1, 2);
        let queries = split(queries, asking).mul_scalar(1.0 / (width as f32).sqrt());
        let scores = queries.matmul(split(keys, self.longest).swap_dims(2, 3)) + self.hidden.clone();
        let seen = softmax(scores, 3).matmul(split(values, self.longest));
        seen.swap_dims(1, 2).reshape([self.events * asking, all])
    }
}
