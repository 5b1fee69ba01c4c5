//! Prints one line of JSON per branch of every tree in the given files: type, entries and a digest of the values.
//!
//! The digest is xxh64 over canonical bytes: for numbers the little-endian values; for lists and strings the counts
//! per entry (i64, little-endian) and then the content; for structs the members one after another. The interop test
//! against uproot builds the same bytes in Python.
//!
//! `cargo run --release -p recoil-root --example root_digest FILE.root ...`

use std::io::Write;

use recoil_root::{Column, Error, RootFile, Tree};
use twox_hash::XxHash64;

fn canonical(column: &Column, out: &mut Vec<u8>) {
    match column {
        Column::Prim(values) => out.extend(values.to_le_bytes()),
        Column::Fixed { inner, .. } => canonical(inner, out),
        Column::List { offsets, inner } => {
            counts(offsets, out);
            canonical(inner, out);
        }
        Column::Str { offsets, bytes } => {
            counts(offsets, out);
            out.extend_from_slice(bytes);
        }
        Column::Struct { fields, .. } => fields.iter().for_each(|(_, column)| canonical(column, out)),
    }
}

fn counts(offsets: &[i64], out: &mut Vec<u8>) {
    out.extend(offsets.iter().zip(offsets.iter().skip(1)).flat_map(|(a, b)| (b - a).to_le_bytes()));
}

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
                canonical(&column, &mut bytes);
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
