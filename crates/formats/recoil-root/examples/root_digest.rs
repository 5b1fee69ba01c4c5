//! Prints one line of JSON per branch of every tree in the given files: type, entries and a digest of the values.
//!
//! The digest is xxh64 over canonical bytes: for numbers the little-endian values; for lists and strings the counts
//! per entry (i64, little-endian) and then the content; for structs the members one after another. The interop test
//! against uproot builds the same bytes in Python.
//!
//! `cargo run --release -p recoil-root --example root_digest FILE.root ...`

use std::io::Write;

use recoil_root::{Error, RootFile, Tree};
use twox_hash::XxHash64;

#[path = "../tests/canonical/mod.rs"]
mod canonical;

/// Text as a JSON string.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c < ' ' => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn tree_lines(file: &str, path: &str, tree: &Tree, out: &mut impl Write) -> std::io::Result<()> {
    for branch in tree.branches() {
        let (mut bytes, mut entries, mut error) = (Vec::new(), 0, String::new());
        match tree.read(branch, 0..branch.entries()) {
            Ok(column) => {
                canonical::bytes(&column, &mut bytes);
                entries = column.len();
            }
            Err(e @ Error::Unsupported { .. }) => error = e.to_string(),
            Err(e) => error = format!("failed: {e}"),
        }
        writeln!(
            out,
            "{{\"file\":{},\"tree\":{},\"branch\":{},\"type\":{},\"entries\":{entries},\"bytes\":{},\"digest\":\"{:016x}\",\"error\":{}}}",
            quoted(file),
            quoted(path),
            quoted(branch.name()),
            quoted(&branch.ty().to_string()),
            bytes.len(),
            XxHash64::oneshot(0, &bytes),
            quoted(&error),
        )?;
    }
    Ok(())
}

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for file in std::env::args().skip(1) {
        let failure = |what: &str, e: &Error| {
            format!("{{\"file\":{},\"tree\":{},\"error\":{}}}", quoted(&file), quoted(what), quoted(&e.to_string()))
        };
        let entries = RootFile::open(&file).and_then(|root| Ok((root.ls()?, root)));
        match entries {
            Err(e) => writeln!(out, "{}", failure("", &e))?,
            Ok((entries, root)) => {
                for entry in entries {
                    let path = format!("{};{}", entry.path, entry.cycle);
                    match root.tree(&path) {
                        Ok(tree) => tree_lines(&file, &path, &tree, &mut out)?,
                        Err(Error::WrongClass { .. }) => {}
                        Err(e) => writeln!(out, "{}", failure(&path, &e))?,
                    }
                }
            }
        }
    }
    Ok(())
}
