//! Batches of network inputs, streamed from files of candidates.
//!
//! A [`BatchStream`] reads files in their order and gives batches of a fixed number of candidates, across the borders of
//! files, the same in every run. Nothing is kept but the piece of a file that is being read.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

use crate::data::file::CandidateFile;
use crate::data::labels::{LABEL_COLUMNS, classes};
use crate::data::load::Loaded;
use crate::data::truth::TauType;
use crate::error::{Result, TauError};
use crate::features::Cone;
use crate::grid::{Encoder, FlatInputs, Form, Sequence, SparseGrid};

/// Which candidates become rows of batches.
#[derive(Clone, Debug, PartialEq)]
pub struct RowSelection {
    /// Classes that are taken.
    pub classes: Vec<TauType>,
    /// Whether reconstructed candidates without a class are taken too, as for predictions.
    pub include_mismatched: bool,
    /// Least score against jets of the deployed discriminator (`tau_byDeepTau2017v2p1VSjetraw`), if there is a cut.
    pub least_vs_jet: Option<f32>,
}

impl Default for RowSelection {
    fn default() -> Self {
        Self {
            classes: vec![TauType::E, TauType::Mu, TauType::Tau, TauType::Jet],
            include_mismatched: false,
            least_vs_jet: None,
        }
    }
}

/// Column of the deployed discriminator against jets.
const VS_JET: &str = "tau_byDeepTau2017v2p1VSjetraw";

/// Candidates of a piece of a file, chosen but not yet turned into inputs.
pub struct Piece {
    /// The columns.
    pub loaded: Loaded,
    /// Rows of the piece that are taken.
    pub rows: Vec<u32>,
    /// Their classes.
    pub classes: Vec<Option<TauType>>,
    /// Their file.
    pub file: Arc<str>,
}

/// Network inputs of some candidates.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// File and row of every candidate.
    pub origin: Vec<(Arc<str>, u64)>,
    /// Classes; none for candidates without a match.
    pub classes: Vec<Option<TauType>>,
    /// Transverse momentum [GeV] and |η| of every candidate, for weights.
    pub kinematics: Vec<[f32; 2]>,
    /// The candidates' own inputs.
    pub flat: FlatInputs,
    /// The signal cone.
    pub inner: SparseGrid,
    /// The isolation cone.
    pub outer: SparseGrid,
    /// The particles one by one; only one of the forms is there.
    pub sequence: Sequence,
    /// Values that were not finite and became missing.
    pub not_finite: u64,
}

impl Batch {
    /// Number of candidates.
    pub fn len(&self) -> usize {
        self.origin.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.origin.is_empty()
    }

    /// One-hot labels `[candidate][class]`; all zero for a candidate whose class is not among them.
    pub fn one_hot(&self, classes: &[TauType]) -> Vec<f32> {
        let of = |class: &Option<TauType>| {
            classes.iter().map(|known| f32::from(u8::from(Some(*known) == *class))).collect::<Vec<f32>>()
        };
        self.classes.iter().flat_map(of).collect()
    }
}

/// Reads files piece by piece.
pub struct Pieces<'a> {
    encoder: &'a Encoder,
    selection: RowSelection,
    tree: String,
    files: VecDeque<PathBuf>,
    open: Option<(CandidateFile, u64)>,
    piece_rows: u64,
}

impl<'a> Pieces<'a> {
    /// Pieces of at most `piece_rows` rows of the files.
    pub fn new(
        encoder: &'a Encoder,
        selection: RowSelection,
        files: Vec<PathBuf>,
        tree: &str,
        piece_rows: usize,
    ) -> Self {
        let piece_rows = piece_rows.max(1) as u64;
        Self { encoder, selection, tree: tree.to_owned(), files: files.into(), open: None, piece_rows }
    }

    /// The next piece; `None` behind the last.
    ///
    /// # Errors
    /// Files that cannot be read or lack a column. The next call goes on with the next file.
    pub fn next_piece(&mut self) -> Result<Option<Piece>> {
        loop {
            if let Some((file, next)) = self.open.take() {
                let end = file.rows().min(next + self.piece_rows);
                if next < end {
                    let piece = self.read(&file, next..end)?;
                    self.open = Some((file, end));
                    return Ok(Some(piece));
                }
            }
            let Some(path) = self.files.pop_front() else { return Ok(None) };
            let shown = path.display().to_string();
            let of_tree = shown.ends_with(".root") && self.tree != crate::data::columns::TREE;
            let file = CandidateFile::open(&if of_tree { format!("{shown}:{}", self.tree) } else { shown })?;
            self.encoder.wanted().check(&file)?;
            self.open = Some((file, 0));
        }
    }

    fn read(&self, file: &CandidateFile, rows: std::ops::Range<u64>) -> Result<Piece> {
        let wanted = self.encoder.wanted();
        let loaded = wanted.load(file.name(), rows.clone(), file.read(&wanted.names(), rows.clone())?)?;
        let count = loaded.len();
        let known = self.classes(file, rows.clone(), count)?;
        let passes: Vec<bool> = match self.selection.least_vs_jet {
            None => vec![true; count],
            Some(least) => {
                let column = file.read(&[VS_JET], rows)?.into_iter().next().map(crate::data::file::floats);
                column.unwrap_or_default().into_iter().map(|score| score > least).collect()
            }
        };
        let chosen: Vec<(u32, Option<TauType>)> = (0_u32..)
            .zip(known)
            .filter_map(|(row, taken)| Some((row, taken?)))
            .filter(|(row, _)| passes.get(*row as usize).copied().unwrap_or(false))
            .collect();
        let (rows, classes) = chosen.into_iter().unzip();
        Ok(Piece { loaded, rows, classes, file: file.name().into() })
    }

    /// For each row: nothing if it is left out, else its class if it has one.
    fn classes(
        &self,
        file: &CandidateFile,
        rows: std::ops::Range<u64>,
        count: usize,
    ) -> Result<Vec<Option<Option<TauType>>>> {
        let selection = &self.selection;
        // a file without truth is there to be predicted
        if LABEL_COLUMNS.iter().any(|name| !file.has(name)) {
            return Ok(vec![Some(None); count]);
        }
        let first = rows.start;
        let columns = file.read(&LABEL_COLUMNS, rows)?;
        let tau: Vec<i64> = columns.last().map(crate::data::file::integers).unwrap_or_default();
        let known = classes(file.name(), first, columns)?;
        let choose = |(class, tau): (Option<TauType>, i64)| match class {
            Some(class) if selection.classes.contains(&class) => Some(Some(class)),
            _ if selection.include_mismatched && tau >= 0 => Some(None),
            _ => None,
        };
        Ok(known.into_iter().zip(tau).map(choose).collect())
    }
}

impl Piece {
    /// Network inputs of the candidates `range` of those that were taken.
    ///
    /// # Errors
    /// Candidates without a direction.
    pub fn encode(&self, encoder: &Encoder, range: std::ops::Range<usize>) -> Result<Batch> {
        let rows = self.rows.get(range.clone()).unwrap_or(&[]);
        let mut not_finite = Default::default();
        let flat = encoder.flat(&self.loaded, rows, &mut not_finite);
        let (mut inner, mut outer, mut sequence) = Default::default();
        match encoder.form() {
            Form::Grids => {
                inner = encoder.grid(&self.loaded, rows, Cone::Inner, &mut not_finite)?;
                outer = encoder.grid(&self.loaded, rows, Cone::Outer, &mut not_finite)?;
            }
            Form::Sequence { most } => sequence = encoder.sequence(&self.loaded, rows, most, &mut not_finite)?,
        }
        let at = |name: &str, row: u32| self.loaded.column(name).get(row as usize).copied().unwrap_or(f32::NAN);
        Ok(Batch {
            origin: rows.iter().map(|row| (self.file.clone(), self.loaded.rows.start + u64::from(*row))).collect(),
            classes: self.classes.get(range).unwrap_or(&[]).to_vec(),
            kinematics: rows.iter().map(|row| [at("tau_pt", *row), at("tau_eta", *row).abs()]).collect(),
            flat,
            inner,
            outer,
            sequence,
            not_finite: not_finite.values().flatten().sum(),
        })
    }
}

/// Batches of a fixed size.
pub struct BatchStream<'a> {
    pieces: Pieces<'a>,
    current: Option<(Piece, usize)>,
    size: usize,
}

impl<'a> BatchStream<'a> {
    /// Batches of `size` candidates of the pieces; the last may be smaller.
    pub fn new(pieces: Pieces<'a>, size: usize) -> Self {
        Self { pieces, current: None, size: size.max(1) }
    }

    /// The next batch; `None` behind the last.
    ///
    /// # Errors
    /// Files that cannot be read or lack a column.
    pub fn next_batch(&mut self) -> Result<Option<Batch>> {
        let encoder = self.pieces.encoder;
        let mut batch = Batch::default();
        while batch.len() < self.size {
            let Some((piece, from)) = &mut self.current else {
                match self.pieces.next_piece()? {
                    Some(piece) => self.current = Some((piece, 0)),
                    None => break,
                }
                continue;
            };
            let to = piece.rows.len().min(*from + self.size - batch.len());
            if *from < to {
                batch.append(piece.encode(encoder, *from..to)?)?;
            }
            *from = to;
            if *from == piece.rows.len() {
                self.current = None;
            }
        }
        Ok(Some(batch).filter(|batch| !batch.is_empty()))
    }
}

impl Batch {
    /// Puts other candidates, encoded alike, behind.
    fn append(&mut self, other: Self) -> Result<()> {
        if self.is_empty() {
            *self = other;
            return Ok(());
        }
        if self.flat.width != other.flat.width || self.inner.widths != other.inner.widths {
            return Err(TauError::config("features", "batches of different features cannot be joined"));
        }
        self.origin.extend(other.origin);
        self.classes.extend(other.classes);
        self.kinematics.extend(other.kinematics);
        self.flat.values.extend(other.flat.values);
        self.inner.append(other.inner);
        self.outer.append(other.outer);
        self.sequence.append(other.sequence);
        self.not_finite += other.not_finite;
        Ok(())
    }
}
