//! `tau spectrum`: counts of candidates in pseudorapidity and transverse momentum.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, StringArray, UInt64Array};
use arrow_schema::DataType;
use rayon::prelude::*;
use recoil_root::write::{Compression, FileWriter, Options};
use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, Flag, Inputs, OutputKind, Problem, Report, Run, Stage, StageError};
use recoil_table::field;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::files::{BadFiles, CANDIDATES, FilesConfig, OnBadFile};
use crate::data::input_list::dataset;
use crate::error::Result;
use crate::spectrum::{Mode, Sorted, Spectra, UniformBins};
use recoil_outputs::Table;

/// Keys of `tau spectrum`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SpectrumConfig {
    /// The files.
    pub files: FilesConfig,
    /// What the candidates are: `tau`, `boostedTau` or `jet`.
    pub mode: Mode,
    /// Number of bins in transverse momentum, first and last edge [GeV].
    pub pt_hist: Vec<f64>,
    /// Number of bins in |η|, first and last edge.
    pub eta_hist: Vec<f64>,
    /// What happens with files that cannot be used: `stop` or `skip`.
    pub on_bad_file: OnBadFile,
}

impl Default for SpectrumConfig {
    fn default() -> Self {
        Self {
            files: FilesConfig::default(),
            mode: Mode::Tau,
            pt_hist: vec![4990.0, 10.0, 5000.0],
            eta_hist: vec![25.0, 0.0, 2.5],
            on_bad_file: OnBadFile::Stop,
        }
    }
}

fn bins(three: &[f64]) -> std::result::Result<UniformBins, &'static str> {
    match three {
        [bins, low, high] if *bins >= 1.0 && bins.fract() == 0.0 && *bins <= 100_000.0 => {
            let bins = UniformBins { bins: *bins as usize, low: *low, high: *high };
            bins.problem().map_or(Ok(bins), Err)
        }
        _ => Err("needs three numbers: how many bins, first and last edge"),
    }
}

impl Config for SpectrumConfig {
    fn check(&self) -> Vec<Problem> {
        let mut found = self.files.problems("files.");
        for (key, value) in [("pt_hist", &self.pt_hist), ("eta_hist", &self.eta_hist)] {
            found.extend(bins(value).err().map(|reason| Problem::new(key, reason)));
        }
        found
    }
}

/// Counts candidates.
pub struct Spectrum;

impl Stage for Spectrum {
    type Config = SpectrumConfig;

    fn description(&self) -> Description {
        Description {
            name: "tau spectrum",
            about: "Count the candidates of each class in pseudorapidity and transverse momentum",
            long: "Writes one ROOT file per data set (the folder that files lie in) with a histogram per class and the \
                   number of rows without a class, the same as a table, and the lists of files with their rows that \
                   shuffle-merge reads.",
            inputs: &[CANDIDATES],
            output: OutputKind::Directory { doc: "DATASET.root, spectra.parquet, entries.txt and entries.parquet" },
            flags: &[
                Flag { name: "input-dir", key: "files.input_dir", list: true },
                Flag { name: "file-name-pattern", key: "files.file_name_pattern", list: false },
                Flag { name: "exclude-list", key: "files.exclude_list", list: true },
                Flag { name: "exclude-dir-list", key: "files.exclude_dir_list", list: true },
                Flag { name: "mode", key: "mode", list: false },
                Flag { name: "pt-hist", key: "pt_hist", list: true },
                Flag { name: "eta-hist", key: "eta_hist", list: true },
                Flag { name: "on-bad-file", key: "on_bad_file", list: false },
            ],
        }
    }

    fn outputs(&self, config: &SpectrumConfig, inputs: &Inputs) -> Vec<String> {
        // a folder that an earlier step of a production will make names no data sets yet
        let known = config.files.list(inputs).unwrap_or_default().into_iter().filter(|path| path.exists());
        let mut names: Vec<String> = known.map(|path| format!("{}.root", dataset(&path))).collect();
        names.sort();
        names.dedup();
        names.extend(["spectra.parquet", "entries.txt", "entries.parquet"].map(str::to_owned));
        names
    }

    fn run(&self, config: &SpectrumConfig, run: &Run) -> std::result::Result<Report, StageError> {
        let files = config.files.some(run.inputs())?;
        let usage = |reason: &'static str| StageError::usage(reason);
        let (eta, pt) = (bins(&config.eta_hist).map_err(usage)?, bins(&config.pt_hist).map_err(usage)?);
        let bad = BadFiles::new(config.on_bad_file, Some(run));
        let progress = run.progress("counting", "files", Some(files.len() as u64));
        let count = |path: &PathBuf| -> Result<Option<Sorted>> {
            let sorted = config.files.open(path).and_then(|file| Sorted::of_file(config.mode, &file));
            progress.add(1);
            bad.unless_bad(sorted)
        };
        let (mut by_dataset, mut entries): (BTreeMap<String, Spectra>, Vec<_>) = (BTreeMap::new(), Vec::new());
        // data sets without a good file have their (empty) histograms too
        for path in &files {
            by_dataset.entry(dataset(path)).or_insert_with(|| Spectra::new(config.mode, eta, pt));
        }
        for some in files.chunks(4 * run.threads().max(1)) {
            run.check()?;
            let counted: Vec<_> = some.par_iter().map(count).collect::<Result<_>>().input_error("cannot count")?;
            for (path, sorted) in some.iter().zip(counted).filter_map(|(p, c)| Some((p, c?))) {
                if let Some(total) = by_dataset.get_mut(&dataset(path)) {
                    total.add(&sorted);
                }
                entries.push((path.display().to_string(), dataset(path), sorted.rows));
            }
        }
        let provenance = run.embedded_provenance();
        for (name, spectra) in &by_dataset {
            histograms(&run.output(&format!("{name}.root"))?, spectra, &provenance)
                .output_error(format!("cannot write {name}.root"))?;
        }
        table(run, &by_dataset, &provenance)?;
        entry_lists(run, &entries, &provenance)?;
        Ok(bad.report(report(&by_dataset, entries.len())))
    }
}

fn histograms(path: &std::path::Path, spectra: &Spectra, provenance: &str) -> recoil_root::Result<()> {
    // nearly all bins are empty: the fastest packing leaves nothing to be wished for
    let options = Options { compression: Compression::Lz4, ..Options::default() };
    let mut file = FileWriter::create(path, options)?;
    for (class, spectrum) in &spectra.classes {
        let name = format!("{}{}", spectra.mode.prefix(), class.name());
        file.hist2(&name, &spectrum.histogram(&name))?;
    }
    file.hist1("not_valid", &spectra.not_valid_histogram())?;
    file.text(recoil_table::PROVENANCE, provenance)?;
    file.finish().map(|_| ())
}

fn table(run: &Run, by_dataset: &BTreeMap<String, Spectra>, provenance: &str) -> std::result::Result<(), StageError> {
    let number = |name: &str, unit: &str, doc: &str| field(name, DataType::Float64, unit, doc);
    let fields = [
        field("dataset", DataType::Utf8, "", "data set"),
        field("class", DataType::Utf8, "", "class of the candidates"),
        number("abs_eta_low", "", "lower edge of the bin in |eta|"),
        number("abs_eta_high", "", "upper edge of the bin in |eta|"),
        number("pt_low", "GeV", "lower edge of the bin in transverse momentum"),
        number("pt_high", "GeV", "upper edge of the bin in transverse momentum"),
        field("candidates", DataType::UInt64, "", "number of candidates; bins without any are left out"),
    ];
    let (mut names, mut classes, mut edges, mut counts) =
        (Vec::new(), Vec::new(), [const { Vec::new() }; 4], Vec::new());
    for (name, spectra) in by_dataset {
        for (class, spectrum) in &spectra.classes {
            let edge = |bins: &UniformBins, i: usize| match i {
                0 => f64::NEG_INFINITY,
                i if i > bins.bins + 1 => f64::INFINITY,
                i => bins.low + (bins.high - bins.low) * (i - 1) as f64 / bins.bins as f64,
            };
            let width = spectrum.eta.bins + 2;
            for (at, count) in spectrum.counts.iter().enumerate().filter(|(_, count)| **count > 0.0) {
                let (i, k) = (at % width, at / width);
                names.push(name.clone());
                classes.push(class.name());
                let values = [
                    edge(&spectrum.eta, i),
                    edge(&spectrum.eta, i + 1),
                    edge(&spectrum.pt, k),
                    edge(&spectrum.pt, k + 1),
                ];
                edges.iter_mut().zip(values).for_each(|(column, value)| column.push(value));
                counts.push(*count as u64);
            }
        }
    }
    let mut table = Table::create(&run.output("spectra.parquet")?, "the spectra", fields)?;
    let mut columns: Vec<ArrayRef> = vec![Arc::new(StringArray::from(names)), Arc::new(StringArray::from(classes))];
    columns.extend(edges.map(|column| Arc::new(Float64Array::from(column)) as ArrayRef));
    columns.push(Arc::new(UInt64Array::from(counts)));
    table.write(columns)?;
    table.finish(provenance).map(|_| ())
}

fn entry_lists(run: &Run, entries: &[(String, String, u64)], provenance: &str) -> std::result::Result<(), StageError> {
    let mut text = String::new();
    for (path, _, rows) in entries {
        let _ = writeln!(text, "{path} {rows}");
    }
    recoil_outputs::text(run, "entries.txt", &text)?;
    let fields = [
        field("file", DataType::Utf8, "", "file"),
        field("dataset", DataType::Utf8, "", "data set"),
        field("rows", DataType::UInt64, "", "number of rows"),
    ];
    let mut table = Table::create(&run.output("entries.parquet")?, "the list of files", fields)?;
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(entries.iter().map(|(path, ..)| path))),
        Arc::new(StringArray::from_iter_values(entries.iter().map(|(_, dataset, _)| dataset))),
        Arc::new(UInt64Array::from_iter_values(entries.iter().map(|(.., rows)| *rows))),
    ];
    table.write(columns)?;
    table.finish(provenance).map(|_| ())
}

fn report(by_dataset: &BTreeMap<String, Spectra>, files: usize) -> Report {
    let mut rows = Vec::new();
    for (name, spectra) in by_dataset {
        for (class, spectrum) in &spectra.classes {
            rows.push(vec![name.clone().into(), class.name().into(), spectrum.entries.into()]);
        }
    }
    let sum = |of: fn(&Spectra) -> u64| by_dataset.values().map(of).sum::<u64>();
    Report::new()
        .value("files", files)
        .value("rows", sum(|spectra| spectra.rows))
        .value("not_valid", sum(|spectra| spectra.not_valid))
        .table("candidates", &["data set", "class", "candidates"], rows)
}
