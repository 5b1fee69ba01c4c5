//! `tau scale`: means, widths and quantiles of all features.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, Flag, Inputs, OutputKind, Problem, Report, Run, Stage, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::features::{FEATURES, table_of};
use super::files::{BadFiles, CANDIDATES, FilesConfig, OnBadFile};
use crate::features::Block;
use crate::figures::scaling::{convergence, ranges};
use crate::scaling::parameters::{ByFeature, Key, cones_of, nested, parameters};
use crate::scaling::pass::FileResult;
use crate::scaling::quantiles::suspicions;
use crate::scaling::{Parameters, Population, Quantiles, ScalingPass, ScalingTable, Sums, merge};

/// Keys of `tau scale`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ScaleConfig {
    /// The files.
    pub files: FilesConfig,
    /// Blocks of features; none for all.
    pub var_types: Vec<String>,
    /// First and last (excluded) file to read; none for all.
    pub file_range: Vec<usize>,
    /// Files between snapshots of the parameters.
    pub log_step: usize,
    /// Number in the names of the results.
    pub version: String,
    /// Which objects count: `reference`, as existing scaling tables were made (each object in one cone, azimuths not
    /// wrapped), or `grids`, what networks see.
    pub population: Population,
    /// Whether figures are drawn.
    pub figures: bool,
    /// Whether only features whose cut range is suspicious are in the figures of ranges.
    pub only_suspicious: bool,
    /// What happens with files that cannot be used: `stop` or `skip`.
    pub on_bad_file: OnBadFile,
}

impl Default for ScaleConfig {
    fn default() -> Self {
        Self {
            files: FilesConfig::default(),
            var_types: Vec::new(),
            file_range: Vec::new(),
            log_step: 1,
            version: "1".into(),
            population: Population::Reference,
            figures: true,
            only_suspicious: false,
            on_bad_file: OnBadFile::Stop,
        }
    }
}

impl Config for ScaleConfig {
    fn check(&self) -> Vec<Problem> {
        let mut found = self.files.problems("files.");
        if self.log_step == 0 {
            found.push(Problem::new("log_step", "must be at least 1"));
        }
        if !matches!(self.file_range.as_slice(), [] | [_, _]) {
            found.push(Problem::new("file_range", "needs two numbers or none"));
        }
        found
    }
}

impl ScaleConfig {
    fn chosen(&self, files: Vec<PathBuf>) -> Vec<PathBuf> {
        match self.file_range.as_slice() {
            [from, to] => files.into_iter().take(*to).skip(*from).collect(),
            _ => files,
        }
    }

    /// Number of the snapshot that file `index` triggers. The first file always does.
    fn snapshot(&self, index: usize) -> Option<usize> {
        match self.log_step {
            1 => Some(index),
            step if index == 0 || (index + 1).is_multiple_of(step) => Some((index + 1) / step),
            _ => None,
        }
    }

    fn name(&self, kind: &str, rest: &str) -> String {
        format!("{kind}_v{}{rest}.json", self.version)
    }
}

/// Parts of which the moments are compared if there is one file.
const PARTS: u64 = 10;

/// Measures features.
pub struct Scale;

impl Stage for Scale {
    type Config = ScaleConfig;

    fn description(&self) -> Description {
        Description {
            name: "tau scale",
            about: "Measure mean, width and quantiles of every network input",
            long: "Reads each file once and measures all features of all blocks in all cones. Writes the parameters with \
                   four significant digits in the usual JSON layout, snapshots of them as files are added, quantiles per \
                   file, and the unrounded sums that scale-merge adds. Values that are not finite are left out and \
                   counted. Draws how the parameters converge and where values lie with respect to the cuts.",
            inputs: &[CANDIDATES, FEATURES],
            output: OutputKind::Directory {
                doc: "scaling_params_vN.json, quantile_params_vN.json, sums, snapshots, figures",
            },
            flags: &[
                Flag { name: "input-dir", key: "files.input_dir", list: true },
                Flag { name: "var-types", key: "var_types", list: true },
                Flag { name: "on-bad-file", key: "on_bad_file", list: false },
            ],
        }
    }

    fn outputs(&self, config: &ScaleConfig, inputs: &Inputs) -> Vec<String> {
        let files = config.chosen(config.files.list(inputs).unwrap_or_default());
        let mut names = vec![
            config.name("scaling_params", ""),
            config.name("quantile_params", ""),
            config.name("scaling_sums", ""),
        ];
        let snapshots = (0..files.len()).filter_map(|index| config.snapshot(index));
        names.extend(snapshots.map(|number| config.name("scaling_params", &format!("_log_{number}"))));
        if config.figures {
            names.extend(["convergence.svg", "ranges.svg"].map(str::to_owned));
        }
        names
    }

    fn run(&self, config: &ScaleConfig, run: &Run) -> Result<Report, StageError> {
        let files = config.chosen(config.files.some(run.inputs())?);
        let table = table_of(run)?;
        let pass = ScalingPass::new(&table, config.population, &config.var_types).usage_error("`var_types`")?;
        let blocks = pass.blocks();
        let bad = BadFiles::new(config.on_bad_file, Some(run));
        let progress = run.progress("scaling", "candidates", None);
        let mut total = Total::default();
        let mut snapshots: Vec<ScalingTable> = Vec::new();
        // the only file is compared part by part
        let parts = if files.len() == 1 { PARTS } else { 1 };
        let mut parts_of_file: Vec<ScalingTable> = Vec::new();
        for (index, path) in files.iter().enumerate() {
            run.check()?;
            let measured =
                config.files.open(path).and_then(|file| pass.file(&file, parts, |count| progress.add(count)));
            if let Some(result) = bad.unless_bad(measured).input_error("cannot scale")? {
                parts_of_file.extend(result.parts.iter().map(|sums| parameters(&blocks, sums)));
                total.add(&file_id(path), result);
            }
            if let Some(number) = config.snapshot(index) {
                let snapshot = parameters(&blocks, &total.sums);
                let name = config.name("scaling_params", &format!("_log_{number}"));
                recoil_outputs::json(run, &name, &snapshot.to_json())?;
                snapshots.push(snapshot);
            }
        }
        let last = parameters(&blocks, &total.sums);
        recoil_outputs::json(run, &config.name("scaling_params", ""), &last.to_json())?;
        recoil_outputs::json(run, &config.name("quantile_params", ""), &total.quantile_json(&blocks))?;
        recoil_outputs::json(run, &config.name("scaling_sums", ""), &sums_json(&total.sums))?;
        let found = suspicious(&last, &total.quantiles);
        if config.figures {
            let (title, steps) = match parts_of_file.is_empty() {
                true => ("Snapshot", snapshots),
                false => ("Part of the file", parts_of_file.into_iter().chain(snapshots).collect()),
            };
            recoil_outputs::figure(run, "convergence.svg", convergence(&blocks, &steps, &last, title))?;
            recoil_outputs::figure(run, "ranges.svg", ranges(&last, &total.quantiles, config.only_suspicious))?;
        }
        if total.thinned {
            run.warn("thinned", "quantiles of large files come from a part of the values");
        }
        Ok(bad.report(total.report(files.len(), &found)))
    }
}

/// What all files gave.
#[derive(Default)]
struct Total {
    sums: BTreeMap<Key, Sums>,
    quantiles: Vec<(Key, Vec<(String, Quantiles)>)>,
    not_finite: BTreeMap<Key, u64>,
    candidates: u64,
    without_tau: u64,
    thinned: bool,
}

impl Total {
    fn add(&mut self, id: &str, result: FileResult) {
        merge::add(&mut self.sums, &result.sums);
        for (key, quantiles) in result.quantiles {
            match self.quantiles.iter_mut().find(|(known, _)| *known == key) {
                Some((_, list)) => list.push((id.to_owned(), quantiles)),
                None => self.quantiles.push((key, vec![(id.to_owned(), quantiles)])),
            }
        }
        for (key, count) in result.not_finite {
            *self.not_finite.entry(key).or_default() += count;
        }
        self.candidates += result.candidates;
        self.without_tau += result.without_tau;
        self.thinned |= result.thinned;
    }

    /// Quantiles in the order of the features; empty for features that are not scaled.
    fn quantile_json(&self, blocks: &[Block]) -> Json {
        let mut all: ByFeature<&[(String, Quantiles)]> = Vec::new();
        for block in blocks {
            for feature in &block.features {
                for cone in cones_of(block, feature) {
                    let key = (block.name.clone(), feature.name.clone(), cone.name().to_owned());
                    let found = self.quantiles.iter().find(|(known, _)| *known == key);
                    all.push((key, found.map_or(&[][..], |(_, list)| list)));
                }
            }
        }
        nested(&all, |files| Json::Object(files.iter().map(|(id, quantiles)| (id.clone(), json!(quantiles))).collect()))
    }

    fn report(&self, files: usize, suspicious: &[(Key, Vec<&'static str>)]) -> Report {
        let measured = self.sums.values().filter(|sums| sums.num > 1).count();
        let name =
            |(block, feature, cone): &Key| vec![block.clone().into(), feature.clone().into(), cone.clone().into()];
        let report = Report::new()
            .value("files", files)
            .value("candidates", self.candidates)
            .value("without_tau", self.without_tau)
            .value("measured", measured)
            .value("suspicious", suspicious.len())
            .value("not_finite", self.not_finite.values().sum::<u64>());
        let rows: Vec<Vec<Json>> = suspicious
            .iter()
            .map(|(key, why)| name(key).into_iter().chain([why.join("; ").into()]).collect())
            .collect();
        let report = report.table("suspicious cut ranges", &["block", "feature", "cone", "why"], rows);
        if self.not_finite.is_empty() {
            return report;
        }
        let rows = self
            .not_finite
            .iter()
            .map(|(key, count)| name(key).into_iter().chain([Json::from(*count)]).collect::<Vec<Json>>());
        report.table("values that are not finite", &["block", "feature", "cone", "values"], rows.collect())
    }
}

/// Features of which the cut range looks wrong in any file.
fn suspicious(table: &ScalingTable, quantiles: &[(Key, Vec<(String, Quantiles)>)]) -> Vec<(Key, Vec<&'static str>)> {
    let mut found = Vec::new();
    for (key, files) in quantiles {
        let parameters: Option<&Parameters> = table.entries.iter().find(|(known, _)| known == key).map(|(_, p)| p);
        let Some(range) = parameters.and_then(Parameters::range) else { continue };
        let mut why: Vec<&'static str> = files.iter().flat_map(|(_, q)| suspicions(range, q)).collect();
        why.sort_unstable();
        why.dedup();
        if !why.is_empty() {
            found.push((key.clone(), why));
        }
    }
    found
}

/// What stands behind the last underscore of a file's name.
fn file_id(path: &Path) -> String {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    stem.rsplit('_').next().unwrap_or_default().to_owned()
}

/// Unrounded sums as JSON.
pub fn sums_json(sums: &BTreeMap<Key, Sums>) -> Json {
    let list: Vec<(Key, Sums)> = sums.iter().map(|(key, sums)| (key.clone(), *sums)).collect();
    nested(&list, |sums| json!(sums))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snapshots_are_numbered_as_before() {
        let numbers = |log_step: usize| {
            let config = ScaleConfig { log_step, ..ScaleConfig::default() };
            (0..6).map(|index| config.snapshot(index)).collect::<Vec<_>>()
        };
        assert_eq!(numbers(1), [0, 1, 2, 3, 4, 5].map(Some));
        assert_eq!(numbers(3), [Some(0), None, Some(1), None, None, Some(2)]);
    }

    #[test]
    fn a_file_is_called_by_its_number() {
        assert_eq!(file_id(Path::new("/a_b/eventTuple_17.root")), "17");
    }
}
