//! Small flat tables, grouped by event.

use std::collections::BTreeMap;

use arrow_schema::DataType;

use super::cells::{open_columns, samples};
use super::particles::EventKey;
use crate::data::columns::{EVENT, SAMPLE};
use crate::data::{ColumnDef, EventBatch};
use crate::error::Result;

/// A flat table in memory. Whole numbers and single precision are exact as f64.
pub struct Grouped {
    /// Events in the order of their first row.
    pub keys: Vec<EventKey>,
    rows: BTreeMap<EventKey, Vec<usize>>,
    columns: BTreeMap<&'static str, Vec<f64>>,
    samples: bool,
}

impl Grouped {
    /// Reads the columns `needed` (the first is the event) and those of `optional` that are there.
    ///
    /// # Errors
    /// Those of the table, and columns that are missing.
    pub fn read(address: &str, needed: &[ColumnDef], optional: &[ColumnDef]) -> Result<Self> {
        let optional: Vec<ColumnDef> = optional.iter().copied().chain([SAMPLE]).collect();
        let (mut reader, names) = open_columns(address, needed, &optional)?;
        let schema = reader.schema();
        let is_text = |name: &str| schema.column_with_name(name).is_some_and(|(_, f)| f.data_type() == &DataType::Utf8);
        let numbers: Vec<&'static str> = names.iter().copied().filter(|n| *n != EVENT.name && !is_text(n)).collect();
        let samples_there = names.contains(&SAMPLE.name);
        let mut table =
            Self { keys: Vec::new(), rows: BTreeMap::new(), columns: BTreeMap::new(), samples: samples_there };
        let mut first = 0;
        while let Some(batch) = reader.next_batch()? {
            let (events, labels) = (batch.scalar_as::<i64>(EVENT.name)?, samples(&batch)?);
            let key_of = |row: usize| (labels.as_ref().map_or("", |labels| labels[row]), events[row]);
            let mut start = 0;
            while start < events.len() {
                let key = key_of(start);
                let same = (start..events.len()).take_while(|&row| key_of(row) == key).count();
                let key = (key.0.to_owned(), key.1);
                if !table.rows.contains_key(&key) {
                    table.keys.push(key.clone());
                }
                table.rows.entry(key).or_default().extend(first + start..first + start + same);
                start += same;
            }
            for name in &numbers {
                table.columns.entry(name).or_default().extend_from_slice(&batch.scalar_as::<f64>(name)?);
            }
            first += events.len();
        }
        Ok(table)
    }

    /// Whether the rows carry sample labels.
    pub fn has_samples(&self) -> bool {
        self.samples
    }

    /// Rows of an event, in the order of the file.
    pub fn rows(&self, key: &EventKey) -> &[usize] {
        self.rows.get(key).map_or(&[], Vec::as_slice)
    }

    /// A number; `None` if the table lacks the column.
    pub fn number(&self, column: &ColumnDef, row: usize) -> Option<f64> {
        self.column(column)?.get(row).copied()
    }

    /// All numbers of a column; `None` if the table lacks it.
    pub fn column(&self, column: &ColumnDef) -> Option<&[f64]> {
        self.columns.get(column.name).map(Vec::as_slice)
    }

    /// The events without their cells, as the writers of results want them.
    pub fn events(&self) -> EventBatch {
        let mut batch = EventBatch::default();
        for (sample, event) in &self.keys {
            if self.samples {
                batch.sample.push(sample.clone());
            }
            batch.finish_event(*event);
        }
        batch
    }
}
