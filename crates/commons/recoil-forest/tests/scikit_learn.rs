//! Exact growth against trees that scikit-learn grew; taking over such trees.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use recoil_forest::{
    ClassWeight, FeatureTable, ForeignTrees, Forest, Growth, LEAF, Parameters, Predictor, Target, Task,
};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Deserialize)]
struct Golden {
    x: Vec<Vec<f32>>,
    weights: Vec<f64>,
    targets: BTreeMap<String, Value>,
    cases: Vec<Case>,
}

#[derive(Clone, Deserialize)]
struct Case {
    name: String,
    target: String,
    weighted: bool,
    parameters: Value,
    left: Vec<Vec<i64>>,
    right: Vec<Vec<i64>>,
    feature: Vec<Vec<i64>>,
    threshold: Vec<Vec<f64>>,
    value: Vec<Vec<f64>>,
    impurity: Vec<Vec<f64>>,
    weight: Vec<Vec<f64>>,
    count: Vec<Vec<i64>>,
    importances: Vec<f64>,
    oob: Option<f64>,
    answer: Vec<f64>,
}

fn golden() -> Golden {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../testdata/golden/forest/trees.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn table(golden: &Golden) -> FeatureTable {
    let names = (0..golden.x.len()).map(|index| format!("x{index}")).collect();
    FeatureTable::new(names, golden.x.clone()).unwrap()
}

fn target(value: &Value) -> Target {
    let rows = value.as_array().unwrap();
    if rows.iter().all(Value::is_i64) {
        let labels: Vec<i64> = rows.iter().map(|row| row.as_i64().unwrap()).collect();
        return Target::classes(&labels).unwrap();
    }
    let outputs = rows[0].as_array().map_or(1, Vec::len);
    let numbers = |row: &Value| match row {
        Value::Array(row) => row.iter().map(|value| value.as_f64().unwrap()).collect(),
        value => vec![value.as_f64().unwrap()],
    };
    Target::values(outputs, rows.iter().flat_map(numbers).collect()).unwrap()
}

fn parameters(case: &Case) -> Parameters {
    let mut own = case.parameters.clone();
    let balance = own.as_object_mut().unwrap().remove("class_weight");
    let mut parameters: Parameters = serde_json::from_value(own).unwrap();
    parameters.growth = Growth::Exact;
    parameters.class_weight = match balance.as_ref().and_then(Value::as_str) {
        Some("balanced") => ClassWeight::Balanced,
        Some("balanced_subsample") => ClassWeight::BalancedSubsample,
        _ => ClassWeight::Even,
    };
    parameters
}

fn fit(golden: &Golden, case: &Case, growth: Growth) -> Forest {
    let parameters = Parameters { growth, ..parameters(case) };
    let weights = case.weighted.then_some(golden.weights.as_slice());
    Forest::fit(&table(golden), &target(&golden.targets[&case.target]), weights, &parameters).unwrap()
}

fn near(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= 1e-12 * (1.0 + expected.abs())
}

#[test]
fn the_same_trees() {
    let golden = golden();
    let mut mismatches = Vec::new();
    let (mut trees, mut nodes) = (0, 0);
    for case in &golden.cases {
        let forest = fit(&golden, case, Growth::Exact);
        let mut wrong = |text: String| mismatches.push(format!("{}: {text}", case.name));
        for (index, tree) in forest.trees().iter().enumerate() {
            trees += 1;
            nodes += tree.len();
            if tree.len() != case.left[index].len() {
                wrong(format!("tree {index} has {} nodes, expected {}", tree.len(), case.left[index].len()));
                continue;
            }
            let width = forest.task().width();
            for node in 0..tree.len() {
                let is_leaf = case.left[index][node] < 0;
                let same_split = if is_leaf {
                    tree.feature[node] == LEAF
                } else {
                    i64::from(tree.feature[node]) == case.feature[index][node]
                        && i64::from(tree.left[node]) == case.left[index][node]
                        && i64::from(tree.right[node]) == case.right[index][node]
                        && f64::from(tree.threshold[node]) <= case.threshold[index][node]
                        && f64::from(tree.threshold[node].next_up()) > case.threshold[index][node]
                };
                let same_numbers = i64::from(tree.count[node]) == case.count[index][node]
                    && near(tree.weight[node], case.weight[index][node])
                    && near(tree.impurity[node], case.impurity[index][node]);
                let values = node * width..(node + 1) * width;
                let same_values =
                    tree.value[values.clone()].iter().zip(&case.value[index][values]).all(|(a, b)| near(*a, *b));
                if !(same_split && same_numbers && same_values) {
                    wrong(format!("tree {index}, node {node}: {same_split} {same_numbers} {same_values}"));
                    break;
                }
            }
        }
        for (feature, (found, expected)) in forest.importances().iter().zip(&case.importances).enumerate() {
            if !near(*found, *expected) {
                wrong(format!("importance of feature {feature} is {found}, expected {expected}"));
            }
        }
        let answer = Predictor::new(&forest).unwrap().predict(&table(&golden).row_major()).unwrap();
        let other = answer.iter().zip(&case.answer).filter(|(found, expected)| !near(**found, **expected)).count();
        if other > 0 {
            wrong(format!("{other} answers differ"));
        }
        if let Some(expected) = case.oob {
            let found = forest.out_of_bag().unwrap().score;
            if !near(found, expected) {
                wrong(format!("out-of-bag score {found}, expected {expected}"));
            }
        }
    }
    assert!(mismatches.is_empty(), "{} of {trees} trees, {nodes} nodes:\n{}", mismatches.len(), mismatches.join("\n"));
    assert!(trees > 90 && nodes > 3000, "{trees} trees, {nodes} nodes");
}

#[test]
fn trees_from_elsewhere_answer_the_same() {
    let golden = golden();
    for case in &golden.cases {
        let task = match &golden.targets[&case.target] {
            value if target(value).rows() != golden.weights.len() => panic!("{}", case.name),
            _ => fit(&golden, case, Growth::Exact).task().clone(),
        };
        let foreign = ForeignTrees {
            task: task.clone(),
            features: table(&golden).names().to_vec(),
            nodes: case.left.iter().map(Vec::len).collect(),
            left: case.left.concat(),
            right: case.right.concat(),
            feature: case.feature.concat(),
            threshold: case.threshold.concat(),
            value: case.value.concat(),
            impurity: case.impurity.concat(),
            weight: case.weight.concat(),
            count: case.count.concat(),
        };
        let forest = foreign.clone().forest().unwrap();
        let answer = Predictor::new(&forest).unwrap().predict(&table(&golden).row_major()).unwrap();
        for (row, (found, expected)) in answer.iter().zip(&case.answer).enumerate() {
            assert!(near(*found, *expected), "{}, number {row}: {found}, expected {expected}", case.name);
        }
        if let Task::Classification { .. } = task {
            // older versions keep counts instead of probabilities
            let mut counts = foreign.clone();
            counts.value.iter_mut().for_each(|value| *value *= 8.0);
            assert_eq!(counts.forest().unwrap().trees(), forest.trees());
        }
        let mut short = foreign.clone();
        short.value.pop();
        assert!(short.forest().is_err());
        let mut circle = foreign;
        circle.left[0] = 0;
        assert!(circle.forest().is_err());
    }
}

#[test]
fn histograms_find_what_exact_growth_finds_where_every_value_has_a_bin() {
    let golden = golden();
    for case in golden.cases.iter().filter(|case| !["few leaves", "decrease of impurity"].contains(&case.name.as_str()))
    {
        let exact = fit(&golden, case, Growth::Exact);
        let binned = fit(&golden, case, Growth::Histogram);
        assert_eq!(exact.task(), binned.task());
        if case.parameters["max_features"] != 1.0 {
            continue;
        }
        // with all features at every split only ties may be broken differently; importances see those of the whole forest
        let root = |forest: &Forest| (forest.trees()[0].feature[0], forest.trees()[0].count[0]);
        assert_eq!(root(&exact), root(&binned), "{}", case.name);
        for (found, expected) in binned.importances().iter().zip(exact.importances()) {
            assert!((found - expected).abs() < 0.1, "{}: importances {found} and {expected}", case.name);
        }
    }
}
