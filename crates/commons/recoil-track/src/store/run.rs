//! A run of a store on disk while it is written.

use super::files::{self, Place};
use super::{ARTIFACTS, META, METRICS, PARAMETERS, TAGS, meta};
use crate::error::{At as _, Result, TrackError};
use crate::name::{self, LONGEST_PARAMETER, LONGEST_TAG};
use crate::record::{Point, RunInfo, Status, now_ms};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// A run that this process writes.
#[derive(Debug)]
pub struct FileRun {
    folder: PathBuf,
    info: RunInfo,
}

impl FileRun {
    pub(super) fn begin(folder: PathBuf, info: RunInfo, tags: &BTreeMap<String, String>) -> Result<Self> {
        for part in [METRICS, PARAMETERS, TAGS, ARTIFACTS] {
            let path = folder.join(part);
            std::fs::create_dir_all(&path).at("create the directory", &path)?;
        }
        let run = Self { folder, info };
        run.tag("mlflow.runName", &run.info.name)?;
        for (key, value) in tags {
            run.tag(key, value)?;
        }
        // with this the run begins to exist for readers
        run.write_meta()?;
        Ok(run)
    }

    /// Id, name, state.
    pub fn info(&self) -> &RunInfo {
        &self.info
    }

    fn write_meta(&self) -> Result<()> {
        let text = meta::write_run(&self.info);
        files::place(&self.folder, &self.folder.join(META), text.as_bytes(), Place::Replace).map(|_| ())
    }

    /// Sets a tag.
    ///
    /// # Errors
    /// A wrong name, a file that cannot be written.
    pub fn tag(&self, key: &str, value: &str) -> Result<()> {
        name::check("tag", key)?;
        let value = name::cut(value, LONGEST_TAG);
        files::place(&self.folder, &self.folder.join(TAGS).join(key), value.as_bytes(), Place::Replace).map(|_| ())
    }

    /// Records a parameter. It can be given again, but not with another value.
    ///
    /// # Errors
    /// A wrong name, another value, a file that cannot be written.
    pub fn parameter(&self, key: &str, value: &str) -> Result<()> {
        name::check("parameter", key)?;
        let value = name::cut(value, LONGEST_PARAMETER);
        let path = self.folder.join(PARAMETERS).join(key);
        if files::place(&self.folder, &path, value.as_bytes(), Place::Keep)? {
            return Ok(());
        }
        let old = files::text(&path)?;
        if old == value {
            return Ok(());
        }
        Err(TrackError::Parameter { run: self.info.id.clone(), name: key.into(), old, new: value.into() })
    }

    /// Records values of a metric.
    ///
    /// # Errors
    /// A wrong name, a file that cannot be written.
    pub fn metric(&self, key: &str, points: &[Point]) -> Result<()> {
        name::check("metric", key)?;
        if points.is_empty() {
            return Ok(());
        }
        let mut lines = String::new();
        for Point { value, step, time_ms } in points {
            let _ = match value {
                value if value.is_nan() => writeln!(lines, "{time_ms} nan {step}"),
                value => writeln!(lines, "{time_ms} {value:?} {step}"),
            };
        }
        files::append(&self.folder, &self.folder.join(METRICS).join(key), &lines)
    }

    /// Copies a file to the artifacts, as `path`.
    ///
    /// # Errors
    /// A file that cannot be read or written, a store whose artifacts lie elsewhere.
    pub fn artifact(&self, source: &Path, path: &str) -> Result<()> {
        let content = std::fs::read(source).at("read", source)?;
        let path = Path::new(path);
        let Some(home) = name::local_path(&self.info.artifact_uri) else {
            let message =
                format!("artifacts of this experiment lie at {}, which is not on disk", self.info.artifact_uri);
            return Err(TrackError::damaged(&self.folder, message));
        };
        if !name::is_inside(path) {
            return Err(TrackError::damaged(path, "is not inside the artifacts"));
        }
        std::fs::create_dir_all(&home).at("create the directory", &home)?;
        // the scratch folder must be on the disk of the artifacts
        files::place(&home, &home.join(path), &content, Place::Replace).map(|_| ())
    }

    /// Ends the run.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn finish(&mut self, status: Status) -> Result<()> {
        self.info.status = status;
        self.info.end_ms = Some(now_ms());
        self.write_meta()
    }
}
