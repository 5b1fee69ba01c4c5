use std::collections::BTreeMap;

use recoil_tau::data::truth::TauType;
use recoil_tau::shuffle::acceptance::{ImbalanceBins, class_probabilities, parse_ratio};
use recoil_tau::shuffle::{Bins, Counts, Flattening};
use serde_json::Value as Json;

use super::{json, none};

fn numbers(value: &Json) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

fn matrix(value: &Json) -> Vec<Vec<f64>> {
    value.as_array().unwrap().iter().map(numbers).collect()
}

#[test]
fn acceptance_in_three_configurations() {
    let document = json("shuffle_merge_probabilities.json");
    let (mut compared, mut mismatches) = (0, Vec::new());
    for (name, configuration) in document.as_object().unwrap() {
        let bins = Bins { eta: numbers(&configuration["eta_bins"]), pt: numbers(&configuration["pt_bins"]) };
        let flattening = Flattening {
            take_all: configuration["lastbin_takeall"].as_bool().unwrap(),
            disbalance: configuration["lastbin_disbalance"].as_f64().unwrap(),
            imbalance_bins: ImbalanceBins::LastTwo,
            empty_bins: true,
        };
        let mut accepted: BTreeMap<TauType, f64> = BTreeMap::new();
        for (key, entries) in configuration["entries"].as_object().unwrap() {
            let class = TauType::of_name(key.rsplit('/').next().unwrap()).unwrap();
            let below = vec![0.0; bins.n_pt()];
            let counts = Counts { bins: matrix(entries), below, total: 0.0 };
            let ours = flattening.acceptance(&bins, &counts).unwrap();
            *accepted.entry(class).or_default() += ours.expected(&counts).iter().flatten().sum::<f64>();
            let theirs = matrix(&configuration["acceptance"][key]);
            assert_eq!(ours.bins.len(), theirs.len());
            for (a, b) in theirs.iter().flatten().zip(ours.bins.iter().flatten()) {
                compared += 1;
                if (a - b).abs() > 1e-12 {
                    mismatches.push(format!("{name} {key}: {b} instead of {a}"));
                }
            }
        }
        let ratio = parse_ratio(configuration["tau_ratio"].as_str().unwrap()).unwrap();
        let probabilities = class_probabilities(&ratio, &accepted).unwrap();
        for (class, q) in &probabilities {
            compared += 2;
            let theirs = configuration["tau_type_probability"][class.name()].as_f64().unwrap();
            if (theirs - q).abs() > 1e-12 {
                mismatches.push(format!("{name} {}: {q} instead of {theirs}", class.name()));
            }
            let theirs = configuration["expected_accepted_per_type"][class.name()].as_f64().unwrap();
            if (theirs - accepted[class]).abs() > 1e-9 * theirs {
                mismatches.push(format!("{name} {}: {} instead of {theirs}", class.name(), accepted[class]));
            }
        }
    }
    none("probabilities", compared, &mismatches);
}
