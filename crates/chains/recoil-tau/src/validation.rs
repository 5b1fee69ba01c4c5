//! Whether all parts of a shuffled sample are alike.
//!
//! The rows are cut into chunks. Histograms of every chunk are compared with those of the first: classes, sample types,
//! groups and data sets, and momenta and directions within each of them.

use std::collections::BTreeMap;

use recoil_stats::agreement::{Binned, chi_square, kolmogorov};

use crate::data::file::{CandidateFile, floats, integers};
use crate::data::truth::{SampleType, TauType};
use crate::error::Result;
use crate::spectrum::UniformBins;

/// A histogram of one chunk.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChunkHist {
    /// Sums of weights.
    pub sum_w: Vec<f64>,
    /// Sums of squared weights.
    pub sum_w2: Vec<f64>,
}

/// A quantity, in all chunks.
#[derive(Clone, Debug, PartialEq)]
pub struct Distribution {
    /// Path, such as `tauType/e/tau_pt`.
    pub path: Vec<String>,
    /// Title of its axis.
    pub title: String,
    /// Its bins.
    pub bins: UniformBins,
    /// One histogram per chunk.
    pub chunks: Vec<ChunkHist>,
}

/// Value of the p-value lists for chunks that cannot be compared, as one is empty.
pub const EMPTY: f64 = 99.0;

impl Distribution {
    fn new(path: Vec<String>, title: &str, bins: UniformBins, chunks: usize) -> Self {
        let empty = ChunkHist { sum_w: vec![0.0; bins.bins], sum_w2: vec![0.0; bins.bins] };
        Self { path, title: title.to_owned(), bins, chunks: vec![empty; chunks] }
    }

    fn fill(&mut self, chunk: usize, value: f64, weight: f64) {
        let bin = self.bins.find(value);
        let Some(hist) = self.chunks.get_mut(chunk) else { return };
        let place = bin.checked_sub(1).and_then(|bin| hist.sum_w.get_mut(bin).zip(hist.sum_w2.get_mut(bin)));
        if let Some((w, ww)) = place {
            *w += weight;
            *ww += weight * weight;
        }
    }

    /// p-values of every chunk against the first, [`EMPTY`] where one of them is empty.
    pub fn p_values(&self, test: Test) -> Vec<f64> {
        let Some(first) = self.chunks.first() else { return Vec::new() };
        let binned = |hist: &ChunkHist| -> Option<f64> {
            let a = Binned { sum_w: &first.sum_w, sum_w2: &first.sum_w2 };
            let b = Binned { sum_w: &hist.sum_w, sum_w2: &hist.sum_w2 };
            match test {
                Test::Ks => kolmogorov(b, a),
                Test::Chi2 => chi_square(b, a),
            }
        };
        self.chunks.iter().map(|hist| binned(hist).unwrap_or(EMPTY)).collect()
    }

    /// The path as one text.
    pub fn name(&self) -> String {
        self.path.join("/")
    }
}

/// How two histograms are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[allow(missing_docs)]
pub enum Test {
    /// Kolmogorov and Smirnov.
    #[serde(rename = "KS")]
    #[default]
    Ks,
    /// χ² of weighted histograms.
    Chi2,
}

/// Columns that tell where a candidate comes from.
const ORIGIN: [&str; 4] = ["tauType", "sampleType", "dataset_group_id", "dataset_id"];

/// Distributions of all chunks.
pub struct Validation {
    chunks: usize,
    total: u64,
    row: u64,
    weight: Option<String>,
    /// Numbers of groups and data sets by identifier.
    groups: BTreeMap<u64, usize>,
    datasets: BTreeMap<u64, usize>,
    origins: Vec<Origin>,
    /// Candidates of no known group or data set.
    pub unknown: u64,
}

/// A column that tells where a candidate comes from, and what is compared for each of its values.
struct Origin {
    name: &'static str,
    column: usize,
    whole: Distribution,
    /// Per value: momentum, direction, and data sets within a group.
    within: BTreeMap<usize, Vec<Distribution>>,
    values: Vec<String>,
}

const PT: UniformBins = UniformBins { bins: 100, low: 0.0, high: 1000.0 };
const ETA: UniformBins = UniformBins { bins: 10, low: -2.5, high: 2.5 };

impl Validation {
    /// Prepares for `total` rows in `chunks`. Names of groups and data sets come with their identifiers; with
    /// `use_datasets`, data sets are compared too. `weight` is a column.
    pub fn new(
        (total, chunks): (u64, usize),
        groups: &BTreeMap<String, u64>,
        datasets: &BTreeMap<String, u64>,
        use_datasets: bool,
        weight: Option<String>,
    ) -> Self {
        let classes: Vec<String> = TauType::ALL.iter().take(4).map(|class| class.name().to_owned()).collect();
        let samples = [SampleType::Data, SampleType::Simulation, SampleType::Embedded];
        let mut samples: Vec<String> = samples.iter().map(|sample| format!("{sample:?}").to_lowercase()).collect();
        samples.extend(["3".to_owned(), "4".to_owned()]);
        let numbered = |names: &BTreeMap<String, u64>| names.values().copied().zip(0..).collect();
        let names = |names: &BTreeMap<String, u64>| names.keys().cloned().collect::<Vec<_>>();
        let origin = |name: &'static str, column: usize, values: Vec<String>| {
            let bins = UniformBins { bins: values.len().max(1), low: 0.0, high: values.len().max(1) as f64 };
            let whole = Distribution::new(vec![name.to_owned()], name, bins, chunks);
            Origin { name, column, whole, within: BTreeMap::new(), values }
        };
        let mut origins = vec![origin("tauType", 0, classes), origin("sampleType", 1, samples)];
        origins.push(origin("dataset_group_id", 2, names(groups)));
        if use_datasets {
            origins.push(origin("dataset_id", 3, names(datasets)));
        }
        let (groups, datasets) = (numbered(groups), numbered(datasets));
        Self { chunks, total, row: 0, weight, groups, datasets, origins, unknown: 0 }
    }

    /// Adds the next file.
    ///
    /// # Errors
    /// Columns that are missing, damaged files.
    pub fn add_file(&mut self, file: &CandidateFile) -> Result<()> {
        let mut names: Vec<&str> = ORIGIN.to_vec();
        names.extend(["tau_pt", "tau_eta"]);
        let weight = self.weight.clone();
        names.extend(weight.as_deref());
        file.require(names.iter().map(|name| (*name, false)))?;
        let mut stream = file.stream(&names, 0..file.rows(), 1 << 16)?;
        while let Some((_, columns)) = stream.next_block()? {
            let origins: Vec<Vec<i64>> = columns.iter().take(4).map(integers).collect();
            let mut rest = columns.into_iter().skip(4).map(floats);
            let (pt, eta) = (rest.next().unwrap_or_default(), rest.next().unwrap_or_default());
            let weights = rest.next();
            for (row, (pt, eta)) in pt.iter().zip(&eta).enumerate() {
                let weight = weights.as_ref().and_then(|w| w.get(row)).map_or(1.0, |w| f64::from(*w));
                let at = |column: usize| origins.get(column).and_then(|o| o.get(row)).copied().unwrap_or(-1);
                self.add([0, 1, 2, 3].map(at), f64::from(*pt), f64::from(*eta), weight);
            }
        }
        Ok(())
    }

    fn add(&mut self, codes: [i64; 4], pt: f64, eta: f64, weight: f64) {
        let chunk = (u128::from(self.row) * self.chunks as u128 / u128::from(self.total.max(1))) as usize;
        self.row += 1;
        let [class, sample, group, dataset] = codes;
        let number = |known: &BTreeMap<u64, usize>, id: i64| known.get(&u64::from_ne_bytes(id.to_ne_bytes())).copied();
        let plain = |code: i64| usize::try_from(code).ok();
        let places = [plain(class), plain(sample), number(&self.groups, group), number(&self.datasets, dataset)];
        for origin in &mut self.origins {
            let place = places.get(origin.column).copied().flatten().filter(|place| *place < origin.values.len());
            let Some(place) = place else {
                self.unknown += u64::from(origin.column == 2);
                continue;
            };
            origin.whole.fill(chunk, place as f64, weight);
            let (name, chunks) = (origin.name, self.chunks);
            let value = origin.values.get(place).cloned().unwrap_or_default();
            let within = origin.within.entry(place).or_insert_with(|| {
                let path = |quantity: &str| vec![name.to_owned(), value.clone(), quantity.to_owned()];
                vec![
                    Distribution::new(path("tau_pt"), r"p_{T} [GeV]", PT, chunks),
                    Distribution::new(path("tau_eta"), r"\eta", ETA, chunks),
                ]
            });
            for (distribution, quantity) in within.iter_mut().zip([pt, eta]) {
                distribution.fill(chunk, quantity, weight);
            }
        }
    }

    /// All distributions: where candidates come from, then their momenta and directions.
    pub fn distributions(self) -> Vec<Distribution> {
        let mut all = Vec::new();
        let mut within = Vec::new();
        for origin in self.origins {
            all.push(origin.whole);
            within.extend(origin.within.into_values().flatten());
        }
        all.extend(within);
        all
    }
}
