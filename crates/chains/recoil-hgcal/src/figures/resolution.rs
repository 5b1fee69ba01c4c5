//! Response and resolution against the particle's momentum and direction.

use recoil_plot::{Band, Figure, LegendAt, Line, Panel, Points};
use recoil_stats::{MedianPoint, MedianProfile1};

use super::response::Quantity;
use super::{Against, ETA, Outcome, PT, color, labelled, marker};

/// Response and resolution in bins of the generated transverse momentum.
pub fn against_pt(quantity: Quantity, sample: &str, outcomes: &[Outcome]) -> Figure {
    against(quantity, &PT, sample, outcomes)
}

/// Response and resolution in bins of the generated |eta|.
pub fn against_eta(quantity: Quantity, sample: &str, outcomes: &[Outcome]) -> Figure {
    against(quantity, &ETA, sample, outcomes)
}

/// Above: medians and the band that holds the central 68 % of the first configuration. Below: effective sigmas.
fn against(quantity: Quantity, x: &Against, sample: &str, outcomes: &[Outcome]) -> Figure {
    let mut response = Panel::new(x.title, quantity.title()).add(Line::horizontal(0.0));
    let mut resolution = Panel::new(x.title, r"\sigma_{eff}").y_from(0.0).legend(LegendAt::Hidden);
    let Some(axis) = x.axis(outcomes.first().map_or(0, |o| o.rows.len())) else {
        return labelled(Figure::column(vec![response, resolution]), sample);
    };
    let edges = axis.edges();
    for (i, outcome) in outcomes.iter().enumerate() {
        let mut profile = MedianProfile1::new(axis.clone());
        for row in outcome.seen() {
            profile.fill((x.of)(&row.truth), quantity.of(&row.cluster_response));
        }
        // fewer values than this have no 68 % interval to speak of
        let points = profile.points();
        let enough = |p: &MedianPoint, v: f64| if p.entries >= 8 { v } else { f64::NAN };
        let column = |f: fn(&MedianPoint) -> f64| points.iter().map(|p| enough(p, f(p))).collect::<Vec<_>>();
        let color = color(i, outcomes.len());
        if i == 0 {
            let band = Band::in_bins(&edges, &column(|p| p.low), &column(|p| p.high)).color(color).opacity(0.22);
            response = response.add(band.label(format!("{}: central 68%", outcome.label)));
        }
        let error = column(|p| 1.2533 * p.effective_sigma / (p.entries as f64).sqrt());
        let medians = Points::in_bins(&edges, &column(|p| p.median)).y_errors(&error).color(color).marker(marker(i));
        response = response.add(medians.label(format!("{}: median", outcome.label)));
        let error = column(|p| p.effective_sigma / (2.0 * p.entries as f64).sqrt());
        let widths = Points::in_bins(&edges, &column(|p| p.effective_sigma)).y_errors(&error);
        resolution = resolution.add(widths.color(color).marker(marker(i)).label(outcome.label.clone()));
    }
    labelled(Figure::column(vec![response, resolution]), sample)
}
