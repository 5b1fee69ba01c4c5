//! Why something cannot be written.

use crate::Type;

/// What is wrong with an object that was to be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WriteFault {
    /// A name that ROOT cannot keep.
    #[error("the name \"{name}\" {reason}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The directory already holds something of this name.
    #[error("the file already has an object of this name")]
    Taken,
    /// A column type that has no form in a ROOT tree.
    #[error("column \"{column}\": a {ty} cannot be written")]
    Type {
        /// The column.
        column: String,
        /// Its type.
        ty: Type,
    },
    /// A batch with another number of columns than the tree.
    #[error("{got} columns given to a tree of {want}")]
    Columns {
        /// Columns of the tree.
        want: usize,
        /// Columns of the batch.
        got: usize,
    },
    /// A column of another type than was declared.
    #[error("column \"{column}\" is declared as {want}, not as {got}")]
    ColumnType {
        /// The column.
        column: String,
        /// Type that was declared.
        want: Type,
        /// Type that was given.
        got: Type,
    },
    /// A column with another number of rows than the first.
    #[error("column \"{column}\" has {got} rows, the first one has {want}")]
    Rows {
        /// The column.
        column: String,
        /// Rows of the first column.
        want: usize,
        /// Rows of this one.
        got: usize,
    },
    /// Offsets that fall or reach beyond the values.
    #[error("column \"{column}\" row {row}: offsets {start} to {end} of {values} values")]
    Offsets {
        /// The column.
        column: String,
        /// Row of the tree, from 0.
        row: u64,
        /// Where the row's values begin.
        start: i64,
        /// Where they end.
        end: i64,
        /// Values that there are.
        values: usize,
    },
    /// A list that is not as long as the column that counts it says.
    #[error("column \"{column}\" row {row} holds {length} values, its counter \"{counter}\" says {count}")]
    Counter {
        /// The jagged column.
        column: String,
        /// The column that counts it.
        counter: String,
        /// Row of the tree, from 0.
        row: u64,
        /// Values in the row.
        length: i64,
        /// What the counter says.
        count: i64,
    },
    /// A basket or object beyond what a ROOT record can hold.
    #[error("{what} takes {bytes} bytes, a record holds at most {limit}")]
    TooLarge {
        /// The basket or object.
        what: String,
        /// Bytes that it takes.
        bytes: u64,
        /// Bytes that a record holds.
        limit: u64,
    },
    /// A histogram whose arrays do not fit its axes.
    #[error("{what} has {got} values, the axes need {want}")]
    Bins {
        /// The array.
        what: &'static str,
        /// Values that the axes need.
        want: usize,
        /// Values that there are.
        got: usize,
    },
    /// An axis that ROOT cannot represent.
    #[error("the {axis} axis {reason}")]
    Axis {
        /// `x` or `y`.
        axis: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The file was to be finished while a tree was not.
    #[error("the tree was not finished before the file")]
    Unfinished,
}
