//! The loop: draw a group, read its next candidate, keep it or not.

use std::collections::BTreeMap;

use rand::RngExt as _;
use recoil_stage::seed::Rng;

use super::acceptance::{Acceptance, Bins};
use super::decide::{Decision, GroupReader, ReadRow};
use crate::data::truth::TauType;
use crate::error::Result;

/// How the group of the next candidate is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// In proportion to the rows that it has left: every order of all rows is as likely, and all groups end together.
    #[default]
    RowsLeft,
    /// In fixed proportion; the job ends with the first group that has no rows left.
    FixedShares,
}

/// Which candidates are kept.
#[derive(Clone, Debug)]
pub struct Selection {
    /// The bins.
    pub bins: Bins,
    /// By group: classes that are taken.
    pub classes: Vec<Vec<TauType>>,
    /// By group and class; without any, all candidates of the classes are kept.
    pub acceptance: Option<Vec<BTreeMap<TauType, Acceptance>>>,
    /// By class.
    pub class_probability: BTreeMap<TauType, f64>,
    /// Keep events with even numbers (0), odd numbers (1), or all (3).
    pub parity: u8,
}

impl Selection {
    /// Whether a candidate is kept.
    fn keeps(&self, group: usize, row: &Decision, rng: &mut Rng) -> bool {
        let Some(class) = row.class.filter(|class| self.classes.get(group).is_some_and(|known| known.contains(class)))
        else {
            return false;
        };
        if self.parity < 2 && row.odd != (self.parity == 1) {
            return false;
        }
        let Some(acceptance) = &self.acceptance else { return true };
        let q = self.class_probability.get(&class).copied().unwrap_or(1.0);
        if rng.random::<f64>() >= q {
            return false;
        }
        let Some(bin) = self.bins.find(f64::from(row.abs_eta), f64::from(row.pt)) else { return false };
        let probability = acceptance.get(group).and_then(|of| of.get(&class)).map_or(0.0, |a| a.of(bin));
        // the smallest random number is 0, which must not pass a probability of 0
        probability >= 1.0 || rng.random::<f64>() < probability
    }
}

/// What a job did.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Rows that were read, by group.
    pub read: Vec<u64>,
    /// Rows that were kept, by group and class.
    pub kept: BTreeMap<(usize, TauType), u64>,
    /// Rows that were kept, by class and bin of transverse momentum.
    pub kept_in_pt: BTreeMap<TauType, Vec<u64>>,
    /// The group that ended the job, if one did.
    pub ended_by: Option<usize>,
    /// Rows that nobody read, by group.
    pub unread: Vec<u64>,
}

impl Tally {
    /// All rows that were kept.
    pub fn total(&self) -> u64 {
        self.kept.values().sum()
    }
}

/// Kept rows that are written together.
const BLOCK: usize = 2048;

/// Runs the loop until the groups end or `most` rows are kept. Kept rows go to `write` with the number of their group,
/// some thousands at a time.
///
/// # Errors
/// Bad files that stop the work, and what `write` gives.
pub fn run(
    mut readers: Vec<GroupReader<'_>>,
    selection: &Selection,
    order: (Order, &[f64]),
    most: u64,
    rng: &mut Rng,
    mut write: impl FnMut(Vec<(usize, ReadRow)>, u64) -> Result<()>,
) -> Result<Tally> {
    let mut tally = Tally { read: vec![0; readers.len()], ..Tally::default() };
    let n_pt = selection.bins.n_pt();
    let (mut kept, mut count, mut since) = (Vec::new(), 0, 0_u64);
    while count < most {
        let Some(group) = next_group(&readers, order, rng) else { break };
        let Some(reader) = readers.get_mut(group) else { break };
        let Some(row) = reader.next_row()? else {
            if order.0 == Order::FixedShares {
                tally.ended_by = Some(group);
                break;
            }
            continue;
        };
        if let Some(read) = tally.read.get_mut(group) {
            *read += 1;
        }
        since += 1;
        if !selection.keeps(group, &row.decision, rng) {
            continue;
        }
        if let Some(class) = row.decision.class {
            *tally.kept.entry((group, class)).or_default() += 1;
            let in_pt = tally.kept_in_pt.entry(class).or_insert_with(|| vec![0; n_pt]);
            let bin = selection.bins.find(f64::from(row.decision.abs_eta), f64::from(row.decision.pt));
            if let Some(place) = bin.and_then(|(_, k)| in_pt.get_mut(k)) {
                *place += 1;
            }
        }
        count += 1;
        kept.push((group, row));
        if kept.len() == BLOCK {
            write(std::mem::take(&mut kept), since)?;
            since = 0;
        }
    }
    write(kept, since)?;
    tally.unread = readers.iter().map(GroupReader::left).collect();
    Ok(tally)
}

/// Draws a group; `None` if there is none left.
fn next_group(readers: &[GroupReader<'_>], (order, shares): (Order, &[f64]), rng: &mut Rng) -> Option<usize> {
    match order {
        Order::RowsLeft => {
            let total: u64 = readers.iter().map(GroupReader::left).sum();
            if total == 0 {
                return None;
            }
            let mut place = rng.random_range(0..total);
            readers.iter().position(|reader| {
                let here = place < reader.left();
                place = place.saturating_sub(reader.left());
                here
            })
        }
        Order::FixedShares => {
            let total: f64 = shares.iter().sum();
            let mut place = rng.random::<f64>() * total;
            let found = shares.iter().position(|share| {
                let here = place < *share;
                place -= share;
                here
            });
            found.or_else(|| shares.iter().rposition(|share| *share > 0.0))
        }
    }
}
