//! NumPy files: `.npy` holds one array, `.npz` one array per column.
//!
//! The first axis of an array counts the rows; further axes become fixed-size lists. A structured array gives a column
//! per field, any other `.npy` array one column called `value`. In `.npz`, a list column `x` is stored as two arrays:
//! the elements of all rows as `x`, and as `x_offsets` the rows + 1 places where the rows begin and end in it.

mod header;
mod literal;
mod read;
mod write;
mod zip;

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

pub use read::NumpyReader;
pub use write::{NpyWriter, NpzWriter};

use crate::address::Format;
use crate::contents::Object;
use crate::error::{Error, Result};
use header::Header;

/// What the name of an array of offsets adds to that of the elements.
const OFFSETS: &str = "_offsets";
/// Name of the column that a plain array in a `.npy` file gives.
const VALUE: &str = "value";

fn malformed(file: &str, message: impl Into<String>) -> Error {
    Error::Malformed { file: file.to_owned(), format: "NumPy", message: message.into() }
}

/// The arrays in a file.
pub(crate) fn contents(path: &Path) -> Result<Vec<Object>> {
    let file = path.display().to_string();
    let object = |name: String, header: &Header| Object {
        name,
        class: header.describe(),
        rows: Some(header.rows),
        columns: Some(header.layout.fields.len()),
        title: String::new(),
    };
    if Format::of(path)? == Format::Npy {
        let opened = File::open(path).map_err(|error| Error::io(&file, error))?;
        let header = Header::read(&file, &mut BufReader::new(opened))?;
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        return Ok(vec![object(name, &header)]);
    }
    let mut objects = Vec::new();
    for member in zip::members(path)? {
        let place = format!("{file}:{}", member.name);
        let header = Header::read(&place, &mut member.open(path)?)?;
        objects.push(object(member.name, &header));
    }
    Ok(objects)
}
