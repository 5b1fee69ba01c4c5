//! Events to tables.

use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float32Array, Int32Array, Int64Array, ListArray, RecordBatch};
use arrow_buffer::{OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, Field, SchemaRef};
use recoil_table::{Address, BatchWriter};

use super::columns::{CANDIDATE, GENERATED, LINK, ParticleColumn, Parts, SIMULATED, TARGET, schema};
use super::event::Event;
use super::layout::Layout;
use crate::error::{PflowError, Result};

/// Writes events to a table.
pub struct EventWriter {
    layout: Layout,
    parts: Parts,
    schema: SchemaRef,
    writer: Box<dyn BatchWriter>,
}

impl EventWriter {
    /// Creates the table at `path`.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn create(path: &Path, layout: Layout, parts: Parts) -> Result<Self> {
        let schema = schema(layout, parts);
        let writer = recoil_table::create(&Address::of_path(path)?, &schema)?;
        Ok(Self { layout, parts, schema, writer })
    }

    /// Appends events.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&mut self, events: &[Event]) -> Result<()> {
        let records = records(&self.schema, self.layout, self.parts, events)?;
        Ok(self.writer.write(&records)?)
    }

    /// Completes the file.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn finish(self, provenance: &str) -> Result<()> {
        Ok(self.writer.finish(Some(provenance))?)
    }
}

/// Events as a record batch. Lists of targets or candidates that an event does not have become lists of nothing, as long
/// as its elements.
fn records(schema: &SchemaRef, layout: Layout, parts: Parts, events: &[Event]) -> Result<RecordBatch> {
    let mut arrays: Vec<ArrayRef> =
        vec![Arc::new(Int64Array::from(events.iter().map(|event| event.number).collect::<Vec<_>>()))];
    let width = layout.features().len();
    let elements = offsets(events.iter().map(|event| event.elements(layout)))?;
    for feature in 0..width {
        let values = events.iter().flat_map(|event| event.features.iter().skip(feature).step_by(width).copied());
        arrays.push(list(&elements, Arc::new(Float32Array::from(values.collect::<Vec<f32>>())))?);
    }
    if parts.targets {
        let per_event = |event: &Event| padded(&event.targets, event.elements(layout));
        particles(&mut arrays, TARGET, &elements, events.iter().flat_map(per_event).collect())?;
    }
    if parts.candidates {
        let per_event = |event: &Event| padded(&event.candidates, event.elements(layout));
        particles(&mut arrays, CANDIDATE, &elements, events.iter().flat_map(per_event).collect())?;
    }
    if parts.puppi {
        let per_event = |event: &Event| padded(&event.puppi, event.elements(layout));
        let values: Vec<f32> = events.iter().flat_map(per_event).collect();
        arrays.push(list(&elements, Arc::new(Float32Array::from(values)))?);
    }
    if parts.generated {
        let offsets = offsets(events.iter().map(|event| event.generated.len()))?;
        let all = events.iter().flat_map(|event| event.generated.iter().copied()).collect();
        particles(&mut arrays, GENERATED, &offsets, all)?;
    }
    if parts.simulation {
        let lengths = offsets(events.iter().map(|event| event.simulated.len()))?;
        let all = events.iter().flat_map(|event| event.simulated.iter().copied()).collect();
        particles(&mut arrays, SIMULATED, &lengths, all)?;
        let lengths = offsets(events.iter().map(|event| event.links.len()))?;
        let all = events.iter().flat_map(|event| event.links.iter().copied()).collect();
        particles(&mut arrays, LINK, &lengths, all)?;
    }
    RecordBatch::try_new(schema.clone(), arrays).map_err(|error| PflowError::content("events", error.to_string()))
}

fn padded<T: Copy + Default>(particles: &[T], length: usize) -> Vec<T> {
    (0..length).map(|index| particles.get(index).copied().unwrap_or_default()).collect()
}

fn offsets(lengths: impl Iterator<Item = usize>) -> Result<OffsetBuffer<i32>> {
    let mut offsets = vec![0i32];
    let mut end = 0usize;
    for length in lengths {
        end += length;
        let end = i32::try_from(end);
        offsets.push(end.map_err(|_| PflowError::content("events", "more than 2^31 elements at a time"))?);
    }
    Ok(OffsetBuffer::new(ScalarBuffer::from(offsets)))
}

fn particles<T>(
    arrays: &mut Vec<ArrayRef>,
    columns: &[ParticleColumn<T>],
    offsets: &OffsetBuffer<i32>,
    all: Vec<T>,
) -> Result<()> {
    for column in columns {
        let values = all.iter().map(|particle| (column.get)(particle));
        let values: ArrayRef = if column.is_whole {
            Arc::new(Int32Array::from(values.map(|value| value as i32).collect::<Vec<i32>>()))
        } else {
            Arc::new(Float32Array::from(values.collect::<Vec<f32>>()))
        };
        arrays.push(list(offsets, values)?);
    }
    Ok(())
}

fn list(offsets: &OffsetBuffer<i32>, values: ArrayRef) -> Result<ArrayRef> {
    let kind: DataType = values.data_type().clone();
    let list = ListArray::try_new(Arc::new(Field::new("item", kind, false)), offsets.clone(), values, None);
    Ok(Arc::new(list.map_err(|error| PflowError::content("events", error.to_string()))?))
}
