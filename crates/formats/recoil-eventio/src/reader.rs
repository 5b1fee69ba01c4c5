//! Top-level objects of a file, one at a time, and the objects inside them.

use std::path::Path;

use crate::bytes::Bytes;
use crate::error::{Decoded, Error, Fault, Result};
use crate::header::{Header, SYNC, SYNC_BIG_ENDIAN};
use crate::source::Source;

/// Length of content above which an object is refused, so that a compressed file of nothing cannot fill the memory.
const LONGEST: u64 = 4 << 30;

/// An object with its content in memory.
#[derive(Clone, Copy, Debug)]
pub struct Object<'a> {
    /// Its header.
    pub header: Header,
    /// Its content.
    pub data: &'a [u8],
    /// Place of the content in the file (after decompression).
    pub at: u64,
}

impl<'a> Object<'a> {
    /// The content, to be read value by value.
    pub fn bytes(&self) -> Bytes<'a> {
        Bytes::new(self.data, self.at)
    }

    /// The objects that the content consists of.
    ///
    /// ```
    /// use recoil_eventio::{Header, Object};
    /// use recoil_eventio::write::Content;
    ///
    /// let mut list = Content::new();
    /// list.object(71, 1, 0, &Content::new());
    /// let header = Header { only_objects: true, ..Header::new(70, 1, 0, list.as_bytes().len() as u64) };
    /// let history = Object { header, data: list.as_bytes(), at: 0 };
    /// let kinds: Result<Vec<u16>, _> = history.objects().map(|inner| inner.map(|inner| inner.header.kind)).collect();
    /// assert_eq!(kinds, Ok(vec![71]));
    /// ```
    pub fn objects(&self) -> Objects<'a> {
        Objects { rest: self.bytes(), broken: !self.header.only_objects && !self.data.is_empty(), header: self.header }
    }

    /// The first object inside content that has no mark of consisting of objects; `None` if the content has ended.
    ///
    /// # Errors
    /// Content that is too short, or an object of another type than `kind`.
    pub fn inner(&self, kind: u16) -> Decoded<Option<Object<'a>>> {
        let mut objects = Objects { rest: self.bytes(), broken: false, header: self.header };
        match objects.next().transpose()? {
            Some(inner) if inner.header.kind != kind => {
                Err(Fault::new(inner.at, format!("{} where type {kind} is expected", inner.header)))
            }
            found => Ok(found),
        }
    }

    /// Refuses versions above `newest`.
    ///
    /// # Errors
    /// A version that is not known.
    pub fn at_most(&self, newest: u16) -> Decoded<()> {
        self.versions(0, newest)
    }

    /// Refuses versions outside of `oldest..=newest`.
    ///
    /// # Errors
    /// A version that is not known.
    pub fn versions(&self, oldest: u16, newest: u16) -> Decoded<()> {
        if (oldest..=newest).contains(&self.header.version) {
            return Ok(());
        }
        Err(Fault::new(self.at, format!("version {} is not among {oldest} to {newest}", self.header.version)))
    }

    /// Telescope of objects whose identifier holds it in bits 0 to 7 and 24 to 29.
    pub fn split_telescope(&self) -> i32 {
        (self.header.id & 0xff) | (self.header.id & 0x3f00_0000) >> 16
    }
}

/// Objects inside an object.
#[derive(Clone, Debug)]
pub struct Objects<'a> {
    rest: Bytes<'a>,
    broken: bool,
    header: Header,
}

impl<'a> Objects<'a> {
    fn read(&mut self) -> Decoded<Object<'a>> {
        let mut header = Header::parse([self.rest.u32()?, self.rest.u32()?, self.rest.u32()?]);
        if header.extended {
            header.extend(self.rest.u32()?);
        }
        let at = self.rest.position();
        let length = usize::try_from(header.length).unwrap_or(usize::MAX);
        let data = self.rest.take(length).map_err(|fault| Fault::new(at, format!("{header}: {}", fault.reason)))?;
        Ok(Object { header, data, at })
    }
}

impl<'a> Iterator for Objects<'a> {
    type Item = Decoded<Object<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.broken {
            self.broken = false;
            self.rest = Bytes::new(&[], self.rest.position());
            return Some(Err(self.rest.fault(format!("{} does not consist of objects", self.header))));
        }
        if self.rest.is_empty() {
            return None;
        }
        let found = self.read();
        if found.is_err() {
            self.rest = Bytes::new(&[], self.rest.position());
        }
        Some(found)
    }
}

/// A header and where its content lies.
pub(crate) struct Placed {
    pub header: Header,
    pub at: u64,
}

/// Reads the header of a top-level object; `None` at the end of the file.
pub(crate) fn top_header(source: &mut Source) -> Result<Option<Placed>> {
    let start = source.at();
    let mut bytes = [0; 16];
    let count = source.fill(&mut bytes)?;
    let found = bytes.get(..count).unwrap_or_default();
    if found.is_empty() {
        return Ok(None);
    }
    let known = found.len().min(SYNC.len());
    if found.get(..known) != SYNC.get(..known) {
        let big = found.starts_with(&SYNC_BIG_ENDIAN);
        let reason = match (big, start) {
            (true, _) => "big-endian files are not supported".to_owned(),
            (false, 0) => {
                format!("not an EventIO file: it begins with {}", hex(found.get(..known).unwrap_or_default()))
            }
            (false, _) => format!("no object begins here: found {}", hex(found.get(..known).unwrap_or_default())),
        };
        return Err(Error::Sync { file: source.name().to_owned(), byte: start, reason });
    }
    let [_, words @ ..] = bytes.as_chunks::<4>().0 else { return Ok(None) };
    let (&[first, second, third], 16) = (words, count) else { return Err(truncated(source, "a header")) };
    let mut header = Header::parse([first, second, third].map(u32::from_le_bytes));
    if header.extended {
        extend(source, &mut header)?;
    }
    Ok(Some(Placed { header, at: source.at() }))
}

/// Reads the header of an object inside another.
pub(crate) fn inner_header(source: &mut Source) -> Result<Placed> {
    let mut bytes = [0; 12];
    let count = source.fill(&mut bytes)?;
    let (&[first, second, third], 12) = (bytes.as_chunks::<4>().0, count) else {
        return Err(truncated(source, "a header"));
    };
    let mut header = Header::parse([first, second, third].map(u32::from_le_bytes));
    if header.extended {
        extend(source, &mut header)?;
    }
    Ok(Placed { header, at: source.at() })
}

fn extend(source: &mut Source, header: &mut Header) -> Result<()> {
    let mut word = [0; 4];
    if source.fill(&mut word)? < word.len() {
        return Err(truncated(source, "a header"));
    }
    header.extend(u32::from_le_bytes(word));
    Ok(())
}

pub(crate) fn truncated(source: &Source, object: impl Into<String>) -> Error {
    Error::Truncated { file: source.name().to_owned(), byte: source.at(), object: object.into() }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

/// Reads the top-level objects of a file in order, each into the same memory.
pub struct Reader {
    source: Source,
    buffer: Vec<u8>,
    ended: bool,
}

impl Reader {
    /// Opens a file, which may be compressed with gzip or zstd.
    ///
    /// # Errors
    /// Files that cannot be opened.
    pub fn open(path: &Path) -> Result<Self> {
        Ok(Self::of(Source::open(path)?))
    }

    /// Reads uncompressed bytes; `name` is what errors call them.
    pub fn of_bytes(name: &str, bytes: Vec<u8>) -> Self {
        Self::of(Source::of_bytes(name, bytes))
    }

    fn of(source: Source) -> Self {
        Self { source, buffer: Vec::new(), ended: false }
    }

    /// The file's name as errors tell it.
    pub fn name(&self) -> &str {
        self.source.name()
    }

    /// Number of bytes of content that were read (after decompression).
    pub fn bytes(&self) -> u64 {
        self.source.at()
    }

    /// The next object; `None` at the end of the file. After an error there are no more.
    ///
    /// # Errors
    /// Bytes that are no object, files that end inside an object ([`Error::Truncated`]), damaged compression.
    pub fn next_object(&mut self) -> Result<Option<Object<'_>>> {
        if self.ended {
            return Ok(None);
        }
        self.ended = true;
        let first = self.source.at() == 0;
        let Some(Placed { header, at }) = top_header(&mut self.source)? else {
            return if first { Err(self.empty()) } else { Ok(None) };
        };
        if header.length > LONGEST {
            let reason = format!("a length of {} bytes is not believable", header.length);
            let object = header.to_string();
            return Err(Error::Object { file: self.name().to_owned(), byte: at, object, reason });
        }
        self.buffer.clear();
        if self.source.append(header.length, &mut self.buffer)? < header.length {
            return Err(truncated(&self.source, header.to_string()));
        }
        self.ended = false;
        Ok(Some(Object { header, data: &self.buffer, at }))
    }

    fn empty(&self) -> Error {
        Error::Sync { file: self.name().to_owned(), byte: 0, reason: "not an EventIO file: it is empty".into() }
    }

    /// The error for a fault inside `header`'s object.
    pub fn blame(&self, header: Header, fault: Fault) -> Error {
        let Fault { byte, reason } = fault;
        Error::Object { file: self.name().to_owned(), byte, object: header.to_string(), reason }
    }
}
