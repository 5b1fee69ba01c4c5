//! The points to cluster: columns of coordinates with optional weights.

use crate::error::{Error, Result};

/// Points as columns, one slice per axis; checked when made, borrowed from the caller.
#[derive(Debug, Clone)]
pub struct Points<'a> {
    axes: Vec<&'a [f32]>,
    weights: Option<&'a [f32]>,
    uncertainty: Option<&'a [f32]>,
    tags: Option<&'a [u32]>,
}

impl<'a> Points<'a> {
    /// Points from one column per axis.
    ///
    /// # Errors
    /// No column, columns of different lengths, a coordinate that is NaN or infinite, or more than
    /// `i32::MAX` points.
    pub fn new(axes: &[&'a [f32]]) -> Result<Self> {
        let count = axes.first().ok_or(Error::NoAxes)?.len();
        if i32::try_from(count).is_err() {
            return Err(Error::TooMany(count));
        }
        for (axis, column) in axes.iter().enumerate() {
            check(&format!("coordinate {axis}"), column, count, |x| x.is_finite(), "finite")?;
        }
        Ok(Self { axes: axes.to_vec(), weights: None, uncertainty: None, tags: None })
    }

    /// Gives every point a weight (1 without this).
    ///
    /// # Errors
    /// A wrong length, or a weight that is NaN or infinite.
    pub fn weights(mut self, weights: &'a [f32]) -> Result<Self> {
        check("weights", weights, self.len(), |w| w.is_finite(), "finite")?;
        self.weights = Some(weights);
        Ok(self)
    }

    /// Gives every point a factor on the critical density, for example its noise.
    ///
    /// # Errors
    /// A wrong length, or a factor that is NaN, infinite or negative.
    pub fn density_uncertainty(mut self, factors: &'a [f32]) -> Result<Self> {
        let wanted = "finite, zero or above";
        check("density uncertainty", factors, self.len(), |f| f.is_finite() && f >= 0.0, wanted)?;
        self.uncertainty = Some(factors);
        Ok(self)
    }

    /// Gives every point a tag that decides between equal densities in place of the row (the larger
    /// is higher; the row decides between equal tags). With unique tags, such as cell numbers, the
    /// clusters do not depend on the order of the points.
    ///
    /// # Errors
    /// A wrong length.
    pub fn tags(mut self, tags: &'a [u32]) -> Result<Self> {
        check_length("tags", tags.len(), self.len())?;
        self.tags = Some(tags);
        Ok(self)
    }

    /// The same points seen along some of their axes.
    ///
    /// # Errors
    /// An axis that does not exist, or none.
    pub fn along(mut self, axes: &[usize]) -> Result<Self> {
        let count = self.axes.len();
        let pick = |&axis: &usize| self.axes.get(axis).copied().ok_or(Error::NoSuchAxis { axis, axes: count });
        let picked = axes.iter().map(pick).collect::<Result<Vec<_>>>()?;
        if picked.is_empty() {
            return Err(Error::NoAxes);
        }
        self.axes = picked;
        Ok(self)
    }

    /// Number of points.
    pub fn len(&self) -> usize {
        self.axes.first().map_or(0, |column| column.len())
    }

    /// Whether there is no point.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of axes.
    pub fn dimension(&self) -> usize {
        self.axes.len()
    }

    /// The points of consecutive rows.
    pub(super) fn rows(&self, rows: std::ops::Range<usize>) -> Points<'a> {
        fn cut<'a, T>(column: Option<&'a [T]>, rows: &std::ops::Range<usize>) -> Option<&'a [T]> {
            column.map(|column| &column[rows.clone()])
        }
        Points {
            axes: self.axes.iter().map(|column| &column[rows.clone()]).collect(),
            weights: cut(self.weights, &rows),
            uncertainty: cut(self.uncertainty, &rows),
            tags: cut(self.tags, &rows),
        }
    }

    /// Copies of the columns, wrapped into one period where they span more than one.
    pub(super) fn columns(&self, periods: impl Iterator<Item = f32>) -> Vec<Vec<f32>> {
        let wrapped = |(column, period): (&&[f32], f32)| {
            let (least, largest) = column.iter().fold((f32::MAX, f32::MIN), |(l, h), &x| (l.min(x), h.max(x)));
            if largest - least > period {
                column.iter().map(|x| x.rem_euclid(period)).collect()
            } else {
                column.to_vec()
            }
        };
        self.axes.iter().zip(periods).map(wrapped).collect()
    }

    pub(super) fn weight(&self, row: usize) -> f32 {
        self.weights.map_or(1.0, |weights| weights[row])
    }

    pub(super) fn uncertainty(&self, row: usize) -> f32 {
        self.uncertainty.map_or(1.0, |factors| factors[row])
    }

    pub(super) fn coordinate(&self, axis: usize, row: usize) -> f32 {
        self.axes[axis][row]
    }

    /// Place of every row when rows are sorted by tag.
    pub(super) fn ties(&self) -> Option<Vec<u32>> {
        let tags = self.tags?;
        let mut rows: Vec<u32> = (0..tags.len() as u32).collect();
        rows.sort_by_key(|&row| tags[row as usize]);
        let mut place = vec![0; rows.len()];
        rows.iter().enumerate().for_each(|(position, &row)| place[row as usize] = position as u32);
        Some(place)
    }
}

fn check_length(column: &str, found: usize, expected: usize) -> Result<()> {
    if found == expected { Ok(()) } else { Err(Error::Length { column: column.into(), expected, found }) }
}

fn check(name: &str, column: &[f32], count: usize, fits: impl Fn(f32) -> bool, wanted: &'static str) -> Result<()> {
    check_length(name, column.len(), count)?;
    match column.iter().position(|&value| !fits(value)) {
        Some(row) => Err(Error::Value { column: name.into(), row, value: column[row], wanted }),
        None => Ok(()),
    }
}
