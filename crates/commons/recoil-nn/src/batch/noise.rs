//! Features dropped at random: a function of seed, step, layer, row and channel, so that nothing need be stored.

use crate::kernel::pointwise::SELU;

/// The random numbers of one step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Noise {
    pub seed: u64,
    pub step: u64,
}

/// How a layer drops features.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Dropout {
    pub rate: f32,
    pub alpha: bool,
}

/// One round of the generator by Steele, Lea and Flood (splitmix64).
fn mix(state: u64) -> u64 {
    let z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Noise {
    /// Writes to `mask` which features of a row stay (1) and which are dropped (0).
    fn mask(&self, layer: usize, row: usize, rate: f32, mask: &mut [f32]) {
        let limit = (rate * 65536.0) as u64;
        let start = mix(mix(mix(self.seed ^ self.step.rotate_left(32)) ^ (layer as u64).rotate_left(48)) ^ row as u64);
        for (index, mask) in mask.chunks_mut(4).enumerate() {
            let mut bits = mix(start.wrapping_add(index as u64));
            for mask in mask {
                *mask = if bits & 0xffff < limit { 0.0 } else { 1.0 };
                bits >>= 16;
            }
        }
    }
}

impl Dropout {
    /// Value of dropped features, factor and shift of all.
    fn constants(&self) -> [f32; 3] {
        let keep = 1.0 - self.rate;
        if !self.alpha {
            return [0.0, 1.0 / keep, 0.0];
        }
        let low = -SELU[0] * SELU[1];
        let factor = 1.0 / (keep * (1.0 + self.rate * low * low)).sqrt();
        [low, factor, -factor * low * self.rate]
    }

    /// Drops features of rows with `columns` of `stride` numbers, of which the first is row `first` of the layer.
    pub(crate) fn apply(
        &self,
        noise: Noise,
        layer: usize,
        first: usize,
        rows: &mut [f32],
        stride: usize,
        columns: usize,
    ) {
        let [low, factor, shift] = self.constants();
        let change = |value: f32, keep: f32| factor * (keep * value + (1.0 - keep) * low) + shift;
        self.each(noise, layer, first, rows, stride, columns, change);
    }

    /// The same for gradients.
    pub(crate) fn gradient(
        &self,
        noise: Noise,
        layer: usize,
        first: usize,
        rows: &mut [f32],
        stride: usize,
        columns: usize,
    ) {
        let [_, factor, _] = self.constants();
        self.each(noise, layer, first, rows, stride, columns, |value, keep| value * (factor * keep));
    }

    /// Changes each value, given whether it is kept (1 or 0).
    #[allow(clippy::too_many_arguments)]
    fn each(
        &self,
        noise: Noise,
        layer: usize,
        first: usize,
        rows: &mut [f32],
        stride: usize,
        columns: usize,
        change: impl Fn(f32, f32) -> f32,
    ) {
        let mut mask = vec![0.0; columns];
        for (row, values) in rows.chunks_exact_mut(stride).enumerate() {
            noise.mask(layer, first + row, self.rate, &mut mask);
            for (value, &keep) in values.iter_mut().zip(&mask) {
                *value = change(*value, keep);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_and_variance_stay() {
        let noise = Noise { seed: 7, step: 3 };
        let (rows, stride) = (2000, 48);
        let moments = |values: &[f32]| {
            let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / values.len() as f64;
            (mean, values.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / values.len() as f64)
        };
        let mut plain = vec![1.0; rows * stride];
        Dropout { rate: 0.2, alpha: false }.apply(noise, 1, 0, &mut plain, stride, stride);
        let (mean, _) = moments(&plain);
        assert!((mean - 1.0).abs() < 0.01, "{mean}");
        let dropped = plain.iter().filter(|&&value| value == 0.0).count() as f64 / plain.len() as f64;
        assert!((dropped - 0.2).abs() < 0.005, "{dropped}");
        // a normal distribution keeps its mean and variance under the dropping made for selu
        let mut normal: Vec<f32> = (0..rows * stride)
            .map(|i| (0..12).map(|k| (mix((i * 12 + k) as u64) >> 40) as f32 / 16_777_216.0).sum::<f32>() - 6.0)
            .collect();
        Dropout { rate: 0.2, alpha: true }.apply(noise, 1, 0, &mut normal, stride, stride);
        let (mean, variance) = moments(&normal);
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.03, "{mean} {variance}");
    }
}
