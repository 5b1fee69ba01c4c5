//! The selection language: conditions and formulas on scalar and list columns.
//!
//! ```text
//! tau_pt > 20 and abs(tau_eta) < 2.3            scalars: keeps events
//! any(tc_mipPt > 0.5 and tc_layer <= 28)        a list reduced to one condition: keeps events
//! tc_mipPt > 0.5 and tc_zside == 1              a condition per element: keeps elements
//! sum(tc_pt) / gen_pt - 1                       a formula (for Selection::evaluate)
//! ```
//!
//! | | |
//! |---|---|
//! | values | numbers (`20`, `1e-3`), `'text'`, columns (`` `odd name` `` in backticks), `true`, `false`, `pi`, `inf`, `nan` |
//! | operators, loosest first | `or`, `||`, `|` · `and`, `&&`, `&` · `not`, `!` · `<` `<=` `>` `>=` `==` `!=` (no chains) · `+` `-` · `*` `/` `%` · unary `-`, `~` · `**` |
//! | functions | `abs sqrt exp log log2 log10 sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh floor ceil round isnan isfinite`, `atan2 hypot pow min2 max2`, `deltaphi(a, b)` in (-pi, pi], `deltar(eta1, phi1, eta2, phi2)`, `where(condition, a, b)` (also `if`) |
//! | lists to one value per row | `any all sum count max min mean len`, `x[0]`, `x[-1]` |
//!
//! * A scalar beside a list counts for each element of the list. Two lists combine element by element and must have
//!   the same length in every row.
//! * `count` of conditions is the number of true ones, `count` and `len` of numbers the number of elements. Of an empty
//!   list, `sum` is 0, `any` false, `all` true, and `max`, `min`, `mean` are NaN. `x[i]` behind the end is NaN (false
//!   for a list of conditions).
//! * NaN: every comparison with it is false, except `!=`. A missing (null) floating-point value is NaN; a missing
//!   integer, condition or text is an error that names the row.
//! * Integers compare exactly over all 64 bits, and `+ - *`, `%` by a constant, `abs`, `sum`, `min2` and `max2` stay
//!   exact (overflow is an error). `/`, `**`, `max`, `min`, `mean`, `x[i]` and the company of a floating-point number
//!   turn integers into `f64`. `%` has the sign of the divisor.
//! * `&`, `|`, `~` act on the bits of integers, and otherwise are `and`, `or`, `not`; as in C they bind looser than
//!   comparisons. Conditions count as 0 and 1 in arithmetic, but a number is no condition: write `x != 0`.
//! * A condition per element, used as a filter, keeps all events and drops elements. It applies to the list columns of
//!   the same collection: those of the same length in every row and, when the selection's columns share a prefix such
//!   as `tc_`, of the same prefix.

mod bind;
mod compare;
mod error;
mod eval;
mod filter;
mod functions;
mod lanes;
mod lexer;
mod parser;
mod program;
mod run;
mod segments;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BooleanArray, Float64Array, Int64Array, ListArray};
use arrow_buffer::{BooleanBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::Schema;

pub use error::SelectError;
pub use filter::{Filter, open_selected, select};

use crate::batch::Batch;
use crate::error::{Error, Result};
use crate::types::element;

/// A condition or formula in the selection language.
///
/// ```
/// # use std::sync::Arc;
/// # use arrow_array::{ArrayRef, Float32Array, RecordBatch};
/// # use arrow_array::cast::AsArray;
/// use recoil_table::{Batch, Selection};
/// let pt: ArrayRef = Arc::new(Float32Array::from(vec![10.0, 30.0]));
/// let batch = Batch::from(RecordBatch::try_from_iter([("pt", pt)])?);
/// let passed = Selection::parse("pt > 20")?.filter(&batch.schema())?.apply(&batch)?;
/// assert_eq!(passed.scalar::<f32>("pt")?, [30.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    text: String,
    tree: parser::Tree,
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Selection {
    /// Reads a selection; columns are looked up later.
    pub fn parse(text: &str) -> Result<Self, SelectError> {
        Ok(Self { text: text.to_owned(), tree: parser::parse(text)? })
    }

    /// Names in the selection that are columns of `schema`, each once, in order of appearance.
    pub fn columns(&self, schema: &Schema) -> Vec<String> {
        let mut names = Vec::new();
        self.tree.names(&mut names);
        let mut columns: Vec<String> = Vec::new();
        for name in names {
            if schema.column_with_name(name).is_some() && !columns.iter().any(|known| known == name) {
                columns.push(name.to_owned());
            }
        }
        columns
    }

    /// The selection's value for each row, or for each element as a list per row: `float64`, `int64` or `bool`.
    pub fn evaluate(&self, batch: &Batch) -> Result<ArrayRef> {
        let program = bind::bind(&self.text, &self.tree, &batch.schema())?;
        let outcome = program.run(batch)?;
        let values: ArrayRef = match outcome.values {
            eval::Values::Float(values) => Arc::new(Float64Array::from(values)),
            eval::Values::Int(values) => Arc::new(Int64Array::from(values)),
            eval::Values::Bool(values) => Arc::new(BooleanArray::new(BooleanBuffer::from(values), None)),
        };
        let Some(offsets) = outcome.offsets else { return Ok(values) };
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets.into_owned()));
        let list = ListArray::try_new(element(values.data_type().clone()), offsets, values, None);
        let list =
            list.map_err(|error| Error::Unsupported { file: batch.file().to_string(), message: error.to_string() })?;
        Ok(Arc::new(list))
    }
}
