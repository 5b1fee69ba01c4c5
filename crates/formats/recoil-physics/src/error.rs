//! What can be wrong with the numbers a caller hands over.

/// The one error of this crate.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// No coordinate column at all.
    #[error("points need at least one coordinate column")]
    NoAxes,
    /// Two columns of one point set differ in length.
    #[error("{column} has {found} rows, but the first coordinate column has {expected}")]
    Length {
        /// the column at fault
        column: String,
        /// rows it should have
        expected: usize,
        /// rows it has
        found: usize,
    },
    /// A value is NaN, infinite, or outside the range the column allows.
    #[error("{column}, row {row}: {value} is not {wanted}")]
    Value {
        /// the column at fault
        column: String,
        /// row within the column
        row: usize,
        /// the value found
        value: f32,
        /// what was needed, as a phrase
        wanted: &'static str,
    },
    /// A parameter is outside its range.
    #[error("{name} = {value}: must be {wanted}")]
    Parameter {
        /// name as in the documentation
        name: String,
        /// the value given
        value: f64,
        /// the allowed range, as a phrase
        wanted: &'static str,
    },
    /// A metric has a different number of axes than the points.
    #[error("the metric's {name} names {found} axes, but the points have {expected}")]
    Axes {
        /// which list of the metric
        name: &'static str,
        /// axes of the points
        expected: usize,
        /// axes of the list
        found: usize,
    },
    /// An axis that the points do not have was asked for.
    #[error("axis {axis} was selected, but the points have {axes}")]
    NoSuchAxis {
        /// the axis asked for, from 0
        axis: usize,
        /// how many there are
        axes: usize,
    },
    /// More points than a 32-bit label can number.
    #[error("{0} points are more than the {max} that labels can number", max = i32::MAX)]
    TooMany(usize),
    /// A method that should end did not.
    #[error("{what} did not end within {steps} steps")]
    NoConvergence {
        /// the method
        what: &'static str,
        /// steps allowed
        steps: usize,
    },
    /// Batch offsets do not cut the points into consecutive groups.
    #[error("batch offset {position} is {value}: offsets must rise from 0 to the {points} points")]
    Offsets {
        /// position in the offset list
        position: usize,
        /// the offset found
        value: usize,
        /// number of points
        points: usize,
    },
}

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;
