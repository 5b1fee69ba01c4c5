//! Figures in the conventions of the field, as SVG, PNG and PDF, and self-contained HTML reports.
//!
//! A [`Figure`] holds [`Panel`]s, a panel holds series ([`Hist`], [`Stack`], [`Points`], [`Band`],
//! [`Line`], [`Scatter`], [`HeatMap`], [`Patches`], [`Annotations`]). Everything is given as plain
//! slices of edges, values and errors. Axes have ticks inside on all four sides, titles end at the
//! axis ends, the experiment stands above the frame, colours come from a colour-blind-safe cycle,
//! and the legend looks for a place without data. NaN and empty input are no errors.
//!
//! Text is a small markup: `p_{T}^{gen} [GeV]`, `|\eta| < 1.5`, `\bf{…}`, `\it{…}`; names of Greek
//! letters and symbols as in TeX.
//!
//! ```
//! use recoil_plot::{Figure, Line, Panel, Points};
//!
//! let panel = Panel::new(r"\eta^{gen}", "Efficiency")
//!     .y_range(0.0, 1.2)
//!     .add(Line::horizontal(1.0))
//!     .add(Points::efficiency(&[1.5, 2.0, 2.5], &[0.9, 0.95], &[0.85, 0.9], &[0.93, 0.97]).label("Photons"))
//!     .note("PU 200");
//! let figure = Figure::new(panel).experiment("CMS", "Simulation").provenance(r#"{"seed": 1}"#);
//! assert_eq!(figure.svg(), figure.svg());
//! ```

mod color;
mod draw;
mod error;
mod figure;
mod font;
mod markup;
mod panel;
#[cfg(feature = "raster")]
mod raster;
pub mod report;
mod scale;
mod scene;
mod series;
mod svg;

pub use color::Color;
pub use error::{PlotError, Result};
pub use figure::Figure;
pub use panel::{LegendAt, Panel};
pub use scene::Dash;
pub use series::{Annotations, Band, HeatMap, Hist, Line, Marker, Patches, Points, Scatter, Series, Stack};
