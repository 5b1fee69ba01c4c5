//! Parquet with a matrix of features per event, in both forms.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float32Array, ListArray, RecordBatch};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{Field, Schema};
use recoil_pflow::data::columns::Parts;
use recoil_pflow::data::{Event, Layout};
use recoil_pflow::import::branches::Branches;
use recoil_pflow::import::matrices::Matrices;
use recoil_pflow::import::{Elements, Source};

/// For each event a list of elements, each a list of numbers.
type Matrix = Vec<Vec<Vec<f32>>>;

fn list(lengths: impl IntoIterator<Item = usize>, values: ArrayRef) -> ArrayRef {
    let item = Arc::new(Field::new("item", values.data_type().clone(), true));
    Arc::new(ListArray::new(item, OffsetBuffer::from_lengths(lengths), values, None))
}

fn write(path: &Path, columns: &[(&str, Matrix)], single_row: bool) -> String {
    let mut arrays: Vec<ArrayRef> = Vec::new();
    for (_, events) in columns {
        let values: ArrayRef = Arc::new(Float32Array::from(events.concat().concat()));
        let elements = list(events.iter().flatten().map(Vec::len), values);
        let rows = list(events.iter().map(Vec::len), elements);
        arrays.push(if single_row { list([events.len()], rows) } else { rows });
    }
    let fields: Vec<Field> = columns
        .iter()
        .zip(&arrays)
        .map(|((name, _), array)| Field::new(*name, array.data_type().clone(), true))
        .collect();
    let schema = Arc::new(Schema::new(fields));
    let mut writer = recoil_table::create(&recoil_table::Address::of_path(path).unwrap(), &schema).unwrap();
    writer.write(&RecordBatch::try_new(schema, arrays).unwrap()).unwrap();
    writer.finish(None).unwrap();
    path.to_str().unwrap().to_owned()
}

fn read(address: &str, elements: Elements) -> recoil_pflow::Result<(Vec<Event>, Layout, Parts, u64)> {
    let branches = Branches::of(address)?;
    assert!(Matrices::fits(&branches));
    let mut source = Matrices::open(address, &branches, elements)?;
    let mut events = Vec::new();
    while let Some(more) = source.next_events()? {
        events.extend(more);
    }
    Ok((events, source.layout(), source.parts(), source.mended()))
}

fn target(pdg: f32, charge: f32, pt: f32, number: f32) -> Vec<f32> {
    vec![pdg, charge, pt, 0.1, 0.0, 1.0, 2.0 * pt, 0.0, 1.0, 0.0, 0.9, 0.5, 2.0, number]
}

/// Two events: a track and a cluster; two clusters.
fn columns() -> Vec<(&'static str, Matrix)> {
    let track: Vec<f32> = (1..=16).map(|i| i as f32).collect();
    let cluster = |scale: f32| -> Vec<f32> { (0..17).map(|i| if i == 0 { 2.0 } else { scale * i as f32 }).collect() };
    vec![
        ("X_track", vec![vec![track], vec![]]),
        ("X_cluster", vec![vec![cluster(1.0)], vec![cluster(2.0), cluster(f32::NAN)]]),
        ("ytarget_track", vec![vec![target(211.0, 1.0, 5.0, 1.0)], vec![]]),
        (
            "ytarget_cluster",
            vec![vec![target(0.0, 0.0, 0.0, 1.0)], vec![target(22.0, 0.0, 3.0, 1.0), target(2112.0, 0.0, 2.0, 2.0)]],
        ),
        ("ycand_track", vec![vec![vec![-211.0, -1.0, 4.0, 0.1, 0.0, 1.0, 8.0]], vec![]]),
        ("ycand_cluster", vec![vec![vec![0.0; 7]], vec![vec![22.0, 0.0, 3.0, 0.1, 0.0, 1.0, 6.0], vec![0.0; 7]]]),
    ]
}

#[test]
fn tracks_and_clusters_in_both_forms() {
    let folder = tempfile::tempdir().unwrap();
    for (name, single_row) in [("rows.parquet", false), ("single.parquet", true)] {
        let address = write(&folder.path().join(name), &columns(), single_row);
        let (events, layout, parts, mended) = read(&address, Elements::Objects).unwrap();
        assert_eq!((events.len(), layout, mended), (2, Layout::Clic, 16), "{name}");
        assert!(parts.targets && parts.candidates);
        assert_eq!(events[0].elements(layout), 2);
        assert_eq!((events[0].features[15], events[0].features[16]), (16.0, 0.0));
        assert_eq!(events[1].number, 1);
        let classes: Vec<i32> = events.iter().flat_map(|e| e.targets.iter().map(|t| t.particle.pdg)).collect();
        assert_eq!(classes, [211, 0, 22, 130]);
        assert_eq!(
            (events[0].targets[0].jet, events[0].targets[0].number, events[1].targets[1].number),
            (2.0, 1.0, 2.0)
        );
        assert_eq!((events[0].candidates[0].pdg, events[0].candidates[0].energy), (211, 8.0));
    }
}

#[test]
fn hits_and_delphes() {
    let folder = tempfile::tempdir().unwrap();
    let hit: Vec<f32> = (0..12).map(|i| if i == 0 { 2.0 } else { i as f32 }).collect();
    let path = folder.path().join("hits.parquet");
    let both = [("X_hit_tracker", vec![vec![hit.clone()]]), ("X_hit_calo", vec![vec![hit.clone(), hit.clone()]])];
    let (events, layout, ..) = read(&write(&path, &both, true), Elements::Hits).unwrap();
    assert_eq!(layout, Layout::Hits);
    // hits of trackers have a type of their own
    assert_eq!(events[0].features.chunks(12).map(|hit| hit[0]).collect::<Vec<_>>(), [1.0, 2.0, 2.0]);
    assert!(events[0].targets.is_empty());

    let path = folder.path().join("delphes.parquet");
    let class = |class: f32| vec![class, 0.0, 5.0, 0.1, 0.0, 1.0, 6.0];
    let columns = [
        ("X", vec![vec![hit.clone(), hit.clone(), hit.clone()]]),
        ("ygen", vec![vec![class(3.0), class(0.0), class(5.0)]]),
        ("ycand", vec![vec![class(2.0), class(1.0), class(4.0)]]),
    ];
    let (events, layout, ..) = read(&write(&path, &columns, false), Elements::Objects).unwrap();
    assert_eq!(layout, Layout::Delphes);
    assert_eq!(events[0].targets.iter().map(|t| t.particle.pdg).collect::<Vec<_>>(), [22, 0, 13]);
    assert_eq!(events[0].candidates.iter().map(|c| c.pdg).collect::<Vec<_>>(), [130, 211, 11]);
}

#[test]
fn matrices_that_do_not_fit_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let fails = |name: &str, columns: &[(&str, Matrix)], elements: Elements| {
        let address = write(&folder.path().join(name), columns, false);
        read(&address, elements).unwrap_err().to_string()
    };
    let element: Vec<f32> = vec![1.0; 17];
    let text = fails(
        "rows.parquet",
        &[
            ("X_track", vec![vec![element.clone()], vec![element.clone()]]),
            ("ytarget_track", vec![vec![target(211.0, 1.0, 5.0, 1.0)], vec![]]),
        ],
        Elements::Objects,
    );
    assert!(
        text.contains("rows.parquet: event 1 (row 1)") && text.contains("ytarget_track has 0 rows for 1"),
        "{text}"
    );
    let text = fails("wide.parquet", &[("X_track", vec![vec![vec![1.0; 18]]])], Elements::Objects);
    assert!(text.contains("18 features where 17"), "{text}");
    let text = fails("narrow.parquet", &[("X_track", vec![vec![vec![1.0; 3]]])], Elements::Objects);
    assert!(text.contains("3 features"), "{text}");
    let text = fails("none.parquet", &[("X_track", vec![vec![element.clone()]])], Elements::Hits);
    assert!(text.contains("X_hit_tracker") && text.contains("no hits"), "{text}");
    let class = vec![vec![vec![9.0, 0.0, 5.0, 0.1, 0.0, 1.0, 6.0]]];
    let text = fails("class.parquet", &[("X", vec![vec![vec![1.0; 12]]]), ("ygen", class)], Elements::Objects);
    assert!(text.contains("class 9 of 6"), "{text}");
}
