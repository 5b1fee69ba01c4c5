//! Histograms as ROOT keeps them: with flow bins.

use crate::{
    error::Fault,
    streamer::object::{Object, Value},
};

/// Bins along one direction.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// Title, often with the unit.
    pub title: String,
    /// Where the bins lie.
    pub bins: Bins,
    /// One text per bin, or none at all.
    pub labels: Vec<String>,
}

/// Where the bins of an axis lie; flow bins are not counted.
#[derive(Debug, Clone, PartialEq)]
pub enum Bins {
    /// `n` bins of one width between `low` and `high`.
    Uniform {
        /// Number of bins.
        n: usize,
        /// Lower edge of the first bin.
        low: f64,
        /// Upper edge of the last bin.
        high: f64,
    },
    /// Bins between neighbours of these edges (one more than bins).
    Edges(Vec<f64>),
}

impl Axis {
    /// `n` bins of one width between `low` and `high`.
    #[must_use]
    pub fn uniform(title: &str, n: usize, low: f64, high: f64) -> Self {
        Self { title: title.into(), bins: Bins::Uniform { n, low, high }, labels: Vec::new() }
    }

    /// Bins between neighbours of `edges`.
    #[must_use]
    pub fn variable(title: &str, edges: Vec<f64>) -> Self {
        Self { title: title.into(), bins: Bins::Edges(edges), labels: Vec::new() }
    }

    /// Number of bins without the two flow bins.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.bins {
            Bins::Uniform { n, .. } => *n,
            Bins::Edges(edges) => edges.len().saturating_sub(1),
        }
    }

    /// Whether there are no bins.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All edges, one more than bins.
    #[must_use]
    pub fn edges(&self) -> Vec<f64> {
        match &self.bins {
            Bins::Uniform { n, low, high } => {
                (0..=*n).map(|i| low + (high - low) * i as f64 / (*n).max(1) as f64).collect()
            }
            Bins::Edges(edges) => edges.clone(),
        }
    }
}

/// Element type in which the bin contents are stored in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each name is its own description")]
pub enum Storage {
    I8,
    I16,
    I32,
    I64,
    F32,
    F64,
}

/// A one-dimensional histogram (`TH1C` ... `TH1D`).
#[derive(Debug, Clone, PartialEq)]
pub struct Hist1 {
    /// Name without directory.
    pub name: String,
    /// Title.
    pub title: String,
    /// Bins along x.
    pub x: Axis,
    /// Title of the contents (ROOT's y axis title).
    pub y_title: String,
    /// Sum of weights per bin: underflow, the bins, overflow (bins + 2 values).
    pub contents: Vec<f64>,
    /// Sum of squared weights per bin, laid out as `contents`; `None`: equal to the contents.
    pub sumw2: Option<Vec<f64>>,
    /// Number of fills.
    pub entries: f64,
    /// Sums kept while filling: w, w², w·x, w·x².
    pub stats: [f64; 4],
    /// Type of the contents in the file.
    pub storage: Storage,
}

/// A two-dimensional histogram (`TH2C` ... `TH2D`).
#[derive(Debug, Clone, PartialEq)]
pub struct Hist2 {
    /// Name without directory.
    pub name: String,
    /// Title.
    pub title: String,
    /// Bins along x.
    pub x: Axis,
    /// Bins along y.
    pub y: Axis,
    /// Title of the contents (ROOT's z axis title).
    pub z_title: String,
    /// Sum of weights of bin (i, j) at `i + (nx + 2) * j`, flow bins included ((nx + 2) * (ny + 2) values).
    pub contents: Vec<f64>,
    /// Sum of squared weights, laid out as `contents`; `None`: equal to the contents.
    pub sumw2: Option<Vec<f64>>,
    /// Number of fills.
    pub entries: f64,
    /// Sums kept while filling: w, w², w·x, w·x², w·y, w·y², w·x·y.
    pub stats: [f64; 7],
    /// Type of the contents in the file.
    pub storage: Storage,
}

/// A three-dimensional histogram (`TH3C` ... `TH3D`).
#[derive(Debug, Clone, PartialEq)]
pub struct Hist3 {
    /// Name without directory.
    pub name: String,
    /// Title.
    pub title: String,
    /// Bins along x, y and z.
    pub axes: [Axis; 3],
    /// Sum of weights of bin (i, j, k) at `i + (nx + 2) * (j + (ny + 2) * k)`, flow bins included.
    pub contents: Vec<f64>,
    /// Sum of squared weights, laid out as `contents`; `None`: equal to the contents.
    pub sumw2: Option<Vec<f64>>,
    /// Number of fills.
    pub entries: f64,
    /// Type of the contents in the file.
    pub storage: Storage,
}

/// A profile (`TProfile`): mean of y in bins of x.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// Name without directory.
    pub name: String,
    /// Title.
    pub title: String,
    /// Bins along x.
    pub x: Axis,
    /// Title of the mean (ROOT's y axis title).
    pub y_title: String,
    /// Sum of w·y per bin: underflow, the bins, overflow.
    pub sum_wy: Vec<f64>,
    /// Sum of w·y² per bin.
    pub sum_wy2: Vec<f64>,
    /// Sum of w per bin.
    pub sum_w: Vec<f64>,
    /// Sum of w² per bin; `None`: equal to the sum of w.
    pub sum_w2: Option<Vec<f64>>,
    /// Number of fills.
    pub entries: f64,
    /// How errors are meant: empty (standard error of the mean), `s` (spread), `i`, `g`.
    pub error_option: String,
}

impl Profile {
    /// Mean of y in each bin, flow bins included; NaN where nothing was filled.
    #[must_use]
    pub fn means(&self) -> Vec<f64> {
        self.sum_wy.iter().zip(&self.sum_w).map(|(wy, w)| if *w == 0.0 { f64::NAN } else { wy / w }).collect()
    }

    /// Standard deviation of y in each bin, flow bins included; NaN where nothing was filled.
    #[must_use]
    pub fn spreads(&self) -> Vec<f64> {
        let second = self.sum_wy2.iter().zip(&self.sum_w);
        self.means().iter().zip(second).map(|(mean, (wy2, w))| (wy2 / w - mean * mean).abs().sqrt()).collect()
    }
}

fn bins_of(object: &Object, axis: &str) -> Result<Axis, Fault> {
    let axis = object.object(axis).ok_or_else(|| Fault::bad(0, format!("a histogram without {axis}")))?;
    let n = usize::try_from(axis.int("fNbins")).map_err(|_| Fault::bad(0, "a negative number of bins"))?;
    let edges = axis.floats("fXbins");
    let bins = if edges.len() == n + 1 {
        Bins::Edges(edges)
    } else {
        Bins::Uniform { n, low: axis.float("fXmin"), high: axis.float("fXmax") }
    };
    let labels = axis.get("fLabels").list().iter();
    let labels = labels.filter_map(|label| if let Value::Text(text) = label { Some(text.to_string()) } else { None });
    Ok(Axis { title: axis.text("fTitle").to_string(), bins, labels: labels.collect() })
}

fn storage_of(class: &str) -> Storage {
    match class.chars().last() {
        Some('C') => Storage::I8,
        Some('S') => Storage::I16,
        Some('I') => Storage::I32,
        Some('L') => Storage::I64,
        Some('F') => Storage::F32,
        _ => Storage::F64,
    }
}

/// Contents with as many values as the axes want.
fn contents_of(object: &Object, axes: &[&Axis]) -> Result<Vec<f64>, Fault> {
    let contents = object.floats("fArray");
    let cells = axes.iter().try_fold(1_usize, |cells, axis| cells.checked_mul(axis.len() + 2));
    if cells == Some(contents.len()) {
        return Ok(contents);
    }
    Err(Fault::bad(0, format!("a histogram with {} contents that do not fit its axes", contents.len())))
}

fn weights_of(object: &Object, name: &str, cells: usize) -> Option<Vec<f64>> {
    Some(object.floats(name)).filter(|weights| weights.len() == cells)
}

fn axis_title(object: &Object, axis: &str) -> String {
    object.object(axis).map_or_else(String::new, |axis| axis.text("fTitle").to_string())
}

fn stats_of<const N: usize>(object: &Object, names: [&str; N]) -> [f64; N] {
    names.map(|name| object.float(name))
}

impl Hist1 {
    pub(crate) fn of(object: &Object) -> Result<Self, Fault> {
        let x = bins_of(object, "fXaxis")?;
        let contents = contents_of(object, &[&x])?;
        Ok(Self {
            name: object.text("fName").to_string(),
            title: object.text("fTitle").to_string(),
            sumw2: weights_of(object, "fSumw2", contents.len()),
            x,
            y_title: axis_title(object, "fYaxis"),
            contents,
            entries: object.float("fEntries"),
            stats: stats_of(object, ["fTsumw", "fTsumw2", "fTsumwx", "fTsumwx2"]),
            storage: storage_of(&object.class),
        })
    }
}

impl Hist2 {
    pub(crate) fn of(object: &Object) -> Result<Self, Fault> {
        let (x, y) = (bins_of(object, "fXaxis")?, bins_of(object, "fYaxis")?);
        let contents = contents_of(object, &[&x, &y])?;
        Ok(Self {
            name: object.text("fName").to_string(),
            title: object.text("fTitle").to_string(),
            sumw2: weights_of(object, "fSumw2", contents.len()),
            x,
            y,
            z_title: axis_title(object, "fZaxis"),
            contents,
            entries: object.float("fEntries"),
            stats: stats_of(object, ["fTsumw", "fTsumw2", "fTsumwx", "fTsumwx2", "fTsumwy", "fTsumwy2", "fTsumwxy"]),
            storage: storage_of(&object.class),
        })
    }
}

impl Hist3 {
    pub(crate) fn of(object: &Object) -> Result<Self, Fault> {
        let axes = [bins_of(object, "fXaxis")?, bins_of(object, "fYaxis")?, bins_of(object, "fZaxis")?];
        let contents = contents_of(object, &axes.each_ref())?;
        Ok(Self {
            name: object.text("fName").to_string(),
            title: object.text("fTitle").to_string(),
            sumw2: weights_of(object, "fSumw2", contents.len()),
            axes,
            contents,
            entries: object.float("fEntries"),
            storage: storage_of(&object.class),
        })
    }
}

impl Profile {
    pub(crate) fn of(object: &Object) -> Result<Self, Fault> {
        let x = bins_of(object, "fXaxis")?;
        let sum_wy = contents_of(object, &[&x])?;
        let cells = sum_wy.len();
        let missing = |what: &str| Fault::bad(0, format!("a profile without {what}"));
        Ok(Self {
            name: object.text("fName").to_string(),
            title: object.text("fTitle").to_string(),
            y_title: axis_title(object, "fYaxis"),
            sum_wy2: weights_of(object, "fSumw2", cells).ok_or_else(|| missing("sums of squares"))?,
            sum_w: weights_of(object, "fBinEntries", cells).ok_or_else(|| missing("entries per bin"))?,
            sum_w2: weights_of(object, "fBinSumw2", cells),
            x,
            sum_wy,
            entries: object.float("fEntries"),
            error_option: match object.int("fErrorMode") {
                1 => "s",
                2 => "i",
                3 => "g",
                _ => "",
            }
            .to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_of_uniform_bins() {
        assert_eq!(Axis::uniform("x", 4, 0.0, 2.0).edges(), [0.0, 0.5, 1.0, 1.5, 2.0]);
        assert_eq!(Axis::variable("x", vec![0.0, 1.0, 4.0]).len(), 2);
    }
}
