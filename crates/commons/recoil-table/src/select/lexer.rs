//! Selection text to tokens.

use super::error::{SelectError, Span};

/// One word, number or sign.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    Int(i64),
    Float(f64),
    Text(String),
    Name(String),
    Op(Op),
    Open,
    Close,
    OpenIndex,
    CloseIndex,
    Comma,
}

/// Operators; words and signs that mean the same are one operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Or,
    And,
    Not,
    /// `&` and `|`: bits of integers, otherwise as `and` and `or`.
    BitAnd,
    BitOr,
    /// `~`: bits of an integer, otherwise as `not`.
    BitNot,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Equal,
    NotEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Power,
}

const SIGNS: [(&str, Token); 25] = [
    ("**", Token::Op(Op::Power)),
    ("&&", Token::Op(Op::And)),
    ("||", Token::Op(Op::Or)),
    ("<=", Token::Op(Op::LessEqual)),
    (">=", Token::Op(Op::GreaterEqual)),
    ("==", Token::Op(Op::Equal)),
    ("!=", Token::Op(Op::NotEqual)),
    ("<", Token::Op(Op::Less)),
    (">", Token::Op(Op::Greater)),
    ("&", Token::Op(Op::BitAnd)),
    ("|", Token::Op(Op::BitOr)),
    ("~", Token::Op(Op::BitNot)),
    ("!", Token::Op(Op::Not)),
    ("+", Token::Op(Op::Add)),
    ("-", Token::Op(Op::Subtract)),
    ("*", Token::Op(Op::Multiply)),
    ("/", Token::Op(Op::Divide)),
    ("%", Token::Op(Op::Remainder)),
    ("(", Token::Open),
    (")", Token::Close),
    ("[", Token::OpenIndex),
    ("]", Token::CloseIndex),
    (",", Token::Comma),
    ("\u{2212}", Token::Op(Op::Subtract)),
    ("\u{00b7}", Token::Op(Op::Multiply)),
];

/// The tokens of `text` with their places.
pub(crate) fn tokens(text: &str) -> Result<Vec<(Token, Span)>, SelectError> {
    let chars: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        if c.is_whitespace() {
            at += 1;
            continue;
        }
        let rest = chars.get(at..).unwrap_or_default();
        let starts_number = c.is_ascii_digit() || (c == '.' && rest.get(1).is_some_and(char::is_ascii_digit));
        let (token, length) = if starts_number {
            number(text, rest, at)?
        } else if c.is_alphabetic() || c == '_' {
            name(rest)
        } else if matches!(c, '\'' | '"' | '`') {
            quoted(text, rest, at, c)?
        } else {
            sign(text, rest, at)?
        };
        tokens.push((token, Span { start: at, end: at + length }));
        at += length;
    }
    Ok(tokens)
}

fn number(text: &str, rest: &[char], at: usize) -> Result<(Token, usize), SelectError> {
    let mut length = 0;
    while let Some(&c) = rest.get(length) {
        let after_exponent = length > 0 && matches!(rest.get(length - 1), Some('e' | 'E'));
        if !(c.is_ascii_alphanumeric() || c == '.' || c == '_' || (matches!(c, '+' | '-') && after_exponent)) {
            break;
        }
        length += 1;
    }
    let word: String = rest.iter().take(length).filter(|c| **c != '_').collect();
    let span = Span { start: at, end: at + length };
    if word.bytes().all(|b| b.is_ascii_digit()) {
        let too_large = || SelectError::new(text, span, format!("integer {word} is above 2^63 - 1"));
        return Ok((Token::Int(word.parse().map_err(|_| too_large())?), length));
    }
    let plain = word.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'));
    match word.parse() {
        Ok(value) if plain => Ok((Token::Float(value), length)),
        _ => Err(SelectError::new(text, span, format!("'{word}' is not a number"))),
    }
}

fn name(rest: &[char]) -> (Token, usize) {
    let length = rest.iter().take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '.')).count();
    let word: String = rest.iter().take(length).collect();
    let token = match word.as_str() {
        "and" => Token::Op(Op::And),
        "or" => Token::Op(Op::Or),
        "not" => Token::Op(Op::Not),
        _ => Token::Name(word),
    };
    (token, length)
}

fn quoted(text: &str, rest: &[char], at: usize, quote: char) -> Result<(Token, usize), SelectError> {
    let Some(inside) = rest.iter().skip(1).position(|c| *c == quote) else {
        let span = Span { start: at, end: at + rest.len() };
        return Err(SelectError::new(text, span, format!("no closing {quote} for the one")));
    };
    let word = rest.iter().skip(1).take(inside).collect();
    let token = if quote == '`' { Token::Name(word) } else { Token::Text(word) };
    Ok((token, inside + 2))
}

fn sign(text: &str, rest: &[char], at: usize) -> Result<(Token, usize), SelectError> {
    let matches = |sign: &str| sign.chars().enumerate().all(|(i, c)| rest.get(i) == Some(&c));
    if let Some((sign, token)) = SIGNS.iter().find(|(sign, _)| matches(sign)) {
        return Ok((token.clone(), sign.chars().count()));
    }
    let span = Span { start: at, end: at + 1 };
    let found = rest.first().copied().unwrap_or(' ');
    let error = SelectError::new(text, span, format!("unexpected '{found}'"));
    Err(if found == '=' { error.advise(", did you mean '=='?") } else { error })
}
