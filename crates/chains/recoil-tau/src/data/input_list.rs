//! Which files to read.

use std::path::{Path, PathBuf};

use regex::Regex;

use crate::error::{Result, TauError};

/// A regular expression that has to match a whole text.
///
/// # Errors
/// An expression that cannot be understood; `key` is where it stands.
pub fn whole(key: &str, pattern: &str) -> Result<Regex> {
    Regex::new(&format!("^(?:{pattern})$")).map_err(|error| TauError::config(key, error.to_string()))
}

/// All files below the directories, in the order of their names, whose whole path matches `pattern` and whose directory
/// and file names are not on the lists of exclusions. A path that is no directory stands for itself.
///
/// # Errors
/// Directories that cannot be listed, expressions that cannot be understood.
pub fn files(
    paths: &[PathBuf],
    pattern: &str,
    excluded_files: &[String],
    excluded_directories: &[String],
) -> Result<Vec<PathBuf>> {
    let pattern = whole("file_name_pattern", pattern)?;
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() {
            below(path, excluded_directories, &mut |file| {
                let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
                if pattern.is_match(&file.to_string_lossy()) && !excluded_files.contains(&name) {
                    found.push(file.to_owned());
                }
            })?;
        } else {
            found.push(path.clone());
        }
    }
    Ok(found)
}

fn below(directory: &Path, excluded: &[String], take: &mut impl FnMut(&Path)) -> Result<()> {
    let entries = std::fs::read_dir(directory).map_err(|error| TauError::io(directory, error))?;
    let mut paths: Vec<PathBuf> = Vec::new();
    for entry in entries {
        paths.push(entry.map_err(|error| TauError::io(directory, error))?.path());
    }
    paths.sort();
    for path in paths {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if !path.is_dir() {
            take(&path);
        } else if !excluded.contains(&name) {
            below(&path, excluded, take)?;
        }
    }
    Ok(())
}

/// Name of the directory that a file lies in: the name of its data set.
pub fn dataset(path: &Path) -> String {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let parent = absolute.parent().and_then(Path::file_name);
    parent.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_below_directories_in_order() {
        let dir = tempfile::tempdir().unwrap();
        for file in ["b/2.root", "b/1.root", "a/x.root", "a/x.txt", "skip/y.root", "b/not.root"] {
            let path = dir.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let found = files(&[dir.path().to_owned()], r".*\.root", &["not.root".into()], &["skip".into()]).unwrap();
        let shown: Vec<_> = found.iter().map(|path| path.strip_prefix(dir.path()).unwrap().to_owned()).collect();
        assert_eq!(shown, ["a/x.root", "b/1.root", "b/2.root"].map(PathBuf::from));
        assert_eq!(dataset(found.first().unwrap()), "a");
        assert!(files(&[], "(", &[], &[]).is_err());
    }
}
