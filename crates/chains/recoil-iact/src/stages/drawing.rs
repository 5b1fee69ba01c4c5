//! Figures as outputs of stages.

use recoil_plot::Figure;
use recoil_stage::error::Blame as _;
use recoil_stage::{Run, StageError};

/// Draws a figure as the output `name`, whose extension tells the format.
pub(crate) fn figure(run: &Run, name: &str, figure: Figure) -> Result<(), StageError> {
    let figure = figure.provenance(run.embedded_provenance());
    let extension = name.rsplit('.').next().unwrap_or("svg");
    let bytes = figure.render(extension).internal_error(format!("cannot draw {name}"))?;
    std::fs::write(run.output(name)?, bytes).output_error(format!("cannot write {name}"))
}
