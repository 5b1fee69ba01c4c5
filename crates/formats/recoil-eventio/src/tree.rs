//! The tree of objects in a file, from their headers alone.

use std::path::Path;

use crate::error::{Error, Result};
use crate::header::Header;
use crate::reader::{Placed, inner_header, top_header, truncated};
use crate::source::Source;

/// Depth of containers above which a file is not believed.
const DEEPEST: usize = 64;

/// An object of the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Number of objects around it.
    pub depth: usize,
    /// Its header.
    pub header: Header,
    /// Place of its content in the file (after decompression).
    pub at: u64,
}

struct Open {
    entry: usize,
    end: u64,
}

/// Goes through all objects of a file, containers before what they contain, without keeping any content.
pub struct Tree {
    source: Source,
    open: Vec<Open>,
    count: usize,
    cut: Option<Header>,
    ended: bool,
    incomplete: Vec<usize>,
}

impl Tree {
    /// Opens a file.
    ///
    /// # Errors
    /// Files that cannot be opened.
    pub fn open(path: &Path) -> Result<Self> {
        Ok(Self::of(Source::open(path)?))
    }

    /// Goes through uncompressed bytes; `name` is what errors call them.
    pub fn of_bytes(name: &str, bytes: Vec<u8>) -> Self {
        Self::of(Source::of_bytes(name, bytes))
    }

    fn of(source: Source) -> Self {
        Self { source, open: Vec::new(), count: 0, cut: None, ended: false, incomplete: Vec::new() }
    }

    /// Numbers (from 0, in order of appearance) of the objects that the file ends in; empty for a whole file.
    pub fn incomplete(&self) -> &[usize] {
        &self.incomplete
    }

    /// Number of bytes of content that were passed.
    pub fn bytes(&self) -> u64 {
        self.source.at()
    }

    fn step(&mut self) -> Result<Option<Entry>> {
        while self.open.last().is_some_and(|open| self.source.at() >= open.end) {
            self.open.pop();
        }
        let depth = self.open.len();
        let first = self.source.at() == 0;
        let placed = if depth == 0 { top_header(&mut self.source)? } else { Some(inner_header(&mut self.source)?) };
        let Some(Placed { header, at }) = placed else {
            if first {
                let file = self.source.name().to_owned();
                return Err(Error::Sync { file, byte: 0, reason: "not an EventIO file: it is empty".into() });
            }
            return Ok(None);
        };
        let end = at.saturating_add(header.length);
        if let Some(around) = self.open.last().filter(|around| end > around.end) {
            let reason = format!("ends {} bytes behind the object around it", end - around.end);
            let file = self.source.name().to_owned();
            return Err(Error::Object { file, byte: at, object: header.to_string(), reason });
        }
        let entry = Entry { depth, header, at };
        self.open.push(Open { entry: self.count, end });
        self.count += 1;
        if header.only_objects && depth < DEEPEST {
            return Ok(Some(entry));
        }
        if self.source.skip(header.length)? == header.length {
            self.open.pop();
        } else {
            self.cut = Some(header);
        }
        Ok(Some(entry))
    }
}

impl Iterator for Tree {
    type Item = Result<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let found = match self.cut {
            Some(header) => Err(truncated(&self.source, header.to_string())),
            None => self.step().transpose()?,
        };
        if found.is_err() {
            self.ended = true;
            self.incomplete = self.open.iter().map(|open| open.entry).collect();
        }
        Some(found)
    }
}
