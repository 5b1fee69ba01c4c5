//! Files: header, directories and the objects in them.

use std::{
    collections::{HashMap, HashSet},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    bytes::Cursor,
    codec,
    error::{Error, Fault, Place, Result, hint},
    hist::{Hist1, Hist2, Hist3, Profile},
    key::{KEY_MIN, Key},
    ntuple,
    source::Source,
    streamer::{
        info::Infos,
        object::{Object, ObjectReader, Value},
    },
    tree::Tree,
};

/// Bytes that hold any file header.
const HEADER: usize = 100;
/// Bytes that hold any directory record.
const DIRECTORY: usize = 80;

/// An open ROOT file; cheap to clone, readable from many threads.
#[derive(Debug, Clone)]
pub struct RootFile {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    source: Arc<Source>,
    header: Header,
    /// Keys of the directories seen so far, by where their record begins.
    directories: Mutex<HashMap<u64, Arc<Vec<Key>>>>,
    infos: Mutex<Option<Arc<Infos>>>,
    /// Keys found by walking the records, for a file that was not closed.
    recovered: Option<Arc<Vec<Key>>>,
}

/// One object in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Directories and name, as `dir/name`.
    pub path: String,
    /// Class name.
    pub class: String,
    /// Title.
    pub title: String,
    /// Which of the versions of this name; the highest is the newest.
    pub cycle: i16,
}

#[derive(Debug, Clone, Copy)]
struct Header {
    begin: u64,
    name_len: u64,
    info_at: u64,
    info_len: usize,
}

impl Header {
    fn read(source: &Source) -> Result<Self> {
        let bytes = source.read_up_to(0, HEADER)?;
        if !bytes.starts_with(b"root") {
            let reason = "its first four bytes are not \"root\"".to_owned();
            return Err(Error::NotRoot { file: source.path().to_path_buf(), reason });
        }
        let mut cursor = Cursor::new(&bytes);
        let read = |cursor: &mut Cursor<'_>| {
            cursor.skip(4)?;
            let wide = cursor.i32()? >= 1_000_000;
            let begin = cursor.u32()?;
            let _end = cursor.seek_pointer(wide)?;
            let _free = cursor.seek_pointer(wide)?;
            cursor.skip(8)?;
            let name_len = cursor.u32()?;
            cursor.skip(5)?;
            let info_at = cursor.seek_pointer(wide)?;
            let info_len = cursor.i32()?;
            Ok(Self {
                begin: begin.into(),
                name_len: name_len.into(),
                info_at,
                info_len: usize::try_from(info_len).unwrap_or(0),
            })
        };
        read(&mut cursor).map_err(|fault: Fault| fault.at(source.place()))
    }
}

impl RootFile {
    /// Opens a file and reads its first directory.
    ///
    /// The keys of a file that was not closed, or lost its end, are recovered by walking its records.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::NotRoot`], or [`Error::Corrupt`] when neither the directory nor any record is readable.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let source = Arc::new(Source::open(path.as_ref())?);
        let header = Header::read(&source)?;
        let mut inner =
            Inner { source, header, directories: Mutex::default(), infos: Mutex::default(), recovered: None };
        let keys = inner.keys(inner.root_position());
        if !matches!(&keys, Ok(keys) if !keys.is_empty()) {
            let found = inner.walk_records()?;
            if found.is_empty() {
                keys?;
            } else {
                inner.recovered = Some(Arc::new(found));
            }
        }
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The path that was opened.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.inner.source.path()
    }

    /// Whether the file had lost its directory, so that its objects were found by walking the records.
    #[must_use]
    pub fn is_recovered(&self) -> bool {
        self.inner.recovered.is_some()
    }

    /// All objects, those of sub-directories behind their directory.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when a directory cannot be read.
    pub fn ls(&self) -> Result<Vec<Entry>> {
        let mut out = Vec::new();
        let mut seen = HashSet::new();
        self.inner.list(&self.inner.root_keys()?, "", &mut seen, &mut out)?;
        Ok(out)
    }

    /// The tree or RNTuple at `path` (`dir/name` or `dir/name;cycle`).
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::WrongClass`], [`Error::Unsupported`] for an RNTuple of a format before 1.0, or
    /// [`Error::Corrupt`] when its description cannot be read.
    pub fn tree(&self, path: &str) -> Result<Tree> {
        let key = self.inner.find(path)?;
        if key.class == ntuple::CLASS {
            let anchor = self.inner.payload(&key)?;
            return Tree::of_ntuple(self.inner.source.clone(), path, &self.inner.object_place(path, &key), &anchor);
        }
        if key.class == ntuple::EARLY_CLASS {
            let place = Box::new(self.inner.object_place(path, &key));
            return Err(Error::Unsupported { place, type_name: "RNTuple of a format before 1.0".into() });
        }
        let infos = self.inner.infos()?;
        if !infos.inherits(&key.class, "TTree") {
            return Err(self.wrong_class(path, &key, "TTree"));
        }
        let object = self.inner.object(path, &key, &infos)?;
        Tree::new(self.inner.source.clone(), path, &object, &infos)
    }

    /// The one-dimensional histogram at `path`.
    ///
    /// # Errors
    /// As [`RootFile::tree`].
    pub fn hist1(&self, path: &str) -> Result<Hist1> {
        self.histogram(path, "TH1", &["TH2", "TH3", "TProfile"], Hist1::of)
    }

    /// The two-dimensional histogram at `path`.
    ///
    /// # Errors
    /// As [`RootFile::tree`].
    pub fn hist2(&self, path: &str) -> Result<Hist2> {
        self.histogram(path, "TH2", &["TProfile2D"], Hist2::of)
    }

    /// The three-dimensional histogram at `path`.
    ///
    /// # Errors
    /// As [`RootFile::tree`].
    pub fn hist3(&self, path: &str) -> Result<Hist3> {
        self.histogram(path, "TH3", &["TProfile3D"], Hist3::of)
    }

    /// The profile at `path`.
    ///
    /// # Errors
    /// As [`RootFile::tree`].
    pub fn profile(&self, path: &str) -> Result<Profile> {
        self.histogram(path, "TProfile", &[], Profile::of)
    }

    /// The text of a `TObjString`, or the title of a `TNamed`, at `path`.
    ///
    /// # Errors
    /// As [`RootFile::tree`].
    pub fn text(&self, path: &str) -> Result<String> {
        let key = self.inner.find(path)?;
        if !matches!(key.class.as_str(), "TObjString" | "TNamed") {
            return Err(self.wrong_class(path, &key, "TObjString"));
        }
        let infos = self.inner.infos()?;
        match self.inner.value(path, &key, &infos)? {
            Value::Text(text) => Ok(text.to_string()),
            Value::Object(object) => Ok(object.text("fTitle").to_string()),
            _ => Err(Fault::bad(0, "a text that cannot be read").at(self.inner.object_place(path, &key))),
        }
    }

    fn histogram<T>(
        &self,
        path: &str,
        wanted: &'static str,
        but: &[&str],
        read: impl FnOnce(&Object) -> std::result::Result<T, Fault>,
    ) -> Result<T> {
        let key = self.inner.find(path)?;
        let infos = self.inner.infos()?;
        if !infos.inherits(&key.class, wanted) || but.iter().any(|class| infos.inherits(&key.class, class)) {
            return Err(self.wrong_class(path, &key, wanted));
        }
        let object = self.inner.object(path, &key, &infos)?;
        read(&object).map_err(|fault| fault.at(self.inner.object_place(path, &key)))
    }

    fn wrong_class(&self, path: &str, key: &Key, wanted: &'static str) -> Error {
        Error::WrongClass { file: self.path().to_path_buf(), name: path.to_owned(), class: key.class.clone(), wanted }
    }
}

/// A poisoned lock only means that another thread panicked; the maps behind these locks are always whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Descriptions of the tree and histogram classes of ROOT 6.40, for files that lost their own: a record as ROOT wrote it.
fn builtin_infos() -> Infos {
    let record = include_bytes!("streamer/classes.bin");
    let read = || {
        let key = Key::read(&mut Cursor::new(record))?;
        let mut data = Vec::new();
        codec::decompress(record.get(key.keylen..).unwrap_or(&[]), key.objlen, &mut data)?;
        Infos::read(&data, key.keylen)
    };
    read().unwrap_or_else(|_: Fault| Infos::default())
}

impl Inner {
    fn root_position(&self) -> u64 {
        self.header.begin.saturating_add(self.header.name_len)
    }

    fn root_keys(&self) -> Result<Arc<Vec<Key>>> {
        match &self.recovered {
            Some(keys) => Ok(keys.clone()),
            None => self.keys(self.root_position()),
        }
    }

    fn place(&self, byte: u64) -> Place {
        Place { byte: Some(byte), ..self.source.place() }
    }

    fn object_place(&self, path: &str, key: &Key) -> Place {
        Place { object: Some(path.to_owned()), ..self.place(key.seek) }
    }

    /// Keys of the directory whose record begins at `at`.
    fn keys(&self, at: u64) -> Result<Arc<Vec<Key>>> {
        if let Some(keys) = lock(&self.directories).get(&at) {
            return Ok(keys.clone());
        }
        let keys = Arc::new(self.read_keys(at)?);
        lock(&self.directories).insert(at, keys.clone());
        Ok(keys)
    }

    fn read_keys(&self, at: u64) -> Result<Vec<Key>> {
        let record = self.source.read_up_to(at, DIRECTORY)?;
        let mut cursor = Cursor::new(&record);
        let head = |cursor: &mut Cursor<'_>| {
            let wide = cursor.i16()? > 1000;
            cursor.skip(8)?;
            let nbytes = cursor.count(0)?;
            cursor.skip(4)?;
            cursor.seek_pointer(wide)?;
            cursor.seek_pointer(wide)?;
            Ok((nbytes, cursor.seek_pointer(wide)?))
        };
        let (nbytes, keys_at) = head(&mut cursor).map_err(|fault: Fault| fault.at(self.place(at)))?;
        if keys_at == 0 {
            // never written: the file was not closed
            return Ok(Vec::new());
        }
        let list = |cursor: &mut Cursor<'_>| {
            Key::read(cursor)?;
            let n = cursor.count(KEY_MIN - 3)?;
            (0..n).map(|_| Key::read(cursor)).collect::<std::result::Result<Vec<_>, Fault>>()
        };
        let mut bytes = self.source.read_up_to(keys_at, nbytes)?;
        if let Ok(keys) = list(&mut Cursor::new(&bytes)) {
            return Ok(keys);
        }
        // the size in the directory may be out of date; the one in the record itself is not
        let nbytes = Cursor::new(&bytes).count(0).unwrap_or(0).max(nbytes);
        bytes = self.source.read_up_to(keys_at, nbytes)?;
        list(&mut Cursor::new(&bytes)).map_err(|fault: Fault| fault.at(self.place(keys_at)))
    }

    /// Position of the record of a sub-directory.
    fn directory_position(key: &Key) -> u64 {
        key.seek.saturating_add(key.keylen as u64)
    }

    fn list(&self, keys: &[Key], above: &str, seen: &mut HashSet<u64>, out: &mut Vec<Entry>) -> Result<()> {
        for key in keys {
            let path = if above.is_empty() { key.name.clone() } else { format!("{above}/{}", key.name) };
            let (class, title) = (key.class.clone(), key.title.clone());
            out.push(Entry { path: path.clone(), class, title, cycle: key.cycle });
            if key.is_directory() {
                let at = Self::directory_position(key);
                if !seen.insert(at) || seen.len() > 100_000 || path.len() > 4096 {
                    return Err(Fault::bad(0, format!("directory \"{path}\" contains itself")).at(self.place(at)));
                }
                self.list(&self.keys(at)?, &path, seen, out)?;
            }
        }
        Ok(())
    }

    /// Key of the object at `path`, of the highest cycle unless one is asked for.
    fn find(&self, path: &str) -> Result<Key> {
        let (bare, cycle) = match path.rsplit_once(';') {
            Some((bare, cycle)) => match cycle.parse::<i16>() {
                Ok(cycle) => (bare, Some(cycle)),
                Err(_) => (path, None),
            },
            None => (path, None),
        };
        let bare = bare.trim_matches('/');
        let keys = self.root_keys()?;
        if let Some(key) = self.find_in(&keys, bare, cycle, 0)? {
            return Ok(key);
        }
        let mut names = Vec::new();
        // the hint is a courtesy: a directory that cannot be listed does not hide that the name was not found
        let _ = self.list(&keys, "", &mut HashSet::new(), &mut names);
        Err(Error::NotFound {
            file: self.source.path().to_path_buf(),
            name: path.to_owned(),
            hint: hint(bare, names.iter().map(|entry| entry.path.as_str())),
        })
    }

    fn find_in(&self, keys: &[Key], name: &str, cycle: Option<i16>, depth: usize) -> Result<Option<Key>> {
        let matching = keys.iter().filter(|key| key.name == name && cycle.is_none_or(|cycle| key.cycle == cycle));
        if let Some(key) = matching.max_by_key(|key| key.cycle) {
            return Ok(Some(key.clone()));
        }
        for (at, _) in name.match_indices('/') {
            let (Some(directory), Some(rest)) = (name.get(..at), name.get(at + 1..)) else { continue };
            let inside = keys.iter().filter(|key| key.is_directory() && key.name == directory && depth < 256);
            for key in inside {
                let keys = self.keys(Self::directory_position(key))?;
                if let Some(found) = self.find_in(&keys, rest, cycle, depth + 1)? {
                    return Ok(Some(found));
                }
            }
        }
        Ok(None)
    }

    /// Decompressed payload of the record of `key`.
    fn payload(&self, key: &Key) -> Result<Vec<u8>> {
        let short = || Fault::bad(0, format!("a key of {} bytes in a record of {}", key.keylen, key.nbytes));
        let packed = key.nbytes.checked_sub(key.keylen).ok_or_else(|| short().at(self.place(key.seek)))?;
        let at = key.seek.saturating_add(key.keylen as u64);
        let raw = self.source.read(at, packed)?;
        if packed == key.objlen {
            return Ok(raw);
        }
        let mut out = Vec::new();
        codec::decompress(&raw, key.objlen, &mut out).map_err(|fault| fault.at(self.place(at)))?;
        Ok(out)
    }

    fn value(&self, path: &str, key: &Key, infos: &Infos) -> Result<Value> {
        let data = self.payload(key)?;
        let mut reader = ObjectReader::new(&data, key.keylen, infos);
        reader.object(&key.class).map_err(|fault| fault.at(self.object_place(path, key)))
    }

    fn object(&self, path: &str, key: &Key, infos: &Infos) -> Result<Arc<Object>> {
        match self.value(path, key, infos)? {
            Value::Object(object) => Ok(object),
            _ => Err(Fault::bad(0, format!("a {} without members", key.class)).at(self.object_place(path, key))),
        }
    }

    /// Descriptions of the classes in the file, read when first needed.
    fn infos(&self) -> Result<Arc<Infos>> {
        if let Some(infos) = &*lock(&self.infos) {
            return Ok(infos.clone());
        }
        let infos = Arc::new(self.read_infos()?);
        *lock(&self.infos) = Some(infos.clone());
        Ok(infos)
    }

    fn read_infos(&self) -> Result<Infos> {
        match self.read_own_infos() {
            // the descriptions are written last: a file that was not closed has none, or points to nowhere
            Err(_) if self.recovered.is_some() => Ok(builtin_infos()),
            Ok(None) => Ok(builtin_infos()),
            Ok(Some(infos)) => Ok(infos),
            Err(error) => Err(error),
        }
    }

    fn read_own_infos(&self) -> Result<Option<Infos>> {
        let at = self.header.info_at;
        if at == 0 {
            return Ok(None);
        }
        let record = self.source.read(at, self.header.info_len)?;
        let mut key = Key::read(&mut Cursor::new(&record)).map_err(|fault| fault.at(self.place(at)))?;
        key.seek = at;
        let data = self.payload(&key)?;
        Infos::read(&data, key.keylen).map(Some).map_err(|fault| fault.at(self.place(at)))
    }

    /// Keys of the objects in a file that lost its directory: walks from record to record as far as they make sense.
    fn walk_records(&self) -> Result<Vec<Key>> {
        let mut keys: Vec<Key> = Vec::new();
        let mut at = self.header.begin;
        while at < self.source.len() {
            let bytes = self.source.read_up_to(at, 1024)?;
            let mut cursor = Cursor::new(&bytes);
            let Ok(nbytes) = cursor.i32() else { break };
            if nbytes < 0 {
                // a gap
                at = at.saturating_add(nbytes.unsigned_abs().into());
                continue;
            }
            let Ok(key) = Key::read(&mut Cursor::new(&bytes)) else { break };
            if key.seek != at || key.nbytes < KEY_MIN - 3 {
                break;
            }
            at = at.saturating_add(key.nbytes as u64);
            let whole = at <= self.source.len();
            if whole
                && !matches!(key.class.as_str(), "TBasket" | "RBlob" | "TFile" | "TDirectory" | "TDirectoryFile" | "")
            {
                keys.push(key);
            }
        }
        keys.retain(|key| key.name != "StreamerInfo");
        Ok(keys)
    }
}
