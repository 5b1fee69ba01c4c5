//! A page with all productions of a folder: when, what, with which verdict, and their readmes.

use crate::error::{ProductionError, Result};
use crate::finding::{Finding, Severity};
use crate::read::read;
use recoil_stage::Registry;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A production of the folder.
struct Entry {
    name: String,
    /// Day, `YYYY-MM-DD`; empty if unknown.
    date: String,
    files: Vec<File>,
    readme: Option<String>,
}

/// A production file.
struct File {
    /// Name below the production's directory.
    name: String,
    prod_id: String,
    stages: Vec<String>,
    steps: usize,
    errors: usize,
    warnings: usize,
    /// What is wrong first.
    first: String,
}

/// What the page is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Register {
    /// The page.
    pub html: String,
    /// Directories of the folder.
    pub productions: usize,
    /// Those of them without a production file.
    pub empty: Vec<String>,
}

/// The page of a folder. Every directory in it is a production, with its files in it or one below it, the first `*.md`
/// as its readme; the newest comes first. The date is that of the first change of the directory if the folder is under
/// git, else the one that its name begins with.
///
/// # Errors
/// A folder that cannot be read.
pub fn register(folder: &Path, registry: &Registry) -> Result<Register> {
    let entries = fs::read_dir(folder).map_err(ProductionError::file("list", folder))?;
    let mut directories: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    directories.retain(|path| !file_name(path).starts_with('.'));
    let dates = first_changes(folder);
    let mut all: Vec<Entry> = directories.iter().map(|path| entry(path, &dates, registry)).collect();
    all.sort_by(|a, b| b.date.cmp(&a.date).then_with(|| a.name.cmp(&b.name)));
    let empty = all.iter().filter(|entry| entry.files.is_empty()).map(|entry| entry.name.clone()).collect();
    Ok(Register { html: page(folder, &all), productions: all.len(), empty })
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// For each name in the folder the day of its first change.
fn first_changes(folder: &Path) -> HashMap<String, String> {
    let mut dates = HashMap::new();
    let arguments = ["log", "--reverse", "--format=%x01%as", "--name-only", "--relative", "-z", "--", "."];
    let mut git = Command::new("git");
    git.arg("-C").arg(folder).args(arguments).stdin(Stdio::null()).stderr(Stdio::null());
    let Some(output) = git.output().ok().filter(|output| output.status.success()) else { return dates };
    let text = String::from_utf8_lossy(&output.stdout);
    for change in text.split('\u{1}').skip(1) {
        let mut parts = change.split(['\0', '\n']).filter(|part| !part.is_empty());
        let Some(date) = parts.next() else { continue };
        for name in parts.filter_map(|path| path.split('/').next()) {
            dates.entry(name.to_string()).or_insert_with(|| date.to_string());
        }
    }
    dates
}

fn entry(path: &Path, dates: &HashMap<String, String>, registry: &Registry) -> Entry {
    let name = file_name(path);
    let mut files = Vec::new();
    let mut readme: Option<PathBuf> = None;
    for file in files_below(path, 2) {
        let end = file.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        match end.as_str() {
            "yml" | "yaml" => files.push(production(path, &file, registry)),
            "md" if file.parent() == Some(path) && readme.is_none() => readme = Some(file),
            _ => {}
        }
    }
    let date = dates.get(&name).cloned().or_else(|| day(&name)).unwrap_or_default();
    let readme = readme.and_then(|path| fs::read(path).ok()).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    Entry { name, date, files, readme }
}

/// Files in a directory and `depth - 1` levels below it, sorted.
fn files_below(directory: &Path, depth: usize) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    entries.retain(|path| !file_name(path).starts_with('.'));
    entries.sort();
    let (below, mut files): (Vec<_>, Vec<_>) = entries.into_iter().partition(|path| path.is_dir());
    if depth > 1 {
        files.extend(below.iter().flat_map(|path| files_below(path, depth - 1)));
    }
    files
}

/// The day that a name begins with.
fn day(name: &str) -> Option<String> {
    let digits = name.get(..8).filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))?;
    Some(format!("{}-{}-{}", digits.get(..4)?, digits.get(4..6)?, digits.get(6..)?))
}

fn production(directory: &Path, file: &Path, registry: &Registry) -> File {
    let (production, found) = read(file, registry);
    let count = |severity| found.iter().filter(|finding: &&Finding| finding.severity == severity).count();
    let mut stages: Vec<String> = Vec::new();
    for step in production.iter().flat_map(|production| &production.steps) {
        if !stages.contains(&step.stage) {
            stages.push(step.stage.clone());
        }
    }
    let first = found.iter().find(|finding| finding.severity == Severity::Error);
    File {
        name: file.strip_prefix(directory).unwrap_or(file).to_string_lossy().into_owned(),
        prod_id: production.as_ref().map(|production| production.name.clone()).unwrap_or_default(),
        stages,
        steps: production.map_or(0, |production| production.steps.len()),
        errors: count(Severity::Error),
        warnings: count(Severity::Warning),
        first: first.map(|finding| finding.message.clone()).unwrap_or_default(),
    }
}

const STYLE: &str = "\
:root{color-scheme:light dark;--line:#8884;--dim:#777}\
body{font:15px/1.5 system-ui,sans-serif;max-width:82rem;margin:2rem auto;padding:0 1rem}\
h1{font-size:1.5rem}input{font:inherit;padding:.3rem .6rem;width:min(24rem,100%);margin:.5rem 0}\
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.5rem .75rem;border-bottom:1px solid var(--line)}\
th{position:sticky;top:0;background:Canvas}td{overflow-wrap:anywhere}td.d{white-space:nowrap}\
.dim{color:var(--dim);font-size:.9em}.bad{color:#c0392b}.good{color:#27863f}\
.file{margin-bottom:.4rem}td:nth-child(2){min-width:14rem}details[open]>div{width:30rem;max-width:40vw}pre{overflow:auto;background:#8881;padding:.5rem}";

const SCRIPT: &str = "\
const q=document.getElementById('q'),n=document.getElementById('n'),rows=[...document.querySelectorAll('tbody tr')];\
q.addEventListener('input',()=>{const w=q.value.toLowerCase().split(/\\s+/);let c=0;\
for(const r of rows){const t=r.textContent.toLowerCase();r.hidden=!w.every(x=>t.includes(x));if(!r.hidden)c++}\
n.textContent=c+' of '+rows.length});";

fn page(folder: &Path, all: &[Entry]) -> String {
    let title = format!("Productions in {}", file_name(&std::path::absolute(folder).unwrap_or_else(|_| folder.into())));
    let files: usize = all.iter().map(|entry| entry.files.len()).sum();
    let steps: usize = all.iter().flat_map(|entry| &entry.files).map(|file| file.steps).sum();
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta name=\"generator\" content=\"recoil\">\n\
         <title>{0}</title>\n<style>{STYLE}</style></head><body>\n<h1>{0}</h1>\n\
         <p>{1} productions, {files} files, {steps} steps.</p>\n\
         <p><label>Find <input id=\"q\" type=\"search\" autocomplete=\"off\"></label> <span id=\"n\" class=\"dim\"></span></p>\n\
         <table><thead><tr><th>Production date</th><th>Prod ID</th><th>Files</th><th>Readme</th></tr></thead><tbody>\n",
        escaped(&title),
        all.len()
    );
    for entry in all {
        let _ = write!(
            out,
            "<tr><td class=\"d\">{}</td><td><a href=\"{}/\">{}</a></td><td>",
            escaped(&entry.date),
            escaped(&address(&entry.name)),
            // a long name may be broken after an underscore
            escaped(&entry.name).replace('_', "_<wbr>")
        );
        if entry.files.is_empty() {
            out.push_str("<span class=\"bad\">no production file</span>");
        }
        for file in &entry.files {
            write_file(entry, file, &mut out);
        }
        out.push_str("</td><td>");
        if let Some(readme) = &entry.readme {
            let _ = write!(out, "<details><summary>Readme</summary><div>{}</div></details>", rendered(readme));
        }
        out.push_str("</td></tr>\n");
    }
    let _ = write!(out, "</tbody></table>\n<script>{SCRIPT}</script></body></html>\n");
    out
}

fn write_file(entry: &Entry, file: &File, out: &mut String) {
    let link = format!("{}/{}", address(&entry.name), address(&file.name));
    let _ = write!(out, "<div class=\"file\"><a href=\"{}\">{}</a> ", escaped(&link), escaped(&file.name));
    match (file.errors, file.warnings) {
        (0, 0) => out.push_str("<span class=\"good\">valid</span>"),
        (0, warnings) => {
            let _ = write!(out, "<span class=\"good\">valid</span>, {}", counted(warnings, "warning"));
        }
        (errors, _) => {
            let (count, first) = (counted(errors, "error"), escaped(&file.first));
            let _ = write!(out, "<span class=\"bad\">{count}</span>: {first}");
        }
    }
    if file.steps > 0 {
        let id = if file.prod_id == entry.name {
            String::new()
        } else {
            format!("<code>{}</code>, ", escaped(&file.prod_id))
        };
        let stages = escaped(&file.stages.join(", "));
        let _ = write!(out, "<div class=\"dim\">{id}{}: {stages}</div>", counted(file.steps, "step"));
    }
    out.push_str("</div>");
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

/// A path as part of an address.
fn address(path: &str) -> String {
    let mut out = String::new();
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => out.push(byte.into()),
            other => drop(write!(out, "%{other:02X}")),
        }
    }
    // a name with a colon in it is no scheme
    if out.contains(':') { format!("./{out}") } else { out }
}

/// Headings, lists, code and paragraphs of a Markdown text; everything else as it stands.
fn rendered(text: &str) -> String {
    let mut out = String::new();
    let (mut paragraph, mut in_list, mut in_code) = (String::new(), false, false);
    let flush = |paragraph: &mut String, out: &mut String| {
        if !paragraph.is_empty() {
            let _ = write!(out, "<p>{}</p>", inline(paragraph));
            paragraph.clear();
        }
    };
    for line in text.lines() {
        let plain = line.trim();
        if plain.starts_with("```") {
            flush(&mut paragraph, &mut out);
            out.push_str(if in_code { "</pre>" } else { "<pre>" });
            in_code = !in_code;
            continue;
        }
        if in_code {
            let _ = writeln!(out, "{}", escaped(line));
            continue;
        }
        let item = plain.strip_prefix("- ").or_else(|| plain.strip_prefix("* "));
        if in_list && item.is_none() {
            out.push_str("</ul>");
            in_list = false;
        }
        let level = plain.len() - plain.trim_start_matches('#').len();
        if plain.is_empty() {
            flush(&mut paragraph, &mut out);
        } else if let Some(item) = item {
            flush(&mut paragraph, &mut out);
            out.push_str(if in_list { "" } else { "<ul>" });
            in_list = true;
            let _ = write!(out, "<li>{}</li>", inline(item));
        } else if (1..=6).contains(&level) && plain.get(level..).is_some_and(|rest| rest.starts_with(' ')) {
            flush(&mut paragraph, &mut out);
            // below the heading of the page
            let rank = (level + 2).min(6);
            let _ = write!(out, "<h{rank}>{}</h{rank}>", inline(plain.trim_start_matches('#').trim()));
        } else {
            paragraph.push_str(plain);
            paragraph.push('\n');
        }
    }
    flush(&mut paragraph, &mut out);
    out.push_str(if in_list { "</ul>" } else { "" });
    out.push_str(if in_code { "</pre>" } else { "" });
    out
}

/// Code and links within a line.
fn inline(text: &str) -> String {
    let mut out = String::new();
    for (index, part) in text.split('`').enumerate() {
        if index % 2 == 1 {
            let _ = write!(out, "<code>{}</code>", escaped(part));
            continue;
        }
        let mut rest = part;
        while let Some((before, link, after)) = link(rest) {
            let (label, target) = link;
            let _ = write!(out, "{}<a href=\"{}\">{}</a>", escaped(before), escaped(target), escaped(label));
            rest = after;
        }
        out.push_str(&escaped(rest));
    }
    out
}

/// The first `[label](https://...)` of a text, with what is before and after it.
fn link(text: &str) -> Option<(&str, (&str, &str), &str)> {
    let (before, after) = text.split_once('[')?;
    let (label, after) = after.split_once("](")?;
    let (target, after) = after.split_once(')')?;
    (target.starts_with("https://") || target.starts_with("http://")).then_some((before, (label, target), after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readmes_cannot_carry_anything_but_text() {
        let html =
            rendered("# A <b>\n\nx `<i>` [a](https://e.x/?a=\"b) [b](javascript:1)\n- one\n- two\n\n```\n<p>\n```\n");
        assert_eq!(
            html,
            "<h3>A &lt;b&gt;</h3><p>x <code>&lt;i&gt;</code> <a href=\"https://e.x/?a=&quot;b\">a</a> \
             [b](javascript:1)\n</p><ul><li>one</li><li>two</li></ul><pre>&lt;p&gt;\n</pre>"
        );
        assert_eq!(address("a b/\"c:d"), "./a%20b/%22c%3Ad".replace("./", ""));
        assert_eq!(day("20240918_x"), Some("2024-09-18".into()));
        assert_eq!(day("nsb_psf_tuned"), None);
    }
}
