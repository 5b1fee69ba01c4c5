//! The wire format of protocol buffers, as far as ONNX files need it.

/// A message under construction.
#[derive(Clone, Debug, Default)]
pub(super) struct Message(Vec<u8>);

impl Message {
    fn key(&mut self, field: u32, wire: u32) {
        self.varint(u64::from(field << 3 | wire));
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    pub(super) fn int(mut self, field: u32, value: i64) -> Self {
        self.key(field, 0);
        self.varint(value as u64);
        self
    }

    pub(super) fn float(mut self, field: u32, value: f32) -> Self {
        self.key(field, 5);
        self.0.extend(value.to_le_bytes());
        self
    }

    pub(super) fn bytes(mut self, field: u32, value: &[u8]) -> Self {
        self.key(field, 2);
        self.varint(value.len() as u64);
        self.0.extend(value);
        self
    }

    pub(super) fn text(self, field: u32, value: &str) -> Self {
        self.bytes(field, value.as_bytes())
    }

    pub(super) fn message(self, field: u32, value: &Self) -> Self {
        self.bytes(field, &value.0)
    }

    pub(super) fn all<T>(self, items: &[T], add: impl Fn(Self, &T) -> Self) -> Self {
        items.iter().fold(self, add)
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// A field of a message.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value<'a> {
    Int(u64),
    Fixed32([u8; 4]),
    Fixed64([u8; 8]),
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> {
    pub(super) fn int(self) -> Result<i64, String> {
        match self {
            Self::Int(value) => Ok(value as i64),
            other => Err(format!("expected a whole number, found {}", other.kind())),
        }
    }

    pub(super) fn bytes(self) -> Result<&'a [u8], String> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            other => Err(format!("expected bytes, found {}", other.kind())),
        }
    }

    pub(super) fn text(self) -> Result<String, String> {
        String::from_utf8(self.bytes()?.to_vec()).map_err(|_| "a name is not UTF-8".to_owned())
    }

    fn kind(self) -> &'static str {
        match self {
            Self::Int(_) => "a whole number",
            Self::Fixed32(_) => "four bytes",
            Self::Fixed64(_) => "eight bytes",
            Self::Bytes(_) => "bytes",
        }
    }
}

/// The fields of a message in the order of the file; an error ends them.
pub(super) struct Fields<'a> {
    rest: &'a [u8],
    length: usize,
}

impl<'a> Fields<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, length: bytes.len() }
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn field(&mut self) -> Option<(u32, Value<'a>)> {
        let key = self.varint()?;
        let value = match key & 7 {
            0 => Value::Int(self.varint()?),
            1 => Value::Fixed64(self.take()?),
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                let (bytes, rest) = self.rest.split_at_checked(length)?;
                self.rest = rest;
                Value::Bytes(bytes)
            }
            5 => Value::Fixed32(self.take()?),
            _ => return None,
        };
        Some((u32::try_from(key >> 3).ok()?, value))
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*bytes)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, Value<'a>), String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let at = self.length - self.rest.len();
        let field = self.field();
        if field.is_none() {
            self.rest = &[];
        }
        Some(field.ok_or_else(|| format!("the message is damaged at its byte {at}")))
    }
}

/// The numbers of a repeated field, packed or not.
pub(super) fn ints(value: Value<'_>, into: &mut Vec<i64>) -> Result<(), String> {
    match value {
        Value::Int(value) => into.push(value as i64),
        Value::Bytes(bytes) => {
            let mut fields = Fields::new(bytes);
            while !fields.rest.is_empty() {
                into.push(fields.varint().ok_or("a list of numbers is damaged")? as i64);
            }
        }
        other => return Err(format!("expected whole numbers, found {}", other.kind())),
    }
    Ok(())
}

/// The numbers of a repeated field of single precision, packed or not.
pub(super) fn floats(value: Value<'_>, into: &mut Vec<f32>) -> Result<(), String> {
    match value {
        Value::Fixed32(bytes) => into.push(f32::from_le_bytes(bytes)),
        Value::Bytes(bytes) => {
            let (chunks, rest) = bytes.as_chunks::<4>();
            if !rest.is_empty() {
                return Err("a list of numbers is damaged".into());
            }
            into.extend(chunks.iter().map(|&bytes| f32::from_le_bytes(bytes)));
        }
        other => return Err(format!("expected numbers, found {}", other.kind())),
    }
    Ok(())
}
