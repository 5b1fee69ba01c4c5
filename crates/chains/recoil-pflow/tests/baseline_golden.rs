//! The rule-based particle flow against the reference's candidates.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use recoil_pflow::baseline::flow::{FlowRules, reconstruct};
use recoil_pflow::data::columns::Parts;
use recoil_pflow::data::{EventReader, EventWriter, Layout, Particle};

fn golden() -> EventReader {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../testdata/golden/pflow/toypf_test20_elements.parquet");
    EventReader::open(path, Parts { targets: true, candidates: true, ..Parts::default() }).unwrap()
}

#[test]
fn candidates_of_the_reference() {
    let reader = golden();
    assert_eq!(reader.layout(), Layout::Clic);
    let (mut compared, mut wrong) = (0, 0);
    for event in reader.all().unwrap() {
        let found = reconstruct(&event, Layout::Clic, &FlowRules::default());
        assert_eq!(found.len(), event.candidates.len());
        for (mine, expected) in found.iter().zip(&event.candidates) {
            let near = |of: fn(&Particle) -> f32| (of(mine) - of(expected)).abs() <= 2e-5 * of(expected).abs().max(1.0);
            let same = mine.pdg == expected.pdg
                && mine.charge == expected.charge
                && near(|p| p.pt)
                && near(|p| p.eta)
                && near(|p| p.sin_phi)
                && near(|p| p.cos_phi)
                && near(|p| p.energy);
            wrong += usize::from(!same && mine.is_present() | expected.is_present());
            compared += 1;
        }
    }
    assert_eq!((compared, wrong), (1936, 0));
}

#[test]
fn a_table_of_events_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.parquet");
    let parts = Parts { targets: true, candidates: true, ..Parts::default() };
    let events = golden().all().unwrap();
    assert_eq!(events.len(), 20);
    let mut writer = EventWriter::create(&path, Layout::Clic, parts).unwrap();
    writer.write(&events[..7]).unwrap();
    writer.write(&events[7..]).unwrap();
    writer.finish("{}").unwrap();
    let reader = EventReader::open(path.to_str().unwrap(), parts).unwrap();
    assert_eq!(reader.total(), Some(20));
    assert_eq!(reader.all().unwrap(), events);
}
