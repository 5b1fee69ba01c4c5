//! Comma-separated values, also gzip-compressed.
//!
//! The first line names the columns, unless names are given or it holds nothing but numbers (then the names are `c0`,
//! `c1`, ...). A column's type follows from all of its cells: `true` and
//! `false` make a boolean, whole numbers an integer, numbers (`nan` and `inf` among them) a `float64`, lists in
//! brackets (`[1, 2.5]`, also nested) a list column, everything else a string. An empty cell is a missing value (in a
//! column of strings, an empty string).

mod cell;
mod read;
mod write;

pub use read::CsvReader;
pub use write::CsvWriter;
