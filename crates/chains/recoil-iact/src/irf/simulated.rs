//! What was thrown, and what it stands for.

use super::spectra::Spectrum;
use std::f64::consts::{PI, TAU};

/// Showers of a production: a power law over a disc of impact points and a cone of directions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SimulatedEvents {
    /// Number of showers, with reuse.
    pub showers: f64,
    /// Lowest and highest energy \[TeV\].
    pub energy: (f64, f64),
    /// Index of the power law, with its sign.
    pub index: f64,
    /// Radius of the disc \[m\].
    pub max_impact: f64,
    /// Inner and outer radius of the cone \[deg\]; both the same for a point source.
    pub cone: (f64, f64),
}

/// Solid angle of a cone with this half opening angle \[deg\], in sr.
pub fn cone_solid_angle(angle: f64) -> f64 {
    TAU * (1.0 - angle.to_radians().cos())
}

impl SimulatedEvents {
    /// Area of the disc \[m²\].
    pub fn area(&self) -> f64 {
        PI * self.max_impact * self.max_impact
    }

    /// Solid angle of the cone \[sr\]; 1 for a point source, whose flux has no solid angle.
    pub fn solid_angle(&self) -> f64 {
        let (inner, outer) = self.cone;
        if outer - inner > 0.0 { cone_solid_angle(outer) - cone_solid_angle(inner) } else { 1.0 }
    }

    /// Flux at 1 TeV that would throw these showers in `seconds`, in 1/(TeV s m²) or 1/(TeV s m² sr).
    pub fn normalisation(&self, seconds: f64) -> f64 {
        let power = self.index + 1.0;
        let (lowest, highest) = self.energy;
        let energies = highest.powf(power) - lowest.powf(power);
        self.showers * power / (self.area() * seconds * self.solid_angle() * energies)
    }

    /// Events of a flux in `seconds` that a shower of this energy stands for.
    pub fn weight(&self, spectrum: Spectrum, seconds: f64, energy: f64) -> f64 {
        // spectra are per cm²
        spectrum.at(energy) * 1e4 / (self.normalisation(seconds) * energy.powf(self.index))
    }

    /// Showers per bin of energy \[TeV\].
    pub fn per_energy(&self, edges: &[f64]) -> Vec<f64> {
        let power = self.index + 1.0;
        let (lowest, highest) = self.energy;
        let whole = highest.powf(power) - lowest.powf(power);
        let part = |low: f64, high: f64| {
            let (low, high) = (low.max(lowest), high.min(highest));
            if high > low { (high.powf(power) - low.powf(power)) / whole } else { 0.0 }
        };
        edges.windows(2).map(|pair| self.showers * part(pair[0], pair[1])).collect()
    }

    /// Share of the showers per ring of offsets \[deg\]; uniform over the cone's solid angle.
    pub fn per_offset(&self, edges: &[f64]) -> Vec<f64> {
        let (inner, outer) = self.cone;
        let cos = |angle: f64| angle.to_radians().cos();
        let whole = cos(inner) - cos(outer);
        let part = |low: f64, high: f64| {
            let (low, high) = (low.max(inner), high.min(outer));
            if high > low { (cos(low) - cos(high)) / whole } else { 0.0 }
        };
        edges.windows(2).map(|pair| part(pair[0], pair[1])).collect()
    }
}
