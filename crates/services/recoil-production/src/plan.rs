//! What would be run, and in which order: as text, JSON, Graphviz and Mermaid.

use crate::graph::Graph;
use crate::model::{Argument, OutputKind, Production, Resources, Step, Task};
use crate::units;
use serde_json::{Value as Json, json};
use std::fmt::Write as _;

/// A production with its graph.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The production.
    pub production: Production,
    /// Who waits for whom.
    pub graph: Graph,
}

/// Why each step would run, in the order of the steps; empty for those that are up to date.
pub type Reasons = Vec<Vec<String>>;

impl Plan {
    /// The plan of a production.
    pub fn new(production: Production) -> Self {
        let graph = Graph::new(&production);
        Self { production, graph }
    }

    /// The steps in an order in which they can run, those of the file's order first.
    pub fn order(&self) -> Vec<usize> {
        let edges = &self.graph.depends_on;
        let mut waits: Vec<usize> = edges.iter().map(Vec::len).collect();
        let mut followers: Vec<Vec<usize>> = vec![Vec::new(); edges.len()];
        for (step, before) in edges.iter().enumerate() {
            before.iter().for_each(|&other| followers.get_mut(other).into_iter().for_each(|list| list.push(step)));
        }
        let mut ready: std::collections::BinaryHeap<std::cmp::Reverse<usize>> =
            (0..edges.len()).filter(|step| waits.get(*step) == Some(&0)).map(std::cmp::Reverse).collect();
        let mut order = Vec::with_capacity(edges.len());
        while let Some(std::cmp::Reverse(step)) = ready.pop() {
            order.push(step);
            for &follower in followers.get(step).into_iter().flatten() {
                if let Some(count) = waits.get_mut(follower) {
                    *count -= 1;
                    if *count == 0 {
                        ready.push(std::cmp::Reverse(follower));
                    }
                }
            }
        }
        order
    }

    fn id(&self, step: usize) -> &str {
        self.production.steps.get(step).map_or("", |step| &step.id)
    }

    /// The plan as JSON, written piece by piece so that large plans need little memory.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write_json(&self, reasons: Option<&Reasons>, out: &mut impl std::io::Write) -> std::io::Result<()> {
        let head = json!({"name": self.production.name, "source": self.production.source.to_string_lossy(),
                          "edges": self.graph.edges(), "tasks": self.graph.task_gates.len()});
        write!(out, "{},\"steps\":[", head.to_string().trim_end_matches('}'))?;
        for (index, step) in self.production.steps.iter().enumerate() {
            let before: Vec<&str> =
                self.graph.depends_on.get(index).into_iter().flatten().map(|&other| self.id(other)).collect();
            let mut entry = step_json(step, &before);
            if let (Some(entry), Some(own)) = (entry.as_object_mut(), reasons.and_then(|all| all.get(index))) {
                entry.insert("runs".into(), (!own.is_empty()).into());
                entry.insert("reasons".into(), own.clone().into());
            }
            if index > 0 {
                out.write_all(b",")?;
            }
            serde_json::to_writer(&mut *out, &entry)?;
        }
        out.write_all(b"]}\n")
    }

    /// The plan for people.
    pub fn text(&self, reasons: Option<&Reasons>) -> String {
        let mut text = String::new();
        let tasks = self.graph.task_gates.len();
        let (steps, edges) = (self.production.steps.len(), self.graph.edges());
        let _ = writeln!(text, "{}: {steps} steps, {tasks} tasks, {edges} edges", self.production.name);
        for index in self.order() {
            let Some(step) = self.production.steps.get(index) else { continue };
            let own = reasons.and_then(|all| all.get(index));
            let array = if step.tasks.len() == 1 { String::new() } else { format!(" ({} tasks)", step.tasks.len()) };
            let state = match own {
                Some(own) if own.is_empty() => ": up to date".to_string(),
                Some(own) => format!(": {}", own.join("; ")),
                None => String::new(),
            };
            let _ = writeln!(text, "\n{} [{}]{array}{state}", step.id, step.stage);
            let before: Vec<&str> =
                self.graph.depends_on.get(index).into_iter().flatten().map(|&other| self.id(other)).collect();
            if !before.is_empty() {
                let _ = writeln!(text, "  after    {}", shortened(&before));
            }
            let needs = resources_text(&step.resources);
            if !needs.is_empty() {
                let _ = writeln!(text, "  needs    {needs}");
            }
            let Some(task) = step.tasks.first() else { continue };
            let inputs: Vec<String> = task.inputs.iter().map(|path| path.display().to_string()).collect();
            let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
            if !inputs.is_empty() {
                let _ = writeln!(text, "  reads    {}", shortened(&inputs));
            }
            for output in &task.outputs {
                let slash = if output.kind == OutputKind::Directory { "/" } else { "" };
                let _ = writeln!(text, "  writes   {}{slash}", output.path.display());
            }
            for line in command_lines(task) {
                let _ = writeln!(text, "  runs     {line}");
            }
        }
        text
    }

    /// The graph of steps in the language of Graphviz.
    pub fn graphviz(&self) -> String {
        let mut text = "digraph production {\n  rankdir=LR;\n  node [shape=box, style=rounded];\n".to_string();
        for (index, step) in self.production.steps.iter().enumerate() {
            let label = label(step).replace('\\', "\\\\").replace('"', "\\\"");
            let _ = writeln!(text, "  s{index} [label=\"{label}\"];");
        }
        for (step, before) in self.graph.depends_on.iter().enumerate() {
            for other in before {
                let _ = writeln!(text, "  s{other} -> s{step};");
            }
        }
        text.push_str("}\n");
        text
    }

    /// The graph of steps in the language of Mermaid.
    pub fn mermaid(&self) -> String {
        let mut text = "flowchart LR\n".to_string();
        for (index, step) in self.production.steps.iter().enumerate() {
            let label = label(step).replace('"', "#quot;").replace(['<', '>', '\n'], " ");
            let _ = writeln!(text, "  s{index}[\"{label}\"]");
        }
        for (step, before) in self.graph.depends_on.iter().enumerate() {
            for other in before {
                let _ = writeln!(text, "  s{other} --> s{step}");
            }
        }
        text
    }
}

fn label(step: &Step) -> String {
    match step.tasks.len() {
        1 => step.id.clone(),
        count => format!("{} x {count}", step.id),
    }
}

fn step_json(step: &Step, before: &[&str]) -> Json {
    let mut inputs: Vec<_> =
        step.tasks.iter().flat_map(|task| &task.inputs).map(|path| path.to_string_lossy()).collect();
    let mut outputs: Vec<_> =
        step.tasks.iter().flat_map(|task| &task.outputs).map(|output| output.path.to_string_lossy()).collect();
    for list in [&mut inputs, &mut outputs] {
        let mut seen = std::collections::HashSet::new();
        list.retain(|path| seen.insert(path.clone()));
    }
    let commands: Vec<Vec<Vec<String>>> = step.tasks.iter().map(task_words).collect();
    let command = commands.first().and_then(|task| task.first()).cloned().unwrap_or_default();
    let lines: Vec<String> = step.tasks.first().map(command_lines).unwrap_or_default();
    let mut entry = json!({
        "id": step.id,
        "stage": step.stage,
        "inputs": inputs,
        "outputs": outputs,
        "command": lines.join(" && "),
        "argv": command,
        "tasks": step.tasks.len(),
        "resources": {
            "cpus": step.resources.cpus,
            "memory_bytes": step.resources.memory_bytes,
            "time_seconds": step.resources.time_seconds,
        },
        "scheduler": step.scheduler,
        "depends_on": before,
    });
    let several = step.tasks.len() > 1 || step.tasks.iter().any(|task| task.commands.len() > 1);
    if let Some(entry) = entry.as_object_mut().filter(|_| several) {
        entry.insert("commands".into(), json!(commands));
    }
    entry
}

fn task_words(task: &Task) -> Vec<Vec<String>> {
    let words = |command: &crate::model::Command| command.argv.iter().map(|argument| word(argument, task)).collect();
    task.commands.iter().map(words).collect()
}

/// The word that an argument stands for, with the final names of outputs.
pub fn word(argument: &Argument, task: &Task) -> String {
    match argument {
        Argument::Text(text) => text.clone(),
        Argument::Output { output, prefix, suffix } => {
            let path = task.outputs.get(*output).map(|output| output.path.to_string_lossy()).unwrap_or_default();
            format!("{prefix}{path}{suffix}")
        }
    }
}

/// The commands of a task as lines for a shell.
pub fn command_lines(task: &Task) -> Vec<String> {
    let line = |words: &Vec<String>| words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ");
    task_words(task).iter().map(line).collect()
}

/// A word as a shell reads it.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.into(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

/// `4 cores, 2 GB, 01:00:00`
pub fn resources_text(resources: &Resources) -> String {
    let cpus = resources.cpus.map(|cpus| format!("{cpus} cores"));
    let memory = resources.memory_bytes.map(units::memory_text);
    let time = resources.time_seconds.map(|seconds| units::time_text(seconds as f64));
    [cpus, memory, time].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn shortened(words: &[&str]) -> String {
    const SHOWN: usize = 4;
    let more = words.len().saturating_sub(SHOWN);
    let shown = words.get(..SHOWN.min(words.len())).unwrap_or_default().join(", ");
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}
