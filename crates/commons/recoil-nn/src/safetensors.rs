//! Tensor files in the safetensors format: a JSON header, then the numbers, little-endian.

use crate::error::{NnError, Result};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// A named array of single-precision numbers, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Its name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its numbers, as many as the product of the shape.
    pub values: Vec<f32>,
}

/// Contents of a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Contents {
    /// The tensors by name.
    pub tensors: Vec<Tensor>,
    /// Free text by key.
    pub metadata: BTreeMap<String, String>,
}

impl Contents {
    /// The tensor of this name.
    pub fn tensor(&self, name: &str) -> Option<&Tensor> {
        self.tensors.iter().find(|tensor| tensor.name == name)
    }
}

#[derive(Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: [usize; 2],
}

/// The bytes of a file with these tensors and this metadata.
pub fn to_bytes(tensors: &[Tensor], metadata: &[(&str, String)]) -> Vec<u8> {
    let mut header = Map::new();
    if !metadata.is_empty() {
        let own: Map<String, Value> = metadata.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
        header.insert("__metadata__".into(), Value::Object(own));
    }
    let mut at = 0;
    for tensor in tensors {
        let end = at + 4 * tensor.values.len();
        let entry = json!({"dtype": "F32", "shape": tensor.shape, "data_offsets": [at, end]});
        header.insert(tensor.name.clone(), entry);
        at = end;
    }
    let mut text = Value::Object(header).to_string();
    while !text.len().is_multiple_of(8) {
        text.push(' ');
    }
    let mut bytes = Vec::with_capacity(8 + text.len() + at);
    bytes.extend((text.len() as u64).to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes.extend(tensors.iter().flat_map(|tensor| &tensor.values).flat_map(|value| value.to_le_bytes()));
    bytes
}

/// Writes a file.
///
/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path, tensors: &[Tensor], metadata: &[(&str, String)]) -> Result<()> {
    std::fs::write(path, to_bytes(tensors, metadata)).map_err(|source| NnError::File { path: path.to_owned(), source })
}

/// Reads a file.
///
/// # Errors
/// A file that is damaged, or holds other than single-precision numbers and whole numbers of 64 bits, which are read as
/// single-precision ones.
pub fn read(path: &Path) -> Result<Contents> {
    let bytes = std::fs::read(path).map_err(|source| NnError::File { path: path.to_owned(), source })?;
    parse(path, &bytes)
}

/// Takes the bytes of a file apart; `path` is what errors call it.
///
/// # Errors
/// As [`read`].
pub fn parse(path: &Path, bytes: &[u8]) -> Result<Contents> {
    from_bytes(bytes).map_err(|message| NnError::format(path, message))
}

/// Takes the bytes of a file apart; the error is a fragment.
fn from_bytes(bytes: &[u8]) -> std::result::Result<Contents, String> {
    let (length, rest) = bytes.split_first_chunk::<8>().ok_or("the file ends before byte 8: no safetensors file")?;
    let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
    let header = rest.get(..length).ok_or_else(|| {
        format!("the header should end at byte {}, the file ends at {}", length.saturating_add(8), bytes.len())
    })?;
    let data = &rest[length..];
    let header: Map<String, Value> =
        serde_json::from_slice(header).map_err(|error| format!("the header at byte 8 is damaged: {error}"))?;
    let mut contents = Contents::default();
    // each byte belongs to one tensor
    let mut left = data.len();
    for (name, value) in header {
        if name == "__metadata__" {
            contents.metadata =
                serde_json::from_value(value).map_err(|error| format!("the metadata is damaged: {error}"))?;
            continue;
        }
        let entry: Entry = serde_json::from_value(value).map_err(|error| format!("tensor '{name}': {error}"))?;
        let width = match entry.dtype.as_str() {
            "F32" => 4,
            "I64" => 8,
            other => return Err(format!("tensor '{name}' is of type {other}, expected F32 or I64")),
        };
        let [from, to] = entry.data_offsets;
        let size = entry.shape.iter().try_fold(width, |product: usize, &size| product.checked_mul(size));
        let own = data.get(from..to).filter(|own| Some(own.len()) == size).ok_or_else(|| {
            format!("tensor '{name}' of shape {:?} does not lie at bytes {from} to {to} of the data", entry.shape)
        })?;
        left = left.checked_sub(own.len()).ok_or_else(|| format!("tensor '{name}' lies where others do"))?;
        let values = match width {
            4 => own.as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect(),
            _ => own.as_chunks::<8>().0.iter().map(|&bytes| i64::from_le_bytes(bytes) as f32).collect(),
        };
        contents.tensors.push(Tensor { name, shape: entry.shape, values });
    }
    Ok(contents)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let tensors = [
            Tensor { name: "a/kernel".into(), shape: vec![2, 1], values: vec![1.5, -0.0] },
            Tensor { name: "b".into(), shape: vec![1], values: vec![f32::MIN_POSITIVE] },
        ];
        let bytes = to_bytes(&tensors, &[("epoch", "3".into())]);
        let back = from_bytes(&bytes).unwrap();
        assert_eq!(back.tensors, tensors);
        assert_eq!(back.metadata["epoch"], "3");
        for cut in 0..bytes.len() {
            assert!(from_bytes(&bytes[..cut]).is_err(), "{cut}");
        }
        assert!(from_bytes(&[255; 64]).is_err());
    }
}
