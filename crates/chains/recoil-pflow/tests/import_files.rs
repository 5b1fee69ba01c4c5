//! Foreign files: real ones where RECOIL_REALDATA names their folder, and a CMS ntuple made here.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use recoil_pflow::baseline::puppi::{PuppiRules, of_candidates};
use recoil_pflow::baseline::view::Geometry;
use recoil_pflow::data::columns::Parts;
use recoil_pflow::data::{Event, EventReader, Layout};
use recoil_pflow::import::branches::Branches;
use recoil_pflow::import::cms::CmsNtuple;
use recoil_pflow::import::edm4hep::{Collections, Edm4hep};
use recoil_pflow::import::nanoaod::Nanoaod;
use recoil_pflow::import::{Elements, Source};
use recoil_pflow::truth::event::{Rules, assign_event};
use recoil_pflow::truth::visible::Thresholds;
use recoil_table::ReadOptions;

/// A real file, or nothing.
fn real(name: &str) -> Option<String> {
    let folder = std::env::var("RECOIL_REALDATA").ok();
    let path = folder.map(|folder| format!("{folder}/mlpf/{name}")).filter(|path| std::path::Path::new(path).exists());
    if path.is_none() {
        println!("SKIPPED: RECOIL_REALDATA does not name a folder with mlpf/{name}");
    }
    path
}

fn all(mut source: impl Source) -> Vec<Event> {
    let mut events = Vec::new();
    while let Some(mut more) = source.next_events().unwrap() {
        events.append(&mut more);
    }
    events
}

fn edm4hep(path: &str) -> Vec<Event> {
    let address = format!("{path}:events");
    let branches = Branches::of(&address).unwrap();
    assert!(Edm4hep::fits(&branches));
    all(Edm4hep::open(&address, &branches, &Collections::default(), Elements::Objects).unwrap())
}

fn column(path: &str, name: &str) -> Vec<f64> {
    let mut reader = recoil_table::open(path, &ReadOptions::default().columns([name])).unwrap();
    reader.read_all().unwrap().scalar_as::<f64>(name).unwrap().to_vec()
}

#[test]
fn edm4hep_with_the_old_names_of_relations() {
    let (Some(path), Some(derived)) = (real("test_FCC_Winter2023.root"), real("fcc_winter2023_elements.parquet"))
    else {
        return;
    };
    let events = edm4hep(&path);
    assert_eq!(events.len(), 100);
    let rows: Vec<_> = events.iter().flat_map(|event| event.rows(Layout::Clic)).collect();
    let (kind, pt, eta, energy) =
        (column(&derived, "elem_type"), column(&derived, "pt"), column(&derived, "eta"), column(&derived, "e"));
    let (omega, is_ecal, candidate) =
        (column(&derived, "omega"), column(&derived, "ecal"), column(&derived, "cand_px"));
    assert_eq!(rows.len(), kind.len());
    let candidates: Vec<_> = events.iter().flat_map(|event| event.candidates.clone()).collect();
    let mut wrong = 0;
    for (index, row) in rows.iter().enumerate() {
        let near = |a: f64, b: f64| (a - b).abs() <= 1e-5 * b.abs().max(1e-3);
        let is_track = kind[index] == 1.0;
        let mut same = f64::from(row.kind()) == kind[index] && near(row.energy(), energy[index]);
        same &= near(candidates[index].momentum().px, candidate[index]);
        if is_track {
            same &= near(row.pt(), pt[index]) && near(row.eta(), eta[index]) && near(row.at(13), omega[index]);
        } else {
            same &= (row.at(10) > 0.0) == (is_ecal[index] == 1.0);
        }
        wrong += usize::from(!same);
    }
    assert_eq!(wrong, 0, "{wrong} of {} elements differ", rows.len());

    // the truth of the same people
    let (target_pdg, target_px) = (column(&derived, "target_pid"), column(&derived, "target_px"));
    let mut targets = Vec::new();
    for mut event in events {
        let assignment = assign_event(&path, &mut event, Layout::Clic, Rules::Edm4hep, &Thresholds::default()).unwrap();
        assert!(assignment.is_balanced(), "event {}: {}", event.number, assignment.imbalance());
        targets.extend(event.targets);
    }
    let same = targets.iter().zip(&target_pdg).filter(|(t, pdg)| f64::from(t.particle.pdg) == **pdg).count();
    let near = targets
        .iter()
        .zip(&target_px)
        .filter(|(t, px)| (t.particle.momentum().px - **px).abs() < 1e-3 * px.abs().max(1.0))
        .count();
    println!("{same} of {} classes and {near} momenta are those of the derived table", targets.len());
    assert!(same as f64 > 0.98 * targets.len() as f64, "{same} of {}", targets.len());
    assert!(near as f64 > 0.95 * targets.len() as f64, "{near} of {}", targets.len());
}

#[test]
fn edm4hep_with_the_new_names_of_relations() {
    let Some(path) = real("p8_ee_WW_ecm240_edm4hep.root") else { return };
    let events = edm4hep(&path);
    assert_eq!(events.len(), 10);
    for event in &events {
        let rows: Vec<_> = event.rows(Layout::Clic).collect();
        assert!(!rows.is_empty() && !event.links.is_empty() && !event.simulated.is_empty());
        // the direction of a track is that of its candidate
        for (row, candidate) in rows.iter().zip(&event.candidates).filter(|(row, _)| row.kind() == 1) {
            assert!((row.eta() - f64::from(candidate.eta)).abs() < 0.05, "{} for {}", row.eta(), candidate.eta);
        }
    }
}

#[test]
fn older_podio_is_read_too() {
    let Some(path) = real("test_FCC_Spring2021.root") else { return };
    let address = format!("{path}:events");
    let branches = Branches::of(&address).unwrap();
    let wanted = Collections { field_tesla: 2.0, ..Collections::default() };
    assert_eq!(all(Edm4hep::open(&address, &branches, &wanted, Elements::Objects).unwrap()).len(), 100);
    // the file does not tell the field
    let error = Edm4hep::open(&address, &branches, &Collections::default(), Elements::Objects)
        .map(|_| ())
        .unwrap_err()
        .to_string();
    assert!(error.contains("field_tesla"), "{error}");
}

#[test]
fn a_collection_that_is_missing_is_named() {
    let Some(path) = real("test_FCC_Winter2023.root") else { return };
    let address = format!("{path}:events");
    let branches = Branches::of(&address).unwrap();
    let wanted = Collections { tracks: "SiTracks".into(), ..Collections::default() };
    let error = Edm4hep::open(&address, &branches, &wanted, Elements::Objects).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("SiTracks") && error.contains("tracks"), "{error}");
}

#[test]
fn nanoaod_with_candidates() {
    let (Some(path), Some(derived)) = (real("pfnano.root"), real("pfnano_pfcands.parquet")) else { return };
    let address = format!("{path}:Events");
    let branches = Branches::of(&address).unwrap();
    let events = all(Nanoaod::open(&address, &branches).unwrap());
    assert_eq!(events.len(), 10);
    let (pt, weight) = (column(&derived, "pt"), column(&derived, "puppiWeight"));
    let found: Vec<f32> = events.iter().flat_map(|event| event.candidates.iter().map(|c| c.pt)).collect();
    let weights: Vec<f32> = events.iter().flat_map(|event| event.puppi.clone()).collect();
    assert_eq!((found.len(), weights.len()), (pt.len(), weight.len()));
    let wrong = (0..pt.len())
        .filter(|i| (f64::from(found[*i]) - pt[*i]).abs() > 1e-4 * pt[*i] || f64::from(weights[*i]) != weight[*i])
        .count();
    assert_eq!(wrong, 0, "{wrong} of {} candidates differ", pt.len());
    let generated: usize = events.iter().map(|event| event.generated.len()).sum();
    assert_eq!(generated, 4528);
}

/// A ntuple with one event: a track and a cluster of a pion, and what the reconstruction made of it.
fn ntuple(folder: &std::path::Path, break_link: bool) -> String {
    use arrow_array::{ArrayRef, Float32Array, Int32Array, ListArray, RecordBatch};
    use arrow_buffer::OffsetBuffer;
    use arrow_schema::{DataType, Field, Schema};
    use std::sync::Arc;
    let floats = |values: &[f32]| -> ArrayRef { Arc::new(Float32Array::from(values.to_vec())) };
    let ints = |values: &[i32]| -> ArrayRef { Arc::new(Int32Array::from(values.to_vec())) };
    let last = if break_link { 7 } else { 1 };
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("element_type", ints(&[1, 5])),
        ("element_pt", floats(&[10.0, 9.0])),
        ("element_eta", floats(&[0.5, 0.52])),
        ("element_phi", floats(&[1.0, f32::NAN])),
        ("element_energy", floats(&[11.3, 10.2])),
        ("element_charge", ints(&[1, 0])),
        ("element_layer", ints(&[0, 3])),
        ("pfcandidate_pt", floats(&[10.1])),
        ("pfcandidate_eta", floats(&[0.5])),
        ("pfcandidate_phi", floats(&[1.0])),
        ("pfcandidate_energy", floats(&[11.4])),
        ("pfcandidate_pdgid", ints(&[211])),
        ("element_to_candidate.first", ints(&[1, 0])),
        ("element_to_candidate.second", ints(&[0, 0])),
        ("trackingparticle_pt", floats(&[10.2])),
        ("trackingparticle_eta", floats(&[0.5])),
        ("trackingparticle_phi", floats(&[1.0])),
        ("trackingparticle_energy", floats(&[11.5])),
        ("trackingparticle_pid", ints(&[211])),
        ("trackingparticle_charge", ints(&[1])),
        ("trackingparticle_ev", ints(&[0])),
        ("trackingparticle_to_element.first", ints(&[0])),
        ("trackingparticle_to_element.second", ints(&[0])),
        ("trackingparticle_to_element_cmp", floats(&[0.9])),
        ("caloparticle_pt", floats(&[10.2])),
        ("caloparticle_eta", floats(&[0.5])),
        ("caloparticle_phi", floats(&[1.0])),
        ("caloparticle_energy", floats(&[11.5])),
        ("caloparticle_pid", ints(&[211])),
        ("caloparticle_charge", ints(&[1])),
        ("caloparticle_ev", floats(&[0.0])),
        ("caloparticle_idx_trackingparticle", ints(&[0])),
        ("caloparticle_to_element.first", ints(&[0])),
        ("caloparticle_to_element.second", ints(&[last])),
        ("caloparticle_to_element_cmp", floats(&[8.0])),
    ];
    let list = |values: ArrayRef| -> ArrayRef {
        let item = Arc::new(Field::new("item", values.data_type().clone(), false));
        Arc::new(ListArray::new(item, OffsetBuffer::from_lengths([values.len()]), values, None))
    };
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, values)| {
            let kind: DataType = recoil_table::list_of(values.data_type().clone());
            Field::new(*name, kind, false)
        })
        .collect();
    let schema = Arc::new(Schema::new(fields));
    let arrays = columns.into_iter().map(|(_, values)| list(values)).collect();
    let path = folder.join(if break_link { "broken.parquet" } else { "ntuple.parquet" });
    let address = recoil_table::Address::of_path(&path).unwrap();
    let mut writer = recoil_table::create(&address, &schema).unwrap();
    writer.write(&RecordBatch::try_new(schema, arrays).unwrap()).unwrap();
    writer.finish(None).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_cms_ntuple_with_its_truth() {
    let folder = tempfile::tempdir().unwrap();
    let address = ntuple(folder.path(), false);
    let branches = Branches::of(&address).unwrap();
    assert!(CmsNtuple::fits(&branches));
    let mut source = CmsNtuple::open(&address, &branches).unwrap();
    let mut event = source.next_events().unwrap().unwrap().remove(0);
    assert_eq!(source.mended(), 1);
    assert_eq!(event.elements(Layout::Cms), 2);
    // the candidate of a charged hadron goes to the track
    assert_eq!(event.candidates.iter().map(|c| c.pdg).collect::<Vec<_>>(), [211, 0]);
    assert_eq!(event.links.len(), 2);
    assign_event("ntuple", &mut event, Layout::Cms, Rules::Auto, &Thresholds::default()).unwrap();
    let track = &event.targets[0];
    assert_eq!((track.particle.pdg, track.particle.charge, track.number), (211, 1.0, 1.0));
    assert!((track.to_track - 0.9 * 11.3).abs() < 1e-4 && (track.to_cluster - 8.0).abs() < 1e-5);
    assert_eq!(event.targets[1].particle.pdg, 0);
}

#[test]
fn a_link_that_leads_nowhere_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let address = ntuple(folder.path(), true);
    let mut source = CmsNtuple::open(&address, &Branches::of(&address).unwrap()).unwrap();
    let error = source.next_events().map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("broken.parquet") && error.contains("element 7 of 2"), "{error}");
}

#[test]
fn numbers_that_are_not_finite_are_refused_in_tables() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.parquet");
    let mut writer =
        recoil_pflow::data::EventWriter::create(&path, Layout::Clic, Parts { targets: true, ..Parts::default() })
            .unwrap();
    let mut event = Event { features: vec![1.0; 34], ..Event::default() };
    event.features[5] = f32::NAN;
    writer.write(&[event, Event::default()]).unwrap();
    writer.finish("{}").unwrap();
    let mut reader = EventReader::open(path.to_str().unwrap(), Parts::default()).unwrap();
    let error = reader.next_events().map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("events.parquet") && error.contains("elem_energy") && error.contains("row 0"), "{error}");
}

/// Weights against pile-up of the experiment, against those made here of the same candidates.
#[test]
fn puppi_weights_are_close_to_those_of_the_experiment() {
    let Some(path) = real("pfnano.root") else { return };
    let address = format!("{path}:Events");
    let events = all(Nanoaod::open(&address, &Branches::of(&address).unwrap()).unwrap());
    let (mut same, mut charged) = (0usize, 0usize);
    let (mut ours, mut theirs, mut forward) = (Vec::new(), Vec::new(), (Vec::new(), Vec::new()));
    let mut sums = [0.0f64; 2];
    for event in &events {
        let weights = of_candidates(event, Layout::Cms, &Geometry::default(), &PuppiRules::default());
        for ((candidate, weight), expected) in event.candidates.iter().zip(&weights).zip(&event.puppi) {
            sums[0] += f64::from(candidate.pt * weight);
            sums[1] += f64::from(candidate.pt * expected);
            if candidate.charge != 0.0 {
                charged += 1;
                same += usize::from((weight - expected).abs() < 0.5);
            } else if candidate.eta.abs() < 2.5 {
                ours.push(f64::from(*weight));
                theirs.push(f64::from(*expected));
            } else {
                forward.0.push(f64::from(*weight));
                forward.1.push(f64::from(*expected));
            }
        }
    }
    let mean = |list: &[f64]| list.iter().sum::<f64>() / list.len() as f64;
    let (a, b) = (mean(&ours), mean(&theirs));
    let covariance = |x: &[f64], y: &[f64]| {
        let (mx, my) = (mean(x), mean(y));
        x.iter().zip(y).map(|(x, y)| (x - mx) * (y - my)).sum::<f64>() / x.len() as f64
    };
    let correlation = |x: &[f64], y: &[f64]| covariance(x, y) / (covariance(x, x) * covariance(y, y)).sqrt();
    let (correlation, beyond) = (correlation(&ours, &theirs), correlation(&forward.0, &forward.1));
    let share = same as f64 / charged as f64;
    println!(
        "charged: {share:.4} of {charged} agree; central neutral: means {a:.3} {b:.3}, correlation {correlation:.3}, forward {beyond:.3}"
    );
    println!("sum of weighted pt: {:.1} for {:.1} GeV", sums[0], sums[1]);
    assert!(share > 0.95, "{share}");
    assert!(correlation > 0.94 && beyond > 0.7, "{correlation} {beyond}");
    assert!((sums[0] / sums[1] - 1.0).abs() < 0.02, "{sums:?}");
}
