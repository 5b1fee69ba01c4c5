//! `iact ls`: the tree of objects in an EventIO file.

use std::collections::BTreeMap;

use recoil_eventio::{Entry, Tree, kind};
use recoil_stage::{Config, Description, Flag, InputRole, OutputKind, Problem, Report, Run, Stage, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::blame;

/// Keys of `iact ls`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LsConfig {
    /// Whether each object has a line of its own; else neighbours of one type and version share one.
    pub every: bool,
    /// Objects in deeper containers are only counted.
    pub depth: usize,
}

impl Default for LsConfig {
    fn default() -> Self {
        Self { every: false, depth: 8 }
    }
}

impl Config for LsConfig {
    fn check(&self) -> Vec<Problem> {
        Vec::new()
    }
}

const FILE: InputRole = InputRole::required("file", "an EventIO file", &[]).short('f').plain();

/// Lists EventIO files.
pub struct Ls;

impl Stage for Ls {
    type Config = LsConfig;

    fn description(&self) -> Description {
        Description {
            name: "iact ls",
            about: "Show the tree of objects in an EventIO file",
            long: "Types, names, versions, identifiers, places and lengths of all objects in files of CORSIKA/IACT and \
                   sim_telarray, plain or compressed with gzip or zstd, and how many there are of each. A file that was \
                   cut off is listed to its end; the objects that are not whole are told apart.",
            inputs: &[FILE],
            output: OutputKind::Nothing,
            flags: &[
                Flag { name: "every", key: "every", list: false },
                Flag { name: "depth", key: "depth", list: false },
            ],
        }
    }

    fn run(&self, config: &LsConfig, run: &Run) -> Result<Report, StageError> {
        let path = &run.inputs().one("file")?.path;
        let mut tree = Tree::open(path).map_err(|error| blame("cannot list")(error.into()))?;
        let mut listing = Listing::default();
        let mut failure = None;
        for (number, entry) in tree.by_ref().enumerate() {
            if number % 4096 == 0 {
                run.check()?;
            }
            match entry {
                Ok(entry) => listing.add(&entry, number, config),
                Err(error) if number == 0 => return Err(blame("cannot list")(error.into())),
                Err(error) => failure = Some(error),
            }
        }
        let incomplete = tree.incomplete();
        let report = listing.report(config, incomplete, tree.bytes());
        Ok(match failure {
            Some(error) => report.value("whole", false).failure(error.to_string()),
            None => report.value("whole", true),
        })
    }
}

/// A line of the listing.
struct Line {
    number: usize,
    count: u64,
    first: Entry,
    last_id: i32,
    bytes: u64,
}

/// What is known of a file's objects.
#[derive(Default)]
struct Listing {
    lines: Vec<Line>,
    counts: BTreeMap<(u16, u16), (u64, u64)>,
    numbers: Vec<(u16, u16)>,
}

impl Listing {
    fn add(&mut self, entry: &Entry, number: usize, config: &LsConfig) {
        let header = entry.header;
        let (count, bytes) = self.counts.entry((header.kind, header.version)).or_default();
        *count += 1;
        *bytes += header.length;
        self.numbers.push((header.kind, header.version));
        if entry.depth > config.depth {
            return;
        }
        let same = |line: &&mut Line| {
            let first = line.first;
            !config.every
                && !header.only_objects
                && first.depth == entry.depth
                && (first.header.kind, first.header.version) == (header.kind, header.version)
        };
        if let Some(line) = self.lines.last_mut().filter(same) {
            line.count += 1;
            line.last_id = header.id;
            line.bytes += header.length;
        } else {
            self.lines.push(Line { number, count: 1, first: *entry, last_id: header.id, bytes: header.length });
        }
    }

    fn report(&self, config: &LsConfig, incomplete: &[usize], bytes: u64) -> Report {
        let mut cut: BTreeMap<(u16, u16), u64> = BTreeMap::new();
        for number in incomplete {
            if let Some(kind) = self.numbers.get(*number) {
                *cut.entry(*kind).or_default() += 1;
            }
        }
        let rows = self.lines.iter().map(|line| row(line, incomplete)).collect();
        let tree = ["depth", "object", "type", "version", "id", "count", "byte", "length", "note"];
        let counts = self.counts.iter().map(|((kind, version), (count, length))| -> Vec<Json> {
            let cut = cut.get(&(*kind, *version)).copied().unwrap_or(0);
            let name = kind::name(*kind);
            vec![(*kind).into(), name.into(), (*version).into(), (*count).into(), cut.into(), (*length).into()]
        });
        let report = Report::new().table(if config.every { "objects" } else { "tree" }, &tree, rows);
        let columns = ["type", "name", "version", "count", "incomplete", "bytes"];
        report
            .table("counts", &columns, counts.collect())
            .value("objects", self.numbers.len())
            .value("top_level", self.top_level())
            .quantity("content", bytes, "bytes")
    }

    fn top_level(&self) -> u64 {
        self.lines.iter().filter(|line| line.first.depth == 0).map(|line| line.count).sum()
    }
}

fn row(line: &Line, incomplete: &[usize]) -> Vec<Json> {
    let Entry { depth, header, at } = line.first;
    let within = line.number..line.number + usize::try_from(line.count).unwrap_or(usize::MAX);
    let mut notes = Vec::new();
    if let Some(telescope) = kind::event_telescope(header.kind).or(kind::tracking_telescope(header.kind)) {
        notes.push(format!("telescope {telescope}"));
    }
    if incomplete.iter().any(|number| within.contains(number)) {
        notes.push("cut off".to_owned());
    }
    let id = if line.count == 1 { header.id.to_string() } else { format!("{}..{}", header.id, line.last_id) };
    let name = format!("{}{}", "  ".repeat(depth), kind::name(header.kind));
    let numbers = [line.count, at, line.bytes].map(Json::from);
    let start: Vec<Json> = vec![depth.into(), name.into(), header.kind.into(), header.version.into(), id.into()];
    start.into_iter().chain(numbers).chain([notes.join(", ").into()]).collect()
}
