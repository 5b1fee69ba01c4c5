//! Parquet with a matrix of features per event, as older programs for particle flow write it.
//!
//! Tracks and clusters stand in `X_track` and `X_cluster`, single hits in `X_hit_tracker` and `X_hit_calo`, towers and tracks
//! of Delphes together in `X`: in each event a list of elements, each a list of features in the order of the layout. The
//! lists `ytarget_*` and `ycand_*` (of Delphes: `ygen` and `ycand`) have a row per element with the columns of targets, of
//! which candidates have the first seven. A whole file may also be a single row that holds the lists of all events.

use std::collections::VecDeque;

use arrow_array::cast::AsArray as _;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use recoil_table::{Batch, BatchReader, Nested};

use super::branches::{Branches, mend};
use super::{Elements, Source};
use crate::data::columns::{CANDIDATE, Parts, TARGET};
use crate::data::layout::{TYPE, hits};
use crate::data::{Event, Layout, Particle, Target, classes};
use crate::error::{PflowError, Result};

/// Events at a time.
const BATCH: usize = 256;

/// Columns of one kind of element.
#[derive(Clone, Debug)]
struct Columns {
    features: &'static str,
    targets: Option<&'static str>,
    candidates: Option<&'static str>,
    /// type of the elements, if it is not that of the file
    kind: Option<i32>,
}

/// A file of matrices.
pub struct Matrices {
    reader: Box<dyn BatchReader>,
    open: VecDeque<Batch>,
    layout: Layout,
    columns: Vec<Columns>,
    parts: Parts,
    next: i64,
    mended: u64,
}

const OBJECTS: [[&str; 3]; 2] =
    [["X_track", "ytarget_track", "ycand_track"], ["X_cluster", "ytarget_cluster", "ycand_cluster"]];
const HITS: [[&str; 3]; 2] = [["X_hit_tracker", "ytarget_hit_tracker", ""], ["X_hit_calo", "ytarget_hit_calo", ""]];
const DELPHES: [[&str; 3]; 1] = [["X", "ygen", "ycand"]];

impl Matrices {
    /// Whether the table has such columns.
    pub fn fits(branches: &Branches) -> bool {
        [OBJECTS[0], OBJECTS[1], HITS[0], HITS[1], DELPHES[0]].iter().any(|columns| branches.has(columns[0]))
    }

    /// Opens the table at `address`.
    ///
    /// # Errors
    /// A table without the elements that are asked for.
    pub fn open(address: &str, branches: &Branches, elements: Elements) -> Result<Self> {
        let (layout, wanted): (Layout, &[[&'static str; 3]]) = match elements {
            Elements::Hits => (Layout::Hits, &HITS),
            Elements::Objects if branches.has(DELPHES[0][0]) => (Layout::Delphes, &DELPHES),
            Elements::Objects => (Layout::Clic, &OBJECTS),
        };
        let there = |name: &'static str| Some(name).filter(|name| branches.has(name));
        let mut columns = Vec::new();
        for [features, targets, candidates] in wanted {
            if let Some(features) = there(features) {
                let kind = (features == "X_hit_tracker").then_some(hits::TRACKER);
                columns.push(Columns { features, targets: there(targets), candidates: there(candidates), kind });
            }
        }
        if columns.is_empty() {
            let reason = format!("is missing: the table has no {}", layout.name());
            return Err(PflowError::column(branches.file(), wanted[0][0], reason));
        }
        let all = columns.iter();
        let names: Vec<String> = all
            .flat_map(|c| [Some(c.features), c.targets, c.candidates].into_iter().flatten().map(str::to_owned))
            .collect();
        let reader = branches.open(address, &names, BATCH)?;
        let parts = Parts {
            targets: columns.iter().any(|c| c.targets.is_some()),
            candidates: columns.iter().any(|c| c.candidates.is_some()),
            ..Parts::default()
        };
        Ok(Self { reader, open: VecDeque::new(), layout, columns, parts, next: 0, mended: 0 })
    }

    fn events(&mut self, batch: &Batch) -> Result<Vec<Event>> {
        let mut events: Vec<Event> = Vec::new();
        for row in 0..batch.rows() {
            events.push(Event { number: self.next + row as i64, ..Event::default() });
        }
        for columns in self.columns.clone() {
            let features = batch.nested_as::<f64>(columns.features)?;
            let list = |name: Option<&str>| name.map(|name| batch.nested_as::<f64>(name)).transpose();
            let (targets, candidates) = (list(columns.targets)?, list(columns.candidates)?);
            for (row, event) in events.iter_mut().enumerate() {
                let fault = |reason: String| PflowError::Event {
                    file: batch.file().to_string(),
                    event: self.next + row as i64,
                    row: batch.first_row() + row as u64,
                    reason,
                };
                let mut mended = 0;
                let count = self.elements(&columns, &features, row, event, &mut mended).map_err(&fault)?;
                let beside = |nested: &Option<Nested<'_, f64>>, name: Option<&str>| -> Result<Vec<Vec<f32>>> {
                    let Some(nested) = nested else { return Ok(Vec::new()) };
                    let rows: Vec<Vec<f32>> =
                        nested.row(row).map(|values| values.iter().map(|v| *v as f32).collect()).collect();
                    if rows.len() != count {
                        let (name, found) = (name.unwrap_or_default(), rows.len());
                        return Err(fault(format!("{name} has {found} rows for {count} elements")));
                    }
                    Ok(rows)
                };
                for values in beside(&targets, columns.targets)? {
                    event.targets.push(self.target(&values).map_err(&fault)?);
                }
                for values in beside(&candidates, columns.candidates)? {
                    let mut candidate = Particle::default();
                    CANDIDATE.iter().zip(&values).for_each(|(column, value)| (column.set)(&mut candidate, *value));
                    candidate.pdg = self.class(candidate.pdg, candidate.charge).map_err(&fault)?;
                    event.candidates.push(candidate);
                }
                // kinds of elements without targets or candidates have none
                let elements = event.elements(self.layout);
                if self.parts.targets {
                    event.targets.resize(elements, Target::default());
                }
                if self.parts.candidates {
                    event.candidates.resize(elements, Particle::default());
                }
                self.mended += mended;
            }
        }
        self.next += batch.rows() as i64;
        Ok(events)
    }

    /// Appends the elements of a row; how many there are.
    fn elements(
        &self,
        columns: &Columns,
        features: &Nested<'_, f64>,
        row: usize,
        event: &mut Event,
        mended: &mut u64,
    ) -> std::result::Result<usize, String> {
        let width = self.layout.features().len();
        let mut count = 0;
        for values in features.row(row) {
            if values.len() > width || values.len() <= crate::data::layout::ENERGY {
                let (name, found) = (columns.features, values.len());
                return Err(format!("an element of {name} has {found} features where {width} are known"));
            }
            for index in 0..width {
                let value = mend(values.get(index).copied().unwrap_or(0.0), mended);
                let kind = columns.kind.filter(|_| index == TYPE);
                event.features.push(kind.map_or(value, f64::from) as f32);
            }
            count += 1;
        }
        Ok(count)
    }

    fn target(&self, values: &[f32]) -> std::result::Result<Target, String> {
        let mut target = Target { jet: -1.0, ..Target::default() };
        TARGET.iter().zip(values).for_each(|(column, value)| (column.set)(&mut target, *value));
        target.particle.pdg = self.class(target.particle.pdg, target.particle.charge)?;
        Ok(target)
    }

    /// The class of a particle: Delphes tells its index, other files a PDG number.
    fn class(&self, value: i32, charge: f32) -> std::result::Result<i32, String> {
        let known = self.layout.classes();
        match self.layout {
            Layout::Delphes => {
                let class = usize::try_from(value).ok().and_then(|index| known.get(index)).copied();
                class.ok_or_else(|| format!("a particle has the class {value} of {}", known.len()))
            }
            _ if known.contains(&value.abs()) => Ok(value.abs()),
            _ => Ok(classes::of_particle(value, charge.into())),
        }
    }
}

/// What the lists of a column hold, whichever kind of list it is.
fn items(kind: &DataType) -> Option<&DataType> {
    match kind {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => Some(item.data_type()),
        _ => None,
    }
}

/// The list in a row of such a column.
fn item(column: &dyn Array, row: usize) -> Option<ArrayRef> {
    let small = column.as_list_opt::<i32>().map(|list| list.value(row));
    let large = || column.as_list_opt::<i64>().map(|list| list.value(row));
    small.or_else(large).or_else(|| column.as_fixed_size_list_opt().map(|list| list.value(row)))
}

/// A batch with one row per event: the lists of a single row become rows.
fn unrolled(batch: Batch) -> Result<Vec<Batch>> {
    let is_rolled = |field: &Field| items(field.data_type()).and_then(items).and_then(items).is_some();
    let schema = batch.schema();
    if !schema.fields().iter().any(|field| is_rolled(field)) {
        return Ok(vec![batch]);
    }
    let mut pieces = Vec::new();
    for row in 0..batch.rows() {
        let (mut fields, mut arrays) = (Vec::new(), Vec::new());
        for (field, column) in schema.fields().iter().zip(batch.records().columns()) {
            let events = item(column, row).filter(|_| is_rolled(field));
            let events =
                events.ok_or_else(|| PflowError::column(batch.file(), field.name(), "has no list of events"))?;
            fields.push(Field::new(field.name(), events.data_type().clone(), events.is_nullable()));
            arrays.push(events);
        }
        let records = RecordBatch::try_new(std::sync::Arc::new(Schema::new(fields)), arrays)
            .map_err(|error| PflowError::content(batch.file(), error.to_string()))?;
        for start in (0..records.num_rows()).step_by(BATCH) {
            let piece = records.slice(start, BATCH.min(records.num_rows() - start));
            pieces.push(Batch::new(piece, batch.file().clone(), start as u64));
        }
    }
    Ok(pieces)
}

impl Source for Matrices {
    fn layout(&self) -> Layout {
        self.layout
    }

    fn parts(&self) -> Parts {
        self.parts
    }

    fn total(&self) -> Option<u64> {
        None
    }

    fn next_events(&mut self) -> Result<Option<Vec<Event>>> {
        loop {
            if let Some(batch) = self.open.pop_front() {
                return self.events(&batch).map(Some);
            }
            match self.reader.next_batch()? {
                Some(batch) => self.open.extend(unrolled(batch)?),
                None => return Ok(None),
            }
        }
    }

    fn mended(&self) -> u64 {
        self.mended
    }
}
