//! Expressions compiled to a program that runs over many objects at once.

use std::collections::HashMap;
use std::f32::consts::PI;

use super::expression::{Binary, Node, Unary};

/// Objects that are handled together.
const LANES: usize = 128;

type Register = [f32; LANES];

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Operation {
    /// Bits of a number.
    Constant(u32),
    /// A column with one number per candidate.
    Candidate(usize),
    /// A column with one number per object.
    Object(usize),
    Unary(Unary, usize),
    Binary(Binary, usize, usize),
    Where(usize, usize, usize),
}

/// A column that a program reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputColumn {
    /// Its name.
    pub name: String,
    /// Whether it has one number per object, not per candidate.
    pub per_object: bool,
}

/// Several expressions that share what they have in common.
///
/// Numbers are 32-bit floats, as in the tuple, and truth values are 1 and 0.
#[derive(Clone, Debug, Default)]
pub struct Program {
    operations: Vec<Operation>,
    known: HashMap<Operation, usize>,
    columns: Vec<InputColumn>,
    outputs: Vec<usize>,
}

/// The columns of a batch, in the order of [`Program::columns`].
pub type Inputs<'a> = Vec<&'a [f32]>;

/// The objects that a program runs over: candidate and object numbers of each.
#[derive(Clone, Copy, Debug)]
pub struct Lanes<'a> {
    /// Row of the object's candidate.
    pub rows: &'a [u32],
    /// Place of the object in the object columns; empty if the program reads none.
    pub objects: &'a [u32],
}

/// Memory of a running program.
#[derive(Debug, Default)]
pub struct Scratch(Vec<Register>);

impl Program {
    /// A program without outputs, for objects whose columns begin with `collection_`.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an output; returns its number. Columns that begin with `collection` and an underscore are per object.
    pub fn add(&mut self, node: &Node, collection: Option<&str>) -> usize {
        let register = self.compile(node, collection);
        self.outputs.push(register);
        self.outputs.len() - 1
    }

    /// The columns that it reads.
    pub fn columns(&self) -> &[InputColumn] {
        &self.columns
    }

    fn compile(&mut self, node: &Node, collection: Option<&str>) -> usize {
        let operation = match node {
            Node::Number(number) => Operation::Constant(number.to_bits()),
            Node::Name(name) => self.column(name, collection),
            Node::Unary(unary, a) => Operation::Unary(*unary, self.compile(a, collection)),
            Node::Binary(binary, a, b) => {
                Operation::Binary(*binary, self.compile(a, collection), self.compile(b, collection))
            }
            Node::Where(c, a, b) => {
                let c = self.compile(c, collection);
                Operation::Where(c, self.compile(a, collection), self.compile(b, collection))
            }
        };
        if let Some(register) = self.known.get(&operation) {
            return *register;
        }
        let register = self.operations.len();
        self.operations.push(operation);
        self.known.insert(operation, register);
        register
    }

    fn column(&mut self, name: &str, collection: Option<&str>) -> Operation {
        let of_collection = |prefix: &str| name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('_'));
        let per_object = collection.is_some_and(of_collection);
        let index = self.columns.iter().position(|column| column.name == name).unwrap_or_else(|| {
            self.columns.push(InputColumn { name: name.to_owned(), per_object });
            self.columns.len() - 1
        });
        if per_object { Operation::Object(index) } else { Operation::Candidate(index) }
    }

    /// Runs over `lanes` and hands the outputs of some lanes at a time to `take`: the number of the first lane, and for
    /// each output its values. A place beyond a column reads as NaN.
    pub fn run(
        &self,
        inputs: &Inputs<'_>,
        lanes: Lanes<'_>,
        scratch: &mut Scratch,
        mut take: impl FnMut(usize, &Values<'_>),
    ) {
        scratch.0.resize(self.operations.len(), [0.0; LANES]);
        let mut start = 0;
        while start < lanes.rows.len() {
            let end = lanes.rows.len().min(start + LANES);
            let rows = lanes.rows.get(start..end).unwrap_or(&[]);
            let objects = lanes.objects.get(start..end).unwrap_or(&[]);
            for (index, operation) in self.operations.iter().enumerate() {
                let (before, rest) = scratch.0.split_at_mut(index);
                let Some(out) = rest.first_mut() else { continue };
                step(*operation, before, inputs, (rows, objects), out);
            }
            take(start, &Values { registers: &scratch.0, outputs: &self.outputs, lanes: end - start });
            start = end;
        }
    }
}

/// Outputs of some lanes.
#[derive(Debug)]
pub struct Values<'a> {
    registers: &'a [Register],
    outputs: &'a [usize],
    lanes: usize,
}

impl Values<'_> {
    /// Values of output `index`, one per lane.
    pub fn of(&self, index: usize) -> &[f32] {
        let register = self.outputs.get(index).and_then(|register| self.registers.get(*register));
        register.and_then(|register| register.get(..self.lanes)).unwrap_or(&[])
    }

    /// Number of lanes.
    pub fn lanes(&self) -> usize {
        self.lanes
    }
}

fn gather(column: Option<&&[f32]>, places: &[u32], out: &mut Register) {
    let column = column.copied().unwrap_or(&[]);
    for (out, place) in out.iter_mut().zip(places) {
        *out = column.get(*place as usize).copied().unwrap_or(f32::NAN);
    }
}

fn step(
    operation: Operation,
    before: &[Register],
    inputs: &Inputs<'_>,
    (rows, objects): (&[u32], &[u32]),
    out: &mut Register,
) {
    const ZERO: &Register = &[0.0; LANES];
    let of = |register: usize| before.get(register).unwrap_or(ZERO);
    match operation {
        Operation::Constant(bits) => out.fill(f32::from_bits(bits)),
        Operation::Candidate(column) => gather(inputs.get(column), rows, out),
        Operation::Object(column) => gather(inputs.get(column), objects, out),
        Operation::Unary(unary, a) => apply_unary(unary, of(a), out),
        Operation::Binary(binary, a, b) => apply_binary(binary, of(a), of(b), out),
        Operation::Where(c, a, b) => {
            let (c, a, b) = (of(c), of(a), of(b));
            for lane in 0..LANES {
                out[lane] = if c[lane] != 0.0 { a[lane] } else { b[lane] };
            }
        }
    }
}

fn truth(value: bool) -> f32 {
    f32::from(u8::from(value))
}

fn apply_unary(unary: Unary, a: &Register, out: &mut Register) {
    let each = |out: &mut Register, of: fn(f32) -> f32| {
        for lane in 0..LANES {
            out[lane] = of(a[lane]);
        }
    };
    match unary {
        Unary::Minus => each(out, |x| -x),
        Unary::Not => each(out, |x| truth(x == 0.0)),
        Unary::Sqrt => each(out, f32::sqrt),
        Unary::Abs => each(out, f32::abs),
        Unary::Cosh => each(out, f32::cosh),
        Unary::Sinh => each(out, f32::sinh),
        Unary::Exp => each(out, f32::exp),
        Unary::Log => each(out, f32::ln),
        Unary::IsNormal => each(out, |x| truth(x.is_normal())),
        Unary::IsFinite => each(out, |x| truth(x.is_finite())),
    }
}

fn apply_binary(binary: Binary, a: &Register, b: &Register, out: &mut Register) {
    macro_rules! each {
        ($of:expr) => {{
            let of = $of;
            for lane in 0..LANES {
                out[lane] = of(a[lane], b[lane]);
            }
        }};
    }
    match binary {
        Binary::Add => each!(|x: f32, y: f32| x + y),
        Binary::Subtract => each!(|x: f32, y: f32| x - y),
        Binary::Multiply => each!(|x: f32, y: f32| x * y),
        Binary::Divide => each!(|x: f32, y: f32| x / y),
        Binary::FloorDivide => each!(|x: f32, y: f32| (x / y).floor()),
        Binary::Remainder => each!(|x: f32, y: f32| x - y * (x / y).floor()),
        Binary::Less => each!(|x: f32, y: f32| truth(x < y)),
        Binary::LessEqual => each!(|x: f32, y: f32| truth(x <= y)),
        Binary::Greater => each!(|x: f32, y: f32| truth(x > y)),
        Binary::GreaterEqual => each!(|x: f32, y: f32| truth(x >= y)),
        Binary::Equal => each!(|x: f32, y: f32| truth(x == y)),
        Binary::NotEqual => each!(|x: f32, y: f32| truth(x != y)),
        Binary::And => each!(|x: f32, y: f32| truth(x != 0.0 && y != 0.0)),
        Binary::Or => each!(|x: f32, y: f32| truth(x != 0.0 || y != 0.0)),
        Binary::Min => each!(f32::min),
        Binary::Max => each!(f32::max),
        Binary::DeltaPhi => each!(delta_phi),
    }
}

/// Difference of azimuths within [-π, π] each, in (-π, π]. Formed in single precision, wrapped in double.
pub fn delta_phi(a: f32, b: f32) -> f32 {
    let difference = a - b;
    if difference.abs() < PI {
        return difference;
    }
    crate::data::truth::delta_phi(f64::from(difference), 0.0) as f32
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::expression::parse;
    use super::*;

    fn run(text: &str, inputs: &[(&str, &[f32])], rows: &[u32], objects: &[u32]) -> Vec<f32> {
        let mut program = Program::new();
        program.add(&parse(text).unwrap(), Some("pfCand"));
        let columns: Inputs<'_> =
            program.columns().iter().map(|c| inputs.iter().find(|(name, _)| *name == c.name).unwrap().1).collect();
        let mut out = Vec::new();
        program.run(&columns, Lanes { rows, objects }, &mut Scratch::default(), |_, values| {
            out.extend_from_slice(values.of(0));
        });
        out
    }

    #[test]
    fn objects_see_their_candidate() {
        let inputs: [(&str, &[f32]); 2] = [("tau_pt", &[10.0, 20.0]), ("pfCand_pt", &[1.0, 2.0, 3.0])];
        assert_eq!(run("pfCand_pt / tau_pt", &inputs, &[0, 1, 1], &[0, 1, 2]), [0.1, 0.1, 0.15]);
    }

    #[test]
    fn more_objects_than_lanes() {
        let values: Vec<f32> = (0..300_u16).map(f32::from).collect();
        let places: Vec<u32> = (0..300).collect();
        let out = run("pfCand_pt % 7", &[("pfCand_pt", &values)], &places, &places);
        assert!(out.iter().zip(&values).all(|(out, value)| *out == *value % 7.0));
        assert_eq!(out.len(), 300);
    }

    #[test]
    fn numbers_behave() {
        let with = |text: &str, x: f32| run(text, &[("x", &[x])], &[0], &[])[0];
        assert_eq!(with("x // 5", 11.0), 2.0);
        assert_eq!(with("x // 5", -1.0), -1.0);
        assert_eq!(with("where(is_finite(x), x, -1)", f32::NAN), -1.0);
        assert_eq!(with("is_normal(x)", 0.0), 0.0);
        assert!((with("delta_phi(x, 0 - 3)", 3.0) + 0.283_185_3).abs() < 1e-6);
        assert_eq!(with("!(x > 1) | x == 2", 2.0), 1.0);
    }

    #[test]
    fn equal_parts_are_computed_once() {
        let mut program = Program::new();
        for text in ["a + b", "sqrt(a + b)", "a + b"] {
            program.add(&parse(text).unwrap(), None);
        }
        assert_eq!(program.operations.len(), 4);
    }
}
