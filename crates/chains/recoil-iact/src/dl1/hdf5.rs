//! DL1 files in HDF5, in the layout of lstchain and ctapipe.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use recoil_eventio::histogram::Histogram;
use recoil_eventio::simtel::SimtelReader;
use recoil_table::hdf5::{Attribute, Member, TableFile, TableRows, Value};

use super::describe::instrument;
use super::instrument::{Kind as TelescopeKind, kind_of};
use super::reduce::{Reduced, Trigger};
use super::row::COLUMNS;
use crate::camera::Camera;
use crate::data::{Column, DL1_PARAMETERS, Kind, RUN_CONFIG};
use crate::error::{IactError, Result};

/// Versions that readers of such files look for.
const VERSIONS: [(&str, &str); 4] = [
    ("CONTACT", "LST Consortium"),
    ("CTAPIPE_VERSION", "0.25.1"),
    ("CTAPIPE_IO_LST_VERSION", "0.29.2"),
    ("LSTCHAIN_VERSION", "0.12.3"),
];
/// Number of the histogram of thrown showers in files of sim_telarray.
const THROWN: i32 = 6;
/// Python's name of the type of events, as `pickle` writes it in text form.
const EVENT_TYPE: &str = "cctapipe.containers\nEventType\np0\n.";

/// A text. PyTables takes texts in ASCII for bytes, or for pickled objects, as [`EVENT_TYPE`] is meant to be.
pub(super) fn text(value: &str) -> Attribute {
    if value == EVENT_TYPE { Attribute::AsciiString(value.to_owned()) } else { Attribute::String(value.to_owned()) }
}

pub(super) fn named(name: &str, value: Attribute) -> (String, Attribute) {
    (name.to_owned(), value)
}

/// The versions, as attributes.
pub fn versions() -> Vec<(String, Attribute)> {
    VERSIONS.iter().map(|(name, value)| named(name, text(value))).collect()
}

/// A column as a member of a table.
fn member(column: &Column) -> Member {
    let value = match column.kind {
        Kind::I32 => Value::I32,
        Kind::I64 => Value::I64,
        Kind::F32 => Value::F32,
        Kind::F64 => Value::F64,
    };
    Member::scalar(column.name, value)
}

/// Attributes that tell meaning and unit of columns.
fn described(columns: &[Column]) -> Vec<(String, Attribute)> {
    let mut all = versions();
    for (index, column) in columns.iter().enumerate() {
        let mut tell = |key: &str, value: &str| all.push(named(&format!("CTAFIELD_{index}_{key}"), text(value)));
        tell("NAME", column.name);
        tell("DESC", column.doc);
        if column.quantity {
            tell("TRANSFORM", "quantity");
            tell("UNIT", column.unit);
        }
        if ["trigger_type", "event_type"].contains(&column.name) {
            tell("TRANSFORM", "enum");
            tell("ENUM", EVENT_TYPE);
        }
    }
    all
}

/// Appends a value as a column holds it.
fn put(row: &mut Vec<u8>, kind: Kind, value: f64) {
    match kind {
        Kind::I32 => row.extend((value as i32).to_le_bytes()),
        Kind::I64 => row.extend((value as i64).to_le_bytes()),
        Kind::F32 => row.extend((value as f32).to_le_bytes()),
        Kind::F64 => row.extend(value.to_le_bytes()),
    }
}

/// A row of parameters as bytes.
pub fn parameter_bytes(values: &[f64; COLUMNS], row: &mut Vec<u8>) {
    for (column, value) in DL1_PARAMETERS.iter().zip(values) {
        put(row, column.kind, *value);
    }
}

/// Columns of the table of images of a camera.
pub fn image_members(pixels: usize) -> Vec<Member> {
    let pixels = [pixels as u32];
    vec![
        Member::scalar("obs_id", Value::I32),
        Member::scalar("event_id", Value::I64),
        Member::array("image", Value::F32, &pixels),
        Member::array("peak_time", Value::F32, &pixels),
        Member::array("image_mask", Value::Bool, &pixels),
        Member::scalar("is_valid", Value::Bool),
        Member::scalar("tel_id", Value::I64),
        Member::array("selected_gain_channel", Value::I8, &pixels),
    ]
}

/// Columns of the table of true images of a camera.
fn true_image_members(pixels: usize) -> Vec<Member> {
    let pixels = [pixels as u32];
    vec![
        Member::scalar("obs_id", Value::I32),
        Member::scalar("event_id", Value::I64),
        Member::scalar("true_image_sum", Value::I32),
        Member::array("true_image", Value::I32, &pixels),
        Member::scalar("tel_id", Value::I64),
        Member::array("selected_gain_channel", Value::I8, &pixels),
    ]
}

/// Columns of the table of parameters.
pub fn parameter_members() -> Vec<Member> {
    DL1_PARAMETERS.iter().map(member).collect()
}

/// A DL1 file being written.
pub struct Dl1File {
    file: TableFile,
    name: String,
    config: String,
    with_images: bool,
    telescopes: Vec<i32>,
    kinds: BTreeMap<i32, TelescopeKind>,
    trigger: TableRows,
    parameters: BTreeMap<String, TableRows>,
    images: BTreeMap<String, TableRows>,
    true_images: BTreeMap<String, TableRows>,
}

impl Dl1File {
    /// Creates the file with the description of the telescopes of `reader`; `config` is what its tables record.
    ///
    /// # Errors
    /// Files that cannot be written, telescopes that are not described well enough.
    pub fn create(path: &Path, reader: &SimtelReader, config: String, with_images: bool) -> Result<Self> {
        let mut file = TableFile::create(path)?;
        for (name, value) in versions() {
            file.attribute(&name, value)?;
        }
        let mut described = BTreeMap::new();
        for (number, telescope) in reader.telescopes() {
            if !telescope.camera.pixel_x.is_empty() {
                described.insert(*number, (Arc::new(Camera::new(&telescope.camera, reader.name())?), telescope));
            }
        }
        let kinds = described.iter().map(|(number, (camera, _))| (*number, kind_of(camera))).collect();
        instrument(&mut file, reader, &described)?;
        run_config(&mut file, reader)?;
        let telescopes: Vec<i32> = described.keys().copied().collect();
        let members = [
            Member::scalar("obs_id", Value::I32),
            Member::scalar("event_id", Value::I64),
            Member::array("time", Value::U32, &[2]),
            Member::array("tels_with_trigger", Value::Bool, &[telescopes.len().max(1) as u32]),
            Member::scalar("event_type", Value::I64),
        ];
        let trigger = file.table("dl1/event/subarray/trigger", &members, &trigger_attributes(&config))?;
        let name = path.display().to_string();
        let (parameters, images, true_images) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Ok(Self { file, name, config, with_images, telescopes, kinds, trigger, parameters, images, true_images })
    }

    /// Appends a row to the table of triggers.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn trigger(&mut self, trigger: &Trigger) -> Result<()> {
        let mut row = Vec::new();
        row.extend(trigger.run.to_le_bytes());
        row.extend(trigger.event.to_le_bytes());
        let (seconds, quarters) = atomic_time(trigger.time);
        row.extend(seconds.to_le_bytes());
        row.extend(quarters.to_le_bytes());
        let triggered = |telescope: &i32| u8::from(trigger.telescopes.contains(telescope));
        row.extend(self.telescopes.iter().map(triggered));
        if self.telescopes.is_empty() {
            row.push(0);
        }
        row.extend(trigger.event_type.to_le_bytes());
        Ok(self.trigger.push(&row)?)
    }

    /// Appends reduced events.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn events(&mut self, reduced: Vec<Reduced>) -> Result<()> {
        for found in reduced {
            let telescope = found.place.telescope;
            let unknown = || IactError::content(&self.name, format!("telescope {telescope} is not described"));
            let table = self.kinds.get(&telescope).ok_or_else(unknown)?.table();
            let mut row = Vec::new();
            parameter_bytes(&found.values, &mut row);
            if !self.parameters.contains_key(&table) {
                let mut attributes = described(DL1_PARAMETERS);
                attributes.push(named("config", text(&self.config)));
                let path = format!("dl1/event/telescope/parameters/{table}");
                let rows = self.file.table(&path, &parameter_members(), &attributes)?;
                self.parameters.insert(table.clone(), rows);
            }
            if let Some(rows) = self.parameters.get_mut(&table) {
                rows.push(&row)?;
            }
            if let Some(light) = found.true_image.as_ref().filter(|light| light.iter().any(|count| *count != 0)) {
                if !self.true_images.contains_key(&table) {
                    let path = format!("dl1/event/simulation/{table}");
                    let rows = self.file.table(&path, &true_image_members(light.len()), &versions())?;
                    self.true_images.insert(table.clone(), rows);
                }
                if let Some(rows) = self.true_images.get_mut(&table) {
                    rows.push(&true_image_bytes(&found, light))?;
                }
            }
            if !self.with_images {
                continue;
            }
            if !self.images.contains_key(&table) {
                let path = format!("dl1/event/telescope/image/{table}");
                let members = image_members(found.image.charge.len());
                let rows = self.file.table(&path, &members, &image_attributes(&self.config))?;
                self.images.insert(table.clone(), rows);
            }
            if let Some(rows) = self.images.get_mut(&table) {
                rows.push(&image_bytes(&found))?;
            }
        }
        Ok(())
    }

    /// Completes the file with the histogram of thrown showers.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn finish(mut self, histograms: &[Histogram], run: i32, provenance: &str) -> Result<()> {
        self.file.attribute(recoil_table::PROVENANCE, Attribute::VarLenString(provenance.to_owned()))?;
        if let Some(thrown) = histograms.iter().find(|histogram| histogram.id == THROWN) {
            thrown_showers(&mut self.file, thrown, run)?;
        }
        self.trigger.finish()?;
        let images = self.images.into_values().chain(self.true_images.into_values());
        for rows in self.parameters.into_values().chain(images) {
            rows.finish()?;
        }
        Ok(self.file.close()?)
    }
}

fn true_image_bytes(found: &Reduced, light: &[i32]) -> Vec<u8> {
    let mut row = Vec::with_capacity(light.len() * 5 + 32);
    row.extend(found.place.run.to_le_bytes());
    row.extend(found.place.event.to_le_bytes());
    let sum: i64 = light.iter().map(|count| i64::from(*count)).sum();
    row.extend(i32::try_from(sum).unwrap_or(i32::MAX).to_le_bytes());
    light.iter().for_each(|count| row.extend(count.to_le_bytes()));
    row.extend(i64::from(found.place.telescope).to_le_bytes());
    row.extend(found.gain.iter().map(|gain| gain.cast_unsigned()));
    row
}

fn image_bytes(found: &Reduced) -> Vec<u8> {
    let mut row = Vec::with_capacity(found.image.charge.len() * 10 + 32);
    row.extend(found.place.run.to_le_bytes());
    row.extend(found.place.event.to_le_bytes());
    for value in found.image.charge.iter().chain(&found.image.time) {
        row.extend(value.to_le_bytes());
    }
    row.extend(found.mask.iter().map(|kept| u8::from(*kept)));
    row.push(1);
    row.extend(i64::from(found.place.telescope).to_le_bytes());
    row.extend(found.gain.iter().map(|gain| gain.cast_unsigned()));
    row
}

fn trigger_attributes(config: &str) -> Vec<(String, Attribute)> {
    let mut all = versions();
    for (index, name, doc) in [
        (0, "obs_id", "Observation Block ID"),
        (1, "event_id", "Array Event ID"),
        (2, "time", "central average time stamp"),
        (3, "tels_with_trigger", "List of telescope ids that triggered the array event"),
        (4, "event_type", "Event type"),
    ] {
        all.push(named(&format!("CTAFIELD_{index}_NAME"), text(name)));
        all.push(named(&format!("CTAFIELD_{index}_DESC"), text(doc)));
    }
    for (name, value) in [
        ("CTAFIELD_2_TRANSFORM", "time"),
        ("CTAFIELD_2_TIME_SCALE", "tai"),
        ("CTAFIELD_2_TIME_FORMAT", "ctao_high_res"),
        ("CTAFIELD_4_TRANSFORM", "enum"),
        ("CTAFIELD_4_ENUM", EVENT_TYPE),
        ("config", config),
    ] {
        all.push(named(name, text(value)));
    }
    all
}

fn image_attributes(config: &str) -> Vec<(String, Attribute)> {
    let mut all = versions();
    for (index, (name, doc)) in [
        ("obs_id", "Observation Block ID"),
        ("event_id", "Array Event ID"),
        ("image", "Charge of each pixel in photo-electrons"),
        ("peak_time", "Time of the pulse in each pixel, in ns"),
        ("image_mask", "Whether the pixel passed the cleaning"),
        ("is_valid", "Whether the extraction succeeded"),
        ("tel_id", "Telescope ID"),
        ("selected_gain_channel", "Selected gain channel"),
    ]
    .into_iter()
    .enumerate()
    {
        all.push(named(&format!("CTAFIELD_{index}_NAME"), text(name)));
        all.push(named(&format!("CTAFIELD_{index}_DESC"), text(doc)));
    }
    all.push(named("config", text(config)));
    all
}

fn run_config(file: &mut TableFile, reader: &SimtelReader) -> Result<()> {
    let members: Vec<Member> = RUN_CONFIG.iter().map(member).collect();
    let mut rows = file.table("simulation/run_config", &members, &described(RUN_CONFIG))?;
    if let Some(mc) = reader.mc_runs().first() {
        let run = f64::from(reader.run().run);
        let real = |value: f32| f64::from(value);
        let whole = |value: i32| f64::from(value);
        let ([shower, shower_version, shower_start], [detector, detector_version, detector_start]) =
            (mc.shower_prog, mc.detector_prog);
        let values = [
            run,
            run,
            whole(shower_version),
            whole(detector_version),
            real(mc.energy_range[0]),
            real(mc.energy_range[1]),
            real(mc.b_total),
            real(mc.b_declination),
            real(mc.b_inclination),
            real(mc.obs_height),
            real(mc.spectral_index),
            whole(shower_start),
            whole(shower),
            whole(detector_start),
            whole(detector),
            whole(mc.n_showers),
            whole(mc.n_use),
            real(mc.alt_range[1]),
            real(mc.alt_range[0]),
            real(mc.az_range[1]),
            real(mc.az_range[0]),
            whole(mc.diffuse),
            real(mc.viewcone[1]),
            real(mc.viewcone[0]),
            real(mc.core_range[1]),
            real(mc.core_range[0]),
            whole(mc.core_pos_mode),
            whole(mc.atmosphere),
            whole(mc.iact_options),
            whole(mc.low_e_model),
            whole(mc.high_e_model),
            real(mc.bunch_size),
            real(mc.wavelength_min),
            real(mc.wavelength_max),
            whole(mc.low_e_detail),
            whole(mc.high_e_detail),
        ];
        let mut row = Vec::new();
        for (column, value) in RUN_CONFIG.iter().zip(values) {
            put(&mut row, column.kind, value);
        }
        rows.push(&row)?;
    }
    rows.finish()?;
    Ok(())
}

fn thrown_showers(file: &mut TableFile, thrown: &Histogram, run: i32) -> Result<()> {
    let (distances, energies) = (thrown.x.bins, thrown.y.bins);
    // the reference keeps the stored type; where nothing is stored, it makes up zeros
    let stored = match thrown.kind {
        _ if thrown.data.iter().all(|count| *count == 0.0) => Value::F64,
        'F' | 'D' => Value::F32,
        _ => Value::I32,
    };
    let members = [
        Member::scalar("obs_id", Value::I32),
        Member::scalar("hist_id", Value::I64),
        Member::scalar("num_entries", Value::I64),
        Member::array("bins_energy", Value::F64, &[energies as u32 + 1]),
        Member::array("bins_core_dist", Value::F64, &[distances as u32 + 1]),
        Member::array("histogram", stored, &[energies as u32, distances as u32]),
    ];
    let mut attributes = versions();
    attributes.push(named("hist_title", text(&thrown.title)));
    attributes.push(named("x_label", text("Log10 E (TeV)")));
    attributes.push(named("y_label", text("3D Core Distance (m)")));
    let meanings = [
        "MC run ID",
        "Histogram ID",
        "Number of entries in the histogram",
        "Array of energy bin lower edges, as in np.histogram",
        "Array of core-distance bin lower edges, as in np.histogram",
        "Array of histogram entries, size (n_bins_x, n_bins_y)",
    ];
    for (index, (member, meaning)) in members.iter().zip(meanings).enumerate() {
        attributes.push(named(&format!("CTAFIELD_{index}_NAME"), text(&member.name)));
        attributes.push(named(&format!("CTAFIELD_{index}_DESC"), text(meaning)));
    }
    let mut rows = file.table("simulation/thrown_event_distribution", &members, &attributes)?;
    let edges = |axis: &recoil_eventio::histogram::Axis| -> Vec<f64> {
        let step = (axis.upper - axis.lower) / axis.bins.max(1) as f64;
        let last = |at: usize| if at == axis.bins { axis.upper } else { axis.lower + at as f64 * step };
        (0..=axis.bins).map(last).collect()
    };
    let mut row = Vec::new();
    row.extend(run.to_le_bytes());
    row.extend(i64::from(thrown.id).to_le_bytes());
    row.extend(i64::from(thrown.entries).to_le_bytes());
    let energies = edges(&thrown.y).into_iter().map(|edge| 10f64.powf(edge));
    for value in energies.chain(edges(&thrown.x)) {
        row.extend(value.to_le_bytes());
    }
    for count in &thrown.data {
        match stored {
            Value::F32 => row.extend((*count as f32).to_le_bytes()),
            Value::I32 => row.extend((*count as i32).to_le_bytes()),
            _ => row.extend(count.to_le_bytes()),
        }
    }
    rows.push(&row)?;
    rows.finish()?;
    Ok(())
}

/// Days on which atomic time ran ahead by another second \[s since 1970\], from 1972 on with ten seconds.
const LEAPS: [i64; 28] = [
    63_072_000,
    78_796_800,
    94_694_400,
    126_230_400,
    157_766_400,
    189_302_400,
    220_924_800,
    252_460_800,
    283_996_800,
    315_532_800,
    362_793_600,
    394_329_600,
    425_865_600,
    489_024_000,
    567_993_600,
    631_152_000,
    662_688_000,
    709_948_800,
    741_484_800,
    773_020_800,
    820_454_400,
    867_715_200,
    915_148_800,
    1_136_073_600,
    1_230_768_000,
    1_341_100_800,
    1_435_708_800,
    1_483_228_800,
];

/// Atomic time of a time by the clock: seconds since 1970, and quarters of nanoseconds.
fn atomic_time((seconds, nanoseconds): (i32, i32)) -> (u32, u32) {
    let seconds = i64::from(seconds);
    let ahead = 9 + LEAPS.partition_point(|leap| *leap <= seconds) as i64;
    let quarters = u32::try_from(i64::from(nanoseconds) * 4).unwrap_or(0);
    (u32::try_from(seconds + ahead).unwrap_or(0), quarters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn atomic_time_by_hand() {
        assert_eq!(atomic_time((1_569_847_999, 557_891_000)), (1_569_848_036, 2_231_564_000));
        assert_eq!(atomic_time((63_072_000, 0)).0 - 63_072_000, 10);
    }
}
