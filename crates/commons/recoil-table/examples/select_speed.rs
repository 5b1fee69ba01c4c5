//! Nanoseconds per value of typical selections: `cargo run --release -p recoil-table --example select_speed`.
#![allow(clippy::print_stdout)]

use std::sync::Arc;
use std::time::Instant;

use arrow_array::{ArrayRef, Float32Array, Int32Array, ListArray, RecordBatch};
use arrow_buffer::OffsetBuffer;
use recoil_table::{Batch, Selection, list_of};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let elements = 4_000_000;
    let mut state = 1_u64;
    let mut uniform = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1_u64 << 24) as f32
    };
    let list = |values: ArrayRef| -> Result<ArrayRef, arrow_schema::ArrowError> {
        let arrow_schema::DataType::List(element) = list_of(values.data_type().clone()) else { return Ok(values) };
        let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(4, elements / 4));
        Ok(Arc::new(ListArray::try_new(element, offsets, values, None)?))
    };
    let pt: ArrayRef = Arc::new(Float32Array::from_iter_values((0..elements).map(|_| uniform() * 100.0)));
    let eta: ArrayRef = Arc::new(Float32Array::from_iter_values((0..elements).map(|_| uniform() * 6.0 - 3.0)));
    let layer: ArrayRef = Arc::new(Int32Array::from_iter_values((0..elements).map(|_| (uniform() * 50.0) as i32)));
    let flat = RecordBatch::try_from_iter([("pt", pt.clone()), ("eta", eta.clone()), ("layer", layer.clone())])?;
    let jagged = RecordBatch::try_from_iter([("pt", list(pt)?), ("eta", list(eta)?), ("layer", list(layer)?)])?;
    for (batch, text) in [
        (&flat, "pt > 20 and abs(eta) < 2.3"),
        (&flat, "layer % 2 == 1 and layer <= 28"),
        (&jagged, "pt > 20 and abs(eta) < 2.3"),
        (&jagged, "any(pt > 20 and abs(eta) < 2.3)"),
        (&jagged, "sum(pt) > 150"),
        (&jagged, "max(pt) > 50"),
    ] {
        let batch = Batch::from(batch.clone());
        let selection = Selection::parse(text)?;
        let mut best = f64::MAX;
        for _ in 0..7 {
            let start = Instant::now();
            std::hint::black_box(selection.evaluate(&batch)?);
            best = best.min(start.elapsed().as_secs_f64());
        }
        let kind = if batch.rows() == elements { "flat" } else { "lists" };
        println!("{:5.2} ns/value  {kind:5}  {text}", best * 1e9 / elements as f64);
    }
    Ok(())
}
