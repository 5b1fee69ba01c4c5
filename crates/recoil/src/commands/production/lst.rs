//! `recoil production generate`, `nsb-levels`, `import` and `register`, and the two programs that productions of the
//! Large-Sized Telescope call.

use super::blame;
use crate::cli::Context;
use crate::{options, print};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use recoil_production::ProductionError;
use recoil_production::lstmcpipe::generate::{self, Class, Request, nsb};
use recoil_production::lstmcpipe::old::{self, Naming};
use recoil_production::lstmcpipe::{Stage, register, split, tune};
use recoil_production::state::write_atomic;
use recoil_stage::{ErrorKind, StageError};
use std::path::{Path, PathBuf};

fn path_option(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).value_parser(value_parser!(PathBuf)).help(help)
}

fn word_option(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).help(help)
}

fn overwrite() -> Arg {
    Arg::new("overwrite").long("overwrite").action(ArgAction::SetTrue).help("Replace files that exist")
}

/// Options that say what a generated file is about.
fn request_options(command: Command) -> Command {
    command.args([
        word_option("dec_list", "DEC", "Declinations, such as dec_2276 dec_931").num_args(1..).alias("dec-list"),
        word_option("source_prod_id", "ID", "Production that DL1 files are taken from").alias("source-prod-id"),
        word_option("zenith", "NAME", "Zenith directory of prod5 [default: zenith_20deg]"),
        Arg::new("run_checker")
            .long("run_checker")
            .alias("run-checker")
            .action(ArgAction::SetTrue)
            .help("Leave out nodes that the source production does not have"),
        word_option(
            "kwargs",
            "KEY=VALUE",
            "dec, dec_list, source_prod_id, zenith, run_checker in the spelling of lstmcpipe",
        )
        .num_args(1..),
        path_option("root", "DIR", "Directory below which /fefs is looked up; it is not written into paths"),
        word_option("date", "DATE", "Day in the first line [default: today]"),
        word_option("workflow_kind", "KIND", "Whose commands run the stages")
            .alias("workflow-kind")
            .value_parser(["lstchain", "ctapipe", "hiperta", "recoil"])
            .default_value("lstchain"),
        word_option("conda_env", "NAME", "Conda environment [default: lstchain-v0.10.7]").alias("conda-env"),
        Arg::new("slurm")
            .long("slurm")
            .value_name("[STAGE.]KEY=VALUE")
            .action(ArgAction::Append)
            .help("Option for the batch system, for all steps or those of a stage"),
        Arg::new("repaired").long("repaired").action(ArgAction::SetTrue).help(
            "Leave out two mistakes of lstmcpipe: prod5 files of both offsets in one place, sources checked wrongly",
        ),
        path_option("base_config", "JSON", "Standard configuration of lstchain that the analysis begins with")
            .alias("base-config"),
        overwrite(),
    ])
}

fn request(matches: &ArgMatches, class: Class, prod_id: &str) -> Result<Request, StageError> {
    let word = |name: &str| matches.get_one::<String>(name).cloned();
    let mut request = Request::new(class, prod_id);
    request.decs = options::all::<String>(matches, "dec_list");
    request.source_prod_id = word("source_prod_id");
    request.run_checker = matches.get_flag("run_checker");
    request.as_lstmcpipe = !matches.get_flag("repaired");
    for (value, target) in [
        ("zenith", &mut request.zenith),
        ("date", &mut request.date),
        ("workflow_kind", &mut request.workflow_kind),
        ("conda_env", &mut request.conda_env),
    ] {
        if let Some(given) = word(value) {
            *target = given;
        }
    }
    if let Some(root) = matches.get_one::<PathBuf>("root") {
        request.root.clone_from(root);
    }
    for given in options::all::<String>(matches, "kwargs") {
        let (key, value) =
            given.split_once('=').ok_or_else(|| StageError::usage(format!("'{given}' is not KEY=VALUE")))?;
        match key {
            "dec" => request.decs = vec![value.into()],
            "dec_list" => {
                request.decs = value.split(',').map(|dec| dec.trim_matches(['[', ']', ' ', '\'', '"']).into()).collect()
            }
            "source_prod_id" => request.source_prod_id = Some(value.into()),
            "zenith" => request.zenith = value.into(),
            "run_checker" => {
                request.run_checker = match value.to_ascii_lowercase().as_str() {
                    "true" | "1" | "yes" => true,
                    "false" | "0" | "no" | "" => false,
                    _ => return Err(StageError::usage(format!("run_checker is '{value}', expected true or false"))),
                }
            }
            _ => {
                let known = ["dec", "dec_list", "source_prod_id", "zenith", "run_checker"];
                let help = recoil_stage::config::did_you_mean(key, &known).unwrap_or_default();
                return Err(StageError::usage(format!("nothing reads '{key}' of --kwargs {help}")));
            }
        }
    }
    for given in options::all::<String>(matches, "slurm") {
        let (key, value) =
            given.split_once('=').ok_or_else(|| StageError::usage(format!("'{given}' is not KEY=VALUE")))?;
        let (stage, key) = match key.split_once('.') {
            Some((stage, key)) => {
                let known = Stage::of(stage).ok_or_else(|| {
                    let help = recoil_stage::config::did_you_mean(stage, &Stage::NAMES).unwrap_or_default();
                    StageError::usage(format!("'{stage}' is no stage {help}"))
                })?;
                (Some(known), key)
            }
            None => (None, key),
        };
        request.slurm.push((stage, key.into(), value.into()));
    }
    Ok(request)
}

pub(super) fn generate_command() -> Command {
    let kind =
        Arg::new("kind").value_name("KIND").required(true).help("Kind of production, as the classes of lstmcpipe");
    let command = Command::new("generate")
        .about("Write the file of a standard LST production for the simulation that is there")
        .arg(kind)
        .arg(word_option("prod_id", "ID", "Name of the production [default: prod_00]").alias("prod-id"))
        .arg(options::output("FILE", "File to write; - for standard output [default: lstmcpipe_config_DATE_KIND.yaml]"))
        .arg(
            path_option("lstchain_conf", "FILE", "Configuration of the analysis to write, with --base_config")
                .alias("lstchain-conf"),
        );
    request_options(command)
}

pub(super) fn generate(matches: &ArgMatches) -> Result<u8, StageError> {
    let name = matches.get_one::<String>("kind").map_or("", String::as_str);
    let class = Class::of(name).map_err(blame)?;
    let prod_id = matches.get_one::<String>("prod_id").map_or("prod_00", String::as_str);
    let request = request(matches, class, prod_id)?;
    let made = generate::generate(&request).map_err(blame)?;
    warn(&made.warnings);
    let default = PathBuf::from(format!("lstmcpipe_config_{}_PathConfig{}.yaml", request.date, class.name()));
    let file = matches.get_one::<PathBuf>("output").cloned().unwrap_or(default);
    let overwrite = matches.get_flag("overwrite");
    if file == Path::new("-") {
        print::data(&made.yaml)?;
        return Ok(0);
    }
    let analysis = matches.get_one::<PathBuf>("base_config");
    let beside = matches.get_one::<PathBuf>("lstchain_conf").cloned();
    let beside = beside.unwrap_or_else(|| file.with_file_name(format!("lstchain_config_{}.json", request.date)));
    let mut files = vec![(file.clone(), made.yaml)];
    if let Some(base) = analysis {
        files.push((beside, generate::analysis_for(class, base).map_err(blame)?));
    }
    write_all(&files, overwrite)?;
    let counts: Vec<String> = made.counts.iter().map(|(stage, count)| format!("{count} {}", stage.name())).collect();
    print::error(&format!("{}: {}", file.display(), counts.join(", ")));
    Ok(0)
}

pub(super) fn nsb_command() -> Command {
    let level = |text: &str| -> Result<f64, String> {
        let value = text.parse::<f64>().map_err(|error| error.to_string())?;
        if (0.0..1e6).contains(&value) { Ok(value) } else { Err("expected a number from 0".into()) }
    };
    let command = Command::new("nsb-levels")
        .about("Write productions that differ in the noise of the night sky")
        .arg(
            Arg::new("nsb")
                .long("nsb")
                .value_name("LEVEL")
                .num_args(1..)
                .required(true)
                .value_parser(level)
                .help("Levels: rates in GHz, or ratios before lstchain 0.10.12; 0 for none"),
        )
        .arg(
            word_option("config_class", "KIND", "Kind of production [default: AllSkyFullSplitDiffuse]")
                .short('c')
                .alias("config-class"),
        )
        .arg(
            word_option("prod_id_prefix", "PREFIX", "What the names of the productions begin with")
                .alias("prod-id-prefix"),
        )
        .arg(options::output("DIR", "Directory to write into [default: .]"));
    request_options(command).mut_arg("base_config", |arg| arg.required(true))
}

pub(super) fn nsb_levels(matches: &ArgMatches) -> Result<u8, StageError> {
    let class = match matches.get_one::<String>("config_class") {
        Some(name) => Class::of(name).map_err(blame)?,
        None => nsb::CLASS,
    };
    let mut request = request(matches, class, "prod")?;
    if request.decs.is_empty() {
        request.decs = nsb::DECS.map(String::from).to_vec();
    }
    let levels = options::all::<f64>(matches, "nsb");
    let prefix = matches.get_one::<String>("prod_id_prefix").map(String::as_str);
    let Some(base) = matches.get_one::<PathBuf>("base_config") else { return Ok(0) };
    let (files, warnings) = nsb::grid(&request, &levels, prefix, base).map_err(blame)?;
    warn(&warnings);
    let directory = matches.get_one::<PathBuf>("output").cloned().unwrap_or_default();
    let files: Vec<(PathBuf, String)> = files.into_iter().map(|file| (directory.join(file.path), file.text)).collect();
    write_all(&files, matches.get_flag("overwrite"))?;
    print::error(&format!("{} files for {} levels", files.len(), levels.len()));
    Ok(0)
}

pub(super) fn import_command() -> Command {
    Command::new("import")
        .about("Convert a production file from before lstmcpipe 0.8 to the present form")
        .arg(super::file_argument())
        .arg(options::output("NEW", "File to write; - for standard output").required(true))
        .arg(
            word_option(
                "prod_id",
                "ID",
                "Full name of the production [default: made up from date, versions and prod_id]",
            )
            .alias("prod-id"),
        )
        .arg(word_option("date", "YYYYMMDD", "Day in the name, if no directory tells [default: today]"))
        .arg(overwrite())
}

pub(super) fn import(matches: &ArgMatches) -> Result<u8, StageError> {
    let Some(file) = matches.get_one::<PathBuf>("file") else { return Ok(0) };
    let today: String =
        recoil_stage::utc(std::time::SystemTime::now()).chars().take(10).filter(|c| *c != '-').collect();
    let naming = Naming {
        prod_id: matches.get_one::<String>("prod_id").cloned(),
        date: matches.get_one::<String>("date").cloned().unwrap_or(today),
    };
    let imported = old::convert(file, &naming).map_err(|found| {
        let text: Vec<String> = found.iter().map(ToString::to_string).collect();
        print::error(&text.join("\n"));
        StageError::usage(format!("{} cannot be converted", file.display()))
    })?;
    let text: Vec<String> = imported.warnings.iter().map(ToString::to_string).collect();
    if !text.is_empty() {
        print::error(&text.join("\n"));
    }
    let Some(output) = matches.get_one::<PathBuf>("output") else { return Ok(0) };
    if output == Path::new("-") {
        print::data(&imported.yaml)?;
        return Ok(0);
    }
    write_all(&[(output.clone(), imported.yaml)], matches.get_flag("overwrite"))?;
    print::error(&format!("{}: production {}", output.display(), imported.prod_id));
    Ok(0)
}

pub(super) fn register_command() -> Command {
    Command::new("register")
        .about("Write a page with all productions of a folder")
        .arg(
            Arg::new("folder")
                .value_name("FOLDER")
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .help("Folder with one directory for each production"),
        )
        .arg(options::output("FILE", "Page to write").default_value("register.html"))
        .arg(overwrite())
}

pub(super) fn register(matches: &ArgMatches, context: &Context<'_>) -> Result<u8, StageError> {
    let (Some(folder), Some(output)) = (matches.get_one::<PathBuf>("folder"), matches.get_one::<PathBuf>("output"))
    else {
        return Ok(0);
    };
    let page = register::register(folder, context.registry).map_err(blame)?;
    write_all(&[(output.clone(), page.html)], matches.get_flag("overwrite"))?;
    for name in &page.empty {
        print::error(&format!("{name} has no production file"));
    }
    print::error(&format!("{}: {} productions", output.display(), page.productions));
    Ok(0)
}

pub(super) fn split_command() -> Command {
    let path = |name: &'static str, help: &'static str| path_option(name, "DIR", help).required(true);
    let ratio = |text: &str| text.parse::<f64>().ok().filter(|ratio| *ratio > 0.0 && *ratio < 1.0).ok_or("0 to 1");
    Command::new("train_test_split")
        .about("Link the files of a directory into one for training and one for testing")
        .arg(path("input", "Directory with files *.h5").short('i'))
        .arg(path("otest", "Directory for testing"))
        .arg(path("otrain", "Directory for training"))
        .arg(word_option("ratio", "FRACTION", "Files for testing").short('r').value_parser(ratio).default_value("0.5"))
}

pub(super) fn train_test_split(matches: &ArgMatches) -> Result<u8, StageError> {
    let path = |name: &str| matches.get_one::<PathBuf>(name).cloned().unwrap_or_default();
    let ratio = matches.get_one::<f64>("ratio").copied().unwrap_or(0.5);
    let (test, train) = split::shares(&path("input"), ratio).map_err(as_input)?;
    split::link(&test, &path("otest")).map_err(blame)?;
    split::link(&train, &path("otrain")).map_err(blame)?;
    print::error(&format!("{} files for testing, {} for training", test.len(), train.len()));
    Ok(0)
}

pub(super) fn tune_command() -> Command {
    let path = |name: &'static str, help: &'static str| path_option(name, "FILE", help).required(true);
    Command::new("tune_nsb")
        .about("Tune the noise of a configuration to an observation, with lstchain_tune_nsb")
        .arg(path("config", "Configuration of lstchain"))
        .arg(path("input-mc", "Simulation"))
        .arg(path("input-data", "Observation"))
        .arg(options::output("FILE", "Configuration to write").required(true))
}

pub(super) fn tune_nsb(matches: &ArgMatches) -> Result<u8, StageError> {
    let path = |name: &str| matches.get_one::<PathBuf>(name).cloned().unwrap_or_default();
    let replaced =
        tune::tune(&path("config"), &path("input-mc"), &path("input-data"), &path("output")).map_err(as_input)?;
    warn(&replaced);
    Ok(0)
}

fn as_input(error: ProductionError) -> StageError {
    match error {
        ProductionError::Usage(message) => StageError::new(ErrorKind::Input, message),
        other => blame(other),
    }
}

fn warn(warnings: &[String]) {
    warnings.iter().for_each(|warning| print::error(&format!("warning: {warning}")));
}

/// Writes files, none of them if one exists and may not be replaced.
fn write_all(files: &[(PathBuf, String)], overwrite: bool) -> Result<(), StageError> {
    if let Some((path, _)) = files.iter().find(|(path, _)| !overwrite && path.symlink_metadata().is_ok()) {
        let message = format!("{} exists; --overwrite replaces it", path.display());
        return Err(StageError::new(ErrorKind::Output, message));
    }
    for (path, text) in files {
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(|error| {
                StageError::new(ErrorKind::Output, format!("cannot create the directory {}: {error}", parent.display()))
            })?;
        }
        write_atomic(path, text.as_bytes(), true).map_err(blame)?;
    }
    Ok(())
}
