//! Which row of a matrix stands for which position of which sample.

use std::ops::Range;

/// No row.
pub(crate) const NONE: u32 = u32::MAX;

/// The rows of the positions of a batch of images; flat features have one position.
#[derive(Debug)]
pub(crate) struct Map {
    pub positions: usize,
    /// Row of each position, sample by sample.
    pub index: Vec<u32>,
    /// Number of positions that each row stands for.
    pub counts: Vec<f32>,
    /// Row of the empty positions of each sample, or [`NONE`].
    pub background: Vec<u32>,
    /// First row of each part, and the number of rows.
    pub cuts: Vec<usize>,
}

/// Samples of a batch and how they are shared out; rows of a part belong to its samples alone.
#[derive(Clone, Debug)]
pub(crate) struct Split {
    /// First sample of each part, and the number of samples.
    pub cuts: Vec<usize>,
    /// Whether the empty positions of all samples have one row together; only for a single part.
    pub shared: bool,
}

/// Parts of a training step at most.
const PARTS: usize = 8;

impl Split {
    /// For a training step.
    pub(crate) fn training(samples: usize) -> Self {
        let parts = samples.div_ceil(4).clamp(1, PARTS);
        Self { cuts: (0..=parts).map(|part| part * samples / parts).collect(), shared: false }
    }

    /// For inference in one go.
    pub(crate) fn inference(samples: usize) -> Self {
        Self { cuts: vec![0, samples], shared: true }
    }

    pub(crate) fn samples(&self) -> usize {
        self.cuts.last().copied().unwrap_or(0)
    }

    fn parts(&self) -> impl Iterator<Item = Range<usize>> {
        self.cuts.iter().zip(self.cuts.iter().skip(1)).map(|(&first, &last)| first..last)
    }
}

/// Window of a convolution or of a pooling over an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub size: [usize; 2],
    pub output: [usize; 2],
    pub kernel: [usize; 2],
    pub stride: usize,
    pub before: [usize; 2],
}

impl Window {
    pub(crate) fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// Input position of each tap of each output position; outside, [`NONE`].
    fn positions(&self) -> Vec<u32> {
        let mut all = Vec::with_capacity(self.output[0] * self.output[1] * self.taps());
        for (y, x) in (0..self.output[0]).flat_map(|y| (0..self.output[1]).map(move |x| (y, x))) {
            for (ky, kx) in (0..self.kernel[0]).flat_map(|ky| (0..self.kernel[1]).map(move |kx| (ky, kx))) {
                let row = (y * self.stride + ky).checked_sub(self.before[0]).filter(|&row| row < self.size[0]);
                let column = (x * self.stride + kx).checked_sub(self.before[1]).filter(|&x| x < self.size[1]);
                all.push(match (row, column) {
                    (Some(row), Some(column)) => (row * self.size[1] + column) as u32,
                    _ => NONE,
                });
            }
        }
        all
    }
}

/// Adds rows one by one.
struct Rows {
    index: Vec<u32>,
    counts: Vec<f32>,
    background: Vec<u32>,
    cuts: Vec<usize>,
    shared: bool,
}

impl Rows {
    fn new(samples: usize, positions: usize, shared: bool) -> Self {
        Self {
            index: Vec::with_capacity(samples * positions),
            counts: Vec::new(),
            background: Vec::with_capacity(samples),
            cuts: vec![0],
            shared,
        }
    }

    fn push(&mut self, count: f32) -> u32 {
        self.counts.push(count);
        (self.counts.len() - 1) as u32
    }

    /// The row for `count` empty positions of the next sample; `new` says that it did not exist before.
    fn empty(&mut self, count: usize) -> (u32, bool) {
        if count == 0 {
            self.background.push(NONE);
            return (NONE, false);
        }
        let known = self.background.iter().copied().find(|&row| row != NONE).filter(|_| self.shared);
        let row = match known {
            Some(row) => {
                self.counts[row as usize] += count as f32;
                row
            }
            None => self.push(count as f32),
        };
        self.background.push(row);
        (row, known.is_none())
    }

    fn finish(self, positions: usize) -> Map {
        let Self { index, counts, background, cuts, .. } = self;
        Map { positions, index, counts, background, cuts }
    }
}

impl Map {
    pub(crate) fn rows(&self) -> usize {
        self.counts.len()
    }

    /// Every position of every sample has a row of its own.
    pub(crate) fn dense(split: &Split, positions: usize) -> Self {
        let samples = split.samples();
        Self {
            positions,
            index: (0..(samples * positions) as u32).collect(),
            counts: vec![1.0; samples * positions],
            background: vec![NONE; samples],
            cuts: split.cuts.iter().map(|sample| sample * positions).collect(),
        }
    }

    /// The occupied positions of sample s are `occupied[offsets[s]..offsets[s + 1]]`, ascending. The second result has
    /// per row the entry of `occupied` that it stands for, or [`NONE`].
    pub(crate) fn sparse(split: &Split, positions: usize, offsets: &[u32], occupied: &[u32]) -> (Self, Vec<u32>) {
        let mut rows = Rows::new(split.samples(), positions, split.shared);
        let mut entries = Vec::new();
        for part in split.parts() {
            for sample in part {
                let own = offsets[sample] as usize..offsets[sample + 1] as usize;
                let (empty, new) = rows.empty(positions - own.len());
                if new {
                    entries.push(NONE);
                }
                let first = rows.index.len();
                rows.index.resize(first + positions, empty);
                for entry in own {
                    let row = rows.push(1.0);
                    entries.push(entry as u32);
                    rows.index[first + occupied[entry] as usize] = row;
                }
            }
            rows.cuts.push(rows.counts.len());
        }
        (rows.finish(positions), entries)
    }

    /// The map behind a window, and per row of it the rows that its taps read.
    pub(crate) fn behind(&self, split: &Split, window: &Window) -> (Self, Vec<u32>) {
        let taps = window.taps();
        let positions = window.output[0] * window.output[1];
        let table = window.positions();
        let mut rows = Rows::new(split.samples(), positions, split.shared);
        let mut sources = Vec::new();
        let mut empty_at = vec![false; positions];
        for part in split.parts() {
            for sample in part {
                let own = &self.index[sample * self.positions..][..self.positions];
                let background = self.background[sample];
                let mut empty = 0;
                if background != NONE {
                    for (is_empty, taps) in empty_at.iter_mut().zip(table.chunks_exact(taps)) {
                        *is_empty = taps.iter().all(|&at| own.get(at as usize) == Some(&background));
                        empty += usize::from(*is_empty);
                    }
                } else {
                    empty_at.fill(false);
                }
                let (row, new) = rows.empty(empty);
                if new {
                    sources.extend(std::iter::repeat_n(background, taps));
                }
                for (&is_empty, taps) in empty_at.iter().zip(table.chunks_exact(taps)) {
                    let row = if is_empty {
                        row
                    } else {
                        sources.extend(taps.iter().map(|&at| own.get(at as usize).copied().unwrap_or(NONE)));
                        rows.push(1.0)
                    };
                    rows.index.push(row);
                }
            }
            rows.cuts.push(rows.counts.len());
        }
        (rows.finish(positions), sources)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_cells_share_a_row() {
        // two samples of 4x4; the first has the corner, the second nothing
        let split = Split { cuts: vec![0, 1, 2], shared: false };
        let (map, entries) = Map::sparse(&split, 16, &[0, 1, 1], &[0]);
        assert_eq!(entries, [NONE, 0, NONE]);
        assert_eq!(map.counts, [15.0, 1.0, 16.0]);
        assert_eq!(map.cuts, [0, 2, 3]);
        let window = Window { size: [4, 4], output: [2, 2], kernel: [3, 3], stride: 1, before: [0, 0] };
        let (behind, sources) = map.behind(&split, &window);
        assert_eq!(behind.index, [1, 0, 0, 0, 2, 2, 2, 2]);
        assert_eq!(behind.counts, [3.0, 1.0, 4.0]);
        assert_eq!(sources[9..18], [1, 0, 0, 0, 0, 0, 0, 0, 0]);
        let shared = Split::inference(2);
        let (map, _) = Map::sparse(&shared, 16, &[0, 1, 1], &[0]);
        assert_eq!(map.counts, [31.0, 1.0]);
        let (behind, sources) = map.behind(&shared, &window);
        assert_eq!((behind.counts, sources.len()), (vec![7.0, 1.0], 18));
    }

    #[test]
    fn borders_are_not_empty() {
        let split = Split::inference(1);
        let (map, _) = Map::sparse(&split, 9, &[0, 0], &[]);
        let window = Window { size: [3, 3], output: [3, 3], kernel: [3, 3], stride: 1, before: [1, 1] };
        let (behind, sources) = map.behind(&split, &window);
        assert_eq!(behind.rows(), 9);
        assert_eq!(behind.counts[0], 1.0);
        assert_eq!(behind.index[4], 0);
        assert_eq!(sources[9..13], [NONE, NONE, NONE, NONE]);
    }
}
