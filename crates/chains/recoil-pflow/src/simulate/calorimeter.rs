//! Cells of a calorimeter and clusters of them.

use std::f64::consts::{PI, TAU};

/// A calorimeter: a cylinder of cells in pseudorapidity and azimuth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calorimeter {
    /// width of a cell in pseudorapidity
    pub cell: f64,
    /// number of cells around the beam
    pub around: usize,
    /// greatest pseudorapidity
    pub eta: f64,
    /// least energy of a cell \[GeV\]
    pub threshold: f64,
    /// least energy of the highest cell of a cluster \[GeV\]
    pub seed: f64,
    /// radius \[mm\]
    pub radius: f64,
}

/// Energy of a particle in a cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Deposit {
    /// number of the cell
    pub cell: u32,
    /// number of the particle
    pub particle: u32,
    /// energy \[GeV\]
    pub energy: f64,
}

/// A cluster of cells.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cluster {
    /// energy \[GeV\]
    pub energy: f64,
    /// mean pseudorapidity, weighted by energy
    pub eta: f64,
    /// mean azimuth in (-pi, pi], weighted by energy
    pub phi: f64,
    /// spread in pseudorapidity
    pub sigma_eta: f64,
    /// spread in azimuth
    pub sigma_phi: f64,
    /// number of cells
    pub cells: usize,
    /// energies of particles in it, ascending by particle
    pub shares: Vec<(u32, f64)>,
}

impl Calorimeter {
    fn rows(&self) -> usize {
        (2.0 * self.eta / self.cell).ceil() as usize
    }

    /// The cell in a direction; `None` outside.
    pub fn cell_at(&self, eta: f64, phi: f64) -> Option<u32> {
        let row = ((eta + self.eta) / self.cell).floor();
        if !(0.0..self.rows() as f64).contains(&row) {
            return None;
        }
        let column = ((phi + PI).rem_euclid(TAU) / TAU * self.around as f64) as usize % self.around;
        Some((row as usize * self.around + column) as u32)
    }

    fn centre(&self, cell: usize) -> (f64, f64) {
        let (row, column) = (cell / self.around, cell % self.around);
        (-self.eta + (row as f64 + 0.5) * self.cell, -PI + (column as f64 + 0.5) * TAU / self.around as f64)
    }

    /// Clusters of the deposits, in the order of their highest cells' numbers.
    ///
    /// Every cell above threshold follows its highest neighbour of eight up to a local maximum (of equal cells the one
    /// with the lower number is higher); cells of one maximum are a cluster if the maximum is a seed.
    pub fn cluster(&self, deposits: &[Deposit]) -> Vec<Cluster> {
        let mut energy = vec![0.0; self.rows() * self.around];
        for deposit in deposits {
            if let Some(cell) = energy.get_mut(deposit.cell as usize) {
                *cell += deposit.energy;
            }
        }
        let mut active: Vec<u32> = deposits.iter().map(|deposit| deposit.cell).collect();
        active.sort_unstable();
        active.dedup();
        active.retain(|cell| energy.get(*cell as usize).is_some_and(|energy| *energy > self.threshold));
        let next: Vec<u32> = active.iter().map(|cell| self.higher(*cell, &energy)).collect();
        let place = |cell: u32| active.binary_search(&cell).ok();

        let mut number_of_maximum = std::collections::BTreeMap::new();
        let mut clusters: Vec<Cluster> = Vec::new();
        for (cell, next) in active.iter().zip(&next) {
            let is_seed = energy.get(*cell as usize).is_some_and(|energy| *energy > self.seed);
            if cell == next && is_seed {
                number_of_maximum.insert(*cell, clusters.len());
                clusters.push(Cluster::default());
            }
        }
        let of_active = |start: usize| {
            let mut at = start;
            loop {
                let (cell, up) = (*active.get(at)?, *next.get(at)?);
                if cell == up {
                    return number_of_maximum.get(&cell).copied();
                }
                at = place(up)?;
            }
        };
        let members: Vec<Option<usize>> = (0..active.len()).map(of_active).collect();
        self.summarise(&mut clusters, &active, &members, &energy);
        let mut shares: Vec<(usize, u32, f64)> = deposits
            .iter()
            .filter_map(|d| Some((members.get(place(d.cell)?).copied().flatten()?, d.particle, d.energy)))
            .collect();
        shares.sort_by_key(|(cluster, particle, _)| (*cluster, *particle));
        for (cluster, particle, energy) in shares {
            let Some(cluster) = clusters.get_mut(cluster) else { continue };
            match cluster.shares.last_mut() {
                Some((last, sum)) if *last == particle => *sum += energy,
                _ => cluster.shares.push((particle, energy)),
            }
        }
        clusters
    }

    /// The highest of a cell and its neighbours.
    fn higher(&self, cell: u32, energy: &[f64]) -> u32 {
        let (row, column) = (cell as usize / self.around, cell as usize % self.around);
        let mut best = cell;
        let above = |a: u32, b: u32| {
            let of = |cell: u32| energy.get(cell as usize).copied().unwrap_or(0.0);
            of(a).total_cmp(&of(b)).then(b.cmp(&a)).is_gt()
        };
        for row in row.saturating_sub(1)..(row + 2).min(self.rows()) {
            for step in [self.around - 1, 0, 1] {
                let other = (row * self.around + (column + step) % self.around) as u32;
                if above(other, best) {
                    best = other;
                }
            }
        }
        best
    }

    fn summarise(&self, clusters: &mut [Cluster], active: &[u32], members: &[Option<usize>], energy: &[f64]) {
        let mut sums = vec![[0.0; 5]; clusters.len()];
        let mut reference = vec![None; clusters.len()];
        for (cell, member) in active.iter().zip(members) {
            let Some(number) = member else { continue };
            let (eta, phi) = self.centre(*cell as usize);
            let weight = energy.get(*cell as usize).copied().unwrap_or(0.0);
            let (Some(sums), Some(reference)) = (sums.get_mut(*number), reference.get_mut(*number)) else { continue };
            // azimuths relative to the first cell do not know the seam
            let turn = recoil_physics::angle::delta_phi(phi, *reference.get_or_insert(phi));
            for (sum, value) in sums.iter_mut().zip([1.0, eta, turn, eta * eta, turn * turn]) {
                *sum += weight * value;
            }
            if let Some(cluster) = clusters.get_mut(*number) {
                cluster.cells += 1;
            }
        }
        for ((cluster, [w, eta, turn, eta2, turn2]), reference) in clusters.iter_mut().zip(sums).zip(reference) {
            cluster.energy = w;
            (cluster.eta, cluster.phi) = (eta / w, recoil_physics::angle::wrap(reference.unwrap_or(0.0) + turn / w));
            cluster.sigma_eta = (eta2 / w - (eta / w).powi(2)).max(0.0).sqrt();
            cluster.sigma_phi = (turn2 / w - (turn / w).powi(2)).max(0.0).sqrt();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Calorimeter =
        Calorimeter { cell: 0.1, around: 60, eta: 1.0, threshold: 0.1, seed: 0.5, radius: 1000.0 };

    fn deposit(eta: f64, phi: f64, particle: u32, energy: f64) -> Deposit {
        Deposit { cell: SMALL.cell_at(eta, phi).unwrap_or(u32::MAX), particle, energy }
    }

    #[test]
    fn two_maxima_share_the_cells_between_them() {
        let deposits = [
            deposit(0.05, 0.05, 0, 2.0),
            deposit(0.15, 0.05, 0, 0.4),
            deposit(0.25, 0.05, 1, 0.6),
            deposit(0.35, 0.05, 1, 1.0),
            deposit(-0.55, 0.05, 2, 0.05),
            deposit(-0.75, 0.05, 3, 0.3),
        ];
        let clusters = SMALL.cluster(&deposits);
        assert_eq!(
            clusters.iter().map(|c| (c.cells, c.shares.clone())).collect::<Vec<_>>(),
            [(2, vec![(0, 2.4)]), (2, vec![(1, 1.6)])]
        );
        assert!((clusters.iter().map(|c| c.energy).sum::<f64>() - 4.0).abs() < 1e-12);
    }

    #[test]
    fn a_cluster_across_the_seam_is_one() {
        let deposits = [deposit(0.05, PI - 0.01, 0, 1.0), deposit(0.05, -PI + 0.01, 1, 1.0)];
        let clusters = SMALL.cluster(&deposits);
        assert_eq!(clusters.len(), 1);
        assert!((clusters.iter().map(|c| c.phi.abs()).sum::<f64>() - PI).abs() < 1e-9);
    }

    #[test]
    fn directions_outside_have_no_cell() {
        assert_eq!(SMALL.cell_at(1.0001, 0.0), None);
        assert_eq!(SMALL.cell_at(-1.0001, 0.0), None);
        assert!(SMALL.cell_at(0.9999, -PI).is_some_and(|cell| cell < 20 * 60));
    }
}
