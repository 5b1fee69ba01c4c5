//! Features as small numbers: at most 256 bins each, of about equal population.

use crate::table::FeatureTable;
use crate::tree::floor_to_single;
use rayon::prelude::*;

/// Bins of a feature at most.
pub(crate) const BINS: usize = 256;

/// Values that are sorted to find the limits of bins.
const SAMPLE: usize = 400_000;

/// The features of a table as bins.
pub(crate) struct Bins {
    /// Upper limits of all bins but the last, per feature; a value belongs to the first bin whose limit is not below it.
    pub(crate) limits: Vec<Vec<f32>>,
    /// Bin of every row, per feature.
    pub(crate) codes: Vec<Vec<u8>>,
}

impl Bins {
    pub(crate) fn new(table: &FeatureTable) -> Self {
        let (limits, codes) = table
            .columns()
            .par_iter()
            .map(|column| {
                let limits = limits(column);
                let codes = column.iter().map(|value| limits.partition_point(|limit| limit < value) as u8).collect();
                (limits, codes)
            })
            .unzip();
        Self { limits, codes }
    }
}

/// Limits between bins: the middles between neighbouring values if there are few, else those nearest to quantiles.
fn limits(column: &[f32]) -> Vec<f32> {
    let step = column.len().div_ceil(SAMPLE);
    let mut sorted: Vec<f32> = column.iter().step_by(step).copied().collect();
    sorted.sort_unstable_by(f32::total_cmp);
    let middle = |low: f32, high: f32| floor_to_single((f64::from(low) + f64::from(high)) / 2.0);
    let mut distinct = sorted.clone();
    distinct.dedup();
    if distinct.len() <= BINS {
        return distinct.windows(2).map(|pair| middle(pair[0], pair[1])).collect();
    }
    let mut found: Vec<f32> = Vec::with_capacity(BINS - 1);
    for index in 1..BINS {
        let value = sorted[index * sorted.len() / BINS];
        let next = sorted.partition_point(|other| *other <= value);
        if let Some(next) = sorted.get(next) {
            found.push(middle(value, *next));
        }
    }
    found.dedup();
    found
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn few_values_have_a_bin_each_and_many_share() {
        assert_eq!(limits(&[3.0, 1.0, 1.0, 2.0]), [1.5, 2.5]);
        assert_eq!(limits(&[7.0; 9]), [0.0; 0]);
        let many: Vec<f32> = (0..10_000).map(|value| (value as f32).sqrt()).collect();
        let table = FeatureTable::new(vec!["x".into()], vec![many]).unwrap();
        let bins = Bins::new(&table);
        assert_eq!(bins.limits[0].len(), BINS - 1);
        let mut population = [0; BINS];
        for code in &bins.codes[0] {
            population[usize::from(*code)] += 1;
        }
        assert!(population.iter().all(|count| (30..50).contains(count)), "{population:?}");
    }
}
