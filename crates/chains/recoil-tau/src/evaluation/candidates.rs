//! Candidates with scores: what evaluation needs of a table.

use recoil_table::{Address, Format, ReadOptions, Selection, addresses};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Fake;
use crate::error::{Result, TauError};

/// Names of the columns that are read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ColumnNames {
    /// Network outputs for electrons, muons, taus and jets, in this order. Tables need not have them where all kinds of
    /// fakes that are looked at have `raw` or `bits`.
    pub nodes: [String; 4],
    /// Discriminators that the table holds, in place of ratios of network outputs; by kind of fake, empty: none.
    pub raw: PerFake<String>,
    /// Truth: 0 electron, 1 muon, 2 tau, 3 jet; other numbers are left out.
    pub truth: String,
    /// Weight of a candidate; empty: 1.
    pub weight: String,
    /// Transverse momentum \[GeV\].
    pub pt: String,
    /// Pseudorapidity.
    pub eta: String,
    /// Azimuth; empty: not read.
    pub phi: String,
    /// Decay mode.
    pub decay_mode: String,
    /// Bit masks of working points that the table holds; by kind of fake, empty: none.
    pub bits: PerFake<String>,
}

/// One value per kind of fake.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PerFake<T: Default> {
    /// Electrons.
    pub e: T,
    /// Muons.
    pub mu: T,
    /// Jets.
    pub jet: T,
}

impl<T: Default> PerFake<T> {
    /// The value of a kind.
    pub fn of(&self, kind: Fake) -> &T {
        match kind {
            Fake::E => &self.e,
            Fake::Mu => &self.mu,
            Fake::Jet => &self.jet,
        }
    }
}

impl Default for ColumnNames {
    fn default() -> Self {
        Self {
            nodes: ["node_e", "node_mu", "node_tau", "node_jet"].map(str::to_owned),
            raw: PerFake::default(),
            truth: "gen_type".to_owned(),
            weight: String::new(),
            pt: "tau_pt".to_owned(),
            eta: "tau_eta".to_owned(),
            phi: String::new(),
            decay_mode: "tau_decayMode".to_owned(),
            bits: PerFake::default(),
        }
    }
}

/// What a candidate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// A hadronic tau.
    Tau,
    /// A fake.
    Fake(Fake),
}

impl Truth {
    fn of_code(code: i64) -> Option<Self> {
        match code {
            0 => Some(Self::Fake(Fake::E)),
            1 => Some(Self::Fake(Fake::Mu)),
            2 => Some(Self::Tau),
            3 => Some(Self::Fake(Fake::Jet)),
            _ => None,
        }
    }
}

/// Columns of candidates, all of the same length.
#[derive(Clone, Debug, Default)]
pub struct Candidates {
    /// What each is.
    pub truth: Vec<Truth>,
    /// Scores by [`Fake::index`]; empty where there are none.
    pub scores: [Vec<f64>; 3],
    /// Bit masks by [`Fake::index`]; empty where there are none.
    pub bits: [Vec<u32>; 3],
    /// Weights.
    pub weight: Vec<f64>,
    /// Transverse momenta \[GeV\].
    pub pt: Vec<f64>,
    /// Pseudorapidities.
    pub eta: Vec<f64>,
    /// Azimuths, if they are read.
    pub phi: Vec<f64>,
    /// Decay modes.
    pub decay_mode: Vec<f64>,
    /// Rows that passed the selection, but whose truth is none of the four.
    pub other: u64,
}

impl Candidates {
    /// Number of candidates.
    pub fn len(&self) -> usize {
        self.truth.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.truth.is_empty()
    }

    /// Scores against a kind of fake.
    pub fn score(&self, kind: Fake) -> &[f64] {
        self.scores.get(kind.index()).map(Vec::as_slice).unwrap_or_default()
    }

    /// Bit masks against a kind of fake.
    pub fn bit(&self, kind: Fake) -> &[u32] {
        self.bits.get(kind.index()).map(Vec::as_slice).unwrap_or_default()
    }

    /// Keeps some, by place.
    #[must_use]
    pub fn kept(&self, keep: impl Fn(usize) -> bool) -> Self {
        let places: Vec<usize> = (0..self.len()).filter(|&i| keep(i)).collect();
        fn take<T: Copy>(all: &[T], places: &[usize]) -> Vec<T> {
            places.iter().filter_map(|&i| all.get(i).copied()).collect()
        }
        Self {
            truth: take(&self.truth, &places),
            scores: self.scores.each_ref().map(|scores| take(scores, &places)),
            bits: self.bits.each_ref().map(|bits| take(bits, &places)),
            weight: take(&self.weight, &places),
            pt: take(&self.pt, &places),
            eta: take(&self.eta, &places),
            phi: take(&self.phi, &places),
            decay_mode: take(&self.decay_mode, &places),
            other: self.other,
        }
    }
}

/// The frame of an HDF5 file of scores that holds everything.
pub const CANDIDATES_FRAME: &str = "candidates";

/// Where the scores of a file stand: in an HDF5 file in the frame that holds everything, if none is named.
fn scores_of(address: Address) -> Address {
    match (address.format, &address.member) {
        (Format::Hdf5, None) => Address { member: Some(CANDIDATES_FRAME.to_owned()), ..address },
        _ => address,
    }
}

/// `tau / (tau + fake)`, 0 where the tau output is 0.
pub fn discriminator(tau: f64, fake: f64) -> f64 {
    if tau == 0.0 { 0.0 } else { tau / (tau + fake) }
}

/// Reads the candidates of tables that pass a selection (empty: all), with scores and masks against some kinds of fakes.
///
/// A kind has no scores where the table holds no network outputs, only a mask.
///
/// # Errors
/// Missing columns, scores that are not numbers or lie outside of 0 to 1, weights that are not finite.
pub fn read(files: &[String], names: &ColumnNames, selection: &str, kinds: &[Fake]) -> Result<Candidates> {
    let addresses: Vec<Address> = addresses(files)?.into_iter().map(scores_of).collect();
    let selection = match selection.trim() {
        "" => None,
        text => Some(Selection::parse(text).map_err(recoil_table::Error::from)?),
    };
    let mut columns = vec![names.truth.clone(), names.pt.clone(), names.eta.clone(), names.decay_mode.clone()];
    let optional = [&names.weight, &names.phi];
    columns.extend(optional.into_iter().filter(|name| !name.is_empty()).cloned());
    let is_stored = |kind: &Fake| !(names.raw.of(*kind).is_empty() && names.bits.of(*kind).is_empty());
    let needs_nodes = kinds.iter().any(|&kind| names.raw.of(kind).is_empty())
        && (!kinds.iter().all(is_stored) || {
            let known = recoil_table::open_all(&addresses, &ReadOptions::default())?.schema();
            names.nodes.iter().all(|name| known.column_with_name(name).is_some())
        });
    columns.extend(names.nodes.iter().filter(|_| needs_nodes).cloned());
    for &kind in kinds {
        columns.extend([names.raw.of(kind), names.bits.of(kind)].into_iter().filter(|name| !name.is_empty()).cloned());
    }
    let mut seen = std::collections::BTreeSet::new();
    columns.retain(|name| seen.insert(name.clone()));
    let options = ReadOptions::default().columns(columns);
    let mut reader = recoil_table::open_selected(&addresses, &options, selection.as_ref())?;
    let mut found = Candidates::default();
    while let Some(batch) = reader.next_batch()? {
        add(&mut found, &batch, names, kinds, needs_nodes)?;
    }
    let file = reader.file();
    if found.is_empty() {
        return Err(TauError::content(file, "no candidate passes the selection"));
    }
    Ok(found)
}

fn add(
    found: &mut Candidates,
    batch: &recoil_table::Batch,
    names: &ColumnNames,
    kinds: &[Fake],
    needs_nodes: bool,
) -> Result<()> {
    let truth = batch.scalar_as::<i64>(&names.truth)?;
    let places: Vec<(usize, Truth)> =
        truth.iter().enumerate().filter_map(|(row, &code)| Some((row, Truth::of_code(code)?))).collect();
    found.other += (truth.len() - places.len()) as u64;
    let bad = |row: usize, column: &str, value: f64, wanted: &str| TauError::Value {
        file: batch.file().to_string(),
        row: batch.first_row() + row as u64,
        reason: format!("'{column}' is {value}, {wanted} is needed"),
    };
    let column = |name: &str, range: Option<(f64, f64)>| -> Result<Vec<f64>> {
        let values = batch.scalar_as::<f64>(name)?;
        let mut kept = Vec::with_capacity(places.len());
        for &(row, _) in &places {
            let value = values.get(row).copied().unwrap_or(f64::NAN);
            match range {
                Some((low, high)) if !(low..=high).contains(&value) => {
                    return Err(bad(row, name, value, &format!("a number from {low} to {high}")));
                }
                None if !value.is_finite() => return Err(bad(row, name, value, "a finite number")),
                _ => kept.push(value),
            }
        }
        Ok(kept)
    };
    let nodes = match needs_nodes {
        true => names.nodes.iter().map(|name| column(name, Some((0.0, 1.0)))).collect::<Result<Vec<_>>>()?,
        false => Vec::new(),
    };
    for &kind in kinds {
        let raw = names.raw.of(kind);
        let scores: Vec<f64> = if raw.is_empty() {
            let fake = nodes.get(if kind == Fake::Jet { 3 } else { kind.index() });
            let pairs = nodes.get(2).into_iter().flatten().zip(fake.into_iter().flatten());
            pairs.map(|(&tau, &fake)| discriminator(tau, fake)).collect()
        } else {
            column(raw, None)?
        };
        if let Some(own) = found.scores.get_mut(kind.index()) {
            own.extend(scores);
        }
        let bits = names.bits.of(kind);
        if let (false, Some(own)) = (bits.is_empty(), found.bits.get_mut(kind.index())) {
            let masks = batch.scalar_as::<u32>(bits)?;
            own.extend(places.iter().filter_map(|&(row, _)| masks.get(row).copied()));
        }
    }
    if names.weight.is_empty() {
        found.weight.resize(found.weight.len() + places.len(), 1.0);
    } else {
        found.weight.extend(column(&names.weight, Some((0.0, f64::MAX)))?);
    }
    found.pt.extend(column(&names.pt, None)?);
    found.eta.extend(column(&names.eta, None)?);
    found.decay_mode.extend(column(&names.decay_mode, None)?);
    if !names.phi.is_empty() {
        found.phi.extend(column(&names.phi, None)?);
    }
    found.truth.extend(places.iter().map(|&(_, truth)| truth));
    Ok(())
}
