//! Figures and documents.

use recoil_plot::Figure;
use recoil_stage::error::Blame as _;
use recoil_stage::{Run, StageError};
use serde_json::Value as Json;

/// Draws a figure, which tells how it was made, as the output `name`, whose extension tells the format.
///
/// # Errors
/// A name that the stage has not declared; a file that cannot be written.
pub fn figure(run: &Run, name: &str, figure: Figure) -> Result<(), StageError> {
    draw(run, name, &figure.provenance(run.embedded_provenance()))
}

/// Names of a figure's usual files: for pages and for slides.
pub fn pictures(name: &str) -> [String; 2] {
    ["svg", "png"].map(|extension| format!("{name}.{extension}"))
}

/// Draws a figure under each of the names.
///
/// # Errors
/// As [`figure`].
pub fn figures(run: &Run, names: impl IntoIterator<Item = String>, figure: Figure) -> Result<(), StageError> {
    let figure = figure.provenance(run.embedded_provenance());
    names.into_iter().try_for_each(|name| draw(run, &name, &figure))
}

fn draw(run: &Run, name: &str, figure: &Figure) -> Result<(), StageError> {
    let extension = name.rsplit('.').next().unwrap_or_default();
    let bytes = figure.render(extension).internal_error(format!("cannot draw {name}"))?;
    std::fs::write(run.output(name)?, bytes).output_error(format!("cannot write {name}"))
}

/// Writes a JSON document as the output `name`.
///
/// # Errors
/// As [`figure`].
pub fn json(run: &Run, name: &str, value: &Json) -> Result<(), StageError> {
    let mut document = serde_json::to_string_pretty(value).internal_error(format!("cannot write {name}"))?;
    document.push('\n');
    text(run, name, &document)
}

/// Writes a text table as the output `name`: the header, then a line per row.
///
/// # Errors
/// As [`figure`].
pub fn csv(run: &Run, name: &str, header: &str, rows: impl IntoIterator<Item = String>) -> Result<(), StageError> {
    let mut document = header.to_owned() + "\n";
    for row in rows {
        document += &row;
        document.push('\n');
    }
    text(run, name, &document)
}

/// Writes a text as the output `name`.
///
/// # Errors
/// As [`figure`].
pub fn text(run: &Run, name: &str, text: &str) -> Result<(), StageError> {
    std::fs::write(run.output(name)?, text).output_error(format!("cannot write {name}"))
}
