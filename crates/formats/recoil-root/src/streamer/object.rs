//! Objects of a file, decoded by its own description of their classes.

use std::{collections::HashMap, sync::Arc};

use super::{
    info::{Element, Infos, code},
    packing::Packed,
};
use crate::{
    bytes::{Cursor, Read},
    error::Fault,
    tree::basket::Embedded,
};

/// Objects within objects deeper than this are not read: no real file comes near.
const MAX_DEPTH: usize = 120;
/// What ROOT adds to the position of an object when another refers to it.
const REFERENCE_SHIFT: usize = 2;
const NEW_CLASS: u32 = u32::MAX;
const CLASS_BIT: u32 = 0x8000_0000;

/// A member of an object.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    /// A null pointer, or something that could not be read and was skipped.
    Null,
    Int(i64),
    Float(f64),
    Text(Arc<str>),
    Ints(Arc<Vec<i64>>),
    Floats(Arc<Vec<f64>>),
    /// The objects of a collection; null pointers are left out.
    List(Arc<Vec<Value>>),
    Object(Arc<Object>),
    Basket(Arc<Embedded>),
}

impl Value {
    /// Objects of a list; nothing for other values.
    pub fn objects(&self) -> impl Iterator<Item = &Arc<Object>> {
        self.list().iter().filter_map(|value| if let Self::Object(object) = value { Some(object) } else { None })
    }

    pub fn list(&self) -> &[Value] {
        if let Self::List(list) = self { list } else { &[] }
    }
}

/// An object with the members of its bases and its own, in the order of the file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Object {
    pub class: Arc<str>,
    members: Vec<(Arc<str>, Value)>,
}

impl Object {
    pub fn get(&self, name: &str) -> &Value {
        self.members.iter().find(|(key, _)| &**key == name).map_or(&Value::Null, |(_, value)| value)
    }

    pub fn has(&self, name: &str) -> bool {
        self.members.iter().any(|(key, _)| &**key == name)
    }

    pub fn int(&self, name: &str) -> i64 {
        match self.get(name) {
            Value::Int(i) => *i,
            Value::Float(x) => *x as i64,
            _ => 0,
        }
    }

    pub fn float(&self, name: &str) -> f64 {
        match self.get(name) {
            Value::Int(i) => *i as f64,
            Value::Float(x) => *x,
            _ => 0.0,
        }
    }

    pub fn text(&self, name: &str) -> Arc<str> {
        if let Value::Text(text) = self.get(name) { text.clone() } else { Arc::default() }
    }

    pub fn ints(&self, name: &str) -> Arc<Vec<i64>> {
        if let Value::Ints(ints) = self.get(name) { ints.clone() } else { Arc::default() }
    }

    pub fn floats(&self, name: &str) -> Vec<f64> {
        match self.get(name) {
            Value::Floats(floats) => floats.to_vec(),
            Value::Ints(ints) => ints.iter().map(|i| *i as f64).collect(),
            _ => Vec::new(),
        }
    }

    pub fn object(&self, name: &str) -> Option<&Arc<Object>> {
        if let Value::Object(object) = self.get(name) { Some(object) } else { None }
    }

    fn put(&mut self, name: &str, value: Value) {
        self.members.push((name.into(), value));
    }
}

enum Reference {
    Class(Arc<str>),
    Object(Value),
}

/// Reads the objects of one record.
pub(crate) struct ObjectReader<'a> {
    cursor: Cursor<'a>,
    /// Bytes of the key before the record: positions that objects refer to count from there.
    displacement: usize,
    references: HashMap<usize, Reference>,
    infos: &'a Infos,
    depth: usize,
}

impl<'a> ObjectReader<'a> {
    pub fn new(data: &'a [u8], displacement: usize, infos: &'a Infos) -> Self {
        Self { cursor: Cursor::new(data), displacement, references: HashMap::new(), infos, depth: 0 }
    }

    /// An object of the class `class` that begins here.
    pub fn object(&mut self, class: &str) -> Read<Value> {
        if self.depth >= MAX_DEPTH {
            return Err(Fault::bad(self.cursor.pos(), "objects nested too deeply"));
        }
        self.depth += 1;
        let result = self.object_at_depth(class);
        self.depth -= 1;
        result
    }

    fn object_at_depth(&mut self, class: &str) -> Read<Value> {
        match class {
            "TList" | "THashList" | "TObjArray" | "TObjString" => self.collection(class),
            "TBasket" => Embedded::read(&mut self.cursor).map(|basket| Value::Basket(Arc::new(basket))),
            "TString" => self.text(),
            _ if class.starts_with("TArray") && class.len() == 7 => self.array(class),
            _ => {
                let mut object = Object { class: class.into(), members: Vec::new() };
                self.members(class, &mut object)?;
                Ok(Value::Object(Arc::new(object)))
            }
        }
    }

    /// Runs `read` inside the byte count of the object at hand and leaves the cursor behind the object.
    ///
    /// Within a byte count a failure is not fatal: what was read stays, the rest of the object is skipped.
    fn counted<T>(&mut self, end: Option<usize>, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<Option<T>> {
        let Some(end) = end else { return read(self).map(Some) };
        let outer = self.cursor.narrow(end)?;
        let result = read(self);
        self.cursor.widen(outer);
        self.cursor.seek(end)?;
        Ok(result.ok())
    }

    fn text(&mut self) -> Read<Value> {
        self.cursor.string().map(|text| Value::Text(text.into()))
    }

    /// What a pointer points to.
    fn pointer(&mut self) -> Read<Value> {
        let begin = self.cursor.pos() + self.displacement;
        let (end, tag) = self.cursor.tagged()?;
        if tag & CLASS_BIT == 0 {
            let value = match self.references.get(&(tag as usize)) {
                Some(Reference::Object(value)) if tag != 0 => value.clone(),
                _ => Value::Null,
            };
            if let Some(end) = end {
                self.cursor.seek(end)?;
            }
            return Ok(value);
        }
        let class: Arc<str> = if tag == NEW_CLASS {
            let class: Arc<str> = self.cursor.c_string()?.into();
            let key = if end.is_some() { begin + 4 + REFERENCE_SHIFT } else { self.references.len() + 1 };
            self.references.insert(key, Reference::Class(class.clone()));
            class
        } else {
            match self.references.get(&((tag & !CLASS_BIT) as usize)) {
                Some(Reference::Class(class)) => class.clone(),
                _ => match end {
                    Some(end) => return self.cursor.seek(end).map(|()| Value::Null),
                    None => return Err(Fault::bad(self.cursor.pos(), "a reference to no class")),
                },
            }
        };
        let value = self.counted(end, |reader| reader.object(&class))?.unwrap_or(Value::Null);
        let key = if end.is_some() { begin + REFERENCE_SHIFT } else { self.references.len() + 1 };
        self.references.insert(key, Reference::Object(value.clone()));
        Ok(value)
    }

    fn collection(&mut self, class: &str) -> Read<Value> {
        let header = self.cursor.header()?;
        let body = self.counted(header.end, |reader| {
            if !(class == "TObjArray" && header.version <= 2) {
                reader.t_object(&mut Object::default())?;
            }
            if class == "TObjString" {
                return reader.text();
            }
            if class != "TObjArray" || header.version > 1 {
                reader.cursor.string_bytes()?;
            }
            let n = reader.cursor.count(1)?;
            if class == "TObjArray" {
                let _lower_bound = reader.cursor.i32()?;
            }
            let mut list = Vec::new();
            for _ in 0..n {
                match reader.pointer()? {
                    Value::Null => {}
                    value => list.push(value),
                }
                if class != "TObjArray" {
                    // the drawing option of a list's link
                    reader.cursor.string_bytes()?;
                }
            }
            Ok(Value::List(Arc::new(list)))
        })?;
        body.ok_or_else(|| Fault::bad(self.cursor.pos(), format!("a {class} that cannot be read")))
    }

    fn array(&mut self, class: &str) -> Read<Value> {
        let ty = match class {
            "TArrayC" => 1,
            "TArrayS" => 2,
            "TArrayI" => 3,
            "TArrayL" | "TArrayL64" => 4,
            "TArrayF" => 5,
            "TArrayD" => 8,
            _ => return Err(Fault::bad(self.cursor.pos(), format!("unknown array {class}"))),
        };
        let at = self.cursor.pos();
        let n = self.cursor.i32()?;
        self.numbers(ty, i64::from(n), at, "")
    }

    fn t_object(&mut self, object: &mut Object) -> Read<()> {
        let header = self.cursor.header()?;
        self.counted(header.end, |reader| {
            reader.cursor.u32()?;
            let bits = reader.cursor.u32()?;
            if bits & 0x10 != 0 {
                reader.cursor.skip(2)?;
            }
            object.put("fBits", Value::Int(bits.into()));
            Ok(())
        })?;
        Ok(())
    }

    /// Reads the members of `class`, header first, into `object`.
    fn members(&mut self, class: &str, object: &mut Object) -> Read<()> {
        match class {
            "TObject" => return self.t_object(object),
            "TString" => return self.text().map(|_| ()),
            _ if class.starts_with("TArray") && (7..=9).contains(&class.len()) => {
                let array = self.array(class)?;
                object.put("fArray", array);
                return Ok(());
            }
            _ => {}
        }
        let header = self.cursor.header()?;
        self.counted(header.end, |reader| match class {
            "TNamed" => {
                reader.t_object(object)?;
                for name in ["fName", "fTitle"] {
                    let text = reader.text()?;
                    object.put(name, text);
                }
                Ok(())
            }
            "TStreamerInfo" => {
                reader.members("TNamed", object)?;
                let sum = reader.cursor.u32()?;
                object.put("fCheckSum", Value::Int(sum.into()));
                reader.ints(&["fClassVersion"], object)?;
                let elements = reader.pointer()?;
                object.put("fElements", elements);
                Ok(())
            }
            "TStreamerElement" => {
                reader.members("TNamed", object)?;
                reader.ints(&["fType", "fSize", "fArrayLength", "fArrayDim"], object)?;
                let at = reader.cursor.pos();
                let n = if header.version == 1 { reader.cursor.i32()? } else { 5 };
                let dims = reader.numbers(3, n.into(), at, "")?;
                object.put("fMaxIndex", dims);
                let type_name = reader.text()?;
                object.put("fTypeName", type_name);
                Ok(())
            }
            "TStreamerBase" => {
                reader.members("TStreamerElement", object)?;
                if header.version > 2 { reader.ints(&["fBaseVersion"], object) } else { Ok(()) }
            }
            "TStreamerBasicPointer" | "TStreamerLoop" => {
                reader.members("TStreamerElement", object)?;
                reader.ints(&["fCountVersion"], object)?;
                let counter = reader.text()?;
                object.put("fCountName", counter);
                Ok(())
            }
            "TStreamerSTLstring" => reader.members("TStreamerSTL", object),
            _ if class.starts_with("TStreamer") => reader.members("TStreamerElement", object),
            _ => {
                let checksum =
                    if header.version <= 0 && header.end.is_some() { Some(reader.cursor.u32()?) } else { None };
                let info = reader.infos.find(class, header.version.into(), checksum).cloned();
                let info = info.ok_or_else(|| {
                    Fault::bad(reader.cursor.pos(), format!("the file does not describe the class {class}"))
                })?;
                info.elements.iter().try_for_each(|element| reader.element(element, object))
            }
        })?;
        Ok(())
    }

    fn ints(&mut self, names: &[&str], object: &mut Object) -> Read<()> {
        for name in names {
            let value = self.cursor.i32()?;
            object.put(name, Value::Int(value.into()));
        }
        Ok(())
    }

    fn element(&mut self, element: &Element, object: &mut Object) -> Read<()> {
        let value = match element.ty {
            code::BASE => match self.object_is_collection(&element.name) {
                true => self.object(&element.name)?,
                false => return self.members(&element.name, object),
            },
            code::CHAR_STAR => {
                let n = self.cursor.count(1)?;
                self.cursor.skip(n)?;
                Value::Null
            }
            ty @ 1..=19 => self.number(ty, &element.title)?,
            ty @ 21..=39 => {
                let n = i64::try_from(element.len).unwrap_or(i64::MAX);
                self.numbers(ty - code::FIXED, n, self.cursor.pos(), &element.title)?
            }
            ty @ 41..=59 => {
                let present = self.cursor.u8()? != 0;
                let n = if present { object.int(&element.counter) } else { 0 };
                self.numbers(ty - code::COUNTED, n, self.cursor.pos(), &element.title)?
            }
            code::OBJECT | code::ANY | code::OBJECT_P | code::ANY_P => {
                self.object(element.type_name.trim_end_matches('*'))?
            }
            code::OBJECT_POINTER | code::ANY_POINTER => self.pointer()?,
            code::T_STRING => self.text()?,
            code::T_OBJECT => return self.t_object(object),
            code::T_NAMED => return self.members("TNamed", object),
            code::STL | code::STL_STRING | code::LOOP => {
                let at = self.cursor.pos();
                let end = self.cursor.header()?.end;
                self.cursor.seek(end.ok_or_else(|| Fault::bad(at, "a container without a byte count"))?)?;
                Value::Null
            }
            ty => return Err(Fault::bad(self.cursor.pos(), format!("member {} of unknown kind {ty}", element.name))),
        };
        object.members.push((element.name.clone(), value));
        Ok(())
    }

    fn object_is_collection(&self, class: &str) -> bool {
        matches!(class, "TList" | "THashList" | "TObjArray")
    }

    fn number(&mut self, ty: i32, title: &str) -> Read<Value> {
        let cursor = &mut self.cursor;
        Ok(match ty {
            1 => Value::Int((cursor.u8()? as i8).into()),
            11 | 18 => Value::Int(cursor.u8()?.into()),
            2 => Value::Int(cursor.i16()?.into()),
            12 => Value::Int((cursor.i16()? as u16).into()),
            3 | code::COUNTER => Value::Int(cursor.i32()?.into()),
            13 => Value::Int(cursor.u32()?.into()),
            code::BITS => {
                let bits = cursor.u32()?;
                if bits & 0x10 != 0 {
                    cursor.skip(2)?;
                }
                Value::Int(bits.into())
            }
            4 | 14 | 16 | 17 => Value::Int(cursor.i64()?),
            5 => Value::Float(cursor.f32()?.into()),
            8 => Value::Float(cursor.f64()?),
            code::DOUBLE32 | code::FLOAT16 => {
                let packed = Packed::of(title, ty == code::DOUBLE32);
                Value::Float(packed.packing.value(cursor.take(packed.size())?))
            }
            _ => return Err(Fault::bad(cursor.pos(), format!("number of unknown kind {ty}"))),
        })
    }

    /// `n` numbers of the kind `ty`, as integers or floats.
    fn numbers(&mut self, ty: i32, n: i64, at: usize, title: &str) -> Read<Value> {
        let least = match ty {
            1 | 11 | 18 => 1,
            2 | 12 => 2,
            4 | 8 | 14 | 16 | 17 => 8,
            code::DOUBLE32 | code::FLOAT16 => 3,
            _ => 4,
        };
        let n = self.cursor.checked_count(n, least, at)?;
        if matches!(ty, 5 | 8 | code::DOUBLE32 | code::FLOAT16) {
            let mut floats = Vec::with_capacity(n);
            for _ in 0..n {
                if let Value::Float(x) = self.number(ty, title)? {
                    floats.push(x);
                }
            }
            return Ok(Value::Floats(Arc::new(floats)));
        }
        let mut ints = Vec::with_capacity(n);
        for _ in 0..n {
            if let Value::Int(i) = self.number(ty, title)? {
                ints.push(i);
            }
        }
        Ok(Value::Ints(Arc::new(ints)))
    }
}
