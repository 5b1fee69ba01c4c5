//! `recoil table`: look into tables of any format, and convert them.

mod convert;
mod show;

use crate::cli::Context;
use crate::options;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use recoil_stage::{ErrorKind, StageError};
use recoil_table::{Error, ReadOptions, Selection};

const FORMATS: &str = "Formats follow from the extension: .parquet, .csv, .csv.gz, .npy, .npz and .root. FILE:NAME names a \
                       tree in a ROOT file or an array in an .npz file; several files, also by * and ?, form one table.";

const SELECTIONS: &str = "\
A selection is a condition such as
  gen_pt > 20 and abs(gen_eta) < 2.8         per row: keeps rows
  any(tc_mipPt > 0.5 and tc_layer <= 28)     a list reduced to one condition: keeps rows
  tc_mipPt > 0.5                             per element: keeps the elements of the collection tc_*
with + - * / % **, comparisons, and or not, parentheses, x[0], the functions abs sqrt exp log log10 sin cos tan atan2
hypot sinh asinh floor ceil isnan isfinite min2 max2 deltaphi deltar where, and any all sum count max min mean len of
lists. Comparisons with NaN are false.";

fn files(help: &'static str) -> Arg {
    Arg::new("files").value_name("FILE[:NAME]").required(true).num_args(1..).action(ArgAction::Append).help(help)
}

fn csv_names() -> Arg {
    Arg::new("csv-names")
        .long("csv-names")
        .value_name("A,B,...")
        .value_delimiter(',')
        .help("Names of the columns of a CSV file that has no line with them")
}

fn reading() -> [Arg; 3] {
    let columns = Arg::new("columns").long("columns").value_name("A,B,...").value_delimiter(',');
    let selection = Arg::new("where").long("where").value_name("EXPR").allow_hyphen_values(true);
    [
        columns.help("Only these columns, in this order"),
        selection.help("Only rows, or elements of lists, for which this holds"),
        csv_names(),
    ]
}

pub(crate) fn command() -> Command {
    let rows = Arg::new("rows").short('n').long("rows").value_name("N").default_value("10");
    let rows = rows.value_parser(value_parser!(u64)).help("Rows to show");
    Command::new("table")
        .about("Look into tables (Parquet, ROOT, CSV, NumPy) and convert them")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .after_help(FORMATS)
        .subcommand(
            Command::new("ls")
                .about("List the objects in a file")
                .arg(Arg::new("file").value_name("FILE").required(true).help("File"))
                .arg(options::json()),
        )
        .subcommand(
            Command::new("schema")
                .about("Print the columns of a table with their types, units and meanings")
                .arg(files("Table"))
                .args([csv_names(), options::json()]),
        )
        .subcommand(
            Command::new("show")
                .about("Print rows of a table")
                .after_help(SELECTIONS)
                .arg(files("Table"))
                .arg(rows)
                .args(reading())
                .arg(options::json()),
        )
        .subcommand(
            Command::new("convert")
                .about("Write a table in another format, or a part of it")
                .after_help(format!("{FORMATS}\n\n{SELECTIONS}"))
                .arg(files("Tables to read, then the one to write: IN[:NAME]... OUT[:NAME]").num_args(2..))
                .args(reading())
                .args(options::running()),
        )
}

pub(crate) fn run(matches: &ArgMatches, context: &Context<'_>) -> Result<u8, StageError> {
    match matches.subcommand() {
        Some(("ls", own)) => show::ls(own),
        Some(("schema", own)) => show::schema(own),
        Some(("show", own)) => show::show(own),
        Some(("convert", own)) => convert::run(own, context),
        _ => Ok(0),
    }
}

/// What `--columns` and `--csv-names` ask for.
fn read_options(matches: &ArgMatches) -> ReadOptions {
    let list = |name: &str| {
        let given = matches.try_get_many::<String>(name).ok().flatten();
        given.map(|names| names.map(|name| name.trim().to_owned()).collect())
    };
    ReadOptions { columns: list("columns"), csv_names: list("csv-names"), ..ReadOptions::default() }
}

fn selection(matches: &ArgMatches) -> Result<Option<Selection>, StageError> {
    let text = matches.get_one::<String>("where");
    text.map(|text| Selection::parse(text).map_err(|error| blame(error.into()))).transpose()
}

/// Whose fault an error in reading is: the user's words, or the data.
fn blame(error: Error) -> StageError {
    let kind = match &error {
        Error::Selection(_) | Error::UnknownColumn { .. } | Error::UnknownFormat { .. } | Error::WhichMember { .. } => {
            ErrorKind::Usage
        }
        _ => ErrorKind::Input,
    };
    StageError::caused(kind, "", error)
}
