//! The page: tables in numbers, figures, and what they mean.

use recoil_plot::report::{Page, Section, Table};

use super::catalog::{Entry, Part};
use super::results::{ReportConfig, Results, Setup};
use crate::figures::{Outcome, digits, efficiency, fixed};
use crate::validate::Spread;

/// What a reader who is new to the subject needs to know about a part.
fn words(part: Part) -> (&'static str, &'static str) {
    match part {
        Part::Event => (
            "One event",
            "The trigger projects all trigger cells of an endcap onto (R/z, \\phi), adds up their transverse energies in units \
             of a minimum-ionising particle (mip_{T}), smooths the histogram first along \\phi and then along R/z, and takes \
             local maxima above a threshold as seeds. Close to the beam a \\phi bin is only 2 to 3 cm wide, about as wide as \
             a trigger cell, so that one shower can leave a hole between two bins and become two maxima.\n\nThe event shown \
             was chosen because it does so with the first configuration, if any event of the sample does.",
        ),
        Part::Counts => (
            "Seeds and clusters per event",
            "Without pile-up an event with one particle should have one seed. With pile-up there are many more, from soft \
             particles of other collisions.",
        ),
        Part::Splitting => (
            "Split showers",
            "The fraction of particles whose energy ends up in two or more clusters. Each of them has about half of the \
             energy, so that a split photon is lost for a trigger with a threshold. It grows with |\\eta|, where the \\phi \
             bins are narrow. A smoothing kernel with a flat top closes many of the holes. With pile-up, clusters of other \
             particles that happen to be close count here too.",
        ),
        Part::Efficiency => (
            "Efficiency",
            "The fraction of particles with at least one cluster nearby. Particles of the lowest transverse momentum stay \
             below the seeding threshold.",
        ),
        Part::Response => (
            "Responses",
            "The leading cluster relative to the particle: energy and transverse momentum as ratios minus 1, directions as \
             differences. A split shower shows in the tail near \u{2212}0.5. The effective width \\sigma_{eff} is half of the \
             shortest interval that holds 68 % of the clusters; it does not care about tails.",
        ),
        Part::Resolution => (
            "Response and resolution",
            "The same against transverse momentum and pseudorapidity of the particle: the median and the interval with the \
             central 68 % above, the effective width below. With pile-up the response rises at low transverse momentum, \
             because cells of other particles are added to the cluster.",
        ),
        Part::Radius => (
            "Cluster size",
            "Clusters collect the cells within a radius around the seed, measured in (x/z, y/z). A small radius loses energy at \
             the edge of the shower, a large one collects pile-up. Each point repeats the clustering with one radius for all \
             layers.",
        ),
        Part::PhiMoves => (
            "Moving trigger cells",
            "Another cure of splitting: shift single trigger cells to the neighbouring \\phi bin, so that the number of cells \
             per bin varies smoothly. With parameter 0 the bins are flattened completely, with 1 nothing moves. The shift \
             changes the histogram only, not the position that a cell has in its cluster.",
        ),
        Part::Detector => (
            "Layers, links and towers",
            "Where the energy is in depth; how many cells survive the sorting and truncation in Stage 1, which depends on the \
             number of links; and the trigger towers, coarse sums that carry the energy outside of clusters.",
        ),
        Part::Shapes => (
            "Cluster shapes",
            "Photons make short, narrow showers near the front; charged pions make long and broad ones. These variables are the \
             inputs of the identification in the trigger.",
        ),
    }
}

/// Lays the page out.
pub fn page(config: &ReportConfig, results: &Results, entries: &[Entry], provenance: &str) -> Page {
    let mut page = Page::new(config.title.clone()).lead(
        "Trigger cells of the CMS high-granularity endcap calorimeter (HGCAL) become clusters, the trigger primitives of \
         the Level-1 trigger at the HL-LHC. This page compares configurations of that chain on events with known truth, from \
         a parametrised simulation of showers, noise and pile-up.",
    );
    page = page.section(summary(results));
    let mut parts: Vec<Part> = entries.iter().map(|entry| entry.part).collect();
    parts.dedup();
    for part in parts {
        let (title, prose) = words(part);
        let mut section = Section::new(title).prose(prose);
        if part == Part::Event {
            for setup in &results.setups {
                if let Some(example) = &setup.example {
                    section = section.prose(format!("{}: event {}, {}.", setup.sample, example.event, example.why));
                }
            }
        }
        if part == Part::Radius {
            section = section.table(radii(results));
        }
        for entry in entries.iter().filter(|entry| entry.part == part) {
            if let Some(figure) = entry.draw(results) {
                section = section.figure(&figure.provenance(provenance), entry.caption.clone());
            }
        }
        page = page.section(section);
    }
    page.provenance(provenance)
}

fn summary(results: &Results) -> Section {
    let mut table = Table::new(&[
        "Sample",
        "Configuration",
        "Particles",
        "Seeds / event",
        "Clusters / event",
        "Efficiency [%]",
        "Split [%]",
        "95% interval",
        "Median response",
        "\\sigma_{eff}",
    ]);
    for setup in &results.setups {
        for (i, outcome) in setup.outcomes.iter().enumerate() {
            table = table.row(&row(setup, i, outcome));
        }
    }
    Section::new("Summary")
        .prose(
            "Efficiency: particles with a cluster. Split: those among them with more than one, with the 95 % Clopper-Pearson \
             interval. Response: energy of the leading cluster over that of the particle, minus 1; \\sigma_{eff} is its \
             effective width.",
        )
        .table(table)
}

fn row(setup: &Setup, i: usize, outcome: &Outcome) -> Vec<String> {
    let responses: Vec<f64> = outcome.seen().map(|row| row.cluster_response.energy).collect();
    let spread = Spread::of(&responses);
    let percent = |value: Option<f64>| fixed(100.0 * value.unwrap_or(f64::NAN), 2);
    let (split, found) = (efficiency::splitting(outcome), efficiency::found(outcome));
    let mean =
        |counts: &[crate::figures::counts::Counts]| counts.get(i).map_or_else(String::new, |c| digits(c.mean(), 4));
    vec![
        setup.sample.clone(),
        outcome.label.clone(),
        outcome.rows.len().to_string(),
        mean(&setup.seeds),
        mean(&setup.clusters),
        percent(found.map(|f| f.value)),
        percent(split.map(|s| s.value)),
        format!("{} to {}", percent(split.map(|s| s.low)), percent(split.map(|s| s.high))),
        digits(spread.median, 3),
        digits(spread.effective, 3),
    ]
}

/// Every few radii in numbers.
fn radii(results: &Results) -> Table {
    let mut table = Table::new(&[
        "Scan",
        "Radius",
        "Efficiency [%]",
        "Mean response",
        "rms / mean",
        "\\sigma_{eff} / mean",
        "Gaussianity",
        "Other clusters",
    ])
    .caption("Gaussianity: |rms \u{2212} \\sigma_{eff}| / rms, 0 for a normal distribution.");
    for scan in &results.scans {
        let every = scan.points.len().div_ceil(6).max(1);
        for point in scan.points.iter().rev().step_by(every).collect::<Vec<_>>().into_iter().rev() {
            table = table.row(&[
                scan.label.clone(),
                format!("{:.4}", point.radius),
                format!("{:.2}", 100.0 * point.efficiency.value),
                digits(point.energy.mean, 4),
                digits(point.energy.rms, 3),
                digits(point.energy.effective_rms, 3),
                digits(point.energy.gaussianity, 2),
                digits(point.other_clusters, 3),
            ]);
        }
    }
    table
}
