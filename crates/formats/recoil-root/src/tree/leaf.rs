//! What a branch holds: from its leaves, its class and the file's description to a layout.
//!
//! The rules follow what uproot 5 does in `interpretation/identify.py`.

use std::sync::Arc;

use super::{
    typename::{Headers, class_wire, is_container_pointer, prim_of_code, wire_of},
    wire::{StrLength, Wire},
};
use crate::{
    column::Prim,
    streamer::{
        info::{Element, Info, Infos, code},
        object::Object,
        packing::Packed,
    },
};

/// A branch and where it stands.
pub(crate) struct BranchNode<'a> {
    pub object: &'a Object,
    /// The branch above; none for a branch of the tree itself.
    pub parent: Option<&'a Object>,
    /// Name of the branch that counts the items of this one.
    pub counter: Option<&'a str>,
    pub infos: &'a Infos,
}

/// Layout of the entries of a branch; the error is the C++ type or the reason why there is none.
pub(crate) fn wire_of_branch(node: &BranchNode<'_>) -> Result<Wire, String> {
    let branch = node.object;
    if !branch.get("fBranches").list().is_empty() {
        return match class_of_group(node) {
            Some(class) if &*class == "TClonesArray" => Ok(Wire::Prim(Prim::I32)),
            Some(class) => Err(format!("group of branches of {class}")),
            None => Err("group of branches".into()),
        };
    }
    if &*branch.class == "TBranchObject" {
        let class = branch.text("fClassName");
        let info = node.infos.newest(&class).ok_or_else(|| format!("unsplit object {class}"))?;
        let object = class_wire(info, node.infos)?;
        let named = branch.get("fLeaves").objects().any(|leaf| leaf.int("fVirtual") != 0);
        return Ok(if named { Wire::Named(Box::new(object)) } else { object });
    }
    let leaves: Vec<&Arc<Object>> = branch.get("fLeaves").objects().collect();
    if let Some(wire) = numeric(node, &leaves)? {
        return Ok(wire);
    }
    let string = Wire::Str { header: false, length: StrLength::OneOrFive };
    if branch.int("fStreamerType") == i64::from(code::T_STRING) {
        return Ok(string);
    }
    match leaves.as_slice() {
        [] => return Err("branch without leaves".into()),
        [leaf] if &*leaf.class == "TLeafC" => return Ok(string),
        [_] => {}
        _ => return Err(format!("{} leaves that are not numbers", leaves.len())),
    }
    if node.parent.is_none() && branch.has("fClassName") {
        let headers = Headers { outer: true, inner: false, string: false };
        return wire_of(&branch.text("fClassName"), node.infos, headers);
    }
    described(node, &leaves)
}

fn class_of_group(node: &BranchNode<'_>) -> Option<Arc<str>> {
    let branch = node.object;
    if node.parent.is_none() && branch.has("fClassName") {
        return Some(branch.text("fClassName"));
    }
    match description(node)? {
        Description::Element(element) => Some(element.type_name.clone()),
        Description::Class(info) => Some(info.class.clone()),
    }
}

/// Layout of a branch whose leaves are all numbers; `None` when they are not.
fn numeric(node: &BranchNode<'_>, leaves: &[&Arc<Object>]) -> Result<Option<Wire>, String> {
    match leaves {
        [] => Ok(None),
        [leaf] => {
            let dims = dimensions(leaf, node.counter);
            let Some(number) = number(node, leaf) else { return Ok(None) };
            let item = number.with_dims(&dims);
            Ok(Some(if leaf.object("fLeafCount").is_some() {
                Wire::Rest { header: false, skip: 0, item: Box::new(item) }
            } else {
                item
            }))
        }
        _ => {
            let mut fields = Vec::new();
            for leaf in leaves {
                let Some(number) = number(node, leaf) else { return Ok(None) };
                if leaf.object("fLeafCount").is_some() {
                    return Err("list of leaves with a counted array".into());
                }
                fields.push((leaf.text("fName").to_string(), number.with_dims(&dimensions(leaf, None))));
            }
            Ok(Some(Wire::Record(fields)))
        }
    }
}

/// Element layout of one leaf.
fn number(node: &BranchNode<'_>, leaf: &Object) -> Option<Wire> {
    let unsigned = leaf.int("fIsUnsigned") != 0;
    let prim = match (&*leaf.class, unsigned) {
        ("TLeafO", _) => Prim::Bool,
        ("TLeafB", false) => Prim::I8,
        ("TLeafB", true) => Prim::U8,
        ("TLeafS", false) => Prim::I16,
        ("TLeafS", true) => Prim::U16,
        ("TLeafI", false) => Prim::I32,
        ("TLeafI", true) => Prim::U32,
        ("TLeafL" | "TLeafG", false) => Prim::I64,
        ("TLeafL" | "TLeafG", true) => Prim::U64,
        ("TLeafF", _) => Prim::F32,
        ("TLeafD", _) => Prim::F64,
        ("TLeafF16" | "TLeafD32", _) => {
            return Some(Wire::Packed(Packed::of(&leaf.text("fTitle"), &*leaf.class == "TLeafD32")));
        }
        ("TLeafElement", _) => {
            let ty = leaf.int("fType") as i32;
            let ty = if (code::FIXED + 1..code::COUNTED).contains(&ty) { ty - code::FIXED } else { ty };
            if matches!(ty, code::DOUBLE32 | code::FLOAT16) {
                let title = match description(node) {
                    Some(Description::Element(element)) => element.title.clone(),
                    _ => Arc::default(),
                };
                return Some(Wire::Packed(Packed::of(&title, ty == code::DOUBLE32)));
            }
            if ty == code::BITS {
                return Some(Wire::StatusBits);
            }
            prim_of_code(ty)?
        }
        _ => return None,
    };
    Some(Wire::Prim(prim))
}

/// Fixed dimensions in the title of a leaf, as `x[n][3]`; without the one that counts.
fn dimensions(leaf: &Object, counter: Option<&str>) -> Vec<usize> {
    let title = leaf.text("fTitle");
    let mut brackets = Vec::new();
    let mut rest = title.find('[').and_then(|at| title.get(at..)).unwrap_or("");
    while let Some(inside) = rest.strip_prefix('[') {
        let Some((size, after)) = inside.split_once(']') else { break };
        brackets.push(size);
        rest = after;
    }
    let mut dims: Vec<usize> = brackets
        .iter()
        .filter(|size| Some(**size) != counter && !size.starts_with('0'))
        .filter_map(|size| size.parse().ok())
        .collect();
    let len = usize::try_from(leaf.int("fLen")).unwrap_or(1);
    if !brackets.is_empty() && dims.is_empty() && len > 1 {
        dims.push(len);
    }
    dims
}

/// What the file's description says of a branch.
enum Description<'a> {
    /// It is this member of a class.
    Element(&'a Element),
    /// It is an object of this class.
    Class(&'a Arc<Info>),
}

/// Name of the member that a branch stands for: after the last dot, before the brackets.
fn member_name(name: &str) -> &str {
    let name = name.split('[').next().unwrap_or(name);
    name.rsplit('.').next().unwrap_or(name)
}

/// The member before that: `b` of `a.b.c`.
fn outer_member_name(name: &str) -> Option<&str> {
    let name = name.split('[').next().unwrap_or(name);
    let (before, _) = name.rsplit_once('.')?;
    Some(member_name(before)).filter(|outer| !outer.is_empty())
}

fn description<'a>(node: &BranchNode<'a>) -> Option<Description<'a>> {
    let branch = node.object;
    let (parent_class, class) = (branch.text("fParentName"), branch.text("fClassName"));
    if parent_class.is_empty() {
        let class = if &*class == "TClonesArray" { branch.text("fClonesName") } else { class };
        return node.infos.newest(&class).map(Description::Class);
    }
    let name = branch.text("fName");
    let wanted = member_name(&name);
    let info = node.infos.newest(&parent_class)?;
    let members = node.infos.members(info);
    let direct = members.iter().find(|(declared_in, element)| {
        &*element.name == wanted && (class.is_empty() || same_class(&declared_in.class, &class))
    });
    if let Some((_, element)) = direct {
        return Some(Description::Element(element));
    }
    let outer = outer_member_name(&name)?;
    let (_, through) = members.iter().find(|(_, element)| &*element.name == outer)?;
    let inner = node.infos.newest(through.type_name.trim_end_matches('*'))?;
    let members = node.infos.members(inner);
    members.into_iter().find(|(_, element)| &*element.name == wanted).map(|(_, element)| Description::Element(element))
}

fn same_class(a: &str, b: &str) -> bool {
    a.chars().filter(|c| *c != ' ').eq(b.chars().filter(|c| *c != ' '))
}

/// Whether the branch is a member of the objects of a split array, so that an entry holds one value per object.
fn in_array_of_objects(node: &BranchNode<'_>) -> bool {
    let branch = node.object;
    if &*branch.text("fClassName") == "TClonesArray" && branch.text("fParentName").is_empty() {
        return true;
    }
    let Some(parent) = node.parent else { return false };
    let (clones, of) = (parent.text("fClonesName"), branch.text("fParentName"));
    !of.is_empty() && (&*parent.text("fClassName") == "TClonesArray" || same_class(&clones, &of))
}

/// Layout of a branch that is a member of a class, from the type of the member.
fn described(node: &BranchNode<'_>, leaves: &[&Arc<Object>]) -> Result<Wire, String> {
    let headers = Headers { outer: true, inner: false, string: true };
    let (wire, is_object) = match description(node).ok_or("a member that the file does not describe")? {
        Description::Class(info) => (class_wire(info, node.infos)?, true),
        Description::Element(element) => {
            let inline = matches!(element.ty, code::OBJECT_P | code::ANY_P) || is_container_pointer(&element.type_name);
            let name = if inline { element.type_name.trim_end_matches('*') } else { &element.type_name };
            let is_object = element.ty == code::OBJECT || element.ty == code::OBJECT + code::FIXED;
            (wire_of(name, node.infos, headers)?, is_object)
        }
    };
    let dims = leaves.first().map_or_else(Vec::new, |leaf| dimensions(leaf, node.counter));
    let many = in_array_of_objects(node);
    if dims.is_empty() && !many {
        return Ok(wire);
    }
    let (header, wire) = if is_object || !many { (false, wire) } else { (true, wire.without_header()) };
    Ok(Wire::Rest { header, skip: 0, item: Box::new(wire.with_dims(&dims)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_of_branch_names() {
        assert_eq!(member_name("event.fTracks.fPx[fN]"), "fPx");
        assert_eq!(outer_member_name("event.fTracks.fPx"), Some("fTracks"));
        assert_eq!(member_name("x"), "x");
        assert_eq!(outer_member_name("x"), None);
    }
}
