//! What the pixels' digitisers recorded: samples or sums.

use crate::bytes::Bytes;
use crate::corsika::signed_count;
use crate::error::Decoded;
use crate::event::short_count;
use crate::photons::{MOST_PIXELS, pixel_count};
use crate::reader::Object;

/// Most samples of a pixel that are believed.
const MOST_SAMPLES: i16 = 16384;

/// Modes of suppression and reduction, which the identifier of an object holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Modes {
    /// Telescope.
    pub telescope: i32,
    /// How empty pixels are left out: 0 not at all.
    pub zero_suppression: u8,
    /// How data are reduced: 0 not at all.
    pub data_reduction: u8,
    /// Whether the list of pixels stands elsewhere.
    pub list_known: bool,
}

impl Modes {
    /// The modes of an object of samples or sums.
    pub fn of(object: &Object<'_>) -> Self {
        let flags = object.header.id;
        Self {
            telescope: flags >> 12 & 0xffff,
            zero_suppression: (flags & 0x1f) as u8,
            data_reduction: (flags >> 5 & 0x1f) as u8,
            list_known: flags >> 10 & 1 == 1,
        }
    }
}

/// Samples of a camera.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdcSamples {
    /// Telescope.
    pub telescope: i32,
    /// Gains.
    pub n_gains: usize,
    /// Pixels.
    pub n_pixels: usize,
    /// Samples of each pixel.
    pub n_samples: usize,
    /// Counts by gain, pixel and sample; pixels that were left out are 0.
    pub samples: Vec<u16>,
}

impl AdcSamples {
    /// Reads the samples into new memory.
    ///
    /// # Errors
    /// Content that is too short or contradicts itself, or an unknown version or mode.
    pub fn parse(object: &Object<'_>) -> Decoded<Self> {
        let mut found = Self::default();
        found.read(object)?;
        Ok(found)
    }

    /// Reads the samples into the memory of earlier ones.
    ///
    /// # Errors
    /// As [`AdcSamples::parse`]; the samples are not to be used then.
    pub fn read(&mut self, object: &Object<'_>) -> Decoded<()> {
        object.versions(3, 3)?;
        let modes = Modes::of(object);
        let mut bytes = object.bytes();
        if modes.data_reduction != 0 || modes.list_known {
            let mode = modes.data_reduction;
            return Err(
                bytes.fault(format!("samples of reduction mode {mode} or with a list elsewhere are not supported"))
            );
        }
        let (pixels, gains, samples) = (bytes.i32()?, bytes.i16()?, bytes.i16()?);
        self.telescope = modes.telescope;
        self.n_pixels = pixel_count(&bytes, pixels)?;
        self.n_gains = bytes.count(gains, 0)?;
        if self.n_gains > 16 || !(0..=MOST_SAMPLES).contains(&samples) {
            return Err(bytes.fault(format!("{gains} gains and {samples} samples are not believable")));
        }
        self.n_samples = samples.max(0) as usize;
        let rows = self.n_gains * self.n_pixels;
        if modes.zero_suppression == 0 {
            // each sample takes a byte at least
            bytes.count((rows * self.n_samples) as i64, 1)?;
            self.samples.clear();
            self.samples.resize(rows * self.n_samples, 0);
            return differences(&mut bytes, self.n_samples, &mut self.samples);
        }
        let listed = signed_count(&mut bytes, 1)?;
        let ranges = pixel_ranges(&mut bytes, listed, self.n_pixels)?;
        let pixels: usize = ranges.iter().map(|range| range.len()).sum();
        bytes.count((self.n_gains * pixels * self.n_samples) as i64, 1)?;
        if rows * self.n_samples > MOST_PIXELS * 256 {
            return Err(bytes.fault(format!("{rows} waveforms of {samples} samples are not believable")));
        }
        self.samples.clear();
        self.samples.resize(rows * self.n_samples, 0);
        for gain in 0..self.n_gains {
            for range in &ranges {
                let first = (gain * self.n_pixels + range.start) * self.n_samples;
                let end = (gain * self.n_pixels + range.end) * self.n_samples;
                differences(&mut bytes, self.n_samples, self.samples.get_mut(first..end).unwrap_or_default())?;
            }
        }
        Ok(())
    }

    /// The samples of a pixel.
    pub fn waveform(&self, gain: usize, pixel: usize) -> &[u16] {
        let first = (gain * self.n_pixels + pixel) * self.n_samples;
        self.samples.get(first..first + self.n_samples).unwrap_or_default()
    }
}

fn pixel_ranges(bytes: &mut Bytes<'_>, count: usize, pixels: usize) -> Decoded<Vec<std::ops::Range<usize>>> {
    let mut ranges = Vec::with_capacity(count);
    for _ in 0..count {
        let first = bytes.varint()?;
        // a single pixel is written as a negative number
        let (first, last) = if first < 0 { (-(first + 1), -(first + 1)) } else { (first, bytes.varint()?) };
        match (usize::try_from(first), usize::try_from(last)) {
            (Ok(first), Ok(last)) if last < pixels && first <= last + 1 => ranges.push(first..last + 1),
            _ => return Err(bytes.fault(format!("pixels {first} to {last} of {pixels}"))),
        }
    }
    Ok(ranges)
}

/// Reads rows of `length` values that are written as differences, each row from 0. Numbers are signed and take one to five
/// bytes; most differences take one or two.
fn differences<T: Sample>(bytes: &mut Bytes<'_>, length: usize, rows: &mut [T]) -> Decoded<()> {
    if length == 0 {
        return Ok(());
    }
    let mut rest = bytes.rest();
    for row in rows.chunks_exact_mut(length) {
        let mut value = 0u32;
        for place in row {
            let zigzag = match *rest {
                [first @ 0..0x80, ref more @ ..] => {
                    rest = more;
                    u32::from(first)
                }
                [first @ 0x80..0xc0, second, ref more @ ..] => {
                    rest = more;
                    u32::from(first & 0x3f) << 8 | u32::from(second)
                }
                _ => {
                    bytes.advance_to(rest);
                    let number = bytes.varuint()?;
                    rest = bytes.rest();
                    number as u32
                }
            };
            value = value.wrapping_add(zigzag >> 1 ^ (zigzag & 1).wrapping_neg());
            *place = T::of(value);
        }
    }
    bytes.advance_to(rest);
    Ok(())
}

/// A type that recorded values are kept in.
trait Sample: Copy {
    fn of(value: u32) -> Self;
}

impl Sample for u16 {
    fn of(value: u32) -> Self {
        value as u16
    }
}

impl Sample for u32 {
    fn of(value: u32) -> Self {
        value
    }
}

/// Sums over all samples of a camera.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdcSums {
    /// Telescope.
    pub telescope: i32,
    /// Gains.
    pub n_gains: usize,
    /// Pixels.
    pub n_pixels: usize,
    /// Sums by gain and pixel; pixels that were left out are 0.
    pub sums: Vec<u32>,
}

impl AdcSums {
    /// Reads the sums.
    ///
    /// # Errors
    /// Content that is too short or contradicts itself, or an unknown version or mode.
    pub fn parse(object: &Object<'_>) -> Decoded<Self> {
        object.versions(3, 3)?;
        let modes = Modes::of(object);
        let mut bytes = object.bytes();
        let (pixels, gains) = (bytes.i32()?, bytes.i16()?);
        let n_pixels = pixel_count(&bytes, pixels)?;
        let n_gains = bytes.count(gains, 0)?;
        if n_gains > 16 {
            return Err(bytes.fault(format!("{gains} gains are not believable")));
        }
        let mut found = Self { telescope: modes.telescope, n_gains, n_pixels, sums: vec![0; n_gains * n_pixels] };
        match (modes.data_reduction, modes.zero_suppression) {
            (0, 0) => differences(&mut bytes, n_pixels, &mut found.sums)?,
            (0, 1) => found.read_blocks(&mut bytes)?,
            (0, 2) => found.read_list(&mut bytes)?,
            (reduction, suppression) => {
                let modes = format!("sums of reduction mode {reduction} and suppression mode {suppression}");
                return Err(bytes.fault(format!("{modes} are not supported")));
            }
        }
        Ok(found)
    }

    fn put(&mut self, gain: usize, pixel: usize, value: u32) {
        if let Some(place) = self.sums.get_mut(gain * self.n_pixels + pixel).filter(|_| pixel < self.n_pixels) {
            *place = value;
        }
    }

    /// Blocks of 16 pixels, each with the bits of those that were kept.
    fn read_blocks(&mut self, bytes: &mut Bytes<'_>) -> Decoded<()> {
        for first in (0..self.n_pixels).step_by(16) {
            let bits = bytes.u16()?;
            let kept: Vec<usize> = (0..16).filter(|bit| bits >> bit & 1 == 1).map(|bit| first + bit).collect();
            // low gain comes first
            for gain in if self.n_gains == 2 { &[1, 0][..] } else { &[0] } {
                for (pixel, value) in kept.iter().zip(row(bytes, kept.len())?) {
                    self.put(*gain, *pixel, value);
                }
            }
        }
        Ok(())
    }

    /// A list of pixels with marks: no low gain, high gain in eight bits.
    fn read_list(&mut self, bytes: &mut Bytes<'_>) -> Decoded<()> {
        let count = short_count(bytes, 2)?;
        let marked = bytes.u16s(count)?;
        let narrow = |mark: u16| mark & 0x4000 != 0;
        let single = |mark: u16| self.n_gains < 2 || mark & 0x2000 != 0;
        let pixel = |mark: u16| usize::from(mark & 0x1fff);
        let of = |wanted: &dyn Fn(u16) -> bool| -> Vec<usize> {
            marked.iter().copied().filter(|mark| wanted(*mark)).map(pixel).collect()
        };
        let low = of(&|mark| !narrow(mark) && !single(mark));
        let high = of(&|mark| !narrow(mark));
        let high8 = of(&narrow);
        if self.n_gains >= 2 {
            for (pixel, value) in low.iter().zip(row(bytes, low.len())?) {
                self.put(1, *pixel, value);
            }
        }
        for (pixel, value) in high.iter().zip(row(bytes, high.len())?) {
            self.put(0, *pixel, value);
        }
        for (pixel, value) in high8.iter().zip(bytes.take(high8.len())?) {
            self.put(0, *pixel, u32::from(*value));
        }
        Ok(())
    }
}

fn row(bytes: &mut Bytes<'_>, length: usize) -> Decoded<Vec<u32>> {
    let mut values = vec![0; length];
    differences(bytes, length, &mut values)?;
    Ok(values)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::header::Header;
    use crate::write::Content;
    use proptest::prelude::*;

    fn object<'a>(kind: u16, id: i32, content: &'a Content) -> Object<'a> {
        let data = content.as_bytes();
        Object { header: Header::new(kind, 3, id, data.len() as u64), data, at: 0 }
    }

    #[test]
    fn suppressed_samples_by_hand() {
        let mut content = Content::new();
        content.i32(5).i16(1).i16(2);
        // pixel 1 alone, pixels 3 to 4
        content.varint(2).varint(-2).varint(3).varint(4);
        for difference in [10, 1, 20, -1, 300, 7] {
            content.varint(difference);
        }
        let found = AdcSamples::parse(&object(2013, 1 | 38 << 12, &content)).unwrap();
        assert_eq!((found.telescope, found.n_pixels), (38, 5));
        assert_eq!(found.samples, [0, 0, 10, 11, 0, 0, 20, 19, 300, 307]);
    }

    #[test]
    fn sums_by_hand() {
        let mut blocks = Content::new();
        blocks.i32(18).i16(2).u16(0b101);
        // low gain of pixels 0 and 2, then high gain, as differences
        blocks.varint(7).varint(1).varint(70).varint(10);
        blocks.u16(0b10).varint(5).varint(50);
        let found = AdcSums::parse(&object(2012, 1 | 4 << 12, &blocks)).unwrap();
        assert_eq!(found.sums[..3], [70, 0, 80]);
        assert_eq!((found.sums[17], found.sums[18], found.sums[20], found.sums[35]), (50, 7, 8, 5));

        let mut list = Content::new();
        list.i32(4).i16(2).i16(3).u16(1).u16(2 | 0x2000).u16(3 | 0x4000);
        list.varint(11).varint(100).varint(20).u8(9);
        let found = AdcSums::parse(&object(2012, 2, &list)).unwrap();
        assert_eq!(found.sums, [0, 100, 120, 9, 0, 11, 0, 0]);
    }

    #[test]
    fn sizes_are_held_against_the_bytes() {
        let mut content = Content::new();
        content.i32(1 << 19).i16(2).i16(16000).varint(0);
        let error = AdcSamples::parse(&object(2013, 0, &content)).unwrap_err();
        assert!(error.reason.contains("bytes are left"), "{error}");
    }

    proptest! {
        #[test]
        fn samples_round_trip(samples in prop::collection::vec(0u16.., 24)) {
            let mut content = Content::new();
            content.i32(3).i16(2).i16(4);
            content.differences(4, &samples);
            prop_assert_eq!(AdcSamples::parse(&object(2013, 0, &content)).unwrap().samples, samples);
        }
    }
}
