//! Delphes files that ROOT has written: what they hold, and what is told where something is missing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use recoil_pflow::data::{Event, Layout};
use recoil_pflow::import::Source as _;
use recoil_pflow::import::branches::Branches;
use recoil_pflow::import::delphes::Delphes;
use recoil_pflow::import::edm4hep::Collections;
use recoil_pflow::truth::event::{Rules, assign_event};
use recoil_pflow::truth::visible::Thresholds;
use serde_json::Value as Json;

fn golden(name: &str) -> String {
    format!("{}/../../../testdata/golden/pflow/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn written(name: &str) -> Vec<Json> {
    serde_json::from_str(&std::fs::read_to_string(golden(name)).unwrap()).unwrap()
}

fn read(name: &str, wanted: &Collections) -> recoil_pflow::Result<(Vec<Event>, bool)> {
    let address = format!("{}:Delphes", golden(name));
    let branches = Branches::of(&address)?;
    assert!(Delphes::fits(&branches));
    let mut source = Delphes::open(&address, &branches, wanted)?;
    assert_eq!((source.layout(), source.mended()), (Layout::Delphes, 0));
    let mut events = Vec::new();
    while let Some(more) = source.next_events()? {
        events.extend(more);
    }
    Ok((events, source.parts().candidates))
}

fn list<'a>(json: &'a Json, key: &str) -> &'a Vec<Json> {
    json[key].as_array().unwrap()
}

fn number(json: &Json) -> f64 {
    json.as_f64().unwrap()
}

#[test]
fn elements_and_links_are_those_that_were_written() {
    for (name, has_candidates) in [("delphes", true), ("delphes_mix", true), ("delphes_plain", false)] {
        let expected = written(&format!("{name}.json"));
        let (events, candidates) = read(&format!("{name}.root"), &Collections::default()).unwrap();
        assert_eq!((events.len(), candidates), (expected.len(), has_candidates), "{name}");
        let mut compared = 0;
        for (event, expected) in events.iter().zip(&expected) {
            let (tracks, towers) = (list(expected, "tracks"), list(expected, "towers"));
            assert_eq!(event.number, expected["event"].as_i64().unwrap());
            assert_eq!(event.elements(Layout::Delphes), tracks.len() + towers.len());
            let mut rows = event.rows(Layout::Delphes);
            for track in tracks {
                let row = rows.next().unwrap();
                let wanted = [2.0, number(&track["pt"]), number(&track["eta"]), number(&track["phi"]).sin()];
                for (index, wanted) in wanted.into_iter().enumerate() {
                    assert!((row.at(index) - wanted).abs() < 1e-6 * wanted.abs().max(1.0), "{name}: {index}: {wanted}");
                }
                assert!((row.at(6) - number(&track["outer"][0])).abs() < 1e-6);
                assert_eq!(row.at(9), number(&track["charge"]));
                let pid =
                    list(expected, "particles")[track["particle"].as_u64().unwrap() as usize]["pid"].as_i64().unwrap();
                assert_eq!([row.at(10), row.at(11)], [13, 11].map(|p| f64::from(u8::from(pid.abs() == p))));
                compared += 1;
            }
            for tower in towers {
                let row = rows.next().unwrap();
                for (index, key) in [(1, "et"), (2, "eta"), (5, "e"), (6, "em"), (7, "had")] {
                    assert!((row.at(index) - number(&tower[key])).abs() < 1e-6, "{name}: {key}");
                }
                compared += 1;
            }
            let links = tracks.len() + towers.iter().map(|tower| list(tower, "particles").len()).sum::<usize>();
            assert_eq!(event.links.len(), links);
            for (track, link) in tracks.iter().zip(&event.links) {
                let particle = &list(expected, "particles")[track["particle"].as_u64().unwrap() as usize];
                let found = event.simulated[link.particle as usize];
                assert_eq!(i64::from(found.pdg), particle["pid"].as_i64().unwrap());
                assert_eq!(f64::from(found.px), number(&particle["p"][0]));
            }
            assert_eq!(event.candidates.len(), if candidates { tracks.len() + towers.len() } else { 0 });
        }
        assert!(compared > 40, "{name}: {compared}");
    }
}

#[test]
fn targets_and_candidates() {
    let (mut events, _) = read("delphes.root", &Collections::default()).unwrap();
    let mut seen = std::collections::BTreeMap::new();
    for event in &mut events {
        assign_event("file", event, Layout::Delphes, Rules::Auto, &Thresholds::default()).unwrap();
        assert_eq!(event.targets.len(), event.elements(Layout::Delphes));
        for (target, row) in event.targets.iter().zip(event.rows(Layout::Delphes)) {
            *seen.entry((row.kind(), target.particle.pdg)).or_insert(0) += 1;
        }
        for (row, candidate) in event.rows(Layout::Delphes).zip(&event.candidates) {
            if row.kind() == 2 {
                assert!((f64::from(candidate.pt) / row.pt() - 1.0).abs() < 1e-6);
            } else if candidate.is_present() {
                assert!(
                    f64::from(candidate.eta) - row.eta() < 1e-5
                        && f64::from(candidate.energy) <= row.energy() * 1.000_01
                );
            }
        }
    }
    for both in [(2, 211), (1, 22), (1, 130), (1, 0)] {
        assert!(seen.contains_key(&both), "{both:?} of {seen:?}");
    }
}

#[test]
fn what_is_missing_is_named() {
    let none = Collections::default();
    let text = |wanted: &Collections| read("delphes.root", wanted).err().unwrap().to_string();
    let other = Collections { tracks: "Trax".into(), ..none.clone() };
    assert!(text(&other).contains("Trax") && text(&other).contains("missing"), "{}", text(&other));
    // towers where references lead to one particle, not to many
    let other = Collections { clusters: vec!["Track".into()], ..none.clone() };
    assert!(text(&other).contains("Track.ET"), "{}", text(&other));
    // numbers of other objects
    let other = Collections { particles: "Tower".into(), ..none };
    assert!(text(&other).contains("Tower.PID"), "{}", text(&other));
}
