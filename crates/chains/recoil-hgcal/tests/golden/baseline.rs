use recoil_hgcal::baseline::{BaselineClusters, BaselineConfig, BaselineGen, select};

use crate::frame::{Mismatches, path};

/// A CSV file of numbers, column by column; empty cells are NaN.
fn columns(name: &str) -> Vec<Vec<f64>> {
    let text = std::fs::read_to_string(path(name)).unwrap();
    let mut lines = text.lines();
    let mut columns = vec![Vec::new(); lines.next().unwrap().split(',').count()];
    for line in lines {
        for (column, cell) in columns.iter_mut().zip(line.split(',')) {
            column.push(cell.parse().unwrap_or(f64::NAN));
        }
    }
    columns
}

#[test]
fn selections() {
    let (particles, clusters) = (columns("baseline_gen.csv"), columns("baseline_cl3d.csv"));
    let event = |column: &[f64]| column.iter().map(|&e| e as i64).collect::<Vec<_>>();
    let (gen_event, cluster_event) = (event(&particles[0]), event(&clusters[0]));
    let text = std::fs::read_to_string(path("baseline_expected.json")).unwrap();
    let expected: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mut check = Mismatches::default();
    for (name, list) in expected.as_object().unwrap() {
        let config = BaselineConfig { selection: name.parse().unwrap(), ..BaselineConfig::default() };
        let pairs = select(
            &config,
            BaselineGen { event: &gen_event, eta: &particles[1], energy: &particles[3] },
            BaselineClusters { event: &cluster_event, energy: &clusters[4] },
        );
        let mine: Vec<(i64, i64)> = pairs.into_iter().map(|(_, c)| (cluster_event[c], clusters[3][c] as i64)).collect();
        let theirs: Vec<(i64, i64)> = list
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| (entry[0].as_i64().unwrap(), entry[1].as_i64().unwrap()))
            .collect();
        check.equal(|| name.clone(), mine, theirs);
    }
    check.finish("baseline selections");
}
