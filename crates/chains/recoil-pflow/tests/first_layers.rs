//! Layers of the first networks against an independent implementation of their definitions.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use recoil_nn::safetensors::Tensor;
use recoil_nn::tape::{Activation, Mode, Pool, Tape, Value, Weights};
use recoil_pflow::network::first_loss;
use recoil_pflow::network::graphs::{Adjacency, BinGraph, GravNet, gravnet, nearest_in_bins, nearest_others};
use recoil_pflow::network::lsh::{bins, buckets};
use recoil_physics::angle::delta_phi;
use serde_json::Value as Json;

fn golden() -> Json {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../testdata/golden/pflow/layers_2020.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn numbers(value: &Json) -> Vec<f32> {
    match value {
        Json::Array(list) => list.iter().flat_map(numbers).collect(),
        other => vec![other.as_f64().unwrap() as f32],
    }
}

fn rows(value: &Json) -> usize {
    value.as_array().unwrap().len()
}

fn matrix(tape: &Tape<'_>, value: &Json) -> Value {
    let (values, rows) = (numbers(value), rows(value));
    tape.input(rows, values.len() / rows, &values).unwrap()
}

/// A tensor (outputs, inputs) of a matrix, turned over if it is stored the other way round.
fn tensor(name: &str, value: &Json, turn: bool) -> Tensor {
    let (values, rows) = (numbers(value), rows(value));
    if !value[0].is_array() {
        return Tensor { name: name.to_owned(), shape: vec![rows], values };
    }
    let columns = values.len() / rows;
    if !turn {
        return Tensor { name: name.to_owned(), shape: vec![rows, columns], values };
    }
    let turned = (0..columns).flat_map(|c| (0..rows).map(move |r| (r, c))).map(|(r, c)| values[r * columns + c]);
    Tensor { name: name.to_owned(), shape: vec![columns, rows], values: turned.collect() }
}

fn near(what: &str, found: &[f32], expected: &Json, tolerance: f32) {
    let expected = numbers(expected);
    assert_eq!(found.len(), expected.len(), "{what}");
    let wrong = found.iter().zip(&expected).filter(|(a, b)| (*a - *b).abs() > tolerance).count();
    assert_eq!(wrong, 0, "{wrong} of {} numbers of {what} differ", expected.len());
}

#[test]
fn gravnet_of_the_reference() {
    let golden = &golden()["gravnet"];
    let names = [
        ("W_s", "g.space.weight"),
        ("b_s", "g.space.bias"),
        ("W_flr", "g.features.weight"),
        ("b_flr", "g.features.bias"),
        ("W_out", "g.out.weight"),
        ("b_out", "g.out.bias"),
    ];
    let tensors: Vec<Tensor> = names.iter().map(|(from, to)| tensor(to, &golden[*from], false)).collect();
    let weights = Weights::from_tensors(&tensors).unwrap();
    let pool = Pool::default();
    let tape = Tape::new(&weights, &pool, Mode::Gradients);
    let x = matrix(&tape, &golden["x"]);
    let offsets = [0, x.rows() as u32];
    let points = tape.linear(&x, "g.space").unwrap();
    let edges = nearest_others(&points, &offsets, 3);
    let found: Vec<f32> = edges.to().iter().map(|row| *row as f32).collect();
    near("neighbours", &found, &golden["neighbours"], 0.0);
    let config = GravNet { neighbours: 3, space: 2, features: 4 };
    let y = gravnet(&tape, &x, "g", &config, &offsets).unwrap();
    near("output", y.values(), &golden["out"], 1e-5);

    // the gradient is that of differences
    let loss = tape.sum(&tape.multiply(&y, &y).unwrap()).unwrap();
    let mut gradient = vec![0.0; weights.len()];
    tape.backward(&loss, &mut gradient).unwrap();
    let at = |weights: &Weights| -> f64 {
        let tape = Tape::new(weights, &pool, Mode::Inference);
        let x = matrix(&tape, &golden["x"]);
        let y = gravnet(&tape, &x, "g", &config, &offsets).unwrap();
        y.values().iter().map(|y| f64::from(*y) * f64::from(*y)).sum()
    };
    for index in (0..weights.len()).step_by(5) {
        let moved = |step: f32| {
            let mut moved = weights.clone();
            moved.values_mut()[index] += step;
            at(&moved)
        };
        let expected = (moved(1e-3) - moved(-1e-3)) / 2e-3;
        let found = f64::from(gradient[index]);
        assert!((found - expected).abs() < 0.02 * expected.abs().max(1.0), "weight {index}: {found} for {expected}");
    }
}

#[test]
fn graph_convolutions_of_the_reference() {
    let golden = &golden()["lsh_knn_ghconv"];
    let names =
        [("theta", "g.theta"), ("W_h", "g.W_h"), ("W_t", "g.W_t"), ("b_t", "g.b_t"), ("codebook", "codebook.weight")];
    let tensors: Vec<Tensor> = names.iter().map(|(from, to)| tensor(to, &golden[*from], true)).collect();
    let weights = Weights::from_tensors(&tensors).unwrap();
    let pool = Pool::default();
    let tape = Tape::new(&weights, &pool, Mode::Gradients);
    let (points, x) = (matrix(&tape, &golden["points"]), matrix(&tape, &golden["x"]));
    let config = BinGraph { bin_size: 6, max_bins: 20, neighbours: 3, space: 6, sharpness: 0.5 };
    let offsets = [0, points.rows() as u32];
    let projections = tape.linear(&points, "codebook").unwrap();
    let hashed = buckets(projections.values(), 1, 10, 2);
    // the reference numbers negatives behind the directions that it uses
    let numbered: Vec<f32> =
        hashed.iter().map(|bucket| if *bucket < 10 { *bucket } else { bucket - 8 } as f32).collect();
    near("buckets", &numbered, &golden["bin_index"], 0.0);
    let in_bins: Vec<f32> = bins(0, &hashed, &[], |_| true, 6).iter().map(|row| *row as f32).collect();
    near("bins", &in_bins, &golden["bins_split"], 0.0);
    let edges = nearest_in_bins(&points, projections.values(), &offsets, &config, true);
    let graph = Adjacency::new(&tape, &points, edges, config.sharpness).unwrap();
    let mut dense = vec![0.0; points.rows() * points.rows()];
    for (edge, (to, weight)) in graph.edges().to().iter().zip(graph.weights()).enumerate() {
        dense[edge / 3 * points.rows() + *to as usize] = *weight;
    }
    near("adjacency", &dense, &golden["adjacency"], 1e-5);
    let y = graph.gated(&tape, &x, "g", Activation::Elu).unwrap();
    near("gated convolution", y.values(), &golden["ghconv_elu"], 1e-5);
    let y = graph.simple(&tape, &x, "g.W_h").unwrap();
    near("simple convolution", y.values(), &golden["sgconv_linear"], 1e-5);
}

fn azimuth(golden: &Json, of: &str, element: usize) -> f32 {
    numbers(&golden[of]["phi"])[element]
}

#[test]
fn the_first_loss() {
    let golden = &golden()["loss_tf2020"];
    let weights = Weights::new(0);
    let pool = Pool::default();
    let tape = Tape::new(&weights, &pool, Mode::Inference);
    let logits = matrix(&tape, &golden["logits"]);
    let names = ["eta", "phi", "e", "q"];
    let found = names.map(|name| {
        let values = numbers(&golden["pred"][name]);
        tape.input(values.len(), 1, &values).unwrap()
    });
    let truth = names.map(|name| numbers(&golden["target"][name]));
    let classes: Vec<u32> = numbers(&golden["target"]["cls"]).iter().map(|class| *class as u32).collect();
    let expected = numbers(&golden["total_per_element"]);
    for (element, expected) in expected.iter().enumerate() {
        let weights: Vec<f32> = (0..classes.len()).map(|other| if other == element { 1.0 } else { 0.0 }).collect();
        let truth = truth.each_ref().map(Vec::as_slice);
        let total = first_loss::loss(&tape, &logits, found.each_ref(), &classes, truth, &weights).unwrap();
        let relative = total.values()[0] / expected - 1.0;
        assert!(relative.abs() < 1e-6, "element {element}: {} for {expected}", total.values()[0]);
        let entropy = tape.focal(&logits, &classes, &weights, 0.0).unwrap().values()[0];
        near("cross-entropy", &[entropy], &Json::Array(vec![golden["cross_entropy"][element].clone()]), 1e-6);
        let turn =
            delta_phi(f64::from(azimuth(golden, "pred", element)), f64::from(azimuth(golden, "target", element)));
        near(
            "difference of azimuths",
            &[turn.abs() as f32],
            &Json::from(golden["dphi"][element].as_f64().unwrap().abs()),
            1e-6,
        );
    }
}
