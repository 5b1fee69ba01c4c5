//! Labels against those of the published CLUE library, on every set and with several thread counts.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::path::PathBuf;

use arrow_array::types::{ArrowPrimitiveType, Float32Type, Int8Type, Int32Type};
use arrow_array::{RecordBatch, cast::AsArray};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use recoil_physics::clue::{Clue, Clustering, Points};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../testdata/golden/hgcal/clue")
}

struct Set {
    name: String,
    clue: Clue,
    clusters: usize,
    outliers: usize,
    batches: Vec<RecordBatch>,
}

impl Set {
    fn column<T: ArrowPrimitiveType>(&self, name: &str) -> Vec<T::Native> {
        let values = |batch: &RecordBatch| batch.column_by_name(name).unwrap().as_primitive::<T>().values().to_vec();
        self.batches.iter().flat_map(values).collect()
    }

    fn coordinates(&self) -> Vec<Vec<f32>> {
        let names = ["x0", "x1", "x2"].into_iter();
        names
            .filter(|name| self.batches[0].column_by_name(name).is_some())
            .map(|name| self.column::<Float32Type>(name))
            .collect()
    }

    fn run(&self) -> Clustering {
        let columns = self.coordinates();
        let columns: Vec<&[f32]> = columns.iter().map(Vec::as_slice).collect();
        let weights = self.column::<Float32Type>("weight");
        self.clue.run(&Points::new(&columns).unwrap().weights(&weights).unwrap()).unwrap()
    }
}

/// The sets of `index.csv`: file, points, dc, rhoc, outlier and seeding distance, clusters, outliers.
fn sets() -> Vec<Set> {
    let index = std::fs::read_to_string(folder().join("index.csv")).unwrap();
    let set = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        let number = |field: usize| fields[field].parse::<f32>().unwrap();
        let file = std::fs::File::open(folder().join(fields[0])).unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
        Set {
            name: fields[0].into(),
            clue: Clue::new(number(2), number(3)).outlier_distance(number(4)).seeding_distance(number(5)),
            clusters: fields[6].parse().unwrap(),
            outliers: fields[7].parse().unwrap(),
            batches: reader.map(|batch| batch.unwrap()).collect(),
        }
    };
    index.lines().skip(1).map(set).collect()
}

fn differences<T: PartialEq>(found: &[T], expected: &[T]) -> usize {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).filter(|(a, b)| a != b).count()
}

#[test]
fn labels_are_those_of_the_library() {
    let sets = sets();
    assert_eq!(sets.len(), 13);
    let mut wrong = 0;
    for set in &sets {
        let found = set.run();
        let expected_density = set.column::<Float32Type>("rho");
        let far = |(a, b): &(&f32, &f32)| (*a - *b).abs() > 2e-6 * b.abs();
        let density = found.density.iter().zip(&expected_density).filter(far).count();
        let higher = differences(&found.nearest_higher, &set.column::<Int32Type>("nearest_higher"));
        let seeds = found.is_seed.iter().map(|&seed| i8::from(seed)).collect::<Vec<_>>();
        let seeds = differences(&seeds, &set.column::<Int8Type>("is_seed"));
        let labels = differences(&found.cluster, &set.column::<Int32Type>("cluster_id"));
        let exact = differences(&found.density, &expected_density);
        println!(
            "{}: {} points; different: density {density} (in the last bit {exact}), nearest higher {higher}, seeds \
             {seeds}, labels {labels}",
            set.name,
            found.cluster.len()
        );
        wrong += density + higher + seeds + labels;
        wrong += set.clusters.abs_diff(found.clusters);
        wrong += set.outliers.abs_diff(found.cluster.iter().filter(|&&cluster| cluster < 0).count());
    }
    assert_eq!(wrong, 0);
}

#[test]
fn threads_do_not_change_a_bit() {
    for set in sets() {
        let with =
            |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| set.run());
        let one = with(1);
        assert_eq!(one, with(2), "{}", set.name);
        assert_eq!(one, with(3), "{}", set.name);
    }
}
