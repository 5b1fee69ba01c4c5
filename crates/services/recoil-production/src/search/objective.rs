//! What a search makes small or large.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::cmp::Ordering;
use std::path::Path;

/// Whether small or large values are good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Goal {
    /// Small ones.
    #[default]
    Min,
    /// Large ones.
    Max,
}

impl Goal {
    /// The better value first.
    pub fn order(self, a: f64, b: f64) -> Ordering {
        match self {
            Self::Min => a.total_cmp(&b),
            Self::Max => b.total_cmp(&a),
        }
    }
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// A value of what the stage reports, such as `best_loss`.
    Report(String),
    /// The best value in a column of a text table that the stage writes.
    Column {
        /// The file.
        file: String,
        /// The column.
        column: String,
    },
}

/// What a search is after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Objective {
    /// Where the value comes from.
    pub source: Source,
    /// Which values are good.
    pub goal: Goal,
}

/// Values of the objective during a training.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// Name of the first column, such as `step`.
    pub x: String,
    /// Its values and those of the objective.
    pub points: Vec<[f64; 2]>,
}

impl Objective {
    /// Its name.
    pub fn name(&self) -> &str {
        match &self.source {
            Source::Report(name) | Source::Column { column: name, .. } => name,
        }
    }

    /// The value of a run of the stage, and how it got there if that is known.
    ///
    /// # Errors
    /// A fragment when there is no such value, or none that is a finite number.
    pub fn read(&self, report: &Json, directory: &Path) -> Result<(f64, Option<Curve>), String> {
        match &self.source {
            Source::Report(name) => {
                let values = report.get("values").and_then(Json::as_object);
                let Some(value) = values.and_then(|values| values.get(name)) else {
                    let known = values.map(|values| values.keys().cloned().collect::<Vec<_>>().join(", "));
                    return Err(format!("the stage reports no '{name}' (it reports {})", known.unwrap_or_default()));
                };
                let value = value.as_f64().filter(|value| value.is_finite());
                value.map(|value| (value, None)).ok_or_else(|| format!("'{name}' is not a finite number"))
            }
            Source::Column { file, column } => {
                let path = directory.join(file);
                let text = std::fs::read_to_string(&path).map_err(|error| format!("cannot read {file}: {error}"))?;
                let curve = curve(&text, column).map_err(|message| format!("{file}: {message}"))?;
                let finite = curve.points.iter().map(|point| point[1]);
                let best = finite.min_by(|a, b| self.goal.order(*a, *b));
                let best = best.ok_or_else(|| format!("{file}: '{column}' has no finite number"))?;
                Ok((best, Some(curve)))
            }
        }
    }
}

/// A column of a text table against the first one, without what is not a finite number.
fn curve(text: &str, column: &str) -> Result<Curve, String> {
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap_or_default().split(',').map(str::trim).collect();
    let Some(index) = names.iter().position(|name| *name == column) else {
        return Err(format!("there is no column '{column}' (columns: {})", names.join(", ")));
    };
    let number = |cell: Option<&&str>| cell.and_then(|cell| cell.trim().parse::<f64>().ok()).filter(|x| x.is_finite());
    let point = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        Some([number(cells.first())?, number(cells.get(index))?])
    };
    let x = names.first().copied().unwrap_or_default().to_owned();
    Ok(Curve { x, points: lines.filter_map(point).collect() })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn values_come_from_tables_and_reports() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("h.csv"), "step,loss,val\n1,3,4.5\n2,2,nan\n3,1,4.25\n4,1,\n5,1,4.75\n")
            .unwrap();
        let column = |column: &str, goal| Objective {
            source: Source::Column { file: "h.csv".into(), column: column.into() },
            goal,
        };
        let (value, curve) = column("val", Goal::Min).read(&Json::Null, folder.path()).unwrap();
        let points = vec![[1.0, 4.5], [3.0, 4.25], [5.0, 4.75]];
        assert_eq!((value, curve), (4.25, Some(Curve { x: "step".into(), points })));
        assert_eq!(column("val", Goal::Max).read(&Json::Null, folder.path()).unwrap().0, 4.75);
        let wrong = column("vla", Goal::Min).read(&Json::Null, folder.path()).unwrap_err();
        assert!(wrong.contains("h.csv: there is no column 'vla' (columns: step, loss, val)"), "{wrong}");

        let report = serde_json::json!({"values": {"best_loss": 0.5, "none": null}});
        let named = |name: &str| Objective { source: Source::Report(name.into()), goal: Goal::Min };
        assert_eq!(named("best_loss").read(&report, folder.path()), Ok((0.5, None)));
        assert!(named("none").read(&report, folder.path()).unwrap_err().contains("finite"));
        let wrong = named("loss").read(&report, folder.path()).unwrap_err();
        assert!(wrong.contains("it reports best_loss, none"), "{wrong}");
    }
}
