//! `pflow evaluate`: figures of merit of one or more algorithms.

use std::path::Path;

use rayon::prelude::*;
use recoil_plot::Figure;
use recoil_plot::report::{Page, Section, Table as PageTable};
use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, Flag, InputRole, Inputs, OutputKind, Problem, Report, Run, Stage, StageError};
use recoil_stats::Axis;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::jets::{AlgorithmName, JetsConfig};
use crate::data::columns::Parts;
use crate::data::{Event, EventReader, Layout, Particle};
use crate::error::{PflowError, Result};
use crate::evaluation::jets::{JET_ETA_EDGES, JET_PT_EDGES, MET_EDGES};
use crate::evaluation::matching::Cuts;
use crate::evaluation::performance::{Performance, QUANTITIES, Settings};
use crate::evaluation::{Response, Spread};
use crate::figures;

/// Keys of `pflow evaluate`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EvaluateConfig {
    /// Name of the candidates that stand in the table of events itself.
    pub name: String,
    /// Algorithm of jets: `antikt`, `kt`, `cambridge` or `ee_genkt`.
    pub algorithm: AlgorithmName,
    /// Radius of jets.
    pub radius: f64,
    /// Exponent of `ee_genkt`.
    pub power: f64,
    /// Least transverse momentum of jets \[GeV\].
    pub min_pt: f64,
    /// Greatest distance of matched particles, in pseudorapidity and azimuth.
    pub match_delta_r: f64,
    /// Least transverse momentum of matched particles \[GeV\].
    pub match_min_pt: f64,
    /// Greatest pseudorapidity of matched particles.
    pub match_max_eta: f64,
    /// Whether matched particles have to be of the same class.
    pub match_same_class: bool,
    /// Bins of efficiencies with fewer entries are left blank.
    pub min_entries: u32,
    /// Most events that are read; 0 for all.
    pub max_events: u64,
}

impl Default for EvaluateConfig {
    fn default() -> Self {
        let cuts = Cuts::default();
        Self {
            name: "candidates".into(),
            algorithm: AlgorithmName::Antikt,
            radius: 0.4,
            power: -1.0,
            min_pt: 5.0,
            match_delta_r: cuts.delta_r,
            match_min_pt: cuts.min_pt,
            match_max_eta: cuts.max_eta,
            match_same_class: cuts.same_class,
            min_entries: 50,
            max_events: 0,
        }
    }
}

impl EvaluateConfig {
    fn jets(&self) -> JetsConfig {
        let Self { algorithm, radius, power, min_pt, .. } = *self;
        JetsConfig { algorithm, radius, power, min_pt, ..JetsConfig::default() }
    }

    fn settings(&self, layout: Layout) -> std::result::Result<Settings, StageError> {
        Ok(Settings {
            layout,
            jets: self.jets().definition().usage_error("cannot define jets")?,
            jet_min_pt: self.min_pt,
            cuts: Cuts {
                delta_r: self.match_delta_r,
                min_pt: self.match_min_pt,
                max_eta: self.match_max_eta,
                same_class: self.match_same_class,
            },
        })
    }
}

impl Config for EvaluateConfig {
    fn check(&self) -> Vec<Problem> {
        let mut found = self.jets().check();
        if !(self.match_delta_r > 0.0 && self.match_delta_r.is_finite()) {
            found.push(Problem::new("match_delta_r", "must be positive"));
        }
        found
    }
}

/// Evaluates candidates.
pub struct Evaluate;

const EVENTS: InputRole =
    InputRole::required("events", "events with targets, generated particles and perhaps candidates", super::EVENTS);
const CANDIDATES: InputRole =
    InputRole::optional("candidates", "the same events with candidates of an algorithm", super::EVENTS).many();

const FILES: [&str; 9] = [
    "metrics.json",
    "report.html",
    "jet_response.svg",
    "jet_eta.svg",
    "jet_target.svg",
    "met_response.svg",
    "efficiency.svg",
    "multiplicity.svg",
    "confusion.svg",
];

impl Stage for Evaluate {
    type Config = EvaluateConfig;

    fn description(&self) -> Description {
        Description {
            name: "pflow evaluate",
            about: "Measure particles, jets and missing momentum of one or more algorithms",
            long: "Compares candidates with targets, element by element and by direction, and jets and missing transverse momentum \
                   with those of generated particles and of targets: confusion, efficiencies and fakes with intervals, errors \
                   of energies and directions, numbers of particles, responses (median and interquartile range). Candidates \
                   stand in the table of events or in tables of the same events, each named after its file. Writes metrics.json, \
                   figures and a report.",
            inputs: &[EVENTS, CANDIDATES],
            output: OutputKind::Directory { doc: "metrics.json, report.html and figures" },
            flags: &[
                Flag { name: "name", key: "name", list: false },
                Flag { name: "algorithm", key: "algorithm", list: false },
                Flag { name: "radius", key: "radius", list: false },
                Flag { name: "min-pt", key: "min_pt", list: false },
                Flag { name: "max-events", key: "max_events", list: false },
            ],
        }
    }

    fn outputs(&self, _config: &EvaluateConfig, _inputs: &Inputs) -> Vec<String> {
        FILES.map(str::to_owned).to_vec()
    }

    fn run(&self, config: &EvaluateConfig, run: &Run) -> std::result::Result<Report, StageError> {
        let input = run.inputs().one(EVENTS.role)?;
        let wanted = Parts { targets: true, candidates: true, generated: true, ..Parts::default() };
        let reading = "cannot read the events";
        let mut reader = EventReader::open(&input.spec(), wanted).input_error(reading)?;
        if !reader.parts().targets {
            return Err(StageError::input(format!("{}: has no targets to compare with", reader.file())));
        }
        let settings = config.settings(reader.layout())?;
        let mut others = Vec::new();
        for file in run.inputs().all(CANDIDATES.role) {
            let wanted = Parts { candidates: true, ..Parts::default() };
            let other = EventReader::open(&file.spec(), wanted).input_error("cannot read the candidates")?;
            if !other.parts().candidates {
                return Err(StageError::input(format!("{}: has no candidates", other.file())));
            }
            let name = Path::new(&file.file_name()).file_stem().map(|s| s.to_string_lossy().into_owned());
            others.push((name.unwrap_or_default(), Events { reader: other, open: Vec::new() }));
        }
        let own = reader.parts().candidates && others.is_empty();
        if !own && others.is_empty() {
            let message = "has no candidates: give --input candidates=FILE, or make some with `recoil pflow baseline`";
            return Err(StageError::input(format!("{}: {message}", reader.file())));
        }
        let mut names: Vec<String> = others.iter().map(|(name, _)| name.clone()).collect();
        names.extend(own.then(|| config.name.clone()));
        let empty = || Performance::new(settings).internal_error("cannot prepare the measurement");
        let mut measured: Vec<Performance> = names.iter().map(|_| empty()).collect::<std::result::Result<_, _>>()?;
        // targets as if they were an algorithm: the best that any can do
        let mut ceiling = empty()?;
        let progress = run.progress("evaluating", "events", reader.total());
        let mut total = 0u64;
        while let Some(mut events) = reader.next_events().input_error(reading)? {
            run.check()?;
            if config.max_events > 0 {
                events.truncate(usize::try_from(config.max_events - total).unwrap_or(usize::MAX));
            }
            let targets: Vec<Vec<Particle>> = events.iter().map(Event::target_particles).collect();
            measure(&mut ceiling, &events, &targets).internal_error("cannot measure")?;
            let mut lists = Vec::new();
            for (_, other) in &mut others {
                lists.push(other.of(&events, settings.layout).input_error("cannot compare")?);
            }
            if own {
                lists.push(events.iter_mut().map(|event| std::mem::take(&mut event.candidates)).collect());
            }
            for (performance, candidates) in measured.iter_mut().zip(&lists) {
                measure(performance, &events, candidates).internal_error("cannot measure")?;
            }
            total += events.len() as u64;
            progress.add(events.len() as u64);
            if config.max_events > 0 && total >= config.max_events {
                break;
            }
        }
        if total == 0 {
            return Err(StageError::input(format!("{}: has no events", reader.file())));
        }
        let all: Vec<(&str, &Performance)> = names.iter().map(String::as_str).zip(&measured).collect();
        write(config, run, &all, &ceiling, total)
    }
}

/// Candidates of other tables, event by event.
struct Events {
    reader: EventReader,
    open: Vec<Event>,
}

impl Events {
    /// The candidates of `events`, which must be the next ones.
    fn of(&mut self, events: &[Event], layout: Layout) -> Result<Vec<Vec<Particle>>> {
        while self.open.len() < events.len() {
            match self.reader.next_events()? {
                Some(more) => self.open.extend(more),
                None => {
                    return Err(PflowError::content(self.reader.file(), "has fewer events than the table of events"));
                }
            }
        }
        let mut lists = Vec::with_capacity(events.len());
        for (event, other) in events.iter().zip(self.open.drain(..events.len())) {
            let same = event.number == other.number && event.elements(layout) == other.candidates.len();
            if !same {
                let reason = format!(
                    "event {} with {} elements stands where the table of events has event {} with {}",
                    other.number,
                    other.candidates.len(),
                    event.number,
                    event.elements(layout)
                );
                return Err(PflowError::content(self.reader.file(), reason));
            }
            lists.push(other.candidates);
        }
        Ok(lists)
    }
}

/// Adds events in parallel pieces; the order of values does not depend on the threads.
fn measure(performance: &mut Performance, events: &[Event], candidates: &[Vec<Particle>]) -> Result<()> {
    let empty = performance.empty()?;
    let pieces: Vec<Performance> = events
        .par_chunks(16)
        .zip(candidates.par_chunks(16))
        .map(|(events, candidates)| {
            let mut piece = empty.clone();
            for (event, candidates) in events.iter().zip(candidates) {
                piece.add(event, candidates);
            }
            piece
        })
        .collect();
    pieces.into_iter().try_for_each(|piece| performance.merge(piece))
}

fn write(
    config: &EvaluateConfig,
    run: &Run,
    all: &[(&str, &Performance)],
    ceiling: &Performance,
    events: u64,
) -> std::result::Result<Report, StageError> {
    let failing = "cannot summarise";
    let mut algorithms = serde_json::Map::new();
    for (name, performance) in all {
        algorithms.insert((*name).to_owned(), metrics(performance).internal_error(failing)?);
    }
    let best = json!({ "jets": response(&ceiling.generated_response(), ceiling.generated_jets.matched()) });
    let document = json!({
        "events": events,
        "elements": all.first().map(|(_, p)| p.confusion.total()),
        "bins": { "jet_pt": JET_PT_EDGES, "jet_eta": JET_ETA_EDGES, "met": MET_EDGES },
        "algorithms": algorithms,
        "targets": best,
    });
    recoil_outputs::json(run, "metrics.json", &document)?;
    let pages = draw(config, run, all, ceiling)?;
    let table = summary(all, ceiling).internal_error(failing)?;
    let mut overview = Section::new("Summary").table(page_table(&table));
    overview = overview.prose(
        "Jets and missing transverse momentum are compared with generated particles; `targets` are the \
                               true particles of the elements themselves, the best that any algorithm can do.",
    );
    let mut page = Page::new("Particle flow").lead(format!("{events} events.")).section(overview);
    for section in pages {
        page = page.section(section);
    }
    let page = page.provenance(run.embedded_provenance());
    recoil_outputs::text(run, "report.html", &page.html())?;
    let columns: Vec<&str> = table.0.iter().map(String::as_str).collect();
    let rows = table.1.into_iter().map(|row| row.into_iter().map(Json::from).collect()).collect();
    Ok(Report::new().value("events", events).table("summary", &columns, rows))
}

/// Draws all figures, also into sections of the report.
fn draw(
    config: &EvaluateConfig,
    run: &Run,
    all: &[(&str, &Performance)],
    ceiling: &Performance,
) -> std::result::Result<Vec<Section>, StageError> {
    let failing = "cannot draw";
    let with_ceiling = || all.iter().copied().chain(std::iter::once(("targets", ceiling)));
    let mut jets = Section::new("Jets");
    let save = |section: Section, name: &str, figure: Figure, caption: &str| {
        let section = section.figure(&figure, caption);
        recoil_outputs::figure(run, name, figure).map(|()| section)
    };
    let lines: Vec<(&str, Vec<Spread>)> =
        with_ceiling().map(|(name, p)| (name, p.generated_response().in_pt)).collect();
    let figure = figures::response("p_{T} of the generated jet [GeV]", JET_PT_EDGES, &lines);
    jets = save(jets, "jet_response.svg", figure, "Response of jets against generated jets.")?;
    let lines: Vec<(&str, Vec<Spread>)> =
        with_ceiling().map(|(name, p)| (name, p.generated_response().in_eta)).collect();
    let figure = figures::response(r"\eta of the generated jet", JET_ETA_EDGES, &lines);
    jets = save(jets, "jet_eta.svg", figure, "The same in pseudorapidity.")?;
    let lines: Vec<(&str, Vec<Spread>)> = all.iter().map(|(name, p)| (*name, p.target_response().in_pt)).collect();
    let figure = figures::response("p_{T} of the jet of targets [GeV]", JET_PT_EDGES, &lines);
    jets = save(jets, "jet_target.svg", figure, "Response of jets against those of targets.")?;
    let lines: Vec<(&str, Vec<Spread>)> = with_ceiling().map(|(name, p)| (name, p.met_response().in_pt)).collect();
    let figure = figures::response("Generated missing p_{T} [GeV]", MET_EDGES, &lines);
    let mut met = save(Section::new("Missing transverse momentum"), "met_response.svg", figure, "Response.")?;
    let axis = Axis::uniform(60, 0.5, 1.5).internal_error(failing)?;
    let lines: Vec<(&str, Vec<f64>)> = all.iter().map(|(name, p)| (*name, p.energy_ratios.clone())).collect();
    let figure = figures::shapes("Sum of energies over that of targets", &axis, &lines);
    met = met.figure(&figure, "Energy of all candidates of an event.");

    let mut particles = Section::new("Particles");
    let axis = Axis::uniform(60, -0.6, 0.6).internal_error(failing)?;
    let relative = |p: &Performance| -> Vec<f64> {
        let pairs = p.numbers.first().into_iter().flatten();
        pairs.filter(|(n, _)| *n > 0.0).map(|(n, found)| (found - n) / n).collect()
    };
    let lines: Vec<(&str, Vec<f64>)> = all.iter().map(|(name, p)| (*name, relative(p))).collect();
    let figure = figures::shapes("Relative error of the number of particles", &axis, &lines);
    particles = save(particles, "multiplicity.svg", figure, "Number of particles of an event.")?;
    for (class, title) in [(22, "photons"), (130, "neutral hadrons"), (211, "charged hadrons")] {
        let range = if class == 211 { 0.15 } else { 1.5 };
        let axis = Axis::uniform(60, -range, range).internal_error(failing)?;
        let lines: Vec<(&str, Vec<f64>)> = all
            .iter()
            .map(|(name, p)| (*name, p.errors.get(&class).map(|lists| lists[0].clone()).unwrap_or_default()))
            .collect();
        let figure = figures::shapes(&format!("Relative error of the energy of {title}"), &axis, &lines);
        particles =
            particles.figure(&figure, format!("Energies of {title} where target and candidate agree in class."));
    }
    let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
    let figure = |index: usize| -> Result<Option<Figure>> {
        let Some((binned, _)) = all.first().and_then(|(_, p)| p.efficiencies.get(index)) else { return Ok(None) };
        let found: Vec<_> =
            all.iter().filter_map(|(_, p)| Some((p.efficiencies.get(index)?, p.fakes.get(index)?))).collect();
        let lines: Vec<_> = names.iter().zip(&found).map(|(name, (e, f))| (*name, &e.1, &f.1)).collect();
        let title = figures::variable_title(binned.class, binned.variable);
        figures::efficiency(&title, "", &lines, f64::from(config.min_entries)).map(Some)
    };
    let count = all.first().map_or(0, |(_, p)| p.efficiencies.len());
    for index in 0..count {
        if let Some(figure) = figure(index).internal_error(failing)? {
            particles = particles.figure(&figure, "Efficiency in the true value, fakes in the reconstructed one.");
        }
    }
    let lines: Vec<_> = all.iter().map(|(name, p)| (*name, &p.matched, &p.unmatched)).collect();
    let figure = figures::efficiency("p_{T} [GeV]", "matched by direction", &lines, f64::from(config.min_entries))
        .internal_error(failing)?;
    particles =
        save(particles, "efficiency.svg", figure, "True particles with a candidate nearby, and candidates without.")?;
    let mut confusion = Section::new("Classes");
    for (index, (name, performance)) in all.iter().enumerate() {
        let figure = figures::confusion(name, performance);
        let caption = "Share of each true class, in percent.";
        confusion = match index {
            0 => save(confusion, "confusion.svg", figure, caption)?,
            _ => confusion.figure(&figure, caption),
        };
    }
    Ok(vec![jets, met, particles, confusion])
}

fn spread(spread: &Spread) -> Json {
    json!({ "median": spread.median, "iqr": spread.iqr, "entries": spread.entries })
}

fn response(response: &Response, matched: Option<f64>) -> Json {
    let bins = |list: &[Spread]| list.iter().map(spread).collect::<Vec<_>>();
    json!({
        "median": response.all.median,
        "iqr": response.all.iqr,
        "iqr_over_median": response.relative_width,
        "entries": response.all.entries,
        "matched": matched,
        "pt_bins": bins(&response.in_pt),
        "eta_bins": bins(&response.in_eta),
    })
}

/// Everything that is measured of an algorithm.
fn metrics(p: &Performance) -> Result<Json> {
    let interval = |i: recoil_stats::Interval| json!({ "value": finite(i.value), "low": i.low, "high": i.high });
    let mut by_class = serde_json::Map::new();
    for (index, class) in p.classes() {
        let errors: serde_json::Map<String, Json> = QUANTITIES
            .iter()
            .enumerate()
            .map(|(quantity, name)| ((*name).to_owned(), spread(&p.spread(class, quantity))))
            .collect();
        let value = json!({
            "pdg": class,
            "efficiency": interval(p.confusion.efficiency(index)?),
            "fake": interval(p.confusion.fake(index)?),
            "targets": p.confusion.row(index),
            "candidates": p.confusion.column(index),
            "residuals": errors,
        });
        by_class.insert(p.class_name(index).replace(' ', "_"), value);
    }
    let matrix: Vec<Vec<u64>> = (0..p.confusion.classes())
        .map(|truth| (0..p.confusion.classes()).map(|found| p.confusion.count(truth, found)).collect())
        .collect();
    let multiplicity = |class: usize| {
        p.multiplicity(class)
            .map(|(mean, sigma, r)| json!({ "mean": finite(mean), "sigma": finite(sigma), "correlation": finite(r) }))
    };
    Ok(json!({
        "accuracy": p.confusion.accuracy(),
        "presence_efficiency": interval(p.confusion.presence_efficiency()?),
        "presence_fake": interval(p.confusion.presence_fake()?),
        "classes": by_class,
        "confusion": matrix,
        "multiplicity": multiplicity(0),
        "energy_ratio": spread(&Spread::of(&p.energy_ratios)),
        "jets": response(&p.generated_response(), p.generated_jets.matched()),
        "jets_of_targets": response(&p.target_response(), p.target_jets.matched()),
        "met": response(&p.met_response(), None),
        "matched_by_direction": interval(p.matched.overall(recoil_stats::interval::ONE_SIGMA)?),
        "unmatched_candidates": interval(p.unmatched.overall(recoil_stats::interval::ONE_SIGMA)?),
    }))
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

type Rows = (Vec<String>, Vec<Vec<String>>);

/// The table of the report: one row per figure of merit, one column per algorithm.
fn summary(all: &[(&str, &Performance)], ceiling: &Performance) -> Result<Rows> {
    let number =
        |value: Option<f64>| value.filter(|v| v.is_finite()).map_or_else(|| "-".to_owned(), |v| format!("{v:.3}"));
    let mut columns = vec!["figure of merit".to_owned()];
    columns.extend(all.iter().map(|(name, _)| (*name).to_owned()));
    columns.push("targets".to_owned());
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut row = |name: String, of: &dyn Fn(&Performance) -> Result<Option<f64>>, with_ceiling: bool| -> Result<()> {
        let mut cells = vec![name];
        for (_, performance) in all {
            cells.push(number(of(performance)?));
        }
        cells.push(if with_ceiling { number(of(ceiling)?) } else { String::new() });
        rows.push(cells);
        Ok(())
    };
    row("accuracy".into(), &|p| Ok(Some(p.confusion.accuracy())), false)?;
    row("presence efficiency".into(), &|p| Ok(Some(p.confusion.presence_efficiency()?.value)), false)?;
    row("presence fake".into(), &|p| Ok(Some(p.confusion.presence_fake()?.value)), false)?;
    for (index, class) in ceiling.classes().filter(|(index, _)| ceiling.confusion.row(*index) > 0) {
        let name = ceiling.class_name(index);
        row(format!("{name} efficiency"), &|p| Ok(Some(p.confusion.efficiency(index)?.value)), false)?;
        row(format!("{name} fake"), &|p| Ok(Some(p.confusion.fake(index)?.value)), false)?;
        row(format!("{name} energy residual median"), &|p| Ok(p.spread(class, 0).median), false)?;
        row(format!("{name} energy residual IQR"), &|p| Ok(p.spread(class, 0).iqr), false)?;
    }
    row("multiplicity mean".into(), &|p| Ok(p.multiplicity(0).map(|m| m.0)), false)?;
    row("multiplicity sigma".into(), &|p| Ok(p.multiplicity(0).map(|m| m.1)), false)?;
    row("sum of energies median".into(), &|p| Ok(Spread::of(&p.energy_ratios).median), false)?;
    row("sum of energies IQR".into(), &|p| Ok(Spread::of(&p.energy_ratios).iqr), false)?;
    row("jet response median".into(), &|p| Ok(p.generated_response().all.median), true)?;
    row("jet IQR over median".into(), &|p| Ok(p.generated_response().relative_width), true)?;
    row("jets matched".into(), &|p| Ok(p.generated_jets.matched()), true)?;
    row("missing pt response median".into(), &|p| Ok(p.met_response().all.median), true)?;
    row("missing pt response IQR".into(), &|p| Ok(p.met_response().all.iqr), true)?;
    Ok((columns, rows))
}

fn page_table((columns, rows): &Rows) -> PageTable {
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    rows.iter().fold(PageTable::new(&columns), |table, row| table.row(row))
}
