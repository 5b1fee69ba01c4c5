//! Columnar event tables: Parquet, CSV, NumPy and ROOT in and out, selections on jagged columns.
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
mod error;
mod group;
mod jagged;
mod number;
pub mod parquet;
pub mod select;
mod shape;
mod stream;
mod types;

use arrow_schema::SchemaRef;

pub use address::{Address, Format};
pub use batch::{Batch, concat};
pub use error::{Error, Hint, Result};
pub use group::Groups;
pub use jagged::{Jagged, Nested};
pub use number::{Number, Value};
pub use select::{Filter, SelectError, Selection, open_selected, select};
pub use shape::{explode, implode};
pub use stream::{BatchReader, BatchWriter, MemoryReader, ReadOptions};
pub use types::{DOC, PROVENANCE, UNIT, doc, field, fixed_of, list_of, type_name, unit};

/// Opens the table `FILE` or `FILE:NAME`; the extension tells the format.
pub fn open(address: &str, options: &ReadOptions) -> Result<Box<dyn BatchReader>> {
    open_at(&Address::parse(address)?, options)
}

/// Opens the table at `address`.
pub fn open_at(address: &Address, options: &ReadOptions) -> Result<Box<dyn BatchReader>> {
    match address.format {
        Format::Parquet => Ok(Box::new(parquet::ParquetReader::open(&address.path, options)?)),
        _ => Err(Error::UnknownFormat { file: address.to_string() }),
    }
}

/// All columns of the table at `address`, whatever `options` asks for.
pub(crate) fn table_schema(address: &Address, options: &ReadOptions) -> Result<SchemaRef> {
    Ok(open_at(address, &ReadOptions { columns: None, ..options.clone() })?.schema())
}

/// Creates the table at `address` for rows of `schema`, overwriting a file that is there.
pub fn create(address: &Address, schema: &SchemaRef) -> Result<Box<dyn BatchWriter>> {
    match address.format {
        Format::Parquet => Ok(Box::new(parquet::ParquetWriter::create(&address.path, schema)?)),
        _ => Err(Error::UnknownFormat { file: address.to_string() }),
    }
}
