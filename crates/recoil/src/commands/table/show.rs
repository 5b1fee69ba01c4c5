//! What is in a file, what a table looks like, and its rows: as aligned text or as JSON.

use super::{blame, read_options, selection};
use crate::print;
use clap::ArgMatches;
use recoil_stage::{Report, StageError};
use recoil_table::{
    Address, Batch, BatchReader, Cells, addresses, contents, doc, open_all, open_selected, type_name, unit,
};
use serde_json::{Value as Json, json};
use std::path::Path;

/// Rows whose widths decide the layout of the text.
const LAYOUT_ROWS: usize = 1000;

pub(super) fn ls(matches: &ArgMatches) -> Result<u8, StageError> {
    let Some(file) = matches.get_one::<String>("file") else { return Ok(0) };
    let address = Address::parse(file).map_err(blame)?;
    let mut objects = contents(Path::new(&address.path)).map_err(blame)?;
    if let Some(folder) = &address.member {
        let inside = format!("{}/", folder.trim_end_matches('/'));
        objects.retain(|object| object.name == *folder || object.name.starts_with(&inside));
    }
    if matches.get_flag("json") {
        print::json(&json!({"file": address.path, "objects": objects}))?;
        return Ok(0);
    }
    let count = |count: Option<u64>| count.map_or(Json::Null, Json::from);
    let rows = objects.iter().map(|object| {
        let columns = object.columns.map(|columns| columns as u64);
        vec![
            object.name.clone().into(),
            object.class.clone().into(),
            count(object.rows),
            count(columns),
            object.title.clone().into(),
        ]
    });
    let columns = ["name", "class", "rows", "columns", "title"];
    print::data(&Report::new().table(file, &columns, rows.collect()).to_text())?;
    Ok(0)
}

pub(super) fn schema(matches: &ArgMatches) -> Result<u8, StageError> {
    let reader = open_all(&tables(matches)?, &read_options(matches)).map_err(blame)?;
    warn_of_skipped(reader.as_ref());
    let schema = reader.schema();
    if matches.get_flag("json") {
        let columns = schema.fields().iter().map(|field| {
            json!({"name": field.name(), "type": type_name(field.data_type()), "nullable": field.is_nullable(),
                   "unit": unit(field), "doc": doc(field)})
        });
        let provenance: Option<Json> = reader.provenance().and_then(|record| serde_json::from_str(record).ok());
        print::json(&json!({"file": &**reader.file(), "rows": reader.total_rows(),
                            "columns": columns.collect::<Vec<_>>(), "skipped": reader.skipped(),
                            "provenance": provenance}))?;
        return Ok(0);
    }
    let rows = schema.fields().iter().map(|field| {
        let text = |text: Option<&str>| text.unwrap_or_default().into();
        vec![field.name().clone().into(), type_name(field.data_type()).into(), text(unit(field)), text(doc(field))]
    });
    let report = Report::new().value("rows", reader.total_rows()).value("columns", schema.fields().len());
    print::data(&report.table(reader.file(), &["name", "type", "unit", "meaning"], rows.collect()).to_text())?;
    Ok(0)
}

pub(super) fn show(matches: &ArgMatches) -> Result<u8, StageError> {
    let wanted = matches.get_one::<u64>("rows").copied().unwrap_or(10);
    let selection = selection(matches)?;
    let mut options = read_options(matches);
    options.batch_rows = usize::try_from(wanted).unwrap_or(usize::MAX).clamp(64, options.batch_rows);
    if selection.is_none() {
        options.rows = 0..wanted;
    }
    let mut reader = open_selected(&tables(matches)?, &options, selection.as_ref()).map_err(blame)?;
    warn_of_skipped(reader.as_ref());
    if matches.get_flag("json") {
        rows_as_json(reader.as_mut(), wanted)
    } else {
        rows_as_text(reader.as_mut(), wanted)
    }?;
    Ok(0)
}

/// The tables that the words name.
fn tables(matches: &ArgMatches) -> Result<Vec<Address>, StageError> {
    let words: Vec<&String> = matches.get_many("files").into_iter().flatten().collect();
    addresses(&words).map_err(blame)
}

fn warn_of_skipped(reader: &dyn BatchReader) {
    if !reader.skipped().is_empty() {
        print::error(&format!("warning: {}: not read: {}", reader.file(), reader.skipped().join(", ")));
    }
}

/// Up to `left` rows of the next batch.
fn next(reader: &mut dyn BatchReader, left: u64) -> Result<Option<Batch>, StageError> {
    if left == 0 {
        return Ok(None);
    }
    let Some(batch) = reader.next_batch().map_err(blame)? else { return Ok(None) };
    let rows = batch.rows().min(usize::try_from(left).unwrap_or(usize::MAX));
    Ok(Some(batch.with_records(batch.records().slice(0, rows))))
}

fn rows_as_json(reader: &mut dyn BatchReader, wanted: u64) -> Result<(), StageError> {
    let schema = reader.schema();
    let names: Vec<String> =
        schema.fields().iter().map(|field| Json::from(field.name().as_str()).to_string()).collect();
    let mut text = format!("{{\"file\":{},\"columns\":[{}],\"rows\":[", Json::from(&**reader.file()), names.join(","));
    let mut left = wanted;
    while let Some(batch) = next(reader, left)? {
        let columns: Vec<Cells> = batch.records().columns().iter().map(Cells::json).collect();
        for row in 0..batch.rows() {
            text.push_str(if left == wanted && row == 0 { "\n{" } else { ",\n{" });
            for (index, (name, column)) in names.iter().zip(&columns).enumerate() {
                if index > 0 {
                    text.push(',');
                }
                text.push_str(name);
                text.push(':');
                column.append(row, &mut text);
            }
            text.push('}');
        }
        left -= batch.rows() as u64;
        if !print::more(&text)? {
            return Ok(());
        }
        text.clear();
    }
    text.push_str("\n]}\n");
    print::data(&text)
}

fn rows_as_text(reader: &mut dyn BatchReader, wanted: u64) -> Result<(), StageError> {
    let schema = reader.schema();
    let titles: Vec<String> = schema
        .fields()
        .iter()
        .map(|field| match unit(field) {
            Some(unit) if !unit.is_empty() => format!("{} [{unit}]", field.name()),
            _ => field.name().clone(),
        })
        .collect();
    let to_the_right: Vec<bool> = schema.fields().iter().map(|field| field.data_type().is_numeric()).collect();
    let mut widths: Vec<usize> = titles.iter().map(|title| title.chars().count()).collect();
    let mut left = wanted;
    let mut is_first = true;
    while let Some(batch) = next(reader, left)? {
        let columns: Vec<Cells> = batch.records().columns().iter().map(Cells::short).collect();
        let mut text = String::new();
        if is_first {
            for row in 0..batch.rows().min(LAYOUT_ROWS) {
                for (column, width) in columns.iter().zip(&mut widths) {
                    *width = (*width).max(cell(column, row).chars().count());
                }
            }
            line(&titles, &widths, &to_the_right, &mut text);
        }
        for row in 0..batch.rows() {
            let cells: Vec<String> = columns.iter().map(|column| cell(column, row)).collect();
            line(&cells, &widths, &to_the_right, &mut text);
        }
        is_first = false;
        left -= batch.rows() as u64;
        if !print::more(&text)? {
            return Ok(());
        }
    }
    if is_first {
        let mut text = String::new();
        line(&titles, &widths, &to_the_right, &mut text);
        print::data(&text)?;
    }
    Ok(())
}

fn cell(column: &Cells, row: usize) -> String {
    let mut text = String::new();
    column.append(row, &mut text);
    text
}

fn line(cells: &[String], widths: &[usize], to_the_right: &[bool], text: &mut String) {
    let mut row = String::new();
    for (index, ((cell, width), right)) in cells.iter().zip(widths).zip(to_the_right).enumerate() {
        let gap = if index > 0 { "  " } else { "" };
        let padded = if *right { format!("{gap}{cell:>width$}") } else { format!("{gap}{cell:<width$}") };
        row.push_str(&padded);
    }
    text.push_str(row.trim_end());
    text.push('\n');
}
