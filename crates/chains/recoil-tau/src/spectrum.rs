//! Spectra: how many candidates of each class there are in bins of pseudorapidity and transverse momentum.

use std::collections::BTreeMap;

use recoil_root::{Axis, Column, Hist1, Hist2, Storage};
use serde::{Deserialize, Serialize};

use crate::data::file::{CandidateFile, floats, integers};
use crate::data::labels::{LABEL_COLUMNS, classes, require};
use crate::data::truth::{TauType, delta_phi};
use crate::error::Result;

/// Bins of one width.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UniformBins {
    /// Number of bins.
    pub bins: usize,
    /// Lower edge of the first.
    pub low: f64,
    /// Upper edge of the last.
    pub high: f64,
}

impl UniformBins {
    /// Number of the bin of `value` with the underflow as 0 and the overflow behind the last.
    pub fn find(&self, value: f64) -> usize {
        if value < self.low {
            0
        } else if value < self.high {
            1 + (self.bins as f64 * (value - self.low) / (self.high - self.low)) as usize
        } else {
            self.bins + 1
        }
    }

    fn axis(&self) -> Axis {
        Axis::uniform("", self.bins, self.low, self.high)
    }

    /// What is wrong with the bins.
    pub fn problem(&self) -> Option<&'static str> {
        let fits = self.bins > 0 && self.low.is_finite() && self.high.is_finite() && self.low < self.high;
        (!fits).then_some("needs at least one bin between two rising edges")
    }
}

/// What the candidates are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    /// Reconstructed taus, by class.
    #[default]
    Tau,
    /// Reconstructed boosted taus, by class of the tau of the same row.
    BoostedTau,
    /// Jets, of displaced taus and of jets.
    Jet,
}

impl Mode {
    /// Beginning of the names of its histograms.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Tau => "eta_pt_hist_",
            Self::BoostedTau => "boostedTau_eta_pt_hist_",
            Self::Jet => "jet_eta_pt_hist_",
        }
    }
}

/// Counts of one class in bins of |η| and transverse momentum, with flow bins.
#[derive(Clone, Debug, PartialEq)]
pub struct Spectrum {
    /// Bins of |η|.
    pub eta: UniformBins,
    /// Bins of transverse momentum [GeV].
    pub pt: UniformBins,
    /// Counts: bin (i, k) at `i + (n_eta + 2) k`.
    pub counts: Vec<f64>,
    /// Sums over what lies within the bins: w, w², w·x, w·x², w·y, w·y², w·x·y.
    pub sums: [f64; 7],
    /// Number of candidates.
    pub entries: f64,
}

impl Spectrum {
    /// Empty bins.
    pub fn new(eta: UniformBins, pt: UniformBins) -> Self {
        Self { eta, pt, counts: vec![0.0; (eta.bins + 2) * (pt.bins + 2)], sums: [0.0; 7], entries: 0.0 }
    }

    /// Counts a candidate.
    pub fn fill(&mut self, abs_eta: f64, pt: f64) {
        let (i, k) = (self.eta.find(abs_eta), self.pt.find(pt));
        if let Some(count) = self.counts.get_mut(i + (self.eta.bins + 2) * k) {
            *count += 1.0;
        }
        self.entries += 1.0;
        if (1..=self.eta.bins).contains(&i) && (1..=self.pt.bins).contains(&k) {
            let terms = [1.0, 1.0, abs_eta, abs_eta * abs_eta, pt, pt * pt, abs_eta * pt];
            self.sums.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term);
        }
    }

    /// As a histogram of ROOT's.
    pub fn histogram(&self, name: &str) -> Hist2 {
        Hist2 {
            name: name.to_owned(),
            title: "eta_pt_hist".to_owned(),
            x: self.eta.axis(),
            y: self.pt.axis(),
            z_title: String::new(),
            contents: self.counts.clone(),
            sumw2: Some(self.counts.clone()),
            entries: self.entries,
            stats: self.sums,
            storage: Storage::F64,
        }
    }
}

/// Spectra of some files.
#[derive(Clone, Debug, PartialEq)]
pub struct Spectra {
    /// What the candidates are.
    pub mode: Mode,
    eta: UniformBins,
    pt: UniformBins,
    /// By class.
    pub classes: BTreeMap<TauType, Spectrum>,
    /// Rows that are no reconstructed candidate or that nothing was generated for.
    pub not_valid: u64,
    /// All rows.
    pub rows: u64,
}

const TAU: [&str; 2] = ["tau_pt", "tau_eta"];
const BOOSTED: [&str; 3] = ["boostedTau_pt", "boostedTau_eta", "boostedTau_index"];
const JET: [&str; 16] = [
    "jet_pt",
    "jet_eta",
    "jet_phi",
    "jet_index",
    "genLepton_index",
    "genLepton_kind",
    "genLepton_vis_pt",
    "genLepton_vis_eta",
    "genLepton_vis_phi",
    "genJet_index",
    "genJet_pt",
    "genJet_eta",
    "genParticle_pdgId",
    "genParticle_isLastCopy",
    "genParticle_vtx_z",
    "genParticle_vtx_x",
];
const GEN_Y: &str = "genParticle_vtx_y";

impl Spectra {
    /// Empty spectra.
    pub fn new(mode: Mode, eta: UniformBins, pt: UniformBins) -> Self {
        Self { mode, eta, pt, classes: BTreeMap::new(), not_valid: 0, rows: 0 }
    }

    /// Counts the candidates of a file. Nothing is counted of a file with a fault.
    ///
    /// # Errors
    /// As [`Sorted::of_file`].
    pub fn add_file(&mut self, file: &CandidateFile) -> Result<()> {
        self.add(&Sorted::of_file(self.mode, file)?);
        Ok(())
    }

    /// Counts candidates.
    pub fn add(&mut self, sorted: &Sorted) {
        let (eta, pt) = (self.eta, self.pt);
        for (class, found) in &sorted.classes {
            let spectrum = self.classes.entry(*class).or_insert_with(|| Spectrum::new(eta, pt));
            found.iter().for_each(|[abs_eta, pt]| spectrum.fill(f64::from(*abs_eta), f64::from(*pt)));
        }
        self.not_valid += sorted.not_valid;
        self.rows += sorted.rows;
    }

    /// The histogram of rows without a class.
    pub fn not_valid_histogram(&self) -> Hist1 {
        let count = self.not_valid as f64;
        Hist1 {
            name: "not_valid".to_owned(),
            title: "not_valid".to_owned(),
            x: Axis::uniform("", 1, 0.0, 2.0),
            y_title: String::new(),
            contents: vec![0.0, count, 0.0],
            sumw2: Some(vec![0.0, count, 0.0]),
            entries: count,
            stats: [count, count, count, count],
            storage: Storage::F64,
        }
    }
}

/// The candidates of a file by class.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sorted {
    /// |η| and transverse momentum [GeV] of the candidates of each class.
    pub classes: BTreeMap<TauType, Vec<[f32; 2]>>,
    /// Rows that are no reconstructed candidate or that nothing was generated for.
    pub not_valid: u64,
    /// All rows.
    pub rows: u64,
}

impl Sorted {
    /// Reads a file.
    ///
    /// # Errors
    /// Columns that are missing, codes that mean nothing, damaged files.
    pub fn of_file(mode: Mode, file: &CandidateFile) -> Result<Self> {
        let mut sorted = Self { rows: file.rows(), ..Self::default() };
        match mode {
            Mode::Tau => sorted.taus(file, &TAU, false)?,
            Mode::BoostedTau => sorted.taus(file, &BOOSTED, true)?,
            Mode::Jet => sorted.jets(file)?,
        }
        Ok(sorted)
    }

    fn put(&mut self, class: TauType, abs_eta: f32, pt: f32) {
        self.classes.entry(class).or_default().push([abs_eta, pt]);
    }

    fn taus(&mut self, file: &CandidateFile, kinematics: &[&str], boosted: bool) -> Result<()> {
        require(file)?;
        file.require(kinematics.iter().map(|name| (*name, false)))?;
        // tau_eta is among the columns of the truth
        let names: Vec<&str> =
            LABEL_COLUMNS.iter().chain(kinematics.iter().filter(|name| **name != "tau_eta")).copied().collect();
        let mut stream = file.stream(&names, 0..file.rows(), 1 << 16)?;
        while let Some((rows, mut columns)) = stream.next_block()? {
            let extra: Vec<Column> = columns.drain(LABEL_COLUMNS.len()..).collect();
            let eta = columns.get(6).cloned();
            let known = classes(file.name(), rows.start, columns)?;
            let mut extra = extra.into_iter();
            let pt = extra.next().map(floats).unwrap_or_default();
            let (eta, index) =
                if boosted { (extra.next(), extra.next().map(|column| integers(&column))) } else { (eta, None) };
            let eta = eta.map(floats).unwrap_or_default();
            let is_there = |row: usize| index.as_ref().is_none_or(|index| index.get(row).is_some_and(|i| *i >= 0));
            for (row, class) in known.into_iter().enumerate() {
                match (class, eta.get(row), pt.get(row)) {
                    (Some(class), Some(eta), Some(pt)) if is_there(row) => {
                        self.put(class, eta.abs(), *pt);
                    }
                    _ => self.not_valid += 1,
                }
            }
        }
        Ok(())
    }

    fn jets(&mut self, file: &CandidateFile) -> Result<()> {
        let is_list = |name: &str| name.starts_with("genParticle_");
        let names: Vec<&str> = JET.iter().copied().chain([GEN_Y]).collect();
        file.require(names.iter().map(|name| (*name, is_list(name))))?;
        let mut stream = file.stream(&names, 0..file.rows(), 1 << 14)?;
        while let Some((_, columns)) = stream.next_block()? {
            let offsets = columns.get(12).and_then(|column| crate::data::file::offsets(column)).unwrap_or(&[]).to_vec();
            let values: Vec<Vec<f32>> = columns.into_iter().map(floats).collect();
            let rows = values.first().map_or(0, Vec::len);
            for row in 0..rows {
                let at = |column: usize| values.get(column).and_then(|v| v.get(row)).copied().unwrap_or(f32::NAN);
                let range = |i: usize| offsets.get(i).and_then(|o| usize::try_from(*o).ok()).unwrap_or(0);
                let particle =
                    |column: usize, i: usize| values.get(column).and_then(|v| v.get(i)).copied().unwrap_or(0.0);
                let tau =
                    (range(row)..range(row + 1)).find(|i| particle(12, *i).abs() == 15.0 && particle(13, *i) != 0.0);
                let vertex = tau.map(|i| [particle(15, i), particle(16, i), particle(14, i)].map(f64::from));
                let jet = GenJetCandidate {
                    jet: [at(0), at(1), at(2)].map(f64::from),
                    jet_index: at(3),
                    lepton_index: at(4),
                    lepton_kind: at(5),
                    lepton: [at(6), at(7), at(8)].map(f64::from),
                    gen_jet_index: at(9),
                    gen_jet: [at(10), at(11)].map(f64::from),
                    vertex,
                };
                match jet.class() {
                    Some(class) => self.put(class, at(1).abs(), at(0)),
                    None => self.not_valid += 1,
                }
            }
        }
        Ok(())
    }
}

/// What the class of a jet depends on.
struct GenJetCandidate {
    /// Transverse momentum [GeV], pseudorapidity, azimuth.
    jet: [f64; 3],
    jet_index: f32,
    lepton_index: f32,
    lepton_kind: f32,
    lepton: [f64; 3],
    gen_jet_index: f32,
    gen_jet: [f64; 2],
    /// Where the tau was made [cm], if the decay chain is there.
    vertex: Option<[f64; 3]>,
}

impl GenJetCandidate {
    /// Tau, jet or nothing. A tau that fails the cuts is nothing.
    fn class(&self) -> Option<TauType> {
        let [pt, eta, phi] = self.jet;
        if self.jet_index < 0.0 || pt <= 20.0 || eta.abs() >= 2.4 {
            return None;
        }
        if self.lepton_index >= 0.0 {
            let [gen_pt, gen_eta, gen_phi] = self.lepton;
            let contained = self.vertex.is_none_or(|[x, y, z]| z.abs() < 100.0 && x.hypot(y) < 50.0);
            let near = (eta - gen_eta).hypot(delta_phi(phi, gen_phi)) < 0.4;
            let good = self.lepton_kind == 5.0 && gen_pt > 10.0 && contained && near;
            return good.then_some(TauType::Tau);
        }
        let [gen_pt, gen_eta] = self.gen_jet;
        (self.gen_jet_index >= 0.0 && gen_pt > 20.0 && gen_eta.abs() < 2.4).then_some(TauType::Jet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_and_flow() {
        let bins = UniformBins { bins: 4, low: 0.0, high: 2.0 };
        assert_eq!([-0.1, 0.0, 0.49, 0.5, 1.99, 2.0, f64::NAN].map(|x| bins.find(x)), [0, 1, 1, 2, 4, 5, 5]);
    }

    #[test]
    fn displaced_taus_that_fail_a_cut_are_nothing() {
        let good = GenJetCandidate {
            jet: [30.0, 0.5, 0.5],
            jet_index: 0.0,
            lepton_index: 0.0,
            lepton_kind: 5.0,
            lepton: [20.0, 0.5, 0.6],
            gen_jet_index: -1.0,
            gen_jet: [0.0, 0.0],
            vertex: Some([1.0, 2.0, 30.0]),
        };
        assert_eq!(good.class(), Some(TauType::Tau));
        assert_eq!(GenJetCandidate { vertex: Some([60.0, 0.0, 0.0]), ..good }.class(), None);
        let no_lepton = GenJetCandidate { lepton_index: -1.0, gen_jet_index: 0.0, gen_jet: [25.0, 0.1], ..good };
        assert_eq!(no_lepton.class(), Some(TauType::Jet));
    }
}
