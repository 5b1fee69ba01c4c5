//! Rows of DL1 to columns of tables.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Float32Array, Float64Array, Int8Array, Int32Array, Int64Array, ListArray, RecordBatch,
};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use super::reduce::Reduced;
use super::row::COLUMNS;
use crate::data::{DL1_PARAMETERS, Kind};
use crate::error::Result;

/// Schema of the table of parameters.
pub fn parameter_schema() -> SchemaRef {
    Arc::new(Schema::new(DL1_PARAMETERS.iter().map(|column| column.field()).collect::<Vec<_>>()))
}

/// Rows as a batch of the table of parameters.
///
/// # Errors
/// None in practice.
pub fn parameter_batch(rows: &[[f64; COLUMNS]]) -> Result<RecordBatch> {
    let columns = DL1_PARAMETERS.iter().enumerate().map(|(at, column)| -> ArrayRef {
        let values = || rows.iter().map(move |row| row.get(at).copied().unwrap_or(f64::NAN));
        match column.kind {
            Kind::I32 => Arc::new(values().map(|value| value as i32).collect::<Int32Array>()),
            Kind::I64 => Arc::new(values().map(|value| value as i64).collect::<Int64Array>()),
            Kind::F32 => Arc::new(values().map(|value| value as f32).collect::<Float32Array>()),
            Kind::F64 => Arc::new(values().collect::<Float64Array>()),
        }
    });
    Ok(RecordBatch::try_new(parameter_schema(), columns.collect())?)
}

/// Images, to become a batch.
#[derive(Clone, Debug, Default)]
pub struct Images {
    run: Vec<i32>,
    event: Vec<i64>,
    telescope: Vec<i64>,
    pixels: Vec<usize>,
    charge: Vec<f32>,
    time: Vec<f32>,
    mask: Vec<bool>,
    gain: Vec<i8>,
    /// True photo-electrons, if they are wanted.
    light: Option<Light>,
}

/// True images one after the other; no pixels where a file tells nothing of an event.
#[derive(Clone, Debug, Default)]
struct Light {
    pixels: Vec<usize>,
    counts: Vec<i32>,
}

/// Schema of the table of images, with true ones if they are wanted.
pub fn image_schema(with_true: bool) -> SchemaRef {
    let list = |name: &str, kind: DataType, unit: &str, doc: &str| -> Field {
        recoil_table::field(name, recoil_table::list_of(kind), unit, doc)
    };
    let mut fields = vec![
        recoil_table::field("obs_id", DataType::Int32, "", "Observation Block ID"),
        recoil_table::field("event_id", DataType::Int64, "", "Array Event ID"),
        list("image", DataType::Float32, "", "Charge of each pixel in photo-electrons"),
        list("peak_time", DataType::Float32, "ns", "Time of the pulse in each pixel"),
        list("image_mask", DataType::Boolean, "", "Whether the cleaning kept the pixel"),
        recoil_table::field("is_valid", DataType::Boolean, "", "Whether the extraction succeeded"),
        recoil_table::field("tel_id", DataType::Int64, "", "Telescope Id"),
        list("selected_gain_channel", DataType::Int8, "", "Gain of each pixel: 0 high, 1 low"),
    ];
    if with_true {
        fields.push(list("true_image", DataType::Int32, "", "True photo-electrons of each pixel"));
    }
    Arc::new(Schema::new(fields))
}

impl Images {
    /// No images yet; true ones are kept too if they are wanted.
    pub fn new(with_true: bool) -> Self {
        Self { light: with_true.then(Light::default), ..Self::default() }
    }

    /// Appends the image of a reduced event.
    pub fn push(&mut self, found: Reduced) {
        let Reduced { place, image, mask, gain, true_image, .. } = found;
        self.run.push(place.run);
        self.event.push(place.event);
        self.telescope.push(i64::from(place.telescope));
        self.pixels.push(image.charge.len());
        self.charge.extend(image.charge);
        self.time.extend(image.time);
        self.mask.extend(mask);
        self.gain.extend(gain);
        if let Some(light) = &mut self.light {
            let counts = true_image.unwrap_or_default();
            light.pixels.push(counts.len());
            light.counts.extend(counts);
        }
    }

    /// The images as a batch.
    ///
    /// # Errors
    /// Lists of other lengths than the number of pixels asks for.
    pub fn batch(self) -> Result<RecordBatch> {
        let schema = image_schema(self.light.is_some());
        let offsets = OffsetBuffer::<i32>::from_lengths(self.pixels.iter().copied());
        let lists = |name: &str, offsets: &OffsetBuffer<i32>, values: ArrayRef| -> Result<ArrayRef> {
            let DataType::List(item) = schema.field_with_name(name)?.data_type() else { return Ok(values) };
            Ok(Arc::new(ListArray::try_new(item.clone(), offsets.clone(), values, None)?))
        };
        let list = |name: &str, values: ArrayRef| lists(name, &offsets, values);
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(Int32Array::from(self.run)),
            Arc::new(Int64Array::from(self.event)),
            list("image", Arc::new(Float32Array::from(self.charge)))?,
            list("peak_time", Arc::new(Float32Array::from(self.time)))?,
            list("image_mask", Arc::new(BooleanArray::from(self.mask)))?,
            Arc::new(BooleanArray::from(vec![true; self.pixels.len()])),
            Arc::new(Int64Array::from(self.telescope)),
            list("selected_gain_channel", Arc::new(Int8Array::from(self.gain)))?,
        ];
        if let Some(Light { pixels, counts }) = self.light {
            let offsets = OffsetBuffer::<i32>::from_lengths(pixels);
            columns.push(lists("true_image", &offsets, Arc::new(Int32Array::from(counts)))?);
        }
        Ok(RecordBatch::try_new(schema.clone(), columns)?)
    }
}
