//! Where the columns of a table stand in a file.

use std::path::Path;

use hdf5_pure::{AttrValue, Dataset, Datatype, DatatypeByteOrder, File, Group};

use super::frame::frame;
use super::rows::Packed;
use super::{failed, malformed};
use crate::error::{Error, Result};
use crate::record::{Element, FieldLayout};

/// Groups deeper than this are not searched; links may form circles.
const DEEPEST: usize = 16;
/// Groups that are searched at most, for the same reason.
const MOST_GROUPS: usize = 1 << 13;

/// A table of the file.
pub(super) struct Table {
    /// The layout, in words.
    pub kind: &'static str,
    pub rows: u64,
    pub parts: Vec<Part>,
    /// For each column its name, the part and the field in it.
    pub columns: Vec<(String, usize, FieldLayout)>,
    /// What is left out, and why.
    pub skipped: Vec<String>,
}

/// A data set of which each row holds values of one or more columns.
pub(super) struct Part {
    pub dataset: Dataset,
    /// Reads the rows where the library cannot undo the packing.
    pub packed: Option<Packed>,
    /// Bytes per row.
    pub stride: usize,
    /// Whether the rows are strings of varying length.
    pub text: bool,
}

/// The names of all tables of the file, sorted by group.
pub(super) fn tables(file: &str, opened: &File) -> Result<Vec<String>> {
    let mut names = Vec::new();
    search(file, &opened.root(), "", &mut Walk::default(), &mut names)?;
    Ok(names)
}

/// A walk through the groups of a file, which ends also where links form circles.
#[derive(Default)]
pub(super) struct Walk {
    depth: usize,
    groups: usize,
}

impl Walk {
    /// Names of the data sets and the groups in a group, sorted; no groups where the walk is deep enough.
    pub fn children(&mut self, here: &str, group: &Group) -> Result<(Vec<String>, Vec<String>)> {
        let wrong = |error| failed(here, &error);
        self.groups += 1;
        if self.groups > MOST_GROUPS {
            return Err(malformed(here, format!("there are more than {MOST_GROUPS} groups, or links in circles")));
        }
        let (mut datasets, mut groups) = (group.datasets().map_err(wrong)?, group.groups().map_err(wrong)?);
        if let Some(name) = datasets.iter().chain(&groups).find(|name| name.is_empty() || name.contains('/')) {
            return Err(malformed(here, format!("an object has the name '{name}'")));
        }
        datasets.sort();
        groups.sort();
        if self.depth >= DEEPEST {
            groups.clear();
        }
        Ok((datasets, groups))
    }

    /// Does something one level deeper.
    pub fn deeper<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.depth += 1;
        let done = work(self);
        self.depth -= 1;
        done
    }
}

fn search(file: &str, group: &Group, path: &str, walk: &mut Walk, names: &mut Vec<String>) -> Result<()> {
    let here = place(file, path);
    let wrong = |error| failed(&here, &error);
    let attributes = group.attrs().map_err(wrong)?;
    if text(attributes.get("CLASS")) == Some("TINDEX") {
        return Ok(());
    }
    if let Some("frame" | "frame_table") = text(attributes.get("pandas_type")) {
        names.push(path.to_owned());
        return Ok(());
    }
    let mut plain = false;
    let (datasets, groups) = walk.children(&here, group)?;
    for name in datasets {
        let dataset = group.dataset(&name).map_err(wrong)?;
        match dataset.datatype() {
            Ok(Datatype::Compound { .. }) => names.push(join(path, &name)),
            Ok(_) => plain = true,
            Err(_) => {}
        }
    }
    if plain {
        names.push(path.to_owned());
    }
    for name in &groups {
        let inner = group.group(name).map_err(wrong)?;
        walk.deeper(|walk| search(file, &inner, &join(path, name), walk, names))?;
    }
    Ok(())
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") }
}

pub(super) fn place(file: &str, path: &str) -> String {
    if path.is_empty() { file.to_owned() } else { format!("{file}:{path}") }
}

/// The text of an attribute, without the zeros that C programs leave behind it.
pub(super) fn text(value: Option<&AttrValue>) -> Option<&str> {
    value.and_then(AttrValue::as_str).map(|text| text.trim_end_matches('\0'))
}

impl Table {
    /// The table `name`; the file's own group for an empty name.
    pub fn find(file: &str, opened: &File, name: &str) -> Result<Self> {
        let here = place(file, name);
        let wrong = |error| failed(&here, &error);
        if name.is_empty() {
            return Self::of_group(&here, &opened.root());
        }
        if let Ok(group) = opened.group(name) {
            let attributes = group.attrs().map_err(wrong)?;
            return match text(attributes.get("pandas_type")) {
                Some("frame") => frame(&here, &group),
                Some("frame_table") => Self::of_pandas(&here, &group),
                _ => Self::of_group(&here, &group),
            };
        }
        match opened.dataset(name) {
            Ok(dataset) => {
                let own = name.rsplit('/').next().unwrap_or(name);
                Self::of_dataset(&here, dataset, own)
            }
            Err(hdf5_pure::Error::Format(_)) => {
                let available = tables(file, opened)?;
                Err(Error::WhichMember { file: file.to_owned(), what: "table", available: listed(&available) })
            }
            Err(error) => Err(wrong(error)),
        }
    }

    fn empty(kind: &'static str, rows: u64) -> Self {
        Self { kind, rows, parts: Vec::new(), columns: Vec::new(), skipped: Vec::new() }
    }

    fn of_dataset(here: &str, dataset: Dataset, own: &str) -> Result<Self> {
        let shape = dataset.shape().map_err(|error| failed(here, &error))?;
        let datatype = dataset.datatype().map_err(|error| failed(here, &error))?;
        let kind = if matches!(datatype, Datatype::Compound { .. }) { "records" } else { "array" };
        let mut table = Self::empty(kind, shape.first().copied().unwrap_or(1));
        table.add(here, dataset, own)?;
        Ok(table)
    }

    /// The data sets of a group that are no tables of their own, if all have the same number of rows.
    fn of_group(here: &str, group: &Group) -> Result<Self> {
        let wrong = |error| failed(here, &error);
        let mut names = group.datasets().map_err(wrong)?;
        names.sort();
        let mut found: Vec<(String, u64)> = Vec::new();
        let mut table = Self::empty("group of arrays", 0);
        for name in names {
            let dataset = group.dataset(&name).map_err(wrong)?;
            if matches!(dataset.datatype(), Ok(Datatype::Compound { .. })) {
                continue;
            }
            let rows = dataset.shape().map_err(wrong)?.first().copied().unwrap_or(1);
            found.push((name.clone(), rows));
            table.add(here, dataset, &name)?;
        }
        match found.first() {
            Some((_, rows)) if found.iter().all(|(_, other)| other == rows) => {
                table.rows = *rows;
                Ok(table)
            }
            Some(_) => {
                let available: Vec<String> = found.iter().map(|(name, rows)| format!("{name} ({rows} rows)")).collect();
                Err(Error::WhichMember { file: here.to_owned(), what: "array", available: available.join(", ") })
            }
            None => {
                let mut below = Vec::new();
                search(here, group, "", &mut Walk::default(), &mut below)?;
                Err(Error::WhichMember { file: here.to_owned(), what: "table", available: listed(&below) })
            }
        }
    }

    /// pandas' `table` format: columns of one type stand in one member, their names in an attribute.
    fn of_pandas(here: &str, group: &Group) -> Result<Self> {
        let dataset = group.dataset("table").map_err(|error| failed(here, &error))?;
        let attributes = dataset.attrs().map_err(|error| failed(here, &error))?;
        let mut table = Self::of_dataset(here, dataset, "table")?;
        table.kind = "pandas table";
        let mut columns = Vec::new();
        for (name, part, field) in std::mem::take(&mut table.columns) {
            let names = text(attributes.get(&format!("{name}_kind"))).map(pickled_names).unwrap_or_default();
            match (field.shape.as_slice(), name.as_str()) {
                (_, "index") => table.skipped.push("index (labels of the rows)".to_owned()),
                ([width], _) if *width == names.len() => {
                    for (index, name) in names.into_iter().enumerate() {
                        let offset = field.offset + index * field.element.size();
                        columns.push((name, part, FieldLayout { offset, shape: Vec::new(), ..field.clone() }));
                    }
                }
                _ => columns.push((name, part, field)),
            }
        }
        table.columns = columns;
        Ok(table)
    }

    /// Prepares the reading of data sets that the library cannot unpack.
    pub fn unpack(&mut self, path: &Path, place: &str) -> Result<()> {
        for part in &mut self.parts {
            part.packed = Packed::of(path, place, &part.dataset, part.stride)?;
        }
        Ok(())
    }

    /// Adds the columns of a data set; what cannot be read is told in `skipped`.
    pub fn add(&mut self, here: &str, dataset: Dataset, name: &str) -> Result<()> {
        let wrong = |error| failed(here, &error);
        let shape = dataset.shape().map_err(wrong)?;
        let datatype = match dataset.datatype() {
            Ok(datatype) => datatype,
            Err(error) => {
                self.skipped.push(format!("{name} ({error})"));
                return Ok(());
            }
        };
        let inner: Option<Vec<usize>> = shape.iter().skip(1).map(|axis| usize::try_from(*axis).ok()).collect();
        let inner = inner.ok_or_else(|| malformed(here, "a shape beyond all memory"))?;
        let part = self.parts.len();
        let is_text = matches!(&datatype, Datatype::VariableLength { is_string: true, .. }) && inner.is_empty();
        if is_text {
            let field = plain(name, 0, Element::Bytes(0));
            self.columns.push((name.to_owned(), part, field));
            self.parts.push(Part { dataset, packed: None, stride: 16, text: true });
            return Ok(());
        }
        let size = usize::try_from(dataset.element_size().map_err(wrong)?).unwrap_or(usize::MAX);
        let stride = inner.iter().try_fold(size, |bytes, axis| bytes.checked_mul(*axis)).filter(|n| *n < 1 << 40);
        let stride = stride.ok_or_else(|| malformed(here, "a row beyond all memory"))?;
        match &datatype {
            Datatype::Compound { members, .. } if inner.is_empty() => {
                for member in members {
                    let offset = usize::try_from(member.byte_offset).unwrap_or(usize::MAX);
                    self.add_member(here, part, stride, &member.name, offset, &member.datatype)?;
                }
            }
            other => self.add_field(here, part, stride, plain(name, 0, Element::Void(0)), other, &inner)?,
        }
        self.parts.push(Part { dataset, packed: None, stride, text: false });
        Ok(())
    }

    fn add_member(
        &mut self,
        here: &str,
        part: usize,
        stride: usize,
        name: &str,
        offset: usize,
        datatype: &Datatype,
    ) -> Result<()> {
        if let Datatype::Compound { members, .. } = datatype {
            for member in members {
                let inner = usize::try_from(member.byte_offset).unwrap_or(usize::MAX);
                let name = format!("{name}.{}", member.name);
                self.add_member(here, part, stride, &name, offset.saturating_add(inner), &member.datatype)?;
            }
            return Ok(());
        }
        self.add_field(here, part, stride, plain(name, offset, Element::Void(0)), datatype, &[])
    }

    fn add_field(
        &mut self,
        here: &str,
        part: usize,
        stride: usize,
        mut field: FieldLayout,
        datatype: &Datatype,
        outer: &[usize],
    ) -> Result<()> {
        field.shape = outer.to_vec();
        let mut scalar = datatype;
        while let Datatype::Array { base_type, dimensions } = scalar {
            field.shape.extend(dimensions.iter().map(|axis| *axis as usize));
            scalar = base_type;
        }
        let Some((element, big_endian)) = element(scalar) else {
            self.skipped.push(format!("{} ({})", field.name, kind_name(scalar)));
            return Ok(());
        };
        (field.element, field.big_endian) = (element, big_endian);
        let width = field.shape.iter().try_fold(element.size(), |bytes, axis| bytes.checked_mul(*axis));
        let end = width.and_then(|width| field.offset.checked_add(width)).filter(|end| *end <= stride);
        if end.is_none() || field.data_type().is_err() {
            return Err(malformed(here, format!("column '{}' goes beyond the row of {stride} bytes", field.name)));
        }
        self.columns.push((field.name.clone(), part, field));
        Ok(())
    }
}

pub(super) fn listed(names: &[String]) -> String {
    let shown: Vec<&str> = names.iter().map(|name| if name.is_empty() { "/" } else { name }).collect();
    if shown.is_empty() { "none".to_owned() } else { shown.join(", ") }
}

fn plain(name: &str, offset: usize, element: Element) -> FieldLayout {
    FieldLayout { name: name.to_owned(), offset, element, big_endian: false, shape: Vec::new(), unit: None }
}

/// Element and whether its bytes are turned around.
fn element(datatype: &Datatype) -> Option<(Element, bool)> {
    let big = |order: &DatatypeByteOrder| match order {
        DatatypeByteOrder::LittleEndian => Some(false),
        DatatypeByteOrder::BigEndian => Some(true),
        DatatypeByteOrder::Vax => None,
    };
    match datatype {
        Datatype::FixedPoint { size: size @ (1 | 2 | 4 | 8), byte_order, layout }
            if u32::from(layout.bit_precision) == size * 8 && layout.bit_offset == 0 =>
        {
            let size = *size as usize;
            Some((if layout.signed { Element::Int(size) } else { Element::Uint(size) }, big(byte_order)?))
        }
        Datatype::FloatingPoint { size: size @ (2 | 4 | 8), byte_order, layout }
            if (*size, layout.exponent_size) == (2, 5)
                || (*size, layout.exponent_size) == (4, 8)
                || (*size, layout.exponent_size) == (8, 11) =>
        {
            Some((Element::Float(*size as usize), big(byte_order)?))
        }
        Datatype::String { size, .. } => Some((Element::Bytes(*size as usize), false)),
        Datatype::BitField { size: 1, .. } => Some((Element::Bool, false)),
        Datatype::Enumeration { size: 1, members, .. } if is_truth(members) => Some((Element::Bool, false)),
        Datatype::Enumeration { base_type, .. } => element(base_type),
        _ => None,
    }
}

/// h5py's truth values.
fn is_truth(members: &[hdf5_pure::EnumMember]) -> bool {
    let has = |name: &str, value: u8| members.iter().any(|member| member.name == name && member.value == [value]);
    members.len() == 2 && has("FALSE", 0) && has("TRUE", 1)
}

fn kind_name(datatype: &Datatype) -> &'static str {
    match datatype {
        Datatype::VariableLength { .. } => "values of varying length",
        Datatype::Reference { .. } => "references",
        Datatype::Compound { .. } => "arrays of records",
        Datatype::Opaque { .. } => "opaque bytes",
        _ => "numbers of an unusual form",
    }
}

/// The strings of a list that Python's `pickle` wrote in its text form: lines that begin with `V`, alone or behind the
/// `a` that ends the one before.
fn pickled_names(pickled: &str) -> Vec<String> {
    pickled
        .lines()
        .filter_map(|line| line.strip_prefix("aV").or_else(|| line.strip_prefix('V')))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::pickled_names;

    #[test]
    fn names_of_columns_are_found_in_pickled_lists() {
        assert_eq!(pickled_names("(lp0\nVnode_e\np1\naVnode_mu\np2\na."), ["node_e", "node_mu"]);
        assert_eq!(pickled_names("N."), Vec::<String>::new());
    }
}
