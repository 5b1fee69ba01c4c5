//! From candidates to network inputs.

use std::collections::BTreeMap;

use super::cells::{CellFinder, Place};
use super::sequence::Form;
use crate::data::load::{Loaded, Wanted};
use crate::error::{Result, TauError};
use crate::features::{Block, Cone, FeatureTable, Lanes, Program, Scratch};
use crate::scaling::ScalingTable;
use crate::scaling::cones::signal_radius;
use crate::scaling::parameters::Scaler;

/// The occupied cells of one grid of some candidates.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SparseGrid {
    /// Cells along each side.
    pub side: usize,
    /// Candidate i has the cells `starts[i]..starts[i + 1]`.
    pub starts: Vec<u32>,
    /// Cell of each entry, rising within a candidate; its number in the dense grid is `eta * side + phi`.
    pub cells: Vec<Place>,
    /// Values of each input: cell after cell, `widths[k]` numbers each.
    pub inputs: Vec<Vec<f32>>,
    /// Numbers per cell of each input.
    pub widths: Vec<usize>,
}

impl SparseGrid {
    /// Number of candidates.
    pub fn candidates(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// The occupied cells of a candidate.
    pub fn cells_of(&self, candidate: usize) -> std::ops::Range<usize> {
        let at = |index: usize| self.starts.get(index).map_or(0, |start| *start as usize);
        at(candidate)..at(candidate + 1)
    }

    /// Input `input` of a cell.
    pub fn values(&self, input: usize, cell: usize) -> &[f32] {
        let width = self.widths.get(input).copied().unwrap_or(0);
        let values = self.inputs.get(input).and_then(|values| values.get(cell * width..(cell + 1) * width));
        values.unwrap_or(&[])
    }

    /// Puts the candidates of another grid of the same shape behind.
    pub fn append(&mut self, other: Self) {
        let before = u32::try_from(self.cells.len()).unwrap_or(u32::MAX);
        self.starts.extend(other.starts.iter().skip(1).map(|start| start + before));
        self.cells.extend(other.cells);
        self.inputs.iter_mut().zip(other.inputs).for_each(|(mine, theirs)| mine.extend(theirs));
    }

    /// Input `input` of a candidate as a dense grid `[eta][phi][feature]`.
    pub fn dense(&self, input: usize, candidate: usize) -> Vec<f32> {
        let width = self.widths.get(input).copied().unwrap_or(0);
        let mut dense = vec![0.0; self.side * self.side * width];
        for cell in self.cells_of(candidate) {
            let Some(place) = self.cells.get(cell) else { continue };
            let at = (usize::from(place.eta) * self.side + usize::from(place.phi)) * width;
            if let Some(into) = dense.get_mut(at..at + width) {
                into.copy_from_slice(self.values(input, cell));
            }
        }
        dense
    }
}

/// The candidates' own inputs: `width` numbers each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FlatInputs {
    /// Numbers per candidate.
    pub width: usize,
    /// Candidate after candidate.
    pub values: Vec<f32>,
}

pub(super) struct BlockCode {
    pub name: String,
    program: Program,
    membership: Option<Program>,
    collection: Option<String>,
    pub width: usize,
    /// For each cone: what scales the features.
    scalers: BTreeMap<Cone, Vec<Scaler>>,
}

/// Turns candidates into network inputs, by a feature table and its scaling.
pub struct Encoder {
    pub(super) table: FeatureTable,
    flat: Option<BlockCode>,
    global: Option<BlockCode>,
    pub(super) objects: Vec<BlockCode>,
    wanted: Wanted,
    form: Form,
}

/// Counts values that were not finite and became missing: by block, and by feature in its order.
pub type NotFinite = BTreeMap<String, Vec<u64>>;

impl BlockCode {
    fn new(block: &Block, scaling: &ScalingTable) -> Result<Self> {
        let program = block.compile(block.enabled())?;
        let cones = block.cones().iter().map(|cone| Ok((*cone, scaling.of_block(block, *cone)?)));
        Ok(Self {
            name: block.name.clone(),
            program,
            membership: block.membership()?,
            collection: block.collection().map(str::to_owned),
            width: block.enabled().count(),
            scalers: cones.collect::<Result<_>>()?,
        })
    }

    /// Computes the features of the lanes and hands each scaled value that is there to `put`: lane, feature, value.
    pub fn run(
        &self,
        loaded: &Loaded,
        lanes: Lanes<'_>,
        cone: Cone,
        scratch: &mut Scratch,
        not_finite: &mut NotFinite,
        mut put: impl FnMut(usize, usize, f32),
    ) {
        let scalers = self.scalers.get(&cone).map_or(&[][..], Vec::as_slice);
        let inputs = loaded.inputs(&self.program);
        self.program.run(&inputs, lanes, scratch, |start, values| {
            for (feature, scaler) in scalers.iter().enumerate() {
                let pairs = values.of(2 * feature).iter().zip(values.of(2 * feature + 1));
                for (lane, (value, _)) in pairs.enumerate().filter(|(_, (_, present))| **present != 0.0) {
                    if value.is_finite() {
                        put(start + lane, feature, scaler.apply(*value));
                    } else {
                        let counts = not_finite.entry(self.name.clone()).or_insert_with(|| vec![0; self.width]);
                        if let Some(count) = counts.get_mut(feature) {
                            *count += 1;
                        }
                    }
                }
            }
        });
    }
}

/// An object in a cell, as it competes for it.
#[derive(Clone, Copy)]
struct Contender {
    place: Place,
    block: u16,
    pt: f32,
    object: u32,
}

impl Encoder {
    /// Prepares a table with its scaling.
    ///
    /// # Errors
    /// Features that the scaling does not have; expressions that cannot be understood.
    pub fn new(table: &FeatureTable, scaling: &ScalingTable) -> Result<Self> {
        let code = |block: &Block| BlockCode::new(block, scaling);
        let flat = table.flat().map(code).transpose()?;
        let global = table.global().map(code).transpose()?;
        let objects: Vec<BlockCode> = table.objects().map(code).collect::<Result<_>>()?;
        let mut wanted = Wanted::default();
        ["tau_pt", "tau_eta", "tau_phi"].iter().for_each(|name| wanted.add(name, false));
        for block in flat.iter().chain(&global).chain(&objects) {
            wanted.add_program(&block.program);
            block.membership.iter().for_each(|program| wanted.add_program(program));
            if let Some(collection) = &block.collection {
                ["pt", "eta", "phi"].iter().for_each(|name| wanted.add(&format!("{collection}_{name}"), true));
            }
        }
        Ok(Self { table: table.clone(), flat, global, objects, wanted, form: Form::Grids })
    }

    /// The same, turning candidates of batches into `form`.
    pub fn with_form(self, form: Form) -> Self {
        Self { form, ..self }
    }

    /// What candidates of batches are turned into.
    pub fn form(&self) -> Form {
        self.form
    }

    /// The columns that it needs.
    pub fn wanted(&self) -> &Wanted {
        &self.wanted
    }

    /// The table.
    pub fn table(&self) -> &FeatureTable {
        &self.table
    }

    /// The candidates' own inputs of the candidates `rows` of a piece of a file.
    pub fn flat(&self, loaded: &Loaded, rows: &[u32], not_finite: &mut NotFinite) -> FlatInputs {
        let Some(block) = &self.flat else { return FlatInputs::default() };
        let mut values = vec![0.0; rows.len() * block.width];
        let lanes = Lanes { rows, objects: &[] };
        block.run(loaded, lanes, Cone::Global, &mut Scratch::default(), not_finite, |lane, feature, value| {
            if let Some(place) = values.get_mut(lane * block.width + feature) {
                *place = value;
            }
        });
        FlatInputs { width: block.width, values }
    }

    /// The grid of a cone of the candidates `rows` of a piece of a file.
    ///
    /// # Errors
    /// Candidates without a direction.
    pub fn grid(&self, loaded: &Loaded, rows: &[u32], cone: Cone, not_finite: &mut NotFinite) -> Result<SparseGrid> {
        let mut scratch = Scratch::default();
        let winners = self.winners(loaded, rows, cone, &mut scratch)?;
        let mut grid = SparseGrid { side: self.table.grid(cone).cells, ..SparseGrid::default() };
        grid.starts.push(0);
        let mut first_cell = Vec::with_capacity(winners.len());
        for contenders in &winners {
            let mut last = None;
            for contender in contenders {
                if last != Some(contender.place) {
                    grid.cells.push(contender.place);
                    last = Some(contender.place);
                }
                first_cell.push(grid.cells.len() - 1);
            }
            grid.starts.push(u32::try_from(grid.cells.len()).unwrap_or(u32::MAX));
        }
        let width = |name: &String| {
            let block = self.global.iter().chain(&self.objects).find(|block| block.name == *name);
            block.map_or(0, |block| block.width)
        };
        for (_, blocks) in &self.table.inputs {
            let width = blocks.iter().map(width).sum::<usize>();
            grid.widths.push(width);
            grid.inputs.push(vec![0.0; width * grid.cells.len()]);
        }
        // where the features of a block stand in the inputs that have it
        let places = |wanted: &str| -> Vec<(usize, usize)> {
            let inputs = self.table.inputs.iter().enumerate();
            let found = inputs.filter_map(|(input, (_, blocks))| {
                let before = blocks.iter().take_while(|name| *name != wanted).map(width).sum();
                blocks.iter().any(|name| name == wanted).then_some((input, before))
            });
            found.collect()
        };
        let owners: Vec<u32> =
            rows.iter().enumerate().flat_map(|(i, row)| std::iter::repeat_n(*row, grid.cells_of(i).len())).collect();
        if let Some(block) = &self.global {
            self.fill_global(block, loaded, rows, &places(&block.name), &mut grid, not_finite);
        }
        let flat: Vec<(usize, &Contender)> = first_cell.into_iter().zip(winners.iter().flatten()).collect();
        for (index, block) in self.objects.iter().enumerate() {
            let mine: Vec<&(usize, &Contender)> =
                flat.iter().filter(|(_, contender)| usize::from(contender.block) == index).collect();
            let objects: Vec<u32> = mine.iter().map(|(_, contender)| contender.object).collect();
            let lane_rows: Vec<u32> =
                mine.iter().map(|(cell, _)| owners.get(*cell).copied().unwrap_or(u32::MAX)).collect();
            let lanes = Lanes { rows: &lane_rows, objects: &objects };
            let places = places(&block.name);
            let (inputs, widths) = (&mut grid.inputs, &grid.widths);
            block.run(loaded, lanes, cone, &mut scratch, not_finite, |lane, feature, value| {
                let cell = mine.get(lane).map_or(usize::MAX, |(cell, _)| *cell);
                for (input, before) in &places {
                    let width = widths.get(*input).copied().unwrap_or(0);
                    let values = inputs.get_mut(*input);
                    let slot = values.and_then(|values| values.get_mut(cell * width + before + feature));
                    if let Some(slot) = slot {
                        *slot = value;
                    }
                }
            });
        }
        Ok(grid)
    }

    /// The features that every occupied cell of a candidate has.
    fn fill_global(
        &self,
        block: &BlockCode,
        loaded: &Loaded,
        rows: &[u32],
        places: &[(usize, usize)],
        grid: &mut SparseGrid,
        not_finite: &mut NotFinite,
    ) {
        let mut values = vec![0.0; rows.len() * block.width];
        let lanes = Lanes { rows, objects: &[] };
        block.run(loaded, lanes, Cone::Global, &mut Scratch::default(), not_finite, |lane, feature, value| {
            if let Some(place) = values.get_mut(lane * block.width + feature) {
                *place = value;
            }
        });
        for (candidate, mine) in values.chunks_exact(block.width.max(1)).enumerate() {
            let cells = grid.cells_of(candidate);
            for (input, before) in places {
                let width = grid.widths.get(*input).copied().unwrap_or(0);
                let Some(input) = grid.inputs.get_mut(*input) else { continue };
                for cell in cells.clone() {
                    let at = cell * width + before;
                    if let Some(into) = input.get_mut(at..at + block.width) {
                        into.copy_from_slice(mine);
                    }
                }
            }
        }
    }

    /// Of each candidate: the object of highest momentum of each kind in each cell, by cell and kind.
    fn winners(&self, loaded: &Loaded, rows: &[u32], cone: Cone, scratch: &mut Scratch) -> Result<Vec<Vec<Contender>>> {
        let kinds = self.kinds(loaded, scratch);
        let (tau_pt, tau_eta, tau_phi) = (loaded.column("tau_pt"), loaded.column("tau_eta"), loaded.column("tau_phi"));
        let columns: Vec<[&[f32]; 3]> = kinds
            .iter()
            .map(|(name, _)| ["pt", "eta", "phi"].map(|column| loaded.column(&format!("{name}_{column}"))))
            .collect();
        let mut all = Vec::with_capacity(rows.len());
        for row in rows {
            let row = *row as usize;
            let (Some(pt), Some(eta), Some(phi)) = (tau_pt.get(row), tau_eta.get(row), tau_phi.get(row)) else {
                return Err(TauError::config("candidate", "the direction of the candidates was not read"));
            };
            let signal = signal_radius(f64::from(*pt));
            let (from, to) = match cone {
                Cone::Inner => (0.0, signal),
                _ if self.table.remove_inner_from_outer => (signal, self.table.isolation_cone),
                _ => (0.0, self.table.isolation_cone),
            };
            let finder = CellFinder::new(self.table.grid(cone), from, to);
            let mut contenders: Vec<Contender> = Vec::new();
            for ((collection, kinds), [pts, etas, phis]) in kinds.iter().zip(&columns) {
                for object in loaded.objects(collection, row) {
                    let Some(kind) = kinds.get(object).filter(|kind| **kind != NO_KIND) else { continue };
                    let at = |values: &[f32]| values.get(object).copied().unwrap_or(f32::NAN);
                    let Some(place) = finder.find(at(etas), at(phis), (*eta, *phi)) else { continue };
                    let object = u32::try_from(object).unwrap_or(u32::MAX);
                    contenders.push(Contender { place, block: *kind, pt: at(pts), object });
                }
            }
            contenders.sort_by(|a, b| {
                (a.place, a.block).cmp(&(b.place, b.block)).then(b.pt.total_cmp(&a.pt)).then(a.object.cmp(&b.object))
            });
            contenders.dedup_by_key(|contender| (contender.place, contender.block));
            all.push(contenders);
        }
        Ok(all)
    }

    /// Of each collection: the block that each object belongs to.
    pub(super) fn kinds(&self, loaded: &Loaded, scratch: &mut Scratch) -> Vec<(String, Vec<u16>)> {
        let mut kinds: Vec<(String, Vec<u16>)> = Vec::new();
        for (index, block) in (0_u16..).zip(&self.objects) {
            let Some(collection) = &block.collection else { continue };
            let count = loaded.column(&format!("{collection}_pt")).len();
            let known = kinds.iter().position(|(name, _)| name == collection);
            let place = known.unwrap_or_else(|| {
                kinds.push((collection.clone(), vec![NO_KIND; count]));
                kinds.len() - 1
            });
            let Some((_, mine)) = kinds.get_mut(place) else { continue };
            let Some(program) = &block.membership else {
                mine.fill(index);
                continue;
            };
            let objects: Vec<u32> = (0..u32::try_from(count).unwrap_or(u32::MAX)).collect();
            let mut rows = Vec::with_capacity(count);
            for row in 0..loaded.len() {
                let number = u32::try_from(row).unwrap_or(u32::MAX);
                rows.extend(std::iter::repeat_n(number, loaded.objects(collection, row).len()));
            }
            let inputs = loaded.inputs(program);
            program.run(&inputs, Lanes { rows: &rows, objects: &objects }, scratch, |start, values| {
                let belongs = values.of(0).iter().map(|value| *value != 0.0);
                for (kind, _) in mine.iter_mut().skip(start).zip(belongs).filter(|(_, belongs)| *belongs) {
                    *kind = index;
                }
            });
        }
        kinds
    }
}

/// Objects that belong to no block.
pub(super) const NO_KIND: u16 = u16::MAX;
