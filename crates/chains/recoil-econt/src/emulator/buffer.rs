//! The output buffer: frames of any length in, a fixed number of words per crossing out.

use super::formatter::LINKS_OUT;
use super::frame::{Frame, WORDS};

/// Words that the buffer holds.
const CAPACITY: usize = 400;
/// Truncated frames of which bit 8 of the first word is set tell that the buffer, not the frame, was the reason.
const BY_BUFFER: u16 = 1 << 8;

/// When frames are cut to their truncated form \[words\].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferLimits {
    /// More words than this, the new ones included: truncate.
    pub t1: i64,
    /// More words than this, and a new frame of at most `t3`: truncate.
    pub t2: i64,
    /// Longest frame that the second rule cuts.
    pub t3: i64,
}

impl BufferLimits {
    /// The usual ones: twelve crossings of words, one frame less, and every frame.
    pub const fn of_links(links: usize) -> Self {
        let t1 = 24 * links as i64;
        Self { t1, t2: t1 - 25, t3: 25 }
    }
}

/// Which of the four rules a crossing fell under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Too many words with this frame.
    Overflow,
    /// Nearly full, and the frame is short.
    NearlyFull,
    /// Nearly full, but the frame is long: it goes in.
    LongFrame,
    /// There is room.
    Room,
}

/// What leaves in one crossing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Words of the output links; zero beyond the links that there are.
    pub links: [u32; LINKS_OUT],
    /// Words that were waiting.
    pub waiting: usize,
    /// Words of the new frame.
    pub new: usize,
    /// What was done with it.
    pub rule: Rule,
}

impl Sent {
    /// Whether the frame was cut.
    pub fn truncated(&self) -> bool {
        matches!(self.rule, Rule::Overflow | Rule::NearlyFull)
    }
}

/// The buffer between formatter and links.
#[derive(Clone, Debug)]
pub struct Buffer {
    words: [u16; CAPACITY],
    waiting: usize,
    links: usize,
    limits: BufferLimits,
}

impl Buffer {
    /// An empty buffer in front of so many output links (at most 13).
    pub fn new(links: usize, limits: BufferLimits) -> Self {
        Self { words: [0; CAPACITY], waiting: 0, links: links.clamp(1, LINKS_OUT), limits }
    }

    /// One crossing: takes a frame and sends words.
    pub fn push(&mut self, frame: &Frame) -> Sent {
        let (waiting, new) = (self.waiting, usize::from(frame.sent).min(WORDS));
        let (queued, length) = (waiting as i64, new as i64);
        let rule = if queued + length > self.limits.t1 {
            Rule::Overflow
        } else if queued <= self.limits.t2 {
            Rule::Room
        } else if length <= self.limits.t3 {
            Rule::NearlyFull
        } else {
            Rule::LongFrame
        };
        let [first, second] = frame.truncated;
        match rule {
            Rule::Overflow => self.write(&[first & !BY_BUFFER, second], 1),
            Rule::NearlyFull => self.write(&[first | BY_BUFFER, second], 1),
            Rule::LongFrame | Rule::Room => self.write(&frame.words, new),
        }
        let mut links = [0; LINKS_OUT];
        for (link, pair) in links.iter_mut().zip(self.words.chunks_exact(2)).take(self.links) {
            if let [high, low] = pair {
                *link = u32::from(*high) << 16 | u32::from(*low);
            }
        }
        let gone = 2 * self.links;
        self.words.copy_within(gone.., 0);
        self.words[CAPACITY - gone..].fill(0);
        self.waiting = self.waiting.saturating_sub(gone);
        Sent { links, waiting, new, rule }
    }

    /// Writes words behind those that wait; `counted` of them will be sent.
    fn write(&mut self, words: &[u16], counted: usize) {
        self.words.iter_mut().skip(self.waiting).zip(words).for_each(|(place, word)| *place = *word);
        self.waiting = (self.waiting + counted).min(CAPACITY);
    }
}
