//! The functions of the selection language.

use super::bind::{Shape, Typed, to_float};
use super::program::{Body, Bool, Float, FloatMap, FloatZip, Int, IntMap, IntZip, Reduction};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Map(FloatMap),
    Zip(FloatZip),
    Reduce(Reduction),
    DeltaR,
    Where,
    IsNan,
    IsFinite,
}

/// Name, number of arguments, function.
const FUNCTIONS: [(&str, usize, Function); 48] = {
    use Function::{DeltaR, IsFinite, IsNan, Map, Reduce, Where, Zip};
    [
        ("abs", 1, Map(FloatMap::Abs)),
        ("sqrt", 1, Map(FloatMap::Sqrt)),
        ("exp", 1, Map(FloatMap::Exp)),
        ("log", 1, Map(FloatMap::Log)),
        ("log2", 1, Map(FloatMap::Log2)),
        ("log10", 1, Map(FloatMap::Log10)),
        ("sin", 1, Map(FloatMap::Sin)),
        ("cos", 1, Map(FloatMap::Cos)),
        ("tan", 1, Map(FloatMap::Tan)),
        ("asin", 1, Map(FloatMap::Asin)),
        ("acos", 1, Map(FloatMap::Acos)),
        ("atan", 1, Map(FloatMap::Atan)),
        ("sinh", 1, Map(FloatMap::Sinh)),
        ("cosh", 1, Map(FloatMap::Cosh)),
        ("tanh", 1, Map(FloatMap::Tanh)),
        ("asinh", 1, Map(FloatMap::Asinh)),
        ("acosh", 1, Map(FloatMap::Acosh)),
        ("atanh", 1, Map(FloatMap::Atanh)),
        ("floor", 1, Map(FloatMap::Floor)),
        ("ceil", 1, Map(FloatMap::Ceil)),
        ("round", 1, Map(FloatMap::Round)),
        ("isnan", 1, IsNan),
        ("isfinite", 1, IsFinite),
        ("pow", 2, Zip(FloatZip::Power)),
        ("atan2", 2, Zip(FloatZip::Atan2)),
        ("arctan2", 2, Zip(FloatZip::Atan2)),
        ("hypot", 2, Zip(FloatZip::Hypot)),
        ("min2", 2, Zip(FloatZip::Min)),
        ("max2", 2, Zip(FloatZip::Max)),
        ("min", 2, Zip(FloatZip::Min)),
        ("max", 2, Zip(FloatZip::Max)),
        ("minimum", 2, Zip(FloatZip::Min)),
        ("maximum", 2, Zip(FloatZip::Max)),
        ("deltaphi", 2, Zip(FloatZip::DeltaPhi)),
        ("delta_phi", 2, Zip(FloatZip::DeltaPhi)),
        ("deltar", 4, DeltaR),
        ("delta_r", 4, DeltaR),
        ("where", 3, Where),
        ("if", 3, Where),
        ("any", 1, Reduce(Reduction::Any)),
        ("all", 1, Reduce(Reduction::All)),
        ("sum", 1, Reduce(Reduction::Sum)),
        ("count", 1, Reduce(Reduction::Count)),
        ("max", 1, Reduce(Reduction::Max)),
        ("min", 1, Reduce(Reduction::Min)),
        ("mean", 1, Reduce(Reduction::Mean)),
        ("len", 1, Reduce(Reduction::Length)),
        ("length", 1, Reduce(Reduction::Length)),
    ]
};

pub(super) fn find(name: &str, arguments: usize) -> Option<Function> {
    FUNCTIONS.iter().find(|(known, count, _)| *known == name && *count == arguments).map(|(_, _, f)| *f)
}

pub(super) fn names() -> impl Iterator<Item = &'static str> {
    FUNCTIONS.iter().map(|(name, _, _)| *name)
}

/// "1 argument" or "1 or 2 arguments", for a known function.
pub(super) fn arguments(name: &str) -> Option<String> {
    let counts: Vec<String> = FUNCTIONS.iter().filter(|f| f.0 == name).map(|f| f.1.to_string()).collect();
    match counts.as_slice() {
        [] => None,
        [one] if one == "1" => Some("1 argument".to_owned()),
        counts => Some(format!("{} arguments", counts.join(" or "))),
    }
}

/// The function of arguments that have one shape; `None` when the first one should be a condition and is not.
pub(super) fn apply(function: Function, arguments: Vec<Body>, shape: Shape) -> Option<Typed> {
    let mut arguments = arguments.into_iter();
    let mut next = || arguments.next().unwrap_or(Body::Float(Float::Const(f64::NAN)));
    Some(match function {
        Function::Map(map) => match (map, next()) {
            (FloatMap::Floor | FloatMap::Ceil | FloatMap::Round, Body::Int(value)) => Typed::int(value, shape),
            (FloatMap::Abs, Body::Int(value)) => Typed::int(Int::Map(IntMap::Abs, Box::new(value)), shape),
            (map, value) => Typed::float(Float::Map(map, Box::new(to_float(value))), shape),
        },
        Function::Zip(zip) => match (zip, next(), next()) {
            (FloatZip::Min, Body::Int(a), Body::Int(b)) => {
                Typed::int(Int::Zip(IntZip::Min, Box::new(a), Box::new(b)), shape)
            }
            (FloatZip::Max, Body::Int(a), Body::Int(b)) => {
                Typed::int(Int::Zip(IntZip::Max, Box::new(a), Box::new(b)), shape)
            }
            (zip, a, b) => Typed::float(Float::Zip(zip, Box::new(to_float(a)), Box::new(to_float(b))), shape),
        },
        Function::DeltaR => {
            let mut float = || Box::new(to_float(next()));
            let (eta1, phi1, eta2, phi2) = (float(), float(), float(), float());
            let eta = Box::new(Float::Zip(FloatZip::Subtract, eta1, eta2));
            let phi = Box::new(Float::Zip(FloatZip::DeltaPhi, phi1, phi2));
            Typed::float(Float::Zip(FloatZip::Hypot, eta, phi), shape)
        }
        Function::Where => {
            let Body::Bool(condition) = next() else { return None };
            let condition = Box::new(condition);
            match (next(), next()) {
                (Body::Bool(a), Body::Bool(b)) => Typed::bool(Bool::Where(condition, Box::new(a), Box::new(b)), shape),
                (Body::Int(a), Body::Int(b)) => Typed::int(Int::Where(condition, Box::new(a), Box::new(b)), shape),
                (a, b) => Typed::float(Float::Where(condition, Box::new(to_float(a)), Box::new(to_float(b))), shape),
            }
        }
        Function::IsNan => Typed::bool(Bool::IsNan(Box::new(to_float(next()))), shape),
        Function::IsFinite => Typed::bool(Bool::IsFinite(Box::new(to_float(next()))), shape),
        Function::Reduce(_) => return None,
    })
}
