//! `tau shuffle-merge`: many samples become one.

mod config;
mod job;

use std::collections::BTreeMap;

use recoil_stage::error::Blame as _;
use recoil_stage::{Description, Flag, InputRole, Inputs, OutputKind, Report, Run, Stage, StageError};
use serde_json::{Map, Value as Json, json};

pub use config::{FileFormat, MergeMode, ShuffleMergeConfig};
use job::Job;

use super::files::BadFiles;
use crate::data::hash::name_id;
use crate::data::truth::TauType;
use crate::shuffle::decide::GroupReader;
use crate::shuffle::draw::{self, Tally};
use crate::shuffle::write::{CandidateWriter, MergedColumns};

/// Shuffles and merges.
pub struct ShuffleMerge;

/// The list of files.
pub const LIST: InputRole = InputRole::required("list", "files with their rows, as spectrum lists them", &["txt"]);
/// The groups.
pub const GROUPS: InputRole = InputRole::required("cfg", "groups of data sets, one per line", &["cfg", "txt"]);

/// Histograms of the probabilities, beside the merged candidates.
pub const ACCEPTANCE_FILE: &str = "acceptance.root";

impl Stage for ShuffleMerge {
    type Config = ShuffleMergeConfig;

    fn description(&self) -> Description {
        Description {
            name: "tau shuffle-merge",
            about: "Merge samples into one that is flat in pseudorapidity and momentum and balanced between classes",
            long: "Reads the candidates of groups of data sets in an order that is drawn, and keeps each with a probability \
                   that flattens the spectrum of its group and class and gives the classes the wanted shares. Of all \
                   candidates only the columns that decide are read. Every job has its own stream of random numbers. With \
                   --dry-run it tells how many candidates of each class and bin will be kept. A group that ends early is \
                   reported.",
            inputs: &[LIST, GROUPS],
            output: OutputKind::Directory {
                doc: "merged_JOB.root or .parquet, acceptance.json, acceptance.root, dataset_hash.json, datagroup_hash.json",
            },
            flags: &[
                Flag { name: "prefix", key: "prefix", list: false },
                Flag { name: "input-spec", key: "input_spec", list: false },
                Flag { name: "pt-bins", key: "pt_bins", list: true },
                Flag { name: "eta-bins", key: "eta_bins", list: true },
                Flag { name: "mode", key: "mode", list: false },
                Flag { name: "tau-ratio", key: "tau_ratio", list: false },
                Flag { name: "job-idx", key: "job_idx", list: false },
                Flag { name: "n-jobs", key: "n_jobs", list: false },
                Flag { name: "max-entries", key: "max_entries", list: false },
                Flag { name: "lastbin-disbalance", key: "lastbin_disbalance", list: false },
                Flag { name: "lastbin-takeall", key: "lastbin_takeall", list: false },
                Flag { name: "refill-spectrum", key: "refill_spectrum", list: false },
                Flag { name: "enable-emptybin", key: "enable_emptybin", list: false },
                Flag { name: "overflow-job", key: "overflow_job", list: false },
                Flag { name: "parity", key: "parity", list: false },
                Flag { name: "disabled-branches", key: "disabled_branches", list: true },
                Flag { name: "compression-algo", key: "compression_algo", list: false },
                Flag { name: "compression-level", key: "compression_level", list: false },
                Flag { name: "format", key: "format", list: false },
                Flag { name: "on-bad-file", key: "on_bad_file", list: false },
            ],
        }
    }

    fn outputs(&self, config: &ShuffleMergeConfig, _inputs: &Inputs) -> Vec<String> {
        let fixed = ["acceptance.json", ACCEPTANCE_FILE, "dataset_hash.json", "datagroup_hash.json"];
        std::iter::once(config.merged_name()).chain(fixed.map(str::to_owned)).collect()
    }

    fn predict(&self, config: &ShuffleMergeConfig, inputs: &Inputs) -> Result<Option<Report>, StageError> {
        let bad = BadFiles::new(config.on_bad_file, None);
        let job = Job::prepare(config, inputs, &bad)?;
        Ok(Some(bad.report(job.prediction())))
    }

    fn run(&self, config: &ShuffleMergeConfig, run: &Run) -> Result<Report, StageError> {
        let bad = BadFiles::new(config.on_bad_file, Some(run));
        let job = Job::prepare(config, run.inputs(), &bad)?;
        let rows: u64 = job.plan.groups.iter().map(|group| group.rows()).sum();
        let progress = run.progress("merging", "candidates", Some(rows));
        let ids: Vec<u64> = job.plan.groups.iter().map(|group| name_id(&group.group.name)).collect();
        let path = run.output(&config.merged_name())?;
        let mut out: Option<(MergedColumns, CandidateWriter)> = None;
        let mut checked = std::collections::BTreeSet::new();
        let mut rng = run.seed().named("shuffle-merge").indexed(config.job_idx).rng();
        let readers =
            job.plan.groups.iter().map(|group| GroupReader::new(group, &config.tree, &bad)).collect::<Vec<_>>();
        let most = u64::try_from(config.max_entries).unwrap_or(u64::MAX);
        let order = (job.order, job.shares.as_slice());
        let tally = draw::run(readers, &job.selection, order, most, &mut rng, |kept, since| {
            progress.add(since);
            if run.check().is_err() {
                return Err(crate::TauError::content("the run", "was interrupted"));
            }
            let Some((_, first)) = kept.first() else { return Ok(()) };
            if out.is_none() {
                let columns = MergedColumns::of(&first.file.file, &config.disabled_branches)?;
                let writer = CandidateWriter::create(&path, &columns.all(), config.compression())?;
                out = Some((columns, writer));
            }
            let Some((columns, writer)) = &mut out else { return Ok(()) };
            for (_, row) in &kept {
                if checked.insert(row.file.file.path().to_owned()) {
                    columns.check(&row.file.file)?;
                }
            }
            writer.write(columns.gather(&kept, &ids)?)
        });
        run.check()?;
        let tally = tally.input_error("cannot merge")?;
        match out {
            Some((_, writer)) => writer.finish(&run.embedded_provenance()).output_error("cannot write")?,
            None => return Err(StageError::input("no candidate is kept: nothing to write")),
        }
        recoil_outputs::json(run, "acceptance.json", &job.acceptance_json())?;
        job.write_histograms(&run.output(ACCEPTANCE_FILE)?).output_error("cannot write the probabilities")?;
        let datasets = job.plan.groups.iter().flat_map(|group| group.datasets.iter().map(String::as_str));
        recoil_outputs::json(run, "dataset_hash.json", &hashes(datasets))?;
        let groups = job.plan.groups.iter().map(|group| group.group.name.as_str());
        recoil_outputs::json(run, "datagroup_hash.json", &hashes(groups))?;
        Ok(bad.report(report(&job, &tally, run)))
    }
}

/// Names and their identifiers, which are too large for some readers of JSON and are written as text.
fn hashes<'a>(names: impl Iterator<Item = &'a str>) -> Json {
    let sorted: BTreeMap<&str, String> = names.map(|name| (name, name_id(name).to_string())).collect();
    Json::Object(sorted.into_iter().map(|(name, id)| (name.to_owned(), Json::from(id))).collect::<Map<_, _>>())
}

fn report(job: &Job, tally: &Tally, run: &Run) -> Report {
    let groups = &job.plan.groups;
    let of_group = |kept: usize| tally.kept.iter().filter(move |((group, _), _)| *group == kept);
    let rows = groups.iter().enumerate().map(|(index, group)| {
        let kept: u64 = of_group(index).map(|(_, count)| count).sum();
        let at = |list: &[u64]| list.get(index).copied().unwrap_or(0);
        vec![group.group.name.clone().into(), at(&tally.read).into(), kept.into(), at(&tally.unread).into()]
    });
    let expected = job.expected_by_class();
    let classes = expected.iter().map(|(class, expected)| {
        let kept: u64 = tally.kept.iter().filter(|((_, known), _)| known == class).map(|(_, count)| count).sum();
        vec![class.name().into(), kept.into(), json!(expected)]
    });
    let report = Report::new()
        .value("rows_read", tally.read.iter().sum::<u64>())
        .value("rows_written", tally.total())
        .value("rows_of_no_job", job.plan.left_over)
        .value("files_of_no_group", job.plan.unused.len())
        .table("groups", &["group", "rows read", "rows kept", "rows not read"], rows.collect())
        .table("classes", &["class", "rows kept", "expected"], classes.collect())
        .table("rows kept by pt", &["class", "pt [GeV]", "rows kept"], by_pt(job, &tally.kept_in_pt));
    let unread: u64 = tally.unread.iter().sum();
    let Some(ended) = tally.ended_by.and_then(|index| groups.get(index)) else { return report };
    let message = format!(
        "the group {} has no rows left: the job ended with {unread} rows of the other groups not read",
        ended.group.name
    );
    run.warn("exhausted", message);
    report.value("exhausted_group", ended.group.name.clone())
}

fn by_pt(job: &Job, kept: &BTreeMap<TauType, Vec<u64>>) -> Vec<Vec<Json>> {
    let edges = &job.selection.bins.pt;
    let mut rows = Vec::new();
    for (class, counts) in kept {
        for (pair, count) in edges.windows(2).zip(counts) {
            let range = pair.iter().map(f64::to_string).collect::<Vec<_>>().join(" - ");
            rows.push(vec![class.name().into(), range.into(), (*count).into()]);
        }
    }
    rows
}
