//! A file that is being written, as callers see it.

use std::path::Path;
use std::sync::{Arc, Mutex};

use super::buffer::{Buffer, NO_BITS};
use super::sink::Sink;
use super::tree::TreeWriter;
use super::{Compression, histogram, lock};
use crate::{Hist1, Hist2, Profile, Result, Type};

/// How a file is written.
#[derive(Clone, Debug)]
pub struct Options {
    /// Compression of baskets and objects.
    pub compression: Compression,
    /// Bytes of a basket before compression that are aimed at.
    pub basket_bytes: usize,
    /// Creation time in seconds since 1970 (UTC) that goes into the file. Times before 1995 become 1995.
    pub time: i64,
    /// Whether a declared column counts jagged ones: `X_y` is counted by the 32-bit integer column `nX_y` or `nX` where
    /// there is one, as in NanoAOD, and the lengths must agree. Otherwise, and without such a column, every jagged
    /// column `X` gets a counter branch `nX` of its own (`nX_` if a column has that name).
    pub share_counters: bool,
    /// Whether lists of numbers are branches of C++ vectors, such as `vector<float>`, instead of counted arrays.
    pub vectors: bool,
}

impl Default for Options {
    /// Zstandard, baskets of 256 KiB, no time, counted arrays with shared counters.
    fn default() -> Self {
        Self {
            compression: Compression::default(),
            basket_bytes: 256 << 10,
            time: 0,
            share_counters: true,
            vectors: false,
        }
    }
}

/// A ROOT file that is being written.
///
/// It is not a valid file before [`finish`](Self::finish) has returned; write under a temporary name and rename.
/// Objects are named by path, `"directory/name"`; directories come into being with what they hold.
pub struct FileWriter {
    sink: Arc<Mutex<Sink>>,
}

impl FileWriter {
    /// Creates the file, replacing one that exists.
    ///
    /// # Errors
    /// If the file cannot be created or written.
    pub fn create(path: impl AsRef<Path>, options: Options) -> Result<Self> {
        let sink = Sink::create(path.as_ref().to_path_buf(), options)?;
        Ok(Self { sink: Arc::new(Mutex::new(sink)) })
    }

    /// Makes a directory and those above it; nothing if they exist.
    ///
    /// # Errors
    /// A name that ROOT cannot keep, an object of the same name, or a failure to write.
    pub fn directory(&mut self, path: &str) -> Result<()> {
        lock(&self.sink).enter(path).map(|_| ())
    }

    /// Begins a tree with these columns. Several trees may be filled in turn; each must be finished before the file.
    ///
    /// # Errors
    /// Names that are taken or that ROOT cannot keep, types that cannot be written, or a failure to write.
    pub fn tree<N: AsRef<str>>(&mut self, path: &str, title: &str, columns: &[(N, Type)]) -> Result<TreeWriter> {
        let columns = columns.iter().map(|(name, ty)| (name.as_ref().to_owned(), ty.clone())).collect();
        TreeWriter::new(&self.sink, path, title, columns)
    }

    /// Writes a histogram: a `TH1F` if that is its storage, else a `TH1D`. It takes the name of `path`.
    ///
    /// # Errors
    /// Arrays that do not fit the axis, a name that is taken or impossible, or a failure to write.
    pub fn hist1(&mut self, path: &str, hist: &Hist1) -> Result<()> {
        let mut sink = lock(&self.sink);
        histogram::check1(hist).map_err(|fault| sink.refuse(path, fault))?;
        describe_labels(&mut sink, [&hist.x]);
        let class = histogram::class1(hist);
        object(&mut sink, path, class, &hist.title, |name, key| histogram::hist1(name, hist, key))
    }

    /// Writes a two-dimensional histogram: a `TH2F` if that is its storage, else a `TH2D`.
    ///
    /// # Errors
    /// As [`hist1`](Self::hist1).
    pub fn hist2(&mut self, path: &str, hist: &Hist2) -> Result<()> {
        let mut sink = lock(&self.sink);
        histogram::check2(hist).map_err(|fault| sink.refuse(path, fault))?;
        describe_labels(&mut sink, [&hist.x, &hist.y]);
        let class = histogram::class2(hist);
        object(&mut sink, path, class, &hist.title, |name, key| histogram::hist2(name, hist, key))
    }

    /// Writes a profile as a `TProfile`.
    ///
    /// # Errors
    /// As [`hist1`](Self::hist1).
    pub fn profile(&mut self, path: &str, profile: &Profile) -> Result<()> {
        let mut sink = lock(&self.sink);
        histogram::check_profile(profile).map_err(|fault| sink.refuse(path, fault))?;
        describe_labels(&mut sink, [&profile.x]);
        object(&mut sink, path, "TProfile", &profile.title, |name, key| histogram::profile(name, profile, key))
    }

    /// Writes a text as a `TObjString`.
    ///
    /// # Errors
    /// A name that is taken or impossible, or a failure to write.
    pub fn text(&mut self, path: &str, text: &str) -> Result<()> {
        object(&mut lock(&self.sink), path, "TObjString", "Collectable string class", |_, key| {
            let mut out = Buffer::new(key);
            out.versioned(1, |out| {
                out.tobject(NO_BITS);
                out.string(text);
            });
            out
        })
    }

    /// Writes a name with a title as a `TNamed`. Titles longer than 30 000 bytes do not fit; use [`text`](Self::text).
    ///
    /// # Errors
    /// As [`text`](Self::text).
    pub fn named(&mut self, path: &str, title: &str) -> Result<()> {
        object(&mut lock(&self.sink), path, "TNamed", title, |name, key| {
            let mut out = Buffer::new(key);
            out.tnamed(NO_BITS, name, title);
            out
        })
    }

    /// Writes what closes the file and gives its length in bytes.
    ///
    /// # Errors
    /// A tree that was not finished, or a failure to write.
    pub fn finish(self) -> Result<u64> {
        lock(&self.sink).finish()
    }
}

/// Writes one object at `path`; `make` streams it, given its name and the length of its key.
fn object(
    sink: &mut Sink,
    path: &str,
    class: &'static str,
    title: &str,
    make: impl FnOnce(&str, usize) -> Buffer,
) -> Result<()> {
    let (directory, name) = sink.place(path)?;
    sink.object(directory, class, &name, title, |key| make(&name, key))
}

/// Labels of bins are objects whose classes the file has to describe.
fn describe_labels<'a>(sink: &mut Sink, axes: impl IntoIterator<Item = &'a crate::Axis>) {
    if axes.into_iter().any(|axis| !axis.labels.is_empty()) {
        sink.describe("THashList");
        sink.describe("TObjString");
    }
}
