//! The byte buffer that ROOT objects are streamed into: big-endian, with byte counts, class tags
//! and references between objects of one record.

use std::collections::HashMap;

/// Marks a 32-bit word as a byte count rather than a class tag.
const BYTE_COUNT: u32 = 0x4000_0000;
/// Marks a tag as a reference to a class that was named before.
const CLASS_MASK: u32 = 0x8000_0000;
/// Tag in front of a class name that appears for the first time.
const NEW_CLASS: u32 = 0xffff_ffff;
/// ROOT counts references from here, because 0 and 1 have a meaning of their own.
const MAP_OFFSET: usize = 2;
/// `TObject::fBits` of an object without any status bit.
pub(super) const NO_BITS: u32 = 0;

/// A place in a record that a later pointer of the same record may refer to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reference(u32);

/// A growing record. References count from the start of the record's key, so the buffer has to
/// know how long that key will be.
pub(super) struct Buffer {
    bytes: Vec<u8>,
    key_length: usize,
    classes: HashMap<&'static str, u32>,
}

impl Buffer {
    /// An empty record that will stand behind a key of `key_length` bytes.
    pub fn new(key_length: usize) -> Self {
        Self { bytes: Vec::new(), key_length, classes: HashMap::new() }
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    pub fn bool(&mut self, value: bool) {
        self.bytes.push(u8::from(value));
    }

    pub fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    pub fn i16(&mut self, value: i16) {
        self.raw(&value.to_be_bytes());
    }

    pub fn u16(&mut self, value: u16) {
        self.raw(&value.to_be_bytes());
    }

    pub fn i32(&mut self, value: i32) {
        self.raw(&value.to_be_bytes());
    }

    pub fn u32(&mut self, value: u32) {
        self.raw(&value.to_be_bytes());
    }

    pub fn i64(&mut self, value: i64) {
        self.raw(&value.to_be_bytes());
    }

    pub fn u64(&mut self, value: u64) {
        self.raw(&value.to_be_bytes());
    }

    pub fn f32(&mut self, value: f32) {
        self.raw(&value.to_be_bytes());
    }

    pub fn f64(&mut self, value: f64) {
        self.raw(&value.to_be_bytes());
    }

    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// A `TString`: one length byte, or 255 and four more, then the characters.
    pub fn string(&mut self, text: &str) {
        string_into(&mut self.bytes, text.as_bytes());
    }

    /// A `TArrayD`: the number of values, then the values.
    pub fn array_f64(&mut self, values: &[f64]) {
        self.count(values.len());
        self.bytes.reserve(8 * values.len());
        for value in values {
            self.f64(*value);
        }
    }

    /// A number of things as ROOT's signed 32-bit integer. A record as a whole is refused before a
    /// count could overflow it.
    pub fn count(&mut self, count: usize) {
        self.i32(i32::try_from(count).unwrap_or(i32::MAX));
    }

    /// Byte count, version and whatever `body` writes.
    pub fn versioned(&mut self, version: i16, body: impl FnOnce(&mut Self)) {
        self.counted(|out| {
            out.i16(version);
            body(out);
        });
    }

    /// Byte count and whatever `body` writes.
    fn counted(&mut self, body: impl FnOnce(&mut Self)) {
        let start = self.bytes.len();
        self.u32(0);
        body(self);
        let length = self.bytes.len() - start - 4;
        let word = u32::try_from(length).unwrap_or(0) | BYTE_COUNT;
        if let Some(place) = self.bytes.get_mut(start..start + 4) {
            place.copy_from_slice(&word.to_be_bytes());
        }
    }

    /// An object behind a pointer: byte count, class tag, then `body`, which writes the object with
    /// its own version header.
    pub fn object(&mut self, class: &'static str, body: impl FnOnce(&mut Self)) -> Reference {
        let here = self.reference(self.bytes.len());
        self.counted(|out| {
            match out.classes.get(class) {
                Some(tag) => out.u32(*tag | CLASS_MASK),
                None => {
                    let tag = out.reference(out.bytes.len());
                    out.classes.insert(class, tag);
                    out.u32(NEW_CLASS);
                    out.raw(class.as_bytes());
                    out.u8(0);
                }
            }
            body(out);
        });
        Reference(here)
    }

    /// A pointer to an object that this record already holds.
    pub fn pointer(&mut self, to: Option<Reference>) {
        self.u32(to.map_or(0, |reference| reference.0));
    }

    fn reference(&self, position: usize) -> u32 {
        u32::try_from(position + self.key_length + MAP_OFFSET).unwrap_or(0)
    }

    /// `TObject`: version 1, no identifier, `bits`.
    pub fn tobject(&mut self, bits: u32) {
        self.i16(1);
        self.u32(0);
        self.u32(bits);
    }

    /// `TObject` with a number in place of an identifier, as labels of bins have.
    pub fn numbered_tobject(&mut self, number: u32) {
        self.i16(1);
        self.u32(number);
        self.u32(NO_BITS);
    }

    /// `TNamed` version 1.
    pub fn tnamed(&mut self, bits: u32, name: &str, title: &str) {
        self.versioned(1, |out| {
            out.tobject(bits);
            out.string(name);
            out.string(title);
        });
    }

    /// Header of a `TObjArray` (version 3) of `length` objects, then `items`, which writes them.
    pub fn tobjarray(&mut self, length: usize, items: impl FnOnce(&mut Self)) {
        self.versioned(3, |out| {
            out.tobject(NO_BITS);
            out.string("");
            out.count(length);
            out.i32(0);
            items(out);
        });
    }
}

/// Appends a string as ROOT stores it: one length byte, or 255 and a 32-bit length.
pub(super) fn string_into(out: &mut Vec<u8>, text: &[u8]) {
    match u8::try_from(text.len()) {
        Ok(short) if short < 255 => out.push(short),
        _ => {
            out.push(255);
            out.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
        }
    }
    out.extend_from_slice(text);
}

/// Bytes that [`string_into`] appends for a text of `length` bytes.
pub(super) fn string_bytes(length: usize) -> usize {
    if length < 255 { length + 1 } else { length + 5 }
}
