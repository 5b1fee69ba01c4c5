//! Which class became which.

use recoil_stats::Interval;
use recoil_stats::interval::{ONE_SIGMA, wilson};

use crate::error::Result;

/// Counts of elements by true and by reconstructed class; index 0 is "none".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confusion {
    classes: usize,
    counts: Vec<u64>,
}

impl Confusion {
    /// No entries yet.
    pub fn new(classes: usize) -> Self {
        Self { classes, counts: vec![0; classes * classes] }
    }

    /// Adds an element by the indices of its classes; classes that are not in the list are ignored.
    pub fn fill(&mut self, truth: usize, found: usize) {
        if truth < self.classes
            && found < self.classes
            && let Some(count) = self.counts.get_mut(truth * self.classes + found)
        {
            *count += 1;
        }
    }

    /// Number of classes, "none" included.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Elements of the true class `truth` that were reconstructed as `found`.
    pub fn count(&self, truth: usize, found: usize) -> u64 {
        if found >= self.classes {
            return 0;
        }
        self.counts.get(truth * self.classes + found).copied().unwrap_or(0)
    }

    /// All elements.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Adds another matrix of the same classes.
    pub fn add(&mut self, other: &Self) {
        for (mine, more) in self.counts.iter_mut().zip(&other.counts) {
            *mine += more;
        }
    }

    /// Elements of the true class.
    pub fn row(&self, truth: usize) -> u64 {
        (0..self.classes).map(|found| self.count(truth, found)).sum()
    }

    /// Elements that were reconstructed as the class.
    pub fn column(&self, found: usize) -> u64 {
        (0..self.classes).map(|truth| self.count(truth, found)).sum()
    }

    /// Share of elements with the right class.
    pub fn accuracy(&self) -> f64 {
        (0..self.classes).map(|class| self.count(class, class)).sum::<u64>() as f64 / self.total() as f64
    }

    /// Share of elements of a true class that were reconstructed as it; one standard deviation (Wilson).
    ///
    /// # Errors
    /// None for counts that are what they are.
    pub fn efficiency(&self, class: usize) -> Result<Interval> {
        share(self.count(class, class), self.row(class))
    }

    /// Share of elements reconstructed as a class that are of another.
    ///
    /// # Errors
    /// As [`Confusion::efficiency`].
    pub fn fake(&self, class: usize) -> Result<Interval> {
        let column = self.column(class);
        share(column - self.count(class, class), column)
    }

    /// Share of elements with a particle for which there is a candidate of whatever class.
    ///
    /// # Errors
    /// As [`Confusion::efficiency`].
    pub fn presence_efficiency(&self) -> Result<Interval> {
        let present = self.total() - self.row(0);
        let missed = self.column(0) - self.count(0, 0);
        share(present - missed, present)
    }

    /// Share of candidates on elements without a particle.
    ///
    /// # Errors
    /// As [`Confusion::efficiency`].
    pub fn presence_fake(&self) -> Result<Interval> {
        share(self.row(0) - self.count(0, 0), self.total() - self.column(0))
    }
}

fn share(pass: u64, total: u64) -> Result<Interval> {
    Ok(wilson(pass as f64, total as f64, ONE_SIGMA)?)
}
