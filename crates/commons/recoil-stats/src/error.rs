//! What can be refused: shapes that do not fit and numbers outside their domain.

/// `Result` of this crate.
pub type Result<T> = std::result::Result<T, StatsError>;

/// Every message is a fragment that fits after "cannot …:".
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum StatsError {
    /// An axis without bins.
    #[error("an axis needs at least one bin")]
    NoBins,
    /// Lower and upper limit do not enclose anything.
    #[error("axis range [{lo}, {hi}] is empty or not finite")]
    BadRange {
        /// lower limit given
        lo: f64,
        /// upper limit given
        hi: f64,
    },
    /// Variable edges must increase.
    #[error("edge {index} ({value}) is not a finite number above the edge before it")]
    BadEdge {
        /// position in the list of edges, from 0
        index: usize,
        /// the offending edge
        value: f64,
    },
    /// Two slices that belong together differ in length.
    #[error("{what}: {left} and {right} elements, expected the same number")]
    Length {
        /// the two things compared
        what: &'static str,
        /// elements of the first
        left: usize,
        /// elements of the second
        right: usize,
    },
    /// Histograms can only be combined bin by bin on equal axes.
    #[error("the two histograms have different axes")]
    AxisMismatch,
    /// Bins cannot be grouped as asked.
    #[error("{bins} bins cannot be grouped by {group}")]
    Rebin {
        /// bins of the axis
        bins: usize,
        /// bins to put together
        group: usize,
    },
    /// A new edge falls inside an existing bin.
    #[error("new edge {value} is not an edge of the histogram")]
    NotAnEdge {
        /// the offending edge
        value: f64,
    },
    /// A probability or confidence level outside its domain.
    #[error("{what} is {value}, expected a number between 0 and 1")]
    Probability {
        /// which argument
        what: &'static str,
        /// what was given
        value: f64,
    },
    /// More passes than trials, or negative counts.
    #[error("{pass} of {total} is not a valid count")]
    Count {
        /// passing trials
        pass: f64,
        /// all trials
        total: f64,
    },
}
