//! Raw samples to photo-electrons per sample, one gain per pixel.

use recoil_eventio::monitor::{LaserCalibration, Pedestals};
use recoil_eventio::samples::AdcSamples;

use crate::error::{IactError, Result};

/// High-gain samples above this make a pixel use its low gain.
pub const GAIN_THRESHOLD: u16 = 4000;

/// Calibration of a camera: subtract the pedestal, multiply with the scale.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Calibration {
    /// Number of pixels.
    pub n_pixels: usize,
    /// Number of gains.
    pub n_gains: usize,
    /// Pedestal of a sample by gain and pixel.
    pub pedestal: Vec<f32>,
    /// Photo-electrons per count by gain and pixel.
    pub scale: Vec<f32>,
    /// Shift of time by gain and pixel \[ns\].
    pub time_shift: Vec<f32>,
}

impl Calibration {
    /// The calibration that a simulation tells; `file` and `telescope` are what errors name.
    ///
    /// # Errors
    /// Pedestals or scales that are missing or do not fit each other.
    pub fn new(pedestals: &Pedestals, laser: &LaserCalibration, file: &str, telescope: i32) -> Result<Self> {
        let values = laser.n_gains * laser.n_pixels;
        if values == 0 || pedestals.pedestal.len() != values || pedestals.slices == 0 {
            let (pedestals, scales) = (pedestals.pedestal.len(), laser.calib.len());
            let reason = format!("telescope {telescope} has {pedestals} pedestals and {scales} scales");
            return Err(IactError::content(file, reason));
        }
        let slices = f32::from(pedestals.slices);
        Ok(Self {
            n_pixels: laser.n_pixels,
            n_gains: laser.n_gains,
            pedestal: pedestals.pedestal.iter().map(|pedestal| pedestal / slices).collect(),
            scale: laser.calib.clone(),
            time_shift: laser.tm_calib.clone().unwrap_or_else(|| vec![0.0; values]),
        })
    }

    fn of(&self, values: &[f32], gain: usize, pixel: usize) -> f32 {
        values.get(gain * self.n_pixels + pixel).copied().unwrap_or(0.0)
    }

    /// Shift of time of a pixel \[ns\].
    pub fn time_shift(&self, gain: usize, pixel: usize) -> f32 {
        self.of(&self.time_shift, gain, pixel)
    }
}

/// Calibrated samples of one gain per pixel.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Waveforms {
    /// Samples of each pixel.
    pub n_samples: usize,
    /// Photo-electrons by pixel and sample.
    pub samples: Vec<f32>,
    /// Gain of each pixel: 0 high, 1 low.
    pub gain: Vec<i8>,
}

impl Waveforms {
    /// Calibrates samples into this memory: (count - pedestal) x scale. Pixels of which a high-gain sample is above
    /// [`GAIN_THRESHOLD`] use the low gain.
    ///
    /// # Errors
    /// Samples of another shape than the calibration; as a reason.
    pub fn calibrate(&mut self, raw: &AdcSamples, calibration: &Calibration) -> std::result::Result<(), String> {
        let (pixels, gains) = (raw.n_pixels, raw.n_gains);
        if (pixels, gains) != (calibration.n_pixels, calibration.n_gains) {
            let (known, of) = (calibration.n_pixels, calibration.n_gains);
            return Err(format!("samples of {pixels} pixels and {gains} gains, calibration of {known} and {of}"));
        }
        if !(1..=2).contains(&gains) || raw.n_samples == 0 {
            return Err(format!("waveforms of {gains} gains and {} samples", raw.n_samples));
        }
        self.n_samples = raw.n_samples;
        self.gain.clear();
        self.samples.clear();
        self.samples.reserve(pixels * raw.n_samples);
        for pixel in 0..pixels {
            let high = raw.waveform(0, pixel);
            let saturated = gains == 2 && high.iter().fold(0, |most, count| most.max(*count)) > GAIN_THRESHOLD;
            let gain = usize::from(saturated);
            let counts = if saturated { raw.waveform(1, pixel) } else { high };
            let pedestal = calibration.of(&calibration.pedestal, gain, pixel);
            let scale = calibration.of(&calibration.scale, gain, pixel);
            self.samples.extend(counts.iter().map(|count| (f32::from(*count) - pedestal) * scale));
            self.gain.push(gain as i8);
        }
        Ok(())
    }

    /// Pixels with their samples.
    pub fn pixels(&self) -> impl Iterator<Item = &[f32]> {
        self.samples.chunks_exact(self.n_samples.max(1))
    }
}
