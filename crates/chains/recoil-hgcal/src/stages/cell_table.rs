//! Trigger cells to files.

use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float32Array, Int32Array};
use recoil_stage::StageError;

use super::cells::CellReader;
use super::output::Table;
use crate::data::EventBatch;
use crate::data::columns::{TC_SUBDET, TCS};

/// A table of trigger cells, one row per cell.
pub struct CellTable {
    table: Table,
    subdet: bool,
}

impl CellTable {
    /// Creates the table for events of the reader: with samples and sub-detectors if those have them.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn create(path: &Path, name: &str, reader: &CellReader) -> Result<Self, StageError> {
        let subdet = reader.has_subdet();
        let columns = TCS.iter().copied().chain(subdet.then_some(TC_SUBDET));
        Ok(Self { table: Table::create(path, name, columns, reader.has_samples())?, subdet })
    }

    /// Appends the cells of events.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&mut self, events: &EventBatch) -> Result<(), StageError> {
        let c = &events.cells;
        let int = |values: &Vec<i32>| -> ArrayRef { Arc::new(Int32Array::from(values.clone())) };
        let float = |values: &Vec<f32>| -> ArrayRef { Arc::new(Float32Array::from(values.clone())) };
        let integers = [&c.wu, &c.wv, &c.cu, &c.cv, &c.layer].map(int);
        let numbers = [&c.pt, &c.mip_pt, &c.energy, &c.x, &c.y, &c.z, &c.eta, &c.phi].map(float);
        let columns = integers.into_iter().chain(numbers).chain(self.subdet.then(|| int(&c.subdet)));
        self.table.write(events, &events.offsets, columns)
    }

    /// Completes the file; returns the number of cells.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn finish(self, provenance: &str) -> Result<u64, StageError> {
        self.table.finish(provenance)
    }
}
