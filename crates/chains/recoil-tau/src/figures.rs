//! Figures of the chain, in the conventions of the field.

pub mod scaling;
pub mod validation;

use recoil_plot::Figure;

/// The figure with the labels that all of the chain have.
fn labelled(figure: Figure, sample: &str) -> Figure {
    figure.experiment("recoil", "Simulation").sample(sample)
}
