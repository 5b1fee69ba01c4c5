//! Conditions on runs, in MLflow's words: `metrics.val_loss < 0.1 and params.model = "8x8" and status = "FINISHED"`.
//!
//! ```text
//! condition = any of: condition or condition, condition and condition, not condition, (condition),
//!             field OP value, field [not] in (value, …), field is [not] null
//! field     = metrics.NAME | params.NAME | tags.NAME | run_id | run_name | experiment | status | user | start_time |
//!             end_time | duration       NAME with other signs stands in "double quotes" or `backticks`
//! OP        = = == != < <= > >= like ilike        % in a pattern stands for anything, _ for one sign
//! ```
//!
//! A field that a run does not have fulfils no condition but `is null`. Numbers compare as numbers, also those of
//! parameters and tags if both sides are numbers; comparisons with NaN are false but for `!=`.

use crate::error::{Result, TrackError};
use crate::record::Record;
use crate::store::Wanted;
use std::cmp::Ordering;

/// A value of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    /// Latest value of a metric.
    Metric(String),
    /// A parameter.
    Parameter(String),
    /// A tag.
    Tag(String),
    /// What every run has, such as its name.
    Attribute(&'static str),
}

/// Attributes of runs; MLflow's other names in second place.
const ATTRIBUTES: [(&str, &str); 9] = [
    ("run_id", "id"),
    ("run_name", "name"),
    ("experiment", "experiment_name"),
    ("experiment_id", "experiment_id"),
    ("status", "status"),
    ("user", "user_id"),
    ("start_time", "created"),
    ("end_time", "end_time"),
    ("duration", "duration"),
];

/// What a field is in one run.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A number.
    Number(f64),
    /// Words.
    Text(String),
}

impl Value {
    fn number(&self) -> Option<f64> {
        match self {
            Self::Number(value) => Some(*value),
            Self::Text(text) => text.trim().parse().ok(),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Number(value) => value.to_string(),
            Self::Text(text) => text.clone(),
        }
    }

    /// As numbers if both are, otherwise as words; nothing if one is NaN.
    fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self.number(), other.number()) {
            (Some(a), Some(b)) => a.partial_cmp(&b),
            _ => Some(self.text().cmp(&other.text())),
        }
    }
}

impl Field {
    /// `metrics.NAME`, `params.NAME`, `tags.NAME` or an attribute; another word is a metric.
    pub fn parse(text: &str) -> Self {
        let unquoted = |name: &str| name.trim_matches(|c| c == '"' || c == '`').to_owned();
        if let Some((kind, name)) = text.split_once('.').filter(|(_, name)| !name.is_empty()) {
            match kind {
                "metrics" | "metric" => return Self::Metric(unquoted(name)),
                "params" | "parameters" | "param" => return Self::Parameter(unquoted(name)),
                "tags" | "tag" => return Self::Tag(unquoted(name)),
                _ => {}
            }
        }
        let plain = text.strip_prefix("attributes.").or_else(|| text.strip_prefix("attribute.")).unwrap_or(text);
        match ATTRIBUTES.iter().find(|(name, other)| *name == plain || *other == plain) {
            Some((name, _)) => Self::Attribute(name),
            None => Self::Metric(unquoted(plain)),
        }
    }

    /// Its value in a run.
    pub fn of(&self, run: &Record) -> Option<Value> {
        let milliseconds = |time: i64| Value::Number(time as f64);
        let info = &run.info;
        match self {
            Self::Metric(name) => run.metrics.get(name).map(|point| Value::Number(point.value)),
            Self::Parameter(name) => run.parameters.get(name).cloned().map(Value::Text),
            Self::Tag(name) => run.tags.get(name).cloned().map(Value::Text),
            Self::Attribute(name) => match *name {
                "run_id" => Some(Value::Text(info.id.clone())),
                "run_name" => Some(Value::Text(info.name.clone())),
                "experiment" => Some(Value::Text(run.experiment.to_string())),
                "experiment_id" => Some(Value::Text(info.experiment_id.clone())),
                "status" => Some(Value::Text(info.status.name().to_owned())),
                "user" => Some(Value::Text(info.user.clone())),
                "start_time" => Some(milliseconds(info.start_ms)),
                "end_time" => info.end_ms.map(milliseconds),
                _ => info.seconds().map(Value::Number),
            },
        }
    }

    /// Says that it must be read.
    pub fn want(&self, wanted: &mut Wanted) {
        match self {
            Self::Metric(name) => wanted.metrics.add(name),
            Self::Parameter(name) => wanted.parameters.add(name),
            Self::Tag(name) => wanted.tags.add(name),
            Self::Attribute(_) => {}
        }
    }
}

/// Sorts runs by a field; those that lack it, or have NaN, come last.
pub fn sort(runs: &mut [Record], field: &Field, descending: bool) {
    runs.sort_by(|a, b| {
        let usable =
            |run: &Record| field.of(run).filter(|value| !matches!(value, Value::Number(number) if number.is_nan()));
        match (usable(a), usable(b)) {
            (Some(a), Some(b)) => {
                let order = a.compare(&b).unwrap_or(Ordering::Equal);
                if descending { order.reverse() } else { order }
            }
            (a, b) => b.is_some().cmp(&a.is_some()),
        }
    });
}

#[derive(Clone, Debug, PartialEq)]
enum Node {
    Or(Box<Node>, Box<Node>),
    And(Box<Node>, Box<Node>),
    Not(Box<Node>),
    Compare(Field, Comparison, Value),
    Like(Field, String, bool),
    In(Field, Vec<Value>),
    Null(Field),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    Different,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A condition on runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition(Node);

impl Condition {
    /// Reads a condition.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn parse(text: &str) -> Result<Self> {
        let mut parser = Parser { text, words: words(text)?, next: 0 };
        let node = parser.any(0)?;
        match parser.peek() {
            None => Ok(Self(node)),
            Some(word) => parser.fail(&format!("'{}' is not expected here", word.shown())),
        }
    }

    /// Whether a run fulfils it.
    pub fn holds(&self, run: &Record) -> bool {
        holds(&self.0, run)
    }

    /// Says what must be read.
    pub fn want(&self, wanted: &mut Wanted) {
        want(&self.0, wanted);
    }
}

fn want(node: &Node, wanted: &mut Wanted) {
    match node {
        Node::Or(a, b) | Node::And(a, b) => {
            want(a, wanted);
            want(b, wanted);
        }
        Node::Not(a) => want(a, wanted),
        Node::Compare(field, ..) | Node::Like(field, ..) | Node::In(field, _) | Node::Null(field) => field.want(wanted),
    }
}

fn holds(node: &Node, run: &Record) -> bool {
    match node {
        Node::Or(a, b) => holds(a, run) || holds(b, run),
        Node::And(a, b) => holds(a, run) && holds(b, run),
        Node::Not(a) => !holds(a, run),
        Node::Null(field) => field.of(run).is_none(),
        Node::In(field, values) => {
            let own = field.of(run);
            own.is_some_and(|own| values.iter().any(|value| own.compare(value) == Some(Ordering::Equal)))
        }
        Node::Like(field, pattern, ignore_case) => field.of(run).is_some_and(|own| {
            let own = own.text();
            match ignore_case {
                true => like(&own.to_lowercase(), &pattern.to_lowercase()),
                false => like(&own, pattern),
            }
        }),
        Node::Compare(field, comparison, value) => field.of(run).is_some_and(|own| {
            let order = own.compare(value);
            match comparison {
                Comparison::Equal => order == Some(Ordering::Equal),
                Comparison::Different => order != Some(Ordering::Equal),
                Comparison::Less => order == Some(Ordering::Less),
                Comparison::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
                Comparison::Greater => order == Some(Ordering::Greater),
                Comparison::GreaterOrEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
            }
        }),
    }
}

/// Whether words match a pattern of SQL; in time proportional to the product of their lengths.
fn like(text: &str, pattern: &str) -> bool {
    let (text, pattern): (Vec<char>, Vec<char>) = (text.chars().collect(), pattern.chars().collect());
    let (mut at, mut place, mut retry) = (0, 0, None);
    while at < text.len() {
        match pattern.get(place) {
            Some('%') => {
                retry = Some((at, place + 1));
                place += 1;
            }
            Some(&c) if c == '_' || Some(&c) == text.get(at) => {
                at += 1;
                place += 1;
            }
            _ => match retry {
                Some((from, after)) => {
                    retry = Some((from + 1, after));
                    (at, place) = (from + 1, after);
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(place).all(|&c| c == '%')
}

#[derive(Clone, Debug, PartialEq)]
enum Word {
    /// A bare word, possibly with a quoted name after its dot.
    Name(String),
    Text(String),
    Number(f64),
    Sign(&'static str),
}

impl Word {
    fn shown(&self) -> String {
        match self {
            Self::Name(text) | Self::Text(text) => text.clone(),
            Self::Number(value) => value.to_string(),
            Self::Sign(sign) => (*sign).to_owned(),
        }
    }
}

const SIGNS: [&str; 11] = ["==", "!=", "<=", ">=", "<>", "=", "<", ">", "(", ")", ","];

fn words(text: &str) -> Result<Vec<(usize, Word)>> {
    let fail = |position: usize, message: &str| {
        Err(TrackError::Condition { text: text.to_owned(), position, message: message.to_owned() })
    };
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()) {
        let rest = text.get(at..).unwrap_or_default();
        if c.is_whitespace() {
            at += c.len_utf8();
        } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            found.push((at, Word::Sign(sign)));
            at += sign.len();
        } else if c == '\'' || c == '"' || c == '`' {
            let Some(len) = rest.get(1..).and_then(|inner| inner.find(c)) else {
                return fail(at, "a quotation mark is not closed");
            };
            let inner = rest.get(1..=len).unwrap_or_default().to_owned();
            match found.last_mut() {
                // metrics."odd name"
                Some((start, Word::Name(name))) if name.ends_with('.') && *start + name.len() == at => {
                    name.push_str(&inner);
                }
                _ => found.push((at, Word::Text(inner))),
            }
            at += len + 2;
        } else {
            let end = rest.find(|c: char| !(c.is_alphanumeric() || "_-./:+%".contains(c))).unwrap_or(rest.len());
            if end == 0 {
                return fail(at, &format!("{c:?} is not expected"));
            }
            let word = rest.get(..end).unwrap_or_default();
            let number = word.parse().ok().filter(|_| !word.starts_with(char::is_alphabetic) || word == "NaN");
            found.push((at, number.map_or_else(|| Word::Name(word.to_owned()), Word::Number)));
            at += end;
        }
    }
    Ok(found)
}

struct Parser<'a> {
    text: &'a str,
    words: Vec<(usize, Word)>,
    next: usize,
}

/// Deepest nesting of parentheses.
const DEEPEST: usize = 100;

impl Parser<'_> {
    fn peek(&self) -> Option<&Word> {
        self.words.get(self.next).map(|(_, word)| word)
    }

    fn fail<T>(&self, message: &str) -> Result<T> {
        let position = self.words.get(self.next).map_or(self.text.len(), |(position, _)| *position);
        Err(TrackError::Condition { text: self.text.to_owned(), position, message: message.to_owned() })
    }

    /// Takes a keyword or sign if it comes next.
    fn takes(&mut self, wanted: &str) -> bool {
        let there = match self.peek() {
            Some(Word::Name(name)) => name.eq_ignore_ascii_case(wanted),
            Some(Word::Sign(sign)) => *sign == wanted,
            _ => false,
        };
        self.next += usize::from(there);
        there
    }

    fn any(&mut self, depth: usize) -> Result<Node> {
        let mut left = self.all(depth)?;
        while self.takes("or") {
            left = Node::Or(Box::new(left), Box::new(self.all(depth)?));
        }
        Ok(left)
    }

    fn all(&mut self, depth: usize) -> Result<Node> {
        let mut left = self.one(depth)?;
        while self.takes("and") {
            left = Node::And(Box::new(left), Box::new(self.one(depth)?));
        }
        Ok(left)
    }

    fn one(&mut self, depth: usize) -> Result<Node> {
        if depth > DEEPEST {
            return self.fail("too many parentheses");
        }
        if self.takes("not") {
            return Ok(Node::Not(Box::new(self.one(depth + 1)?)));
        }
        if self.takes("(") {
            let inner = self.any(depth + 1)?;
            return if self.takes(")") { Ok(inner) } else { self.fail("a closing parenthesis is missing") };
        }
        let Some(Word::Name(name)) = self.peek() else { return self.fail("a field is missing, such as metrics.loss") };
        let field = Field::parse(name);
        self.next += 1;
        if self.takes("is") {
            let not = self.takes("not");
            if !self.takes("null") {
                return self.fail("'null' is missing");
            }
            let node = Node::Null(field);
            return Ok(if not { Node::Not(Box::new(node)) } else { node });
        }
        let not = self.takes("not");
        let node = if self.takes("in") {
            let mut values = Vec::new();
            if !self.takes("(") {
                return self.fail("a list in parentheses is missing");
            }
            loop {
                values.push(self.value()?);
                if self.takes(")") {
                    break Node::In(field, values);
                }
                if !self.takes(",") {
                    return self.fail("a comma or a closing parenthesis is missing");
                }
            }
        } else if self.takes("like") {
            Node::Like(field, self.value()?.text(), false)
        } else if self.takes("ilike") {
            Node::Like(field, self.value()?.text(), true)
        } else if not {
            return self.fail("'in', 'like' or 'ilike' is missing");
        } else {
            let signs = [
                ("==", Comparison::Equal),
                ("=", Comparison::Equal),
                ("!=", Comparison::Different),
                ("<>", Comparison::Different),
                ("<=", Comparison::LessOrEqual),
                (">=", Comparison::GreaterOrEqual),
                ("<", Comparison::Less),
                (">", Comparison::Greater),
            ];
            let Some((_, comparison)) = signs.into_iter().find(|(sign, _)| self.takes(sign)) else {
                return self.fail("a comparison is missing: = != < <= > >= like ilike in");
            };
            Node::Compare(field, comparison, self.value()?)
        };
        Ok(if not { Node::Not(Box::new(node)) } else { node })
    }

    fn value(&mut self) -> Result<Value> {
        let value = match self.peek() {
            Some(Word::Number(value)) => Value::Number(*value),
            Some(Word::Text(text) | Word::Name(text)) => Value::Text(text.clone()),
            _ => return self.fail("a value is missing"),
        };
        self.next += 1;
        Ok(value)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::record::{Point, RunInfo, Status};

    fn run() -> Record {
        let point = |value| Point { value, step: 1, time_ms: 0 };
        Record {
            info: RunInfo {
                id: "ab12".into(),
                name: "first try".into(),
                experiment_id: "1".into(),
                status: Status::Finished,
                start_ms: 1000,
                end_ms: Some(3500),
                artifact_uri: String::new(),
                user: "me".into(),
                deleted: false,
            },
            experiment: "econt".into(),
            parameters: [("model".into(), "8x8".into()), ("rate".into(), "1e-3".into())].into(),
            metrics: [("loss".into(), point(0.25)), ("a b".into(), point(2.0)), ("bad".into(), point(f64::NAN))].into(),
            tags: [("mlflow.user".into(), "me".into())].into(),
        }
    }

    #[test]
    fn conditions_hold_or_not() {
        for (text, expected) in [
            ("metrics.loss < 0.3", true),
            ("loss < 0.3 and params.model = '8x8'", true),
            ("loss>=0.3 or params.model != \"8x8\"", false),
            ("metrics.\"a b\" == 2", true),
            ("metrics.`a b` > 2", false),
            ("params.rate = 0.001", true),
            ("params.rate > 5e-4", true),
            ("status = FINISHED and not (user = 'you')", true),
            ("attributes.run_name like 'first%'", true),
            ("run_name ILIKE '%TRY'", true),
            ("run_name like 'f_rst try'", true),
            ("run_name not like '%x%'", true),
            ("params.model in ('4x4', '8x8')", true),
            ("params.model not in ('4x4', '8x8')", false),
            ("metrics.none < 1", false),
            ("metrics.none is null and loss is not null", true),
            ("bad < 1 or bad >= 1", false),
            ("bad != 1", true),
            ("tags.mlflow.user = me", true),
            ("duration = 2.5", true),
            ("not loss > 1 and loss > -1", true),
        ] {
            assert_eq!(Condition::parse(text).unwrap().holds(&run()), expected, "{text}");
        }
    }

    #[test]
    fn mistakes_are_shown_with_their_place() {
        for (text, position, part) in [
            ("loss <", 6, "value"),
            ("loss 3", 5, "comparison"),
            ("(loss < 3", 9, "closing"),
            ("loss < 3 loss", 9, "not expected"),
            ("params.a = 'x", 11, "not closed"),
            ("= 3", 0, "field"),
            ("loss < 3 and", 12, "field"),
            ("a ; b", 2, "not expected"),
            ("", 0, "field"),
        ] {
            match Condition::parse(text).unwrap_err() {
                TrackError::Condition { position: found, message, .. } => {
                    assert_eq!(found, position, "{text}: {message}");
                    assert!(message.contains(part), "{text}: {message}");
                }
                other => panic!("{other}"),
            }
        }
        assert!(Condition::parse(&"(".repeat(100_000)).is_err());
        assert!(Condition::parse(&"not ".repeat(100_000)).is_err());
    }

    #[test]
    fn sorting_puts_missing_values_last() {
        let with = |id: &str, loss: Option<f64>| {
            let mut run = run();
            run.info.id = id.into();
            run.metrics.clear();
            run.metrics.extend(loss.map(|value| ("loss".into(), Point { value, step: 0, time_ms: 0 })));
            run
        };
        let mut runs =
            [with("a", None), with("b", Some(2.0)), with("c", Some(f64::NAN)), with("d", Some(1.0))].to_vec();
        let order = |runs: &[Record]| runs.iter().map(|run| run.info.id.clone()).collect::<String>();
        sort(&mut runs, &Field::parse("loss"), false);
        assert_eq!(order(&runs).get(..2), Some("db"));
        sort(&mut runs, &Field::parse("metrics.loss"), true);
        assert_eq!(order(&runs).get(..2), Some("bd"));
    }
}
