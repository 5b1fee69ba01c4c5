//! Trainings: they learn, they resume exactly, threads change nothing; models come back from their files.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::ops::ControlFlow;

use recoil_nn::tape::Pool;
use recoil_pflow::data::{Event, Layout};
use recoil_pflow::network::gnn_lsh::GnnLsh;
use recoil_pflow::network::graphs::{BinGraph, GravNet};
use recoil_pflow::network::hept::Hept;
use recoil_pflow::network::inputs::{InputConfig, Scales};
use recoil_pflow::network::links::LinkConfig;
use recoil_pflow::network::loss::{LossConfig, TERMS};
use recoil_pflow::network::train::{CpuClock, GroupConfig, Samples, TrainConfig, Trainer, measure};
use recoil_pflow::network::{Architecture, Backbone, Model};
use recoil_pflow::simulate::{Collisions, simulate};
use recoil_stage::seed::Seed;

fn events(first: u64, count: u64) -> Vec<Event> {
    let collisions = Collisions { jets: 1.0, soft: 30.0, pileup: 0.0, soft_per_pileup: 0.0 };
    (first..first + count).map(|number| simulate(&collisions, Seed::new(9), number).0).collect()
}

fn start() -> (Model, Samples, Samples) {
    start_with(Backbone::Attention)
}

fn start_with(backbone: Backbone) -> (Model, Samples, Samples) {
    let shape = Architecture { layers: 1, heads: 2, head_width: 8, dropout: 0.1, ..Architecture::default() };
    let architecture = Architecture { backbone, ..shape };
    let links = LinkConfig { enabled: true, ..LinkConfig::default() };
    let inputs = InputConfig { links, ..InputConfig::default() };
    let mut model = Model::new(Layout::Clic, &architecture, inputs, 4).unwrap();
    let (training, validation) = (events(0, 40), events(1000, 10));
    let mut samples = Samples::new(&training, Layout::Clic, &model.shape, &model.inputs);
    model.scales = Scales::fit(samples.rows(), &model.shape, Layout::Clic);
    samples.scale(&model.scales);
    samples.find_jets().unwrap();
    samples.turn(&training, &model);
    let mut validation = Samples::of_model(&validation, &model);
    validation.find_jets().unwrap();
    (model, samples, validation)
}

fn settings(steps: u64) -> TrainConfig {
    TrainConfig { steps, validations: 4, batch: 20, averaging: 0.1, clip: 5.0, rate: 3e-3, ..TrainConfig::default() }
}

/// With terms of whole events.
fn of_events(steps: u64) -> TrainConfig {
    let loss = LossConfig { sliced_wasserstein: 0.01, projections: 20, met: 0.1, jets: 1.0, ..LossConfig::default() };
    TrainConfig { loss, ..settings(steps) }
}

fn trained(config: &TrainConfig, threads: usize) -> Model {
    trained_with(Backbone::Attention, config, threads)
}

fn trained_with(backbone: Backbone, config: &TrainConfig, threads: usize) -> Model {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| {
        let (model, training, validation) = start_with(backbone);
        let mut trainer = Trainer::new(config, model, 11, CpuClock::now());
        trainer.run(&training, &validation, |_, _| ControlFlow::Continue(())).unwrap();
        assert!(trainer.history().len() >= 4);
        trainer.result()
    })
}

#[test]
fn a_training_learns_and_threads_change_no_bit() {
    let config = settings(60);
    let (model, training, validation) = start();
    let (before, _) = measure(&model, &validation, &config.loss).unwrap();
    let one = trained(&config, 1);
    let (after, accuracy) = measure(&one, &validation, &config.loss).unwrap();
    assert!(after[0] < 0.6 * before[0] && accuracy > 0.75, "{before:?} {after:?} {accuracy}");
    assert_eq!(one.weights.values(), trained(&config, 2).weights.values());
    assert_eq!(training.len(), 40);
}

#[test]
fn terms_of_events_learn_and_threads_change_no_bit() {
    let config = of_events(60);
    let (model, _, validation) = start();
    let (before, _) = measure(&model, &validation, &config.loss).unwrap();
    let one = trained(&config, 1);
    let (after, _) = measure(&one, &validation, &config.loss).unwrap();
    println!("{before:?} {after:?}");
    for term in [8, 9, 10] {
        assert!(after[term] < 0.8 * before[term], "{}: {} behind {}", TERMS[term], after[term], before[term]);
    }
    assert_eq!(one.weights.values(), trained(&config, 2).weights.values());
    assert_ne!(one.weights.values(), trained(&settings(60), 1).weights.values());
}

fn backbones() -> Vec<(&'static str, Backbone)> {
    let hept = Hept { block_size: 16, hashes: 2, regions: 6, distance_weights: 3, width: 24 };
    vec![
        ("attention", Backbone::Attention),
        (
            "gnn_lsh",
            Backbone::GnnLsh(GnnLsh {
                bin_size: 16,
                max_bins: 40,
                distance: 8,
                distance_width: 12,
                ..GnnLsh::default()
            }),
        ),
        ("hept", Backbone::Hept(hept)),
        ("hept_v2", Backbone::HeptV2(Hept { width: 2, ..hept })),
        ("grav_net", Backbone::GravNet(GravNet { neighbours: 6, space: 3, features: 8 })),
        (
            "bin_graph",
            Backbone::BinGraph(BinGraph { bin_size: 16, max_bins: 40, neighbours: 4, space: 6, sharpness: 0.5 }),
        ),
    ]
}

#[test]
fn every_backbone_learns_and_predicts_whatever_the_order() {
    for (name, backbone) in backbones() {
        let config = settings(40);
        let (model, _, validation) = start_with(backbone);
        let (before, _) = measure(&model, &validation, &config.loss).unwrap();
        let one = trained_with(backbone, &config, 1);
        let (after, accuracy) = measure(&one, &validation, &config.loss).unwrap();
        println!("{name}: loss {:.3} to {:.3}, accuracy {accuracy:.3}", before[0], after[0]);
        assert!(after[0] < 0.7 * before[0] && accuracy > 0.6, "{name}: {before:?} {after:?} {accuracy}");
        assert_eq!(one.weights.values(), trained_with(backbone, &config, 2).weights.values(), "{name}");

        let pool = Pool::default();
        let width = Layout::Clic.features().len();
        let (mut moved, mut elements, mut worst) = (0, 0, 0.0_f32);
        for event in events(2000, 8) {
            let straight = one.predict(std::slice::from_ref(&event), &pool).unwrap().remove(0);
            let count = straight.len();
            let step = [7, 11, 13, 17].into_iter().find(|step| !count.is_multiple_of(*step)).unwrap();
            let order: Vec<usize> = (0..count).map(|place| place * step % count).collect();
            let features = order.iter().flat_map(|place| event.features[place * width..(place + 1) * width].to_vec());
            let turned = Event { features: features.collect(), ..Event::default() };
            let turned = one.predict(&[turned], &pool).unwrap().remove(0);
            for (place, found) in order.iter().zip(&turned) {
                let expected = straight[*place];
                moved += usize::from(found.pdg != expected.pdg);
                if found.pdg == expected.pdg {
                    worst = worst.max((found.pt - expected.pt).abs() / expected.pt.max(1.0));
                }
                elements += 1;
            }
            // rows of padding among the events are no elements
            let mut padded = event.clone();
            padded.features.resize(2 * count * width, 0.0);
            let padded = one.predict(&[event.clone(), padded], &pool).unwrap();
            assert_eq!(padded[0], straight, "{name}");
            assert_eq!(padded[1][..count], straight, "{name}");
            assert!(padded[1][count..].iter().all(|candidate| !candidate.is_present()), "{name}");
        }
        println!("{name}: {moved} of {elements} classes move with the order, transverse momenta by {worst:.1e}");
        assert!(moved == 0 && worst < 1e-4, "{name}: {moved} of {elements}, {worst:.1e}");
    }
}

#[test]
fn members_of_a_group_change_no_bit() {
    let config = settings(12);
    let alone = trained(&config, 1);
    for size in [2, 3] {
        let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let member = |rank: usize| {
            let group = GroupConfig { size, rank, address: address.clone(), wait: 60.0, ..GroupConfig::default() };
            let (place, stop) = (group.place().unwrap(), || false);
            let (model, training, validation) = start();
            let mut trainer = Trainer::new(&config, model, 11, CpuClock::now()).together(&place, &stop);
            if rank > 0 {
                assert_eq!(trainer.help(&training, &validation).unwrap(), 12);
                return None;
            }
            trainer.run(&training, &validation, |_, _| ControlFlow::Continue(())).unwrap();
            Some(trainer.result())
        };
        let member = &member;
        let found = std::thread::scope(|scope| {
            let others: Vec<_> = (1..size).map(|rank| scope.spawn(move || member(rank))).collect();
            let found = member(0);
            others.into_iter().for_each(|other| assert!(other.join().unwrap().is_none()));
            found.unwrap()
        });
        assert_eq!(found.weights.values(), alone.weights.values(), "{size} members");
    }
}

#[test]
fn a_training_that_was_stopped_goes_on_to_the_same_bits() {
    goes_on(&settings(24));
    goes_on(&of_events(24));
}

fn goes_on(config: &TrainConfig) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.safetensors");
    let whole = trained(config, 1);
    let (model, training, validation) = start();
    let mut trainer = Trainer::new(config, model, 11, CpuClock::now());
    trainer
        .run(&training, &validation, |trainer, judgement| {
            if judgement.is_some() && trainer.steps() >= 12 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })
        .unwrap();
    trainer.checkpoint(&path).unwrap();
    let (model, _, _) = start();
    let mut other = Trainer::new(config, model.clone(), 11, CpuClock::now());
    other.resume(&path).unwrap();
    assert_eq!(other.steps(), trainer.steps());
    other.run(&training, &validation, |_, _| ControlFlow::Continue(())).unwrap();
    assert_eq!(other.result().weights.values(), whole.weights.values());
    let changed = TrainConfig { rate: 1e-3, ..config.clone() };
    let message = Trainer::new(&changed, model.clone(), 11, CpuClock::now()).resume(&path).unwrap_err().to_string();
    assert!(message.contains("other settings"), "{message}");
    std::fs::write(&path, b"nothing").unwrap();
    assert!(Trainer::new(config, model, 11, CpuClock::now()).resume(&path).is_err());
}

#[test]
fn a_model_comes_back_from_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let (model, _, _) = start();
    model.write(&path, &[]).unwrap();
    let read = Model::read(&path).unwrap();
    let events = events(50, 3);
    let pool = Pool::default();
    assert_eq!(read.predict(&events, &pool).unwrap(), model.predict(&events, &pool).unwrap());
    let none = Event::default();
    assert!(read.predict(&[none], &pool).unwrap()[0].is_empty());
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 1000]).unwrap();
    assert!(Model::read(&path).unwrap_err().to_string().contains("model.safetensors"));
}
