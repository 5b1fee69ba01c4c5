//! Syntax tree and schema to a typed program.

use arrow_schema::{DataType, Schema};

use super::error::{SelectError, Span};
use super::functions::{self, Function};
use super::lexer::Op;
use super::parser::{Node, Tree};
use super::program::{
    Body, Bool, Comparison, Domain, Finish, Float, FloatMap, FloatZip, Input, Int, IntMap, IntZip, Kind, Load, Place,
    Program, Reduction, Step, TextOperand,
};
use crate::error::Hint;

type Result<T> = std::result::Result<T, SelectError>;

/// Types `tree` against the columns of `schema`.
pub(crate) fn bind(text: &str, tree: &Tree, schema: &Schema) -> Result<Program> {
    let mut binder = Binder { text, schema, inputs: Vec::new(), steps: Vec::new() };
    let typed = binder.tree(tree)?;
    let body = match typed.value {
        Value::Number(body) => body,
        Value::Text(_) => return Err(binder.error(tree.span, "a text is not a result")),
    };
    let result = Step { domain: typed.shape.domain(), body, finish: Finish::Keep };
    Ok(Program { inputs: binder.inputs, steps: binder.steps, result })
}

/// How many values an expression has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shape {
    Constant,
    Rows,
    /// One per element of the collection of these inputs.
    Elements(Vec<usize>),
}

impl Shape {
    fn domain(self) -> Domain {
        match self {
            Self::Constant | Self::Rows => Domain::Rows,
            Self::Elements(inputs) => Domain::Elements(inputs),
        }
    }

    fn join(self, other: Self) -> Self {
        match (self, other) {
            (Self::Elements(mut a), Self::Elements(b)) => {
                a.extend(b);
                a.sort_unstable();
                a.dedup();
                Self::Elements(a)
            }
            (elements @ Self::Elements(_), _) | (_, elements @ Self::Elements(_)) => elements,
            (Self::Constant, Self::Constant) => Self::Constant,
            _ => Self::Rows,
        }
    }
}

#[derive(Debug, Clone)]
pub(super) enum Value {
    Number(Body),
    Text(TextOperand),
}

/// A typed expression.
#[derive(Debug, Clone)]
pub(super) struct Typed {
    pub value: Value,
    pub shape: Shape,
}

impl Typed {
    fn kind(&self) -> Kind {
        match &self.value {
            Value::Number(body) => body.kind(),
            Value::Text(_) => Kind::Text,
        }
    }

    pub fn float(value: Float, shape: Shape) -> Self {
        Self { value: Value::Number(Body::Float(value)), shape }
    }

    pub fn int(value: Int, shape: Shape) -> Self {
        Self { value: Value::Number(Body::Int(value)), shape }
    }

    pub fn bool(value: Bool, shape: Shape) -> Self {
        Self { value: Value::Number(Body::Bool(value)), shape }
    }
}

/// Name of a kind in messages.
fn noun(kind: Kind) -> &'static str {
    match kind {
        Kind::Float => "a number",
        Kind::Int => "an integer",
        Kind::Bool => "a condition",
        Kind::Text => "a text",
    }
}

pub(super) struct Binder<'t> {
    text: &'t str,
    schema: &'t Schema,
    inputs: Vec<Input>,
    steps: Vec<Step>,
}

impl Binder<'_> {
    pub fn error(&self, span: Span, message: impl Into<String>) -> SelectError {
        SelectError::new(self.text, span, message)
    }

    pub fn tree(&mut self, tree: &Tree) -> Result<Typed> {
        match &tree.node {
            Node::Int(value) => Ok(Typed::int(Int::Const(*value), Shape::Constant)),
            Node::Float(value) => Ok(Typed::float(Float::Const(*value), Shape::Constant)),
            Node::Text(text) => {
                Ok(Typed { value: Value::Text(TextOperand::Const(text.clone())), shape: Shape::Constant })
            }
            Node::Column(name) => self.column(name, tree.span),
            Node::Unary(op, inner) => self.unary(*op, inner),
            Node::Binary(op, left, right) => self.binary(*op, left, right, tree.span),
            Node::Call(name, span, arguments) => self.call(name, *span, arguments, tree.span),
            Node::Index(list, place) => self.index(list, place),
        }
    }

    fn column(&mut self, name: &str, span: Span) -> Result<Typed> {
        let Some((_, field)) = self.schema.column_with_name(name) else {
            return self.constant(name, span);
        };
        let (inner, jagged) = match field.data_type() {
            DataType::List(inner) | DataType::FixedSizeList(inner, _) => (inner.data_type(), true),
            other => (other, false),
        };
        let kind = match inner {
            DataType::Float32 | DataType::Float64 => Kind::Float,
            DataType::Boolean => Kind::Bool,
            DataType::Utf8 => Kind::Text,
            inner if inner.is_integer() => Kind::Int,
            _ => {
                let message = format!("column '{name}' of type {}", crate::type_name(field.data_type()));
                return Err(self.error(span, message).advise(" cannot take part in a selection"));
            }
        };
        let known = self.inputs.iter().position(|input| input.name == name);
        let index = known.unwrap_or(self.inputs.len());
        if known.is_none() {
            self.inputs.push(Input { name: name.to_owned(), kind, jagged });
        }
        let shape = if jagged { Shape::Elements(vec![index]) } else { Shape::Rows };
        let load = Load::input(index);
        Ok(match kind {
            Kind::Float => Typed::float(Float::Load(load), shape),
            Kind::Int => Typed::int(Int::Load(load), shape),
            Kind::Bool => Typed::bool(Bool::Load(load), shape),
            Kind::Text => Typed { value: Value::Text(TextOperand::Load(load)), shape },
        })
    }

    /// Names that are values unless a column has that name.
    fn constant(&self, name: &str, span: Span) -> Result<Typed> {
        Ok(match name {
            "true" | "True" => Typed::bool(Bool::Const(true), Shape::Constant),
            "false" | "False" => Typed::bool(Bool::Const(false), Shape::Constant),
            "pi" => Typed::float(Float::Const(std::f64::consts::PI), Shape::Constant),
            "nan" => Typed::float(Float::Const(f64::NAN), Shape::Constant),
            "inf" => Typed::float(Float::Const(f64::INFINITY), Shape::Constant),
            _ => {
                let hint = Hint::nearest(name, self.schema.fields().iter().map(|field| field.name().as_str()));
                return Err(self.error(span, format!("unknown column '{name}'")).advise(hint));
            }
        })
    }

    fn unary(&mut self, op: Op, inner: &Tree) -> Result<Typed> {
        let typed = self.tree(inner)?;
        let bits = op == Op::BitNot && typed.kind() == Kind::Int;
        if matches!(op, Op::Not | Op::BitNot) && !bits {
            let (value, shape) = self.condition(typed, inner.span)?;
            return Ok(Typed::bool(Bool::Not(Box::new(value)), shape));
        }
        let map = if bits { IntMap::BitNot } else { IntMap::Negate };
        let shape = typed.shape.clone();
        Ok(match self.number(typed, inner.span)? {
            Body::Int(Int::Const(value)) if !bits => Typed::int(Int::Const(value.wrapping_neg()), shape),
            Body::Int(value) => Typed::int(Int::Map(map, Box::new(value)), shape),
            body => Typed::float(Float::Map(FloatMap::Negate, Box::new(to_float(body))), shape),
        })
    }

    fn binary(&mut self, op: Op, left: &Tree, right: &Tree, span: Span) -> Result<Typed> {
        let (a, b) = (self.tree(left)?, self.tree(right)?);
        let (a, b, shape) = self.align(a, b);
        let comparison = match op {
            Op::And | Op::Or => return self.logic(op, (a, left.span), (b, right.span), shape),
            Op::BitAnd | Op::BitOr if a.kind() != Kind::Int || b.kind() != Kind::Int => {
                return self.logic(op, (a, left.span), (b, right.span), shape);
            }
            Op::Less => Comparison::Less,
            Op::LessEqual => Comparison::LessEqual,
            Op::Greater => Comparison::Greater,
            Op::GreaterEqual => Comparison::GreaterEqual,
            Op::Equal => Comparison::Equal,
            Op::NotEqual => Comparison::NotEqual,
            _ => {
                let (a, b) = (self.number(a, left.span)?, self.number(b, right.span)?);
                return Ok(arithmetic(op, a, b, shape));
            }
        };
        if a.kind() == Kind::Text || b.kind() == Kind::Text {
            return self.compare_texts(comparison, a, b, shape, span);
        }
        let (a, b) = (self.number(a, left.span)?, self.number(b, right.span)?);
        let value = match (a, b) {
            (Body::Int(a), Body::Int(b)) => Bool::CompareInt(comparison, Box::new(a), Box::new(b)),
            (a, b) => Bool::CompareFloat(comparison, Box::new(to_float(a)), Box::new(to_float(b))),
        };
        Ok(Typed::bool(value, shape))
    }

    fn logic(&self, op: Op, a: (Typed, Span), b: (Typed, Span), shape: Shape) -> Result<Typed> {
        let (a, _) = self.condition(a.0, a.1)?;
        let (b, _) = self.condition(b.0, b.1)?;
        let (a, b) = (Box::new(a), Box::new(b));
        let both = matches!(op, Op::And | Op::BitAnd);
        Ok(Typed::bool(if both { Bool::And(a, b) } else { Bool::Or(a, b) }, shape))
    }

    fn compare_texts(&self, op: Comparison, a: Typed, b: Typed, shape: Shape, span: Span) -> Result<Typed> {
        let (Value::Text(a), Value::Text(b)) = (a.value, b.value) else {
            return Err(self.error(span, "a text compared with a number"));
        };
        let same = match (a, b) {
            (TextOperand::Load(load), other) | (other, TextOperand::Load(load)) => Bool::SameText(load, other),
            (TextOperand::Const(a), TextOperand::Const(b)) => Bool::Const(a == b),
        };
        match op {
            Comparison::Equal => Ok(Typed::bool(same, shape)),
            Comparison::NotEqual => Ok(Typed::bool(Bool::Not(Box::new(same)), shape)),
            _ => Err(self.error(span, "texts have no order").advise(": compare them with == or !=")),
        }
    }

    fn call(&mut self, name: &str, span: Span, arguments: &[Tree], whole: Span) -> Result<Typed> {
        let Some(function) = functions::find(name, arguments.len()) else {
            let unknown = self.error(span, format!("unknown function '{name}'"));
            return Err(match functions::arguments(name) {
                Some(counts) => self
                    .error(whole, format!("{name} with {} arguments", arguments.len()))
                    .advise(format!(": it takes {counts}")),
                None => unknown.advise(Hint::nearest(name, functions::names())),
            });
        };
        let mut typed = Vec::with_capacity(arguments.len());
        for argument in arguments {
            typed.push(self.tree(argument)?);
        }
        if let Function::Reduce(reduction) = function {
            let (Some(list), Some(tree)) = (typed.pop(), arguments.first()) else {
                return Err(self.error(whole, "nothing to reduce"));
            };
            return self.reduce(name, reduction, list, tree.span);
        }
        let shape = typed.iter().fold(Shape::Constant, |shape, t| shape.join(t.shape.clone()));
        let mut bodies = Vec::with_capacity(arguments.len());
        for (typed, tree) in typed.into_iter().zip(arguments) {
            let typed = self.broadcast(typed, &shape);
            match typed.value {
                Value::Number(body) => bodies.push(body),
                Value::Text(_) => return Err(self.error(tree.span, format!("{name} of a text"))),
            }
        }
        functions::apply(function, bodies, shape)
            .ok_or_else(|| self.error(arguments.first().map_or(whole, |tree| tree.span), "expected a condition"))
    }

    fn reduce(&mut self, name: &str, reduction: Reduction, list: Typed, span: Span) -> Result<Typed> {
        let Shape::Elements(inputs) = list.shape.clone() else {
            let error = self.error(span, format!("{name} needs a list"));
            return Err(error.advise(": this has one value per row"));
        };
        let body = match reduction {
            Reduction::Any | Reduction::All => Body::Bool(self.condition(list, span)?.0),
            Reduction::Count if list.kind() == Kind::Bool => Body::Bool(self.condition(list, span)?.0),
            Reduction::Max | Reduction::Min if list.kind() == Kind::Bool => {
                return Err(self.error(span, format!("{name} of conditions")).advise(": use any or all"));
            }
            Reduction::Max | Reduction::Min | Reduction::Mean => Body::Float(to_float(self.number(list, span)?)),
            Reduction::Length => Body::Int(Int::Const(0)),
            Reduction::Sum | Reduction::Count => self.number(list, span)?,
        };
        let kind = match (reduction, &body) {
            (Reduction::Any | Reduction::All, _) => Kind::Bool,
            (Reduction::Count | Reduction::Length, _) => Kind::Int,
            (_, body) => body.kind(),
        };
        Ok(self.slot(Domain::Elements(inputs), body, Finish::Reduce(reduction), kind))
    }

    fn index(&mut self, list: &Tree, place: &Tree) -> Result<Typed> {
        let typed = self.tree(list)?;
        let Shape::Elements(inputs) = typed.shape.clone() else {
            return Err(self.error(list.span, "only lists have elements"));
        };
        let at = self.tree(place)?;
        let shape = at.shape.clone();
        let place = match (self.number(at, place.span)?, shape) {
            (Body::Int(Int::Const(place)), _) => Place::Fixed(place),
            (Body::Int(value), Shape::Rows) => {
                self.steps.push(Step { domain: Domain::Rows, body: Body::Int(value), finish: Finish::Keep });
                Place::Slot(self.steps.len() - 1)
            }
            _ => return Err(self.error(place.span, "the place in a list must be one integer per row")),
        };
        let body = match typed.value {
            Value::Number(Body::Bool(value)) => Body::Bool(value),
            Value::Number(body) => Body::Float(to_float(body)),
            Value::Text(_) => return Err(self.error(list.span, "elements of lists of texts cannot be compared")),
        };
        let kind = body.kind();
        Ok(self.slot(Domain::Elements(inputs), body, Finish::Index(place), kind))
    }

    /// Adds a step and reads its result.
    fn slot(&mut self, domain: Domain, body: Body, finish: Finish, kind: Kind) -> Typed {
        self.steps.push(Step { domain, body, finish });
        let load = Load::slot(self.steps.len() - 1);
        match kind {
            Kind::Int => Typed::int(Int::Load(load), Shape::Rows),
            Kind::Bool => Typed::bool(Bool::Load(load), Shape::Rows),
            _ => Typed::float(Float::Load(load), Shape::Rows),
        }
    }

    /// Brings two operands to one shape.
    fn align(&mut self, a: Typed, b: Typed) -> (Typed, Typed, Shape) {
        let shape = a.shape.clone().join(b.shape.clone());
        let (a, b) = (self.broadcast(a, &shape), self.broadcast(b, &shape));
        (a, b, shape)
    }

    /// One value per row as one per element, where `shape` asks for that.
    fn broadcast(&mut self, typed: Typed, shape: &Shape) -> Typed {
        if typed.shape != Shape::Rows || !matches!(shape, Shape::Elements(_)) {
            return typed;
        }
        let per_element = |load: Load| Load { broadcast: true, ..load };
        let value = match typed.value {
            Value::Text(TextOperand::Load(load)) => Value::Text(TextOperand::Load(per_element(load))),
            Value::Text(text) => Value::Text(text),
            Value::Number(Body::Float(Float::Load(load))) => Value::Number(Body::Float(Float::Load(per_element(load)))),
            Value::Number(Body::Int(Int::Load(load))) => Value::Number(Body::Int(Int::Load(per_element(load)))),
            Value::Number(Body::Bool(Bool::Load(load))) => Value::Number(Body::Bool(Bool::Load(per_element(load)))),
            Value::Number(body) => {
                let kind = body.kind();
                let slot = self.slot(Domain::Rows, body, Finish::Keep, kind);
                return self.broadcast(slot, shape);
            }
        };
        Typed { value, shape: shape.clone() }
    }

    /// A number; conditions count as 0 and 1.
    fn number(&self, typed: Typed, span: Span) -> Result<Body> {
        match typed.value {
            Value::Number(Body::Bool(value)) => Ok(Body::Int(Int::FromBool(Box::new(value)))),
            Value::Number(body) => Ok(body),
            Value::Text(_) => Err(self.error(span, "expected a number, found a text")),
        }
    }

    fn condition(&self, typed: Typed, span: Span) -> Result<(Bool, Shape)> {
        let kind = typed.kind();
        match typed.value {
            Value::Number(Body::Bool(value)) => Ok((value, typed.shape)),
            _ => {
                let error = self.error(span, format!("expected a condition, found {}", noun(kind)));
                Err(if kind == Kind::Text { error } else { error.advise(": write '... != 0'") })
            }
        }
    }
}

pub(super) fn to_float(body: Body) -> Float {
    match body {
        Body::Float(value) => value,
        Body::Int(Int::Const(value)) => Float::Const(value as f64),
        Body::Int(value) => Float::FromInt(Box::new(value)),
        Body::Bool(value) => Float::FromInt(Box::new(Int::FromBool(Box::new(value)))),
    }
}

fn arithmetic(op: Op, a: Body, b: Body, shape: Shape) -> Typed {
    let exact = match (op, &b) {
        (Op::Add, _) => Some(IntZip::Add),
        (Op::Subtract, _) => Some(IntZip::Subtract),
        (Op::Multiply, _) => Some(IntZip::Multiply),
        (Op::BitAnd, _) => Some(IntZip::BitAnd),
        (Op::BitOr, _) => Some(IntZip::BitOr),
        (Op::Remainder, Body::Int(Int::Const(divisor))) if *divisor != 0 => Some(IntZip::Remainder),
        _ => None,
    };
    match (exact, a, b) {
        (Some(zip), Body::Int(a), Body::Int(b)) => Typed::int(Int::Zip(zip, Box::new(a), Box::new(b)), shape),
        (_, a, b) => {
            let zip = match op {
                Op::Add => FloatZip::Add,
                Op::Subtract => FloatZip::Subtract,
                Op::Multiply => FloatZip::Multiply,
                Op::Divide => FloatZip::Divide,
                Op::Remainder => FloatZip::Remainder,
                _ => FloatZip::Power,
            };
            Typed::float(Float::Zip(zip, Box::new(to_float(a)), Box::new(to_float(b))), shape)
        }
    }
}
