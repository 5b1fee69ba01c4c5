//! A run on a server while it is written.

use super::http::Http;
use crate::error::{Result, TrackError};
use crate::name::{self, LONGEST_PARAMETER, LONGEST_TAG};
use crate::record::{Point, RunInfo, Status, now_ms, number};
use serde_json::{Value as Json, json};
use std::path::Path;

/// Most parameters or tags of a call.
const MOST_WORDS: usize = 100;
/// Most metrics of a call.
const MOST_METRICS: usize = 1000;
/// Scheme of artifacts that the server keeps.
const SERVED: &str = "mlflow-artifacts:";

/// A run that this process writes. Metrics that a server did not take wait for the next call.
#[derive(Debug)]
pub struct ServerRun {
    http: Http,
    info: RunInfo,
    waiting: Vec<Json>,
}

impl ServerRun {
    pub(super) fn new(http: Http, info: RunInfo) -> Self {
        Self { http, info, waiting: Vec::new() }
    }

    /// Id, name, state.
    pub fn info(&self) -> &RunInfo {
        &self.info
    }

    fn words(&self, kind: &'static str, key: &str, longest: usize, words: &[(String, String)]) -> Result<()> {
        for (name, _) in words {
            name::check(kind, name)?;
        }
        for words in words.chunks(MOST_WORDS) {
            let words: Vec<Json> =
                words.iter().map(|(name, value)| json!({"key": name, "value": name::cut(value, longest)})).collect();
            self.http.post("runs/log-batch", &json!({"run_id": self.info.id, key: words}))?;
        }
        Ok(())
    }

    /// Sets tags.
    ///
    /// # Errors
    /// A wrong name, a server that refuses or does not answer.
    pub fn tags(&self, tags: &[(String, String)]) -> Result<()> {
        self.words("tag", "tags", LONGEST_TAG, tags)
    }

    /// Records parameters.
    ///
    /// # Errors
    /// As [`ServerRun::tags`].
    pub fn parameters(&self, parameters: &[(String, String)]) -> Result<()> {
        self.words("parameter", "params", LONGEST_PARAMETER, parameters)
    }

    /// Records values of metrics.
    ///
    /// # Errors
    /// As [`ServerRun::tags`]; the values are sent again with the next ones.
    pub fn metrics(&mut self, points: &[(&str, Point)]) -> Result<()> {
        for (name, Point { value, step, time_ms }) in points {
            name::check("metric", name)?;
            self.waiting.push(json!({"key": name, "value": number(*value), "step": step, "timestamp": time_ms}));
        }
        while !self.waiting.is_empty() {
            let count = self.waiting.len().min(MOST_METRICS);
            let first = self.waiting.get(..count).unwrap_or_default();
            self.http.post("runs/log-batch", &json!({"run_id": self.info.id, "metrics": first}))?;
            self.waiting.drain(..count);
        }
        Ok(())
    }

    /// Sends a file to the artifacts as `path`.
    ///
    /// # Errors
    /// A file that cannot be read, a server that keeps artifacts where only its own client can write.
    pub fn artifact(&self, source: &Path, path: &str) -> Result<()> {
        let uri = &self.info.artifact_uri;
        if let Some(rest) = uri.strip_prefix(SERVED) {
            // mlflow-artifacts:/1/… and mlflow-artifacts://host/1/…
            let home = rest.strip_prefix("//").and_then(|rest| rest.split_once('/')).map_or(rest, |(_, home)| home);
            return self.http.put_artifact(&format!("{}/{path}", home.trim_matches('/')), source);
        }
        match name::local_path(uri) {
            Some(home) => {
                let target = home.join(path);
                let copy = || {
                    std::fs::create_dir_all(target.parent().unwrap_or(&home))?;
                    std::fs::copy(source, &target)
                };
                copy().map(|_| ()).map_err(|source| TrackError::Io { doing: "write", path: target.clone(), source })
            }
            None => Err(TrackError::Store {
                store: uri.clone(),
                message: "cannot send artifacts there; start the server with --serve-artifacts".into(),
            }),
        }
    }

    /// Ends the run.
    ///
    /// # Errors
    /// A server that refuses or does not answer.
    pub fn finish(&mut self, status: Status) -> Result<()> {
        let sent = self.metrics(&[]);
        self.info.status = status;
        let end = now_ms();
        self.info.end_ms = Some(end);
        let request = json!({"run_id": self.info.id, "status": status.name(), "end_time": end});
        self.http.post("runs/update", &request)?;
        sent
    }
}
