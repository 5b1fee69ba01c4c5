//! The tables of a DL1 file, ours or lstchain's.

use std::collections::BTreeMap;
use std::path::Path;

use recoil_table::hdf5::{Member, StoredTable, Value, file_texts, offset_of};

use crate::camera::Camera;
use crate::error::{IactError, Result};

/// Where the tables of parameters are.
pub const PARAMETERS: &str = "dl1/event/telescope/parameters";
/// Where the tables of images are.
pub const IMAGES: &str = "dl1/event/telescope/image";
const GEOMETRY: &str = "configuration/instrument/telescope/camera/geometry_";
const OPTICS: &str = "configuration/instrument/telescope/optics";

/// A column of a table, to be read and written in the bytes of its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    offset: usize,
    value: Value,
}

impl Place {
    /// The column called `name`, if it is there.
    pub fn find(members: &[Member], name: &str) -> Option<Self> {
        let offset = offset_of(members, name)?;
        let value = members.iter().find(|member| member.name == name)?.value;
        Some(Self { offset, value })
    }

    /// The elements of a column, one after the other.
    pub fn all(members: &[Member], member: &Member) -> Vec<Self> {
        let Some(start) = offset_of(members, &member.name) else { return Vec::new() };
        let size = member.value.size().max(1);
        let at = |index: usize| Self { offset: start + index * size, value: member.value };
        (0..member.size() / size).map(at).collect()
    }

    /// Copies its value in a row to another column in another row.
    pub fn copy(self, row: &[u8], to: Self, target: &mut [u8]) {
        let size = self.value.size();
        let source = row.get(self.offset..self.offset + size);
        match (source, target.get_mut(to.offset..to.offset + size)) {
            // whole numbers of any size stay what they are
            (Some(source), Some(target)) if self.value == to.value => target.copy_from_slice(source),
            _ => to.set(target, self.get(row)),
        }
    }

    /// Its value in a row.
    pub fn get(self, row: &[u8]) -> f64 {
        let rest = row.get(self.offset..).unwrap_or_default();
        let two = || rest.first_chunk::<2>().copied().unwrap_or_default();
        let four = || rest.first_chunk::<4>().copied().unwrap_or_default();
        let eight = || rest.first_chunk::<8>().copied().unwrap_or_default();
        match self.value {
            Value::Bool | Value::U8 => f64::from(rest.first().copied().unwrap_or(0)),
            Value::I8 => f64::from(rest.first().copied().unwrap_or(0).cast_signed()),
            Value::I16 => f64::from(i16::from_le_bytes(two())),
            Value::U16 => f64::from(u16::from_le_bytes(two())),
            Value::I32 => f64::from(i32::from_le_bytes(four())),
            Value::U32 => f64::from(u32::from_le_bytes(four())),
            Value::I64 => i64::from_le_bytes(eight()) as f64,
            Value::U64 => u64::from_le_bytes(eight()) as f64,
            Value::F32 => f64::from(f32::from_le_bytes(four())),
            Value::F64 => f64::from_le_bytes(eight()),
            Value::Text(_) => f64::NAN,
        }
    }

    /// Sets its value in a row; whole numbers of floating-point values that are none become 0.
    pub fn set(self, row: &mut [u8], value: f64) {
        let mut put = |bytes: &[u8]| {
            if let Some(place) = row.get_mut(self.offset..self.offset + bytes.len()) {
                place.copy_from_slice(bytes);
            }
        };
        match self.value {
            Value::Bool | Value::U8 => put(&[value as u8]),
            Value::I8 => put(&(value as i8).to_le_bytes()),
            Value::I16 => put(&(value as i16).to_le_bytes()),
            Value::U16 => put(&(value as u16).to_le_bytes()),
            Value::I32 => put(&(value as i32).to_le_bytes()),
            Value::U32 => put(&(value as u32).to_le_bytes()),
            Value::I64 => put(&(value as i64).to_le_bytes()),
            Value::U64 => put(&(value as u64).to_le_bytes()),
            Value::F32 => put(&(value as f32).to_le_bytes()),
            Value::F64 => put(&value.to_le_bytes()),
            Value::Text(_) => {}
        }
    }
}

/// The tables of a DL1 file.
pub struct Dl1Tables {
    file: String,
    attributes: Vec<(String, String)>,
    tables: BTreeMap<String, StoredTable>,
}

impl Dl1Tables {
    /// Opens a file.
    ///
    /// # Errors
    /// Files that are no HDF5 files, or hold tables of a form that is not read.
    pub fn open(path: &Path) -> Result<Self> {
        let own = ["CLASS", "VERSION", "TITLE", "PYTABLES_FORMAT_VERSION", "FILTERS"];
        let mut attributes = file_texts(path)?;
        attributes.retain(|(name, _)| !own.contains(&name.as_str()));
        let tables = StoredTable::all(path)?.into_iter().map(|table| (table.path.clone(), table)).collect();
        Ok(Self { file: path.display().to_string(), attributes, tables })
    }

    /// Attributes of the file itself: versions and the like.
    pub fn attributes(&self) -> &[(String, String)] {
        &self.attributes
    }

    /// The tables by their paths.
    pub fn tables(&mut self) -> &mut BTreeMap<String, StoredTable> {
        &mut self.tables
    }

    /// Takes all tables but those of parameters and images.
    pub fn take_others(&mut self) -> Vec<StoredTable> {
        let paths: Vec<String> = self.tables.keys().cloned().collect();
        let other = |path: &&String| !path.starts_with(PARAMETERS) && !path.starts_with(IMAGES);
        // the description of the cameras is needed later
        let of_camera = |path: &str| path.starts_with(GEOMETRY) || path == OPTICS;
        let mut taken = Vec::new();
        for path in paths.iter().filter(other) {
            if of_camera(path) {
                if let Ok(again) = StoredTable::open(Path::new(&self.file), path) {
                    taken.push(again);
                }
            } else {
                taken.extend(self.tables.remove(path));
            }
        }
        taken
    }

    /// Kinds of telescopes with parameters, such as `LST_LSTCam`.
    pub fn kinds(&self) -> Vec<String> {
        let kinds = self.tables.keys().filter_map(|path| path.strip_prefix(PARAMETERS)?.strip_prefix('/'));
        kinds.map(str::to_owned).collect()
    }

    /// Takes the tables of parameters and images of a kind of telescopes; `None` without parameters.
    ///
    /// # Errors
    /// Files without images, and tables of different lengths.
    pub fn take(&mut self, kind: &str) -> Result<Option<(StoredTable, StoredTable)>> {
        let Some(parameters) = self.tables.remove(&format!("{PARAMETERS}/{kind}")) else { return Ok(None) };
        let images = self.tables.remove(&format!("{IMAGES}/{kind}"));
        let images = images.ok_or_else(|| IactError::content(&self.file, format!("no images of {kind}")))?;
        if images.rows() != parameters.rows() {
            let (images, rows) = (images.rows(), parameters.rows());
            return Err(IactError::content(&self.file, format!("{images} images and {rows} rows of parameters")));
        }
        Ok(Some((parameters, images)))
    }

    /// Whether the images were modified, as the recorded configuration tells.
    pub fn already_modified(&self) -> bool {
        let modified = |table: &StoredTable| {
            let config: Option<serde_json::Value> =
                table.text("config").and_then(|text| serde_json::from_str(text).ok());
            let modifier = config.as_ref().and_then(|config| config.get("image_modifier"));
            let is = |key: &str| modifier.and_then(|m| m.get(key)).and_then(serde_json::Value::as_bool) == Some(true);
            is("increase_nsb") || is("increase_psf")
        };
        self.tables.iter().any(|(path, table)| path.starts_with(IMAGES) && modified(table))
    }

    /// The camera of a kind of telescopes: the described one with as many pixels as the images have.
    ///
    /// # Errors
    /// Files that do not describe it.
    pub fn camera(&mut self, kind: &str) -> Result<Camera> {
        let images = self.tables.get(&format!("{IMAGES}/{kind}"));
        let pixels = images.and_then(|table| table.members.iter().find(|member| member.name == "image"));
        let pixels = pixels.and_then(|member| member.shape.first()).copied().unwrap_or(0);
        let file = self.file.clone();
        let unknown = || IactError::content(&file, format!("no camera of {pixels} pixels is described for {kind}"));
        let wanted = kind.split_once('_').map(|(_, camera)| camera);
        let mut found: Option<usize> = None;
        for (path, table) in &self.tables {
            let Some(number) = path.strip_prefix(GEOMETRY).and_then(|number| number.parse().ok()) else { continue };
            if table.rows() == u64::from(pixels) && (found.is_none() || table.text("CAM_ID") == wanted) {
                found = Some(number);
            }
        }
        let number = found.ok_or_else(unknown)?;
        let focal_length = self.focal_length(number as u64)?;
        let geometry = self.tables.get(&format!("{GEOMETRY}{number}"));
        let Some(geometry) = geometry else { return Err(unknown()) };
        let column = |rows: &[u8], name: &str| -> Result<Vec<f64>> {
            let place = Place::find(&geometry.members, name).ok_or_else(|| IactError::Column {
                file: self.file.clone(),
                column: name.to_owned(),
                reason: format!("is not in the table {GEOMETRY}{number}"),
            })?;
            Ok(rows.chunks_exact(geometry.row_bytes().max(1)).map(|row| place.get(row)).collect())
        };
        let square = geometry.text("PIX_TYPE").is_some_and(|shape| shape.contains("rect") || shape.contains("square"));
        let rows = {
            let mut again = StoredTable::open(Path::new(&self.file), &geometry.path)?;
            again.read(0, u64::from(pixels))?
        };
        let (x, y, area) = (column(&rows, "pix_x")?, column(&rows, "pix_y")?, column(&rows, "pix_area")?);
        Camera::of_pixels(x, y, area, square, focal_length)
            .map_err(|reason| IactError::content(&self.file, format!("the camera of {kind} {reason}")))
    }

    fn focal_length(&mut self, number: u64) -> Result<f64> {
        let missing = || IactError::content(&self.file, "no focal length is described");
        let optics = self.tables.get_mut(OPTICS).ok_or_else(missing)?;
        let place = Place::find(&optics.members, "equivalent_focal_length").ok_or_else(missing)?;
        let row = number.min(optics.rows().saturating_sub(1));
        let length = place.get(&optics.read(row, 1)?);
        if length > 0.0 && length.is_finite() { Ok(length) } else { Err(missing()) }
    }
}
