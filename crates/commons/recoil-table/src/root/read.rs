//! Reading a tree batch after batch.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{Field, SchemaRef};
use recoil_root::{Branch, Column, Tree, Type};

use super::flat::{Leaf, array, leaves};
use crate::address::Address;
use crate::batch::Batch;
use crate::error::{Error, Hint, Result};
use crate::stream::{BatchReader, ReadOptions};
use crate::types::{DOC, PROVENANCE, UNIT, schema_of};

/// Rows that are read to learn how many bytes a row takes.
const PROBE_ROWS: u64 = 64;

/// A tree of a ROOT file read batch after batch.
pub struct RootReader {
    file: Arc<str>,
    tree: Tree,
    schema: SchemaRef,
    columns: Vec<Source>,
    ranges: std::vec::IntoIter<Range<u64>>,
    rows: u64,
    provenance: Option<String>,
    skipped: Vec<String>,
}

/// Where a column comes from.
#[derive(Debug, Clone)]
struct Source {
    branch: usize,
    leaf: Leaf,
}

impl RootReader {
    /// Opens the tree at `address`.
    pub fn open(address: &Address, options: &ReadOptions) -> Result<Self> {
        let (root, tree, name) = super::tree_of(address)?;
        let file: Arc<str> = format!("{}:{name}", address.path.display()).into();
        let mut skipped = Vec::new();
        let named = all_columns(&tree, &mut skipped);
        let columns = match &options.columns {
            None => named,
            Some(names) => {
                skipped.clear();
                names.iter().map(|name| find(&file, &tree, &named, name)).collect::<Result<Vec<_>>>()?
            }
        };
        let known = root.text(super::COLUMNS).ok().and_then(|text| serde_json::from_str(&text).ok());
        let known: BTreeMap<String, HashMap<String, String>> = known.unwrap_or_default();
        let fields = columns.iter().map(|(name, source)| field(&tree, name, source, known.get(name)));
        let schema = schema_of(fields);
        let columns: Vec<Source> = columns.into_iter().map(|(_, source)| source).collect();

        let provenance = root.text(PROVENANCE).ok();
        let first = options.rows.start.min(tree.entries());
        let end = options.rows.end.min(tree.entries()).max(first);
        let mut reader = Self {
            file,
            tree,
            schema,
            columns,
            ranges: Vec::new().into_iter(),
            rows: end - first,
            provenance,
            skipped,
        };
        reader.ranges = reader.plan(first..end, options)?.into_iter();
        Ok(reader)
    }

    /// Batches of bounded size that cover `rows`, cut where baskets end as far as possible.
    fn plan(&self, rows: Range<u64>, options: &ReadOptions) -> Result<Vec<Range<u64>>> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let branches = self.branches();
        let probe = rows.start..rows.end.min(rows.start + PROBE_ROWS);
        let probed = probe.end - probe.start;
        let bytes: usize = self.tree.read_many(&branches, probe)?.iter().map(Column::byte_size).sum();
        let size = options.rows_of_size((bytes as u64).div_ceil(probed)) as u64;
        let mut ranges = Vec::new();
        for range in self.tree.batches(&branches, size) {
            let mut start = range.start.max(rows.start);
            let end = range.end.min(rows.end);
            while start < end {
                let stop = end.min(start + options.batch_rows.max(1) as u64);
                ranges.push(start..stop);
                start = stop;
            }
        }
        Ok(ranges)
    }

    /// The branches that are read, each once, in the order of their number.
    fn branches(&self) -> Vec<&Branch> {
        self.wanted().into_iter().filter_map(|index| self.tree.branches().get(index)).collect()
    }

    fn wanted(&self) -> Vec<usize> {
        let mut wanted: Vec<usize> = self.columns.iter().map(|column| column.branch).collect();
        wanted.sort_unstable();
        wanted.dedup();
        wanted
    }

    fn arrays(&self, columns: Vec<Column>) -> Result<Vec<ArrayRef>> {
        let mut by_branch: BTreeMap<usize, Column> = self.wanted().into_iter().zip(columns).collect();
        let mut arrays = Vec::with_capacity(self.columns.len());
        for (index, (source, field)) in self.columns.iter().zip(self.schema.fields()).enumerate() {
            let is_last = self.columns.iter().skip(index + 1).all(|other| other.branch != source.branch);
            let column =
                if is_last { by_branch.remove(&source.branch) } else { by_branch.get(&source.branch).cloned() };
            let made = column.ok_or_else(|| "not read".to_owned()).and_then(|c| array(c, &source.leaf.path));
            let made = made.map_err(|message| Error::Malformed {
                file: self.file.to_string(),
                format: "ROOT",
                message: format!("branch '{}': {message}", field.name()),
            })?;
            arrays.push(made);
        }
        Ok(arrays)
    }
}

impl BatchReader for RootReader {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn file(&self) -> &Arc<str> {
        &self.file
    }

    fn total_rows(&self) -> Option<u64> {
        Some(self.rows)
    }

    fn provenance(&self) -> Option<&str> {
        self.provenance.as_deref()
    }

    fn skipped(&self) -> &[String] {
        &self.skipped
    }

    fn next_batch(&mut self) -> Result<Option<Batch>> {
        let Some(range) = self.ranges.next() else { return Ok(None) };
        let columns = self.tree.read_many(&self.branches(), range.clone())?;
        let count = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        let records = RecordBatch::try_new_with_options(self.schema.clone(), self.arrays(columns)?, &options);
        let records = records.map_err(|error| Error::Malformed {
            file: self.file.to_string(),
            format: "ROOT",
            message: error.to_string(),
        })?;
        Ok(Some(Batch::new(records, self.file.clone(), range.start)))
    }
}

/// All columns of the tree by name; what cannot be read goes to `skipped`.
fn all_columns(tree: &Tree, skipped: &mut Vec<String>) -> Vec<(String, Source)> {
    let mut columns = Vec::new();
    for (index, branch) in tree.branches().iter().enumerate() {
        if is_own_counter(tree, branch) {
            continue;
        }
        if let Some(reason) = unreadable(tree, branch) {
            skipped.extend(reason);
            continue;
        }
        for leaf in leaves(branch.ty()) {
            columns.push((format!("{}{}", branch.name(), leaf.suffix), Source { branch: index, leaf }));
        }
    }
    columns
}

/// Whether `branch` is the counter `nX` of the list branch `X` and of no other.
fn is_own_counter(tree: &Tree, branch: &Branch) -> bool {
    let Some(counted) = branch.own_name().strip_prefix('n') else { return false };
    let counted = counted.strip_suffix('_').unwrap_or(counted);
    let reference = format!("[{}]", branch.own_name());
    tree.branches().iter().any(|other| {
        other.own_name() == counted && matches!(other.ty(), Type::List(_)) && other.title().contains(&reference)
    })
}

/// Why `branch` gives no column: nothing to tell for a branch that only groups others.
fn unreadable(tree: &Tree, branch: &Branch) -> Option<Option<String>> {
    if leaves(branch.ty()).is_empty() {
        let is_group = tree.branches().iter().any(|other| branch.is_above(other));
        return Some((!is_group).then(|| format!("{} ({})", branch.name(), branch.ty())));
    }
    let (here, all) = (branch.entries(), tree.entries());
    (here != all).then(|| Some(format!("{} ({here} of {all} entries)", branch.name())))
}

/// The column `name`, also under the branch's own name.
fn find(file: &str, tree: &Tree, columns: &[(String, Source)], name: &str) -> Result<(String, Source)> {
    if let Some(found) = columns.iter().find(|(known, _)| known == name) {
        return Ok(found.clone());
    }
    let mut own = columns.iter().filter(|(_, source)| {
        let branch = tree.branches().get(source.branch);
        branch.is_some_and(|branch| format!("{}{}", branch.own_name(), source.leaf.suffix) == name)
    });
    if let (Some((_, source)), None) = (own.next(), own.next()) {
        return Ok((name.to_owned(), source.clone()));
    }
    if let Ok(branch) = tree.branch(name) {
        let index = tree.branches().iter().position(|other| std::ptr::eq(other, branch));
        return match (index, leaves(branch.ty()).into_iter().next()) {
            (Some(branch), Some(leaf)) if leaf.suffix.is_empty() => Ok((name.to_owned(), Source { branch, leaf })),
            _ => Err(Error::UnsupportedType {
                file: file.to_owned(),
                column: name.to_owned(),
                found: branch.ty().to_string(),
            }),
        };
    }
    Err(Error::UnknownColumn {
        file: file.to_owned(),
        column: name.to_owned(),
        hint: Hint::nearest(name, columns.iter().map(|(known, _)| known.as_str())),
    })
}

/// The column's definition, with what is `known` of it beside the tree, or what the branch's title tells.
fn field(tree: &Tree, name: &str, source: &Source, known: Option<&HashMap<String, String>>) -> Field {
    let field = Field::new(name, source.leaf.data_type.clone(), false);
    if let Some(known) = known {
        let known = known.iter().filter(|(key, _)| *key == UNIT || *key == DOC);
        return field.with_metadata(known.map(|(key, text)| (key.clone(), text.clone())).collect());
    }
    let Some(branch) = tree.branches().get(source.branch) else { return field };
    match branch.doc() {
        Some(doc) => field.with_metadata([(DOC.to_owned(), doc.to_owned())].into()),
        None => field,
    }
}
