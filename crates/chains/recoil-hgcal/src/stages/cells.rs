//! Trigger cells from files, event by event.
//!
//! Two layouts are read: one row per cell with an `event` column (rows of an event together), and one row per event
//! with list columns. Columns may have recoil's names, those of the skim (`good_tc_x`) or those of the CMSSW ntuple
//! (`tc_waferu`).

use std::borrow::Cow;
use std::collections::BTreeSet;

use arrow_array::Array as _;
use arrow_schema::{DataType, Schema};
use recoil_table::{Address, Batch, BatchReader, Format, ReadOptions};

use crate::data::columns::{EVENT, NTUPLE_TREE, SAMPLE, TC_SUBDET, TCS};
use crate::data::{ColumnDef, EventBatch, TriggerCellColumns};
use crate::error::{HgcalError, Result};

/// The name under which a table has the quantity `def`, if it has it.
pub fn name_in(schema: &Schema, def: &ColumnDef) -> Option<&'static str> {
    [Some(def.name), def.skim, def.ntuple].into_iter().flatten().find(|name| schema.column_with_name(name).is_some())
}

/// The table that `text` names; of a ROOT file without a tree, the trigger ntuple if there is exactly one.
///
/// # Errors
/// Those of the table.
pub fn address_of(text: &str) -> Result<Address> {
    address_in(text, NTUPLE_TREE)
}

/// The table that `text` names; of a ROOT file without a tree, the only one with the last part of the name of `tree`.
///
/// # Errors
/// Those of the table.
pub fn address_in(text: &str, tree: &str) -> Result<Address> {
    let wanted = tree.rsplit('/').next();
    let mut address = Address::parse(text)?;
    if address.format == Format::Root && address.member.is_none() {
        let objects = recoil_table::contents(&address.path)?;
        let mut trees: Vec<String> =
            objects.into_iter().map(|o| o.name).filter(|name| name.rsplit('/').next() == wanted).collect();
        trees.dedup();
        if let [only] = trees.as_slice() {
            address.member = Some(only.clone());
        }
    }
    Ok(address)
}

/// Opens the columns `needed` and `optional` of a table; a needed column that is absent is an error of the table.
pub fn open_columns(
    address: &str,
    needed: &[ColumnDef],
    optional: &[ColumnDef],
) -> Result<(Box<dyn BatchReader>, Vec<&'static str>)> {
    let address = address_of(address)?;
    let schema = recoil_table::open_at(&address, &ReadOptions::default())?.schema();
    let mut names: Vec<&'static str> = needed.iter().map(|def| name_in(&schema, def).unwrap_or(def.name)).collect();
    names.extend(optional.iter().filter_map(|def| name_in(&schema, def)));
    let reader = recoil_table::open_at(&address, &ReadOptions::default().columns(names.iter().copied()))?;
    Ok((reader, names))
}

/// Labels of the rows of a batch, or nothing.
pub fn samples(batch: &Batch) -> Result<Option<Vec<&str>>> {
    if !batch.has(SAMPLE.name) {
        return Ok(None);
    }
    let strings = batch.strings(SAMPLE.name)?;
    Ok(Some((0..strings.len()).map(|i| strings.value(i)).collect()))
}

/// Reads trigger cells in batches of whole events.
pub struct CellReader {
    reader: Box<dyn BatchReader>,
    names: Vec<&'static str>,
    flat: bool,
    /// The event that the last batch ended in, of the flat layout.
    open: Option<(String, i64)>,
    pending: EventBatch,
    seen: BTreeSet<(String, i64)>,
    done: bool,
}

impl CellReader {
    /// Opens `FILE` or `FILE:TREE`.
    ///
    /// # Errors
    /// Those of the table, and columns that are missing.
    pub fn open(address: &str) -> Result<Self> {
        let (reader, names) = open_columns(address, TCS, &[SAMPLE, TC_SUBDET])?;
        let schema = reader.schema();
        let flat = match schema.column_with_name(names.get(1).copied().unwrap_or_default()) {
            Some((_, field)) => !matches!(field.data_type(), DataType::List(_) | DataType::LargeList(_)),
            None => true,
        };
        Ok(Self { reader, names, flat, open: None, pending: EventBatch::default(), seen: BTreeSet::new(), done: false })
    }

    /// Rows in the file, if known: cells in the flat layout, events in the other.
    pub fn total_rows(&self) -> Option<u64> {
        self.reader.total_rows()
    }

    /// Whether a row is a cell (else an event).
    pub fn is_flat(&self) -> bool {
        self.flat
    }

    /// Whether the cells carry sample labels.
    pub fn has_samples(&self) -> bool {
        self.names.contains(&SAMPLE.name)
    }

    /// Whether the cells know their sub-detector.
    pub fn has_subdet(&self) -> bool {
        subdet_name(&self.names).is_some()
    }

    /// The next events; `None` at the end.
    ///
    /// # Errors
    /// Those of the table; rows of one event that are not together.
    pub fn next_events(&mut self) -> Result<Option<EventBatch>> {
        while !self.done {
            match self.reader.next_batch()? {
                Some(batch) if self.flat => self.take_rows(&batch)?,
                Some(batch) => self.take_lists(&batch)?,
                None => {
                    self.done = true;
                    self.close_event()?;
                }
            }
            if !self.pending.is_empty() {
                return Ok(Some(self.split_finished()));
            }
        }
        Ok(None)
    }

    /// Takes the finished events out of `pending` and leaves the cells of the open one.
    fn split_finished(&mut self) -> EventBatch {
        let mut finished = std::mem::take(&mut self.pending);
        let end = finished.offsets.last().copied().unwrap_or(0);
        self.pending.cells = finished.cells.split_off(end);
        finished
    }

    fn close_event(&mut self) -> Result<()> {
        if let Some((sample, event)) = self.open.take() {
            if self.has_samples() {
                self.pending.sample.push(sample.clone());
            }
            self.pending.finish_event(event);
            if !self.seen.insert((sample, event)) {
                return Err(HgcalError::ScatteredEvent { file: self.reader.file().to_string(), event });
            }
        }
        Ok(())
    }

    fn take_rows(&mut self, batch: &Batch) -> Result<()> {
        let events = batch.scalar_as::<i64>(EVENT.name)?;
        let labels = samples(batch)?;
        let columns = Columns::scalar(batch, &self.names)?;
        let label = |row: usize| labels.as_ref().map_or("", |l| l[row]);
        let mut start = 0;
        while start < events.len() {
            let key = (label(start), events[start]);
            if self.open.as_ref().is_none_or(|(sample, event)| (sample.as_str(), *event) != key) {
                self.close_event()?;
                self.open = Some((key.0.to_owned(), key.1));
            }
            let mut end = start + 1;
            while end < events.len() && (label(end), events[end]) == key {
                end += 1;
            }
            columns.copy(start..end, &mut self.pending.cells);
            start = end;
        }
        Ok(())
    }

    fn take_lists(&mut self, batch: &Batch) -> Result<()> {
        let lists: Vec<&str> = self.names.iter().copied().filter(|n| *n != EVENT.name && *n != SAMPLE.name).collect();
        batch.require_same_lengths(&lists)?;
        let events = batch.scalar_as::<i64>(EVENT.name)?;
        let labels = samples(batch)?;
        let (columns, offsets) = Columns::list(batch, &self.names)?;
        columns.copy(0..columns.len(), &mut self.pending.cells);
        let base = self.pending.offsets.last().copied().unwrap_or(0);
        for (row, &event) in events.iter().enumerate() {
            if let Some(labels) = &labels {
                self.pending.sample.push(labels[row].to_owned());
            }
            self.pending.event.push(event);
            self.pending.offsets.push(base + offsets.get(row + 1).map_or(0, |&o| o as usize));
        }
        Ok(())
    }
}

fn subdet_name(names: &[&'static str]) -> Option<&'static str> {
    names.iter().copied().find(|name| Some(*name) == TC_SUBDET.skim || *name == TC_SUBDET.name)
}

/// The cell columns of one batch, all rows back to back.
struct Columns<'a> {
    ints: [Cow<'a, [i32]>; 5],
    floats: [Cow<'a, [f32]>; 8],
    subdet: Option<Cow<'a, [i32]>>,
}

impl<'a> Columns<'a> {
    fn scalar(batch: &'a Batch, names: &[&'static str]) -> Result<Self> {
        let int = |i: usize| batch.scalar_as::<i32>(names[i]);
        let float = |i: usize| batch.scalar_as::<f32>(names[i]);
        let subdet = subdet_name(names).map(|name| batch.scalar_as::<i32>(name)).transpose()?;
        Ok(Self {
            ints: [int(1)?, int(2)?, int(3)?, int(4)?, int(5)?],
            floats: [float(6)?, float(7)?, float(8)?, float(9)?, float(10)?, float(11)?, float(12)?, float(13)?],
            subdet,
        })
    }

    fn list(batch: &'a Batch, names: &[&'static str]) -> Result<(Self, Vec<i32>)> {
        let int = |i: usize| batch.list_as::<i32>(names[i]).map(|list| list.values);
        let float = |i: usize| batch.list_as::<f32>(names[i]).map(|list| list.values);
        let offsets = batch.list_as::<i32>(names[1])?.offsets.into_owned();
        let subdet = subdet_name(names).map(|name| batch.list_as::<i32>(name)).transpose()?;
        let columns = Self {
            ints: [int(1)?, int(2)?, int(3)?, int(4)?, int(5)?],
            floats: [float(6)?, float(7)?, float(8)?, float(9)?, float(10)?, float(11)?, float(12)?, float(13)?],
            subdet: subdet.map(|list| list.values),
        };
        Ok((columns, offsets))
    }

    fn len(&self) -> usize {
        self.ints[0].len()
    }

    fn copy(&self, rows: std::ops::Range<usize>, cells: &mut TriggerCellColumns) {
        let [wu, wv, cu, cv, layer] = &self.ints;
        let [pt, mip_pt, energy, x, y, z, eta, phi] = &self.floats;
        for (from, to) in [
            (wu, &mut cells.wu),
            (wv, &mut cells.wv),
            (cu, &mut cells.cu),
            (cv, &mut cells.cv),
            (layer, &mut cells.layer),
        ] {
            to.extend_from_slice(&from[rows.clone()]);
        }
        for (from, to) in [
            (pt, &mut cells.pt),
            (mip_pt, &mut cells.mip_pt),
            (energy, &mut cells.energy),
            (x, &mut cells.x),
            (y, &mut cells.y),
            (z, &mut cells.z),
            (eta, &mut cells.eta),
            (phi, &mut cells.phi),
        ] {
            to.extend_from_slice(&from[rows.clone()]);
        }
        if let Some(subdet) = &self.subdet {
            cells.subdet.extend_from_slice(&subdet[rows]);
        }
    }
}
