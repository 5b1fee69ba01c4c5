//! Expressions of the feature table: text to tree.

/// A part of an expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// A number.
    Number(f32),
    /// A column.
    Name(String),
    /// Something of one value.
    Unary(Unary, Box<Node>),
    /// Something of two values.
    Binary(Binary, Box<Node>, Box<Node>),
    /// The second where the first is not zero, else the third.
    Where(Box<Node>, Box<Node>, Box<Node>),
}

/// Operations on one value. Truth values are 1 and 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each name is its own description")]
pub enum Unary {
    Minus,
    Not,
    Sqrt,
    Abs,
    Cosh,
    Sinh,
    Exp,
    Log,
    /// Finite and neither zero nor denormal.
    IsNormal,
    IsFinite,
}

/// Operations on two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each name is its own description")]
pub enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    /// The quotient rounded down.
    FloorDivide,
    /// What is left of it, with the sign of the divisor.
    Remainder,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Equal,
    NotEqual,
    And,
    Or,
    Min,
    Max,
    /// Difference of azimuths in (-π, π].
    DeltaPhi,
}

/// An expression that cannot be understood, with the byte where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("in `{text}` at letter {at}: {reason}")]
pub struct ExpressionError {
    /// The expression.
    pub text: String,
    /// Where, from 1.
    pub at: usize,
    /// What is wrong.
    pub reason: String,
}

/// Deepest nesting of an expression.
const DEEPEST: usize = 64;

/// Reads an expression.
///
/// # Errors
/// Text that is no expression, with the place.
pub fn parse(text: &str) -> Result<Node, ExpressionError> {
    let mut parser = Parser { text, at: 0, depth: 0 };
    let node = parser.level(0)?;
    parser.space();
    if parser.at < text.len() { Err(parser.error("cannot be understood from here")) } else { Ok(node) }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

/// Operators by precedence, the loosest first; within a level, longer ones before shorter ones.
const LEVELS: [&[(&str, Binary)]; 5] = [
    &[("|", Binary::Or)],
    &[("&", Binary::And)],
    &[
        ("<=", Binary::LessEqual),
        (">=", Binary::GreaterEqual),
        ("==", Binary::Equal),
        ("!=", Binary::NotEqual),
        ("<", Binary::Less),
        (">", Binary::Greater),
    ],
    &[("+", Binary::Add), ("-", Binary::Subtract)],
    &[("//", Binary::FloorDivide), ("*", Binary::Multiply), ("/", Binary::Divide), ("%", Binary::Remainder)],
];

impl Parser<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn error(&self, reason: impl Into<String>) -> ExpressionError {
        let at = self.text.get(..self.at).unwrap_or("").chars().count() + 1;
        ExpressionError { text: self.text.to_owned(), at, reason: reason.into() }
    }

    fn accept(&mut self, symbol: &str) -> bool {
        self.space();
        let found = self.rest().starts_with(symbol);
        if found {
            self.at += symbol.len();
        }
        found
    }

    fn expect(&mut self, symbol: &str) -> Result<(), ExpressionError> {
        if self.accept(symbol) { Ok(()) } else { Err(self.error(format!("'{symbol}' is missing"))) }
    }

    fn level(&mut self, level: usize) -> Result<Node, ExpressionError> {
        let Some(operators) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.level(level + 1)?;
        while let Some((_, binary)) = operators.iter().find(|(symbol, _)| self.accept(symbol)) {
            left = Node::Binary(*binary, Box::new(left), Box::new(self.level(level + 1)?));
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Node, ExpressionError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.error("is nested too deeply"));
        }
        let node = if self.accept("-") {
            Node::Unary(Unary::Minus, Box::new(self.unary()?))
        } else if self.accept("!") {
            Node::Unary(Unary::Not, Box::new(self.unary()?))
        } else if self.accept("(") {
            let inner = self.level(0)?;
            self.expect(")")?;
            inner
        } else {
            self.atom()?
        };
        self.depth -= 1;
        Ok(node)
    }

    fn atom(&mut self) -> Result<Node, ExpressionError> {
        self.space();
        let of = |rest: &str, wanted: fn(char) -> bool| rest.find(|letter: char| !wanted(letter)).unwrap_or(rest.len());
        let rest = self.rest();
        if rest.starts_with(|letter: char| letter.is_ascii_digit() || letter == '.') {
            let mut end = of(rest, |letter| letter.is_ascii_digit() || letter == '.');
            let after = rest.get(end..).unwrap_or("");
            if let Some(exponent) = after.strip_prefix(['e', 'E']) {
                let sign = usize::from(exponent.starts_with(['+', '-']));
                let digits = of(exponent.get(sign..).unwrap_or(""), |letter| letter.is_ascii_digit());
                end += if digits > 0 { 1 + sign + digits } else { 0 };
            }
            let number = rest.get(..end).unwrap_or("").parse();
            let number = number.map_err(|_| self.error("is no number"))?;
            self.at += end;
            return Ok(Node::Number(number));
        }
        let end = of(rest, |letter| letter.is_ascii_alphanumeric() || letter == '_');
        if end == 0 {
            return Err(self.error("a number, a column or a bracket is missing"));
        }
        let name = rest.get(..end).unwrap_or("").to_owned();
        let start = self.at;
        self.at += end;
        if !self.accept("(") {
            return Ok(Node::Name(name));
        }
        let mut arguments = Vec::new();
        while !self.accept(")") {
            if !arguments.is_empty() {
                self.expect(",")?;
            }
            arguments.push(self.level(0)?);
        }
        call(&name, arguments).map_err(|reason| {
            self.at = start;
            self.error(reason)
        })
    }
}

fn call(name: &str, arguments: Vec<Node>) -> Result<Node, String> {
    let unary = match name {
        "sqrt" => Some(Unary::Sqrt),
        "abs" => Some(Unary::Abs),
        "cosh" => Some(Unary::Cosh),
        "sinh" => Some(Unary::Sinh),
        "exp" => Some(Unary::Exp),
        "log" => Some(Unary::Log),
        "is_normal" => Some(Unary::IsNormal),
        "is_finite" => Some(Unary::IsFinite),
        _ => None,
    };
    let binary = match name {
        "min" => Some(Binary::Min),
        "max" => Some(Binary::Max),
        "delta_phi" => Some(Binary::DeltaPhi),
        _ => None,
    };
    let given = arguments.len();
    let mut arguments = arguments.into_iter().map(Box::new);
    let mut next = || arguments.next();
    match (unary, binary, given) {
        (Some(unary), _, 1) => next().map(|a| Node::Unary(unary, a)),
        (_, Some(binary), 2) => next().zip(next()).map(|(a, b)| Node::Binary(binary, a, b)),
        (None, None, 3) if name == "where" => next().zip(next()).zip(next()).map(|((c, a), b)| Node::Where(c, a, b)),
        (None, None, _) if name != "where" => return Err(format!("there is no function '{name}'")),
        _ => None,
    }
    .ok_or_else(|| format!("'{name}' does not take {given} values"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn precedence_is_that_of_the_field() {
        let same = |a: &str, b: &str| assert_eq!(parse(a).unwrap(), parse(b).unwrap(), "{a}");
        same("a + b * c", "a + (b * c)");
        same("a > -10 & b > 0 | c", "((a > (-10)) & (b > 0)) | c");
        same("-a / b", "(-a) / b");
        same("a - b - c", "(a - b) - c");
        same("a // 5", "(a)//(5)");
        same("1e-3", "0.001");
    }

    #[test]
    fn faults_have_a_place() {
        let fault = |text: &str| parse(text).unwrap_err().to_string();
        assert_eq!(fault("a + "), "in `a + ` at letter 5: a number, a column or a bracket is missing");
        assert_eq!(fault("a b"), "in `a b` at letter 3: cannot be understood from here");
        assert_eq!(fault("2 * tan(x)"), "in `2 * tan(x)` at letter 5: there is no function 'tan'");
        assert_eq!(fault("max(x)"), "in `max(x)` at letter 1: 'max' does not take 1 values");
        assert_eq!(fault("(a"), "in `(a` at letter 3: ')' is missing");
        assert!(parse(&"(".repeat(1000)).is_err());
        assert!(parse(&"-".repeat(1000)).is_err());
    }
}
