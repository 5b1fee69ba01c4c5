//! Keys of `tau shuffle-merge`.

use std::path::PathBuf;

use recoil_root::write::Compression;
use recoil_stage::{Config, Problem};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::shuffle::acceptance::{Bins, Flattening, ImbalanceBins, parse_ratio};
use crate::shuffle::draw::Order;
use crate::stages::files::OnBadFile;

/// How groups are merged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum MergeMode {
    /// Every group is flattened, classes get their shares.
    #[default]
    MergeAll,
    /// All candidates are kept; groups are drawn by their shares `mix_p`.
    SimpleMix,
}

/// Format of the merged file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FileFormat {
    /// ROOT, with C++ vectors.
    #[default]
    Root,
    /// Parquet, with the same names.
    Parquet,
}

/// Compression of the merged ROOT file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[allow(missing_docs)]
pub enum CompressionName {
    Lzma,
    Zlib,
    Lz4,
    #[default]
    Zstd,
    None,
}

/// Keys of `tau shuffle-merge`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ShuffleMergeConfig {
    /// Folder that the data sets lie in.
    pub prefix: String,
    /// Folder with the spectra of the data sets, `DATASET.root`. Not needed with `refill_spectrum`.
    pub input_spec: String,
    /// Edges in transverse momentum [GeV]; the bins of the spectra must fit in.
    pub pt_bins: Vec<f64>,
    /// Edges in |η|.
    pub eta_bins: Vec<f64>,
    /// `MergeAll` or `SimpleMix`.
    pub mode: MergeMode,
    /// Shares of the classes, such as `jet:1, e:1`; -1 takes all of a class.
    pub tau_ratio: String,
    /// Number of the job, from 0.
    pub job_idx: u64,
    /// Number of jobs.
    pub n_jobs: u64,
    /// Most rows that are written; -1 for no limit.
    pub max_entries: i64,
    /// With `lastbin_takeall`: most flattened candidates per candidate of the last bin.
    pub lastbin_disbalance: f64,
    /// Whether all candidates of the last bin in transverse momentum are kept.
    pub lastbin_takeall: bool,
    /// What counts as the last bin for `lastbin_disbalance`: `last`, or `last_two` as older tools did.
    pub imbalance_bins: ImbalanceBins,
    /// Whether spectra are counted on what the job reads, instead of taken from `input_spec`.
    pub refill_spectrum: bool,
    /// Whether bins without candidates are allowed.
    pub enable_emptybin: bool,
    /// Whether the last job reads the rows that the number of jobs leaves over.
    pub overflow_job: bool,
    /// Keep events with even numbers (0), odd numbers (1), or all (3).
    pub parity: u8,
    /// How groups are drawn: `rows_left` (all groups end together), or `fixed_shares`, which ends with the first group
    /// that has no rows left.
    pub order: Order,
    /// Columns that are left out. The columns `tauType`, `dataset_id` and `dataset_group_id` are always set anew.
    pub disabled_branches: Vec<String>,
    /// Format of the merged file: `root` or `parquet`.
    pub format: FileFormat,
    /// Compression of a merged ROOT file: `LZMA`, `ZLIB`, `LZ4`, `ZSTD` or `NONE`.
    pub compression_algo: CompressionName,
    /// Level of that compression, 1 to 9.
    pub compression_level: u8,
    /// Tree of the inputs that holds the candidates.
    pub tree: String,
    /// What happens with files that cannot be used: `stop` or `skip`.
    pub on_bad_file: OnBadFile,
}

impl Default for ShuffleMergeConfig {
    fn default() -> Self {
        Self {
            prefix: String::new(),
            input_spec: String::new(),
            pt_bins: vec![20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 100.0, 1000.0],
            eta_bins: vec![0.0, 0.6, 1.2, 1.8, 2.4],
            mode: MergeMode::MergeAll,
            tau_ratio: "jet:1, e:1, mu:1, tau:1".into(),
            job_idx: 0,
            n_jobs: 1,
            max_entries: -1,
            lastbin_disbalance: 1.0,
            lastbin_takeall: false,
            imbalance_bins: ImbalanceBins::Last,
            refill_spectrum: false,
            enable_emptybin: false,
            overflow_job: false,
            parity: 3,
            order: Order::RowsLeft,
            disabled_branches: Vec::new(),
            format: FileFormat::Root,
            compression_algo: CompressionName::Zstd,
            compression_level: 5,
            tree: crate::data::columns::TREE.into(),
            on_bad_file: OnBadFile::Stop,
        }
    }
}

impl Config for ShuffleMergeConfig {
    fn check(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        let mut problem = |key: &str, reason: String| found.push(Problem::new(key, reason));
        for (key, edges, least) in [("pt_bins", &self.pt_bins, 2), ("eta_bins", &self.eta_bins, 2)] {
            let rising = edges.windows(2).all(|pair| matches!(pair, [a, b] if a < b));
            if edges.len() < least || !rising || edges.iter().any(|edge| !edge.is_finite()) {
                problem(key, "needs at least two rising edges".into());
            }
        }
        if self.lastbin_takeall && self.pt_bins.len() < 3 {
            problem("pt_bins", "needs at least two bins if the last is taken whole".into());
        }
        if let Err(error) = parse_ratio(&self.tau_ratio) {
            let text = error.to_string();
            problem("tau_ratio", text.strip_prefix("`tau_ratio`: ").unwrap_or(&text).to_owned());
        }
        if self.n_jobs == 0 || self.job_idx >= self.n_jobs {
            problem("job_idx", format!("must be below the number of jobs, {}", self.n_jobs));
        }
        if !matches!(self.parity, 0 | 1 | 3) {
            problem("parity", "must be 0 (even), 1 (odd) or 3 (all)".into());
        }
        if !self.lastbin_disbalance.is_finite() || self.lastbin_disbalance <= 0.0 {
            problem("lastbin_disbalance", "must be above 0".into());
        }
        if !(1..=9).contains(&self.compression_level) {
            problem("compression_level", "must be 1 to 9".into());
        }
        found
    }

    /// The spectra. The candidates below `prefix` are too large to be hashed by every job; the spectra tell which they are.
    fn files(&self) -> Vec<(String, PathBuf)> {
        if self.input_spec.is_empty() || self.refill_spectrum {
            return Vec::new();
        }
        vec![("input_spec".to_owned(), PathBuf::from(&self.input_spec))]
    }
}

impl ShuffleMergeConfig {
    /// Name of the merged file.
    pub fn merged_name(&self) -> String {
        let extension = if self.format == FileFormat::Root { "root" } else { "parquet" };
        format!("merged_{}.{extension}", self.job_idx)
    }

    /// The bins.
    pub fn bins(&self) -> Bins {
        Bins { eta: self.eta_bins.clone(), pt: self.pt_bins.clone() }
    }

    /// How spectra are flattened.
    pub fn flattening(&self) -> Flattening {
        Flattening {
            take_all: self.lastbin_takeall,
            disbalance: self.lastbin_disbalance,
            imbalance_bins: self.imbalance_bins,
            empty_bins: self.enable_emptybin,
        }
    }

    /// Compression of a merged ROOT file.
    pub fn compression(&self) -> Compression {
        match self.compression_algo {
            CompressionName::Lzma => Compression::Lzma(self.compression_level),
            CompressionName::Zlib => Compression::Zlib(self.compression_level),
            CompressionName::Lz4 => Compression::Lz4,
            CompressionName::Zstd => Compression::Zstd(self.compression_level),
            CompressionName::None => Compression::None,
        }
    }
}
