//! Which rows of which files a job reads.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::groups::Group;
use crate::error::{Result, TauError};

/// A file of the list of inputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedFile {
    /// Name of its directory: the data set.
    pub dataset: String,
    /// Its own name.
    pub name: String,
    /// Number of its rows.
    pub rows: u64,
}

/// Reads a list with lines `.../DIRECTORY/FILE ROWS`.
///
/// # Errors
/// Lines that cannot be understood.
pub fn read_list(path: &Path) -> Result<Vec<ListedFile>> {
    let text = std::fs::read_to_string(path).map_err(|error| TauError::io(path, error))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let mut files = Vec::new();
    for (number, line) in lines {
        let entry = line.trim().rsplit_once(char::is_whitespace).and_then(|(path, rows)| {
            let path = Path::new(path.trim());
            let part = |name: Option<&std::ffi::OsStr>| name.map(|name| name.to_string_lossy().into_owned());
            let dataset = part(path.parent().and_then(Path::file_name))?;
            Some(ListedFile { dataset, name: part(path.file_name())?, rows: rows.parse().ok()? })
        });
        files.push(entry.ok_or_else(|| TauError::Line {
            file: path.display().to_string(),
            line: number + 1,
            reason: "a file is written DIRECTORY/FILE ROWS".into(),
        })?);
    }
    Ok(files)
}

/// Rows of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Where the file lies.
    pub path: PathBuf,
    /// Data set of the file.
    pub dataset: String,
    /// The rows.
    pub rows: Range<u64>,
}

/// What a job reads of a group.
#[derive(Clone, Debug)]
pub struct GroupPlan {
    /// The group.
    pub group: Group,
    /// Data sets in it, by name.
    pub datasets: BTreeSet<String>,
    /// Rows of all its files.
    pub all_rows: u64,
    /// What the job reads, in the order of the list.
    pub segments: Vec<Segment>,
}

impl GroupPlan {
    /// Rows that the job reads.
    pub fn rows(&self) -> u64 {
        self.segments.iter().map(|segment| segment.rows.end - segment.rows.start).sum()
    }
}

/// What a job reads.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The groups, by name.
    pub groups: Vec<GroupPlan>,
    /// Files of the list that belong to no group.
    pub unused: Vec<ListedFile>,
    /// Rows that no job reads, because the number of jobs does not divide them.
    pub left_over: u64,
}

/// Part `job` of `jobs`: numbers `[job · step, (job + 1) · step)` of each group, with step = rows / jobs rounded down.
/// What is left over goes to the last job if `overflow` is set.
///
/// # Errors
/// Files in two groups, groups without files or without a row for the job.
pub fn plan(
    groups: Vec<Group>,
    files: &[ListedFile],
    prefix: &Path,
    (job, jobs): (u64, u64),
    overflow: bool,
) -> Result<Plan> {
    let mut used: Vec<Option<String>> = vec![None; files.len()];
    let mut plans = Vec::new();
    let mut left_over = 0;
    for group in groups {
        let mut mine = Vec::new();
        for (file, owner) in files.iter().zip(&mut used) {
            if !group.directories.is_match(&file.dataset) || !group.files.is_match(&file.name) {
                continue;
            }
            if let Some(other) = owner {
                let reason = format!("{}/{} belongs to the groups {other} and {}", file.dataset, file.name, group.name);
                return Err(TauError::config("cfg", reason));
            }
            *owner = Some(group.name.clone());
            mine.push(file);
        }
        let all_rows: u64 = mine.iter().map(|file| file.rows).sum();
        let step = all_rows / jobs.max(1);
        let end = if overflow && job + 1 == jobs { all_rows } else { (job + 1) * step };
        if job * step >= end {
            let reason = format!("the group {} has {all_rows} rows, too few for {jobs} jobs", group.name);
            return Err(TauError::config("n_jobs", reason));
        }
        left_over += if overflow { 0 } else { all_rows - step * jobs };
        let segments = cut(&mine, prefix, job * step..end);
        let datasets = mine.iter().map(|file| file.dataset.clone()).collect();
        plans.push(GroupPlan { group, datasets, all_rows, segments });
    }
    let unused = files.iter().zip(used).filter(|(_, owner)| owner.is_none()).map(|(file, _)| file.clone()).collect();
    Ok(Plan { groups: plans, unused, left_over })
}

/// The rows `wanted` of files that are numbered through.
fn cut(files: &[&ListedFile], prefix: &Path, wanted: Range<u64>) -> Vec<Segment> {
    let mut first = 0;
    let mut segments = Vec::new();
    for file in files {
        let here = wanted.start.max(first)..wanted.end.min(first + file.rows);
        if here.start < here.end {
            segments.push(Segment {
                path: prefix.join(&file.dataset).join(&file.name),
                dataset: file.dataset.clone(),
                rows: here.start - first..here.end - first,
            });
        }
        first += file.rows;
    }
    segments
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn listed(dataset: &str, name: &str, rows: u64) -> ListedFile {
        ListedFile { dataset: dataset.into(), name: name.into(), rows }
    }

    fn segments(job: u64, jobs: u64, overflow: bool) -> Vec<(String, Range<u64>)> {
        let groups = super::super::groups::parse("A: dir=a.* types=e", "cfg").unwrap();
        let files = [listed("a1", "x", 5), listed("b", "y", 9), listed("a2", "z", 6)];
        let plan = plan(groups, &files, Path::new("/in"), (job, jobs), overflow).unwrap();
        assert_eq!(plan.unused, [listed("b", "y", 9)]);
        let segments = plan.groups[0].segments.iter();
        segments.map(|segment| (segment.path.display().to_string(), segment.rows.clone())).collect()
    }

    #[test]
    fn jobs_share_the_rows() {
        assert_eq!(segments(0, 3, false), [("/in/a1/x".into(), 0..3)]);
        assert_eq!(segments(1, 3, false), [("/in/a1/x".into(), 3..5), ("/in/a2/z".into(), 0..1)]);
        assert_eq!(segments(2, 3, false), [("/in/a2/z".into(), 1..4)]);
        assert_eq!(segments(2, 3, true), [("/in/a2/z".into(), 1..6)]);
    }

    #[test]
    fn numbers_beyond_31_bits_are_fine() {
        let groups = super::super::groups::parse("A: dir=a types=e", "cfg").unwrap();
        let files = [listed("a", "x", 3_000_000_000), listed("a", "y", 3_000_000_000)];
        let plan = plan(groups, &files, Path::new(""), (1, 2), false).unwrap();
        assert_eq!(plan.groups[0].all_rows, 6_000_000_000);
        assert_eq!(plan.groups[0].segments[0].rows, 0..3_000_000_000);
    }

    #[test]
    fn two_groups_cannot_share_a_file() {
        let groups = super::super::groups::parse("A: dir=a types=e\nB: dir=a types=mu", "cfg").unwrap();
        let error = plan(groups, &[listed("a", "x", 5)], Path::new(""), (0, 1), false).unwrap_err();
        assert!(error.to_string().contains("belongs to the groups A and B"));
    }
}
