//! What goes into a network that runs in whole batches.

use super::map::{Map, NONE, Split};
use super::matrix::Matrix;
use crate::error::{NnError, Result};
use crate::network::{Feed as Input, Network};
use std::sync::Arc;

/// The values of one input for all samples.
#[derive(Clone, Copy, Debug)]
pub enum Feed<'a> {
    /// Every feature of every sample, row-major.
    Table(&'a [f32]),
    /// Images of which most cells hold zeros. Inputs that name the same slices share their rows.
    Cells {
        /// The cells of sample s are those from `offsets[s]` to before `offsets[s + 1]`; one more than samples.
        offsets: &'a [u32],
        /// Position of each cell, row times width plus column; ascending in a sample.
        positions: &'a [u32],
        /// The channels of each cell, cell by cell.
        values: &'a [f32],
    },
}

/// Samples for a network.
#[derive(Clone, Debug)]
pub struct Batch<'a> {
    /// Number of samples.
    pub samples: usize,
    /// One for each input of the network, in order.
    pub inputs: Vec<Feed<'a>>,
}

/// A value inside the network.
#[derive(Debug, Default)]
pub(crate) struct Value {
    pub matrix: Matrix,
    pub map: Option<Arc<Map>>,
}

/// Cells that several inputs may share.
struct Occupancy<'a> {
    /// Offsets and positions.
    cells: [&'a [u32]; 2],
    map: Arc<Map>,
    entries: Arc<Vec<u32>>,
}

impl<'a> Batch<'a> {
    /// Refuses inputs that do not fit the network.
    ///
    /// # Errors
    /// The first input with another number of values, or cells outside of the image or out of order.
    pub fn check(&self, network: &Network) -> Result<()> {
        let expected = network.inputs.len();
        if self.inputs.len() != expected {
            return Err(NnError::Length { what: "inputs of the network".into(), found: self.inputs.len(), expected });
        }
        for (input, feed) in network.inputs.iter().zip(&self.inputs) {
            feed.check(input, self.samples)?;
        }
        Ok(())
    }

    /// Some of the samples.
    pub(crate) fn range(&self, first: usize, last: usize, network: &Network) -> Batch<'a> {
        let part = |(input, feed): (&Input, &Feed<'a>)| match *feed {
            Feed::Table(table) => Feed::Table(&table[first * input.slot.len..last * input.slot.len]),
            Feed::Cells { offsets, positions, values } => {
                Feed::Cells { offsets: &offsets[first..=last], positions, values }
            }
        };
        Batch { samples: last - first, inputs: network.inputs.iter().zip(&self.inputs).map(part).collect() }
    }

    /// Puts the inputs into matrices.
    pub(crate) fn load(&self, network: &Network, split: &Split, values: &mut [Value]) {
        let mut known: Vec<Occupancy<'_>> = Vec::new();
        let mut flat: Option<Arc<Map>> = None;
        for ((input, feed), value) in network.inputs.iter().zip(&self.inputs).zip(values) {
            let channels = input.shape.last().copied().unwrap_or(1);
            let count = input.slot.len / channels;
            match *feed {
                Feed::Table(table) => {
                    let map = match &flat {
                        Some(map) if map.positions == count => map.clone(),
                        _ => Arc::new(Map::dense(split, count)),
                    };
                    flat = Some(map.clone());
                    value.matrix.resize(map.rows(), channels);
                    value.matrix.clear();
                    for (row, values) in table.chunks_exact(channels).enumerate().take(map.rows()) {
                        value.matrix.row_mut(row).copy_from_slice(values);
                    }
                    value.map = Some(map);
                }
                Feed::Cells { offsets, positions, values } => {
                    let same = known.iter().find(|known| {
                        let [o, p] = known.cells;
                        std::ptr::eq(o, offsets) && std::ptr::eq(p, positions) && known.map.positions == count
                    });
                    let (map, entries) = match same {
                        Some(known) => (known.map.clone(), known.entries.clone()),
                        None => {
                            let (map, entries) = Map::sparse(split, count, offsets, positions);
                            let (map, entries) = (Arc::new(map), Arc::new(entries));
                            let cells = [offsets, positions];
                            known.push(Occupancy { cells, map: map.clone(), entries: entries.clone() });
                            (map, entries)
                        }
                    };
                    value.matrix.resize(map.rows(), channels);
                    value.matrix.clear();
                    for (row, &entry) in entries.iter().enumerate().filter(|(_, entry)| **entry != NONE) {
                        let own = &values[entry as usize * channels..][..channels];
                        value.matrix.row_mut(row).copy_from_slice(own);
                    }
                    value.map = Some(map);
                }
            }
        }
    }
}

impl Feed<'_> {
    fn check(&self, input: &Input, samples: usize) -> Result<()> {
        let wrong = |found, expected| {
            if found == expected {
                return Ok(());
            }
            Err(NnError::Length { what: format!("input '{}'", input.name), found, expected })
        };
        match *self {
            Feed::Table(table) => wrong(table.len(), samples * input.slot.len),
            Feed::Cells { offsets, positions, values } => {
                wrong(offsets.len(), samples + 1)?;
                let channels = input.shape.last().copied().unwrap_or(1);
                wrong(values.len(), positions.len() * channels)?;
                let count = (input.slot.len / channels) as u32;
                for (&first, &last) in offsets.iter().zip(&offsets[1..]) {
                    let own = positions.get(first as usize..last as usize);
                    let ascending = own.is_some_and(|own| {
                        own.windows(2).all(|pair| pair[0] < pair[1]) && own.last().is_none_or(|&at| at < count)
                    });
                    if !ascending {
                        let message = "the cells of a sample are not ascending positions inside of the image";
                        return Err(NnError::layer(&input.name, message));
                    }
                }
                Ok(())
            }
        }
    }
}
