//! The groups of data sets that are merged.

use std::collections::BTreeSet;
use std::path::Path;

use regex::Regex;

use crate::data::input_list::whole;
use crate::data::truth::TauType;
use crate::error::{Result, TauError};

/// Data sets that are flattened together.
#[derive(Clone, Debug)]
pub struct Group {
    /// Name.
    pub name: String,
    /// Which directories belong to it.
    pub directories: Regex,
    /// Which files of them.
    pub files: Regex,
    /// Classes of the candidates that are taken.
    pub classes: BTreeSet<TauType>,
    /// Share in a mix without acceptance.
    pub share: Option<f64>,
}

/// Reads groups, one per line as `NAME: dir=REGEX file=REGEX types=e,mu`, in alphabetical order.
///
/// # Errors
/// Lines that cannot be understood, names that are there twice.
pub fn read(path: &Path) -> Result<Vec<Group>> {
    let text = std::fs::read_to_string(path).map_err(|error| TauError::io(path, error))?;
    parse(&text, &path.display().to_string())
}

/// As [`read`], of a text.
///
/// # Errors
/// As [`read`].
pub fn parse(text: &str, file: &str) -> Result<Vec<Group>> {
    let mut groups: Vec<Group> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or("").trim();
        if line.is_empty() {
            continue;
        }
        let refuse = |reason: String| TauError::Line { file: file.to_owned(), line: number + 1, reason };
        let group = group(line).map_err(refuse)?;
        if groups.iter().any(|known| known.name == group.name) {
            return Err(refuse(format!("the group '{}' is there twice", group.name)));
        }
        groups.push(group);
    }
    if groups.is_empty() {
        return Err(TauError::content(file, "there is no group in it"));
    }
    groups.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(groups)
}

fn group(line: &str) -> Result<Group, String> {
    let (name, rest) = line.split_once(':').ok_or("a group is written NAME: key=value ...")?;
    let (mut directories, mut files, mut classes, mut share) = (None, None, None, None);
    for word in words(rest) {
        let (key, value) = word.split_once('=').ok_or(format!("'{word}' is not key=value"))?;
        let value = value.trim_matches('"');
        let pattern = || whole(key, value).map_err(|error| error.to_string());
        match key {
            "dir" => directories = Some(pattern()?),
            "file" => files = Some(pattern()?),
            "types" => {
                let class = |name: &str| TauType::of_name(name.trim()).ok_or(format!("there is no class '{name}'"));
                classes = Some(value.split(',').map(class).collect::<Result<BTreeSet<_>, _>>()?);
            }
            "mix_p" => {
                let number = value.parse().ok().filter(|share: &f64| share.is_finite() && *share >= 0.0);
                share = Some(number.ok_or(format!("mix_p={value} is no share"))?);
            }
            other => return Err(format!("there is no key '{other}', only dir, file, types, mix_p")),
        }
    }
    Ok(Group {
        name: name.trim().to_owned(),
        directories: directories.ok_or("dir= is missing")?,
        files: match files {
            Some(files) => files,
            None => whole("file", ".*").map_err(|error| error.to_string())?,
        },
        classes: classes.ok_or("types= is missing")?,
        share,
    })
}

/// Words between spaces that are outside of double quotes.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut quoted) = (vec![String::new()], false);
    for letter in text.chars() {
        quoted ^= letter == '"';
        match words.last_mut() {
            Some(word) if quoted || !letter.is_whitespace() => word.push(letter),
            _ => words.push(String::new()),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_sorted_and_match_whole_names() {
        let text = "# all\nTT: dir=(TTJets.*|TTTo2L2Nu.*) file=eventTuple.* types=jet,e,mu,tau\nDY: dir=\"DY Jets\" types=e # x\n";
        let groups = parse(text, "cfg").unwrap();
        assert_eq!(groups.iter().map(|group| group.name.as_str()).collect::<Vec<_>>(), ["DY", "TT"]);
        assert!(groups[0].directories.is_match("DY Jets") && !groups[0].directories.is_match("DY Jets 2"));
        assert!(groups[1].directories.is_match("TTJets_x") && !groups[1].directories.is_match("noTTJets_x"));
        assert_eq!(groups[1].classes.len(), 4);
    }

    #[test]
    fn faults_name_the_line() {
        let fault = |text: &str| parse(text, "cfg").unwrap_err().to_string();
        assert_eq!(fault("A: dir=a types=e\nA: dir=b types=e"), "cfg: line 2: the group 'A' is there twice");
        assert_eq!(fault("\nA dir=a"), "cfg: line 2: a group is written NAME: key=value ...");
        assert_eq!(fault("A: dir=a types=electron"), "cfg: line 1: there is no class 'electron'");
        assert!(fault("A: dir=( types=e").contains("regex parse error"));
        assert_eq!(fault("# nothing"), "cfg: there is no group in it");
    }
}
