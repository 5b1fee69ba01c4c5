//! The text of a production file, laid out as lstmcpipe's YAML writer does it.

use super::{Item, Request, Stages, StepItem};
use std::fmt::Write as _;

/// Columns of a line.
const WIDTH: usize = 80;
/// The version of lstmcpipe whose form is written.
const VERSION: &str = "0.11.4.dev19+g31debd1";

/// The whole file.
pub(in crate::lstmcpipe) fn file(request: &Request, stages: &Stages) -> String {
    let mut out = String::new();
    let class = format!("PathConfig{}", request.class.name());
    let _ = write!(
        out,
        "# lstmcpipe generated config from {class} - {}\n\n\
         workflow_kind: {}\n\n\
         # prod_id ex: local_no_n_islands. Default; v00 (if key left empty or None)\n\
         prod_id: {}\n\n\
         source_environment:\n  source_file: /fefs/aswg/software/conda/etc/profile.d/conda.sh\n  conda_env: {}\n\n\
         slurm_config:\n# dpps is the default account for lstanalyzer - other users should use aswg\n  user_account: dpps\n\
         lstmcpipe_version: {VERSION}\nprod_type: {class}\n",
        request.date,
        request.workflow_kind,
        scalar(&request.prod_id),
        scalar(&request.conda_env)
    );
    body(stages, &mut out);
    out
}

/// `stages_to_run` and `stages`.
pub(in crate::lstmcpipe) fn body(stages: &Stages, out: &mut String) {
    out.push_str("stages_to_run:\n");
    for (stage, _) in stages {
        let _ = writeln!(out, "- {}", stage.name());
    }
    out.push_str("stages:\n");
    for (stage, steps) in stages {
        let _ = write!(out, "  {}:", stage.name());
        out.push_str(if steps.is_empty() { " []\n" } else { "\n" });
        for step in steps {
            write_step(step, out);
        }
    }
}

fn write_step(step: &StepItem, out: &mut String) {
    for (index, (key, item)) in step.iter().enumerate() {
        out.push_str(if index == 0 { "  - " } else { "    " });
        write_entry(key, item, 4, out);
    }
}

fn write_entry(key: &str, item: &Item, indent: usize, out: &mut String) {
    let key = scalar(key);
    let _ = write!(out, "{key}:");
    match item {
        Item::Nothing => out.push('\n'),
        Item::Map(entries) => {
            out.push('\n');
            for (key, item) in entries {
                out.push_str(&" ".repeat(indent + 2));
                write_entry(key, item, indent + 2, out);
            }
        }
        Item::Word(text) => {
            let shown = scalar(text);
            let column = indent + key.chars().count() + 1;
            if shown == *text {
                plain(&shown, column, indent + 2, out);
            } else {
                let _ = writeln!(out, " {shown}");
            }
        }
    }
}

/// A word without quotes, broken where a line would be too long.
fn plain(text: &str, column: usize, indent: usize, out: &mut String) {
    let length = |text: &str| text.chars().count();
    let first = text.split(' ').next().unwrap_or_default();
    let mut at = column + 1;
    out.push(' ');
    let fold = |out: &mut String| {
        out.push('\n');
        out.push_str(&" ".repeat(indent));
        indent
    };
    if at + length(first) > WIDTH {
        at = fold(out);
    }
    let mut rest = text;
    while let Some((word, after)) = rest.split_once(' ') {
        out.push_str(word);
        at += length(word);
        let spaces = 1 + after.len() - after.trim_start_matches(' ').len();
        rest = after.trim_start_matches(' ');
        out.push_str(&" ".repeat(spaces));
        at += spaces;
        let next = rest.split(' ').next().unwrap_or_default();
        // several blanks would become one
        if spaces == 1 && at + length(next) > WIDTH {
            at = fold(out);
        }
    }
    out.push_str(rest);
    out.push('\n');
}

/// A word as YAML reads it back: with quotes where it needs them.
pub(in crate::lstmcpipe) fn scalar(text: &str) -> String {
    let special = |c: char| "!&*?|>%@`\"'#,[]{}".contains(c);
    let reads_as_else = matches!(
        text.to_ascii_lowercase().as_str(),
        "" | "~" | "null" | "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n"
    );
    let breaks = text.contains(": ") || text.contains(" #") || text.ends_with(':');
    let edge = text.starts_with(special)
        || text.starts_with("- ")
        || text.starts_with(": ")
        || text == "-"
        || text.trim() != text;
    if text.chars().any(char::is_control) {
        // JSON strings are YAML
        return serde_json::Value::String(text.into()).to_string();
    }
    match reads_as_else || breaks || edge {
        true => format!("'{}'", text.replace('\'', "''")),
        false => text.into(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn words_are_read_back_as_they_were() {
        let long = format!("{} --b  --c {}", "--a ".repeat(30), "/x".repeat(60));
        for text in
            ["a", "", "no", "a: b", "it's", " x", "x ", "a #b", "- a", "*x", "a\nb", "x:", "--pattern */*.h5", &long]
        {
            let mut out = String::new();
            write_step(&vec![("key".into(), Item::Word(text.into()))], &mut out);
            let node = crate::yaml::parse(Path::new("a"), &out).unwrap();
            let back = node.list().unwrap()[0].get("key").unwrap();
            let crate::yaml::Value::Scalar { text: back, .. } = &back.value else { unreachable!() };
            assert_eq!(back, text, "{out}");
        }
    }
}
