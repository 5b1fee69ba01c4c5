//! Networks against the reference implementation: outputs, losses, gradients.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use recoil_nn::safetensors::{self, Contents, Tensor};
use recoil_nn::tape::{Activation, Mode, Pool, Tape};
use recoil_pflow::data::{Layout, Particle, Target};
use recoil_pflow::network::loss::{LossConfig, Step, Truth, loss};
use recoil_pflow::network::{Architecture, Encoding, Representation, Rows, Shape, forward, weights};
use std::path::Path;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../testdata/golden/pflow");
const EVENTS: usize = 2;
const ELEMENTS: usize = 40;
const FEATURES: usize = 17;

struct Golden {
    contents: Contents,
    rows: Rows,
    truth: Truth,
    shape: Shape,
}

impl Golden {
    fn read(name: &str) -> Self {
        let contents = safetensors::read(Path::new(&format!("{FOLDER}/{name}.safetensors"))).unwrap();
        let shape = Shape::of(Layout::Clic, FEATURES);
        let of = |name: &str| contents.tensor(name).unwrap().values.clone();
        let features = of("in.X");
        let mut rows = Rows {
            offsets: (0..=EVENTS).map(|event| (event * ELEMENTS) as u32).collect(),
            real: of("in.mask").iter().map(|mask| *mask != 0.0).collect(),
            ..Rows::default()
        };
        let mut truth = Truth::default();
        for (x, y) in features.chunks(FEATURES).zip(of("in.ytarget").chunks(14)) {
            let element = [x[1], x[2], x[3], x[4], x[5]];
            // the golden targets of momenta are logarithms of ratios already
            let particle = Particle {
                pdg: shape.classes[y[0] as usize],
                charge: y[1],
                pt: y[2].exp() * element[0],
                eta: y[3],
                sin_phi: y[4],
                cos_phi: y[5],
                energy: y[6].exp() * element[4],
            };
            truth.push(&shape.classes, &element, &Target { particle, ..Target::default() });
            rows.elements.push(element);
            rows.types.push(if x[0] == 0.0 { u32::MAX } else { x[0] as u32 - 1 });
        }
        rows.features = features;
        Self { contents, rows, truth, shape }
    }

    fn set(&self, prefix: &str) -> Vec<Tensor> {
        let own = |tensor: &Tensor| {
            let name = tensor.name.strip_prefix(prefix)?.to_owned();
            Some(Tensor { name, ..tensor.clone() })
        };
        self.contents.tensors.iter().filter_map(own).collect()
    }

    fn worst(&self, name: &str, found: &[f32], only_real: bool) -> f32 {
        let expected = &self.contents.tensor(name).unwrap_or_else(|| panic!("{name}")).values;
        assert_eq!(found.len(), expected.len(), "{name}");
        let width = found.len() / self.rows.len();
        let rows = found.chunks(width).zip(expected.chunks(width)).zip(&self.rows.real);
        rows.filter(|(_, real)| **real || !only_real)
            .flat_map(|((found, expected), _)| found.iter().zip(expected).map(|(a, b)| (a - b).abs()))
            .fold(0.0, f32::max)
    }
}

fn compare(name: &str, architecture: &Architecture) {
    let golden = Golden::read(name);
    let mut model = weights::start(architecture, &golden.shape, 1).unwrap();
    let missing = model.take(&golden.set("w.")).unwrap();
    assert!(missing.is_empty(), "{missing:?}");
    assert_eq!(model.tensors().len(), golden.set("w.").len());
    let pool = Pool::default();
    let tape = Tape::new(&model, &pool, Mode::Gradients);
    let outputs = forward(&tape, architecture, &golden.shape, &golden.rows, true).unwrap();
    for (state, value) in &outputs.states {
        let worst = golden.worst(&format!("act.{state}"), value.values(), true);
        println!("{name} {state}: {worst:e}");
        assert!(worst < 1e-5, "{state}: {worst}");
    }
    let momentum: Vec<f32> =
        (0..golden.rows.len()).flat_map(|row| outputs.momentum.each_ref().map(|value| value.values()[row])).collect();
    let found = [("binary", outputs.binary.values()), ("pid", outputs.pid.values()), ("momentum", momentum.as_slice())];
    for (output, values) in found {
        let worst = golden.worst(&format!("out.{output}"), values, true);
        println!("{name} {output}: {worst:e}");
        assert!(worst < 1e-5, "{output}: {worst}");
    }
    let real = golden.rows.real.iter().filter(|real| **real).count();
    let particles = golden.truth.classes.iter().zip(&golden.rows.real).filter(|(c, real)| **c != 0 && **real).count();
    let step = Step { elements: real as f64, particles: particles as f64, ..Step::default() };
    let config = LossConfig::default();
    let (total, terms) =
        loss(&tape, &outputs, &golden.rows, &golden.truth, &golden.shape.classes, &config, step).unwrap();
    let index: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(format!("{FOLDER}/models_index.json")).unwrap()).unwrap();
    let names = [
        "Total",
        "Classification_binary",
        "Classification",
        "Regression_pt",
        "Regression_eta",
        "Regression_sin_phi",
        "Regression_cos_phi",
        "Regression_energy",
    ];
    for (term, key) in terms.iter().zip(names) {
        let expected = index[name.trim_start_matches("model_")]["loss"][key].as_f64().unwrap();
        println!("{name} {key}: {term} {expected}");
        assert!((term - expected).abs() < 1e-5 * expected.max(1.0), "{key}");
    }
    drop(outputs);
    let mut gradient = vec![0.0; model.len()];
    tape.backward(&total, &mut gradient).unwrap();
    let mut compared = 0;
    for expected in golden.set("grad.") {
        let own = model.describe(&expected.name).unwrap().range.clone();
        let scale = expected.values.iter().map(|g| g.abs()).fold(1e-9, f32::max);
        for (found, expected_value) in gradient[own].iter().zip(&expected.values) {
            let difference = (found - expected_value).abs();
            assert!(difference < 1e-4 * scale, "{}: {found} {expected_value} of {scale}", expected.name);
            compared += 1;
        }
    }
    println!("{name}: {compared} gradients");
    assert!(compared > 1000);
}

fn small(layers: usize) -> Architecture {
    Architecture { layers, heads: 2, head_width: 8, ..Architecture::default() }
}

#[test]
fn attention_with_task_queries() {
    compare("model_attention", &small(2));
}

#[test]
fn attention_without_task_queries_that_reads_all_layers() {
    let architecture = Architecture { task_queries: false, representation: Representation::Concat, ..small(2) };
    compare("model_attention_notaskq_concat", &architecture);
}

#[test]
fn two_backbones_with_one_encoding() {
    let architecture = Architecture {
        split_backbone: true,
        task_queries: false,
        input_encoding: Encoding::Joint,
        activation: Activation::Gelu,
        ..small(1)
    };
    compare("model_attention_splitbackbone_joint", &architecture);
}

#[test]
fn focal_losses_of_the_reference() {
    let index: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(format!("{FOLDER}/models_index.json")).unwrap()).unwrap();
    let golden = &index["focal"];
    let list = |value: &serde_json::Value| -> Vec<f64> {
        value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
    };
    let logits: Vec<f32> = golden["logits"].as_array().unwrap().iter().flat_map(list).map(|x| x as f32).collect();
    let classes: Vec<u32> = list(&golden["y"]).iter().map(|class| *class as u32).collect();
    let weights = recoil_nn::tape::Weights::new(0);
    let pool = Pool::default();
    let tape = Tape::new(&weights, &pool, Mode::Inference);
    let logits = tape.input(6, 4, &logits).unwrap();
    for (name, gamma) in [("gamma2_none", 2.0), ("gamma0_none", 0.0)] {
        let expected = list(&golden[name]);
        assert_eq!(expected.len(), 6);
        for (row, expected) in expected.iter().enumerate() {
            let of_row: Vec<f32> = (0..6).map(|other| if other == row { 1.0 } else { 0.0 }).collect();
            let found = f64::from(tape.focal(&logits, &classes, &of_row, gamma).unwrap().values()[0]);
            assert!((found - expected).abs() < 1e-6, "{name} {row}: {found} for {expected}");
        }
    }
    let mean = f64::from(tape.focal(&logits, &classes, &[1.0 / 6.0; 6], 2.0).unwrap().values()[0]);
    assert!((mean - golden["gamma2_mean"].as_f64().unwrap()).abs() < 1e-6);
}

#[test]
fn padding_is_nothing_and_order_is_nothing() {
    use recoil_pflow::data::Event;
    use recoil_pflow::network::Model;
    use recoil_pflow::network::inputs::InputConfig;
    use recoil_pflow::network::links::LinkConfig;
    let golden = Golden::read("model_attention");
    let features = golden.rows.features[..ELEMENTS * FEATURES].to_vec();
    for links in [false, true] {
        let links = LinkConfig { enabled: links, ..LinkConfig::default() };
        let inputs = InputConfig { links, ..InputConfig::default() };
        let model = Model::new(Layout::Clic, &small(2), inputs, 5).unwrap();
        let pool = Pool::default();
        let event = Event { features: features.clone(), ..Event::default() };
        let plain = model.predict(std::slice::from_ref(&event), &pool).unwrap().remove(0);
        assert!(plain.iter().any(|candidate| candidate.pdg != 0));
        for factor in [1.25, 2.0, 4.0] {
            let mut padded = event.clone();
            padded.features.resize((ELEMENTS as f64 * factor) as usize * FEATURES, 0.0);
            // among other events
            let found = model.predict(&[event.clone(), padded], &pool).unwrap();
            assert_eq!(found[0], plain, "{factor}");
            assert_eq!(found[1][..ELEMENTS], plain, "{factor}");
            assert!(found[1][ELEMENTS..].iter().all(|candidate| *candidate == Particle::default()));
        }
        let turned: Vec<f32> = features.chunks(FEATURES).rev().flatten().copied().collect();
        let turned = model.predict(&[Event { features: turned, ..Event::default() }], &pool).unwrap().remove(0);
        for (one, other) in plain.iter().zip(turned.iter().rev()) {
            assert_eq!(one.pdg, other.pdg);
            assert!((one.pt - other.pt).abs() <= 1e-5 * one.pt.abs().max(1.0), "{one:?} {other:?}");
        }
    }
}
