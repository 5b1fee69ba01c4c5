//! Typed selections, ready to be evaluated block by block.
//!
//! A program is a row of steps. Each evaluates one typed expression either over the rows of a batch or over the
//! elements of a collection, and leaves one value per row in a slot for the steps behind it; the last one is the
//! result.

/// Type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Float,
    Int,
    Bool,
    Text,
}

/// A column that the program reads.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Input {
    pub name: String,
    pub kind: Kind,
    /// Whether it holds a list per row.
    pub jagged: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Program {
    pub inputs: Vec<Input>,
    pub steps: Vec<Step>,
    pub result: Step,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Step {
    pub domain: Domain,
    pub body: Body,
    pub finish: Finish,
}

/// What a step runs over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Domain {
    Rows,
    /// The elements of these inputs, which must have equal lengths in every row.
    Elements(Vec<usize>),
}

/// What becomes of the values of a step.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Finish {
    Keep,
    Reduce(Reduction),
    /// The element at a place of each row's list, negative places counting from the end.
    Index(Place),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Fixed(i64),
    Slot(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reduction {
    Any,
    All,
    Sum,
    Max,
    Min,
    Mean,
    /// Number of true elements, or of all of them when they are numbers.
    Count,
    /// Number of elements.
    Length,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Body {
    Float(Float),
    Int(Int),
    Bool(Bool),
}

/// Where a value comes from; per row but needed per element when `broadcast`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Load {
    pub from: From,
    pub broadcast: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    Input(usize),
    Slot(usize),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Float {
    Const(f64),
    Load(Load),
    FromInt(Box<Int>),
    Map(FloatMap, Box<Float>),
    Zip(FloatZip, Box<Float>, Box<Float>),
    Where(Box<Bool>, Box<Float>, Box<Float>),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Int {
    Const(i64),
    Load(Load),
    FromBool(Box<Bool>),
    Map(IntMap, Box<Int>),
    Zip(IntZip, Box<Int>, Box<Int>),
    Where(Box<Bool>, Box<Int>, Box<Int>),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Bool {
    Const(bool),
    Load(Load),
    CompareFloat(Comparison, Box<Float>, Box<Float>),
    CompareInt(Comparison, Box<Int>, Box<Int>),
    /// Whether two texts are equal.
    SameText(Load, TextOperand),
    IsNan(Box<Float>),
    IsFinite(Box<Float>),
    Not(Box<Bool>),
    And(Box<Bool>, Box<Bool>),
    Or(Box<Bool>, Box<Bool>),
    Where(Box<Bool>, Box<Bool>, Box<Bool>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TextOperand {
    Const(String),
    Load(Load),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Equal,
    NotEqual,
}

/// Functions of one `f64`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FloatMap {
    Negate,
    Abs,
    Sqrt,
    Exp,
    Log,
    Log2,
    Log10,
    Sin,
    Cos,
    Tan,
    Asin,
    Acos,
    Atan,
    Sinh,
    Cosh,
    Tanh,
    Asinh,
    Acosh,
    Atanh,
    Floor,
    Ceil,
    Round,
}

/// Functions of two `f64`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FloatZip {
    Add,
    Subtract,
    Multiply,
    Divide,
    /// With the sign of the divisor.
    Remainder,
    Power,
    Atan2,
    Hypot,
    /// NaN when either is.
    Min,
    /// NaN when either is.
    Max,
    /// Difference of two azimuths in (-pi, pi].
    DeltaPhi,
}

/// Functions of one `i64`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IntMap {
    Negate,
    Abs,
    BitNot,
}

/// Functions of two `i64`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IntZip {
    Add,
    Subtract,
    Multiply,
    /// With the sign of the divisor, which is a constant other than 0.
    Remainder,
    BitAnd,
    BitOr,
    Min,
    Max,
}

impl Body {
    pub fn kind(&self) -> Kind {
        match self {
            Self::Float(_) => Kind::Float,
            Self::Int(_) => Kind::Int,
            Self::Bool(_) => Kind::Bool,
        }
    }
}

impl Load {
    pub fn input(index: usize) -> Self {
        Self { from: From::Input(index), broadcast: false }
    }

    pub fn slot(index: usize) -> Self {
        Self { from: From::Slot(index), broadcast: false }
    }
}
