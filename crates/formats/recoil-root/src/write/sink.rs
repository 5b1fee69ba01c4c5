//! The file itself: records one after the other, then what the first bytes have to tell of them.

use std::collections::BTreeSet;
use std::fs::File;
use std::hash::Hasher as _;
use std::io::{self, BufWriter, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;

use twox_hash::XxHash64;

use super::Options;
use super::buffer::Buffer;
use super::directory::{Directory, KeyList, RECORD_BYTES};
use super::fault::WriteFault;
use super::key::{BIG_FILE, Key, date, position};
use super::streamers::streamer_list;
use crate::{Error, Result};

/// Where the first record stands.
const BEGIN: u64 = 100;
/// The version of ROOT whose layouts this crate writes.
const ROOT_VERSION: u32 = 62_400;
/// The name inside the file. Fixed, so that a file does not depend on where it was written; readers go by the path.
const NAME: &str = "recoil.root";
/// Largest object whose parts can be counted: two bits of a byte count are flags.
const OBJECT_LIMIT: u64 = 0x3fff_ffff;
/// Largest record, limited by the signed length in its key.
const RECORD_LIMIT: u64 = 0x7fff_0000;
/// Bytes of a key, limited by the signed 16-bit length.
const KEY_LIMIT: usize = 0x7fff;

/// A basket ready for the file.
pub(super) struct Basket<'a> {
    pub directory: usize,
    pub branch: &'a str,
    pub tree: &'a str,
    /// Entries of the basket.
    pub entries: usize,
    /// Bytes per entry, or length of the array of offsets.
    pub entry_bytes: usize,
    /// Bytes of key and values, without the array of offsets.
    pub last: usize,
    /// Bytes of the payload before compression.
    pub object_bytes: usize,
    pub payload: &'a [u8],
}

/// Bytes that a basket's key has beyond those of other keys.
const BASKET_EXTRA: u16 = 19;

/// Bytes of the key of a basket. Always that of a big file, because the values depend on it and are compressed before
/// the position is known.
pub(super) fn basket_key_bytes(branch: &str, tree: &str) -> usize {
    Key::length("TBasket", branch, tree, true) + usize::from(BASKET_EXTRA)
}

/// One file while it is written.
pub(super) struct Sink {
    path: PathBuf,
    file: BufWriter<File>,
    end: u64,
    content: XxHash64,
    options: Options,
    date: u32,
    directories: Vec<Directory>,
    classes: BTreeSet<&'static str>,
    open_trees: BTreeSet<String>,
    broken: bool,
}

impl Sink {
    pub fn create(path: PathBuf, options: Options) -> Result<Self> {
        let file = match File::create(&path) {
            Ok(file) => file,
            Err(source) => return Err(Error::Io { file: path, source }),
        };
        let mut sink = Self {
            path,
            file: BufWriter::with_capacity(1 << 20, file),
            end: 0,
            content: XxHash64::with_seed(0),
            date: date(options.time),
            options,
            directories: Vec::new(),
            classes: BTreeSet::new(),
            open_trees: BTreeSet::new(),
            broken: false,
        };
        sink.append(&[0; BEGIN as usize])?;
        let mut names = Buffer::new(0);
        names.string(NAME);
        names.string("");
        sink.directory_record("TFile", NAME.into(), String::new(), String::new(), 0, names.into_bytes())?;
        Ok(sink)
    }

    pub fn options(&self) -> &Options {
        &self.options
    }

    pub fn path(&self) -> &PathBuf {
        &self.path
    }

    /// The error for `fault` of the object at `path`.
    pub fn refuse(&self, path: &str, fault: WriteFault) -> Error {
        Error::Write { file: self.path.clone(), object: path.into(), fault: Box::new(fault) }
    }

    /// Makes the directories in front of the name of `path` where they are missing; gives the last one's number and the
    /// name.
    pub fn place(&mut self, path: &str) -> Result<(usize, String)> {
        let (directory, name) = match path.rsplit_once('/') {
            Some((directory, name)) => (self.enter(directory)?, name),
            None => (0, path),
        };
        self.check_name(path, name)?;
        if self.holds(directory, name) || self.open_trees.contains(path) {
            return Err(self.refuse(path, WriteFault::Taken));
        }
        Ok((directory, name.to_owned()))
    }

    /// Makes the directories of `path` where they are missing and gives the last one's number.
    pub fn enter(&mut self, path: &str) -> Result<usize> {
        let mut directory = 0;
        let mut end = 0;
        for name in path.split('/') {
            self.check_name(path, name)?;
            end += name.len();
            let sofar = path.get(..end).unwrap_or(path);
            end += 1;
            directory = match self.directories.iter().position(|known| known.path == sofar) {
                Some(known) => known,
                None => self.subdirectory(directory, sofar, name)?,
            };
        }
        Ok(directory)
    }

    fn check_name(&self, path: &str, name: &str) -> Result<()> {
        match bad_name(name) {
            Some(reason) => Err(self.refuse(path, WriteFault::Name { name: name.into(), reason })),
            None => Ok(()),
        }
    }

    /// Takes note of a tree whose key will be written later.
    pub fn open_tree(&mut self, path: &str) {
        self.open_trees.insert(path.into());
    }

    pub fn close_tree(&mut self, path: &str) {
        self.open_trees.remove(path);
    }

    fn holds(&self, directory: usize, name: &str) -> bool {
        self.directories.get(directory).is_some_and(|dir| dir.keys.iter().any(|key| key.name == name))
    }

    fn subdirectory(&mut self, parent: usize, path: &str, name: &str) -> Result<usize> {
        if self.holds(parent, name) || self.open_trees.contains(path) {
            return Err(self.refuse(path, WriteFault::Taken));
        }
        let above = self.seek_of(parent);
        let key = self.directory_record("TDirectory", name.into(), name.into(), path.into(), above, Vec::new())?;
        if let Some(directory) = self.directories.get_mut(parent) {
            directory.keys.push(key);
        }
        Ok(self.directories.len() - 1)
    }

    fn seek_of(&self, directory: usize) -> u64 {
        self.directories.get(directory).map_or(BEGIN, |dir| dir.seek)
    }

    /// Appends a directory's key, `before` and room for its record.
    fn directory_record(
        &mut self,
        class: &'static str,
        name: String,
        title: String,
        path: String,
        parent: u64,
        before: Vec<u8>,
    ) -> Result<Key> {
        let mut payload = before;
        let names = payload.len();
        payload.resize(names + RECORD_BYTES, 0);
        let key = self.key(class, name.clone(), title.clone(), parent, payload.len())?;
        let name_bytes = (key.bytes() + names) as u64;
        self.record(&key, &payload)?;
        self.directories.push(Directory {
            path,
            name,
            title,
            seek: key.seek,
            parent,
            record: key.seek + name_bytes,
            name_bytes,
            keys: Vec::new(),
        });
        Ok(key)
    }

    /// A key for a record at the end of the file whose payload of `bytes` is stored as it is.
    fn key(&self, class: &'static str, name: String, title: String, parent: u64, bytes: usize) -> Result<Key> {
        let big = Key::is_big(self.end, parent);
        let size = self.record_size(&name, bytes, RECORD_LIMIT)?;
        let key = Key {
            class,
            name,
            title,
            seek: self.end,
            parent,
            object_bytes: size,
            stored_bytes: size,
            date: self.date,
            cycle: 1,
            big,
            extra: 0,
        };
        if key.bytes() > KEY_LIMIT {
            let fault = WriteFault::TooLarge {
                what: "the key with name and title".into(),
                bytes: key.bytes() as u64,
                limit: KEY_LIMIT as u64,
            };
            return Err(self.refuse(&key.name, fault));
        }
        Ok(key)
    }

    fn record_size(&self, what: &str, bytes: usize, limit: u64) -> Result<u32> {
        match u32::try_from(bytes) {
            Ok(size) if u64::from(size) <= limit => Ok(size),
            _ => Err(self.refuse(what, WriteFault::TooLarge { what: "the object".into(), bytes: bytes as u64, limit })),
        }
    }

    /// Writes an object under `name` in a directory. `make` streams it, given the length of its key.
    pub fn object(
        &mut self,
        directory: usize,
        class: &'static str,
        name: &str,
        title: &str,
        make: impl FnOnce(usize) -> Buffer,
    ) -> Result<()> {
        let parent = self.seek_of(directory);
        let key = self.packed(class, name, title, parent, make)?;
        if let Some(directory) = self.directories.get_mut(directory) {
            directory.keys.push(key);
        }
        self.describe(class);
        Ok(())
    }

    /// Has the streamer infos of `class` written with the file.
    pub fn describe(&mut self, class: &'static str) {
        self.classes.insert(class);
    }

    /// Appends a compressed record and gives its key.
    fn packed(
        &mut self,
        class: &'static str,
        name: &str,
        title: &str,
        parent: u64,
        make: impl FnOnce(usize) -> Buffer,
    ) -> Result<Key> {
        let mut key = self.key(class, name.into(), title.into(), parent, 0)?;
        let raw = make(key.bytes()).into_bytes();
        key.object_bytes = self.record_size(name, raw.len(), OBJECT_LIMIT)?;
        let packed = self.options.compression.compress(&raw).map_err(|source| self.io(source))?;
        let payload = packed.unwrap_or(raw);
        key.stored_bytes = self.record_size(name, payload.len(), OBJECT_LIMIT)?;
        self.record(&key, &payload)?;
        Ok(key)
    }

    /// Appends a basket; gives its position and the bytes of the whole record.
    pub fn basket(&mut self, basket: &Basket<'_>) -> Result<(u64, u32)> {
        let too_large = |sink: &Self, bytes: usize| {
            let what = format!("a basket of branch \"{}\"", basket.branch);
            sink.refuse(basket.tree, WriteFault::TooLarge { what, bytes: bytes as u64, limit: RECORD_LIMIT })
        };
        let sizes = [basket.object_bytes, basket.payload.len(), basket.last, basket.entries, basket.entry_bytes];
        if let Some(bytes) = sizes.into_iter().find(|size| *size as u64 > RECORD_LIMIT) {
            return Err(too_large(self, bytes));
        }
        let parent = self.seek_of(basket.directory);
        let mut key = self.key("TBasket", basket.branch.into(), basket.tree.into(), parent, basket.payload.len())?;
        key.object_bytes = u32::try_from(basket.object_bytes).unwrap_or(u32::MAX);
        key.cycle = 0;
        key.big = true;
        key.extra = BASKET_EXTRA;
        let mut head = Buffer::new(0);
        key.write(&mut head);
        head.i16(3);
        head.count(key.bytes() + basket.object_bytes);
        head.count(basket.entry_bytes);
        head.count(basket.entries);
        head.count(basket.last);
        head.u8(0);
        self.append(&head.into_bytes())?;
        self.append(basket.payload)?;
        Ok((key.seek, u32::try_from(key.record_bytes()).unwrap_or(u32::MAX)))
    }

    fn record(&mut self, key: &Key, payload: &[u8]) -> Result<()> {
        let mut head = Buffer::new(0);
        key.write(&mut head);
        self.append(&head.into_bytes())?;
        self.append(payload)
    }

    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        if self.broken {
            return Err(self.io(io::Error::other("an earlier write to this file failed")));
        }
        self.content.write(bytes);
        self.end += bytes.len() as u64;
        self.file.write_all(bytes).map_err(|source| {
            self.broken = true;
            self.io(source)
        })
    }

    pub fn io(&self, source: io::Error) -> Error {
        Error::Io { file: self.path.clone(), source }
    }

    /// Writes what closes a file and gives its length in bytes.
    pub fn finish(&mut self) -> Result<u64> {
        if let Some(tree) = self.open_trees.first() {
            return Err(self.refuse(tree, WriteFault::Unfinished));
        }
        let classes = std::mem::take(&mut self.classes);
        let info =
            self.packed("TList", "StreamerInfo", "Doubly linked list", BEGIN, |key| streamer_list(&classes, key))?;
        let mut lists = Vec::with_capacity(self.directories.len());
        for index in 0..self.directories.len() {
            lists.push(self.key_list(index)?);
        }
        let (free, free_bytes) = self.free_list()?;
        let big = self.end > BIG_FILE;
        let mut patches = Vec::with_capacity(lists.len() + 1);
        for (index, (directory, list)) in self.directories.iter().zip(&lists).enumerate() {
            let record = directory.record_bytes(list, self.date, self.uuid(index), big);
            patches.push((directory.record, record));
        }
        patches.push((0, self.header(&info, free, free_bytes, big)));
        self.patch(patches).map_err(|source| self.io(source))?;
        Ok(self.end)
    }

    fn key_list(&mut self, index: usize) -> Result<KeyList> {
        let Some(directory) = self.directories.get(index) else {
            return Ok(KeyList { seek: 0, bytes: 0 });
        };
        let class = if index == 0 { "TFile" } else { "TDirectory" };
        let payload = directory.key_list();
        let key = self.key(class, directory.name.clone(), directory.title.clone(), directory.seek, payload.len())?;
        self.record(&key, &payload)?;
        Ok(KeyList { seek: key.seek, bytes: key.record_bytes() })
    }

    /// Appends the list of free segments: one, from the end of the file on. Gives its position and length.
    fn free_list(&mut self) -> Result<(u64, u64)> {
        const SMALL: usize = 10;
        const BIG: usize = 18;
        let mut key = self.key("TFile", NAME.into(), String::new(), BEGIN, SMALL)?;
        if key.seek + key.record_bytes() > BIG_FILE {
            key = self.key("TFile", NAME.into(), String::new(), BEGIN, BIG)?;
        }
        let end = key.seek + key.record_bytes();
        let big = end > BIG_FILE;
        let mut out = Buffer::new(0);
        out.i16(if big { 1001 } else { 1 });
        position(&mut out, end, big);
        let last = if big { (end / 1_000_000_000 + 1) * 1_000_000_000 } else { BIG_FILE };
        position(&mut out, last, big);
        self.record(&key, &out.into_bytes())?;
        Ok((key.seek, key.record_bytes()))
    }

    fn header(&self, info: &Key, free: u64, free_bytes: u64, big: bool) -> Vec<u8> {
        let mut out = Buffer::new(0);
        out.raw(b"root");
        out.u32(if big { ROOT_VERSION + 1_000_000 } else { ROOT_VERSION });
        out.u32(BEGIN as u32);
        position(&mut out, self.end, big);
        position(&mut out, free, big);
        out.u32(u32::try_from(free_bytes).unwrap_or(u32::MAX));
        out.u32(1);
        let name_bytes = self.directories.first().map_or(0, |root| root.name_bytes);
        out.u32(u32::try_from(name_bytes).unwrap_or(u32::MAX));
        out.u8(if big { 8 } else { 4 });
        out.i32(self.options.compression.setting());
        position(&mut out, info.seek, big);
        out.u32(u32::try_from(info.record_bytes()).unwrap_or(u32::MAX));
        out.i16(1);
        out.raw(&self.uuid(0));
        out.into_bytes()
    }

    /// An identifier that depends on everything in the file and on the directory: version 8 of RFC 9562.
    fn uuid(&self, directory: usize) -> [u8; 16] {
        let mut content = self.content.clone();
        content.write(&(directory as u64).to_le_bytes());
        let high = content.finish();
        content.write(&[1]);
        let low = content.finish();
        let version = (high & !0xf000) | 0x8000;
        let variant = (low & !(3 << 62)) | (2 << 62);
        (u128::from(version) << 64 | u128::from(variant)).to_be_bytes()
    }

    fn patch(&mut self, patches: Vec<(u64, Vec<u8>)>) -> io::Result<()> {
        for (at, bytes) in patches {
            self.file.seek(SeekFrom::Start(at))?;
            self.file.write_all(&bytes)?;
        }
        self.file.flush()
    }
}

/// Why ROOT cannot keep `name`, if it cannot.
pub(super) fn bad_name(name: &str) -> Option<&'static str> {
    match name {
        "" => Some("is empty or has an empty part"),
        _ if name.contains(['\0', ';']) => Some("holds a NUL or a semicolon"),
        _ => None,
    }
}
