//! Families of columns.

use std::sync::Arc;

use arrow_array::{ArrayRef, UInt32Array};

/// Columns of a family of whole numbers: one per place of the rows.
pub fn transposed<const N: usize>(rows: &[[u32; N]]) -> impl Iterator<Item = ArrayRef> + '_ {
    (0..N).map(move |i| {
        let column = rows.iter().map(|row| row.get(i).copied().unwrap_or_default());
        Arc::new(UInt32Array::from_iter_values(column)) as ArrayRef
    })
}
