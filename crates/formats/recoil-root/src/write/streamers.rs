//! The list of streamer infos: how a file describes the classes of the objects in it.

use std::collections::BTreeSet;

use super::buffer::{Buffer, NO_BITS};
use super::classes::{CLASSES, OPAQUE};

/// A class as its dictionary knows it.
pub(super) struct Class {
    pub name: &'static str,
    pub version: i32,
    pub checksum: u32,
    pub members: &'static [Member],
}

/// A base class or data member.
pub(super) struct Member {
    name: &'static str,
    type_name: &'static str,
    title: &'static str,
    code: i32,
    size: i32,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    Base,
    Basic,
    Counted(&'static str),
    Object,
    ObjectAny,
    ObjectPointer,
    Text,
}

/// ROOT's code and size of a fundamental type.
#[derive(Clone, Copy)]
pub(super) struct Basic(i32, i32);

pub(super) const CHAR: Basic = Basic(1, 1);
pub(super) const SHORT: Basic = Basic(2, 2);
pub(super) const INT: Basic = Basic(3, 4);
pub(super) const FLOAT: Basic = Basic(5, 4);
/// An `int` that tells the length of an array member.
pub(super) const COUNTER: Basic = Basic(6, 4);
pub(super) const DOUBLE: Basic = Basic(8, 8);
pub(super) const UCHAR: Basic = Basic(11, 1);
pub(super) const USHORT: Basic = Basic(12, 2);
pub(super) const UINT: Basic = Basic(13, 4);
/// The status word of `TObject`.
pub(super) const BITS: Basic = Basic(15, 4);
pub(super) const LONG64: Basic = Basic(16, 8);
pub(super) const BOOL: Basic = Basic(18, 1);

/// Added to the code of a fundamental type for an array of counted length.
const POINTER: i32 = 40;

const fn member(
    name: &'static str,
    type_name: &'static str,
    title: &'static str,
    code: i32,
    size: i32,
    kind: Kind,
) -> Member {
    Member { name, type_name, title, code, size, kind }
}

/// A base class. `TObject` and `TNamed` have codes of their own.
pub(super) const fn base(name: &'static str, title: &'static str) -> Member {
    let code = match name.as_bytes() {
        b"TObject" => 66,
        b"TNamed" => 67,
        _ => 0,
    };
    member(name, "BASE", title, code, 0, Kind::Base)
}

pub(super) const fn basic(name: &'static str, ty: Basic, type_name: &'static str, title: &'static str) -> Member {
    member(name, type_name, title, ty.0, ty.1, Kind::Basic)
}

/// An array whose length is the member `counter` of the same class.
pub(super) const fn counted(
    name: &'static str,
    ty: Basic,
    type_name: &'static str,
    counter: &'static str,
    title: &'static str,
) -> Member {
    member(name, type_name, title, ty.0 + POINTER, ty.1, Kind::Counted(counter))
}

/// A member object of a class that derives from `TObject`.
pub(super) const fn object(name: &'static str, type_name: &'static str, size: i32, title: &'static str) -> Member {
    member(name, type_name, title, 61, size, Kind::Object)
}

/// A member object of any other class.
pub(super) const fn any(name: &'static str, type_name: &'static str, size: i32, title: &'static str) -> Member {
    member(name, type_name, title, 62, size, Kind::ObjectAny)
}

/// A pointer that is never null, so that the object stands in place without a tag.
pub(super) const fn owned_pointer(name: &'static str, type_name: &'static str, title: &'static str) -> Member {
    member(name, type_name, title, 63, 8, Kind::ObjectPointer)
}

/// A pointer that may be null or shared.
pub(super) const fn pointer(name: &'static str, type_name: &'static str, title: &'static str) -> Member {
    member(name, type_name, title, 64, 8, Kind::ObjectPointer)
}

pub(super) const fn text(name: &'static str, title: &'static str) -> Member {
    member(name, "TString", title, 65, 24, Kind::Text)
}

/// The `TList` of streamer infos of `used` and of every class that they are made of.
pub(super) fn streamer_list(used: &BTreeSet<&'static str>, key_length: usize) -> Buffer {
    let classes = closure(used);
    let mut out = Buffer::new(key_length);
    out.versioned(5, |out| {
        out.tobject(NO_BITS);
        out.string("");
        out.count(classes.len());
        for class in &classes {
            out.object("TStreamerInfo", |out| class.write(out));
            // the option string that a list keeps with each of its objects
            out.string("");
        }
    });
    out
}

/// `used` and their bases and members, in the order of the table.
fn closure(used: &BTreeSet<&'static str>) -> Vec<&'static Class> {
    let mut wanted = used.clone();
    loop {
        let found: Vec<&'static str> = CLASSES
            .iter()
            .filter(|class| wanted.contains(class.name))
            .flat_map(|class| class.members)
            .filter_map(Member::class)
            .filter(|name| !wanted.contains(name))
            .collect();
        if found.is_empty() {
            return CLASSES.iter().filter(|class| wanted.contains(class.name)).collect();
        }
        wanted.extend(found);
    }
}

fn class(name: &str) -> Option<&'static Class> {
    CLASSES.iter().chain(OPAQUE).find(|class| class.name == name)
}

impl Class {
    /// `TStreamerInfo` version 9.
    fn write(&self, out: &mut Buffer) {
        /// Status bit of streamer infos whose members were not merged.
        const NOT_OPTIMIZED: u32 = 1 << 16;
        out.versioned(9, |out| {
            out.tnamed(NOT_OPTIMIZED, self.name, "");
            out.u32(self.checksum);
            out.i32(self.version);
            out.object("TObjArray", |out| {
                out.tobjarray(self.members.len(), |out| {
                    for member in self.members {
                        member.write(self, out);
                    }
                });
            });
        });
    }
}

impl Member {
    /// The class of a base or of an object in place.
    fn class(&self) -> Option<&'static str> {
        match self.kind {
            Kind::Base => Some(self.name),
            Kind::Object | Kind::ObjectAny => Some(self.type_name),
            Kind::Basic | Kind::Counted(_) | Kind::ObjectPointer | Kind::Text => None,
        }
    }

    fn write(&self, owner: &Class, out: &mut Buffer) {
        match self.kind {
            Kind::Base => out.object("TStreamerBase", |out| {
                out.versioned(3, |out| {
                    self.element(out);
                    out.i32(class(self.name).map_or(0, |base| base.version));
                });
            }),
            Kind::Basic => out.object("TStreamerBasicType", |out| out.versioned(2, |out| self.element(out))),
            Kind::Counted(counter) => out.object("TStreamerBasicPointer", |out| {
                out.versioned(2, |out| {
                    self.element(out);
                    out.i32(owner.version);
                    out.string(counter);
                    out.string(owner.name);
                });
            }),
            Kind::Object => out.object("TStreamerObject", |out| out.versioned(2, |out| self.element(out))),
            Kind::ObjectAny => out.object("TStreamerObjectAny", |out| out.versioned(2, |out| self.element(out))),
            Kind::ObjectPointer => {
                out.object("TStreamerObjectPointer", |out| out.versioned(2, |out| self.element(out)))
            }
            Kind::Text => out.object("TStreamerString", |out| out.versioned(2, |out| self.element(out))),
        };
    }

    /// `TStreamerElement` version 4, the common part.
    fn element(&self, out: &mut Buffer) {
        out.versioned(4, |out| {
            out.tnamed(NO_BITS, self.name, self.title);
            out.i32(self.code);
            out.i32(self.size);
            // no fixed dimensions; for a base, the second of the five words is its checksum
            out.i32(0);
            out.i32(0);
            let checksum = match self.kind {
                Kind::Base => class(self.name).map_or(0, |base| base.checksum),
                _ => 0,
            };
            for word in [0, checksum, 0, 0, 0] {
                out.u32(word);
            }
            out.string(self.type_name);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_base_is_described() {
        for class_of_table in CLASSES {
            for member in class_of_table.members {
                if matches!(member.kind, Kind::Base) {
                    assert!(class(member.name).is_some(), "{} has no entry", member.name);
                }
            }
        }
    }

    #[test]
    fn closure_reaches_bases_of_members() {
        let names: Vec<_> = closure(&BTreeSet::from(["TProfile"])).iter().map(|class| class.name).collect();
        for name in ["TH1D", "TH1", "TAxis", "TAttAxis", "TNamed", "TObject"] {
            assert!(names.contains(&name), "{name} is missing from {names:?}");
        }
        assert!(!names.contains(&"TTree"));
    }
}
