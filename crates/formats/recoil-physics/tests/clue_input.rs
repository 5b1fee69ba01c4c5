//! Odd and bad input: a typed error or the right answer, never a panic or a huge allocation.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use recoil_physics::Error;
use recoil_physics::clue::{Clue, Clustering, Kernel, Metric, Norm, Points};

fn run(columns: &[&[f32]]) -> Clustering {
    Clue::new(1.0, 2.0).run(&Points::new(columns).unwrap()).unwrap()
}

#[test]
fn no_points_no_clusters() {
    assert_eq!(run(&[&[], &[]]), Clustering::default());
    let points = Points::new(&[&[]]).unwrap();
    assert_eq!(Clue::new(1.0, 1.0).run_batches(&points, &[0]).unwrap(), []);
    assert_eq!(Clue::new(1.0, 1.0).run_batches(&points, &[0, 0, 0]).unwrap().len(), 2);
    assert_eq!(Points::new(&[]).unwrap_err(), Error::NoAxes);
}

#[test]
fn points_are_checked() {
    let message = |columns: &[&[f32]]| Points::new(columns).unwrap_err().to_string();
    assert_eq!(message(&[&[0.0, f32::NAN]]), "coordinate 0, row 1: NaN is not finite");
    assert_eq!(message(&[&[0.0], &[f32::INFINITY]]), "coordinate 1, row 0: inf is not finite");
    assert_eq!(message(&[&[0.0], &[]]), "coordinate 1 has 0 rows, but the first coordinate column has 1");
    let points = || Points::new(&[&[0.0, 1.0]]).unwrap();
    assert!(matches!(points().weights(&[1.0]), Err(Error::Length { .. })));
    assert!(matches!(points().weights(&[1.0, f32::NAN]), Err(Error::Value { row: 1, .. })));
    assert!(matches!(points().density_uncertainty(&[1.0, -1.0]), Err(Error::Value { row: 1, .. })));
    assert!(matches!(points().tags(&[1]), Err(Error::Length { .. })));
    assert!(matches!(points().along(&[1]), Err(Error::NoSuchAxis { axis: 1, axes: 1 })));
    assert!(matches!(points().along(&[]), Err(Error::NoAxes)));
}

#[test]
fn parameters_are_checked() {
    let points = Points::new(&[&[0.0, 1.0]]).unwrap();
    let bad = [
        Clue::new(0.0, 1.0),
        Clue::new(-1.0, 1.0),
        Clue::new(f32::NAN, 1.0),
        Clue::new(f32::INFINITY, 1.0),
        Clue::new(1e30, 1.0),
        Clue::new(1e-30, 1.0),
        Clue::new(1.0, -1.0),
        Clue::new(1.0, f32::NAN),
        Clue::new(1.0, 1.0).outlier_distance(0.0),
        Clue::new(1.0, 1.0).seeding_distance(-0.0),
        Clue::new(1.0, 1.0).kernel(Kernel::Flat { value: 0.0 }),
        Clue::new(1.0, 1.0).kernel(Kernel::Gaussian { mean: 0.0, sigma: 0.0, amplitude: 1.0 }),
        Clue::new(1.0, 1.0).kernel(Kernel::Gaussian { mean: f32::NAN, sigma: 1.0, amplitude: 1.0 }),
        Clue::new(1.0, 1.0).kernel(Kernel::Exponential { slope: 1.0, amplitude: f32::INFINITY }),
        Clue::new(1.0, 1.0).metric(Metric::default().weights(&[0.0])),
        Clue::new(1.0, 1.0).metric(Metric::default().periods(&[-1.0])),
        Clue::new(1.0, 1.0).metric(Metric::default().weights(&[1.0, 1.0])),
    ];
    for clue in bad {
        let error = clue.run(&points).unwrap_err();
        assert!(matches!(error, Error::Parameter { .. } | Error::Axes { .. }), "{clue:?}: {error}");
        assert_eq!(clue.run_batches(&points, &[0, 2]).unwrap_err().to_string(), error.to_string());
    }
    let offsets = |offsets: &[usize]| Clue::new(1.0, 1.0).run_batches(&points, offsets);
    for wrong in [&[][..], &[0], &[0, 1], &[1, 2], &[0, 3], &[0, 2, 1, 2], &[0, usize::MAX]] {
        assert!(matches!(offsets(wrong), Err(Error::Offsets { .. })), "{wrong:?}");
    }
}

#[test]
fn coinciding_points_are_one_cluster() {
    let same = vec![3.25_f32; 20_000];
    let found = run(&[&same, &same, &same]);
    assert_eq!(found.clusters, 1);
    assert!(found.cluster.iter().all(|&cluster| cluster == 0));
    assert!(found.density.iter().all(|&density| density == 10_000.5));
    assert!(found.is_seed[19_999]);
}

#[test]
fn any_spread_is_fine() {
    let x = [f32::MAX, f32::MIN, 0.0, 1e-45, -1e-45, f32::MAX, 1e30, 0.5];
    let found = run(&[&x, &x]);
    assert_eq!(found.density, [1.5, 1.0, 2.5, 2.5, 2.5, 1.5, 1.0, 2.5]);
    assert_eq!(found.cluster, [-1, -1, 0, 0, 0, -1, -1, 0]);
    for norm in [Norm::Euclidean, Norm::Manhattan, Norm::Chebyshev] {
        let metric = Metric::new(norm).weights(&[1.0, 2.0]).periods(&[0.0, 7.0]);
        let found = Clue::new(1.0, 2.0).metric(metric).run(&Points::new(&[&x, &x]).unwrap()).unwrap();
        assert_eq!(found.cluster.len(), 8);
    }
    let many: Vec<f32> = (0..50_000).map(|i| (i % 100) as f32 * if i % 3 == 0 { -1e15 } else { 1e15 }).collect();
    let clusters = |dc| Clue::new(dc, 2.0).run(&Points::new(&[&many]).unwrap()).unwrap().clusters;
    assert_eq!(clusters(1e18), 1);
    assert_eq!(clusters(1e-18), 199);
}

#[test]
fn axes_that_wrap() {
    use std::f32::consts::{PI, TAU};
    // one group across the seam at pi, one away from it
    let phi = [PI - 0.1, -PI + 0.1, PI - 0.05, 0.0, 0.1, 0.2];
    let open = Clue::new(0.3, 1.5).run(&Points::new(&[&phi]).unwrap()).unwrap();
    let metric = Metric::default().periods(&[TAU]);
    let wrapped = Clue::new(0.3, 1.5).metric(metric.clone()).run(&Points::new(&[&phi]).unwrap()).unwrap();
    assert_eq!(open.cluster[..3], [0, -1, 0]);
    assert_eq!(wrapped.cluster, [0, 0, 0, 1, 1, 1]);
    // further turns change nothing
    let turned: Vec<f32> = phi.iter().enumerate().map(|(i, phi)| phi + TAU * (i % 3) as f32).collect();
    let turned = Clue::new(0.3, 1.5).metric(metric).run(&Points::new(&[&turned]).unwrap()).unwrap();
    assert_eq!(turned.cluster, wrapped.cluster);
}

#[test]
fn some_of_the_axes() {
    let (x, y, z) = ([0.0, 0.5, 9.0], [1.0, 50.0, 100.0], [7.0, 7.5, 7.0]);
    let all = Points::new(&[&x, &y, &z]).unwrap();
    let picked = Clue::new(1.0, 1.0).run(&all.clone().along(&[0, 2]).unwrap()).unwrap();
    assert_eq!(picked, Clue::new(1.0, 1.0).run(&Points::new(&[&x, &z]).unwrap()).unwrap());
    assert_eq!(picked.cluster, [0, 0, 1]);
}

#[test]
fn centroids_are_weighted() {
    let (x, y) = ([0.0, 1.0, 100.0, 50.0], [0.0, 0.0, 7.0, 0.0]);
    let points = Points::new(&[&x, &y]).unwrap().weights(&[3.0, 1.0, 4.0, 0.5]).unwrap();
    let summary = Clue::new(1.0, 2.0).run(&points).unwrap().summary(&points).unwrap();
    assert_eq!(summary.seed, [0, 2]);
    assert_eq!(summary.size, [2, 1]);
    assert_eq!(summary.weight, [4.0, 4.0]);
    assert_eq!(summary.centroid, [[0.25, 100.0], [0.0, 7.0]]);
    assert_eq!(summary.outliers, 1);
    let other = Points::new(&[&x[..2]]).unwrap();
    assert!(Clue::new(1.0, 2.0).run(&points).unwrap().summary(&other).is_err());
}
