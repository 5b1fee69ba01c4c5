//! Splitting a line of options into words without a shell.

/// The words of a line, with quotes and backslashes as in a shell and nothing else of it: no patterns, variables or
/// commands are expanded, so `--pattern */*.h5` stays as it is.
///
/// # Errors
/// A quote that is not closed.
pub(super) fn split(line: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match letter {
            ' ' | '\t' | '\n' | '\r' => words.extend(word.take()),
            '\'' | '"' => {
                let own = word.get_or_insert_default();
                loop {
                    match letters.next() {
                        None => return Err(format!("the quote {letter} is not closed")),
                        Some(end) if end == letter => break,
                        Some('\\') if letter == '"' => own.extend(letters.next()),
                        Some(other) => own.push(other),
                    }
                }
            }
            '\\' => word.get_or_insert_default().extend(letters.next()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::split;

    #[test]
    fn quotes_hold_words_together_and_nothing_is_expanded() {
        let words = split("--pattern '*/*.h5'  --no-image $HOME \"a b\" c\\ d `x` ''").unwrap();
        assert_eq!(words, ["--pattern", "*/*.h5", "--no-image", "$HOME", "a b", "c d", "`x`", ""]);
        assert_eq!(split("  ").unwrap(), [""; 0]);
        assert!(split("--pattern '*.h5").is_err());
    }
}
