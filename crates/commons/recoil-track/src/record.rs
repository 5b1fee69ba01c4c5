//! What a record holds: experiments, runs, parameters, metrics, tags.

use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// State of a run, with MLflow's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// Under way, or killed without a last word.
    Running = 1,
    /// Not begun.
    Scheduled = 2,
    /// Ended well.
    Finished = 3,
    /// Ended with an error.
    Failed = 4,
    /// Stopped by the user.
    Killed = 5,
}

impl Status {
    const ALL: [Self; 5] = [Self::Running, Self::Scheduled, Self::Finished, Self::Failed, Self::Killed];

    /// The name that servers use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Scheduled => "SCHEDULED",
            Self::Finished => "FINISHED",
            Self::Failed => "FAILED",
            Self::Killed => "KILLED",
        }
    }

    /// The state with this name or number.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == text || (*status as u8).to_string() == text)
    }
}

/// A group of runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Experiment {
    /// Its id: a word of letters, digits, `_` and `-`.
    pub id: String,
    /// Its name, unique in a store.
    pub name: String,
    /// Address under which artifacts of its runs lie.
    pub artifact_location: String,
    /// Whether it was deleted, which can be undone.
    pub deleted: bool,
    /// Creation in ms since 1970.
    pub created_ms: i64,
}

/// What is known of a run without its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunInfo {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Id of its experiment.
    pub experiment_id: String,
    /// State.
    pub status: Status,
    /// Start in ms since 1970.
    pub start_ms: i64,
    /// End in ms since 1970.
    pub end_ms: Option<i64>,
    /// Address of its artifacts.
    pub artifact_uri: String,
    /// Who started it.
    pub user: String,
    /// Whether it was deleted, which can be undone.
    pub deleted: bool,
}

impl RunInfo {
    /// Duration in seconds, if it has ended.
    pub fn seconds(&self) -> Option<f64> {
        self.end_ms.map(|end| (end - self.start_ms) as f64 / 1e3)
    }
}

/// A value of a metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The value; may be infinite or not a number.
    pub value: f64,
    /// Epoch or other count.
    pub step: i64,
    /// When, in ms since 1970.
    pub time_ms: i64,
}

impl Point {
    /// MLflow's order of the values of a metric: by step, time, value.
    pub(crate) fn later_than(&self, other: &Self) -> bool {
        let order = (self.step, self.time_ms).cmp(&(other.step, other.time_ms));
        order.then_with(|| self.value.total_cmp(&other.value)).is_gt()
    }
}

/// A run with its values.
#[derive(Clone, Debug)]
pub struct Record {
    /// Id, name, state, times.
    pub info: RunInfo,
    /// Name of its experiment.
    pub experiment: Arc<str>,
    /// Parameters by name.
    pub parameters: BTreeMap<String, String>,
    /// Latest value of every metric.
    pub metrics: BTreeMap<String, Point>,
    /// Tags by name.
    pub tags: BTreeMap<String, String>,
}

impl Record {
    /// All of it as one JSON object. Numbers that JSON lacks are the words `NaN`, `Infinity`, `-Infinity`.
    pub fn to_json(&self) -> Json {
        let metrics = self.metrics.iter().map(|(name, point)| (name.clone(), number(point.value)));
        json!({
            "run_id": self.info.id,
            "run_name": self.info.name,
            "experiment": self.experiment.as_ref(),
            "experiment_id": self.info.experiment_id,
            "status": self.info.status.name(),
            "start_time": self.info.start_ms,
            "end_time": self.info.end_ms,
            "user": self.info.user,
            "artifact_uri": self.info.artifact_uri,
            "deleted": self.info.deleted,
            "params": self.parameters,
            "metrics": Json::Object(metrics.collect()),
            "tags": self.tags,
        })
    }
}

/// A number as JSON, in the way of MLflow's servers.
pub fn number(value: f64) -> Json {
    match value {
        _ if value.is_nan() => "NaN".into(),
        f64::INFINITY => "Infinity".into(),
        f64::NEG_INFINITY => "-Infinity".into(),
        _ => value.into(),
    }
}

/// Now, in ms since 1970.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
