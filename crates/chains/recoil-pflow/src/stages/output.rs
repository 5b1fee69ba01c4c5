//! Results to files.

use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{Field, Schema, SchemaRef};
use recoil_plot::Figure;
use recoil_stage::error::Blame as _;
use recoil_stage::{Run, StageError};
use recoil_table::{Address, BatchWriter};
use serde_json::Value as Json;

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
    pub fn write(&mut self, columns: Vec<ArrayRef>) -> Result<(), StageError> {
        let doing = || format!("cannot write {}", self.name);
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

/// Writes a JSON document as the output `name`.
///
/// # Errors
/// A file that cannot be written.
pub fn json(run: &Run, name: &str, value: &Json) -> Result<(), StageError> {
    let mut text = serde_json::to_string_pretty(value).internal_error(format!("cannot write {name}"))?;
    text.push('\n');
    text_file(run, name, &text)
}

/// Writes a text as the output `name`.
///
/// # Errors
/// A file that cannot be written.
pub fn text_file(run: &Run, name: &str, text: &str) -> Result<(), StageError> {
    std::fs::write(run.output(name)?, text).output_error(format!("cannot write {name}"))
}

/// Draws a figure as the output `name`, whose extension tells the format.
///
/// # Errors
/// A file that cannot be written.
pub fn figure(run: &Run, name: &str, figure: Figure) -> Result<(), StageError> {
    let figure = figure.provenance(run.embedded_provenance());
    let extension = name.rsplit('.').next().unwrap_or("svg");
    let bytes = figure.render(extension).internal_error(format!("cannot draw {name}"))?;
    std::fs::write(run.output(name)?, bytes).output_error(format!("cannot write {name}"))
}
