//! Names and addresses in MLflow's rules.

use crate::error::{Result, TrackError};
use std::fmt::Write as _;
use std::path::{Component, Path, PathBuf};

/// Longest name of a parameter, metric or tag.
pub const LONGEST_NAME: usize = 250;
/// Longest value of a parameter; longer ones are cut, as MLflow does.
pub const LONGEST_PARAMETER: usize = 6000;
/// Longest value of a tag; longer ones are cut, as MLflow does.
pub const LONGEST_TAG: usize = 8000;
/// Longest name of an experiment.
pub const LONGEST_EXPERIMENT: usize = 500;

/// Checks the name of a parameter, metric or tag: letters, digits, `_ - . : /` and spaces, at most 250 of them, and as a
/// path it must be a plain one.
///
/// # Errors
/// Another name.
pub fn check(kind: &'static str, name: &str) -> Result<()> {
    let fail = |message: &str| Err(TrackError::Name { kind, name: name.to_owned(), message: message.to_owned() });
    if name.chars().count() > LONGEST_NAME {
        return fail("longer than 250 characters");
    }
    if let Some(odd) = name.chars().find(|&c| !c.is_alphanumeric() && !"_-. :/".contains(c)) {
        return fail(&format!("{odd:?} is not a letter, a digit, a space or one of _ - . : /"));
    }
    let plain = |part: &str| !part.is_empty() && part != "." && part != "..";
    if !name.split('/').all(plain) {
        return fail("is not a plain relative path");
    }
    Ok(())
}

/// Checks the id of a run or experiment: letters, digits, `_` and `-`, beginning with a letter or digit.
pub(crate) fn is_id(id: &str) -> bool {
    id.starts_with(|c: char| c.is_ascii_alphanumeric())
        && id.len() <= 256
        && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

/// The first `longest` characters.
pub(crate) fn cut(text: &str, longest: usize) -> &str {
    text.char_indices().nth(longest).map_or(text, |(end, _)| text.get(..end).unwrap_or(text))
}

/// Percent-encodes everything but letters, digits, `- . _ ~` and the bytes of `keep`.
pub(crate) fn percent(text: &str, keep: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    for &byte in text.as_bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || keep.contains(&byte) {
            out.push(byte.into());
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// Undoes [`percent`].
fn unpercent(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut out, mut place) = (Vec::with_capacity(bytes.len()), 0);
    while let Some(&byte) = bytes.get(place) {
        let code = text.get(place + 1..place + 3).filter(|_| byte == b'%');
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(code) => {
                out.push(code);
                place += 3;
            }
            None => {
                out.push(byte);
                place += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The `file://` address of a path, made absolute.
pub(crate) fn file_uri(path: &Path) -> String {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    format!("file://{}", percent(&absolute.to_string_lossy(), b"/"))
}

/// The path of a `file:` address or of a plain path; `None` for other addresses.
pub(crate) fn local_path(uri: &str) -> Option<PathBuf> {
    if let Some(rest) = uri.strip_prefix("file:") {
        let path = rest.strip_prefix("//").unwrap_or(rest);
        let path = path.strip_prefix("localhost").unwrap_or(path);
        return Some(PathBuf::from(unpercent(path)));
    }
    let scheme = uri.split_once(':').map(|(scheme, _)| scheme);
    let is_scheme = |s: &str| s.len() > 1 && s.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    if scheme.is_some_and(is_scheme) { None } else { Some(PathBuf::from(uri)) }
}

/// Whether a path stays inside the folder that it is relative to.
pub(crate) fn is_inside(path: &Path) -> bool {
    path.components().all(|component| matches!(component, Component::Normal(_)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn names_that_mlflow_takes_and_refuses() {
        // tried with MLflow 3.17
        for name in ["a:b", "ä", "lr/a.b c-d", "val_loss", "..."] {
            assert!(check("metric", name).is_ok(), "{name}");
        }
        for name in ["a%b", "../x", "a//b", "", "/x", "a\\b", "a=b", ".", "a/", "a/./b", "x\n"] {
            assert!(check("metric", name).is_err(), "{name}");
        }
        assert!(check("metric", &"k".repeat(250)).is_ok());
        assert!(check("metric", &"k".repeat(251)).is_err());
    }

    #[test]
    fn addresses_go_there_and_back() {
        let path = Path::new("/tmp/a b/é%20#");
        assert_eq!(file_uri(path), "file:///tmp/a%20b/%C3%A9%2520%23");
        assert_eq!(local_path(&file_uri(path)).unwrap(), path);
        assert_eq!(local_path("file:/tmp/x").unwrap(), Path::new("/tmp/x"));
        assert_eq!(local_path("mlruns").unwrap(), Path::new("mlruns"));
        assert_eq!(local_path("s3://bucket/x"), None);
        assert_eq!(local_path("mlflow-artifacts:/1/x"), None);
    }

    #[test]
    fn long_values_are_cut_between_characters() {
        assert_eq!(cut("äöü", 2), "äö");
        assert_eq!(cut("abc", 3), "abc");
    }
}
