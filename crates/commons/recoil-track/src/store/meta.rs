//! `meta.yaml` of experiments and runs: MLflow's keys, read fast where the YAML is plain.

use crate::error::{Result, TrackError};
use crate::record::{Experiment, RunInfo, Status};
use serde_json::Value as Json;
use std::borrow::Cow;
use std::fmt::Write as _;
use std::path::Path;

/// A mapping of words; null values are left out.
#[derive(Default)]
struct Meta<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl Meta<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().rev().find(|(own, _)| own == key).map(|(_, value)| value.as_ref())
    }

    fn take(&self, path: &Path, key: &str) -> Result<String> {
        self.get(key).map(str::to_owned).ok_or_else(|| TrackError::damaged(path, format!("the key '{key}' is missing")))
    }

    fn number(&self, path: &Path, key: &str) -> Result<Option<i64>> {
        let parse = |text: &str| text.parse().map_err(|_| TrackError::damaged(path, format!("{key} is '{text}'")));
        self.get(key).map(parse).transpose()
    }
}

fn parse<'a>(path: &Path, text: &'a str) -> Result<Meta<'a>> {
    if let Some(meta) = parse_plain(text) {
        return Ok(meta);
    }
    let whole: Json =
        serde_saphyr::from_str(text).map_err(|error| TrackError::damaged(path, format!("is not YAML: {error}")))?;
    let Json::Object(whole) = whole else {
        return Err(TrackError::damaged(path, "is not a mapping"));
    };
    let word = |(key, value): (String, Json)| {
        let value = match value {
            Json::Null => return None,
            Json::String(text) => text,
            other => other.to_string(),
        };
        Some((key.into(), value.into()))
    };
    Ok(Meta(whole.into_iter().filter_map(word).collect()))
}

/// Lines of `key: value` as MLflow writes them; `None` if there is anything else, which a real parser then reads.
fn parse_plain(text: &str) -> Option<Meta<'_>> {
    let mut found = Vec::with_capacity(16);
    for line in text.lines() {
        let (key, value) = line.split_once(':')?;
        if key.is_empty() || !key.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_') {
            return None;
        }
        let value = value.strip_prefix(' ').unwrap_or(value);
        let value: Cow<'_, str> = match value.as_bytes() {
            [] | b"null" | b"~" => continue,
            [b'\'', inner @ .., b'\''] => {
                let inner = std::str::from_utf8(inner).ok()?;
                let single = inner.replace("''", "");
                if single.contains('\'') {
                    return None;
                }
                if single.len() == inner.len() { inner.into() } else { inner.replace("''", "'").into() }
            }
            [b'"', inner @ .., b'"'] if !inner.contains(&b'\\') && !inner.contains(&b'"') => {
                std::str::from_utf8(inner).ok()?.into()
            }
            [first, ..] if first.is_ascii_alphanumeric() || *first == b'/' || *first == b'.' => {
                if value.contains(" #") || value.contains(": ") || value.ends_with(':') || value.ends_with(' ') {
                    return None;
                }
                value.into()
            }
            b"[]" => continue,
            _ => return None,
        };
        found.push((key.into(), value));
    }
    (!found.is_empty()).then_some(Meta(found))
}

/// A word in double quotes that every YAML reader takes for text.
fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            // what YAML does not take as it is
            '\0'..='\x1f' | '\x7f'..='\u{a0}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            _ => out.push(c),
        }
    }
    out.push('"');
    out
}

fn lifecycle(deleted: bool) -> &'static str {
    if deleted { "deleted" } else { "active" }
}

pub(super) fn parse_run(path: &Path, text: &str) -> Result<RunInfo> {
    let meta = parse(path, text)?;
    let id = meta.take(path, "run_id").or_else(|error| meta.take(path, "run_uuid").map_err(|_| error))?;
    let status = meta.get("status").unwrap_or("1");
    let status = Status::parse(status)
        .ok_or_else(|| TrackError::damaged(path, format!("the status is '{status}', which is none")))?;
    Ok(RunInfo {
        name: meta.get("run_name").or_else(|| meta.get("name")).unwrap_or_default().to_owned(),
        id,
        experiment_id: meta.take(path, "experiment_id")?,
        status,
        start_ms: meta.number(path, "start_time")?.unwrap_or(0),
        end_ms: meta.number(path, "end_time")?,
        artifact_uri: meta.get("artifact_uri").unwrap_or_default().to_owned(),
        user: meta.get("user_id").unwrap_or_default().to_owned(),
        deleted: meta.get("lifecycle_stage") == Some("deleted"),
    })
}

pub(super) fn write_run(run: &RunInfo) -> String {
    let end = run.end_ms.map_or("null".to_owned(), |end| end.to_string());
    format!(
        "artifact_uri: {}\nend_time: {end}\nentry_point_name: ''\nexperiment_id: '{}'\nlifecycle_stage: {}\nrun_id: {}\n\
         run_name: {}\nsource_name: ''\nsource_type: 4\nsource_version: ''\nstart_time: {}\nstatus: {}\ntags: []\n\
         user_id: {}\n",
        quoted(&run.artifact_uri),
        run.experiment_id,
        lifecycle(run.deleted),
        quoted(&run.id),
        quoted(&run.name),
        run.start_ms,
        run.status as u8,
        quoted(&run.user),
    )
}

pub(super) fn parse_experiment(path: &Path, text: &str) -> Result<Experiment> {
    let meta = parse(path, text)?;
    Ok(Experiment {
        id: meta.take(path, "experiment_id")?,
        name: meta.take(path, "name")?,
        artifact_location: meta.get("artifact_location").unwrap_or_default().to_owned(),
        deleted: meta.get("lifecycle_stage") == Some("deleted"),
        created_ms: meta.number(path, "creation_time")?.unwrap_or(0),
    })
}

pub(super) fn write_experiment(experiment: &Experiment) -> String {
    format!(
        "artifact_location: {}\ncreation_time: {created}\nexperiment_id: '{}'\nlast_update_time: {created}\n\
         lifecycle_stage: {}\nname: {}\n",
        quoted(&experiment.artifact_location),
        experiment.id,
        lifecycle(experiment.deleted),
        quoted(&experiment.name),
        created = experiment.created_ms,
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn run(name: &str) -> RunInfo {
        RunInfo {
            id: "0123456789abcdef0123456789abcdef".into(),
            name: name.into(),
            experiment_id: "507579849516859431".into(),
            status: Status::Finished,
            start_ms: 1_795_336_466_012,
            end_ms: None,
            artifact_uri: "file:///tmp/a".into(),
            user: "unknown".into(),
            deleted: false,
        }
    }

    #[test]
    fn files_of_mlflow_are_read() {
        let text = "artifact_uri: file:///tmp/fs/5/dd/artifacts\nend_time: 1795336466043\nentry_point_name: ''\n\
                    experiment_id: '5'\nlifecycle_stage: active\nrun_id: dd415988231041029689e52a9f3d011d\n\
                    run_name: 'näme: ''x'' #1'\nsource_name: ''\nsource_type: 4\nsource_version: ''\n\
                    start_time: 1795336466012\nstatus: 3\ntags: []\nuser_id: unknown\n";
        assert!(parse_plain(text).is_some());
        let run = parse_run(Path::new("meta.yaml"), text).unwrap();
        assert_eq!(
            (run.name.as_str(), run.status, run.end_ms),
            ("näme: 'x' #1", Status::Finished, Some(1795336466043))
        );
        assert_eq!(run.experiment_id, "5");
        // long names are folded
        let folded = text.replace("'näme: ''x'' #1'", "one two\n  three");
        assert_eq!(parse_run(Path::new("meta.yaml"), &folded).unwrap().name, "one two three");
    }

    #[test]
    fn damaged_files_are_refused() {
        for text in ["", "run_id: a", "- 1", "{", "run_id: a\nexperiment_id: '1'\nstatus: 9\n", "a: 'b", "\0"] {
            let error = parse_run(Path::new("x/meta.yaml"), text).unwrap_err().to_string();
            assert!(error.starts_with("x/meta.yaml"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_name_comes_back(name in "\\PC*|.*") {
            let written = run(&name);
            let read = parse_run(Path::new("m"), &write_run(&written)).unwrap();
            prop_assert_eq!(read, written);
        }
    }
}
