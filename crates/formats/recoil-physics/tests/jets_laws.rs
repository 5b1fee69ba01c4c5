//! Laws of jets that hold for any particles, and a direct search of all pairs as the judge.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;
use recoil_physics::angle::delta_phi;
use recoil_physics::jets::{Algorithm, Definition};
use recoil_physics::momentum::FourMomentum;

const ALGORITHMS: [Algorithm; 4] =
    [Algorithm::AntiKt, Algorithm::Kt, Algorithm::CambridgeAachen, Algorithm::GeneralisedKtEe { power: -1.0 }];

/// The definition taken literally: all distances anew in every step.
fn literal(algorithm: Algorithm, radius: f64, particles: &[FourMomentum]) -> Vec<Vec<u32>> {
    let weight = |p: &FourMomentum| match algorithm {
        Algorithm::AntiKt => p.pt().powi(-2),
        Algorithm::Kt => p.pt().powi(2),
        Algorithm::CambridgeAachen => 1.0,
        Algorithm::GeneralisedKtEe { power } => p.energy.powf(2.0 * power),
    };
    let separation = |a: &FourMomentum, b: &FourMomentum| match algorithm {
        Algorithm::GeneralisedKtEe { .. } => {
            let dot = (a.px * b.px + a.py * b.py + a.pz * b.pz) / (a.p() * b.p());
            (1.0 - dot) / (1.0 - radius.cos())
        }
        _ => ((a.rapidity() - b.rapidity()).powi(2) + delta_phi(a.phi(), b.phi()).powi(2)) / radius.powi(2),
    };
    let mut open: Vec<(FourMomentum, Vec<u32>)> = (0..).zip(particles).map(|(i, p)| (*p, vec![i])).collect();
    let mut jets = Vec::new();
    while !open.is_empty() {
        let mut best = (f64::INFINITY, 0, None);
        for i in 0..open.len() {
            let own = weight(&open[i].0);
            if own < best.0 {
                best = (own, i, None);
            }
            for j in 0..i {
                let distance = own.min(weight(&open[j].0)) * separation(&open[i].0, &open[j].0);
                if distance < best.0 {
                    best = (distance, i, Some(j));
                }
            }
        }
        let (momentum, mut members) = open.remove(best.1);
        match best.2 {
            Some(j) => {
                open[j].0 = open[j].0 + momentum;
                open[j].1.append(&mut members);
            }
            None => {
                members.sort_unstable();
                jets.push(members);
            }
        }
    }
    jets.sort();
    jets
}

fn particles() -> impl Strategy<Value = Vec<FourMomentum>> {
    let one = (0.2f64..50.0, -3.0f64..3.0, -3.1f64..3.1, 0.0f64..1.0);
    prop::collection::vec(one.prop_map(|(pt, eta, phi, m)| FourMomentum::from_pt_eta_phi_mass(pt, eta, phi, m)), 0..40)
}

proptest! {
    #[test]
    fn the_fast_way_finds_the_jets_of_the_definition(particles in particles(), radius in 0.2f64..1.5) {
        for algorithm in ALGORITHMS {
            let jets = Definition::new(algorithm, radius).unwrap().cluster(&particles, 0.0);
            let mut found: Vec<Vec<u32>> = jets.iter().map(|jet| jet.constituents.clone()).collect();
            found.sort();
            prop_assert_eq!(found, literal(algorithm, radius, &particles), "{:?}", algorithm);
        }
    }

    #[test]
    fn every_particle_is_in_one_jet_and_nothing_is_lost(particles in particles()) {
        for algorithm in ALGORITHMS {
            let jets = Definition::new(algorithm, 0.6).unwrap().cluster(&particles, 0.0);
            let mut members: Vec<u32> = jets.iter().flat_map(|jet| jet.constituents.clone()).collect();
            members.sort_unstable();
            prop_assert_eq!(members, (0..particles.len() as u32).collect::<Vec<_>>());
            let before: FourMomentum = particles.iter().copied().sum();
            let after: FourMomentum = jets.iter().map(|jet| jet.momentum).sum();
            prop_assert!((before.energy - after.energy).abs() < 1e-9 * before.energy.max(1.0));
            prop_assert!(jets.windows(2).all(|pair| pair[0].momentum.pt() >= pair[1].momentum.pt()));
        }
    }
}

#[test]
fn soft_and_collinear_particles_do_not_move_hard_jets() {
    let at = |pt, eta, phi| FourMomentum::from_pt_eta_phi_mass(pt, eta, phi, 0.0);
    let hard = [at(50.0, 0.3, 1.0), at(40.0, -1.0, -2.0)];
    let split = [at(30.0, 0.3, 1.0), at(20.0, 0.3, 1.0), at(40.0, -1.0, -2.0), at(1e-9, 0.5, 1.1)];
    let definition = Definition::new(Algorithm::AntiKt, 0.4).unwrap();
    let (a, b) = (definition.cluster(&hard, 1.0), definition.cluster(&split, 1.0));
    assert_eq!((a.len(), b.len()), (2, 2));
    assert_eq!(b[0].constituents, [0, 1, 3]);
    for (x, y) in a.iter().zip(&b) {
        assert!((x.momentum.pt() - y.momentum.pt()).abs() < 1e-8);
    }
}

#[test]
fn particles_without_momentum_are_left_out_and_a_wrong_radius_is_refused() {
    let broken = FourMomentum { px: f64::NAN, ..FourMomentum::default() };
    let beam = FourMomentum { pz: 7.0, energy: 7.0, ..FourMomentum::default() };
    let one = FourMomentum::from_pt_eta_phi_mass(5.0, 0.0, 0.0, 0.0);
    for algorithm in ALGORITHMS {
        let jets = Definition::new(algorithm, 0.4).unwrap().cluster(&[broken, FourMomentum::default(), one, beam], 0.0);
        assert_eq!(jets.iter().map(|jet| jet.constituents.clone()).collect::<Vec<_>>(), [vec![2], vec![3]]);
    }
    for radius in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(Definition::new(Algorithm::Kt, radius).is_err());
    }
}
