//! EDM4hep of a full simulation: hits, their links, and what becomes of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod tables;

use recoil_pflow::data::{Event, Layout};
use recoil_pflow::import::branches::Branches;
use recoil_pflow::import::edm4hep::{Collections, Edm4hep};
use recoil_pflow::import::{Elements, Source};
use recoil_pflow::truth::event::{Rules, assign_event};
use recoil_pflow::truth::visible::Thresholds;

type Columns = Vec<(String, Vec<f64>)>;

/// A charged pion with a shower particle, a photon that shares a hit with it, and a photon that nobody sees.
fn columns() -> Columns {
    let mut columns: Columns = Vec::new();
    let mut add = |collection: &str, members: &[(&str, &[f64])]| {
        for (member, values) in members {
            columns.push((format!("{collection}.{member}"), values.to_vec()));
        }
    };
    add(
        "MCParticles",
        &[
            ("PDG", &[211.0, 22.0, 11.0, 22.0]),
            ("generatorStatus", &[1.0, 1.0, 0.0, 1.0]),
            ("simulatorStatus", &[0.0; 4]),
            ("charge", &[1.0, 0.0, -1.0, 0.0]),
            ("mass", &[0.13957, 0.0, 0.0, 0.0]),
            ("momentum.x", &[10.0, 0.0, 1.0, -3.0]),
            ("momentum.y", &[0.0, 5.0, 0.0, 0.0]),
            ("momentum.z", &[1.0, 0.0, 0.0, 0.0]),
            ("daughters_begin", &[0.0, 1.0, 1.0, 1.0]),
            ("daughters_end", &[1.0, 1.0, 1.0, 1.0]),
        ],
    );
    add("_MCParticles_daughters", &[("index", &[2.0]), ("collectionID", &[1.0])]);
    add(
        "SiTracks_Refitted",
        &[("chi2", &[12.0]), ("ndf", &[9.0]), ("trackStates_begin", &[0.0]), ("trackStates_end", &[2.0])],
    );
    add(
        "_SiTracks_Refitted_trackStates",
        &[
            ("D0", &[0.01, 0.0]),
            ("phi", &[0.02, 0.1]),
            ("omega", &[1.2e-4, 1.2e-4]),
            ("Z0", &[0.3, 0.3]),
            ("tanLambda", &[0.1, 0.1]),
            ("time", &[0.0, 0.1]),
            ("location", &[1.0, 2.0]),
            ("referencePoint.x", &[0.0, 30.0]),
            ("referencePoint.y", &[0.0, 40.0]),
        ],
    );
    add("SiTracks_Refitted_dQdx", &[("dQdx.value", &[2.5]), ("dQdx.error", &[0.5])]);
    add(
        "PandoraClusters",
        &[
            ("energy", &[7.5, 3.5]),
            ("position.x", &[1600.0, 0.0]),
            ("position.y", &[0.0, 1500.0]),
            ("position.z", &[160.0, 0.0]),
            ("hits_begin", &[0.0, 2.0]),
            ("hits_end", &[2.0, 3.0]),
            ("iTheta", &[1.47, std::f64::consts::FRAC_PI_2]),
            ("phi", &[0.0, std::f64::consts::FRAC_PI_2]),
        ],
    );
    add("_PandoraClusters_hits", &[("index", &[0.0, 0.0, 1.0]), ("collectionID", &[11.0, 12.0, 11.0])]);
    add(
        "PandoraPFOs",
        &[
            ("PDG", &[211.0, 22.0]),
            ("energy", &[10.2, 3.5]),
            ("momentum.x", &[10.1, 0.0]),
            ("momentum.y", &[0.0, 3.5]),
            ("momentum.z", &[1.0, 0.0]),
            ("charge", &[1.0, 0.0]),
            ("clusters_begin", &[0.0, 1.0]),
            ("clusters_end", &[1.0, 2.0]),
            ("tracks_begin", &[0.0, 1.0]),
            ("tracks_end", &[1.0, 1.0]),
        ],
    );
    add("_PandoraPFOs_clusters", &[("index", &[0.0, 1.0]), ("collectionID", &[14.0, 14.0])]);
    add("_PandoraPFOs_tracks", &[("index", &[0.0]), ("collectionID", &[15.0])]);
    add(
        "ECALBarrel",
        &[
            ("energy", &[1.0, 3.0]),
            ("position.x", &[1500.0, 0.0]),
            ("position.y", &[0.0, 1500.0]),
            ("position.z", &[150.0, 0.0]),
            ("time", &[5.0, 5.0]),
            ("type", &[0.0, 0.0]),
        ],
    );
    add(
        "HCALBarrel",
        &[
            ("energy", &[6.0, 0.4]),
            ("position.x", &[1800.0, 1900.0]),
            ("position.y", &[0.0, 0.0]),
            ("position.z", &[180.0, 0.0]),
            ("time", &[6.0, 7.0]),
            ("type", &[1.0, 1.0]),
        ],
    );
    add("CalohitMCTruthLink", &[("weight", &[1.0, 2.0, 1.0, 5.0, 1.0])]);
    add(
        "_CalohitMCTruthLink_from",
        &[("index", &[0.0, 1.0, 1.0, 0.0, 1.0]), ("collectionID", &[11.0, 11.0, 11.0, 12.0, 12.0])],
    );
    add("_CalohitMCTruthLink_to", &[("index", &[2.0, 1.0, 0.0, 0.0, 0.0]), ("collectionID", &[1.0; 5])]);
    add("SiTracksMCTruthLink", &[("weight", &[0.95])]);
    add("_SiTracksMCTruthLink_from", &[("index", &[0.0]), ("collectionID", &[15.0])]);
    add("_SiTracksMCTruthLink_to", &[("index", &[0.0]), ("collectionID", &[1.0])]);
    add(
        "VXDTrackerHits",
        &[
            ("eDep", &[1e-4, 2e-4]),
            ("position.x", &[31.0, 33.0]),
            ("position.y", &[0.0, 1.0]),
            ("position.z", &[3.0, 3.0]),
            ("time", &[0.1, 0.1]),
            ("type", &[0.0, 0.0]),
        ],
    );
    add("VXDTrackerHitRelations", &[("weight", &[1.0])]);
    add("_VXDTrackerHitRelations_from", &[("index", &[0.0]), ("collectionID", &[20.0])]);
    add("_VXDTrackerHitRelations_to", &[("index", &[0.0]), ("collectionID", &[21.0])]);
    add("VertexBarrelCollection", &[("eDep", &[1e-4])]);
    add("_VertexBarrelCollection_particle", &[("index", &[0.0]), ("collectionID", &[1.0])]);
    columns
}

fn wanted() -> Collections {
    let numbers = [("ECALBarrel", 11), ("HCALBarrel", 12), ("PandoraClusters", 14)];
    Collections {
        numbers: numbers.into_iter().map(|(name, number)| (name.to_owned(), number)).collect(),
        field_tesla: 4.0,
        ..Collections::default()
    }
}

fn event(columns: Columns, elements: Elements) -> recoil_pflow::Result<Event> {
    let folder = tempfile::tempdir().unwrap();
    let columns: Vec<_> = columns.into_iter().map(|(name, values)| (name, vec![values])).collect();
    let address = tables::write(&folder.path().join("clic.parquet"), &columns);
    let branches = Branches::of(&address)?;
    assert!(Edm4hep::fits(&branches));
    let mut source = Edm4hep::open(&address, &branches, &wanted(), elements)?;
    Ok(source.next_events()?.unwrap().remove(0))
}

fn message(columns: Columns, elements: Elements) -> String {
    event(columns, elements).unwrap_err().to_string()
}

fn change(columns: &mut Columns, name: &str, values: &[f64]) {
    let column = columns.iter_mut().find(|(known, _)| known == name).unwrap();
    column.1 = values.to_vec();
}

#[test]
fn tracks_and_clusters_with_their_hits() {
    let mut event = event(columns(), Elements::Objects).unwrap();
    assert_eq!(event.elements(Layout::Clic), 3);
    let near = |a: f32, b: f64| assert!((f64::from(a) - b).abs() < 1e-5 * b.abs().max(1.0), "{a} for {b}");
    let track = &event.features[..17];
    near(track[1], 3e-4 * 4.0 / 1.2e-4);
    // energy loss of the collection, innermost hit of the state there
    assert_eq!((track[8], track[9], track[10]), (2.5, 0.5, 50.0));
    let cluster = &event.features[17..34];
    assert_eq!(
        (cluster[0], cluster[5], cluster[10], cluster[11], cluster[12], cluster[13]),
        (2.0, 7.5, 1.0, 6.0, 0.0, 2.0)
    );
    near(cluster[1], 7.5 * 1.47f64.sin());
    // 1 GeV at 1500 mm and 6 GeV at 1800 mm
    near(cluster[14], 300.0 * (6.0f64 / 49.0).sqrt());
    let mut links: Vec<(i32, i32, f32)> = event.links.iter().map(|l| (l.particle, l.element, l.weight)).collect();
    links.sort_by_key(|l| (l.1, l.0));
    assert_eq!(links, [(0, 0, 0.95), (0, 1, 6.0), (2, 1, 1.0), (0, 2, 1.0), (1, 2, 2.0)]);
    let in_hits: Vec<f32> = event.simulated.iter().map(|s| s.hit_energy).collect();
    assert_eq!(in_hits, [7.4, 2.0, 1.0, 0.0]);
    assert_eq!(event.candidates.iter().map(|c| c.pdg).collect::<Vec<_>>(), [211, 0, 22]);

    let assignment = assign_event("clic", &mut event, Layout::Clic, Rules::Auto, &Thresholds::default()).unwrap();
    assert!(assignment.is_balanced());
    assert_eq!(event.targets.iter().map(|t| t.particle.pdg).collect::<Vec<_>>(), [211, 0, 22]);
    assert_eq!(event.targets.iter().map(|t| t.number).collect::<Vec<_>>(), [1.0, 1.0, 2.0]);
    near(event.targets[0].to_cluster, 8.0);
}

#[test]
fn hits_as_elements() {
    let mut event = event(columns(), Elements::Hits).unwrap();
    assert_eq!(event.elements(Layout::Hits), 6);
    let detectors: Vec<f32> = event.features.chunks(12).map(|hit| hit[10]).collect();
    assert_eq!(detectors, [0.0, 0.0, 1.0, 1.0, 3.0, 3.0]);
    assert_eq!(event.features.chunks(12).map(|hit| hit[0]).collect::<Vec<_>>(), [2.0, 2.0, 2.0, 2.0, 1.0, 1.0]);
    assign_event("clic", &mut event, Layout::Hits, Rules::Auto, &Thresholds::default()).unwrap();
    // the pion keeps class and charge on its strongest hit, the photon on the hit that they share
    let found: Vec<(i32, f32)> = event.targets.iter().map(|t| (t.particle.pdg, t.particle.charge)).collect();
    assert_eq!(found, [(0, 0.0), (22, 0.0), (211, 1.0), (0, 0.0), (0, 0.0), (0, 0.0)]);
    assert_eq!(event.targets.iter().map(|t| t.number).collect::<Vec<_>>(), [1.0, 2.0, 1.0, 1.0, 1.0, 0.0]);
}

#[test]
fn what_leads_nowhere_is_named() {
    let mut broken = columns();
    change(&mut broken, "_CalohitMCTruthLink_to.index", &[2.0, 1.0, 9.0, 0.0, 0.0]);
    let text = message(broken, Elements::Objects);
    assert!(text.contains("clic.parquet") && text.contains("event 0") && text.contains("particle 9"), "{text}");

    let mut broken = columns();
    change(&mut broken, "_CalohitMCTruthLink_from.collectionID", &[11.0, 11.0, 99.0, 12.0, 12.0]);
    let text = message(broken, Elements::Objects);
    assert!(text.contains("collection 99"), "{text}");

    let mut broken = columns();
    change(&mut broken, "_PandoraClusters_hits.index", &[0.0, 0.0, 7.0]);
    let text = message(broken, Elements::Objects);
    assert!(text.contains("PandoraClusters 1 has a hit of collection 11"), "{text}");

    let mut broken = columns();
    change(&mut broken, "_SiTracksMCTruthLink_from.index", &[3.0]);
    let text = message(broken, Elements::Objects);
    assert!(text.contains("track 3"), "{text}");

    let mut broken = columns();
    change(&mut broken, "PandoraClusters.iTheta", &[1.0]);
    let text = message(broken, Elements::Objects);
    assert!(text.contains("PandoraClusters differ in length"), "{text}");

    let mut broken = columns();
    change(&mut broken, "_VXDTrackerHitRelations_to.index", &[5.0]);
    let text = message(broken, Elements::Hits);
    assert!(text.contains("VXDTrackerHits") && text.contains("simulated hit 5"), "{text}");
}

#[test]
fn collections_that_are_missing_are_named() {
    for (start, expected) in [
        ("SiTracksMCTruthLink", "SiTracksMCTruthLink"),
        ("PandoraPFOs", "reconstructed particles"),
        ("_PandoraClusters_hits", "relation 'hits' of PandoraClusters"),
        ("_MCParticles_daughters", "relation 'daughters' of MCParticles"),
        ("_SiTracks_Refitted_trackStates", "track states"),
    ] {
        let left = columns().into_iter().filter(|(name, _)| !name.starts_with(start)).collect();
        let text = message(left, Elements::Objects);
        assert!(text.contains(expected) && text.contains("is missing"), "{start}: {text}");
    }
    // without metadata numbers have to be given
    let folder = tempfile::tempdir().unwrap();
    let columns: Vec<_> = columns().into_iter().map(|(name, values)| (name, vec![values])).collect();
    let address = tables::write(&folder.path().join("clic.parquet"), &columns);
    let branches = Branches::of(&address).unwrap();
    let without = Collections { numbers: Default::default(), ..wanted() };
    let error = Edm4hep::open(&address, &branches, &without, Elements::Objects).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("collections.numbers.ECALBarrel"), "{error}");
}

#[test]
fn numbers_that_are_not_finite_become_zero_and_are_counted() {
    let mut broken = columns();
    change(&mut broken, "PandoraClusters.energy", &[f64::NAN, 3.5]);
    change(&mut broken, "SiTracks_Refitted.chi2", &[f64::INFINITY]);
    let folder = tempfile::tempdir().unwrap();
    let rows: Vec<_> = broken.into_iter().map(|(name, values)| (name, vec![values])).collect();
    let address = tables::write(&folder.path().join("clic.parquet"), &rows);
    let branches = Branches::of(&address).unwrap();
    let mut source = Edm4hep::open(&address, &branches, &wanted(), Elements::Objects).unwrap();
    let event = source.next_events().unwrap().unwrap().remove(0);
    // the chi square and the energy; the transverse energy of such a cluster is 0
    assert_eq!(source.mended(), 2);
    assert!(event.features.iter().all(|value| value.is_finite()));
}

#[test]
fn an_event_without_anything_has_no_elements() {
    let rows: Vec<_> = columns().into_iter().map(|(name, _)| (name, vec![Vec::new()])).collect();
    let folder = tempfile::tempdir().unwrap();
    let address = tables::write(&folder.path().join("empty.parquet"), &rows);
    let branches = Branches::of(&address).unwrap();
    for elements in [Elements::Objects, Elements::Hits] {
        let mut source = Edm4hep::open(&address, &branches, &wanted(), elements).unwrap();
        let mut event = source.next_events().unwrap().unwrap().remove(0);
        assert!(event.features.is_empty() && event.links.is_empty());
        assign_event("empty", &mut event, source.layout(), Rules::Auto, &Thresholds::default()).unwrap();
        assert!(event.targets.is_empty());
    }
}
