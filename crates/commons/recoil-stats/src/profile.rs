//! Profiles: how one variable behaves in bins of another.

use serde::{Deserialize, Serialize};

use crate::{Axis, Bin, Moments, Result, StatsError, quantile};

/// Mean, spread and error on the mean of y in bins of x.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Profile1Record", into = "Profile1Record")]
pub struct Profile1 {
    axis: Axis,
    bins: Vec<Moments>,
    entries: u64,
    nan: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Profile1Record {
    axis: Axis,
    bins: Vec<Moments>,
    entries: u64,
    nan: u64,
}

impl TryFrom<Profile1Record> for Profile1 {
    type Error = StatsError;

    fn try_from(Profile1Record { axis, bins, entries, nan }: Profile1Record) -> Result<Self> {
        if bins.len() != axis.bins() {
            return Err(StatsError::Length {
                what: "profile bins and axis bins",
                left: bins.len(),
                right: axis.bins(),
            });
        }
        Ok(Self { axis, bins, entries, nan })
    }
}

impl From<Profile1> for Profile1Record {
    fn from(p: Profile1) -> Self {
        Self { axis: p.axis, bins: p.bins, entries: p.entries, nan: p.nan }
    }
}

/// One bin of a [`Profile1`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ProfilePoint {
    /// centre of the bin in x
    pub x: f64,
    /// mean of y
    pub mean: f64,
    /// spread of y around its mean
    pub spread: f64,
    /// error on the mean, `spread / √n_eff`
    pub error: f64,
}

impl Profile1 {
    /// An empty profile.
    pub fn new(axis: Axis) -> Self {
        let bins = vec![Moments::default(); axis.bins()];
        Self { axis, bins, entries: 0, nan: 0 }
    }

    /// Adds one pair with weight 1.
    pub fn fill(&mut self, x: f64, y: f64) {
        self.fill_weighted(x, y, 1.0);
    }

    /// Adds one pair. A NaN is only counted in [`Profile1::nan`]; x outside the axis only counts as
    /// an entry.
    pub fn fill_weighted(&mut self, x: f64, y: f64, weight: f64) {
        if x.is_nan() || y.is_nan() || weight.is_nan() {
            self.nan += 1;
            return;
        }
        self.entries += 1;
        if let Bin::In(i) = self.axis.find(x)
            && let Some(bin) = self.bins.get_mut(i)
        {
            bin.fill(y, weight);
        }
    }

    /// Adds every pair with weight 1.
    ///
    /// # Errors
    /// Slices of different length; nothing is filled then.
    pub fn fill_slice(&mut self, x: &[f64], y: &[f64]) -> Result<()> {
        if x.len() != y.len() {
            return Err(StatsError::Length { what: "x and y values", left: x.len(), right: y.len() });
        }
        x.iter().zip(y).for_each(|(&x, &y)| self.fill(x, y));
        Ok(())
    }

    /// The axis.
    pub fn axis(&self) -> &Axis {
        &self.axis
    }

    /// Moments of y per bin.
    pub fn bins(&self) -> &[Moments] {
        &self.bins
    }

    /// Fill calls that were not NaN, x outside the axis included.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// Fill calls refused because of NaN.
    pub fn nan(&self) -> u64 {
        self.nan
    }

    /// One point per bin; the numbers of an empty bin are NaN.
    pub fn points(&self) -> Vec<ProfilePoint> {
        let point = |(i, bin): (usize, &Moments)| ProfilePoint {
            x: self.axis.center(i),
            mean: bin.mean().unwrap_or(f64::NAN),
            spread: bin.rms().unwrap_or(f64::NAN),
            error: bin.mean_error().unwrap_or(f64::NAN),
        };
        self.bins.iter().enumerate().map(point).collect()
    }

    /// Adds another profile bin by bin.
    ///
    /// # Errors
    /// Different axes.
    pub fn add(&mut self, other: &Self) -> Result<()> {
        if self.axis != other.axis {
            return Err(StatsError::AxisMismatch);
        }
        self.bins.iter_mut().zip(&other.bins).for_each(|(a, b)| a.merge(b));
        self.entries += other.entries;
        self.nan += other.nan;
        Ok(())
    }
}

/// Median and quantiles of y in bins of x. It keeps the values, so it costs memory per entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MedianProfile1 {
    axis: Axis,
    values: Vec<Vec<f64>>,
    nan: u64,
}

/// One bin of a [`MedianProfile1`]; the numbers of an empty bin are NaN.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MedianPoint {
    /// centre of the bin in x
    pub x: f64,
    /// median of y
    pub median: f64,
    /// quantile of y at 15.865 %
    pub low: f64,
    /// quantile of y at 84.135 %
    pub high: f64,
    /// half of the shortest interval with 68 % of the values, see [`quantile::effective_sigma`]
    pub effective_sigma: f64,
    /// number of values
    pub entries: usize,
}

impl MedianProfile1 {
    /// An empty profile.
    pub fn new(axis: Axis) -> Self {
        let values = vec![Vec::new(); axis.bins()];
        Self { axis, values, nan: 0 }
    }

    /// Adds one pair. A NaN is only counted in [`MedianProfile1::nan`]; x outside is ignored.
    pub fn fill(&mut self, x: f64, y: f64) {
        if x.is_nan() || y.is_nan() {
            self.nan += 1;
        } else if let Bin::In(i) = self.axis.find(x)
            && let Some(bin) = self.values.get_mut(i)
        {
            bin.push(y);
        }
    }

    /// Adds every pair.
    ///
    /// # Errors
    /// Slices of different length; nothing is filled then.
    pub fn fill_slice(&mut self, x: &[f64], y: &[f64]) -> Result<()> {
        if x.len() != y.len() {
            return Err(StatsError::Length { what: "x and y values", left: x.len(), right: y.len() });
        }
        x.iter().zip(y).for_each(|(&x, &y)| self.fill(x, y));
        Ok(())
    }

    /// The axis.
    pub fn axis(&self) -> &Axis {
        &self.axis
    }

    /// The raw values per bin, in the order of filling.
    pub fn values(&self) -> &[Vec<f64>] {
        &self.values
    }

    /// Fill calls refused because of NaN.
    pub fn nan(&self) -> u64 {
        self.nan
    }

    /// One point per bin.
    pub fn points(&self) -> Vec<MedianPoint> {
        let point = |(i, values): (usize, &Vec<f64>)| {
            let sorted = quantile::sorted(values);
            let at = |p| quantile::sorted_quantile(&sorted, p).unwrap_or(f64::NAN);
            MedianPoint {
                x: self.axis.center(i),
                median: at(0.5),
                low: at(0.15865),
                high: at(0.84135),
                effective_sigma: quantile::sorted_shortest_half_width(&sorted, 0.68).unwrap_or(f64::NAN),
                entries: sorted.len(),
            }
        };
        self.values.iter().enumerate().map(point).collect()
    }

    /// Adds another profile bin by bin.
    ///
    /// # Errors
    /// Different axes.
    pub fn add(&mut self, other: &Self) -> Result<()> {
        if self.axis != other.axis {
            return Err(StatsError::AxisMismatch);
        }
        self.values.iter_mut().zip(&other.values).for_each(|(a, b)| a.extend_from_slice(b));
        self.nan += other.nan;
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn profile_by_hand() {
        let mut p = Profile1::new(Axis::uniform(2, 0.0, 2.0).unwrap());
        p.fill_slice(&[0.1, 0.2, 0.3, 5.0, f64::NAN], &[1.0, 2.0, 6.0, 1.0, 1.0]).unwrap();
        let points = p.points();
        // y = 1, 2, 6: mean 3, variance (4 + 1 + 9)/3 = 14/3, error √(14/9)
        assert_eq!((points[0].x, points[0].mean), (0.5, 3.0));
        assert!((points[0].spread - (14.0f64 / 3.0).sqrt()).abs() < 1e-15);
        assert!((points[0].error - (14.0f64 / 9.0).sqrt()).abs() < 1e-15);
        assert!(points[1].mean.is_nan());
        assert_eq!((p.entries(), p.nan()), (4, 1));

        let mut parts = Profile1::new(p.axis().clone());
        parts.fill(0.1, 1.0);
        let mut rest = Profile1::new(p.axis().clone());
        rest.fill_slice(&[0.2, 0.3], &[2.0, 6.0]).unwrap();
        parts.add(&rest).unwrap();
        assert!((parts.points()[0].spread - points[0].spread).abs() < 1e-14);
    }

    #[test]
    fn median_profile_by_hand() {
        let mut p = MedianProfile1::new(Axis::uniform(2, 0.0, 2.0).unwrap());
        p.fill_slice(&[0.5, 0.5, 0.5, 0.5, 3.0], &[4.0, 1.0, 3.0, 2.0, 9.0]).unwrap();
        let point = p.points()[0];
        assert_eq!((point.median, point.entries), (2.5, 4));
        // numpy.quantile([1, 2, 3, 4], 0.15865) = 1 + 3 * 0.15865
        assert!((point.low - 1.47595).abs() < 1e-12 && (point.high - 3.52405).abs() < 1e-12);
        // m = int(2.72) + 1 = 3: (4 - 1) / 2
        assert_eq!(point.effective_sigma, 1.5);
        assert!(p.points()[1].median.is_nan());
    }

    #[test]
    fn stored_profile_is_checked() {
        let p = Profile1::new(Axis::uniform(2, 0.0, 2.0).unwrap());
        let text = serde_json::to_string(&p).unwrap();
        assert_eq!(serde_json::from_str::<Profile1>(&text).unwrap(), p);
        assert!(serde_json::from_str::<Profile1>(&text.replace("\"bins\":2", "\"bins\":3")).is_err());
    }
}
