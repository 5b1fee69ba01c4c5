//! Columns as floats, as expressions read them.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use recoil_root::Column;

use super::file::{CandidateFile, floats, offsets};
use crate::error::{Result, TauError};
use crate::features::Program;

/// Columns that are wanted of a file, each with whether it is a list.
#[derive(Clone, Debug, Default)]
pub struct Wanted(BTreeMap<String, bool>);

impl Wanted {
    /// Adds a column.
    pub fn add(&mut self, name: &str, list: bool) {
        self.0.insert(name.to_owned(), list);
    }

    /// Adds the columns that a program reads.
    pub fn add_program(&mut self, program: &Program) {
        program.columns().iter().for_each(|column| self.add(&column.name, column.per_object));
    }

    /// Names in alphabetical order.
    pub fn names(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }

    /// Makes sure that `file` has all of them in the right shape.
    ///
    /// # Errors
    /// The first column that is missing or otherwise.
    pub fn check(&self, file: &CandidateFile) -> Result<()> {
        file.require(self.0.iter().map(|(name, list)| (name.as_str(), *list)))
    }

    /// The columns of a piece of a file, in the order of [`names`](Self::names), as floats.
    ///
    /// # Errors
    /// Columns of one collection that differ in length.
    pub fn load(&self, file: &str, rows: Range<u64>, columns: Vec<Column>) -> Result<Loaded> {
        let mut places: HashMap<String, Vec<i64>> = HashMap::new();
        let mut values = HashMap::with_capacity(columns.len());
        for ((name, list), column) in self.0.iter().zip(columns) {
            if *list {
                let here = offsets(&column).unwrap_or(&[]);
                let collection = name.split_once('_').map_or(name.as_str(), |(collection, _)| collection);
                match places.get(collection) {
                    None => {
                        places.insert(collection.to_owned(), here.to_vec());
                    }
                    Some(known) if known == here => {}
                    Some(known) => {
                        let row = known.iter().zip(here).position(|(a, b)| a != b).unwrap_or(0).saturating_sub(1);
                        let reason = format!("column '{name}' has another length than the others of '{collection}'");
                        return Err(TauError::Value { file: file.to_owned(), row: rows.start + row as u64, reason });
                    }
                }
            }
            values.insert(name.clone(), floats(column));
        }
        Ok(Loaded { rows, places, values })
    }
}

/// A piece of a file.
#[derive(Debug)]
pub struct Loaded {
    /// Numbers of the rows in the file.
    pub rows: Range<u64>,
    places: HashMap<String, Vec<i64>>,
    values: HashMap<String, Vec<f32>>,
}

impl Loaded {
    /// Number of candidates.
    pub fn len(&self) -> usize {
        usize::try_from(self.rows.end - self.rows.start).unwrap_or(usize::MAX)
    }

    /// Whether there are no candidates.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// A column: one value per candidate, or per object end to end. Empty if it was not wanted.
    pub fn column(&self, name: &str) -> &[f32] {
        self.values.get(name).map_or(&[], Vec::as_slice)
    }

    /// The objects of a collection that candidate `row` of this piece has.
    pub fn objects(&self, collection: &str, row: usize) -> Range<usize> {
        let places = self.places.get(collection).map_or(&[][..], Vec::as_slice);
        let at = |index: usize| places.get(index).and_then(|place| usize::try_from(*place).ok()).unwrap_or(0);
        at(row)..at(row + 1)
    }

    /// The columns of a program.
    pub fn inputs(&self, program: &Program) -> Vec<&[f32]> {
        program.columns().iter().map(|column| self.column(&column.name)).collect()
    }
}
