//! ONNX files: networks written for other programs, such files read and evaluated.
//!
//! The files use operators of opset 13: `Gemm`, `Conv`, `ConvTranspose`, `MaxPool`, `Relu`, `Sigmoid`, `Tanh`, `Selu`,
//! `PRelu`, `Softmax`, `Identity`, `Transpose`, `Flatten`, `Reshape`, `Gather`, `Concat`, `Sum`, and `Mul`, `Add`, `Round`, `Floor`, `Clip` for number
//! formats and batch normalisation.

mod evaluate;
mod export;
mod model;
mod protobuf;

pub use evaluate::Array;
pub use export::export;
pub use model::{Attribute, Constant, Model, Node};
