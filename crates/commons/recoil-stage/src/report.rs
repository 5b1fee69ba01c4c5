//! What a run prints when it is done: numbers and tables, for people or as JSON.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::fmt::Write as _;

/// The printed result of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Named values in order.
    pub values: Vec<Named>,
    /// Tables in order.
    pub tables: Vec<ReportTable>,
    /// Parts of the work that failed although the run as a whole is good; exit code 5 if there are any.
    pub failed: Vec<String>,
}

/// One named value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Named {
    /// Name in JSON, such as `clusters` or `mean_response`.
    pub name: String,
    /// The value.
    pub value: Json,
    /// Its unit; empty for counts and ratios.
    pub unit: String,
}

/// A table of the report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReportTable {
    /// Name in JSON and heading.
    pub name: String,
    /// Column names, with units in brackets.
    pub columns: Vec<String>,
    /// One list of cells per row.
    pub rows: Vec<Vec<Json>>,
}

impl Report {
    /// An empty report.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a count, a ratio or a word.
    #[must_use]
    pub fn value(self, name: &str, value: impl Into<Json>) -> Self {
        self.quantity(name, value, "")
    }

    /// Adds a value with a unit.
    #[must_use]
    pub fn quantity(mut self, name: &str, value: impl Into<Json>, unit: &str) -> Self {
        self.values.push(Named { name: name.into(), value: value.into(), unit: unit.into() });
        self
    }

    /// Adds a table.
    #[must_use]
    pub fn table(mut self, name: &str, columns: &[&str], rows: Vec<Vec<Json>>) -> Self {
        let columns = columns.iter().map(ToString::to_string).collect();
        self.tables.push(ReportTable { name: name.into(), columns, rows });
        self
    }

    /// Notes a part of the work that failed.
    #[must_use]
    pub fn failure(mut self, what: impl Into<String>) -> Self {
        self.failed.push(what.into());
        self
    }

    /// One JSON object: `values` by name, `units` where there are any, `tables` as lists of objects, `failed`.
    pub fn to_json(&self) -> Json {
        let values = self.values.iter().map(|named| (named.name.clone(), named.value.clone())).collect();
        let with_unit = self.values.iter().filter(|named| !named.unit.is_empty());
        let units = with_unit.map(|named| (named.name.clone(), Json::from(named.unit.clone()))).collect();
        let tables = self.tables.iter().map(|table| {
            let rows =
                table.rows.iter().map(|row| Json::Object(table.columns.iter().cloned().zip(row.clone()).collect()));
            (table.name.clone(), Json::Array(rows.collect()))
        });
        serde_json::json!({
            "values": Json::Object(values),
            "units": Json::Object(units),
            "tables": Json::Object(tables.collect()),
            "failed": self.failed,
        })
    }

    /// Aligned text for people.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        let width = self.values.iter().map(|named| named.name.chars().count()).max().unwrap_or(0);
        for Named { name, value, unit } in &self.values {
            let _ = writeln!(text, "{}", format!("{name:width$}  {} {unit}", cell(value)).trim_end());
        }
        for table in &self.tables {
            if !text.is_empty() {
                text.push('\n');
            }
            let _ = writeln!(text, "{}", table.name);
            table_text(table, &mut text);
        }
        for failed in &self.failed {
            let _ = writeln!(text, "failed: {failed}");
        }
        text
    }
}

fn table_text(table: &ReportTable, text: &mut String) {
    let rows: Vec<Vec<String>> = table.rows.iter().map(|row| row.iter().map(cell).collect()).collect();
    let width = |column: usize, name: &str| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([name.chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = table.columns.iter().enumerate().map(|(column, name)| width(column, name)).collect();
    let numeric = |column: usize| table.rows.iter().all(|row| row.get(column).is_none_or(|cell| !cell.is_string()));
    let mut line = |cells: &[String]| {
        let mut row = String::new();
        for (column, (cell, &width)) in cells.iter().zip(&widths).enumerate() {
            let _ = if numeric(column) { write!(row, "  {cell:>width$}") } else { write!(row, "  {cell:<width$}") };
        }
        let _ = writeln!(text, "{}", row.trim_end());
    };
    line(&table.columns);
    for row in &rows {
        line(row);
    }
}

/// A value for people: floats with six significant digits.
fn cell(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Null => "-".into(),
        Json::Number(number) if number.is_f64() => number.as_f64().map_or_else(String::new, six_digits),
        other => other.to_string(),
    }
}

fn six_digits(value: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    let exponent = value.abs().log10().floor();
    if (-4.0..6.0).contains(&exponent) {
        let text = format!("{value:.*}", (5.0 - exponent).max(0.0) as usize);
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').into() } else { text }
    } else {
        format!("{value:.5e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_people() {
        for (value, text) in [(0.0, "0"), (1.5, "1.5"), (0.000123456789, "0.000123457"), (-123456.7, "-123457")] {
            assert_eq!(six_digits(value), text);
        }
        assert_eq!(six_digits(1.0e-9), "1.00000e-9");
        assert_eq!(six_digits(999999.9), "1000000");
    }

    #[test]
    fn a_report_for_people_and_programs() {
        let report = Report::new()
            .value("events", 10)
            .quantity("time", 0.25, "ms")
            .table(
                "steps",
                &["step", "time [ms]"],
                vec![vec!["fill".into(), 1.5.into()], vec!["seed".into(), 20.into()]],
            )
            .failure("event 3");
        assert_eq!(
            report.to_text(),
            "events  10\ntime    0.25 ms\n\nsteps\n  step  time [ms]\n  fill        1.5\n  seed         20\nfailed: event 3\n"
        );
        let json = report.to_json();
        assert_eq!(json["values"]["events"], 10);
        assert_eq!(json["units"]["time"], "ms");
        assert_eq!(json["tables"]["steps"][1]["time [ms]"], 20);
    }
}
