//! Objects of the CORSIKA IACT interface.

use crate::bytes::Bytes;
use crate::error::Decoded;
use crate::reader::Object;

/// Number of values in a CORSIKA block.
const BLOCK: usize = 273;

/// A block of CORSIKA: the run header, the header or the end of an event. What each value is stands in CORSIKA's manual.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// The values, counted from 0 where the manual counts from 1.
    pub values: Vec<f32>,
}

impl Block {
    /// Reads a block of any number of values up to 273.
    ///
    /// # Errors
    /// Content that is too short.
    pub fn parse(object: &Object<'_>) -> Decoded<Self> {
        let mut bytes = object.bytes();
        let count = bytes.i32()?;
        if !usize::try_from(count).is_ok_and(|count| count <= BLOCK) {
            return Err(bytes.fault(format!("{count} values, expected at most {BLOCK}")));
        }
        let count = bytes.count(count, 4)?;
        Ok(Self { values: bytes.f32s(count)? })
    }

    /// Value `number` of CORSIKA's manual, from 1.
    pub fn get(&self, number: usize) -> Option<f32> {
        self.values.get(number.checked_sub(1)?).copied()
    }

    /// Number of the run or event.
    pub fn number(&self) -> Option<f32> {
        self.get(2)
    }

    /// Primary particle of an event header, in CORSIKA's numbering.
    pub fn particle(&self) -> Option<f32> {
        self.get(3)
    }

    /// Energy of an event header's primary \[GeV\].
    pub fn energy_gev(&self) -> Option<f32> {
        self.get(4)
    }
}

/// Where the telescopes are.
#[derive(Clone, Debug, PartialEq)]
pub struct TelescopeDefinition {
    /// Towards magnetic north \[cm\].
    pub x: Vec<f32>,
    /// Towards west \[cm\].
    pub y: Vec<f32>,
    /// Height above the array's level \[cm\].
    pub z: Vec<f32>,
    /// Radius of the sphere around the telescope \[cm\].
    pub r: Vec<f32>,
}

impl TelescopeDefinition {
    /// Reads the positions.
    ///
    /// # Errors
    /// Content that is too short.
    pub fn parse(object: &Object<'_>) -> Decoded<Self> {
        let mut bytes = object.bytes();
        let count = bytes.i32()?;
        let count = bytes.count(count, 16)?;
        Ok(Self { x: bytes.f32s(count)?, y: bytes.f32s(count)?, z: bytes.f32s(count)?, r: bytes.f32s(count)? })
    }
}

/// Where the arrays are that a shower is used for.
#[derive(Clone, Debug, PartialEq)]
pub struct ArrayOffsets {
    /// Time from the first interaction to the ground \[ns\].
    pub time_offset: f32,
    /// Offsets \[cm\].
    pub x: Vec<f32>,
    /// Offsets \[cm\].
    pub y: Vec<f32>,
    /// Weights, from version 1 on.
    pub weight: Option<Vec<f32>>,
}

impl ArrayOffsets {
    /// Reads the offsets.
    ///
    /// # Errors
    /// Content that is too short, or an unknown version.
    pub fn parse(object: &Object<'_>) -> Decoded<Self> {
        object.at_most(1)?;
        let mut bytes = object.bytes();
        let count = bytes.i32()?;
        let time_offset = bytes.f32()?;
        let count = bytes.count(count, 8)?;
        let (x, y) = (bytes.f32s(count)?, bytes.f32s(count)?);
        let weight = if object.header.version >= 1 { Some(bytes.f32s(count)?) } else { None };
        Ok(Self { time_offset, x, y, weight })
    }
}

/// Longitudinal development of a shower.
#[derive(Clone, Debug, PartialEq)]
pub struct Longitudinal {
    /// Number of the event.
    pub event: i32,
    /// What kinds of particles there are.
    pub kind: i32,
    /// Number of profiles.
    pub profiles: usize,
    /// Number of steps of each.
    pub steps: usize,
    /// Thickness of a step \[g/cm2\].
    pub step: f32,
    /// Profile after profile.
    pub data: Vec<f32>,
}

impl Longitudinal {
    /// Reads the profiles.
    ///
    /// # Errors
    /// Content that is too short.
    pub fn parse(object: &Object<'_>) -> Decoded<Self> {
        let mut bytes = object.bytes();
        let (event, kind) = (bytes.i32()?, bytes.i32()?);
        let (profiles, steps) = (bytes.i16()?, bytes.i16()?);
        let step = bytes.f32()?;
        let count = bytes.count(i64::from(profiles) * i64::from(steps), 4)?;
        let data = bytes.f32s(count)?;
        Ok(Self { event, kind, profiles: profiles.max(0) as usize, steps: steps.max(0) as usize, step, data })
    }
}

/// The steering card of CORSIKA, line by line.
///
/// # Errors
/// Content that is too short.
pub fn input_card(object: &Object<'_>) -> Decoded<Vec<String>> {
    let mut bytes = object.bytes();
    let count = bytes.i32()?;
    let count = bytes.count(count, 2)?;
    (0..count).map(|_| bytes.string()).collect()
}

/// An atmosphere.
#[derive(Clone, Debug, PartialEq)]
pub struct AtmosphericProfile {
    /// Name of its file.
    pub name: String,
    /// Observation level \[cm\].
    pub obs_level: f64,
    /// Rows of altitude \[km\], density [g/cm3], thickness \[g/cm2\] and refractive index minus 1.
    pub table: Vec<[f64; 4]>,
    /// Height of the top of the atmosphere \[cm\] and CORSIKA's five layers of five parameters.
    pub five_layers: Option<(f64, Vec<f64>)>,
}

impl AtmosphericProfile {
    /// Reads a profile.
    ///
    /// # Errors
    /// Content that is too short, or an unknown version.
    pub fn parse(object: &Object<'_>) -> Decoded<Self> {
        object.at_most(1)?;
        let mut bytes = object.bytes();
        let name = bytes.var_string()?;
        let obs_level = bytes.f64()?;
        let rows = var_count(&mut bytes, 32)?;
        let table = bytes.f64s(rows * 4)?.as_chunks::<4>().0.to_vec();
        let layers = bytes.varuint()?;
        let five_layers = if layers == 5 { Some((bytes.f64()?, bytes.f64s(25)?)) } else { None };
        Ok(Self { name, obs_level, table, five_layers })
    }
}

/// A count of variable length of things that take at least `size` bytes.
pub(crate) fn var_count(bytes: &mut Bytes<'_>, size: usize) -> Decoded<usize> {
    let count = bytes.varuint()?;
    bytes.count(i64::try_from(count).unwrap_or(i64::MAX), size)
}

/// A signed count of variable length of things that take at least `size` bytes.
pub(crate) fn signed_count(bytes: &mut Bytes<'_>, size: usize) -> Decoded<usize> {
    let count = bytes.varint()?;
    bytes.count(count, size)
}
