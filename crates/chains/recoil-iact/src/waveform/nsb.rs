//! More light of the night sky in waveforms: pulses of single photo-electrons at random times.
//!
//! Each added photo-electron has the pulse of the camera's reference, normalised to unit area, and an amplitude drawn from
//! the response to a single one; the mean of what is added is subtracted. The random numbers of an event depend on the
//! seed, the telescope and the number of the event alone.

use rand_distr::{Distribution as _, Poisson};
use recoil_stage::Seed;
use recoil_stage::seed::Rng;

use super::calibrate::Waveforms;
use crate::error::{IactError, Result};

/// Samples before the read-out in which a pulse may begin.
const EXTRA_SAMPLES: usize = 25;
/// Time of the largest value of a template after the photo-electron \[ns\].
const PEAK_NS: f64 = 9.0;
const SHIPPED: &str = include_str!("single_pe.dat");

/// The response to a single photo-electron, to be drawn from.
#[derive(Clone, Debug, PartialEq)]
pub struct SinglePe {
    amplitude: Vec<f64>,
    cumulative: Vec<f64>,
}

impl SinglePe {
    /// The shipped response.
    ///
    /// # Errors
    /// None in practice.
    pub fn shipped() -> Result<Self> {
        Self::parse("single_pe.dat", SHIPPED)
    }

    /// Reads lines of amplitude \[p.e.\] and probability; `#` begins a comment.
    ///
    /// # Errors
    /// Lines of another form, and tables without probability.
    pub fn parse(file: &str, text: &str) -> Result<Self> {
        let (mut amplitude, mut cumulative) = (Vec::new(), Vec::new());
        let mut sum = 0.0;
        for (number, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if line.is_empty() {
                continue;
            }
            let mut words = line.split_whitespace().map(str::parse::<f64>);
            match (words.next(), words.next()) {
                (Some(Ok(value)), Some(Ok(probability))) if value.is_finite() && probability >= 0.0 => {
                    sum += probability;
                    amplitude.push(value);
                    cumulative.push(sum);
                }
                _ => {
                    let reason = format!("line {}: expected an amplitude and a probability", number + 1);
                    return Err(IactError::content(file, reason));
                }
            }
        }
        if !(sum > 0.0 && sum.is_finite()) || amplitude.len() < 2 {
            return Err(IactError::content(file, "no response to a single photo-electron"));
        }
        Ok(Self { amplitude, cumulative })
    }

    /// The amplitude below which the share `u` of the responses lies; 0 outside of the table.
    fn quantile(&self, u: f64) -> f64 {
        let at = self.cumulative.partition_point(|sum| *sum < u);
        let point = |at: usize| Some((*self.cumulative.get(at)?, *self.amplitude.get(at)?));
        match (at.checked_sub(1).and_then(point), point(at)) {
            (Some((low, a)), Some((high, b))) if high > low => a + (b - a) * (u - low) / (high - low),
            _ => 0.0,
        }
    }
}

/// Pulse of a photo-electron, normalised to unit area.
#[derive(Clone, Debug, PartialEq)]
struct Template {
    values: Vec<f64>,
    start: f64,
    step: f64,
}

impl Template {
    fn new(reference: &[f32], step: f64, peak: usize) -> Option<Self> {
        let sum: f64 = reference.iter().map(|value| f64::from(*value)).sum();
        let area = sum * step;
        if !(area > 0.0 && area.is_finite() && step > 0.0) {
            return None;
        }
        let values = reference.iter().map(|value| f64::from(*value) / area).collect();
        Some(Self { values, start: PEAK_NS - peak as f64 * step, step })
    }

    /// Adds a pulse to samples that take `dt` \[ns\] each; `time` \[ns\] is that of the photo-electron.
    fn add(&self, samples: &mut [f64], dt: f64, time: f64, amplitude: f64) {
        let scale = dt / self.step;
        let first = -(time + self.start) / self.step;
        for (k, sample) in samples.iter_mut().enumerate() {
            let place = first + k as f64 * scale;
            if place <= -1.0 {
                continue;
            }
            // truncation towards zero, as the reference does it
            let at = place as usize;
            match (self.values.get(at), self.values.get(at + 1)) {
                (Some(a), Some(b)) => *sample += amplitude * (a + (b - a) * (place - at as f64)),
                _ => break,
            }
        }
    }
}

/// What is needed to tune the waveforms of one telescope.
#[derive(Clone, Debug)]
pub struct NsbTuner {
    rate: f64,
    dt: f64,
    templates: [Template; 2],
    response: SinglePe,
    seed: Seed,
    multiplicity: usize,
    ready: Vec<[Vec<f32>; 2]>,
}

/// Reference pulses of a camera.
#[derive(Clone, Copy, Debug)]
pub struct Pulses<'a> {
    /// One for each gain, or one for all.
    pub shapes: &'a [Vec<f32>],
    /// Time between values \[ns\].
    pub step: f64,
    /// Duration of a sample \[ns\].
    pub sample: f64,
}

impl NsbTuner {
    /// A tuner that adds `rate` \[GHz\] of photo-electrons with this response; `multiplicity` waveforms per pixel are made
    /// beforehand.
    ///
    /// # Errors
    /// Reference pulses that are missing or have no area.
    pub fn new(
        rate: f64,
        pulses: Pulses<'_>,
        response: SinglePe,
        seed: Seed,
        multiplicity: u32,
        file: &str,
    ) -> Result<Self> {
        let missing = || IactError::content(file, "no reference pulse that light of the night sky could have");
        let Pulses { shapes, step, sample: dt } = pulses;
        let high = shapes.first().ok_or_else(missing)?;
        let low = shapes.get(1).unwrap_or(high);
        let largest = high.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let peak = high.iter().position(|value| *value == largest).unwrap_or(0);
        let template = |pulse: &[f32]| Template::new(pulse, step, peak).ok_or_else(missing);
        let templates = [template(high)?, template(low)?];
        Ok(Self { rate, dt, templates, response, seed, multiplicity: multiplicity as usize, ready: Vec::new() })
    }

    /// Makes the waveforms that events draw from, if they are to be made once.
    pub fn prepare(&mut self, pixels: usize, samples: usize) {
        let count = self.multiplicity * pixels;
        if self.ready.len() == count && self.ready.first().is_none_or(|[high, _]| high.len() == samples) {
            return;
        }
        let narrow = |samples: Vec<f64>| samples.into_iter().map(|sample| sample as f32).collect();
        let make = |number: usize| {
            let mut rng = self.seed.named("prepared").indexed(number as u64).rng();
            self.noise(&mut rng, samples, &[0, 1]).map(narrow)
        };
        self.ready = (0..count).map(make).collect();
    }

    /// Noise of one pixel with both gains' pulses, or only those in `gains`.
    fn noise(&self, rng: &mut Rng, samples: usize, gains: &[usize]) -> [Vec<f64>; 2] {
        use rand::RngExt as _;
        let mean = self.rate * self.dt;
        let duration = (EXTRA_SAMPLES + samples) as f64 * self.dt;
        let count = Poisson::new(self.rate * duration).map_or(0.0, |poisson| poisson.sample(rng)) as u64;
        let mut noise = [vec![-mean; samples], vec![-mean; samples]];
        for _ in 0..count {
            let time = rng.random::<f64>() * duration - EXTRA_SAMPLES as f64 * self.dt;
            let amplitude = self.response.quantile(rng.random::<f64>());
            for gain in gains {
                if let (Some(noise), Some(template)) = (noise.get_mut(*gain), self.templates.get(*gain)) {
                    template.add(noise, self.dt, time, amplitude);
                }
            }
        }
        noise
    }

    /// Adds noise to the waveforms of event number `event`.
    pub fn tune(&self, waveforms: &mut Waveforms, event: i64) {
        use rand::RngExt as _;
        let samples = waveforms.n_samples.max(1);
        let mut rng = self.seed.named("event").indexed(event.cast_unsigned()).rng();
        let gains: Vec<usize> = waveforms.gain.iter().map(|gain| usize::from(*gain != 0)).collect();
        let ready = self.ready.first().filter(|[high, _]| high.len() == samples).map_or(0, |_| self.ready.len());
        let mut left: Vec<u32> = (0..ready as u32).collect();
        for (pixel, (waveform, gain)) in waveforms.samples.chunks_exact_mut(samples).zip(gains).enumerate() {
            if left.is_empty() {
                let mut own = self.seed.named("event").indexed(event.cast_unsigned()).indexed(pixel as u64).rng();
                let noise = self.noise(&mut own, samples, &[gain]);
                for (sample, noise) in waveform.iter_mut().zip(noise.get(gain).into_iter().flatten()) {
                    *sample += *noise as f32;
                }
                continue;
            }
            // drawn without putting back
            let drawn = left.swap_remove(rng.random_range(0..left.len()));
            let noise = self.ready.get(drawn as usize).and_then(|both| both.get(gain));
            for (sample, noise) in waveform.iter_mut().zip(noise.into_iter().flatten()) {
                *sample += noise;
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn tuner(rate: f64, multiplicity: u32) -> NsbTuner {
        let pulse: Vec<f32> = (0..400).map(|k| (-((k as f32 * 0.05 - 6.0) / 1.3).powi(2) / 2.0).exp()).collect();
        let response = SinglePe::shipped().unwrap();
        let pulses = Pulses { shapes: &[pulse], step: 0.05, sample: 1.0 };
        NsbTuner::new(rate, pulses, response, Seed::new(3), multiplicity, "x").unwrap()
    }

    fn empty(pixels: usize) -> Waveforms {
        Waveforms { n_samples: 40, samples: vec![0.0; pixels * 40], gain: vec![0; pixels] }
    }

    #[test]
    fn the_mean_stays_and_the_noise_grows_with_the_rate() {
        for (multiplicity, rate) in [(0, 0.5), (3, 0.5), (0, 2.0)] {
            let mut tuner = tuner(rate, multiplicity);
            tuner.prepare(if multiplicity == 0 { 0 } else { 2000 }, 40);
            let mut waveforms = empty(2000);
            tuner.tune(&mut waveforms, 7);
            let n = waveforms.samples.len() as f64;
            let mean: f64 = waveforms.samples.iter().map(|s| f64::from(*s)).sum::<f64>() / n;
            let variance: f64 = waveforms.samples.iter().map(|s| (f64::from(*s) - mean).powi(2)).sum::<f64>() / n;
            // Campbell: rate times the integral of the squared pulse times the mean squared amplitude
            let pulse = 1.0 / (2.0 * std::f64::consts::PI.sqrt() * 1.3);
            assert!(mean.abs() < 0.08 * rate, "{multiplicity} {rate}: mean {mean}");
            assert!((variance / (rate * pulse) - 1.2).abs() < 0.4, "{multiplicity} {rate}: {variance}");
        }
    }

    #[test]
    fn equal_seeds_give_equal_noise() {
        let tuner = tuner(1.0, 0);
        let [mut a, mut b, mut c] = [empty(50), empty(50), empty(50)];
        tuner.tune(&mut a, 1);
        tuner.tune(&mut b, 1);
        tuner.tune(&mut c, 2);
        assert_eq!(a, b);
        assert_ne!(a, c);
    }

    #[test]
    fn tables_that_are_none_are_refused() {
        assert!(SinglePe::parse("a", "1 x").unwrap_err().to_string().contains("line 1"));
        assert!(SinglePe::parse("a", "# nothing\n").is_err());
    }
}
