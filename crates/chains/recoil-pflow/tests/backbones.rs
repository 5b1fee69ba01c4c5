//! What all backbones keep: events do not see each other, the order of elements means nothing, gradients are those of
//! differences.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use recoil_nn::tape::{Mode, Pool, Tape};
use recoil_pflow::data::Layout;
use recoil_pflow::network::gnn_lsh::{GnnLsh, Kernel};
use recoil_pflow::network::graphs::{BinGraph, GravNet};
use recoil_pflow::network::hept::Hept;
use recoil_pflow::network::inputs::InputConfig;
use recoil_pflow::network::{Architecture, Backbone, Model, RegressionMode, Rows, forward};
use recoil_pflow::simulate::simulate;
use recoil_pflow::stages::simulate::Preset;
use recoil_stage::Seed;

fn backbones() -> Vec<(&'static str, Backbone)> {
    let gnn = GnnLsh { bin_size: 16, max_bins: 40, distance: 8, distance_width: 12, ..GnnLsh::default() };
    let hept = Hept { block_size: 16, hashes: 2, regions: 6, distance_weights: 3, width: 24 };
    vec![
        ("attention", Backbone::Attention),
        ("gnn_lsh", Backbone::GnnLsh(gnn)),
        (
            "gnn_lsh with attention",
            Backbone::GnnLsh(GnnLsh { kernel: Kernel::Attention, kernel_heads: 2, bin_heads: 2, hashes: 2, ..gnn }),
        ),
        ("hept", Backbone::Hept(hept)),
        ("hept_v2", Backbone::HeptV2(hept)),
        ("grav_net", Backbone::GravNet(GravNet { neighbours: 4, space: 3, features: 6 })),
        (
            "bin_graph",
            Backbone::BinGraph(BinGraph { bin_size: 16, max_bins: 40, neighbours: 4, space: 6, sharpness: 0.5 }),
        ),
    ]
}

fn model(backbone: Backbone) -> Model {
    let architecture = Architecture {
        backbone,
        layers: 2,
        heads: 2,
        head_width: 8,
        pt: RegressionMode::DirectElemtype,
        eta: RegressionMode::Additive,
        sin_phi: RegressionMode::Multiplicative,
        cos_phi: RegressionMode::LinearElemtype,
        ..Architecture::default()
    };
    Model::new(Layout::Clic, &architecture, InputConfig::default(), 5).unwrap()
}

/// Rows of some events, their numbers made small.
fn rows(model: &Model, events: std::ops::Range<u64>) -> Rows {
    let events: Vec<_> = events.map(|number| simulate(&Preset::Small.collisions(), Seed::new(303), number).0).collect();
    let (mut rows, _) = model.rows(&events);
    rows.features.iter_mut().for_each(|value| *value = (0.2 * *value).asinh());
    rows
}

fn outputs(model: &Model, rows: &Rows) -> Vec<Vec<f32>> {
    let pool = Pool::default();
    let tape = Tape::new(&model.weights, &pool, Mode::Inference);
    let outputs = forward(&tape, &model.architecture, &model.shape, rows, false).unwrap();
    let row = |row: usize| {
        let momentum = outputs.momentum.iter().map(|value| value.values()[row]);
        outputs.binary.row(row).iter().chain(outputs.pid.row(row)).copied().chain(momentum).collect()
    };
    (0..rows.len()).map(row).collect()
}

fn apart(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs() / b.abs().max(1.0)).fold(0.0, f32::max)
}

#[test]
fn events_do_not_see_each_other() {
    for (name, backbone) in backbones() {
        let model = model(backbone);
        let together = outputs(&model, &rows(&model, 0..3));
        let mut alone = Vec::new();
        for event in 0..3 {
            alone.extend(outputs(&model, &rows(&model, event..event + 1)));
        }
        let worst = together.iter().zip(&alone).map(|(a, b)| apart(a, b)).fold(0.0, f32::max);
        println!("{name}: {worst:.1e}");
        assert!(worst < 1e-6, "{name}: {worst:.1e}");
    }
}

#[test]
fn the_order_of_elements_means_nothing() {
    for (name, backbone) in backbones() {
        let model = model(backbone);
        let rows = rows(&model, 1..2);
        let count = rows.len();
        // a permutation: every 7th element, round and round
        let step = [7, 11, 13].into_iter().find(|step| !count.is_multiple_of(*step)).unwrap();
        let order: Vec<usize> = (0..count).map(|place| place * step % count).collect();
        let width = model.shape.features;
        let permuted = Rows {
            offsets: rows.offsets.clone(),
            features: order.iter().flat_map(|p| rows.features[p * width..(p + 1) * width].to_vec()).collect(),
            elements: order.iter().map(|place| rows.elements[*place]).collect(),
            types: order.iter().map(|place| rows.types[*place]).collect(),
            real: Vec::new(),
        };
        let (straight, shuffled) = (outputs(&model, &rows), outputs(&model, &permuted));
        let worst =
            order.iter().zip(&shuffled).map(|(place, found)| apart(found, &straight[*place])).fold(0.0, f32::max);
        println!("{name}: {worst:.1e}");
        assert!(worst < 1e-4, "{name}: {worst:.1e}");
    }
}

#[test]
fn gradients_are_those_of_differences() {
    let mut all_faults = Vec::new();
    for (name, backbone) in backbones() {
        // who is among the nearest changes too often for differences to show slopes: here all are
        let backbone = match backbone {
            Backbone::GravNet(config) => Backbone::GravNet(GravNet { neighbours: 1000, ..config }),
            other => other,
        };
        let mut model = model(backbone);
        let rows = rows(&model, 2..4);
        // a smooth function of all outputs
        let value = |model: &Model| -> f64 {
            let factor = |at: usize| ((at * 37 % 23) as f64 / 23.0 - 0.5) / rows.len() as f64;
            let all = outputs(model, &rows).into_iter().flat_map(|row| row[..8].to_vec()).enumerate();
            all.map(|(at, value)| factor(at) * f64::from(value)).sum()
        };
        let mut gradient = vec![0.0; model.weights.len()];
        {
            let pool = Pool::default();
            let tape = Tape::new(&model.weights, &pool, Mode::Gradients);
            let found = forward(&tape, &model.architecture, &model.shape, &rows, false).unwrap();
            let both = tape.concat(&[&found.binary, &found.pid]).unwrap();
            let factors: Vec<f32> = (0..rows.len() * 8)
                .map(|at| (((at * 37 % 23) as f64 / 23.0 - 0.5) / rows.len() as f64) as f32)
                .collect();
            let factors = tape.input(rows.len(), 8, &factors).unwrap();
            let loss = tape.sum(&tape.multiply(&both, &factors).unwrap()).unwrap();
            tape.backward(&loss, &mut gradient).unwrap();
        }
        // along the gradient of each tensor by itself
        let tensors: Vec<_> = model.weights.tensors().iter().map(|t| (t.name.clone(), t.range.clone())).collect();
        let (mut compared, mut faults) = (0, Vec::new());
        for (tensor, range) in tensors {
            let own: Vec<f32> = gradient[range.clone()].to_vec();
            let length = own.iter().map(|g| g * g).sum::<f32>().sqrt();
            if length < 1e-5 {
                continue;
            }
            let mut at = |step: f32| {
                let before = model.weights.values()[range.clone()].to_vec();
                let values = &mut model.weights.values_mut()[range.clone()];
                values.iter_mut().zip(&own).for_each(|(value, g)| *value += step * g / length);
                let found = value(&model);
                model.weights.values_mut()[range.clone()].copy_from_slice(&before);
                found
            };
            // a hash or an order of neighbours may change on a long way, and a short one is lost in rounding
            let mut nearest = (f64::INFINITY, 0.0);
            for step in [2e-3, 5e-4, 1e-4, 5e-3, 3e-5, 1e-2, 1e-5] {
                let expected = (at(step) - at(-step)) / (2.0 * f64::from(step));
                let relative = (f64::from(length) - expected).abs() / expected.abs().max(1e-3);
                if relative < nearest.0 {
                    nearest = (relative, expected);
                }
                if relative < 0.02 {
                    break;
                }
            }
            let (relative, expected) = nearest;
            if relative > 0.05 {
                faults.push(format!("{tensor}: {length:.3e} for {expected:.3e}"));
            }
            compared += 1;
        }
        println!("{name}: {compared} tensors, {} differ: {faults:#?}", faults.len());
        assert!(compared > 20, "{name}: {compared}");
        all_faults.extend(faults.into_iter().map(|fault| format!("{name} {fault}")));
    }
    assert!(all_faults.is_empty(), "{all_faults:#?}");
}
