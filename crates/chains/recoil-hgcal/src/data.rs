//! The chain's columns: events in memory, and the name, type, unit and meaning of every column on file.
//!
//! Inside the program an event is a set of column slices ([`TriggerCells`], [`GenParticles`]); many events are the same
//! columns back to back with offsets ([`EventBatch`]). On file a table is described by a list of [`ColumnDef`]s in
//! [`columns`], which also names the branches of the CMSSW ntuple and of the skim that hold the same quantity.

pub mod columns;
pub mod primitives;

pub use columns::{ColumnDef, ColumnType};

/// Number of layers that the trigger numbering knows: 28 of CE-E, then CE-H (22 in V11, up to layer 52 in the tables).
pub const MAX_LAYER: usize = 52;
/// Last layer of the electromagnetic part (CE-E) in the V11 numbering.
pub const LAST_CEE_LAYER: i32 = 28;
/// `waferu` and `waferv` of scintillator trigger cells, which live on (ieta, iphi) = (cellu, cellv) instead.
pub const SCINTILLATOR_WAFER: i32 = -999;

/// Sub-detector codes of the `subdet` column.
pub mod subdet {
    /// Electromagnetic part, silicon.
    pub const CEE: i32 = 1;
    /// Hadronic part, silicon.
    pub const CEH_SILICON: i32 = 2;
    /// Hadronic part, scintillator.
    pub const CEH_SCINTILLATOR: i32 = 10;
}

/// The trigger cells of one event (or of any run of events), one slice per column, all of equal length.
#[derive(Clone, Copy, Debug, Default)]
pub struct TriggerCells<'a> {
    /// Wafer coordinate u; [`SCINTILLATOR_WAFER`] for scintillator cells.
    pub wu: &'a [i32],
    /// Wafer coordinate v; [`SCINTILLATOR_WAFER`] for scintillator cells.
    pub wv: &'a [i32],
    /// Cell coordinate u inside the wafer (0..7), or ieta of a scintillator cell.
    pub cu: &'a [i32],
    /// Cell coordinate v inside the wafer (0..7), or iphi of a scintillator cell.
    pub cv: &'a [i32],
    /// Layer, 1..=52; CE-H continues after CE-E.
    pub layer: &'a [i32],
    /// Sub-detector (see [`subdet`]), where the input knows it.
    pub subdet: Option<&'a [i32]>,
    /// Transverse momentum \[GeV\].
    pub pt: &'a [f32],
    /// Transverse energy in units of a minimum-ionising particle \[mipT\].
    pub mip_pt: &'a [f32],
    /// Energy \[GeV\].
    pub energy: &'a [f32],
    /// Position \[cm\].
    pub x: &'a [f32],
    /// Position \[cm\].
    pub y: &'a [f32],
    /// Position along the beam \[cm\]; its sign is the endcap.
    pub z: &'a [f32],
    /// Pseudorapidity.
    pub eta: &'a [f32],
    /// Azimuth \[rad\], in (-pi, pi].
    pub phi: &'a [f32],
}

impl<'a> TriggerCells<'a> {
    /// Number of trigger cells.
    pub fn len(&self) -> usize {
        self.x.len()
    }

    /// Whether there is no trigger cell.
    pub fn is_empty(&self) -> bool {
        self.x.is_empty()
    }

    /// Whether all columns have the length of `x`. Readers check this once; the algorithms rely on it.
    pub fn is_consistent(&self) -> bool {
        let n = self.len();
        [self.wu, self.wv, self.cu, self.cv, self.layer].iter().all(|c| c.len() == n)
            && [self.pt, self.mip_pt, self.energy, self.y, self.z, self.eta, self.phi].iter().all(|c| c.len() == n)
            && self.subdet.is_none_or(|c| c.len() == n)
    }

    /// The cells `range`, clipped to the cells that exist.
    pub fn slice(&self, range: std::ops::Range<usize>) -> TriggerCells<'a> {
        fn cut<T>(column: &[T], range: std::ops::Range<usize>) -> &[T] {
            let end = range.end.min(column.len());
            column.get(range.start.min(end)..end).unwrap_or(&[])
        }
        let r = || range.clone();
        TriggerCells {
            wu: cut(self.wu, r()),
            wv: cut(self.wv, r()),
            cu: cut(self.cu, r()),
            cv: cut(self.cv, r()),
            layer: cut(self.layer, r()),
            subdet: self.subdet.map(|c| cut(c, r())),
            pt: cut(self.pt, r()),
            mip_pt: cut(self.mip_pt, r()),
            energy: cut(self.energy, r()),
            x: cut(self.x, r()),
            y: cut(self.y, r()),
            z: cut(self.z, r()),
            eta: cut(self.eta, r()),
            phi: cut(self.phi, r()),
        }
    }

    /// Cell `i` as a row; `None` past the end.
    pub fn get(&self, i: usize) -> Option<TriggerCell> {
        Some(TriggerCell {
            wu: *self.wu.get(i)?,
            wv: *self.wv.get(i)?,
            cu: *self.cu.get(i)?,
            cv: *self.cv.get(i)?,
            layer: *self.layer.get(i)?,
            subdet: match self.subdet {
                Some(column) => *column.get(i)?,
                None => 0,
            },
            pt: *self.pt.get(i)?,
            mip_pt: *self.mip_pt.get(i)?,
            energy: *self.energy.get(i)?,
            x: *self.x.get(i)?,
            y: *self.y.get(i)?,
            z: *self.z.get(i)?,
            eta: *self.eta.get(i)?,
            phi: *self.phi.get(i)?,
        })
    }
}

/// One trigger cell, the row that [`TriggerCellColumns::push`] takes. Units as in [`TriggerCells`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[allow(missing_docs)]
pub struct TriggerCell {
    pub wu: i32,
    pub wv: i32,
    pub cu: i32,
    pub cv: i32,
    pub layer: i32,
    pub subdet: i32,
    pub pt: f32,
    pub mip_pt: f32,
    pub energy: f32,
    pub x: f32,
    pub y: f32,
    pub z: f32,
    pub eta: f32,
    pub phi: f32,
}

/// Owned trigger-cell columns, the builder behind [`TriggerCells`]. Units as there.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)]
pub struct TriggerCellColumns {
    pub wu: Vec<i32>,
    pub wv: Vec<i32>,
    pub cu: Vec<i32>,
    pub cv: Vec<i32>,
    pub layer: Vec<i32>,
    /// Empty when the input does not know the sub-detector.
    pub subdet: Vec<i32>,
    pub pt: Vec<f32>,
    pub mip_pt: Vec<f32>,
    pub energy: Vec<f32>,
    pub x: Vec<f32>,
    pub y: Vec<f32>,
    pub z: Vec<f32>,
    pub eta: Vec<f32>,
    pub phi: Vec<f32>,
}

impl TriggerCellColumns {
    /// Appends one cell.
    pub fn push(&mut self, cell: TriggerCell) {
        self.wu.push(cell.wu);
        self.wv.push(cell.wv);
        self.cu.push(cell.cu);
        self.cv.push(cell.cv);
        self.layer.push(cell.layer);
        self.subdet.push(cell.subdet);
        self.pt.push(cell.pt);
        self.mip_pt.push(cell.mip_pt);
        self.energy.push(cell.energy);
        self.x.push(cell.x);
        self.y.push(cell.y);
        self.z.push(cell.z);
        self.eta.push(cell.eta);
        self.phi.push(cell.phi);
    }

    /// Number of cells.
    pub fn len(&self) -> usize {
        self.x.len()
    }

    /// Whether there is no cell.
    pub fn is_empty(&self) -> bool {
        self.x.is_empty()
    }

    /// Removes all cells and keeps the memory.
    pub fn clear(&mut self) {
        for column in [&mut self.wu, &mut self.wv, &mut self.cu, &mut self.cv, &mut self.layer, &mut self.subdet] {
            column.clear();
        }
        for column in [
            &mut self.pt,
            &mut self.mip_pt,
            &mut self.energy,
            &mut self.x,
            &mut self.y,
            &mut self.z,
            &mut self.eta,
            &mut self.phi,
        ] {
            column.clear();
        }
    }

    /// Appends all cells of `other`. Either both know the sub-detector or neither does, unless `self` is empty.
    pub fn append(&mut self, other: &Self) {
        for (to, from) in [
            (&mut self.wu, &other.wu),
            (&mut self.wv, &other.wv),
            (&mut self.cu, &other.cu),
            (&mut self.cv, &other.cv),
            (&mut self.layer, &other.layer),
            (&mut self.subdet, &other.subdet),
        ] {
            to.extend_from_slice(from);
        }
        for (to, from) in [
            (&mut self.pt, &other.pt),
            (&mut self.mip_pt, &other.mip_pt),
            (&mut self.energy, &other.energy),
            (&mut self.x, &other.x),
            (&mut self.y, &other.y),
            (&mut self.z, &other.z),
            (&mut self.eta, &other.eta),
            (&mut self.phi, &other.phi),
        ] {
            to.extend_from_slice(from);
        }
    }

    /// Keeps the first `at` cells and returns the others.
    pub fn split_off(&mut self, at: usize) -> Self {
        let at = at.min(self.len());
        let subdet = if self.subdet.is_empty() { Vec::new() } else { self.subdet.split_off(at) };
        Self {
            wu: self.wu.split_off(at),
            wv: self.wv.split_off(at),
            cu: self.cu.split_off(at),
            cv: self.cv.split_off(at),
            layer: self.layer.split_off(at),
            subdet,
            pt: self.pt.split_off(at),
            mip_pt: self.mip_pt.split_off(at),
            energy: self.energy.split_off(at),
            x: self.x.split_off(at),
            y: self.y.split_off(at),
            z: self.z.split_off(at),
            eta: self.eta.split_off(at),
            phi: self.phi.split_off(at),
        }
    }

    /// The columns as slices.
    pub fn view(&self) -> TriggerCells<'_> {
        TriggerCells {
            wu: &self.wu,
            wv: &self.wv,
            cu: &self.cu,
            cv: &self.cv,
            layer: &self.layer,
            subdet: (self.subdet.len() == self.len()).then_some(self.subdet.as_slice()),
            pt: &self.pt,
            mip_pt: &self.mip_pt,
            energy: &self.energy,
            x: &self.x,
            y: &self.y,
            z: &self.z,
            eta: &self.eta,
            phi: &self.phi,
        }
    }
}

/// The generated particles of one event. All slices have equal length.
#[derive(Clone, Copy, Debug, Default)]
pub struct GenParticles<'a> {
    /// PDG code; empty when the input does not know it.
    pub pid: &'a [i32],
    /// Pseudorapidity, extrapolated to the calorimeter face.
    pub eta: &'a [f64],
    /// Azimuth \[rad\], extrapolated to the calorimeter face.
    pub phi: &'a [f64],
    /// Energy \[GeV\].
    pub energy: &'a [f64],
    /// Transverse momentum \[GeV\].
    pub pt: &'a [f64],
}

impl GenParticles<'_> {
    /// Number of particles.
    pub fn len(&self) -> usize {
        self.eta.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.eta.is_empty()
    }
}

/// Owned columns of generated particles. Units as in [`GenParticles`].
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)]
pub struct GenColumns {
    pub pid: Vec<i32>,
    pub eta: Vec<f64>,
    pub phi: Vec<f64>,
    pub energy: Vec<f64>,
    pub pt: Vec<f64>,
}

impl GenColumns {
    /// Appends one particle.
    pub fn push(&mut self, pid: i32, eta: f64, phi: f64, energy: f64, pt: f64) {
        self.pid.push(pid);
        self.eta.push(eta);
        self.phi.push(phi);
        self.energy.push(energy);
        self.pt.push(pt);
    }

    /// Number of particles.
    pub fn len(&self) -> usize {
        self.eta.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.eta.is_empty()
    }

    /// The particles `range`, clipped to those that exist.
    pub fn slice(&self, range: std::ops::Range<usize>) -> GenParticles<'_> {
        let end = range.end.min(self.len());
        let range = range.start.min(end)..end;
        GenParticles {
            pid: self.pid.get(range.clone()).unwrap_or(&[]),
            eta: self.eta.get(range.clone()).unwrap_or(&[]),
            phi: self.phi.get(range.clone()).unwrap_or(&[]),
            energy: self.energy.get(range.clone()).unwrap_or(&[]),
            pt: self.pt.get(range).unwrap_or(&[]),
        }
    }
}

/// Several events: the cells of event `i` are `offsets[i]..offsets[i + 1]` of [`EventBatch::cells`].
#[derive(Clone, Debug)]
pub struct EventBatch {
    /// Sample of each event; empty when the input has no `sample` column.
    pub sample: Vec<String>,
    /// Event numbers, as on file.
    pub event: Vec<i64>,
    /// One more entry than events, starting at 0.
    pub offsets: Vec<usize>,
    /// The cells of all events, back to back.
    pub cells: TriggerCellColumns,
}

impl Default for EventBatch {
    fn default() -> Self {
        Self { sample: Vec::new(), event: Vec::new(), offsets: vec![0], cells: TriggerCellColumns::default() }
    }
}

impl EventBatch {
    /// Number of events.
    pub fn len(&self) -> usize {
        self.event.len()
    }

    /// Whether there is no event.
    pub fn is_empty(&self) -> bool {
        self.event.is_empty()
    }

    /// Closes an event: the cells pushed to [`EventBatch::cells`] since the last call belong to `event`.
    pub fn finish_event(&mut self, event: i64) {
        self.event.push(event);
        self.offsets.push(self.cells.len());
    }

    /// The cells of event `i`; no cells past the end.
    pub fn event_cells(&self, i: usize) -> TriggerCells<'_> {
        match (self.offsets.get(i), self.offsets.get(i + 1)) {
            (Some(&start), Some(&end)) => self.cells.view().slice(start..end),
            _ => TriggerCells::default(),
        }
    }

    /// Removes all events and keeps the memory.
    pub fn clear(&mut self) {
        self.sample.clear();
        self.event.clear();
        self.offsets.clear();
        self.offsets.push(0);
        self.cells.clear();
    }
}

/// The generated particles of several events: those of event `i` are `offsets[i]..offsets[i + 1]` of
/// [`GenBatch::particles`].
#[derive(Clone, Debug)]
pub struct GenBatch {
    /// Event numbers, as on file.
    pub event: Vec<i64>,
    /// One more entry than events, starting at 0.
    pub offsets: Vec<usize>,
    /// The particles of all events, back to back.
    pub particles: GenColumns,
}

impl Default for GenBatch {
    fn default() -> Self {
        Self { event: Vec::new(), offsets: vec![0], particles: GenColumns::default() }
    }
}

impl GenBatch {
    /// Closes an event: the particles pushed since the last call belong to `event`.
    pub fn finish_event(&mut self, event: i64) {
        self.event.push(event);
        self.offsets.push(self.particles.len());
    }

    /// The particles of event `i`; none past the end.
    pub fn event_particles(&self, i: usize) -> GenParticles<'_> {
        match (self.offsets.get(i), self.offsets.get(i + 1)) {
            (Some(&start), Some(&end)) => self.particles.slice(start..end),
            _ => GenParticles::default(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn events_keep_their_cells() {
        let mut batch = EventBatch::default();
        for (event, n) in [(7, 2), (9, 0), (8, 3)] {
            for i in 0..n {
                batch.cells.push(TriggerCell { layer: event, cu: i, x: 1.0, ..TriggerCell::default() });
            }
            batch.finish_event(i64::from(event));
        }
        assert_eq!(batch.len(), 3);
        assert_eq!(batch.event_cells(0).len(), 2);
        assert!(batch.event_cells(1).is_empty());
        assert_eq!(batch.event_cells(2).layer, &[8, 8, 8]);
        assert_eq!(batch.event_cells(2).get(2).unwrap().cu, 2);
        assert!(batch.event_cells(2).is_consistent());
        assert!(batch.event_cells(3).is_empty());
    }
}
