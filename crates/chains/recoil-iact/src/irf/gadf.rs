//! Responses as FITS tables in the layout of the gamma-ray astronomers' data format (GADF 0.2).

use super::cuts::CutTable;
use super::response::Cube;
use recoil_fits::{Card, Column, Result, Table, Values};

/// Cards that all tables of a file share.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Common {
    /// Whether events outside of a cut on theta were dropped.
    pub point_like: bool,
    /// Further cards: telescope, pointing, cuts.
    pub cards: Vec<Card>,
}

/// Kinds of tables: HDUCLAS2 and HDUCLAS4.
type Kind = (&'static str, &'static str);

fn edges(name: &str, edges: &[f64], unit: &str) -> [Column; 2] {
    let bins = edges.len().saturating_sub(1);
    let column = |end: &str, values: &[f64]| {
        Column::new(&format!("{name}_{end}"), Values::Double(values.to_vec())).unit(unit).shape(&[bins])
    };
    [column("LO", &edges[..bins]), column("HI", &edges[1..])]
}

/// A table with a row; the last column is the response, whose axes are in the order of `reference`, fastest first.
fn response(
    name: &str,
    kind: Kind,
    axes: Vec<[Column; 2]>,
    values: Column,
    reference: &str,
    common: &Common,
) -> Result<Table> {
    let mut columns: Vec<Column> = axes.into_iter().flatten().collect();
    columns.push(values);
    let number = columns.len();
    let mut table = Table::new(name, 1, columns)?;
    let enclosure = if common.point_like { "POINT-LIKE" } else { "FULL-ENCLOSURE" };
    table.cards = vec![
        Card::text("CREATOR", concat!("recoil ", env!("CARGO_PKG_VERSION")), ""),
        Card::text("HDUDOC", "https://github.com/open-gamma-ray-astro/gamma-astro-data-formats", ""),
        Card::text("HDUVERS", "0.2", ""),
        Card::text("HDUCLASS", "GADF", ""),
        Card::text("HDUCLAS1", "RESPONSE", ""),
        Card::text("HDUCLAS2", kind.0, ""),
        Card::text("HDUCLAS3", enclosure, ""),
        Card::text("HDUCLAS4", kind.1, ""),
        Card::text(&format!("CREF{number}"), reference, ""),
    ];
    table.cards.extend(common.cards.iter().cloned());
    Ok(table)
}

/// `EFFECTIVE AREA`: \[m²\] by true energy \[TeV\] and true offset \[deg\].
///
/// # Errors
/// An array that does not fit the edges.
pub fn effective_area(area: &Cube, energy: &[f64], offset: &[f64], common: &Common) -> Result<Table> {
    let values = Column::new("EFFAREA", Values::Double(area.transposed([2, 1, 0]))).unit("m2");
    response(
        "EFFECTIVE AREA",
        ("EFF_AREA", "AEFF_2D"),
        vec![edges("ENERG", energy, "TeV"), edges("THETA", offset, "deg")],
        values.shape(&[energy.len() - 1, offset.len() - 1]),
        "(ENERG_LO:ENERG_HI,THETA_LO:THETA_HI)",
        common,
    )
}

/// `ENERGY DISPERSION`: density by true energy \[TeV\], ratio of energies and true offset \[deg\].
///
/// # Errors
/// An array that does not fit the edges.
pub fn energy_dispersion(
    matrix: &Cube,
    energy: &[f64],
    migration: &[f64],
    offset: &[f64],
    common: &Common,
) -> Result<Table> {
    let values = Column::new("MATRIX", Values::Double(matrix.transposed([2, 1, 0])));
    response(
        "ENERGY DISPERSION",
        ("EDISP", "EDISP_2D"),
        vec![edges("ENERG", energy, "TeV"), edges("MIGRA", migration, ""), edges("THETA", offset, "deg")],
        values.shape(&[energy.len() - 1, migration.len() - 1, offset.len() - 1]),
        "(ENERG_LO:ENERG_HI,MIGRA_LO:MIGRA_HI,THETA_LO:THETA_HI)",
        common,
    )
}

/// `PSF`: density \[1/sr\] by true energy \[TeV\], true offset \[deg\] and distance from the source \[deg\].
///
/// # Errors
/// An array that does not fit the edges.
pub fn psf(density: &Cube, energy: &[f64], source: &[f64], offset: &[f64], common: &Common) -> Result<Table> {
    let values = Column::new("RPSF", Values::Double(density.transposed([2, 1, 0]))).unit("sr-1");
    response(
        "PSF",
        ("PSF", "PSF_TABLE"),
        vec![edges("ENERG", energy, "TeV"), edges("THETA", offset, "deg"), edges("RAD", source, "deg")],
        values.shape(&[energy.len() - 1, offset.len() - 1, source.len() - 1]),
        "(ENERG_LO:ENERG_HI,THETA_LO:THETA_HI,RAD_LO:RAD_HI)",
        common,
    )
}

/// `BACKGROUND`: rate \[1/(MeV s sr)\] by reconstructed energy \[TeV\] and offset \[deg\], energy fastest as the format
/// wants it.
///
/// # Errors
/// An array that does not fit the edges.
pub fn background(rate: &Cube, energy: &[f64], offset: &[f64], common: &Common) -> Result<Table> {
    let values = Column::new("BKG", Values::Double(rate.transposed([2, 1, 0]))).unit("MeV-1 s-1 sr-1");
    let common = Common { point_like: false, cards: common.cards.clone() };
    response(
        "BACKGROUND",
        ("BKG", "BKG_2D"),
        vec![edges("ENERG", energy, "TeV"), edges("THETA", offset, "deg")],
        values.shape(&[energy.len() - 1, offset.len() - 1]),
        "(ENERG_LO:ENERG_HI,THETA_LO:THETA_HI)",
        &common,
    )
}

/// `RAD_MAX`: cut on theta \[deg\] by reconstructed energy \[TeV\], the same over the range of offsets \[deg\].
///
/// # Errors
/// Cuts that do not fit their edges.
pub fn rad_max(cuts: &CutTable, offset: &[f64], common: &Common) -> Result<Table> {
    let range = [offset.first().copied().unwrap_or(0.0), offset.last().copied().unwrap_or(0.0)];
    let values = Column::new("RAD_MAX", Values::Double(cuts.cut.clone())).unit("deg").shape(&[cuts.cut.len(), 1]);
    response(
        "RAD_MAX",
        ("RAD_MAX", "RAD_MAX_2D"),
        vec![edges("ENERG", &cuts.edges, "TeV"), edges("THETA", &range, "deg")],
        values,
        "(ENERG_LO:ENERG_HI,THETA_LO:THETA_HI)",
        &Common { point_like: true, cards: common.cards.clone() },
    )
}

/// A table of cuts with a row per bin (`GH_CUTS`, `AL_CUTS`), which the format does not know.
///
/// # Errors
/// Cuts that do not fit their edges.
pub fn cuts(name: &str, cuts: &CutTable, unit: &str, common: &Common) -> Result<Table> {
    let bins = cuts.cut.len();
    let energy = |name: &str, values: Vec<f64>| Column::new(name, Values::Double(values)).unit("TeV");
    let columns = vec![
        energy("low", cuts.edges[..bins].to_vec()),
        energy("high", cuts.edges[1..].to_vec()),
        energy("center", cuts.centers()),
        Column::new("n_events", Values::Long(cuts.n_events.iter().map(|count| *count as i64).collect())),
        Column::new("cut", Values::Double(cuts.cut.clone())).unit(unit),
    ];
    let mut table = Table::new(name, bins, columns)?;
    table.cards = vec![Card::text("CREATOR", concat!("recoil ", env!("CARGO_PKG_VERSION")), "")];
    table.cards.extend(common.cards.iter().cloned());
    Ok(table)
}
