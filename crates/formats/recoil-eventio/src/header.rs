//! Headers of objects.

/// Marker in front of every top-level object.
pub const SYNC: [u8; 4] = [0x37, 0x8a, 0x1f, 0xd4];
/// The same marker in a file of the other byte order.
pub const SYNC_BIG_ENDIAN: [u8; 4] = [0xd4, 0x1f, 0x8a, 0x37];

const EXTENDED: u32 = 1 << 17;
const USER: u32 = 1 << 16;
const ONLY_OBJECTS: u32 = 1 << 30;
const LENGTH_BITS: u32 = 30;
const LENGTH_MASK: u32 = (1 << LENGTH_BITS) - 1;

/// What stands in front of the content of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Type number.
    pub kind: u16,
    /// Version of the type.
    pub version: u16,
    /// Identifier; its meaning depends on the type.
    pub id: i32,
    /// Whether the content consists of objects.
    pub only_objects: bool,
    /// A flag for users.
    pub user: bool,
    /// Whether the length took a fourth word.
    pub extended: bool,
    /// Length of the content in bytes.
    pub length: u64,
}

impl Header {
    /// A header of an object with `length` bytes of content.
    pub fn new(kind: u16, version: u16, id: i32, length: u64) -> Self {
        let extended = length > u64::from(LENGTH_MASK);
        Self { kind, version, id, only_objects: false, user: false, extended, length }
    }

    /// Takes three words apart. The upper bits of the length are still missing if [`Header::extended`] is set; see
    /// [`Header::extend`].
    pub fn parse(words: [u32; 3]) -> Self {
        let [first, id, length] = words;
        Self {
            kind: (first & 0xffff) as u16,
            version: (first >> 20) as u16,
            id: id.cast_signed(),
            only_objects: length & ONLY_OBJECTS != 0,
            user: first & USER != 0,
            extended: first & EXTENDED != 0,
            length: u64::from(length & LENGTH_MASK),
        }
    }

    /// Adds the upper bits of the length, from the fourth word.
    pub fn extend(&mut self, word: u32) {
        self.length |= u64::from(word & 0xfff) << LENGTH_BITS;
    }

    /// The header as bytes, without the marker.
    pub fn to_bytes(self) -> Vec<u8> {
        let mut first = u32::from(self.kind) | u32::from(self.version & 0xfff) << 20;
        first |= if self.extended { EXTENDED } else { 0 };
        first |= if self.user { USER } else { 0 };
        let mut third = (self.length & u64::from(LENGTH_MASK)) as u32;
        third |= if self.only_objects { ONLY_OBJECTS } else { 0 };
        let mut bytes = Vec::with_capacity(16);
        for word in [first, self.id.cast_unsigned(), third] {
            bytes.extend(word.to_le_bytes());
        }
        if self.extended {
            bytes.extend((((self.length >> LENGTH_BITS) & 0xfff) as u32).to_le_bytes());
        }
        bytes
    }

    /// Length of the header itself, without the marker.
    pub fn own_length(&self) -> u64 {
        if self.extended { 16 } else { 12 }
    }
}

/// `ADCSamples[2013v3]`
impl std::fmt::Display for Header {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}[{}v{}]", crate::kind::name(self.kind), self.kind, self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(bytes: &[u8]) -> Vec<u32> {
        bytes.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect()
    }

    #[test]
    fn headers_round_trip() {
        for length in [0, 17, (1 << 30) - 1, 1 << 30, (1 << 42) - 1] {
            let mut header = Header::new(2013, 3, -7, length);
            header.only_objects = length == 17;
            let words = words(&header.to_bytes());
            assert_eq!(words.len() as u64 * 4, header.own_length());
            let mut read = Header::parse([words[0], words[1], words[2]]);
            if let Some(word) = words.get(3) {
                read.extend(*word);
            }
            assert_eq!(read, header);
        }
    }

    #[test]
    fn a_header_names_itself() {
        assert_eq!(Header::new(2013, 3, 0, 0).to_string(), "ADCSamples[2013v3]");
        assert_eq!(Header::new(12, 0, 0, 0).to_string(), "unknown[12v0]");
    }
}
