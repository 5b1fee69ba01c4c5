//! From events to rows of numbers.

use recoil_nn::safetensors::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::architecture::Shape;
use super::forward::Rows;
use super::links::{LinkConfig, links};
use crate::data::layout::{COS_PHI, ENERGY, ETA, PT, SIN_PHI, TYPE};
use crate::data::{Event, Layout};
use crate::error::{PflowError, Result};

/// What a network is told of elements.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct InputConfig {
    /// Whether numbers are scaled per type of element: energies and lengths by their logarithms (above a small value), all
    /// to mean 0 and deviation 1. The scales are part of the model.
    pub standardise: bool,
    /// Places in the calorimeter and links to neighbours.
    pub links: LinkConfig,
}

impl Default for InputConfig {
    fn default() -> Self {
        Self { standardise: true, links: LinkConfig::default() }
    }
}

/// Beyond this many deviations numbers are cut.
pub(super) const WIDEST: f32 = 8.0;

/// Scales of the numbers of elements.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scales {
    /// per number the value above which its logarithm counts (as asinh(x / value)); 0 for those that stay as they are
    pub soft: Vec<f32>,
    /// per type and number what is subtracted, and the factor behind that
    pub shift: Vec<f32>,
    /// factors
    pub factor: Vec<f32>,
}

const NAMES: [&str; 3] = ["inputs.soft", "inputs.shift", "inputs.factor"];

impl Scales {
    /// Scales of these rows.
    pub fn fit(rows: &Rows, shape: &Shape, layout: Layout) -> Self {
        let (width, types) = (shape.features, shape.types.len());
        let mut soft = vec![0.0; width];
        for (column, (feature, soft)) in layout.features().iter().zip(&mut soft).enumerate() {
            if ["GeV", "mm", "cm", "1/mm", "1 or mm", "mm or GeV", "1 or GeV", "1/mm or 1"].contains(&feature.unit) {
                let values = rows.features.chunks_exact(width).map(|row| row[column].abs()).filter(|v| *v > 0.0);
                let mut values: Vec<f32> = values.collect();
                values.sort_by(f32::total_cmp);
                *soft = 0.1 * values.get(values.len() / 2).copied().unwrap_or(0.0);
            }
        }
        let mut scales = Self { soft, shift: vec![0.0; types * width], factor: vec![1.0; types * width] };
        let mut sums = vec![[0.0_f64; 3]; types * width];
        for (row, kind) in rows.features.chunks_exact(width).zip(&rows.types) {
            let Some(sums) = sums.get_mut(*kind as usize * width..(*kind as usize + 1) * width) else { continue };
            for (column, (value, sums)) in row.iter().zip(sums).enumerate() {
                let value = f64::from(scales.softened(column, *value));
                sums[0] += 1.0;
                sums[1] += value;
                sums[2] += value * value;
            }
        }
        for ((shift, factor), [count, sum, squares]) in scales.shift.iter_mut().zip(&mut scales.factor).zip(sums) {
            let count = count.max(1.0);
            let mean = sum / count;
            let deviation = (squares / count - mean * mean).max(0.0).sqrt();
            *shift = mean as f32;
            // a constant says nothing
            *factor = if deviation > 1e-6 * mean.abs().max(1e-6) { (1.0 / deviation) as f32 } else { 0.0 };
        }
        scales
    }

    fn softened(&self, column: usize, value: f32) -> f32 {
        match self.soft.get(column) {
            Some(soft) if *soft > 0.0 => (value / soft).asinh(),
            _ => value,
        }
    }

    /// Scales the features of rows.
    pub fn apply(&self, rows: &mut Rows) {
        let width = self.soft.len();
        if width == 0 {
            return;
        }
        for (row, kind) in rows.features.chunks_exact_mut(width).zip(&rows.types) {
            let own = *kind as usize * width..(*kind as usize + 1) * width;
            let (Some(shift), Some(factor)) = (self.shift.get(own.clone()), self.factor.get(own)) else {
                row.fill(0.0);
                continue;
            };
            for (column, value) in row.iter_mut().enumerate() {
                let scaled = (self.softened(column, *value) - shift[column]) * factor[column];
                *value = scaled.clamp(-WIDEST, WIDEST);
            }
        }
    }

    /// As tensors of a model.
    pub fn to_tensors(&self) -> Vec<Tensor> {
        if self.soft.is_empty() {
            return Vec::new();
        }
        let width = self.soft.len();
        let lists = [&self.soft, &self.shift, &self.factor];
        let tensor = |(name, values): (&str, &Vec<f32>)| Tensor {
            name: name.to_owned(),
            shape: if values.len() == width { vec![width] } else { vec![values.len() / width, width] },
            values: values.clone(),
        };
        NAMES.into_iter().zip(lists).map(tensor).collect()
    }

    /// Takes the scales out of the tensors of a model.
    ///
    /// # Errors
    /// Tensors of another shape.
    pub fn take(tensors: &mut Vec<Tensor>, shape: &Shape) -> Result<Self> {
        let mut lists = NAMES.map(|name| {
            let at = tensors.iter().position(|tensor| tensor.name == name);
            at.map(|at| tensors.remove(at).values).unwrap_or_default()
        });
        let [soft, shift, factor] = &mut lists;
        let all = shape.features * shape.types.len();
        let fits = (soft.len(), shift.len(), factor.len()) == (shape.features, all, all) || soft.is_empty();
        match fits {
            true => {
                Ok(Self { soft: std::mem::take(soft), shift: std::mem::take(shift), factor: std::mem::take(factor) })
            }
            false => Err(PflowError::config(NAMES[0], "does not fit the features of the model")),
        }
    }
}

impl InputConfig {
    /// Numbers per element.
    pub fn columns(&self, layout: Layout) -> usize {
        layout.features().len() + self.links.columns()
    }

    /// The rows of an event, not yet scaled, appended to others. Rows of type 0 are padding and left out; gives the places
    /// of those that are not.
    pub fn append(&self, event: &Event, layout: Layout, shape: &Shape, rows: &mut Rows) -> Vec<usize> {
        let width = layout.features().len();
        let extra = self.links.columns();
        let is_padded = event.rows(layout).any(|row| row.kind() == 0);
        let kept: Vec<usize> =
            event.rows(layout).enumerate().filter(|(_, row)| row.kind() != 0).map(|(place, _)| place).collect();
        let stripped;
        let event = match is_padded {
            false => event,
            true => {
                let features = kept.iter().flat_map(|place| &event.features[place * width..(place + 1) * width]);
                stripped = Event { features: features.copied().collect(), ..Event::default() };
                &stripped
            }
        };
        let linked = links(event, layout, &self.links);
        if rows.offsets.is_empty() {
            rows.offsets.push(0);
        }
        for (place, features) in event.features.chunks_exact(width).enumerate() {
            rows.features.extend(features);
            rows.features.extend(linked.get(place * extra..(place + 1) * extra).unwrap_or_default());
            rows.elements.push([PT, ETA, SIN_PHI, COS_PHI, ENERGY].map(|index| features[index]));
            let kind = shape.types.iter().position(|kind| *kind == features[TYPE] as i32);
            rows.types.push(kind.map_or(u32::MAX, |kind| kind as u32));
        }
        rows.offsets.push(rows.types.len() as u32);
        kept
    }
}
