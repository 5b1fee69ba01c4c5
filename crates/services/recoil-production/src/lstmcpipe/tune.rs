//! Tuning the noise of the simulation to an observation.

use super::analysis;
use crate::error::{ProductionError, Result};
use crate::state::write_atomic;
use crate::yaml::{self, Value};
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs `lstchain_tune_nsb`, and writes the configuration with what it found as `output`.
///
/// # Errors
/// A configuration that cannot be read, a program that fails or says nothing, an output that cannot be written.
pub fn tune(config: &Path, simulation: &Path, data: &Path, output: &Path) -> Result<Vec<String>> {
    let program = "lstchain_tune_nsb";
    let word = |flag: &str, path: &Path| {
        let mut word = std::ffi::OsString::from(format!("{flag}="));
        word.push(path);
        word
    };
    let done = Command::new(program)
        .args([word("--config", config), word("--input-mc", simulation), word("--input-data", data)])
        .stdin(Stdio::null())
        .output()
        .map_err(ProductionError::file("start", Path::new(program)))?;
    let said = String::from_utf8_lossy(&done.stderr);
    if !done.status.success() {
        let last = said.trim().lines().next_back().unwrap_or_default();
        return Err(ProductionError::Usage(format!("{program} failed ({}): {last}", done.status)));
    }
    let found = modifier(&said).ok_or_else(|| ProductionError::Usage(format!("{program} did not print its result")))?;
    let (text, replaced) = merged(config, found)?;
    write_atomic(output, text.as_bytes(), true)?;
    Ok(replaced)
}

/// The last `{...}` of a text.
fn modifier(said: &str) -> Option<&str> {
    let end = said.rfind('}')?;
    let start = said.get(..end)?.rfind('{')?;
    said.get(start..=end)
}

/// The configuration with the values over those of its `image_modifier`, and the keys that this replaced.
fn merged(config: &Path, found: &str) -> Result<(String, Vec<String>)> {
    const BLOCK: &str = "image_modifier";
    let wrong = |what: &Path, found: Vec<crate::finding::Finding>| {
        let all: Vec<String> = found.iter().map(ToString::to_string).collect();
        ProductionError::Usage(format!("{}: {}", what.display(), all.join("\n")))
    };
    let mut root = analysis::read(config).map_err(|found| wrong(config, found))?;
    let values = yaml::parse(Path::new("lstchain_tune_nsb"), found).map_err(|found| wrong(config, found))?;
    let mut replaced = Vec::new();
    for (key, value) in values.map().unwrap_or_default() {
        let name = key.text().unwrap_or_default();
        let old = root.get(BLOCK).and_then(|block| block.get(name));
        if let Some(old) = old.filter(|old| old.to_json() != value.to_json()) {
            replaced.push(format!("{BLOCK}.{name} was {}, is {}", old.to_json(), value.to_json()));
        }
        let mut value = value.clone();
        // Python prints its own truth values
        if let (Some(truth), Value::Scalar { text, .. }) = (value.boolean(), &mut value.value) {
            *text = truth.to_string();
        }
        analysis::set(&mut root, &[BLOCK, name], value);
    }
    Ok((indented(&analysis::json(&root)), replaced))
}

/// The text with two blanks where there are four, as the program that this stands for writes it.
fn indented(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        let rest = line.trim_start_matches(' ');
        out.push_str(&" ".repeat((line.len() - rest.len()) / 2));
        out.push_str(rest);
        out.push('\n');
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_last_braces_count_and_lie_over_the_old_values() {
        let said = "warning {x}\n{\n\"increase_nsb\": true,\n\"extra_noise_in_dim_pixels\": 1.62\n}\nbye";
        let home = tempfile::tempdir().unwrap();
        let config = home.path().join("lst.json");
        std::fs::write(&config, "{\"a\": [0, Infinity], \"image_modifier\": {\"increase_nsb\": false, \"k\": 1}}")
            .unwrap();
        let (text, replaced) = merged(&config, modifier(said).unwrap()).unwrap();
        assert_eq!(replaced, ["image_modifier.increase_nsb was false, is true"]);
        assert!(text.contains("  \"image_modifier\": {\n    \"increase_nsb\": true,\n    \"k\": 1,\n"), "{text}");
        assert!(text.contains("\"extra_noise_in_dim_pixels\": 1.62\n"));
        assert_eq!(modifier("nothing"), None);
    }
}
