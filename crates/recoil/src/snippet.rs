//! Errors as a person wants to see them: the message, the line that caused it, and a caret under the place.

use recoil_stage::StageError;
use recoil_stage::config::{Fault, Origin, Place};
use std::fmt::Write as _;

/// The text of an error.
pub(crate) fn render(error: &StageError) -> String {
    let Some(config) = error.config_error() else { return format!("error: {error}") };
    let context = if error.message().is_empty() { String::new() } else { format!("{}: ", error.message()) };
    config.faults().iter().map(|fault| one(fault, &context)).collect::<Vec<_>>().join("\n")
}

fn one(fault: &Fault, context: &str) -> String {
    let mut text = format!("error: {context}{}\n", fault.message);
    if let Some(place) = fault.place.as_ref().filter(|place| place.source().origin != Origin::Default) {
        point_at(place, &mut text);
    }
    if let Some(help) = &fault.help {
        let _ = writeln!(text, "  help: {help}");
    }
    text
}

fn point_at(place: &Place, text: &mut String) {
    const WIDTH: usize = 120;
    let (line, column) = place.line_column();
    let content = place.source().text.lines().nth(line - 1).unwrap_or_default();
    // long lines are cut to a window around the place
    let skip = (column - 1).saturating_sub(WIDTH / 2);
    let shown: String = content.chars().skip(skip).take(WIDTH).map(|c| if c == '\t' { ' ' } else { c }).collect();
    let marked = place.text().lines().next().unwrap_or_default().chars().count().max(1);
    let room = shown.chars().count().saturating_sub(column - 1 - skip).max(1);
    let number = line.to_string();
    let pad = " ".repeat(number.len());
    let position = match &place.source().origin {
        Origin::File(path) => format!("{}:{line}:{column}", path.display()),
        _ => place.source().name(),
    };
    let _ = writeln!(text, "{pad}--> {position}");
    let _ = writeln!(text, "{pad} |");
    let _ = writeln!(text, "{number} | {shown}");
    let _ = writeln!(text, "{pad} | {}{}", " ".repeat(column - 1 - skip), "^".repeat(marked.min(room)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use recoil_stage::config::{ConfigError, Source};

    fn shown(origin: Origin, text: &str, start: usize, len: usize) -> String {
        let place = Place::new(&Source::new(origin, text), start, len);
        render(&ConfigError::from(Fault::new("unknown key").at(&place).help(Some("look".into()))).into())
    }

    #[test]
    fn the_caret_stands_under_the_place() {
        assert_eq!(
            shown(Origin::File("a.yaml".into()), "seed:\n  widnow: 3\n", 8, 6),
            "error: unknown key\n --> a.yaml:2:3\n  |\n2 |   widnow: 3\n  |   ^^^^^^\n  help: look\n"
        );
        assert_eq!(
            shown(Origin::Word, "größe=3", 0, 7),
            "error: unknown key\n --> argument 'größe=3'\n  |\n1 | größe=3\n  | ^^^^^\n  help: look\n"
        );
    }

    #[test]
    fn long_lines_and_places_at_the_end_are_cut() {
        let text = shown(Origin::File("a".into()), &"x".repeat(10_000), 5_000, 5_000);
        assert!(text.lines().all(|line| line.len() < 140), "{text}");
        assert!(shown(Origin::File("a".into()), "x", 1, 0).contains("1 | x\n  |  ^\n"));
        assert!(shown(Origin::File("a".into()), "", 0, 0).contains("1 | \n  | ^\n"));
    }
}
