//! The same tree in many files, as one.

use std::{
    ops::Range,
    path::{Path, PathBuf},
};

use crate::{
    column::{Column, Type},
    error::{Error, Result},
    file::RootFile,
    tree::Tree,
};

/// The same tree in a list of files; one file is open at a time.
#[derive(Debug, Clone)]
pub struct Chain {
    files: Vec<PathBuf>,
    tree: String,
}

impl Chain {
    /// The tree at the path `tree` in each of `files`.
    #[must_use]
    pub fn new(files: impl IntoIterator<Item = impl AsRef<Path>>, tree: &str) -> Self {
        Self { files: files.into_iter().map(|file| file.as_ref().to_path_buf()).collect(), tree: tree.to_owned() }
    }

    /// Entries of all files together.
    ///
    /// # Errors
    /// As [`RootFile::tree`].
    pub fn entries(&self) -> Result<u64> {
        self.trees().map(|tree| tree.map(|tree| tree.entries())).sum()
    }

    /// The tree of each file, opened as the iterator comes to it.
    pub fn trees(&self) -> impl Iterator<Item = Result<Tree>> + '_ {
        self.files.iter().map(|file| RootFile::open(file)?.tree(&self.tree))
    }

    /// Columns of the branches `names` in batches of about `size` entries, file after file.
    ///
    /// Each batch is one file's; the branches must have the same types in all files.
    #[must_use]
    pub fn batches<'a>(&'a self, names: &'a [&'a str], size: u64) -> Batches<'a> {
        Batches { chain: self, names, size, next_file: 0, current: None, types: None }
    }
}

/// Iterator over the batches of a [`Chain`].
#[derive(Debug)]
pub struct Batches<'a> {
    chain: &'a Chain,
    names: &'a [&'a str],
    size: u64,
    next_file: usize,
    current: Option<(Tree, std::vec::IntoIter<Range<u64>>)>,
    types: Option<Vec<Type>>,
}

impl Batches<'_> {
    fn open_next(&mut self, file: &Path) -> Result<()> {
        let tree = RootFile::open(file)?.tree(&self.chain.tree)?;
        let branches = self.names.iter().map(|name| tree.branch(name)).collect::<Result<Vec<_>>>()?;
        let types: Vec<Type> = branches.iter().map(|branch| branch.ty().clone()).collect();
        let first = self.types.get_or_insert_with(|| types.clone());
        let differing = self.names.iter().zip(first.iter().zip(&types)).find(|(_, (a, b))| a != b);
        if let Some((name, (first, here))) = differing {
            let reason = format!("branch \"{name}\" is {here} here and {first} in the first file of the chain");
            return Err(Error::Mismatch { file: file.to_path_buf(), reason });
        }
        let ranges = tree.batches(&branches, self.size).into_iter();
        drop(branches);
        self.current = Some((tree, ranges));
        Ok(())
    }
}

impl Iterator for Batches<'_> {
    type Item = Result<Vec<Column>>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((tree, ranges)) = &mut self.current
                && let Some(range) = ranges.next()
            {
                let branches = self.names.iter().map(|name| tree.branch(name)).collect::<Result<Vec<_>>>();
                return Some(branches.and_then(|branches| tree.read_many(&branches, range)));
            }
            let file = self.chain.files.get(self.next_file)?;
            self.next_file += 1;
            if let Err(error) = self.open_next(file) {
                self.next_file = self.chain.files.len();
                self.current = None;
                return Some(Err(error));
            }
        }
    }
}
