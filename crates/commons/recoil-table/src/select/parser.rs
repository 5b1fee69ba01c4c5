//! Tokens to a syntax tree, by operator precedence.
//!
//! From loosest to tightest: `or || |`, `and && &`, `not !`, comparisons (which do not chain), `+ -`, `* / %`, unary
//! `-`, `**` (right to left), `x[i]`. As in C and ROOT, and unlike in Python, `&` and `|` bind looser than comparisons.

use super::error::{SelectError, Span};
use super::lexer::{Op, Token, tokens};

/// A syntax tree with the place of every node.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tree {
    pub node: Node,
    pub span: Span,
    depth: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    Int(i64),
    Float(f64),
    Text(String),
    Column(String),
    Unary(Op, Box<Tree>),
    Binary(Op, Box<Tree>, Box<Tree>),
    Call(String, Span, Vec<Tree>),
    Index(Box<Tree>, Box<Tree>),
}

impl Tree {
    /// Adds the names that may be columns.
    pub fn names<'t>(&'t self, names: &mut Vec<&'t str>) {
        match &self.node {
            Node::Column(name) => names.push(name),
            Node::Unary(_, a) => a.names(names),
            Node::Binary(_, a, b) | Node::Index(a, b) => {
                a.names(names);
                b.names(names);
            }
            Node::Call(_, _, arguments) => arguments.iter().for_each(|a| a.names(names)),
            Node::Int(_) | Node::Float(_) | Node::Text(_) => {}
        }
    }
}

/// Nesting beyond which a selection is refused, so that no text can exhaust the stack.
const DEEPEST: usize = 200;

/// Reads a whole selection.
pub(crate) fn parse(text: &str) -> Result<Tree, SelectError> {
    let mut parser = Parser { text, tokens: tokens(text)?, next: 0, open: 0 };
    let tree = parser.expression(0)?;
    match parser.peek() {
        None => Ok(tree),
        Some(Token::Close) => Err(parser.error_here("')' without '('")),
        Some(_) => Err(parser.error_here("expected an operator or the end")),
    }
}

struct Parser<'t> {
    text: &'t str,
    tokens: Vec<(Token, Span)>,
    next: usize,
    open: usize,
}

/// How tightly a binary operator binds: to its left and to its right.
fn binding(op: Op) -> Option<(u8, u8)> {
    Some(match op {
        Op::Or | Op::BitOr => (1, 2),
        Op::And | Op::BitAnd => (3, 4),
        Op::Less | Op::LessEqual | Op::Greater | Op::GreaterEqual | Op::Equal | Op::NotEqual => (7, 8),
        Op::Add | Op::Subtract => (9, 10),
        Op::Multiply | Op::Divide | Op::Remainder => (11, 12),
        Op::Power => (15, 14),
        Op::Not | Op::BitNot => return None,
    })
}
const NOT: u8 = 5;
const NEGATE: u8 = 13;
const COMPARE: u8 = 7;

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next).map(|(token, _)| token)
    }

    /// Place of the next token, or just behind the last one.
    fn here(&self) -> Span {
        let end = self.tokens.last().map_or(0, |(_, span)| span.end);
        self.tokens.get(self.next).map_or(Span { start: end, end }, |(_, span)| *span)
    }

    fn error_here(&self, message: &str) -> SelectError {
        SelectError::new(self.text, self.here(), message)
    }

    fn tree(&self, node: Node, span: Span) -> Result<Tree, SelectError> {
        let below = match &node {
            Node::Unary(_, a) => a.depth,
            Node::Binary(_, a, b) | Node::Index(a, b) => a.depth.max(b.depth),
            Node::Call(_, _, arguments) => arguments.iter().map(|a| a.depth).max().unwrap_or(0),
            _ => 0,
        };
        if below >= DEEPEST {
            return Err(SelectError::new(self.text, span, format!("more than {DEEPEST} levels of nesting")));
        }
        Ok(Tree { node, span, depth: below + 1 })
    }

    fn expression(&mut self, loosest: u8) -> Result<Tree, SelectError> {
        self.open += 1;
        if self.open > DEEPEST {
            return Err(self.error_here(&format!("more than {DEEPEST} levels of nesting")));
        }
        let mut left = self.operand()?;
        let mut compared = false;
        while let Some(Token::Op(op)) = self.peek() {
            let op = *op;
            let Some((to_left, to_right)) = binding(op) else { break };
            if to_left < loosest {
                break;
            }
            if to_left == COMPARE && compared {
                let error = self.error_here("comparisons do not chain");
                return Err(error.advise(": write 'a < b and b < c'"));
            }
            compared = to_left == COMPARE;
            self.next += 1;
            let right = self.expression(to_right)?;
            let span = left.span.to(right.span);
            left = self.tree(Node::Binary(op, Box::new(left), Box::new(right)), span)?;
        }
        self.open -= 1;
        Ok(left)
    }

    fn operand(&mut self) -> Result<Tree, SelectError> {
        let Some((token, span)) = self.tokens.get(self.next).cloned() else {
            return Err(self.error_here("expected a value, found the end"));
        };
        self.next += 1;
        let tree = match token {
            Token::Op(op @ (Op::Subtract | Op::Add | Op::Not | Op::BitNot)) => {
                let inner = self.expression(if op == Op::Not { NOT } else { NEGATE })?;
                let span = span.to(inner.span);
                return match op {
                    Op::Add => Ok(inner),
                    op => self.tree(Node::Unary(op, Box::new(inner)), span),
                };
            }
            Token::Int(value) => self.tree(Node::Int(value), span)?,
            Token::Float(value) => self.tree(Node::Float(value), span)?,
            Token::Text(value) => self.tree(Node::Text(value), span)?,
            Token::Name(name) => self.named(name, span)?,
            Token::Open => {
                let inner = self.expression(0)?;
                let close = self.expect(&Token::Close, "')'")?;
                Tree { span: span.to(close), ..inner }
            }
            _ => {
                self.next -= 1;
                return Err(self.error_here("expected a value"));
            }
        };
        self.indexed(tree)
    }

    fn named(&mut self, name: String, span: Span) -> Result<Tree, SelectError> {
        if self.peek() != Some(&Token::Open) {
            return self.tree(Node::Column(name), span);
        }
        self.next += 1;
        let mut arguments = Vec::new();
        while self.peek() != Some(&Token::Close) {
            arguments.push(self.expression(0)?);
            if self.peek() != Some(&Token::Comma) {
                break;
            }
            self.next += 1;
        }
        let close = self.expect(&Token::Close, "',' or ')'")?;
        self.tree(Node::Call(name, span, arguments), span.to(close))
    }

    fn indexed(&mut self, mut tree: Tree) -> Result<Tree, SelectError> {
        while self.peek() == Some(&Token::OpenIndex) {
            self.next += 1;
            let index = self.expression(0)?;
            let close = self.expect(&Token::CloseIndex, "']'")?;
            let span = tree.span.to(close);
            tree = self.tree(Node::Index(Box::new(tree), Box::new(index)), span)?;
        }
        Ok(tree)
    }

    fn expect(&mut self, token: &Token, name: &str) -> Result<Span, SelectError> {
        if self.peek() != Some(token) {
            return Err(self.error_here(&format!("expected {name}")));
        }
        let span = self.here();
        self.next += 1;
        Ok(span)
    }
}
