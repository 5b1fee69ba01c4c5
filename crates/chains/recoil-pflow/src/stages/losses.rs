//! What truth assignment lost, for reports.

use recoil_stage::Report;

use crate::truth::assignment::Assignment;

/// Sums over events.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Losses {
    events: u64,
    owners: u64,
    merged: u64,
    dropped: u64,
    energy: f64,
    energy_dropped: f64,
    worst: f64,
    unbalanced: Vec<i64>,
}

impl Losses {
    /// Adds an event.
    pub fn add(&mut self, event: i64, assignment: &Assignment) {
        self.events += 1;
        self.owners += assignment.owners.len() as u64;
        self.merged += assignment.merged.len() as u64;
        self.dropped += assignment.dropped.len() as u64;
        self.energy += assignment.energy_before;
        self.energy_dropped += assignment.energy_dropped;
        self.worst = self.worst.max(assignment.imbalance().abs() / assignment.energy_before.max(1.0));
        if !assignment.is_balanced() {
            self.unbalanced.push(event);
        }
    }

    /// The numbers as values of a report; events that lost energy are failures.
    pub fn report(&self, report: Report) -> Report {
        let share = |part: f64| if self.energy > 0.0 { part / self.energy } else { 0.0 };
        let report = report
            .value("targets", self.owners)
            .value("merged", self.merged)
            .value("dropped", self.dropped)
            .value("share_of_energy_dropped", share(self.energy_dropped))
            .value("worst_relative_imbalance", self.worst);
        let failure = |report: Report, event: &i64| report.failure(format!("event {event}: energy was not conserved"));
        self.unbalanced.iter().fold(report, failure)
    }
}
