//! Gradients of every layer and loss against finite differences, and of networks that branch and join.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use recoil_nn::lane::{self, LANES, Lane};
use recoil_nn::loss::{Loss, LossBlock, Regression};
use recoil_nn::pass::{self, Mode, Weights, Workspace};
use recoil_nn::{Network, NetworkSpec, Parameters};

/// Smooth numbers without a pattern.
fn wave(count: usize, phase: f32) -> Vec<f32> {
    (0..count).map(|i| ((i * i) as f32 * 0.7 + i as f32 * 1.3 + phase).sin()).collect()
}

struct Problem {
    network: Network,
    inputs: Vec<Vec<f32>>,
    target: Vec<f32>,
    samples: usize,
    mode: Mode,
    loss: Regression,
}

impl Problem {
    fn new(yaml: &str, samples: usize, mode: Mode) -> Self {
        let network = Network::new(&NetworkSpec::from_yaml("test", yaml).unwrap()).unwrap();
        let inputs = network.inputs().map(|(_, shape)| wave(samples * shape.iter().product::<usize>(), 0.3)).collect();
        let target = wave(samples * network.output_len(), 1.0);
        Self { network, inputs, target, samples, mode, loss: Regression::MeanSquared }
    }

    fn parameters(&self) -> Parameters {
        let mut parameters = Parameters::new(&self.network, 7);
        // biases that are not zero, so that they are tested too
        for mut tensor in parameters.to_tensors() {
            if tensor.name.ends_with("bias") || tensor.name.ends_with("beta") {
                tensor.values = wave(tensor.values.len(), 2.0).iter().map(|v| 0.1 * v).collect();
                parameters.set(&tensor).unwrap();
            }
        }
        parameters
    }

    /// Loss summed over samples in double precision; gradients into `gradient` if given.
    fn loss(&self, parameters: &Parameters, inputs: &[Vec<f32>], gradient: Option<&mut [f32]>) -> (f64, Vec<Vec<f32>>) {
        let weights = Weights::new(&self.network, parameters);
        let mut workspace = Workspace::training(&self.network);
        for (index, input) in inputs.iter().enumerate() {
            lane::load(workspace.input_mut(&self.network, index), input, 0..self.samples);
        }
        let mut target = vec![Lane::ZERO; self.network.output_len()];
        lane::load(&mut target, &self.target, 0..self.samples);
        pass::forward(&self.network, &weights, &mut workspace, self.mode, self.samples);
        let (output, g) = workspace.output_and_gradient(&self.network);
        let losses = self.loss.evaluate(&LossBlock { output, target: &target, samples: self.samples }, g);
        for lane in g {
            lane.0[self.samples..].fill(0.0);
        }
        let total = losses.0[..self.samples].iter().map(|&v| f64::from(v)).sum();
        let wanted = gradient.is_some();
        pass::backward(&self.network, &weights, &mut workspace, self.mode, self.samples, gradient, true);
        let mut by_input = Vec::new();
        if wanted {
            for (index, input) in inputs.iter().enumerate() {
                let mut table = vec![0.0; input.len()];
                lane::store(workspace.input_gradient(&self.network, index), &mut table);
                by_input.push(table);
            }
        }
        (total, by_input)
    }

    /// Largest difference to finite differences, relative to the largest gradient.
    fn check(&self) {
        let parameters = self.parameters();
        let count = parameters.values().len();
        let mut gradient = vec![0.0; count];
        let (_, by_input) = self.loss(&parameters, &self.inputs, Some(&mut gradient));
        let step = 2e-3_f32;
        let largest = gradient.iter().chain(by_input.iter().flatten()).fold(0.0_f32, |a, b| a.max(b.abs()));
        assert!(largest > 1e-3, "a gradient of zero tests nothing");
        let mut tested = 0;
        let mut compare = |what: &str, analytic: f32, up: f64, down: f64| {
            let finite = (up - down) / (2.0 * f64::from(step));
            let difference = (finite - f64::from(analytic)).abs() / f64::from(largest);
            assert!(difference < 4e-3, "{what}: {analytic} but finite differences give {finite}");
            tested += 1;
        };
        let mut flat = 0;
        for tensor in parameters.to_tensors() {
            let trainable = self.network.tensor(&tensor.name).unwrap().trainable;
            for element in 0..tensor.values.len() {
                if trainable && (element % (tensor.values.len() / 23 + 1) == 0) {
                    let moved = |by: f32| {
                        let mut other = parameters.clone();
                        let mut tensor = tensor.clone();
                        tensor.values[element] += by;
                        other.set(&tensor).unwrap();
                        self.loss(&other, &self.inputs, None).0
                    };
                    compare(
                        &format!("{}[{element}]", tensor.name),
                        gradient[flat + element],
                        moved(step),
                        moved(-step),
                    );
                }
            }
            flat += tensor.values.len();
        }
        for (index, input) in self.inputs.iter().enumerate() {
            for element in (0..input.len()).step_by(input.len() / 23 + 1) {
                let moved = |by: f32| {
                    let mut inputs = self.inputs.clone();
                    inputs[index][element] += by;
                    self.loss(&parameters, &inputs, None).0
                };
                compare(&format!("input {index}[{element}]"), by_input[index][element], moved(step), moved(-step));
            }
        }
        assert!(tested > 20);
    }
}

#[test]
fn dense_layers_of_awkward_sizes() {
    for (a, b) in [(5, 3), (16, 8), (9, 17), (33, 1), (3, 40)] {
        let yaml = format!(
            "inputs: [{{name: x, shape: [7]}}]
layers:
  - {{name: a, layer: {{dense: {{units: {a}, activation: tanh}}}}}}
  - {{name: b, layer: {{dense: {{units: {b}, activation: sigmoid}}}}}}
  - {{name: c, layer: {{dense: {{units: 2}}}}}}"
        );
        Problem::new(&yaml, LANES, Mode::Training).check();
        Problem::new(&yaml, 5, Mode::Training).check();
    }
}

#[test]
fn convolutions_of_all_kinds() {
    for (first, second) in [
        ("filters: 3, kernel: [3, 3], stride: 2", "filters: 2, kernel: [3, 3], stride: 2"),
        ("filters: 1, kernel: [5, 3], stride: 1", "filters: 1, kernel: [3, 3], stride: 1"),
        ("filters: 8, kernel: [1, 1], stride: 1", "filters: 5, kernel: [2, 2], stride: 3"),
        ("filters: 9, kernel: [3, 2], stride: 1, padding: valid", "filters: 4, kernel: [5, 5], stride: 2"),
    ] {
        let yaml = format!(
            "inputs: [{{name: x, shape: [5, 6, 2]}}]
layers:
  - {{name: a, layer: {{conv2d: {{{first}, activation: tanh}}}}}}
  - {{name: b, layer: {{conv2d_transpose: {{{second}, activation: sigmoid}}}}}}
  - {{name: c, layer: flatten}}
  - {{name: d, layer: {{dense: {{units: 3}}}}}}"
        );
        Problem::new(&yaml, 11, Mode::Training).check();
    }
}

#[test]
fn branches_that_share_weights_and_join() {
    let yaml = "
inputs: [{name: x, shape: [4, 4, 2]}, {name: extra, shape: [3]}]
layers:
  - {name: left, from: [x], layer: {gather: {indices: [0, 2, 4, 6, 8, 10, 12, 14, 16], shape: [3, 3, 1]}}}
  - {name: right, from: [x], layer: {gather: {indices: [1, 3, 5, 7, 9, 11, 13, 15, 17], shape: [3, 3, 1]}}}
  - {name: one, from: [left], layer: {conv2d: {filters: 2, kernel: [3, 3], activation: tanh}}}
  - {name: two, from: [right], layer: {conv2d: {filters: 2, kernel: [3, 3], activation: tanh, weights: {shared_with: one}}}}
  - {name: sum, from: [one, two], layer: add}
  - {name: both, from: [one, sum], layer: concat}
  - {name: up, layer: {upsample: {size: 2}}}
  - {name: down, layer: {max_pool: {size: 3}}}
  - {name: flat, layer: flatten}
  - {name: all, from: [flat, extra, extra], layer: concat}
  - {name: act, layer: {activation: tanh}}
  - {name: out, layer: {dense: {units: 2}}}";
    Problem::new(yaml, 9, Mode::Training).check();
}

#[test]
fn batch_normalisation() {
    let yaml = "
inputs: [{name: x, shape: [3, 3, 2]}]
layers:
  - {name: conv, layer: {conv2d: {filters: 3, kernel: [3, 3]}}}
  - {name: norm, layer: {batch_norm: {}}}
  - {name: act, layer: {activation: tanh}}
  - {name: flat, layer: flatten}
  - {name: out, layer: {dense: {units: 2}}}";
    Problem::new(yaml, LANES, Mode::Training).check();
    Problem::new(yaml, 13, Mode::Training).check();
    Problem::new(yaml, 13, Mode::Inference).check();
}

#[test]
fn two_branches_with_the_same_parameters() {
    let yaml = "
inputs: [{name: x, shape: [3, 3, 2]}, {name: z, shape: [3, 3, 2]}]
layers:
  - {name: conv, from: [x], layer: {conv2d: {filters: 3, kernel: [3, 3]}}}
  - {name: norm, layer: {batch_norm: {}}}
  - {name: flat, layer: flatten}
  - {name: out, layer: {dense: {units: 2, activation: tanh}}}
  - {name: conv2, from: [z], layer: {conv2d: {filters: 3, kernel: [3, 3], weights: {shared_with: conv}}}}
  - {name: norm2, layer: {batch_norm: {shared_with: norm}}}
  - {name: flat2, layer: flatten}
  - {name: out2, layer: {dense: {units: 2, activation: tanh, weights: {shared_with: out}}}}
  - {name: sum, from: [out, out2], layer: add}";
    let network = Network::new(&NetworkSpec::from_yaml("test", yaml).unwrap()).unwrap();
    assert_eq!(network.tensors().len(), 2 + 4 + 2);
    Problem::new(yaml, LANES, Mode::Training).check();
    let wrong = yaml.replace("shared_with: norm", "shared_with: conv");
    let error = Network::new(&NetworkSpec::from_yaml("test", &wrong).unwrap()).unwrap_err();
    assert!(error.to_string().contains("no normalisation 'conv'"), "{error}");
}

#[test]
fn losses() {
    let yaml = "
inputs: [{name: x, shape: [4]}]
layers: [{name: out, layer: {dense: {units: 3}}}]";
    for loss in [Regression::Huber, Regression::LogSquared] {
        Problem { loss, ..Problem::new(yaml, 20, Mode::Training) }.check();
    }
}

#[test]
fn a_layer_by_hand() {
    let yaml = "
inputs: [{name: x, shape: [1, 4, 1]}]
layers: [{name: c, layer: {conv2d: {filters: 1, kernel: [1, 3], stride: 2}}}]";
    let network = Network::new(&NetworkSpec::from_yaml("test", yaml).unwrap()).unwrap();
    let mut parameters = Parameters::new(&network, 0);
    let tensor = |name: &str, shape: &[usize], values: &[f32]| recoil_nn::Tensor {
        name: name.into(),
        shape: shape.into(),
        values: values.into(),
    };
    parameters.set(&tensor("c/kernel", &[1, 3, 1, 1], &[1.0, 10.0, 100.0])).unwrap();
    parameters.set(&tensor("c/bias", &[1], &[0.5])).unwrap();
    // stride 2 over 4 pixels: no zero in front, one behind
    assert_eq!(network.predict(&parameters, &[&[1.0, 2.0, 3.0, 4.0]]).unwrap(), [321.5, 43.5]);

    let yaml = yaml.replace("conv2d:", "conv2d_transpose:");
    let network = Network::new(&NetworkSpec::from_yaml("test", &yaml).unwrap()).unwrap();
    // each pixel spreads 1, 10, 100 from twice its position on; the ninth column is cut off, the second row is empty
    let expected = [1.5, 10.5, 102.5, 20.5, 203.5, 30.5, 304.5, 40.5];
    let found = network.predict(&parameters, &[&[1.0, 2.0, 3.0, 4.0]]).unwrap();
    assert_eq!(found[..8], expected);
    assert_eq!(found[8..], [0.5; 8]);
}
