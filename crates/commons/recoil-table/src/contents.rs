//! What is in a file, before anything of it is read as a table.

use std::path::Path;

use serde::Serialize;

use crate::address::Format;
use crate::error::Result;
use crate::stream::ReadOptions;

/// One object of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Object {
    /// Path inside the file; the file's own name for formats that hold one table.
    pub name: String,
    /// Class in ROOT files, element type and shape of a NumPy array, layout of an HDF5 table, otherwise "table".
    pub class: String,
    /// Rows of a table, where that is known without reading it.
    pub rows: Option<u64>,
    /// Columns of a table.
    pub columns: Option<usize>,
    /// Title, where there is one.
    pub title: String,
}

/// The objects in the file at `path`.
pub fn contents(path: &Path) -> Result<Vec<Object>> {
    match Format::of(path)? {
        Format::Root => crate::root::contents(path),
        Format::Npz | Format::Npy => crate::numpy::contents(path),
        Format::Hdf5 => crate::hdf5::contents(path),
        Format::Parquet | Format::Csv | Format::CsvGz => {
            let address = crate::Address::of_path(path)?;
            let reader = crate::open_at(&address, &ReadOptions::default())?;
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let columns = Some(reader.schema().fields().len());
            Ok(vec![Object {
                name,
                class: "table".to_owned(),
                rows: reader.total_rows(),
                columns,
                title: String::new(),
            }])
        }
    }
}
