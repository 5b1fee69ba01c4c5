//! Which events are used, and how much they count in the training.

use super::columns::Columns;
use super::settings::Filters;
use crate::error::Result;
use recoil_forest::Amount;
use recoil_stage::seed::Seed;
use std::collections::BTreeMap;

/// Rows within all ranges whose features are finite numbers. Features that the table does not have (yet) are not asked for.
///
/// # Errors
/// A filter on a column that is missing.
pub fn usable(table: &Columns, filters: &Filters, features: &[&str]) -> Result<Vec<usize>> {
    let mut keep = vec![true; table.rows()];
    for (name, range) in filters {
        for (keep, value) in keep.iter_mut().zip(table.get(name)?) {
            *keep &= range.holds(*value);
        }
    }
    for name in features.iter().filter(|name| table.has(name)) {
        for (keep, value) in keep.iter_mut().zip(table.get(name)?) {
            // forests see single precision
            *keep &= (*value as f32).is_finite();
        }
    }
    Ok((0..table.rows()).filter(|row| keep[*row]).collect())
}

/// Weights that give every pointing of the telescope the same sum: mean number of events over own number. Pointings are
/// told apart at 1e-5 rad. None if there is only one, where all weights are the same.
///
/// # Errors
/// A missing pointing.
pub fn pointing_weights(table: &Columns) -> Result<Option<Vec<f64>>> {
    let rounded = |value: f64| (value * 1e5).round_ties_even() as i64;
    let (alt, az) = (table.get("alt_tel")?, table.get("az_tel")?);
    let keys: Vec<(i64, i64)> = alt.iter().zip(az).map(|(alt, az)| (rounded(*alt), rounded(*az))).collect();
    let mut counts: BTreeMap<(i64, i64), f64> = BTreeMap::new();
    for key in &keys {
        *counts.entry(*key).or_default() += 1.0;
    }
    if counts.len() < 2 {
        return Ok(None);
    }
    let mean = keys.len() as f64 / counts.len() as f64;
    Ok(Some(keys.iter().map(|key| mean / counts.get(key).copied().unwrap_or(mean)).collect()))
}

/// Pointings of a table: altitude and azimuth \[rad\], each once.
///
/// # Errors
/// A missing pointing.
pub fn pointings(table: &Columns) -> Result<Vec<(f64, f64)>> {
    let (alt, az) = (table.get("alt_tel")?, table.get("az_tel")?);
    let mut found: BTreeMap<(i64, i64), (f64, f64)> = BTreeMap::new();
    for (alt, az) in alt.iter().zip(az) {
        found.entry(((alt * 1e5).round() as i64, (az * 1e5).round() as i64)).or_insert((*alt, *az));
    }
    Ok(found.into_values().collect())
}

/// Numbers of rows in a random order that depends on the seed alone.
fn shuffled(rows: usize, seed: Seed) -> Vec<usize> {
    use rand::Rng as _;
    let mut order: Vec<usize> = (0..rows).collect();
    let mut random = seed.rng();
    for last in (1..rows).rev() {
        // the bias of the remainder is 2^-64 times the number of rows
        order.swap(last, (random.next_u64() % (last as u64 + 1)) as usize);
    }
    order
}

/// A number of rows, from a number or a share of all; more than there are is all.
fn number_of(amount: Option<Amount>, rows: usize, round: fn(f64) -> f64) -> usize {
    match amount {
        None => rows,
        Some(Amount::Number(number)) => number.min(rows),
        Some(Amount::Fraction(part)) => (round(part * rows as f64) as usize).min(rows),
    }
}

/// A random part of the rows, in their order.
pub fn part(rows: usize, amount: Option<Amount>, seed: Seed) -> Vec<usize> {
    let number = number_of(amount, rows, f64::floor);
    if number == rows {
        return (0..rows).collect();
    }
    let mut part = shuffled(rows, seed);
    part.truncate(number);
    part.sort_unstable();
    part
}

/// Two random parts of the rows without a common one, each in their order. The second is rounded up, the first down.
pub fn split(rows: usize, first: Option<Amount>, second: Option<Amount>, seed: Seed) -> (Vec<usize>, Vec<usize>) {
    let order = shuffled(rows, seed);
    let (second, rest) = order.split_at(number_of(second, rows, f64::ceil));
    let (mut first, mut second) =
        (rest[..number_of(first, rows, f64::floor).min(rest.len())].to_vec(), second.to_vec());
    first.sort_unstable();
    second.sort_unstable();
    (first, second)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::reconstruct::settings::Range;

    #[test]
    fn ranges_hold_their_ends_and_features_are_finite() {
        let mut table = Columns::new("test", 4);
        table.set("r", vec![0.0, 1.0, 2.0, 0.5]);
        table.set("width", vec![1.0, 2.0, 3.0, f64::NAN]);
        let filters = Filters::from([("r".into(), Range { low: 0.0, high: 1.0 })]);
        assert_eq!(usable(&table, &filters, &["width", "later"]).unwrap(), [0, 1]);
        let missing = Filters::from([("nothing".into(), Range::POSITIVE)]);
        assert!(usable(&table, &missing, &[]).unwrap_err().to_string().contains("'nothing'"));
    }

    #[test]
    fn every_pointing_weighs_the_same() {
        let mut table = Columns::new("test", 6);
        table.set("alt_tel", vec![1.2, 1.2, 1.2, 1.2, 0.9, 0.9]);
        table.set("az_tel", vec![0.0; 6]);
        assert_eq!(pointing_weights(&table).unwrap().unwrap(), [0.75, 0.75, 0.75, 0.75, 1.5, 1.5]);
        assert_eq!(pointings(&table).unwrap(), [(0.9, 0.0), (1.2, 0.0)]);
        assert_eq!(pointing_weights(&table.pick(&[0, 1])).unwrap(), None);
    }

    #[test]
    fn parts_do_not_overlap_and_follow_the_seed() {
        let (eighty, twenty) = (Some(Amount::Fraction(0.8)), Some(Amount::Fraction(0.2)));
        let (train, test) = split(101, eighty, twenty, Seed::new(1));
        assert_eq!((train.len(), test.len()), (80, 21));
        assert!(train.iter().all(|row| !test.contains(row)));
        assert_eq!(split(101, eighty, twenty, Seed::new(1)).0, train);
        assert_ne!(split(101, eighty, twenty, Seed::new(2)).0, train);
        assert_eq!(part(10, None, Seed::new(1)).len(), 10);
        assert_eq!(part(10, Some(Amount::Number(3)), Seed::new(1)).len(), 3);
    }
}
