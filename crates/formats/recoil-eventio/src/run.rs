//! What holds for a whole run: headers, history, atmosphere of the simulation.

use crate::corsika::var_count;
use crate::error::Decoded;
use crate::reader::Object;

/// Header of a run of sim_telarray.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunHeader {
    /// Number of the run.
    pub run: i32,
    /// Time of the run [s since 1970].
    pub time: i32,
    /// Kind of run; -1 for simulations.
    pub run_type: i32,
    /// 0 if `direction` is azimuth and altitude.
    pub tracking_mode: i32,
    /// Whether the camera's axes are reversed (version 2).
    pub reverse_flag: i32,
    /// Pointing: azimuth and altitude \[rad\].
    pub direction: [f32; 2],
    /// Offset of the field of view \[rad\].
    pub offset_fov: [f32; 2],
    /// Atmospheric depth of convergent pointing \[g/cm2\].
    pub conv_depth: f32,
    /// Reference position of convergent pointing \[m\].
    pub conv_ref_pos: [f32; 2],
    /// Numbers of the telescopes.
    pub telescopes: Vec<i16>,
    /// Positions of the telescopes: north, west, up \[m\].
    pub positions: Vec<[f32; 3]>,
    /// Fewest telescopes of a trigger.
    pub min_tel_trig: i32,
    /// Duration \[s\].
    pub duration: i32,
    /// Target.
    pub target: String,
    /// Observer.
    pub observer: String,
}

impl RunHeader {
    /// Reads a header.
    ///
    /// # Errors
    /// Content that is too short, or an unknown version.
    pub fn parse(object: &Object<'_>) -> Decoded<Self> {
        object.at_most(2)?;
        let version = object.header.version;
        let mut bytes = object.bytes();
        let (run, time, run_type, tracking_mode) = (bytes.i32()?, bytes.i32()?, bytes.i32()?, bytes.i32()?);
        let reverse_flag = if version >= 2 { bytes.i32()? } else { 0 };
        let direction = [bytes.f32()?, bytes.f32()?];
        let offset_fov = [bytes.f32()?, bytes.f32()?];
        let conv_depth = bytes.f32()?;
        let conv_ref_pos = if version >= 1 { [bytes.f32()?, bytes.f32()?] } else { [0.0; 2] };
        let count = bytes.i32()?;
        let count = bytes.count(count, 14)?;
        let telescopes = bytes.i16s(count)?;
        let positions = bytes.f32s(count * 3)?.as_chunks::<3>().0.to_vec();
        let (min_tel_trig, duration) = (bytes.i32()?, bytes.i32()?);
        let (target, observer) = (bytes.string()?, bytes.string()?);
        Ok(Self {
            run,
            time,
            run_type,
            tracking_mode,
            reverse_flag,
            direction,
            offset_fov,
            conv_depth,
            conv_ref_pos,
            telescopes,
            positions,
            min_tel_trig,
            duration,
            target,
            observer,
        })
    }
}

/// What was simulated.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct McRunHeader {
    /// Program of the showers: number, version, time of its start [s since 1970].
    pub shower_prog: [i32; 3],
    /// Program of the telescopes: number, version, time of its start [s since 1970].
    pub detector_prog: [i32; 3],
    /// Observation level \[m\].
    pub obs_height: f32,
    /// Number of showers.
    pub n_showers: i32,
    /// How often each shower is used.
    pub n_use: i32,
    /// How the impact points were chosen.
    pub core_pos_mode: i32,
    /// Range of the impact points \[m\].
    pub core_range: [f32; 2],
    /// Range of altitudes \[rad\].
    pub alt_range: [f32; 2],
    /// Range of azimuths \[rad\].
    pub az_range: [f32; 2],
    /// Whether directions are diffuse.
    pub diffuse: i32,
    /// Opening angles of the cone of directions \[deg\].
    pub viewcone: [f32; 2],
    /// Range of energies \[TeV\].
    pub energy_range: [f32; 2],
    /// Exponent of the spectrum.
    pub spectral_index: f32,
    /// Magnetic field \[uT\].
    pub b_total: f32,
    /// Inclination of the magnetic field \[rad\].
    pub b_inclination: f32,
    /// Declination of the magnetic field \[rad\].
    pub b_declination: f32,
    /// Height of injection \[m\].
    pub injection_height: f32,
    /// Number of the atmosphere.
    pub atmosphere: i32,
    /// Options of CORSIKA's IACT interface.
    pub iact_options: i32,
    /// Model of hadronic interactions at low energy.
    pub low_e_model: i32,
    /// Model of hadronic interactions at high energy.
    pub high_e_model: i32,
    /// Photons in a bunch.
    pub bunch_size: f32,
    /// Smallest wavelength \[nm\].
    pub wavelength_min: f32,
    /// Largest wavelength \[nm\].
    pub wavelength_max: f32,
    /// Details of the model at low energy.
    pub low_e_detail: i32,
    /// Details of the model at high energy.
    pub high_e_detail: i32,
}

impl McRunHeader {
    /// Reads a header.
    ///
    /// # Errors
    /// Content that is too short, or an unknown version.
    pub fn parse(object: &Object<'_>) -> Decoded<Self> {
        object.versions(4, 4)?;
        let mut bytes = object.bytes();
        let mut three = || -> Decoded<[i32; 3]> { Ok([bytes.i32()?, bytes.i32()?, bytes.i32()?]) };
        let (shower_prog, detector_prog) = (three()?, three()?);
        let obs_height = bytes.f32()?;
        let (n_showers, n_use, core_pos_mode) = (bytes.i32()?, bytes.i32()?, bytes.i32()?);
        let core_range = [bytes.f32()?, bytes.f32()?];
        let alt_range = [bytes.f32()?, bytes.f32()?];
        let az_range = [bytes.f32()?, bytes.f32()?];
        let diffuse = bytes.i32()?;
        let viewcone = [bytes.f32()?, bytes.f32()?];
        let energy_range = [bytes.f32()?, bytes.f32()?];
        Ok(Self {
            shower_prog,
            detector_prog,
            obs_height,
            n_showers,
            n_use,
            core_pos_mode,
            core_range,
            alt_range,
            az_range,
            diffuse,
            viewcone,
            energy_range,
            spectral_index: bytes.f32()?,
            b_total: bytes.f32()?,
            b_inclination: bytes.f32()?,
            b_declination: bytes.f32()?,
            injection_height: bytes.f32()?,
            atmosphere: bytes.i32()?,
            iact_options: bytes.i32()?,
            low_e_model: bytes.i32()?,
            high_e_model: bytes.i32()?,
            bunch_size: bytes.f32()?,
            wavelength_min: bytes.f32()?,
            wavelength_max: bytes.f32()?,
            low_e_detail: bytes.i32()?,
            high_e_detail: bytes.i32()?,
        })
    }
}

/// Reads a command line or a line of configuration (types 71 and 72): time [s since 1970] and text.
///
/// # Errors
/// Content that is too short.
pub fn history_line(object: &Object<'_>) -> Decoded<(i32, String)> {
    let mut bytes = object.bytes();
    Ok((bytes.i32()?, bytes.string()?))
}

/// Reads metadata (type 75): names and values in order. The identifier is the telescope, -1 for the whole array.
///
/// # Errors
/// Content that is too short.
pub fn history_meta(object: &Object<'_>) -> Decoded<Vec<(String, String)>> {
    let mut bytes = object.bytes();
    let count = var_count(&mut bytes, 2)?;
    (0..count).map(|_| Ok((bytes.var_string()?, bytes.var_string()?))).collect()
}
