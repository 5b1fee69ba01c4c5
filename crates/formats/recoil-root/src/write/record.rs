//! The record of a tree: `TTree` version 20 with its `TBranch`es (version 13) and leaves.

use super::Compression;
use super::branch::{Branch, Layout};
use super::buffer::{Buffer, NO_BITS, Reference};
use crate::Prim;

/// Status bit that ROOT sets in every branch (no buffer map), and the further one of an object branch.
const BRANCH_BITS: u32 = 1 << 22;
const OBJECT_BRANCH_BITS: u32 = BRANCH_BITS | 1 << 20;
/// Size of a branch's buffer unless a basket is larger.
const BUFFER_BYTES: usize = 32_000;
/// ROOT makes room for as many baskets at first.
const FEWEST_BASKETS: usize = 10;

/// What a tree's record is made from.
pub(super) struct Tree<'a> {
    pub name: &'a str,
    pub title: &'a str,
    pub rows: u64,
    pub branches: &'a [Branch],
    /// Rows of each cluster.
    pub clusters: &'a [u64],
    pub compression: Compression,
}

/// The classes that a file with `branch` has to describe.
pub(super) fn classes(branch: &Branch) -> [&'static str; 3] {
    match &branch.layout {
        Layout::Flat { prim, .. } | Layout::Jagged { prim, .. } => ["TTree", "TBranch", leaf_class(*prim)],
        Layout::Text | Layout::Nested { .. } => ["TTree", "TBranchElement", "TLeafElement"],
    }
}

fn leaf_class(prim: Prim) -> &'static str {
    match prim {
        Prim::Bool => "TLeafO",
        Prim::I8 | Prim::U8 => "TLeafB",
        Prim::I16 | Prim::U16 => "TLeafS",
        Prim::I32 | Prim::U32 => "TLeafI",
        Prim::I64 | Prim::U64 => "TLeafL",
        Prim::F32 => "TLeafF",
        Prim::F64 => "TLeafD",
    }
}

/// The letter that stands for the type in a branch's title.
fn leaf_letter(prim: Prim) -> char {
    match prim {
        Prim::Bool => 'O',
        Prim::I8 => 'B',
        Prim::U8 => 'b',
        Prim::I16 => 'S',
        Prim::U16 => 's',
        Prim::I32 => 'I',
        Prim::U32 => 'i',
        Prim::I64 => 'L',
        Prim::U64 => 'l',
        Prim::F32 => 'F',
        Prim::F64 => 'D',
    }
}

fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Line and fill attributes that ROOT gives to new objects.
pub(super) fn line_attributes(out: &mut Buffer) {
    out.versioned(2, |out| [602, 1, 1].into_iter().for_each(|value| out.i16(value)));
}

/// As [`line_attributes`].
pub(super) fn fill_attributes(out: &mut Buffer) {
    out.versioned(2, |out| [0, 1001].into_iter().for_each(|value| out.i16(value)));
}

/// As [`line_attributes`].
pub(super) fn marker_attributes(out: &mut Buffer) {
    out.versioned(2, |out| {
        out.i16(1);
        out.i16(1);
        out.f32(1.0);
    });
}

/// `ROOT::TIOFeatures`, which has no version but a checksum; no feature is on.
fn io_features(out: &mut Buffer) {
    out.versioned(0, |out| {
        out.u32(0x1aa1_2f10);
        out.u8(0);
    });
}

impl Tree<'_> {
    /// The record that stands behind a key of `key_length` bytes.
    pub fn record(&self, key_length: usize) -> Buffer {
        let mut out = Buffer::new(key_length);
        out.versioned(20, |out| {
            out.tnamed(NO_BITS, self.name, self.title);
            line_attributes(out);
            fill_attributes(out);
            marker_attributes(out);
            self.sizes(out);
            io_features(out);
            let mut leaves: Vec<Reference> = Vec::with_capacity(self.branches.len());
            out.tobjarray(self.branches.len(), |out| {
                for branch in self.branches {
                    let leaf = self.branch(branch, &leaves, out);
                    leaves.extend(leaf);
                }
            });
            out.tobjarray(leaves.len(), |out| leaves.iter().for_each(|leaf| out.pointer(Some(*leaf))));
            out.pointer(None);
            out.count(0);
            out.count(0);
            for _nothing in ["tree index", "friends", "user info", "references"] {
                out.pointer(None);
            }
        });
        out
    }

    /// The numbers of the tree as a whole, and its clusters.
    fn sizes(&self, out: &mut Buffer) {
        let stored: u64 = self.branches.iter().map(|branch| branch.stored_bytes).sum();
        out.i64(int(self.rows));
        out.i64(int(self.branches.iter().map(|branch| branch.raw_bytes).sum()));
        out.i64(int(stored));
        out.i64(0);
        out.i64(int(stored));
        out.f64(1.0);
        // timer, rows per scan page, update frequency, initial length of offset arrays
        for value in [0, 25, 0, 1000] {
            out.i32(value);
        }
        let (ranges, last) = cluster_ranges(self.clusters);
        out.count(ranges.len());
        out.i64(1_000_000_000_000);
        out.i64(1_000_000_000_000);
        out.i64(0);
        out.i64(-300_000_000);
        out.i64(int(last));
        out.i64(1_000_000);
        out.u8(1);
        ranges.iter().for_each(|(end, _)| out.i64(int(*end)));
        out.u8(1);
        ranges.iter().for_each(|(_, rows)| out.i64(int(*rows)));
    }

    /// A branch behind a pointer; gives the place of its leaf. `leaves` are those of the branches before.
    fn branch(&self, branch: &Branch, leaves: &[Reference], out: &mut Buffer) -> Option<Reference> {
        let mut leaf = None;
        match object_class(&branch.layout) {
            Some(class) => out.object("TBranchElement", |out| {
                out.versioned(10, |out| {
                    leaf = self.plain_branch(branch, leaves, out);
                    class.write(out);
                });
            }),
            None => out.object("TBranch", |out| leaf = self.plain_branch(branch, leaves, out)),
        };
        leaf
    }

    fn plain_branch(&self, branch: &Branch, leaves: &[Reference], out: &mut Buffer) -> Option<Reference> {
        let mut leaf = None;
        let places = (branch.baskets.len() + 1).max(FEWEST_BASKETS);
        let bits = if object_class(&branch.layout).is_some() { OBJECT_BRANCH_BITS } else { BRANCH_BITS };
        out.versioned(13, |out| {
            out.tnamed(bits, &branch.name, &branch_title(branch));
            fill_attributes(out);
            out.i32(self.compression.setting());
            out.count(branch.largest_basket.max(BUFFER_BYTES));
            out.i32(if matches!(branch.layout, Layout::Flat { .. }) { 0 } else { 1000 });
            out.count(branch.baskets.len());
            out.i64(int(self.rows));
            io_features(out);
            out.i32(0);
            out.count(places);
            out.i32(if matches!(branch.layout, Layout::Nested { .. }) { 99 } else { 0 });
            out.i64(int(self.rows));
            out.i64(0);
            out.i64(int(branch.raw_bytes));
            out.i64(int(branch.stored_bytes));
            out.tobjarray(0, |_| ());
            out.tobjarray(1, |out| leaf = Some(write_leaf(branch, leaves, out)));
            out.tobjarray(0, |_| ());
            let spare = places - branch.baskets.len();
            out.u8(1);
            branch.baskets.iter().for_each(|basket| out.u32(basket.bytes));
            (0..spare).for_each(|_| out.u32(0));
            out.u8(1);
            branch.baskets.iter().for_each(|basket| out.i64(int(basket.first_entry)));
            out.i64(int(self.rows));
            (1..spare).for_each(|_| out.i64(0));
            out.u8(1);
            branch.baskets.iter().for_each(|basket| out.i64(int(basket.seek)));
            (0..spare).for_each(|_| out.i64(0));
            out.string("");
        });
        leaf
    }
}

/// The C++ class of the objects in a branch.
struct ObjectClass<'a> {
    name: &'a str,
    checksum: u32,
    version: i16,
    /// ROOT's code for what the branch is to its mother: an object, or nothing that ROOT knows.
    kind: i32,
}

fn object_class(layout: &Layout) -> Option<ObjectClass<'_>> {
    match layout {
        Layout::Flat { .. } | Layout::Jagged { .. } => None,
        Layout::Text => Some(ObjectClass { name: "string", checksum: 0x6e6f_1604, version: 2, kind: -1 }),
        Layout::Nested { class } => {
            // a class without members has the checksum of its name, each letter added to three times the sum before
            let add = |sum: u32, letter: u8| sum.wrapping_mul(3).wrapping_add(u32::from(letter));
            Some(ObjectClass { name: class, checksum: class.bytes().fold(0, add), version: 6, kind: 0 })
        }
    }
}

impl ObjectClass<'_> {
    /// What `TBranchElement` adds to `TBranch`.
    fn write(&self, out: &mut Buffer) {
        out.string(self.name);
        out.string("");
        out.string("");
        out.u32(self.checksum);
        out.i16(self.version);
        out.i32(-1);
        out.i32(self.kind);
        out.i32(-1);
        out.i32(0);
        out.pointer(None);
        out.pointer(None);
    }
}

fn branch_title(branch: &Branch) -> String {
    match &branch.layout {
        Layout::Flat { prim, .. } | Layout::Jagged { prim, .. } => {
            format!("{}/{}", leaf_title(branch), leaf_letter(*prim))
        }
        Layout::Text | Layout::Nested { .. } => branch.name.clone(),
    }
}

/// The name and the dimensions, of which a counted one comes first.
fn leaf_title(branch: &Branch) -> String {
    let fixed = |dims: &[usize]| dims.iter().map(|size| format!("[{size}]")).collect::<String>();
    match &branch.layout {
        Layout::Flat { dims, .. } => format!("{}{}", branch.name, fixed(dims)),
        Layout::Jagged { dims, counter_name, .. } => format!("{}[{counter_name}]{}", branch.name, fixed(dims)),
        Layout::Text | Layout::Nested { .. } => branch.name.clone(),
    }
}

/// A leaf behind a pointer.
fn write_leaf(branch: &Branch, leaves: &[Reference], out: &mut Buffer) -> Reference {
    match &branch.layout {
        Layout::Flat { prim, dims } => number_leaf(branch, *prim, dims, None, out),
        Layout::Jagged { prim, dims, counter, .. } => {
            number_leaf(branch, *prim, dims, leaves.get(*counter).copied(), out)
        }
        Layout::Text | Layout::Nested { .. } => out.object("TLeafElement", |out| {
            out.versioned(1, |out| {
                Leaf { length: 1, bytes: 0, unsigned: false, counter: None }.write(branch, out);
                out.i32(-1);
                out.i32(-1);
            });
        }),
    }
}

fn number_leaf(branch: &Branch, prim: Prim, dims: &[usize], counter: Option<Reference>, out: &mut Buffer) -> Reference {
    let unsigned = matches!(prim, Prim::U8 | Prim::U16 | Prim::U32 | Prim::U64);
    out.object(leaf_class(prim), |out| {
        out.versioned(1, |out| {
            Leaf { length: dims.iter().product(), bytes: prim.size(), unsigned, counter }.write(branch, out);
            // lowest and highest value, of which only the highest of a counter is used
            (0..prim.size()).for_each(|_| out.u8(0));
            let highest = if branch.counts { branch.highest } else { 0 };
            match prim {
                Prim::I32 | Prim::U32 => out.i32(i32::try_from(highest).unwrap_or(i32::MAX)),
                _ => (0..prim.size()).for_each(|_| out.u8(0)),
            }
        });
    })
}

/// What all leaves have: `TLeaf` version 2.
struct Leaf {
    /// Values per entry, or per counted element.
    length: usize,
    /// Bytes of a value.
    bytes: usize,
    unsigned: bool,
    counter: Option<Reference>,
}

impl Leaf {
    fn write(&self, branch: &Branch, out: &mut Buffer) {
        out.versioned(2, |out| {
            out.tnamed(NO_BITS, &branch.name, &leaf_title(branch));
            out.count(self.length);
            out.count(self.bytes);
            out.i32(0);
            out.bool(branch.counts);
            out.bool(self.unsigned);
            out.pointer(self.counter);
        });
    }
}

/// Neighbouring clusters of the same size as (last row, rows of a cluster), without the last ones, whose size is given
/// beside. A last cluster that was cut short by the end of the tree counts with those before it.
fn cluster_ranges(clusters: &[u64]) -> (Vec<(u64, u64)>, u64) {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    let mut end = 0;
    for (index, rows) in clusters.iter().enumerate() {
        end += rows;
        let is_last = index + 1 == clusters.len();
        match ranges.last_mut() {
            Some((last, size)) if *rows == *size || (is_last && *rows < *size) => *last = end.saturating_sub(1),
            _ => ranges.push((end.saturating_sub(1), *rows)),
        }
    }
    let last = ranges.pop().map_or(0, |(_, rows)| rows);
    (ranges, last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clusters_of_one_size_are_one_range() {
        assert_eq!(cluster_ranges(&[100, 100, 40]), (vec![], 100));
        assert_eq!(cluster_ranges(&[100, 90, 90, 95]), (vec![(99, 100), (279, 90)], 95));
        assert_eq!(cluster_ranges(&[]), (vec![], 0));
    }
}
