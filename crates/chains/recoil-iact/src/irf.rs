//! Instrument responses and sensitivity: what a telescope makes of a flux.
//!
//! Everything here works on [`Events`] with energies in TeV and angles in degrees, and follows pyirf where that defines
//! a quantity (binning, percentiles, normalisations), so that the numbers can be compared with those of other analyses.
//!
//! * [`binning`] edges of bins; [`events`] the events with the angles between directions; [`spectra`] fluxes;
//!   [`simulated`] how many showers were thrown, and the weights that turn them into a flux.
//! * [`cuts`] event selection per bin of energy; [`response`] effective area, energy dispersion, point-spread function and
//!   background rate; [`resolution`] angular resolution, energy bias and resolution.
//! * [`significance`] and [`sensitivity`] the smallest flux that can be detected; [`gadf`] tables for FITS files.

pub mod binning;
pub mod cuts;
pub mod events;
pub mod gadf;
pub mod resolution;
pub mod response;
pub mod sensitivity;
pub mod significance;
pub mod simulated;
pub mod spectra;

pub use cuts::CutTable;
pub use events::Events;
pub use simulated::SimulatedEvents;
