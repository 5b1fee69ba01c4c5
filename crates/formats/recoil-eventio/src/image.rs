//! What the telescope's simulation made of the samples: images, times, lists of pixels, auxiliary traces.

use crate::bytes::Bytes;
use crate::corsika::{signed_count, var_count};
use crate::error::Decoded;
use crate::event::short_count;
use crate::photons::{MOST_PIXELS, pixel_count};
use crate::reader::Object;

/// Parameters of an image as the simulation computed them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImageParameters {
    /// Telescope.
    pub telescope: i32,
    /// Number of the cleaning.
    pub cut: i32,
    /// Pixels used.
    pub pixels: i64,
    /// Saturated pixels.
    pub saturated: i64,
    /// Amplitude at which pixels saturate, if any did.
    pub clip_amplitude: Option<f32>,
    /// Amplitude; position x and y, orientation, length and width \[rad\]; the share of charge in the brightest pixels.
    pub amplitude: f32,
    /// Centroid \[rad\].
    pub centroid: [f32; 2],
    /// Orientation \[rad\].
    pub phi: f32,
    /// Length and width \[rad\].
    pub size: [f32; 2],
    /// How many pixels the concentration is of, and the concentration.
    pub concentration: (i16, f32),
    /// Errors of the centroid, the orientation, length and width.
    pub errors: Option<[f32; 5]>,
    /// Skewness, kurtosis and their errors, in pairs.
    pub moments: Option<[f32; 4]>,
    /// Brightest pixels and their amplitudes.
    pub hot: Vec<(i64, f32)>,
    /// Slope of time, residual, two widths and rise time.
    pub timing: Option<[f32; 5]>,
}

impl ImageParameters {
    /// Reads the parameters.
    ///
    /// # Errors
    /// Content that is too short, or an unknown version.
    pub fn parse(object: &Object<'_>) -> Decoded<Self> {
        object.versions(5, 6)?;
        let long = object.header.version >= 6;
        let flags = object.header.id;
        let mut bytes = object.bytes();
        let pixels = number(&mut bytes, long)?;
        let saturated = number(&mut bytes, long)?;
        let clip_amplitude = if saturated > 0 { Some(bytes.f32()?) } else { None };
        let mut found = Self {
            telescope: object.split_telescope(),
            cut: (flags & 0xff000) >> 12,
            pixels,
            saturated,
            clip_amplitude,
            amplitude: bytes.f32()?,
            centroid: [bytes.f32()?, bytes.f32()?],
            phi: bytes.f32()?,
            size: [bytes.f32()?, bytes.f32()?],
            concentration: (bytes.i16()?, bytes.f32()?),
            ..Self::default()
        };
        if flags & 0x100 != 0 {
            found.errors = Some(five(&mut bytes)?);
        }
        if flags & 0x200 != 0 {
            found.moments = Some([bytes.f32()?, bytes.f32()?, bytes.f32()?, bytes.f32()?]);
        }
        if flags & 0x400 != 0 {
            let count = number(&mut bytes, long)?;
            let count = bytes.count(count, 5)?;
            let amplitudes = bytes.f32s(count)?;
            let pixels: Decoded<Vec<i64>> = amplitudes.iter().map(|_| number(&mut bytes, long)).collect();
            found.hot = pixels?.into_iter().zip(amplitudes).collect();
        }
        if flags & 0x800 != 0 {
            found.timing = Some(five(&mut bytes)?);
        }
        Ok(found)
    }
}

fn five(bytes: &mut Bytes<'_>) -> Decoded<[f32; 5]> {
    Ok([bytes.f32()?, bytes.f32()?, bytes.f32()?, bytes.f32()?, bytes.f32()?])
}

/// A number of variable length, or of 16 bits in older versions.
fn number(bytes: &mut Bytes<'_>, long: bool) -> Decoded<i64> {
    if long { bytes.varint() } else { bytes.i16().map(i64::from) }
}

/// Times of the pulses in the pixels.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PixelTiming {
    /// Telescope.
    pub telescope: i32,
    /// Pixels.
    pub n_pixels: usize,
    /// Gains.
    pub n_gains: usize,
    /// Samples before and after the peak that are summed; negative without sums.
    pub around_peak: [i16; 2],
    /// What is measured: kinds.
    pub kinds: Vec<i16>,
    /// At which level each kind is measured.
    pub levels: Vec<f32>,
    /// Unit of the stored times \[samples\].
    pub granularity: f32,
    /// Position of the peak of the whole camera \[samples\].
    pub peak_global: f32,
    /// Times by pixel and kind \[samples\]; not a number for pixels that are not in the list.
    pub times: Vec<f32>,
    /// Sums around the peak of each pixel, by gain and pixel.
    pub sums: Vec<i32>,
    /// Sums around the peak of the camera, by gain and pixel.
    pub global_sums: Vec<i32>,
}

impl PixelTiming {
    /// Reads the times.
    ///
    /// # Errors
    /// Content that is too short or contradicts itself, or an unknown version.
    pub fn parse(object: &Object<'_>) -> Decoded<Self> {
        object.versions(1, 2)?;
        let long = object.header.version >= 2;
        let mut bytes = object.bytes();
        let pixels = number(&mut bytes, long)?;
        let n_pixels = pixel_count(&bytes, pixels)?;
        let n_gains = short_count(&mut bytes, 0)?.min(16);
        let around_peak = [bytes.i16()?, bytes.i16()?];
        let list = bytes.i16()?;
        if !(1..=2).contains(&list) {
            return Err(bytes.fault(format!("a list of kind {list}, expected 1 (pixels) or 2 (ranges)")));
        }
        let count = number(&mut bytes, long)?;
        let count = bytes.count(count.saturating_mul(list.into()), 1)?;
        let listed: Decoded<Vec<i64>> = (0..count).map(|_| number(&mut bytes, long)).collect();
        let listed = listed?;
        let selected_only = bytes.i16()? < 0;
        let kinds = short_count(&mut bytes, 6)?;
        let (kinds, levels) = (bytes.i16s(kinds)?, bytes.f32s(kinds)?);
        let (granularity, peak_global) = (bytes.f32()?, bytes.f32()?);
        if n_pixels * kinds.len().max(n_gains) > MOST_PIXELS * 16 {
            return Err(bytes.fault(format!("{n_pixels} pixels with {} times each are not believable", kinds.len())));
        }
        let with_sums = around_peak.iter().all(|samples| *samples >= 0);
        let mut found = Self {
            telescope: object.header.id,
            n_pixels,
            n_gains,
            around_peak,
            times: vec![f32::NAN; n_pixels * kinds.len()],
            kinds,
            levels,
            granularity,
            peak_global,
            sums: vec![0; n_gains * n_pixels],
            global_sums: vec![0; n_gains * n_pixels],
        };
        let ranges = listed.chunks_exact(usize::from(list.unsigned_abs()));
        for range in ranges {
            let (Some(first), Some(last)) = (range.first(), range.last()) else { continue };
            for pixel in *first..=*last {
                found.read_pixel(&mut bytes, pixel, with_sums, with_sums && selected_only)?;
            }
        }
        if with_sums && !listed.is_empty() && !selected_only {
            for place in &mut found.global_sums {
                *place = bytes.varint()? as i32;
            }
        }
        Ok(found)
    }

    fn read_pixel(&mut self, bytes: &mut Bytes<'_>, pixel: i64, sums: bool, global: bool) -> Decoded<()> {
        let Some(pixel) = usize::try_from(pixel).ok().filter(|pixel| *pixel < self.n_pixels) else {
            return Err(bytes.fault(format!("pixel {pixel} of {}", self.n_pixels)));
        };
        let kinds = self.kinds.len();
        let times = self.times.get_mut(pixel * kinds..(pixel + 1) * kinds).unwrap_or_default();
        for time in times {
            *time = self.granularity * f32::from(bytes.i16()?);
        }
        for (wanted, table) in [(sums, &mut self.sums), (global, &mut self.global_sums)] {
            if wanted {
                for gain in 0..self.n_gains {
                    let sum = bytes.varint()? as i32;
                    if let Some(place) = table.get_mut(gain * self.n_pixels + pixel) {
                        *place = sum;
                    }
                }
            }
        }
        Ok(())
    }
}

/// A list of pixels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PixelList {
    /// Telescope.
    pub telescope: i32,
    /// What the pixels are: 0 triggered, 1 selected.
    pub code: i32,
    /// The pixels.
    pub pixels: Vec<i64>,
}

impl PixelList {
    /// Reads a list.
    ///
    /// # Errors
    /// Content that is too short, or an unknown version.
    pub fn parse(object: &Object<'_>) -> Decoded<Self> {
        object.at_most(1)?;
        let mut bytes = object.bytes();
        let pixels = if object.header.version < 1 {
            let count = short_count(&mut bytes, 2)?;
            bytes.i16s(count)?.into_iter().map(i64::from).collect()
        } else {
            let count = signed_count(&mut bytes, 1)?;
            bytes.varints(count)?
        };
        let id = object.header.id;
        Ok(Self { telescope: id % 1_000_000, code: id / 1_000_000, pixels })
    }
}

/// Auxiliary traces, analogue or digital.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AuxiliaryTraces {
    /// Telescope.
    pub telescope: i32,
    /// Duration of a sample.
    pub time_scale: f32,
    /// Number of traces.
    pub n_traces: usize,
    /// Samples of each.
    pub n_samples: usize,
    /// Trace after trace.
    pub traces: Vec<f32>,
}

impl AuxiliaryTraces {
    /// Reads analogue traces (type 2030).
    ///
    /// # Errors
    /// Content that is too short.
    pub fn analogue(object: &Object<'_>) -> Decoded<Self> {
        let mut bytes = object.bytes();
        let mut found = Self::head(&mut bytes)?;
        found.traces = bytes.f32s(found.n_traces * found.n_samples)?;
        Ok(found)
    }

    /// Reads digital traces (type 2029), which are written as differences.
    ///
    /// # Errors
    /// Content that is too short.
    pub fn digital(object: &Object<'_>) -> Decoded<Self> {
        let mut bytes = object.bytes();
        let mut found = Self::head(&mut bytes)?;
        bytes.count((found.n_traces * found.n_samples) as i64, 1)?;
        for _ in 0..found.n_traces {
            let mut value = 0i64;
            for _ in 0..found.n_samples {
                value = value.wrapping_add(bytes.varint()?);
                found.traces.push(value as f32);
            }
        }
        Ok(found)
    }

    fn head(bytes: &mut Bytes<'_>) -> Decoded<Self> {
        let (telescope, time_scale) = (bytes.i32()?, bytes.f32()?);
        let n_traces = var_count(bytes, 0)?;
        let n_samples = var_count(bytes, 0)?;
        Ok(Self { telescope, time_scale, n_traces, n_samples, traces: Vec::new() })
    }
}
