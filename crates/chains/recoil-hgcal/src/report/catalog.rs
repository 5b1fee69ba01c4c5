//! The list of all figures of a report.

use recoil_plot::Figure;

use super::results::{Available, ReportConfig, Results, Setup};
use crate::figures::response::Quantity;
use crate::figures::{counts, display, efficiency, occupancy, radius, resolution, response};

/// Part of the page that a figure belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// One event in detail.
    Event,
    /// Seeds and clusters per event.
    Counts,
    /// Splitting of showers.
    Splitting,
    /// Efficiency.
    Efficiency,
    /// Responses.
    Response,
    /// Response and resolution against the particle's momentum and direction.
    Resolution,
    /// Cluster size.
    Radius,
}

type Draw = Box<dyn Fn(&Results) -> Option<Figure> + Send + Sync>;

/// A figure that can be drawn.
pub struct Entry {
    /// File name without extension.
    pub name: String,
    /// Part of the page.
    pub part: Part,
    /// Sample that it shows; empty for figures of all samples.
    pub sample: String,
    /// What it shows, for the caption.
    pub caption: String,
    draw: Draw,
}

impl Entry {
    /// The figure; `None` if the results lack what it shows.
    pub fn draw(&self, results: &Results) -> Option<Figure> {
        (self.draw)(results).map(|figure| figure.title(self.caption.clone()))
    }
}

/// All figures for a configuration and the inputs at hand, in the order of the page.
pub fn catalog(config: &ReportConfig, available: &Available) -> Vec<Entry> {
    let mut entries = Vec::new();
    for sample in config.samples_of(available.validations) {
        entries.extend(of_sample(config, available, &sample));
    }
    if available.scans > 0 {
        entries.extend(of_scans(config));
    }
    entries.sort_by_key(|entry| entry.part);
    entries
}

fn of_sample(config: &ReportConfig, available: &Available, sample: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut add = |part: Part, what: &str, caption: String, draw: fn(&Setup) -> Option<Figure>| {
        let own = sample.to_owned();
        let draw: Draw = Box::new(move |results| draw(results.setups.iter().find(|s| s.sample == own)?));
        let name = format!("{what}_{}", file_word(sample));
        entries.push(Entry { name, part, sample: sample.to_owned(), caption, draw });
    };
    if config.samples.iter().take(available.cells).any(|s| s == sample) {
        add(
            Part::Event,
            "occupancy",
            format!("{sample}: the whole (R/z, phi) histogram of the event, before and after smoothing."),
            |s| {
                let example = s.example.as_ref()?;
                let view = example.views.first()?;
                Some(occupancy::maps(&s.sample, &note(example.event, &view.label), &view.occupancy, None))
            },
        );
        for (i, label) in labels(config, available.validations, sample).iter().enumerate() {
            // a closure would need to capture `i`; the figures of the first views are enough for a comparison
            let draws: [(fn(&Setup) -> Option<Figure>, fn(&Setup) -> Option<Figure>); 2] =
                [(|s| zoom(s, 0), |s| layer(s, 0)), (|s| zoom(s, 1), |s| layer(s, 1))];
            let Some((zoomed, shown)) = draws.get(i) else { break };
            let word = file_word(label);
            add(
                Part::Event,
                &format!("occupancy_zoom_{word}"),
                format!(
                    "{sample}, {label}: the histogram around the particle. Red dots are seeds, the square is the particle."
                ),
                *zoomed,
            );
            add(
                Part::Event,
                &format!("display_{word}"),
                format!(
                    "{sample}, {label}: trigger cells of one layer around the particle, by transverse energy and by cluster."
                ),
                *shown,
            );
        }
    }
    if available.seeds == available.validations {
        add(Part::Counts, "seeds", format!("{sample}: seeds per event."), |s| {
            Some(counts::per_event("seeds", &s.sample, &s.seeds))
        });
    }
    if available.clusters == available.validations {
        add(Part::Counts, "clusters", format!("{sample}: clusters per event."), |s| {
            Some(counts::per_event("clusters", &s.sample, &s.clusters))
        });
    }
    add(Part::Splitting, "splitting_eta", format!("{sample}: showers that became more than one cluster."), |s| {
        Some(efficiency::splitting_against_eta(&s.sample, &s.outcomes))
    });
    add(Part::Efficiency, "efficiency_pt", format!("{sample}: efficiency at low transverse momentum."), |s| {
        Some(efficiency::against_pt(&s.sample, &s.outcomes))
    });
    add(Part::Efficiency, "efficiency_eta", format!("{sample}: efficiency against pseudorapidity."), |s| {
        Some(efficiency::against_eta(&s.sample, &s.outcomes))
    });
    let draws: [(Quantity, [fn(&Setup) -> Option<Figure>; 3]); 4] = [
        (
            Quantity::Energy,
            [
                |s| Some(response::distribution(Quantity::Energy, &s.sample, &s.outcomes)),
                |s| Some(resolution::against_pt(Quantity::Energy, &s.sample, &s.outcomes)),
                |s| Some(resolution::against_eta(Quantity::Energy, &s.sample, &s.outcomes)),
            ],
        ),
        (
            Quantity::Pt,
            [
                |s| Some(response::distribution(Quantity::Pt, &s.sample, &s.outcomes)),
                |s| Some(resolution::against_pt(Quantity::Pt, &s.sample, &s.outcomes)),
                |s| Some(resolution::against_eta(Quantity::Pt, &s.sample, &s.outcomes)),
            ],
        ),
        (
            Quantity::Eta,
            [
                |s| Some(response::distribution(Quantity::Eta, &s.sample, &s.outcomes)),
                |s| Some(resolution::against_pt(Quantity::Eta, &s.sample, &s.outcomes)),
                |s| Some(resolution::against_eta(Quantity::Eta, &s.sample, &s.outcomes)),
            ],
        ),
        (
            Quantity::Phi,
            [
                |s| Some(response::distribution(Quantity::Phi, &s.sample, &s.outcomes)),
                |s| Some(resolution::against_pt(Quantity::Phi, &s.sample, &s.outcomes)),
                |s| Some(resolution::against_eta(Quantity::Phi, &s.sample, &s.outcomes)),
            ],
        ),
    ];
    for (quantity, [distribution, against_pt, against_eta]) in draws {
        let word = quantity.name();
        add(
            Part::Response,
            &format!("response_{word}"),
            format!("{sample}: {word} of the leading cluster relative to the particle."),
            distribution,
        );
        add(
            Part::Resolution,
            &format!("{word}_vs_pt"),
            format!("{sample}: {word} response (above) and its width (below) against transverse momentum."),
            against_pt,
        );
        add(
            Part::Resolution,
            &format!("{word}_vs_eta"),
            format!("{sample}: {word} response (above) and its width (below) against pseudorapidity."),
            against_eta,
        );
    }
    entries
}

fn of_scans(config: &ReportConfig) -> Vec<Entry> {
    let sample = config.samples_of(1).first().and_then(|s| s.split(',').next().map(str::to_owned)).unwrap_or_default();
    let entry = |name: &str, caption: &str, draw: fn(&str, &Results) -> Figure| {
        let sample = sample.clone();
        let draw: Draw = Box::new(move |results| Some(draw(&sample, results)));
        Entry { name: name.to_owned(), part: Part::Radius, sample: String::new(), caption: caption.to_owned(), draw }
    };
    vec![
        entry("radius_energy", "Mean energy of the leading cluster against the clustering radius.", |sample, r| {
            radius::energy(sample, &r.scans)
        }),
        entry("radius_resolution", "Width of the energy response against the clustering radius.", |sample, r| {
            radius::resolution(sample, &r.scans)
        }),
        entry(
            "radius_efficiency",
            "Efficiency (above) and clusters that belong to no particle (below).",
            |sample, r| radius::efficiency(sample, &r.scans),
        ),
    ]
}

fn zoom(setup: &Setup, view: usize) -> Option<Figure> {
    let example = setup.example.as_ref()?;
    let view = example.views.get(view)?;
    Some(occupancy::maps(&setup.sample, &note(example.event, &view.label), &view.occupancy, example.window()))
}

fn layer(setup: &Setup, view: usize) -> Option<Figure> {
    let example = setup.example.as_ref()?;
    let view = example.views.get(view)?;
    let event = example.display(view);
    Some(display::layer(&setup.sample, &note(example.event, &view.label), &event, example.layer, 16.0))
}

fn note(event: i64, label: &str) -> String {
    format!("event {event}, {label}")
}

/// The labels of a sample's runs.
fn labels(config: &ReportConfig, runs: usize, sample: &str) -> Vec<String> {
    (0..runs).map(|i| config.run(i)).filter(|run| run.sample == sample).map(|run| run.label).collect()
}

/// Letters and digits of a label, for file names.
fn file_word(text: &str) -> String {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("_").to_lowercase()
}
