//! Reference pages in Markdown, from the same definitions as the command line.

use crate::GROUPS;
use crate::cli::{Detail, command};
use clap::{Arg, Command};
use recoil_stage::config::{flow, keys};
use recoil_stage::{AnyStage, ErrorKind, OutputKind, Registry, StageError};
use std::fmt::Write as _;

const HEAD: &str = "<!-- written by `recoil reference`, do not edit -->\n\n";

/// File names and texts.
pub(crate) fn pages(registry: &Registry) -> Result<Vec<(String, String)>, StageError> {
    let mut pages = vec![("commands.md".to_string(), commands(registry)), ("exit-codes.md".to_string(), exit_codes())];
    for group in GROUPS {
        let mut text = format!("{HEAD}# recoil {}\n\n{}.\n", group.name, group.about);
        for stage in registry.iter().filter(|stage| stage.describe().name.split(' ').next() == Some(group.name)) {
            stage_section(stage, &mut text)?;
        }
        pages.push((format!("{}.md", group.name), text));
    }
    Ok(pages)
}

fn exit_codes() -> String {
    let mut text = format!("{HEAD}# Exit codes\n\n| code | meaning |\n|---|---|\n| 0 | everything went well |\n");
    for kind in ErrorKind::ALL {
        let _ = writeln!(text, "| {} | {} |", kind.exit_code(), kind.meaning());
    }
    text
}

fn commands(registry: &Registry) -> String {
    let mut program = command(registry, Detail::Only(""));
    program.build();
    let mut text = format!("{HEAD}# Commands\n\n{}.\n\n| command | what it does |\n|---|---|\n", about(&program));
    let visible: Vec<&Command> =
        program.get_subcommands().filter(|c| !c.is_hide_set() && c.get_name() != "help").collect();
    for group in &visible {
        let stages = GROUPS.iter().any(|known| known.name == group.get_name());
        let link = if stages {
            format!("[`recoil {0}`]({0}.md)", group.get_name())
        } else {
            format!("`recoil {}`", group.get_name())
        };
        let _ = writeln!(text, "| {link} | {} |", about(group));
    }
    for group in visible.iter().filter(|group| !GROUPS.iter().any(|known| known.name == group.get_name())) {
        let subs: Vec<&Command> = group.get_subcommands().filter(|sub| sub.get_name() != "help").collect();
        if subs.is_empty() {
            command_section(group, &format!("recoil {}", group.get_name()), &mut text);
        }
        for sub in subs {
            command_section(sub, &format!("recoil {} {}", group.get_name(), sub.get_name()), &mut text);
        }
    }
    text
}

fn about(command: &Command) -> String {
    command.get_about().map(ToString::to_string).unwrap_or_default()
}

fn command_section(command: &Command, name: &str, text: &mut String) {
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ");
    let _ = write!(text, "\n## {name}\n\n{}.\n\n```text\n{usage}\n```\n\n", about(command));
    let _ = writeln!(text, "| argument | meaning |\n|---|---|");
    for arg in command.get_arguments().filter(|arg| !arg.is_hide_set() && arg.get_id() != "help") {
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let _ = writeln!(text, "| {} | {} |", argument(arg), escaped(&help));
    }
}

fn argument(arg: &Arg) -> String {
    let short = arg.get_short().map(|short| format!("`-{short}`, ")).unwrap_or_default();
    format!("{short}`{}`", escaped(&arg.to_string()))
}

fn stage_section(stage: &dyn AnyStage, text: &mut String) -> Result<(), StageError> {
    let description = stage.describe();
    let _ = write!(text, "\n## recoil {}\n\n{}.\n", description.name, description.about);
    if !description.long.is_empty() {
        let _ = write!(text, "\n{}\n", description.long);
    }
    text.push('\n');
    for role in description.inputs {
        let count = match (role.required, role.many) {
            (true, false) => "",
            (true, true) => ", one or more",
            (false, false) => ", optional",
            (false, true) => ", any number",
        };
        let _ = writeln!(text, "* Input `{}`{count}: {} ({})", role.role, role.doc, role.formats.join(", "));
    }
    match description.output {
        OutputKind::File { doc, formats } => {
            let _ = writeln!(text, "* Output file: {doc} ({})", formats.join(", "));
        }
        OutputKind::Directory { doc } => {
            let _ = writeln!(text, "* Output directory: {doc}");
        }
        OutputKind::Nothing => {
            let _ = writeln!(text, "* Output: printed only");
        }
    }
    for flag in description.flags {
        let _ =
            writeln!(text, "* `--{} {}` sets `{}`", flag.name, if flag.list { "A,B,..." } else { "VALUE" }, flag.key);
    }
    let keys = keys::list(&stage.schema(), &stage.defaults()?);
    if !keys.is_empty() {
        let _ = write!(text, "\n| key | default | type | meaning |\n|---|---|---|---|\n");
    }
    for key in keys {
        let cells = [key.kind, key.doc].map(|cell| escaped(&cell));
        let _ = writeln!(text, "| `{}` | `{}` | {} | {} |", key.path, escaped(&flow(&key.default)), cells[0], cells[1]);
    }
    Ok(())
}

fn escaped(text: &str) -> String {
    text.replace('|', "\\|")
}
