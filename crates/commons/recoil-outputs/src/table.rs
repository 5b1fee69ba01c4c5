//! Tables, written batch by batch.

use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{Field, Schema, SchemaRef};
use recoil_stage::StageError;
use recoil_stage::error::Blame as _;
use recoil_table::{Address, BatchWriter};

/// A table being written.
///
/// ```
/// use std::sync::Arc;
/// use arrow_array::{ArrayRef, Float64Array};
/// use arrow_schema::DataType;
/// use recoil_outputs::Table;
///
/// let folder = tempfile::tempdir()?;
/// let energy = recoil_table::field("energy", DataType::Float64, "GeV", "energy of the cluster");
/// let mut table = Table::create(&folder.path().join("clusters.parquet"), "the clusters", [energy])?;
/// table.write([Arc::new(Float64Array::from(vec![10.0, 20.0])) as ArrayRef])?;
/// assert_eq!(table.finish("{}")?, 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Table {
    schema: SchemaRef,
    writer: Box<dyn BatchWriter>,
    name: String,
    rows: u64,
}

impl Table {
    /// Creates the table at `path`, whose extension tells the format; `name` is what errors call it.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn create(path: &Path, name: &str, fields: impl IntoIterator<Item = Field>) -> Result<Self, StageError> {
        let schema: SchemaRef = Arc::new(Schema::new(fields.into_iter().collect::<Vec<_>>()));
        let doing = || format!("cannot write {name}");
        let address = Address::of_path(path).output_error(doing())?;
        let writer = recoil_table::create(&address, &schema).output_error(doing())?;
        Ok(Self { schema, writer, name: name.to_owned(), rows: 0 })
    }

    /// Appends rows, given as one array per field.
    ///
    /// # Errors
    /// A file that cannot be written; arrays that do not fit the fields are a mistake in the program.
    pub fn write(&mut self, columns: impl IntoIterator<Item = ArrayRef>) -> Result<(), StageError> {
        let doing = || format!("cannot write {}", self.name);
        let columns: Vec<ArrayRef> = columns.into_iter().collect();
        let records = RecordBatch::try_new(self.schema.clone(), columns).internal_error(doing())?;
        self.rows += records.num_rows() as u64;
        self.writer.write(&records).output_error(doing())
    }

    /// Completes the file with its provenance; returns the number of rows.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn finish(self, provenance: &str) -> Result<u64, StageError> {
        self.writer.finish(Some(provenance)).output_error(format!("cannot write {}", self.name))?;
        Ok(self.rows)
    }
}
