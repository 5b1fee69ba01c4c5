//! MLflow's tracking servers, through their REST interface (version 2.0).

mod http;
mod run;

pub use run::ServerRun;

use crate::error::{Result, TrackError};
use crate::name::is_id;
use crate::record::{Experiment, Point, Record, RunInfo, Status};
use crate::session::NewRun;
use crate::store::{Listing, Query, check_experiment, user};
use http::Http;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A server.
#[derive(Debug, Clone)]
pub struct Server {
    http: Http,
}

impl Server {
    /// The server at an address `http://…` or `https://…`. `MLFLOW_TRACKING_USERNAME` and `MLFLOW_TRACKING_PASSWORD`, or
    /// `MLFLOW_TRACKING_TOKEN`, log in; `MLFLOW_TRACKING_SERVER_CERT_PATH` names certificates to trust (PEM), and
    /// `MLFLOW_TRACKING_INSECURE_TLS=true` trusts any.
    ///
    /// # Errors
    /// Certificates that cannot be read.
    pub fn new(url: &str) -> Result<Self> {
        Ok(Self { http: Http::new(url)? })
    }

    /// Its address.
    pub fn url(&self) -> &str {
        self.http.base()
    }

    fn get_experiment(&self, name: &str) -> Result<Option<Experiment>> {
        match self.http.get("experiments/get-by-name", &[("experiment_name", name)]) {
            Ok(found) => Ok(found.get("experiment").map(experiment)),
            Err(TrackError::Server { status: Some(404), message, .. })
                if message.contains("RESOURCE_DOES_NOT_EXIST") =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The experiment of this name, made if it is not there.
    ///
    /// # Errors
    /// A wrong name, a deleted experiment, a server that does not answer.
    pub fn experiment(&self, name: &str) -> Result<Experiment> {
        check_experiment(name)?;
        let known = match self.get_experiment(name)? {
            Some(found) => Some(found),
            None => match self.http.post("experiments/create", &json!({ "name": name })) {
                Ok(_) => self.get_experiment(name)?,
                // another process was faster
                Err(error) => self.get_experiment(name)?.map(Some).ok_or(error)?,
            },
        };
        match known {
            Some(found) if found.deleted => {
                let message = "was deleted: restore it or take another name".into();
                Err(TrackError::Name { kind: "experiment", name: name.into(), message })
            }
            Some(found) => Ok(found),
            None => Err(TrackError::Missing(format!("the server did not make the experiment '{name}'"))),
        }
    }

    /// Starts a run.
    ///
    /// # Errors
    /// A server that refuses or does not answer.
    pub fn start(&self, experiment: &Experiment, new: &NewRun) -> Result<ServerRun> {
        let mut tags: Vec<Json> = new.tags.iter().map(|(key, value)| json!({"key": key, "value": value})).collect();
        if !new.name.is_empty() {
            tags.push(json!({"key": "mlflow.runName", "value": new.name}));
        }
        let mut request = json!({
            "experiment_id": experiment.id,
            "user_id": user(),
            "start_time": crate::record::now_ms(),
            "tags": tags,
        });
        if let (false, Some(object)) = (new.name.is_empty(), request.as_object_mut()) {
            object.insert("run_name".into(), new.name.clone().into());
        }
        let made = self.http.post("runs/create", &request)?;
        let found = made.get("run").and_then(|run| record(run, &"".into()));
        let found = found.ok_or_else(|| self.http.unexpected("runs/create", &made))?;
        Ok(ServerRun::new(self.http.clone(), found.info))
    }

    /// The id of a run named `name` that others belong to, made if it is not there.
    ///
    /// # Errors
    /// A server that refuses or does not answer.
    pub fn parent(&self, experiment: &Experiment, name: &str) -> Result<String> {
        let query = Query { experiments: vec![experiment.name.clone()], ..Query::default() };
        let known = self.runs(&query)?.records.into_iter().find(|run| run.info.name == name && is_top(run));
        if let Some(known) = known {
            return Ok(known.info.id);
        }
        let mut run = self.start(experiment, &NewRun { name: name.into(), ..NewRun::default() })?;
        run.finish(Status::Finished)?;
        Ok(run.info().id.clone())
    }

    /// All experiments.
    ///
    /// # Errors
    /// A server that does not answer.
    pub fn experiments(&self) -> Result<Vec<Experiment>> {
        let request = json!({"max_results": 1000, "view_type": "ALL"});
        let mut found = Vec::new();
        self.http.pages("experiments/search", request, "experiments", |one| found.push(experiment(one)))?;
        Ok(found)
    }

    /// Runs by experiment, with all their values.
    ///
    /// # Errors
    /// A server that does not answer, an experiment that is not there.
    pub fn runs(&self, query: &Query) -> Result<Listing> {
        let all = self.experiments()?;
        let asked = |experiment: &&Experiment| {
            let named = query.experiments.iter().any(|name| [&experiment.name, &experiment.id].contains(&name));
            (query.experiments.is_empty() || named) && (query.deleted || !experiment.deleted)
        };
        for name in &query.experiments {
            if !all.iter().any(|experiment| [&experiment.name, &experiment.id].contains(&name)) {
                return Err(TrackError::Missing(format!("there is no experiment '{name}' on {}", self.url())));
            }
        }
        let names: BTreeMap<&str, Arc<str>> =
            all.iter().filter(asked).map(|one| (one.id.as_str(), one.name.as_str().into())).collect();
        let mut listing = Listing::default();
        let ids: Vec<&str> = names.keys().copied().collect();
        for ids in ids.chunks(100) {
            let view = if query.deleted { "ALL" } else { "ACTIVE_ONLY" };
            let request = json!({"experiment_ids": ids, "max_results": 1000, "run_view_type": view});
            self.http.pages("runs/search", request, "runs", |run| {
                let experiment = run.pointer("/info/experiment_id").and_then(Json::as_str);
                let name = experiment.and_then(|id| names.get(id)).cloned().unwrap_or_else(|| "".into());
                listing.records.extend(record(run, &name));
            })?;
        }
        listing.sort();
        Ok(listing)
    }

    /// All values of a metric of a run.
    ///
    /// # Errors
    /// A server that does not answer.
    pub fn history(&self, run: &Record, metric: &str) -> Result<Vec<Point>> {
        let found = self.http.get("metrics/get-history", &[("run_id", &run.info.id), ("metric_key", metric)])?;
        Ok(list(&found, "metrics").iter().filter_map(point).collect())
    }

    /// Paths of the artifacts of a run with their sizes in bytes.
    ///
    /// # Errors
    /// A server that does not answer.
    pub fn artifacts(&self, run: &Record) -> Result<Vec<(String, u64)>> {
        let (mut found, mut folders) = (Vec::new(), vec![String::new()]);
        while let Some(folder) = folders.pop() {
            let listed = self.http.get("artifacts/list", &[("run_id", &run.info.id), ("path", &folder)])?;
            for file in list(&listed, "files") {
                let path = text(file, "path");
                if file.get("is_dir").and_then(Json::as_bool) == Some(true) {
                    folders.push(path);
                } else {
                    found.push((path, integer(file, "file_size").unwrap_or(0).unsigned_abs()));
                }
            }
        }
        found.sort();
        Ok(found)
    }
}

fn is_top(run: &Record) -> bool {
    is_id(&run.info.id) && !run.tags.contains_key("mlflow.parentRunId")
}

fn list<'a>(json: &'a Json, key: &str) -> &'a [Json] {
    json.get(key).and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn text(json: &Json, key: &str) -> String {
    json.get(key).and_then(Json::as_str).unwrap_or_default().to_owned()
}

/// Numbers of 64 bits come as numbers or words.
fn integer(json: &Json, key: &str) -> Option<i64> {
    let value = json.get(key)?;
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

fn experiment(json: &Json) -> Experiment {
    Experiment {
        id: text(json, "experiment_id"),
        name: text(json, "name"),
        artifact_location: text(json, "artifact_location"),
        deleted: text(json, "lifecycle_stage") == "deleted",
        created_ms: integer(json, "creation_time").unwrap_or(0),
    }
}

fn point(json: &Json) -> Option<Point> {
    let value = json.get("value")?;
    let value = value.as_f64().or_else(|| value.as_str()?.parse().ok())?;
    let (step, time_ms) = (integer(json, "step").unwrap_or(0), integer(json, "timestamp").unwrap_or(0));
    Some(Point { value, step, time_ms })
}

fn record(json: &Json, experiment: &Arc<str>) -> Option<Record> {
    let info = json.get("info")?;
    let empty = Json::Null;
    let data = json.get("data").unwrap_or(&empty);
    let words = |key: &str| list(data, key).iter().map(|one| (text(one, "key"), text(one, "value"))).collect();
    let tags: BTreeMap<String, String> = words("tags");
    let id = text(info, "run_id");
    let name = match text(info, "run_name") {
        name if name.is_empty() => tags.get("mlflow.runName").cloned().unwrap_or_default(),
        name => name,
    };
    Some(Record {
        info: RunInfo {
            id: if is_id(&id) { id } else { return None },
            name,
            experiment_id: text(info, "experiment_id"),
            status: Status::parse(&text(info, "status")).unwrap_or(Status::Running),
            start_ms: integer(info, "start_time").unwrap_or(0),
            end_ms: integer(info, "end_time").filter(|&end| end > 0),
            artifact_uri: text(info, "artifact_uri"),
            user: text(info, "user_id"),
            deleted: text(info, "lifecycle_stage") == "deleted",
        },
        experiment: experiment.clone(),
        parameters: words("params"),
        metrics: list(data, "metrics").iter().filter_map(|one| Some((text(one, "key"), point(one)?))).collect(),
        tags,
    })
}
