//! Weights of a training against those of the reference.

use recoil_tau::training::balance::{Spectra, WeightConfig};
use serde_json::Value as Json;

use super::{json, none};

fn edges(document: &Json, name: &str) -> Vec<f64> {
    document[name].as_array().unwrap().iter().map(|edge| edge.as_f64().unwrap()).collect()
}

#[test]
fn weights_follow_from_the_counts() {
    let document = json("training_weights.json");
    let (pt_edges, eta_edges) = (edges(&document, "pt_edges"), edges(&document, "abs_eta_edges"));
    let config = WeightConfig { pt_edges: pt_edges.clone(), eta_edges: eta_edges.clone(), ..WeightConfig::default() };
    assert_eq!(config, WeightConfig::default(), "the default bins are those of the reference");
    let middles = |edges: &[f64]| edges.windows(2).map(|pair| f64::midpoint(pair[0], pair[1])).collect::<Vec<_>>();
    let bins: Vec<(usize, usize, f64, f64)> = middles(&pt_edges)
        .into_iter()
        .enumerate()
        .flat_map(|(i, pt)| middles(&eta_edges).into_iter().enumerate().map(move |(k, eta)| (i, k, pt, eta)))
        .collect();
    let classes = ["e", "mu", "tau", "jet"];
    let mut spectra = Spectra::new(&config).unwrap();
    for (class, name) in classes.iter().enumerate() {
        for &(i, k, pt, eta) in &bins {
            let count = document["counts"][name][i][k].as_f64().unwrap() as usize;
            // pseudorapidities of both signs count alike
            (0..count).for_each(|n| spectra.count(class, pt, if n % 2 == 0 { eta } else { -eta }));
        }
    }
    let weights = spectra.weights(1e5).unwrap();
    let (mut compared, mut mismatches) = (0, Vec::new());
    for (class, name) in classes.iter().enumerate() {
        for &(i, k, pt, eta) in &bins {
            let (ours, theirs) =
                (f64::from(weights.weight(class, pt, eta)), document["weights"][name][i][k].as_f64().unwrap());
            compared += 1;
            // the reference keeps single precision
            if (ours / theirs - 1.0).abs() > 1.2e-7 {
                mismatches.push(format!("{name} pt {pt} |eta| {eta}: {ours} instead of {theirs}"));
            }
        }
    }
    none("weights", compared, &mismatches);
    assert_eq!(compared, 80);
}
