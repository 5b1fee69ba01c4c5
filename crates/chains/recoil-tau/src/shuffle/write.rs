//! Writing the kept candidates: all columns of single rows of many files, in the order in which they were drawn.

use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;
use recoil_root::write::{Compression, FileWriter, Options, TreeWriter};
use recoil_root::{Column, Prim, Type, Values};
use recoil_table::BatchWriter as _;
use recoil_table::parquet::ParquetWriter;

use super::decide::{OpenFile, ReadRow};
use crate::data::arrow::{array_of, data_type_of};
use crate::data::columns::TREE;
use crate::data::file::CandidateFile;
use crate::data::hash::name_id;
use crate::error::{Result, TauError};

/// Columns that are set anew.
const SET: [(&str, Prim); 3] = [("tauType", Prim::I32), ("dataset_id", Prim::U64), ("dataset_group_id", Prim::U64)];

/// A file of candidates that grows.
pub enum CandidateWriter {
    /// ROOT: a tree of C++ vectors, as candidate tuples are.
    #[doc(hidden)]
    Root { file: FileWriter, tree: TreeWriter },
    /// Parquet.
    #[doc(hidden)]
    Parquet { writer: ParquetWriter, schema: arrow_schema::SchemaRef, shown: String },
}

impl CandidateWriter {
    /// Creates `path`, ROOT or Parquet by its extension.
    ///
    /// # Errors
    /// Files that cannot be written.
    pub fn create(path: &Path, columns: &[(String, Type)], compression: Compression) -> Result<Self> {
        let shown = path.display().to_string();
        if path.extension().is_some_and(|extension| extension == "parquet") {
            let fields = columns.iter().map(|(name, ty)| {
                let data_type = data_type_of(ty).ok_or_else(|| TauError::Column {
                    file: shown.clone(),
                    column: name.clone(),
                    reason: format!("of type {ty} cannot be written"),
                })?;
                Ok(recoil_table::field(name, data_type, "", ""))
            });
            let fields: Vec<_> = fields.collect::<Result<_>>()?;
            let schema = Arc::new(arrow_schema::Schema::new(fields));
            return Ok(Self::Parquet { writer: ParquetWriter::create(path, &schema)?, schema, shown });
        }
        let options =
            Options { compression, basket_bytes: 32_000, share_counters: false, vectors: true, ..Options::default() };
        let mut file = FileWriter::create(path, options)?;
        let tree = file.tree(TREE, TREE, columns)?;
        Ok(Self::Root { file, tree })
    }

    /// Appends rows.
    ///
    /// # Errors
    /// Files that cannot be written.
    pub fn write(&mut self, columns: Vec<Column>) -> Result<()> {
        match self {
            Self::Root { tree, .. } => Ok(tree.extend(&columns)?),
            Self::Parquet { writer, schema, shown } => {
                let arrays: Option<Vec<_>> = columns.into_iter().map(array_of).collect();
                let arrays = arrays.ok_or_else(|| TauError::content(&*shown, "has columns that are no numbers"))?;
                let records = arrow_array::RecordBatch::try_new(schema.clone(), arrays)
                    .map_err(|error| TauError::content(&*shown, error.to_string()))?;
                Ok(writer.write(&records)?)
            }
        }
    }

    /// Completes the file with the record of how it was made.
    ///
    /// # Errors
    /// Files that cannot be written.
    pub fn finish(self, provenance: &str) -> Result<()> {
        match self {
            Self::Root { mut file, tree } => {
                tree.finish()?;
                file.text(recoil_table::PROVENANCE, provenance)?;
                file.finish()?;
            }
            Self::Parquet { writer, .. } => Box::new(writer).finish(Some(provenance))?,
        }
        Ok(())
    }
}

/// The columns of a merged file: those of the inputs without the disabled ones, and those that are set anew.
#[derive(Clone, Debug, PartialEq)]
pub struct MergedColumns {
    /// Columns that are copied.
    pub copied: Vec<(String, Type)>,
}

impl MergedColumns {
    /// The columns of the first input.
    ///
    /// # Errors
    /// Disabled columns that do not exist.
    pub fn of(file: &CandidateFile, disabled: &[String]) -> Result<Self> {
        let (all, _) = file.columns();
        if let Some(unknown) = disabled.iter().find(|name| all.iter().all(|(known, _)| known != *name)) {
            let reason = format!("there is no column '{unknown}' in {}", file.name());
            return Err(TauError::config("disabled_branches", reason));
        }
        let copied = all
            .into_iter()
            .filter(|(name, _)| SET.iter().all(|(set, _)| set != name) && !disabled.contains(name))
            .collect();
        Ok(Self { copied })
    }

    /// All columns in the order of the output.
    pub fn all(&self) -> Vec<(String, Type)> {
        let set = SET.iter().map(|(name, prim)| ((*name).to_owned(), Type::Prim(*prim)));
        self.copied.iter().cloned().chain(set).collect()
    }

    /// Makes sure that another input has them all.
    ///
    /// # Errors
    /// The first column that is missing or of another type.
    pub fn check(&self, file: &CandidateFile) -> Result<()> {
        for (name, ty) in &self.copied {
            let found = file.ty(name)?;
            if found != *ty {
                return Err(file.refuse(name, format!("is {found}, but {ty} in the files before")));
            }
        }
        Ok(())
    }

    /// Reads the rows, which are in the order of the output, and sets the columns that are set anew.
    ///
    /// # Errors
    /// Damaged files.
    pub fn gather(&self, rows: &[(usize, ReadRow)], group_ids: &[u64]) -> Result<Vec<Column>> {
        // rows of each file rise in the order in which they were drawn
        let mut files: Vec<(Arc<OpenFile>, Vec<u64>)> = Vec::new();
        let mut order = Vec::with_capacity(rows.len());
        for (_, row) in rows {
            let known = files.iter().rposition(|(file, _)| Arc::ptr_eq(file, &row.file));
            let place = known.unwrap_or_else(|| {
                files.push((Arc::clone(&row.file), Vec::new()));
                files.len() - 1
            });
            if let Some((_, list)) = files.get_mut(place) {
                order.push((place, list.len()));
                list.push(row.row);
            }
        }
        let names: Vec<&str> = self.copied.iter().map(|(name, _)| name.as_str()).collect();
        let parts: Vec<Vec<Column>> =
            files.iter().map(|(file, rows)| file.file.take(&names, rows)).collect::<Result<_>>()?;
        let mut columns: Vec<Column> = self
            .copied
            .par_iter()
            .enumerate()
            .map(|(index, (_, ty))| {
                let sources: Vec<Option<&Column>> = parts.iter().map(|part| part.get(index)).collect();
                interleave(ty, &sources, &order)
            })
            .collect();
        let class = |row: &ReadRow| row.decision.class.map_or(-1, |class| class.code());
        columns.push(Column::Prim(rows.iter().map(|(_, row)| class(row)).collect::<Vec<i32>>().into()));
        let ids: Vec<u64> = files.iter().map(|(file, _)| name_id(&file.dataset)).collect();
        let dataset = order.iter().map(|(file, _)| ids.get(*file).copied().unwrap_or(u64::MAX));
        columns.push(Column::Prim(dataset.collect::<Vec<u64>>().into()));
        let group = rows.iter().map(|(group, _)| group_ids.get(*group).copied().unwrap_or(u64::MAX));
        columns.push(Column::Prim(group.collect::<Vec<u64>>().into()));
        Ok(columns)
    }
}

/// Rows of several columns of type `ty` in the order of (column, row).
fn interleave(ty: &Type, sources: &[Option<&Column>], order: &[(usize, usize)]) -> Column {
    let source = |index: usize| sources.get(index).copied().flatten();
    match ty {
        Type::Prim(prim) => {
            let at = |(index, row): (usize, usize)| source(index).map(|column| (column, row..row + 1));
            Column::Prim(ranges(*prim, order.iter().filter_map(|place| at(*place))))
        }
        Type::List(inner) => {
            let mut ends = Vec::with_capacity(order.len() + 1);
            ends.push(0_i64);
            let mut pieces = Vec::with_capacity(order.len());
            for (index, row) in order {
                let mut end = ends.last().copied().unwrap_or(0);
                if let Some(Column::List { offsets, inner }) = source(*index) {
                    let at = |i: usize| offsets.get(i).and_then(|o| usize::try_from(*o).ok()).unwrap_or(0);
                    let range = at(*row)..at(row + 1);
                    end += range.len() as i64;
                    pieces.push((&**inner, range));
                }
                ends.push(end);
            }
            let prim = if let Type::Prim(prim) = **inner { prim } else { Prim::F32 };
            let values = ranges(prim, pieces.into_iter());
            Column::List { offsets: ends, inner: Box::new(Column::Prim(values)) }
        }
        _ => Column::empty(ty),
    }
}

/// Ranges of columns of numbers, end to end.
fn ranges<'a>(prim: Prim, pieces: impl Iterator<Item = (&'a Column, std::ops::Range<usize>)>) -> Values {
    let mut out = Values::with_capacity(prim, 0);
    macro_rules! by_type {
        ($($variant:ident),*) => {
            match &mut out {
                $(Values::$variant(out) => for (column, range) in pieces {
                    if let Column::Prim(Values::$variant(values)) = column {
                        out.extend_from_slice(values.get(range).unwrap_or(&[]));
                    }
                })*
            }
        };
    }
    by_type!(Bool, I8, U8, I16, U16, I32, U32, I64, U64, F32, F64);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_in_the_order_of_the_draw() {
        let list = |offsets: Vec<i64>, values: Vec<f32>| Column::List {
            offsets,
            inner: Box::new(Column::Prim(values.into())),
        };
        let (a, b) = (list(vec![0, 2, 2], vec![1.0, 2.0]), list(vec![0, 1, 3], vec![3.0, 4.0, 5.0]));
        let ty = Type::list(Type::Prim(Prim::F32));
        let merged = interleave(&ty, &[Some(&a), Some(&b)], &[(1, 0), (0, 0), (0, 1), (1, 1)]);
        assert_eq!(merged, list(vec![0, 1, 3, 3, 5], vec![3.0, 1.0, 2.0, 4.0, 5.0]));
        let (a, b) = (Column::Prim(vec![1_u64, 2].into()), Column::Prim(vec![3_u64].into()));
        let merged = interleave(&Type::Prim(Prim::U64), &[Some(&a), Some(&b)], &[(0, 0), (1, 0), (0, 1)]);
        assert_eq!(merged, Column::Prim(vec![1_u64, 3, 2].into()));
    }
}
