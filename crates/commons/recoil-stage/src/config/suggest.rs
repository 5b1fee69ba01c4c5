//! "Did you mean" by edit distance.

/// The advice `did you mean 'x'?` if one of `known` is near enough to `word`.
pub fn did_you_mean<S: AsRef<str>>(word: &str, known: &[S]) -> Option<String> {
    nearest(word, known).map(|best| format!("did you mean '{best}'?"))
}

/// The nearest of `known` to `word`: at most a third of the characters differ. The first wins a tie.
pub fn nearest<'a, S: AsRef<str>>(word: &str, known: &'a [S]) -> Option<&'a str> {
    let plain = normal(word);
    let limit = (plain.len() / 3).max(1);
    known
        .iter()
        .map(|candidate| (distance(&plain, &normal(candidate.as_ref())), candidate.as_ref()))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

fn normal(word: &str) -> Vec<char> {
    word.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase).take(128).collect()
}

/// Optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours.
fn distance(a: &[char], b: &[char]) -> usize {
    let width = b.len() + 1;
    let mut rows = vec![(0..width).collect::<Vec<usize>>()];
    for (i, &ca) in a.iter().enumerate() {
        let mut row = vec![i + 1; width];
        for (j, &cb) in b.iter().enumerate() {
            let mut best = (rows[i][j] + usize::from(ca != cb)).min(row[j] + 1).min(rows[i][j + 1] + 1);
            if i > 0 && j > 0 && ca == b[j - 1] && a[i - 1] == cb {
                best = best.min(rows[i - 1][j - 1] + 1);
            }
            row[j + 1] = best;
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_typos_swaps_and_other_spellings() {
        let known = ["window", "kernel", "bin_sums", "algorithm"];
        assert_eq!(nearest("widnow", &known), Some("window"));
        assert_eq!(nearest("kernle", &known), Some("kernel"));
        assert_eq!(nearest("BinSums", &known), Some("bin_sums"));
        assert_eq!(nearest("algoritm", &known), Some("algorithm"));
        assert_eq!(nearest("radius", &known), None);
        assert_eq!(nearest("", &known), None);
    }

    #[test]
    fn distance_counts_edits() {
        let chars = |word: &str| word.chars().collect::<Vec<_>>();
        for (a, b, expected) in [("", "abc", 3), ("abc", "abc", 0), ("abc", "acb", 1), ("kitten", "sitting", 3)] {
            assert_eq!(distance(&chars(a), &chars(b)), expected, "{a} {b}");
        }
    }
}
