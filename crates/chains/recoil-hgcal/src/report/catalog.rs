//! The list of all figures of a report.

use recoil_plot::Figure;

use super::results::{Available, ReportConfig, Results, Setup};
use crate::figures::response::Quantity;
use crate::figures::{
    counts, detector, display, efficiency, occupancy, phi_moves, radius, resolution, response, shapes,
};

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
    /// The phi optimisation.
    PhiMoves,
    /// Layers, links and towers.
    Detector,
    /// Cluster shapes.
    Shapes,
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
    entries.extend(of_detector(config, available));
    entries.sort_by_key(|entry| entry.part);
    entries
}

/// Collects the figures of one sample.
struct OfSample<'a> {
    sample: &'a str,
    entries: Vec<Entry>,
}

impl OfSample<'_> {
    fn add(
        &mut self,
        part: Part,
        what: &str,
        caption: &str,
        draw: impl Fn(&Setup) -> Option<Figure> + Send + Sync + 'static,
    ) {
        let own = self.sample.to_owned();
        let draw: Draw = Box::new(move |results| draw(results.setups.iter().find(|s| s.sample == own)?));
        let (name, caption) = (format!("{what}_{}", file_word(self.sample)), format!("{}: {caption}", self.sample));
        self.entries.push(Entry { name, part, sample: self.sample.to_owned(), caption, draw });
    }
}

fn of_sample(config: &ReportConfig, available: &Available, sample: &str) -> Vec<Entry> {
    let mut own = OfSample { sample, entries: Vec::new() };
    let has_example = config.samples.iter().take(available.cells).any(|s| s == sample);
    if has_example && available.clusters == available.validations {
        of_event(&mut own, &labels(config, available.validations, sample));
    }
    if available.seeds == available.validations {
        own.add(Part::Counts, "seeds", "seeds per event.", |s| Some(counts::per_event("seeds", &s.sample, &s.seeds)));
    }
    if available.clusters == available.validations {
        own.add(Part::Counts, "clusters", "clusters per event.", |s| {
            Some(counts::per_event("clusters", &s.sample, &s.clusters))
        });
    }
    own.add(Part::Splitting, "splitting_eta", "showers that became more than one cluster.", |s| {
        Some(efficiency::splitting_against_eta(&s.sample, &s.outcomes))
    });
    own.add(Part::Efficiency, "efficiency_pt", "efficiency at low transverse momentum.", |s| {
        Some(efficiency::against_pt(&s.sample, &s.outcomes))
    });
    own.add(Part::Efficiency, "efficiency_eta", "efficiency against pseudorapidity.", |s| {
        Some(efficiency::against_eta(&s.sample, &s.outcomes))
    });
    for quantity in Quantity::ALL {
        let word = quantity.name();
        let caption = format!("{word} of the leading cluster relative to the particle.");
        own.add(Part::Response, &format!("response_{word}"), &caption, move |s| {
            Some(response::distribution(quantity, &s.sample, &s.outcomes))
        });
        let caption = format!("{word} response (above) and its width (below) against transverse momentum.");
        own.add(Part::Resolution, &format!("{word}_vs_pt"), &caption, move |s| {
            Some(resolution::against_pt(quantity, &s.sample, &s.outcomes))
        });
        let caption = format!("{word} response (above) and its width (below) against pseudorapidity.");
        own.add(Part::Resolution, &format!("{word}_vs_eta"), &caption, move |s| {
            Some(resolution::against_eta(quantity, &s.sample, &s.outcomes))
        });
    }
    own.entries
}

/// The example event: its whole histogram, and for every configuration a close look and a display.
fn of_event(own: &mut OfSample<'_>, labels: &[String]) {
    let caption = "the whole (R/z, \\phi) histogram of the event, before and after smoothing.";
    own.add(Part::Event, "occupancy", caption, |s| {
        let example = s.example.as_ref()?;
        let view = example.views.first()?;
        Some(occupancy::maps(&s.sample, &note(example.event, &view.label), &view.occupancy, None))
    });
    for (i, label) in labels.iter().enumerate() {
        let word = file_word(label);
        let caption =
            format!("{label}: the histogram around the particle. Red dots are seeds, the square is the particle.");
        own.add(Part::Event, &format!("occupancy_zoom_{word}"), &caption, move |s| zoom(s, i));
        let caption =
            format!("{label}: trigger cells of one layer around the particle, by transverse energy and by cluster.");
        own.add(Part::Event, &format!("display_{word}"), &caption, move |s| layer(s, i));
    }
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

fn of_detector(config: &ReportConfig, available: &Available) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut add = |name: &str, part: Part, sample: &str, caption: &str, draw: fn(&str, &Results) -> Option<Figure>| {
        let own = sample.to_owned();
        let draw: Draw = Box::new(move |results| draw(&own, results));
        let (sample, caption) = (sample.to_owned(), caption.to_owned());
        entries.push(Entry { name: name.to_owned(), part, sample, caption, draw });
    };
    if available.phi_scan {
        let caption = "Splitting (above) after some trigger cells were moved (below) to neighbouring \\phi bins.";
        add("phi_moves", Part::PhiMoves, &config.phi_scan, caption, |sample, r| {
            let unmoved = r.phi_scan.iter().find(|p| p.moved == 0.0).map(|p| p.split.value);
            Some(phi_moves::scan(sample, &r.phi_scan, unmoved))
        });
    }
    if available.cells > 0 {
        add("layers", Part::Detector, "", "Mean share of the transverse energy in each trigger layer.", |sample, r| {
            Some(detector::layer_profile(sample, &r.profiles))
        });
    }
    if available.truncations > 0 {
        let caption = "Trigger cells that pass the Stage-1 truncation, against the distance from the beam.";
        add("truncation", Part::Detector, "", caption, |sample, r| Some(detector::truncation(sample, &r.truncations)));
    }
    if available.towers {
        let caption = "Transverse energy in the trigger towers of one endcap.";
        add("towers", Part::Detector, &config.towers, caption, |sample, r| {
            Some(detector::towers(sample, r.towers.as_ref()?))
        });
    }
    if available.shapes > 0 {
        let caption = "Shapes of the leading clusters, which tell electromagnetic from hadronic showers.";
        add("shapes", Part::Shapes, "", caption, |sample, r| Some(shapes::distributions(sample, &r.shapes)));
    }
    entries
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
