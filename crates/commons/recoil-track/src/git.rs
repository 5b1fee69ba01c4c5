//! The state of the source code that a run was started in, as `git` tells it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

/// Tags of the working tree that `folder` lies in; empty outside of one, or without `git`.
///
/// `mlflow.source.git.commit`, `.branch` and `.repoURL`, and `recoil.git.dirty`: `true` if a tracked file differs from
/// the commit.
pub fn tags(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let Some(commit) = git(folder, &["rev-parse", "HEAD"]) else { return found };
    found.insert("mlflow.source.git.commit".to_owned(), commit);
    let words = [
        ("mlflow.source.git.branch", ["rev-parse", "--abbrev-ref", "HEAD"].as_slice()),
        ("mlflow.source.git.repoURL", ["config", "--get", "remote.origin.url"].as_slice()),
    ];
    for (tag, words) in words {
        if let Some(text) = git(folder, words).filter(|text| !text.is_empty() && text != "HEAD") {
            found.insert(tag.to_owned(), without_password(&text));
        }
    }
    if let Some(changes) = git(folder, &["status", "--porcelain", "--untracked-files=no"]) {
        found.insert("recoil.git.dirty".to_owned(), (!changes.is_empty()).to_string());
    }
    found
}

fn git(folder: &Path, words: &[&str]) -> Option<String> {
    let mut command = Command::new("git");
    command.current_dir(folder).args(words).stdin(Stdio::null()).stderr(Stdio::null());
    // reading the state must not take the lock of somebody who is committing
    let output = command.env("GIT_OPTIONAL_LOCKS", "0").output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// An address without the user and password before its host.
fn without_password(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
            let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
            format!("{scheme}://{host}/{path}")
        }
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_recorded() {
        assert_eq!(without_password("https://me:secret@host/a.git"), "https://host/a.git");
        assert_eq!(without_password("git@host:a.git"), "git@host:a.git");
    }
}
