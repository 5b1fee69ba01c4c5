//! `recoil track`: records of trainings, listed, shown and merged.

use crate::cli::Context;
use crate::{options, print};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use recoil_stage::error::Blame as _;
use recoil_stage::{ErrorKind, Report, StageError, utc};
use recoil_track::search::{self, Condition, Field, Value};
use recoil_track::store::{FileStore, Listing, MergeReport, OnConflict, Query, Wanted, merge};
use recoil_track::{Point, Record, Store, TRACKING_URI, TrackError, number};
use serde_json::{Value as Json, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

const CONDITIONS: &str = "\
A condition is such as
  metrics.val_loss < 0.1 and params.model = '8x8_c8_S2_tele'
  status != FINISHED or run_name like 'scan%'
  params.links in (2, 3) and tags.mlflow.user is not null
with and, or, not, parentheses, = != < <= > >= like ilike in, is null. Fields are metrics.NAME, params.NAME, tags.NAME,
run_id, run_name, experiment, status, user, start_time, end_time (ms since 1970), duration (s); another word is a metric.";

fn store_argument() -> Arg {
    let arg = Arg::new("store").value_name("STORE");
    arg.help("Directory or server (http://...) of the records [default: MLFLOW_TRACKING_URI, otherwise mlruns]")
}

pub(crate) fn command() -> Command {
    let text = |name: &'static str, value: &'static str| Arg::new(name).long(name).value_name(value);
    Command::new("track")
        .about("List, show and merge records of trainings (MLflow stores and servers)")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("ls").about("List runs, newest first").after_help(CONDITIONS).arg(store_argument()).args([
                text("experiment", "NAME")
                    .short('e')
                    .action(ArgAction::Append)
                    .help("Only runs of this experiment (name or id); may be repeated"),
                text("where", "EXPR").allow_hyphen_values(true).help("Only runs for which this holds"),
                text("sort", "FIELD").help("Sort by a metric or another field, smallest first; -FIELD, largest first")
                    .allow_hyphen_values(true),
                text("columns", "A,B,...").value_delimiter(',').help("Fields to show besides the usual ones"),
                text("limit", "N").short('n').value_parser(value_parser!(usize)).help("At most so many runs"),
                Arg::new("deleted").long("deleted").action(ArgAction::SetTrue).help("Deleted runs too"),
                options::json(),
            ]),
        )
        .subcommand(
            Command::new("show")
                .about("Show a run: parameters, metrics, tags, artifacts")
                .arg(Arg::new("run").value_name("RUN").required(true).help("Id, beginning of an id, or name"))
                .arg(text("store", "STORE").help("Directory or server [default: as for ls]"))
                .arg(options::json().help("Print JSON instead of text, with all values of every metric")),
        )
        .subcommand(
            Command::new("merge")
                .about("Make one store of several")
                .after_help(
                    "Experiments of the same name become one; runs keep their ids. A run that several stores hold with the \
                     same content is taken once.",
                )
                .arg(
                    Arg::new("stores")
                        .value_name("STORE")
                        .required(true)
                        .num_args(1..)
                        .value_parser(value_parser!(PathBuf))
                        .help("Stores to read"),
                )
                .arg(options::output("DIR", "The new store").required(true))
                .arg(
                    text("on-conflict", "HOW")
                        .value_parser(["stop", "first", "last", "both"])
                        .default_value("stop")
                        .help(
                            "What to do with a run that stores hold with different content: stop, take the first or the \
                             last, or take all, the later ones under new ids",
                        ),
                )
                .arg(options::json()),
        )
}

pub(crate) fn run(matches: &ArgMatches, _context: &Context<'_>) -> Result<u8, StageError> {
    match matches.subcommand() {
        Some(("ls", own)) => ls(own),
        Some(("show", own)) => show(own),
        Some(("merge", own)) => merge_stores(own),
        _ => Ok(0),
    }
}

fn blame(error: TrackError) -> StageError {
    let kind = if error.is_usage() { ErrorKind::Usage } else { ErrorKind::Input };
    StageError::caused(kind, "cannot read the records", error)
}

fn open(matches: &ArgMatches) -> Result<Store, StageError> {
    let given = matches.get_one::<String>("store").cloned();
    let given = given.or_else(|| std::env::var(TRACKING_URI).ok().filter(|words| !words.is_empty()));
    Store::open(&given.unwrap_or_else(|| "mlruns".into())).map_err(blame)
}

fn read(store: &Store, query: &Query) -> Result<Vec<Record>, StageError> {
    let listing = match store {
        Store::Files(store) => store.runs(query),
        Store::Server(server) => server.runs(query),
    };
    let Listing { records, damaged } = listing.map_err(blame)?;
    if let Some(first) = damaged.first() {
        print::error(&format!("warning: {} of the runs cannot be read, such as {first}", damaged.len()));
    }
    Ok(records)
}

fn ls(matches: &ArgMatches) -> Result<u8, StageError> {
    let condition = matches.get_one::<String>("where").map(|text| Condition::parse(text)).transpose().map_err(blame)?;
    let sorting = matches.get_one::<String>("sort").map(|text| match text.strip_prefix('-') {
        Some(field) => (Field::parse(field), true),
        None => (Field::parse(text), false),
    });
    let named: Vec<String> = options::all(matches, "columns");
    let mut columns: Vec<(String, Field)> = named.iter().map(|name| (name.clone(), Field::parse(name))).collect();
    if let Some((field, _)) = sorting.as_ref().filter(|(field, _)| !matches!(field, Field::Attribute(_))) {
        let name = matches.get_one::<String>("sort").map(|text| text.trim_start_matches('-').to_owned());
        if columns.iter().all(|(_, known)| known != field) {
            columns.push((name.unwrap_or_default(), field.clone()));
        }
    }
    let as_json = matches.get_flag("json");
    let mut wanted = if as_json { Wanted::all() } else { Wanted::default() };
    condition.iter().for_each(|condition| condition.want(&mut wanted));
    sorting.iter().for_each(|(field, _)| field.want(&mut wanted));
    columns.iter().for_each(|(_, field)| field.want(&mut wanted));
    let query =
        Query { experiments: options::all(matches, "experiment"), deleted: matches.get_flag("deleted"), wanted };
    let mut runs = read(&open(matches)?, &query)?;
    runs.retain(|run| condition.as_ref().is_none_or(|condition| condition.holds(run)));
    if let Some((field, descending)) = &sorting {
        search::sort(&mut runs, field, *descending);
    }
    runs.truncate(matches.get_one::<usize>("limit").copied().unwrap_or(usize::MAX));
    if as_json {
        print::json(&Json::Array(runs.iter().map(Record::to_json).collect()))?;
        return Ok(0);
    }
    let mut heads = vec!["experiment", "run_name", "run_id", "status", "start", "duration [s]"];
    heads.extend(columns.iter().map(|(name, _)| name.as_str()));
    let count = runs.len();
    let rows = runs.iter().map(|run| row(run, &columns)).collect();
    print::data(&Report::new().table(&format!("{count} runs"), &heads, rows).to_text())?;
    Ok(0)
}

fn moment(ms: i64) -> String {
    utc(UNIX_EPOCH + Duration::from_millis(ms.max(0).unsigned_abs())).chars().take(19).collect()
}

fn row(run: &Record, columns: &[(String, Field)]) -> Vec<Json> {
    let mut cells: Vec<Json> = vec![
        run.experiment.as_ref().into(),
        run.info.name.clone().into(),
        run.info.id.clone().into(),
        run.info.status.name().into(),
        moment(run.info.start_ms).into(),
        run.info.seconds().into(),
    ];
    cells.extend(columns.iter().map(|(_, field)| match field.of(run) {
        Some(Value::Number(value)) => number(value),
        Some(Value::Text(text)) => text.into(),
        None => Json::Null,
    }));
    cells
}

fn find(store: &Store, wanted: &str) -> Result<Record, StageError> {
    let all = read(store, &Query { deleted: true, ..Query::default() })?;
    let exact = |run: &&Record| run.info.id == wanted;
    let near = |run: &&Record| run.info.name == wanted || (wanted.len() >= 4 && run.info.id.starts_with(wanted));
    let found: Vec<&Record> = match all.iter().filter(exact).collect::<Vec<_>>() {
        found if found.is_empty() => all.iter().filter(near).collect(),
        found => found,
    };
    match found.as_slice() {
        [one] => {
            let query =
                Query { experiments: vec![one.info.experiment_id.clone()], deleted: true, wanted: Wanted::all() };
            let whole = match store {
                Store::Files(store) => store.record(one).map_err(blame)?,
                Store::Server(_) => read(store, &query)?.into_iter().find(|run| run.info.id == one.info.id),
            };
            whole.ok_or_else(|| StageError::input(format!("the run {wanted} is gone")))
        }
        [] => Err(StageError::input(format!("there is no run '{wanted}'"))),
        several => {
            let ids: Vec<&str> = several.iter().take(5).map(|run| run.info.id.as_str()).collect();
            let text = format!("{} runs are called '{wanted}', such as {}", several.len(), ids.join(", "));
            Err(StageError::input(text))
        }
    }
}

fn show(matches: &ArgMatches) -> Result<u8, StageError> {
    let store = open(matches)?;
    let wanted = matches.get_one::<String>("run").map(String::as_str).unwrap_or_default();
    let run = find(&store, wanted)?;
    let artifacts = match &store {
        Store::Files(store) => store.artifacts(&run).map_err(blame)?,
        Store::Server(server) => Some(server.artifacts(&run).map_err(blame)?),
    };
    let mut histories = Vec::new();
    for name in run.metrics.keys() {
        let history = match &store {
            Store::Files(store) => store.history(&run, name),
            Store::Server(server) => server.history(&run, name),
        };
        histories.push((name.as_str(), history.map_err(blame)?));
    }
    if matches.get_flag("json") {
        let mut whole = run.to_json();
        if let Some(object) = whole.as_object_mut() {
            let points = |points: &[Point]| -> Vec<Json> {
                let one = |point: &Point| json!({"step": point.step, "value": number(point.value), "timestamp": point.time_ms});
                points.iter().map(one).collect()
            };
            let all = histories.iter().map(|(name, history)| ((*name).to_owned(), points(history).into())).collect();
            object.insert("history".into(), Json::Object(all));
            let files = artifacts.map(|files| {
                files.iter().map(|(path, bytes)| json!({"path": path, "bytes": bytes})).collect::<Vec<_>>()
            });
            object.insert("artifacts".into(), files.into());
        }
        print::json(&whole)?;
        return Ok(0);
    }
    print::data(&shown(&run, &histories, artifacts.as_deref()).to_text())?;
    Ok(0)
}

fn shown(run: &Record, histories: &[(&str, Vec<Point>)], artifacts: Option<&[(String, u64)]>) -> Report {
    let mut report = Report::new()
        .value("run", run.info.id.clone())
        .value("name", run.info.name.clone())
        .value("experiment", run.experiment.as_ref())
        .value("status", run.info.status.name())
        .value("user", run.info.user.clone())
        .value("start", moment(run.info.start_ms));
    if let Some(seconds) = run.info.seconds() {
        report = report.quantity("duration", seconds, "s");
    }
    let words = |map: &std::collections::BTreeMap<String, String>| -> Vec<Vec<Json>> {
        let short = |text: &str| {
            let line = text.replace('\n', " ");
            if line.chars().count() > 90 { format!("{}...", line.chars().take(87).collect::<String>()) } else { line }
        };
        map.iter().map(|(name, value)| vec![name.clone().into(), short(value).into()]).collect()
    };
    report = report.table("parameters", &["name", "value"], words(&run.parameters));
    let metrics = histories.iter().map(|(name, history)| {
        let values = || history.iter().map(|point| point.value).filter(|value| !value.is_nan());
        let last = run.metrics.get(*name).map(|point| number(point.value));
        let steps = run.metrics.get(*name).map(|point| point.step);
        vec![
            (*name).into(),
            last.unwrap_or_default(),
            steps.into(),
            values().reduce(f64::min).map(number).unwrap_or_default(),
            values().reduce(f64::max).map(number).unwrap_or_default(),
            history.len().into(),
        ]
    });
    let heads = ["name", "last", "step", "smallest", "largest", "values"];
    report = report.table("metrics", &heads, metrics.collect());
    report = report.table("tags", &["name", "value"], words(&run.tags));
    if let Some(files) = artifacts {
        let rows = files.iter().map(|(path, bytes)| vec![path.clone().into(), (*bytes).into()]).collect();
        report = report.table("artifacts", &["path", "bytes"], rows);
    }
    report
}

fn merge_stores(matches: &ArgMatches) -> Result<u8, StageError> {
    let Some(output) = matches.get_one::<PathBuf>("output") else { return Ok(0) };
    let shown = output.display();
    if output.symlink_metadata().is_ok() {
        return Err(StageError::output(format!("{shown} exists already")));
    }
    let paths: Vec<PathBuf> = options::all(matches, "stores");
    let stores: Vec<FileStore> =
        paths.iter().map(|path| FileStore::open(path)).collect::<Result<_, _>>().map_err(blame)?;
    let on_conflict = match matches.get_one::<String>("on-conflict").map(String::as_str) {
        Some("first") => OnConflict::First,
        Some("last") => OnConflict::Last,
        Some("both") => OnConflict::Both,
        _ => OnConflict::Stop,
    };
    let parent = output.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent).output_error(format!("cannot create {}", parent.display()))?;
    let name = output.file_name().unwrap_or_default().to_string_lossy();
    let temporary = parent.join(format!(".{name}.recoil-{}", std::process::id()));
    let merged = merge(&stores, &temporary, output, on_conflict).map_err(blame).and_then(|report| {
        std::fs::rename(&temporary, output).output_error(format!("cannot write {shown}"))?;
        Ok(report)
    });
    if merged.is_err() {
        // what is left of it is of no use
        let _ = std::fs::remove_dir_all(&temporary);
    }
    let MergeReport { experiments, runs, same, conflicts, left_out } = merged?;
    for line in &left_out {
        print::error(&format!("warning: left out: {line}"));
    }
    if matches.get_flag("json") {
        print::json(&json!({
            "experiments": experiments, "runs": runs, "same": same, "conflicts": conflicts, "left_out": left_out,
        }))?;
        return Ok(0);
    }
    let report = Report::new()
        .value("experiments", experiments)
        .value("runs", runs)
        .value("runs in several stores", same)
        .value("conflicts", conflicts.len())
        .value("left out", left_out.len());
    print::data(&report.to_text())?;
    Ok(0)
}
