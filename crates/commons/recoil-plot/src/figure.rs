//! Figures: panels on a page, labels above them, and the files they become.

use crate::error::Result;
use crate::panel::Panel;
use crate::svg::{self, Document, TextAs};

/// How the panels share the page.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Arrangement {
    /// one above the other with a common x axis; the first is the tallest
    Column(Vec<Panel>),
    /// independent panels, row by row
    Grid { columns: usize, panels: Vec<Panel> },
}

/// A picture in the conventions of the field. The same figure always gives the same bytes.
///
/// ```
/// use recoil_plot::{Figure, Hist, Line, Panel, Points};
///
/// let edges = [0.0, 10.0, 20.0, 30.0];
/// let main = Panel::new("p_{T} [GeV]", "Events / 10 GeV")
///     .add(Hist::new(&edges, &[5.0, 9.0, 2.0]).filled().label("Simulation"))
///     .add(Points::in_bins(&edges, &[4.0, 10.0, 3.0]).y_errors(&[2.0, 3.2, 1.7]).label("Data"));
/// let ratio = Panel::new("p_{T} [GeV]", "Data / Sim.")
///     .y_range(0.0, 2.0)
///     .add(Line::horizontal(1.0))
///     .add(Points::in_bins(&edges, &[0.8, 1.1, 1.5]).y_errors(&[0.4, 0.35, 0.85]));
/// let figure = Figure::with_ratio(main, ratio).experiment("CMS", "Simulation").sample("PU 200 (14 TeV)");
/// assert!(figure.svg().starts_with("<svg"));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    pub(crate) arrangement: Arrangement,
    pub(crate) experiment: String,
    pub(crate) status: String,
    pub(crate) sample: String,
    pub(crate) title: String,
    pub(crate) provenance: Option<String>,
    pub(crate) size: Option<(f64, f64)>,
}

impl Figure {
    /// One panel.
    pub fn new(panel: Panel) -> Self {
        Self::column(vec![panel])
    }

    /// A main panel and a low one (ratio, pull) below it with the same x axis and frame.
    pub fn with_ratio(main: Panel, ratio: Panel) -> Self {
        Self::column(vec![main, ratio])
    }

    /// A main panel and any number of low ones below it. Limits, scale and title of x are those of
    /// the first panel.
    pub fn column(panels: Vec<Panel>) -> Self {
        Self::of(Arrangement::Column(panels))
    }

    /// Independent panels in rows of `columns`.
    pub fn grid(columns: usize, panels: Vec<Panel>) -> Self {
        Self::of(Arrangement::Grid { columns: columns.max(1), panels })
    }

    fn of(arrangement: Arrangement) -> Self {
        Self {
            arrangement,
            experiment: "recoil".to_owned(),
            status: "Simulation".to_owned(),
            sample: String::new(),
            title: String::new(),
            provenance: None,
            size: None,
        }
    }

    /// Label above the frame on the left: the experiment in bold, its status in italics.
    /// Default: **recoil** *Simulation*. Empty strings leave it out.
    pub fn experiment(mut self, experiment: impl Into<String>, status: impl Into<String>) -> Self {
        (self.experiment, self.status) = (experiment.into(), status.into());
        self
    }

    /// Label above the frame on the right (label markup): sample, pile-up, energy, luminosity.
    pub fn sample(mut self, sample: impl Into<String>) -> Self {
        self.sample = sample.into();
        self
    }

    /// What the figure shows, in words: not drawn, but read out by screen readers and kept as the
    /// title of the files. Default: the axis titles.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// A provenance record (JSON) kept inside every file: SVG `<metadata>`, PNG text chunk
    /// `recoil.provenance`, PDF attachment `provenance.json`.
    pub fn provenance(mut self, json: impl Into<String>) -> Self {
        self.provenance = Some(json.into());
        self
    }

    /// Size in pixels (the PNG at scale 1; one pixel is 0.75 point in the PDF). Default: 760 x 640
    /// for one panel, 760 x 760 with a ratio panel, 560 x 480 per cell of a grid.
    pub fn size(mut self, width: f64, height: f64) -> Self {
        let usable = |v: f64| if v.is_finite() { v.clamp(200.0, 20_000.0) } else { 760.0 };
        self.size = Some((usable(width), usable(height)));
        self
    }

    /// Width and height in pixels.
    pub fn pixels(&self) -> (f64, f64) {
        let natural = match &self.arrangement {
            Arrangement::Column(panels) => (760.0, 640.0 + 120.0 * panels.len().saturating_sub(1) as f64),
            Arrangement::Grid { columns, panels } => {
                let rows = panels.len().div_ceil(*columns).max(1);
                (560.0 * (*columns).min(panels.len()).max(1) as f64, 480.0 * rows as f64)
            }
        };
        self.size.unwrap_or(natural)
    }

    /// The title given, or one made of the axis titles.
    pub(crate) fn described(&self) -> String {
        if !self.title.is_empty() {
            return self.title.clone();
        }
        let panels = match &self.arrangement {
            Arrangement::Column(panels) | Arrangement::Grid { panels, .. } => panels,
        };
        let plain = |markup: &str| crate::markup::Label::new(markup, crate::font::Cut::Regular).plain();
        let of = |panel: &Panel| match (panel.y.title.is_empty(), panel.x.title.is_empty()) {
            (false, false) => format!("{} versus {}", plain(&panel.y.title), plain(&panel.x.title)),
            _ => plain(&panel.y.title) + &plain(&panel.x.title),
        };
        panels.iter().map(of).filter(|t| !t.is_empty()).collect::<Vec<_>>().join("; ")
    }

    /// The figure as an SVG document; text is drawn as outlines, so it looks the same everywhere.
    pub fn svg(&self) -> String {
        self.svg_with(TextAs::Paths)
    }

    pub(crate) fn svg_with(&self, text_as: TextAs) -> String {
        let (width, height) = self.pixels();
        let title = self.described();
        let document = Document { width, height, title: &title, provenance: self.provenance.as_deref() };
        svg::svg(&crate::draw::figure(self), &document, text_as)
    }

    /// The bytes of the format that `extension` names: `svg`, `png` (twice the pixels) or `pdf`.
    ///
    /// # Errors
    /// Another extension, or a figure that cannot be rendered.
    pub fn render(&self, extension: &str) -> Result<Vec<u8>> {
        match extension.to_ascii_lowercase().as_str() {
            "svg" => Ok(self.svg().into_bytes()),
            #[cfg(feature = "raster")]
            "png" => self.png(2.0),
            #[cfg(feature = "raster")]
            "pdf" => self.pdf(),
            _ => Err(crate::error::PlotError::Format(extension.to_owned())),
        }
    }
}
