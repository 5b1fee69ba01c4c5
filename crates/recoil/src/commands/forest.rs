//! `recoil forest`: forests by themselves.

use crate::cli::Context;
use crate::{options, print};
use arrow_array::Array as _;
use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_schema::DataType;
use clap::{Arg, ArgMatches, Command, value_parser};
use recoil_forest::{ForeignTrees, Forest, ForestError, Task, Tree};
use recoil_stage::error::Blame as _;
use recoil_stage::{ErrorKind, StageError};
use recoil_table::ReadOptions;
use serde_json::json;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

pub(crate) fn command() -> Command {
    let file = |help: &'static str| {
        Arg::new("file").value_name("FILE").required(true).value_parser(value_parser!(PathBuf)).help(help)
    };
    Command::new("forest")
        .about("Look at random forests, take them over from scikit-learn")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("show")
                .about("Show what a forest learned from: task, size, importances of features")
                .arg(file("A forest (safetensors)"))
                .arg(options::json()),
        )
        .subcommand(
            Command::new("import")
                .about("Take over a forest that scikit-learn grew")
                .after_help(
                    "The file is made by tools/export_forest.py: arrays features, classes, outputs, nodes, left, right, \
                     feature, threshold, value, impurity, weight and count.",
                )
                .arg(file("Arrays of the forest (npz)"))
                .arg(options::output("FILE", "The forest (safetensors)").required(true))
                .arg(options::json()),
        )
}

pub(crate) fn run(matches: &ArgMatches, _context: &Context<'_>) -> Result<u8, StageError> {
    let (own, forest) = match matches.subcommand() {
        Some(("show", own)) => (own, Forest::read(&path(own)?).map_err(blame("cannot read the forest"))?),
        Some(("import", own)) => (own, import(own)?),
        _ => return Ok(0),
    };
    if own.get_flag("json") {
        print::json(&described(&forest))?;
    } else {
        print::data(&text(&forest))?;
    }
    Ok(0)
}

fn path(matches: &ArgMatches) -> Result<PathBuf, StageError> {
    matches.get_one::<PathBuf>("file").cloned().ok_or_else(|| StageError::usage("a file must be named"))
}

fn blame(doing: &'static str) -> impl Fn(ForestError) -> StageError {
    move |error| StageError::caused(ErrorKind::Input, doing, error)
}

fn import(matches: &ArgMatches) -> Result<Forest, StageError> {
    let file = path(matches)?;
    let output = matches.get_one::<PathBuf>("output").ok_or_else(|| StageError::usage("-o must name a file"))?;
    if output.exists() {
        return Err(StageError::output(format!("{} exists already", output.display())));
    }
    let forest = read_arrays(&file)?.forest().map_err(blame("cannot take over the forest"))?;
    let from = json!({"imported_from": file.file_name().map(|name| name.to_string_lossy().into_owned())});
    forest.write(output, Some(&from.to_string())).output_error("cannot write the forest")?;
    Ok(forest)
}

fn read_arrays(file: &Path) -> Result<ForeignTrees, StageError> {
    let array = |name: &str| {
        let address = format!("{}:{name}", file.display());
        let reading = || format!("cannot read {address}");
        let batch = recoil_table::open(&address, &ReadOptions::default())
            .and_then(|mut reader| reader.read_all())
            .input_error(reading())?;
        let column = batch.records().columns().first().cloned();
        column.ok_or_else(|| StageError::input(format!("{address} holds no array")))
    };
    let cast = |name: &str, kind: &DataType| {
        let found = array(name)?;
        let found = arrow_cast::cast(&found, kind).input_error(format!("{}:{name}", file.display()))?;
        if found.null_count() > 0 {
            return Err(StageError::input(format!("{}:{name} holds other than numbers", file.display())));
        }
        Ok(found)
    };
    let whole =
        |name: &str| Ok::<_, StageError>(cast(name, &DataType::Int64)?.as_primitive::<Int64Type>().values().to_vec());
    let real = |name: &str| {
        Ok::<_, StageError>(cast(name, &DataType::Float64)?.as_primitive::<Float64Type>().values().to_vec())
    };
    let names = cast("features", &DataType::Utf8)?;
    let size = |value: &i64| {
        usize::try_from(*value).map_err(|_| StageError::input(format!("{}: {value} is no size", file.display())))
    };
    let classes = whole("classes")?;
    let task = if classes.is_empty() {
        let outputs = whole("outputs")?;
        Task::Regression { outputs: outputs.first().map_or(Ok(1), size)? }
    } else {
        Task::Classification { classes }
    };
    Ok(ForeignTrees {
        task,
        features: names.as_string::<i32>().iter().flatten().map(str::to_owned).collect(),
        nodes: whole("nodes")?.iter().map(size).collect::<Result<_, _>>()?,
        left: whole("left")?,
        right: whole("right")?,
        feature: whole("feature")?,
        threshold: real("threshold")?,
        value: real("value")?,
        impurity: real("impurity")?,
        weight: real("weight")?,
        count: whole("count")?,
    })
}

fn described(forest: &Forest) -> serde_json::Value {
    let importances: serde_json::Map<String, serde_json::Value> =
        forest.features().iter().zip(forest.importances()).map(|(name, share)| (name.clone(), json!(share))).collect();
    json!({
        "task": forest.task(),
        "trees": forest.trees().len(),
        "nodes": forest.trees().iter().map(Tree::len).sum::<usize>(),
        "leaves": forest.trees().iter().map(Tree::leaves).sum::<usize>(),
        "depth": forest.trees().iter().map(Tree::depth).max(),
        "parameters": forest.parameters(),
        "out_of_bag": forest.out_of_bag(),
        "importances": importances,
    })
}

fn text(forest: &Forest) -> String {
    let task = match forest.task() {
        Task::Regression { outputs: 1 } => "a number".to_owned(),
        Task::Regression { outputs } => format!("{outputs} numbers"),
        Task::Classification { classes } => {
            let labels: Vec<String> = classes.iter().map(ToString::to_string).collect();
            format!("classes {}", labels.join(", "))
        }
    };
    let nodes: usize = forest.trees().iter().map(Tree::len).sum();
    let depth = forest.trees().iter().map(Tree::depth).max().unwrap_or(0);
    let mut text = format!("answers: {task}\ntrees: {}\nnodes: {nodes}\ndepth: {depth}\n", forest.trees().len());
    if let Some(found) = forest.out_of_bag() {
        let _ = writeln!(text, "out-of-bag score: {:.5} ({} rows)", found.score, found.rows);
    }
    let mut shares: Vec<(&String, f64)> = forest.features().iter().zip(forest.importances()).collect();
    shares.sort_by(|a, b| b.1.total_cmp(&a.1));
    let width = shares.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    text.push_str("importances:\n");
    for (name, share) in shares {
        let _ = writeln!(text, "  {name:<width$}  {share:.5}");
    }
    text
}
