//! Truth assignment against the reference.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use recoil_pflow::truth::assignment::{Links, Objects, assign};
use recoil_pflow::truth::{Link, TrueParticle, targets, through};
use recoil_physics::momentum::FourMomentum;
use serde_json::Value;

fn golden(name: &str) -> Value {
    let path = format!("{}/../../../testdata/golden/pflow/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

fn links(value: &Value) -> Vec<Link> {
    let [a, b, w] = [0, 1, 2].map(|i| numbers(&value[i]));
    a.iter().zip(&b).zip(&w).map(|((a, b), w)| Link::new(*a as usize, *b as usize, *w)).collect()
}

#[test]
fn particles_of_an_edm4hep_event_find_their_elements() {
    let all = golden("post_key4hep_assignment.json");
    let (inp, out) = (&all["inp"], &all["out"]);
    let column = |name: &str| numbers(&inp["gen"][name]);
    let (pdg, charge) = (column("PDG"), column("charge"));
    let (pt, eta, phi, energy) = (column("pt"), column("eta"), column("phi"), column("energy"));
    let particles: Vec<TrueParticle> = (0..pdg.len())
        .map(|i| TrueParticle {
            pdg: pdg[i] as i32,
            charge: charge[i],
            momentum: FourMomentum::from_pt_eta_phi_energy(pt[i], eta[i], phi[i], energy[i]),
            generator_status: 1,
            ..TrueParticle::default()
        })
        .collect();
    let count = |name: &str| inp["n"][name].as_u64().unwrap() as usize;
    let objects = Objects { tracks: count("track"), clusters: count("cluster"), hits: count("hit") };
    let to_hit = links(&inp["genparticle_to_hit"]);
    let to_track = links(&inp["genparticle_to_track"]);
    let to_cluster = through(&to_hit, &links(&inp["hit_to_cluster"]));
    let found = assign(&particles, Links { to_track: &to_track, to_cluster: &to_cluster, to_hit: &to_hit }, objects);

    let object = |place: Option<u32>| place.map_or(-1.0, f64::from);
    let pairs: Vec<Vec<f64>> = out["gp_to_obj"].as_array().unwrap().iter().map(numbers).collect();
    assert_eq!(found.owners.iter().map(|o| vec![object(o.track), object(o.cluster)]).collect::<Vec<_>>(), pairs);
    assert_eq!(found.owners.iter().map(|o| object(o.hit)).collect::<Vec<_>>(), numbers(&out["gp_to_hit"]));
    let place = |list: &[Option<usize>]| list.iter().map(|p| p.map_or(-1.0, |p| p as f64)).collect::<Vec<_>>();
    assert_eq!(place(&found.largest_of_track), numbers(&out["track_to_gp_inclusive"]));
    assert_eq!(place(&found.largest_of_cluster), numbers(&out["cluster_to_gp_inclusive"]));
    assert_eq!(place(&found.largest_of_hit), numbers(&out["hit_to_gp_inclusive"]));
    let merged: Vec<(f64, f64)> =
        found.merged.iter().map(|(absorbed, owner)| (found.owners[*owner].particle as f64, *absorbed as f64)).collect();
    let expected: Vec<(f64, f64)> =
        numbers(&out["gp_merges"][0]).into_iter().zip(numbers(&out["gp_merges"][1])).collect();
    assert_eq!(merged, expected);

    let mut compared = 0;
    for (i, owner) in found.owners.iter().enumerate() {
        let p = &owner.momentum;
        let mine = [p.pt(), p.eta(), p.phi().sin(), p.phi().cos(), p.energy, (i + 1) as f64];
        for (name, value) in ["pt", "eta", "sin_phi", "cos_phi", "energy", "particle_number"].iter().zip(mine) {
            let expected = out["gen"][name][i].as_f64().unwrap();
            assert!((value - expected).abs() < 1e-6, "{name} of {i}: {value} for {expected}");
            compared += 1;
        }
        let own = &particles[owner.particle];
        assert_eq!(f64::from(own.pdg.abs()), out["gen"]["PDG"][i].as_f64().unwrap());
        assert_eq!(own.charge, out["gen"]["charge"][i].as_f64().unwrap());
    }
    assert_eq!(compared, 36);
    assert_eq!(found.dropped, [8]);
    assert!((found.pt_dropped - 0.4).abs() < 1e-9 && (found.energy_dropped - 1.5048782764334527).abs() < 1e-9);
    assert!(found.is_balanced(), "{}", found.imbalance());

    // the photon of cluster 2 stays one, the neutral hadron of cluster 1 too; tracks keep their leptons
    let targets = targets(&particles, &found, objects);
    let classes: Vec<i32> = targets.iter().map(|target| target.particle.pdg).collect();
    assert_eq!(classes, [211, 211, 11, 13, 0, 130, 22, 0, 0]);
    assert_eq!(targets.iter().map(|t| t.number).collect::<Vec<_>>(), [1.0, 2.0, 5.0, 6.0, 1.0, 4.0, 3.0, 5.0, 6.0]);
}
