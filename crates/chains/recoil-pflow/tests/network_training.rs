//! Trainings: they learn, they resume exactly, threads change nothing; models come back from their files.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::ops::ControlFlow;

use recoil_nn::tape::Pool;
use recoil_pflow::data::{Event, Layout};
use recoil_pflow::network::inputs::{InputConfig, Scales};
use recoil_pflow::network::links::LinkConfig;
use recoil_pflow::network::train::{CpuClock, Samples, TrainConfig, Trainer};
use recoil_pflow::network::{Architecture, Model};
use recoil_pflow::simulate::{Collisions, simulate};
use recoil_stage::seed::Seed;

fn events(first: u64, count: u64) -> Vec<Event> {
    let collisions = Collisions { jets: 1.0, soft: 30.0, pileup: 0.0, soft_per_pileup: 0.0 };
    (first..first + count).map(|number| simulate(&collisions, Seed::new(9), number).0).collect()
}

fn start() -> (Model, Samples, Samples) {
    let architecture = Architecture { layers: 1, heads: 2, head_width: 8, dropout: 0.1, ..Architecture::default() };
    let links = LinkConfig { enabled: true, ..LinkConfig::default() };
    let inputs = InputConfig { links, ..InputConfig::default() };
    let mut model = Model::new(Layout::Clic, &architecture, inputs, 4).unwrap();
    let (training, validation) = (events(0, 40), events(1000, 10));
    let mut samples = Samples::new(&training, Layout::Clic, &model.shape, &model.inputs);
    model.scales = Scales::fit(samples.rows(), &model.shape, Layout::Clic);
    samples.scale(&model.scales);
    samples.turn(&training, &model);
    let validation = Samples::of_model(&validation, &model);
    (model, samples, validation)
}

fn settings(steps: u64) -> TrainConfig {
    TrainConfig { steps, validations: 4, batch: 20, averaging: 0.1, clip: 5.0, rate: 3e-3, ..TrainConfig::default() }
}

fn trained(config: &TrainConfig, threads: usize) -> Model {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| {
        let (model, training, validation) = start();
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
    let (before, _) = recoil_pflow::network::train::measure(&model, &validation, &config.loss).unwrap();
    let one = trained(&config, 1);
    let (after, accuracy) = recoil_pflow::network::train::measure(&one, &validation, &config.loss).unwrap();
    assert!(after[0] < 0.6 * before[0] && accuracy > 0.75, "{before:?} {after:?} {accuracy}");
    assert_eq!(one.weights.values(), trained(&config, 2).weights.values());
    assert_eq!(training.len(), 40);
}

#[test]
fn a_training_that_was_stopped_goes_on_to_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.safetensors");
    let config = settings(24);
    let whole = trained(&config, 1);
    let (model, training, validation) = start();
    let mut trainer = Trainer::new(&config, model, 11, CpuClock::now());
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
    let mut other = Trainer::new(&config, model.clone(), 11, CpuClock::now());
    other.resume(&path).unwrap();
    assert_eq!(other.steps(), trainer.steps());
    other.run(&training, &validation, |_, _| ControlFlow::Continue(())).unwrap();
    assert_eq!(other.result().weights.values(), whole.weights.values());
    let changed = TrainConfig { rate: 1e-3, ..config.clone() };
    let message = Trainer::new(&changed, model.clone(), 11, CpuClock::now()).resume(&path).unwrap_err().to_string();
    assert!(message.contains("other settings"), "{message}");
    std::fs::write(&path, b"nothing").unwrap();
    assert!(Trainer::new(&config, model, 11, CpuClock::now()).resume(&path).is_err());
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
