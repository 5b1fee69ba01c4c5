//! Monitoring and calibration of a camera.

use crate::camera::sizes;
use crate::error::Decoded;
use crate::photons::pixel_count;
use crate::reader::Object;

/// Pedestals of a camera.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pedestals {
    /// Time of the measurement: seconds and nanoseconds.
    pub time: (i32, i32),
    /// Samples that the pedestals are sums of.
    pub slices: i16,
    /// Pedestals by gain and pixel.
    pub pedestal: Vec<f32>,
    /// Noise by gain and pixel.
    pub noise: Vec<f32>,
}

/// Counts and rates of a camera.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rates {
    /// Time of the measurement: seconds and nanoseconds.
    pub time: (i32, i32),
    /// Coincidences and events.
    pub counts: [i32; 2],
    /// Rate of triggers \[Hz\].
    pub trigger_rate: f32,
    /// Rate of each sector \[Hz\].
    pub sector_rate: Vec<f32>,
    /// Rate of events \[Hz\], of data \[MB/s\], mean number of significant pixels.
    pub event_rate: [f32; 3],
}

/// What was monitored of a camera. Parts that did not change are missing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CameraMonitoring {
    /// Telescope.
    pub telescope: i32,
    /// Bits of the parts that follow.
    pub what: i32,
    /// Bits of known and of new parts.
    pub known: [i16; 2],
    /// Number of the record.
    pub monitor: i32,
    /// Time of the record: seconds and nanoseconds.
    pub time: (i32, i32),
    /// Pixels.
    pub n_pixels: usize,
    /// Gains.
    pub n_gains: usize,
    /// Time and bits of the status.
    pub status: Option<((i32, i32), i32)>,
    /// Counts and rates.
    pub rates: Option<Rates>,
    /// Pedestals and noise.
    pub pedestals: Option<Pedestals>,
}

impl CameraMonitoring {
    /// Telescope of the object, without reading it.
    pub fn telescope_of(object: &Object<'_>) -> i32 {
        object.split_telescope()
    }

    /// Reads status, rates and pedestals; later parts are passed over.
    ///
    /// # Errors
    /// Content that is too short, or an unknown version.
    pub fn parse(object: &Object<'_>) -> Decoded<Self> {
        object.at_most(1)?;
        let what = object.header.id >> 8 & 0xffff;
        let mut bytes = object.bytes();
        let known = [bytes.i16()?, bytes.i16()?];
        let (monitor, time) = (bytes.i32()?, bytes.time()?);
        let mut one =
            || -> Decoded<i64> { if object.header.version == 0 { bytes.i16().map(i64::from) } else { bytes.varint() } };
        let counts = [one()?, one()?, one()?, one()?];
        let [sectors, n_pixels, _, n_gains] = sizes(&bytes, counts)?;
        let mut found = Self {
            telescope: object.split_telescope(),
            what,
            known,
            monitor,
            time,
            n_pixels,
            n_gains,
            ..Self::default()
        };
        if what & 1 != 0 {
            found.status = Some((bytes.time()?, bytes.i32()?));
        }
        if what & 2 != 0 {
            found.rates = Some(Rates {
                time: bytes.time()?,
                counts: [bytes.i32()?, bytes.i32()?],
                trigger_rate: bytes.f32()?,
                sector_rate: bytes.f32s(sectors)?,
                event_rate: [bytes.f32()?, bytes.f32()?, bytes.f32()?],
            });
        }
        if what & 4 != 0 {
            found.pedestals = Some(Pedestals {
                time: bytes.time()?,
                slices: bytes.i16()?,
                pedestal: bytes.f32s(n_gains * n_pixels)?,
                noise: bytes.f32s(n_gains * n_pixels)?,
            });
        }
        Ok(found)
    }
}

/// Calibration with laser light.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LaserCalibration {
    /// Telescope.
    pub telescope: i32,
    /// Number of the calibration.
    pub id: i32,
    /// Pixels.
    pub n_pixels: usize,
    /// Gains.
    pub n_gains: usize,
    /// Photo-electrons per count, by gain and pixel.
    pub calib: Vec<f32>,
    /// Shares of the pulse by gain (version 1): in the integration window, and around the maximum.
    pub fractions: Option<Vec<[f32; 2]>>,
    /// Shift of time \[ns\], by gain and pixel (version 2).
    pub tm_calib: Option<Vec<f32>>,
    /// Flat-field corrections, by gain and pixel (version 3).
    pub flat_fielding: Option<Vec<f32>>,
}

impl LaserCalibration {
    /// Reads a calibration.
    ///
    /// # Errors
    /// Content that is too short, or an unknown version.
    pub fn parse(object: &Object<'_>) -> Decoded<Self> {
        object.at_most(3)?;
        let version = object.header.version;
        let mut bytes = object.bytes();
        let (n_pixels, gains) = (usize::from(bytes.u16()?), bytes.i16()?);
        let n_gains = bytes.count(gains, 4)?;
        let id = bytes.i32()?;
        let values = n_gains * n_pixels;
        let calib = bytes.f32s(values)?;
        let fractions = if version >= 1 { Some(bytes.f32s(n_gains * 2)?.as_chunks::<2>().0.to_vec()) } else { None };
        let tm_calib = if version >= 2 { Some(bytes.f32s(values)?) } else { None };
        let flat_fielding = if version >= 3 { Some(bytes.f32s(values)?) } else { None };
        Ok(Self { telescope: object.header.id, id, n_pixels, n_gains, calib, fractions, tm_calib, flat_fielding })
    }
}

/// What was monitored of each pixel.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PixelMonitoring {
    /// Telescope.
    pub telescope: i32,
    /// Rate of light of the night sky \[GHz\].
    pub nsb_rate: Option<Vec<f32>>,
    /// Relative quantum efficiency.
    pub qe_rel: Option<Vec<f32>>,
    /// Relative gain.
    pub gain_rel: Option<Vec<f32>>,
    /// Relative high voltage.
    pub hv_rel: Option<Vec<f32>>,
    /// Current \[uA\].
    pub current: Option<Vec<f32>>,
    /// Amplitude of a photo-electron at high gain.
    pub fadc_amp_hg: Option<Vec<f32>>,
    /// Amplitude of a photo-electron at low gain.
    pub fadc_amp_lg: Option<Vec<f32>>,
    /// Whether a pixel is switched off.
    pub disabled: Option<Vec<bool>>,
}

impl PixelMonitoring {
    /// Reads what was monitored.
    ///
    /// # Errors
    /// Content that is too short, or an unknown version.
    pub fn parse(object: &Object<'_>) -> Decoded<Self> {
        object.at_most(0)?;
        let mut bytes = object.bytes();
        let flags = bytes.i32()?;
        let pixels = bytes.i32()?;
        let pixels = pixel_count(&bytes, pixels)?;
        let gains = bytes.i16()?;
        let mut part = |bit: i32, wanted: bool| -> Decoded<Option<Vec<f32>>> {
            if flags & bit != 0 && wanted { bytes.f32s(pixels).map(Some) } else { Ok(None) }
        };
        let (nsb_rate, qe_rel) = (part(1, true)?, part(2, true)?);
        let (gain_rel, hv_rel) = (part(4, true)?, part(8, true)?);
        let current = part(16, true)?;
        let (fadc_amp_hg, fadc_amp_lg) = (part(32, true)?, part(64, gains > 1)?);
        let flagged = |byte: &u8| *byte != 0;
        let disabled = if flags & 128 != 0 { Some(bytes.take(pixels)?.iter().map(flagged).collect()) } else { None };
        Ok(Self {
            telescope: object.header.id,
            nsb_rate,
            qe_rel,
            gain_rel,
            hv_rel,
            current,
            fadc_amp_hg,
            fadc_amp_lg,
            disabled,
        })
    }
}
