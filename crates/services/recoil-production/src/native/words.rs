//! Placeholders in words.

use super::Variables;
use crate::model::{Argument, Output};
use recoil_stage::config::did_you_mean;
use std::path::PathBuf;

/// Placeholders that always have a meaning; variables cannot be called so.
pub(super) const BUILT_IN: &[&str] = &["input", "inputs", "output", "outputs", "step", "task", "seed", "cpus"];

/// What placeholders of a task stand for.
pub(super) struct Meaning<'a> {
    pub variables: &'a Variables,
    pub step: &'a str,
    pub task: usize,
    pub seed: Option<u64>,
    pub cpus: u32,
    /// Inputs with their names; empty names for those without.
    pub inputs: &'a [(String, PathBuf)],
    /// Outputs with their names, as in the task.
    pub outputs: &'a [(String, Output)],
}

/// A piece of a word.
enum Piece<'a> {
    Text(String),
    Placeholder(&'a str),
}

/// Takes a word apart.
fn pieces(word: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut found = Vec::new();
    let mut text = String::new();
    let mut rest = word;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, after) = rest.split_at(at);
        text.push_str(before);
        if let Some(doubled) = after.strip_prefix("{{").or_else(|| after.strip_prefix("}}")) {
            text.push_str(after.get(..1).unwrap_or_default());
            rest = doubled;
            continue;
        }
        let inner = after.strip_prefix('{').and_then(|inner| inner.split_once('}'));
        let Some((name, after)) = inner else {
            return Err(format!("'{word}' has a single brace; write {{{{ or }}}} for the character itself"));
        };
        found.push(Piece::Text(std::mem::take(&mut text)));
        found.push(Piece::Placeholder(name));
        rest = after;
    }
    text.push_str(rest);
    found.push(Piece::Text(text));
    Ok(found)
}

/// The names of the placeholders in a word.
pub(super) fn placeholders(word: &str) -> Vec<&str> {
    let named = |piece| match piece {
        Piece::Placeholder(name) => Some(name),
        Piece::Text(_) => None,
    };
    pieces(word).unwrap_or_default().into_iter().filter_map(named).collect()
}

/// Whether a word has braces.
fn has_braces(word: &str) -> bool {
    word.contains(['{', '}'])
}

impl Meaning<'_> {
    /// The arguments that a word of a command stands for: several if it is a single placeholder with several values.
    ///
    /// # Errors
    /// A fragment about the placeholder.
    pub fn arguments(&self, word: &str) -> Result<Vec<Argument>, String> {
        if !has_braces(word) {
            return Ok(vec![Argument::Text(word.into())]);
        }
        let mut pieces = pieces(word)?;
        pieces.retain(|piece| !matches!(piece, Piece::Text(text) if text.is_empty()));
        if let [Piece::Placeholder(name)] = pieces.as_slice() {
            return match self.output(name)? {
                Some(outputs) => {
                    let one = |output| Argument::Output { output, prefix: String::new(), suffix: String::new() };
                    Ok(outputs.into_iter().map(one).collect())
                }
                None => Ok(self.values(name)?.into_iter().map(Argument::Text).collect()),
            };
        }
        let (mut before, mut chosen, mut after) = (String::new(), None, String::new());
        for piece in pieces {
            let target = if chosen.is_some() { &mut after } else { &mut before };
            match piece {
                Piece::Text(text) => target.push_str(&text),
                Piece::Placeholder(name) => match self.output(name)? {
                    None => target.push_str(&one(name, self.values(name)?)?),
                    Some(outputs) => match (chosen, outputs.as_slice()) {
                        (None, [only]) => chosen = Some(*only),
                        (Some(_), _) => return Err(format!("'{word}' names two outputs; one word can hold one")),
                        _ => return Err(format!("{{{name}}} stands for several outputs, but is part of a word")),
                    },
                },
            }
        }
        Ok(vec![match chosen {
            Some(output) => Argument::Output { output, prefix: before, suffix: after },
            None => Argument::Text(before),
        }])
    }

    /// The text that a word with placeholders stands for, one for each value of a placeholder with several.
    ///
    /// # Errors
    /// A fragment about the placeholder.
    pub fn texts(&self, word: &str) -> Result<Vec<String>, String> {
        if !has_braces(word) {
            return Ok(vec![word.into()]);
        }
        let mut texts = vec![String::new()];
        for piece in pieces(word)? {
            match piece {
                Piece::Text(text) => texts.iter_mut().for_each(|all| all.push_str(&text)),
                Piece::Placeholder(name) => {
                    let values = self.values(name)?;
                    let with = |text: String| values.iter().map(move |value| format!("{text}{value}"));
                    texts = texts.into_iter().flat_map(with).collect();
                }
            }
        }
        Ok(texts)
    }

    /// Numbers of the outputs that a placeholder stands for; `None` if it is none of outputs.
    fn output(&self, name: &str) -> Result<Option<Vec<usize>>, String> {
        let all = || (0..self.outputs.len()).collect::<Vec<_>>();
        match name {
            "output" => match self.outputs.len() {
                1 => Ok(Some(vec![0])),
                0 => Err("{output} stands for nothing: no output is declared".into()),
                count => Err(format!("{{output}} could be any of {count} outputs; name one as {{outputs.NAME}}")),
            },
            "outputs" => Ok(Some(all())),
            _ => match name.strip_prefix("outputs.") {
                Some(own) => {
                    let known: Vec<&str> = self.outputs.iter().map(|(name, _)| name.as_str()).collect();
                    let found: Vec<usize> = all().into_iter().filter(|&i| known.get(i) == Some(&own)).collect();
                    if found.is_empty() { Err(unknown(name, own, &known)) } else { Ok(Some(found)) }
                }
                None => Ok(None),
            },
        }
    }

    fn values(&self, name: &str) -> Result<Vec<String>, String> {
        let shown = |(_, path): &(String, PathBuf)| path.to_string_lossy().into_owned();
        match name {
            "input" => match self.inputs {
                [only] => Ok(vec![shown(only)]),
                [] => Err("{input} stands for nothing: no input is declared".into()),
                inputs => Err(format!("{{input}} could be any of {} inputs; use {{inputs}}", inputs.len())),
            },
            "inputs" => Ok(self.inputs.iter().map(shown).collect()),
            "step" => Ok(vec![self.step.into()]),
            "task" => Ok(vec![self.task.to_string()]),
            "cpus" => Ok(vec![self.cpus.to_string()]),
            "seed" => match self.seed {
                Some(seed) => Ok(vec![seed.to_string()]),
                None => Err("{seed} stands for nothing: neither the step nor the production has a seed".into()),
            },
            _ => {
                if let Some(values) = self.variables.get(name) {
                    return Ok(values.clone());
                }
                if let Some(own) = name.strip_prefix("inputs.") {
                    let found: Vec<String> = self.inputs.iter().filter(|(name, _)| name == own).map(shown).collect();
                    let known: Vec<&str> = self.inputs.iter().map(|(name, _)| name.as_str()).collect();
                    return if found.is_empty() { Err(unknown(name, own, &known)) } else { Ok(found) };
                }
                let mut known: Vec<&str> = BUILT_IN.to_vec();
                known.extend(self.variables.keys().map(String::as_str));
                known.sort_unstable();
                Err(unknown(name, name, &known))
            }
        }
    }
}

fn one(name: &str, values: Vec<String>) -> Result<String, String> {
    match <[String; 1]>::try_from(values) {
        Ok([value]) => Ok(value),
        Err(values) => Err(format!("{{{name}}} stands for {} values, but is part of a word", values.len())),
    }
}

fn unknown(name: &str, own: &str, known: &[&str]) -> String {
    let help = did_you_mean(own, known).unwrap_or_else(|| format!("known: {}", known.join(", ")));
    format!("{{{name}}} stands for nothing ({help})")
}
