//! What can be drawn in a panel. All builders take slices; numbers that are NaN, and what has no
//! partner in a shorter slice, are left out.

mod curves;
mod maps;

pub(crate) use curves::Course;
pub use curves::{Band, Hist, Line, Points, Scatter, Stack};
pub(crate) use maps::ColorScale;
pub use maps::{Annotations, HeatMap, Patches};

/// Shape of a data point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Marker {
    /// filled disc
    #[default]
    Circle,
    /// ring
    OpenCircle,
    /// filled square
    Square,
    /// outlined square
    OpenSquare,
    /// filled triangle, pointing up
    Triangle,
    /// filled diamond
    Diamond,
    /// error bars only
    None,
}

/// Anything that a [`crate::Panel`] can hold.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Series {
    /// stepped histogram
    Hist(Hist),
    /// histograms on top of each other
    Stack(Stack),
    /// points with error bars
    Points(Points),
    /// area between two curves
    Band(Band),
    /// curve, or straight line across the panel
    Line(Line),
    /// many small dots
    Scatter(Scatter),
    /// coloured cells of a 2D histogram
    HeatMap(HeatMap),
    /// coloured polygons
    Patches(Patches),
    /// text and arrows at points of the panel
    Annotations(Annotations),
}

macro_rules! into_series {
    ($($name:ident),*) => {
        $(impl From<$name> for Series {
            fn from(series: $name) -> Self {
                Self::$name(series)
            }
        })*
    };
}

into_series!(Hist, Stack, Points, Band, Line, Scatter, HeatMap, Patches, Annotations);
