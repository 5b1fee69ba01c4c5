//! A whole production for DAGMan: for places where no manager may stay running.

use super::super::StepSubmission;
use super::description::description;
use crate::engine::fresh;
use crate::error::{ProductionError, Result};
use crate::plan::Plan;
use crate::state::{StateDir, write_atomic};
use std::collections::HashSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Writes what `condor_submit_dag` needs into `directory`: a submit description for each step and the graph, whose name
/// is returned; and into the state directory what the task runner needs. A step begins when those before it have ended
/// well. A task that is done is not run again when its step is tried again.
///
/// # Errors
/// When a file cannot be written, or a name cannot be written in a submit description.
pub fn write(plan: &Plan, state: &StateDir, runner: &[OsString], directory: &Path) -> Result<PathBuf> {
    state.create()?;
    std::fs::create_dir_all(directory).map_err(ProductionError::file("create the directory", directory))?;
    let mut graph = String::new();
    for (index, step) in plan.production.steps.iter().enumerate() {
        fresh::write_specs(plan, state, index, false, &HashSet::new())?;
        let mut words = runner.to_vec();
        words.extend(["--dir".into(), state.path().into(), "--step".into(), step.id.clone().into()]);
        words.extend(["--attempt".into(), "1".into()]);
        let submission = StepSubmission {
            production: plan.production.name.clone(),
            step: step.id.clone(),
            tasks: (0..step.tasks.len()).collect(),
            attempt: 1,
            token: format!("{}.dag", step.id),
            runner: words,
            resources: step.resources.clone(),
            concurrent: step.concurrent,
            scheduler: step.scheduler.clone(),
            environment: step.environment.clone(),
            scripts: state.scripts(),
            directory: fresh::directory(&plan.production),
            specs: Vec::new(),
        };
        let name = format!("{}.sub", step.id);
        write_atomic(&directory.join(&name), description(&submission, state)?.as_bytes(), false)?;
        graph.push_str(&format!("JOB {} {name}\n", step.id));
        if step.retries > 0 {
            graph.push_str(&format!("RETRY {} {}\n", step.id, step.retries));
        }
    }
    for (index, before) in plan.graph.depends_on.iter().enumerate() {
        let id = |step: usize| plan.production.steps.get(step).map_or("", |step| step.id.as_str());
        let parents: Vec<&str> = before.iter().map(|step| id(*step)).collect();
        if !parents.is_empty() {
            graph.push_str(&format!("PARENT {} CHILD {}\n", parents.join(" "), id(index)));
        }
    }
    let path = directory.join("production.dag");
    write_atomic(&path, graph.as_bytes(), false)?;
    Ok(path)
}
