//! The graph of files: edges, circles, duplicates, and how it grows.

use recoil_production::check;
use recoil_production::graph::Graph;
use recoil_production::model::{Argument, Command, Environment, Output, OutputKind, Production, Resources, Step, Task};
use std::collections::BTreeMap;

fn step(id: &str, inputs: &[&str], outputs: &[&str]) -> Step {
    let output = |path: &&str| Output {
        path: path.trim_end_matches('/').into(),
        kind: if path.ends_with('/') { OutputKind::Directory } else { OutputKind::File },
    };
    let argv = vec![Argument::Text("true".into())];
    let task = Task {
        commands: vec![Command { argv, variables: BTreeMap::new() }],
        inputs: inputs.iter().map(Into::into).collect(),
        outputs: outputs.iter().map(output).collect(),
        apart: Vec::new(),
    };
    Step {
        id: id.into(),
        stage: id.into(),
        tasks: vec![task],
        resources: Resources::default(),
        scheduler: BTreeMap::new(),
        environment: Environment::default(),
        concurrent: None,
        retries: 0,
        acceptance: 1.0,
        after: Vec::new(),
        phase: None,
        location: None,
    }
}

fn production(steps: Vec<Step>) -> Production {
    Production { name: "p".into(), source: "p.yaml".into(), steps }
}

fn edges(steps: Vec<Step>) -> Vec<Vec<usize>> {
    Graph::new(&production(steps)).depends_on
}

#[test]
fn an_output_is_met_by_its_name_inside_and_around() {
    let steps = vec![
        step("a", &["/in"], &["/d/a.h5"]),
        step("b", &[], &["/d/sub/"]),
        step("same", &["/d/./a.h5"], &[]),
        step("around", &["/d/"], &[]),
        step("inside", &["/d/sub/x/y.h5"], &[]),
        step("other", &["/d/a.h5.txt", "/d/su", "/dd"], &[]),
    ];
    assert_eq!(edges(steps), [vec![], vec![], vec![0], vec![0, 1], vec![1], vec![]]);
}

#[test]
fn merged_files_beside_their_sources_make_no_circle() {
    let steps = vec![
        step("dl1", &["/sim"], &["/dl1/gamma/node1/"]),
        step("merge", &["/dl1/gamma"], &["/dl1/gamma/merged.h5"]),
        step("merge-again", &["/dl1/gamma"], &["/dl1/gamma/merged2.h5"]),
        step("train", &["/dl1/gamma/merged.h5"], &["/models/"]),
    ];
    assert_eq!(edges(steps), [vec![], vec![0], vec![0], vec![1]]);
}

#[test]
fn circles_are_named_with_their_files() {
    let all = production(vec![
        step("a", &["/c.txt"], &["/a.txt"]),
        step("b", &["/a.txt"], &["/b.txt"]),
        step("c", &["/b.txt"], &["/c.txt"]),
        step("behind", &["/c.txt"], &["/d.txt"]),
        step("self", &["/s.txt"], &["/s.txt"]),
    ]);
    let found = check::structure(&all, &Graph::new(&all));
    let messages: Vec<&str> = found.iter().filter(|f| f.code == "cycle").map(|f| f.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "steps wait for each other: a reads /c.txt of c; c reads /b.txt of b; b reads /a.txt of a",
            "steps wait for each other: self reads /s.txt of self",
        ]
    );
}

#[test]
fn files_written_twice_are_errors_and_shared_directories_warnings() {
    let all = production(vec![
        step("a", &[], &["/x.txt", "/d/"]),
        step("b", &[], &["//x.txt"]),
        step("c", &[], &["/d"]),
        step("e", &[], &["/d/"]),
    ]);
    let found = check::structure(&all, &Graph::new(&all));
    let codes: Vec<(&str, &str)> = found.iter().map(|f| (f.code, f.message.as_str())).collect();
    assert_eq!(
        codes,
        [("duplicate-output", "steps a, c, e write /d"), ("duplicate-output", "steps a, b write /x.txt")]
    );
}

#[test]
fn many_steps_need_few_edges() {
    // as in real productions: nodes, merged per declination, trained, applied to all test nodes
    let mut steps = Vec::new();
    for dec in 0..10 {
        for node in 0..100 {
            let (input, output) = (format!("/sim/{dec}/{node}"), format!("/dl1/{dec}/{node}/"));
            steps.push(step(&format!("dl1-{dec}-{node}"), &[&input], &[&output]));
        }
        steps.push(step(&format!("merge-{dec}"), &[&format!("/dl1/{dec}")], &[&format!("/dl1/{dec}/merged.h5")]));
        steps.push(step(&format!("train-{dec}"), &[&format!("/dl1/{dec}/merged.h5")], &[&format!("/models/{dec}/")]));
        for node in 0..100 {
            let inputs = [format!("/test/{node}.h5"), format!("/models/{dec}")];
            let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
            steps.push(step(&format!("dl2-{dec}-{node}"), &inputs, &[&format!("/dl2/{dec}/{node}/")]));
            let file = format!("/dl2/{dec}/{node}/dl2.h5");
            steps.push(step(&format!("irf-{dec}-{node}"), &[&file], &[&format!("/irf/{dec}/{node}.fits.gz")]));
        }
    }
    let graph = Graph::new(&production(steps));
    assert_eq!(graph.edges(), 10 * (100 + 1 + 100 + 100));
    assert!(graph.cycles.is_empty() && graph.duplicates.is_empty());
}
