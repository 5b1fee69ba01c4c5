//! Networks on the devices that the build has: the same outputs and gradients as recoil's own kernels, the same learning.
//! `cargo test --release --workspace --features recoil/flex --test devices`; wgpu and cuda alike, on machines that have them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::ops::ControlFlow;
use std::path::Path;

use recoil_nn::safetensors::{self, Tensor};
use recoil_nn::tape::{Activation, Mode, Pool, Tape};
use recoil_pflow::data::{Event, Layout, Particle, Target};
use recoil_pflow::network::device::{Accelerator, Device, outputs};
use recoil_pflow::network::inputs::{InputConfig, Scales};
use recoil_pflow::network::loss::{LossConfig, Step, Truth, loss};
use recoil_pflow::network::train::{CpuClock, Judgement, Samples, TrainConfig, Trainer};
use recoil_pflow::network::{Architecture, Backbone, Encoding, Model, Outputs, RegressionMode, Representation, Rows};
use recoil_pflow::simulate::{Collisions, simulate};
use recoil_stage::seed::Seed;

/// The devices of the build that the machine has.
fn devices() -> Vec<Accelerator> {
    let mut found = Vec::new();
    for device in [Device::Flex, Device::Wgpu, Device::Cuda] {
        if device.check().is_err() {
            continue;
        }
        match device.open(&Architecture::default()) {
            Ok(opened) => found.extend(opened),
            Err(error) if device != Device::Flex => println!("SKIPPED: {error}"),
            Err(error) => panic!("{error}"),
        }
    }
    if found.is_empty() {
        println!("SKIPPED: the build has no device, `--features recoil/flex` has one");
    }
    found
}

fn small() -> Architecture {
    Architecture { layers: 2, heads: 2, head_width: 8, ..Architecture::default() }
}

/// A golden network and its events without their padding.
fn golden(name: &str, architecture: &Architecture) -> (Model, Rows, Truth) {
    const FEATURES: usize = 17;
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../testdata/golden/pflow");
    let contents = safetensors::read(Path::new(&format!("{folder}/{name}.safetensors"))).unwrap();
    let inputs = InputConfig { standardise: false, ..InputConfig::default() };
    let mut model = Model::new(Layout::Clic, architecture, inputs, 1).unwrap();
    let tensors: Vec<Tensor> = contents
        .tensors
        .iter()
        .filter_map(|tensor| Some(Tensor { name: tensor.name.strip_prefix("w.")?.to_owned(), ..tensor.clone() }))
        .collect();
    assert!(model.weights.take(&tensors).unwrap().is_empty());
    let of = |name: &str| &contents.tensor(name).unwrap().values;
    let (mut rows, mut truth) = (Rows { offsets: vec![0], ..Rows::default() }, Truth::default());
    let per_event = contents.tensor("in.mask").unwrap().shape[1];
    let all = of("in.X").chunks(FEATURES).zip(of("in.ytarget").chunks(14)).zip(of("in.mask"));
    for (row, ((x, y), mask)) in all.enumerate() {
        if *mask != 0.0 {
            let element = [x[1], x[2], x[3], x[4], x[5]];
            let particle = Particle {
                pdg: model.shape.classes[y[0] as usize],
                charge: y[1],
                pt: y[2].exp() * element[0],
                eta: y[3],
                sin_phi: y[4],
                cos_phi: y[5],
                energy: y[6].exp() * element[4],
            };
            truth.push(&model.shape.classes, &element, &Target { particle, ..Target::default() });
            rows.features.extend(x);
            rows.elements.push(element);
            rows.types.push(x[0] as u32 - 1);
        }
        if (row + 1) % per_event == 0 {
            rows.offsets.push(rows.types.len() as u32);
        }
    }
    (model, rows, truth)
}

fn events(first: u64, count: u64) -> Vec<Event> {
    let collisions = Collisions { jets: 1.0, soft: 30.0, pileup: 0.0, soft_per_pileup: 0.0 };
    (first..first + count).map(|number| simulate(&collisions, Seed::new(9), number).0).collect()
}

/// A network for simulated events.
fn start(architecture: &Architecture, training: &[Event]) -> (Model, Samples) {
    let mut model = Model::new(Layout::Clic, architecture, InputConfig::default(), 4).unwrap();
    let mut samples = Samples::new(training, Layout::Clic, &model.shape, &model.inputs);
    model.scales = Scales::fit(samples.rows(), &model.shape, Layout::Clic);
    samples.scale(&model.scales);
    (model, samples)
}

/// Simulated events of different sizes.
fn ragged(architecture: &Architecture) -> (Model, Rows, Truth) {
    let events = events(0, 5);
    let (model, _) = start(architecture, &events);
    let (rows, _) = model.rows(&events);
    let mut truth = Truth::default();
    for (target, element) in events.iter().flat_map(|event| &event.targets).zip(&rows.elements) {
        truth.push(&model.shape.classes, element, target);
    }
    assert_eq!(truth.classes.len(), rows.len());
    assert!(rows.offsets.windows(3).any(|three| three[1] - three[0] != three[2] - three[1]));
    (model, rows, truth)
}

fn numbers(outputs: &Outputs) -> Vec<(&'static str, Vec<f32>)> {
    let mut all = vec![("binary", outputs.binary.values().to_vec()), ("pid", outputs.pid.values().to_vec())];
    let names = ["pt", "eta", "sin_phi", "cos_phi", "energy"];
    all.extend(names.into_iter().zip(&outputs.momentum).map(|(name, value)| (name, value.values().to_vec())));
    all
}

fn worst(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).map(|(a, b)| (a - b).abs() / b.abs().max(1.0)).fold(0.0, f32::max)
}

fn compare(name: &str, device: &Accelerator, (model, rows, truth): &(Model, Rows, Truth)) {
    let pool = Pool::default();
    let tape = Tape::new(&model.weights, &pool, Mode::Gradients);
    let own = outputs(&tape, model, rows, None).unwrap();
    let plain = Tape::new(&model.weights, &pool, Mode::Inference);
    let other = outputs(&plain, model, rows, Some(device)).unwrap();
    let named = format!("{name} on {}", device.device().name());
    for ((output, found), (_, expected)) in numbers(&other).into_iter().zip(numbers(&own)) {
        let worst = worst(&found, &expected);
        println!("{named}: {output} {worst:e}");
        assert!(worst < 1e-5, "{named}: {output} differs by {worst:e}");
    }
    let config = LossConfig { class_weights: [(11, 3.0)].into(), huber: 0.5, ..LossConfig::default() };
    let particles = truth.classes.iter().filter(|class| **class != 0).count();
    let step = Step { elements: rows.len() as f64, particles: particles as f64, events: 1.0, ..Step::default() };
    let judge = |tape: &Tape<'_>, outputs: &Outputs| -> recoil_pflow::error::Result<_> {
        Ok(loss(tape, outputs, rows, truth, &model.shape.classes, &config, step)?)
    };
    let (total, terms) = judge(&tape, &own).unwrap();
    let mut expected = vec![0.0; model.weights.len()];
    tape.backward(&total, &mut expected).unwrap();
    let mut found = vec![0.0; model.weights.len()];
    let other = device.gradient(model, rows, 1, judge, &mut found).unwrap();
    assert!((other[0] - terms[0]).abs() < 1e-5 * terms[0].abs(), "{named}: losses {other:?} and {terms:?}");
    let mut furthest = 0.0_f32;
    for tensor in model.weights.tensors() {
        let (found, expected) = (&found[tensor.range.clone()], &expected[tensor.range.clone()]);
        let scale = expected.iter().map(|g| g.abs()).fold(1e-3, f32::max);
        let difference = found.iter().zip(expected).map(|(a, b)| (a - b).abs() / scale).fold(0.0, f32::max);
        assert!(difference < 1e-4, "{named}: gradient of {} differs by {difference:e} of {scale}", tensor.name);
        furthest = furthest.max(difference);
    }
    println!("{named}: {} gradients, furthest {furthest:e}", found.len());
}

#[test]
fn golden_networks() {
    let concat = Architecture { task_queries: false, representation: Representation::Concat, ..small() };
    for device in devices() {
        compare("golden", &device, &golden("model_attention", &small()));
        compare("golden", &device, &golden("model_attention_notaskq_concat", &concat));
    }
}

#[test]
fn every_part_of_a_network_over_events_of_different_sizes() {
    use RegressionMode as Mode;
    let variants = [
        ("default", small()),
        ("two backbones", Architecture { split_backbone: true, task_queries: false, ..small() }),
        ("one encoding", Architecture { input_encoding: Encoding::Joint, layers: 1, ..small() }),
        ("elements", Architecture { eta: Mode::Element, sin_phi: Mode::Element, cos_phi: Mode::Element, ..small() }),
        ("modes", Architecture { pt: Mode::Direct, eta: Mode::Additive, sin_phi: Mode::Multiplicative, ..small() }),
        ("more modes", Architecture { energy: Mode::DirectElemtype, cos_phi: Mode::LinearElemtype, ..small() }),
        ("gelu", Architecture { activation: Activation::Gelu, ..small() }),
        ("silu", Architecture { activation: Activation::Silu, ..small() }),
        ("relu6", Architecture { activation: Activation::Relu6, ..small() }),
        ("leaky", Architecture { activation: Activation::LeakyRelu, ..small() }),
    ];
    for device in devices() {
        for (name, architecture) in &variants {
            compare(name, &device, &ragged(architecture));
        }
    }
}

fn history(config: &TrainConfig, architecture: &Architecture, on: Option<&Accelerator>) -> Vec<Judgement> {
    let training = events(0, 40);
    let (model, samples) = start(architecture, &training);
    let validation = Samples::of_model(&events(1000, 10), &model);
    let mut trainer = Trainer::new(config, model, 11, CpuClock::now()).on(on);
    trainer.run(&samples, &validation, |_, _| ControlFlow::Continue(())).unwrap();
    trainer.history().to_vec()
}

#[test]
fn a_training_learns_as_on_the_processor() {
    let config = TrainConfig { steps: 30, validations: 3, batch: 10, rate: 3e-3, ..TrainConfig::default() };
    let dropping = Architecture { dropout: 0.1, ..small() };
    for device in devices() {
        let own = history(&config, &small(), None);
        let found = history(&config, &small(), Some(&device));
        for (found, own) in found.iter().zip(&own) {
            let (found, own) = (found.validation[0], own.validation[0]);
            println!("{}: {found} {own}", device.device().name());
            assert!((found / own - 1.0).abs() < 0.01, "{found} {own}");
        }
        assert!(found[2].validation[0] < 0.95 * found[0].validation[0]);
        let dropped = history(&config, &dropping, Some(&device));
        assert_ne!(dropped[2].validation, found[2].validation);
        assert!(dropped[2].validation[0] < 0.95 * dropped[0].validation[0]);
        let again = history(&config, &dropping, Some(&device));
        assert!((again[2].validation[0] / dropped[2].validation[0] - 1.0).abs() < 1e-4, "the same seed drops the same");
    }
}

#[test]
fn events_without_elements_and_other_networks() {
    for device in devices() {
        let (model, _) = start(&small(), &events(0, 3));
        let mut some = events(50, 3);
        some.insert(1, Event::default());
        let (pool, own) = (Pool::default(), model.predict(&some, &Pool::default()).unwrap());
        let found = model.predict_on(Some(&device), &some, &pool).unwrap();
        let present = |all: &[Vec<Particle>]| -> Vec<i32> { all.iter().flatten().map(|p| p.pdg).collect() };
        assert_eq!(present(&found), present(&own));
        assert!(model.predict_on(Some(&device), &[Event::default()], &pool).unwrap()[0].is_empty());
        let other = Architecture { backbone: Backbone::GravNet(Default::default()), ..small() };
        let message = device.device().open(&other).err().unwrap().to_string();
        assert!(message.contains("attention"), "{message}");
    }
}
