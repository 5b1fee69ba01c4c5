//! Tables to events.
//!
//! Two forms are understood: one row per event with lists, which [`super::EventWriter`] makes, and one row per element
//! (`event`, features `x0 ...`, targets `t_*`, candidates `c_*`, classes as indices), which older programs make.

use std::sync::Arc;

use recoil_table::{Batch, BatchReader, Jagged, MemoryReader, ReadOptions};

use super::columns::{
    CANDIDATE, CANDIDATE_PREFIX, EVENT, GENERATED, GENERATED_PREFIX, LINK, LINK_PREFIX, PUPPI, ParticleColumn, Parts,
    SIMULATED, SIMULATED_PREFIX, TARGET, TARGET_PREFIX,
};
use super::event::{Event, Particle, Target};
use super::layout::Layout;
use crate::error::{PflowError, Result};

/// Which parts of a table are to be read, beside elements.
pub type Selected = Parts;

/// Events at a time.
const BATCH: usize = 256;

/// Reads events of a table.
pub struct EventReader {
    reader: Box<dyn BatchReader>,
    layout: Layout,
    parts: Parts,
    is_flat: bool,
}

impl EventReader {
    /// Opens a table. `wanted` are the parts that are read if the table has them.
    ///
    /// # Errors
    /// A file that cannot be read or is no table of elements.
    pub fn open(address: &str, wanted: Selected) -> Result<Self> {
        let mut reader = recoil_table::open(address, &ReadOptions { batch_rows: BATCH, ..ReadOptions::default() })?;
        let schema = reader.schema();
        let has = |name: &str| schema.column_with_name(name).is_some();
        let is_flat = has("x0") && has("x16");
        let layout = match Layout::ALL.into_iter().find(|l| l.features().iter().all(|f| has(&f.column()))) {
            Some(layout) => layout,
            None if is_flat => Layout::Clic,
            None => return Err(no_layout(&*reader)),
        };
        let parts = Parts {
            targets: wanted.targets && (has("target_pdg") || is_flat && has("t_cls")),
            candidates: wanted.candidates && (has("cand_pdg") || is_flat && has("c_cls")),
            puppi: wanted.puppi && has(PUPPI),
            generated: wanted.generated && has("gen_pdg"),
            simulation: wanted.simulation && has("sim_pdg") && has("link_particle"),
        };
        if is_flat {
            // an event may go on in the next batch of rows
            let rows = reader.read_all()?;
            let events = recoil_table::implode(&rows, EVENT, None, &[])?;
            let pieces = (0..events.rows()).step_by(BATCH).map(|start| {
                let records = events.records().slice(start, BATCH.min(events.rows() - start));
                Batch::new(records, events.file().clone(), start as u64)
            });
            reader = Box::new(MemoryReader::new(events.schema(), pieces.collect()));
        }
        Ok(Self { reader, layout, parts, is_flat })
    }

    /// Features of the elements.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Parts that are read.
    pub fn parts(&self) -> Parts {
        self.parts
    }

    /// The file.
    pub fn file(&self) -> &Arc<str> {
        self.reader.file()
    }

    /// Number of events, where the format knows.
    pub fn total(&self) -> Option<u64> {
        self.reader.total_rows()
    }

    /// Provenance record in the file.
    pub fn provenance(&self) -> Option<&str> {
        self.reader.provenance()
    }

    /// The next events; `None` behind the last ones.
    ///
    /// # Errors
    /// Rows that cannot be read, lists of different length in an event, numbers that are not finite.
    pub fn next_events(&mut self) -> Result<Option<Vec<Event>>> {
        let Some(batch) = self.reader.next_batch()? else { return Ok(None) };
        self.events(&batch).map(Some)
    }

    /// All events.
    ///
    /// # Errors
    /// As [`EventReader::next_events`].
    pub fn all(mut self) -> Result<Vec<Event>> {
        let mut events = Vec::new();
        while let Some(mut more) = self.next_events()? {
            events.append(&mut more);
        }
        Ok(events)
    }

    fn events(&self, batch: &Batch) -> Result<Vec<Event>> {
        let numbers = batch.scalar_as::<i64>(EVENT)?;
        let features = self.layout.features();
        let names: Vec<String> = if self.is_flat {
            (0..features.len()).map(|index| format!("x{index}")).collect()
        } else {
            features.iter().map(super::Feature::column).collect()
        };
        let columns = lists(batch, &names)?;
        let mut targets = Vec::new();
        let mut candidates = Vec::new();
        if self.parts.targets {
            targets = self.particles(batch, TARGET, TARGET_PREFIX, "t_", names.first())?;
        }
        if self.parts.candidates {
            candidates = self.particles(batch, CANDIDATE, CANDIDATE_PREFIX, "c_", names.first())?;
        }
        if self.is_flat {
            let class = |index: i32| self.layout.classes().get(usize::try_from(index).unwrap_or(usize::MAX)).copied();
            let fault = |index: i32| {
                PflowError::column(batch.file(), "t_cls or c_cls", format!("has {index}, which is no class index"))
            };
            for list in &mut targets {
                for Target { particle: Particle { pdg, .. }, .. } in list.iter_mut() {
                    *pdg = class(*pdg).ok_or_else(|| fault(*pdg))?;
                }
            }
            for Particle { pdg, .. } in candidates.iter_mut().flatten() {
                *pdg = class(*pdg).ok_or_else(|| fault(*pdg))?;
            }
        }
        let generated = if self.parts.generated {
            self.particles(batch, GENERATED, GENERATED_PREFIX, GENERATED_PREFIX, None)?
        } else {
            Vec::new()
        };
        let (mut simulated, mut links) = (Vec::new(), Vec::new());
        if self.parts.simulation {
            simulated = self.particles(batch, SIMULATED, SIMULATED_PREFIX, SIMULATED_PREFIX, None)?;
            links = self.particles(batch, LINK, LINK_PREFIX, LINK_PREFIX, None)?;
        }
        let (mut simulated, mut links) = (simulated.into_iter(), links.into_iter());
        let mut puppi = Vec::new();
        if self.parts.puppi {
            let lists = lists(batch, &[names.first().cloned().unwrap_or_default(), PUPPI.to_owned()])?;
            puppi = lists.last().map(|list| list.rows().map(<[f32]>::to_vec).collect()).unwrap_or_default();
        }
        let mut puppi = puppi.into_iter();
        let (mut targets, mut candidates) = (targets.into_iter(), candidates.into_iter());
        let mut generated = generated.into_iter();
        let event = |(row, &number): (usize, &i64)| {
            let lists: Vec<&[f32]> = columns.iter().map(|column| column.row(row)).collect();
            let count = lists.first().map_or(0, |list| list.len());
            let mut features = Vec::with_capacity(count * lists.len());
            for element in 0..count {
                features.extend(lists.iter().map(|list| list.get(element).copied().unwrap_or(0.0)));
            }
            Event {
                number,
                features,
                targets: targets.next().unwrap_or_default(),
                candidates: candidates.next().unwrap_or_default(),
                puppi: puppi.next().unwrap_or_default(),
                generated: generated.next().unwrap_or_default(),
                simulated: simulated.next().unwrap_or_default(),
                links: links.next().unwrap_or_default(),
            }
        };
        let events: Vec<Event> = numbers.iter().enumerate().map(event).collect();
        for (row, event) in (batch.first_row()..).zip(&events) {
            super::check::check(event, self.layout).map_err(|reason| PflowError::Event {
                file: batch.file().to_string(),
                event: event.number,
                row,
                reason,
            })?;
        }
        Ok(events)
    }

    /// Particles of each event; as many as elements if the column `beside` is given.
    fn particles<T: Copy + Default>(
        &self,
        batch: &Batch,
        columns: &[ParticleColumn<T>],
        prefix: &str,
        flat: &str,
        beside: Option<&String>,
    ) -> Result<Vec<Vec<T>>> {
        let name = |column: &ParticleColumn<T>| match (self.is_flat, column.name) {
            (false, name) => format!("{prefix}{name}"),
            (true, "pdg") => format!("{flat}cls"),
            (true, "generator_status") => format!("{flat}generatorStatus"),
            (true, "simulator_status") => format!("{flat}simulatorStatus"),
            (true, name) => format!("{flat}{name}"),
        };
        let names: Vec<String> = columns.iter().map(name).collect();
        let lists = lists(batch, &names)?;
        if let (Some(first), Some(beside)) = (names.first(), beside) {
            batch.require_same_lengths(&[beside.as_str(), first.as_str()])?;
        }
        let event = |row: usize| {
            let count = lists.first().map_or(0, |list| list.row(row).len());
            let mut particles = vec![T::default(); count];
            for (column, list) in columns.iter().zip(&lists) {
                for (particle, value) in particles.iter_mut().zip(list.row(row)) {
                    (column.set)(particle, *value);
                }
            }
            particles
        };
        Ok((0..batch.rows()).map(event).collect())
    }
}

/// List columns of the same lengths, of finite numbers.
fn lists<'a>(batch: &'a Batch, names: &[String]) -> Result<Vec<Jagged<'a, f32>>> {
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    batch.require_same_lengths(&all)?;
    let column = |name: &&str| -> Result<Jagged<'a, f32>> {
        batch.require_finite(name)?;
        Ok(batch.list_as::<f32>(name)?)
    };
    all.iter().map(column).collect()
}

fn no_layout(reader: &dyn BatchReader) -> PflowError {
    let schema = reader.schema();
    let missing = |layout: Layout| {
        let column = |feature: &super::Feature| Some(feature.column()).filter(|n| schema.column_with_name(n).is_none());
        let names: Vec<String> = layout.features().iter().filter_map(column).collect();
        (names.len(), names.first().cloned().unwrap_or_default())
    };
    let nearest = Layout::ALL.into_iter().map(missing).min().unwrap_or_default();
    PflowError::column(
        reader.file(),
        nearest.1,
        "is missing: this is no table of elements (`recoil pflow import` makes one)",
    )
}
