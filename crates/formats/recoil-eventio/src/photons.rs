//! Light at a telescope: bunches of photons, photo-electrons.

use crate::error::Decoded;
use crate::reader::Object;

/// Identifier of arrays and telescopes that marks particles at the observation level.
const PARTICLES: i32 = 999;
/// Wavelength that marks a particle that emitted light.
const EMITTER: f32 = 9999.0;

/// A bunch of photons; or, at other places of the format, eight values of another meaning.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bunch {
    /// Position \[cm\].
    pub x: f32,
    /// Position \[cm\].
    pub y: f32,
    /// Cosine of the direction; the mass of an emitting particle.
    pub cx: f32,
    /// Cosine of the direction; the charge of an emitting particle.
    pub cy: f32,
    /// Time since the first interaction \[ns\].
    pub time: f32,
    /// Height of emission \[cm\]; momentum of a particle at the observation level; time of emission of an emitting particle.
    pub zem: f32,
    /// Number of photons; weight of a particle at the observation level; energy of an emitting particle.
    pub photons: f32,
    /// Wavelength \[nm\]; 0 if not known, negative if scattered; identifier of a particle at the observation level.
    pub wavelength: f32,
}

/// The light at a telescope.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Photons {
    /// Array, from 0.
    pub array: i16,
    /// Telescope, from 0.
    pub telescope: i16,
    /// Number of photons.
    pub photons: f32,
    /// The bunches.
    pub bunches: Vec<Bunch>,
    /// Particles that emitted light, if they were stored.
    pub emitters: Vec<Bunch>,
}

impl Photons {
    /// Whether an object holds particles at the observation level instead of light.
    pub fn holds_particles(object: &Object<'_>) -> bool {
        let id = object.header.id;
        (id / 1000, id % 1000) == (PARTICLES, PARTICLES)
    }

    /// Number of bunches that an object says it has, without reading them.
    ///
    /// # Errors
    /// Content that is too short.
    pub fn count(object: &Object<'_>) -> Decoded<i32> {
        let mut bytes = object.bytes();
        bytes.take(8)?;
        bytes.i32()
    }

    /// Reads the bunches, in the compact form (versions from 1000) or the long one.
    ///
    /// # Errors
    /// Content that is too short.
    pub fn parse(object: &Object<'_>) -> Decoded<Self> {
        let mut bytes = object.bytes();
        let (array, telescope) = (bytes.i16()?, bytes.i16()?);
        let photons = bytes.f32()?;
        let count = bytes.i32()?;
        let compact = object.header.version / 1000 == 1;
        let count = bytes.count(count, if compact { 16 } else { 32 })?;
        let all: Vec<Bunch> = if compact {
            bytes.i16s(count * 8)?.as_chunks::<8>().0.iter().map(expanded).collect()
        } else {
            let wide = bytes.f32s(count * 8)?;
            let bunch = |&[x, y, cx, cy, time, zem, photons, wavelength]: &[f32; 8]| Bunch {
                x,
                y,
                cx,
                cy,
                time,
                zem,
                photons,
                wavelength,
            };
            wide.as_chunks::<8>().0.iter().map(bunch).collect()
        };
        let keep = Self::holds_particles(object);
        let (emitters, bunches) = all.into_iter().partition(|bunch| !keep && bunch.wavelength == EMITTER);
        Ok(Self { array, telescope, photons, bunches, emitters })
    }
}

/// A bunch from its compact form.
fn expanded(&[x, y, cx, cy, time, zem, photons, wavelength]: &[i16; 8]) -> Bunch {
    let cosine = |value: i16| (f32::from(value) / 30000.0).clamp(-1.0, 1.0);
    Bunch {
        x: f32::from(x) * 0.1,
        y: f32::from(y) * 0.1,
        cx: cosine(cx),
        cy: cosine(cy),
        time: f32::from(time) * 0.1,
        zem: 10f32.powf(f32::from(zem) * 0.001),
        photons: f32::from(photons) * 0.01,
        wavelength: f32::from(wavelength),
    }
}

/// True photo-electrons of a telescope.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PhotoElectrons {
    /// Array, from 0.
    pub array: i32,
    /// Telescope, from 0: its place in the run header's list.
    pub telescope: i32,
    /// Photo-electrons of each pixel.
    pub counts: Vec<i32>,
    /// Pixel of each photo-electron.
    pub pixels: Vec<u32>,
    /// Time of each photo-electron \[ns\].
    pub times: Vec<f32>,
    /// Amplitude of each photo-electron in units of the mean one, if stored.
    pub amplitudes: Option<Vec<f32>>,
    /// Photons on each pixel, if stored.
    pub photons: Option<Vec<i32>>,
}

impl PhotoElectrons {
    /// Reads photo-electrons.
    ///
    /// # Errors
    /// Content that is too short or contradicts itself, or an unknown version.
    pub fn parse(object: &Object<'_>) -> Decoded<Self> {
        object.versions(1, 3)?;
        let version = object.header.version;
        let mut bytes = object.bytes();
        let total = bytes.i32()?;
        let pixels = bytes.i32()?;
        let pixels = pixel_count(&bytes, pixels)?;
        let flags = if version > 1 { bytes.i16()? } else { 0 };
        let filled = bytes.i32()?;
        let filled = bytes.count(filled, 5)?;
        let total = bytes.count(total, 4)?;
        let mut found = Self {
            array: object.header.id / 1000,
            telescope: object.header.id % 1000,
            counts: vec![0; pixels],
            pixels: Vec::with_capacity(total),
            times: Vec::with_capacity(total),
            amplitudes: (flags & 1 != 0).then(|| Vec::with_capacity(total)),
            photons: None,
        };
        for _ in 0..filled {
            let pixel = if version > 2 { bytes.varint()? } else { bytes.i16()?.into() };
            let count = bytes.i32()?;
            let Some(place) = usize::try_from(pixel).ok().and_then(|pixel| found.counts.get_mut(pixel)) else {
                return Err(bytes.fault(format!("pixel {pixel} of {pixels}")));
            };
            *place = count;
            let count = bytes.count(count, 4)?;
            found.pixels.extend(std::iter::repeat_n(pixel as u32, count));
            found.times.extend(bytes.f32s(count)?);
            if let Some(amplitudes) = &mut found.amplitudes {
                amplitudes.extend(bytes.f32s(count)?);
            }
        }
        if flags & 4 != 0 {
            let mut photons = vec![0; pixels];
            let filled = bytes.i32()?;
            let filled = bytes.count(filled, 6)?;
            for _ in 0..filled {
                let (pixel, count) = (bytes.i16()?, bytes.i32()?);
                let Some(place) = usize::try_from(pixel).ok().and_then(|pixel| photons.get_mut(pixel)) else {
                    return Err(bytes.fault(format!("pixel {pixel} of {pixels}")));
                };
                *place = count;
            }
            found.photons = Some(photons);
        }
        Ok(found)
    }
}

/// Most pixels of a camera that are believed: thirty times the largest one there is.
pub(crate) const MOST_PIXELS: usize = 1 << 20;

/// A number of pixels, held against what a camera can have.
pub(crate) fn pixel_count(bytes: &crate::bytes::Bytes<'_>, count: impl Into<i64>) -> Decoded<usize> {
    let count = count.into();
    match usize::try_from(count) {
        Ok(count) if count <= MOST_PIXELS => Ok(count),
        _ => Err(bytes.fault(format!("a camera of {count} pixels is not believable"))),
    }
}
