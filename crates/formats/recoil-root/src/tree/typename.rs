//! C++ type names, turned into layouts.

use std::sync::Arc;

use super::wire::{Class, Member, StrLength, Wire};
use crate::{
    column::Prim,
    streamer::{
        info::{Element, Info, Infos, code},
        packing::Packed,
    },
};

/// Classes within classes deeper than this are refused (a class may point to itself).
const MAX_DEPTH: usize = 12;

/// Which parts of a value are written with a header of their own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Headers {
    pub outer: bool,
    pub inner: bool,
    /// Whether a string that is the whole value has one.
    pub string: bool,
}

/// Layout of a value of the C++ type `name`; the error is the reason why there is none.
pub(crate) fn wire_of(name: &str, infos: &Infos, headers: Headers) -> Result<Wire, String> {
    Names { infos }.top(name, headers, 0)
}

/// Layout of the objects of a class.
pub(crate) fn class_wire(info: &Info, infos: &Infos) -> Result<Wire, String> {
    Names { infos }.class(info, 0)
}

/// Number type of a C++ name.
pub(crate) fn prim_of(name: &str) -> Option<Prim> {
    let words: Vec<&str> =
        name.split_whitespace().map(|w| w.strip_prefix("std::").unwrap_or(w)).filter(|w| *w != "const").collect();
    Some(match words.as_slice() {
        ["bool" | "Bool_t"] => Prim::Bool,
        ["char" | "Char_t" | "int8_t"] | ["signed", "char"] => Prim::I8,
        ["UChar_t" | "uint8_t" | "Byte_t" | "byte"] | ["unsigned", "char"] => Prim::U8,
        ["short" | "Short_t" | "int16_t" | "Version_t"] | ["short", "int"] | ["signed", "short"] => Prim::I16,
        ["UShort_t" | "uint16_t"] | ["unsigned", "short"] | ["unsigned", "short", "int"] => Prim::U16,
        ["int" | "Int_t" | "int32_t" | "signed"] | ["signed", "int"] => Prim::I32,
        ["UInt_t" | "uint32_t" | "unsigned"] | ["unsigned", "int"] => Prim::U32,
        ["long" | "Long_t" | "Long64_t" | "int64_t" | "ptrdiff_t"]
        | ["long", "long" | "int"]
        | ["long", "long", "int"]
        | ["signed", "long"]
        | ["signed", "long", "long"] => Prim::I64,
        ["ULong_t" | "ULong64_t" | "uint64_t" | "size_t"]
        | ["unsigned", "long"]
        | ["unsigned", "long", "long" | "int"] => Prim::U64,
        ["float" | "Float_t" | "Size_t"] => Prim::F32,
        ["double" | "Double_t" | "Stat_t"] => Prim::F64,
        _ => return None,
    })
}

/// Number type of an element code, when it is a plain number.
pub(crate) fn prim_of_code(ty: i32) -> Option<Prim> {
    Some(match ty {
        18 => Prim::Bool,
        1 => Prim::I8,
        11 => Prim::U8,
        2 => Prim::I16,
        12 => Prim::U16,
        3 => Prim::I32,
        code::COUNTER | 13 | code::BITS => Prim::U32,
        4 | 16 => Prim::I64,
        14 | 17 => Prim::U64,
        5 => Prim::F32,
        8 => Prim::F64,
        _ => return None,
    })
}

/// Number type of ROOT's own arrays, which are written as a count and the numbers whatever their description says.
fn array_class(name: &str) -> Option<Prim> {
    Some(match name {
        "TArrayC" => Prim::I8,
        "TArrayS" => Prim::I16,
        "TArrayI" => Prim::I32,
        "TArrayL" | "TArrayL64" => Prim::I64,
        "TArrayF" => Prim::F32,
        "TArrayD" => Prim::F64,
        _ => return None,
    })
}

/// Whether a type is a pointer to a container of the standard library, which is written as the container itself.
pub(crate) fn is_container_pointer(name: &str) -> bool {
    let bare = name.trim().trim_end_matches('*');
    bare.len() < name.trim().len() && template(bare).is_some_and(|(outer, _)| CONTAINERS.contains(&outer))
}

/// Containers that a member may point to.
const CONTAINERS: [&str; 8] = ["vector", "list", "deque", "set", "multiset", "map", "multimap", "unordered_map"];

/// `vector<map<int, float> >` as `("vector", ["map<int, float>"])`.
fn template(name: &str) -> Option<(&str, Vec<&str>)> {
    let (outer, rest) = name.split_once('<')?;
    let inside = rest.trim_end().strip_suffix('>')?;
    let (mut depth, mut start, mut parts) = (0_i32, 0, Vec::new());
    for (at, c) in inside.char_indices() {
        match c {
            '<' => depth += 1,
            '>' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(inside.get(start..at)?.trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(inside.get(start..)?.trim());
    let outer = outer.trim();
    Some((outer.strip_prefix("std::").unwrap_or(outer), parts))
}

struct Names<'a> {
    infos: &'a Infos,
}

impl Names<'_> {
    fn top(&self, name: &str, headers: Headers, depth: usize) -> Result<Wire, String> {
        let bare = name.trim();
        if matches!(bare, "string" | "std::string") && !headers.string {
            return Ok(Wire::Str { header: false, length: StrLength::OneOrFive });
        }
        self.node(bare, headers.outer, headers.inner, depth)
    }

    fn node(&self, name: &str, header: bool, inner: bool, depth: usize) -> Result<Wire, String> {
        if depth > MAX_DEPTH {
            return Err(format!("{name}: nested too deeply"));
        }
        let name = name.trim();
        let name = name.strip_prefix("const ").unwrap_or(name).trim();
        if let Some(prim) = prim_of(name) {
            return Ok(Wire::Prim(prim));
        }
        match name {
            "string" | "std::string" => return Ok(Wire::Str { header, length: StrLength::OneOrFive }),
            "TString" => return Ok(Wire::Str { header: false, length: StrLength::OneOrFive }),
            "TRef" => return Ok(Wire::Reference),
            "TRefArray" => return Ok(Wire::References),
            "Double32_t" | "Float16_t" => return Ok(Wire::Packed(Packed::of("", name == "Double32_t"))),
            _ => {}
        }
        if let Some(pointee) = name.strip_suffix('*') {
            let pointee = pointee.trim();
            return match prim_of(pointee) {
                Some(Prim::I8) if pointee == "char" || pointee == "Char_t" => {
                    Ok(Wire::Str { header: false, length: StrLength::Four })
                }
                Some(prim) => {
                    let item = Box::new(Wire::Prim(prim));
                    Ok(Wire::Rest { header: false, skip: usize::from(header), item })
                }
                None => Err(format!("pointer {name}")),
            };
        }
        if let Some((outer, arguments)) = template(name)
            && let Some(wire) = self.container(outer, &arguments, header, inner, depth)?
        {
            return Ok(wire);
        }
        let info = self.infos.newest(name).ok_or_else(|| name.to_owned())?;
        self.class(info, depth + 1)
    }

    fn container(
        &self,
        outer: &str,
        arguments: &[&str],
        header: bool,
        inner: bool,
        depth: usize,
    ) -> Result<Option<Wire>, String> {
        let item = |i: usize, header: bool| {
            let name = arguments.get(i).ok_or_else(|| format!("{outer} without its types"))?;
            self.node(name, header, inner, depth + 1).map(Box::new)
        };
        Ok(Some(match outer {
            "vector" | "list" | "deque" | "set" | "multiset" | "unordered_set" | "unordered_multiset"
            | "forward_list" | "RVec" | "VecOps::RVec" | "ROOT::VecOps::RVec" | "ROOT::RVec" => {
                Wire::Sequence { header, item: item(0, inner)? }
            }
            "bitset" => Wire::Sequence { header, item: Box::new(Wire::Prim(Prim::Bool)) },
            "map" | "multimap" | "unordered_map" | "unordered_multimap" => {
                Wire::Map { header, key: item(0, header)?, value: item(1, header)? }
            }
            "array" => {
                let size = arguments.get(1).and_then(|n| n.parse().ok()).filter(|n| *n > 0);
                Wire::Fixed(size.ok_or("array without a size")?, item(0, inner)?)
            }
            _ => return Ok(None),
        }))
    }

    fn class(&self, info: &Info, depth: usize) -> Result<Wire, String> {
        if depth > MAX_DEPTH {
            return Err(format!("{}: nested too deeply", info.class));
        }
        if let Some(prim) = array_class(&info.class) {
            return Ok(Wire::Sequence { header: false, item: Box::new(Wire::Prim(prim)) });
        }
        let mut members: Vec<Member> = Vec::new();
        for element in &info.elements {
            let member = self.member(element, &members, depth).map_err(|e| format!("{}: {e}", info.class))?;
            members.push(member);
        }
        Ok(Wire::Class(Arc::new(Class { name: info.class.clone(), members })))
    }

    fn member(&self, element: &Element, before: &[Member], depth: usize) -> Result<Member, String> {
        let name = element.name.to_string();
        let refuse = || Err(format!("{} {}", element.type_name, element.name));
        let number = |ty: i32| match ty {
            code::DOUBLE32 | code::FLOAT16 => Some(Wire::Packed(Packed::of(&element.title, ty == code::DOUBLE32))),
            _ => prim_of_code(ty).map(Wire::Prim),
        };
        let wire = match element.ty {
            code::T_OBJECT => return Ok(Member::TObject),
            code::BASE if &*element.name == "TObject" => return Ok(Member::TObject),
            code::BASE | code::T_NAMED => {
                let info = self.infos.find(&element.name, element.base_version, None);
                self.class(info.ok_or_else(|| name.clone())?, depth + 1)?
            }
            ty @ 1..=19 => match number(ty) {
                Some(wire) => wire,
                None => return refuse(),
            },
            ty @ 21..=39 => match number(ty - code::FIXED) {
                Some(wire) if !element.dims.contains(&0) => wire.with_dims(&element.dims),
                _ => return refuse(),
            },
            ty @ 41..=59 => {
                let is_counter = |m: &Member| matches!(m, Member::Value(n, Wire::Prim(_)) if **n == *element.counter);
                return match (number(ty - code::COUNTED), before.iter().position(is_counter)) {
                    (Some(item), Some(counter)) => Ok(Member::Counted { name, counter, item }),
                    _ => refuse(),
                };
            }
            code::T_STRING => Wire::Str { header: false, length: StrLength::OneOrFive },
            code::STL | code::STL_STRING => {
                let headers = Headers { outer: true, inner: false, string: true };
                self.top(&element.type_name, headers, depth + 1)?
            }
            code::OBJECT if matches!(&*element.type_name, "TRef" | "TRefArray") => {
                self.node(&element.type_name, false, false, depth + 1)?
            }
            code::OBJECT | code::ANY | code::OBJECT_P | code::ANY_P => {
                let class = element.type_name.trim_end_matches('*');
                let info = self.infos.newest(class).ok_or_else(|| class.to_owned())?;
                self.class(info, depth + 1)?
            }
            _ => return refuse(),
        };
        Ok(Member::Value(name, wire))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::column::Type;

    fn ty(name: &str) -> String {
        let headers = Headers { outer: true, inner: false, string: false };
        wire_of(name, &Infos::default(), headers).map_or_else(Type::Unsupported, |wire| wire.ty()).to_string()
    }

    #[test]
    fn names_of_types() {
        assert_eq!(ty("vector<vector<unsigned int> >"), "list<list<u32>>");
        assert_eq!(ty("std::vector<std::string>"), "list<string>");
        assert_eq!(ty("map<int,vector<double> >"), "list<struct{key: i32, value: list<f64>}>");
        assert_eq!(ty("ROOT::VecOps::RVec<ULong64_t>"), "list<u64>");
        assert_eq!(ty("set<short,less<short>,allocator<short> >"), "list<i16>");
        assert_eq!(ty("Float_t*"), "list<f32>");
        assert_eq!(ty("Unheard"), "unsupported(Unheard)");
        assert!(is_container_pointer("vector<double>*") && !is_container_pointer("vector<double*>"));
    }
}
