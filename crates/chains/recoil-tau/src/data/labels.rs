//! Classes of the candidates of a file, from the columns that decide them.

use recoil_root::Column;

use super::file::{CandidateFile, floats, integers};
use super::truth::{GenCandidate, SampleType, TauType};
use crate::error::{Result, TauError};

/// Columns that decide the class of a candidate.
pub const LABEL_COLUMNS: [&str; 10] = [
    "genLepton_index",
    "genLepton_kind",
    "genLepton_vis_pt",
    "genLepton_vis_eta",
    "genLepton_vis_phi",
    "genJet_index",
    "tau_eta",
    "tau_phi",
    "sampleType",
    "tau_index",
];

/// The class of every candidate of a piece of a file.
///
/// `None` stands for a candidate that was not reconstructed as a tau, or that nothing was generated for.
pub type Classes = Vec<Option<TauType>>;

/// Classes of the candidates whose [`LABEL_COLUMNS`] are `columns`; `first` is the number of the first row.
///
/// Collision data have no generated particles: there every reconstructed candidate is of class `data`.
///
/// # Errors
/// Codes that mean nothing, and matches that a sample cannot have, with their row.
pub fn classes(file: &str, first: u64, columns: Vec<Column>) -> Result<Classes> {
    let got = columns.len();
    let columns: [Column; 10] =
        columns.try_into().map_err(|_| TauError::content(file, format!("{got} columns of truth instead of 10")))?;
    let [index, kind, pt, gen_eta, gen_phi, jet, eta, phi, sample, tau] = columns;
    let [index, kind, jet, sample, tau] = [index, kind, jet, sample, tau].map(|column| integers(&column));
    let [pt, gen_eta, gen_phi, eta, phi] = [pt, gen_eta, gen_phi, eta, phi].map(floats);
    let code = |values: &[i64], row: usize| values.get(row).and_then(|value| i32::try_from(*value).ok()).unwrap_or(-1);
    let number = |values: &[f32], row: usize| values.get(row).copied().unwrap_or(f32::NAN);
    (0..index.len())
        .map(|row| {
            let refuse = |reason: String| TauError::Value { file: file.to_owned(), row: first + row as u64, reason };
            if code(&tau, row) < 0 {
                return Ok(None);
            }
            let sample = code(&sample, row);
            let sample = SampleType::of_code(sample)
                .ok_or_else(|| refuse(format!("the sample type {sample} is not 0 (data), 1 (simulation) or 2")))?;
            let candidate = GenCandidate {
                lepton_index: code(&index, row),
                lepton_kind: code(&kind, row),
                lepton_pt: number(&pt, row),
                lepton_eta: number(&gen_eta, row),
                lepton_phi: number(&gen_phi, row),
                jet_index: code(&jet, row),
                eta: number(&eta, row),
                phi: number(&phi, row),
            };
            match candidate.gen_match().map_err(|error| refuse(error.to_string()))? {
                None => Ok((sample == SampleType::Data).then_some(TauType::Data)),
                Some(found) => TauType::of(sample, found).map(Some).map_err(|error| refuse(error.to_string())),
            }
        })
        .collect()
}

/// Makes sure that the columns of the truth are there.
///
/// # Errors
/// The first that is missing or no number.
pub fn require(file: &CandidateFile) -> Result<()> {
    file.require(LABEL_COLUMNS.map(|name| (name, false)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn columns(kind: i32, sample: i32, tau: i32) -> Vec<Column> {
        let int = |value: i32| Column::Prim(vec![value].into());
        let float = |value: f32| Column::Prim(vec![value].into());
        vec![
            int(if kind > 0 { 0 } else { -1 }),
            int(kind),
            float(30.0),
            float(0.5),
            float(0.5),
            int(-1),
            float(0.5),
            float(0.5),
            int(sample),
            int(tau),
        ]
    }

    #[test]
    fn rows_have_their_class_or_an_error_with_a_place() {
        let class = |kind, sample, tau| classes("f", 7, columns(kind, sample, tau)).map(|c| c[0]);
        assert_eq!(class(5, 1, 0).unwrap(), Some(TauType::Tau));
        assert_eq!(class(5, 1, -1).unwrap(), None);
        assert_eq!(class(-1, 1, 0).unwrap(), None);
        assert_eq!(class(-1, 0, 0).unwrap(), Some(TauType::Data));
        assert!(class(5, 9, 0).unwrap_err().to_string().starts_with("f: row 7: the sample type 9"));
        assert!(class(7, 1, 0).unwrap_err().to_string().contains("kind 7"));
        assert!(class(1, 2, 0).is_err());
    }
}
