//! The generator against events of the reference, and against numbers that it is known for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use recoil_pflow::baseline::flow::{FlowRules, reconstruct};
use recoil_pflow::data::columns::Parts;
use recoil_pflow::data::{Event, EventReader, Layout};
use recoil_pflow::simulate::simulate;
use recoil_pflow::stages::simulate::Preset;
use recoil_pflow::truth::event::{Rules, assign_event};
use recoil_pflow::truth::visible::Thresholds;
use recoil_stage::Seed;

fn made(preset: Preset, events: u64) -> Vec<Event> {
    let collisions = preset.collisions();
    (0..events)
        .map(|number| {
            let (event, assignment) = simulate(&collisions, Seed::new(303), number);
            assert!(assignment.is_balanced(), "event {number}: {}", assignment.imbalance());
            event
        })
        .collect()
}

fn mean(events: &[Event], of: &dyn Fn(&Event) -> f64) -> f64 {
    events.iter().map(of).sum::<f64>() / events.len() as f64
}

type Quantity = Box<dyn Fn(&Event) -> f64>;

/// Means per event that generator and reference share.
fn quantities() -> Vec<(&'static str, Quantity)> {
    let elements = |wanted: fn(&[f32]) -> bool| {
        move |event: &Event| event.features.chunks_exact(17).filter(|row| wanted(row)).count() as f64
    };
    let targets =
        |pdg: i32| move |event: &Event| event.targets.iter().filter(|target| target.particle.pdg == pdg).count() as f64;
    vec![
        ("elements", Box::new(|event: &Event| event.elements(Layout::Clic) as f64)),
        ("tracks", Box::new(elements(|row| row[0] == 1.0))),
        ("electromagnetic clusters", Box::new(elements(|row| row[0] == 2.0 && row[10] > 0.0))),
        ("hadronic clusters", Box::new(elements(|row| row[0] == 2.0 && row[10] == 0.0))),
        ("elements without a particle", Box::new(targets(0))),
        ("charged hadrons", Box::new(targets(211))),
        ("neutral hadrons", Box::new(targets(130))),
        ("photons", Box::new(targets(22))),
    ]
}

#[test]
fn events_look_like_those_of_the_reference() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../testdata/golden/pflow/toypf_test20_elements.parquet");
    let parts = Parts { targets: true, ..Parts::default() };
    let reference = EventReader::open(path, parts).unwrap().all().unwrap();
    let events = made(Preset::Small, 1000);
    let mut wrong = Vec::new();
    for (name, of) in quantities() {
        let (expected, found) = (mean(&reference, &of), mean(&events, &of));
        let spread = mean(&reference, &|event: &Event| (of(event) - expected).powi(2)).sqrt() / 20f64.sqrt();
        println!("{name}: {found:.2}, reference {expected:.2} +- {spread:.2}");
        if (found - expected).abs() > 4.0 * spread.max(0.02 * expected) {
            wrong.push(name);
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
    // 1000 events of the reference have 102 elements and 95 particles on average
    assert!((mean(&events, &|event| event.elements(Layout::Clic) as f64) - 102.2).abs() < 6.0);
    assert!((mean(&events, &|event| event.generated.len() as f64) - 95.0).abs() < 3.0);
}

#[test]
fn rules_do_as_well_on_it_as_on_the_reference() {
    let events = made(Preset::Small, 300);
    let (mut right, mut total) = (0, 0);
    for event in &events {
        let candidates = reconstruct(event, Layout::Clic, &FlowRules::default());
        right += candidates.iter().zip(&event.targets).filter(|(c, t)| c.pdg == t.particle.pdg).count();
        total += candidates.len();
    }
    let accuracy = f64::from(right as u32) / f64::from(total as u32);
    // the reference: 0.8406
    assert!((accuracy - 0.8406).abs() < 0.03, "{accuracy}");
}

#[test]
fn larger_events_have_the_size_of_their_name() {
    for (preset, expected, events) in [
        (Preset::E256, 256.0, 200),
        (Preset::E1024, 1024.0, 60),
        (Preset::E4096, 4096.0, 16),
        (Preset::E8000, 8000.0, 25),
    ] {
        let elements = mean(&made(preset, events), &|event| event.elements(Layout::Clic) as f64);
        println!("{preset:?}: {elements}");
        assert!((elements / expected - 1.0).abs() < 0.03, "{preset:?}: {elements}");
    }
    let pileup = mean(&made(Preset::Pu40, 5), &|event| {
        event.targets.iter().map(|target| f64::from(target.pileup)).sum::<f64>() / event.targets.len() as f64
    });
    assert!((0.3..0.95).contains(&pileup), "{pileup}");
}

#[test]
fn links_give_the_targets_of_the_simulation() {
    let (mut elements, mut different) = (0, 0);
    for mut event in made(Preset::Small, 200) {
        let targets = event.targets.clone();
        let assignment =
            assign_event("simulated", &mut event, Layout::Clic, Rules::Auto, &Thresholds::default()).unwrap();
        assert!(assignment.is_balanced());
        let near = |a: f32, b: f32| (a - b).abs() <= 1e-5 * b.abs().max(1.0);
        for (found, expected) in event.targets.iter().zip(&targets) {
            let (a, b) = (found.particle, expected.particle);
            let same =
                a.pdg == b.pdg && near(a.pt, b.pt) && near(a.energy, b.energy) && found.number == expected.number;
            elements += 1;
            different += usize::from(!same);
        }
    }
    assert!(different * 10_000 <= elements, "{different} of {elements} targets differ");
}
