//! Linear layers: sums over links of input channels times weights.

use crate::lane::{LANES, Lane};
use crate::network::links::Groups;
use pulp::Simd;

/// Output channels that are computed together.
pub(crate) const BLOCK: usize = 4;

/// Weights in the order in which the kernel reads them: blocks of up to [`BLOCK`] output channels; in a block taps, in a
/// tap input channels, of each the weights to the channels of the block.
#[derive(Clone, Debug, Default)]
pub(crate) struct Packed {
    values: Vec<f32>,
}

impl Packed {
    /// Packs the weights `weight(tap, input, output)`.
    pub(crate) fn fill(
        &mut self,
        taps: usize,
        inputs: usize,
        outputs: usize,
        weight: impl Fn(usize, usize, usize) -> f32,
    ) {
        self.values.clear();
        for first in (0..outputs).step_by(BLOCK) {
            for tap in 0..taps {
                for input in 0..inputs {
                    self.values.extend((first..outputs.min(first + BLOCK)).map(|output| weight(tap, input, output)));
                }
            }
        }
    }
}

/// Vectors that a strip of lanes takes.
const STRIP: usize = 2;

/// A linear layer, or the way back through it.
pub(crate) struct Gather<'a> {
    /// Per output position (input position, tap).
    pub links: &'a Groups,
    pub weights: &'a Packed,
    /// Value at which each output channel starts; without, zero.
    pub start: Option<&'a [f32]>,
    /// Channels of input and output.
    pub channels: [usize; 2],
    /// Whether the sums are added to what is there.
    pub add: bool,
}

impl Gather<'_> {
    /// y[p][o] = start[o] + sum over the links (q, tap) of p and the channels i of w[tap][i][o] x[q][i].
    #[inline(always)]
    pub(crate) fn run<S: Simd>(&self, simd: S, x: &[Lane], y: &mut [Lane]) {
        let [inputs, outputs] = self.channels;
        let taps = self.weights.values.len() / (inputs * outputs);
        for (position, y) in y.chunks_exact_mut(outputs).enumerate() {
            let mut packed = self.weights.values.as_slice();
            for (block, y) in y.chunks_mut(BLOCK).enumerate() {
                let (weights, rest) = packed.split_at(taps * inputs * y.len());
                packed = rest;
                let mut start = [0.0; BLOCK];
                if let Some(all) = self.start {
                    for (start, &value) in start.iter_mut().zip(&all[block * BLOCK..]) {
                        *start = value;
                    }
                }
                let links = self.links.of(position);
                let own = Position { links, weights, inputs, x, start, add: self.add };
                match y.len() {
                    4 => own.channels::<S, 4>(simd, y),
                    3 => own.channels::<S, 3>(simd, y),
                    2 => own.channels::<S, 2>(simd, y),
                    _ => own.channel(simd, y),
                }
            }
        }
    }
}

/// Some output channels of one position.
struct Position<'a> {
    links: &'a [(u32, u32)],
    weights: &'a [f32],
    inputs: usize,
    x: &'a [Lane],
    start: [f32; BLOCK],
    add: bool,
}

impl Position<'_> {
    /// N output channels of one position.
    #[inline(always)]
    fn channels<S: Simd, const N: usize>(&self, simd: S, y: &mut [Lane]) {
        let &Self { links, weights, inputs, x, start, add } = self;
        let vectors = LANES / S::F32_LANES;
        for strip in 0..vectors.div_ceil(STRIP) {
            let at = strip * STRIP;
            let mut sums: [[S::f32s; STRIP]; N] = std::array::from_fn(|n| [simd.splat_f32s(start[n]); STRIP]);
            for &(from, tap) in links {
                let x = &x[from as usize * inputs..][..inputs];
                let weights = &weights[tap as usize * inputs * N..][..inputs * N];
                for (x, weights) in x.iter().zip(weights.as_chunks::<N>().0) {
                    let x = S::as_simd_f32s(&x.0).0;
                    let x: [S::f32s; STRIP] = std::array::from_fn(|v| x[at + v]);
                    for (sums, &weight) in sums.iter_mut().zip(weights) {
                        let weight = simd.splat_f32s(weight);
                        for (sum, &x) in sums.iter_mut().zip(&x) {
                            *sum = simd.mul_add_e_f32s(weight, x, *sum);
                        }
                    }
                }
            }
            for (y, sums) in y.iter_mut().zip(sums) {
                store(simd, y, at, sums, add);
            }
        }
    }

    /// One output channel of one position; four chains of sums hide the latency of the additions.
    #[inline(always)]
    fn channel<S: Simd>(&self, simd: S, y: &mut [Lane]) {
        let &Self { links, weights, inputs, x, start, add } = self;
        const CHAINS: usize = 4;
        let vectors = LANES / S::F32_LANES;
        let Some(y) = y.first_mut() else { return };
        for strip in 0..vectors.div_ceil(STRIP) {
            let at = strip * STRIP;
            let mut sums = [[simd.splat_f32s(0.0); STRIP]; CHAINS];
            sums[0] = [simd.splat_f32s(start[0]); STRIP];
            for &(from, tap) in links {
                let x = &x[from as usize * inputs..][..inputs];
                let weights = &weights[tap as usize * inputs..][..inputs];
                let (x, x_rest) = x.as_chunks::<CHAINS>();
                let (weights, weights_rest) = weights.as_chunks::<CHAINS>();
                for (x, weights) in x.iter().zip(weights) {
                    for c in 0..CHAINS {
                        let (x, weight) = (S::as_simd_f32s(&x[c].0).0, simd.splat_f32s(weights[c]));
                        for v in 0..STRIP {
                            sums[c][v] = simd.mul_add_e_f32s(weight, x[at + v], sums[c][v]);
                        }
                    }
                }
                for (x, &weight) in x_rest.iter().zip(weights_rest) {
                    let (x, weight) = (S::as_simd_f32s(&x.0).0, simd.splat_f32s(weight));
                    for v in 0..STRIP {
                        sums[0][v] = simd.mul_add_e_f32s(weight, x[at + v], sums[0][v]);
                    }
                }
            }
            let total: [S::f32s; STRIP] = std::array::from_fn(|v| {
                simd.add_f32s(simd.add_f32s(sums[0][v], sums[1][v]), simd.add_f32s(sums[2][v], sums[3][v]))
            });
            store(simd, y, at, total, add);
        }
    }
}

#[inline(always)]
fn store<S: Simd>(simd: S, y: &mut Lane, at: usize, sums: [S::f32s; STRIP], add: bool) {
    let y = S::as_mut_simd_f32s(&mut y.0).0;
    for (v, sum) in sums.into_iter().enumerate() {
        y[at + v] = if add { simd.add_f32s(y[at + v], sum) } else { sum };
    }
}
