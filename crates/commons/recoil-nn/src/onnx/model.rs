//! ONNX models as data: what the file holds, without meaning.

use super::protobuf::{Fields, Message, Value, floats, ints};
use crate::error::{NnError, Result};
use std::path::Path;

/// An ONNX model: one graph.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Model {
    /// Version of the operators' meanings.
    pub opset: i64,
    /// Its nodes in an order in which they can be computed.
    pub nodes: Vec<Node>,
    /// Constants by name.
    pub constants: Vec<(String, Constant)>,
    /// Names and shapes of the inputs; a dimension without a number is 0, a second one -1.
    pub inputs: Vec<(String, Vec<i64>)>,
    /// Names and shapes of the outputs.
    pub outputs: Vec<(String, Vec<i64>)>,
    /// Free text by key.
    pub metadata: Vec<(String, String)>,
}

/// One operation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// What it does.
    pub operator: String,
    /// Names of the values that it takes; empty, an input that is left out.
    pub inputs: Vec<String>,
    /// Names of the values that it gives.
    pub outputs: Vec<String>,
    /// Its settings by name.
    pub attributes: Vec<(String, Attribute)>,
}

/// A setting of a node.
#[derive(Clone, Debug, PartialEq)]
pub enum Attribute {
    /// A number.
    Float(f32),
    /// A whole number.
    Int(i64),
    /// Whole numbers.
    Ints(Vec<i64>),
    /// A text.
    Text(String),
    /// A constant.
    Tensor(Constant),
}

/// A constant tensor.
#[derive(Clone, Debug, PartialEq)]
pub enum Constant {
    /// Single-precision numbers with their shape.
    Floats(Vec<i64>, Vec<f32>),
    /// Whole numbers with their shape.
    Ints(Vec<i64>, Vec<i64>),
}

const FLOAT: i64 = 1;
const INT64: i64 = 7;

impl Model {
    /// Writes the model.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        std::fs::write(path, self.to_bytes()).map_err(|source| NnError::File { path: path.to_owned(), source })
    }

    /// Reads a model.
    ///
    /// # Errors
    /// A file that is damaged or uses types that this crate does not know.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(|source| NnError::File { path: path.to_owned(), source })?;
        Self::from_bytes(&bytes).map_err(|message| NnError::format(path, message))
    }

    /// The bytes of the file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let value = |(name, shape): &(String, Vec<i64>)| {
            let shape = Message::default().all(shape, |message, &size| {
                let size = match size {
                    0 => Message::default().text(2, "rows"),
                    ..0 => Message::default().text(2, "elements"),
                    _ => Message::default().int(1, size),
                };
                message.message(1, &size)
            });
            let tensor = Message::default().int(1, FLOAT).message(2, &shape);
            Message::default().text(1, name).message(2, &Message::default().message(1, &tensor))
        };
        let graph = Message::default()
            .all(&self.nodes, |message, node| message.message(1, &node.to_message()))
            .text(2, "network")
            .all(&self.constants, |message, (name, constant)| message.message(5, &constant.to_message(name)))
            .all(&self.inputs, |message, input| message.message(11, &value(input)))
            .all(&self.outputs, |message, output| message.message(12, &value(output)));
        let opset = Message::default().text(1, "").int(2, self.opset);
        Message::default()
            .int(1, 8)
            .text(2, "recoil")
            .text(3, env!("CARGO_PKG_VERSION"))
            .message(7, &graph)
            .message(8, &opset)
            .all(&self.metadata, |message, (key, value)| {
                message.message(14, &Message::default().text(1, key).text(2, value))
            })
            .into_bytes()
    }

    /// Takes the bytes of a file apart; the error is a fragment.
    fn from_bytes(bytes: &[u8]) -> std::result::Result<Self, String> {
        let mut model = Self::default();
        let mut graph = None;
        for field in Fields::new(bytes) {
            match field? {
                (7, value) => graph = Some(value.bytes()?),
                (8, value) => {
                    let (mut domain, mut version) = (String::new(), 0);
                    for field in Fields::new(value.bytes()?) {
                        match field? {
                            (1, value) => domain = value.text()?,
                            (2, value) => version = value.int()?,
                            _ => {}
                        }
                    }
                    if domain.is_empty() {
                        model.opset = version;
                    }
                }
                (14, value) => {
                    let mut pair = (String::new(), String::new());
                    for field in Fields::new(value.bytes()?) {
                        match field? {
                            (1, value) => pair.0 = value.text()?,
                            (2, value) => pair.1 = value.text()?,
                            _ => {}
                        }
                    }
                    model.metadata.push(pair);
                }
                _ => {}
            }
        }
        for field in Fields::new(graph.ok_or("there is no graph in it: no ONNX model")?) {
            match field? {
                (1, value) => model.nodes.push(Node::read(value.bytes()?)?),
                (5, value) => model.constants.push(Constant::read(value.bytes()?)?),
                (11, value) => model.inputs.push(read_value(value.bytes()?)?),
                (12, value) => model.outputs.push(read_value(value.bytes()?)?),
                _ => {}
            }
        }
        // files of old versions list constants among the inputs
        let constants: Vec<&String> = model.constants.iter().map(|(name, _)| name).collect();
        model.inputs.retain(|(name, _)| !constants.contains(&name));
        Ok(model)
    }
}

impl Node {
    fn to_message(&self) -> Message {
        Message::default()
            .all(&self.inputs, |message, name| message.text(1, name))
            .all(&self.outputs, |message, name| message.text(2, name))
            .text(3, &self.name)
            .text(4, &self.operator)
            .all(&self.attributes, |message, (name, attribute)| {
                let own = Message::default().text(1, name);
                message.message(
                    5,
                    &match attribute {
                        Attribute::Float(value) => own.float(2, *value).int(20, 1),
                        Attribute::Int(value) => own.int(3, *value).int(20, 2),
                        Attribute::Text(value) => own.text(4, value).int(20, 3),
                        Attribute::Tensor(value) => own.message(5, &value.to_message("")).int(20, 4),
                        Attribute::Ints(values) => own.all(values, |own, &value| own.int(8, value)).int(20, 7),
                    },
                )
            })
    }

    fn read(bytes: &[u8]) -> std::result::Result<Self, String> {
        let mut node = Self::default();
        for field in Fields::new(bytes) {
            match field? {
                (1, value) => node.inputs.push(value.text()?),
                (2, value) => node.outputs.push(value.text()?),
                (3, value) => node.name = value.text()?,
                (4, value) => node.operator = value.text()?,
                (5, value) => node.attributes.extend(read_attribute(value.bytes()?)?),
                _ => {}
            }
        }
        Ok(node)
    }
}

fn read_attribute(bytes: &[u8]) -> std::result::Result<Option<(String, Attribute)>, String> {
    let (mut name, mut found, mut list) = (String::new(), None, Vec::new());
    for field in Fields::new(bytes) {
        match field? {
            (1, value) => name = value.text()?,
            (2, Value::Fixed32(bytes)) => found = Some(Attribute::Float(f32::from_le_bytes(bytes))),
            (3, value) => found = Some(Attribute::Int(value.int()?)),
            (4, value) => found = Some(Attribute::Text(value.text()?)),
            (5, value) => found = Some(Attribute::Tensor(Constant::read(value.bytes()?)?.1)),
            (8, value) => ints(value, &mut list)?,
            _ => {}
        }
    }
    if !list.is_empty() {
        found = Some(Attribute::Ints(list));
    }
    Ok(found.map(|attribute| (name, attribute)))
}

fn read_value(bytes: &[u8]) -> std::result::Result<(String, Vec<i64>), String> {
    let (mut name, mut shape) = (String::new(), Vec::new());
    for field in Fields::new(bytes) {
        match field? {
            (1, value) => name = value.text()?,
            (2, value) => {
                let tensor = nested(value.bytes()?, 1)?;
                for field in Fields::new(nested(nested_or_empty(tensor), 2)?.unwrap_or_default()) {
                    if let (1, value) = field? {
                        let mut size = 0;
                        for field in Fields::new(value.bytes()?) {
                            if let (1, value) = field? {
                                size = value.int()?;
                            }
                        }
                        shape.push(size);
                    }
                }
            }
            _ => {}
        }
    }
    Ok((name, shape))
}

fn nested_or_empty(bytes: Option<&[u8]>) -> &[u8] {
    bytes.unwrap_or_default()
}

/// The last field of this number in a message.
fn nested(bytes: &[u8], number: u32) -> std::result::Result<Option<&[u8]>, String> {
    let mut found = None;
    for field in Fields::new(bytes) {
        match field? {
            (own, value) if own == number => found = Some(value.bytes()?),
            _ => {}
        }
    }
    Ok(found)
}

impl Constant {
    fn to_message(&self, name: &str) -> Message {
        let (shape, kind, bytes): (_, _, Vec<u8>) = match self {
            Self::Floats(shape, values) => (shape, FLOAT, values.iter().flat_map(|v| v.to_le_bytes()).collect()),
            Self::Ints(shape, values) => (shape, INT64, values.iter().flat_map(|v| v.to_le_bytes()).collect()),
        };
        Message::default().all(shape, |message, &size| message.int(1, size)).int(2, kind).text(8, name).bytes(9, &bytes)
    }

    fn read(bytes: &[u8]) -> std::result::Result<(String, Self), String> {
        let (mut name, mut shape, mut kind, mut raw) = (String::new(), Vec::new(), 0, None);
        let (mut singles, mut wholes) = (Vec::new(), Vec::new());
        for field in Fields::new(bytes) {
            match field? {
                (1, value) => ints(value, &mut shape)?,
                (2, value) => kind = value.int()?,
                (4, value) => floats(value, &mut singles)?,
                (7, value) => ints(value, &mut wholes)?,
                (8, value) => name = value.text()?,
                (9, value) => raw = Some(value.bytes()?),
                _ => {}
            }
        }
        let count = shape.iter().try_fold(1_i64, |product, &size| product.checked_mul(size));
        let count = count.and_then(|count| usize::try_from(count).ok());
        let constant = match kind {
            FLOAT => {
                if let Some(raw) = raw {
                    singles = raw.as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
                }
                Self::Floats(shape, singles)
            }
            INT64 => {
                if let Some(raw) = raw {
                    wholes = raw.as_chunks::<8>().0.iter().map(|&bytes| i64::from_le_bytes(bytes)).collect();
                }
                Self::Ints(shape, wholes)
            }
            other => return Err(format!("constant '{name}' is of type {other}; known are float (1) and int64 (7)")),
        };
        let found = match &constant {
            Self::Floats(_, values) => values.len(),
            Self::Ints(_, values) => values.len(),
        };
        if count != Some(found) {
            return Err(format!("constant '{name}' has {found} numbers, which do not fill its shape"));
        }
        Ok((name, constant))
    }
}
