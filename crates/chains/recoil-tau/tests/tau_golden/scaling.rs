use std::collections::BTreeMap;

use recoil_tau::data::file::CandidateFile;
use recoil_tau::features::FeatureTable;
use recoil_tau::scaling::parameters::{flattened, parameters};
use recoil_tau::scaling::{Parameters, Population, Quantiles, ScalingPass, ScalingTable};

use super::{golden, json, none};

/// Four significant digits on both sides, and the order of sums.
fn same(a: Option<f64>, b: Option<f64>) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => (a - b).abs() <= 1.05e-3 * a.abs().max(1e-12),
        _ => false,
    }
}

fn compare(table: &FeatureTable) {
    let pass = ScalingPass::new(table, Population::Reference, &[]).unwrap();
    let file = CandidateFile::open(&golden("tautuple_mini.root").display().to_string()).unwrap();
    let result = pass.file(&file, 1, |_| ()).unwrap();
    let ours = parameters(&pass.blocks(), &result.sums);
    let theirs = ScalingTable::read(&golden("scaling_params_vmini.json")).unwrap();
    let by_key: BTreeMap<_, &Parameters> = ours.entries.iter().map(|(key, value)| (key, value)).collect();
    assert_eq!(by_key.len(), theirs.entries.len());
    let mut mismatches = Vec::new();
    for (key, a) in &theirs.entries {
        let b = by_key[key];
        let fits = same(a.mean, b.mean)
            && same(a.std, b.std)
            && same(a.sqmean, b.sqmean)
            && (a.lim_min, a.lim_max, a.num) == (b.lim_min, b.lim_max, b.num);
        if !fits {
            mismatches.push(format!("{key:?}: {b:?} instead of {a:?}"));
        }
    }
    none("scaling parameters", theirs.entries.len(), &mismatches);

    // one file, called 0
    let quantiles = |value: &serde_json::Value| {
        serde_json::from_value::<Quantiles>(value["0"].clone()).map_err(|error| error.to_string())
    };
    let theirs = flattened("golden", &json("quantile_params_vmini.json"), |value| {
        // features that are not scaled have no quantiles
        if value.as_object().is_some_and(|files| files.is_empty()) { Ok(None) } else { quantiles(value).map(Some) }
    });
    let theirs: Vec<_> = theirs.unwrap().into_iter().filter_map(|(key, found)| Some((key, found?))).collect();
    let mut mismatches = Vec::new();
    assert_eq!(theirs.len(), result.quantiles.len());
    for (key, a) in &theirs {
        let b = result.quantiles[key];
        let intervals = |q: &Quantiles| [q.one_sigma, q.two_sigma, q.three_sigma, q.five_sigma];
        let close = |a: Option<f64>, b: Option<f64>| match (a, b) {
            (None, None) => true,
            (Some(a), Some(b)) => (a - b).abs() <= 1e-5 * a.abs().max(1e-3),
            _ => false,
        };
        let pairs = intervals(a).into_iter().zip(intervals(&b));
        let fits = close(a.median, b.median)
            && close(a.min, b.min)
            && close(a.max, b.max)
            && pairs.into_iter().all(|(a, b)| close(a.left, b.left) && close(a.right, b.right));
        if !fits {
            mismatches.push(format!("{key:?}: {b:?} instead of {a:?}"));
        }
    }
    none("quantiles", theirs.len(), &mismatches);
}

#[test]
fn parameters_and_quantiles_of_the_default_table() {
    compare(&FeatureTable::shipped().unwrap());
}

#[test]
fn parameters_and_quantiles_of_a_table_in_the_older_layout() {
    compare(&FeatureTable::read(&golden("feature_config.json")).unwrap());
}

#[test]
fn the_population_of_the_grids_is_what_networks_see() {
    let table = FeatureTable::shipped().unwrap();
    let file = CandidateFile::open(&golden("tautuple_mini.root").display().to_string()).unwrap();
    let of = |population| ScalingPass::new(&table, population, &[]).unwrap().file(&file, 1, |_| ()).unwrap();
    let (reference, grids) = (of(Population::Reference), of(Population::Grids));
    let key = |feature: &str, cone: &str| ("PfCand_chHad".to_owned(), feature.to_owned(), cone.to_owned());
    let count =
        |result: &recoil_tau::scaling::pass::FileResult, cone| result.sums[&key("pfCand_chHad_rel_pt", cone)].num;
    // an object of the signal cone is in the isolation cone as well
    assert_eq!(count(&grids, "outer"), count(&reference, "inner") + count(&reference, "outer"));
    assert_eq!(count(&grids, "inner"), count(&reference, "inner"));
    // differences of azimuths are wrapped
    let range =
        |result: &recoil_tau::scaling::pass::FileResult| result.quantiles[&key("pfCand_chHad_dphi", "outer")].max;
    assert!(range(&reference).unwrap() > 6.0);
    assert!(range(&grids).unwrap() <= 0.5);
}
