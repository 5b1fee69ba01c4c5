//! What a telescope's camera is.

use crate::corsika::signed_count;
use crate::error::Decoded;
use crate::photons::pixel_count;
use crate::reader::Object;

/// Geometry of a camera and its optics.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CameraSettings {
    /// Telescope.
    pub telescope: i32,
    /// Focal length \[m\].
    pub focal_length: f32,
    /// Effective focal length \[m\], from version 5 on; 0 or not finite if the simulation did not tell it.
    pub effective_focal_length: Option<f32>,
    /// Effective focal lengths in x and y and offsets in x and y \[m\], from version 6 on.
    pub effective_focal_length_xy: Option<[f32; 4]>,
    /// Positions of the pixels as stored, not rotated \[m\].
    pub pixel_x: Vec<f32>,
    /// Positions of the pixels as stored, not rotated \[m\].
    pub pixel_y: Vec<f32>,
    /// Positions of the pixels along the axis \[m\], on curved cameras.
    pub pixel_z: Option<Vec<f32>>,
    /// Directions of the pixels, where they are not parallel.
    pub directions: Option<(Vec<f32>, Vec<f32>)>,
    /// Shapes of the pixels: 0 circle, 1 and 3 hexagon, 2 square, -1 unknown.
    pub shape: Vec<i32>,
    /// Areas of the pixels \[m2\].
    pub area: Vec<f32>,
    /// Sizes of the pixels \[m\].
    pub size: Vec<f32>,
    /// Number of mirrors.
    pub n_mirrors: i32,
    /// Area of all mirrors \[m2\].
    pub mirror_area: f32,
    /// Angle by which the positions have to be rotated \[rad\].
    pub rotation: f32,
}

impl CameraSettings {
    /// Reads the settings.
    ///
    /// # Errors
    /// Content that is too short, or an unknown version.
    pub fn parse(object: &Object<'_>) -> Decoded<Self> {
        object.at_most(6)?;
        let version = object.header.version;
        let mut bytes = object.bytes();
        let count = bytes.i32()?;
        let count = bytes.count(count, 8)?;
        let focal_length = bytes.f32()?;
        let effective_focal_length = if version > 4 { Some(bytes.f32()?) } else { None };
        let mut four = || -> Decoded<[f32; 4]> { Ok([bytes.f32()?, bytes.f32()?, bytes.f32()?, bytes.f32()?]) };
        let effective_focal_length_xy = if version > 5 { Some(four()?) } else { None };
        let (pixel_x, pixel_y) = (bytes.f32s(count)?, bytes.f32s(count)?);
        let mut found = Self {
            telescope: object.header.id,
            focal_length,
            effective_focal_length,
            effective_focal_length_xy,
            pixel_x,
            pixel_y,
            ..Self::default()
        };
        if version >= 4 {
            let curved = bytes.varint()? != 0;
            let parallel = bytes.varint()? != 0;
            found.pixel_z = if curved { Some(bytes.f32s(count)?) } else { None };
            found.directions = if parallel { None } else { Some((bytes.f32s(count)?, bytes.f32s(count)?)) };
            if bytes.varint()? != 0 {
                found.shape = vec![bytes.varint()? as i32; count];
                found.area = vec![bytes.f32()?; count];
                found.size = vec![bytes.f32()?; count];
            } else {
                found.shape = bytes.varints(count)?.into_iter().map(|shape| shape as i32).collect();
                found.area = bytes.f32s(count)?;
                found.size = bytes.f32s(count)?;
            }
        } else {
            found.shape = vec![-1; count];
            found.area = bytes.f32s(count)?;
            found.size = if version >= 1 { bytes.f32s(count)? } else { vec![0.0; count] };
        }
        if version >= 2 {
            found.n_mirrors = bytes.i32()?;
            found.mirror_area = bytes.f32()?;
        }
        if version >= 3 {
            found.rotation = bytes.f32()?;
        }
        Ok(found)
    }
}

/// How the pixels of a camera are wired; only the counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CameraOrganization {
    /// Telescope.
    pub telescope: i32,
    /// Pixels.
    pub n_pixels: i32,
    /// Drawers.
    pub n_drawers: i32,
    /// Gains.
    pub n_gains: i32,
    /// Trigger sectors.
    pub n_sectors: i32,
}

impl CameraOrganization {
    /// Reads the counts.
    ///
    /// # Errors
    /// Content that is too short.
    pub fn parse(object: &Object<'_>) -> Decoded<Self> {
        let mut bytes = object.bytes();
        Ok(Self {
            telescope: object.header.id,
            n_pixels: bytes.i32()?,
            n_drawers: bytes.i32()?,
            n_gains: bytes.i32()?,
            n_sectors: bytes.i32()?,
        })
    }
}

/// Settings of a camera's electronics.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PixelSettings {
    /// Telescope.
    pub telescope: i32,
    /// Number of the set-up.
    pub setup: i32,
    /// Mode of the trigger.
    pub trigger_mode: i32,
    /// Fewest pixels of a trigger.
    pub min_pixel_mult: i32,
    /// High voltage of each pixel.
    pub hv_dac: Vec<i32>,
    /// Threshold of each drawer.
    pub threshold_dac: Vec<i32>,
    /// First sample of each drawer.
    pub adc_start: Vec<i16>,
    /// Number of samples of each drawer.
    pub adc_count: Vec<i16>,
    /// Duration of a sample \[ns\], from version 1 on.
    pub time_slice: f32,
    /// Samples in a sum, from version 1 on.
    pub sum_bins: i32,
    /// Step of the reference pulses \[ns\], from version 2 on.
    pub ref_step: f32,
    /// Reference pulses, one per gain or one for all, from version 2 on.
    pub ref_shape: Vec<Vec<f32>>,
    /// First sample of a sum, from version 3 on.
    pub sum_offset: Option<i32>,
}

impl PixelSettings {
    /// Reads the settings.
    ///
    /// # Errors
    /// Content that is too short, or an unknown version.
    pub fn parse(object: &Object<'_>) -> Decoded<Self> {
        object.at_most(3)?;
        let version = object.header.version;
        let mut bytes = object.bytes();
        let (setup, trigger_mode, min_pixel_mult) = (bytes.i32()?, bytes.i32()?, bytes.i32()?);
        let pixels = bytes.i32()?;
        let pixels = bytes.count(pixels, 4)?;
        let hv_dac = bytes.i32s(pixels)?;
        let drawers = bytes.i32()?;
        let drawers = bytes.count(drawers, 8)?;
        let threshold_dac = bytes.i32s(drawers)?;
        bytes.i32()?;
        let (adc_start, adc_count) = (bytes.i16s(drawers)?, bytes.i16s(drawers)?);
        let mut found = Self {
            telescope: object.header.id,
            setup,
            trigger_mode,
            min_pixel_mult,
            hv_dac,
            threshold_dac,
            adc_start,
            adc_count,
            ..Self::default()
        };
        if version >= 1 {
            found.time_slice = bytes.f32()?;
            found.sum_bins = bytes.i32()?;
        }
        if version >= 2 {
            let shapes = signed_count(&mut bytes, 0)?;
            let length = signed_count(&mut bytes, 2)?;
            let shapes = bytes.count(shapes as i64, 2 * length)?;
            found.ref_step = bytes.f32()?;
            found.ref_shape = (0..shapes).map(|_| bytes.f16s(length)).collect::<Decoded<_>>()?;
        }
        if version >= 3 {
            found.sum_offset = Some(bytes.i32()?);
        }
        Ok(found)
    }
}

/// Pixels that are switched off.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DisabledPixels {
    /// Telescope.
    pub telescope: i32,
    /// Pixels that do not trigger.
    pub trigger: Vec<i32>,
    /// Pixels without high voltage.
    pub hv: Vec<i32>,
}

impl DisabledPixels {
    /// Reads the lists.
    ///
    /// # Errors
    /// Content that is too short, or an unknown version.
    pub fn parse(object: &Object<'_>) -> Decoded<Self> {
        object.at_most(0)?;
        let mut bytes = object.bytes();
        let mut list = || {
            let count = bytes.i32()?;
            let count = bytes.count(count, 4)?;
            bytes.i32s(count)
        };
        Ok(Self { telescope: object.header.id, trigger: list()?, hv: list()? })
    }
}

/// Sizes of monitored things, held against what a camera can have.
pub(crate) fn sizes(bytes: &crate::bytes::Bytes<'_>, counts: [i64; 4]) -> Decoded<[usize; 4]> {
    let [sectors, pixels, drawers, gains] = counts;
    let gains = bytes.count(gains, 0)?;
    if gains > 16 {
        return Err(bytes.fault(format!("{gains} gains are not believable")));
    }
    Ok([pixel_count(bytes, sectors)?, pixel_count(bytes, pixels)?, pixel_count(bytes, drawers)?, gains])
}
