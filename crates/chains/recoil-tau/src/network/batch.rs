//! Candidates as networks take them: flat numbers, and the occupied cells of two grids.

use recoil_nn::batch::{Batch, Feed};

use super::cnn::Location;
use crate::grid::SparseGrid;

/// The occupied cells of one grid.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CellImages {
    /// The cells of candidate i are those from `offsets[i]` to before `offsets[i + 1]`.
    pub offsets: Vec<u32>,
    /// Number of each cell in the dense grid, `eta * side + phi`; ascending in a candidate.
    pub positions: Vec<u32>,
    /// For each kind of objects the numbers of each cell, cell by cell.
    pub components: Vec<Vec<f32>>,
}

/// Candidates for a network.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Candidates {
    /// Number of candidates.
    pub count: usize,
    /// Numbers of each candidate as a whole, row-major; empty, the network takes none.
    pub flat: Vec<f32>,
    /// The grids, in the order of the network's inputs.
    pub grids: Vec<CellImages>,
}

impl Candidates {
    /// The inputs of the network.
    pub fn batch(&self) -> Batch<'_> {
        let mut inputs = Vec::new();
        if !self.flat.is_empty() {
            inputs.push(Feed::Table(&self.flat));
        }
        for grid in &self.grids {
            let feed = |values| Feed::Cells { offsets: &grid.offsets, positions: &grid.positions, values };
            inputs.extend(grid.components.iter().map(|values| feed(values)));
        }
        Batch { samples: self.count, inputs }
    }
}

impl Candidates {
    /// The inputs of a network that uses these grids.
    pub fn of(batch: &crate::batches::Batch, locations: &[Location]) -> Self {
        let images = |grid: &SparseGrid| CellImages {
            offsets: if grid.starts.is_empty() { vec![0] } else { grid.starts.clone() },
            positions: grid.cells.iter().map(|at| u32::from(at.eta) * grid.side as u32 + u32::from(at.phi)).collect(),
            components: grid.inputs.clone(),
        };
        let grids = locations.iter().map(|location| match location {
            Location::Inner => images(&batch.inner),
            Location::Outer => images(&batch.outer),
        });
        Self { count: batch.len(), flat: batch.flat.values.clone(), grids: grids.collect() }
    }
}
