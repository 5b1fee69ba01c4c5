//! Optimal transport against brute force, its own dual, and a golden table of another program.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use proptest::prelude::*;
use recoil_physics::transport::{EarthMover, Sinkhorn, Transport, sinkhorn};

/// Costs, masses and the certificate of optimality: a feasible dual of the same value.
fn check(transport: &mut Transport, supply: &[f64], demand: &[f64], cost: &[f64]) {
    let total = transport.solve(supply, demand, cost).unwrap();
    let (mut sent, mut got, mut paid) = (vec![0.0; supply.len()], vec![0.0; demand.len()], 0.0);
    for flow in transport.flows() {
        sent[flow.from] += flow.mass;
        got[flow.to] += flow.mass;
        paid += flow.mass * cost[flow.from * demand.len() + flow.to];
    }
    let scale = supply.iter().sum::<f64>().max(1.0) * cost.iter().copied().fold(1.0, f64::max);
    let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * scale;
    assert!(near(total, paid));
    assert!(sent.iter().zip(supply).all(|(a, b)| near(*a, *b)), "{sent:?} {supply:?}");
    assert!(got.iter().zip(demand).all(|(a, b)| near(*a, *b)), "{got:?} {demand:?}");
    let (u, v) = (transport.supply_potentials(), transport.demand_potentials());
    let dual: f64 = supply.iter().zip(u).chain(demand.iter().zip(v)).map(|(mass, potential)| mass * potential).sum();
    assert!(near(dual, total), "dual {dual}, primal {total}");
    for (row, u) in cost.chunks_exact(demand.len()).zip(u) {
        assert!(row.iter().zip(v).all(|(cost, v)| u + v <= cost + 1e-9 * scale));
    }
}

proptest! {
    #[test]
    fn solutions_are_optimal(
        rows in 1usize..20, columns in 1usize..20,
        numbers in proptest::collection::vec(0u32..20, 20 + 20 + 400),
    ) {
        // small whole numbers make many ties and empty places
        let mut supply: Vec<f64> = numbers[..rows].iter().map(|n| f64::from(*n)).collect();
        let mut demand: Vec<f64> = numbers[20..20 + columns].iter().map(|n| f64::from(*n)).collect();
        let (given, wanted): (f64, f64) = (supply.iter().sum(), demand.iter().sum());
        if given < wanted { supply[0] += wanted - given } else { demand[0] += given - wanted }
        let cost: Vec<f64> = numbers[40..40 + rows * columns].iter().map(|n| f64::from(*n)).collect();
        check(&mut Transport::default(), &supply, &demand, &cost);
    }

    #[test]
    fn mass_that_stays_makes_no_difference(
        points in proptest::collection::vec((0.0f64..10.0, 0.0f64..10.0), 12),
        a in proptest::collection::vec(0.0f64..1.0, 12), b in proptest::collection::vec(0.0f64..1.0, 12),
    ) {
        let distances: Vec<f64> = points.iter()
            .flat_map(|p| points.iter().map(move |q| (p.0 - q.0).hypot(p.1 - q.1))).collect();
        let sums: (f64, f64) = (a.iter().sum(), b.iter().sum());
        prop_assume!(sums.0 > 0.1 && sums.1 > 0.1);
        let normal = |v: &[f64], sum: f64| v.iter().map(|x| x / sum).collect::<Vec<f64>>();
        let (x, y) = (normal(&a, sums.0), normal(&b, sums.1));
        let mut emd = EarthMover::new(12, &distances).unwrap();
        let reduced = emd.distance(&a, &b).unwrap();
        let whole = Transport::default().solve(&x, &y, &distances).unwrap();
        prop_assert!((reduced - whole).abs() < 1e-10, "{} {}", reduced, whole);
        // the potentials give the same value and are Lipschitz
        let f = emd.potentials().to_vec();
        let dual: f64 = f.iter().zip(&x).zip(&y).map(|((f, x), y)| f * (x - y)).sum();
        prop_assert!((dual - whole).abs() < 1e-10);
        for (i, p) in f.iter().enumerate() {
            for (j, q) in f.iter().enumerate() {
                prop_assert!(p - q <= distances[i * 12 + j] + 1e-10);
            }
        }
    }
}

#[test]
fn a_small_problem_by_hand() {
    let mut transport = Transport::default();
    check(&mut transport, &[3.0, 1.0], &[2.0, 2.0], &[1.0, 4.0, 2.0, 1.0]);
    assert_eq!(transport.solve(&[0.0, 0.0], &[0.0], &[1.0, 2.0]).unwrap(), 0.0);
    assert_eq!(transport.solve(&[], &[], &[]).unwrap(), 0.0);
}

#[test]
fn many_places() {
    let n = 300;
    let point = |i: usize| ((i * 7919 % 1009) as f64, (i * 104_729 % 997) as f64);
    let cost: Vec<f64> = (0..n)
        .flat_map(|i| {
            (0..n).map(move |j| {
                let (p, q) = (point(i), point(j + n));
                (p.0 - q.0).hypot(p.1 - q.1)
            })
        })
        .collect();
    check(&mut Transport::default(), &vec![1.0; n], &vec![1.0; n], &cost);
}

#[test]
fn wrong_numbers_are_errors() {
    let mut transport = Transport::default();
    let message = |result: recoil_physics::Result<f64>| result.unwrap_err().to_string();
    assert!(message(transport.solve(&[1.0], &[1.0], &[])).contains("cost has 0 rows"));
    assert!(message(transport.solve(&[1.0], &[2.0], &[1.0])).contains("sum of the demands"));
    assert!(message(transport.solve(&[-1.0], &[1.0], &[1.0])).contains("supply, row 0: -1"));
    assert!(message(transport.solve(&[f64::NAN], &[1.0], &[1.0])).contains("NaN"));
    assert!(EarthMover::new(2, &[0.0, 1.0, 2.0, 0.0]).unwrap_err().to_string().contains("symmetric"));
    let detour = [0.0, 5.0, 1.0, 5.0, 0.0, 1.0, 1.0, 1.0, 0.0];
    assert!(EarthMover::new(3, &detour).unwrap_err().to_string().contains("detour"));
    let mut emd = EarthMover::new(2, &[0.0, 1.0, 1.0, 0.0]).unwrap();
    assert!(message(emd.distance(&[0.0, 0.0], &[1.0, 1.0])).contains("positive"));
    assert!(message(emd.distance(&[1.0], &[1.0, 1.0])).contains("has 1 rows"));
    assert!(sinkhorn(&[1.0, 0.0], &[0.5, 0.5], &[0.0; 4], &Sinkhorn::default()).is_err());
}

#[test]
fn little_entropy_approaches_the_exact_distance() {
    let (a, b) = ([0.2, 0.3, 0.5], [0.5, 0.4, 0.1]);
    let cost = [0.0, 1.0, 2.0, 1.0, 0.0, 1.0, 2.0, 1.0, 0.0];
    let exact = EarthMover::new(3, &cost).unwrap().distance(&a, &b).unwrap();
    let settings = Sinkhorn { regularisation: 0.02, iterations: 100_000, check_every: 1, tolerance: 1e-22 };
    let found = sinkhorn(&a, &b, &cost, &settings).unwrap();
    assert!(found.converged && (found.cost - exact).abs() < 1e-6, "{found:?} {exact}");
}
