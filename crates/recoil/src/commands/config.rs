//! `recoil config` and `recoil schema`: the configuration of a stage as commented YAML and as JSON schema.

use crate::cli::Context;
use crate::print;
use clap::{Arg, ArgMatches, Command};
use recoil_stage::config::commented_yaml;
use recoil_stage::{AnyStage, Blame as _, StageError};

fn stage_argument() -> Arg {
    Arg::new("stage").value_name("STAGE").help("Name of the stage, such as hgcal.run; without it, the names are listed")
}

pub(crate) fn config_command() -> Command {
    Command::new("config").about("Print the default configuration of a stage as commented YAML").arg(stage_argument())
}

pub(crate) fn schema_command() -> Command {
    Command::new("schema").about("Print the JSON schema of a stage's configuration").arg(stage_argument())
}

fn stage<'a>(matches: &ArgMatches, context: &'a Context<'_>) -> Result<Option<&'a dyn AnyStage>, StageError> {
    match matches.get_one::<String>("stage") {
        Some(name) => context.registry.find(name).map(Some),
        None => {
            let names = context.registry.iter().map(|stage| format!("{}\n", stage.describe().name.replace(' ', ".")));
            print::data(&names.collect::<String>())?;
            Ok(None)
        }
    }
}

pub(crate) fn config(matches: &ArgMatches, context: &Context<'_>) -> Result<u8, StageError> {
    let Some(stage) = stage(matches, context)? else { return Ok(0) };
    let description = stage.describe();
    let head = format!("# {}: {}\n", description.name, description.about);
    print::data(&format!("{head}{}", commented_yaml(&stage.schema(), &stage.defaults()?)))?;
    Ok(0)
}

pub(crate) fn schema(matches: &ArgMatches, context: &Context<'_>) -> Result<u8, StageError> {
    let Some(stage) = stage(matches, context)? else { return Ok(0) };
    let text = serde_json::to_string_pretty(&stage.schema()).internal_error("cannot write the schema")?;
    print::data(&format!("{text}\n"))?;
    Ok(0)
}
