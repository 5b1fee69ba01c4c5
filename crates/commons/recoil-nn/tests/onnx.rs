//! Networks written as ONNX give the same numbers when the file is read and evaluated node by node.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use recoil_nn::onnx::{Array, Model, export};
use recoil_nn::{Network, NetworkSpec, Parameters};

const YAML: &str = "
inputs: [{name: image, shape: [6, 6, 2]}, {name: extra, shape: [3]}]
layers:
  - {name: round, from: [image], layer: {quantise: 'quantized_bits(8, 2, 1)'}}
  - {name: conv, layer: {conv2d: {filters: 4, kernel: [3, 3], stride: 2, activation: relu, weights: {quantiser: 'quantized_bits(6, 1, 1)'}}}}
  - {name: norm, layer: {batch_norm: {}}}
  - {name: up, layer: {conv2d_transpose: {filters: 3, kernel: [3, 2], stride: 2, activation: tanh}}}
  - {name: small, layer: {conv2d_transpose: {filters: 2, kernel: [1, 1], stride: 2}}}
  - {name: pool, layer: {max_pool: {size: 2}}}
  - {name: valid, layer: {conv2d: {filters: 2, kernel: [5, 3], padding: valid}}}
  - {name: wide, layer: {upsample: {size: 2}}}
  - {name: flat, layer: flatten}
  - {name: some, layer: {gather: {indices: [3, 1, 7, 30]}}}
  - {name: cut, layer: {quantise: 'truncated_relu(5, 1)'}}
  - {name: joined, from: [cut, extra, some], layer: concat}
  - {name: dense, layer: {dense: {units: 5, activation: sigmoid}}}
  - {name: twice, from: [dense, dense], layer: add}";

fn wave(count: usize, phase: f32) -> Vec<f32> {
    (0..count).map(|i| 2.0 * ((i * i) as f32 * 0.7 + i as f32 * 1.3 + phase).sin()).collect()
}

#[test]
fn the_file_says_what_the_network_computes() {
    let network = Network::new(&NetworkSpec::from_yaml("test", YAML).unwrap()).unwrap();
    let parameters = Parameters::new(&network, 5);
    let (rows, dir) = (37, tempfile::tempdir().unwrap());
    let (image, extra) = (wave(rows * 72, 0.1), wave(rows * 3, 0.7));
    let expected = network.predict(&parameters, &[&image, &extra]).unwrap();
    let path = dir.path().join("model.onnx");
    let model = export(&network, &parameters);
    model.write(&path).unwrap();
    let read = Model::read(&path).unwrap();
    assert_eq!(read, model);
    let inputs = [Array { shape: vec![rows, 6, 6, 2], values: image }, Array { shape: vec![rows, 3], values: extra }];
    let found = read.evaluate(&inputs).unwrap();
    assert_eq!(found.shape, [rows, 5]);
    for (a, b) in found.values.iter().zip(&expected) {
        assert!((a - b).abs() < 1e-5, "{a} {b}");
    }
    let bytes = std::fs::read(&path).unwrap();
    for cut in (0..bytes.len()).step_by(211) {
        std::fs::write(&path, &bytes[..cut]).unwrap();
        if let Ok(model) = Model::read(&path) {
            // a file may end between two fields and still be a message
            let _ = model.evaluate(&inputs);
        }
    }
    let wrong = [inputs[1].clone(), inputs[1].clone()];
    assert!(read.evaluate(&wrong).unwrap_err().to_string().contains("image"));
}
