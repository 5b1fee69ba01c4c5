//! Simulated showers and the events that use them.

use crate::corsika::var_count;
use crate::error::Decoded;
use crate::kind;
use crate::reader::Object;

/// Development of one kind of particles in a shower.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile {
    /// Kind of particles.
    pub id: i32,
    /// Depth of the first step \[g/cm2\].
    pub start: f32,
    /// Depth of the last step \[g/cm2\].
    pub end: f32,
    /// Particles at each step.
    pub content: Vec<f32>,
}

/// A simulated shower.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct McShower {
    /// Number of the shower.
    pub shower: i32,
    /// Primary: 0 gamma, 1 electron, 2 muon, 100 A + Z nuclei.
    pub primary: i32,
    /// Energy \[TeV\].
    pub energy: f32,
    /// Azimuth \[rad\].
    pub azimuth: f32,
    /// Altitude \[rad\].
    pub altitude: f32,
    /// Depth where the primary started \[g/cm2\].
    pub depth_start: f32,
    /// Height of the first interaction \[m\].
    pub h_first_int: f32,
    /// Depth of the maximum of all particles \[g/cm2\].
    pub x_max: f32,
    /// Height of the maximum \[m\], depths of the maxima of electrons and of light \[g/cm2\].
    pub maxima: [f32; 3],
    /// Development of the shower.
    pub profiles: Vec<Profile>,
    /// Weight and further numbers (version 2).
    pub extra: Option<ExtraParams>,
}

/// Further numbers of a shower.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExtraParams {
    /// Weight.
    pub weight: f32,
    /// Whole numbers.
    pub whole: Vec<i32>,
    /// Other numbers.
    pub real: Vec<f32>,
}

impl ExtraParams {
    fn parse(object: &Object<'_>) -> Decoded<Self> {
        let mut bytes = object.bytes();
        let weight = bytes.f32()?;
        let whole = var_count(&mut bytes, 4)?;
        let real = var_count(&mut bytes, 4)?;
        Ok(Self { weight, whole: bytes.i32s(whole)?, real: bytes.f32s(real)? })
    }
}

impl McShower {
    /// Reads a shower.
    ///
    /// # Errors
    /// Content that is too short, or an unknown version.
    pub fn parse(object: &Object<'_>) -> Decoded<Self> {
        object.at_most(2)?;
        let version = object.header.version;
        let mut bytes = object.bytes();
        let mut found = Self {
            shower: object.header.id,
            primary: bytes.i32()?,
            energy: bytes.f32()?,
            azimuth: bytes.f32()?,
            altitude: bytes.f32()?,
            ..Self::default()
        };
        if version >= 1 {
            found.depth_start = bytes.f32()?;
        }
        found.h_first_int = bytes.f32()?;
        found.x_max = bytes.f32()?;
        if version >= 1 {
            found.maxima = [bytes.f32()?, bytes.f32()?, bytes.f32()?];
        }
        let profiles = bytes.i16()?;
        let profiles = bytes.count(profiles, 16)?;
        for _ in 0..profiles {
            let (id, steps) = (bytes.i32()?, bytes.i32()?);
            let (start, end) = (bytes.f32()?, bytes.f32()?);
            let steps = bytes.count(steps, 4)?;
            found.profiles.push(Profile { id, start, end, content: bytes.f32s(steps)? });
        }
        if version >= 2 {
            let rest = Object { header: object.header, data: bytes.rest(), at: bytes.position() };
            found.extra = rest.inner(kind::MC_EXTRA_PARAMS)?.map(|inner| ExtraParams::parse(&inner)).transpose()?;
        }
        Ok(found)
    }
}

/// A use of a shower: an event, whether or not it triggers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct McEvent {
    /// Number of the event.
    pub event: i32,
    /// Number of the shower.
    pub shower: i32,
    /// Impact point towards north \[m\].
    pub core_x: f32,
    /// Impact point towards west \[m\].
    pub core_y: f32,
    /// Weight of the area (version 2).
    pub weight: f32,
}

impl McEvent {
    /// Reads an event.
    ///
    /// # Errors
    /// Content that is too short, or an unknown version.
    pub fn parse(object: &Object<'_>) -> Decoded<Self> {
        object.at_most(2)?;
        let mut bytes = object.bytes();
        let shower = bytes.i32()?;
        let (core_x, core_y) = (bytes.f32()?, bytes.f32()?);
        let weight = if object.header.version >= 2 { bytes.f32()? } else { 1.0 };
        Ok(Self { event: object.header.id, shower, core_x, core_y, weight })
    }
}

/// Sums of the light at all telescopes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct McPhotoelectronSum {
    /// Number of the event.
    pub event: i32,
    /// Number of the shower.
    pub shower: i32,
    /// Photo-electrons of each telescope.
    pub n_pe: Vec<i32>,
    /// Sums of photons of each telescope: four from version 1 on, five from version 2 on.
    pub photons: Vec<Vec<f32>>,
}

impl McPhotoelectronSum {
    /// Reads the sums. Counts by pixel, which no simulation wrote, end the reading.
    ///
    /// # Errors
    /// Content that is too short, or an unknown version.
    pub fn parse(object: &Object<'_>) -> Decoded<Self> {
        object.at_most(2)?;
        let mut bytes = object.bytes();
        let shower = bytes.i32()?;
        let telescopes = bytes.i32()?;
        let telescopes = bytes.count(telescopes, 8)?;
        let n_pe = bytes.i32s(telescopes)?;
        if bytes.i32s(telescopes)?.iter().any(|pixels| *pixels != 0) {
            return Err(bytes.fault("counts of each pixel are not supported"));
        }
        let sums = match object.header.version {
            0 => 0,
            1 => 4,
            _ => 5,
        };
        let photons = (0..sums).map(|_| bytes.f32s(telescopes)).collect::<Decoded<_>>()?;
        Ok(Self { event: object.header.id, shower, n_pe, photons })
    }
}
