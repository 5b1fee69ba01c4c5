//! What a production threw: the run headers of its simulations.

use crate::coordinates::{Direction, geomagnetic_delta};
use crate::error::{IactError, Result};
use crate::irf::SimulatedEvents;
use crate::reconstruct::Columns;
use recoil_table::ReadOptions;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Key of the metadata of tables under which run headers stand as JSON.
pub const SIMULATION: &str = "simulation";

/// Table of run headers in HDF5 files.
pub(crate) const RUN_TABLE: &str = "simulation/run_config";

/// Whether a file is called as HDF5 files are.
pub fn is_hdf5(path: &Path) -> bool {
    path.extension().is_some_and(|extension| ["h5", "hdf5", "hdf"].iter().any(|known| extension == *known))
}

/// The part of a run header that responses need. Runs of a production are added up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RunConfig {
    /// Showers, without reuse.
    pub n_showers: f64,
    /// How often each shower was used.
    pub shower_reuse: f64,
    /// Least energy \[TeV\].
    pub energy_range_min: f64,
    /// Greatest energy \[TeV\].
    pub energy_range_max: f64,
    /// Index of the power law, with its sign.
    pub spectral_index: f64,
    /// Radius of the disc of impact points \[m\].
    pub max_scatter_range: f64,
    /// Inner radius of the cone of directions \[deg\].
    pub min_viewcone_radius: f64,
    /// Outer radius of the cone of directions \[deg\].
    pub max_viewcone_radius: f64,
    /// Altitude of the showers \[rad\].
    pub min_alt: f64,
    /// Azimuth of the showers \[rad\].
    pub min_az: f64,
    /// Strength of the magnetic field \[uT\].
    #[serde(rename = "prod_site_B_total")]
    pub field_total: f64,
    /// Inclination of the magnetic field \[rad\].
    #[serde(rename = "prod_site_B_inclination")]
    pub field_inclination: f64,
    /// Declination of the magnetic field \[rad\].
    #[serde(rename = "prod_site_B_declination")]
    pub field_declination: f64,
}

impl Default for RunConfig {
    fn default() -> Self {
        Self {
            n_showers: 0.0,
            shower_reuse: 1.0,
            energy_range_min: 0.005,
            energy_range_max: 50.0,
            spectral_index: -2.0,
            max_scatter_range: 1000.0,
            min_viewcone_radius: 0.0,
            max_viewcone_radius: 0.0,
            min_alt: 70_f64.to_radians(),
            min_az: std::f64::consts::PI,
            field_total: 38.7,
            field_inclination: 0.652_753,
            field_declination: -0.083_776,
        }
    }
}

/// How the directions of a simulation were thrown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// From one direction.
    Point,
    /// From a cone around the pointing.
    Diffuse,
    /// From a thin ring around the pointing.
    Ring,
}

impl RunConfig {
    /// Names of the columns in which files hold a header.
    pub(crate) const COLUMNS: [&str; 13] = [
        "n_showers",
        "shower_reuse",
        "energy_range_min",
        "energy_range_max",
        "spectral_index",
        "max_scatter_range",
        "min_viewcone_radius",
        "max_viewcone_radius",
        "min_alt",
        "min_az",
        "prod_site_B_total",
        "prod_site_B_inclination",
        "prod_site_B_declination",
    ];

    /// The header of these columns.
    fn of_values(values: [f64; 13]) -> Self {
        let [n_showers, shower_reuse, energy_range_min, energy_range_max, spectral_index, rest @ ..] = values;
        let [max_scatter_range, min_viewcone_radius, max_viewcone_radius, min_alt, min_az, field @ ..] = rest;
        let [field_total, field_inclination, field_declination] = field;
        Self {
            n_showers,
            shower_reuse,
            energy_range_min,
            energy_range_max,
            spectral_index,
            max_scatter_range,
            min_viewcone_radius,
            max_viewcone_radius,
            min_alt,
            min_az,
            field_total,
            field_inclination,
            field_declination,
        }
    }

    /// The values of these columns.
    pub(crate) fn values(&self) -> [f64; 13] {
        [
            self.n_showers,
            self.shower_reuse,
            self.energy_range_min,
            self.energy_range_max,
            self.spectral_index,
            self.max_scatter_range,
            self.min_viewcone_radius,
            self.max_viewcone_radius,
            self.min_alt,
            self.min_az,
            self.field_total,
            self.field_inclination,
            self.field_declination,
        ]
    }

    /// What the header of a raw file tells.
    pub fn of_header(header: &recoil_eventio::run::McRunHeader) -> Self {
        let real = |value: f32| f64::from(value);
        Self::of_values([
            f64::from(header.n_showers),
            f64::from(header.n_use),
            real(header.energy_range[0]),
            real(header.energy_range[1]),
            real(header.spectral_index),
            real(header.core_range[1]),
            real(header.viewcone[0]),
            real(header.viewcone[1]),
            real(header.alt_range[0]),
            real(header.az_range[0]),
            real(header.b_total),
            real(header.b_inclination),
            real(header.b_declination),
        ])
    }

    /// The showers in the form that responses are computed with.
    pub fn simulated(&self) -> SimulatedEvents {
        SimulatedEvents {
            showers: self.n_showers * self.shower_reuse,
            energy: (self.energy_range_min, self.energy_range_max),
            index: self.spectral_index,
            max_impact: self.max_scatter_range,
            cone: (self.min_viewcone_radius, self.max_viewcone_radius),
        }
    }

    /// How directions were thrown.
    ///
    /// # Errors
    /// A wide ring, which is none of the kinds.
    pub fn source_kind(&self, file: &str) -> Result<SourceKind> {
        let (inner, outer) = (self.min_viewcone_radius, self.max_viewcone_radius);
        if outer == 0.0 {
            Ok(SourceKind::Point)
        } else if inner == 0.0 {
            Ok(SourceKind::Diffuse)
        } else if outer - inner < 0.1 {
            Ok(SourceKind::Ring)
        } else {
            let reason = format!("a cone from {inner} to {outer} deg is neither a point, a disc nor a thin ring");
            Err(IactError::content(file, reason))
        }
    }

    /// Mean offset of a point source or thin ring \[deg\], to four digits; 0 for the header of a point source, whose
    /// offset the pointing tells.
    pub fn mean_offset(&self) -> f64 {
        let (inner, outer) = (self.min_viewcone_radius, self.max_viewcone_radius);
        ((inner + 0.5 * (outer - inner)) * 1e4).round() / 1e4
    }

    /// Angle between the showers and the magnetic field \[deg\].
    pub fn field_angle(&self) -> f64 {
        let direction = Direction::new(self.min_alt, self.min_az);
        geomagnetic_delta(direction, self.field_inclination, self.field_declination).to_degrees()
    }

    /// One header for several runs: showers add up, everything else must be the same.
    ///
    /// # Errors
    /// No run, and runs that differ.
    pub fn joined(runs: &[Self], file: &str) -> Result<Self> {
        let Some(first) = runs.first() else {
            return Err(IactError::content(file, "there is no run header of the simulation"));
        };
        let same = |run: &Self| Self { n_showers: 0.0, ..run.clone() } == Self { n_showers: 0.0, ..first.clone() };
        if let Some(place) = runs.iter().position(|run| !same(run)) {
            return Err(IactError::content(
                file,
                format!("run header {place} differs from the first in more than showers"),
            ));
        }
        Ok(Self { n_showers: runs.iter().map(|run| run.n_showers).sum(), ..first.clone() })
    }

    /// The run headers of a file: those in the metadata of a Parquet file, or in a table of an HDF5 file; none if there is
    /// neither.
    ///
    /// # Errors
    /// A table or metadata that are no run headers.
    pub fn of_file(path: &Path) -> Result<Vec<Self>> {
        let file = path.display().to_string();
        if !is_hdf5(path) {
            let is_parquet = path.extension().is_some_and(|extension| extension == "parquet");
            let text = if is_parquet { recoil_table::parquet::file_text(path, SIMULATION)? } else { None };
            return text.map_or(Ok(Vec::new()), |text| Self::of_text(&text, &file));
        }
        let objects = recoil_table::contents(path)?;
        if !objects.iter().any(|object| object.name.trim_matches('/') == RUN_TABLE) {
            return Ok(Vec::new());
        }
        let address = format!("{file}:{RUN_TABLE}");
        let batch = recoil_table::open(&address, &ReadOptions::default().columns(Self::COLUMNS))?.read_all()?;
        let table = Columns::of_batch(&batch, Self::COLUMNS)?;
        let columns: Vec<&[f64]> = Self::COLUMNS.iter().map(|name| table.get(name)).collect::<Result<_>>()?;
        let value = |row: usize, place: usize| columns.get(place).and_then(|column| column.get(row)).copied();
        let of = |row: usize| Self::of_values(std::array::from_fn(|place| value(row, place).unwrap_or(f64::NAN)));
        Ok((0..table.rows()).map(of).collect())
    }

    fn of_text(text: &str, file: &str) -> Result<Vec<Self>> {
        serde_json::from_str(text).map_err(|error| {
            IactError::content(file, format!("the metadata '{SIMULATION}' hold no run headers: {error}"))
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn runs_add_up_if_they_are_alike() {
        let run = RunConfig { n_showers: 100.0, ..RunConfig::default() };
        let joined = RunConfig::joined(&[run.clone(), run.clone()], "x").unwrap();
        assert_eq!(joined.n_showers, 200.0);
        let other = RunConfig { spectral_index: -2.7, ..run.clone() };
        assert!(RunConfig::joined(&[run.clone(), other], "x").unwrap_err().to_string().contains("header 1"));
        assert!(RunConfig::joined(&[], "x").is_err());
        assert_eq!(run.source_kind("x").unwrap(), SourceKind::Point);
        let ring = RunConfig { min_viewcone_radius: 0.39999, max_viewcone_radius: 0.40001, ..run };
        assert_eq!((ring.source_kind("x").unwrap(), ring.mean_offset()), (SourceKind::Ring, 0.4));
    }
}
