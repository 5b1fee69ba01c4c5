//! `hgcal report` and `hgcal figures`: results as one page, or as separate files.

mod extras;
mod read;

use recoil_stage::error::Blame as _;
use recoil_stage::{
    Config, Description, InputRole, Inputs, OutputKind, Problem, Report as Printed, Run, Stage, StageError,
};

use super::TABLES;
use crate::report::{Available, Entry, ReportConfig, catalog, page};

const VALIDATION: InputRole =
    InputRole::required("validation", "tables of `hgcal validate`, one per run", TABLES).many();
const SEEDS: InputRole = InputRole::optional("seeds", "seeds of `hgcal run`, one table per run", TABLES).many();
const CLUSTERS: InputRole =
    InputRole::optional("clusters", "clusters of `hgcal run`, one table per run", TABLES).many();
const RADII: InputRole =
    InputRole::optional("radii", "`summary.parquet` of `hgcal scan-radius`, one table per scan", TABLES).many();
const CELLS: InputRole =
    InputRole::optional("cells", "trigger cells of the samples, to look at one event of each", TABLES).many();

const TRUNCATION: InputRole =
    InputRole::optional("truncation", "`occupancy.parquet` of `hgcal stage-one`, one table per configuration", TABLES)
        .many();
const TOWERS: InputRole = InputRole::optional("towers", "towers of `hgcal towers`", TABLES);
const SHAPES: InputRole =
    InputRole::optional("shapes", "tables of `hgcal shapes`, one per kind of particle", TABLES).many();
const PHI_SCAN: InputRole =
    InputRole::optional("phi_scan", "`scan.parquet` of `hgcal optimize-phi`, made with events", TABLES);

const CHAPTERS: InputRole =
    InputRole::optional("chapters", "pages of other chains, whose sections follow at the end", &["html"]).many();

const INPUTS: &[InputRole] = &[VALIDATION, SEEDS, CLUSTERS, RADII, CELLS, TRUNCATION, TOWERS, SHAPES, PHI_SCAN];

const PAGE_INPUTS: &[InputRole] =
    &[VALIDATION, SEEDS, CLUSTERS, RADII, CELLS, TRUNCATION, TOWERS, SHAPES, PHI_SCAN, CHAPTERS];

/// File endings of figures.
pub const FIGURES: &[&str] = &["svg", "png", "pdf"];

impl Config for ReportConfig {
    fn check(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        if !(1..=crate::data::MAX_LAYER as i32).contains(&self.layer) {
            found.push(Problem::new("layer", format!("must be between 1 and {}", crate::data::MAX_LAYER)));
        }
        found
    }
}

fn available(inputs: &Inputs) -> Available {
    let count = |role: InputRole| inputs.all(role.role).count();
    Available {
        validations: count(VALIDATION),
        seeds: count(SEEDS),
        clusters: count(CLUSTERS),
        scans: count(RADII),
        cells: count(CELLS),
        truncations: count(TRUNCATION),
        shapes: count(SHAPES),
        towers: count(TOWERS) > 0,
        phi_scan: count(PHI_SCAN) > 0,
    }
}

/// Inputs and labels that do not pair up.
fn check_numbers(config: &ReportConfig, available: &Available) -> Result<(), StageError> {
    let runs = available.validations;
    let pairs = [
        ("runs", config.runs.len(), "validation", runs),
        ("samples", config.samples.len(), "cells", available.cells),
        ("scans", config.scans.len(), "radii", available.scans),
        ("truncations", config.truncations.len(), "truncation", available.truncations),
        ("shapes", config.shapes.len(), "shapes", available.shapes),
    ];
    for (key, labels, role, files) in pairs {
        if labels != 0 && labels != files {
            return Err(StageError::usage(format!("`{key}` has {labels} labels for {files} inputs '{role}'")));
        }
    }
    for (role, files) in [("seeds", available.seeds), ("clusters", available.clusters)] {
        if files != 0 && files != runs {
            return Err(StageError::usage(format!("{files} inputs '{role}' for {runs} inputs 'validation'")));
        }
    }
    Ok(())
}

/// Results as one page.
pub struct Report;

impl Stage for Report {
    type Config = ReportConfig;

    fn description(&self) -> Description {
        Description {
            name: "hgcal report",
            about: "Show results as one page with tables and figures",
            long: "Compares runs of the chain: splitting, efficiency, response and resolution, seeds and clusters per event, \
                   the cluster-size study, one event in detail, and what else is given. The page needs nothing but itself. \
                   The keys `runs`, `samples`, `scans`, `truncations` and `shapes` name the inputs in the order given; runs \
                   of the same sample share figures.",
            inputs: PAGE_INPUTS,
            output: OutputKind::File { doc: "the page", formats: &["html"] },
            flags: &[],
        }
    }

    fn run(&self, config: &ReportConfig, run: &Run) -> Result<Printed, StageError> {
        let available = available(run.inputs());
        check_numbers(config, &available)?;
        let results = read::results(config, run)?;
        let entries = catalog(config, &available);
        let mut page = page(config, &results, &entries, &run.embedded_provenance());
        for file in run.inputs().all(CHAPTERS.role) {
            let shown = file.path.display();
            let html = std::fs::read_to_string(&file.path).input_error(format!("cannot read {shown}"))?;
            page = page.chapter(&html).input_error(format!("{shown}"))?;
        }
        std::fs::write(run.output_file()?, page.html()).output_error("cannot write the page")?;
        Ok(Printed::new().value("runs", available.validations).value("figures", entries.len()))
    }
}

/// Results as separate figures.
pub struct Figures;

impl Stage for Figures {
    type Config = ReportConfig;

    fn description(&self) -> Description {
        Description {
            name: "hgcal figures",
            about: "Draw results as separate SVG, PNG and PDF files",
            long: "The figures of `hgcal report` as files, with provenance inside each of them.",
            inputs: INPUTS,
            output: OutputKind::Directory { doc: "the figures" },
            flags: &[],
        }
    }

    fn outputs(&self, config: &ReportConfig, inputs: &Inputs) -> Vec<String> {
        let entries = catalog(config, &available(inputs));
        entries.iter().flat_map(files).collect()
    }

    fn run(&self, config: &ReportConfig, run: &Run) -> Result<Printed, StageError> {
        use rayon::prelude::*;
        let available = available(run.inputs());
        check_numbers(config, &available)?;
        let results = read::results(config, run)?;
        let entries = catalog(config, &available);
        let progress = run.progress("drawing", "figures", Some(entries.len() as u64));
        entries.par_iter().try_for_each(|entry| {
            run.check()?;
            draw(entry, &results, run)?;
            progress.add(1);
            Ok::<_, StageError>(())
        })?;
        Ok(Printed::new().value("figures", entries.len()))
    }
}

fn files(entry: &Entry) -> impl Iterator<Item = String> + '_ {
    FIGURES.iter().map(|ending| format!("{}.{ending}", entry.name))
}

fn draw(entry: &Entry, results: &crate::report::Results, run: &Run) -> Result<(), StageError> {
    let figure = entry.draw(results).ok_or_else(|| {
        StageError::new(recoil_stage::ErrorKind::Input, format!("nothing to draw for {}", entry.name))
    })?;
    recoil_outputs::figures(run, files(entry), figure)
}
