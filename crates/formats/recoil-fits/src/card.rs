//! Cards: the 80-character lines of a header.

use crate::error::{FitsError, Result};

/// Characters of a card.
pub(crate) const WIDTH: usize = 80;
/// Characters between the quotes of a card.
const TEXT_WIDTH: usize = 67;

/// What a card says.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Characters.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A number.
    Float(f64),
    /// Yes or no.
    Logical(bool),
    /// Nothing, or a comment card.
    None,
}

/// A keyword with a value and a comment. `COMMENT` and `HISTORY` have no value.
#[derive(Clone, Debug, PartialEq)]
pub struct Card {
    /// Keyword; longer than eight characters it is written with the `HIERARCH` convention.
    pub key: String,
    /// Value.
    pub value: Value,
    /// Comment.
    pub comment: String,
}

impl Card {
    fn new(key: &str, value: Value, comment: &str) -> Self {
        Self { key: key.to_owned(), value, comment: comment.to_owned() }
    }

    /// A card with characters; long ones are continued on further cards.
    pub fn text(key: &str, value: &str, comment: &str) -> Self {
        Self::new(key, Value::Text(value.to_owned()), comment)
    }

    /// A card with a whole number.
    pub fn integer(key: &str, value: i64, comment: &str) -> Self {
        Self::new(key, Value::Integer(value), comment)
    }

    /// A card with a number.
    pub fn float(key: &str, value: f64, comment: &str) -> Self {
        Self::new(key, Value::Float(value), comment)
    }

    /// A card with yes or no.
    pub fn logical(key: &str, value: bool, comment: &str) -> Self {
        Self::new(key, Value::Logical(value), comment)
    }

    /// A line of comment (`COMMENT`) or history (`HISTORY`).
    pub fn line(key: &str, text: &str) -> Self {
        Self::new(key, Value::None, text)
    }

    /// Appends the card's lines to a header.
    pub(crate) fn write(&self, header: &mut Vec<u8>) -> Result<()> {
        let wrong = |message: &str| FitsError::Card { key: self.key.clone(), message: message.to_owned() };
        let plain = |text: &str| text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if self.key.is_empty()
            || !self.key.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || b"-_".contains(&byte))
        {
            return Err(wrong("a keyword consists of capital letters, digits, '-' and '_'"));
        }
        if !plain(&self.comment) {
            return Err(wrong("a comment must be printable ASCII"));
        }
        let lead = if self.key.len() <= 8 { format!("{:<8}= ", self.key) } else { format!("HIERARCH {} = ", self.key) };
        let line = match &self.value {
            Value::None => {
                let all = self.comment.as_bytes();
                let parts: Vec<&[u8]> = if all.is_empty() { vec![all] } else { all.chunks(WIDTH - 8).collect() };
                for part in parts {
                    let text = String::from_utf8_lossy(part);
                    pad(header, &format!("{:<8}{text}", self.key));
                }
                return Ok(());
            }
            Value::Logical(value) => format!("{lead}{:>20}", if *value { "T" } else { "F" }),
            Value::Integer(value) => format!("{lead}{value:>20}"),
            Value::Float(value) if value.is_finite() => format!("{lead}{:>20}", number(*value)),
            Value::Float(_) => return Err(wrong("a header cannot hold numbers that are not finite")),
            Value::Text(text) => {
                if !plain(text) {
                    return Err(wrong("characters must be printable ASCII"));
                }
                return self.write_text(&lead, text, header);
            }
        };
        pad(header, &self.commented(line));
        Ok(())
    }

    fn write_text(&self, lead: &str, text: &str, header: &mut Vec<u8>) -> Result<()> {
        let quoted = text.replace('\'', "''");
        if quoted.len() + lead.len() + 2 <= WIDTH {
            pad(header, &self.commented(format!("{lead}'{quoted:<8}'")));
            return Ok(());
        }
        let mut rest = text;
        let mut start = lead.to_owned();
        loop {
            // a doubled quote must not be cut in two
            let room = TEXT_WIDTH - start.len().saturating_sub(10);
            let (mut length, mut used) = (0, 0);
            for character in rest.chars() {
                used += if character == '\'' { 2 } else { 1 };
                if used > room {
                    break;
                }
                length += 1;
            }
            let (part, after) = rest.split_at(length);
            if part.is_empty() && !after.is_empty() {
                return Err(FitsError::Card { key: self.key.clone(), message: "the keyword is too long".into() });
            }
            let sign = if after.is_empty() { "" } else { "&" };
            pad(header, &format!("{start}'{}{sign}'", part.replace('\'', "''")));
            rest = after;
            if rest.is_empty() {
                return Ok(());
            }
            start = "CONTINUE  ".into();
        }
    }

    fn commented(&self, mut line: String) -> String {
        if !self.comment.is_empty() {
            line.push_str(" / ");
            line.push_str(&self.comment);
        }
        line
    }

    /// Takes a line apart; the error is a fragment. The text of a `CONTINUE` card is its value.
    pub(crate) fn parse(line: &str) -> std::result::Result<Self, String> {
        let (key, rest) = match line.strip_prefix("HIERARCH ") {
            Some(long) => {
                let (key, rest) = long.split_once('=').ok_or("the long keyword has no value")?;
                (key.trim(), Some(rest))
            }
            None => {
                let (key, rest) = line.split_at_checked(8).ok_or("the card is not ASCII")?;
                let value = rest.strip_prefix("= ").or_else(|| (key == "CONTINUE").then_some(rest));
                match value {
                    Some(value) => (key.trim_end(), Some(value)),
                    None => return Ok(Self::line(key.trim_end(), rest.trim_end())),
                }
            }
        };
        let rest = rest.unwrap_or_default().trim_start();
        let (value, after) = match rest.strip_prefix('\'') {
            Some(text) => {
                let (text, after) = unquote(text)?;
                (Value::Text(text), after)
            }
            None => {
                let (word, after) = rest.split_once('/').map_or((rest, ""), |(word, after)| (word, after));
                (plain_value(word.trim())?, after)
            }
        };
        let comment = after.trim_start().trim_start_matches('/').trim();
        Ok(Self::new(key, value, comment))
    }
}

/// Characters up to the closing quote, and what follows.
fn unquote(text: &str) -> std::result::Result<(String, &str), String> {
    let mut found = String::new();
    let mut rest = text;
    loop {
        let (part, after) = rest.split_once('\'').ok_or("the closing quote is missing")?;
        found.push_str(part);
        match after.strip_prefix('\'') {
            Some(after) => {
                found.push('\'');
                rest = after;
            }
            None => return Ok((found.trim_end().to_owned(), after)),
        }
    }
}

fn plain_value(word: &str) -> std::result::Result<Value, String> {
    Ok(match word {
        "T" => Value::Logical(true),
        "F" => Value::Logical(false),
        "" => Value::None,
        _ => match word.parse::<i64>() {
            Ok(value) => Value::Integer(value),
            Err(_) => {
                let value = word.replace(['D', 'd'], "E").parse::<f64>();
                Value::Float(
                    value.ok().filter(|value| value.is_finite()).ok_or_else(|| format!("'{word}' is no value"))?,
                )
            }
        },
    })
}

/// The shortest digits that stand for the number, with a point.
fn number(value: f64) -> String {
    let text = format!("{value:?}").replace('e', "E");
    match text.split_once('E') {
        Some((digits, power)) if !digits.contains('.') => format!("{digits}.0E{power}"),
        _ => text,
    }
}

/// Appends a line of 80 characters; comments that do not fit are cut.
fn pad(header: &mut Vec<u8>, line: &str) {
    let bytes = line.as_bytes();
    header.extend(&bytes[..bytes.len().min(WIDTH)]);
    header.extend(std::iter::repeat_n(b' ', WIDTH - bytes.len().min(WIDTH)));
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_a_point() {
        for (value, text) in [(1.0, "1.0"), (1e-7, "1.0E-7"), (-2.5e300, "-2.5E300"), (0.1, "0.1"), (1e20, "1.0E20")] {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn cards_come_back() {
        let cards = [
            Card::text("TELESCOP", "CTA-N", "name"),
            Card::text("ODD", "it's / 'quoted'", "a / comment"),
            Card::integer("NAXIS", -12, ""),
            Card::float("ZEN_PNT", 20.00001, "deg"),
            Card::logical("SIMPLE", true, ""),
            Card::float("ETRUE_SCALE", 1.0, ""),
            Card::line("HISTORY", "made here"),
        ];
        for card in cards {
            let mut header = Vec::new();
            card.write(&mut header).unwrap();
            assert_eq!(header.len(), 80, "{card:?}");
            let line = String::from_utf8(header).unwrap();
            assert_eq!(Card::parse(&line).unwrap(), card, "{line}");
        }
        let mut header = Vec::new();
        assert!(Card::text("lower", "", "").write(&mut header).is_err());
        assert!(Card::float("X", f64::NAN, "").write(&mut header).is_err());
        assert!(Card::text("X", "gr\u{fc}n", "").write(&mut header).is_err());
        assert!(Card::parse(&format!("{:<80}", "X       = 'open")).is_err());
        assert!(Card::parse(&format!("{:<80}", "X       = 1.2.3")).is_err());
    }
}
