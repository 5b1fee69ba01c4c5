//! Circles of steps that wait for each other.

use crate::graph::{Cycle, Graph};
use std::path::PathBuf;

/// One shortest circle of each group of steps that wait for each other.
pub(crate) fn cycles(graph: &Graph, step_of: &[usize]) -> Vec<Cycle> {
    let edges = &graph.depends_on;
    // peel off what can run and what nothing in a circle waits for: the rest are circles and paths between them
    let mut rest = peel(edges);
    rest.sort_unstable();
    let inside: std::collections::HashSet<usize> = rest.iter().copied().collect();
    let mut done: std::collections::HashSet<usize> = std::collections::HashSet::new();
    let mut found = Vec::new();
    for &start in &rest {
        // long searches are not repeated for every step of a large circle
        if done.contains(&start) || found.len() >= 20 {
            continue;
        }
        if let Some(steps) = shortest(edges, start, &inside) {
            done.extend(&steps);
            let next = steps.iter().skip(1).chain(steps.first());
            let files = steps.iter().zip(next).map(|(&reader, &writer)| file(graph, step_of, reader, writer)).collect();
            found.push(Cycle { steps, files });
        }
    }
    found
}

/// Steps that never become ready.
fn peel(edges: &[Vec<usize>]) -> Vec<usize> {
    let mut waits: Vec<usize> = edges.iter().map(Vec::len).collect();
    let mut followers: Vec<Vec<usize>> = vec![Vec::new(); edges.len()];
    for (step, before) in edges.iter().enumerate() {
        for &other in before {
            if let Some(list) = followers.get_mut(other) {
                list.push(step);
            }
        }
    }
    let mut ready: Vec<usize> = (0..edges.len()).filter(|step| waits.get(*step) == Some(&0)).collect();
    while let Some(step) = ready.pop() {
        for &follower in followers.get(step).into_iter().flatten() {
            if let Some(count) = waits.get_mut(follower) {
                *count -= 1;
                if *count == 0 {
                    ready.push(follower);
                }
            }
        }
    }
    (0..edges.len()).filter(|step| waits.get(*step).is_some_and(|count| *count > 0)).collect()
}

/// The shortest way from `start` back to itself.
fn shortest(edges: &[Vec<usize>], start: usize, inside: &std::collections::HashSet<usize>) -> Option<Vec<usize>> {
    let mut from: std::collections::HashMap<usize, usize> = std::collections::HashMap::new();
    let mut queue = std::collections::VecDeque::from([start]);
    while let Some(step) = queue.pop_front() {
        for &next in edges.get(step)?.iter().filter(|next| inside.contains(next)) {
            if next == start {
                let mut way = vec![step];
                let mut at = step;
                while at != start {
                    at = *from.get(&at)?;
                    way.push(at);
                }
                way.reverse();
                return Some(way);
            }
            if let std::collections::hash_map::Entry::Vacant(free) = from.entry(next) {
                free.insert(step);
                queue.push_back(next);
            }
        }
    }
    None
}

/// What `reader` reads from `writer`.
fn file(graph: &Graph, step_of: &[usize], reader: usize, writer: usize) -> PathBuf {
    let gates = graph.tasks(reader).filter_map(|task| graph.task_gates.get(task)).flatten();
    let from_writer = |gate: &&crate::graph::Gate| gate.tasks.iter().any(|task| step_of.get(*task) == Some(&writer));
    gates.filter_map(|gate| graph.gates.get(*gate)).find(from_writer).map(|gate| gate.path.clone()).unwrap_or_default()
}
