//! Arrays of several number types in the safetensors format: a JSON header, then the numbers, little-endian.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Numbers of a type that the format knows.
pub(crate) trait Number: Copy {
    const NAME: &'static str;
    const SIZE: usize;
    fn put(self, bytes: &mut Vec<u8>);
    fn take(bytes: &[u8]) -> Self;
}

macro_rules! number {
    ($type:ty, $name:literal) => {
        impl Number for $type {
            const NAME: &'static str = $name;
            const SIZE: usize = size_of::<$type>();

            fn put(self, bytes: &mut Vec<u8>) {
                bytes.extend(self.to_le_bytes());
            }

            fn take(bytes: &[u8]) -> Self {
                let mut own = [0; size_of::<$type>()];
                own.copy_from_slice(bytes);
                Self::from_le_bytes(own)
            }
        }
    };
}

number!(u16, "U16");
number!(u32, "U32");
number!(u64, "U64");
number!(f32, "F32");
number!(f64, "F64");

/// A file being put together.
#[derive(Default)]
pub(crate) struct Writer {
    texts: Map<String, Value>,
    arrays: Vec<Array>,
}

struct Array {
    name: String,
    dtype: &'static str,
    /// Bytes of a number.
    size: usize,
    bytes: Vec<u8>,
}

impl Writer {
    /// A text in the header.
    pub(crate) fn text(&mut self, key: &str, text: &str) {
        self.texts.insert(key.to_owned(), json!(text));
    }

    /// An array.
    pub(crate) fn array<T: Number>(&mut self, name: &str, values: impl Iterator<Item = T>) {
        let mut bytes = Vec::new();
        values.for_each(|value| value.put(&mut bytes));
        self.arrays.push(Array { name: name.to_owned(), dtype: T::NAME, size: T::SIZE, bytes });
    }

    /// The file. The format has no room between arrays; with the largest numbers first each starts at a multiple of its size,
    /// as readers that map files want it.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.arrays.sort_by_key(|array| std::cmp::Reverse(array.size));
        let mut header = Map::new();
        if !self.texts.is_empty() {
            header.insert("__metadata__".to_owned(), Value::Object(self.texts));
        }
        let mut end = 0;
        for Array { name, dtype, size, bytes } in &self.arrays {
            let start = end;
            end += bytes.len();
            let entry = json!({"dtype": dtype, "shape": [bytes.len() / size], "data_offsets": [start, end]});
            header.insert(name.clone(), entry);
        }
        let mut text = Value::Object(header).to_string();
        while !text.len().is_multiple_of(8) {
            text.push(' ');
        }
        let mut bytes = Vec::with_capacity(8 + text.len() + end);
        bytes.extend((text.len() as u64).to_le_bytes());
        bytes.extend(text.as_bytes());
        self.arrays.iter().for_each(|array| bytes.extend(&array.bytes));
        bytes
    }
}

#[derive(Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: [usize; 2],
}

/// A file taken apart; errors are fragments.
pub(crate) struct Reader<'a> {
    entries: BTreeMap<String, Entry>,
    texts: BTreeMap<String, String>,
    data: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Self, String> {
        let (length, rest) =
            bytes.split_first_chunk::<8>().ok_or("the file ends before byte 8: no safetensors file")?;
        let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
        let (header, data) = rest.split_at_checked(length).ok_or_else(|| {
            format!("the header should end at byte {}, the file ends at {}", length.saturating_add(8), bytes.len())
        })?;
        let header: Map<String, Value> =
            serde_json::from_slice(header).map_err(|error| format!("the header at byte 8 is damaged: {error}"))?;
        let mut reader = Self { entries: BTreeMap::new(), texts: BTreeMap::new(), data };
        for (name, value) in header {
            if name == "__metadata__" {
                reader.texts = serde_json::from_value(value).map_err(|error| format!("the metadata: {error}"))?;
            } else {
                let entry = serde_json::from_value(value).map_err(|error| format!("array '{name}': {error}"))?;
                reader.entries.insert(name, entry);
            }
        }
        Ok(reader)
    }

    pub(crate) fn text(&self, key: &str) -> Result<&str, String> {
        self.texts.get(key).map(String::as_str).ok_or_else(|| format!("the header has no '{key}': no forest"))
    }

    pub(crate) fn array<T: Number>(&self, name: &str) -> Result<Vec<T>, String> {
        let entry = self.entries.get(name).ok_or_else(|| format!("the array '{name}' is missing"))?;
        if entry.dtype != T::NAME {
            return Err(format!("array '{name}' is of type {}, expected {}", entry.dtype, T::NAME));
        }
        let [from, to] = entry.data_offsets;
        let size = entry.shape.iter().try_fold(T::SIZE, |product, &size| product.checked_mul(size));
        let own = self.data.get(from..to).filter(|own| Some(own.len()) == size).ok_or_else(|| {
            format!("array '{name}' of shape {:?} does not lie at bytes {from} to {to} of the data", entry.shape)
        })?;
        Ok(own.chunks_exact(T::SIZE).map(T::take).collect())
    }
}
