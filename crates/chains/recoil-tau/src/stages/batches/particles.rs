//! Particles one by one as a table: one row each.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float32Array, Int64Array, ListArray, StringArray};
use arrow_buffer::{OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, Field};
use recoil_stage::StageError;
use recoil_stage::error::Blame as _;
use recoil_table::{field, list_of};

use crate::grid::Sequence;

/// The columns of the table.
pub fn fields() -> Vec<Field> {
    let int = |name: &str, doc: &str| field(name, DataType::Int64, "", doc);
    let place = |name: &str, doc: &str| field(name, DataType::Float32, "", doc);
    vec![
        int("tau", "row of the candidate in the inputs, from 0"),
        field("block", DataType::Utf8, "", "block of features"),
        int("particle", "number of the particle in its block, of falling momentum, from 0"),
        place("d_eta", "distance to the candidate in pseudorapidity"),
        place("d_phi", "distance to the candidate in azimuth"),
        field("values", list_of(DataType::Float32), "", "scaled values of the features of the block"),
    ]
}

/// The particles of candidates whose numbers are `rows`.
///
/// # Errors
/// More values than a table holds at once.
pub fn columns(sequence: &Sequence, rows: &[i64]) -> Result<Vec<ArrayRef>, StageError> {
    let (mut tau, mut block, mut number) = (Vec::new(), Vec::new(), Vec::new());
    let (mut d_eta, mut d_phi) = (Vec::new(), Vec::new());
    let (mut offsets, mut values) = (vec![0_i32], Vec::new());
    for (candidate, row) in rows.iter().enumerate() {
        for own in &sequence.blocks {
            let at = |index: usize| own.offsets.get(index).map_or(0, |offset| *offset as usize);
            for (index, particle) in (at(candidate)..at(candidate + 1)).enumerate() {
                tau.push(*row);
                block.push(own.name.as_str());
                number.push(index as i64);
                let place = |axis: usize| own.places.get(2 * particle + axis).copied().unwrap_or(f32::NAN);
                d_eta.push(place(0));
                d_phi.push(place(1));
                let range = particle * own.width..(particle + 1) * own.width;
                values.extend_from_slice(own.values.get(range).unwrap_or(&[]));
                offsets.push(i32::try_from(values.len()).internal_error("too many values at once")?);
            }
        }
    }
    let item = Arc::new(Field::new("item", DataType::Float32, false));
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    let lists = ListArray::try_new(item, offsets, Arc::new(Float32Array::from(values)), None);
    Ok(vec![
        Arc::new(Int64Array::from(tau)),
        Arc::new(StringArray::from(block)),
        Arc::new(Int64Array::from(number)),
        Arc::new(Float32Array::from(d_eta)),
        Arc::new(Float32Array::from(d_phi)),
        Arc::new(lists.internal_error("cannot make the lists of values")?),
    ])
}
