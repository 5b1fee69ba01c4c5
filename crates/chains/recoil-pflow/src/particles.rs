//! Four-momenta from any table of particles: one row per particle, or one row per event with lists.
//!
//! Momenta may be given as `px py pz`, or `pt eta` with `phi` (or `sin_phi cos_phi`); the fourth number as `energy`, `e`
//! or `E`, or as `mass` or `m`. Particles without it are massless. Names may have a prefix, such as `cand_` or
//! `PFCands_`.

use std::borrow::Cow;

use recoil_physics::momentum::FourMomentum;
use recoil_table::{Address, Batch, BatchReader, Jagged, ReadOptions};

use crate::error::{PflowError, Result};

/// Prefixes that are tried in this order.
const PREFIXES: [&str; 9] = ["", "cand_", "c_", "PFCands_", "pfcandidate_", "target_", "t_", "gen_", "GenCands_"];

/// The particles of an event.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ParticleList {
    /// number of the event
    pub event: i64,
    /// four-momenta \[GeV\]; all zero for elements without a particle
    pub momenta: Vec<FourMomentum>,
    /// rows of the particles in a flat table
    pub rows: Vec<u64>,
}

/// Where the numbers of a four-momentum stand.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Columns {
    momentum: Momentum,
    fourth: Fourth,
    /// class or PDG number; 0 means that there is no particle
    class: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Momentum {
    Cartesian([String; 3]),
    Angle([String; 3]),
    Sines([String; 4]),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Fourth {
    Energy(String),
    Mass(String),
    None,
}

impl Columns {
    /// Finds the columns behind `prefix`.
    fn find(has: &dyn Fn(&str) -> bool, prefix: &str) -> Option<Self> {
        let named = |name: &str| format!("{prefix}{name}");
        let first = |names: &[&str]| names.iter().map(|name| named(name)).find(|name| has(name));
        let all = |names: &[&str]| names.iter().all(|name| has(&named(name)));
        let momentum = if all(&["px", "py", "pz"]) {
            Momentum::Cartesian(["px", "py", "pz"].map(named))
        } else if all(&["pt", "eta", "phi"]) {
            Momentum::Angle(["pt", "eta", "phi"].map(named))
        } else if all(&["pt", "eta", "sin_phi", "cos_phi"]) {
            Momentum::Sines(["pt", "eta", "sin_phi", "cos_phi"].map(named))
        } else {
            return None;
        };
        let fourth = match (first(&["energy", "e", "E"]), first(&["mass", "m"])) {
            (Some(energy), _) => Fourth::Energy(energy),
            (None, Some(mass)) => Fourth::Mass(mass),
            (None, None) => Fourth::None,
        };
        Some(Self { momentum, fourth, class: first(&["cls", "cls_id", "pdg", "pdgId", "pdgid", "pid"]) })
    }

    fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = match &self.momentum {
            Momentum::Cartesian(names) | Momentum::Angle(names) => names.iter().map(String::as_str).collect(),
            Momentum::Sines(names) => names.iter().map(String::as_str).collect(),
        };
        match &self.fourth {
            Fourth::Energy(name) | Fourth::Mass(name) => names.push(name),
            Fourth::None => {}
        }
        names.extend(self.class.as_deref());
        names
    }

    /// The four-momentum of the numbers in the order of [`Columns::names`].
    fn momentum(&self, at: &dyn Fn(usize) -> f64) -> FourMomentum {
        let (cartesian, used) = match &self.momentum {
            Momentum::Cartesian(_) => ([at(0), at(1), at(2)], 3),
            Momentum::Angle(_) => (from_angles(at(0), at(1), at(2)), 3),
            Momentum::Sines(_) => (from_angles(at(0), at(1), at(2).atan2(at(3))), 4),
        };
        let [px, py, pz] = cartesian;
        let p = (px * px + py * py + pz * pz).sqrt();
        let (energy, used) = match &self.fourth {
            Fourth::Energy(_) => (at(used), used + 1),
            Fourth::Mass(_) => (p.hypot(at(used)), used + 1),
            Fourth::None => (p, used),
        };
        if self.class.is_some() && at(used) == 0.0 {
            return FourMomentum::default();
        }
        FourMomentum { px, py, pz, energy }
    }
}

fn from_angles(pt: f64, eta: f64, phi: f64) -> [f64; 3] {
    [pt * phi.cos(), pt * phi.sin(), pt * eta.sinh()]
}

/// Reads particles event after event.
pub struct ParticleReader {
    reader: Box<dyn BatchReader>,
    columns: Columns,
    event: Option<String>,
    is_flat: bool,
    /// of a flat table: rows that may belong to an event that goes on
    open: Option<ParticleList>,
    seen: std::collections::HashSet<i64>,
}

impl ParticleReader {
    /// Opens the table at `address`. `prefix` is that of the columns, empty to look for it; `event` is the column with
    /// the number of the event, without which lists are numbered by row and flat tables are one event.
    ///
    /// # Errors
    /// A file that cannot be read, or without particles.
    pub fn open(address: &str, prefix: &str, event: &str) -> Result<Self> {
        let address = Address::parse(address)?;
        let schema = recoil_table::open_at(&address, &ReadOptions::default())?.schema();
        let has = |name: &str| schema.column_with_name(name).is_some();
        let prefixes: &[&str] = if prefix.is_empty() { &PREFIXES } else { &[prefix] };
        let Some(columns) = prefixes.iter().find_map(|prefix| Columns::find(&has, prefix)) else {
            let reason = format!(
                "is missing: particles need {prefix}px, {prefix}py, {prefix}pz or {prefix}pt, {prefix}eta and \
                 {prefix}phi (or sin_phi and cos_phi); `prefix=` names what stands before these names"
            );
            return Err(PflowError::column(address.path.display(), format!("{prefix}pt"), reason));
        };
        let event = Some(event.to_owned()).filter(|name| has(name));
        let first = columns.names().first().map(|name| (*name).to_owned()).unwrap_or_default();
        let is_flat = schema.field_with_name(&first).is_ok_and(|field| !field.data_type().is_list());
        let names: Vec<String> = columns.names().into_iter().chain(event.as_deref()).map(str::to_owned).collect();
        let reader = recoil_table::open_at(&address, &ReadOptions::default().columns(names))?;
        Ok(Self { reader, columns, event, is_flat, open: None, seen: std::collections::HashSet::new() })
    }

    /// Number of rows, where the format knows.
    pub fn rows(&self) -> Option<u64> {
        self.reader.total_rows()
    }

    /// Whether the table has one row per particle.
    pub fn is_flat(&self) -> bool {
        self.is_flat
    }

    /// Names of the columns that are used.
    pub fn columns(&self) -> Vec<&str> {
        self.columns.names()
    }

    /// The next events; `None` behind the last ones.
    ///
    /// # Errors
    /// Rows that cannot be read, numbers that are not finite, events of a flat table whose rows are apart.
    pub fn next_events(&mut self) -> Result<Option<Vec<ParticleList>>> {
        match self.reader.next_batch()? {
            Some(batch) if self.is_flat => self.flat(&batch).map(Some),
            Some(batch) => self.lists(&batch).map(Some),
            None => Ok(self.open.take().map(|last| vec![last])),
        }
    }

    fn lists(&self, batch: &Batch) -> Result<Vec<ParticleList>> {
        let names = self.columns.names();
        batch.require_same_lengths(&names)?;
        let column = |name: &&str| -> Result<Jagged<'_, f64>> {
            batch.require_finite(name)?;
            Ok(batch.list_as::<f64>(name)?)
        };
        let columns: Vec<Jagged<'_, f64>> = names.iter().map(column).collect::<Result<_>>()?;
        let numbers = self.numbers(batch)?;
        let event = |row: usize| {
            let lists: Vec<&[f64]> = columns.iter().map(|column| column.row(row)).collect();
            let count = lists.first().map_or(0, |list| list.len());
            let at = |particle: usize, column: usize| {
                lists.get(column).and_then(|list| list.get(particle)).copied().unwrap_or(0.0)
            };
            let momenta = (0..count).map(|particle| self.columns.momentum(&|column| at(particle, column))).collect();
            let event = numbers.as_ref().and_then(|n| n.get(row).copied());
            let event = event.unwrap_or_else(|| (batch.first_row() + row as u64) as i64);
            ParticleList { event, momenta, rows: Vec::new() }
        };
        Ok((0..batch.rows()).map(event).collect())
    }

    fn flat(&mut self, batch: &Batch) -> Result<Vec<ParticleList>> {
        let names = self.columns.names();
        let column = |name: &&str| -> Result<Cow<'_, [f64]>> {
            batch.require_finite(name)?;
            Ok(batch.scalar_as::<f64>(name)?)
        };
        let columns: Vec<Cow<'_, [f64]>> = names.iter().map(column).collect::<Result<_>>()?;
        let numbers = self.numbers(batch)?;
        let mut complete = Vec::new();
        for row in 0..batch.rows() {
            let event = numbers.as_ref().and_then(|n| n.get(row).copied()).unwrap_or(0);
            if self.open.as_ref().is_none_or(|open| open.event != event) {
                if !self.seen.insert(event) {
                    return Err(PflowError::Event {
                        file: batch.file().to_string(),
                        event,
                        row: batch.first_row() + row as u64,
                        reason: "rows of one event must stand together".to_owned(),
                    });
                }
                complete.extend(self.open.replace(ParticleList { event, ..ParticleList::default() }));
            }
            let at = |column: usize| columns.get(column).and_then(|values| values.get(row)).copied().unwrap_or(0.0);
            let momentum = self.columns.momentum(&at);
            if let Some(open) = &mut self.open {
                open.momenta.push(momentum);
                open.rows.push(batch.first_row() + row as u64);
            }
        }
        Ok(complete)
    }

    fn numbers<'a>(&self, batch: &'a Batch) -> Result<Option<Cow<'a, [i64]>>> {
        Ok(self.event.as_deref().map(|name| batch.scalar_as::<i64>(name)).transpose()?)
    }
}
