//! The chain's steps bound to files and configuration.

pub mod bench;
pub mod cell_table;
pub mod cells;
pub mod clue;
pub mod coarse;
pub mod display;
pub mod front_end;
pub mod geometry;
pub mod grouped;
pub mod optimize_phi;
pub mod output;
pub mod particles;
pub mod report;
pub mod run;
pub mod scan;
pub mod scan_radius;
pub mod shapes;
pub mod simulation;
pub mod skim;
pub mod stage_one;
pub mod steps;
pub mod towers;
pub mod validate;

use recoil_stage::AnyStage;

use crate::error::HgcalError;

/// File formats that tables are read from.
pub const TABLES: &[&str] = &["parquet", "root", "csv", "npz"];

/// All stages of this file's folder, in the order of the chain.
pub fn all() -> Vec<Box<dyn AnyStage>> {
    vec![
        Box::new(simulation::Simulate),
        Box::new(geometry::Geometry),
        Box::new(skim::Skim),
        Box::new(front_end::FrontEndStage),
        Box::new(stage_one::StageOne),
        Box::new(run::RunChain),
        Box::new(steps::Fill),
        Box::new(steps::Smooth),
        Box::new(steps::Seed),
        Box::new(steps::Cluster),
        Box::new(coarse::CoarseSeed),
        Box::new(shapes::ShapesStage),
        Box::new(towers::Towers),
        Box::new(clue::ClueStage),
        Box::new(validate::Validate),
        Box::new(scan::ScanStage),
        Box::new(scan_radius::ScanRadius),
        Box::new(optimize_phi::OptimizePhi),
        Box::new(report::Report),
        Box::new(report::Figures),
        Box::new(display::Display),
        Box::new(bench::Bench),
    ]
}

/// The same for a configuration that is the part `prefix` of the stage's.
pub(crate) fn problems_in<T>(prefix: &str, checked: Result<T, HgcalError>) -> Vec<recoil_stage::Problem> {
    let mut found = problems(checked);
    found.iter_mut().for_each(|problem| problem.key = format!("{prefix}.{}", problem.key));
    found
}

/// What the check of a configuration found, as the configuration reader wants it.
pub(crate) fn problems<T>(checked: Result<T, HgcalError>) -> Vec<recoil_stage::Problem> {
    match checked {
        Ok(_) => Vec::new(),
        Err(HgcalError::Config { key, reason }) => vec![recoil_stage::Problem::new(key, reason)],
        Err(other) => vec![recoil_stage::Problem::new("", other.to_string())],
    }
}
