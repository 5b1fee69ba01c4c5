//! Energy per cell while an event is made: dense sums with a list of the cells that were touched.

/// Energy in one cell, and which generated particle gave most of it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CellEnergy {
    /// From the generated particles \[GeV\].
    pub signal: f32,
    /// From pile-up and noise \[GeV\].
    pub background: f32,
    /// Largest contribution of one particle \[GeV\].
    pub largest: f32,
    /// Index of that particle in its event; -1 if no generated particle contributed.
    pub particle: i32,
}

/// Workspace of one thread. All sums are zero between events.
#[derive(Debug)]
pub(super) struct Deposits {
    shower: Vec<f32>,
    shower_cells: Vec<u32>,
    event: Vec<CellEnergy>,
    event_cells: Vec<u32>,
}

impl Deposits {
    pub fn new(cells: usize) -> Self {
        Self {
            shower: vec![0.0; cells],
            shower_cells: vec![],
            event: vec![CellEnergy::default(); cells],
            event_cells: vec![],
        }
    }

    /// Adds a spot of positive energy to the shower that is being made.
    #[inline]
    pub fn add_spot(&mut self, cell: usize, energy: f32) {
        if let Some(sum) = self.shower.get_mut(cell) {
            if *sum == 0.0 {
                self.shower_cells.push(cell as u32);
            }
            *sum += energy;
        }
    }

    /// Ends a shower: its cells join the event as those of generated particle `particle`, or as background.
    pub fn finish_shower(&mut self, particle: Option<i32>) {
        let cells = std::mem::take(&mut self.shower_cells);
        for &cell in &cells {
            let Some(energy) = self.shower.get_mut(cell as usize).map(std::mem::take) else { continue };
            let sums = self.touch(cell);
            match particle {
                Some(index) => {
                    sums.signal += energy;
                    if energy > sums.largest {
                        sums.largest = energy;
                        sums.particle = index;
                    }
                }
                None => sums.background += energy,
            }
        }
        self.shower_cells = cells;
        self.shower_cells.clear();
    }

    /// Whether something was already deposited in `cell` in this event.
    pub fn is_hit(&self, cell: usize) -> bool {
        self.event.get(cell).is_some_and(|sums| sums.signal + sums.background > 0.0)
    }

    /// Whether a background cell fired in this event.
    pub fn has_background(&self, cell: usize) -> bool {
        self.event.get(cell).is_some_and(|sums| sums.background > 0.0)
    }

    /// Adds the energy of a pile-up or noise cell.
    pub fn add_background(&mut self, cell: usize, energy: f32) {
        self.touch(cell as u32).background += energy;
    }

    fn touch(&mut self, cell: u32) -> &mut CellEnergy {
        if !self.is_hit(cell as usize) {
            self.event_cells.push(cell);
        }
        // rows come from the cell map that sized the workspace
        &mut self.event[cell as usize]
    }

    /// Ends the event: the cells with energy in the order of the cell map. Leaves the workspace empty.
    pub fn drain_event(&mut self, mut sink: impl FnMut(usize, CellEnergy)) {
        self.event_cells.sort_unstable();
        for &cell in &self.event_cells {
            if let Some(sums) = self.event.get_mut(cell as usize) {
                let mut energy = std::mem::take(sums);
                if energy.largest == 0.0 {
                    energy.particle = -1;
                }
                sink(cell as usize, energy);
            }
        }
        self.event_cells.clear();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn sums_and_owners_of_a_small_event() {
        let mut deposits = Deposits::new(10);
        for (cell, energy) in [(7, 1.0), (3, 2.0), (7, 1.5)] {
            deposits.add_spot(cell, energy);
        }
        deposits.finish_shower(Some(0));
        deposits.add_spot(3, 5.0);
        deposits.finish_shower(Some(1));
        deposits.add_spot(3, 0.25);
        deposits.finish_shower(None);
        deposits.add_background(9, 0.5);
        let mut event = vec![];
        deposits.drain_event(|cell, e| event.push((cell, e.signal, e.background, e.particle)));
        assert_eq!(event, [(3, 7.0, 0.25, 1), (7, 2.5, 0.0, 0), (9, 0.0, 0.5, -1)]);
        deposits.drain_event(|_, _| panic!("the workspace must be empty"));
    }
}
