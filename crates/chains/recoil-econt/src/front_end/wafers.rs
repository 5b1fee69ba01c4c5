//! The trigger cells of an event, wafer by wafer.

use std::collections::BTreeMap;

use crate::data::{LARGEST_CHARGE, Wafer};
use crate::error::{EcontError, Result};
use crate::wafer::{CELLS, COUNTS_PER_MIP, UV};

/// Trigger cells of one event, one slice per column.
#[derive(Clone, Copy, Debug, Default)]
pub struct EventCells<'a> {
    /// Layer.
    pub layer: &'a [i32],
    /// Wafer coordinate u; negative beyond any wafer for scintillator cells.
    pub wafer_u: &'a [i32],
    /// Wafer coordinate v.
    pub wafer_v: &'a [i32],
    /// Cell coordinate u in the wafer, 0 to 7.
    pub cell_u: &'a [i32],
    /// Cell coordinate v in the wafer, 0 to 7.
    pub cell_v: &'a [i32],
    /// Position along the beam, whose sign is the endcap.
    pub z: &'a [f32],
    /// Pseudorapidity.
    pub eta: &'a [f32],
    /// Transverse energy \[MIP\].
    pub mip_pt: &'a [f32],
}

/// Where a wafer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WaferPlace {
    /// Endcap: 1 or -1.
    pub zside: i32,
    /// Layer.
    pub layer: i32,
    /// Coordinate u.
    pub u: i32,
    /// Coordinate v.
    pub v: i32,
}

/// A wafer of an event.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EventWafer {
    /// Where it is.
    pub place: WaferPlace,
    /// Mean pseudorapidity of its trigger cells in the event.
    pub eta: f32,
    /// Charges by trigger-cell number \[counts\].
    pub charges: Wafer,
    /// Row of every trigger cell in the event, where it has one.
    pub rows: [Option<u32>; CELLS],
}

/// Wafer coordinates from here on are those of scintillator cells.
const LARGEST_COORDINATE: i32 = 100;

/// Trigger-cell number of the cell (u, v); `None` outside of a wafer.
pub fn cell_number(u: i32, v: i32) -> Option<usize> {
    const NUMBERS: [[Option<u8>; 8]; 8] = numbers();
    let row = NUMBERS.get(usize::try_from(u).ok()?)?;
    row.get(usize::try_from(v).ok()?)?.map(usize::from)
}

const fn numbers() -> [[Option<u8>; 8]; 8] {
    let mut table = [[None; 8]; 8];
    let mut t = 0;
    while t < CELLS {
        table[UV[t].0 as usize][UV[t].1 as usize] = Some(t as u8);
        t += 1;
    }
    table
}

/// The wafers of an event in the order of endcap, layer and coordinates. Charges are rounded to whole counts, 35 of which
/// are one MIP. Scintillator cells belong to no wafer.
///
/// # Errors
/// Columns of different lengths; two rows of one cell; cells that no wafer has; energies that are negative or not finite.
pub fn wafers_of(cells: &EventCells<'_>) -> Result<Vec<EventWafer>> {
    let count = cells.mip_pt.len();
    let lengths = [cells.layer, cells.wafer_u, cells.wafer_v, cells.cell_u, cells.cell_v].map(<[i32]>::len);
    let fault = |row: usize, reason: String| EcontError::TriggerCell { row, reason };
    if lengths.iter().any(|&length| length != count) || cells.z.len() != count || cells.eta.len() != count {
        return Err(fault(0, "the columns have different lengths".to_owned()));
    }
    let mut wafers: Vec<EventWafer> = Vec::new();
    let mut known: BTreeMap<WaferPlace, usize> = BTreeMap::new();
    let columns = cells.layer.iter().zip(cells.wafer_u).zip(cells.wafer_v).zip(cells.cell_u.iter().zip(cells.cell_v));
    let floats = cells.z.iter().zip(cells.eta).zip(cells.mip_pt);
    for (row, ((((&layer, &u), &v), (&cell_u, &cell_v)), ((&z, &eta), &mip_pt))) in columns.zip(floats).enumerate() {
        if u.abs() > LARGEST_COORDINATE || v.abs() > LARGEST_COORDINATE {
            continue;
        }
        let number = cell_number(cell_u, cell_v)
            .ok_or_else(|| fault(row, format!("no wafer has a trigger cell ({cell_u}, {cell_v})")))?;
        if !(mip_pt.is_finite() && mip_pt >= 0.0) {
            return Err(fault(row, format!("the transverse energy {mip_pt} is negative or not finite")));
        }
        let place = WaferPlace { zside: if z < 0.0 { -1 } else { 1 }, layer, u, v };
        let index = *known.entry(place).or_insert_with(|| {
            wafers.push(EventWafer { place, eta: 0.0, charges: [0; CELLS], rows: [None; CELLS] });
            wafers.len() - 1
        });
        let Some(wafer) = wafers.get_mut(index) else { continue };
        let counts = (f64::from(mip_pt) * COUNTS_PER_MIP).round().min(f64::from(LARGEST_CHARGE)) as u32;
        if let (Some(known), Some(charge)) = (wafer.rows.get_mut(number), wafer.charges.get_mut(number)) {
            if known.is_some() {
                return Err(fault(row, format!("the trigger cell ({cell_u}, {cell_v}) of its wafer is there twice")));
            }
            (*known, *charge) = (Some(row as u32), counts);
        }
        wafer.eta += eta;
    }
    wafers.sort_unstable_by_key(|wafer| wafer.place);
    for wafer in &mut wafers {
        wafer.eta /= wafer.rows.iter().flatten().count().max(1) as f32;
    }
    Ok(wafers)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn cells_find_their_numbers() {
        for (t, &(u, v)) in UV.iter().enumerate() {
            assert_eq!(cell_number(u.into(), v.into()), Some(t));
        }
        assert_eq!([cell_number(8, 0), cell_number(-1, 2), cell_number(7, 0)], [None; 3]);
    }

    #[test]
    fn cells_are_sorted_into_wafers() {
        // two cells of one wafer, one of another layer, one of the other endcap, one of the scintillator
        let cells = EventCells {
            layer: &[9, 9, 5, 9, 40],
            wafer_u: &[1, 1, 1, 1, -999],
            wafer_v: &[-2, -2, -2, -2, -999],
            cell_u: &[7, 6, 7, 7, 20],
            cell_v: &[4, 4, 4, 4, 100],
            z: &[330.0, 330.0, 325.0, -330.0, 400.0],
            eta: &[2.0, 2.2, 2.1, -2.1, 1.7],
            mip_pt: &[1.0, 2.0, 0.0, 1e9, 1.0],
        };
        let wafers = wafers_of(&cells).unwrap();
        let places: Vec<(i32, i32)> = wafers.iter().map(|wafer| (wafer.place.zside, wafer.place.layer)).collect();
        assert_eq!(places, [(-1, 9), (1, 5), (1, 9)]);
        let both = &wafers[2];
        assert_eq!((both.charges[0], both.charges[1], both.charges[2]), (35, 70, 0));
        assert_eq!((both.rows[0], both.rows[1], both.rows[2]), (Some(0), Some(1), None));
        assert!((both.eta - 2.1).abs() < 1e-6);
        assert_eq!(wafers[0].charges[0], LARGEST_CHARGE);
        let broken = |cells: &EventCells<'_>| wafers_of(cells).unwrap_err().to_string();
        assert!(broken(&EventCells { cell_v: &[4, 4, 4, 0, 100], ..cells }).contains("cell 3 of its event: no wafer"));
        assert!(broken(&EventCells { cell_u: &[7, 7, 7, 7, 20], ..cells }).contains("cell 1 of its event"));
        assert!(broken(&EventCells { mip_pt: &[1.0, f32::NAN, 1.0, 1.0, 1.0], ..cells }).contains("not finite"));
        assert!(broken(&EventCells { eta: &[], ..cells }).contains("lengths"));
    }
}
