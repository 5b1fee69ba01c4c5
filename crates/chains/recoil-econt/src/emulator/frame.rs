//! Frames: what the formatter makes of one bunch crossing, in words of 16 bits.

/// Words of a frame.
pub const WORDS: usize = 26;

/// One bunch crossing on its way to the output links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The words, the most significant bit first.
    pub words: [u16; WORDS],
    /// Words that are sent.
    pub sent: u8,
    /// The two words that the buffer sends instead when it runs full.
    pub truncated: [u16; 2],
    /// What fills a link that has nothing to send.
    pub idle: u16,
    /// Whether the frame is idle because the links are being reset.
    pub in_reset: bool,
}

impl Default for Frame {
    fn default() -> Self {
        Self { words: [0; WORDS], sent: 0, truncated: [0; 2], idle: 0, in_reset: false }
    }
}

/// Bits that are appended to words, the most significant one first. What goes beyond the last word is cut off.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bits {
    words: [u16; WORDS],
    length: usize,
}

impl Bits {
    /// Appends the lowest `count` bits of `value`.
    pub fn push(&mut self, value: u64, count: u32) {
        let mut left = count.min(64);
        while left > 0 {
            let room = 16 - (self.length % 16) as u32;
            let taken = room.min(left);
            let piece = (value >> (left - taken)) & ((1 << taken) - 1);
            if let Some(word) = self.words.get_mut(self.length / 16) {
                *word |= (piece << (room - taken)) as u16;
            }
            self.length += taken as usize;
            left -= taken;
        }
    }

    /// Number of bits so far.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Words that the bits need.
    pub fn whole_words(&self) -> usize {
        self.length.div_ceil(16).min(WORDS)
    }

    /// The words, zero behind the last bit.
    pub fn words(&self) -> [u16; WORDS] {
        self.words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_cross_words() {
        let mut bits = Bits::default();
        for (value, count) in [(0b1_1111, 5), (0b100, 3), (0x1234_5678_9abc, 48), (1, 1)] {
            bits.push(value, count);
        }
        assert_eq!(bits.len(), 57);
        assert_eq!(bits.words()[..4], [0xfc12, 0x3456, 0x789a, 0xbc80]);
        // beyond the end nothing happens
        (0..20).for_each(|_| bits.push(u64::MAX, 64));
        assert_eq!(bits.words()[25], 0xffff);
    }
}
