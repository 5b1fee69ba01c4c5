//! What surrounds the data of a triggered event: trigger, pointing, headers.

use crate::bytes::Bytes;
use crate::corsika::signed_count;
use crate::error::Decoded;
use crate::kind;
use crate::reader::Object;

/// Kinds of triggers whose times are stored one by one.
const TRIGGER_KINDS: u32 = 4;
/// Newest version that may hold bits of random triggers at the wrong place.
const LAST_WITH_WRONG_BITS: u16 = 3;

/// Which telescopes triggered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TriggerInformation {
    /// Number of the event.
    pub event: i32,
    /// Time by the computer: seconds and nanoseconds.
    pub cpu_time: (i32, i32),
    /// Time by GPS: seconds and nanoseconds.
    pub gps_time: (i32, i32),
    /// Bits of the telescopes that triggered.
    pub trigger_pattern: i32,
    /// Bits of the telescopes with data.
    pub data_pattern: i32,
    /// Telescopes that triggered.
    pub triggered: Vec<i16>,
    /// Their times \[ns\].
    pub trigger_times: Vec<f32>,
    /// Telescopes with data.
    pub with_data: Vec<i16>,
    /// Kinds of trigger of each triggered telescope, as bits (version 2).
    pub type_masks: Vec<u64>,
    /// Times by kind where a telescope triggered in several ways: telescope, kind, time \[ns\] (version 2).
    pub times_by_type: Vec<(i16, u32, f32)>,
    /// Compensation of a plane wave front: azimuth, altitude \[rad\], speed of light [m/ns] (version 3).
    pub wavefront: Option<[f32; 3]>,
}

impl TriggerInformation {
    /// Reads the trigger.
    ///
    /// # Errors
    /// Content that is too short, or an unknown version.
    pub fn parse(object: &Object<'_>) -> Decoded<Self> {
        object.at_most(3)?;
        let version = object.header.version;
        let mut bytes = object.bytes();
        let mut found = Self {
            event: object.header.id,
            cpu_time: bytes.time()?,
            gps_time: bytes.time()?,
            trigger_pattern: bytes.i32()?,
            data_pattern: bytes.i32()?,
            ..Self::default()
        };
        if version >= 1 {
            let count = short_count(&mut bytes, 6)?;
            found.triggered = bytes.i16s(count)?;
            found.trigger_times = bytes.f32s(count)?;
            let count = short_count(&mut bytes, 2)?;
            found.with_data = bytes.i16s(count)?;
        }
        if version >= 2 {
            let masks: Decoded<Vec<u64>> = found.triggered.iter().map(|_| bytes.varuint()).collect();
            found.type_masks = masks?;
            for (telescope, mask) in found.triggered.iter().zip(&found.type_masks) {
                if (mask & 0xf).count_ones() > 1 {
                    for kind in (0..TRIGGER_KINDS).filter(|kind| mask >> kind & 1 == 1) {
                        found.times_by_type.push((*telescope, kind, bytes.f32()?));
                    }
                }
            }
        }
        if version >= 3 {
            found.wavefront = Some([bytes.f32()?, bytes.f32()?, bytes.f32()?]);
        }
        if version <= LAST_WITH_WRONG_BITS {
            for mask in &mut found.type_masks {
                let wrong = *mask & 0x70;
                *mask = *mask & !0x70 | wrong << 4;
            }
        }
        Ok(found)
    }
}

/// Where a telescope points.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TrackingPosition {
    /// Telescope.
    pub telescope: u16,
    /// Azimuth and altitude \[rad\] as read.
    pub raw: Option<[f32; 2]>,
    /// Azimuth and altitude \[rad\] after corrections.
    pub corrected: Option<[f32; 2]>,
}

impl TrackingPosition {
    /// Reads a position.
    ///
    /// # Errors
    /// Content that is too short, or an unknown version.
    pub fn parse(object: &Object<'_>) -> Decoded<Self> {
        object.at_most(0)?;
        let mut bytes = object.bytes();
        let mut pair = |bit| -> Decoded<Option<[f32; 2]>> {
            if object.header.id & bit == 0 { Ok(None) } else { Ok(Some([bytes.f32()?, bytes.f32()?])) }
        };
        let (raw, corrected) = (pair(0x100)?, pair(0x200)?);
        Ok(Self { telescope: kind::tracking_telescope(object.header.kind).unwrap_or(0), raw, corrected })
    }

    /// The corrected position if there is one, else the raw one: azimuth and altitude \[rad\].
    pub fn best(&self) -> Option<[f32; 2]> {
        self.corrected.or(self.raw)
    }
}

/// Header of a telescope's event.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TelescopeEventHeader {
    /// Telescope.
    pub telescope: i32,
    /// Local and global number of the event.
    pub counts: [i32; 2],
    /// Time by the computer: seconds and nanoseconds.
    pub cpu_time: (i32, i32),
    /// Time by GPS: seconds and nanoseconds.
    pub gps_time: (i32, i32),
    /// What triggered: 1 the telescope itself, 2 from outside, 3 both.
    pub trigger_source: i16,
    /// Sectors that triggered.
    pub sectors: Vec<i64>,
    /// Times of the sectors \[ns\].
    pub sector_times: Vec<f32>,
    /// Physical addresses.
    pub addresses: Vec<i64>,
    /// Time of the read-out and relative time of the trigger \[ns\] (version 3).
    pub times: Option<[f32; 2]>,
    /// First sample of the read-out (version 4).
    pub start_readout: Option<i32>,
}

impl TelescopeEventHeader {
    /// Reads a header.
    ///
    /// # Errors
    /// Content that is too short, or an unknown version.
    pub fn parse(object: &Object<'_>) -> Decoded<Self> {
        object.at_most(4)?;
        let version = object.header.version;
        let mut bytes = object.bytes();
        let mut found = Self {
            telescope: object.header.id,
            counts: [bytes.i32()?, bytes.i32()?],
            cpu_time: bytes.time()?,
            gps_time: bytes.time()?,
            ..Self::default()
        };
        let flags = bytes.i16()?;
        found.trigger_source = flags & 0xff;
        if flags & 0x100 != 0 {
            found.sectors = list(&mut bytes, version)?;
            if version >= 1 && flags & 0x400 != 0 {
                found.sector_times = bytes.f32s(found.sectors.len())?;
            }
        }
        if flags & 0x200 != 0 {
            found.addresses = list(&mut bytes, version)?;
        }
        if version >= 3 {
            found.times = Some([bytes.f32()?, bytes.f32()?]);
        }
        if version >= 4 {
            found.start_readout = Some(bytes.i32()?);
        }
        Ok(found)
    }
}

fn list(bytes: &mut Bytes<'_>, version: u16) -> Decoded<Vec<i64>> {
    if version <= 1 {
        let count = short_count(bytes, 2)?;
        return Ok(bytes.i16s(count)?.into_iter().map(i64::from).collect());
    }
    let count = signed_count(bytes, 1)?;
    bytes.varints(count)
}

/// A count in 16 bits of things that take at least `size` bytes.
pub(crate) fn short_count(bytes: &mut Bytes<'_>, size: usize) -> Decoded<usize> {
    let count = bytes.i16()?;
    bytes.count(count, size)
}
