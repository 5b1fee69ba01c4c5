//! Networks and losses against the reference.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::indexing_slicing)]

use recoil_nn::batch::{BatchTrainer, Predictor};
use recoil_nn::train::TrainConfig;
use recoil_nn::{Network, Parameters};
use recoil_tau::network::batch::{Candidates, CellImages};
use recoil_tau::network::loss::{E, JET, LossName, MU, TAU, TauLoss};
use recoil_tau::network::{CnnConfig, InputShape, weights};
use std::collections::BTreeMap;
use std::path::PathBuf;

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../testdata/golden/tau/network").join(name)
}

fn text(name: &str) -> String {
    std::fs::read_to_string(golden(name)).unwrap()
}

#[test]
fn losses_are_those_of_the_reference() {
    let table = text("loss_values.csv");
    let mut lines = table.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').skip(8).collect();
    let v2 = TauLoss::new(LossName::TauCrossentropyV2, [1.0, 2.5, 5.0, 1.5]);
    let (mut compared, mut wrong, mut worst) = (0, 0, 0.0_f64);
    for line in lines {
        let row: Vec<f64> = line.split(',').map(|word| word.parse().unwrap()).collect();
        let (target, output) = (<[f64; 4]>::try_from(&row[..4]).unwrap(), <[f64; 4]>::try_from(&row[4..8]).unwrap());
        let terms = v2.terms(target, output);
        for (name, &expected) in names.iter().zip(&row[8..]) {
            let class = |word: &str| match word.trim_end_matches("Inv") {
                "e" => E,
                "mu" => MU,
                "tau" => TAU,
                "jet" => JET,
                other => panic!("{other}"),
            };
            let found = match *name {
                "Hbin" => terms.entropy_of_no_tau(),
                "Fcmb" => terms.focal_of_no_tau(),
                "tau_crossentropy" => terms.tau_crossentropy(),
                "tau_crossentropy_v2" => terms.tau_crossentropy_v2(),
                "WPloss" => terms.wp_loss(),
                "WPloss2" => TauLoss { name: LossName::WpLoss2, ..v2.clone() }.of(target, output),
                name if name.starts_with("Hcat_") && name.ends_with("Inv") => {
                    terms.entropy_of_others(class(&name[5..]))
                }
                name if name.starts_with("Hcat_") => terms.entropy_of_taulike(class(&name[5..])),
                name if name.starts_with("sL") => v2.factors[class(&name[2..])] * terms.against(class(&name[2..])),
                name if name.starts_with('L') => terms.against(class(&name[1..])),
                name if name.starts_with('H') => terms.entropy(class(&name[1..])),
                name if name.starts_with('F') => terms.focal(class(&name[1..])),
                name if name.starts_with('W') => terms.around_working_points(class(&name[1..])),
                other => panic!("{other}"),
            };
            let difference = (found.value - expected).abs();
            worst = worst.max(difference);
            compared += 1;
            if difference > 1e-5 {
                wrong += 1;
                println!("{name}: {} instead of {expected}", found.value);
            }
        }
    }
    println!("{wrong} of {compared} losses differ; largest difference {worst:e}");
    assert_eq!((compared, wrong), (40 * 28, 0));
}

#[test]
fn the_default_network_has_the_layers_of_the_reference() {
    let expected: Vec<(String, String, Vec<Vec<usize>>)> =
        serde_json::from_str(&text("deeptau_default_layers.json")).unwrap();
    let network = Network::new(&CnnConfig::default().spec(&InputShape::default()).unwrap()).unwrap();
    let mut found: BTreeMap<&str, Vec<&[usize]>> = BTreeMap::new();
    for tensor in network.tensors() {
        let (layer, _) = tensor.name.rsplit_once('/').unwrap();
        found.entry(layer).or_default().push(&tensor.shape);
    }
    let mut layers = 0;
    for (name, _, shapes) in &expected {
        let own = found.remove(name.as_str()).unwrap_or_else(|| panic!("{name} is missing"));
        assert_eq!(own, shapes.iter().map(Vec::as_slice).collect::<Vec<_>>(), "{name}");
        layers += 1;
    }
    assert!(found.is_empty(), "superfluous: {found:?}");
    assert_eq!(layers, expected.len());
    assert_eq!(network.cost().parameters, 1_151_378);
    let reduced = Network::new(&CnnConfig::reduced().spec(&InputShape::default()).unwrap()).unwrap();
    assert_eq!(reduced.cost().parameters, 67_548);
}

/// Numbers of each component by candidate and position.
type Cells = BTreeMap<(usize, u32), [Vec<f32>; 3]>;

/// The 8 candidates of the golden files.
fn candidates() -> Candidates {
    let flat: Vec<f32> = text("grid_tau_flat.csv")
        .lines()
        .skip(1)
        .flat_map(|line| line.split(',').map(|word| word.parse::<f32>().unwrap()).collect::<Vec<_>>())
        .collect();
    let widths = [86, 64, 38];
    let mut grids: [Cells; 2] = Default::default();
    let options = recoil_table::ReadOptions::default();
    for batch in recoil_table::open(golden("grid_nonzero.parquet").to_str().unwrap(), &options).unwrap() {
        let batch = batch.unwrap();
        let int = |name: &str| batch.scalar::<i64>(name).unwrap().to_vec();
        let (tau, eta, phi, feature) = (int("tau"), int("eta_cell"), int("phi_cell"), int("feature_index"));
        let value = batch.scalar::<f32>("value").unwrap();
        let (grid, block) = (batch.strings("grid").unwrap(), batch.strings("block").unwrap());
        for row in 0..batch.rows() {
            let inner = grid.value(row) == "inner";
            let side = if inner { 11 } else { 21 };
            let position = (eta[row] as usize * side + phi[row] as usize) as u32;
            let places: &[(usize, usize)] = match block.value(row) {
                "GridGlobal" => &[(0, 0), (1, 0), (2, 0)],
                "PfCand_electron" => &[(0, 4)],
                "PfCand_gamma" => &[(0, 26)],
                "Electron" => &[(0, 49)],
                "PfCand_muon" => &[(1, 4)],
                "Muon" => &[(1, 27)],
                "PfCand_chHad" => &[(2, 4)],
                "PfCand_nHad" => &[(2, 31)],
                other => panic!("{other}"),
            };
            let cell = grids[usize::from(!inner)]
                .entry((tau[row] as usize, position))
                .or_insert_with(|| widths.map(|width| vec![0.0; width]));
            for &(component, first) in places {
                cell[component][first + feature[row] as usize] = value[row];
            }
        }
    }
    let images = grids.map(|cells| {
        let mut images = CellImages { offsets: vec![0], components: vec![Vec::new(); 3], ..CellImages::default() };
        for tau in 0..8 {
            for ((_, position), values) in cells.range((tau, 0)..(tau + 1, 0)) {
                images.positions.push(*position);
                for (all, own) in images.components.iter_mut().zip(values) {
                    all.extend(own);
                }
            }
            images.offsets.push(images.positions.len() as u32);
        }
        images
    });
    Candidates { count: 8, flat, grids: images.into() }
}

#[test]
fn the_reduced_network_gives_the_outputs_of_the_reference() {
    let expected: serde_json::Value = serde_json::from_str(&text("reduced_cnn_outputs.json")).unwrap();
    let numbers = |name: &str| -> Vec<f64> {
        let rows = expected[name].as_array().unwrap();
        rows.iter().flat_map(|row| row.as_array().unwrap().iter().map(|value| value.as_f64().unwrap())).collect()
    };
    let network = Network::new(&CnnConfig::reduced().spec(&InputShape::default()).unwrap()).unwrap();
    let parameters = weights::read(&network, &golden("reduced_cnn.safetensors")).unwrap();
    let candidates = candidates();
    let predictor = Predictor::new(&network, &parameters).unwrap();
    for (name, found) in [
        ("features_concat", predictor.layer(&candidates.batch(), "features_concat").unwrap()),
        ("softmax", predictor.predict(&candidates.batch()).unwrap()),
    ] {
        let expected = numbers(name);
        assert_eq!(expected.len(), found.len());
        let worst = expected.iter().zip(&found).map(|(a, b)| (a - f64::from(*b)).abs()).fold(0.0, f64::max);
        println!("{name}: {} numbers, largest difference {worst:e}", found.len());
        assert!(worst < 1e-5);
    }
}

#[test]
fn a_training_learns_the_candidates_by_heart() {
    let network = Network::new(&CnnConfig::reduced().spec(&InputShape::default()).unwrap()).unwrap();
    let loss = TauLoss::new(LossName::TauCrossentropyV2, [1.0, 2.5, 5.0, 1.5]);
    let config = TrainConfig { epochs: 1, ..TrainConfig::default() };
    let candidates = candidates();
    let target: Vec<f32> =
        (0..8).flat_map(|tau| (0..4).map(move |class| if tau / 2 == class { 1.0 } else { 0.0 })).collect();
    let mut trainer = BatchTrainer::new(&network, &loss, &config, Parameters::new(&network, 5), 5).unwrap();
    let first = trainer.step(&candidates.batch(), &target, None, 0.0).unwrap();
    let mut last = first;
    for _ in 0..60 {
        last = trainer.step(&candidates.batch(), &target, None, 0.0).unwrap();
    }
    println!("loss {first} -> {last}");
    assert!(last < 0.3 * first, "{first} -> {last}");
}
