//! `recoil table convert`: tables in, one table out, as a stage, so that the output is complete or absent and has a
//! provenance record.

use super::{blame, read_options, selection};
use crate::cli::Context;
use crate::{options, print};
use clap::ArgMatches;
use recoil_stage::config::{FlagValue, Given};
use recoil_stage::progress::Level;
use recoil_stage::{
    AnyStage, Config, Description, ErrorKind, InputRole, OutputKind, Report, Request, Run, Stage, StageError,
};
use recoil_table::{Address, Error, ReadOptions, Selection, addresses, create, open_selected};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// What is taken from the inputs, and where it goes.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default)]
#[serde(default, deny_unknown_fields)]
struct Conversion {
    /// Columns to write; all without a list.
    columns: Option<Vec<String>>,
    /// Selection of rows or elements.
    selection: Option<String>,
    /// Names of the columns of CSV files without a line of them.
    csv_names: Option<Vec<String>>,
    /// Tree in the output.
    tree: Option<String>,
}

impl Config for Conversion {}

const INPUTS: &[InputRole] = &[InputRole::required("table", "tables of the same columns", &[]).many()];

struct Convert;

impl Stage for Convert {
    type Config = Conversion;

    fn description(&self) -> Description {
        Description {
            name: "table convert",
            about: "Write a table in another format, or a part of it",
            long: "",
            inputs: INPUTS,
            output: OutputKind::File { doc: "the table", formats: &[] },
            flags: &[],
        }
    }

    fn run(&self, config: &Conversion, run: &Run) -> Result<Report, StageError> {
        let inputs: Vec<String> = run.inputs().files().iter().map(|file| file.spec()).collect();
        let inputs = addresses(&inputs).map_err(blame)?;
        let selection = config.selection.as_deref().map(Selection::parse).transpose();
        let selection = selection.map_err(|error| blame(error.into()))?;
        let options = ReadOptions {
            columns: config.columns.clone(),
            csv_names: config.csv_names.clone(),
            ..ReadOptions::default()
        };
        let mut reader = open_selected(&inputs, &options, selection.as_ref()).map_err(blame)?;
        if !reader.skipped().is_empty() {
            run.warn("skipped", format!("{}: not read: {}", reader.file(), reader.skipped().join(", ")));
        }
        let mut output = Address::of_path(&run.output_file()?).map_err(blame)?;
        output.member.clone_from(&config.tree);
        let mut writer = create(&output, &reader.schema()).map_err(|error| refused(error, run))?;
        let progress = run.progress("convert", "rows", reader.total_rows());
        let mut rows = 0_u64;
        while let Some(batch) = reader.next_batch().map_err(blame)? {
            run.check()?;
            writer.write(batch.records()).map_err(|error| refused(error, run))?;
            rows += batch.rows() as u64;
            progress.add(batch.rows() as u64);
        }
        writer.finish(Some(&run.embedded_provenance())).map_err(|error| refused(error, run))?;
        Ok(Report::new().value("rows", rows).value("columns", reader.schema().fields().len()))
    }
}

/// Whose fault an error in writing is. A temporary name says nothing to the user, so it is taken out.
fn refused(error: Error, run: &Run) -> StageError {
    let kind = match &error {
        Error::Unsupported { .. } | Error::UnsupportedType { .. } => ErrorKind::Usage,
        Error::Null { .. } => ErrorKind::Input,
        _ => ErrorKind::Output,
    };
    let text = error.to_string();
    let hidden = run.output_file().map(|path| path.display().to_string()).unwrap_or_default();
    let name = std::path::Path::new(&hidden).file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    StageError::new(kind, if hidden.is_empty() { text } else { text.replace(&hidden, &name) })
}

pub(super) fn run(matches: &ArgMatches, context: &Context<'_>) -> Result<u8, StageError> {
    let mut words: Vec<String> = options::all(matches, "files");
    let Some(target) = words.pop() else { return Ok(0) };
    let target = Address::parse(&target).map_err(blame)?;
    let sources = addresses(&words).map_err(blame)?;
    let selection = selection(matches)?;
    let read = read_options(matches);

    let given = |key: &str, value: serde_json::Value| {
        let flag = FlagValue { flag: format!("--{key}"), key: key.into(), value: value.to_string(), list: false };
        Given::Flag(flag)
    };
    let request = Request {
        given: [
            read.columns.map(|columns| given("columns", json!(columns))),
            selection.map(|selection| given("selection", json!(selection.to_string()))),
            read.csv_names.map(|names| given("csv_names", json!(names))),
            target.member.as_ref().map(|tree| given("tree", json!(tree))),
        ]
        .into_iter()
        .flatten()
        .collect(),
        inputs: sources.iter().map(|source| format!("table={source}")).collect(),
        output: Some(target.path.clone()),
        seed: None,
    };
    let stage: &dyn AnyStage = &Convert;
    let mut prepared = stage.prepare(&request)?;
    prepared.command_line = context.argv.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ");
    let as_json = matches.get_flag("json");
    if matches.get_flag("dry-run") {
        let inputs: Vec<String> = sources.iter().map(ToString::to_string).collect();
        match as_json {
            true => print::json(&json!({"inputs": inputs, "output": target.to_string()}))?,
            false => print::data(&format!("{} -> {target}\n", inputs.join(", ")))?,
        }
        return Ok(0);
    }
    let run_options = options::run_options(matches, &context.argv)?;
    let outcome = stage.execute(&prepared, &run_options)?;
    run_options.observer.message(Level::Info, &format!("wrote {target}"));
    if as_json {
        let mut all = json!({"output": target.to_string(), "seconds": outcome.record.seconds});
        if let (Some(all), serde_json::Value::Object(report)) = (all.as_object_mut(), outcome.report.to_json()) {
            all.extend(report);
        }
        print::json(&all)?;
    } else {
        print::data(&outcome.report.to_text())?;
    }
    Ok(outcome.exit_code())
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.into() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}
