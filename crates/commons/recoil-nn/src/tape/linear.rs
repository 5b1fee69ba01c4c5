//! Linear layers.

use super::functions::each;
use super::product::{Onto, multiply, outer};
use super::values::{Tape, Value, expect};
use crate::error::{NnError, Result};
use std::ops::Range;

impl<'w> Tape<'w> {
    /// A tensor of the weights as a matrix: its first axis are rows.
    ///
    /// # Errors
    /// A name that does not exist.
    pub fn parameter(&self, name: &str) -> Result<Value> {
        let shape = &self.weights().describe(name)?.shape;
        let rows = if shape.len() > 1 { shape[0] } else { 1 };
        self.parameter_rows(name, 0..rows)
    }

    /// Some rows of a tensor of the weights.
    ///
    /// # Errors
    /// A name or rows that do not exist.
    pub fn parameter_rows(&self, name: &str, rows: Range<usize>) -> Result<Value> {
        let tensor = self.weights().describe(name)?;
        let all = if tensor.shape.len() > 1 { tensor.shape[0] } else { 1 };
        if rows.end > all || rows.start > rows.end {
            return Err(NnError::tensor(name, format!("it has {all} rows, not {rows:?}")));
        }
        let columns = tensor.range.len() / all.max(1);
        let range = tensor.range.start + rows.start * columns..tensor.range.start + rows.end * columns;
        let y = self.pool().copy(&self.weights().values()[range.clone()]);
        self.record([rows.len(), columns], y, &[], true, move |g, sink| {
            each(&mut sink.weights()[range], &g, |sum, g| sum + g);
        })
    }

    /// x W^T + b with `NAME.weight` (outputs, inputs) and, if there is one, `NAME.bias`.
    ///
    /// # Errors
    /// A weight that is missing, or another width of x.
    pub fn linear(&self, x: &Value, name: &str) -> Result<Value> {
        let bias = format!("{name}.bias");
        let bias = self.weights().contains(&bias).then_some(bias);
        self.linear_rows(x, &format!("{name}.weight"), bias.as_deref(), None)
    }

    /// As [`Tape::linear`] with names of weight and bias, and with some of the outputs only.
    ///
    /// # Errors
    /// A weight that is missing, another width of x, or outputs that do not exist.
    pub fn linear_rows(
        &self,
        x: &Value,
        weight: &str,
        bias: Option<&str>,
        outputs: Option<Range<usize>>,
    ) -> Result<Value> {
        let weights = self.weights();
        let place = weights.place(weight)?;
        let tensor = &weights.tensors()[place];
        let all = tensor.shape.first().copied().unwrap_or(0);
        let inputs = tensor.shape.get(1..).map_or(1, |rest| rest.iter().product());
        let outputs = outputs.unwrap_or(0..all);
        if outputs.end > all || outputs.start > outputs.end {
            return Err(NnError::tensor(weight, format!("it has {all} outputs, not {outputs:?}")));
        }
        expect(format!("columns before '{weight}'"), x.columns(), inputs)?;
        let bias = bias.map(|name| weights.describe(name)).transpose()?;
        if let Some(bias) = bias {
            expect(format!("numbers of '{}'", bias.name), bias.range.len(), all)?;
        }
        let bias = bias.map(|bias| bias.range.start + outputs.start..bias.range.start + outputs.end);
        let onto = bias.clone().map_or(Onto::Nothing, |bias| Onto::Row(&weights.values()[bias]));
        let (rows, count) = (x.rows(), outputs.len());
        let mut y = self.pool().take(rows * count);
        multiply(x.values(), inputs, rows, &weights.kernel(place, outputs.clone(), true), onto, &mut y, count);
        let own = x.clone();
        let start = tensor.range.start;
        let trainable = tensor.trainable;
        self.record([rows, count], y, &[x], true, move |g, sink| {
            if trainable {
                let range = start + outputs.start * inputs..start + outputs.end * inputs;
                outer(&g, count, count, own.values(), inputs, rows, &mut sink.weights()[range]);
            }
            if let Some(bias) = bias {
                let sum = &mut sink.weights()[bias];
                g.chunks_exact(count.max(1)).for_each(|g| each(sum, g, |sum, g| sum + g));
            }
            if let Some((to, is_new)) = sink.open(&own) {
                let onto = if is_new { Onto::Nothing } else { Onto::Result };
                multiply(&g, count, rows, &weights.kernel(place, outputs, false), onto, to, inputs);
            }
        })
    }

    /// a b^T of two values, (rows of a) x (rows of b).
    ///
    /// # Errors
    /// Different numbers of columns.
    pub fn product_transposed(&self, a: &Value, b: &Value) -> Result<Value> {
        self.batch_product(a, b, 1, true)
    }
}
