//! Names with `*`, `?` and `[...]`.

use std::fs;
use std::path::{Path, PathBuf};

/// Whether a name has wildcards.
pub(super) fn is_glob(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// The files and directories that match, in the order of their names.
pub(super) fn files(pattern: &Path) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::new()];
    for part in pattern.components() {
        let text = part.as_os_str().to_string_lossy();
        if !is_glob(&text) {
            found.iter_mut().for_each(|path| path.push(part));
            continue;
        }
        let entries = |directory: &PathBuf| {
            let names = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.file_name());
            let matching = names.filter(|name| matches(&text, &name.to_string_lossy()));
            matching.map(|name| directory.join(name)).collect::<Vec<_>>()
        };
        found = found.iter().flat_map(entries).collect();
    }
    found.retain(|path| fs::symlink_metadata(path).is_ok());
    found.sort();
    found
}

/// Whether a path matches part by part.
pub(super) fn path_matches(pattern: &Path, path: &Path) -> bool {
    let (mut left, mut right) = (pattern.components(), path.components());
    loop {
        match (left.next(), right.next()) {
            (None, None) => return true,
            (Some(a), Some(b)) if a == b => {}
            (Some(a), Some(b)) if matches(&a.as_os_str().to_string_lossy(), &b.as_os_str().to_string_lossy()) => {}
            _ => return false,
        }
    }
}

/// Whether a name matches; as in a shell, a leading dot must be written.
fn matches(pattern: &str, name: &str) -> bool {
    if name.starts_with('.') && !pattern.starts_with('.') {
        return false;
    }
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut p, mut n) = (0, 0);
    // where to go on after a star: position in the pattern, position in the name
    let mut back: Option<(usize, usize)> = None;
    while n < name.len() {
        let step = match pattern.get(p) {
            Some('*') => {
                back = Some((p + 1, n));
                p += 1;
                continue;
            }
            Some('?') => Some(1),
            Some('[') => set(&pattern, p, name[n]),
            Some(c) if *c == name[n] => Some(1),
            _ => None,
        };
        match (step, back) {
            (Some(width), _) => {
                p += width;
                n += 1;
            }
            (None, Some((after, from))) => {
                back = Some((after, from + 1));
                p = after;
                n = from + 1;
            }
            (None, None) => return false,
        }
    }
    pattern.iter().skip(p).all(|c| *c == '*')
}

/// Width of the set at `at` if it holds `c`; an unclosed bracket is itself.
fn set(pattern: &[char], at: usize, c: char) -> Option<usize> {
    let inner = pattern.get(at + 1..)?;
    let Some(len) = inner.iter().skip(1).position(|c| *c == ']').map(|len| len + 1) else {
        return (c == '[').then_some(1);
    };
    let members = inner.get(..len)?;
    let (negated, members) = match members.split_first() {
        Some(('!' | '^', rest)) => (true, rest),
        _ => (false, members),
    };
    let mut inside = false;
    let mut i = 0;
    while let Some(&low) = members.get(i) {
        match (members.get(i + 1), members.get(i + 2)) {
            (Some('-'), Some(&high)) => {
                inside |= (low..=high).contains(&c);
                i += 3;
            }
            _ => {
                inside |= low == c;
                i += 1;
            }
        }
    }
    (inside != negated).then_some(len + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards() {
        for (pattern, name) in [
            ("*", "a"),
            ("a*c", "abbc"),
            ("*.h5", "x.h5"),
            ("r?n[0-9]", "run7"),
            ("[!a]*", "bc"),
            ("[x", "[x"),
            ("*a*b*", "xaybz"),
            ("", ""),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in
            [("*", ".hidden"), ("a*c", "abcd"), ("r?n", "rn"), ("[!a]*", "ab"), ("[0-9]", "x"), ("*a*b", "ab.c")]
        {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
        assert!(
            path_matches(Path::new("/a/*/c"), Path::new("/a/b/c"))
                && !path_matches(Path::new("/a/*"), Path::new("/a/b/c"))
        );
    }
}
