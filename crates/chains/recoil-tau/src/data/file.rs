//! Files of candidates: ROOT (trees and RNTuples) and the columnar twin in Parquet, read alike.

use std::ops::Range;
use std::path::{Path, PathBuf};

use arrow_schema::{DataType, SchemaRef};
use recoil_root::{Branch, Column, RootFile, Tree, Type};
use recoil_table::parquet::ParquetReader;
use recoil_table::{BatchReader as _, ReadOptions};

use super::arrow::{column_of, type_of};
use super::columns::TREE;
use crate::error::{Result, TauError};

/// A file with one row per candidate.
pub struct CandidateFile {
    path: PathBuf,
    shown: String,
    source: Source,
}

enum Source {
    Root(Tree),
    Parquet { schema: SchemaRef, rows: u64 },
}

/// Rows of some columns, with the number of the first row.
pub type Block = (Range<u64>, Vec<Column>);

impl CandidateFile {
    /// Opens `FILE.root` (the tree `taus`), `FILE.root:TREE` or `FILE.parquet`.
    ///
    /// # Errors
    /// Files that cannot be read, or without the tree.
    pub fn open(address: &str) -> Result<Self> {
        let (path, tree) = match address.rsplit_once(".root:") {
            Some((stem, tree)) if !Path::new(address).exists() => (PathBuf::from(format!("{stem}.root")), tree),
            _ => (PathBuf::from(address), TREE),
        };
        let shown = path.display().to_string();
        let is_parquet = path.extension().is_some_and(|extension| extension == "parquet");
        let source = if is_parquet {
            let reader = ParquetReader::open(&path, &ReadOptions::default())?;
            Source::Parquet { schema: reader.schema(), rows: reader.total_rows().unwrap_or(0) }
        } else {
            Source::Root(RootFile::open(&path)?.tree(tree)?)
        };
        Ok(Self { path, shown, source })
    }

    /// Its name in messages.
    pub fn name(&self) -> &str {
        &self.shown
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Number of candidates.
    pub fn rows(&self) -> u64 {
        match &self.source {
            Source::Root(tree) => tree.entries(),
            Source::Parquet { rows, .. } => *rows,
        }
    }

    /// Whether there is a column called `name`.
    pub fn has(&self, name: &str) -> bool {
        match &self.source {
            Source::Root(tree) => tree.branch(name).is_ok(),
            Source::Parquet { schema, .. } => schema.field_with_name(name).is_ok(),
        }
    }

    /// All columns that can be read, in the order of the file. What cannot be read is left out and named in the second
    /// list.
    pub fn columns(&self) -> (Vec<(String, Type)>, Vec<String>) {
        let (mut known, mut left_out) = (Vec::new(), Vec::new());
        let mut sort = |name: &str, ty: Option<Type>| match ty {
            Some(ty) => known.push((name.to_owned(), ty)),
            None => left_out.push(name.to_owned()),
        };
        match &self.source {
            Source::Root(tree) => tree.branches().iter().for_each(|branch| sort(branch.name(), plain(branch.ty()))),
            Source::Parquet { schema, .. } => {
                schema.fields().iter().for_each(|field| sort(field.name(), type_of(field.data_type())));
            }
        }
        (known, left_out)
    }

    /// Type of the column `name`.
    ///
    /// # Errors
    /// A column that is missing, or of a type that candidates do not have.
    pub fn ty(&self, name: &str) -> Result<Type> {
        let found = match &self.source {
            Source::Root(tree) => plain(tree.branch(name)?.ty()),
            Source::Parquet { schema, .. } => type_of(self.field(schema, name)?),
        };
        found.ok_or_else(|| self.refuse(name, "is neither a number nor a list of numbers"))
    }

    /// Makes sure that the columns are there and are lists (or single numbers) as told.
    ///
    /// # Errors
    /// The first column that is missing or otherwise.
    pub fn require<'a>(&self, columns: impl IntoIterator<Item = (&'a str, bool)>) -> Result<()> {
        for (name, list) in columns {
            let found = self.ty(name)?;
            if matches!(found, Type::List(_)) != list {
                let wanted = if list { "a list of numbers" } else { "one number" };
                return Err(self.refuse(name, format!("is {found}, but should be {wanted} per candidate")));
            }
        }
        Ok(())
    }

    /// An error about the column `name`.
    pub fn refuse(&self, name: &str, reason: impl Into<String>) -> TauError {
        TauError::Column { file: self.shown.clone(), column: name.to_owned(), reason: reason.into() }
    }

    fn field<'a>(&self, schema: &'a SchemaRef, name: &str) -> Result<&'a DataType> {
        let field = schema.field_with_name(name);
        field.map(arrow_schema::Field::data_type).map_err(|_| self.refuse(name, "is missing"))
    }

    /// Reads the columns `names` of `rows`.
    ///
    /// # Errors
    /// Columns that are missing, damaged files.
    pub fn read<S: AsRef<str>>(&self, names: &[S], rows: Range<u64>) -> Result<Vec<Column>> {
        match &self.source {
            Source::Root(tree) => Ok(tree.read_many(&branches(tree, names)?, rows)?),
            Source::Parquet { .. } => {
                let mut stream = self.parquet(names, rows, usize::MAX)?;
                let mut whole: Option<Vec<Column>> = None;
                while let Some((_, columns)) = stream.next_block()? {
                    match &mut whole {
                        None => whole = Some(columns),
                        Some(whole) => {
                            let fits = whole.iter_mut().zip(&columns).all(|(a, b)| a.append(b));
                            if !fits {
                                return Err(TauError::content(&self.shown, "row groups of different types"));
                            }
                        }
                    }
                }
                match whole {
                    Some(columns) => Ok(columns),
                    None => names.iter().map(|name| Ok(Column::empty(&self.ty(name.as_ref())?))).collect(),
                }
            }
        }
    }

    /// Reads the columns `names` of `rows`, in pieces of at most `size` rows.
    ///
    /// # Errors
    /// Columns that are missing.
    pub fn stream<S: AsRef<str>>(&self, names: &[S], rows: Range<u64>, size: usize) -> Result<BlockStream<'_>> {
        match &self.source {
            Source::Root(tree) => {
                let branches = branches(tree, names)?;
                let (mut ranges, mut start) = (Vec::new(), rows.start);
                let end = rows.end.min(tree.entries());
                while start < end {
                    let stop = end.min(start + size.max(1) as u64);
                    ranges.push(start..stop);
                    start = stop;
                }
                Ok(BlockStream::Root { tree, branches, ranges: ranges.into_iter() })
            }
            Source::Parquet { .. } => self.parquet(names, rows, size),
        }
    }

    fn parquet<S: AsRef<str>>(&self, names: &[S], rows: Range<u64>, size: usize) -> Result<BlockStream<'_>> {
        let options = ReadOptions { batch_rows: size, batch_bytes: 64 << 20, ..ReadOptions::default() };
        let options = options.columns(names.iter().map(|name| name.as_ref().to_owned())).rows(rows);
        Ok(BlockStream::Parquet { file: self, reader: Box::new(ParquetReader::open(&self.path, &options)?) })
    }

    /// Reads the columns `names` of single rows, which rise. Of a ROOT file every basket is unpacked once, and only the
    /// wanted entries are decoded.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn take<S: AsRef<str> + Sync>(&self, names: &[S], rows: &[u64]) -> Result<Vec<Column>> {
        match &self.source {
            Source::Root(tree) => Ok(tree.take(&branches(tree, names)?, rows)?),
            Source::Parquet { .. } => {
                let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return self.read(names, 0..0) };
                let mut stream = self.parquet(names, *first..last + 1, 4096)?;
                let types: Vec<Type> = names.iter().map(|name| self.ty(name.as_ref())).collect::<Result<_>>()?;
                let mut taken: Vec<Column> = types.iter().map(Column::empty).collect();
                let mut wanted = rows.iter().copied().peekable();
                while let Some((range, columns)) = stream.next_block()? {
                    while let Some(row) = wanted.next_if(|row| *row < range.end) {
                        let at = usize::try_from(row - range.start).unwrap_or(usize::MAX);
                        for (taken, column) in taken.iter_mut().zip(&columns) {
                            if !taken.append(&column.slice(at, at + 1)) {
                                return Err(TauError::content(&self.shown, "row groups of different types"));
                            }
                        }
                    }
                }
                Ok(taken)
            }
        }
    }
}

/// Pieces of a file, one after the other.
pub enum BlockStream<'a> {
    /// Of a ROOT file.
    #[doc(hidden)]
    Root { tree: &'a Tree, branches: Vec<&'a Branch>, ranges: std::vec::IntoIter<Range<u64>> },
    /// Of a Parquet file.
    #[doc(hidden)]
    Parquet { file: &'a CandidateFile, reader: Box<ParquetReader> },
}

impl BlockStream<'_> {
    /// The next rows, or `None` behind the last.
    ///
    /// # Errors
    /// Damaged files.
    pub fn next_block(&mut self) -> Result<Option<Block>> {
        match self {
            Self::Root { tree, branches, ranges } => {
                let Some(range) = ranges.next() else { return Ok(None) };
                Ok(Some((range.clone(), tree.read_many(branches, range)?)))
            }
            Self::Parquet { file, reader } => {
                let Some(batch) = reader.next_batch()? else { return Ok(None) };
                let first = batch.first_row();
                let names = batch.schema();
                let columns = batch.records().columns().iter().zip(names.fields());
                let columns = columns.map(|(array, field)| {
                    column_of(array)
                        .ok_or_else(|| file.refuse(field.name(), "is neither a number nor a list of numbers"))
                });
                Ok(Some((first..first + batch.rows() as u64, columns.collect::<Result<_>>()?)))
            }
        }
    }
}

fn branches<'a, S: AsRef<str>>(tree: &'a Tree, names: &[S]) -> Result<Vec<&'a Branch>> {
    names.iter().map(|name| Ok(tree.branch(name.as_ref())?)).collect()
}

/// The type, if it is a number or a list of numbers.
fn plain(ty: &Type) -> Option<Type> {
    match ty {
        Type::Prim(_) => Some(ty.clone()),
        Type::List(inner) if matches!(**inner, Type::Prim(_)) => Some(ty.clone()),
        _ => None,
    }
}

/// The numbers of a column as 32-bit floats; of a list column those of all candidates, end to end.
pub fn floats(column: Column) -> Vec<f32> {
    macro_rules! cast {
        ($values:expr) => {
            $values.into_iter().map(|value| value as f32).collect()
        };
    }
    use recoil_root::Values as V;
    match column {
        Column::Prim(values) => match values {
            V::F32(values) => values,
            V::Bool(values) => values.into_iter().map(|value| f32::from(u8::from(value))).collect(),
            V::I8(values) => cast!(values),
            V::U8(values) => cast!(values),
            V::I16(values) => cast!(values),
            V::U16(values) => cast!(values),
            V::I32(values) => cast!(values),
            V::U32(values) => cast!(values),
            V::I64(values) => cast!(values),
            V::U64(values) => cast!(values),
            V::F64(values) => cast!(values),
        },
        Column::List { inner, .. } | Column::Fixed { inner, .. } => floats(*inner),
        Column::Str { .. } | Column::Struct { .. } => Vec::new(),
    }
}

/// The numbers of a column of single numbers as 64-bit whole numbers; floats are cut.
pub fn integers(column: &Column) -> Vec<i64> {
    macro_rules! cast {
        ($values:expr) => {
            $values.iter().map(|value| *value as i64).collect()
        };
    }
    use recoil_root::Values as V;
    match column {
        Column::Prim(values) => match values {
            V::Bool(values) => values.iter().map(|value| i64::from(*value)).collect(),
            V::I64(values) => values.clone(),
            V::I8(values) => cast!(values),
            V::U8(values) => cast!(values),
            V::I16(values) => cast!(values),
            V::U16(values) => cast!(values),
            V::I32(values) => cast!(values),
            V::U32(values) => cast!(values),
            V::U64(values) => cast!(values),
            V::F32(values) => cast!(values),
            V::F64(values) => cast!(values),
        },
        _ => Vec::new(),
    }
}

/// Where the list of each candidate begins and ends; `None` for a column that holds no lists.
pub fn offsets(column: &Column) -> Option<&[i64]> {
    match column {
        Column::List { offsets, .. } => Some(offsets),
        _ => None,
    }
}
