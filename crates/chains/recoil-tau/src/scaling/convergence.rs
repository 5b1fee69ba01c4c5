//! How the parameters settle as files are added.

use super::parameters::ScalingTable;

/// Relative changes of mean and width from one snapshot to the next, of all measured features of a block and cone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    /// |Δmean / mean| of each feature.
    pub mean: Vec<f64>,
    /// |Δstd / std| of each feature.
    pub std: Vec<f64>,
}

/// Changes of the features of `block` in `cone` from `before` to `after`.
pub fn changes(before: &ScalingTable, after: &ScalingTable, block: &str, cone: &str) -> Changes {
    let mut changes = Changes::default();
    for ((b, feature, c), now) in
        after.entries.iter().filter(|((b, _, c), p)| b == block && c == cone && p.num.is_some())
    {
        let then = before.entries.iter().find(|((b2, f2, c2), _)| b2 == b && f2 == feature && c2 == c);
        let Some((_, then)) = then else { continue };
        let relative = |new: Option<f64>, old: Option<f64>| {
            let (new, old) = new.zip(old)?;
            Some(((new - old) / old).abs()).filter(|change| change.is_finite())
        };
        changes.mean.extend(relative(now.mean, then.mean));
        changes.std.extend(relative(now.std, then.std));
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::super::parameters::Parameters;
    use super::*;

    #[test]
    fn changes_are_relative() {
        let table = |mean: f64, std: f64| {
            let entry = Parameters { mean: Some(mean), std: Some(std), num: Some(10), ..Parameters::NONE };
            ScalingTable { entries: vec![(("B".into(), "f".into(), "inner".into()), entry)] }
        };
        let found = changes(&table(2.0, 1.0), &table(2.5, 0.75), "B", "inner");
        assert_eq!(found, Changes { mean: vec![0.25], std: vec![0.25] });
        assert_eq!(changes(&table(2.0, 1.0), &table(2.5, 0.75), "B", "outer"), Changes::default());
    }
}
