//! `tau validate`: whether all parts of a shuffled sample are alike.

use std::collections::BTreeMap;

use recoil_plot::report::{Page, Section, Table as PageTable};
use recoil_root::write::{FileWriter, Options};
use recoil_root::{Axis, Hist1, Storage};
use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, Flag, InputRole, Inputs, OutputKind, Problem, Report, Run, Stage, StageError};
use recoil_stats::agreement::holm;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use super::files::{BadFiles, CANDIDATES, FilesConfig, OnBadFile};
use crate::error::{Result, TauError};
use crate::figures::validation as figures;
use crate::scaling::parameters::read_json;
use crate::validation::{Distribution, EMPTY, Test, Validation};

/// Keys of `tau validate`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ValidateConfig {
    /// The files; those of folders are taken in the order of their names.
    pub files: FilesConfig,
    /// Number of chunks that are compared.
    pub nsplit: usize,
    /// Test of the report: `KS` or `Chi2`. Both are computed.
    pub test: Test,
    /// Corrected probability below which chunks count as different.
    pub pvthreshold: f64,
    /// Whether data sets are compared too, not only their groups.
    pub use_dataset_id: bool,
    /// Column with weights; empty for none.
    pub weight: String,
    /// What happens with files that cannot be used: `stop` or `skip`.
    pub on_bad_file: OnBadFile,
}

impl Default for ValidateConfig {
    fn default() -> Self {
        Self {
            files: FilesConfig::default(),
            nsplit: 100,
            test: Test::Ks,
            pvthreshold: 0.05,
            use_dataset_id: false,
            weight: String::new(),
            on_bad_file: OnBadFile::Stop,
        }
    }
}

impl Config for ValidateConfig {
    fn check(&self) -> Vec<Problem> {
        let mut found = self.files.problems("files.");
        if self.nsplit < 2 {
            found.push(Problem::new("nsplit", "must be at least 2"));
        }
        if !(0.0..=1.0).contains(&self.pvthreshold) {
            found.push(Problem::new("pvthreshold", "must be a probability"));
        }
        found
    }
}

/// Validates a sample.
pub struct Validate;

const GROUPS: InputRole = InputRole::optional("group_id_json", "identifiers of the groups", &["json"]);
const DATASETS: InputRole = InputRole::optional("id_json", "identifiers of the data sets", &["json"]);

impl Stage for Validate {
    type Config = ValidateConfig;

    fn description(&self) -> Description {
        Description {
            name: "tau validate",
            about: "Test whether all parts of a shuffled sample are alike",
            long: "Cuts the rows into chunks and compares each with the first: classes, sample types and groups, and momenta \
                   and directions within each of them, by Kolmogorov-Smirnov and chi-square tests of weighted histograms. \
                   Probabilities are corrected for the number of comparisons (Holm), so that a warning means something. \
                   Writes the p-values, the histograms and a report with figures.",
            inputs: &[CANDIDATES, GROUPS, DATASETS],
            output: OutputKind::Directory {
                doc: "pvalues.json, pvalues_KS.json, pvalues_Chi2.json, histograms.root, report.html",
            },
            flags: &[
                Flag { name: "input-dir", key: "files.input_dir", list: true },
                Flag { name: "nsplit", key: "nsplit", list: false },
                Flag { name: "test", key: "test", list: false },
                Flag { name: "pvthreshold", key: "pvthreshold", list: false },
                Flag { name: "use-dataset-id", key: "use_dataset_id", list: false },
                Flag { name: "on-bad-file", key: "on_bad_file", list: false },
            ],
        }
    }

    fn outputs(&self, _config: &ValidateConfig, _inputs: &Inputs) -> Vec<String> {
        ["pvalues.json", "pvalues_KS.json", "pvalues_Chi2.json", "histograms.root", "report.html"]
            .map(str::to_owned)
            .to_vec()
    }

    fn run(&self, config: &ValidateConfig, run: &Run) -> std::result::Result<Report, StageError> {
        let paths = config.files.some(run.inputs())?;
        let bad = BadFiles::new(config.on_bad_file, Some(run));
        let (mut files, mut total) = (Vec::new(), 0);
        for path in &paths {
            if let Some(file) = bad.unless_bad(config.files.open(path)).input_error("cannot validate")? {
                total += file.rows();
                files.push(file);
            }
        }
        if total == 0 {
            return Err(StageError::input("there are no candidates to validate"));
        }
        let names = |role: InputRole| match run.inputs().optional(role.role) {
            Some(file) => identifiers(&file.path).input_error("cannot read identifiers"),
            None => Ok(BTreeMap::new()),
        };
        let weight = Some(config.weight.clone()).filter(|weight| !weight.is_empty());
        let (groups, datasets) = (names(GROUPS)?, names(DATASETS)?);
        let mut validation = Validation::new((total, config.nsplit), &groups, &datasets, config.use_dataset_id, weight);
        let progress = run.progress("validating", "rows", Some(total));
        for file in &files {
            run.check()?;
            bad.unless_bad(validation.add_file(file)).input_error("cannot validate")?;
            progress.add(file.rows());
        }
        let unknown = validation.unknown;
        if unknown > 0 && !groups.is_empty() {
            run.warn("unknown_group", format!("{unknown} candidates are of no group in the list of identifiers"));
        }
        let distributions: Vec<Distribution> = validation
            .distributions()
            .into_iter()
            .filter(|d| d.chunks.iter().any(|chunk| chunk.sum_w.iter().any(|w| *w != 0.0)))
            .collect();
        let results = Results::of(config, &distributions);
        for (name, test) in [("pvalues_KS.json", Test::Ks), ("pvalues_Chi2.json", Test::Chi2)] {
            recoil_outputs::json(run, name, &nested(&distributions, test))?;
        }
        recoil_outputs::json(run, "pvalues.json", &nested(&distributions, config.test))?;
        histograms(&run.output("histograms.root")?, &distributions).output_error("cannot write the histograms")?;
        let page = results.page(config, &distributions, total).provenance(run.embedded_provenance());
        recoil_outputs::text(run, "report.html", &page.html())?;
        for warning in &results.different {
            run.warn("different", format!("chunks of {warning} differ"));
        }
        Ok(bad.report(results.report(total)))
    }
}

fn identifiers(path: &std::path::Path) -> Result<BTreeMap<String, u64>> {
    let document = read_json(path)?;
    let shown = path.display();
    let entries = document.as_object().ok_or_else(|| TauError::content(shown, "is no JSON object"))?;
    entries
        .iter()
        .map(|(name, id)| {
            let id = id.as_u64().or_else(|| id.as_str().and_then(|text| text.parse().ok()));
            let id = id.ok_or_else(|| TauError::content(path.display(), format!("`{name}` has no identifier")))?;
            Ok((name.clone(), id))
        })
        .collect()
}

/// p-values nested by the parts of their paths. A quantity that has parts of its own keeps its list as `all` beside them.
fn nested(distributions: &[Distribution], test: Test) -> Json {
    let mut root = Map::new();
    for distribution in distributions {
        insert(&mut root, &distribution.path, json!(distribution.p_values(test)));
    }
    Json::Object(root)
}

fn insert(into: &mut Map<String, Json>, path: &[String], values: Json) {
    let Some((first, rest)) = path.split_first() else {
        into.insert("all".to_owned(), values);
        return;
    };
    let known = into.remove(first);
    let entry = match known {
        None if rest.is_empty() => values,
        Some(Json::Object(mut inner)) => {
            insert(&mut inner, rest, values);
            Json::Object(inner)
        }
        other => {
            let mut inner: Map<String, Json> = other.into_iter().map(|list| ("all".to_owned(), list)).collect();
            insert(&mut inner, rest, values);
            Json::Object(inner)
        }
    };
    into.insert(first.clone(), entry);
}

fn histograms(path: &std::path::Path, distributions: &[Distribution]) -> recoil_root::Result<()> {
    let mut file = FileWriter::create(path, Options::default())?;
    for distribution in distributions {
        for (index, chunk) in distribution.chunks.iter().enumerate() {
            let flow = |values: &[f64]| -> Vec<f64> {
                std::iter::once(0.0).chain(values.iter().copied()).chain(std::iter::once(0.0)).collect()
            };
            let bins = distribution.bins;
            let hist = Hist1 {
                name: String::new(),
                title: distribution.name(),
                x: Axis::uniform("", bins.bins, bins.low, bins.high),
                y_title: String::new(),
                contents: flow(&chunk.sum_w),
                sumw2: Some(flow(&chunk.sum_w2)),
                entries: chunk.sum_w.iter().sum(),
                stats: [0.0; 4],
                storage: Storage::F64,
            };
            // a name cannot be that of a histogram's folder at the same time
            file.hist1(&format!("{}/chunk_{index}", distribution.name()), &hist)?;
        }
    }
    file.finish().map(|_| ())
}

/// A probability with the digits that matter: `0.215`, or `1.3e-7` if it is small.
fn probability(value: f64) -> String {
    if value == 0.0 || value >= 1e-3 { format!("{value:.3}") } else { format!("{value:.1e}") }
}

/// What the tests say.
struct Results {
    test: &'static str,
    /// p-values of each distribution against the first chunk, and the smallest corrected one.
    p_values: Vec<Vec<f64>>,
    corrected: Vec<f64>,
    different: Vec<String>,
    comparisons: usize,
    global: f64,
    uncorrected: usize,
}

impl Results {
    fn of(config: &ValidateConfig, distributions: &[Distribution]) -> Self {
        let p_values: Vec<Vec<f64>> = distributions.iter().map(|d| d.p_values(config.test)).collect();
        // the first chunk agrees with itself; empty ones say nothing
        let told = |(chunk, p): &(usize, &f64)| *chunk > 0 && **p != EMPTY;
        let all: Vec<f64> =
            p_values.iter().flat_map(|list| list.iter().enumerate().filter(told).map(|(_, p)| *p)).collect();
        let mut rest = holm(&all).into_iter();
        let mut corrected = Vec::new();
        for list in &p_values {
            let count = list.iter().enumerate().filter(told).count();
            corrected.push(rest.by_ref().take(count).fold(1.0, f64::min));
        }
        let is_different = |(_, p): &(&Distribution, &f64)| **p < config.pvthreshold;
        let different = distributions.iter().zip(&corrected).filter(is_different).map(|(d, _)| d.name()).collect();
        Self {
            test: if config.test == Test::Ks { "KS" } else { "Chi2" },
            global: corrected.iter().copied().fold(1.0, f64::min),
            uncorrected: all.iter().filter(|p| **p < config.pvthreshold).count(),
            comparisons: all.len(),
            p_values,
            corrected,
            different,
        }
    }

    fn report(&self, rows: u64) -> Report {
        Report::new()
            .value("rows", rows)
            .value("comparisons", self.comparisons)
            .value("global_p_value", self.global)
            .value("different", self.different.len())
            .value("below_threshold_uncorrected", self.uncorrected)
    }

    fn page(&self, config: &ValidateConfig, distributions: &[Distribution], rows: u64) -> Page {
        let verdict = if self.different.is_empty() {
            "All parts of the sample are alike.".to_owned()
        } else {
            format!("{} distributions differ between parts of the sample.", self.different.len())
        };
        let lead = format!(
            "{verdict} {rows} candidates in {} chunks, {} comparisons ({}); smallest probability corrected for their number: \
             {}. {} of them are below {} without correction, where {:.0} are expected by chance.",
            config.nsplit,
            self.comparisons,
            self.test,
            probability(self.global),
            self.uncorrected,
            config.pvthreshold,
            config.pvthreshold * self.comparisons as f64,
        );
        let mut table = PageTable::new(&["Distribution", "Smallest p-value", "Corrected", "Empty chunks"]);
        for ((distribution, list), corrected) in distributions.iter().zip(&self.p_values).zip(&self.corrected) {
            let least = list.iter().skip(1).filter(|p| **p != EMPTY).fold(1.0, |least: f64, p| least.min(*p));
            let empty = list.iter().filter(|p| **p == EMPTY).count();
            let name = distribution.name().replace('_', r"\_");
            table = table.row(&[name, probability(least), probability(*corrected), empty.to_string()]);
        }
        let all: Vec<f64> =
            self.p_values.iter().flat_map(|list| list.iter().skip(1)).copied().filter(|p| *p != EMPTY).collect();
        let overview = Section::new("Tests").table(table).figure(
            &figures::p_values(&all, self.test),
            "All p-values; those of a sample that is well shuffled are evenly spread.",
        );
        let mut section = Section::new("Distributions");
        for (distribution, list) in distributions.iter().zip(&self.p_values) {
            section = section
                .figure(&figures::chunks(distribution, list, self.test), distribution.name().replace('_', r"\_"));
        }
        Page::new("Validation of a shuffled sample").lead(lead).section(overview).section(section)
    }
}

#[cfg(test)]
mod tests {
    use super::probability;

    #[test]
    fn probabilities_are_written_as_people_do() {
        let shown = [1.0, 0.21549, 0.001, 0.000_62, 1.25e-12, 0.0].map(probability);
        assert_eq!(shown, ["1.000", "0.215", "0.001", "6.2e-4", "1.2e-12", "0.000"]);
    }
}
