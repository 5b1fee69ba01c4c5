//! The command of a stage, made from its description.

use crate::cli::Context;
use crate::{options, print};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use recoil_stage::config::{FlagValue, Given, flow, keys};
use recoil_stage::progress::Level;
use recoil_stage::{AnyStage, Description, InputRole, OutputKind, Prepared, Report, Request, StageError};
use serde_json::json;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The command called `word`; with the keys of the configuration in its help if `full`.
pub(crate) fn command(stage: &dyn AnyStage, word: &'static str, full: bool) -> Command {
    let description = stage.describe();
    let mut command = Command::new(word).about(description.about);
    if !description.long.is_empty() {
        command = command.long_about(format!("{}\n\n{}", description.about, description.long));
    }
    if !description.inputs.is_empty() {
        let value = if description.inputs.len() == 1 { "FILE" } else { "[ROLE=]FILE" };
        let roles: Vec<String> = description.inputs.iter().map(input_help).collect();
        command = command.arg(
            Arg::new("input")
                .short('i')
                .long("input")
                .value_name(value)
                .action(ArgAction::Append)
                .help(format!("Input: {}", roles.join("; "))),
        );
    }
    for role in named_roles(&description) {
        let action = if role.many { ArgAction::Append } else { ArgAction::Set };
        let mut arg = Arg::new(role.role).long(role.role).value_name("FILE").action(action);
        if let Some(letter) = role.short {
            arg = arg.short(letter);
        }
        if let Some(name) = role.alias {
            arg = arg.alias(name);
        }
        command = command.arg(arg.help(format!("The same as --input {}=FILE", role.role)));
    }
    match description.output {
        OutputKind::File { doc, formats: [] } => {
            command = command.arg(options::output("FILE", format!("Output: {doc}")).alias("output-file"));
        }
        OutputKind::File { doc, formats } => {
            let arg = options::output("FILE", format!("Output: {doc} ({})", formats.join(", ")));
            command = command.arg(arg.alias("output-file"));
        }
        OutputKind::Directory { doc } => {
            command = command.arg(options::output("DIR", format!("Output directory: {doc}")).alias("output-dir"));
        }
        OutputKind::Nothing => {}
    }
    let defaults = if full { stage.defaults().unwrap_or_default() } else { serde_json::Value::Null };
    for flag in description.flags {
        let value = if flag.list { "A,B,..." } else { "VALUE" };
        let mut arg =
            Arg::new(flag.name).long(flag.name).value_name(value).help(format!("The same as {}=...", flag.key));
        if is_switch(&defaults, flag.key) {
            // `--name` alone switches on, `--name=false` off
            arg = arg.num_args(0..=1).require_equals(true).default_missing_value("true");
        }
        command = command.arg(arg);
    }
    let words = if description.inputs.iter().any(|role| role.plain) { "FILE or KEY=VALUE" } else { "KEY=VALUE" };
    command = command
        .arg(
            Arg::new("config")
                .short('c')
                .long("config")
                .value_name("FILE")
                .action(ArgAction::Append)
                .value_parser(value_parser!(PathBuf))
                .help("YAML or JSON file with configuration; later files win"),
        )
        .arg(
            Arg::new("words")
                .value_name(words)
                .action(ArgAction::Append)
                .num_args(0..)
                .help("Configuration that wins over files, such as a.b[2].c=1.5"),
        )
        .arg(options::seed())
        .args(options::running());
    if full { command.after_help(key_help(stage)) } else { command }
}

/// Roles that have an option of their own: all but those that would hide another option.
fn named_roles(description: &Description) -> impl Iterator<Item = &'static InputRole> {
    const TAKEN: [&str; 5] = ["input", "output", "config", "seed", "threads"];
    let flags = description.flags;
    description
        .inputs
        .iter()
        .filter(move |role| !TAKEN.contains(&role.role) && flags.iter().all(|flag| flag.name != role.role))
}

/// Whether a key is true or false.
fn is_switch(defaults: &serde_json::Value, key: &str) -> bool {
    key.split('.').try_fold(defaults, |tree, name| tree.get(name)).is_some_and(serde_json::Value::is_boolean)
}

fn input_help(role: &InputRole) -> String {
    let formats = if role.formats.is_empty() { String::new() } else { format!(" ({})", role.formats.join(", ")) };
    let count = match (role.required, role.many) {
        (true, false) => "",
        (true, true) => ", may be repeated",
        (false, false) => ", optional",
        (false, true) => ", optional, may be repeated",
    };
    format!("{}, {}{formats}{count}", role.role, role.doc)
}

fn key_help(stage: &dyn AnyStage) -> String {
    let defaults = stage.defaults().unwrap_or_default();
    let keys = keys::list(&stage.schema(), &defaults);
    if keys.is_empty() {
        return String::new();
    }
    let mut text = "Configuration keys and their defaults:\n".to_string();
    for key in keys {
        let default = flow(&key.default);
        let default = match default.char_indices().nth(60) {
            Some((cut, _)) => format!("{}...", default.get(..cut).unwrap_or_default()),
            None => default,
        };
        let _ = write!(text, "  {}={default}\n          {} ({})\n", key.path, key.doc, key.kind);
    }
    text
}

/// Runs the stage with the arguments given.
pub(crate) fn run(stage: &dyn AnyStage, matches: &ArgMatches, context: &Context<'_>) -> Result<u8, StageError> {
    let description = stage.describe();
    let mut given: Vec<Given> = options::all::<PathBuf>(matches, "config").into_iter().map(Given::File).collect();
    for flag in description.flags {
        if let Some(value) = matches.get_one::<String>(flag.name) {
            let name = format!("--{}", flag.name);
            given.push(Given::Flag(FlagValue {
                flag: name,
                key: flag.key.into(),
                value: value.clone(),
                list: flag.list,
            }));
        }
    }
    let mut inputs = if description.inputs.is_empty() { Vec::new() } else { options::all(matches, "input") };
    let plain = description.inputs.iter().find(|role| role.plain);
    for word in options::all::<String>(matches, "words") {
        match plain {
            Some(role) if !word.contains('=') || Path::new(&word).exists() => {
                inputs.push(format!("{}={word}", role.role));
            }
            _ => given.push(Given::Word(word)),
        }
    }
    for role in named_roles(&description) {
        let files = options::all::<String>(matches, role.role);
        inputs.extend(files.into_iter().map(|file| format!("{}={file}", role.role)));
    }
    let request = Request {
        given,
        inputs,
        output: match description.output {
            OutputKind::Nothing => None,
            _ => matches.get_one::<PathBuf>("output").cloned(),
        },
        seed: matches.get_one::<u64>("seed").copied(),
    };
    let as_json = matches.get_flag("json");
    let prepared = stage.prepare(&request)?;
    if matches.get_flag("dry-run") {
        return show_plan(&prepared, stage.predict(&prepared)?, as_json).map(|()| 0);
    }
    let run_options = options::run_options(matches, &context.argv)?;
    let outcome = stage.execute(&prepared, &run_options)?;
    for path in prepared.output_paths() {
        run_options.observer.message(Level::Info, &format!("wrote {}", path.display()));
    }
    if as_json {
        let mut all = json!({
            "stage": prepared.stage,
            "outputs": prepared.output_paths().collect::<Vec<_>>(),
            "seconds": outcome.record.seconds,
            "warnings": outcome.record.warnings,
        });
        if let (Some(all), serde_json::Value::Object(report)) = (all.as_object_mut(), outcome.report.to_json()) {
            all.extend(report);
        }
        print::json(&all)?;
    } else {
        print::data(&outcome.report.to_text())?;
    }
    Ok(outcome.exit_code())
}

fn show_plan(prepared: &Prepared, prediction: Option<Report>, as_json: bool) -> Result<(), StageError> {
    let inputs: Vec<_> = prepared
        .inputs
        .files()
        .iter()
        .map(|file| json!({"role": file.role, "file": file.spec(), "exists": file.path.exists()}))
        .collect();
    let outputs: Vec<_> = prepared
        .output_paths()
        .map(|path| json!({"file": path.display().to_string(), "exists": path.exists()}))
        .collect();
    let mut all = json!({
        "stage": prepared.stage,
        "inputs": inputs,
        "outputs": outputs,
        "seed": prepared.seed,
        "config": prepared.config,
        "command": prepared.command_line,
    });
    if as_json {
        if let (Some(all), Some(prediction)) = (all.as_object_mut(), &prediction) {
            all.insert("prediction".into(), prediction.to_json());
        }
        return print::json(&all);
    }
    let mut text = String::new();
    for (name, value) in all.as_object().into_iter().flatten() {
        match value {
            serde_json::Value::Array(items) if !items.is_empty() => {
                let lines: String = items.iter().map(|item| format!("\n- {}", flow(item))).collect();
                let _ = writeln!(text, "{name}:{lines}");
            }
            serde_json::Value::Object(_) => {
                let yaml = recoil_stage::config::plain_yaml(value);
                let lines: String = yaml.lines().map(|line| format!("\n  {line}")).collect();
                let _ = writeln!(text, "{name}:{lines}");
            }
            other => {
                let _ = writeln!(text, "{name}: {}", flow(other));
            }
        }
    }
    if let Some(prediction) = prediction {
        let _ = write!(text, "\n{}", prediction.to_text());
    }
    print::data(&text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;
