//! Batches of a training: a fixed part of the stream is kept for validation.

use std::path::PathBuf;

use crate::batches::{Batch, BatchStream, Pieces, RowSelection};
use crate::error::Result;
use crate::grid::Encoder;

/// Rows of a file that are read at once.
const PIECE_ROWS: usize = 2000;

/// Which batches are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Those to learn from.
    Training,
    /// Those kept aside.
    Validation,
}

/// Where batches come from.
#[derive(Clone)]
pub struct Source<'a> {
    /// What encodes candidates.
    pub encoder: &'a Encoder,
    /// Files in their order.
    pub files: Vec<PathBuf>,
    /// Tree of ROOT files.
    pub tree: String,
    /// Which candidates are taken.
    pub selection: RowSelection,
    /// Candidates of a batch.
    pub size: usize,
    /// Fraction of batches kept for validation.
    pub validation: f64,
}

/// One pass through a part.
pub struct Pass<'a> {
    stream: BatchStream<'a>,
    part: Part,
    validation: f64,
    index: u64,
    left: u64,
}

impl<'a> Source<'a> {
    /// The files piece by piece.
    pub fn pieces(&self) -> Pieces<'a> {
        Pieces::new(self.encoder, self.selection.clone(), self.files.clone(), &self.tree, PIECE_ROWS)
    }

    /// A pass through at most `batches` batches of a part.
    pub fn pass(&self, part: Part, batches: u64) -> Pass<'a> {
        let stream = BatchStream::new(self.pieces(), self.size);
        Pass { stream, part, validation: self.validation, index: 0, left: batches }
    }
}

/// The part of batch `index`: validation batches lie evenly between the others.
fn part_of(index: u64, validation: f64) -> Part {
    let until = |count: u64| (count as f64 * validation + 1e-9).floor();
    if until(index + 1) > until(index) { Part::Validation } else { Part::Training }
}

impl Pass<'_> {
    /// The next batch; `None` behind the last.
    ///
    /// # Errors
    /// Files that cannot be read or lack a column. The next call goes on with the next file.
    pub fn next_batch(&mut self) -> Result<Option<Batch>> {
        while self.left > 0 {
            let Some(batch) = self.stream.next_batch()? else { return Ok(None) };
            let own = part_of(self.index, self.validation) == self.part;
            self.index += 1;
            if own {
                self.left -= 1;
                return Ok(Some(batch));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn validation_lies_between() {
        let parts: Vec<bool> = (0..10).map(|index| part_of(index, 0.3) == Part::Validation).collect();
        assert_eq!(parts, [false, false, false, true, false, false, true, false, false, true]);
        assert!((0..10).all(|index| part_of(index, 0.0) == Part::Training));
    }
}
