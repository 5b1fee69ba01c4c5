//! Charge and time of a pulse: the sum of the samples around a peak.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::calibrate::Waveforms;

/// Where the peak is looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Extractor {
    /// In each pixel for itself.
    #[default]
    LocalPeakWindowSum,
    /// In the mean of all pixels, the same for all.
    GlobalPeakWindowSum,
}

/// Window of the integration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Number of samples.
    pub width: usize,
    /// Samples of it before the peak.
    pub shift: usize,
}

impl Window {
    /// Samples of the window around `peak`, cut to the `samples` that there are.
    fn range(self, peak: usize, samples: usize) -> std::ops::Range<usize> {
        let end = (peak + self.width).saturating_sub(self.shift).min(samples);
        peak.saturating_sub(self.shift).min(end)..end
    }
}

/// Charges and times of a camera.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Image {
    /// Charge of each pixel \[p.e.\].
    pub charge: Vec<f32>,
    /// Time of each pixel \[ns\].
    pub time: Vec<f32>,
}

impl Image {
    /// Integrates all pixels into this memory. `rate` is the sampling rate \[GHz\].
    pub fn integrate(&mut self, waveforms: &Waveforms, extractor: Extractor, window: Window, rate: f64) {
        self.charge.clear();
        self.time.clear();
        let global = match extractor {
            Extractor::LocalPeakWindowSum => None,
            Extractor::GlobalPeakWindowSum => Some(peak_of_mean(waveforms)),
        };
        for samples in waveforms.pixels() {
            let peak = global.unwrap_or_else(|| peak(samples));
            let (charge, time) = window_sum(samples, peak, window);
            self.charge.push(charge);
            self.time.push((f64::from(time) / rate) as f32);
        }
    }
}

/// Place of the largest sample, the first of equal ones.
fn peak(samples: &[f32]) -> usize {
    let largest = samples.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    samples.iter().position(|sample| *sample == largest).unwrap_or(0)
}

/// Place of the largest sample of the mean over all pixels.
fn peak_of_mean(waveforms: &Waveforms) -> usize {
    let mut sums = vec![0f32; waveforms.n_samples];
    for samples in waveforms.pixels() {
        for (sum, sample) in sums.iter_mut().zip(samples) {
            *sum += sample;
        }
    }
    peak(&sums)
}

/// Sum over the window and mean position of its positive samples; the peak's position if none is positive.
fn window_sum(samples: &[f32], peak: usize, window: Window) -> (f32, f32) {
    let range = window.range(peak, samples.len());
    let (mut sum, mut weighted, mut weight) = (0f64, 0f64, 0f64);
    for (at, sample) in range.clone().zip(samples.get(range).unwrap_or_default()) {
        let sample = f64::from(*sample);
        sum += sample;
        let positive = sample.max(0.0);
        weighted += positive * at as f64;
        weight += positive;
    }
    let time = if weight > 0.0 { weighted / weight } else { peak as f64 };
    (sum as f32, time as f32)
}

/// What charges have to be multiplied with because a window misses a part of the pulse: one over the share of the
/// reference pulse inside. The pulse is binned to samples, and the window placed around its largest one.
///
/// `reference` has a value every `step` \[ns\]; a sample takes `sample` \[ns\].
pub fn integration_correction(reference: &[f32], step: f64, sample: f64, window: Window) -> f64 {
    let times = |index: usize| index as f64 * step;
    let duration = times(reference.len());
    if !(step > 0.0 && sample > 0.0 && duration / sample < 1e6) {
        return 1.0;
    }
    // edges at multiples of a sample's duration, below the end of the pulse
    let edges = (duration / sample).ceil() as usize;
    let Some(bins) = edges.checked_sub(1).filter(|bins| *bins > 0) else { return 1.0 };
    let edge = |index: usize| index as f64 * sample;
    let mut pulse = vec![0f64; bins];
    for (index, value) in reference.iter().enumerate() {
        let time = times(index);
        let mut bin = ((time / sample) as usize).min(bins);
        if bin > 0 && time < edge(bin) {
            bin -= 1;
        } else if bin < bins && time >= edge(bin + 1) {
            bin += 1;
        }
        // the last bin includes its upper edge
        if bin == bins && time == edge(bins) {
            bin = bins - 1;
        }
        if let Some(place) = pulse.get_mut(bin) {
            *place += f64::from(*value);
        }
    }
    let total: f64 = pulse.iter().sum();
    let largest = pulse.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let peak = pulse.iter().position(|value| *value == largest).unwrap_or(0);
    let start = peak.saturating_sub(window.shift);
    let end = (start + window.width).min(bins);
    let inside: f64 = pulse.get(start..end).unwrap_or_default().iter().sum();
    if start < end { total / inside } else { 1.0 }
}
