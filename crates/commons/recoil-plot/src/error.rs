//! What can go wrong when a figure is written.

/// `Result` of this crate.
pub type Result<T> = std::result::Result<T, PlotError>;

/// Every message is a fragment that fits after "cannot draw the figure:".
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlotError {
    /// The SVG could not be read back by the renderer.
    #[error("the drawing is not valid SVG: {0}")]
    Svg(String),
    /// The picture has no pixels or too many.
    #[error("a picture of {width} x {height} pixels cannot be made")]
    Size {
        /// pixels across
        width: f64,
        /// pixels down
        height: f64,
    },
    /// The PNG encoder failed.
    #[error("the picture cannot be encoded as PNG: {0}")]
    Png(String),
    /// The PDF serialiser failed.
    #[error("the page cannot be written as PDF: {0}")]
    Pdf(String),
    /// A page that cannot be part of another one.
    #[error("the page cannot be read: {0}")]
    Page(&'static str),
    /// A file name whose ending names no format.
    #[error("unknown figure format {0:?}, expected svg, png or pdf")]
    Format(String),
}
