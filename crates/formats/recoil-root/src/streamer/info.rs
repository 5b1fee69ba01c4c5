//! Descriptions of classes: their versions and members.

use std::{collections::HashMap, sync::Arc};

use super::object::{Object, ObjectReader, Value};
use crate::bytes::Read;

/// Codes of `TStreamerElement::fType` that are not plain numbers.
pub(crate) mod code {
    pub const BASE: i32 = 0;
    pub const COUNTER: i32 = 6;
    pub const CHAR_STAR: i32 = 7;
    pub const DOUBLE32: i32 = 9;
    pub const BITS: i32 = 15;
    pub const FLOAT16: i32 = 19;
    /// Added for an array of fixed length.
    pub const FIXED: i32 = 20;
    /// Added for an array counted by another member.
    pub const COUNTED: i32 = 40;
    pub const OBJECT: i32 = 61;
    pub const ANY: i32 = 62;
    pub const OBJECT_P: i32 = 63;
    pub const OBJECT_POINTER: i32 = 64;
    pub const T_STRING: i32 = 65;
    pub const T_OBJECT: i32 = 66;
    pub const T_NAMED: i32 = 67;
    pub const ANY_P: i32 = 68;
    pub const ANY_POINTER: i32 = 69;
    pub const STL_STRING: i32 = 365;
    pub const STL: i32 = 500;
    pub const LOOP: i32 = 501;
}

/// One member or base of a class.
#[derive(Debug, Clone)]
pub(crate) struct Element {
    pub name: Arc<str>,
    pub title: Arc<str>,
    pub ty: i32,
    /// Items of a fixed array, all dimensions together.
    pub len: usize,
    /// Size of each dimension of a fixed array.
    pub dims: Vec<usize>,
    pub type_name: Arc<str>,
    /// Member that counts the items of a counted array.
    pub counter: Arc<str>,
    /// Version of a base class; 0 when not known.
    pub base_version: i32,
}

impl Element {
    pub fn of(object: &Object) -> Self {
        let dims = object.ints("fMaxIndex");
        let n_dims = usize::try_from(object.int("fArrayDim")).unwrap_or(0);
        Self {
            name: object.text("fName"),
            title: object.text("fTitle"),
            ty: object.int("fType") as i32,
            len: usize::try_from(object.int("fArrayLength")).unwrap_or(0),
            dims: dims.iter().take(n_dims).filter_map(|d| usize::try_from(*d).ok()).collect(),
            type_name: object.text("fTypeName"),
            counter: object.text("fCountName"),
            base_version: object.int("fBaseVersion") as i32,
        }
    }
}

/// One version of one class.
#[derive(Debug, Clone)]
pub(crate) struct Info {
    pub class: Arc<str>,
    pub version: i32,
    pub checksum: u32,
    pub elements: Vec<Element>,
}

/// All descriptions in a file, by class name without blanks.
#[derive(Debug, Default)]
pub(crate) struct Infos(HashMap<String, Vec<Arc<Info>>>);

/// Class names are compared without blanks: `vector<vector<int> >` is `vector<vector<int>>`.
fn bare(class: &str) -> String {
    class.chars().filter(|c| !c.is_whitespace()).collect()
}

impl Infos {
    /// From the payload of the record of descriptions, behind a key of `keylen` bytes.
    pub fn read(payload: &[u8], keylen: usize) -> Read<Self> {
        let none = Self::default();
        ObjectReader::new(payload, keylen, &none).object("TList").map(|list| Self::new(&list))
    }

    /// From the list of `TStreamerInfo` objects.
    fn new(list: &Value) -> Self {
        let mut infos: HashMap<String, Vec<Arc<Info>>> = HashMap::new();
        for object in list.objects().filter(|object| &*object.class == "TStreamerInfo") {
            let class = object.text("fName");
            let info = Info {
                version: object.int("fClassVersion") as i32,
                checksum: object.int("fCheckSum") as u32,
                elements: object.get("fElements").objects().map(|e| Element::of(e)).collect(),
                class: class.clone(),
            };
            infos.entry(bare(&class)).or_default().push(Arc::new(info));
        }
        Self(infos)
    }

    /// The description with this checksum, else this version, else the only or the newest.
    pub fn find(&self, class: &str, version: i32, checksum: Option<u32>) -> Option<&Arc<Info>> {
        let versions = self.0.get(class).or_else(|| self.0.get(&bare(class)))?;
        let by_sum = checksum.and_then(|sum| versions.iter().find(|info| info.checksum == sum));
        by_sum
            .or_else(|| versions.iter().find(|info| info.version == version))
            .or_else(|| versions.iter().max_by_key(|info| info.version))
    }

    /// The newest description.
    pub fn newest(&self, class: &str) -> Option<&Arc<Info>> {
        self.find(class, i32::MAX, None)
    }

    /// Whether `class` is `base` or derives from it.
    pub fn inherits(&self, class: &str, base: &str) -> bool {
        self.inherits_within(class, base, 16)
    }

    fn inherits_within(&self, class: &str, base: &str, depth: usize) -> bool {
        class == base
            || depth > 0
                && self.newest(class).is_some_and(|info| {
                    let mut bases = info.elements.iter().filter(|element| element.ty == code::BASE);
                    bases.any(|element| self.inherits_within(&element.name, base, depth - 1))
                })
    }

    /// Members of `info` and of its bases in order, each with the class that declares it.
    pub fn members<'a>(&'a self, info: &'a Info) -> Vec<(&'a Info, &'a Element)> {
        let mut out = Vec::new();
        self.collect_members(info, &mut out, 16);
        out
    }

    fn collect_members<'a>(&'a self, info: &'a Info, out: &mut Vec<(&'a Info, &'a Element)>, depth: usize) {
        for element in &info.elements {
            let is_base =
                matches!(element.ty, code::BASE | code::T_OBJECT | code::T_NAMED) && &*element.type_name == "BASE";
            match self.find(&element.name, element.base_version, None) {
                Some(base) if is_base && depth > 0 => self.collect_members(base, out, depth - 1),
                _ if is_base => {}
                _ => out.push((info, element)),
            }
        }
    }
}
