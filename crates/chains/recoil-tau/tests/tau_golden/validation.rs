use recoil_stats::agreement::{Binned, chi_square, kolmogorov};
use serde_json::Value as Json;

use super::{json, none};

#[test]
fn p_values_of_two_tests() {
    let document = json("validation_pvalues.json");
    let numbers =
        |value: &Json| -> Vec<f64> { value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect() };
    let (mut compared, mut mismatches) = (0, Vec::new());
    for test in document["tests"].as_array().unwrap() {
        let chunks: Vec<Vec<f64>> = test["histograms"].as_array().unwrap().iter().map(numbers).collect();
        let ks = numbers(&test["ks_pvalue_vs_chunk0"]);
        let chi2 = numbers(&test["chi2_pvalue_vs_chunk0"]);
        for (index, chunk) in chunks.iter().enumerate() {
            let (a, b) = (Binned::counts(chunk), Binned::counts(&chunks[0]));
            for (name, ours, theirs) in [("KS", kolmogorov(a, b), ks[index]), ("chi2", chi_square(a, b), chi2[index])] {
                compared += 1;
                let ours = ours.unwrap_or(99.0);
                if (ours - theirs).abs() > 1e-9 {
                    mismatches.push(format!("{} chunk {index} {name}: {ours} instead of {theirs}", test["path"]));
                }
            }
        }
    }
    none("p-values", compared, &mismatches);
}
