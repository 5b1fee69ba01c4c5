//! The cells of events through the front end: what the chain gets when the chips of the wafers have compressed them.
//!
//! Every silicon wafer of an event hands its cells to an emulated chip ([`recoil_econt::front_end`]) and gets back what the
//! decoder behind the links makes of them. A cell keeps its place and gets the energy that arrives; a cell of which nothing
//! arrives is gone; where energy arrives in a cell that had none, a cell is made ([`place`] tells where). Scintillator cells
//! belong to no wafer and pass as they are.
//!
//! ```
//! use recoil_hgcal::data::{EventBatch, TriggerCell};
//! use recoil_hgcal::front_end::{Compression, FrontEnd, FrontEndConfig};
//!
//! let mut events = EventBatch::default();
//! for mip_pt in [40.0, 1.0] {
//!     let cell = TriggerCell { layer: 7, cu: mip_pt as i32 % 2, z: 330.0, x: 90.0, pt: mip_pt / 10.0, mip_pt, ..TriggerCell::default() };
//!     events.cells.push(cell);
//! }
//! events.finish_event(1);
//!
//! let config = FrontEndConfig { algorithm: Compression::Threshold, decoded: false, ..FrontEndConfig::default() };
//! let front_end = FrontEnd::new(&config)?;
//! let (arrived, traffic) = front_end.send(&events)?;
//! assert_eq!(arrived.cells.mip_pt, [40.0]);
//! assert_eq!((traffic.wafers, traffic.cells, traffic.cells_arrived), (1, 2, 1));
//! # Ok::<(), recoil_hgcal::HgcalError>(())
//! ```

pub mod place;

use rayon::prelude::*;
pub use recoil_econt::emulator::registers::Density;
pub use recoil_econt::emulator::super_cells::SuperCell;
pub use recoil_econt::front_end::{Compression, FrontEndConfig};
use recoil_econt::front_end::{EventCells, EventWafer, Received, wafers_of};
use recoil_econt::wafer::COUNTS_PER_MIP;
use serde::Serialize;

use crate::data::{EventBatch, TriggerCell, TriggerCellColumns, TriggerCells};
use crate::error::{HgcalError, Result};
use place::{Orientations, WaferFrame};

/// The front end of the whole detector; one that compresses nothing passes all cells.
#[derive(Clone, Debug)]
pub struct FrontEnd(Option<recoil_econt::front_end::FrontEnd>);

/// What went through the front end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Traffic {
    /// Wafers with a cell.
    pub wafers: usize,
    /// Silicon cells that the wafers had.
    pub cells: usize,
    /// Silicon cells that arrived.
    pub cells_arrived: usize,
    /// Those of them that are new: the wafers had no such cell.
    pub cells_made: usize,
    /// Cells without a wafer (scintillator), which pass as they are.
    pub cells_passed: usize,
    /// Bits of the frames, in whole words.
    pub bits: u64,
    /// Bits that the links can take in the crossings of these events.
    pub link_bits: u64,
    /// Frames with more bits than their links take in one crossing; a buffer has to keep them.
    pub long_frames: usize,
    /// Transverse momentum of the silicon cells \[GeV\].
    pub pt: f64,
    /// Transverse momentum of the silicon cells that arrived \[GeV\].
    pub pt_arrived: f64,
}

impl std::ops::AddAssign for Traffic {
    fn add_assign(&mut self, other: Self) {
        self.wafers += other.wafers;
        self.cells += other.cells;
        self.cells_arrived += other.cells_arrived;
        self.cells_made += other.cells_made;
        self.cells_passed += other.cells_passed;
        self.bits += other.bits;
        self.link_bits += other.link_bits;
        self.long_frames += other.long_frames;
        self.pt += other.pt;
        self.pt_arrived += other.pt_arrived;
    }
}

impl Traffic {
    /// Mean bits of a wafer's frame; NaN without a front end.
    pub fn bits_per_wafer(&self) -> f64 {
        if self.link_bits == 0 { f64::NAN } else { self.bits as f64 / self.wafers as f64 }
    }

    /// Bits that the links of a wafer take in one crossing; NaN without a front end.
    pub fn link_bits_per_wafer(&self) -> f64 {
        if self.link_bits == 0 { f64::NAN } else { self.link_bits as f64 / self.wafers as f64 }
    }

    /// Part of the transverse momentum of the silicon cells that arrived; 1 where there was none to lose.
    pub fn pt_kept(&self) -> f64 {
        if self.pt > 0.0 { self.pt_arrived / self.pt } else { 1.0 }
    }

    /// All cells that arrived, with and without wafers.
    pub fn all_arrived(&self) -> usize {
        self.cells_arrived + self.cells_passed
    }

    /// Part of the frames that are longer than their links take in one crossing; NaN without a front end.
    pub fn long_fraction(&self) -> f64 {
        if self.link_bits == 0 { f64::NAN } else { self.long_frames as f64 / self.wafers as f64 }
    }
}

impl FrontEnd {
    /// Sets the front end up.
    ///
    /// # Errors
    /// [`HgcalError::FrontEndSetUp`]: settings that cannot work, a folder without a model, a model that the chip cannot hold.
    pub fn new(config: &FrontEndConfig) -> Result<Self> {
        recoil_econt::front_end::FrontEnd::new(config).map(Self).map_err(HgcalError::FrontEndSetUp)
    }

    /// Whether cells pass as they are.
    pub fn is_none(&self) -> bool {
        self.0.is_none()
    }

    /// What a user should know about this set-up.
    pub fn warning(&self) -> Option<String> {
        self.0.as_ref()?.warning()
    }

    /// Sends events, in parallel on the current rayon pool. Events keep their order; the result does not depend on the
    /// number of threads.
    ///
    /// # Errors
    /// That of the first event that has one, as of [`FrontEnd::event`].
    pub fn send(&self, events: &EventBatch) -> Result<(EventBatch, Traffic)> {
        if self.is_none() {
            return Ok((events.clone(), Traffic { cells_passed: events.cells.len(), ..Traffic::default() }));
        }
        let one = |i: usize| {
            let mut cells = TriggerCellColumns::default();
            let number = events.event.get(i).copied().unwrap_or_default();
            self.event(number, &events.event_cells(i), &mut cells).map(|traffic| (cells, traffic))
        };
        let all: Vec<Result<(TriggerCellColumns, Traffic)>> = (0..events.len()).into_par_iter().map(one).collect();
        let (mut arrived, mut traffic) = (EventBatch::default(), Traffic::default());
        arrived.sample.clone_from(&events.sample);
        for (event, sent) in events.event.iter().zip(all) {
            let (cells, own) = sent?;
            arrived.cells.append(&cells);
            arrived.finish_event(*event);
            traffic += own;
        }
        Ok((arrived, traffic))
    }

    /// Sends one event; what arrives replaces `arrived`: the cells in their order, then those that are new, wafer by wafer.
    ///
    /// # Errors
    /// As of [`EventOnWafers::new`].
    pub fn event(&self, event: i64, cells: &TriggerCells<'_>, arrived: &mut TriggerCellColumns) -> Result<Traffic> {
        self.sorted_event(&EventOnWafers::new(event, cells)?, arrived)
    }

    /// The same for an event whose wafers are known.
    ///
    /// # Errors
    /// [`HgcalError::FrontEnd`] for a network that cannot work, which is a mistake in the program.
    pub fn sorted_event(&self, event: &EventOnWafers<'_>, arrived: &mut TriggerCellColumns) -> Result<Traffic> {
        let EventOnWafers { event, cells, wafers } = event;
        arrived.clear();
        let Some(front_end) = &self.0 else {
            (0..cells.len()).filter_map(|row| cells.get(row)).for_each(|cell| arrived.push(cell));
            forget(cells, arrived);
            return Ok(Traffic { cells_passed: cells.len(), ..Traffic::default() });
        };
        let fault = |source| HgcalError::FrontEnd { event: *event, source };
        let received = front_end.send(wafers).map_err(fault)?;
        let link_bits = front_end.link_bits();
        let mut traffic = Traffic { wafers: wafers.len(), ..Traffic::default() };
        for received in &received {
            traffic.bits += u64::from(received.bits);
            traffic.link_bits += u64::from(link_bits);
            traffic.long_frames += usize::from(received.bits > link_bits);
        }
        let mip_pt = mip_pt_of_rows(cells.len(), wafers, &received);
        for (row, mip_pt) in mip_pt.iter().enumerate() {
            let Some(cell) = cells.get(row) else { continue };
            let Some(mip_pt) = mip_pt else {
                traffic.cells_passed += 1;
                arrived.push(cell);
                continue;
            };
            traffic.cells += 1;
            traffic.pt += f64::from(cell.pt);
            let factor = mip_pt / f64::from(cell.mip_pt);
            if factor > 0.0 && factor.is_finite() {
                let sent = with_energy(cell, *mip_pt, factor);
                traffic.cells_arrived += 1;
                traffic.pt_arrived += f64::from(sent.pt);
                arrived.push(sent);
            }
        }
        make_cells(cells, wafers, &received, arrived, &mut traffic);
        forget(cells, arrived);
        Ok(traffic)
    }
}

/// An event with its cells sorted into wafers.
#[derive(Clone, Debug)]
pub struct EventOnWafers<'a> {
    event: i64,
    cells: TriggerCells<'a>,
    wafers: Vec<EventWafer>,
}

impl<'a> EventOnWafers<'a> {
    /// Sorts the cells of an event.
    ///
    /// # Errors
    /// [`HgcalError::ColumnLengths`]; [`HgcalError::FrontEnd`] for cells that no wafer has, that are there twice, or whose
    /// energy is negative or not finite.
    pub fn new(event: i64, cells: &TriggerCells<'a>) -> Result<Self> {
        if !cells.is_consistent() {
            return Err(HgcalError::ColumnLengths);
        }
        let wafers = wafers_of(&on_wafers(cells)).map_err(|source| HgcalError::FrontEnd { event, source })?;
        Ok(Self { event, cells: *cells, wafers })
    }
}

/// What the event does not know, its cells behind the front end do not know either.
fn forget(cells: &TriggerCells<'_>, arrived: &mut TriggerCellColumns) {
    if cells.subdet.is_none() {
        arrived.subdet.clear();
    }
}

/// The columns that tell cells and wafers.
fn on_wafers<'a>(cells: &TriggerCells<'a>) -> EventCells<'a> {
    EventCells {
        layer: cells.layer,
        wafer_u: cells.wu,
        wafer_v: cells.wv,
        cell_u: cells.cu,
        cell_v: cells.cv,
        z: cells.z,
        eta: cells.eta,
        mip_pt: cells.mip_pt,
    }
}

/// The transverse energy \[MIP\] that arrives in each row of the event; nothing for rows without a wafer.
fn mip_pt_of_rows(rows: usize, wafers: &[EventWafer], received: &[Received]) -> Vec<Option<f64>> {
    let mut all = vec![None; rows];
    for (wafer, received) in wafers.iter().zip(received) {
        for (row, charge) in wafer.rows.iter().zip(received.charges) {
            if let Some(place) = row.and_then(|row| all.get_mut(row as usize)) {
                *place = Some(charge / COUNTS_PER_MIP);
            }
        }
    }
    all
}

fn with_energy(cell: TriggerCell, mip_pt: f64, factor: f64) -> TriggerCell {
    let scaled = |value: f32| (f64::from(value) * factor) as f32;
    TriggerCell { mip_pt: mip_pt as f32, pt: scaled(cell.pt), energy: scaled(cell.energy), ..cell }
}

/// Makes cells where energy arrives and the event had none. Momentum per MIP is that of the wafer's own cells.
fn make_cells(
    cells: &TriggerCells<'_>,
    wafers: &[EventWafer],
    received: &[Received],
    arrived: &mut TriggerCellColumns,
    traffic: &mut Traffic,
) {
    let had_energy =
        |row: &Option<u32>| row.and_then(|row| cells.mip_pt.get(row as usize)).is_some_and(|&mip_pt| mip_pt > 0.0);
    let mut orientations: Option<Orientations> = None;
    for (wafer, received) in wafers.iter().zip(received) {
        let is_new = |(row, charge): (&Option<u32>, &f64)| *charge > 0.0 && !had_energy(row);
        if !wafer.rows.iter().zip(&received.charges).any(is_new) {
            continue;
        }
        let orientations = orientations.get_or_insert_with(|| Orientations::of(cells, wafers));
        let Some(frame) = WaferFrame::of(cells, wafer, orientations) else { continue };
        for (number, (row, charge)) in wafer.rows.iter().zip(&received.charges).enumerate() {
            let made = is_new((row, charge)).then(|| frame.cell(number, charge / COUNTS_PER_MIP)).flatten();
            let Some(cell) = made else { continue };
            traffic.cells_arrived += 1;
            traffic.cells_made += 1;
            traffic.pt_arrived += f64::from(cell.pt);
            arrived.push(cell);
        }
    }
}
