//! Models for several numbers of links beside the other algorithms: a table and a figure.

use recoil_outputs::pictures;
use recoil_stage::error::Blame as _;
use recoil_stage::{Report, Run, StageError};
use serde_json::json;

use crate::autoencoder::Autoencoder;
use crate::autoencoder::conditions::Known;
use crate::emulator::formatter::Algorithm;
use crate::figures::training::{Curve, scan};
use crate::metrics::summary::{Summary, summarise};
use crate::stages::chip_config::ChipConfig;
use crate::study::{Candidate, Measured, measure};
use crate::wafer::CELLS;

/// File of the table.
const LINKS_FILE: &str = "links.csv";

/// One algorithm on one number of links.
struct Row {
    algorithm: &'static str,
    links: usize,
    /// Bits of a frame that carry something, header and sum included.
    payload: Option<usize>,
    /// Mean bits of a frame.
    frame: Option<f64>,
    emd: Summary,
    /// With charges that no number format has coarsened.
    exact: Summary,
    lost: f64,
    telescope: f64,
}

/// Compares the models with best choice, super trigger cells and threshold on the same wafers and links.
pub(super) fn compare_links(
    run: &Run,
    sample: &str,
    known: &Known,
    models: &[(usize, &Autoencoder)],
) -> Result<Report, StageError> {
    let doing = "cannot compare";
    let progress = run.progress("comparing", "numbers of links", Some(models.len() as u64));
    let mut rows: Vec<Row> = Vec::new();
    for &(links, model) in models {
        run.check()?;
        let conditions = model.about().network.conditional.then_some(known.conditions.as_slice());
        let received = model.transmit(&known.wafers, conditions, 0.0).internal_error(doing)?;
        let measured = measure(&known.wafers, &received).internal_error(doing)?;
        let payload =
            model.about().network.latent_bits().map(|bits| 14 + model.about().network.latent * usize::from(bits));
        let frame = payload.map(|bits| bits.next_multiple_of(16) as f64);
        rows.extend(row("autoencoder", links, payload, frame, &measured, &measured));
        for algorithm in [Algorithm::BestChoice, Algorithm::SuperTriggerCell] {
            rows.extend(of_chip(algorithm, links, known).internal_error(doing)?);
        }
        progress.add(1);
    }
    rows.extend(of_chip(Algorithm::Threshold, crate::emulator::formatter::LINKS_OUT, known).internal_error(doing)?);
    write(run, &rows)?;
    recoil_outputs::figures(run, pictures("links"), figure(sample, &rows))?;
    Ok(report(known.wafers.len(), &rows))
}

/// An algorithm of the chip on all wafers.
fn of_chip(algorithm: Algorithm, links: usize, known: &Known) -> crate::error::Result<Option<Row>> {
    let chip = ChipConfig::default().chip(algorithm, links);
    let (name, payload) = match algorithm {
        Algorithm::BestChoice => {
            let cells = chip.best_choice_cells();
            ("best choice", Some(12 + (6 * cells).min(CELLS) + 7 * cells))
        }
        Algorithm::SuperTriggerCell => {
            let kind = chip.super_cell;
            let (format, _) = kind.format(0);
            let each = kind.address_bits() as usize + format.bits() as usize;
            ("super trigger cells", Some(4 + kind.sums_sent(links) * each))
        }
        _ => ("threshold", None),
    };
    let sent = |decoded| Candidate::of_chip(name.to_owned(), &chip, &known.wafers, decoded);
    let (Some(coded), Some(exact)) = (sent(true), sent(false)) else { return Ok(None) };
    let frame = coded.frame_bits;
    let [coded, exact] = [&coded, &exact].map(|candidate| measure(&known.wafers, &candidate.received));
    Ok(row(name, links, payload, frame, &coded?, &exact?))
}

fn row(
    algorithm: &'static str,
    links: usize,
    payload: Option<usize>,
    frame: Option<f64>,
    coded: &[Measured],
    exact: &[Measured],
) -> Option<Row> {
    let distances = |all: &[Measured]| all.iter().filter_map(|m| m.emd.distance()).collect::<Vec<f64>>();
    let telescope: f64 = coded.iter().map(|m| m.telescope).sum();
    Some(Row {
        algorithm,
        links,
        payload,
        frame,
        emd: summarise(&distances(coded))?,
        exact: summarise(&distances(exact))?,
        lost: coded.iter().filter(|m| m.shape.lost).count() as f64 / coded.len().max(1) as f64,
        telescope: telescope / coded.len().max(1) as f64,
    })
}

fn write(run: &Run, rows: &[Row]) -> Result<(), StageError> {
    let lines = rows.iter().map(|row| {
        let whole = |bits: Option<usize>| bits.map(|bits| bits.to_string()).unwrap_or_default();
        let mean = row.frame.map(|bits| format!("{bits:.2}")).unwrap_or_default();
        let numbers = [
            row.emd.mean,
            row.emd.mean_error,
            row.emd.median,
            row.emd.p16,
            row.emd.p84,
            row.exact.mean,
            row.exact.mean_error,
            row.lost,
            row.telescope,
        ];
        let numbers = numbers.map(|number| format!("{number:.6}")).join(",");
        format!("{},{},{},{mean},{numbers}", row.algorithm, row.links, whole(row.payload))
    });
    let header = "algorithm,links,payload_bits,frame_bits,emd_mean,emd_error,emd_median,emd_p16,emd_p84,emd_exact_mean,\
                  emd_exact_error,lost,telescope";
    recoil_outputs::csv(run, LINKS_FILE, header, lines)
}

fn figure(sample: &str, rows: &[Row]) -> recoil_plot::Figure {
    let curve = |name: &str| {
        let own = || rows.iter().filter(|row| row.algorithm == name);
        Curve {
            label: name.to_owned(),
            x: own().map(|row| row.payload.map_or(f64::NAN, |bits| bits as f64)).collect(),
            y: own().map(|row| row.emd.mean).collect(),
            errors: own().map(|row| row.emd.mean_error).collect(),
        }
    };
    let curves = ["autoencoder", "best choice", "super trigger cells"].map(curve);
    scan("Bits sent per wafer and crossing", "Mean earth mover's distance [small cells]", sample, &curves)
}

fn report(wafers: usize, rows: &[Row]) -> Report {
    let columns =
        ["algorithm", "links", "sent [bits]", "EMD", "error", "median", "EMD, exact charges", "lost", "telescope"];
    let cells = rows.iter().map(|row| {
        vec![
            row.algorithm.into(),
            row.links.into(),
            row.payload.map_or_else(|| json!(row.frame), |bits| json!(bits)),
            row.emd.mean.into(),
            row.emd.mean_error.into(),
            row.emd.median.into(),
            row.exact.mean.into(),
            row.lost.into(),
            row.telescope.into(),
        ]
    });
    Report::new().value("wafers", wafers).table("algorithms", &columns, cells.collect())
}
