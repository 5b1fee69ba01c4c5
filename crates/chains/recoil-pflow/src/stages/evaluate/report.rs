//! The report of an evaluation: metrics.json, figures, and the page.

use recoil_plot::Figure;
use recoil_plot::report::{Page, Section, Table as PageTable};
use recoil_stage::error::Blame as _;
use recoil_stage::{Report, Run, StageError};
use recoil_stats::Axis;
use serde_json::{Value as Json, json};

use super::EvaluateConfig;
use crate::error::Result;
use crate::evaluation::Spread;
use crate::evaluation::jets::{JET_ETA_EDGES, JET_PT_EDGES, MET_EDGES};
use crate::evaluation::performance::Performance;
use crate::evaluation::summary::{Rows, metrics, response, summary};
use crate::figures;

/// Writes everything; the summary becomes the report of the stage.
pub(super) fn write(
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

fn page_table((columns, rows): &Rows) -> PageTable {
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    rows.iter().fold(PageTable::new(&columns), |table, row| table.row(row))
}
