//! Effective area, energy dispersion, point-spread function and background rate.
//!
//! Arrays are kept in the order in which pyirf has them; [`gadf`](super::gadf) puts them in the order of files.

use super::binning::{bin_of, histogram, histogram_bin, widths};
use super::events::Events;
use super::simulated::{SimulatedEvents, cone_solid_angle};

/// An array with named lengths; the last index is the fastest.
#[derive(Clone, Debug, PartialEq)]
pub struct Cube {
    /// Lengths of the axes.
    pub shape: [usize; 3],
    /// The numbers.
    pub values: Vec<f64>,
}

impl Cube {
    fn zeros(shape: [usize; 3]) -> Self {
        Self { shape, values: vec![0.0; shape.iter().product()] }
    }

    /// The number at three indices.
    pub fn at(&self, a: usize, b: usize, c: usize) -> f64 {
        self.values[(a * self.shape[1] + b) * self.shape[2] + c]
    }

    fn add(&mut self, place: [Option<usize>; 3], weight: f64) {
        if let [Some(a), Some(b), Some(c)] = place {
            self.values[(a * self.shape[1] + b) * self.shape[2] + c] += weight;
        }
    }

    /// The array with the axes `order[0]`, `order[1]`, `order[2]`, the last one the fastest.
    pub fn transposed(&self, order: [usize; 3]) -> Vec<f64> {
        let lengths = order.map(|axis| self.shape[axis]);
        let mut values = Vec::with_capacity(self.values.len());
        for first in 0..lengths[0] {
            for second in 0..lengths[1] {
                for third in 0..lengths[2] {
                    let mut index = [0; 3];
                    for (axis, value) in order.iter().zip([first, second, third]) {
                        index[*axis] = value;
                    }
                    values.push(self.at(index[0], index[1], index[2]));
                }
            }
        }
        values
    }
}

/// Effective area \[m²\] per bin of true energy: the share of the showers that were selected, times the area over which
/// they were thrown; 0 where none was thrown.
pub fn effective_area(selected: &Events, simulated: &SimulatedEvents, energy_edges: &[f64]) -> Vec<f64> {
    let found = histogram(energy_edges, selected.true_energy.iter().map(|energy| (*energy, 1.0)));
    let thrown = simulated.per_energy(energy_edges);
    found.iter().zip(thrown).map(|(found, thrown)| share(*found, thrown) * simulated.area()).collect()
}

/// Effective area \[m²\] per bin of true energy and of true offset \[deg\]; the third axis has length one.
pub fn effective_area_by_offset(
    selected: &Events,
    simulated: &SimulatedEvents,
    energy_edges: &[f64],
    offset_edges: &[f64],
) -> Cube {
    let mut area = Cube::zeros([energy_edges.len() - 1, offset_edges.len() - 1, 1]);
    for (energy, offset) in selected.true_energy.iter().zip(&selected.true_offset) {
        area.add([histogram_bin(energy_edges, *energy), histogram_bin(offset_edges, *offset), Some(0)], 1.0);
    }
    let (per_energy, per_offset) = (simulated.per_energy(energy_edges), simulated.per_offset(offset_edges));
    for (row, energy) in area.values.chunks_mut(per_offset.len()).zip(&per_energy) {
        for (value, offset) in row.iter_mut().zip(&per_offset) {
            *value = share(*value, energy * offset) * simulated.area();
        }
    }
    area
}

fn share(part: f64, whole: f64) -> f64 {
    if part == 0.0 { 0.0 } else { part / whole }
}

/// Density of reconstructed over true energy, per bin of true energy, of this ratio and of true offset \[deg\].
pub fn energy_dispersion(
    selected: &Events,
    energy_edges: &[f64],
    migration_edges: &[f64],
    offset_edges: &[f64],
) -> Cube {
    let mut cube = Cube::zeros([energy_edges.len() - 1, migration_edges.len() - 1, offset_edges.len() - 1]);
    for event in 0..selected.len() {
        let migration = selected.reco_energy[event] / selected.true_energy[event];
        let place = [
            histogram_bin(energy_edges, selected.true_energy[event]),
            histogram_bin(migration_edges, migration),
            histogram_bin(offset_edges, selected.true_offset[event]),
        ];
        cube.add(place, 1.0);
    }
    let [energies, migrations, offsets] = cube.shape;
    let widths = widths(migration_edges);
    for energy in 0..energies {
        for offset in 0..offsets {
            let sum: f64 = (0..migrations).map(|migration| cube.at(energy, migration, offset)).sum();
            for (migration, width) in widths.iter().enumerate() {
                let value = &mut cube.values[(energy * migrations + migration) * offsets + offset];
                *value = share(*value, sum) / width;
            }
        }
    }
    cube
}

/// Density of reconstructed directions \[1/sr\] around the true one, per bin of true energy, of true offset \[deg\] and
/// of the angle between both \[deg\].
pub fn psf_table(selected: &Events, energy_edges: &[f64], source_edges: &[f64], offset_edges: &[f64]) -> Cube {
    let mut cube = Cube::zeros([energy_edges.len() - 1, offset_edges.len() - 1, source_edges.len() - 1]);
    for event in 0..selected.len() {
        let place = [
            histogram_bin(energy_edges, selected.true_energy[event]),
            histogram_bin(offset_edges, selected.true_offset[event]),
            histogram_bin(source_edges, selected.theta[event]),
        ];
        cube.add(place, 1.0);
    }
    let rings = rings(source_edges);
    for row in cube.values.chunks_mut(rings.len()) {
        let sum: f64 = row.iter().sum();
        for (value, ring) in row.iter_mut().zip(&rings) {
            *value = share(*value, sum) / ring;
        }
    }
    cube
}

/// Solid angles of rings \[sr\] between these radii \[deg\].
fn rings(edges: &[f64]) -> Vec<f64> {
    edges.windows(2).map(|pair| cone_solid_angle(pair[1]) - cone_solid_angle(pair[0])).collect()
}

/// Rate of background \[1/(MeV s sr)\] per bin of reconstructed energy \[TeV\] and of reconstructed offset \[deg\], from
/// events whose weights are for `seconds` of observation; the third axis has length one.
pub fn background(events: &Events, energy_edges: &[f64], offset_edges: &[f64], seconds: f64) -> Cube {
    let mut cube = Cube::zeros([energy_edges.len() - 1, offset_edges.len() - 1, 1]);
    for event in 0..events.len() {
        let energy = histogram_bin(energy_edges, events.reco_energy[event]);
        cube.add([energy, histogram_bin(offset_edges, events.reco_offset[event]), Some(0)], events.weight[event]);
    }
    let (widths, rings) = (widths(energy_edges), rings(offset_edges));
    for (row, width) in cube.values.chunks_mut(rings.len()).zip(&widths) {
        for (value, ring) in row.iter_mut().zip(&rings) {
            *value = *value / width / seconds / ring / 1e6;
        }
    }
    cube
}

/// Number of events per bin; the upper edge of the last bin is outside.
pub fn counts(energy: &[f64], edges: &[f64]) -> Vec<usize> {
    let mut counts = vec![0; edges.len().saturating_sub(1)];
    for energy in energy {
        if let Some(count) = bin_of(edges, *energy).and_then(|bin| counts.get_mut(bin)) {
            *count += 1;
        }
    }
    counts
}
