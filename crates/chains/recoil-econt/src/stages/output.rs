//! Results to files.

use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, UInt32Array};
use arrow_schema::{Field, Schema, SchemaRef};
use recoil_plot::Figure;
use recoil_stage::error::Blame as _;
use recoil_stage::{Run, StageError};
use recoil_table::{Address, BatchWriter};

/// A table being written.
pub struct Table {
    schema: SchemaRef,
    writer: Box<dyn BatchWriter>,
    name: String,
    rows: u64,
}

impl Table {
    /// Creates the table at `path`; `name` is what errors call it.
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

    /// Appends rows.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&mut self, columns: impl IntoIterator<Item = ArrayRef>) -> Result<(), StageError> {
        let doing = || format!("cannot write {}", self.name);
        let columns: Vec<ArrayRef> = columns.into_iter().collect();
        let records = RecordBatch::try_new(self.schema.clone(), columns).internal_error(doing())?;
        self.rows += records.num_rows() as u64;
        self.writer.write(&records).output_error(doing())
    }

    /// Completes the file; returns the number of rows.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn finish(self, provenance: &str) -> Result<u64, StageError> {
        self.writer.finish(Some(provenance)).output_error(format!("cannot write {}", self.name))?;
        Ok(self.rows)
    }
}

/// Columns of a family of whole numbers: one per place of the rows.
pub fn transposed<const N: usize>(rows: &[[u32; N]]) -> impl Iterator<Item = ArrayRef> + '_ {
    (0..N).map(move |i| {
        let column = rows.iter().map(|row| row.get(i).copied().unwrap_or_default());
        Arc::new(UInt32Array::from_iter_values(column)) as ArrayRef
    })
}

/// A table in text form: the header, then a line per row.
pub fn table_of(header: &str, rows: impl IntoIterator<Item = String>) -> String {
    let mut text = header.to_owned() + "\n";
    for row in rows {
        text += &row;
        text.push('\n');
    }
    text
}

/// Writes a figure as `NAME.svg` and `NAME.png`.
///
/// # Errors
/// Names that the stage has not declared, files that cannot be written.
pub fn save(run: &Run, name: &str, figure: Figure) -> Result<(), StageError> {
    let figure = figure.provenance(run.embedded_provenance());
    for extension in ["svg", "png"] {
        let file = format!("{name}.{extension}");
        let bytes = figure.render(extension).internal_error(format!("cannot draw {file}"))?;
        std::fs::write(run.output(&file)?, bytes).output_error(format!("cannot write {file}"))?;
    }
    Ok(())
}
