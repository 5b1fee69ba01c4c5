//! Columnar event tables: Parquet, CSV, NumPy, HDF5 and ROOT in and out, selections on jagged columns.
//!
//! A table is a stream of Arrow record batches. Scalar columns hold one value per event, `List` columns a collection
//! per event; the metadata of a column tells its `unit` and its meaning (`doc`). [`open`] reads any supported file,
//! [`create`] writes one, both in batches of bounded size, and [`Batch`] hands columns to algorithms as slices.
//!
//! ```
//! # use std::sync::Arc;
//! # use arrow_array::{ArrayRef, Float32Array, RecordBatch};
//! use arrow_schema::{DataType, Schema};
//! use recoil_table::{Address, ReadOptions};
//!
//! # let dir = tempfile::tempdir()?;
//! # let path = dir.path().join("gen.parquet");
//! # let file = path.to_str().ok_or("name")?;
//! let schema = Arc::new(Schema::new(vec![recoil_table::field("gen_en", DataType::Float32, "GeV", "energy")]));
//! let energies: ArrayRef = Arc::new(Float32Array::from(vec![20.0, 35.5]));
//! let mut writer = recoil_table::create(&Address::parse(file)?, &schema)?;
//! writer.write(&RecordBatch::try_new(schema, vec![energies])?)?;
//! writer.finish(None)?;
//!
//! for batch in recoil_table::open(file, &ReadOptions::default())? {
//!     assert_eq!(batch?.scalar::<f32>("gen_en")?, [20.0, 35.5]);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod address;
mod batch;
mod contents;
pub mod csv;
mod error;
mod filled;
mod group;
pub mod hdf5;
mod jagged;
mod many;
mod number;
pub mod numpy;
pub mod parquet;
mod record;
pub mod root;
pub mod select;
mod shape;
mod stream;
mod text;
mod types;

use arrow_schema::SchemaRef;

pub use address::{Address, Format};
pub use batch::{Batch, concat};
pub use contents::{Object, contents};
pub use error::{Error, Hint, Result};
pub use group::Groups;
pub use jagged::{Jagged, Nested};
pub use many::{ChainReader, addresses};
pub use number::{Number, Value};
pub use select::{Filter, SelectError, Selection, open_selected, select};
pub use shape::{explode, implode};
pub use stream::{BatchReader, BatchWriter, MemoryReader, ReadOptions};
pub use text::Cells;
pub use types::{ColumnType, DOC, PROVENANCE, UNIT, doc, field, fixed_of, list_of, type_name, unit};

/// Opens the table `FILE` or `FILE:NAME`; the extension tells the format.
pub fn open(address: &str, options: &ReadOptions) -> Result<Box<dyn BatchReader>> {
    open_at(&Address::parse(address)?, options)
}

/// Opens the table at `address`.
pub fn open_at(address: &Address, options: &ReadOptions) -> Result<Box<dyn BatchReader>> {
    let path = &address.path;
    Ok(match address.format {
        Format::Parquet => Box::new(parquet::ParquetReader::open(path, options)?),
        Format::Csv => Box::new(csv::CsvReader::open(path, false, options)?),
        Format::CsvGz => Box::new(csv::CsvReader::open(path, true, options)?),
        Format::Npy | Format::Npz => Box::new(numpy::NumpyReader::open(address, options)?),
        Format::Hdf5 => Box::new(hdf5::Hdf5Reader::open(address, options)?),
        Format::Root => Box::new(root::RootReader::open(address, options)?),
    })
}

/// Opens several tables of the same columns as one.
pub fn open_all(addresses: &[Address], options: &ReadOptions) -> Result<Box<dyn BatchReader>> {
    match addresses {
        [only] => open_at(only, options),
        several => Ok(Box::new(ChainReader::open(several, options)?)),
    }
}

/// Creates the table at `address` for rows of `schema`, overwriting a file that is there.
pub fn create(address: &Address, schema: &SchemaRef) -> Result<Box<dyn BatchWriter>> {
    let path = &address.path;
    Ok(match address.format {
        Format::Parquet => Box::new(parquet::ParquetWriter::create(path, schema)?),
        Format::Csv => Box::new(csv::CsvWriter::create(path, false, schema)?),
        Format::CsvGz => Box::new(csv::CsvWriter::create(path, true, schema)?),
        Format::Npy => Box::new(numpy::NpyWriter::create(path, schema)?),
        Format::Npz => Box::new(numpy::NpzWriter::create(path, schema)?),
        Format::Hdf5 => Box::new(hdf5::Hdf5Writer::create(address, schema)?),
        Format::Root => Box::new(root::RootWriter::create(address, schema)?),
    })
}
