//! What a job will do: its rows, its probabilities, what it is expected to keep.

use std::collections::BTreeMap;
use std::path::Path;

use recoil_root::write::{FileWriter, Options};
use recoil_root::{Axis, Hist2, RootFile, Storage};
use recoil_stage::error::Blame as _;
use recoil_stage::{Inputs, Report, StageError};
use serde_json::{Map, Value as Json, json};

use super::config::{MergeMode, ShuffleMergeConfig};
use super::{GROUPS, LIST};
use crate::data::truth::TauType;
use crate::error::{Result, TauError};
use crate::shuffle::acceptance::{class_probabilities, parse_ratio};
use crate::shuffle::decide::count;
use crate::shuffle::draw::{Order, Selection};
use crate::shuffle::groups;
use crate::shuffle::plan::{GroupPlan, Plan, plan, read_list};
use crate::shuffle::{Acceptance, Bins, Counts};
use crate::stages::files::BadFiles;

/// A job that is ready to run.
pub struct Job {
    /// Which rows it reads.
    pub plan: Plan,
    /// Which candidates it keeps.
    pub selection: Selection,
    /// How groups are drawn.
    pub order: Order,
    /// Shares of the groups, for a fixed order.
    pub shares: Vec<f64>,
    /// Candidates by group and class, in the whole sample or in what the job reads.
    counts: Vec<BTreeMap<TauType, Counts>>,
    /// What part of those the job reads, by group.
    fractions: Vec<f64>,
}

impl Job {
    /// Reads list, groups and spectra, and works out the probabilities.
    pub fn prepare(config: &ShuffleMergeConfig, inputs: &Inputs, bad: &BadFiles<'_>) -> Result<Self, StageError> {
        let groups = groups::read(&inputs.one(GROUPS.role)?.path).usage_error("cannot read the groups")?;
        let files = read_list(&inputs.one(LIST.role)?.path).input_error("cannot read the list of files")?;
        let jobs = (config.job_idx, config.n_jobs);
        let plan = plan(groups, &files, Path::new(&config.prefix), jobs, config.overflow_job)
            .usage_error("cannot share the files between groups and jobs")?;
        if config.mode == MergeMode::SimpleMix {
            return Self::mix(config, plan).usage_error("cannot mix");
        }
        let bins = config.bins();
        let mut counts = Vec::new();
        let mut fractions = Vec::new();
        for group in &plan.groups {
            if config.refill_spectrum {
                counts.push(count(group, &bins, &config.tree, bad).input_error("cannot count candidates")?);
                fractions.push(1.0);
            } else {
                counts
                    .push(of_spectra(group, Path::new(&config.input_spec), &bins).input_error("cannot read spectra")?);
                fractions.push(group.rows() as f64 / group.all_rows.max(1) as f64);
            }
        }
        let flattening = config.flattening();
        let mut acceptance = Vec::new();
        let mut accepted: BTreeMap<TauType, f64> = BTreeMap::new();
        for (group, counts) in plan.groups.iter().zip(&counts) {
            let mut of_group = BTreeMap::new();
            for (class, counts) in counts {
                let found = flattening.acceptance(&bins, counts).map_err(|reason| {
                    StageError::input(format!("group {}, class {}: {reason}", group.group.name, class.name()))
                })?;
                *accepted.entry(*class).or_default() += found.expected(counts).iter().flatten().sum::<f64>();
                of_group.insert(*class, found);
            }
            acceptance.push(of_group);
        }
        let ratio = parse_ratio(&config.tau_ratio).usage_error("`tau_ratio`")?;
        let class_probability = class_probabilities(&ratio, &accepted).usage_error("cannot balance the classes")?;
        let shares = counts.iter().map(|of_group| of_group.values().map(|counts| counts.total).sum()).collect();
        let classes = plan.groups.iter().map(|group| group.group.classes.iter().copied().collect()).collect();
        let selection =
            Selection { bins, classes, acceptance: Some(acceptance), class_probability, parity: config.parity };
        Ok(Self { plan, selection, order: config.order, shares, counts, fractions })
    }

    /// A mix without acceptance.
    fn mix(config: &ShuffleMergeConfig, plan: Plan) -> Result<Self> {
        let share = |group: &GroupPlan| {
            let missing = || TauError::config("cfg", format!("the group {} has no mix_p", group.group.name));
            group.group.share.ok_or_else(missing)
        };
        let shares: Vec<f64> = plan.groups.iter().map(share).collect::<Result<_>>()?;
        if shares.iter().sum::<f64>() <= 0.0 {
            return Err(TauError::config("cfg", "all groups have mix_p=0"));
        }
        let classes = plan.groups.iter().map(|group| group.group.classes.iter().copied().collect()).collect();
        let (bins, parity) = (config.bins(), config.parity);
        let selection = Selection { bins, classes, acceptance: None, class_probability: BTreeMap::new(), parity };
        let (counts, fractions) = (vec![BTreeMap::new(); plan.groups.len()], vec![1.0; plan.groups.len()]);
        Ok(Self { plan, selection, order: Order::FixedShares, shares, counts, fractions })
    }

    fn acceptance(&self, group: usize, class: TauType) -> Option<&Acceptance> {
        self.selection.acceptance.as_ref()?.get(group)?.get(&class)
    }

    fn probability(&self, class: TauType) -> f64 {
        self.selection.class_probability.get(&class).copied().unwrap_or(1.0)
    }

    /// Candidates that the job is expected to keep, by class and bin `[eta][pt]`. Half of them with a parity.
    fn expected(&self) -> BTreeMap<TauType, Vec<Vec<f64>>> {
        let half = if self.selection.parity < 2 { 0.5 } else { 1.0 };
        let mut total: BTreeMap<TauType, Vec<Vec<f64>>> = BTreeMap::new();
        for (group, (counts, fraction)) in self.counts.iter().zip(&self.fractions).enumerate() {
            for (class, counts) in counts {
                let Some(acceptance) = self.acceptance(group, *class) else { continue };
                let expected = acceptance.expected(counts);
                let into = total.entry(*class).or_insert_with(|| expected.iter().map(|l| vec![0.0; l.len()]).collect());
                let factor = self.probability(*class) * fraction * half;
                into.iter_mut().flatten().zip(expected.iter().flatten()).for_each(|(a, b)| *a += b * factor);
            }
        }
        total
    }

    /// Candidates that the job is expected to keep, by class.
    pub fn expected_by_class(&self) -> BTreeMap<TauType, f64> {
        self.expected().into_iter().map(|(class, bins)| (class, bins.iter().flatten().sum())).collect()
    }

    /// What the job will do, for people.
    pub fn prediction(&self) -> Report {
        let groups = self.plan.groups.iter().map(|group| {
            vec![
                group.group.name.clone().into(),
                group.all_rows.into(),
                group.rows().into(),
                group.segments.len().into(),
            ]
        });
        let bins = &self.selection.bins;
        let range = |edges: &[f64], at: usize| {
            let edge = |i: usize| edges.get(i).map(f64::to_string).unwrap_or_default();
            Json::from(format!("{} - {}", edge(at), edge(at + 1)))
        };
        let mut rows = Vec::new();
        for (class, expected) in self.expected() {
            for (i, line) in expected.iter().enumerate() {
                for (k, count) in line.iter().enumerate() {
                    rows.push(vec![class.name().into(), range(&bins.eta, i), range(&bins.pt, k), json!(count)]);
                }
            }
        }
        let classes = self.expected_by_class().into_iter();
        let classes = classes.map(|(class, n)| vec![class.name().into(), json!(n), json!(self.probability(class))]);
        Report::new()
            .value("rows_to_read", self.plan.groups.iter().map(GroupPlan::rows).sum::<u64>())
            .value("rows_expected", self.expected_by_class().values().sum::<f64>())
            .value("rows_of_no_job", self.plan.left_over)
            .value("files_of_no_group", self.plan.unused.len())
            .table("groups", &["group", "rows of all jobs", "rows to read", "files"], groups.collect())
            .table("classes", &["class", "rows expected", "probability"], classes.collect())
            .table("bins", &["class", "|eta|", "pt [GeV]", "rows expected"], rows)
    }

    /// Entries and probabilities of every group, class and bin.
    pub fn acceptance_json(&self) -> Json {
        let (mut entries, mut acceptance) = (Map::new(), Map::new());
        for (index, (group, counts)) in self.plan.groups.iter().zip(&self.counts).enumerate() {
            for (class, counts) in counts {
                let key = format!("{}/{}", group.group.name, class.name());
                entries.insert(key.clone(), json!(counts.bins));
                acceptance.insert(key, json!(self.acceptance(index, *class).map(|found| &found.bins)));
            }
        }
        let by_class = |values: BTreeMap<TauType, f64>| -> Map<String, Json> {
            values.into_iter().map(|(class, value)| (class.name().to_owned(), json!(value))).collect()
        };
        json!({
            "eta_bins": self.selection.bins.eta,
            "pt_bins": self.selection.bins.pt,
            "axis_order": "[eta][pt]",
            "entries": entries,
            "acceptance": acceptance,
            "tau_type_probability": by_class(self.selection.class_probability.clone()),
            "expected_kept_per_type": by_class(self.expected_by_class()),
        })
    }

    /// The same as histograms `GROUP/CLASS_prob` and `GROUP/CLASS_entries`.
    pub fn write_histograms(&self, path: &Path) -> recoil_root::Result<()> {
        let mut file = FileWriter::create(path, Options::default())?;
        let bins = &self.selection.bins;
        for (index, (group, counts)) in self.plan.groups.iter().zip(&self.counts).enumerate() {
            for (class, counts) in counts {
                let name = |kind: &str| format!("{}/{}_{kind}", group.group.name, class.name());
                file.hist2(&name("entries"), &histogram(bins, counts.total, |i, k| at(&counts.bins, i, k)))?;
                let found = self.acceptance(index, *class);
                file.hist2(&name("prob"), &histogram(bins, 0.0, |i, k| found.map_or(0.0, |a| a.of((i, k)))))?;
            }
        }
        file.finish().map(|_| ())
    }
}

fn at(lines: &[Vec<f64>], i: usize, k: usize) -> f64 {
    lines.get(i).and_then(|line| line.get(k)).copied().unwrap_or(0.0)
}

fn histogram(bins: &Bins, entries: f64, of: impl Fn(usize, usize) -> f64) -> Hist2 {
    let (nx, ny) = (bins.n_eta(), bins.n_pt());
    let mut contents = vec![0.0; (nx + 2) * (ny + 2)];
    for k in 0..ny {
        for i in 0..nx {
            if let Some(place) = contents.get_mut(i + 1 + (nx + 2) * (k + 1)) {
                *place = of(i, k);
            }
        }
    }
    Hist2 {
        name: String::new(),
        title: String::new(),
        x: Axis::variable("", bins.eta.clone()),
        y: Axis::variable("", bins.pt.clone()),
        z_title: String::new(),
        contents,
        sumw2: None,
        entries,
        stats: [0.0; 7],
        storage: Storage::F64,
    }
}

/// Counts of a group from the spectra of its data sets, in wider bins.
fn of_spectra(group: &GroupPlan, folder: &Path, bins: &Bins) -> Result<BTreeMap<TauType, Counts>> {
    let mut total: BTreeMap<TauType, Counts> = BTreeMap::new();
    for dataset in &group.datasets {
        let path = folder.join(format!("{dataset}.root"));
        let file = RootFile::open(&path)?;
        let known: Vec<String> = file.ls()?.into_iter().map(|entry| entry.path).collect();
        for class in &group.group.classes {
            let name = format!("eta_pt_hist_{}", class.name());
            if !known.contains(&name) {
                continue;
            }
            let hist = file.hist2(&name)?;
            let shown = format!("{}: {name}", path.display());
            let into = total.entry(*class).or_insert_with(|| Counts::new(bins));
            rebin(&hist, bins, into).map_err(|reason| TauError::content(shown, reason))?;
        }
    }
    Ok(total)
}

/// Adds fine bins to wider ones, whose edges must be edges of the fine bins.
fn rebin(hist: &Hist2, bins: &Bins, into: &mut Counts) -> Result<(), String> {
    let (x, y) = (hist.x.edges(), hist.y.edges());
    for (name, fine, wide) in [("|eta|", &x, &bins.eta), ("pt", &y, &bins.pt)] {
        let nests = |edge: &f64| fine.iter().any(|known| (known - edge).abs() <= 1e-9 * edge.abs().max(1.0));
        if let Some(edge) = wide.iter().find(|edge| !nests(edge)) {
            return Err(format!("the edge {edge} in {name} is no edge of its bins"));
        }
    }
    let width = x.len() + 1;
    let centre = |edges: &[f64], i: usize| match i.checked_sub(1).map(|low| (edges.get(low), edges.get(low + 1))) {
        None => f64::NEG_INFINITY,
        Some((Some(low), Some(high))) => 0.5 * (low + high),
        Some(_) => f64::INFINITY,
    };
    for (index, count) in hist.contents.iter().enumerate().filter(|(_, count)| **count != 0.0) {
        into.add(bins, centre(&x, index % width), centre(&y, index / width), *count);
    }
    Ok(())
}
