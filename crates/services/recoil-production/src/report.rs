//! A page about a production: what ran when, what it needed, what failed, who waited for whom.

use crate::error::Result;
use crate::journal::Memory;
use crate::plan::{Plan, command_lines, resources_text};
use crate::state::StateDir;
use crate::status::{self, Status};
use crate::task::{Outcome, TaskResult};
use crate::units::{memory_text, time_text};
use recoil_plot::report::{Page, Section, Table};
use recoil_plot::{Annotations, Color, Figure, LegendAt, Line, Panel, Patches};
use serde_json::json;
use std::collections::BTreeMap;

/// Steps shown one by one in the drawing of the graph; larger productions are drawn by stages.
const DRAWN: usize = 40;
/// Rows of the tables.
const ROWS: usize = 500;

/// An end of a task as far as the page needs it.
struct Bar {
    stage: usize,
    start: f64,
    end: f64,
    outcome: Outcome,
}

/// The page, with everything inside it.
///
/// # Errors
/// When the state cannot be read.
pub fn html(plan: &Plan, state: &StateDir) -> Result<String> {
    let status = status::status(state)?;
    let memory = Memory::read(state)?;
    let stages = stages(&status);
    let bars = bars(state, plan, &stages)?;
    let lead = format!(
        "{} steps, {} tasks: {} done, {} failed, {} not run. The last run ended as *{}*.",
        status.steps.len(),
        status.tasks.total,
        status.tasks.done,
        status.tasks.failed,
        status.tasks.waiting + status.tasks.submitted,
        status.state
    );
    let mut page = Page::new(format!("Production {}", status.name)).lead(lead.replace('*', "`"));
    if !bars.is_empty() {
        page = page.section(timeline(&bars, &stages));
    }
    page = page.section(resources(plan, &status)).section(failures(&status)).section(graph(plan));
    page = page.section(commands(plan));
    Ok(page.provenance(provenance(plan, &memory).to_string()).html())
}

fn stages(status: &Status) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for step in &status.steps {
        if !names.contains(&step.stage) {
            names.push(step.stage.clone());
        }
    }
    names
}

fn bars(state: &StateDir, plan: &Plan, stages: &[String]) -> Result<Vec<Bar>> {
    let stage_of: BTreeMap<&str, usize> = plan
        .production
        .steps
        .iter()
        .filter_map(|step| Some((step.id.as_str(), stages.iter().position(|name| *name == step.stage)?)))
        .collect();
    let mut bars = Vec::new();
    crate::journal::read(&state.journal(), |event| {
        if let crate::journal::Event::End { result } = event {
            let TaskResult { step, started, finished, outcome, .. } = *result;
            if let Some(&stage) = stage_of.get(step.as_str()) {
                bars.push(Bar { stage, start: started, end: finished.max(started), outcome });
            }
        }
    })?;
    bars.sort_by(|a, b| a.start.total_cmp(&b.start));
    Ok(bars)
}

fn timeline(bars: &[Bar], stages: &[String]) -> Section {
    let first = bars.iter().map(|bar| bar.start).fold(f64::INFINITY, f64::min);
    let last = bars.iter().map(|bar| bar.end).fold(first, f64::max);
    let (scale, unit) = match last - first {
        span if span > 2.0 * 86400.0 => (86400.0, "days"),
        span if span > 2.0 * 3600.0 => (3600.0, "hours"),
        span if span > 120.0 => (60.0, "min"),
        _ => (1.0, "s"),
    };
    let time = |at: f64| (at - first) / scale;
    // each bar in the first lane that is free
    let mut lanes: Vec<f64> = Vec::new();
    let mut boxes: Vec<Vec<Vec<[f64; 2]>>> = vec![Vec::new(); stages.len() + 1];
    let shown = bars.len().min(20_000);
    for bar in bars.iter().take(shown) {
        let lane = match lanes.iter().position(|free| *free <= bar.start) {
            Some(lane) => lane,
            None => {
                lanes.push(0.0);
                lanes.len() - 1
            }
        };
        if let Some(free) = lanes.get_mut(lane) {
            *free = bar.end;
        }
        let (low, high) = (lane as f64 + 0.1, lane as f64 + 0.9);
        let (left, right) = (time(bar.start), time(bar.end.max(bar.start + (last - first) / 2000.0)));
        let group = if bar.outcome == Outcome::Done { bar.stage } else { stages.len() };
        if let Some(group) = boxes.get_mut(group) {
            group.push(vec![[left, low], [right, low], [right, high], [left, high]]);
        }
    }
    let mut panel = Panel::new(format!("Time [{unit}]"), "Task at the same time").legend(LegendAt::TopRight);
    for (index, group) in boxes.into_iter().enumerate().filter(|(_, group)| !group.is_empty()) {
        let (label, color) = match stages.get(index) {
            Some(name) => (name.clone(), Color::cycle(index, stages.len())),
            None => ("failed tries".to_string(), Color(60, 60, 60)),
        };
        panel = panel.add(Patches::new(group).fill(color).label(label));
    }
    panel = panel.y_range(0.0, lanes.len() as f64 * 1.25 + 0.5);
    let mut steps: Vec<(f64, f64)> = bars.iter().flat_map(|bar| [(bar.start, 1.0), (bar.end, -1.0)]).collect();
    steps.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let (mut x, mut y, mut now) = (Vec::new(), Vec::new(), 0.0);
    for (at, change) in steps {
        x.extend([time(at), time(at)]);
        y.extend([now, now + change]);
        now += change;
    }
    let load = Panel::new(format!("Time [{unit}]"), "Running tasks").add(Line::new(&x, &y)).y_from(0.0);
    let note =
        if shown < bars.len() { format!(" The first {shown} of {} are shown.", bars.len()) } else { String::new() };
    Section::new("Timeline")
        .figure(
            &Figure::new(panel).title("Timeline").experiment("recoil", "Production").size(900.0, 420.0),
            format!("Each bar is a try of a task.{note}"),
        )
        .figure(
            &Figure::new(load).title("Load").experiment("recoil", "Production").size(900.0, 300.0),
            "Tasks that ran at the same time.",
        )
}

fn resources(plan: &Plan, status: &Status) -> Section {
    let header = ["Step", "Stage", "State", "Tasks", "Done", "Wall clock", "Mean", "Memory", "Asked for"];
    let mut table = Table::new(&header);
    for (step, own) in status.steps.iter().zip(&plan.production.steps).take(ROWS) {
        let ended = step.tasks.done + step.tasks.failed;
        let mean = if ended > 0 { time_text(step.seconds / ended as f64) } else { String::new() };
        table = table.row(&[
            step.id.clone(),
            step.stage.clone(),
            step.state.to_string(),
            step.tasks.total.to_string(),
            step.tasks.done.to_string(),
            time_text(step.seconds),
            mean,
            memory_text(step.max_rss_bytes),
            resources_text(&own.resources),
        ]);
    }
    Section::new("Steps").table(table.caption(more(status.steps.len(), "steps")))
}

fn more(count: usize, what: &str) -> String {
    if count > ROWS { format!("The first {ROWS} of {count} {what}.") } else { format!("All {count} {what}.") }
}

fn failures(status: &Status) -> Section {
    let all: Vec<_> = status.steps.iter().flat_map(|step| step.failures.iter().map(move |own| (step, own))).collect();
    if all.is_empty() {
        return Section::new("Failures").prose("No task stands as failed.");
    }
    let mut table = Table::new(&["Step", "Task", "Tries", "What went wrong"]);
    for (step, own) in all.iter().take(ROWS) {
        table = table.row(&[step.id.clone(), own.task.to_string(), own.attempts.to_string(), own.message.clone()]);
    }
    Section::new("Failures").table(table.caption(more(all.len(), "failures")))
}

/// The graph in columns: each step one column right of the last one that it waits for.
fn graph(plan: &Plan) -> Section {
    let steps = &plan.production.steps;
    let (names, edges) = if steps.len() <= DRAWN {
        (steps.iter().map(|step| step.id.clone()).collect::<Vec<_>>(), plan.graph.depends_on.clone())
    } else {
        by_stage(plan)
    };
    let mut column = vec![0_usize; names.len()];
    // as many rounds as columns; circles are impossible between steps and cut between stages
    for _ in 0..names.len().min(60) {
        for (index, before) in edges.iter().enumerate() {
            let own = before.iter().filter(|other| **other < index || steps.len() <= DRAWN);
            let needed = own.filter_map(|other| column.get(*other)).map(|at| at + 1).max().unwrap_or(0);
            if let Some(at) = column.get_mut(index) {
                *at = (*at).max(needed.min(60));
            }
        }
    }
    let mut rows: BTreeMap<usize, usize> = BTreeMap::new();
    let place: Vec<[f64; 2]> = column
        .iter()
        .map(|at| {
            let row = rows.entry(*at).or_insert(0);
            *row += 1;
            [*at as f64, -(*row as f64)]
        })
        .collect();
    let columns = rows.len().max(1) as f64;
    let height = rows.values().copied().max().unwrap_or(1) as f64;
    let mut panel = Panel::new("Depth", "").x_range(-0.6, columns - 0.4).y_range(-height - 0.7, -0.3);
    let mut labels = Annotations::new().size(0.7);
    for (index, before) in edges.iter().enumerate() {
        for other in before {
            if let (Some(from), Some(to)) = (place.get(*other), place.get(index)) {
                panel = panel
                    .add(Line::new(&[from[0] + 0.35, to[0] - 0.35], &[from[1], to[1]]).color(Color(130, 130, 130)));
            }
        }
    }
    let half =
        |[x, y]: [f64; 2]| vec![[x - 0.35, y - 0.28], [x + 0.35, y - 0.28], [x + 0.35, y + 0.28], [x - 0.35, y + 0.28]];
    panel = panel.add(Patches::new(place.iter().map(|at| half(*at)).collect()).fill(Color(214, 228, 240)));
    for (name, [x, y]) in names.iter().zip(&place) {
        let short: String = name.chars().take(24).collect();
        labels = labels.text(*x, *y, short.replace('_', "\\_"));
    }
    let size = ((columns * 190.0).clamp(600.0, 2400.0), (height * 42.0 + 120.0).clamp(260.0, 2400.0));
    let what = if steps.len() <= DRAWN { "steps" } else { "stages" };
    Section::new("Graph")
        .figure(
            &Figure::new(panel.add(labels)).title("Graph").experiment("recoil", "Production").size(size.0, size.1),
            format!("Who waits for whom, by {what}."),
        )
        .code(if steps.len() <= DRAWN { plan.mermaid() } else { String::new() })
}

fn by_stage(plan: &Plan) -> (Vec<String>, Vec<Vec<usize>>) {
    let mut names: Vec<String> = Vec::new();
    let mut stage_of = Vec::new();
    for step in &plan.production.steps {
        let index = names.iter().position(|name| *name == step.stage).unwrap_or_else(|| {
            names.push(step.stage.clone());
            names.len() - 1
        });
        stage_of.push(index);
    }
    let mut edges = vec![Vec::new(); names.len()];
    for (step, before) in plan.graph.depends_on.iter().enumerate() {
        let Some(&own) = stage_of.get(step) else { continue };
        for other in before.iter().filter_map(|other| stage_of.get(*other)) {
            if let Some(list) = edges.get_mut(own).filter(|list| *other != own && !list.contains(other)) {
                list.push(*other);
            }
        }
    }
    (names, edges)
}

fn commands(plan: &Plan) -> Section {
    let mut text = String::new();
    for step in plan.production.steps.iter().take(ROWS) {
        text.push_str(&format!("# {}\n", step.id));
        for line in step.tasks.first().map(command_lines).unwrap_or_default() {
            text.push_str(&format!("{line}\n"));
        }
    }
    Section::new("Commands").prose("The first task of each step.").code(text)
}

fn provenance(plan: &Plan, memory: &Memory) -> serde_json::Value {
    json!({
        "program": crate::key::PROGRAM,
        "production": plan.production.name,
        "file": plan.production.source.to_string_lossy(),
        "file_sha256": memory.source_sha256,
        "executor": memory.executor,
        "command": memory.argv,
        "began": memory.began.map(|(first, _)| first),
        "ended": memory.finished.as_ref().map(|(time, _)| time),
        "citation": format!("Made with {} (see CITATION.cff).", crate::key::PROGRAM),
    })
}
