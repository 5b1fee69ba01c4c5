//! Reading the columns that decide whether a candidate is kept.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;

use super::acceptance::{Bins, Counts};
use super::plan::{GroupPlan, Segment};
use crate::data::file::{CandidateFile, floats, integers};
use crate::data::labels::{LABEL_COLUMNS, classes, require};
use crate::data::truth::TauType;
use crate::error::{Result, TauError};

/// Rows whose decisions are read at once.
const ROWS: u64 = 1 << 15;

/// What decides about a candidate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decision {
    /// Its class.
    pub class: Option<TauType>,
    /// Transverse momentum [GeV].
    pub pt: f32,
    /// |η|.
    pub abs_eta: f32,
    /// Whether the number of its event is odd.
    pub odd: bool,
}

/// Reads the decisions of some rows.
///
/// # Errors
/// Columns that are missing, codes that mean nothing, damaged files.
pub fn decisions(file: &CandidateFile, rows: Range<u64>) -> Result<Vec<Decision>> {
    let names: Vec<&str> = LABEL_COLUMNS.iter().copied().chain(["tau_pt", "evt"]).collect();
    let mut columns = file.read(&names, rows.clone())?;
    let event = columns.pop();
    let pt = columns.pop().map(floats).unwrap_or_default();
    let eta = columns.get(6).cloned().map(floats).unwrap_or_default();
    let event = event.map(|column| integers(&column)).unwrap_or_default();
    let classes = classes(file.name(), rows.start, columns)?;
    let rest = eta.into_iter().zip(pt).zip(event);
    let decision = |(class, ((eta, pt), event)): (_, ((f32, f32), i64))| Decision {
        class,
        pt,
        abs_eta: eta.abs(),
        odd: event & 1 == 1,
    };
    Ok(classes.into_iter().zip(rest).map(decision).collect())
}

/// Opens the file of a segment and makes sure that it has what is needed.
///
/// # Errors
/// Files that cannot be read, that have fewer rows than listed, or lack a column.
pub fn open(segment: &Segment, tree: &str) -> Result<CandidateFile> {
    let path = segment.path.display().to_string();
    let is_root = path.ends_with(".root") && tree != crate::data::columns::TREE;
    let file = CandidateFile::open(&if is_root { format!("{path}:{tree}") } else { path })?;
    if file.rows() < segment.rows.end {
        let reason = format!("has {} rows, but the list promises at least {}", file.rows(), segment.rows.end);
        return Err(TauError::content(file.name(), reason));
    }
    require(&file)?;
    file.require([("tau_pt", false), ("evt", false)])?;
    Ok(file)
}

/// What to do with a file that cannot be used.
pub trait BadFile: Sync {
    /// Notes a file of which `rows` rows are lost; an error to stop.
    ///
    /// # Errors
    /// The fault itself, where the work should stop.
    fn bad(&self, error: TauError, rows: u64) -> Result<()>;
}

/// A row that was read.
#[derive(Clone, Debug)]
pub struct ReadRow {
    /// Its file.
    pub file: Arc<OpenFile>,
    /// Its number there.
    pub row: u64,
    /// What decides about it.
    pub decision: Decision,
}

/// A file that is being read.
pub struct OpenFile {
    /// The file.
    pub file: CandidateFile,
    /// Its data set.
    pub dataset: String,
}

impl std::fmt::Debug for OpenFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.file.name())
    }
}

/// The rows of a group, in order.
pub struct GroupReader<'a> {
    segments: std::slice::Iter<'a, Segment>,
    tree: &'a str,
    bad: &'a dyn BadFile,
    open: Option<(Arc<OpenFile>, Range<u64>)>,
    block: std::vec::IntoIter<Decision>,
    next_row: u64,
    left: u64,
}

impl<'a> GroupReader<'a> {
    /// A reader of what the plan says.
    pub fn new(plan: &'a GroupPlan, tree: &'a str, bad: &'a dyn BadFile) -> Self {
        Self {
            segments: plan.segments.iter(),
            tree,
            bad,
            open: None,
            block: Vec::new().into_iter(),
            next_row: 0,
            left: plan.rows(),
        }
    }

    /// Rows that are left.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// The next row; `None` behind the last.
    ///
    /// # Errors
    /// Bad files, if they stop the work.
    pub fn next_row(&mut self) -> Result<Option<ReadRow>> {
        loop {
            if let (Some(decision), Some((file, _))) = (self.block.next(), &self.open) {
                let row = ReadRow { file: Arc::clone(file), row: self.next_row, decision };
                self.next_row += 1;
                self.left -= 1;
                return Ok(Some(row));
            }
            if !self.refill()? {
                return Ok(None);
            }
        }
    }

    /// Reads more decisions; `false` if there are none.
    fn refill(&mut self) -> Result<bool> {
        if let Some((file, rest)) = self.open.as_mut().filter(|(_, rest)| rest.start < rest.end) {
            let rows = rest.start..rest.end.min(rest.start + ROWS);
            let lost = rest.end - rest.start;
            match decisions(&file.file, rows.clone()) {
                Ok(read) => {
                    rest.start = rows.end;
                    self.next_row = rows.start;
                    self.block = read.into_iter();
                }
                Err(error) => {
                    rest.start = rest.end;
                    self.left -= lost;
                    self.bad.bad(error, lost)?;
                }
            }
            return Ok(true);
        }
        let Some(segment) = self.segments.next() else { return Ok(false) };
        match open(segment, self.tree) {
            Ok(file) => {
                let file = Arc::new(OpenFile { file, dataset: segment.dataset.clone() });
                self.open = Some((file, segment.rows.clone()));
            }
            Err(error) => {
                let lost = segment.rows.end - segment.rows.start;
                self.left -= lost;
                self.bad.bad(error, lost)?;
            }
        }
        Ok(true)
    }
}

/// Counts of each class of a group in what a job reads.
///
/// # Errors
/// Bad files, if they stop the work.
pub fn count(plan: &GroupPlan, bins: &Bins, tree: &str, bad: &dyn BadFile) -> Result<BTreeMap<TauType, Counts>> {
    let of_segment = |segment: &Segment| -> Result<BTreeMap<TauType, Counts>> {
        let mut counts: BTreeMap<TauType, Counts> = BTreeMap::new();
        let mut fill = || -> Result<()> {
            let file = open(segment, tree)?;
            let mut start = segment.rows.start;
            while start < segment.rows.end {
                let end = segment.rows.end.min(start + ROWS);
                for decision in decisions(&file, start..end)? {
                    let Some(class) = decision.class.filter(|class| plan.group.classes.contains(class)) else {
                        continue;
                    };
                    let counts = counts.entry(class).or_insert_with(|| Counts::new(bins));
                    counts.add(bins, f64::from(decision.abs_eta), f64::from(decision.pt), 1.0);
                }
                start = end;
            }
            Ok(())
        };
        match fill() {
            Ok(()) => Ok(counts),
            Err(error) => {
                bad.bad(error, segment.rows.end - segment.rows.start)?;
                Ok(BTreeMap::new())
            }
        }
    };
    let parts: Vec<_> = plan.segments.par_iter().map(of_segment).collect::<Result<_>>()?;
    let mut total: BTreeMap<TauType, Counts> = BTreeMap::new();
    for (class, counts) in parts.into_iter().flatten() {
        let into = total.entry(class).or_insert_with(|| Counts::new(bins));
        into.total += counts.total;
        into.below.iter_mut().zip(&counts.below).for_each(|(a, b)| *a += b);
        into.bins.iter_mut().flatten().zip(counts.bins.iter().flatten()).for_each(|(a, b)| *a += b);
    }
    Ok(total)
}
