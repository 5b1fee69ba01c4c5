//! Tables in HDF5 files, as PyTables, pandas and h5py write and read them.
//!
//! Four layouts are read as tables:
//!
//! * a data set of records (PyTables tables, pandas' `table` format, NumPy record arrays): a column per member,
//! * pandas' `fixed` format: a column per name, without the index,
//! * a group of data sets that have the same number of rows: a column per data set,
//! * any other data set: one column of its name.
//!
//! Further axes become fixed-size lists. [`Hdf5Writer`] writes a PyTables table, batch after batch, which h5py,
//! PyTables and `pandas.read_hdf` read; [`write_frames`] writes pandas' `fixed` format. [`TableFile`] and [`StoredTable`]
//! handle files with many tables. Data sets packed by Blosc, the packer of PyTables, are read too.

mod blosc;
mod file;
mod frame;
mod large;
mod layout;
mod read;
mod rows;
mod write;

use std::path::Path;

use hdf5_pure::{File, FormatError};

pub use file::{
    Attribute, Member, StoredTable, TableFile, TableRows, Value, file_texts, members_of, offset_of, row_bytes,
};
pub use frame::{Frame, write_frames};
pub use read::Hdf5Reader;
pub use rows::RowReader;
pub use write::Hdf5Writer;

use crate::contents::Object;
use crate::error::{Error, Result};

/// Name of the table that is written when the address names none.
pub const DEFAULT_TABLE: &str = "events";
/// Attribute of a table with units and meanings of its columns, as JSON: `{"column": {"unit": "cm", "doc": "..."}}`.
const COLUMNS: &str = "recoil.columns";

/// Opens the file for reading piece by piece.
fn open(path: &Path) -> Result<File> {
    let file = path.display().to_string();
    let opened = File::open_streaming(path).map_err(|error| failed(&file, &error))?;
    let there = std::fs::metadata(path).map_err(|error| Error::io(&file, error))?.len();
    let promised = opened.superblock().eof_address;
    if promised > there {
        return Err(malformed(&file, format!("the file is cut off: {promised} bytes promised, {there} there")));
    }
    Ok(opened)
}

fn malformed(file: &str, message: impl Into<String>) -> Error {
    Error::Malformed { file: file.to_owned(), format: "HDF5", message: message.into() }
}

/// The error of the library, sorted into ours.
fn failed(file: &str, error: &hdf5_pure::Error) -> Error {
    match error {
        hdf5_pure::Error::Io(source) => Error::io(file, std::io::Error::new(source.kind(), source.to_string())),
        hdf5_pure::Error::Format(FormatError::UnsupportedFilter(filter)) => {
            let name = match *filter {
                32001 => " (Blosc)",
                4 => " (szip)",
                _ => "",
            };
            let message = format!("values are packed by the HDF5 filter {filter}{name}, which is not read");
            Error::Unsupported { file: file.to_owned(), message }
        }
        other => malformed(file, other.to_string()),
    }
}

/// The tables in the file at `path`, of all groups.
pub(crate) fn contents(path: &Path) -> Result<Vec<Object>> {
    let file = path.display().to_string();
    let opened = open(path)?;
    let mut objects = Vec::new();
    for name in layout::tables(&file, &opened)? {
        let table = layout::Table::find(&file, &opened, &name)?;
        objects.push(Object {
            name,
            class: table.kind.to_owned(),
            rows: Some(table.rows),
            columns: Some(table.columns.len()),
            title: String::new(),
        });
    }
    Ok(objects)
}
